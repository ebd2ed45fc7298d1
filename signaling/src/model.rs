//! The nouns of the district: ids and the small closed sets of words that are stored and shown.
//!
//! Each id is its own type and TEXT in SQL; each set of words is stored and sent as `snake_case` text.

use crate::command::{LessonId, RecordingId, SeatId, SessionId, SourceKind, VideoCodec};
use serde::{Deserialize, Serialize};
use sqlx::Sqlite;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use std::borrow::Cow;
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! new_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

/// Ids as TEXT in SQL and as `string`/`uuid` in the API description, inlined.
macro_rules! text_id {
    ($($name:ident)*) => {$(
        impl sqlx::Type<Sqlite> for $name {
            fn type_info() -> <Sqlite as sqlx::Database>::TypeInfo {
                <String as sqlx::Type<Sqlite>>::type_info()
            }
        }
        impl sqlx::Encode<'_, Sqlite> for $name {
            fn encode_by_ref(&self, out: &mut <Sqlite as sqlx::Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
                <String as sqlx::Encode<'_, Sqlite>>::encode(self.0.to_string(), out)
            }
        }
        impl sqlx::Decode<'_, Sqlite> for $name {
            fn decode(value: <Sqlite as sqlx::Database>::ValueRef<'_>) -> Result<Self, BoxDynError> {
                Ok(Self(Uuid::parse_str(<&str as sqlx::Decode<'_, Sqlite>>::decode(value)?)?))
            }
        }
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .format(Some(utoipa::openapi::schema::SchemaFormat::Custom("uuid".into())))
                    .into()
            }
        }
        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

macro_rules! random_id {
    ($($name:ident)*) => {$(
        impl $name {
            /// A new random id.
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }
    )*};
}

new_id!(
    /// A school.
    SchoolId
);
new_id!(
    /// A classroom.
    RoomId
);
new_id!(
    /// A person who signs in.
    PersonId
);
new_id!(
    /// A pairing 结对.
    PairingId
);
new_id!(
    /// A classroom's display device.
    DisplayId
);

new_id!(
    /// A term 学期.
    TermId
);
new_id!(
    /// A class.
    ClassId
);
new_id!(
    /// A bell table 作息时间表.
    TableId
);
new_id!(
    /// A day rule 调休.
    RuleId
);
new_id!(
    /// An entry 排课 of the weekly timetable.
    EntryId
);
new_id!(
    /// A change 调课.
    ChangeId
);
new_id!(
    /// A need 需求.
    NeedId
);
new_id!(
    /// A supply 供给.
    SupplyId
);
new_id!(
    /// An iCalendar feed.
    FeedId
);

text_id!(LessonId SeatId SessionId RecordingId SchoolId RoomId PersonId PairingId DisplayId);
text_id!(TermId ClassId TableId RuleId EntryId ChangeId NeedId SupplyId FeedId);
random_id!(LessonId SeatId SessionId RecordingId SchoolId RoomId PersonId PairingId DisplayId);
random_id!(TermId ClassId TableId RuleId EntryId ChangeId NeedId SupplyId FeedId);

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema, sqlx::Type)]
        #[serde(rename_all = "snake_case")]
        #[sqlx(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// The word as stored and sent.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();
            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($text => Ok(Self::$variant),)* _ => Err(()) }
            }
        }
    };
}

words!(
    /// What a person may do.
    Role {
        /// Everything, in every school.
        RegionAdmin = "region_admin",
        /// The calendar of every school in the group of the own school.
        GroupAdmin = "group_admin",
        /// Everything of the own school.
        SchoolAdmin = "school_admin",
        /// The own lessons.
        Teacher = "teacher",
        /// Watches lessons unseen; no rights yet.
        Inspector = "inspector",
        /// A pupil's parent; no rights yet.
        Guardian = "guardian",
        /// Tends the library; no rights yet.
        Curator = "curator",
    }
);
words!(
    /// What kind of school it is.
    SchoolKind {
        /// In the city; has master classrooms.
        Urban = "urban",
        /// In a village.
        Village = "village",
        /// A teaching point 教学点: a few pupils, one or two teachers.
        TeachingPoint = "teaching_point",
    }
);
words!(
    /// What kind of classroom it is.
    RoomKind {
        /// Where the teacher is.
        Master = "master",
        /// Camera and microphone: can be called on stage.
        Interactive = "interactive",
        /// Watches only.
        Terminal = "terminal",
    }
);
words!(
    /// Where a lesson is in its life. Moves only forward.
    LessonState {
        /// In the timetable.
        Planned = "planned",
        /// The room exists; displays join from `admits_ms`.
        Open = "open",
        /// Between the bells, recorded.
        Live = "live",
        /// Over; the recording is being finished.
        Closed = "closed",
        /// The recording is settled.
        Archived = "archived",
        /// Will not take place.
        Cancelled = "cancelled",
    }
);
words!(
    /// What became of a display's wish to be paired.
    DisplayState {
        /// Shows its code.
        Waiting = "waiting",
        /// Belongs to a room.
        Paired = "paired",
        /// The code was not confirmed in time.
        Expired = "expired",
        /// An administrator took it out.
        Revoked = "revoked",
    }
);
words!(
    /// What a lesson's bearer token opens.
    TokenRole {
        /// Publishing.
        Whip = "whip",
        /// Watching.
        Whep = "whep",
        /// Both.
        Both = "both",
    }
);
words!(
    /// Where a recording is in its life.
    RecordingState {
        /// The lesson still runs, or the recorder still finishes.
        Growing = "growing",
        /// Safe on disk.
        Kept = "kept",
        /// Nothing could be kept.
        Lost = "lost",
    }
);
words!(
    /// What a mark on the player's bar is.
    ChapterKind {
        /// The first bell.
        Start = "start",
        /// A room came on stage.
        Stage = "stage",
        /// The last bell.
        End = "end",
    }
);
words!(
    /// What a room's line did to it, by weight.
    TroubleKind {
        /// Pictures came less fine, or slides less often.
        Reduced = "reduced",
        /// Packets were lost or late.
        Weak = "weak",
        /// Pictures kept their last frame; sound went on.
        Held = "held",
        /// Nobody was there.
        Absent = "absent",
    }
);
words!(
    /// Why nobody was in a seat.
    AbsenceCause {
        /// It had not come yet.
        NotCome = "not_come",
        /// Its line fell silent.
        LineLost = "line_lost",
        /// Its page was closed.
        Left = "left",
    }
);
words!(
    /// Where a change is in its life.
    ChangeState {
        /// Waits for the consent of other schools.
        Asked = "asked",
        /// Holds.
        Made = "made",
        /// Taken back.
        Undone = "undone",
    }
);
words!(
    /// Whose lessons a feed or a week shows.
    Subject {
        /// A teacher's or co-teacher's.
        Teacher = "teacher",
        /// A class's.
        Class = "class",
        /// A room's.
        Room = "room",
        /// A school's, on either side.
        School = "school",
    }
);
words!(
    /// What became of a planned lesson.
    OutcomeResult {
        /// All rooms had it.
        Delivered = "delivered",
        /// Some rooms, or some of the time.
        Partial = "partial",
        /// Nobody was taught.
        Failed = "failed",
    }
);

/// The word of a source's kind as stored and sent.
pub fn source_word(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Microphone => "microphone",
        SourceKind::Camera => "camera",
        SourceKind::Screen => "screen",
        SourceKind::ScreenSlow => "screen_slow",
        SourceKind::ComputerSound => "computer_sound",
    }
}

/// Reads a source's kind back; unknown words are `None`.
pub fn source_kind(word: &str) -> Option<SourceKind> {
    use SourceKind::*;
    [Microphone, Camera, Screen, ScreenSlow, ComputerSound].into_iter().find(|k| source_word(*k) == word)
}

macro_rules! described_words {
    ($($name:ident: $($text:literal),+;)*) => {$(
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some([$($text),+]))
                    .into()
            }
        }
        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

// These two belong to the contract with the media plane, which knows nothing of API descriptions.
described_words! {
    SourceKind: "microphone", "camera", "screen", "screen_slow", "computer_sound";
    VideoCodec: "h264", "vp9";
}
