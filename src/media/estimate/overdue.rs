//! Is feedback late? When a line falls, the news of it waits in the very queue that it tells of, and where the line falls both
//! ways also behind what the receiver sends. That no news comes is then the earliest sign, and what is sent until it comes
//! only fills the queue before the voice.
//!
//! News is late when feedback is missing for longer than usual, or when what comes speaks of packets sent long ago. It ends
//! with news that is fresh again, or that speaks of packets sent since. A line that then has no queue was suspected wrongly:
//! only the way back is slow, and with that one has more patience for a while.

use std::time::Duration;

/// Feedback is late after this much more than the longest usual time between two. To wait a tenth of a second longer cost half
/// a second of a voice, where a browser's line fell from 2 Mbit/s to 300 kbit/s; a hold in vain costs a picture its moment.
const MORE: f64 = 1.1;
/// But never sooner than this, nor later. ms.
const SOONEST_MS: f64 = 60.0;
const LATEST_MS: f64 = 500.0;
/// Feedback that comes may speak of packets so much older. ms.
const OLDER_MS: f64 = 5.0;
/// Until anything is known, feedback is thought to come this often. ms.
const FIRST_MS: f64 = 200.0;
/// How fast the average follows, the longest time is learned (one alone may be the beginning of a fall) and forgotten; for
/// each feedback.
const FOLLOW: f64 = 0.1;
const LEARN: f64 = 0.5;
const FORGET: f64 = 0.04;
/// News is fresh if it is not older than the freshest in a while by more than this. µs.
const FRESH_US: i64 = 100_000;
/// The freshest of two spans of this length counts, so that a way that has become longer is known. µs.
const SPAN_US: i64 = 10_000_000;
/// Older news is none: a clock that jumped. µs.
const ABSURD_US: i64 = 60_000_000;
/// After a wrong suspicion news may be so many times older, up to this, for so long.
const DOUBT: f64 = 4.0;
const MOST_DOUBT: f64 = 16.0;
const DOUBT_LASTS: Duration = Duration::from_secs(30);

/// See the module. `now` is time as everywhere in the estimate; times in µs are those of sending.
#[derive(Debug)]
pub(super) struct Overdue {
    fed: Option<Duration>,
    /// Feedback came since the last look, so long after the one before. ms.
    gap_ms: Option<f64>,
    average_ms: f64,
    longest_ms: f64,
    /// How old the freshest news was, in this span and in the one before, and when this one began. µs.
    freshest: Option<(i64, i64)>,
    freshest_before: Option<i64>,
    /// Since when it is late, µs.
    late: Option<i64>,
    /// After a wrong suspicion: how much more patience there is, and since when.
    doubt: Option<(f64, Duration)>,
}

impl Default for Overdue {
    fn default() -> Self {
        Self {
            fed: None,
            gap_ms: None,
            average_ms: FIRST_MS,
            longest_ms: FIRST_MS,
            freshest: None,
            freshest_before: None,
            late: None,
            doubt: None,
        }
    }
}

impl Overdue {
    /// True while feedback is late.
    pub(super) fn is_late(&self) -> bool {
        self.late.is_some()
    }

    /// Feedback came.
    pub(super) fn feed(&mut self, now: Duration) {
        if let Some(before) = self.fed.replace(now) {
            let gap_ms = now.saturating_sub(before).as_secs_f64() * 1e3;
            self.gap_ms = Some(self.gap_ms.map_or(gap_ms, |gap| gap.max(gap_ms)));
        }
    }

    /// Looks whether feedback is late. `at`: now as packets sent now are marked, µs; `oldest`: when the oldest packet was sent
    /// that no news reaches to; `draining`: a long queue is known of already.
    pub(super) fn look(&mut self, now: Duration, at: i64, oldest: Option<i64>, draining: bool) -> bool {
        let age = oldest.map(|oldest| at.saturating_sub(oldest)).filter(|age| (0..ABSURD_US).contains(age));
        let gap_ms = self.gap_ms.take();
        let (Some(age), Some(fed)) = (age.filter(|_| !draining), self.fed) else {
            self.late = None;
            return false;
        };
        if let Some(gap_ms) = gap_ms {
            self.note(now, at, age, gap_ms);
        }
        let older_ms = self.older_us(age) as f64 / 1e3;
        let doubt = self.doubt.filter(|(_, since)| now.saturating_sub(*since) < DOUBT_LASTS).map_or(1.0, |(by, _)| by);
        let patience_ms = (MORE * self.longest_ms).clamp(SOONEST_MS, LATEST_MS);
        // What is sent after a pause cannot have been told of yet.
        let missing_ms = older_ms.min(now.saturating_sub(fed).as_secs_f64() * 1e3);
        if missing_ms > (doubt * patience_ms).min(LATEST_MS) || older_ms > doubt * patience_ms + OLDER_MS {
            self.late.get_or_insert(at);
        }
        self.late.is_some()
    }

    /// Feedback came, and what it does not reach to is so old.
    fn note(&mut self, now: Duration, at: i64, age: i64, gap_ms: f64) {
        match &mut self.freshest {
            Some((began, freshest)) if (0..SPAN_US).contains(&at.saturating_sub(*began)) => {
                *freshest = age.min(*freshest);
            }
            other => self.freshest_before = other.replace((at, age)).map(|(_, freshest)| freshest),
        }
        let is_fresh = self.older_us(age) <= FRESH_US;
        if let Some(since) = self.late {
            if !is_fresh && at - age <= since {
                return;
            }
            self.late = None;
            if !is_fresh {
                let by = self.doubt.map_or(1.0, |(by, _)| by);
                self.doubt = Some(((by * DOUBT).min(MOST_DOUBT), now));
                (self.freshest, self.freshest_before) = (Some((at, age)), None);
            }
        }
        let gap_ms = gap_ms.min(LATEST_MS / MORE);
        self.average_ms += FOLLOW * (gap_ms - self.average_ms);
        self.longest_ms += if gap_ms > self.longest_ms {
            LEARN * (gap_ms - self.longest_ms)
        } else {
            FORGET * (self.average_ms - self.longest_ms)
        };
    }

    /// How much older than the freshest.
    fn older_us(&self, age: i64) -> i64 {
        let freshest = self.freshest.map_or(age, |(_, freshest)| freshest);
        age - self.freshest_before.map_or(freshest, |before| before.min(freshest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets each 20 ms on a way of so many ms there and back, and their feedback.
    struct Way {
        overdue: Overdue,
        ms: u64,
        /// The packets up to which feedback tells, and when it comes.
        on_way: Vec<(u64, u64)>,
        told: u64,
    }

    impl Way {
        fn new() -> Self {
            Self { overdue: Overdue::default(), ms: 0, on_way: vec![], told: 0 }
        }

        /// For so long feedback leaves as often as this, and comes so much later; how many ms of it it was late.
        fn goes_on(&mut self, ms: u64, every: u64, takes: impl Fn(u64) -> u64) -> u64 {
            let mut late = 0;
            for at in (self.ms..self.ms + ms).step_by(10) {
                if at % every == 0 {
                    self.on_way.push((at, at + takes(at)));
                }
                let now = Duration::from_millis(at);
                let came: Vec<u64> =
                    self.on_way.iter().filter(|(_, comes)| *comes <= at).map(|(told, _)| *told).collect();
                self.on_way.retain(|(_, comes)| *comes > at);
                for told in came {
                    self.told = self.told.max(told);
                    self.overdue.feed(now);
                }
                let oldest = (self.told / 20 + 1) * 20;
                let oldest = (oldest <= at).then_some(oldest as i64 * 1_000);
                late += u64::from(self.overdue.look(now, at as i64 * 1_000, oldest, false)) * 10;
            }
            self.ms += ms;
            late
        }
    }

    #[test]
    fn feedback_that_comes_as_it_always_does_is_not_late() {
        for every in [50, 100, 200, 250] {
            for takes in [10, 100, 600] {
                let mut way = Way::new();
                way.goes_on(3_000, every, |_| takes);
                assert_eq!(way.goes_on(20_000, every, |at| takes + at * 7_919 % 3 * 10), 0, "{every} {takes}");
            }
        }
    }

    #[test]
    fn feedback_that_is_missing_is_late_until_it_comes() {
        let mut way = Way::new();
        way.goes_on(10_000, 50, |_| 50);
        assert!((250..=400).contains(&way.goes_on(500, 10_000, |_| 0)));
        assert!(way.overdue.is_late());
        assert!(way.goes_on(1_000, 50, |_| 50) <= 60);
        assert_eq!(way.goes_on(10_000, 50, |_| 50), 0);
        // Nothing is late where nothing is told at all, nor where a long queue is known of.
        let mut silent = Way::new();
        assert_eq!(silent.goes_on(5_000, u64::MAX, |_| 0), 0);
        assert!(!way.overdue.look(Duration::from_secs(60), 60_000_000, Some(59_000_000), true));
    }

    #[test]
    fn old_news_ends_nothing_and_a_way_back_that_stays_slow_is_not_suspected_for_ever() {
        let mut way = Way::new();
        way.goes_on(10_000, 100, |_| 50);
        // The way back takes longer and longer; each feedback speaks of a time before.
        assert!(way.goes_on(600, 100, |at| 50 + (at - 10_000)) >= 300);
        assert!(way.overdue.is_late());
        way.goes_on(2_000, 100, |_| 650);
        assert_eq!(way.goes_on(10_000, 100, |_| 650), 0);
    }

    #[test]
    fn after_a_pause_nothing_is_late_and_clocks_may_jump() {
        let mut way = Way::new();
        way.goes_on(10_000, 100, |_| 50);
        let overdue = &mut way.overdue;
        assert!(!overdue.look(Duration::from_secs(30), 30_000_000, None, false));
        assert!(!overdue.look(Duration::from_millis(30_050), 30_050_000, Some(30_000_000), false));
        assert!(overdue.look(Duration::from_millis(30_300), 30_300_000, Some(30_000_000), false));
        assert!(!overdue.look(Duration::from_millis(30_310), 5, Some(i64::MAX), false));
        overdue.feed(Duration::from_millis(30_310));
        assert!(!overdue.look(Duration::from_millis(30_310), i64::MAX, Some(i64::MIN), false));
    }
}
