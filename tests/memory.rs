//! How much memory a district at rest takes: 2,000 lessons that are open and 10,000 paired displays on their event
//! streams, in one server. A program, not a test of every day: `cargo test --release --test memory`.
//!
//! The server runs as a child process, so that only its own memory is read.

#![expect(clippy::print_stdout, reason = "a program that says what it measured")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tongke::cli::heap;
use tongke::config::Config;
use tongke::house::House;
use tongke_signaling::Signaling;
use tongke_signaling::model::{Role, RoomKind, SchoolKind};
use tongke_signaling::schema::{NewLesson, NewPairing};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const LESSONS: usize = 2_000;
const ROOMS_EACH: usize = 5;
/// The bound of both together.
const MOST_KIB: u64 = 2 * 1_024 * 1_024;
/// The child waits for its parent at most so long.
const CHILD_LIFE: Duration = Duration::from_secs(900);

fn main() -> Outcome {
    let runtime = tokio::runtime::Runtime::new()?;
    match std::env::var_os("TONGKE_MEMORY_DATA") {
        Some(data) => runtime.block_on(serve(PathBuf::from(data))),
        None => runtime.block_on(measure()),
    }
}

/// The child: a server with everything in it, that tells its address and the displays' secrets.
async fn serve(data: PathBuf) -> Outcome {
    let config = Config {
        listen: "127.0.0.1:0".parse()?,
        data: data.clone(),
        udp_port: 0,
        tcp_port: 0,
        plain_http: true,
        ..Config::default()
    };
    let signaling = tongke_signaling::Config { opens_before_ms: 3_600_000, ..tongke_signaling::Config::new(&data) };
    let house = House::open(&config, signaling).await?;
    let secrets = fill(&house.signaling).await?;
    std::fs::write(data.join("secrets"), secrets.join("\n"))?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", house.base_url)?;
    out.flush()?;
    house.serve(tokio::time::sleep(CHILD_LIFE)).await?;
    Ok(())
}

/// Lessons half an hour from now, each with a teacher, a master room and rural rooms of its own.
async fn fill(signaling: &Signaling) -> Outcome<Vec<String>> {
    let urban = signaling.add_school("实验小学", SchoolKind::Urban).await?;
    let village = signaling.add_school("东沟村小学", SchoolKind::Village).await?;
    let starts_ms = signaling.now_ms() + 1_800_000;
    let mut secrets = Vec::new();
    for number in 0..LESSONS {
        let user = format!("teacher{number}");
        let teacher = signaling.add_person((&user, &user), None, Role::Teacher, Some(urban)).await?;
        let master_room = signaling.add_room(urban, &format!("教室{number}"), RoomKind::Master, None).await?;
        let mut rural_rooms = Vec::new();
        for place in 0..ROOMS_EACH {
            let name = format!("听讲{number}-{place}");
            let room = signaling.add_room(village, &name, RoomKind::Terminal, None).await?;
            secrets.push(signaling.add_paired_display(room).await?.1);
            rural_rooms.push(room);
        }
        let (subject, grade) = ("英语".to_owned(), "五年级".to_owned());
        let pairing = signaling.add_pairing(&NewPairing { subject, grade, teacher, master_room, rural_rooms }).await?;
        let ends_ms = starts_ms + 2_400_000;
        signaling.add_lesson(&NewLesson { pairing, title: None, unit: None, starts_ms, ends_ms }).await?;
    }
    Ok(secrets)
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn measure() -> Outcome {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let data = tempfile::tempdir()?;
    let child = Command::new(std::env::current_exe()?)
        .env("TONGKE_MEMORY_DATA", data.path())
        // As `tongke serve` begins.
        .env(heap::VARIABLE, heap::TUNABLES)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut server = Server(child);
    println!("a district of {LESSONS} lessons and {} displays is being made", LESSONS * ROOMS_EACH);
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let base = line.trim().to_owned();
    let pid = server.0.id();
    // The scheduler opens the lessons in its next turns.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let lessons_kib = memory_kib(pid)?;
    println!("{lessons_kib} KiB with the lessons open and nobody there");
    let secrets = std::fs::read_to_string(data.path().join("secrets"))?;
    // A display answers pings and reads what it is told, or the server takes it for lost.
    let mut displays = Vec::new();
    for (number, secret) in secrets.lines().enumerate() {
        let mut stream = connect(&base, secret).await?;
        displays.push(tokio::spawn(async move { while let Some(Ok(_)) = stream.next().await {} }));
        if number % 1_000 == 999 {
            println!("{} displays: {} KiB", number + 1, memory_kib(pid)?);
        }
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let all_kib = memory_kib(pid)?;
    let there = displays.iter().filter(|d| !d.is_finished()).count();
    let each = all_kib.saturating_sub(lessons_kib) / there.max(1) as u64;
    println!("{there} displays on their event streams: {all_kib} KiB, {each} KiB each");
    if there != LESSONS * ROOMS_EACH {
        return Err(format!("only {there} displays are still there").into());
    }
    if all_kib > MOST_KIB {
        return Err(format!("{all_kib} KiB are more than {MOST_KIB}").into());
    }
    println!("1 passed, 0 failed");
    Ok(())
}

type Stream = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// A display's event stream, greeted.
async fn connect(base: &str, secret: &str) -> Outcome<Stream> {
    let url = format!("{}/api/events", base.replacen("http", "ws", 1));
    let (mut stream, _) = tokio_tungstenite::connect_async(url).await?;
    let hello = format!(r#"{{"kind":"hello","secret":"{secret}","page":"memory"}}"#);
    stream.send(Message::text(hello)).await?;
    while let Some(message) = stream.next().await {
        if message?.to_text()?.contains("\"kind\":\"snapshot\"") {
            return Ok(stream);
        }
    }
    Err("the event stream ended before its snapshot".into())
}

/// Resident memory (proc(5)).
fn memory_kib(pid: u32) -> Outcome<u64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().next().ok_or("no figure")?.parse()?)
}
