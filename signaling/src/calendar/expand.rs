//! The dated lessons of a term.

use super::changes::{Occurrence, Refusal, outcome};
use super::days::DayBook;
use super::model::{Entry, EntryNo, FollowedWeek, LessonName, Pairing, PersonNo, Plan, Slot};
use jiff::civil::Date;

/// What became of a lesson in the plan. Running and past lessons are the scheduler's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LessonState {
    /// Where the timetable has it.
    Planned,
    /// On another date or in another period.
    Moved,
    /// Will not be held.
    Cancelled,
}

/// One dated lesson 课节.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lesson {
    /// Its name.
    pub name: LessonName,
    /// Where it is now.
    pub slot: Slot,
    /// Epoch seconds of the first bell.
    pub starts_s: i64,
    /// Epoch seconds of the last bell.
    pub ends_s: i64,
    /// Offset from UTC, in seconds, when it begins.
    pub offset_s: i32,
    /// Teaching week of the date it is on now.
    pub week: i16,
    /// Unit of the syllabus: the pairing's n-th lesson that is held carries unit n. None when cancelled.
    pub unit: Option<u16>,
    /// Who teaches it.
    pub teacher: PersonNo,
    /// What became of it.
    pub state: LessonState,
}

impl Lesson {
    pub(super) fn occurrence(&self) -> Occurrence {
        let cancelled = self.state == LessonState::Cancelled;
        Occurrence { name: self.name, slot: self.slot, teacher: self.teacher, cancelled }
    }
}

/// The lessons of a plan.
#[derive(Clone, Debug)]
pub struct Timetable {
    /// What the plan's dates are.
    pub book: DayBook,
    /// By start, then by the entry's id, then by name.
    pub lessons: Vec<Lesson>,
    /// Lessons in periods that no bell table has on their date: no time can be given to them. By name.
    pub placeless: Vec<Occurrence>,
    /// Changes that could not be applied: position in the plan, and why.
    pub refused: Vec<(usize, Refusal)>,
    /// True if the plan has more than [`LESSONS_MAX`]; the rest is left out.
    pub cut: bool,
    /// Positions in `lessons`, by name.
    by_name: Vec<u32>,
}

/// A region of 1,700 schools has about half a million lessons a term.
pub const LESSONS_MAX: usize = 4_000_000;

impl Timetable {
    /// The lesson of this name, if it has a time.
    pub fn lesson(&self, name: LessonName) -> Option<&Lesson> {
        let found = self.by_name.binary_search_by_key(&Some(name), |at| Some(self.lessons.get(*at as usize)?.name));
        self.lessons.get(*self.by_name.get(found.ok()?)? as usize)
    }

    /// Where the lesson of this name is, with a time or without.
    pub(super) fn occurrence(&self, name: LessonName) -> Option<Occurrence> {
        let placed = self.lesson(name).map(Lesson::occurrence);
        placed.or_else(|| self.placeless.iter().find(|o| o.name == name).copied())
    }

    /// Lessons whose window `[start − lead, end)` meets `[from, to)`; all in epoch seconds. A binary search, so that
    /// asking for a day of a large region costs no more than the answer.
    pub fn due(&self, from_s: i64, to_s: i64, lead_s: i64) -> impl Iterator<Item = &Lesson> {
        self.between(from_s, to_s.saturating_add(lead_s)).filter(|l| l.state != LessonState::Cancelled)
    }

    /// Lessons that meet `[from, to)`, cancelled ones too.
    pub fn between(&self, from_s: i64, to_s: i64) -> impl Iterator<Item = &Lesson> {
        let first = self.lessons.partition_point(|l| l.starts_s <= from_s.saturating_sub(DAY_S));
        let end = self.lessons.partition_point(|l| l.starts_s < to_s);
        self.lessons.get(first..end).unwrap_or_default().iter().filter(move |l| l.ends_s > from_s)
    }

    /// The timetable with some lessons elsewhere.
    pub(super) fn with(&self, plan: &Plan, new: &[Occurrence]) -> Self {
        let other = |name: LessonName| new.iter().all(|n| n.name != name);
        let mut occurrences: Vec<Occurrence> =
            self.lessons.iter().map(Lesson::occurrence).chain(self.placeless.iter().copied()).collect();
        occurrences.retain(|o| other(o.name));
        occurrences.extend(new);
        place(plan, self.book.clone(), occurrences, self.refused.clone(), self.cut)
    }
}

/// No lesson is longer: periods lie within a day.
pub(super) const DAY_S: i64 = 86_400;

/// The lessons of a plan, with its changes applied.
pub fn expand(plan: &Plan) -> Timetable {
    let book = DayBook::new(plan);
    let mut occurrences = Vec::new();
    let mut first = Vec::with_capacity(plan.entries.len() + 1);
    for (at, entry) in plan.entries.iter().enumerate() {
        first.push(occurrences.len());
        if occurrences.len() < LESSONS_MAX {
            let pairing = &plan.pairings[entry.pairing.at()];
            occurrences.extend(held(plan, &book, pairing, entry, EntryNo::from(at)));
        }
    }
    first.push(occurrences.len());
    let cut = occurrences.len() > LESSONS_MAX;
    occurrences.truncate(LESSONS_MAX);
    let mut refused = Vec::new();
    for (at, change) in plan.changes.iter().enumerate() {
        match outcome(change, |name| occurrences.get(position(&occurrences, &first, name)?).copied()) {
            Ok(new) => {
                for changed in new {
                    if let Some(at) = position(&occurrences, &first, changed.name) {
                        occurrences[at] = changed;
                    }
                }
            }
            Err(refusal) => refused.push((at, refusal)),
        }
    }
    place(plan, book, occurrences, refused, cut)
}

/// Where the lesson of this name is. Lessons of an entry lie together, from `first` of the entry on, by date.
fn position(occurrences: &[Occurrence], first: &[usize], name: LessonName) -> Option<usize> {
    let (start, end) = (*first.get(name.entry.at())?, *first.get(name.entry.at() + 1)?);
    let lessons = occurrences.get(start..end.min(occurrences.len()))?;
    lessons.binary_search_by_key(&name.date, |o| o.name.date).ok().map(|at| start + at)
}

/// The dates on which an entry has lessons by the timetable, before any change.
pub(super) fn held<'a>(
    plan: &'a Plan,
    book: &'a DayBook,
    pairing: &'a Pairing,
    entry: &'a Entry,
    number: EntryNo,
) -> impl Iterator<Item = Occurrence> + 'a {
    let (term, valid) = (plan.term.dates, pairing.dates);
    let dates = super::model::Dates { from: term.from.max(valid.from), to: term.to.min(valid.to) };
    let holds = move |date: &Date| {
        let day = book.day(plan, pairing.master.school, *date);
        day.follows == Some(entry.weekday)
            && match (day.week, &entry.weeks) {
                (FollowedWeek::Own, super::model::Weeks::All) => true,
                (week, weeks) => weeks.follows(plan.term.week(*date), week),
            }
    };
    dates.days().filter(holds).map(move |date| Occurrence {
        name: LessonName { entry: number, date },
        slot: Slot { date, period: entry.period },
        teacher: pairing.teacher,
        cancelled: false,
    })
}

/// Gives an occurrence its time; `None` if no bell table has its period on that date.
pub(super) fn timed(
    plan: &Plan,
    book: &DayBook,
    pairing: &Pairing,
    entry: &Entry,
    occurrence: Occurrence,
) -> Option<Lesson> {
    let Occurrence { name, slot, teacher, cancelled } = occurrence;
    let period = book.table(plan, pairing.master.school, slot.date)?.period(slot.period)?;
    let (starts_s, offset_s) = book.instant(plan, slot.date, period.start_s);
    let moved = slot != Slot { date: name.date, period: entry.period };
    let state = match (cancelled, moved) {
        (true, _) => LessonState::Cancelled,
        (false, true) => LessonState::Moved,
        (false, false) => LessonState::Planned,
    };
    // A lesson lasts as long as the bell table says, also over a change of the clocks.
    let ends_s = starts_s + i64::from(period.end_s - period.start_s);
    let week = i16::try_from(plan.term.week(slot.date)).unwrap_or(i16::MAX);
    Some(Lesson { name, slot, starts_s, ends_s, offset_s, week, unit: None, teacher, state })
}

fn place(
    plan: &Plan,
    book: DayBook,
    occurrences: Vec<Occurrence>,
    refused: Vec<(usize, Refusal)>,
    cut: bool,
) -> Timetable {
    let mut lessons = Vec::with_capacity(occurrences.len());
    let mut placeless = Vec::new();
    for occurrence in occurrences {
        let entry = &plan.entries[occurrence.name.entry.at()];
        match timed(plan, &book, &plan.pairings[entry.pairing.at()], entry, occurrence) {
            Some(lesson) => lessons.push(lesson),
            None => placeless.push(occurrence),
        }
    }
    let rank = ranks(plan.entry_ids.names());
    lessons.sort_unstable_by_key(|l| (l.starts_s, rank[l.name.entry.at()], l.name.date));
    placeless.sort_unstable_by_key(|o| o.name);
    give_units(plan, &mut lessons);
    let mut by_name: Vec<u32> = (0..u32::try_from(lessons.len()).unwrap_or(u32::MAX)).collect();
    by_name.sort_unstable_by_key(|at| lessons[*at as usize].name);
    Timetable { book, lessons, placeless, refused, cut, by_name }
}

/// The position of each id among all, in order of their text.
fn ranks(names: &[String]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..u32::try_from(names.len()).unwrap_or(u32::MAX)).collect();
    order.sort_unstable_by_key(|at| &names[*at as usize]);
    let mut rank = vec![0; names.len()];
    for (place, at) in order.iter().enumerate() {
        rank[*at as usize] = place as u32;
    }
    rank
}

/// Units of the syllabus follow the lessons of a pairing that are really held, so after a holiday the syllabus goes
/// on where it stopped.
fn give_units(plan: &Plan, lessons: &mut [Lesson]) {
    let mut last = vec![0_u16; plan.pairings.len()];
    for lesson in lessons.iter_mut().filter(|l| l.state != LessonState::Cancelled) {
        let unit = &mut last[plan.entries[lesson.name.entry.at()].pairing.at()];
        *unit = unit.saturating_add(1);
        lesson.unit = Some(*unit);
    }
}
