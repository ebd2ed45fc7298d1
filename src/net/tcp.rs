//! ICE-TCP, passive (RFC 6544), framed by RFC 4571. For schools whose firewall passes only TCP.
//!
//! A connection is taken by whoever accepts it (its own port, or the HTTPS port, where the first byte tells it apart),
//! its first frame names the session and thereby the worker, and from then on the worker owns it.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::clock;
use crate::media::ice::{Check, worker_of};
use crate::media::outbox::{Lane, Local, Path};

/// A connection must name its session within this time.
const FIRST_FRAME_LIMIT: Duration = Duration::from_secs(5);
/// Bytes waiting to be written to one client. At the bound frames are dropped, as UDP would drop datagrams; the
/// receiver asks again.
const WRITE_BYTES: usize = 1024 * 1024;
/// The kernel's send buffer. It doubles what it is told, so that all that is held for one client is below 2 MiB.
const KERNEL_BYTES: usize = 256 * 1024;
const _: () = assert!(WRITE_BYTES + 2 * KERNEL_BYTES < 2 * 1024 * 1024);
/// Turns waiting to be written to one client, whatever their size.
const WRITE_TURNS: usize = 2_048;
/// What waited longer is of no use in a lesson: it is dropped when its time to be written comes.
const WRITE_AGE: Duration = Duration::from_millis(500);
/// A connection that no session owns is closed after this time.
const OWNERLESS: Duration = Duration::from_secs(10);
/// Owners are looked for this often.
const SWEEP: Duration = Duration::from_secs(1);
/// Frames waiting to be read by the worker; at the bound the connection is read more slowly.
const READ_QUEUE: usize = 256;
/// Connections one worker holds.
const MAX_CONNECTIONS: usize = 1_000;

/// An accepted connection whose first frame was read.
pub struct Adopted {
    stream: std::net::TcpStream,
    remote: SocketAddr,
    first: Vec<u8>,
    /// The worker its session lives in.
    pub worker: u8,
}

/// True if these first bytes of a connection are an ICE-TCP frame with a binding request, not TLS and not HTTP.
pub fn is_ice(first: &[u8]) -> bool {
    // A two-byte length below 1,024, then the first byte of a STUN message.
    matches!(first, [0..=3, _, 0, 1, ..] | [0..=3])
}

/// Reads the first frame and finds the worker.
pub async fn adopt(mut stream: TcpStream) -> io::Result<Adopted> {
    let remote = stream.peer_addr()?;
    let first = tokio::time::timeout(FIRST_FRAME_LIMIT, read_frame(&mut stream))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let worker = Check::parse(&first)
        .and_then(|c| worker_of(&c.ours))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a binding request of ours"))?;
    stream.set_nodelay(true)?;
    Ok(Adopted { stream: stream.into_std()?, remote, first, worker })
}

async fn read_frame(reader: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let length = usize::from(reader.read_u16().await?);
    let mut frame = vec![0; length];
    reader.read_exact(&mut frame).await?;
    Ok(frame)
}

/// What a worker hears from its connections.
pub enum TcpEvent {
    /// A frame came.
    Frame(Path, Vec<u8>),
    /// The connection ended.
    Closed(Path),
}

/// The frames of one turn for one client.
struct Turn {
    frames: Vec<u8>,
    since: Instant,
}

/// A connection as its worker sees it.
struct Connection {
    path: Path,
    queue: mpsc::Sender<Turn>,
    /// Bytes in the queue.
    waiting: Arc<AtomicUsize>,
    /// When a session owned it last, or when it was taken over.
    owned: Instant,
    tasks: [AbortHandle; 2],
}

impl Drop for Connection {
    /// Also a write that is stuck ends, and with both halves gone the socket closes.
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// A worker's connections.
pub struct Connections {
    held: HashMap<u64, Connection>,
    next: u64,
    events: mpsc::Sender<TcpEvent>,
    swept: Option<Instant>,
    /// Datagrams dropped because their receiver did not keep up.
    pub drops: u64,
}

impl Connections {
    /// No connection yet; events come by the receiver.
    pub fn new() -> (Self, mpsc::Receiver<TcpEvent>) {
        let (events, receiver) = mpsc::channel(READ_QUEUE);
        (Self { held: HashMap::new(), next: 0, events, swept: None, drops: 0 }, receiver)
    }

    /// True while there is none.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Takes a connection over; must be called on the worker's runtime, so that no packet changes threads later.
    pub fn take(&mut self, now: Instant, adopted: Adopted) -> io::Result<(Path, Vec<u8>)> {
        if self.held.len() >= MAX_CONNECTIONS {
            return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
        }
        let stream = TcpStream::from_std(adopted.stream)?;
        setsockopt(&stream, sockopt::SndBuf, &KERNEL_BYTES)?;
        let (read, write) = stream.into_split();
        self.next += 1;
        let path = Path { local: Local::Tcp(self.next), remote: adopted.remote };
        let (queue, turns) = mpsc::channel(WRITE_TURNS);
        let waiting = Arc::new(AtomicUsize::new(0));
        let reading = tokio::spawn(read_frames(read, path, self.events.clone())).abort_handle();
        let writing = tokio::spawn(write_frames(write, turns, waiting.clone())).abort_handle();
        self.held.insert(self.next, Connection { path, queue, waiting, owned: now, tasks: [reading, writing] });
        Ok((path, adopted.first))
    }

    /// Forgets a connection that ended.
    pub fn forget(&mut self, path: Path) {
        if let Local::Tcp(id) = path.local {
            self.held.remove(&id);
        }
    }

    /// When `sweep` wants to be called next; `None` while there is no connection.
    pub fn due(&self) -> Option<Instant> {
        let connection = self.held.values().next()?;
        Some(self.swept.unwrap_or(connection.owned) + SWEEP)
    }

    /// Closes connections that no session has owned for `OWNERLESS`: who opened them never proved itself, or its
    /// session has ended.
    pub fn sweep(&mut self, now: Instant, owns: impl Fn(&Path) -> bool) {
        if self.due().is_none_or(|at| at > now) {
            return;
        }
        self.swept = Some(now);
        self.held.retain(|_, connection| {
            if owns(&connection.path) {
                connection.owned = now;
            }
            now.saturating_duration_since(connection.owned) < OWNERLESS
        });
    }

    /// Queues a lane's datagrams as frames, in one buffer, or drops them all where the queue is full.
    pub fn send(&mut self, now: Instant, id: u64, lane: &Lane) {
        let Some(connection) = self.held.get(&id) else { return };
        let length = lane.bytes.len() + 2 * lane.lengths.len();
        let is_full = connection.waiting.load(Ordering::Relaxed) + length > WRITE_BYTES;
        let Some(place) = connection.queue.try_reserve().ok().filter(|_| !is_full) else {
            self.drops += lane.lengths.len() as u64;
            return;
        };
        let mut frames = Vec::with_capacity(length);
        let mut at = 0;
        for length in &lane.lengths {
            let end = at + usize::from(*length);
            frames.extend_from_slice(&length.to_be_bytes());
            frames.extend_from_slice(lane.bytes.get(at..end).unwrap_or_default());
            at = end;
        }
        connection.waiting.fetch_add(frames.len(), Ordering::Relaxed);
        place.send(Turn { frames, since: now });
    }
}

async fn read_frames(mut reader: OwnedReadHalf, path: Path, events: mpsc::Sender<TcpEvent>) {
    while let Ok(frame) = read_frame(&mut reader).await {
        if events.send(TcpEvent::Frame(path, frame)).await.is_err() {
            return;
        }
    }
    let _ = events.send(TcpEvent::Closed(path)).await;
}

async fn write_frames(mut writer: OwnedWriteHalf, mut turns: mpsc::Receiver<Turn>, waiting: Arc<AtomicUsize>) {
    while let Some(turn) = turns.recv().await {
        let length = turn.frames.len();
        // What is dropped is whole: a frame once begun is written to its end.
        let is_late = clock::now().saturating_duration_since(turn.since) > WRITE_AGE;
        if !is_late && writer.write_all(&turn.frames).await.is_err() {
            return;
        }
        waiting.fetch_sub(length, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection taken over, and the client's end of it.
    async fn connected(connections: &mut Connections, now: Instant) -> (Path, TcpStream) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("listens");
        let client = TcpStream::connect(listener.local_addr().expect("address")).await.expect("connects");
        let (stream, remote) = listener.accept().await.expect("accepts");
        let stream = stream.into_std().expect("std");
        let adopted = Adopted { stream, remote, first: vec![], worker: 0 };
        let (path, _) = connections.take(now, adopted).expect("taken over");
        (path, client)
    }

    /// Five datagrams that carry their number.
    fn lane(path: Path, number: u32) -> Lane {
        let mut lane = Lane { path, bytes: vec![], lengths: vec![] };
        for _ in 0..5 {
            lane.bytes.extend_from_slice(&number.to_be_bytes());
            lane.bytes.resize(lane.bytes.len() + 1_196, number as u8);
            lane.lengths.push(1_200);
        }
        lane
    }

    fn id(path: Path) -> u64 {
        match path.local {
            Local::Tcp(id) => id,
            Local::Udp => panic!("a TCP path"),
        }
    }

    /// Reads whole frames until the one with this number.
    async fn read_until(client: &mut TcpStream, last: u32) -> Vec<u32> {
        let mut numbers = vec![];
        while numbers.last() != Some(&last) {
            let frame = read_frame(client).await.expect("a frame");
            assert_eq!(frame.len(), 1_200);
            let number = u32::from_be_bytes(*frame.first_chunk().expect("a number"));
            assert!(frame[4..].iter().all(|b| *b == number as u8), "whole");
            numbers.push(number);
        }
        numbers
    }

    /// Lets the writers run until they wait for their sockets.
    async fn settle() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_receiver_that_stalls_holds_a_bounded_queue_and_costs_others_nothing() {
        let now = clock::now();
        let (mut connections, _events) = Connections::new();
        let (stalled, mut sleeper) = connected(&mut connections, now).await;
        let (other, mut reader) = connected(&mut connections, now).await;
        for number in 0..2_000 {
            connections.send(clock::now(), id(stalled), &lane(stalled, number));
            connections.send(clock::now(), id(other), &lane(other, number));
            assert_eq!(read_until(&mut reader, number).await[0], number, "the other gets each at once");
            for _ in 0..4 {
                read_frame(&mut reader).await.expect("the rest of the turn");
            }
        }
        let waiting = connections.held[&id(stalled)].waiting.load(Ordering::Relaxed);
        println!("{waiting} bytes wait, {} datagrams dropped", connections.drops);
        assert!(waiting <= WRITE_BYTES);
        assert!(connections.drops >= 5_000 && connections.drops % 5 == 0);
        // What it gets when it wakes up is whole and in order; then it is closed.
        drop(connections);
        let mut numbers = vec![];
        while let Ok(frame) = read_frame(&mut sleeper).await {
            assert_eq!(frame.len(), 1_200);
            numbers.push(frame.first_chunk::<4>().copied());
        }
        assert!(numbers.is_sorted() && !numbers.is_empty());
    }

    #[tokio::test]
    async fn what_waited_for_half_a_second_is_dropped_whole() {
        let (mut connections, _events) = Connections::new();
        let (path, mut client) = connected(&mut connections, clock::now()).await;
        let long_ago = clock::now() - WRITE_AGE * 2;
        for number in 0..100 {
            connections.send(if number % 2 == 0 { clock::now() } else { long_ago }, id(path), &lane(path, number));
        }
        settle().await;
        let numbers = read_until(&mut client, 98).await;
        assert!(numbers.iter().all(|n| n % 2 == 0), "{numbers:?}");
    }

    #[tokio::test]
    async fn a_connection_that_no_session_owns_is_closed_after_ten_seconds() {
        let now = clock::now();
        let (mut connections, _events) = Connections::new();
        assert_eq!(connections.due(), None);
        let (idle, mut stranger) = connected(&mut connections, now).await;
        let (owned, _client) = connected(&mut connections, now).await;
        // A write that is stuck does not keep it.
        for number in 0..500 {
            connections.send(clock::now(), id(idle), &lane(idle, number));
        }
        settle().await;
        for second in 1..10 {
            connections.sweep(now + SWEEP * second, |path| *path == owned);
        }
        assert_eq!(connections.held.len(), 2);
        connections.sweep(now + OWNERLESS, |path| *path == owned);
        assert_eq!(connections.held.keys().collect::<Vec<_>>(), [&id(owned)]);
        while read_frame(&mut stranger).await.is_ok() {}
        // Its session ends.
        connections.sweep(now + OWNERLESS * 2, |_| false);
        assert!(connections.held.is_empty());
    }
}
