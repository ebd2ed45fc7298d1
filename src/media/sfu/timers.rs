//! What time makes due. Nothing is scheduled per packet: a turn of 10 ms looks at every session where something waits, and at
//! the others now and then. What comes round more rarely comes to some at one turn and to others at another: done for a
//! thousand at once it delays the packets of all; done for each by itself every turn would send something, and at once.

use std::time::{Duration, Instant};

use rand::Rng;
use slab::Slab;
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

/// Memory is asked for so many sessions ahead.
const AHEAD: usize = 2;

/// Sessions that have their turn together, and rooms.
const TOGETHER: usize = 128;
const ROOMS_TOGETHER: usize = 16;

/// Turns since the first session came, and who wants to be looked at in the next: what a turn has to read of those who do not
/// is a byte each, where reading their state costs a wait for memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    began: Option<Instant>,
    done: u64,
    /// By the session's place: something waits there.
    restless: Vec<bool>,
    /// Kept from turn to turn, so that none allocates.
    due: Vec<PeerKey>,
    /// A slot somewhere has a report due before its second is over.
    reports_due: bool,
}

impl Timers {
    /// A session came: after a time without any, turns count anew.
    pub(super) fn start(&mut self, now: Instant) {
        if self.next().is_none_or(|at| at + A_SECOND < now) {
            (self.began, self.done) = (Some(now), 0);
        }
    }

    /// The session in this place is looked at in the next turn. One that is not named is looked at a few turns later.
    pub(super) fn watch(&mut self, key: PeerKey) {
        self.set_watched(key, true);
    }

    fn set_watched(&mut self, key: PeerKey, is_watched: bool) {
        if self.restless.len() <= key {
            self.restless.resize(key + 1, false);
        }
        if let Some(place) = self.restless.get_mut(key) {
            *place = is_watched;
        }
    }

    fn is_watched(&self, key: PeerKey) -> bool {
        self.restless.get(key).copied().unwrap_or(true)
    }

    /// A slot's report is due before its second is over.
    pub(super) fn note_report_due(&mut self) {
        self.reports_due = true;
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
    let mut gone: Vec<(PeerKey, LeaveCause)> = Vec::new();
    let mut due = std::mem::take(&mut sfu.timers.due);
    due.extend(
        sfu.peers.iter().map(|(key, _)| key).filter(|key| sfu.timers.is_watched(*key) || turn.is_for(*key, REST)),
    );
    for (at, key) in due.iter().copied().enumerate() {
        if let Some(peer) = due.get(at + AHEAD).and_then(|key| sfu.peers.get(*key)) {
            peer.expect_turn();
        }
        let Some(peer) = sfu.peers.get_mut(key) else { continue };
        if let Some(cause) = attend(peer, &sfu.rooms, sfu.behind, now, out) {
            gone.push((key, cause));
        } else if peer.is_connected() {
            peer.send_check(now, || sfu.rng.random(), sfu.config.identity.provider(), out);
            if turn.is_for(key, FEEDBACK) {
                peer.send_feedback(out);
            }
            if turn.is_for(key, PULSE) {
                peer.send_pulse(out);
            }
        }
        sfu.timers.set_watched(key, peer.is_restless());
    }
    due.clear();
    sfu.timers.due = due;
    look(sfu, turn, now, out);
    for (key, cause) in gone {
        sfu.remove(key, cause, now, out);
    }
    report(sfu, turn, now, out);
}

/// What may be due at a session at any turn; why it ends, if it does.
fn attend(peer: &mut Peer, rooms: &Slab<Room>, behind: bool, now: Instant, out: &mut Outbox) -> Option<LeaveCause> {
    if !peer.is_connected() {
        peer.handle_dtls_timeout(now, out);
        return (now.saturating_duration_since(peer.created) >= CONNECT_LIMIT).then_some(LeaveCause::NeverConnected);
    }
    if now.saturating_duration_since(peer.last_heard) >= SILENCE_LIMIT {
        return Some(LeaveCause::Silent);
    }
    peer.send_nacks(now, behind, out);
    if let Some(room) = rooms.get(peer.room) {
        let at = Ticks::since(room.epoch, now);
        peer.pace(now, at, |sent| room.kept(sent), out);
        peer.send_probe(now, at, |sent| room.kept(sent), out);
    }
    None
}

/// Reports and facts: of those whose second is over, and of slots that changed their source.
fn report(sfu: &mut Sfu, turn: Turn, now: Instant, out: &mut Outbox) {
    let ntp = sfu.config.wall.ntp_at(now);
    let is_due = std::mem::take(&mut sfu.timers.reports_due);
    for (key, peer) in &mut sfu.peers {
        let second = turn.is_for(key, SECOND);
        if !second && !is_due {
            continue;
        }
        if let Some(room) = sfu.rooms.get(peer.room).filter(|_| second || peer.reports_due) {
            send_sender_reports(peer, room, second, (now, ntp), out);
            if peer.reports_due {
                sfu.timers.note_report_due();
            }
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
