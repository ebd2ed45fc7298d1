//! One UDP port with two sockets: what must be handled at once, and what may wait for a moment.
//!
//! Waking for a packet costs a worker 10 to 20 µs of its core, as much as sending five. Pictures and reports that come singly
//! may wait for 2 ms and then come many at a time, but sound may not, and once a packet has woken the worker there is nothing
//! left to save. So the kernel sorts before it wakes anybody: the two sockets share the port (SO_REUSEPORT), and a small
//! program says which one gets a datagram (SO_ATTACH_REUSEPORT_CBPF). It only sorts; what it takes for a picture may be
//! anything, and is handled as it would be from the other socket.

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

/// A worker's sockets, on one port.
#[derive(Debug)]
pub struct Sockets {
    /// Handshakes, checks, sound; everything, where there is no other. All that is sent goes out here.
    pub prompt: UdpSocket,
    /// Pictures and reports.
    pub patient: Option<UdpSocket>,
}

impl Sockets {
    /// Binds both, port 0 for any. Fails where the port is in use; has one socket where the kernel does not sort.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        // The port must be free also of those who would share it.
        let alone = UdpSocket::bind(address)?;
        let address = alone.local_addr()?;
        drop(alone);
        match Self::share(address) {
            Ok((prompt, patient)) => Ok(Self { prompt, patient: Some(patient) }),
            Err(_) => Ok(Self { prompt: UdpSocket::bind(address)?, patient: None }),
        }
    }

    fn share(address: SocketAddr) -> nix::Result<(UdpSocket, UdpSocket)> {
        let prompt = shared(address)?;
        let patient = shared(address)?;
        let mut program = program();
        let said = sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        setsockopt(&prompt, sockopt::AttachReusePortCbpf, &said)?;
        Ok((prompt, patient))
    }
}

fn shared(address: SocketAddr) -> nix::Result<UdpSocket> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&fd, sockopt::ReusePort, &true)?;
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(UdpSocket::from(fd))
}

/// Gives 1 for a datagram that may wait, else 0: the places of the sockets, in the order in which they were bound. Reads the
/// datagram from its first byte on; where it ends before that, the answer is 0.
fn program() -> [sock_filter; 14] {
    const PATIENT: usize = 12;
    const PROMPT: usize = 13;
    let step = |code: u32, k: u32| sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let byte = |at: u32| step(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, at);
    let and = |mask: u32| step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, mask);
    let give = |socket: u32| step(libc::BPF_RET | libc::BPF_K, socket);
    // Jumps are told how many steps they skip.
    let jump = |at: usize, test: u32, k: u32, yes: usize, no: usize| sock_filter {
        jt: (yes - at - 1) as u8,
        jf: (no - at - 1) as u8,
        ..step(libc::BPF_JMP | libc::BPF_K | test, k)
    };
    [
        byte(0),
        and(0xc0),
        // RFC 7983 §7: RTP or RTCP.
        jump(2, libc::BPF_JEQ, 0x80, 3, PROMPT),
        byte(1),
        and(0x7f),
        jump(5, libc::BPF_JGE, RTCP.0, 6, 7),
        jump(6, libc::BPF_JGT, RTCP.1, 7, PATIENT),
        jump(7, libc::BPF_JEQ, SOUND[0], PROMPT, 8),
        jump(8, libc::BPF_JEQ, SOUND[1], PROMPT, 9),
        jump(9, libc::BPF_JEQ, SOUND[2], PROMPT, 10),
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_LEN, 0),
        jump(11, libc::BPF_JGT, SHORT as u32, PATIENT, PROMPT),
        give(1),
        give(0),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn sound_and_handshakes_go_to_one_socket_and_pictures_and_reports_to_the_other() {
        let Sockets { prompt, patient } = Sockets::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("bound");
        let patient = patient.expect("the kernel sorts");
        let address = prompt.local_addr().expect("address");
        assert_eq!(patient.local_addr().expect("address"), address);
        assert!(UdpSocket::bind(address).is_err(), "the port is in use");
        assert!(Sockets::bind(address).is_err(), "also for those who would share it");
        let client = UdpSocket::bind("127.0.0.1:0").expect("client");
        let rtp = |payload_type: u8, length: usize| {
            let mut packet = vec![payload_type; length];
            packet[0] = 0x80;
            packet
        };
        let prompts = [
            vec![0, 1, 0, 0],
            vec![22; 1_200],
            rtp(111, 160),
            rtp(0x80 | 111, 1_100),
            rtp(63, 1_100),
            rtp(109, 900),
            rtp(96, SHORT),
            rtp(0x80 | 97, 100),
            vec![0x80],
            vec![],
        ];
        let patients =
            [rtp(96, SHORT + 1), rtp(0x80 | 96, 1_200), rtp(205, 40), rtp(200, 28), rtp(201, 900), rtp(35, 1_000)];
        for (socket, other, datagrams) in [(&prompt, &patient, &prompts[..]), (&patient, &prompt, &patients[..])] {
            socket.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
            other.set_nonblocking(true).expect("set");
            for datagram in datagrams {
                client.send_to(datagram, address).expect("sent");
                let mut buffer = [0; 2_000];
                let length = socket.recv(&mut buffer).unwrap_or_else(|e| panic!("{:?}: {e}", datagram.get(..2)));
                assert_eq!(&buffer[..length], &datagram[..]);
                assert!(other.recv(&mut buffer).is_err(), "{:?} came twice", datagram.get(..2));
            }
            other.set_nonblocking(false).expect("set");
        }
    }
}
