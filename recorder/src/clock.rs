//! From RTP time to lesson time.
//!
//! Participants' wall clocks disagree, so their NTP stamps are only differences. A session's clock offset is
//! `min(arrival − NTP) − RTT/2` on the server's clock; a stream is anchored by its sender reports once there
//! is one, by its arrivals before that. The minimum is taken over a sliding window: it forgets, so that it
//! follows a drifting clock. Nothing a sender says moves a stream further than `PLAUSIBLE_US` from its arrivals.

/// How far a sender's report may contradict the arrivals: more than any path delays, less than anybody's
/// clock is wrong by.
const PLAUSIBLE_US: i64 = 2_000_000;
/// RTP time that runs this far off the arrivals has jumped (or the sender's clock stood still): anchor anew.
const JUMP_US: i64 = 3_000_000;
/// Slots of a window of minima.
const SLOTS: usize = 16;
/// Arrivals: 16 s. Long enough to meet an undelayed packet, short enough that 100 ppm drift costs 1.6 ms.
const ARRIVAL_SLOT_US: i64 = 1_000_000;
/// Sender reports come every 1 to 5 s, so their window is longer: 64 s.
const REPORT_SLOT_US: i64 = 4_000_000;

/// The smallest value of the last `SLOTS` slots of time.
#[derive(Debug, Clone)]
struct SlidingMinimum {
    slot_us: i64,
    /// Slot number and its minimum, by slot number modulo `SLOTS`.
    slots: [Option<(i64, i64)>; SLOTS],
}

impl SlidingMinimum {
    fn new(slot_us: i64) -> Self {
        SlidingMinimum { slot_us, slots: [None; SLOTS] }
    }

    fn add(&mut self, at_us: i64, value: i64) {
        let number = at_us.div_euclid(self.slot_us);
        let index = number.rem_euclid(SLOTS as i64) as usize;
        if let Some(slot) = self.slots.get_mut(index) {
            match slot {
                Some((at, least)) if *at == number => *least = value.min(*least),
                _ => *slot = Some((number, value)),
            }
        }
    }

    /// Minimum over the window that ends with the newest slot.
    fn least(&self) -> Option<i64> {
        let newest = self.slots.iter().flatten().map(|slot| slot.0).max()?;
        let within = |slot: &&(i64, i64)| slot.0 > newest - SLOTS as i64;
        self.slots.iter().flatten().filter(within).map(|slot| slot.1).min()
    }
}

/// What is known of one publisher's clock, from the reports of all its tracks.
#[derive(Debug, Clone)]
pub struct SessionClock {
    arrivals_less_ntp: SlidingMinimum,
    half_trip_us: i64,
}

impl Default for SessionClock {
    fn default() -> Self {
        SessionClock { arrivals_less_ntp: SlidingMinimum::new(REPORT_SLOT_US), half_trip_us: 0 }
    }
}

impl SessionClock {
    /// Takes in a report's NTP stamp and its arrival.
    pub fn observe(&mut self, ntp: u64, arrival_us: i64, round_trip_us: Option<i64>) {
        self.arrivals_less_ntp.add(arrival_us, arrival_us.saturating_sub(ntp_us(ntp)));
        if let Some(trip) = round_trip_us {
            // The least delayed report was sent on an idle path, so half of the *smallest* trip is its delay;
            // trips are bounded by what is plausible at all.
            let half = trip.clamp(0, PLAUSIBLE_US) / 2;
            self.half_trip_us = if self.half_trip_us == 0 { half } else { half.min(self.half_trip_us) };
        }
    }

    /// Lesson time less the publisher's NTP time, µs.
    pub fn offset_us(&self) -> Option<i64> {
        Some(self.arrivals_less_ntp.least()? - self.half_trip_us)
    }
}

/// NTP 32.32 as µs.
pub fn ntp_us(ntp: u64) -> i64 {
    let seconds = (ntp >> 32) as i64;
    let fraction = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
    seconds * 1_000_000 + fraction as i64
}

/// The clock of one RTP stream (one SSRC of one session).
#[derive(Debug, Clone)]
pub struct StreamClock {
    rate: i64,
    /// Last time stamp as sent and unwrapped.
    last: Option<(u32, i64)>,
    arrivals_less_rtp: SlidingMinimum,
    /// Unwrapped RTP time and NTP µs of the newest report.
    report: Option<(i64, i64)>,
}

/// What a time stamp turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// The unwrapped time goes on.
    Time(i64),
    /// Time has jumped; the stream is anchored anew, at this unwrapped time.
    Jumped(i64),
}

impl StreamClock {
    /// A clock of `rate` Hz.
    pub fn new(rate: u32) -> Self {
        StreamClock {
            rate: i64::from(rate.max(1)),
            last: None,
            arrivals_less_rtp: SlidingMinimum::new(ARRIVAL_SLOT_US),
            report: None,
        }
    }

    /// Unwraps a packet's time stamp and notes its arrival.
    pub fn observe(&mut self, timestamp: u32, arrival_us: i64) -> Observed {
        let time = self.unwrap(timestamp);
        let late_us = arrival_us - self.rtp_us(time);
        let jumped = self.arrivals_less_rtp.least().is_some_and(|least| (late_us - least).abs() > JUMP_US);
        if jumped {
            self.arrivals_less_rtp = SlidingMinimum::new(ARRIVAL_SLOT_US);
            self.report = None;
        }
        self.last = Some((timestamp, time));
        self.arrivals_less_rtp.add(arrival_us, late_us);
        if jumped { Observed::Jumped(time) } else { Observed::Time(time) }
    }

    /// Takes in a sender report of this stream.
    pub fn report(&mut self, ntp: u64, rtp: u32) {
        if self.last.is_some() {
            self.report = Some((self.unwrap(rtp), ntp_us(ntp)));
        }
    }

    /// Lesson time of an unwrapped RTP time in ticks of this clock, by the reports if they are believable.
    pub fn lesson_ticks(&self, time: i64, session_offset_us: Option<i64>) -> i64 {
        let by_arrival = self.rtp_us(time) + self.arrivals_less_rtp.least().unwrap_or(0);
        let by_report = self
            .report
            .zip(session_offset_us)
            .map(|((rtp, ntp), offset)| ntp.saturating_add(offset).saturating_add(self.rtp_us(time - rtp)));
        let us = match by_report {
            Some(us) if us.saturating_sub(by_arrival).saturating_abs() <= PLAUSIBLE_US => us,
            _ => by_arrival,
        };
        us_to_ticks(us, self.rate)
    }

    fn unwrap(&self, timestamp: u32) -> i64 {
        match self.last {
            None => i64::from(timestamp),
            Some((last, time)) => time + i64::from(timestamp.wrapping_sub(last) as i32),
        }
    }

    fn rtp_us(&self, time: i64) -> i64 {
        // Unwrapped time grows by less than 2^31 a packet and jumps are anchored anew: i128 for safety's sake.
        (i128::from(time) * 1_000_000 / i128::from(self.rate)) as i64
    }
}

/// Lesson µs in ticks of `rate`.
pub fn us_to_ticks(us: i64, rate: i64) -> i64 {
    (i128::from(us) * i128::from(rate)).div_euclid(1_000_000) as i64
}

/// Ticks of `timescale` in ms, to the nearest.
pub fn ticks_to_ms(ticks: u64, timescale: u32) -> i64 {
    let timescale = u128::from(timescale.max(1));
    ((u128::from(ticks) * 1000 + timescale / 2) / timescale) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NTP_2026: u64 = 3_991_000_000 << 32;

    fn ntp(us: i64) -> u64 {
        NTP_2026 + ((us as u64 / 1_000_000) << 32) + (((us as u64 % 1_000_000) << 32) / 1_000_000)
    }

    #[test]
    fn a_wrapping_time_stamp_goes_on() {
        let mut clock = StreamClock::new(90_000);
        let Observed::Time(first) = clock.observe(u32::MAX - 1000, 0) else { panic!("first") };
        assert_eq!(clock.observe(1999, 33_333), Observed::Time(first + 3000));
    }

    #[test]
    fn a_hostile_jump_is_anchored_anew_at_its_arrival() {
        let mut clock = StreamClock::new(90_000);
        clock.observe(0, 1_000_000);
        let Observed::Jumped(time) = clock.observe(0x7000_0000, 1_033_000) else { panic!("a jump") };
        assert_eq!(clock.lesson_ticks(time, None), 92_970);
    }

    #[test]
    fn reports_take_the_delay_out_and_lies_are_ignored() {
        let (mut clock, mut session) = (StreamClock::new(90_000), SessionClock::default());
        // Captured at 5 s, path delay 80 ms, sender's clock ten minutes ahead.
        let Observed::Time(time) = clock.observe(450_000, 5_080_000) else { panic!("first") };
        assert_eq!(clock.lesson_ticks(time, None), 5_080 * 90);
        session.observe(ntp(605_000_000), 5_080_000, Some(160_000));
        clock.report(ntp(605_000_000), 450_000);
        assert!((clock.lesson_ticks(time, session.offset_us()) - 450_000).abs() <= 1);
        // A report that claims another hour is not believed.
        clock.report(ntp(4_205_000_000), 450_000);
        assert_eq!(clock.lesson_ticks(time, session.offset_us()), 5_080 * 90);
    }

    proptest! {
        #[test]
        fn hostile_stamps_stay_near_their_arrivals(stamps in proptest::collection::vec((any::<u32>(), any::<u64>(), any::<u32>(), 0i64..10_000_000), 1..200)) {
            let (mut clock, mut session, mut now) = (StreamClock::new(48_000), SessionClock::default(), 0i64);
            for (stamp, ntp, rtp, wait) in stamps {
                now += wait;
                let (Observed::Time(time) | Observed::Jumped(time)) = clock.observe(stamp, now);
                session.observe(ntp, now, Some(wait));
                clock.report(ntp, rtp);
                let lesson_us = clock.lesson_ticks(time, session.offset_us()) * 1000 / 48;
                prop_assert!((lesson_us - now).abs() <= JUMP_US + PLAUSIBLE_US + 21);
            }
        }
    }
}
