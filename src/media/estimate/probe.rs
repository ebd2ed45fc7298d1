//! Probes: bursts that leave at once, whose packets' spacing at the far end says how fast the narrowest place of the way
//! lets them through.

use std::time::Duration;

use super::Fate;

/// At the rate that is tried a probe would last so long; it has so many packets at least.
const LENGTH: f64 = 0.025;
const PACKETS: u32 = 5;
/// The first probes go to these multiples of the start, further ones to the last.
const FIRST: [f64; 2] = [3.0, 6.0];
const LATER: f64 = 2.0;
/// Between two probes of a line that is known.
const INTERVAL: Duration = Duration::from_secs(5);
/// A rate that falls so soon after a probe had raised it was promised too much.
const DOUBTFUL: Duration = Duration::from_secs(8);
const MOST_CAUTION: u32 = 4;
/// Between those at the start.
const FIRST_INTERVAL: Duration = Duration::from_millis(250);
/// Of what the spacing says a little is left free: others use the line too.
const SAFE: f64 = 0.9;
/// Packets closer together than the far clock tells apart say only that the line takes what was tried. µs.
const SPACING_US: i64 = 1_000;
/// A probe that found this share of its goal met no limit.
const ALL: f64 = 0.85;
/// A share of the packets must have come.
const ENOUGH: f64 = 0.8;

/// What to send.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Probe {
    /// Its number, to be noted with its packets.
    pub number: u8,
    /// How much at least.
    pub bytes: u32,
    /// In so many packets at least.
    pub packets: u32,
}

#[derive(Debug, Default)]
struct Running {
    number: u8,
    goal: f64,
    bytes: u32,
    seen: u32,
    came: u32,
    came_bytes: u32,
    /// First and last arrival, and the bytes of the first.
    arrived: Option<(i64, i64, u32)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Prober {
    made: u8,
    firsts: usize,
    next: Option<Duration>,
    running: Option<Running>,
    /// When a probe last raised the rate.
    raised: Option<Duration>,
    /// After probes that promised too much the next ones wait this many times as long.
    caution: u32,
    found: Option<f64>,
}

impl Prober {
    /// The next probe, if it is time and more than `rate` is wanted.
    pub(super) fn next(&mut self, now: Duration, rate: f64, wanted: f64) -> Option<Probe> {
        if wanted <= rate * 1.05 || self.next.is_some_and(|at| now < at) {
            return None;
        }
        let factor = FIRST.get(self.firsts).copied().unwrap_or(LATER);
        let interval = if self.firsts < FIRST.len() { FIRST_INTERVAL } else { INTERVAL * self.caution.max(1) };
        self.firsts += 1;
        self.next = Some(now + interval);
        let goal = (rate * factor).min(wanted * 1.2);
        self.made = self.made.wrapping_add(1);
        let bytes = (goal * LENGTH / 8.0) as u32;
        self.running = Some(Running { number: self.made, goal, bytes, ..Running::default() });
        Some(Probe { number: self.made, bytes, packets: PACKETS })
    }

    /// What was found is not so sure any more: the next probe comes in its time, or soon.
    pub(super) fn doubt(&mut self, now: Duration) {
        (self.running, self.found, self.raised) = (None, None, None);
        self.firsts = FIRST.len();
        self.next = Some(self.next.map_or(now, |at| at.min(now + INTERVAL)));
    }

    /// The rate fell: what was probed before says nothing.
    pub(super) fn forget(&mut self, now: Duration) {
        self.running = None;
        self.found = None;
        self.firsts = FIRST.len();
        // What the line lets through for the blink of a probe, others may take the rest of the time.
        let promised = self.raised.take().is_some_and(|at| now.saturating_sub(at) < DOUBTFUL);
        self.caution = if promised { (self.caution.max(1) * 2).min(MOST_CAUTION) } else { self.caution.max(1) };
        self.next = Some(now + INTERVAL * self.caution);
    }

    /// The rate was raised by what a probe found.
    pub(super) fn note_raised(&mut self, now: Duration) {
        // It held since the one before.
        if self.raised.is_some_and(|at| now.saturating_sub(at) >= DOUBTFUL) {
            self.caution = 1;
        }
        self.raised = Some(now);
    }

    /// Notes what became of a packet of a probe.
    pub(super) fn note(&mut self, number: u8, fate: &Fate) {
        let Some(run) = self.running.as_mut().filter(|r| r.number == number) else { return };
        run.seen += fate.size;
        let Some(arrived) = fate.arrived else { return };
        run.came += 1;
        run.came_bytes += fate.size;
        let came = run.arrived.get_or_insert((arrived, arrived, fate.size));
        came.1 = came.1.max(arrived);
        if run.seen < run.bytes || run.came < PACKETS || f64::from(run.came_bytes) < ENOUGH * f64::from(run.seen) {
            return;
        }
        self.found = run.result();
    }

    /// What a probe found, bit/s, once. One that met no limit is soon followed by the next.
    pub(super) fn take_result(&mut self, now: Duration) -> Option<f64> {
        let found = self.found.take()?;
        if self.running.take().is_some_and(|run| found >= ALL * run.goal) {
            self.next = self.next.map(|at| at.min(now + FIRST_INTERVAL));
        }
        Some(found)
    }
}

impl Running {
    fn result(&self) -> Option<f64> {
        let (from, to, first) = self.arrived?;
        // The first packet's bytes came before the time that is measured.
        let bits = f64::from(self.came_bytes.saturating_sub(first)) * 8.0;
        match to.saturating_sub(from) {
            ..SPACING_US => Some(self.goal),
            span @ ..5_000_000 => Some((bits * 1e6 / span as f64 * SAFE).min(self.goal)),
            _ => None,
        }
    }
}
