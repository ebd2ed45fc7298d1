//! Feeds, and what became of planned lessons.

use super::{Store, Window};
use crate::auth::Reach;
use crate::command::LessonId;
use crate::error::Result;
use crate::feed::Changes;
use crate::model::{FeedId, LessonState, OutcomeResult, PersonId, SchoolId, Subject};
use crate::schema::{AuditRow, Feed, LedgerQuery, LedgerRow, Page, PersonRef, SchoolRef};
use sqlx::FromRow;

#[derive(FromRow)]
struct Row {
    id: LessonId,
    starts_ms: i64,
    ends_ms: i64,
    subject: String,
    grade: String,
    teacher: PersonId,
    teacher_name: String,
    school: SchoolId,
    school_name: String,
    school_group: Option<String>,
    state: LessonState,
    original_day: Option<String>,
    result: Option<OutcomeResult>,
    evidence: Option<String>,
    teacher_ms: i64,
    teacher_sound_ms: i64,
    rooms: i64,
    there: i64,
    served: i64,
    longest_ms: i64,
    longest_sound_ms: i64,
}

/// A room that heard this share of the lesson, in percent, had it; the same as lessons are judged by.
const SERVED_PERCENT: i64 = 80;

impl Row {
    fn cause(&self) -> Option<&'static str> {
        let down = self.evidence.as_deref().is_some_and(|e| e.contains("\"server_down_at_end\":true"));
        match self.result? {
            OutcomeResult::Delivered => None,
            OutcomeResult::Partial if self.there == self.rooms => Some("no_sound"),
            OutcomeResult::Partial => Some("room_short"),
            OutcomeResult::Failed if self.teacher_ms > 0 && self.longest_ms > 0 => Some("no_sound"),
            OutcomeResult::Failed if self.teacher_ms > 0 => Some("rooms_absent"),
            OutcomeResult::Failed if self.longest_ms > 0 => Some("teacher_absent"),
            OutcomeResult::Failed if down => Some("server_down"),
            OutcomeResult::Failed => Some("not_held"),
        }
    }

    fn row(self, zone_offset_ms: i64) -> LedgerRow {
        let result = match (self.state, self.result) {
            (LessonState::Cancelled, _) => "cancelled",
            (_, Some(result)) => result.word(),
            (_, None) => "planned",
        };
        let day = jiff::Timestamp::from_millisecond(self.starts_ms + zone_offset_ms);
        let day = day.map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).date()).ok();
        let original = self.original_day.as_deref().and_then(|text| text.parse().ok());
        LedgerRow {
            lesson: self.id,
            cause: self.cause().map(str::to_owned),
            starts_ms: self.starts_ms,
            ends_ms: self.ends_ms,
            subject: self.subject,
            grade: self.grade,
            teacher: PersonRef { id: self.teacher, name: self.teacher_name },
            school: SchoolRef { id: self.school, name: self.school_name },
            group: self.school_group,
            result: result.to_owned(),
            moved_from: original.filter(|original| day != Some(*original)),
            rooms: self.rooms,
            rooms_served: self.served,
            minutes: self.teacher_sound_ms.min(self.longest_sound_ms) / 60_000,
        }
    }
}

const FROM: &str = "FROM lesson l JOIN person p ON p.id = l.teacher JOIN room r ON r.id = l.master_room
        JOIN school s ON s.id = r.school LEFT JOIN outcome o ON o.lesson = l.id
    WHERE ($1 IS NULL OR s.id = $1 OR EXISTS (SELECT 1 FROM seat x JOIN room y ON y.id = x.room
                                              WHERE x.lesson = l.id AND y.school = $1))
      AND ($2 IS NULL OR s.school_group = $2 OR EXISTS (SELECT 1 FROM seat x JOIN room y ON y.id = x.room
                                                        JOIN school z ON z.id = y.school
                                                        WHERE x.lesson = l.id AND z.school_group = $2))
      AND ($3 IS NULL OR l.starts_ms >= $3) AND ($4 IS NULL OR l.starts_ms < $4)
      AND ($5 IS NULL OR s.id = $5) AND ($6 IS NULL OR l.subject = $6)";

impl Store {
    /// The outcome ledger within reach, on either side, by start. Dates are those of the district's civil time.
    pub async fn ledger(
        &self,
        reach: &Reach,
        q: &LedgerQuery,
        window: Window,
        zone_offset_ms: i64,
    ) -> Result<Page<LedgerRow>> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) {FROM}"));
        let query = sqlx::query_scalar(sql).bind(reach.school()).bind(reach.group()).bind(q.from_ms).bind(q.to_ms);
        let total = query.bind(q.school).bind(&q.subject).fetch_one(&self.pool).await?;
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT l.id, l.starts_ms, l.ends_ms, l.subject, l.grade, p.id AS teacher, p.name AS teacher_name,
               s.id AS school, s.name AS school_name, s.school_group, l.state, l.original_day, o.result, o.evidence,
               coalesce((SELECT t.attendance_ms FROM seat t WHERE t.lesson = l.id AND t.position = 0), 0) AS teacher_ms,
               coalesce((SELECT t.sound_ms FROM seat t WHERE t.lesson = l.id AND t.position = 0), 0) AS teacher_sound_ms,
               (SELECT count(*) FROM seat t WHERE t.lesson = l.id AND t.position > 0) AS rooms,
               (SELECT count(*) FROM seat t WHERE t.lesson = l.id AND t.position > 0
                  AND t.attendance_ms * 100 >= (l.ends_ms - l.starts_ms) * {SERVED_PERCENT}) AS there,
               (SELECT count(*) FROM seat t WHERE t.lesson = l.id AND t.position > 0
                  AND t.sound_ms * 100 >= (l.ends_ms - l.starts_ms) * {SERVED_PERCENT}) AS served,
               coalesce((SELECT max(t.attendance_ms) FROM seat t WHERE t.lesson = l.id AND t.position > 0), 0) AS longest_ms,
               coalesce((SELECT max(t.sound_ms) FROM seat t WHERE t.lesson = l.id AND t.position > 0), 0) AS longest_sound_ms
             {FROM} ORDER BY l.starts_ms, l.id LIMIT $7 OFFSET $8"
        ));
        let query = sqlx::query_as(sql).bind(reach.school()).bind(reach.group()).bind(q.from_ms).bind(q.to_ms);
        let query = query.bind(q.school).bind(&q.subject).bind(window.per_page).bind(window.offset());
        let rows: Vec<Row> = query.fetch_all(&self.pool).await?;
        Ok(window.page(total, rows.into_iter().map(|row| row.row(zone_offset_ms)).collect()))
    }

    /// What was done to the calendar, the newest first.
    pub async fn audit(&self, person: Option<PersonId>, window: Window) -> Result<Page<AuditRow>> {
        let sql = "SELECT count(*) FROM audit a WHERE ($1 IS NULL OR a.person = $1)";
        let total = sqlx::query_scalar(sql).bind(person).fetch_one(&self.pool).await?;
        let sql = "SELECT a.id, a.at_ms, a.person, p.name, a.act, a.subject FROM audit a LEFT JOIN person p ON p.id = a.person
                   WHERE ($1 IS NULL OR a.person = $1) ORDER BY a.at_ms DESC, a.id DESC LIMIT $2 OFFSET $3";
        type Row = (String, i64, Option<PersonId>, Option<String>, String, String);
        let query = sqlx::query_as(sql).bind(person).bind(window.per_page).bind(window.offset());
        let rows: Vec<Row> = query.fetch_all(&self.pool).await?;
        let row = |(id, at_ms, person, name, act, subject): Row| AuditRow {
            id,
            at_ms,
            person: person.zip(name).map(|(id, name)| PersonRef { id, name }),
            act,
            subject,
        };
        Ok(window.page(total, rows.into_iter().map(row).collect()))
    }

    /// Adds a feed by the hash of its secret.
    pub async fn add_feed(&self, feed: &Feed, hash: &str, person: PersonId) -> Result<()> {
        let sql = "INSERT INTO feed (id, hash, kind, subject, person, created_ms) VALUES ($1, $2, $3, $4, $5, $6)";
        let query = sqlx::query(sql).bind(feed.id).bind(hash).bind(feed.kind).bind(&feed.subject);
        query.bind(person).bind(feed.created_ms).execute(&self.pool).await?;
        Ok(())
    }

    /// The feeds somebody made, the newest first.
    pub async fn feeds(&self, person: PersonId) -> Result<Vec<Feed>> {
        let sql =
            "SELECT id, kind, subject, created_ms FROM feed WHERE person = $1 ORDER BY created_ms DESC, id LIMIT 1000";
        let rows: Vec<(FeedId, Subject, String, i64)> = sqlx::query_as(sql).bind(person).fetch_all(&self.pool).await?;
        let feed = |(id, kind, subject, created_ms)| Feed { id, kind, subject, created_ms, url: None };
        Ok(rows.into_iter().map(feed).collect())
    }

    /// Revokes a feed that this person made. Gives false if there is none.
    pub async fn remove_feed(&self, id: FeedId, person: PersonId) -> Result<bool> {
        let sql = "DELETE FROM feed WHERE id = $1 AND person = $2";
        Ok(sqlx::query(sql).bind(id).bind(person).execute(&self.pool).await?.rows_affected() == 1)
    }

    /// The feed of a secret.
    pub async fn feed(&self, hash: &str) -> Result<Option<(Subject, String)>> {
        let sql = "SELECT kind, subject FROM feed WHERE hash = $1";
        Ok(sqlx::query_as(sql).bind(hash).fetch_optional(&self.pool).await?)
    }

    /// How often each lesson was changed: a change counts once when made and once more when undone.
    pub(crate) async fn change_counts(&self) -> Result<Changes> {
        let sql = "SELECT x.entry, x.day, CAST(sum(CASE c.state WHEN 'made' THEN 1 WHEN 'undone' THEN 2 ELSE 0 END) AS BIGINT)
                   FROM change_lesson x JOIN calendar_change c ON c.id = x.change GROUP BY x.entry, x.day";
        let rows: Vec<(String, String, i64)> = sqlx::query_as(sql).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(entry, day, count)| ((entry, day), count)).collect())
    }
}
