//! VP9 out of RTP (RFC 9628): payload descriptor, layer frames, superframes.
//!
//! All fields of the descriptor are read, flexible mode and scalability structure included; what it says is
//! only used to find where frames begin and end. Whether a frame is a key frame is read from the frame.

use shiguredo_mp4::bitstream::vp9::{Vp9FrameSize, Vp9FrameType, parse_frame_header};

use crate::cmaf::{Parameters, Vp9Parameters};
use crate::unit::{LARGEST_UNIT, Ready, Unit};

/// VP9 bitstream specification, annex B: a superframe holds at most eight frames.
const MOST_FRAMES: usize = 8;

/// What the payload descriptor (RFC 9628 section 4.2) says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9Descriptor {
    /// B: a layer frame begins here.
    pub begins: bool,
    /// E: a layer frame ends here.
    pub ends: bool,
    /// P: predicted from an earlier picture.
    pub predicted: bool,
    /// SID: spatial layer, 0 without layer indices.
    pub spatial: u8,
    /// Length of the descriptor; the frame's bytes follow.
    pub length: usize,
}

/// Reads the descriptor; `None` where it lies about its length.
pub fn vp9_descriptor(payload: &[u8]) -> Option<Vp9Descriptor> {
    let mut at = Cursor { bytes: payload, at: 0 };
    let flags = at.octet()?;
    // I P L F B E V Z, most significant first.
    let set = |bit: u8| flags & (0x80 >> bit) != 0;
    if set(0) && at.octet()? & 0x80 != 0 {
        at.octet()?; // M: the picture id has 15 bits.
    }
    let mut spatial = 0;
    if set(2) {
        spatial = at.octet()? >> 1 & 0x07;
        if !set(3) {
            at.octet()?; // TL0PICIDX, in non-flexible mode only.
        }
    }
    if set(3) && set(1) {
        // Up to three reference indices, N says that another follows.
        let mut more = true;
        for _ in 0..3 {
            if more {
                more = at.octet()? & 1 != 0;
            }
        }
        if more {
            return None;
        }
    }
    if set(6) {
        scalability_structure(&mut at)?;
    }
    Some(Vp9Descriptor { begins: set(4), ends: set(5), predicted: set(1), spatial, length: at.at })
}

/// RFC 9628 section 4.2.1: resolutions of the layers, then the picture group.
fn scalability_structure(at: &mut Cursor<'_>) -> Option<()> {
    let head = at.octet()?;
    if head & 0x10 != 0 {
        at.skip((usize::from(head >> 5) + 1) * 4)?;
    }
    if head & 0x08 != 0 {
        for _ in 0..at.octet()? {
            let references = at.octet()? >> 2 & 0x03;
            at.skip(usize::from(references))?;
        }
    }
    Some(())
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn octet(&mut self) -> Option<u8> {
        let octet = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(octet)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.at += count;
        (self.at <= self.bytes.len()).then_some(())
    }
}

/// The depacketiser of one VP9 stream. Feed it packets in order, say where some are lost.
#[derive(Debug, Default)]
pub struct Vp9 {
    unit: Option<Growing>,
    ready: Ready,
}

#[derive(Debug)]
struct Growing {
    data: Vec<u8>,
    time: i64,
    arrival_us: i64,
    /// A layer frame has begun and not ended; where it began.
    open: Option<usize>,
    /// Sizes of the layer frames that are whole.
    frames: Vec<usize>,
    predicted: bool,
    broken: bool,
}

impl Vp9 {
    /// Takes in one payload. `time` is the unwrapped RTP time.
    pub fn push(&mut self, payload: &[u8], marker: bool, time: i64, arrival_us: i64) {
        if payload.is_empty() {
            return;
        }
        if self.unit.as_ref().is_some_and(|unit| unit.time != time) {
            self.finish();
        }
        let mut unit = self.unit.take().unwrap_or_else(|| Growing {
            data: self.ready.buffer(),
            time,
            arrival_us,
            open: None,
            frames: Vec::new(),
            predicted: false,
            broken: false,
        });
        if unit.read(payload).is_none() || unit.data.len() > LARGEST_UNIT {
            unit.broken = true;
            unit.data.clear();
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
        let Some(mut unit) = self.unit.take() else {
            return;
        };
        let whole = !unit.broken && unit.open.is_none() && !unit.frames.is_empty();
        if !whole || unit.index().is_none() {
            self.ready.count_broken();
            self.ready.recycle(unit.data);
            return;
        }
        let parameters = if unit.predicted { None } else { key_parameters(&unit.data) };
        let Growing { data, time, arrival_us, .. } = unit;
        self.ready.push(Unit { data, key: parameters.is_some(), time, arrival_us, parameters });
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
}

impl Growing {
    fn read(&mut self, payload: &[u8]) -> Option<()> {
        if self.broken {
            return None;
        }
        let descriptor = vp9_descriptor(payload)?;
        let bytes = payload.get(descriptor.length..).filter(|bytes| !bytes.is_empty())?;
        if descriptor.begins {
            // A frame inside a frame: the end of the first one is missing.
            self.open.is_none().then_some(())?;
            if self.frames.is_empty() {
                self.predicted = descriptor.predicted;
            }
            self.open = Some(self.data.len());
        }
        let start = self.open?;
        self.data.extend_from_slice(bytes);
        if descriptor.ends {
            self.frames.push(self.data.len() - start);
            self.open = None;
        }
        (self.frames.len() <= MOST_FRAMES).then_some(())
    }

    /// Several layer frames in one sample need a superframe index (VP9 bitstream specification, annex B):
    /// marker, sizes in little endian, marker again.
    fn index(&mut self) -> Option<()> {
        if self.frames.len() < 2 {
            return Some(());
        }
        let count = u8::try_from(self.frames.len() - 1).ok().filter(|&count| count < 8)?;
        let marker = 0b1100_0000 | 0b11 << 3 | count;
        self.data.push(marker);
        for &size in &self.frames {
            self.data.extend_from_slice(&u32::try_from(size).ok()?.to_le_bytes());
        }
        self.data.push(marker);
        Some(())
    }
}

/// The parameters, if the unit begins with a key frame.
fn key_parameters(data: &[u8]) -> Option<Parameters> {
    let header = parse_frame_header(data).ok()?;
    if header.frame_type != Vp9FrameType::Key {
        return None;
    }
    let Vp9FrameSize::Resolved { width, height } = header.frame_size else {
        return None;
    };
    Some(Parameters::Vp9(Vp9Parameters {
        profile: header.profile,
        bit_depth: header.bit_depth,
        color_space: header.color_space,
        color_range: header.color_range,
        subsampling_x: header.subsampling_x,
        subsampling_y: header.subsampling_y,
        width: u16::try_from(width).ok()?,
        height: u16::try_from(height).ok()?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An uncompressed header of a 320x240 key frame, profile 0, 8 bits, BT.601.
    const KEY: [u8; 10] = [0x82, 0x49, 0x83, 0x42, 0x20, 0x13, 0xf0, 0x0e, 0xf0, 0x00];

    #[test]
    fn every_field_of_the_descriptor_is_read() {
        let length = |bytes: &[u8]| vp9_descriptor(bytes).map(|d| d.length);
        assert_eq!(length(&[0x00]), Some(1));
        assert_eq!(length(&[0x80, 0x7f]), Some(2), "7 bit picture id");
        assert_eq!(length(&[0x80, 0x80, 1]), Some(3), "15 bit picture id");
        assert_eq!(length(&[0x20, 0x02, 9]), Some(3), "layers and TL0PICIDX");
        assert_eq!(vp9_descriptor(&[0x30, 0x02]).unwrap().spatial, 1, "flexible: no TL0PICIDX");
        assert_eq!(length(&[0x50, 0x03, 0x05, 0x06]), Some(4), "three references");
        assert_eq!(length(&[0x50, 0x03, 0x05, 0x07]), None, "a fourth is forbidden");
        // Two layers with resolutions, a group of two pictures with one and no references.
        let structure = [0x02, 0x38, 1, 64, 0, 240, 2, 128, 1, 224, 2, 0x04, 1, 0x00];
        assert_eq!(length(&structure), Some(structure.len()));
        assert_eq!(length(&structure[..13]), None);
    }

    #[test]
    fn a_key_frame_in_two_packets_names_its_parameters() {
        let mut vp9 = Vp9::default();
        vp9.push(&[&[0x88, 1][..], &KEY[..4]].concat(), false, 7, 0);
        vp9.push(&[&[0x84, 1][..], &KEY[4..]].concat(), true, 7, 1);
        let unit = vp9.pop().unwrap();
        assert_eq!(unit.data, KEY);
        let Some(Parameters::Vp9(parameters)) = unit.parameters else { panic!("a key frame") };
        assert_eq!((parameters.width, parameters.height, parameters.bit_depth), (320, 240, 8));
    }

    #[test]
    fn layer_frames_become_a_superframe() {
        let mut vp9 = Vp9::default();
        vp9.push(&[&[0x2c, 0x00, 0][..], &KEY].concat(), false, 7, 0);
        vp9.push(&[0x2c, 0x02, 0, 1, 2, 3], true, 7, 1);
        let data = vp9.pop().unwrap().data;
        assert_eq!(&data[KEY.len() + 3..], [0xd9, 10, 0, 0, 0, 3, 0, 0, 0, 0xd9]);
    }

    #[test]
    fn a_frame_without_begin_or_end_is_dropped() {
        let mut vp9 = Vp9::default();
        vp9.push(&[0x04, 1], true, 1, 0);
        vp9.push(&[0x08, 1], true, 2, 0);
        vp9.push(&[0x0c, 1], false, 3, 0);
        vp9.lose();
        assert_eq!(vp9.pop(), None);
        assert_eq!(vp9.take_broken(), 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn hostile_payloads_never_panic(packets in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..40), any::<bool>(), 0i64..4), 0..30)) {
            let mut vp9 = Vp9::default();
            for (payload, marker, time) in packets {
                vp9.push(&payload, marker, time, 0);
                while let Some(unit) = vp9.pop() {
                    prop_assert!(!unit.data.is_empty());
                    if let Some(parameters) = &unit.parameters {
                        let _ = crate::cmaf::init_segment(parameters);
                    }
                }
            }
        }
    }
}
