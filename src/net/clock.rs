//! The only place of the media plane that reads clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::media::timeline::Wall;

/// The monotonic clock.
#[expect(clippy::disallowed_methods, reason = "the drivers' one reading of the monotonic clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Time since 1970 by the wall clock; zero if it is set before that.
#[expect(clippy::disallowed_methods, reason = "the drivers' one reading of the wall clock")]
pub fn since_unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Both clocks at one instant.
pub fn wall() -> Wall {
    Wall::new(now(), since_unix())
}
