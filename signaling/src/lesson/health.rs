//! Is the lesson well? What the wall shows, and why.

use super::{Holder, Lesson, Now};
use crate::command::{SeatId, SourceKind};
use crate::messages::Quality;
use crate::model::{LessonState, RoomId, RoomKind};
use crate::schema::{RoomRef, WallCause};
use std::collections::BTreeMap;

/// Why a lesson is not well. Ordered by weight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Code {
    TeacherAbsent,
    NotRecording,
    RoomAbsent,
    NoMicrophone,
    NoCamera,
    DisplayOffline,
    WeakLine,
}

impl Code {
    fn word(self) -> &'static str {
        match self {
            Self::TeacherAbsent => "teacher_absent",
            Self::NotRecording => "not_recording",
            Self::RoomAbsent => "room_absent",
            Self::NoMicrophone => "no_microphone",
            Self::NoCamera => "no_camera",
            Self::DisplayOffline => "display_offline",
            Self::WeakLine => "weak_line",
        }
    }

    /// Red: somebody is not being taught. Amber: the lesson goes on, but not as it should.
    fn is_red(self) -> bool {
        self <= Self::RoomAbsent
    }
}

impl Lesson {
    /// Judges anew. True if the causes changed.
    pub fn judge(&mut self, now: Now, display_online: &dyn Fn(RoomId) -> bool) -> bool {
        let found = self.faults(display_online);
        let causes: BTreeMap<_, _> =
            found.into_iter().map(|key| (key, self.causes.get(&key).copied().unwrap_or(now.ms))).collect();
        let changed = !causes.keys().eq(self.causes.keys());
        self.causes = causes;
        changed
    }

    fn faults(&self, display_online: &dyn Fn(RoomId) -> bool) -> Vec<(Code, Option<SeatId>)> {
        let live = self.state == LessonState::Live;
        let mut faults = Vec::new();
        if live && self.recording.is_none() {
            faults.push((Code::NotRecording, None));
        }
        for seat in &self.seats {
            let id = Some(seat.facts.id);
            let present = self.present(seat.facts.id);
            match seat.facts.holder {
                Holder::Person(_) if live && !present => faults.push((Code::TeacherAbsent, None)),
                Holder::Room(room) if !present && !display_online(room) => faults.push((Code::DisplayOffline, id)),
                Holder::Room(_) if live && !present => faults.push((Code::RoomAbsent, id)),
                _ => {}
            }
            if live && !present && matches!(seat.facts.holder, Holder::Room(room) if !display_online(room)) {
                faults.push((Code::RoomAbsent, id));
            }
            if present && seat.quality == Quality::Weak {
                faults.push((Code::WeakLine, id));
            }
            if live && present && seat.facts.kind != RoomKind::Terminal {
                if !self.sends(seat.facts.id, SourceKind::Microphone) && !seat.line.hears_microphone {
                    faults.push((Code::NoMicrophone, id));
                }
                if !self.sends(seat.facts.id, SourceKind::Camera) && !seat.line.sees_camera {
                    faults.push((Code::NoCamera, id));
                }
            }
        }
        faults
    }

    /// Colour and causes for the wall.
    pub fn health(&self) -> (&'static str, Vec<WallCause>) {
        let colour = if self.causes.keys().any(|(code, _)| code.is_red()) {
            "red"
        } else if self.causes.is_empty() {
            "green"
        } else {
            "amber"
        };
        let cause = |((code, seat), since): (&(Code, Option<SeatId>), &i64)| {
            let room = seat.and_then(|id| self.seat(id)).and_then(|s| match s.facts.holder {
                Holder::Room(id) => Some(RoomRef { id, name: s.facts.name.clone() }),
                Holder::Person(_) => None,
            });
            WallCause { code: code.word().into(), room, since_ms: *since }
        };
        (colour, self.causes.iter().map(cause).collect())
    }
}
