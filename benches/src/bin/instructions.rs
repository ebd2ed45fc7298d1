//! One second of one publisher to some viewers, under callgrind: `benches/instructions.mjs` runs and reads it.

use tongke::media::srtp::Profile;
use tongke_benches::{BATCH, Stage};

/// What callgrind counts.
#[inline(never)]
fn measured(stage: &mut Stage, batch: &mut [Vec<u8>]) -> usize {
    stage.forward(batch)
}

fn main() {
    // `cargo bench` adds arguments of its own.
    let viewers: u16 = std::env::args().find_map(|a| a.parse().ok()).unwrap_or(10);
    let mut stage = Stage::new(viewers, Profile::AeadAes128Gcm, false);
    stage.second();
    let mut batch = stage.batch();
    let sent = measured(&mut stage, &mut batch);
    stage.clear();
    assert_eq!(sent, BATCH * usize::from(viewers), "all forwarded");
}
