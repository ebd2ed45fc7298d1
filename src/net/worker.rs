//! One worker: a thread with its own runtime, UDP socket and [`Sfu`]. A lesson lives in one worker; nothing crosses
//! threads per packet but the recorder's bounded queue.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tongke_signaling::command::{Command, Event};
use tracing::{error, warn};

use super::busy::{Busy, Waited, thread_cpu};
use super::clock;
use super::gather::{Gather, Hoard, Waits};
use super::metrics::WorkerFigures;
use super::patience::Patience;
use super::split::Sockets;
use super::tcp::{Adopted, Connections, TcpEvent};
use super::udp::{BATCHES_A_TURN, Buffers, Take, Udp};
use crate::media::outbox::{Local, Moment, Outbox, Path, RecordBatch};
use crate::media::{Sfu, SfuConfig};

/// Orders waiting for a worker; at the bound signaling waits.
const COMMANDS: usize = 1_024;
/// Connections waiting to be taken over.
const ADOPTIONS: usize = 64;
/// A busy worker stays with its sockets for so long; while it has TCP connections, which its runtime serves, for so long, and
/// only if pictures may wait.
const STAY: Duration = Duration::from_millis(50);
const STAY_WITH_TCP: Duration = Duration::from_millis(1);
/// The core's turn may come so late in a busy worker: mostly something else wakes it before.
const LATE: Duration = Duration::from_millis(5);

/// Takes packets for the recorder and leaves an empty batch in its place. Must not block.
pub type RecordSink = Box<dyn FnMut(&mut RecordBatch) + Send>;

/// The ends by which others reach a worker. Dropping all of them ends it.
#[derive(Clone)]
pub struct Worker {
    /// Orders.
    pub commands: mpsc::Sender<Command>,
    /// ICE-TCP connections.
    pub connections: mpsc::Sender<Adopted>,
    /// Its figures.
    pub figures: Arc<WorkerFigures>,
}

/// Starts a worker, which refuses newcomers from so much of its time on ([`Busy::new`]). Events that find the channel full are lost
/// and counted: media never waits.
pub fn spawn(
    config: SfuConfig,
    full_percent: u8,
    sockets: Sockets,
    events: mpsc::Sender<Vec<Event>>,
    record: RecordSink,
) -> io::Result<Worker> {
    let (commands, command_queue) = mpsc::channel(COMMANDS);
    let (connections, adoptions) = mpsc::channel(ADOPTIONS);
    let figures = Arc::new(WorkerFigures::default());
    figures.port.store(sockets.prompt.local_addr()?.port(), Ordering::Relaxed);
    let name = format!("media-{}", config.worker);
    let shared = figures.clone();
    thread::Builder::new().name(name).spawn(move || {
        let waited = Waited::default();
        let (begins, ends) = (waited.clone(), waited.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || begins.begin())
            .on_thread_unpark(move || ends.end())
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(cause) => return error!(%cause, "a media worker has no runtime"),
        };
        let ended = runtime.block_on(async {
            let (tcp, tcp_events) = Connections::new();
            let driver = Driver {
                sfu: Sfu::new(config),
                udp: Udp::new(sockets)?,
                buffers: Buffers::default(),
                tcp,
                out: Outbox::new(),
                gather: Gather::default(),
                hoard: Hoard::default(),
                patience: Patience::default(),
                busy: Busy::new(full_percent),
                waited,
                begun: clock::now(),
                events,
                record,
                figures: shared,
                turns: 0,
                are_reports_left: false,
            };
            driver.run(command_queue, adoptions, tcp_events).await
        });
        if let Err(cause) = ended {
            error!(%cause, "a media worker ended");
        }
    })?;
    Ok(Worker { commands, connections, figures })
}

struct Driver {
    sfu: Sfu,
    udp: Udp,
    buffers: Buffers,
    tcp: Connections,
    out: Outbox,
    gather: Gather,
    hoard: Hoard,
    patience: Patience,
    busy: Busy,
    waited: Waited,
    begun: Instant,
    /// All of a turn at once: whoever waits for them is woken at the first, and would have the core for each.
    events: mpsc::Sender<Vec<Event>>,
    record: RecordSink,
    figures: Arc<WorkerFigures>,
    turns: u64,
    /// More reports came than were taken at a time.
    are_reports_left: bool,
}

impl Driver {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut adoptions: mpsc::Receiver<Adopted>,
        mut tcp_events: mpsc::Receiver<TcpEvent>,
    ) -> io::Result<()> {
        loop {
            let (timeout, stays) = (self.due(), self.waits() != Waits::Nothing);
            let mut was_ordered = false;
            let sleep = async {
                match timeout {
                    _ if stays => {}
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                command = commands.recv() => {
                    let Some(command) = command else {
                        self.hand_over(clock::now(), true);
                        return Ok(());
                    };
                    was_ordered = true;
                    let now = clock::now();
                    self.sfu.handle_command(now, command, &mut self.out);
                    while let Ok(more) = commands.try_recv() {
                        self.sfu.handle_command(now, more, &mut self.out);
                    }
                }
                Some(event) = tcp_events.recv() => {
                    self.handle_tcp(event);
                    for _ in 0..tcp_events.len() {
                        let Ok(more) = tcp_events.try_recv() else { break };
                        self.handle_tcp(more);
                    }
                }
                Some(adopted) = adoptions.recv() => match self.tcp.take(clock::now(), adopted) {
                    Ok((path, first)) => self.handle_frame(path, first),
                    Err(cause) => warn!(%cause, "a TCP connection could not be taken over"),
                },
                () = sleep => {}
                ready = self.udp.readable() => {
                    ready?;
                    self.receive();
                }
            }
            self.turn(was_ordered);
            if self.waits() != Waits::Nothing {
                self.stay(|| !commands.is_empty() || commands.is_closed() || !adoptions.is_empty())?;
                // TCP connections are the runtime's: once for it to learn what has come, and once more to read that.
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            }
        }
    }

    /// What is left in its socket for a moment.
    fn waits(&self) -> Waits {
        match self.gather.waits() {
            _ if !self.udp.is_sorted() || self.sfu.next_timeout().is_none() => Waits::Nothing,
            // What is saved by reports is less than what it costs to go to the runtime and back each millisecond.
            Waits::Reports if !self.tcp.is_empty() => Waits::Nothing,
            waits => waits,
        }
    }

    /// While something may wait, the worker waits for the rest without its runtime, whose timers are a millisecond coarse.
    /// `is_called`: somebody else has something for it.
    fn stay(&mut self, is_called: impl Fn() -> bool) -> io::Result<()> {
        let mut now = clock::now();
        let back = now + if self.tcp.is_empty() { STAY } else { STAY_WITH_TCP };
        while now < back && !is_called() {
            let waits = self.waits();
            let pictures = match waits {
                Waits::Nothing => break,
                Waits::Reports => None,
                Waits::Pictures => Some(self.udp.pictures_until()),
            };
            let tcp = (!self.tcp.is_empty()).then_some(back);
            let Some(turn) = self.sfu.next_timeout() else { break };
            let others = [self.due_besides(), pictures, tcp];
            let until = others.into_iter().flatten().fold(turn + LATE, Instant::min);
            let until = if self.are_reports_left { now } else { until };
            // `now` is when the turn began; the work done since is no waiting.
            let begun = clock::now();
            let ready = self.udp.wait(now, until, waits)?;
            now = clock::now();
            self.waited.add(now.saturating_duration_since(begun));
            let Self { sfu, udp, buffers, out, .. } = self;
            udp.receive_waited(now, ready, buffers, &mut Hand { sfu, out });
            if turn <= now || self.are_reports_left {
                // Reports wait for the core's turn, every 10 ms, which decides by them; and no packet waits for them. What is left
                // of them is not left until the next.
                self.flush(now);
                let Self { sfu, udp, buffers, out, are_reports_left, .. } = self;
                *are_reports_left = udp.receive_reports(buffers, &mut Hand { sfu, out });
            }
            now = self.turn(false);
        }
        Ok(())
    }

    /// When something is due though nothing comes.
    fn due(&self) -> Option<Instant> {
        self.sfu.next_timeout().into_iter().chain(self.due_besides()).min()
    }

    /// The same, without the core's turn.
    fn due_besides(&self) -> Option<Instant> {
        [self.gather.due(), self.hoard.due(), self.tcp.due(), self.sfu.next_release()].into_iter().flatten().min()
    }

    /// What follows whatever happened; gives the time.
    fn turn(&mut self, was_ordered: bool) -> Instant {
        let now = clock::now();
        if self.sfu.next_timeout().is_some() {
            self.sfu.handle_timeout(now, &mut self.out);
        }
        self.sfu.release(now, &mut self.out);
        self.gather.note(now, (self.udp.got.pictures, self.udp.got.runs), self.patience.wait().is_some());
        self.flush(now);
        self.turns += 1;
        self.tell_figures(now);
        // An order may end a recording.
        self.hand_over(now, was_ordered);
        self.tcp.sweep(now, |path| self.sfu.owns(path));
        if self.busy.is_due(now) {
            // Bursts fill a message by themselves: that they wait is no reserve.
            let spent = if self.gather.come_singly() { self.patience.spent() } else { 0.0 };
            let full = self.busy.note(now, thread_cpu(), self.waited.total(), spent);
            self.sfu.set_full(full);
            self.sfu.set_behind(self.busy.is_behind());
            self.patience.note_busy(self.busy.share());
            self.sfu.set_patience(self.patience.wait());
            self.figures.full.store(u64::from(full), Ordering::Relaxed);
            self.figures.busy.store((self.busy.share() * 100.0).round() as u64, Ordering::Relaxed);
            let wait_ms = self.patience.wait().map_or(0, |wait| wait.as_millis() as u64);
            self.figures.pictures_wait_ms.store(wait_ms, Ordering::Relaxed);
        }
        now
    }

    fn receive(&mut self) {
        let Self { sfu, udp, buffers, out, .. } = self;
        for _ in 0..BATCHES_A_TURN {
            if !udp.receive(buffers, &mut Hand { sfu, out }) {
                break;
            }
        }
    }

    fn handle_tcp(&mut self, event: TcpEvent) {
        match event {
            TcpEvent::Frame(path, frame) => self.handle_frame(path, frame),
            TcpEvent::Closed(path) => {
                self.tcp.forget(path);
                self.sfu.handle_disconnect(path);
            }
        }
    }

    fn handle_frame(&mut self, path: Path, mut frame: Vec<u8>) {
        self.sfu.handle_datagram(clock::now(), path, &mut frame, &mut self.out);
    }

    fn flush(&mut self, now: Instant) {
        if self.gather.is_ripe(now, self.out.datagrams(), self.out.urgent()) {
            self.udp.send(self.out.lanes());
            for lane in self.out.lanes() {
                if let Local::Tcp(id) = lane.path.local {
                    self.tcp.send(now, id, lane);
                }
            }
            self.out.clear_lanes();
        }
        if !self.out.events.is_empty()
            && let Err(lost) = self.events.try_send(std::mem::take(&mut self.out.events))
        {
            self.figures.events_lost.fetch_add(lost.into_inner().len() as u64, Ordering::Relaxed);
        }
    }

    /// Gives the recorder what waits for it, if it is enough.
    fn hand_over(&mut self, now: Instant, last: bool) {
        let batch = &mut self.out.record;
        if self.hoard.is_ripe(now, batch.is_empty(), batch.bytes.len(), last) {
            (self.record)(batch);
        }
    }

    fn tell_figures(&self, now: Instant) {
        let (figures, sent) = (&self.figures, self.udp.sent());
        let (waited, received) = (self.waited.total(), self.udp.got.took);
        let own = now.saturating_duration_since(self.begun).saturating_sub(waited + received + sent.took);
        for (place, time) in figures.doings_us.iter().zip([waited, received, sent.took, own]) {
            place.store(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        let (drops, happened) = (self.sfu.drops, self.sfu.happened);
        for (place, value) in [
            (&figures.send_drops, sent.drops + self.tcp.drops),
            (&figures.datagrams_sent, sent.datagrams),
            (&figures.send_calls, sent.calls),
            (&figures.datagrams_received, self.udp.got.datagrams),
            (&figures.receive_calls, self.udp.got.calls),
            (&figures.turns, self.turns),
            (&figures.strangers, drops.strangers),
            (&figures.checks_refused, drops.checks),
            (&figures.garbage, drops.garbage),
            (&figures.packets_refused, happened.refused),
            (&figures.untrue_feedback, happened.untrue),
            (&figures.path_moves, happened.moves),
            (&figures.holds, happened.holds),
            (&figures.sessions, self.sfu.session_count() as u64),
        ] {
            place.store(value, Ordering::Relaxed);
        }
    }
}

/// Gives what came by UDP to the core.
struct Hand<'c> {
    sfu: &'c mut Sfu,
    out: &'c mut Outbox,
}

impl Take for Hand<'_> {
    fn take(&mut self, at: &Moment, remote: SocketAddr, stride: usize, datagrams: &mut [u8]) {
        self.sfu.take_datagrams(at, &Path { local: Local::Udp, remote }, stride, datagrams, self.out);
    }

    fn expect(&mut self, remote: SocketAddr) {
        self.sfu.expect(&Path { local: Local::Udp, remote });
    }

    fn end(&mut self, now: Instant) {
        self.sfu.forward(now, self.out);
    }
}
