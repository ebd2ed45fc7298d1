//! The walker: reads a part's boxes, believes only what is whole, rebuilds the fragment index.
//!
//! It reads headers and `moof`s and jumps over the media, so a part of any size is walked in a few reads per
//! fragment. Its input may be cut anywhere or be garbage.

use std::io::{self, Read, Seek, SeekFrom};

use shiguredo_mp4::Decode;
use shiguredo_mp4::boxes::{MoofBox, TrafBox};

use crate::cmaf::{LARGEST_HEADER, PartHeader, is_intact, levels_of, read_header};
use crate::index::FragmentIndex;
use crate::level::Levels;

/// A second of 1000 samples takes 12 KiB of `moof`; more than this is not ours.
const LARGEST_MOOF: u64 = 1 << 20;
/// The writer's bound of a fragment is 8 MiB and one access unit of 4 MiB.
const LARGEST_MDAT: u64 = 32 << 20;
/// Fragments of a part at most: [`crate::track`] closes a part long before.
pub(crate) const MOST_FRAGMENTS: usize = 4096;

/// What a part holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Walked {
    /// The part's own description; without it the part is not ours.
    pub header: Option<PartHeader>,
    /// Its whole fragments.
    pub fragments: Vec<FragmentIndex>,
    /// The loudness its fragments carry.
    pub(crate) levels: Levels,
    /// Where the last whole fragment ends: what lies behind is to be cut off.
    pub whole: u64,
}

/// Walks bytes in memory.
pub fn walk(bytes: &[u8]) -> Walked {
    // Reading from memory does not fail; where it would, nothing is whole.
    walk_file(&mut io::Cursor::new(bytes), bytes.len() as u64, Trust::Nothing).unwrap_or_default()
}

/// How far the walker trusts a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It was closed: its boxes are enough.
    Boxes,
    /// It was left by a crash: each fragment's media must match its checksum.
    Nothing,
}

/// Walks a file of `length` bytes.
pub(crate) fn walk_file(file: &mut (impl Read + Seek), length: u64, trust: Trust) -> io::Result<Walked> {
    let mut walked = Walked::default();
    let mut scratch = Vec::new();
    let mut at = 0;
    if let Some((b"free", size)) = box_at(file, 0, length)?.as_ref().map(|(kind, size)| (kind, *size)) {
        if size <= LARGEST_HEADER as u64 {
            read_box(file, 0, size, &mut scratch)?;
            walked.header = scratch.get(8..).and_then(read_header);
        }
        at = size;
    }
    if walked.header.is_none() {
        return Ok(walked);
    }
    while walked.fragments.len() < MOST_FRAGMENTS {
        let Some((kind, moof)) = box_at(file, at, length)? else {
            break;
        };
        if &kind != b"moof" || moof > LARGEST_MOOF {
            break;
        }
        let Some((kind, mdat)) = box_at(file, at + moof, length)? else {
            break;
        };
        if &kind != b"mdat" || mdat > LARGEST_MDAT {
            break;
        }
        read_box(file, at, moof, &mut scratch)?;
        let Ok((boxed, _)) = MoofBox::decode(&scratch) else {
            break;
        };
        let Some(fragment) = fragment(&boxed, at, moof, mdat) else {
            break;
        };
        if trust == Trust::Nothing {
            read_box(file, at + moof, mdat, &mut scratch)?;
            if !scratch.get(8..).is_some_and(|data| is_intact(&boxed, data)) {
                break;
            }
        }
        walked.levels.read(levels_of(&boxed));
        walked.fragments.push(fragment);
        at += moof + mdat;
        walked.whole = at;
    }
    Ok(walked)
}

/// Kind and size of the box at `at`, if it lies wholly within `length`.
fn box_at(file: &mut (impl Read + Seek), at: u64, length: u64) -> io::Result<Option<([u8; 4], u64)>> {
    if at.checked_add(8).is_none_or(|end| end > length) {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    let mut head = [0; 8];
    file.read_exact(&mut head)?;
    let [a, b, c, d, kind @ ..] = head;
    // Sizes 0 and 1 (to the end, 64 bits) are never written here.
    let size = u64::from(u32::from_be_bytes([a, b, c, d]));
    let whole = size >= 8 && at.checked_add(size).is_some_and(|end| end <= length);
    Ok(whole.then_some((kind, size)))
}

fn read_box(file: &mut (impl Read + Seek), at: u64, size: u64, into: &mut Vec<u8>) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    into.clear();
    into.resize(usize::try_from(size).unwrap_or(0), 0);
    file.read_exact(into)
}

/// Index entry of a fragment whose `moof` is given, if it and its `mdat` agree on sizes.
fn fragment(boxed: &MoofBox, offset: u64, moof: u64, mdat: u64) -> Option<FragmentIndex> {
    let [TrafBox { tfdt_box: Some(tfdt), trun_boxes, .. }] = &boxed.traf_boxes[..] else {
        return None;
    };
    let [trun] = &trun_boxes[..] else { return None };
    let (mut duration, mut size) = (0u64, 0u64);
    for sample in &trun.samples {
        duration += u64::from(sample.duration?);
        size += u64::from(sample.size?);
    }
    let first = trun.samples.first()?.flags?;
    if size.checked_add(8)? != mdat || tfdt.base_media_decode_time > i64::MAX as u64 {
        return None;
    }
    Some(FragmentIndex {
        start: tfdt.base_media_decode_time,
        duration: u32::try_from(duration).ok()?,
        offset,
        bytes: u32::try_from(moof + mdat).ok()?,
        key: !first.sample_is_non_sync_sample(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmaf::{Sample, write_fragment, write_header};
    use proptest::prelude::*;

    fn part() -> (Vec<u8>, Vec<u64>) {
        let header =
            PartHeader { number: 0, epoch: 2, timescale: 90_000, codec: "avc1.42e01f".into(), width: 320, height: 240 };
        let mut bytes = Vec::new();
        write_header(&mut bytes, &header).unwrap();
        let mut ends = Vec::new();
        for n in 0..4u64 {
            let sample = |i: u64, key| Sample { at: n * 6000 + i * 3000, duration: 3000, size: 5, key };
            write_fragment(&mut bytes, n as u32, &[sample(0, n % 2 == 0), sample(1, false)], b"moof!mdat!", &[])
                .unwrap();
            ends.push(bytes.len() as u64);
        }
        (bytes, ends)
    }

    #[test]
    fn a_part_is_indexed_from_its_boxes() {
        let (bytes, ends) = part();
        let walked = walk(&bytes);
        assert_eq!(walked.header.unwrap().epoch, 2);
        assert_eq!(walked.whole, bytes.len() as u64);
        let keys: Vec<_> = walked.fragments.iter().map(|f| (f.start, f.duration, f.key)).collect();
        assert_eq!(keys, [(0, 6000, true), (6000, 6000, false), (12_000, 6000, true), (18_000, 6000, false)]);
        assert_eq!(walked.fragments[1].offset, ends[0]);
    }

    #[test]
    fn cut_at_every_byte_only_the_cut_fragment_is_lost() {
        let (bytes, ends) = part();
        for cut in 0..=bytes.len() {
            let walked = walk(&bytes[..cut]);
            let whole = ends.iter().filter(|&&end| end <= cut as u64).count();
            assert_eq!(walked.fragments.len(), whole, "cut at {cut}");
            assert_eq!(walked.whole, if whole == 0 { 0 } else { ends[whole - 1] });
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(walk(&bytes).fragments.len(), 0);
        }

        #[test]
        fn a_flipped_byte_never_panics(at in any::<proptest::sample::Index>(), value in any::<u8>()) {
            let (mut bytes, _) = part();
            let at = at.index(bytes.len());
            bytes[at] = value;
            let walked = walk(&bytes);
            prop_assert!(walked.whole <= bytes.len() as u64);
        }
    }
}
