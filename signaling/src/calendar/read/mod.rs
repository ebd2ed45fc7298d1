//! Plan files: JSON becomes a [`Plan`], or faults with their places.
//!
//! Everything is read before anything is refused, so one look shows all faults. An *error* refuses the plan: what is
//! malformed, unknown ids, ids used twice, overlapping periods, two rules of one scope on one date. A *warning* does not:
//! names that no plan has (mistyped most likely), a room or class of another school, a change whose lesson is not
//! there. All lists and texts have limits.

mod node;
mod people;
mod school;
mod timetable;

use super::changes::Refusal;
use super::expand::Timetable;
use super::model::{BellTable, Change, Dates, Entry, OVERLAP_MIN_S, Plan, RuleKind, TERM_DAYS_MAX, Term, day_number};
use jiff::civil::Date;
use jiff::tz::TimeZoneDatabase;
use node::{Node, Reader};
use serde::Serialize;

/// Does a fault refuse the plan?
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Yes.
    Error,
    /// No, but somebody should look.
    Warning,
}

/// Something wrong in a plan file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Fault {
    /// Where, as a JSON pointer (RFC 6901); empty for the whole document.
    pub pointer: String,
    /// Does it refuse the plan?
    pub level: Level,
    /// What is wrong, for programs.
    pub code: &'static str,
    /// What is wrong, for people.
    pub message: String,
}

/// A plan file is at most this large: that of a large region has some 20 MB.
pub const FILE_MAX: usize = 256 * 1024 * 1024;
/// After so many faults nobody reads on.
pub(super) const FAULTS_MAX: usize = 1_000;

/// How many of each a plan may have: several times a large region.
mod limit {
    pub(super) const SCHOOLS: usize = 20_000;
    pub(super) const BELL_TABLES: usize = 100;
    pub(super) const PERIODS: usize = 40;
    pub(super) const ROOMS: usize = 500_000;
    pub(super) const CLASSES: usize = 500_000;
    pub(super) const TEACHERS: usize = 500_000;
    pub(super) const RULES: usize = 100_000;
    pub(super) const PAIRINGS: usize = 200_000;
    pub(super) const CO_TEACHERS: usize = 50;
    pub(super) const RURAL: usize = 200;
    pub(super) const ENTRIES: usize = 200_000;
    pub(super) const CHANGES: usize = 200_000;
}

/// Reads a plan file. With a plan come warnings, without one at least one error.
pub fn read(bytes: &[u8]) -> (Option<Plan>, Vec<Fault>) {
    let mut reader = Reader::default();
    if bytes.len() > FILE_MAX {
        reader.whole("too_large", format!("the file is larger than {} MiB", FILE_MAX >> 20));
        return (None, reader.faults);
    }
    // Editors on Windows put a byte order mark before the text.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let value: serde_json::Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(cause) => {
            reader.whole("not_json", cause.to_string());
            return (None, reader.faults);
        }
    };
    let plan = plan(&mut reader, &Node::root(&value));
    let refused = reader.faults.iter().any(|f| f.level == Level::Error);
    (plan.filter(|_| !refused), reader.faults)
}

/// Reads one bell table as plan files have it.
pub fn bell_table(value: &serde_json::Value) -> Result<BellTable, Vec<Fault>> {
    let mut reader = Reader::default();
    let table = school::bell_table(&mut reader, &Node::root(value));
    alone(reader, table)
}

/// Reads one entry of a plan.
pub fn entry(plan: &Plan, value: &serde_json::Value) -> Result<Entry, Vec<Fault>> {
    let mut reader = Reader::default();
    let entry = timetable::entry(&mut reader, &Node::root(value), plan);
    alone(reader, entry)
}

/// Reads one change of a plan.
pub fn change(plan: &Plan, value: &serde_json::Value) -> Result<Change, Vec<Fault>> {
    let mut reader = Reader::default();
    let change = timetable::change(&mut reader, &Node::root(value), plan);
    alone(reader, change)
}

/// Reads the kind of one day rule.
pub fn rule_kind(value: &serde_json::Value) -> Result<RuleKind, Vec<Fault>> {
    let mut reader = Reader::default();
    let kind = school::rule_kind(&mut reader, &Node::root(value));
    alone(reader, kind)
}

/// A value that was read by itself: any error refuses it.
fn alone<T>(reader: Reader, value: Option<T>) -> Result<T, Vec<Fault>> {
    let refused = reader.faults.iter().any(|f| f.level == Level::Error);
    value.filter(|_| !refused).ok_or(reader.faults)
}

const PLAN: &[&str] = &[
    "term",
    "schools",
    "rooms",
    "classes",
    "teachers",
    "day_rules",
    "pairings",
    "entries",
    "changes",
    "min_overlap_minutes",
];

fn plan(r: &mut Reader, root: &Node<'_>) -> Option<Plan> {
    r.object(root, PLAN)?;
    let mut plan = Plan::new(r.field(root, "term").and_then(|node| term(r, &node))?);
    if let Some(minutes) = r.optional(root, "min_overlap_minutes").and_then(|node| r.integer(&node, 1, 600)) {
        plan.overlap_min_s = i32::try_from(minutes * 60).unwrap_or(OVERLAP_MIN_S);
    }
    school::schools(r, root, &mut plan);
    let places = people::places(r, root, &mut plan);
    school::day_rules(r, root, &mut plan);
    timetable::pairings(r, root, &mut plan, &places);
    timetable::entries(r, root, &mut plan);
    timetable::changes(r, root, &mut plan);
    Some(plan)
}

fn term(r: &mut Reader, node: &Node<'_>) -> Option<Term> {
    r.object(node, &["name", "first_day", "last_day", "zone"])?;
    let name = r.optional(node, "name").and_then(|n| r.text(&n)).unwrap_or_default().to_owned();
    let first = r.field(node, "first_day").and_then(|n| r.date(&n));
    let last = r.field(node, "last_day").and_then(|n| r.date(&n));
    let zone = r.field(node, "zone").and_then(|n| {
        let name = r.text(&n)?;
        let zone = TimeZoneDatabase::bundled().get(name).ok();
        if zone.is_none() {
            r.error(&n, "unknown_zone", format!("no time zone {name:?} in the IANA database"));
        }
        zone
    });
    let dates = dates(r, node, ("last_day", first?, last?))?;
    if day_number(dates.to) - day_number(dates.from) >= TERM_DAYS_MAX {
        r.error_in(node, "last_day", "too_long", format!("a term has at most {TERM_DAYS_MAX} days"));
        return None;
    }
    Some(Term { name, dates, zone: zone? })
}

/// First and last day in order, or a fault at the last.
fn dates(r: &mut Reader, node: &Node<'_>, (name, from, to): (&'static str, Date, Date)) -> Option<Dates> {
    if to < from {
        r.error_in(node, name, "ends_before_it_begins", format!("{to} is before {from}"));
        return None;
    }
    Some(Dates { from, to })
}

/// What expanding a plan found: changes that could not be applied, and lists that were cut.
pub fn refusals(plan: &Plan, timetable: &Timetable) -> Vec<Fault> {
    let warn = |pointer, code, message| Fault { pointer, level: Level::Warning, code, message };
    let name = |l: &super::LessonName| format!("{} on {}", plan.entry_ids.names()[l.entry.at()], l.date);
    let mut found: Vec<Fault> = timetable
        .refused
        .iter()
        .take(FAULTS_MAX)
        .filter_map(|(at, refusal)| {
            let pointer = format!("/changes/{at}");
            Some(match refusal {
                Refusal::NoSuchLesson(l) => {
                    let why = format!("the timetable has no lesson of {}", name(l));
                    warn(lesson_pointer(plan, *at, l, pointer), "no_such_lesson", why)
                }
                Refusal::Cancelled(l) => {
                    let why = format!("the lesson of {} is cancelled before", name(l));
                    warn(lesson_pointer(plan, *at, l, pointer), "cancelled", why)
                }
                Refusal::SwappedWithItself(l) => warn(
                    pointer,
                    "swapped_with_itself",
                    format!("the lesson of {} cannot be swapped with itself", name(l)),
                ),
                // Of a plan file all changes are applied in order, whatever they clash with.
                Refusal::ChangedSince(_) | Refusal::Clashes(_) => return None,
            })
        })
        .collect();
    if timetable.cut {
        let why = format!("the plan has more than {} lessons; the rest is left out", super::expand::LESSONS_MAX);
        found.push(warn("/entries".to_owned(), "too_many_lessons", why));
    }
    found
}

/// Where in a change a lesson is named.
fn lesson_pointer(plan: &Plan, at: usize, lesson: &super::LessonName, change: String) -> String {
    match plan.changes.get(at) {
        Some(super::Change::Swap { a, .. }) if a == lesson => format!("{change}/a"),
        Some(super::Change::Swap { .. }) => format!("{change}/b"),
        _ => format!("{change}/lesson"),
    }
}
