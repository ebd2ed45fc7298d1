//! A real school notice: 28–30 September and 1–7 October no lessons, 课程顺延一次; Saturday 10 October makes up for an
//! odd week's Thursday (补单周周四课程).

use crate::plans::{dates, engine, expanded, kinds, other_pairing, plan};
use serde_json::{Value, json};
use tongke_signaling::calendar::{LessonState, common::common_periods, model::Weeks};

fn notice() -> Value {
    let mut plan = plan();
    plan["day_rules"] = json!([
        {"scope": "region", "dates": ["2026-09-28", "2026-09-29", "2026-09-30"], "kind": "holiday"},
        {"scope": "region", "dates": ["2026-10-01", "2026-10-02", "2026-10-05", "2026-10-06", "2026-10-07"], "kind": "holiday"},
        {"scope": "region", "dates": ["2026-10-10"], "kind": "runs_as", "weekday": 4, "week": "odd"},
    ]);
    plan["pairings"].as_array_mut().unwrap().push(other_pairing());
    plan["entries"] = json!([
        {"id": "thursday", "pairing": "p1", "weekday": 4, "period": 3, "weeks": "odd"},
        {"id": "even", "pairing": "p2", "weekday": 4, "period": 3, "weeks": "even"},
        {"id": "wednesday", "pairing": "p2", "weekday": 3, "period": 2, "weeks": "all"},
    ]);
    plan
}

#[test]
fn the_saturday_carries_the_odd_weeks_thursday_at_its_own_bells() {
    let answer = expanded(&notice());
    assert_eq!((&answer["faults"], &answer["clashes"]), (&json!([]), &json!([])));
    let thursday = dates(&answer, "thursday");
    // Week 1 is that of 1 September, so 3 September is odd; 1 October is a holiday.
    assert_eq!(thursday[..5], ["2026-09-03", "2026-09-17", "2026-10-10", "2026-10-15", "2026-10-29"]);
    assert!(!dates(&answer, "even").contains(&"2026-10-10".to_owned()));
    let saturday = answer["lessons"].as_array().unwrap().iter().find(|l| l["date"] == "2026-10-10").unwrap();
    assert_eq!(
        saturday,
        &json!({"entry": "thursday", "date": "2026-10-10", "week": 6, "period": 3, "unit": 3,
            "starts": "2026-10-10T09:40:00+08:00", "ends": "2026-10-10T10:20:00+08:00", "state": "planned",
            "teacher": "t1", "rooms": ["r1", "r2"]})
    );
}

#[test]
fn holidays_have_no_lessons_and_the_syllabus_goes_on_after_them() {
    let answer = expanded(&notice());
    let wednesday: Vec<(&str, i64)> = answer["lessons"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|l| l["entry"] == "wednesday")
        .map(|l| (l["date"].as_str().unwrap(), l["unit"].as_i64().unwrap()))
        .collect();
    for holiday in ["2026-09-30", "2026-10-07"] {
        assert!(wednesday.iter().all(|(date, _)| *date != holiday));
    }
    // The pairing also has lessons in even weeks on Thursdays: 9-02, 9-09, 9-10, 9-16, 9-23, 9-24, then 10-08.
    let place = wednesday.iter().position(|(date, _)| *date == "2026-09-23").unwrap();
    assert_eq!(wednesday[place..place + 2], [("2026-09-23", 5), ("2026-10-14", 8)]);
}

#[test]
fn a_swap_laid_on_the_saturday_works() {
    let mut plan = notice();
    plan["changes"] = json!([{"kind": "swap", "a": {"entry": "thursday", "date": "2026-10-10"},
                              "b": {"entry": "wednesday", "date": "2026-10-14"}}]);
    let answer = expanded(&plan);
    assert_eq!((&answer["faults"], kinds(&answer)), (&json!([]), vec![]));
    let find = |entry: &str, from: &str| {
        let mut lessons = answer["lessons"].as_array().unwrap().iter();
        lessons.find(|l| l["entry"] == entry && l["moved_from"] == from).unwrap().clone()
    };
    let there = find("thursday", "2026-10-10");
    assert_eq!((&there["date"], &there["period"], &there["state"]), (&json!("2026-10-14"), &json!(2), &json!("moved")));
    let here = find("wednesday", "2026-10-14");
    assert_eq!((&here["starts"], &here["week"]), (&json!("2026-10-10T09:40:00+08:00"), &json!(6)));
}

#[test]
fn one_school_alone_on_a_saturday_meets_nobody() {
    let mut plan = notice();
    plan["day_rules"][2]["scope"] = json!({"school": "s1"});
    let answer = expanded(&plan);
    assert_eq!(
        answer["clashes"],
        json!([{"kind": "overlap_too_short", "lessons": [{"entry": "thursday", "date": "2026-10-10"}], "who": "s2",
                "at": ["2026-10-10T09:40:00+08:00", "2026-10-10T10:20:00+08:00"]}])
    );
}

#[test]
fn common_free_periods_know_the_saturday() {
    let (plan, timetable, index) = engine(&notice());
    let pairing = &plan.pairings[0];
    let free = common_periods(&plan, &timetable, &index, pairing, &Weeks::All);
    // Only the pairing's own lesson stands in the way: Thursday's third period.
    assert_eq!(free.len(), 29);
    assert!(!free.iter().any(|p| (p.weekday, p.period) == (4, 3)));
    let even = common_periods(&plan, &timetable, &index, pairing, &Weeks::Even);
    let fourth = even.iter().find(|p| (p.weekday, p.period) == (4, 3)).unwrap();
    assert_eq!(fourth.lessons, 10);
    assert!(timetable.lessons.iter().all(|l| l.state == LessonState::Planned));
}
