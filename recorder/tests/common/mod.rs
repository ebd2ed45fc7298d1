//! What the tests of this crate share: clips made by ffmpeg, RTP packets made of them, a recorder to feed.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tongke_recorder::*;
use uuid::Uuid;

/// Wall time of lesson time 0 in all tests.
pub const STARTED_MS: i64 = 1_795_500_000_000;

/// Coded frames of one medium, each with the time from the one before in RTP ticks.
pub struct Clip {
    pub media: Media,
    pub frames: Vec<Vec<u8>>,
    pub ticks: u32,
}

/// Runs a program that must succeed; its standard output.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    assert_eq!(errors.trim(), "", "{program} {arguments:?} complains");
    String::from_utf8(output.stdout).unwrap()
}

fn ffmpeg(arguments: &str, out: &Path) -> Vec<u8> {
    let mut all: Vec<&str> = vec!["-v", "error", "-y"];
    all.extend(arguments.split_whitespace());
    all.push(out.to_str().unwrap());
    run("ffmpeg", &all);
    std::fs::read(out).unwrap()
}

/// H.264 baseline, a key frame every 4 s.
pub fn h264_clip(folder: &Path, size: &str, rate: u32, seconds: u32) -> Clip {
    let arguments = format!(
        "-f lavfi -i testsrc=size={size}:rate={rate} -t {seconds} -pix_fmt yuv420p -c:v libx264 -profile:v baseline \
         -preset ultrafast -g {} -keyint_min 1 -sc_threshold 0 -bsf:v h264_metadata=aud=insert -f h264",
        rate * 4
    );
    let bytes = ffmpeg(&arguments, &folder.join(format!("{size}-{rate}-{seconds}.h264")));
    // Access unit delimiters (NAL type 9) separate the frames.
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for nal in nals(&bytes) {
        if nal[0] & 0x1f == 9 {
            frames.push(Vec::new());
        } else {
            let frame = frames.last_mut().unwrap();
            frame.extend_from_slice(&(nal.len() as u32).to_be_bytes());
            frame.extend_from_slice(nal);
        }
    }
    assert_eq!(frames.len(), (rate * seconds) as usize);
    Clip { media: Media::H264, frames, ticks: 90_000 / rate }
}

/// NAL units of an Annex B stream.
fn nals(bytes: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = (0..bytes.len() - 3).filter(|&i| bytes[i..i + 3] == [0, 0, 1]).map(|i| i + 3).collect();
    let ends = starts.iter().skip(1).map(|start| start - 3).chain([bytes.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let nal = &bytes[start..end];
            &nal[..nal.len() - nal.iter().rev().take_while(|&&b| b == 0).count()]
        })
        .collect()
}

/// VP9 profile 0, a key frame every 4 s.
pub fn vp9_clip(folder: &Path, size: &str, rate: u32, seconds: u32) -> Clip {
    let arguments = format!(
        "-f lavfi -i testsrc=size={size}:rate={rate} -t {seconds} -pix_fmt yuv420p -c:v libvpx-vp9 -deadline realtime \
         -cpu-used 8 -lag-in-frames 0 -auto-alt-ref 0 -error-resilient 1 -b:v 400k -g {} -f ivf",
        rate * 4
    );
    let bytes = ffmpeg(&arguments, &folder.join(format!("{size}-{rate}-{seconds}.ivf")));
    let (mut frames, mut at) = (Vec::new(), 32);
    while at < bytes.len() {
        let size = u32::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
        frames.push(bytes[at + 12..at + 12 + size].to_vec());
        at += 12 + size;
    }
    Clip { media: Media::Vp9, frames, ticks: 90_000 / rate }
}

/// Opus, 20 ms packets of a 440 Hz tone.
pub fn opus_clip(folder: &Path, seconds: u32) -> Clip {
    let arguments = format!("-f lavfi -i sine=440:r=48000 -t {seconds} -ac 1 -c:a libopus -b:a 32k -f ogg");
    let bytes = ffmpeg(&arguments, &folder.join(format!("{seconds}.opus")));
    // RFC 3533: packets are runs of lacing values, a value below 255 ends one.
    let (mut packets, mut packet, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes.len() {
        let lacing = &bytes[at + 27..at + 27 + usize::from(bytes[at + 26])];
        at += 27 + lacing.len();
        for &value in lacing {
            packet.extend_from_slice(&bytes[at..at + usize::from(value)]);
            at += usize::from(value);
            if value < 255 {
                packets.push(std::mem::take(&mut packet));
            }
        }
    }
    // The first two packets are OpusHead and OpusTags.
    packets.drain(..2);
    Clip { media: Media::Opus { channels: 1 }, frames: packets, ticks: 960 }
}

/// One frame as RTP payloads with their markers.
pub fn payloads(media: Media, frame: &[u8]) -> Vec<Vec<u8>> {
    const MTU: usize = 1100;
    match media {
        Media::Opus { .. } => vec![frame.to_vec()],
        Media::Vp9 => {
            let key = frame[0] & 0x04 == 0;
            let chunks: Vec<&[u8]> = frame.chunks(MTU).collect();
            let last = chunks.len() - 1;
            let head = |i: usize| {
                0x80 | if key { 0 } else { 0x40 } | if i == 0 { 8 } else { 0 } | if i == last { 4 } else { 0 }
            };
            chunks.iter().enumerate().map(|(i, chunk)| [&[head(i), 0x81, 0x23][..], chunk].concat()).collect()
        }
        Media::H264 => {
            let (mut out, mut sets, mut rest) = (Vec::new(), vec![0x78], frame);
            while !rest.is_empty() {
                let size = u32::from_be_bytes(*rest.first_chunk().unwrap()) as usize;
                let nal = &rest[4..4 + size];
                rest = &rest[4 + size..];
                if matches!(nal[0] & 0x1f, 7 | 8) {
                    sets.extend_from_slice(&(nal.len() as u16).to_be_bytes());
                    sets.extend_from_slice(nal);
                    continue;
                }
                if sets.len() > 1 {
                    out.push(std::mem::replace(&mut sets, vec![0x78]));
                }
                if nal.len() <= MTU {
                    out.push(nal.to_vec());
                    continue;
                }
                let chunks: Vec<&[u8]> = nal[1..].chunks(MTU).collect();
                for (i, chunk) in chunks.iter().enumerate() {
                    let start = if i == 0 { 0x80 } else { 0 };
                    let end = if i + 1 == chunks.len() { 0x40 } else { 0 };
                    out.push([&[nal[0] & 0xe0 | 28, start | end | nal[0] & 0x1f][..], chunk].concat());
                }
            }
            out
        }
    }
}

/// An RTP packet.
pub fn rtp(sequence: u16, time: u32, ssrc: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, if marker { 0xe0 } else { 0x60 }];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&time.to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

/// A publisher's track: keeps sequence numbers and times.
#[derive(Clone)]
pub struct Publisher {
    pub track: TrackKey,
    pub session: u64,
    pub ssrc: u32,
    pub sequence: u16,
    pub time: u32,
}

impl Publisher {
    pub fn new(track: u128) -> Self {
        // Near the wrap of both counters, so that every test crosses it.
        Publisher { track: TrackKey(track), session: 1, ssrc: 7, sequence: 65_500, time: u32::MAX - 90_000 }
    }
}

/// A recorder, the facts it reports, and a clock of its own.
pub struct Studio {
    pub handle: RecorderHandle,
    pub root: PathBuf,
    pub recording: RecordingKey,
    pub base: Instant,
    facts: Receiver<Fact>,
    pub seen: Vec<Fact>,
}

impl Studio {
    /// Starts a recording under `root`, `at_ms` into the lesson.
    pub fn open(root: &Path, recording: RecordingKey, at_ms: i64) -> Studio {
        let (sender, facts) = channel();
        let handle = Recorder::spawn(Config::new(root), Box::new(move |fact| drop(sender.send(fact)))).unwrap();
        let base = now();
        let now_wall_ms = STARTED_MS + at_ms;
        handle.order(Order::Start { recording, started_wall_ms: STARTED_MS, now_wall_ms, now: base }).unwrap();
        Studio { handle, root: root.to_owned(), recording, base, facts, seen: Vec::new() }
    }

    pub fn new(root: &Path) -> Studio {
        Studio::open(root, RecordingKey(Uuid::new_v4()), 0)
    }

    /// Sends `frames` of a clip, the first one `at` after the start; `keep` says for each packet whether it arrives.
    pub fn send(
        &self,
        clip: &Clip,
        frames: std::ops::Range<usize>,
        at: Duration,
        publisher: &mut Publisher,
        mut keep: impl FnMut(usize, usize) -> bool,
    ) {
        let rate = clip.media.timescale();
        let mut batch = self.handle.spare().unwrap_or_default();
        let first = frames.start;
        for n in frames {
            let ticks = u64::from(clip.ticks) * (n - first) as u64;
            let arrival = self.base + at + Duration::from_micros(ticks * 1_000_000 / u64::from(rate));
            let payloads = payloads(clip.media, &clip.frames[n]);
            let count = payloads.len();
            for (i, payload) in payloads.iter().enumerate() {
                let marker = i + 1 == count && clip.media.is_video();
                let bytes = rtp(publisher.sequence, publisher.time, publisher.ssrc, marker, payload);
                publisher.sequence = publisher.sequence.wrapping_add(1);
                if keep(n, i) {
                    batch.push(self.packet(clip.media, publisher, arrival), &bytes);
                }
            }
            publisher.time = publisher.time.wrapping_add(clip.ticks);
            if batch.bytes.len() > 50_000 {
                self.handle.order(Order::Batch(std::mem::take(&mut batch))).unwrap();
                batch = self.handle.spare().unwrap_or_default();
            }
        }
        self.handle.order(Order::Batch(batch)).unwrap();
    }

    pub fn packet(&self, media: Media, publisher: &Publisher, arrival: Instant) -> PacketRef {
        PacketRef {
            recording: self.recording,
            track: publisher.track,
            media,
            slides: false,
            session: publisher.session,
            arrival,
            range: 0..0,
            audio_level: (!media.is_video()).then_some(30),
        }
    }

    /// Stops the recording and returns all facts.
    pub fn stop(mut self) -> Vec<Fact> {
        self.handle.order(Order::Stop { recording: self.recording, now: self.base }).unwrap();
        self.handle.shutdown();
        self.seen.extend(self.facts.try_iter());
        self.seen
    }

    /// Waits for a fact.
    pub fn wait(&mut self, found: impl Fn(&Fact) -> bool) -> Fact {
        loop {
            let fact = self.facts.recv_timeout(Duration::from_secs(20)).expect("the fact in time");
            self.seen.push(fact.clone());
            if found(&fact) {
                return fact;
            }
        }
    }

    /// Waits until everything sent so far is served.
    pub fn served(&mut self) {
        let other = RecordingKey(Uuid::nil());
        let nil = self.root.join(Uuid::nil().to_string());
        let start = |now_wall_ms| Order::Start { recording: other, started_wall_ms: 0, now_wall_ms, now: self.base };
        self.handle.order(start(0)).unwrap();
        self.handle.order(Order::Stop { recording: other, now: self.base }).unwrap();
        self.wait(|fact| matches!(fact, Fact::Finished { recording, .. } if *recording == other));
        std::fs::remove_dir_all(nil).unwrap();
    }
}

#[allow(clippy::disallowed_methods, reason = "a test's driver reads the clock once")]
pub fn now() -> Instant {
    Instant::now()
}

/// The parts among facts, by track and number.
pub fn parts(facts: &[Fact]) -> Vec<PartFact> {
    let mut parts: Vec<PartFact> =
        facts.iter().filter_map(|f| if let Fact::PartClosed(part) = f { Some(part.clone()) } else { None }).collect();
    parts.sort_by_key(|part| (part.name.clone(), part.number));
    parts
}

/// The indexes of parts.
pub fn indexes(parts: &[PartFact]) -> Vec<PartIndex> {
    parts.iter().map(|part| serde_json::from_str(&part.index_json).unwrap()).collect()
}

/// Init and parts of one epoch of a track as one file, the way a player sees them.
pub fn joined(root: &Path, parts: &[PartFact], epoch: u32) -> PathBuf {
    let folder = root.join(parts[0].recording.0.to_string()).join(&parts[0].name);
    let mut bytes = std::fs::read(folder.join(format!("init-{epoch}.mp4"))).unwrap();
    for part in parts.iter().filter(|part| part.epoch == epoch) {
        bytes.extend(std::fs::read(folder.join(format!("part-{}.m4s", part.number))).unwrap());
    }
    let path = root.join(format!("joined-{}-{epoch}.mp4", parts[0].name));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Decodes a file without an error; frames and seconds (first to end of last).
pub fn decode(path: &Path) -> (usize, f64) {
    let path = path.to_str().unwrap();
    run("ffmpeg", &["-v", "warning", "-xerror", "-i", path, "-f", "null", "-"]);
    let probe = run(
        "ffprobe",
        &["-v", "error", "-count_frames", "-show_entries", "frame=pts_time,duration_time", "-of", "csv=p=0", path],
    );
    let frames: Vec<(f64, f64)> = probe
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let mut fields = line.split(',').map(|field| field.parse().unwrap_or(0.0));
            (fields.next().unwrap(), fields.next().unwrap_or(0.0))
        })
        .collect();
    let (first, last) = (frames[0], frames[frames.len() - 1]);
    (frames.len(), last.0 + last.1 - first.0)
}
