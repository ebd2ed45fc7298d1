//! A session as the media plane sees it: one client's ICE, DTLS, SRTP, its sources and its slots.
//!
//! Reading order: `join` (from offer to answer), `paths` (ICE and where datagrams go), `rebind` (a NAT that was bound
//! anew), `ingress` (what the client sends), `egress` (what it gets), `probing` (what more its line would take), `pacing`
//! (what waits for its turn), `fetch` (what memory is asked for). A peer knows its own lines only; who sees whom is the room's.

mod egress;
mod facts;
mod fetch;
mod ingress;
mod join;
mod pacing;
mod paths;
mod probing;
mod rebind;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use slab::Slab;
use tongke_signaling::command::{DecodeBudget, LineId, SeatId, SessionId, SessionRole, SourceKind};

pub use egress::Forward;
pub use facts::{Counters, Redundancy};
pub use ingress::{Ingress, Mended, RtcpIngress};
pub use join::{Joined, Negotiation};
pub use paths::StunOutcome;
use rebind::Rebound;
pub use rebind::ssrc_of;

use super::ahead::Mark;
use super::departures::Departures;
use super::dtls::Dtls;
use super::estimate::Estimate;
use super::ice::Credentials;
use super::outbox::{LaneRef, Path};
use super::pacer::Pacer;
use super::receive::Streams;
use super::sdp::{Extensions, OfferedCodec};
use super::slot::SendSlot;
use super::srtp::{Opener, Sealer};
use super::timeline::SessionClock;
use super::twcc::Arrivals;

/// A session has so long to connect (RFC 9725 leaves it to the server).
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A session without an authenticated packet for so long is closed.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// A client that has not told by now what arrives never will.
const UNTOLD: Duration = Duration::from_secs(3);
/// Paths remembered of one client: a laptop with several networks has about ten.
const MAX_PATHS: usize = 16;
/// Packets a second taken from one client: a teacher with everything on sends about 600.
const MAX_PACKETS_A_SECOND: u32 = 6_000;

/// An m-line on which the client sends.
#[derive(Debug)]
pub struct UpLine {
    /// What it sends there.
    pub kind: SourceKind,
    /// Its mid.
    pub mid: String,
    /// The codec.
    pub codec: OfferedCodec,
    /// RIDs, lowest layer first; empty without simulcast.
    pub rids: Vec<String>,
    /// Header extensions.
    pub extensions: Extensions,
    /// True when the client retransmits sound on request.
    pub nack: bool,
    /// Place of the track in the room.
    pub track: usize,
}

/// See the module. What each packet to it needs comes first, then what each datagram from it needs, so that either stands in lines
/// of the caches that follow one another (`fetch`).
#[repr(C, align(64))]
pub struct Peer {
    mark: Mark,
    /// Where datagrams go now.
    pub path: Option<Path>,
    lane: LaneRef,
    /// A slot should report before its second is over.
    pub reports_due: bool,
    pacer: Pacer,
    departures: Departures,
    /// Lines on which it receives.
    pub slots: Vec<SendSlot>,
    /// Figures of the present second.
    pub counters: Counters,
    sealer: Option<Sealer>,
    opener: Option<Opener>,
    budget: u32,
    /// Last authenticated packet.
    pub last_heard: Instant,
    /// When the session was made.
    pub created: Instant,
    /// Where it may come from: validated paths and when each was last heard.
    pub paths: Vec<(Path, Instant)>,
    streams: Streams,
    /// Lines on which it sends.
    pub up: Vec<UpLine>,
    our_ssrc: u32,
    /// SSRC in whose name it reports; receivers of one browser all use the same.
    reports_from: Option<u32>,
    arrivals: Arrivals,
    /// An address to which its NAT may have moved it.
    rebound: Option<Rebound>,
    heard_elsewhere: Option<Path>,
    /// Place of its room in the core's table.
    pub room: usize,
    estimate: Estimate,
    /// The session.
    pub session: SessionId,
    /// The seat it sits in.
    pub seat: SeatId,
    /// Its role.
    pub role: SessionRole,
    /// Unique in the life of the process.
    pub serial: u64,
    /// ICE credentials in force.
    pub credentials: Credentials,
    /// After a restart: the new ones, ours and the client's, until a pair is nominated under them.
    pub pending: Option<(Credentials, Credentials)>,
    /// The client's ICE credentials, for probes.
    theirs: Credentials,
    /// mid and kind of the first m-line, for fragments.
    pub first_line: (String, bool),
    /// When DTLS came up.
    pub connected: Option<Instant>,
    /// What all its pictures at their best would cost, bit/s.
    pub wanted: f64,
    /// The line it shares with others, if any.
    pub line: Option<LineId>,
    /// What it decodes at a time.
    pub decode: DecodeBudget,
    /// What was weighed and given to it last, bit/s; and of that the pictures.
    pub given: f64,
    /// See `given`.
    pub pictures: f64,
    /// What all sound takes that flows to it, bit/s.
    pub sound: f64,
    dtls: Dtls,
    declared: HashMap<u32, (usize, u8, bool)>,
    redundancy: Redundancy,
    clock: SessionClock,
    scratch: Vec<u16>,
}

/// All sessions of a core. In boxes, so that where one stands is known without looking at it ([`super::ahead`]).
pub type Peers = Slab<Box<Peer>>;

impl Peer {
    /// True once media may flow.
    pub fn is_connected(&self) -> bool {
        self.sealer.is_some()
    }

    /// True while something may be due at any turn: a handshake, what is missing of what it sends, what waits to be sent.
    pub fn is_restless(&self) -> bool {
        !self.is_connected() || !self.streams.is_empty() || self.pacer.holds() || self.rebound.is_some()
    }

    /// What its line takes, bit/s, and whether nothing bad is known of the line yet; `None` where the
    /// client does not tell what arrives.
    pub fn line_budget(&self, now: Instant) -> Option<(f64, bool)> {
        let waited = now.saturating_duration_since(self.connected?);
        (self.estimate.is_fed() || waited < UNTOLD).then(|| (self.estimate.line(), self.estimate.is_new()))
    }

    /// Its line took this last time, bit/s.
    pub fn remember_line(&mut self, bps: u32) {
        self.estimate = Estimate::new(Some(f64::from(bps)));
    }

    /// True for a client that tells of every packet when it came; others are judged by their reports.
    fn has_transport_cc(&self) -> bool {
        self.slots.iter().any(|s| s.transport_cc.is_some())
    }

    /// What its line takes, where it has shown a limit, bit/s; and whether a long queue stands there.
    pub fn known_line(&self) -> Option<(f64, bool)> {
        let is_known = self.estimate.is_fed() && !self.estimate.is_new();
        is_known.then(|| (self.estimate.line(), self.estimate.is_draining()))
    }

    /// Gives back a second's worth of packets and starts a new second of counting.
    pub fn new_second(&mut self) {
        self.budget = MAX_PACKETS_A_SECOND;
    }
}
