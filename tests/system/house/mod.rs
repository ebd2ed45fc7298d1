//! The house's invariants, read from the sources: who may know what, how long files and functions
//! are, and that the documents name what exists.

mod documents;
mod purity;
mod sizes;
mod sources;
mod words;
