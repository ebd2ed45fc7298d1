//! The offer of a client: any list of lines, one codec each kind.

use crate::media::ice::Credentials;
use crate::media::sdp::MediaKind;

/// Payload types this client uses.
pub const OPUS: u8 = 111;
/// Opus with redundancy (RFC 2198).
pub const RED: u8 = 63;
/// H.264 42e01f, packetization-mode 1.
pub const H264: u8 = 102;
/// Retransmissions of H.264.
pub const H264_RTX: u8 = 103;
/// Id of the mid extension.
pub const MID_ID: u8 = 4;
/// Id of the transport-wide number.
pub const TRANSPORT_CC_ID: u8 = 3;

/// Id of the RID of a layer (RFC 8852), and of that of its retransmissions.
pub const RID_ID: u8 = 5;
/// See [`RID_ID`].
pub const REPAIRED_RID_ID: u8 = 6;
/// RIDs of layers, lowest first; one letter each.
pub const RIDS: &str = "qhf";

/// One m-line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OfferLine {
    /// Audio or video.
    pub kind: MediaKind,
    /// True: this client sends on it.
    pub send: bool,
    /// Layers it sends there, at most three (RIDs q, h, f).
    pub layers: u8,
}

impl OfferLine {
    /// A line of sound.
    pub fn audio(send: bool) -> Self {
        Self { kind: MediaKind::Audio, send, layers: 1 }
    }

    /// A line of pictures.
    pub fn video(send: bool) -> Self {
        Self { kind: MediaKind::Video, send, layers: 1 }
    }
}

/// How a client tells what arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Telling {
    /// Of every packet when it came (transport-wide feedback), beside receiver reports.
    #[default]
    Transport,
    /// By receiver reports, and by REMB where it has said how much its line takes.
    Reports,
}

/// Writes the offer; mids count from 0.
pub fn write_offer(lines: &[OfferLine], credentials: &Credentials, fingerprint: &str, telling: Telling) -> String {
    let mids: Vec<String> = (0..lines.len()).map(|m| m.to_string()).collect();
    let mut text = format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=msid-semantic: WMS *\r\n",
        mids.join(" ")
    );
    for (mid, line) in lines.iter().enumerate() {
        let (name, formats) = match line.kind {
            MediaKind::Audio => ("audio", format!("{OPUS} {RED}")),
            MediaKind::Video => ("video", format!("{H264} {H264_RTX}")),
        };
        let direction = if line.send { "sendonly" } else { "recvonly" };
        text.push_str(&format!(
            "m={name} 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na={direction}\r\n\
             a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:active\r\n\
             a=rtcp-mux\r\na=rtcp-rsize\r\na=extmap:{MID_ID} urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
            credentials.ufrag, credentials.password
        ));
        let feedback = match telling {
            Telling::Transport => {
                text.push_str(&format!(
                    "a=extmap:{TRANSPORT_CC_ID} http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
                ));
                "transport-cc"
            }
            Telling::Reports => "goog-remb",
        };
        match line.kind {
            MediaKind::Audio => text.push_str(&format!(
                "a=rtpmap:{OPUS} opus/48000/2\r\na=fmtp:{OPUS} minptime=10;useinbandfec=1\r\na=rtcp-fb:{OPUS} nack\r\na=rtcp-fb:{OPUS} {feedback}\r\n\
                 a=rtpmap:{RED} red/48000/2\r\na=fmtp:{RED} {OPUS}/{OPUS}\r\n"
            )),
            MediaKind::Video => text.push_str(&format!(
                "a=rtpmap:{H264} H264/90000\r\n\
                 a=fmtp:{H264} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
                 a=rtcp-fb:{H264} nack\r\na=rtcp-fb:{H264} nack pli\r\na=rtcp-fb:{H264} {feedback}\r\n\
                 a=rtpmap:{H264_RTX} rtx/90000\r\na=fmtp:{H264_RTX} apt={H264}\r\n"
            )),
        }
        if line.send && line.layers > 1 {
            let rids: Vec<&str> = RIDS.split_terminator("").skip(1).take(usize::from(line.layers)).collect();
            for rid in &rids {
                text.push_str(&format!("a=rid:{rid} send\r\n"));
            }
            text.push_str(&format!(
                "a=simulcast:send {}\r\na=extmap:{RID_ID} urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
                 a=extmap:{REPAIRED_RID_ID} urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n",
                rids.join(";")
            ));
        }
    }
    text
}
