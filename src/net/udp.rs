//! The worker's UDP sockets: batches in (recvmmsg, GRO) by `quinn-udp`, batches out by [`super::batch`].

use std::io::{self, IoSliceMut};
use std::iter;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::io::Interest;

use super::batch::{Sender, Sent};
use super::clock::{self, Stamps};
use super::gather::Waits;
use super::split::{SHORT, Sockets, Sorted};
use crate::media::outbox::{Lane, Moment};

/// Datagrams (or GRO runs) taken in one system call.
const BATCH: usize = 32;
/// With GRO a buffer must hold 64 KiB, or runs are cut. The odd size keeps buffers off one cache set.
const BUFFER: usize = 65_536 + 192;
/// Batches of one socket handled before commands and timers are looked at again.
pub const BATCHES_A_TURN: usize = 8;
/// Pictures that wait are looked at after so long at the latest; with what a timer is late by, 2 ms.
const PICTURES_WAIT: Duration = Duration::from_micros(1_900);
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

/// It is told so far ahead from where the next datagrams are.
const AHEAD: usize = 2;

/// Takes what was received.
pub trait Take {
    /// Datagrams of one sender that came at once: when they are handled and came, where from, the length of each but the last,
    /// which may be shorter, and their bytes.
    fn take(&mut self, at: &Moment, from: SocketAddr, stride: usize, datagrams: &mut [u8]);

    /// What is taken next but one is from there; said of all, in their order.
    fn expect(&mut self, from: SocketAddr) {
        let _ = from;
    }

    /// That was all of a batch.
    fn end(&mut self, now: Instant) {
        let _ = now;
    }
}

impl<F: FnMut(&Moment, SocketAddr, usize, &mut [u8])> Take for F {
    fn take(&mut self, at: &Moment, from: SocketAddr, stride: usize, datagrams: &mut [u8]) {
        self(at, from, stride, datagrams);
    }
}

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
    /// How long the calls took, with filling in their headers.
    pub took: Duration,
}

/// Places of the sockets.
const PROMPT: usize = 0;
const PICTURES: usize = 1;
const REPORTS: usize = 2;

/// In which sockets there is something, by their places.
pub type Ready = [bool; 3];

/// See the module.
pub struct Udp {
    /// By their places; the first one alone where the kernel does not sort.
    inlets: Vec<Inlet>,
    sender: Sender,
    /// Where the last picture came from, and when.
    picture: Option<(SocketAddr, Instant)>,
    /// When pictures were last looked at.
    looked: Instant,
    /// Figures.
    pub got: Got,
}

impl Udp {
    /// Takes over bound sockets. Must be called on the worker's runtime.
    pub fn new(Sockets { prompt, sorted }: Sockets) -> io::Result<Self> {
        let (sending, patient) = match sorted {
            Some(Sorted { pictures, reports, sending }) => (sending, vec![pictures, reports]),
            None => (prompt.try_clone()?, vec![]),
        };
        let inlets: Vec<Inlet> = iter::once(prompt).chain(patient).map(Inlet::new).collect::<io::Result<_>>()?;
        sending.set_nonblocking(true)?;
        let state = UdpSocketState::new(UdpSockRef::from(&sending))?;
        // Best effort: without privileges the kernel clamps to its own limit.
        let _ = state.set_send_buffer_size(UdpSockRef::from(&sending), KERNEL_BUFFER);
        let sender = Sender::new(sending, state.max_gso_segments() > 1);
        Ok(Self { inlets, sender, picture: None, looked: clock::now(), got: Got::default() })
    }

    /// The same sockets, for which nobody waits any more: who has them looks for himself whether something has come.
    pub fn unwaited(self) -> io::Result<Self> {
        let inlets = self.inlets.into_iter().map(Inlet::unwaited).collect::<io::Result<_>>()?;
        Ok(Self { inlets, ..self })
    }

    /// Waits until datagrams are there.
    pub async fn readable(&self) -> io::Result<()> {
        let of = |place: usize| async move {
            match self.inlets.get(place) {
                Some(Inlet { socket: Socket::Waited(socket), .. }) => socket.readable().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            ready = of(PROMPT) => ready,
            ready = of(PICTURES) => ready,
            ready = of(REPORTS) => ready,
        }
    }

    /// Hands each datagram that is there to `take`, with when it came by the kernel's clock; false when no more is there.
    /// At most a batch of each socket, so that commands and timers get their turn.
    pub fn receive(&mut self, room: &mut Buffers, take: &mut dyn Take) -> bool {
        let mut is_more = false;
        for place in 0..self.inlets.len() {
            is_more |= self.take_batch(place, Inlet::receive_ready, room, take);
        }
        is_more
    }

    /// True where the kernel sorts.
    pub fn is_sorted(&self) -> bool {
        self.inlets.len() > 1
    }

    /// When pictures that wait have to be looked at, at the latest.
    pub fn pictures_until(&self) -> Instant {
        self.looked + PICTURES_WAIT
    }

    /// Waits with the whole thread for what does not wait itself, but no longer than until `until`. Says where to look then:
    /// pictures that wait are taken along whatever it was that woke the worker, reports are left.
    pub fn wait(&self, now: Instant, until: Instant, waits: Waits) -> io::Result<Ready> {
        let timeout = Timespec::try_from(until.saturating_duration_since(now)).map_err(io::Error::other)?;
        let mut ready = [false, waits == Waits::Pictures, false];
        // What does not wait has its places before what does.
        let asked = match waits {
            Waits::Nothing => self.inlets.len(),
            Waits::Reports => REPORTS,
            Waits::Pictures => PICTURES,
        };
        let mut polls = ArrayVec::<PollFd<'_>, 3>::new();
        polls.extend(self.inlets.iter().take(asked).map(|inlet| PollFd::new(&inlet.socket, PollFlags::IN)));
        match poll(&mut polls, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(cause) => return Err(cause.into()),
        }
        for (is_ready, polled) in ready.iter_mut().zip(&polls) {
            *is_ready = !polled.revents().is_empty();
        }
        Ok(ready)
    }

    /// As [`Udp::receive`] after [`Udp::wait`], which told where.
    pub fn receive_waited(&mut self, now: Instant, mut ready: Ready, room: &mut Buffers, take: &mut dyn Take) {
        self.looked = now;
        for _ in 0..BATCHES_A_TURN {
            for (place, is_more) in ready.iter_mut().enumerate() {
                *is_more = *is_more && self.take_batch(place, |inlet, room| inlet.receive(room).ok(), room, take);
            }
        }
    }

    /// The same of the reports, if any are there; true when there may be more, which should be asked for soon: a thousand
    /// receivers send more in a turn of the core than are taken at a time, and what waits in its socket tells of a line that was.
    pub fn receive_reports(&mut self, room: &mut Buffers, take: &mut dyn Take) -> bool {
        (0..BATCHES_A_TURN).all(|_| self.take_batch(REPORTS, |inlet, room| inlet.receive(room).ok(), room, take))
    }

    /// Takes what `receive` gets from a socket, if anything; true when there may be more.
    fn take_batch(
        &mut self,
        place: usize,
        receive: impl Fn(&Inlet, &mut Buffers) -> Option<usize>,
        room: &mut Buffers,
        take: &mut dyn Take,
    ) -> bool {
        let Some(inlet) = self.inlets.get_mut(place) else { return false };
        let begun = clock::now();
        let received = receive(inlet, room);
        let ended = clock::now();
        self.got.took += ended.saturating_duration_since(begun);
        let Some(count) = received else { return false };
        self.got.calls += 1;
        let mut stamps = Stamps::read(ended, inlet.newest);
        let metas = room.metas.get(..count).unwrap_or_default();
        metas.iter().take(AHEAD).for_each(|meta| take.expect(meta.addr));
        for (at, (buffer, meta)) in room.buffers.iter_mut().zip(metas).enumerate() {
            if let Some(next) = metas.get(at + AHEAD) {
                take.expect(next.addr);
            }
            let stride = meta.stride.max(1);
            let Some(run) = buffer.get_mut(..meta.len) else { continue };
            inlet.newest = stamps.came(meta.timestamp);
            let at = Moment { now: stamps.now(), came: inlet.newest };
            if place == PICTURES && stride > SHORT {
                let is_of_run = self.picture.is_some_and(|(from, then)| from == meta.addr && at.came < then + AT_ONCE);
                self.got.pictures += (meta.len / stride) as u64;
                self.got.runs += u64::from(!is_of_run);
                self.picture = Some((meta.addr, at.came));
            }
            self.got.datagrams += run.len().div_ceil(stride) as u64;
            take.take(&at, meta.addr, stride, run);
        }
        take.end(stamps.now());
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

/// A socket for which the runtime waits, or nobody.
enum Socket {
    Waited(tokio::net::UdpSocket),
    Unwaited(UdpSocket),
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Waited(socket) => socket.as_fd(),
            Self::Unwaited(socket) => socket.as_fd(),
        }
    }
}

/// One socket as it receives.
struct Inlet {
    socket: Socket,
    state: UdpSocketState,
    /// When its newest datagram came. What waited in one socket may have come before what the other already gave.
    newest: Instant,
}

impl Inlet {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // Best effort, as for the socket that sends.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        let socket = Socket::Waited(tokio::net::UdpSocket::from_std(socket)?);
        Ok(Self { socket, state, newest: clock::now() })
    }

    fn unwaited(self) -> io::Result<Self> {
        let socket = match self.socket {
            Socket::Waited(socket) => Socket::Unwaited(socket.into_std()?),
            other => other,
        };
        Ok(Self { socket, ..self })
    }

    /// One system call; how many it received.
    fn receive(&self, room: &mut Buffers) -> io::Result<usize> {
        let mut slices = room.buffers.each_mut().map(|b| IoSliceMut::new(b));
        self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut room.metas)
    }

    /// The same, where the runtime says that something is there.
    fn receive_ready(&self, room: &mut Buffers) -> Option<usize> {
        let Socket::Waited(socket) = &self.socket else { return self.receive(room).ok() };
        let mut received = None;
        let _ = socket.try_io(Interest::READABLE, || {
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
            let ready = udp.wait(now, now + Duration::from_secs(10), Waits::Pictures).expect("waits");
            assert_eq!(ready, [true, true, false], "sound wakes");
            let mut came = Vec::new();
            udp.receive_waited(now, ready, &mut room, &mut |at: &Moment, _, _, datagram: &mut [u8]| {
                came.push((datagram.len(), at.came))
            });
            assert_eq!(came.iter().map(|(length, _)| *length).collect::<Vec<_>>(), [100, 1_000]);
            came[1].1 < came[0].1
        });
        assert!(is_told);
        assert_eq!(udp.got.pictures, udp.got.datagrams / 2);
    }

    #[tokio::test]
    async fn reports_that_are_many_are_taken_to_the_last() {
        let sockets = Sockets::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("bound");
        let address = sockets.prompt.local_addr().expect("address");
        let (mut udp, mut room) = (Udp::new(sockets).expect("taken over"), Buffers::default());
        let client = UdpSocket::bind("127.0.0.1:0").expect("client");
        // A receiver report of one block, as SRTCP.
        let mut report = [0; 8 * 4 + 20];
        report[..4].copy_from_slice(&[0x81, 201, 0, 7]);
        let sent = BATCH * BATCHES_A_TURN + 44;
        (0..sent).for_each(|_| assert!(client.send_to(&report, address).is_ok()));
        let mut came = 0;
        let mut take = |_: &Moment, _: SocketAddr, _: usize, _: &mut [u8]| came += 1;
        assert!(udp.receive_reports(&mut room, &mut take), "there are more");
        assert!(!udp.receive_reports(&mut room, &mut take), "that was all");
        assert_eq!(came, sent);
    }
}
