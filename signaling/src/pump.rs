//! Between the queues: orders down to the media plane, its facts up, rows into the database.

use crate::command::{Command, Event};
use crate::error::Result;
use crate::office::{Job, Office, Reply};
use std::time::Duration;
use tokio::sync::mpsc;

/// A row that cannot be written is tried again this often, this far apart; then it is given up until recovery.
const JOB_TRIES: u32 = 5;
const JOB_PAUSE: Duration = Duration::from_secs(2);

impl Office {
    /// Hands orders to the media plane, waiting for it.
    pub(crate) async fn pump_orders(mut orders: mpsc::Receiver<Command>, commands: mpsc::Sender<Command>) {
        while let Some(command) = orders.recv().await {
            if commands.send(command).await.is_err() {
                tracing::error!("the media plane is gone");
                return;
            }
        }
    }

    /// Takes facts until the media plane has none any more.
    pub(crate) async fn pump_events(&self, mut events: mpsc::Receiver<Event>) {
        while let Some(event) = events.recv().await {
            self.take(event);
        }
    }

    fn take(&self, event: Event) {
        match event {
            Event::TrackOpened(_) | Event::PartKept(_) | Event::GapFound { .. } | Event::Recorded { .. } => {
                self.job(Job::Fact(event));
                return;
            }
            _ => self.act(|floor, now, out| floor.note(&event, now, out)),
        }
        // The answer goes out after the lesson knows of it, so that slots are ordered before the page can ask.
        let (session, reply) = match event {
            Event::Answered { session, answer, etag, slots, .. } => (session, Reply::Answered { answer, etag, slots }),
            Event::Restarted { session, fragment, etag } => (session, Reply::Restarted { fragment, etag }),
            Event::Refused { session, refusal } => (session, Reply::Refused(refusal)),
            Event::Left { session, .. } => {
                // Whoever still waits for its answer learns at once that none will come.
                self.pending.remove(&session);
                return;
            }
            _ => return,
        };
        let Some(mut waiting) = self.pending.get_mut(&session) else { return };
        if let Some(first) = waiting.pop_front() {
            // Nobody listens if the request was given up meanwhile; its guard has cleared the seat.
            let _ = first.send(reply);
        }
        if waiting.is_empty() {
            drop(waiting);
            self.pending.remove_if(&session, |_, waiting| waiting.is_empty());
        }
    }

    /// Writes rows in order until the queue is closed.
    pub(crate) async fn pump_jobs(&self, jobs: &mut mpsc::Receiver<Job>) {
        while let Some(job) = jobs.recv().await {
            self.write_job(job).await;
        }
    }

    /// Writes the rows that wait, and returns.
    pub(crate) async fn drain_jobs(&self, jobs: &mut mpsc::Receiver<Job>) {
        while let Ok(job) = jobs.try_recv() {
            self.write_job(job).await;
        }
    }

    async fn write_job(&self, job: Job) {
        for attempt in 1..=JOB_TRIES {
            let done = match &job {
                Job::Fact(event) => self.keep_fact(event).await,
                Job::Chapter { recording, at_ms, kind, seat } => {
                    self.store.keep_chapter(*recording, *at_ms, *kind, *seat).await
                }
                Job::Trouble(recording, span) => self.store.keep_trouble(*recording, span).await,
            };
            match done {
                Ok(()) => return,
                Err(error) if attempt == JOB_TRIES => {
                    tracing::error!(%error, "a row of a recording could not be written");
                }
                Err(_) => tokio::time::sleep(JOB_PAUSE).await,
            }
        }
    }

    /// Stores a fact of the recorder; others are ignored. May be repeated.
    pub(crate) async fn keep_fact(&self, event: &Event) -> Result<()> {
        match event {
            Event::TrackOpened(row) => self.store.keep_track(row).await,
            Event::PartKept(row) => self.store.keep_part(row).await,
            Event::GapFound { recording, track, from_ms, to_ms } => {
                self.store.keep_gap(*recording, track, *from_ms, *to_ms).await
            }
            Event::Recorded { recording, duration_ms, kept } => {
                if let Some(lesson) = self.store.settle(*recording, *duration_ms, *kept).await? {
                    tracing::info!(%lesson, %recording, kept, "a recording is settled");
                    self.announce(lesson).await?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
