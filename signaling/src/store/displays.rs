//! Display devices: pairing by code, secrets, what they can do.

use super::{Store, Window};
use crate::error::{Error, Result};
use crate::model::{DisplayId, DisplayState, RoomId, SchoolId};
use crate::schema::{Display, Page, RoomRef, SchoolRef};
use sqlx::FromRow;

/// A display as stored.
#[derive(FromRow, Clone, Debug)]
pub struct DisplayRow {
    /// Id.
    pub id: DisplayId,
    /// Where.
    pub room: Option<RoomId>,
    /// Name of the room.
    pub room_name: Option<String>,
    /// School of the room.
    pub school: Option<SchoolId>,
    /// Name of the school.
    pub school_name: Option<String>,
    /// State.
    pub state: DisplayState,
    /// When the code expires.
    pub expires_ms: Option<i64>,
    /// When it was last connected.
    pub last_seen_ms: Option<i64>,
    /// JSON.
    pub capabilities: Option<String>,
}

impl DisplayRow {
    /// The state by the clock: a code that was not confirmed in time has expired.
    pub fn state_at(&self, now_ms: i64) -> DisplayState {
        match self.state {
            DisplayState::Waiting if self.expires_ms.is_some_and(|e| e <= now_ms) => DisplayState::Expired,
            state => state,
        }
    }

    /// Its room.
    pub fn room_ref(&self) -> Option<RoomRef> {
        self.room.zip(self.room_name.clone()).map(|(id, name)| RoomRef { id, name })
    }

    /// The school of its room.
    pub fn school_ref(&self) -> Option<SchoolRef> {
        self.school.zip(self.school_name.clone()).map(|(id, name)| SchoolRef { id, name })
    }
}

/// A code that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairingTry {
    /// This display is paired now.
    Paired(DisplayId),
    /// No display waits with this code.
    Wrong,
}

/// Page secrets of one demo display; the oldest make way.
const PAGE_SECRETS_MAX: i64 = 8;
/// Waiting displays, so that strangers cannot fill the disk; more are refused.
const WAITING_MAX: i64 = 1_000;

const DISPLAYS: &str =
    "SELECT d.id, d.room, r.name AS room_name, r.school, s.name AS school_name, d.state, d.expires_ms,
        d.last_seen_ms, d.capabilities
    FROM display d LEFT JOIN room r ON r.id = d.room LEFT JOIN school s ON s.id = r.school
    WHERE ($1 IS NULL OR d.id = $1) AND ($2 IS NULL OR r.school = $2)
      AND ($5 IS NULL OR d.state <> 'waiting' OR d.expires_ms > $5)
    ORDER BY d.state = 'waiting' DESC, s.name, r.name, d.id LIMIT $3 OFFSET $4";

impl Store {
    /// A new device waits with a code. Forgets those whose code has expired long ago.
    pub async fn add_waiting(
        &self,
        code_hash: &str,
        secret_hash: &str,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<DisplayId> {
        let id = DisplayId::random();
        let mut tx = self.write().await?;
        let old = now_ms - 3_600_000;
        let sql = "DELETE FROM display_secret WHERE display IN
                     (SELECT id FROM display WHERE state = 'waiting' AND expires_ms < $1)";
        sqlx::query(sql).bind(old).execute(&mut *tx).await?;
        let sql = "DELETE FROM display WHERE state = 'waiting' AND expires_ms < $1";
        sqlx::query(sql).bind(old).execute(&mut *tx).await?;
        let sql = "SELECT count(*) FROM display WHERE state = 'waiting'";
        if sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut *tx).await? >= WAITING_MAX {
            return Err(Error::Unavailable("too many displays wait to be paired"));
        }
        let sql = "INSERT INTO display (id, state, code_hash, expires_ms) VALUES ($1, 'waiting', $2, $3)";
        sqlx::query(sql).bind(id).bind(code_hash).bind(expires_ms).execute(&mut *tx).await?;
        let sql = "INSERT INTO display_secret (hash, display, kind, created_ms) VALUES ($1, $2, 'device', $3)";
        sqlx::query(sql).bind(secret_hash).bind(id).bind(now_ms).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Tries a code; it works once.
    pub async fn confirm(&self, code_hash: &str, room: RoomId, now_ms: i64) -> Result<PairingTry> {
        let mut tx = self.write().await?;
        let sql = "SELECT id FROM display WHERE code_hash = $1 AND state = 'waiting' AND expires_ms > $2";
        let id: Option<DisplayId> =
            sqlx::query_scalar(sql).bind(code_hash).bind(now_ms).fetch_optional(&mut *tx).await?;
        let Some(id) = id else { return Ok(PairingTry::Wrong) };
        let sql = "UPDATE display SET state = 'paired', room = $2, code_hash = NULL, expires_ms = NULL WHERE id = $1";
        sqlx::query(sql).bind(id).bind(room).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(PairingTry::Paired(id))
    }

    /// A display that needs no code; for the demo. Gives its id.
    pub async fn add_paired(&self, room: RoomId, fragment_hash: &str, now_ms: i64) -> Result<DisplayId> {
        let id = DisplayId::random();
        let mut tx = self.write().await?;
        let sql = "INSERT INTO display (id, room, state) VALUES ($1, $2, 'paired')";
        sqlx::query(sql).bind(id).bind(room).execute(&mut *tx).await?;
        let sql = "INSERT INTO display_secret (hash, display, kind, created_ms) VALUES ($1, $2, 'fragment', $3)";
        sqlx::query(sql).bind(fragment_hash).bind(id).bind(now_ms).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// A page's secret for a fragment's.
    pub async fn exchange(&self, fragment_hash: &str, page_hash: &str, now_ms: i64) -> Result<RoomRef> {
        let mut tx = self.write().await?;
        let sql = "SELECT d.id, r.id, r.name FROM display_secret s JOIN display d ON d.id = s.display
                   JOIN room r ON r.id = d.room WHERE s.hash = $1 AND s.kind = 'fragment' AND d.state = 'paired'";
        let row: Option<(DisplayId, RoomId, String)> =
            sqlx::query_as(sql).bind(fragment_hash).fetch_optional(&mut *tx).await?;
        let (display, room, name) = row.ok_or(Error::NotFound)?;
        let sql = "DELETE FROM display_secret WHERE display = $1 AND kind = 'page' AND hash NOT IN
                     (SELECT hash FROM display_secret WHERE display = $1 AND kind = 'page'
                      ORDER BY created_ms DESC LIMIT $2)";
        sqlx::query(sql).bind(display).bind(PAGE_SECRETS_MAX - 1).execute(&mut *tx).await?;
        let sql = "INSERT INTO display_secret (hash, display, kind, created_ms) VALUES ($1, $2, 'page', $3)";
        sqlx::query(sql).bind(page_hash).bind(display).bind(now_ms).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(RoomRef { id: room, name })
    }

    /// One display, of this school if one is given.
    pub async fn display(&self, id: DisplayId, school: Option<SchoolId>) -> Result<DisplayRow> {
        let query = sqlx::query_as(DISPLAYS).bind(Some(id)).bind(school).bind(1_i64).bind(0_i64).bind(None::<i64>);
        query.fetch_optional(&self.pool).await?.ok_or(Error::NotFound)
    }

    /// Displays, waiting ones first. A code that nobody confirmed in time is nobody's business any more.
    pub async fn displays(&self, school: Option<SchoolId>, window: Window, now_ms: i64) -> Result<Page<Display>> {
        let sql = "SELECT count(*) FROM display d LEFT JOIN room r ON r.id = d.room WHERE ($1 IS NULL OR r.school = $1)
               AND (d.state <> 'waiting' OR d.expires_ms > $2)";
        let total = sqlx::query_scalar(sql).bind(school).bind(now_ms).fetch_one(&self.pool).await?;
        let query = sqlx::query_as(DISPLAYS).bind(None::<DisplayId>).bind(school);
        let rows: Vec<DisplayRow> =
            query.bind(window.per_page).bind(window.offset()).bind(now_ms).fetch_all(&self.pool).await?;
        let items = rows.into_iter().map(|row| Display {
            id: row.id,
            room: row.room_ref(),
            school: row.school_ref(),
            state: row.state_at(now_ms),
            online: false,
            last_seen_ms: row.last_seen_ms,
            capabilities: row.capabilities.as_deref().and_then(|c| serde_json::from_str(c).ok()),
        });
        Ok(window.page(total, items.collect()))
    }

    /// Takes a display out: none of its secrets works any more. The row stays, to tell the device why.
    pub async fn revoke(&self, id: DisplayId) -> Result<()> {
        let sql = "UPDATE display SET state = 'revoked', code_hash = NULL WHERE id = $1";
        sqlx::query(sql).bind(id).execute(&self.pool).await?;
        Ok(())
    }

    /// A display is (or was until now) connected.
    pub async fn seen(&self, id: DisplayId, now_ms: i64) -> Result<()> {
        let sql = "UPDATE display SET last_seen_ms = $2 WHERE id = $1";
        sqlx::query(sql).bind(id).bind(now_ms).execute(&self.pool).await?;
        Ok(())
    }

    /// What a display can do.
    pub async fn keep_capabilities(&self, id: DisplayId, capabilities: &str) -> Result<()> {
        let sql = "UPDATE display SET capabilities = $2 WHERE id = $1";
        sqlx::query(sql).bind(id).bind(capabilities).execute(&self.pool).await?;
        Ok(())
    }
}
