//! Datagrams from addresses that no session owns. Media of theirs is never forwarded; at most it leads to a probe of
//! where a client's NAT has moved it (see `peer::rebind`).
//!
//! A page whose line was away for long asks by a knock, a check with its session's password, whether the server is
//! reached again: its plain requests would fill the browser's few connections and wait in them for a minute after the
//! line is back. The session may have ended meanwhile, so the passwords of the last ones are remembered.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::Sfu;
use crate::media::ice::{Check, Credentials};
use crate::media::outbox::{LaneRef, Local, Outbox, Path};
use crate::media::peer::{StunOutcome, ssrc_of};
use crate::media::track::PeerKey;

/// Strangers' datagrams looked at in one turn of 10 ms; in a flood, a client that moves is found by its own check.
pub(super) const A_TURN: u8 = 4;
/// Clients whose keys are tried on one of them. Most have an SSRC of their own; receivers share one.
const TRIES: usize = 8;
/// A longer datagram than any path takes at once is not a browser's.
const MAX_LENGTH: usize = 1_500;

/// Ended sessions whose knocks are answered. Beyond it the oldest is forgotten; its page finds the server by plain
/// requests.
const REMEMBERED: usize = 4_096;

/// Passwords of ended sessions by ufrag.
#[derive(Default)]
pub(super) struct Ended {
    passwords: HashMap<String, String>,
    order: VecDeque<String>,
}

impl Ended {
    /// Remembers a session that has ended.
    pub(super) fn note(&mut self, credentials: Credentials) {
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.passwords.remove(&oldest);
        }
        self.order.push_back(credentials.ufrag.clone());
        self.passwords.insert(credentials.ufrag, credentials.password);
    }
}

/// Answers a knock made with the password of a session, present or ended. It changes nothing: no path, no sign of
/// life.
pub(super) fn handle_knock(sfu: &mut Sfu, path: Path, check: &mut Check, out: &mut Outbox) {
    let provider = sfu.config.identity.provider();
    let session = check.knocks_for().unwrap_or_default();
    let present = sfu.by_ufrag.get(session).and_then(|key| sfu.peers.get(*key)?.password_of(session));
    let password = present.or_else(|| sfu.ended.passwords.get(session).map(String::as_str));
    let answer = match password {
        Some(password) if check.is_authentic(password, provider) => check.answer(path.remote, password, provider),
        _ => None,
    };
    match answer {
        Some(answer) => out.send(path, &mut LaneRef::default(), &answer),
        None => sfu.drops.checks += 1,
    }
}

/// RTP or RTCP from an unknown address.
pub(super) fn handle_media(sfu: &mut Sfu, now: Instant, path: Path, datagram: &[u8], is_report: bool) {
    if path.local != Local::Udp || datagram.len() > MAX_LENGTH || sfu.strangers_left == 0 {
        return;
    }
    sfu.strangers_left -= 1;
    let Some(ssrc) = ssrc_of(datagram, is_report) else { return };
    // A NAT changes the port mostly, so who had the same address comes first.
    let mut tries = TRIES;
    for same_address in [true, false] {
        for (key, peer) in &mut sfu.peers {
            let is_same = peer.path.is_some_and(|p| p.remote.ip() == path.remote.ip());
            if is_same != same_address || !peer.may_have_moved(now, ssrc, is_report) {
                continue;
            }
            if tries == 0 {
                return;
            }
            tries -= 1;
            // Opening spoils the bytes, also when it fails.
            sfu.scratch.clear();
            sfu.scratch.extend_from_slice(datagram);
            if peer.note_stranger(now, path, &mut sfu.scratch, is_report) {
                sfu.timers.watch(key);
                return;
            }
        }
    }
}

/// A binding response: the answer to a probe, or nothing.
pub(super) fn handle_answer(sfu: &mut Sfu, now: Instant, path: Path, datagram: &[u8]) {
    let provider = sfu.config.identity.provider();
    let found: Option<(PeerKey, StunOutcome)> = sfu
        .peers
        .iter_mut()
        .filter(|(_, peer)| peer.is_probing(path))
        .find_map(|(key, peer)| Some((key, peer.handle_probe_answer(now, path, datagram, provider)?)));
    match found {
        None => sfu.drops.checks += 1,
        Some((key, outcome)) => sfu.note_path(key, path, outcome),
    }
}
