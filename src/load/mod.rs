//! `tongke load`: publishers and viewers with real DTLS-SRTP against a server's WHIP and WHEP, and what they saw.
//!
//! One thread, sans-IO clients, batched sockets, so that the tool is not the bottleneck. Reading order: this file (a
//! run), `target` (which lessons), `publisher`, `viewer`, `line` (bad ones), `report`, `limit`.

mod limit;
mod line;
mod publisher;
mod report;
mod target;
mod viewer;

use std::cell::{Cell, RefCell};
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rtc_crypto::RTCCryptoProvider;
use rtc_crypto::providers::RingProvider;

use crate::media::outbox::{Lane, Local, Moment, Path};
use crate::media::srtp::Profile;
use crate::net::clock;
use crate::net::split::Sockets;
use crate::net::udp::{Buffers, Udp};
use crate::peer::handshake::ClientIdentity;
use crate::peer::{Client, OfferLine, Received};

pub use limit::{Trial, find_limit};
use line::Line;
pub use line::Weak;
pub use report::Report;
pub use target::{SignIn, Target, by_number, from_demo, from_tongke, metrics_of_demo};

/// A session must connect within this time.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// After the last join media flows so long before it is counted.
const SETTLE: Duration = Duration::from_secs(2);
/// Who waits for no socket looks at it so often. The kernel notes when a packet came, so that no delay depends on this.
const LOOK: Duration = Duration::from_millis(100);
/// Sessions ended at the same time.
const ENDINGS: usize = 16;
/// Retransmissions of the last moment are waited for so long.
const LAST_REPAIRS: Duration = Duration::from_millis(500);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The lessons (rooms).
    pub lessons: Vec<Target>,
    /// Viewers of each.
    pub receivers: usize,
    /// How long media flows.
    pub length: Duration,
    /// What a publisher sends.
    pub rates: Rates,
    /// The viewers join evenly over this time.
    pub ramp: Duration,
    /// Process whose CPU is measured.
    pub pid: Option<u32>,
    /// Where a Tongke tells its figures.
    pub metrics: Option<String>,
    /// Viewers wait for no socket but look at theirs every 100 ms, so that nobody is charged for waking them.
    pub look: bool,
    /// Never sleep, so that nobody is charged for waking this tool.
    pub spin: bool,
    /// Bad lines.
    pub weak: Weak,
}

impl Plan {
    /// False for the lessons whose publishers' lines lose, the last ones.
    fn has_good_uplink(&self, lesson: usize) -> bool {
        lesson + self.weak.uplinks < self.lessons.len()
    }
}

/// What a publisher sends besides 50 sound packets a second.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Video, kbit/s; 2,000 are 240 packets/s.
    pub kilobits: u32,
    /// Evenly paced as a browser's pacer sends, instead of bursts of a frame.
    pub paced: bool,
}

/// How one join went; times from its POST, ms.
#[derive(Clone, Debug, Default)]
struct Joined {
    connected_ms: Option<f64>,
    /// The first packet of a picture came.
    media_ms: Option<f64>,
    /// The server said that it is full.
    refused_ms: Option<f64>,
    failed: Option<String>,
}

impl Joined {
    fn is_settled(&self) -> bool {
        self.media_ms.is_some() || self.refused_ms.is_some() || self.failed.is_some()
    }
}

/// The run could not be done.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The list of lessons.
    #[error("lessons in {from}: {why}")]
    Lessons {
        /// The file or address.
        from: String,
        /// Why.
        why: String,
    },
    /// The server answered otherwise than hoped for.
    #[error("{url}: {why}")]
    Refused {
        /// The endpoint.
        url: String,
        /// HTTP status, where there was an answer.
        status: Option<u16>,
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

/// Runs the plan; must be called on a current-thread runtime inside a `LocalSet`.
pub async fn run(plan: &Plan) -> Result<Report, LoadError> {
    let shared = Rc::new(Shared::new(plan.look)?);
    let mut report = Report::default();
    let spinner = plan.spin.then(|| tokio::task::spawn_local(spin(shared.clone())));
    let publishers = publish_all(plan, &shared, &mut report).await?;
    let delays = Rc::new(RefCell::new(report::Delays::default()));
    let viewers = view_all(plan, &shared, &publishers, &delays);
    wait_for_joins(&viewers, plan.ramp).await;
    // Everybody is there; what came before does not count.
    tokio::time::sleep(SETTLE).await;
    viewers.iter().for_each(|(_, f)| f.borrow_mut().begin());
    let own = Some(std::process::id());
    let told_before = report::told_by(plan.metrics.as_deref()).await;
    let (before, own_before) = (report::cpu_of(plan.pid), report::cpu_of(own));
    let idle_before = shared.idle.get();
    let begun = clock::now();
    delays.borrow_mut().begin(begun.saturating_duration_since(shared.zero));
    tokio::time::sleep(plan.length).await;
    report.seconds = clock::now().saturating_duration_since(begun).as_secs_f64();
    report.own_busy = plan.spin.then(|| 1.0 - (shared.idle.get() - idle_before).as_secs_f64() / report.seconds);
    report.note_received(viewers.iter().map(|(_, f)| f.borrow()));
    report.note_cpu(before, report::cpu_of(plan.pid), own_before, report::cpu_of(own));
    report.note_told(told_before, report::told_by(plan.metrics.as_deref()).await);
    report.server_memory_kib = plan.pid.and_then(report::memory_kib);
    viewers.iter().for_each(|(_, f)| f.borrow_mut().end());
    tokio::time::sleep(LAST_REPAIRS).await;
    for (task, figures) in viewers {
        task.abort();
        report.add(&figures.borrow());
    }
    publishers.into_iter().flatten().for_each(|p| p.abort());
    spinner.inspect(tokio::task::JoinHandle::abort);
    end_all(&shared).await;
    report.finish(&delays.borrow());
    Ok(report)
}

/// Ends all sessions, so that the server is not busy with who has gone when the next run begins.
async fn end_all(shared: &Shared) {
    let resources = shared.resources.take();
    let share = resources.len().div_ceil(ENDINGS).max(1);
    let ended: Vec<_> = resources
        .chunks(share)
        .map(|some| {
            let some = some.to_vec();
            tokio::task::spawn_blocking(move || some.iter().for_each(target::Resource::end))
        })
        .collect();
    for one in ended {
        // A thread that failed leaves sessions that the server ends itself.
        let _ = one.await;
    }
}

/// Keeps the thread from sleeping, and notes how long nobody had anything to do.
async fn spin(shared: Rc<Shared>) {
    let mut before = (clock::now(), shared.steps.get());
    loop {
        tokio::task::yield_now().await;
        let now = (clock::now(), shared.steps.get());
        if now.1 == before.1 {
            shared.idle.update(|idle| idle + now.0.saturating_duration_since(before.0));
        }
        before = now;
    }
}

type Task = tokio::task::JoinHandle<()>;
type Viewers = Vec<(Task, Rc<RefCell<viewer::Figures>>)>;

/// One publisher a lesson; `None` where a full server refused it.
async fn publish_all(plan: &Plan, shared: &Rc<Shared>, report: &mut Report) -> Result<Vec<Option<Task>>, LoadError> {
    let mut publishers = Vec::new();
    for (number, target) in plan.lessons.iter().enumerate() {
        let begun = clock::now();
        let up = vec![OfferLine::audio(true), OfferLine::video(true)];
        let line = (!plan.has_good_uplink(number)).then(|| Line::lossy_up(number as u64));
        match connect(shared, &target.whip, &target.token, up, line).await {
            Ok(connection) => {
                let publisher = publisher::publish(connection, plan.rates, shared.zero);
                publishers.push(Some(tokio::task::spawn_local(publisher)));
            }
            Err(LoadError::Refused { status: Some(503 | 429), .. }) => {
                report.refusals_ms.push(ms_since(begun));
                publishers.push(None);
            }
            Err(other) => return Err(other),
        }
    }
    Ok(publishers)
}

/// Viewers of the lessons that have a publisher, in turn, so that every lesson has its first before any has its second.
fn view_all(
    plan: &Plan,
    shared: &Rc<Shared>,
    publishers: &[Option<Task>],
    delays: &Rc<RefCell<report::Delays>>,
) -> Viewers {
    let lessons = plan.lessons.iter().enumerate().map(|(number, target)| (target, plan.has_good_uplink(number)));
    let taught: Vec<(&Target, bool)> =
        lessons.zip(publishers).filter_map(|(lesson, p)| p.as_ref().map(|_| lesson)).collect();
    let begun = clock::now();
    let all = (taught.len() * plan.receivers).max(1) as u32;
    (0..plan.receivers)
        .flat_map(|_| taught.iter())
        .zip(0u32..)
        .map(|((target, is_good), number)| {
            let is_weak = (number as usize) < plan.weak.viewers.min(taught.len());
            let figures = viewer::Figures::new(is_weak || !is_good);
            let figures = Rc::new(RefCell::new(figures));
            let at = begun + plan.ramp * number / all;
            let line = is_weak.then(|| Line::weak(u64::from(number)));
            let view = viewer::view(shared.clone(), (*target).clone(), at, line, delays.clone(), figures.clone());
            (tokio::task::spawn_local(view), figures)
        })
        .collect()
}

/// Waits until each viewer has joined, was refused or has failed.
async fn wait_for_joins(viewers: &Viewers, ramp: Duration) {
    let ceiling = clock::now() + ramp + CONNECT_LIMIT * 2;
    while clock::now() < ceiling && !viewers.iter().all(|(_, f)| f.borrow().joined.is_settled()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn viewer_lines() -> Vec<OfferLine> {
    vec![OfferLine::audio(false), OfferLine::video(false)]
}

fn ms_since(begun: Instant) -> f64 {
    clock::now().saturating_duration_since(begun).as_secs_f64() * 1_000.0
}

struct Shared {
    buffers: RefCell<Buffers>,
    identity: ClientIdentity,
    rng: RefCell<StdRng>,
    zero: Instant,
    /// See [`Plan::look`].
    look: bool,
    /// Times that a connection had something to do.
    steps: Cell<u64>,
    /// How long nobody had, where the thread never sleeps.
    idle: Cell<Duration>,
    /// What is to be ended when the run is over.
    resources: RefCell<Vec<target::Resource>>,
}

impl Shared {
    fn new(look: bool) -> Result<Self, LoadError> {
        let provider: Arc<dyn RTCCryptoProvider> = Arc::new(RingProvider::new());
        let identity = ClientIdentity::generate(Profile::AeadAes128Gcm, provider)
            .ok_or_else(|| LoadError::NotConnected("the load tool's own certificate".to_owned()))?;
        let rng = RefCell::new(StdRng::from_seed(rand::random()));
        Ok(Self {
            buffers: RefCell::new(Buffers::default()),
            identity,
            rng,
            zero: clock::now(),
            look,
            steps: Cell::new(0),
            idle: Cell::default(),
            resources: RefCell::default(),
        })
    }
}

/// A connected client on its own socket.
struct Connection {
    client: Client,
    udp: Udp,
    /// When it looks next for what has come, if nobody waits for its socket.
    look: Option<Instant>,
    line: Option<Line>,
    server: SocketAddr,
    shared: Rc<Shared>,
}

impl Connection {
    /// Waits for datagrams or until `until`, then lets the client do its work. Packets go to `take`.
    async fn step(&mut self, until: Instant, mut take: impl FnMut(Instant, Received<'_>)) {
        let through = self.line.as_ref().and_then(Line::due);
        let deadline = until.min(self.client.next_timeout()).min(through.unwrap_or(until));
        if let Some(look) = self.look {
            tokio::time::sleep_until(deadline.min(look).into()).await;
            let now = clock::now();
            if now >= look {
                self.receive(&mut take);
                self.look = Some((look + LOOK).max(now));
            }
        } else {
            tokio::select! {
                ready = self.udp.readable() => {
                    if ready.is_ok() {
                        self.receive(&mut take);
                    }
                }
                () = tokio::time::sleep_until(deadline.into()) => {}
            }
        }
        self.shared.steps.update(|steps| steps + 1);
        if let Some(line) = &mut self.line {
            let now = clock::now();
            while let Some(mut datagram) = line.take(now) {
                self.client.take_datagram(now, &mut datagram, |p| take(now, p));
            }
        }
        self.client.handle_timeout(clock::now());
        self.flush();
    }

    /// Takes what is there.
    fn receive(&mut self, take: &mut impl FnMut(Instant, Received<'_>)) {
        let Self { client, udp, line, shared, .. } = self;
        let mut buffers = shared.buffers.borrow_mut();
        // How long this tool takes to read them is no delay of the server's.
        let mut hand = |at: &Moment, _, stride, datagrams: &mut [u8]| {
            for datagram in datagrams.chunks_mut(stride) {
                match line {
                    Some(line) => line.put(at.came, datagram),
                    None => client.take_datagram(at.came, datagram, |p| take(at.came, p)),
                }
            }
        };
        while udp.receive(&mut buffers, &mut hand) {}
    }

    fn flush(&mut self) {
        if self.client.outgoing.is_empty() {
            return;
        }
        let path = Path { local: Local::Udp, remote: self.server };
        let mut lane = Lane { path, bytes: Vec::new(), lengths: Vec::new() };
        for datagram in self.client.outgoing.drain(..) {
            if self.line.as_mut().is_some_and(Line::loses) {
                continue;
            }
            let start = lane.bytes.len();
            lane.bytes.extend_from_slice(&datagram);
            lane.finish(start);
        }
        self.udp.send(&[lane]);
    }
}

/// A socket at the address from which the server is reached, as a browser has one for each of its addresses.
fn socket_towards(server: SocketAddr) -> std::io::Result<UdpSocket> {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let guide = UdpSocket::bind(any)?;
    guide.connect(server)?;
    UdpSocket::bind((guide.local_addr()?.ip(), 0))
}

async fn connect(
    shared: &Rc<Shared>,
    url: &str,
    token: &str,
    lines: Vec<OfferLine>,
    line: Option<Line>,
) -> Result<Connection, LoadError> {
    let begun = clock::now();
    let publishes = lines.iter().any(|line| line.send);
    let mut client = Client::new(begun, lines, shared.identity.clone(), &mut *shared.rng.borrow_mut());
    let offer = client.offer();
    let (address, bearer) = (url.to_owned(), token.to_owned());
    let fail = |why: String| LoadError::Refused { url: url.to_owned(), status: None, why };
    let posted = tokio::task::spawn_blocking(move || target::post(&address, &bearer, &offer)).await;
    let (answer, resource) = posted.map_err(|e| fail(e.to_string()))??;
    shared.resources.borrow_mut().extend(resource);
    client.handle_answer(clock::now(), &answer);
    let server = client.server();
    if server.port() == 0 {
        return Err(fail("no UDP candidate in the answer".to_owned()));
    }
    let udp = Udp::new(Sockets { prompt: socket_towards(server)?, sorted: None })?;
    let mut connection = Connection { client, udp, look: None, line: None, server, shared: shared.clone() };
    connection.flush();
    while !connection.client.is_connected() {
        if clock::now().saturating_duration_since(begun) > CONNECT_LIMIT {
            return Err(LoadError::NotConnected(url.to_owned()));
        }
        connection.step(clock::now() + Duration::from_millis(20), |_, _| {}).await;
    }
    // Publishers keep the runtime's time, so that what they send does not come to depend on this.
    if shared.look && !publishes {
        connection.udp = connection.udp.unwaited()?;
        // Each at a time of its own: if all looked at once, publishers would have to wait meanwhile.
        connection.look = Some(clock::now() + LOOK.mul_f64(shared.rng.borrow_mut().random()));
    }
    // Bad lines are to measure media by: joins are not theirs.
    connection.line = line;
    Ok(connection)
}
