//! Whether a simulcast layer keeps up with those below it. A browser whose uplink gets narrow stops its finest layer without
//! a word, and whoever watches that one has a still until it is noticed. All layers of a camera are made of the same pictures,
//! so the layers below tell soon: they go on, and this one does not.

use std::time::{Duration, Instant};

/// So many pictures of a lower layer without any packet of this one: more than an encoder leaves out to keep its rate.
const MISSED: u8 = 4;
/// And so long, however fast pictures come.
const MISSED_FOR: Duration = Duration::from_millis(250);
/// One that comes back begins with a key frame if it had been stopped. One that does not has only stuttered, and is relied on
/// again when it has kept up for so long.
const KEPT_UP: Duration = Duration::from_millis(1_000);

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lag {
    /// RTP time of the newest picture.
    picture: Option<u32>,
    /// Pictures of lower layers since the last packet.
    missed: u8,
    behind: Behind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Behind {
    #[default]
    No,
    /// Nothing comes.
    Gone,
    /// It came again, since then without a hole.
    Back(Instant),
}

impl Lag {
    /// True if those who watch this layer should have another.
    pub fn is_behind(&self) -> bool {
        self.behind != Behind::No
    }

    /// A packet came with this RTP time. True if it begins a picture.
    pub fn note_packet(&mut self, timestamp: u32, key: bool, now: Instant) -> bool {
        self.missed = 0;
        self.behind = match self.behind {
            Behind::Gone if !key => Behind::Back(now),
            Behind::Back(since) if !key && now.saturating_duration_since(since) < KEPT_UP => self.behind,
            _ => Behind::No,
        };
        let is_later = self.picture.is_none_or(|newest| timestamp.wrapping_sub(newest).cast_signed() > 0);
        if is_later {
            self.picture = Some(timestamp);
        }
        is_later
    }

    /// A lower layer has begun a picture; this one's last packet came at `last`. True if it is behind from now on.
    pub fn note_lower(&mut self, last: Instant, now: Instant) -> bool {
        self.missed = self.missed.saturating_add(1);
        let is_gone = self.missed >= MISSED && now.saturating_duration_since(last) >= MISSED_FOR;
        if !is_gone || self.behind == Behind::Gone {
            return false;
        }
        self.behind = Behind::Gone;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures of the lower layer at this distance until the finer one is behind, which has sent one at the beginning.
    fn noticed_after(every: Duration) -> Duration {
        let t0 = crate::net::clock::now();
        let mut lag = Lag::default();
        assert!(lag.note_packet(0, true, t0));
        let noticed = (1..100u32).find(|n| lag.note_lower(t0, t0 + every * *n)).expect("noticed");
        assert!(lag.is_behind());
        every * noticed
    }

    #[test]
    fn one_that_stops_is_noticed_by_pictures_and_by_time() {
        assert_eq!(noticed_after(Duration::from_millis(100)), Duration::from_millis(400), "ten a second");
        assert_eq!(noticed_after(Duration::from_millis(20)), Duration::from_millis(260), "fifty");
    }

    #[test]
    fn one_that_leaves_some_pictures_out_is_not_behind() {
        let t0 = crate::net::clock::now();
        let mut lag = Lag::default();
        for n in 0..100u32 {
            let now = t0 + Duration::from_millis(66) * n;
            if n % 4 == 0 {
                lag.note_packet(n * 6_000, false, now);
            }
            assert!(!lag.note_lower(t0 + Duration::from_millis(66) * (n / 4 * 4), now));
        }
        assert!(!lag.is_behind());
    }

    #[test]
    fn a_key_frame_brings_it_back_at_once_and_anything_else_after_a_second() {
        let t0 = crate::net::clock::now();
        let gone = || {
            let mut lag = Lag::default();
            (0..4).for_each(|_| {
                lag.note_lower(t0, t0 + MISSED_FOR);
            });
            assert!(lag.is_behind());
            lag
        };
        let mut lag = gone();
        lag.note_packet(1, true, t0 + KEPT_UP);
        assert!(!lag.is_behind());
        let mut lag = gone();
        for ms in [1_000, 1_500, 1_999] {
            lag.note_packet(ms, false, t0 + Duration::from_millis(u64::from(ms)));
            assert!(lag.is_behind(), "{ms}");
        }
        lag.note_packet(2_000, false, t0 + Duration::from_millis(2_000));
        assert!(!lag.is_behind());
    }

    #[test]
    fn a_packet_that_comes_late_begins_no_picture() {
        let t0 = crate::net::clock::now();
        let mut lag = Lag::default();
        assert!(lag.note_packet(u32::MAX - 10, false, t0));
        assert!(!lag.note_packet(u32::MAX - 10, false, t0), "its second packet");
        assert!(lag.note_packet(20, false, t0), "across the end of the count");
        assert!(!lag.note_packet(u32::MAX - 10, false, t0), "late");
    }
}
