//! AES128_CM_HMAC_SHA1_80 (RFC 3711) through the crate `rtc-srtp`. It copies; only clients without GCM get here.

use rtc_crypto::RTCCryptoProvider;
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

use super::Refused;
use crate::media::rtp::Header;

/// Replay window, packets, as in `replay.rs`.
const WINDOW: usize = 128;

fn context(key: &[u8], salt: &[u8], provider: &dyn RTCCryptoProvider) -> Option<Context> {
    Context::new(
        key,
        salt,
        ProtectionProfile::Aes128CmHmacSha1_80,
        Some(srtp_replay_protection(WINDOW)),
        Some(srtcp_replay_protection(WINDOW)),
        provider.crypto(),
    )
    .ok()
}

/// See [`super::Opener`].
pub struct Opener(Context);

impl Opener {
    pub(super) fn new(key: &[u8], salt: &[u8], provider: &dyn RTCCryptoProvider) -> Option<Self> {
        context(key, salt, provider).map(Self)
    }

    pub(super) fn open_rtp(&mut self, packet: &mut [u8], _: &Header, _index: u64) -> Result<usize, Refused> {
        let plain = self.0.decrypt_rtp(packet).map_err(|_| Refused::Forged)?;
        copy_back(packet, &plain)
    }

    pub(super) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let plain = self.0.decrypt_rtcp(packet).map_err(|_| Refused::Forged)?;
        copy_back(packet, &plain)
    }
}

fn copy_back(packet: &mut [u8], plain: &[u8]) -> Result<usize, Refused> {
    packet.get_mut(..plain.len()).ok_or(Refused::Malformed)?.copy_from_slice(plain);
    Ok(plain.len())
}

/// See [`super::Sealer`].
pub struct Sealer(Context);

impl Sealer {
    pub(super) fn new(key: &[u8], salt: &[u8], provider: &dyn RTCCryptoProvider) -> Option<Self> {
        context(key, salt, provider).map(Self)
    }

    pub(super) fn seal_rtp(&mut self, buffer: &mut Vec<u8>, start: usize) -> bool {
        let sealed = buffer.get(start..).and_then(|p| self.0.encrypt_rtp(p).ok());
        replace(buffer, start, sealed)
    }

    pub(super) fn seal_rtcp(&mut self, buffer: &mut Vec<u8>, start: usize) -> bool {
        let sealed = buffer.get(start..).and_then(|p| self.0.encrypt_rtcp(p).ok());
        replace(buffer, start, sealed)
    }
}

fn replace(buffer: &mut Vec<u8>, start: usize, sealed: Option<bytes::BytesMut>) -> bool {
    let Some(sealed) = sealed else { return false };
    buffer.truncate(start);
    buffer.extend_from_slice(&sealed);
    true
}
