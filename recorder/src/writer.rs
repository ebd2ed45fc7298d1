//! The track writer: access units with a place in lesson time become samples, fragments, parts and epochs.
//!
//! - A **fragment** begins at each key frame or after a bound just under a second; it is written when the next one begins, or
//!   by [`Writer::tick`] when nothing more comes.
//! - A video sample lasts until the next one, so the newest is held back. Its time is RTP time within a
//!   fragment and anchored anew at each fragment. A picture stays for up to [`HOLE_VIDEO_US`].
//! - A sound sample lasts what its Opus packet says. Players play sound frame by frame and do not stretch it,
//!   so lesson time is followed in whole frames: an empty frame (the decoder conceals it) fills a small hole,
//!   a packet is left out where the sender's clock runs fast.
//! - A longer hole ends the **run**: it is reported as a gap, and video goes on with a key frame only.

mod picture;
mod sound;

use std::path::{Path, PathBuf};

use crate::clock::{ticks_to_ms, us_to_ticks};
use crate::cmaf::{Init, Parameters, PartHeader, Sample, init_segment};
use crate::error::Error;
use crate::fact::{Dropped, Fact};
use crate::files::{init_name, write_durably};
use crate::index::PartIndex;
use crate::level::Levels;
use crate::live::LiveBoard;
use crate::order::{Media, RecordingKey};
use crate::part::{OpenPart, SyncJob, part_index};
use crate::unit::Unit;

/// A killed process may lose a second: a fragment, and the sample whose coming would have ended it.
const FRAGMENT_US: i64 = 900_000;
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
/// A track that has sent nothing for so long (more than any hole a run may have) gets its part closed.
const IDLE_US: i64 = 10_000_000;
/// Slides stand still by nature, and not every encoder repeats them; what is lost by holding one back is a
/// picture that the key frame after it shows again.
const HOLE_SLIDES_US: i64 = 5_000_000;
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
    /// How long a picture may stand.
    hole_us: i64,
    sequence: u32,
    /// The last sound packet was silent on purpose.
    silent: bool,
    since_left_out: u32,
    levels: Levels,
    fresh_levels: Vec<u8>,
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
            hole_us: HOLE_VIDEO_US,
            sequence: 0,
            silent: false,
            since_left_out: 0,
            levels: Levels::default(),
            fresh_levels: Vec::new(),
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

    /// Slides may stand longer than a camera's pictures.
    pub(crate) fn set_slides(&mut self, slides: bool) {
        self.hole_us = if slides { HOLE_SLIDES_US } else { HOLE_VIDEO_US };
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
            if self.part.is_some() && now_us - self.pending.last_arrival_us >= IDLE_US {
                self.close_part(true, sink);
            }
            return;
        }
        let old = now_us - self.pending.first_arrival_us >= FRAGMENT_US;
        if !self.video {
            if old {
                self.flush(sink);
            }
        } else if now_us - self.pending.last_arrival_us >= self.hole_us {
            self.end_run(sink);
            self.waiting = true;
        } else if old && self.pending.samples.len() > 1 {
            self.flush_all_but_newest(sink);
        }
    }

    /// What has to be synced of the growing part.
    pub(crate) fn sync_job(&mut self) -> Option<SyncJob> {
        self.part.as_mut().and_then(OpenPart::sync_job)
    }

    /// Writes everything and closes the part.
    pub(crate) fn finish(&mut self, sink: &mut Sink<'_>) {
        self.end_run(sink);
        self.waiting = self.video;
        self.close_part(true, sink);
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
        self.fresh_levels.clear();
        self.levels.write_fresh(&mut self.fresh_levels);
        let fragment = part.append(
            self.sequence,
            &self.pending.samples,
            &self.pending.data,
            &self.fresh_levels,
            &mut self.scratch,
        )?;
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
        self.close_part(false, sink);
        let path = self.folder.join(init_name(self.next_epoch));
        if let Err(error) = write_durably(&path, &init.bytes) {
            self.report_failure(&error, sink);
            return false;
        }
        self.epoch = Some(Epoch { number: self.next_epoch, parameters: parameters.clone(), init });
        self.next_epoch += 1;
        true
    }

    /// Closes the part; `idle` if the run has ended with it.
    fn close_part(&mut self, idle: bool, sink: &mut Sink<'_>) {
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
        sink.live.close(sink.recording, &self.name, idle);
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
