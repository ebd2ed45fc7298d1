//! `tongke load`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::{Outcome, say};
use crate::load::{self, Plan, Rates, SignIn, Target, Trial, Weak};

/// Lessons tried at most by `--find-limit`, where the server has no list of them.
const MOST_LESSONS: usize = 1_024;

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("from").required(true).args(["whip", "demo", "tongke"]))]
pub(super) struct Arguments {
    /// WHIP endpoint; the number of the lesson, from 0, takes the place of an n in braces.
    #[arg(long, requires = "whep")]
    whip: Option<String>,
    /// WHEP endpoint, likewise.
    #[arg(long, requires = "whip")]
    whep: Option<String>,
    /// Bearer of both.
    #[arg(long, default_value = "")]
    token: String,
    /// A file with the line of `tongke demo --json`, instead of --whip, --whep and --token.
    #[arg(long)]
    demo: Option<PathBuf>,
    /// A Tongke's address, http://…; its open lessons are loaded. A demo tells its administrator, others need --user.
    #[arg(long)]
    tongke: Option<String>,
    /// Administrator of --tongke.
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// Their password.
    #[arg(long, env = "TONGKE_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Lessons; with --demo and --tongke at most those there are.
    #[arg(long)]
    lessons: Option<usize>,
    /// Viewers of each lesson.
    #[arg(long, default_value_t = 10)]
    receivers: usize,
    /// Seconds that are counted; with --find-limit in each trial.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The viewers join evenly over so many seconds; without it 5 ms apart, with --find-limit 20 ms at least.
    #[arg(long)]
    ramp: Option<f64>,
    /// Video of each publisher, kbit/s.
    #[arg(long, default_value_t = 2_000)]
    kilobits: u32,
    /// Packets evenly paced, as a browser sends them, instead of a frame at a time.
    #[arg(long)]
    paced: bool,
    /// Finds the most lessons that are carried with less than 0.1 % lost and p99 below 50 ms. What is not carried is tried once more, unless newcomers
    /// were refused.
    #[arg(long)]
    find_limit: bool,
    /// Where a Tongke tells its figures (its setting `metrics`), to count system calls and the time of its own code; a demo's is known.
    #[arg(long)]
    metrics: Option<String>,
    /// Viewers look for what has come ten times a second instead of waiting for it: less work for this tool, and the server is
    /// not charged for waking them. Delays do not depend on it.
    #[arg(long)]
    look: bool,
    /// The same, and keeps this tool's core busy, so that the server is not charged for waking anybody.
    #[arg(long)]
    spin: bool,
    /// So many viewers, one in each lesson, have lines of 300 kbit/s that lose 20 %; they are told apart.
    #[arg(long, default_value_t = 0)]
    weak: usize,
    /// In so many lessons the publisher's line loses 20 %; their viewers are told apart.
    #[arg(long, default_value_t = 0)]
    weak_uplinks: usize,
    /// The server's process, to measure its CPU and memory.
    #[arg(long)]
    pid: Option<u32>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn targets(&self) -> Result<Vec<Target>, Box<dyn std::error::Error>> {
        if let (Some(whip), Some(whep)) = (&self.whip, &self.whep) {
            let count = self.lessons.unwrap_or(if self.find_limit { MOST_LESSONS } else { 1 });
            return Ok(load::by_number(whip, whep, &self.token, count));
        }
        let sign_in =
            |user: &String| SignIn { user: user.clone(), password: self.password.clone().unwrap_or_default() };
        let mut targets = match (&self.demo, &self.tongke) {
            (Some(path), _) => load::from_demo(path)?,
            (None, Some(base)) => load::from_tongke(base, self.user.as_ref().map(sign_in))?,
            (None, None) => return Err("--demo, --tongke, or --whip and --whep".into()),
        };
        targets.truncate(self.lessons.unwrap_or(usize::MAX));
        if targets.is_empty() {
            return Err("no lesson is open there".into());
        }
        Ok(targets)
    }

    fn plan(&self) -> Result<Plan, Box<dyn std::error::Error>> {
        let lessons = self.targets()?;
        let ramp = match self.ramp {
            Some(seconds) => Duration::try_from_secs_f64(seconds)?,
            None => Duration::from_millis(5) * (lessons.len() * self.receivers) as u32,
        };
        Ok(Plan {
            lessons,
            receivers: self.receivers,
            length: Duration::from_secs(self.seconds),
            rates: Rates { kilobits: self.kilobits, paced: self.paced },
            ramp,
            pid: self.pid,
            metrics: self.metrics.clone().or_else(|| self.demo.as_deref().and_then(load::metrics_of_demo)),
            look: self.look || self.spin,
            spin: self.spin,
            weak: Weak { viewers: self.weak, uplinks: self.weak_uplinks },
        })
    }
}

pub(super) fn run(arguments: Arguments) -> Outcome {
    let mut plan = arguments.plan()?;
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    if !arguments.find_limit {
        let report = local.block_on(&runtime, load::run(&plan))?;
        let text = if arguments.json { serde_json::to_string(&report)? } else { report.to_string() };
        say(&text);
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.ramp.is_none() {
        plan.ramp = Duration::ZERO;
    }
    let told = |trial: &Trial| {
        let Trial { lessons, carried, report } = trial;
        let word = if *carried { "carried" } else { "not carried" };
        let (loss, delay) = (report.loss() * 100.0, report.delay_p99_ms);
        tracing::info!(
            "{lessons} lessons, {:.0} packets/s: {word} ({loss:.3} % lost, p99 {delay:.1} ms)",
            report.rate()
        );
    };
    match local.block_on(&runtime, load::find_limit(&plan, told))? {
        Some(best) if arguments.json => say(&serde_json::to_string(&best)?),
        Some(best) => say(&format!("most carried: {} lessons\n{}", best.lessons, best.report)),
        None => return Err("not even one lesson is carried".into()),
    }
    Ok(ExitCode::SUCCESS)
}
