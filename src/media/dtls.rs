//! The DTLS server half of a session (RFC 5764), passive, with AEAD_AES_128_GCM preferred.
//!
//! `rtc-dtls` lets the client's order choose the SRTP profile; so the ClientHello is looked into first, and GCM alone
//! is offered where the client has it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;

use super::srtp::{self, Opener, Profile, Sealer};

/// First retransmission of a flight; doubled by the crate. Short, because a class is waiting.
const FLIGHT_INTERVAL: Duration = Duration::from_millis(100);
/// Datagrams kept while the ClientHello is incomplete. A hello with post-quantum keys has two or three.
const MAX_EARLY: usize = 8;
/// A ClientHello longer than this is not one.
const MAX_HELLO: usize = 8192;
/// Code point of AEAD_AES_128_GCM (RFC 7714 §14.2).
const GCM_CODE: u16 = 0x0007;
/// The label of RFC 5764 §4.2.
const EXPORTER: &str = "EXTRACTOR-dtls_srtp";

/// What all sessions of a server share: certificate, configurations, crypto.
#[derive(Clone)]
pub struct Identity {
    provider: Arc<dyn RTCCryptoProvider>,
    gcm: Arc<HandshakeConfig>,
    sha1: Arc<HandshakeConfig>,
    /// SHA-256 fingerprint of the certificate as SDP writes it (RFC 8122 §5).
    pub fingerprint: String,
}

/// The certificate could not be made or read.
#[derive(Debug, thiserror::Error)]
#[error("DTLS certificate: {0}")]
pub struct IdentityError(String);

impl Identity {
    /// Makes a new self-signed certificate and returns it as PEM, to be kept across restarts.
    pub fn generate_pem(provider: &Arc<dyn RTCCryptoProvider>) -> Result<String, IdentityError> {
        let fail = |e: rtc_shared::error::Error| IdentityError(e.to_string());
        Certificate::generate_self_signed(vec!["tongke".to_owned()], provider.crypto())
            .map_err(fail)?
            .serialize_pem()
            .map_err(fail)
    }

    /// Reads the certificate that `generate_pem` made.
    pub fn from_pem(pem: &str, provider: Arc<dyn RTCCryptoProvider>) -> Result<Self, IdentityError> {
        let fail = |e: rtc_shared::error::Error| IdentityError(e.to_string());
        let certificate = Certificate::from_pem(pem, provider.crypto()).map_err(fail)?;
        let der = certificate.certificate.first().ok_or_else(|| IdentityError("empty".to_owned()))?;
        let fingerprint =
            fingerprint(der.as_ref(), &provider).ok_or_else(|| IdentityError("cannot be hashed".to_owned()))?;
        let config = |profile| {
            ConfigBuilder::default()
                .with_crypto_provider(provider.clone())
                .with_certificates(vec![certificate.clone()])
                .with_srtp_protection_profiles(vec![profile])
                .with_client_auth(ClientAuthType::RequireAnyClientCert)
                .with_insecure_skip_verify(true)
                .with_extended_master_secret(ExtendedMasterSecretType::Require)
                .with_flight_interval(FLIGHT_INTERVAL)
                .build(false, None)
                .map(Arc::new)
                .map_err(fail)
        };
        Ok(Self {
            gcm: config(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm)?,
            sha1: config(SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80)?,
            fingerprint,
            provider,
        })
    }

    /// The crypto of this server.
    pub fn provider(&self) -> &Arc<dyn RTCCryptoProvider> {
        &self.provider
    }
}

fn fingerprint(der: &[u8], provider: &Arc<dyn RTCCryptoProvider>) -> Option<String> {
    let hash = provider.crypto().hash(HashAlgorithm::Sha256, der).ok()?;
    Some(hash.iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":"))
}

/// What a datagram led to.
pub enum Progress {
    /// Nothing to tell.
    Going,
    /// Keys are there.
    Connected(Box<(Opener, Sealer)>),
    /// The far side said goodbye.
    Closed,
    /// Not the certificate of the offer, or no common ground.
    Failed,
}

enum State {
    Hello(HelloProbe),
    Running(Box<Endpoint>),
    Dead,
}

/// One session's DTLS.
pub struct Dtls {
    identity: Identity,
    expected_fingerprint: String,
    state: State,
    connected: bool,
    /// Datagrams to send to the peer's present path.
    pub outgoing: Vec<BytesMut>,
}

impl Dtls {
    /// Waits for the ClientHello of the client whose certificate has this SHA-256 fingerprint.
    pub fn new(identity: Identity, expected_fingerprint: String) -> Self {
        Self {
            identity,
            expected_fingerprint,
            state: State::Hello(HelloProbe::default()),
            connected: false,
            outgoing: vec![],
        }
    }

    /// Takes a datagram from an ICE-validated address.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) -> Progress {
        match &mut self.state {
            State::Dead => Progress::Going,
            State::Running(_) => self.read(now, datagram),
            State::Hello(probe) => {
                let Some(gcm) = probe.take(datagram) else { return Progress::Going };
                let early = std::mem::take(&mut probe.early);
                let config = if gcm { &self.identity.gcm } else { &self.identity.sha1 };
                let endpoint = Endpoint::new(remote(), TransportProtocol::UDP, Some(config.clone()));
                self.state = State::Running(Box::new(endpoint));
                let mut progress = Progress::Going;
                for early_datagram in early {
                    progress = self.read(now, &early_datagram);
                }
                progress
            }
        }
    }

    fn read(&mut self, now: Instant, datagram: &[u8]) -> Progress {
        let State::Running(endpoint) = &mut self.state else { return Progress::Going };
        let result = endpoint.read(now, remote(), None, BytesMut::from(datagram));
        while let Some(t) = endpoint.poll_transmit() {
            self.outgoing.push(t.message);
        }
        let events = match result {
            Ok(events) => events,
            // A garbled datagram is an error of the crate; the handshake's time limit decides, not one datagram.
            Err(_) => return Progress::Going,
        };
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => return self.finish(),
                EndpointEvent::PeerClosed => {
                    self.state = State::Dead;
                    return Progress::Closed;
                }
                _ => {}
            }
        }
        Progress::Going
    }

    fn finish(&mut self) -> Progress {
        if self.connected {
            return Progress::Going;
        }
        let keys = self.keys();
        match keys {
            Some(keys) => {
                self.connected = true;
                Progress::Connected(Box::new(keys))
            }
            None => {
                self.state = State::Dead;
                Progress::Failed
            }
        }
    }

    fn keys(&self) -> Option<(Opener, Sealer)> {
        let State::Running(endpoint) = &self.state else { return None };
        let state = endpoint.get_connection_state(remote())?;
        let certificate = state.peer_certificates.first()?;
        if fingerprint(certificate, &self.identity.provider)? != self.expected_fingerprint {
            return None;
        }
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Profile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Profile::Aes128CmSha1_80,
            _ => return None,
        };
        let keying = state.export_keying_material(EXPORTER, &[], profile.keying_len()).ok()?;
        srtp::contexts(profile, keying.as_ref(), &self.identity.provider)
    }

    /// Repeats flights that went unanswered.
    pub fn handle_timeout(&mut self, now: Instant) {
        let State::Running(endpoint) = &mut self.state else { return };
        if endpoint.poll_timeout(&remote()).is_some_and(|at| at <= now) {
            // An error here means the handshake gave up; the session's own connect limit ends it.
            let _ = endpoint.handle_timeout(remote(), now);
            while let Some(t) = endpoint.poll_transmit() {
                self.outgoing.push(t.message);
            }
        }
    }

    /// Says goodbye (close_notify).
    pub fn close(&mut self, now: Instant) {
        if let State::Running(endpoint) = &mut self.state {
            let _ = endpoint.close(now);
            while let Some(t) = endpoint.poll_transmit() {
                self.outgoing.push(t.message);
            }
        }
        self.state = State::Dead;
    }
}

/// A constant stands for the client's address, so that the association outlives a change of it.
fn remote() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5)
}

/// Collects the ClientHello's fragments and looks for GCM in `use_srtp` (RFC 5764 §4.1.1).
#[derive(Default)]
struct HelloProbe {
    early: Vec<Vec<u8>>,
    body: Vec<u8>,
    have: usize,
}

impl HelloProbe {
    /// `Some(offers GCM)` once the hello is whole; the datagrams are kept for replay.
    fn take(&mut self, datagram: &[u8]) -> Option<bool> {
        if self.early.len() >= MAX_EARLY {
            self.early.clear();
            self.body.clear();
            self.have = 0;
        }
        self.early.push(datagram.to_vec());
        let total = self.fragment(datagram)?;
        if self.have < total {
            return None;
        }
        Some(offers_gcm(&self.body).unwrap_or(false))
    }

    /// Adds one handshake fragment (RFC 6347 §4.2.2); the whole length of the hello.
    fn fragment(&mut self, datagram: &[u8]) -> Option<usize> {
        let record = datagram.get(13..)?;
        if datagram.first() != Some(&22) || record.first() != Some(&1) {
            return None;
        }
        let u24 = |at: usize| -> Option<usize> {
            let [a, b, c] = *record.get(at..)?.first_chunk::<3>()?;
            Some(usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
        };
        let (total, offset, len) = (u24(1)?, u24(6)?, u24(9)?);
        let bytes = record.get(12..12 + len)?;
        if total > MAX_HELLO || offset + len > total {
            return None;
        }
        self.body.resize(total, 0);
        self.body.get_mut(offset..offset + len)?.copy_from_slice(bytes);
        self.have += len;
        Some(total)
    }
}

fn offers_gcm(hello: &[u8]) -> Option<bool> {
    let take = |at: &mut usize, width: usize| -> Option<usize> {
        let bytes = hello.get(*at..*at + width)?;
        *at += width;
        Some(bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)))
    };
    let mut at = 2 + 32;
    for width in [1, 1, 2, 1] {
        // session id, cookie, cipher suites, compression methods
        at += take(&mut at, width)?;
    }
    let mut end = take(&mut at, 2)?;
    end += at;
    while at < end {
        let kind = take(&mut at, 2)?;
        let len = take(&mut at, 2)?;
        if kind == 14 {
            let mut inner = at;
            let profiles = take(&mut inner, 2)?;
            let list = hello.get(inner..inner + profiles)?;
            return Some(list.chunks_exact(2).any(|c| u16::from_be_bytes([c[0], c[1]]) == GCM_CODE));
        }
        at += len;
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hostile_hellos_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = offers_gcm(&bytes);
            let mut probe = HelloProbe::default();
            let mut record = vec![22u8, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
            record.extend_from_slice(&bytes);
            let _ = probe.take(&record);
        }
    }
}
