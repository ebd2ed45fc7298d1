//! Parsing an offer into a value that cannot be wrong, or a refusal that names the line.

use std::collections::HashSet;
use std::io::Cursor;

use rtc_sdp::description::media::MediaDescription;
use rtc_sdp::description::session::SessionDescription;
use tongke_signaling::command::Refusal;

use super::codec::{OfferedCodec, offered};
use crate::media::ice::Credentials;

/// Longest offer taken, bytes. Chromium's offer with fourteen m-lines has about 40 KiB.
const MAX_OFFER: usize = 64 * 1024;
/// Most m-lines taken.
const MAX_LINES: usize = 64;
/// Longest mid or rid taken; they travel in one-byte header extensions of at most 16 bytes (RFC 8285 §4.2).
const MAX_NAME: usize = 16;

/// Audio or video.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MediaKind {
    /// `m=audio`
    Audio,
    /// `m=video`
    Video,
}

/// The offerer's direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// sendonly
    Send,
    /// recvonly
    Receive,
    /// sendrecv, also when nothing is said
    Both,
    /// inactive
    None,
}

/// Ids of the header extensions Tongke uses (RFC 8285), where offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Extensions {
    /// urn:ietf:params:rtp-hdrext:sdes:mid
    pub mid: Option<u8>,
    /// urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
    pub rid: Option<u8>,
    /// urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
    pub repaired_rid: Option<u8>,
    /// urn:ietf:params:rtp-hdrext:ssrc-audio-level (RFC 6464)
    pub audio_level: Option<u8>,
    /// transport-wide congestion control
    pub transport_cc: Option<u8>,
}

/// One m-line of an offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Audio or video.
    pub kind: MediaKind,
    /// Its mid.
    pub mid: String,
    /// The offerer's direction.
    pub direction: Direction,
    /// Codecs in common.
    pub codecs: Vec<OfferedCodec>,
    /// All formats as offered, for a refusal of the line.
    pub formats: Vec<String>,
    /// Simulcast RIDs it wants to send, in order (RFC 8853).
    pub rids: Vec<String>,
    /// (SSRC, SSRC of its retransmissions) where the offer tells them (RFC 5576).
    pub ssrcs: Vec<(u32, Option<u32>)>,
    /// Header extensions.
    pub extensions: Extensions,
    /// rtcp-fb of Opus includes nack.
    pub audio_nack: bool,
    /// rtcp-fb of a codec includes goog-remb (draft-alvestrand-rmcat-remb-03 §2.3).
    pub remb: bool,
}

/// An offer Tongke can answer, role not yet looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The client's ICE credentials.
    pub credentials: Credentials,
    /// SHA-256 fingerprint of its certificate, upper case.
    pub fingerprint: String,
    /// m-lines in order.
    pub lines: Vec<Line>,
}

impl Offer {
    /// Parses SDP.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let malformed = |why: &str| Refusal::Malformed(why.to_owned());
        if text.len() > MAX_OFFER {
            return Err(malformed("longer than 64 KiB"));
        }
        if !text.starts_with("v=0") {
            return Err(malformed("does not begin with v=0"));
        }
        let description = SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes()))
            .map_err(|_| malformed("not a session description"))?;
        let count = description.media_descriptions.len();
        if count == 0 || count > MAX_LINES {
            return Err(malformed("needs 1 to 64 m-lines"));
        }
        let session = |key: &str| description.attribute(key).map(String::as_str);
        let first = description.media_descriptions.first();
        let shared = |key: &str| session(key).or_else(|| first.and_then(|m| m.attribute(key).flatten()));
        let ufrag = shared("ice-ufrag").filter(|u| (4..=256).contains(&u.len())).ok_or(malformed("no ice-ufrag"))?;
        let password = shared("ice-pwd").filter(|p| (22..=256).contains(&p.len())).ok_or(malformed("no ice-pwd"))?;
        let credentials = Credentials { ufrag: ufrag.to_owned(), password: password.to_owned() };
        if shared("setup") == Some("passive") {
            return Err(malformed("setup:passive, but only the server is passive"));
        }
        let fingerprint =
            fingerprint(shared("fingerprint").unwrap_or_default()).ok_or(malformed("no usable sha-256 fingerprint"))?;
        let mut lines = Vec::with_capacity(count);
        for (index, media) in description.media_descriptions.iter().enumerate() {
            lines.push(line(index, media)?);
        }
        let distinct: HashSet<&str> = lines.iter().map(|l| l.mid.as_str()).collect();
        if distinct.len() != lines.len() {
            return Err(malformed("two m-lines with one mid"));
        }
        let bundled: HashSet<&str> = session("group").unwrap_or_default().split(' ').skip(1).collect();
        if lines.len() > 1 && !lines.iter().all(|l| bundled.contains(l.mid.as_str())) {
            return Err(malformed("not all m-lines are in the BUNDLE group"));
        }
        Ok(Self { credentials, fingerprint, lines })
    }
}

/// "sha-256 AB:…" with 32 octets, upper case.
fn fingerprint(value: &str) -> Option<String> {
    let (algorithm, hex) = value.split_once(' ')?;
    let octets: Vec<&str> = hex.trim().split(':').collect();
    let good = algorithm.eq_ignore_ascii_case("sha-256")
        && octets.len() == 32
        && octets.iter().all(|o| o.len() == 2 && o.chars().all(|c| c.is_ascii_hexdigit()));
    good.then(|| hex.trim().to_ascii_uppercase())
}

fn line(index: usize, media: &MediaDescription) -> Result<Line, Refusal> {
    let unfit = |why: &str| Refusal::Unfit { line: Some(index), why: why.to_owned() };
    let kind = match media.media_name.media.as_str() {
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        _ => return Err(unfit("neither audio nor video")),
    };
    let mid = media.attribute("mid").flatten().unwrap_or_default().to_owned();
    if mid.is_empty() || mid.len() > MAX_NAME || !mid.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Refusal::Malformed(format!("m-line {index} has no usable mid")));
    }
    if !media.has_attribute("rtcp-mux") {
        return Err(unfit("no rtcp-mux"));
    }
    let formats = media.media_name.formats.clone();
    let distinct: HashSet<&str> = formats.iter().map(String::as_str).collect();
    if distinct.len() != formats.len() {
        return Err(Refusal::Malformed(format!("m-line {index} has one payload type twice")));
    }
    let codecs = offered(media);
    let direction = if media.has_attribute("sendonly") {
        Direction::Send
    } else if media.has_attribute("recvonly") {
        Direction::Receive
    } else if media.has_attribute("inactive") {
        Direction::None
    } else {
        Direction::Both
    };
    let audio_nack = kind == MediaKind::Audio
        && codecs.first().is_some_and(|c| {
            let wanted = format!("{} nack", c.payload_type);
            media.attributes.iter().any(|a| a.key == "rtcp-fb" && a.value.as_deref() == Some(wanted.as_str()))
        });
    let remb = values(media, "rtcp-fb").any(|v| {
        let (format, feedback) = v.split_once(' ').unwrap_or_default();
        feedback.trim() == "goog-remb" && (format == "*" || codecs.iter().any(|c| format.parse() == Ok(c.payload_type)))
    });
    Ok(Line {
        kind,
        mid,
        direction,
        formats,
        rids: rids(media),
        ssrcs: ssrcs(media),
        extensions: extensions(index, media)?,
        audio_nack,
        remb,
        codecs,
    })
}

fn values<'m>(media: &'m MediaDescription, key: &'m str) -> impl Iterator<Item = &'m str> {
    media.attributes.iter().filter(move |a| a.key == key).filter_map(|a| a.value.as_deref())
}

/// RIDs with direction send, in the order of `a=simulcast` where there is one (RFC 8853 §5.1).
fn rids(media: &MediaDescription) -> Vec<String> {
    let sent: Vec<&str> = values(media, "rid")
        .filter_map(|v| {
            let mut parts = v.split(' ');
            let name = parts.next()?;
            (parts.next() == Some("send") && name.len() <= MAX_NAME).then_some(name)
        })
        .collect();
    let simulcast = values(media, "simulcast").next().unwrap_or_default();
    let list = simulcast.strip_prefix("send ").unwrap_or_default();
    list.split(';')
        .filter_map(|alternatives| alternatives.split(',').next())
        .map(|r| r.trim_start_matches('~').trim())
        .filter(|r| sent.contains(r))
        .take(3)
        .map(str::to_owned)
        .collect()
}

fn ssrcs(media: &MediaDescription) -> Vec<(u32, Option<u32>)> {
    let mut found: Vec<(u32, Option<u32>)> = Vec::new();
    let mut repairs = HashSet::new();
    for group in values(media, "ssrc-group") {
        let mut parts = group.split(' ');
        if parts.next() != Some("FID") {
            continue;
        }
        let numbers: Vec<u32> = parts.filter_map(|p| p.parse().ok()).collect();
        if let [primary, repair] = numbers.as_slice() {
            found.push((*primary, Some(*repair)));
            repairs.insert(*repair);
        }
    }
    for ssrc in values(media, "ssrc").filter_map(|v| v.split(' ').next()?.parse::<u32>().ok()) {
        if !repairs.contains(&ssrc) && !found.iter().any(|(s, _)| *s == ssrc) {
            found.push((ssrc, None));
        }
    }
    found.truncate(3);
    found
}

fn extensions(index: usize, media: &MediaDescription) -> Result<Extensions, Refusal> {
    let mut extensions = Extensions::default();
    let mut used = HashSet::new();
    for value in values(media, "extmap") {
        let mut parts = value.split(' ');
        let id = parts.next().and_then(|i| i.split('/').next()).and_then(|i| i.parse::<u8>().ok());
        let Some(id) = id.filter(|i| *i > 0 && *i != 15) else {
            return Err(Refusal::Malformed(format!("m-line {index} has a bad extmap")));
        };
        if !used.insert(id) {
            return Err(Refusal::Malformed(format!("m-line {index} has one extmap id twice")));
        }
        match parts.next().unwrap_or_default() {
            "urn:ietf:params:rtp-hdrext:sdes:mid" => extensions.mid = Some(id),
            "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id" => extensions.rid = Some(id),
            "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id" => extensions.repaired_rid = Some(id),
            "urn:ietf:params:rtp-hdrext:ssrc-audio-level" => extensions.audio_level = Some(id),
            super::answer::TRANSPORT_CC => extensions.transport_cc = Some(id),
            _ => {}
        }
    }
    Ok(extensions)
}
