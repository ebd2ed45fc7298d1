//! What a client tells of everything sent to it (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1), read in one go.
//!
//! Every receiver sends ten to twenty of these a second, so that they cost as much as a quarter of all packets forwarded to
//! it; the crate's reader, which keeps each chunk and each time in lists of their own, took a third of that.

/// Packets reported on in one feedback; a browser reports every 250 ms at the slowest.
const MOST: usize = 4_096;
/// Version and format, packet type (RFC 4585 §6.1).
const FORMAT: u8 = 15;
const PACKET_TYPE: u8 = 205;
/// Where the first number stands, and the first chunk.
const FIXED: usize = 12;
const CHUNKS: usize = 20;
/// Times of arrival are told this fine, and the first of them in these steps. µs.
const DELTA_US: i64 = 250;
const REFERENCE_US: i64 = 64_000;

/// One feedback packet: what arrived when, from number `base` on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Feedback {
    /// First number reported on.
    pub base: u16,
    /// For each number: arrival on the client's clock, in µs, or `None` when it has not come.
    pub arrivals: Vec<Option<i64>>,
}

/// True for an RTCP packet that is transport-wide feedback.
pub fn is_feedback(packet: &[u8]) -> bool {
    matches!(packet, [first, PACKET_TYPE, ..] if first & 0x1f == FORMAT)
}

/// Reads a plain feedback packet; `None` if it is cut short or tells of too many.
pub fn parse(packet: &[u8]) -> Option<Feedback> {
    let [base_high, base_low, count_high, count_low, reference @ .., _] = *packet.get(FIXED..)?.first_chunk::<8>()?;
    let count = usize::from(u16::from_be_bytes([count_high, count_low]));
    if count > MOST {
        return None;
    }
    let rest = packet.get(CHUNKS..)?;
    let mut covered = 0;
    let chunks = rest.chunks_exact(2).take_while(|chunk| {
        let more = covered < count;
        covered += Chunk::read(chunk).packets();
        more
    });
    let deltas = 2 * chunks.count();
    if covered < count {
        return None;
    }
    let (chunks, mut deltas) = rest.split_at_checked(deltas)?;
    let mut arrivals = Vec::with_capacity(count);
    let [a, b, c] = reference;
    // 24 bits, signed.
    let mut at = i64::from(i32::from_be_bytes([a, b, c, 0]) >> 8) * REFERENCE_US;
    for chunk in chunks.chunks_exact(2).map(Chunk::read) {
        for place in 0..chunk.packets().min(count - arrivals.len()) {
            let delta = match chunk.symbol(place) {
                1 => i64::from(*deltas.split_off_first()?),
                2 => i64::from(i16::from_be_bytes(*deltas.split_off(..2)?.first_chunk()?)),
                // 0 is one that did not come, and of 3 no time is told.
                _ => {
                    arrivals.push(None);
                    continue;
                }
            };
            at += delta * DELTA_US;
            arrivals.push(Some(at));
        }
    }
    Some(Feedback { base: u16::from_be_bytes([base_high, base_low]), arrivals })
}

/// What became of some packets (§3.1.3, §3.1.4).
#[derive(Clone, Copy)]
struct Chunk(u16);

impl Chunk {
    fn read(bytes: &[u8]) -> Self {
        Self(bytes.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes)))
    }

    /// How many.
    fn packets(self) -> usize {
        match self.0 >> 14 {
            0 | 1 => usize::from(self.0 & 0x1fff),
            2 => 14,
            _ => 7,
        }
    }

    /// What became of the one in this place.
    fn symbol(self, place: usize) -> u16 {
        match self.0 >> 14 {
            0 | 1 => self.0 >> 13,
            2 => self.0 >> (13 - place) & 1,
            _ => self.0 >> (12 - 2 * place) & 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use rtc_rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, SymbolTypeTcc, TransportLayerCc};
    use std::time::Duration;

    use super::*;
    use crate::media::twcc::Arrivals;

    /// The same as the crate reads it.
    fn by_the_crate(packet: &[u8]) -> Option<Feedback> {
        let packets = rtc_rtcp::packet::unmarshal(&mut &*packet).ok()?;
        let cc = packets.first()?.as_any().downcast_ref::<TransportLayerCc>()?;
        let mut symbols = Vec::new();
        for chunk in &cc.packet_chunks {
            match chunk {
                PacketStatusChunk::RunLengthChunk(c) => {
                    symbols.extend(std::iter::repeat_n(c.packet_status_symbol, usize::from(c.run_length)));
                }
                PacketStatusChunk::StatusVectorChunk(c) => symbols.extend(&c.symbol_list),
            }
        }
        let mut deltas = cc.recv_deltas.iter();
        let mut at = i64::from((cc.reference_time << 8) as i32 >> 8) * 64_000;
        let arrivals = symbols.into_iter().take(usize::from(cc.packet_status_count)).map(|symbol| match symbol {
            SymbolTypeTcc::PacketReceivedSmallDelta | SymbolTypeTcc::PacketReceivedLargeDelta => {
                at += deltas.next()?.delta;
                Some(at)
            }
            _ => None,
        });
        Some(Feedback { base: cc.base_sequence_number, arrivals: arrivals.collect() })
    }

    #[test]
    fn every_kind_of_chunk_is_read_and_what_is_cut_short_is_not() {
        let chunks: [u16; 4] = [0x2003, 0x8000 | 0b10_0000_0000_0011, 0xc000 | 0b00_0110_0000_0000, 0x0005];
        let mut packet = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfe, 0, 28, 0xff, 0xff, 0xff, 9];
        chunks.iter().for_each(|chunk| packet.extend_from_slice(&chunk.to_be_bytes()));
        packet.extend_from_slice(&[4, 0, 255, 1, 2, 3, 4, 0xff, 0xfc]);
        packet.resize(40, 0);
        packet[3] = 9;
        let feedback = parse(&packet).expect("whole");
        let came: Vec<(usize, i64)> =
            feedback.arrivals.iter().enumerate().filter_map(|(i, at)| Some((i, (*at)? / 250))).collect();
        let reference = -256;
        let expected = [(0, 4), (1, 4), (2, 259), (3, 260), (15, 262), (16, 265), (18, 269), (19, 265)]
            .map(|(i, at)| (i, reference + at));
        assert_eq!((feedback.base, feedback.arrivals.len()), (65_534, 28));
        assert_eq!(came, expected);
        assert_eq!(by_the_crate(&packet), Some(feedback));
        assert!(is_feedback(&packet) && !is_feedback(&[0x81, 205]) && !is_feedback(&[0x8f, 206]));
        for length in 0..36 {
            assert_eq!(parse(&packet[..length]), None, "cut to {length}");
        }
        packet[14] = 0xff;
        assert_eq!(parse(&packet), None, "too many");
    }

    proptest::proptest! {
        #[test]
        fn what_we_write_is_read_as_the_crate_reads_it(came in proptest::collection::vec((0u16..60, 0u64..200_000), 1..300)) {
            let (mut arrivals, mut at) = (Arrivals::default(), crate::net::clock::now());
            for (number, later_us) in &came {
                at += Duration::from_micros(*later_us);
                arrivals.note(65_500u16.wrapping_add(*number), at);
            }
            let mut packet = Vec::new();
            assert!(arrivals.write(&mut packet, 1, 2));
            let read = parse(&packet);
            proptest::prop_assert!(read.is_some());
            proptest::prop_assert_eq!(read, by_the_crate(&packet));
        }

        #[test]
        fn hostile_bytes_never_panic(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300), count in 0u16..300) {
            if let Some(place) = bytes.get_mut(14..16) {
                place.copy_from_slice(&count.to_be_bytes());
            }
            if let Some(feedback) = parse(&bytes) {
                proptest::prop_assert_eq!(feedback.arrivals.len(), usize::from(count));
            }
        }
    }
}
