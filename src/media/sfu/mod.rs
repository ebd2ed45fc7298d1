//! The core: told the time, given bytes and orders, asked what to do. One value per worker, no clock, no socket.

mod commands;
mod strangers;
mod timers;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use rand::SeedableRng;
use rand::rngs::StdRng;
use slab::Slab;
use tongke_signaling::command::{Command, Event, LeaveCause, LessonId, SessionId};

use super::allot::Sharing;
use super::departures::Ticks;
use super::dtls::{Identity, Progress};
use super::estimate::Fate;
use super::ice::Check;
use super::outbox::{Moment, Outbox, Path};
use super::peer::{Ingress, Peer, Peers, RtcpIngress, StunOutcome};
use super::room::Room;
use super::run::{Arrived, Runs};
use super::sdp::Candidates;
use super::slot::SendSlot;
use super::timeline::Wall;
use super::track::PeerKey;
use timers::Timers;

/// What a core is made with.
#[derive(Clone)]
pub struct SfuConfig {
    /// Number of the worker, 0 to 99.
    pub worker: u8,
    /// Where it is reached.
    pub candidates: Candidates,
    /// Certificate and crypto, shared by all workers.
    pub identity: Identity,
    /// The wall clock at one instant.
    pub wall: Wall,
    /// Sessions taken before `Refusal::Full`.
    pub max_sessions: usize,
    /// Seeds SSRCs and credentials.
    pub seed: [u8; 32],
}

/// Datagrams that led nowhere, by reason; read by the driver for the metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Drops {
    /// From an address no session owns.
    pub strangers: u64,
    /// Binding requests that were not authentic.
    pub checks: u64,
    /// Neither STUN, DTLS nor RTP.
    pub garbage: u64,
}

/// What happened to sessions, of all since the beginning; read by the driver for the metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Happened {
    /// Packets from sessions' addresses that were not theirs, or came twice.
    pub refused: u64,
    /// Packets told of by feedback that were never sent.
    pub untrue: u64,
    /// Paths that moved: a NAT bound anew, a restart, a better pair.
    pub moves: u64,
    /// Times pictures were held for want of feedback.
    pub holds: u64,
}

impl Happened {
    /// Adds what a session counted in its second.
    fn add(&mut self, peer: &Peer) {
        if !peer.is_connected() {
            return;
        }
        let counters = &peer.counters;
        self.refused += counters.refused;
        self.untrue += counters.untrue;
        self.moves += counters.moves;
        self.holds += counters.holds;
    }
}

/// See the module.
pub struct Sfu {
    config: SfuConfig,
    rng: StdRng,
    rooms: Slab<Room>,
    peers: Peers,
    lessons: HashMap<LessonId, usize>,
    sessions: HashMap<SessionId, PeerKey>,
    /// Asked twice for each datagram. Only who was let in can put something there, so a quick hash will do.
    by_path: HashMap<Path, PeerKey, RandomState>,
    by_ufrag: HashMap<String, PeerKey>,
    serials: u64,
    full: bool,
    behind: bool,
    patience: Option<Duration>,
    /// Rooms whose pictures wait, and since when, oldest first; of what is told here some may have gone already.
    holding: VecDeque<(Instant, usize)>,
    timers: Timers,
    /// Kept from look to look, so that none allocates.
    sharing: Vec<(Sharing, PeerKey)>,
    /// Datagrams of strangers that may still be looked at in this turn.
    strangers_left: u8,
    ended: strangers::Ended,
    /// Who sent the next datagram.
    expected: Option<PeerKey>,
    /// What was kept and waits to be forwarded.
    arrived: Runs,
    scratch: Vec<u8>,
    /// The same for what becomes of packets: one list, which stays in the caches.
    fates: Vec<Fate>,
    /// What was dropped.
    pub drops: Drops,
    /// What happened.
    pub happened: Happened,
}

impl Sfu {
    /// A core without lessons.
    pub fn new(config: SfuConfig) -> Self {
        let rng = StdRng::from_seed(config.seed);
        Self {
            config,
            rng,
            rooms: Slab::new(),
            peers: Peers::new(),
            lessons: HashMap::new(),
            sessions: HashMap::new(),
            by_path: HashMap::default(),
            by_ufrag: HashMap::new(),
            serials: 0,
            full: false,
            behind: false,
            patience: None,
            holding: VecDeque::new(),
            timers: Timers::default(),
            sharing: Vec::new(),
            strangers_left: strangers::A_TURN,
            ended: strangers::Ended::default(),
            expected: None,
            arrived: Runs::default(),
            scratch: Vec::new(),
            fates: Vec::new(),
            drops: Drops::default(),
            happened: Happened::default(),
        }
    }

    /// The next datagram but one comes on this path.
    pub fn expect(&mut self, path: &Path) {
        let next = self.by_path.get(path).copied();
        if let Some(peer) = next.and_then(|key| self.peers.get(key)) {
            peer.expect_datagram();
        }
        if let Some(peer) = std::mem::replace(&mut self.expected, next).and_then(|key| self.peers.get(key)) {
            peer.expect_datagram_now();
        }
    }

    /// Takes a datagram, which may have come before now; it is opened in place.
    pub fn handle_datagram(&mut self, at: impl Into<Moment>, path: Path, datagram: &mut [u8], out: &mut Outbox) {
        let at = at.into();
        self.take(&at, &path, datagram, out);
        self.forward(at.now, out);
    }

    /// The same of several that came at once, end to end, all of them `stride` bytes long but the last, which may be shorter. What
    /// is to be forwarded waits for [`Sfu::forward`], so that many may be taken before.
    pub fn take_datagrams(&mut self, at: &Moment, path: &Path, stride: usize, datagrams: &mut [u8], out: &mut Outbox) {
        for datagram in datagrams.chunks_mut(stride.max(1)) {
            self.take(at, path, datagram, out);
        }
    }

    fn take(&mut self, at: &Moment, path: &Path, datagram: &mut [u8], out: &mut Outbox) {
        let now = at.now;
        // RFC 7983 §7, RFC 5761 §4.
        if let [128..=191, ..=191 | 224.., ..] = datagram {
            return self.handle_rtp(at, path, datagram, out);
        }
        self.forward(now, out);
        match datagram {
            [1, 1, ..] => strangers::handle_answer(self, now, *path, datagram),
            [0..=3, ..] => self.handle_stun(now, *path, datagram, out),
            [20..=63, ..] => self.handle_dtls(now, *path, datagram, out),
            [128..=191, 192..=223, ..] => self.handle_rtcp(at, path, datagram, out),
            _ => self.drops.garbage += 1,
        }
    }

    /// Forwards what was taken and kept, or lets it wait for other kinds.
    pub fn forward(&mut self, now: Instant, out: &mut Outbox) {
        if self.arrived.is_empty() {
            return;
        }
        let mut runs = self.arrived.iter().peekable();
        expect(runs.peek(), &self.rooms, &self.peers);
        while let Some(run) = runs.next() {
            expect(runs.peek(), &self.rooms, &self.peers);
            let Some(at) = run.first().map(|packet| packet.room) else { continue };
            let Some(room) = self.rooms.get_mut(at) else { continue };
            let is_first = room.held_since().is_none();
            if self.patience.is_some() && room.hold(run, now) {
                if is_first {
                    self.holding.push_back((now, at));
                }
            } else if room.release(now, &mut self.peers, out) | room.forward(run, now, &mut self.peers, out) {
                self.timers.note_report_due();
            }
        }
        drop(runs);
        self.arrived.clear();
    }

    /// How long pictures may wait from now on for their room's next sound, or for more of them, so that more leaves at once;
    /// `None`: they leave when they come.
    pub fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }

    /// When `release` wants to be called next.
    pub fn next_release(&self) -> Option<Instant> {
        self.holding.front().map(|(since, _)| *since + self.patience.unwrap_or_default())
    }

    /// Forwards the pictures that have waited for their time.
    pub fn release(&mut self, now: Instant, out: &mut Outbox) {
        while let Some((since, at)) = self.holding.front().copied() {
            let room = self.rooms.get_mut(at).filter(|room| room.held_since() == Some(since));
            if room.is_some() && now < since + self.patience.unwrap_or_default() {
                break;
            }
            self.holding.pop_front();
            if room.is_some_and(|room| room.release(now, &mut self.peers, out)) {
                self.timers.note_report_due();
            }
        }
    }

    /// Takes an order.
    pub fn handle_command(&mut self, now: Instant, command: Command, out: &mut Outbox) {
        commands::handle(self, now, command, out);
    }

    /// Does what time has made due.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        timers::handle(self, now, out);
    }

    /// When `handle_timeout` wants to be called next; `None` while there is no session.
    pub fn next_timeout(&self) -> Option<Instant> {
        (!self.peers.is_empty()).then(|| self.timers.next()).flatten()
    }

    /// The core is used up: newcomers are refused, those who come back to a seat they hold are not.
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// The core does not keep up. Pictures that get lost are then lost in front of it, and whatever is sent again of them comes on top
    /// of what is too much already, and would keep it so: until that is over nobody asks for them or gets them again. Sound is
    /// asked for as ever.
    pub fn set_behind(&mut self, behind: bool) {
        self.behind = behind;
    }

    /// A session, for tests that look inside.
    #[cfg(test)]
    pub(crate) fn peer(&self, session: SessionId) -> Option<&Peer> {
        self.sessions.get(&session).and_then(|key| self.peers.get(*key)).map(|peer| &**peer)
    }

    /// Sessions held.
    pub fn session_count(&self) -> usize {
        self.peers.len()
    }

    /// True if a session's datagrams come on this path.
    pub fn owns(&self, path: &Path) -> bool {
        self.by_path.contains_key(path)
    }

    /// An ICE-TCP connection ended.
    pub fn handle_disconnect(&mut self, path: Path) {
        if let Some(peer) = self.by_path.remove(&path).and_then(|key| self.peers.get_mut(key)) {
            peer.forget_path(path);
        }
    }

    fn handle_stun(&mut self, now: Instant, path: Path, datagram: &[u8], out: &mut Outbox) {
        let Some(mut check) = Check::parse(datagram) else {
            self.drops.checks += 1;
            return;
        };
        if check.knocks_for().is_some() {
            return strangers::handle_knock(self, path, &mut check, out);
        }
        let Some(key) = self.by_ufrag.get(&check.ours).copied() else {
            self.drops.checks += 1;
            return;
        };
        let Some(peer) = self.peers.get_mut(key) else { return };
        let restarting = peer.pending.is_some();
        match peer.handle_check(now, path, &mut check, self.config.identity.provider(), out) {
            StunOutcome::Dropped => self.drops.checks += 1,
            outcome => {
                if restarting && peer.pending.is_none() {
                    let current = &peer.credentials.ufrag;
                    self.by_ufrag.retain(|ufrag, k| *k != key || ufrag == current);
                }
                self.note_path(key, path, outcome);
            }
        }
    }

    /// Remembers whose datagrams come on a path.
    fn note_path(&mut self, key: PeerKey, path: Path, outcome: StunOutcome) {
        let StunOutcome::New { forgotten } = outcome else { return };
        if let Some(forgotten) = forgotten {
            self.by_path.remove(&forgotten);
        }
        self.by_path.insert(path, key);
    }

    fn owner(&mut self, path: &Path) -> Option<PeerKey> {
        let key = self.by_path.get(path).copied();
        if key.is_none() {
            self.drops.strangers += 1;
        }
        key
    }

    fn handle_dtls(&mut self, now: Instant, path: Path, datagram: &[u8], out: &mut Outbox) {
        let Some(key) = self.owner(&path) else { return };
        let Some(peer) = self.peers.get_mut(key) else { return };
        match peer.handle_dtls(now, path, datagram, out) {
            Progress::Going => {}
            Progress::Connected(keys) => {
                peer.connect(now, *keys);
                let (session, room) = (peer.session, peer.room);
                out.events.push(Event::Connected { session });
                self.refresh_slots(key, room, now, out);
            }
            Progress::Closed => self.remove(key, LeaveCause::PeerClosed, now, out),
            Progress::Failed => self.remove(key, LeaveCause::HandshakeFailed, now, out),
        }
    }

    /// A receiver that just connected needs key frames of all it was told to show.
    fn refresh_slots(&mut self, key: PeerKey, room: usize, now: Instant, out: &mut Outbox) {
        let Some(room) = self.rooms.get_mut(room) else { return };
        for index in 0..room.tracks.len() {
            if room.tracks.get(index).is_some_and(|t| t.viewers.iter().any(|(v, _)| *v == key)) {
                room.retarget(index, now, &mut self.peers, out);
            }
        }
    }

    fn handle_rtp(&mut self, at: &Moment, path: &Path, datagram: &mut [u8], out: &mut Outbox) {
        let now = at.now;
        let Some(key) = self.owner(path) else { return strangers::handle_media(self, now, *path, datagram, false) };
        let Some(peer) = self.peers.get_mut(key) else { return };
        let room = peer.room;
        let was_restless = peer.is_restless();
        let packet = peer.handle_rtp(at, path, datagram);
        if !was_restless && peer.is_restless() {
            self.timers.watch(key);
        }
        let Some(packet) = packet else { return };
        for mended in &packet.mended {
            self.keep(room, key, &packet.as_if(mended), datagram, now, out);
        }
        self.keep(room, key, &packet, datagram, now, out);
    }

    fn keep(&mut self, at: usize, owner: PeerKey, packet: &Ingress, datagram: &[u8], now: Instant, out: &mut Outbox) {
        if self.arrived.is_full() {
            self.forward(now, out);
        }
        let Some(room) = self.rooms.get_mut(at) else { return };
        room.keep(owner, packet, datagram, now, &mut self.peers, &mut self.arrived, out);
    }

    fn handle_rtcp(&mut self, at: &Moment, path: &Path, datagram: &mut [u8], out: &mut Outbox) {
        let now = at.now;
        let Some(key) = self.owner(path) else { return strangers::handle_media(self, now, *path, datagram, true) };
        let Some(peer) = self.peers.get_mut(key) else { return };
        let room = peer.room;
        let ntp = self.config.wall.ntp_at(at.came);
        let reports = peer.handle_rtcp(at, path, ntp, datagram, &mut self.fates);
        if peer.is_restless() {
            self.timers.watch(key);
        }
        let round_trip = peer.counters.round_trip;
        let Some(room) = self.rooms.get_mut(room) else { return };
        for report in reports {
            match report {
                RtcpIngress::Clock { track, layer, ssrc, ntp, rtp, at: captured } => {
                    room.note_clock((track, layer, ssrc), (ntp, rtp), captured, at.came, round_trip, out);
                }
                RtcpIngress::Nack { slot, sequences } => {
                    let Some(peer) = self.peers.get_mut(key) else { return };
                    if self.behind && peer.slots.get(slot).is_some_and(SendSlot::is_picture) {
                        continue;
                    }
                    let at = Ticks::since(room.epoch, now);
                    for sequence in sequences {
                        peer.repeat(slot, sequence, at, |sent| room.kept(sent), out);
                    }
                }
                RtcpIngress::KeyFrame { slot } => {
                    let slot = self.peers.get(key).and_then(|p| p.slots.get(slot));
                    let shown = slot.and_then(|s| s.shown.map(|s| (s.track, s.layer)));
                    if let Some((track, layer)) = shown {
                        room.want_key(track, layer);
                        room.send_key_requests(track, now, &mut self.peers, out);
                    }
                }
            }
        }
    }

    /// Ends a session.
    fn remove(&mut self, key: PeerKey, cause: LeaveCause, now: Instant, out: &mut Outbox) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.close(now, out);
        let (session, room) = (peer.session, peer.room);
        peer.take_credentials().for_each(|credentials| self.ended.note(credentials));
        for (path, _) in std::mem::take(&mut peer.paths) {
            self.by_path.remove(&path);
        }
        self.by_ufrag.retain(|_, k| *k != key);
        self.sessions.remove(&session);
        if let Some(room) = self.rooms.get_mut(room) {
            room.leave(key, &mut self.peers, out);
        }
        self.peers.remove(key);
        out.events.push(Event::Left { session, cause });
    }
}

/// Asks for the first receivers of a run that is forwarded next.
fn expect(run: Option<&&[Arrived]>, rooms: &Slab<Room>, peers: &Peers) {
    if let Some(first) = run.and_then(|run| run.first())
        && let Some(room) = rooms.get(first.room)
    {
        room.expect(first, peers);
    }
}
