//! A worker that is busy gets to datagrams later than they come.

use std::time::Duration;

use super::behaviour::{pair, play};
use crate::media::srtp::Profile;

/// How unevenly one packet after another is said to have come, µs: they are sent 10 ms apart.
fn unevenness(busy: Option<Duration>) -> i64 {
    let mut w = pair(1, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 30);
    w.busy = busy;
    let mut apart = Vec::new();
    for number in 0..300u32 {
        w.client(1).send(1, 90_000 + number * 900, true, &number.to_be_bytes());
        w.run(Duration::from_millis(10));
        // The first ones are among those of before.
        let told = w.client(1).told.take().filter(|_| number > 50);
        let came: Vec<i64> = told.iter().flat_map(|t| t.arrivals.iter().flatten().copied()).collect();
        apart.extend(came.windows(2).map(|two| (two[1] - two[0] - 10_000).abs()));
    }
    assert!(apart.len() > 100, "told of {} packets", apart.len());
    apart.into_iter().max().unwrap_or(0)
}

#[test]
fn a_publisher_is_told_when_its_packets_came_not_when_a_busy_worker_got_to_them() {
    // The network lets them in every millisecond, and the feedback counts in quarters of one.
    let (idle, busy) = (unevenness(None), unevenness(Some(Duration::from_millis(25))));
    println!("uneven by {idle} µs, on a busy worker by {busy} µs");
    assert!(idle <= 250 && busy <= 250, "{idle} {busy}");
}
