//! Times the calendar on a made-up region: 1,700 schools, 30,000 entries, one term.
//!
//! `cargo run --release -p tongke-signaling --example region [plan.json]` prints the figures, and writes the plan file
//! if a path is given.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "measuring and printing is what it is for")]

use serde_json::{Value, json};
use std::time::Instant;
use tongke_signaling::calendar::matching::{LinkClass, Need, Supply, WeekSlot, matched};
use tongke_signaling::calendar::{Index, clashes, common::common_periods, expand, model::Weeks, read};

const SCHOOLS: usize = 1_700;
/// Every fifth school is urban and teaches.
const MASTERS: usize = SCHOOLS / 5;
const ENTRIES: usize = 30_000;
/// Lessons that a master school can give a week: 5 days of 7 periods, in so many rooms at once.
const ROOMS: usize = 3;
const PERIODS: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = serde_json::to_vec(&region())?;
    if let Some(path) = std::env::args().nth(1) {
        std::fs::write(path, &file)?;
    }
    println!("plan file        {:>8} KiB", file.len() / 1024);
    let (read, faults) = timed("read", || read(&file));
    let plan = read.ok_or_else(|| format!("{faults:?}"))?;
    drop(file);
    let timetable = timed("expand", || expand(&plan));
    println!("lessons          {:>8}", timetable.lessons.len());
    let index = timed("index", || Index::new(&plan, &timetable));
    let found = timed("clashes", || clashes(&plan, &timetable, &index));
    println!("clashes          {:>8}", found.len());
    let middle = timetable.lessons[timetable.lessons.len() / 2].starts_s;
    let day = timed("due of a day", || timetable.due(middle - 43_200, middle + 43_200, 600).count());
    println!("lessons that day {day:>8}");
    let free = timed("common periods", || common_periods(&plan, &timetable, &index, &plan.pairings[0], &Weeks::All));
    println!("common periods   {:>8}", free.len());
    let (needs, supplies) = market();
    let found = timed("match 2000 × 500", || matched(&needs, &supplies, 2_100));
    println!("proposals        {:>8}, rejections {}", found.proposals.len(), found.rejections.len());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status.lines().filter(|line| line.starts_with("VmHWM")) {
        println!("{line}");
    }
    Ok(())
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    println!("{what:<16} {:>8.1} ms", begun.elapsed().as_secs_f64() * 1_000.0);
    done
}

fn bells(late: usize) -> Value {
    let clock = |minute: usize| format!("{:02}:{:02}", minute / 60, minute % 60);
    let periods = |first: usize| -> Value {
        let start = |no: usize| first + late + no * 50;
        (0..PERIODS).map(|no| json!({"no": no + 1, "start": clock(start(no)), "end": clock(start(no) + 40)})).collect()
    };
    json!([
        {"name": "夏", "from": "2026-09-01", "to": "2026-10-11", "weekdays": [1, 2, 3, 4, 5], "temporary": false, "periods": periods(480)},
        {"name": "冬", "from": "2026-10-12", "to": "2027-01-15", "weekdays": [1, 2, 3, 4, 5], "temporary": false, "periods": periods(500)},
    ])
}

/// Master school m gives its entries in turn: each fills the next room, then the next period. Some collide on purpose.
fn region() -> Value {
    let id = |kind: &str, at: usize| format!("{kind}{at:05}");
    let schools: Vec<Value> = (0..SCHOOLS)
        .map(|at| json!({"id": id("s", at), "name": format!("学校{at}"), "group": id("g", at / 20), "bell_tables": bells(at % 5)}))
        .collect();
    let places = |kind: &str, each: usize| -> Vec<Value> {
        (0..SCHOOLS * each).map(|at| json!({"id": id(kind, at), "school": id("s", at / each)})).collect()
    };
    let mut pairings = Vec::new();
    let mut entries = Vec::new();
    for at in 0..ENTRIES {
        let (master, turn) = (at % MASTERS, at / MASTERS);
        let (room, slot) = (turn % ROOMS, turn / ROOMS);
        let village = MASTERS + (at * 7) % (SCHOOLS - MASTERS);
        let teacher = id("t", master * 20 + turn % 20);
        let rural = json!([{"school": id("s", village), "room": id("r", village * 4 + turn % 4), "class": id("c", village * 20 + turn % 20), "kind": "interactive"}]);
        pairings.push(json!({"id": id("p", at), "subject": "英语", "grade": "五年级", "teacher": teacher, "co_teachers": [id("t", village * 20 + turn % 20)],
            "master": {"school": id("s", master), "room": id("r", master * 4 + room), "class": id("c", master * 20 + turn % 20)},
            "rural": rural, "from": "2026-09-01", "to": "2027-01-15"}));
        entries.push(
            json!({"id": id("e", at), "pairing": id("p", at), "weekday": slot % 5 + 1, "period": slot / 5 % PERIODS + 1,
            "weeks": if at % 10 == 0 { "odd" } else { "all" }}),
        );
    }
    json!({
        "term": {"name": "2026 秋", "first_day": "2026-09-01", "last_day": "2027-01-15", "zone": "Asia/Shanghai"},
        "schools": schools, "rooms": places("r", 4), "classes": places("c", 20), "teachers": places("t", 20),
        "day_rules": [
            {"scope": "region", "dates": ["2026-09-28", "2026-09-29", "2026-09-30", "2026-10-01", "2026-10-02", "2026-10-05", "2026-10-06", "2026-10-07"], "kind": "holiday"},
            {"scope": "region", "dates": ["2026-10-10"], "kind": "runs_as", "weekday": 4, "week": "odd"},
        ],
        "pairings": pairings, "entries": entries, "changes": [],
    })
}

/// Needs and supplies that fit in some ways and not in others.
fn market() -> (Vec<Need>, Vec<Supply>) {
    let slots = |seed: usize, late: i32| -> Vec<WeekSlot> {
        let taken = |n: &usize| !(n * 31 + seed * 17).is_multiple_of(3);
        let slot = |n: usize| {
            let start_s = (480 + 50 * (n % 7) as i32 + late) * 60;
            WeekSlot { weekday: (n / 7) as i8 + 1, period: (n % 7) as u8 + 1, start_s, end_s: start_s + 2_400 }
        };
        (0..35).filter(taken).map(slot).collect()
    };
    let word = |words: &[&str], at: usize| words[at % words.len()].to_owned();
    let subjects = ["英语", "音乐", "美术", "科学"];
    let grades = ["三年级", "四年级", "五年级"];
    let need = |at: usize| Need {
        subject: word(&subjects, at),
        grade: word(&grades, at / 4),
        edition: Some(word(&["人教版", "苏教版"], at / 12)),
        unit: Some((at / 24 % 8) as u16),
        periods: (at % 3) as u8 + 1,
        rank: (at % 9) as u8 + 1,
        free: slots(at, (at % 7) as i32),
        link: if at.is_multiple_of(4) { LinkClass::Terminal } else { LinkClass::Interactive },
        has_room: !at.is_multiple_of(50),
    };
    let supply = |at: usize| Supply {
        subject: word(&subjects, at),
        grade: word(&grades, at / 4),
        edition: (!at.is_multiple_of(5)).then(|| word(&["人教版", "苏教版"], at / 12)),
        unit: Some((at / 24 % 8) as u16),
        periods: (at % 3) as u8 + 1,
        free: slots(at * 5 + 1, 0),
        wants_link: if at.is_multiple_of(3) { LinkClass::Terminal } else { LinkClass::Interactive },
        has_room: true,
    };
    ((0..2_000).map(need).collect(), (0..500).map(supply).collect())
}
