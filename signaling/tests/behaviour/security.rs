//! Every route × nobody, another school's, the wrong role, one's own.

use crate::district::{Asker, BELL, District};
use axum::http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tongke_signaling::api::{RULES, Who};
use tongke_signaling::command::{Event, PartRow, RecordingId, Source, SourceKind, TrackRow};
use tongke_signaling::model::TokenRole;

#[test]
fn the_table_and_the_router_name_the_same_routes() {
    let described = serde_json::to_value(tongke_signaling::openapi()).unwrap();
    let mut routed = BTreeSet::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete", "options"] {
            if item.get(method).is_some() {
                routed.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    let table: BTreeSet<_> = RULES.iter().map(|r| (r.method.to_owned(), r.path.to_owned())).collect();
    assert_eq!(table, routed);
    assert_eq!(table.len(), RULES.len(), "no route twice");
}

/// One of each credential there is.
struct Cast<'a> {
    own: Vec<(Who, Asker<'a>)>,
    foreign: Vec<(Who, Asker<'a>)>,
    lesson: String,
    session: String,
    recording: RecordingId,
    display: String,
    calendar: Calendar,
}

/// Ids of the calendar's things, all of them the own school's.
struct Calendar {
    term: String,
    table: String,
    rule: String,
    entry: String,
    change: String,
    need: String,
    supply: String,
    feed: String,
}

async fn teacher(d: &District) -> Value {
    d.sign_in("wang").await.get("/api/me").await.body["id"].clone()
}

async fn seed_calendar(d: &District) -> Calendar {
    let made = crate::calendar::planned(d).await;
    let root = d.sign_in("root").await;
    let rule = json!({"scope": "school", "school": d.facts.city, "dates": ["2026-12-25"], "kind": "holiday"});
    assert_eq!(root.post("/api/day-rules", rule).await.status, 201);
    let act = json!({"kind": "cancel", "lesson": {"entry": made.entry, "date": "2026-12-15"}});
    let change = root.post("/api/changes", json!({"term": made.term, "act": act})).await;
    assert_eq!(change.status, 201, "{}", change.text);
    let change = change.body;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let supply = json!({"teacher": teacher(d).await, "room": d.facts.master, "subject": "S", "grade": "1", "periods": 1,
        "free": [{"weekday": 5, "period": 1}], "interactive": false});
    let supply = root.post("/api/supplies", supply).await.body;
    let need = root.post("/api/needs", crate::market::need(d, 1, 1)).await.body;
    let feed = root.post("/api/feeds", json!({"kind": "school", "subject": d.facts.city})).await.body;
    Calendar {
        need: text(&need["id"]),
        supply: text(&supply["id"]),
        feed: text(&feed["id"]),
        term: text(&made.term),
        table: made.tables[3].clone(),
        rule: text(&root.get("/api/day-rules").await.body[0]["id"]),
        entry: text(&made.entry),
        change: text(&change["id"]),
    }
}

async fn cast(d: &District) -> Cast<'_> {
    let token = d.signaling.add_lesson_token(d.facts.lesson, TokenRole::Both).await.unwrap();
    let whip = d.signaling.add_lesson_token(d.facts.lesson, TokenRole::Whip).await.unwrap();
    let whep = d.signaling.add_lesson_token(d.facts.lesson, TokenRole::Whep).await.unwrap();
    let calendar = seed_calendar(d).await;
    let root = d.sign_in("root").await;
    let own = vec![
        (Who::RegionAdmin, root.clone()),
        (Who::SchoolAdmin, d.sign_in("head").await),
        (Who::GroupAdmin, d.sign_in("group-head").await),
        (Who::Teacher, d.sign_in("wang").await),
        (Who::Display, d.display(0)),
        (Who::Whip, d.bearer(&whip)),
        (Who::Whep, d.bearer(&whep)),
        (Who::Person, d.sign_in("guardian").await),
    ];
    let foreign = vec![
        (Who::SchoolAdmin, d.sign_in("foreign-head").await),
        (Who::Teacher, d.sign_in("foreign-teacher").await),
        (Who::Display, d.bearer(&d.facts.foreign_display.clone())),
    ];
    let _ = token;
    let recording = d.signaling.lesson(d.facts.lesson).await.unwrap().recording.unwrap();
    let seat = d.seats().await[0].parse().unwrap();
    let source = Source { seat, kind: SourceKind::Camera };
    d.signaling.keep(&Event::TrackOpened(TrackRow { recording, track: "t1".into(), source })).await.unwrap();
    let part = PartRow {
        recording,
        track: "t1".into(),
        number: 0,
        epoch: 0,
        start_ms: 0,
        duration_ms: 1000,
        bytes: 4,
        blake3: String::new(),
        index: "[]".into(),
        recovered: false,
    };
    d.signaling.keep(&Event::PartKept(part)).await.unwrap();
    std::fs::write(d.folder.path().join("part-0.m4s"), "data").unwrap();
    let at = d.display(0).offer("v=0").await.header("location").unwrap();
    let displays = root.get("/api/displays").await.body;
    let shown = displays["items"].as_array().unwrap().iter().find(|x| x["room"]["name"] == "Room 1").unwrap();
    Cast {
        own,
        foreign,
        lesson: d.facts.lesson.to_string(),
        session: at.rsplit('/').next().unwrap().to_owned(),
        recording,
        display: shown["id"].as_str().unwrap().to_owned(),
        calendar,
    }
}

/// Ids in a path make it somebody's.
fn fill(d: &District, path: &str, cast: &Cast<'_>) -> String {
    if matches!(path, "/api/import" | "/api/export" | "/api/proposals") {
        return format!("{path}?term={}&sheet=schools", cast.calendar.term);
    }
    path.replace("{lesson}", &cast.lesson)
        .replace("{session}", &cast.session)
        .replace("{recording}", &cast.recording.to_string())
        .replace("{track}", "t1")
        .replace("{run}", "0.m3u8")
        .replace("{file}", "part-0.m4s")
        .replace("{display}", &cast.display)
        .replace("{table}", &cast.calendar.table)
        .replace("{need}", &cast.calendar.need)
        .replace("{supply}", &cast.calendar.supply)
        .replace("{feed}", &cast.calendar.feed)
        .replace("{rule}", &cast.calendar.rule)
        .replace("{entry}", &cast.calendar.entry)
        .replace("{change}", &cast.calendar.change)
        .replace("{pairing}", &d.facts.pairing.to_string())
}

/// Bodies that name things of the own district, so that another school's people reach for what is not theirs.
fn body(d: &District, calendar: &Calendar, path: &str) -> (&'static str, String) {
    let json = |value: Value| ("application/json", value.to_string());
    match path {
        "/api/login" => json(json!({"user": "nobody", "password": "x"})),
        "/api/schools" => json(json!({"name": "New", "kind": "village"})),
        "/api/rooms" => json(json!({"school": d.facts.city, "name": "New", "kind": "master"})),
        "/api/people" => json(
            json!({"name": "N", "user": "n", "password": "long enough", "role": "teacher", "school": d.facts.city}),
        ),
        "/api/pairings" => json(
            json!({"subject": "S", "grade": "1", "teacher": d.facts.city, "master_room": d.facts.master, "rural_rooms": []}),
        ),
        "/api/lessons" => json(json!({"pairing": d.facts.pairing, "starts_ms": BELL, "ends_ms": BELL + 600_000})),
        "/api/classes" => json(json!({"school": d.facts.city, "name": "C", "grade": "1"})),
        "/api/bell-tables" | "/api/bell-tables/{table}" => {
            json(json!({"school": d.facts.city, "name": "T", "from": "2026-12-01", "to": "2026-12-02", "weekdays": [6],
                "temporary": true, "periods": []}))
        }
        "/api/day-rules" => {
            json(json!({"scope": "school", "school": d.facts.city, "dates": ["2026-12-20"], "kind": "holiday"}))
        }
        "/api/day-rules/shift" => json(json!({"term": calendar.term, "scope": "school", "school": d.facts.city,
            "from": "2026-12-02", "to": "2026-12-02", "by": 3})),
        "/api/pairings/{pairing}/plan" => json(json!({"co_teachers": [], "rural_classes": []})),
        "/api/entries" | "/api/entries/check" => json(crate::calendar::entry(d, &json!(calendar.term), 5, 3)),
        "/api/entries/free" => json(json!({"term": calendar.term, "pairing": d.facts.pairing, "weeks": "odd"})),
        "/api/changes" | "/api/changes/check" => json(json!({"term": calendar.term,
            "act": {"kind": "cancel", "lesson": {"entry": calendar.entry, "date": "2026-12-08"}}})),
        "/api/changes/slots" => json(json!({"term": calendar.term, "date": "2026-12-08",
            "lesson": {"entry": calendar.entry, "date": "2026-12-08"}})),
        "/api/feeds" => json(json!({"kind": "school", "subject": d.facts.city})),
        "/api/displays/confirm" => json(json!({"code": "AAAA-AAAA", "room": d.facts.rooms[1]})),
        "/api/lessons/{lesson}/tokens" => json(json!({"role": "whep"})),
        "/api/needs" => json(crate::market::need(d, 1, 3)),
        "/api/supplies" => {
            json(json!({"teacher": d.facts.lesson, "room": d.facts.master, "subject": "S", "grade": "1",
            "periods": 1, "free": [{"weekday": 1, "period": 1}], "interactive": true}))
        }
        "/api/proposals/accept" => {
            json(json!({"term": calendar.term, "need": calendar.need, "supply": calendar.supply}))
        }
        "/api/import" => ("application/octet-stream", "name,kind,group\n".into()),
        p if p.ends_with("/{session}") => ("application/trickle-ice-sdpfrag", "a=x".into()),
        p if p.ends_with("/sessions") || p.starts_with("/whip") || p.starts_with("/whep") => {
            ("application/sdp", "v=0".into())
        }
        _ => json(json!({})),
    }
}

async fn call(d: &District, cast: &Cast<'_>, rule: &tongke_signaling::api::Rule, who: &Asker<'_>) -> (u16, String) {
    let (kind, text) = body(d, &cast.calendar, rule.path);
    let method: Method = rule.method.parse().unwrap();
    let headers = [("content-type", kind), ("if-match", "*")];
    let reply = who.send(method, &fill(d, rule.path, cast), &headers, text).await;
    (reply.status.as_u16(), reply.code().to_owned())
}

#[tokio::test]
async fn nobody_and_the_wrong_role_stay_outside() {
    let d = District::new().await;
    d.at(BELL, "live").await;
    d.admitted().await;
    let cast = cast(&d).await;
    for rule in RULES.iter().filter(|r| !r.who.contains(&Who::Anyone)) {
        let (status, code) = call(&d, &cast, rule, &d.anon()).await;
        assert_eq!((status, code.as_str()), (401, "not_signed_in"), "{} {} by nobody", rule.method, rule.path);
        let (status, _) = call(&d, &cast, rule, &d.bearer("made up")).await;
        assert_eq!(status, 401, "{} {} by a made-up bearer", rule.method, rule.path);
        for (who, asker) in &cast.own {
            let may = rule.who.contains(who)
                || (rule.who.contains(&Who::Person) && asker.credential.as_ref().unwrap().0 == "cookie")
                || (rule.who.contains(&Who::Device) && *who == Who::Display);
            if !may {
                let (status, code) = call(&d, &cast, rule, asker).await;
                assert_eq!((status, code.as_str()), (403, "forbidden"), "{} {} by {who:?}", rule.method, rule.path);
            }
        }
    }
}

#[tokio::test]
async fn what_belongs_to_another_school_does_not_exist() {
    let d = District::new().await;
    d.at(BELL, "live").await;
    d.admitted().await;
    let cast = cast(&d).await;
    let mut checked = 0;
    for rule in RULES.iter().filter(|r| !r.who.contains(&Who::Anyone)) {
        // Whose things are reached for: those in the path, or in the body.
        let names_something = rule.path.contains('{')
            || matches!(
                (rule.method, rule.path),
                (
                    "POST",
                    "/api/rooms"
                        | "/api/people"
                        | "/api/lessons"
                        | "/api/displays/confirm"
                        | "/api/classes"
                        | "/api/bell-tables"
                        | "/api/day-rules"
                        | "/api/day-rules/shift"
                        | "/api/entries"
                        | "/api/entries/check"
                        | "/api/entries/free"
                        | "/api/changes"
                        | "/api/changes/check"
                        | "/api/changes/slots"
                        | "/api/feeds"
                        | "/api/needs"
                        | "/api/supplies"
                        | "/api/proposals/accept"
                )
            );
        for (who, asker) in &cast.foreign {
            if names_something && rule.who.contains(who) {
                let (status, code) = call(&d, &cast, rule, asker).await;
                assert_eq!(
                    (status, code.as_str()),
                    (404, "not_found"),
                    "{} {} by a foreign {who:?}",
                    rule.method,
                    rule.path
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 40, "{checked}");
    // Lists have nothing of another school in them.
    for path in [
        "/api/rooms",
        "/api/people",
        "/api/pairings",
        "/api/lessons",
        "/api/displays",
        "/api/library",
        "/api/schools",
        "/api/wall",
        "/api/classes",
        "/api/bell-tables",
        "/api/day-rules",
        "/api/entries",
        "/api/changes",
        "/api/week",
        "/api/feeds",
        "/api/outcomes",
        "/api/needs",
        "/api/supplies",
    ] {
        let text = cast.foreign[0].1.get(path).await.text;
        for id in [
            d.facts.master.to_string(),
            d.facts.city.to_string(),
            d.facts.lesson.to_string(),
            d.facts.rooms[0].to_string(),
        ] {
            assert!(!text.contains(&id), "{path} shows {id}");
        }
    }
    let other = format!("/api/rooms?school={}", d.facts.city);
    assert_eq!(cast.foreign[0].1.get(&other).await.status, 404);
}

#[tokio::test]
async fn ones_own_is_served() {
    let d = District::new().await;
    d.at(BELL, "live").await;
    d.admitted().await;
    let cast = cast(&d).await;
    // What a state forbids, what a code or a name is wrong in, and what is not there, is decided behind the door.
    let behind = |status: u16, code: &str| {
        (200..300).contains(&status) || [409, 412, 422].contains(&status) || (status == 404 && code == "not_found")
    };
    let mut served = 0;
    // Ending, leaving and revoking come last.
    let mut rules: Vec<_> = RULES.iter().filter(|r| !r.who.contains(&Who::Anyone)).collect();
    rules.sort_by_key(|r| (r.method == "DELETE", r.path.ends_with("/end"), r.path.ends_with("/logout")));
    for rule in rules {
        for (who, asker) in &cast.own {
            if !rule.who.contains(who) || rule.path.ends_with("logout") {
                continue;
            }
            let (status, code) = call(&d, &cast, rule, asker).await;
            assert!(behind(status, &code), "{} {} by {who:?}: {status} {code}", rule.method, rule.path);
            served += usize::from((200..300).contains(&status));
        }
    }
    assert!(served > 75, "{served}");
}
