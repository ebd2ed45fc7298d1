//! People, their sign-ins, and whom credentials stand for.

use super::{Store, Window, contains};
use crate::auth::{Caller, Identity, Reach};
use crate::command::LessonId;
use crate::error::{Error, Result};
use crate::model::{DisplayId, DisplayState, PersonId, Role, RoomId, SchoolId, TokenRole};
use crate::schema::{Page, Person, SchoolRef};
use sqlx::FromRow;

#[derive(FromRow)]
struct PersonRow {
    id: PersonId,
    name: String,
    login: String,
    role: Role,
    school: Option<SchoolId>,
    school_name: Option<String>,
}

impl From<PersonRow> for Person {
    fn from(row: PersonRow) -> Self {
        let school = row.school.zip(row.school_name).map(|(id, name)| SchoolRef { id, name });
        Self { id: row.id, name: row.name, user: row.login, role: row.role, school }
    }
}

impl Store {
    /// Adds a person. 409 if the login name is taken.
    pub async fn add_person(
        &self,
        (name, login): (&str, &str),
        password: Option<&str>,
        role: Role,
        school: Option<SchoolId>,
    ) -> Result<PersonId> {
        let id = PersonId::random();
        let sql = "INSERT INTO person (id, name, login, password, role, school) VALUES ($1, $2, $3, $4, $5, $6)
                   ON CONFLICT (login) DO NOTHING";
        let query = sqlx::query(sql).bind(id).bind(name).bind(login).bind(password).bind(role).bind(school);
        match query.execute(&self.pool).await?.rows_affected() {
            1 => {
                self.age_calendar().await?;
                Ok(id)
            }
            _ => Err(Error::Conflict { code: "user_taken", why: "somebody has this login name" }),
        }
    }

    /// Sets a password and ends all sign-ins of that person.
    pub async fn set_password(&self, login: &str, password: &str) -> Result<()> {
        let mut tx = self.write().await?;
        let sql = "UPDATE person SET password = $2 WHERE login = $1";
        if sqlx::query(sql).bind(login).bind(password).execute(&mut *tx).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        let sql = "DELETE FROM person_session WHERE person IN (SELECT id FROM person WHERE login = $1)";
        sqlx::query(sql).bind(login).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// Id and password hash of a login name.
    pub async fn password_of(&self, login: &str) -> Result<Option<(PersonId, Option<String>)>> {
        let sql = "SELECT id, password FROM person WHERE login = $1";
        Ok(sqlx::query_as(sql).bind(login).fetch_optional(&self.pool).await?)
    }

    /// One person.
    pub async fn person(&self, id: PersonId) -> Result<Person> {
        let sql = "SELECT p.id, p.name, p.login, p.role, p.school, s.name AS school_name
                   FROM person p LEFT JOIN school s ON s.id = p.school WHERE p.id = $1";
        let row: Option<PersonRow> = sqlx::query_as(sql).bind(id).fetch_optional(&self.pool).await?;
        row.map(Into::into).ok_or(Error::NotFound)
    }

    /// People, by name.
    pub async fn people(&self, q: Option<&str>, reach: &Reach, window: Window) -> Result<Page<Person>> {
        const COUNT: &str = "SELECT count(*) FROM person p LEFT JOIN school s ON s.id = p.school
            WHERE ($1 IS NULL OR p.school = $1) AND ($2 IS NULL OR s.school_group = $2)
              AND ($3 IS NULL OR p.name LIKE $3 ESCAPE '!' OR p.login LIKE $3 ESCAPE '!')";
        let (q, school, group) = (contains(q), reach.school(), reach.group());
        let total = sqlx::query_scalar(COUNT).bind(school).bind(group).bind(&q).fetch_one(&self.pool).await?;
        let sql = "SELECT p.id, p.name, p.login, p.role, p.school, s.name AS school_name
                   FROM person p LEFT JOIN school s ON s.id = p.school
                   WHERE ($1 IS NULL OR p.school = $1) AND ($2 IS NULL OR s.school_group = $2)
                     AND ($3 IS NULL OR p.name LIKE $3 ESCAPE '!' OR p.login LIKE $3 ESCAPE '!')
                   ORDER BY p.name, p.id LIMIT $4 OFFSET $5";
        let query = sqlx::query_as(sql).bind(school).bind(group).bind(&q);
        let query = query.bind(window.per_page).bind(window.offset());
        let rows: Vec<PersonRow> = query.fetch_all(&self.pool).await?;
        Ok(window.page(total, rows.into_iter().map(Into::into).collect()))
    }

    /// Notes a sign-in, and forgets those that have expired.
    pub async fn add_session(&self, hash: &str, person: PersonId, now_ms: i64, expires_ms: i64) -> Result<()> {
        let mut tx = self.write().await?;
        sqlx::query("DELETE FROM person_session WHERE expires_ms <= $1").bind(now_ms).execute(&mut *tx).await?;
        let sql = "INSERT INTO person_session (hash, person, expires_ms) VALUES ($1, $2, $3)";
        sqlx::query(sql).bind(hash).bind(person).bind(expires_ms).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// Ends a sign-in.
    pub async fn drop_session(&self, hash: &str) -> Result<()> {
        sqlx::query("DELETE FROM person_session WHERE hash = $1").bind(hash).execute(&self.pool).await?;
        Ok(())
    }

    /// Whom a cookie stands for.
    pub async fn by_cookie(&self, hash: &str, now_ms: i64) -> Result<Option<Identity>> {
        let sql = "SELECT p.id, p.role, p.school FROM person_session s JOIN person p ON p.id = s.person
                   WHERE s.hash = $1 AND s.expires_ms > $2";
        let row: Option<(PersonId, Role, Option<SchoolId>)> =
            sqlx::query_as(sql).bind(hash).bind(now_ms).fetch_optional(&self.pool).await?;
        Ok(row.map(|(id, role, school)| Identity {
            caller: Caller::Person { id, role, school },
            credential: hash.to_owned(),
        }))
    }

    /// Whom a bearer stands for. A revoked display is nobody.
    pub async fn by_bearer(&self, hash: &str) -> Result<Option<Identity>> {
        let credential = hash.to_owned();
        let sql =
            "SELECT d.id, d.room, d.state FROM display_secret s JOIN display d ON d.id = s.display WHERE s.hash = $1";
        let row: Option<(DisplayId, Option<RoomId>, DisplayState)> =
            sqlx::query_as(sql).bind(hash).fetch_optional(&self.pool).await?;
        if let Some((id, room, state)) = row {
            let room = room.filter(|_| state == DisplayState::Paired);
            return Ok(Some(Identity { caller: Caller::Display { id, room }, credential }));
        }
        let sql = "SELECT lesson, role FROM lesson_token WHERE hash = $1";
        let row: Option<(LessonId, TokenRole)> = sqlx::query_as(sql).bind(hash).fetch_optional(&self.pool).await?;
        Ok(row.map(|(lesson, role)| Identity { caller: Caller::Lesson { lesson, role }, credential }))
    }

    /// Whom a playback signature names, as they are today.
    pub async fn by_viewer_name(&self, name: &str) -> Result<Option<Caller>> {
        if let Some(id) = name.strip_prefix('p').and_then(|id| id.parse::<PersonId>().ok()) {
            let sql = "SELECT role, school FROM person WHERE id = $1";
            let row: Option<(Role, Option<SchoolId>)> = sqlx::query_as(sql).bind(id).fetch_optional(&self.pool).await?;
            return Ok(row.map(|(role, school)| Caller::Person { id, role, school }));
        }
        let Some(id) = name.strip_prefix('d').and_then(|id| id.parse::<DisplayId>().ok()) else { return Ok(None) };
        let sql = "SELECT room FROM display WHERE id = $1 AND state = 'paired'";
        let room: Option<Option<RoomId>> = sqlx::query_scalar(sql).bind(id).fetch_optional(&self.pool).await?;
        Ok(room.map(|room| Caller::Display { id, room }))
    }
}
