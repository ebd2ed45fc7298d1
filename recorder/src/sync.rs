//! The syncer: one thread that makes growing parts survive a power cut while the recorder goes on writing.
//!
//! At most one round is under way: while it runs the files stay dirty and the next round takes them. A disk
//! that cannot keep up with a round every two seconds therefore syncs less often, and nothing waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use crate::part::SyncJob;

/// The way to the syncing thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Syncer {
    rounds: SyncSender<Vec<SyncJob>>,
    busy: Arc<AtomicBool>,
}

impl Syncer {
    pub(crate) fn spawn() -> std::io::Result<Self> {
        let (rounds, waiting) = sync_channel::<Vec<SyncJob>>(1);
        let busy = Arc::new(AtomicBool::new(false));
        let done = busy.clone();
        std::thread::Builder::new().name("recorder-sync".into()).spawn(move || {
            for round in waiting {
                for job in round {
                    if let Err(error) = job.run() {
                        tracing::error!(%error, "a growing part cannot be synced");
                    }
                }
                done.store(false, Ordering::Release);
            }
        })?;
        Ok(Syncer { rounds, busy })
    }

    /// The last round is done.
    pub(crate) fn idle(&self) -> bool {
        !self.busy.load(Ordering::Acquire)
    }

    /// Begins a round. Only while [`Syncer::idle`].
    pub(crate) fn begin(&self, round: Vec<SyncJob>) {
        if !round.is_empty() {
            self.busy.store(true, Ordering::Release);
            // The thread ends after its channel only.
            let _ = self.rounds.send(round);
        }
    }
}
