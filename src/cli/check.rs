//! `tongke check`: the storage laws, both ways.

use std::process::ExitCode;
use std::sync::Arc;

use tongke_recorder::recover::{PartRow, check};
use tongke_recorder::{RecordingKey, recordings};
use tongke_signaling::command::RecordingId;
use tongke_signaling::{Signaling, SystemClock};

use super::{Outcome, Settings, say};
use crate::house::{closed_shelf, recordings_folder};

pub(super) async fn run(settings: Settings) -> Outcome {
    let config = settings.read()?;
    let root = recordings_folder(&config.data);
    if !root.is_dir() {
        return Err(format!("no recordings in {}", config.data.display()).into());
    }
    let (commands, _) = tokio::sync::mpsc::channel(1);
    let clock = Arc::new(SystemClock::new());
    let signaling = Signaling::open(super::serve::signaling(&config), clock, commands, closed_shelf()).await?;
    let mut problems = 0;
    let mut parts = 0;
    let all = recordings(&root)?;
    for key in &all {
        let rows = rows_of(&signaling, *key).await?;
        parts += rows.len();
        for problem in check(&root, *key, &rows)? {
            problems += 1;
            say(&format!("{}: {problem:?}", key.0));
        }
    }
    say(&format!("{} recordings, {parts} parts, {problems} problems", all.len()));
    Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn rows_of(signaling: &Signaling, key: RecordingKey) -> Result<Vec<PartRow>, tongke_signaling::Error> {
    let rows = signaling.parts(RecordingId(key.0)).await?;
    Ok(rows
        .into_iter()
        .map(|r| PartRow { name: r.track, number: r.number, bytes: r.bytes, blake3: r.blake3 })
        .collect())
}
