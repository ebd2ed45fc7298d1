//! Needs 需求 and supplies 供给: who could teach whom, best first, with reasons.
//!
//! A need is one class that lacks a subject; a supply is one teacher's offer to take one class. Each need gets at most one
//! supply and each supply at most one need, so that a class has one teacher for a subject and an offer is promised
//! once; a teacher who can take three classes offers three times, in periods that do not overlap, and a school does
//! the same with the needs of one class. The best assignment is then exact (Kuhn–Munkres, crate `pathfinding`): no
//! other meets more periods, weighted by scarcity. Ties go to what comes first.

use pathfinding::matrix::Matrix;
use pathfinding::prelude::kuhn_munkres;

/// Stretch of a week in which somebody is free: a period of their own bell table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WeekSlot {
    /// Monday 1 … Sunday 7.
    pub weekday: i8,
    /// Number of the period in their bell table.
    pub period: u8,
    /// First bell, seconds since midnight.
    pub start_s: i32,
    /// Last bell.
    pub end_s: i32,
}

impl WeekSlot {
    fn overlap_s(&self, other: &Self) -> i32 {
        if self.weekday == other.weekday { self.end_s.min(other.end_s) - self.start_s.max(other.start_s) } else { 0 }
    }
}

/// What the line of a school carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LinkClass {
    /// Watching.
    Terminal,
    /// Camera and microphone as well.
    Interactive,
}

/// A class that lacks a subject.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Need {
    /// Subject.
    pub subject: String,
    /// Grade.
    pub grade: String,
    /// Edition of the textbook; `None` where any will do.
    pub edition: Option<String>,
    /// The unit the class is at; `None` where that does not matter.
    pub unit: Option<u16>,
    /// Lessons a week that are wanted.
    pub periods: u8,
    /// The school's own ranking: 1 is most wanted, [`RANK_MAX`] least.
    pub rank: u8,
    /// When class and room are free.
    pub free: Vec<WeekSlot>,
    /// What its line carries.
    pub link: LinkClass,
    /// Does it have a room with a display?
    pub has_room: bool,
}

/// A teacher's offer to take one class.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Supply {
    /// Subject.
    pub subject: String,
    /// Grade.
    pub grade: String,
    /// Edition of the textbook; `None` where any will do.
    pub edition: Option<String>,
    /// The unit the own class is at.
    pub unit: Option<u16>,
    /// Lessons a week that are offered.
    pub periods: u8,
    /// When teacher and master room are free.
    pub free: Vec<WeekSlot>,
    /// What the rural line must carry for this way of teaching.
    pub wants_link: LinkClass,
    /// Is there a master room?
    pub has_room: bool,
}

/// Ranks beyond this are all the same.
pub const RANK_MAX: u8 = 9;
/// Classes may be apart by so many units and still follow one lesson.
pub const PACE_MAX: u16 = 1;
/// At most so many needs, and so many supplies: the work grows with the cube.
pub const SIDES_MAX: usize = 5_000;
/// Subjects that villages lack most.
const SCARCE: [&str; 3] = ["英语", "音乐", "美术"];
/// For each need without a proposal, so many of the supplies that came nearest are explained.
const NEAREST: usize = 5;

/// Why a supply cannot meet a need.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Obstacle {
    /// Another subject.
    Subject,
    /// Another grade.
    Grade,
    /// Another edition of the textbook.
    Edition,
    /// The classes are more than [`PACE_MAX`] units apart.
    Pace,
    /// The line does not carry what this way of teaching needs.
    Link,
    /// A side has no room for it.
    Room,
    /// No free period of one overlaps one of the other by enough.
    NoCommonPeriod,
    /// It would fit, but it does more good elsewhere.
    GivenElsewhere,
}

/// That a supply meets a need.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// Position of the need.
    pub need: usize,
    /// Position of the supply.
    pub supply: usize,
    /// Pairs of free periods: the supply's, which the lesson would have, and the need's.
    pub periods: Vec<(WeekSlot, WeekSlot)>,
    /// What each of these periods counts: see [`weight`].
    pub weight: u32,
}

/// Why a need has no proposal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    /// Position of the need.
    pub need: usize,
    /// Supplies that came nearest, with everything in their way; the nearest first.
    pub nearest: Vec<(usize, Vec<Obstacle>)>,
}

/// What matching found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Matched {
    /// Best first: by what they count together, then by need.
    pub proposals: Vec<Proposal>,
    /// By need.
    pub rejections: Vec<Rejection>,
}

/// What one met period of a need counts. Scarce subjects weigh double; within a subject the school's ranking decides.
pub fn weight(need: &Need) -> u32 {
    let scarcity = if SCARCE.contains(&need.subject.as_str()) { 200 } else { 100 };
    scarcity + 10 * u32::from(RANK_MAX - need.rank.clamp(1, RANK_MAX))
}

/// Everything in the way of a supply meeting a need, but for what the others get.
pub fn obstacles(need: &Need, supply: &Supply, overlap_min_s: i32) -> Vec<Obstacle> {
    let differ = |a: &Option<String>, b: &Option<String>| a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| a != b);
    let apart = need.unit.zip(supply.unit).is_some_and(|(a, b)| a.abs_diff(b) > PACE_MAX);
    let all = [
        (Obstacle::Subject, need.subject != supply.subject),
        (Obstacle::Grade, need.grade != supply.grade),
        (Obstacle::Edition, differ(&need.edition, &supply.edition)),
        (Obstacle::Pace, apart),
        (Obstacle::Link, need.link < supply.wants_link),
        (Obstacle::Room, !need.has_room || !supply.has_room),
        (Obstacle::NoCommonPeriod, common(need, supply, overlap_min_s).next().is_none()),
    ];
    all.into_iter().filter_map(|(obstacle, there)| there.then_some(obstacle)).collect()
}

fn common<'a>(
    need: &'a Need,
    supply: &'a Supply,
    overlap_min_s: i32,
) -> impl Iterator<Item = (&'a WeekSlot, &'a WeekSlot)> + 'a {
    let near = move |offer: &'a WeekSlot| {
        let fits = move |free: &&WeekSlot| offer.overlap_s(free) >= overlap_min_s;
        need.free.iter().filter(fits).map(move |free| (offer, free))
    };
    supply.free.iter().flat_map(near)
}

/// The periods that a supply and a need have together, each period of either side once; as many as possible, at most
/// as many as wanted and offered. Greedy by the end is optimal: overlapping intervals on a line.
pub fn shared(need: &Need, supply: &Supply, overlap_min_s: i32) -> Vec<(WeekSlot, WeekSlot)> {
    let wanted = usize::from(need.periods.min(supply.periods));
    let mut pairs: Vec<(WeekSlot, WeekSlot)> = common(need, supply, overlap_min_s).map(|(a, b)| (*a, *b)).collect();
    pairs.sort_unstable_by_key(|(a, b)| (a.weekday, a.end_s.max(b.end_s), a.start_s, b.start_s));
    let mut taken: Vec<(WeekSlot, WeekSlot)> = Vec::with_capacity(wanted);
    let touches = |a: &WeekSlot, b: &WeekSlot| a.overlap_s(b) > 0;
    for (offer, free) in pairs {
        if taken.len() < wanted && !taken.iter().any(|(o, f)| touches(o, &offer) || touches(f, &free)) {
            taken.push((offer, free));
        }
    }
    taken
}

/// The best assignment, explained. Deterministic.
pub fn matched(needs: &[Need], supplies: &[Supply], overlap_min_s: i32) -> Matched {
    let needs = needs.get(..needs.len().min(SIDES_MAX)).unwrap_or_default();
    let supplies = supplies.get(..supplies.len().min(SIDES_MAX)).unwrap_or_default();
    if supplies.is_empty() {
        let unmet = |need| Rejection { need, nearest: Vec::new() };
        return Matched { proposals: Vec::new(), rejections: (0..needs.len()).map(unmet).collect() };
    }
    let worth = |need: &Need, supply: &Supply| -> i64 {
        // Most pairs already differ in the subject, and no list is made for them.
        if need.subject != supply.subject || !obstacles(need, supply, overlap_min_s).is_empty() {
            return 0;
        }
        i64::try_from(shared(need, supply, overlap_min_s).len()).unwrap_or(0) * i64::from(weight(need))
    };
    let mut worths = Matrix::new(needs.len(), supplies.len(), 0_i64);
    for (row, need) in needs.iter().enumerate() {
        for (column, supply) in supplies.iter().enumerate() {
            worths[(row, column)] = worth(need, supply);
        }
    }
    let mut chosen = vec![None; needs.len()];
    for (need, supply) in assign(&worths) {
        if worths[(need, supply)] > 0 {
            chosen[need] = Some(supply);
        }
    }
    let mut found = Matched::default();
    for (at, need) in needs.iter().enumerate() {
        match chosen[at] {
            Some(supply) => {
                let periods = shared(need, &supplies[supply], overlap_min_s);
                found.proposals.push(Proposal { need: at, supply, periods, weight: weight(need) });
            }
            None => found.rejections.push(Rejection { need: at, nearest: nearest(need, supplies, overlap_min_s) }),
        }
    }
    let total = |p: &Proposal| u64::from(p.weight) * p.periods.len() as u64;
    found.proposals.sort_by_key(|p| (std::cmp::Reverse(total(p)), p.need));
    found
}

/// Pairs of row and column with the largest sum. The crate wants no more rows than columns.
fn assign(worths: &Matrix<i64>) -> Vec<(usize, usize)> {
    if worths.rows == 0 {
        return Vec::new();
    }
    if worths.rows <= worths.columns {
        return kuhn_munkres(worths).1.into_iter().enumerate().collect();
    }
    kuhn_munkres(&worths.transposed()).1.into_iter().enumerate().map(|(column, row)| (row, column)).collect()
}

/// The supplies with the least in their way. One with nothing in its way was given to another need.
fn nearest(need: &Need, supplies: &[Supply], overlap_min_s: i32) -> Vec<(usize, Vec<Obstacle>)> {
    let mut all: Vec<(usize, Vec<Obstacle>)> = supplies
        .iter()
        .enumerate()
        .map(|(at, supply)| {
            let mut obstacles = obstacles(need, supply, overlap_min_s);
            if obstacles.is_empty() {
                obstacles.push(Obstacle::GivenElsewhere);
            }
            (at, obstacles)
        })
        .collect();
    // Another subject is further away than everything else together.
    let distance = |(at, o): &(usize, Vec<Obstacle>)| {
        let fits = o.first() == Some(&Obstacle::GivenElsewhere);
        (o.contains(&Obstacle::Subject), !fits, o.len(), *at)
    };
    let kept = all.len().min(NEAREST);
    if kept < all.len() {
        all.select_nth_unstable_by_key(kept, distance);
    }
    all.truncate(kept);
    all.sort_by_key(distance);
    all
}
