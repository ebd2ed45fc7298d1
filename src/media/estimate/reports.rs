//! The estimate of a receiver that tells nothing of single packets, from its receiver reports (RFC 3550 §6.4.1) and REMB.
//!
//! The rate follows the share lost (draft-ietf-rmcat-gcc-02 §6). A round trip that became much longer is a queue, and
//! counts before the queue runs over. REMB caps the rate. Interarrival jitter is not looked at: of pictures it tells how the
//! packets of one frame are spread, and hardly anything of the line.
//!
//! Without probes the only way to learn that a line takes more is to send more. So the rate grows towards what is wanted;
//! where that met a limit, it is tried again ever more rarely.

use std::time::Duration;

use super::{BACK_OFF, Estimate, LEAST, LONG_MS, MOST, SHORT_MS};

/// Reports are judged together over this time, and over as many packets at least: a storm of them is no more work, and does
/// not make the rate run.
const WINDOW: Duration = Duration::from_millis(900);
const PACKETS: u32 = 20;
/// More lost than this is congestion, less is none, and in between the rate stays.
const CONGESTED: f64 = 0.10;
const FREE: f64 = 0.02;
/// Of the rate, by each report without loss, and per share lost.
const GROWTH: f64 = 1.05;
const FALL: f64 = 0.5;
/// A line that loses more than this is full, and takes what got through: the draft's rule would need many reports to get there.
const FULL: f64 = 0.15;
/// What was numbered between two reports of a stream at most; more is a stream that began anew, or a lie.
const MOST_EXPECTED: u32 = 1 << 15;
/// A REMB below this share of what was sent before is a fall.
const LESS: f64 = 0.95;
/// Up to this share of a limit that was met the rate grows at once; beyond it after the pause, twice as long each time.
const BELOW_LIMIT: f64 = 0.9;
const PAUSE: Duration = Duration::from_secs(15);
const MOST_PAUSES: u32 = 16;

/// A limit that was met.
#[derive(Clone, Copy, Debug)]
struct Limit {
    bits: f64,
    until: Duration,
    /// The pause the next time, in [`PAUSE`]s.
    pauses: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// The last REMB, bit/s.
    pub(super) cap: Option<f64>,
    expected: u32,
    lost: f64,
    /// When the window began, and the bytes sent by then.
    since: Option<(Duration, u64)>,
    limit: Option<Limit>,
    /// When what may be sent last fell.
    fell: Option<Duration>,
}

impl Reports {
    /// How far the rate may grow now.
    fn ceiling(&self, now: Duration) -> f64 {
        self.limit.filter(|l| now < l.until).map_or(MOST, |l| BELOW_LIMIT * l.bits)
    }

    fn note_limit(&mut self, now: Duration, bits: f64, is_full: bool) {
        let (bits, pauses) = match self.limit {
            // What is still falling was met once; a queue that drains says less than what filled it.
            Some(limit) if now < limit.until => (if is_full { bits } else { bits.max(limit.bits) }, limit.pauses),
            Some(limit) => (bits, (limit.pauses * 2).min(MOST_PAUSES)),
            None => (bits, 1),
        };
        self.limit = Some(Limit { bits, until: now + PAUSE * pauses, pauses });
    }
}

impl Estimate {
    /// Takes a REMB. `now` on our clock.
    pub fn note_remb(&mut self, now: Duration, bits: u64) {
        let cap = (bits as f64).clamp(LEAST, MOST);
        self.fed = Some(now);
        let before = self.rate();
        self.reports.cap = Some(cap);
        if cap < before * LESS {
            self.reports.fell = Some(now);
        }
        if cap < self.rate {
            self.lowered = Some(now);
            self.limit = Some((cap, 0.02 * cap));
        }
    }

    /// Takes one report block: how many packets of the stream were numbered since the last one, and the share lost of them
    /// in 1/256.
    pub fn note_reception(&mut self, now: Duration, expected: u32, fraction_lost: u8) {
        self.fed = Some(now);
        let expected = if expected > MOST_EXPECTED { 0 } else { expected };
        self.reports.expected = self.reports.expected.saturating_add(expected);
        self.reports.lost += f64::from(expected) * f64::from(fraction_lost) / 256.0;
    }

    /// Takes a round trip by which a queue shows.
    pub fn note_reported_round_trip(&mut self, now: Duration, round_trip: Duration) {
        let (now_us, trip_us) = (now.as_micros() as i64, round_trip.as_micros() as i64);
        self.queue.note(now_us.saturating_sub(trip_us), now_us);
    }

    /// Judges what was reported, once there is enough of it. `sent`: bytes since the session began; `wanted`: what
    /// everything would cost, bit/s.
    pub fn judge_reports(&mut self, now: Duration, sent: u64, wanted: f64) {
        let (since, sent_before) = *self.reports.since.get_or_insert((now, sent));
        let took = now.saturating_sub(since);
        if took < WINDOW || self.reports.expected < PACKETS {
            return;
        }
        let share = (self.reports.lost / f64::from(self.reports.expected)).min(1.0);
        (self.reports.expected, self.reports.lost, self.reports.since) = (0, 0.0, Some((now, sent)));
        // What was reported meanwhile was sent before, or waited behind it.
        if self.reports.fell.is_some_and(|at| since <= at) {
            return;
        }
        // Loss says something of what was sent, not of what might have been.
        let was_sent = sent.saturating_sub(sent_before) as f64 * 8.0 / took.as_secs_f64();
        let rate = self.rate().min(was_sent.max(LEAST));
        let through = rate * (1.0 - share);
        if self.queue.ms() > LONG_MS {
            self.meet(now, through, share > CONGESTED, BACK_OFF * through);
        } else if share > CONGESTED {
            self.meet(now, through, true, if share > FULL { through } else { rate * (1.0 - FALL * share) });
        } else if share < FREE && self.queue.ms() < SHORT_MS && self.reports.cap.is_none_or(|cap| self.rate < cap) {
            let most = wanted.max(LEAST).min(self.reports.ceiling(now));
            self.rate = (self.rate * GROWTH).min(most.max(self.rate));
        }
        self.rate = self.rate.clamp(LEAST, MOST);
    }

    /// `is_full`: by what got through the line's limit is known, else that it is not more.
    fn meet(&mut self, now: Duration, limit: f64, is_full: bool, to: f64) {
        self.reports.note_limit(now, limit, is_full);
        self.reports.fell = Some(now);
        self.note_limit(limit);
        self.lower(now, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An estimate that hears of `kbps` being sent, a report a second.
    struct Told {
        estimate: Estimate,
        now: Duration,
        sent: u64,
    }

    impl Told {
        fn new() -> Self {
            Self { estimate: Estimate::new(None), now: Duration::ZERO, sent: 0 }
        }

        fn second(&mut self, bits: f64, fraction_lost: u8) -> f64 {
            self.now += Duration::from_secs(1);
            self.sent += (bits / 8.0) as u64;
            self.estimate.note_reception(self.now, 100, fraction_lost);
            self.estimate.judge_reports(self.now, self.sent, 4e6);
            self.estimate.rate()
        }
    }

    #[test]
    fn the_rate_follows_the_share_lost() {
        let mut told = Told::new();
        assert_eq!(told.second(1e6, 0), 1e6, "one report is the beginning");
        assert_eq!(told.second(1e6, 2) as u32, 1_050_000);
        assert_eq!(told.second(1e6, 13) as u32, 1_050_000, "5 % lost is neither");
        assert_eq!(told.second(1e6, 32) as u32, 937_500, "an eighth lost of the million that was sent");
        assert_eq!(told.second(1e6, 32) as u32, 937_500, "that was sent before");
        assert_eq!(told.second(8e5, 128) as u32, 400_000, "a line that is full takes what got through");
        assert!(!told.estimate.is_new());
    }

    #[test]
    fn a_limit_is_tried_again_ever_more_rarely() {
        let mut told = Told::new();
        // The line takes 800 kbit/s.
        let mut tries = Vec::new();
        let mut over = false;
        for second in 0..400 {
            let rate = told.estimate.rate();
            let lost = (1.0 - 8e5 / rate).max(0.0);
            if lost > CONGESTED && !over {
                tries.push(second);
            }
            over = lost > CONGESTED;
            told.second(rate, (lost * 256.0) as u8);
        }
        let pauses: Vec<i32> = tries.windows(2).map(|w| w[1] - w[0]).collect();
        assert!(tries.len() <= 8 && pauses.windows(2).all(|w| w[1] >= w[0]), "{tries:?}");
        assert!(told.estimate.rate() > 4e5, "{}", told.estimate.rate());
    }

    #[test]
    fn a_round_trip_that_became_long_is_a_queue() {
        let mut told = Told::new();
        for _ in 0..5 {
            told.estimate.note_reported_round_trip(told.now, Duration::from_millis(40));
            told.second(1e6, 0);
        }
        let before = told.estimate.rate();
        for _ in 0..2 {
            told.estimate.note_reported_round_trip(told.now, Duration::from_millis(400));
            told.second(1e6, 0);
        }
        assert!(told.estimate.rate() < before * 0.9, "{before} {}", told.estimate.rate());
    }

    #[test]
    fn remb_caps_and_does_not_raise() {
        let mut told = Told::new();
        told.estimate.note_remb(told.now, 300_000);
        assert_eq!(told.estimate.rate(), 3e5);
        (0..20).for_each(|_| assert_eq!(told.second(2.8e5, 0), 3e5));
        told.estimate.note_remb(told.now, u64::MAX);
        assert_eq!(told.estimate.rate(), 1e6, "what was known before");
        told.estimate.note_remb(told.now, 0);
        assert_eq!(told.estimate.rate(), LEAST);
    }

    proptest::proptest! {
        #[test]
        fn no_report_breaks_it(said in proptest::collection::vec((0u8..4, proptest::num::u64::ANY, 0u64..3_000), 1..300)) {
            let mut estimate = Estimate::new(None);
            let mut now = Duration::ZERO;
            for (kind, number, ms) in said {
                now += Duration::from_millis(ms);
                match kind {
                    0 => estimate.note_remb(now, number),
                    1 => estimate.note_reception(now, number as u32, (number >> 32) as u8),
                    2 => estimate.note_reported_round_trip(now, Duration::from_micros(number)),
                    _ => estimate.judge_reports(now, number, number as f64),
                }
                proptest::prop_assert!((LEAST..=MOST).contains(&estimate.rate()), "{}", estimate.rate());
                proptest::prop_assert!(estimate.line().is_finite());
            }
        }

        #[test]
        fn a_storm_moves_the_rate_no_faster_than_one_report_a_window(fraction in proptest::num::u8::ANY) {
            let mut estimate = Estimate::new(None);
            for i in 0..6_000u64 {
                let now = Duration::from_micros(i * 150);
                estimate.note_reception(now, 1_000, fraction);
                estimate.judge_reports(now, i * 100, 5e7);
            }
            // 900 ms went by: one judgement at most.
            proptest::prop_assert!(estimate.rate() <= 1e6 * GROWTH + 1.0);
        }
    }
}
