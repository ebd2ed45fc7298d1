//! What waits for its turn on a thin line.

use std::time::Instant;

use tongke_signaling::command::{Event, Slot};

use super::Peer;
use super::egress::{First, Forward};
use crate::media::departures::Ticks;
use crate::media::ladder;
use crate::media::outbox::Outbox;
use crate::media::pacer::{STALE, Waiting};
use crate::media::ring::Kept;
use crate::media::slot::{Outgoing, Sent, Shown};
use crate::media::track::OVERHEAD;

impl Peer {
    /// Puts a packet in line; where there is no room its slot begins anew with a key frame.
    pub(super) fn wait(&mut self, slot: usize, (outgoing, shown): (Outgoing, Shown), packet: &Forward<'_>) {
        let bytes = OVERHEAD + packet.kept.payload.len();
        let is_screen = self.slots.get(slot).is_some_and(|s| s.slot == Slot::Screen);
        if is_screen && self.pacer.is_behind(slot, outgoing.timestamp, packet.now) {
            if let Some(slot) = self.slots.get_mut(slot) {
                slot.take_back(outgoing.sequence);
                slot.clog();
            }
            return;
        }
        let (sequence, since) = (packet.kept.sequence, packet.now);
        if !self.pacer.push(Waiting { slot, sequence, shown, outgoing, bytes, since }) {
            self.rest(slot);
        }
    }

    /// Nothing flows in a slot any more, and what waited for it is given up.
    pub fn rest(&mut self, slot: usize) {
        self.pacer.drop_slot(slot);
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.give_up();
        }
    }

    /// Decides whether pictures wait in line.
    pub fn set_pace(&mut self, now: Instant) {
        self.pacer.set(self.estimate.is_tight(now.saturating_duration_since(self.created)));
    }

    /// Sends what has its turn. A camera's picture that waited too long is dropped, with all after it up to the next key
    /// frame; slides wait. `find` gives what is kept of a packet.
    pub fn pace<'r>(&mut self, now: Instant, at: Ticks, find: impl Fn(&Sent) -> Option<&'r Kept>, out: &mut Outbox) {
        if !self.pacer.holds() {
            return;
        }
        for slot in 0..self.slots.len() {
            let is_stale = self.pacer.age(slot, now).is_some_and(|age| age > STALE);
            let waits = self.slots.get(slot).is_some_and(|s| s.slot == Slot::Screen);
            if is_stale && !waits {
                self.rest(slot);
                if let Some(s) = self.slots.get(slot) {
                    out.events.push(Event::SlotState {
                        session: self.session,
                        slot: s.slot,
                        source: s.want,
                        live: false,
                    });
                }
            }
        }
        for (at, slot) in self.slots.iter_mut().enumerate().filter(|(_, s)| s.clogged) {
            slot.clogged = self.pacer.age(at, now).is_some();
        }
        let room = (self.estimate.rate() - self.sound).max(0.0);
        // The ladder lets go on what is only a little more than the line takes.
        self.pacer.advance(now, room.max(self.pictures.min(room * ladder::KEEP)));
        while let Some(waiting) = self.pacer.pop() {
            let Some(kept) = find(&waiting.origin()) else { continue };
            let first = First { numbers: waiting.outgoing, shown: waiting.shown, kept, older: [None, None] };
            self.send_first(waiting.slot, &first, at, out);
        }
    }
}
