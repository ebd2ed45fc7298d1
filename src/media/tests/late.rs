//! Lines on which feedback is late or lost: a village whose line falls both ways while its own camera fills it, and radio
//! links that only hold things up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tongke_signaling::command::{Command, Source, SourceKind};

use super::lines::{Lesson, TEACHER_SEAT, What};
use super::world::{LESSON, Narrow, seat};
use crate::peer::ClientEvent;

const STEP_MS: u64 = 20;

/// What a room heard and saw in a while.
#[derive(Debug, Default)]
struct Heard {
    /// Of each sound: how long it was on its way, to 20 ms.
    sounds: BTreeMap<u32, u64>,
    frames: BTreeMap<What, BTreeSet<u32>>,
    /// The longest time without a picture of the camera.
    still_ms: u64,
    sent: usize,
}

impl Heard {
    fn longest(&self) -> u64 {
        self.sounds.values().copied().max().unwrap_or(0)
    }

    fn lost(&self) -> usize {
        self.sent - self.sounds.len()
    }

    fn later_than(&self, ms: u64) -> usize {
        self.sounds.values().filter(|took| **took > ms).count()
    }

    fn told(&self) -> String {
        let frames: Vec<_> = self.frames.iter().map(|(what, sent)| (what, sent.len())).collect();
        let (longest, late, lost, still) = (self.longest(), self.later_than(500), self.lost(), self.still_ms);
        format!("longest {longest} ms, {late} late and {lost} lost of {}, still {still} ms, {frames:?}", self.sent)
    }
}

/// The lesson goes on for so long while the room sends a camera of `up` bit/s; `hinder` may change the world.
fn goes_on(l: &mut Lesson, ms: u64, up: impl Fn(u64) -> usize, mut hinder: impl FnMut(&mut Lesson)) -> Heard {
    let (mut heard, start, mut pictured) = (Heard::default(), l.ms, l.ms);
    while l.ms < start + ms {
        let up = up(l.ms - start);
        let packets = (up * STEP_MS as usize / 8_000).div_ceil(1_000);
        for piece in 0..packets {
            let mut payload = vec![0x61, 9, 9];
            payload.resize(up * STEP_MS as usize / 8_000 / packets, 7);
            let time = (l.ms * 90) as u32;
            l.w.client(2).send(1, time, piece + 1 == packets, &payload);
        }
        hinder(l);
        l.teach(STEP_MS);
        for event in l.w.take(2) {
            let ClientEvent::Packet { payload, .. } = event else { continue };
            let Some(what) = What::of(&payload) else { continue };
            let sent = u32::from_be_bytes([payload[3], payload[4], payload[5], payload[6]]);
            if u64::from(sent) <= start {
                continue;
            }
            heard.frames.entry(what).or_default().insert(sent);
            match what {
                What::Sound => {
                    heard.sounds.entry(sent).or_insert(l.ms - u64::from(sent));
                }
                What::Camera(_) => {
                    heard.still_ms = heard.still_ms.max(l.ms - pictured);
                    pictured = l.ms;
                }
                _ => {}
            }
        }
    }
    // What was sent last is still on its way.
    let sent = start as u32 + STEP_MS as u32..l.ms as u32 - 1_000;
    heard.sounds.retain(|at, _| sent.contains(at));
    heard.sent = sent.step_by(STEP_MS as usize).count();
    heard.still_ms = heard.still_ms.max(l.ms - pictured);
    heard
}

fn rate(l: &Lesson) -> f64 {
    let peer = l.w.sfu.peer(l.w.sessions[&2]).expect("joined");
    peer.line_budget(l.w.now).map_or(0.0, |(bits, _)| bits)
}

#[test]
fn a_line_that_falls_both_ways_keeps_its_voice() {
    let (mut late, mut longest, mut lost) = (0, vec![], 0);
    for (seed, up) in (1..=8).zip([1_500_000, 1_000_000, 600_000, 300_000].into_iter().cycle()) {
        let mut l = Lesson::new(seed, &[(2, None)]);
        goes_on(&mut l, 10_000, |_| up, |_| ());
        // Wherever it falls between two feedbacks.
        l.w.run(Duration::from_millis(13 * seed));
        l.w.narrow_both(2, 3e5, 1.5);
        // After a while its own estimate slows the camera.
        let fell = goes_on(&mut l, 8_000, |ms| if ms < 2_000 { up } else { 150_000 }, |_| ());
        println!("up {up}: {}", fell.told());
        late += fell.later_than(500);
        lost += fell.lost();
        longest.push(fell.longest());
    }
    longest.sort_unstable();
    println!("late {late}, lost {lost}, longest {longest:?}");
    // Were pictures held by what feedback says alone, 1,190 would be late, and each of the longest 1,500 ms.
    assert!(late <= 500, "{late}");
    assert_eq!(lost, 0);
    assert!(longest[4] <= 1_100, "{longest:?}");
}

#[test]
fn after_a_blackout_all_comes_back_and_nobody_is_asked_for_key_frames_in_vain() {
    for seed in 1..=3 {
        let mut l = Lesson::new(seed, &[(2, None)]);
        goes_on(&mut l, 10_000, |_| 300_000, |_| ());
        l.w.lossy.insert(2, 1.0);
        l.w.narrow_up.insert(2, Narrow::new(1.0, 0.0, l.w.now));
        let asked = l.asked;
        goes_on(&mut l, 10_000, |_| 300_000, |_| ());
        let asked = l.asked - asked;
        l.w.lossy.clear();
        l.w.narrow_up.clear();
        let first = goes_on(&mut l, 2_000, |_| 300_000, |_| ());
        let then = goes_on(&mut l, 10_000, |_| 300_000, |_| ());
        println!("asked {asked}; {}\n{}", first.told(), then.told());
        assert!(asked <= 1, "{asked}");
        assert!(first.still_ms <= 700, "{}", first.still_ms);
        assert_eq!((then.lost(), then.frames[&What::Camera(2)].len()), (0, 250));
    }
}

#[test]
fn after_a_blackout_pictures_come_back_where_nobody_speaks() {
    let mut l = Lesson::new(1, &[(2, None)]);
    let source = Source { seat: seat(TEACHER_SEAT), kind: SourceKind::Microphone };
    l.w.command(Command::Mute { lesson: LESSON, source, muted: true });
    goes_on(&mut l, 10_000, |_| 300_000, |_| ());
    for dark in [1_200, 1_700, 6_000] {
        l.w.lossy.insert(2, 1.0);
        goes_on(&mut l, dark, |_| 300_000, |_| ());
        l.w.lossy.clear();
        let back = goes_on(&mut l, 5_000, |_| 300_000, |_| ());
        println!("dark for {dark}: {}", back.told());
        assert!(back.still_ms <= 900, "{}", back.still_ms);
        assert_eq!(back.sounds.len(), 0);
    }
}

#[test]
fn lost_feedback_costs_no_rate_and_few_pictures() {
    let mut worse = 0;
    for seed in 1..=5 {
        let mut l = Lesson::new(seed, &[(2, None)]);
        goes_on(&mut l, 10_000, |_| 300_000, |_| ());
        let before = rate(&l);
        l.w.loss = 0.3;
        let lossy = goes_on(&mut l, 20_000, |_| 300_000, |_| ());
        let during = rate(&l);
        l.w.loss = 0.0;
        let after = goes_on(&mut l, 10_000, |_| 300_000, |_| ());
        println!("seed {seed}: {before} {during} {}\n{}\n{}", rate(&l), lossy.told(), after.told());
        let keeps_rate = during.min(rate(&l)) >= 0.75 * before;
        let keeps_pictures = lossy.frames[&What::Camera(2)].len() >= 480 && lossy.still_ms <= 700;
        worse += u32::from(!(keeps_rate && keeps_pictures && after.still_ms <= 300));
    }
    // Where a third is lost, chance alone may hide all news of the line for a second: in one lesson of a hundred it did.
    assert!(worse <= 1, "{worse} of five lessons");
}

#[test]
fn a_link_that_holds_feedback_up_costs_no_rate() {
    for seed in 1..=3 {
        let mut l = Lesson::new(seed, &[(2, Some(5e6))]);
        goes_on(&mut l, 15_000, |_| 300_000, |_| ());
        let before = rate(&l);
        let mut rng = StdRng::seed_from_u64(seed);
        let got = goes_on(
            &mut l,
            20_000,
            |_| 300_000,
            |l| {
                if rng.random_bool(0.02) {
                    l.w.held_up.insert(2, l.w.now + Duration::from_millis(200));
                }
            },
        );
        println!("seed {seed}: {before} {} {}", rate(&l), got.told());
        assert!(rate(&l) >= 0.9 * before, "{} after {before}", rate(&l));
        assert!(got.frames[&What::Camera(2)].len() >= 495, "{}", got.told());
        assert!(got.still_ms <= 300, "{}", got.still_ms);
        assert_eq!(got.lost(), 0);
    }
}

#[test]
fn a_line_that_is_thin_upward_only_goes_on_downward() {
    for (seed, up) in (1..=4).zip([1_500_000, 600_000, 450_000, 300_000]) {
        let mut l = Lesson::new(seed, &[(2, None)]);
        goes_on(&mut l, 10_000, |_| up, |_| ());
        let before = rate(&l);
        l.w.narrow_up.insert(2, Narrow::new(3e5, 1.5, l.w.now));
        // It fills its line again and again.
        let got = goes_on(&mut l, 30_000, |ms| if ms % 10_000 < 2_000 { up } else { 150_000 }, |_| ());
        println!("up {up}: {before} {} {}", rate(&l), got.told());
        assert!(rate(&l) >= 0.9 * before, "{} after {before}", rate(&l));
        assert!(got.frames[&What::Slides].len() >= 260, "{}", got.told());
        assert!(got.frames[&What::Camera(2)].len() >= 600, "{}", got.told());
        assert!(got.still_ms <= 2_500, "{}", got.still_ms);
    }
}
