//! What a page shows while a lesson is dragged: a whole week of places, in one answer.

use crate::calendar::{AFTERNOON, entry, planned};
use crate::district::{District, MINUTE};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// Date, period, kind of act, and what is in the way, of each place.
fn places(answer: &Value) -> Vec<(String, i64, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let place = |slot: &Value| {
        let clashes = slot["check"]["clashes"].as_array().unwrap().iter();
        let mut kinds: Vec<String> = clashes.map(|clash| text(&clash["kind"])).collect();
        kinds.dedup();
        (text(&slot["date"]), slot["period"]["no"].as_i64().unwrap(), text(&slot["act"]["kind"]), kinds)
    };
    answer.as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(place).collect()
}

#[tokio::test]
async fn every_place_of_a_week_says_what_a_change_would_say() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    // Wednesday's second period is the same pairing's, Thursday is a holiday of a village, and on Friday a lesson that
    // is not the calendar's has the first period.
    let other = root.post("/api/entries", entry(&d, &made.term, 3, 2)).await;
    assert_eq!(other.status, StatusCode::CREATED, "{}", other.text);
    let holiday = json!({"scope": "school", "school": made.villages[0], "dates": ["2026-11-26"], "kind": "holiday"});
    assert_eq!(root.post("/api/day-rules", holiday).await.status, StatusCode::CREATED);
    let friday = AFTERNOON + 3 * 24 * 60 * MINUTE - 6 * 60 * MINUTE;
    let lone = json!({"pairing": d.facts.pairing, "starts_ms": friday, "ends_ms": friday + 10 * MINUTE});
    assert_eq!(root.post("/api/lessons", lone).await.status, StatusCode::CREATED);

    let lesson = json!({"entry": made.entry, "date": "2026-11-24"});
    let asked = json!({"term": made.term, "lesson": lesson, "date": "2026-11-26"});
    let answer = root.post("/api/changes/slots", asked.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let found = places(&answer.body);
    // Five days of three periods, but for the place where it is.
    assert_eq!(found.len(), 14);
    let at = |day: &str, period: i64| found.iter().find(|s| s.0 == format!("2026-11-{day}") && s.1 == period).unwrap();
    assert_eq!((at("24", 3).2.as_str(), at("24", 3).3.is_empty()), ("move", true));
    assert_eq!((at("25", 2).2.as_str(), at("25", 2).3.is_empty()), ("swap", true));
    assert_eq!(at("26", 1).3, ["holiday"]);
    assert_eq!(at("27", 1).3, ["teacher", "master_room", "rural_room"]);
    // Each is what asking for that one change gives; yesterday and this morning are over.
    for slot in answer.body.as_array().unwrap() {
        let check = root.post("/api/changes/check", json!({"term": made.term, "act": slot["act"]})).await;
        let over = slot["date"] == "2026-11-23" || (slot["date"] == "2026-11-24" && slot["period"]["no"] == 1);
        assert_eq!(slot["over"], over);
        if over && slot["check"]["clashes"] == json!([]) {
            assert_eq!(check.status, StatusCode::UNPROCESSABLE_ENTITY, "{slot}: {}", check.text);
        } else {
            assert_eq!(check.body, slot["check"], "{slot}");
        }
    }
    // The master's own administrator is told that the villages would be asked; a village does not plan.
    let head = d.sign_in("head").await.post("/api/changes/slots", asked.clone()).await.body;
    let asked_of = |slot: &Value| slot["check"]["asks"].as_array().unwrap().len();
    assert!(head.as_array().unwrap().iter().all(|slot| asked_of(slot) == 3));
    let foreign = d.sign_in("foreign-head").await.post("/api/changes/slots", asked).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    // A lesson that has begun stays.
    d.clock.advance(AFTERNOON + MINUTE - tongke_signaling::Clock::now_ms(&*d.clock));
    let lesson = json!({"term": made.term, "lesson": lesson, "date": "2026-11-26"});
    for _ in 0..200 {
        if root.post("/api/changes/slots", lesson.clone()).await.code() == "lesson_begun" {
            return;
        }
        d.settle().await;
    }
    panic!("{}", root.post("/api/changes/slots", lesson).await.text);
}
