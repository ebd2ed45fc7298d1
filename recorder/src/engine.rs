//! The engine: serves orders for all recordings, minds the disk. It reads no clock and starts no thread.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::fact::{Dropped, Fact};
use crate::files::free_space;
use crate::live::LiveBoard;
use crate::order::{Batch, Order, RecordingKey};
use crate::recording::Recording;
use crate::sync::Syncer;

/// Recordings at a time: more lessons than one node can carry.
const MOST_RECORDINGS: usize = 256;
/// How often counts are reported, if there are any.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How often the volume is asked: at 100 MB/s the reserve still lasts four times as long.
const SPACE_EVERY: Duration = Duration::from_secs(5);
/// A volume is warned about below this share of free space.
const WARN_PERCENT: u64 = 15;
/// The reserve is the smaller of this share and [`RESERVE_BYTES`]: room to close parts, and for the database.
const RESERVE_PERCENT: u64 = 5;
/// See [`RESERVE_PERCENT`].
const RESERVE_BYTES: u64 = 2 << 30;

/// Where and how to record.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of all recordings.
    pub root: PathBuf,
    /// Free bytes below which recordings are finished; `None` for 5 % of the volume, at most 2 GiB.
    pub reserve_bytes: Option<u64>,
}

impl Config {
    /// The usual configuration.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Config { root: root.into(), reserve_bytes: None }
    }
}

/// See the module.
pub(crate) struct Engine {
    config: Config,
    live: Arc<LiveBoard>,
    syncer: Syncer,
    facts: Box<dyn FnMut(Fact) + Send>,
    recordings: HashMap<RecordingKey, Recording>,
    dropped: Dropped,
    reported: Option<Instant>,
    asked_space: Option<Instant>,
    warned: bool,
    full: bool,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("recordings", &self.recordings.len()).finish_non_exhaustive()
    }
}

impl Engine {
    pub(crate) fn new(
        config: Config,
        live: Arc<LiveBoard>,
        syncer: Syncer,
        facts: Box<dyn FnMut(Fact) + Send>,
    ) -> Self {
        Engine {
            config,
            live,
            syncer,
            facts,
            recordings: HashMap::new(),
            dropped: Dropped::default(),
            reported: None,
            asked_space: None,
            warned: false,
            full: false,
        }
    }

    /// Serves one order; a batch is given back for reuse.
    pub(crate) fn serve(&mut self, order: Order) -> Option<Batch> {
        match order {
            Order::Start { recording, started_wall_ms, now_wall_ms, now } => {
                if let Err(error) = self.start(recording, started_wall_ms, now_wall_ms, now) {
                    tracing::error!(recording = %recording.0, %error, "a recording cannot be started");
                    (self.facts)(Fact::Failed { recording, why: error.to_string() });
                }
                None
            }
            Order::Stop { recording, .. } => {
                if let Some(running) = self.recordings.remove(&recording) {
                    running.stop(&mut *self.facts, &self.live, &mut self.dropped);
                }
                None
            }
            Order::Batch(batch) => {
                self.batch(&batch);
                Some(batch)
            }
        }
    }

    fn start(&mut self, key: RecordingKey, started_ms: i64, now_ms: i64, now: Instant) -> Result<(), Error> {
        if self.recordings.contains_key(&key) {
            return Ok(());
        }
        if self.recordings.len() >= MOST_RECORDINGS {
            return Err(Error::TooMany { what: "recordings at a time", limit: MOST_RECORDINGS });
        }
        if self.full {
            return Err(Error::io("finding space on", &self.config.root)(std::io::ErrorKind::StorageFull.into()));
        }
        let recording = Recording::start(&self.config.root, key, started_ms, now_ms, now, &mut *self.facts)?;
        self.recordings.insert(key, recording);
        Ok(())
    }

    fn batch(&mut self, batch: &Batch) {
        // Reports first: they arrived within the same turn and say where its packets belong.
        for report in &batch.reports {
            if let Some(recording) = self.recordings.get_mut(&report.recording) {
                recording.report(report);
            }
        }
        for packet in &batch.packets {
            let Some(bytes) = batch.bytes.get(packet.range.clone()) else {
                self.dropped.malformed += 1;
                continue;
            };
            match self.recordings.get_mut(&packet.recording) {
                Some(running) => {
                    running.packet(packet, bytes, &mut *self.facts, &self.live, &mut self.dropped);
                }
                None => self.dropped.unknown += 1,
            }
        }
    }

    /// Does what is due. Call it at least ten times a second, at rest once a second.
    pub(crate) fn tick(&mut self, now: Instant, lost_batches: u64) {
        self.dropped.batches += lost_batches;
        for recording in self.recordings.values_mut() {
            recording.tick(now, &mut *self.facts, &self.live, &mut self.dropped);
        }
        if self.syncer.idle() {
            let mut round = Vec::new();
            self.recordings.values_mut().for_each(|recording| recording.sync(now, &mut round));
            self.syncer.begin(round);
        }
        if due(&mut self.reported, now, REPORT_EVERY) && self.dropped != Dropped::default() {
            let mut counts = Dropped::default();
            counts.take_from(&mut self.dropped);
            (self.facts)(Fact::Dropped(counts));
        }
        if due(&mut self.asked_space, now, SPACE_EVERY) {
            self.mind_space();
        }
    }

    /// Nothing is recorded, and what was is on disk.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.recordings.is_empty() && self.syncer.idle()
    }

    /// Finishes everything.
    pub(crate) fn stop_all(&mut self) {
        for (_, recording) in self.recordings.drain() {
            recording.stop(&mut *self.facts, &self.live, &mut self.dropped);
        }
    }

    fn mind_space(&mut self) {
        let Ok((free, size)) = free_space(&self.config.root) else {
            return;
        };
        let reserve = self.config.reserve_bytes.unwrap_or(RESERVE_BYTES.min(size / 100 * RESERVE_PERCENT));
        let full = free < reserve;
        if full && !self.full {
            tracing::error!(free, reserve, "the reserve of the recordings' volume is reached, recordings end");
            self.stop_all();
            (self.facts)(Fact::StorageLow { free_bytes: free, stopped: true });
        }
        self.full = full;
        let low = free < size / 100 * WARN_PERCENT;
        if low && !self.warned && !full {
            tracing::warn!(free, size, "the recordings' volume runs short");
            (self.facts)(Fact::StorageLow { free_bytes: free, stopped: false });
        }
        self.warned = low;
    }
}

/// Whether `every` has passed since `last`; notes it if so.
fn due(last: &mut Option<Instant>, now: Instant, every: Duration) -> bool {
    let due = last.is_none_or(|last| now.saturating_duration_since(last) >= every);
    if due {
        *last = Some(now);
    }
    due
}
