//! The codecs Tongke speaks, as an m-line offers them.

use rtc_sdp::description::media::MediaDescription;
use tongke_signaling::command::VideoCodec;

/// A codec Tongke speaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// RFC 6184, constrained baseline, packetization-mode 1.
    H264,
    /// RFC 9628, profile 0.
    Vp9,
}

impl Codec {
    /// RTP clock rate, Hz.
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::H264 | Self::Vp9 => 90_000,
        }
    }
}

impl From<VideoCodec> for Codec {
    fn from(codec: VideoCodec) -> Self {
        match codec {
            VideoCodec::H264 => Self::H264,
            VideoCodec::Vp9 => Self::Vp9,
        }
    }
}

/// One codec of an m-line with the payload types the offer gave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfferedCodec {
    /// Which.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// The payload type of its retransmissions (RFC 4588), where offered.
    pub rtx: Option<u8>,
    /// The payload type of sound with redundancy (RFC 2198) in this codec, where offered.
    pub red: Option<u8>,
    /// Its format parameters as offered.
    pub fmtp: String,
}

/// The codecs of an m-line that Tongke speaks, in the offer's order; exact matches of 42e01f before other baseline.
pub(super) fn offered(line: &MediaDescription) -> Vec<OfferedCodec> {
    let value = |key: &str, pt: &str| {
        line.attributes.iter().filter(|a| a.key == key).find_map(|a| {
            let (head, rest) = a.value.as_deref()?.split_once(' ')?;
            (head == pt).then(|| rest.trim().to_owned())
        })
    };
    let mut found: Vec<OfferedCodec> = Vec::new();
    for format in &line.media_name.formats {
        let Some(payload_type) = format.parse::<u8>().ok().filter(|pt| *pt < 128) else { continue };
        let Some(name) = value("rtpmap", format) else { continue };
        let fmtp = value("fmtp", format).unwrap_or_default();
        let Some(codec) = recognise(&name, &fmtp) else { continue };
        let rtx = line.media_name.formats.iter().find(|rtx| {
            value("rtpmap", rtx).is_some_and(|n| n.to_ascii_lowercase().starts_with("rtx/"))
                && parameter(&value("fmtp", rtx).unwrap_or_default(), "apt") == Some(format.as_str())
        });
        let red = line.media_name.formats.iter().find(|red| {
            value("rtpmap", red).is_some_and(|n| n.eq_ignore_ascii_case("red/48000/2"))
                && value("fmtp", red).is_some_and(|f| f.split('/').all(|of| of == format.as_str()))
        });
        let number = |other: Option<&String>| other.and_then(|o| o.parse().ok()).filter(|pt: &u8| *pt < 128);
        found.push(OfferedCodec { codec, payload_type, rtx: number(rtx), red: number(red), fmtp });
    }
    // A stable sort: only the exact profile moves forward.
    found.sort_by_key(|c| !(c.codec != Codec::H264 || c.fmtp.contains("42e01f")));
    let mut seen = Vec::new();
    found.retain(|c| {
        let new = !seen.contains(&c.codec);
        seen.push(c.codec);
        new
    });
    found
}

fn recognise(rtpmap: &str, fmtp: &str) -> Option<Codec> {
    let name = rtpmap.to_ascii_lowercase();
    if name == "opus/48000/2" {
        return Some(Codec::Opus);
    }
    if name == "h264/90000" {
        let profile = parameter(fmtp, "profile-level-id").unwrap_or("42001f").to_ascii_lowercase();
        let mode = parameter(fmtp, "packetization-mode").unwrap_or("0");
        return (mode == "1" && profile.starts_with("42")).then_some(Codec::H264);
    }
    if name == "vp9/90000" {
        return (parameter(fmtp, "profile-id").unwrap_or("0") == "0").then_some(Codec::Vp9);
    }
    None
}

fn parameter<'f>(fmtp: &'f str, name: &str) -> Option<&'f str> {
    fmtp.split(';').find_map(|p| {
        let (key, value) = p.trim().split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}
