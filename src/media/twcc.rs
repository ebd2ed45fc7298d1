//! Feedback to publishers on when their packets came (draft-holmer-rmcat-transport-wide-cc-extensions-01), from which
//! the browser finds how much it may send.

use std::time::{Duration, Instant};

/// Packets reported in one feedback at most; the rest goes into the next.
const MAX_REPORTED: usize = 400;
/// A jump of the transport-wide number beyond this starts anew.
const MAX_JUMP: i64 = 2_000;

/// Receive times of one session's packets since the last feedback.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// (extended transport-wide number, arrival), unordered.
    seen: Vec<(i64, Instant)>,
    highest: Option<i64>,
    /// First number not yet reported.
    next: i64,
    feedbacks: u8,
    epoch: Option<Instant>,
}

impl Arrivals {
    /// Notes a packet.
    pub fn note(&mut self, number: u16, now: Instant) {
        self.epoch.get_or_insert(now);
        let extended = match self.highest {
            None => {
                self.next = i64::from(number);
                i64::from(number)
            }
            Some(h) => h + i64::from(number.wrapping_sub(h as u16) as i16),
        };
        if self.highest.is_some_and(|h| (extended - h).abs() > MAX_JUMP) {
            self.seen.clear();
            self.next = extended;
            self.highest = Some(extended);
        }
        if extended < self.next || self.seen.len() >= 4 * MAX_REPORTED {
            return;
        }
        self.highest = Some(self.highest.map_or(extended, |h| h.max(extended)));
        self.seen.push((extended, now));
    }

    /// Writes one feedback packet, if there is anything to report.
    pub fn write(&mut self, out: &mut Vec<u8>, ours: u32, theirs: u32) -> bool {
        let Some(epoch) = self.epoch else { return false };
        if self.seen.is_empty() {
            return false;
        }
        self.seen.sort_unstable();
        self.seen.dedup_by_key(|s| s.0);
        let take = self.seen.len().min(MAX_REPORTED);
        let last = self.seen.get(take - 1).map_or(self.next, |s| s.0);
        let first_arrival = self.seen.first().map_or(epoch, |s| s.1);
        // Reference time counts 64 ms steps from any fixed instant; 1 s of slack keeps reordered arrivals positive.
        let since = first_arrival.saturating_duration_since(epoch) + Duration::from_secs(1);
        let reference = (since.as_millis() / 64) as u32;
        let mut previous = i64::from(reference) * 256;
        let mut symbols: Vec<u8> = Vec::with_capacity((last - self.next + 1) as usize);
        let mut deltas: Vec<u8> = Vec::with_capacity(take * 2);
        let mut seen = self.seen.drain(..take).peekable();
        for number in self.next..=last {
            let Some((_, arrival)) = seen.next_if(|s| s.0 == number) else {
                symbols.push(0);
                continue;
            };
            let ticks = ((arrival.saturating_duration_since(epoch) + Duration::from_secs(1)).as_micros() / 250) as i64;
            let delta = ticks - previous;
            previous = ticks;
            match u8::try_from(delta) {
                Ok(small) => {
                    symbols.push(1);
                    deltas.push(small);
                }
                Err(_) => {
                    symbols.push(2);
                    let large = delta.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16;
                    deltas.extend_from_slice(&large.to_be_bytes());
                }
            }
        }
        drop(seen);
        let base = self.next as u16;
        self.next = last + 1;
        self.emit(out, ours, theirs, base, reference, &symbols, &deltas);
        true
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one wire format")]
    fn emit(
        &mut self,
        out: &mut Vec<u8>,
        ours: u32,
        theirs: u32,
        base: u16,
        reference: u32,
        symbols: &[u8],
        deltas: &[u8],
    ) {
        let start = out.len();
        out.extend_from_slice(&[0x8f, 205, 0, 0]);
        out.extend_from_slice(&ours.to_be_bytes());
        out.extend_from_slice(&theirs.to_be_bytes());
        out.extend_from_slice(&base.to_be_bytes());
        out.extend_from_slice(&(symbols.len() as u16).to_be_bytes());
        out.extend_from_slice(&reference.to_be_bytes()[1..]);
        out.push(self.feedbacks);
        self.feedbacks = self.feedbacks.wrapping_add(1);
        let mut rest = symbols;
        while let Some(first) = rest.first() {
            let run = rest.iter().take_while(|s| *s == first).count().min(0x1fff);
            let chunk = if run >= 7 || run == rest.len() {
                rest = rest.get(run..).unwrap_or_default();
                u16::from(*first) << 13 | run as u16
            } else {
                let take = rest.len().min(7);
                let (now, later) = rest.split_at(take);
                rest = later;
                let mut vector = 0xc000u16;
                for (i, s) in now.iter().enumerate() {
                    vector |= u16::from(*s) << (12 - 2 * i);
                }
                vector
            };
            out.extend_from_slice(&chunk.to_be_bytes());
        }
        out.extend_from_slice(deltas);
        let pad = (4 - (out.len() - start) % 4) % 4;
        if pad > 0 {
            out.resize(out.len() + pad - 1, 0);
            out.push(pad as u8);
            if let Some(b) = out.get_mut(start) {
                *b |= 0x20;
            }
        }
        let words = ((out.len() - start) / 4 - 1) as u16;
        if let Some(length) = out.get_mut(start + 2..start + 4) {
            length.copy_from_slice(&words.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc_rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, TransportLayerCc};

    fn received(out: &[u8]) -> (u16, Vec<bool>) {
        let packets = rtc_rtcp::packet::unmarshal(&mut &*out).expect("parses");
        let cc = packets[0].as_any().downcast_ref::<TransportLayerCc>().expect("feedback");
        let mut list = Vec::new();
        for chunk in &cc.packet_chunks {
            match chunk {
                PacketStatusChunk::RunLengthChunk(c) => {
                    list.extend(std::iter::repeat_n(c.packet_status_symbol as u16 != 0, usize::from(c.run_length)));
                }
                PacketStatusChunk::StatusVectorChunk(c) => {
                    list.extend(c.symbol_list.iter().map(|s| *s as u16 != 0));
                }
            }
        }
        list.truncate(usize::from(cc.packet_status_count));
        (cc.base_sequence_number, list)
    }

    #[test]
    fn feedback_names_exactly_the_packets_that_came_across_a_wrap() {
        let mut a = Arrivals::default();
        let t0 = crate::net::clock::now();
        let came = [65_530u16, 65_531, 65_533, 2, 1, 5];
        for (i, n) in came.iter().enumerate() {
            a.note(*n, t0 + Duration::from_millis(20 * i as u64));
        }
        let mut out = Vec::new();
        assert!(a.write(&mut out, 1, 2));
        let (base, list) = received(&out);
        assert_eq!(base, 65_530);
        let got: Vec<u16> =
            list.iter().enumerate().filter(|(_, r)| **r).map(|(i, _)| base.wrapping_add(i as u16)).collect();
        assert_eq!(got, vec![65_530, 65_531, 65_533, 1, 2, 5]);
        assert!(!a.write(&mut out, 1, 2));
    }

    proptest::proptest! {
        #[test]
        fn any_arrivals_make_a_packet_that_parses(numbers in proptest::collection::vec(proptest::num::u16::ANY, 1..300)) {
            let mut a = Arrivals::default();
            let t0 = crate::net::clock::now();
            for (i, n) in numbers.iter().enumerate() {
                a.note(*n, t0 + Duration::from_millis(i as u64));
                let mut out = Vec::new();
                if i % 50 == 49 && a.write(&mut out, 1, 2) {
                    received(&out);
                }
            }
        }
    }
}
