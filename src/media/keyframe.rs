//! Where a key frame begins, read from the first bytes of a payload. No other part of a payload is looked at here.

use super::sdp::Codec;

/// True if this payload begins a key frame: a decoder may start with this packet.
pub fn begins(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Opus => true,
        Codec::H264 => h264(payload).unwrap_or(false),
        Codec::Vp9 => vp9(payload).unwrap_or(false),
    }
}

/// A sequence parameter set, or the start of an IDR picture (RFC 6184 §5.2: single NAL, STAP-A, FU-A).
fn h264(payload: &[u8]) -> Option<bool> {
    const IDR: u8 = 5;
    const SPS: u8 = 7;
    const STAP_A: u8 = 24;
    const FU_A: u8 = 28;
    let kind = payload.first()? & 0x1f;
    Some(match kind {
        IDR | SPS => true,
        STAP_A => {
            let mut at = 1;
            let mut found = false;
            while let Some([a, b]) = payload.get(at..).and_then(|r| r.first_chunk::<2>()) {
                let len = usize::from(u16::from_be_bytes([*a, *b]));
                let nal = payload.get(at + 2).map_or(0, |n| n & 0x1f);
                found |= nal == SPS || nal == IDR;
                at += 2 + len;
            }
            found
        }
        FU_A => {
            let header = payload.get(1)?;
            header & 0x80 != 0 && matches!(header & 0x1f, IDR | SPS)
        }
        _ => false,
    })
}

/// Start of a frame of the base layer that is not inter-predicted (RFC 9628 §4.2).
fn vp9(payload: &[u8]) -> Option<bool> {
    let first = *payload.first()?;
    let has_picture_id = first & 0x80 != 0;
    let predicted = first & 0x40 != 0;
    let layers = first & 0x20 != 0;
    let starts = first & 0x08 != 0;
    if predicted || !starts {
        return Some(false);
    }
    if !layers {
        return Some(true);
    }
    let mut at = 1;
    if has_picture_id {
        at += if payload.get(1)? & 0x80 != 0 { 2 } else { 1 };
    }
    let spatial = payload.get(at)? >> 1 & 0x07;
    Some(spatial == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_are_known_in_each_packing() {
        assert!(begins(Codec::H264, &[0x67, 1, 2]));
        assert!(begins(Codec::H264, &[0x78, 0, 2, 0x67, 1, 0, 1, 0x68]));
        assert!(begins(Codec::H264, &[0x7c, 0x85, 0]));
        assert!(!begins(Codec::H264, &[0x7c, 0x05, 0]));
        assert!(!begins(Codec::H264, &[0x61, 0]));
        assert!(begins(Codec::Vp9, &[0x88, 5]));
        assert!(!begins(Codec::Vp9, &[0xc8, 5]));
        assert!(!begins(Codec::Vp9, &[0x80, 5]));
    }

    proptest::proptest! {
        #[test]
        fn hostile_payloads_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            for codec in [Codec::Opus, Codec::H264, Codec::Vp9] {
                begins(codec, &bytes);
            }
        }
    }
}
