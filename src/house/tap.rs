//! Packets to the recorder, its facts to signaling.

use std::path::Path;

use tokio::sync::mpsc;
use tongke_recorder::{
    Batch, Description, Fact, Media, PacketRef, RecorderHandle, RecordingKey, SenderReport, recordings, recover, scan,
};
use tongke_signaling::command::{Command, Event, PartRow, SourceKind, TrackRow};
use tracing::{error, warn};

use super::names::{Names, key_of, recording_of, source_of, track_of};
use crate::media::outbox::{RecordBatch, RecordedPacket};
use crate::media::sdp::Codec;
use crate::net::worker::RecordSink;

/// Hands a worker's batches to the recorder; its bytes move, they are not copied. A full recorder drops (it counts, and
/// goes on at the next key frame).
pub(super) fn sink(recorder: RecorderHandle) -> RecordSink {
    Box::new(move |from: &mut RecordBatch| {
        let mut batch = recorder.spare().unwrap_or_default();
        std::mem::swap(&mut batch.bytes, &mut from.bytes);
        batch.packets.extend(from.packets.drain(..).map(packet));
        batch.reports.extend(from.reports.drain(..).map(|r| SenderReport {
            recording: key_of(r.recording),
            track: track_of(r.source),
            session: r.connection,
            ssrc: r.ssrc,
            ntp: r.ntp,
            rtp: r.rtp,
            arrival: r.arrival,
            round_trip: r.round_trip,
        }));
        if let Err(refused) = recorder.offer(batch) {
            recycle(from, refused);
        }
    })
}

fn recycle(from: &mut RecordBatch, mut refused: Batch) {
    refused.clear();
    std::mem::swap(&mut refused.bytes, &mut from.bytes);
}

fn packet(p: RecordedPacket) -> PacketRef {
    let media = match p.codec {
        Codec::H264 => Media::H264,
        Codec::Vp9 => Media::Vp9,
        Codec::Opus => Media::Opus { channels: if p.source.kind == SourceKind::ComputerSound { 2 } else { 1 } },
    };
    PacketRef {
        recording: key_of(p.recording),
        track: track_of(p.source),
        media,
        slides: matches!(p.source.kind, SourceKind::Screen | SourceKind::ScreenSlow),
        session: p.connection,
        arrival: p.arrival,
        range: p.range,
        audio_level: p.audio_level,
    }
}

/// Translates a fact of the recorder; `None` for those that are only logged.
fn translate(fact: Fact) -> Option<Event> {
    Some(match fact {
        Fact::TrackOpened { recording, track, name, .. } => {
            Event::TrackOpened(TrackRow { recording: recording_of(recording), track: name, source: source_of(track) })
        }
        Fact::PartClosed(part) => Event::PartKept(PartRow {
            recording: recording_of(part.recording),
            track: part.name,
            number: part.number,
            epoch: part.epoch,
            start_ms: part.start_ms,
            duration_ms: part.duration_ms,
            bytes: part.bytes,
            blake3: part.blake3,
            index: part.index_json,
            recovered: part.recovered,
        }),
        Fact::Gap { recording, name, from_ms, to_ms } => {
            Event::GapFound { recording: recording_of(recording), track: name, from_ms, to_ms }
        }
        Fact::Finished { recording, duration_ms, kept } => {
            Event::Recorded { recording: recording_of(recording), duration_ms, kept }
        }
        Fact::Failed { recording, why } => {
            error!(recording = %recording.0, why, "a recording cannot be written");
            return None;
        }
        Fact::Dropped(counts) => {
            warn!(?counts, "the recorder dropped packets");
            return None;
        }
        Fact::StorageLow { free_bytes, stopped } => {
            warn!(free_bytes, stopped, "the disk for recordings runs short");
            return None;
        }
        Fact::KeyFrameWanted { .. } => return None,
    })
}

/// Tells signaling a fact; called on the recorder's thread, which may wait.
pub(super) fn tell(fact: Fact, events: &mpsc::Sender<Event>, names: &Names, key_frames: &mpsc::Sender<Command>) {
    if let Fact::KeyFrameWanted { recording, track } = fact {
        if let Some(lesson) = names.lesson(recording_of(recording)) {
            // A lost request is repeated by the recorder.
            let _ = key_frames.try_send(Command::KeyFrame { lesson, source: source_of(track) });
        }
        return;
    }
    let finished = if let Fact::Finished { recording, .. } = &fact { Some(*recording) } else { None };
    if let Some(event) = translate(fact)
        && events.blocking_send(event).is_err()
    {
        warn!("a fact of the recorder found signaling gone");
    }
    if let Some(recording) = finished {
        names.end(recording_of(recording));
    }
}

/// Start-up recovery, quick: closes what a crash left growing. Tracks first, so that parts find theirs.
pub(super) fn mend(root: &Path) -> Result<Vec<Event>, tongke_recorder::Error> {
    let mended = recover(root)?;
    let mut facts = Vec::new();
    for (recording, description) in unfinished(root)? {
        facts.extend(description.tracks.iter().filter_map(|t| {
            let source = source_of(t.track()?);
            Some(Event::TrackOpened(TrackRow { recording: recording_of(recording), track: t.name.clone(), source }))
        }));
    }
    facts.extend(mended.into_iter().filter_map(translate));
    Ok(facts)
}

/// Every closed part of unfinished recordings as it is on disk; reads them all.
pub(super) fn reread(root: &Path) -> Result<Vec<Event>, tongke_recorder::Error> {
    let mut facts = Vec::new();
    for (recording, _) in unfinished(root)? {
        facts.extend(scan(root, recording)?.into_iter().map(Fact::PartClosed).filter_map(translate));
    }
    Ok(facts)
}

fn unfinished(root: &Path) -> Result<Vec<(RecordingKey, Description)>, tongke_recorder::Error> {
    let mut found = Vec::new();
    for recording in recordings(root)? {
        // A folder without a description holds no media yet.
        if let Some(d) = tongke_recorder::read_description(root, recording)?.filter(|d| d.finished_ms.is_none()) {
            found.push((recording, d));
        }
    }
    Ok(found)
}
