//! Pictures of one room that were kept and wait to be forwarded: with its next sound, or when their time is over.
//!
//! A message of several datagrams costs the kernel little more than one of one datagram. Evenly paced pictures come singly, and
//! sound always does; together they are one message to each receiver. The core lets them wait only when it is told to
//! ([`super::Sfu::set_patience`]); sound never waits.

use std::time::Instant;

use super::run::{self, Arrived};

/// So many packets leave at once whatever their time; more is no cheaper.
const MOST: usize = 128;

/// See the module.
#[derive(Debug, Default)]
pub struct Held {
    since: Option<Instant>,
    packets: Vec<Arrived>,
}

impl Held {
    /// Puts packets to those that wait; false where there are too many.
    pub fn put(&mut self, packets: &[Arrived], now: Instant) -> bool {
        if self.packets.len() + packets.len() > MOST {
            return false;
        }
        self.since.get_or_insert(now);
        self.packets.extend_from_slice(packets);
        true
    }

    /// Since when the oldest waits.
    pub fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Puts them in the order in which they are forwarded: layer by layer, by number.
    pub fn arrange(&mut self) {
        self.packets.sort_unstable_by_key(|packet| (packet.from, packet.sequence));
    }

    /// What waits of each layer, if it was arranged.
    pub fn runs(&self) -> impl Iterator<Item = &[Arrived]> {
        run::runs(&self.packets)
    }

    /// They were forwarded, or must not be.
    pub fn clear(&mut self) {
        self.since = None;
        self.packets.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_waits_of_a_layer_leaves_in_one_run_in_its_order() {
        let now = crate::net::clock::now();
        let packet = |track, sequence| Arrived { room: 0, from: (track, 0, 1), sequence, captured: now };
        let mut held = Held::default();
        assert_eq!((held.since(), held.runs().count()), (None, 0));
        for sequence in [3, 1, 2] {
            assert!(held.put(&[packet(5, sequence), packet(4, sequence)], now + Duration::from_millis(sequence)));
        }
        assert_eq!(held.since(), Some(now + Duration::from_millis(3)), "the first that came");
        held.arrange();
        let runs: Vec<Vec<_>> = held.runs().map(|run| run.iter().map(|p| (p.from.0, p.sequence)).collect()).collect();
        assert_eq!(runs, [[(4, 1), (4, 2), (4, 3)], [(5, 1), (5, 2), (5, 3)]]);
        held.clear();
        assert_eq!((held.since(), held.runs().count()), (None, 0));
    }

    #[test]
    fn no_more_waits_than_there_is_room_for_and_no_run_is_too_long() {
        let now = crate::net::clock::now();
        let mut held = Held::default();
        let packets = [Arrived { room: 0, from: (0, 0, 1), sequence: 7, captured: now }; 30];
        let put = (0..10).filter(|_| held.put(&packets, now)).count();
        assert_eq!(put, MOST / packets.len());
        assert_eq!(held.runs().map(<[Arrived]>::len).collect::<Vec<_>>(), [32, 32, 32, 24]);
    }
}
