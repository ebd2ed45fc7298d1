//! How much of its core a worker uses, so that it refuses newcomers before those who are there suffer.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Measured over this time: short, because a bell brings hundreds of joins within a second.
const WINDOW: Duration = Duration::from_millis(200);
/// From this share of a core on, in the mean of the last second or so, newcomers are refused; the rest is for peaks of those
/// who are there.
const FULL: f64 = 0.88;
/// Below this share they are let in again.
const FREE: f64 = 0.8;
/// One window with so much refuses them at once. Less in one alone is a peak of handshakes, or of a neighbour on the same machine.
const PEAK: f64 = 0.95;
/// How much a window counts in the mean.
const NEWEST: f64 = 0.25;

/// CPU time of the calling thread.
pub fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// See the module.
#[derive(Debug, Default)]
pub struct Busy {
    since: Option<(Instant, Duration)>,
    /// Share of the core, lately.
    mean: f64,
    /// That is too much.
    full: bool,
}

impl Busy {
    /// True when a window is over; then `note` should be called with the thread's CPU time.
    pub fn is_due(&self, now: Instant) -> bool {
        self.since.is_none_or(|(at, _)| now.saturating_duration_since(at) >= WINDOW)
    }

    /// Notes the CPU time used so far; true when the worker is full.
    pub fn note(&mut self, now: Instant, cpu: Duration) -> bool {
        let Some((at, before)) = self.since.replace((now, cpu)) else { return false };
        let passed = now.saturating_duration_since(at).as_secs_f64();
        let share = cpu.saturating_sub(before).as_secs_f64() / passed.max(1e-6);
        self.mean += NEWEST * (share - self.mean);
        self.full = self.mean >= if self.full { FREE } else { FULL };
        self.full || share >= PEAK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_full_at_a_peak_and_from_88_percent_in_the_mean_until_below_80() {
        let (mut busy, mut now, mut cpu) = (Busy::default(), crate::net::clock::now(), Duration::ZERO);
        assert!(busy.is_due(now));
        assert!(!busy.note(now, cpu), "nothing is known yet");
        assert!(!busy.is_due(now + WINDOW / 2));
        let mut after = |windows: u32, percent: u32| {
            (0..windows).fold(false, |_, _| {
                now += WINDOW;
                cpu += WINDOW * percent / 100;
                assert!(busy.is_due(now));
                busy.note(now, cpu)
            })
        };
        for (windows, percent, full) in [
            (20, 80, false),
            (1, 94, false),
            (1, 96, true),
            (1, 80, false),
            (20, 86, false),
            (20, 89, true),
            (20, 82, true),
            (20, 79, false),
            (20, 86, false),
            (1, 100, true),
        ] {
            assert_eq!(after(windows, percent), full, "{windows} × {percent} %");
        }
    }

    #[test]
    fn what_lasts_is_noticed_within_two_seconds() {
        let (mut busy, begun) = (Busy::default(), crate::net::clock::now());
        let shares = [0.3; 10].into_iter().chain([0.94; 20]);
        let mut cpu = Duration::ZERO;
        busy.note(begun, cpu);
        let full = shares.zip(1u32..).find_map(|(share, window)| {
            cpu += WINDOW.mul_f64(share);
            busy.note(begun + WINDOW * window, cpu).then_some(window)
        });
        assert!(full.is_some_and(|window| (11..=20).contains(&window)), "{full:?}");
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
