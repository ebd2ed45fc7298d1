//! The packet path allocates nothing: counted, for one publisher and ten receivers.

#![expect(clippy::print_stdout, reason = "says what it counted")]

use tongke::media::srtp::Profile;
use tongke_benches::{BATCH, Stage};

/// Allocations while one second is forwarded, once everything that grows has grown.
fn count(profile: Profile, recorded: bool) -> u64 {
    let mut stage = Stage::new(10, profile, recorded);
    for _ in 0..2 {
        stage.second();
        let mut batch = stage.batch();
        assert_eq!(stage.forward(&mut batch), BATCH * 10);
        stage.clear();
    }
    stage.second();
    let mut batch = stage.batch();
    let counted = allocation_counter::measure(|| {
        assert_eq!(stage.forward(&mut batch), BATCH * 10);
    });
    println!("{profile:?}, recorded {recorded}: {} in {} packets", counted.count_total, BATCH * 10);
    counted.count_total
}

#[test]
fn forwarding_allocates_nothing() {
    assert_eq!(count(Profile::AeadAes128Gcm, false), 0);
    assert_eq!(count(Profile::AeadAes128Gcm, true), 0);
}

/// Clients without GCM go through `rtc-srtp`, which copies each packet; this holds it to what it is today.
#[test]
fn without_gcm_the_crate_allocates_four_times_a_packet_at_most() {
    assert!(count(Profile::Aes128CmSha1_80, false) <= 4 * BATCH as u64 * 10);
}
