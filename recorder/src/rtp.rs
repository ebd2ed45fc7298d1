//! The RTP header (RFC 3550 section 5.1), read from bytes that may lie.

use std::ops::Range;

/// What the recorder needs of an RTP header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpHeader {
    /// Marker bit: last packet of a video frame.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// RTP time stamp.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Where the payload lies in the packet; empty for a packet that is padding only.
    pub payload: Range<usize>,
}

/// Reads the header; `None` where the bytes are no RTP version 2 packet.
pub fn rtp_header(packet: &[u8]) -> Option<RtpHeader> {
    let fixed: &[u8; 12] = packet.first_chunk()?;
    if fixed[0] >> 6 != 2 {
        return None;
    }
    let mut start = 12 + usize::from(fixed[0] & 0x0f) * 4;
    if fixed[0] & 0x10 != 0 {
        // Section 5.3.1: profile, then the length in 32-bit words without this header.
        let extension: &[u8; 4] = packet.get(start..)?.first_chunk()?;
        start += 4 + usize::from(u16::from_be_bytes([extension[2], extension[3]])) * 4;
    }
    let mut end = packet.len();
    if fixed[0] & 0x20 != 0 {
        // Section 5.1: the last octet counts the padding, itself included.
        let padding = usize::from(*packet.last()?);
        if padding == 0 {
            return None;
        }
        end = end.checked_sub(padding)?;
    }
    if start > end {
        return None;
    }
    Some(RtpHeader {
        marker: fixed[1] & 0x80 != 0,
        sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
        timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
        ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
        payload: start..end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn extensions_csrcs_and_padding_are_taken_off() {
        let mut packet = vec![0xb1, 0x80 | 96, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 7];
        packet.extend([0; 4]); // one CSRC
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 5, 0, 0]); // one word of extension
        packet.extend(*b"payload");
        packet.extend([0, 0, 3]);
        let header = rtp_header(&packet).unwrap();
        assert_eq!(&packet[header.payload.clone()], b"payload");
        assert!(header.marker);
        assert_eq!((header.sequence, header.timestamp, header.ssrc), (0x1234, 9, 7));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(header) = rtp_header(&bytes) {
                prop_assert!(bytes.get(header.payload).is_some());
            }
        }
    }
}
