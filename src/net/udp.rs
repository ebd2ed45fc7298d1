//! The worker's UDP socket: batches in (recvmmsg, GRO) by `quinn-udp`, batches out by [`super::batch`].

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use tokio::io::Interest;

use super::batch::{Sender, Sent};
use super::clock::{self, Stamps};
use crate::media::outbox::{Lane, Moment};

/// Datagrams (or GRO runs) taken in one system call.
const BATCH: usize = 32;
/// With GRO a buffer must hold 64 KiB, or runs are cut. The odd size keeps buffers off one cache set.
const BUFFER: usize = 65_536 + 192;
/// Kernel buffers: half a second of a busy worker's traffic.
const KERNEL_BUFFER: usize = 4 * 1024 * 1024;

/// Room for one batch; sockets of one thread may share it.
pub struct Buffers {
    buffers: Box<[Vec<u8>; BATCH]>,
    metas: [RecvMeta; BATCH],
}

impl Default for Buffers {
    fn default() -> Self {
        Self { buffers: Box::new(std::array::from_fn(|_| vec![0; BUFFER])), metas: [RecvMeta::default(); BATCH] }
    }
}

/// See the module.
pub struct Udp {
    socket: tokio::net::UdpSocket,
    state: UdpSocketState,
    sender: Sender,
    /// When the newest datagram came.
    newest: Instant,
    /// System calls that received.
    pub receives: u64,
    /// Datagrams received.
    pub received: u64,
}

impl Udp {
    /// Takes over a bound socket. Must be called on the worker's runtime.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // Best effort: without privileges the kernel clamps to its own limit.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        let sender = Sender::new(socket.try_clone()?, state.max_gso_segments() > 1);
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        Ok(Self { socket, state, sender, newest: clock::now(), receives: 0, received: 0 })
    }

    /// Waits until datagrams are there.
    pub async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Hands each datagram that is there to `take`, with when it came by the kernel's clock; false when no more is there.
    /// At most one batch, so that commands and timers get their turn.
    pub fn receive(&mut self, room: &mut Buffers, mut take: impl FnMut(Moment, SocketAddr, &mut [u8])) -> bool {
        let (socket, state) = (&self.socket, &self.state);
        let Buffers { buffers, metas } = room;
        let mut count = 0;
        let received = socket.try_io(Interest::READABLE, || {
            let mut slices = buffers.each_mut().map(|b| IoSliceMut::new(b));
            count = state.recv(UdpSockRef::from(socket), &mut slices, metas)?;
            // A batch that is not full emptied the socket: what comes later wakes us anew (epoll is edge-triggered),
            // so the call that would only say so is saved.
            if count < BATCH { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        self.receives += 1;
        let mut stamps = Stamps::read(self.newest);
        for (buffer, meta) in buffers.iter_mut().zip(metas.iter()).take(count) {
            let stride = meta.stride.max(1);
            let Some(run) = buffer.get_mut(..meta.len) else { continue };
            self.newest = stamps.came(meta.timestamp);
            let at = Moment { now: stamps.now(), came: self.newest };
            for datagram in run.chunks_mut(stride) {
                self.received += 1;
                take(at, meta.addr, datagram);
            }
        }
        received.is_ok()
    }

    /// Sends all lanes of the worker's UDP socket.
    pub fn send(&mut self, lanes: &[Lane]) {
        self.sender.send(lanes);
    }

    /// What was sent, in how many system calls, and what the kernel would not take.
    pub fn sent(&self) -> Sent {
        self.sender.sent
    }
}
