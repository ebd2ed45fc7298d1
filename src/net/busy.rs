//! How much of its core a worker uses, so that it refuses newcomers before those who are there suffer.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Measured over this time: short, because a bell brings hundreds of joins within a second.
const WINDOW: Duration = Duration::from_millis(200);
/// From this share of a core on newcomers are refused; the rest is for peaks of those who are there.
const FULL: f64 = 0.85;
/// Below this share they are let in again.
const FREE: f64 = 0.75;

/// CPU time of the calling thread.
pub fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// See the module.
#[derive(Debug, Default)]
pub struct Busy {
    since: Option<(Instant, Duration)>,
    full: bool,
}

impl Busy {
    /// True when a window is over; then `note` should be called with the thread's CPU time.
    pub fn is_due(&self, now: Instant) -> bool {
        self.since.is_none_or(|(at, _)| now.saturating_duration_since(at) >= WINDOW)
    }

    /// Notes the CPU time used so far; true when the worker is full.
    pub fn note(&mut self, now: Instant, cpu: Duration) -> bool {
        if let Some((at, before)) = self.since {
            let passed = now.saturating_duration_since(at).as_secs_f64();
            let share = cpu.saturating_sub(before).as_secs_f64() / passed.max(1e-6);
            self.full = share >= if self.full { FREE } else { FULL };
        }
        self.since = Some((now, cpu));
        self.full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_full_from_85_percent_until_below_75() {
        let (mut busy, mut now, mut cpu) = (Busy::default(), crate::net::clock::now(), Duration::ZERO);
        assert!(busy.is_due(now));
        assert!(!busy.note(now, cpu), "nothing is known yet");
        assert!(!busy.is_due(now + WINDOW / 2));
        for (percent, full) in [(80, false), (86, true), (80, true), (70, false), (80, false)] {
            now += WINDOW;
            cpu += WINDOW * percent / 100;
            assert!(busy.is_due(now));
            assert_eq!(busy.note(now, cpu), full, "{percent} %");
        }
    }

    #[test]
    fn the_threads_cpu_time_grows_with_work() {
        let before = thread_cpu();
        let mut x = 1u64;
        while thread_cpu() == before {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
        assert!(thread_cpu() > before);
    }
}
