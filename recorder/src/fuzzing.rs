//! Entry points for fuzzers: each takes bytes from outside and must neither panic nor grow without bound.

use crate::h264::H264;
use crate::rtp::RtpHeader;
use crate::vp9::Vp9;
use crate::walk::Walked;

/// Splits `bytes` into payloads: one octet of length and marker, then the payload.
fn payloads(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    std::iter::from_fn(move || {
        let (&head, rest) = bytes.split_first()?;
        let (payload, rest) = rest.split_at(usize::from(head >> 1).min(rest.len()));
        bytes = rest;
        Some((payload, head & 1 != 0))
    })
}

/// Runs the H.264 depacketiser over packets made of `bytes`, and init segments over what it finds.
pub fn depacketise_h264(bytes: &[u8]) {
    let mut h264 = H264::default();
    for (n, (payload, marker)) in payloads(bytes).enumerate() {
        h264.push(payload, marker, n as i64 / 2, 0);
        while let Some(unit) = h264.pop() {
            let _ = unit.parameters.as_ref().map(crate::cmaf::init_segment);
            h264.recycle(unit.data);
        }
    }
}

/// Runs the VP9 depacketiser over packets made of `bytes`, and init segments over what it finds.
pub fn depacketise_vp9(bytes: &[u8]) {
    let mut vp9 = Vp9::default();
    for (n, (payload, marker)) in payloads(bytes).enumerate() {
        vp9.push(payload, marker, n as i64 / 2, 0);
        while let Some(unit) = vp9.pop() {
            let _ = unit.parameters.as_ref().map(crate::cmaf::init_segment);
            vp9.recycle(unit.data);
        }
    }
}

/// Walks `bytes` as a part that was closed, and as one that a crash has left; returns what the latter finds.
pub fn walk(bytes: &[u8]) -> Walked {
    let _ = crate::walk::walk_file(&mut std::io::Cursor::new(bytes), bytes.len() as u64, crate::walk::Trust::Boxes);
    crate::walk::walk(bytes)
}

/// Reads `bytes` as an RTP packet.
pub fn rtp_header(bytes: &[u8]) -> Option<RtpHeader> {
    crate::rtp::rtp_header(bytes)
}
