//! Calendars that users of other systems asked for and did not get.

use crate::plans::{dates, engine, expanded, kinds, periods, plan};
use jiff::civil::date;
use serde_json::json;
use tongke_signaling::calendar::expand;
use tongke_signaling::calendar::model::{Dates, SchoolNo, Scope};
use tongke_signaling::calendar::shift::{ShiftRefusal, shift};

#[test]
fn a_make_up_day_is_entered_weeks_ahead_and_parity_is_that_of_its_own_week_unless_said() {
    let mut plan = plan();
    // Saturday of week 6, which is even.
    let on = |week: serde_json::Value| json!([{"scope": "region", "dates": ["2026-10-10"], "kind": "runs_as", "weekday": 4, "week": week}]);
    for (week, held) in
        [(json!("own"), false), (json!("odd"), true), (json!("even"), false), (json!(3), true), (json!(4), false)]
    {
        plan["day_rules"] = on(week.clone());
        assert_eq!(dates(&expanded(&plan), "e1").contains(&"2026-10-10".to_owned()), held, "{week}");
    }
    plan["entries"][0]["weeks"] = json!([3, 6, 7]);
    for (week, held) in
        [(json!("own"), true), (json!("odd"), false), (json!("even"), false), (json!(3), true), (json!(4), false)]
    {
        plan["day_rules"] = on(week.clone());
        assert_eq!(dates(&expanded(&plan), "e1").contains(&"2026-10-10".to_owned()), held, "list, {week}");
    }
}

#[test]
fn the_narrowest_scope_wins() {
    let mut plan = plan();
    plan["day_rules"] = json!([
        {"scope": "region", "dates": ["2026-09-17"], "kind": "holiday"},
        {"scope": {"group": "g1"}, "dates": ["2026-09-17"], "kind": "runs_as", "weekday": 1},
        {"scope": {"school": "s1"}, "dates": ["2026-09-17"], "kind": "runs_as", "weekday": 4},
    ]);
    let answer = expanded(&plan);
    assert!(dates(&answer, "e1").contains(&"2026-09-17".to_owned()));
    assert_eq!(answer["clashes"][0]["kind"], "holiday", "the other side is of the region only");
    assert_eq!(answer["clashes"][0]["who"], "s2");
    plan["day_rules"].as_array_mut().unwrap().pop();
    assert!(!dates(&expanded(&plan), "e1").contains(&"2026-09-17".to_owned()));
}

#[test]
fn a_temporary_bell_table_rings_on_its_dates_and_leaves_the_timetable_alone() {
    let mut plan = plan();
    let exam = |first| {
        json!({"name": "考试", "from": "2026-09-14", "to": "2026-09-18", "weekdays": [1, 2, 3, 4, 5],
        "temporary": true, "periods": periods(first)})
    };
    plan["schools"][0]["bell_tables"].as_array_mut().unwrap().push(exam(555));
    let answer = expanded(&plan);
    let starts: Vec<_> = answer["lessons"].as_array().unwrap().iter().take(3).map(|l| &l["starts"]).collect();
    assert_eq!(starts, ["2026-09-03T09:40:00+08:00", "2026-09-17T10:55:00+08:00", "2026-10-01T09:40:00+08:00"]);
    assert_eq!(kinds(&answer), ["overlap_too_short"], "the other side still rings its own bells");
    plan["schools"][1]["bell_tables"].as_array_mut().unwrap().push(exam(560));
    assert_eq!(kinds(&expanded(&plan)), [""; 0]);
    // A swap on top of the temporary day takes that day's bells.
    plan["changes"] = json!([{"kind": "swap", "a": {"entry": "e1", "date": "2026-09-17"}, "b": {"entry": "e1", "date": "2026-10-15"}},
        {"kind": "move", "lesson": {"entry": "e1", "date": "2026-09-17"}, "to": {"date": "2026-09-18", "period": 1}}]);
    let answer = expanded(&plan);
    let moved: Vec<_> =
        answer["lessons"].as_array().unwrap().iter().filter(|l| l["state"] == "moved").map(|l| &l["starts"]).collect();
    assert_eq!(moved, ["2026-09-17T10:55:00+08:00", "2026-09-18T09:15:00+08:00"]);
}

#[test]
fn a_week_is_shifted_by_three_days() {
    let (plan, before, _) = engine(&plan());
    let week = Dates { from: date(2026, 9, 14), to: date(2026, 9, 18) };
    let rules = shift(&plan, Scope::Region, SchoolNo(0), week, 3).unwrap();
    let mut shifted = plan.clone();
    for (date, kind) in &rules {
        assert!(shifted.rules.add(Scope::Region, *date, *kind));
    }
    let after = expand(&shifted);
    let on = |t: &tongke_signaling::calendar::Timetable, day| t.lessons.iter().filter(|l| l.slot.date == day).count();
    assert_eq!((on(&before, date(2026, 9, 17)), on(&after, date(2026, 9, 17))), (1, 0));
    assert_eq!(on(&after, date(2026, 9, 20)), 1, "Thursday's lesson, on Sunday, of the odd week it belongs to");
    assert_eq!(after.lessons.len(), before.lessons.len());
    // Again the same days: their rules are there already.
    assert_eq!(shift(&shifted, Scope::Region, SchoolNo(0), week, 1), Err(ShiftRefusal::RuleThere(date(2026, 9, 18))));
    assert_eq!(shift(&plan, Scope::Region, SchoolNo(0), week, 0), Err(ShiftRefusal::NotADistance));
    let last = Dates { from: date(2027, 1, 14), to: date(2027, 1, 15) };
    assert_eq!(shift(&plan, Scope::Region, SchoolNo(0), last, 3), Err(ShiftRefusal::OutsideTerm(date(2027, 1, 17))));
}

#[test]
fn a_twenty_week_term_is_an_exact_list_of_instants() {
    let mut plan = plan();
    plan["entries"][0]["weeks"] = json!("all");
    let answer = expanded(&plan);
    let all = answer["lessons"].as_array().unwrap();
    assert_eq!(all.len(), 20);
    for (at, lesson) in all.iter().enumerate() {
        let day = date(2026, 9, 3).saturating_add(jiff::Span::new().weeks(at as i64));
        assert_eq!(lesson["starts"], format!("{day}T09:40:00+08:00"));
        assert_eq!((&lesson["unit"], &lesson["week"]), (&json!(at + 1), &json!(at + 1)));
    }
}

#[test]
fn clocks_that_change_move_the_instant_and_not_the_bell() {
    let mut plan = plan();
    plan["term"]["zone"] = json!("Europe/Berlin");
    plan["entries"][0]["weeks"] = json!("all");
    let answer = expanded(&plan);
    let starts: Vec<_> = answer["lessons"].as_array().unwrap().iter().map(|l| l["starts"].as_str().unwrap()).collect();
    assert!(starts.contains(&"2026-10-22T09:40:00+02:00") && starts.contains(&"2026-10-29T09:40:00+01:00"));
}
