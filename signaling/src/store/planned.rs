//! Rows of the coming lessons, written from the calendar: the lesson keeps its id, the rest follows the plan.

use super::Store;
use crate::command::LessonId;
use crate::error::Result;
use crate::lesson::Holder;
use crate::model::{EntryId, LessonState, PairingId, PersonId, RoomId};
use jiff::civil::Date;
use sqlx::FromRow;
use std::collections::HashMap;

/// A lesson as the plan has it.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) id: LessonId,
    pub(crate) entry: EntryId,
    pub(crate) original: Date,
    pub(crate) pairing: PairingId,
    pub(crate) subject: String,
    pub(crate) grade: String,
    pub(crate) unit: Option<String>,
    pub(crate) teacher: PersonId,
    pub(crate) master_room: RoomId,
    pub(crate) rural: Vec<RoomId>,
    pub(crate) starts_ms: i64,
    pub(crate) ends_ms: i64,
    pub(crate) cancelled: bool,
}

/// A lesson that was planned by itself, beside the calendar.
#[derive(Clone, Debug)]
pub(crate) struct LoneLesson {
    pub(crate) id: LessonId,
    pub(crate) title: String,
    pub(crate) starts_ms: i64,
    pub(crate) ends_ms: i64,
    pub(crate) teacher: PersonId,
    pub(crate) master_room: RoomId,
    /// Its rural rooms.
    pub(crate) rooms: Vec<RoomId>,
}

/// A lesson of the calendar as its row has it.
#[derive(FromRow, Clone, Debug)]
pub(crate) struct PlannedRow {
    pub(crate) id: LessonId,
    pub(crate) entry: EntryId,
    pub(crate) original_day: String,
    pub(crate) starts_ms: i64,
    pub(crate) ends_ms: i64,
    pub(crate) state: LessonState,
    pub(crate) teacher: PersonId,
    pub(crate) unit: Option<String>,
}

impl PlannedRow {
    /// Does the row say what the plan says?
    pub(crate) fn agrees(&self, wanted: &Wanted) -> bool {
        (self.starts_ms, self.ends_ms, self.teacher) == (wanted.starts_ms, wanted.ends_ms, wanted.teacher)
            && (self.state == LessonState::Cancelled) == wanted.cancelled
            && (self.unit == wanted.unit || wanted.cancelled)
    }
}

/// Lessons written in one transaction.
const PORTION: usize = 250;

impl Store {
    /// Rows of the calendar's lessons that have not begun: those planned, and those open or cancelled that end after a
    /// time.
    pub(crate) async fn planned_rows(&self, from_ms: i64) -> Result<Vec<PlannedRow>> {
        let sql = "SELECT id, entry, original_day, starts_ms, ends_ms, state, teacher, unit FROM lesson
                   WHERE entry IS NOT NULL AND (state = 'planned' OR (state IN ('open', 'cancelled') AND ends_ms > $1))";
        Ok(sqlx::query_as(sql).bind(from_ms).fetch_all(&self.pool).await?)
    }

    /// Names of the calendar's lessons that have begun and end after a time: they are left alone.
    pub(crate) async fn begun_lessons(&self, from_ms: i64) -> Result<Vec<LessonId>> {
        let sql = "SELECT id FROM lesson WHERE entry IS NOT NULL AND state IN ('live', 'closed', 'archived') AND ends_ms > $1";
        Ok(sqlx::query_scalar(sql).bind(from_ms).fetch_all(&self.pool).await?)
    }

    /// Lessons beside the calendar that are not over; a district has few of them.
    pub(crate) async fn lone_lessons(&self, now_ms: i64) -> Result<Vec<LoneLesson>> {
        const WHERE: &str = "l.entry IS NULL AND l.state IN ('planned', 'open', 'live') AND l.ends_ms > $1";
        let sql = format!(
            "SELECT l.id, l.title, l.starts_ms, l.ends_ms, l.teacher, l.master_room FROM lesson l WHERE {WHERE}"
        );
        let rows: Vec<(LessonId, String, i64, i64, PersonId, RoomId)> =
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(now_ms).fetch_all(&self.pool).await?;
        let sql = format!(
            "SELECT t.lesson, t.room FROM seat t JOIN lesson l ON l.id = t.lesson WHERE t.room IS NOT NULL AND {WHERE}"
        );
        let seats: Vec<(LessonId, RoomId)> =
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(now_ms).fetch_all(&self.pool).await?;
        let mut rooms: HashMap<LessonId, Vec<RoomId>> = HashMap::new();
        for (lesson, room) in seats {
            rooms.entry(lesson).or_default().push(room);
        }
        let lone = |(id, title, starts_ms, ends_ms, teacher, master_room)| {
            let rooms = rooms.remove(&id).unwrap_or_default();
            LoneLesson { id, title, starts_ms, ends_ms, teacher, master_room, rooms }
        };
        Ok(rows.into_iter().map(lone).collect())
    }

    /// Has this lesson begun?
    pub(crate) async fn lesson_has_begun(&self, id: LessonId) -> Result<bool> {
        let sql = "SELECT 1 FROM lesson WHERE id = $1 AND state IN ('live', 'closed', 'archived')";
        Ok(sqlx::query_scalar::<_, i64>(sql).bind(id).fetch_optional(&self.pool).await?.is_some())
    }

    /// Writes lessons that have no row yet, in portions: the two days after a large import are tens of thousands of rows,
    /// and whoever else wants to write waits no longer than one portion takes. Written again, nothing is doubled.
    pub(crate) async fn add_planned(&self, new: &[Wanted]) -> Result<()> {
        for portion in new.chunks(PORTION) {
            self.add_portion(portion).await?;
        }
        Ok(())
    }

    async fn add_portion(&self, new: &[Wanted]) -> Result<()> {
        let mut tx = self.write().await?;
        for lesson in new {
            let sql = "INSERT INTO lesson (id, pairing, title, subject, grade, unit, teacher, master_room, starts_ms,
                         ends_ms, extended, state, entry, original_day)
                       VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, $12) ON CONFLICT (id) DO NOTHING";
            let state = if lesson.cancelled { LessonState::Cancelled } else { LessonState::Planned };
            let query = sqlx::query(sql).bind(lesson.id).bind(lesson.pairing).bind(&lesson.subject);
            let query = query.bind(&lesson.grade).bind(&lesson.unit).bind(lesson.teacher).bind(lesson.master_room);
            let query = query.bind(lesson.starts_ms).bind(lesson.ends_ms).bind(state).bind(lesson.entry);
            if query.bind(lesson.original.to_string()).execute(&mut *tx).await?.rows_affected() == 1 {
                Self::add_seat(&mut tx, lesson.id, 0, Holder::Person(lesson.teacher)).await?;
                for (at, room) in lesson.rural.iter().enumerate() {
                    Self::add_seat(&mut tx, lesson.id, at as i64 + 1, Holder::Room(*room)).await?;
                }
            }
        }
        Ok(tx.commit().await?)
    }

    /// Changes rows that differ, and cancels rows of lessons that are no more, at once.
    pub(crate) async fn change_planned(&self, changed: &[Wanted], gone: &[LessonId]) -> Result<()> {
        let mut tx = self.write().await?;
        for lesson in changed {
            let state = if lesson.cancelled { LessonState::Cancelled } else { LessonState::Planned };
            let sql = "UPDATE lesson SET starts_ms = $2, ends_ms = $3, teacher = $4, unit = $5, state = $6
                       WHERE id = $1 AND state IN ('planned', 'open', 'cancelled')";
            let query = sqlx::query(sql).bind(lesson.id).bind(lesson.starts_ms).bind(lesson.ends_ms);
            query.bind(lesson.teacher).bind(&lesson.unit).bind(state).execute(&mut *tx).await?;
            let sql = "UPDATE seat SET person = $2 WHERE lesson = $1 AND position = 0";
            sqlx::query(sql).bind(lesson.id).bind(lesson.teacher).execute(&mut *tx).await?;
        }
        for id in gone {
            let sql = "UPDATE lesson SET state = 'cancelled' WHERE id = $1 AND state IN ('planned', 'open')";
            sqlx::query(sql).bind(id).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }
}
