//! Pairings, lessons, today, the wall.

use super::{PersonRef, RoomRef, SchoolRef};
use crate::command::{LessonId, RecordingId, SeatId};
use crate::model::{LessonState, PairingId, PersonId, RoomId, RoomKind, TokenRole};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

values! {
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
