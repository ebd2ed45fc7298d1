//! What an import compares with and writes, and what an export reads.

use super::Store;
use super::calendar::{Act, json};
use crate::auth::Reach;
use crate::error::Result;
use crate::import::rows::{rural_text, weeks_text};
use crate::import::{Directory, Import};
use crate::model::{ClassId, PairingId, PersonId, RoomId, RoomKind, SchoolId, TermId};
use sqlx::FromRow;
use std::collections::{BTreeSet, HashMap};

#[derive(FromRow)]
struct ExportRow {
    pairing: PairingId,
    subject: String,
    grade: String,
    login: String,
    school: String,
    room: String,
    class: Option<String>,
    weekday: i64,
    period: i64,
    weeks: String,
}

impl Store {
    /// Everything a file may name, and the schools to which its sender may add something.
    pub(crate) async fn directory(&self, term: TermId, reach: &Reach) -> Result<Directory> {
        let mut found = Directory { own: self.own_schools(reach).await?, ..Directory::default() };
        let schools: Vec<(String, SchoolId)> =
            sqlx::query_as("SELECT name, id FROM school").fetch_all(&self.pool).await?;
        found.schools.extend(schools);
        let sql = "SELECT school, name, id, kind FROM room";
        let rooms: Vec<(SchoolId, String, RoomId, RoomKind)> = sqlx::query_as(sql).fetch_all(&self.pool).await?;
        found.rooms.extend(rooms.into_iter().map(|(school, name, id, kind)| ((school, name), (id, kind))));
        let sql = "SELECT login, id FROM person WHERE role = 'teacher'";
        let people: Vec<(String, PersonId)> = sqlx::query_as(sql).fetch_all(&self.pool).await?;
        found.people.extend(people);
        let sql = "SELECT school, name, id FROM class";
        let classes: Vec<(SchoolId, String, ClassId)> = sqlx::query_as(sql).fetch_all(&self.pool).await?;
        found.classes.extend(classes.into_iter().map(|(school, name, id)| ((school, name), id)));
        let mut rural: HashMap<PairingId, BTreeSet<RoomId>> = HashMap::new();
        let rows: Vec<(PairingId, RoomId)> =
            sqlx::query_as("SELECT pairing, room FROM pairing_room").fetch_all(&self.pool).await?;
        for (pairing, room) in rows {
            rural.entry(pairing).or_default().insert(room);
        }
        let sql = "SELECT id, subject, grade, teacher, master_room FROM pairing";
        let rows: Vec<(PairingId, String, String, PersonId, RoomId)> =
            sqlx::query_as(sql).fetch_all(&self.pool).await?;
        for (id, subject, grade, teacher, room) in rows {
            let rooms = rural.remove(&id).unwrap_or_default();
            found.pairings.insert((subject, grade, teacher, room, rooms), id);
        }
        let sql = "SELECT pairing, weekday, period, weeks FROM entry WHERE term = $1";
        let rows: Vec<(PairingId, i64, i64, String)> = sqlx::query_as(sql).bind(term).fetch_all(&self.pool).await?;
        found.entries.extend(rows);
        Ok(found)
    }

    /// Writes everything a file adds, in one transaction.
    pub(crate) async fn write_import(&self, import: &Import, term: TermId, act: Act) -> Result<()> {
        let mut tx = self.write().await?;
        for (id, name, kind, group) in &import.schools {
            let sql = "INSERT INTO school (id, name, kind, school_group, created_ms) VALUES ($1, $2, $3, $4, $5)";
            let query = sqlx::query(sql).bind(id).bind(name).bind(kind).bind(group).bind(act.at_ms);
            query.execute(&mut *tx).await?;
        }
        for (id, school, name, kind, class) in &import.rooms {
            let sql = "INSERT INTO room (id, school, name, kind, class) VALUES ($1, $2, $3, $4, $5)";
            sqlx::query(sql).bind(id).bind(school).bind(name).bind(kind).bind(class).execute(&mut *tx).await?;
        }
        for (id, school, name, login) in &import.people {
            let sql = "INSERT INTO person (id, name, login, role, school) VALUES ($1, $2, $3, 'teacher', $4)";
            sqlx::query(sql).bind(id).bind(name).bind(login).bind(school).execute(&mut *tx).await?;
        }
        for (id, school, name, grade) in &import.classes {
            let sql = "INSERT INTO class (id, school, name, grade) VALUES ($1, $2, $3, $4)";
            sqlx::query(sql).bind(id).bind(school).bind(name).bind(grade).execute(&mut *tx).await?;
        }
        for pairing in &import.pairings {
            let (_, room, class) = pairing.master;
            let sql = "INSERT INTO pairing (id, subject, grade, teacher, master_room, master_class) VALUES ($1, $2, $3, $4, $5, $6)";
            let query = sqlx::query(sql).bind(pairing.id).bind(&pairing.subject).bind(&pairing.grade);
            query.bind(pairing.teacher).bind(room).bind(class).execute(&mut *tx).await?;
            for (_, room, class) in &pairing.rural {
                let sql = "INSERT INTO pairing_room (pairing, room, class) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
                sqlx::query(sql).bind(pairing.id).bind(room).bind(class).execute(&mut *tx).await?;
            }
        }
        for entry in &import.entries {
            let sql = "INSERT INTO entry (id, term, pairing, weekday, period, weeks) VALUES ($1, $2, $3, $4, $5, $6)";
            let query = sqlx::query(sql).bind(entry.id).bind(term).bind(entry.pairing).bind(entry.weekday);
            query.bind(entry.period).bind(entry.weeks.to_string()).execute(&mut *tx).await?;
        }
        if let Some((need, supply, pairing)) = import.met {
            sqlx::query("UPDATE need SET pairing = $2 WHERE id = $1")
                .bind(need)
                .bind(pairing)
                .execute(&mut *tx)
                .await?;
            sqlx::query("UPDATE supply SET pairing = $2 WHERE id = $1")
                .bind(supply)
                .bind(pairing)
                .execute(&mut *tx)
                .await?;
        }
        let pairings: BTreeSet<PairingId> = import.entries.iter().map(|entry| entry.pairing).collect();
        let touched = Self::masters(&mut tx, &pairings.into_iter().collect::<Vec<_>>()).await?;
        let what = if import.met.is_some() { "proposal_accepted" } else { "imported" };
        Self::conclude(tx, act, what, term, touched).await
    }

    /// The rows of all sheets within reach, in the order of [`crate::import::SHEETS`], as an import reads them. Lessons
    /// are within reach on either side.
    pub(crate) async fn export(&self, term: TermId, reach: &Reach) -> Result<[Vec<Vec<String>>; 5]> {
        const OWN: &str = "($1 IS NULL OR s.id = $1) AND ($2 IS NULL OR s.school_group = $2)";
        let sheet = async |columns: &str, order: &str| -> Result<Vec<Vec<String>>> {
            let sql = sqlx::AssertSqlSafe(format!("SELECT {columns} AND {OWN} ORDER BY {order}"));
            let query = sqlx::query_as(sql).bind(reach.school()).bind(reach.group());
            let rows: Vec<(String, String, String, String)> = query.fetch_all(&self.pool).await?;
            Ok(rows.into_iter().map(|(a, b, c, d)| vec![a, b, c, d]).collect())
        };
        let narrow = |mut rows: Vec<Vec<String>>| {
            rows.iter_mut().for_each(|row| row.truncate(3));
            rows
        };
        let columns = "s.name, s.kind, coalesce(s.school_group, ''), '' FROM school s WHERE 1 = 1";
        let schools = narrow(sheet(columns, "s.name, s.id").await?);
        let columns =
            "s.name, r.name, r.kind, coalesce(r.class, '') FROM room r JOIN school s ON s.id = r.school WHERE 1 = 1";
        let rooms = sheet(columns, "s.name, r.name, r.id").await?;
        let columns =
            "s.name, p.name, p.login, '' FROM person p JOIN school s ON s.id = p.school WHERE p.role = 'teacher'";
        let people = narrow(sheet(columns, "s.name, p.name, p.id").await?);
        let columns = "s.name, c.name, c.grade, '' FROM class c JOIN school s ON s.id = c.school WHERE 1 = 1";
        let classes = narrow(sheet(columns, "s.name, c.name, c.id").await?);
        Ok([schools, rooms, people, classes, self.export_timetable(term, reach).await?])
    }

    async fn export_timetable(&self, term: TermId, reach: &Reach) -> Result<Vec<Vec<String>>> {
        let sql = "SELECT x.pairing, s.name, r.name, coalesce(c.name, '') FROM pairing_room x JOIN room r ON r.id = x.room
                     JOIN school s ON s.id = r.school LEFT JOIN class c ON c.id = x.class ORDER BY x.pairing, s.name, r.name";
        let rows: Vec<(PairingId, String, String, String)> = sqlx::query_as(sql).fetch_all(&self.pool).await?;
        let mut rural: HashMap<PairingId, Vec<(String, String, String)>> = HashMap::new();
        for (pairing, school, room, class) in rows {
            rural.entry(pairing).or_default().push((school, room, class));
        }
        let sql = "SELECT e.pairing, g.subject, g.grade, p.login, s.name AS school, r.name AS room, c.name AS class,
                     e.weekday, e.period, e.weeks
                   FROM entry e JOIN pairing g ON g.id = e.pairing JOIN person p ON p.id = g.teacher
                     JOIN room r ON r.id = g.master_room JOIN school s ON s.id = r.school
                     LEFT JOIN class c ON c.id = g.master_class
                   WHERE e.term = $1
                     AND ($2 IS NULL OR s.id = $2 OR EXISTS (SELECT 1 FROM pairing_room x JOIN room y ON y.id = x.room
                                                             WHERE x.pairing = g.id AND y.school = $2))
                     AND ($3 IS NULL OR s.school_group = $3 OR EXISTS (SELECT 1 FROM pairing_room x
                                                             JOIN room y ON y.id = x.room JOIN school z ON z.id = y.school
                                                             WHERE x.pairing = g.id AND z.school_group = $3))
                   ORDER BY s.name, g.grade, g.subject, e.weekday, e.period, e.id";
        let query = sqlx::query_as(sql).bind(term).bind(reach.school()).bind(reach.group());
        let rows: Vec<ExportRow> = query.fetch_all(&self.pool).await?;
        let row = |row: ExportRow| {
            let sides = rural.get(&row.pairing).map(Vec::as_slice).unwrap_or_default();
            let (weekday, period) = (row.weekday.to_string(), row.period.to_string());
            let weeks = weeks_text(&json(&row.weeks)?);
            let class = row.class.unwrap_or_default();
            Ok(vec![
                row.subject,
                row.grade,
                row.login,
                row.school,
                row.room,
                class,
                rural_text(sides),
                weekday,
                period,
                weeks,
            ])
        };
        rows.into_iter().map(row).collect()
    }
}
