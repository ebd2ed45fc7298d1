//! An access unit: one coded picture or one sound packet, as it goes into a sample.

use std::collections::VecDeque;

use crate::cmaf::Parameters;

/// Largest access unit: a key frame of a 4K screen at best quality stays below it; more is an attack.
pub(crate) const LARGEST_UNIT: usize = 4 << 20;

/// One access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The sample's bytes in the file's form (length-prefixed NAL units, VP9 frame or superframe, Opus packet).
    pub data: Vec<u8>,
    /// Decoding can begin here.
    pub key: bool,
    /// Unwrapped RTP time.
    pub time: i64,
    /// Arrival of its first packet, lesson µs.
    pub arrival_us: i64,
    /// The codec's parameters, on key frames.
    pub parameters: Option<Parameters>,
}

/// What the video depacketisers share: finished units, and the buffers they are made in.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    units: VecDeque<Unit>,
    spare: Vec<u8>,
    /// Units that were begun and could not be finished since last asked.
    broken: u64,
}

impl Ready {
    pub(crate) fn push(&mut self, unit: Unit) {
        self.units.push_back(unit);
    }

    pub(crate) fn pop(&mut self) -> Option<Unit> {
        self.units.pop_front()
    }

    /// An empty buffer for the next unit.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    pub(crate) fn recycle(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > self.spare.capacity() {
            buffer.clear();
            self.spare = buffer;
        }
    }

    pub(crate) fn count_broken(&mut self) {
        self.broken += 1;
    }

    pub(crate) fn take_broken(&mut self) -> u64 {
        std::mem::take(&mut self.broken)
    }
}
