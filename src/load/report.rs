//! What a run measured.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::viewer::Figures;

/// Linux counts a process's CPU in hundredths of a second on every architecture it runs Tongke on.
const TICKS: f64 = 100.0;

/// Delays of a run: in all, and second by second.
#[derive(Debug, Default)]
pub(super) struct Delays {
    begun: Option<Duration>,
    seconds: Vec<Histogram<u64>>,
}

/// A delay beyond a minute is not told apart, µs.
const MOST_US: u64 = 60_000_000;

impl Delays {
    /// Counting begins at this time of the run.
    pub(super) fn begin(&mut self, since: Duration) {
        self.begun = Some(since);
        self.seconds.clear();
    }

    /// A packet came at `since` (time of the run) and was `delay` on its way.
    pub(super) fn note(&mut self, since: Duration, delay: Duration) {
        let Some(begun) = self.begun else { return };
        let second = since.saturating_sub(begun).as_secs() as usize;
        while self.seconds.len() <= second {
            let Ok(histogram) = Histogram::new_with_bounds(1, MOST_US, 3) else { return };
            self.seconds.push(histogram);
        }
        if let Some(histogram) = self.seconds.get_mut(second) {
            histogram.saturating_record((delay.as_micros() as u64).max(1));
        }
    }
}

/// How the viewers' joins went.
#[derive(Debug, Default, Serialize)]
pub struct Joins {
    /// Viewers that got their first picture.
    pub made: usize,
    /// Joins a full server refused (503, 429), lessons included.
    pub refused: usize,
    /// Joins that failed otherwise.
    pub failed: usize,
    /// The first failure in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<String>,
    /// POST to connected, ms, at 50, 95 and 99 %.
    pub connected_ms: [f64; 3],
    /// POST to the first packet of a picture, ms, at 50, 95 and 99 %.
    pub media_ms: [f64; 3],
    /// The longest a refusal took, ms.
    pub slowest_refusal_ms: f64,
}

/// Viewers on bad lines and behind bad uplinks.
#[derive(Debug, Default, Serialize)]
pub struct Apart {
    /// How many.
    pub viewers: usize,
    /// Packets they got.
    pub packets: u64,
    /// Packets that never came.
    pub lost: u64,
}

/// Figures of a run.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// How long media was counted.
    pub seconds: f64,
    /// Packets the viewers got, those on bad lines and behind bad uplinks aside: so it is with all figures but `apart`.
    pub packets: u64,
    /// Packets of the one that got fewest.
    pub fewest: u64,
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
    /// Added delay at 99 % in each second, ms.
    pub delay_p99_by_second_ms: Vec<f64>,
    /// Joins.
    pub joins: Joins,
    /// Those whose lines or whose publishers' lines were bad.
    pub apart: Apart,
    /// CPU of the server, s.
    pub server_cpu_s: Option<f64>,
    /// CPU of the server for each packet the viewers got, µs.
    pub server_cpu_us_per_packet: Option<f64>,
    /// System calls of the server's media workers for each packet the viewers got; only a Tongke tells them.
    pub server_calls_per_packet: Option<f64>,
    /// Of its CPU at most so much was the own code of its media workers, for each packet the viewers got, µs; only a Tongke tells it.
    pub server_own_us_per_packet: Option<f64>,
    /// Resident memory of the server, KiB.
    pub server_memory_kib: Option<u64>,
    /// CPU of this tool, s.
    pub own_cpu_s: f64,
    /// The share of its time in which this tool had something to do, where it never sleeps. Near to 1 it is the tool that is at
    /// its end, and not the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_busy: Option<f64>,
    #[serde(skip)]
    pub(super) refusals_ms: Vec<f64>,
    #[serde(skip)]
    connected_ms: Vec<f64>,
    #[serde(skip)]
    media_ms: Vec<f64>,
}

impl Report {
    /// What each viewer got while it was counted.
    pub(super) fn note_received<F: Deref<Target = Figures>>(&mut self, viewers: impl Iterator<Item = F>) {
        let (apart, counted): (Vec<_>, Vec<_>) =
            viewers.map(|figures| (figures.is_apart, figures.received())).partition(|(is_apart, _)| *is_apart);
        self.packets = counted.iter().map(|(_, packets)| packets).sum();
        self.fewest = counted.iter().map(|(_, packets)| *packets).min().unwrap_or(0);
        self.apart.viewers = apart.len();
        self.apart.packets = apart.iter().map(|(_, packets)| packets).sum();
    }

    pub(super) fn add(&mut self, figures: &Figures) {
        if figures.is_apart {
            self.apart.lost += figures.lost();
        } else {
            self.lost += figures.lost();
            self.repaired += figures.repaired;
        }
        let joined = &figures.joined;
        self.connected_ms.extend(joined.connected_ms);
        self.media_ms.extend(joined.media_ms);
        self.refusals_ms.extend(joined.refused_ms);
        if joined.media_ms.is_none() && joined.refused_ms.is_none() {
            self.joins.failed += 1;
            let why = joined.failed.clone().unwrap_or_else(|| "no picture came".to_owned());
            self.joins.first_failure.get_or_insert(why);
        }
    }

    pub(super) fn note_cpu(
        &mut self,
        before: Option<f64>,
        after: Option<f64>,
        own_before: Option<f64>,
        own_after: Option<f64>,
    ) {
        let packets = self.all_packets() as f64;
        if let (Some(before), Some(after)) = (before, after) {
            self.server_cpu_s = Some(after - before);
            self.server_cpu_us_per_packet = Some((after - before) * 1e6 / packets);
        }
        if let (Some(before), Some(after)) = (own_before, own_after) {
            self.own_cpu_s = after - before;
        }
    }

    pub(super) fn note_told(&mut self, before: Option<Told>, after: Option<Told>) {
        if let (Some(before), Some(after)) = (before, after) {
            let packets = self.all_packets() as f64;
            self.server_calls_per_packet = Some((after.calls - before.calls) / packets);
            self.server_own_us_per_packet = Some((after.own_s - before.own_s) * 1e6 / packets);
        }
    }

    pub(super) fn finish(&mut self, delays: &Delays) {
        let Ok(mut all) = Histogram::<u64>::new_with_bounds(1, MOST_US, 3) else { return };
        let ms = |us: u64| us as f64 / 1_000.0;
        for second in &delays.seconds {
            // Both have the same bounds, so nothing can be out of range.
            let _ = all.add(second);
            self.delay_p99_by_second_ms.push(ms(second.value_at_quantile(0.99)));
        }
        let delay = |share| ms(all.value_at_quantile(share));
        (self.delay_p50_ms, self.delay_p95_ms, self.delay_p99_ms) = (delay(0.5), delay(0.95), delay(0.99));
        self.joins.made = self.media_ms.len();
        self.joins.refused = self.refusals_ms.len();
        self.joins.connected_ms = shares(&mut self.connected_ms);
        self.joins.media_ms = shares(&mut self.media_ms);
        self.joins.slowest_refusal_ms = self.refusals_ms.iter().copied().fold(0.0, f64::max);
    }

    /// Packets that the server forwarded, to divide by.
    fn all_packets(&self) -> u64 {
        (self.packets + self.apart.packets).max(1)
    }

    /// Share of packets that never came.
    pub fn loss(&self) -> f64 {
        self.lost as f64 / (self.packets + self.lost).max(1) as f64
    }

    /// Packets a second, all viewers together.
    pub fn rate(&self) -> f64 {
        self.packets as f64 / self.seconds.max(0.001)
    }
}

/// The values at 50, 95 and 99 %.
fn shares(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [0.5, 0.95, 0.99].map(|share| {
        let last = values.len().saturating_sub(1);
        values.get(((values.len() as f64 * share) as usize).min(last)).copied().unwrap_or_default()
    })
}

/// One character a second, the highest second the tallest.
fn chart(values: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let bar = |v: &f64| BARS.get(((v / most * 7.0).round() as usize).min(7)).copied().unwrap_or(' ');
    values.iter().map(bar).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:.1} s, {} packets received ({:.0}/s)", self.seconds, self.packets, self.rate())?;
        writeln!(f, "lost {} ({:.4} %), repaired {}", self.lost, self.loss() * 100.0, self.repaired)?;
        writeln!(
            f,
            "added delay p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms",
            self.delay_p50_ms, self.delay_p95_ms, self.delay_p99_ms
        )?;
        if self.apart.viewers > 0 {
            let Apart { viewers, packets, lost } = self.apart;
            writeln!(f, "apart, on bad lines: {viewers} viewers, {packets} packets received, {lost} lost")?;
        }
        let most = self.delay_p99_by_second_ms.iter().copied().fold(0.0, f64::max);
        writeln!(f, "p99 by second, up to {most:.2} ms: {}", chart(&self.delay_p99_by_second_ms))?;
        let Joins { made, refused, failed, connected_ms: [c50, c95, c99], media_ms: [m50, m95, m99], .. } = self.joins;
        writeln!(f, "{made} joined, {refused} refused, {failed} failed")?;
        if let Some(why) = &self.joins.first_failure {
            writeln!(f, "first failure: {why}")?;
        }
        if refused > 0 {
            writeln!(f, "slowest refusal {:.0} ms", self.joins.slowest_refusal_ms)?;
        }
        writeln!(f, "connected p50 {c50:.0} ms, p95 {c95:.0} ms, p99 {c99:.0} ms")?;
        writeln!(f, "first picture p50 {m50:.0} ms, p95 {m95:.0} ms, p99 {m99:.0} ms")?;
        if let (Some(cpu), Some(each)) = (self.server_cpu_s, self.server_cpu_us_per_packet) {
            let memory = self.server_memory_kib.unwrap_or(0) / 1024;
            writeln!(f, "server {cpu:.2} s CPU, {each:.2} µs per forwarded packet, {memory} MiB")?;
        }
        if let Some(calls) = self.server_calls_per_packet {
            writeln!(f, "{calls:.3} system calls per forwarded packet")?;
        }
        if let Some(own) = self.server_own_us_per_packet {
            writeln!(f, "{own:.2} µs of its workers' own code per forwarded packet, at most")?;
        }
        write!(f, "this tool {:.2} s CPU", self.own_cpu_s)?;
        self.own_busy.map_or(Ok(()), |busy| write!(f, ", busy for {:.0} % of the time", busy * 100.0))
    }
}

/// CPU time of a process, s, from /proc (proc(5), fields 14 and 15 of `stat`). Their sum is exact; how the kernel divides it
/// between itself and the process is a guess by clock ticks, and wrong for work in step with them.
pub(super) fn cpu_of(pid: Option<u32>) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid?)).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |n: usize| Some(fields.get(n)?.parse::<f64>().ok()? / TICKS);
    Some(ticks(11)? + ticks(12)?)
}

/// What a Tongke tells of all its media workers so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// System calls: sends, receives, and one wait for each turn of their loops.
    calls: f64,
    /// Time in their own code, s.
    own_s: f64,
}

impl Told {
    /// Of a page of figures (OpenMetrics).
    fn read(text: &str) -> Self {
        let sum = |is_counted: &dyn Fn(&str) -> bool| -> f64 {
            let lines = text.lines().filter(|line| is_counted(line));
            lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
        };
        let calls = ["tongke_send_calls_total{", "tongke_receive_calls_total{", "tongke_turns_total{"];
        let time = "tongke_worker_time_seconds_total{";
        Self {
            calls: sum(&|line| calls.iter().any(|name| line.starts_with(name))),
            own_s: sum(&|line| line.starts_with(time) && line.contains("doing=\"own\"")),
        }
    }
}

/// Asks for it.
pub(super) async fn told_by(metrics: Option<&str>) -> Option<Told> {
    let url = metrics?.to_owned();
    let asked = tokio::task::spawn_blocking(move || ureq::get(&url).call().ok()?.body_mut().read_to_string().ok());
    Some(Told::read(&asked.await.ok()??))
}

/// Resident memory of a process.
pub(super) fn memory_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_workers_tell_is_added_and_divided_among_the_packets() {
        let before = Told::read("tongke_turns_total{worker=\"0\"} 5\n# EOF\n");
        let after = Told::read(
            "# TYPE tongke_send_calls counter\n\
             tongke_send_calls_total{worker=\"0\"} 10\n\
             tongke_send_calls_total{worker=\"1\"} 20\n\
             tongke_receive_calls_total{worker=\"0\"} 30\n\
             tongke_turns_total{worker=\"0\"} 45\n\
             tongke_datagrams_sent_total{worker=\"0\"} 1000\n\
             tongke_worker_time_seconds_total{worker=\"0\",doing=\"waiting\"} 7.0\n\
             tongke_worker_time_seconds_total{worker=\"0\",doing=\"own\"} 0.25\n\
             tongke_worker_time_seconds_total{worker=\"1\",doing=\"own\"} 0.5\n",
        );
        let mut report = Report { packets: 1_000, ..Report::default() };
        report.note_told(None, Some(after));
        assert_eq!((report.server_calls_per_packet, report.server_own_us_per_packet), (None, None));
        report.note_told(Some(before), Some(after));
        assert_eq!((report.server_calls_per_packet, report.server_own_us_per_packet), (Some(0.1), Some(750.0)));
    }
}
