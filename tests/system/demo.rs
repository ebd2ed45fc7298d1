//! The product as its users start it: `tongke demo --json`, and what its pages would ask of it.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

/// A running demo; ends with its value.
pub(crate) struct Demo {
    child: Child,
    _data: tempfile::TempDir,
    /// The line it prints once it serves.
    pub(crate) said: Value,
}

impl Demo {
    /// Starts a demo whose bell rings `starts_in_s` after it serves.
    pub(crate) fn start(minutes: u32, starts_in_s: u32) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tongke"))
            .args(["demo", "--json", "--port", "0", "--minutes", &minutes.to_string()])
            .args(["--starts-in", &starts_in_s.to_string(), "--data"])
            .arg(data.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        Self { child, _data: data, said }
    }

    /// The process that was started.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The server's address, without a slash at its end.
    pub(crate) fn base_url(&self) -> &str {
        self.said["base_url"].as_str().unwrap().trim_end_matches('/')
    }

    /// The lesson's id.
    pub(crate) fn lesson(&self) -> &str {
        self.said["lessons"][0]["id"].as_str().unwrap()
    }

    /// The teacher's cookie.
    pub(crate) fn sign_teacher_in(&self) -> Access {
        let teacher = &self.said["teacher"];
        let body = json!({ "user": teacher["user"], "password": teacher["password"] });
        let answer = agent().post(format!("{}/api/login", self.base_url())).send_json(body).unwrap();
        assert_eq!(answer.status(), 200, "the teacher signs in");
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        Access::Cookie(cookie.split(';').next().unwrap().to_owned())
    }

    /// The secret of the display with this number, exchanged as its page does.
    pub(crate) fn pair_display(&self, number: usize) -> Access {
        let url = self.said["displays"][number]["url"].as_str().unwrap();
        let fragment = url.split("#secret=").nth(1).unwrap_or_else(|| panic!("a secret in {url}"));
        let mut answer = agent()
            .post(format!("{}/api/displays/exchange", self.base_url()))
            .header("authorization", format!("Bearer {fragment}"))
            .send_empty()
            .unwrap();
        let told: Value = answer.body_mut().read_json().unwrap();
        Access::Secret(told["secret"].as_str().unwrap_or_else(|| panic!("a secret in {told}")).to_owned())
    }

    /// Reads a JSON resource.
    pub(crate) fn read(&self, path: &str, access: &Access) -> Value {
        let (name, value) = access.header();
        let mut answer = agent().get(format!("{}{path}", self.base_url())).header(name, value).call().unwrap();
        answer.body_mut().read_json().unwrap()
    }

    /// Posts an offer and gives the answer.
    pub(crate) fn offer(&self, url: &str, access: &Access, offer: &str) -> String {
        let (name, value) = access.header();
        let mut answer =
            agent().post(url).header("content-type", "application/sdp").header(name, value).send(offer).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status(), 201, "{url}: {text}");
        text
    }

    /// Opens the event stream of somebody who looks at the lesson.
    pub(crate) fn events(&self, access: &Access) -> Events {
        let url = format!("{}/api/events", self.base_url().replacen("http", "ws", 1));
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("origin", self.base_url().parse().unwrap());
        let mut hello = json!({ "kind": "hello", "lesson": self.lesson() });
        match access {
            Access::Cookie(cookie) => _ = request.headers_mut().insert("cookie", cookie.parse().unwrap()),
            Access::Secret(secret) => hello["secret"] = json!(secret),
        }
        let (mut socket, _) = tungstenite::connect(request).unwrap();
        socket.send(Message::text(hello.to_string())).unwrap();
        Events(socket)
    }

    /// Waits until the lesson is live.
    pub(crate) fn wait_for_the_bell(&self, access: &Access) {
        until("the lesson is live", Duration::from_secs(30), || {
            self.read(&format!("/api/lessons/{}", self.lesson()), access)["state"] == "live"
        });
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended by itself, and then the failing test says so.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How somebody proves who they are.
pub(crate) enum Access {
    /// A person's session.
    Cookie(String),
    /// A display's secret or a lesson's token.
    Secret(String),
}

impl Access {
    fn header(&self) -> (&'static str, String) {
        match self {
            Self::Cookie(cookie) => ("cookie", cookie.clone()),
            Self::Secret(secret) => ("authorization", format!("Bearer {secret}")),
        }
    }
}

/// An open event stream.
pub(crate) struct Events(WebSocket<MaybeTlsStream<TcpStream>>);

impl Events {
    /// Tells the server something.
    pub(crate) fn tell(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    /// Tells the server something it must close the stream for; does it?
    pub(crate) fn is_closed_after(&mut self, message: &Value) -> bool {
        let end = now() + Duration::from_secs(15);
        // The server may hang up while the message is still being written.
        let written = self.0.send(Message::text(message.to_string()));
        written.is_err()
            || std::iter::repeat_with(|| self.0.read()).take_while(|_| now() < end).any(|read| match read {
                Ok(message) => message.is_close(),
                Err(_) => true,
            })
    }

    /// Reads on until a message fits.
    pub(crate) fn until(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let end = now() + Duration::from_secs(15);
        while now() < end {
            if let Message::Text(text) = self.0.read().unwrap() {
                let message: Value = serde_json::from_str(&text).unwrap();
                if fits(&message) {
                    return message;
                }
            }
        }
        panic!("no message fits: {what}");
    }
}

/// A blocking HTTP client that gives every status as an answer.
pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(15)))
        .build()
        .into()
}

/// The clock of the tests that run the real product.
#[expect(clippy::disallowed_methods, reason = "a test of the running product waits by the real clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Asks until it holds; fails after the ceiling.
#[track_caller]
pub(crate) fn until(what: &str, ceiling: Duration, mut holds: impl FnMut() -> bool) {
    let end = now() + ceiling;
    while !holds() {
        assert!(now() < end, "after {ceiling:?} still not: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
