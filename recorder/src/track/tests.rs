//! Time arithmetic of a whole track: what the clocks do is what the files say.

use proptest::prelude::*;

use super::*;
use crate::fact::{Dropped, PartFact};
use crate::index::PartIndex;
use crate::live::LiveBoard;
use crate::order::RecordingKey;

/// A 320x240 VP9 key frame, as far as its header is read.
const KEY: [u8; 13] = [0x8c, 0x81, 0x23, 0x82, 0x49, 0x83, 0x42, 0x20, 0x13, 0xf0, 0x0e, 0xf0, 0x00];
/// A predicted frame.
const DELTA: [u8; 6] = [0xcc, 0x81, 0x23, 0x86, 1, 2];

/// A track on a disk of its own, and what it reports.
struct Bench {
    _folder: tempfile::TempDir,
    track: Track,
    clock: SessionClock,
    facts: Vec<Fact>,
    live: LiveBoard,
    dropped: Dropped,
}

impl Bench {
    fn new(media: Media) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let track = Track::new(TrackKey(1), folder.path(), "t", media, Resume::default());
        Bench {
            _folder: folder,
            track,
            clock: SessionClock::default(),
            facts: Vec::new(),
            live: LiveBoard::default(),
            dropped: Dropped::default(),
        }
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut Track, &SessionClock, &mut Sink<'_>) -> R) -> R {
        let facts = &mut self.facts;
        let mut push = |fact| facts.push(fact);
        let recording = RecordingKey(uuid::Uuid::nil());
        let mut sink = Sink { recording, facts: &mut push, live: &self.live, dropped: &mut self.dropped };
        act(&mut self.track, &self.clock, &mut sink)
    }

    fn packet(&mut self, sequence: u16, time: u32, arrival_us: i64, payload: &[u8]) {
        let mut bytes = vec![0x80, 0xe0];
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.extend_from_slice(&time.to_be_bytes());
        bytes.extend_from_slice(&7u32.to_be_bytes());
        bytes.extend_from_slice(payload);
        let incoming = Incoming { session: 1, slides: false, arrival_us, level: None, bytes: &bytes };
        self.with(|track, clock, sink| {
            track.packet(&incoming, Some(clock), sink);
            track.tick(arrival_us, Some(clock), sink);
        });
    }

    fn report(&mut self, ntp_us: i64, rtp: u32, arrival_us: i64, trip_us: i64) {
        let ntp = ((ntp_us as u64 / 1_000_000) << 32) | (((ntp_us as u64 % 1_000_000) << 32) / 1_000_000);
        self.clock.observe(ntp, arrival_us, Some(trip_us));
        self.track.report(1, 7, ntp, rtp);
    }

    /// Closes the track; its fragments.
    fn finish(&mut self) -> Vec<(u64, u64, bool)> {
        self.with(|track, clock, sink| track.finish(Some(clock), sink));
        let parts = self.facts.iter().filter_map(|fact| match fact {
            Fact::PartClosed(PartFact { index_json, .. }) => serde_json::from_str::<PartIndex>(index_json).ok(),
            _ => None,
        });
        parts.flat_map(|part| part.fragments).map(|f| (f.start, f.end(), f.key)).collect()
    }
}

/// Fragments of one run follow each other without a hole.
fn sum(fragments: &[(u64, u64, bool)]) -> u64 {
    assert!(fragments.windows(2).all(|pair| pair[0].1 == pair[1].0), "a hole or an overlap");
    fragments.iter().map(|fragment| fragment.1 - fragment.0).sum()
}

/// 500 ppm of five minutes; and once, when the first report takes the path's delay out, that delay.
fn allowed_us(reports: bool, delay_us: i64) -> i64 {
    150_000 + if reports { delay_us } else { 0 }
}

/// A sender's time after `us` of ours, with its clock off by `ppm`.
fn drifted(us: i64, ppm: i64) -> i64 {
    us + us * ppm / 1_000_000
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn sound_lasts_as_long_as_the_wall_says(
        ppm in -300i64..300, delay_us in 1_000i64..120_000, reports: bool, seed in any::<u32>(),
        jitter in proptest::collection::vec(0i64..40_000, 64),
    ) {
        let mut bench = Bench::new(Media::Opus { channels: 1 });
        let span_us = 300_000_000;
        let mut now_us = 0;
        for n in 0u32.. {
            // The sender makes a packet whenever its own clock has moved on by 20 ms.
            let own_us = i64::from(n) * 20_000;
            let sent_us = own_us - own_us * ppm / 1_000_000;
            if sent_us >= span_us { break; }
            now_us = (sent_us + delay_us + jitter[n as usize % 64]).max(now_us);
            bench.packet(n as u16, seed.wrapping_add(n * 960), now_us, &[0x08, 1, 2, 3]);
            if reports && n % 100 == 50 {
                let ntp = 3_900_000_000_000_000 + drifted(sent_us, ppm);
                bench.report(ntp, seed.wrapping_add(n * 960), now_us, 2 * delay_us);
            }
        }
        let fragments = bench.finish();
        let total_us = sum(&fragments) as i64 * 1000 / 48;
        prop_assert!((total_us - span_us).abs() <= allowed_us(reports, delay_us), "{} us off", total_us - span_us);
        let end_us = fragments.last().unwrap().1 as i64 * 1000 / 48;
        let due_us = span_us + if reports { 0 } else { delay_us };
        prop_assert!((end_us - due_us).abs() <= 60_000, "ends {} us off", end_us - due_us);
    }

    #[test]
    fn video_lasts_as_long_as_the_wall_says(
        ppm in -300i64..300, delay_us in 1_000i64..120_000, reports: bool, seed in any::<u32>(),
        jitter in proptest::collection::vec(0i64..25_000, 64),
    ) {
        let mut bench = Bench::new(Media::Vp9);
        let (span_us, mut now_us, mut sequence) = (300_000_000, 0, 65_000u16);
        for n in 0i64.. {
            let sent_us = n * 66_667;
            if sent_us >= span_us { break; }
            now_us = (sent_us + delay_us + jitter[n as usize % 64]).max(now_us);
            let time = seed.wrapping_add((drifted(sent_us, ppm) * 9 / 100) as u32);
            let payload: &[u8] = if n % 60 == 0 { &KEY } else { &DELTA };
            bench.packet(sequence, time, now_us, payload);
            sequence = sequence.wrapping_add(1);
            if reports && n % 40 == 20 {
                bench.report(3_900_000_000_000_000 + drifted(sent_us, ppm), time, now_us, 2 * delay_us);
            }
        }
        let fragments = bench.finish();
        prop_assert!(fragments[0].2);
        let total_us = sum(&fragments) as i64 * 100 / 9;
        prop_assert!((total_us - span_us).abs() <= allowed_us(reports, delay_us), "{} us off", total_us - span_us);
        let due_us = span_us + if reports { 0 } else { delay_us };
        let end_us = fragments.last().unwrap().1 as i64 * 100 / 9;
        prop_assert!((end_us - due_us).abs() <= 60_000, "ends {} us off", end_us - due_us);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn hostile_packets_never_turn_time_back_nor_run_ahead(
        packets in proptest::collection::vec((any::<u16>(), any::<u32>(), 0i64..400_000, any::<bool>(), any::<bool>()), 1..200),
        video: bool,
    ) {
        let mut bench = Bench::new(if video { Media::Vp9 } else { Media::Opus { channels: 2 } });
        let (mut now_us, mut sequence) = (0, 0u16);
        for (jump, time, wait, key, usual) in packets {
            now_us += wait;
            sequence = if usual { sequence.wrapping_add(1) } else { jump };
            let payload: &[u8] = match (video, key) { (true, true) => &KEY, (true, false) => &DELTA, _ => &[0x08, 1] };
            bench.packet(sequence, time, now_us, payload);
        }
        let rate = if video { 90 } else { 48 };
        let fragments = bench.finish();
        for pair in fragments.windows(2) {
            prop_assert!(pair[0].1 <= pair[1].0);
            prop_assert!(!video || pair[1].2 || pair[0].1 == pair[1].0, "a run of video begins with a key frame");
        }
        if let Some(last) = fragments.last() {
            prop_assert!(last.1 as i64 * 1000 / rate <= now_us + 6_000_000);
        }
    }
}

#[test]
fn a_picture_held_back_is_written_with_the_time_of_its_successor() {
    let mut bench = Bench::new(Media::Vp9);
    bench.packet(1, 0, 1_000_000, &KEY);
    // A still screen: one picture a second.
    for n in 1..6u32 {
        bench.packet(1 + n as u16, n * 90_000, 1_000_000 + i64::from(n) * 1_000_000, &DELTA);
    }
    let fragments = bench.finish();
    assert_eq!(fragments.first().map(|f| f.0), Some(90_000));
    assert!(sum(&fragments) >= 5 * 90_000);
}

#[test]
fn a_picture_that_stands_too_long_ends_the_run_and_a_key_frame_is_wanted() {
    let mut bench = Bench::new(Media::Vp9);
    bench.packet(1, 0, 0, &KEY);
    bench.packet(2, 6_000, 66_667, &DELTA);
    bench.packet(3, 500_000, 5_555_555, &DELTA);
    bench.packet(4, 590_000, 6_555_600, &KEY);
    let fragments = bench.finish();
    assert_eq!(fragments.len(), 2);
    assert_eq!((fragments[1].0 / 90, fragments[1].2), (6555, true));
    let gap = bench.facts.iter().find(|fact| matches!(fact, Fact::Gap { .. })).unwrap();
    assert!(matches!(gap, Fact::Gap { to_ms: 6556, .. }), "{gap:?}");
}

#[test]
fn key_frames_are_asked_for_every_four_seconds_and_at_once_after_a_loss() {
    let mut bench = Bench::new(Media::Vp9);
    let mut asked = Vec::new();
    for n in 0..180u16 {
        // A packet is missing at 1 s; key frames come at 0 s and 2 s only.
        if n != 15 {
            let payload: &[u8] = if n == 0 || n == 30 { &KEY } else { &DELTA };
            bench.packet(n, u32::from(n) * 6000, i64::from(n) * 66_667, payload);
        }
        let wanted = bench.facts.iter().filter(|fact| matches!(fact, Fact::KeyFrameWanted { .. })).count();
        if wanted > asked.len() {
            asked.push(n);
        }
    }
    // The hole is given up after 500 ms; the regular request comes 4 s after the last key frame and goes on.
    assert_eq!(asked[..2], [24, 90]);
    assert!(asked.windows(2).all(|pair| pair[1] - pair[0] >= 7), "{asked:?}");
}

#[test]
fn a_track_that_falls_silent_is_closed_and_its_run_ends() {
    let mut bench = Bench::new(Media::Opus { channels: 1 });
    for n in 0..100u16 {
        bench.packet(n, u32::from(n) * 960, i64::from(n) * 20_000, &[0x08, 1, 2, 3]);
    }
    let part = |bench: &Bench| bench.facts.iter().any(|fact| matches!(fact, Fact::PartClosed(_)));
    bench.with(|track, clock, sink| track.tick(5_000_000, Some(clock), sink));
    assert!(!part(&bench));
    let posted = |bench: &Bench| bench.live.read(RecordingKey(uuid::Uuid::nil())).remove(0);
    assert!(crate::runs(&[], Some(&posted(&bench)))[0].open);
    bench.with(|track, clock, sink| track.tick(12_000_000, Some(clock), sink));
    assert!(part(&bench));
    let runs = crate::runs(&[], Some(&posted(&bench)));
    assert_eq!((runs[0].open, runs[0].duration_ms), (false, 2000));
}
