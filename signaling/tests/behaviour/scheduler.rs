//! Lessons open, admit, start, record and end by the clock, whatever the clock and the process do.

use crate::district::{BELL, District, END, MINUTE};
use axum::http::StatusCode;
use tongke_signaling::Clock;
use tongke_signaling::command::{Command, Event, RecordingId};

fn recorded(commands: &[Command]) -> Vec<Option<RecordingId>> {
    let record = |c: &Command| match c {
        Command::Record { recording, .. } => Some(*recording),
        _ => None,
    };
    commands.iter().filter_map(record).collect()
}

fn opened(commands: &[Command]) -> usize {
    commands.iter().filter(|c| matches!(c, Command::Open { .. })).count()
}

#[tokio::test]
async fn a_lesson_opens_admits_starts_and_ends_by_the_clock() {
    let d = District::new().await;
    d.at(BELL - 10 * MINUTE - 1, "planned").await;
    assert_eq!(opened(&d.plane.told()), 0);
    d.at(BELL - 10 * MINUTE, "open").await;
    d.plane.until("the room is made", |c| (opened(c) == 1).then_some(())).await;

    // Ten minutes before the bell the room exists, but nobody may join before T−5.
    // A page's clock may be a second ahead: it is not sent away then.
    d.clock.advance(5 * MINUTE - 1_001);
    let early = d.display(0).offer("v=0").await;
    assert_eq!((early.status, early.code()), (StatusCode::CONFLICT, "lesson_not_open"));
    d.clock.advance(1);
    assert_eq!(d.display(0).offer("v=0").await.status, StatusCode::CREATED);
    d.clock.advance(1_000);
    d.admitted().await;

    d.at(BELL - 1, "open").await;
    assert!(recorded(&d.plane.told()).is_empty());
    d.at(BELL, "live").await;
    let begun = d.plane.until("recording", |c| recorded(c).first().copied().flatten()).await;
    let lesson = d.signaling.lesson(d.facts.lesson).await.unwrap();
    assert_eq!(lesson.recording, Some(begun), "its row was there before");

    d.at(END, "closed").await;
    let closed = |c: &[Command]| matches!(c.last(), Some(Command::Close { .. })).then_some(());
    d.plane.until("the room is gone", closed).await;
    assert_eq!(recorded(&d.plane.told()), [Some(begun), None]);
    d.plane.tell(Event::Recorded { recording: begun, duration_ms: 2_400_000, kept: true }).await;
    d.state("archived").await;
    assert_eq!(opened(&d.plane.told()), 1);
}

#[tokio::test]
async fn a_restart_in_the_middle_goes_on_with_the_same_recording() {
    let d = District::new().await;
    d.at(BELL, "live").await;
    let first = d.plane.until("recording", |c| recorded(c).first().copied().flatten()).await;
    d.clock.advance(10 * MINUTE);
    let d = d.restart().await;
    let again = d.plane.until("recording again", |c| recorded(c).first().copied().flatten()).await;
    assert_eq!(first, again);
    assert_eq!(d.signaling.recordings_to_recover().await.unwrap()[0].recording, first);
    d.admitted().await;
    d.at(END, "closed").await;
}

#[tokio::test]
async fn a_server_that_was_down_at_the_last_bell_closes_at_its_next_start() {
    let d = District::new().await;
    d.at(BELL, "live").await;
    let (folder, clock, facts) = d.shut_down().await;
    clock.advance(2 * 60 * MINUTE);
    let d = District::reopen(folder, clock, facts).await;
    d.state("closed").await;
    assert_eq!(opened(&d.plane.told()), 0, "it was not opened again");
}

#[tokio::test]
async fn clocks_that_jump_open_nothing_twice_and_miss_nothing() {
    for jump_ms in [-24, -1, 1, 24].map(|h| h * 60 * MINUTE) {
        let d = District::new().await;
        // A step that is taken back before the bell changes nothing.
        d.clock.jump(jump_ms);
        d.clock.advance(MINUTE);
        d.clock.jump(-jump_ms);
        d.at(BELL, "live").await;
        // A step in the middle of the lesson neither ends it early nor late by its own time.
        d.clock.jump(jump_ms);
        for _ in 0..39 {
            d.clock.advance(MINUTE);
            d.settle().await;
            d.state("live").await;
        }
        d.clock.advance(MINUTE);
        d.state("closed").await;
        assert_eq!(opened(&d.plane.told()), 1, "after a jump of {jump_ms}");
        assert_eq!(recorded(&d.plane.told()).len(), 2);
    }
}

#[tokio::test]
async fn the_teacher_starts_early_extends_once_and_ends() {
    let d = District::new().await;
    let teacher = d.sign_in("wang").await;
    let path = |act: &str| format!("/api/lessons/{}/{act}", d.facts.lesson);
    d.at(BELL - 10 * MINUTE, "open").await;
    assert_eq!(teacher.post(&path("start"), serde_json::json!({})).await.status, StatusCode::CONFLICT);
    assert_eq!(teacher.post(&path("extend"), serde_json::json!({})).await.code(), "not_live");
    d.clock.advance(5 * MINUTE);
    d.admitted().await;
    let started = teacher.post(&path("start"), serde_json::json!({})).await;
    assert_eq!((started.status, started.body["state"].as_str()), (StatusCode::OK, Some("live")));

    let longer = teacher.post(&path("extend"), serde_json::json!({})).await;
    assert_eq!(longer.body["ends_ms"], END + 5 * MINUTE);
    assert_eq!(teacher.post(&path("extend"), serde_json::json!({})).await.code(), "already_extended");
    d.at(END + MINUTE, "live").await;
    assert_eq!(teacher.post(&path("end"), serde_json::json!({})).await.status, StatusCode::OK);
    d.state("closed").await;
    assert_eq!(teacher.post(&path("end"), serde_json::json!({})).await.code(), "not_live");
    d.clock.advance(MINUTE);
    d.settle().await;
    d.state("closed").await;
    assert_eq!(opened(&d.plane.told()), 1);
}

#[tokio::test]
async fn presence_between_the_bells_is_counted_and_survives_a_restart() {
    let d = District::new().await;
    d.at(BELL - 5 * MINUTE, "open").await;
    d.admitted().await;
    let joined = d.display(0).offer("v=0").await;
    d.connected(1).await;
    // Before the bell nothing counts.
    d.at(BELL, "live").await;
    d.settle().await;
    d.clock.advance(10 * MINUTE);
    d.settle().await;
    let d2 = d.display(0).delete(&joined.header("location").unwrap()).await;
    assert_eq!(d2.status, StatusCode::NO_CONTENT);
    d.clock.advance(10 * MINUTE);
    d.settle().await;
    let d = d.restart().await;
    d.at(END, "closed").await;
    let (result, evidence) = d.signaling.outcome(d.facts.lesson).await.unwrap().unwrap();
    let seats = serde_json::from_str::<serde_json::Value>(&evidence).unwrap()["seats"].clone();
    let presence: Vec<i64> = seats.as_array().unwrap().iter().map(|s| s["attendance_ms"].as_i64().unwrap()).collect();
    assert!(presence.contains(&(10 * MINUTE)), "{presence:?}");
    assert_eq!(result.word(), "failed", "the teacher never came");
    assert!(d.clock.now_ms() >= END);
}
