//! Datagrams from addresses that no session owns. Media of theirs is never forwarded; at most it leads to a probe of
//! where a client's NAT has moved it (see `peer::rebind`).

use std::time::Instant;

use super::Sfu;
use crate::media::outbox::{Local, Path};
use crate::media::peer::{StunOutcome, ssrc_of};
use crate::media::track::PeerKey;

/// Strangers' datagrams looked at in one turn of 10 ms; in a flood, a client that moves is found by its own check.
pub(super) const A_TURN: u8 = 4;
/// Clients whose keys are tried on one of them. Most have an SSRC of their own; receivers share one.
const TRIES: usize = 8;
/// A longer datagram than any path takes at once is not a browser's.
const MAX_LENGTH: usize = 1_500;

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
        for (_, peer) in &mut sfu.peers {
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
