//! The command line: `serve`, `demo`, `user`, `check`, `calendar`, `load`.
//!
//! The only part that prints. Logs go to standard error, results to standard output.

mod calendar;
mod check;
mod demo;
mod district;
pub mod heap;
mod load;
mod serve;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::Config;

/// `rtc-dtls` warns thrice for every ClientHello of a browser, about extensions it rightly ignores.
const LOG: &str = "info,rtc_dtls=error,rtc_ice=error,memory_serve=warn,sqlx=warn";

/// Tongke 同课: live two-way lessons by timetable, recorded.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves a district.
    Serve(serve::Arguments),
    /// Serves a small made-up district on this machine, with a lesson that has just begun.
    Demo(demo::Arguments),
    /// Adds people and sets passwords.
    #[command(subcommand)]
    User(user::Command),
    /// Checks that the recordings on disk and in the catalogue agree.
    Check(Settings),
    /// Asks the calendar about a plan file, without a server.
    #[command(subcommand)]
    Calendar(calendar::Command),
    /// Measures a server: publishers and viewers with real media.
    Load(load::Arguments),
}

/// Where the settings are.
#[derive(clap::Args, Clone)]
struct Settings {
    /// Settings file (TOML).
    #[arg(long, env = "TONGKE_CONFIG")]
    config: Option<PathBuf>,
    /// Data folder; overrides the settings file.
    #[arg(long, env = "TONGKE_DATA")]
    data: Option<PathBuf>,
}

impl Settings {
    fn read(&self) -> Result<Config, Box<dyn std::error::Error>> {
        let mut config = Config::read(self.config.as_deref())?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        Ok(config)
    }
}

/// Runs the command line; an error is said in one line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if matches!(cli.command, Command::Serve(_) | Command::Demo(_)) {
        heap::in_huge_pages();
    }
    let filter = EnvFilter::try_from_env("TONGKE_LOG").unwrap_or_else(|_| EnvFilter::new(LOG));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let done = match cli.command {
        Command::Serve(arguments) => runtime().and_then(|r| r.block_on(serve::run(arguments))),
        Command::Demo(arguments) => runtime().and_then(|r| r.block_on(demo::run(arguments))),
        Command::User(command) => runtime().and_then(|r| r.block_on(user::run(command))),
        Command::Check(settings) => runtime().and_then(|r| r.block_on(check::run(settings))),
        Command::Calendar(command) => calendar::run(&command),
        Command::Load(arguments) => load::run(arguments),
    };
    match done {
        Ok(code) => code,
        Err(cause) => {
            eprintln_one(&cause.to_string());
            ExitCode::FAILURE
        }
    }
}

type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

#[expect(clippy::print_stderr, reason = "the command line's one way to say what went wrong")]
fn eprintln_one(text: &str) {
    eprintln!("tongke: {text}");
}

#[expect(clippy::print_stdout, reason = "the command line's one way to print a result")]
fn say(text: &str) {
    println!("{text}");
}

fn runtime() -> Result<tokio::runtime::Runtime, Box<dyn std::error::Error>> {
    // HTTP, SQL and files; the media workers have runtimes of their own.
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Waits for the signal to stop.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut stream) => {
                stream.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
