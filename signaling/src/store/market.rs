//! Needs and supplies.

use super::calendar::{Act, text};
use super::touch::Touched;
use super::{Store, Window};
use crate::auth::Reach;
use crate::error::{Error, Result};
use crate::model::{ClassId, NeedId, PairingId, PersonId, RoomId, RoomKind, SchoolId, SupplyId};
use crate::schema::{FreePeriod, Need, NewNeed, NewSupply, Page, PersonRef, RoomRef, SchoolRef, Supply};
use sqlx::FromRow;

#[derive(FromRow)]
struct NeedRow {
    id: NeedId,
    room: RoomId,
    room_name: String,
    kind: RoomKind,
    school: SchoolId,
    school_name: String,
    class: Option<ClassId>,
    subject: String,
    grade: String,
    edition: Option<String>,
    unit: Option<i64>,
    periods: i64,
    rank: i64,
    free: String,
    pairing: Option<PairingId>,
}

#[derive(FromRow)]
struct SupplyRow {
    id: SupplyId,
    teacher: PersonId,
    teacher_name: String,
    room: RoomId,
    school: SchoolId,
    school_name: String,
    subject: String,
    grade: String,
    edition: Option<String>,
    unit: Option<i64>,
    periods: i64,
    free: String,
    interactive: i64,
    pairing: Option<PairingId>,
}

fn free(text: &str) -> Result<Vec<FreePeriod>> {
    serde_json::from_str(text).map_err(|_| Error::Internal("a stored document cannot be read"))
}

fn small(number: i64) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

impl NeedRow {
    fn need(self) -> Result<(Need, RoomKind)> {
        let need = NewNeed {
            room: self.room,
            class: self.class,
            subject: self.subject,
            grade: self.grade,
            edition: self.edition,
            unit: self.unit.and_then(|n| u16::try_from(n).ok()),
            periods: small(self.periods),
            rank: small(self.rank),
            free: free(&self.free)?,
        };
        let place = RoomRef { id: self.room, name: self.room_name };
        let school = SchoolRef { id: self.school, name: self.school_name };
        Ok((Need { id: self.id, need, place, school, pairing: self.pairing }, self.kind))
    }
}

impl SupplyRow {
    fn supply(self) -> Result<Supply> {
        let supply = NewSupply {
            teacher: self.teacher,
            room: self.room,
            subject: self.subject,
            grade: self.grade,
            edition: self.edition,
            unit: self.unit.and_then(|n| u16::try_from(n).ok()),
            periods: small(self.periods),
            free: free(&self.free)?,
            interactive: self.interactive != 0,
        };
        let person = PersonRef { id: self.teacher, name: self.teacher_name };
        let school = SchoolRef { id: self.school, name: self.school_name };
        Ok(Supply { id: self.id, supply, person, school, pairing: self.pairing })
    }
}

const NEEDS: &str = "SELECT n.id, n.room, r.name AS room_name, r.kind, s.id AS school, s.name AS school_name, n.class,
        n.subject, n.grade, n.edition, n.unit, n.periods, n.rank, n.free, n.pairing
    FROM need n JOIN room r ON r.id = n.room JOIN school s ON s.id = r.school
    WHERE ($1 IS NULL OR s.id = $1) AND ($2 IS NULL OR s.school_group = $2) AND ($3 = 0 OR n.pairing IS NULL)
      AND ($4 IS NULL OR n.id = $4)
    ORDER BY s.name, n.rank, n.subject, n.id LIMIT $5 OFFSET $6";

const SUPPLIES: &str = "SELECT n.id, n.teacher, p.name AS teacher_name, n.room, s.id AS school, s.name AS school_name,
        n.subject, n.grade, n.edition, n.unit, n.periods, n.free, n.interactive, n.pairing
    FROM supply n JOIN person p ON p.id = n.teacher JOIN room r ON r.id = n.room JOIN school s ON s.id = r.school
    WHERE ($1 IS NULL OR s.id = $1) AND ($2 IS NULL OR s.school_group = $2) AND ($3 = 0 OR n.pairing IS NULL)
      AND ($4 IS NULL OR n.id = $4)
    ORDER BY s.name, n.subject, n.id LIMIT $5 OFFSET $6";

/// A free period is promised once: matching counts on it.
fn promised(others: &[String], wanted: &[FreePeriod]) -> Result<()> {
    for other in others {
        if free(other)?.iter().any(|period| wanted.contains(period)) {
            return Err(Error::Conflict {
                code: "period_promised",
                why: "one of these periods is promised in another one",
            });
        }
    }
    Ok(())
}

impl Store {
    /// Adds a need; 409 if one of its periods is promised in another open need of the room or class.
    pub async fn add_need(&self, new: &NewNeed, act: Act) -> Result<NeedId> {
        let id = NeedId::random();
        let mut tx = self.write().await?;
        let sql = "SELECT free FROM need WHERE pairing IS NULL AND (room = $1 OR class = $2)";
        let others: Vec<String> = sqlx::query_scalar(sql).bind(new.room).bind(new.class).fetch_all(&mut *tx).await?;
        promised(&others, &new.free)?;
        let sql = "INSERT INTO need (id, room, class, subject, grade, edition, unit, periods, rank, free)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let query = sqlx::query(sql).bind(id).bind(new.room).bind(new.class).bind(&new.subject).bind(&new.grade);
        let query = query.bind(&new.edition).bind(new.unit.map(i64::from)).bind(i64::from(new.periods));
        query.bind(i64::from(new.rank)).bind(text(&new.free)?).execute(&mut *tx).await?;
        Self::conclude(tx, act, "need_added", id, Touched::nothing()).await?;
        Ok(id)
    }

    /// Adds a supply; 409 if one of its periods is promised in another open one of the teacher or room.
    pub async fn add_supply(&self, new: &NewSupply, act: Act) -> Result<SupplyId> {
        let id = SupplyId::random();
        let mut tx = self.write().await?;
        let sql = "SELECT free FROM supply WHERE pairing IS NULL AND (teacher = $1 OR room = $2)";
        let others: Vec<String> = sqlx::query_scalar(sql).bind(new.teacher).bind(new.room).fetch_all(&mut *tx).await?;
        promised(&others, &new.free)?;
        let sql = "INSERT INTO supply (id, teacher, room, subject, grade, edition, unit, periods, free, interactive)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let query = sqlx::query(sql).bind(id).bind(new.teacher).bind(new.room).bind(&new.subject).bind(&new.grade);
        let query = query.bind(&new.edition).bind(new.unit.map(i64::from)).bind(i64::from(new.periods));
        query.bind(text(&new.free)?).bind(i64::from(new.interactive)).execute(&mut *tx).await?;
        Self::conclude(tx, act, "supply_added", id, Touched::nothing()).await?;
        Ok(id)
    }

    /// Needs within reach with the kind of their room: all, or those that are not met.
    pub(crate) async fn needs(
        &self,
        reach: &Reach,
        open: bool,
        only: Option<NeedId>,
        window: Window,
    ) -> Result<Vec<(Need, RoomKind)>> {
        let query = sqlx::query_as(NEEDS).bind(reach.school()).bind(reach.group()).bind(i64::from(open)).bind(only);
        let rows: Vec<NeedRow> = query.bind(window.per_page).bind(window.offset()).fetch_all(&self.pool).await?;
        rows.into_iter().map(NeedRow::need).collect()
    }

    /// Supplies within reach: all, or those that are not taken.
    pub(crate) async fn supplies(
        &self,
        reach: &Reach,
        open: bool,
        only: Option<SupplyId>,
        window: Window,
    ) -> Result<Vec<Supply>> {
        let query = sqlx::query_as(SUPPLIES).bind(reach.school()).bind(reach.group()).bind(i64::from(open)).bind(only);
        let rows: Vec<SupplyRow> = query.bind(window.per_page).bind(window.offset()).fetch_all(&self.pool).await?;
        rows.into_iter().map(SupplyRow::supply).collect()
    }

    /// A page of needs.
    pub async fn needs_page(&self, reach: &Reach, window: Window) -> Result<Page<Need>> {
        let sql = "SELECT count(*) FROM need n JOIN room r ON r.id = n.room JOIN school s ON s.id = r.school
                   WHERE ($1 IS NULL OR s.id = $1) AND ($2 IS NULL OR s.school_group = $2)";
        let total = sqlx::query_scalar(sql).bind(reach.school()).bind(reach.group()).fetch_one(&self.pool).await?;
        let items = self.needs(reach, false, None, window).await?;
        Ok(window.page(total, items.into_iter().map(|(need, _)| need).collect()))
    }

    /// A page of supplies.
    pub async fn supplies_page(&self, reach: &Reach, window: Window) -> Result<Page<Supply>> {
        let sql = "SELECT count(*) FROM supply n JOIN room r ON r.id = n.room JOIN school s ON s.id = r.school
                   WHERE ($1 IS NULL OR s.id = $1) AND ($2 IS NULL OR s.school_group = $2)";
        let total = sqlx::query_scalar(sql).bind(reach.school()).bind(reach.group()).fetch_one(&self.pool).await?;
        let items = self.supplies(reach, false, None, window).await?;
        Ok(window.page(total, items))
    }

    /// Removes a need that no pairing meets.
    pub async fn remove_need(&self, id: NeedId, act: Act) -> Result<()> {
        let mut tx = self.write().await?;
        let sql = "DELETE FROM need WHERE id = $1 AND pairing IS NULL";
        if sqlx::query(sql).bind(id).execute(&mut *tx).await?.rows_affected() == 0 {
            return Err(Error::Conflict { code: "met", why: "a pairing meets this need" });
        }
        Self::conclude(tx, act, "need_removed", id, Touched::nothing()).await
    }

    /// Removes a supply that no pairing takes.
    pub async fn remove_supply(&self, id: SupplyId, act: Act) -> Result<()> {
        let mut tx = self.write().await?;
        let sql = "DELETE FROM supply WHERE id = $1 AND pairing IS NULL";
        if sqlx::query(sql).bind(id).execute(&mut *tx).await?.rows_affected() == 0 {
            return Err(Error::Conflict { code: "met", why: "a pairing takes this supply" });
        }
        Self::conclude(tx, act, "supply_removed", id, Touched::nothing()).await
    }
}
