//! The two clocks signaling is told the time by, and the only file that reads them.
//!
//! *Wall* time is what the timetable is written in; it may jump. *Steady* time never jumps and measures how long
//! something lasted. [`Timeline`] makes of both the time the scheduler lives by.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// A source of time. Tests and the demo pass their own.
pub trait Clock: Send + Sync {
    /// Wall time, epoch milliseconds.
    fn now_ms(&self) -> i64;
    /// Milliseconds since some fixed moment of this process; never jumps, never goes back.
    fn steady_ms(&self) -> i64;
    /// Returns when `ms` of steady time have passed, or earlier when time was moved by hand.
    fn sleep(&self, ms: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The machine's clocks.
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// Starts the steady clock at 0.
    #[allow(clippy::disallowed_methods, reason = "this adapter is where the clocks are read")]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this adapter is where the clocks are read")]
    fn now_ms(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
    }

    fn steady_ms(&self) -> i64 {
        self.origin.elapsed().as_millis() as i64
    }

    fn sleep(&self, ms: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(Duration::from_millis(ms)))
    }
}

/// A clock that stands still until a test moves it.
pub struct ManualClock {
    now: watch::Sender<(i64, i64)>,
}

impl ManualClock {
    /// Starts at a wall time.
    pub fn at(now_ms: i64) -> Self {
        Self { now: watch::channel((now_ms, 0)).0 }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, ms: i64) {
        self.now.send_modify(|(wall, steady)| {
            *wall += ms;
            *steady += ms;
        });
    }

    /// Sets the wall clock forward or back, as an operator or a time server would.
    pub fn jump(&self, ms: i64) {
        self.now.send_modify(|(wall, _)| *wall += ms);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.now.borrow().0
    }

    fn steady_ms(&self) -> i64 {
        self.now.borrow().1
    }

    fn sleep(&self, _ms: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut watched = self.now.subscribe();
        Box::pin(async move {
            // The sender lives as long as the clock, which this future borrows.
            let _ = watched.changed().await;
        })
    }
}

/// A wall clock that steps further (or a machine that slept longer) than this from the steady one was set; less is drift, and is followed.
const STEP_MS: i64 = 5_000;

/// A set clock is believed after it has stood by its new time this long: a lesson opened by a clock that is wrong
/// for a moment would be opened at the wrong time, and then missed at the right one.
const BELIEVE_AFTER_MS: i64 = 120_000;

/// Time as the timetable sees it: the wall clock, but steps only after they have lasted.
pub struct Timeline {
    state: Mutex<Offset>,
}

struct Offset {
    /// Wall minus steady, as believed.
    believed_ms: i64,
    /// A differing offset and since when (steady) the wall clock has stood by it.
    doubted: Option<(i64, i64)>,
}

/// What reading the [`Timeline`] gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Epoch milliseconds.
    pub now_ms: i64,
    /// How far the believed time was moved by this reading; not 0 only when a set clock begins to be believed.
    pub stepped_ms: i64,
}

impl Timeline {
    /// Believes the wall clock as it is.
    pub fn new(wall_ms: i64, steady_ms: i64) -> Self {
        Self { state: Mutex::new(Offset { believed_ms: wall_ms - steady_ms, doubted: None }) }
    }

    /// Tells the time.
    pub fn read(&self, wall_ms: i64, steady_ms: i64) -> Reading {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        let offset = wall_ms - steady_ms;
        let mut stepped_ms = 0;
        if (offset - state.believed_ms).abs() <= STEP_MS {
            state.believed_ms = offset;
            state.doubted = None;
        } else {
            match state.doubted {
                Some((doubted, since)) if (offset - doubted).abs() <= STEP_MS => {
                    if steady_ms - since >= BELIEVE_AFTER_MS {
                        stepped_ms = offset - state.believed_ms;
                        state.believed_ms = offset;
                        state.doubted = None;
                    }
                }
                _ => state.doubted = Some((offset, steady_ms)),
            }
        }
        Reading { now_ms: state.believed_ms + steady_ms, stepped_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_is_taken_back_is_never_believed() {
        let t = Timeline::new(1_000_000, 0);
        assert_eq!(t.read(1_001_000 + 86_400_000, 1_000), Reading { now_ms: 1_001_000, stepped_ms: 0 });
        assert_eq!(t.read(1_060_000 + 86_400_000, 60_000).now_ms, 1_060_000);
        assert_eq!(t.read(1_130_000, 130_000), Reading { now_ms: 1_130_000, stepped_ms: 0 });
    }

    #[test]
    fn a_step_that_lasts_is_believed_once() {
        let t = Timeline::new(1_000_000, 0);
        t.read(1_000_000 - 3_600_000, 0);
        let r = t.read(1_120_000 - 3_600_000, 120_000);
        assert_eq!(r, Reading { now_ms: 1_120_000 - 3_600_000, stepped_ms: -3_600_000 });
        assert_eq!(t.read(1_121_000 - 3_600_000, 121_000).stepped_ms, 0);
    }

    #[test]
    fn drift_is_followed() {
        let t = Timeline::new(1_000_000, 0);
        assert_eq!(t.read(1_002_000, 1_000).now_ms, 1_002_000);
    }
}
