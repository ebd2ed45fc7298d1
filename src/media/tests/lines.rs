//! A lesson on thin lines: what a display still gets, how soon, and what it costs the others.

use std::collections::BTreeMap;
use std::time::Duration;

use tongke_signaling::command::*;

use super::world::*;
use crate::media::srtp::Profile;
use crate::peer::ClientEvent;

const TEACHER: &str = "a^ v3^ v^ v^ a^ v a a v v v v v v";
pub(super) const TEACHER_SEAT: u16 = 1;
/// Between two looks, ms: a frame of sound.
const STEP_MS: u64 = 20;
/// The camera's layers, kbit/s.
const CAMERA: [u32; 3] = [150, 500, 1_500];

/// What a payload says of itself: which picture, and which layer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum What {
    Sound,
    /// What the teacher's computer plays.
    Clip,
    Camera(u8),
    Slides,
    Slow,
}

impl What {
    fn mark(self) -> [u8; 2] {
        match self {
            Self::Sound => [0, 0],
            Self::Clip => [4, 0],
            Self::Camera(layer) => [1, layer],
            Self::Slides => [2, 0],
            Self::Slow => [3, 0],
        }
    }

    pub(super) fn of(payload: &[u8]) -> Option<Self> {
        Some(match payload.get(1..3)? {
            [0, 0] => Self::Sound,
            [4, 0] => Self::Clip,
            [1, layer] => Self::Camera(*layer),
            [2, 0] => Self::Slides,
            [3, 0] => Self::Slow,
            _ => return None,
        })
    }
}

/// What a display got in a while.
#[derive(Debug, Default)]
pub(super) struct Got {
    /// Packets of each, repeats and doubles not counted.
    pub(super) packets: BTreeMap<What, usize>,
    pub(super) bytes: usize,
}

impl Got {
    pub(super) fn of(&self, what: What) -> usize {
        self.packets.get(&what).copied().unwrap_or(0)
    }
}

pub(super) struct Lesson {
    pub(super) w: World,
    pub(super) ms: u64,
    slow: bool,
    /// The finest layer that the camera sends.
    finest: u8,
    /// The voice, and what the computer plays, bit/s; 0: nothing.
    pub(super) voice: u32,
    pub(super) clip: u32,
    /// What the page was told of both.
    pub(super) most: [Option<u32>; 2],
    keys: BTreeMap<What, bool>,
    /// Key frames that were asked for.
    pub(super) asked: usize,
}

impl Lesson {
    /// A teacher with camera, slides and voice, and displays that see all of it.
    pub(super) fn new(seed: u64, displays: &[(u16, Option<f64>)]) -> Self {
        let mut w = World::new(seed, Profile::AeadAes128Gcm);
        w.join(TEACHER_SEAT, SessionRole::Teacher, TEACHER);
        let mut lesson = Self {
            w,
            ms: 0,
            slow: false,
            finest: 2,
            voice: 32_000,
            clip: 0,
            most: [None; 2],
            keys: BTreeMap::new(),
            asked: 0,
        };
        lesson.teach(500);
        for (port, rate) in displays {
            if let Some(rate) = rate {
                lesson.w.narrow(*port, *rate);
            }
            lesson.sit(*port);
        }
        lesson
    }

    pub(super) fn sit(&mut self, port: u16) {
        let session = self.w.join(port, SessionRole::InteractiveRoom, ROOM);
        for (slot, kind) in [
            (Slot::TeacherVideo, SourceKind::Camera),
            (Slot::Screen, SourceKind::Screen),
            (Slot::TeacherAudio, SourceKind::Microphone),
            (Slot::ComputerSound, SourceKind::ComputerSound),
        ] {
            let source = Some(Source { seat: seat(TEACHER_SEAT), kind });
            self.w.command(Command::Show { session, slot, source });
        }
    }

    /// The camera sends no finer layer than this from now on; those that it did not send before begin with a key frame.
    pub(super) fn send_up_to(&mut self, finest: u8) {
        (self.finest + 1..=finest).for_each(|layer| {
            self.keys.insert(What::Camera(layer), true);
        });
        self.finest = finest;
    }

    /// It goes on with all as if nothing had been.
    pub(super) fn go_on(&mut self) {
        self.finest = 2;
    }

    fn send(&mut self, line: (usize, u8), what: What, bytes: usize) {
        let key = self.keys.insert(what, false).unwrap_or(true);
        let is_sound = matches!(what, What::Sound | What::Clip);
        let bytes = if key && !is_sound { bytes * 4 } else { bytes };
        let pieces = bytes.div_ceil(1_000).max(1);
        for piece in 0..pieces {
            let [a, b] = what.mark();
            let head = if key && piece == 0 { 0x67 } else { 0x61 };
            let mut payload = vec![head, a, b];
            payload.extend_from_slice(&(self.ms as u32).to_be_bytes());
            payload.resize((bytes / pieces).max(20), 7);
            let time = (self.ms * if is_sound { 48 } else { 90 }) as u32;
            self.w.client(TEACHER_SEAT).send_layer(line, time, piece + 1 == pieces, &payload);
        }
    }

    /// The lesson goes on for so long.
    pub(super) fn teach(&mut self, ms: u64) {
        let end = self.ms + ms;
        while self.ms < end {
            self.ms += STEP_MS;
            self.obey();
            let bytes =
                |bits: u32, most: Option<u32>| (bits.min(most.unwrap_or(bits)) * STEP_MS as u32 / 8_000) as usize;
            self.send((0, 0), What::Sound, bytes(self.voice, self.most[0]));
            if self.clip > 0 {
                self.send((4, 0), What::Clip, bytes(self.clip, self.most[1]));
            }
            let is_frame = self.ms.is_multiple_of(40);
            let sent = CAMERA.into_iter().take(usize::from(self.finest) + 1);
            for (layer, kbps) in sent.enumerate().filter(|_| is_frame) {
                self.send((1, layer as u8), What::Camera(layer as u8), kbps as usize * 40 / 8);
            }
            if self.ms.is_multiple_of(100) {
                self.send((2, 0), What::Slides, 600 * 100 / 8);
            }
            if self.slow && self.ms.is_multiple_of(1_000) {
                self.send((3, 0), What::Slow, 4_000);
            }
            self.w.run(Duration::from_millis(STEP_MS));
            if self.ms.is_multiple_of(1_000) {
                self.w.sessions.keys().filter(|p| **p != TEACHER_SEAT).for_each(|port| self.tell(*port));
            }
        }
    }

    /// Does what a teacher's page does when it is told what is watched, and where a key frame is wanted.
    fn obey(&mut self) {
        let session = self.w.sessions[&TEACHER_SEAT];
        for event in std::mem::take(&mut self.w.events) {
            match event {
                Event::Watched { session: s, source: SourceKind::ScreenSlow, max } if s == session => {
                    self.slow = max.is_some();
                }
                Event::SoundRate { session: s, source, max_bps } if s == session => {
                    self.most[usize::from(source == SourceKind::ComputerSound)] = max_bps;
                }
                _ => {}
            }
        }
        for event in self.w.take(TEACHER_SEAT) {
            let ClientEvent::KeyFrameWanted { line, layer } = event else { continue };
            let what = [What::Sound, What::Camera(layer), What::Slides, What::Slow][line];
            self.keys.insert(what, true);
            self.asked += 1;
        }
    }

    /// What a display got since the last look.
    pub(super) fn got(&mut self, port: u16) -> Got {
        let mut got = Got::default();
        let mut seen = std::collections::BTreeSet::new();
        for event in self.w.take(port) {
            let ClientEvent::Packet { ssrc, sequence, payload, .. } = event else { continue };
            got.bytes += payload.len();
            if let Some(what) = What::of(&payload)
                && seen.insert((ssrc, sequence))
            {
                *got.packets.entry(what).or_default() += 1;
            }
        }
        got
    }

    /// Prints how a display's line is believed to be.
    fn tell(&self, port: u16) {
        let Some(peer) = self.w.sfu.peer(self.w.sessions[&port]) else { return };
        let picks: Vec<_> = peer.slots.iter().filter(|s| s.want.is_some()).map(|s| (s.slot, s.place.pick)).collect();
        println!("{} ms: {:?} of {:.0}, {picks:?}", self.ms, peer.line_budget(self.w.now), peer.wanted);
    }

    /// The longest wait in the queue of a display's line since the last look.
    pub(super) fn queue(&mut self, port: u16) -> Duration {
        self.w.narrow.get_mut(&port).map_or(Duration::ZERO, |n| std::mem::take(&mut n.longest))
    }

    /// Teaches until a display gets this; how long it took.
    pub(super) fn until(&mut self, port: u16, what: What, most_ms: u64) -> u64 {
        let start = self.ms;
        while self.ms < start + most_ms {
            self.teach(100);
            if self.got(port).of(what) > 0 {
                return self.ms - start;
            }
        }
        panic!("{what:?} does not come within {most_ms} ms");
    }
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

#[test]
fn a_wide_line_gets_everything_and_nothing_waits() {
    let mut lesson = Lesson::new(1, &[(2, None)]);
    lesson.teach(3_000);
    lesson.got(2);
    lesson.teach(10_000);
    let got = lesson.got(2);
    println!("{got:?}");
    assert_eq!(got.of(What::Sound), 500);
    assert!(got.of(What::Camera(2)) >= 250 * 7, "{got:?}");
    assert_eq!(got.of(What::Camera(0)) + got.of(What::Camera(1)) + got.of(What::Slow), 0);
}

#[test]
fn on_five_megabits_the_finest_layer_comes_within_four_seconds() {
    let took =
        median((1..=3).map(|seed| Lesson::new(seed, &[(2, Some(5e6))]).until(2, What::Camera(2), 15_000)).collect());
    println!("finest layer after {took} ms");
    assert!(took <= 4_000, "{took}");
}

#[test]
fn a_line_that_falls_to_300_kbits_keeps_the_voice_and_comes_back() {
    let mut back = Vec::new();
    for seed in 1..=3 {
        let mut lesson = Lesson::new(seed, &[(2, Some(5e6))]);
        lesson.teach(10_000);
        lesson.w.narrow(2, 3e5);
        lesson.got(2);
        lesson.teach(3_000);
        lesson.got(2);
        lesson.teach(2_000);
        lesson.queue(2);
        lesson.teach(15_000);
        let (got, queue) = (lesson.got(2), lesson.queue(2));
        println!("seed {seed}: {got:?}, queue {queue:?}");
        assert_eq!(got.of(What::Camera(2)) + got.of(What::Camera(1)), 0, "the right layer after 3 s");
        assert!(queue <= Duration::from_millis(500), "{queue:?}");
        assert!(got.of(What::Sound) >= 17 * 50 * 99 / 100, "sound: {}", got.of(What::Sound));
        assert!(got.of(What::Slow) + got.of(What::Slides) > 0, "slides");
        lesson.w.narrow.remove(&2);
        back.push(lesson.until(2, What::Camera(2), 40_000));
        // What was numbered and given up leaves its numbers to others, and none seals twice.
        sealed_again(&lesson.w);
    }
    println!("back at the finest layer after {back:?} ms");
    assert!(median(back) <= 15_000);
}

#[test]
fn on_100_kbits_there_is_the_voice_and_a_slide_now_and_then() {
    for seed in 1..=3 {
        let mut lesson = Lesson::new(seed, &[(2, Some(1e5))]);
        lesson.teach(8_000);
        lesson.got(2);
        lesson.teach(30_000);
        let (got, queue) = (lesson.got(2), lesson.queue(2));
        println!("seed {seed}: {got:?}, queue {queue:?}");
        sealed_again(&lesson.w);
        assert!(got.of(What::Sound) >= 30 * 50 * 99 / 100, "sound: {}", got.of(What::Sound));
        assert!(got.of(What::Slow) > 0, "slides");
    }
}

#[test]
fn what_waits_when_a_source_is_muted_is_not_sent() {
    let mut lesson = Lesson::new(1, &[(2, Some(1e5))]);
    lesson.teach(8_000);
    let source = Source { seat: seat(TEACHER_SEAT), kind: SourceKind::Screen };
    lesson.w.command(Command::Mute { lesson: LESSON, source, muted: true });
    // What is on the line already still comes.
    lesson.teach(700);
    lesson.got(2);
    lesson.teach(3_000);
    let got = lesson.got(2);
    assert_eq!(got.of(What::Slides) + got.of(What::Slow), 0, "{got:?}");
    assert!(got.of(What::Sound) > 100, "{got:?}");
}

#[test]
fn one_weak_room_costs_the_others_nothing() {
    let mut alone = Lesson::new(5, &[(2, None)]);
    alone.teach(20_000);
    let before = alone.got(2).bytes as f64;
    let mut together = Lesson::new(5, &[(2, None), (3, Some(3e5))]);
    together.w.lossy.insert(3, 0.2);
    together.teach(20_000);
    let beside = together.got(2).bytes as f64;
    println!("alone {before}, beside a weak room {beside}: {:.3}", beside / before);
    assert!((beside / before - 1.0).abs() < 0.05);
}

#[test]
fn two_rooms_behind_one_line_both_hear_and_see_the_slides() {
    for seed in 1..=3 {
        let mut lesson = Lesson::new(seed, &[]);
        lesson.w.narrow(2, 2e6);
        lesson.w.behind.extend([(2, 2), (3, 2)]);
        lesson.sit(2);
        lesson.teach(10_000);
        lesson.sit(3);
        lesson.teach(10_000);
        lesson.got(2);
        lesson.got(3);
        lesson.queue(2);
        lesson.teach(30_000);
        let (first, second, queue) = (lesson.got(2), lesson.got(3), lesson.queue(2));
        println!("seed {seed}: {first:?}\n{second:?}\nqueue {queue:?}");
        for got in [&first, &second] {
            assert!(got.of(What::Sound) >= 30 * 50 * 99 / 100, "sound: {}", got.of(What::Sound));
            assert!(got.of(What::Slow) + got.of(What::Slides) > 0, "slides");
        }
    }
}
