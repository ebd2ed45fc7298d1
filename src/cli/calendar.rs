//! `tongke calendar expand`: a plan file's lessons, clashes and faults, without a server.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tongke_signaling::calendar::answer::answer;
use tongke_signaling::calendar::read::FILE_MAX;

use super::Outcome;

/// The plan could not be read; its faults are printed.
const UNREADABLE: u8 = 2;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Prints the lessons, clashes and faults of a plan file as JSON. Ends with 2 if the plan cannot be read.
    Expand {
        /// The plan (JSON); `-` for standard input.
        plan: PathBuf,
    },
}

pub(super) fn run(command: &Command) -> Outcome {
    let Command::Expand { plan } = command;
    let answer = answer(&file(plan)?);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    serde_json::to_writer(&mut out, &answer)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(if answer.is_read() { ExitCode::SUCCESS } else { ExitCode::from(UNREADABLE) })
}

/// The file's bytes; of one that is too large only as much as shows that it is.
fn file(path: &Path) -> Result<Vec<u8>, String> {
    let max = FILE_MAX as u64 + 1;
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(max).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(max).read_to_end(&mut bytes))
    };
    match read {
        Ok(_) => Ok(bytes),
        Err(cause) => Err(format!("{}: {cause}", path.display())),
    }
}
