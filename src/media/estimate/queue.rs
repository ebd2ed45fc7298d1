//! How long is the queue on the way? What a packet takes longer than the quickest lately.

/// The quickest of two spans of this length counts, so that a way that has become longer is known after twice that. µs.
const SPAN_US: i64 = 10_000_000;

/// See the module. Times are µs on each end's own clock; only their differences matter.
#[derive(Debug, Default)]
pub(super) struct Queue {
    began: Option<i64>,
    quickest: Option<i64>,
    before: Option<i64>,
    now_us: i64,
}

impl Queue {
    /// Notes a packet that arrived.
    pub(super) fn note(&mut self, sent: i64, arrived: i64) {
        let took = arrived.saturating_sub(sent);
        let began = *self.began.get_or_insert(sent);
        if !(0..SPAN_US).contains(&sent.saturating_sub(began)) {
            (self.began, self.before) = (Some(sent), self.quickest.take());
        }
        let quickest = self.quickest.map_or(took, |q| q.min(took));
        self.quickest = Some(quickest);
        let base = self.before.map_or(quickest, |b| b.min(quickest));
        self.now_us = took.saturating_sub(base);
    }

    /// What the last packet waited, ms.
    pub(super) fn ms(&self) -> f64 {
        self.now_us as f64 / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_waited_what_it_took_longer_than_the_quickest() {
        let mut queue = Queue::default();
        for (sent, took) in [(0, 5_000), (20_000, 4_000), (40_000, 104_000)] {
            queue.note(sent, sent + took + 777);
        }
        assert_eq!(queue.ms(), 100.0);
        // A way that stays longer is the way.
        for second in 1..30 {
            queue.note(second * 1_000_000, second * 1_000_000 + 104_777);
        }
        assert_eq!(queue.ms(), 0.0);
        queue.note(i64::MAX, i64::MIN);
        queue.note(i64::MIN, i64::MAX);
    }
}
