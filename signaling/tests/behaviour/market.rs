//! Needs meet supplies: proposals with reasons, and what accepting one makes.

use crate::calendar::planned;
use crate::district::District;
use axum::http::StatusCode;
use serde_json::{Value, json};
use tongke_signaling::model::Role;

pub fn need(d: &District, rank: u8, period: u8) -> Value {
    json!({"room": d.facts.rooms[0], "subject": "美术", "grade": "三年级", "periods": 1, "rank": rank,
        "free": [{"weekday": 4, "period": period}, {"weekday": 5, "period": period}]})
}

#[tokio::test]
async fn a_proposal_is_explained_accepted_and_becomes_a_timetable() {
    let d = District::new().await;
    let made = planned(&d).await;
    let artist = d.signaling.add_person(("Zhao", "zhao"), None, Role::Teacher, Some(d.facts.city)).await.unwrap();
    let village = made.villages[0].parse().unwrap();
    d.signaling.add_person(("V", "village"), None, Role::SchoolAdmin, Some(village)).await.unwrap();
    let (head, village) = (d.sign_in("head").await, d.sign_in("village").await);
    let supply = json!({"teacher": artist, "room": d.facts.master, "subject": "美术", "grade": "三年级", "periods": 2,
        "free": [{"weekday": 4, "period": 2}, {"weekday": 5, "period": 3}], "interactive": true});
    assert_eq!(village.post("/api/supplies", supply.clone()).await.status, StatusCode::NOT_FOUND);
    let supply = head.post("/api/supplies", supply).await;
    assert_eq!(supply.status, StatusCode::CREATED, "{}", supply.text);
    assert_eq!(head.post("/api/needs", need(&d, 1, 2)).await.status, StatusCode::NOT_FOUND);
    let first = village.post("/api/needs", need(&d, 2, 2)).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    assert_eq!(village.post("/api/needs", need(&d, 1, 2)).await.code(), "period_promised");
    let other = village.post("/api/needs", need(&d, 1, 3)).await;
    let bad = village.post("/api/needs", need(&d, 10, 1)).await;
    assert_eq!(bad.body["error"]["fields"]["rank"], "1 to 9");

    let path = format!("/api/proposals?term={}", made.term.as_str().unwrap());
    let found = village.get(&path).await.body;
    assert_eq!(
        found["proposals"][0],
        json!({"need": other.body["id"], "supply": supply.body["id"], "wanted": 1, "weight": 280,
        "periods": [{"weekday": 5, "master_period": 3, "rural_period": 3}]})
    );
    assert_eq!(
        found["rejections"],
        json!([{"need": first.body["id"],
        "nearest": [{"supply": supply.body["id"], "obstacles": ["given_elsewhere"]}]}])
    );
    assert_eq!(d.sign_in("foreign-head").await.get(&path).await.body, json!({"proposals": [], "rejections": []}));

    let accept = json!({"term": made.term, "need": other.body["id"], "supply": supply.body["id"]});
    assert_eq!(
        village.post("/api/proposals/accept", accept.clone()).await.status,
        StatusCode::NOT_FOUND,
        "the master accepts"
    );
    let accepted = head.post("/api/proposals/accept", accept.clone()).await;
    assert_eq!((accepted.status, &accepted.body["entries"]), (StatusCode::CREATED, &json!(1)), "{}", accepted.text);
    assert_eq!(head.post("/api/proposals/accept", accept).await.code(), "met");
    let week = village.get("/api/week?date=2026-12-04").await.body;
    let art = week["lessons"].as_array().unwrap().iter().find(|l| l["subject"] == "美术").unwrap();
    assert_eq!(
        (&art["date"], &art["period"], &art["pairing"]),
        (&json!("2026-12-04"), &json!(3), &accepted.body["pairing"])
    );
    assert_eq!(village.get("/api/needs").await.body["total"], 2);
    let path = format!("/api/needs/{}", other.body["id"].as_str().unwrap());
    assert_eq!(village.delete(&path).await.code(), "met");
    let path = format!("/api/needs/{}", first.body["id"].as_str().unwrap());
    assert_eq!(head.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(village.delete(&path).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_accepted_proposal_may_not_clash() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    let me = d.sign_in("wang").await.get("/api/me").await.body["id"].clone();
    // Wang teaches on Tuesdays in period 2 already.
    let free = json!([{"weekday": 2, "period": 2}]);
    let supply = json!({"teacher": me, "room": d.facts.master, "subject": "美术", "grade": "三年级", "periods": 1, "free": free, "interactive": false});
    let supply = root.post("/api/supplies", supply).await.body;
    let mut wanted = need(&d, 1, 2);
    wanted["free"] = free;
    let need = root.post("/api/needs", wanted).await.body;
    let accept = json!({"term": made.term, "need": need["id"], "supply": supply["id"]});
    assert_eq!(root.post("/api/proposals/accept", accept).await.code(), "clash");
    assert_eq!(root.get("/api/entries").await.body["total"], 1, "nothing half written");
}
