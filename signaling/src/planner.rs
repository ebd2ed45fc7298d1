//! Keeps the rows of the coming lessons as the calendar has them: what the scheduler opens, records and closes.
//!
//! Rows are written some days ahead and whenever the calendar changes. A lesson that has begun is left alone; one that is
//! open but has not begun is closed first and opens anew with its new time or teacher.

use crate::almanac::Almanac;
use crate::command::LessonId;
use crate::error::Result;
use crate::lesson::Now;
use crate::model::LessonState;
use crate::office::Office;
use crate::store::{PlannedRow, Wanted};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

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

/// What was written last.
#[derive(Clone, Copy, Default)]
pub(crate) struct Followed {
    version: Option<i64>,
    at_ms: i64,
}

/// What differs between rows and plan.
#[derive(Default)]
struct Difference {
    new: Vec<Wanted>,
    changed: Vec<Wanted>,
    gone: Vec<LessonId>,
}

impl Office {
    /// Brings the rows of the coming lessons up to date, if the calendar or the day has changed.
    pub(crate) async fn follow_calendar(&self, followed: &mut Followed, now: Now) -> Result<()> {
        let version = self.store.calendar_version().await?;
        if followed.version == Some(version) && (0..AGAIN_MS).contains(&(now.ms - followed.at_ms)) {
            return Ok(());
        }
        let kept = self.store.setting_if_any(FOLLOWED).await?.and_then(|t| t.parse::<i64>().ok());
        let from_ms = kept.unwrap_or(now.ms).clamp(now.ms - BACK_MAX_MS, now.ms);
        let difference = self.difference(from_ms, now.ms + AHEAD_MS).await?;
        self.write_difference(&difference).await?;
        self.store.set_setting(FOLLOWED, &now.ms.to_string()).await?;
        *followed = Followed { version: Some(version), at_ms: now.ms };
        Ok(())
    }

    async fn difference(&self, from_ms: i64, to_ms: i64) -> Result<Difference> {
        let almanacs = self.almanacs_between(from_ms, to_ms).await?;
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
        // What is left was moved out of these days, or is no more.
        for row in rows.into_values() {
            let Ok(original) = row.original_day.parse() else { continue };
            let elsewhere = almanacs.iter().find_map(|almanac| {
                let lesson = almanac.timetable.lesson(almanac.lesson_name(row.entry, original)?)?;
                almanac.wanted(lesson).ok()
            });
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
    async fn almanacs_between(&self, from_ms: i64, to_ms: i64) -> Result<Vec<Arc<Almanac>>> {
        // Zones are up to a day apart from UTC.
        let day = |ms: i64| jiff::Timestamp::from_millisecond(ms).map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).date());
        let mut found = Vec::new();
        let (Ok(from), Ok(to)) = (day(from_ms - 24 * HOUR_MS), day(to_ms + 24 * HOUR_MS)) else { return Ok(found) };
        for term in self.store.terms().await? {
            if term.first_day <= to && from <= term.last_day {
                found.push(self.almanac(term.id).await?);
            }
        }
        Ok(found)
    }

    async fn write_difference(&self, difference: &Difference) -> Result<()> {
        let Difference { new, changed, gone } = difference;
        if new.is_empty() && changed.is_empty() && gone.is_empty() {
            return Ok(());
        }
        {
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
            self.store.write_planned(new, changed, gone).await?;
            self.replan();
        }
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
