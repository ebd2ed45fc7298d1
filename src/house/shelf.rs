//! Playback for signaling: playlists of the recorder, files of the disk.

use std::path::PathBuf;

use tongke_recorder::playlist::{Run, playlist, runs};
use tongke_recorder::{PartIndex, RecorderHandle};
use tongke_signaling::command::{PartRow, RecordingId};
use tongke_signaling::{RunRow, Shelf};

use super::names::key_of;

/// See the module.
pub(super) struct BookShelf {
    root: PathBuf,
    recorder: RecorderHandle,
}

impl BookShelf {
    pub(super) fn new(root: PathBuf, recorder: RecorderHandle) -> Self {
        Self { root, recorder }
    }

    fn stretches(&self, recording: RecordingId, track: &str, parts: &[PartRow]) -> Vec<Run> {
        // A row that cannot be read is a hole in the playlist, not a failure of the whole.
        let stored: Vec<PartIndex> = parts.iter().filter_map(|p| serde_json::from_str(&p.index).ok()).collect();
        let live = self.recorder.live(key_of(recording));
        runs(&stored, live.iter().find(|l| l.name == track))
    }
}

impl Shelf for BookShelf {
    fn runs(&self, recording: RecordingId, track: &str, parts: &[PartRow]) -> Vec<RunRow> {
        self.stretches(recording, track, parts)
            .iter()
            .map(|r| RunRow { start_ms: r.start_ms, duration_ms: r.duration_ms })
            .collect()
    }

    fn playlist(
        &self,
        recording: RecordingId,
        track: &str,
        parts: &[PartRow],
        run: usize,
        uri: &dyn Fn(&str) -> String,
        ended: bool,
    ) -> Option<String> {
        let stretches = self.stretches(recording, track, parts);
        Some(playlist(stretches.get(run)?, uri, ended))
    }

    fn file(&self, recording: RecordingId, track: &str, file: &str) -> Option<PathBuf> {
        // Opening checks the names and whether the file is there, growing or closed.
        tongke_recorder::open_media(&self.root, key_of(recording), track, file).ok()?;
        let path = tongke_recorder::files::recording_folder(&self.root, key_of(recording)).join(track).join(file);
        Some(if path.exists() { path } else { path.with_file_name(format!("{file}.open")) })
    }
}

/// A shelf without books, for commands that play nothing.
struct Empty;

impl Shelf for Empty {
    fn runs(&self, _: RecordingId, _: &str, _: &[PartRow]) -> Vec<RunRow> {
        Vec::new()
    }

    fn playlist(
        &self,
        _: RecordingId,
        _: &str,
        _: &[PartRow],
        _: usize,
        _: &dyn Fn(&str) -> String,
        _: bool,
    ) -> Option<String> {
        None
    }

    fn file(&self, _: RecordingId, _: &str, _: &str) -> Option<PathBuf> {
        None
    }
}

/// A shelf for commands that only read or change rows.
pub fn closed_shelf() -> std::sync::Arc<dyn Shelf> {
    std::sync::Arc::new(Empty)
}
