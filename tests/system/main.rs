//! System tests of Tongke, one binary.
//!
//! * [`house`]: the invariants of the architecture, read from the sources.
//! * [`corpora`]: what the fuzzers found, replayed.
//! * [`bad_input`]: what strangers send to the running product.
//! * [`muted`] and [`whep`]: the running product against the crate `webrtc` and aiortc, through
//!   [`demo`] and [`client`].
//! * [`start`]: how it starts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

mod bad_input;
mod client;
mod corpora;
mod demo;
mod house;
mod muted;
mod start;
mod whep;
