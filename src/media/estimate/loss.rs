//! Is what gets lost the line's nature, or our doing?

use std::time::Duration;

use super::Fate;

/// Loss is judged over this time, and over as many packets at least.
const WINDOW: Duration = Duration::from_millis(800);
const PACKETS: u32 = 20;
/// So much more than the line loses anyway is congestion; and more than so many standard deviations of chance.
const EXCESS: f64 = 0.05;
const DEVIATIONS: f64 = 3.0;
/// Loss that falls less than this share of what the rate fell is the line's own.
const OWN: f64 = 0.5;
/// The rate is lowered this far before loss is called the line's own.
const TRIED: f64 = 0.7;
/// What the line loses anyway follows what is seen: soon to the better, slowly to the worse, which is found by trying.
const BETTER: f64 = 0.4;
const WORSE: f64 = 0.1;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Loss {
    since: Option<Duration>,
    came: u32,
    lost: u32,
    share: f64,
    /// What the line loses at any rate.
    floor: f64,
    /// The rate and loss at which lowering began.
    trial: Option<(f64, f64)>,
}

impl Loss {
    /// The share lost in the last window.
    pub(super) fn share(&self) -> f64 {
        self.share
    }

    /// Takes a feedback; gives the rate there should be, where loss has something to say about it.
    pub(super) fn feed(&mut self, now: Duration, fates: &[Fate], rate: f64) -> Option<f64> {
        for fate in fates {
            *(if fate.arrived.is_some() { &mut self.came } else { &mut self.lost }) += 1;
        }
        let since = *self.since.get_or_insert(now);
        let all = self.came + self.lost;
        if now.saturating_sub(since) < WINDOW || all < PACKETS {
            return None;
        }
        self.share = f64::from(self.lost) / f64::from(all);
        (self.since, self.came, self.lost) = (Some(now), 0, 0);
        let weight = if self.share < self.floor { BETTER } else { WORSE };
        self.floor += weight * (self.share - self.floor);
        self.judge(rate, f64::from(all))
    }

    fn judge(&mut self, rate: f64, packets: f64) -> Option<f64> {
        let excess = self.share - self.floor;
        let chance = DEVIATIONS * (self.floor * (1.0 - self.floor) / packets).sqrt();
        if excess < EXCESS.max(chance) {
            self.trial = None;
            return None;
        }
        let (began_at, began_with) = *self.trial.get_or_insert((rate, self.share));
        if rate <= began_at * TRIED {
            // Were it our doing, a rate lower by a quarter would lose a quarter less of everything.
            let expected = began_with * (1.0 - rate / began_at);
            if began_with - self.share < OWN * expected {
                self.floor = self.share;
                self.trial = None;
                return Some(began_at);
            }
        }
        Some(rate * (1.0 - 0.5 * excess.min(0.5)))
    }
}
