//! A bad line, made up in this tool: what a weak room and a publisher that loses cost everybody else.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The share that a bad line loses.
const LOSS: f64 = 0.2;
/// What a weak room's line takes, bit/s.
const WEAK_BPS: f64 = 300_000.0;
/// What would wait longer in front of a narrow line is dropped.
const QUEUE: Duration = Duration::from_millis(500);
/// IPv4 and UDP headers, bytes.
const HEADERS: usize = 28;

/// How bad lines are spread over a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weak {
    /// So many viewers, one in each lesson, have 300 kbit/s and lose 20 % each way.
    pub viewers: usize,
    /// The publishers of so many lessons, the last ones, lose 20 % of what they send.
    pub uplinks: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    rng: StdRng,
    /// What may come, bit/s; `None`: all does, at once.
    down_bps: Option<f64>,
    free_at: Option<Instant>,
    waiting: VecDeque<(Instant, Vec<u8>)>,
}

impl Line {
    /// A weak room's: narrow, and lossy each way. The same seed has the same fates.
    pub(super) fn weak(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), down_bps: Some(WEAK_BPS), free_at: None, waiting: VecDeque::new() }
    }

    /// One that loses of what is sent, and nothing of what comes.
    pub(super) fn lossy_up(seed: u64) -> Self {
        Self { down_bps: None, ..Self::weak(seed) }
    }

    /// True if a datagram that is sent now is lost.
    pub(super) fn loses(&mut self) -> bool {
        self.rng.random_bool(LOSS)
    }

    /// A datagram came to the far end of the line.
    pub(super) fn put(&mut self, now: Instant, datagram: &[u8]) {
        let Some(bps) = self.down_bps else { return self.waiting.push_back((now, datagram.to_vec())) };
        let begins = self.free_at.map_or(now, |at| at.max(now));
        if begins.saturating_duration_since(now) > QUEUE {
            return;
        }
        let ends = begins + Duration::from_secs_f64(((datagram.len() + HEADERS) * 8) as f64 / bps);
        self.free_at = Some(ends);
        // What is lost was on the line too.
        if !self.loses() {
            self.waiting.push_back((ends, datagram.to_vec()));
        }
    }

    /// The next datagram that is through.
    pub(super) fn take(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.waiting.pop_front_if(|(at, _)| *at <= now).map(|(_, datagram)| datagram)
    }

    /// When the next one is.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.front().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Datagrams of 1,000 bytes, 100 a second for a minute: those that came through, and the longest way.
    fn flood(mut line: Line) -> (usize, Duration) {
        let begun = crate::net::clock::now();
        let (mut through, mut longest) = (0, Duration::ZERO);
        let mut sent = VecDeque::new();
        for ms in 0..60_000 {
            let now = begun + Duration::from_millis(ms);
            if ms % 10 == 0 {
                let before = line.waiting.len();
                line.put(now, &[0; 1_000]);
                sent.extend((line.waiting.len() > before).then_some(now));
            }
            while line.take(now).is_some() {
                through += 1;
                longest = longest.max(now.saturating_duration_since(sent.pop_front().unwrap_or(now)));
            }
        }
        (through, longest)
    }

    #[test]
    fn a_weak_line_carries_its_rate_less_what_it_loses_and_holds_half_a_second() {
        let (through, longest) = flood(Line::weak(1));
        let rate = through as f64 * 1_028.0 * 8.0 / 60.0;
        assert!((rate / (WEAK_BPS * (1.0 - LOSS)) - 1.0).abs() < 0.05, "{rate} bit/s");
        assert!((450..=540).contains(&longest.as_millis()), "{longest:?}");
    }

    #[test]
    fn a_lossy_uplink_loses_of_what_is_sent_only() {
        let (through, longest) = flood(Line::lossy_up(1));
        assert_eq!((through, longest), (6_000, Duration::ZERO));
        let mut line = Line::lossy_up(2);
        let lost = (0..10_000).filter(|_| line.loses()).count();
        assert!((1_800..2_200).contains(&lost), "{lost}");
    }
}
