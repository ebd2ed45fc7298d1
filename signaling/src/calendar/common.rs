//! Periods in which all sides of a pairing are free.

use super::days::DayBook;
use super::expand::{Timetable, held, timed};
use super::index::{Candidate, Index};
use super::model::{Entry, EntryNo, Pairing, PairingNo, Plan, Weekday, Weeks};
use super::{Clash, Lesson};

/// A period of the week in the master's bell table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WeekPeriod {
    /// The weekday.
    pub weekday: Weekday,
    /// The period.
    pub period: u8,
    /// How many lessons a term it would have.
    pub lessons: usize,
    /// What is in the way; empty when all sides are free.
    pub clashes: Vec<Clash>,
}

/// The lessons with a time that an entry would have. They go by `number`.
pub fn lessons_of(plan: &Plan, book: &DayBook, pairing: &Pairing, entry: &Entry, number: EntryNo) -> Vec<Lesson> {
    held(plan, book, pairing, entry, number).filter_map(|o| timed(plan, book, pairing, entry, o)).collect()
}

/// How many lessons an entry would have, and everything in their way. In clashes they go by `number`.
pub fn candidate(
    plan: &Plan,
    timetable: &Timetable,
    index: &Index,
    pairing: &Pairing,
    entry: &Entry,
    number: EntryNo,
) -> (usize, Vec<Clash>) {
    let candidates: Vec<Candidate<'_>> = held(plan, &timetable.book, pairing, entry, number)
        .map(|occurrence| {
            let lesson = timed(plan, &timetable.book, pairing, entry, occurrence);
            Candidate { pairing, occurrence, lesson }
        })
        .collect();
    // An entry that is being edited does not stand in its own way.
    let old: Vec<_> = timetable.lessons.iter().filter(|l| l.name.entry == number).map(|l| l.name).collect();
    (candidates.len(), index.clashes(plan, timetable, &candidates, &old))
}

/// All periods of the week that the master's bell tables have, with what is in the way of each.
pub fn week_periods(
    plan: &Plan,
    timetable: &Timetable,
    index: &Index,
    pairing: &Pairing,
    weeks: &Weeks,
) -> Vec<WeekPeriod> {
    let tables = &plan.schools[pairing.master.school.at()].bell_tables;
    let mut found = Vec::new();
    for weekday in 1..=7 {
        let rings = tables.iter().filter(|t| t.weekdays & (1 << weekday) != 0);
        let mut periods: Vec<u8> = rings.flat_map(|t| t.periods.iter().map(|p| p.no)).collect();
        periods.sort_unstable();
        periods.dedup();
        for period in periods {
            let entry = Entry { pairing: PairingNo(u32::MAX), weekday, period, weeks: weeks.clone() };
            let number = EntryNo(u32::MAX);
            let (lessons, clashes) = candidate(plan, timetable, index, pairing, &entry, number);
            found.push(WeekPeriod { weekday, period, lessons, clashes });
        }
    }
    found
}

/// The periods in which all sides are free in every one of these weeks.
pub fn common_periods(
    plan: &Plan,
    timetable: &Timetable,
    index: &Index,
    pairing: &Pairing,
    weeks: &Weeks,
) -> Vec<WeekPeriod> {
    let all = week_periods(plan, timetable, index, pairing, weeks);
    all.into_iter().filter(|p| p.lessons > 0 && p.clashes.is_empty()).collect()
}
