//! ICE-lite (RFC 8445 §2.5): answers authenticated binding requests, and sends none of its own but one kind: a
//! [`Probe`] of an address from which a client's SRTP comes, to learn whether its NAT was bound anew.
//!
//! A request is believed only with a USERNAME of ours and a MESSAGE-INTEGRITY under our password; everything else is
//! dropped without an answer, so nothing but probes is ever sent to an address that did not prove itself.

use std::net::SocketAddr;
use std::sync::Arc;

use rand::Rng;
use rtc_crypto::RTCCryptoProvider;
use rtc_stun::attributes::{ATTR_USERNAME, AttrType};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc_stun::textattrs::TextAttribute;
use rtc_stun::xoraddr::XorMappedAddress;

/// USE-CANDIDATE (RFC 8445 §16.1): the client nominates this pair.
const ATTR_USE_CANDIDATE: AttrType = AttrType(0x0025);
/// What a page adds to its session's ufrag to ask, by a check that belongs to no session, whether the server is
/// reached again. It is an ice-char (RFC 8839 §5.4) that [`Credentials::generate`] does not use.
pub const KNOCK: char = '+';
/// A binding request of a browser has about 100 bytes; anything far longer is not one.
const MAX_REQUEST: usize = 1024;
/// RFC 8839 §5.4 asks for at least 4 and 22 characters.
const UFRAG_RANDOM: usize = 8;
const PASSWORD: usize = 24;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// One generation of our ICE credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// Begins with the worker's two digits, so that a TCP connection finds its worker.
    pub ufrag: String,
    /// The password.
    pub password: String,
}

impl Credentials {
    /// Makes new credentials for a session of this worker.
    pub fn generate(worker: u8, rng: &mut impl Rng) -> Self {
        let mut text = |n: usize| -> String {
            (0..n).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
        };
        Self { ufrag: format!("{worker:02}{}", text(UFRAG_RANDOM)), password: text(PASSWORD) }
    }

    /// The entity tag of this generation (RFC 9725 §4.3.1).
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.ufrag)
    }
}

/// The worker a ufrag of ours belongs to.
pub fn worker_of(ufrag: &str) -> Option<u8> {
    ufrag.get(..2)?.parse().ok()
}

/// A binding request that names a session; not yet authenticated.
pub struct Check {
    message: Message,
    /// Our part of the USERNAME.
    pub ours: String,
    /// The client nominates the pair this request came on.
    pub use_candidate: bool,
}

impl Check {
    /// Parses a binding request with a USERNAME "ours:theirs"; `None` for anything else.
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        if datagram.len() > MAX_REQUEST {
            return None;
        }
        let mut message = Message::new();
        message.unmarshal_binary(datagram).ok()?;
        if message.typ != BINDING_REQUEST {
            return None;
        }
        let username = String::from_utf8(message.get(ATTR_USERNAME).ok()?).ok()?;
        let ours = username.split_once(':')?.0.to_owned();
        let use_candidate = message.contains(ATTR_USE_CANDIDATE);
        Some(Self { message, ours, use_candidate })
    }

    /// The ufrag of a session whose client only asks whether the server is there; see [`KNOCK`].
    pub fn knocks_for(&self) -> Option<&str> {
        self.ours.strip_suffix(KNOCK)
    }

    /// True if the request was made with this password.
    pub fn is_authentic(&mut self, password: &str, provider: &Arc<dyn RTCCryptoProvider>) -> bool {
        MessageIntegrity::check(&mut self.message, password.as_bytes(), provider.crypto()).is_ok()
    }

    /// The success response to an authentic request.
    pub fn answer(&self, remote: SocketAddr, password: &str, provider: &Arc<dyn RTCCryptoProvider>) -> Option<Vec<u8>> {
        let mut answer = Message::new();
        answer.transaction_id = self.message.transaction_id;
        answer
            .build(&[
                Box::new(BINDING_SUCCESS),
                Box::new(XorMappedAddress { ip: remote.ip(), port: remote.port() }),
                Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
                    password.to_owned(),
                    provider.crypto(),
                )),
                Box::new(FINGERPRINT),
            ])
            .ok()?;
        Some(answer.raw)
    }
}

/// What a controlled agent says in a check (RFC 8445 §7.1.1, §7.1.3); browsers want a priority.
struct Controlled(u64);

/// Of a peer-reflexive candidate, component 1 (RFC 8445 §5.1.2.1).
const PRIORITY: u32 = 110 << 24 | 65_535 << 8 | 255;
const ATTR_PRIORITY: AttrType = AttrType(0x0024);
const ATTR_ICE_CONTROLLED: AttrType = AttrType(0x8029);

impl Setter for Controlled {
    fn add_to(&self, m: &mut Message) -> Result<(), rtc_shared::error::Error> {
        m.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
        m.add(ATTR_ICE_CONTROLLED, &self.0.to_be_bytes());
        Ok(())
    }
}

/// A check of ours (RFC 8445 §7.2), and what its answer must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    transaction: TransactionId,
}

impl Probe {
    /// A probe with this random number.
    pub fn new(transaction: [u8; 12]) -> Self {
        Self { transaction: TransactionId(transaction) }
    }

    /// The binding request, made with the client's password.
    pub fn request(
        &self,
        ours: &Credentials,
        theirs: &Credentials,
        provider: &Arc<dyn RTCCryptoProvider>,
    ) -> Option<Vec<u8>> {
        let integrity =
            MessageIntegrity::new_short_term_integrity_with_provider(theirs.password.clone(), provider.crypto());
        let tie_breaker = self.transaction.0.first_chunk::<8>().map(|b| u64::from_be_bytes(*b))?;
        let mut request = Message::new();
        request
            .build(&[
                Box::new(self.transaction),
                Box::new(BINDING_REQUEST),
                Box::new(TextAttribute::new(ATTR_USERNAME, format!("{}:{}", theirs.ufrag, ours.ufrag))),
                Box::new(Controlled(tie_breaker)),
                Box::new(integrity),
                Box::new(FINGERPRINT),
            ])
            .ok()?;
        Some(request.raw)
    }

    /// True if this is the answer of the client whose credentials these are.
    pub fn is_answered_by(&self, datagram: &[u8], theirs: &Credentials, provider: &Arc<dyn RTCCryptoProvider>) -> bool {
        let mut message = Message::new();
        datagram.len() <= MAX_REQUEST
            && message.unmarshal_binary(datagram).is_ok()
            && message.typ == BINDING_SUCCESS
            && message.transaction_id == self.transaction
            && MessageIntegrity::check(&mut message, theirs.password.as_bytes(), provider.crypto()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rtc_crypto::providers::RingProvider;

    fn provider() -> Arc<dyn RTCCryptoProvider> {
        Arc::new(RingProvider::new())
    }

    fn request(username: &str, password: &str) -> Vec<u8> {
        let p = provider();
        let mut m = Message::new();
        m.build(&[
            Box::new(BINDING_REQUEST),
            Box::new(TextAttribute::new(ATTR_USERNAME, username.to_owned())),
            Box::new(MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), p.crypto())),
            Box::new(FINGERPRINT),
        ])
        .expect("builds");
        m.raw
    }

    #[test]
    fn only_the_right_password_is_believed() {
        let c = Credentials::generate(3, &mut rand::rngs::StdRng::seed_from_u64(1));
        assert_eq!(worker_of(&c.ufrag), Some(3));
        let mut check = Check::parse(&request(&format!("{}:them", c.ufrag), &c.password)).expect("parses");
        assert_eq!(check.ours, c.ufrag);
        assert!(check.is_authentic(&c.password, &provider()));
        assert!(!check.is_authentic("another password", &provider()));
        let answer = check.answer("127.0.0.1:9".parse().expect("address"), &c.password, &provider());
        assert!(answer.is_some());
    }

    #[test]
    fn a_probe_is_answered_by_its_client_only() {
        let rng = &mut rand::rngs::StdRng::seed_from_u64(2);
        let (ours, theirs) = (Credentials::generate(0, rng), Credentials::generate(1, rng));
        let probe = Probe::new([7; 12]);
        let request = probe.request(&ours, &theirs, &provider()).expect("builds");
        let mut check = Check::parse(&request).expect("is a check");
        assert_eq!(check.ours, theirs.ufrag);
        assert!(check.is_authentic(&theirs.password, &provider()));
        let from = "127.0.0.1:9".parse().expect("address");
        let answer = check.answer(from, &theirs.password, &provider()).expect("answers");
        assert!(probe.is_answered_by(&answer, &theirs, &provider()));
        assert!(!probe.is_answered_by(&answer, &ours, &provider()), "another password");
        assert!(!Probe::new([8; 12]).is_answered_by(&answer, &theirs, &provider()), "another transaction");
        assert!(!probe.is_answered_by(&request, &theirs, &provider()), "the request come back");
    }

    proptest::proptest! {
        #[test]
        fn hostile_requests_never_panic(at in 0usize..100, value in 0u8..=255, cut in 0usize..120) {
            let mut bytes = request("00abc:def", "password");
            if let Some(b) = bytes.get_mut(at) { *b = value; }
            bytes.truncate(cut);
            let theirs = Credentials { ufrag: String::new(), password: String::new() };
            proptest::prop_assert!(!Probe::new([0; 12]).is_answered_by(&bytes, &theirs, &provider()));
            if let Some(mut check) = Check::parse(&bytes) {
                let _ = check.is_authentic("password", &provider());
            }
        }
    }
}
