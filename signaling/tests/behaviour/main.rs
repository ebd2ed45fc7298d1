//! Signaling behind its own HTTP face, on the emulated clock, above a fake media plane.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "one test binary; its modules share freely, and helpers are tests too"
)]

mod calendar;
mod clocks;
mod displays;
mod district;
mod doors;
mod events;
mod group;
mod import;
mod joins;
mod ledger;
mod library;
mod market;
mod parts;
mod plane;
mod scheduler;
mod security;
mod slots;
mod stage;
mod timetable;
