//! Signaling decides: people, timetable, lessons, stage, library, HTTP and SQL.
//!
//! Knows nothing of RTP, UDP or MP4, and never parses SDP.
//!
//! Reading order: [`command`] (the values exchanged with the media plane).

pub mod command;
