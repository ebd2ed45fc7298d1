//! What gets through, counted at the receiver. Packets of a moment are counted together, so that all stands in the estimate itself:
//! a list of every packet was read anew from memory at each feedback.

use arrayvec::ArrayVec;

/// It is measured over this time. µs.
const WINDOW_US: i64 = 500_000;
/// Packets that arrive within this of the first are counted together. µs.
const MOMENT_US: i64 = 25_000;
/// More moments are not remembered; a clock that goes on has one less.
const MOMENTS: usize = (WINDOW_US / MOMENT_US) as usize + 2;

/// Packets that were counted together. Times are µs on the receiver's clock.
#[derive(Clone, Copy, Debug)]
struct Moment {
    first: i64,
    last: i64,
    bytes: u64,
    /// Of them those of its first packet, from whose arrival on it is measured.
    first_bytes: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Through {
    moments: ArrayVec<Moment, MOMENTS>,
    bytes: u64,
}

impl Through {
    /// Counts a packet that arrived.
    pub(super) fn note(&mut self, arrived: i64, size: u32) {
        let size = u64::from(size);
        self.bytes += size;
        if let Some(newest) = self.moments.last_mut()
            && (0..MOMENT_US).contains(&arrived.saturating_sub(newest.first))
        {
            newest.last = newest.last.max(arrived);
            newest.bytes += size;
            return;
        }
        // Also out goes what a clock that jumped left behind.
        let is_past = |moment: &Moment| !(0..WINDOW_US).contains(&arrived.saturating_sub(moment.last));
        while self.moments.is_full() || self.moments.first().is_some_and(is_past) {
            self.bytes -= self.moments.remove(0).bytes;
        }
        self.moments.push(Moment { first: arrived, last: arrived, bytes: size, first_bytes: size });
    }

    /// What got through lately, bit/s; `None` while too little is known.
    pub(super) fn rate(&self) -> Option<f64> {
        let (oldest, newest) = (self.moments.first()?, self.moments.last()?);
        let span = newest.last.saturating_sub(oldest.first);
        (span >= WINDOW_US / 4).then(|| (self.bytes - oldest.first_bytes) as f64 * 8e6 / span as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gets_through_is_known_after_an_eighth_of_a_second_and_follows_within_a_half() {
        let mut through = Through::default();
        for at in (0..120_000).step_by(4_000) {
            through.note(at, 1_000);
        }
        assert_eq!(through.rate(), None);
        (120_000..1_000_000).step_by(4_000).for_each(|at| through.note(at, 1_000));
        assert_eq!(through.rate(), Some(2_000_000.0));
        // A frame of ten packets each 40 ms, at once.
        for at in (1_000_000..1_600_000).step_by(40_000) {
            (0..10).for_each(|packet| through.note(at + packet, 1_000));
        }
        // Both the first burst and the last count, and one time less lies between them.
        assert!(through.rate().is_some_and(|rate| (2_000_000.0..2_200_000.0).contains(&rate)), "{:?}", through.rate());
        (1_600_000..2_200_000).step_by(40_000).for_each(|at| through.note(at, 1_000));
        assert_eq!(through.rate(), Some(200_000.0));
        // Times that go to and fro do not pile up.
        (0..100).for_each(|turn| through.note(2_300_000 - turn % 2 * 1_000, 1_000));
        assert!(through.moments.len() <= MOMENTS);
        through.note(i64::MIN, u32::MAX);
        through.note(i64::MAX, u32::MAX);
        assert_eq!((through.moments.len(), through.rate()), (1, None));
    }
}
