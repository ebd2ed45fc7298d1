//! One clash of each kind, and nothing else.

use crate::plans::{expanded, kinds, other_pairing, pairing, periods, plan};
use serde_json::{Value, json};

fn push(plan: &mut Value, list: &str, item: Value) {
    plan[list].as_array_mut().unwrap().push(item);
}

/// Pairings p2 … p6 each share exactly one thing with p1 or among themselves, in periods of their own.
fn one_of_each() -> Value {
    let mut plan = plan();
    for (kind, count) in [("rooms", 12), ("classes", 12)] {
        for at in 10..10 + count {
            let id = format!("{}{at}", &kind[..1]);
            push(
                &mut plan,
                kind,
                json!({"id": id, "school": if at == 17 || at == 19 { "s2" } else if at % 2 == 0 { "s1" } else { "s3" }}),
            );
        }
    }
    for at in 10..20 {
        push(&mut plan, "teachers", json!({"id": format!("t{at}"), "school": "s1"}));
    }
    let p = |id: &str, teacher: &str, rooms: [&str; 2], classes: [&str; 2]| {
        pairing(id, teacher, rooms[0], classes[0], "s3", rooms[1], classes[1])
    };
    let mut assisted = p("p3", "t11", ["r12", "r13"], ["c12", "c13"]);
    assisted["co_teachers"] = json!(["t1"]);
    let mut borrowing = p("p5", "t13", ["r16", "r2"], ["c16", "c17"]);
    borrowing["rural"][0]["school"] = json!("s2");
    let mut visiting = p("p6", "t14", ["r18", "r19"], ["c18", "c2"]);
    visiting["rural"][0]["school"] = json!("s2");
    let all = [
        p("p2", "t1", ["r10", "r11"], ["c10", "c11"]),
        assisted,
        p("p4", "t12", ["r1", "r15"], ["c14", "c15"]),
        borrowing,
        visiting,
    ];
    plan["pairings"].as_array_mut().unwrap().extend(all);
    // Wednesday: a period for each pair. p1 is the other one each time.
    plan["entries"] = json!([]);
    for (period, other) in [(1, "p2"), (2, "p3"), (3, "p4"), (4, "p5"), (5, "p6")] {
        for pairing in ["p1", other] {
            push(
                &mut plan,
                "entries",
                json!({"id": format!("{pairing}-{period}"), "pairing": pairing, "weekday": 3,
                "period": period, "weeks": [2]}),
            );
        }
    }
    plan
}

#[test]
fn the_report_lists_exactly_one_clash_of_each_kind() {
    let mut plan = one_of_each();
    // Village bells on Thursdays of a week are half an hour apart; Friday of week 3 is the village's holiday.
    push(
        &mut plan["schools"][1],
        "bell_tables",
        json!({"name": "短", "from": "2026-09-10", "to": "2026-09-10",
        "weekdays": [4], "temporary": true, "periods": periods(510)}),
    );
    push(&mut plan, "day_rules", json!({"scope": {"school": "s2"}, "dates": ["2026-09-18"], "kind": "holiday"}));
    push(&mut plan, "entries", json!({"id": "short", "pairing": "p1", "weekday": 4, "period": 1, "weeks": [2]}));
    push(&mut plan, "entries", json!({"id": "holiday", "pairing": "p1", "weekday": 5, "period": 1, "weeks": [3]}));
    push(&mut plan, "entries", json!({"id": "seventh", "pairing": "p1", "weekday": 5, "period": 7, "weeks": [4]}));
    push(&mut plan, "entries", json!({"id": "late", "pairing": "p1", "weekday": 5, "period": 2, "weeks": [5]}));
    plan["changes"] = json!([{"kind": "move", "lesson": {"entry": "late", "date": "2026-10-02"}, "to": {"date": "2027-01-18", "period": 2}}]);
    let answer = expanded(&plan);
    assert_eq!(answer["faults"], json!([]));
    let all: Vec<(&str, &str, usize)> = answer["clashes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["kind"].as_str().unwrap(), c["who"].as_str().unwrap(), c["lessons"].as_array().unwrap().len()))
        .collect();
    assert_eq!(
        all,
        [
            ("teacher", "t1", 2),
            ("co_teacher", "t1", 2),
            ("master_room", "r1", 2),
            ("rural_room", "r2", 2),
            ("class", "c2", 2),
            ("overlap_too_short", "s2", 1),
            ("holiday", "s2", 1),
            ("no_such_period", "s1", 1),
            ("outside_term", "s1", 1),
        ]
    );
    assert_eq!(
        answer["clashes"][0],
        json!({"kind": "teacher", "who": "t1",
        "lessons": [{"entry": "p1-1", "date": "2026-09-09"}, {"entry": "p2-1", "date": "2026-09-09"}],
        "at": ["2026-09-09T08:00:00+08:00", "2026-09-09T08:40:00+08:00"]})
    );
    assert_eq!(answer["clashes"][7]["at"], json!(["2026-09-25T00:00:00+08:00", "2026-09-26T00:00:00+08:00"]));
    assert!(answer["lessons"].as_array().unwrap().iter().all(|l| l["entry"] != "seventh"), "it has no time");
}

#[test]
fn thirty_five_minutes_of_overlap_are_enough_and_one_second_less_is_not() {
    for (start, kind) in [("08:05", 0), ("08:05:01", 1)] {
        let mut plan = plan();
        plan["entries"][0]["period"] = json!(1);
        plan["entries"][0]["weeks"] = json!([1]);
        plan["schools"][1]["bell_tables"][0]["periods"] = json!([{"no": 1, "start": start, "end": "08:45"}]);
        assert_eq!(kinds(&expanded(&plan)).len(), kind, "{start}");
        plan["min_overlap_minutes"] = json!(30);
        assert_eq!(kinds(&expanded(&plan)).len(), 0);
    }
}

#[test]
fn back_to_back_is_no_clash_and_a_cancelled_lesson_is_in_nobodys_way() {
    let mut plan = plan();
    plan["pairings"].as_array_mut().unwrap().push(other_pairing());
    plan["pairings"][1]["teacher"] = json!("t1");
    plan["entries"] = json!([{"id": "a", "pairing": "p1", "weekday": 1, "period": 1, "weeks": [2]},
        {"id": "b", "pairing": "p2", "weekday": 1, "period": 1, "weeks": [2]}]);
    assert_eq!(kinds(&expanded(&plan)), ["teacher"]);
    plan["changes"] = json!([{"kind": "cancel", "lesson": {"entry": "b", "date": "2026-09-07"}}]);
    assert_eq!(kinds(&expanded(&plan)), [""; 0]);
    plan["changes"] = json!([{"kind": "move", "lesson": {"entry": "b", "date": "2026-09-07"}, "to": {"date": "2026-09-07", "period": 2}}]);
    assert_eq!(kinds(&expanded(&plan)), [""; 0]);
    let touching = json!([{"no": 1, "start": "08:00", "end": "08:40"}, {"no": 2, "start": "08:40", "end": "09:20"}]);
    for school in 0..3 {
        plan["schools"][school]["bell_tables"][0]["periods"] = touching.clone();
    }
    assert_eq!(kinds(&expanded(&plan)), [""; 0]);
}

#[test]
fn a_lesson_moved_onto_a_holiday_of_its_own_school_says_only_that() {
    let mut plan = plan();
    plan["day_rules"] = json!([{"scope": "region", "dates": ["2026-09-18"], "kind": "holiday"}]);
    plan["changes"] = json!([{"kind": "move", "lesson": {"entry": "e1", "date": "2026-09-17"}, "to": {"date": "2026-09-18", "period": 3}}]);
    let answer = expanded(&plan);
    let told: Vec<_> = answer["clashes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["kind"].as_str().unwrap(), c["who"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("holiday", "s1"), ("holiday", "s2")]);
}
