//! The week of a school right after a change comes from a part of the calendar; it must be what the whole would show.

use crate::district::{Asker, District};
use axum::http::{Method, StatusCode};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tongke_signaling::Signaling;
use tongke_signaling::model::{Role, RoomKind};
use tongke_signaling::schema::NewPairing;

const SCHOOLS: usize = 6;
const PAIRINGS: usize = 14;
/// Tuesday 1 September, the Saturday that makes up, and two weeks after.
const WEEKS: [&str; 4] = ["2026-09-01", "2026-10-10", "2026-11-24", "2026-12-01"];

struct Region {
    schools: Vec<Value>,
    teachers: Vec<Value>,
    pairings: Vec<Value>,
    term: Value,
}

fn bells(school: &Value, late: i32, name: &str, dates: (&str, &str), temporary: bool) -> Value {
    let clock = |minute: i32| format!("{:02}:{:02}", minute / 60, minute % 60);
    let period = |no: i32| json!({"no": no, "start": clock(430 + no * 50 + late), "end": clock(470 + no * 50 + late)});
    json!({"school": school, "name": name, "from": dates.0, "to": dates.1, "weekdays": [1, 2, 3, 4, 5, 6],
        "temporary": temporary, "periods": (1..6).map(period).collect::<Vec<_>>()})
}

async fn region(d: &District, root: &Asker<'_>, rng: &mut StdRng) -> Region {
    let s: &Signaling = &d.signaling;
    let (mut schools, mut rooms, mut teachers, mut classes) = (vec![], vec![], vec![], vec![]);
    for n in 0..SCHOOLS {
        let group = if n % 2 == 0 { "east" } else { "west" };
        let school =
            root.post("/api/schools", json!({"name": format!("School {n}"), "kind": "urban", "group": group})).await;
        assert_eq!(school.status, StatusCode::CREATED, "{}", school.text);
        let school = school.body["id"].clone();
        let id = school.as_str().unwrap().parse().unwrap();
        for kind in [RoomKind::Master, RoomKind::Interactive] {
            rooms.push(s.add_room(id, &format!("{kind:?}"), kind, None).await.unwrap());
        }
        for t in 0..2 {
            let login = format!("t{n}-{t}");
            teachers.push(json!(s.add_person((&login, &login), None, Role::Teacher, Some(id)).await.unwrap()));
            let class =
                root.post("/api/classes", json!({"school": school, "name": format!("{t}"), "grade": "5"})).await;
            classes.push(class.body["id"].clone());
        }
        let table = bells(&school, rng.random_range(0..4), "winter", ("2026-09-01", "2027-01-15"), false);
        assert_eq!(root.post("/api/bell-tables", table).await.status, StatusCode::CREATED);
        schools.push(school);
    }
    let term = json!({"name": "autumn", "first_day": "2026-09-01", "last_day": "2027-01-15"});
    let term = root.post("/api/terms", term).await.body["id"].clone();
    let mut pairings = Vec::new();
    for _ in 0..PAIRINGS {
        let (master, rural) = (rng.random_range(0..SCHOOLS), rng.random_range(1..SCHOOLS));
        let rural = (master + rural) % SCHOOLS;
        let teacher = teachers[master * 2 + rng.random_range(0..2)].as_str().unwrap().parse().unwrap();
        let new = NewPairing {
            subject: format!("Subject {}", pairings.len()),
            grade: "5".into(),
            teacher,
            master_room: rooms[master * 2],
            rural_rooms: vec![rooms[rural * 2 + 1]],
        };
        let pairing = s.add_pairing(&new).await.unwrap();
        let helpers: Vec<&Value> = teachers.choose(rng).into_iter().collect();
        let plan = json!({"from": null, "to": null, "level": null, "co_teachers": helpers,
            "master_class": classes[master * 2],
            "rural_classes": [{"room": rooms[rural * 2 + 1], "class": classes[rural * 2]}]});
        let path = format!("/api/pairings/{pairing}/plan");
        let put = root.send(Method::PUT, &path, &[("content-type", "application/json")], plan.to_string()).await;
        assert!(put.status.is_success(), "{}", put.text);
        pairings.push(json!(pairing));
    }
    Region { schools, teachers, pairings, term }
}

/// Entries and changes that the calendar may refuse, then rules and bell tables that make lessons clash after all.
async fn history(root: &Asker<'_>, region: &Region, everywhere: bool, rng: &mut StdRng) -> usize {
    let mut entries = Vec::new();
    for pairing in region.pairings.iter().cycle().take(PAIRINGS * 3) {
        let (weekday, period) = (rng.random_range(1..6), rng.random_range(1..6));
        let weeks = ["all", "odd", "even"].choose(rng);
        let entry =
            json!({"term": region.term, "pairing": pairing, "weekday": weekday, "period": period, "weeks": weeks});
        let made = root.post("/api/entries", entry.clone()).await;
        if made.status == StatusCode::CREATED {
            entries.push((made.body["id"].clone(), entry["weekday"].as_i64().unwrap()));
        }
    }
    let mut changed = 0;
    for _ in 0..30 {
        let mut lesson = || {
            let (entry, weekday) = entries.choose(rng).unwrap();
            // 24 November is a Tuesday.
            let day = 22 + *weekday;
            json!({"entry": entry, "date": format!("2026-11-{day}")})
        };
        let (a, b) = (lesson(), lesson());
        let act = match rng.random_range(0..4) {
            0 => json!({"kind": "swap", "a": a, "b": b}),
            1 => json!({"kind": "move", "lesson": a, "to": {"date": "2026-12-02", "period": rng.random_range(1..6)}}),
            2 => json!({"kind": "substitute", "lesson": a, "teacher": region.teachers.choose(rng)}),
            _ => json!({"kind": "cancel", "lesson": a}),
        };
        let made = root.post("/api/changes", json!({"term": region.term, "act": act})).await;
        changed += usize::from(made.status == StatusCode::CREATED);
    }
    let school = region.schools.choose(rng).unwrap();
    let saturday = json!({"scope": "region", "dates": ["2026-10-10"], "kind": "runs_as", "weekday": 4, "week": "odd"});
    for rule in [
        json!({"scope": "group", "group": "east", "dates": ["2026-11-26"], "kind": "runs_as", "weekday": 2}),
        json!({"scope": "school", "school": school, "dates": ["2026-11-25"], "kind": "holiday"}),
    ]
    .into_iter()
    .chain(everywhere.then_some(saturday))
    {
        let made = root.post("/api/day-rules", rule).await;
        assert!(made.status.is_success(), "{}", made.text);
    }
    for school in region.schools.iter().step_by(2) {
        let table = bells(school, 25, "exam", ("2026-11-23", "2026-11-27"), true);
        assert_eq!(root.post("/api/bell-tables", table).await.status, StatusCode::CREATED);
    }
    changed
}

async fn weeks(root: &Asker<'_>, region: &Region) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let subjects = region.schools.iter().map(|s| ("school", s)).chain(region.teachers.iter().map(|t| ("teacher", t)));
    for (kind, id) in subjects {
        for date in WEEKS {
            let path = format!("/api/week?date={date}&{kind}={}", id.as_str().unwrap());
            let week = root.get(&path).await;
            assert_eq!(week.status, StatusCode::OK, "{}", week.text);
            found.push((path, week.body));
        }
    }
    found
}

#[tokio::test]
async fn a_part_of_the_calendar_shows_what_the_whole_shows() {
    let (mut lessons, mut clashes, mut changes) = (0, 0, 0);
    for seed in 0..6 {
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        // Nothing runs beside it that would build the whole calendar of itself.
        let d = District::at_rest().await;
        let root = d.sign_in("root").await;
        let region = region(&d, &root, &mut rng).await;
        changes += history(&root, &region, true, &mut rng).await;
        let parts = weeks(&root, &region).await;
        // Needs and offers are matched on the whole calendar, which is kept from then on.
        let market = root.get(&format!("/api/proposals?term={}", region.term.as_str().unwrap())).await;
        assert_eq!(market.status, StatusCode::OK);
        for ((path, part), (_, whole)) in parts.iter().zip(weeks(&root, &region).await) {
            assert_eq!(*part, whole, "seed {seed}: {path}");
            let all = whole["lessons"].as_array().unwrap();
            lessons += all.len();
            clashes += all.iter().filter(|l| l["clashes"] != json!([])).count();
        }
    }
    println!("{lessons} lessons, {clashes} with clashes, {changes} changes");
    assert!(lessons > 1_000 && clashes > 20 && changes > 20, "too little happens: {lessons}, {clashes}, {changes}");
}

/// The rows of the coming two days, by start.
async fn rows(d: &District) -> Vec<Value> {
    let mut found = Vec::new();
    for page in 1.. {
        let answer = d.sign_in("root").await.get(&format!("/api/lessons?per_page=100&page={page}")).await.body;
        found.extend(answer["items"].as_array().unwrap().clone());
        if found.len() as i64 == answer["total"].as_i64().unwrap() {
            return found;
        }
    }
    found
}

/// After each change only the lessons of the schools it touched are looked through; a process that starts anew looks
/// through all of them and finds nothing to mend.
#[tokio::test]
async fn rows_that_follow_each_change_are_what_the_whole_calendar_gives() {
    let (mut lessons, mut changes, mut cancelled) = (0, 0, 0);
    for seed in 10..14 {
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let d = District::new().await;
        let root = d.sign_in("root").await;
        let region = region(&d, &root, &mut rng).await;
        changes += history(&root, &region, false, &mut rng).await;
        d.settle().await;
        let followed = rows(&d).await;
        let d = d.restart().await;
        d.settle().await;
        assert_eq!(followed, rows(&d).await, "seed {seed}");
        lessons += followed.len();
        cancelled += followed.iter().filter(|l| l["state"] == "cancelled").count();
    }
    println!("{lessons} lessons, {cancelled} of them cancelled, {changes} changes");
    assert!(lessons > 25 && changes > 20 && cancelled > 0, "too little happens: {lessons}, {changes}, {cancelled}");
}
