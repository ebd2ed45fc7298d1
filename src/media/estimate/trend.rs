//! Does the way take longer and longer? Then a queue builds somewhere on it (draft-ietf-rmcat-gcc-02 §5, with a line
//! fitted through the last groups instead of a filter).

/// Packets sent within this time are one group: a frame leaves as a burst, which says nothing about queues. µs.
const GROUP_US: i64 = 5_000;
/// Groups the line is fitted through.
const POINTS: usize = 20;
/// Weight of what was before, per group.
const SMOOTHING: f64 = 0.9;
/// Steepness is amplified by the groups it is seen in, up to so many, and by the gain: the scale of the threshold.
const MAX_GROUPS: f64 = 60.0;
const GAIN: f64 = 4.0;
/// The threshold starts here and adapts between these, so that traffic of others neither hides a queue nor fakes one. ms.
const THRESHOLD_MS: f64 = 12.5;
const THRESHOLD_RANGE: (f64, f64) = (6.0, 600.0);
const ADAPT_UP: f64 = 0.0087;
const ADAPT_DOWN: f64 = 0.039;
/// Spikes beyond the threshold by more than this do not move it.
const SPIKE_MS: f64 = 15.0;
/// The queue must have grown for so long.
const OVERUSE_MS: f64 = 10.0;
/// A jump of the far clock or of ours: begin anew. µs.
const ABSURD_US: i64 = 3_000_000;

/// Points that are no further apart arrived at once: sum of squares, ms².
const STILL: f64 = 1e-3;

/// What the delay says of the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Usage {
    /// No queue builds or drains.
    #[default]
    Normal,
    /// A queue builds.
    Over,
    /// A queue drains.
    Under,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: i64,
    sent: i64,
    arrived: i64,
}

impl Group {
    /// True for a packet that was read at once with these, though sent later: the client was busy, no queue was there.
    fn is_read_with(&self, sent: i64, arrived: i64) -> bool {
        let later = arrived.saturating_sub(self.arrived);
        later < sent.saturating_sub(self.sent) && later.abs() <= GROUP_US
    }
}

/// See the module. Times are µs on each end's own clock.
#[derive(Debug)]
pub(super) struct Trend {
    current: Option<Group>,
    before: Option<Group>,
    origin: i64,
    groups: f64,
    sum_ms: f64,
    smooth_ms: f64,
    points: Points,
    threshold: f64,
    over_ms: f64,
    over_count: u32,
    steepness: f64,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            current: None,
            before: None,
            origin: 0,
            groups: 0.0,
            sum_ms: 0.0,
            smooth_ms: 0.0,
            points: Points::default(),
            threshold: THRESHOLD_MS,
            over_ms: 0.0,
            over_count: 0,
            steepness: 0.0,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    /// What the packets so far say.
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// Notes a packet that arrived; in order of sending.
    pub(super) fn note(&mut self, sent: i64, arrived: i64) {
        let Some(group) = &mut self.current else {
            self.current = Some(Group { first_sent: sent, sent, arrived });
            return;
        };
        if sent - group.first_sent <= GROUP_US || group.is_read_with(sent, arrived) {
            group.sent = group.sent.max(sent);
            group.arrived = group.arrived.max(arrived);
            return;
        }
        let done = *group;
        *group = Group { first_sent: sent, sent, arrived };
        match self.before.replace(done) {
            None => self.origin = done.arrived,
            Some(before) => self.compare(before, done),
        }
    }

    fn compare(&mut self, before: Group, done: Group) {
        let (sent, arrived) = (done.sent - before.sent, done.arrived - before.arrived);
        if !(0..ABSURD_US).contains(&sent) || arrived.abs() > ABSURD_US {
            *self = Self { threshold: self.threshold, ..Self::default() };
            return;
        }
        let (sent_ms, more_ms) = (sent as f64 / 1e3, (arrived - sent) as f64 / 1e3);
        self.groups += 1.0;
        self.sum_ms += more_ms;
        self.smooth_ms = SMOOTHING * self.smooth_ms + (1.0 - SMOOTHING) * self.sum_ms;
        self.points.push((done.arrived - self.origin) as f64 / 1e3, self.smooth_ms);
        if let Some(slope) = self.points.slope() {
            self.judge(slope * self.groups.min(MAX_GROUPS) * GAIN, sent_ms);
        }
    }

    fn judge(&mut self, steepness: f64, sent_ms: f64) {
        if steepness > self.threshold {
            self.over_ms += sent_ms;
            self.over_count += 1;
            if self.over_ms > OVERUSE_MS && self.over_count > 1 && steepness >= self.steepness {
                self.usage = Usage::Over;
            }
        } else {
            (self.over_ms, self.over_count) = (0.0, 0);
            self.usage = if steepness < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.steepness = steepness;
        let size = steepness.abs();
        if size <= self.threshold + SPIKE_MS {
            let speed = if size < self.threshold { ADAPT_DOWN } else { ADAPT_UP };
            self.threshold += speed * (size - self.threshold) * sent_ms.min(100.0);
            self.threshold = self.threshold.clamp(THRESHOLD_RANGE.0, THRESHOLD_RANGE.1);
        }
    }
}

/// The last points. For least squares their order does not count, so the newest takes the place of the oldest. What is summed up is
/// kept, and changes by these two; it is summed up anew from the newest on each time that all places were taken again, so that
/// neither time that goes on nor rounding adds up.
#[derive(Debug, Default)]
struct Points {
    places: [(f64, f64); POINTS],
    pushed: usize,
    /// From where both are counted.
    origin: (f64, f64),
    sums: Sums,
}

/// Sums over points.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

impl Sums {
    fn add(&mut self, weight: f64, (x, y): (f64, f64)) {
        self.x += weight * x;
        self.y += weight * y;
        self.xx += weight * x * x;
        self.xy += weight * x * y;
    }
}

impl Points {
    fn push(&mut self, x: f64, y: f64) {
        let at = self.pushed % POINTS;
        self.pushed += 1;
        let Some(place) = self.places.get_mut(at) else { return };
        let oldest = std::mem::replace(place, (x, y));
        if at + 1 == POINTS {
            self.origin = (x, y);
            self.sums = Sums::default();
            for point in self.places {
                self.sums.add(1.0, seen_from(self.origin, point));
            }
        } else if self.pushed > POINTS {
            self.sums.add(-1.0, seen_from(self.origin, oldest));
            self.sums.add(1.0, seen_from(self.origin, (x, y)));
        }
    }

    /// Least squares, once there are enough.
    fn slope(&self) -> Option<f64> {
        if self.pushed < POINTS {
            return None;
        }
        let (Sums { x, y, xx, xy }, count) = (self.sums, POINTS as f64);
        let down = xx - x * x / count;
        Some(if down > STILL { (xy - x * y / count) / down } else { 0.0 })
    }
}

/// A point as seen from an origin.
fn seen_from((origin_x, origin_y): (f64, f64), (x, y): (f64, f64)) -> (f64, f64) {
    (x - origin_x, y - origin_y)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(queue_us: impl Fn(i64) -> i64) -> Usage {
        let mut trend = Trend::default();
        for i in 0..60i64 {
            let sent = i * 20_000;
            trend.note(sent, sent + 1_000_000_007 + queue_us(i));
        }
        trend.usage()
    }

    #[test]
    fn a_queue_that_grows_is_overuse_one_that_drains_is_not_and_jitter_is_neither() {
        assert_eq!(fed(|_| 0), Usage::Normal);
        assert_eq!(fed(|i| i * 3_000), Usage::Over);
        assert_eq!(fed(|i| 300_000 - i * 4_000), Usage::Under);
        assert_eq!(fed(|i| i * 7_919 % 5_000), Usage::Normal);
    }

    #[test]
    fn the_slope_is_that_of_the_last_points_and_stays_so() {
        let mut points = Points::default();
        let mut all: Vec<(f64, f64)> = Vec::new();
        let mut seed = 1u32;
        for n in 0..20_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(seed >> 16) / 65_536.0;
            // As far from the origin as a day is long, with pauses and jumps.
            let x = 8.64e7 + f64::from(n) * 5.0 + 20.0 * noise + if n > 10_000 { 3e5 } else { 0.0 };
            let y = 50.0 * noise + f64::from(n % 700) * 0.3;
            points.push(x, y);
            all.push((x, y));
            let last = &all[all.len().saturating_sub(POINTS)..];
            if last.len() < POINTS {
                assert_eq!(points.slope(), None);
                continue;
            }
            let mean = |of: fn(&(f64, f64)) -> f64| last.iter().map(of).sum::<f64>() / POINTS as f64;
            let (mx, my) = (mean(|p| p.0), mean(|p| p.1));
            let up: f64 = last.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
            let down: f64 = last.iter().map(|p| (p.0 - mx) * (p.0 - mx)).sum();
            let slope = points.slope().expect("enough points");
            assert!((slope - up / down).abs() < 1e-6, "{n}: {slope} {}", up / down);
        }
        (0..19).for_each(|n| points.push(9e7, f64::from(n)));
        assert_ne!(points.slope(), Some(0.0));
        points.push(9e7, 1.0);
        assert_eq!(points.slope(), Some(0.0), "all at once");
    }

    #[test]
    fn clocks_that_jump_begin_anew() {
        let mut trend = Trend::default();
        for (sent, arrived) in [(0, i64::MIN / 4), (20_000, 0), (40_000, i64::MAX / 4), (i64::MAX / 2, 7), (5, 5)] {
            trend.note(sent, arrived);
        }
        assert_eq!(trend.usage(), Usage::Normal);
    }
}
