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

/// The longest that a datagram can have waited in a socket; beyond, the wall clock was set in the meantime.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Times on the monotonic clock for the kernel's, which stamps what it receives by the wall clock.
#[derive(Debug)]
pub struct Stamps {
    now: Instant,
    wall: Duration,
    /// Nothing came before what came before it, though the wall clock may have been set back.
    newest: Instant,
}

impl Stamps {
    /// For datagrams that were read just `now`; `newest` is when the newest of those before came.
    pub fn read(now: Instant, newest: Instant) -> Self {
        Self { now, wall: since_unix(), newest }
    }

    /// When they were read.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// When the next one came, of which the kernel says that it was at `stamp`, in time since 1970.
    pub fn came(&mut self, stamp: Option<Duration>) -> Instant {
        let waited = stamp.and_then(|stamp| self.wall.checked_sub(stamp)).filter(|waited| *waited < LONGEST_WAIT);
        let came = self.now.checked_sub(waited.unwrap_or_default()).unwrap_or(self.now);
        self.newest = came.max(self.newest);
        self.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waited_came_before_it_was_read_whatever_becomes_of_the_wall_clock() {
        let start = now();
        let ms = Duration::from_millis;
        let (read, wall) = (start + ms(500), Duration::from_secs(1_800_000_000));
        let mut stamps = Stamps { now: read, wall, newest: start };
        assert_eq!(stamps.came(Some(wall - ms(300))), read - ms(300));
        assert_eq!(stamps.came(Some(wall - ms(100))), read - ms(100));
        assert_eq!(stamps.came(Some(wall - ms(200))), read - ms(100), "in the order in which they are read");
        for wrong in [None, Some(wall + ms(1)), Some(wall - Duration::from_secs(3_600))] {
            assert_eq!(Stamps { now: read, wall, newest: start }.came(wrong), read, "{wrong:?}");
        }
    }
}
