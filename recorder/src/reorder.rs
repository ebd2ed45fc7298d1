//! The reorder window: packets of one RTP stream, in order, each once, waiting a bounded time for what is late.
//!
//! It stands behind the media plane's own recovery (NACK, RFC 4585), so most packets pass straight through
//! without being copied. Bounds: `HOLD_US`, `HOLD_PACKETS`, `HOLD_BYTES`; at a bound the hole is given up.

use std::collections::BTreeMap;

/// How long a packet waits for those before it: a retransmission over a bad rural line takes two round trips.
const HOLD_US: i64 = 500_000;
/// Packets held at most: half a second of 8 Mbit/s.
const HOLD_PACKETS: usize = 512;
/// Bytes held at most, against packets of absurd size.
const HOLD_BYTES: usize = 1 << 20;
/// RFC 3550 appendix A.1 (MAX_DROPOUT): a larger step ahead is a restarted or hostile sender.
const MAX_DROPOUT: i32 = 3000;
/// RFC 3550 appendix A.1 (MAX_MISORDER) is 100; retransmissions reach back as far as the window.
const MAX_MISORDER: i32 = HOLD_PACKETS as i32;
/// Buffers kept for reuse; more are only needed in a burst of loss.
const POOL: usize = 64;

/// What became of a packet that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one: use it now, then call [`Window::pop`].
    Next,
    /// The sender's sequence has restarted: use it now, as after a loss.
    Restarted,
    /// A copy waits for those before it.
    Held,
    /// Late, double or implausible: drop it.
    Useless,
}

/// A packet that had to wait.
#[derive(Debug, PartialEq, Eq)]
pub struct Held {
    /// Arrival in lesson µs.
    pub arrival_us: i64,
    /// The whole RTP packet.
    pub bytes: Vec<u8>,
    /// RFC 6464 level that came with it.
    pub level: Option<u8>,
    /// So many packets before it never came.
    pub lost: u64,
}

/// The window of one RTP stream.
#[derive(Debug, Default)]
pub struct Window {
    next: Option<u64>,
    /// RFC 3550 appendix A.1 (bad_seq): a jump is believed when its successor follows.
    suspect: Option<u16>,
    held: BTreeMap<u64, Held>,
    held_bytes: usize,
    pool: Vec<Vec<u8>>,
}

impl Window {
    /// Takes in one packet of the stream.
    pub fn offer(&mut self, sequence: u16, arrival_us: i64, level: Option<u8>, bytes: &[u8]) -> Verdict {
        let Some(next) = self.next else {
            // Extended numbers start one cycle up, so that earlier packets do not underflow.
            self.next = Some((1 << 16) + u64::from(sequence) + 1);
            return Verdict::Next;
        };
        let step = i32::from(sequence.wrapping_sub(next as u16) as i16);
        if !(-MAX_MISORDER..=MAX_DROPOUT).contains(&step) {
            if self.suspect == Some(sequence) {
                self.restart(sequence);
                return Verdict::Restarted;
            }
            self.suspect = Some(sequence.wrapping_add(1));
            return Verdict::Useless;
        }
        self.suspect = None;
        if step < 0 {
            return Verdict::Useless;
        }
        let extended = next + step as u64;
        if step == 0 {
            self.next = Some(extended + 1);
            return Verdict::Next;
        }
        if self.held.contains_key(&extended) {
            return Verdict::Useless;
        }
        let mut copy = self.pool.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(bytes);
        self.held_bytes += copy.len();
        self.held.insert(extended, Held { arrival_us, bytes: copy, level, lost: 0 });
        Verdict::Held
    }

    /// The next packet that may be used: it is in order, or what it waits for is given up. `lost` says how
    /// many are missing before it.
    pub fn pop(&mut self, now_us: i64) -> Option<Held> {
        let next = self.next?;
        let (&first, oldest) = self.held.first_key_value()?;
        // The oldest arrival may not be the first in sequence; the first is what unblocks the rest.
        let give_up = now_us.saturating_sub(oldest.arrival_us) >= HOLD_US
            || self.held.len() >= HOLD_PACKETS
            || self.held_bytes >= HOLD_BYTES;
        if first > next && !give_up {
            return None;
        }
        self.take_first(next)
    }

    /// The next packet at any price: the stream has ended or changed.
    pub fn drain(&mut self) -> Option<Held> {
        let next = self.next?;
        self.take_first(next)
    }

    /// Gives a packet's buffer back for reuse.
    pub fn recycle(&mut self, held: Held) {
        if self.pool.len() < POOL {
            self.pool.push(held.bytes);
        }
    }

    fn take_first(&mut self, next: u64) -> Option<Held> {
        let (sequence, mut held) = self.held.pop_first()?;
        self.held_bytes -= held.bytes.len();
        held.lost = sequence.saturating_sub(next);
        self.next = Some(sequence + 1);
        Some(held)
    }

    fn restart(&mut self, sequence: u16) {
        self.held.clear();
        self.held_bytes = 0;
        self.suspect = None;
        self.next = Some((1 << 16) + u64::from(sequence) + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(window: &mut Window, sequence: u16, now_us: i64, out: &mut Vec<(u16, u64)>) {
        let bytes = sequence.to_be_bytes();
        if matches!(window.offer(sequence, now_us, None, &bytes), Verdict::Next | Verdict::Restarted) {
            out.push((sequence, 0));
        }
        while let Some(held) = window.pop(now_us) {
            out.push((u16::from_be_bytes([held.bytes[0], held.bytes[1]]), held.lost));
            window.recycle(held);
        }
    }

    #[test]
    fn order_is_restored_over_the_wrap() {
        let (mut window, mut out) = (Window::default(), Vec::new());
        for sequence in [65534, 0, 65535, 2, 1, 1] {
            run(&mut window, sequence, 0, &mut out);
        }
        let order: Vec<u16> = out.iter().map(|o| o.0).collect();
        assert_eq!(order, [65534, 65535, 0, 1, 2]);
        assert!(out.iter().all(|o| o.1 == 0));
    }

    #[test]
    fn a_hole_is_given_up_after_half_a_second() {
        let (mut window, mut out) = (Window::default(), Vec::new());
        run(&mut window, 1, 0, &mut out);
        run(&mut window, 4, 10_000, &mut out);
        assert_eq!(out, [(1, 0)]);
        assert_eq!(window.pop(509_999), None);
        assert_eq!(window.pop(510_000).unwrap().lost, 2);
        run(&mut window, 3, 520_000, &mut out);
        assert_eq!(out, [(1, 0)], "what comes after its hole was given up is useless");
    }

    #[test]
    fn a_restarted_sequence_is_believed_at_its_second_packet() {
        let (mut window, mut out) = (Window::default(), Vec::new());
        run(&mut window, 1, 0, &mut out);
        run(&mut window, 30_000, 0, &mut out);
        run(&mut window, 2, 0, &mut out);
        run(&mut window, 20_000, 0, &mut out);
        run(&mut window, 20_001, 0, &mut out);
        run(&mut window, 20_002, 0, &mut out);
        assert_eq!(out, [(1, 0), (2, 0), (20_001, 0), (20_002, 0)]);
    }

    proptest! {
        #[test]
        fn whatever_comes_order_and_bounds_hold(sequences in proptest::collection::vec(any::<u16>(), 0..2000), spread in 1u16..900) {
            let (mut window, mut now) = (Window::default(), 0);
            let mut last: Option<u64> = None;
            for sequence in sequences {
                now += 1000;
                let verdict = window.offer(sequence % spread, now, None, &[0; 40]);
                if verdict == Verdict::Restarted { last = None; }
                while let Some(held) = window.pop(now) { window.recycle(held); }
                prop_assert!(window.held.len() <= HOLD_PACKETS);
                let next = window.next.unwrap();
                prop_assert!(last.is_none_or(|l| next >= l));
                last = Some(next);
            }
        }
    }
}
