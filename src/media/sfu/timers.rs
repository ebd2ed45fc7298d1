//! What time makes due. Nothing is scheduled per packet: a turn of 10 ms looks at every session.

use std::time::{Duration, Instant};

use rand::Rng;
use tongke_signaling::command::{Event, LeaveCause, SourceKind};

use super::Sfu;
use crate::media::allot::allot_all;
use crate::media::departures::Ticks;
use crate::media::outbox::Outbox;
use crate::media::peer::{CONNECT_LIMIT, SILENCE_LIMIT};
use crate::media::track::PeerKey;

/// NACKs, deferred key-frame requests and handshake flights.
const TURN: Duration = Duration::from_millis(10);
/// Transport-wide feedback: ten a second serve a browser's estimator well.
const FEEDBACK: Duration = Duration::from_millis(100);
/// Layers chosen anew, sources noticed.
const LOOK: Duration = Duration::from_millis(250);
/// Signs of life; the page calls a path dead after six without anything.
const PULSE: Duration = Duration::from_millis(500);
/// Reports and facts.
const SECOND: Duration = Duration::from_secs(1);

/// When each kind of work is next due.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timers {
    turn: Option<Instant>,
    feedback: Option<Instant>,
    look: Option<Instant>,
    pulse: Option<Instant>,
    second: Option<Instant>,
}

impl Timers {
    /// The first session came: time counts from here.
    pub(super) fn start(&mut self, now: Instant) {
        if self.turn.is_none_or(|at| at + SECOND < now) {
            *self = Self {
                turn: Some(now + TURN),
                feedback: Some(now + FEEDBACK),
                look: Some(now + LOOK),
                pulse: Some(now + PULSE),
                second: Some(now + SECOND),
            };
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.turn
    }
}

/// True if `at` has come; then it is moved on, past `now` even after a long sleep.
fn due(at: &mut Option<Instant>, every: Duration, now: Instant) -> bool {
    let Some(when) = *at else { return false };
    if when > now {
        return false;
    }
    *at = Some(if when + every > now { when + every } else { now + every });
    true
}

pub(super) fn handle(sfu: &mut Sfu, now: Instant, out: &mut Outbox) {
    if !due(&mut sfu.timers.turn, TURN, now) {
        return;
    }
    sfu.strangers_left = super::strangers::A_TURN;
    let feedback = due(&mut sfu.timers.feedback, FEEDBACK, now);
    let look = due(&mut sfu.timers.look, LOOK, now);
    let pulse = due(&mut sfu.timers.pulse, PULSE, now);
    let second = due(&mut sfu.timers.second, SECOND, now);
    let mut gone: Vec<(PeerKey, LeaveCause)> = Vec::new();
    for (key, peer) in &mut sfu.peers {
        if !peer.is_connected() {
            peer.handle_dtls_timeout(now, out);
            if now.saturating_duration_since(peer.created) >= CONNECT_LIMIT {
                gone.push((key, LeaveCause::NeverConnected));
            }
            continue;
        }
        if now.saturating_duration_since(peer.last_heard) >= SILENCE_LIMIT {
            gone.push((key, LeaveCause::Silent));
            continue;
        }
        peer.send_nacks(now, out);
        if let Some(room) = sfu.rooms.get(peer.room) {
            let at = Ticks::since(room.epoch, now);
            peer.pace(now, at, |sent| room.kept(sent), out);
            peer.send_probe(now, at, |sent| room.kept(sent), out);
        }
        peer.send_check(now, || sfu.rng.random(), sfu.config.identity.provider(), out);
        if feedback {
            peer.send_feedback(out);
        }
        if pulse {
            peer.send_pulse(out);
        }
    }
    if look {
        sfu.rooms.iter_mut().for_each(|(_, room)| room.weigh(now));
        allot_all(&mut sfu.sharing, &sfu.rooms, now, &mut sfu.peers, out);
    }
    for (_, room) in &mut sfu.rooms {
        for index in 0..room.tracks.len() {
            if look {
                room.retarget(index, now, &mut sfu.peers, out);
            } else {
                room.send_key_requests(index, now, &mut sfu.peers, out);
            }
        }
        if look {
            room.note_live(now, &mut sfu.peers, out);
            room.note_watched(now, &sfu.peers, out);
        }
    }
    for (key, cause) in gone {
        sfu.remove(key, cause, now, out);
    }
    send_sender_reports(sfu, second, now, out);
    if second {
        every_second(sfu, now, out);
    }
}

/// A slot reports once a second, and at once after it changed its source.
fn send_sender_reports(sfu: &mut Sfu, all: bool, now: Instant, out: &mut Outbox) {
    let ntp = sfu.config.wall.ntp_at(now);
    for (_, peer) in &mut sfu.peers {
        let Some(room) = sfu.rooms.get(peer.room) else { continue };
        for slot in 0..peer.slots.len() {
            let Some(s) = peer.slots.get(slot).filter(|s| all || s.report_due) else { continue };
            let Some(shown) = s.shown else { continue };
            let layer = room.tracks.get(shown.track).and_then(|t| t.layer(shown.layer, shown.generation));
            let Some(rtp) = layer.and_then(|l| l.clock.rtp_at(now)) else { continue };
            peer.send_sender_report(slot, shown.shifted(rtp), ntp, out);
        }
    }
}

fn every_second(sfu: &mut Sfu, now: Instant, out: &mut Outbox) {
    for (key, peer) in &mut sfu.peers {
        peer.new_second();
        if !peer.is_connected() {
            continue;
        }
        peer.send_receiver_report(now, out);
        let mut facts = peer.take_facts(SECOND.as_secs_f32());
        if let Some(room) = sfu.rooms.get(peer.room) {
            let own = |kind| room.tracks.iter().find(move |t| t.owner == Some(key) && t.source.kind == kind);
            if let Some(track) = own(SourceKind::Microphone) {
                facts.hears_microphone = track.is_sending(now);
                facts.audio_level = track.level.filter(|_| facts.hears_microphone).map_or(0, |l| 127 - l.min(127));
            }
            facts.sees_camera = own(SourceKind::Camera).is_some_and(|t| t.is_sending(now));
        }
        out.events.push(Event::Line { session: peer.session, facts });
    }
}
