//! Every function that takes bytes from outside, as a fuzzer calls it. The fuzz targets and the
//! replay of their corpora in the ordinary tests share this file.
#![allow(dead_code, reason = "each fuzz target calls one of them")]

use tongke::media::sdp::{Codec, Fragment, Offer, fit};
use tongke::media::{keyframe, red, remb, rtcp, rtp};
use tongke_recorder::fuzzing;
use tongke_signaling::command::SessionRole;

/// An SDP offer, and its fit to every role.
pub(crate) fn offer(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(offer) = Offer::parse(text) else { return };
    for role in [
        SessionRole::Teacher,
        SessionRole::InteractiveRoom,
        SessionRole::TerminalRoom,
        SessionRole::Whip { screen: false },
        SessionRole::Whip { screen: true },
        SessionRole::Whep,
    ] {
        // A refusal is an answer; only a panic is a find.
        drop(fit(&offer, role));
    }
}

/// The fragment of an ICE restart (RFC 8840).
pub(crate) fn fragment(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(Fragment::parse(text));
    }
}

/// An RTP packet, as the media plane and as the recorder reads it.
pub(crate) fn rtp(bytes: &[u8]) {
    let _ = fuzzing::rtp_header(bytes);
    let Some(header) = rtp::Header::parse(bytes) else { return };
    for id in 0..16 {
        let _ = header.extension(bytes, id);
    }
    let payload = header.payload(bytes);
    let payload = bytes.get(payload).expect("the payload of a parsed packet lies in the packet");
    for codec in [Codec::Opus, Codec::H264, Codec::Vp9] {
        let _ = keyframe::begins(codec, payload);
    }
}

/// Redundant audio that lies about its blocks (RFC 2198).
pub(crate) fn red(bytes: &[u8]) {
    let Some((kind, payload)) = bytes.split_first() else { return };
    let Some(blocks) = red::parse(payload, kind & 0x7f) else { return };
    for range in blocks.older.iter().map(|block| &block.range).chain([&blocks.primary]) {
        let _ = payload.get(range.clone()).expect("a block lies in its payload");
    }
}

/// A compound RTCP packet, and one as REMB.
pub(crate) fn rtcp(bytes: &[u8]) {
    drop(rtcp::parse(bytes));
    drop(remb::parse(bytes));
}

/// H.264 payloads that lie (RFC 6184).
pub(crate) fn h264(bytes: &[u8]) {
    fuzzing::depacketise_h264(bytes);
}

/// VP9 payloads that lie (RFC 9628).
pub(crate) fn vp9(bytes: &[u8]) {
    fuzzing::depacketise_vp9(bytes);
}

/// A part that was cut or damaged, as start-up recovery walks it.
pub(crate) fn walk(bytes: &[u8]) {
    drop(fuzzing::walk(bytes));
}
