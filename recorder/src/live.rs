//! The board of what is being recorded now, for live playlists: written once a fragment, read by whoever
//! makes a playlist. Not on the packet path.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::index::{FragmentIndex, PartIndex};
use crate::order::RecordingKey;

/// Closed parts that stay on the board, so that a playlist never lacks a part whose row is still on its way.
/// Three minutes of them.
const CLOSED_KEPT: usize = 3;

/// A track that is being recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveTrack {
    /// Its folder's name.
    pub name: String,
    /// The last closed parts and the growing one, by number. A part that is also known from its row is the
    /// same part: [`crate::runs`] takes it once.
    pub parts: Vec<PartIndex>,
    /// Number of the growing part, if there is one now.
    pub growing: Option<u32>,
    /// Nothing has come for so long that what comes next begins another run.
    pub idle: bool,
}

#[derive(Debug, Default)]
struct Posted {
    closed: VecDeque<PartIndex>,
    growing: Option<PartIndex>,
    idle: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct LiveBoard {
    recordings: Mutex<HashMap<RecordingKey, BTreeMap<String, Posted>>>,
}

impl LiveBoard {
    fn lock(&self) -> MutexGuard<'_, HashMap<RecordingKey, BTreeMap<String, Posted>>> {
        // Each change below is complete in itself, so a panic elsewhere leaves the board readable.
        self.recordings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fragment was appended; `part` describes the part without fragments, for the first one.
    pub(crate) fn append(
        &self,
        recording: RecordingKey,
        name: &str,
        fragment: FragmentIndex,
        part: impl FnOnce() -> PartIndex,
    ) {
        let mut board = self.lock();
        let tracks = board.entry(recording).or_default();
        let posted = match tracks.get_mut(name) {
            Some(posted) => posted,
            None => tracks.entry(name.to_owned()).or_default(),
        };
        posted.growing.get_or_insert_with(part).fragments.push(fragment);
    }

    /// The growing part of a track was closed; `idle` if nothing goes on from it.
    pub(crate) fn close(&self, recording: RecordingKey, name: &str, idle: bool) {
        let mut board = self.lock();
        let Some(posted) = board.get_mut(&recording).and_then(|tracks| tracks.get_mut(name)) else {
            return;
        };
        posted.idle = idle;
        if let Some(part) = posted.growing.take() {
            posted.closed.push_back(part);
        }
        while posted.closed.len() > CLOSED_KEPT {
            posted.closed.pop_front();
        }
    }

    /// A recording has ended: its rows say everything.
    pub(crate) fn end(&self, recording: RecordingKey) {
        self.lock().remove(&recording);
    }

    /// A copy of what is posted of one recording.
    pub(crate) fn read(&self, recording: RecordingKey) -> Vec<LiveTrack> {
        let board = self.lock();
        let tracks = board.get(&recording).into_iter().flatten();
        tracks
            .map(|(name, posted)| LiveTrack {
                name: name.clone(),
                parts: posted.closed.iter().chain(&posted.growing).cloned().collect(),
                growing: posted.growing.as_ref().map(|part| part.number),
                idle: posted.idle,
            })
            .collect()
    }
}
