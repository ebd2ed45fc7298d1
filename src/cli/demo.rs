//! `tongke demo`: a small district on loopback, with a lesson whose bell rings as it starts to serve.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tongke_signaling::{DemoFacts, Signaling};

use super::district::{self, Told, Wish};
use super::{Outcome, say, stopped};
use crate::config::{Config, FULL_PERCENT, LessonTimes};
use crate::house::House;

/// The port of the demo, where it is free.
const PORT: u16 = 8080;
/// Lead times of the demo, so that one person need not wait: displays join some seconds before the bell.
const TIMES: LessonTimes = LessonTimes { opens_before_s: 60, admits_before_s: 12, extend_s: 300 };
/// The line is printed by then in any case.
const ADMISSION_MAX: Duration = Duration::from_secs(5);
/// Between two looks at whether the lessons admit.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Lessons at once; each needs a teacher and a room of its own.
const MAX_LESSONS: u16 = 500;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Folder for the data; a demo that was interrupted there goes on. Without it a temporary one.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Length of the lesson.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=360))]
    minutes: u32,
    /// Seconds until the bell.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    starts_in: u32,
    /// Seconds before the bell at which rooms join; until the bell nothing is recorded.
    #[arg(long, default_value_t = TIMES.admits_before_s, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    admits_before: u32,
    /// Prints one line of JSON instead of words.
    #[arg(long)]
    json: bool,
    /// Lessons that run at the same time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_LESSONS)))]
    lessons: u16,
    /// From this share of its time on, percent, a media worker refuses newcomers; 100: never for that.
    #[arg(long, default_value_t = FULL_PERCENT, value_parser = clap::value_parser!(u8))]
    full_percent: u8,
    /// Port on loopback; without it 8080, or another where that is taken.
    #[arg(long)]
    port: Option<u16>,
    /// Address to listen on; only loopback is allowed.
    #[arg(long, hide = true)]
    listen: Option<std::net::IpAddr>,
}

pub(super) async fn run(arguments: Arguments) -> Outcome {
    let ip = arguments.listen.unwrap_or(Ipv4Addr::LOCALHOST.into());
    if !ip.is_loopback() {
        return Err("the demo listens on loopback only; use `tongke serve` for a real district".into());
    }
    let temporary = if arguments.data.is_none() { Some(TemporaryFolder::make()?) } else { None };
    let data = match (&arguments.data, &temporary) {
        (Some(given), _) => given.clone(),
        (None, Some(made)) => made.0.clone(),
        (None, None) => return Err("no folder for the data".into()),
    };
    let listen = SocketAddr::new(ip, free_port(ip, arguments.port)?);
    let admits_before_s = arguments.admits_before;
    let lesson = LessonTimes { opens_before_s: TIMES.opens_before_s.max(admits_before_s), admits_before_s, ..TIMES };
    let config = Config {
        listen,
        data,
        udp_port: 0,
        tcp_port: 0,
        plain_http: true,
        lesson,
        full_percent: arguments.full_percent,
        metrics: Some(SocketAddr::new(ip, 0)),
        ..Config::default()
    }
    .checked()?;
    let signaling = tongke_signaling::Config {
        demo: Some(DemoFacts { base_url: format!("http://{listen}") }),
        ..super::serve::signaling(&config)
    };
    let house = House::open(&config, signaling).await?;
    let wish = Wish { minutes: arguments.minutes, starts_in_s: arguments.starts_in, lessons: arguments.lessons };
    let told = district::open(&house.signaling, &house.base_url, &wish).await?;
    let told = Told { metrics: house.metrics_url(), ..told };
    let (signaling, base_url) = (house.signaling.clone(), house.base_url.clone());
    let served = house.serve(stopped());
    tokio::pin!(served);
    // What the line names can be used at once: rooms that are due have been admitted when it is printed.
    let is_due = arguments.starts_in <= admits_before_s;
    tokio::select! {
        done = &mut served => done?,
        () = admitted(&signaling, &told, is_due) => {
            tell(&told, &base_url, arguments.json)?;
            served.await?;
        }
    }
    drop(temporary);
    Ok(ExitCode::SUCCESS)
}

/// Waits until all lessons admit their rooms, some milliseconds after the server began to serve; not for those of an
/// interrupted demo that are over.
async fn admitted(signaling: &Signaling, told: &Told, is_due: bool) {
    let all = async {
        while is_due && !told.lessons.iter().all(|l| signaling.is_admitted(l.id)) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let _ = tokio::time::timeout(ADMISSION_MAX, all).await;
}

fn tell(told: &Told, base: &str, json: bool) -> Result<(), serde_json::Error> {
    if json {
        say(&serde_json::to_string(told)?);
        return Ok(());
    }
    say(&format!("Tongke 同课 demo — open  {base}/"));
    say(&format!("  teacher   {}   ({} / {})", told.teacher.url, told.teacher.user, told.teacher.password));
    for display in &told.displays {
        say(&format!("  display   {}   {}", display.url, display.room));
    }
    say(&format!("  admin     {base}/admin   ({} / {})", told.admin.user, told.admin.password));
    say(&format!("  library   {base}/library"));
    Ok(())
}

fn free_port(ip: std::net::IpAddr, wanted: Option<u16>) -> std::io::Result<u16> {
    if let Some(port) = wanted.filter(|p| *p != 0) {
        return Ok(port);
    }
    let first = if wanted == Some(0) { 0 } else { PORT };
    let bound = TcpListener::bind((ip, first)).or_else(|_| TcpListener::bind((ip, 0)))?;
    Ok(bound.local_addr()?.port())
}

/// A folder that goes with the demo.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn make() -> std::io::Result<Self> {
        let name = format!("tongke-demo-{}-{:08x}", std::process::id(), rand::random::<u32>());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Left behind when it cannot be removed; the system clears its temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
