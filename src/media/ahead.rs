//! Memory asked for before it is needed. Between two bursts the kernel and whoever else has the machine push the state of all
//! receivers out of the caches; forwarding to one of them begins with a dozen reads that each wait for memory, most of them for
//! an address that the one before gave. While one receiver is served, the next ones' state is on its way.

use std::ops::Range;

use prefetch_index::prefetch_index;

/// A line of the caches, bytes.
const LINE: usize = 64;

/// A place in a value from which on its memory can be asked for by the line; takes none itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark([u8; 0]);

impl Mark {
    /// Asks for these bytes from here on.
    pub fn bytes(&self, bytes: Range<usize>) {
        each_line(bytes, |at| prefetch_index(self.here(), at));
    }

    /// Where it stands. By reference: a copy of nothing stands on the stack.
    fn here(&self) -> &[u8] {
        &self.0
    }
}

/// Gives a byte of each line of these bytes, wherever lines begin.
fn each_line(bytes: Range<usize>, mut ask: impl FnMut(usize)) {
    let mut at = bytes.start;
    while at < bytes.end {
        ask(at);
        at = at.saturating_add(LINE);
    }
    ask(bytes.end.saturating_sub(1));
}

/// Asks for the line in which a value begins.
pub fn line_of<T>(value: &T) {
    prefetch_index(std::slice::from_ref(value), 0);
}

/// Asks for these bytes of a buffer, which may be behind what is in it.
pub fn bytes_of(buffer: &[u8], bytes: Range<usize>) {
    each_line(bytes, |at| prefetch_index(buffer, at));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_that_holds_one_of_the_bytes_is_asked_for() {
        for (begins, bytes) in [(0, 0..1), (0, 0..64), (0, 3..65), (40, 0..48), (63, 10..140), (17, 200..201)] {
            let mut asked = Vec::new();
            each_line(bytes.clone(), |at| asked.push((begins + at) / LINE));
            asked.dedup();
            let held: Vec<usize> = ((begins + bytes.start) / LINE..=(begins + bytes.end - 1) / LINE).collect();
            assert_eq!(asked, held, "{begins} {bytes:?}");
        }
    }

    #[test]
    fn a_mark_asks_from_where_it_stands_in_its_value() {
        #[repr(C)]
        struct Value {
            before: u64,
            mark: Mark,
            after: u64,
        }
        let value = Box::new(Value { before: 1, mark: Mark::default(), after: 2 });
        assert_eq!(value.mark.here().as_ptr().addr(), (&raw const value.after).addr());
        assert_eq!((&raw const value.after).addr() - (&raw const value.before).addr(), 8);
    }

    #[test]
    fn asking_changes_nothing_and_reaches_beyond_what_is_there() {
        let value = (Mark::default(), 7u64);
        value.0.bytes(0..10_000);
        line_of(&value.1);
        bytes_of(&[], 0..10_000);
        bytes_of(&[1, 2, 3], usize::MAX - 100..usize::MAX);
        assert_eq!(value.1, 7);
        assert_eq!(size_of::<Mark>(), 0);
    }
}
