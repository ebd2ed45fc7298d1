//! How the client's line does, counted by the second.

use std::time::Duration;

use tongke_signaling::command::LineFacts;

use super::Peer;

/// Figures since the last call of [`Peer::take_facts`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Bytes received.
    pub bytes_up: u64,
    /// Bytes sent.
    pub bytes_down: u64,
    /// Packets sent.
    pub packets_down: u64,
    /// Packets that could not be opened.
    pub refused: u64,
    /// Key frames asked of the client.
    pub key_requests: u64,
    /// Worst share lost on the way down, as the client reports.
    pub loss_down: f32,
    /// Packets that arrived at the client and that did not, by its transport-wide feedback.
    pub delivered: (u32, u32),
    /// Last round trip.
    pub round_trip: Option<Duration>,
}

/// Should sound be sent with what came before it? From where packets get lost, and for a while after.
#[derive(Clone, Copy, Debug, Default)]
pub struct Redundancy {
    depth: u8,
    calm_seconds: u8,
}

/// Share lost from which each sound carries the one before it, and the one before that.
const LOSSY: [f32; 2] = [0.02, 0.1];
/// Seconds with less before it carries less.
const CALM_SECONDS: u8 = 15;

impl Redundancy {
    /// Takes the share lost in a second; gives how many packets before it each sound should carry.
    pub fn note(&mut self, loss: f32) -> u8 {
        let wanted = LOSSY.iter().filter(|least| loss >= **least).count() as u8;
        if wanted >= self.depth {
            (self.depth, self.calm_seconds) = (wanted, 0);
        } else {
            self.calm_seconds += 1;
            if self.calm_seconds >= CALM_SECONDS {
                (self.depth, self.calm_seconds) = (wanted, 0);
            }
        }
        self.depth
    }
}

impl Peer {
    /// The facts of the last second; `level` and the rest of the microphone and camera are the room's to fill in.
    pub fn take_facts(&mut self, seconds: f32) -> LineFacts {
        let counters = self.counters;
        self.counters = Counters { round_trip: counters.round_trip, ..Counters::default() };
        let (mut expected, mut received) = (0, 0);
        for stream in self.streams.values_mut().filter(|s| !s.is_repair) {
            let (e, r) = stream.take_second();
            expected += e;
            received += r;
        }
        let loss_up = if expected == 0 { 0.0 } else { 1.0 - (received as f32 / expected as f32).min(1.0) };
        let loss_down = match counters.delivered {
            (0, 0) => counters.loss_down,
            (arrived, lost) => lost as f32 / (arrived + lost) as f32,
        };
        let depth = self.redundancy.note(loss_down);
        self.slots.iter_mut().for_each(|slot| slot.depth = depth);
        let rate = |bytes: u64| (bytes as f32 * 8.0 / seconds.max(0.1)) as u32;
        LineFacts {
            loss_up,
            loss_down,
            round_trip_ms: counters.round_trip.map(|d| d.as_millis() as u32),
            bitrate_up: rate(counters.bytes_up),
            bitrate_down: rate(counters.bytes_down),
            estimate_down: self.estimate.is_fed().then(|| self.estimate.rate() as u32),
            ..LineFacts::default()
        }
    }
}
