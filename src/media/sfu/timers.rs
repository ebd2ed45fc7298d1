//! What time makes due. Nothing is scheduled per packet: a turn of 10 ms looks at every session where something waits, and at
//! the others now and then. What comes round more rarely comes to some at one turn and to others at another: done for a
//! thousand at once it delays the packets of all; done for each by itself every turn would send something, and at once.

use std::time::{Duration, Instant};

use rand::Rng;
use tongke_signaling::command::{Event, LeaveCause, SourceKind};

use super::Sfu;
use crate::media::allot::allot_due;
use crate::media::departures::Ticks;
use crate::media::outbox::Outbox;
use crate::media::peer::{CONNECT_LIMIT, Peer, SILENCE_LIMIT};
use crate::media::room::Room;
use crate::media::track::PeerKey;

/// NACKs, deferred key-frame requests and handshake flights.
const TURN: Duration = Duration::from_millis(10);
/// Sessions where nothing waits, turns.
const REST: u64 = 5;
/// Transport-wide feedback: ten a second serve a browser's estimator well.
const FEEDBACK: u64 = 10;
/// Layers chosen anew, sources noticed.
const LOOK: u64 = 25;
/// Signs of life; the page calls a path dead after six without anything.
const PULSE: u64 = 50;
/// Reports and facts.
const SECOND: u64 = 100;
const A_SECOND: Duration = TURN.saturating_mul(SECOND as u32);

/// Sessions that have their turn together, and rooms.
const TOGETHER: usize = 128;
const ROOMS_TOGETHER: usize = 16;

/// Turns since the first session came.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timers {
    began: Option<Instant>,
    done: u64,
}

impl Timers {
    /// A session came: after a time without any, turns count anew.
    pub(super) fn start(&mut self, now: Instant) {
        if self.next().is_none_or(|at| at + A_SECOND < now) {
            *self = Self { began: Some(now), done: 0 };
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        Some(self.began? + Duration::from_nanos(TURN.as_nanos() as u64 * (self.done + 1)))
    }

    /// The turn that has come, if one has; those that were slept through are part of it.
    fn take(&mut self, now: Instant) -> Option<Turn> {
        let passed = now.saturating_duration_since(self.began?).as_millis() / TURN.as_millis();
        let turn = Turn { before: self.done, now: passed as u64 };
        self.done = turn.now;
        (turn.now > turn.before).then_some(turn)
    }
}

/// One turn, and the one before it.
#[derive(Clone, Copy, Debug)]
struct Turn {
    before: u64,
    now: u64,
}

impl Turn {
    /// True if this is the turn, of every so many, of the session in place `key`.
    fn is_for(self, key: usize, every: u64) -> bool {
        self.is_of(key / TOGETHER, every)
    }

    /// The same of a room.
    fn is_for_room(self, key: usize, every: u64) -> bool {
        self.is_of(key / ROOMS_TOGETHER, every)
    }

    fn is_of(self, group: usize, every: u64) -> bool {
        let rounds = |turn: u64| turn.wrapping_add(group as u64) / every;
        rounds(self.now) > rounds(self.before)
    }
}

pub(super) fn handle(sfu: &mut Sfu, now: Instant, out: &mut Outbox) {
    let Some(turn) = sfu.timers.take(now) else { return };
    sfu.strangers_left = super::strangers::A_TURN;
    let ntp = sfu.config.wall.ntp_at(now);
    let mut gone: Vec<(PeerKey, LeaveCause)> = Vec::new();
    for (key, peer) in &mut sfu.peers {
        if !peer.is_restless() && !turn.is_for(key, REST) {
            continue;
        }
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
        if turn.is_for(key, FEEDBACK) {
            peer.send_feedback(out);
        }
        if turn.is_for(key, PULSE) {
            peer.send_pulse(out);
        }
    }
    look(sfu, turn, now, out);
    for (key, cause) in gone {
        sfu.remove(key, cause, now, out);
    }
    for (key, peer) in &mut sfu.peers {
        let second = turn.is_for(key, SECOND);
        if let Some(room) = sfu.rooms.get(peer.room).filter(|_| second || peer.reports_due) {
            send_sender_reports(peer, room, second, (now, ntp), out);
        }
        if second {
            sfu.happened.add(peer);
            tell_second(key, peer, sfu.rooms.get(peer.room), now, out);
        }
    }
}

/// Looks at the rooms whose turn it is; requests for key frames wait for no look.
fn look(sfu: &mut Sfu, turn: Turn, now: Instant, out: &mut Outbox) {
    allot_due(&mut sfu.sharing, &mut sfu.rooms, |room| turn.is_for_room(room, LOOK), now, &mut sfu.peers, out);
    for (key, room) in &mut sfu.rooms {
        let is_looked_at = turn.is_for_room(key, LOOK);
        for index in 0..room.tracks.len() {
            if is_looked_at {
                room.retarget(index, now, &mut sfu.peers, out);
            } else {
                room.send_key_requests(index, now, &mut sfu.peers, out);
            }
        }
        if is_looked_at {
            room.note_live(now, &mut sfu.peers, out);
            room.note_watched(now, &sfu.peers, out);
        }
    }
}

/// A slot reports once a second, and at once after it changed its source.
fn send_sender_reports(peer: &mut Peer, room: &Room, all: bool, (now, ntp): (Instant, u64), out: &mut Outbox) {
    peer.reports_due = false;
    for slot in 0..peer.slots.len() {
        let Some(s) = peer.slots.get(slot).filter(|s| all || s.report_due) else { continue };
        let Some(shown) = s.shown else { continue };
        let layer = room.tracks.get(shown.track).and_then(|t| t.layer(shown.layer, shown.generation));
        match layer.and_then(|l| l.clock.rtp_at(now)) {
            Some(rtp) => peer.send_sender_report(slot, shown.shifted(rtp), ntp, out),
            None => peer.reports_due |= s.report_due,
        }
    }
}

/// What is told of a session once a second.
fn tell_second(key: PeerKey, peer: &mut Peer, room: Option<&Room>, now: Instant, out: &mut Outbox) {
    peer.new_second();
    if !peer.is_connected() {
        return;
    }
    peer.send_receiver_report(now, out);
    let mut facts = peer.take_facts(A_SECOND.as_secs_f32());
    if let Some(room) = room {
        let own = |kind| room.tracks.iter().find(move |t| t.owner == Some(key) && t.source.kind == kind);
        if let Some(track) = own(SourceKind::Microphone) {
            facts.hears_microphone = track.is_sending(now);
            facts.audio_level = track.level.filter(|_| facts.hears_microphone).map_or(0, |l| 127 - l.min(127));
        }
        facts.sees_camera = own(SourceKind::Camera).is_some_and(|t| t.is_sending(now));
    }
    out.events.push(Event::Line { session: peer.session, facts });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_has_a_turn_of_its_own_and_none_is_left_out_by_a_long_sleep() {
        let t0 = crate::net::clock::now();
        let mut timers = Timers::default();
        assert!(timers.take(t0).is_none(), "nobody is there");
        timers.start(t0);
        let mut times = [0; 4];
        for ms in 0..=2_000 {
            let Some(turn) = timers.take(t0 + Duration::from_millis(ms)) else { continue };
            let due: Vec<usize> = (0..4).filter(|key| turn.is_for_room(key * ROOMS_TOGETHER, LOOK)).collect();
            assert!(due.len() <= 1, "{due:?} at {ms} ms");
            due.iter().for_each(|key| times[*key] += 1);
        }
        assert_eq!(times, [8; 4]);
        assert_eq!(timers.next(), Some(t0 + Duration::from_millis(2_010)));
        let turn = timers.take(t0 + Duration::from_secs(60)).expect("due");
        assert!((0..100).all(|key| turn.is_for(key, SECOND)));
        assert!(timers.take(t0 + Duration::from_millis(60_009)).is_none());
    }
}
