//! One UDP port with several sockets: what must be handled at once, pictures, reports, and what is sent.
//!
//! Waking for a packet costs a worker 10 to 20 µs of its core, as much as sending five. Pictures that come singly may wait for
//! 2 ms and then come many at a time, and what receivers tell of each packet (ten times a second, each) may wait for longer;
//! but sound may not, and once a packet has woken the worker there is nothing left to save. So the kernel sorts before it
//! wakes anybody: the sockets share the port (SO_REUSEPORT), and a small program says which one gets a datagram
//! (SO_ATTACH_REUSEPORT_CBPF). It only sorts; what it takes for a picture may be anything, and is handled as it would be
//! from another socket.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::libc::{self, sock_filter, sock_fprog};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt};

/// RTP that is not longer is taken for sound. Bytes.
pub const SHORT: usize = 400;
/// Payload types of sound in what browsers offer (Opus in Chromium and Firefox, and with redundancy), of whatever length.
const SOUND: [u32; 3] = [111, 109, 63];
/// RTCP, by the second byte without its first bit (RFC 5761 §4).
const RTCP: (u32, u32) = (64, 95);
/// Sender and receiver reports (RFC 3550 §6.4), in the same bits.
const REPORTS: [u32; 2] = [72, 73];
/// Transport-wide feedback: packet type (in the same bits) and format (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
const FEEDBACK: (u32, u32) = (77, 15);
/// What SRTCP adds to a packet at most (RFC 7714 §9.2: index and tag), bytes.
const TRAILER: u32 = 20;

/// A worker's sockets, on one port.
#[derive(Debug)]
pub struct Sockets {
    /// Handshakes, checks, sound; everything, where there is no other.
    pub prompt: UdpSocket,
    /// The others, where the kernel sorts.
    pub sorted: Option<Sorted>,
}

/// Sockets beside the first.
#[derive(Debug)]
pub struct Sorted {
    /// Pictures, and what is asked for them (NACK, PLI). They may wait, if the worker has much to do.
    pub pictures: UdpSocket,
    /// Reports that ask for nothing: transport-wide feedback, and sender and receiver reports with nothing behind them.
    pub reports: UdpSocket,
    /// Nothing comes here; all that is sent goes out. Each datagram that has left its socket is told to whoever waits for
    /// that socket, for whatever he waits: by this one nobody does.
    pub sending: UdpSocket,
}

impl Sockets {
    /// Binds them, port 0 for any. Fails where the port is in use; has one socket where the kernel does not sort.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        // The port must be free also of those who would share it.
        let alone = UdpSocket::bind(address)?;
        let address = alone.local_addr()?;
        drop(alone);
        match Self::share(address) {
            Ok((prompt, sorted)) => Ok(Self { prompt, sorted: Some(sorted) }),
            Err(_) => Ok(Self { prompt: UdpSocket::bind(address)?, sorted: None }),
        }
    }

    fn share(address: SocketAddr) -> nix::Result<(UdpSocket, Sorted)> {
        let prompt = shared(address)?;
        let (pictures, reports, sending) = (shared(address)?, shared(address)?, shared(address)?);
        let mut program = program();
        let said = sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        setsockopt(&prompt, sockopt::AttachReusePortCbpf, &said)?;
        Ok((prompt, Sorted { pictures, reports, sending }))
    }
}

fn shared(address: SocketAddr) -> nix::Result<UdpSocket> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&fd, sockopt::ReusePort, &true)?;
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(UdpSocket::from(fd))
}

/// Gives the place of the socket for a datagram: 0, 1 or 2, in the order in which they were bound. Reads the datagram from its
/// first byte on; where it ends before that, the answer is 0.
fn program() -> [sock_filter; 27] {
    const FORMAT: usize = 15;
    const ALONE: usize = 18;
    const PROMPT: usize = 24;
    const PICTURES: usize = 25;
    const LONE_REPORT: usize = 26;
    let step = |code: u32, k: u32| sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let byte = |at: u32| step(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, at);
    let length = step(libc::BPF_LD | libc::BPF_W | libc::BPF_LEN, 0);
    let compute = |what: u32, k: u32| step(libc::BPF_ALU | what, k);
    let give = |socket: u32| step(libc::BPF_RET | libc::BPF_K, socket);
    // Jumps are told how many steps they skip.
    let jump = |at: usize, test: u32, k: u32, yes: usize, no: usize| sock_filter {
        jt: (yes - at - 1) as u8,
        jf: (no - at - 1) as u8,
        ..step(libc::BPF_JMP | libc::BPF_K | test, k)
    };
    [
        byte(0),
        compute(libc::BPF_AND, 0xc0),
        // RFC 7983 §7: RTP or RTCP.
        jump(2, libc::BPF_JEQ, 0x80, 3, PROMPT),
        byte(1),
        compute(libc::BPF_AND, 0x7f),
        jump(5, libc::BPF_JEQ, FEEDBACK.0, FORMAT, 6),
        jump(6, libc::BPF_JEQ, REPORTS[0], ALONE, 7),
        jump(7, libc::BPF_JEQ, REPORTS[1], ALONE, 8),
        jump(8, libc::BPF_JEQ, SOUND[0], PROMPT, 9),
        jump(9, libc::BPF_JEQ, SOUND[1], PROMPT, 10),
        jump(10, libc::BPF_JEQ, SOUND[2], PROMPT, 11),
        jump(11, libc::BPF_JGE, RTCP.0, 12, 13),
        jump(12, libc::BPF_JGT, RTCP.1, 13, PICTURES),
        length,
        jump(14, libc::BPF_JGT, SHORT as u32, PICTURES, PROMPT),
        byte(0),
        compute(libc::BPF_AND, 0x1f),
        jump(17, libc::BPF_JEQ, FEEDBACK.1, ALONE, PICTURES),
        // An RTCP packet tells its length in words, one less: is there more than it and the trailer?
        step(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, 2),
        compute(libc::BPF_LSH, 2),
        step(libc::BPF_MISC | libc::BPF_TAX, 0),
        length,
        compute(libc::BPF_SUB | libc::BPF_X, 0),
        jump(23, libc::BPF_JGT, 4 + TRAILER, PICTURES, LONE_REPORT),
        give(0),
        give(1),
        give(2),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn packet(kind: u8, length: usize) -> Vec<u8> {
        let mut packet = vec![kind; length];
        packet[0] = 0x80;
        packet
    }

    /// `words` long, its header counted, with so many bytes beyond.
    fn rtcp(format: u8, kind: u8, words: u16, beyond: usize) -> Vec<u8> {
        let mut packet = packet(kind, usize::from(words) * 4 + beyond);
        packet[0] |= format;
        packet[2..4].copy_from_slice(&(words - 1).to_be_bytes());
        packet
    }

    #[test]
    fn sound_pictures_and_reports_go_to_a_socket_each() {
        let Sockets { prompt, sorted } = Sockets::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("bound");
        let Sorted { pictures, reports, sending } = sorted.expect("the kernel sorts");
        let address = prompt.local_addr().expect("address");
        assert!(UdpSocket::bind(address).is_err(), "the port is in use");
        assert!(Sockets::bind(address).is_err(), "also for those who would share it");
        let client = UdpSocket::bind("127.0.0.1:0").expect("client");
        let sound = [
            vec![0, 1, 0, 0],
            vec![22; 1_200],
            packet(111, 160),
            packet(0x80 | 111, 1_100),
            packet(63, 1_100),
            packet(109, 900),
            packet(96, SHORT),
            packet(0x80 | 97, 100),
            vec![0x80],
            vec![0x80, 201],
            vec![],
        ];
        let shown = [
            packet(96, SHORT + 1),
            packet(0x80 | 96, 1_200),
            packet(35, 1_000),
            rtcp(1, 205, 4, 20),
            rtcp(1, 206, 3, 20),
            // With a description, or a NACK, behind it; with a length that cannot be.
            rtcp(1, 201, 8, 12 + 18),
            rtcp(0, 201, 2, 16 + 18),
            rtcp(0, 200, 7, 8 + 18),
            rtcp(15, 205, 7, 16 + 20),
            packet(201, 300),
        ];
        let lone = [rtcp(0, 200, 7, 20), rtcp(2, 201, 14, 18), rtcp(15, 205, 6, 20), rtcp(15, 205, 300, 18)];
        let sockets = [(&prompt, &sound[..]), (&pictures, &shown[..]), (&reports, &lone[..]), (&sending, &[])];
        for (socket, datagrams) in sockets {
            assert_eq!(socket.local_addr().expect("address"), address);
            socket.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
            for datagram in datagrams {
                client.send_to(datagram, address).expect("sent");
                let mut buffer = [0; 2_000];
                let length = socket.recv(&mut buffer).unwrap_or_else(|e| panic!("{:?}: {e}", datagram.get(..4)));
                assert_eq!(&buffer[..length], &datagram[..]);
            }
        }
        for (socket, _) in sockets {
            socket.set_nonblocking(true).expect("set");
            assert!(socket.recv(&mut [0; 2_000]).is_err(), "nothing comes twice");
        }
    }
}
