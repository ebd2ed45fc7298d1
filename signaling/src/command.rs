//! The values that pass between signaling and the media plane.
//!
//! `Command` goes down, `Event` comes up. Both are plain values without reply channels, so the media core is
//! replayable: the answer to a `Join` comes back as `Event::Answered` with the same session id. Signaling never
//! looks into `offer` and `answer`; to it they are opaque text.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
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

id!(
    /// One dated lesson; random (v4), so it can stand in links.
    LessonId
);
id!(
    /// A place in a lesson: (lesson, room) or (lesson, person). Lives until the lesson closes.
    SeatId
);
id!(
    /// One WebRTC connection sitting in a seat (RFC 9725 session); random (v4).
    SessionId
);
id!(
    /// The line of a school to the world, which its rooms share; the school's own id.
    LineId
);
id!(
    /// One recording of one lesson; random (v4).
    RecordingId
);

/// What a participant can publish. A recording track is keyed by seat and source.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// The voice.
    Microphone,
    /// The camera (or a document camera chosen in its place).
    Camera,
    /// Slides or a shared window.
    Screen,
    /// The screen at no more than 2 fps, for thin receivers.
    ScreenSlow,
    /// What the teacher's computer plays, in stereo.
    ComputerSound,
}

/// A participant's source inside one lesson.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Source {
    /// Whose.
    pub seat: SeatId,
    /// Which of theirs.
    pub kind: SourceKind,
}

/// Which fixed list of m-lines a session's offer must have (the design's protocol table).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionRole {
    /// Up: microphone, camera (RIDs q h f), screen, screen_slow, computer_sound.
    /// Down: stage video, stage audio, second audio, thumbnails × 6.
    Teacher,
    /// Up: microphone, camera (RIDs q h f).
    /// Down: teacher video, screen, stage video, teacher audio, computer_sound, stage audio.
    InteractiveRoom,
    /// Down only: the six lines of an interactive room.
    TerminalRoom,
    /// WHIP: audio and video up in either order; sits in the teacher's seat. With `screen`, the video is the
    /// teacher's screen and the audio the computer's sound, otherwise camera and microphone.
    Whip {
        /// Publishes as the screen instead of the camera.
        screen: bool,
    },
    /// WHEP: audio and video down in either order, one may be missing. Slots `Video` and `Audio`.
    Whep,
}

/// A receiving m-line of a session, by what it is for. It shows one source at a time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The teacher's camera.
    TeacherVideo,
    /// The teacher's slides.
    Screen,
    /// The camera of who is on stage.
    StageVideo,
    /// The teacher's voice.
    TeacherAudio,
    /// The sound of the teacher's computer.
    ComputerSound,
    /// The voice of who is on stage.
    StageAudio,
    /// A second voice while the stage is handed over.
    SecondAudio,
    /// A small picture of a room, 0 to 5.
    Thumbnail(u8),
    /// The picture of a WHEP viewer.
    Video,
    /// The sound of a WHEP viewer.
    Audio,
}

/// Video codecs a lesson may use. One is frozen when the first sending video line is answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoCodec {
    /// H.264 constrained baseline, 42e01f, packetization-mode 1.
    H264,
    /// VP9 profile 0.
    Vp9,
}

/// What a device decodes at a time; what it did not tell is not limited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DecodeBudget {
    /// Pictures.
    pub decoders: Option<u32>,
    /// Pixels of all of them together.
    pub pixels: Option<u64>,
}

/// Orders from signaling to the media plane.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Makes the lesson's room. Again with a known id only replaces the codec preference (while not frozen).
    Open {
        /// The lesson.
        lesson: LessonId,
        /// Video codecs allowed, best first; the first one the first publisher has is frozen.
        codecs: Vec<VideoCodec>,
    },
    /// Starts or stops handing packets to the recorder.
    Record {
        /// The lesson.
        lesson: LessonId,
        /// `Some` starts (or goes on), `None` stops and finishes.
        recording: Option<RecordingId>,
    },
    /// Ends the lesson: every session is closed, the recording finished.
    Close {
        /// The lesson.
        lesson: LessonId,
    },
    /// A client offers; answered by `Answered` or `Refused`. The caller has already closed the session it replaces.
    Join {
        /// The lesson.
        lesson: LessonId,
        /// The new session.
        session: SessionId,
        /// The seat it sits in. WHEP viewers get a seat of their own.
        seat: SeatId,
        /// Which m-lines it must have.
        role: SessionRole,
        /// Sessions of one line share what it takes.
        line: Option<LineId>,
        /// What it decodes of what it receives.
        decode: DecodeBudget,
        /// What its line took last time, bit/s: where the estimate begins.
        remembered_bps: Option<u32>,
        /// SDP.
        offer: String,
    },
    /// An ICE restart or trickled candidates (`application/trickle-ice-sdpfrag`); answered by `Restarted` or `Refused`.
    Restart {
        /// The session.
        session: SessionId,
        /// SDP fragment.
        fragment: String,
    },
    /// Closes one session. Answered by `Left`.
    Leave {
        /// The session.
        session: SessionId,
    },
    /// Puts a source (or nothing) into a slot. A source not yet published appears when it is.
    Show {
        /// The receiver.
        session: SessionId,
        /// The slot.
        slot: Slot,
        /// What flows in it.
        source: Option<Source>,
    },
    /// Lets a source be heard (seen) or not. A muted source reaches nobody and is not recorded. Sources start
    /// unmuted for the teacher's seat (`Teacher`, `Whip`) and, for rooms, the microphone starts muted.
    Mute {
        /// The lesson.
        lesson: LessonId,
        /// The source.
        source: Source,
        /// True: nobody gets it.
        muted: bool,
    },
    /// The recorder needs a key frame of a source. Ordered by the house, never by signaling.
    KeyFrame {
        /// The lesson.
        lesson: LessonId,
        /// The source.
        source: Source,
    },
}

/// Why a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveCause {
    /// Asked for (`Leave`, DELETE).
    Asked,
    /// Never connected in 10 s.
    NeverConnected,
    /// No authenticated packet for 30 s.
    Silent,
    /// The far side closed DTLS.
    PeerClosed,
    /// Its certificate is not the one of its offer, or the handshake failed.
    HandshakeFailed,
    /// The lesson ended.
    LessonClosed,
}

/// Why an offer or fragment was refused. Becomes a 4xx or 503 in one place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Not SDP, or SDP without what WebRTC needs (→ 400).
    Malformed(String),
    /// Well-formed, but not what the role must offer; names the line (→ 422).
    Unfit {
        /// Zero-based m-line, where one is to blame.
        line: Option<usize>,
        /// What is wrong, in English, for an engineer.
        why: String,
    },
    /// No such lesson or session here (→ 404).
    Unknown,
    /// No room for more (→ 503 with Retry-After).
    Full,
}

/// What a session's line is seen to do, for rooms' states and the lesson's evidence. Sent about once a second.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct LineFacts {
    /// Share of packets lost on the way up in the last second, 0 to 1, before retransmission.
    pub loss_up: f32,
    /// Share of packets lost on the way down as the receiver reports, 0 to 1.
    pub loss_down: f32,
    /// Round trip, milliseconds, where known.
    pub round_trip_ms: Option<u32>,
    /// Bits per second received from the session.
    pub bitrate_up: u32,
    /// Bits per second sent to the session.
    pub bitrate_down: u32,
    /// Bits per second that the way down is believed to take, where the client tells what arrives.
    pub estimate_down: Option<u32>,
    /// Pictures that keep their last frame, because the way down takes no more.
    pub pictures_held: u8,
    /// Pictures that come less fine, or slides less often, than there are, for the same reason.
    pub pictures_reduced: u8,
    /// Level of the session's microphone, 0 (silent) to 127 (loud), from RFC 6464, even while muted.
    pub audio_level: u8,
    /// True while packets of the session's microphone arrive.
    pub hears_microphone: bool,
    /// True while packets of the session's camera arrive.
    pub sees_camera: bool,
}

/// Facts from the media plane, and from the recorder by way of the house.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The answer to `Join`.
    Answered {
        /// The session.
        session: SessionId,
        /// SDP.
        answer: String,
        /// Entity tag of the ICE credentials (RFC 9725 §4.3.1), quoted.
        etag: String,
        /// False: the device lacks the lesson's video codec and gets sound only.
        video: bool,
        /// For each slot of the session, the `mid` of its m-line.
        slots: Vec<(Slot, String)>,
    },
    /// The answer to `Restart`.
    Restarted {
        /// The session.
        session: SessionId,
        /// SDP fragment.
        fragment: String,
        /// Entity tag of the credentials in it: the one before if the fragment brought candidates only.
        etag: String,
    },
    /// `Join` or `Restart` was refused.
    Refused {
        /// The session.
        session: SessionId,
        /// Why.
        refusal: Refusal,
    },
    /// DTLS is up: media flows.
    Connected {
        /// The session.
        session: SessionId,
    },
    /// The session is gone.
    Left {
        /// The session.
        session: SessionId,
        /// Why.
        cause: LeaveCause,
    },
    /// The lesson's video codec is frozen.
    CodecFrozen {
        /// The lesson.
        lesson: LessonId,
        /// The codec.
        codec: VideoCodec,
    },
    /// A source began or ceased to send.
    SourceLive {
        /// The lesson.
        lesson: LessonId,
        /// The source.
        source: Source,
        /// True: packets arrive.
        live: bool,
    },
    /// A slot began to show its source, or holds its last picture, or shows nothing.
    SlotState {
        /// The receiver.
        session: SessionId,
        /// The slot.
        slot: Slot,
        /// What it was told to show.
        source: Option<Source>,
        /// True once packets of that source have been sent.
        live: bool,
    },
    /// How much of a source of this session anybody watches.
    Watched {
        /// The publisher.
        session: SessionId,
        /// Which of its sources.
        source: SourceKind,
        /// The highest RID wanted; `None`: nothing.
        max: Option<String>,
    },
    /// How much sound a source of this session may send, because some listener's line takes no more.
    SoundRate {
        /// The publisher.
        session: SessionId,
        /// Which of its sources.
        source: SourceKind,
        /// bit/s without headers; `None`: as much as it likes.
        max_bps: Option<u32>,
    },
    /// How a session's line does, about once a second.
    Line {
        /// The session.
        session: SessionId,
        /// Figures.
        facts: LineFacts,
    },
    /// The recorder has begun a track.
    TrackOpened(TrackRow),
    /// The recorder has finished a part and it is safe on disk.
    PartKept(PartRow),
    /// A hole in a track.
    GapFound {
        /// The recording.
        recording: RecordingId,
        /// The track.
        track: String,
        /// Start, milliseconds of lesson time.
        from_ms: i64,
        /// End, milliseconds of lesson time.
        to_ms: i64,
    },
    /// All of the recording's parts are safe on disk.
    Recorded {
        /// The recording.
        recording: RecordingId,
        /// Length, milliseconds.
        duration_ms: i64,
        /// False: nothing could be kept.
        kept: bool,
    },
}

/// One track of a recording as the catalogue knows it.
#[derive(Clone, PartialEq, Debug)]
pub struct TrackRow {
    /// The recording.
    pub recording: RecordingId,
    /// Random name of the track, also its folder.
    pub track: String,
    /// Whose and which.
    pub source: Source,
}

/// One finished part of a track. `index` is the recorder's own description of its fragments; signaling stores it
/// and hands it back unread.
#[derive(Clone, PartialEq, Debug)]
pub struct PartRow {
    /// The recording.
    pub recording: RecordingId,
    /// The track.
    pub track: String,
    /// Number of the part in its track, from 0.
    pub number: u32,
    /// Epoch: which init segment it needs.
    pub epoch: u32,
    /// Start, milliseconds of lesson time (0 = the recording's start).
    pub start_ms: i64,
    /// Length, milliseconds.
    pub duration_ms: i64,
    /// Size, bytes.
    pub bytes: u64,
    /// BLAKE3 of the file, hex.
    pub blake3: String,
    /// Fragment index, JSON of the recorder.
    pub index: String,
    /// True: closed by start-up recovery.
    pub recovered: bool,
}
