//! The messages of the event stream, both ways.

use crate::command::{LessonId, SeatId, Slot, Source, SourceKind, VideoCodec};
use crate::model::{DisplayState, LessonState, PersonId, RoomId, RoomKind};
use crate::schema::{Lesson, PersonRef, RoomRef, SchoolRef};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A server message with its number. Numbers rise within a connection, with holes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Numbered {
    /// To be sent back as `resume` after a reconnect.
    pub n: u64,
    /// What happened.
    #[serde(flatten)]
    pub message: ServerMessage,
}

/// Server → page.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ServerMessage {
    /// Everything, first.
    Snapshot(Box<Snapshot>),
    /// A lesson is new or changed.
    Lesson {
        /// It.
        lesson: Box<Lesson>,
    },
    /// Who sits where; at most twice a second.
    Roster {
        /// Of which lesson.
        lesson: LessonId,
        /// All seats.
        seats: Vec<SeatView>,
    },
    /// What this page's slots show.
    Slots {
        /// All of them.
        slots: Vec<SlotView>,
    },
    /// Who is on stage.
    Stage {
        /// In which lesson.
        lesson: LessonId,
        /// Nobody if null.
        #[schema(required)]
        seat: Option<SeatId>,
        /// Name of the room.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A hand went up or down.
    Hand {
        /// In which lesson.
        lesson: LessonId,
        /// Whose.
        seat: SeatId,
        /// Down if null.
        #[schema(required)]
        since_ms: Option<i64>,
    },
    /// A source may be heard (seen) or not.
    Mute {
        /// Whose.
        seat: SeatId,
        /// Which. Named `source` because `kind` is the message's.
        source: SourceKind,
        /// True: nobody gets it.
        muted: bool,
    },
    /// How a seat's line does; to the teacher and the seat itself.
    Quality {
        /// Whose.
        seat: SeatId,
        /// In a word.
        quality: Quality,
        /// Share lost on the way up.
        loss_up: f32,
        /// Share lost on the way down.
        loss_down: f32,
        /// Round trip.
        #[serde(skip_serializing_if = "Option::is_none")]
        round_trip_ms: Option<u32>,
        /// What the way down is believed to take, kbit/s.
        #[serde(skip_serializing_if = "Option::is_none")]
        down_kbps: Option<u32>,
        /// Pictures that keep their last frame, because the way down takes no more.
        held: u8,
        /// Pictures that come less fine, or slides less often, for the same reason.
        reduced: u8,
        /// Microphone, 0 to 127.
        level: u8,
    },
    /// How much of a source anybody watches.
    Layers {
        /// Which.
        source: SourceKind,
        /// Highest RID wanted: `q`, `h`, `f`, or `none`.
        max: String,
    },
    /// How much sound a source may send, because the line of somebody who listens takes no more.
    SoundRate {
        /// Which.
        source: SourceKind,
        /// bit/s; absent: as much as it likes.
        #[serde(skip_serializing_if = "Option::is_none")]
        max_bps: Option<u32>,
    },
    /// A bell.
    Bell {
        /// Of which lesson.
        lesson: LessonId,
        /// Which bell.
        what: Bell,
        /// When.
        at_ms: i64,
    },
    /// Another page has taken this page's seat; do not rejoin by yourself.
    Replaced {},
    /// The server's clock.
    Clock {
        /// Epoch milliseconds.
        now_ms: i64,
    },
    /// This display's state changed.
    Display {
        /// To what.
        state: DisplayState,
    },
    /// The wall changed; fetch it again.
    Wall {},
    /// A display waits or was confirmed; fetch the list again.
    Pairing {},
    /// The page's last message could not be done.
    Error {
        /// Why.
        code: String,
    },
}

/// Which bell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bell {
    /// Displays may join.
    Admit,
    /// The lesson begins.
    Start,
    /// The lesson is over.
    End,
    /// The end was moved.
    Extended,
}

/// How a line does, in a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Well.
    Good,
    /// Losing more than 5 %, slower than 400 ms, or too thin for all pictures.
    Weak,
    /// No session where one was.
    Lost,
    /// Nothing known yet.
    #[default]
    Unknown,
}

/// The first message.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Snapshot {
    /// The server's clock.
    pub now_ms: i64,
    /// Another value than before: the server was started anew and knows no session of the page.
    pub epoch: u64,
    /// Who the page is.
    pub me: Me,
    /// Today's lessons.
    pub lessons: Vec<Lesson>,
    /// The lesson that runs, or the one asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lesson: Option<LessonView>,
}

/// Who the page is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Me {
    /// `region_admin`, `school_admin`, `teacher`, …, or `display`.
    pub role: String,
    /// The display's room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomRef>,
    /// Its seat in `lesson`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat: Option<SeatId>,
    /// Who signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonRef>,
}

/// A running lesson. Called `LessonState` in the API description.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LessonView {
    /// Id.
    pub id: LessonId,
    /// State.
    pub state: LessonState,
    /// True between the bells.
    pub recording: bool,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_since_ms: Option<i64>,
    /// Who is on stage.
    #[schema(required)]
    pub stage: Option<SeatId>,
    /// The frozen video codec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<VideoCodec>,
    /// Teacher first.
    pub seats: Vec<SeatView>,
}

/// A seat of a running lesson.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SeatView {
    /// Id.
    pub seat: SeatId,
    /// A room's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// A person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// Name of room or person.
    pub name: String,
    /// School.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub school: Option<SchoolRef>,
    /// The teacher's.
    pub teacher: bool,
    /// `master` for the teacher's.
    pub kind: RoomKind,
    /// Media flows.
    pub present: bool,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// Hand up since.
    #[schema(required)]
    pub hand: Option<i64>,
    /// What it sends.
    pub sources: Vec<SourceKind>,
    /// What nobody gets.
    pub muted: Vec<SourceKind>,
    /// Line.
    pub quality: Quality,
    /// Microphone, 0 to 127.
    pub level: u8,
    /// Present between the bells so far.
    pub attendance_ms: i64,
}

/// What one slot of the page shows.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SlotView {
    /// Its m-line.
    pub mid: String,
    /// Its name, as in `Tongke-Slots`.
    pub slot: String,
    /// What it was told to show.
    #[schema(required)]
    pub source: Option<SourceView>,
    /// `live`, `held` (last picture stays) or `none`.
    pub state: String,
}

/// A source inside the lesson.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SourceView {
    /// Whose.
    pub seat: SeatId,
    /// Which.
    pub kind: SourceKind,
}

impl From<Source> for SourceView {
    fn from(source: Source) -> Self {
        Self { seat: source.seat, kind: source.kind }
    }
}

/// A slot's name: `teacher_video`, …, `thumbnail_0` to `thumbnail_5`.
pub fn slot_word(slot: Slot) -> String {
    match slot {
        Slot::TeacherVideo => "teacher_video".into(),
        Slot::Screen => "screen".into(),
        Slot::StageVideo => "stage_video".into(),
        Slot::TeacherAudio => "teacher_audio".into(),
        Slot::ComputerSound => "computer_sound".into(),
        Slot::StageAudio => "stage_audio".into(),
        Slot::SecondAudio => "second_audio".into(),
        Slot::Thumbnail(i) => format!("thumbnail_{i}"),
        Slot::Video => "video".into(),
        Slot::Audio => "audio".into(),
    }
}

/// What a device can do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Capabilities {
    /// Video codecs it decodes (and encodes, where it has a camera): `h264`, `vp9`; others are ignored.
    pub codecs: Vec<String>,
    /// Pictures it decodes at the same time. Of more the most important flow: slides, teacher, stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoders: Option<u32>,
    /// Pixels it decodes at the same time, all pictures together. Of more, pictures come smaller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixels: Option<u64>,
}

/// Page → server.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PageMessage {
    /// First, and only first.
    Hello(Hello),
    /// A source of the own seat is switched on or off.
    Source {
        /// Which.
        source: SourceKind,
        /// True: it sends.
        on: bool,
    },
    /// The own hand.
    Hand {
        /// Up or down.
        up: bool,
    },
    /// The teacher calls a room on stage, or nobody.
    Call {
        /// Whom.
        #[schema(required)]
        seat: Option<SeatId>,
    },
    /// A source shall be heard (seen) or not: the teacher for all seats, others for their own.
    Mute {
        /// Whose.
        seat: SeatId,
        /// Which.
        source: SourceKind,
        /// True: nobody gets it.
        muted: bool,
    },
    /// Which rooms the teacher's thumbnails show.
    Layout {
        /// At most 6.
        thumbnails: Vec<SeatId>,
    },
    /// The device learnt more about itself.
    Capabilities(Capabilities),
    /// A summary of `getStats`.
    Health(Health),
    /// Asks for the server's clock.
    Clock {},
    /// Asks for a snapshot.
    Snapshot {},
}

/// The first message of a page.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct Hello {
    /// A display's secret; without it the session cookie counts.
    pub secret: Option<String>,
    /// A lesson to watch; without it the one that runs for this page.
    pub lesson: Option<LessonId>,
    /// The last number seen before the connection broke.
    pub resume: Option<u64>,
    /// Random id of this page (tab), the same as in the header `Tongke-Page` of its offers.
    pub page: Option<String>,
    /// What the device can do.
    pub capabilities: Option<Capabilities>,
}

/// A summary of `getStats`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct Health {
    /// Frames decoded so far.
    pub frames_decoded: Option<u64>,
    /// Freezes so far.
    pub freezes: Option<u64>,
    /// Concealed sound so far.
    pub concealed_ms: Option<u64>,
    /// Round trip.
    pub round_trip_ms: Option<f64>,
}
