//! What the timetable asks for now: a pure function of the time and of what is known.
//!
//! It looks at states, not at moments passed since the last call, so a late, repeated or jumping clock neither
//! opens a lesson twice nor skips one whose window still runs.

use crate::command::LessonId;
use crate::model::LessonState;

/// A lesson as the scheduler sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Planned {
    /// Which.
    pub lesson: LessonId,
    /// As stored.
    pub state: LessonState,
    /// First bell.
    pub starts_ms: i64,
    /// Last bell.
    pub ends_ms: i64,
    /// The media plane of this process has its room.
    pub room_open: bool,
    /// Displays may join.
    pub admitted: bool,
    /// The recorder of this process was told to record.
    pub recording: bool,
}

/// Lead times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leads {
    /// Before the bell: the room is made.
    pub opens_before_ms: i64,
    /// Before the bell: displays join.
    pub admits_before_ms: i64,
}

/// Something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Make the room.
    Open(LessonId),
    /// Let displays join.
    Admit(LessonId),
    /// Ring the first bell and record (or, after a restart, go on recording).
    Start(LessonId),
    /// Ring the last bell.
    End(LessonId),
    /// Note that a lesson was never held.
    Miss(LessonId),
}

/// A lesson that was never opened is given up only a day and two hours after its end, so that a clock wrong by a
/// day loses nothing.
const MISSED_AFTER_MS: i64 = 26 * 3_600_000;

/// All acts that are due, in the order in which they must be done.
pub fn due(now_ms: i64, leads: Leads, lessons: &[Planned]) -> Vec<Act> {
    let mut acts = Vec::new();
    for lesson in lessons {
        due_of(now_ms, leads, lesson, &mut acts);
    }
    acts
}

fn due_of(now_ms: i64, leads: Leads, l: &Planned, acts: &mut Vec<Act>) {
    use LessonState::{Live, Open, Planned};
    if !matches!(l.state, Planned | Open | Live) {
        return;
    }
    if now_ms >= l.ends_ms {
        match l.state {
            Planned if now_ms >= l.ends_ms + MISSED_AFTER_MS => acts.push(Act::Miss(l.lesson)),
            Planned => {}
            _ => acts.push(Act::End(l.lesson)),
        }
        return;
    }
    // A lesson that once was open or live stays so until its bell, wherever the clock has gone meanwhile.
    let begun = l.state == Live;
    let opened = begun || l.state == Open;
    if !l.room_open && (opened || now_ms >= l.starts_ms - leads.opens_before_ms) {
        acts.push(Act::Open(l.lesson));
    } else if !l.room_open {
        return;
    }
    if !l.admitted && (begun || now_ms >= l.starts_ms - leads.admits_before_ms) {
        acts.push(Act::Admit(l.lesson));
    }
    if !l.recording && (begun || now_ms >= l.starts_ms) {
        acts.push(Act::Start(l.lesson));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const LEADS: Leads = Leads { opens_before_ms: 600_000, admits_before_ms: 300_000 };
    const BELL: i64 = 10_000_000;
    const END: i64 = BELL + 2_400_000;

    fn planned() -> Planned {
        Planned {
            lesson: LessonId(Uuid::from_u128(1)),
            state: LessonState::Planned,
            starts_ms: BELL,
            ends_ms: END,
            room_open: false,
            admitted: false,
            recording: false,
        }
    }

    /// Does what the driver does with an act; counts openings of the stored state.
    fn apply(l: &mut Planned, act: Act, opened: &mut u32, started: &mut u32) {
        match act {
            Act::Open(_) => {
                assert!(!l.room_open, "opened twice in one process");
                l.room_open = true;
                if l.state == LessonState::Planned {
                    l.state = LessonState::Open;
                    *opened += 1;
                }
            }
            Act::Admit(_) => {
                assert!(l.room_open && !l.admitted);
                l.admitted = true;
            }
            Act::Start(_) => {
                assert!(l.room_open && l.admitted && !l.recording);
                l.recording = true;
                if l.state != LessonState::Live {
                    *started += 1;
                }
                l.state = LessonState::Live;
            }
            Act::End(_) | Act::Miss(_) => l.state = LessonState::Closed,
        }
    }

    #[test]
    fn bells_ring_in_order() {
        let mut l = planned();
        let id = l.lesson;
        let (mut opened, mut started) = (0, 0);
        for (now, acts) in [
            (BELL - 600_001, vec![]),
            (BELL - 600_000, vec![Act::Open(id)]),
            (BELL - 300_001, vec![]),
            (BELL - 300_000, vec![Act::Admit(id)]),
            (BELL - 1, vec![]),
            (BELL, vec![Act::Start(id)]),
            (END - 1, vec![]),
            (END, vec![Act::End(id)]),
            (END + 1, vec![]),
        ] {
            assert_eq!(due(now, LEADS, &[l]), acts, "at {now}");
            acts.into_iter().for_each(|a| apply(&mut l, a, &mut opened, &mut started));
        }
    }

    #[test]
    fn a_late_start_catches_up_at_once() {
        let l = planned();
        let id = l.lesson;
        assert_eq!(due(BELL + 1, LEADS, &[l]), [Act::Open(id), Act::Admit(id), Act::Start(id)]);
    }

    #[test]
    fn a_restart_makes_the_room_again_and_one_past_the_end_only_closes() {
        let l = Planned { state: LessonState::Live, ..planned() };
        let id = l.lesson;
        assert_eq!(due(BELL - 700_000, LEADS, &[l]).len(), 3, "even if the clock now says it is early");
        assert_eq!(due(END, LEADS, &[l]), [Act::End(id)]);
    }

    #[test]
    fn a_planned_lesson_outlives_a_clock_that_is_a_day_ahead() {
        let l = planned();
        assert_eq!(due(END + 86_400_000, LEADS, &[l]), []);
        assert_eq!(due(BELL, LEADS, &[l]).len(), 3);
        assert_eq!(due(END + MISSED_AFTER_MS, LEADS, &[l]), [Act::Miss(l.lesson)]);
    }

    proptest! {
        /// Whatever the clock does and whenever the process restarts: opened at most once, started at most once,
        /// and open whenever the clock stands inside a window that was not yet closed.
        #[test]
        fn never_twice_never_skipped(steps in proptest::collection::vec((-4_000_000i64..4_000_000, any::<bool>()), 1..60)) {
            let mut l = planned();
            let (mut opened, mut started, mut now) = (0, 0, BELL - 2_000_000);
            for (step, restart) in steps {
                now += step;
                if restart {
                    (l.room_open, l.admitted, l.recording) = (false, false, false);
                }
                let acts = due(now, LEADS, &[l]);
                acts.into_iter().for_each(|a| apply(&mut l, a, &mut opened, &mut started));
                prop_assert!(due(now, LEADS, &[l]).is_empty(), "one look is enough");
                prop_assert!(opened <= 1 && started <= 1);
                if (BELL..END).contains(&now) && l.state != LessonState::Closed {
                    prop_assert!(l.state == LessonState::Live && l.room_open && l.admitted && l.recording);
                }
            }
        }
    }
}
