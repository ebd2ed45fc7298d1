//! A growing part: fragments appended with one write each, checksummed on the way, closed by sync and rename.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cmaf::{PartHeader, Sample, write_fragment, write_header};
use crate::error::Error;
use crate::fact::PartFact;
use crate::files::{create_new, open_part_name, part_name, rename, sync_folder};
use crate::index::{FragmentIndex, PartIndex};
use crate::order::RecordingKey;
use crate::walk::MOST_FRAGMENTS;

/// A part that is being written. Its file appears with its first fragment.
#[derive(Debug)]
pub(crate) struct OpenPart {
    folder: PathBuf,
    file: Option<Arc<File>>,
    header: PartHeader,
    length: u64,
    hasher: blake3::Hasher,
    fragments: Vec<FragmentIndex>,
    /// Written to since the last sync.
    dirty: bool,
    /// The file's name is not yet safe in its folder.
    unnamed: bool,
    /// A failed write could not be undone: nothing more may be appended, recovery would cut there.
    torn: bool,
    /// A sync behind our back failed; the kernel says so once only, so it is remembered here.
    sync_failed: Arc<AtomicBool>,
}

/// A growing file that should survive a power cut. Done by [`crate::sync`], away from the packets.
#[derive(Debug)]
pub(crate) struct SyncJob {
    file: Arc<File>,
    path: PathBuf,
    /// The folder to sync too, where the file's name is new.
    folder: Option<PathBuf>,
    failed: Arc<AtomicBool>,
}

impl SyncJob {
    /// Syncs; remembers a failure for the part's close.
    pub(crate) fn run(&self) -> Result<(), Error> {
        let data = self.file.sync_data().map_err(Error::io("syncing", &self.path));
        let done = data.and_then(|()| self.folder.as_deref().map_or(Ok(()), sync_folder));
        if done.is_err() {
            self.failed.store(true, Ordering::Release);
        }
        done
    }
}

impl OpenPart {
    /// A part without a fragment; touches no disk.
    pub(crate) fn new(folder: &Path, header: PartHeader) -> Self {
        OpenPart {
            folder: folder.to_owned(),
            file: None,
            header,
            length: 0,
            hasher: blake3::Hasher::new(),
            fragments: Vec::new(),
            dirty: false,
            unnamed: false,
            torn: false,
            sync_failed: Arc::default(),
        }
    }

    /// It holds as many fragments as the walker reads.
    pub(crate) fn full(&self) -> bool {
        self.fragments.len() >= MOST_FRAGMENTS
    }

    pub(crate) fn number(&self) -> u32 {
        self.header.number
    }

    /// Lesson time of its first sample, once there is one.
    pub(crate) fn start(&self) -> Option<u64> {
        self.fragments.first().map(|fragment| fragment.start)
    }

    /// Appends one fragment with one write. After an error the file is as it was before.
    pub(crate) fn append(
        &mut self,
        sequence: u32,
        samples: &[Sample],
        data: &[u8],
        levels: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Result<FragmentIndex, Error> {
        scratch.clear();
        if self.file.is_none() {
            write_header(scratch, &self.header)?;
        }
        let head = scratch.len();
        write_fragment(scratch, sequence, samples, data, levels)?;
        self.write(scratch)?;
        let fragment = FragmentIndex {
            start: samples.first().map_or(0, |sample| sample.at),
            duration: samples.iter().map(|sample| sample.duration).sum(),
            offset: self.length + head as u64,
            bytes: (scratch.len() - head) as u32,
            key: samples.first().is_some_and(|sample| sample.key),
        };
        self.length += scratch.len() as u64;
        self.hasher.update(scratch);
        self.fragments.push(fragment);
        self.dirty = true;
        Ok(fragment)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let path = self.open_path();
        if self.torn {
            return Err(Error::Malformed { path, why: "an earlier write was left half done".into() });
        }
        let mut file: &File = match &self.file {
            Some(file) => file,
            None => {
                let mut file = create_new(&path)?;
                if let Err(error) = file.write_all(bytes) {
                    // Nothing of it is playable; a leftover would only be removed by recovery.
                    let _ = fs::remove_file(&path);
                    return Err(Error::io("writing", &path)(error));
                }
                self.file = Some(Arc::new(file));
                self.unnamed = true;
                return Ok(());
            }
        };
        file.write_all(bytes).map_err(|error| {
            let undone = file.set_len(self.length).and_then(|()| file.seek(SeekFrom::Start(self.length)));
            self.torn = undone.is_err();
            Error::io("writing", &path)(error)
        })
    }

    /// What has to be synced, if anything was written since the last time.
    pub(crate) fn sync_job(&mut self) -> Option<SyncJob> {
        if !std::mem::take(&mut self.dirty) {
            return None;
        }
        Some(SyncJob {
            file: self.file.clone()?,
            path: self.open_path(),
            folder: std::mem::take(&mut self.unnamed).then(|| self.folder.clone()),
            failed: self.sync_failed.clone(),
        })
    }

    /// Closes the part; `None` if nothing was ever written.
    pub(crate) fn close(
        mut self,
        recording: RecordingKey,
        name: &str,
        levels: String,
    ) -> Result<Option<PartFact>, Error> {
        self.dirty = true;
        let Some(job) = self.sync_job() else {
            return Ok(None);
        };
        job.run()?;
        if self.sync_failed.load(Ordering::Acquire) {
            return Err(Error::Malformed { path: job.path, why: "an earlier sync has failed".into() });
        }
        rename(&self.open_path(), &self.folder.join(part_name(self.number())))?;
        let blake3 = self.hasher.finalize().to_hex().to_string();
        let index = part_index(self.header, self.fragments, levels);
        part_fact(recording, name, &index, self.length, blake3, false).map(Some)
    }

    fn open_path(&self) -> PathBuf {
        self.folder.join(open_part_name(self.header.number))
    }
}

/// The index of a part from its header and fragments.
pub(crate) fn part_index(header: PartHeader, fragments: Vec<FragmentIndex>, levels: String) -> PartIndex {
    let PartHeader { number, epoch, timescale, codec, width, height } = header;
    PartIndex { number, epoch, timescale, codec, width, height, fragments, levels }
}

/// The row of a closed part.
pub(crate) fn part_fact(
    recording: RecordingKey,
    name: &str,
    index: &PartIndex,
    bytes: u64,
    blake3: String,
    recovered: bool,
) -> Result<PartFact, Error> {
    let index_json =
        serde_json::to_string(index).map_err(|error| Error::Box { what: "fragment index", why: error.to_string() })?;
    Ok(PartFact {
        recording,
        name: name.to_owned(),
        number: index.number,
        epoch: index.epoch,
        start_ms: index.start_ms(),
        duration_ms: index.duration_ms(),
        bytes,
        blake3,
        index_json,
        recovered,
    })
}
