//! Keeps the rows of the coming lessons as the calendar has them: what the scheduler opens, records and closes.
//!
//! Rows are written some days ahead and whenever the calendar changes; after a change only the lessons of the schools it
//! touched are looked through. No bell waits for that: it goes on beside the scheduler. A lesson that has begun is left
//! alone; one that is open but has not begun is closed first and opens anew with its new time or teacher.

use crate::almanac::Almanac;
use crate::command::LessonId;
use crate::error::Result;
use crate::lesson::Now;
use crate::model::{LessonState, SchoolId};
use crate::office::Office;
use crate::store::{PlannedRow, Touched, Wanted};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const HOUR_MS: i64 = 3_600_000;
/// How far ahead rows are written: more than any plausible step of the clock.
const AHEAD_MS: i64 = 48 * HOUR_MS;
/// Rows are written anew when so much of that has passed.
const AGAIN_MS: i64 = HOUR_MS;
/// Lessons that a server that was down did not see are written, and missed, this far back.
const BACK_MAX_MS: i64 = 14 * 24 * HOUR_MS;
/// The setting that says until when the calendar was followed.
const FOLLOWED: &str = "calendar_followed_ms";
/// More changed lessons than this are not announced one by one; pages read them when they look.
const ANNOUNCED_MAX: usize = 200;

/// How often the calendar's version is read even if nobody said it changed.
const LOOK_EVERY_MS: i64 = 5_000;
/// How often it is asked whether somebody said so.
const ASK_EVERY_MS: u64 = 100;

/// What was written last.
#[derive(Clone, Copy, Default)]
struct Followed {
    version: Option<i64>,
    /// When all of it was looked through.
    at_ms: i64,
    /// By the steady clock.
    looked_at_ms: Option<i64>,
}

/// What differs between rows and plan.
#[derive(Default)]
struct Difference {
    new: Vec<Wanted>,
    changed: Vec<Wanted>,
    gone: Vec<LessonId>,
}

impl Office {
    /// Follows the calendar until the process ends.
    pub(crate) async fn keep_rows(&self) {
        let mut followed = Followed::default();
        loop {
            let sleep = self.clock.sleep(ASK_EVERY_MS);
            let now = self.now();
            let stale = followed.looked_at_ms.is_none_or(|at| now.steady_ms - at >= LOOK_EVERY_MS);
            if self.calendar_changed.swap(false, Ordering::AcqRel) || stale {
                followed.looked_at_ms = Some(now.steady_ms);
                if let Err(error) = self.follow_calendar(&mut followed, now).await {
                    tracing::error!(%error, "the calendar cannot be followed; trying again");
                }
            }
            self.follows.fetch_add(1, Ordering::AcqRel);
            sleep.await;
        }
    }

    /// Brings the rows of the coming lessons up to date, if the calendar or the day has changed.
    async fn follow_calendar(&self, followed: &mut Followed, now: Now) -> Result<()> {
        let version = self.store.calendar_version().await?;
        let touched = match followed.version {
            Some(since) if (0..AGAIN_MS).contains(&(now.ms - followed.at_ms)) => {
                self.store.touched(since, version).await?
            }
            _ => Touched::Everything,
        };
        let kept = self.store.setting_if_any(FOLLOWED).await?.and_then(|t| t.parse::<i64>().ok());
        let days = (kept.unwrap_or(now.ms).clamp(now.ms - BACK_MAX_MS, now.ms), now.ms + AHEAD_MS);
        match &touched {
            Touched::Schools(schools) if schools.is_empty() => {}
            Touched::Schools(schools) => {
                let difference = self.difference(days, Some(schools)).await?;
                self.write_difference(&difference).await?;
            }
            Touched::Everything => {
                let difference = self.difference(days, None).await?;
                self.write_difference(&difference).await?;
                self.store.set_setting(FOLLOWED, &now.ms.to_string()).await?;
                followed.at_ms = now.ms;
            }
        }
        followed.version = Some(version);
        Ok(())
    }

    /// What rows and plan disagree in, of all lessons or of those that these schools teach.
    async fn difference(&self, (from_ms, to_ms): (i64, i64), of: Option<&BTreeSet<SchoolId>>) -> Result<Difference> {
        let almanacs = self.almanacs_between((from_ms, to_ms), of).await?;
        let rows = self.store.planned_rows(from_ms).await?;
        let begun: HashSet<LessonId> = self.store.begun_lessons(from_ms).await?.into_iter().collect();
        let mut rows: HashMap<LessonId, PlannedRow> = rows.into_iter().map(|row| (row.id, row)).collect();
        let mut found = Difference::default();
        for almanac in &almanacs {
            for lesson in almanac.timetable.between(from_ms / 1_000, to_ms / 1_000) {
                let wanted = almanac.wanted(lesson)?;
                match rows.remove(&wanted.id) {
                    _ if begun.contains(&wanted.id) => {}
                    None => found.new.push(wanted),
                    Some(row) if row.agrees(&wanted) => {}
                    Some(_) => found.changed.push(wanted),
                }
            }
        }
        // What is left was moved out of these days, or is no more; or its entry is not of the part that is looked at.
        for row in rows.into_values() {
            let Ok(original) = row.original_day.parse() else { continue };
            let named = almanacs.iter().find_map(|almanac| Some((almanac, almanac.lesson_name(row.entry, original)?)));
            let elsewhere = match named {
                Some((almanac, name)) => almanac.timetable.lesson(name).map(|l| almanac.wanted(l)).transpose()?,
                None if of.is_some() => continue,
                None => None,
            };
            match elsewhere {
                Some(wanted) if row.agrees(&wanted) => {}
                Some(wanted) => found.changed.push(wanted),
                None if row.state != LessonState::Cancelled => found.gone.push(row.id),
                None => {}
            }
        }
        Ok(found)
    }

    /// The almanacs of the terms that have one of these days.
    async fn almanacs_between(
        &self,
        (from_ms, to_ms): (i64, i64),
        of: Option<&BTreeSet<SchoolId>>,
    ) -> Result<Vec<Arc<Almanac>>> {
        // Zones are up to a day apart from UTC.
        let day = |ms: i64| jiff::Timestamp::from_millisecond(ms).map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).date());
        let mut found = Vec::new();
        let (Ok(from), Ok(to)) = (day(from_ms - 24 * HOUR_MS), day(to_ms + 24 * HOUR_MS)) else { return Ok(found) };
        for term in self.store.terms().await? {
            if term.first_day <= to && from <= term.last_day {
                found.push(match of {
                    Some(schools) => self.almanac_of(term.id, schools.iter().copied().collect()).await?,
                    None => self.almanac(term.id).await?,
                });
            }
        }
        Ok(found)
    }

    async fn write_difference(&self, difference: &Difference) -> Result<()> {
        let Difference { new, changed, gone } = difference;
        if new.is_empty() && changed.is_empty() && gone.is_empty() {
            return Ok(());
        }
        if !changed.is_empty() || !gone.is_empty() {
            // No bell of these lessons rings between closing their rooms and writing their rows.
            let _turn = self.bells.lock().await;
            let touched: Vec<LessonId> = changed.iter().map(|w| w.id).chain(gone.iter().copied()).collect();
            self.act(|floor, now, out| {
                for id in &touched {
                    if let Some(lesson) = floor.lesson_mut(*id).filter(|l| l.state() == LessonState::Open) {
                        lesson.end(now, out);
                        floor.remove(*id);
                    }
                }
            });
            self.store.change_planned(changed, gone).await?;
        }
        self.store.add_planned(new).await?;
        self.plan_changed.store(true, Ordering::Release);
        tracing::info!(
            new = new.len(),
            changed = changed.len(),
            gone = gone.len(),
            "the timetable follows the calendar"
        );
        let ids = changed.iter().chain(new).map(|w| w.id).chain(gone.iter().copied());
        for id in ids.take(ANNOUNCED_MAX) {
            self.announce(id).await?;
        }
        Ok(())
    }
}
