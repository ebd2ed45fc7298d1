//! A receiver's m-line: shows one source at a time, rewritten so that the decoder sees one unbroken stream.
//!
//! Sequence numbers and times of whatever layer flows are shifted to follow what was sent before. A table remembers
//! where each sent number came from, so that a retransmission is found also across a change of layer or source.

use std::time::{Duration, Instant};

use tongke_signaling::command::{Slot, Source};

use super::ring::Kept;
use super::sdp::{Codec, OfferedCodec};
use super::timeline::SourceClock;

/// Sent packets remembered; a power of two above what a ring holds.
const HISTORY: usize = 1024;
/// Retransmissions may not exceed the media they repair; this much is free at the start, bytes.
const REPAIR_ALLOWANCE: i64 = 64 * 1024;

/// Where a sent packet came from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// Its outgoing extended sequence number; 0 is an empty place.
    out: u64,
    /// Its number in the layer.
    pub sequence: u64,
    /// The track's place in the room.
    pub track: u32,
    /// Generation of the layer.
    pub generation: u32,
    /// What was added to its time.
    shift: u32,
    /// The layer.
    pub layer: u8,
}

/// What flows now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The track's place in the room.
    pub track: usize,
    /// Layer.
    pub layer: u8,
    /// Its generation.
    pub generation: u32,
    /// First sequence number that flowed.
    from: u64,
    /// The outgoing number it got.
    to: u64,
    /// Added to RTP times.
    shift: u32,
}

impl Shown {
    /// RTP time of the slot for an RTP time of the source.
    pub fn shifted(&self, timestamp: u32) -> u32 {
        timestamp.wrapping_add(self.shift)
    }
}

/// Numbers of one packet on its way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// Extended sequence number, starting at 65,536.
    pub sequence: u64,
    /// RTP time.
    pub timestamp: u32,
}

/// See the module.
#[derive(Debug)]
pub struct SendSlot {
    /// What it is for.
    pub slot: Slot,
    /// mid of its m-line.
    pub mid: String,
    /// Its SSRC.
    pub ssrc: u32,
    /// SSRC of its retransmissions.
    pub rtx_ssrc: u32,
    /// Codecs the receiver takes.
    pub codecs: Vec<OfferedCodec>,
    /// What it was told to show.
    pub want: Option<Source>,
    /// What flows.
    pub shown: Option<Shown>,
    /// The layer it waits for: (track, layer, generation).
    pub target: Option<(usize, u8, u32)>,
    /// Packets and payload bytes sent.
    pub sent: (u32, u32),
    /// Next retransmission's extended sequence number.
    pub rtx_next: u64,
    /// True: a sender report is due at once.
    pub report_due: bool,
    next: u64,
    last: Option<(Instant, u32)>,
    history: Vec<Sent>,
    repair_budget: i64,
}

impl SendSlot {
    /// A slot that has sent nothing. Times start at `first_timestamp`.
    pub fn new(slot: Slot, mid: String, ssrc: u32, rtx_ssrc: u32, codecs: Vec<OfferedCodec>, first: u16) -> Self {
        Self {
            slot,
            mid,
            ssrc,
            rtx_ssrc,
            codecs,
            want: None,
            shown: None,
            target: None,
            sent: (0, 0),
            rtx_next: 1 << 16 | u64::from(first),
            report_due: false,
            next: 1 << 16 | u64::from(first),
            last: None,
            history: Vec::new(),
            repair_budget: REPAIR_ALLOWANCE,
        }
    }

    /// Payload types for a codec.
    pub fn payload_types(&self, codec: Codec) -> Option<&OfferedCodec> {
        self.codecs.iter().find(|c| c.codec == codec)
    }

    /// Numbers for a packet of (track, layer), or `None` when it does not flow here. A packet that begins a key frame
    /// of the awaited layer makes the change.
    pub fn route(
        &mut self,
        (track, layer, generation): (usize, u8, u32),
        kept: &Kept,
        clock: &SourceClock,
        now: Instant,
    ) -> Option<Outgoing> {
        let is_shown = self.shown.is_some_and(|s| (s.track, s.layer, s.generation) == (track, layer, generation));
        if !is_shown {
            if self.target != Some((track, layer, generation)) || !kept.key {
                return None;
            }
            self.change(track, layer, generation, kept, clock, now);
        }
        let shown = self.shown?;
        let ahead = kept.sequence.checked_sub(shown.from)?;
        let sequence = shown.to + ahead;
        let timestamp = shown.shifted(kept.timestamp);
        if sequence >= self.next {
            self.next = sequence + 1;
            let at = clock.time_of(kept.timestamp).unwrap_or(now);
            self.last = Some((at, timestamp));
        }
        self.remember(sequence, kept.sequence, &shown);
        self.sent = (self.sent.0.wrapping_add(1), self.sent.1.wrapping_add(kept.payload.len() as u32));
        self.repair_budget = (self.repair_budget + kept.payload.len() as i64).min(REPAIR_ALLOWANCE * 4);
        Some(Outgoing { sequence, timestamp })
    }

    fn change(&mut self, track: usize, layer: u8, generation: u32, kept: &Kept, clock: &SourceClock, now: Instant) {
        let rate = self.codecs.first().map_or(90_000, |c| c.codec.clock_rate());
        let start = match self.last {
            None => kept.timestamp,
            Some((at, timestamp)) => {
                let captured = clock.time_of(kept.timestamp).unwrap_or(now);
                // Time must go on: at least 10 ms, at most what a decoder takes for a pause.
                let pause = captured.saturating_duration_since(at).max(Duration::from_millis(10));
                let ticks = pause.as_millis().saturating_mul(u128::from(rate)) / 1000;
                timestamp.wrapping_add(ticks as u32)
            }
        };
        self.shown = Some(Shown {
            track,
            layer,
            generation,
            from: kept.sequence,
            to: self.next,
            shift: start.wrapping_sub(kept.timestamp),
        });
        self.report_due = true;
    }

    fn remember(&mut self, out: u64, sequence: u64, shown: &Shown) {
        if self.history.is_empty() {
            self.history.resize(HISTORY, Sent::default());
        }
        if let Some(place) = self.history.get_mut(out as usize % HISTORY) {
            *place = Sent {
                out,
                sequence,
                track: shown.track as u32,
                generation: shown.generation,
                shift: shown.shift,
                layer: shown.layer,
            };
        }
    }

    /// Where the packet with this outgoing number came from, with its extended outgoing number.
    pub fn find(&self, sequence: u16) -> Option<(u64, Sent)> {
        let highest = self.next.checked_sub(1)?;
        let back = u64::from((highest as u16).wrapping_sub(sequence));
        let out = highest.checked_sub(back)?;
        let sent = self.history.get(out as usize % HISTORY)?;
        (sent.out == out).then_some((out, *sent))
    }

    /// The outgoing RTP time of a packet found in the history.
    pub fn repeated_time(sent: &Sent, kept: &Kept) -> u32 {
        kept.timestamp.wrapping_add(sent.shift)
    }

    /// Takes `bytes` from what may be spent on retransmissions; false when it is spent.
    pub fn spend_repair(&mut self, bytes: usize) -> bool {
        if self.repair_budget < bytes as i64 {
            return false;
        }
        self.repair_budget -= bytes as i64;
        true
    }

    /// Nothing flows any more; the receiver keeps its last picture.
    pub fn detach(&mut self) {
        self.shown = None;
        self.target = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(sequence: u64, timestamp: u32, key: bool) -> Kept {
        Kept { sequence, timestamp, marker: false, key, payload: vec![0; 100] }
    }

    fn slot() -> SendSlot {
        let codec = OfferedCodec { codec: Codec::H264, payload_type: 96, rtx: Some(97), fmtp: String::new() };
        SendSlot::new(Slot::StageVideo, "5".to_owned(), 1, 2, vec![codec], 65_534)
    }

    #[test]
    fn a_change_of_source_goes_on_in_number_and_time() {
        let t0 = crate::net::clock::now();
        let mut s = slot();
        let mut a = SourceClock::new(90_000);
        a.note_report(1000, t0);
        let mut b = SourceClock::new(90_000);
        b.note_report(4_000_000_000, t0 + Duration::from_millis(100));
        s.target = Some((0, 0, 1));
        assert!(s.route((0, 0, 1), &kept(65_546, 1000, false), &a, t0).is_none(), "waits for a key frame");
        let first = s.route((0, 0, 1), &kept(65_547, 1000, true), &a, t0).expect("flows");
        assert!(s.route((0, 0, 1), &kept(65_546, 900, false), &a, t0).is_none(), "before the change");
        s.target = Some((1, 0, 2));
        let then = s.route((0, 0, 1), &kept(65_549, 1900, false), &a, t0).expect("old goes on");
        assert_eq!(then.sequence, first.sequence + 2, "a hole stays a hole");
        let new = s.route((1, 0, 2), &kept(99_999, 4_000_000_000, true), &b, t0).expect("changes");
        assert_eq!(new.sequence, then.sequence + 1);
        assert_eq!(new.timestamp.wrapping_sub(then.timestamp), 90 * 90, "90 ms later");
        assert!(s.route((0, 0, 1), &kept(65_548, 1900, false), &a, t0).is_none(), "the old source is gone");
        let (_, sent) = s.find(then.sequence as u16).expect("still remembered");
        assert_eq!((sent.track, sent.sequence), (0, 65_549));
        let (out, sent) = s.find(new.sequence as u16).expect("remembered");
        assert_eq!((out, sent.track, sent.sequence), (new.sequence, 1, 99_999));
    }

    proptest::proptest! {
        #[test]
        fn outgoing_numbers_never_repeat_whatever_is_switched(steps in proptest::collection::vec((0usize..3, 0u64..6, proptest::bool::ANY), 1..300)) {
            let t0 = crate::net::clock::now();
            let clock = SourceClock::new(90_000);
            let mut s = slot();
            let mut sequences = [70_000u64, 80_000, 90_000];
            let mut seen = std::collections::HashSet::new();
            for (track, skip, key) in steps {
                sequences[track] += 1 + skip;
                s.target = Some((track, 0, 1));
                if let Some(out) = s.route((track, 0, 1), &kept(sequences[track], 0, key), &clock, t0) {
                    proptest::prop_assert!(seen.insert(out.sequence));
                }
            }
        }
    }
}
