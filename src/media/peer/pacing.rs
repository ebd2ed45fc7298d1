//! What waits for its turn on a thin line.

use std::time::Instant;

use tongke_signaling::command::Event;

use super::Peer;
use super::egress::{First, Forward};
use crate::media::departures::Ticks;
use crate::media::ladder;
use crate::media::outbox::Outbox;
use crate::media::pacer::Waiting;
use crate::media::ring::Kept;
use crate::media::slot::{Outgoing, Sent, Shown};
use crate::media::track::OVERHEAD;

impl Peer {
    /// Puts a packet in line; where there is no room its slot begins anew with a key frame.
    pub(super) fn wait(&mut self, slot: usize, (outgoing, shown): (Outgoing, Shown), packet: &Forward<'_>) {
        let bytes = OVERHEAD + packet.kept.payload.len();
        let is_slides = self.slots.get(slot).is_some_and(|s| s.is_slides());
        if is_slides && self.pacer.is_behind(slot, outgoing.timestamp, packet.now) {
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

    /// Holds pictures while feedback is overdue; what is on its way then may be in a queue that the voice has to wait in.
    fn hold(&mut self, now: Instant, at: Ticks) {
        let since = now.saturating_duration_since(self.created);
        let was_held = self.pacer.is_held();
        let oldest = self.departures.oldest_untold().map(Ticks::micros);
        let held = self.estimate.look_overdue(since, at.micros(), oldest);
        self.counters.holds += u64::from(held && !was_held);
        self.pacer.hold(held, now);
        if was_held && !held {
            self.unclog(now);
        }
    }

    fn unclog(&mut self, now: Instant) {
        for (at, slot) in self.slots.iter_mut().enumerate().filter(|(_, s)| s.clogged) {
            slot.clogged = self.pacer.is_held() && !slot.is_slides() || self.pacer.age(at, now).is_some();
        }
    }

    /// Drops what waits for a camera's slot for too long.
    fn drop_stale(&mut self, now: Instant, out: &mut Outbox) {
        for slot in 0..self.slots.len() {
            let waits = self.slots.get(slot).is_some_and(|s| s.is_slides());
            if waits || !self.pacer.is_stale(slot, now) {
                continue;
            }
            self.rest(slot);
            let is_held = self.pacer.is_held();
            if let Some(s) = self.slots.get_mut(slot) {
                // A key frame could not be sent now.
                s.clogged = is_held;
                let event = Event::SlotState { session: self.session, slot: s.slot, source: s.want, live: false };
                out.events.push(event);
            }
        }
    }

    /// Sends what has its turn. A camera's picture that waited too long is dropped, with all after it up to the next key
    /// frame; slides wait. `find` gives what is kept of a packet.
    pub fn pace<'r>(&mut self, now: Instant, at: Ticks, find: impl Fn(&Sent) -> Option<&'r Kept>, out: &mut Outbox) {
        self.hold(now, at);
        if !self.pacer.holds() {
            return;
        }
        self.drop_stale(now, out);
        if self.pacer.is_held() {
            self.show_life(now, at, find, out);
        } else {
            self.send_in_turn(now, at, find, out);
        }
        self.unclog(now);
    }

    fn send_in_turn<'r>(
        &mut self,
        now: Instant,
        at: Ticks,
        find: impl Fn(&Sent) -> Option<&'r Kept>,
        out: &mut Outbox,
    ) {
        let room = (self.estimate.rate() - self.sound).max(0.0);
        // The ladder lets go on what is only a little more than the line takes.
        let rate = match self.pacer.is_on() {
            true => room.max(self.pictures.min(room * ladder::KEEP)),
            // What was held goes on in proportion to what flows: of a wide line more is believed than was ever sent.
            false => self.pictures.clamp(room / 4.0, room),
        };
        self.pacer.advance(now, rate);
        while let Some(waiting) = self.pacer.pop() {
            self.send_waiting(&waiting, at, &find, out);
        }
    }

    /// Sends now and then something that can be told of, where no sound is sent.
    fn show_life<'r>(&mut self, now: Instant, at: Ticks, find: impl Fn(&Sent) -> Option<&'r Kept>, out: &mut Outbox) {
        if !self.pacer.is_life_due(self.departures.next_number(), now) {
            return;
        }
        if let Some(waiting) = self.pacer.take() {
            self.send_waiting(&waiting, at, &find, out);
        } else if let Some(slot) = self.slots.iter().position(|s| s.clogged) {
            self.send_padding(slot, at, out);
        }
    }

    fn send_waiting<'r>(
        &mut self,
        waiting: &Waiting,
        at: Ticks,
        find: &impl Fn(&Sent) -> Option<&'r Kept>,
        out: &mut Outbox,
    ) {
        let Some(kept) = find(&waiting.origin()) else { return };
        let first = First { numbers: waiting.outgoing, shown: Some(&waiting.shown), kept, older: [None, None] };
        self.send_first(waiting.slot, &first, at, out);
    }
}
