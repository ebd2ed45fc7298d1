//! What the network does to each seat, as spans of lesson time that are kept with the recording. Pure: it is told once a
//! second how a seat does, and gives the spans that are news.
//!
//! A line that flaps makes one span and not a thousand: two of a kind that are close together are one, and a seat has a
//! bounded number of them.

use crate::command::{LeaveCause, LineFacts, SeatId};
use crate::model::{AbsenceCause, TroubleKind};

/// Two spans of a kind with less than this between them are one.
const MERGE_MS: i64 = 10_000;
/// What lasted shorter, a second's loss or a page that is opened anew, is not worth a mark.
const LEAST_MS: i64 = 3_000;
/// Spans of a seat. At the bound a new one is joined to the last of its kind; `bad_ms` still tells how much of it was bad.
pub(super) const SPANS_MAX: usize = 40;
/// Growing spans are written this often: what a crash may cost of them.
const WRITE_EVERY_MS: i64 = 10_000;
/// A look that comes later than this after the last knows nothing of the time between.
const LOOK_MAX_MS: i64 = 3_000;
/// A line that is silent for so long is taken to be gone; the trouble began when the silence did.
const SILENT_MS: i64 = 30_000;

/// A stretch of lesson time in which a seat had trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Whose.
    pub seat: SeatId,
    /// What.
    pub kind: TroubleKind,
    /// Lesson time; with seat and kind the span's name.
    pub from_ms: i64,
    /// Lesson time.
    pub to_ms: i64,
    /// How much of it.
    pub bad_ms: i64,
    /// Why nobody was there.
    pub cause: Option<AbsenceCause>,
    /// The least that the way down was believed to take, kbit/s.
    pub down_kbps: Option<u32>,
    /// The most that was lost, either way.
    pub loss_permille: u16,
    /// The longest round trip.
    pub round_trip_ms: Option<u32>,
}

impl Span {
    fn note(&mut self, line: &LineFacts) {
        let kbps = line.estimate_down.map(|bits| bits / 1_000);
        self.down_kbps = [self.down_kbps, kbps].into_iter().flatten().min();
        self.round_trip_ms = self.round_trip_ms.max(line.round_trip_ms);
        // The cast saturates, and takes what is no number for 0.
        let permille = (line.loss_up.max(line.loss_down) * 1_000.0) as u16;
        self.loss_permille = self.loss_permille.max(permille.min(1_000));
    }

    fn is_worth_a_mark(&self) -> bool {
        self.bad_ms >= LEAST_MS
    }
}

/// How a seat does at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Look {
    /// Nobody is there.
    Absent,
    /// Somebody is, with this line; `weak` as the teacher sees it.
    Present { line: LineFacts, weak: bool },
}

impl Look {
    fn kind(&self) -> Option<TroubleKind> {
        match self {
            Self::Absent => Some(TroubleKind::Absent),
            Self::Present { line, .. } if line.pictures_held > 0 => Some(TroubleKind::Held),
            Self::Present { weak: true, .. } => Some(TroubleKind::Weak),
            Self::Present { line, .. } if line.pictures_reduced > 0 => Some(TroubleKind::Reduced),
            Self::Present { .. } => None,
        }
    }
}

/// The troubles of one seat.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    spans: Vec<(Span, bool)>,
    looked_ms: Option<i64>,
    written_ms: i64,
    /// How the seat's last session ended, and when it is taken to have done so.
    left: Option<(AbsenceCause, i64)>,
}

impl Troubles {
    /// Goes on with what was stored before a restart.
    pub(super) fn recall(&mut self, span: Span) {
        self.spans.push((span, false));
    }

    /// A seat's last session ended at this lesson time.
    pub(super) fn note_left(&mut self, cause: LeaveCause, at_ms: i64) {
        self.left = Some(match cause {
            LeaveCause::Silent => (AbsenceCause::LineLost, (at_ms - SILENT_MS).max(0)),
            _ => (AbsenceCause::Left, at_ms),
        });
    }

    /// Takes how the seat does at a moment of lesson time.
    pub(super) fn look(&mut self, seat: SeatId, at_ms: i64, look: &Look) {
        let passed_ms = self.looked_ms.map_or(0, |before| at_ms - before);
        self.looked_ms = Some(at_ms);
        let known_ms = passed_ms.min(LOOK_MAX_MS);
        if let Look::Present { .. } = look {
            self.left = None;
        }
        let Some(kind) = look.kind() else { return };
        // A clock that was set back says nothing; it is waited for.
        if known_ms <= 0 {
            return;
        }
        let mut from_ms = at_ms - known_ms;
        let mut cause = None;
        if kind == TroubleKind::Absent {
            let (why, since_ms) = self.left.unwrap_or((AbsenceCause::NotCome, from_ms));
            cause = Some(why);
            from_ms = from_ms.min(since_ms);
        }
        let full = self.spans.len() >= SPANS_MAX;
        let last = self.spans.iter_mut().rev().find(|(s, _)| s.kind == kind);
        let index = match last {
            Some((s, _)) if full || from_ms - s.to_ms <= MERGE_MS => {
                s.bad_ms += at_ms - from_ms.max(s.to_ms).min(at_ms);
                s.to_ms = s.to_ms.max(at_ms);
                s.cause = s.cause.or(cause);
                self.spans.iter().rposition(|(s, _)| s.kind == kind)
            }
            _ => {
                self.spans.push((Span::new(seat, kind, (from_ms, at_ms), cause), true));
                Some(self.spans.len() - 1)
            }
        };
        if let Some((span, news)) = index.and_then(|i| self.spans.get_mut(i)) {
            if let Look::Present { line, .. } = look {
                span.note(line);
            }
            *news = true;
        }
    }

    /// The spans to be written now. `all`: the lesson ends.
    pub(super) fn take_news(&mut self, at_ms: i64, all: bool) -> Vec<Span> {
        if !all && (at_ms - self.written_ms).abs() < WRITE_EVERY_MS {
            return Vec::new();
        }
        self.written_ms = at_ms;
        let mut news = Vec::new();
        for (span, is_news) in self.spans.iter_mut().filter(|(s, is_news)| *is_news && s.is_worth_a_mark()) {
            *is_news = false;
            news.push(*span);
        }
        // What was too short and can grow no more makes place for others.
        self.spans.retain(|(s, _)| s.is_worth_a_mark() || at_ms - s.to_ms <= MERGE_MS);
        news
    }
}

impl Span {
    fn new(seat: SeatId, kind: TroubleKind, (from_ms, to_ms): (i64, i64), cause: Option<AbsenceCause>) -> Self {
        let bad_ms = to_ms - from_ms;
        Self { seat, kind, from_ms, to_ms, bad_ms, cause, down_kbps: None, loss_permille: 0, round_trip_ms: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(held: u8, reduced: u8, loss: f32, bits: u32) -> Look {
        let line = LineFacts {
            pictures_held: held,
            pictures_reduced: reduced,
            loss_down: loss,
            estimate_down: Some(bits),
            ..LineFacts::default()
        };
        Look::Present { line, weak: held > 0 || loss > 0.05 }
    }

    /// Looks once a second, at seconds `from..to`.
    fn during(t: &mut Troubles, from: i64, to: i64, look: &Look) {
        (from..to).for_each(|s| t.look(SeatId(uuid::Uuid::nil()), s * 1_000, look));
    }

    fn told(t: &mut Troubles) -> Vec<(TroubleKind, i64, i64, i64)> {
        t.take_news(i64::MAX / 2, true).iter().map(|s| (s.kind, s.from_ms, s.to_ms, s.bad_ms)).collect()
    }

    #[test]
    fn a_weak_stretch_is_one_span_with_its_worst() {
        let mut t = Troubles::default();
        during(&mut t, 0, 60, &line(0, 0, 0.0, 2_000_000));
        during(&mut t, 60, 70, &line(0, 0, 0.12, 400_000));
        during(&mut t, 70, 80, &line(0, 0, 0.07, 280_000));
        during(&mut t, 80, 200, &line(0, 0, 0.0, 2_000_000));
        let spans = t.take_news(200_000, true);
        assert_eq!(spans.len(), 1);
        let s = spans[0];
        assert_eq!((s.kind, s.from_ms, s.to_ms, s.bad_ms), (TroubleKind::Weak, 59_000, 79_000, 20_000));
        assert_eq!((s.loss_permille, s.down_kbps), (120, Some(280)));
        assert!(t.take_news(200_000, true).is_empty(), "told once");
    }

    #[test]
    fn a_flapping_line_makes_few_spans() {
        let mut t = Troubles::default();
        for n in 0..300 {
            during(&mut t, n * 9, n * 9 + 4, &line(1, 0, 0.0, 90_000));
            during(&mut t, n * 9 + 4, n * 9 + 9, &line(0, 0, 0.0, 90_000));
        }
        let told = told(&mut t);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!((1_190_000..=1_200_000).contains(&told[0].3), "bad for {} ms", told[0].3);
    }

    #[test]
    fn the_number_of_spans_is_bounded_and_what_was_bad_is_still_counted() {
        let mut t = Troubles::default();
        let mut news = 0;
        for n in 0..200 {
            during(&mut t, n * 30, n * 30 + 20, &line(0, 0, 0.0, 90_000));
            during(&mut t, n * 30 + 20, n * 30 + 30, &line(0, 1, 0.0, 90_000));
            news += t.take_news(n * 30_000 + 30_000, false).len();
        }
        assert_eq!(t.spans.len(), SPANS_MAX);
        assert!(news >= 200);
        assert_eq!(t.spans.iter().map(|(s, _)| s.bad_ms).sum::<i64>(), 2_000_000);
    }

    #[test]
    fn what_is_short_makes_no_mark() {
        let mut t = Troubles::default();
        during(&mut t, 0, 10, &line(0, 0, 0.0, 90_000));
        during(&mut t, 10, 12, &line(0, 0, 0.3, 90_000));
        during(&mut t, 12, 40, &line(0, 0, 0.0, 90_000));
        assert_eq!(told(&mut t), []);
    }

    #[test]
    fn a_silent_line_was_gone_since_its_silence_and_a_room_that_left_since_it_left() {
        let mut t = Troubles::default();
        during(&mut t, 0, 100, &line(0, 0, 0.0, 90_000));
        t.note_left(LeaveCause::Silent, 99_500);
        during(&mut t, 100, 110, &Look::Absent);
        during(&mut t, 110, 200, &line(0, 0, 0.0, 90_000));
        t.note_left(LeaveCause::Asked, 199_500);
        during(&mut t, 200, 210, &Look::Absent);
        let spans = t.take_news(210_000, true);
        let told: Vec<_> = spans.iter().map(|s| (s.from_ms, s.to_ms, s.cause)).collect();
        let expected = [(69_500, 109_000, Some(AbsenceCause::LineLost)), (199_000, 209_000, Some(AbsenceCause::Left))];
        assert_eq!(told, expected);
    }

    #[test]
    fn after_a_restart_a_span_goes_on_and_is_not_begun_again() {
        let mut t = Troubles::default();
        during(&mut t, 0, 30, &Look::Absent);
        let stored = t.take_news(30_000, true);
        let mut again = Troubles::default();
        stored.into_iter().for_each(|span| again.recall(span));
        assert_eq!(told(&mut again), [], "nothing new yet");
        during(&mut again, 33, 50, &Look::Absent);
        let told = told(&mut again);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].1, told[0].2), (0, 49_000));
    }

    #[test]
    fn a_pause_of_the_server_is_nobodys_trouble() {
        let mut t = Troubles::default();
        during(&mut t, 0, 5, &line(0, 1, 0.0, 90_000));
        during(&mut t, 305, 310, &line(0, 1, 0.0, 90_000));
        assert_eq!(told(&mut t).iter().map(|s| s.3).collect::<Vec<_>>(), [4_000, 7_000]);
    }
}
