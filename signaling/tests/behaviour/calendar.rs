//! The calendar behind the API: from terms and bells to lessons that open by themselves, changes for all sides, undo.

use crate::district::{Asker, District, MINUTE};
use axum::http::StatusCode;
use serde_json::{Value, json};
use tongke_signaling::Clock;
use tongke_signaling::command::{Command, LessonId};
use tongke_signaling::model::Role;

/// 14:00 of the day, in Shanghai.
pub const AFTERNOON: i64 = crate::district::BELL + 4 * 60 * MINUTE;

/// Ids of what [`planned`] makes.
pub struct Made {
    pub term: Value,
    pub tables: Vec<String>,
    pub entry: Value,
    pub villages: Vec<String>,
}

/// Period 1 at 08:00, 2 at 14:00, 3 at 15:00, on working days.
pub fn bells(school: &Value) -> Value {
    json!({"school": school, "name": "冬", "from": "2026-09-01", "to": "2027-01-15", "weekdays": [1, 2, 3, 4, 5],
        "temporary": false, "periods": [{"no": 1, "start": "08:00", "end": "08:40"},
            {"no": 2, "start": "14:00", "end": "14:40"}, {"no": 3, "start": "15:00", "end": "15:40"}]})
}

/// A term, bells for all schools of the pairing, and an entry: Tuesdays, period 2.
pub async fn planned(d: &District) -> Made {
    let root = d.sign_in("root").await;
    let term = json!({"name": "秋", "first_day": "2026-09-01", "last_day": "2027-01-15"});
    let term = root.post("/api/terms", term).await;
    assert_eq!(term.status, StatusCode::CREATED, "{}", term.text);
    let rooms = root.get("/api/rooms").await.body;
    let school_of = |room: &str| {
        let mut all = rooms["items"].as_array().unwrap().iter();
        all.find(|r| r["id"] == room).unwrap()["school"]["id"].as_str().unwrap().to_owned()
    };
    let villages: Vec<String> = d.facts.rooms.iter().map(|r| school_of(&r.to_string())).collect();
    let mut tables = Vec::new();
    for school in villages.iter().chain([&d.facts.city.to_string()]) {
        let table = root.post("/api/bell-tables", bells(&json!(school))).await;
        assert_eq!(table.status, StatusCode::CREATED, "{}", table.text);
        tables.push(table.body["id"].as_str().unwrap().to_owned());
    }
    let term = term.body["id"].clone();
    let entry = root.post("/api/entries", entry(d, &term, 2, 2)).await;
    assert_eq!(entry.status, StatusCode::CREATED, "{}", entry.text);
    Made { term, tables, entry: entry.body["id"].clone(), villages }
}

pub fn entry(d: &District, term: &Value, weekday: i8, period: u8) -> Value {
    json!({"term": term, "pairing": d.facts.pairing, "weekday": weekday, "period": period, "weeks": "all"})
}

/// The calendar's lesson of the day, as the city's week shows it.
async fn of_the_day(d: &District, root: &Asker<'_>) -> Value {
    let week = root.get(&format!("/api/week?date=2026-11-24&school={}", d.facts.city)).await;
    assert_eq!(week.status, StatusCode::OK, "{}", week.text);
    let mut lessons = week.body["lessons"].as_array().unwrap().iter();
    lessons.find(|l| l["original"] == "2026-11-24").unwrap().clone()
}

/// Waits until the scheduler has written a lesson like this.
async fn row(d: &District, id: &Value, like: impl Fn(&tongke_signaling::schema::Lesson) -> bool) {
    let id: LessonId = id.as_str().unwrap().parse().unwrap();
    for _ in 0..200 {
        if d.signaling.lesson(id).await.is_ok_and(|l| like(&l)) {
            return;
        }
        d.settle().await;
    }
    panic!("{:?}", d.signaling.lesson(id).await);
}

fn opened(commands: &[Command], lesson: &Value) -> usize {
    let is = |c: &&Command| matches!(c, Command::Open { lesson: l, .. } if json!(l) == *lesson);
    commands.iter().filter(is).count()
}

async fn village_heads<'a>(d: &'a District, made: &Made) -> Vec<Asker<'a>> {
    let mut heads = Vec::new();
    for (n, school) in made.villages.iter().enumerate() {
        let user = format!("head{n}");
        d.signaling.add_person((&user, &user), None, Role::SchoolAdmin, Some(school.parse().unwrap())).await.unwrap();
        heads.push(d.sign_in(&user).await);
    }
    heads
}

#[tokio::test]
async fn an_entry_becomes_a_lesson_that_opens_by_itself() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    let lesson = of_the_day(&d, &root).await;
    assert_eq!((&lesson["starts_ms"], &lesson["unit"], &lesson["week"]), (&json!(AFTERNOON), &json!(13), &json!(13)));
    assert_eq!((&lesson["state"], &lesson["clashes"]), (&json!("planned"), &json!([])));
    row(&d, &lesson["id"], |l| l.starts_ms == AFTERNOON && l.unit.as_deref() == Some("13")).await;
    let today = d.display(0).get("/api/today").await.body;
    assert!(today["lessons"].as_array().unwrap().iter().any(|l| l["id"] == lesson["id"]));
    // A restart, and a day in which the clock is set to and fro, change nothing about it.
    let id = lesson["id"].clone();
    let d = d.restart().await;
    d.clock.jump(-24 * 60 * MINUTE);
    d.settle().await;
    d.clock.advance(MINUTE);
    d.clock.jump(24 * 60 * MINUTE);
    d.clock.advance(AFTERNOON - d.clock.now_ms());
    row(&d, &id, |l| l.state.word() == "live").await;
    assert_eq!(opened(&d.plane.told(), &id), 1);
    d.clock.advance(40 * MINUTE);
    row(&d, &id, |l| l.state.word() == "closed").await;
    assert_eq!(made.tables.len(), 4);
}

#[tokio::test]
async fn a_machine_asleep_over_a_bell_opens_the_lesson_late_and_once() {
    for asleep in [15, 30] {
        let d = District::new().await;
        planned(&d).await;
        let lesson = of_the_day(&d, &d.sign_in("root").await).await;
        row(&d, &lesson["id"], |l| l.starts_ms == AFTERNOON).await;
        d.clock.advance(AFTERNOON - 20 * MINUTE - d.clock.now_ms());
        d.settle().await;
        assert_eq!(opened(&d.plane.told(), &lesson["id"]), 0);
        d.clock.advance((20 + asleep) * MINUTE);
        row(&d, &lesson["id"], |l| l.state.word() == "live").await;
        assert_eq!(opened(&d.plane.told(), &lesson["id"]), 1);
    }
}

#[tokio::test]
async fn what_is_in_the_way_is_named_before_and_when_it_is_tried() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    let check = root.post("/api/entries/check", entry(&d, &made.term, 2, 2)).await.body;
    assert_eq!(check["lessons"], 20);
    let refused = root.post("/api/entries", entry(&d, &made.term, 2, 2)).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "clash"));
    let kinds = |clashes: &Value| {
        let all = clashes.as_array().unwrap().iter();
        all.take(5).map(|c| c["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = ["teacher", "master_room", "rural_room", "rural_room", "rural_room"];
    assert_eq!(kinds(&check["clashes"]), first);
    assert_eq!(kinds(&refused.body["error"]["in_the_way"]), first);
    assert_eq!(check["clashes"][0]["name"], "Wang");
    assert_eq!(check["clashes"][0]["lessons"][0]["entry"], made.entry);

    let asked = json!({"term": made.term, "pairing": d.facts.pairing, "weeks": "all"});
    let free = root.post("/api/entries/free", asked).await.body;
    let taken: Vec<_> = free.as_array().unwrap().iter().filter(|p| p["free"] == false).collect();
    assert_eq!((taken.len(), &taken[0]["weekday"], &taken[0]["period"]), (1, &json!(2), &json!(2)));
    let wrong = root.post("/api/entries", entry(&d, &made.term, 9, 2)).await;
    assert_eq!(wrong.body["error"]["fields"]["weekday"], "9 is not from 1 to 7");
}

#[tokio::test]
async fn bells_rules_and_terms_are_checked_where_they_come_in() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    let city = json!(d.facts.city);
    assert_eq!(root.post("/api/bell-tables", bells(&city)).await.code(), "tables_overlap");
    let mut bad = bells(&city);
    bad["temporary"] = json!(true);
    bad["periods"][1]["start"] = json!("08:30");
    let bad = root.post("/api/bell-tables", bad).await;
    assert_eq!(
        (bad.status, bad.body["error"]["fields"].get("periods/1").is_some()),
        (StatusCode::UNPROCESSABLE_ENTITY, true)
    );
    let again = json!({"name": "again", "first_day": "2027-01-15", "last_day": "2027-02-01"});
    assert_eq!(root.post("/api/terms", again).await.code(), "terms_overlap");
    let holiday = json!({"scope": "region", "dates": ["2026-11-24", "2026-11-25"], "kind": "holiday"});
    assert_eq!(root.post("/api/day-rules", holiday.clone()).await.status, StatusCode::CREATED);
    assert_eq!(root.post("/api/day-rules", holiday).await.code(), "two_rules");
    let week = root.get(&format!("/api/week?date=2026-11-24&school={}", d.facts.city)).await.body;
    assert_eq!((&week["lessons"], &week["days"][1]["follows"]), (&json!([]), &Value::Null));
    // The Saturday makes up for it, for everybody.
    let runs = json!({"scope": "region", "dates": ["2026-11-28"], "kind": "runs_as", "weekday": 2});
    assert_eq!(root.post("/api/day-rules", runs).await.status, StatusCode::CREATED);
    let week = root.get(&format!("/api/week?date=2026-11-24&school={}", d.facts.city)).await.body;
    assert_eq!((&week["lessons"][0]["date"], &week["days"][5]["follows"]), (&json!("2026-11-28"), &json!(2)));
    let rules = root.get("/api/day-rules").await.body;
    assert_eq!(rules.as_array().unwrap().len(), 3);
    let path = format!("/api/day-rules/{}", rules[0]["id"].as_str().unwrap());
    let head = d.sign_in("head").await;
    assert_eq!(head.delete(&path).await.status, StatusCode::FORBIDDEN, "the region's rules are the region's");
    assert_eq!(root.delete(&path).await.status, StatusCode::NO_CONTENT);
    let shift = json!({"term": made.term, "scope": "school", "school": d.facts.city, "from": "2026-12-01", "to": "2026-12-01", "by": 4});
    assert_eq!(head.post("/api/day-rules/shift", shift).await.status, StatusCode::CREATED);
    let week = head.get("/api/week?date=2026-12-01").await.body;
    assert_eq!(week["lessons"][0]["date"], "2026-12-05");
    let kinds: Vec<_> = week["lessons"][0]["clashes"].as_array().unwrap().iter().map(|c| &c["kind"]).collect();
    assert_eq!(kinds, ["overlap_too_short"; 3], "the villages do not come on that Saturday");
}

#[tokio::test]
async fn a_change_reaches_rows_and_displays_keeps_the_id_and_is_undone() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    let lesson = of_the_day(&d, &root).await;
    row(&d, &lesson["id"], |l| l.starts_ms == AFTERNOON).await;
    let name = json!({"entry": made.entry, "date": "2026-11-24"});
    let act = |to: &str, period: u8| json!({"term": made.term, "why": "体检", "act": {"kind": "move", "lesson": name, "to": {"date": to, "period": period}}});
    let check = root.post("/api/changes/check", act("2026-12-01", 2)).await.body;
    assert_eq!((&check["possible"], &check["clashes"][0]["kind"]), (&json!(false), &json!("teacher")));
    assert_eq!(root.post("/api/changes", act("2026-12-01", 2)).await.code(), "clash");
    assert_eq!(root.post("/api/changes", act("2026-11-23", 2)).await.status, StatusCode::UNPROCESSABLE_ENTITY, "over");
    let change = root.post("/api/changes", act("2026-11-24", 3)).await;
    assert_eq!((change.status, &change.body["state"]), (StatusCode::CREATED, &json!("made")), "{}", change.text);
    row(&d, &lesson["id"], |l| l.starts_ms == AFTERNOON + 60 * MINUTE).await;
    let today = d.display(1).get("/api/today").await.body;
    let shown = today["lessons"].as_array().unwrap().iter().find(|l| l["id"] == lesson["id"]).unwrap();
    assert_eq!(shown["starts_ms"], json!(AFTERNOON + 60 * MINUTE));
    let moved = of_the_day(&d, &root).await;
    assert_eq!((&moved["state"], &moved["period"], &moved["id"]), (&json!("moved"), &json!(3), &lesson["id"]));
    let listed = root.get("/api/changes").await.body;
    assert_eq!((&listed["total"], &listed["items"][0]["why"]), (&json!(1), &json!("体检")));

    let path = format!("/api/changes/{}", change.body["id"].as_str().unwrap());
    assert_eq!(root.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(root.delete(&path).await.code(), "undone_already");
    row(&d, &lesson["id"], |l| l.starts_ms == AFTERNOON).await;
    assert_eq!(of_the_day(&d, &root).await, lesson);

    let cancel = json!({"term": made.term, "act": {"kind": "cancel", "lesson": name}});
    assert_eq!(root.post("/api/changes", cancel.clone()).await.status, StatusCode::CREATED);
    row(&d, &lesson["id"], |l| l.state.word() == "cancelled").await;
    assert_eq!(root.post("/api/changes", cancel).await.code(), "lesson_cancelled");
    d.clock.advance(AFTERNOON + 5 * MINUTE - d.clock.now_ms());
    d.settle().await;
    assert_eq!(opened(&d.plane.told(), &lesson["id"]), 0);
}

#[tokio::test]
async fn an_open_lesson_is_moved_and_opens_anew_and_a_begun_one_stays() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    let lesson = of_the_day(&d, &root).await;
    d.clock.advance(AFTERNOON - 8 * MINUTE - d.clock.now_ms());
    row(&d, &lesson["id"], |l| l.state.word() == "open").await;
    let name = json!({"entry": made.entry, "date": "2026-11-24"});
    let act = json!({"kind": "move", "lesson": name, "to": {"date": "2026-11-24", "period": 3}});
    let change = root.post("/api/changes", json!({"term": made.term, "act": act})).await;
    assert_eq!(change.status, StatusCode::CREATED, "{}", change.text);
    row(&d, &lesson["id"], |l| l.state.word() == "planned").await;
    let closed = |c: &[Command]| {
        c.iter().any(|c| matches!(c, Command::Close { lesson: l } if json!(l) == lesson["id"])).then_some(())
    };
    d.plane.until("its room is closed", closed).await;
    d.clock.advance(68 * MINUTE);
    row(&d, &lesson["id"], |l| l.state.word() == "live").await;
    assert_eq!(opened(&d.plane.told(), &lesson["id"]), 2);
    let path = format!("/api/changes/{}", change.body["id"].as_str().unwrap());
    assert_eq!(root.delete(&path).await.code(), "lesson_begun");
}

#[tokio::test]
async fn another_school_s_consent_is_asked_for() {
    let d = District::new().await;
    let made = planned(&d).await;
    let (root, head) = (d.sign_in("root").await, d.sign_in("head").await);
    let villages = village_heads(&d, &made).await;
    let lesson = of_the_day(&d, &root).await;
    row(&d, &lesson["id"], |l| l.starts_ms == AFTERNOON).await;
    let name = json!({"entry": made.entry, "date": "2026-11-24"});
    let act = json!({"kind": "move", "lesson": name, "to": {"date": "2026-11-24", "period": 3}});
    let wish = json!({"term": made.term, "act": act});
    for outsider in ["foreign-head", "guardian"] {
        let status = d.sign_in(outsider).await.post("/api/changes", wish.clone()).await.status;
        assert!([StatusCode::NOT_FOUND, StatusCode::FORBIDDEN].contains(&status), "{outsider}");
    }
    assert_eq!(villages[0].post("/api/changes", wish.clone()).await.status, StatusCode::NOT_FOUND, "the master plans");
    let check = head.post("/api/changes/check", wish.clone()).await.body;
    assert_eq!((&check["possible"], check["asks"].as_array().unwrap().len()), (&json!(true), 3));
    let asked = head.post("/api/changes", wish).await.body;
    assert_eq!((&asked["state"], asked["awaits"].as_array().unwrap().len()), (&json!("asked"), 3));
    d.settle().await;
    assert_eq!(of_the_day(&d, &root).await["state"], "planned");
    let path = format!("/api/changes/{}/consent", asked["id"].as_str().unwrap());
    assert_eq!(d.sign_in("foreign-head").await.post(&path, json!({})).await.status, StatusCode::NOT_FOUND);
    for (n, village) in villages.iter().enumerate() {
        assert_eq!(village.get("/api/changes").await.body["total"], 1);
        let after = village.post(&path, json!({})).await.body;
        assert_eq!(after["awaits"].as_array().unwrap().len(), 2 - n);
    }
    row(&d, &lesson["id"], |l| l.starts_ms == AFTERNOON + 60 * MINUTE).await;
    // A substitute is the master school's own matter.
    let school = Some(d.facts.city);
    let other = d.signaling.add_person(("Li", "li"), None, Role::Teacher, school).await.unwrap();
    let act = json!({"kind": "substitute", "lesson": name, "teacher": other});
    assert_eq!(head.post("/api/changes", json!({"term": made.term, "act": act})).await.body["state"], "made");
    row(&d, &lesson["id"], |l| l.teacher.id == other).await;
    let week = d.sign_in("li").await.get("/api/week?date=2026-11-24").await.body;
    assert_eq!(week["lessons"][0]["id"], lesson["id"]);
    let foreign =
        d.sign_in("foreign-teacher").await.get(&format!("/api/week?date=2026-11-24&school={}", d.facts.city)).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_group_administrator_plans_for_the_schools_of_the_group() {
    let d = District::new().await;
    let root = d.sign_in("root").await;
    let mut schools = Vec::new();
    for (name, group) in [("East", "G"), ("West", "G"), ("South", "H")] {
        let made = root.post("/api/schools", json!({"name": name, "kind": "urban", "group": group})).await.body;
        schools.push(made["id"].as_str().unwrap().to_owned());
    }
    let east = Some(schools[0].parse().unwrap());
    d.signaling.add_person(("G", "group"), None, Role::GroupAdmin, east).await.unwrap();
    let group = d.sign_in("group").await;
    for (school, status) in schools.iter().zip([StatusCode::CREATED, StatusCode::CREATED, StatusCode::NOT_FOUND]) {
        assert_eq!(group.post("/api/bell-tables", bells(&json!(school))).await.status, status);
        let class = json!({"school": school, "name": "三(1)", "grade": "三年级"});
        assert_eq!(group.post("/api/classes", class).await.status, status);
    }
    assert_eq!(group.get("/api/classes").await.body["total"], 2);
    let rule = |name: &str| json!({"scope": "group", "group": name, "dates": ["2026-11-30"], "kind": "holiday"});
    assert_eq!(group.post("/api/day-rules", rule("H")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(group.post("/api/day-rules", rule("G")).await.status, StatusCode::CREATED);
    let region = json!({"scope": "region", "dates": ["2026-11-30"], "kind": "holiday"});
    assert_eq!(group.post("/api/day-rules", region).await.status, StatusCode::FORBIDDEN);
    assert_eq!(group.get("/api/lessons").await.status, StatusCode::FORBIDDEN, "the calendar only");
}

#[tokio::test]
async fn the_calendar_and_lessons_planned_one_by_one_do_not_want_the_same() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    // The second Tuesday from now: no row is written yet.
    let there = AFTERNOON + 14 * 24 * 60 * MINUTE;
    let lone = |starts: i64| json!({"pairing": d.facts.pairing, "starts_ms": starts, "ends_ms": starts + 10 * MINUTE});
    let refused = root.post("/api/lessons", lone(there + 35 * MINUTE)).await;
    let kinds: Vec<_> = refused.body["error"]["clashes"].as_array().unwrap().iter().map(|c| &c["kind"]).collect();
    assert_eq!(kinds, ["teacher", "master_room", "rural_room", "rural_room", "rural_room"]);
    // Wednesday's second period of that week is given to a lesson by itself: no entry and no change may have it.
    let wednesday = there + 24 * 60 * MINUTE;
    let lone = root.post("/api/lessons", lone(wednesday)).await;
    assert_eq!(lone.status, StatusCode::CREATED, "{}", lone.text);
    let refused = root.post("/api/entries", entry(&d, &made.term, 3, 2)).await;
    let told = &refused.body["error"]["in_the_way"];
    assert_eq!((told.as_array().unwrap().len(), &told[0]["kind"]), (5, &json!("teacher")));
    assert_eq!(told[0]["lessons"][1]["lesson"], lone.body["id"]);
    let act = json!({"kind": "move", "lesson": {"entry": made.entry, "date": "2026-12-08"}, "to": {"date": "2026-12-09", "period": 2}});
    let change = json!({"term": made.term, "act": act});
    assert_eq!(root.post("/api/changes/check", change.clone()).await.body["possible"], false);
    assert_eq!(root.post("/api/changes", change).await.code(), "clash");
}
