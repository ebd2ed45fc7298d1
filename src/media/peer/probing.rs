//! Probes: short bursts that tell how much more a line would take. They are made of what was just sent, as retransmissions
//! that a lossy line has use for; where no picture flows, of padding.

use std::time::Instant;

use super::Peer;
use super::egress::Again;
use crate::media::departures::Ticks;
use crate::media::outbox::Outbox;
use crate::media::ring::Kept;
use crate::media::slot::{SendSlot, Sent};

/// More is not worth a probe: of one slot so many packets back.
const BACK: u64 = 64;
/// No probe is longer, packets.
const MOST: usize = 200;

impl Peer {
    /// Sends a probe if the estimate asks for one. `find` gives what is kept of a packet sent.
    pub fn send_probe<'r>(
        &mut self,
        now: Instant,
        at: Ticks,
        find: impl Fn(&Sent) -> Option<&'r Kept>,
        out: &mut Outbox,
    ) {
        // Without a word on single packets a probe would find nothing.
        if self.pacer.bytes() > 0 || !self.has_transport_cc() {
            return;
        }
        let since = now.saturating_duration_since(self.created);
        let Some(probe) = self.estimate.probe(since, self.wanted, self.departures.is_awaited()) else { return };
        let first = self.departures.next_number();
        let (mut bytes, mut packets) = (0, 0);
        let enough = |bytes: usize, packets: usize| bytes >= probe.bytes as usize && packets >= probe.packets as usize;
        let flows = |p: &Self, slot: usize| {
            let slot = p.slots.get(slot)?;
            slot.shown.filter(|s| s.rtx.is_some() && slot.transport_cc.is_some())
        };
        let slot = (0..self.slots.len()).find(|slot| flows(self, *slot).is_some());
        while let Some(slot) = slot.filter(|_| !enough(bytes, packets)) {
            let before = packets;
            for back in 1..=BACK {
                let Some(sequence) = self.slots.get(slot).and_then(|s| s.number_before(back)) else { break };
                let sent = self.slots.get(slot).and_then(|s| s.find(sequence)).filter(|s| s.shown.rtx.is_some());
                let Some((sent, kept)) = sent.and_then(|sent| Some((sent, find(&sent)?))) else { break };
                bytes += self.send_again(slot, &Again { sent, sequence, kept, older: [None, None] }, at, out);
                packets += 1;
                if enough(bytes, packets) || packets >= MOST {
                    break;
                }
            }
            if packets == before || packets >= MOST {
                break;
            }
        }
        let is_paddable = |s: &SendSlot| s.transport_cc.is_some() && s.codecs.iter().any(|c| c.rtx.is_some());
        let padded = self.slots.iter().position(is_paddable);
        while let Some(slot) = padded.filter(|_| !enough(bytes, packets) && packets < MOST) {
            let sent = self.send_padding(slot, at, out);
            if sent == 0 {
                break;
            }
            bytes += sent;
            packets += 1;
        }
        self.departures.mark(first, packets, probe.number);
    }
}
