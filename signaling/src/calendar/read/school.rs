//! Schools, their bell tables, and day rules.

use super::node::{Node, Reader};
use super::{dates, limit};
use crate::calendar::model::{BellTable, FollowedWeek, Period, Plan, RuleKind, School, Scope, WEEK_MAX, Weekday};
use jiff::civil::Date;
use serde_json::Value;

pub(super) fn schools(r: &mut Reader, root: &Node<'_>, plan: &mut Plan) {
    let Some(list) = r.field(root, "schools") else { return };
    for node in r.list(&list, limit::SCHOOLS) {
        if r.object(&node, &["id", "name", "group", "kind", "bell_tables"]).is_none() {
            continue;
        }
        let id = r.field(&node, "id").and_then(|n| r.id(&n));
        let group = r.optional(&node, "group").and_then(|n| r.id(&n));
        let group = group.and_then(|id| plan.groups.number(id).or_else(|| plan.groups.add(id)));
        let bell_tables = bell_tables(r, &node);
        if id.is_some_and(|id| plan.school_ids.add(id).is_none()) {
            r.error_in(&node, "id", "used_twice", "another school has this id");
        } else if id.is_some() {
            plan.schools.push(School { group, bell_tables });
        }
    }
}

fn bell_tables(r: &mut Reader, school: &Node<'_>) -> Vec<BellTable> {
    let mut tables: Vec<BellTable> = Vec::new();
    let Some(list) = r.optional(school, "bell_tables") else { return tables };
    for node in r.list(&list, limit::BELL_TABLES) {
        let Some(table) = bell_table(r, &node) else { continue };
        let beside = |other: &&BellTable| {
            other.temporary == table.temporary
                && other.weekdays & table.weekdays != 0
                && other.dates.from <= table.dates.to
                && table.dates.from <= other.dates.to
        };
        if let Some(other) = tables.iter().find(beside) {
            let why = format!("rings on the same days as the table {:?}", other.name);
            r.error(&node, "overlapping_tables", why);
        } else {
            tables.push(table);
        }
    }
    tables
}

pub(super) fn bell_table(r: &mut Reader, node: &Node<'_>) -> Option<BellTable> {
    r.object(node, &["id", "name", "from", "to", "weekdays", "temporary", "periods"])?;
    let name = r.optional(node, "name").and_then(|n| r.text(&n)).unwrap_or_default().to_owned();
    let from = r.field(node, "from").and_then(|n| r.date(&n));
    let to = r.field(node, "to").and_then(|n| r.date(&n));
    let weekdays = match r.optional(node, "weekdays") {
        Some(list) => weekdays(r, &list),
        None => Some(0b1111_1110),
    };
    let temporary = r.optional(node, "temporary").and_then(|n| r.flag(&n)).unwrap_or(false);
    let periods = r.field(node, "periods").and_then(|list| periods(r, &list));
    let dates = dates(r, node, ("to", from?, to?))?;
    Some(BellTable { name, dates, weekdays: weekdays?, temporary, periods: periods? })
}

fn weekdays(r: &mut Reader, list: &Node<'_>) -> Option<u8> {
    let mut days = 0;
    for node in r.list(list, 7) {
        days |= 1 << weekday(r, &node)?;
    }
    if days == 0 && list.value.is_array() {
        r.error(list, "empty", "a bell table rings on one weekday at least");
    }
    (days != 0).then_some(days)
}

pub(super) fn weekday(r: &mut Reader, node: &Node<'_>) -> Option<Weekday> {
    r.integer(node, 1, 7).and_then(|n| Weekday::try_from(n).ok())
}

pub(super) fn period_no(r: &mut Reader, node: &Node<'_>) -> Option<u8> {
    r.integer(node, 0, 99).and_then(|n| u8::try_from(n).ok())
}

fn periods(r: &mut Reader, list: &Node<'_>) -> Option<Vec<Period>> {
    let mut periods: Vec<Period> = Vec::new();
    let mut sound = list.value.is_array();
    for node in r.list(list, limit::PERIODS) {
        let Some(period) = period(r, &node) else {
            sound = false;
            continue;
        };
        if periods.iter().any(|p| p.no == period.no) {
            r.error_in(&node, "no", "used_twice", format!("another period of this table has number {}", period.no));
        }
        if let Some(other) = periods.iter().find(|p| p.start_s < period.end_s && period.start_s < p.end_s) {
            let why = format!("period {} overlaps period {}", period.no, other.no);
            r.error(&node, "overlapping_periods", why);
        }
        periods.push(period);
    }
    periods.sort_by_key(|p| p.start_s);
    sound.then_some(periods)
}

fn period(r: &mut Reader, node: &Node<'_>) -> Option<Period> {
    r.object(node, &["no", "name", "start", "end"])?;
    let no = r.field(node, "no").and_then(|n| period_no(r, &n));
    let name = r.optional(node, "name").and_then(|n| r.text(&n)).map(str::to_owned);
    let start_s = r.field(node, "start").and_then(|n| r.time_s(&n));
    let end_s = r.field(node, "end").and_then(|n| r.time_s(&n));
    let (start_s, end_s) = (start_s?, end_s?);
    if end_s <= start_s {
        r.error_in(node, "end", "ends_before_it_begins", "a period ends after it begins, on the same day");
        return None;
    }
    Some(Period { no: no?, name, start_s, end_s })
}

pub(super) fn day_rules(r: &mut Reader, root: &Node<'_>, plan: &mut Plan) {
    let Some(list) = r.optional(root, "day_rules") else { return };
    for node in r.list(&list, limit::RULES) {
        if r.object(&node, &["scope", "dates", "kind", "weekday", "week", "name", "why"]).is_none() {
            continue;
        }
        let scope = r.field(&node, "scope").and_then(|n| scope(r, &n, plan));
        let kind = rule_kind(r, &node);
        let Some(list) = r.field(&node, "dates") else { continue };
        let days: Vec<(Node<'_>, Date)> = r.list(&list, 400).filter_map(|n| r.date(&n).map(|date| (n, date))).collect();
        let (Some(scope), Some(kind)) = (scope, kind) else { continue };
        for (place, date) in days {
            if !plan.rules.add(scope, date, kind) {
                r.error(&place, "two_rules", format!("the same scope has another rule on {date}"));
            }
        }
    }
}

fn scope(r: &mut Reader, node: &Node<'_>, plan: &Plan) -> Option<Scope> {
    match node.value {
        Value::String(word) if word == "region" => Some(Scope::Region),
        Value::Object(map) if map.len() == 1 && map.contains_key("group") => {
            let id = r.field(node, "group")?;
            let group = plan.groups.number(r.id(&id)?);
            if group.is_none() {
                r.error(&id, "unknown_id", "no school is of this group");
            }
            group.map(Scope::Group)
        }
        Value::Object(map) if map.len() == 1 && map.contains_key("school") => {
            let id = r.field(node, "school")?;
            let school = plan.school_ids.number(r.id(&id)?);
            if school.is_none() {
                r.error(&id, "unknown_id", "no such school");
            }
            school.map(Scope::School)
        }
        _ => {
            r.error(node, "unknown_word", r#"wants "region", {"group": id} or {"school": id}"#);
            None
        }
    }
}

pub(super) fn rule_kind(r: &mut Reader, node: &Node<'_>) -> Option<RuleKind> {
    let kind = r.field(node, "kind")?;
    match r.text(&kind)? {
        "holiday" => Some(RuleKind::Holiday),
        "runs_as" => {
            let weekday = r.field(node, "weekday").and_then(|n| weekday(r, &n));
            let week = match r.optional(node, "week") {
                None => Some(FollowedWeek::Own),
                Some(n) => followed_week(r, &n),
            };
            Some(RuleKind::RunsAs { weekday: weekday?, week: week? })
        }
        _ => {
            r.error(&kind, "unknown_word", "wants holiday or runs_as");
            None
        }
    }
}

fn followed_week(r: &mut Reader, node: &Node<'_>) -> Option<FollowedWeek> {
    match node.value {
        Value::String(word) if word == "own" => Some(FollowedWeek::Own),
        Value::String(word) if word == "odd" => Some(FollowedWeek::Odd),
        Value::String(word) if word == "even" => Some(FollowedWeek::Even),
        Value::Number(_) => week(r, node).map(FollowedWeek::Number),
        _ => {
            r.error(node, "unknown_word", "wants own, odd, even or the number of a week");
            None
        }
    }
}

/// The number of a teaching week.
pub(super) fn week(r: &mut Reader, node: &Node<'_>) -> Option<u8> {
    r.integer(node, 1, i64::from(WEEK_MAX)).and_then(|n| u8::try_from(n).ok())
}
