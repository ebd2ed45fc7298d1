//! SRTP and SRTCP (RFC 3711) with AEAD_AES_128_GCM (RFC 7714) done in place, and AES128_CM_SHA1_80 through
//! `rtc-srtp` for clients without GCM.
//!
//! A peer has one [`Opener`] (what the client sends) and one [`Sealer`] (what the server sends). Neither knows
//! where packets come from; replay is refused per SSRC here.

mod gcm;
mod replay;
mod sha1;

use std::sync::Arc;

use rtc_crypto::RTCCryptoProvider;

use super::rtp::Header;

/// Bytes a sealed packet is longer than its plain form, at most (GCM tag 16, SRTCP index 4, SHA1 tag 10).
pub const OVERHEAD: usize = 20;

/// SSRCs one peer may use; a flood of made-up SSRCs is refused beyond it.
pub const MAX_SSRCS: usize = 64;

/// What the DTLS handshake chose (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// AEAD_AES_128_GCM.
    AeadAes128Gcm,
    /// AES128_CM_HMAC_SHA1_80.
    Aes128CmSha1_80,
}

impl Profile {
    /// Bytes of keying material to export (RFC 5764 §4.2): two keys and two salts.
    pub fn keying_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm => 2 * (16 + 12),
            Self::Aes128CmSha1_80 => 2 * (16 + 14),
        }
    }
}

/// Why a packet was not opened. Counted, never an error of the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Not a packet of this protocol.
    Malformed,
    /// Seen before, or too old to tell.
    Replayed,
    /// The authentication tag does not hold.
    Forged,
    /// More SSRCs than a peer may have.
    TooManySsrcs,
}

/// Opens what the client sends.
#[expect(clippy::large_enum_variant, reason = "one a peer; a box would cost the packet path a jump")]
pub enum Opener {
    /// RFC 7714.
    Gcm(gcm::Opener),
    /// RFC 3711.
    Sha1(sha1::Opener),
}

/// Seals what the server sends.
#[expect(clippy::large_enum_variant, reason = "one a peer; a box would cost the packet path a jump")]
pub enum Sealer {
    /// RFC 7714.
    Gcm(gcm::Sealer),
    /// RFC 3711.
    Sha1(sha1::Sealer),
}

/// Within so many of its first bytes is all of a sealer that sealing a packet needs.
pub const MEDIA_KEYS: usize = gcm::MEDIA_KEYS + align_of::<Sealer>();

/// Which end of the DTLS association the contexts are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The media plane.
    Server,
    /// A client (relay, load tool, tests).
    Client,
}

/// Makes both directions from the exported keying material (client key, server key, client salt, server salt).
pub fn contexts(
    profile: Profile,
    keying: &[u8],
    end: End,
    provider: &Arc<dyn RTCCryptoProvider>,
) -> Option<(Opener, Sealer)> {
    let salt = match profile {
        Profile::AeadAes128Gcm => 12,
        Profile::Aes128CmSha1_80 => 14,
    };
    let client_key = keying.get(..16)?;
    let server_key = keying.get(16..32)?;
    let client_salt = keying.get(32..32 + salt)?;
    let server_salt = keying.get(32 + salt..32 + 2 * salt)?;
    let (client, server) = ((client_key, client_salt), (server_key, server_salt));
    let (theirs, ours) = if end == End::Server { (client, server) } else { (server, client) };
    Some(match profile {
        Profile::AeadAes128Gcm => (
            Opener::Gcm(gcm::Opener::new(theirs.0, theirs.1, provider.as_ref())?),
            Sealer::Gcm(gcm::Sealer::new(ours.0, ours.1, provider.as_ref())?),
        ),
        Profile::Aes128CmSha1_80 => (
            Opener::Sha1(sha1::Opener::new(theirs.0, theirs.1, provider.as_ref())?),
            Sealer::Sha1(sha1::Sealer::new(ours.0, ours.1, provider.as_ref())?),
        ),
    })
}

impl Opener {
    /// Asks for what is found only by it.
    pub fn expect(&self) {
        match self {
            Self::Gcm(c) => c.expect(),
            Self::Sha1(_) => {}
        }
    }

    /// Opens an RTP packet in place. `index` is the extended sequence number (see `rtp::Unwrapper`). Returns the
    /// length of the plain packet.
    pub fn open_rtp(&mut self, packet: &mut [u8], header: &Header, index: u64) -> Result<usize, Refused> {
        match self {
            Self::Gcm(c) => c.open_rtp(packet, header, index),
            Self::Sha1(c) => c.open_rtp(packet, header, index),
        }
    }

    /// Opens an RTCP packet in place; returns the length of the plain packet.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        match self {
            Self::Gcm(c) => c.open_rtcp(packet),
            Self::Sha1(c) => c.open_rtcp(packet),
        }
    }

    /// True if the client made this RTP packet and it was not seen before. It stays unseen (but for SHA1), and its
    /// bytes are of no more use.
    pub fn is_authentic_rtp(&mut self, packet: &mut [u8], header: &Header, index: u64) -> bool {
        match self {
            Self::Gcm(c) => c.unseal_rtp(packet, header, index).is_ok(),
            Self::Sha1(c) => c.open_rtp(packet, header, index).is_ok(),
        }
    }

    /// The same for RTCP.
    pub fn is_authentic_rtcp(&mut self, packet: &mut [u8]) -> bool {
        match self {
            Self::Gcm(c) => c.unseal_rtcp(packet).is_ok(),
            Self::Sha1(c) => c.open_rtcp(packet).is_ok(),
        }
    }
}

impl Sealer {
    /// Seals the RTP packet that starts at `start` of `buffer` and reaches to its end. `index` is the extended
    /// sequence number, starting at `1 << 16 | seq`. False when it could not be sealed (then it must not be sent).
    pub fn seal_rtp(&mut self, buffer: &mut Vec<u8>, start: usize, header_len: usize, index: u64) -> bool {
        match self {
            Self::Gcm(c) => c.seal_rtp(buffer, start, header_len, index),
            Self::Sha1(c) => c.seal_rtp(buffer, start),
        }
    }

    /// Seals the compound RTCP packet that starts at `start` of `buffer`.
    pub fn seal_rtcp(&mut self, buffer: &mut Vec<u8>, start: usize) -> bool {
        match self {
            Self::Gcm(c) => c.seal_rtcp(buffer, start),
            Self::Sha1(c) => c.seal_rtcp(buffer, start),
        }
    }
}

#[cfg(test)]
mod tests;
