//! Drivers of the media core: sockets, threads, the clock. No rule about who gets what lives here.
//!
//! Reading order: [`worker`] (one thread, one core, one [`crate::media::Sfu`]), [`udp`], [`tcp`], [`http`], [`tls`],
//! [`clock`].

pub mod clock;
pub mod http;
pub mod tcp;
pub mod tls;
pub mod udp;
pub mod worker;
