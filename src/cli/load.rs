//! `tongke load`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::{Outcome, say};
use crate::load::{self, Plan, Target};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// WHIP endpoint; `{n}` stands for the number of the lesson, from 0.
    #[arg(long, requires = "whep")]
    whip: Option<String>,
    /// WHEP endpoint; `{n}` as above.
    #[arg(long, requires = "whip")]
    whep: Option<String>,
    /// Bearer of both.
    #[arg(long, default_value = "")]
    token: String,
    /// A file with the line of `tongke demo --json`, instead of --whip, --whep and --token.
    #[arg(long, conflicts_with = "whip")]
    demo: Option<PathBuf>,
    /// Lessons; with --demo at most those it has.
    #[arg(long)]
    lessons: Option<usize>,
    /// Viewers of each lesson.
    #[arg(long, default_value_t = 10)]
    receivers: usize,
    /// Seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Packets evenly paced, as a browser sends them, instead of a frame at a time.
    #[arg(long)]
    paced: bool,
    /// The server's process, to measure its CPU and memory.
    #[arg(long)]
    pid: Option<u32>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn targets(&self) -> Result<Vec<Target>, Box<dyn std::error::Error>> {
        if let Some(path) = &self.demo {
            let mut lessons = load::read_lessons(path)?;
            lessons.truncate(self.lessons.unwrap_or(usize::MAX));
            return Ok(lessons);
        }
        let (Some(whip), Some(whep)) = (&self.whip, &self.whep) else {
            return Err("--demo FILE, or --whip and --whep".into());
        };
        let number = |url: &str, n: usize| url.replace("{n}", &n.to_string());
        let target = |n| Target { whip: number(whip, n), whep: number(whep, n), token: self.token.clone() };
        Ok((0..self.lessons.unwrap_or(1)).map(target).collect())
    }
}

pub(super) fn run(arguments: Arguments) -> Outcome {
    let plan = Plan {
        lessons: arguments.targets()?,
        receivers: arguments.receivers,
        length: Duration::from_secs(arguments.seconds),
        paced: arguments.paced,
        pid: arguments.pid,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = tokio::task::LocalSet::new().block_on(&runtime, load::run(&plan))?;
    if arguments.json {
        say(&serde_json::to_string(&report)?);
    } else {
        say(&report.to_string());
    }
    Ok(ExitCode::SUCCESS)
}
