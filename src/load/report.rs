//! What a run measured.

use std::fmt;

use serde::Serialize;

use super::viewer::Figures;

/// Linux counts a process's CPU in hundredths of a second on every architecture it runs Tongke on.
const TICKS: f64 = 100.0;

/// Figures of a run.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// How long media was counted.
    pub seconds: f64,
    /// Packets the viewers got.
    pub packets: u64,
    /// Packets that never came, retransmissions included.
    pub lost: u64,
    /// Packets that came as retransmissions.
    pub repaired: u64,
    /// Added delay at the middle, ms.
    pub delay_p50_ms: f64,
    /// 95 %.
    pub delay_p95_ms: f64,
    /// 99 %.
    pub delay_p99_ms: f64,
    /// POST to connected at the middle, ms.
    pub join_p50_ms: f64,
    /// 95 %.
    pub join_p95_ms: f64,
    /// CPU of the server, s.
    pub server_cpu_s: Option<f64>,
    /// CPU of the server for each packet the viewers got, µs.
    pub server_cpu_us_per_packet: Option<f64>,
    /// Resident memory of the server, KiB.
    pub server_memory_kib: Option<u64>,
    /// CPU of this tool, s.
    pub own_cpu_s: f64,
    #[serde(skip)]
    pub(super) joins_ms: Vec<f64>,
    #[serde(skip)]
    delays_us: Vec<u32>,
}

impl Report {
    pub(super) fn add(&mut self, figures: &Figures) {
        self.lost += figures.lost();
        self.repaired += figures.repaired;
        self.delays_us.extend_from_slice(&figures.delays_us);
    }

    pub(super) fn finish(&mut self) {
        self.delays_us.sort_unstable();
        self.joins_ms.sort_by(f64::total_cmp);
        let delay = |share: f64| at(&self.delays_us, share).map_or(0.0, |us| f64::from(us) / 1_000.0);
        (self.delay_p50_ms, self.delay_p95_ms, self.delay_p99_ms) = (delay(0.5), delay(0.95), delay(0.99));
        let join = |share| at(&self.joins_ms, share).unwrap_or_default();
        (self.join_p50_ms, self.join_p95_ms) = (join(0.5), join(0.95));
        let packets = self.packets.max(1) as f64;
        self.server_cpu_us_per_packet = self.server_cpu_s.map(|s| s * 1e6 / packets);
    }

    /// Share of packets that never came.
    pub fn loss(&self) -> f64 {
        self.lost as f64 / (self.packets + self.lost).max(1) as f64
    }
}

fn at<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    sorted.get(((sorted.len() as f64 * share) as usize).min(sorted.len().checked_sub(1)?)).copied()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:.1} s, {} packets received ({:.0}/s)",
            self.seconds,
            self.packets,
            self.packets as f64 / self.seconds
        )?;
        writeln!(f, "lost {} ({:.4} %), repaired {}", self.lost, self.loss() * 100.0, self.repaired)?;
        writeln!(
            f,
            "added delay p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms",
            self.delay_p50_ms, self.delay_p95_ms, self.delay_p99_ms
        )?;
        writeln!(f, "join p50 {:.0} ms, p95 {:.0} ms", self.join_p50_ms, self.join_p95_ms)?;
        if let (Some(cpu), Some(each)) = (self.server_cpu_s, self.server_cpu_us_per_packet) {
            writeln!(
                f,
                "server {cpu:.2} s CPU, {each:.2} µs per forwarded packet, {} MiB",
                self.server_memory_kib.unwrap_or(0) / 1024
            )?;
        }
        write!(f, "this tool {:.2} s CPU", self.own_cpu_s)
    }
}

/// User and system time of a process, from /proc (proc(5), fields 14 and 15 of `stat`).
pub(super) fn cpu_seconds(pid: Option<u32>) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid?)).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

/// Resident memory of a process.
pub(super) fn memory_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
}
