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
