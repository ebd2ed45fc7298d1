//! Redundant audio (RFC 2198): a packet carries the sound before it a second time, so that a lost packet costs nothing
//! and no round trip.
//!
//! Pure: where the blocks of a payload lie, and the headers of one that is written.

use std::ops::Range;

use arrayvec::ArrayVec;

/// Blocks behind the newest that are read or written; browsers send one or two.
pub const MAX_DEPTH: usize = 2;
/// A block's time is told as an offset of 14 bits.
const MAX_OFFSET: u32 = (1 << 14) - 1;
/// A block's length has 10 bits.
const MAX_LENGTH: usize = (1 << 10) - 1;
/// Header of a block that is not the last, bytes.
const BLOCK_HEADER: usize = 4;
/// Block headers looked at; more is no sound.
const MAX_BLOCKS: usize = 32;
/// F bit: another header follows.
const FOLLOWED: u8 = 0x80;

/// An older block of a payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// How many packets before the one that carries it: 1 is the last before.
    pub back: u8,
    /// RTP time before that of the packet that carries it.
    pub offset: u32,
    /// Where it lies in the payload.
    pub range: Range<usize>,
}

/// What a payload holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blocks {
    /// The sound of the packet itself.
    pub primary: Range<usize>,
    /// What came before it, the newest [`MAX_DEPTH`], oldest first.
    pub older: ArrayVec<Block, MAX_DEPTH>,
}

/// Finds the blocks of `payload`; `None` when its headers lie about it, or when a block is not of `payload_type`.
pub fn parse(payload: &[u8], payload_type: u8) -> Option<Blocks> {
    let mut older: ArrayVec<(u32, usize), MAX_BLOCKS> = ArrayVec::new();
    let mut at = 0;
    loop {
        let first = *payload.get(at)?;
        if first & !FOLLOWED != payload_type {
            return None;
        }
        if first & FOLLOWED == 0 {
            at += 1;
            break;
        }
        let [_, a, b, c] = *payload.get(at..)?.first_chunk::<BLOCK_HEADER>()?;
        let word = u32::from_be_bytes([0, a, b, c]);
        older.try_push((word >> 10, (word & MAX_LENGTH as u32) as usize)).ok()?;
        at += BLOCK_HEADER;
    }
    let count = older.len();
    let mut blocks = Blocks { primary: 0..0, older: ArrayVec::new() };
    for (index, (offset, length)) in older.into_iter().enumerate() {
        let range = at..at.checked_add(length)?;
        payload.get(range.clone())?;
        at = range.end;
        let back = count - index;
        // An empty block is how a sender says that it has nothing that old.
        if back <= MAX_DEPTH && !range.is_empty() && offset > 0 {
            blocks.older.push(Block { back: back as u8, offset, range });
        }
    }
    blocks.primary = at..payload.len();
    (!blocks.primary.is_empty()).then_some(blocks)
}

/// Writes a payload: `older` sounds (RTP time, bytes), oldest first, then the sound of `timestamp`. An older one that the
/// format cannot carry ends the redundancy behind it, because a receiver counts packets by the blocks.
pub fn write<'s>(
    out: &mut Vec<u8>,
    payload_type: u8,
    timestamp: u32,
    sound: &[u8],
    older: impl DoubleEndedIterator<Item = (u32, &'s [u8])> + Clone,
) {
    let fits = |(time, bytes): &(u32, &[u8])| {
        (1..=MAX_OFFSET).contains(&timestamp.wrapping_sub(*time)) && (1..=MAX_LENGTH).contains(&bytes.len())
    };
    let kept = older.clone().rev().take_while(fits).count();
    let skipped = older.clone().count() - kept;
    for (time, bytes) in older.clone().skip(skipped) {
        let word = timestamp.wrapping_sub(time) << 10 | bytes.len() as u32;
        let [_, a, b, c] = word.to_be_bytes();
        out.extend_from_slice(&[FOLLOWED | payload_type, a, b, c]);
    }
    out.push(payload_type);
    for (_, bytes) in older.skip(skipped) {
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(sound);
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPUS: u8 = 111;

    #[test]
    fn what_is_written_is_read() {
        let mut payload = Vec::new();
        let older: [(u32, &[u8]); 2] = [(1_000, &[1; 80]), (1_960, &[2; 90])];
        write(&mut payload, OPUS, 2_920, &[3; 100], older.into_iter());
        let blocks = parse(&payload, OPUS).expect("parses");
        assert_eq!(payload.get(blocks.primary), Some(&[3; 100][..]));
        let read: Vec<_> = blocks.older.iter().map(|b| (b.back, b.offset, payload[b.range.clone()].to_vec())).collect();
        assert_eq!(read, [(2, 1_920, vec![1; 80]), (1, 960, vec![2; 90])]);
    }

    #[test]
    fn what_the_format_cannot_carry_is_left_out() {
        for older in [(0u32, 50usize), (9_000, 1_024), (10_000, 50), (9_000, 0)] {
            let (time, length) = older;
            let bytes = vec![1; length];
            let mut payload = Vec::new();
            let before: [(u32, &[u8]); 2] = [(8_000, &[9; 10]), (time, &bytes)];
            write(&mut payload, OPUS, if time == 0 { 20_000 } else { 10_000 }, &[3], before.into_iter());
            assert_eq!(payload, [OPUS, 3], "{older:?}");
        }
    }

    #[test]
    fn lies_about_lengths_are_refused() {
        // One block of 1,023 bytes that is not there; no last header; another codec inside; nothing after the headers.
        for lie in [&[0xef, 0, 7, 0xff, 111, 1][..], &[0xef, 0, 4, 1], &[96, 1], &[0xef, 0, 4, 1, 111, 5], &[111], &[]]
        {
            assert_eq!(parse(lie, OPUS), None, "{lie:?}");
        }
        let many: Vec<u8> = [0xef, 0, 4, 0].repeat(40).into_iter().chain([111, 1]).collect();
        assert_eq!(parse(&many, OPUS), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic_and_ranges_lie_inside(payload in proptest::collection::vec(proptest::num::u8::ANY, 0..80), kind in 0u8..128) {
            if let Some(blocks) = parse(&payload, kind) {
                proptest::prop_assert!(payload.get(blocks.primary).is_some());
                for block in blocks.older {
                    proptest::prop_assert!(payload.get(block.range).is_some());
                }
            }
        }
    }
}
