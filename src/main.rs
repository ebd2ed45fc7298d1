//! The `tongke` binary.
fn main() {}
