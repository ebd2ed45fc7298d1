//! Random secrets, their hashes, and signatures of playback links.
//!
//! Secrets are kept only as SHA-256: they have 256 random bits, so a slow hash would add nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// 256 random bits as URL-safe text. It never begins with a dash: programs that are given it as an argument would take
/// it for an option.
pub fn random_token() -> String {
    loop {
        let token = URL_SAFE_NO_PAD.encode(random_bytes::<32>());
        if !token.starts_with('-') {
            return token;
        }
    }
}

/// Bytes of the operating system's generator.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("an operating system without random numbers cannot serve secrets");
    bytes
}

/// Crockford's alphabet: no I, L, O, U, so that a code can be read out across a room.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A pairing code: 8 Crockford characters, 40 random bits.
pub fn pairing_code() -> String {
    random_bytes::<8>().iter().map(|b| char::from(CROCKFORD[usize::from(b & 31)])).collect()
}

/// The code as typed by a person: dashes, blanks and case do not matter, look-alikes are read as Crockford says.
pub fn normal_code(typed: &str) -> String {
    typed
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        })
        .take(9)
        .collect()
}

/// Hex SHA-256.
pub fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The key that signs playback links.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// From its stored text; any text is a key.
    pub fn new(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        mac
    }

    /// An id that nobody can guess who has not the key, the same for the same text for ever.
    pub fn id(&self, text: &str) -> uuid::Uuid {
        let mac = self.mac(text).finalize().into_bytes();
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(mac.iter()).for_each(|(to, from)| *to = *from);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Signs "this viewer may play this recording until then": `<expiry>.<viewer>.<mac>`.
    pub fn sign(&self, recording: &str, viewer: &str, expires_ms: i64) -> String {
        let mac = self.mac(&format!("{recording}|{viewer}|{expires_ms}")).finalize().into_bytes();
        format!("{expires_ms}.{viewer}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// Gives the viewer of a signature that is genuine and not expired.
    pub fn verify(&self, recording: &str, signature: &str, now_ms: i64) -> Option<String> {
        let mut fields = signature.splitn(3, '.');
        let (expires, viewer, mac) = (fields.next()?, fields.next()?, fields.next()?);
        let expires_ms: i64 = expires.parse().ok()?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        self.mac(&format!("{recording}|{viewer}|{expires_ms}")).verify_slice(&mac).ok()?;
        (now_ms < expires_ms).then(|| viewer.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_recording_and_time_only() {
        let key = SigningKey::new("k");
        let sig = key.sign("r", "p1", 100);
        assert_eq!(key.verify("r", &sig, 99).as_deref(), Some("p1"));
        assert_eq!(key.verify("r", &sig, 100), None);
        assert_eq!(key.verify("other", &sig, 99), None);
        assert_eq!(key.verify("r", &sig.replace("p1", "p2"), 99), None);
        assert_eq!(key.verify("r", "garbage", 99), None);
    }

    #[test]
    fn a_token_can_be_an_argument() {
        for _ in 0..1000 {
            let token = random_token();
            assert!(token.len() == 43 && !token.starts_with('-'), "{token}");
        }
    }

    #[test]
    fn typed_codes_are_read_kindly() {
        assert_eq!(normal_code("ab1o-l23x"), "AB10123X");
        assert_eq!(pairing_code().len(), 8);
    }
}
