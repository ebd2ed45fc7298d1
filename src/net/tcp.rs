//! ICE-TCP, passive (RFC 6544), framed by RFC 4571. For schools whose firewall passes only TCP.
//!
//! A connection is taken by whoever accepts it (its own port, or the HTTPS port, where the first byte tells it apart),
//! its first frame names the session and thereby the worker, and from then on the worker owns it.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use crate::media::ice::{Check, worker_of};
use crate::media::outbox::{Lane, Local, Path};

/// A connection must name its session within this time.
const FIRST_FRAME_LIMIT: Duration = Duration::from_secs(5);
/// Frames waiting to be written to one client: half a second of a lesson. At the bound a frame is dropped, as UDP
/// would; the receiver asks again.
const WRITE_QUEUE: usize = 512;
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

/// A worker's connections.
pub struct Connections {
    writers: HashMap<u64, mpsc::Sender<Vec<u8>>>,
    next: u64,
    events: mpsc::Sender<TcpEvent>,
}

impl Connections {
    /// No connection yet; events come by the receiver.
    pub fn new() -> (Self, mpsc::Receiver<TcpEvent>) {
        let (events, receiver) = mpsc::channel(READ_QUEUE);
        (Self { writers: HashMap::new(), next: 0, events }, receiver)
    }

    /// Takes a connection over; must be called on the worker's runtime, so that no packet changes threads later.
    pub fn take(&mut self, adopted: Adopted) -> io::Result<(Path, Vec<u8>)> {
        if self.writers.len() >= MAX_CONNECTIONS {
            return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
        }
        let (read, write) = TcpStream::from_std(adopted.stream)?.into_split();
        self.next += 1;
        let path = Path { local: Local::Tcp(self.next), remote: adopted.remote };
        let (queue, waiting) = mpsc::channel(WRITE_QUEUE);
        self.writers.insert(self.next, queue);
        tokio::spawn(read_frames(read, path, self.events.clone()));
        tokio::spawn(write_frames(write, waiting));
        Ok((path, adopted.first))
    }

    /// Forgets a connection that ended.
    pub fn forget(&mut self, path: Path) {
        if let Local::Tcp(id) = path.local {
            self.writers.remove(&id);
        }
    }

    /// Queues a lane's datagrams as frames, in one buffer.
    pub fn send(&mut self, id: u64, lane: &Lane) {
        let Some(queue) = self.writers.get(&id) else { return };
        let mut frames = Vec::with_capacity(lane.bytes.len() + 2 * lane.lengths.len());
        let mut at = 0;
        for length in &lane.lengths {
            let end = at + usize::from(*length);
            frames.extend_from_slice(&length.to_be_bytes());
            frames.extend_from_slice(lane.bytes.get(at..end).unwrap_or_default());
            at = end;
        }
        // A full queue drops, see WRITE_QUEUE.
        let _ = queue.try_send(frames);
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

async fn write_frames(mut writer: OwnedWriteHalf, mut waiting: mpsc::Receiver<Vec<u8>>) {
    while let Some(frames) = waiting.recv().await {
        if writer.write_all(&frames).await.is_err() {
            return;
        }
    }
}
