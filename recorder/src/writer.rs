//! The track writer: access units with a place in lesson time become samples, fragments, parts and epochs.
//!
//! - A **fragment** begins at each key frame or after [`FRAGMENT`]; it is written when the next one begins, or
//!   by [`Writer::tick`] when nothing more comes.
//! - A video sample lasts until the next one, so the newest is held back. Its time is RTP time within a
//!   fragment and anchored anew at each fragment. A picture stays for up to [`HOLE_VIDEO_US`].
//! - A sound sample lasts what its Opus packet says. Players play sound frame by frame and do not stretch it,
//!   so lesson time is followed in whole frames: an empty frame (the decoder conceals it) fills a small hole,
//!   a packet is left out where the sender's clock runs fast.
//! - A longer hole ends the **run**: it is reported as a gap, and video goes on with a key frame only.

use std::path::{Path, PathBuf};

use crate::clock::{ticks_to_ms, us_to_ticks};
use crate::cmaf::{Init, Parameters, PartHeader, Sample, init_segment};
use crate::error::Error;
use crate::fact::{Dropped, Fact};
use crate::files::{init_name, write_durably};
use crate::index::PartIndex;
use crate::level::Levels;
use crate::live::LiveBoard;
use crate::opus::OpusPacket;
use crate::order::{Media, RecordingKey};
use crate::part::{OpenPart, part_index};
use crate::unit::Unit;

/// What a killed process may lose.
const FRAGMENT_US: i64 = 1_000_000;
/// Bytes of a fragment at most (8 s of 8 Mbit/s): reached only by a flood.
const FRAGMENT_BYTES: usize = 8 << 20;
/// Samples of a fragment at most: 2.5 ms sound frames come 400 a second.
const FRAGMENT_SAMPLES: usize = 1000;
/// A part closes at the first key frame after this: a minute, less what jitter takes from fifteen key frames.
const PART_US: i64 = 59_500_000;
/// A publisher that sends no key frame for so long gets its part closed and a hole until it does.
const PART_LIMIT_US: i64 = 180_000_000;
/// A picture may stand still so long within a run: Chromium repeats a still screen every second.
const HOLE_VIDEO_US: i64 = 2_000_000;
/// Sound may be concealed so long within a run.
const HOLE_SOUND_US: i64 = 200_000;
/// Between two packets of an encoder that is silent on purpose (DTX sends one every 400 ms).
const HOLE_SILENCE_US: i64 = 1_000_000;
/// Sound may be off lesson time by one usual packet before it is corrected.
const SOUND_TOLERANCE_US: i64 = 20_000;
/// Where packets are left out, at most one in so many: speech stays intelligible.
const LEAVE_OUT_EVERY: u32 = 5;
/// A picture that froze for longer than this because of a loss is reported as a gap.
const NOTED_US: i64 = 500_000;
/// Duration of a picture after which nothing came and before which nothing was: 1/30 s.
const NOMINAL_US: i64 = 33_333;

const _: () = assert!(HOLE_VIDEO_US < PART_US && PART_US < PART_LIMIT_US && FRAGMENT_US < HOLE_VIDEO_US);

/// Where the writer's facts, counts and live index go.
pub(crate) struct Sink<'a> {
    pub(crate) recording: RecordingKey,
    pub(crate) facts: &'a mut dyn FnMut(Fact),
    pub(crate) live: &'a LiveBoard,
    pub(crate) dropped: &'a mut Dropped,
}

#[derive(Debug)]
struct Epoch {
    number: u32,
    parameters: Parameters,
    init: Init,
}

#[derive(Debug, Default)]
struct Pending {
    samples: Vec<Sample>,
    data: Vec<u8>,
    first_arrival_us: i64,
    last_arrival_us: i64,
    /// RTP time and ticks at its beginning (video).
    anchor: Option<(i64, i64)>,
    last_time: i64,
}

/// The writer of one track. See the module.
#[derive(Debug)]
pub(crate) struct Writer {
    folder: PathBuf,
    name: String,
    rate: i64,
    video: bool,
    pending: Pending,
    part: Option<OpenPart>,
    next_part: u32,
    epoch: Option<Epoch>,
    next_epoch: u32,
    /// Where the last sample ends, written or pending, ticks; for the newest picture where it begins.
    end: Option<u64>,
    /// Nothing may be appended before a key frame.
    waiting: bool,
    /// What comes next begins a new run.
    run_over: bool,
    sequence: u32,
    /// The last sound packet was silent on purpose.
    silent: bool,
    since_left_out: u32,
    levels: Levels,
    scratch: Vec<u8>,
    /// The last write failed and was reported.
    failing: bool,
    /// A part could not be closed: the recording is not whole.
    pub(crate) torn: bool,
    pub(crate) parts_closed: u32,
}

/// What is on disk of a track when its writer begins.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resume {
    pub(crate) next_part: u32,
    pub(crate) next_epoch: u32,
    pub(crate) end: Option<u64>,
}

impl Writer {
    pub(crate) fn new(folder: &Path, name: &str, media: Media, resume: Resume) -> Self {
        Writer {
            folder: folder.to_owned(),
            name: name.to_owned(),
            rate: i64::from(media.timescale()),
            video: media.is_video(),
            pending: Pending::default(),
            part: None,
            next_part: resume.next_part,
            epoch: None,
            next_epoch: resume.next_epoch,
            end: resume.end,
            waiting: media.is_video(),
            run_over: true,
            sequence: 0,
            silent: false,
            since_left_out: 0,
            levels: Levels::default(),
            scratch: Vec::new(),
            failing: false,
            torn: false,
            parts_closed: resume.next_part,
        }
    }

    /// Video goes on with a key frame only.
    pub(crate) fn waiting(&self) -> bool {
        self.waiting
    }

    /// Pictures are missing: the next ones cannot be decoded before a key frame.
    pub(crate) fn lose(&mut self) {
        self.waiting = self.video;
    }

    /// The RTP clock was anchored anew: RTP times no longer compare with those before.
    pub(crate) fn unanchor(&mut self) {
        self.pending.anchor = None;
    }

    fn ticks(&self, us: i64) -> i64 {
        us_to_ticks(us, self.rate)
    }

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
            if at - last_at > us_to_ticks(HOLE_VIDEO_US, self.rate) as u64 {
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
        if age >= self.ticks(PART_LIMIT_US) as u64 || (unit.key && age >= self.ticks(PART_US) as u64) {
            self.close_part(sink);
        }
        unit.key || self.part.is_some()
    }

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
            if start.is_some_and(|start| at.saturating_sub(start) >= self.ticks(PART_US) as u64) {
                self.close_part(sink);
            }
            if self.part.is_none() {
                self.levels.begin(at);
            }
        }
        self.append(unit, at, duration);
        self.end = Some(at + u64::from(duration));
    }

    fn append(&mut self, unit: &Unit, at: u64, duration: u32) {
        if self.pending.samples.is_empty() {
            self.pending.first_arrival_us = unit.arrival_us;
        }
        self.pending.last_arrival_us = unit.arrival_us;
        // Units are bounded far below 4 GiB.
        let size = unit.data.len() as u32;
        self.pending.samples.push(Sample { at, duration, size, key: unit.key });
        self.pending.data.extend_from_slice(&unit.data);
    }

    /// Writes what has waited long enough.
    pub(crate) fn tick(&mut self, now_us: i64, sink: &mut Sink<'_>) {
        if self.pending.samples.is_empty() {
            return;
        }
        let old = now_us - self.pending.first_arrival_us >= FRAGMENT_US;
        if !self.video {
            if old {
                self.flush(sink);
            }
        } else if now_us - self.pending.last_arrival_us >= HOLE_VIDEO_US {
            self.end_run(sink);
            self.waiting = true;
        } else if old && self.pending.samples.len() > 1 {
            self.flush_all_but_newest(sink);
        }
    }

    /// Makes what is written survive a power cut.
    pub(crate) fn sync(&mut self, sink: &mut Sink<'_>) {
        if let Some(Err(error)) = self.part.as_mut().map(OpenPart::sync) {
            self.report_failure(&error, sink);
        }
    }

    /// Writes everything and closes the part.
    pub(crate) fn finish(&mut self, sink: &mut Sink<'_>) {
        self.end_run(sink);
        self.waiting = self.video;
        self.close_part(sink);
    }

    /// Writes everything pending; the newest picture lasts as long as the one before it.
    fn end_run(&mut self, sink: &mut Sink<'_>) {
        self.run_over = true;
        if self.video {
            let nominal = us_to_ticks(NOMINAL_US, self.rate) as u32;
            if let [.., before, last] = &mut self.pending.samples[..] {
                last.duration = before.duration.clamp(1, nominal * 3);
            } else if let [last] = &mut self.pending.samples[..] {
                last.duration = nominal;
            }
            if let Some(last) = self.pending.samples.last() {
                self.end = Some(last.at + u64::from(last.duration));
            }
        }
        self.flush(sink);
    }

    fn flush_all_but_newest(&mut self, sink: &mut Sink<'_>) {
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

    /// Writes the pending samples as one fragment; false if they are lost.
    fn flush(&mut self, sink: &mut Sink<'_>) -> bool {
        if self.pending.samples.is_empty() {
            return true;
        }
        let written = self.write(sink);
        let start = self.pending.samples.first().map(|sample| sample.at);
        self.pending.samples.clear();
        self.pending.data.clear();
        if let Err(error) = written {
            sink.dropped.fragments += 1;
            self.report_failure(&error, sink);
            self.waiting = self.video;
            self.run_over = true;
            self.end = start;
            return false;
        }
        self.failing = false;
        true
    }

    fn write(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        let Some(epoch) = &self.epoch else {
            return Err(Error::Box { what: "fragment", why: "it has no epoch".into() });
        };
        let header = |number| PartHeader {
            number,
            epoch: epoch.number,
            timescale: self.rate as u32,
            codec: epoch.init.codec.clone(),
            width: epoch.init.width,
            height: epoch.init.height,
        };
        if self.part.is_none() {
            self.part = Some(OpenPart::new(&self.folder, header(self.next_part)));
            self.next_part += 1;
        }
        let Some(part) = &mut self.part else {
            return Ok(());
        };
        self.sequence = self.sequence.wrapping_add(1);
        let fragment = part.append(self.sequence, &self.pending.samples, &self.pending.data, &mut self.scratch)?;
        let number = part.number();
        sink.live.append(sink.recording, &self.name, fragment, || -> PartIndex {
            part_index(header(number), Vec::new(), String::new())
        });
        Ok(())
    }

    /// Changes to the epoch of `parameters`; false if they cannot be written.
    fn enter_epoch(&mut self, parameters: &Parameters, sink: &mut Sink<'_>) -> bool {
        if self.epoch.as_ref().is_some_and(|epoch| epoch.parameters == *parameters) {
            return true;
        }
        let init = match init_segment(parameters) {
            Ok(init) => init,
            Err(error) => {
                // A publisher's fault, not ours: counted with its packets.
                tracing::debug!(track = %self.name, %error, "parameter sets cannot be read");
                sink.dropped.malformed += 1;
                return false;
            }
        };
        self.close_part(sink);
        let path = self.folder.join(init_name(self.next_epoch));
        if let Err(error) = write_durably(&path, &init.bytes) {
            self.report_failure(&error, sink);
            return false;
        }
        self.epoch = Some(Epoch { number: self.next_epoch, parameters: parameters.clone(), init });
        self.next_epoch += 1;
        true
    }

    fn close_part(&mut self, sink: &mut Sink<'_>) {
        let Some(part) = self.part.take() else { return };
        match part.close(sink.recording, &self.name, self.levels.take()) {
            Ok(Some(fact)) => {
                self.parts_closed += 1;
                (sink.facts)(Fact::PartClosed(fact));
            }
            Ok(None) => {}
            Err(error) => {
                // The file stays `.open`: recovery closes it at the next start.
                self.torn = true;
                self.report_failure(&error, sink);
            }
        }
        sink.live.close(sink.recording, &self.name);
    }

    fn report_gap(&self, from: u64, to: u64, sink: &mut Sink<'_>) {
        let ms = |ticks| ticks_to_ms(ticks, self.rate as u32);
        let (name, recording) = (self.name.clone(), sink.recording);
        (sink.facts)(Fact::Gap { recording, name, from_ms: ms(from), to_ms: ms(to) });
    }

    fn report_failure(&mut self, error: &Error, sink: &mut Sink<'_>) {
        if !self.failing {
            self.failing = true;
            (sink.facts)(Fact::Failed { recording: sink.recording, why: error.to_string() });
        }
    }
}
