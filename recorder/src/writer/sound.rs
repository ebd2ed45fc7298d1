//! The writer's sound side: follows lesson time in whole frames.

use super::{
    FRAGMENT_SAMPLES, FRAGMENT_US, HOLE_SILENCE_US, HOLE_SOUND_US, LEAVE_OUT_EVERY, PART_US, SOUND_TOLERANCE_US, Sink,
    Writer,
};
use crate::opus::OpusPacket;
use crate::part::OpenPart;
use crate::unit::Unit;

impl Writer {
    /// Takes in a sound packet whose time is `target` ticks by the clocks.
    pub(crate) fn sound(&mut self, unit: &Unit, opus: &OpusPacket, target: i64, sink: &mut Sink<'_>) {
        let Ok(wanted) = u64::try_from(target) else {
            sink.dropped.malformed += 1;
            return;
        };
        let duration = i64::from(opus.duration);
        let tolerance = self.ticks(SOUND_TOLERANCE_US).max(duration);
        let hole = self.ticks(if self.silent { HOLE_SILENCE_US } else { HOLE_SOUND_US });
        self.silent = opus.silent;
        self.since_left_out = self.since_left_out.saturating_add(1);
        let mut at = match self.end {
            Some(end) if self.epoch.is_some() => end,
            // The first packet since the start; what was on disk before it may reach further than its time.
            end => {
                let at = wanted.max(end.unwrap_or(0));
                if let Some(end) = end.filter(|&end| at > end) {
                    self.report_gap(end, at, sink);
                }
                at
            }
        };
        let off = target - at as i64;
        if off > hole {
            self.flush(sink);
            self.report_gap(at, wanted, sink);
            at = wanted;
        } else if off >= tolerance {
            let filler = Unit { data: opus.concealment.to_vec(), parameters: unit.parameters.clone(), ..*unit };
            for _ in 0..off / i64::from(opus.frame) {
                self.append_sound(&filler, at, opus.frame, sink);
                at += u64::from(opus.frame);
                sink.dropped.concealed += 1;
            }
        } else if off <= -tolerance && self.since_left_out >= LEAVE_OUT_EVERY {
            self.since_left_out = 0;
            sink.dropped.concealed += 1;
            return;
        }
        self.append_sound(unit, at, opus.duration, sink);
    }

    /// Notes the loudness of the sound packet just taken in.
    pub(crate) fn level(&mut self, level: u8) {
        if let Some(last) = self.pending.samples.last() {
            self.levels.note(last.at, level, self.rate);
        }
    }

    fn append_sound(&mut self, unit: &Unit, at: u64, duration: u32, sink: &mut Sink<'_>) {
        let full = self.pending.samples.first().is_some_and(|first| {
            at.saturating_sub(first.at) >= self.ticks(FRAGMENT_US) as u64
                || self.pending.samples.len() >= FRAGMENT_SAMPLES
        });
        if full {
            self.flush(sink);
        }
        if self.pending.samples.is_empty() {
            if let Some(parameters) = &unit.parameters
                && !self.enter_epoch(parameters, sink)
            {
                return;
            }
            let start = self.part.as_ref().and_then(OpenPart::start);
            let full = self.part.as_ref().is_some_and(OpenPart::full);
            if full || start.is_some_and(|start| at.saturating_sub(start) >= self.ticks(PART_US) as u64) {
                self.close_part(false, sink);
            }
            if self.part.is_none() {
                self.levels.begin(at);
            }
        }
        self.append(unit, at, duration);
        self.end = Some(at + u64::from(duration));
    }
}
