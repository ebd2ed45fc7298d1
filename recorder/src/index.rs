//! The fragment index of a part: what the database keeps and playlists are made of.

use serde::{Deserialize, Serialize};

use crate::clock::ticks_to_ms;

/// A part's place in time and the places of its fragments. `index_json` of [`crate::PartFact`] is this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartIndex {
    /// Number of the part within its track.
    pub number: u32,
    /// The init segment it needs.
    pub epoch: u32,
    /// Ticks per second.
    pub timescale: u32,
    /// RFC 6381 codec string; `Opus` with a capital O, as Safari wants it.
    pub codec: String,
    /// Pixels, 0 for sound.
    pub width: u16,
    /// Pixels, 0 for sound.
    pub height: u16,
    /// The fragments in order.
    pub fragments: Vec<FragmentIndex>,
    /// Loudness (RFC 6464), two hex digits for each 100 ms from the part's first fragment on: 00 loudest,
    /// 7f silent or unknown. Empty for video.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub levels: String,
}

impl PartIndex {
    /// Lesson time of the first sample, ticks.
    pub fn start(&self) -> u64 {
        self.fragments.first().map_or(0, |fragment| fragment.start)
    }

    /// Lesson time of the end of the last sample, ticks.
    pub fn end(&self) -> u64 {
        self.fragments.last().map_or(0, FragmentIndex::end)
    }

    /// Lesson time of the first sample, ms.
    pub fn start_ms(&self) -> i64 {
        ticks_to_ms(self.start(), self.timescale)
    }

    /// From the first sample to the end of the last, holes included, ms.
    pub fn duration_ms(&self) -> i64 {
        ticks_to_ms(self.end(), self.timescale) - self.start_ms()
    }
}

/// One `moof` and `mdat`. In JSON an array of five numbers, because a lesson has thousands of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u32, u64, u32, u8)", into = "(u64, u32, u64, u32, u8)")]
pub struct FragmentIndex {
    /// Lesson time of its first sample (`tfdt`), ticks.
    pub start: u64,
    /// Sum of its samples' durations, ticks.
    pub duration: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// Its size.
    pub bytes: u32,
    /// It begins with a key frame.
    pub key: bool,
}

impl FragmentIndex {
    /// Where the next gap-free fragment begins, ticks.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(u64::from(self.duration))
    }
}

impl From<(u64, u32, u64, u32, u8)> for FragmentIndex {
    fn from((start, duration, offset, bytes, key): (u64, u32, u64, u32, u8)) -> Self {
        FragmentIndex { start, duration, offset, bytes, key: key != 0 }
    }
}

impl From<FragmentIndex> for (u64, u32, u64, u32, u8) {
    fn from(f: FragmentIndex) -> Self {
        (f.start, f.duration, f.offset, f.bytes, u8::from(f.key))
    }
}
