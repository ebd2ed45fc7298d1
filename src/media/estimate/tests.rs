//! The estimate in front of an emulated narrow place: its rate, queue, delay, own loss, and traffic of others.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

const PACKET: u32 = 1_100;
const VOICE: u32 = 200;
const STEP_US: i64 = 1_000;

/// A place that lets so much through, with a queue that holds so much and drops what is more.
struct Line {
    rate: f64,
    queue_bytes: f64,
    delay_us: i64,
    loss: f64,
    /// Traffic of others: bit/s, in bursts so far apart.
    others: f64,
    others_every_us: i64,
    free_at: f64,
}

impl Line {
    fn new(rate: f64) -> Self {
        Self {
            rate,
            queue_bytes: rate / 8.0 * 0.6,
            delay_us: 25_000,
            loss: 0.0,
            others: 0.0,
            others_every_us: 10_000,
            free_at: 0.0,
        }
    }

    fn queue_us(&self, now: i64) -> f64 {
        (self.free_at - now as f64).max(0.0)
    }

    /// When a packet that enters now is out, or `None`.
    fn send(&mut self, now: i64, size: u32, rng: &mut StdRng) -> Option<i64> {
        if self.queue_us(now) * self.rate / 8e6 > self.queue_bytes {
            return None;
        }
        self.free_at = self.free_at.max(now as f64) + f64::from(size) * 8e6 / self.rate;
        (!rng.random_bool(self.loss)).then_some(self.free_at as i64 + self.delay_us)
    }
}

struct Run {
    now: i64,
    line: Line,
    estimate: Estimate,
    /// What the sender has to send at most, bit/s: a lesson's layers.
    wanted: f64,
    frame_us: i64,
    /// Frames and bursts are up to so much smaller and larger than they are on average.
    uneven: f64,
    /// A voice goes along.
    voice: bool,
    rng: StdRng,
    credit: f64,
    on_way: Vec<Fate>,
    reports: BTreeMap<i64, Vec<Fate>>,
    reported: i64,
    worst_queue_us: f64,
    others_through: f64,
}

impl Run {
    fn new(line: Line, wanted: f64, seed: u64, start: Option<f64>) -> Self {
        Self {
            now: 0,
            line,
            estimate: Estimate::new(start),
            wanted,
            frame_us: 33_000,
            uneven: 0.0,
            voice: false,
            rng: StdRng::seed_from_u64(seed),
            credit: 0.0,
            on_way: vec![],
            reports: BTreeMap::new(),
            reported: 0,
            worst_queue_us: 0.0,
            others_through: 0.0,
        }
    }

    fn send(&mut self, probe: Option<u8>) {
        self.send_sized(PACKET, probe);
    }

    fn send_sized(&mut self, size: u32, probe: Option<u8>) {
        let arrived = self.line.send(self.now, size, &mut self.rng);
        self.on_way.push(Fate { sent: self.now, arrived, size, probe });
    }

    /// Frames of 33 ms at what the estimate allows, feedback every 50 ms, probes when they are asked for.
    fn run(&mut self, seconds: f64) {
        let end = self.now + (seconds * 1e6) as i64;
        while self.now < end {
            self.now += STEP_US;
            let clock = Duration::from_micros(self.now as u64);
            if self.line.others > 0.0 && self.now % self.line.others_every_us == 0 {
                let even = self.line.others * self.line.others_every_us as f64 / 8e6;
                let size = (even * self.rng.random_range(1.0 - self.uneven..=1.0 + self.uneven)) as u32;
                if self.line.send(self.now, size, &mut self.rng).is_some() {
                    self.others_through += f64::from(size);
                }
            }
            if self.now % self.frame_us == 0 {
                let even = self.estimate.rate().min(self.wanted) * self.frame_us as f64 / 8e6;
                self.credit += even * self.rng.random_range(1.0 - self.uneven..=1.0 + self.uneven);
                while self.credit >= f64::from(PACKET) {
                    self.credit -= f64::from(PACKET);
                    self.send(None);
                }
            }
            if self.voice && self.now % 20_000 == 0 {
                self.send_sized(VOICE, None);
            }
            if let Some(probe) = self.estimate.probe(clock, self.wanted, true) {
                for _ in 0..probe.packets.max(probe.bytes.div_ceil(PACKET)) {
                    self.send(Some(probe.number));
                }
            }
            self.worst_queue_us = self.worst_queue_us.max(self.line.queue_us(self.now));
            if self.now - self.reported >= 50_000 {
                self.report();
            }
            let later = self.reports.split_off(&(self.now + 1));
            for fates in std::mem::replace(&mut self.reports, later).into_values() {
                self.estimate.note_round_trip(Duration::from_micros(2 * self.line.delay_us as u64));
                self.estimate.feed(clock, &fates);
            }
        }
    }

    /// The far end reports what came by now; a packet that came later says that those before it are lost.
    fn report(&mut self) {
        self.reported = self.now;
        let Some(last) = self.on_way.iter().rposition(|f| f.arrived.is_some_and(|at| at <= self.now)) else { return };
        let fates: Vec<Fate> = self.on_way.drain(..=last).collect();
        self.reports.insert(self.now + self.line.delay_us, fates);
    }

    fn settle(&mut self, seconds: f64) -> f64 {
        self.run(seconds);
        let (mut sum, mut n) = (0.0, 0);
        for _ in 0..100 {
            self.run(0.1);
            sum += self.estimate.rate().min(self.wanted);
            n += 1;
        }
        sum / f64::from(n)
    }
}

/// Medians of a figure over seeds, which are printed.
fn median(what: &str, of: impl Fn(u64) -> f64) -> f64 {
    let mut all: Vec<f64> = (0..5).map(of).collect();
    println!("{what}: {all:.2?}");
    all.sort_by(f64::total_cmp);
    all[2]
}

fn worst(what: &str, of: impl Fn(u64) -> f64) -> f64 {
    let all: Vec<f64> = (0..5).map(of).collect();
    println!("{what}: {all:.2?}");
    all.into_iter().fold(f64::INFINITY, f64::min)
}

#[test]
fn it_finds_a_steady_line_and_keeps_its_queue_short() {
    let rate = median("of 2 Mbit/s", |seed| Run::new(Line::new(2e6), 5e6, seed, None).settle(10.0) / 2e6);
    assert!((0.8..1.05).contains(&rate), "{rate}");
    let queue = median("worst queue once found, ms", |seed| {
        let mut run = Run::new(Line::new(2e6), 5e6, seed, None);
        run.run(5.0);
        run.worst_queue_us = 0.0;
        run.run(30.0);
        run.worst_queue_us / 1e3
    });
    assert!(queue <= 300.0, "{queue}");
}

#[test]
fn a_wide_line_is_known_within_seconds_and_at_once_where_it_is_remembered() {
    let found = |seed, start| {
        let mut run = Run::new(Line::new(5e6), 3e6, seed, start);
        while run.estimate.rate() < 3e6 && run.now < 20_000_000 {
            run.run(0.05);
        }
        run.now as f64 / 1e6
    };
    let cold = median("seconds until 3 of 5 Mbit/s are known", |seed| found(seed, None));
    assert!(cold <= 2.0, "{cold}");
    assert!(found(0, Some(4e6)) <= 0.1);
}

#[test]
fn it_falls_with_the_line_and_comes_back_with_it() {
    let mut queues = vec![];
    let back = median("seconds until 2 Mbit/s are known again", |seed| {
        let mut run = Run::new(Line::new(5e6), 2.5e6, seed, None);
        run.run(10.0);
        run.line.rate = 300e3;
        run.run(5.0);
        let queue = run.line.queue_us(run.now) / 1e3;
        assert!(queue <= 500.0, "seed {seed}: a queue of {queue} ms 5 s after the fall");
        run.run(10.0);
        let rate = run.estimate.rate();
        assert!((150e3..400e3).contains(&rate), "seed {seed}: {rate} of 300 kbit/s");
        run.line.rate = 5e6;
        let from = run.now;
        while run.estimate.rate() < 2e6 && run.now - from < 60_000_000 {
            run.run(0.1);
        }
        (run.now - from) as f64 / 1e6
    });
    queues.push(back);
    assert!(back <= 12.0, "{back}");
}

#[test]
fn loss_that_does_not_fall_with_the_rate_does_not_lower_it() {
    for loss in [0.05, 0.1, 0.2, 0.3] {
        let share = median(&format!("of 2.5 Mbit/s wanted at {loss} loss"), |seed| {
            let mut run = Run::new(Line { loss, ..Line::new(6e6) }, 2.5e6, seed, None);
            run.settle(10.0) / 2.5e6
        });
        assert!(share > 0.75, "{loss}: {share}");
    }
    // Also where the loss comes in the middle.
    let share = median("after a loss of 0.2 came", |seed| {
        let mut run = Run::new(Line::new(6e6), 2.5e6, seed, None);
        run.run(10.0);
        run.line.loss = 0.2;
        run.settle(10.0) / 2.5e6
    });
    assert!(share > 0.75, "{share}");
}

#[test]
fn a_queue_too_short_to_be_seen_is_felt_by_its_loss() {
    let rate = median("of 1 Mbit/s behind 15 ms of queue", |seed| {
        let line = Line { queue_bytes: 1e6 / 8.0 * 0.015, ..Line::new(1e6) };
        let mut run = Run::new(line, 3e6, seed, None);
        run.settle(15.0) / 1e6
    });
    assert!((0.5..1.3).contains(&rate), "{rate}");
}

#[test]
fn beside_the_traffic_of_others_neither_starves() {
    let ours = median("ours of 3 Mbit/s beside 2", |seed| {
        let mut run = Run::new(Line { others: 2e6, ..Line::new(3e6) }, 2.5e6, seed, None);
        run.run(10.0);
        let (from, through) = (run.now, run.others_through);
        let ours = run.settle(0.0) / 3e6;
        let theirs = (run.others_through - through) * 8e6 / (run.now - from) as f64 / 2e6;
        assert!(theirs > 0.6, "seed {seed}: the others get {theirs} of their 2 Mbit/s");
        ours
    });
    assert!((0.15..0.7).contains(&ours), "{ours}");
}

#[test]
fn bursts_of_others_where_there_is_room_for_all_are_no_congestion() {
    // Another room's frames, 15 a second, beside ours: 1.6 of 2 Mbit/s on average, much more for moments.
    let least = worst("least of 2 Mbit/s believed in a minute, kbit/s", |seed| {
        let others_every_us = 66_000 + 1_000 * seed as i64;
        let line = Line { others: 1e6, others_every_us, ..Line::new(2e6) };
        let mut run = Run { frame_us: 67_000, uneven: 0.7, voice: true, ..Run::new(line, 5e5, seed, None) };
        run.run(10.0);
        let mut least = f64::INFINITY;
        for _ in 0..600 {
            run.run(0.1);
            least = least.min(run.estimate.rate() / 1e3);
        }
        least
    });
    assert!(least >= 700.0, "{least}");
}

#[test]
fn little_to_send_forgets_nothing() {
    let mut run = Run::new(Line::new(5e6), 3e6, 1, None);
    run.run(10.0);
    let known = run.estimate.rate();
    run.wanted = 100e3;
    run.run(120.0);
    assert!(run.estimate.rate() >= known, "{} after {known}", run.estimate.rate());
}

/// Prints the curves that `benches/curves.mjs` draws: time in s, what the line takes and what is believed in kbit/s, the
/// queue in ms.
#[test]
#[ignore = "prints curves to be drawn; it checks nothing"]
fn curves() {
    type Act = (f64, fn(&mut Line));
    let scenes: [(&str, Line, &[Act]); 5] = [
        ("steady", Line::new(2e6), &[]),
        ("fall", Line::new(5e6), &[(20.0, |l| l.rate = 3e5), (50.0, |l| l.rate = 5e6)]),
        ("others", Line::new(3e6), &[(20.0, |l| l.others = 2e6), (60.0, |l| l.others = 0.0)]),
        ("loss", Line::new(4e6), &[(20.0, |l| l.loss = 0.1), (40.0, |l| l.loss = 0.3), (60.0, |l| l.loss = 0.0)]),
        ("thin", Line::new(1e5), &[]),
    ];
    for (name, line, acts) in scenes {
        let mut run = Run::new(line, 2.5e6, 1, None);
        for step in 0..800 {
            let at = f64::from(step) * 0.1;
            for (_, act) in acts.iter().filter(|(when, _)| (at - when).abs() < 0.01) {
                act(&mut run.line);
            }
            run.run(0.1);
            let left = run.line.rate - run.line.others;
            let (takes, believed, queue) = (left / 1e3, run.estimate.rate() / 1e3, run.line.queue_us(run.now) / 1e3);
            println!("curve {name} {at:.1} {takes:.0} {believed:.0} {queue:.0}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn feedback_that_lies_keeps_the_rate_within_bounds(lies in proptest::collection::vec((proptest::num::i64::ANY, proptest::option::of(proptest::num::i64::ANY), 0u32..65_536, proptest::option::of(0u8..4)), 0..200)) {
        let mut estimate = Estimate::new(Some(f64::MAX));
        for (i, (sent, arrived, size, probe)) in lies.into_iter().enumerate() {
            let now = Duration::from_millis(i as u64 * 40);
            estimate.feed(now, &[Fate { sent: sent / 4, arrived: arrived.map(|a| a / 4), size, probe }]);
            let _ = estimate.probe(now, 1e9, true);
            proptest::prop_assert!((LEAST..=MOST).contains(&estimate.rate()), "{}", estimate.rate());
        }
    }
}
