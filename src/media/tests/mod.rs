//! The whole core against real DTLS-SRTP clients, on the emulated clock and an emulated network.

mod behaviour;
mod busy;
mod decoding;
mod held;
mod late;
mod lines;
mod music;
mod numbers;
mod rebinding;
mod remembered;
mod reports;
mod uplink;
mod whole;
mod world;
