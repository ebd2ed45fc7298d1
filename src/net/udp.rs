//! The worker's UDP socket: batches in (recvmmsg, GRO), runs of equal size out (GSO), by `quinn-udp`.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use tokio::io::Interest;

use crate::media::outbox::Lane;

/// Datagrams (or GRO runs) taken in one system call.
const BATCH: usize = 32;
/// With GRO a buffer must hold 64 KiB, or runs are cut. The odd size keeps buffers off one cache set.
const BUFFER: usize = 65_536 + 192;
/// Kernel buffers: half a second of a busy worker's traffic.
const KERNEL_BUFFER: usize = 4 * 1024 * 1024;
/// A GSO run must fit an IP packet.
const MAX_RUN_BYTES: usize = 60_000;

/// Room for one batch; sockets of one thread may share it.
pub struct Buffers {
    buffers: Vec<Vec<u8>>,
    metas: Vec<RecvMeta>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { buffers: (0..BATCH).map(|_| vec![0; BUFFER]).collect(), metas: vec![RecvMeta::default(); BATCH] }
    }
}

/// See the module.
pub struct Udp {
    socket: tokio::net::UdpSocket,
    state: UdpSocketState,
    /// Datagrams the kernel would not take.
    pub send_drops: u64,
}

impl Udp {
    /// Takes over a bound socket. Must be called on the worker's runtime.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // Best effort: without privileges the kernel clamps to its own limit.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        Ok(Self { socket: tokio::net::UdpSocket::from_std(socket)?, state, send_drops: 0 })
    }

    /// Waits until datagrams are there.
    pub async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Hands each datagram that is there to `take`; false when there was none. At most one batch, so that commands
    /// and timers get their turn.
    pub fn receive(&self, room: &mut Buffers, mut take: impl FnMut(SocketAddr, &mut [u8])) -> bool {
        let Self { socket, state, .. } = self;
        let Buffers { buffers, metas } = room;
        let mut slices: Vec<IoSliceMut<'_>> = buffers.iter_mut().map(|b| IoSliceMut::new(b)).collect();
        let received = socket.try_io(Interest::READABLE, || state.recv(UdpSockRef::from(socket), &mut slices, metas));
        drop(slices);
        let Ok(count) = received else { return false };
        for (buffer, meta) in buffers.iter_mut().zip(metas.iter()).take(count) {
            let stride = meta.stride.max(1);
            let Some(run) = buffer.get_mut(..meta.len) else { continue };
            for datagram in run.chunks_mut(stride) {
                take(meta.addr, datagram);
            }
        }
        count > 0
    }

    /// Sends a lane, run by run.
    pub fn send(&mut self, lane: &Lane) {
        let most = self.state.max_gso_segments();
        let mut at = 0;
        let mut rest = lane.lengths.as_slice();
        while let Some(first) = rest.first() {
            let size = usize::from(*first);
            let mut count = 1;
            let mut bytes = size;
            for next in rest.iter().skip(1).map(|n| usize::from(*n)) {
                if count >= most || bytes + next > MAX_RUN_BYTES || next > size {
                    break;
                }
                count += 1;
                bytes += next;
                if next < size {
                    break;
                }
            }
            if let Some(contents) = lane.bytes.get(at..at + bytes) {
                let segment_size = (count > 1).then_some(size);
                let transmit =
                    Transmit { destination: lane.path.remote, ecn: None, contents, segment_size, src_ip: None };
                let sent = self
                    .socket
                    .try_io(Interest::WRITABLE, || self.state.try_send(UdpSockRef::from(&self.socket), &transmit));
                if sent.is_err() {
                    // UDP may lose; the receiver asks again. Waiting here would hold up every other receiver.
                    self.send_drops += count as u64;
                }
            }
            at += bytes;
            rest = rest.get(count..).unwrap_or_default();
        }
    }
}
