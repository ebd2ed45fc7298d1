//! The most a server carries: more and more lessons until it loses or delays packets.

use std::time::Duration;

use super::{LoadError, Plan, Report, run};

/// Share of packets that may be lost.
const LOSS: f64 = 0.001;
/// Added delay at 99 %, ms.
const DELAY_MS: f64 = 50.0;

/// Viewers join one after the other so far apart at least: what is looked for is how much media is carried, not how many handshakes.
const JOIN: Duration = Duration::from_millis(20);

/// Tried first: any server carries some, and each trial takes its time.
const FIRST: usize = 16;

/// One trial.
#[derive(Debug, serde::Serialize)]
pub struct Trial {
    /// Lessons at once.
    pub lessons: usize,
    /// True: everybody joined, loss and delay kept within bounds.
    pub carried: bool,
    /// What was seen.
    pub report: Report,
}

fn is_carried(report: &Report) -> bool {
    report.loss() < LOSS && report.delay_p99_ms < DELAY_MS && report.joins.refused + report.joins.failed == 0
}

/// Doubles the lessons, from 16 on, until they are not carried, then halves the difference down to a sixteenth. `told` hears of
/// each trial as it ends. Gives the best that was carried.
pub async fn find_limit(plan: &Plan, mut told: impl FnMut(&Trial)) -> Result<Option<Trial>, LoadError> {
    let most = plan.lessons.len();
    let mut best: Option<Trial> = None;
    let mut bad = most + 1;
    let mut next = FIRST.min(most);
    while next < bad && next <= most {
        let lessons = plan.lessons.iter().take(next).cloned().collect();
        let ramp = plan.ramp.max(JOIN * (next * plan.receivers) as u32);
        let report = run(&Plan { lessons, ramp, ..plan.clone() }).await?;
        let trial = Trial { lessons: next, carried: is_carried(&report), report };
        told(&trial);
        let good = if trial.carried {
            best = Some(trial);
            next
        } else {
            bad = next;
            best.as_ref().map_or(0, |t| t.lessons)
        };
        next = if bad > most { (good * 2).min(most).max(good + 1) } else { good + (bad - good) / 2 };
        if next <= good || bad <= most && bad - good <= (good / 16).max(1) {
            break;
        }
    }
    Ok(best)
}
