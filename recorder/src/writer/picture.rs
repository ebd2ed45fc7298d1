//! The writer's video side: places pictures in time, begins fragments and runs with key frames.

use super::{
    FRAGMENT_BYTES, FRAGMENT_SAMPLES, FRAGMENT_US, NOMINAL_US, NOTED_US, PART_LIMIT_US, PART_US, Sink, Writer,
};
use crate::clock::us_to_ticks;
use crate::part::OpenPart;
use crate::unit::Unit;

impl Writer {
    /// Takes in a picture whose time is `target` ticks by the clocks.
    pub(crate) fn picture(&mut self, unit: &Unit, target: i64, sink: &mut Sink<'_>) {
        if self.waiting && !unit.key {
            sink.dropped.frames += 1;
            return;
        }
        let Some((at, begins)) = self.place_picture(unit, target) else {
            sink.dropped.malformed += 1;
            return;
        };
        if let Some(last) = self.pending.samples.last_mut() {
            let last_at = last.at;
            if at - last_at > us_to_ticks(self.hole_us, self.rate) as u64 {
                self.end_run(sink);
                if !unit.key {
                    self.waiting = true;
                    sink.dropped.frames += 1;
                    return;
                }
            } else {
                last.duration = (at - last_at) as u32;
                self.end = Some(at);
                if self.waiting && at - last_at > us_to_ticks(NOTED_US, self.rate) as u64 {
                    self.report_gap(last_at, at, sink);
                }
                if begins && !self.flush(sink) && !unit.key {
                    sink.dropped.frames += 1;
                    return;
                }
            }
        }
        if self.pending.samples.is_empty() && !self.ready_for(unit, at, sink) {
            self.waiting = true;
            self.run_over = true;
            sink.dropped.frames += 1;
            return;
        }
        self.waiting = false;
        self.run_over = false;
        if begins {
            self.pending.anchor = Some((unit.time, at as i64));
        }
        self.append(unit, at, 0);
        self.pending.last_time = unit.time;
        self.end = Some(at);
    }

    /// Ticks of a picture, and whether a fragment begins with it. `None` before lesson time 0.
    fn place_picture(&self, unit: &Unit, target: i64) -> Option<(u64, bool)> {
        let predicted = self.pending.anchor.map(|(time, at)| at + unit.time - time);
        let begins = match (self.pending.samples.first(), predicted) {
            (Some(first), Some(predicted)) => {
                unit.key
                    || predicted - first.at as i64 >= self.ticks(FRAGMENT_US)
                    || self.pending.data.len() >= FRAGMENT_BYTES
                    || self.pending.samples.len() >= FRAGMENT_SAMPLES
            }
            _ => true,
        };
        let wanted = predicted.filter(|_| !begins).unwrap_or(target);
        if wanted < 0 {
            return None;
        }
        let wanted = wanted as u64;
        let at = match self.pending.samples.last() {
            // Anchoring anew may not turn time back; half the usual distance catches up soon enough.
            Some(last) => {
                let usual = (unit.time - self.pending.last_time).clamp(2, self.ticks(NOMINAL_US));
                wanted.max(last.at + usual as u64 / 2)
            }
            None => wanted.max(self.end.unwrap_or(0)),
        };
        Some((at, begins))
    }

    /// With nothing pending: epoch and part fit for a fragment that begins with `unit` at `at`.
    fn ready_for(&mut self, unit: &Unit, at: u64, sink: &mut Sink<'_>) -> bool {
        if let Some(end) = self.end.filter(|&end| at > end && self.run_over) {
            self.report_gap(end, at, sink);
        }
        if let Some(parameters) = &unit.parameters
            && !self.enter_epoch(parameters, sink)
        {
            return false;
        }
        let age = self.part.as_ref().and_then(OpenPart::start).map_or(0, |start| at.saturating_sub(start));
        if age >= self.ticks(PART_LIMIT_US) as u64
            || self.part.as_ref().is_some_and(OpenPart::full)
            || (unit.key && age >= self.ticks(PART_US) as u64)
        {
            self.close_part(false, sink);
        }
        unit.key || self.part.is_some()
    }

    pub(super) fn flush_all_but_newest(&mut self, sink: &mut Sink<'_>) {
        let Some(newest) = self.pending.samples.pop() else {
            return;
        };
        let split = self.pending.data.len().saturating_sub(newest.size as usize);
        let tail = self.pending.data.split_off(split);
        let arrival_us = self.pending.last_arrival_us;
        // The newest picture's time ends the one before it: its duration was set when it came.
        if !self.flush(sink) {
            // What depends on the fragment that is lost cannot be played.
            return;
        }
        self.pending.samples.push(newest);
        self.pending.data.extend_from_slice(&tail);
        self.pending.first_arrival_us = arrival_us;
    }
}
