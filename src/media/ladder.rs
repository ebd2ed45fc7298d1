//! Who gets what out of what a receiver's line takes: the ladder of a lesson on a thin line. Pure.
//!
//! Voices are never weighed: they always flow. What they leave goes first to the computer's sound; of pictures each first
//! gets its least: the slides (sharp, once a second, by their slow twin), then the teacher, then who is on stage. What is left makes the slides whole, then the teacher's and
//! the stage's picture finer, and what is then left goes to the small pictures. A slot without a share keeps its last
//! picture. A receiver that can decode less gets less in the same order. Only the slides always come in some way: a line that is thinner than they are gets them late, page by page.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use tongke_signaling::command::DecodeBudget;

use super::track::MAX_LAYERS;

/// Most ways to serve one slot: the slow twin, or nothing, and the layers.
pub const MAX_STEPS: usize = MAX_LAYERS + 1;
/// Most pictures that are weighed against each other: those of six rooms on one line.
pub const MAX_WISHES: usize = 40;
/// A finer picture comes when there has been room for it for so long.
const HOLD: Duration = Duration::from_secs(3);
/// Less flows when there was no room for so long: one look is not believed.
const DOUBT: Duration = Duration::from_millis(200);
/// Something new is let through for so long where there is no room for it.
const GLANCE: Duration = Duration::from_secs(1);
/// What flows may take this much of the line before less flows, so that a line at its limit does not flutter.
pub const KEEP: f64 = 1.1;
/// And what is new must leave something free.
const RISE: f64 = 0.95;
/// A line has room for everything when it takes so much more than it all costs.
pub const ROOMY: f64 = 1.2;

/// What a slot may show.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Pick {
    /// Its last picture stays.
    Held,
    /// The slow twin of the slides.
    Slow,
    /// A layer, at most this one.
    Layer(u8),
    /// The best there is.
    #[default]
    Best,
}

/// What a slot is for, in the order in which it is served.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Rank {
    /// The computer's sound: a clip that is played is what the lesson is about just then.
    Sound,
    /// Slides.
    Screen,
    /// The teacher, or the only picture of a viewer.
    Teacher,
    /// Who is on stage.
    Stage,
    /// A small picture; the first before the second.
    Small(u8),
}

/// One way to serve a slot.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Step {
    /// What it shows.
    pub pick: Pick,
    /// What that takes of the line, bit/s.
    pub bits: f64,
    /// What that takes of the decoder.
    pub pixels: u64,
}

/// One slot: what it could show and what each would cost.
#[derive(Clone, PartialEq, Debug)]
pub struct Wish {
    /// What it is for.
    pub rank: Rank,
    /// Ways, the cheapest first.
    pub steps: ArrayVec<Step, MAX_STEPS>,
    /// There are finer ways, which the receiver cannot decode.
    pub is_cut: bool,
    /// A lesson has just begun for this receiver: no waiting.
    pub at_once: bool,
}

impl Wish {
    /// What the best costs, bit/s.
    pub fn most(&self) -> f64 {
        self.steps.last().map_or(0.0, |s| s.bits)
    }

    fn pick(&self, step: Option<usize>) -> Pick {
        match step {
            None => Pick::Held,
            Some(at) if at + 1 >= self.steps.len() && !self.is_cut => Pick::Best,
            Some(at) => self.steps.get(at).map_or(Pick::Held, |s| s.pick),
        }
    }

    /// What a pick costs, bit/s.
    pub fn cost(&self, pick: Pick) -> f64 {
        self.steps.iter().rev().find(|s| s.pick <= pick).map_or(0.0, |s| s.bits)
    }
}

/// Leaves of the wishes of one receiver what it can decode: as many pictures as it has decoders, the most important first,
/// each first in its least way and then finer as long as there are pixels for it. The first comes whatever it takes.
pub fn fit(decode: DecodeBudget, wishes: &mut [Wish]) {
    let wishes = wishes.get_mut(..MAX_WISHES.min(wishes.len())).unwrap_or_default();
    let (mut decoders, mut pixels) = (decode.decoders.unwrap_or(u32::MAX), decode.pixels.unwrap_or(u64::MAX));
    let is_picture = |at: &usize| wishes.get(*at).is_some_and(|w| w.rank != Rank::Sound);
    let mut order: ArrayVec<usize, MAX_WISHES> = (0..wishes.len()).filter(is_picture).collect();
    order.sort_by_key(|at| wishes.get(*at).map(|w| w.rank));
    let whole = |w: &Wish| if w.rank == Rank::Sound { w.steps.len() } else { 0 };
    let mut kept: ArrayVec<usize, MAX_WISHES> = wishes.iter().map(whole).collect();
    let mut is_first = true;
    for at in &order {
        let (Some(wish), Some(kept)) = (wishes.get(*at), kept.get_mut(*at)) else { continue };
        let Some(least) = wish.steps.first().filter(|s| decoders > 0 && (is_first || s.pixels <= pixels)) else {
            continue;
        };
        (*kept, is_first) = (1, false);
        decoders -= 1;
        pixels = pixels.saturating_sub(least.pixels);
    }
    for at in &order {
        while let (Some(wish), Some(kept)) = (wishes.get(*at), kept.get_mut(*at)) {
            let Some(now) = kept.checked_sub(1).and_then(|now| wish.steps.get(now)) else { break };
            let more = wish.steps.get(*kept).map(|next| next.pixels.saturating_sub(now.pixels));
            let Some(more) = more.filter(|more| *more <= pixels) else { break };
            pixels -= more;
            *kept += 1;
        }
    }
    for (wish, kept) in wishes.iter_mut().zip(kept) {
        wish.is_cut = kept < wish.steps.len();
        wish.steps.truncate(kept);
    }
}

/// Shares `budget` bit/s among wishes; one pick for each, in their order. `least`: each gets its cheapest whatever it costs,
/// as before anything is known of the line.
pub fn share(budget: f64, wishes: &[Wish], least: bool) -> ArrayVec<Pick, MAX_WISHES> {
    let wishes = wishes.get(..MAX_WISHES).unwrap_or(wishes);
    let mut order: ArrayVec<usize, MAX_WISHES> = (0..wishes.len()).collect();
    order.sort_by_key(|at| wishes.get(*at).map(|w| w.rank));
    let mut steps: ArrayVec<Option<usize>, MAX_WISHES> = wishes.iter().map(|_| None).collect();
    let mut left = budget;
    let is_small = |wish: &Wish| matches!(wish.rank, Rank::Small(_));
    let serve = |small: bool, floor: bool, steps: &mut [Option<usize>], left: &mut f64| {
        for at in &order {
            let (Some(wish), Some(step)) = (wishes.get(*at), steps.get_mut(*at)) else { continue };
            if is_small(wish) == small
                && step.is_none()
                && let Some(first) =
                    wish.steps.first().filter(|s| floor || wish.rank == Rank::Screen || s.bits <= *left)
            {
                *step = Some(0);
                *left -= first.bits;
            }
        }
    };
    serve(false, least, &mut steps, &mut left);
    // Slides first as fine as can be, then teacher and stage, layer by layer.
    for at in &order {
        while let (Some(wish), Some(Some(step))) = (wishes.get(*at), steps.get_mut(*at)) {
            if is_small(wish) {
                break;
            }
            let (Some(now), Some(next)) = (wish.steps.get(*step), wish.steps.get(*step + 1)) else { break };
            if next.bits - now.bits > left {
                break;
            }
            left -= next.bits - now.bits;
            *step += 1;
        }
    }
    serve(true, least, &mut steps, &mut left);
    wishes.iter().zip(steps).map(|(wish, step)| wish.pick(step)).collect()
}

/// One slot's place on the ladder: down soon, up after a while.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Place {
    /// What it may show.
    pub pick: Pick,
    rising: Option<(Pick, Instant)>,
    falling: Option<Instant>,
    /// Something new is to be shown: what fits is taken at once.
    fresh: bool,
}

impl Place {
    /// The slot shows something else from now on.
    pub fn renew(&mut self) {
        *self = Self { fresh: true, ..Self::default() };
    }

    /// `least`: at least this must go, even when the line is a little tight. `most`: there is surely room for this.
    fn step(&mut self, least: Pick, most: Pick, cheapest: Pick, at_once: bool, now: Instant) {
        if self.fresh && most == Pick::Held {
            // Where there is no room for it, one picture of it at least: the last one shows somebody else.
            *self = Self { pick: cheapest, falling: Some(now + GLANCE), ..Self::default() };
        } else if self.fresh || (at_once && most > self.pick) {
            *self = Self { pick: most, ..Self::default() };
        } else if self.pick > least {
            self.rising = None;
            if now.saturating_duration_since(*self.falling.get_or_insert(now)) >= DOUBT {
                *self = Self { pick: least, ..Self::default() };
            }
        } else if most > self.pick {
            let since = self.rising.map_or(now, |(_, since)| since);
            self.falling = None;
            // What there was room for all the time, not what there is room for at last.
            let goal = self.rising.map_or(most, |(goal, _)| goal.min(most));
            self.rising = Some((goal, since));
            if now.saturating_duration_since(since) >= HOLD {
                *self = Self { pick: goal, ..Self::default() };
            }
        } else {
            (self.rising, self.falling) = (None, None);
        }
    }
}

/// How a line is: what [`climb`] needs to know of it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Line {
    /// What voices leave of it, bit/s.
    pub budget: f64,
    /// Nothing bad is known of it yet.
    pub is_new: bool,
}

/// Moves each slot's place by what its line takes.
pub fn climb(line: Line, wishes: &[Wish], places: &mut [Place], now: Instant) {
    let least = share(line.budget * KEEP, wishes, line.is_new);
    let most = share(line.budget * RISE, wishes, line.is_new);
    for (((place, wish), least), most) in places.iter_mut().zip(wishes).zip(least).zip(most) {
        place.step(least, most, wish.pick(wish.steps.first().map(|_| 0)), wish.at_once, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(rank: Rank, steps: &[(Pick, f64)]) -> Wish {
        // As many pixels as bits.
        let step = |(pick, bits): &(Pick, f64)| Step { pick: *pick, bits: *bits, pixels: *bits as u64 };
        Wish { rank, steps: steps.iter().map(step).collect(), is_cut: false, at_once: false }
    }

    /// A lesson as a display sees it, kbit/s: slides 100 slow, 800 whole; teacher 150, 500, 1500; stage 150, 500; two
    /// small ones.
    fn lesson() -> Vec<Wish> {
        let layers = |costs: &[f64]| -> Vec<(Pick, f64)> {
            costs.iter().enumerate().map(|(i, cost)| (Pick::Layer(i as u8), *cost)).collect()
        };
        vec![
            wish(Rank::Small(1), &layers(&[100.0])),
            wish(Rank::Small(0), &layers(&[100.0])),
            wish(Rank::Stage, &layers(&[150.0, 500.0])),
            wish(Rank::Teacher, &layers(&[150.0, 500.0, 1500.0])),
            wish(Rank::Screen, &[(Pick::Slow, 100.0), (Pick::Layer(0), 800.0)]),
        ]
    }

    #[test]
    fn what_is_left_out_comes_from_the_bottom_of_the_ladder() {
        use Pick::{Best, Held, Layer, Slow};
        let cases = [
            (50.0, [Held, Held, Held, Held, Slow]),
            (100.0, [Held, Held, Held, Held, Slow]),
            (299.0, [Held, Held, Held, Layer(0), Slow]),
            (400.0, [Held, Held, Layer(0), Layer(0), Slow]),
            (600.0, [Best, Best, Layer(0), Layer(0), Slow]),
            (1_100.0, [Held, Held, Layer(0), Layer(0), Best]),
            (1_450.0, [Held, Held, Layer(0), Layer(1), Best]),
            (3_000.0, [Best, Best, Best, Best, Best]),
        ];
        for (budget, picks) in cases {
            assert_eq!(share(budget, &lesson(), false).as_slice(), picks, "{budget}");
        }
        assert_eq!(
            share(10.0, &lesson(), true).as_slice(),
            [Best, Best, Layer(0), Layer(0), Slow],
            "before anything is known"
        );
    }

    #[test]
    fn what_cannot_be_decoded_is_left_out_in_the_same_order() {
        use Pick::{Best, Held, Layer, Slow};
        let cases = [
            (None, None, [Best, Best, Best, Best, Best]),
            (Some(4), None, [Held, Best, Best, Best, Best]),
            (Some(2), None, [Held, Held, Held, Best, Best]),
            (Some(1), None, [Held, Held, Held, Held, Best]),
            (None, Some(1), [Held, Held, Held, Held, Slow]),
            (None, Some(400), [Held, Held, Layer(0), Layer(0), Slow]),
            (None, Some(1_300), [Best, Best, Layer(0), Layer(0), Best]),
            (None, Some(1_700), [Best, Best, Layer(0), Layer(1), Best]),
            (Some(2), Some(1_500), [Held, Held, Held, Layer(1), Best]),
        ];
        for (decoders, pixels, picks) in cases {
            let mut wishes = lesson();
            fit(DecodeBudget { decoders, pixels }, &mut wishes);
            assert_eq!(share(1e9, &wishes, false).as_slice(), picks, "{decoders:?} {pixels:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_more_than_can_be_decoded(decoders in 0u32..8, pixels in 0u64..4_000, budget in 0.0f64..4_000.0) {
            let mut wishes = lesson();
            fit(DecodeBudget { decoders: Some(decoders), pixels: Some(pixels) }, &mut wishes);
            let picks = share(budget, &wishes, true);
            let shown = picks.iter().filter(|p| **p > Pick::Held).count();
            proptest::prop_assert!(shown <= decoders as usize, "{picks:?}");
            // The slides come in some way.
            let all: u64 = wishes.iter().filter_map(|w| w.steps.last()).map(|s| s.pixels).sum();
            proptest::prop_assert!(all <= pixels.max(100), "{picks:?}");
        }

        #[test]
        fn never_more_than_the_budget_and_never_less_for_more(budget in 0.0f64..4_000.0, more in 0.0f64..500.0) {
            let wishes = lesson();
            let cost = |picks: &[Pick]| picks.iter().zip(&wishes).map(|(p, w)| w.cost(*p)).sum::<f64>();
            let picks = share(budget, &wishes, false);
            proptest::prop_assert!(cost(&picks) <= budget.max(100.0) + 1e-6, "{picks:?}");
            let richer = share(budget + more, &wishes, false);
            // The slides, the first rung, only ever gain.
            proptest::prop_assert!(richer[4] >= picks[4]);
        }
    }

    #[test]
    fn down_soon_up_when_there_was_room_for_three_seconds() {
        let t0 = crate::net::clock::now();
        let wishes = lesson();
        let mut places = [Place::default(); 5];
        let mut climb_to = |budget: f64, at_ms: u64| {
            let line = Line { budget, is_new: false };
            climb(line, &wishes, &mut places, t0 + Duration::from_millis(at_ms));
            places[3].pick
        };
        assert_eq!(climb_to(5_000.0, 0), Pick::Best);
        assert_eq!(climb_to(1_250.0, 20), Pick::Best);
        assert_eq!(climb_to(1_250.0, 250), Pick::Layer(0), "down with the second look");
        assert_eq!(climb_to(5_000.0, 500), Pick::Layer(0));
        assert_eq!(climb_to(5_000.0, 3_250), Pick::Layer(0));
        assert_eq!(climb_to(1_250.0, 3_300), Pick::Layer(0), "and the wait begins anew");
        assert_eq!(climb_to(1_600.0, 3_500), Pick::Layer(0));
        assert_eq!(climb_to(5_000.0, 4_000), Pick::Layer(0));
        assert_eq!(climb_to(5_000.0, 6_500), Pick::Layer(1), "what there was room for all the time");
        assert_eq!(climb_to(5_000.0, 9_600), Pick::Layer(1));
        assert_eq!(climb_to(5_000.0, 12_700), Pick::Best);
        assert_eq!(climb_to(2_900.0, 13_000), Pick::Best, "a little tight is no reason");
    }

    #[test]
    fn what_is_new_takes_what_fits_without_waiting() {
        let t0 = crate::net::clock::now();
        let mut wishes = lesson();
        let mut places = [Place { pick: Pick::Held, ..Place::default() }; 5];
        places[2].renew();
        climb(Line { budget: 5_000.0, is_new: false }, &wishes, &mut places, t0);
        assert_eq!(places.map(|p| p.pick), [Pick::Held, Pick::Held, Pick::Best, Pick::Held, Pick::Held]);
        places[2].renew();
        let thin = Line { budget: 150.0, is_new: false };
        climb(thin, &wishes, &mut places, t0);
        assert_eq!(places[2].pick, Pick::Layer(0), "who comes on stage is seen once");
        climb(thin, &wishes, &mut places, t0 + Duration::from_millis(900));
        assert_eq!(places[2].pick, Pick::Layer(0));
        climb(thin, &wishes, &mut places, t0 + Duration::from_millis(1_250));
        assert_eq!(places[2].pick, Pick::Held, "and stays as a still");
        wishes.iter_mut().for_each(|w| w.at_once = true);
        climb(Line { budget: 5_000.0, is_new: false }, &wishes, &mut places, t0);
        assert_eq!(places.map(|p| p.pick), [Pick::Best; 5]);
    }
}
