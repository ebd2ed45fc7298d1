//! Replays the seeds and finds of the fuzzers, so that an ordinary test run repeats them.

use std::path::Path;

/// Calls `parse` with every file of `tests/fuzz/corpus/<target>`; at least `least` must be there.
#[expect(dead_code, reason = "the parsers are added as their crates land")]
fn replay(target: &str, least: usize, parse: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        parse(&std::fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen >= least, "{} has {seen} files, expected at least {least}", folder.display());
}
