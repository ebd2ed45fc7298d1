//! Datagrams out: many destinations in one system call (sendmmsg), runs of equal size as one message (GSO).
//!
//! Why both: a browser paces its packets, so most turns have one packet for each of many receivers, and a system call
//! for each costs a quarter of all a paced packet costs (2.4 against 3.2 µs on loopback); a burst has eight for one
//! receiver, and GSO makes the kernel walk its stack once for all of them (0.9 µs a packet). quinn-udp sends one
//! destination a call, so sending goes through `nix`.

use std::io::IoSlice;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use arrayvec::ArrayVec;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};

use crate::media::outbox::{Lane, Local};

/// Messages in one system call.
const MESSAGES: usize = 128;
/// A GSO run must fit an IP packet.
const MAX_RUN_BYTES: usize = 60_000;
/// The kernel's UDP_MAX_SEGMENTS of old; newer ones take 128.
const MAX_RUN: usize = 64;

/// Where a lane's next run begins.
#[derive(Clone, Copy, Default)]
struct Cursor {
    datagram: usize,
    byte: usize,
}

/// Messages of one shape (all plain, or all with the same segment size) that wait for their system call.
struct Batch<'a> {
    contents: ArrayVec<[IoSlice<'a>; 1], MESSAGES>,
    addresses: ArrayVec<Option<SockaddrStorage>, MESSAGES>,
    counts: ArrayVec<usize, MESSAGES>,
}

impl Batch<'_> {
    fn new() -> Self {
        Self { contents: ArrayVec::new(), addresses: ArrayVec::new(), counts: ArrayVec::new() }
    }
}

/// See the module.
pub struct Sender {
    socket: UdpSocket,
    plain: MultiHeaders<SockaddrStorage>,
    runs: MultiHeaders<SockaddrStorage>,
    cursors: Vec<Cursor>,
    gso: bool,
    /// Figures.
    pub sent: Sent,
}

/// What was sent since the beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// System calls.
    pub calls: u64,
    /// Datagrams handed to the kernel.
    pub datagrams: u64,
    /// Of them those the kernel would not take.
    pub drops: u64,
}

impl Sender {
    /// Sends from this (bound, non-blocking) socket; `gso`: the kernel cuts runs.
    pub fn new(socket: UdpSocket, gso: bool) -> Self {
        Self {
            socket,
            plain: MultiHeaders::preallocate(MESSAGES, None),
            runs: MultiHeaders::preallocate(MESSAGES, Some(cmsg_space!(u16))),
            cursors: Vec::new(),
            gso,
            sent: Sent::default(),
        }
    }

    /// Sends all UDP lanes. Within a lane the order is kept; UDP may lose what the kernel does not take.
    pub fn send(&mut self, lanes: &[Lane]) {
        self.cursors.clear();
        self.cursors.resize(lanes.len(), Cursor::default());
        // Each round takes the next run of every lane, so that runs of one shape to many receivers share a call.
        let mut rest = true;
        while rest {
            rest = self.round(lanes);
        }
    }

    /// One run of each lane; true if any lane has more.
    fn round(&mut self, lanes: &[Lane]) -> bool {
        let mut more = false;
        let (mut singles, mut runs) = (Batch::new(), Batch::new());
        let mut segment = 0;
        for index in 0..lanes.len() {
            let (Some(lane), Some(cursor)) = (lanes.get(index), self.cursors.get_mut(index)) else { continue };
            if lane.path.local != Local::Udp {
                continue;
            }
            let run = Run::next(lane, *cursor, self.gso);
            let Some(contents) = lane.bytes.get(cursor.byte..cursor.byte + run.bytes) else { continue };
            if run.count == 0 {
                continue;
            }
            *cursor = Cursor { datagram: cursor.datagram + run.count, byte: cursor.byte + run.bytes };
            more |= cursor.datagram < lane.lengths.len();
            let is_run = run.count > 1;
            self.sent.datagrams += run.count as u64;
            let batch = if is_run { &mut runs } else { &mut singles };
            if batch.contents.is_full() || is_run && segment != run.size {
                self.flush(batch, segment, is_run);
            }
            if is_run {
                segment = run.size;
            }
            let batch = if is_run { &mut runs } else { &mut singles };
            batch.contents.push([IoSlice::new(contents)]);
            batch.addresses.push(Some(SockaddrStorage::from(lane.path.remote)));
            batch.counts.push(run.count);
        }
        self.flush(&mut runs, segment, true);
        self.flush(&mut singles, 0, false);
        more
    }

    /// Hands a batch to the kernel and empties it.
    fn flush(&mut self, batch: &mut Batch<'_>, segment: usize, is_run: bool) {
        let mut from = 0;
        while from < batch.contents.len() {
            let rest = batch.contents.get(from..).unwrap_or_default();
            let addresses = batch.addresses.get(from..).unwrap_or_default();
            let counts = batch.counts.get(from..).unwrap_or_default();
            let sent = if is_run {
                self.call(rest, addresses, Some(segment as u16))
            } else {
                self.call(rest, addresses, None)
            };
            match sent {
                Ok(sent) => from += sent.max(1),
                Err(cause @ (Errno::EIO | Errno::EINVAL)) if is_run => {
                    // The device below cannot cut runs (from now on every datagram goes by itself), or these segments are
                    // longer than its packets, which is their publisher's doing and nobody else's loss.
                    self.gso &= cause != Errno::EIO;
                    self.cut(rest, addresses, segment);
                    from = batch.contents.len();
                }
                Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                    // UDP may lose; the receiver asks again. Waiting here would hold up every other receiver.
                    self.sent.drops += counts.iter().sum::<usize>() as u64;
                    from = batch.contents.len();
                }
                Err(_) => {
                    // One destination cannot be reached; the others can.
                    self.sent.drops += counts.first().copied().unwrap_or(0) as u64;
                    from += 1;
                }
            }
        }
        batch.contents.clear();
        batch.addresses.clear();
        batch.counts.clear();
    }

    fn call<'a>(
        &'a mut self,
        contents: &'a [[IoSlice<'a>; 1]],
        addresses: &'a [Option<SockaddrStorage>],
        segment: Option<u16>,
    ) -> nix::Result<usize> {
        let (fd, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        self.sent.calls += 1;
        let results = match &segment {
            Some(size) => {
                sendmmsg(fd, &mut self.runs, contents, addresses, [ControlMessage::UdpGsoSegments(size)], flags)
            }
            None => sendmmsg(fd, &mut self.plain, contents, addresses, [], flags),
        };
        results.map(Iterator::count)
    }

    /// Sends runs as single datagrams.
    fn cut(&mut self, runs: &[[IoSlice<'_>; 1]], addresses: &[Option<SockaddrStorage>], segment: usize) {
        for ([run], address) in runs.iter().zip(addresses) {
            for datagram in run.chunks(segment.max(1)) {
                let one = [[IoSlice::new(datagram)]];
                let plain = &mut self.plain;
                let sent =
                    sendmmsg(self.socket.as_raw_fd(), plain, &one, [*address], [], MsgFlags::MSG_DONTWAIT).is_ok();
                self.sent.calls += 1;
                self.sent.drops += u64::from(!sent);
            }
        }
    }
}

/// Datagrams of one lane that can go as one message.
struct Run {
    count: usize,
    bytes: usize,
    size: usize,
}

impl Run {
    fn next(lane: &Lane, from: Cursor, gso: bool) -> Self {
        let mut rest = lane.lengths.get(from.datagram..).unwrap_or_default().iter().map(|n| usize::from(*n));
        let Some(size) = rest.next() else { return Self { count: 0, bytes: 0, size: 0 } };
        let mut run = Self { count: 1, bytes: size, size };
        for next in rest.take_while(|next| gso && *next <= size) {
            if run.count >= MAX_RUN || run.bytes + next > MAX_RUN_BYTES {
                break;
            }
            run.count += 1;
            run.bytes += next;
            // Only the last segment of a run may be shorter.
            if next < size {
                break;
            }
        }
        run
    }
}
