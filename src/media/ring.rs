//! The packets of one layer that may still be asked for again, shared by all its receivers (one copy for all).

/// Packets kept of a video layer: 1.7 s at 290 packets/s, more than any browser waits for a retransmission.
pub const VIDEO_PACKETS: usize = 512;
/// Packets kept of a sound: 2.5 s at 50 packets/s.
pub const AUDIO_PACKETS: usize = 128;
/// A longer payload does not fit a datagram of 1,500 bytes and is not kept.
const MAX_PAYLOAD: usize = 1500;

/// One kept packet.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Extended sequence number; 0 is an empty place (real ones start at 65,536).
    pub sequence: u64,
    /// RTP time as it came.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// True for the first packet of a key frame.
    pub key: bool,
    /// How many packets right before it were there when it came, for sound with redundancy; at most
    /// [`super::red::MAX_DEPTH`]. It stays as it was, so that what is sent again is the same to the byte.
    pub behind: u8,
    /// Payload without padding.
    pub payload: Vec<u8>,
}

/// See the module. Places are found by sequence number modulo the length; at the bound the oldest is overwritten.
#[derive(Debug)]
pub struct Ring {
    places: Vec<Kept>,
}

impl Ring {
    /// A ring for this many packets. Places grow to their packet's size in the first lap and are reused from then on.
    pub fn new(packets: usize) -> Self {
        Self { places: vec![Kept::default(); packets] }
    }

    fn at(&self, sequence: u64) -> usize {
        (sequence % self.places.len() as u64) as usize
    }

    /// Keeps a packet; `None` when it is older than what stands in its place, there already, or too long.
    pub fn keep(&mut self, sequence: u64, timestamp: u32, marker: bool, key: bool, payload: &[u8]) -> Option<&Kept> {
        let at = self.at(sequence);
        let place = self.places.get_mut(at)?;
        if sequence <= place.sequence || payload.len() > MAX_PAYLOAD {
            return None;
        }
        place.sequence = sequence;
        place.timestamp = timestamp;
        place.marker = marker;
        place.key = key;
        place.behind = 0;
        place.payload.clear();
        place.payload.extend_from_slice(payload);
        Some(place)
    }

    /// Notes for a packet just kept how many are there right before it.
    pub fn note_behind(&mut self, sequence: u64) {
        let there = |back: &u64| sequence.checked_sub(*back).is_some_and(|s| self.find(s).is_some());
        let behind = (1..=super::red::MAX_DEPTH as u64).take_while(there).count();
        let at = self.at(sequence);
        if let Some(place) = self.places.get_mut(at).filter(|p| p.sequence == sequence) {
            place.behind = behind as u8;
        }
    }

    /// Finds a kept packet.
    pub fn find(&self, sequence: u64) -> Option<&Kept> {
        self.places.get(self.at(sequence)).filter(|k| k.sequence == sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_found_until_its_place_is_taken_and_never_twice_kept() {
        let mut ring = Ring::new(4);
        for s in 65_536..65_540u64 {
            assert!(ring.keep(s, s as u32, false, false, &[s as u8]).is_some());
        }
        assert!(ring.keep(65_537, 0, false, false, &[]).is_none());
        assert_eq!(ring.find(65_536).map(|k| k.payload.clone()), Some(vec![0]));
        assert!(ring.keep(65_540, 0, false, false, &[9]).is_some());
        assert!(ring.find(65_536).is_none());
        assert!(ring.keep(65_536, 0, false, false, &[]).is_none(), "older than what stands there");
    }
}
