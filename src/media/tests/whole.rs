//! A whole lesson of 45 minutes on lines that lose in both directions, the teacher's too.

use tongke_signaling::command::SessionId;

use super::lines::{Lesson, What};
use crate::media::peer::Peer;

const MINUTES: u64 = 45;

#[test]
fn nobody_is_lost_in_45_minutes_of_heavy_loss() {
    hold(0.3, 0.92);
}

#[test]
#[ignore = "takes minutes: tests/all --long"]
fn nor_of_less() {
    hold(0.05, 0.995);
    hold(0.1, 0.99);
    hold(0.2, 0.97);
}

/// Loses this share each way; `voice` is the least of it that is heard in every minute.
fn hold(loss: f64, voice: f64) {
    let mut lesson = Lesson::new(7, &[(2, None)]);
    lesson.teach(5_000);
    lesson.w.loss = loss;
    let mut worst: f64 = 1.0;
    for minute in 0..MINUTES {
        lesson.got(2);
        lesson.teach(60_000);
        lesson.w.sent.clear();
        let heard = lesson.got(2).of(What::Sound) as f64 / 3_000.0;
        worst = worst.min(heard);
        let is_there = |s: &SessionId| lesson.w.sfu.peer(*s).is_some_and(Peer::is_connected);
        assert!(lesson.w.sessions.values().all(is_there), "minute {minute} at {loss}");
        assert!(heard >= voice, "{heard} of the voice in minute {minute} at {loss}");
    }
    println!("{loss}: {worst} of the voice in the worst minute");
}
