//! Recovery and verification: the disk is the truth.
//!
//! After a crash each growing part is cut behind its last whole fragment, closed and reported. Doing it again
//! changes nothing. Whether the recording goes on is for whoever opened it to say.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Read};
use std::path::Path;

use uuid::Uuid;

use crate::error::Error;
use crate::fact::{Fact, PartFact};
use crate::files::{
    is_track_name, names_in, number_in, open_part_name, part_name, recording_folder, rename, sync_folder,
};
use crate::order::RecordingKey;
use crate::part::{part_fact, part_index};
use crate::walk::{Trust, Walked, walk_file};
use crate::writer::Resume;

/// Closes every growing part under `root`. Call it once at start-up, before the recorder is spawned. A folder
/// that cannot be recovered is reported as [`Fact::Failed`] and does not keep the others from it.
pub fn recover(root: &Path) -> Result<Vec<Fact>, Error> {
    let mut facts = Vec::new();
    for recording in recordings(root)? {
        match recover_recording(root, recording) {
            Ok(parts) => facts.extend(parts.into_iter().map(Fact::PartClosed)),
            Err(error) => {
                tracing::error!(recording = %recording.0, %error, "a recording cannot be recovered");
                facts.push(Fact::Failed { recording, why: error.to_string() });
            }
        }
    }
    Ok(facts)
}

/// The recordings that have a folder under `root`.
pub fn recordings(root: &Path) -> Result<Vec<RecordingKey>, Error> {
    let keys = names_in(root)?.into_iter().filter_map(|name| Uuid::try_parse(&name).ok().map(RecordingKey));
    Ok(keys.collect())
}

/// Every closed part of a recording as it is on disk, checksums included: reads all of it.
pub fn scan(root: &Path, recording: RecordingKey) -> Result<Vec<PartFact>, Error> {
    let mut parts = Vec::new();
    for_each_track(root, recording, |name, folder| {
        for number in numbers(folder, "part-", ".m4s")? {
            let path = folder.join(part_name(number));
            let (mut walked, length) = walk_path(&path, Trust::Boxes)?;
            let Some(header) = walked.header else {
                return Err(Error::Malformed { path, why: "it does not begin with a part's header".into() });
            };
            let index = part_index(header, walked.fragments, walked.levels.take());
            parts.push(part_fact(recording, name, &index, length, checksum(&path)?, false)?);
        }
        Ok(())
    })?;
    Ok(parts)
}

/// A stored row of a part, for [`check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// The track's folder name.
    pub name: String,
    /// Number of the part.
    pub number: u32,
    /// Size of the file.
    pub bytes: u64,
    /// BLAKE3, hex.
    pub blake3: String,
}

/// Where disk and rows disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A row without a file.
    Missing {
        /// The track's folder name.
        name: String,
        /// Number of the part.
        number: u32,
    },
    /// The file is not what was written.
    Altered {
        /// The track's folder name.
        name: String,
        /// Number of the part.
        number: u32,
    },
    /// A file without a row. [`scan`] has what the row should say.
    Unlisted {
        /// The track's folder name.
        name: String,
        /// Number of the part.
        number: u32,
    },
    /// A part that still grows or was left by a crash.
    Growing {
        /// The track's folder name.
        name: String,
        /// Number of the part.
        number: u32,
    },
    /// A part whose init segment is missing: it cannot be played.
    NoInit {
        /// The track's folder name.
        name: String,
        /// The epoch.
        epoch: u32,
    },
}

/// Compares the rows of a recording with its folder, both ways. `rows` are those whose local copy should be there.
pub fn check(root: &Path, recording: RecordingKey, rows: &[PartRow]) -> Result<Vec<Problem>, Error> {
    let mut problems = Vec::new();
    let mut wanted: BTreeMap<(String, u32), &PartRow> =
        rows.iter().map(|row| ((row.name.clone(), row.number), row)).collect();
    for_each_track(root, recording, |name, folder| {
        let name = name.to_owned();
        for number in numbers(folder, "part-", ".m4s")? {
            let path = folder.join(part_name(number));
            let (walked, length) = walk_path(&path, Trust::Boxes)?;
            match wanted.remove(&(name.clone(), number)) {
                None => problems.push(Problem::Unlisted { name: name.clone(), number }),
                Some(row) if row.bytes == length && row.blake3 == checksum(&path)? => {}
                Some(_) => problems.push(Problem::Altered { name: name.clone(), number }),
            }
            if let Some(header) = walked.header
                && !folder.join(crate::files::init_name(header.epoch)).is_file()
            {
                problems.push(Problem::NoInit { name: name.clone(), epoch: header.epoch });
            }
        }
        for number in numbers(folder, "part-", ".m4s.open")? {
            problems.push(Problem::Growing { name: name.clone(), number });
        }
        Ok(())
    })?;
    problems.extend(wanted.into_keys().map(|(name, number)| Problem::Missing { name, number }));
    Ok(problems)
}

/// Closes the growing parts of one recording.
pub(crate) fn recover_recording(root: &Path, recording: RecordingKey) -> Result<Vec<PartFact>, Error> {
    let mut parts = Vec::new();
    for_each_track(root, recording, |name, folder| {
        for leftover in names_in(folder)?.iter().filter(|name| name.ends_with(".tmp")) {
            let path = folder.join(leftover);
            fs::remove_file(&path).map_err(Error::io("removing", &path))?;
        }
        for number in numbers(folder, "part-", ".m4s.open")? {
            parts.extend(recover_part(recording, name, folder, number)?);
        }
        Ok(())
    })?;
    Ok(parts)
}

fn recover_part(recording: RecordingKey, name: &str, folder: &Path, number: u32) -> Result<Option<PartFact>, Error> {
    let path = folder.join(open_part_name(number));
    let (mut walked, length) = walk_path(&path, Trust::Nothing)?;
    let Some(header) = walked.header.filter(|_| !walked.fragments.is_empty()) else {
        // Not one whole fragment: nothing that could be played.
        fs::remove_file(&path).map_err(Error::io("removing", &path))?;
        sync_folder(folder)?;
        return Ok(None);
    };
    let closed = folder.join(part_name(number));
    if closed.exists() {
        // Never made by the recorder; a person should look before anything is overwritten.
        return Err(Error::Malformed { path, why: "a closed part of this number exists".into() });
    }
    let file = OpenOptions::new().write(true).open(&path).map_err(Error::io("opening", &path))?;
    if walked.whole < length {
        file.set_len(walked.whole).map_err(Error::io("cutting", &path))?;
    }
    file.sync_all().map_err(Error::io("syncing", &path))?;
    let blake3 = checksum(&path)?;
    rename(&path, &closed)?;
    let cut = length - walked.whole;
    tracing::info!(recording = %recording.0, track = name, number, cut, "a part left by a crash is closed");
    let index = part_index(header, walked.fragments, walked.levels.take());
    part_fact(recording, name, &index, walked.whole, blake3, true).map(Some)
}

/// Where a track goes on: what its folder holds already. Parts follow each other in time, so the last one's
/// end is the track's.
pub(crate) fn existing(folder: &Path) -> Result<Resume, Error> {
    let mut resume = Resume::default();
    if let Some(&last) = numbers(folder, "part-", ".m4s")?.last() {
        let (walked, _) = walk_path(&folder.join(part_name(last)), Trust::Boxes)?;
        resume.next_part = last.saturating_add(1);
        resume.end = walked.fragments.last().map(|fragment| fragment.end());
    }
    // A part that could not be closed keeps its number.
    if let Some(&last) = numbers(folder, "part-", ".m4s.open")?.last() {
        resume.next_part = resume.next_part.max(last.saturating_add(1));
    }
    if let Some(&last) = numbers(folder, "init-", ".mp4")?.last() {
        resume.next_epoch = last.saturating_add(1);
    }
    Ok(resume)
}

fn for_each_track(
    root: &Path,
    recording: RecordingKey,
    mut each: impl FnMut(&str, &Path) -> Result<(), Error>,
) -> Result<(), Error> {
    let folder = recording_folder(root, recording);
    for name in names_in(&folder)?.iter().filter(|name| is_track_name(name)) {
        each(name, &folder.join(name))?;
    }
    Ok(())
}

/// Numbers of the files of one kind, ascending.
fn numbers(folder: &Path, prefix: &str, suffix: &str) -> Result<Vec<u32>, Error> {
    let mut numbers: Vec<u32> = names_in(folder)?.iter().filter_map(|name| number_in(name, prefix, suffix)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn walk_path(path: &Path, trust: Trust) -> Result<(Walked, u64), Error> {
    let file = File::open(path).map_err(Error::io("opening", path))?;
    let length = file.metadata().map_err(Error::io("measuring", path))?.len();
    let walked = walk_file(&mut BufReader::new(file), length, trust).map_err(Error::io("reading", path))?;
    Ok((walked, length))
}

fn checksum(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(Error::io("opening", path))?;
    let mut hasher = blake3::Hasher::new();
    // One read call serves a fragment of usual size.
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer).map_err(Error::io("reading", path))? {
            0 => return Ok(hasher.finalize().to_hex().to_string()),
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        };
    }
}
