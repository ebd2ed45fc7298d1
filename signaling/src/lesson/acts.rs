//! Bells and what people do in a running lesson.

use super::{Audience, Effect, Holder, Lesson, Now, Presence};
use crate::command::{Command, RecordingId, SeatId, Source, SourceKind};
use crate::error::{Error, Result};
use crate::messages::{Bell, Quality, ServerMessage};
use crate::model::{ChapterKind, LessonState, OutcomeResult, RoomKind};
use crate::stage::THUMBNAILS;

/// What is left of a lesson when its room is gone.
#[derive(Clone, Debug)]
pub struct Ending {
    /// What became of it.
    pub result: OutcomeResult,
    /// Why one may believe that, JSON.
    pub evidence: serde_json::Value,
}

impl Ending {
    /// Judges by who was there and heard the lesson: `seats` are (seat, whose, how long between the bells).
    pub fn judge(held: bool, planned_ms: i64, seats: &[(SeatId, Holder, Presence)]) -> Self {
        let is_room = |holder: &Holder| matches!(holder, Holder::Room(_));
        let rooms: Vec<i64> = seats.iter().filter(|(_, h, _)| is_room(h)).map(|(.., p)| p.sound_ms).collect();
        let taught = seats.iter().any(|(_, holder, p)| !is_room(holder) && p.sound_ms > 0);
        let enough_ms = planned_ms as f64 * DELIVERED_SHARE;
        let result = if !held || !taught || rooms.iter().all(|ms| *ms == 0) {
            OutcomeResult::Failed
        } else if rooms.iter().all(|ms| *ms as f64 >= enough_ms) {
            OutcomeResult::Delivered
        } else {
            OutcomeResult::Partial
        };
        let seat = |(seat, _, p): &(SeatId, Holder, Presence)| serde_json::json!({ "seat": seat, "attendance_ms": p.attendance_ms, "sound_ms": p.sound_ms });
        let seats: Vec<_> = seats.iter().map(seat).collect();
        Self { result, evidence: serde_json::json!({ "planned_ms": planned_ms, "seats": seats }) }
    }
}

/// A room that heard the lesson for this share of the lesson had it.
const DELIVERED_SHARE: f64 = 0.8;

impl Lesson {
    fn bell(&self, what: Bell, at_ms: i64, out: &mut Vec<Effect>) {
        let message = ServerMessage::Bell { lesson: self.id(), what, at_ms };
        out.push(Effect::Tell(Audience::Lesson(self.members.clone()), message));
        out.push(Effect::Tell(Audience::Admins(Some(self.members.clone())), ServerMessage::Wall {}));
    }

    /// Lets displays join. Rings only before the first bell; after a restart they come by themselves.
    pub fn admit(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.admitted = true;
        if self.state == LessonState::Open {
            self.bell(Bell::Admit, now.ms, out);
        }
    }

    /// Begins, or goes on after a restart. The recording's row is already written.
    pub fn start(&mut self, recording: RecordingId, since_ms: i64, now: Now, out: &mut Vec<Effect>) {
        self.accrue(now);
        let resumed = self.state == LessonState::Live;
        self.admitted = true;
        self.state = LessonState::Live;
        self.recording = Some((recording, since_ms));
        self.roster_dirty = true;
        out.push(Effect::Order(Command::Record { lesson: self.id(), recording: Some(recording) }));
        if !resumed {
            out.push(Effect::Mark { recording, at_ms: 0, kind: ChapterKind::Start, seat: None });
            self.bell(Bell::Start, now.ms, out);
        }
    }

    /// The last bell.
    pub fn end(&mut self, now: Now, out: &mut Vec<Effect>) -> Ending {
        self.accrue(now);
        self.note_troubles(now, true, out);
        if let Some((recording, at_ms)) = self.at_ms(now) {
            out.push(Effect::Mark { recording, at_ms, kind: ChapterKind::End, seat: None });
            out.push(Effect::Order(Command::Record { lesson: self.id(), recording: None }));
        }
        out.push(Effect::Order(Command::Close { lesson: self.id() }));
        self.bell(Bell::End, now.ms, out);
        let ending = self.ending();
        self.state = LessonState::Closed;
        self.sessions.clear();
        ending
    }

    fn ending(&self) -> Ending {
        let held_ms = self.ends_ms - self.starts_ms;
        let seats: Vec<_> = self.seats.iter().map(|s| (s.facts.id, s.facts.holder, s.presence)).collect();
        let mut ending = Ending::judge(self.state == LessonState::Live, held_ms, &seats);
        ending.evidence["recording"] = serde_json::json!(self.recording.map(|(id, _)| id));
        ending.evidence["codec"] = serde_json::json!(self.codec);
        ending
    }

    /// Moves the end.
    pub fn extend(&mut self, ends_ms: i64, now: Now, out: &mut Vec<Effect>) {
        // Its own bells stand still when the clock is set, and so does the stored one.
        self.ends_ms = ends_ms;
        self.bell(Bell::Extended, now.ms, out);
    }

    /// A hand goes up (the queue is by time) or down. Going up again keeps the old place.
    pub fn hand(&mut self, seat: SeatId, up: bool, now: Now, out: &mut Vec<Effect>) -> Result<()> {
        let lesson = self.id();
        let on_stage = self.stage == Some(seat);
        let Some(found) = self.seat_mut(seat) else { return Err(Error::NotFound) };
        let hand = match (up && !on_stage, found.hand) {
            (true, Some(since)) => Some(since),
            (true, None) => Some(now.ms),
            (false, _) => None,
        };
        if found.hand != hand {
            found.hand = hand;
            self.roster_dirty = true;
            let message = ServerMessage::Hand { lesson, seat, since_ms: hand };
            out.push(Effect::Tell(Audience::Lesson(self.members.clone()), message));
        }
        Ok(())
    }

    /// Calls a room on stage 上台 (whoever was there is closed), or nobody.
    pub fn call(&mut self, seat: Option<SeatId>, now: Now, out: &mut Vec<Effect>) -> Result<()> {
        let name = match seat {
            None => None,
            Some(id) => match self.seat(id) {
                Some(s) if s.facts.kind == RoomKind::Interactive => Some(s.facts.name.clone()),
                Some(_) => return Err(Error::Conflict { code: "cannot_speak", why: "this seat has no microphone" }),
                None => return Err(Error::NotFound),
            },
        };
        if self.stage == seat {
            return Ok(());
        }
        self.stage = seat;
        self.reorder(out);
        let message = ServerMessage::Stage { lesson: self.id(), seat, name };
        out.push(Effect::Tell(Audience::Lesson(self.members.clone()), message));
        if let Some(seat) = seat {
            self.hand(seat, false, now, out)?;
            if let Some((recording, at_ms)) = self.at_ms(now) {
                out.push(Effect::Mark { recording, at_ms, kind: ChapterKind::Stage, seat: Some(seat) });
            }
        }
        Ok(())
    }

    /// Switches a source off by hand, or back on. A room's microphone that is on still needs the stage to be heard.
    pub fn mute(&mut self, seat: SeatId, kind: SourceKind, muted: bool, out: &mut Vec<Effect>) -> Result<()> {
        if self.seat(seat).is_none() {
            return Err(Error::NotFound);
        }
        let source = Source { seat, kind };
        if muted {
            self.silenced.insert(source);
        } else {
            self.silenced.remove(&source);
        }
        self.reorder(out);
        Ok(())
    }

    /// The teacher's page shows these thumbnails.
    pub fn layout(&mut self, seat: SeatId, mut thumbnails: Vec<SeatId>, out: &mut Vec<Effect>) -> Result<()> {
        thumbnails.truncate(THUMBNAILS);
        let Some(found) = self.seat_mut(seat) else { return Err(Error::NotFound) };
        found.layout = Some(thumbnails);
        self.reorder(out);
        Ok(())
    }

    /// The page says a source of its own stopped (or may have begun; that is believed when packets arrive).
    pub fn source_off(&mut self, seat: SeatId, kind: SourceKind) {
        if let Some(found) = self.seat_mut(seat)
            && found.live.remove(&kind)
        {
            self.roster_dirty = true;
        }
    }

    /// Orders the differences between what is shown and muted and what should be. Closing comes before opening, so
    /// that not even for a packet two rooms are open.
    pub(super) fn reorder(&mut self, out: &mut Vec<Effect>) {
        let lesson = self.id();
        let wanted = self.scene().muted();
        let close = wanted.difference(&self.muted).map(|s| (*s, true));
        let open = self.muted.difference(&wanted).map(|s| (*s, false));
        for (source, muted) in close.chain(open) {
            out.push(Effect::Order(Command::Mute { lesson, source, muted }));
            let message = ServerMessage::Mute { seat: source.seat, source: source.kind, muted };
            out.push(Effect::Tell(Audience::Lesson(self.members.clone()), message));
            self.roster_dirty = true;
        }
        self.muted = wanted;
        let ids: Vec<_> = self.sessions.keys().copied().collect();
        ids.into_iter().for_each(|id| self.show(id, out));
    }

    pub(super) fn note_quality(&mut self, seat: SeatId, quality: Quality) {
        if let Some(found) = self.seat_mut(seat)
            && found.quality != quality
        {
            found.quality = quality;
            self.roster_dirty = true;
        }
    }
}
