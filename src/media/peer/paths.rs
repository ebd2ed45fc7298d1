//! ICE-lite at one session: which path its datagrams take.
//!
//! The path moves on USE-CANDIDATE, not on any valid check (browsers check all pairs: it would flap); and when the old
//! address has been silent for [`REBIND_SILENCE`], to the address from which a valid check and then authenticated
//! packets come, or from which a probe is answered (NAT rebinding, see `rebind`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc_crypto::RTCCryptoProvider;

use super::{MAX_PATHS, Peer};
use crate::media::ice::{Check, Credentials};
use crate::media::outbox::{Outbox, Path};

/// An address silent for so long may have been rebound.
const REBIND_SILENCE: Duration = Duration::from_millis(500);

/// What a binding request did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StunOutcome {
    /// Not authentic: dropped in silence.
    Dropped,
    /// Answered; the path was known.
    Known,
    /// Answered; the path is new and must be found again by its datagrams. An old one may have been pushed out.
    New {
        /// No longer this peer's.
        forgotten: Option<Path>,
    },
}

impl Peer {
    /// Handles a binding request that names this session.
    pub fn handle_check(
        &mut self,
        now: Instant,
        path: Path,
        check: &mut Check,
        provider: &Arc<dyn RTCCryptoProvider>,
        out: &mut Outbox,
    ) -> StunOutcome {
        let restarted = self.pending.as_ref().is_some_and(|(ours, _)| ours.ufrag == check.ours);
        let credentials = match &self.pending {
            Some((pending, _)) if restarted => pending,
            _ => &self.credentials,
        };
        if !check.is_authentic(&credentials.password, provider) {
            return StunOutcome::Dropped;
        }
        let Some(answer) = check.answer(path.remote, &credentials.password, provider) else {
            return StunOutcome::Dropped;
        };
        self.last_heard = now;
        let outcome = self.note_path(now, path);
        if check.use_candidate || self.path.is_none() {
            self.move_to(path);
            if restarted
                && check.use_candidate
                && let Some((ours, theirs)) = self.pending.take()
            {
                self.credentials = ours;
                self.theirs = theirs;
            }
        } else if self.path != Some(path) && self.is_silent(now) {
            self.heard_elsewhere = Some(path);
        }
        let mut lane = crate::media::outbox::LaneRef::default();
        out.send(path, &mut lane, &answer);
        outcome
    }

    /// Datagrams go here from now on.
    pub(super) fn move_to(&mut self, path: Path) {
        self.counters.moves += u64::from(self.path.replace(path).is_some_and(|before| before != path));
        self.heard_elsewhere = None;
        self.rebound = None;
    }

    pub(super) fn is_silent(&self, now: Instant) -> bool {
        self.silence(now) >= REBIND_SILENCE
    }

    /// How long nothing authenticated came on the path in use.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        let heard = self.paths.iter().find(|(p, _)| Some(*p) == self.path).map(|(_, at)| *at);
        heard.map_or(Duration::MAX, |at| now.saturating_duration_since(at))
    }

    pub(super) fn note_path(&mut self, now: Instant, path: Path) -> StunOutcome {
        if let Some(known) = self.paths.iter_mut().find(|(p, _)| *p == path) {
            known.1 = now;
            return StunOutcome::Known;
        }
        let mut forgotten = None;
        if self.paths.len() >= MAX_PATHS {
            let oldest = self
                .paths
                .iter()
                .enumerate()
                .filter(|(_, (p, _))| Some(*p) != self.path)
                .min_by_key(|(_, (_, at))| *at);
            if let Some((index, _)) = oldest {
                forgotten = Some(self.paths.swap_remove(index).0);
            }
        }
        self.paths.push((path, now));
        StunOutcome::New { forgotten }
    }

    /// An authenticated packet came on `path`.
    pub(super) fn heard_on(&mut self, now: Instant, path: &Path) {
        self.last_heard = now;
        if let Some(known) = self.paths.iter_mut().find(|(p, _)| p == path) {
            known.1 = now;
        }
        if self.path.as_ref() == Some(path) {
            self.rebound = None;
        } else if self.heard_elsewhere.as_ref() == Some(path) {
            self.move_to(*path);
        }
    }

    /// A TCP connection is gone; datagrams go to the path heard last of the others.
    pub fn forget_path(&mut self, gone: Path) {
        self.paths.retain(|(p, _)| *p != gone);
        if self.path == Some(gone) {
            self.path = self.paths.iter().max_by_key(|(_, at)| *at).map(|(p, _)| *p);
        }
    }

    /// The password of this generation of the session's credentials.
    pub fn password_of(&self, ufrag: &str) -> Option<&str> {
        let generations = [Some(&self.credentials), self.pending.as_ref().map(|(ours, _)| ours)];
        generations.into_iter().flatten().find(|c| c.ufrag == ufrag).map(|c| c.password.as_str())
    }

    /// Its credentials, when the session ends.
    pub fn take_credentials(&mut self) -> impl Iterator<Item = Credentials> + use<> {
        [Some(self.credentials.clone()), self.pending.take().map(|(ours, _)| ours)].into_iter().flatten()
    }

    /// Begins an ICE restart: both generations are good until a pair is nominated under the new one.
    pub fn restart(&mut self, ours: Credentials, theirs: Credentials) {
        self.pending = Some((ours, theirs));
    }

    /// The newest credentials, ours and the client's: of the restart that is under way, or in use.
    pub fn newest(&self) -> (&Credentials, &Credentials) {
        self.pending.as_ref().map_or((&self.credentials, &self.theirs), |(ours, theirs)| (ours, theirs))
    }
}
