//! Clips made by ffmpeg are packetised, recorded, and decoded again by ffmpeg. Without ffmpeg these tests fail.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod common;

use std::time::Duration;

use common::*;
use tongke_recorder::*;

#[test]
fn h264_is_recorded_frame_by_frame_in_parts_of_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("recordings");
    let clip = h264_clip(folder.path(), "320x240", 15, 130);
    let studio = Studio::new(&root);
    let recording = studio.recording;
    studio.send(&clip, 0..clip.frames.len(), Duration::from_secs(10), &mut Publisher::new(1), |_, _| true);
    let facts = studio.stop();
    let parts = parts(&facts);
    assert_eq!(parts.iter().map(|p| p.number).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(parts.iter().map(|p| p.start_ms).collect::<Vec<_>>(), [10_000, 70_000, 130_000]);
    let (frames, seconds) = decode(&joined(&root, &parts, 0));
    assert_eq!(frames, 130 * 15);
    assert!((seconds - 130.0).abs() < 0.1, "{seconds}");
    let runs = runs(&indexes(&parts), None);
    assert_eq!(runs.len(), 1);
    assert!(runs[0].codec.starts_with("avc1.42"), "{}", runs[0].codec);
    assert!(runs[0].segments.iter().all(|s| (3.5..=4.5).contains(&s.seconds) || s.seconds < 4.0));
    assert!(facts.contains(&Fact::Finished { recording, duration_ms: 140_000, kept: true }), "{:?}", facts.last());
    // The disk says the same as the facts.
    assert_eq!(scan(&root, recording).unwrap(), parts);
    let rows: Vec<PartRow> = parts
        .iter()
        .map(|p| PartRow { name: p.name.clone(), number: p.number, bytes: p.bytes, blake3: p.blake3.clone() })
        .collect();
    assert_eq!(check(&root, recording, &rows).unwrap(), []);
    let extra = PartRow { number: 9, ..rows[0].clone() };
    let changed = PartRow { blake3: "0".repeat(64), ..rows[1].clone() };
    let name = rows[0].name.clone();
    assert_eq!(
        check(&root, recording, &[rows[0].clone(), changed, extra]).unwrap(),
        [
            Problem::Altered { name: name.clone(), number: 1 },
            Problem::Unlisted { name: name.clone(), number: 2 },
            Problem::Missing { name, number: 9 },
        ]
    );
}

#[test]
fn vp9_changes_its_epoch_with_its_resolution_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("recordings");
    let (large, small) = (vp9_clip(folder.path(), "640x360", 15, 6), vp9_clip(folder.path(), "320x180", 15, 6));
    let studio = Studio::new(&root);
    let mut publisher = Publisher::new(1);
    studio.send(&large, 0..90, Duration::ZERO, &mut publisher, |_, _| true);
    // Another simulcast layer: another SSRC, sequence and time.
    let mut layer = Publisher { ssrc: 8, sequence: 5, time: 77, ..publisher };
    studio.send(&small, 0..90, Duration::from_secs(6), &mut layer, |_, _| true);
    let facts = studio.stop();
    let parts = parts(&facts);
    assert_eq!(parts.iter().map(|p| (p.number, p.epoch)).collect::<Vec<_>>(), [(0, 0), (1, 1)]);
    for epoch in [0, 1] {
        let (frames, seconds) = decode(&joined(&root, &parts, epoch));
        assert_eq!(frames, 90);
        assert!((seconds - 6.0).abs() < 0.1, "{seconds}");
    }
    let runs = runs(&indexes(&parts), None);
    assert_eq!(runs.len(), 1, "a change of layer is no gap");
    assert_eq!((runs[0].codec.as_str(), runs[0].width), ("vp09.00.21.08", 640));
    assert_eq!(runs[0].duration_ms, 12_000);
    assert!(playlist(&runs[0], str::to_owned, true).contains("init-1.mp4"));
}

#[test]
fn lost_sound_is_concealed_and_long_silence_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("recordings");
    let clip = opus_clip(folder.path(), 10);
    let studio = Studio::new(&root);
    let recording = studio.recording;
    // Every 20th packet is lost; 2 s are missing from 4 s on.
    let count = clip.frames.len();
    studio
        .send(&clip, 0..count, Duration::ZERO, &mut Publisher::new(1), |n, _| n % 20 != 7 && !(200..300).contains(&n));
    let facts = studio.stop();
    let parts = parts(&facts);
    let indexes = indexes(&parts);
    let runs = runs(&indexes, None);
    assert_eq!(gaps(&runs), [(4000, 6000)]);
    assert_eq!(runs[0].codec, "Opus");
    assert!(facts.iter().any(|f| matches!(f, Fact::Gap { from_ms: 4000, to_ms: 6000, .. })), "{facts:?}");
    let (frames, seconds) = decode(&joined(&root, &parts, 0));
    assert_eq!(frames, count - 100, "concealed frames stand in for the lost ones");
    assert!((seconds - 10.0).abs() < 0.1, "{seconds}");
    assert!(indexes[0].levels.starts_with("1e1e1e"));
    // The files carry the loudness as well.
    assert_eq!(scan(&root, recording).unwrap(), parts);
}

#[test]
fn reordered_packets_lose_nothing_and_a_lost_one_costs_up_to_the_next_key_frame() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("recordings");
    let clip = h264_clip(folder.path(), "640x480", 15, 12);
    let studio = Studio::new(&root);
    let mut publisher = Publisher::new(1);
    let mut packets = Vec::new();
    for (n, frame) in clip.frames.iter().enumerate() {
        let all = payloads(clip.media, frame);
        for (i, payload) in all.iter().enumerate() {
            // One packet of frame 70 never comes.
            if (n, i) != (70, 0) {
                let bytes = rtp(publisher.sequence, publisher.time, 7, i + 1 == all.len(), payload);
                packets.push((Duration::from_micros(n as u64 * 66_667), bytes));
            }
            publisher.sequence = publisher.sequence.wrapping_add(1);
        }
        publisher.time = publisher.time.wrapping_add(clip.ticks);
    }
    // Neighbours are swapped throughout: the first of each pair is late.
    for pair in packets.chunks_exact_mut(2).skip(1) {
        let (a, b) = pair.split_at_mut(1);
        std::mem::swap(&mut a[0].1, &mut b[0].1);
        a[0].0 = b[0].0;
    }
    let mut batch = Batch::default();
    for (at, bytes) in &packets {
        batch.push(studio.packet(clip.media, &publisher, studio.base + *at), bytes);
    }
    studio.handle.offer(batch).unwrap();
    let facts = studio.stop();
    let parts = parts(&facts);
    let (frames, _) = decode(&joined(&root, &parts, 0));
    assert_eq!(frames, 70 + 60, "70 before the loss, 60 from the key frame at 8 s on");
    let runs = runs(&indexes(&parts), None);
    assert_eq!(runs.len(), 2);
    let wanted = facts.iter().filter(|fact| matches!(fact, Fact::KeyFrameWanted { .. })).count();
    assert!(wanted >= 2, "asked at the loss and again: {wanted}");
    assert!(facts.iter().any(|f| matches!(f, Fact::Gap { to_ms: 8000, .. })), "{facts:?}");
}

#[test]
fn a_killed_recorder_loses_a_second_at_most_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("recordings");
    let (video, sound) = (h264_clip(folder.path(), "320x240", 15, 20), opus_clip(folder.path(), 20));
    let mut studio = Studio::new(&root);
    let recording = studio.recording;
    let (mut camera, mut microphone) = (Publisher::new(1), Publisher::new(2));
    let mut sent = Duration::ZERO;
    for kill in 0..10 {
        // 1.9 s a step: kills at all phases of a group of pictures.
        let (pictures, packets) = (28, 95);
        studio.send(&video, kill * pictures..(kill + 1) * pictures, sent, &mut camera, |_, _| true);
        studio.send(&sound, kill * packets..(kill + 1) * packets, sent, &mut microphone, |_, _| true);
        studio.served();
        sent += Duration::from_micros(28 * 1_000_000 / 15);
        // A copy of the folder is what a killed process leaves.
        let copy = folder.path().join(format!("killed-{kill}"));
        run("cp", &["-r", root.to_str().unwrap(), copy.to_str().unwrap()]);
        let parts = parts(&recover(&copy).unwrap());
        assert_eq!(recover(&copy).unwrap(), [], "recovery is idempotent");
        assert!(parts.iter().all(|part| part.recovered));
        assert_eq!(parts.len(), 2);
        for part in parts {
            let (_, seconds) = decode(&joined(&copy, std::slice::from_ref(&part), 0));
            let lost = sent.as_secs_f64() - seconds;
            assert!(lost <= 1.1, "{lost} s lost of {}", part.name);
        }
        if kill == 9 {
            goes_on(&copy, recording, &video);
        }
    }
    drop(studio.stop());
}

fn goes_on(root: &std::path::Path, recording: RecordingKey, video: &Clip) {
    let before = scan(root, recording).unwrap();
    let studio = Studio::open(root, recording, 25_000);
    let mut camera = Publisher { session: 2, ssrc: 99, sequence: 1, time: 5, ..Publisher::new(1) };
    studio.send(video, 0..60, Duration::ZERO, &mut camera, |_, _| true);
    let facts = studio.stop();
    let Some(Fact::TrackOpened { name, .. }) = facts.first() else { panic!("{facts:?}") };
    assert!(before.iter().any(|part| part.name == *name), "the track keeps its folder");
    let mut all: Vec<PartFact> = scan(root, recording).unwrap();
    all.retain(|part| part.name == *name);
    assert_eq!(all.iter().map(|p| p.number).collect::<Vec<_>>(), [0, 1]);
    let runs = runs(&indexes(&all), None);
    assert_eq!((runs.len(), runs[1].start_ms, runs[1].duration_ms), (2, 25_000, 4000));
    assert!(facts.iter().any(|f| matches!(f, Fact::Gap { to_ms: 25_000, .. })));
    assert!(matches!(facts.last(), Some(Fact::Finished { kept: true, duration_ms: 29_000, .. })), "{facts:?}");
}
