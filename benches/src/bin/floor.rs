//! What the kernel alone takes for a packet: the datagrams of `tongke load` sent as the server sends them, without a server.
//! No SFU that sends through UDP sockets can be below this; what it is above is its own doing.
//!
//! `cargo run --release -p tongke-benches --bin floor`: µs of CPU a packet, by shape. One core sends, the other reads.

#![expect(clippy::print_stdout, reason = "says what it measured")]

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tongke::media::outbox::{Lane, Local, Path};
use tongke::net::batch::Sender;
use tongke::net::busy::thread_cpu;
use tongke::net::clock;

/// A sealed packet of 2 Mbit/s of video in 240 packets a second.
const DATAGRAM: usize = 1_041 + 12 + 8 + 16;
const RECEIVERS: usize = 100;
const PACKETS_A_SECOND: u32 = 290;
const MEASURED: Duration = Duration::from_secs(4);

/// Reads what comes to all sockets, with a core of its own, until told to stop.
fn read(sockets: Vec<UdpSocket>, done: Arc<AtomicBool>) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        let mut bytes = 0;
        while !done.load(Ordering::Relaxed) {
            for socket in &sockets {
                while let Ok(read) = socket.recv(&mut buffer) {
                    bytes += read as u64;
                }
            }
        }
        bytes
    })
}

/// Sends `run` packets to each of `together` receivers at a time, all receivers in turn, at the rate of the load.
fn measure(together: usize, run: usize) -> std::io::Result<f64> {
    let receivers = (0..RECEIVERS).map(|_| UdpSocket::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    let mut lanes = Vec::new();
    for socket in &receivers {
        socket.set_nonblocking(true)?;
        let path = Path { local: Local::Udp, remote: socket.local_addr()? };
        lanes.push(Lane { path, bytes: vec![7; DATAGRAM * run], lengths: vec![DATAGRAM as u16; run] });
    }
    let done = Arc::new(AtomicBool::new(false));
    let reader = read(receivers, done.clone());
    let mut sender = Sender::new(UdpSocket::bind("127.0.0.1:0")?, true);
    let groups = lanes.len().div_ceil(together) as u32;
    let every = Duration::from_secs(1) * run as u32 / (PACKETS_A_SECOND * groups);
    let (begun, cpu) = (clock::now(), thread_cpu());
    let mut due = begun;
    for group in lanes.chunks(together).cycle() {
        due += every;
        if due > begun + MEASURED {
            break;
        }
        thread::sleep(due.saturating_duration_since(clock::now()));
        sender.send(group);
    }
    let each = (thread_cpu() - cpu).as_secs_f64() * 1e6 / sender.sent.datagrams as f64;
    done.store(true, Ordering::Relaxed);
    let read = reader.join().map_err(|_| std::io::Error::other("the reader failed"))?;
    let sent = (sender.sent.datagrams - sender.sent.drops) * DATAGRAM as u64;
    println!(
        "{together:>4} receivers at a time, {run} packets each: {each:.2} µs a packet, {:.3} % read",
        read as f64 * 100.0 / sent as f64
    );
    Ok(each)
}

fn main() -> std::io::Result<()> {
    for (together, run) in [(10, 8), (100, 8), (10, 1), (50, 1), (100, 1)] {
        measure(together, run)?;
    }
    Ok(())
}
