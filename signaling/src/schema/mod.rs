//! The values of the HTTP API: what requests carry and what answers say. The API description is made from them.
//!
//! Here: errors, accounts, places, displays, lists. `calendar`: terms, bells, entries, changes. `lessons`: dated lessons. `library`: what is recorded. Messages of
//! the event stream are in [`crate::messages`].

use crate::command::LessonId;
use crate::model::{DisplayId, DisplayState, PersonId, Role, RoomId, RoomKind, SchoolId, SchoolKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Plain values that go over HTTP.
macro_rules! values {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
        pub struct $name { $($(#[$fdoc])* pub $field: $type),* }
    )*};
}

mod calendar;
mod import;
mod ledger;
mod lessons;
mod library;
mod market;

pub use calendar::*;
pub use import::*;
pub use ledger::*;
pub use lessons::{
    Clash, Lesson, LessonQuery, LessonRoom, MasterSide, NewLesson, NewPairing, NewToken, Pairing, RuralSide, Today,
    TodayRoom, TokenAnswer, Wall, WallCause, WallLesson,
};
pub use library::{
    Chapter, Facet, Facets, GapRow, LibraryEntry, LibraryItem, LibraryPage, LibraryQuery, RecordedRun, RecordedTrack,
    RecordingDetail, SignatureQuery, Trouble,
};
pub use market::*;

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
        /// Everything in the way of an entry or a change of the calendar (code `clash`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        in_the_way: Option<Vec<PlanClash>>,
    }
    /// The server's clock.
    ClockAnswer {
        /// Epoch milliseconds.
        now_ms: i64,
        /// The district's civil time minus UTC: pages show its time wherever the device stands.
        zone_offset_ms: i64,
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
        /// The room's school.
        #[serde(skip_serializing_if = "Option::is_none")]
        school: Option<SchoolRef>,
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
