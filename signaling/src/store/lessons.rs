//! Lessons: the timetable's rows, their seats, states, tokens and outcomes.

use super::{Store, Window};
use crate::auth::Scope;
use crate::command::{DecodeBudget, LessonId, RecordingId, SeatId, VideoCodec};
use crate::error::{Error, Result};
use crate::lesson::{Facts, Holder, Members, Presence, SeatFacts};
use crate::messages::Capabilities;
use crate::model::{LessonState, OutcomeResult, PersonId, RoomId, RoomKind, SchoolId, TokenRole};
use crate::schema::{Clash, Lesson, LessonRoom, MasterSide, NewLesson, Page, Pairing, PersonRef, RoomRef, SchoolRef};
use sqlx::{FromRow, Sqlite, Transaction};
use std::sync::Arc;

#[derive(FromRow)]
struct LessonRow {
    id: LessonId,
    title: String,
    subject: String,
    grade: String,
    unit: Option<String>,
    starts_ms: i64,
    ends_ms: i64,
    state: LessonState,
    teacher: PersonId,
    teacher_name: String,
    master_room: RoomId,
    room_name: String,
    school: SchoolId,
    school_name: String,
    recording: Option<RecordingId>,
}

#[derive(FromRow)]
struct SeatRow {
    id: SeatId,
    person: Option<PersonId>,
    person_name: Option<String>,
    room: Option<RoomId>,
    room_name: Option<String>,
    kind: Option<RoomKind>,
    class: Option<String>,
    school: Option<SchoolId>,
    school_name: Option<String>,
    attendance_ms: i64,
    sound_ms: i64,
    capabilities: Option<String>,
    line_bps: Option<i64>,
    line_at_ms: Option<i64>,
}

/// A lesson as the scheduler needs it.
#[derive(FromRow, Clone, Debug)]
pub(crate) struct DueRow {
    pub(crate) id: LessonId,
    pub(crate) state: LessonState,
    pub(crate) starts_ms: i64,
    pub(crate) ends_ms: i64,
}

const LESSONS: &str = "SELECT l.id, l.title, l.subject, l.grade, l.unit, l.starts_ms, l.ends_ms, l.state, l.teacher,
        p.name AS teacher_name, l.master_room, r.name AS room_name, s.id AS school, s.name AS school_name,
        (SELECT x.id FROM recording x WHERE x.lesson = l.id) AS recording
    FROM lesson l JOIN person p ON p.id = l.teacher JOIN room r ON r.id = l.master_room JOIN school s ON s.id = r.school
    WHERE ($1 IS NULL OR l.id = $1)
      AND ($2 IS NULL OR l.teacher = $2)
      AND ($3 IS NULL OR s.id = $3 OR EXISTS (SELECT 1 FROM seat x JOIN room y ON y.id = x.room
                                              WHERE x.lesson = l.id AND y.school = $3))
      AND ($4 IS NULL OR EXISTS (SELECT 1 FROM seat x WHERE x.lesson = l.id AND x.room = $4))
      AND ($5 IS NULL OR l.ends_ms > $5) AND ($6 IS NULL OR l.starts_ms < $6)
    ORDER BY l.starts_ms, l.id LIMIT $7 OFFSET $8";

const LESSON_COUNT: &str = "SELECT count(*) FROM lesson l JOIN room r ON r.id = l.master_room
    WHERE ($1 IS NULL OR l.teacher = $1)
      AND ($2 IS NULL OR r.school = $2 OR EXISTS (SELECT 1 FROM seat x JOIN room y ON y.id = x.room
                                                  WHERE x.lesson = l.id AND y.school = $2))
      AND ($3 IS NULL OR EXISTS (SELECT 1 FROM seat x WHERE x.lesson = l.id AND x.room = $3))
      AND ($4 IS NULL OR l.ends_ms > $4) AND ($5 IS NULL OR l.starts_ms < $5)";

const SEATS: &str = "SELECT t.id, t.person, p.name AS person_name, t.room, r.name AS room_name, r.kind, r.class,
        s.id AS school, s.name AS school_name, t.attendance_ms, t.sound_ms,
        (SELECT d.capabilities FROM display d WHERE d.room = t.room AND d.state = 'paired' AND d.capabilities IS NOT NULL
         ORDER BY d.last_seen_ms DESC LIMIT 1) AS capabilities, n.down_bps AS line_bps, n.at_ms AS line_at_ms
    FROM seat t LEFT JOIN person p ON p.id = t.person LEFT JOIN room r ON r.id = t.room
        LEFT JOIN school s ON s.id = coalesce(r.school, p.school) LEFT JOIN room_line n ON n.room = t.room
    WHERE t.lesson = $1 ORDER BY t.position";

/// Lessons that are or may become present in this span.
const CLASHES: &str =
    "SELECT l.id, l.starts_ms, l.ends_ms, l.teacher, l.master_room, t.room, y.name || ' ' || r.name AS room_name,
        x.name || ' ' || m.name AS master_name, p.name AS teacher_name
    FROM lesson l JOIN person p ON p.id = l.teacher JOIN room m ON m.id = l.master_room JOIN school x ON x.id = m.school
        LEFT JOIN seat t ON t.lesson = l.id AND t.room IS NOT NULL
        LEFT JOIN room r ON r.id = t.room LEFT JOIN school y ON y.id = r.school
    WHERE l.state IN ('planned', 'open', 'live') AND l.starts_ms < $2 AND l.ends_ms > $1
    ORDER BY l.starts_ms, l.id, t.position";

#[derive(FromRow)]
struct ClashRow {
    id: LessonId,
    starts_ms: i64,
    ends_ms: i64,
    teacher: PersonId,
    master_room: RoomId,
    room: Option<RoomId>,
    room_name: Option<String>,
    master_name: String,
    teacher_name: String,
}

/// All reasons why this pairing cannot have a lesson then.
fn clashes_of(pairing: &Pairing, rows: Vec<ClashRow>) -> Vec<Clash> {
    let rural: Vec<RoomId> = pairing.rural.iter().map(|r| r.room.id).collect();
    let master = pairing.master.room.id;
    let mut clashes: Vec<Clash> = Vec::new();
    for row in rows {
        let mut add = |kind: &str, who: &str| {
            let (kind, who) = (kind.to_owned(), who.to_owned());
            let clash = Clash { kind, who, lesson: row.id, starts_ms: row.starts_ms, ends_ms: row.ends_ms };
            if !clashes.contains(&clash) {
                clashes.push(clash);
            }
        };
        if row.teacher == pairing.teacher.id {
            add("teacher", &row.teacher_name);
        }
        if row.master_room == master {
            add("master_room", &row.master_name);
        } else if rural.contains(&row.master_room) {
            add("rural_room", &row.master_name);
        }
        if let (Some(room), Some(name)) = (row.room, &row.room_name)
            && (rural.contains(&room) || room == master)
        {
            add("rural_room", name);
        }
    }
    clashes
}

/// What is known of a line is forgotten after this: schools change theirs.
const REMEMBERED_MS: i64 = 60 * 24 * 3_600_000;

/// What a line took (bit/s, when), if that is still worth something at `now_ms`.
fn remembered((bps, at_ms): (i64, i64), now_ms: i64) -> Option<u32> {
    u32::try_from(bps).ok().filter(|_| now_ms.saturating_sub(at_ms) <= REMEMBERED_MS)
}

/// Codecs of stored capabilities that this product knows.
pub(crate) fn codecs_of(capabilities: &Capabilities) -> Vec<VideoCodec> {
    let known = |word: &String| match word.to_ascii_lowercase().as_str() {
        "h264" => Some(VideoCodec::H264),
        "vp9" => Some(VideoCodec::Vp9),
        _ => None,
    };
    capabilities.codecs.iter().filter_map(known).collect()
}

/// What a device of stored capabilities decodes at a time: one picture at least, or it would need no session.
pub(crate) fn decode_of(capabilities: &Capabilities) -> DecodeBudget {
    DecodeBudget { decoders: capabilities.decoders.map(|d| d.max(1)), pixels: capabilities.pixels }
}

impl Store {
    async fn seat_rows(&self, lesson: LessonId) -> Result<Vec<SeatRow>> {
        Ok(sqlx::query_as(SEATS).bind(lesson).fetch_all(&self.pool).await?)
    }

    async fn lesson_view(&self, row: LessonRow, admits_before_ms: i64) -> Result<Lesson> {
        let seats = self.seat_rows(row.id).await?.into_iter().filter_map(|s| {
            Some(LessonRoom {
                seat: s.id,
                room: RoomRef { id: s.room?, name: s.room_name? },
                school: SchoolRef { id: s.school?, name: s.school_name? },
                class: s.class,
                kind: s.kind?,
            })
        });
        Ok(Lesson {
            rooms: seats.collect(),
            id: row.id,
            title: row.title,
            subject: row.subject,
            grade: row.grade,
            unit: row.unit,
            starts_ms: row.starts_ms,
            ends_ms: row.ends_ms,
            admits_ms: row.starts_ms - admits_before_ms,
            state: row.state,
            teacher: PersonRef { id: row.teacher, name: row.teacher_name },
            master: MasterSide {
                room: RoomRef { id: row.master_room, name: row.room_name },
                school: SchoolRef { id: row.school, name: row.school_name },
            },
            recording: row.recording,
        })
    }

    /// One lesson, if it is in scope.
    pub async fn lesson(&self, id: LessonId, scope: Scope, admits_before_ms: i64) -> Result<Lesson> {
        let query = sqlx::query_as(LESSONS).bind(Some(id)).bind(scope.teacher).bind(scope.school).bind(scope.room);
        let query = query.bind(None::<i64>).bind(None::<i64>).bind(1_i64).bind(0_i64);
        let row: Option<LessonRow> = query.fetch_optional(&self.pool).await?;
        self.lesson_view(row.ok_or(Error::NotFound)?, admits_before_ms).await
    }

    /// Lessons in scope that overlap `(from, to)`, by start.
    pub async fn lessons(
        &self,
        scope: Scope,
        (from_ms, to_ms): (Option<i64>, Option<i64>),
        window: Window,
        admits_before_ms: i64,
    ) -> Result<Page<Lesson>> {
        let query = sqlx::query_scalar(LESSON_COUNT).bind(scope.teacher).bind(scope.school).bind(scope.room);
        let total = query.bind(from_ms).bind(to_ms).fetch_one(&self.pool).await?;
        let query = sqlx::query_as(LESSONS).bind(None::<LessonId>).bind(scope.teacher).bind(scope.school);
        let query = query.bind(scope.room).bind(from_ms).bind(to_ms).bind(window.per_page).bind(window.offset());
        let rows: Vec<LessonRow> = query.fetch_all(&self.pool).await?;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            items.push(self.lesson_view(row, admits_before_ms).await?);
        }
        Ok(window.page(total, items))
    }

    /// Adds a lesson of a pairing and its seats, or says everything that is in the way.
    pub async fn add_lesson(&self, pairing: &Pairing, new: &NewLesson) -> Result<LessonId> {
        let mut tx = self.write().await?;
        let query = sqlx::query_as(CLASHES).bind(new.starts_ms).bind(new.ends_ms);
        let clashes = clashes_of(pairing, query.fetch_all(&mut *tx).await?);
        if !clashes.is_empty() {
            return Err(Error::Clashes(clashes));
        }
        let id = LessonId::random();
        let sql =
            "INSERT INTO lesson (id, pairing, title, subject, grade, unit, teacher, master_room, starts_ms, ends_ms,
                     extended, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 'planned')";
        let title = new.title.as_deref().map(str::trim).filter(|t| !t.is_empty()).unwrap_or(&pairing.subject);
        let query = sqlx::query(sql).bind(id).bind(new.pairing).bind(title).bind(&pairing.subject);
        let query = query.bind(&pairing.grade).bind(&new.unit).bind(pairing.teacher.id).bind(pairing.master.room.id);
        query.bind(new.starts_ms).bind(new.ends_ms).execute(&mut *tx).await?;
        Self::add_seat(&mut tx, id, 0, Holder::Person(pairing.teacher.id)).await?;
        for (at, side) in pairing.rural.iter().enumerate() {
            Self::add_seat(&mut tx, id, at as i64 + 1, Holder::Room(side.room.id)).await?;
        }
        tx.commit().await?;
        Ok(id)
    }

    pub(super) async fn add_seat(
        tx: &mut Transaction<'_, Sqlite>,
        lesson: LessonId,
        at: i64,
        holder: Holder,
    ) -> Result<()> {
        let (person, room) = match holder {
            Holder::Person(id) => (Some(id), None),
            Holder::Room(id) => (None, Some(id)),
        };
        let sql = "INSERT INTO seat (id, lesson, position, person, room, attendance_ms) VALUES ($1, $2, $3, $4, $5, 0)";
        let query = sqlx::query(sql).bind(SeatId::random()).bind(lesson).bind(at).bind(person).bind(room);
        query.execute(&mut **tx).await?;
        Ok(())
    }

    /// The pairing of a lesson, if its master school is in this scope.
    pub async fn lesson_is_mastered_by(&self, lesson: LessonId, school: Option<SchoolId>) -> Result<bool> {
        let sql = "SELECT 1 FROM lesson l JOIN room r ON r.id = l.master_room
                   WHERE l.id = $1 AND ($2 IS NULL OR r.school = $2)";
        let found: Option<i64> = sqlx::query_scalar(sql).bind(lesson).bind(school).fetch_optional(&self.pool).await?;
        Ok(found.is_some())
    }

    /// Cancels a planned lesson.
    pub async fn cancel_lesson(&self, id: LessonId) -> Result<()> {
        let sql = "UPDATE lesson SET state = 'cancelled' WHERE id = $1 AND state = 'planned'";
        match sqlx::query(sql).bind(id).execute(&self.pool).await?.rows_affected() {
            1 => Ok(()),
            _ => Err(Error::Conflict { code: "not_planned", why: "only a planned lesson can be cancelled" }),
        }
    }

    /// Lessons the scheduler has to think of: those that run, wherever the clock is, and those planned before the horizon.
    pub(crate) async fn due_lessons(&self, horizon_ms: i64) -> Result<Vec<DueRow>> {
        let sql = "SELECT id, state, starts_ms, ends_ms FROM lesson
                   WHERE state IN ('open', 'live') OR (state = 'planned' AND starts_ms < $1) ORDER BY starts_ms, id";
        Ok(sqlx::query_as(sql).bind(horizon_ms).fetch_all(&self.pool).await?)
    }

    /// What a room is made from.
    pub async fn lesson_facts(&self, id: LessonId) -> Result<Facts> {
        let lesson = self.lesson(id, Scope::default(), 0).await?;
        let mut schools = vec![lesson.master.school.id];
        schools.extend(lesson.rooms.iter().map(|r| r.school.id));
        let members = Members {
            lesson: id,
            teacher: lesson.teacher.id,
            rooms: lesson.rooms.iter().map(|r| r.room.id).collect(),
            schools,
        };
        let seats = self.seat_rows(id).await?.into_iter().filter_map(|s| {
            let holder = s.person.map(Holder::Person).or(s.room.map(Holder::Room))?;
            let capabilities = s.capabilities.and_then(|c| serde_json::from_str::<Capabilities>(&c).ok());
            Some(SeatFacts {
                id: s.id,
                holder,
                name: s.person_name.or(s.room_name)?,
                school: s.school.zip(s.school_name).map(|(id, name)| SchoolRef { id, name }),
                kind: s.kind.unwrap_or(RoomKind::Master),
                presence: Presence { attendance_ms: s.attendance_ms, sound_ms: s.sound_ms },
                decode: capabilities.as_ref().map_or_else(DecodeBudget::default, decode_of),
                line_bps: s.line_bps.zip(s.line_at_ms).and_then(|line| remembered(line, lesson.starts_ms)),
                codecs: capabilities.map(|c| codecs_of(&c)).filter(|c| !c.is_empty()),
            })
        });
        Ok(Facts {
            members: Arc::new(members),
            starts_ms: lesson.starts_ms,
            ends_ms: lesson.ends_ms,
            state: lesson.state,
            seats: seats.collect(),
        })
    }

    /// Planned → open.
    pub async fn mark_open(&self, id: LessonId) -> Result<()> {
        let sql = "UPDATE lesson SET state = 'open' WHERE id = $1 AND state = 'planned'";
        sqlx::query(sql).bind(id).execute(&self.pool).await?;
        Ok(())
    }

    /// → live, with the recording's row, which is written once and kept over restarts. Gives its id and start.
    pub async fn mark_live(&self, id: LessonId, now_ms: i64) -> Result<(RecordingId, i64)> {
        let mut tx = self.write().await?;
        let sql = "INSERT INTO recording (id, lesson, started_ms, state) VALUES ($1, $2, $3, 'growing')
                   ON CONFLICT (lesson) DO NOTHING";
        sqlx::query(sql).bind(RecordingId::random()).bind(id).bind(now_ms).execute(&mut *tx).await?;
        // A recording that was settled by recovery while its lesson still runs goes on growing.
        let sql = "UPDATE recording SET state = 'growing', duration_ms = NULL WHERE lesson = $1 AND state <> 'growing'";
        sqlx::query(sql).bind(id).execute(&mut *tx).await?;
        let sql = "UPDATE lesson SET state = 'live', started_ms = coalesce(started_ms, $2)
                   WHERE id = $1 AND state IN ('planned', 'open', 'live')";
        sqlx::query(sql).bind(id).bind(now_ms).execute(&mut *tx).await?;
        let sql = "SELECT id, started_ms FROM recording WHERE lesson = $1";
        let recording = sqlx::query_as(sql).bind(id).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok(recording)
    }

    /// → closed, with its outcome. A lesson without a recording has nothing to wait for and is archived.
    pub async fn mark_closed(&self, id: LessonId, now_ms: i64, result: OutcomeResult, evidence: &str) -> Result<()> {
        let mut tx = self.write().await?;
        let sql = "UPDATE lesson SET closed_ms = $2, state = CASE
                     WHEN EXISTS (SELECT 1 FROM recording r WHERE r.lesson = $1 AND r.state = 'growing') THEN 'closed'
                     ELSE 'archived' END
                   WHERE id = $1 AND state IN ('planned', 'open', 'live')";
        sqlx::query(sql).bind(id).bind(now_ms).execute(&mut *tx).await?;
        let sql = "INSERT INTO outcome (lesson, result, evidence) VALUES ($1, $2, $3)
                   ON CONFLICT (lesson) DO UPDATE SET result = excluded.result, evidence = excluded.evidence";
        sqlx::query(sql).bind(id).bind(result).bind(evidence).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// What became of a lesson.
    pub async fn outcome(&self, id: LessonId) -> Result<Option<(OutcomeResult, String)>> {
        let sql = "SELECT result, evidence FROM outcome WHERE lesson = $1";
        Ok(sqlx::query_as(sql).bind(id).fetch_optional(&self.pool).await?)
    }

    /// Moves the end, once, unless the teacher or one of the rooms has another lesson before the new end.
    pub async fn extend_lesson(&self, id: LessonId, extend_ms: i64) -> Result<i64> {
        let mut tx = self.write().await?;
        let sql = "SELECT ends_ms, extended FROM lesson WHERE id = $1 AND state = 'live'";
        let row: Option<(i64, i64)> = sqlx::query_as(sql).bind(id).fetch_optional(&mut *tx).await?;
        let (ends_ms, extended) = row.ok_or(Error::Conflict { code: "not_live", why: "the lesson does not run" })?;
        if extended != 0 {
            return Err(Error::Conflict { code: "already_extended", why: "a lesson is extended at most once" });
        }
        let new_ms = ends_ms + extend_ms;
        let sql = "SELECT count(*) FROM lesson l WHERE l.id <> $1 AND l.state IN ('planned', 'open', 'live')
                     AND l.starts_ms < $2 AND l.ends_ms > $3
                     AND EXISTS (SELECT 1 FROM lesson me WHERE me.id = $1 AND (
                       me.teacher = l.teacher OR me.master_room = l.master_room
                       OR EXISTS (SELECT 1 FROM seat a JOIN seat b ON a.room = b.room WHERE a.lesson = $1 AND b.lesson = l.id)
                       OR EXISTS (SELECT 1 FROM seat a WHERE a.lesson = $1 AND a.room = l.master_room)
                       OR EXISTS (SELECT 1 FROM seat b WHERE b.lesson = l.id AND b.room = me.master_room)))";
        let next: i64 = sqlx::query_scalar(sql).bind(id).bind(new_ms).bind(ends_ms).fetch_one(&mut *tx).await?;
        if next > 0 {
            return Err(Error::Conflict { code: "planned_next", why: "the teacher or a room has another lesson then" });
        }
        let sql = "UPDATE lesson SET ends_ms = $2, extended = 1 WHERE id = $1";
        sqlx::query(sql).bind(id).bind(new_ms).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(new_ms)
    }

    /// Keeps presence; it only grows, so a late write of an older figure does no harm.
    pub async fn keep_attendance(&self, seats: &[(SeatId, Presence)]) -> Result<()> {
        if seats.is_empty() {
            return Ok(());
        }
        let mut tx = self.write().await?;
        for (seat, Presence { attendance_ms, sound_ms }) in seats {
            let sql = "UPDATE seat SET attendance_ms = $2, sound_ms = $3 WHERE id = $1 AND attendance_ms < $2";
            sqlx::query(sql).bind(seat).bind(attendance_ms).bind(sound_ms).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Remembers what rooms' lines took.
    pub async fn keep_lines(&self, lines: &[(RoomId, u32)], now_ms: i64) -> Result<()> {
        let mut tx = self.write().await?;
        for (room, bps) in lines {
            let sql = "INSERT INTO room_line (room, down_bps, at_ms) VALUES ($1, $2, $3)
                       ON CONFLICT (room) DO UPDATE SET down_bps = excluded.down_bps, at_ms = excluded.at_ms";
            sqlx::query(sql).bind(room).bind(i64::from(*bps)).bind(now_ms).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Notes a bearer token of a lesson by its hash.
    pub async fn add_lesson_token(&self, hash: &str, lesson: LessonId, role: TokenRole) -> Result<()> {
        let sql = "INSERT INTO lesson_token (hash, lesson, role) VALUES ($1, $2, $3)";
        sqlx::query(sql).bind(hash).bind(lesson).bind(role).execute(&self.pool).await?;
        Ok(())
    }
}
