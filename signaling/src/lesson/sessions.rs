//! Sessions of a running lesson: who may sit where, who replaces whom, and what the media plane says of them.

use super::{Audience, Effect, Holder, Lesson, Now, Session, SlotFacts};
use crate::command::{
    Command, DecodeBudget, LeaveCause, LineFacts, LineId, SeatId, SessionId, SessionRole, Slot, Source, SourceKind,
    VideoCodec,
};
use crate::messages::{Quality, ServerMessage, SlotView, slot_word};
use crate::model::RoomKind;
use crate::stage::{Receiver, View};
use std::collections::BTreeMap;

/// What tells one page from another: its own random id where it gave one, else its credential.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PageKey {
    /// `Tongke-Page` or `hello.page`.
    pub page: Option<String>,
    /// Hash of the credential it came with.
    pub credential: String,
}

impl PageKey {
    /// True if both are surely or probably the same tab.
    pub fn same(&self, other: &Self) -> bool {
        match (&self.page, &other.page) {
            (Some(a), Some(b)) => a == b,
            _ => self.credential == other.credential,
        }
    }
}

/// Where a new session shall sit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seating {
    /// In the seat of its holder, with that seat's m-lines.
    Holder(Holder),
    /// As the teacher's recorder box.
    Whip {
        /// Publishes the screen.
        screen: bool,
    },
    /// In a seat of its own.
    Whep(View),
}

/// Why a session may not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// Before admission.
    NotAdmitted,
    /// No seat for that holder.
    NoSeat,
    /// As many sessions as a lesson may have.
    Full,
}

/// Sessions of one lesson, WHEP viewers included. More are refused with 503.
const SESSIONS_MAX: usize = 1_000;

/// A line that loses more than this share is weak: audio still comes through, video suffers.
const WEAK_LOSS: f32 = 0.05;
/// What a line takes as a rule is judged over so many seconds.
const TAKES_SECONDS: f64 = 30.0;
/// A round trip above this makes talking hard.
const WEAK_ROUND_TRIP_MS: u32 = 400;

impl Lesson {
    /// Seats a session. Whatever it replaces is told to leave first, and told so if it was another page.
    pub fn join(
        &mut self,
        seating: Seating,
        page: PageKey,
        offer: String,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<SessionId, JoinError> {
        if !self.admitted {
            return Err(JoinError::NotAdmitted);
        }
        if self.sessions.len() >= SESSIONS_MAX {
            return Err(JoinError::Full);
        }
        let (seat, role, view) = match seating {
            Seating::Holder(holder) => {
                let seat = self.seat_of(holder).ok_or(JoinError::NoSeat)?;
                let role = match self.seat(seat).map(|s| s.facts.kind) {
                    Some(RoomKind::Master) => SessionRole::Teacher,
                    Some(RoomKind::Interactive) => SessionRole::InteractiveRoom,
                    _ => SessionRole::TerminalRoom,
                };
                (seat, role, View::default())
            }
            Seating::Whip { screen } => (self.teacher_seat(), SessionRole::Whip { screen }, View::default()),
            Seating::Whep(view) => (SeatId::random(), SessionRole::Whep, view),
        };
        self.accrue(now);
        self.replace(seat, role, &page, now, out);
        let session = SessionId::random();
        let joining = Session {
            seat,
            role,
            view,
            page,
            answered: false,
            connected: false,
            slots: Vec::new(),
            shown: BTreeMap::new(),
            states: BTreeMap::new(),
            etag: String::new(),
            restart: None,
        };
        self.sessions.insert(session, joining);
        let holder = match seating {
            Seating::Holder(_) => self.seat(seat),
            Seating::Whip { .. } | Seating::Whep(_) => None,
        };
        let decode = holder.map_or_else(DecodeBudget::default, |s| s.facts.decode);
        let remembered_bps = holder.and_then(|s| s.takes.map(|bps| bps as u32).or(s.facts.line_bps));
        let school = self.seat(seat).and_then(|s| s.facts.school.as_ref());
        let line = school.map(|s| LineId(s.id.0));
        let lesson = self.id();
        out.push(Effect::Order(Command::Join { lesson, session, seat, role, line, decode, remembered_bps, offer }));
        Ok(session)
    }

    /// A page session and the WHIP sessions of the teacher's seat live side by side; each replaces only its like.
    fn replace(&mut self, seat: SeatId, role: SessionRole, page: &PageKey, now: Now, out: &mut Vec<Effect>) {
        let old: Vec<SessionId> =
            self.sessions.iter().filter(|(_, s)| s.seat == seat && s.role == role).map(|(id, _)| *id).collect();
        for id in old {
            let Some(session) = self.sessions.get(&id) else { continue };
            if !matches!(role, SessionRole::Whip { .. })
                && !session.page.same(page)
                && let Some(holder) = self.seat(seat).map(|s| s.facts.holder)
            {
                let audience = Audience::Replaced(holder, session.page.clone(), page.clone());
                out.push(Effect::Tell(audience, ServerMessage::Replaced {}));
            }
            self.leave(id, now, out);
        }
    }

    /// Closes a session.
    pub fn leave(&mut self, session: SessionId, now: Now, out: &mut Vec<Effect>) {
        if self.forget(session, LeaveCause::Asked, now) {
            out.push(Effect::Order(Command::Leave { session }));
        }
    }

    /// Closes all sessions in a holder's seat.
    pub fn leave_all(&mut self, holder: Holder, now: Now, out: &mut Vec<Effect>) {
        let ids: Vec<SessionId> = self.sessions.keys().copied().filter(|id| self.session_of(*id, holder)).collect();
        ids.into_iter().for_each(|id| self.leave(id, now, out));
    }

    fn forget(&mut self, session: SessionId, cause: LeaveCause, now: Now) -> bool {
        self.accrue(now);
        let at = self.at_ms(now);
        let Some(gone) = self.sessions.remove(&session) else { return false };
        let present = self.present(gone.seat);
        if let Some(seat) = self.seat_mut(gone.seat)
            && !present
        {
            if seat.since_ms.take().is_some() {
                seat.quality = Quality::Lost;
                if let Some((_, at_ms)) = at {
                    seat.troubles.note_left(cause, at_ms);
                }
            }
            seat.line = LineFacts::default();
            seat.live.clear();
        }
        self.roster_dirty = true;
        true
    }

    /// True if the session sits in a seat of this holder.
    pub fn session_of(&self, session: SessionId, holder: Holder) -> bool {
        self.sessions.get(&session).is_some_and(|s| {
            !matches!(s.role, SessionRole::Whip { .. }) && self.seat(s.seat).is_some_and(|f| f.facts.holder == holder)
        })
    }

    /// The session's role, if it is here.
    pub fn role_of(&self, session: SessionId) -> Option<SessionRole> {
        self.sessions.get(&session).map(|s| s.role)
    }

    /// Entity tag of the session's ICE credentials.
    pub fn etag_of(&self, session: SessionId) -> Option<&str> {
        self.sessions.get(&session).map(|s| s.etag.as_str())
    }

    /// The media plane answered: its slots are filled.
    pub fn answered(&mut self, session: SessionId, etag: &str, slots: &[(Slot, String)], out: &mut Vec<Effect>) {
        let lesson = self.id();
        let Some(found) = self.sessions.get_mut(&session) else {
            // Nobody waits for it any more.
            out.push(Effect::Order(Command::Leave { session }));
            return;
        };
        found.answered = true;
        etag.clone_into(&mut found.etag);
        found.slots = slots.to_vec();
        let (seat, role) = (found.seat, found.role);
        if !matches!(role, SessionRole::Whep) {
            // A seat that comes back must not depend on what the media plane remembers of it.
            let first = self.scene().muted_at_first();
            let own = |s: &&Source| s.seat == seat;
            let mute = self.muted.iter().filter(own).filter(|s| !first.contains(s)).map(|s| (*s, true));
            let open = first.iter().filter(own).filter(|s| !self.muted.contains(s)).map(|s| (*s, false));
            out.extend(mute.chain(open).map(|(source, muted)| Effect::Order(Command::Mute { lesson, source, muted })));
        }
        self.show(session, out);
    }

    /// True if this fragment may be handed on under the entity tag that its maker knows: the present one, or the one
    /// before, if it is the very restart that was asked for then.
    pub fn may_restart(&mut self, session: SessionId, tag: &str, fragment: &str) -> bool {
        let Some(found) = self.sessions.get_mut(&session) else { return false };
        if found.etag == tag {
            found.restart = Some((tag.to_owned(), fragment.to_owned()));
            return true;
        }
        found.restart.as_ref().is_some_and(|(before, asked)| before == tag && asked == fragment)
    }

    /// New ICE credentials.
    pub fn restarted(&mut self, session: SessionId, etag: &str) {
        if let Some(found) = self.sessions.get_mut(&session) {
            etag.clone_into(&mut found.etag);
        }
    }

    /// Orders what the session's slots should show and do not.
    pub(super) fn show(&mut self, session: SessionId, out: &mut Vec<Effect>) {
        let scene = self.scene();
        let Some(found) = self.sessions.get(&session).filter(|s| s.answered) else { return };
        let layout = self.seat(found.seat).and_then(|s| s.layout.as_deref());
        let receiver = Receiver { seat: found.seat, role: found.role, view: found.view, layout };
        let wanted = scene.slots(&receiver);
        let Some(found) = self.sessions.get_mut(&session) else { return };
        for (slot, source) in wanted {
            let has_line = found.slots.iter().any(|(s, _)| *s == slot);
            if has_line && found.shown.get(&slot).copied().flatten() != source {
                found.shown.insert(slot, source);
                out.push(Effect::Order(Command::Show { session, slot, source }));
            }
        }
    }

    /// Media flows.
    pub fn connected(&mut self, session: SessionId, now: Now) {
        self.accrue(now);
        let Some(found) = self.sessions.get_mut(&session) else { return };
        found.connected = true;
        let seat = found.seat;
        if let Some(seat) = self.seat_mut(seat) {
            seat.since_ms.get_or_insert(now.ms);
            seat.was_present = true;
            seat.quality = Quality::Good;
            self.roster_dirty = true;
        }
    }

    /// The media plane closed it.
    pub fn left(&mut self, session: SessionId, cause: LeaveCause, now: Now) {
        if self.forget(session, cause, now) {
            tracing::info!(%session, ?cause, "a session is gone");
        }
    }

    /// Its offer was refused, or nobody waits for the answer.
    pub fn refused(&mut self, session: SessionId, now: Now) {
        self.forget(session, LeaveCause::Asked, now);
    }

    /// True while the session waits for its first answer.
    pub fn waits(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|s| !s.answered)
    }

    /// The codec is settled.
    pub fn codec_frozen(&mut self, codec: VideoCodec) {
        self.codec = Some(codec);
        self.roster_dirty = true;
    }

    /// A source began or ceased to send.
    pub fn source_live(&mut self, source: Source, live: bool) {
        if let Some(seat) = self.seat_mut(source.seat) {
            if live {
                seat.live.insert(source.kind);
            } else {
                seat.live.remove(&source.kind);
            }
            self.roster_dirty = true;
        }
    }

    /// A slot shows, holds or is empty.
    pub fn slot_state(
        &mut self,
        session: SessionId,
        slot: Slot,
        source: Option<Source>,
        live: bool,
        out: &mut Vec<Effect>,
    ) {
        let Some(found) = self.sessions.get_mut(&session) else { return };
        let before = found.states.get(&slot).copied();
        let known = before.filter(|b| b.source == source);
        let ever = live || known.is_some_and(|b| b.ever);
        found.states.insert(slot, SlotFacts { source, live, ever });
        let (seat, page) = (found.seat, found.page.clone());
        if let Some(holder) = self.seat(seat).map(|s| s.facts.holder)
            && let Some(slots) = self.slot_views(session)
        {
            out.push(Effect::Tell(Audience::Page(holder, page), ServerMessage::Slots { slots }));
        }
    }

    fn slot_views(&self, session: SessionId) -> Option<Vec<SlotView>> {
        let found = self.sessions.get(&session)?;
        let view = |(slot, mid): &(Slot, String)| {
            let facts = found.states.get(slot).copied().unwrap_or_default();
            let source = facts.source;
            let state = match (source, facts.live, facts.ever) {
                (Some(_), true, _) => "live",
                (Some(_), false, true) => "held",
                _ => "none",
            };
            SlotView { mid: mid.clone(), slot: slot_word(*slot), source: source.map(Into::into), state: state.into() }
        };
        Some(found.slots.iter().map(view).collect())
    }

    /// The slots of a page's session, for a page that has just (re)connected.
    pub fn slots_of_page(&self, holder: Holder, page: &PageKey) -> Option<Vec<SlotView>> {
        let mut own = self.sessions.iter().filter(|(id, s)| self.session_of(**id, holder) && s.page.same(page));
        own.next().and_then(|(id, _)| self.slot_views(*id))
    }

    /// Tells the page of a session something about what it sends.
    pub fn tell_page(&self, session: SessionId, message: ServerMessage, out: &mut Vec<Effect>) {
        let Some(found) = self.sessions.get(&session) else { return };
        let Some(holder) = self.seat(found.seat).map(|s| s.facts.holder) else { return };
        out.push(Effect::Tell(Audience::Page(holder, found.page.clone()), message));
    }

    /// How a session's line does.
    pub fn line(&mut self, session: SessionId, facts: LineFacts, out: &mut Vec<Effect>) {
        let Some(seat) = self.sessions.get(&session).map(|s| s.seat) else { return };
        let weak = facts.loss_up > WEAK_LOSS
            || facts.loss_down > WEAK_LOSS
            || facts.round_trip_ms.is_some_and(|ms| ms > WEAK_ROUND_TRIP_MS)
            || facts.pictures_held > 0;
        let quality = if weak { Quality::Weak } else { Quality::Good };
        let Some(found) = self.seat_mut(seat) else { return };
        found.line = facts;
        if let Some(bps) = facts.estimate_down.map(f64::from) {
            found.takes = Some(found.takes.map_or(bps, |takes| takes + (bps - takes) / TAKES_SECONDS));
        }
        let holder = found.facts.holder;
        self.note_quality(seat, quality);
        let message = ServerMessage::Quality {
            seat,
            quality,
            loss_up: facts.loss_up,
            loss_down: facts.loss_down,
            round_trip_ms: facts.round_trip_ms,
            down_kbps: facts.estimate_down.map(|bits| bits / 1_000),
            held: facts.pictures_held,
            reduced: facts.pictures_reduced,
            level: facts.audio_level,
        };
        out.push(Effect::Tell(Audience::Teacher(self.members.clone()), message.clone()));
        if matches!(holder, Holder::Room(_)) {
            out.push(Effect::Tell(Audience::Holder(holder), message));
        }
    }

    /// True if this source sends; for the wall.
    pub(super) fn sends(&self, seat: SeatId, kind: SourceKind) -> bool {
        self.seat(seat).is_some_and(|s| s.live.contains(&kind))
    }
}
