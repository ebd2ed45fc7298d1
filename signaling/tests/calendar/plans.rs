//! Plan files for tests: two schools with one pairing, to be bent by each test.

use serde_json::{Value, json};
use tongke_signaling::calendar::answer::answer;
use tongke_signaling::calendar::{Index, Plan, Timetable, expand, read};

/// Periods 1 to 6 of 40 minutes from 08:00 (or later), with breaks of 10.
pub fn periods(first_minute: u32) -> Value {
    let clock = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
    let period = |no: u32| {
        let start = first_minute + (no - 1) * 50;
        json!({"no": no, "start": clock(start), "end": clock(start + 40)})
    };
    (1..=6).map(period).collect()
}

/// A bell table of weekdays for the whole term.
pub fn table(first_minute: u32) -> Value {
    json!({"name": "夏", "from": "2026-09-01", "to": "2027-01-15", "weekdays": [1, 2, 3, 4, 5], "temporary": false,
           "periods": periods(first_minute)})
}

/// Autumn 2026: s1 teaches s2; the village's bells ring five minutes later. One entry: Thursdays, period 3, odd weeks.
pub fn plan() -> Value {
    json!({
        "term": {"name": "2026 秋", "first_day": "2026-09-01", "last_day": "2027-01-15", "zone": "Asia/Shanghai"},
        "schools": [
            {"id": "s1", "name": "实验小学", "group": "g1", "bell_tables": [table(480)]},
            {"id": "s2", "name": "东沟村小", "group": "g2", "bell_tables": [table(485)]},
            {"id": "s3", "name": "西岭村小", "group": "g2", "bell_tables": [table(480)]},
        ],
        "rooms": [{"id": "r1", "school": "s1", "kind": "master"}, {"id": "r2", "school": "s2", "kind": "interactive"},
                  {"id": "r3", "school": "s3", "kind": "terminal"}, {"id": "r4", "school": "s1", "kind": "master"}],
        "classes": [{"id": "c1", "school": "s1"}, {"id": "c2", "school": "s2"}, {"id": "c3", "school": "s3"},
                    {"id": "c4", "school": "s1"}],
        "teachers": [{"id": "t1", "school": "s1"}, {"id": "t2", "school": "s2"}, {"id": "t3", "school": "s1"},
                     {"id": "t4", "school": "s1"}],
        "day_rules": [],
        "pairings": [pairing("p1", "t1", "r1", "c1", "s2", "r2", "c2")],
        "entries": [{"id": "e1", "pairing": "p1", "weekday": 4, "period": 3, "weeks": "odd"}],
        "changes": [],
    })
}

/// A pairing from s1 to one rural side.
pub fn pairing(id: &str, teacher: &str, room: &str, class: &str, school: &str, rural: &str, far: &str) -> Value {
    json!({"id": id, "subject": "英语", "grade": "五年级", "teacher": teacher, "co_teachers": [],
           "master": {"school": "s1", "room": room, "class": class},
           "rural": [{"school": school, "room": rural, "class": far, "kind": "interactive"}],
           "from": "2026-09-01", "to": "2027-01-15"})
}

/// The same lessons in other rooms with other people: what does not clash with [`plan`].
pub fn other_pairing() -> Value {
    pairing("p2", "t3", "r4", "c4", "s3", "r3", "c3")
}

/// What `tongke calendar expand` prints.
pub fn expanded(plan: &Value) -> Value {
    serde_json::to_value(answer(plan.to_string().as_bytes())).unwrap()
}

/// The dates of an entry's lessons that are held.
pub fn dates(answer: &Value, entry: &str) -> Vec<String> {
    let lessons = answer["lessons"].as_array().unwrap().iter();
    let held = lessons.filter(|l| l["entry"] == entry && l["state"] != "cancelled");
    held.map(|l| l["date"].as_str().unwrap().to_owned()).collect()
}

/// Kinds of clashes, in the order printed.
pub fn kinds(answer: &Value) -> Vec<String> {
    answer["clashes"].as_array().unwrap().iter().map(|c| c["kind"].as_str().unwrap().to_owned()).collect()
}

/// The engine's own values of a plan that reads without any fault.
pub fn engine(plan: &Value) -> (Plan, Timetable, Index) {
    let (plan, faults) = read(plan.to_string().as_bytes());
    assert_eq!(faults, []);
    let plan = plan.unwrap();
    let timetable = expand(&plan);
    let index = Index::new(&plan, &timetable);
    (plan, timetable, index)
}
