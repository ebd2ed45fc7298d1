//! From an offer to a peer and its answer.

use std::collections::HashMap;
use std::time::Instant;

use rand::Rng;
use tongke_signaling::command::{DecodeBudget, Refusal, SeatId, SessionId, SessionRole, Slot, SourceKind, VideoCodec};

use super::{Counters, MAX_PACKETS_A_SECOND, Peer, Redundancy, UpLine};
use crate::media::ahead::Mark;
use crate::media::departures::Departures;
use crate::media::dtls::{Dtls, Identity};
use crate::media::estimate::Estimate;
use crate::media::ice::Credentials;
use crate::media::outbox::LaneRef;
use crate::media::pacer::Pacer;
use crate::media::receive::Streams;
use crate::media::sdp::{
    AnswerPlan, Candidates, Codec, Line, LineUse, MediaKind, Offer, OfferedCodec, fit, group_of, write_answer,
};
use crate::media::slot::SendSlot;
use crate::media::timeline::SessionClock;
use crate::media::twcc::Arrivals;

/// What the server brings to a negotiation.
pub struct Negotiation<'s> {
    /// Certificate and crypto.
    pub identity: &'s Identity,
    /// Where the server is reached.
    pub candidates: &'s Candidates,
    /// Number of the worker.
    pub worker: u8,
    /// Codecs the lesson allows, best first; one once it is frozen.
    pub allowed: &'s [VideoCodec],
    /// True once the codec is frozen.
    pub frozen: bool,
    /// Number of the peer in the life of the process.
    pub serial: u64,
}

/// A peer just made.
pub struct Joined {
    /// The peer; its `up` tracks and `room` are still to be set by the room.
    pub peer: Peer,
    /// SDP.
    pub answer: String,
    /// The codec its sending video lines use, where it has any.
    pub sends: Option<VideoCodec>,
    /// False: it lacks the lesson's codec and gets sound only.
    pub video: bool,
    /// Slots and their mids.
    pub slots: Vec<(Slot, String)>,
}

impl Peer {
    /// Answers an offer.
    pub fn join(
        now: Instant,
        (session, seat, role): (SessionId, SeatId, SessionRole),
        offer: &str,
        server: &Negotiation<'_>,
        rng: &mut impl Rng,
    ) -> Result<Joined, Refusal> {
        let offer = Offer::parse(offer)?;
        let uses = fit(&offer, role)?;
        let sends = choose_codec(&offer, &uses, server)?;
        let Lines { up, slots, declared, plans, video } = Lines::plan(&offer, &uses, sends, server, rng);
        let credentials = Credentials::generate(server.worker, rng);
        let fingerprint = &server.identity.fingerprint;
        let answer = write_answer(&offer, &uses, &plans, &credentials, fingerprint, server.candidates);
        let first = offer.lines.first();
        let listed = slots.iter().map(|s| (s.slot, s.mid.clone())).collect();
        let peer = Self {
            mark: Mark::default(),
            session,
            seat,
            role,
            room: usize::MAX,
            serial: server.serial,
            credentials,
            pending: None,
            theirs: offer.credentials.clone(),
            rebound: None,
            reports_from: None,
            first_line: first.map_or((String::new(), true), |l| (l.mid.clone(), l.kind == MediaKind::Audio)),
            path: None,
            paths: Vec::new(),
            up,
            slots,
            created: now,
            connected: None,
            wanted: 0.0,
            line: None,
            decode: DecodeBudget::default(),
            given: 0.0,
            pictures: 0.0,
            sound: 0.0,
            last_heard: now,
            reports_due: false,
            counters: Counters::default(),
            dtls: Dtls::new(server.identity.clone(), offer.fingerprint.clone()),
            opener: None,
            sealer: None,
            streams: Streams::default(),
            declared,
            arrivals: Arrivals::default(),
            departures: Departures::default(),
            estimate: Estimate::new(None),
            pacer: Pacer::default(),
            redundancy: Redundancy::default(),
            clock: SessionClock::default(),
            lane: LaneRef::default(),
            our_ssrc: rng.random(),
            heard_elsewhere: None,
            budget: MAX_PACKETS_A_SECOND,
            scratch: Vec::new(),
        };
        Ok(Joined { peer, answer, sends, video, slots: listed })
    }
}

/// What becomes of the offer's lines.
struct Lines {
    up: Vec<UpLine>,
    slots: Vec<SendSlot>,
    declared: HashMap<u32, (usize, u8, bool)>,
    plans: Vec<AnswerPlan>,
    video: bool,
}

impl Lines {
    fn plan(
        offer: &Offer,
        uses: &[LineUse],
        sends: Option<VideoCodec>,
        server: &Negotiation<'_>,
        rng: &mut impl Rng,
    ) -> Self {
        let mut lines = Self { up: vec![], slots: vec![], declared: HashMap::new(), plans: vec![], video: true };
        // Numbers of sound alone would tell of a part of what is sent and be taken for the whole.
        let is_down = |(_, what): &(&Line, &LineUse)| matches!(what, LineUse::Down(_));
        let received = offer.lines.iter().zip(uses).filter(is_down).map(|(line, _)| line);
        let are_numbered = received.filter(|l| l.kind == MediaKind::Video).all(|l| number_id(l, &l.codecs).is_some());
        for (line, what) in offer.lines.iter().zip(uses) {
            let plan = match what {
                LineUse::Up(kind) => lines.send(line, *kind, sends),
                LineUse::Down(slot) => lines.receive(line, *slot, are_numbered, server, rng),
            };
            lines.video &= plan.is_some();
            lines.plans.push(plan.unwrap_or(AnswerPlan::Reject));
        }
        lines
    }

    /// A line on which the client sends; `None` where it lacks the lesson's codec.
    fn send(&mut self, line: &Line, kind: SourceKind, sends: Option<VideoCodec>) -> Option<AnswerPlan> {
        let codec = match line.kind {
            MediaKind::Audio => line.codecs.first(),
            MediaKind::Video => line.codecs.iter().find(|c| sends.is_some_and(|s| c.codec == s.into())),
        };
        let codec = codec.cloned()?;
        declare(&mut self.declared, line, self.up.len());
        self.up.push(UpLine {
            kind,
            mid: line.mid.clone(),
            codec: codec.clone(),
            rids: line.rids.clone(),
            extensions: line.extensions,
            nack: line.kind == MediaKind::Video || line.audio_nack,
            track: usize::MAX,
        });
        Some(AnswerPlan::Receive(codec))
    }

    /// A line on which the client receives; `None` without any codec in common.
    fn receive(
        &mut self,
        line: &Line,
        slot: Slot,
        are_numbered: bool,
        server: &Negotiation<'_>,
        rng: &mut impl Rng,
    ) -> Option<AnswerPlan> {
        let (made, plan) = down(line, slot, are_numbered, server, rng)?;
        if server.frozen && line.kind == MediaKind::Video {
            self.video &= server.allowed.first().is_none_or(|c| made.payload_types((*c).into()).is_some());
        }
        self.slots.push(made);
        Some(plan)
    }
}

/// The first codec the lesson allows that the client can send. A room that lacks it joins with its sound; a WHIP
/// publisher without it has nothing to offer the class and is refused.
fn choose_codec(offer: &Offer, uses: &[LineUse], server: &Negotiation<'_>) -> Result<Option<VideoCodec>, Refusal> {
    let sending: Vec<(usize, &Line)> = offer
        .lines
        .iter()
        .enumerate()
        .zip(uses)
        .filter(|((_, l), u)| matches!(u, LineUse::Up(_)) && l.kind == MediaKind::Video)
        .map(|(l, _)| l)
        .collect();
    let Some((index, line)) = sending.first() else { return Ok(None) };
    let has = |codec: VideoCodec| line.codecs.iter().any(|c| c.codec == Codec::from(codec));
    let chosen = server.allowed.iter().copied().find(|c| has(*c));
    let only_publishes = !uses.iter().any(|u| matches!(u, LineUse::Down(_)));
    if chosen.is_none() && only_publishes {
        let why = format!("none of the lesson's codecs {:?}", server.allowed);
        return Err(Refusal::Unfit { line: Some(*index), why });
    }
    Ok(chosen)
}

fn declare(declared: &mut HashMap<u32, (usize, u8, bool)>, line: &Line, up: usize) {
    for (layer, (ssrc, repair)) in line.ssrcs.iter().enumerate() {
        let layer = if line.rids.is_empty() { 0 } else { layer as u8 };
        declared.insert(*ssrc, (up, layer, false));
        if let Some(repair) = repair {
            declared.insert(*repair, (up, layer, true));
        }
    }
}

/// Under which id packets of a line are numbered transport-wide, if they are. Ids above 14 need the long form (RFC 8285
/// §4.3), which no browser asks for.
fn number_id(line: &Line, codecs: &[OfferedCodec]) -> Option<u8> {
    // Without RTX a packet is sent again under its old index, so it must be the same to the byte: a new number in its
    // header would seal two packets with one nonce (RFC 5116 §5.1.1). Of sound the few old numbers are remembered.
    let is_repaired_apart = codecs.iter().all(|c| c.rtx.is_some());
    let is_safe = is_repaired_apart || line.kind == MediaKind::Audio;
    line.extensions.transport_cc.filter(|id| is_safe && (1..=14).contains(id))
}

fn down(
    line: &Line,
    slot: Slot,
    are_numbered: bool,
    server: &Negotiation<'_>,
    rng: &mut impl Rng,
) -> Option<(SendSlot, AnswerPlan)> {
    let mut codecs = line.codecs.clone();
    if line.kind == MediaKind::Video {
        codecs.retain(|c| server.allowed.iter().any(|a| c.codec == (*a).into()));
        codecs.sort_by_key(|c| server.allowed.iter().position(|a| c.codec == (*a).into()));
        if codecs.is_empty() {
            codecs = line.codecs.clone();
        }
    }
    if codecs.is_empty() {
        return None;
    }
    let (ssrc, rtx) = (rng.random::<u32>().max(1), rng.random::<u32>().max(1));
    let has_rtx = codecs.iter().any(|c| c.rtx.is_some());
    let transport_cc = number_id(line, &codecs).filter(|_| are_numbered || line.kind == MediaKind::Video);
    let repair = has_rtx.then_some(rtx);
    let plan = AnswerPlan::Send { codecs: codecs.clone(), ssrc, rtx: repair, group: group_of(slot), transport_cc };
    let mut slot = SendSlot::new(slot, line.mid.clone(), ssrc, rtx, codecs, rng.random());
    slot.number_by(transport_cc);
    Some((slot, plan))
}
