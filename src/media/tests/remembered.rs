//! A room whose line is known from its last lesson.

use std::time::Duration;

use super::lines::{Lesson, What};

/// A lesson to which a room comes whose line takes `rate` and was remembered as taking `remembered` bit/s.
fn comes(seed: u64, rate: Option<f64>, remembered: u32) -> Lesson {
    let mut lesson = Lesson::new(seed, &[]);
    lesson.teach(2_000);
    if let Some(rate) = rate {
        lesson.w.narrow(2, rate);
    }
    lesson.w.remembered.insert(2, remembered);
    lesson.sit(2);
    lesson
}

#[test]
fn a_line_that_was_thin_is_not_flooded() {
    for seed in 1..=3 {
        let mut lesson = comes(seed, Some(3e5), 300_000);
        lesson.queue(2);
        lesson.teach(10_000);
        let (got, queue) = (lesson.got(2), lesson.queue(2));
        println!("seed {seed}: {got:?}, queue {queue:?}");
        assert!(queue <= Duration::from_millis(300), "{queue:?}");
        assert!(got.of(What::Sound) >= 10 * 50 * 98 / 100, "sound: {}", got.of(What::Sound));
        assert_eq!(got.of(What::Camera(2)) + got.of(What::Camera(1)), 0, "the right layer at once");
    }
}

#[test]
fn a_line_that_was_wide_gets_the_finest_at_once() {
    let took = (1..=3).map(|seed| comes(seed, Some(5e6), 5_000_000).until(2, What::Camera(2), 5_000)).max();
    println!("finest layer after {took:?} ms at most");
    assert!(took.is_some_and(|ms| ms <= 1_500));
}

#[test]
fn a_line_that_became_thin_is_known_soon() {
    for seed in 1..=3 {
        let mut lesson = comes(seed, Some(3e5), 5_000_000);
        lesson.teach(5_000);
        lesson.got(2);
        lesson.queue(2);
        lesson.teach(5_000);
        let (got, queue) = (lesson.got(2), lesson.queue(2));
        println!("seed {seed}: {got:?}, queue {queue:?}");
        assert!(got.of(What::Sound) >= 5 * 50 * 98 / 100, "sound: {}", got.of(What::Sound));
        assert_eq!(got.of(What::Camera(2)), 0);
    }
}

#[test]
fn a_line_that_became_wide_is_found_out() {
    let took: Vec<u64> = (1..=3).map(|seed| comes(seed, None, 300_000).until(2, What::Camera(2), 15_000)).collect();
    println!("finest layer after {took:?} ms");
}
