//! H.264 out of RTP (RFC 6184): single NAL units, STAP-A and FU-A become access units of length-prefixed NAL
//! units (ISO/IEC 14496-15), parameter sets go aside for the init segment.
//!
//! Written here because the payload lies in wait: every index is checked, every unit is bounded. A unit that
//! is not whole is dropped; the caller then waits for a key frame.

use crate::cmaf::Parameters;
use crate::unit::{LARGEST_UNIT, Ready, Unit};

/// Parameter sets of one kind kept at most; browsers send one, encoders with several layers three.
const MOST_SETS: usize = 8;

// NAL unit types, ITU-T H.264 table 7-1 and RFC 6184 table 1.
const SLICE: u8 = 1;
const IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// The depacketiser of one H.264 stream. Feed it packets in order, say where some are lost.
#[derive(Debug, Default)]
pub struct H264 {
    unit: Option<Growing>,
    sps: Vec<Vec<u8>>,
    pps: Vec<Vec<u8>>,
    ready: Ready,
}

#[derive(Debug)]
struct Growing {
    data: Vec<u8>,
    time: i64,
    arrival_us: i64,
    /// Where the NAL unit of an unfinished FU-A begins (its length field).
    open: Option<usize>,
    has_slice: bool,
    key: bool,
    broken: bool,
    fresh_sps: bool,
    fresh_pps: bool,
}

impl H264 {
    /// Takes in one payload. `time` is the unwrapped RTP time.
    pub fn push(&mut self, payload: &[u8], marker: bool, time: i64, arrival_us: i64) {
        if payload.is_empty() {
            return;
        }
        // A new time stamp ends the unit whose marker the sender forgot (RFC 6184 section 5.1).
        if self.unit.as_ref().is_some_and(|unit| unit.time != time) {
            self.finish();
        }
        let mut unit = self.unit.take().unwrap_or_else(|| Growing::new(self.ready.buffer(), time, arrival_us));
        if self.read(&mut unit, payload).is_none() || unit.data.len() > LARGEST_UNIT {
            unit.broken = true;
            unit.data.clear();
            unit.open = None;
        }
        self.unit = Some(unit);
        if marker {
            self.finish();
        }
    }

    /// Packets are missing before the next one: the unit in progress cannot be whole.
    pub fn lose(&mut self) {
        if let Some(unit) = self.unit.take() {
            self.ready.recycle(unit.data);
            self.ready.count_broken();
        }
    }

    /// Ends the unit in progress: the stream has ended or changed.
    pub fn finish(&mut self) {
        let Some(unit) = self.unit.take() else { return };
        if unit.broken || unit.open.is_some() {
            self.ready.count_broken();
            self.ready.recycle(unit.data);
        } else if unit.has_slice {
            let parameters = unit.key.then(|| Parameters::H264 { sps: self.sps.clone(), pps: self.pps.clone() });
            let Growing { data, key, time, arrival_us, .. } = unit;
            self.ready.push(Unit { data, key, time, arrival_us, parameters });
        } else {
            self.ready.recycle(unit.data);
        }
    }

    /// The next finished unit.
    pub fn pop(&mut self) -> Option<Unit> {
        self.ready.pop()
    }

    /// Units lost to missing or lying packets since the last call.
    pub fn take_broken(&mut self) -> u64 {
        self.ready.take_broken()
    }

    /// Gives a unit's buffer back.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.ready.recycle(buffer);
    }

    fn read(&mut self, unit: &mut Growing, payload: &[u8]) -> Option<()> {
        let (&header, rest) = payload.split_first()?;
        match header & 0x1f {
            STAP_A => {
                unit.open.is_none().then_some(())?;
                let mut rest = rest;
                while !rest.is_empty() {
                    let size = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
                    let nal = rest.get(2..2 + size)?;
                    if !nal.is_empty() {
                        self.whole(unit, nal)?;
                    }
                    rest = rest.get(2 + size..)?;
                }
                Some(())
            }
            FU_A => self.fragment(unit, header, rest),
            1..=23 => {
                unit.open.is_none().then_some(())?;
                self.whole(unit, payload)
            }
            // STAP-B, MTAP and FU-B belong to the interleaved mode, which is never negotiated.
            _ => None,
        }
    }

    /// RFC 6184 section 5.8: indicator, then S E R and the type, then a piece of the NAL unit.
    fn fragment(&mut self, unit: &mut Growing, indicator: u8, rest: &[u8]) -> Option<()> {
        let (&header, piece) = rest.split_first()?;
        let (start, end) = (header & 0x80 != 0, header & 0x40 != 0);
        if start {
            unit.open.is_none().then_some(())?;
            unit.open = Some(unit.data.len());
            unit.data.extend_from_slice(&[0; 4]);
            unit.data.push(indicator & 0xe0 | header & 0x1f);
        } else {
            unit.open?;
        }
        unit.data.extend_from_slice(piece);
        if end {
            let at = unit.open.take()?;
            self.close(unit, at)?;
        }
        Some(())
    }

    fn whole(&mut self, unit: &mut Growing, nal: &[u8]) -> Option<()> {
        let at = unit.data.len();
        unit.data.extend_from_slice(&[0; 4]);
        unit.data.extend_from_slice(nal);
        self.close(unit, at)
    }

    /// A NAL unit lies whole at `at`: keeps, moves or drops it by its type.
    fn close(&mut self, unit: &mut Growing, at: usize) -> Option<()> {
        let nal = unit.data.get(at + 4..)?;
        let header = *nal.first()?;
        match header & 0x1f {
            kind @ SLICE..=IDR => {
                // ITU-T H.264 7.3.3: a slice header begins with first_mb_in_slice, and ue(v) 0 is one set
                // bit. The first slice of a picture that does not start at 0 has lost its beginning.
                if !unit.has_slice && nal.get(1)? & 0x80 == 0 {
                    return None;
                }
                unit.has_slice = true;
                unit.key |= kind == IDR;
                let length = u32::try_from(nal.len()).ok()?;
                unit.data.get_mut(at..at + 4)?.copy_from_slice(&length.to_be_bytes());
            }
            SEI => {
                let length = u32::try_from(nal.len()).ok()?;
                unit.data.get_mut(at..at + 4)?.copy_from_slice(&length.to_be_bytes());
            }
            SPS => {
                keep(&mut self.sps, nal, &mut unit.fresh_sps);
                unit.data.truncate(at);
            }
            PPS => {
                keep(&mut self.pps, nal, &mut unit.fresh_pps);
                unit.data.truncate(at);
            }
            // Delimiters, fillers and ends of sequence say nothing that the file does not.
            _ => unit.data.truncate(at),
        }
        Some(())
    }
}

impl Growing {
    fn new(data: Vec<u8>, time: i64, arrival_us: i64) -> Self {
        Growing {
            data,
            time,
            arrival_us,
            open: None,
            has_slice: false,
            key: false,
            broken: false,
            fresh_sps: false,
            fresh_pps: false,
        }
    }
}

/// The first set of its kind in an access unit replaces those of older units, further ones join it.
fn keep(sets: &mut Vec<Vec<u8>>, nal: &[u8], fresh: &mut bool) {
    if sets.iter().any(|set| set == nal) && (*fresh || sets.len() == 1) {
        *fresh = true;
        return;
    }
    if !*fresh {
        sets.clear();
        *fresh = true;
    }
    if sets.len() < MOST_SETS && !sets.iter().any(|set| set == nal) {
        sets.push(nal.to_vec());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parameters(unit: &Unit) -> (usize, usize) {
        match unit.parameters.as_ref().unwrap() {
            Parameters::H264 { sps, pps } => (sps.len(), pps.len()),
            _ => unreachable!("an H.264 unit has H.264 parameters"),
        }
    }

    #[test]
    fn stap_a_and_fu_a_make_one_access_unit() {
        let mut h264 = H264::default();
        // STAP-A with SPS and PPS.
        h264.push(&[0x78, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 9], false, 10, 0);
        // IDR in three pieces.
        h264.push(&[0x7c, 0x85, 0x80, 1], false, 10, 1);
        h264.push(&[0x7c, 0x05, 2], false, 10, 2);
        h264.push(&[0x7c, 0x45, 3], true, 10, 3);
        let unit = h264.pop().unwrap();
        assert_eq!(unit.data, [0, 0, 0, 5, 0x65, 0x80, 1, 2, 3]);
        assert!(unit.key);
        assert_eq!(parameters(&unit), (1, 1));
        // The next picture, without a marker, ends when time goes on.
        h264.push(&[0x61, 0x80], false, 20, 4);
        assert_eq!(h264.pop(), None);
        h264.push(&[0x61, 0x80], true, 30, 5);
        assert_eq!(h264.pop().unwrap().data, [0, 0, 0, 2, 0x61, 0x80]);
        assert_eq!(h264.pop().unwrap().time, 30);
        assert_eq!(h264.take_broken(), 0);
    }

    #[test]
    fn a_picture_without_its_beginning_or_end_is_dropped() {
        let mut h264 = H264::default();
        h264.push(&[0x7c, 0x05, 2], false, 10, 0);
        h264.push(&[0x7c, 0x45, 3], true, 10, 0);
        assert_eq!(h264.take_broken(), 1);
        h264.push(&[0x7c, 0x85, 0x80, 1], true, 20, 0);
        assert_eq!(h264.take_broken(), 1);
        h264.push(&[0x65, 0x40], true, 30, 0);
        assert_eq!(h264.take_broken(), 1, "first_mb_in_slice is not 0");
        h264.push(&[0x65, 0x80], false, 40, 0);
        h264.lose();
        assert_eq!(h264.take_broken(), 1);
        assert_eq!(h264.pop(), None);
    }

    #[test]
    fn the_payload_that_kills_others_is_dropped() {
        let mut h264 = H264::default();
        for payload in [&[0x78u8, 0, 0, 0][..], &[0x78], &[0x7c], &[0x7c, 0x80], &[0x78, 0xff, 0xff, 1], &[0x7c, 0x45]]
        {
            h264.push(payload, true, 1, 0);
        }
        assert_eq!(h264.pop(), None);
    }

    #[test]
    fn changed_parameter_sets_replace_the_old() {
        let mut h264 = H264::default();
        for (time, sps) in [(1, 1u8), (2, 1), (3, 2)] {
            h264.push(&[0x67, sps], false, time, 0);
            h264.push(&[0x68, 0], false, time, 0);
            h264.push(&[0x65, 0x80], true, time, 0);
        }
        let seen: Vec<_> = std::iter::from_fn(|| h264.pop()).map(|unit| unit.parameters).collect();
        assert_eq!(seen[0], seen[1]);
        assert_ne!(seen[1], seen[2]);
        assert_eq!(seen[2], Some(Parameters::H264 { sps: vec![vec![0x67, 2]], pps: vec![vec![0x68, 0]] }));
    }

    fn nal_like() -> impl Strategy<Value = Vec<u8>> {
        let header = prop_oneof![any::<u8>(), Just(0x78), Just(0x7c), Just(0x65), Just(0x67), Just(0x68)];
        (header, proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(header, mut rest)| {
            rest.insert(0, header);
            rest
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn hostile_payloads_give_whole_units_or_none(packets in proptest::collection::vec((nal_like(), any::<bool>(), 0i64..4), 0..30)) {
            let mut h264 = H264::default();
            for (payload, marker, time) in packets {
                h264.push(&payload, marker, time, 0);
                while let Some(unit) = h264.pop() {
                    // Every unit is a chain of length-prefixed NAL units.
                    let mut rest = &unit.data[..];
                    while !rest.is_empty() {
                        let length = u32::from_be_bytes(*rest.first_chunk().unwrap()) as usize;
                        prop_assert!(length > 0);
                        rest = &rest[4 + length..];
                    }
                    if let Some(parameters) = &unit.parameters {
                        let _ = crate::cmaf::init_segment(parameters);
                    }
                }
            }
        }
    }
}
