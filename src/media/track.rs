//! A source's published stream: up to three simulcast layers, each with its ring, and who looks at it.

use std::time::{Duration, Instant};

use tongke_signaling::command::{Source, SourceKind};

use super::lag::Lag;
use super::peer::Peers;
use super::ring::{AUDIO_PACKETS, Ring, VIDEO_PACKETS};
use super::sdp::Codec;
use super::thrift::Thrift;
use super::timeline::SourceClock;

/// Most layers of a source (RIDs q, h, f).
pub const MAX_LAYERS: usize = 3;
/// A layer without packets for so long is not alive, whatever the others do ([`Lag`] knows sooner while those below go on).
const LAYER_SILENCE: Duration = Duration::from_millis(1_000);
/// A source without packets for so long is not live. A still screen sends about one frame a second.
const SOURCE_SILENCE: Duration = Duration::from_millis(2_500);
/// Between two key-frame requests for one layer; the second is deferred, not dropped.
pub const KEY_INTERVAL: Duration = Duration::from_millis(500);

/// On the wire a packet is longer than its payload: RTP header and extension, SRTP tag, UDP and IPv4. Bytes.
pub const OVERHEAD: usize = 12 + 8 + 16 + 28;
/// What a layer is believed to cost before it was ever seen, lowest first. bit/s.
const UNSEEN: [f64; MAX_LAYERS] = [180_000.0, 550_000.0, 1_700_000.0];
/// The same of slides, and of their slow twin.
const UNSEEN_SCREEN: f64 = 800_000.0;
const UNSEEN_SLOW: f64 = 80_000.0;
/// What a layer is believed to have, lowest first, pixels: a camera of 720p, a half and a quarter of it each way.
const PIXELS: [u64; MAX_LAYERS] = [320 * 180, 640 * 360, 1_280 * 720];
/// The same of slides; of their slow twin, of which one or two come a second, a share.
const PIXELS_SCREEN: u64 = 1_920 * 1_080;
const PIXELS_SLOW: u64 = PIXELS_SCREEN / 8;
/// Of what was measured so much counts at once when it is more, and when it is less.
const QUICKER: f64 = 0.5;
const SLOWER: f64 = 0.06;

/// How much a layer costs its receivers, bit/s on the wire, over the last two seconds: follows it up soon and down slowly,
/// as slides rest between pages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    bytes: u64,
    /// What was counted from look to look, and for how long; the newest is at `at`.
    counted: [(u64, Duration); 8],
    at: usize,
    rate: Option<f64>,
    rolled: Option<Instant>,
}

impl Meter {
    /// Counts a packet of this payload.
    pub fn note(&mut self, payload: usize) {
        self.bytes += (payload + OVERHEAD) as u64;
    }

    /// Takes what was counted since the last time.
    pub fn roll(&mut self, now: Instant) {
        let bytes = std::mem::take(&mut self.bytes);
        let Some(since) = self.rolled.replace(now).map(|at| now.saturating_duration_since(at)) else { return };
        self.at = (self.at + 1) % self.counted.len();
        if let Some(place) = self.counted.get_mut(self.at) {
            *place = (bytes, since);
        }
        let (bytes, time) = self.counted.iter().fold((0, Duration::ZERO), |(b, t), one| (b + one.0, t + one.1));
        let seen = bytes as f64 * 8.0 / time.as_secs_f64().max(0.01);
        self.rate = Some(match self.rate {
            None => seen,
            Some(rate) => rate + (seen - rate) * if seen > rate { QUICKER } else { SLOWER },
        });
    }

    /// bit/s, once known.
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }
}

/// Which peer, by its place in the core's table.
pub type PeerKey = usize;

/// One simulcast layer (or the only stream of a source).
#[derive(Debug)]
pub struct Layer {
    /// Its SSRC at the publisher.
    pub ssrc: u32,
    /// Tells this layer's packets from those of an earlier publisher in the same place.
    pub generation: u32,
    /// Packets that may be asked for again.
    pub ring: Ring,
    /// Its RTP clock on the server's.
    pub clock: SourceClock,
    /// What it costs.
    pub meter: Meter,
    /// Last packet.
    pub last_packet: Instant,
    /// Whether it keeps up with those below.
    pub lag: Lag,
    key_asked: Option<Instant>,
    key_wanted: bool,
}

impl Layer {
    /// A layer whose first packet just came.
    pub fn new(ssrc: u32, generation: u32, codec: Codec, now: Instant) -> Self {
        let packets = if codec == Codec::Opus { AUDIO_PACKETS } else { VIDEO_PACKETS };
        Self {
            ssrc,
            generation,
            ring: Ring::new(packets),
            clock: SourceClock::new(codec.clock_rate()),
            meter: Meter::default(),
            last_packet: now,
            lag: Lag::default(),
            key_asked: None,
            key_wanted: false,
        }
    }

    /// Somebody wants a key frame.
    pub fn want_key(&mut self) {
        self.key_wanted = true;
    }

    /// True when a request should go to the publisher now.
    pub fn take_key_request(&mut self, now: Instant) -> bool {
        let free = self.key_asked.is_none_or(|at| now.saturating_duration_since(at) >= KEY_INTERVAL);
        if !self.key_wanted || !free {
            return false;
        }
        self.key_wanted = false;
        self.key_asked = Some(now);
        true
    }
}

/// The recorder's place at a track: it takes the highest layer that is alive and changes on a key frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tap {
    /// Layer and generation it follows.
    pub current: Option<(u8, u32)>,
}

/// What a publisher was told of how much of a source anybody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watched {
    /// The highest layer, or none; and when it was said.
    pub said: Option<(Option<u8>, Instant)>,
    /// Since when less would do.
    pub less: Option<Instant>,
}

/// See the module.
#[derive(Debug)]
pub struct Track {
    /// Whose and which.
    pub source: Source,
    /// What its payloads are.
    pub codec: Codec,
    /// The peer that publishes it now.
    pub owner: Option<PeerKey>,
    /// Changes with the owner; the recorder's mark of a new connection.
    pub connection: u64,
    /// A muted source reaches nobody.
    pub muted: bool,
    /// Layers, lowest first.
    pub layers: [Option<Layer>; MAX_LAYERS],
    /// Receivers: (peer, place of the slot in it).
    pub viewers: Vec<(PeerKey, usize)>,
    /// The recorder.
    pub tap: Tap,
    /// Said to be live.
    pub live: bool,
    /// What its publisher was told that anybody watches.
    pub watched: Watched,
    /// And how much sound it may send.
    pub thrift: Thrift,
    /// Latest audio level, RFC 6464 (127 silent).
    pub level: Option<u8>,
}

impl Track {
    /// Asks for what a packet to this viewer needs, if there are so many.
    pub fn expect_viewer(&self, at: usize, peers: &Peers) {
        if let Some(peer) = self.viewers.get(at).and_then(|(viewer, _)| peers.get(*viewer)) {
            peer.expect_packet();
        }
    }

    /// The same of what is found only by that.
    pub fn expect_viewer_now(&self, at: usize, peers: &Peers) {
        if let Some((viewer, slot)) = self.viewers.get(at)
            && let Some(peer) = peers.get(*viewer)
        {
            peer.expect_packet_in(*slot);
        }
    }

    /// A track that has sent nothing yet.
    pub fn new(source: Source, codec: Codec, muted: bool) -> Self {
        Self {
            source,
            codec,
            owner: None,
            connection: 0,
            muted,
            layers: [None, None, None],
            viewers: Vec::new(),
            tap: Tap::default(),
            live: false,
            watched: Watched::default(),
            thrift: Thrift::default(),
            level: None,
        }
    }

    /// A new publisher takes the track over; what the old one sent is forgotten.
    pub fn take_over(&mut self, owner: PeerKey, connection: u64, codec: Codec) {
        self.owner = Some(owner);
        self.connection = connection;
        self.codec = codec;
        self.layers = [None, None, None];
        self.tap = Tap::default();
        self.watched = Watched::default();
        self.thrift = Thrift::default();
    }

    /// The layer in this place, if it is the one of this generation.
    pub fn layer(&self, layer: u8, generation: u32) -> Option<&Layer> {
        self.layers.get(usize::from(layer))?.as_ref().filter(|l| l.generation == generation)
    }

    fn alive(&self, layer: &Layer, now: Instant) -> bool {
        let video = self.codec != Codec::Opus;
        let simulcast = self.layers.iter().flatten().count() > 1;
        let is_sent = !layer.lag.is_behind() && now.saturating_duration_since(layer.last_packet) < LAYER_SILENCE;
        !(video && simulcast) || is_sent
    }

    /// A packet of this layer came. True if receivers should be looked at anew: it is back, or one above it is gone.
    pub fn note_packet(&mut self, layer: u8, timestamp: u32, key: bool, now: Instant) -> bool {
        let at = usize::from(layer);
        let Some(this) = self.layers.get_mut(at).and_then(Option::as_mut) else { return false };
        let was_silent = now.saturating_duration_since(this.last_packet) >= LAYER_SILENCE;
        this.last_packet = now;
        let was_behind = this.lag.is_behind();
        let begins = this.lag.note_packet(timestamp, key, now);
        let mut is_changed = was_silent || was_behind && !this.lag.is_behind();
        if begins {
            for above in self.layers.iter_mut().skip(at + 1).flatten() {
                is_changed |= above.lag.note_lower(above.last_packet, now);
            }
        }
        is_changed
    }

    /// The layer a receiver should get: the highest alive up to `most`, else the lowest alive.
    pub fn choose(&self, most: u8, now: Instant) -> Option<(u8, u32)> {
        let mut alive = self.living(now);
        let first = alive.next()?;
        Some(alive.take_while(|(i, _)| *i <= most).last().unwrap_or(first))
    }

    /// Layers alive with their generations, lowest first.
    pub fn living(&self, now: Instant) -> impl Iterator<Item = (u8, u32)> {
        let layers = self.layers.iter().enumerate();
        layers.filter_map(move |(i, l)| l.as_ref().filter(|l| self.alive(l, now)).map(|l| (i as u8, l.generation)))
    }

    /// What a layer costs its receivers, bit/s.
    pub fn cost(&self, layer: u8) -> f64 {
        let at = usize::from(layer);
        let seen = self.layers.get(at).and_then(Option::as_ref).and_then(|l| l.meter.rate());
        seen.unwrap_or_else(|| match self.source.kind {
            SourceKind::Screen => UNSEEN_SCREEN,
            SourceKind::ScreenSlow => UNSEEN_SLOW,
            _ => UNSEEN.get(at).copied().unwrap_or_default(),
        })
    }

    /// What a layer is believed to take of a decoder, pixels.
    pub fn pixels(&self, layer: u8) -> u64 {
        let is_only = self.layers.iter().flatten().count() == 1;
        match self.source.kind {
            SourceKind::Screen => PIXELS_SCREEN,
            SourceKind::ScreenSlow => PIXELS_SLOW,
            _ => PIXELS.get(if is_only { MAX_LAYERS - 1 } else { usize::from(layer) }).copied().unwrap_or_default(),
        }
    }

    /// True if it is recorded: the slow twin shows nothing that the slides do not.
    pub fn is_kept(&self) -> bool {
        self.source.kind != SourceKind::ScreenSlow
    }

    /// True if what flows from here may serve who asked for `want`: the source itself, or slides by their slow twin.
    pub fn serves(&self, want: Option<Source>) -> bool {
        let twin = Source { kind: SourceKind::Screen, ..self.source };
        want == Some(self.source) || self.source.kind == SourceKind::ScreenSlow && want == Some(twin)
    }

    /// True while packets come.
    pub fn is_sending(&self, now: Instant) -> bool {
        let silence = if matches!(self.source.kind, SourceKind::Screen | SourceKind::ScreenSlow) {
            SOURCE_SILENCE * 2
        } else {
            SOURCE_SILENCE
        };
        self.layers.iter().flatten().any(|l| now.saturating_duration_since(l.last_packet) < silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tongke_signaling::command::SeatId;

    #[test]
    fn the_highest_living_layer_that_is_allowed_is_chosen() {
        let t0 = crate::net::clock::now();
        let source = Source { seat: SeatId(uuid::Uuid::nil()), kind: SourceKind::Camera };
        let mut track = Track::new(source, Codec::H264, false);
        for i in 0..3u32 {
            track.layers[i as usize] = Some(Layer::new(i, i, Codec::H264, t0));
        }
        assert_eq!(track.choose(9, t0), Some((2, 2)));
        assert_eq!(track.choose(1, t0), Some((1, 1)));
        assert_eq!(track.choose(0, t0), Some((0, 0)));
        let later = t0 + LAYER_SILENCE;
        track.layers[0].as_mut().expect("layer").last_packet = later;
        assert_eq!(track.choose(9, later), Some((0, 0)), "the upper layers fell silent");
    }

    #[test]
    fn what_a_layer_costs_is_known_soon_and_forgotten_slowly() {
        let t0 = crate::net::clock::now();
        let mut meter = Meter::default();
        meter.roll(t0);
        let mut at = t0;
        let mut second = |meter: &mut Meter, packets: usize| {
            for _ in 0..4 {
                (0..packets / 4).for_each(|_| meter.note(1_000 - OVERHEAD));
                at += Duration::from_millis(250);
                meter.roll(at);
            }
            meter.rate().expect("known")
        };
        assert_eq!(second(&mut meter, 100) as u32, 800_000);
        second(&mut meter, 200);
        assert!(second(&mut meter, 200) > 1_400_000.0);
        let rested = second(&mut meter, 0);
        assert!(rested > 1_200_000.0, "slides rest between pages: {rested}");
    }

    #[test]
    fn a_second_key_frame_request_is_deferred_not_dropped() {
        let t0 = crate::net::clock::now();
        let mut layer = Layer::new(1, 1, Codec::Vp9, t0);
        layer.want_key();
        assert!(layer.take_key_request(t0));
        layer.want_key();
        assert!(!layer.take_key_request(t0 + KEY_INTERVAL / 2));
        assert!(layer.take_key_request(t0 + KEY_INTERVAL));
        assert!(!layer.take_key_request(t0 + KEY_INTERVAL * 3));
    }
}
