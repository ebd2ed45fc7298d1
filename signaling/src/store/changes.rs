//! Changes 调课 and consents.

use super::calendar::{Act, date, text};
use super::touch::Touched;
use super::{Store, Window, contains};
use crate::auth::Reach;
use crate::error::{Error, Result};
use crate::model::{ChangeId, ChangeState, EntryId, PersonId, SchoolId, TermId};
use crate::schema::{CalendarChange, ChangeAct, ChangeQuery, ChangedLesson, NewChange, Page, PersonRef, SchoolRef};
use sqlx::FromRow;

#[derive(FromRow)]
struct ChangeRow {
    id: ChangeId,
    term: TermId,
    act: String,
    state: ChangeState,
    person: PersonId,
    person_name: String,
    at_ms: i64,
    why: String,
}

impl Store {
    /// Writes a change and the schools that must consent to it, in one transaction; without such schools it holds at
    /// once.
    pub async fn add_change(
        &self,
        new: &NewChange,
        asks: &[SchoolId],
        person: PersonId,
        at_ms: i64,
    ) -> Result<ChangeId> {
        let id = ChangeId::random();
        let state = if asks.is_empty() { ChangeState::Made } else { ChangeState::Asked };
        let mut tx = self.write().await?;
        let sql = "INSERT INTO calendar_change (id, term, number, act, state, person, at_ms, why)
                   SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5, $6, $7 FROM calendar_change WHERE term = $2";
        let query = sqlx::query(sql).bind(id).bind(new.term).bind(text(&new.act)?).bind(state);
        query.bind(person).bind(at_ms).bind(&new.why).execute(&mut *tx).await?;
        for lesson in new.act.lessons() {
            let sql = "INSERT INTO change_lesson (change, entry, day) VALUES ($1, $2, $3)";
            sqlx::query(sql).bind(id).bind(lesson.entry).bind(lesson.date.to_string()).execute(&mut *tx).await?;
        }
        for school in asks {
            let sql = "INSERT INTO change_consent (change, school) VALUES ($1, $2)";
            sqlx::query(sql).bind(id).bind(school).execute(&mut *tx).await?;
        }
        let act = Act { person: Some(person), at_ms };
        let (what, touched) = match asks {
            [] => ("change_made", Self::masters_of_change(&mut tx, id).await?),
            _ => ("change_asked", Touched::nothing()),
        };
        Self::conclude(tx, act, what, id, touched).await?;
        Ok(id)
    }

    /// Notes the consent of schools.
    pub async fn consent(&self, id: ChangeId, schools: &[SchoolId], person: PersonId, at_ms: i64) -> Result<()> {
        let mut tx = self.write().await?;
        for school in schools {
            let sql = "UPDATE change_consent SET person = $3, at_ms = $4 WHERE change = $1 AND school = $2 AND person IS NULL";
            sqlx::query(sql).bind(id).bind(school).bind(person).bind(at_ms).execute(&mut *tx).await?;
        }
        Self::conclude(tx, Act { person: Some(person), at_ms }, "change_consented", id, Touched::nothing()).await
    }

    /// A change that was asked for holds from now on, after those that hold already.
    pub async fn make_change(&self, id: ChangeId, person: PersonId, at_ms: i64) -> Result<()> {
        let mut tx = self.write().await?;
        let sql = "UPDATE calendar_change SET state = 'made',
                     number = (SELECT max(o.number) + 1 FROM calendar_change o WHERE o.term = calendar_change.term)
                   WHERE id = $1 AND state = 'asked'
                     AND NOT EXISTS (SELECT 1 FROM change_consent c WHERE c.change = $1 AND c.person IS NULL)";
        if sqlx::query(sql).bind(id).execute(&mut *tx).await?.rows_affected() == 0 {
            return Err(Error::Conflict {
                code: "not_asked",
                why: "the change holds already, was taken back, or waits for consent",
            });
        }
        let touched = Self::masters_of_change(&mut tx, id).await?;
        Self::conclude(tx, Act { person: Some(person), at_ms }, "change_made", id, touched).await
    }

    /// Takes a change back.
    pub async fn undo_change(&self, id: ChangeId, person: PersonId, at_ms: i64) -> Result<()> {
        let mut tx = self.write().await?;
        let sql = "UPDATE calendar_change SET state = 'undone' WHERE id = $1 AND state <> 'undone'";
        if sqlx::query(sql).bind(id).execute(&mut *tx).await?.rows_affected() == 0 {
            return Err(Error::Conflict { code: "undone_already", why: "the change was taken back before" });
        }
        let touched = Self::masters_of_change(&mut tx, id).await?;
        Self::conclude(tx, Act { person: Some(person), at_ms }, "change_undone", id, touched).await
    }

    async fn change_view(&self, row: ChangeRow) -> Result<CalendarChange> {
        let sql = "SELECT s.id, s.name FROM change_consent c JOIN school s ON s.id = c.school
                   WHERE c.change = $1 AND c.person IS NULL ORDER BY s.name, s.id";
        let awaits: Vec<(SchoolId, String)> = sqlx::query_as(sql).bind(row.id).fetch_all(&self.pool).await?;
        let act: ChangeAct =
            serde_json::from_str(&row.act).map_err(|_| Error::Internal("a stored document cannot be read"))?;
        Ok(CalendarChange {
            id: row.id,
            term: row.term,
            act,
            state: row.state,
            person: PersonRef { id: row.person, name: row.person_name },
            at_ms: row.at_ms,
            why: row.why,
            awaits: awaits.into_iter().map(|(id, name)| SchoolRef { id, name }).collect(),
            lessons: self.changed_lessons(row.id).await?,
        })
    }

    /// What the lessons of a change are called.
    async fn changed_lessons(&self, id: ChangeId) -> Result<Vec<ChangedLesson>> {
        type Row = (EntryId, String, String, String, SchoolId, String);
        let sql = "SELECT x.entry, x.day, g.subject, g.grade, s.id, s.name FROM change_lesson x
                     JOIN entry e ON e.id = x.entry JOIN pairing g ON g.id = e.pairing
                     JOIN room r ON r.id = g.master_room JOIN school s ON s.id = r.school
                   WHERE x.change = $1 ORDER BY x.day, x.entry";
        let rows: Vec<Row> = sqlx::query_as(sql).bind(id).fetch_all(&self.pool).await?;
        let lesson = |(entry, day, subject, grade, id, name): Row| {
            Ok(ChangedLesson { entry, date: date(&day)?, subject, grade, school: SchoolRef { id, name } })
        };
        rows.into_iter().map(lesson).collect()
    }

    /// One change.
    pub async fn change(&self, id: ChangeId) -> Result<CalendarChange> {
        let sql = "SELECT c.id, c.term, c.act, c.state, c.person, p.name AS person_name, c.at_ms, c.why
                   FROM calendar_change c JOIN person p ON p.id = c.person WHERE c.id = $1";
        let row: Option<ChangeRow> = sqlx::query_as(sql).bind(id).fetch_optional(&self.pool).await?;
        self.change_view(row.ok_or(Error::NotFound)?).await
    }

    /// All schools whose lessons a change touches.
    pub async fn schools_of_entries(&self, entries: &[EntryId]) -> Result<Vec<SchoolId>> {
        let mut schools = Vec::new();
        for entry in entries {
            let (_, pairing) = self.entry_of(*entry).await?;
            schools.extend(self.schools_of_pairing(pairing).await?);
        }
        schools.sort_unstable();
        schools.dedup();
        Ok(schools)
    }

    /// Changes of lessons within reach on any side, the newest first. Words are looked for in subjects, schools, people
    /// and reasons.
    pub async fn changes(&self, reach: &Reach, q: &ChangeQuery, window: Window) -> Result<Page<CalendarChange>> {
        const FROM: &str = "FROM calendar_change c JOIN person p ON p.id = c.person
            WHERE ($3 IS NULL OR c.term = $3) AND ($4 IS NULL OR c.state = $4) AND (($1 IS NULL AND $2 IS NULL AND $5 IS NULL) OR EXISTS (
              SELECT 1 FROM change_lesson x JOIN entry e ON e.id = x.entry JOIN pairing g ON g.id = e.pairing
                JOIN room r ON r.id = g.master_room OR r.id IN (SELECT y.room FROM pairing_room y WHERE y.pairing = g.id)
                JOIN school s ON s.id = r.school
              WHERE x.change = c.id AND ($1 IS NULL OR s.id = $1) AND ($2 IS NULL OR s.school_group = $2)
                AND ($5 IS NULL OR c.why LIKE $5 ESCAPE '!' OR p.name LIKE $5 ESCAPE '!' OR g.subject LIKE $5 ESCAPE '!'
                     OR s.name LIKE $5 ESCAPE '!')))";
        let (school, words) = (q.school.or(reach.school()), contains(q.q.as_deref()));
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) {FROM}"));
        let query = sqlx::query_scalar(sql).bind(school).bind(reach.group()).bind(q.term).bind(q.state);
        let total = query.bind(&words).fetch_one(&self.pool).await?;
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT c.id, c.term, c.act, c.state, c.person, p.name AS person_name, c.at_ms, c.why {FROM}
             ORDER BY c.at_ms DESC, c.number DESC, c.id LIMIT $6 OFFSET $7"
        ));
        let query = sqlx::query_as(sql).bind(school).bind(reach.group()).bind(q.term).bind(q.state).bind(&words);
        let rows: Vec<ChangeRow> = query.bind(window.per_page).bind(window.offset()).fetch_all(&self.pool).await?;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            items.push(self.change_view(row).await?);
        }
        Ok(window.page(total, items))
    }
}
