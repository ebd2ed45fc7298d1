//! A NAT that was bound anew: the client sends as before, but its datagrams come from an address nobody knows.
//!
//! The browser would check the path within 2.5 s or so and be found by that (see `paths`). This is sooner: an SRTP
//! packet of this client, never seen before, makes its new address worth a probe; once the old one has been silent
//! for half a second the probe goes out, and its answer, made with the client's own password, moves the path. Until
//! then nothing that comes from there is forwarded and nothing else is sent there (CVE-2025-53399): whoever repeats
//! packets from elsewhere has no answer to give, and gets no more bytes than it sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc_crypto::RTCCryptoProvider;

use super::{Peer, StunOutcome};
use crate::media::ice::Probe;
use crate::media::outbox::{LaneRef, Local, Outbox, Path};
use crate::media::rtcp;
use crate::media::rtp::Header;

/// A path silent for less is alive; strangers are not even looked at. Sound comes every 20 ms.
const LOOK_SILENCE: Duration = Duration::from_millis(200);
/// Probes of one client are at least so far apart.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);
/// An address from which nothing authentic came for so long is forgotten.
const FORGET: Duration = Duration::from_secs(2);

/// An address to which the client's NAT may have moved it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rebound {
    path: Path,
    /// When an authentic packet last came from there.
    heard: Instant,
    /// Bytes of authentic packets that came from there, less those of the probes.
    credit: usize,
    probe: Option<(Probe, Instant)>,
}

impl Peer {
    /// True if a datagram from an unknown address may be this client's: it may have moved, and knows the SSRC.
    pub fn may_have_moved(&self, now: Instant, ssrc: u32, is_report: bool) -> bool {
        let knows = if is_report { self.reports_from == Some(ssrc) } else { self.streams.get(ssrc).is_some() };
        knows && self.path.is_some_and(|p| p.local == Local::Udp) && self.silence(now) >= LOOK_SILENCE
    }

    /// Takes a datagram from an unknown address; true if this client made it. Its bytes are of no more use.
    pub fn note_stranger(&mut self, now: Instant, path: Path, datagram: &mut [u8], is_report: bool) -> bool {
        let Some(opener) = self.opener.as_mut() else { return false };
        let length = datagram.len();
        let is_authentic = if is_report {
            opener.is_authentic_rtcp(datagram)
        } else {
            let Some(header) = Header::parse(datagram) else { return false };
            let Some(stream) = self.streams.get(header.ssrc) else { return false };
            opener.is_authentic_rtp(datagram, &header, stream.sequences.guess(header.sequence))
        };
        if !is_authentic {
            return false;
        }
        match &mut self.rebound {
            Some(known) if known.path == path => {
                known.heard = now;
                known.credit += length;
            }
            other => {
                let probe = other.as_ref().and_then(|r| r.probe);
                *other = Some(Rebound { path, heard: now, credit: length, probe });
            }
        }
        true
    }

    /// Probes the address to which the client may have moved, where that is due. `transaction` is random.
    pub fn send_check(
        &mut self,
        now: Instant,
        transaction: impl FnOnce() -> [u8; 12],
        provider: &Arc<dyn RTCCryptoProvider>,
        out: &mut Outbox,
    ) {
        let Some(rebound) = self.rebound else { return };
        if now.saturating_duration_since(rebound.heard) >= FORGET {
            self.rebound = None;
            return;
        }
        let soon = rebound.probe.is_some_and(|(_, at)| now.saturating_duration_since(at) < PROBE_INTERVAL);
        if soon || !self.is_silent(now) {
            return;
        }
        let probe = Probe::new(transaction());
        let Some(request) = probe.request(&self.credentials, &self.theirs, provider) else { return };
        let Some(credit) = rebound.credit.checked_sub(request.len()) else { return };
        self.rebound = Some(Rebound { credit, probe: Some((probe, now)), ..rebound });
        out.send(rebound.path, &mut LaneRef::default(), &request);
    }

    /// Takes what may be the answer to a probe; `None` if it is not, and then nothing changes.
    pub fn handle_probe_answer(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        provider: &Arc<dyn RTCCryptoProvider>,
    ) -> Option<StunOutcome> {
        let rebound = self.rebound.filter(|r| r.path == path)?;
        let (probe, _) = rebound.probe?;
        if !self.is_silent(now) || !probe.is_answered_by(datagram, &self.theirs, provider) {
            return None;
        }
        self.last_heard = now;
        let outcome = self.note_path(now, path);
        self.move_to(path);
        Some(outcome)
    }

    /// True while an answer from this address is waited for.
    pub fn is_probing(&self, path: Path) -> bool {
        self.rebound.is_some_and(|r| r.path == path && r.probe.is_some())
    }
}

/// The SSRC in whose name an RTP or RTCP datagram is sent; it is not encrypted.
pub fn ssrc_of(datagram: &[u8], is_report: bool) -> Option<u32> {
    if is_report { rtcp::sender(datagram) } else { Header::parse(datagram).map(|h| h.ssrc) }
}
