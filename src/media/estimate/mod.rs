//! How much a receiver's line takes, from its feedback on what was sent (send-side; after draft-ietf-rmcat-gcc-02).
//!
//! Delay that grows is a queue, and the rate falls below what got through. Loss is congestion only where it falls with the
//! rate: a radio link loses as much at any rate, and slowing down would not mend it. A sender with little to send learns
//! nothing and forgets nothing; what more there is it learns from probes. Receivers without transport-wide feedback are
//! judged by `reports`. Pure.

mod busy;
mod loss;
mod overdue;
mod probe;
mod queue;
mod reports;
mod through;
mod trend;

use std::time::Duration;

use busy::Busy;
use loss::Loss;
use overdue::Overdue;
pub use probe::Probe;
use probe::Prober;
use queue::Queue;
use reports::Reports;
use through::Through;
use trend::Trend;
pub use trend::Usage;

use super::ahead::Mark;

/// Nothing is ever sent slower, bit/s: sound and a still picture.
pub const LEAST: f64 = 30_000.0;
/// Nor faster.
pub const MOST: f64 = 50_000_000.0;
/// What a line is believed to take before anything is known, bit/s.
pub const START: f64 = 1_000_000.0;

/// What was remembered of a line is believed up to this: more than a lesson needs says nothing.
const MOST_REMEMBERED: f64 = 20_000_000.0;

/// A queue builds: down to this share of what got through.
const BACK_OFF: f64 = 0.85;
/// Less than this share of what might be sent is far less.
const FAR: f64 = 0.6;
/// After a queue was emptied the line is known: up to this share of what it took.
const KNOWN: f64 = 0.95;
/// A queue longer than this is congestion, whatever its trend. ms.
const LONG_MS: f64 = 200.0;
/// It is emptied by sending this share of what gets through, until it is short; a very long one by sending next to nothing.
const DRAIN: f64 = 0.4;
const VERY_LONG_MS: f64 = 600.0;
const DRAIN_FAST: f64 = 0.1;
const SHORT_MS: f64 = 60.0;
/// Without a sign of a queue the rate grows by this a second, far from the line's limit.
const GROWTH: f64 = 1.08;
/// And near it by a packet in each response time. Bits.
const PACKET_BITS: f64 = 9_600.0;
/// Beyond this share of what got through nothing is known.
const BEYOND: f64 = 1.5;
const BEYOND_BITS: f64 = 10_000.0;
/// A queue that was not seen for so long is not there.
const CLEAR: Duration = Duration::from_millis(300);
/// A line that met its limit is taken to be tight for so long.
const TIGHT: Duration = Duration::from_secs(30);
/// Without feedback for this long the line is dark: what is sent only fills its queues.
const DARK: Duration = Duration::from_millis(1_000);

/// What became of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fate {
    /// When it was sent, µs on our clock.
    pub sent: i64,
    /// When it arrived, µs on theirs; `None`: lost.
    pub arrived: Option<i64>,
    /// Bytes.
    pub size: u32,
    /// Of which probe it is.
    pub probe: Option<u8>,
}

/// See the module.
#[derive(Debug)]
#[repr(C)]
pub struct Estimate {
    mark: Mark,
    rate: f64,
    /// It is remembered as a thin line.
    was_thin: bool,
    trend: Trend,
    queue: Queue,
    busy: Busy,
    /// The queue is being emptied: what the line takes.
    draining: Option<f64>,
    loss: Loss,
    prober: Prober,
    reports: Reports,
    overdue: Overdue,
    through: Through,
    /// Where the line's limit was when it was met, and how sure that is, bit/s.
    limit: Option<(f64, f64)>,
    fed: Option<Duration>,
    /// Since when no queue is to be seen.
    clear: Option<Duration>,
    lowered: Option<Duration>,
    round_trip: Duration,
}

impl Estimate {
    /// For a line that took `start` bit/s last time, or [`START`].
    pub fn new(start: Option<f64>) -> Self {
        let start = start.filter(|bits| bits.is_finite()).map(|bits| (BACK_OFF * bits).clamp(LEAST, MOST_REMEMBERED));
        Self {
            mark: Mark::default(),
            rate: start.unwrap_or(START),
            was_thin: start.is_some_and(|bits| bits < START),
            trend: Trend::default(),
            queue: Queue::default(),
            busy: Busy::default(),
            draining: None,
            loss: Loss::default(),
            prober: Prober::default(),
            reports: Reports::default(),
            overdue: Overdue::default(),
            through: Through::default(),
            limit: None,
            fed: None,
            clear: None,
            lowered: None,
            round_trip: Duration::from_millis(100),
        }
    }

    /// Asks for the memory that a feedback needs.
    pub fn expect(&self) {
        self.mark.bytes(0..size_of::<Self>());
    }

    /// What may be sent, bit/s.
    pub fn rate(&self) -> f64 {
        self.reports.cap.map_or(self.rate, |cap| self.rate.min(cap))
    }

    /// What the line takes, bit/s: more than may be sent while a queue is being emptied.
    pub fn line(&self) -> f64 {
        self.draining.map_or(self.rate(), |line| self.rate().max(BACK_OFF * line))
    }

    /// True while a long queue is being emptied.
    pub fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    /// True where the line has shown a limit not long ago, so that bursts should be smoothed.
    pub fn is_tight(&self, now: Duration) -> bool {
        match self.lowered {
            Some(at) => now.saturating_sub(at) < TIGHT,
            None => self.was_thin && self.rate < START,
        }
    }

    /// True while nothing bad has been seen of the line.
    pub fn is_new(&self) -> bool {
        self.lowered.is_none() && !self.was_thin
    }

    /// The share of packets lost lately.
    pub fn loss(&self) -> f64 {
        self.loss.share()
    }

    /// What the delay says. It often grows for some frames where these meet the bursts of others on the line: only where
    /// no packet finds the line free, a queue builds.
    pub fn usage(&self) -> Usage {
        match self.trend.usage() {
            Usage::Over if !self.queue.stands() => Usage::Normal,
            usage => usage,
        }
    }

    /// True once feedback came: some clients send none.
    pub fn is_fed(&self) -> bool {
        self.fed.is_some()
    }

    /// True when feedback that should have come did not.
    pub fn is_dark(&self, now: Duration) -> bool {
        self.fed.is_some_and(|at| now.saturating_sub(at) > DARK + self.round_trip)
    }

    /// True while feedback is later than it usually is; to be looked at often. `at`: now, and `oldest`: when the oldest packet
    /// was sent that feedback does not reach to yet, both in the time of [`Fate::sent`].
    pub fn look_overdue(&mut self, now: Duration, at: i64, oldest: Option<i64>) -> bool {
        self.overdue.look(now, at, oldest, self.draining.is_some())
    }

    /// Takes a round trip.
    pub fn note_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip.clamp(Duration::from_millis(5), Duration::from_secs(2));
    }

    /// Takes one feedback, packets in order of sending. `now` on our clock.
    pub fn feed(&mut self, now: Duration, fates: &[Fate]) {
        let since = self.fed.map_or(Duration::ZERO, |at| now.saturating_sub(at)).min(Duration::from_secs(1));
        self.fed = Some(now);
        self.overdue.feed(now);
        for fate in fates {
            if let Some(arrived) = fate.arrived {
                self.trend.note(fate.sent, arrived);
                let waited = self.queue.note(fate.sent, arrived);
                self.busy.note(arrived, waited, fate.size);
                self.through.note(arrived, fate.size);
            }
            if let Some(probe) = fate.probe {
                self.prober.note(probe, fate);
            }
        }
        let through = self.through.rate().map(|through| self.busy.rate().map_or(through, |busy| busy.max(through)));
        let usage = self.usage();
        if self.drains(now, through) {
            return;
        }
        if let Some(found) = self.prober.take_result(now) {
            // A probe that met a queue says where the limit is; one that did not, that there is at least so much.
            if found > self.rate && usage != Usage::Over {
                self.rate = found.min(MOST);
                self.prober.note_raised(now);
            }
        }
        let may_lower =
            self.lowered.is_none_or(|at| now.saturating_sub(at) >= self.round_trip + Duration::from_millis(100));
        match usage {
            Usage::Over if may_lower => self.give_way(now, through.unwrap_or(self.rate)),
            Usage::Over | Usage::Under => {}
            Usage::Normal => self.grow(since, through),
        }
        if let Some(rate) = self.loss.feed(now, fates, self.rate) {
            if rate < self.rate {
                self.lower(now, rate);
            } else {
                self.rate = rate.min(MOST);
            }
        }
        self.trust(now, through);
        self.rate = self.rate.clamp(LEAST, MOST);
    }

    /// A queue builds while so much gets through.
    fn give_way(&mut self, now: Duration, through: f64) {
        if through < FAR * self.rate {
            // Who sends far less than it might is not the one to give way: what flows goes on, and what was only believed
            // is forgotten.
            self.rate = self.rate.min(BEYOND * through + BEYOND_BITS);
            self.lowered = Some(now);
            self.prober.doubt(now);
        } else {
            self.note_limit(through);
            self.lower(now, BACK_OFF * through);
        }
    }

    /// What goes through without a queue for a while, the line takes, whatever was believed of it.
    fn trust(&mut self, now: Duration, through: Option<f64>) {
        if self.queue.ms() > SHORT_MS || self.usage() != Usage::Normal {
            self.clear = None;
            return;
        }
        let since = *self.clear.get_or_insert(now);
        if now.saturating_sub(since) >= CLEAR
            && let Some(through) = through
        {
            self.rate = self.rate.max(through);
        }
    }

    /// True while a long queue is being emptied; then nothing else counts.
    fn drains(&mut self, now: Duration, through: Option<f64>) -> bool {
        let queue_ms = self.queue.ms();
        let share = if queue_ms > VERY_LONG_MS { DRAIN_FAST } else { DRAIN };
        match self.draining {
            None if queue_ms <= LONG_MS => return false,
            None => {
                let through = through.unwrap_or(self.rate).min(self.rate);
                self.note_limit(through);
                self.draining = Some(through);
                self.lower(now, share * through);
            }
            Some(line) if queue_ms < SHORT_MS => {
                self.draining = None;
                let known = self.busy.rate().map_or(BACK_OFF * line, |busy| KNOWN * busy);
                self.rate = self.rate.max(known).clamp(LEAST, MOST);
                return false;
            }
            // The line may have become thinner still.
            Some(line) => {
                let line = through.map_or(line, |through| line.min(through.max(LEAST)));
                if queue_ms > LONG_MS {
                    self.draining = Some(line);
                    self.lower(now, share * line);
                }
            }
        }
        true
    }

    fn lower(&mut self, now: Duration, to: f64) {
        self.rate = self.rate.min(to).max(LEAST);
        self.lowered = Some(now);
        self.prober.forget(now);
    }

    fn grow(&mut self, since: Duration, through: Option<f64>) {
        let Some(through) = through else { return };
        let seconds = since.as_secs_f64();
        let near = self.limit.is_some_and(|(at, spread)| (self.rate - at).abs() < 3.0 * spread);
        let beyond = self.limit.is_some_and(|(at, spread)| self.rate > at + 3.0 * spread);
        if beyond {
            // The line has become wider than it was.
            self.limit = None;
        }
        let grown = if near {
            self.rate + PACKET_BITS * seconds / (self.round_trip.as_secs_f64() + 0.1)
        } else {
            self.rate * GROWTH.powf(seconds)
        };
        // Nothing is known of rates that were not sent, but what is known is not forgotten.
        self.rate = grown.min((BEYOND * through + BEYOND_BITS).max(self.rate));
    }

    fn note_limit(&mut self, through: f64) {
        let (at, spread) = self.limit.unwrap_or((through, through * 0.1));
        let new = at + 0.2 * (through - at);
        self.limit = Some((new, (spread + 0.2 * ((through - new).abs() - spread)).max(0.02 * new)));
    }

    /// A probe that should be sent now, where more than the rate is wanted. `awaited`: feedback is due on something sent.
    pub fn probe(&mut self, now: Duration, wanted: f64, awaited: bool) -> Option<Probe> {
        let quiet = self.usage() == Usage::Normal && !(awaited && self.is_dark(now)) && !self.overdue.is_late();
        let calm = self.lowered.is_none_or(|at| now.saturating_sub(at) > Duration::from_secs(4));
        (quiet && self.fed.is_some() && calm).then(|| self.prober.next(now, self.rate, wanted))?
    }
}

#[cfg(test)]
mod tests;
