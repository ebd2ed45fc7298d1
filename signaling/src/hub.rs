//! Open event streams: whom a message reaches, and what happens to a page that does not read.
//!
//! Each socket has a bounded queue. State (`roster`, `slots`, `quality`, …) is coalesced: only the newest waits.
//! When the queue is full the oldest chatter goes; when there is none, or too many bytes wait, the socket is closed
//! and the page, once it can read again, asks for what it missed.

use crate::command::{LessonId, SeatId};
use crate::lesson::{Audience, Holder, Members, PageKey};
use crate::messages::{Numbered, ServerMessage};
use crate::model::{DisplayId, RoomId, SchoolId};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// Messages that wait for one socket.
const QUEUE_MAX: usize = 256;
/// Bytes that wait for one socket; a stuck reader may cost at most 2 MiB in all.
const QUEUE_BYTES_MAX: usize = 1 << 20;
/// Lasting events kept for pages that come back. A lesson makes some dozens a minute; older pages get a snapshot.
const REPLAY_MAX: usize = 512;
/// Open sockets. A district of 1,700 schools is far below.
const SOCKETS_MAX: usize = 20_000;

/// Who holds a socket.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// Person or room.
    pub holder: Holder,
    /// Which page.
    pub page: PageKey,
    /// The device.
    pub display: Option<DisplayId>,
    /// Sees walls, and of which school only.
    pub admin: Option<Option<SchoolId>>,
    /// A lesson that is watched by an administrator.
    pub watching: Option<LessonId>,
}

impl Viewer {
    fn belongs(&self, members: &Members) -> bool {
        match self.holder {
            Holder::Person(person) => person == members.teacher || self.watching == Some(members.lesson),
            Holder::Room(room) => members.rooms.contains(&room),
        }
    }

    fn is_addressed(&self, audience: &Audience) -> bool {
        match audience {
            Audience::Lesson(members) => self.belongs(members),
            Audience::Teacher(members) => matches!(self.holder, Holder::Person(_)) && self.belongs(members),
            Audience::Holder(holder) => self.holder == *holder,
            Audience::Page(holder, page) => self.holder == *holder && self.page.same(page),
            Audience::Replaced(holder, old, new) => {
                self.holder == *holder && self.page.same(old) && !self.page.same(new)
            }
            Audience::Admins(members) => match (self.admin, members) {
                (None, _) => false,
                (Some(Some(school)), Some(members)) => members.schools.contains(&school),
                (Some(_), _) => true,
            },
        }
    }
}

/// What makes an older message of the same key superfluous.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Key {
    Roster(LessonId),
    Quality(SeatId),
    Slots,
    Layers(String),
    SoundRate(String),
    Wall,
    Pairing,
    Clock,
}

impl Key {
    fn of(message: &ServerMessage) -> Option<Self> {
        match message {
            ServerMessage::Roster { lesson, .. } => Some(Self::Roster(*lesson)),
            ServerMessage::Quality { seat, .. } => Some(Self::Quality(*seat)),
            ServerMessage::Slots { .. } => Some(Self::Slots),
            ServerMessage::Layers { source, .. } => Some(Self::Layers(format!("{source:?}"))),
            ServerMessage::SoundRate { source, .. } => Some(Self::SoundRate(format!("{source:?}"))),
            ServerMessage::Wall {} => Some(Self::Wall),
            ServerMessage::Pairing {} => Some(Self::Pairing),
            ServerMessage::Clock { .. } => Some(Self::Clock),
            _ => None,
        }
    }

    fn is_chatter(&self) -> bool {
        matches!(self, Self::Quality(_) | Self::Clock | Self::Layers(_) | Self::SoundRate(_))
    }
}

fn is_lasting(message: &ServerMessage) -> bool {
    use ServerMessage::{Bell, Hand, Lesson, Mute, Stage};
    matches!(message, Stage { .. } | Hand { .. } | Mute { .. } | Bell { .. } | Lesson { .. })
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Option<Key>, Arc<str>)>,
    bytes: usize,
    closed: bool,
}

/// One open event stream.
pub struct Socket {
    id: u64,
    viewer: Viewer,
    queue: Mutex<Queue>,
    wake: Notify,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves queues that are still whole.
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Socket {
    fn push(&self, key: Option<Key>, text: Arc<str>) {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return;
        }
        if key.is_some()
            && let Some(at) = queue.waiting.iter().position(|(k, _)| *k == key)
            && let Some((_, old)) = queue.waiting.remove(at)
        {
            queue.bytes -= old.len();
        }
        if queue.waiting.len() >= QUEUE_MAX {
            let chatter = queue.waiting.iter().position(|(k, _)| k.as_ref().is_some_and(Key::is_chatter));
            match chatter.and_then(|at| queue.waiting.remove(at)) {
                Some((_, old)) => queue.bytes -= old.len(),
                None => queue.closed = true,
            }
        }
        if queue.bytes + text.len() > QUEUE_BYTES_MAX {
            queue.closed = true;
        }
        if queue.closed {
            queue.waiting.clear();
        } else {
            queue.bytes += text.len();
            queue.waiting.push_back((key, text));
        }
        drop(queue);
        self.wake.notify_one();
    }

    /// The next message; `None` when the socket must be closed.
    pub async fn next(&self) -> Option<Arc<str>> {
        loop {
            {
                let mut queue = lock(&self.queue);
                if let Some((_, text)) = queue.waiting.pop_front() {
                    queue.bytes -= text.len();
                    return Some(text);
                }
                if queue.closed {
                    return None;
                }
            }
            self.wake.notified().await;
        }
    }

    /// Sends what waits and then closes.
    fn finish(&self) {
        lock(&self.queue).closed = true;
        self.wake.notify_one();
    }

    /// Who holds it.
    pub fn viewer(&self) -> &Viewer {
        &self.viewer
    }
}

struct State {
    next_n: u64,
    next_socket: u64,
    /// Lasting events from this number on are in `replay`.
    replay_from: u64,
    replay: VecDeque<(u64, Audience, Arc<str>)>,
    sockets: HashMap<u64, Arc<Socket>>,
}

/// All open event streams.
pub struct Hub {
    epoch: u64,
    state: Mutex<State>,
}

impl Hub {
    /// Numbers go on above those of any earlier process, because the clock does.
    pub fn new(now_ms: i64) -> Self {
        let first = u64::try_from(now_ms).unwrap_or(1);
        let state = State {
            next_n: first,
            next_socket: 0,
            replay_from: first,
            replay: VecDeque::new(),
            sockets: HashMap::new(),
        };
        Self { epoch: first, state: Mutex::new(state) }
    }

    /// The number of the first message of this process: tells a page that the server is another one.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    fn number(state: &mut State, message: &ServerMessage) -> (u64, Arc<str>) {
        let n = state.next_n;
        state.next_n += 1;
        let text = serde_json::to_string(&Numbered { n, message: message.clone() });
        (n, text.expect("messages have string keys and finite numbers").into())
    }

    /// Adds a socket; `None` when there are too many.
    pub fn open(&self, viewer: Viewer) -> Option<Arc<Socket>> {
        let mut state = lock(&self.state);
        if state.sockets.len() >= SOCKETS_MAX {
            return None;
        }
        let id = state.next_socket;
        state.next_socket += 1;
        let socket = Arc::new(Socket { id, viewer, queue: Mutex::new(Queue::default()), wake: Notify::new() });
        state.sockets.insert(id, socket.clone());
        Some(socket)
    }

    /// Forgets a socket.
    pub fn close(&self, socket: &Socket) {
        lock(&self.state).sockets.remove(&socket.id);
    }

    /// Sends to all who are addressed.
    pub fn tell(&self, audience: &Audience, message: &ServerMessage) {
        let mut state = lock(&self.state);
        let (n, text) = Self::number(&mut state, message);
        let key = Key::of(message);
        for socket in state.sockets.values() {
            if socket.viewer.is_addressed(audience) {
                socket.push(key.clone(), text.clone());
            }
        }
        if is_lasting(message) {
            if state.replay.len() >= REPLAY_MAX
                && let Some((old, ..)) = state.replay.pop_front()
            {
                state.replay_from = old + 1;
            }
            state.replay.push_back((n, audience.clone(), text));
        }
    }

    /// Sends to one socket.
    pub fn tell_one(&self, socket: &Socket, message: &ServerMessage) {
        let mut state = lock(&self.state);
        let (_, text) = Self::number(&mut state, message);
        socket.push(Key::of(message), text);
    }

    /// Sends what a returning page missed after number `n`; false if that is not known any more.
    pub fn resume(&self, socket: &Socket, n: u64) -> bool {
        let state = lock(&self.state);
        if n + 1 < state.replay_from || n >= state.next_n {
            return false;
        }
        let viewer = socket.viewer();
        for (m, audience, text) in &state.replay {
            if *m > n && viewer.is_addressed(audience) {
                socket.push(None, text.clone());
            }
        }
        true
    }

    /// True while a page of this room is connected.
    pub fn room_online(&self, room: RoomId) -> bool {
        lock(&self.state).sockets.values().any(|s| s.viewer.holder == Holder::Room(room))
    }

    /// All rooms of which a page is connected.
    pub fn rooms_online(&self) -> HashSet<RoomId> {
        let room = |s: &Arc<Socket>| match s.viewer.holder {
            Holder::Room(room) => Some(room),
            Holder::Person(_) => None,
        };
        lock(&self.state).sockets.values().filter_map(room).collect()
    }

    /// True while a page of this device is connected.
    pub fn display_online(&self, display: DisplayId) -> bool {
        lock(&self.state).sockets.values().any(|s| s.viewer.display == Some(display))
    }

    /// All devices that are connected.
    pub fn displays_online(&self) -> Vec<DisplayId> {
        lock(&self.state).sockets.values().filter_map(|s| s.viewer.display).collect()
    }

    /// Tells a device something last, and closes its sockets.
    pub fn dismiss(&self, display: DisplayId, message: &ServerMessage) {
        let mut state = lock(&self.state);
        let (_, text) = Self::number(&mut state, message);
        for socket in state.sockets.values().filter(|s| s.viewer.display == Some(display)) {
            socket.push(None, text.clone());
            socket.finish();
        }
    }

    /// Closes all sockets that came with this credential, such as a signed-out browser's.
    pub fn drop_credential(&self, credential: &str) {
        let state = lock(&self.state);
        state.sockets.values().filter(|s| s.viewer.page.credential == credential).for_each(|s| s.finish());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PersonId;

    fn viewer(room: RoomId) -> Viewer {
        Viewer { holder: Holder::Room(room), page: PageKey::default(), display: None, admin: None, watching: None }
    }

    fn members(room: RoomId) -> Arc<Members> {
        Arc::new(Members {
            lesson: LessonId::random(),
            teacher: PersonId::random(),
            rooms: vec![room],
            schools: vec![],
        })
    }

    #[tokio::test]
    async fn state_is_coalesced_and_a_stuck_reader_is_closed() {
        let (hub, room) = (Hub::new(100), RoomId::random());
        let socket = hub.open(viewer(room)).unwrap();
        let audience = Audience::Lesson(members(room));
        for now_ms in 0..1000 {
            hub.tell(&audience, &ServerMessage::Clock { now_ms });
        }
        assert!(socket.next().await.unwrap().contains("\"now_ms\":999"));
        let stage = ServerMessage::Stage { lesson: LessonId::random(), seat: None, name: None };
        for _ in 0..=QUEUE_MAX {
            hub.tell(&audience, &stage);
        }
        assert_eq!(socket.next().await, None);
    }

    #[tokio::test]
    async fn a_page_that_comes_back_gets_what_it_missed_or_learns_that_it_cannot() {
        let (hub, room) = (Hub::new(100), RoomId::random());
        let audience = Audience::Lesson(members(room));
        let stage = ServerMessage::Stage { lesson: LessonId::random(), seat: None, name: None };
        hub.tell(&audience, &stage);
        hub.tell(&audience, &stage);
        hub.tell(&Audience::Lesson(members(RoomId::random())), &stage);
        let socket = hub.open(viewer(room)).unwrap();
        assert!(!hub.resume(&socket, 98), "before this process");
        assert!(!hub.resume(&socket, 500), "never sent");
        assert!(hub.resume(&socket, 100));
        assert!(socket.next().await.unwrap().starts_with("{\"n\":101,"));
        assert!(lock(&socket.queue).waiting.is_empty(), "nothing of another lesson");
    }
}
