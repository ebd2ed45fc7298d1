//! Loudness along a part, for waveforms and who-spoke: RFC 6464 levels at 10 Hz, no decoding.

/// Levels a second.
const PER_SECOND: i64 = 10;
/// A part holds 60 s, or at most 180 s; beyond that nothing is noted.
const MOST: usize = 2048;
/// RFC 6464 section 3: 127 is silence; also "nothing known".
const SILENT: u8 = 127;

/// The loudest level of each 100 ms since the part's start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Levels {
    start: u64,
    loudest: Vec<u8>,
    /// First slot noted since the last fragment.
    fresh: Option<usize>,
}

impl Levels {
    /// A part begins at `at` ticks.
    pub(crate) fn begin(&mut self, at: u64) {
        self.start = at;
        self.loudest.clear();
        self.fresh = None;
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
        self.fresh = Some(self.fresh.map_or(slot, |fresh| fresh.min(slot)));
    }

    /// Appends what was noted since the last fragment to `out`: first slot, then levels. A fragment carries its
    /// levels, so that they survive a crash.
    pub(crate) fn write_fresh(&mut self, out: &mut Vec<u8>) {
        let Some(first) = self.fresh.take() else {
            return;
        };
        out.extend_from_slice(&(first as u16).to_be_bytes());
        out.extend_from_slice(self.loudest.get(first..).unwrap_or_default());
    }

    /// Takes in what [`Levels::write_fresh`] wrote.
    pub(crate) fn read(&mut self, fresh: &[u8]) {
        let Some((&first, levels)) = fresh.split_first_chunk() else {
            return;
        };
        let first = usize::from(u16::from_be_bytes(first));
        if first >= MOST {
            return;
        }
        let end = (first + levels.len()).min(MOST);
        if self.loudest.len() < end {
            self.loudest.resize(end, SILENT);
        }
        for (loudest, level) in self.loudest.iter_mut().skip(first).zip(levels) {
            *loudest = (level & 0x7f).min(*loudest);
        }
    }

    /// The levels in hex, and none from here on.
    pub(crate) fn take(&mut self) -> String {
        self.fresh = None;
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

    #[test]
    fn fragments_carry_the_levels_of_a_part() {
        let (mut levels, mut read) = (Levels::default(), Levels::default());
        levels.begin(0);
        for (at, level) in [(0, 50), (4800, 40), (7200, 30), (9000, 20), (30_000, 10)] {
            levels.note(at, level, 48_000);
            let mut carried = Vec::new();
            levels.write_fresh(&mut carried);
            read.read(&carried);
        }
        read.read(&[0xff, 0xff, 1]);
        read.read(&[7]);
        assert_eq!(read.take(), levels.take());
    }
}
