//! Changes and their undoing.

use crate::plans::{engine, expanded, kinds, other_pairing, plan};
use jiff::civil::date;
use serde_json::{Value, json};
use tongke_signaling::calendar::changes::undo;
use tongke_signaling::calendar::model::{EntryNo, PersonNo};
use tongke_signaling::calendar::{Change, Index, LessonName, Refusal, Slot, change};

fn two() -> Value {
    let mut plan = plan();
    plan["pairings"].as_array_mut().unwrap().push(other_pairing());
    plan["entries"] = json!([
        {"id": "a", "pairing": "p1", "weekday": 1, "period": 1, "weeks": "all"},
        {"id": "b", "pairing": "p1", "weekday": 2, "period": 2, "weeks": "all"},
        {"id": "c", "pairing": "p2", "weekday": 1, "period": 1, "weeks": "all"},
    ]);
    plan
}

fn name(entry: u32, day: i8) -> LessonName {
    LessonName { entry: EntryNo(entry), date: date(2026, 9, day) }
}

#[test]
fn a_cycle_of_swaps_is_a_rotation() {
    let mut plan = two();
    let l = |entry: &str, day: u32| json!({"entry": entry, "date": format!("2026-09-{day:02}")});
    plan["changes"] = json!([
        {"kind": "swap", "a": l("a", 7), "b": l("b", 8)},
        {"kind": "swap", "a": l("b", 8), "b": l("a", 14)},
        {"kind": "swap", "a": l("a", 14), "b": l("a", 7)},
    ]);
    let answer = expanded(&plan);
    assert_eq!((&answer["faults"], kinds(&answer)), (&json!([]), vec![]));
    let at = |entry: &str, from: &str| {
        let mut lessons = answer["lessons"].as_array().unwrap().iter();
        lessons.find(|l| l["entry"] == entry && l["moved_from"] == from).map(|l| l["date"].as_str().unwrap().to_owned())
    };
    assert_eq!(at("b", "2026-09-08").as_deref(), Some("2026-09-14"));
    assert_eq!(at("a", "2026-09-14").as_deref(), Some("2026-09-08"));
    assert_eq!(at("a", "2026-09-07"), None, "back where it was, so it is not moved");
}

#[test]
fn changes_that_cannot_be_are_told_with_their_place_and_the_rest_is_done() {
    let mut plan = two();
    let l = |entry: &str, day: u32| json!({"entry": entry, "date": format!("2026-09-{day:02}")});
    plan["changes"] = json!([
        {"kind": "cancel", "lesson": l("a", 8)},
        {"kind": "cancel", "lesson": l("a", 7)},
        {"kind": "move", "lesson": l("a", 7), "to": {"date": "2026-09-09", "period": 1}},
        {"kind": "swap", "a": l("b", 8), "b": l("b", 8)},
        {"kind": "swap", "a": l("b", 8), "b": l("a", 7)},
    ]);
    let answer = expanded(&plan);
    let faults: Vec<_> = answer["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["pointer"].as_str().unwrap(), f["code"].as_str().unwrap()))
        .collect();
    assert_eq!(
        faults,
        [
            ("/changes/0/lesson", "no_such_lesson"),
            ("/changes/2/lesson", "cancelled"),
            ("/changes/3", "swapped_with_itself"),
            ("/changes/4/b", "cancelled")
        ]
    );
    let gone = answer["lessons"].as_array().unwrap().iter().find(|l| l["state"] == "cancelled").unwrap();
    assert_eq!((&gone["date"], &gone["unit"]), (&json!("2026-09-07"), &Value::Null));
}

#[test]
fn a_substitute_stays_planned_and_must_be_free() {
    let (plan, timetable, index) = engine(&two());
    let busy = Change::Substitute { lesson: name(0, 7), teacher: PersonNo(2) };
    let Err(Refusal::Clashes(clashes)) = change(&plan, &timetable, &index, &busy) else { panic!("t3 teaches then") };
    assert_eq!(clashes.len(), 1);
    let free = Change::Substitute { lesson: name(0, 7), teacher: PersonNo(3) };
    let after = change(&plan, &timetable, &index, &free).unwrap();
    let lesson = after.lesson(name(0, 7)).unwrap();
    assert_eq!((lesson.teacher, lesson.state), (PersonNo(3), tongke_signaling::calendar::LessonState::Planned));
}

#[test]
fn a_move_is_refused_with_all_reasons_and_undone_to_where_it_was() {
    let (mut plan, timetable, index) = engine(&two());
    // Onto the other lesson of the same pairing: teacher, both rooms, both classes.
    let onto = Change::Move { lesson: name(0, 7), to: Slot { date: date(2026, 9, 8), period: 2 } };
    let Err(Refusal::Clashes(clashes)) = change(&plan, &timetable, &index, &onto) else { panic!("b is there") };
    let kinds: Vec<_> = clashes.iter().map(|c| c.kind.word()).collect();
    assert_eq!(kinds, ["teacher", "master_room", "rural_room", "class", "class"]);

    let away = Change::Move { lesson: name(0, 7), to: Slot { date: date(2026, 9, 9), period: 5 } };
    let after = change(&plan, &timetable, &index, &away).unwrap();
    assert_eq!(after.lesson(name(0, 7)).unwrap().slot.period, 5);
    plan.changes.push(away);
    // The free place is taken meanwhile.
    let index = Index::new(&plan, &after);
    let taken = Change::Move { lesson: name(0, 14), to: Slot { date: date(2026, 9, 7), period: 1 } };
    let later = change(&plan, &after, &index, &taken).unwrap();
    let mut taken_plan = plan.clone();
    taken_plan.changes.push(taken);
    let taken_index = Index::new(&taken_plan, &later);
    assert!(matches!(undo(&taken_plan, &later, &taken_index, 0), Err(Refusal::Clashes(_))));
    let (back, undone) = undo(&plan, &after, &index, 0).unwrap();
    assert_eq!((undone.lessons, back.changes.len()), (timetable.lessons, 0));
}

#[test]
fn only_the_last_change_of_a_lesson_is_undone() {
    let mut file = two();
    let lesson = json!({"entry": "a", "date": "2026-09-07"});
    file["changes"] = json!([
        {"kind": "move", "lesson": lesson, "to": {"date": "2026-09-09", "period": 5}},
        {"kind": "cancel", "lesson": lesson},
    ]);
    let (plan, timetable, index) = engine(&file);
    assert_eq!(undo(&plan, &timetable, &index, 0).unwrap_err(), Refusal::ChangedSince(name(0, 7)));
    let (plan, timetable) = undo(&plan, &timetable, &index, 1).unwrap();
    let index = Index::new(&plan, &timetable);
    assert!(undo(&plan, &timetable, &index, 0).unwrap().0.changes.is_empty());
}
