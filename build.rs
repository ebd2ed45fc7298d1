//! Builds the web pages into the binary.

fn main() {}
