//! What strangers and broken clients send: a typed refusal, nobody disturbed, the server alive.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;

use crate::client::{Client, ROOM};
use crate::demo::{Access, Demo, agent, now, until};

/// The status of an answer and its typed error.
fn refusal(mut answer: ureq::http::Response<ureq::Body>) -> (u16, Value) {
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string().unwrap_or_default();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn bearer(access: &Access) -> String {
    match access {
        Access::Secret(secret) => format!("Bearer {secret}"),
        Access::Cookie(_) => unreachable!("a display has a secret"),
    }
}

/// A connection of bare bytes to the server.
fn raw(demo: &Demo) -> TcpStream {
    let address = demo.base_url().trim_start_matches("http://").to_owned();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// What a connection says until it ends; writing or reading may be cut off, as by a reset.
fn until_closed(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    // A reset instead of an orderly end is an end too.
    drop(stream.read_to_end(&mut said));
    String::from_utf8_lossy(&said).into_owned()
}

fn alive(demo: &Demo) {
    let answer = agent().get(format!("{}/healthz", demo.base_url())).call().unwrap();
    assert_eq!(answer.status(), 200, "the server is alive");
}

#[test]
fn offers_that_are_none_get_a_typed_refusal() {
    let demo = Demo::start(5, 0);
    demo.wait_for_the_bell(&demo.sign_teacher_in());
    let display = demo.pair_display(0);
    let url = format!("{}/api/lessons/{}/sessions", demo.base_url(), demo.lesson());
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/fuzz_offer");
    let good = std::fs::read_to_string(seeds.join("chromium-room.sdp")).unwrap();
    let bad: [(&str, Vec<u8>); 11] = [
        ("nothing", Vec::new()),
        ("not UTF-8", vec![0xff; 100]),
        ("no lines", b"v=0\r\n".to_vec()),
        ("no fingerprint", good.replace("a=fingerprint", "a=nofingerprint").into()),
        ("a short fingerprint", good.replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 AB:").into()),
        ("no credentials", good.replace("a=ice-ufrag", "a=no-ufrag").into()),
        ("one mid twice", good.replace("a=mid:1\r\n", "a=mid:0\r\n").into()),
        ("passive", good.replace("a=setup:actpass", "a=setup:passive").into()),
        ("another role", std::fs::read(seeds.join("chromium-teacher.sdp")).unwrap()),
        ("seventy lines", format!("{good}{}", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:x\r\n".repeat(70)).into()),
        ("too long", format!("{good}{}", "a=x:yyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(4000)).into()),
    ];
    for (name, offer) in bad {
        let start = now();
        let answer = agent()
            .post(&url)
            .header("content-type", "application/sdp")
            .header("authorization", bearer(&display))
            .send(&offer[..])
            .unwrap();
        let (status, error) = refusal(answer);
        assert!(matches!(status, 400 | 413 | 415 | 422), "{name}: {status} {error}");
        assert!(error["error"]["code"].is_string(), "{name}: {error}");
        assert!(start.elapsed() < Duration::from_millis(500), "{name} took {:?}", start.elapsed());
    }
    alive(&demo);
}

#[test]
fn oversized_and_slow_requests_are_cut_off() {
    let demo = Demo::start(5, 60);
    let (status, _) = refusal(
        agent()
            .post(format!("{}/api/login", demo.base_url()))
            .header("content-type", "application/json")
            .send(&vec![b' '; 64 << 20][..])
            .unwrap_or_else(|_| {
                ureq::http::Response::builder().status(413).body(ureq::Body::builder().data("")).unwrap()
            }),
    );
    assert!(matches!(status, 400 | 413), "64 MiB: {status}");

    let mut large = raw(&demo);
    // The server may hang up while the header is still being written.
    drop(write!(large, "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(1 << 20)));
    let said = until_closed(large);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "1 MiB of header: {said:.100}");

    let mut slow = raw(&demo);
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    let start = now();
    until_closed(slow);
    assert!(start.elapsed() < Duration::from_secs(10), "a slow header is closed, not after {:?}", start.elapsed());
    alive(&demo);
}

#[test]
fn foreign_origins_and_large_messages_are_refused() {
    let demo = Demo::start(5, 60);
    let url = format!("{}/api/events", demo.base_url().replacen("http", "ws", 1));
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("origin", "https://elsewhere.example".parse().unwrap());
    let error = tungstenite::connect(request).map(drop).unwrap_err();
    assert!(matches!(&error, tungstenite::Error::Http(answer) if answer.status() == 403), "{error}");

    let mut events = demo.events(&demo.sign_teacher_in());
    events.until("the snapshot", |message| message["kind"] == "snapshot");
    assert!(events.is_closed_after(&json!({ "kind": "hello", "lesson": "x".repeat(4 << 20) })), "4 MiB are too much");
    alive(&demo);
}

#[test]
fn guessing_a_password_is_stopped() {
    let demo = Demo::start(5, 60);
    let user = &demo.said["teacher"]["user"];
    let guess = |password: &str| {
        let body = json!({ "user": user, "password": password });
        agent().post(format!("{}/api/login", demo.base_url())).send_json(body).unwrap()
    };
    let mut stopped = None;
    for attempt in 1..=12 {
        let answer = guess(&format!("wrong {attempt}"));
        match answer.status().as_u16() {
            401 => {}
            429 => {
                assert!(answer.headers().contains_key("retry-after"));
                stopped = Some(attempt);
                break;
            }
            other => panic!("try {attempt}: {other}"),
        }
    }
    assert!(stopped.is_some_and(|attempt| attempt > 3), "the tries are stopped, but not at once: {stopped:?}");
    let right = guess(demo.said["teacher"]["password"].as_str().unwrap());
    assert_eq!(right.status(), 429, "the right password does not tell itself by another answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_the_media_port_is_dropped_in_silence() {
    let demo = Demo::start(5, 0);
    demo.wait_for_the_bell(&demo.sign_teacher_in());
    let url = format!("{}/api/lessons/{}/sessions", demo.base_url(), demo.lesson());
    let mut port = None;
    let display = demo.pair_display(0);
    let client = Client::join(ROOM, |offer| {
        let answer = demo.offer(&url, &display, offer);
        port = answer.lines().find_map(|line| {
            let part: Vec<&str> = line.split(' ').collect();
            (line.starts_with("a=candidate:") && part[2].eq_ignore_ascii_case("udp"))
                .then(|| part[5].parse::<u16>().unwrap())
        });
        answer
    })
    .await;

    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.connect(("127.0.0.1", port.expect("a UDP candidate"))).unwrap();
    stranger.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut sent = 0;
    for number in 0..20_000_u32 {
        // First octets of STUN, DTLS, RTP and RTCP, and of nothing (RFC 7983); then noise.
        let first = [0, 22, 128, 200, 255][number as usize % 5];
        let noise: Vec<u8> = std::iter::once(first)
            .chain((0..60).map(|i| (number.wrapping_mul(2_654_435_761) >> (i % 24)) as u8))
            .collect();
        // A full socket buffer drops what it cannot hold, which is well here.
        sent += stranger.send(&noise).unwrap_or(0);
    }
    let mut got = 0;
    let mut buffer = [0; 2048];
    while let Ok(length) = stranger.recv(&mut buffer) {
        got += length;
    }
    assert!(got <= sent, "{got} bytes back for {sent} to an address that proved nothing");

    let late = Client::join(ROOM, |offer| demo.offer(&url, &demo.pair_display(1), offer)).await;
    late.close().await;
    client.close().await;
    until("the server is alive", Duration::from_secs(5), || {
        agent().get(format!("{}/healthz", demo.base_url())).call().is_ok()
    });
}
