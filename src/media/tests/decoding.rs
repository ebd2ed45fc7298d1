//! Displays that decode few pictures, or small ones.

use tongke_signaling::command::*;

use super::lines::{Got, Lesson, TEACHER_SEAT, What};
use super::world::*;

/// What a display on a wide line gets in ten seconds.
fn shown(decoders: Option<u32>, pixels: Option<u64>) -> (Lesson, Got) {
    let mut lesson = Lesson::new(1, &[]);
    lesson.w.decode.insert(2, DecodeBudget { decoders, pixels });
    lesson.sit(2);
    lesson.teach(5_000);
    lesson.got(2);
    lesson.w.events.clear();
    lesson.teach(10_000);
    let got = lesson.got(2);
    println!("{decoders:?} {pixels:?}: {got:?}");
    assert_eq!(got.of(What::Sound), 500, "every sound");
    (lesson, got)
}

#[test]
fn a_display_gets_what_it_can_decode_slides_first_then_smaller_layers() {
    let slides = 1_920 * 1_080;
    let cases: [(Option<u32>, Option<u64>, &[What]); 5] = [
        (Some(4), Some(4 * slides), &[What::Camera(2), What::Slides]),
        (Some(1), None, &[What::Slides]),
        (None, Some(slides + 300_000), &[What::Camera(1), What::Slides]),
        (None, Some(slides - 1), &[What::Camera(2), What::Slow]),
        (None, Some(0), &[What::Slow]),
    ];
    for (decoders, pixels, wanted) in cases {
        let (_, got) = shown(decoders, pixels);
        let pictures: Vec<What> = got.packets.keys().copied().filter(|w| *w != What::Sound).collect();
        assert_eq!(pictures, wanted, "{decoders:?} {pixels:?}");
    }
}

#[test]
fn what_cannot_be_decoded_is_no_weak_line_and_comes_when_a_decoder_is_free() {
    let (mut lesson, _) = shown(Some(1), None);
    let session = lesson.w.sessions[&2];
    let source = Source { seat: seat(TEACHER_SEAT), kind: SourceKind::Screen };
    lesson.w.command(Command::Mute { lesson: LESSON, source, muted: true });
    let took = lesson.until(2, What::Camera(2), 10_000);
    println!("the teacher after {took} ms");
    assert!(took <= 4_000, "{took}");
    let weak = |e: &Event| matches!(e, Event::Line { session: s, facts } if *s == session && facts.pictures_held + facts.pictures_reduced > 0);
    assert!(!lesson.w.events.iter().any(weak));
}
