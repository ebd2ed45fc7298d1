//! The worker's UDP sockets: batches in (recvmmsg, GRO) by `quinn-udp`, batches out by [`super::batch`].

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::io::Interest;

use super::batch::{Sender, Sent};
use super::clock::{self, Stamps};
use super::split::{SHORT, Sockets};
use crate::media::outbox::{Lane, Moment};

/// Datagrams (or GRO runs) taken in one system call.
const BATCH: usize = 32;
/// With GRO a buffer must hold 64 KiB, or runs are cut. The odd size keeps buffers off one cache set.
const BUFFER: usize = 65_536 + 192;
/// Batches of one socket handled before commands and timers are looked at again.
pub const BATCHES_A_TURN: usize = 8;
/// What may wait is looked at after so long at the latest; with what a timer is late by, 2 ms.
const PATIENCE: Duration = Duration::from_micros(1_900);
/// Pictures of one client that come within this came at once.
const AT_ONCE: Duration = Duration::from_millis(1);
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

/// Takes a datagram: when it is handled and came, where from, and its bytes.
pub type Take<'t> = dyn FnMut(Moment, SocketAddr, &mut [u8]) + 't;

/// What was received since the beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Got {
    /// System calls.
    pub calls: u64,
    /// Datagrams.
    pub datagrams: u64,
    /// Of them those long enough for pictures, where the kernel keeps these apart.
    pub pictures: u64,
    /// These, where each run of them from one client that came at once counts as one.
    pub runs: u64,
}

/// See the module.
pub struct Udp {
    prompt: Inlet,
    patient: Option<Inlet>,
    sender: Sender,
    /// Where the last picture came from, and when.
    picture: Option<(SocketAddr, Instant)>,
    /// When what may wait was last looked at.
    looked: Instant,
    /// Figures.
    pub got: Got,
}

impl Udp {
    /// Takes over bound sockets. Must be called on the worker's runtime.
    pub fn new(Sockets { prompt, patient }: Sockets) -> io::Result<Self> {
        let sending = prompt.try_clone()?;
        let prompt = Inlet::new(prompt)?;
        let sender = Sender::new(sending, prompt.state.max_gso_segments() > 1);
        let patient = patient.map(Inlet::new).transpose()?;
        Ok(Self { prompt, patient, sender, picture: None, looked: clock::now(), got: Got::default() })
    }

    /// Waits until datagrams are there.
    pub async fn readable(&self) -> io::Result<()> {
        match &self.patient {
            None => self.prompt.socket.readable().await,
            Some(patient) => tokio::select! {
                ready = self.prompt.socket.readable() => ready,
                ready = patient.socket.readable() => ready,
            },
        }
    }

    /// Hands each datagram that is there to `take`, with when it came by the kernel's clock; false when no more is there.
    /// At most a batch of each socket, so that commands and timers get their turn.
    pub fn receive(&mut self, room: &mut Buffers, take: &mut Take<'_>) -> bool {
        let prompt = self.prompt.receive_ready(room);
        let mut is_more = self.hand_on(prompt, false, room, take);
        let waiting = self.patient.as_ref().and_then(|patient| patient.receive_ready(room));
        is_more |= self.hand_on(waiting, true, room, take);
        is_more
    }

    /// When what may wait has to be looked at, at the latest.
    pub fn patient_until(&self) -> Instant {
        self.looked + PATIENCE
    }

    /// Waits with the whole thread for what may not wait, but no longer than until `until`; true if it is there.
    pub fn wait(&self, now: Instant, until: Instant) -> io::Result<bool> {
        let timeout = Timespec::try_from(until.saturating_duration_since(now)).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.prompt.socket, PollFlags::IN)], Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(cause) => Err(cause.into()),
        }
    }

    /// As [`Udp::receive`] after [`Udp::wait`], which told `is_prompt`. What may wait is taken along whatever it was that
    /// woke the worker.
    pub fn receive_waited(&mut self, now: Instant, is_prompt: bool, room: &mut Buffers, take: &mut Take<'_>) {
        self.looked = now;
        let (mut is_prompt, mut is_patient) = (is_prompt, true);
        for _ in 0..BATCHES_A_TURN {
            if is_prompt {
                let prompt = self.prompt.receive(room);
                is_prompt = self.hand_on(prompt.ok(), false, room, take);
            }
            if is_patient {
                let waiting = self.patient.as_ref().and_then(|patient| patient.receive(room).ok());
                is_patient = self.hand_on(waiting, true, room, take);
            }
        }
    }

    /// Hands on what a call received, if there was one; true when there may be more.
    fn hand_on(&mut self, count: Option<usize>, is_patient: bool, room: &mut Buffers, take: &mut Take<'_>) -> bool {
        let Some(count) = count else { return false };
        let Some(inlet) = (if is_patient { self.patient.as_mut() } else { Some(&mut self.prompt) }) else {
            return false;
        };
        self.got.calls += 1;
        let mut stamps = Stamps::read(inlet.newest);
        for (buffer, meta) in room.buffers.iter_mut().zip(room.metas.iter()).take(count) {
            let stride = meta.stride.max(1);
            let Some(run) = buffer.get_mut(..meta.len) else { continue };
            inlet.newest = stamps.came(meta.timestamp);
            let at = Moment { now: stamps.now(), came: inlet.newest };
            if is_patient && stride > SHORT {
                let is_of_run = self.picture.is_some_and(|(from, then)| from == meta.addr && at.came < then + AT_ONCE);
                self.got.pictures += (meta.len / stride) as u64;
                self.got.runs += u64::from(!is_of_run);
                self.picture = Some((meta.addr, at.came));
            }
            for datagram in run.chunks_mut(stride) {
                self.got.datagrams += 1;
                take(at, meta.addr, datagram);
            }
        }
        count == BATCH
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

/// One socket as it receives.
struct Inlet {
    socket: tokio::net::UdpSocket,
    state: UdpSocketState,
    /// When its newest datagram came. What waited in one socket may have come before what the other already gave.
    newest: Instant,
}

impl Inlet {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // Best effort: without privileges the kernel clamps to its own limit.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        Ok(Self { socket: tokio::net::UdpSocket::from_std(socket)?, state, newest: clock::now() })
    }

    /// One system call; how many it received.
    fn receive(&self, room: &mut Buffers) -> io::Result<usize> {
        let mut slices = room.buffers.each_mut().map(|b| IoSliceMut::new(b));
        self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut room.metas)
    }

    /// The same, where the runtime says that something is there.
    fn receive_ready(&self, room: &mut Buffers) -> Option<usize> {
        let mut received = None;
        let _ = self.socket.try_io(Interest::READABLE, || {
            let count = self.receive(room)?;
            received = Some(count);
            // A batch that is not full emptied the socket: what comes later wakes us anew (epoll is edge-triggered),
            // so the call that would only say so is saved.
            if count < BATCH { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        received
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waited_came_when_it_came_though_sound_that_came_later_was_read_first() {
        let sockets = Sockets::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("bound");
        let address = sockets.prompt.local_addr().expect("address");
        let (mut udp, mut room) = (Udp::new(sockets).expect("taken over"), Buffers::default());
        let client = UdpSocket::bind("127.0.0.1:0").expect("client");
        // The kernel begins to stamp a moment after it was asked to.
        let is_told = (0..1_000).any(|_| {
            let sent = clock::now();
            client.send_to(&[0x80; 1_000], address).expect("a picture is sent");
            while clock::now() < sent + Duration::from_millis(1) {}
            client.send_to(&[0x80; 100], address).expect("sound is sent");
            let now = clock::now();
            assert!(udp.wait(now, now + Duration::from_secs(10)).expect("waits"), "sound wakes");
            let mut came = Vec::new();
            udp.receive_waited(now, true, &mut room, &mut |at, _, datagram| came.push((datagram.len(), at.came)));
            assert_eq!(came.iter().map(|(length, _)| *length).collect::<Vec<_>>(), [100, 1_000]);
            came[1].1 < came[0].1
        });
        assert!(is_told);
        assert_eq!(udp.got.pictures, udp.got.datagrams / 2);
    }
}
