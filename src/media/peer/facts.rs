//! How the client's line does, counted by the second.

use std::time::Duration;

use tongke_signaling::command::{LineFacts, Slot};

use super::Peer;
use crate::media::ladder::Pick;
use crate::media::slot::SendSlot;

/// Figures since the last call of [`Peer::take_facts`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Bytes received.
    pub bytes_up: u64,
    /// Bytes sent.
    pub bytes_down: u64,
    /// Bytes sent in all seconds before.
    pub bytes_down_before: u64,
    /// Packets sent.
    pub packets_down: u64,
    /// Packets that could not be opened.
    pub refused: u64,
    /// Packets told of by feedback that were never sent.
    pub untrue: u64,
    /// Times its path moved.
    pub moves: u64,
    /// Times pictures were held for want of feedback.
    pub holds: u64,
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
/// What the line must take for each of the two, bit/s: loss on a line that is full is not mended by sending more.
const ROOM_FOR_EACH: f64 = 600_000.0;
/// Seconds with less before it carries less.
const CALM_SECONDS: u8 = 15;

impl Redundancy {
    /// Takes the share lost in a second and what the line takes, where that is known; gives how many packets before it
    /// each sound should carry.
    pub fn note(&mut self, loss: f32, takes: Option<f64>) -> u8 {
        let wanted = LOSSY.iter().filter(|least| loss >= **least).count() as u8;
        if wanted >= self.depth {
            (self.depth, self.calm_seconds) = (wanted, 0);
        } else {
            self.calm_seconds += 1;
            if self.calm_seconds >= CALM_SECONDS {
                (self.depth, self.calm_seconds) = (wanted, 0);
            }
        }
        takes.map_or(self.depth, |bits| self.depth.min((bits / ROOM_FOR_EACH) as u8))
    }
}

impl Peer {
    /// The facts of the last second; `level` and the rest of the microphone and camera are the room's to fill in.
    pub fn take_facts(&mut self, seconds: f32) -> LineFacts {
        let counters = self.counters;
        self.counters = Counters {
            round_trip: counters.round_trip,
            bytes_down_before: counters.bytes_down_before + counters.bytes_down,
            ..Counters::default()
        };
        let (mut expected, mut received) = (0, 0);
        for stream in self.streams.iter_mut().filter(|s| !s.is_repair) {
            let (e, r) = stream.take_second();
            expected += e;
            received += r;
        }
        let loss_up = if expected == 0 { 0.0 } else { 1.0 - (received as f32 / expected as f32).min(1.0) };
        let loss_down = match counters.delivered {
            (0, 0) => counters.loss_down,
            (arrived, lost) => lost as f32 / (arrived + lost) as f32,
        };
        let takes = self.estimate.is_fed().then(|| self.estimate.rate());
        let depth = self.redundancy.note(loss_down, takes);
        self.slots.iter_mut().for_each(|slot| slot.depth = depth);
        let is_small = |s: &SendSlot| matches!(s.slot, Slot::Thumbnail(_));
        // What the receiver cannot decode says nothing of its line.
        let pictures = || self.slots.iter().filter(|s| s.is_picture() && s.want.is_some() && !s.is_cut);
        let held = pictures().filter(|s| s.place.pick == Pick::Held).count();
        let reduced =
            pictures().filter(|s| !is_small(s) && matches!(s.place.pick, Pick::Slow | Pick::Layer(_))).count();
        let rate = |bytes: u64| (bytes as f32 * 8.0 / seconds.max(0.1)) as u32;
        LineFacts {
            loss_up,
            loss_down,
            round_trip_ms: counters.round_trip.map(|d| d.as_millis() as u32),
            bitrate_up: rate(counters.bytes_up),
            bitrate_down: rate(counters.bytes_down),
            estimate_down: takes.map(|bits| bits as u32),
            pictures_held: held as u8,
            pictures_reduced: reduced as u8,
            ..LineFacts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redundancy_comes_with_loss_stays_for_a_while_and_needs_room() {
        let mut redundancy = Redundancy::default();
        let wide = Some(5e6);
        assert_eq!([0.0, 0.01, 0.03, 0.2].map(|loss| redundancy.note(loss, wide)), [0, 0, 1, 2]);
        assert_eq!(redundancy.note(0.2, Some(700e3)), 1, "on a thin line less");
        assert_eq!(redundancy.note(0.2, Some(300e3)), 0, "and on one that is thinner nothing");
        for second in 0..14 {
            assert_eq!(redundancy.note(0.0, wide), 2, "second {second}");
        }
        assert_eq!(redundancy.note(0.0, wide), 0);
        assert_eq!(redundancy.note(0.05, None), 1, "nothing is known of the line");
    }
}
