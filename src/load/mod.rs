//! `tongke load`: publishers and viewers with real DTLS-SRTP against a server's WHIP and WHEP, and what they saw.
//!
//! One thread, sans-IO clients, batched sockets, so that the tool is not the bottleneck. Reading order: this file (a
//! run), `publisher`, `viewer`, `report`.

mod publisher;
mod report;
mod viewer;

use std::cell::RefCell;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use rtc_crypto::providers::RingProvider;
use serde::Deserialize;

use crate::media::outbox::{Lane, Local, Path};
use crate::media::srtp::Profile;
use crate::net::clock;
use crate::net::udp::{Buffers, Udp};
use crate::peer::handshake::ClientIdentity;
use crate::peer::{Client, OfferLine};

pub use report::Report;

/// A session must connect within this time.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The lessons (rooms).
    pub lessons: Vec<Target>,
    /// Viewers of each.
    pub receivers: usize,
    /// How long media flows.
    pub length: Duration,
    /// Evenly paced as a browser's pacer sends, instead of bursts of a frame.
    pub paced: bool,
    /// Process whose CPU is measured.
    pub pid: Option<u32>,
}

/// Where one lesson is published to and viewed from.
#[derive(Clone, Debug, Deserialize)]
pub struct Target {
    /// WHIP endpoint.
    pub whip: String,
    /// WHEP endpoint.
    pub whep: String,
    /// Bearer of both.
    pub token: String,
}

/// The run could not be done.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The list of lessons.
    #[error("lessons in {path}: {why}")]
    Lessons {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The server answered otherwise than hoped for.
    #[error("POST {url}: {why}")]
    Refused {
        /// The endpoint.
        url: String,
        /// Status or fault.
        why: String,
    },
    /// No media path.
    #[error("{0} did not connect in 10 s")]
    NotConnected(String),
    /// A socket.
    #[error("socket: {0}")]
    Socket(#[from] std::io::Error),
}

/// Reads the lessons of `tongke demo --json` (its line, or only its `lessons` list).
pub fn read_lessons(path: &std::path::Path) -> Result<Vec<Target>, LoadError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Lessons {
        Demo { lessons: Vec<Target> },
        List(Vec<Target>),
    }
    let fail = |why: String| LoadError::Lessons { path: path.to_owned(), why };
    let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
    match serde_json::from_str(&text).map_err(|e| fail(e.to_string()))? {
        Lessons::Demo { lessons } | Lessons::List(lessons) => Ok(lessons),
    }
}

/// Runs the plan; must be called on a current-thread runtime inside a `LocalSet`.
pub async fn run(plan: &Plan) -> Result<Report, LoadError> {
    let provider: Arc<dyn rtc_crypto::RTCCryptoProvider> = Arc::new(RingProvider::new());
    let identity = ClientIdentity::generate(Profile::AeadAes128Gcm, provider)
        .ok_or_else(|| LoadError::NotConnected("the load tool's own certificate".to_owned()))?;
    let mut rng = StdRng::from_seed(rand::random());
    let buffers = Rc::new(RefCell::new(Buffers::default()));
    let zero = clock::now();
    let shared = Shared { buffers, identity };
    let mut report = Report::default();
    let mut viewers = Vec::new();
    let mut publishers = Vec::new();
    for target in &plan.lessons {
        let up = [OfferLine::audio(true), OfferLine::video(true)];
        let connection = connect(&shared, &target.whip, &target.token, up.to_vec(), &mut rng).await?;
        report.joins_ms.push(connection.join_ms);
        let publisher = publisher::publish(connection, plan.paced, zero);
        publishers.push(tokio::task::spawn_local(publisher));
        for _ in 0..plan.receivers {
            let down = [OfferLine::audio(false), OfferLine::video(false)];
            let connection = connect(&shared, &target.whep, &target.token, down.to_vec(), &mut rng).await?;
            report.joins_ms.push(connection.join_ms);
            let figures = Rc::new(RefCell::new(viewer::Figures::default()));
            let viewer = viewer::view(connection, zero, figures.clone());
            viewers.push((tokio::task::spawn_local(viewer), figures));
        }
    }
    // Everybody is there; what came before does not count.
    tokio::time::sleep(Duration::from_secs(2)).await;
    viewers.iter().for_each(|(_, f)| f.borrow_mut().begin());
    let cpu = (report::cpu_seconds(plan.pid), report::cpu_seconds(Some(std::process::id())));
    let begun = clock::now();
    tokio::time::sleep(plan.length).await;
    report.seconds = clock::now().saturating_duration_since(begun).as_secs_f64();
    let spent = |before: Option<f64>, pid| Some(report::cpu_seconds(pid)? - before?);
    report.server_cpu_s = spent(cpu.0, plan.pid);
    report.own_cpu_s = spent(cpu.1, Some(std::process::id())).unwrap_or_default();
    report.server_memory_kib = plan.pid.and_then(report::memory_kib);
    let packets_at_end: u64 = viewers.iter().map(|(_, f)| f.borrow().received()).sum();
    report.packets = packets_at_end;
    viewers.iter().for_each(|(_, f)| f.borrow_mut().end());
    // Retransmissions of the last moment still count as recovered.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for (task, figures) in viewers {
        task.abort();
        report.add(&figures.borrow());
    }
    publishers.iter().for_each(tokio::task::JoinHandle::abort);
    report.finish();
    Ok(report)
}

struct Shared {
    buffers: Rc<RefCell<Buffers>>,
    identity: ClientIdentity,
}

/// A connected client on its own socket.
struct Connection {
    client: Client,
    udp: Udp,
    server: SocketAddr,
    buffers: Rc<RefCell<Buffers>>,
    join_ms: f64,
}

impl Connection {
    /// Waits for datagrams or until `until`, then lets the client do its work.
    async fn step(&mut self, until: Instant) {
        let deadline = until.min(self.client.next_timeout());
        tokio::select! {
            ready = self.udp.readable() => {
                if ready.is_ok() {
                    let now = clock::now();
                    let Self { client, udp, buffers, .. } = self;
                    while udp.receive(&mut buffers.borrow_mut(), |_, d| client.handle_datagram(now, d)) {}
                }
            }
            () = tokio::time::sleep_until(deadline.into()) => {}
        }
        self.client.handle_timeout(clock::now());
        self.flush();
    }

    fn flush(&mut self) {
        if self.client.outgoing.is_empty() {
            return;
        }
        let path = Path { local: Local::Udp, remote: self.server };
        let mut lane = Lane { path, bytes: Vec::new(), lengths: Vec::new() };
        for datagram in self.client.outgoing.drain(..) {
            let start = lane.bytes.len();
            lane.bytes.extend_from_slice(&datagram);
            lane.finish(start);
        }
        self.udp.send(&[lane]);
    }
}

async fn connect(
    shared: &Shared,
    url: &str,
    token: &str,
    lines: Vec<OfferLine>,
    rng: &mut StdRng,
) -> Result<Connection, LoadError> {
    let begun = clock::now();
    let mut client = Client::new(begun, lines, shared.identity.clone(), rng);
    let offer = client.offer();
    let (address, bearer) = (url.to_owned(), format!("Bearer {token}"));
    let answer = tokio::task::spawn_blocking(move || post(&address, &bearer, &offer))
        .await
        .map_err(|e| LoadError::Refused { url: url.to_owned(), why: e.to_string() })??;
    client.handle_answer(clock::now(), &answer);
    let server = client.server();
    if server.port() == 0 {
        return Err(LoadError::NotConnected(format!("{url}: no UDP candidate")));
    }
    let bound = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let udp = Udp::new(UdpSocket::bind(bound)?)?;
    let mut connection = Connection { client, udp, server, buffers: shared.buffers.clone(), join_ms: 0.0 };
    connection.flush();
    while !connection.client.is_connected() {
        if clock::now().saturating_duration_since(begun) > CONNECT_LIMIT {
            return Err(LoadError::NotConnected(url.to_owned()));
        }
        connection.step(clock::now() + Duration::from_millis(20)).await;
    }
    connection.join_ms = clock::now().saturating_duration_since(begun).as_secs_f64() * 1_000.0;
    Ok(connection)
}

fn post(url: &str, bearer: &str, offer: &str) -> Result<String, LoadError> {
    let fail = |why: String| LoadError::Refused { url: url.to_owned(), why };
    ureq::post(url)
        .header("authorization", bearer)
        .content_type("application/sdp")
        .send(offer)
        .and_then(|mut r| r.body_mut().read_to_string())
        .map_err(|e| fail(e.to_string()))
}
