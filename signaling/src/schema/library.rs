//! The library's catalogue and playback.

use super::{PersonRef, SchoolRef};
use crate::command::{LessonId, RecordingId, SeatId, SourceKind};
use crate::model::{AbsenceCause, ChapterKind, RecordingState, SchoolId, TroubleKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

values! {
    /// What the timetable says of a recorded lesson.
    LibraryEntry {
        /// The recording.
        id: RecordingId,
        /// Its lesson.
        lesson: LessonId,
        /// Title.
        title: String,
        /// Subject.
        subject: String,
        /// Grade.
        grade: String,
        /// Unit.
        #[serde(skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
        /// Who taught.
        teacher: PersonRef,
        /// From which school.
        school: SchoolRef,
        /// First bell.
        starts_ms: i64,
        /// Length so far.
        duration_ms: i64,
        /// State.
        state: RecordingState,
    }
    /// A recorded lesson in the list.
    LibraryItem {
        /// From the timetable.
        #[serde(flatten)]
        entry: LibraryEntry,
        /// Number of tracks.
        tracks: i64,
    }
    /// The library, one page.
    LibraryPage {
        /// Newest first.
        items: Vec<LibraryItem>,
        /// Of all pages.
        total: i64,
        /// From 1.
        page: i64,
        /// At most 100.
        per_page: i64,
        /// What the filters would find.
        facets: Facets,
    }
    /// Counts per filter value.
    Facets {
        /// Subjects.
        subject: Vec<Facet>,
        /// Grades.
        grade: Vec<Facet>,
    }
    /// A filter value.
    Facet {
        /// Value.
        value: String,
        /// How many.
        count: i64,
    }
    /// A recorded lesson to be played.
    RecordingDetail {
        /// From the timetable.
        #[serde(flatten)]
        entry: LibraryEntry,
        /// When the recording began: 0 of lesson time.
        started_ms: i64,
        /// What was recorded.
        tracks: Vec<RecordedTrack>,
        /// Marks.
        chapters: Vec<Chapter>,
        /// Holes.
        gaps: Vec<GapRow>,
        /// What the network did to each room, as it began.
        troubles: Vec<Trouble>,
    }
    /// A stretch in which a room's line did less than it should.
    Trouble {
        /// Whose.
        seat: SeatId,
        /// `teacher` or the room's name.
        who: String,
        /// The teacher's.
        teacher: bool,
        /// What.
        kind: TroubleKind,
        /// Lesson time.
        from_ms: i64,
        /// Lesson time.
        to_ms: i64,
        /// How much of it: short pauses between two of a kind are in it.
        bad_ms: i64,
        /// True: no more was lost than repair of the sound makes good.
        sound_fine: bool,
        /// Why nobody was there.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<AbsenceCause>,
        /// The least that the way down was believed to take.
        #[serde(skip_serializing_if = "Option::is_none")]
        down_kbps: Option<u32>,
        /// The most that was lost in a second, in thousandths.
        loss_permille: u16,
        /// The longest round trip.
        #[serde(skip_serializing_if = "Option::is_none")]
        round_trip_ms: Option<u32>,
    }
    /// A recorded track.
    RecordedTrack {
        /// Its name.
        id: String,
        /// What it is.
        kind: SourceKind,
        /// `teacher` or the room's name.
        who: String,
        /// The teacher's.
        teacher: bool,
        /// Whose.
        seat: SeatId,
        /// Stretches without a hole; each is a playlist.
        runs: Vec<RecordedRun>,
    }
    /// A stretch of a track without a hole.
    RecordedRun {
        /// Lesson time.
        start_ms: i64,
        /// Length.
        duration_ms: i64,
        /// HLS playlist; its link holds for 5 minutes, a signed-in viewer's cookie as long as the sign-in.
        playlist: String,
    }
    /// A mark on the player's bar.
    Chapter {
        /// Lesson time.
        at_ms: i64,
        /// What.
        kind: ChapterKind,
        /// Who came on stage.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<String>,
    }
    /// A hole in a track.
    GapRow {
        /// Track.
        track: String,
        /// Lesson time.
        from_ms: i64,
        /// Lesson time.
        to_ms: i64,
    }
}

/// Filter of the library.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct LibraryQuery {
    /// Part of title, unit, teacher or school.
    pub q: Option<String>,
    /// Exactly.
    pub subject: Option<String>,
    /// Exactly.
    pub grade: Option<String>,
    /// School that taught or was taught.
    pub school: Option<SchoolId>,
    /// Lessons that start from here.
    pub from_ms: Option<i64>,
    /// Lessons that start before this.
    pub to_ms: Option<i64>,
    /// From 1.
    pub page: Option<i64>,
    /// At most 100; 50 if missing.
    pub per_page: Option<i64>,
}

/// Signature of a playback link.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct SignatureQuery {
    /// From the recording's detail.
    pub sig: Option<String>,
}
