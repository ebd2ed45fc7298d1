//! Packets that came with one look at the sockets: all of them are kept first, and then each receiver gets all of one layer's, so
//! that its keys, slot and lane are fetched once for the run and not for each packet; and while one run is served, the first
//! receivers of the next are on their way ([`super::ahead`]).

use std::time::Instant;

use arrayvec::ArrayVec;

/// The longest run; more go on in another.
pub const LONGEST: usize = 32;
/// So many wait at most: they should not leave the caches meanwhile, nor their ring.
const MOST: usize = 64;

/// A packet that was kept and waits to be forwarded.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// Place of the room in the core's table.
    pub room: usize,
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
pub struct Runs {
    packets: ArrayVec<Arrived, MOST>,
}

impl Runs {
    /// True while nothing waits.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// True where those that wait have to go before another comes.
    pub fn is_full(&self) -> bool {
        self.packets.is_full()
    }

    /// Puts a packet behind the others; does nothing where they have to go first.
    pub fn push(&mut self, packet: Arrived) {
        let _ = self.packets.try_push(packet);
    }

    /// Packets of one layer that came one after the other, in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = &[Arrived]> {
        runs(&self.packets)
    }

    /// They were forwarded.
    pub fn clear(&mut self) {
        self.packets.clear();
    }
}

/// Parts packets into runs.
pub fn runs(packets: &[Arrived]) -> impl Iterator<Item = &[Arrived]> {
    packets.chunk_by(|one, next| (one.room, one.from) == (next.room, next.from)).flat_map(|layer| layer.chunks(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_of_one_layer_and_has_an_end() {
        let captured = crate::net::clock::now();
        let mut waiting = Runs::default();
        let mut put = |room, from, count| {
            (0..count).for_each(|sequence| waiting.push(Arrived { room, from, sequence, captured }));
        };
        put(1, (2, 0, 3), 40);
        put(0, (2, 0, 3), 1);
        put(0, (1, 0, 3), 2);
        put(0, (1, 1, 3), 3);
        put(0, (1, 1, 4), 4);
        let lengths = |waiting: &Runs| waiting.iter().map(<[Arrived]>::len).collect::<Vec<_>>();
        assert_eq!(lengths(&waiting), [32, 8, 1, 2, 3, 4]);
        assert!(waiting.iter().all(|run| run.windows(2).all(|two| two[0].sequence < two[1].sequence)));
        let more = (0..).take_while(|sequence| {
            let is_room = !waiting.is_full();
            waiting.push(Arrived { room: 5, from: (0, 0, 1), sequence: *sequence, captured });
            is_room
        });
        assert_eq!(more.count(), MOST - 50, "it is full");
        waiting.clear();
        assert_eq!(lengths(&waiting), [0; 0]);
        assert!(waiting.is_empty());
    }
}
