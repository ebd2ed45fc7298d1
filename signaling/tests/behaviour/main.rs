//! Signaling behind its own HTTP face, on the emulated clock, above a fake media plane.

#![allow(unreachable_pub, reason = "one test binary; its modules share freely")]

mod displays;
mod district;
mod doors;
mod events;
mod joins;
mod library;
mod plane;
mod scheduler;
mod security;
mod stage;
mod timetable;
