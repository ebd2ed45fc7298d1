//! Pairings, entries and changes.

use super::node::{Node, Reader};
use super::people::Places;
use super::school::{period_no, week, weekday};
use super::{dates, limit};
use crate::calendar::model::{
    Change, Dates, Entry, Ids, LessonName, Pairing, PersonNo, Plan, Side, SideKind, Slot, Weeks,
};
use serde_json::Value;

/// The number of a known id.
fn known<N: Copy + From<usize>>(r: &mut Reader, node: &Node<'_>, ids: &Ids<N>, what: &str) -> Option<N> {
    let id = r.id(node)?;
    let number = ids.number(id);
    if number.is_none() {
        r.error(node, "unknown_id", format!("no {what} has the id {id:?}"));
    }
    number
}

pub(super) fn pairings(r: &mut Reader, root: &Node<'_>, plan: &mut Plan, places: &Places) {
    let Some(list) = r.optional(root, "pairings") else { return };
    for node in r.list(&list, limit::PAIRINGS) {
        let id = r.optional(&node, "id").and_then(|n| r.id(&n));
        let pairing = pairing(r, &node, plan, places);
        let Some(id) = id else {
            r.error_in(&node, "id", "missing", "id is missing");
            continue;
        };
        if plan.pairing_ids.number(id).is_some() {
            r.error_in(&node, "id", "used_twice", "another pairing has this id");
        } else if let Some(pairing) = pairing {
            plan.pairing_ids.add(id);
            plan.pairings.push(pairing);
        }
    }
}

const PAIRING: &[&str] =
    &["id", "name", "subject", "grade", "teacher", "co_teachers", "master", "rural", "from", "to", "level"];

fn pairing(r: &mut Reader, node: &Node<'_>, plan: &Plan, places: &Places) -> Option<Pairing> {
    r.object(node, PAIRING)?;
    let text = |r: &mut Reader, name| r.optional(node, name).and_then(|n| r.text(&n)).unwrap_or_default().to_owned();
    let (subject, grade) = (text(r, "subject"), text(r, "grade"));
    let teacher = r.field(node, "teacher").and_then(|n| known(r, &n, &plan.people, "teacher"));
    let mut co_teachers: Vec<PersonNo> = Vec::new();
    if let Some(list) = r.optional(node, "co_teachers") {
        for n in r.list(&list, limit::CO_TEACHERS) {
            co_teachers.extend(known(r, &n, &plan.people, "teacher"));
        }
    }
    let master = r.field(node, "master").and_then(|n| side(r, &n, plan, places));
    let mut rural = Vec::new();
    let mut whole = true;
    if let Some(list) = r.field(node, "rural") {
        for n in r.list(&list, limit::RURAL) {
            match side(r, &n, plan, places) {
                Some(side) => rural.push(side),
                None => whole = false,
            }
        }
    }
    if let Some(level) = r.optional(node, "level")
        && !matches!(r.text(&level)?, "county" | "city" | "province")
    {
        r.error(&level, "unknown_word", "wants county, city or province");
    }
    let term = plan.term.dates;
    let from = r.optional(node, "from").map_or(Some(term.from), |n| r.date(&n));
    let to = r.optional(node, "to").map_or(Some(term.to), |n| r.date(&n));
    let dates: Dates = dates(r, node, ("to", from?, to?))?;
    let (teacher, master) = (teacher?, master?);
    whole.then_some(Pairing { subject, grade, teacher, co_teachers, master, rural, dates })
}

fn side(r: &mut Reader, node: &Node<'_>, plan: &Plan, places: &Places) -> Option<Side> {
    r.object(node, &["school", "room", "class", "kind", "grade"])?;
    let school = r.field(node, "school").and_then(|n| known(r, &n, &plan.school_ids, "school"));
    let room = r.field(node, "room").and_then(|n| known(r, &n, &plan.rooms, "room"));
    let class = match r.optional(node, "class") {
        Some(n) => Some(known(r, &n, &plan.classes, "class")?),
        None => None,
    };
    // Plan files say `kind`; people say grade.
    let word = match r.optional(node, "kind") {
        Some(kind) => Some(kind),
        None => r.optional(node, "grade"),
    };
    let kind = match word {
        None => SideKind::Interactive,
        Some(n) => match r.text(&n)? {
            "interactive" | "master" => SideKind::Interactive,
            "terminal" => SideKind::Terminal,
            _ => {
                r.error(&n, "unknown_word", "wants interactive or terminal");
                return None;
            }
        },
    };
    let (school, room) = (school?, room?);
    let elsewhere = |at: Option<&Option<_>>| at.copied().flatten().is_some_and(|its| its != school);
    if elsewhere(places.rooms.get(room.at())) {
        r.warning_in(node, "room", "other_school", "the room is of another school than this side");
    }
    if class.is_some_and(|class| elsewhere(places.classes.get(class.at()))) {
        r.warning_in(node, "class", "other_school", "the class is of another school than this side");
    }
    Some(Side { school, room, class, kind })
}

pub(super) fn entries(r: &mut Reader, root: &Node<'_>, plan: &mut Plan) {
    let Some(list) = r.optional(root, "entries") else { return };
    for node in r.list(&list, limit::ENTRIES) {
        let id = r.field(&node, "id").and_then(|n| r.id(&n));
        let entry = entry(r, &node, plan);
        let Some(id) = id else { continue };
        if plan.entry_ids.number(id).is_some() {
            r.error_in(&node, "id", "used_twice", "another entry has this id");
        } else if let Some(entry) = entry {
            plan.entry_ids.add(id);
            plan.entries.push(entry);
        }
    }
}

pub(super) fn entry(r: &mut Reader, node: &Node<'_>, plan: &Plan) -> Option<Entry> {
    r.object(node, &["id", "term", "pairing", "weekday", "period", "weeks"])?;
    let pairing = r.field(node, "pairing").and_then(|n| known(r, &n, &plan.pairing_ids, "pairing"));
    let weekday = r.field(node, "weekday").and_then(|n| weekday(r, &n));
    let period = r.field(node, "period").and_then(|n| period_no(r, &n));
    let weeks = r.optional(node, "weeks").map_or(Some(Weeks::All), |n| weeks(r, &n));
    Some(Entry { pairing: pairing?, weekday: weekday?, period: period?, weeks: weeks? })
}

fn weeks(r: &mut Reader, node: &Node<'_>) -> Option<Weeks> {
    match node.value {
        Value::String(word) if word == "all" => Some(Weeks::All),
        Value::String(word) if word == "odd" => Some(Weeks::Odd),
        Value::String(word) if word == "even" => Some(Weeks::Even),
        Value::Array(_) => {
            let mut set = 0;
            for n in r.list(node, 100) {
                set |= 1 << week(r, &n)?;
            }
            if set == 0 {
                r.error(node, "empty", "a list of weeks names one at least");
            }
            (set != 0).then_some(Weeks::Set(set))
        }
        _ => {
            r.error(node, "unknown_word", "wants all, odd, even or a list of weeks");
            None
        }
    }
}

pub(super) fn changes(r: &mut Reader, root: &Node<'_>, plan: &mut Plan) {
    let Some(list) = r.optional(root, "changes") else { return };
    for node in r.list(&list, limit::CHANGES) {
        if let Some(change) = change(r, &node, plan) {
            plan.changes.push(change);
        }
    }
}

pub(super) fn change(r: &mut Reader, node: &Node<'_>, plan: &Plan) -> Option<Change> {
    r.object(node, &["kind", "lesson", "to", "a", "b", "teacher", "why", "who", "at", "id"])?;
    let kind = r.field(node, "kind")?;
    let name = |r: &mut Reader, field| r.field(node, field).and_then(|n| lesson_name(r, &n, plan));
    Some(match r.text(&kind)? {
        "move" => {
            let lesson = name(r, "lesson");
            let to = r.field(node, "to").and_then(|n| slot(r, &n));
            Change::Move { lesson: lesson?, to: to? }
        }
        "swap" => {
            let (a, b) = (name(r, "a"), name(r, "b"));
            Change::Swap { a: a?, b: b? }
        }
        "substitute" => {
            let lesson = name(r, "lesson");
            let teacher = r.field(node, "teacher").and_then(|n| known(r, &n, &plan.people, "teacher"));
            Change::Substitute { lesson: lesson?, teacher: teacher? }
        }
        "cancel" => Change::Cancel { lesson: name(r, "lesson")? },
        _ => {
            r.error(&kind, "unknown_word", "wants move, swap, substitute or cancel");
            return None;
        }
    })
}

fn lesson_name(r: &mut Reader, node: &Node<'_>, plan: &Plan) -> Option<LessonName> {
    r.object(node, &["entry", "date"])?;
    let entry = r.field(node, "entry").and_then(|n| known(r, &n, &plan.entry_ids, "entry"));
    let date = r.field(node, "date").and_then(|n| r.date(&n));
    Some(LessonName { entry: entry?, date: date? })
}

fn slot(r: &mut Reader, node: &Node<'_>) -> Option<Slot> {
    r.object(node, &["date", "period"])?;
    let date = r.field(node, "date").and_then(|n| r.date(&n));
    let period = r.field(node, "period").and_then(|n| period_no(r, &n));
    Some(Slot { date: date?, period: period? })
}
