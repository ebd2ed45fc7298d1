//! What the core wants done: datagrams by destination, packets for the recorder, events.
//!
//! Buffers are kept from flush to flush, so that the steady state allocates nothing. Datagrams for one destination lie
//! next to each other in one lane, so that the driver can hand runs of equal size to the kernel at once.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use tongke_signaling::command::{Event, RecordingId, Source};

use super::ahead::bytes_of;
use super::sdp::Codec;

/// How datagrams come and go between a client and the server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Local {
    /// The worker's UDP socket.
    Udp,
    /// An ICE-TCP connection, numbered by the driver.
    Tcp(u64),
}

/// One way to a client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Path {
    /// Our end.
    pub local: Local,
    /// Their address.
    pub remote: SocketAddr,
}

/// When a datagram is handled, and when it came: a busy worker's datagrams wait for their turn, and what is told of the line
/// must not tell of that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// Now.
    pub now: Instant,
    /// When it came.
    pub came: Instant,
}

impl From<Instant> for Moment {
    fn from(now: Instant) -> Self {
        Self { now, came: now }
    }
}

/// Sealed datagrams for one destination, in order.
#[derive(Debug)]
pub struct Lane {
    /// Where to.
    pub path: Path,
    /// The datagrams, end to end.
    pub bytes: Vec<u8>,
    /// Length of each datagram.
    pub lengths: Vec<u16>,
}

impl Lane {
    /// Asks for the memory of the next datagram.
    pub fn expect(&self) {
        let end = self.bytes.len();
        bytes_of(&self.bytes, end..end + A_DATAGRAM);
    }

    /// Ends the datagram that was appended to `bytes` from `start` on; drops it when it is longer than a datagram may be.
    pub fn finish(&mut self, start: usize) {
        match u16::try_from(self.bytes.len().saturating_sub(start)) {
            Ok(0) => {}
            Ok(length) => self.lengths.push(length),
            Err(_) => self.bytes.truncate(start),
        }
    }
}

/// A picture's datagram is about so long, bytes.
const A_DATAGRAM: usize = 1_150;

/// Where a peer's lane of the present turn is.
#[derive(Clone, Copy, Debug, Default)]
pub struct LaneRef {
    turn: u64,
    index: usize,
}

/// One plain RTP packet for the recorder; `range` points into [`RecordBatch::bytes`].
#[derive(Clone, PartialEq, Debug)]
pub struct RecordedPacket {
    /// The recording.
    pub recording: RecordingId,
    /// The track is the seat and source.
    pub source: Source,
    /// What the payload is.
    pub codec: Codec,
    /// Changes with the publisher's connection.
    pub connection: u64,
    /// When it came.
    pub arrival: Instant,
    /// Fixed header of 12 bytes and payload.
    pub range: Range<usize>,
    /// RFC 6464 level, 0 loud to 127 silent, where sent.
    pub audio_level: Option<u8>,
}

/// A sender report for the recorder's clock.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordedReport {
    /// The recording.
    pub recording: RecordingId,
    /// The track.
    pub source: Source,
    /// Changes with the publisher's connection.
    pub connection: u64,
    /// Of this stream.
    pub ssrc: u32,
    /// The publisher's clock (RFC 3550 §4).
    pub ntp: u64,
    /// The same instant in RTP time.
    pub rtp: u32,
    /// When it came.
    pub arrival: Instant,
    /// Round trip to the publisher, where known.
    pub round_trip: Option<Duration>,
}

/// One turn's packets for the recorder.
#[derive(Debug, Default)]
pub struct RecordBatch {
    /// Packet bytes.
    pub bytes: Vec<u8>,
    /// Packets, in order of arrival.
    pub packets: Vec<RecordedPacket>,
    /// Reports.
    pub reports: Vec<RecordedReport>,
}

impl RecordBatch {
    /// True when there is nothing for the recorder.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.reports.is_empty()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Outbox {
    lanes: Vec<Lane>,
    used: usize,
    turn: u64,
    urgent: bool,
    /// For the recorder.
    pub record: RecordBatch,
    /// Facts for signaling.
    pub events: Vec<Event>,
}

impl Outbox {
    /// An empty outbox.
    pub fn new() -> Self {
        Self { turn: 1, ..Self::default() }
    }

    /// The lane to `path`; `at` remembers it for the rest of the turn.
    pub fn lane(&mut self, path: &Path, at: &mut LaneRef) -> &mut Lane {
        let known = at.turn == self.turn && self.lanes.get(at.index).is_some_and(|l| l.path == *path);
        if !known {
            *at = LaneRef { turn: self.turn, index: self.used };
            match self.lanes.get_mut(self.used) {
                Some(lane) => lane.path = *path,
                None => self.lanes.push(Lane { path: *path, bytes: Vec::new(), lengths: Vec::new() }),
            }
            self.used += 1;
        }
        &mut self.lanes[at.index]
    }

    /// Asks for a lane of those that are not used yet.
    pub fn expect(&self, ahead: usize) {
        if let Some(lane) = self.lanes.get(self.used + ahead) {
            lane.expect();
        }
    }

    /// Something of this turn must not wait to be gathered with more: sound, reports, handshakes.
    pub fn hurry(&mut self) {
        self.urgent = true;
    }

    /// True after `hurry`.
    pub fn urgent(&self) -> bool {
        self.urgent
    }

    /// Datagrams of this turn.
    pub fn datagrams(&self) -> usize {
        self.lanes().iter().map(|l| l.lengths.len()).sum()
    }

    /// Sends one datagram that is ready.
    pub fn send(&mut self, path: Path, at: &mut LaneRef, datagram: &[u8]) {
        self.hurry();
        let lane = self.lane(&path, at);
        let start = lane.bytes.len();
        lane.bytes.extend_from_slice(datagram);
        lane.finish(start);
    }

    /// The lanes of this turn.
    pub fn lanes(&self) -> &[Lane] {
        self.lanes.get(..self.used).unwrap_or_default()
    }

    /// Forgets this turn's datagrams after they were sent; buffers stay.
    pub fn clear_lanes(&mut self) {
        for lane in self.lanes.iter_mut().take(self.used) {
            lane.bytes.clear();
            lane.lengths.clear();
        }
        self.used = 0;
        self.urgent = false;
        self.turn += 1;
    }
}
