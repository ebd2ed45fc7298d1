//! The event stream over a real WebSocket.

use crate::district::{BELL, District, MINUTE};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub struct Page(WebSocketStream<MaybeTlsStream<TcpStream>>);

pub async fn serve(d: &District) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = d.app.clone().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

impl Page {
    pub async fn open(address: SocketAddr, hello: Value, cookie: Option<&str>) -> Self {
        let mut request = format!("ws://{address}/api/events").into_client_request().unwrap();
        if let Some(cookie) = cookie {
            request.headers_mut().insert("cookie", cookie.parse().unwrap());
        }
        let mut page = Self(connect_async(request).await.unwrap().0);
        page.say(hello).await;
        page
    }

    pub async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message of a kind; others are passed over.
    pub async fn hears(&mut self, kind: &str) -> Value {
        let wanted = async {
            while let Some(Ok(message)) = self.0.next().await {
                if let Message::Text(text) = message {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    if value["kind"] == kind {
                        return value;
                    }
                }
            }
            panic!("the socket was closed before {kind}")
        };
        tokio::time::timeout(Duration::from_secs(10), wanted).await.unwrap_or_else(|_| panic!("{kind} never came"))
    }

    /// Code and reason of the close.
    pub async fn closed(&mut self) -> (u16, String) {
        let closing = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), frame.reason.to_string()),
                    Some(Ok(_)) => {}
                    _ => return (0, String::new()),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), closing).await.expect("the socket is closed")
    }
}

fn hello(d: &District, i: usize, page: &str) -> Value {
    json!({"kind": "hello", "secret": d.facts.displays[i], "page": page})
}

pub async fn teacher(d: &District, address: SocketAddr) -> Page {
    let cookie = d.sign_in("wang").await.credential.unwrap().1;
    Page::open(address, json!({"kind": "hello"}), Some(&cookie)).await
}

#[tokio::test]
async fn a_display_sees_the_lesson_come_and_go() {
    let d = District::new().await;
    let address = serve(&d).await;
    let mut page = Page::open(address, hello(&d, 0, "a"), None).await;
    let snapshot = page.hears("snapshot").await;
    assert_eq!(snapshot["me"]["role"], "display");
    assert_eq!(snapshot["me"]["room"]["name"], "Room 0");
    assert_eq!(snapshot["now_ms"], BELL - 20 * MINUTE);
    assert_eq!(snapshot["lessons"][0]["state"], "planned");
    assert_eq!(snapshot["lessons"][0]["admits_ms"], BELL - 5 * MINUTE);
    assert!(snapshot.get("lesson").is_none());

    d.at(BELL - 10 * MINUTE, "open").await;
    assert_eq!(page.hears("lesson").await["lesson"]["state"], "open");
    d.clock.advance(5 * MINUTE);
    assert_eq!(page.hears("bell").await["what"], "admit");
    d.at(BELL, "live").await;
    assert_eq!(page.hears("bell").await["what"], "start");
    page.say(json!({"kind": "snapshot"})).await;
    let snapshot = page.hears("snapshot").await;
    assert_eq!(snapshot["lesson"]["recording"], true);
    assert_eq!(snapshot["lesson"]["seats"].as_array().unwrap().len(), 4);
    assert_eq!(snapshot["lesson"]["seats"][0]["teacher"], true);
    d.at(crate::district::END, "closed").await;
    let end = page.hears("bell").await;
    assert_eq!((&end["what"], &end["at_ms"]), (&"end".into(), &crate::district::END.into()));
    page.say(json!({"kind": "clock"})).await;
    assert_eq!(page.hears("clock").await["now_ms"], crate::district::END);
}

#[tokio::test]
async fn hands_queue_and_the_stage_takes_them_down() {
    let d = District::new().await;
    let address = serve(&d).await;
    d.at(BELL, "live").await;
    d.admitted().await;
    let seats = d.seats().await;
    let mut teacher = teacher(&d, address).await;
    let mut rooms =
        [Page::open(address, hello(&d, 0, "a"), None).await, Page::open(address, hello(&d, 1, "b"), None).await];
    for room in &mut rooms {
        room.hears("snapshot").await;
    }
    rooms[1].say(json!({"kind": "hand", "up": true})).await;
    let first = teacher.hears("hand").await;
    assert_eq!((first["seat"].as_str(), first["since_ms"].as_i64()), (Some(seats[1].as_str()), Some(BELL)));
    d.clock.advance(1_000);
    rooms[0].say(json!({"kind": "hand", "up": true})).await;
    assert_eq!(teacher.hears("hand").await["since_ms"], BELL + 1_000);
    // Only the teacher calls.
    rooms[0].say(json!({"kind": "call", "seat": seats[0]})).await;
    assert_eq!(rooms[0].hears("error").await["code"], "forbidden");
    teacher.say(json!({"kind": "call", "seat": seats[1]})).await;
    let stage = rooms[0].hears("stage").await;
    assert_eq!((&stage["seat"], &stage["name"]), (&json!(seats[1]), &json!("Room 1")));
    assert_eq!(teacher.hears("hand").await["since_ms"], Value::Null);
    // A terminal cannot speak; a room of nobody's lesson does not exist.
    teacher.say(json!({"kind": "call", "seat": seats[2]})).await;
    assert_eq!(teacher.hears("error").await["code"], "cannot_speak");
    teacher.say(json!({"kind": "call", "seat": tongke_signaling::command::SeatId::random()})).await;
    assert_eq!(teacher.hears("error").await["code"], "not_found");
    rooms[0].say(json!({"kind": "mute", "seat": seats[1], "source": "microphone", "muted": true})).await;
    assert_eq!(rooms[0].hears("error").await["code"], "forbidden");
}

#[tokio::test]
async fn another_page_replaces_and_the_same_page_does_not() {
    let d = District::new().await;
    let address = serve(&d).await;
    d.at(BELL, "live").await;
    d.admitted().await;
    let mut first = Page::open(address, hello(&d, 0, "first"), None).await;
    first.hears("snapshot").await;
    d.display(0).page("first").offer("v=0").await;
    // The same page offers again after a failure: no `replaced` before what comes later.
    d.display(0).page("first").offer("v=0").await;
    first.say(json!({"kind": "clock"})).await;
    let mut second = Page::open(address, hello(&d, 0, "second"), None).await;
    second.hears("snapshot").await;
    let heard = first.hears_first_of(&["clock", "replaced"]).await;
    assert_eq!(heard["kind"], "clock");
    d.display(0).page("second").offer("v=0").await;
    first.hears("replaced").await;
    second.say(json!({"kind": "clock"})).await;
    assert_eq!(second.hears_first_of(&["clock", "replaced"]).await["kind"], "clock");
}

#[tokio::test]
async fn a_page_that_comes_back_hears_what_it_missed() {
    let d = District::new().await;
    let address = serve(&d).await;
    let mut page = Page::open(address, hello(&d, 0, "a"), None).await;
    let n = page.hears("snapshot").await["n"].as_u64().unwrap();
    drop(page);
    d.at(BELL, "live").await;
    let back = json!({"kind": "hello", "secret": d.facts.displays[0], "page": "a", "resume": n});
    let mut page = Page::open(address, back, None).await;
    assert_eq!(page.hears("bell").await["what"], "admit");
    let bell = page.hears("bell").await;
    assert_eq!(bell["what"], "start");
    assert!(bell["n"].as_u64().unwrap() > n);
    assert_eq!(page.hears("roster").await["lesson"], json!(d.facts.lesson));
    // Numbers of another process are not known.
    let back = json!({"kind": "hello", "secret": d.facts.displays[0], "resume": 7});
    Page::open(address, back, None).await.hears("snapshot").await;
}

#[tokio::test]
async fn slots_and_rosters_and_lines_are_told() {
    use tongke_signaling::command::{Command, Event, LineFacts, Slot, Source, SourceKind};
    let d = District::new().await;
    // Nothing flows but what is told here.
    d.plane.voiceless.store(true, std::sync::atomic::Ordering::Relaxed);
    let address = serve(&d).await;
    d.at(BELL, "live").await;
    d.admitted().await;
    let mut page = Page::open(address, hello(&d, 0, "a"), None).await;
    let mut teacher = teacher(&d, address).await;
    d.display(0).page("a").offer("v=0").await;
    let (session, seat) = d
        .plane
        .until("joined", |c| {
            c.iter().rev().find_map(|c| match c {
                Command::Join { session, seat, offer, .. } if offer == "v=0" => Some((*session, *seat)),
                _ => None,
            })
        })
        .await;
    let source = Some(Source { seat, kind: SourceKind::Camera });
    d.plane.tell(Event::SlotState { session, slot: Slot::TeacherVideo, source, live: true }).await;
    let slots = page.hears("slots").await;
    let first = &slots["slots"][0];
    assert_eq!(
        (&first["mid"], &first["slot"], &first["state"]),
        (&json!("0"), &json!("teacher_video"), &json!("live"))
    );
    assert_eq!(slots["slots"][1]["state"], "none");
    d.plane.tell(Event::SlotState { session, slot: Slot::TeacherVideo, source, live: false }).await;
    assert_eq!(page.hears("slots").await["slots"][0]["state"], "held");

    let facts = LineFacts { loss_up: 0.2, audio_level: 99, ..LineFacts::default() };
    d.plane.tell(Event::Line { session, facts }).await;
    let quality = teacher.hears("quality").await;
    assert_eq!((&quality["quality"], &quality["level"]), (&json!("weak"), &json!(99)));
    d.clock.advance(1_000);
    let present =
        |r: &Value| r["seats"].as_array().unwrap().iter().any(|s| s["seat"] == json!(seat) && s["present"] == true);
    loop {
        let roster = teacher.hears("roster").await;
        if present(&roster) {
            break;
        }
        d.clock.advance(1_000);
    }
}

#[tokio::test]
async fn rude_pages_are_closed() {
    let d = District::new().await;
    let address = serve(&d).await;
    let mut page = Page::open(address, json!({"kind": "clock"}), None).await;
    assert_eq!(page.closed().await, (1008, "hello_expected".into()));
    let mut page = Page::open(address, json!({"kind": "hello", "secret": "wrong"}), None).await;
    assert_eq!(page.closed().await, (1008, "not_signed_in".into()));
    let mut page = Page::open(address, hello(&d, 0, "a"), None).await;
    page.say(json!({"kind": "nonsense"})).await;
    assert_eq!(page.hears("error").await["code"], "malformed");
    for _ in 0..200 {
        if page.0.send(Message::text("{\"kind\":\"clock\"}")).await.is_err() {
            break;
        }
    }
    assert_eq!(page.closed().await, (1008, "too_many_messages".into()));
    let mut page = Page::open(address, hello(&d, 0, "a"), None).await;
    page.hears("snapshot").await;
    // The server may close before all of it is sent.
    let _ = page.0.send(Message::text("x".repeat(70_000))).await;
    page.closed().await;

    let mut request = format!("ws://{address}/api/events").into_client_request().unwrap();
    request.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    let refused = connect_async(request).await.unwrap_err().to_string();
    assert!(refused.contains("403"), "{refused}");
}

#[tokio::test]
async fn a_revoked_display_loses_stream_and_media_at_once() {
    let d = District::new().await;
    let address = serve(&d).await;
    d.at(BELL, "live").await;
    d.admitted().await;
    let root = d.sign_in("root").await;
    let mut page = Page::open(address, hello(&d, 0, "a"), None).await;
    page.hears("snapshot").await;
    d.display(0).page("a").offer("v=0").await;
    d.connected(1).await;
    let displays = root.get("/api/displays").await.body;
    let own = displays["items"].as_array().unwrap().iter().find(|x| x["room"]["name"] == "Room 0").unwrap().clone();
    assert_eq!(own["online"], true);
    assert_eq!(root.delete(&format!("/api/displays/{}", own["id"].as_str().unwrap())).await.status, 204);
    assert_eq!(page.hears("display").await["state"], "revoked");
    page.closed().await;
    assert_eq!(d.signaling.present(d.facts.lesson), 0);
    assert_eq!(d.display(0).offer("v=0").await.status, 403);
    assert_eq!(d.display(0).get("/api/displays/self").await.body["state"], "revoked");
}

impl Page {
    async fn hears_first_of(&mut self, kinds: &[&str]) -> Value {
        let wanted = async {
            loop {
                if let Some(Ok(Message::Text(text))) = self.0.next().await {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    if kinds.iter().any(|k| value["kind"] == *k) {
                        return value;
                    }
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wanted).await.expect("one of them comes")
    }
}
