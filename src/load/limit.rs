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

/// True where the next time may be better: a moment in which the machine did something else costs packets, and would end a search
/// far below what is carried. Refusals are the server's own word.
fn may_be_chance(trial: &Trial) -> bool {
    !trial.carried && trial.report.joins.refused == 0
}

/// Doubles the lessons, from 16 on, until they are not carried, then halves the difference down to a sixteenth. What is not carried
/// is tried once more, unless newcomers were refused. `told` hears of each trial as it ends. Gives the best that was carried.
pub async fn find_limit(plan: &Plan, mut told: impl FnMut(&Trial)) -> Result<Option<Trial>, LoadError> {
    let most = plan.lessons.len();
    let mut best: Option<Trial> = None;
    let mut bad = most + 1;
    let mut next = FIRST.min(most);
    while next < bad && next <= most {
        let mut trial = try_out(plan, next).await?;
        told(&trial);
        if may_be_chance(&trial) {
            trial = try_out(plan, next).await?;
            told(&trial);
        }
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

/// One run of so many lessons.
async fn try_out(plan: &Plan, lessons: usize) -> Result<Trial, LoadError> {
    let ramp = plan.ramp.max(JOIN * (lessons * plan.receivers) as u32);
    let first = plan.lessons.iter().take(lessons).cloned().collect();
    let report = run(&Plan { lessons: first, ramp, ..plan.clone() }).await?;
    Ok(Trial { lessons, carried: is_carried(&report), report })
}
