//! One stream of a publisher (one SSRC): what arrived, what is missing, what to report.

use std::time::{Duration, Instant};

use super::rtcp::Block;
use super::rtp::Unwrapper;

/// A longer hole is a restart of the sender, not a loss to be asked for.
const MAX_HOLE: u64 = 256;
/// Holes asked for at a time; more are given up (a key frame mends the picture).
const MAX_MISSING: usize = 256;
/// The first request waits this long: packets overtake each other by little.
const REORDER: Duration = Duration::from_millis(10);
/// Between two requests for one packet: about a round trip on a far line.
const AGAIN: Duration = Duration::from_millis(60);
/// After so many requests a packet is given up.
const MAX_TRIES: u8 = 8;

#[derive(Clone, Copy, Debug)]
struct Missing {
    sequence: u64,
    tries: u8,
    due: Instant,
}

/// See the module.
#[derive(Debug)]
pub struct ReceiveStream {
    /// Its SSRC.
    pub ssrc: u32,
    /// Index of the m-line it belongs to.
    pub line: usize,
    /// Simulcast layer, 0 lowest.
    pub layer: u8,
    /// True: it carries retransmissions of the line and layer (RFC 4588).
    pub is_repair: bool,
    /// Sequence numbers of this stream.
    pub sequences: Unwrapper,
    missing: Vec<Missing>,
    clock_rate: u32,
    first: u64,
    received: u64,
    reported: (u64, u64),
    jitter: f64,
    transit: Option<(Instant, u32)>,
    last_report: Option<(u32, Instant)>,
    second: (u64, u64),
}

/// The streams of a publisher. A dozen at most, so a list of their SSRCs is searched sooner than a hash is made.
#[derive(Debug, Default)]
pub struct Streams {
    ssrcs: Vec<u32>,
    all: Vec<ReceiveStream>,
}

impl Streams {
    /// Place of the stream with this SSRC, good until one is bound.
    pub fn place(&self, ssrc: u32) -> Option<usize> {
        self.ssrcs.iter().position(|known| *known == ssrc)
    }

    /// The stream at a place.
    pub fn at(&mut self, place: usize) -> Option<&mut ReceiveStream> {
        self.all.get_mut(place)
    }

    /// The stream with this SSRC.
    pub fn get(&self, ssrc: u32) -> Option<&ReceiveStream> {
        self.place(ssrc).and_then(|place| self.all.get(place))
    }

    /// True while there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &ReceiveStream> {
        self.all.iter()
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut ReceiveStream> {
        self.all.iter_mut()
    }

    /// Takes a stream in; gives its place. A client that starts anew on a layer leaves its old SSRC behind.
    pub fn bind(&mut self, new: ReceiveStream) -> usize {
        let is_same = |s: &ReceiveStream| s.line == new.line && s.layer == new.layer && s.is_repair == new.is_repair;
        self.all.retain(|stream| !is_same(stream) && stream.ssrc != new.ssrc);
        self.all.push(new);
        self.ssrcs.clear();
        self.ssrcs.extend(self.all.iter().map(|stream| stream.ssrc));
        self.all.len() - 1
    }
}

impl ReceiveStream {
    /// A stream just bound.
    pub fn new(ssrc: u32, line: usize, layer: u8, is_repair: bool, clock_rate: u32) -> Self {
        Self {
            ssrc,
            line,
            layer,
            is_repair,
            sequences: Unwrapper::default(),
            missing: Vec::new(),
            clock_rate,
            first: 0,
            received: 0,
            reported: (0, 0),
            jitter: 0.0,
            transit: None,
            last_report: None,
            second: (0, 0),
        }
    }

    /// Notes a packet that was opened; holes before it become missing.
    pub fn note(&mut self, sequence: u64, timestamp: u32, now: Instant) {
        let before = self.sequences.highest();
        let newest = self.sequences.accept(sequence);
        self.received += 1;
        match before {
            None => {
                self.first = sequence;
            }
            Some(before) if newest && !self.is_repair => {
                let hole = sequence - before - 1;
                if hole > MAX_HOLE {
                    self.missing.clear();
                } else {
                    for lost in before + 1..sequence {
                        if self.missing.len() < MAX_MISSING {
                            self.missing.push(Missing { sequence: lost, tries: 0, due: now + REORDER });
                        }
                    }
                }
            }
            Some(_) => {
                // What came because it was asked for was lost on the line all the same, and is reported so.
                let asked = self.missing.iter().any(|m| m.sequence == sequence && m.tries > 0);
                self.received -= u64::from(asked);
                self.recovered(sequence);
            }
        }
        self.note_jitter(timestamp, now);
    }

    /// True for a packet that is asked for.
    pub fn is_missing(&self, sequence: u64) -> bool {
        self.missing.iter().any(|m| m.sequence == sequence)
    }

    /// What is missing is not asked for any more.
    pub fn give_up(&mut self) {
        self.missing.clear();
    }

    /// A packet came late or as a retransmission.
    pub fn recovered(&mut self, sequence: u64) {
        self.missing.retain(|m| m.sequence != sequence);
    }

    /// RFC 3550 §6.4.1 and appendix A.8.
    fn note_jitter(&mut self, timestamp: u32, now: Instant) {
        if let Some((at, rtp)) = self.transit {
            let elapsed = now.saturating_duration_since(at).as_secs_f64() * f64::from(self.clock_rate);
            let ticks = f64::from(timestamp.wrapping_sub(rtp) as i32);
            self.jitter += ((elapsed - ticks).abs().min(1e7) - self.jitter) / 16.0;
        }
        self.transit = Some((now, timestamp));
    }

    /// Notes a sender report, for the round trip of the publisher.
    pub fn note_report(&mut self, ntp: u64, now: Instant) {
        self.last_report = Some(((ntp >> 16) as u32, now));
    }

    /// Sequence numbers to ask for now, ascending; empty most of the time.
    pub fn due_nacks(&mut self, now: Instant, into: &mut Vec<u16>) {
        into.clear();
        self.missing.retain_mut(|m| {
            if m.due > now {
                return true;
            }
            m.tries += 1;
            m.due = now + AGAIN;
            into.push(m.sequence as u16);
            m.tries < MAX_TRIES
        });
    }

    /// The report block since the last one; `None` before the first packet.
    pub fn report(&mut self, now: Instant) -> Option<Block> {
        let highest = self.sequences.highest()?;
        let expected = highest.saturating_sub(self.first) + 1;
        let lost = expected.saturating_sub(self.received);
        let (old_expected, old_received) = self.reported;
        self.reported = (expected, self.received);
        let expected_now = expected.saturating_sub(old_expected);
        let lost_now = expected_now.saturating_sub(self.received - old_received);
        let fraction = (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255);
        let (last_report, delay) = self.last_report.map_or((0, 0), |(ntp, at)| {
            let since = now.saturating_duration_since(at);
            (ntp, (since.as_secs_f64() * 65_536.0).min(4e9) as u32)
        });
        Some(Block {
            ssrc: self.ssrc,
            fraction_lost: fraction as u8,
            total_lost: lost.min(0x7f_ffff) as u32,
            highest: highest.wrapping_sub(1 << 16) as u32,
            jitter: self.jitter as u32,
            last_report,
            delay,
        })
    }

    /// (expected, received) since the last call; for the facts of the line.
    pub fn take_second(&mut self) -> (u64, u64) {
        let expected = self.sequences.highest().map_or(0, |h| h.saturating_sub(self.first) + 1);
        let now = (expected, self.received);
        let before = std::mem::replace(&mut self.second, now);
        (now.0.saturating_sub(before.0), now.1.saturating_sub(before.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_begins_anew_takes_the_place_of_the_one_before() {
        let stream = |ssrc, layer, is_repair| ReceiveStream::new(ssrc, 1, layer, is_repair, 90_000);
        let mut streams = Streams::default();
        assert!(streams.is_empty());
        for (ssrc, layer, is_repair) in [(10, 0, false), (20, 1, false), (11, 0, true), (12, 0, false)] {
            let place = streams.bind(stream(ssrc, layer, is_repair));
            assert_eq!((streams.place(ssrc), streams.at(place).map(|s| s.ssrc)), (Some(place), Some(ssrc)));
        }
        assert_eq!(streams.iter().map(|s| s.ssrc).collect::<Vec<_>>(), [20, 11, 12]);
        assert!(streams.get(10).is_none() && streams.place(10).is_none());
        // An SSRC that comes again as another layer's.
        streams.bind(stream(20, 2, false));
        assert_eq!(streams.iter().map(|s| (s.ssrc, s.layer)).collect::<Vec<_>>(), [(11, 0), (12, 0), (20, 2)]);
        assert_eq!(streams.get(20).map(|s| s.layer), Some(2));
    }

    #[test]
    fn a_hole_is_asked_for_after_a_moment_and_no_more_once_filled() {
        let t0 = crate::net::clock::now();
        let mut s = ReceiveStream::new(1, 0, 0, false, 90_000);
        for seq in [65_536u64 + 10, 65_536 + 11, 65_536 + 14] {
            s.note(seq, 0, t0);
        }
        let mut due = Vec::new();
        s.due_nacks(t0, &mut due);
        assert!(due.is_empty(), "reordering is given a moment");
        s.due_nacks(t0 + REORDER, &mut due);
        assert_eq!(due, vec![12, 13]);
        s.recovered(65_536 + 12);
        s.due_nacks(t0 + REORDER + AGAIN, &mut due);
        assert_eq!(due, vec![13]);
        for i in 2..20 {
            s.due_nacks(t0 + REORDER + AGAIN * i, &mut due);
        }
        assert!(due.is_empty(), "given up");
    }

    #[test]
    fn the_report_counts_what_was_lost_since_the_last() {
        let t0 = crate::net::clock::now();
        let mut s = ReceiveStream::new(1, 0, 0, false, 90_000);
        for seq in (0..100u64).filter(|s| s % 4 != 3) {
            s.note(65_536 + seq, seq as u32 * 3000, t0 + Duration::from_millis(seq * 33));
        }
        let block = s.report(t0 + Duration::from_secs(4)).expect("block");
        assert_eq!(block.highest, 98);
        assert_eq!(block.total_lost, 24);
        assert_eq!(block.fraction_lost, (24 * 256 / 99) as u8);
        assert_eq!(s.report(t0 + Duration::from_secs(5)).expect("block").fraction_lost, 0);
    }
}
