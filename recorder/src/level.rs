//! Loudness along a part, for waveforms and who-spoke: RFC 6464 levels at 10 Hz, no decoding.

/// Levels a second.
const PER_SECOND: i64 = 10;
/// A part holds 60 s, or at most 180 s; beyond that nothing is noted.
const MOST: usize = 2048;
/// RFC 6464 section 3: 127 is silence; also "nothing known".
const SILENT: u8 = 127;

/// The loudest level of each 100 ms since the part's start.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    start: u64,
    loudest: Vec<u8>,
}

impl Levels {
    /// A part begins at `at` ticks.
    pub(crate) fn begin(&mut self, at: u64) {
        self.start = at;
        self.loudest.clear();
    }

    /// A packet at `at` ticks had this level.
    pub(crate) fn note(&mut self, at: u64, level: u8, rate: i64) {
        let slot = (at.saturating_sub(self.start) as i64 * PER_SECOND / rate.max(1)) as usize;
        if slot >= MOST {
            return;
        }
        if self.loudest.len() <= slot {
            self.loudest.resize(slot + 1, SILENT);
        }
        if let Some(loudest) = self.loudest.get_mut(slot) {
            *loudest = (level & 0x7f).min(*loudest);
        }
    }

    /// The levels in hex, and none from here on.
    pub(crate) fn take(&mut self) -> String {
        self.loudest.drain(..).map(|level| format!("{level:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loudest_of_each_tenth_second_is_kept() {
        let mut levels = Levels::default();
        levels.begin(48_000);
        levels.note(48_000, 30, 48_000);
        levels.note(48_960, 20, 48_000);
        levels.note(48_000 + 9600, 127, 48_000);
        assert_eq!(levels.take(), "147f7f");
    }
}
