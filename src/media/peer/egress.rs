//! What the client gets: packets sealed into its lane, retransmissions, reports and requests.

use std::time::Instant;

use super::Peer;
use crate::media::departures::{Departures, EXTENSION, Ticks, write_extension};
use crate::media::outbox::{Lane, Outbox, Path};
use crate::media::red;
use crate::media::ring::Kept;
use crate::media::rtcp;
use crate::media::rtp::{FIXED_HEADER, write_header};
use crate::media::sdp::{Codec, group_of};
use crate::media::slot::{Outgoing, SendSlot, Sent, Shown};
use crate::media::srtp::Sealer;
use crate::media::track::OVERHEAD;

/// A packet to one receiver: where from, and what.
pub struct Forward<'p> {
    /// (track, layer, generation)
    pub from: (usize, u8, u32),
    /// The kept packet.
    pub kept: &'p Kept,
    /// Of sound, those right before it, oldest first.
    pub older: [Option<&'p Kept>; red::MAX_DEPTH],
    /// What its payload is.
    pub codec: Codec,
    /// When it was captured, on the server's clock.
    pub captured: Instant,
    /// When it came.
    pub now: Instant,
    /// The same, as what is sent at once is numbered.
    pub sent: Ticks,
}

/// A packet to be sent for the first time.
pub(super) struct First<'p> {
    /// Its numbers.
    pub(super) numbers: Outgoing,
    /// What flowed when it was numbered; `None`: what flows now.
    pub(super) shown: Option<&'p Shown>,
    /// The packet.
    pub(super) kept: &'p Kept,
    /// Of sound, those right before it, oldest first.
    pub(super) older: [Option<&'p Kept>; red::MAX_DEPTH],
}

/// A packet to be sent once more.
pub(super) struct Again<'p> {
    /// Where it came from.
    pub(super) sent: Sent,
    /// The number it had.
    pub(super) sequence: u16,
    /// The packet.
    pub(super) kept: &'p Kept,
    /// Of sound, those right before it, oldest first.
    pub(super) older: [Option<&'p Kept>; red::MAX_DEPTH],
}

impl Peer {
    /// Forwards a packet into a slot, if it flows there. True when it is the slot's first since it began to show.
    pub fn forward(&mut self, slot: usize, packet: &Forward<'_>, out: &mut Outbox) -> bool {
        if self.path.is_none() || self.sealer.is_none() {
            return false;
        }
        let Some(place) = self.slots.get_mut(slot) else { return false };
        // What flows is looked at where it stands: a copy would be read back only after all that was written before, the packet
        // to the receiver before included, has reached the cache.
        let flows = |place: &SendSlot| place.shown.as_ref().map(|s| (s.track, s.generation));
        let before = flows(place);
        let kept = packet.kept;
        let Some(numbers) = place.route(packet.from, kept, packet.codec, packet.captured) else { return false };
        let after = flows(place);
        if self.pacer.holds()
            && packet.codec != Codec::Opus
            && let Some(shown) = place.shown.filter(|shown| shown.rtx.is_some())
        {
            self.wait(slot, (numbers, shown), packet);
        } else {
            self.send_first(slot, &First { numbers, shown: None, kept, older: packet.older }, packet.sent, out);
        }
        self.reports_due |= before != after;
        before.map(|(track, _)| track) != after.map(|(track, _)| track)
    }

    /// Seals a packet that is sent for the first time.
    pub(super) fn send_first(&mut self, slot: usize, first: &First<'_>, now: Ticks, out: &mut Outbox) {
        let (Some(path), Some(sealer)) = (self.path.as_ref(), self.sealer.as_mut()) else { return };
        let Some(slot) = self.slots.get_mut(slot) else { return };
        let First { numbers, shown, kept, older } = first;
        let Some(flows) = shown.or(slot.shown.as_ref()) else { return };
        let (payload_type, is_redundant) = (flows.type_of(kept), flows.depth_of(kept) > 0);
        slot.note_sealed(numbers.sequence);
        let lane = out.lane(path, &mut self.lane);
        let start = lane.bytes.len();
        let sequence = numbers.sequence as u16;
        write_header(&mut lane.bytes, kept.marker, payload_type, sequence, numbers.timestamp, slot.ssrc);
        let header =
            number(&mut self.departures, slot, Some(sequence), kept.payload.len(), now, &mut lane.bytes, start);
        if is_redundant && let Some(flows) = shown.or(slot.shown.as_ref()) {
            write_redundant(&mut lane.bytes, flows, kept, older);
        } else {
            lane.bytes.extend_from_slice(&kept.payload);
        }
        self.counters.bytes_down += seal(sealer, lane, start, header, numbers.sequence);
        self.counters.packets_down += 1;
        lane.expect();
    }

    /// Sends a packet of a slot again: as RTX (RFC 4588) where the client has it, else as it was.
    pub fn repeat<'r>(
        &mut self,
        slot: usize,
        sequence: u16,
        now: Ticks,
        find: impl Fn(&Sent) -> Option<&'r Kept>,
        out: &mut Outbox,
    ) {
        // What was lost in a full queue would only make it longer, and come too late.
        if self.estimate.is_draining() {
            return;
        }
        let Some(place) = self.slots.get_mut(slot) else { return };
        let Some(sent) = place.find(sequence) else { return };
        let Some(kept) = find(&sent) else { return };
        let older = [2, 1].map(|back| find(&Sent { sequence: sent.sequence.checked_sub(back)?, ..sent }));
        let depth = sent.shown.depth_of(kept);
        if older.iter().rev().take(depth).any(Option::is_none) {
            // It cannot be made again as it was.
            return;
        }
        // On a thin line pictures take turns with what is sent again of them.
        if sent.shown.rtx.is_some() && !self.pacer.spend(OVERHEAD + kept.payload.len()) {
            return;
        }
        if !place.spend_repair(kept.payload.len()) {
            return;
        }
        self.send_again(slot, &Again { sent, sequence, kept, older }, now, out);
    }

    /// Seals a packet that was sent before once more; its bytes on the wire.
    pub(super) fn send_again(&mut self, slot: usize, again: &Again<'_>, now: Ticks, out: &mut Outbox) -> usize {
        let (Some(path), Some(sealer)) = (self.path.as_ref(), self.sealer.as_mut()) else { return 0 };
        let Some(slot) = self.slots.get_mut(slot) else { return 0 };
        let Again { sent, sequence, kept, older } = again;
        let timestamp = sent.shown.shifted(kept.timestamp);
        out.hurry();
        let lane = out.lane(path, &mut self.lane);
        let start = lane.bytes.len();
        let index = match sent.shown.rtx {
            Some(rtx) => {
                let index = slot.rtx_next;
                slot.rtx_next += 1;
                write_header(&mut lane.bytes, kept.marker, rtx, index as u16, timestamp, slot.rtx_ssrc);
                index
            }
            None => {
                let payload_type = sent.shown.type_of(kept);
                write_header(&mut lane.bytes, kept.marker, payload_type, *sequence, timestamp, slot.ssrc);
                sent.out
            }
        };
        let header = match sent.shown.rtx {
            Some(_) => number(&mut self.departures, slot, None, kept.payload.len(), now, &mut lane.bytes, start),
            None => match number_again(&mut self.departures, slot, *sequence, &mut lane.bytes, start) {
                Some(header) => header,
                None => {
                    lane.bytes.truncate(start);
                    return 0;
                }
            },
        };
        if sent.shown.rtx.is_some() {
            lane.bytes.extend_from_slice(&sequence.to_be_bytes());
        }
        if sent.shown.depth_of(kept) > 0 {
            write_redundant(&mut lane.bytes, &sent.shown, kept, older);
        } else {
            lane.bytes.extend_from_slice(&kept.payload);
        }
        self.counters.bytes_down += seal(sealer, lane, start, header, index);
        OVERHEAD + kept.payload.len()
    }

    /// Sends a packet of nothing but padding in a slot's retransmissions, where the client drops it (RFC 3550 §5.1, and
    /// RFC 4588: without an original number it repairs nothing); its bytes on the wire.
    pub(super) fn send_padding(&mut self, slot: usize, now: Ticks, out: &mut Outbox) -> usize {
        const PADDING: u8 = 255;
        let (Some(path), Some(sealer)) = (self.path.as_ref(), self.sealer.as_mut()) else { return 0 };
        let Some(slot) = self.slots.get_mut(slot).filter(|s| s.transport_cc.is_some()) else { return 0 };
        let Some(rtx) = slot.codecs.iter().find_map(|c| c.rtx) else { return 0 };
        let index = slot.rtx_next;
        slot.rtx_next += 1;
        out.hurry();
        let lane = out.lane(path, &mut self.lane);
        let start = lane.bytes.len();
        write_header(&mut lane.bytes, false, rtx, index as u16, slot.last_timestamp(), slot.rtx_ssrc);
        let header = number(&mut self.departures, slot, None, usize::from(PADDING), now, &mut lane.bytes, start);
        if let Some(first) = lane.bytes.get_mut(start) {
            *first |= 0x20;
        }
        lane.bytes.resize(lane.bytes.len() + usize::from(PADDING) - 1, 0);
        lane.bytes.push(PADDING);
        self.counters.bytes_down += seal(sealer, lane, start, header, index);
        OVERHEAD + usize::from(PADDING)
    }

    fn send_rtcp(&mut self, out: &mut Outbox, write: impl FnOnce(&mut Vec<u8>)) {
        let (Some(path), Some(sealer)) = (self.path.as_ref(), self.sealer.as_mut()) else { return };
        out.hurry();
        let lane = out.lane(path, &mut self.lane);
        let start = lane.bytes.len();
        write(&mut lane.bytes);
        if lane.bytes.len() > start && sealer.seal_rtcp(&mut lane.bytes, start) {
            lane.finish(start);
        } else {
            lane.bytes.truncate(start);
        }
    }

    /// Asks the publisher for a key frame of a layer.
    pub fn ask_key_frame(&mut self, ssrc: u32, out: &mut Outbox) {
        let ours = self.our_ssrc;
        self.counters.key_requests += 1;
        self.send_rtcp(out, |bytes| rtcp::write_pli(bytes, ours, ssrc));
    }

    /// Asks for what is missing; many times a second. Of pictures for nothing while the core is `behind`.
    pub fn send_nacks(&mut self, now: Instant, behind: bool, out: &mut Outbox) {
        let ours = self.our_ssrc;
        let mut due = std::mem::take(&mut self.scratch);
        let mut asks: Vec<(u32, Vec<u16>)> = Vec::new();
        for stream in self.streams.iter_mut() {
            let Some(line) = self.up.get(stream.line).filter(|line| line.nack && !stream.is_repair) else { continue };
            if behind && line.codec.codec != Codec::Opus {
                stream.give_up();
                continue;
            }
            stream.due_nacks(now, &mut due);
            if !due.is_empty() {
                asks.push((stream.ssrc, due.clone()));
            }
        }
        self.scratch = due;
        for (ssrc, sequences) in asks {
            self.send_rtcp(out, |bytes| rtcp::write_nack(bytes, ours, ssrc, &sequences));
        }
    }

    /// Tells the publisher when its packets came; about ten times a second.
    pub fn send_feedback(&mut self, out: &mut Outbox) {
        let ours = self.our_ssrc;
        let Some(theirs) = self.streams.iter().find(|s| !s.is_repair).map(|s| s.ssrc) else { return };
        let mut arrivals = std::mem::take(&mut self.arrivals);
        self.send_rtcp(out, |bytes| {
            arrivals.write(bytes, ours, theirs);
        });
        self.arrivals = arrivals;
    }

    /// Reports on what the client sends; once a second.
    pub fn send_receiver_report(&mut self, now: Instant, out: &mut Outbox) {
        let ours = self.our_ssrc;
        let blocks: Vec<rtcp::Block> =
            self.streams.iter_mut().filter(|s| !s.is_repair).filter_map(|s| s.report(now)).collect();
        if !blocks.is_empty() {
            self.send_rtcp(out, |bytes| rtcp::write_receiver_report(bytes, ours, &blocks));
        }
    }

    /// A report about nothing (RFC 3550 §6.4.2), twice a second: ICE-lite sends no checks, and by this a client to
    /// which no media flows knows that its path is alive.
    pub fn send_pulse(&mut self, out: &mut Outbox) {
        let ours = self.our_ssrc;
        self.send_rtcp(out, |bytes| rtcp::write_receiver_report(bytes, ours, &[]));
    }

    /// A slot's sender report with the server's clock, so that lips stay in step across a change of source.
    pub fn send_sender_report(&mut self, slot: usize, rtp: u32, ntp: u64, out: &mut Outbox) {
        let Some(s) = self.slots.get_mut(slot) else { return };
        s.report_due = false;
        let (ssrc, (packets, octets), cname) = (s.ssrc, s.sent, group_of(s.slot));
        self.send_rtcp(out, |bytes| {
            rtcp::write_sender_report(bytes, ssrc, ntp, rtp, packets, octets, cname);
        });
    }

    /// Repeats unanswered handshake flights.
    pub fn handle_dtls_timeout(&mut self, now: Instant, out: &mut Outbox) {
        self.dtls.handle_timeout(now);
        if let Some(path) = self.path {
            self.flush_dtls(path, out);
        }
    }

    /// Says goodbye.
    pub fn close(&mut self, now: Instant, out: &mut Outbox) {
        self.dtls.close(now);
        if let Some(path) = self.path {
            self.flush_dtls(path, out);
        }
    }

    pub(super) fn flush_dtls(&mut self, path: Path, out: &mut Outbox) {
        for datagram in self.dtls.outgoing.drain(..) {
            out.send(path, &mut self.lane, &datagram);
        }
    }
}

/// Seals the packet that begins at `start` and ends its datagram; its bytes, or 0 where it could not be sealed.
fn seal(sealer: &mut Sealer, lane: &mut Lane, start: usize, header: usize, index: u64) -> u64 {
    if !sealer.seal_rtp(&mut lane.bytes, start, header, index) {
        lane.bytes.truncate(start);
        return 0;
    }
    lane.finish(start);
    (lane.bytes.len() - start) as u64
}

/// Writes sound with as many before it as it had when it was sent first.
fn write_redundant(out: &mut Vec<u8>, shown: &Shown, kept: &Kept, older: &[Option<&Kept>; red::MAX_DEPTH]) {
    let skipped = red::MAX_DEPTH - shown.depth_of(kept);
    let older = older.iter().skip(skipped).flatten().map(|k| (k.timestamp, k.payload.as_slice()));
    red::write(out, shown.payload_type, kept.timestamp, &kept.payload, older);
}

/// Gives the packet whose fixed header was just written its transport-wide number, where the slot has one; tells the
/// length of the whole header. `sequence`: of what is sent for the first time.
fn number(
    departures: &mut Departures,
    slot: &mut SendSlot,
    sequence: Option<u16>,
    payload: usize,
    now: Ticks,
    bytes: &mut Vec<u8>,
    start: usize,
) -> usize {
    let Some(id) = slot.transport_cc else { return FIXED_HEADER };
    let number = departures.note(OVERHEAD + payload, now);
    if let Some(sequence) = sequence {
        slot.note_number(sequence, number);
    }
    if let Some(first) = bytes.get_mut(start) {
        *first |= 0x10;
    }
    write_extension(bytes, id, number);
    FIXED_HEADER + EXTENSION
}

/// The same for a packet that is sent again as it was (one sequence number is one nonce, RFC 5116 §5.1.1); `None` where its
/// number is forgotten.
fn number_again(
    departures: &mut Departures,
    slot: &SendSlot,
    sequence: u16,
    bytes: &mut Vec<u8>,
    start: usize,
) -> Option<usize> {
    let Some(id) = slot.transport_cc else { return Some(FIXED_HEADER) };
    let number = slot.number_of(sequence)?;
    departures.repeat(number);
    *bytes.get_mut(start)? |= 0x10;
    write_extension(bytes, id, number);
    Some(FIXED_HEADER + EXTENSION)
}
