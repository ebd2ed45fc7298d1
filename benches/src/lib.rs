//! A lesson in memory: one publisher and some viewers with real DTLS-SRTP around a core without sockets, so that only
//! the core's own work is measured. Its datagrams are made beforehand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use rtc_crypto::RTCCryptoProvider;
use rtc_crypto::providers::RingProvider;
use tongke::media::dtls::Identity;
use tongke::media::outbox::{Local, Outbox, Path};
use tongke::media::sdp::Candidates;
use tongke::media::srtp::Profile;
use tongke::media::{Sfu, SfuConfig};
use tongke::net::clock;
use tongke::peer::handshake::ClientIdentity;
use tongke::peer::{Client, OfferLine};
use tongke_signaling::command::{
    Command, DecodeBudget, Event, LessonId, RecordingId, SeatId, SessionId, SessionRole, Slot, Source, SourceKind,
    VideoCodec,
};
use uuid::Uuid;

/// Packets of one measured batch: one second of a teacher's camera and microphone.
pub const BATCH: usize = 290;
/// Video payload, bytes: 240 packets/s of it are 2 Mbit/s.
const PICTURE: usize = 1_041;
/// Sound payload, bytes.
const SOUND: usize = 160;

const LESSON: LessonId = LessonId(Uuid::from_u128(1));
const TEACHER: SeatId = SeatId(Uuid::from_u128(2));

/// See the module.
pub struct Stage {
    sfu: Sfu,
    out: Outbox,
    now: Instant,
    publisher: Client,
    viewers: Vec<Client>,
    frames: u64,
}

fn path(port: u16) -> Path {
    Path { local: Local::Udp, remote: SocketAddr::from(([127, 0, 0, 1], port)) }
}

impl Stage {
    /// A lesson whose media flows. `recorded`: the recorder gets everything as well.
    pub fn new(viewers: u16, profile: Profile, recorded: bool) -> Self {
        let provider: Arc<dyn RTCCryptoProvider> = Arc::new(RingProvider::new());
        let pem = Identity::generate_pem(&provider).expect("certificate");
        let config = SfuConfig {
            worker: 0,
            candidates: Candidates { udp: vec![path(7882).remote], tcp: vec![] },
            identity: Identity::from_pem(&pem, provider.clone()).expect("identity"),
            wall: clock::wall(),
            max_sessions: 1_000,
            seed: [7; 32],
        };
        let identity = ClientIdentity::generate(profile, provider).expect("identity");
        let mut rng = StdRng::seed_from_u64(7);
        let now = clock::now();
        let up = vec![OfferLine::audio(true), OfferLine::video(true)];
        let mut stage = Self {
            sfu: Sfu::new(config),
            out: Outbox::new(),
            now,
            publisher: Client::new(now, up, identity.clone(), &mut rng),
            viewers: Vec::new(),
            frames: 0,
        };
        stage.order(Command::Open { lesson: LESSON, codecs: vec![VideoCodec::H264] });
        let offer = stage.publisher.offer();
        let answer = stage.join(0, TEACHER, SessionRole::Whip { screen: false }, offer);
        assert!(stage.publisher.handle_answer(now, &answer));
        stage.settle();
        if recorded {
            let recording = Some(RecordingId(Uuid::from_u128(9)));
            stage.order(Command::Record { lesson: LESSON, recording });
        }
        for number in 1..=viewers {
            let down = vec![OfferLine::audio(false), OfferLine::video(false)];
            let mut viewer = Client::new(now, down, identity.clone(), &mut rng);
            let seat = SeatId(Uuid::from_u128(1_000 + u128::from(number)));
            let answer = stage.join(number, seat, SessionRole::Whep, viewer.offer());
            assert!(viewer.handle_answer(now, &answer));
            stage.viewers.push(viewer);
            stage.settle();
            for (slot, kind) in [(Slot::Video, SourceKind::Camera), (Slot::Audio, SourceKind::Microphone)] {
                let (session, source) = (session(number), Some(Source { seat: TEACHER, kind }));
                stage.order(Command::Show { session, slot, source });
            }
        }
        // Rings and lanes get their size, and every viewer its key frame.
        for _ in 0..4 {
            let mut batch = stage.batch();
            let sent = stage.forward(&mut batch);
            stage.clear();
            assert!(stage.frames < 60 || sent == BATCH * usize::from(viewers), "{sent} of {BATCH} × {viewers}");
        }
        stage
    }

    fn order(&mut self, command: Command) {
        self.sfu.handle_command(self.now, command, &mut self.out);
        self.clear();
    }

    fn join(&mut self, number: u16, seat: SeatId, role: SessionRole, offer: String) -> String {
        let session = session(number);
        let decode = DecodeBudget::default();
        let join =
            Command::Join { lesson: LESSON, session, seat, role, line: None, decode, remembered_bps: None, offer };
        self.sfu.handle_command(self.now, join, &mut self.out);
        let answer = self.out.events.iter().find_map(|e| match e {
            Event::Answered { answer, .. } => Some(answer.clone()),
            _ => None,
        });
        self.clear();
        answer.expect("answered")
    }

    /// Carries datagrams to and fro until all are connected.
    fn settle(&mut self) {
        for _ in 0..200 {
            self.now += Duration::from_millis(10);
            self.hear_clients();
            self.sfu.handle_timeout(self.now, &mut self.out);
            self.deliver();
            if std::iter::once(&self.publisher).chain(&self.viewers).all(Client::is_connected) {
                return;
            }
        }
        panic!("not connected");
    }

    fn deliver(&mut self) {
        for lane in self.out.lanes() {
            let number = usize::from(lane.path.remote.port()) - 1;
            let client = match number.checked_sub(1) {
                None => &mut self.publisher,
                Some(viewer) => &mut self.viewers[viewer],
            };
            let mut at = 0;
            for length in lane.lengths.iter().map(|l| usize::from(*l)) {
                client.handle_datagram(self.now, &mut lane.bytes[at..at + length].to_vec());
                at += length;
            }
        }
        self.clear();
    }

    /// One second of the publisher's datagrams, sealed; a key frame each second.
    pub fn batch(&mut self) -> Vec<Vec<u8>> {
        for frame in 0..30u64 {
            let head: u8 = if frame == 0 { 0x67 } else { 0x61 };
            for part in 0..8 {
                let mut payload = vec![0x55; PICTURE];
                payload[0] = if part == 0 { head } else { 0x61 };
                self.publisher.send(1, (self.frames * 3_000) as u32, part == 7, &payload);
            }
            self.frames += 1;
        }
        for sound in 0..50u32 {
            let time = (self.frames as u32 / 30).wrapping_mul(48_000).wrapping_add(sound * 960);
            self.publisher.send(0, time, false, &[0xfc; SOUND]);
        }
        self.publisher.events.clear();
        std::mem::take(&mut self.publisher.outgoing)
    }

    /// What is measured: datagrams in, sealed datagrams out. Gives how many came out.
    #[inline(never)]
    pub fn forward(&mut self, batch: &mut [Vec<u8>]) -> usize {
        let mut sent = 0;
        for datagram in batch {
            self.sfu.handle_datagram(self.now, path(1), datagram, &mut self.out);
            sent += self.out.datagrams();
            self.out.clear_lanes();
        }
        sent
    }

    /// Forgets what came out besides datagrams, as the driver does; lets a second pass.
    pub fn clear(&mut self) {
        self.out.clear_lanes();
        self.out.record.bytes.clear();
        self.out.record.packets.clear();
        self.out.record.reports.clear();
        self.out.events.clear();
    }

    /// A second passes: limits are refilled, reports and feedback go out, and all clients show that they are there.
    pub fn second(&mut self) {
        self.now += Duration::from_secs(1);
        self.hear_clients();
        self.sfu.handle_timeout(self.now, &mut self.out);
        self.clear();
    }

    /// What the clients send by themselves.
    fn hear_clients(&mut self) {
        let now = self.now;
        let clients = std::iter::once(&mut self.publisher).chain(&mut self.viewers);
        for (number, client) in clients.enumerate() {
            client.handle_timeout(now);
            for mut datagram in std::mem::take(&mut client.outgoing) {
                self.sfu.handle_datagram(now, path(number as u16 + 1), &mut datagram, &mut self.out);
            }
        }
    }
}

fn session(number: u16) -> SessionId {
    SessionId(Uuid::from_u128(5_000 + u128::from(number)))
}
