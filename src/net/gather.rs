//! When to send: at once while the worker has little to do, gathered for up to 2 ms while it has much.
//!
//! A browser paces its packets, so they come singly, and each wakes the worker, the kernel and the receivers by itself.
//! Gathering saves about a tenth of the CPU of a paced packet (10 lessons × 10 receivers on loopback) and costs up to
//! 2 ms, which a video frame does not notice. Sound, reports and handshakes that are to be sent never wait, and take along what
//! does.
//!
//! Where the kernel sorts what comes ([`super::split`]), reports of receivers wake no busy worker, which reads them every 10 ms; and
//! pictures that come many and singly ([`Waits`]) wait for up to 2 ms before they wake it, and are sent at once when they are read.
//!
//! In a worker that is nearly full ([`super::patience`]) all pictures come that way, and the core keeps them for longer.
//!
//! The recorder gets its packets many at a time: each hand-over wakes its thread, which costs more than writing a packet.

use std::time::{Duration, Instant};

/// The longest wait.
const WAIT: Duration = Duration::from_millis(2);
/// Datagrams a second from which on a worker gathers: about a twentieth of a core.
const BUSY: u64 = 10_000;
/// The rate is counted over this time.
const WINDOW: Duration = Duration::from_millis(100);
/// Pictures a second, too few of which come at once to be runs, from which on they wait in their socket: so that two or more
/// come each time.
const SINGLY: u64 = 1_000;
/// So many datagrams fill a system call; more would only delay them.
const ENOUGH: usize = 64;

/// What may wait in its socket for a moment, where the kernel sorts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Waits {
    /// The worker has little to do.
    #[default]
    Nothing,
    /// Reports that ask for nothing.
    Reports,
    /// Pictures and reports.
    Pictures,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Gather {
    held_since: Option<Instant>,
    window: Option<Instant>,
    sent: u64,
    /// Pictures received by then, and runs of them.
    came: (u64, u64),
    waits: Waits,
    /// See `come_singly`.
    singly: bool,
}

impl Gather {
    /// Notes how many pictures were received since the beginning, where the kernel sorts, and how many runs of them; `pressed`: they
    /// wait in any case.
    pub fn note(&mut self, now: Instant, (pictures, runs): (u64, u64), pressed: bool) {
        let begun = *self.window.get_or_insert(now);
        let elapsed = now.saturating_duration_since(begun);
        if elapsed < WINDOW {
            return;
        }
        let at_least = |count: u64, a_second: u64| count * 1_000 >= a_second * elapsed.as_millis() as u64;
        let (more, more_runs) = (pictures - self.came.0, runs - self.came.1);
        self.singly = at_least(more, SINGLY) && more < 2 * more_runs;
        self.waits = match at_least(self.sent, BUSY) {
            false => Waits::Nothing,
            true if pressed || self.singly => Waits::Pictures,
            true => Waits::Reports,
        };
        (self.window, self.sent, self.came) = (Some(now), 0, (pictures, runs));
    }

    /// True where pictures come many and singly, so that much is saved when they wait.
    pub fn come_singly(&self) -> bool {
        self.singly
    }

    /// What should be left in its socket for a moment.
    pub fn waits(&self) -> Waits {
        self.waits
    }

    /// True when what waits (`datagrams`, of which some may be `urgent`) should be sent now.
    pub fn is_ripe(&mut self, now: Instant, datagrams: usize, urgent: bool) -> bool {
        if datagrams == 0 {
            self.held_since = None;
            return false;
        }
        let since = *self.held_since.get_or_insert(now);
        let waited = now.saturating_duration_since(since) >= WAIT;
        if self.waits == Waits::Reports && !urgent && !waited && datagrams < ENOUGH {
            return false;
        }
        self.sent += datagrams as u64;
        self.held_since = None;
        true
    }

    /// When what is held must go.
    pub fn due(&self) -> Option<Instant> {
        self.held_since.map(|since| since + WAIT)
    }
}

/// Packets wait so long for the recorder's thread to be woken, which syncs to disk about once a second.
const RECORD_WAIT: Duration = Duration::from_millis(40);
/// And no longer than they take, bytes.
const RECORD_BYTES: usize = 128 * 1024;

/// When the recorder gets what waits for it.
#[derive(Debug, Default)]
pub struct Hoard {
    since: Option<Instant>,
}

impl Hoard {
    /// True when what waits should be handed over now; `last`: there may be no more turn for it.
    pub fn is_ripe(&mut self, now: Instant, is_empty: bool, bytes: usize, last: bool) -> bool {
        if is_empty {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        let is_ripe = last || bytes >= RECORD_BYTES || now.saturating_duration_since(since) >= RECORD_WAIT;
        if is_ripe {
            self.since = None;
        }
        is_ripe
    }

    /// When it must go.
    pub fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + RECORD_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(t0: Instant) -> (Gather, Instant) {
        let mut gather = Gather::default();
        gather.note(t0, (0, 0), false);
        for ms in 0..100 {
            assert!(gather.is_ripe(t0 + Duration::from_millis(ms), 20, false), "nothing waits while idle");
        }
        gather.note(t0 + WINDOW, (0, 0), false);
        (gather, t0 + WINDOW)
    }

    #[test]
    fn an_idle_worker_sends_at_once_and_a_busy_one_within_two_milliseconds() {
        let (mut gather, now) = busy(crate::net::clock::now());
        let later = |us| now + Duration::from_micros(us);
        assert!(!gather.is_ripe(later(100), 10, false));
        assert_eq!(gather.due(), Some(later(2_100)));
        assert!(!gather.is_ripe(later(2_000), 30, false));
        assert!(gather.is_ripe(later(2_100), 30, false));
        assert_eq!(gather.due(), None);
    }

    #[test]
    fn the_recorder_is_woken_for_many_packets_and_loses_none() {
        let (mut hoard, now) = (Hoard::default(), crate::net::clock::now());
        assert!(!hoard.is_ripe(now, true, 0, true) && hoard.due().is_none());
        assert!(!hoard.is_ripe(now, false, 1_000, false));
        assert_eq!(hoard.due(), Some(now + RECORD_WAIT));
        assert!(hoard.is_ripe(now, false, RECORD_BYTES, false));
        assert!(!hoard.is_ripe(now, false, 0, false), "reports wait too");
        assert!(hoard.is_ripe(now + RECORD_WAIT, false, 0, false));
        assert!(hoard.is_ripe(now + RECORD_WAIT, false, 0, true), "at the end nothing waits");
    }

    #[test]
    fn sound_never_waits_nor_does_a_full_load() {
        let (mut gather, now) = busy(crate::net::clock::now());
        assert!(!gather.is_ripe(now, 10, false));
        assert!(gather.is_ripe(now, 11, true));
        assert!(gather.is_ripe(now, ENOUGH, false));
    }

    #[test]
    fn it_is_idle_again_when_the_traffic_ends() {
        let (mut gather, now) = busy(crate::net::clock::now());
        assert!(!gather.is_ripe(now + WINDOW, 0, false));
        gather.note(now + WINDOW, (0, 0), false);
        assert!(gather.is_ripe(now + WINDOW, 5, false));
    }

    #[test]
    fn many_pictures_that_come_singly_wait_in_their_socket_and_nothing_waits_twice() {
        let waits_if = |pressed, pictures: u64, runs: u64, sent: usize| {
            let (mut gather, now) = (Gather::default(), crate::net::clock::now());
            gather.note(now, (0, 0), pressed);
            assert!(gather.is_ripe(now, sent, false));
            gather.note(now + WINDOW, (pictures, runs), pressed);
            assert_eq!(gather.is_ripe(now + WINDOW, 1, false), gather.waits() != Waits::Reports);
            gather.waits()
        };
        let waits = |pictures, runs, sent| waits_if(false, pictures, runs, sent);
        assert_eq!(waits(100, 80, 1_000), Waits::Pictures);
        assert_eq!(waits(99, 99, 1_000), Waits::Reports, "few");
        assert_eq!(waits(800, 100, 1_000), Waits::Reports, "in bursts");
        assert_eq!(waits(100, 100, 999), Waits::Nothing, "an idle worker");
        assert_eq!(waits(0, 0, 1_000), Waits::Reports, "a kernel that does not sort");
        assert_eq!(waits_if(true, 800, 100, 1_000), Waits::Pictures, "bursts of a worker that is nearly full");
    }
}
