//! The same thing under its names in signaling and in the recorder.

use dashmap::DashMap;
use tongke_recorder::{RecordingKey, TrackKey};
use tongke_signaling::command::{LessonId, RecordingId, SeatId, Source, SourceKind};
use uuid::Uuid;

/// Which lesson a recording is of, while it runs.
#[derive(Debug, Default)]
pub(super) struct Names {
    lessons: DashMap<RecordingId, LessonId>,
}

/// A random or time-ordered UUID has its version in these four bits (RFC 9562 §4.2); a track key keeps the source's
/// kind there, and one bit for which of the two versions it was, so that the key can be read back.
const VERSION_SHIFT: u32 = 76;
const KINDS: [SourceKind; 5] =
    [SourceKind::Microphone, SourceKind::Camera, SourceKind::Screen, SourceKind::ScreenSlow, SourceKind::ComputerSound];

impl Names {
    pub(super) fn begin(&self, recording: RecordingId, lesson: LessonId) {
        self.lessons.insert(recording, lesson);
    }

    pub(super) fn lesson(&self, recording: RecordingId) -> Option<LessonId> {
        self.lessons.get(&recording).map(|l| *l)
    }

    pub(super) fn end(&self, recording: RecordingId) {
        self.lessons.remove(&recording);
    }
}

pub(super) fn key_of(recording: RecordingId) -> RecordingKey {
    RecordingKey(recording.0)
}

pub(super) fn recording_of(key: RecordingKey) -> RecordingId {
    RecordingId(key.0)
}

/// The recorder's key of a source: stable for the lesson, whatever connects.
pub(super) fn track_of(source: Source) -> TrackKey {
    let seat = source.seat.0.as_u128();
    let version = seat >> VERSION_SHIFT & 0xf;
    let kind = KINDS.iter().position(|k| *k == source.kind).unwrap_or(0) as u128;
    let mark = kind << 1 | u128::from(version == 7);
    TrackKey(seat & !(0xf << VERSION_SHIFT) | mark << VERSION_SHIFT)
}

/// The source a track key stands for.
pub(super) fn source_of(key: TrackKey) -> Source {
    let mark = key.0 >> VERSION_SHIFT & 0xf;
    let version: u128 = if mark & 1 == 1 { 7 } else { 4 };
    let seat = key.0 & !(0xf << VERSION_SHIFT) | version << VERSION_SHIFT;
    let kind = KINDS.get((mark >> 1) as usize).copied().unwrap_or(SourceKind::Microphone);
    Source { seat: SeatId(Uuid::from_u128(seat)), kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_key_is_read_back_as_its_source() {
        for seat in [Uuid::new_v4(), Uuid::now_v7()] {
            for kind in KINDS {
                let source = Source { seat: SeatId(seat), kind };
                assert_eq!(source_of(track_of(source)), source);
            }
        }
    }
}
