//! A publisher: 2 Mbit/s of video in frames of eight packets, and Opus; 290 packets/s.

use std::time::{Duration, Instant};

use super::{Connection, Rates};
use crate::net::clock;
use crate::peer::ClientEvent;

/// Frames a second.
const FRAMES: u64 = 30;
/// Payload bytes a packet: 30 × 8 × 1,041 × 8 bit = 2 Mbit/s.
const PAYLOAD: usize = 1_041;
/// Opus packets a second.
const SOUNDS: u64 = 50;
/// Payload bytes of a sound packet: 64 kbit/s.
pub(super) const SOUND: usize = 160;
/// A key frame so often without being asked, frames.
const KEY_EVERY: u64 = 300;

struct Camera {
    packets: u64,
    /// Packets of one frame.
    each: u64,
    key_frame: bool,
    key_wanted: bool,
}

/// Publishes for ever. Every payload carries the time it was sent, in µs since `zero`.
pub(super) async fn publish(mut connection: Connection, rates: Rates, zero: Instant) {
    let begun = clock::now();
    let each = rates.packets_a_frame();
    let mut camera = Camera { packets: 0, each, key_frame: true, key_wanted: false };
    let mut sounds = 0u64;
    loop {
        let since = clock::now().saturating_duration_since(begun).as_micros() as u64;
        // In bursts all packets of a frame are due with its first.
        let frames_due = since * FRAMES / 1_000_000 + 1;
        let due = if rates.paced { since * FRAMES * each / 1_000_000 + 1 } else { frames_due * each };
        while camera.packets < due {
            camera.send(&mut connection, zero);
        }
        while sounds < since * SOUNDS / 1_000_000 + 1 {
            let mut payload = [0xfc; SOUND];
            stamp(&mut payload, zero);
            connection.client.send(0, (sounds * 960) as u32, false, &payload);
            sounds += 1;
        }
        connection.flush();
        camera.key_wanted |=
            connection.client.events.drain(..).any(|e| matches!(e, ClientEvent::KeyFrameWanted { .. }));
        let next_video =
            if rates.paced { camera.packets * 1_000_000 / (FRAMES * each) } else { frames_due * 1_000_000 / FRAMES };
        let next = begun + Duration::from_micros(next_video.min(sounds * 1_000_000 / SOUNDS));
        while clock::now() < next {
            connection.step(next, |_, _| {}).await;
        }
    }
}

impl Camera {
    fn send(&mut self, connection: &mut Connection, zero: Instant) {
        let (frame, part) = (self.packets / self.each, self.packets % self.each);
        if part == 0 {
            self.key_frame = frame % KEY_EVERY == 0 || std::mem::take(&mut self.key_wanted);
        }
        // FU-A fragments (RFC 6184 §5.8) of an IDR or a plain slice; only the first bytes matter to a server.
        let kind = if self.key_frame { 5 } else { 1 };
        let last = part + 1 == self.each;
        let edge = if part == 0 {
            0x80
        } else if last {
            0x40
        } else {
            0
        };
        let mut payload = [0x55; PAYLOAD];
        payload[0] = 0x7c;
        payload[1] = edge | kind;
        stamp(&mut payload, zero);
        connection.client.send(1, (frame * 90_000 / FRAMES) as u32, last, &payload);
        self.packets += 1;
    }
}

impl Rates {
    /// Packets of 1,041 bytes in each of 30 frames a second.
    fn packets_a_frame(self) -> u64 {
        (u64::from(self.kilobits) * 1_000 / (8 * FRAMES * PAYLOAD as u64)).max(1)
    }
}

fn stamp(payload: &mut [u8], zero: Instant) {
    let sent = clock::now().saturating_duration_since(zero).as_micros() as u64;
    if let Some(place) = payload.get_mut(2..10) {
        place.copy_from_slice(&sent.to_be_bytes());
    }
}
