//! How long pictures wait in a worker that needs most of its time.
//!
//! A worker that needs three quarters of its time lets pictures wait for their room's next sound, 20 ms at most, before it refuses
//! newcomers: then several of them and the sound leave as one message to each receiver, which the kernel carries for about half the
//! price ([`super::batch`], [`crate::media::held`]). A class sees its teacher a moment later; else it might not see him at all. Sound comes
//! and goes as before.

use std::time::Duration;

/// A worker is pressed while it needs more than this share of its time.
const PRESSED: f64 = 0.75;
/// Where the wait begins, and ends when it shrinks.
const SHORTEST: Duration = Duration::from_millis(2);
/// Sound comes every 20 ms: with it leaves what waits.
const LONGEST: Duration = Duration::from_millis(20);
/// How fast the wait grows and shrinks, for each share above or below `PRESSED`, five times a second: fast up, since a bell brings
/// hundreds within a second.
const HASTE: (f64, f64) = (6.0, 1.0);

/// See the module.
#[derive(Debug, Default)]
pub struct Patience {
    wait: Option<Duration>,
}

impl Patience {
    /// Notes which share of its time the worker needs, five times a second.
    pub fn note_busy(&mut self, share: f64) {
        let over = share - PRESSED;
        let haste = if over > 0.0 { HASTE.0 } else { HASTE.1 };
        self.wait = match self.wait {
            None => (over > 0.0).then_some(SHORTEST),
            Some(wait) => {
                let wait = wait.mul_f64((1.0 + haste * over).max(0.0)).min(LONGEST);
                (wait >= SHORTEST).then_some(wait)
            }
        };
    }

    /// How much is spent of what can be saved so; 1: pictures wait for as long as they may.
    pub fn spent(&self) -> f64 {
        self.wait.unwrap_or_default().div_duration_f64(LONGEST)
    }

    /// How long pictures wait at most; `None`: they leave when they come.
    pub fn wait(&self) -> Option<Duration> {
        self.wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pressed_worker_lets_pictures_wait_and_is_as_before_when_it_has_time() {
        let mut patience = Patience::default();
        let mut after = |share: f64, seconds: usize| {
            (0..seconds * 5).for_each(|_| patience.note_busy(share));
            patience.wait()
        };
        assert_eq!(after(0.74, 10), None);
        let wait = after(0.85, 1).expect("it is pressed");
        assert!(wait > SHORTEST * 2 && wait < LONGEST, "{wait:?}");
        assert_eq!(after(0.85, 1), Some(LONGEST), "before it is full by its mean");
        assert_eq!(after(0.75, 10), Some(LONGEST), "as long as that is needed");
        let wait = after(0.7, 3).expect("it is pressed");
        assert!(wait < LONGEST / 2 + SHORTEST, "{wait:?}");
        assert_eq!(after(0.6, 10), None);
        assert_eq!(after(0.9, 9), Some(LONGEST));
        assert_eq!((patience.spent(), Patience::default().spent()), (1.0, 0.0));
    }
}
