//! A receiver's m-line: shows one source at a time, rewritten so that the decoder sees one unbroken stream.
//!
//! Sequence numbers and times of whatever layer flows are shifted to follow what was sent before. The shifts of the
//! last changes are kept, so that a retransmission is found also across a change of layer or source; nothing is
//! written per packet but the slot's own numbers.

use std::mem::offset_of;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use tongke_signaling::command::{Slot, Source};

use super::ahead::Mark;
use super::ladder::{Pick, Place};
use super::ring::{AUDIO_PACKETS, Kept};
use super::sdp::{Codec, OfferedCodec};

/// Changes of source or layer remembered. A change comes with a key frame, of which there are at most two a second, and
/// rings hold less than three seconds.
const CHANGES: usize = 8;
/// Retransmissions may not exceed the media they repair; this much is free at the start, bytes.
const REPAIR_ALLOWANCE: i64 = 64 * 1024;

/// Where a sent packet came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    /// Its outgoing extended sequence number.
    pub out: u64,
    /// Its number in the layer.
    pub sequence: u64,
    /// What flowed then.
    pub shown: Shown,
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
    /// What the receiver calls the codec.
    pub payload_type: u8,
    /// Its retransmissions, where the receiver takes them (RFC 4588).
    pub rtx: Option<u8>,
    /// Sound with redundancy, where the receiver takes it (RFC 2198), and how many packets before it each carries.
    pub red: Option<(u8, u8)>,
}

impl Shown {
    /// How many packets before it this one carries.
    pub fn depth_of(&self, kept: &Kept) -> usize {
        self.red.map_or(0, |(_, depth)| usize::from(depth.min(kept.behind)))
    }

    /// The payload type it is sent with.
    pub fn type_of(&self, kept: &Kept) -> u8 {
        self.red.filter(|_| self.depth_of(kept) > 0).map_or(self.payload_type, |(red, _)| red)
    }

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

/// See the module. What every packet needs comes first, in as few lines of the caches as hold it.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct SendSlot {
    mark: Mark,
    /// What flows.
    pub shown: Option<Shown>,
    next: u64,
    /// From this number on nothing was sealed yet.
    sealed: u64,
    /// Packets and payload bytes sent.
    pub sent: (u32, u32),
    /// Its SSRC.
    pub ssrc: u32,
    /// Id of the transport-wide number's header extension, where the receiver takes it; of pictures only where it takes RTX
    /// as well.
    pub transport_cc: Option<u8>,
    /// How many packets before it each sound should carry.
    pub depth: u8,
    /// What it is for.
    pub slot: Slot,
    repair_budget: i64,
    last: Option<(Instant, u32)>,
    /// The layer it waits for: (track, layer, generation).
    pub target: Option<(usize, u8, u32)>,
    /// Of sound that is numbered: the last sequence numbers with their transport-wide numbers. What is sent again without RTX
    /// must be the same to the byte.
    numbers: Vec<Option<(u16, u16)>>,
    /// mid of its m-line.
    pub mid: String,
    /// SSRC of its retransmissions.
    pub rtx_ssrc: u32,
    /// Codecs the receiver takes.
    pub codecs: Vec<OfferedCodec>,
    /// What it was told to show.
    pub want: Option<Source>,
    /// How much of it there is room for.
    pub place: Place,
    /// There is more of it than the receiver can decode.
    pub is_cut: bool,
    /// The line is slower than what waits; what comes now is left out until that is sent.
    pub clogged: bool,
    /// Next retransmission's extended sequence number.
    pub rtx_next: u64,
    /// True: a sender report is due at once.
    pub report_due: bool,
    /// Extended number up to which the receiver has reported.
    pub reported: u32,
    changes: ArrayVec<Shown, CHANGES>,
}

impl SendSlot {
    /// A slot that has sent nothing. Times start at `first_timestamp`.
    pub fn new(slot: Slot, mid: String, ssrc: u32, rtx_ssrc: u32, codecs: Vec<OfferedCodec>, first: u16) -> Self {
        Self {
            mark: Mark::default(),
            slot,
            mid,
            ssrc,
            rtx_ssrc,
            transport_cc: None,
            codecs,
            want: None,
            place: Place::default(),
            is_cut: false,
            clogged: false,
            shown: None,
            target: None,
            sent: (0, 0),
            rtx_next: 1 << 16 | u64::from(first),
            report_due: false,
            depth: 0,
            reported: u32::from(first).wrapping_sub(1),
            numbers: Vec::new(),
            next: 1 << 16 | u64::from(first),
            sealed: 1 << 16 | u64::from(first),
            last: None,
            changes: ArrayVec::new(),
            repair_budget: REPAIR_ALLOWANCE,
        }
    }

    /// From now on packets carry transport-wide numbers under this id; those of sound are remembered.
    pub fn number_by(&mut self, id: Option<u8>) {
        self.transport_cc = id;
        if id.is_some() && !self.is_picture() {
            self.numbers.resize(AUDIO_PACKETS, None);
        }
    }

    /// A packet goes out with this transport-wide number.
    pub fn note_number(&mut self, sequence: u16, number: u16) {
        let at = usize::from(sequence) % self.numbers.len().max(1);
        if let Some(place) = self.numbers.get_mut(at) {
            *place = Some((sequence, number));
        }
    }

    /// The transport-wide number that this packet had.
    pub fn number_of(&self, sequence: u16) -> Option<u16> {
        let at = usize::from(sequence) % self.numbers.len().max(1);
        self.numbers.get(at).copied().flatten().filter(|(s, _)| *s == sequence).map(|(_, number)| number)
    }

    /// Asks for what routing a packet needs.
    pub fn expect(&self) {
        self.mark.bytes(0..offset_of!(Self, numbers) + size_of::<Vec<()>>());
    }

    /// True where pictures are shown, false for sound.
    pub fn is_picture(&self) -> bool {
        use Slot::{Screen, StageVideo, TeacherVideo, Thumbnail, Video};
        matches!(self.slot, Screen | StageVideo | TeacherVideo | Thumbnail(_) | Video)
    }

    /// True where slides are shown, of which each picture counts.
    pub fn is_slides(&self) -> bool {
        self.slot == Slot::Screen
    }

    /// The highest layer it may show of a track that serves it; `None`: it takes nothing from there now.
    pub fn most(&self, is_twin: bool, twin_lives: bool) -> Option<u8> {
        if self.clogged {
            return None;
        }
        if matches!(self.slot, Slot::Thumbnail(_)) && self.place.pick > Pick::Held {
            return Some(0);
        }
        match self.place.pick {
            Pick::Held => None,
            // Until the twin is there the slides go on whole.
            Pick::Slow => (is_twin || !twin_lives).then_some(0),
            _ if is_twin => None,
            Pick::Layer(most) => Some(most),
            Pick::Best => Some(u8::MAX),
        }
    }

    /// Payload types for a codec.
    pub fn payload_types(&self, codec: Codec) -> Option<&OfferedCodec> {
        self.codecs.iter().find(|c| c.codec == codec)
    }

    /// Numbers for a packet of (track, layer, generation), or `None` when it does not flow here. A packet that begins a
    /// key frame of the awaited layer makes the change. `captured`: the packet's RTP time on the server's clock.
    pub fn route(&mut self, from: (usize, u8, u32), kept: &Kept, codec: Codec, captured: Instant) -> Option<Outgoing> {
        let flows = |s: &Shown| (s.track, s.layer, s.generation) == from;
        if !self.shown.as_ref().is_some_and(flows) {
            if !kept.key || !self.awaits(from) {
                return None;
            }
            self.change(from, kept, codec, captured)?;
        }
        if self.shown.as_ref().and_then(|s| s.red).is_some_and(|(_, depth)| depth != self.depth) {
            self.deepen(kept.sequence);
        }
        let shown = self.shown.as_ref()?;
        let ahead = kept.sequence.checked_sub(shown.from)?;
        let sequence = shown.to + ahead;
        let timestamp = shown.shifted(kept.timestamp);
        if sequence >= self.next {
            self.next = sequence + 1;
            self.last = Some((captured, timestamp));
        }
        self.sent = (self.sent.0.wrapping_add(1), self.sent.1.wrapping_add(kept.payload.len() as u32));
        self.repair_budget = (self.repair_budget + kept.payload.len() as i64).min(REPAIR_ALLOWANCE * 4);
        Some(Outgoing { sequence, timestamp })
    }

    /// True if a key frame of this layer is what the slot waits for. While nothing of a source is shown yet, any layer that
    /// is allowed will do: a publisher in distress changes its layers faster than key frames come.
    fn awaits(&self, from: (usize, u8, u32)) -> bool {
        let Some(target) = self.target else { return false };
        let is_waiting = self.shown.is_none_or(|s| s.track != from.0);
        let most = match (self.slot, self.place.pick) {
            (Slot::Thumbnail(_), _) | (_, Pick::Held | Pick::Slow) => target.1,
            (_, Pick::Layer(most)) => most,
            (_, Pick::Best) => u8::MAX,
        };
        target == from || is_waiting && target.0 == from.0 && from.1 <= most
    }

    /// From this packet on sound carries as many before it as it should; what was sent already is remembered as it was.
    fn deepen(&mut self, sequence: u64) {
        let Some(mut shown) = self.shown else { return };
        let Some(ahead) = sequence.checked_sub(shown.from) else { return };
        // A packet that comes late goes out as those of its time did.
        if shown.to + ahead < self.next {
            return;
        }
        (shown.from, shown.to) = (sequence, shown.to + ahead);
        shown.red = shown.red.map(|(payload_type, _)| (payload_type, self.depth));
        self.remember(shown);
    }

    fn remember(&mut self, shown: Shown) {
        if self.changes.is_full() {
            self.changes.remove(0);
        }
        self.changes.push(shown);
        self.shown = Some(shown);
    }

    fn change(
        &mut self,
        (track, layer, generation): (usize, u8, u32),
        kept: &Kept,
        codec: Codec,
        captured: Instant,
    ) -> Option<()> {
        let types = self.payload_types(codec)?;
        let (payload_type, rtx, rate) = (types.payload_type, types.rtx, codec.clock_rate());
        let red = types.red.map(|red| (red, self.depth));
        let start = match self.last {
            None => kept.timestamp,
            Some((at, timestamp)) => {
                // Time must go on: at least 10 ms, at most what a decoder takes for a pause.
                let pause = captured.saturating_duration_since(at).max(Duration::from_millis(10));
                let ticks = pause.as_millis().saturating_mul(u128::from(rate)) / 1000;
                timestamp.wrapping_add(ticks as u32)
            }
        };
        let shift = start.wrapping_sub(kept.timestamp);
        let shown =
            Shown { track, layer, generation, from: kept.sequence, to: self.next, shift, payload_type, rtx, red };
        self.remember(shown);
        self.report_due = true;
        Some(())
    }

    /// Where the packet with this outgoing number came from; `None` for one that this slot did not send.
    pub fn find(&self, sequence: u16) -> Option<Sent> {
        let highest = self.next.checked_sub(1)?;
        let back = u64::from((highest as u16).wrapping_sub(sequence));
        let out = highest.checked_sub(back)?;
        let shown = *self.changes.iter().rev().find(|s| s.to <= out)?;
        Some(Sent { out, sequence: shown.from + (out - shown.to), shown })
    }

    /// A packet with this number goes out.
    pub fn note_sealed(&mut self, sequence: u64) {
        self.sealed = self.sealed.max(sequence + 1);
    }

    /// The newest number was given to a packet that is left out after all.
    pub fn take_back(&mut self, sequence: u64) {
        if sequence + 1 == self.next && sequence >= self.sealed {
            self.next = sequence;
        }
    }

    /// What was numbered and never sent is given up: its numbers, which sealed nothing, serve what comes next, and no
    /// receiver asks for them.
    pub fn give_up(&mut self) {
        self.next = self.sealed;
        self.detach();
    }

    /// The outgoing number of the packet `back` before the next; a slot that sent fewer has none.
    pub fn number_before(&self, back: u64) -> Option<u16> {
        self.next.checked_sub(back).map(|n| n as u16)
    }

    /// The newest RTP time sent.
    pub fn last_timestamp(&self) -> u32 {
        self.last.map_or(0, |(_, timestamp)| timestamp)
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
        self.clogged = false;
    }

    /// What waits is still sent, what comes is not, until there is room for a key frame.
    pub fn clog(&mut self) {
        self.detach();
        self.clogged = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(sequence: u64, timestamp: u32, key: bool) -> Kept {
        Kept { sequence, timestamp, marker: false, key, behind: 0, payload: vec![0; 100] }
    }

    fn slot() -> SendSlot {
        let codec =
            OfferedCodec { codec: Codec::H264, payload_type: 96, rtx: Some(97), red: None, fmtp: String::new() };
        SendSlot::new(Slot::StageVideo, "5".to_owned(), 1, 2, vec![codec], 65_534)
    }

    #[test]
    fn a_change_of_source_goes_on_in_number_and_time() {
        let t0 = crate::net::clock::now();
        let mut s = slot();
        let route = |s: &mut SendSlot, from, kept: Kept, after_ms| {
            s.route(from, &kept, Codec::H264, t0 + Duration::from_millis(after_ms))
        };
        let (a, b) = ((0, 0, 1), (1, 0, 2));
        s.target = Some(a);
        assert!(route(&mut s, a, kept(65_546, 1000, false), 0).is_none(), "waits for a key frame");
        let first = route(&mut s, a, kept(65_547, 1000, true), 0).expect("flows");
        assert!(route(&mut s, a, kept(65_546, 900, false), 0).is_none(), "before the change");
        s.target = Some(b);
        let then = route(&mut s, a, kept(65_549, 1900, false), 10).expect("old goes on");
        assert_eq!(then.sequence, first.sequence + 2, "a hole stays a hole");
        let new = route(&mut s, b, kept(99_999, 4_000_000_000, true), 100).expect("changes");
        assert_eq!(new.sequence, then.sequence + 1);
        assert_eq!(new.timestamp.wrapping_sub(then.timestamp), 90 * 90, "90 ms later");
        assert!(route(&mut s, a, kept(65_548, 1900, false), 10).is_none(), "the old source is gone");
        let sent = s.find(then.sequence as u16).expect("still remembered");
        assert_eq!((sent.out, sent.shown.track, sent.sequence), (then.sequence, 0, 65_549));
        let sent = s.find(new.sequence as u16).expect("remembered");
        assert_eq!((sent.out, sent.shown.track, sent.sequence), (new.sequence, 1, 99_999));
        assert!(s.find(first.sequence.wrapping_sub(1) as u16).is_none(), "never sent");
        assert!(s.find(new.sequence.wrapping_add(1) as u16).is_none(), "not yet sent");
    }

    #[test]
    fn before_anything_is_shown_any_layer_will_do_then_only_the_one_that_is_wanted() {
        let t0 = crate::net::clock::now();
        let mut s = slot();
        let key = |s: &mut SendSlot, from, n| {
            s.route(from, &kept(n, 0, true), Codec::H264, t0).and(s.shown).map(|shown| shown.layer)
        };
        s.target = Some((0, 2, 1));
        s.place.pick = Pick::Layer(1);
        assert_eq!(key(&mut s, (1, 0, 1), 70_000), None, "another source");
        assert_eq!(key(&mut s, (0, 2, 9), 70_000), None, "finer than is allowed, and not the one that is wanted");
        assert_eq!(key(&mut s, (0, 1, 3), 70_000), Some(1));
        assert_eq!(key(&mut s, (0, 0, 2), 70_000), None, "it shows something already");
        assert_eq!(key(&mut s, (0, 2, 1), 70_000), Some(2));
    }

    #[test]
    fn a_codec_that_the_receiver_does_not_take_never_flows() {
        let t0 = crate::net::clock::now();
        let mut s = slot();
        s.target = Some((0, 0, 1));
        assert!(s.route((0, 0, 1), &kept(65_547, 0, true), Codec::Vp9, t0).is_none());
        assert!(s.shown.is_none());
    }

    proptest::proptest! {
        #[test]
        fn outgoing_numbers_never_repeat_whatever_is_switched(steps in proptest::collection::vec((0usize..3, 0u64..6, proptest::bool::ANY), 1..300)) {
            let t0 = crate::net::clock::now();
            let mut s = slot();
            let mut sequences = [70_000u64, 80_000, 90_000];
            let mut seen = std::collections::HashSet::new();
            for (track, skip, key) in steps {
                sequences[track] += 1 + skip;
                s.target = Some((track, 0, 1));
                if let Some(out) = s.route((track, 0, 1), &kept(sequences[track], 0, key), Codec::H264, t0) {
                    proptest::prop_assert!(seen.insert(out.sequence));
                    let sent = s.find(out.sequence as u16).expect("the newest is remembered");
                    proptest::prop_assert_eq!((sent.shown.track, sent.sequence), (track, sequences[track]));
                }
            }
        }
    }
}
