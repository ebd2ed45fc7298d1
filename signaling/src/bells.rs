//! The driver of the scheduler: looks at the clock, asks [`crate::scheduler::due`], does the acts.

use crate::command::LessonId;
use crate::error::{Error, Result};
use crate::lesson::{Effect, Ending, Lesson, Now};
use crate::messages::ServerMessage;
use crate::model::{LessonState, OutcomeResult};
use crate::office::Office;
use crate::scheduler::{Act, Leads, Planned, due};
use crate::store::DueRow;
use std::collections::HashMap;
use std::sync::atomic::Ordering;

/// How often the clock is looked at.
const LOOK_EVERY_MS: u64 = 100;
/// How often the timetable is read again even if nobody said it changed.
const PLAN_EVERY_MS: i64 = 5_000;
/// How far ahead the timetable is read.
const HORIZON_MS: i64 = 3_600_000;
/// How often presence is stored: what a crash may cost of it.
const KEEP_EVERY_MS: i64 = 10_000;
/// How far the clock of a page may be ahead of ours.
const PAGES_AHEAD_MS: i64 = 1_000;
/// How often health is judged.
const JUDGE_EVERY_MS: i64 = 1_000;

/// Last bells that were rung but could not be written yet, with what became of the lesson.
pub(crate) type Unwritten = HashMap<LessonId, (OutcomeResult, String)>;

/// What the driver remembers between looks.
#[derive(Default)]
pub(crate) struct Bells {
    plan: Vec<DueRow>,
    plan_at_ms: Option<i64>,
    kept_at_ms: i64,
    judged_at_ms: i64,
}

impl Office {
    /// Looks at the clock until the process ends.
    pub(crate) async fn keep_time(&self) {
        let mut bells = Bells::default();
        loop {
            // Asked for before looking: time that passes while looking is not slept over.
            let sleep = self.clock.sleep(LOOK_EVERY_MS);
            self.look(&mut bells).await;
            self.looks.fetch_add(1, Ordering::AcqRel);
            sleep.await;
        }
    }

    async fn look(&self, bells: &mut Bells) {
        let now = self.now();
        let stepped_ms = self.take_step_ms();
        if stepped_ms != 0 {
            tracing::warn!(stepped_ms, "the clock was set; running lessons keep their own time");
            self.act(|floor, _, _| floor.shift(stepped_ms));
            bells.plan_at_ms = None;
        }
        if let Err(error) = self.ring(bells, now).await {
            tracing::error!(%error, "the timetable cannot be read; trying again");
        }
        self.act(|floor, now, out| floor.tick(now, out));
        if now.steady_ms - bells.judged_at_ms >= JUDGE_EVERY_MS {
            bells.judged_at_ms = now.steady_ms;
            let rooms = self.hub.rooms_online();
            let online = |room| rooms.contains(&room);
            self.act(|floor, now, out| {
                for id in floor.judge(now, &online) {
                    if let Some(lesson) = floor.lesson(id) {
                        let audience = crate::lesson::Audience::Admins(Some(lesson.members().clone()));
                        out.push(Effect::Tell(audience, ServerMessage::Wall {}));
                    }
                }
            });
        }
        if now.steady_ms - bells.kept_at_ms >= KEEP_EVERY_MS {
            bells.kept_at_ms = now.steady_ms;
            self.keep_attendance().await;
        }
    }

    /// Stores the presence of all running lessons.
    pub(crate) async fn keep_attendance(&self) {
        let seats: Vec<_> = self.act(|floor, now, out| {
            floor.tick(now, out);
            floor.lessons().flat_map(Lesson::attendance).collect()
        });
        if let Err(error) = self.store.keep_attendance(&seats).await {
            tracing::error!(%error, "presence could not be stored; trying again in 10 s");
        }
    }

    async fn ring(&self, bells: &mut Bells, now: Now) -> Result<()> {
        // No bell rings twice: teachers' acts hold the same lock.
        let mut unwritten = self.bells.lock().await;
        self.write_ends(&mut unwritten, now).await;
        let stale = bells.plan_at_ms.is_none_or(|at| now.steady_ms - at >= PLAN_EVERY_MS);
        if self.plan_changed.swap(false, Ordering::AcqRel) || stale {
            bells.plan = self.store.due_lessons(now.ms + HORIZON_MS).await.inspect_err(|_| self.replan())?;
            bells.plan_at_ms = Some(now.steady_ms);
        }
        let planned = self.planned(bells, &unwritten);
        let leads = Leads {
            opens_before_ms: self.config.opens_before_ms.max(self.config.admits_before_ms),
            admits_before_ms: self.config.admits_before_ms,
        };
        for act in due(now.ms, leads, &planned) {
            self.replan();
            if let Err(error) = self.perform(act, &mut unwritten).await {
                tracing::error!(%error, ?act, "a bell could not be rung; trying again");
            }
        }
        Ok(())
    }

    fn planned(&self, bells: &Bells, unwritten: &Unwritten) -> Vec<Planned> {
        self.act(|floor, _, _| {
            let rows = bells.plan.iter().filter(|row| !unwritten.contains_key(&row.id));
            rows.map(|row| {
                let room = floor.lesson(row.id);
                let (starts_ms, ends_ms) = room.map_or((row.starts_ms, row.ends_ms), Lesson::bells_ms);
                Planned {
                    lesson: row.id,
                    state: room.map_or(row.state, Lesson::state),
                    starts_ms,
                    ends_ms,
                    room_open: room.is_some(),
                    admitted: room.is_some_and(Lesson::admitted),
                    recording: room.is_some_and(|l| l.recording().is_some()),
                }
            })
            .collect()
        })
    }

    async fn perform(&self, act: Act, unwritten: &mut Unwritten) -> Result<()> {
        match act {
            Act::Open(id) => self.open_lesson(id).await,
            Act::Admit(id) => {
                self.act(|floor, now, out| {
                    if let Some(lesson) = floor.lesson_mut(id) {
                        lesson.admit(now, out);
                    }
                });
                Ok(())
            }
            Act::Start(id) => self.start_lesson(id).await,
            Act::End(id) | Act::Miss(id) => {
                self.end_lesson(id, unwritten).await;
                Ok(())
            }
        }
    }

    async fn write_ends(&self, unwritten: &mut Unwritten, now: Now) {
        let ids: Vec<_> = unwritten.keys().copied().collect();
        for id in ids {
            let Some((result, evidence)) = unwritten.get(&id) else { continue };
            if self.store.mark_closed(id, now.ms, *result, evidence).await.is_ok() {
                unwritten.remove(&id);
                self.replan();
            }
        }
    }

    async fn open_lesson(&self, id: LessonId) -> Result<()> {
        if self.act(|floor, _, _| floor.lesson(id).is_some()) {
            return Ok(());
        }
        self.store.mark_open(id).await?;
        let facts = self.store.lesson_facts(id).await?;
        self.act(|floor, now, out| {
            let lesson = Lesson::open(facts, now, out);
            floor.insert(lesson);
        });
        tracing::info!(lesson = %id, "a lesson is open");
        self.announce(id).await.map(|_| ())
    }

    /// The first bell. The recording's row is written before the recorder is told.
    pub(crate) async fn start_lesson(&self, id: LessonId) -> Result<()> {
        let (recording, since_ms) = self.store.mark_live(id, self.now().ms).await?;
        let troubles = self.store.troubles(recording).await?;
        let begun = self.act(|floor, now, out| {
            let lesson = floor.lesson_mut(id)?;
            let fresh = lesson.recording().is_none();
            if fresh {
                lesson.recall(troubles);
                lesson.start(recording, since_ms, now, out);
            }
            Some(fresh)
        });
        if begun == Some(true) {
            tracing::info!(lesson = %id, %recording, "a lesson is live");
        }
        self.announce(id).await.map(|_| ())
    }

    /// The last bell. What cannot be written is tried again at every look, and the lesson is not opened meanwhile.
    async fn end_lesson(&self, id: LessonId, unwritten: &mut Unwritten) {
        let ended = self.act(|floor, now, out| {
            let lesson = floor.lesson_mut(id)?;
            let ending = lesson.end(now, out);
            let kept = (lesson.attendance(), lesson.lines());
            floor.remove(id);
            Some((ending, kept))
        });
        let (result, evidence) = match ended {
            Some((ending, (attendance, lines))) => {
                if let Err(error) = self.store.keep_lines(&lines, self.now().ms).await {
                    tracing::warn!(%error, lesson = %id, "what the lines took is not remembered");
                }
                if let Err(error) = self.store.keep_attendance(&attendance).await {
                    tracing::error!(%error, lesson = %id, "presence could not be stored at the last bell");
                }
                (ending.result, ending.evidence.to_string())
            }
            None => match self.ending_without_room(id).await {
                Ok(ending) => ending,
                Err(error) => {
                    tracing::error!(%error, lesson = %id, "an ended lesson cannot be read");
                    return;
                }
            },
        };
        let written = self.store.mark_closed(id, self.now().ms, result, &evidence).await;
        self.replan();
        if let Err(error) = written {
            tracing::error!(%error, lesson = %id, "a last bell could not be written; trying again");
            unwritten.insert(id, (result, evidence));
            return;
        }
        tracing::info!(lesson = %id, result = result.word(), "a lesson is closed");
        if let Err(error) = self.announce(id).await {
            tracing::error!(%error, lesson = %id, "a closed lesson could not be announced");
        }
    }

    /// The server was down when the lesson ended: what was stored of presence decides.
    async fn ending_without_room(&self, id: LessonId) -> Result<(OutcomeResult, String)> {
        let facts = self.store.lesson_facts(id).await?;
        let seats: Vec<_> = facts.seats.iter().map(|s| (s.id, s.holder, s.presence)).collect();
        let held = facts.state == LessonState::Live;
        let mut ending = Ending::judge(held, facts.ends_ms - facts.starts_ms, &seats);
        ending.evidence["server_down_at_end"] = serde_json::json!(true);
        Ok((ending.result, ending.evidence.to_string()))
    }

    /// Pages know when they are admitted and ask to the second, by a clock that may be a little ahead of ours:
    /// whoever comes while that bell is being rung waits for it, and rings it when it is due.
    pub(crate) async fn admit_if_due(&self, id: LessonId) {
        let _turn = self.bells.lock().await;
        let lead_ms = self.config.admits_before_ms + PAGES_AHEAD_MS;
        self.act(|floor, now, out| {
            if let Some(lesson) = floor.lesson_mut(id)
                && !lesson.admitted()
                && now.ms >= lesson.bells_ms().0 - lead_ms
            {
                lesson.admit(now, out);
            }
        });
    }

    /// The teacher begins before the bell; only once displays may join.
    pub(crate) async fn start_early(&self, id: LessonId) -> Result<()> {
        let _turn = self.bells.lock().await;
        match self.act(|floor, _, _| floor.lesson(id).map(|l| (l.admitted(), l.state()))) {
            Some((true, LessonState::Open)) => self.start_lesson(id).await,
            Some((true, LessonState::Live)) => Ok(()),
            _ => Err(Error::Conflict { code: "lesson_not_open", why: "the lesson has not been admitted yet" }),
        }
    }

    /// The teacher ends the lesson before the bell.
    pub(crate) async fn end_early(&self, id: LessonId) -> Result<()> {
        let mut unwritten = self.bells.lock().await;
        if !self.act(|floor, _, _| floor.lesson(id).is_some_and(|l| l.state() == LessonState::Live)) {
            return Err(Error::Conflict { code: "not_live", why: "the lesson does not run" });
        }
        self.end_lesson(id, &mut unwritten).await;
        Ok(())
    }

    /// The teacher moves the end.
    pub(crate) async fn extend(&self, id: LessonId) -> Result<()> {
        let _turn = self.bells.lock().await;
        if !self.act(|floor, _, _| floor.lesson(id).is_some_and(|l| l.state() == LessonState::Live)) {
            return Err(Error::Conflict { code: "not_live", why: "the lesson does not run" });
        }
        let ends_ms = self.store.extend_lesson(id, self.config.extend_ms).await?;
        self.act(|floor, now, out| {
            if let Some(lesson) = floor.lesson_mut(id) {
                lesson.extend(ends_ms, now, out);
            }
        });
        self.replan();
        Ok(())
    }
}
