//! What a client sends: its lines and layers, and retransmissions of what the server asks for.

use rand::Rng;

use super::Client;
use crate::media::red;
use crate::media::ring::Ring;
use crate::media::rtp::write_header;
use crate::media::sdp::MediaKind;
use crate::peer::offer::{H264, H264_RTX, MID_ID, OPUS, RED, REPAIRED_RID_ID, RID_ID, RIDS, TRANSPORT_CC_ID};

/// Packets kept for the server's NACKs.
const KEPT: usize = 512;

/// A layer of a line on which it sends.
pub(super) struct SendLine {
    pub(super) ssrc: u32,
    rtx_ssrc: u32,
    next: u64,
    rtx_next: u64,
    ring: Ring,
    /// From this packet on with redundancy.
    red_from: u64,
    pub(super) packets: u32,
    pub(super) octets: u32,
    last_timestamp: u32,
}

impl SendLine {
    /// One that has sent nothing.
    pub(super) fn new(rng: &mut impl Rng) -> Self {
        Self {
            ssrc: rng.random(),
            rtx_ssrc: rng.random(),
            next: 1 << 16 | u64::from(rng.random::<u16>()),
            rtx_next: 1 << 16,
            ring: Ring::new(KEPT),
            red_from: u64::MAX,
            packets: 0,
            octets: 0,
            last_timestamp: 0,
        }
    }

    fn sound_type(&self, index: u64) -> u8 {
        if index < self.red_from { OPUS } else { RED }
    }

    fn write_payload(&self, out: &mut Vec<u8>, index: u64, timestamp: u32, payload: &[u8]) {
        if index < self.red_from {
            return out.extend_from_slice(payload);
        }
        let before = self.ring.find(index - 1).into_iter().map(|k| (k.timestamp, k.payload.as_slice()));
        red::write(out, OPUS, timestamp, payload, before);
    }
}

impl Client {
    /// From now on each packet of this line of sound carries the one before it as well.
    pub fn send_redundancy(&mut self, line: usize) {
        if let Some(sender) = self.senders.get_mut(&(line, 0)) {
            sender.red_from = sender.next;
        }
    }

    /// Sends one packet on a line; nothing before the client is connected.
    pub fn send(&mut self, line: usize, timestamp: u32, marker: bool, payload: &[u8]) {
        self.send_layer((line, 0), timestamp, marker, payload);
    }

    /// The same on a layer of a line with several.
    pub fn send_layer(&mut self, (line, layer): (usize, u8), timestamp: u32, marker: bool, payload: &[u8]) {
        let Some((_, sealer)) = self.keys.as_mut() else { return };
        let rid = self.lines.get(line).filter(|l| l.layers > 1).map(|_| layer);
        let Some(sender) = self.senders.get_mut(&(line, layer)) else { return };
        let video = self.lines.get(line).is_some_and(|l| l.kind == MediaKind::Video);
        let index = sender.next;
        sender.next += 1;
        sender.packets = sender.packets.wrapping_add(1);
        sender.octets = sender.octets.wrapping_add(payload.len() as u32);
        sender.last_timestamp = timestamp;
        sender.ring.keep(index, timestamp, marker, false, payload);
        self.transport_number = self.transport_number.wrapping_add(1);
        let mut packet = Vec::with_capacity(payload.len() + 64);
        let payload_type = if video { H264 } else { sender.sound_type(index) };
        write_header(&mut packet, marker, payload_type, index as u16, timestamp, sender.ssrc);
        // Sound is sent again as it was, so it carries no number that would be another then.
        extend(&mut packet, line, video.then_some(self.transport_number), rid.map(|r| (RID_ID, r)));
        let header = packet.len();
        sender.write_payload(&mut packet, index, timestamp, payload);
        if sealer.seal_rtp(&mut packet, 0, header, index) {
            self.outgoing.push(packet);
        }
    }

    pub(super) fn repeat(&mut self, (line, layer): (usize, u8), sequence: u16) {
        let Some((_, sealer)) = self.keys.as_mut() else { return };
        let rid = self.lines.get(line).filter(|l| l.layers > 1).map(|_| layer);
        let Some(sender) = self.senders.get_mut(&(line, layer)) else { return };
        let newest = sender.next - 1;
        let Some(index) = newest.checked_sub(u64::from((newest as u16).wrapping_sub(sequence))) else { return };
        let Some(kept) = sender.ring.find(index) else { return };
        self.repeats_sent += 1;
        let video = self.lines.get(line).is_some_and(|l| l.kind == MediaKind::Video);
        let mut packet = Vec::new();
        let seal_index = if video {
            let rtx = sender.rtx_next;
            sender.rtx_next += 1;
            write_header(&mut packet, kept.marker, H264_RTX, rtx as u16, kept.timestamp, sender.rtx_ssrc);
            rtx
        } else {
            let payload_type = sender.sound_type(index);
            write_header(&mut packet, kept.marker, payload_type, sequence, kept.timestamp, sender.ssrc);
            index
        };
        extend(&mut packet, line, None, rid.map(|r| (REPAIRED_RID_ID, r)));
        let header = packet.len();
        if video {
            packet.extend_from_slice(&sequence.to_be_bytes());
        }
        sender.write_payload(&mut packet, index, kept.timestamp, &kept.payload);
        if sealer.seal_rtp(&mut packet, 0, header, seal_index) {
            self.outgoing.push(packet);
        }
    }
}

/// Adds the mid and, for video, the transport-wide number, and of several layers the RID, as one-byte extensions (RFC 8285 §4.2).
fn extend(packet: &mut Vec<u8>, line: usize, number: Option<u16>, rid: Option<(u8, u8)>) {
    let mid = line.to_string();
    let mut body = vec![MID_ID << 4 | (mid.len() as u8 - 1)];
    body.extend_from_slice(mid.as_bytes());
    if let Some(number) = number {
        body.push(TRANSPORT_CC_ID << 4 | 1);
        body.extend_from_slice(&number.to_be_bytes());
    }
    if let Some((id, layer)) = rid {
        body.extend_from_slice(&[id << 4, RIDS.as_bytes().get(usize::from(layer)).copied().unwrap_or(b'q')]);
    }
    body.resize(body.len().div_ceil(4) * 4, 0);
    if let Some(first) = packet.first_mut() {
        *first |= 0x10;
    }
    packet.extend_from_slice(&[0xbe, 0xde]);
    packet.extend_from_slice(&((body.len() / 4) as u16).to_be_bytes());
    packet.extend_from_slice(&body);
}
