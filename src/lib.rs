//! The Tongke server: its media plane and what wires it to signaling and the recorder.
//!
//! Reading order: [`config`] (settings), [`media`] (the sans-IO core), [`net`] (its drivers), [`peer`] (Tongke as a
//! client), [`load`] (measuring a server), [`assets`] (the
//! pages).

pub mod assets;
pub mod config;
pub mod load;
pub mod media;
pub mod net;
pub mod peer;
