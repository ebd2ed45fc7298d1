//! A district in a temporary folder: a city school, three village schools, one foreign school, one lesson.

use crate::plane::Plane;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tongke_signaling::command::{LessonId, PartRow, RecordingId};
use tongke_signaling::model::{PairingId, Role, RoomId, RoomKind, SchoolId, SchoolKind};
use tongke_signaling::schema::{NewLesson, NewPairing};
use tongke_signaling::{Config, DemoFacts, ManualClock, RunRow, Shelf, Signaling};
use tower::ServiceExt;

/// Tuesday 24 November 2026, 10:00 in Shanghai.
pub const BELL: i64 = 1_795_485_600_000;
pub const END: i64 = BELL + 40 * MINUTE;
pub const MINUTE: i64 = 60_000;
pub const PASSWORD: &str = "lantern-42";

/// Plays one run per track, from a folder.
struct Folder(PathBuf);

impl Shelf for Folder {
    fn runs(&self, _: RecordingId, _: &str, parts: &[PartRow]) -> Vec<RunRow> {
        let duration_ms = parts.iter().map(|p| p.duration_ms).sum();
        if parts.is_empty() { vec![] } else { vec![RunRow { start_ms: parts[0].start_ms, duration_ms }] }
    }

    fn playlist(
        &self,
        _: RecordingId,
        _: &str,
        parts: &[PartRow],
        run: usize,
        uri: &dyn Fn(&str) -> String,
        ended: bool,
    ) -> Option<String> {
        (run == 0).then(|| {
            let files: Vec<_> = parts.iter().map(|p| uri(&format!("part-{}.m4s", p.number))).collect();
            format!("#EXTM3U\n{}\nended={ended}\n", files.join("\n"))
        })
    }

    fn file(&self, _: RecordingId, _: &str, file: &str) -> Option<PathBuf> {
        Some(self.0.join(file))
    }
}

pub struct District {
    pub folder: Arc<tempfile::TempDir>,
    pub clock: Arc<ManualClock>,
    pub signaling: Signaling,
    pub plane: Arc<Plane>,
    pub app: Router,
    pub facts: Facts,
    running: JoinHandle<()>,
}

#[derive(Clone)]
pub struct Facts {
    pub city: SchoolId,
    pub foreign_school: SchoolId,
    pub master: RoomId,
    /// Two interactive rooms and a terminal.
    pub rooms: Vec<RoomId>,
    pub pairing: PairingId,
    pub lesson: LessonId,
    /// Bearer secrets of the rooms' displays.
    pub displays: Vec<String>,
    pub foreign_display: String,
}

async fn seed(s: &Signaling) -> Facts {
    let city = s.add_school("City", SchoolKind::Urban).await.unwrap();
    let foreign_school = s.add_school("Foreign", SchoolKind::Urban).await.unwrap();
    let master = s.add_room(city, "Studio", RoomKind::Master, None).await.unwrap();
    let foreign_room = s.add_room(foreign_school, "Hall", RoomKind::Interactive, None).await.unwrap();
    let mut rooms = Vec::new();
    for (i, kind) in [RoomKind::Interactive, RoomKind::Interactive, RoomKind::Terminal].into_iter().enumerate() {
        let school = s.add_school(&format!("Village {i}"), SchoolKind::Village).await.unwrap();
        rooms.push(s.add_room(school, &format!("Room {i}"), kind, Some("3(1)")).await.unwrap());
    }
    let people = [
        ("root", Role::RegionAdmin, None),
        ("head", Role::SchoolAdmin, Some(city)),
        ("group-head", Role::GroupAdmin, Some(city)),
        ("foreign-head", Role::SchoolAdmin, Some(foreign_school)),
        ("foreign-teacher", Role::Teacher, Some(foreign_school)),
        ("guardian", Role::Guardian, Some(city)),
    ];
    for (user, role, school) in people {
        s.add_person((user, user), None, role, school).await.unwrap();
    }
    let teacher = s.add_person(("Wang", "wang"), Some(PASSWORD), Role::Teacher, Some(city)).await.unwrap();
    let new = NewPairing {
        subject: "Music".into(),
        grade: "3".into(),
        teacher,
        master_room: master,
        rural_rooms: rooms.clone(),
    };
    let pairing = s.add_pairing(&new).await.unwrap();
    let new = NewLesson { pairing, title: Some("Lesson 5".into()), unit: None, starts_ms: BELL, ends_ms: END };
    let lesson = s.add_lesson(&new).await.unwrap();
    let mut displays = Vec::new();
    for room in &rooms {
        displays.push(s.add_paired_display(*room).await.unwrap().1);
    }
    let foreign_display = s.add_paired_display(foreign_room).await.unwrap().1;
    Facts { city, foreign_school, master, rooms, pairing, lesson, displays, foreign_display }
}

async fn start(folder: &Path, clock: Arc<ManualClock>) -> (Signaling, Arc<Plane>, JoinHandle<()>) {
    let (plane, commands, facts) = Plane::start();
    let mut config = Config::new(folder);
    config.demo = Some(DemoFacts { base_url: "http://127.0.0.1:8080".into() });
    let shelf = Arc::new(Folder(folder.to_owned()));
    let signaling = Signaling::open(config, clock, commands, shelf).await.unwrap();
    let runner = signaling.clone();
    (signaling, plane, tokio::spawn(async move { runner.run(facts).await }))
}

impl District {
    /// 20 minutes before the bell.
    pub async fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let clock = Arc::new(ManualClock::at(BELL - 20 * MINUTE));
        let (signaling, plane, running) = start(folder.path(), clock.clone()).await;
        let facts = seed(&signaling).await;
        let app = signaling.router();
        Self { folder, clock, signaling, plane, app, facts, running }
    }

    /// The same with nothing running: no bell rings, and nothing is planned ahead.
    pub async fn at_rest() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let clock = Arc::new(ManualClock::at(BELL - 20 * MINUTE));
        let (plane, commands, _) = Plane::start();
        let shelf = Arc::new(Folder(folder.path().to_owned()));
        let signaling = Signaling::open(Config::new(folder.path()), clock.clone(), commands, shelf).await.unwrap();
        let facts = seed(&signaling).await;
        let app = signaling.router();
        Self { folder, clock, signaling, plane, app, facts, running: tokio::spawn(async {}) }
    }

    /// As `kill -9` and a new process would.
    pub async fn restart(self) -> Self {
        self.running.abort();
        let _ = self.running.await;
        let (signaling, plane, running) = start(self.folder.path(), self.clock.clone()).await;
        let app = signaling.router();
        Self { signaling, plane, app, running, folder: self.folder, clock: self.clock, facts: self.facts }
    }

    /// Ends as a clean shutdown does.
    pub async fn shut_down(self) -> (Arc<tempfile::TempDir>, Arc<ManualClock>, Facts) {
        drop(self.plane);
        tokio::time::timeout(Duration::from_secs(10), self.running).await.unwrap().unwrap();
        (self.folder, self.clock, self.facts)
    }

    /// Lets the clock pass a moment and waits until the lesson's state is that.
    pub async fn at(&self, wall_ms: i64, state: &str) {
        use tongke_signaling::Clock;
        self.clock.advance(wall_ms - self.clock.now_ms());
        self.state(state).await;
    }

    pub async fn state(&self, state: &str) {
        let reached = tokio::time::timeout(Duration::from_secs(10), async {
            while self.signaling.lesson(self.facts.lesson).await.unwrap().state.word() != state {
                tokio::task::yield_now().await;
            }
        });
        reached.await.unwrap_or_else(|_| panic!("the lesson never became {state}"));
    }

    /// Signs in without a password's cost where the seed gave none.
    pub async fn sign_in(&self, user: &str) -> Asker<'_> {
        if user != "wang" {
            self.signaling.set_password(user, PASSWORD).await.unwrap();
        }
        let body = serde_json::json!({ "user": user, "password": PASSWORD });
        let response = self.anon().post("/api/login", body).await;
        assert_eq!(response.status, StatusCode::OK, "{:?}", response.body);
        let cookie = response.header("set-cookie").unwrap();
        let pair = cookie.split(';').next().unwrap().to_owned();
        Asker { district: self, credential: Some((header::COOKIE, pair)), page: None }
    }

    pub fn anon(&self) -> Asker<'_> {
        Asker { district: self, credential: None, page: None }
    }

    pub fn bearer(&self, secret: &str) -> Asker<'_> {
        Asker { district: self, credential: Some((header::AUTHORIZATION, format!("Bearer {secret}"))), page: None }
    }

    pub fn display(&self, i: usize) -> Asker<'_> {
        self.bearer(&self.facts.displays[i].clone())
    }

    pub async fn seats(&self) -> Vec<String> {
        let lesson = self.display(0).get(&format!("/api/lessons/{}", self.facts.lesson)).await;
        let rooms = lesson.body["rooms"].as_array().unwrap().clone();
        // By village, as the seed made them.
        let mut rooms: Vec<_> =
            rooms.iter().map(|r| (r["room"]["name"].to_string(), r["seat"].as_str().unwrap().to_owned())).collect();
        rooms.sort();
        rooms.into_iter().map(|r| r.1).collect()
    }
}

#[derive(Clone)]
pub struct Asker<'a> {
    district: &'a District,
    pub credential: Option<(header::HeaderName, String)>,
    page: Option<String>,
}

#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|v| v.to_str().unwrap().to_owned())
    }

    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }
}

impl Asker<'_> {
    pub fn page(mut self, page: &str) -> Self {
        self.page = Some(page.to_owned());
        self
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header("host", "tongke.example");
        if let Some((name, value)) = &self.credential {
            request = request.header(name, value);
        }
        if let Some(page) = &self.page {
            request = request.header("Tongke-Page", page);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response: Response<Body> =
            self.district.app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 24).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Reply { status: parts.status, headers: parts.headers, text, body }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, &[("content-type", "application/json")], body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, &[], Body::empty()).await
    }

    pub async fn offer(&self, offer: &str) -> Reply {
        let path = format!("/api/lessons/{}/sessions", self.district.facts.lesson);
        self.offer_to(&path, offer).await
    }

    pub async fn offer_to(&self, path: &str, offer: &str) -> Reply {
        self.send(Method::POST, path, &[("content-type", "application/sdp")], offer.to_owned()).await
    }

    /// A fragment of this generation.
    pub async fn patch(&self, path: &str, etag: Option<&str>, generation: u32) -> Reply {
        let mut headers = vec![("content-type", "application/trickle-ice-sdpfrag")];
        headers.extend(etag.map(|e| ("if-match", e)));
        self.send(Method::PATCH, path, &headers, format!("a=ice-ufrag:{generation}")).await
    }
}

impl District {
    /// After a clean shutdown.
    pub async fn reopen(folder: Arc<tempfile::TempDir>, clock: Arc<ManualClock>, facts: Facts) -> Self {
        let (signaling, plane, running) = start(folder.path(), clock.clone()).await;
        let app = signaling.router();
        Self { signaling, plane, app, running, folder, clock, facts }
    }

    /// Waits until a third display may join, seen at the room that never offers anything else.
    pub async fn admitted(&self) {
        let reached = tokio::time::timeout(Duration::from_secs(10), async {
            while self.display(2).offer("v=0 unfit").await.status == StatusCode::CONFLICT {
                tokio::task::yield_now().await;
            }
        });
        reached.await.expect("displays are admitted");
    }

    /// Waits until that many rooms are present.
    pub async fn connected(&self, rooms: usize) {
        let reached = tokio::time::timeout(Duration::from_secs(10), async {
            while self.signaling.present(self.facts.lesson) < rooms {
                tokio::task::yield_now().await;
            }
        });
        reached.await.expect("rooms are present");
    }

    /// Waits until the rows have followed the calendar and the scheduler has looked at the clock, each twice since now.
    pub async fn settle(&self) {
        let reached = tokio::time::timeout(Duration::from_secs(10), async {
            let followed = self.signaling.follows();
            self.clock.advance(0);
            while self.signaling.follows() < followed + 2 {
                self.clock.advance(0);
                tokio::task::yield_now().await;
            }
            let looked = self.signaling.looks();
            while self.signaling.looks() < looked + 2 {
                self.clock.advance(0);
                tokio::task::yield_now().await;
            }
        });
        reached.await.expect("the scheduler looks");
    }
}
