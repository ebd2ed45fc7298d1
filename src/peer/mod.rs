//! Tongke as a WebRTC client, made of the same sans-IO crates as the server: the load tool's publishers and viewers, and
//! the far side in tests on the emulated clock.
//!
//! Reading order: [`client`] (one connection), [`offer`] (what it offers), [`handshake`] (its DTLS).

pub mod client;
pub mod handshake;
pub mod offer;

pub use client::{Client, ClientEvent, Received};
pub use offer::{OfferLine, Telling, write_offer};
