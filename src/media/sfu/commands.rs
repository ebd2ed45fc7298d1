//! Orders from signaling.

use std::time::Instant;

use tongke_signaling::command::{
    Command, DecodeBudget, Event, LeaveCause, LessonId, LineId, Refusal, SeatId, SessionId, SessionRole,
};

use super::Sfu;
use crate::media::allot::allot;
use crate::media::ice::Credentials;
use crate::media::outbox::Outbox;
use crate::media::peer::{Negotiation, Peer, Peers};
use crate::media::room::Room;
use crate::media::sdp::{Fragment, write_fragment};

pub(super) fn handle(sfu: &mut Sfu, now: Instant, command: Command, out: &mut Outbox) {
    match command {
        Command::Open { lesson, codecs } => match sfu.lessons.get(&lesson).and_then(|r| sfu.rooms.get_mut(*r)) {
            Some(room) if !room.frozen => room.allowed = codecs,
            Some(_) => {}
            None => {
                let place = sfu.rooms.vacant_entry();
                let key = place.key();
                place.insert(Room::new(lesson, key, codecs, now));
                sfu.lessons.insert(lesson, key);
            }
        },
        Command::Record { lesson, recording } => {
            with_room(sfu, lesson, |room, peers| room.record_to(recording, now, peers, out));
        }
        Command::Close { lesson } => close(sfu, lesson, now, out),
        Command::Join { lesson, session, seat, role, line, decode, remembered_bps, offer } => {
            let known = Known { line, decode, remembered_bps };
            if let Err(refusal) = join(sfu, now, lesson, (session, seat, role), (known, &offer), out) {
                out.events.push(Event::Refused { session, refusal });
            }
        }
        Command::Restart { session, fragment } => match restart(sfu, session, &fragment) {
            Ok((fragment, etag)) => out.events.push(Event::Restarted { session, fragment, etag }),
            Err(refusal) => out.events.push(Event::Refused { session, refusal }),
        },
        Command::Leave { session } => {
            if let Some(key) = sfu.sessions.get(&session).copied() {
                sfu.remove(key, LeaveCause::Asked, now, out);
            }
        }
        Command::Show { session, slot, source } => {
            let Some(key) = sfu.sessions.get(&session).copied() else { return };
            let Some(at) = sfu.peers.get(key).map(|p| p.room) else { return };
            let shows = |room: &mut Room| room.show(key, slot, source, &mut sfu.peers, out);
            if sfu.rooms.get_mut(at).is_some_and(shows) {
                allot(&[key], &sfu.rooms, now, &mut sfu.peers, out);
                if let Some(room) = sfu.rooms.get_mut(at) {
                    room.retarget_source(source, now, &mut sfu.peers, out);
                }
            }
        }
        Command::Mute { lesson, source, muted } => {
            with_room(sfu, lesson, |room, peers| room.mute(source, muted, now, peers, out));
        }
        Command::KeyFrame { lesson, source } => with_room(sfu, lesson, |room, _| room.want_recorded_key(source, now)),
    }
}

fn with_room(sfu: &mut Sfu, lesson: LessonId, act: impl FnOnce(&mut Room, &mut Peers)) {
    if let Some(room) = sfu.lessons.get(&lesson).and_then(|r| sfu.rooms.get_mut(*r)) {
        act(room, &mut sfu.peers);
    }
}

fn close(sfu: &mut Sfu, lesson: LessonId, now: Instant, out: &mut Outbox) {
    let Some(key) = sfu.lessons.remove(&lesson) else { return };
    let peers = sfu.rooms.get(key).map(|r| r.peers.clone()).unwrap_or_default();
    for peer in peers {
        sfu.remove(peer, LeaveCause::LessonClosed, now, out);
    }
    sfu.rooms.remove(key);
}

/// What is known of a receiver before it says anything.
struct Known {
    line: Option<LineId>,
    decode: DecodeBudget,
    remembered_bps: Option<u32>,
}

fn join(
    sfu: &mut Sfu,
    now: Instant,
    lesson: LessonId,
    who: (SessionId, SeatId, SessionRole),
    (known, offer): (Known, &str),
    out: &mut Outbox,
) -> Result<(), Refusal> {
    let room_key = *sfu.lessons.get(&lesson).ok_or(Refusal::Unknown)?;
    let room = sfu.rooms.get_mut(room_key).ok_or(Refusal::Unknown)?;
    let comes_back = room.peers.iter().filter_map(|p| sfu.peers.get(*p)).any(|p| p.seat == who.1);
    if sfu.peers.len() >= sfu.config.max_sessions || sfu.full && !sfu.peers.is_empty() && !comes_back {
        return Err(Refusal::Full);
    }
    if sfu.sessions.contains_key(&who.0) {
        return Err(Refusal::Unfit { line: None, why: "the session is known already".to_owned() });
    }
    sfu.serials += 1;
    let server = Negotiation {
        identity: &sfu.config.identity,
        candidates: &sfu.config.candidates,
        worker: sfu.config.worker,
        allowed: &room.allowed,
        frozen: room.frozen,
        // The driver's seed makes serials of two processes differ, so a recording that goes on sees a new connection.
        serial: u64::from(sfu.config.seed[0]) << 56 | u64::from(sfu.config.seed[1]) << 48 | sfu.serials,
    };
    let joined = Peer::join(now, who, offer, &server, &mut sfu.rng)?;
    if let Some(codec) = joined.sends.filter(|_| !room.frozen) {
        room.frozen = true;
        room.allowed = vec![codec];
        out.events.push(Event::CodecFrozen { lesson, codec });
    }
    let mut peer = joined.peer;
    peer.room = room_key;
    peer.line = known.line;
    peer.decode = known.decode;
    if let Some(bps) = known.remembered_bps {
        peer.remember_line(bps);
    }
    let etag = peer.credentials.etag();
    let ufrag = peer.credentials.ufrag.clone();
    let key = sfu.peers.insert(Box::new(peer));
    sfu.sessions.insert(who.0, key);
    sfu.by_ufrag.insert(ufrag, key);
    room.publish(key, &mut sfu.peers, out);
    sfu.timers.start(now);
    sfu.timers.watch(key);
    out.events.push(Event::Answered {
        session: who.0,
        answer: joined.answer,
        etag,
        video: joined.video,
        slots: joined.slots,
    });
    Ok(())
}

/// Credentials of the client's that are not its newest begin a restart (RFC 8839 §4.4.1.1); its newest, which come with
/// trickled candidates and with a restart that is asked for again, change nothing.
fn restart(sfu: &mut Sfu, session: SessionId, fragment: &str) -> Result<(String, String), Refusal> {
    let theirs = Fragment::parse(fragment)?.credentials;
    let key = *sfu.sessions.get(&session).ok_or(Refusal::Unknown)?;
    let peer = sfu.peers.get_mut(key).ok_or(Refusal::Unknown)?;
    if let Some(theirs) = theirs.filter(|theirs| theirs != peer.newest().1) {
        if let Some((old, _)) = peer.pending.take() {
            sfu.by_ufrag.remove(&old.ufrag);
        }
        let ours = Credentials::generate(sfu.config.worker, &mut sfu.rng);
        sfu.by_ufrag.insert(ours.ufrag.clone(), key);
        peer.restart(ours, theirs);
    }
    let (ours, _) = peer.newest();
    let (mid, audio) = &peer.first_line;
    Ok((write_fragment(ours, mid, *audio, &sfu.config.candidates), ours.etag()))
}
