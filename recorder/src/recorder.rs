//! The driver: one thread, one bounded queue, the only clock. It holds no rule.
//!
//! The queue is bounded by 4096 orders and 64 MiB of packets. At the bound [`RecorderHandle::offer`] gives
//! the batch back at once and counts it; the tracks see the hole in their sequence numbers, drop to the next
//! key frame, ask for one and note the gap. [`RecorderHandle::order`] waits instead.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::engine::{Config, Engine};
use crate::error::Error;
use crate::fact::Fact;
use crate::files::make_folder;
use crate::live::{LiveBoard, LiveTrack};
use crate::order::{Batch, Order, RecordingKey};
use crate::sync::Syncer;

/// Orders that wait at most: at 25 to 500 batches a second of a media loop, eight seconds and more of a disk that hangs.
const QUEUE_ORDERS: usize = 4096;
/// Bytes of packets that wait at most: five seconds of 100 Mbit/s.
const QUEUE_BYTES: usize = 64 << 20;
/// Emptied batches kept for the media loops.
const SPARES: usize = 64;
/// A batch that has grown beyond this is freed instead of kept.
const SPARE_BYTES: usize = 1 << 20;
/// How often the engine does what is due.
const TICK: Duration = Duration::from_millis(50);
/// The same while nothing is recorded.
const TICK_AT_REST: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum Message {
    Order(Order),
    Shutdown,
}

/// Starts the recorder's thread.
#[derive(Debug)]
pub struct Recorder;

#[derive(Debug)]
struct Shared {
    queue: SyncSender<Message>,
    queued_bytes: AtomicUsize,
    lost_batches: AtomicU64,
    /// Touched once a turn, never once a packet.
    spares: Mutex<Vec<Batch>>,
    live: Arc<LiveBoard>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The way to the recorder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RecorderHandle {
    shared: Arc<Shared>,
}

impl Recorder {
    /// Makes the root folder and starts the thread. `facts` is called on that thread and must not block: what it
    /// waits for, all recordings wait for.
    pub fn spawn(config: Config, facts: Box<dyn FnMut(Fact) + Send>) -> Result<RecorderHandle, Error> {
        make_folder(&config.root)?;
        let root = config.root.clone();
        let (queue, orders) = sync_channel(QUEUE_ORDERS);
        let live = Arc::new(LiveBoard::default());
        let shared = Arc::new(Shared {
            queue,
            queued_bytes: AtomicUsize::new(0),
            lost_batches: AtomicU64::new(0),
            spares: Mutex::new(Vec::new()),
            live: live.clone(),
            thread: Mutex::new(None),
        });
        let syncer = Syncer::spawn().map_err(Error::io("starting the syncing thread for", &root))?;
        let engine = Engine::new(config, live, syncer, facts);
        // The thread must not keep its own queue open, so it holds the rest weakly.
        let weak = Arc::downgrade(&shared);
        let thread = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || run(engine, &orders, &weak))
            .map_err(Error::io("starting the thread for", &root))?;
        *shared.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(RecorderHandle { shared })
    }
}

impl RecorderHandle {
    /// Gives an order; waits while the queue is full.
    pub fn order(&self, order: Order) -> Result<(), Error> {
        if let Order::Batch(batch) = &order {
            self.shared.queued_bytes.fetch_add(batch.bytes.len(), Ordering::Relaxed);
        }
        self.shared.queue.send(Message::Order(order)).map_err(|_| Error::Stopped)
    }

    /// Gives a batch; never waits. A batch that finds the queue full or the recorder stopped comes back.
    pub fn offer(&self, batch: Batch) -> Result<(), Batch> {
        let bytes = batch.bytes.len();
        let queued = self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let refused = if queued.saturating_add(bytes) > QUEUE_BYTES {
            batch
        } else {
            match self.shared.queue.try_send(Message::Order(Order::Batch(batch))) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(Message::Order(Order::Batch(batch)))) => batch,
                Err(TrySendError::Disconnected(Message::Order(Order::Batch(batch)))) => batch,
                // Only a batch was sent.
                Err(_) => Batch::default(),
            }
        };
        self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.shared.lost_batches.fetch_add(1, Ordering::Relaxed);
        Err(refused)
    }

    /// An emptied batch, if one has come back.
    pub fn spare(&self) -> Option<Batch> {
        self.shared.spares.try_lock().ok()?.pop()
    }

    /// What is being recorded now of one recording: growing parts and the last closed ones.
    pub fn live(&self, recording: RecordingKey) -> Vec<LiveTrack> {
        self.shared.live.read(recording)
    }

    /// Finishes all recordings and ends the thread; returns when everything is on disk.
    pub fn shutdown(&self) {
        // A full queue is served first; a thread that has ended needs no message.
        let _ = self.shared.queue.send(Message::Shutdown);
        let thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the recorder's thread had panicked");
        }
    }
}

fn run(mut engine: Engine, orders: &Receiver<Message>, shared: &std::sync::Weak<Shared>) {
    let mut ticked = clock();
    loop {
        let message = orders.recv_timeout(if engine.is_at_rest() { TICK_AT_REST } else { TICK });
        match message {
            Ok(Message::Order(order)) => {
                // All recordings share this thread: a fault that one publisher's packets find must not end the
                // others. The rest of its batch is lost, which its tracks take for packet loss.
                let served = catch_unwind(AssertUnwindSafe(|| serve(&mut engine, order, shared)));
                if served.is_err() {
                    tracing::error!("the recorder panicked over an order and goes on without it");
                }
            }
            Ok(Message::Shutdown) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = clock();
        if now.duration_since(ticked) >= TICK {
            ticked = now;
            let lost = shared.upgrade().map_or(0, |shared| shared.lost_batches.swap(0, Ordering::Relaxed));
            engine.tick(now, lost);
        }
    }
    engine.stop_all();
}

fn serve(engine: &mut Engine, order: Order, shared: &std::sync::Weak<Shared>) {
    let Some(mut batch) = engine.serve(order) else {
        return;
    };
    let Some(shared) = shared.upgrade() else {
        return;
    };
    shared.queued_bytes.fetch_sub(batch.bytes.len(), Ordering::Relaxed);
    batch.clear();
    let mut spares = shared.spares.lock().unwrap_or_else(PoisonError::into_inner);
    if spares.len() < SPARES && batch.bytes.capacity() <= SPARE_BYTES {
        spares.push(batch);
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the driver: the one place of the crate that reads a clock")]
fn clock() -> Instant {
    Instant::now()
}
