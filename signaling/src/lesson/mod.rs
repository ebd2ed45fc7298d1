//! A running lesson: seats, sessions, hands, presence. A pure value: it is told what happened and the time, and
//! says what must be ordered and told ([`Effect`]). It reads no clock, sends nothing, knows no SQL.
//!
//! Reading order: this file (what a lesson is), `acts` (bells and people's acts), `sessions` (joins and the media
//! plane's facts), `health` (what the wall shows), `trouble` (what the recording keeps of the network).

mod acts;
mod health;
mod sessions;
#[cfg(test)]
mod tests;
mod trouble;

pub use acts::Ending;
pub use sessions::{JoinError, PageKey, Seating};
pub use trouble::Span;

use crate::command::{
    Command, DecodeBudget, LessonId, LineFacts, RecordingId, SeatId, SessionId, SessionRole, Slot, Source, SourceKind,
    VideoCodec,
};
use crate::messages::{LessonView, Quality, SeatView, ServerMessage};
use crate::model::{ChapterKind, LessonState, PersonId, RoomId, RoomKind, SchoolId};
use crate::schema::SchoolRef;
use crate::stage::{Scene, View};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The time, twice (see [`crate::clock`]).
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Epoch milliseconds.
    pub ms: i64,
    /// Steady milliseconds.
    pub steady_ms: i64,
}

/// Who belongs to a lesson, for addressing messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// Which.
    pub lesson: LessonId,
    /// Who teaches.
    pub teacher: PersonId,
    /// Rural rooms.
    pub rooms: Vec<RoomId>,
    /// Schools of all sides.
    pub schools: Vec<SchoolId>,
}

/// Whose seat it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The teacher's.
    Person(PersonId),
    /// A rural room's.
    Room(RoomId),
}

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Audience {
    /// Everybody in the lesson.
    Lesson(Arc<Members>),
    /// The teacher and those who watch the lesson as administrators.
    Teacher(Arc<Members>),
    /// All pages of a seat.
    Holder(Holder),
    /// One page of a seat.
    Page(Holder, PageKey),
    /// The page that lost its seat to another.
    Replaced(Holder, PageKey, PageKey),
    /// Administrators, of these schools if some are named.
    Admins(Option<Arc<Members>>),
}

/// What a lesson wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// For the media plane.
    Order(Command),
    /// For pages.
    Tell(Audience, ServerMessage),
    /// For the player's bar.
    Mark {
        /// Recording.
        recording: RecordingId,
        /// Lesson time.
        at_ms: i64,
        /// What.
        kind: ChapterKind,
        /// Who came on stage.
        seat: Option<SeatId>,
    },
    /// What the network did to a seat, for the player; the same span again as it grows.
    Trouble(RecordingId, Span),
}

/// What the store knows of a lesson when its room is made.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Who belongs to it.
    pub members: Arc<Members>,
    /// First bell.
    pub starts_ms: i64,
    /// Last bell.
    pub ends_ms: i64,
    /// State as stored.
    pub state: LessonState,
    /// Teacher first, then rooms in the timetable's order.
    pub seats: Vec<SeatFacts>,
}

/// How long a seat was there between the bells, milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Presence {
    /// Media flowed.
    pub attendance_ms: i64,
    /// And with it the lesson's sound: the teacher's voice came, and was heard in the room.
    pub sound_ms: i64,
}

/// What the store knows of a seat.
#[derive(Clone, Debug)]
pub struct SeatFacts {
    /// Id.
    pub id: SeatId,
    /// Whose.
    pub holder: Holder,
    /// Name of the person or room.
    pub name: String,
    /// School.
    pub school: Option<SchoolRef>,
    /// Kind of room; `master` for the teacher's.
    pub kind: RoomKind,
    /// Presence so far.
    pub presence: Presence,
    /// What its display said it can do, last time.
    pub codecs: Option<Vec<VideoCodec>>,
    /// What its display said it decodes at a time; counts for sessions that join from then on.
    pub decode: DecodeBudget,
    /// What its line took in its last lesson, bit/s.
    pub line_bps: Option<u32>,
}

/// A seat of the running lesson.
#[derive(Debug)]
struct Seat {
    facts: SeatFacts,
    hand: Option<i64>,
    live: BTreeSet<SourceKind>,
    since_ms: Option<i64>,
    presence: Presence,
    was_present: bool,
    quality: Quality,
    line: LineFacts,
    /// What its line takes as a rule, bit/s.
    takes: Option<f64>,
    /// Thumbnails its page shows.
    layout: Option<Vec<SeatId>>,
    troubles: trouble::Troubles,
}

/// What the media plane said last of a slot.
#[derive(Clone, Copy, Debug, Default)]
struct SlotFacts {
    source: Option<Source>,
    /// Packets flow.
    live: bool,
    /// Packets of this source have flowed, so a last picture is there to be held.
    ever: bool,
}

/// A session of the running lesson.
#[derive(Debug)]
struct Session {
    seat: SeatId,
    role: SessionRole,
    view: View,
    page: PageKey,
    answered: bool,
    connected: bool,
    slots: Vec<(Slot, String)>,
    shown: BTreeMap<Slot, Option<Source>>,
    states: BTreeMap<Slot, SlotFacts>,
    etag: String,
    /// The restart that was asked for last, and the entity tag it was asked under.
    restart: Option<(String, String)>,
}

/// A running lesson.
#[derive(Debug)]
pub struct Lesson {
    members: Arc<Members>,
    state: LessonState,
    starts_ms: i64,
    ends_ms: i64,
    /// How far the clock was set while this lesson ran: it keeps its own time (see [`crate::clock::Timeline`]).
    shift_ms: i64,
    admitted: bool,
    recording: Option<(RecordingId, i64)>,
    seats: Vec<Seat>,
    sessions: BTreeMap<SessionId, Session>,
    stage: Option<SeatId>,
    silenced: BTreeSet<Source>,
    /// What the media plane was told to mute.
    muted: BTreeSet<Source>,
    codec: Option<VideoCodec>,
    preferred: Vec<VideoCodec>,
    accrued_at_ms: i64,
    roster_dirty: bool,
    roster_sent_ms: i64,
    looked_ms: i64,
    causes: BTreeMap<(health::Code, Option<SeatId>), i64>,
}

/// Rosters are sent at most twice a second.
const ROSTER_EVERY_MS: i64 = 500;
/// Lines are looked at as often as the media plane tells of them.
const LOOK_EVERY_MS: i64 = 1_000;

impl Lesson {
    /// Makes the room. The first effect is `Command::Open`.
    pub fn open(facts: Facts, now: Now, out: &mut Vec<Effect>) -> Self {
        let seats: Vec<Seat> = facts
            .seats
            .into_iter()
            .map(|facts| Seat {
                presence: facts.presence,
                facts,
                hand: None,
                live: BTreeSet::new(),
                since_ms: None,
                was_present: false,
                quality: Quality::Unknown,
                line: LineFacts::default(),
                takes: None,
                layout: None,
                troubles: trouble::Troubles::default(),
            })
            .collect();
        let mut lesson = Self {
            members: facts.members,
            state: if facts.state == LessonState::Live { LessonState::Live } else { LessonState::Open },
            starts_ms: facts.starts_ms,
            ends_ms: facts.ends_ms,
            shift_ms: 0,
            admitted: false,
            recording: None,
            seats,
            sessions: BTreeMap::new(),
            stage: None,
            silenced: BTreeSet::new(),
            muted: BTreeSet::new(),
            codec: None,
            preferred: Vec::new(),
            accrued_at_ms: now.steady_ms,
            roster_dirty: true,
            roster_sent_ms: i64::MIN / 2,
            looked_ms: i64::MIN / 2,
            causes: BTreeMap::new(),
        };
        lesson.muted = lesson.scene().muted_at_first();
        lesson.prefer_codecs(out);
        lesson
    }

    /// Which lesson.
    pub fn id(&self) -> LessonId {
        self.members.lesson
    }

    /// Who belongs to it.
    pub fn members(&self) -> &Arc<Members> {
        &self.members
    }

    /// Its bells by the present clock.
    pub fn bells_ms(&self) -> (i64, i64) {
        (self.starts_ms + self.shift_ms, self.ends_ms + self.shift_ms)
    }

    /// True once displays may join.
    pub fn admitted(&self) -> bool {
        self.admitted
    }

    /// The recording, once told to the media plane.
    pub fn recording(&self) -> Option<RecordingId> {
        self.recording.map(|(id, _)| id)
    }

    /// State as far as this process has brought it.
    pub fn state(&self) -> LessonState {
        self.state
    }

    /// The clock was set; a running lesson goes on by its own time.
    pub fn shift(&mut self, stepped_ms: i64) {
        self.shift_ms += stepped_ms;
    }

    fn scene(&self) -> Scene {
        Scene {
            teacher: self.teacher_seat(),
            rooms: self
                .seats
                .iter()
                .filter(|s| matches!(s.facts.holder, Holder::Room(_)))
                .map(|s| (s.facts.id, s.facts.kind == RoomKind::Interactive))
                .collect(),
            stage: self.stage,
            silenced: self.silenced.clone(),
        }
    }

    /// The teacher's seat; the store gives every lesson exactly one, first.
    pub fn teacher_seat(&self) -> SeatId {
        self.seats.first().map_or(SeatId(uuid::Uuid::nil()), |s| s.facts.id)
    }

    fn seat(&self, id: SeatId) -> Option<&Seat> {
        self.seats.iter().find(|s| s.facts.id == id)
    }

    fn seat_mut(&mut self, id: SeatId) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|s| s.facts.id == id)
    }

    /// The seat of a person or room.
    pub fn seat_of(&self, holder: Holder) -> Option<SeatId> {
        self.seats.iter().find(|s| s.facts.holder == holder).map(|s| s.facts.id)
    }

    fn present(&self, seat: SeatId) -> bool {
        self.sessions.values().any(|s| s.seat == seat && s.connected)
    }

    /// Counts presence between the bells up to now. Called before anything that changes presence.
    pub fn accrue(&mut self, now: Now) {
        let passed_ms = now.steady_ms - self.accrued_at_ms;
        self.accrued_at_ms = now.steady_ms;
        if self.state != LessonState::Live {
            return;
        }
        let teacher = self.teacher_seat();
        let voice = self.seat(teacher).is_some_and(|s| s.live.contains(&SourceKind::Microphone));
        let mut there: BTreeMap<SeatId, bool> = BTreeMap::new();
        for session in self.sessions.values().filter(|s| s.connected) {
            // A teacher who mutes for a while teaches on, so what was heard once counts while the voice is there.
            let heard = || session.states.get(&Slot::TeacherAudio).is_some_and(|slot| slot.ever);
            *there.entry(session.seat).or_default() |= voice && (session.seat == teacher || heard());
        }
        for seat in &mut self.seats {
            let Some(sound) = there.get(&seat.facts.id) else { continue };
            seat.presence.attendance_ms += passed_ms;
            if *sound {
                seat.presence.sound_ms += passed_ms;
            }
        }
    }

    /// Presence of all seats, for the store.
    pub fn attendance(&self) -> Vec<(SeatId, Presence)> {
        self.seats.iter().map(|s| (s.facts.id, s.presence)).collect()
    }

    /// What the rooms' lines took in this lesson, bit/s.
    pub fn lines(&self) -> Vec<(RoomId, u32)> {
        let took = |s: &Seat| match s.facts.holder {
            Holder::Room(room) => Some((room, s.takes? as u32)),
            Holder::Person(_) => None,
        };
        self.seats.iter().filter_map(took).collect()
    }

    /// Does what time asks for: presence, and the roster if it changed.
    pub fn tick(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.accrue(now);
        if now.steady_ms - self.looked_ms >= LOOK_EVERY_MS {
            self.looked_ms = now.steady_ms;
            self.note_troubles(now, false, out);
        }
        if self.roster_dirty && now.steady_ms - self.roster_sent_ms >= ROSTER_EVERY_MS {
            self.roster_dirty = false;
            self.roster_sent_ms = now.steady_ms;
            let message = ServerMessage::Roster { lesson: self.id(), seats: self.seat_views() };
            out.push(Effect::Tell(Audience::Lesson(self.members.clone()), message));
        }
    }

    /// Lesson time, once it is recorded.
    fn at_ms(&self, now: Now) -> Option<(RecordingId, i64)> {
        self.recording.map(|(recording, since_ms)| (recording, (now.ms - self.shift_ms - since_ms).max(0)))
    }

    /// Goes on with the troubles stored before a restart.
    pub fn recall(&mut self, spans: Vec<Span>) {
        for span in spans {
            if let Some(seat) = self.seat_mut(span.seat) {
                seat.troubles.recall(span);
            }
        }
    }

    /// Looks at every seat's line, and tells what is news of it; all at the last bell.
    fn note_troubles(&mut self, now: Now, all: bool, out: &mut Vec<Effect>) {
        let Some((recording, at_ms)) = self.at_ms(now) else { return };
        if self.state != LessonState::Live {
            return;
        }
        let there: BTreeSet<SeatId> = self.sessions.values().filter(|s| s.connected).map(|s| s.seat).collect();
        for seat in &mut self.seats {
            let look = if there.contains(&seat.facts.id) {
                trouble::Look::Present { line: seat.line, weak: seat.quality == Quality::Weak }
            } else {
                trouble::Look::Absent
            };
            seat.troubles.look(seat.facts.id, at_ms, &look);
            let news = seat.troubles.take_news(at_ms, all);
            out.extend(news.into_iter().map(|span| Effect::Trouble(recording, span)));
        }
    }

    fn seat_views(&self) -> Vec<SeatView> {
        let muted = self.scene().muted();
        self.seats
            .iter()
            .map(|s| {
                let f = &s.facts;
                let (room, person) = match f.holder {
                    Holder::Room(id) => (Some(id), None),
                    Holder::Person(id) => (None, Some(id)),
                };
                SeatView {
                    seat: f.id,
                    room,
                    person,
                    name: f.name.clone(),
                    school: f.school.clone(),
                    teacher: person.is_some(),
                    kind: f.kind,
                    present: self.present(f.id),
                    since_ms: s.since_ms,
                    hand: s.hand,
                    sources: s.live.iter().copied().collect(),
                    muted: muted.iter().filter(|m| m.seat == f.id).map(|m| m.kind).collect(),
                    quality: s.quality,
                    level: s.line.audio_level,
                    attendance_ms: s.presence.attendance_ms,
                }
            })
            .collect()
    }

    /// The lesson as pages see it.
    pub fn view(&self) -> LessonView {
        LessonView {
            id: self.id(),
            state: self.state,
            recording: self.recording.is_some(),
            recording_since_ms: self.recording.map(|(_, since)| since),
            stage: self.stage,
            codec: self.codec,
            seats: self.seat_views(),
        }
    }

    /// Devices said what they have: the first codec all of them know is preferred. H.264 first, because devices
    /// decode it in hardware; without knowledge too.
    fn prefer_codecs(&mut self, out: &mut Vec<Effect>) {
        use VideoCodec::{H264, Vp9};
        if self.codec.is_some() {
            return;
        }
        let all = |codec| self.seats.iter().filter_map(|s| s.facts.codecs.as_ref()).all(|c| c.contains(&codec));
        let codecs = if !all(H264) && all(Vp9) { vec![Vp9, H264] } else { vec![H264, Vp9] };
        if codecs != self.preferred {
            self.preferred.clone_from(&codecs);
            out.push(Effect::Order(Command::Open { lesson: self.id(), codecs }));
        }
    }

    /// A device of this seat said what it has.
    pub fn capabilities(&mut self, holder: Holder, codecs: &[VideoCodec], decode: DecodeBudget, out: &mut Vec<Effect>) {
        let Some(seat) = self.seats.iter_mut().find(|s| s.facts.holder == holder) else { return };
        seat.facts.decode = decode;
        if !codecs.is_empty() {
            seat.facts.codecs = Some(codecs.to_vec());
            self.prefer_codecs(out);
        }
    }
}
