//! Signaling decides: people, timetable, lessons, stage, library, HTTP and SQL.
//!
//! Knows nothing of RTP, UDP or MP4, and never parses SDP.
//!
//! Reading order: [`command`] (the values exchanged with the media plane), [`model`] and [`schema`] (the words of the
//! district and of the API), [`messages`] (the event stream), [`calendar`] (the term's lessons, pure), [`scheduler`] and [`stage`] (the rules, pure),
//! [`lesson`] (a running lesson, pure), `almanac`, `planner` and `lone` (the calendar in memory, the rows
//! of the coming lessons, and those beside it), `floor`, `office` and `bells` (what drives them), `feed`, `import` and `sheet`
//! (the calendar for other programs), `joining` and `pump` (to
//! and from the media plane), [`hub`] (open pages), [`store`] (SQL), [`auth`] and [`secret`] (who asks), [`api`] (the
//! HTTP API; its `table` says who may call what), [`demo`] (making things without HTTP).

mod almanac;
pub mod api;
pub mod auth;
mod bells;
pub mod calendar;
pub mod clock;
pub mod command;
pub mod config;
pub mod demo;
pub mod error;
mod feed;
mod floor;
pub mod hub;
mod import;
mod joining;
pub mod lesson;
mod lone;
pub mod messages;
pub mod model;
mod office;
mod planner;
mod pump;
pub mod scheduler;
pub mod schema;
pub mod secret;
mod sheet;
pub mod stage;
pub mod store;

pub use api::openapi;
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{Config, DemoFacts};
pub use error::{Error, Result};
pub use office::{RunRow, Shelf};
pub use store::RecordingRow;

use command::{Command, Event, PartRow, RecordingId, TrackRow};
use office::Office;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Signaling as the house sees it.
#[derive(Clone)]
pub struct Signaling {
    office: Arc<Office>,
}

impl Signaling {
    /// Opens the database and prepares everything; nothing runs yet. Orders go to `commands` once [`Self::run`] runs.
    pub async fn open(
        config: Config,
        clock: Arc<dyn Clock>,
        commands: mpsc::Sender<Command>,
        shelf: Arc<dyn Shelf>,
    ) -> Result<Self> {
        Ok(Self { office: Office::open(config, clock, commands, shelf).await? })
    }

    /// The whole API with `/whip`, `/whep` and `/healthz`; the house adds pages as its fallback and serves it with
    /// `ConnectInfo<SocketAddr>`.
    pub fn router(&self) -> axum::Router {
        api::router(self.office.clone())
    }

    /// Keeps the timetable and takes the media plane's facts, until `events` has no sender any more. Runs once.
    pub async fn run(&self, events: mpsc::Receiver<Event>) {
        let ends = self.office.ends.lock().unwrap_or_else(|e| e.into_inner()).take();
        let Some(office::Ends { orders, mut jobs, commands }) = ends else {
            tracing::error!("signaling runs already");
            return;
        };
        let office = &self.office;
        tokio::select! {
            () = office.pump_events(events) => {}
            () = Office::pump_orders(orders, commands) => {}
            () = office.pump_jobs(&mut jobs) => {}
            () = office.keep_time() => {}
            () = office.keep_rows() => {}
        }
        office.drain_jobs(&mut jobs).await;
        office.keep_attendance().await;
        office.store.close().await;
    }

    /// Recordings that a crash or a shutdown left unfinished; the recorder recovers them before anything starts.
    pub async fn recordings_to_recover(&self) -> Result<Vec<RecordingRow>> {
        self.office.store.unsettled_recordings().await
    }

    /// The tracks of a recording as the catalogue knows them.
    pub async fn tracks(&self, recording: RecordingId) -> Result<Vec<TrackRow>> {
        self.office.store.tracks(recording).await
    }

    /// The parts of a recording as the catalogue knows them, by track and number.
    pub async fn parts(&self, recording: RecordingId) -> Result<Vec<PartRow>> {
        self.office.store.parts(recording, None).await
    }

    /// Stores a fact of the recorder (`TrackOpened`, `PartKept`, `GapFound`, `Recorded`) outside [`Self::run`], during
    /// recovery. May be repeated.
    pub async fn keep(&self, event: &Event) -> Result<()> {
        self.office.keep_fact(event).await
    }

    /// After recovery: forgets catalogued parts whose files are not on disk. Gives how many.
    pub async fn retain_parts(&self, recording: RecordingId, on_disk: &[(String, u32)]) -> Result<u64> {
        self.office.store.retain_parts(recording, on_disk).await
    }

    /// How often the scheduler has looked at the clock; it is alive while this rises.
    pub fn looks(&self) -> u64 {
        self.office.looks.load(std::sync::atomic::Ordering::Acquire)
    }

    /// How often it was asked whether the calendar changed, and the rows of the coming lessons brought up to date if so.
    pub fn follows(&self) -> u64 {
        self.office.follows.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Seats of a running lesson through which media flows now.
    pub fn present(&self, lesson: command::LessonId) -> usize {
        let view = self.office.act(|floor, _, _| floor.lesson(lesson).map(lesson::Lesson::view));
        view.map_or(0, |v| v.seats.iter().filter(|s| s.present).count())
    }

    /// What became of a lesson, with evidence (JSON).
    pub async fn outcome(&self, lesson: command::LessonId) -> Result<Option<(model::OutcomeResult, String)>> {
        self.office.store.outcome(lesson).await
    }

    /// Server time as the timetable sees it, epoch milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.office.now().ms
    }
}

/// The API description as committed in `openapi.json`: pretty, with a newline at the end.
pub fn openapi_json() -> String {
    let mut text = openapi().to_pretty_json().expect("the description has string keys only");
    text.push('\n');
    text
}
