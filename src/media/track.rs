//! A source's published stream: up to three simulcast layers, each with its ring, and who looks at it.

use std::time::{Duration, Instant};

use tongke_signaling::command::{Source, SourceKind};

use super::ring::{AUDIO_PACKETS, Ring, VIDEO_PACKETS};
use super::sdp::Codec;
use super::timeline::SourceClock;

/// Most layers of a source (RIDs q, h, f).
pub const MAX_LAYERS: usize = 3;
/// A layer without packets for so long is not alive (a browser on a thin uplink stops its top layer).
const LAYER_SILENCE: Duration = Duration::from_millis(1_000);
/// A source without packets for so long is not live. A still screen sends about one frame a second.
const SOURCE_SILENCE: Duration = Duration::from_millis(2_500);
/// Between two key-frame requests for one layer; the second is deferred, not dropped.
pub const KEY_INTERVAL: Duration = Duration::from_millis(500);

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
    /// Last packet.
    pub last_packet: Instant,
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
            last_packet: now,
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
    /// Latest audio level, RFC 6464 (127 silent).
    pub level: Option<u8>,
}

impl Track {
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
    }

    /// The layer in this place, if it is the one of this generation.
    pub fn layer(&self, layer: u8, generation: u32) -> Option<&Layer> {
        self.layers.get(usize::from(layer))?.as_ref().filter(|l| l.generation == generation)
    }

    fn alive(&self, layer: &Layer, now: Instant) -> bool {
        let video = self.codec != Codec::Opus;
        let simulcast = self.layers.iter().flatten().count() > 1;
        !(video && simulcast) || now.saturating_duration_since(layer.last_packet) < LAYER_SILENCE
    }

    /// The layer a receiver should get, by the plain rule: the highest alive, or the lowest for small pictures.
    pub fn choose(&self, small: bool, now: Instant) -> Option<(u8, u32)> {
        let mut alive = self
            .layers
            .iter()
            .enumerate()
            .filter_map(|(i, l)| l.as_ref().filter(|l| self.alive(l, now)).map(|l| (i as u8, l.generation)));
        if small { alive.next() } else { alive.next_back() }
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
    fn the_highest_living_layer_is_chosen_and_the_lowest_for_small_pictures() {
        let t0 = crate::net::clock::now();
        let source = Source { seat: SeatId(uuid::Uuid::nil()), kind: SourceKind::Camera };
        let mut track = Track::new(source, Codec::H264, false);
        for i in 0..3u32 {
            track.layers[i as usize] = Some(Layer::new(i, i, Codec::H264, t0));
        }
        assert_eq!(track.choose(false, t0), Some((2, 2)));
        assert_eq!(track.choose(true, t0), Some((0, 0)));
        let later = t0 + LAYER_SILENCE;
        track.layers[0].as_mut().expect("layer").last_packet = later;
        assert_eq!(track.choose(false, later), Some((0, 0)), "the upper layers fell silent");
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
