//! The Tongke server: its media plane and what wires it to signaling and the recorder.
//!
//! Reading order: [`media`] (the sans-IO core).

pub mod media;
