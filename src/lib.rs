//! The Tongke server: its media plane and what wires it to signaling and the recorder.
//!
//! Reading order: [`config`] (settings), [`media`] (the sans-IO core), [`net`] (its drivers), [`peer`] (Tongke as a
//! client), [`load`] (measuring a server), [`assets`] (the
//! pages), [`house`] (wires all), [`cli`].

pub mod assets;
pub mod cli;
pub mod config;
pub mod house;
pub mod load;
pub mod media;
pub mod net;
pub mod peer;
