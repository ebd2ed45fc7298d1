//! A recording's own description, `recording.json`: written before the first media byte and at each new track.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;
use crate::files::{is_track_name, make_folder, recording_folder, write_durably};
use crate::order::{Media, RecordingKey, TrackKey};

/// Tracks of a recording at most: a lesson of 100 rooms has some 210.
pub(crate) const MOST_TRACKS: usize = 512;

/// What `recording.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Wall time of lesson time 0, Unix ms.
    pub started_wall_ms: i64,
    /// End of the longest track, once the recording has been finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_ms: Option<i64>,
    /// The tracks in the order in which they appeared.
    pub tracks: Vec<TrackDescription>,
}

/// A track of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackDescription {
    /// The caller's key, hex (JSON numbers do not hold 128 bits).
    pub key: String,
    /// The folder's name.
    pub name: String,
    /// What it carries.
    pub media: Media,
}

impl TrackDescription {
    /// The caller's key.
    pub fn track(&self) -> Option<TrackKey> {
        u128::from_str_radix(&self.key, 16).ok().map(TrackKey)
    }
}

/// A recording's folder and its description, in step.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) description: Description,
}

impl Folder {
    /// Makes the folder, or takes up the one that is there.
    pub(crate) fn open(root: &Path, recording: RecordingKey, started_wall_ms: i64) -> Result<Folder, Error> {
        let path = recording_folder(root, recording);
        if let Some(description) = read_description(root, recording)? {
            let mut folder = Folder { path, description };
            if folder.description.finished_ms.take().is_some() {
                folder.save()?;
            }
            return Ok(folder);
        }
        make_folder(&path)?;
        let folder =
            Folder { path, description: Description { started_wall_ms, finished_ms: None, tracks: Vec::new() } };
        folder.save()?;
        Ok(folder)
    }

    /// Folder name and medium of a track, made durable before it is given out.
    pub(crate) fn track(&mut self, track: TrackKey, media: Media) -> Result<TrackDescription, Error> {
        if let Some(known) =
            self.description.tracks.iter().find(|known| known.track() == Some(track) && known.media == media)
        {
            return Ok(known.clone());
        }
        if self.description.tracks.len() >= MOST_TRACKS {
            return Err(Error::TooMany { what: "tracks in a recording", limit: MOST_TRACKS });
        }
        let name = Uuid::new_v4().simple().to_string();
        let new = TrackDescription { key: format!("{:x}", track.0), name, media };
        make_folder(&self.path.join(&new.name))?;
        self.description.tracks.push(new.clone());
        if let Err(error) = self.save() {
            self.description.tracks.pop();
            return Err(error);
        }
        Ok(new)
    }

    /// Notes that the recording is finished.
    pub(crate) fn finish(&mut self, duration_ms: i64) -> Result<(), Error> {
        self.description.finished_ms = Some(duration_ms);
        self.save()
    }

    fn save(&self) -> Result<(), Error> {
        let path = self.path.join("recording.json");
        let json = serde_json::to_vec_pretty(&self.description)
            .map_err(|error| Error::Malformed { path: path.clone(), why: error.to_string() })?;
        write_durably(&path, &json)
    }
}

/// Reads a recording's description; `None` where there is no such recording.
pub fn read_description(root: &Path, recording: RecordingKey) -> Result<Option<Description>, Error> {
    let path = recording_folder(root, recording).join("recording.json");
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("reading", &path)(error)),
    };
    let description: Description = serde_json::from_slice(&json)
        .map_err(|error| Error::Malformed { path: path.clone(), why: error.to_string() })?;
    // The names become paths: only those that this crate makes.
    if let Some(odd) = description.tracks.iter().find(|track| !is_track_name(&track.name)) {
        return Err(Error::Malformed { path, why: format!("track name {:?}", odd.name) });
    }
    Ok(Some(description))
}
