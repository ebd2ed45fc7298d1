//! Who is heard and what everybody sees: pure rules, without sessions' states or time.
//!
//! The law of the stage: at most one room is open. It holds by construction, because the stage is one
//! `Option<SeatId>` and a room's microphone is unmuted only when it is that seat.

use crate::command::{SeatId, SessionRole, Slot, Source, SourceKind};
use std::collections::{BTreeMap, BTreeSet};

/// What the rules look at.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The teacher's seat.
    pub teacher: SeatId,
    /// The rural rooms' seats with whether they have camera and microphone, in the timetable's order.
    pub rooms: Vec<(SeatId, bool)>,
    /// The open room.
    pub stage: Option<SeatId>,
    /// Sources somebody has switched off by hand.
    pub silenced: BTreeSet<Source>,
}

/// What a WHEP viewer asked to see.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum View {
    /// Teacher's camera and microphone.
    #[default]
    Teacher,
    /// Slides and the teacher's microphone.
    Screen,
    /// The room on stage.
    Stage,
}

/// A session that receives.
#[derive(Clone, Debug)]
pub struct Receiver<'a> {
    /// Where it sits.
    pub seat: SeatId,
    /// Its m-lines.
    pub role: SessionRole,
    /// WHEP only.
    pub view: View,
    /// Teacher only: which rooms the thumbnails show; `None` until the page has said so.
    pub layout: Option<&'a [SeatId]>,
}

/// Thumbnails of a teacher's session (the m-line table).
pub const THUMBNAILS: usize = 6;

impl Scene {
    fn source(seat: SeatId, kind: SourceKind) -> Option<Source> {
        Some(Source { seat, kind })
    }

    /// The stage as `receiver` may have it: a room on stage does not get itself, or it would hear its own echo.
    fn staged(&self, receiver: SeatId, kind: SourceKind) -> Option<Source> {
        self.stage.filter(|seat| *seat != receiver).map(|seat| Source { seat, kind })
    }

    /// What each slot of a session shall show.
    pub fn slots(&self, receiver: &Receiver<'_>) -> BTreeMap<Slot, Option<Source>> {
        use SourceKind::{Camera, ComputerSound, Microphone, Screen};
        let (me, teacher) = (receiver.seat, self.teacher);
        match receiver.role {
            SessionRole::Teacher => {
                let mut slots = BTreeMap::from([
                    (Slot::StageVideo, self.staged(me, Camera)),
                    (Slot::StageAudio, self.staged(me, Microphone)),
                    (Slot::SecondAudio, None),
                ]);
                slots.extend(self.thumbnails(receiver.layout));
                slots
            }
            SessionRole::InteractiveRoom | SessionRole::TerminalRoom => BTreeMap::from([
                (Slot::TeacherVideo, Self::source(teacher, Camera)),
                (Slot::Screen, Self::source(teacher, Screen)),
                (Slot::StageVideo, self.staged(me, Camera)),
                (Slot::TeacherAudio, Self::source(teacher, Microphone)),
                (Slot::ComputerSound, Self::source(teacher, ComputerSound)),
                (Slot::StageAudio, self.staged(me, Microphone)),
            ]),
            SessionRole::Whip { .. } => BTreeMap::new(),
            SessionRole::Whep => {
                let (video, audio) = match receiver.view {
                    View::Teacher => (Self::source(teacher, Camera), Self::source(teacher, Microphone)),
                    View::Screen => (Self::source(teacher, Screen), Self::source(teacher, Microphone)),
                    View::Stage => (self.staged(me, Camera), self.staged(me, Microphone)),
                };
                BTreeMap::from([(Slot::Video, video), (Slot::Audio, audio)])
            }
        }
    }

    fn thumbnails(&self, layout: Option<&[SeatId]>) -> Vec<(Slot, Option<Source>)> {
        let cameras: Vec<SeatId> = self.rooms.iter().filter(|(_, camera)| *camera).map(|(seat, _)| *seat).collect();
        let wanted: Vec<SeatId> = match layout {
            Some(seats) => seats.iter().copied().filter(|seat| cameras.contains(seat)).collect(),
            None => cameras,
        };
        (0..THUMBNAILS as u8)
            .map(|i| {
                let seat = wanted.get(usize::from(i)).copied();
                (Slot::Thumbnail(i), seat.map(|seat| Source { seat, kind: SourceKind::Camera }))
            })
            .collect()
    }

    /// Which sources nobody gets. Sources that are not named are let through.
    pub fn muted(&self) -> BTreeSet<Source> {
        let closed = self
            .rooms
            .iter()
            .filter(|(seat, _)| self.stage != Some(*seat))
            .map(|(seat, _)| Source { seat: *seat, kind: SourceKind::Microphone });
        closed.chain(self.silenced.iter().copied()).collect()
    }

    /// What the media plane mutes by itself when a lesson opens: the rooms' microphones.
    pub fn muted_at_first(&self) -> BTreeSet<Source> {
        self.rooms.iter().map(|(seat, _)| Source { seat: *seat, kind: SourceKind::Microphone }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn seat(n: u128) -> SeatId {
        SeatId(Uuid::from_u128(n))
    }

    fn scene(rooms: u128, stage: Option<u128>) -> Scene {
        Scene {
            teacher: seat(0),
            rooms: (1..=rooms).map(|n| (seat(n), true)).collect(),
            stage: stage.map(seat),
            silenced: BTreeSet::new(),
        }
    }

    fn room(n: u128) -> Receiver<'static> {
        Receiver { seat: seat(n), role: SessionRole::InteractiveRoom, view: View::Teacher, layout: None }
    }

    #[test]
    fn a_room_on_stage_is_shown_to_all_others_and_not_to_itself() {
        let s = scene(3, Some(2));
        for n in [1, 3] {
            let slots = s.slots(&room(n));
            assert_eq!(slots[&Slot::StageVideo], Some(Source { seat: seat(2), kind: SourceKind::Camera }));
            assert_eq!(slots[&Slot::StageAudio], Some(Source { seat: seat(2), kind: SourceKind::Microphone }));
        }
        let own = s.slots(&room(2));
        assert_eq!((own[&Slot::StageVideo], own[&Slot::StageAudio]), (None, None));
        assert_eq!(own[&Slot::TeacherAudio], Some(Source { seat: seat(0), kind: SourceKind::Microphone }));
    }

    #[test]
    fn thumbnails_follow_the_layout_and_default_to_the_first_six() {
        let s = scene(8, None);
        let teacher = Receiver { seat: seat(0), role: SessionRole::Teacher, view: View::Teacher, layout: None };
        let slots = s.slots(&teacher);
        assert_eq!(slots[&Slot::Thumbnail(5)].map(|s| s.seat), Some(seat(6)));
        let chosen = [seat(8), seat(99), seat(7)];
        let slots = s.slots(&Receiver { layout: Some(&chosen), ..teacher });
        assert_eq!(slots[&Slot::Thumbnail(0)].map(|s| s.seat), Some(seat(8)));
        assert_eq!(slots[&Slot::Thumbnail(1)].map(|s| s.seat), Some(seat(7)));
        assert_eq!(slots[&Slot::Thumbnail(2)], None);
    }

    proptest! {
        #[test]
        fn two_open_rooms_at_once_is_impossible(
            rooms in 1u128..12,
            calls in proptest::collection::vec(proptest::option::of(1u128..16), 1..40),
            silenced in proptest::collection::btree_set(0u128..12, 0..6),
        ) {
            let mut s = scene(rooms, None);
            s.silenced = silenced.into_iter().map(|n| Source { seat: seat(n), kind: SourceKind::Microphone }).collect();
            for call in calls {
                s.stage = call.map(seat);
                let muted = s.muted();
                let open: Vec<_> = s.rooms.iter()
                    .filter(|(seat, _)| !muted.contains(&Source { seat: *seat, kind: SourceKind::Microphone }))
                    .collect();
                prop_assert!(open.len() <= 1);
                // Whoever hears a room hears the open one, and never itself.
                for (receiver, _) in &s.rooms {
                    let slots = s.slots(&Receiver { seat: *receiver, role: SessionRole::InteractiveRoom, view: View::Teacher, layout: None });
                    if let Some(heard) = slots[&Slot::StageAudio] {
                        prop_assert_eq!(Some(heard.seat), s.stage);
                        prop_assert_ne!(heard.seat, *receiver);
                    }
                }
            }
        }
    }
}
