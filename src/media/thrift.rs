//! Sound on lines that are too thin for it. The server cannot make sound smaller, but its publisher can: it is asked for
//! less while the thinnest line of its listeners needs that. A voice is left alone as long as it fits every line, so that
//! a weak room costs the others nothing that is heard; the computer's sound gives up what only the best ear misses. Pure.

use std::time::{Duration, Instant};

use tongke_signaling::command::SourceKind;

/// The computer's sound is made leaner on lines thinner than these: whole it would leave nothing for slides. bit/s.
const THIN: [f64; 2] = [500_000.0, 150_000.0];
/// A voice on lines thinner than these.
const THIN_FOR_VOICE: [f64; 2] = [165_000.0, 110_000.0];
/// And when they have been so for so long.
const THIN_FOR: Duration = Duration::from_millis(600);
/// A line must be so much wider again before more is asked for.
const WIDER: f64 = 1.4;
/// And for so long.
const WIDE_FOR: Duration = Duration::from_secs(10);
/// A page that missed it is told again.
const AGAIN: Duration = Duration::from_secs(10);
/// What a publisher is asked for at most, by how thin lines are. bit/s, without headers.
const VOICE: [u32; 2] = [48_000, 32_000];
const COMPUTER: [u32; 2] = [64_000, 48_000];

/// How thin the line of `bits` bit/s is for sound of this kind: 0 takes it whole.
fn thinness(kind: SourceKind, bits: f64) -> u8 {
    let below = |limits: &[f64]| limits.iter().filter(|limit| bits < **limit).count() as u8;
    match kind {
        SourceKind::Microphone => below(&THIN_FOR_VOICE),
        SourceKind::ComputerSound => below(&THIN),
        SourceKind::Camera | SourceKind::Screen | SourceKind::ScreenSlow => 0,
    }
}

/// What a publisher is asked for where lines are so thin; `None`: as much as it likes.
fn most(kind: SourceKind, thinness: u8) -> Option<u32> {
    let steps: &[u32] = if kind == SourceKind::Microphone { &VOICE } else { &COMPUTER };
    steps.get(usize::from(thinness.checked_sub(1)?)).copied()
}

/// What the publisher of a sound was told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Thrift {
    thinness: u8,
    said: Option<Instant>,
    /// Since when less is needed.
    thinner: Option<Instant>,
    /// Since when more would do.
    wider: Option<Instant>,
}

impl Thrift {
    /// Takes the thinnest line of the listeners, and the thinnest of those in which a queue stands, bit/s; gives what should
    /// be said, if anything: `Some(None)` is "as much as you like". Less is asked for at once, more after a while. A voice
    /// becomes leaner only where it stands in a queue: on a line that loses much, what it takes is hard to know.
    pub fn say(&mut self, kind: SourceKind, thinnest: f64, full: f64, now: Instant) -> Option<Option<u32>> {
        let in_its_way = if kind == SourceKind::Microphone { full } else { thinnest };
        let has_changed =
            self.thins(kind, thinness(kind, in_its_way), now) || self.widens(thinness(kind, thinnest / WIDER), now);
        if !has_changed && !self.is_due(now) {
            return None;
        }
        self.said = Some(now);
        Some(most(kind, self.thinness))
    }

    /// Takes how thin the lines are; true when less has to be asked for.
    fn thins(&mut self, kind: SourceKind, needed: u8, now: Instant) -> bool {
        if needed <= self.thinness {
            self.thinner = None;
            return false;
        }
        let waited = now.saturating_duration_since(*self.thinner.get_or_insert(now));
        if kind == SourceKind::Microphone && waited < THIN_FOR {
            return false;
        }
        (self.thinness, self.thinner, self.wider) = (needed, None, None);
        true
    }

    /// Takes how thin the lines would be were they a little thinner than they are; true when more may be asked for.
    fn widens(&mut self, needed: u8, now: Instant) -> bool {
        if needed >= self.thinness {
            self.wider = None;
            return false;
        }
        if now.saturating_duration_since(*self.wider.get_or_insert(now)) < WIDE_FOR {
            return false;
        }
        (self.thinness, self.wider) = (needed, None);
        true
    }

    fn is_due(&self, now: Instant) -> bool {
        self.thinness > 0 && self.said.is_some_and(|at| now.saturating_duration_since(at) >= AGAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_is_asked_for_at_once_more_after_a_while() {
        let t0 = crate::net::clock::now();
        let mut thrift = Thrift::default();
        let mut say = |kbits: f64, s: u64| {
            thrift.say(SourceKind::Microphone, kbits * 1e3, kbits * 1e3, t0 + Duration::from_secs(s))
        };
        assert_eq!(say(1_000.0, 0), None);
        assert_eq!(say(300.0, 1), None, "a voice fits");
        assert_eq!(say(150.0, 2), None, "one look is not believed");
        assert_eq!(say(150.0, 3), Some(Some(48_000)));
        assert_eq!([say(90.0, 3), say(90.0, 4)], [None, Some(Some(32_000))]);
        assert_eq!(say(90.0, 14), Some(Some(32_000)), "for a page that missed it");
        assert_eq!(say(5_000.0, 15), None);
        assert_eq!(say(210.0, 20), None, "wide enough for a step only, and the wait goes on");
        assert_eq!(say(210.0, 25), Some(Some(48_000)));
        assert_eq!(say(5_000.0, 26), None);
        assert_eq!(say(190.0, 30), None, "the wait begins anew");
        assert_eq!(say(5_000.0, 31), None);
        assert_eq!(say(5_000.0, 41), Some(None));
        assert_eq!(say(5_000.0, 60), None, "said once");
        let no_queue = thrift.say(SourceKind::Microphone, 90e3, f64::INFINITY, t0 + Duration::from_secs(70));
        assert_eq!(no_queue, None, "nothing waits");
    }

    #[test]
    fn the_computer_gives_up_more_than_a_voice() {
        let at = |bits| (thinness(SourceKind::ComputerSound, bits), thinness(SourceKind::Microphone, bits));
        assert_eq!([600e3, 300e3, 140e3, 100e3].map(at), [(0, 0), (1, 0), (2, 1), (2, 2)]);
        assert_eq!([1, 2].map(|step| most(SourceKind::ComputerSound, step)), [Some(64_000), Some(48_000)]);
    }
}
