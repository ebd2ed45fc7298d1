//! Fills a server with a made-up region through its own import, and times what an administrator waits for.
//!
//! `cargo run --release -p tongke-signaling --example region_server`

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "measuring and printing is what it is for")]

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tongke_signaling::command::{LessonId, PartRow, RecordingId};
use tongke_signaling::model::Role;
use tongke_signaling::{Config, ManualClock, RunRow, Shelf, Signaling};
use tower::ServiceExt;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const SCHOOLS: usize = 1_700;
const MASTERS: usize = SCHOOLS / 5;
const ENTRIES: usize = 30_000;
/// 24 November 2026, 09:00 in Shanghai.
const NOW_MS: i64 = 1_795_482_000_000;

/// Nothing is recorded here.
struct Empty;

impl Shelf for Empty {
    fn runs(&self, _: RecordingId, _: &str, _: &[PartRow]) -> Vec<RunRow> {
        Vec::new()
    }
    fn playlist(
        &self,
        _: RecordingId,
        _: &str,
        _: &[PartRow],
        _: usize,
        _: &dyn Fn(&str) -> String,
        _: bool,
    ) -> Option<String> {
        None
    }
    fn file(&self, _: RecordingId, _: &str, _: &str) -> Option<PathBuf> {
        None
    }
}

struct Client {
    app: Router,
    cookie: String,
}

impl Client {
    async fn send(&self, method: &str, path: &str, kind: &str, body: String) -> Outcome<Value> {
        let request =
            Request::builder().method(method).uri(path).header("host", "t").header(header::CONTENT_TYPE, kind);
        let request = request.header(header::COOKIE, &self.cookie).body(Body::from(body))?;
        let response = self.app.clone().oneshot(request).await?;
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 28).await?;
        if !status.is_success() {
            return Err(format!("{path}: {status} {}", String::from_utf8_lossy(&bytes)).into());
        }
        Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn get(&self, what: &str, path: &str) -> Outcome<Value> {
        let begun = Instant::now();
        let answer = self.send("GET", path, "", String::new()).await?;
        println!("{what:<40} {:>8.1} ms", begun.elapsed().as_secs_f64() * 1_000.0);
        Ok(answer)
    }

    async fn post(&self, what: &str, path: &str, body: Value) -> Outcome<Value> {
        let begun = Instant::now();
        let answer = self.send("POST", path, "application/json", body.to_string()).await?;
        println!("{what:<40} {:>8.1} ms", begun.elapsed().as_secs_f64() * 1_000.0);
        Ok(answer)
    }

    async fn import(&self, term: &str, sheet: &str, commit: bool, csv: &str) -> Outcome<()> {
        let path = format!("/api/import?term={term}&sheet={sheet}&commit={commit}");
        let begun = Instant::now();
        let report = self.send("POST", &path, "application/octet-stream", csv.to_owned()).await?;
        let what = format!("import {sheet}, {} rows, commit {commit}", csv.lines().count() - 1);
        println!("{what:<40} {:>8.1} ms", begun.elapsed().as_secs_f64() * 1_000.0);
        if report["faults"] != json!([]) {
            return Err(format!("{sheet}: {}", report["faults"][0]).into());
        }
        Ok(())
    }
}

fn sheets() -> Outcome<[(&'static str, String); 5]> {
    let mut schools = "name,kind,group\n".to_owned();
    let mut rooms = "school,name,kind,class\n".to_owned();
    let mut teachers = "school,name,user\n".to_owned();
    let mut classes = "school,name,grade\n".to_owned();
    for school in 0..SCHOOLS {
        let urban = school < MASTERS;
        writeln!(schools, "学校{school},{},学区{}", if urban { "urban" } else { "village" }, school / 20)?;
        for n in 0..4 {
            writeln!(rooms, "学校{school},教室{n},{},", if urban { "master" } else { "interactive" })?;
        }
        for n in 0..20 {
            writeln!(teachers, "学校{school},教师{n},t{school}-{n}")?;
            writeln!(classes, "学校{school},班{n},五年级")?;
        }
    }
    let mut timetable = "subject,grade,teacher,school,room,class,rural,weekday,period,weeks\n".to_owned();
    for at in 0..ENTRIES {
        let (master, turn) = (at % MASTERS, at / MASTERS);
        let (room, slot, n) = (turn % 3, turn / 3, turn % 20);
        let village = MASTERS + (at * 7) % (SCHOOLS - MASTERS);
        let rural = format!("学校{village}/教室{}/班{n}", turn % 4);
        let (weekday, period) = (slot % 5 + 1, slot / 5 % 7 + 1);
        writeln!(timetable, "英语,五年级,t{master}-{n},学校{master},教室{room},班{n},{rural},{weekday},{period},all")?;
    }
    Ok([("schools", schools), ("rooms", rooms), ("teachers", teachers), ("classes", classes), ("timetable", timetable)])
}

fn bells(school: &Value) -> Value {
    let clock = |minute: usize| format!("{:02}:{:02}", minute / 60, minute % 60);
    let period = |no: usize| json!({"no": no + 1, "start": clock(480 + no * 50), "end": clock(520 + no * 50)});
    let periods: Vec<Value> = (0..7).map(period).collect();
    json!({"school": school, "name": "冬", "from": "2026-09-01", "to": "2027-01-15", "weekdays": [1, 2, 3, 4, 5],
        "temporary": false, "periods": periods})
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let folder = std::env::temp_dir().join(format!("tongke-region-{}", std::process::id()));
    let measured = measure(&folder).await;
    std::fs::remove_dir_all(&folder)?;
    measured
}

async fn measure(folder: &std::path::Path) -> Outcome<()> {
    let (commands, mut orders) = tokio::sync::mpsc::channel(1_024);
    tokio::spawn(async move { while orders.recv().await.is_some() {} });
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let signaling = Signaling::open(Config::new(folder), clock.clone(), commands, Arc::new(Empty)).await?;
    signaling.add_person(("root", "root"), Some("long enough"), Role::RegionAdmin, None).await?;
    let app = signaling.router();
    let login = Request::post("/api/login").header("host", "t").header(header::CONTENT_TYPE, "application/json");
    let login = login.body(Body::from(json!({"user": "root", "password": "long enough"}).to_string()))?;
    let signed_in = app.clone().oneshot(login).await?;
    let cookie = signed_in.headers().get(header::SET_COOKIE).ok_or("no cookie")?.to_str()?;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let root = Client { app, cookie };
    let term = json!({"name": "秋", "first_day": "2026-09-01", "last_day": "2027-01-15"});
    let term = root.post("term", "/api/terms", term).await?["id"].as_str().unwrap_or_default().to_owned();
    let [schools, rooms, teachers, classes, timetable] = sheets()?;
    for (sheet, csv) in [&schools, &rooms, &teachers, &classes] {
        root.import(&term, sheet, true, csv).await?;
    }
    let mut all = Vec::new();
    for page in 1..=SCHOOLS.div_ceil(100) {
        let path = format!("/api/schools?per_page=100&page={page}");
        let answer = root.send("GET", &path, "", String::new()).await?;
        all.extend(answer["items"].as_array().cloned().unwrap_or_default());
    }
    for school in &all {
        root.send("POST", "/api/bell-tables", "application/json", bells(&school["id"]).to_string()).await?;
    }
    let ten_thousand: String = timetable.1.lines().take(10_001).fold(String::new(), |all, line| all + line + "\n");
    root.import(&term, timetable.0, false, &ten_thousand).await?;
    root.import(&term, timetable.0, true, &timetable.1).await?;
    let one = all.iter().find(|s| s["name"] == "学校0").ok_or("school 0")?["id"].as_str().unwrap_or_default();
    let week = format!("/api/week?date=2026-11-24&school={one}");
    let grid = root.get("week of a school, cold", &week).await?;
    println!("{:<40} {:>8}", "lessons in it", grid["lessons"].as_array().map_or(0, Vec::len));
    root.get("week of a school, warm", &week).await?;
    // A Tuesday's, so that the week after has it too.
    let lessons = grid["lessons"].as_array().ok_or("no lessons")?;
    let lesson = lessons.iter().find(|l| l["original"] == "2026-11-24").ok_or("no lesson that day")?;
    let act = json!({"kind": "cancel", "lesson": {"entry": lesson["entry"], "date": "2026-12-01"}});
    let change = json!({"term": term, "act": act});
    root.post("change, looked at", "/api/changes/check", change.clone()).await?;
    root.post("change, made", "/api/changes", change).await?;
    root.get("week of a school after a change", &week).await?;
    let village = all.iter().find(|s| s["name"] == "学校400").ok_or("school 400")?["id"].as_str().unwrap_or_default();
    let village_week = format!("/api/week?date=2026-11-24&school={village}");
    root.get("week of another school after it", &village_week).await?;
    let rule = json!({"scope": "school", "school": one, "dates": ["2026-12-04"], "kind": "holiday"});
    root.post("holiday of a school", "/api/day-rules", rule).await?;
    root.get("week of a school after it", &week).await?;
    let entry = json!({"term": term, "pairing": lesson["pairing"], "weekday": 5, "period": 7, "weeks": "odd"});
    root.post("new entry, looked at", "/api/entries/check", entry).await?;
    root.get("week of a school, again", &week).await?;
    let feed = root.post("feed", "/api/feeds", json!({"kind": "school", "subject": one})).await?;
    let feed = feed["url"].as_str().unwrap_or_default().to_owned();
    root.get("feed of a school", &feed).await?;
    root.get("proposals: the whole term is computed", &format!("/api/proposals?term={term}")).await?;
    root.get("week of a school, from the whole", &week).await?;
    let (facts, events) = tokio::sync::mpsc::channel(1);
    let runner = signaling.clone();
    let begun = Instant::now();
    let running = tokio::spawn(async move { runner.run(events).await });
    while signaling.follows() < 1 {
        tokio::task::yield_now().await;
    }
    println!("{:<40} {:>8.1} ms", "rows of two days written", begun.elapsed().as_secs_f64() * 1_000.0);
    let lesson = lessons.iter().find(|l| l["original"] == "2026-11-25").ok_or("no lesson tomorrow")?;
    let act = json!({"kind": "cancel", "lesson": {"entry": lesson["entry"], "date": "2026-11-25"}});
    root.post("change of a lesson of tomorrow", "/api/changes", json!({"term": term, "act": act})).await?;
    let begun = Instant::now();
    let id: LessonId = lesson["id"].as_str().unwrap_or_default().parse()?;
    while signaling.lesson(id).await?.state.word() != "cancelled" {
        // The scheduler asks every 100 ms of this clock, which stands still.
        clock.advance(1);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("{:<40} {:>8.1} ms", "until its row has followed", begun.elapsed().as_secs_f64() * 1_000.0);
    drop(facts);
    running.await?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status.lines().filter(|line| line.starts_with("VmHWM")) {
        println!("{line}");
    }
    Ok(())
}
