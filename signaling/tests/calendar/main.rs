//! The calendar from outside: plan files in, lessons, clashes and faults out.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "one test binary; its modules share freely, and helpers are tests too"
)]

mod bad_input;
mod changing;
mod clashing;
mod matching;
mod notice;
mod plans;
mod properties;
mod requests;
