//! System tests of Tongke, one binary.
//!
//! * [`house`]: the invariants of the architecture, read from the sources.
//! * [`corpora`]: what the fuzzers found, replayed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

mod corpora;
mod house;
