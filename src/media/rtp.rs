//! RTP headers (RFC 3550 §5.1) with their extensions (RFC 8285), parsed without allocation.
//!
//! Bytes come from the network, so every access is checked; nothing here panics.

use std::ops::Range;

/// Length of the fixed header, bytes.
pub const FIXED_HEADER: usize = 12;

/// A parsed header. Ranges point into the packet it was parsed from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// Marker bit.
    pub marker: bool,
    /// Padding bit: the last payload byte counts the padding.
    pub padding: bool,
    /// Payload type.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in the codec's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Where the extension elements start and end (both 0 without extensions).
    extensions: (usize, usize),
    /// True for the two-byte form of RFC 8285 §4.3.
    two_byte: bool,
    /// Length of the whole header, bytes; the payload follows.
    pub length: usize,
}

impl Header {
    /// Parses the header; `None` when the bytes are not RTP version 2 or end too early.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; FIXED_HEADER] = packet.first_chunk()?;
        let [b0, b1, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if b0 >> 6 != 2 {
            return None;
        }
        let mut length = FIXED_HEADER + usize::from(b0 & 0x0f) * 4;
        let mut extensions = (0, 0);
        let mut two_byte = false;
        if b0 & 0x10 != 0 {
            let [p0, p1, l0, l1] = *packet.get(length..)?.first_chunk::<4>()?;
            let words = usize::from(u16::from_be_bytes([l0, l1]));
            let start = length + 4;
            length = start + words * 4;
            match u16::from_be_bytes([p0, p1]) {
                0xbede => extensions = (start, length),
                profile if profile & 0xfff0 == 0x1000 => {
                    extensions = (start, length);
                    two_byte = true;
                }
                _ => {}
            }
        }
        if packet.len() < length {
            return None;
        }
        Some(Self {
            marker: b1 & 0x80 != 0,
            padding: b0 & 0x20 != 0,
            payload_type: b1 & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            extensions,
            two_byte,
            length,
        })
    }

    /// Finds the value of the extension with this id (1 to 14, or to 255 in the two-byte form).
    pub fn extension<'p>(&self, packet: &'p [u8], id: u8) -> Option<&'p [u8]> {
        let mut at = self.extensions.0;
        let end = self.extensions.1.min(packet.len());
        while at < end {
            let first = *packet.get(at)?;
            if first == 0 {
                at += 1;
                continue;
            }
            let (this, len, body) = if self.two_byte {
                (first, usize::from(*packet.get(at + 1)?), at + 2)
            } else {
                (first >> 4, usize::from(first & 0x0f) + 1, at + 1)
            };
            if !self.two_byte && this == 15 {
                return None;
            }
            if body + len > end {
                return None;
            }
            if this == id {
                return packet.get(body..body + len);
            }
            at = body + len;
        }
        None
    }

    /// The payload without padding, as a range of the (decrypted) packet; empty for padding-only packets.
    pub fn payload(&self, packet: &[u8]) -> Range<usize> {
        let mut end = packet.len();
        if self.padding {
            let pad = usize::from(packet.last().copied().unwrap_or(0));
            end = end.saturating_sub(pad).max(self.length);
        }
        self.length..end
    }
}

/// Writes a fixed header without extensions.
pub fn write_header(out: &mut Vec<u8>, marker: bool, payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32) {
    out.push(0x80);
    out.push(u8::from(marker) << 7 | payload_type & 0x7f);
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&timestamp.to_be_bytes());
    out.extend_from_slice(&ssrc.to_be_bytes());
}

/// Unwraps 16-bit sequence numbers to 64 bits. Starts at `1 << 16 | first`, so that an earlier, reordered packet
/// cannot underflow (the rollover counter of RFC 3711 is the index shifted right by 16, less one).
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwrapper {
    highest: Option<u64>,
}

impl Unwrapper {
    /// The extended number this sequence number most probably has; does not move the state.
    pub fn guess(&self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else {
            return 1 << 16 | u64::from(sequence);
        };
        let diff = sequence.wrapping_sub(highest as u16) as i16;
        highest.saturating_add_signed(i64::from(diff))
    }

    /// Moves the state after the packet was believed. Returns true if it is the newest so far.
    pub fn accept(&mut self, extended: u64) -> bool {
        if self.highest.is_none_or(|h| extended > h) {
            self.highest = Some(extended);
            return true;
        }
        false
    }

    /// The highest extended number accepted.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_with_one_byte_extensions_gives_its_values() {
        let mut p = vec![0x90, 0xe0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 5, 0xbe, 0xde, 0, 2];
        p.extend_from_slice(&[0x10, b'0', 0x00, 0x31, 1, 2, 0, 0]);
        p.extend_from_slice(b"payload");
        let h = Header::parse(&p).expect("parses");
        assert_eq!((h.sequence, h.timestamp, h.ssrc, h.marker, h.payload_type), (7, 9, 5, true, 96));
        assert_eq!(h.extension(&p, 1), Some(&b"0"[..]));
        assert_eq!(h.extension(&p, 3), Some(&[1u8, 2][..]));
        assert_eq!(h.extension(&p, 4), None);
        assert_eq!(p.get(h.payload(&p)), Some(&b"payload"[..]));
    }

    #[test]
    fn unwrapping_survives_a_wrap_and_reordering_at_the_start() {
        let mut u = Unwrapper::default();
        u.accept(u.guess(1));
        assert_eq!(u.guess(65535), 65535);
        assert_eq!(u.guess(0), 1 << 16);
        for s in [65500u16, 30000, 50000, 65535, 3] {
            let e = u.guess(s);
            u.accept(e);
        }
        assert_eq!(u.guess(4) as u16, 4);
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80), id in 0u8..=255) {
            if let Some(h) = Header::parse(&bytes) {
                let _ = h.extension(&bytes, id);
                proptest::prop_assert!(h.payload(&bytes).end <= bytes.len());
            }
        }
    }
}
