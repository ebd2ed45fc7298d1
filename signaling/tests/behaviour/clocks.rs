//! The calendar's lessons while clocks are set, machines sleep and processes end: each is held exactly once.

use crate::calendar::{AFTERNOON, entry, planned};
use crate::district::{District, MINUTE};
use axum::http::StatusCode;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tongke_signaling::Clock;
use tongke_signaling::command::{Command, LessonId, RecordingId};

const HOUR: i64 = 60 * MINUTE;
/// In this grain time passes: a lesson's room is open 10 minutes before the bell, and a set clock is believed after two.
const GRAIN: i64 = 5 * MINUTE;
/// Wednesday, half an hour after the first period.
const EVENING: i64 = AFTERNOON + 19 * HOUR;

/// What the media plane was told, over all processes.
#[derive(Default)]
struct Told {
    recordings: BTreeMap<LessonId, BTreeSet<RecordingId>>,
    /// Rooms made in one process.
    opened: Vec<BTreeMap<LessonId, usize>>,
}

impl Told {
    fn hear(&mut self, d: &District) {
        let mut opened = BTreeMap::new();
        for command in d.plane.told() {
            match command {
                Command::Record { lesson, recording: Some(recording) } => {
                    self.recordings.entry(lesson).or_default().insert(recording);
                }
                Command::Open { lesson, .. } => *opened.entry(lesson).or_default() += 1,
                _ => {}
            }
        }
        self.opened.push(opened);
    }
}

/// Tuesday at 14:00 and 15:00, Wednesday at 08:00, and those lessons of theirs that are next.
async fn timetable(d: &District) -> Vec<LessonId> {
    let made = planned(d).await;
    let root = d.sign_in("root").await;
    for (weekday, period) in [(2, 3), (3, 1)] {
        let answer = root.post("/api/entries", entry(d, &made.term, weekday, period)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    }
    let week = root.get(&format!("/api/week?date=2026-11-24&school={}", d.facts.city)).await.body;
    let all = week["lessons"].as_array().unwrap().iter();
    let ids: Vec<LessonId> = all.map(|l| l["id"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    for id in &ids {
        while d.signaling.lesson(*id).await.is_err() {
            d.settle().await;
        }
    }
    ids
}

/// Time passes on both clocks, and the scheduler keeps up.
async fn pass(d: &District, mut ms: i64) {
    while ms > 0 {
        // Nothing rings in the morning of the one day and in the night before the other.
        let hour = (d.clock.now_ms() - AFTERNOON + 14 * HOUR).rem_euclid(24 * HOUR);
        let quiet = (9 * HOUR..12 * HOUR).contains(&hour) || !(7 * HOUR..17 * HOUR).contains(&hour);
        let step = ms.min(if quiet { 30 * MINUTE } else { GRAIN });
        d.clock.advance(step);
        d.settle().await;
        ms -= step;
    }
}

async fn until(d: &District, wall_ms: i64) {
    pass(d, wall_ms - d.clock.now_ms()).await;
}

/// When a clock is set, how long it stays so, and whether the process ends meanwhile.
struct Fault {
    at: i64,
    lasts: i64,
    restart: bool,
}

async fn held_once(step: i64, fault: &Fault) {
    let what = format!("{} h at 14:00 {:+} min for {} min", step / HOUR, fault.at / MINUTE, fault.lasts / MINUTE);
    let mut d = District::new().await;
    let lessons = timetable(&d).await;
    let mut told = Told::default();
    until(&d, AFTERNOON + fault.at).await;
    d.clock.jump(step);
    d.settle().await;
    pass(&d, fault.lasts / 2).await;
    if fault.restart {
        told.hear(&d);
        d = d.restart().await;
        d.settle().await;
    }
    pass(&d, fault.lasts - fault.lasts / 2).await;
    d.clock.jump(-step);
    d.settle().await;
    until(&d, EVENING).await;
    told.hear(&d);
    for id in &lessons {
        let lesson = d.signaling.lesson(*id).await.unwrap();
        assert!(
            ["closed", "archived"].contains(&lesson.state.word()),
            "{what}: {} is {:?}",
            lesson.starts_ms,
            lesson.state
        );
        let recordings = told.recordings.get(id).map_or(0, BTreeSet::len);
        assert_eq!(recordings, 1, "{what}: recordings of the lesson at {}", lesson.starts_ms);
        for process in &told.opened {
            assert!(process.get(id).is_none_or(|times| *times == 1), "{what}: {:?}", process.get(id));
        }
    }
}

/// Before anything is open, between opening and bell, in the lesson, and after it; so shortly that nobody believes it,
/// for half an hour, and for two hours; with and without a new process.
async fn held_once_whenever(step: i64) {
    for at in [-HOUR, -5 * MINUTE, 15 * MINUTE, 45 * MINUTE] {
        for lasts in [MINUTE, 30 * MINUTE] {
            held_once(step, &Fault { at, lasts, restart: false }).await;
        }
    }
    // A process that begins with a wrong clock has no other to go by; none of its lessons is running then.
    for (at, lasts) in [(-HOUR, 30 * MINUTE), (45 * MINUTE, 4 * MINUTE)] {
        held_once(step, &Fault { at, lasts, restart: true }).await;
    }
}

#[tokio::test]
async fn a_clock_set_ahead_by_an_hour_loses_and_doubles_nothing() {
    held_once_whenever(HOUR).await;
}

#[tokio::test]
async fn a_clock_set_back_by_an_hour_loses_and_doubles_nothing() {
    held_once_whenever(-HOUR).await;
    // Long enough for the first bell to come again.
    held_once(-HOUR, &Fault { at: 45 * MINUTE, lasts: 2 * HOUR, restart: false }).await;
    held_once(-HOUR, &Fault { at: 45 * MINUTE, lasts: 2 * HOUR, restart: true }).await;
}

#[tokio::test]
async fn a_clock_set_ahead_by_a_day_loses_and_doubles_nothing() {
    held_once_whenever(24 * HOUR).await;
}

#[tokio::test]
async fn a_clock_set_back_by_a_day_loses_and_doubles_nothing() {
    held_once_whenever(-24 * HOUR).await;
}

/// While a machine sleeps its steady clock stands still; only the wall clock goes on.
#[tokio::test]
async fn a_machine_that_slept_over_a_bell_goes_on_with_what_still_runs() {
    for (asleep_at, minutes, held) in [(-20, 35, 3), (-20, 50, 3), (-20, 62, 2), (15, 20, 3), (-5, 30, 3)] {
        let d = District::new().await;
        let lessons = timetable(&d).await;
        until(&d, AFTERNOON + asleep_at * MINUTE).await;
        d.clock.jump(minutes * MINUTE);
        d.settle().await;
        until(&d, EVENING).await;
        let mut told = Told::default();
        told.hear(&d);
        let counts: Vec<usize> = lessons.iter().map(|id| told.recordings.get(id).map_or(0, BTreeSet::len)).collect();
        let expected = if held == 3 { [1, 1, 1] } else { [0, 1, 1] };
        assert_eq!(counts, expected, "asleep for {minutes} min");
        // A lesson that was slept through is on record as that, a day later.
        pass(&d, 9 * HOUR).await;
        if held == 2 {
            let (result, _) = d.signaling.outcome(lessons[0]).await.unwrap().unwrap();
            let root = d.sign_in("root").await;
            let rows = root.get("/api/outcomes?per_page=100").await.body["items"].as_array().unwrap().clone();
            let row = rows.iter().find(|r| r["lesson"] == json!(lessons[0])).unwrap();
            assert_eq!((result.word(), &row["cause"]), ("failed", &json!("server_down")));
        }
    }
}

/// A server that is down over a bell opens what still runs when it comes back, and goes on with what it had begun.
#[tokio::test]
async fn a_process_that_was_down_over_a_bell_goes_on_with_what_still_runs() {
    for (down_at, minutes, expected) in
        [(-20, 35, [1, 1, 1]), (10, 15, [1, 1, 1]), (10, 40, [1, 1, 1]), (-20, 70, [0, 1, 1])]
    {
        let mut d = District::new().await;
        let lessons = timetable(&d).await;
        until(&d, AFTERNOON + down_at * MINUTE).await;
        let mut told = Told::default();
        told.hear(&d);
        let (folder, clock, facts) = d.shut_down().await;
        clock.advance(minutes * MINUTE);
        d = District::reopen(folder, clock, facts).await;
        d.settle().await;
        until(&d, EVENING).await;
        told.hear(&d);
        let counts: Vec<usize> = lessons.iter().map(|id| told.recordings.get(id).map_or(0, BTreeSet::len)).collect();
        assert_eq!(counts, expected, "down for {minutes} min");
        for process in &told.opened {
            assert!(process.values().all(|times| *times == 1));
        }
    }
}
