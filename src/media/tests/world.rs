//! A lesson on an emulated clock: one core, any number of clients, a network with delay and loss. One seed a run.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rtc_crypto::RTCCryptoProvider;
use rtc_crypto::providers::RingProvider;
use tongke_signaling::command::*;
use uuid::Uuid;

use crate::media::dtls::Identity;
use crate::media::outbox::{Local, Moment, Outbox, Path};
use crate::media::sdp::{Candidates, MediaKind};
use crate::media::srtp::Profile;
use crate::media::timeline::Wall;
use crate::media::{Sfu, SfuConfig};
use crate::peer::handshake::ClientIdentity;
use crate::peer::{Client, ClientEvent, OfferLine, Telling};

/// One way, so a round trip is twice this.
pub(super) const DELAY: Duration = Duration::from_millis(10);

enum Bound {
    Server(SocketAddr, Vec<u8>),
    Client(SocketAddr, Vec<u8>),
}

/// The narrowest place on the way to a client: a drop-tail queue before a line.
pub(super) struct Narrow {
    /// bit/s.
    pub(super) rate: f64,
    /// What the queue holds, bytes.
    pub(super) limit: f64,
    busy_until: Instant,
    /// Longest wait since it was last looked at.
    pub(super) longest: Duration,
    /// Bytes that went through.
    pub(super) through: usize,
}

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) sfu: Sfu,
    pub(super) out: Outbox,
    pub(super) events: Vec<Event>,
    pub(super) clients: BTreeMap<u16, Client>,
    pub(super) sessions: BTreeMap<u16, SessionId>,
    /// Loss each way, 0 to 1.
    pub(super) loss: f64,
    /// Lines to clients that are narrow.
    pub(super) narrow: BTreeMap<u16, Narrow>,
    /// Lines from clients that are.
    pub(super) narrow_up: BTreeMap<u16, Narrow>,
    /// Until when what clients send is held up on the way, to come all at once.
    pub(super) held_up: BTreeMap<u16, Instant>,
    /// Clients behind the line of another.
    pub(super) behind: BTreeMap<u16, u16>,
    /// What the lines of clients took last time, bit/s.
    pub(super) remembered: BTreeMap<u16, u32>,
    /// Loss on the way to a client, 0 to 1.
    pub(super) lossy: BTreeMap<u16, f64>,
    /// Clients that tell by reports what arrives, and their REMB, bit/s.
    pub(super) reporting: BTreeMap<u16, Option<u64>>,
    /// What clients say that they decode.
    pub(super) decode: BTreeMap<u16, DecodeBudget>,
    /// The worker gets to what came this often only.
    pub(super) busy: Option<Duration>,
    /// What came and was not got to yet.
    unread: Vec<(Instant, SocketAddr, Vec<u8>)>,
    pub(super) recorded: usize,
    /// Everything the server sent, lost or not.
    pub(super) sent: Vec<Vec<u8>>,
    /// What the server sent to ports at which no client is.
    pub(super) astray: Vec<(u16, Vec<u8>)>,
    identity: ClientIdentity,
    wire: BTreeMap<(Instant, u64), Bound>,
    order: u64,
    rng: StdRng,
}

pub(super) fn provider() -> Arc<dyn RTCCryptoProvider> {
    Arc::new(RingProvider::new())
}

pub(super) const LESSON: LessonId = LessonId(Uuid::from_u128(1));

pub(super) fn seat(n: u16) -> SeatId {
    SeatId(Uuid::from_u128(1000 + u128::from(n)))
}

pub(super) fn lines(text: &str) -> Vec<OfferLine> {
    text.split(' ')
        .map(|l| OfferLine {
            kind: if l.starts_with('a') { MediaKind::Audio } else { MediaKind::Video },
            send: l.ends_with('^'),
            layers: l.chars().find_map(|c| c.to_digit(10)).map_or(1, |n| n as u8),
        })
        .collect()
}

pub(super) const WHIP: &str = "a^ v^";
pub(super) const WHEP: &str = "a v";
pub(super) const ROOM: &str = "a^ v^ v v v a a a";

impl Narrow {
    pub(super) fn new(rate: f64, queue: f64, now: Instant) -> Self {
        Self { rate, limit: rate / 8.0 * queue, busy_until: now, longest: Duration::ZERO, through: 0 }
    }

    /// How long a datagram waits and is on the line; `None`: the queue is full.
    fn pass(&mut self, now: Instant, bytes: usize) -> Option<Duration> {
        let queued = self.busy_until.saturating_duration_since(now);
        if queued.as_secs_f64() * self.rate / 8.0 + bytes as f64 > self.limit {
            return None;
        }
        let done = self.busy_until.max(now) + Duration::from_secs_f64(bytes as f64 * 8.0 / self.rate);
        self.busy_until = done;
        self.longest = self.longest.max(queued);
        self.through += bytes;
        Some(done - now)
    }
}

impl World {
    pub(super) fn new(seed: u64, profile: Profile) -> Self {
        println!("seed {seed}");
        let now = crate::net::clock::now();
        let pem = Identity::generate_pem(&provider()).expect("certificate");
        let config = SfuConfig {
            worker: 0,
            candidates: Candidates { udp: vec![SocketAddr::from(([127, 0, 0, 1], 7882))], tcp: vec![] },
            identity: Identity::from_pem(&pem, provider()).expect("identity"),
            wall: Wall::new(now, Duration::from_secs(1_800_000_000)),
            max_sessions: 100,
            seed: [seed as u8; 32],
        };
        let mut world = Self {
            now,
            sfu: Sfu::new(config),
            out: Outbox::new(),
            events: Vec::new(),
            clients: BTreeMap::new(),
            sessions: BTreeMap::new(),
            loss: 0.0,
            narrow: BTreeMap::new(),
            narrow_up: BTreeMap::new(),
            held_up: BTreeMap::new(),
            behind: BTreeMap::new(),
            lossy: BTreeMap::new(),
            remembered: BTreeMap::new(),
            reporting: BTreeMap::new(),
            decode: BTreeMap::new(),
            busy: None,
            unread: Vec::new(),
            recorded: 0,
            sent: Vec::new(),
            astray: Vec::new(),
            identity: ClientIdentity::generate(profile, provider()).expect("identity"),
            wire: BTreeMap::new(),
            order: 0,
            rng: StdRng::seed_from_u64(seed),
        };
        world.command(Command::Open { lesson: LESSON, codecs: vec![VideoCodec::H264, VideoCodec::Vp9] });
        world
    }

    pub(super) fn command(&mut self, command: Command) {
        self.sfu.handle_command(self.now, command, &mut self.out);
        self.collect();
    }

    /// Joins and waits until connected; returns the client's port, which names it.
    pub(super) fn join(&mut self, port: u16, role: SessionRole, shape: &str) -> SessionId {
        self.sit(port, seat(port), role, shape)
    }

    /// The same in a seat that may be another client's too.
    pub(super) fn sit(&mut self, port: u16, seat: SeatId, role: SessionRole, shape: &str) -> SessionId {
        let mut client = Client::new(self.now, lines(shape), self.identity.clone(), &mut self.rng);
        if let Some(remb) = self.reporting.get(&port) {
            (client.telling, client.remb) = (Telling::Reports, *remb);
        }
        let offer = client.offer();
        let session = SessionId(Uuid::from_u128(self.rng.random()));
        self.clients.insert(port, client);
        self.sessions.insert(port, session);
        let line = self.behind.get(&port).map(|line| LineId(Uuid::from_u128(u128::from(*line))));
        let decode = self.decode.get(&port).copied().unwrap_or_default();
        let remembered_bps = self.remembered.get(&port).copied();
        self.command(Command::Join { lesson: LESSON, session, seat, role, line, decode, remembered_bps, offer });
        let answer = self.events.iter().rev().find_map(|e| match e {
            Event::Answered { session: s, answer, .. } if *s == session => Some(answer.clone()),
            _ => None,
        });
        let answer = answer.unwrap_or_else(|| panic!("answered: {:?}", self.events.last()));
        let now = self.now;
        assert!(self.client(port).handle_answer(now, &answer));
        for _ in 0..500 {
            if self.client(port).is_connected() {
                break;
            }
            self.run(Duration::from_millis(10));
        }
        assert!(self.client(port).is_connected(), "client {port} connects");
        session
    }

    pub(super) fn client(&mut self, port: u16) -> &mut Client {
        self.clients.get_mut(&port).expect("joined")
    }

    pub(super) fn take(&mut self, port: u16) -> Vec<ClientEvent> {
        std::mem::take(&mut self.client(port).events)
    }

    /// A datagram comes to the server from this port, whoever is there.
    pub(super) fn inject(&mut self, port: u16, datagram: &[u8]) {
        let path = Path { local: Local::Udp, remote: Self::address(port) };
        self.sfu.handle_datagram(self.now, path, &mut datagram.to_vec(), &mut self.out);
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn put(&mut self, bound: Bound) {
        if self.loss > 0.0 && self.rng.random_bool(self.loss) {
            return;
        }
        let mut waits = Duration::ZERO;
        if let Bound::Client(to, datagram) = &bound {
            if let Some(share) = self.lossy.get(&to.port())
                && self.rng.random_bool(*share)
            {
                return;
            }
            let line = self.behind.get(&to.port()).copied().unwrap_or(to.port());
            if let Some(narrow) = self.narrow.get_mut(&line) {
                let Some(wait) = narrow.pass(self.now, datagram.len() + 28) else { return };
                waits = wait;
            }
        }
        if let Bound::Server(from, datagram) = &bound {
            if let Some(narrow) = self.narrow_up.get_mut(&from.port()) {
                let Some(wait) = narrow.pass(self.now, datagram.len() + 28) else { return };
                waits = wait;
            }
            if let Some(until) = self.held_up.get(&from.port()) {
                waits = waits.max(until.saturating_duration_since(self.now));
            }
        }
        self.order += 1;
        self.wire.insert((self.now + DELAY + waits, self.order), bound);
    }

    /// From now on the line to a client takes `rate` bit/s, with half a second of queue before it.
    pub(super) fn narrow(&mut self, port: u16, rate: f64) {
        self.narrow.insert(port, Narrow::new(rate, 0.5, self.now));
    }

    /// The same both ways, with so many seconds of queue.
    pub(super) fn narrow_both(&mut self, port: u16, rate: f64, queue: f64) {
        self.narrow.insert(port, Narrow::new(rate, queue, self.now));
        self.narrow_up.insert(port, Narrow::new(rate, queue, self.now));
    }

    fn collect(&mut self) {
        let lanes: Vec<(SocketAddr, Vec<u8>, Vec<u16>)> =
            self.out.lanes().iter().map(|l| (l.path.remote, l.bytes.clone(), l.lengths.clone())).collect();
        self.out.clear_lanes();
        for (to, bytes, lengths) in lanes {
            let mut at = 0;
            for length in lengths {
                let end = at + usize::from(length);
                self.sent.push(bytes[at..end].to_vec());
                self.put(Bound::Client(to, bytes[at..end].to_vec()));
                at = end;
            }
        }
        self.recorded += self.out.record.packets.len();
        self.out.record = Default::default();
        self.events.append(&mut self.out.events);
        let ports: Vec<u16> = self.clients.keys().copied().collect();
        for port in ports {
            for datagram in std::mem::take(&mut self.client(port).outgoing) {
                self.put(Bound::Server(Self::address(port), datagram));
            }
        }
    }

    /// Lets time pass in steps of 1 ms.
    pub(super) fn run(&mut self, length: Duration) {
        let end = self.now + length;
        while self.now < end {
            self.now += Duration::from_millis(1);
            let later = self.wire.split_off(&(self.now, u64::MAX));
            for bound in std::mem::replace(&mut self.wire, later).into_values() {
                match bound {
                    Bound::Server(from, datagram) => self.unread.push((self.now, from, datagram)),
                    Bound::Client(to, mut d) => {
                        let now = self.now;
                        match self.clients.get_mut(&to.port()) {
                            Some(c) => c.handle_datagram(now, &mut d),
                            None => self.astray.push((to.port(), d)),
                        }
                    }
                }
            }
            self.read();
            if self.sfu.next_timeout().is_some_and(|at| at <= self.now) {
                self.sfu.handle_timeout(self.now, &mut self.out);
            }
            self.sfu.release(self.now, &mut self.out);
            let now = self.now;
            for client in self.clients.values_mut() {
                client.handle_timeout(now);
            }
            self.collect();
        }
    }

    /// The worker handles what came, unless it is busy. What one client sent at once comes as the kernel gives it: end to end,
    /// as long as the datagrams are of one length, and with one that is shorter as the last.
    fn read(&mut self) {
        let waited = self.unread.first().map_or(Duration::ZERO, |(came, ..)| self.now - *came);
        if self.busy.is_some_and(|busy| waited < busy) {
            return;
        }
        let mut runs: Vec<(Instant, SocketAddr, usize, Vec<u8>)> = Vec::new();
        for (came, remote, datagram) in std::mem::take(&mut self.unread) {
            match runs.last_mut() {
                Some((at, from, stride, run))
                    if (*at, *from) == (came, remote) && run.len() % *stride == 0 && datagram.len() <= *stride =>
                {
                    run.extend(datagram);
                }
                _ => runs.push((came, remote, datagram.len().max(1), datagram)),
            }
        }
        for (came, remote, stride, mut run) in runs {
            let (at, path) = (Moment { now: self.now, came }, Path { local: Local::Udp, remote });
            self.sfu.take_datagrams(&at, &path, stride, &mut run, &mut self.out);
        }
        self.sfu.forward(self.now, &mut self.out);
    }

    /// A client's address changes to another port (NAT rebinding); its name stays the new port.
    pub(super) fn rebind(&mut self, from: u16, to: u16) {
        let client = self.clients.remove(&from).expect("joined");
        self.clients.insert(to, client);
    }

    /// Sends a video frame of three packets (the first of a key frame where asked) and one sound packet.
    pub(super) fn frame(&mut self, port: u16, number: u32, key: bool) {
        let first = if key { vec![0x67, 0, 0] } else { vec![0x61, 0, 0] };
        let client = self.client(port);
        let time = number.wrapping_mul(3000);
        for (i, head) in [first, vec![0x61, 1, 1], vec![0x61, 2, 2]].into_iter().enumerate() {
            let mut payload = head;
            payload.extend_from_slice(&number.to_be_bytes());
            payload.resize(200, i as u8);
            client.send(1, time, i == 2, &payload);
        }
        client.send(0, number.wrapping_mul(1600), false, &number.to_be_bytes());
        self.collect();
    }
}

/// Fails where one number of a stream sealed two packets that differ; says how many were sent again as they were.
pub(super) fn sealed_again(w: &World) -> usize {
    let mut sealed: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
    let mut again = 0;
    for datagram in w.sent.iter().filter(|d| d.len() > 12 && d[0] >> 6 == 2 && !(192..=223).contains(&d[1])) {
        // Stream and sequence number; the rollover does not change in so few packets.
        let (number, stream) = (&datagram[2..4], &datagram[8..12]);
        let key = &datagram[2..12];
        assert_eq!((&key[..2], &key[6..]), (number, stream));
        match sealed.insert(key, datagram) {
            Some(before) if before != datagram.as_slice() => panic!("sealed anew: {number:?} of {stream:?}"),
            Some(_) => again += 1,
            None => {}
        }
    }
    again
}
