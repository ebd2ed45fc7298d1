//! Everything that cannot be as planned: all reasons, each pair once.

use super::changes::Occurrence;
use super::days::DayBook;
use super::expand::{DAY_S, Lesson, LessonState, Timetable};
use super::index::{Index, Key};
use super::model::{ClassNo, EntryNo, Pairing, PersonNo, Plan, RoomNo, SchoolNo};
use jiff::civil::Date;

/// What is in the way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ClashKind {
    /// Somebody teaches both lessons.
    Teacher,
    /// Somebody assists in one of them at least.
    CoTeacher,
    /// Both lessons are taught from this room.
    MasterRoom,
    /// Both lessons need this room, one of them at least as a rural side.
    RuralRoom,
    /// A class has both lessons.
    Class,
    /// No period of a rural side's own bells overlaps the lesson by enough.
    OverlapTooShort,
    /// The lesson was moved to a date outside the term.
    OutsideTerm,
    /// A side has a holiday.
    Holiday,
    /// The master's bell table has no such period on that date.
    NoSuchPeriod,
}

impl ClashKind {
    /// The word as printed and sent.
    pub fn word(self) -> &'static str {
        match self {
            Self::Teacher => "teacher",
            Self::CoTeacher => "co_teacher",
            Self::MasterRoom => "master_room",
            Self::RuralRoom => "rural_room",
            Self::Class => "class",
            Self::OverlapTooShort => "overlap_too_short",
            Self::OutsideTerm => "outside_term",
            Self::Holiday => "holiday",
            Self::NoSuchPeriod => "no_such_period",
        }
    }
}

/// Who or what is wanted twice, or where it does not fit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Who {
    /// A teacher or co-teacher.
    Person(PersonNo),
    /// A classroom.
    Room(RoomNo),
    /// A class.
    Class(ClassNo),
    /// A school: whose bells or holidays do not fit, or, outside the term, the master's.
    School(SchoolNo),
}

/// A lesson as clashes name it: by where it is now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Present {
    /// Its entry.
    pub entry: EntryNo,
    /// The date it is on now.
    pub date: Date,
}

/// One reason why lessons cannot be as planned.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Clash {
    /// When, in epoch seconds: where both lessons overlap, or the lesson; the whole day where it has no time.
    pub at_s: (i64, i64),
    /// The lesson, and the other one where there is one; in the order of the timetable.
    pub lessons: (Present, Option<Present>),
    /// What is in the way.
    pub kind: ClashKind,
    /// Who or what.
    pub who: Who,
}

/// A plan in which everything clashes has as many pairs as it has lessons squared; nobody reads on.
pub const CLASHES_MAX: usize = 1_000_000;

/// All clashes of a timetable, by time; at most [`CLASHES_MAX`], and one more if there are more.
pub fn clashes(plan: &Plan, timetable: &Timetable, index: &Index) -> Vec<Clash> {
    let mut found = Vec::new();
    for lesson in timetable.lessons.iter().filter(|l| l.state != LessonState::Cancelled) {
        let pairing = plan.pairing_of(lesson.name.entry);
        misfits(plan, &timetable.book, pairing, &lesson.occurrence(), Some(lesson), &mut found);
    }
    for occurrence in timetable.placeless.iter().filter(|o| !o.cancelled) {
        misfits(plan, &timetable.book, plan.pairing_of(occurrence.name.entry), occurrence, None, &mut found);
    }
    found.truncate(CLASHES_MAX);
    for (key, a, b) in index.pairs(&timetable.lessons) {
        if found.len() > CLASHES_MAX {
            break;
        }
        found.push(pair(plan, key, &timetable.lessons[a], &timetable.lessons[b]));
    }
    found.sort_unstable();
    found
}

/// What is wrong with one lesson whatever others there are.
pub(super) fn misfits(
    plan: &Plan,
    book: &DayBook,
    pairing: &Pairing,
    occurrence: &Occurrence,
    lesson: Option<&Lesson>,
    found: &mut Vec<Clash>,
) {
    let date = occurrence.slot.date;
    let midnight = || book.instant(plan, date, 0).0;
    let at_s = lesson.map_or_else(|| (midnight(), midnight() + DAY_S), |l| (l.starts_s, l.ends_s));
    let present = Present { entry: occurrence.name.entry, date };
    let mut add = |kind, school| found.push(Clash { at_s, lessons: (present, None), kind, who: Who::School(school) });
    let master = pairing.master.school;
    if !plan.term.dates.contains(date) {
        // Bells and holidays say nothing about days that are not of the term.
        return add(ClashKind::OutsideTerm, master);
    }
    if book.day(plan, master, date).follows.is_none() {
        add(ClashKind::Holiday, master);
    } else if lesson.is_none() {
        add(ClashKind::NoSuchPeriod, master);
    }
    for (at, side) in pairing.rural.iter().enumerate() {
        let told = pairing.rural.iter().take(at).any(|s| s.school == side.school);
        if told || side.school == master {
            continue;
        }
        if book.day(plan, side.school, date).follows.is_none() {
            add(ClashKind::Holiday, side.school);
        } else if lesson.is_some_and(|l| overlap_s(plan, book, side.school, l) < i64::from(plan.overlap_min_s)) {
            add(ClashKind::OverlapTooShort, side.school);
        }
    }
}

/// The longest overlap of a lesson with one of a school's own periods, in seconds.
fn overlap_s(plan: &Plan, book: &DayBook, school: SchoolNo, lesson: &Lesson) -> i64 {
    let periods = book.table(plan, school, lesson.slot.date).map(|t| t.periods.as_slice()).unwrap_or_default();
    let overlap = |from_s: i32, to_s: i32| {
        let starts_s = book.instant(plan, lesson.slot.date, from_s).0;
        let ends_s = starts_s + i64::from(to_s - from_s);
        ends_s.min(lesson.ends_s) - starts_s.max(lesson.starts_s)
    };
    periods.iter().map(|p| overlap(p.start_s, p.end_s)).max().unwrap_or(0)
}

/// Two overlapping lessons that want the same person, room or class.
pub(super) fn pair(plan: &Plan, key: Key, a: &Lesson, b: &Lesson) -> Clash {
    let (first, second) = (plan.pairing_of(a.name.entry), plan.pairing_of(b.name.entry));
    clash_of(key, (a, first), (b, second))
}

pub(super) fn clash_of(key: Key, (a, first): (&Lesson, &Pairing), (b, second): (&Lesson, &Pairing)) -> Clash {
    let kind = match key.who() {
        Who::Person(person) if a.teacher == person && b.teacher == person => ClashKind::Teacher,
        Who::Person(_) => ClashKind::CoTeacher,
        Who::Room(room) if first.master.room == room && second.master.room == room => ClashKind::MasterRoom,
        Who::Room(_) => ClashKind::RuralRoom,
        Who::Class(_) | Who::School(_) => ClashKind::Class,
    };
    let present = |l: &Lesson| Present { entry: l.name.entry, date: l.slot.date };
    let at_s = (a.starts_s.max(b.starts_s), a.ends_s.min(b.ends_s));
    Clash { at_s, lessons: (present(a), Some(present(b))), kind, who: key.who() }
}
