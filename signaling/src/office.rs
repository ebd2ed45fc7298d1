//! What all parts of signaling share, and the one place where effects of lessons are carried out.
//!
//! Queues: orders to the media plane (the pump waits for the media plane; when [`ORDERS_MAX`] wait here, joins are
//! refused, and only if it fills up all the same an order is lost, loudly); rows to write ([`JOBS_MAX`]; a lost row
//! of a recording comes back at the next recovery, because the disk is the truth).

use crate::almanac::Almanacs;
use crate::auth::{Passwords, Tries};
use crate::bells::Unwritten;
use crate::clock::{Clock, Timeline};
use crate::command::{Command, Event, LessonId, PartRow, RecordingId, Refusal, SeatId, SessionId, Slot};
use crate::config::Config;
use crate::error::Result;
use crate::floor::Floor;
use crate::hub::Hub;
use crate::lesson::{Audience, Effect, Members, Now, Span};
use crate::messages::ServerMessage;
use crate::model::ChapterKind;
use crate::schema::Lesson;
use crate::secret::{SigningKey, random_token};
use crate::store::Store;
use dashmap::DashMap;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};

/// A stretch of a recorded track without a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Lesson time.
    pub start_ms: i64,
    /// Length.
    pub duration_ms: i64,
}

/// Playback, implemented by the house over the recorder: signaling never learns formats.
pub trait Shelf: Send + Sync {
    /// The stretches of a track.
    fn runs(&self, recording: RecordingId, track: &str, parts: &[PartRow]) -> Vec<RunRow>;
    /// The playlist of a stretch; `uri` makes the address of a file. `ended`: nothing will be added any more.
    fn playlist(
        &self,
        recording: RecordingId,
        track: &str,
        parts: &[PartRow],
        run: usize,
        uri: &dyn Fn(&str) -> String,
        ended: bool,
    ) -> Option<String>;
    /// Where a file of a track is. `track` and `file` are plain names; the implementation checks them too.
    fn file(&self, recording: RecordingId, track: &str, file: &str) -> Option<PathBuf>;
}

/// Orders that wait to be taken by the media plane.
const ORDERS_MAX: usize = 16_384;
/// Joins are refused when fewer places than this are left, so that mutes of running lessons still find one.
const ORDERS_RESERVE: usize = ORDERS_MAX / 2;
/// Rows that wait to be written.
const JOBS_MAX: usize = 8_192;

/// What a join or restart waits for.
#[derive(Debug)]
pub(crate) enum Reply {
    Answered { answer: String, etag: String, slots: Vec<(Slot, String)> },
    Restarted { fragment: String, etag: String },
    Refused(Refusal),
}

/// A row to write, in order.
#[derive(Debug)]
pub(crate) enum Job {
    Fact(Event),
    Chapter { recording: RecordingId, at_ms: i64, kind: ChapterKind, seat: Option<SeatId> },
    Trouble(RecordingId, Span),
}

/// Ends of the queues that the pumps take.
pub(crate) struct Ends {
    pub(crate) orders: mpsc::Receiver<Command>,
    pub(crate) jobs: mpsc::Receiver<Job>,
    pub(crate) commands: mpsc::Sender<Command>,
}

pub(crate) struct Office {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) hub: Hub,
    pub(crate) shelf: Arc<dyn Shelf>,
    pub(crate) passwords: Passwords,
    pub(crate) tries: Tries,
    pub(crate) key: SigningKey,
    /// Makes the ids of the calendar's lessons from their names.
    pub(crate) lesson_key: SigningKey,
    pub(crate) almanacs: Almanacs,
    /// Held by whoever changes the calendar, from looking at what is in the way to writing.
    pub(crate) calendar: tokio::sync::Mutex<()>,
    pub(crate) pending: DashMap<SessionId, VecDeque<oneshot::Sender<Reply>>>,
    /// Held while bells ring, by the clock or by a teacher, so that each rings once.
    pub(crate) bells: tokio::sync::Mutex<Unwritten>,
    /// The timetable changed; the scheduler reads it again.
    pub(crate) plan_changed: AtomicBool,
    /// The calendar changed; the rows follow it.
    pub(crate) calendar_changed: AtomicBool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ends: Mutex<Option<Ends>>,
    /// Looks of the scheduler at the clock.
    pub(crate) looks: AtomicU64,
    /// How often it was asked whether the calendar changed.
    pub(crate) follows: AtomicU64,
    timeline: Timeline,
    stepped_ms: AtomicI64,
    floor: Mutex<Floor>,
    orders: mpsc::Sender<Command>,
    jobs: mpsc::Sender<Job>,
}

impl Office {
    pub(crate) async fn open(
        config: Config,
        clock: Arc<dyn Clock>,
        commands: mpsc::Sender<Command>,
        shelf: Arc<dyn Shelf>,
    ) -> Result<Arc<Self>> {
        let store = Store::open(&config.data_dir).await?;
        let key = SigningKey::new(&store.setting("playback_key", random_token).await?);
        let lesson_key = SigningKey::new(&store.setting("lesson_key", random_token).await?);
        let timeline = Timeline::new(clock.now_ms(), clock.steady_ms());
        let hub = Hub::new(clock.now_ms());
        let (orders, orders_end) = mpsc::channel(ORDERS_MAX);
        let (jobs, jobs_end) = mpsc::channel(JOBS_MAX);
        Ok(Arc::new(Self {
            config,
            store,
            hub,
            shelf,
            passwords: Passwords::new().await?,
            tries: Tries::default(),
            key,
            lesson_key,
            almanacs: Almanacs::default(),
            calendar: tokio::sync::Mutex::default(),
            pending: DashMap::new(),
            bells: tokio::sync::Mutex::default(),
            plan_changed: AtomicBool::new(true),
            calendar_changed: AtomicBool::new(true),
            clock,
            ends: Mutex::new(Some(Ends { orders: orders_end, jobs: jobs_end, commands })),
            looks: AtomicU64::new(0),
            follows: AtomicU64::new(0),
            timeline,
            stepped_ms: AtomicI64::new(0),
            floor: Mutex::new(Floor::default()),
            orders,
            jobs,
        }))
    }

    /// The time by which the timetable is kept.
    pub(crate) fn now(&self) -> Now {
        let steady_ms = self.clock.steady_ms();
        let reading = self.timeline.read(self.clock.now_ms(), steady_ms);
        // Any reader may be the first to believe a set clock; the scheduler's next look moves the running lessons.
        self.stepped_ms.fetch_add(reading.stepped_ms, Ordering::Relaxed);
        Now { ms: reading.now_ms, steady_ms }
    }

    /// By how much the clock was set since the last call.
    pub(crate) fn take_step_ms(&self) -> i64 {
        self.stepped_ms.swap(0, Ordering::Relaxed)
    }

    /// Looks at or acts in running lessons, and carries out what that brings about, in order.
    pub(crate) fn act<T>(&self, f: impl FnOnce(&mut Floor, Now, &mut Vec<Effect>) -> T) -> T {
        let now = self.now();
        let mut effects = Vec::new();
        // A panic in a lesson leaves values that are still whole.
        let mut floor = self.floor.lock().unwrap_or_else(|e| e.into_inner());
        let result = f(&mut floor, now, &mut effects);
        for effect in effects {
            self.carry_out(effect);
        }
        result
    }

    fn carry_out(&self, effect: Effect) {
        match effect {
            Effect::Order(command) => {
                if self.orders.try_send(command).is_err() {
                    tracing::error!("the media plane takes no orders; one is lost");
                }
            }
            Effect::Tell(audience, message) => self.hub.tell(&audience, &message),
            Effect::Mark { recording, at_ms, kind, seat } => {
                self.job(Job::Chapter { recording, at_ms, kind, seat });
            }
            Effect::Trouble(recording, span) => self.job(Job::Trouble(recording, span)),
        }
    }

    /// Queues a row.
    pub(crate) fn job(&self, job: Job) {
        if self.jobs.try_send(job).is_err() {
            tracing::error!("too many rows wait for the database; one is lost until the next recovery");
        }
    }

    /// True while the media plane keeps up.
    pub(crate) fn takes_joins(&self) -> bool {
        self.orders.capacity() >= ORDERS_RESERVE
    }

    /// Reads a lesson and shows its new state to all who belong to it.
    pub(crate) async fn announce(&self, id: LessonId) -> Result<Lesson> {
        let lesson = self.store.lesson(id, Default::default(), self.config.admits_before_ms).await?;
        let members = Arc::new(members_of(&lesson));
        let message = ServerMessage::Lesson { lesson: Box::new(lesson.clone()) };
        self.hub.tell(&Audience::Lesson(members.clone()), &message);
        self.hub.tell(&Audience::Admins(Some(members)), &ServerMessage::Wall {});
        Ok(lesson)
    }

    /// The timetable changed.
    pub(crate) fn replan(&self) {
        self.plan_changed.store(true, Ordering::Release);
        self.calendar_changed.store(true, Ordering::Release);
    }

    /// Start and end of the civil day of `now_ms`.
    pub(crate) fn day_ms(&self, now_ms: i64) -> (i64, i64) {
        const DAY_MS: i64 = 86_400_000;
        let zone = self.config.zone_offset_ms;
        let start = (now_ms + zone).div_euclid(DAY_MS) * DAY_MS - zone;
        (start, start + DAY_MS)
    }
}

/// Who belongs to a lesson of the timetable.
pub(crate) fn members_of(lesson: &Lesson) -> Members {
    let mut schools = vec![lesson.master.school.id];
    schools.extend(lesson.rooms.iter().map(|r| r.school.id));
    Members {
        lesson: lesson.id,
        teacher: lesson.teacher.id,
        rooms: lesson.rooms.iter().map(|r| r.room.id).collect(),
        schools,
    }
}
