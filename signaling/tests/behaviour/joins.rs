//! Sessions: who may sit where, who replaces whom, what refusals become.

use crate::district::{BELL, District, END, MINUTE};
use axum::http::StatusCode;
use tongke_signaling::command::{Command, DecodeBudget, Event, LineFacts, SessionId, SessionRole};
use tongke_signaling::model::TokenRole;

async fn live() -> District {
    let d = District::new().await;
    d.at(BELL, "live").await;
    d.admitted().await;
    d.plane.forget();
    d
}

fn joins(commands: &[Command]) -> Vec<(SessionId, SessionRole)> {
    let join = |c: &Command| match c {
        Command::Join { session, role, .. } => Some((*session, *role)),
        _ => None,
    };
    commands.iter().filter_map(join).collect()
}

#[tokio::test]
async fn each_seat_gets_its_own_m_lines_and_slots() {
    let d = live().await;
    let teacher = d.sign_in("wang").await;
    let answers = [teacher.offer("v=0").await, d.display(0).offer("v=0").await, d.display(2).offer("v=0").await];
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::CREATED);
        assert_eq!(answer.text, "v=0 answer");
        assert_eq!(answer.header("content-type").unwrap(), "application/sdp");
        assert_eq!(answer.header("etag").unwrap(), "\"1\"");
        assert!(answer.header("location").unwrap().starts_with(&format!("/api/lessons/{}/sessions/", d.facts.lesson)));
    }
    let slots: serde_json::Value = serde_json::from_str(&answers[1].header("tongke-slots").unwrap()).unwrap();
    assert_eq!((&slots["0"], &slots["5"]), (&"teacher_video".into(), &"stage_audio".into()));
    let roles: Vec<_> = joins(&d.plane.told()).into_iter().map(|j| j.1).collect();
    assert_eq!(roles, [SessionRole::Teacher, SessionRole::InteractiveRoom, SessionRole::TerminalRoom]);
}

#[tokio::test]
async fn what_a_display_decodes_travels_with_its_join_and_nobody_elses() {
    use crate::events::{Page, serve};
    let d = live().await;
    let address = serve(&d).await;
    let capabilities = serde_json::json!({"codecs": ["h264"], "decoders": 2, "pixels": 3_000_000});
    let hello = serde_json::json!({"kind": "hello", "secret": d.facts.displays[0], "capabilities": capabilities});
    Page::open(address, hello, None).await.hears("snapshot").await;
    for i in [0, 2] {
        assert_eq!(d.display(i).offer("v=0").await.status, StatusCode::CREATED);
    }
    let told = d.plane.told();
    let budgets: Vec<DecodeBudget> = told
        .iter()
        .filter_map(|c| match c {
            Command::Join { decode, .. } => Some(*decode),
            _ => None,
        })
        .collect();
    assert_eq!(budgets, [DecodeBudget { decoders: Some(2), pixels: Some(3_000_000) }, DecodeBudget::default()]);
}

fn remembered(commands: &[Command]) -> Vec<Option<u32>> {
    let join = |c: &Command| match c {
        Command::Join { remembered_bps, .. } => Some(*remembered_bps),
        _ => None,
    };
    commands.iter().filter_map(join).collect()
}

#[tokio::test]
async fn what_a_rooms_line_took_is_remembered_for_its_next_lesson_and_for_two_months() {
    const DAY: i64 = 24 * 60 * MINUTE;
    let d = live().await;
    let root = d.sign_in("root").await;
    let starts = [END + 20 * MINUTE, END + 61 * DAY];
    let mut lessons = Vec::new();
    for starts_ms in starts {
        let new =
            serde_json::json!({"pairing": d.facts.pairing, "starts_ms": starts_ms, "ends_ms": starts_ms + 10 * MINUTE});
        let made = root.post("/api/lessons", new).await;
        assert_eq!(made.status, StatusCode::CREATED);
        lessons.push(made.body["id"].as_str().unwrap().to_owned());
    }
    d.display(0).offer("v=0").await;
    let (session, _) = joins(&d.plane.told())[0];
    let facts = LineFacts { estimate_down: Some(300_000), ..LineFacts::default() };
    d.plane.tell(Event::Line { session, facts }).await;
    d.settle().await;
    d.display(0).offer("v=0").await;
    assert_eq!(remembered(&d.plane.told()), [None, Some(300_000)], "and at once for who comes again");
    d.at(END, "closed").await;
    let mut at_ms = END;
    for (starts_ms, lesson) in starts.into_iter().zip(&lessons) {
        d.plane.forget();
        d.clock.advance(starts_ms - at_ms);
        at_ms = starts_ms;
        let path = format!("/api/lessons/{lesson}/sessions");
        d.plane.until("the room is open", |c| c.iter().any(|c| matches!(c, Command::Open { .. })).then_some(())).await;
        for i in [0, 1] {
            let joined = d.display(i).offer_to(&path, "v=0").await;
            assert_eq!(joined.status, StatusCode::CREATED, "{}", joined.text);
        }
        let known = if starts_ms == starts[0] { Some(300_000) } else { None };
        assert_eq!(remembered(&d.plane.told()), [known, None], "of this room only");
    }
}

#[tokio::test]
async fn an_offer_again_leaves_the_old_session_first() {
    let d = live().await;
    d.display(0).page("tab").offer("v=0").await;
    let first = joins(&d.plane.told())[0].0;
    d.display(0).page("tab").offer("v=0").await;
    let told = d.plane.told();
    let left = told.iter().position(|c| *c == Command::Leave { session: first }).unwrap();
    let joined = told.iter().rposition(|c| matches!(c, Command::Join { .. })).unwrap();
    assert!(left < joined);
    assert_eq!(d.signaling.present(d.facts.lesson), 1);
}

#[tokio::test]
async fn a_restart_needs_the_present_credentials() {
    let d = live().await;
    let me = d.display(0);
    let at = me.offer("v=0").await.header("location").unwrap();
    assert_eq!(me.patch(&at, None, 2).await.status, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(me.patch(&at, Some("\"0\""), 2).await.status, StatusCode::PRECONDITION_FAILED);
    let restarted = me.patch(&at, Some("\"1\""), 2).await;
    assert_eq!((restarted.status, restarted.text.as_str()), (StatusCode::OK, "a=ice"));
    assert_eq!(restarted.header("etag").unwrap(), "\"2\"");
    assert_eq!(me.patch(&at, Some("*"), 3).await.status, StatusCode::OK);
    // Candidates alone.
    let trickled = me.patch(&at, Some("\"3\""), 3).await;
    assert_eq!((trickled.status, trickled.text.as_str()), (StatusCode::NO_CONTENT, ""));
    // Another room of the same lesson has nothing to do with it.
    assert_eq!(d.display(1).patch(&at, Some("*"), 4).await.status, StatusCode::NOT_FOUND);
    assert_eq!(d.display(1).delete(&at).await.status, StatusCode::NOT_FOUND);
    assert_eq!(me.delete(&at).await.status, StatusCode::NO_CONTENT);
    assert_eq!(me.delete(&at).await.status, StatusCode::NOT_FOUND);
    assert_eq!(me.patch(&at, Some("*"), 4).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_restart_whose_answer_was_lost_is_answered_again() {
    let d = live().await;
    let me = d.display(0);
    let at = me.offer("v=0").await.header("location").unwrap();
    let first = me.patch(&at, Some("\"1\""), 2).await;
    let again = me.patch(&at, Some("\"1\""), 2).await;
    assert_eq!((again.status, &again.text), (StatusCode::OK, &first.text));
    assert_eq!(again.header("etag"), first.header("etag"));
    // Another restart under the old tag is that of a page which does not know where it stands.
    assert_eq!(me.patch(&at, Some("\"1\""), 3).await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(me.patch(&at, Some("\"2\""), 3).await.header("etag").unwrap(), "\"3\"");
    assert_eq!(me.patch(&at, Some("\"1\""), 2).await.status, StatusCode::PRECONDITION_FAILED);
    // Two that wait at the same time, the first of them already given up by its page: both are answered.
    let both = tokio::join!(me.patch(&at, Some("\"3\""), 4), me.patch(&at, Some("\"3\""), 4));
    assert_eq!((both.0.status, both.1.status), (StatusCode::OK, StatusCode::OK));
}

#[tokio::test]
async fn refusals_become_statuses_and_free_the_seat() {
    let d = live().await;
    for (offer, status, code) in [
        ("v=0 malformed", StatusCode::BAD_REQUEST, "malformed"),
        ("v=0 unfit", StatusCode::UNPROCESSABLE_ENTITY, "unfit_offer"),
        ("v=0 full", StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    ] {
        let refused = d.display(0).offer(offer).await;
        assert_eq!((refused.status, refused.code()), (status, code));
    }
    assert_eq!(d.display(0).offer("v=0 unfit").await.body["error"]["line"], 3);
    let full = d.display(0).offer("v=0 full").await;
    assert_eq!(full.header("retry-after").unwrap(), "1");
    let large = d.display(0).offer(&"x".repeat(64 * 1024 + 1)).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let path = format!("/api/lessons/{}/sessions", d.facts.lesson);
    let typed = d.display(0).post(&path, serde_json::json!({})).await;
    assert_eq!(typed.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(d.signaling.present(d.facts.lesson), 0);
}

#[tokio::test]
async fn a_media_plane_that_is_silent_costs_the_seat_nothing() {
    let d = live().await;
    let silent = d.display(0).offer("v=0 silence").await;
    assert_eq!((silent.status, silent.code()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    d.plane.until("the seat is freed", |c| c.iter().any(|c| matches!(c, Command::Leave { .. })).then_some(())).await;
    assert_eq!(d.display(0).offer("v=0").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn whip_publishes_beside_the_teachers_page_and_whep_is_never_in_the_attendance() {
    let d = live().await;
    let teacher = d.sign_in("wang").await;
    teacher.offer("v=0").await;
    let token = d.signaling.add_lesson_token(d.facts.lesson, TokenRole::Both).await.unwrap();
    let box_ = d.bearer(&token);
    let whip = format!("/whip/{}", d.facts.lesson);
    let camera = box_.offer_to(&whip, "v=0").await;
    assert_eq!(camera.status, StatusCode::CREATED);
    assert_eq!(box_.offer_to(&format!("{whip}?source=screen"), "v=0").await.status, StatusCode::CREATED);
    assert!(!d.plane.told().iter().any(|c| matches!(c, Command::Leave { .. })), "they live side by side");
    // A new one with the same source replaces the older.
    assert_eq!(box_.offer_to(&whip, "v=0").await.status, StatusCode::CREATED);
    let at = camera.header("location").unwrap();
    assert_eq!(box_.patch(&at, Some("*"), 2).await.status, StatusCode::NOT_FOUND);

    let present = d.signaling.present(d.facts.lesson);
    for view in ["", "?view=screen", "?view=stage"] {
        let seen = box_.offer_to(&format!("/whep/{}{view}", d.facts.lesson), "v=0").await;
        assert_eq!(seen.status, StatusCode::CREATED);
        assert!(seen.header("location").unwrap().starts_with("/whep/"));
    }
    assert_eq!(d.signaling.present(d.facts.lesson), present);
    let wrong = box_.offer_to(&format!("/whep/{}?view=cellar", d.facts.lesson), "v=0").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    // The page cannot touch the box's session, nor the box the page's.
    let path = format!("/api/lessons/{}/sessions/{}", d.facts.lesson, at.rsplit('/').next().unwrap());
    assert_eq!(teacher.delete(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn tokens_open_what_they_were_made_for() {
    let d = live().await;
    let whep = d.signaling.add_lesson_token(d.facts.lesson, TokenRole::Whep).await.unwrap();
    let whip = format!("/whip/{}", d.facts.lesson);
    assert_eq!(d.bearer(&whep).offer_to(&whip, "v=0").await.status, StatusCode::FORBIDDEN);
    assert_eq!(d.anon().offer_to(&whip, "v=0").await.status, StatusCode::UNAUTHORIZED);
    let other = format!("/whep/{}", tongke_signaling::command::LessonId::random());
    assert_eq!(d.bearer(&whep).offer_to(&other, "v=0").await.status, StatusCode::NOT_FOUND);
    let asked = d.sign_in("wang").await;
    let made =
        asked.post(&format!("/api/lessons/{}/tokens", d.facts.lesson), serde_json::json!({"role": "whip"})).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(made.body["whip"], whip);
    assert!(made.body.get("whep").is_none());
    let token = made.body["token"].as_str().unwrap();
    assert_eq!(d.bearer(token).offer_to(&whip, "v=0").await.status, StatusCode::CREATED);
}
