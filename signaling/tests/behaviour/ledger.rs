//! Feeds, the outcome ledger and the month's figures.

use crate::calendar::planned;
use crate::district::{Asker, District, END, MINUTE};
use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use tongke_signaling::Clock;
use tongke_signaling::command::{Command, LessonId, Slot};

#[tokio::test]
async fn a_feed_follows_the_calendar_and_can_be_revoked() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    let rule = |day: &str| json!({"scope": "region", "dates": [day], "kind": "holiday"});
    root.post("/api/day-rules", rule("2026-12-01")).await;
    let new = json!({"kind": "room", "subject": d.facts.master});
    let feed = root.post("/api/feeds", new.clone()).await;
    assert_eq!(feed.status, StatusCode::CREATED);
    assert_eq!(d.sign_in("foreign-head").await.post("/api/feeds", new).await.status, StatusCode::NOT_FOUND);
    let url = feed.body["url"].as_str().unwrap();
    let first = d.anon().get(url).await;
    assert_eq!(first.header("content-type").unwrap(), "text/calendar; charset=utf-8");
    // 20 Tuesdays from 1 September to 12 January, one of them a holiday.
    assert_eq!(first.text.matches("BEGIN:VEVENT").count(), 19);
    assert!(first.text.contains("DTSTART:20261124T060000Z\r\n") && !first.text.contains("20261201T"));
    assert_eq!(first.text.matches("SEQUENCE:0").count(), 19);
    let etag = first.header("etag").unwrap();
    let again = d.anon().send(Method::GET, url, &[("if-none-match", &etag)], Body::empty()).await;
    assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));

    let act = json!({"kind": "cancel", "lesson": {"entry": made.entry, "date": "2026-12-08"}});
    root.post("/api/changes", json!({"term": made.term, "act": act})).await;
    let changed = d.anon().send(Method::GET, url, &[("if-none-match", &etag)], Body::empty()).await;
    assert_eq!(changed.status, StatusCode::OK);
    let event = changed.text.split("BEGIN:VEVENT").find(|e| e.contains("DTSTART:20261208T")).unwrap().to_owned();
    assert!(event.contains("STATUS:CANCELLED") && event.contains("SEQUENCE:1"), "{event}");
    let uid = |text: &str| text.lines().find(|l| l.starts_with("UID:")).unwrap().to_owned();
    let before = first.text.split("BEGIN:VEVENT").find(|e| e.contains("DTSTART:20261208T")).unwrap();
    assert_eq!(uid(before), uid(&event));

    // A teacher has a feed of the own lessons and of nobody else's.
    let teacher = d.sign_in("wang").await;
    let me = teacher.get("/api/me").await.body["id"].clone();
    let own = teacher.post("/api/feeds", json!({"kind": "teacher", "subject": me})).await;
    assert_eq!(d.anon().get(own.body["url"].as_str().unwrap()).await.text.matches("BEGIN:VEVENT").count(), 19);
    let foreign = d.sign_in("foreign-teacher").await;
    assert_eq!(
        foreign.post("/api/feeds", json!({"kind": "teacher", "subject": me})).await.status,
        StatusCode::NOT_FOUND
    );
    let path = format!("/api/feeds/{}", feed.body["id"].as_str().unwrap());
    assert_eq!(foreign.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(root.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(d.anon().get(url).await.status, StatusCode::NOT_FOUND);
    assert_eq!(d.anon().get("/api/calendar/made-up.ics").await.status, StatusCode::NOT_FOUND);
}

/// What is done to a lesson, what must become of it, and the cause.
type Fault = (&'static str, &'static str, Option<&'static str>);

const FAULTS: [Fault; 7] = [
    ("none", "delivered", None),
    ("no teacher", "failed", Some("teacher_absent")),
    ("one room stays away", "partial", Some("room_short")),
    ("no room comes", "failed", Some("rooms_absent")),
    ("cancelled", "cancelled", None),
    ("a room leaves after three minutes", "partial", Some("room_short")),
    ("no voice", "failed", Some("no_sound")),
];

const LESSONS: usize = 200;
const SPACE: i64 = 12 * MINUTE;
const LENGTH: i64 = 10 * MINUTE;

async fn until(d: &District, lesson: LessonId, states: &[&str]) {
    for _ in 0..1_000 {
        if states.contains(&d.signaling.lesson(lesson).await.unwrap().state.word()) {
            return;
        }
        d.settle().await;
    }
    panic!("the lesson never became one of {states:?}");
}

async fn join(d: &District, lesson: LessonId, who: &Asker<'_>) -> String {
    let path = format!("/api/lessons/{lesson}/sessions");
    for _ in 0..1_000 {
        let joined = who.offer_to(&path, "v=0").await;
        if joined.status == StatusCode::CREATED {
            return joined.header("location").unwrap();
        }
        d.settle().await;
    }
    panic!("not admitted: {}", who.offer_to(&path, "v=0").await.text);
}

/// Waits until the voice flows to so many rooms and the office knows it: from then on minutes count.
async fn heard(d: &District, rooms: usize) {
    let is_voice = |c: &&Command| matches!(c, Command::Show { slot: Slot::TeacherAudio, source: Some(_), .. });
    let all = |told: &[Command]| (told.iter().filter(is_voice).count() >= rooms).then_some(());
    d.plane.until("the rooms hear the teacher", all).await;
    d.plane.read().await;
}

async fn held(d: &District, lesson: LessonId, starts_ms: i64, fault: &str, teacher: &Asker<'_>) {
    d.plane.forget();
    d.plane.voiceless.store(fault == "no voice", Ordering::Relaxed);
    d.clock.advance(starts_ms - MINUTE - d.clock.now_ms());
    until(d, lesson, &["open"]).await;
    let rooms = match fault {
        "no room comes" => 0,
        "one room stays away" => 2,
        _ => 3,
    };
    let mut sessions = Vec::new();
    for room in 0..rooms {
        sessions.push(join(d, lesson, &d.display(room)).await);
    }
    let mut present = rooms;
    if fault != "no teacher" {
        join(d, lesson, teacher).await;
        present += 1;
    }
    while d.signaling.present(lesson) < present {
        d.settle().await;
    }
    d.clock.advance(starts_ms - d.clock.now_ms());
    until(d, lesson, &["live"]).await;
    // The row says so a moment before the floor does.
    d.settle().await;
    if !["no teacher", "no voice"].contains(&fault) {
        heard(d, rooms).await;
    }
    d.clock.advance(3 * MINUTE);
    d.settle().await;
    if fault == "a room leaves after three minutes" {
        assert_eq!(d.display(0).delete(&sessions[0]).await.status, StatusCode::NO_CONTENT);
    }
    d.clock.advance(starts_ms + LENGTH - d.clock.now_ms());
    until(d, lesson, &["closed", "archived"]).await;
}

#[tokio::test]
async fn two_hundred_lessons_with_injected_faults_end_exactly_so() {
    let d = District::new().await;
    let root = d.sign_in("root").await;
    let mut teacher = d.sign_in("wang").await;
    assert_eq!(root.delete(&format!("/api/lessons/{}", d.facts.lesson)).await.status, StatusCode::NO_CONTENT);
    let mut lessons = Vec::new();
    for at in 0..LESSONS {
        let starts_ms = END + 30 * MINUTE + at as i64 * SPACE;
        let new = json!({"pairing": d.facts.pairing, "starts_ms": starts_ms, "ends_ms": starts_ms + LENGTH});
        let made = root.post("/api/lessons", new).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let id: LessonId = made.body["id"].as_str().unwrap().parse().unwrap();
        // The seed spreads faults so that neighbours differ in no fixed way.
        let fault = FAULTS[(at * at + at / 3) % FAULTS.len()];
        if fault.0 == "cancelled" {
            root.delete(&format!("/api/lessons/{id}")).await;
        }
        lessons.push((id, starts_ms, fault));
    }
    for (at, (id, starts_ms, fault)) in lessons.iter().filter(|l| l.2.0 != "cancelled").enumerate() {
        // A sign-in ends after twelve hours.
        if at % 20 == 19 {
            teacher = d.sign_in("wang").await;
        }
        held(&d, *id, *starts_ms, fault.0, &teacher).await;
    }
    compare(&d, &lessons).await;
}

async fn compare(d: &District, lessons: &[(LessonId, i64, Fault)]) {
    let root = d.sign_in("root").await;
    let mut rows: Vec<Value> = Vec::new();
    for page in 1..=3 {
        let answer = root.get(&format!("/api/outcomes?per_page=100&page={page}")).await.body;
        rows.extend(answer["items"].as_array().unwrap().clone());
    }
    for (id, _, (fault, result, cause)) in lessons {
        let row = rows.iter().find(|r| r["lesson"] == json!(id)).unwrap();
        assert_eq!((&row["result"], row["cause"].as_str()), (&json!(result), *cause), "{fault}: {row}");
    }
    let mut sums = (0, 0);
    for month in ["2026-11", "2026-12"] {
        let figures = root.get(&format!("/api/figures?month={month}&by=subject")).await.body;
        for figure in figures.as_array().unwrap() {
            sums.0 += figure["planned"].as_i64().unwrap();
            sums.1 += figure["delivered"].as_i64().unwrap();
        }
    }
    let delivered = lessons.iter().filter(|l| l.2.1 == "delivered").count() as i64;
    assert_eq!(sums, (lessons.len() as i64 + 1, delivered), "the ledger's rows, and the seed's cancelled lesson");
}

#[tokio::test]
async fn figures_come_as_csv_and_excel_too() {
    let d = District::new().await;
    let root = d.sign_in("root").await;
    let csv = root.get("/api/figures?month=2026-11&by=school&format=csv").await;
    assert_eq!(
        csv.text,
        "\u{feff}school,planned,delivered,partial,failed,cancelled,open,moved,minutes\nCity,1,0,0,0,0,1,0,0\n"
    );
    let excel = root.get("/api/figures?month=2026-11&format=xlsx").await;
    assert!(excel.text.starts_with("PK"));
    for bad in ["month=2026-13", "month=2026-11&by=moon", "month=2026-11&format=pdf", ""] {
        assert_eq!(root.get(&format!("/api/figures?{bad}")).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    let foreign = d.sign_in("foreign-head").await;
    assert_eq!(foreign.get("/api/outcomes").await.body["total"], 0);
    assert_eq!(foreign.get("/api/figures?month=2026-11").await.body, json!([]));
}
