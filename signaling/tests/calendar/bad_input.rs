//! Plans that cannot be right: a clear fault with its place, and no lesson.

use crate::plans::{expanded, plan};
use serde_json::{Value, json};
use tongke_signaling::calendar::answer::answer;

/// A bent plan's errors: pointers and codes.
fn errors(pointer: &str, value: Value) -> Vec<(String, String)> {
    let mut plan = plan();
    // An index one past the end appends.
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    match plan.pointer_mut(parent).unwrap() {
        Value::Array(list) if last.parse() == Ok(list.len()) => list.push(value),
        Value::Array(list) => list[last.parse::<usize>().unwrap()] = value,
        Value::Object(map) => _ = map.insert(last.to_owned(), value),
        other => panic!("{other}"),
    }
    let told = expanded(&plan);
    assert_eq!((&told["lessons"], &told["clashes"]), (&json!([]), &json!([])), "nothing half done");
    let faults = told["faults"].as_array().unwrap().iter();
    let word = |f: &Value, name: &str| f[name].as_str().unwrap().to_owned();
    faults.filter(|f| f["level"] == "error").map(|f| (word(f, "pointer"), word(f, "code"))).collect()
}

#[test]
fn every_fault_has_its_place() {
    let table = |from: &str, to: &str| json!({"name": "冬", "from": from, "to": to, "weekdays": [5], "periods": []});
    let holiday = |scope: Value, dates: Value| json!({"scope": scope, "dates": dates, "kind": "holiday"});
    for (at, value, pointer, code) in [
        ("/term", json!(3), "/term", "wrong_type"),
        ("/term/zone", json!("Asia/Shangri-La"), "/term/zone", "unknown_zone"),
        ("/term/first_day", json!("2026-02-29"), "/term/first_day", "not_a_date"),
        ("/term/first_day", json!("2027-02-01"), "/term/last_day", "ends_before_it_begins"),
        ("/term/first_day", json!("2025-01-01"), "/term/last_day", "too_long"),
        ("/schools/0/id", json!("s2"), "/schools/1/id", "used_twice"),
        ("/schools/0/id", json!(""), "/schools/0/id", "empty"),
        (
            "/schools/0/bell_tables/1",
            table("2026-12-01", "2027-01-15"),
            "/schools/0/bell_tables/1",
            "overlapping_tables",
        ),
        ("/schools/0/bell_tables/0/weekdays", json!([0]), "/schools/0/bell_tables/0/weekdays/0", "out_of_range"),
        ("/schools/0/bell_tables/0/to", json!("2026-08-01"), "/schools/0/bell_tables/0/to", "ends_before_it_begins"),
        (
            "/schools/0/bell_tables/0/periods/2",
            json!({"no": 3, "start": "08:30", "end": "08:50"}),
            "/schools/0/bell_tables/0/periods/2",
            "overlapping_periods",
        ),
        ("/schools/0/bell_tables/0/periods/1/no", json!(1), "/schools/0/bell_tables/0/periods/1/no", "used_twice"),
        (
            "/schools/0/bell_tables/0/periods/1/end",
            json!("08:50"),
            "/schools/0/bell_tables/0/periods/1/end",
            "ends_before_it_begins",
        ),
        (
            "/schools/0/bell_tables/0/periods/1/start",
            json!("8am"),
            "/schools/0/bell_tables/0/periods/1/start",
            "not_a_time",
        ),
        ("/rooms/0/school", json!("s9"), "/rooms/0/school", "unknown_id"),
        ("/rooms/4", json!({"id": "r1", "school": "s1"}), "/rooms/4/id", "used_twice"),
        (
            "/day_rules/0",
            holiday(json!("region"), json!(["2026-09-08", "2026-09-09", "2026-09-08"])),
            "/day_rules/0/dates/2",
            "two_rules",
        ),
        ("/day_rules/0", holiday(json!({"group": "g9"}), json!([])), "/day_rules/0/scope/group", "unknown_id"),
        ("/day_rules/0", holiday(json!("everywhere"), json!([])), "/day_rules/0/scope", "unknown_word"),
        (
            "/day_rules/0",
            json!({"scope": "region", "dates": ["2026-10-10"], "kind": "runs_as", "weekday": 8}),
            "/day_rules/0/weekday",
            "out_of_range",
        ),
        (
            "/day_rules/0",
            json!({"scope": "region", "dates": [], "kind": "runs_as", "weekday": 4, "week": 0}),
            "/day_rules/0/week",
            "out_of_range",
        ),
        ("/pairings/0/teacher", json!("t9"), "/pairings/0/teacher", "unknown_id"),
        ("/pairings/0/rural/0/room", json!("r9"), "/pairings/0/rural/0/room", "unknown_id"),
        ("/pairings/0/level", json!("world"), "/pairings/0/level", "unknown_word"),
        ("/entries/0/pairing", json!("p9"), "/entries/0/pairing", "unknown_id"),
        ("/entries/0/weekday", json!("Thursday"), "/entries/0/weekday", "wrong_type"),
        ("/entries/0/weeks", json!([0, 1]), "/entries/0/weeks/0", "out_of_range"),
        ("/entries/0/weeks", json!("单"), "/entries/0/weeks", "unknown_word"),
        ("/entries/0/period", json!(-1), "/entries/0/period", "out_of_range"),
        (
            "/changes/0",
            json!({"kind": "cancel", "lesson": {"entry": "e9", "date": "2026-09-17"}}),
            "/changes/0/lesson/entry",
            "unknown_id",
        ),
        ("/changes/0", json!({"kind": "vanish"}), "/changes/0/kind", "unknown_word"),
        (
            "/changes/0",
            json!({"kind": "move", "lesson": {"entry": "e1", "date": "2026-09-17"}}),
            "/changes/0/to",
            "missing",
        ),
    ] {
        let found = errors(at, value);
        assert!(found.contains(&(pointer.to_owned(), code.to_owned())), "{at}: {found:?}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let mut bad = plan();
    bad["term"]["zone"] = json!(7);
    bad["term"].as_object_mut().unwrap().remove("last_day");
    let told = expanded(&bad);
    assert_eq!(told["faults"].as_array().unwrap().len(), 2);
    let mut bad = plan();
    bad["rooms"][1]["school"] = json!("x");
    bad["entries"][0]["weekday"] = json!(9);
    bad["entries"].as_array_mut().unwrap().push(json!({}));
    let pointers: Vec<_> = expanded(&bad)["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["pointer"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        pointers,
        [
            "/rooms/1/school",
            "/entries/0/weekday",
            "/entries/1/id",
            "/entries/1/pairing",
            "/entries/1/weekday",
            "/entries/1/period"
        ]
    );
}

#[test]
fn what_is_no_plan_at_all_is_one_fault() {
    for file in [&b""[..], b"[", b"\xff\xfe", b"null", b"[]", b"\"plan\"", "[".repeat(100_000).as_bytes()] {
        let told = answer(file);
        assert!(!told.is_read());
        assert_eq!(serde_json::to_value(told).unwrap()["faults"].as_array().unwrap().len(), 1, "{file:?}");
    }
    let marked = [b"\xef\xbb\xbf", plan().to_string().as_bytes()].concat();
    assert!(answer(&marked).is_read(), "a byte order mark is no fault");
}

#[test]
fn what_is_odd_but_possible_is_a_warning() {
    let mut odd = plan();
    odd["entrys"] = json!([]);
    odd["pairings"][0]["master"]["room"] = json!("r2");
    odd["pairings"][0]["~/x"] = json!(1);
    let told = expanded(&odd);
    let all: Vec<_> = told["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["pointer"].as_str().unwrap(), f["level"].as_str().unwrap()))
        .collect();
    assert_eq!(all, [("/entrys", "warning"), ("/pairings/0/~0~1x", "warning"), ("/pairings/0/master/room", "warning")]);
    assert!(!told["lessons"].as_array().unwrap().is_empty());
}

#[test]
fn a_gap_between_bell_tables_is_a_clash_on_those_dates() {
    let mut plan = plan();
    plan["schools"][0]["bell_tables"][0]["to"] = json!("2026-12-31");
    let told = expanded(&plan);
    let days: Vec<_> =
        told["clashes"].as_array().unwrap().iter().map(|c| (&c["kind"], &c["lessons"][0]["date"])).collect();
    assert_eq!(days, [(&json!("no_such_period"), &json!("2027-01-07"))]);
}

#[test]
fn a_plan_in_which_everything_clashes_is_answered_in_bounds() {
    let mut plan = plan();
    let entry =
        |at: usize| json!({"id": format!("e{at:04}"), "pairing": "p1", "weekday": 4, "period": 3, "weeks": [3]});
    plan["entries"] = (0..2_000).map(entry).collect();
    let told = expanded(&plan);
    assert_eq!(told["clashes"].as_array().unwrap().len(), 1_000_000);
    assert_eq!(told["faults"][0]["code"], "too_many_clashes");
}
