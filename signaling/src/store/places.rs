//! Schools, classrooms, pairings.

use super::{Store, Window, contains};
use crate::auth::Reach;
use crate::error::{Error, Result};
use crate::model::{DisplayId, PairingId, PersonId, RoomId, RoomKind, SchoolId, SchoolKind};
use crate::schema::{
    MasterSide, NewPairing, NewRoom, NewSchool, Page, Pairing, PersonRef, Room, RoomDisplay, RoomRef, RuralSide,
    School, SchoolRef,
};
use sqlx::FromRow;

#[derive(FromRow)]
struct SchoolRow {
    id: SchoolId,
    name: String,
    school_group: Option<String>,
    kind: SchoolKind,
}

impl From<SchoolRow> for School {
    fn from(row: SchoolRow) -> Self {
        Self { id: row.id, name: row.name, group: row.school_group, kind: row.kind }
    }
}

#[derive(FromRow)]
struct RoomRow {
    id: RoomId,
    name: String,
    kind: RoomKind,
    class: Option<String>,
    school: SchoolId,
    school_name: String,
    display: Option<DisplayId>,
    last_seen_ms: Option<i64>,
}

impl From<RoomRow> for Room {
    fn from(row: RoomRow) -> Self {
        let state = if row.display.is_some() { "offline" } else { "none" };
        let display = RoomDisplay { state: state.into(), id: row.display, last_seen_ms: row.last_seen_ms };
        let school = SchoolRef { id: row.school, name: row.school_name };
        Self { id: row.id, name: row.name, school, kind: row.kind, class: row.class, display }
    }
}

#[derive(FromRow)]
struct PairingRow {
    id: PairingId,
    subject: String,
    grade: String,
    teacher: PersonId,
    teacher_name: String,
    master_room: RoomId,
    room_name: String,
    school: SchoolId,
    school_name: String,
}

#[derive(FromRow)]
struct RuralRow {
    room: RoomId,
    room_name: String,
    kind: RoomKind,
    school: SchoolId,
    school_name: String,
}

const PAIRING: &str = "SELECT g.id, g.subject, g.grade, g.teacher, p.name AS teacher_name, g.master_room,
        r.name AS room_name, s.id AS school, s.name AS school_name
    FROM pairing g JOIN person p ON p.id = g.teacher JOIN room r ON r.id = g.master_room JOIN school s ON s.id = r.school
    WHERE ($1 IS NULL OR g.id = $1)
      AND ($2 IS NULL OR s.id = $2 OR EXISTS (SELECT 1 FROM pairing_room x JOIN room y ON y.id = x.room
                                              WHERE x.pairing = g.id AND y.school = $2))
      AND ($3 IS NULL OR g.subject LIKE $3 ESCAPE '!' OR p.name LIKE $3 ESCAPE '!' OR r.name LIKE $3 ESCAPE '!')
      AND ($4 IS NULL OR s.school_group = $4 OR EXISTS (SELECT 1 FROM pairing_room x JOIN room y ON y.id = x.room
                                                          JOIN school z ON z.id = y.school
                                                        WHERE x.pairing = g.id AND z.school_group = $4))
    ORDER BY g.subject, g.grade, g.id LIMIT $5 OFFSET $6";

const PAIRING_COUNT: &str = "SELECT count(*)
    FROM pairing g JOIN person p ON p.id = g.teacher JOIN room r ON r.id = g.master_room JOIN school s ON s.id = r.school
    WHERE ($1 IS NULL OR s.id = $1 OR EXISTS (SELECT 1 FROM pairing_room x JOIN room y ON y.id = x.room
                                              WHERE x.pairing = g.id AND y.school = $1))
      AND ($2 IS NULL OR g.subject LIKE $2 ESCAPE '!' OR p.name LIKE $2 ESCAPE '!' OR r.name LIKE $2 ESCAPE '!')
      AND ($3 IS NULL OR s.school_group = $3 OR EXISTS (SELECT 1 FROM pairing_room x JOIN room y ON y.id = x.room
                                                          JOIN school z ON z.id = y.school
                                                        WHERE x.pairing = g.id AND z.school_group = $3))";

impl Store {
    /// Adds a school. 409 if the name is taken.
    pub async fn add_school(&self, new: &NewSchool, now_ms: i64) -> Result<School> {
        let id = SchoolId::random();
        let sql = "INSERT INTO school (id, name, kind, school_group, created_ms) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT (name) DO NOTHING";
        let query = sqlx::query(sql).bind(id).bind(&new.name).bind(new.kind).bind(&new.group).bind(now_ms);
        match query.execute(&self.pool).await?.rows_affected() {
            1 => {
                self.age_calendar().await?;
                Ok(School { id, name: new.name.clone(), group: new.group.clone(), kind: new.kind })
            }
            _ => Err(Error::Conflict { code: "name_taken", why: "a school has this name" }),
        }
    }

    /// Schools, by name.
    pub async fn schools(&self, q: Option<&str>, reach: &Reach, window: Window) -> Result<Page<School>> {
        let q = contains(q);
        let sql = "SELECT count(*) FROM school WHERE ($1 IS NULL OR id = $1)
                     AND ($2 IS NULL OR school_group = $2) AND ($3 IS NULL OR name LIKE $3 ESCAPE '!')";
        let query = sqlx::query_scalar(sql).bind(reach.school()).bind(reach.group());
        let total = query.bind(&q).fetch_one(&self.pool).await?;
        let sql = "SELECT id, name, school_group, kind FROM school WHERE ($1 IS NULL OR id = $1)
                     AND ($2 IS NULL OR school_group = $2) AND ($3 IS NULL OR name LIKE $3 ESCAPE '!')
                   ORDER BY name, id LIMIT $4 OFFSET $5";
        let query = sqlx::query_as(sql).bind(reach.school()).bind(reach.group()).bind(&q);
        let query = query.bind(window.per_page).bind(window.offset());
        let rows: Vec<SchoolRow> = query.fetch_all(&self.pool).await?;
        Ok(window.page(total, rows.into_iter().map(Into::into).collect()))
    }

    /// Adds a classroom. 422 for an unknown school, 409 if the name is taken there.
    pub async fn add_room(&self, new: &NewRoom) -> Result<RoomId> {
        let known: Option<i64> = sqlx::query_scalar("SELECT 1 FROM school WHERE id = $1")
            .bind(new.school)
            .fetch_optional(&self.pool)
            .await?;
        if known.is_none() {
            return Err(Error::field("school", "no such school"));
        }
        let id = RoomId::random();
        let sql = "INSERT INTO room (id, school, name, kind, class) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT (school, name) DO NOTHING";
        let query = sqlx::query(sql).bind(id).bind(new.school).bind(&new.name).bind(new.kind).bind(&new.class);
        match query.execute(&self.pool).await?.rows_affected() {
            1 => {
                self.age_calendar().await?;
                Ok(id)
            }
            _ => Err(Error::Conflict { code: "name_taken", why: "a room of the school has this name" }),
        }
    }

    async fn room_rows(
        &self,
        id: Option<RoomId>,
        reach: &Reach,
        q: Option<String>,
        window: Window,
    ) -> Result<Vec<Room>> {
        let sql = "SELECT r.id, r.name, r.kind, r.class, s.id AS school, s.name AS school_name,
                     (SELECT d.id FROM display d WHERE d.room = r.id AND d.state = 'paired'
                      ORDER BY d.last_seen_ms DESC, d.id LIMIT 1) AS display,
                     (SELECT max(d.last_seen_ms) FROM display d WHERE d.room = r.id AND d.state = 'paired') AS last_seen_ms
                   FROM room r JOIN school s ON s.id = r.school
                   WHERE ($1 IS NULL OR r.id = $1) AND ($2 IS NULL OR s.id = $2) AND ($3 IS NULL OR s.school_group = $3)
                     AND ($4 IS NULL OR r.name LIKE $4 ESCAPE '!' OR s.name LIKE $4 ESCAPE '!')
                   ORDER BY s.name, r.name, r.id LIMIT $5 OFFSET $6";
        let query = sqlx::query_as(sql).bind(id).bind(reach.school()).bind(reach.group()).bind(q);
        let query = query.bind(window.per_page).bind(window.offset());
        let rows: Vec<RoomRow> = query.fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Classrooms, by school and name. `display.state` is `offline` where there is one: who is connected, the store cannot know.
    pub async fn rooms(&self, q: Option<&str>, reach: &Reach, window: Window) -> Result<Page<Room>> {
        let q = contains(q);
        let sql = "SELECT count(*) FROM room r JOIN school s ON s.id = r.school
                   WHERE ($1 IS NULL OR s.id = $1) AND ($2 IS NULL OR s.school_group = $2)
                     AND ($3 IS NULL OR r.name LIKE $3 ESCAPE '!' OR s.name LIKE $3 ESCAPE '!')";
        let query = sqlx::query_scalar(sql).bind(reach.school()).bind(reach.group());
        let total = query.bind(&q).fetch_one(&self.pool).await?;
        Ok(window.page(total, self.room_rows(None, reach, q, window).await?))
    }

    /// One classroom, of this school if one is given.
    pub async fn room(&self, id: RoomId, school: Option<SchoolId>) -> Result<Room> {
        let rows = self.room_rows(Some(id), &school.into(), None, Window::new(None, Some(1))).await?;
        rows.into_iter().next().ok_or(Error::NotFound)
    }

    /// Adds a pairing; 422 names what does not fit.
    pub async fn add_pairing(&self, new: &NewPairing) -> Result<PairingId> {
        let mut fields = std::collections::BTreeMap::new();
        let sql = "SELECT 1 FROM person WHERE id = $1 AND role = 'teacher'";
        if sqlx::query_scalar::<_, i64>(sql).bind(new.teacher).fetch_optional(&self.pool).await?.is_none() {
            fields.insert("teacher".to_owned(), "no such teacher".to_owned());
        }
        if self.room(new.master_room, None).await.map_or(true, |r| r.kind != RoomKind::Master) {
            fields.insert("master_room".to_owned(), "no such room of kind master".to_owned());
        }
        for room in &new.rural_rooms {
            if self.room(*room, None).await.map_or(true, |r| r.kind == RoomKind::Master) {
                fields.insert("rural_rooms".to_owned(), "no such room of kind interactive or terminal".to_owned());
            }
        }
        if !fields.is_empty() {
            return Err(Error::Fields(fields));
        }
        let id = PairingId::random();
        let mut tx = self.write().await?;
        let sql = "INSERT INTO pairing (id, subject, grade, teacher, master_room) VALUES ($1, $2, $3, $4, $5)";
        let query = sqlx::query(sql).bind(id).bind(&new.subject).bind(&new.grade);
        query.bind(new.teacher).bind(new.master_room).execute(&mut *tx).await?;
        for room in &new.rural_rooms {
            let sql = "INSERT INTO pairing_room (pairing, room) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            sqlx::query(sql).bind(id).bind(room).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        self.age_calendar().await?;
        Ok(id)
    }

    async fn pairing_view(&self, row: PairingRow) -> Result<Pairing> {
        let sql = "SELECT r.id AS room, r.name AS room_name, r.kind, s.id AS school, s.name AS school_name
                   FROM pairing_room x JOIN room r ON r.id = x.room JOIN school s ON s.id = r.school
                   WHERE x.pairing = $1 ORDER BY s.name, r.name, r.id";
        let rural: Vec<RuralRow> = sqlx::query_as(sql).bind(row.id).fetch_all(&self.pool).await?;
        let rural = rural.into_iter().map(|r| RuralSide {
            room: RoomRef { id: r.room, name: r.room_name },
            school: SchoolRef { id: r.school, name: r.school_name },
            kind: r.kind,
        });
        Ok(Pairing {
            id: row.id,
            subject: row.subject,
            grade: row.grade,
            teacher: PersonRef { id: row.teacher, name: row.teacher_name },
            master: MasterSide {
                room: RoomRef { id: row.master_room, name: row.room_name },
                school: SchoolRef { id: row.school, name: row.school_name },
            },
            rural: rural.collect(),
        })
    }

    /// One pairing, if this school takes part.
    pub async fn pairing(&self, id: PairingId, school: Option<SchoolId>) -> Result<Pairing> {
        let query = sqlx::query_as(PAIRING).bind(Some(id)).bind(school).bind(None::<String>).bind(None::<String>);
        let query = query.bind(1_i64).bind(0_i64);
        let row: Option<PairingRow> = query.fetch_optional(&self.pool).await?;
        self.pairing_view(row.ok_or(Error::NotFound)?).await
    }

    /// Pairings, by subject and grade.
    pub async fn pairings(&self, q: Option<&str>, reach: &Reach, window: Window) -> Result<Page<Pairing>> {
        let (q, school, group) = (contains(q), reach.school(), reach.group());
        let total = sqlx::query_scalar(PAIRING_COUNT).bind(school).bind(&q).bind(group).fetch_one(&self.pool).await?;
        let query = sqlx::query_as(PAIRING).bind(None::<PairingId>).bind(school).bind(&q).bind(group);
        let rows: Vec<PairingRow> = query.bind(window.per_page).bind(window.offset()).fetch_all(&self.pool).await?;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            items.push(self.pairing_view(row).await?);
        }
        Ok(window.page(total, items))
    }
}
