//! What the line takes, from how far apart packets arrive that waited for one another. Who sends little, but in bursts (a
//! page of slides), fills a queue now and then and still sends far less than the line takes.

use std::collections::VecDeque;

/// A packet that took so much longer than the quickest has waited in a queue. µs.
const WAITED_US: i64 = 15_000;
/// Looked at is what arrived within this. µs.
const WINDOW_US: i64 = 1_000_000;
/// Known once the line was seen busy for so long. µs.
const LEAST_US: i64 = 80_000;
/// And by so many packets.
const LEAST_PACKETS: usize = 6;
/// More packets are not remembered.
const MOST_PACKETS: usize = 1_024;

/// See the module. Times are µs on the receiver's clock.
#[derive(Debug, Default)]
pub(super) struct Busy {
    /// When the packet before arrived, if it had waited.
    before: Option<i64>,
    /// (arrival, time since the one before, bytes)
    packets: VecDeque<(i64, i64, u32)>,
    time_us: i64,
    bytes: u64,
}

impl Busy {
    /// Notes a packet that waited so long in the queue.
    pub(super) fn note(&mut self, arrived: i64, waited_us: i64, size: u32) {
        let before = self.before.take();
        if waited_us < WAITED_US {
            return;
        }
        self.before = Some(arrived);
        let Some(took) = before.map(|at| arrived.saturating_sub(at)).filter(|t| (0..WINDOW_US).contains(t)) else {
            return;
        };
        self.packets.push_back((arrived, took, size));
        self.time_us += took;
        self.bytes += u64::from(size);
        while let Some((at, took, size)) = self.packets.front().copied() {
            if self.packets.len() <= MOST_PACKETS && (0..WINDOW_US).contains(&arrived.saturating_sub(at)) {
                break;
            }
            self.packets.pop_front();
            self.time_us -= took;
            self.bytes -= u64::from(size);
        }
    }

    /// bit/s; `None` while the line was not seen busy for long enough.
    pub(super) fn rate(&self) -> Option<f64> {
        (self.time_us >= LEAST_US && self.packets.len() >= LEAST_PACKETS)
            .then(|| self.bytes as f64 * 8e6 / self.time_us as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_tells_what_the_line_takes_and_single_packets_nothing() {
        let mut busy = Busy::default();
        for second in 0..20i64 {
            // Nine packets of 1,000 bytes at once, on a line of 400 kbit/s: one each 20 ms.
            for packet in 0..9i64 {
                busy.note(second * 1_000_000 + packet * 20_000, packet * 20_000, 1_000);
            }
            busy.note(second * 1_000_000 + 500_000, 0, 100);
        }
        assert_eq!(busy.rate().map(|r| r.round()), Some(400_000.0));
        let mut calm = Busy::default();
        (0..100).for_each(|at| calm.note(at * 20_000, 3_000, 200));
        assert_eq!(calm.rate(), None);
        calm.note(i64::MAX, i64::MAX, u32::MAX);
        calm.note(i64::MIN, i64::MAX, u32::MAX);
    }
}
