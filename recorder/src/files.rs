//! Names and durable writes: the only file that renames and syncs.
//!
//! ```text
//! <root>/<recording uuid>/recording.json
//! <root>/<recording uuid>/<track: 32 hex digits>/init-<epoch>.mp4
//! <root>/<recording uuid>/<track>/part-<n>.m4s        closed, synced
//! <root>/<recording uuid>/<track>/part-<n>.m4s.open   growing
//! ```
//! A file without `.open` or `.tmp` at its end is complete and never changes.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::order::RecordingKey;

/// The folder of a recording.
pub fn recording_folder(root: &Path, recording: RecordingKey) -> PathBuf {
    root.join(recording.0.hyphenated().to_string())
}

/// File name of an init segment.
pub fn init_name(epoch: u32) -> String {
    format!("init-{epoch}.mp4")
}

/// File name of a closed part.
pub fn part_name(number: u32) -> String {
    format!("part-{number}.m4s")
}

/// File name of a growing part.
pub(crate) fn open_part_name(number: u32) -> String {
    format!("part-{number}.m4s.open")
}

/// The number in `prefix<number>suffix`, written the only way this crate writes it.
pub(crate) fn number_in(name: &str, prefix: &str, suffix: &str) -> Option<u32> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    let number: u32 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// A track's folder name: 32 lower-case hex digits.
pub(crate) fn is_track_name(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Opens a file that a playlist names, for reading: `init-<epoch>.mp4` or `part-<n>.m4s`, the latter also
/// while it still grows. Any other name, from wherever it came, is [`Error::UnknownName`].
pub fn open_media(root: &Path, recording: RecordingKey, track: &str, file: &str) -> Result<File, Error> {
    let known = number_in(file, "init-", ".mp4").is_some() || number_in(file, "part-", ".m4s").is_some();
    if !known || !is_track_name(track) {
        return Err(Error::UnknownName);
    }
    let path = recording_folder(root, recording).join(track).join(file);
    let growing = path.with_file_name(format!("{file}.open"));
    // The part may be renamed between the two tries, so the closed name is tried again at last.
    File::open(&path)
        .or_else(|_| File::open(&growing))
        .or_else(|_| File::open(&path))
        .map_err(Error::io("opening", &path))
}

/// Makes a folder and makes it last.
pub(crate) fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::io("creating", path))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// fsync of a folder: what was created, renamed or deleted in it survives a power cut.
pub(crate) fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(Error::io("syncing", path))
}

/// Writes a whole file so that after any crash there is the old one or the new one.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let mut file = File::create(&temporary).map_err(Error::io("creating", &temporary))?;
    file.write_all(bytes).map_err(Error::io("writing", &temporary))?;
    file.sync_all().map_err(Error::io("syncing", &temporary))?;
    drop(file);
    rename(&temporary, path)
}

/// Renames within a folder and makes the new name last.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(Error::io("renaming", from))?;
    to.parent().map_or(Ok(()), sync_folder)
}

/// Creates a growing part; one that is already there is never overwritten.
pub(crate) fn create_new(path: &Path) -> Result<File, Error> {
    OpenOptions::new().write(true).create_new(true).open(path).map_err(Error::io("creating", path))
}

/// Names of the entries of a folder, sorted; none where there is no such folder.
pub(crate) fn names_in(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("listing", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("listing", folder))?;
        // Names that are not UTF-8 are not ours.
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Free bytes and size of the volume that holds `path`.
pub(crate) fn free_space(path: &Path) -> Result<(u64, u64), Error> {
    let volume = rustix::fs::statvfs(path).map_err(|error| Error::io("asking the volume of", path)(error.into()))?;
    Ok((volume.f_bavail.saturating_mul(volume.f_frsize), volume.f_blocks.saturating_mul(volume.f_frsize)))
}
