//! A lesson as the media plane sees it: whose track flows into whose slot.
//!
//! Knows tracks, viewers and mutes; the peers themselves belong to the core and are lent for each call.

use std::collections::HashMap;
use std::time::Instant;

use tongke_signaling::command::{Event, LessonId, RecordingId, SessionRole, Slot, Source, SourceKind, VideoCodec};

use super::ahead::line_of;
use super::departures::Ticks;
use super::held::Held;
use super::keyframe;
use super::outbox::{Outbox, RecordedPacket, RecordedReport};
use super::peer::{Forward, Ingress, Peers};
use super::ring::Kept;
use super::rtp::write_header;
use super::run::{Arrived, Each, Runs};
use super::sdp::Codec;
use super::slot::{SendSlot, Sent};
use super::track::{Layer, PeerKey, Track};

/// Of so many receivers further on memory is asked for, first what stands in the session, then what that leads to.
const FAR: usize = 4;
const NEAR: usize = 2;

/// See the module.
#[derive(Debug)]
pub struct Room {
    /// The lesson.
    pub lesson: LessonId,
    /// Its place in the core's table.
    place: usize,
    /// Codecs allowed, best first; one once frozen.
    pub allowed: Vec<VideoCodec>,
    /// The codec is frozen.
    pub frozen: bool,
    /// Where packets are recorded, while they are.
    pub recording: Option<RecordingId>,
    /// Sessions in the lesson.
    pub peers: Vec<PeerKey>,
    /// Published (or once published) sources.
    pub tracks: Vec<Track>,
    mutes: HashMap<Source, bool>,
    generations: u32,
    /// Times of sending count from here.
    pub epoch: Instant,
    held: Held,
}

impl Room {
    /// An empty room at this place of the core's table.
    pub fn new(lesson: LessonId, place: usize, allowed: Vec<VideoCodec>, now: Instant) -> Self {
        Self {
            lesson,
            place,
            allowed,
            frozen: false,
            recording: None,
            peers: Vec::new(),
            tracks: Vec::new(),
            mutes: HashMap::new(),
            generations: 0,
            epoch: now,
            held: Held::default(),
        }
    }

    /// A session joined: its sources become tracks that it owns from now on.
    pub fn publish(&mut self, key: PeerKey, peers: &mut Peers, out: &mut Outbox) {
        self.peers.push(key);
        let Some(peer) = peers.get_mut(key) else { return };
        let (seat, role, serial) = (peer.seat, peer.role, peer.serial);
        let mut taken = Vec::new();
        for line in &mut peer.up {
            let source = Source { seat, kind: line.kind };
            let codec = line.codec.codec;
            let index = match self.tracks.iter().position(|t| t.source == source) {
                Some(index) => index,
                None => {
                    // A room's voice is closed until the stage opens it; whatever an order said before counts more.
                    let closed = role == SessionRole::InteractiveRoom && line.kind == SourceKind::Microphone;
                    let muted = self.mutes.get(&source).copied().unwrap_or(closed);
                    self.tracks.push(Track::new(source, codec, muted));
                    self.tracks.len() - 1
                }
            };
            line.track = index;
            if let Some(track) = self.tracks.get_mut(index) {
                track.take_over(key, serial, codec);
                taken.push(index);
            }
        }
        for index in taken {
            self.detach_viewers(index, peers, out);
            let Some(track) = self.tracks.get_mut(index) else { continue };
            for viewer in &self.peers {
                let Some(peer) = peers.get(*viewer) else { continue };
                for (at, slot) in peer.slots.iter().enumerate() {
                    let place = (*viewer, at);
                    if track.serves(slot.want) && !track.viewers.contains(&place) {
                        track.viewers.push(place);
                    }
                }
            }
        }
    }

    /// The newest other session that has a line for this track, with what it says of itself and its line.
    fn heir(&self, track: usize, peers: &Peers) -> Option<(PeerKey, u64, Codec)> {
        self.peers.iter().rev().find_map(|key| {
            let peer = peers.get(*key)?;
            let line = peer.up.iter().find(|line| line.track == track)?;
            Some((*key, peer.serial, line.codec.codec))
        })
    }

    /// Nothing flows from a track any more; receivers keep its last picture and are told so.
    fn detach_viewers(&mut self, index: usize, peers: &mut Peers, out: &mut Outbox) {
        let Some(track) = self.tracks.get(index) else { return };
        for (viewer, at) in &track.viewers {
            let Some(peer) = peers.get_mut(*viewer) else { continue };
            let session = peer.session;
            let shown = |s: &&SendSlot| s.shown.is_some_and(|shown| shown.track == index);
            if let Some((slot, source)) = peer.slots.get(*at).filter(shown).map(|s| (s.slot, s.want)) {
                peer.rest(*at);
                out.events.push(Event::SlotState { session, slot, source, live: false });
            }
        }
    }

    /// A session left: its sources fall silent, its slots close. Where another session of the seat sends the same source
    /// (a console behind a recorder box), that one is seen and heard again.
    pub fn leave(&mut self, key: PeerKey, peers: &mut Peers, out: &mut Outbox) {
        self.peers.retain(|p| *p != key);
        for index in 0..self.tracks.len() {
            let heir = self.heir(index, peers);
            let Some(track) = self.tracks.get_mut(index) else { continue };
            track.viewers.retain(|(viewer, _)| *viewer != key);
            if track.owner == Some(key) {
                track.owner = None;
                if let Some((owner, connection, codec)) = heir {
                    track.take_over(owner, connection, codec);
                }
                if std::mem::take(&mut track.live) {
                    let source = track.source;
                    out.events.push(Event::SourceLive { lesson: self.lesson, source, live: false });
                }
                self.detach_viewers(index, peers, out);
            }
        }
    }

    /// Puts a source into a slot; false where nothing changes.
    pub fn show(
        &mut self,
        key: PeerKey,
        slot: Slot,
        source: Option<Source>,
        peers: &mut Peers,
        out: &mut Outbox,
    ) -> bool {
        let Some(peer) = peers.get_mut(key) else { return false };
        let Some((index, place)) = peer.slots.iter_mut().enumerate().find(|(_, s)| s.slot == slot) else {
            return false;
        };
        if place.want == source {
            return false;
        }
        place.want = source;
        place.place.renew();
        peer.rest(index);
        let session = peer.session;
        out.events.push(Event::SlotState { session, slot, source, live: false });
        for track in &mut self.tracks {
            track.viewers.retain(|v| *v != (key, index));
            if track.serves(source) {
                track.viewers.push((key, index));
            }
        }
        true
    }

    /// Looks anew at all that may serve who asked for a source ([`Room::retarget`]).
    pub fn retarget_source(&mut self, source: Option<Source>, now: Instant, peers: &mut Peers, out: &mut Outbox) {
        for track in 0..self.tracks.len() {
            if self.tracks.get(track).is_some_and(|t| t.serves(source)) {
                self.retarget(track, now, peers, out);
            }
        }
    }

    /// Lets a source be heard or not. Whoever saw it waits for a new beginning.
    pub fn mute(&mut self, source: Source, muted: bool, now: Instant, peers: &mut Peers, out: &mut Outbox) {
        if source.kind == SourceKind::Screen {
            self.mute(Source { kind: SourceKind::ScreenSlow, ..source }, muted, now, peers, out);
        }
        self.mutes.insert(source, muted);
        let Some(index) = self.tracks.iter().position(|t| t.source == source) else { return };
        let Some(track) = self.tracks.get_mut(index).filter(|t| t.muted != muted) else { return };
        track.muted = muted;
        track.tap.current = None;
        self.detach_viewers(index, peers, out);
        if !muted {
            self.retarget(index, now, peers, out);
        }
    }

    /// Chooses the layer each viewer of a track should get, and asks for key frames where one changes.
    pub fn retarget(&mut self, index: usize, now: Instant, peers: &mut Peers, out: &mut Outbox) {
        let twin_lives = self.twin_lives(index, now);
        let Some(track) = self.tracks.get_mut(index).filter(|t| !t.muted && t.is_sending(now)) else { return };
        let is_twin = track.source.kind == SourceKind::ScreenSlow;
        let mut wanted = [false; super::track::MAX_LAYERS];
        for (viewer, slot) in &track.viewers {
            let Some(slot) = peers.get_mut(*viewer).and_then(|p| p.slots.get_mut(*slot)) else { continue };
            // Whoever asked for the twin itself gets it.
            let is_twin = is_twin && slot.want != Some(track.source);
            let most = slot.most(is_twin, twin_lives);
            let Some((layer, generation)) = most.and_then(|most| track.choose(most, now)) else { continue };
            let shown = slot.shown.is_some_and(|s| (s.track, s.layer, s.generation) == (index, layer, generation));
            slot.target = Some((index, layer, generation));
            if let Some(w) = wanted.get_mut(usize::from(layer)) {
                *w |= !shown;
            }
        }
        let best = track.choose(u8::MAX, now);
        if self.recording.is_some()
            && track.is_kept()
            && best.is_some()
            && track.tap.current != best
            && let Some(w) = best.and_then(|(l, _)| wanted.get_mut(usize::from(l)))
        {
            *w = true;
        }
        for (layer, _) in wanted.iter().enumerate().filter(|(_, w)| **w) {
            self.want_key(index, layer as u8);
        }
        self.send_key_requests(index, now, peers, out);
    }

    /// True if the slow twin of these slides comes, so that it can take their place.
    fn twin_lives(&self, index: usize, now: Instant) -> bool {
        let Some(track) = self.tracks.get(index) else { return false };
        let twin = Source { kind: SourceKind::ScreenSlow, ..track.source };
        self.tracks.iter().any(|t| t.source == twin && !t.muted && t.is_sending(now))
    }

    /// What is kept of a packet that was sent, or waits to be; of a source that was muted since then, nothing.
    pub fn kept(&self, sent: &Sent) -> Option<&Kept> {
        let track = self.tracks.get(sent.shown.track).filter(|t| !t.muted)?;
        track.layer(sent.shown.layer, sent.shown.generation)?.ring.find(sent.sequence)
    }

    /// Notes that a layer's key frame is wanted.
    pub fn want_key(&mut self, track: usize, layer: u8) {
        let Some(track) = self.tracks.get_mut(track).filter(|t| t.codec != Codec::Opus) else { return };
        if let Some(layer) = track.layers.get_mut(usize::from(layer)).and_then(Option::as_mut) {
            layer.want_key();
        }
    }

    /// Asks for the key frame of the highest living layer, for the recorder.
    pub fn want_recorded_key(&mut self, source: Source, now: Instant) {
        let Some(index) = self.tracks.iter().position(|t| t.source == source) else { return };
        let layer = self.tracks.get(index).and_then(|t| t.tap.current.or_else(|| t.choose(u8::MAX, now)));
        if let Some((layer, _)) = layer {
            self.want_key(index, layer);
        }
    }

    /// Sends the key-frame requests that are due.
    pub fn send_key_requests(&mut self, track: usize, now: Instant, peers: &mut Peers, out: &mut Outbox) {
        let Some(track) = self.tracks.get_mut(track) else { return };
        let Some(owner) = track.owner.and_then(|o| peers.get_mut(o)) else { return };
        for layer in track.layers.iter_mut().flatten() {
            if layer.take_key_request(now) {
                owner.ask_key_frame(layer.ssrc, out);
            }
        }
    }

    /// Walk one of architecture.md from step 4 on: keeps a packet, hands it to the recorder and puts it to those that are to be
    /// forwarded. There it is written at once: what is given back would be read only after the payload, which was written
    /// before, has reached the cache. `None`: it is not forwarded.
    #[expect(clippy::too_many_arguments, reason = "what a packet touches, all of different types")]
    pub fn keep(
        &mut self,
        owner: PeerKey,
        packet: &Ingress,
        datagram: &[u8],
        now: Instant,
        peers: &mut Peers,
        arrived: &mut Runs,
        out: &mut Outbox,
    ) -> Option<()> {
        let index = packet.track;
        let track = self.tracks.get_mut(index).filter(|t| t.owner == Some(owner))?;
        let payload = datagram.get(packet.payload.clone())?;
        let codec = track.codec;
        let mut is_new = false;
        let place = track.layers.get_mut(usize::from(packet.layer))?;
        if place.as_ref().is_none_or(|l| l.ssrc != packet.ssrc) {
            self.generations += 1;
            *place = Some(Layer::new(packet.ssrc, self.generations, codec, now));
            is_new = true;
        }
        let layer = place.as_mut()?;
        layer.meter.note(payload.len());
        layer.clock.note_packet(packet.timestamp, packet.came);
        if packet.audio_level.is_some() {
            track.level = packet.audio_level;
        }
        let key = keyframe::begins(codec, payload);
        let generation = layer.generation;
        if track.note_packet(packet.layer, packet.timestamp, key, now) || is_new {
            self.retarget(index, now, peers, out);
        }
        // What is muted is not kept either: nobody may get it later by asking for a retransmission.
        let track = self.tracks.get_mut(index).filter(|t| !t.muted)?;
        let layer = track.layers.get_mut(usize::from(packet.layer)).and_then(Option::as_mut)?;
        let captured = layer.clock.time_of(packet.timestamp).unwrap_or(now);
        layer.ring.keep(packet.sequence, packet.timestamp, packet.marker, key, payload)?;
        if codec == Codec::Opus {
            layer.ring.note_behind(packet.sequence);
        }
        if let Some(first) = track.viewers.first() {
            line_of(first);
        }
        if let Some(recording) = self.recording {
            self.record(recording, packet, payload, key, generation, now, out);
        }
        let from = (index, packet.layer, generation);
        arrived.push(Arrived { room: self.place, from, sequence: packet.sequence, captured });
        Some(())
    }

    /// Lets a run of kept pictures wait for what comes next; false for sound, and where too many wait.
    pub fn hold(&mut self, run: &[Arrived], now: Instant) -> bool {
        let track = run.first().and_then(|packet| self.tracks.get(packet.from.0));
        track.is_some_and(|track| track.codec != Codec::Opus) && self.held.put(run, now)
    }

    /// Since when the oldest picture waits.
    pub fn held_since(&self) -> Option<Instant> {
        self.held.since()
    }

    /// Forwards what waits; true as of [`Room::forward`].
    pub fn release(&mut self, now: Instant, peers: &mut Peers, out: &mut Outbox) -> bool {
        self.held.arrange();
        if let Some(first) = self.held.runs().next().and_then(|run| run.first()) {
            self.expect(first, peers);
        }
        let report_due = self.held.runs().fold(false, |due, run| due | self.forward(run, now, peers, out));
        self.held.clear();
        report_due
    }

    /// Asks for the first receivers of what is forwarded next.
    pub fn expect(&self, next: &Arrived, peers: &Peers) {
        if let Some(track) = self.tracks.get(next.from.0) {
            (0..FAR).for_each(|at| track.expect_viewer(at, peers));
        }
    }

    /// Forwards a run of kept packets to all who are shown them; true when a slot's report has come to be due.
    pub fn forward(&self, run: &[Arrived], now: Instant, peers: &mut Peers, out: &mut Outbox) -> bool {
        let Some(from) = run.first().map(|packet| packet.from) else { return false };
        // It may have been muted while it waited.
        let Some(track) = self.tracks.get(from.0).filter(|t| !t.muted) else { return false };
        let Some(layer) = track.layer(from.1, from.2) else { return false };
        let codec = track.codec;
        let sent = Ticks::since(self.epoch, now);
        let mut packets = Each::<Forward<'_>>::new();
        for &Arrived { sequence, captured, .. } in run {
            let Some(kept) = layer.ring.find(sequence) else { continue };
            let older = if kept.behind == 0 { [None, None] } else { [2, 1].map(|n| layer.ring.find(sequence - n)) };
            packets.push(Forward { from, kept, older, codec, captured, now, sent });
        }
        let mut report_due = false;
        for at in 0..NEAR {
            track.expect_viewer_now(at, peers);
            out.expect(at);
        }
        if codec == Codec::Opus && !track.viewers.is_empty() {
            out.hurry();
        }
        for (at, (viewer, slot)) in track.viewers.iter().enumerate() {
            track.expect_viewer(at + FAR, peers);
            track.expect_viewer_now(at + NEAR, peers);
            out.expect(NEAR);
            let Some(peer) = peers.get_mut(*viewer) else { continue };
            for packet in &packets {
                if peer.forward(*slot, packet, out)
                    && let Some(s) = peer.slots.get(*slot)
                {
                    let state = Event::SlotState { session: peer.session, slot: s.slot, source: s.want, live: true };
                    out.events.push(state);
                }
            }
            report_due |= peer.reports_due;
        }
        report_due
    }

    #[expect(clippy::too_many_arguments, reason = "one packet's facts, all of different types")]
    fn record(
        &mut self,
        recording: RecordingId,
        packet: &Ingress,
        payload: &[u8],
        key: bool,
        generation: u32,
        now: Instant,
        out: &mut Outbox,
    ) {
        let Some(track) = self.tracks.get_mut(packet.track).filter(|t| t.is_kept()) else { return };
        let this = (packet.layer, generation);
        if track.tap.current != Some(this) {
            if !key || track.choose(u8::MAX, now) != Some(this) {
                return;
            }
            track.tap.current = Some(this);
        }
        let batch = &mut out.record;
        let start = batch.bytes.len();
        // The recorder reads no payload type: the codec travels beside the packet.
        write_header(&mut batch.bytes, packet.marker, 96, packet.sequence as u16, packet.timestamp, packet.ssrc);
        batch.bytes.extend_from_slice(payload);
        batch.packets.push(RecordedPacket {
            recording,
            source: track.source,
            codec: track.codec,
            connection: track.connection,
            arrival: packet.came,
            range: start..batch.bytes.len(),
            audio_level: packet.audio_level,
        });
    }

    /// A publisher's sender report: anchors the layer's clock, and the recorder's.
    pub fn note_clock(
        &mut self,
        (track, layer, ssrc): (usize, u8, u32),
        (ntp, rtp): (u64, u32),
        at: Option<Instant>,
        now: Instant,
        round_trip: Option<std::time::Duration>,
        out: &mut Outbox,
    ) {
        let Some(track) = self.tracks.get_mut(track) else { return };
        let place = track.layers.get_mut(usize::from(layer)).and_then(Option::as_mut);
        let Some(place) = place.filter(|l| l.ssrc == ssrc) else { return };
        if let Some(at) = at {
            place.clock.note_report(rtp, at);
        }
        let is_recorded = track.tap.current == Some((layer, place.generation));
        if let (Some(recording), true) = (self.recording, is_recorded) {
            let (source, connection) = (track.source, track.connection);
            let report = RecordedReport { recording, source, connection, ssrc, ntp, rtp, arrival: now, round_trip };
            out.record.reports.push(report);
        }
    }

    /// Starts or stops recording.
    pub fn record_to(&mut self, recording: Option<RecordingId>, now: Instant, peers: &mut Peers, out: &mut Outbox) {
        self.recording = recording;
        for index in 0..self.tracks.len() {
            if let Some(track) = self.tracks.get_mut(index) {
                track.tap.current = None;
            }
            self.retarget(index, now, peers, out);
        }
    }

    /// Says which sources began or ceased to send.
    pub fn note_live(&mut self, now: Instant, peers: &mut Peers, out: &mut Outbox) {
        for index in 0..self.tracks.len() {
            let Some(track) = self.tracks.get_mut(index) else { continue };
            let live = track.owner.is_some() && track.is_sending(now);
            if live == track.live {
                continue;
            }
            track.live = live;
            let source = track.source;
            out.events.push(Event::SourceLive { lesson: self.lesson, source, live });
            if !live {
                track.tap.current = None;
                self.detach_viewers(index, peers, out);
            }
        }
    }
}
