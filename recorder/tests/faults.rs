//! What the recorder does when the disk, the queue or a file is not what it should be.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod common;

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use common::*;
use tongke_recorder::*;
use uuid::Uuid;

#[test]
fn a_part_cut_anywhere_plays_up_to_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("recordings");
    let clip = h264_clip(folder.path(), "160x120", 15, 8);
    let studio = Studio::new(&root);
    let recording = studio.recording;
    studio.send(&clip, 0..clip.frames.len(), Duration::ZERO, &mut Publisher::new(1), |_, _| true);
    let part = parts(&studio.stop()).remove(0);
    let index: PartIndex = serde_json::from_str(&part.index_json).unwrap();
    let track = root.join(recording.0.to_string()).join(&part.name);
    let (closed, open) = (track.join("part-0.m4s"), track.join("part-0.m4s.open"));
    let bytes = std::fs::read(&closed).unwrap();
    for cut in (0..bytes.len()).step_by(611).chain([bytes.len()]) {
        std::fs::remove_file(&closed).ok();
        // A power cut leaves zeros as well as ends.
        let mut left = bytes[..cut].to_vec();
        left.resize(cut + cut % 3 * 100, 0);
        std::fs::write(&open, left).unwrap();
        let facts = recover(&root).unwrap();
        let whole = index.fragments.iter().filter(|f| f.offset + u64::from(f.bytes) <= cut as u64).count();
        let recovered: Vec<PartIndex> = indexes(&parts(&facts));
        assert_eq!(recovered.first().map_or(0, |part| part.fragments.len()), whole, "cut at {cut}");
        assert!(!open.exists());
        assert_eq!(recover(&root).unwrap(), []);
        if whole > 0 {
            assert_eq!(
                parts(&facts),
                scan(&root, recording)
                    .unwrap()
                    .into_iter()
                    .map(|part| PartFact { recovered: true, ..part })
                    .collect::<Vec<_>>()
            );
        }
    }
    assert_eq!(std::fs::read(&closed).unwrap(), bytes);
}

/// A recorder with a configuration of its own.
fn spawn(config: Config) -> (RecorderHandle, Receiver<Fact>) {
    let (sender, facts) = channel();
    (Recorder::spawn(config, Box::new(move |fact| drop(sender.send(fact)))).unwrap(), facts)
}

#[test]
fn at_the_reserve_recordings_end_cleanly_and_new_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path());
    config.reserve_bytes = Some(u64::MAX);
    let (handle, facts) = spawn(config);
    let wait = |found: &dyn Fn(&Fact) -> bool| {
        while !found(&facts.recv_timeout(Duration::from_secs(10)).expect("the fact in time")) {}
    };
    wait(&|fact| matches!(fact, Fact::StorageLow { stopped: true, .. }));
    let recording = RecordingKey(Uuid::new_v4());
    handle.order(Order::Start { recording, started_wall_ms: 0, now_wall_ms: 0, now: now() }).unwrap();
    wait(&|fact| matches!(fact, Fact::Failed { .. }));
    handle.shutdown();
}

#[test]
fn a_full_queue_gives_batches_back_and_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let (block, blocked) = channel::<()>();
    let (sender, facts) = channel();
    let recorder = Recorder::spawn(
        Config::new(folder.path()),
        Box::new(move |fact| {
            // The first fact holds the thread up until the test lets it go on.
            let _ = blocked.recv();
            let _ = sender.send(fact);
        }),
    )
    .unwrap();
    let recording = RecordingKey(Uuid::new_v4());
    let base = now();
    recorder.order(Order::Start { recording, started_wall_ms: 0, now_wall_ms: 0, now: base }).unwrap();
    recorder.order(Order::Start { recording, started_wall_ms: 0, now_wall_ms: 0, now: base }).unwrap();
    let batch = || {
        let mut batch = Batch::default();
        let packet = PacketRef {
            recording,
            track: TrackKey(1),
            media: Media::Opus { channels: 1 },
            slides: false,
            session: 1,
            arrival: base,
            range: 0..0,
            audio_level: None,
        };
        batch.push(packet, &rtp(1, 1, 1, false, &[8, 1]));
        batch
    };
    let refused = (0..6000).filter(|_| recorder.offer(batch()).is_err()).count();
    // 4096 wait, the two orders to start may be among them, and one batch may be in work.
    assert!((6000 - 4097..=6000 - 4094).contains(&refused), "{refused} refused");
    drop(block);
    recorder.order(Order::Stop { recording, now: base }).unwrap();
    let mut counted = 0;
    while counted < refused {
        if let Fact::Dropped(dropped) = facts.recv_timeout(Duration::from_secs(10)).expect("counts in time") {
            counted += dropped.batches as usize;
        }
    }
    assert_eq!(counted, refused);
    assert!(recorder.spare().is_some_and(|spare| spare.is_empty() && spare.bytes.capacity() > 0));
    recorder.shutdown();
    assert!(recorder.offer(batch()).is_err());
    assert!(matches!(recorder.order(Order::Stop { recording, now: base }), Err(Error::Stopped)));
}

#[test]
fn a_growing_part_is_on_the_board_and_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("recordings");
    let clip = h264_clip(folder.path(), "160x120", 15, 10);
    let mut studio = Studio::new(&root);
    let recording = studio.recording;
    studio.send(&clip, 0..clip.frames.len(), Duration::ZERO, &mut Publisher::new(1), |_, _| true);
    studio.served();
    let live = studio.handle.live(recording);
    assert_eq!((live.len(), live[0].growing), (1, Some(0)));
    let runs = runs(&[], live.first());
    assert!(runs[0].open && runs[0].segments.len() == 2, "{runs:?}");
    let file = open_media(&root, recording, &live[0].name, "part-0.m4s").unwrap();
    let needed = runs[0].segments.iter().map(|segment| segment.offset + segment.bytes).max().unwrap();
    assert!(file.metadata().unwrap().len() >= needed);
    assert!(open_media(&root, recording, &live[0].name, "init-0.mp4").is_ok());
    for (track, name) in [
        (live[0].name.as_str(), "../recording.json"),
        (live[0].name.as_str(), "part-00.m4s"),
        (live[0].name.as_str(), "part-0.m4s.open"),
        ("..", "part-0.m4s"),
        ("", "init-0.mp4"),
    ] {
        assert!(matches!(open_media(&root, recording, track, name), Err(Error::UnknownName)), "{track}/{name}");
    }
    let handle = studio.handle.clone();
    drop(studio.stop());
    assert_eq!(handle.live(recording), []);
    let kept = read_description(&root, recording).unwrap().unwrap();
    assert_eq!((kept.started_wall_ms, kept.finished_ms, kept.tracks.len()), (STARTED_MS, Some(10_000), 1));
}

#[test]
fn another_codec_of_the_same_source_is_another_track() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("recordings");
    let (h264, vp9) = (h264_clip(folder.path(), "160x120", 15, 4), vp9_clip(folder.path(), "160x120", 15, 4));
    let studio = Studio::new(&root);
    studio.send(&h264, 0..60, Duration::ZERO, &mut Publisher::new(1), |_, _| true);
    let mut again = Publisher { session: 2, ..Publisher::new(1) };
    studio.send(&vp9, 0..60, Duration::from_secs(5), &mut again, |_, _| true);
    let parts = parts(&studio.stop());
    assert_eq!(parts.len(), 2);
    assert_ne!(parts[0].name, parts[1].name);
    assert!(parts.iter().all(|part| part.duration_ms == 4000), "{parts:?}");
}

#[test]
fn a_wall_clock_set_back_does_not_lead_into_what_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("recordings");
    let clip = opus_clip(folder.path(), 4);
    let studio = Studio::open(&root, RecordingKey(Uuid::new_v4()), 60_000);
    let recording = studio.recording;
    studio.send(&clip, 0..150, Duration::ZERO, &mut Publisher::new(1), |_, _| true);
    drop(studio.stop());
    // An hour earlier by the wall.
    let studio = Studio::open(&root, recording, -3_540_000);
    let mut again = Publisher { session: 2, ..Publisher::new(1) };
    studio.send(&clip, 0..150, Duration::from_secs(1), &mut again, |_, _| true);
    let parts = parts(&studio.stop());
    assert_eq!((parts[0].number, parts[0].start_ms, parts[0].duration_ms), (1, 64_000, 3000));
}
