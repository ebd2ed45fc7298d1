//! Writing the answer.

use std::net::SocketAddr;

use rtc_sdp::description::common::{Address, ConnectionInformation};
use rtc_sdp::description::media::{MediaDescription, MediaName, RangedPort};
use rtc_sdp::description::session::SessionDescription;
use tongke_signaling::command::{Slot, SourceKind};

use super::codec::{Codec, OfferedCodec};
use super::offer::{Line, MediaKind, Offer};
use super::roles::LineUse;
use crate::media::ice::Credentials;

/// URI of the transport-wide congestion control extension.
pub(super) const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Addresses the server is reached at, the same for all sessions of a worker.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Candidates {
    /// UDP addresses.
    pub udp: Vec<SocketAddr>,
    /// TCP addresses (RFC 6544, passive).
    pub tcp: Vec<SocketAddr>,
}

impl Candidates {
    /// Candidate attribute values (RFC 8839 §5.1), UDP first.
    pub fn lines(&self) -> Vec<String> {
        // Type preference 126 (host); UDP above TCP in the local preference (RFC 6544 §4.2).
        let udp = self.udp.iter().enumerate().map(|(i, a)| {
            let priority = 126 << 24 | (65_535 - i as u32) << 8 | 255;
            format!("{} 1 udp {priority} {} {} typ host", i + 1, a.ip(), a.port())
        });
        let tcp = self.tcp.iter().enumerate().map(|(i, a)| {
            let priority = 90 << 24 | (65_535 - i as u32) << 8 | 255;
            format!("{} 1 tcp {priority} {} {} typ host tcptype passive", 100 + i, a.ip(), a.port())
        });
        udp.chain(tcp).collect()
    }
}

/// What the answer says of one m-line, decided by the peer.
#[derive(Clone, Debug)]
pub enum AnswerPlan {
    /// Port 0: nothing in common.
    Reject,
    /// The server receives one codec.
    Receive(OfferedCodec),
    /// The server sends, in any of these codecs.
    Send {
        /// Codecs in common.
        codecs: Vec<OfferedCodec>,
        /// SSRC of the slot.
        ssrc: u32,
        /// SSRC of its retransmissions.
        rtx: Option<u32>,
        /// Stream id and CNAME: lines that share it are kept in lip-sync.
        group: &'static str,
        /// Id of the transport-wide number's header extension, where the client takes it.
        transport_cc: Option<u8>,
    },
}

/// Writes the whole answer.
pub fn write_answer(
    offer: &Offer,
    uses: &[LineUse],
    plans: &[AnswerPlan],
    credentials: &Credentials,
    fingerprint: &str,
    candidates: &Candidates,
) -> String {
    let bundle: Vec<&str> = offer
        .lines
        .iter()
        .zip(plans)
        .filter(|(_, p)| !matches!(p, AnswerPlan::Reject))
        .map(|(l, _)| l.mid.as_str())
        .collect();
    let mut description = SessionDescription::new_jsep_session_description(false);
    description.attributes.clear();
    description = description
        .with_value_attribute("group".to_owned(), format!("BUNDLE {}", bundle.join(" ")))
        .with_property_attribute("ice-lite".to_owned())
        .with_value_attribute("msid-semantic".to_owned(), " WMS *".to_owned());
    let mut first = true;
    for ((line, what), plan) in offer.lines.iter().zip(uses).zip(plans) {
        let mut media = media_line(line, *what, plan);
        if !matches!(plan, AnswerPlan::Reject) {
            media = media
                .with_value_attribute("ice-ufrag".to_owned(), credentials.ufrag.clone())
                .with_value_attribute("ice-pwd".to_owned(), credentials.password.clone())
                .with_value_attribute("fingerprint".to_owned(), format!("sha-256 {fingerprint}"))
                .with_value_attribute("setup".to_owned(), "passive".to_owned());
            if std::mem::take(&mut first) {
                for candidate in candidates.lines() {
                    media = media.with_value_attribute("candidate".to_owned(), candidate);
                }
                media = media.with_property_attribute("end-of-candidates".to_owned());
            }
        }
        description = description.with_media(media);
    }
    description.marshal()
}

fn media_line(line: &Line, what: LineUse, plan: &AnswerPlan) -> MediaDescription {
    let formats: Vec<String> = match plan {
        AnswerPlan::Reject => line.formats.first().cloned().into_iter().collect(),
        AnswerPlan::Receive(codec) => payload_types(std::slice::from_ref(codec)),
        AnswerPlan::Send { codecs, .. } => payload_types(codecs),
    };
    let media = MediaDescription {
        media_name: MediaName {
            media: if line.kind == MediaKind::Audio { "audio" } else { "video" }.to_owned(),
            port: RangedPort { value: if matches!(plan, AnswerPlan::Reject) { 0 } else { 9 }, range: None },
            protos: vec!["UDP".to_owned(), "TLS".to_owned(), "RTP".to_owned(), "SAVPF".to_owned()],
            formats,
        },
        connection_information: Some(ConnectionInformation {
            network_type: "IN".to_owned(),
            address_type: "IP4".to_owned(),
            address: Some(Address { address: "0.0.0.0".to_owned(), ttl: None, range: None }),
        }),
        ..MediaDescription::default()
    }
    .with_value_attribute("mid".to_owned(), line.mid.clone());
    match plan {
        AnswerPlan::Reject => media.with_property_attribute("inactive".to_owned()),
        AnswerPlan::Receive(codec) => receive(media, line, what, codec),
        AnswerPlan::Send { codecs, ssrc, rtx, group, transport_cc } => {
            send(media, line, codecs, (*ssrc, *rtx), group, *transport_cc)
        }
    }
}

fn payload_types(codecs: &[OfferedCodec]) -> Vec<String> {
    let main = codecs.iter().map(|c| c.payload_type);
    // After the codec itself: the page turns redundancy on when packets get lost, by a change of the sender's codec.
    let more = codecs.iter().flat_map(|c| [c.red, c.rtx]).flatten();
    main.chain(more).map(|pt| pt.to_string()).collect()
}

fn codec_lines(mut media: MediaDescription, line: &Line, codec: &OfferedCodec, stereo: bool) -> MediaDescription {
    let pt = codec.payload_type;
    let mut add = |key: &str, value: String| {
        media = std::mem::take(&mut media).with_value_attribute(key.to_owned(), value);
    };
    match codec.codec {
        Codec::Opus => {
            add("rtpmap", format!("{pt} opus/48000/2"));
            let more = if stereo { ";stereo=1;sprop-stereo=1;maxaveragebitrate=128000" } else { "" };
            add("fmtp", format!("{pt} minptime=10;useinbandfec=1{more}"));
            if line.audio_nack {
                add("rtcp-fb", format!("{pt} nack"));
            }
        }
        Codec::H264 => {
            add("rtpmap", format!("{pt} H264/90000"));
            add("fmtp", format!("{pt} {}", codec.fmtp));
        }
        Codec::Vp9 => {
            add("rtpmap", format!("{pt} VP9/90000"));
            add("fmtp", format!("{pt} profile-id=0"));
        }
    }
    if codec.codec != Codec::Opus {
        for feedback in ["nack", "nack pli", "ccm fir"] {
            add("rtcp-fb", format!("{pt} {feedback}"));
        }
    }
    if let Some(red) = codec.red {
        add("rtpmap", format!("{red} red/48000/2"));
        add("fmtp", format!("{red} {pt}/{pt}"));
    }
    if let Some(rtx) = codec.rtx {
        add("rtpmap", format!("{rtx} rtx/90000"));
        add("fmtp", format!("{rtx} apt={pt}"));
    }
    media
}

fn receive(media: MediaDescription, line: &Line, what: LineUse, codec: &OfferedCodec) -> MediaDescription {
    let stereo = what == LineUse::Up(SourceKind::ComputerSound);
    let mut media = media
        .with_property_attribute("recvonly".to_owned())
        .with_property_attribute("rtcp-mux".to_owned())
        .with_property_attribute("rtcp-rsize".to_owned());
    media = codec_lines(media, line, codec, stereo);
    let mut e = line.extensions;
    // Sound is sent again without RTX, and browsers give the repeat a new transport-wide number: two headers sealed with one
    // nonce, which gives AES-GCM's authentication key away (RFC 5116 §5.1.1).
    if line.audio_nack {
        e.transport_cc = None;
    }
    let wanted = [
        (e.mid, "urn:ietf:params:rtp-hdrext:sdes:mid"),
        (e.rid, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"),
        (e.repaired_rid, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"),
        (e.audio_level, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
        (e.transport_cc, TRANSPORT_CC),
    ];
    for (id, uri) in wanted {
        if let Some(id) = id {
            media = media.with_value_attribute("extmap".to_owned(), format!("{id} {uri}"));
        }
    }
    if e.transport_cc.is_some() {
        media = media.with_value_attribute("rtcp-fb".to_owned(), format!("{} transport-cc", codec.payload_type));
    }
    if !line.rids.is_empty() {
        for rid in &line.rids {
            media = media.with_value_attribute("rid".to_owned(), format!("{rid} recv"));
        }
        media = media.with_value_attribute("simulcast".to_owned(), format!("recv {}", line.rids.join(";")));
    }
    media
}

fn send(
    media: MediaDescription,
    line: &Line,
    codecs: &[OfferedCodec],
    (ssrc, rtx): (u32, Option<u32>),
    group: &str,
    transport_cc: Option<u8>,
) -> MediaDescription {
    let mut media = media
        .with_property_attribute("sendonly".to_owned())
        .with_property_attribute("rtcp-mux".to_owned())
        .with_property_attribute("rtcp-rsize".to_owned());
    for codec in codecs {
        media = codec_lines(media, line, codec, false);
        if transport_cc.is_some() {
            media = media.with_value_attribute("rtcp-fb".to_owned(), format!("{} transport-cc", codec.payload_type));
        } else if line.remb {
            media = media.with_value_attribute("rtcp-fb".to_owned(), format!("{} goog-remb", codec.payload_type));
        }
    }
    if let Some(id) = transport_cc {
        media = media.with_value_attribute("extmap".to_owned(), format!("{id} {TRANSPORT_CC}"));
    }
    media = media.with_value_attribute("msid".to_owned(), format!("{group} {group}-{}", line.mid));
    if let Some(rtx) = rtx {
        media = media.with_value_attribute("ssrc-group".to_owned(), format!("FID {ssrc} {rtx}"));
    }
    for one in [Some(ssrc), rtx].into_iter().flatten() {
        media = media.with_value_attribute("ssrc".to_owned(), format!("{one} cname:{group}"));
    }
    media
}

/// Stream id and CNAME of a slot: the teacher's lines share one, the stage's another.
pub fn group_of(slot: Slot) -> &'static str {
    match slot {
        Slot::TeacherVideo | Slot::TeacherAudio => "teacher",
        Slot::Screen | Slot::ComputerSound => "screen",
        Slot::StageVideo | Slot::StageAudio => "stage",
        Slot::SecondAudio => "second",
        Slot::Thumbnail(_) => "thumbnails",
        Slot::Video | Slot::Audio => "view",
    }
}
