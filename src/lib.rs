//! The server and its media plane.
