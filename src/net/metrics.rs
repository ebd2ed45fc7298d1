//! Figures of the media workers for the operator's monitoring, in OpenMetrics text, on a loopback address of their own.
//!
//! Workers write plain atomic numbers; they are read when somebody asks and cost nothing in between.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::net::TcpListener;

use super::drops;
use super::lines::LineFigures;

/// The media type of OpenMetrics 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Figures of one worker, all since its start.
#[derive(Debug, Default)]
pub struct WorkerFigures {
    /// Events lost because signaling did not keep up.
    pub events_lost: AtomicU64,
    /// Datagrams the kernel would not take, or a TCP receiver that does not keep up.
    pub send_drops: AtomicU64,
    /// Datagrams handed to the kernel.
    pub datagrams_sent: AtomicU64,
    /// Its UDP port.
    pub port: AtomicU16,
    /// Datagrams that found no room in its sockets; read from the kernel when somebody asks.
    pub receive_drops: AtomicU64,
    /// Datagrams that came.
    pub datagrams_received: AtomicU64,
    /// System calls that sent.
    pub send_calls: AtomicU64,
    /// System calls that received.
    pub receive_calls: AtomicU64,
    /// Turns of the worker's loop; before each it waits once (`epoll_wait`).
    pub turns: AtomicU64,
    /// Datagrams from nobody's address.
    pub strangers: AtomicU64,
    /// Binding requests that were not authentic.
    pub checks_refused: AtomicU64,
    /// Datagrams that are neither STUN, DTLS nor RTP.
    pub garbage: AtomicU64,
    /// Packets from sessions' addresses that were not theirs, or came twice.
    pub packets_refused: AtomicU64,
    /// Packets told of by feedback that were never sent.
    pub untrue_feedback: AtomicU64,
    /// Paths that moved.
    pub path_moves: AtomicU64,
    /// Times pictures were held for want of feedback.
    pub holds: AtomicU64,
    /// Sessions held now.
    pub sessions: AtomicU64,
    /// 1 while newcomers are refused because the core is used up.
    pub full: AtomicU64,
    /// The share of its time that it needs, in the mean of the last second or so, in percent.
    pub busy: AtomicU64,
    /// How long pictures may wait so that more of them leave at once, milliseconds.
    pub pictures_wait_ms: AtomicU64,
    /// What its time went into, in the order of [`DOINGS`], µs.
    pub doings_us: [AtomicU64; DOINGS.len()],
}

/// What a worker does: it waits, is in the kernel to receive or to send, or in its own code, where what others took of its core
/// meanwhile counts too.
pub const DOINGS: [&str; 4] = ["waiting", "receiving", "sending", "own"];

/// Reads the figures of all workers when asked.
#[derive(Debug)]
struct Workers(Vec<Arc<WorkerFigures>>);

type Read = fn(&WorkerFigures) -> &AtomicU64;

/// Name, meaning, what it counts. Counters get the suffix `_total`.
const COUNTERS: [(&str, &str, Read); 15] = [
    ("tongke_events_lost", "Facts lost because signaling did not keep up", |w| &w.events_lost),
    ("tongke_send_drops", "Datagrams that the kernel, or a slow TCP receiver, would not take", |w| &w.send_drops),
    ("tongke_receive_drops", "Datagrams that came and found no room in the worker's sockets", |w| &w.receive_drops),
    ("tongke_datagrams_sent", "Datagrams handed to the kernel", |w| &w.datagrams_sent),
    ("tongke_datagrams_received", "Datagrams that came", |w| &w.datagrams_received),
    ("tongke_send_calls", "System calls that sent datagrams", |w| &w.send_calls),
    ("tongke_receive_calls", "System calls that received datagrams", |w| &w.receive_calls),
    ("tongke_turns", "Turns of a worker's loop; before each it waits once", |w| &w.turns),
    ("tongke_strangers", "Datagrams from addresses that no session owns", |w| &w.strangers),
    ("tongke_checks_refused", "ICE checks that were not authentic", |w| &w.checks_refused),
    ("tongke_garbage", "Datagrams that are neither STUN, DTLS nor RTP", |w| &w.garbage),
    ("tongke_packets_refused", "Media packets that were not authentic, or came twice", |w| &w.packets_refused),
    ("tongke_untrue_feedback", "Packets told of by feedback that were never sent", |w| &w.untrue_feedback),
    ("tongke_path_moves", "Paths of sessions that moved to another address", |w| &w.path_moves),
    ("tongke_holds", "Times pictures were held because feedback was overdue", |w| &w.holds),
];
const GAUGES: [(&str, &str, Read); 4] = [
    ("tongke_sessions", "Sessions held", |w| &w.sessions),
    ("tongke_worker_full", "1 while newcomers are refused because the core is used up", |w| &w.full),
    (
        "tongke_worker_busy_percent",
        "Share of its time that a worker needs, lately; from full_percent on newcomers are refused, from 75 on if pictures come singly and wait for 10 ms",
        |w| &w.busy,
    ),
    (
        "tongke_worker_pictures_wait_ms",
        "How long pictures may wait so that more leave at once; 0 while a worker needs less than 75 percent of its time",
        |w| &w.pictures_wait_ms,
    ),
];

impl Collector for Workers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let ports: Vec<u16> = self.0.iter().map(|w| w.port.load(Ordering::Relaxed)).collect();
        for (figures, dropped) in self.0.iter().zip(drops::at_ports(&ports)) {
            figures.receive_drops.store(dropped, Ordering::Relaxed);
        }
        for (name, help, read) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (number, figures) in self.0.iter().enumerate() {
                let value = ConstCounter::new(read(figures).load(Ordering::Relaxed));
                value.encode(family.encode_family(&[("worker", number.to_string())])?)?;
            }
        }
        let help = "What a worker's time went into: waiting, the kernel that receives and sends, its own code (with what other threads \
                    and programs took of its core meanwhile)";
        let mut family =
            encoder.encode_descriptor("tongke_worker_time", help, Some(&Unit::Seconds), MetricType::Counter)?;
        for (number, figures) in self.0.iter().enumerate() {
            for (doing, time) in DOINGS.iter().zip(&figures.doings_us) {
                let value = ConstCounter::new(time.load(Ordering::Relaxed) as f64 / 1e6);
                let labels = [("worker", number.to_string()), ("doing", (*doing).to_owned())];
                value.encode(family.encode_family(&labels)?)?;
            }
        }
        for (name, help, read) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (number, figures) in self.0.iter().enumerate() {
                let value = ConstGauge::new(i64::try_from(read(figures).load(Ordering::Relaxed)).unwrap_or(i64::MAX));
                value.encode(family.encode_family(&[("worker", number.to_string())])?)?;
            }
        }
        Ok(())
    }
}

/// Answers `GET /metrics` for ever.
pub async fn serve(listener: TcpListener, workers: Vec<Arc<WorkerFigures>>, lines: LineFigures) -> io::Result<()> {
    axum::serve(listener, router(workers, &lines)).await
}

fn router(workers: Vec<Arc<WorkerFigures>>, lines: &LineFigures) -> Router {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Workers(workers)));
    lines.register(&mut registry);
    Router::new().route("/metrics", get(answer)).with_state(Arc::new(registry))
}

async fn answer(State(registry): State<Arc<Registry>>) -> impl IntoResponse {
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = encode(&mut text, &registry);
    ([(CONTENT_TYPE, OPEN_METRICS)], text)
}

/// A bound listener for [`serve`].
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_worker_tells_its_figures() {
        let workers = vec![Arc::new(WorkerFigures::default()), Arc::new(WorkerFigures::default())];
        workers[1].send_calls.store(7, Ordering::Relaxed);
        workers[0].sessions.store(3, Ordering::Relaxed);
        workers[0].doings_us[3].store(1_500_000, Ordering::Relaxed);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Workers(workers)));
        let mut text = String::new();
        encode(&mut text, &registry).expect("writes");
        for line in [
            "tongke_send_calls_total{worker=\"1\"} 7",
            "tongke_sessions{worker=\"0\"} 3",
            "tongke_worker_time_seconds_total{worker=\"0\",doing=\"own\"} 1.5",
            "tongke_worker_time_seconds_total{worker=\"1\",doing=\"waiting\"} 0.0",
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }
}
