//! The event stream: one WebSocket a page.

use super::App;
use super::door::identify;
use crate::auth::{Caller, Identity};
use crate::error::{Error, Result};
use crate::hub::{Socket, Viewer};
use crate::lesson::{Holder, PageKey};
use crate::messages::{Capabilities, Hello, Me, PageMessage, ServerMessage, Snapshot};
use crate::model::Role;
use crate::schema::{ErrorAnswer, PersonRef, RoomRef};
use crate::secret::hash;
use crate::store::{codecs_of, decode_of};
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, interval, timeout};

/// Largest message of a page, in bytes; a larger one closes the socket with 1009.
const MESSAGE_MAX: usize = 64 * 1024;
/// The first message must come in this time.
const HELLO_MAX: Duration = Duration::from_secs(10);
/// A page that does not take a message in this time is stuck.
const SEND_MAX: Duration = Duration::from_secs(10);
/// Server time is told, the connection is pinged, and `last_seen_ms` is noted this often.
const CLOCK_EVERY: Duration = Duration::from_secs(10);
/// Nothing heard, not even the answer to a ping, for this long: the page is gone.
const SILENT_MAX: Duration = Duration::from_secs(45);
/// Messages a page may send at once, and per second.
const BURST: f64 = 60.0;
const PER_SECOND: f64 = 20.0;

/// The event stream: a WebSocket of JSON text. The first message is `hello`.
#[utoipa::path(get, path = "/api/events", tag = "events",
    responses((status = 101, description = "PageMessage ↔ Numbered"), (status = 403, body = ErrorAnswer)))]
pub(crate) async fn events(
    State(office): State<App>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response> {
    let signed_in = identify(&office, &headers).await?;
    let upgrade = upgrade.max_message_size(MESSAGE_MAX).max_frame_size(MESSAGE_MAX);
    Ok(upgrade.on_upgrade(move |socket| serve(office, socket, signed_in)))
}

async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    // The page may be gone already.
    let _ = timeout(SEND_MAX, socket.send(Message::Close(Some(frame)))).await;
}

async fn serve(office: App, mut socket: WebSocket, signed_in: Option<Identity>) {
    let hello = match timeout(HELLO_MAX, socket.recv()).await {
        Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str::<PageMessage>(&text).ok(),
        _ => None,
    };
    let Some(PageMessage::Hello(hello)) = hello else {
        return close(socket, close_code::POLICY, "hello_expected").await;
    };
    let identity = match &hello.secret {
        Some(secret) => office.store.by_bearer(&hash(secret)).await,
        None => Ok(signed_in),
    };
    let identity = match identity {
        Ok(Some(identity)) => identity,
        Ok(None) => return close(socket, close_code::POLICY, "not_signed_in").await,
        Err(_) => return close(socket, close_code::AGAIN, "unavailable").await,
    };
    let Some(viewer) = viewer_of(&office, &identity, &hello).await else {
        return close(socket, close_code::POLICY, "forbidden").await;
    };
    let Some(open) = office.hub.open(viewer) else {
        return close(socket, close_code::AGAIN, "unavailable").await;
    };
    let page = Page { office: office.clone(), socket: open.clone(), identity };
    let served = page.greet(&hello).await;
    match served {
        Ok(()) => page.run(socket).await,
        Err(error) => {
            tracing::error!(%error, "a page could not be greeted");
            close(socket, close_code::AGAIN, "unavailable").await;
        }
    }
    page.seen().await;
    office.hub.close(&open);
}

/// Who the socket belongs to; `None` for credentials that have no event stream.
async fn viewer_of(office: &App, identity: &Identity, hello: &Hello) -> Option<Viewer> {
    let page = hello.page.clone().filter(|p| !p.is_empty() && p.len() <= 64);
    let page = PageKey { page, credential: identity.credential.clone() };
    let (holder, display, admin) = match &identity.caller {
        Caller::Person { id, role: Role::RegionAdmin, .. } => (Holder::Person(*id), None, Some(None)),
        Caller::Person { id, role: Role::SchoolAdmin, school: Some(school) } => {
            (Holder::Person(*id), None, Some(Some(*school)))
        }
        Caller::Person { id, role: Role::Teacher, .. } => (Holder::Person(*id), None, None),
        Caller::Display { id, room: Some(room) } => (Holder::Room(*room), Some(*id), None),
        _ => return None,
    };
    // Others than its members watch a lesson only as its administrators.
    let mut watching = None;
    if let (Some(_), Some(lesson)) = (admin, hello.lesson)
        && office.store.lesson(lesson, identity.caller.scope().ok()?, 0).await.is_ok()
    {
        watching = Some(lesson);
    }
    Some(Viewer { holder, page, display, admin, watching })
}

/// One connected page.
struct Page {
    office: App,
    socket: Arc<Socket>,
    identity: Identity,
}

impl Page {
    async fn greet(&self, hello: &Hello) -> Result<()> {
        if let Some(capabilities) = &hello.capabilities {
            self.note_capabilities(capabilities).await;
        }
        self.seen().await;
        let resumed = hello.resume.is_some_and(|n| self.office.hub.resume(&self.socket, n));
        if resumed {
            // What was missed is on its way; states that are never replayed follow.
            self.tell_states();
            return Ok(());
        }
        self.tell_snapshot(hello.lesson).await
    }

    fn tell(&self, message: &ServerMessage) {
        self.office.hub.tell_one(&self.socket, message);
    }

    async fn tell_snapshot(&self, asked: Option<crate::command::LessonId>) -> Result<()> {
        let viewer = self.socket.viewer();
        let lessons = self.office.today(self.identity.caller.scope()?).await?;
        let (room, person, role) = match &self.identity.caller {
            Caller::Display { room: Some(room), .. } => {
                let room = self.office.store.room(*room, None).await?;
                (Some(RoomRef { id: room.id, name: room.name }), None, "display")
            }
            Caller::Person { id, role, .. } => {
                let person = self.office.store.person(*id).await?;
                (None, Some(PersonRef { id: *id, name: person.name }), role.word())
            }
            _ => return Err(Error::Forbidden),
        };
        let (lesson, seat) = self.office.act(|floor, _, _| {
            let asked = asked.and_then(|id| floor.lesson(id));
            let asked = asked.filter(|l| l.seat_of(viewer.holder).is_some() || viewer.watching == Some(l.id()));
            let lesson = asked.or_else(|| floor.current(viewer.holder));
            (lesson.map(|l| l.view()), lesson.and_then(|l| l.seat_of(viewer.holder)))
        });
        let me = Me { role: role.into(), room, seat, person };
        let snapshot = Snapshot { now_ms: self.office.now().ms, epoch: self.office.hub.epoch(), me, lessons, lesson };
        self.tell(&ServerMessage::Snapshot(Box::new(snapshot)));
        self.tell_slots();
        Ok(())
    }

    fn tell_states(&self) {
        let viewer = self.socket.viewer();
        let view = self.office.act(|floor, _, _| floor.current(viewer.holder).map(|l| l.view()));
        if let Some(view) = view {
            self.tell(&ServerMessage::Roster { lesson: view.id, seats: view.seats });
        }
        self.tell(&ServerMessage::Clock { now_ms: self.office.now().ms });
        self.tell_slots();
    }

    fn tell_slots(&self) {
        let viewer = self.socket.viewer();
        let slots = self
            .office
            .act(|floor, _, _| floor.current(viewer.holder).and_then(|l| l.slots_of_page(viewer.holder, &viewer.page)));
        if let Some(slots) = slots {
            self.tell(&ServerMessage::Slots { slots });
        }
    }

    async fn run(&self, mut socket: WebSocket) {
        let mut clock = interval(CLOCK_EVERY);
        clock.tick().await;
        let mut heard_at = Instant::now();
        let (mut tokens, mut filled_at) = (BURST, heard_at);
        loop {
            tokio::select! {
                message = self.socket.next() => {
                    let Some(text) = message else { return close(socket, close_code::AGAIN, "closed").await };
                    let sending = socket.send(Message::Text(text.as_ref().into()));
                    if !matches!(timeout(SEND_MAX, sending).await, Ok(Ok(()))) {
                        return;
                    }
                }
                message = socket.recv() => {
                    let Some(Ok(message)) = message else { return };
                    let now = Instant::now();
                    heard_at = now;
                    tokens = (tokens + (now - filled_at).as_secs_f64() * PER_SECOND).min(BURST) - 1.0;
                    filled_at = now;
                    if tokens < 0.0 {
                        return close(socket, close_code::POLICY, "too_many_messages").await;
                    }
                    match message {
                        Message::Text(text) => self.take(&text).await,
                        Message::Binary(_) => self.tell(&ServerMessage::Error { code: "malformed".into() }),
                        Message::Close(_) => return,
                        Message::Ping(_) | Message::Pong(_) => {}
                    }
                }
                _ = clock.tick() => {
                    if heard_at.elapsed() > SILENT_MAX {
                        return;
                    }
                    self.tell(&ServerMessage::Clock { now_ms: self.office.now().ms });
                    let pinging = socket.send(Message::Ping(Vec::new().into()));
                    if !matches!(timeout(SEND_MAX, pinging).await, Ok(Ok(()))) {
                        return;
                    }
                    self.seen().await;
                }
            }
        }
    }

    async fn seen(&self) {
        if let Caller::Display { id, .. } = self.identity.caller {
            // Only a convenience for administrators; the next one is in 10 s.
            let _ = self.office.store.seen(id, self.office.now().ms).await;
        }
    }

    async fn note_capabilities(&self, capabilities: &Capabilities) {
        let holder = self.socket.viewer().holder;
        let codecs = codecs_of(capabilities);
        let decode = decode_of(capabilities);
        self.office.act(|floor, _, out| floor.lessons_mut().for_each(|l| l.capabilities(holder, &codecs, decode, out)));
        let mut known = capabilities.clone();
        known.codecs.retain(|c| c.len() <= 32);
        known.codecs.truncate(16);
        if let (Caller::Display { id, .. }, Ok(text)) = (&self.identity.caller, serde_json::to_string(&known)) {
            let _ = self.office.store.keep_capabilities(*id, &text).await;
        }
    }

    async fn take(&self, text: &str) {
        let Ok(message) = serde_json::from_str::<PageMessage>(text) else {
            return self.tell(&ServerMessage::Error { code: "malformed".into() });
        };
        if let Err(error) = self.do_it(message).await {
            self.tell(&ServerMessage::Error { code: error.code().into() });
        }
    }

    async fn do_it(&self, message: PageMessage) -> Result<()> {
        let holder = self.socket.viewer().holder;
        match message {
            PageMessage::Hello(_) => Err(Error::Malformed("hello comes first and once".into())),
            PageMessage::Source { source, on } => self.office.act(|floor, _, _| {
                let (lesson, seat) = own_seat(floor, holder)?;
                if !on {
                    lesson.source_off(seat, source);
                }
                Ok(())
            }),
            PageMessage::Hand { up } => self.office.act(|floor, now, out| {
                let (lesson, seat) = own_seat(floor, holder)?;
                lesson.hand(seat, up, now, out)
            }),
            PageMessage::Call { seat } => self.office.act(|floor, now, out| {
                let (lesson, own) = own_seat(floor, holder)?;
                if own != lesson.teacher_seat() {
                    return Err(Error::Forbidden);
                }
                lesson.call(seat, now, out)
            }),
            PageMessage::Mute { seat, source, muted } => self.office.act(|floor, _, out| {
                let lesson = floor.lesson_of_seat(seat, holder).ok_or(Error::NotFound)?;
                let own = lesson.seat_of(holder).ok_or(Error::NotFound)?;
                if own != seat && own != lesson.teacher_seat() {
                    return Err(Error::Forbidden);
                }
                lesson.mute(seat, source, muted, out)
            }),
            PageMessage::Layout { thumbnails } => self.office.act(|floor, _, out| {
                let (lesson, seat) = own_seat(floor, holder)?;
                lesson.layout(seat, thumbnails, out)
            }),
            PageMessage::Capabilities(capabilities) => {
                self.note_capabilities(&capabilities).await;
                Ok(())
            }
            PageMessage::Health(health) => {
                tracing::debug!(?health, "a page's own view of its line");
                Ok(())
            }
            PageMessage::Clock {} => {
                self.tell(&ServerMessage::Clock { now_ms: self.office.now().ms });
                Ok(())
            }
            PageMessage::Snapshot {} => self.tell_snapshot(self.socket.viewer().watching).await,
        }
    }
}

/// The lesson that runs for a holder, and its seat there.
fn own_seat(
    floor: &mut crate::floor::Floor,
    holder: Holder,
) -> Result<(&mut crate::lesson::Lesson, crate::command::SeatId)> {
    let (id, seat) = floor.current(holder).and_then(|l| Some((l.id(), l.seat_of(holder)?))).ok_or(NOT_RUNNING)?;
    Ok((floor.lesson_mut(id).ok_or(NOT_RUNNING)?, seat))
}

const NOT_RUNNING: Error = Error::Conflict { code: "lesson_not_open", why: "no lesson runs for this page" };
