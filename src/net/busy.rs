//! How much of its time a worker needs, so that it refuses newcomers before those who are there suffer.
//!
//! What a worker needs is the time in which it does not wait, and not only the CPU time it is given: where others use the
//! same core, or where the machine may use a part of it only, a worker is at its end long before it has used a core.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::clock;

/// Measured over this time: short, because a bell brings hundreds of joins within a second.
const WINDOW: Duration = Duration::from_millis(200);
/// So much below the share from which on newcomers are refused they are let in again.
const FREE: f64 = 0.08;
/// Or it is full from this share on (or from the other, where that is less) once half of what can be saved by letting pictures
/// wait ([`super::patience`]) is spent: by the other half
/// a worker that gets less of its core for a moment, or has many handshakes to do, still carries all; without it it loses packets.
const FULL_WHEN_SPENT: f64 = 0.75;
/// What is spent when it becomes full by that, and what it must be below when it is so no more.
const SPENT: (f64, f64) = (0.5, 0.375);
/// One window with so much of a core used refuses them at once, where the mean is not small. Less in one alone is a peak of handshakes, or
/// of a neighbour on the same machine.
const PEAK: (f64, f64) = (0.95, 0.75);
/// So many windows, one after the other, of which it needs so much: it does not keep up.
const BEHIND: (u8, f64) = (6, 0.97);
/// How much a window counts in the mean.
const NEWEST: f64 = 0.25;

/// CPU time of the calling thread.
pub fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The time that a worker's thread has spent waiting. Its runtime tells when it begins and ends to wait; what waits without
/// the runtime says so itself. Of one thread, so that relaxed reads and writes are exact.
#[derive(Clone, Debug)]
pub struct Waited(Arc<WaitedNanos>);

#[derive(Debug)]
struct WaitedNanos {
    zero: Instant,
    begun: AtomicU64,
    total: AtomicU64,
}

impl Default for Waited {
    fn default() -> Self {
        Self(Arc::new(WaitedNanos { zero: clock::now(), begun: AtomicU64::new(0), total: AtomicU64::new(0) }))
    }
}

impl Waited {
    /// The runtime begins to wait.
    pub fn begin(&self) {
        self.0.begun.store(self.nanos(clock::now()), Ordering::Relaxed);
    }

    /// The runtime has waited.
    pub fn end(&self) {
        let waited = self.nanos(clock::now()).saturating_sub(self.0.begun.load(Ordering::Relaxed));
        self.0.total.fetch_add(waited, Ordering::Relaxed);
    }

    /// So long was waited without the runtime.
    pub fn add(&self, waited: Duration) {
        self.0.total.fetch_add(u64::try_from(waited.as_nanos()).unwrap_or(0), Ordering::Relaxed);
    }

    /// All of it.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.0.total.load(Ordering::Relaxed))
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.0.zero).as_nanos()).unwrap_or(0)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Busy {
    /// From this share of its time on, in the mean of the last second or so, newcomers are refused; the rest is for peaks of
    /// those who are there. `None`: nobody is refused.
    full_from: Option<f64>,
    since: Option<(Instant, Duration, Duration)>,
    /// Share of its time, lately.
    mean: f64,
    /// That is too much.
    full: bool,
    /// Windows in which it did not keep up.
    behind: u8,
}

impl Busy {
    /// A worker that refuses newcomers from so much of its time on, percent; from 100 on nobody.
    pub fn new(full_percent: u8) -> Self {
        let full_from = (full_percent < 100).then(|| f64::from(full_percent) / 100.0);
        Self { full_from, since: None, mean: 0.0, full: false, behind: 0 }
    }

    /// True when a window is over; then `note` should be called with the thread's CPU time and what it has waited.
    pub fn is_due(&self, now: Instant) -> bool {
        self.since.is_none_or(|(at, ..)| now.saturating_duration_since(at) >= WINDOW)
    }

    /// Notes the CPU time used and the time waited so far; true when the worker is full. `spent`: the share that is
    /// spent of what can be saved by letting pictures wait.
    pub fn note(&mut self, now: Instant, cpu: Duration, waited: Duration, spent: f64) -> bool {
        let Some((at, cpu_before, waited_before)) = self.since.replace((now, cpu, waited)) else { return false };
        let passed = now.saturating_duration_since(at);
        let of_passed = |time: Duration| time.as_secs_f64() / passed.as_secs_f64().max(1e-6);
        let used = of_passed(cpu.saturating_sub(cpu_before));
        let needed = of_passed(passed.saturating_sub(waited.saturating_sub(waited_before)));
        self.mean += NEWEST * (needed.max(used) - self.mean);
        self.behind = if needed >= BEHIND.1 { self.behind.saturating_add(1) } else { 0 };
        let Some(from) = self.full_from else { return false };
        self.full = match self.full {
            true => self.mean >= from - FREE || spent >= SPENT.1,
            false => self.mean >= if spent < SPENT.0 { from } else { from.min(FULL_WHEN_SPENT) },
        };
        self.full || used >= PEAK.0.max(from) && self.mean >= PEAK.1
    }

    /// True when the worker has not waited for a while: what comes waits for it, and soon finds no room.
    pub fn is_behind(&self) -> bool {
        self.behind >= BEHIND.0
    }

    /// The share of its time that the worker needs, in the mean of the last second or so.
    pub fn share(&self) -> f64 {
        self.mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::patience::Patience;

    /// A worker over some windows.
    struct Worker {
        busy: Busy,
        now: Instant,
        cpu: Duration,
        waited: Duration,
    }

    impl Worker {
        fn new(full_percent: u8) -> Self {
            let (mut busy, now) = (Busy::new(full_percent), clock::now());
            assert!(busy.is_due(now));
            assert!(!busy.note(now, Duration::ZERO, Duration::ZERO, 0.0), "nothing is known yet");
            assert!(!busy.is_due(now + WINDOW / 2));
            Self { busy, now, cpu: Duration::ZERO, waited: Duration::ZERO }
        }

        /// True when it is full after so many windows.
        fn after(&mut self, windows: u32, percent: u32, spent: f64) -> bool {
            (0..windows).fold(false, |_, _| {
                self.now += WINDOW;
                self.cpu += WINDOW * percent / 100;
                self.waited += WINDOW * (100 - percent) / 100;
                assert!(self.busy.is_due(self.now));
                self.busy.note(self.now, self.cpu, self.waited, spent)
            })
        }
    }

    #[test]
    fn a_worker_is_full_at_a_peak_and_from_a_share_in_the_mean_until_below_another() {
        let mut worker = Worker::new(88);
        for (windows, percent, spent, full) in [
            (20, 80, 0.0, false),
            (1, 94, 0.0, false),
            (1, 96, 0.0, true),
            (1, 80, 0.0, false),
            (20, 60, 0.0, false),
            (1, 100, 0.0, false),
            (20, 86, 0.4, false),
            (20, 89, 0.4, true),
            (20, 82, 0.0, true),
            (20, 79, 0.0, false),
            (20, 74, 0.0, false),
            (20, 74, 1.0, false),
            (20, 76, 0.5, true),
            (20, 72, 0.4, true),
            (20, 72, 0.3, false),
            (20, 86, 0.0, false),
            (1, 100, 0.0, true),
        ] {
            assert_eq!(worker.after(windows, percent, spent), full, "{windows} × {percent} %, spent: {spent}");
        }
    }

    #[test]
    fn from_which_share_on_newcomers_are_refused_is_the_operators_choice() {
        for (full_percent, before, percent, spent, full) in [
            (70, 50, 69, 0.0, false),
            (70, 50, 71, 0.0, true),
            (70, 100, 63, 0.0, true),
            (70, 100, 61, 0.0, false),
            (60, 50, 59, 1.0, false),
            (97, 50, 96, 0.0, false),
            (97, 50, 98, 0.0, true),
            (97, 100, 90, 0.0, true),
            (97, 100, 88, 0.0, false),
            (97, 50, 76, 0.5, true),
            (100, 100, 100, 1.0, false),
        ] {
            let mut worker = Worker::new(full_percent);
            worker.after(30, before, 0.0);
            assert_eq!(
                worker.after(30, percent, spent),
                full,
                "{full_percent}: {before}, then {percent} %, spent: {spent}"
            );
        }
    }

    #[test]
    fn a_worker_that_refuses_nobody_knows_that_it_is_behind() {
        let mut worker = Worker::new(100);
        assert!(!worker.after(20, 100, 1.0));
        assert!(worker.busy.is_behind() && worker.busy.share() > 0.97);
    }

    #[test]
    fn what_lasts_is_noticed_within_two_seconds() {
        // The second is given half of a core, and needs more.
        for given in [1.0, 0.5] {
            let (mut busy, begun) = (Busy::new(88), clock::now());
            let shares = [0.3; 10].into_iter().chain([0.94; 20]);
            let (mut cpu, mut waited) = (Duration::ZERO, Duration::ZERO);
            busy.note(begun, cpu, waited, 0.0);
            let mut patience = Patience::default();
            let full = shares.zip(1u32..).find_map(|(share, window)| {
                cpu += WINDOW.mul_f64(share * given);
                waited += WINDOW.mul_f64(1.0 - share);
                let full = busy.note(begun + WINDOW * window, cpu, waited, patience.spent());
                patience.note_busy(busy.share());
                full.then_some(window)
            });
            assert!(full.is_some_and(|window| (11..=20).contains(&window)), "{full:?}");
        }
    }

    #[test]
    fn a_runtime_tells_when_it_waits() {
        let (waited, told) = (Waited::default(), Waited::default());
        let (begins, ends) = (waited.clone(), waited.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .on_thread_park(move || begins.begin())
            .on_thread_unpark(move || ends.end())
            .build()
            .expect("a runtime");
        let begun = clock::now();
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(30)).await });
        let passed = clock::now().saturating_duration_since(begun);
        assert!(waited.total() >= Duration::from_millis(20) && waited.total() <= passed, "{waited:?} of {passed:?}");
        told.add(Duration::from_millis(3));
        assert_eq!(told.total(), Duration::from_millis(3));
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
