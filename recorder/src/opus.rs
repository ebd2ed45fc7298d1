//! Opus packets (RFC 6716 section 3.1): how long one lasts, and one that says nothing.

/// Longest packet, RFC 6716 section 3.1: 120 ms in samples at 48 kHz.
const LONGEST: u32 = 5760;

/// What the table-of-contents octet and the frame count say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpusPacket {
    /// Length of the whole packet in 48 kHz samples.
    pub duration: u32,
    /// Length of one frame in 48 kHz samples.
    pub frame: u32,
    /// A packet of one frame with nothing in it (RFC 6716 section 3.2.1: a frame of length 0 is lost or not
    /// sent): the decoder conceals it and lasts `frame`.
    pub concealment: [u8; 1],
    /// So short that the encoder was not speaking (DTX, RFC 6716 section 2.1.9).
    pub silent: bool,
}

/// Reads an Opus packet's length; `None` where it is none.
pub fn opus_packet(payload: &[u8]) -> Option<OpusPacket> {
    let (&toc, rest) = payload.split_first()?;
    // RFC 6716 section 3.1, table 2.
    let config = toc >> 3;
    let frame = match config {
        0..=11 => [480, 960, 1920, 2880][usize::from(config & 3)],
        12..=15 => [480, 960][usize::from(config & 1)],
        _ => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(*rest.first()? & 0x3f),
    };
    let duration = frame * frames;
    if duration == 0 || duration > LONGEST {
        return None;
    }
    Some(OpusPacket { duration, frame, concealment: [toc & 0xfc], silent: payload.len() <= 2 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn browsers_packets_last_20_ms() {
        // Config 31 (CELT, fullband, 20 ms), stereo, one frame: what libopus sends for music.
        assert_eq!(opus_packet(&[0xfc, 1, 2, 3]).unwrap().duration, 960);
        // Config 1 (SILK, narrowband, 20 ms), code 1: two frames.
        assert_eq!(opus_packet(&[0x09, 1, 2]).unwrap().duration, 1920);
        // Code 3 with 0 frames, and with 63 frames of 60 ms, are not Opus.
        assert_eq!(opus_packet(&[0xff, 0]), None);
        assert_eq!(opus_packet(&[0x1b, 63]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
            if let Some(packet) = opus_packet(&bytes) {
                prop_assert!(packet.duration <= LONGEST && packet.frame > 0);
            }
        }
    }
}
