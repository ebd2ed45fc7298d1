//! What holds for every plan.

use crate::plans::plan;
use jiff::civil::date;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tongke_signaling::calendar::common::candidate;
use tongke_signaling::calendar::model::{Change, EntryNo, LessonName, PersonNo, Slot};
use tongke_signaling::calendar::{
    Clash, Index, Lesson, LessonState, Plan, Timetable, change, changes::undo, clashes, expand, read,
};

/// A term of four weeks in which little is free: three teachers, four rooms, four classes, odd bells.
fn some_plan() -> impl Strategy<Value = Value> {
    let pairing = (1..4_u8, 0..4_u8, 1..5_u8, 1..5_u8, 1..5_u8, 1..5_u8, any::<bool>());
    let entry = (0..4_usize, 1..6_i8, 1..5_u8, 0..4_u8);
    let rule = (0..5_u8, 7..28_u8, 0..6_i8);
    (
        proptest::collection::vec(pairing, 4),
        proptest::collection::vec(entry, 1..8),
        proptest::collection::btree_map((0..3_u8, 7..28_u8), rule, 0..5),
        proptest::collection::vec(0..45_u32, 3),
    )
        .prop_map(|(pairings, entries, rules, bells)| {
            let mut plan = plan();
            plan["term"]["last_day"] = json!("2026-09-30");
            for (school, late) in bells.iter().enumerate() {
                plan["schools"][school]["bell_tables"] = json!([crate::plans::table(480 + late)]);
            }
            plan["pairings"] = pairings
                .iter()
                .enumerate()
                .map(|(at, (teacher, assistant, room, far, class, other, village))| {
                    let co: Vec<String> = if *assistant > 0 { vec![format!("t{assistant}")] } else { vec![] };
                    json!({"id": format!("p{at}"), "subject": "", "grade": "", "teacher": format!("t{teacher}"), "co_teachers": co,
                        "master": {"school": "s1", "room": format!("r{room}"), "class": format!("c{class}")},
                        "rural": [{"school": if *village { "s2" } else { "s3" }, "room": format!("r{far}"), "class": format!("c{other}")}]})
                })
                .collect();
            let weeks = |n: u8| [json!("all"), json!("odd"), json!("even"), json!([1, 4])][usize::from(n)].clone();
            plan["entries"] = entries.iter().enumerate().map(|(at, (pairing, weekday, period, n))| {
                json!({"id": format!("e{at}"), "pairing": format!("p{pairing}"), "weekday": weekday, "period": period, "weeks": weeks(*n)})
            }).collect();
            plan["day_rules"] = rules.iter().map(|((scope, day), (week, _, weekday))| {
                let scope = [json!("region"), json!({"group": "g1"}), json!({"school": "s2"})][usize::from(*scope)].clone();
                let dates = [format!("2026-09-{day:02}")];
                let week = [json!("own"), json!("odd"), json!("even"), json!(1), json!(4)][usize::from(*week)].clone();
                match weekday {
                    0 => json!({"scope": scope, "dates": dates, "kind": "holiday"}),
                    _ => json!({"scope": scope, "dates": dates, "kind": "runs_as", "weekday": weekday, "week": week}),
                }
            }).collect();
            plan
        })
}

fn engine(plan: &Value) -> (Plan, Timetable, Index) {
    let (plan, _) = read(plan.to_string().as_bytes());
    let plan = plan.unwrap();
    let timetable = expand(&plan);
    let index = Index::new(&plan, &timetable);
    (plan, timetable, index)
}

/// Everything two lessons want at the same time: kinds and whom, looked for without any index.
fn wanted_twice(plan: &Plan, a: &Lesson, b: &Lesson) -> BTreeSet<(&'static str, String)> {
    let mut found = BTreeSet::new();
    if a.starts_s >= b.ends_s || b.starts_s >= a.ends_s {
        return found;
    }
    let (p, q) = (plan.pairing_of(a.name.entry), plan.pairing_of(b.name.entry));
    let people = |l: &Lesson, co: &[PersonNo]| co.iter().copied().chain([l.teacher]).collect::<BTreeSet<_>>();
    for who in people(a, &p.co_teachers).intersection(&people(b, &q.co_teachers)) {
        let both = a.teacher == *who && b.teacher == *who;
        found.insert((if both { "teacher" } else { "co_teacher" }, plan.people.names()[who.at()].clone()));
    }
    for room in p.sides().map(|s| s.room) {
        if q.sides().any(|s| s.room == room) {
            let both = p.master.room == room && q.master.room == room;
            found.insert((if both { "master_room" } else { "rural_room" }, plan.rooms.names()[room.at()].clone()));
        }
    }
    for class in p.sides().filter_map(|s| s.class) {
        if q.sides().any(|s| s.class == Some(class)) {
            found.insert(("class", plan.classes.names()[class.at()].clone()));
        }
    }
    found
}

/// Pairs of lessons with what they want twice, every pair tried.
fn brute(plan: &Plan, lessons: &[Lesson]) -> Vec<(LessonName, LessonName, &'static str, String)> {
    let held: Vec<_> = lessons.iter().filter(|l| l.state != LessonState::Cancelled).collect();
    let mut found = Vec::new();
    for (at, a) in held.iter().enumerate() {
        for b in &held[at + 1..] {
            found.extend(wanted_twice(plan, a, b).into_iter().map(|(kind, who)| (a.name, b.name, kind, who)));
        }
    }
    found
}

fn pairs(found: &[Clash]) -> usize {
    found.iter().filter(|c| c.lessons.1.is_some()).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_sweep_finds_exactly_what_trying_every_pair_finds(file in some_plan()) {
        let (plan, timetable, index) = engine(&file);
        let mut swept: Vec<_> = clashes(&plan, &timetable, &index).into_iter().filter_map(|c| {
            let second = c.lessons.1?;
            // Nothing is moved here, so the present date is the name.
            let name = |p: tongke_signaling::calendar::clashes::Present| LessonName { entry: p.entry, date: p.date };
            Some((name(c.lessons.0), name(second), c.kind.word(), tongke_signaling::calendar::answer::who_id(&plan, c.who).to_owned()))
        }).collect();
        let mut tried = brute(&plan, &timetable.lessons);
        swept.sort();
        tried.sort();
        prop_assert_eq!(swept, tried);
    }

    #[test]
    fn the_same_plan_gives_the_same_answer(file in some_plan()) {
        prop_assert_eq!(crate::plans::expanded(&file), crate::plans::expanded(&file));
    }

    /// Entries accepted one after another never clash; one that is refused would.
    #[test]
    fn no_accepted_set_has_a_clash_and_no_clean_one_is_refused(file in some_plan()) {
        let (all, ..) = engine(&file);
        let mut accepted = Plan { entries: vec![], entry_ids: Default::default(), ..all.clone() };
        for (at, entry) in all.entries.iter().enumerate() {
            let timetable = expand(&accepted);
            let index = Index::new(&accepted, &timetable);
            let number = EntryNo::from(accepted.entries.len());
            let (_, told) = candidate(&accepted, &timetable, &index, &all.pairings[entry.pairing.at()], entry, number);
            let mut with = accepted.clone();
            with.entries.push(entry.clone());
            with.entry_ids.add(&all.entry_ids.names()[at]);
            let after = expand(&with);
            let clean = clashes(&with, &after, &Index::new(&with, &after)).is_empty();
            prop_assert_eq!(told.is_empty(), clean, "entry {}", at);
            prop_assert_eq!(pairs(&told), brute(&with, &after.lessons).len());
            if clean {
                accepted = with;
            }
        }
    }

    /// A change is accepted exactly when it brings no new clash, gives what expanding anew gives, and undoing it gives
    /// back what was.
    #[test]
    fn a_change_then_its_undo_is_identity(file in some_plan(), which in any::<proptest::sample::Index>(), other in any::<proptest::sample::Index>(), kind in 0..4_u8, day in 1..31_i8, period in 1..7_u8) {
        let (mut plan, before, index) = engine(&file);
        if before.lessons.is_empty() {
            return Ok(());
        }
        let lesson = which.get(&before.lessons).name;
        let act = match kind {
            0 => Change::Move { lesson, to: Slot { date: date(2026, 9, day), period } },
            1 => Change::Swap { a: lesson, b: other.get(&before.lessons).name },
            2 => Change::Substitute { lesson, teacher: PersonNo(u32::from(period) % 4) },
            _ => Change::Cancel { lesson },
        };
        let old = clashes(&plan, &before, &index);
        let answer = change(&plan, &before, &index, &act);
        plan.changes.push(act);
        let anew = expand(&plan);
        let new_index = Index::new(&plan, &anew);
        match answer {
            Ok(after) => {
                prop_assert_eq!(&after.lessons, &anew.lessons);
                prop_assert!(clashes(&plan, &anew, &new_index).iter().all(|c| old.contains(c)));
                let (undone, back) = undo(&plan, &anew, &new_index, 0).unwrap();
                prop_assert_eq!(back.lessons, before.lessons);
                prop_assert!(undone.changes.is_empty());
            }
            Err(tongke_signaling::calendar::Refusal::Clashes(told)) => {
                let now = clashes(&plan, &anew, &new_index);
                // Two lessons of one entry may be moved to one place: then the new clash looks like an old one.
                let times = |c: &Clash, all: &[Clash]| all.iter().filter(|other| *other == c).count();
                prop_assert!(!told.is_empty() && told.iter().all(|c| times(c, &now) > times(c, &old)));
            }
            Err(refusal) => prop_assert_eq!(anew.refused, [(0, refusal)]),
        }
    }

    /// Units are 1, 2, 3 … of each pairing's held lessons in the order of time, whatever is cancelled.
    #[test]
    fn the_nth_held_lesson_carries_unit_n(file in some_plan(), gone in proptest::collection::vec(any::<proptest::sample::Index>(), 0..4)) {
        let (mut plan, before, _) = engine(&file);
        for at in gone {
            if !before.lessons.is_empty() {
                plan.changes.push(Change::Cancel { lesson: at.get(&before.lessons).name });
            }
        }
        let after = expand(&plan);
        for pairing in 0..plan.pairings.len() {
            let held = after.lessons.iter().filter(|l| plan.entries[l.name.entry.at()].pairing.at() == pairing).filter_map(|l| l.unit);
            prop_assert!(held.eq((1..).take(after.lessons.iter().filter(|l| l.unit.is_some() && plan.entries[l.name.entry.at()].pairing.at() == pairing).count())));
        }
        prop_assert!(after.lessons.iter().all(|l| l.unit.is_none() == (l.state == LessonState::Cancelled)));
    }
}
