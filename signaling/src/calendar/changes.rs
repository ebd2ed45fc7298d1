//! Changes 调课/代课: what one does to the lessons it touches, and whether it may.

use super::clashes::Clash;
use super::expand::{Lesson, Timetable, expand, timed};
use super::index::{Candidate, Index};
use super::model::{Change, LessonName, PersonNo, Plan, Slot};

/// Where a lesson is, before it is given a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Occurrence {
    /// Its name.
    pub name: LessonName,
    /// Where it is now.
    pub slot: Slot,
    /// Who teaches it.
    pub teacher: PersonNo,
    /// Will it not be held?
    pub cancelled: bool,
}

/// Why a change cannot be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No lesson has this name: the entry is not held on that date.
    NoSuchLesson(LessonName),
    /// It is cancelled; undo that first.
    Cancelled(LessonName),
    /// A lesson cannot be swapped with itself.
    SwappedWithItself(LessonName),
    /// A later change builds on this one; undo that first.
    ChangedSince(LessonName),
    /// What would then be in the way. Clashes that were there before are not counted.
    Clashes(Vec<Clash>),
}

/// What a change makes of the lessons it touches, whatever is in the way.
pub(super) fn outcome(
    change: &Change,
    find: impl Fn(LessonName) -> Option<Occurrence>,
) -> Result<Vec<Occurrence>, Refusal> {
    let held = |name: LessonName| match find(name) {
        None => Err(Refusal::NoSuchLesson(name)),
        Some(lesson) if lesson.cancelled => Err(Refusal::Cancelled(name)),
        Some(lesson) => Ok(lesson),
    };
    Ok(match *change {
        Change::Move { lesson, to } => vec![Occurrence { slot: to, ..held(lesson)? }],
        Change::Substitute { lesson, teacher } => vec![Occurrence { teacher, ..held(lesson)? }],
        Change::Cancel { lesson } => vec![Occurrence { cancelled: true, ..held(lesson)? }],
        Change::Swap { a, b } if a == b => return Err(Refusal::SwappedWithItself(a)),
        Change::Swap { a, b } => {
            let (a, b) = (held(a)?, held(b)?);
            vec![Occurrence { slot: b.slot, ..a }, Occurrence { slot: a.slot, ..b }]
        }
    })
}

/// The timetable after one more change, or everything that is in the way. The plan itself is not changed: who accepts
/// the answer appends the change.
pub fn change(plan: &Plan, now: &Timetable, index: &Index, change: &Change) -> Result<Timetable, Refusal> {
    let new = outcome(change, |name| now.occurrence(name))?;
    let clashes = in_the_way(plan, now, index, &new);
    if clashes.is_empty() { Ok(now.with(plan, &new)) } else { Err(Refusal::Clashes(clashes)) }
}

/// Everything that would be in the way of a change, and the lessons it would make. Unlike [`change`] it makes no new
/// timetable, so that many places can be tried at once.
pub fn try_out(
    plan: &Plan,
    now: &Timetable,
    index: &Index,
    change: &Change,
) -> Result<(Vec<Lesson>, Vec<Clash>), Refusal> {
    let new = outcome(change, |name| now.occurrence(name))?;
    let clashes = in_the_way(plan, now, index, &new);
    let lesson = |o: &Occurrence| {
        let entry = &plan.entries[o.name.entry.at()];
        timed(plan, &now.book, &plan.pairings[entry.pairing.at()], entry, *o)
    };
    Ok((new.iter().filter_map(lesson).collect(), clashes))
}

/// The clashes that lessons would have in new places and have not now.
fn in_the_way(plan: &Plan, now: &Timetable, index: &Index, new: &[Occurrence]) -> Vec<Clash> {
    let before: Vec<Occurrence> = new.iter().filter_map(|o| now.occurrence(o.name)).collect();
    // A clash that is there already is no reason to keep a lesson where it is.
    let old = clashes_of(plan, now, index, &before);
    clashes_of(plan, now, index, new).into_iter().filter(|clash| !old.contains(clash)).collect()
}

/// The clashes of lessons in these places with all others where they are now.
fn clashes_of(plan: &Plan, now: &Timetable, index: &Index, places: &[Occurrence]) -> Vec<Clash> {
    let candidates: Vec<Candidate<'_>> = places
        .iter()
        .filter(|o| !o.cancelled)
        .map(|o| {
            let entry = &plan.entries[o.name.entry.at()];
            let pairing = &plan.pairings[entry.pairing.at()];
            Candidate { pairing, occurrence: *o, lesson: timed(plan, &now.book, pairing, entry, *o) }
        })
        .collect();
    let touched: Vec<LessonName> = places.iter().map(|o| o.name).collect();
    index.clashes(plan, now, &candidates, &touched)
}

/// The plan without one of its changes, and its timetable; refused if a later change touches the same lessons, or if
/// the old place is taken meanwhile. What was in the way already when the change was made is not counted.
pub fn undo(plan: &Plan, now: &Timetable, index: &Index, at: usize) -> Result<(Plan, Timetable), Refusal> {
    let Some(undone) = plan.changes.get(at) else { return Ok((plan.clone(), now.clone())) };
    let touched: Vec<LessonName> = undone.lessons().collect();
    let mut later = plan.changes.iter().skip(at + 1).flat_map(Change::lessons);
    if let Some(name) = later.find(|name| touched.contains(name)) {
        return Err(Refusal::ChangedSince(name));
    }
    let mut without = plan.clone();
    without.changes.remove(at);
    let after = expand(&without);
    let places: Vec<Occurrence> = touched.iter().filter_map(|name| after.occurrence(*name)).collect();
    let mut clashes = in_the_way(plan, now, index, &places);
    if !clashes.is_empty() {
        let before = Plan { changes: plan.changes.iter().take(at).copied().collect(), ..plan.clone() };
        let timetable = expand(&before);
        let old = clashes_of(&before, &timetable, &Index::new(&before, &timetable), &places);
        clashes.retain(|clash| !old.contains(clash));
    }
    if clashes.is_empty() { Ok((without, after)) } else { Err(Refusal::Clashes(clashes)) }
}
