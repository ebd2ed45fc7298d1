//! The catalogue of recorded lessons.

use super::{Store, Window, contains};
use crate::auth::Scope;
use crate::command::{LessonId, RecordingId, SeatId, TrackRow};
use crate::error::{Error, Result};
use crate::model::{ChapterKind, PersonId, RecordingState, SchoolId};
use crate::schema::{
    Chapter, Facet, Facets, GapRow, LibraryEntry, LibraryItem, LibraryPage, LibraryQuery, PersonRef, SchoolRef,
};
use sqlx::FromRow;

#[derive(FromRow)]
struct ItemRow {
    id: RecordingId,
    lesson: LessonId,
    title: String,
    subject: String,
    grade: String,
    unit: Option<String>,
    teacher: PersonId,
    teacher_name: String,
    school: SchoolId,
    school_name: String,
    starts_ms: i64,
    started_ms: i64,
    duration_ms: i64,
    state: RecordingState,
    tracks: i64,
}

impl From<ItemRow> for LibraryItem {
    fn from(r: ItemRow) -> Self {
        let entry = LibraryEntry {
            id: r.id,
            lesson: r.lesson,
            title: r.title,
            subject: r.subject,
            grade: r.grade,
            unit: r.unit,
            teacher: PersonRef { id: r.teacher, name: r.teacher_name },
            school: SchoolRef { id: r.school, name: r.school_name },
            starts_ms: r.starts_ms,
            duration_ms: r.duration_ms,
            state: r.state,
        };
        Self { entry, tracks: r.tracks }
    }
}

/// A recording with all the catalogue knows of it.
#[derive(Clone, Debug)]
pub struct RecordingFacts {
    /// As in the list.
    pub entry: LibraryEntry,
    /// Epoch time of lesson time 0.
    pub started_ms: i64,
    /// Tracks.
    pub tracks: Vec<TrackRow>,
    /// Whose each seat is: name, and whether the teacher's.
    pub seats: Vec<(SeatId, String, bool)>,
    /// Marks.
    pub chapters: Vec<Chapter>,
    /// Holes.
    pub gaps: Vec<GapRow>,
}

/// Filters shared by list, count and facets; $1 id, $2 teacher, $3 school and $4 room in scope, $5 text, $6 subject,
/// $7 grade, $8 school asked for, $9 and $10 span of starts.
macro_rules! matching {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            " FROM recording x JOIN lesson l ON l.id = x.lesson JOIN person p ON p.id = l.teacher
                JOIN room r ON r.id = l.master_room JOIN school s ON s.id = r.school
              WHERE ($1 IS NULL OR x.id = $1) AND ($2 IS NULL OR l.teacher = $2)
                AND ($3 IS NULL OR s.id = $3 OR EXISTS (SELECT 1 FROM seat t JOIN room y ON y.id = t.room
                                                        WHERE t.lesson = l.id AND y.school = $3))
                AND ($4 IS NULL OR EXISTS (SELECT 1 FROM seat t WHERE t.lesson = l.id AND t.room = $4))
                AND ($5 IS NULL OR l.title LIKE $5 ESCAPE '!' OR l.unit LIKE $5 ESCAPE '!'
                     OR p.name LIKE $5 ESCAPE '!' OR s.name LIKE $5 ESCAPE '!')
                AND ($6 IS NULL OR l.subject = $6) AND ($7 IS NULL OR l.grade = $7)
                AND ($8 IS NULL OR s.id = $8 OR EXISTS (SELECT 1 FROM seat t JOIN room y ON y.id = t.room
                                                        WHERE t.lesson = l.id AND y.school = $8))
                AND ($9 IS NULL OR l.starts_ms >= $9) AND ($10 IS NULL OR l.starts_ms < $10) ",
            $tail
        )
    };
}

const ITEMS: &str = matching!(
    "SELECT x.id, x.lesson, l.title, l.subject, l.grade, l.unit, l.teacher, p.name AS teacher_name, s.id AS school,
        s.name AS school_name, l.starts_ms, x.started_ms, x.state,
        coalesce(x.duration_ms, (SELECT max(q.start_ms + q.duration_ms) FROM part q WHERE q.recording = x.id), 0)
          AS duration_ms,
        (SELECT count(*) FROM track k WHERE k.recording = x.id) AS tracks",
    "ORDER BY l.starts_ms DESC, x.id LIMIT $11 OFFSET $12"
);
const COUNT: &str = matching!("SELECT count(*)", "");
const SUBJECTS: &str =
    matching!("SELECT l.subject, count(*)", "GROUP BY l.subject ORDER BY count(*) DESC, l.subject LIMIT 50");
const GRADES: &str = matching!("SELECT l.grade, count(*)", "GROUP BY l.grade ORDER BY l.grade LIMIT 50");

macro_rules! bind_filter {
    ($query:expr, $id:expr, $scope:expr, $f:expr, $q:expr) => {
        $query
            .bind($id)
            .bind($scope.teacher)
            .bind($scope.school)
            .bind($scope.room)
            .bind($q)
            .bind(&$f.subject)
            .bind(&$f.grade)
            .bind($f.school)
            .bind($f.from_ms)
            .bind($f.to_ms)
    };
}

impl Store {
    /// Recorded lessons in scope, newest first, with counts for the filters.
    pub async fn library(&self, scope: Scope, f: &LibraryQuery) -> Result<LibraryPage> {
        let window = Window::new(f.page, f.per_page);
        let q = contains(f.q.as_deref());
        let none = None::<RecordingId>;
        let count = bind_filter!(sqlx::query_scalar(COUNT), none, scope, f, &q);
        let total = count.fetch_one(&self.pool).await?;
        let items = bind_filter!(sqlx::query_as(ITEMS), none, scope, f, &q);
        let rows: Vec<ItemRow> = items.bind(window.per_page).bind(window.offset()).fetch_all(&self.pool).await?;
        // A facet counts what choosing another of its values would find, so its own filter is left out.
        let any_subject = LibraryQuery { subject: None, ..f.clone() };
        let subjects = bind_filter!(sqlx::query_as(SUBJECTS), none, scope, any_subject, &q);
        let any_grade = LibraryQuery { grade: None, ..f.clone() };
        let grades = bind_filter!(sqlx::query_as(GRADES), none, scope, any_grade, &q);
        let facet = |(value, count): (String, i64)| Facet { value, count };
        let facets = Facets {
            subject: subjects.fetch_all(&self.pool).await?.into_iter().map(facet).collect(),
            grade: grades.fetch_all(&self.pool).await?.into_iter().map(facet).collect(),
        };
        let page = window.page(total, rows.into_iter().map(Into::into).collect());
        Ok(LibraryPage { items: page.items, total, page: page.page, per_page: page.per_page, facets })
    }

    /// True if the recording is in scope.
    pub async fn recording_in_scope(&self, id: RecordingId, scope: Scope) -> Result<bool> {
        let (f, q) = (LibraryQuery::default(), None::<String>);
        let count: i64 = bind_filter!(sqlx::query_scalar(COUNT), Some(id), scope, f, &q).fetch_one(&self.pool).await?;
        Ok(count > 0)
    }

    /// One recording in scope.
    pub async fn recording(&self, id: RecordingId, scope: Scope) -> Result<RecordingFacts> {
        let (f, q) = (LibraryQuery::default(), None::<String>);
        let query = bind_filter!(sqlx::query_as(ITEMS), Some(id), scope, f, &q).bind(1_i64).bind(0_i64);
        let row: ItemRow = query.fetch_optional(&self.pool).await?.ok_or(Error::NotFound)?;
        let started_ms = row.started_ms;
        let item: LibraryItem = row.into();
        let sql = "SELECT t.id, coalesce(r.name, 'teacher'), t.person IS NOT NULL FROM seat t
                   LEFT JOIN room r ON r.id = t.room WHERE t.lesson = $1 ORDER BY t.position";
        let seats: Vec<(SeatId, String, bool)> =
            sqlx::query_as(sql).bind(item.entry.lesson).fetch_all(&self.pool).await?;
        let sql = "SELECT c.at_ms, c.kind, r.name FROM chapter c LEFT JOIN seat t ON t.id = c.seat
                   LEFT JOIN room r ON r.id = t.room WHERE c.recording = $1 ORDER BY c.at_ms, c.kind";
        let chapters: Vec<(i64, ChapterKind, Option<String>)> =
            sqlx::query_as(sql).bind(id).fetch_all(&self.pool).await?;
        let sql = "SELECT track, from_ms, to_ms FROM gap WHERE recording = $1 ORDER BY from_ms, track";
        let gaps: Vec<(String, i64, i64)> = sqlx::query_as(sql).bind(id).fetch_all(&self.pool).await?;
        Ok(RecordingFacts {
            entry: item.entry,
            started_ms,
            tracks: self.tracks(id).await?,
            seats,
            chapters: chapters.into_iter().map(|(at_ms, kind, room)| Chapter { at_ms, kind, room }).collect(),
            gaps: gaps.into_iter().map(|(track, from_ms, to_ms)| GapRow { track, from_ms, to_ms }).collect(),
        })
    }
}
