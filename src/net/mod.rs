//! Drivers of the media core: sockets, threads, the clock. No rule about who gets what lives here.
//!
//! Reading order: [`worker`] (one thread, one core, one [`crate::media::Sfu`]), [`gather`] (when to send),
//! [`patience`] (how long pictures wait in a worker that is nearly full), [`split`], [`udp`], [`batch`], [`tcp`], [`http`], [`tls`], [`metrics`], [`lines`], [`drops`], [`clock`].

pub mod batch;
pub mod busy;
pub mod clock;
pub mod drops;
pub mod gather;
pub mod http;
pub mod lines;
pub mod metrics;
pub mod patience;
pub mod split;
pub mod tcp;
pub mod tls;
pub mod udp;
pub mod worker;
