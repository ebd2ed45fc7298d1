//! One track: its RTP stream of the moment (window, clock, depacketiser) in front of its writer.

use std::path::Path;

use crate::clock::{Observed, SessionClock, StreamClock};
use crate::cmaf::Parameters;
use crate::fact::Fact;
use crate::h264::H264;
use crate::opus::opus_packet;
use crate::order::{Media, TrackKey};
use crate::reorder::{Verdict, Window};
use crate::rtp::{RtpHeader, rtp_header};
use crate::unit::Unit;
use crate::vp9::Vp9;
use crate::writer::{Resume, Sink, Writer};

/// Key frames of a camera: what a viewer who seeks waits for, and the length of a playlist's segment.
const CAMERA_KEY_US: i64 = 4_000_000;
/// Key frames of slides are large and change nothing.
const SLIDES_KEY_US: i64 = 8_000_000;
/// While none comes, ask again: the media plane lets through one request per 500 ms and track.
const ASK_AGAIN_US: i64 = 500_000;
/// A publisher that has sent nothing for so long cannot answer.
const ABSENT_US: i64 = 2_000_000;

#[derive(Debug)]
enum Depacketiser {
    Opus(Parameters),
    H264(H264),
    Vp9(Vp9),
}

#[derive(Debug)]
struct Stream {
    session: u64,
    ssrc: u32,
    window: Window,
    clock: StreamClock,
}

/// One packet as the track takes it in.
pub(crate) struct Incoming<'a> {
    pub(crate) session: u64,
    pub(crate) slides: bool,
    pub(crate) arrival_us: i64,
    pub(crate) level: Option<u8>,
    pub(crate) bytes: &'a [u8],
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Track {
    key: TrackKey,
    pub(crate) media: Media,
    stream: Option<Stream>,
    depacketiser: Depacketiser,
    pub(crate) writer: Writer,
    key_every_us: i64,
    last_key_us: i64,
    asked_us: i64,
    last_packet_us: i64,
}

impl Track {
    pub(crate) fn new(key: TrackKey, folder: &Path, name: &str, media: Media, resume: Resume) -> Self {
        Track {
            key,
            media,
            stream: None,
            depacketiser: match media {
                Media::Opus { channels } => {
                    Depacketiser::Opus(Parameters::Opus { channels: if channels == 1 { 1 } else { 2 } })
                }
                Media::H264 => Depacketiser::H264(H264::default()),
                Media::Vp9 => Depacketiser::Vp9(Vp9::default()),
            },
            writer: Writer::new(folder, name, media, resume),
            key_every_us: CAMERA_KEY_US,
            last_key_us: i64::MIN / 2,
            asked_us: i64::MIN / 2,
            last_packet_us: i64::MIN / 2,
        }
    }

    /// Takes in one packet.
    pub(crate) fn packet(&mut self, incoming: &Incoming<'_>, clock: Option<&SessionClock>, sink: &mut Sink<'_>) {
        let Some(header) = rtp_header(incoming.bytes) else {
            sink.dropped.malformed += 1;
            return;
        };
        self.key_every_us = if incoming.slides { SLIDES_KEY_US } else { CAMERA_KEY_US };
        self.writer.set_slides(incoming.slides);
        self.last_packet_us = incoming.arrival_us;
        let offset_us = clock.and_then(SessionClock::offset_us);
        let same = |stream: &Stream| (stream.session, stream.ssrc) == (incoming.session, header.ssrc);
        if !self.stream.as_ref().is_some_and(same) {
            self.change_stream(incoming.session, header.ssrc, offset_us, sink);
        }
        let Some(stream) = &mut self.stream else {
            return;
        };
        let Incoming { arrival_us, level, bytes, .. } = *incoming;
        match stream.window.offer(header.sequence, arrival_us, level, bytes) {
            Verdict::Next => self.ordered(&header, bytes, arrival_us, level, offset_us, sink),
            Verdict::Restarted => {
                self.lose();
                self.ordered(&header, bytes, arrival_us, level, offset_us, sink);
            }
            Verdict::Held => {}
            Verdict::Useless => sink.dropped.late += 1,
        }
        self.release(arrival_us, offset_us, sink);
        self.ask_for_key(arrival_us, sink);
    }

    /// Takes in a sender report of the stream.
    pub(crate) fn report(&mut self, session: u64, ssrc: u32, ntp: u64, rtp: u32) {
        if let Some(stream) = &mut self.stream
            && (stream.session, stream.ssrc) == (session, ssrc)
        {
            stream.clock.report(ntp, rtp);
        }
    }

    /// The session whose clock anchors the stream.
    pub(crate) fn session(&self) -> Option<u64> {
        self.stream.as_ref().map(|stream| stream.session)
    }

    /// Gives up holes that have waited long enough and writes what is due.
    pub(crate) fn tick(&mut self, now_us: i64, clock: Option<&SessionClock>, sink: &mut Sink<'_>) {
        self.release(now_us, clock.and_then(SessionClock::offset_us), sink);
        self.writer.tick(now_us, sink);
        if now_us - self.last_packet_us < ABSENT_US {
            self.ask_for_key(now_us, sink);
        }
    }

    /// Writes everything and closes the part.
    pub(crate) fn finish(&mut self, clock: Option<&SessionClock>, sink: &mut Sink<'_>) {
        self.end_stream(clock.and_then(SessionClock::offset_us), sink);
        self.writer.finish(sink);
    }

    fn change_stream(&mut self, session: u64, ssrc: u32, offset_us: Option<i64>, sink: &mut Sink<'_>) {
        self.end_stream(offset_us, sink);
        self.lose();
        self.writer.unanchor();
        let clock = StreamClock::new(self.media.timescale());
        self.stream = Some(Stream { session, ssrc, window: Window::default(), clock });
    }

    /// Uses what the old stream still holds.
    fn end_stream(&mut self, offset_us: Option<i64>, sink: &mut Sink<'_>) {
        while let Some(held) = self.stream.as_mut().and_then(|stream| stream.window.drain()) {
            self.held(&held, offset_us, sink);
        }
        match &mut self.depacketiser {
            Depacketiser::Opus(_) => {}
            Depacketiser::H264(h264) => h264.finish(),
            Depacketiser::Vp9(vp9) => vp9.finish(),
        }
        self.take_units(offset_us, sink);
    }

    fn release(&mut self, now_us: i64, offset_us: Option<i64>, sink: &mut Sink<'_>) {
        while let Some(held) = self.stream.as_mut().and_then(|stream| stream.window.pop(now_us)) {
            self.held(&held, offset_us, sink);
            if let Some(stream) = &mut self.stream {
                stream.window.recycle(held);
            }
        }
    }

    fn held(&mut self, held: &crate::reorder::Held, offset_us: Option<i64>, sink: &mut Sink<'_>) {
        if held.lost > 0 {
            sink.dropped.lost += held.lost;
            self.lose();
        }
        // It was read once before it was held.
        if let Some(header) = rtp_header(&held.bytes) {
            self.ordered(&header, &held.bytes, held.arrival_us, held.level, offset_us, sink);
        }
    }

    fn lose(&mut self) {
        match &mut self.depacketiser {
            Depacketiser::Opus(_) => {}
            Depacketiser::H264(h264) => h264.lose(),
            Depacketiser::Vp9(vp9) => vp9.lose(),
        }
        self.writer.lose();
    }

    /// A packet in its order.
    fn ordered(
        &mut self,
        header: &RtpHeader,
        bytes: &[u8],
        arrival_us: i64,
        level: Option<u8>,
        offset_us: Option<i64>,
        sink: &mut Sink<'_>,
    ) {
        let Some(payload) = bytes.get(header.payload.clone()).filter(|payload| !payload.is_empty()) else {
            return;
        };
        let Some(stream) = &mut self.stream else {
            return;
        };
        let time = match stream.clock.observe(header.timestamp, arrival_us) {
            Observed::Time(time) => time,
            Observed::Jumped(time) => {
                self.writer.unanchor();
                time
            }
        };
        match &mut self.depacketiser {
            Depacketiser::Opus(parameters) => {
                let Some(opus) = opus_packet(payload) else {
                    sink.dropped.malformed += 1;
                    return;
                };
                let parameters = Some(parameters.clone());
                let unit = Unit { data: payload.to_vec(), key: true, time, arrival_us, parameters };
                let target = stream.clock.lesson_ticks(time, offset_us);
                self.writer.sound(&unit, &opus, target, sink);
                if let Some(level) = level {
                    self.writer.level(level);
                }
                return;
            }
            Depacketiser::H264(h264) => h264.push(payload, header.marker, time, arrival_us),
            Depacketiser::Vp9(vp9) => vp9.push(payload, header.marker, time, arrival_us),
        }
        self.take_units(offset_us, sink);
    }

    /// Hands finished pictures to the writer.
    fn take_units(&mut self, offset_us: Option<i64>, sink: &mut Sink<'_>) {
        let Some(stream) = &self.stream else { return };
        loop {
            let (unit, broken) = match &mut self.depacketiser {
                Depacketiser::Opus(_) => return,
                Depacketiser::H264(h264) => (h264.pop(), h264.take_broken()),
                Depacketiser::Vp9(vp9) => (vp9.pop(), vp9.take_broken()),
            };
            if broken > 0 {
                sink.dropped.frames += broken;
                self.writer.lose();
            }
            let Some(unit) = unit else { return };
            if unit.key {
                self.last_key_us = unit.arrival_us;
            }
            self.writer.picture(&unit, stream.clock.lesson_ticks(unit.time, offset_us), sink);
            match &mut self.depacketiser {
                Depacketiser::Opus(_) => {}
                Depacketiser::H264(h264) => h264.recycle(unit.data),
                Depacketiser::Vp9(vp9) => vp9.recycle(unit.data),
            }
        }
    }

    fn ask_for_key(&mut self, now_us: i64, sink: &mut Sink<'_>) {
        let due = self.writer.waiting() || now_us - self.last_key_us >= self.key_every_us;
        if self.media.is_video() && due && now_us - self.asked_us >= ASK_AGAIN_US {
            self.asked_us = now_us;
            (sink.facts)(Fact::KeyFrameWanted { recording: sink.recording, track: self.key });
        }
    }
}

#[cfg(test)]
mod tests;
