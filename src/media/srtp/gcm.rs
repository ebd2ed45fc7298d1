//! AEAD_AES_128_GCM for SRTP and SRTCP (RFC 7714), in place with `ring`.

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
use rtc_crypto::{BlockCipherAlgorithm, RTCCryptoProvider};

use super::replay::Replay;
use super::{MAX_SSRCS, Refused};
use crate::media::ahead::line_of;
use crate::media::rtp::Header;

/// Length of the authentication tag, bytes (RFC 7714 §12).
const TAG: usize = 16;
/// Header of the first RTCP packet of a compound, which stays in clear.
const RTCP_HEADER: usize = 8;
/// The E bit of the SRTCP index word: the packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;

/// Key derivation labels (RFC 3711 §4.3.2).
const LABEL_RTP_KEY: u8 = 0;
const LABEL_RTP_SALT: u8 = 2;
const LABEL_RTCP_KEY: u8 = 3;
const LABEL_RTCP_SALT: u8 = 5;

/// What every packet needs comes first.
#[repr(C)]
struct Keys {
    rtp: LessSafeKey,
    rtp_salt: Salt,
    rtcp: LessSafeKey,
    rtcp_salt: Salt,
}

impl Keys {
    fn new(master_key: &[u8], master_salt: &[u8], provider: &dyn RTCCryptoProvider) -> Option<Self> {
        let salt: [u8; 12] = master_salt.try_into().ok()?;
        let derive = |label: u8| -> Option<[u8; 16]> {
            let mut block = [0u8; 16];
            block[..12].copy_from_slice(&salt);
            block[7] ^= label;
            provider.crypto().block_encrypt(BlockCipherAlgorithm::Aes128, master_key, &mut block).ok()?;
            Some(block)
        };
        let key = |label| Some(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &derive(label)?).ok()?));
        let salt_of = |label| Salt::new(&derive(label)?);
        Some(Self {
            rtp: key(LABEL_RTP_KEY)?,
            rtp_salt: salt_of(LABEL_RTP_SALT)?,
            rtcp: key(LABEL_RTCP_KEY)?,
            rtcp_salt: salt_of(LABEL_RTCP_SALT)?,
        })
    }

    /// RFC 7714 §8.1: `00 00 | SSRC | ROC | SEQ` ^ salt. `index` runs one turn ahead (see `rtp::Unwrapper`).
    fn rtp_nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let wire = index.wrapping_sub(1 << 16) & ((1 << 48) - 1);
        self.rtp_salt.nonce(ssrc, wire)
    }

    /// RFC 7714 §9.1: `00 00 | SSRC | 00 00 | index` ^ salt.
    fn rtcp_nonce(&self, ssrc: u32, index: u32) -> Nonce {
        self.rtcp_salt.nonce(ssrc, u64::from(index))
    }
}

/// A sealer's first bytes, within which is all that sealing a packet needs.
pub(super) const MEDIA_KEYS: usize = size_of::<LessSafeKey>() + size_of::<Salt>();

/// The first eight bytes of a salt and the other four. A nonce is made of them in registers: put together from bytes in memory it
/// would be read back only after the packet, which was written before, has reached the cache.
#[derive(Clone, Copy)]
struct Salt(u64, u32);

impl Salt {
    fn new(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk()?;
        Some(Self(u64::from_be_bytes(*head), u32::from_be_bytes(*rest.first_chunk()?)))
    }

    /// `00 00 | SSRC | index` ^ salt, the index in 48 bits.
    fn nonce(self, ssrc: u32, index: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&(self.0 ^ u64::from(ssrc) << 16 ^ index >> 32).to_be_bytes());
        nonce[8..].copy_from_slice(&(self.1 ^ index as u32).to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The AAD of SRTCP: the first header and the index word (RFC 7714 §9.2).
fn rtcp_aad(header: &[u8], word: u32) -> Option<[u8; 12]> {
    let mut aad = [0u8; 12];
    aad[..RTCP_HEADER].copy_from_slice(header.get(..RTCP_HEADER)?);
    aad[RTCP_HEADER..].copy_from_slice(&word.to_be_bytes());
    Some(aad)
}

/// See [`super::Opener`].
#[repr(C)]
pub struct Opener {
    keys: Keys,
    rtp: Windows,
    rtcp: Windows,
}

/// Replay windows by SSRC. A client has a dozen at most, so a list is searched sooner than a hash is made.
#[derive(Default)]
struct Windows(Vec<(u32, Replay)>);

impl Windows {
    /// The window of this SSRC; a new one where it is unknown and another may be had.
    fn window(&self, ssrc: u32) -> Result<Replay, Refused> {
        match self.0.iter().find(|(s, _)| *s == ssrc) {
            Some((_, window)) => Ok(*window),
            None if self.0.len() < MAX_SSRCS => Ok(Replay::default()),
            None => Err(Refused::TooManySsrcs),
        }
    }

    /// Keeps the window after a packet proved authentic.
    fn keep(&mut self, ssrc: u32, window: Replay) {
        match self.0.iter_mut().find(|(s, _)| *s == ssrc) {
            Some((_, kept)) => *kept = window,
            None => self.0.push((ssrc, window)),
        }
    }
}

impl Opener {
    pub(super) fn expect(&self) {
        for windows in [&self.rtp, &self.rtcp] {
            windows.0.first().into_iter().for_each(line_of);
        }
    }

    pub(super) fn new(key: &[u8], salt: &[u8], provider: &dyn RTCCryptoProvider) -> Option<Self> {
        Some(Self { keys: Keys::new(key, salt, provider)?, rtp: Windows::default(), rtcp: Windows::default() })
    }

    pub(super) fn open_rtp(&mut self, packet: &mut [u8], header: &Header, index: u64) -> Result<usize, Refused> {
        let window = self.unseal_rtp(packet, header, index)?;
        self.rtp.keep(header.ssrc, window);
        Ok(packet.len() - TAG)
    }

    /// Opens a packet and gives the window in which it is noted; it counts as seen only when that is kept.
    pub(super) fn unseal_rtp(&self, packet: &mut [u8], header: &Header, index: u64) -> Result<Replay, Refused> {
        if packet.len() < header.length + TAG {
            return Err(Refused::Malformed);
        }
        let mut replay = self.rtp.window(header.ssrc)?;
        if !replay.is_new(index) {
            return Err(Refused::Replayed);
        }
        let nonce = self.keys.rtp_nonce(header.ssrc, index);
        let (aad, sealed) = packet.split_at_mut(header.length);
        self.keys.rtp.open_in_place(nonce, Aad::from(&*aad), sealed).map_err(|_| Refused::Forged)?;
        replay.note(index);
        Ok(replay)
    }

    pub(super) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let (ssrc, window) = self.unseal_rtcp(packet)?;
        self.rtcp.keep(ssrc, window);
        Ok(packet.len() - 4 - TAG)
    }

    /// As `unseal_rtp`; gives the sender's SSRC too.
    pub(super) fn unseal_rtcp(&self, packet: &mut [u8]) -> Result<(u32, Replay), Refused> {
        let len = packet.len();
        if len < RTCP_HEADER + TAG + 4 {
            return Err(Refused::Malformed);
        }
        let word = packet.last_chunk::<4>().map(|w| u32::from_be_bytes(*w)).ok_or(Refused::Malformed)?;
        if word & ENCRYPTED == 0 {
            return Err(Refused::Malformed);
        }
        let index = word & !ENCRYPTED;
        let ssrc = packet
            .get(4..8)
            .and_then(|s| s.first_chunk::<4>())
            .map(|s| u32::from_be_bytes(*s))
            .ok_or(Refused::Malformed)?;
        let mut replay = self.rtcp.window(ssrc)?;
        if !replay.is_new(u64::from(index)) {
            return Err(Refused::Replayed);
        }
        let aad = rtcp_aad(packet, word).ok_or(Refused::Malformed)?;
        let nonce = self.keys.rtcp_nonce(ssrc, index);
        let sealed = packet.get_mut(RTCP_HEADER..len - 4).ok_or(Refused::Malformed)?;
        self.keys.rtcp.open_in_place(nonce, Aad::from(aad), sealed).map_err(|_| Refused::Forged)?;
        replay.note(u64::from(index));
        Ok((ssrc, replay))
    }
}

/// See [`super::Sealer`].
#[repr(C)]
pub struct Sealer {
    keys: Keys,
    rtcp_index: u32,
}

impl Sealer {
    pub(super) fn new(key: &[u8], salt: &[u8], provider: &dyn RTCCryptoProvider) -> Option<Self> {
        Some(Self { keys: Keys::new(key, salt, provider)?, rtcp_index: 0 })
    }

    pub(super) fn seal_rtp(&mut self, buffer: &mut Vec<u8>, start: usize, header_len: usize, index: u64) -> bool {
        let Some(packet) = buffer.get_mut(start..) else { return false };
        let Some(ssrc) = packet.get(8..12).and_then(|s| s.first_chunk::<4>()) else { return false };
        let nonce = self.keys.rtp_nonce(u32::from_be_bytes(*ssrc), index);
        if packet.len() < header_len {
            return false;
        }
        let (header, payload) = packet.split_at_mut(header_len);
        let sealed = self.keys.rtp.seal_in_place_separate_tag(nonce, Aad::from(&*header), payload);
        append(buffer, sealed.ok())
    }

    pub(super) fn seal_rtcp(&mut self, buffer: &mut Vec<u8>, start: usize) -> bool {
        self.rtcp_index = self.rtcp_index.wrapping_add(1) & !ENCRYPTED;
        let word = self.rtcp_index | ENCRYPTED;
        let Some(packet) = buffer.get_mut(start..) else { return false };
        let Some(aad) = rtcp_aad(packet, word) else { return false };
        let Some(ssrc) = packet.get(4..8).and_then(|s| s.first_chunk::<4>()) else { return false };
        let nonce = self.keys.rtcp_nonce(u32::from_be_bytes(*ssrc), self.rtcp_index);
        let Some(body) = packet.get_mut(RTCP_HEADER..) else { return false };
        let sealed = self.keys.rtcp.seal_in_place_separate_tag(nonce, Aad::from(aad), body);
        let done = append(buffer, sealed.ok());
        buffer.extend_from_slice(&word.to_be_bytes());
        done
    }
}

fn append(buffer: &mut Vec<u8>, tag: Option<Tag>) -> bool {
    let Some(tag) = tag else { return false };
    buffer.extend_from_slice(tag.as_ref());
    true
}
