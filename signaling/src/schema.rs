//! The values of the HTTP API: what requests carry and what answers say. The API description is made from them.
//!
//! Messages of the event stream are in [`crate::messages`].

use crate::command::{LessonId, RecordingId, SeatId, SourceKind};
use crate::model::{
    ChapterKind, DisplayId, DisplayState, LessonState, PairingId, PersonId, RecordingState, Role, RoomId, RoomKind,
    SchoolId, SchoolKind, TokenRole,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

macro_rules! values {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
        pub struct $name { $($(#[$fdoc])* pub $field: $type),* }
    )*};
}

values! {
    /// Every error's body.
    ErrorAnswer {
        /// What is wrong.
        error: Fault,
    }
    /// What is wrong. Pages translate `code` and never show `message`.
    Fault {
        /// `snake_case`, from a closed set.
        code: String,
        /// Plain English for an engineer.
        message: String,
        /// Field name → why (code `fields`).
        #[serde(skip_serializing_if = "Option::is_none")]
        fields: Option<BTreeMap<String, String>>,
        /// Zero-based m-line to blame (code `unfit_offer`).
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<usize>,
        /// All lessons in the way (code `clash`).
        #[serde(skip_serializing_if = "Option::is_none")]
        clashes: Option<Vec<Clash>>,
    }
    /// One reason why a lesson cannot be then.
    Clash {
        /// `teacher`, `master_room` or `rural_room`.
        kind: String,
        /// Name of the person or room.
        who: String,
        /// The lesson in the way.
        lesson: LessonId,
        /// Its start.
        starts_ms: i64,
        /// Its end.
        ends_ms: i64,
    }
    /// The server's clock.
    ClockAnswer {
        /// Epoch milliseconds.
        now_ms: i64,
    }
    /// A school's id and name.
    SchoolRef {
        /// Id.
        id: SchoolId,
        /// Name.
        name: String,
    }
    /// A room's id and name.
    RoomRef {
        /// Id.
        id: RoomId,
        /// Name.
        name: String,
    }
    /// A person's id and name.
    PersonRef {
        /// Id.
        id: PersonId,
        /// Name.
        name: String,
    }
    /// Sign-in.
    LoginRequest {
        /// Login name.
        user: String,
        /// Password.
        password: String,
    }
    /// A person who can sign in.
    Person {
        /// Id.
        id: PersonId,
        /// Name.
        name: String,
        /// Login name.
        user: String,
        /// What they may do.
        role: Role,
        /// Where they belong.
        #[serde(skip_serializing_if = "Option::is_none")]
        school: Option<SchoolRef>,
    }
    /// A new person.
    NewPerson {
        /// Name.
        name: String,
        /// Login name.
        user: String,
        /// At least 8 characters.
        password: String,
        /// What they may do.
        role: Role,
        /// Where they belong; required except for `region_admin`.
        school: Option<SchoolId>,
    }
    /// A school.
    School {
        /// Id.
        id: SchoolId,
        /// Name.
        name: String,
        /// School group.
        #[serde(skip_serializing_if = "Option::is_none")]
        group: Option<String>,
        /// Kind.
        kind: SchoolKind,
    }
    /// A new school.
    NewSchool {
        /// Name.
        name: String,
        /// Kind.
        kind: SchoolKind,
        /// School group.
        group: Option<String>,
    }
    /// A classroom.
    Room {
        /// Id.
        id: RoomId,
        /// Name.
        name: String,
        /// Its school.
        school: SchoolRef,
        /// Kind.
        kind: RoomKind,
        /// The class that usually sits there.
        #[serde(skip_serializing_if = "Option::is_none")]
        class: Option<String>,
        /// Its display.
        display: RoomDisplay,
    }
    /// A classroom's display, if it has one.
    RoomDisplay {
        /// `none`, `offline` or `online`.
        state: String,
        /// The device.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<DisplayId>,
        /// When it was last connected.
        #[serde(skip_serializing_if = "Option::is_none")]
        last_seen_ms: Option<i64>,
    }
    /// A new classroom.
    NewRoom {
        /// Its school.
        school: SchoolId,
        /// Name, unique in the school.
        name: String,
        /// Kind.
        kind: RoomKind,
        /// The class that usually sits there.
        class: Option<String>,
    }
    /// Where a lesson is taught from.
    MasterSide {
        /// The room.
        room: RoomRef,
        /// Its school.
        school: SchoolRef,
    }
    /// A rural room of a pairing.
    RuralSide {
        /// The room.
        room: RoomRef,
        /// Its school.
        school: SchoolRef,
        /// Kind.
        kind: RoomKind,
    }
    /// A pairing 结对.
    Pairing {
        /// Id.
        id: PairingId,
        /// Subject.
        subject: String,
        /// Grade.
        grade: String,
        /// Who teaches.
        teacher: PersonRef,
        /// From where.
        master: MasterSide,
        /// To where.
        rural: Vec<RuralSide>,
    }
    /// A new pairing.
    NewPairing {
        /// Subject.
        subject: String,
        /// Grade.
        grade: String,
        /// Who teaches.
        teacher: PersonId,
        /// A room of kind `master`.
        master_room: RoomId,
        /// One to twelve rooms of kind `interactive` or `terminal`.
        rural_rooms: Vec<RoomId>,
    }
    /// A dated lesson.
    Lesson {
        /// Id.
        id: LessonId,
        /// Title.
        title: String,
        /// Subject.
        subject: String,
        /// Grade.
        grade: String,
        /// Unit of the syllabus.
        #[serde(skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
        /// First bell.
        starts_ms: i64,
        /// Last bell.
        ends_ms: i64,
        /// When displays join, muted.
        admits_ms: i64,
        /// State.
        state: LessonState,
        /// Who teaches.
        teacher: PersonRef,
        /// From where.
        master: MasterSide,
        /// To where.
        rooms: Vec<LessonRoom>,
        /// Its recording, once it has begun.
        #[serde(skip_serializing_if = "Option::is_none")]
        recording: Option<RecordingId>,
    }
    /// A rural room's place in a lesson.
    LessonRoom {
        /// The seat.
        seat: SeatId,
        /// The room.
        room: RoomRef,
        /// Its school.
        school: SchoolRef,
        /// The class there.
        #[serde(skip_serializing_if = "Option::is_none")]
        class: Option<String>,
        /// Kind.
        kind: RoomKind,
    }
    /// A new lesson.
    NewLesson {
        /// The pairing that has it.
        pairing: PairingId,
        /// Title; the subject if missing.
        title: Option<String>,
        /// Unit of the syllabus.
        unit: Option<String>,
        /// First bell.
        starts_ms: i64,
        /// Last bell; after the start, at most 6 hours.
        ends_ms: i64,
    }
    /// Today's lessons of whoever asks.
    Today {
        /// The server's clock.
        now_ms: i64,
        /// The display's room.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<TodayRoom>,
        /// By start.
        lessons: Vec<Lesson>,
    }
    /// The room a display stands in.
    TodayRoom {
        /// Id.
        id: RoomId,
        /// Name.
        name: String,
        /// Its school.
        school: SchoolRef,
        /// The class there.
        #[serde(skip_serializing_if = "Option::is_none")]
        class: Option<String>,
        /// Kind.
        kind: RoomKind,
    }
    /// Today's wall.
    Wall {
        /// The server's clock.
        now_ms: i64,
        /// Today's lessons with their health.
        lessons: Vec<WallLesson>,
        /// Lessons of the next 30 minutes that would not go well as things are.
        at_risk: Vec<LessonId>,
    }
    /// A lesson on the wall.
    WallLesson {
        /// The lesson.
        #[serde(flatten)]
        lesson: Lesson,
        /// `green`, `amber`, `red`, or `grey` when there is nothing to judge.
        health: String,
        /// Why.
        causes: Vec<WallCause>,
    }
    /// Why a lesson is not well.
    WallCause {
        /// `display_offline`, `room_absent`, `teacher_absent`, `no_microphone`, `no_camera`, `weak_line` or `not_recording`.
        code: String,
        /// The room to blame.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<RoomRef>,
        /// Since when.
        since_ms: i64,
    }
    /// Wish for a lesson's bearer token.
    NewToken {
        /// What it opens.
        role: TokenRole,
    }
    /// A lesson's bearer token; shown once.
    TokenAnswer {
        /// The bearer.
        token: String,
        /// Path to publish to.
        #[serde(skip_serializing_if = "Option::is_none")]
        whip: Option<String>,
        /// Path to watch from.
        #[serde(skip_serializing_if = "Option::is_none")]
        whep: Option<String>,
    }
    /// A display that waits to be paired.
    NewDisplay {
        /// Id.
        id: DisplayId,
        /// 8 characters of Crockford's alphabet; shown as XXXX-XXXX.
        code: String,
        /// The device's bearer, good for media once paired.
        secret: String,
        /// When the code expires.
        expires_ms: i64,
    }
    /// What a display is told of itself.
    DisplaySelf {
        /// State.
        state: DisplayState,
        /// Its room.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<RoomRef>,
    }
    /// A display as an administrator sees it.
    Display {
        /// Id.
        id: DisplayId,
        /// Its room.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<RoomRef>,
        /// State.
        state: DisplayState,
        /// True while its page is connected.
        online: bool,
        /// When it was last connected.
        #[serde(skip_serializing_if = "Option::is_none")]
        last_seen_ms: Option<i64>,
        /// What it can do.
        #[serde(skip_serializing_if = "Option::is_none")]
        capabilities: Option<crate::messages::Capabilities>,
    }
    /// Confirmation of a display.
    ConfirmDisplay {
        /// As shown on the display; dash and case do not matter.
        code: String,
        /// Where it stands.
        room: RoomId,
    }
    /// A page-held secret for a demo's fragment secret.
    ExchangeAnswer {
        /// The bearer.
        secret: String,
        /// The room.
        room: RoomRef,
    }
    /// What a demo's start page shows.
    Demo {
        /// The teacher.
        teacher: DemoAccount,
        /// The administrator.
        admin: DemoAccount,
        /// The displays.
        displays: Vec<DemoDisplay>,
        /// The lesson.
        lesson: DemoLesson,
        /// The library.
        library_url: String,
    }
    /// An account of the demo.
    DemoAccount {
        /// Login name.
        user: String,
        /// Password.
        password: String,
        /// The page.
        url: String,
    }
    /// A paired display of the demo.
    DemoDisplay {
        /// Name of the room.
        room: String,
        /// Name of the school.
        school: String,
        /// Opens the display page, already paired.
        url: String,
    }
    /// The demo's lesson.
    DemoLesson {
        /// Id.
        id: LessonId,
        /// Title.
        title: String,
        /// First bell.
        starts_ms: i64,
        /// Last bell.
        ends_ms: i64,
    }
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

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Rows on all pages.
    pub total: i64,
    /// From 1.
    pub page: i64,
    /// At most 100.
    pub per_page: i64,
}

/// Filter of simple lists.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Part of a name.
    pub q: Option<String>,
    /// Only of this school.
    pub school: Option<SchoolId>,
    /// From 1.
    pub page: Option<i64>,
    /// At most 100; 50 if missing.
    pub per_page: Option<i64>,
}

/// Filter of lessons.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct LessonQuery {
    /// Lessons that end after this.
    pub from_ms: Option<i64>,
    /// Lessons that start before this.
    pub to_ms: Option<i64>,
    /// From 1.
    pub page: Option<i64>,
    /// At most 100; 50 if missing.
    pub per_page: Option<i64>,
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

/// Choice of a WHIP source.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct WhipQuery {
    /// `screen`: publishes as the teacher's screen instead of the camera.
    pub source: Option<String>,
}

/// Choice of a WHEP view.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct WhepQuery {
    /// `teacher` (if missing), `screen` or `stage`.
    pub view: Option<String>,
}
