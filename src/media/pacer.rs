//! Pictures of one receiver that wait for their turn, so that a key frame does not fill the queues of a thin line.
//!
//! Only where the line has shown a limit, or while feedback is overdue; else a wide one has no pacer. Sound never waits. What
//! waits is a reference to the track's ring and has its numbers already, so that order and retransmission stay as they are.
//! Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::slot::{Outgoing, Sent, Shown};

/// Sent so much faster than the line is believed to take, that what waits gets less.
const FASTER: f64 = 1.4;
/// What was held on a line that has shown no limit goes on so much faster than it came.
const FREED: f64 = 2.0;
/// Unless it would wait longer than this.
const LONG: Duration = Duration::from_millis(250);
/// After a rest at most so much goes at once.
const BURST: Duration = Duration::from_millis(20);
/// A camera's picture that waits longer is of no use any more.
const STALE: Duration = Duration::from_millis(500);
/// And so much longer at most where all was held.
const MOST_HELD: Duration = Duration::from_millis(250);
/// While all is held a packet goes this often, where nothing else does: else there would be nothing to be told of.
const LIFE: Duration = Duration::from_millis(100);
/// Slides that wait longer are sent whole before newer ones.
const LATE: Duration = Duration::from_secs(1);
/// No more waits, bytes.
const MOST_BYTES: usize = 2 * 1024 * 1024;
/// Nor more packets: what a ring keeps of three layers.
const MOST_PACKETS: usize = 1_024;

/// A packet that waits.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Waiting {
    /// Place of the slot.
    pub slot: usize,
    /// Its number in the layer.
    pub sequence: u64,
    /// What flows.
    pub shown: Shown,
    /// Its numbers on the way out.
    pub outgoing: Outgoing,
    /// Bytes on the wire.
    pub bytes: usize,
    /// When it came.
    pub since: Instant,
}

impl Waiting {
    /// Where it is kept.
    pub fn origin(&self) -> Sent {
        Sent { out: self.outgoing.sequence, sequence: self.sequence, shown: self.shown }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Pacer {
    queue: VecDeque<Waiting>,
    bytes: usize,
    on: bool,
    /// What may be sent, bytes.
    credit: f64,
    paced: Option<Instant>,
    /// Since when all is held, and how long it was until all that waited was sent.
    held: Option<Instant>,
    was_held: Duration,
    /// The number that was next when something was last sent while all is held, and when that was.
    life: Option<(u16, Instant)>,
}

impl Pacer {
    /// True while pictures should wait in line.
    pub fn holds(&self) -> bool {
        self.on || self.held.is_some() || !self.queue.is_empty()
    }

    /// True where pictures wait in line because the line has shown a limit.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// True while nothing that waits has its turn.
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Holds all, or no more.
    pub fn hold(&mut self, held: bool, now: Instant) {
        if let Some(since) = self.held {
            self.was_held = now.saturating_duration_since(since);
        } else if self.queue.is_empty() {
            self.was_held = Duration::ZERO;
        }
        if held {
            self.held.get_or_insert(now);
        } else {
            (self.held, self.life) = (None, None);
        }
    }

    /// True if something must go although all is held. `next`: the number that the next packet gets.
    pub fn is_life_due(&mut self, next: u16, now: Instant) -> bool {
        let (before, at) = *self.life.get_or_insert((next, now));
        if before == next && now.saturating_duration_since(at) < LIFE {
            return false;
        }
        self.life = Some((next, now));
        before == next
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Lets pictures wait from now on, or not.
    pub fn set(&mut self, on: bool) {
        self.on = on;
    }

    /// Takes a packet; false when there is no room.
    pub fn push(&mut self, packet: Waiting) -> bool {
        if self.bytes + packet.bytes > MOST_BYTES || self.queue.len() >= MOST_PACKETS {
            return false;
        }
        self.bytes += packet.bytes;
        self.queue.push_back(packet);
        true
    }

    /// Time passed on a line that takes `rate` bit/s.
    pub fn advance(&mut self, now: Instant, rate: f64) {
        let passed = self.paced.replace(now).map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        // What waits for long is more than the line takes for long: hurry would only move the queue there.
        let is_long = self.bytes as f64 * 8.0 > rate * LONG.as_secs_f64();
        let faster = match self.on {
            true if is_long => 1.0,
            true => FASTER,
            false => FREED,
        };
        let a_second = rate * faster / 8.0;
        let most = a_second * BURST.max(passed.min(BURST * 2)).as_secs_f64();
        self.credit = (self.credit + a_second * passed.as_secs_f64()).min(most);
    }

    /// Takes `bytes` that are sent again out of turn; false when there is no room for them now.
    pub fn spend(&mut self, bytes: usize) -> bool {
        if !self.holds() {
            return true;
        }
        let has_room = self.credit > 0.0 && !self.is_held();
        if has_room {
            self.credit -= bytes as f64;
        }
        has_room
    }

    /// The next whose turn it is.
    pub fn pop(&mut self) -> Option<Waiting> {
        if self.credit <= 0.0 || self.is_held() {
            return None;
        }
        self.take()
    }

    /// The next, whether it has its turn or not.
    pub fn take(&mut self) -> Option<Waiting> {
        let packet = self.queue.pop_front()?;
        self.bytes -= packet.bytes;
        self.credit -= packet.bytes as f64;
        Some(packet)
    }

    /// True if a frame of a slot has waited long, and this packet begins another.
    pub fn is_behind(&self, slot: usize, timestamp: u32, now: Instant) -> bool {
        let newest = self.queue.iter().rev().find(|w| w.slot == slot);
        newest.is_some_and(|w| w.outgoing.timestamp != timestamp) && self.age(slot, now).is_some_and(|age| age > LATE)
    }

    /// How long the oldest of a slot has waited.
    pub fn age(&self, slot: usize, now: Instant) -> Option<Duration> {
        let oldest = self.queue.iter().find(|w| w.slot == slot)?;
        Some(now.saturating_duration_since(oldest.since))
    }

    /// True if a camera's picture in a slot is of no use any more.
    pub fn is_stale(&self, slot: usize, now: Instant) -> bool {
        self.age(slot, now).is_some_and(|age| age > STALE + self.was_held.min(MOST_HELD))
    }

    /// Forgets what waits for a slot.
    pub fn drop_slot(&mut self, slot: usize) {
        self.queue.retain(|w| w.slot != slot);
        self.bytes = self.queue.iter().map(|w| w.bytes).sum();
    }
}
