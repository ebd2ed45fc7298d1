//! Pairing by code, the demo's exchange, revoking.

use crate::district::{District, MINUTE};
use axum::http::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn a_code_pairs_once_and_in_time() {
    let d = District::new().await;
    let head = d.sign_in("root").await;
    let new = d.anon().post("/api/displays", json!({})).await;
    assert_eq!(new.status, StatusCode::CREATED);
    let (code, secret) = (new.body["code"].as_str().unwrap(), new.body["secret"].as_str().unwrap());
    let device = d.bearer(secret);
    assert_eq!(device.get("/api/displays/self").await.body, json!({"state": "waiting"}));
    assert_eq!(device.get("/api/today").await.status, StatusCode::FORBIDDEN, "not before it is paired");

    let typed = format!("{}-{}", &code[..4].to_lowercase(), &code[4..]);
    let confirm = json!({"code": typed, "room": d.facts.rooms[0]});
    let paired = head.post("/api/displays/confirm", confirm.clone()).await;
    assert_eq!((paired.status, &paired.body["state"]), (StatusCode::OK, &json!("paired")));
    assert_eq!(device.get("/api/displays/self").await.body["room"]["name"], "Room 0");
    assert_eq!(device.get("/api/today").await.status, StatusCode::OK);
    let again = head.post("/api/displays/confirm", confirm).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "a code works once");

    let late = d.anon().post("/api/displays", json!({})).await;
    d.clock.advance(5 * MINUTE);
    let confirm = json!({"code": late.body["code"], "room": d.facts.rooms[0]});
    assert_eq!(head.post("/api/displays/confirm", confirm).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let device = d.bearer(late.body["secret"].as_str().unwrap());
    assert_eq!(device.get("/api/displays/self").await.body["state"], "expired");
    let listed = head.get("/api/displays").await.body;
    let items = listed["items"].as_array().unwrap();
    assert_eq!(listed["total"], items.len(), "counted as listed");
    assert!(items.iter().all(|item| item["state"] == "paired" && item["school"]["name"].is_string()), "{items:?}");
}

#[tokio::test]
async fn codes_cannot_be_guessed() {
    let d = District::new().await;
    let root = d.sign_in("root").await;
    let new = d.anon().post("/api/displays", json!({})).await;
    for _ in 0..5 {
        let wrong = root.post("/api/displays/confirm", json!({"code": "00000000", "room": d.facts.rooms[0]})).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let right = json!({"code": new.body["code"], "room": d.facts.rooms[0]});
    assert_eq!(root.post("/api/displays/confirm", right).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn strangers_cannot_ask_for_displays_without_end() {
    let d = District::new().await;
    for _ in 0..60 {
        assert_eq!(d.anon().post("/api/displays", json!({})).await.status, StatusCode::CREATED);
    }
    assert_eq!(d.anon().post("/api/displays", json!({})).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_fragment_gives_each_page_its_own_secret() {
    let d = District::new().await;
    let fragment = d.display(0);
    let first = fragment.post("/api/displays/exchange", json!({})).await;
    assert_eq!(first.body["room"]["name"], "Room 0");
    let second = fragment.post("/api/displays/exchange", json!({})).await;
    assert_ne!(first.body["secret"], second.body["secret"]);
    for page in [&first, &second] {
        let page = d.bearer(page.body["secret"].as_str().unwrap());
        assert_eq!(page.get("/api/displays/self").await.body["state"], "paired");
        let again = page.post("/api/displays/exchange", json!({})).await;
        assert_eq!(again.status, StatusCode::NOT_FOUND, "a page's own secret is not exchanged");
    }
    let room = d.sign_in("root").await.get("/api/rooms?q=Room%200").await.body;
    assert_eq!(room["items"][0]["display"]["state"], "offline");
    assert_ne!(room["items"][0]["display"]["id"], Value::Null);
}

#[tokio::test]
async fn what_devices_can_do_decides_the_codec() {
    use crate::events::{Page, serve};
    use tongke_signaling::command::{Command, VideoCodec};
    let d = District::new().await;
    let address = serve(&d).await;
    let hello = |i: usize, codecs: Value| json!({"kind": "hello", "secret": d.facts.displays[i], "capabilities": {"codecs": codecs, "decoders": 4}});
    let mut vp9 = Page::open(address, hello(0, json!(["vp9", "av1"])), None).await;
    vp9.hears("snapshot").await;
    d.at(crate::district::BELL - 10 * MINUTE, "open").await;
    let opens = |c: &[Command]| -> Vec<Vec<VideoCodec>> {
        let open = |c: &Command| match c {
            Command::Open { codecs, .. } => Some(codecs.clone()),
            _ => None,
        };
        c.iter().filter_map(open).collect()
    };
    let first = d.plane.until("opened", |c| opens(c).first().cloned()).await;
    assert_eq!(first, [VideoCodec::Vp9, VideoCodec::H264], "what was known before counts");
    let mut h264 = Page::open(address, hello(1, json!(["h264"])), None).await;
    h264.hears("snapshot").await;
    let second = d.plane.until("opened again", |c| opens(c).get(1).cloned()).await;
    assert_eq!(second, [VideoCodec::H264, VideoCodec::Vp9], "nothing fits all: the usual order");
}
