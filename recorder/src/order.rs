//! What comes in: orders, and packets in batches.
//!
//! The caller names recordings and tracks by opaque keys; the recorder knows no lesson, seat or person.
//! Times are `Instant`s of the caller's monotonic clock; wall time comes in once, with [`Order::Start`].

use std::ops::Range;
use std::time::{Duration, Instant};

use uuid::Uuid;

/// Names a recording. The folder of the recording carries this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordingKey(pub Uuid);

/// Names a track within its recording: one source of one participant. The caller chooses it (a hash of seat
/// and source, say); it must be the same after an outage or a restart, so that the track goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackKey(pub u128);

/// What a track's packets carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// Opus, RFC 7587; RTP clock 48 kHz.
    Opus {
        /// 1 or 2, as negotiated; anything else is read as 2.
        channels: u8,
    },
    /// H.264, RFC 6184, packetization mode 0 or 1; RTP clock 90 kHz.
    H264,
    /// VP9, RFC 9628; RTP clock 90 kHz.
    Vp9,
}

impl Media {
    /// The RTP clock rate, which is also the timescale of the track's files.
    pub fn timescale(self) -> u32 {
        match self {
            Media::Opus { .. } => 48_000,
            Media::H264 | Media::Vp9 => 90_000,
        }
    }

    /// Video has key frames, sound does not.
    pub fn is_video(self) -> bool {
        !matches!(self, Media::Opus { .. })
    }
}

/// An order to the recorder. Orders and batches are served in the order in which they were given.
#[derive(Debug)]
pub enum Order {
    /// Begins a recording, or goes on with one whose folder is there (after a crash): same folder, same
    /// tracks, further parts, lesson time counted from the same zero.
    Start {
        /// The recording.
        recording: RecordingKey,
        /// Wall time of lesson time 0, Unix milliseconds.
        started_wall_ms: i64,
        /// Wall time at `now`, Unix milliseconds.
        now_wall_ms: i64,
        /// The monotonic clock at `now_wall_ms`.
        now: Instant,
    },
    /// Finishes a recording: everything held is written, parts are closed, [`crate::Fact::Finished`] follows.
    Stop {
        /// The recording.
        recording: RecordingKey,
        /// The caller's clock.
        now: Instant,
    },
    /// Packets and sender reports. Prefer [`crate::RecorderHandle::offer`], which never blocks.
    Batch(Batch),
}

/// An arena of packets: one for each turn of a media loop. The recorder gives it back emptied through
/// [`crate::RecorderHandle::spare`], so that the steady state allocates nothing.
#[derive(Debug, Default)]
pub struct Batch {
    /// The packets' bytes, one after the other.
    pub bytes: Vec<u8>,
    /// The packets, in the order of their arrival.
    pub packets: Vec<PacketRef>,
    /// RTCP sender reports of the tracks.
    pub reports: Vec<SenderReport>,
}

impl Batch {
    /// Appends one decrypted RTP packet; `packet.range` is set here.
    pub fn push(&mut self, mut packet: PacketRef, bytes: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        packet.range = start..self.bytes.len();
        self.packets.push(packet);
    }

    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.reports.is_empty()
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
        self.reports.clear();
    }
}

/// One RTP packet of a batch.
#[derive(Debug, Clone)]
pub struct PacketRef {
    /// The recording it belongs to; packets of a recording that is not running are counted and dropped.
    pub recording: RecordingKey,
    /// The track it belongs to.
    pub track: TrackKey,
    /// What the track carries. The first packet of a track settles it; others are dropped.
    pub media: Media,
    /// Slides instead of a camera: a key frame is asked for every 8 s instead of every 4 s, and a picture may
    /// stand for 5 s instead of 2 s before the track has a gap.
    pub slides: bool,
    /// The publisher's connection. When it changes, sequence numbers, SSRC and timestamps start anew. A
    /// change of SSRC under the same session is another simulcast layer and must begin on a key frame.
    pub session: u64,
    /// When the packet arrived at the server.
    pub arrival: Instant,
    /// The decrypted packet in [`Batch::bytes`]: header, extensions, payload, padding.
    pub range: Range<usize>,
    /// RFC 6464 level: 0 is loudest, 127 is silence.
    pub audio_level: Option<u8>,
}

/// An RTCP sender report (RFC 3550 section 6.4.1) of a track.
#[derive(Debug, Clone)]
pub struct SenderReport {
    /// The recording.
    pub recording: RecordingKey,
    /// The track.
    pub track: TrackKey,
    /// The publisher's connection, as in [`PacketRef::session`].
    pub session: u64,
    /// The SSRC it reports on.
    pub ssrc: u32,
    /// The sender's NTP time stamp, 32.32 fixed point.
    pub ntp: u64,
    /// The RTP time of the same moment.
    pub rtp: u32,
    /// When the report arrived at the server.
    pub arrival: Instant,
    /// Round trip of the path at that time, where known.
    pub round_trip: Option<Duration>,
}
