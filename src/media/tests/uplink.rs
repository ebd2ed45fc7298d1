//! A teacher's browser stops its finest layer, as it does when its uplink gets narrow, and begins it again.

use super::lines::*;

const DISPLAY: u16 = 2;
/// Looks, ms: a picture.
const LOOK_MS: u64 = 40;

/// The longest time without any picture of the camera while the lesson goes on for `ms`, and what was seen last.
fn longest_gap(lesson: &mut Lesson, ms: u64) -> (u64, What) {
    let (end, mut newest, mut longest, mut seen) = (lesson.ms + ms, lesson.ms, 0, What::Camera(9));
    while lesson.ms < end {
        lesson.teach(LOOK_MS);
        let got = lesson.got(DISPLAY);
        let Some(what) = got.packets.keys().rev().find(|what| matches!(what, What::Camera(_))) else { continue };
        (longest, newest, seen) = (longest.max(lesson.ms - newest), lesson.ms, *what);
    }
    (longest.max(lesson.ms - newest), seen)
}

#[test]
fn when_the_finest_layer_stops_the_next_is_there_in_half_a_second_and_the_finest_as_soon_as_it_comes_back() {
    for seed in 1..=3 {
        let mut lesson = Lesson::new(seed, &[(DISPLAY, None)]);
        lesson.teach(3_000);
        assert_eq!(longest_gap(&mut lesson, 2_000), (LOOK_MS, What::Camera(2)));
        let asked = lesson.asked;
        lesson.send_up_to(1);
        let (gap, seen) = longest_gap(&mut lesson, 5_000);
        println!("seed {seed}: {gap} ms, {} key frames asked for", lesson.asked - asked);
        assert_eq!(seen, What::Camera(1));
        assert!(gap <= 500, "{gap}");
        assert!(lesson.asked - asked <= 2);
        lesson.send_up_to(0);
        let (gap, seen) = longest_gap(&mut lesson, 5_000);
        println!("seed {seed}: {gap} ms, from the middle one down");
        assert_eq!(seen, What::Camera(0));
        assert!(gap <= 500, "{gap}");
        lesson.send_up_to(2);
        let (gap, seen) = longest_gap(&mut lesson, 200);
        assert_eq!(seen, What::Camera(2), "it begins with a key frame");
        assert!(gap <= 2 * LOOK_MS, "{gap}");
    }
}

#[test]
fn a_layer_that_stutters_once_is_left_for_a_second_without_a_hole() {
    let mut lesson = Lesson::new(4, &[(DISPLAY, None)]);
    lesson.teach(5_000);
    lesson.got(DISPLAY);
    lesson.send_up_to(1);
    lesson.teach(300);
    lesson.go_on();
    let (gap, seen) = longest_gap(&mut lesson, 800);
    println!("{gap} ms, then {seen:?}");
    assert_eq!(seen, What::Camera(1));
    assert!(gap <= 200, "{gap}");
    let (gap, seen) = longest_gap(&mut lesson, 2_000);
    println!("{gap} ms, then {seen:?}");
    assert_eq!(seen, What::Camera(2));
    assert!(gap <= 200, "{gap}");
}
