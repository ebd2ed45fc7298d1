//! Feeds, outcomes and figures.

use super::{PersonRef, SchoolRef};
use crate::command::LessonId;
use crate::model::{FeedId, PersonId, SchoolId, Subject};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

values! {
    /// Wish for an iCalendar address.
    NewFeed {
        /// Whose lessons.
        kind: Subject,
        /// Id of the teacher, class, room or school.
        subject: String,
    }
    /// An iCalendar address; whoever knows it may read the feed until it is revoked.
    Feed {
        /// Id.
        id: FeedId,
        /// Whose lessons.
        kind: Subject,
        /// Id of the teacher, class, room or school.
        subject: String,
        /// When it was made.
        created_ms: i64,
        /// Path of the address; shown once, when it is made.
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    }
    /// What became of a planned lesson.
    LedgerRow {
        /// The lesson.
        lesson: LessonId,
        /// First bell.
        starts_ms: i64,
        /// Last bell.
        ends_ms: i64,
        /// Subject.
        subject: String,
        /// Grade.
        grade: String,
        /// Who taught it.
        teacher: PersonRef,
        /// The master's school.
        school: SchoolRef,
        /// Its group.
        #[serde(skip_serializing_if = "Option::is_none")]
        group: Option<String>,
        /// `planned` (still ahead, or running), `delivered`, `partial`, `failed` or `cancelled`.
        result: String,
        /// The date the timetable had it on, where that is another.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, format = Date)]
        moved_from: Option<Date>,
        /// Of what went wrong: `not_held`, `teacher_absent`, `rooms_absent`, `server_down`, `room_short`, `no_sound`.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
        /// Rural rooms.
        rooms: i64,
        /// Those that were there long enough.
        rooms_served: i64,
        /// Minutes in which the teacher and at least one room can have been there together.
        minutes: i64,
    }
    /// One act in the calendar.
    AuditRow {
        /// Id.
        id: String,
        /// When.
        at_ms: i64,
        /// Who; missing where the server did it by itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        person: Option<PersonRef>,
        /// What: `term_added`, `class_added`, `bell_table_put`, `bell_table_removed`, `day_rules_added`, `day_rule_removed`,
        /// `pairing_planned`, `entry_added`, `entry_removed`, `change_asked`, `change_consented`, `change_made`,
        /// `change_undone`, `need_added`, `need_removed`, `supply_added`, `supply_removed`, `proposal_accepted`, `imported`.
        act: String,
        /// Id of what it was done to, or its first day.
        subject: String,
    }
    /// A month's figures of one group of lessons.
    Figure {
        /// Name of the school, group or subject; empty for the region.
        name: String,
        /// Lessons whose time was in the month.
        planned: i64,
        /// All rooms had it.
        delivered: i64,
        /// Some rooms, or some of the time.
        partial: i64,
        /// Nobody was taught.
        failed: i64,
        /// Cancelled.
        cancelled: i64,
        /// Still ahead, or not settled.
        open: i64,
        /// Held on another date than the timetable's.
        moved: i64,
        /// Minutes taught.
        minutes: i64,
    }
}

/// Filter of the ledger.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct LedgerQuery {
    /// Lessons that begin at or after this.
    pub from_ms: Option<i64>,
    /// Lessons that begin before this.
    pub to_ms: Option<i64>,
    /// Only of this master's school.
    pub school: Option<SchoolId>,
    /// Only of this subject.
    pub subject: Option<String>,
    /// From 1.
    pub page: Option<i64>,
    /// At most 100; 50 if missing.
    pub per_page: Option<i64>,
}

/// Which page of the acts.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only of this person.
    pub person: Option<PersonId>,
    /// From 1.
    pub page: Option<i64>,
    /// At most 100; 50 if missing.
    pub per_page: Option<i64>,
}

/// Choice of figures.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct FigureQuery {
    /// `2026-11`.
    pub month: String,
    /// `region` (if missing), `group`, `school` or `subject`.
    pub by: Option<String>,
    /// `json` (if missing), `csv` or `xlsx`.
    pub format: Option<String>,
}
