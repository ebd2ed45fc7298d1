//! Needs and supplies: the best assignment, explained.

use proptest::prelude::*;
use tongke_signaling::calendar::matching::{
    LinkClass, Need, Obstacle, Supply, WeekSlot, matched, obstacles, shared, weight,
};

const OVERLAP_S: i32 = 35 * 60;

fn slot(weekday: i8, period: u8, shift_min: i32) -> WeekSlot {
    let start_s = (480 + 50 * i32::from(period) + shift_min) * 60;
    WeekSlot { weekday, period, start_s, end_s: start_s + 40 * 60 }
}

fn need() -> Need {
    Need {
        subject: "音乐".into(),
        grade: "三年级".into(),
        edition: Some("人教版".into()),
        unit: Some(3),
        periods: 2,
        rank: 1,
        free: vec![slot(1, 1, 5), slot(3, 2, 5)],
        link: LinkClass::Interactive,
        has_room: true,
    }
}

fn supply() -> Supply {
    Supply {
        subject: "音乐".into(),
        grade: "三年级".into(),
        edition: Some("人教版".into()),
        unit: Some(4),
        periods: 2,
        free: vec![slot(1, 1, 0), slot(3, 2, 0), slot(5, 1, 0)],
        wants_link: LinkClass::Interactive,
        has_room: true,
    }
}

#[test]
fn a_fitting_offer_is_proposed_with_its_periods() {
    let found = matched(&[need()], &[supply()], OVERLAP_S);
    assert_eq!(found.rejections, []);
    let proposal = &found.proposals[0];
    assert_eq!((proposal.need, proposal.supply, proposal.weight), (0, 0, 280));
    assert_eq!(proposal.periods, [(slot(1, 1, 0), slot(1, 1, 5)), (slot(3, 2, 0), slot(3, 2, 5))]);
}

#[test]
fn each_reason_is_named() {
    let with = |change: fn(&mut Supply)| {
        let mut supply = supply();
        change(&mut supply);
        obstacles(&need(), &supply, OVERLAP_S)
    };
    assert_eq!(with(|_| {}), []);
    assert_eq!(with(|s| s.subject = "美术".into()), [Obstacle::Subject]);
    assert_eq!(with(|s| s.grade = "四年级".into()), [Obstacle::Grade]);
    assert_eq!(with(|s| s.edition = Some("苏教版".into())), [Obstacle::Edition]);
    assert_eq!(with(|s| s.edition = None), []);
    assert_eq!(with(|s| s.unit = Some(5)), [Obstacle::Pace]);
    assert_eq!(with(|s| s.has_room = false), [Obstacle::Room]);
    assert_eq!(with(|s| s.free = vec![slot(1, 1, 11), slot(2, 1, 0)]), [Obstacle::NoCommonPeriod]);
    let watching = Need { link: LinkClass::Terminal, ..need() };
    assert_eq!(obstacles(&watching, &supply(), OVERLAP_S), [Obstacle::Link]);
    // All at once, and the rejection names the nearest first.
    let far = Supply { grade: "一年级".into(), free: vec![], ..supply() };
    let near = Supply { unit: Some(9), ..supply() };
    let found = matched(&[need()], &[far, near], OVERLAP_S);
    let expected = vec![(1, vec![Obstacle::Pace]), (0, vec![Obstacle::Grade, Obstacle::NoCommonPeriod])];
    assert_eq!((found.proposals.len(), &found.rejections[0].nearest), (0, &expected));
}

#[test]
fn the_school_that_ranks_it_higher_and_the_scarcer_subject_come_first() {
    let second = Need { rank: 2, ..need() };
    let found = matched(&[second, need()], &[supply()], OVERLAP_S);
    assert_eq!(found.proposals[0].need, 1);
    assert_eq!(found.rejections[0].nearest, [(0, vec![Obstacle::GivenElsewhere])]);
    let maths = Need { subject: "数学".into(), ..need() };
    assert!(weight(&maths) < weight(&Need { rank: 9, ..need() }));
}

/// Disjoint free periods of one side, in 35-minute-overlap reach of the other's or not.
fn free() -> impl Strategy<Value = Vec<WeekSlot>> {
    proptest::collection::btree_map((1_i8..3, 0_u8..3), -12_i32..12, 0..5)
        .prop_map(|all| all.into_iter().map(|((weekday, period), shift)| slot(weekday, period, shift / 3)).collect())
}

fn some_need() -> impl Strategy<Value = Need> {
    (0..2_u8, 0..2_u8, proptest::option::of(1..5_u16), 1..4_u8, 1..11_u8, free(), any::<bool>(), any::<bool>())
        .prop_map(|(subject, edition, unit, periods, rank, free, interactive, has_room)| Need {
            subject: ["音乐", "数学"][usize::from(subject)].into(),
            edition: [None, Some("A".into())][usize::from(edition)].clone(),
            unit,
            periods,
            rank,
            free,
            has_room: has_room || rank > 3,
            link: if interactive { LinkClass::Interactive } else { LinkClass::Terminal },
            ..need()
        })
}

fn some_supply() -> impl Strategy<Value = Supply> {
    (0..2_u8, proptest::option::of(1..5_u16), 1..4_u8, free(), any::<bool>()).prop_map(
        |(subject, unit, periods, free, interactive)| Supply {
            subject: ["音乐", "数学"][usize::from(subject)].into(),
            unit,
            periods,
            free,
            wants_link: if interactive { LinkClass::Interactive } else { LinkClass::Terminal },
            ..supply()
        },
    )
}

/// The most pairs of free periods, by trying all.
fn most(pairs: &[(WeekSlot, WeekSlot)], taken: &mut Vec<(WeekSlot, WeekSlot)>, wanted: usize) -> usize {
    let Some((first, rest)) = pairs.split_first() else { return taken.len() };
    let without = most(rest, taken, wanted);
    if taken.len() == wanted || taken.iter().any(|(o, f)| *o == first.0 || *f == first.1) {
        return without;
    }
    taken.push(*first);
    let with = most(rest, taken, wanted);
    taken.pop();
    with.max(without)
}

fn worth(need: &Need, supply: &Supply) -> u64 {
    if !obstacles(need, supply, OVERLAP_S).is_empty() {
        return 0;
    }
    let overlap = |a: &WeekSlot, b: &WeekSlot| {
        if a.weekday == b.weekday { a.end_s.min(b.end_s) - a.start_s.max(b.start_s) } else { 0 }
    };
    let pairs: Vec<_> = supply
        .free
        .iter()
        .flat_map(|o| need.free.iter().map(move |f| (*o, *f)))
        .filter(|(o, f)| overlap(o, f) >= OVERLAP_S)
        .collect();
    most(&pairs, &mut Vec::new(), usize::from(need.periods.min(supply.periods))) as u64 * u64::from(weight(need))
}

/// The best sum over all assignments.
fn best(needs: &[Need], supplies: &[Supply], used: &mut Vec<bool>) -> u64 {
    let Some((first, rest)) = needs.split_first() else { return 0 };
    let mut found = best(rest, supplies, used);
    for at in 0..supplies.len() {
        if !used[at] {
            used[at] = true;
            found = found.max(worth(first, &supplies[at]) + best(rest, supplies, used));
            used[at] = false;
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_assignment_meets_more(needs in proptest::collection::vec(some_need(), 0..6), supplies in proptest::collection::vec(some_supply(), 0..6)) {
        let found = matched(&needs, &supplies, OVERLAP_S);
        let sum: u64 = found.proposals.iter().map(|p| u64::from(p.weight) * p.periods.len() as u64).sum();
        prop_assert_eq!(sum, best(&needs, &supplies, &mut vec![false; supplies.len()]));
        prop_assert_eq!(found.proposals.len() + found.rejections.len(), needs.len());
        let mut given: Vec<usize> = found.proposals.iter().map(|p| p.supply).collect();
        given.sort_unstable();
        given.dedup();
        prop_assert_eq!(given.len(), found.proposals.len(), "an offer is promised once");
        for p in &found.proposals {
            prop_assert_eq!(&p.periods, &shared(&needs[p.need], &supplies[p.supply], OVERLAP_S));
        }
        for r in &found.rejections {
            prop_assert!(r.nearest.iter().all(|(_, reasons)| !reasons.is_empty()));
        }
    }
}
