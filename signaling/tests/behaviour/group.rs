//! What the administrator of a school group sees: the group's, and nothing else.

use crate::district::{Asker, District};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tongke_signaling::model::{Role, RoomKind};
use tongke_signaling::schema::{NewLesson, NewPairing};

async fn names(who: &Asker<'_>, path: &str, of: impl Fn(&Value) -> Value) -> BTreeSet<String> {
    let page = who.get(path).await;
    assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
    page.body["items"].as_array().unwrap().iter().map(|item| of(item).as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn lists_and_wall_hold_the_group_and_nothing_else() {
    let d = District::new().await;
    let root = d.sign_in("root").await;
    let s = &d.signaling;
    let mut schools = Vec::new();
    for (name, group) in [("East 1", "east"), ("East 2", "east"), ("West 1", "west")] {
        let made = root.post("/api/schools", json!({"name": name, "kind": "urban", "group": group})).await;
        let id = made.body["id"].as_str().unwrap().parse().unwrap();
        let room = s.add_room(id, &format!("{name} studio"), RoomKind::Master, None).await.unwrap();
        let login = name.replace(' ', "").to_lowercase();
        let teacher = s.add_person((name, &login), None, Role::Teacher, Some(id)).await.unwrap();
        schools.push((id, room, teacher));
    }
    let head = schools[0].0;
    s.add_person(("East head", "east-head"), None, Role::GroupAdmin, Some(head)).await.unwrap();
    // West teaches a village of nobody, East teaches West's children, and the district's own lesson is neither's.
    let (east, west) = (schools[1], schools[2]);
    let far = s.add_room(west.0, "West far", RoomKind::Interactive, None).await.unwrap();
    let pair = |(_, room, teacher), rural, subject: &str| NewPairing {
        subject: subject.into(),
        grade: "1".into(),
        teacher,
        master_room: room,
        rural_rooms: vec![rural],
    };
    let shared = s.add_pairing(&pair(east, far, "Shared")).await.unwrap();
    s.add_pairing(&pair(west, d.facts.rooms[0], "Foreign")).await.unwrap();
    let starts_ms = crate::district::BELL;
    let lesson = NewLesson { pairing: shared, title: None, unit: None, starts_ms, ends_ms: starts_ms + 600_000 };
    let lesson = s.add_lesson(&lesson).await.unwrap();

    let east_head = d.sign_in("east-head").await;
    let set = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<BTreeSet<_>>();
    let name = |item: &Value| item["name"].clone();
    assert_eq!(names(&east_head, "/api/schools", name).await, set(&["East 1", "East 2"]));
    assert_eq!(names(&east_head, "/api/rooms", name).await, set(&["East 1 studio", "East 2 studio"]));
    assert_eq!(names(&east_head, "/api/people", name).await, set(&["East 1", "East 2", "East head"]));
    assert_eq!(names(&east_head, "/api/pairings", |p| p["subject"].clone()).await, set(&["Shared"]));
    let wall = east_head.get("/api/wall").await.body;
    let shown: Vec<&Value> = wall["lessons"].as_array().unwrap().iter().map(|l| &l["id"]).collect();
    assert_eq!(shown, [&json!(lesson)]);
    // One school of the group may be asked for; another's is not there.
    let path = |kind: &str, school| format!("/api/{kind}?school={school}");
    for kind in ["schools", "rooms", "people", "pairings"] {
        assert_eq!(east_head.get(&path(kind, east.0)).await.status, StatusCode::OK, "{kind}");
        for foreign in [west.0, d.facts.city] {
            assert_eq!(east_head.get(&path(kind, foreign)).await.status, StatusCode::NOT_FOUND, "{kind}");
        }
    }
    // It plans the group's pairing and nobody else's.
    assert_eq!(east_head.get(&format!("/api/pairings/{shared}/plan")).await.status, StatusCode::OK);
    let foreign = format!("/api/pairings/{}/plan", d.facts.pairing);
    assert_eq!(east_head.get(&foreign).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn acts_in_the_calendar_are_on_record() {
    let d = District::new().await;
    let made = crate::calendar::planned(&d).await;
    let root = d.sign_in("root").await;
    let act = json!({"kind": "cancel", "lesson": {"entry": made.entry, "date": "2026-12-08"}});
    assert_eq!(root.post("/api/changes", json!({"term": made.term, "act": act})).await.status, StatusCode::CREATED);
    let record = root.get("/api/audit?per_page=3").await.body;
    // A term, four bell tables, an entry, a change.
    assert_eq!(record["total"], 7, "{record}");
    let acts: Vec<_> = record["items"].as_array().unwrap().iter().map(|a| a["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["change_made", "entry_added", "bell_table_put"]);
    assert_eq!(record["items"][0]["person"]["name"], "root");
    let wang = d.sign_in("wang").await.get("/api/me").await.body["id"].clone();
    let none = root.get(&format!("/api/audit?person={}", wang.as_str().unwrap())).await.body;
    assert_eq!(none["total"], 0);
}

/// Changes, lines of the timetable, outcomes and figures, as lists have them.
#[tokio::test]
async fn changes_outcomes_and_figures_hold_the_group_and_nothing_else() {
    let d = District::new().await;
    let made = crate::calendar::planned(&d).await;
    let root = d.sign_in("root").await;
    let s = &d.signaling;
    let mut schools = Vec::new();
    for name in ["East 1", "East 2"] {
        let school = root.post("/api/schools", json!({"name": name, "kind": "urban", "group": "east"})).await;
        let bells = crate::calendar::bells(&school.body["id"]);
        assert_eq!(root.post("/api/bell-tables", bells).await.status, StatusCode::CREATED);
        schools.push(school.body["id"].as_str().unwrap().parse().unwrap());
    }
    s.add_person(("East head", "east-head"), None, Role::GroupAdmin, Some(schools[0])).await.unwrap();
    let master_room = s.add_room(schools[0], "Studio", RoomKind::Master, None).await.unwrap();
    let far = s.add_room(schools[1], "Far", RoomKind::Interactive, None).await.unwrap();
    let teacher = s.add_person(("Eve", "eve"), None, Role::Teacher, Some(schools[0])).await.unwrap();
    let (subject, grade) = ("Painting".to_owned(), "2".to_owned());
    let pairing = s.add_pairing(&NewPairing { subject, grade, teacher, master_room, rural_rooms: vec![far] }).await;
    let east = d.sign_in("east-head").await;
    let line = json!({"term": made.term, "pairing": pairing.unwrap(), "weekday": 2, "period": 3, "weeks": "all"});
    let line = east.post("/api/entries", line).await;
    assert_eq!(line.status, StatusCode::CREATED, "{}", line.text);
    // Two changes of the group's lessons, which nobody else is asked about, and one that is not the group's.
    let change = |entry: &Value, date: &str, why: &str| json!({"term": made.term, "why": why, "act": {"kind": "cancel", "lesson": {"entry": entry, "date": date}}});
    for (date, why) in [("2026-12-08", "sports day"), ("2026-12-15", "")] {
        let done = east.post("/api/changes", change(&line.body["id"], date, why)).await;
        assert_eq!((done.status, &done.body["state"]), (StatusCode::CREATED, &json!("made")), "{}", done.text);
        let undone = format!("/api/changes/{}", done.body["id"].as_str().unwrap());
        if why.is_empty() {
            assert_eq!(east.delete(&undone).await.status, StatusCode::NO_CONTENT);
        }
    }
    assert_eq!(east.post("/api/changes", change(&made.entry, "2026-12-08", "")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(root.post("/api/changes", change(&made.entry, "2026-12-08", "")).await.status, StatusCode::CREATED);

    let subjects = async |who: &Asker<'_>, query: &str| {
        let answer = who.get(&format!("/api/changes?{query}")).await.body;
        let first = |c: &Value| c["lessons"][0]["subject"].as_str().unwrap().to_owned();
        answer["items"].as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(first).collect::<Vec<_>>()
    };
    assert_eq!(subjects(&east, "").await, ["Painting", "Painting"]);
    assert_eq!(subjects(&root, "").await.len(), 3);
    for (query, found) in
        [("state=undone", 1), ("q=sports", 1), ("q=east", 2), ("q=paint&state=made", 1), ("q=music", 0)]
    {
        assert_eq!(subjects(&east, query).await.len(), found, "{query}");
    }
    assert_eq!(subjects(&root, "q=music").await, ["Music"]);
    let foreign = east.get(&format!("/api/changes?school={}", d.facts.city)).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);

    let entries = east.get("/api/entries").await.body;
    assert_eq!((&entries["total"], &entries["items"][0]["subject"]), (&json!(1), &json!("Painting")));
    // The lesson of today has a row by now.
    let mut outcomes = Value::Null;
    for _ in 0..200 {
        outcomes = east.get("/api/outcomes").await.body;
        if outcomes["total"] == 1 {
            break;
        }
        d.settle().await;
    }
    assert_eq!((&outcomes["total"], &outcomes["items"][0]["subject"]), (&json!(1), &json!("Painting")));
    let figures = |by: &str| format!("/api/figures?month=2026-11&by={by}");
    for (by, name) in [("group", "east"), ("school", "East 1"), ("subject", "Painting")] {
        let all = east.get(&figures(by)).await.body;
        assert_eq!((all.as_array().unwrap().len(), &all[0]["name"], &all[0]["planned"]), (1, &json!(name), &json!(1)));
    }
    assert_eq!(root.get(&figures("subject")).await.body.as_array().unwrap().len(), 2);
    assert_eq!(east.get("/api/audit").await.status, StatusCode::FORBIDDEN, "the region's");
    // Feeds and files go as far as the rest.
    for (kind, subject, status) in
        [("school", json!(schools[1]), StatusCode::CREATED), ("room", json!(d.facts.master), StatusCode::NOT_FOUND)]
    {
        assert_eq!(east.post("/api/feeds", json!({"kind": kind, "subject": subject})).await.status, status);
    }
    let file = "school,name,grade\nEast 2,2(1),2\n";
    let path = |commit: bool| format!("/api/import?term={}&sheet=classes&commit={commit}", made.term.as_str().unwrap());
    let octets = [("content-type", "application/octet-stream")];
    let taken = east.send(axum::http::Method::POST, &path(true), &octets, file).await.body;
    assert_eq!((&taken["classes"], &taken["committed"]), (&json!(1), &json!(true)), "{taken}");
    let refused = east.send(axum::http::Method::POST, &path(true), &octets, file.replace("East 2", "City")).await.body;
    assert_eq!((&refused["faults"][0]["code"], &refused["committed"]), (&json!("not_yours"), &json!(false)));
}
