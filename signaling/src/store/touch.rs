//! The calendar's version, and whose lessons each version changed.

use super::Store;
use super::calendar::Act;
use crate::error::Result;
use crate::model::{ChangeId, PairingId, RuleId, SchoolId};
use sqlx::{Sqlite, Transaction};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The setting that counts changes of the calendar, so that what is computed from it is known to be old.
const VERSION: &str = "calendar_version";

const COUNT_UP: &str = "INSERT INTO setting (name, value) VALUES ($1, '1')
    ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(setting.value AS BIGINT) + 1 AS TEXT) RETURNING value";

/// Versions whose touches are kept; who is further behind looks at everything.
const KEPT: i64 = 1_000;
/// More schools than this are every school: their part of the calendar is no smaller than the whole.
const SCHOOLS_MAX: usize = 40;

/// Whose lessons are others than before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Touched {
    /// Lessons of these schools as masters; may be none.
    Schools(BTreeSet<SchoolId>),
    /// Those of any school.
    Everything,
}

impl Touched {
    /// No lesson.
    pub(super) fn nothing() -> Self {
        Self::Schools(BTreeSet::new())
    }

    pub(super) fn schools(schools: impl IntoIterator<Item = SchoolId>) -> Self {
        let schools: BTreeSet<SchoolId> = schools.into_iter().collect();
        if schools.len() > SCHOOLS_MAX { Self::Everything } else { Self::Schools(schools) }
    }
}

impl Store {
    /// Counts up with every change of the calendar, whoever makes it.
    pub async fn calendar_version(&self) -> Result<i64> {
        let text = self.setting_if_any(VERSION).await?;
        Ok(text.and_then(|t| t.parse().ok()).unwrap_or(0))
    }

    /// A school, room, person or pairing was added: what is computed from the rows is old, but no lesson is another.
    pub(super) async fn age_calendar(&self) -> Result<()> {
        sqlx::query(COUNT_UP).bind(VERSION).execute(&self.pool).await?;
        Ok(())
    }

    /// The last writes of every change of the calendar: its version, whose lessons it changed, and who did it.
    pub(super) async fn conclude(
        mut tx: Transaction<'_, Sqlite>,
        act: Act,
        what: &str,
        subject: impl std::fmt::Display,
        touched: Touched,
    ) -> Result<()> {
        let version: String = sqlx::query_scalar(COUNT_UP).bind(VERSION).fetch_one(&mut *tx).await?;
        let version: i64 = version.parse().unwrap_or(0);
        let touched: Vec<String> = match touched {
            Touched::Everything => vec![String::new()],
            Touched::Schools(schools) => schools.iter().map(ToString::to_string).collect(),
        };
        for school in touched {
            let sql = "INSERT INTO calendar_touch (version, school) VALUES ($1, $2)";
            sqlx::query(sql).bind(version).bind(school).execute(&mut *tx).await?;
        }
        sqlx::query("DELETE FROM calendar_touch WHERE version <= $1").bind(version - KEPT).execute(&mut *tx).await?;
        let sql = "INSERT INTO audit (id, at_ms, person, act, subject) VALUES ($1, $2, $3, $4, $5)";
        let query = sqlx::query(sql).bind(Uuid::now_v7().to_string()).bind(act.at_ms).bind(act.person);
        query.bind(what).bind(subject.to_string()).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// Whose lessons changed after one version and up to another.
    pub(crate) async fn touched(&self, since: i64, version: i64) -> Result<Touched> {
        if !(since..since + KEPT).contains(&version) {
            return Ok(Touched::Everything);
        }
        let sql = "SELECT DISTINCT school FROM calendar_touch WHERE version > $1 AND version <= $2";
        let found: Vec<String> = sqlx::query_scalar(sql).bind(since).bind(version).fetch_all(&self.pool).await?;
        // Nothing is no id, and stands for every school.
        let schools: Option<Vec<SchoolId>> = found.iter().map(|id| id.parse().ok()).collect();
        Ok(schools.map_or(Touched::Everything, Touched::schools))
    }

    /// The schools that teach these pairings.
    pub(super) async fn masters(tx: &mut Transaction<'_, Sqlite>, pairings: &[PairingId]) -> Result<Touched> {
        let mut schools = BTreeSet::new();
        for pairing in pairings {
            let sql = "SELECT r.school FROM pairing g JOIN room r ON r.id = g.master_room WHERE g.id = $1";
            let found: Option<SchoolId> = sqlx::query_scalar(sql).bind(pairing).fetch_optional(&mut **tx).await?;
            schools.extend(found);
            if schools.len() > SCHOOLS_MAX {
                break;
            }
        }
        Ok(Touched::schools(schools))
    }

    /// The schools that teach the lessons of a change.
    pub(super) async fn masters_of_change(tx: &mut Transaction<'_, Sqlite>, id: ChangeId) -> Result<Touched> {
        let sql = "SELECT DISTINCT e.pairing FROM change_lesson x JOIN entry e ON e.id = x.entry WHERE x.change = $1";
        let pairings: Vec<PairingId> = sqlx::query_scalar(sql).bind(id).fetch_all(&mut **tx).await?;
        Self::masters(tx, &pairings).await
    }

    /// The schools for which day rules of a scope hold.
    pub(super) async fn scope_of(tx: &mut Transaction<'_, Sqlite>, scope: &str, owner: &str) -> Result<Touched> {
        match scope {
            "school" => Ok(owner.parse().map_or(Touched::Everything, |id| Touched::schools([id]))),
            "group" => {
                let sql = "SELECT id FROM school WHERE school_group = $1";
                let schools: Vec<SchoolId> = sqlx::query_scalar(sql).bind(owner).fetch_all(&mut **tx).await?;
                Ok(Touched::schools(schools))
            }
            _ => Ok(Touched::Everything),
        }
    }

    /// The schools for which a day rule holds.
    pub(super) async fn scope_of_rule(tx: &mut Transaction<'_, Sqlite>, id: RuleId) -> Result<Touched> {
        let sql = "SELECT scope, owner FROM day_rule WHERE id = $1";
        let found: Option<(String, String)> = sqlx::query_as(sql).bind(id).fetch_optional(&mut **tx).await?;
        match found {
            Some((scope, owner)) => Self::scope_of(tx, &scope, &owner).await,
            None => Ok(Touched::nothing()),
        }
    }
}
