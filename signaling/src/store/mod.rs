//! SQL: the only place that knows tables. Everything here is asked in ids and answers in values of the schema.
//!
//! Writing transactions begin `IMMEDIATE`: a deferred one that reads first and writes later fails under load with
//! SQLITE_BUSY, which no timeout heals.

mod calendar;
mod changes;
mod displays;
mod import;
mod ledger;
mod lessons;
mod library;
mod market;
mod people;
mod places;
mod plan;
mod planned;
mod recordings;
mod touch;

pub use calendar::Act;
pub(crate) use calendar::RuleToWrite;
pub use displays::{DisplayRow, PairingTry};
pub(crate) use lessons::{DueRow, codecs_of, decode_of};
pub use library::RecordingFacts;
pub(crate) use plan::PlanRows;
pub(crate) use planned::{LoneLesson, PlannedRow, Wanted};
pub use recordings::RecordingRow;
pub(crate) use touch::Touched;

use crate::error::Result;
use crate::schema::Page;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};
use std::path::Path;
use std::time::Duration;

/// Where everything is kept.
#[derive(Clone)]
pub struct Store {
    pool: SqlitePool,
}

/// Longest wait for SQLite's one writer, and for a connection.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// Readers do not block each other in WAL mode; more connections than this only cost memory.
const CONNECTIONS_MAX: u32 = 8;

impl Store {
    /// Opens (or makes) the database in this folder and brings it up to date.
    pub async fn open(data_dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(data_dir)?;
        let options = SqliteConnectOptions::new()
            .filename(data_dir.join("tongke.sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // WAL with NORMAL loses at most the last transactions at a power cut, never the database; a kill loses nothing.
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(BUSY_MAX);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(BUSY_MAX)
            .connect_with(options)
            .await?;
        sqlx::migrate!("./migrations").run(&pool).await?;
        Ok(Self { pool })
    }

    async fn write(&self) -> Result<Transaction<'static, Sqlite>> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// A setting; made by `new` the first time.
    pub async fn setting(&self, name: &str, new: impl FnOnce() -> String) -> Result<String> {
        let insert = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        sqlx::query(insert).bind(name).bind(new()).execute(&self.pool).await?;
        Ok(sqlx::query_scalar("SELECT value FROM setting WHERE name = $1").bind(name).fetch_one(&self.pool).await?)
    }

    /// A setting that may be missing.
    pub async fn setting_if_any(&self, name: &str) -> Result<Option<String>> {
        Ok(sqlx::query_scalar("SELECT value FROM setting WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// Sets a setting.
    pub async fn set_setting(&self, name: &str, value: &str) -> Result<()> {
        let sql =
            "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        sqlx::query(sql).bind(name).bind(value).execute(&self.pool).await?;
        Ok(())
    }

    /// Closes the database cleanly.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A district of 1,700 schools has some hundreds of lessons a day.
const ALL_MAX: i64 = 5_000;

/// Which rows of a list.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    page: i64,
    per_page: i64,
}

/// Rows on a page unless asked otherwise, and at most.
const PER_PAGE: i64 = 50;
const PER_PAGE_MAX: i64 = 100;

impl Window {
    /// From a query; silly numbers become sensible ones.
    pub fn new(page: Option<i64>, per_page: Option<i64>) -> Self {
        Self {
            page: page.unwrap_or(1).clamp(1, 1_000_000),
            per_page: per_page.unwrap_or(PER_PAGE).clamp(1, PER_PAGE_MAX),
        }
    }

    /// All rows of a list that is bounded by its nature, such as a district's lessons of one day.
    pub(crate) fn all() -> Self {
        Self { page: 1, per_page: ALL_MAX }
    }

    /// The first rows of a list that is bounded by its nature.
    pub(crate) fn first(rows: i64) -> Self {
        Self { page: 1, per_page: rows }
    }

    fn offset(self) -> i64 {
        (self.page - 1) * self.per_page
    }

    fn page<T>(self, total: i64, items: Vec<T>) -> Page<T> {
        Page { items, total, page: self.page, per_page: self.per_page }
    }
}

/// `LIKE` pattern for "contains", with the user's wildcards taken literally (`ESCAPE '!'`).
fn contains(q: Option<&str>) -> Option<String> {
    let q = q.map(str::trim).filter(|q| !q.is_empty())?;
    let q: String = q.chars().take(100).collect();
    Some(format!("%{}%", q.replace('!', "!!").replace('%', "!%").replace('_', "!_")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn migrations_run_once_and_the_database_keeps_its_laws() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let store = Store::open(folder.path()).await.unwrap();
            let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&store.pool).await.unwrap();
            assert_eq!(journal, "wal");
            let sql = "INSERT INTO room (id, school, name, kind) VALUES ('r', 'nowhere', 'n', 'master')";
            assert!(sqlx::query(sql).execute(&store.pool).await.is_err(), "foreign keys hold");
            let sound: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&store.pool).await.unwrap();
            assert_eq!(sound, "ok");
            assert_eq!(store.setting("key", || "first".into()).await.unwrap(), "first");
            store.close().await;
        }
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!(store.setting("key", || "second".into()).await.unwrap(), "first");
    }

    #[tokio::test]
    async fn a_database_of_the_future_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                   VALUES (9999, 'later', 1, x'00', 0)";
        sqlx::query(sql).execute(&store.pool).await.unwrap();
        store.close().await;
        assert!(matches!(Store::open(folder.path()).await, Err(crate::error::Error::Migrate(_))));
    }

    #[test]
    fn what_is_typed_into_a_search_is_taken_literally() {
        assert_eq!(contains(Some(" 50%_! ")).as_deref(), Some("%50!%!_!!%"));
        assert_eq!(contains(Some("  ")), None);
    }
}
