//! Datagrams out: many destinations in one system call (sendmmsg), runs of equal size as one message (GSO).
//!
//! Why both: a browser paces its packets, so most turns have one packet for each of many receivers, and a system call
//! for each costs a quarter of all a paced packet costs (2.4 against 3.2 µs on loopback); a burst has eight for one
//! receiver, and GSO makes the kernel walk its stack once for all of them (0.9 µs a packet). quinn-udp sends one
//! destination a call, so sending goes through `nix`.

use std::io::IoSlice;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use arrayvec::ArrayVec;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};

use super::clock;
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

/// Messages that wait for their system call. Those of one call have one segment size: the kernel cuts by it what is longer and
/// leaves whole what is not.
#[derive(Default)]
struct Batch<'a> {
    contents: ArrayVec<[IoSlice<'a>; 1], MESSAGES>,
    addresses: ArrayVec<Option<SockaddrStorage>, MESSAGES>,
    counts: ArrayVec<usize, MESSAGES>,
    /// The longest single datagram.
    longest: usize,
    /// The size by which runs are cut; `None` without runs.
    segment: Option<usize>,
}

impl<'a> Batch<'a> {
    fn push(&mut self, contents: &'a [u8], to: SocketAddr, run: &Run) {
        self.contents.push([IoSlice::new(contents)]);
        self.addresses.push(Some(SockaddrStorage::from(to)));
        self.counts.push(run.count);
        if run.count > 1 {
            self.segment = Some(run.size);
        } else {
            self.longest = self.longest.max(run.size);
        }
    }

    /// Puts runs behind single datagrams, if one call can take both.
    fn append(&mut self, runs: &mut Self) {
        let fits = runs.segment.is_some_and(|segment| self.longest <= segment);
        if fits && self.contents.len() + runs.contents.len() <= MESSAGES {
            self.contents.extend(runs.contents.drain(..));
            self.addresses.extend(runs.addresses.drain(..));
            self.counts.extend(runs.counts.drain(..));
            self.segment = runs.segment.take();
        }
    }

    fn clear(&mut self) {
        self.contents.clear();
        self.addresses.clear();
        self.counts.clear();
        (self.longest, self.segment) = (0, None);
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
    /// How long the calls took, with filling in their headers.
    pub took: Duration,
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
        // Each round takes the next run of every lane, so that runs of one shape to many receivers share a call. Single datagrams
        // wait for the next round's.
        let mut singles = Batch::default();
        let mut rest = true;
        while rest {
            rest = self.round(lanes, &mut singles);
        }
        self.flush(&mut singles);
    }

    /// One run of each lane; true if any lane has more. Of a lane the first that waits leaves first: singles leave before runs.
    fn round<'l>(&mut self, lanes: &'l [Lane], singles: &mut Batch<'l>) -> bool {
        let mut more = false;
        let mut runs = Batch::default();
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
            self.sent.datagrams += run.count as u64;
            let is_run = run.count > 1;
            if is_run && runs.segment.is_some_and(|segment| segment != run.size || runs.contents.is_full()) {
                self.flush_both(singles, &mut runs);
            } else if !is_run && singles.contents.is_full() {
                self.flush(singles);
            }
            let batch = if is_run { &mut runs } else { &mut *singles };
            batch.push(contents, lane.path.remote, &run);
        }
        if runs.segment.is_some() {
            self.flush_both(singles, &mut runs);
        }
        more
    }

    fn flush_both<'l>(&mut self, singles: &mut Batch<'l>, runs: &mut Batch<'l>) {
        singles.append(runs);
        self.flush(singles);
        self.flush(runs);
    }

    /// Hands a batch to the kernel and empties it.
    fn flush(&mut self, batch: &mut Batch<'_>) {
        let mut from = 0;
        while from < batch.contents.len() {
            let rest = batch.contents.get(from..).unwrap_or_default();
            let addresses = batch.addresses.get(from..).unwrap_or_default();
            let counts = batch.counts.get(from..).unwrap_or_default();
            match (self.call(rest, addresses, batch.segment.map(|size| size as u16)), batch.segment) {
                (Ok(sent), _) => from += sent.max(1),
                (Err(cause @ (Errno::EIO | Errno::EINVAL)), Some(segment)) => {
                    // The device below cannot cut runs (from now on every datagram goes by itself), or these segments are
                    // longer than its packets, which is their publisher's doing and nobody else's loss.
                    self.gso &= cause != Errno::EIO;
                    self.cut(rest, addresses, segment);
                    from = batch.contents.len();
                }
                (Err(Errno::EAGAIN | Errno::ENOBUFS), _) => {
                    // UDP may lose; the receiver asks again. Waiting here would hold up every other receiver.
                    self.sent.drops += counts.iter().sum::<usize>() as u64;
                    from = batch.contents.len();
                }
                (Err(_), _) => {
                    // One destination cannot be reached; the others can.
                    self.sent.drops += counts.first().copied().unwrap_or(0) as u64;
                    from += 1;
                }
            }
        }
        batch.clear();
    }

    fn call<'a>(
        &'a mut self,
        contents: &'a [[IoSlice<'a>; 1]],
        addresses: &'a [Option<SockaddrStorage>],
        segment: Option<u16>,
    ) -> nix::Result<usize> {
        let (fd, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        self.sent.calls += 1;
        let begun = clock::now();
        let results = match &segment {
            Some(size) => {
                sendmmsg(fd, &mut self.runs, contents, addresses, [ControlMessage::UdpGsoSegments(size)], flags)
            }
            None => sendmmsg(fd, &mut self.plain, contents, addresses, [], flags),
        };
        let sent = results.map(Iterator::count);
        self.sent.took += clock::now().saturating_duration_since(begun);
        sent
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::outbox::Path;

    /// Sends datagrams of these lengths to each receiver; what came to each, and the system calls it took.
    fn sent(lanes: &[&[u16]]) -> (Vec<Vec<u16>>, u64) {
        let local = || UdpSocket::bind("127.0.0.1:0").expect("bound");
        let receivers: Vec<UdpSocket> = lanes.iter().map(|_| local()).collect();
        let lane = |(lengths, receiver): (&&[u16], &UdpSocket)| {
            // Each datagram begins with its place in the lane.
            let bytes = lengths.iter().zip(0u8..).flat_map(|(length, at)| vec![at; usize::from(*length)]);
            let remote = receiver.local_addr().expect("address");
            let path = Path { local: Local::Udp, remote };
            Lane { path, bytes: bytes.collect(), lengths: lengths.to_vec() }
        };
        let lanes: Vec<Lane> = lanes.iter().zip(&receivers).map(lane).collect();
        let mut sender = Sender::new(local(), true);
        sender.send(&lanes);
        let came = |(receiver, lane): (&UdpSocket, &Lane)| {
            receiver.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
            let mut buffer = [0; 2_000];
            let each = (0..lane.lengths.len()).map(|at| {
                let length = receiver.recv(&mut buffer).expect("it comes");
                assert!(buffer[..length].iter().all(|byte| usize::from(*byte) == at), "out of order");
                length as u16
            });
            each.collect()
        };
        assert_eq!((sender.sent.drops, sender.sent.datagrams), (0, lanes.iter().map(|l| l.lengths.len() as u64).sum()));
        (receivers.iter().zip(&lanes).map(came).collect(), sender.sent.calls)
    }

    #[test]
    fn what_one_call_can_take_goes_in_one_and_each_receiver_gets_all_in_order() {
        let cases: [(&[&[u16]], u64); 8] = [
            (&[&[900], &[700], &[100]], 1),
            (&[&[1_000, 1_000, 1_000, 300], &[1_000, 1_000], &[1_000; 8]], 1),
            // Sound goes whole with runs of pictures, whichever comes first.
            (&[&[1_000, 1_000, 100], &[100], &[100, 1_000, 1_000]], 2),
            (&[&[100], &[1_000, 1_000], &[100]], 1),
            // Sound before a picture, for all.
            (&[&[100, 900], &[100, 900], &[100, 900]], 1),
            (&[&[100, 900, 900], &[100, 900, 900]], 1),
            // What is longer than the segments of a run cannot go with it.
            (&[&[500, 500], &[900], &[700, 700], &[400]], 3),
            (&[&[100, 900, 500, 500, 1_200, 50, 60]], 3),
        ];
        for (lanes, calls) in cases {
            let (came, took) = sent(lanes);
            assert_eq!(came, lanes.iter().map(|lengths| lengths.to_vec()).collect::<Vec<_>>());
            assert_eq!(took, calls, "{lanes:?}");
        }
    }

    #[test]
    fn more_than_a_call_takes_goes_in_several() {
        let lanes: Vec<&[u16]> =
            (0..300).map(|at| if at % 2 == 0 { &[200, 900][..] } else { &[900, 900, 50][..] }).collect();
        let (came, calls) = sent(&lanes);
        assert!(came.iter().zip(&lanes).all(|(came, lengths)| came == lengths));
        assert!(calls <= 6, "{calls}");
    }
}
