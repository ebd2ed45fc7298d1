//! One sans-IO client connection: ICE (controlling), DTLS, SRTP, what it receives and reports. What it sends is in `sending`.

mod sending;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rand::Rng;
use rtc_stun::attributes::{ATTR_USERNAME, AttrType};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc_stun::textattrs::TextAttribute;

use sending::SendLine;

use super::handshake::{ClientIdentity, Handshake};
use super::offer::{OPUS, OfferLine, RED, TRANSPORT_CC_ID, Telling, write_offer};
use crate::media::feedback::Feedback;
use crate::media::ice::{Check, Credentials};
use crate::media::receive::ReceiveStream;
use crate::media::red;
use crate::media::remb::{self, Remb};
use crate::media::rtcp::{self, Report};
use crate::media::rtp::Header;
use crate::media::srtp::{Opener, Sealer};
use crate::media::twcc::Arrivals;

/// Consent and keep-alive checks (RFC 7675 allows 4 to 6 s; a browser sends one every 2.5 s).
const CHECK_INTERVAL: Duration = Duration::from_millis(2_500);
/// Until the first answer checks go out this often.
const FIRST_CHECKS: Duration = Duration::from_millis(50);
/// A report block for each stream this often.
const REPORT_INTERVAL: Duration = Duration::from_millis(1_000);
/// Transport-wide feedback, as a browser sends it at 2 Mbit/s.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(100);

/// A packet of one of the server's slots, in place or recovered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received<'p> {
    /// Slot's SSRC.
    pub ssrc: u32,
    /// Sequence number.
    pub sequence: u16,
    /// RTP time.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// True: it came as a retransmission.
    pub repaired: bool,
    /// Payload.
    pub payload: &'p [u8],
}

/// What happened at a client.
#[derive(Clone, PartialEq, Debug)]
pub enum ClientEvent {
    /// Media may flow.
    Connected,
    /// A packet of one of the server's slots, in place or recovered.
    Packet {
        /// Slot's SSRC.
        ssrc: u32,
        /// Sequence number.
        sequence: u16,
        /// RTP time.
        timestamp: u32,
        /// Marker bit.
        marker: bool,
        /// True: it came as a retransmission.
        repaired: bool,
        /// Payload.
        payload: Vec<u8>,
    },
    /// The server asks for a key frame on this line.
    KeyFrameWanted {
        /// m-line.
        line: usize,
        /// Its layer, lowest first.
        layer: u8,
    },
}

/// See the module.
pub struct Client {
    lines: Vec<OfferLine>,
    credentials: Credentials,
    theirs: Option<Credentials>,
    server: SocketAddr,
    identity: ClientIdentity,
    handshake: Handshake,
    keys: Option<(Opener, Sealer)>,
    next_check: Instant,
    checked: bool,
    next_report: Instant,
    senders: HashMap<(usize, u8), SendLine>,
    received: HashMap<u32, ReceiveStream>,
    repairs: HashMap<u32, u32>,
    transport_number: u16,
    arrivals: Arrivals,
    heard: u32,
    next_feedback: Instant,
    our_ssrc: u32,
    tie_breaker: u64,
    /// Datagrams to send to the server.
    pub outgoing: Vec<Vec<u8>>,
    /// What happened.
    pub events: Vec<ClientEvent>,
    /// How it tells what arrives; to be set before the offer.
    pub telling: Telling,
    /// What it says its line takes, bit/s, where it tells by reports.
    pub remb: Option<u64>,
    /// What the server told last of when its packets came.
    pub told: Option<Feedback>,
    /// Packets asked for, each time.
    pub nacks_sent: u64,
    /// Packets sent again because the server asked.
    pub repeats_sent: u64,
    /// Lost packets whose sound came with a later one.
    pub mended: u64,
}

/// What a controlling agent says in each check (RFC 8445 §7.1.1, §7.1.2): the pair is nominated at once.
struct Controlling(u64);

/// Of a peer-reflexive candidate, component 1 (RFC 8445 §5.1.2.1).
const PRIORITY: u32 = 110 << 24 | 65_535 << 8 | 255;

impl Setter for Controlling {
    fn add_to(&self, m: &mut Message) -> Result<(), rtc_shared::error::Error> {
        m.add(AttrType(0x0024), &PRIORITY.to_be_bytes());
        m.add(AttrType(0x0025), &[]);
        m.add(AttrType(0x802a), &self.0.to_be_bytes());
        Ok(())
    }
}

impl Client {
    /// A client with these lines; `offer` gives what to post.
    pub fn new(now: Instant, lines: Vec<OfferLine>, identity: ClientIdentity, rng: &mut impl Rng) -> Self {
        let layers = |(i, l): (usize, &OfferLine)| (0..l.layers).map(move |layer| (i, layer)).collect::<Vec<_>>();
        let sent = lines.iter().enumerate().filter(|(_, l)| l.send).flat_map(layers);
        let senders: HashMap<_, _> = sent.map(|place| (place, SendLine::new(rng))).collect();
        Self {
            senders,
            credentials: Credentials::generate(99, rng),
            handshake: Handshake::new(identity.clone()),
            our_ssrc: rng.random(),
            tie_breaker: rng.random(),
            lines,
            theirs: None,
            server: SocketAddr::from(([0, 0, 0, 0], 0)),
            identity,
            keys: None,
            next_check: now,
            checked: false,
            next_report: now,
            received: HashMap::new(),
            repairs: HashMap::new(),
            transport_number: 0,
            arrivals: Arrivals::default(),
            heard: 0,
            next_feedback: now,
            outgoing: Vec::new(),
            events: Vec::new(),
            telling: Telling::default(),
            remb: None,
            told: None,
            nacks_sent: 0,
            repeats_sent: 0,
            mended: 0,
        }
    }

    /// The offer.
    pub fn offer(&self) -> String {
        write_offer(&self.lines, &self.credentials, &self.identity.fingerprint, self.telling)
    }

    /// Takes the answer; false when it lacks what is needed.
    pub fn handle_answer(&mut self, now: Instant, answer: &str) -> bool {
        let find = |key: &str| answer.lines().find_map(|l| l.strip_prefix(key)).map(|v| v.trim().to_owned());
        let (Some(ufrag), Some(password)) = (find("a=ice-ufrag:"), find("a=ice-pwd:")) else { return false };
        for line in answer.lines() {
            if let Some(group) = line.trim().strip_prefix("a=ssrc-group:FID ")
                && let Some((primary, repair)) = group.split_once(' ')
                && let (Ok(primary), Ok(repair)) = (primary.parse(), repair.parse())
            {
                self.repairs.insert(repair, primary);
            }
        }
        self.theirs = Some(Credentials { ufrag, password });
        if let Some(server) = candidate(answer) {
            self.server = server;
        }
        self.handle_timeout(now);
        true
    }

    /// Where the answer says that the server is.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// Takes new credentials of an ICE restart.
    pub fn handle_restart(&mut self, now: Instant, fragment: &str) -> bool {
        self.checked = false;
        self.next_check = now;
        self.handle_answer(now, fragment)
    }

    /// Makes new credentials and gives the fragment that tells them (RFC 8840).
    pub fn restart_fragment(&mut self, rng: &mut impl Rng) -> String {
        self.credentials = Credentials::generate(99, rng);
        let Credentials { ufrag, password } = &self.credentials;
        format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n")
    }

    /// True once media may flow.
    pub fn is_connected(&self) -> bool {
        self.keys.is_some()
    }

    /// When `handle_timeout` wants to be called next.
    pub fn next_timeout(&self) -> Instant {
        self.next_check
    }

    /// Does what is due: checks, handshake flights, NACKs, reports.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now >= self.next_check {
            self.send_check();
            self.next_check = now + if self.checked { CHECK_INTERVAL } else { FIRST_CHECKS };
        }
        if self.keys.is_none() {
            self.handshake.handle_timeout(now);
            self.flush_handshake();
            return;
        }
        self.send_nacks(now);
        if now >= self.next_feedback {
            // Who looks seldom is a little late each time, and tells as often all the same.
            self.next_feedback = now.max(self.next_feedback + FEEDBACK_INTERVAL);
            let (ours, theirs, mut arrivals) = (self.our_ssrc, self.heard, std::mem::take(&mut self.arrivals));
            self.send_rtcp(|b| {
                arrivals.write(b, ours, theirs);
            });
            self.arrivals = arrivals;
        }
        if now >= self.next_report {
            self.next_report = now + REPORT_INTERVAL;
            let blocks: Vec<rtcp::Block> =
                self.received.values_mut().filter(|s| !s.is_repair).filter_map(|s| s.report(now)).collect();
            let ours = self.our_ssrc;
            let remb = self.remb.filter(|_| self.telling == Telling::Reports);
            self.send_rtcp(|b| {
                rtcp::write_receiver_report(b, ours, &blocks);
                if let Some(bits) = remb {
                    remb::write(b, ours, &Remb { bits, ssrcs: blocks.iter().map(|block| block.ssrc).collect() });
                }
            });
        }
    }

    fn send_check(&mut self) {
        self.check("");
    }

    /// Asks whether the server is there, whatever became of the session.
    pub fn knock(&mut self) {
        self.check("+");
    }

    fn check(&mut self, mark: &str) {
        let Some(theirs) = &self.theirs else { return };
        let mut check = Message::new();
        let username = format!("{}{mark}:{}", theirs.ufrag, self.credentials.ufrag);
        let crypto = self.identity.provider.crypto();
        let password = theirs.password.clone();
        let built = check.build(&[
            Box::new(TransactionId::new()),
            Box::new(BINDING_REQUEST),
            Box::new(TextAttribute::new(ATTR_USERNAME, username)),
            Box::new(Controlling(self.tie_breaker)),
            Box::new(MessageIntegrity::new_short_term_integrity_with_provider(password, crypto)),
            Box::new(FINGERPRINT),
        ]);
        if built.is_ok() {
            self.outgoing.push(check.raw);
        }
    }

    /// Servers that are not ICE-lite check the path as well (RFC 8445 §7.3).
    fn answer_check(&mut self, mut check: Check) {
        let (password, provider) = (&self.credentials.password, &self.identity.provider);
        if check.is_authentic(password, provider)
            && let Some(answer) = check.answer(self.server, password, provider)
        {
            self.outgoing.push(answer);
        }
    }

    fn flush_handshake(&mut self) {
        self.outgoing.extend(self.handshake.outgoing.drain(..).map(|d| d.to_vec()));
    }

    /// Takes a datagram from the server; packets become events.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &mut [u8]) {
        let mut events = std::mem::take(&mut self.events);
        self.take_datagram(now, datagram, |p| {
            let Received { ssrc, sequence, timestamp, marker, repaired, payload } = p;
            let payload = payload.to_vec();
            events.push(ClientEvent::Packet { ssrc, sequence, timestamp, marker, repaired, payload });
        });
        events.append(&mut self.events);
        self.events = events;
    }

    /// Takes a datagram from the server; a packet is lent to `take` and not copied.
    pub fn take_datagram(&mut self, now: Instant, datagram: &mut [u8], mut take: impl FnMut(Received<'_>)) {
        match datagram {
            [0..=3, ..] => {
                let mut message = Message::new();
                if message.unmarshal_binary(datagram).is_ok() && message.typ == BINDING_SUCCESS {
                    self.checked = true;
                    self.handshake.start(now);
                    self.flush_handshake();
                } else if let Some(check) = Check::parse(datagram) {
                    self.answer_check(check);
                }
            }
            [20..=63, ..] => {
                if let Some(keys) = self.handshake.handle_datagram(now, datagram) {
                    self.keys = Some(keys);
                    self.events.push(ClientEvent::Connected);
                }
                self.flush_handshake();
            }
            [128..=191, 192..=223, ..] => self.handle_rtcp(now, datagram),
            [128..=191, ..] => self.handle_rtp(now, datagram, &mut take),
            _ => {}
        }
    }

    fn handle_rtp(&mut self, now: Instant, datagram: &mut [u8], take: &mut impl FnMut(Received<'_>)) {
        let Some((opener, _)) = self.keys.as_mut() else { return };
        let Some(header) = Header::parse(datagram) else { return };
        let stream = self.received.entry(header.ssrc).or_insert_with(|| {
            let is_repair = self.repairs.contains_key(&header.ssrc);
            let rate = if header.payload_type == OPUS { 48_000 } else { 90_000 };
            ReceiveStream::new(header.ssrc, 0, 0, is_repair, rate)
        });
        let is_repair = stream.is_repair;
        let index = stream.sequences.guess(header.sequence);
        let Ok(len) = opener.open_rtp(datagram, &header, index) else { return };
        stream.note(index, header.timestamp, now);
        let Some(packet) = datagram.get(..len) else { return };
        if let Some([high, low]) = header.extension(packet, TRANSPORT_CC_ID)
            && self.telling == Telling::Transport
        {
            self.arrivals.note(u16::from_be_bytes([*high, *low]), now);
            self.heard = header.ssrc;
        }
        let mut payload = header.payload(packet);
        if header.payload_type == RED {
            let Some(blocks) = packet.get(payload.clone()).and_then(|p| red::parse(p, OPUS)) else { return };
            let inside = |range: &std::ops::Range<usize>| payload.start + range.start..payload.start + range.end;
            for block in blocks.older {
                let Some(lost) = index.checked_sub(u64::from(block.back)).filter(|l| stream.is_missing(*l)) else {
                    continue;
                };
                stream.recovered(lost);
                self.mended += 1;
                take(Received {
                    ssrc: header.ssrc,
                    sequence: lost as u16,
                    timestamp: header.timestamp.wrapping_sub(block.offset),
                    marker: false,
                    repaired: true,
                    payload: packet.get(inside(&block.range)).unwrap_or_default(),
                });
            }
            payload = inside(&blocks.primary);
        }
        let (mut ssrc, mut sequence) = (header.ssrc, header.sequence);
        if is_repair && let Some(primary) = self.repairs.get(&header.ssrc) {
            let Some(original) = packet.get(payload.clone()).and_then(|p| p.first_chunk::<2>()) else { return };
            (ssrc, sequence) = (*primary, u16::from_be_bytes(*original));
            payload.start += 2;
            if let Some(stream) = self.received.get_mut(primary) {
                let extended = stream.sequences.guess(sequence);
                stream.recovered(extended);
            }
        }
        take(Received {
            ssrc,
            sequence,
            timestamp: header.timestamp,
            marker: header.marker,
            repaired: is_repair,
            payload: packet.get(payload).unwrap_or_default(),
        });
    }

    fn handle_rtcp(&mut self, now: Instant, datagram: &mut [u8]) {
        let Some((opener, _)) = self.keys.as_mut() else { return };
        let Ok(len) = opener.open_rtcp(datagram) else { return };
        for report in rtcp::parse(datagram.get(..len).unwrap_or_default()) {
            match report {
                Report::KeyFrame { ssrc } => {
                    if let Some(((line, layer), _)) = self.senders.iter().find(|(_, s)| s.ssrc == ssrc) {
                        self.events.push(ClientEvent::KeyFrameWanted { line: *line, layer: *layer });
                    }
                }
                Report::Nack { ssrc, sequences } => {
                    let line = self.senders.iter().find(|(_, s)| s.ssrc == ssrc).map(|(l, _)| *l);
                    if let Some(line) = line {
                        sequences.into_iter().for_each(|s| self.repeat(line, s));
                    }
                }
                Report::Sender { ssrc, ntp, .. } if self.telling == Telling::Reports => {
                    if let Some(stream) = self.received.get_mut(&ssrc) {
                        stream.note_report(ntp, now);
                    }
                }
                Report::Transport(feedback) => self.told = Some(feedback),
                _ => {}
            }
        }
    }

    /// Reports the sender's clock on a line.
    pub fn send_sender_report(&mut self, line: usize, ntp: u64, rtp: u32) {
        let Some(s) = self.senders.get(&(line, 0)) else { return };
        let (ssrc, packets, octets) = (s.ssrc, s.packets, s.octets);
        self.send_rtcp(|b| rtcp::write_sender_report(b, ssrc, ntp, rtp, packets, octets, "client"));
    }

    /// Asks the server for a key frame of one of its slots.
    pub fn ask_key_frame(&mut self, ssrc: u32) {
        let ours = self.our_ssrc;
        self.send_rtcp(|b| rtcp::write_pli(b, ours, ssrc));
    }

    fn send_nacks(&mut self, now: Instant) {
        let ours = self.our_ssrc;
        let mut due = Vec::new();
        let mut asks = Vec::new();
        for stream in self.received.values_mut().filter(|s| !s.is_repair) {
            stream.due_nacks(now, &mut due);
            if !due.is_empty() {
                asks.push((stream.ssrc, due.clone()));
            }
        }
        for (ssrc, sequences) in asks {
            self.nacks_sent += sequences.len() as u64;
            self.send_rtcp(|b| rtcp::write_nack(b, ours, ssrc, &sequences));
        }
    }

    /// Sends the RTCP that `write` writes, whatever it is.
    pub fn send_rtcp(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let Some((_, sealer)) = self.keys.as_mut() else { return };
        let mut packet = Vec::new();
        write(&mut packet);
        if !packet.is_empty() && sealer.seal_rtcp(&mut packet, 0) {
            self.outgoing.push(packet);
        }
    }
}

/// The first UDP candidate of an answer.
fn candidate(answer: &str) -> Option<SocketAddr> {
    answer.lines().filter_map(|l| l.trim().strip_prefix("a=candidate:")).find_map(|c| {
        let parts: Vec<&str> = c.split(' ').collect();
        let [_, _, transport, _, ip, port, ..] = parts.as_slice() else { return None };
        let udp = transport.eq_ignore_ascii_case("udp");
        Some(SocketAddr::new(ip.parse::<IpAddr>().ok().filter(|_| udp)?, port.parse().ok()?))
    })
}
