//! Both profiles, both directions, against `rtc-srtp` as the far side where it can play it.

use std::sync::Arc;

use rtc_crypto::RTCCryptoProvider;
use rtc_crypto::providers::RingProvider;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

use super::*;
use crate::media::rtp::{FIXED_HEADER, write_header};

fn provider() -> Arc<dyn RTCCryptoProvider> {
    Arc::new(RingProvider::new())
}

fn packet(sequence: u16) -> Vec<u8> {
    let mut p = Vec::new();
    write_header(&mut p, true, 96, sequence, 1234, 42);
    p.extend_from_slice(b"the payload of a packet");
    p
}

fn keying(profile: Profile) -> Vec<u8> {
    (0..profile.keying_len()).map(|i| i as u8).collect()
}

fn far_side(profile: Profile, client: bool) -> Context {
    let k = keying(profile);
    let (salt, name) = match profile {
        Profile::AeadAes128Gcm => (12, ProtectionProfile::AeadAes128Gcm),
        Profile::Aes128CmSha1_80 => (14, ProtectionProfile::Aes128CmHmacSha1_80),
    };
    let (key, at) = if client { (&k[..16], 32) } else { (&k[16..32], 32 + salt) };
    Context::new(key, &k[at..at + salt], name, None, None, provider().crypto()).expect("context")
}

#[test]
fn what_we_seal_the_far_side_opens() {
    for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80] {
        let (_, mut sealer) = contexts(profile, &keying(profile), &provider()).expect("contexts");
        let mut far = far_side(profile, false);
        for sequence in [65534u16, 65535, 0, 1] {
            let index = if sequence > 1000 { 1 << 16 } else { 2 << 16 } | u64::from(sequence);
            let mut buffer = packet(sequence);
            assert!(sealer.seal_rtp(&mut buffer, 0, FIXED_HEADER, index));
            assert_eq!(far.decrypt_rtp(&buffer).expect("opens").as_ref(), packet(sequence).as_slice());
        }
        let pli = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 42];
        let mut buffer = pli.to_vec();
        assert!(sealer.seal_rtcp(&mut buffer, 0));
        assert_eq!(far.decrypt_rtcp(&buffer).expect("opens").as_ref(), pli.as_slice());
    }
}

#[test]
fn what_the_far_side_seals_we_open_once_and_forgeries_never() {
    for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80] {
        let (mut opener, _) = contexts(profile, &keying(profile), &provider()).expect("contexts");
        let mut far = far_side(profile, true);
        let plain = packet(7);
        let header = Header::parse(&plain).expect("header");
        let sealed = far.encrypt_rtp(&plain).expect("seals");
        let mut forged = sealed.to_vec();
        forged[14] ^= 1;
        assert!(opener.open_rtp(&mut forged, &header, 1 << 16 | 7).is_err());
        let mut buffer = sealed.to_vec();
        let len = opener.open_rtp(&mut buffer, &header, 1 << 16 | 7).expect("opens");
        assert_eq!(&buffer[..len], plain.as_slice());
        let mut again = sealed.to_vec();
        assert!(opener.open_rtp(&mut again, &header, 1 << 16 | 7).is_err());
        let pli = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 42];
        let mut buffer = far.encrypt_rtcp(&pli).expect("seals").to_vec();
        let len = opener.open_rtcp(&mut buffer).expect("opens");
        assert_eq!(&buffer[..len], pli);
    }
}

#[test]
fn made_up_ssrcs_are_refused_beyond_the_limit() {
    let profile = Profile::AeadAes128Gcm;
    let (mut opener, _) = contexts(profile, &keying(profile), &provider()).expect("contexts");
    let mut far = far_side(profile, true);
    let mut refused = 0;
    for ssrc in 0..(MAX_SSRCS as u32 + 10) {
        let mut p = Vec::new();
        write_header(&mut p, false, 96, 1, 1, ssrc);
        p.push(1);
        let mut sealed = far.encrypt_rtp(&p).expect("seals").to_vec();
        let header = Header::parse(&sealed).expect("header");
        if opener.open_rtp(&mut sealed, &header, 1 << 16 | 1) == Err(Refused::TooManySsrcs) {
            refused += 1;
        }
    }
    assert_eq!(refused, 10);
}
