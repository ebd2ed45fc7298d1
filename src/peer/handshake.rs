//! The client's half of DTLS-SRTP (RFC 5764), active.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::config::{ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;

use crate::media::dtls::fingerprint;
use crate::media::srtp::{End, Opener, Profile, Sealer, contexts};

/// Certificate and configuration shared by the clients of one process.
#[derive(Clone)]
pub struct ClientIdentity {
    config: Arc<HandshakeConfig>,
    /// SHA-256 fingerprint for the offer.
    pub fingerprint: String,
    /// Crypto.
    pub provider: Arc<dyn RTCCryptoProvider>,
    profile: Profile,
}

impl ClientIdentity {
    /// A new self-signed identity that offers this SRTP profile.
    pub fn generate(profile: Profile, provider: Arc<dyn RTCCryptoProvider>) -> Option<Self> {
        let certificate = Certificate::generate_self_signed(vec!["client".to_owned()], provider.crypto()).ok()?;
        let fingerprint = fingerprint(certificate.certificate.first()?.as_ref(), &provider)?;
        let srtp = match profile {
            Profile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            Profile::Aes128CmSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        };
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider.clone())
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(vec![srtp])
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(Duration::from_millis(100))
            .build(true, None)
            .ok()?;
        Some(Self { config: Arc::new(config), fingerprint, provider, profile })
    }
}

/// One client's handshake.
pub struct Handshake {
    identity: ClientIdentity,
    endpoint: Endpoint,
    started: bool,
    /// Datagrams to send.
    pub outgoing: Vec<BytesMut>,
}

/// A constant stands for the server's address, see `media::dtls`.
fn remote() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 2], 5))
}

impl Handshake {
    /// Waits for `start`.
    pub fn new(identity: ClientIdentity) -> Self {
        let endpoint = Endpoint::new(remote(), TransportProtocol::UDP, None);
        Self { identity, endpoint, started: false, outgoing: Vec::new() }
    }

    /// Sends the ClientHello, once.
    pub fn start(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.started, true) {
            // An error leaves the client unconnected, which its owner sees.
            let _ = self.endpoint.connect(now, remote(), self.identity.config.clone(), None);
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some(t) = self.endpoint.poll_transmit() {
            self.outgoing.push(t.message);
        }
    }

    /// Takes a datagram; keys when the handshake is complete.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) -> Option<(Opener, Sealer)> {
        let events = self.endpoint.read(now, remote(), None, BytesMut::from(datagram));
        self.drain();
        let complete = events.ok()?.iter().any(|e| matches!(e, EndpointEvent::HandshakeComplete));
        if !complete {
            return None;
        }
        let state = self.endpoint.get_connection_state(remote())?;
        let profile = self.identity.profile;
        let keying = state.export_keying_material("EXTRACTOR-dtls_srtp", &[], profile.keying_len()).ok()?;
        contexts(profile, keying.as_ref(), End::Client, &self.identity.provider)
    }

    /// Repeats unanswered flights.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.endpoint.poll_timeout(&remote()).is_some_and(|at| at <= now) {
            let _ = self.endpoint.handle_timeout(remote(), now);
            self.drain();
        }
    }
}
