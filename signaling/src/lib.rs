//! Signaling decides: people, timetable, lessons, stage, library, HTTP and SQL.
//!
//! Knows nothing of RTP, UDP or MP4, and never parses SDP.
//!
//! Reading order: [`command`] (the values exchanged with the media plane).

pub mod command;
pub mod auth;
pub mod clock;
pub mod config;
pub mod error;
pub mod hub;
pub mod lesson;
pub mod messages;
pub mod model;
pub mod scheduler;
pub mod schema;
pub mod secret;
pub mod stage;
pub mod store;
