//! Whose clock says what: RTP time and the publisher's wall clock, mapped onto the server's `Instant`s.
//!
//! Participants' wall clocks disagree by minutes, so their NTP stamps serve only as differences. All arithmetic is
//! checked: the stamps come from the network.

use std::time::{Duration, Instant};

/// NTP counts from 1900, Unix from 1970 (RFC 5905 §6).
pub const NTP_UNIX_SECONDS: u64 = 2_208_988_800;
/// A publisher's report more than this away from its earlier ones starts its clock anew.
const MAX_STEP: Duration = Duration::from_secs(10);

/// The server's wall clock at one instant; read once by the driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wall {
    /// The instant.
    pub instant: Instant,
    /// NTP time then (32.32 fixed point).
    pub ntp: u64,
}

impl Wall {
    /// From Unix time.
    pub fn new(instant: Instant, since_unix: Duration) -> Self {
        let fraction = (u64::from(since_unix.subsec_nanos()) << 32) / 1_000_000_000;
        let ntp = ((since_unix.as_secs() + NTP_UNIX_SECONDS) << 32) | fraction;
        Self { instant, ntp }
    }

    /// NTP time at a later instant.
    pub fn ntp_at(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.instant);
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        self.ntp.wrapping_add(since.as_secs() << 32 | fraction)
    }
}

fn ntp_nanos(ntp: u64) -> i128 {
    let seconds = i128::from(ntp >> 32);
    let fraction = (i128::from(ntp & 0xffff_ffff) * 1_000_000_000) >> 32;
    seconds * 1_000_000_000 + fraction
}

fn shift(at: Instant, nanos: i128) -> Option<Instant> {
    let length = Duration::from_nanos(u64::try_from(nanos.unsigned_abs()).ok()?);
    if nanos < 0 { at.checked_sub(length) } else { at.checked_add(length) }
}

/// One publisher's wall clock: the least (arrival − NTP) seen is nearest to the truth (the rest is queueing).
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionClock {
    base: Option<(Instant, u64)>,
    least_nanos: i128,
}

impl SessionClock {
    /// Notes a sender report and returns the instant its NTP stamp stands for.
    pub fn note(&mut self, ntp: u64, arrival: Instant) -> Option<Instant> {
        let (at, base_ntp) = *self.base.get_or_insert((arrival, ntp));
        let sent = ntp_nanos(ntp) - ntp_nanos(base_ntp);
        let came = i128::try_from(arrival.saturating_duration_since(at).as_nanos()).ok()?;
        let late = came - sent;
        if (late - self.least_nanos).unsigned_abs() > MAX_STEP.as_nanos() {
            self.base = Some((arrival, ntp));
            self.least_nanos = 0;
            return Some(arrival);
        }
        self.least_nanos = self.least_nanos.min(late);
        shift(at, sent + self.least_nanos)
    }
}

/// One stream's RTP clock.
#[derive(Clone, Copy, Debug)]
pub struct SourceClock {
    rate: u32,
    anchor: Option<(u32, Instant)>,
    reported: bool,
}

impl SourceClock {
    /// A clock of `rate` Hz.
    pub fn new(rate: u32) -> Self {
        Self { rate, anchor: None, reported: false }
    }

    /// Arrival anchors the stream until its first sender report; the earliest packet counts.
    pub fn note_packet(&mut self, rtp: u32, arrival: Instant) {
        if self.reported {
            return;
        }
        let earlier = self.time_of(rtp).is_none_or(|t| arrival < t || arrival - t > MAX_STEP);
        if earlier {
            self.anchor = Some((rtp, arrival));
        }
    }

    /// A sender report anchors it from then on.
    pub fn note_report(&mut self, rtp: u32, at: Instant) {
        self.anchor = Some((rtp, at));
        self.reported = true;
    }

    /// The server instant at which the sample was captured.
    pub fn time_of(&self, rtp: u32) -> Option<Instant> {
        let (anchor, at) = self.anchor?;
        let ticks = i128::from(rtp.wrapping_sub(anchor) as i32);
        shift(at, ticks * 1_000_000_000 / i128::from(self.rate))
    }

    /// The RTP time of `now`.
    pub fn rtp_at(&self, now: Instant) -> Option<u32> {
        let (anchor, at) = self.anchor?;
        let (nanos, negative) = match now.checked_duration_since(at) {
            Some(d) => (d.as_nanos(), false),
            None => (at.saturating_duration_since(now).as_nanos(), true),
        };
        let ticks = (nanos * u128::from(self.rate) / 1_000_000_000) as u32;
        Some(if negative { anchor.wrapping_sub(ticks) } else { anchor.wrapping_add(ticks) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_ten_minutes_wrong_still_gives_the_right_differences() {
        let t0 = crate::net::clock::now();
        let wall = Wall::new(t0, Duration::from_secs(1_800_000_000));
        let wrong = |ms: u64| wall.ntp_at(t0 + Duration::from_millis(ms)).wrapping_add(600 << 32);
        let mut session = SessionClock::default();
        session.note(wrong(0), t0 + Duration::from_millis(50));
        let at = session.note(wrong(1000), t0 + Duration::from_millis(1010)).expect("maps");
        let off = at.duration_since(t0 + Duration::from_millis(1000));
        assert!((9..=10).contains(&off.as_millis()), "the least delay seen is 10 ms: {off:?}");
        let mut clock = SourceClock::new(90_000);
        clock.note_report(5, t0);
        assert_eq!(clock.rtp_at(t0 + Duration::from_secs(2)), Some(180_005));
        assert_eq!(clock.time_of(90_005), Some(t0 + Duration::from_secs(1)));
    }

    proptest::proptest! {
        #[test]
        fn hostile_stamps_never_panic(stamps in proptest::collection::vec((proptest::num::u64::ANY, proptest::num::u32::ANY), 1..20)) {
            let t0 = crate::net::clock::now();
            let mut session = SessionClock::default();
            let mut clock = SourceClock::new(48_000);
            for (i, (ntp, rtp)) in stamps.iter().enumerate() {
                let now = t0 + Duration::from_millis(i as u64);
                clock.note_packet(*rtp, now);
                if let Some(at) = session.note(*ntp, now) {
                    clock.note_report(*rtp, at);
                }
                clock.time_of(rtp.wrapping_mul(7));
                clock.rtp_at(now);
            }
        }
    }
}
