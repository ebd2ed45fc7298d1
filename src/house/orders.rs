//! Hands each order to the worker of its lesson, and the recorder's share to the recorder.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use tongke_recorder::{Order, RecorderHandle, read_description};
use tongke_signaling::command::{Command, LessonId, RecordingId, SessionId};
use tracing::error;

use super::names::{Names, key_of};
use crate::net::clock;
use crate::net::worker::Worker;

/// Which worker has which lesson.
pub(super) struct Floor {
    workers: Vec<Worker>,
    recorder: RecorderHandle,
    root: PathBuf,
    names: Arc<Names>,
    lessons: HashMap<LessonId, Place>,
    sessions: HashMap<SessionId, LessonId>,
}

struct Place {
    worker: usize,
    recording: Option<RecordingId>,
}

impl Floor {
    pub(super) fn new(workers: Vec<Worker>, recorder: RecorderHandle, root: PathBuf, names: Arc<Names>) -> Self {
        Self { workers, recorder, root, names, lessons: HashMap::new(), sessions: HashMap::new() }
    }

    /// Takes orders until signaling is gone.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Command>) {
        while let Some(order) = orders.recv().await {
            self.hand_out(order).await;
        }
    }

    async fn hand_out(&mut self, order: Command) {
        let lesson = match &order {
            Command::Open { lesson, .. } => {
                if !self.lessons.contains_key(lesson) {
                    let worker = self.least_busy();
                    self.lessons.insert(*lesson, Place { worker, recording: None });
                }
                *lesson
            }
            Command::Join { lesson, session, .. } => {
                self.sessions.insert(*session, *lesson);
                *lesson
            }
            Command::Record { lesson, .. }
            | Command::Close { lesson }
            | Command::Mute { lesson, .. }
            | Command::KeyFrame { lesson, .. } => *lesson,
            Command::Restart { session, .. } | Command::Leave { session } | Command::Show { session, .. } => {
                match self.sessions.get(session) {
                    Some(lesson) => *lesson,
                    None => return,
                }
            }
        };
        let Some(place) = self.lessons.get(&lesson) else { return };
        let Some(worker) = self.workers.get(place.worker) else { return };
        let commands = worker.commands.clone();
        let recording = if let Command::Record { recording, .. } = &order { Some(*recording) } else { None };
        if let Some(Some(recording)) = recording {
            self.start(lesson, recording).await;
        }
        match &order {
            Command::Leave { session } => {
                self.sessions.remove(session);
            }
            Command::Close { lesson } => {
                self.sessions.retain(|_, l| l != lesson);
            }
            _ => {}
        }
        let closes = matches!(order, Command::Close { .. });
        if commands.send(order).await.is_err() {
            error!("a media worker is gone");
        }
        if recording == Some(None) || closes {
            self.finish(lesson).await;
        }
        if closes {
            self.lessons.remove(&lesson);
        }
    }

    /// Lessons are placed where the fewest sessions are, then the fewest lessons.
    fn least_busy(&self) -> usize {
        let load = |index: &usize| {
            let sessions = self.workers.get(*index).map_or(0, |w| w.figures.sessions.load(Ordering::Relaxed));
            let lessons = self.lessons.values().filter(|p| p.worker == *index).count();
            (sessions, lessons)
        };
        (0..self.workers.len()).min_by_key(load).unwrap_or(0)
    }

    async fn start(&mut self, lesson: LessonId, recording: RecordingId) {
        if let Some(place) = self.lessons.get_mut(&lesson) {
            place.recording = Some(recording);
        }
        self.names.begin(recording, lesson);
        let now_wall_ms = clock::since_unix().as_millis() as i64;
        // A recording that goes on after a restart keeps the zero of its time.
        let started_wall_ms =
            read_description(&self.root, key_of(recording)).ok().flatten().map_or(now_wall_ms, |d| d.started_wall_ms);
        let order = Order::Start { recording: key_of(recording), started_wall_ms, now_wall_ms, now: clock::now() };
        self.record(order).await;
    }

    async fn finish(&mut self, lesson: LessonId) {
        let Some(recording) = self.lessons.get_mut(&lesson).and_then(|p| p.recording.take()) else { return };
        self.record(Order::Stop { recording: key_of(recording), now: clock::now() }).await;
    }

    async fn record(&self, order: Order) {
        let recorder = self.recorder.clone();
        let given = tokio::task::spawn_blocking(move || recorder.order(order)).await;
        if !matches!(given, Ok(Ok(()))) {
            error!("the recorder takes no orders");
        }
    }
}
