//! A music lesson on thin lines: the voice and what the computer plays are rich, and together more than such a line takes.

use std::time::Duration;

use super::lines::{Lesson, What};

const RICH: u32 = 128_000;

fn music(seed: u64, displays: &[(u16, Option<f64>)]) -> Lesson {
    let mut lesson = Lesson::new(seed, displays);
    (lesson.voice, lesson.clip) = (RICH, RICH);
    lesson
}

#[test]
fn on_300_kbits_all_is_heard_and_the_slides_are_seen() {
    for seed in 1..=3 {
        let mut lesson = music(seed, &[(2, Some(5e6)), (3, None)]);
        lesson.teach(10_000);
        assert_eq!(lesson.most, [None, None], "wide lines take it whole");
        lesson.w.narrow(2, 3e5);
        lesson.teach(5_000);
        assert_eq!(lesson.most, [None, Some(64_000)], "the voice fits and is left alone");
        // The clip rests until the line is known and the clip is seen to be leaner.
        for least_clip in [0, 95] {
            lesson.got(2);
            lesson.queue(2);
            lesson.teach(20_000);
            let (got, queue) = (lesson.got(2), lesson.queue(2));
            println!("seed {seed}: {got:?}, queue {queue:?}");
            assert!(queue <= Duration::from_millis(500), "{queue:?}");
            assert!(got.of(What::Sound) >= 20 * 50 * 99 / 100, "voice: {}", got.of(What::Sound));
            assert!(got.of(What::Clip) >= 20 * 50 * least_clip / 100, "clip: {}", got.of(What::Clip));
            assert!(got.of(What::Slow) + got.of(What::Slides) > 0, "slides");
        }
        lesson.w.narrow.remove(&2);
        lesson.teach(40_000);
        assert_eq!(lesson.most, [None, None], "whole again");
    }
}

#[test]
fn on_100_kbits_the_voice_is_heard() {
    for seed in 1..=3 {
        let mut lesson = music(seed, &[(2, Some(1e5)), (3, None)]);
        lesson.teach(10_000);
        assert_eq!(lesson.most[0], Some(32_000));
        lesson.got(2);
        lesson.queue(2);
        lesson.teach(20_000);
        let (got, queue) = (lesson.got(2), lesson.queue(2));
        println!("seed {seed}: {got:?}, queue {queue:?}");
        assert!(got.of(What::Sound) >= 20 * 50 * 99 / 100, "voice: {}", got.of(What::Sound));
        assert!(queue <= Duration::from_millis(500), "{queue:?}");
    }
}

#[test]
fn a_weak_room_costs_the_others_little_of_their_sound() {
    for seed in 1..=3 {
        let mut lesson = music(seed, &[(2, None), (3, Some(5e6))]);
        lesson.teach(10_000);
        lesson.w.narrow(3, 3e5);
        lesson.w.lossy.insert(3, 0.2);
        lesson.teach(10_000);
        lesson.got(2);
        lesson.got(3);
        let mut leaner = 0;
        for _ in 0..30 {
            lesson.teach(1_000);
            leaner += usize::from(lesson.most[0].is_some());
        }
        let (other, weak) = (lesson.got(2), lesson.got(3));
        println!("seed {seed}: the voice was leaner for {leaner} of 30 s; {other:?}\n{weak:?}");
        assert!(leaner < 1, "{leaner}");
    }
}
