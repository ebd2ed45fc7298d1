//! What the client sends: SRTP opened, streams bound to lines and layers, retransmissions put back in their place.

use std::ops::Range;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

use super::Peer;
use crate::media::dtls::Progress;
use crate::media::estimate::Fate;
use crate::media::outbox::{Moment, Outbox, Path};
use crate::media::receive::ReceiveStream;
use crate::media::red;
use crate::media::rtcp::{self, Report};
use crate::media::rtp::Header;
use crate::media::slot::SendSlot;

/// One packet of one of the client's sources, opened.
#[derive(Clone, PartialEq, Debug)]
pub struct Ingress {
    /// Place of the track in the room.
    pub track: usize,
    /// Simulcast layer.
    pub layer: u8,
    /// The layer's SSRC.
    pub ssrc: u32,
    /// Extended sequence number.
    pub sequence: u64,
    /// RTP time.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// RFC 6464 level.
    pub audio_level: Option<u8>,
    /// When it came.
    pub came: Instant,
    /// Where the payload is in the datagram.
    pub payload: Range<usize>,
    /// Lost packets whose sound came with this one (RFC 2198), oldest first.
    pub mended: ArrayVec<Mended, { red::MAX_DEPTH }>,
}

/// A lost packet whose payload came as redundancy of a later one.
#[derive(Clone, PartialEq, Debug)]
pub struct Mended {
    sequence: u64,
    timestamp: u32,
    payload: Range<usize>,
}

impl Ingress {
    /// The lost packet as if it had come itself.
    pub fn as_if(&self, mended: &Mended) -> Self {
        let Mended { sequence, timestamp, payload } = mended.clone();
        Self { sequence, timestamp, payload, marker: false, audio_level: None, mended: ArrayVec::new(), ..*self }
    }
}

/// One report of the client, with what it is about resolved.
#[derive(Clone, PartialEq, Debug)]
pub enum RtcpIngress {
    /// A sender report of one of its sources.
    Clock {
        /// Track and layer.
        track: usize,
        /// The layer.
        layer: u8,
        /// SSRC.
        ssrc: u32,
        /// Its wall clock.
        ntp: u64,
        /// RTP time.
        rtp: u32,
        /// The server's instant for it.
        at: Option<Instant>,
    },
    /// A slot's packets are to be sent again.
    Nack {
        /// The slot's place.
        slot: usize,
        /// Sequence numbers.
        sequences: Vec<u16>,
    },
    /// A slot needs a key frame.
    KeyFrame {
        /// The slot's place.
        slot: usize,
    },
}

impl Peer {
    /// Handles a DTLS datagram.
    pub fn handle_dtls(&mut self, now: Instant, path: Path, datagram: &[u8], out: &mut Outbox) -> Progress {
        let progress = self.dtls.handle_datagram(now, datagram);
        self.flush_dtls(path, out);
        progress
    }

    /// Takes the keys of the handshake.
    pub fn connect(&mut self, now: Instant, keys: (crate::media::srtp::Opener, crate::media::srtp::Sealer)) {
        self.opener = Some(keys.0);
        self.sealer = Some(keys.1);
        self.connected = Some(now);
        self.last_heard = now;
    }

    /// Handles an SRTP datagram; `None` when it is nothing to forward.
    pub fn handle_rtp(&mut self, at: &Moment, path: &Path, datagram: &mut [u8]) -> Option<Ingress> {
        self.budget = self.budget.checked_sub(1)?;
        let opener = self.opener.as_mut()?;
        let header = Header::parse(datagram)?;
        let known = self.streams.place(header.ssrc);
        let guess = known
            .and_then(|place| self.streams.at(place))
            .map_or_else(|| 1 << 16 | u64::from(header.sequence), |s| s.sequences.guess(header.sequence));
        let len = match opener.open_rtp(datagram, &header, guess) {
            Ok(len) => len,
            Err(_) => {
                self.counters.refused += 1;
                return None;
            }
        };
        let packet = datagram.get(..len)?;
        self.heard_on(at.now, path);
        self.counters.bytes_up += len as u64;
        let place = match known {
            Some(place) => place,
            None => self.bind(&header, packet)?,
        };
        let stream = self.streams.at(place)?;
        let line_index = stream.line;
        let line = self.up.get(line_index)?;
        if let Some(id) = line.extensions.transport_cc
            && let Some([a, b]) = header.extension(packet, id)
        {
            self.arrivals.note(u16::from_be_bytes([*a, *b]), at.came);
        }
        let audio_level = line
            .extensions
            .audio_level
            .and_then(|id| header.extension(packet, id))
            .and_then(|e| e.first())
            .map(|level| level & 0x7f);
        let mut payload = header.payload(packet);
        let mut blocks = None;
        if line.codec.red == Some(header.payload_type) {
            let found = red::parse(packet.get(payload.clone())?, line.codec.payload_type)?;
            let start = payload.start;
            payload = start + found.primary.start..start + found.primary.end;
            blocks = Some((start, found.older));
        }
        let track = line.track;
        stream.note(guess, header.timestamp, at.came);
        if stream.is_repair {
            let layer = stream.layer;
            return self.restore((line_index, layer, track), &header, packet, payload, at.came);
        }
        let mended = blocks.map(|(start, older)| mend(stream, guess, header.timestamp, start, older));
        Some(Ingress {
            track,
            layer: stream.layer,
            ssrc: header.ssrc,
            sequence: guess,
            timestamp: header.timestamp,
            marker: header.marker,
            audio_level,
            came: at.came,
            payload,
            mended: mended.unwrap_or_default(),
        })
    }

    /// RFC 4588 §4: the first two payload bytes are the original sequence number.
    fn restore(
        &mut self,
        (line, layer, track): (usize, u8, usize),
        header: &Header,
        packet: &[u8],
        payload: Range<usize>,
        came: Instant,
    ) -> Option<Ingress> {
        let original = packet.get(payload.clone())?.first_chunk::<2>()?;
        let sequence = u16::from_be_bytes(*original);
        let primary = self.streams.iter_mut().find(|s| s.line == line && s.layer == layer && !s.is_repair)?;
        let extended = primary.sequences.guess(sequence);
        primary.recovered(extended);
        Some(Ingress {
            track,
            layer,
            ssrc: primary.ssrc,
            sequence: extended,
            timestamp: header.timestamp,
            marker: header.marker,
            audio_level: None,
            came,
            payload: payload.start + 2..payload.end,
            mended: ArrayVec::new(),
        })
    }

    /// Binds a new SSRC by what its authenticated packet says (RFC 8843 §9.2, RFC 8852), else by the offer's SSRCs,
    /// else by the payload type where only one line has it.
    fn bind(&mut self, header: &Header, packet: &[u8]) -> Option<usize> {
        let text = |id: Option<u8>| id.and_then(|id| header.extension(packet, id)).map(<[u8]>::to_vec);
        let mut found = None;
        for (index, line) in self.up.iter().enumerate() {
            let mid = text(line.extensions.mid);
            if mid.as_deref() != Some(line.mid.as_bytes()) {
                continue;
            }
            let is_repair_type = line.codec.rtx == Some(header.payload_type);
            if line.rids.is_empty() {
                found = Some((index, 0, is_repair_type));
                break;
            }
            let place = |rid: Option<Vec<u8>>| {
                let rid = rid?;
                line.rids.iter().position(|r| r.as_bytes() == rid)
            };
            if let Some(layer) = place(text(line.extensions.repaired_rid)) {
                found = Some((index, layer as u8, true));
            } else if let Some(layer) = place(text(line.extensions.rid)) {
                found = Some((index, layer as u8, is_repair_type));
            }
            break;
        }
        let found = found.or_else(|| self.declared.get(&header.ssrc).copied()).or_else(|| {
            let mut same = self.up.iter().enumerate().filter(|(_, l)| {
                l.rids.is_empty()
                    && (l.codec.payload_type == header.payload_type
                        || [l.codec.rtx, l.codec.red].contains(&Some(header.payload_type)))
            });
            let (index, line) = same.next()?;
            let repair = line.codec.rtx == Some(header.payload_type);
            same.next().is_none().then_some((index, 0, repair))
        });
        let (index, layer, is_repair) = found?;
        let rate = self.up.get(index)?.codec.codec.clock_rate();
        Some(self.streams.bind(ReceiveStream::new(header.ssrc, index, layer, is_repair, rate)))
    }

    /// Handles an SRTCP datagram.
    pub fn handle_rtcp(
        &mut self,
        at: &Moment,
        path: &Path,
        wall_ntp: u64,
        datagram: &mut [u8],
        fates: &mut Vec<Fate>,
    ) -> Vec<RtcpIngress> {
        let Some(opener) = self.opener.as_mut() else { return vec![] };
        let Some(budget) = self.budget.checked_sub(1) else { return vec![] };
        self.budget = budget;
        let Ok(len) = opener.open_rtcp(datagram) else {
            self.counters.refused += 1;
            return vec![];
        };
        self.reports_from = rtcp::sender(datagram);
        self.heard_on(at.now, path);
        let reports = rtcp::parse(datagram.get(..len).unwrap_or_default());
        let resolved = reports.into_iter().filter_map(|r| self.resolve(r, at, wall_ntp, fates)).collect();
        if !self.has_transport_cc() {
            let sent = self.counters.bytes_down_before + self.counters.bytes_down;
            self.estimate.judge_reports(at.now.saturating_duration_since(self.created), sent, self.wanted);
        }
        resolved
    }

    /// A report block about one of our streams. Who tells of every packet is not moved by it.
    fn note_reception(&mut self, slot: usize, fraction_lost: u8, highest: u32, now: Instant) {
        if self.has_transport_cc() {
            return;
        }
        let Some(slot) = self.slots.get_mut(slot) else { return };
        let expected = highest.wrapping_sub(std::mem::replace(&mut slot.reported, highest));
        self.estimate.note_reception(now.saturating_duration_since(self.created), expected, fraction_lost);
    }

    fn resolve(
        &mut self,
        report: Report,
        &Moment { now, came }: &Moment,
        wall_ntp: u64,
        fates: &mut Vec<Fate>,
    ) -> Option<RtcpIngress> {
        let slot_of = |slots: &[SendSlot], ssrc| slots.iter().position(|s| s.ssrc == ssrc);
        let since = now.saturating_duration_since(self.created);
        match report {
            Report::Sender { ssrc, ntp, rtp } => {
                let at = self.clock.note(ntp, came);
                let stream = self.streams.place(ssrc).and_then(|place| self.streams.at(place))?;
                stream.note_report(ntp, came);
                let (layer, repair, line) = (stream.layer, stream.is_repair, stream.line);
                let track = self.up.get(line)?.track;
                (!repair).then_some(RtcpIngress::Clock { track, layer, ssrc, ntp, rtp, at })
            }
            Report::Reception { ssrc, fraction_lost, highest, last_report, delay } => {
                let slot = slot_of(&self.slots, ssrc)?;
                self.note_reception(slot, fraction_lost, highest, now);
                self.counters.loss_down = self.counters.loss_down.max(f32::from(fraction_lost) / 256.0);
                if last_report != 0 {
                    // RFC 3550 §6.4.1: arrival − LSR − DLSR, in 1/65,536 s.
                    let trip = ((wall_ntp >> 16) as u32).wrapping_sub(last_report).wrapping_sub(delay);
                    if trip < 10 * 65_536 {
                        let round_trip = Duration::from_micros(u64::from(trip) * 1_000_000 / 65_536);
                        self.counters.round_trip = Some(round_trip);
                        self.estimate.note_round_trip(round_trip);
                        if !self.has_transport_cc() {
                            self.estimate.note_reported_round_trip(since, round_trip);
                        }
                    }
                }
                None
            }
            Report::Transport(feedback) => {
                let delivery = self.departures.acknowledge(&feedback, fates);
                self.estimate.feed(since, fates);
                self.set_pace(now);
                self.counters.delivered.0 += delivery.arrived;
                self.counters.delivered.1 += delivery.lost;
                self.counters.untrue += u64::from(delivery.untrue);
                None
            }
            Report::Remb(remb) => {
                let is_ours = |s: &SendSlot| remb.ssrcs.contains(&s.ssrc) || remb.ssrcs.contains(&s.rtx_ssrc);
                if !self.has_transport_cc() && self.slots.iter().any(is_ours) {
                    self.estimate.note_remb(since, remb.bits);
                }
                None
            }
            Report::Nack { ssrc, sequences } => {
                let slot = slot_of(&self.slots, ssrc)?;
                Some(RtcpIngress::Nack { slot, sequences })
            }
            Report::KeyFrame { ssrc } => Some(RtcpIngress::KeyFrame { slot: slot_of(&self.slots, ssrc)? }),
        }
    }
}

/// Of the older blocks of a packet those whose own packet is missing; they are missing no longer.
fn mend(
    stream: &mut ReceiveStream,
    sequence: u64,
    timestamp: u32,
    start: usize,
    older: ArrayVec<red::Block, { red::MAX_DEPTH }>,
) -> ArrayVec<Mended, { red::MAX_DEPTH }> {
    let lost = |block: red::Block| {
        let sequence = sequence.checked_sub(u64::from(block.back))?;
        stream.is_missing(sequence).then(|| {
            stream.recovered(sequence);
            let payload = start + block.range.start..start + block.range.end;
            Mended { sequence, timestamp: timestamp.wrapping_sub(block.offset), payload }
        })
    };
    older.into_iter().filter_map(lost).collect()
}
