//! How much a receiver believes that its line takes: REMB (draft-alvestrand-rmcat-remb-03 §2.2), from receivers that tell
//! nothing of single packets. Pure.
//!
//! Parsed here: the crate takes a rate of nothing for another, and its floats cannot hold every rate that fits the format.

/// Payload-specific feedback, application layer (RFC 4585 §6.4), with this identifier.
const IDENTIFIER: &[u8; 4] = b"REMB";
/// Streams taken from one; a receiver has nine slots and as many repairs of them.
const MAX_NAMED: usize = 32;

/// One message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remb {
    /// bit/s; what does not fit is the most that does.
    pub bits: u64,
    /// The streams it is about, at most 32 of them.
    pub ssrcs: Vec<u32>,
}

/// True for a packet whose header says application layer feedback of this kind.
pub fn is_remb(packet: &[u8]) -> bool {
    matches!(packet, [first, 206, ..] if first & 0x1f == 15) && packet.get(12..16) == Some(IDENTIFIER)
}

/// Reads one RTCP packet; `None` where it is something else or lies about its length.
pub fn parse(packet: &[u8]) -> Option<Remb> {
    if !is_remb(packet) {
        return None;
    }
    let [count, high, middle, low] = *packet.get(16..)?.first_chunk::<4>()?;
    let mantissa = u128::from(high & 0x03) << 16 | u128::from(middle) << 8 | u128::from(low);
    // 18 bits moved by at most 63 fit into 128.
    let bits = u64::try_from(mantissa << (high >> 2)).unwrap_or(u64::MAX);
    let named = packet.get(20..20 + 4 * usize::from(count))?;
    let ssrcs = named.chunks_exact(4).take(MAX_NAMED).filter_map(|c| c.first_chunk::<4>());
    Some(Remb { bits, ssrcs: ssrcs.map(|c| u32::from_be_bytes(*c)).collect() })
}

/// Writes one; a rate is rounded down to what the format holds.
pub fn write(out: &mut Vec<u8>, ours: u32, remb: &Remb) {
    let named = remb.ssrcs.get(..MAX_NAMED).unwrap_or(&remb.ssrcs);
    let exponent = (64 - remb.bits.leading_zeros()).saturating_sub(18);
    let [.., high, middle, low] = (remb.bits >> exponent).to_be_bytes();
    out.extend_from_slice(&[0x8f, 206, 0, 4 + named.len() as u8]);
    out.extend_from_slice(&ours.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(IDENTIFIER);
    out.extend_from_slice(&[named.len() as u8, (exponent as u8) << 2 | high, middle, low]);
    named.iter().for_each(|ssrc| out.extend_from_slice(&ssrc.to_be_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(bits: u64) -> u64 {
        let mut out = Vec::new();
        write(&mut out, 1, &Remb { bits, ssrcs: vec![5, 6] });
        let read = parse(&out).expect("parses");
        assert_eq!(read.ssrcs, [5, 6]);
        read.bits
    }

    #[test]
    fn a_rate_is_read_as_it_was_written() {
        for bits in [0, 1, 300_000, (1 << 18) - 1, 1 << 18, 8_927_168, 1 << 63] {
            let read = there_and_back(bits);
            assert!(read <= bits && bits - read <= bits >> 17, "{bits} became {read}");
        }
        assert_eq!(there_and_back(0), 0);
    }

    #[test]
    fn what_does_not_fit_is_the_most_and_what_lies_is_nothing() {
        let mut packet = Vec::new();
        write(&mut packet, 1, &Remb { bits: 0, ssrcs: vec![7] });
        packet[17..20].copy_from_slice(&[0xff; 3]);
        assert_eq!(parse(&packet).map(|r| r.bits), Some(u64::MAX), "an exponent of 63");
        packet[16] = 200;
        assert_eq!(parse(&packet), None, "names more than it has");
        for short in 0..packet.len() {
            assert_eq!(parse(packet.get(..short).unwrap_or_default()), None);
        }
        packet[12] = b'r';
        assert_eq!(parse(&packet), None, "another application's");
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_never_panic(tail in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let mut packet = vec![0x8f, 206, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
            packet.extend_from_slice(IDENTIFIER);
            packet.extend_from_slice(&tail);
            if let Some(remb) = parse(&packet) {
                proptest::prop_assert!(remb.ssrcs.len() <= MAX_NAMED);
            }
        }
    }
}
