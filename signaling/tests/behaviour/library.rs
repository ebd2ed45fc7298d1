//! The catalogue, signed links, ranges, and rows that may be told twice.

use crate::district::{Asker, BELL, District, END, MINUTE};
use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;
use tongke_signaling::command::{Event, LineFacts, PartRow, RecordingId, Source, SourceKind, TrackRow};

fn part(recording: RecordingId, number: u32) -> PartRow {
    PartRow {
        recording,
        track: "t1".into(),
        number,
        epoch: 0,
        start_ms: i64::from(number) * 1_000,
        duration_ms: 1_000,
        bytes: 10,
        blake3: "ab".into(),
        index: "[1]".into(),
        recovered: false,
    }
}

async fn recorded() -> (District, RecordingId) {
    let d = District::new().await;
    d.at(BELL, "live").await;
    d.admitted().await;
    let recording = d.signaling.lesson(d.facts.lesson).await.unwrap().recording.unwrap();
    let seat = d.seats().await[1].parse().unwrap();
    let track = TrackRow { recording, track: "t1".into(), source: Source { seat, kind: SourceKind::Camera } };
    for _ in 0..2 {
        d.plane.tell(Event::TrackOpened(track.clone())).await;
        d.plane.tell(Event::PartKept(part(recording, 0))).await;
        d.plane.tell(Event::PartKept(part(recording, 1))).await;
        d.plane.tell(Event::GapFound { recording, track: "t1".into(), from_ms: 500, to_ms: 700 }).await;
    }
    std::fs::write(d.folder.path().join("part-0.m4s"), "0123456789").unwrap();
    d.at(END, "closed").await;
    d.plane.tell(Event::Recorded { recording, duration_ms: END - BELL, kept: true }).await;
    d.state("archived").await;
    (d, recording)
}

async fn link(who: &Asker<'_>, recording: RecordingId) -> String {
    let detail = who.get(&format!("/api/library/{recording}")).await;
    assert_eq!(detail.status, StatusCode::OK, "{}", detail.text);
    detail.body["tracks"][0]["runs"][0]["playlist"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_recorded_lesson_is_listed_and_plays() {
    let (d, recording) = recorded().await;
    let teacher = d.sign_in("wang").await;
    let list = teacher.get("/api/library?q=lesson&subject=Music").await.body;
    assert_eq!(
        (&list["total"], &list["items"][0]["tracks"], &list["items"][0]["state"]),
        (&json!(1), &json!(1), &json!("kept"))
    );
    assert_eq!(list["items"][0]["duration_ms"], END - BELL);
    assert_eq!(list["facets"]["subject"], json!([{"value": "Music", "count": 1}]));
    assert_eq!(teacher.get("/api/library?subject=Art").await.body["total"], 0);
    assert_eq!(teacher.get("/api/library?q=100%25").await.body["total"], 0);

    let detail = teacher.get(&format!("/api/library/{recording}")).await.body;
    assert_eq!((&detail["tracks"][0]["who"], &detail["tracks"][0]["teacher"]), (&json!("Room 1"), &json!(false)));
    assert_eq!(detail["started_ms"], BELL);
    assert_eq!(detail["gaps"], json!([{"track": "t1", "from_ms": 500, "to_ms": 700}]));
    let marks: Vec<_> = detail["chapters"].as_array().unwrap().iter().map(|c| c["kind"].as_str().unwrap()).collect();
    assert_eq!(marks, ["start", "end"]);

    // The link works by itself, as a player without cookies needs it.
    let playlist = d.anon().get(&link(&d.display(0), recording).await).await;
    assert_eq!(playlist.header("content-type").unwrap(), "application/vnd.apple.mpegurl");
    assert!(playlist.text.contains("ended=true"));
    let file = playlist.text.lines().find(|l| l.contains("part-0")).unwrap();
    let ranged = d.anon().send(Method::GET, file, &[("range", "bytes=2-4")], Body::empty()).await;
    assert_eq!((ranged.status, ranged.text.as_str()), (StatusCode::PARTIAL_CONTENT, "234"));
    assert_eq!(ranged.header("content-type").unwrap(), "video/mp4");
}

#[tokio::test]
async fn links_hold_for_minutes_and_only_while_the_viewer_may() {
    let (d, recording) = recorded().await;
    let at = link(&d.display(0), recording).await;
    let forged = at.replace("runs/0", "runs/1").replace("sig=", "sig=9");
    assert_eq!(d.anon().get(&forged).await.code(), "bad_signature");
    assert_eq!(d.anon().get(at.split('?').next().unwrap()).await.status, StatusCode::UNAUTHORIZED);
    d.clock.advance(5 * MINUTE);
    assert_eq!(d.anon().get(&at).await.status, StatusCode::FORBIDDEN);
    // Who is signed in goes on playing.
    assert_eq!(d.display(0).get(&at).await.status, StatusCode::OK);

    let at = link(&d.display(0), recording).await;
    let root = d.sign_in("root").await;
    let displays = root.get("/api/displays").await.body;
    let own = displays["items"].as_array().unwrap().iter().find(|x| x["room"]["name"] == "Room 0").unwrap();
    root.delete(&format!("/api/displays/{}", own["id"].as_str().unwrap())).await;
    assert_eq!(d.anon().get(&at).await.status, StatusCode::FORBIDDEN, "revoked");
    // A link of one recording opens no other.
    let at = link(&root, recording).await.replace(&recording.to_string(), &RecordingId::random().to_string());
    assert_eq!(d.anon().get(&at).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn names_that_walk_are_not_served() {
    let (d, recording) = recorded().await;
    let root = d.sign_in("root").await;
    for name in ["..%2ftongke.sqlite", "%2e%2e", ".hidden", "a%00b"] {
        let path = format!("/api/library/{recording}/tracks/t1/{name}");
        assert_eq!(root.get(&path).await.status, StatusCode::NOT_FOUND, "{name}");
    }
    assert_eq!(
        root.get(&format!("/api/library/{recording}/tracks/t1/runs/9.m3u8")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn parts_that_are_not_on_disk_are_forgotten() {
    let (d, recording) = recorded().await;
    assert_eq!(d.signaling.parts(recording).await.unwrap().len(), 2);
    assert_eq!(d.signaling.retain_parts(recording, &[("t1".into(), 0)]).await.unwrap(), 1);
    assert_eq!(d.signaling.parts(recording).await.unwrap(), [part(recording, 0)]);
    assert_eq!(d.signaling.recordings_to_recover().await.unwrap(), []);
}

#[tokio::test]
async fn a_lesson_of_which_nothing_could_be_kept_is_settled_as_lost() {
    let d = District::new().await;
    d.at(BELL, "live").await;
    let recording = d.signaling.lesson(d.facts.lesson).await.unwrap().recording.unwrap();
    let waiting = d.signaling.recordings_to_recover().await.unwrap();
    assert_eq!((waiting[0].recording, waiting[0].running), (recording, true));
    d.at(END, "closed").await;
    // The recorder is gone; at the next start it tells what it finds, before anything runs.
    d.signaling.keep(&Event::Recorded { recording, duration_ms: 0, kept: false }).await.unwrap();
    d.state("archived").await;
    let root = d.sign_in("root").await;
    assert_eq!(root.get("/api/library").await.body["items"][0]["state"], "lost");
}

/// The lesson goes on for so long, with a room's line like this.
async fn passes(d: &District, seconds: i64, line: Option<(tongke_signaling::command::SessionId, LineFacts)>) {
    for _ in 0..seconds {
        if let Some((session, facts)) = line {
            d.plane.tell(Event::Line { session, facts }).await;
        }
        d.clock.advance(1_000);
        d.settle().await;
    }
}

#[tokio::test]
async fn what_the_network_did_is_kept_with_the_recording_and_not_doubled_by_a_restart() {
    let d = District::new().await;
    d.at(BELL - MINUTE, "open").await;
    d.admitted().await;
    d.display(0).offer("v=0").await;
    d.connected(1).await;
    let session = d.plane.until("the room joins", |told| {
        told.iter().rev().find_map(|c| match c {
            tongke_signaling::command::Command::Join { session, offer, .. } if offer == "v=0" => Some(*session),
            _ => None,
        })
    });
    let session = session.await;
    d.at(BELL, "live").await;
    let good = LineFacts { estimate_down: Some(2_000_000), ..LineFacts::default() };
    let weak = LineFacts { loss_down: 0.08, estimate_down: Some(280_000), ..LineFacts::default() };
    passes(&d, 5, Some((session, good))).await;
    passes(&d, 8, Some((session, weak))).await;
    passes(&d, 12, Some((session, good))).await;
    let recording = d.signaling.lesson(d.facts.lesson).await.unwrap().recording.unwrap();
    // A kill may cost the last ten seconds; what is tested is what was written before.
    let who = d.sign_in("wang").await;
    let written = tokio::time::timeout(std::time::Duration::from_secs(10), async {
        loop {
            let body = who.get(&format!("/api/library/{recording}")).await.body;
            let mut weak = body["troubles"].as_array().unwrap().iter().filter(|t| t["kind"] == "weak");
            if weak.any(|t| t["bad_ms"].as_i64() >= Some(6_000)) {
                return;
            }
        }
    });
    written.await.expect("the weak stretch is written");
    let d = d.restart().await;
    d.state("live").await;
    passes(&d, 14, None).await;
    d.at(END, "closed").await;
    d.plane.tell(Event::Recorded { recording, duration_ms: END - BELL, kept: true }).await;
    d.state("archived").await;

    let who = d.sign_in("wang").await;
    let detail = who.get(&format!("/api/library/{recording}")).await.body;
    // The test's clock jumps to the last bell, so only the first minute says something.
    let of = |kind: &str, who: &str| -> Vec<serde_json::Value> {
        let all = detail["troubles"].as_array().unwrap().iter();
        all.filter(|t| t["kind"] == kind && t["who"] == who && t["from_ms"].as_i64() < Some(60_000)).cloned().collect()
    };
    let weak = of("weak", "Room 0");
    assert_eq!(weak.len(), 1, "{detail}");
    assert_eq!((&weak[0]["loss_permille"], &weak[0]["down_kbps"]), (&json!(80), &json!(280)));
    assert_eq!(weak[0]["sound_fine"], true);
    let bad_ms = weak[0]["bad_ms"].as_i64().unwrap();
    assert!((6_000..=10_000).contains(&bad_ms), "{bad_ms}");
    // Nobody came to room 1, before the restart and after it; room 0 did not come back.
    let absent = of("absent", "Room 1");
    assert_eq!(absent.len(), 1, "{detail}");
    assert_eq!((&absent[0]["cause"], &absent[0]["sound_fine"]), (&json!("not_come"), &json!(false)));
    assert_eq!(of("absent", "Room 0").len(), 1);
    // Who may not see the recording does not see this either.
    let other = d.anon().get(&format!("/api/library/{recording}")).await;
    assert_eq!(other.status, StatusCode::UNAUTHORIZED);
}
