//! Receivers that tell by receiver reports and REMB what arrives, and liars among them.

use std::time::Duration;

use tongke_signaling::command::*;

use super::lines::{Lesson, What};
use super::world::*;
use crate::media::estimate;
use crate::media::remb::{self, Remb};
use crate::media::rtcp::{self, Block};

/// A lesson with displays that tell by reports: port, line in bit/s, REMB.
fn lesson(seed: u64, displays: &[(u16, f64, Option<u64>)]) -> Lesson {
    let mut lesson = Lesson::new(seed, &[]);
    for (port, rate, remb) in displays {
        lesson.w.narrow(*port, *rate);
        lesson.w.reporting.insert(*port, *remb);
        lesson.sit(*port);
    }
    lesson
}

fn rate(lesson: &Lesson, port: u16) -> f64 {
    let peer = lesson.w.sfu.peer(lesson.w.sessions[&port]).expect("joined");
    peer.line_budget(lesson.w.now).map_or(0.0, |(bits, _)| bits)
}

fn ssrcs(lesson: &Lesson, port: u16) -> Vec<u32> {
    let peer = lesson.w.sfu.peer(lesson.w.sessions[&port]).expect("joined");
    peer.slots.iter().map(|s| s.ssrc).collect()
}

#[test]
fn the_answer_takes_remb_where_there_is_nothing_better() {
    let mut lesson = lesson(1, &[(2, 5e6, None)]);
    let answers = |w: &World, port: u16| {
        let session = w.sessions[&port];
        let answer = w.events.iter().find_map(|e| match e {
            Event::Answered { session: s, answer, .. } if *s == session => Some(answer.clone()),
            _ => None,
        });
        answer.expect("answered")
    };
    let reporting = answers(&lesson.w, 2);
    assert!(reporting.contains("a=rtcp-fb:102 goog-remb\r\n") && !reporting.contains("transport-cc"), "{reporting}");
    lesson.sit(3);
    let telling = answers(&lesson.w, 3);
    assert!(telling.contains("a=rtcp-fb:102 transport-cc\r\n") && !telling.contains("goog-remb"), "{telling}");
}

#[test]
fn with_remb_on_300_kbits_there_is_the_voice_the_slides_and_the_lowest_layer() {
    for seed in 1..=3 {
        let mut lesson = lesson(seed, &[(2, 3e5, Some(285_000))]);
        lesson.w.reporting.clear();
        lesson.sit(4);
        lesson.teach(8_000);
        lesson.got(2);
        lesson.got(4);
        lesson.queue(2);
        lesson.teach(20_000);
        let (got, queue, other) = (lesson.got(2), lesson.queue(2), lesson.got(4));
        println!("seed {seed}: {got:?}, queue {queue:?}, beside it {other:?}");
        assert!(got.of(What::Sound) >= 20 * 50 * 99 / 100, "sound: {}", got.of(What::Sound));
        assert!(got.of(What::Slow) + got.of(What::Slides) > 0, "slides");
        assert!(got.of(What::Camera(0)) > 0, "the lowest layer");
        assert_eq!(got.of(What::Camera(1)) + got.of(What::Camera(2)), 0);
        assert!(queue <= Duration::from_millis(500), "{queue:?}");
        assert_eq!(other.of(What::Sound), 1_000);
        assert!(other.of(What::Camera(2)) >= 500 * 7, "a wide line beside it gets all: {other:?}");
        sealed_again(&lesson.w);
    }
}

#[test]
fn receiver_reports_alone_find_the_layer_of_a_thin_line() {
    for seed in 1..=3 {
        let mut lesson = lesson(seed, &[(2, 3e5, None)]);
        lesson.teach(12_000);
        lesson.got(2);
        lesson.teach(30_000);
        let got = lesson.got(2);
        println!("seed {seed}: {got:?}, {:.0}", rate(&lesson, 2));
        assert!(got.of(What::Sound) >= 30 * 50 * 97 / 100, "sound: {}", got.of(What::Sound));
        assert!(got.of(What::Slow) + got.of(What::Slides) > 0, "slides");
        assert_eq!(got.of(What::Camera(2)), 0);
    }
}

#[test]
fn receiver_reports_alone_find_that_a_line_is_wide() {
    let mut lesson = lesson(1, &[(2, 1e7, None)]);
    let took = lesson.until(2, What::Camera(2), 60_000);
    println!("finest layer after {took} ms");
    assert!(took <= 40_000, "{took}");
}

#[test]
fn who_tells_of_every_packet_is_not_moved_by_reports() {
    let mut lesson = Lesson::new(1, &[(2, None)]);
    lesson.teach(5_000);
    let before = rate(&lesson, 2);
    let ssrcs = ssrcs(&lesson, 2);
    for i in 0..200u32 {
        let ssrcs = ssrcs.clone();
        lesson.w.client(2).send_rtcp(|b| {
            let block = |ssrc| Block {
                ssrc,
                fraction_lost: 255,
                total_lost: 0x7f_ffff,
                highest: i * 1_000,
                jitter: u32::MAX,
                last_report: 0,
                delay: 0,
            };
            rtcp::write_receiver_report(b, 9, &ssrcs.iter().copied().map(block).collect::<Vec<_>>());
            remb::write(b, 9, &Remb { bits: 0, ssrcs });
        });
        lesson.teach(20);
    }
    assert!(rate(&lesson, 2) >= before * 0.9, "{before} {}", rate(&lesson, 2));
}

#[test]
fn a_storm_of_lies_hurts_only_the_liar() {
    let mut lesson = lesson(1, &[(2, 5e6, Some(4_800_000)), (3, 5e6, Some(4_800_000))]);
    lesson.teach(10_000);
    let (before, others) = (rate(&lesson, 2), ssrcs(&lesson, 2));
    let own = ssrcs(&lesson, 3);
    let lie = |lesson: &mut Lesson, bits: u64, named: &[u32]| {
        for i in 0..50u32 {
            lesson.w.client(3).send_rtcp(|b| {
                let block = |ssrc: u32| Block {
                    ssrc,
                    fraction_lost: (i * 83) as u8,
                    total_lost: u32::MAX,
                    highest: i.wrapping_mul(0x9e37_79b9),
                    jitter: u32::MAX,
                    last_report: i.wrapping_mul(0x85eb_ca6b),
                    delay: u32::MAX - i,
                };
                rtcp::write_receiver_report(b, 7, &named.iter().copied().map(block).collect::<Vec<_>>());
                remb::write(b, 7, &Remb { bits, ssrcs: named.to_vec() });
            });
        }
        lesson.teach(20);
        assert!((estimate::LEAST..=estimate::MOST).contains(&rate(lesson, 3)), "{}", rate(lesson, 3));
    };
    // The streams of another: nothing moves, neither there nor here.
    let honest = rate(&lesson, 3);
    (0..100).for_each(|_| lie(&mut lesson, 0, &others));
    assert!(rate(&lesson, 3) >= honest * 0.9, "{honest} {}", rate(&lesson, 3));
    lesson.got(2);
    for bits in [0, 1 << 63, u64::MAX, 0] {
        (0..50).for_each(|_| lie(&mut lesson, bits, &own));
    }
    assert_eq!(rate(&lesson, 3), estimate::LEAST, "it said that its line takes nothing");
    assert!(rate(&lesson, 2) >= before * 0.9, "{before} {}", rate(&lesson, 2));
    let got = lesson.got(2);
    assert!(got.of(What::Sound) >= 4 * 50 - 5, "{got:?}");
}
