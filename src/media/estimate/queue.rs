//! How long is the queue on the way? What even the luckiest packets of the last moments take longer than the quickest in
//! a while. A client that is busy elsewhere and then reads all at once delays some; a queue on the line delays all.

/// The quickest of two spans of this length counts, so that a way that has become longer is known after twice that. µs.
const SPAN_US: i64 = 10_000_000;

/// The last moments: two spans of this length. µs.
const MOMENT_US: i64 = 125_000;

/// A shorter one is gone before it is known: one frame fills a thin line for as long. ms.
const STANDS_MS: f64 = 20.0;

/// See the module. Times are µs on each end's own clock; only their differences matter.
#[derive(Debug, Default)]
pub(super) struct Queue {
    began: Option<i64>,
    quickest: Option<i64>,
    before: Option<i64>,
    /// The quickest of the present moment and of the one before, and when the present one began.
    moment: Option<(i64, i64)>,
    moment_before: Option<i64>,
    now_us: i64,
}

impl Queue {
    /// Notes a packet that arrived; how much longer it took than the quickest, µs.
    pub(super) fn note(&mut self, sent: i64, arrived: i64) -> i64 {
        let took = arrived.saturating_sub(sent);
        let began = *self.began.get_or_insert(sent);
        if !(0..SPAN_US).contains(&sent.saturating_sub(began)) {
            (self.began, self.before) = (Some(sent), self.quickest.take());
        }
        let quickest = self.quickest.map_or(took, |q| q.min(took));
        self.quickest = Some(quickest);
        let base = self.before.map_or(quickest, |b| b.min(quickest));
        let lucky = match self.moment {
            Some((began, quickest)) if (0..MOMENT_US).contains(&arrived.saturating_sub(began)) => {
                self.moment = Some((began, quickest.min(took)));
                quickest.min(took)
            }
            other => {
                self.moment_before = other.filter(|m| arrived.saturating_sub(m.0) < 2 * MOMENT_US).map(|m| m.1);
                self.moment = Some((arrived, took));
                took
            }
        };
        self.now_us = self.moment_before.map_or(lucky, |b| b.min(lucky)).saturating_sub(base);
        took.saturating_sub(base)
    }

    /// What the last packets waited at least, ms.
    pub(super) fn ms(&self) -> f64 {
        self.now_us as f64 / 1e3
    }

    /// True where every one of the last packets had to wait. What builds up behind a frame, or behind the frames of
    /// others, and is gone before the next one comes, is no queue that stands.
    pub(super) fn stands(&self) -> bool {
        self.ms() > STANDS_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_waited_what_it_took_longer_than_the_quickest() {
        let mut queue = Queue::default();
        let mut note = |sent: i64, took: i64| {
            queue.note(sent, sent + took + 777);
            queue.ms()
        };
        note(0, 5_000);
        note(20_000, 4_000);
        assert_eq!(note(40_000, 104_000), 0.0, "one is not a queue");
        for sent in (60_000..500_000).step_by(20_000) {
            note(sent, 104_000);
        }
        assert_eq!(note(500_000, 104_000), 100.0);
        // A client that was busy for 300 ms reads all at once.
        (500_000..800_000).step_by(20_000).for_each(|sent| {
            note(sent, 805_000 - sent);
        });
        assert!(note(805_000, 4_000) < 10.0);
        // A way that stays longer is the way.
        for second in 1..30 {
            queue.note(second * 1_000_000, second * 1_000_000 + 104_777);
        }
        assert_eq!(queue.ms(), 0.0);
        queue.note(i64::MAX, i64::MIN);
        queue.note(i64::MIN, i64::MAX);
    }
}
