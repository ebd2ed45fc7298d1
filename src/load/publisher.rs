//! A publisher: 2 Mbit/s of video in frames of eight packets, and Opus; 290 packets/s.

use std::time::{Duration, Instant};

use super::Connection;
use crate::net::clock;

/// Frames a second.
const FRAMES: u64 = 30;
/// Packets a frame.
const PACKETS: u64 = 8;
/// Payload bytes a packet: 30 × 8 × 1,041 × 8 bit = 2 Mbit/s.
const PAYLOAD: usize = 1_041;
/// Opus packets a second.
const SOUNDS: u64 = 50;
/// Payload bytes of a sound packet: 64 kbit/s.
const SOUND: usize = 160;
/// A key frame so often, frames.
const KEY_EVERY: u64 = 60;

/// Publishes for ever. Every payload carries the time it was sent, in µs since `zero`.
pub(super) async fn publish(mut connection: Connection, paced: bool, zero: Instant) {
    let begun = clock::now();
    let (mut packets, mut sounds) = (0u64, 0u64);
    loop {
        let since = clock::now().saturating_duration_since(begun);
        // In bursts all packets of a frame are due with its first.
        let frames_due = since.as_micros() as u64 * FRAMES / 1_000_000 + 1;
        let due =
            if paced { since.as_micros() as u64 * FRAMES * PACKETS / 1_000_000 + 1 } else { frames_due * PACKETS };
        while packets < due {
            video(&mut connection, packets, zero);
            packets += 1;
        }
        while sounds < since.as_micros() as u64 * SOUNDS / 1_000_000 + 1 {
            let mut payload = vec![0xfc; SOUND];
            stamp(&mut payload, zero);
            connection.client.send(0, (sounds * 960) as u32, false, &payload);
            sounds += 1;
        }
        connection.flush();
        connection.client.events.clear();
        let next_video = if paced { packets * 1_000_000 / (FRAMES * PACKETS) } else { frames_due * 1_000_000 / FRAMES };
        let next = next_video.min(sounds * 1_000_000 / SOUNDS);
        let next = begun + Duration::from_micros(next);
        while clock::now() < next {
            connection.step(next).await;
        }
    }
}

fn video(connection: &mut Connection, number: u64, zero: Instant) {
    let (frame, part) = (number / PACKETS, number % PACKETS);
    let key = frame % KEY_EVERY == 0;
    // FU-A fragments (RFC 6184 §5.8) of an IDR or a plain slice; only the first byte matters to a server.
    let kind = if key { 5 } else { 1 };
    let edge = if part == 0 {
        0x80
    } else if part + 1 == PACKETS {
        0x40
    } else {
        0
    };
    let mut payload = vec![0x55; PAYLOAD];
    payload[0] = 0x7c;
    payload[1] = edge | kind;
    stamp(&mut payload, zero);
    connection.client.send(1, (frame * 3_000) as u32, part + 1 == PACKETS, &payload);
}

fn stamp(payload: &mut [u8], zero: Instant) {
    let sent = clock::now().saturating_duration_since(zero).as_micros() as u64;
    if let Some(place) = payload.get_mut(2..10) {
        place.copy_from_slice(&sent.to_be_bytes());
    }
}
