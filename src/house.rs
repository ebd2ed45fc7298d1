//! Wires signaling, media and recorder. The only part that sees all three; holds no rule.
//!
//! Orders come from signaling and go to the worker of their lesson (and, for recordings, to the recorder); facts of
//! both go back. Names are translated here and nowhere else: a recorder's track key is a seat and a source.

mod names;
mod orders;
mod shelf;
mod tap;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rtc_crypto::RTCCryptoProvider;
use rtc_crypto::providers::RingProvider;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tongke_recorder::{Recorder, RecorderHandle};
use tongke_signaling::clock::SystemClock;
use tongke_signaling::command::{Command, Event};
use tongke_signaling::{Signaling, config as signaling_config};
use tracing::error;

use crate::config::{Config, Transport};
use crate::media::SfuConfig;
use crate::media::dtls::Identity;
use crate::media::sdp::Candidates;
use crate::net::http::Listener;
use crate::net::lines::LineFigures;
use crate::net::split::Sockets;
use crate::net::tls::write_private;
use crate::net::worker::Worker;
use crate::net::{clock, http, metrics, tls, worker};

pub use shelf::closed_shelf;

/// Facts waiting for signaling; who has more of them waits.
const EVENTS: usize = 8_192;
/// Workers' turns with facts that wait to be passed on; media loses facts at the bound.
const TURNS: usize = 1_024;
/// How long a stopping server waits for its last rows.
const LAST_ROWS: Duration = Duration::from_secs(5);
/// Orders waiting to be handed out; signaling waits at the bound.
const ORDERS: usize = 1_024;

/// The server could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// A file or socket.
    #[error("{what}: {cause}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        cause: std::io::Error,
    },
    /// The media plane's certificate.
    #[error(transparent)]
    Identity(#[from] crate::media::dtls::IdentityError),
    /// Signaling, mostly its database.
    #[error("signaling: {0}")]
    Signaling(#[from] tongke_signaling::error::Error),
    /// The recorder.
    #[error("recorder: {0}")]
    Recorder(#[from] tongke_recorder::Error),
}

fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> HouseError {
    let what = what.into();
    |cause| HouseError::Io { what, cause }
}

/// A server that is open but does not accept connections yet.
pub struct House {
    /// People, lessons, HTTP.
    pub signaling: Arc<Signaling>,
    /// The address pages are opened at.
    pub base_url: String,
    /// Public key of a first-run certificate, for kiosk browsers.
    pub spki: Option<String>,
    workers: Vec<Worker>,
    floor: JoinHandle<()>,
    recorder: RecorderHandle,
    listener: std::net::TcpListener,
    tls: Option<tls::Tls>,
    tcp_port: Option<std::net::TcpListener>,
    metrics: Option<std::net::TcpListener>,
    lines: LineFigures,
    events: mpsc::Receiver<Event>,
}

/// Where recordings lie in the data folder.
pub fn recordings_folder(data: &std::path::Path) -> PathBuf {
    data.join("recordings")
}

impl House {
    /// Opens everything: folders, database, recovery of recordings, workers, sockets.
    pub async fn open(config: &Config, signaling: signaling_config::Config) -> Result<Self, HouseError> {
        // One descriptor for each growing track and each connection; the system's limit stays if it cannot be raised.
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        std::fs::create_dir_all(&config.data).map_err(io(format!("folder {}", config.data.display())))?;
        let listener =
            std::net::TcpListener::bind(config.listen).map_err(io(format!("listen on {}", config.listen)))?;
        listener.set_nonblocking(true).map_err(io("listener"))?;
        let local = listener.local_addr().map_err(io("listener"))?;
        let addresses = public_addresses(config);
        let tls = open_tls(config, &addresses)?;
        let spki = tls.as_ref().and_then(|t| t.spki.clone());
        let base_url = base_url(config, local, &addresses);
        let metrics = config.metrics.map(metrics::bind).transpose().map_err(io("metrics"))?;
        let (event_sender, events) = mpsc::channel(EVENTS);
        let names = Arc::new(names::Names::default());
        let root = recordings_folder(&config.data);
        std::fs::create_dir_all(&root).map_err(io(format!("folder {}", root.display())))?;
        let recovered = tap::mend(&root)?;
        let (orders, order_queue) = mpsc::channel(ORDERS);
        let recorder = open_recorder(root.clone(), event_sender.clone(), names.clone(), orders.clone())?;
        let (turn_sender, turns) = mpsc::channel(TURNS);
        let (workers, tcp_port) = open_workers(config, local, &addresses, &turn_sender, &recorder)?;
        let lines = LineFigures::default();
        tokio::spawn(lines.clone().pass(turns, event_sender));
        let shelf = Arc::new(shelf::BookShelf::new(root.clone(), recorder.clone()));
        let signaling = Arc::new(Signaling::open(signaling, Arc::new(SystemClock::new()), orders, shelf).await?);
        for fact in recovered {
            signaling.keep(&fact).await?;
        }
        tokio::spawn(reread(root.clone(), signaling.clone()));
        let floor = orders::Floor::new(workers.clone(), recorder.clone(), root, names);
        let floor = tokio::spawn(floor.run(order_queue));
        Ok(Self {
            signaling,
            base_url,
            spki,
            workers,
            floor,
            recorder,
            listener,
            tls,
            tcp_port,
            metrics,
            lines,
            events,
        })
    }

    /// Where the figures are told, if anywhere.
    pub fn metrics_url(&self) -> Option<String> {
        let at = self.metrics.as_ref()?.local_addr().ok()?;
        Some(format!("http://{at}/metrics"))
    }

    /// Serves until `stop` comes, then closes recordings cleanly.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), HouseError> {
        let media: Vec<_> = self.workers.iter().map(|w| w.connections.clone()).collect();
        let app = self.signaling.router().fallback_service(crate::assets::router());
        let listener = tokio::net::TcpListener::from_std(self.listener).map_err(io("listener"))?;
        let http = http::serve(Listener { listener, app, tls: self.tls, media: media.clone() });
        let signaling = self.signaling.clone();
        let events = self.events;
        let pump = async move { signaling.run(events).await };
        let ice = async move {
            match self.tcp_port.map(tokio::net::TcpListener::from_std) {
                Some(Ok(listener)) => http::serve_ice(listener, media).await,
                _ => std::future::pending().await,
            }
        };
        let figures = self.workers.iter().map(|w| w.figures.clone()).collect();
        let figures = async move {
            match self.metrics.map(tokio::net::TcpListener::from_std) {
                // It ends only when the process does.
                Some(Ok(listener)) => drop(metrics::serve(listener, figures, self.lines).await),
                _ => std::future::pending().await,
            }
        };
        let mut signaling = tokio::spawn(pump);
        tokio::select! {
            () = http => {}
            () = ice => {}
            () = figures => {}
            _ = &mut signaling => {}
            () = stop => {}
        }
        // Orders end, so the workers end; the recorder writes its last fragments; then no fact is left to come, and
        // signaling ends by itself once its rows are written.
        self.floor.abort();
        drop(self.workers);
        let recorder = self.recorder;
        let closed = tokio::task::spawn_blocking(move || recorder.shutdown()).await;
        if closed.is_err() || (!signaling.is_finished() && tokio::time::timeout(LAST_ROWS, signaling).await.is_err()) {
            error!("the server stopped before everything was written; start-up recovery will mend it");
        }
        Ok(())
    }
}

/// Reads back the parts of unfinished recordings beside the running server: a row may be missing if the process was
/// killed between the file and the row.
async fn reread(root: PathBuf, signaling: Arc<Signaling>) {
    let read = tokio::task::spawn_blocking(move || tap::reread(&root)).await;
    match read {
        Ok(Ok(facts)) => {
            for fact in facts {
                if let Err(cause) = signaling.keep(&fact).await {
                    error!(%cause, "a part on disk could not be stored");
                }
            }
        }
        Ok(Err(cause)) => error!(%cause, "recordings on disk could not be read back"),
        Err(cause) => error!(%cause, "reading recordings back ended early"),
    }
}

fn public_addresses(config: &Config) -> Vec<IpAddr> {
    if !config.public_addresses.is_empty() {
        return config.public_addresses.clone();
    }
    if !config.listen.ip().is_unspecified() {
        return vec![config.listen.ip()];
    }
    // Connecting a UDP socket sends nothing; it only tells which of our addresses the route begins with.
    let routed = UdpSocket::bind(("0.0.0.0", 0)).and_then(|s| {
        s.connect(("192.0.2.1", 9))?;
        s.local_addr()
    });
    let mut found: Vec<IpAddr> = routed.map(|a| a.ip()).into_iter().filter(|a| !a.is_unspecified()).collect();
    if found.is_empty() {
        found.push(IpAddr::from([127, 0, 0, 1]));
    }
    found
}

fn open_tls(config: &Config, addresses: &[IpAddr]) -> Result<Option<tls::Tls>, HouseError> {
    if config.plain_http {
        return Ok(None);
    }
    if let Some(files) = &config.tls {
        return tls::load(&files.certificate, &files.key).map(Some).map_err(io("HTTPS certificate"));
    }
    let names: Vec<String> = config.names.iter().cloned().chain(addresses.iter().map(IpAddr::to_string)).collect();
    tls::first_run(&config.data, &names).map(Some).map_err(io("first-run HTTPS certificate"))
}

fn base_url(config: &Config, local: SocketAddr, addresses: &[IpAddr]) -> String {
    let scheme = if config.plain_http { "http" } else { "https" };
    let host = match addresses.first() {
        Some(address) if local.ip().is_unspecified() => *address,
        _ => local.ip(),
    };
    format!("{scheme}://{}", SocketAddr::new(host, local.port()))
}

fn open_recorder(
    root: PathBuf,
    events: mpsc::Sender<Event>,
    names: Arc<names::Names>,
    orders: mpsc::Sender<Command>,
) -> Result<RecorderHandle, HouseError> {
    let facts = Box::new(move |fact| tap::tell(fact, &events, &names, &orders));
    Ok(Recorder::spawn(tongke_recorder::Config::new(root), facts)?)
}

type Opened = (Vec<Worker>, Option<std::net::TcpListener>);

fn open_workers(
    config: &Config,
    local: SocketAddr,
    addresses: &[IpAddr],
    turns: &mpsc::Sender<Vec<Event>>,
    recorder: &RecorderHandle,
) -> Result<Opened, HouseError> {
    let provider: Arc<dyn RTCCryptoProvider> = Arc::new(RingProvider::new());
    let identity = open_identity(&config.data.join("media-certificate.pem"), provider)?;
    let tcp_port = match config.tcp_port {
        0 => None,
        port => {
            let address = SocketAddr::new(local.ip(), port);
            // Another server on this machine may have the port; the HTTPS port takes ICE-TCP all the same.
            std::net::TcpListener::bind(address).ok().filter(|l| l.set_nonblocking(true).is_ok())
        }
    };
    let tcp_ports: Vec<u16> = tcp_port.iter().map(|_| config.tcp_port).chain([local.port()]).collect();
    let mut workers = Vec::new();
    for number in 0..config.worker_count() {
        let sockets = bind_udp(local.ip(), config.udp_port, number)?;
        let port = sockets.prompt.local_addr().map_err(io("UDP socket"))?.port();
        let sfu = SfuConfig {
            worker: number,
            candidates: candidates(config, number, addresses, port, &tcp_ports),
            identity: identity.clone(),
            wall: clock::wall(),
            max_sessions: config.sessions_per_worker,
            seed: rand::rng().random(),
        };
        let sink = tap::sink(recorder.clone());
        workers
            .push(worker::spawn(sfu, config.full_percent, sockets, turns.clone(), sink).map_err(io("media worker"))?);
    }
    Ok((workers, tcp_port))
}

/// Where a worker's clients are told to reach it: what is announced, else its own addresses and ports.
fn candidates(config: &Config, worker: u8, addresses: &[IpAddr], udp_port: u16, tcp_ports: &[u16]) -> Candidates {
    if config.announce.is_empty() {
        let reached = |ports: &[u16]| -> Vec<SocketAddr> {
            addresses.iter().flat_map(|a| ports.iter().map(|p| SocketAddr::new(*a, *p))).collect()
        };
        return Candidates { udp: reached(&[udp_port]), tcp: reached(tcp_ports) };
    }
    let of_worker = |a: SocketAddr| SocketAddr::new(a.ip(), a.port().saturating_add(u16::from(worker)));
    Candidates {
        udp: config.announced(Transport::Udp).map(of_worker).collect(),
        tcp: config.announced(Transport::Tcp).collect(),
    }
}

/// The planned port, or any where it is taken and port 0 was asked for (several demos on one machine).
fn bind_udp(ip: IpAddr, first: u16, number: u8) -> Result<Sockets, HouseError> {
    let port = if first == 0 { 0 } else { first + u16::from(number) };
    Sockets::bind(SocketAddr::new(ip, port)).map_err(io(format!("UDP port {port}")))
}

/// The certificate must outlive a restart, or clients could not come back to their sessions.
fn open_identity(path: &std::path::Path, provider: Arc<dyn RTCCryptoProvider>) -> Result<Identity, HouseError> {
    if !path.exists() {
        let pem = Identity::generate_pem(&provider)?;
        write_private(path, &pem).map_err(io("media certificate"))?;
    }
    let pem = std::fs::read_to_string(path).map_err(io("media certificate"))?;
    Ok(Identity::from_pem(&pem, provider)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Announced;

    #[test]
    fn clients_are_told_what_is_announced_and_each_worker_its_own_port() {
        let own = [IpAddr::from([10, 0, 0, 2])];
        let told = |config: &Config, worker| candidates(config, worker, &own, 7882 + u16::from(worker), &[7881, 8443]);
        let outside = |port: u16| SocketAddr::from(([203, 0, 113, 5], port));
        let plain = told(&Config::default(), 1);
        assert_eq!(plain.udp, [SocketAddr::new(own[0], 7883)]);
        assert_eq!(plain.tcp.len(), 2);
        let announce = ["udp 203.0.113.5:17882", "tcp 203.0.113.5:443"];
        let announce = announce.map(|a| Announced::try_from(a.to_owned()).expect("fits"));
        let config = Config { announce: announce.to_vec(), ..Config::default() };
        assert_eq!(told(&config, 0).udp, [outside(17_882)]);
        assert_eq!(told(&config, 1).udp, [outside(17_883)]);
        assert_eq!(told(&config, 1).tcp, [outside(443)]);
    }
}
