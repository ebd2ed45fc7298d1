//! What is asked of memory before it is needed ([`crate::media::ahead`]): first what stands in the session itself, then, once that
//! is there, what is found only by it.

use std::mem::offset_of;

use super::Peer;
use crate::media::ahead::line_of;
use crate::media::srtp::{MEDIA_KEYS, Opener};

impl Peer {
    /// A packet will be forwarded.
    pub fn expect_packet(&self) {
        self.mark.bytes(0..offset_of!(Self, sealer) + MEDIA_KEYS);
    }

    /// It will be forwarded into this slot, soon.
    pub fn expect_packet_in(&self, slot: usize) {
        if let Some(slot) = self.slots.get(slot) {
            slot.expect();
        }
        self.departures.expect_next();
    }

    /// Something will come from the client.
    pub fn expect_datagram(&self) {
        self.mark.bytes(offset_of!(Self, opener)..offset_of!(Self, estimate));
        line_of(&self.path);
        line_of(&self.slots);
        line_of(&self.departures);
    }

    /// It will be looked at soon.
    pub fn expect_datagram_now(&self) {
        if let Some((path, _)) = self.paths.first() {
            line_of(path);
        }
        if let Some(slot) = self.slots.first() {
            line_of(slot);
        }
        self.up.iter().for_each(|line| line_of(&line.extensions));
        self.opener.iter().for_each(Opener::expect);
        if self.streams.is_empty() {
            self.departures.expect_feedback();
            self.estimate.expect();
        }
    }

    /// It will be looked at what is due.
    pub fn expect_turn(&self) {
        self.mark.bytes(0..offset_of!(Self, sealer) + 1);
        self.mark.bytes(offset_of!(Self, budget)..offset_of!(Self, estimate) + size_of_val(&self.estimate));
    }
}
