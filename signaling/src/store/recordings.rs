//! Rows of recordings, tracks, parts, gaps, marks. All are idempotent: the disk is the truth, and after a crash the
//! recorder tells everything again.

use super::Store;
use crate::command::{LessonId, PartRow, RecordingId, SeatId, Source, TrackRow};
use crate::error::Result;
use crate::lesson::Span;
use crate::model::{AbsenceCause, ChapterKind, RecordingState, TroubleKind, source_kind, source_word};
use sqlx::FromRow;

/// A recording that is not settled yet.
#[derive(FromRow, Clone, Debug, PartialEq)]
pub struct RecordingRow {
    /// Id.
    pub recording: RecordingId,
    /// Of which lesson.
    pub lesson: LessonId,
    /// Epoch time of its lesson time 0.
    pub started_ms: i64,
    /// True if the lesson still runs, so that recording goes on after recovery.
    pub running: bool,
}

#[derive(FromRow)]
struct Part {
    recording: RecordingId,
    track: String,
    number: i64,
    epoch: i64,
    start_ms: i64,
    duration_ms: i64,
    bytes: i64,
    blake3: String,
    fragments: String,
    recovered: i64,
}

impl From<Part> for PartRow {
    fn from(p: Part) -> Self {
        Self {
            recording: p.recording,
            track: p.track,
            // What was written from u32 and u64 fits them again.
            number: u32::try_from(p.number).unwrap_or_default(),
            epoch: u32::try_from(p.epoch).unwrap_or_default(),
            start_ms: p.start_ms,
            duration_ms: p.duration_ms,
            bytes: u64::try_from(p.bytes).unwrap_or_default(),
            blake3: p.blake3,
            index: p.fragments,
            recovered: p.recovered != 0,
        }
    }
}

#[derive(FromRow)]
struct Trouble {
    seat: SeatId,
    kind: TroubleKind,
    from_ms: i64,
    to_ms: i64,
    bad_ms: i64,
    cause: Option<AbsenceCause>,
    down_kbps: Option<i64>,
    loss_permille: i64,
    round_trip_ms: Option<i64>,
}

impl From<Trouble> for Span {
    fn from(t: Trouble) -> Self {
        // What was written from u16 and u32 fits them again.
        Self {
            seat: t.seat,
            kind: t.kind,
            from_ms: t.from_ms,
            to_ms: t.to_ms,
            bad_ms: t.bad_ms,
            cause: t.cause,
            down_kbps: t.down_kbps.and_then(|n| n.try_into().ok()),
            loss_permille: t.loss_permille.try_into().unwrap_or_default(),
            round_trip_ms: t.round_trip_ms.and_then(|n| n.try_into().ok()),
        }
    }
}

impl Store {
    /// Recordings that still grow, or whose finishing a crash interrupted.
    pub async fn unsettled_recordings(&self) -> Result<Vec<RecordingRow>> {
        let sql = "SELECT r.id AS recording, r.lesson, r.started_ms, l.state = 'live' AS running
                   FROM recording r JOIN lesson l ON l.id = r.lesson WHERE r.state = 'growing' ORDER BY r.started_ms";
        Ok(sqlx::query_as(sql).fetch_all(&self.pool).await?)
    }

    /// Tracks of a recording.
    pub async fn tracks(&self, recording: RecordingId) -> Result<Vec<TrackRow>> {
        let sql = "SELECT track, seat, kind FROM track WHERE recording = $1 ORDER BY track";
        let rows: Vec<(String, SeatId, String)> = sqlx::query_as(sql).bind(recording).fetch_all(&self.pool).await?;
        let track = |(track, seat, kind): (String, SeatId, String)| {
            source_kind(&kind).map(|kind| TrackRow { recording, track, source: Source { seat, kind } })
        };
        Ok(rows.into_iter().filter_map(track).collect())
    }

    /// Parts of a recording, or of one of its tracks, in order.
    pub async fn parts(&self, recording: RecordingId, track: Option<&str>) -> Result<Vec<PartRow>> {
        let sql = "SELECT recording, track, number, epoch, start_ms, duration_ms, bytes, blake3, fragments, recovered
                   FROM part WHERE recording = $1 AND ($2 IS NULL OR track = $2) ORDER BY track, number";
        let rows: Vec<Part> = sqlx::query_as(sql).bind(recording).bind(track).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// A track exists.
    pub async fn keep_track(&self, row: &TrackRow) -> Result<()> {
        let sql = "INSERT INTO track (recording, track, seat, kind) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (recording, track) DO UPDATE SET seat = excluded.seat, kind = excluded.kind";
        let query = sqlx::query(sql).bind(row.recording).bind(&row.track).bind(row.source.seat);
        query.bind(source_word(row.source.kind)).execute(&self.pool).await?;
        Ok(())
    }

    /// A part is safe on disk.
    pub async fn keep_part(&self, p: &PartRow) -> Result<()> {
        let sql = "INSERT INTO part (recording, track, number, epoch, start_ms, duration_ms, bytes, blake3, fragments, recovered)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                   ON CONFLICT (recording, track, number) DO UPDATE SET epoch = excluded.epoch,
                     start_ms = excluded.start_ms, duration_ms = excluded.duration_ms, bytes = excluded.bytes,
                     blake3 = excluded.blake3, fragments = excluded.fragments, recovered = excluded.recovered";
        let query = sqlx::query(sql).bind(p.recording).bind(&p.track).bind(p.number).bind(p.epoch).bind(p.start_ms);
        let query = query.bind(p.duration_ms).bind(i64::try_from(p.bytes).unwrap_or(i64::MAX)).bind(&p.blake3);
        query.bind(&p.index).bind(i64::from(p.recovered)).execute(&self.pool).await?;
        Ok(())
    }

    /// Forgets the parts whose files the recorder did not find again.
    pub async fn retain_parts(&self, recording: RecordingId, on_disk: &[(String, u32)]) -> Result<u64> {
        let mut gone = 0;
        for part in self.parts(recording, None).await? {
            if !on_disk.iter().any(|(track, number)| *track == part.track && *number == part.number) {
                let sql = "DELETE FROM part WHERE recording = $1 AND track = $2 AND number = $3";
                let query = sqlx::query(sql).bind(recording).bind(&part.track).bind(part.number);
                gone += query.execute(&self.pool).await?.rows_affected();
            }
        }
        Ok(gone)
    }

    /// A hole in a track.
    pub async fn keep_gap(&self, recording: RecordingId, track: &str, from_ms: i64, to_ms: i64) -> Result<()> {
        let sql = "INSERT INTO gap (recording, track, from_ms, to_ms) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (recording, track, from_ms) DO UPDATE SET to_ms = excluded.to_ms";
        sqlx::query(sql).bind(recording).bind(track).bind(from_ms).bind(to_ms).execute(&self.pool).await?;
        Ok(())
    }

    /// A mark on the player's bar.
    pub async fn keep_chapter(
        &self,
        recording: RecordingId,
        at_ms: i64,
        kind: ChapterKind,
        seat: Option<SeatId>,
    ) -> Result<()> {
        let sql = "INSERT INTO chapter (recording, at_ms, kind, seat) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (recording, at_ms, kind) DO UPDATE SET seat = excluded.seat";
        sqlx::query(sql).bind(recording).bind(at_ms).bind(kind).bind(seat).execute(&self.pool).await?;
        Ok(())
    }

    /// What the network did to a seat; again as it grows.
    pub async fn keep_trouble(&self, recording: RecordingId, s: &Span) -> Result<()> {
        let sql = "INSERT INTO trouble (recording, seat, kind, from_ms, to_ms, bad_ms, cause, down_kbps, loss_permille,
                     round_trip_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                   ON CONFLICT (recording, seat, kind, from_ms) DO UPDATE SET to_ms = excluded.to_ms,
                     bad_ms = excluded.bad_ms, cause = excluded.cause, down_kbps = excluded.down_kbps,
                     loss_permille = excluded.loss_permille, round_trip_ms = excluded.round_trip_ms";
        let query = sqlx::query(sql).bind(recording).bind(s.seat).bind(s.kind).bind(s.from_ms).bind(s.to_ms);
        let query = query.bind(s.bad_ms).bind(s.cause).bind(s.down_kbps.map(i64::from));
        let query = query.bind(i64::from(s.loss_permille)).bind(s.round_trip_ms.map(i64::from));
        query.execute(&self.pool).await?;
        Ok(())
    }

    /// What the network did to the seats of a recorded lesson, as it began.
    pub async fn troubles(&self, recording: RecordingId) -> Result<Vec<Span>> {
        let sql = "SELECT seat, kind, from_ms, to_ms, bad_ms, cause, down_kbps, loss_permille, round_trip_ms
                   FROM trouble WHERE recording = $1 ORDER BY from_ms, seat, kind";
        let rows: Vec<Trouble> = sqlx::query_as(sql).bind(recording).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// A recording is settled, and with it its lesson. Gives the lesson if that is news.
    pub async fn settle(&self, recording: RecordingId, duration_ms: i64, kept: bool) -> Result<Option<LessonId>> {
        let state = if kept { RecordingState::Kept } else { RecordingState::Lost };
        let mut tx = self.write().await?;
        let sql = "UPDATE recording SET duration_ms = $2, state = $3 WHERE id = $1";
        sqlx::query(sql).bind(recording).bind(duration_ms).bind(state).execute(&mut *tx).await?;
        let sql = "UPDATE lesson SET state = 'archived'
                   WHERE id = (SELECT lesson FROM recording WHERE id = $1) AND state = 'closed' RETURNING id";
        let lesson = sqlx::query_scalar(sql).bind(recording).fetch_optional(&mut *tx).await?;
        tx.commit().await?;
        Ok(lesson)
    }
}
