//! The Tongke server: its media plane and what wires it to signaling and the recorder.
//!
//! Reading order: [`media`] (the sans-IO core), [`net`] (its drivers), [`peer`] (Tongke as a client).

pub mod media;
pub mod net;
pub mod peer;
