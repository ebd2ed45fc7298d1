//! Packets of one layer that came at once: all of them are kept first, and then each receiver gets all of them, so that its
//! keys, slot and lane are fetched once for the run and not for each packet.

use std::time::Instant;

use arrayvec::ArrayVec;

/// The longest run; more go on in another.
pub const LONGEST: usize = 32;

/// A packet that was kept and waits to be forwarded.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// Track, layer and generation.
    pub from: (usize, u8, u32),
    /// Its number in the layer.
    pub sequence: u64,
    /// When it was captured, on the server's clock.
    pub captured: Instant,
}

/// One entry for each packet of a run.
pub type Each<T> = ArrayVec<T, LONGEST>;

/// See the module.
#[derive(Debug, Default)]
pub struct Run {
    /// Place of the room in the core's table.
    pub room: usize,
    packets: Each<Arrived>,
}

impl Run {
    /// Puts a packet behind the others, if it belongs with them; gives it back where they have to go first.
    pub fn push(&mut self, room: usize, packet: Arrived) -> Result<(), Arrived> {
        if self.packets.first().is_some_and(|first| (self.room, first.from) != (room, packet.from)) {
            return Err(packet);
        }
        self.room = room;
        self.packets.try_push(packet).map_err(|full| full.element())
    }

    /// The packets, in order of arrival.
    pub fn packets(&self) -> &Each<Arrived> {
        &self.packets
    }

    /// They were forwarded.
    pub fn clear(&mut self) {
        self.packets.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_of_one_layer_and_has_an_end() {
        let captured = crate::net::clock::now();
        let packet = |from, sequence| Arrived { from, sequence, captured };
        let mut run = Run::default();
        for sequence in 0..LONGEST as u64 {
            assert!(run.push(1, packet((2, 0, 3), sequence)).is_ok());
        }
        let sequences: Vec<u64> = run.packets().iter().map(|p| p.sequence).collect();
        assert_eq!(sequences, (0..LONGEST as u64).collect::<Vec<_>>());
        assert!(run.push(1, packet((2, 0, 3), 99)).is_err(), "it is full");
        run.clear();
        assert!(run.push(1, packet((2, 0, 3), 99)).is_ok());
        for (room, from) in [(0, (2, 0, 3)), (1, (1, 0, 3)), (1, (2, 1, 3)), (1, (2, 0, 4))] {
            assert!(run.push(room, packet(from, 100)).is_err(), "{room} {from:?}");
        }
    }
}
