//! What goes out: facts, for the caller to store and act on.

use crate::order::{Media, RecordingKey, TrackKey};

/// What the recorder reports. Facts carry no reply; the disk stays the truth ([`crate::scan`]).
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A track has its folder. Reported again, with the same name, when a recording goes on after a restart.
    TrackOpened {
        /// The recording.
        recording: RecordingKey,
        /// The caller's key of the track.
        track: TrackKey,
        /// The folder's name: 128 random bits in hex, made here.
        name: String,
        /// What the track carries.
        media: Media,
    },
    /// A part is closed, synced and renamed.
    PartClosed(PartFact),
    /// Nothing (or only a frozen picture) was kept between two moments of a track.
    Gap {
        /// The recording.
        recording: RecordingKey,
        /// The track's folder name.
        name: String,
        /// Lesson time where the track falls silent, ms.
        from_ms: i64,
        /// Lesson time where it goes on, ms.
        to_ms: i64,
    },
    /// The publisher of this track should send a key frame. At most two a second and track.
    KeyFrameWanted {
        /// The recording.
        recording: RecordingKey,
        /// The track.
        track: TrackKey,
    },
    /// A recording is finished; nothing more will be written to it until it is started again.
    Finished {
        /// The recording.
        recording: RecordingKey,
        /// End of the longest track, lesson time in ms.
        duration_ms: i64,
        /// There is something to play and every part is safe on disk. False: the recording is lost or torn.
        kept: bool,
    },
    /// A recording could not be started, or one of its tracks cannot be written for now.
    Failed {
        /// The recording.
        recording: RecordingKey,
        /// The error in words, for the log.
        why: String,
    },
    /// Something was dropped since the last such fact (at most one a second).
    Dropped(Dropped),
    /// The volume runs short of space.
    StorageLow {
        /// Bytes still free.
        free_bytes: u64,
        /// False: a warning. True: the reserve is reached and all recordings have been finished.
        stopped: bool,
    },
}

/// A closed part: the row to store.
#[derive(Debug, Clone, PartialEq)]
pub struct PartFact {
    /// The recording.
    pub recording: RecordingKey,
    /// The track's folder name.
    pub name: String,
    /// Number of the part within its track: `part-<number>.m4s`.
    pub number: u32,
    /// The init segment it needs: `init-<epoch>.mp4`.
    pub epoch: u32,
    /// Lesson time of its first sample, ms.
    pub start_ms: i64,
    /// From its first sample to the end of its last one, holes included, ms.
    pub duration_ms: i64,
    /// Size of the file.
    pub bytes: u64,
    /// BLAKE3 of the file, hex.
    pub blake3: String,
    /// The fragment index: a [`crate::PartIndex`] in JSON.
    pub index_json: String,
    /// Closed by recovery after a crash, not by the recorder that wrote it.
    pub recovered: bool,
}

/// Counts of what was dropped, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Batches that found the recorder's queue full.
    pub batches: u64,
    /// Packets of unknown recordings, or beyond the bound of tracks.
    pub unknown: u64,
    /// Packets that are no RTP, lie about their payload, or came before lesson time 0.
    pub malformed: u64,
    /// Packets that came too late or twice.
    pub late: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Video frames dropped while waiting for a key frame.
    pub frames: u64,
    /// Fragments that could not be written.
    pub fragments: u64,
    /// Sound frames put in place of lost ones (the decoder conceals them) or left out to follow the clock.
    pub concealed: u64,
}

impl Dropped {
    /// Adds the counts of `other` and leaves it at zero.
    pub(crate) fn take_from(&mut self, other: &mut Dropped) {
        self.batches += other.batches;
        self.unknown += other.unknown;
        self.malformed += other.malformed;
        self.late += other.late;
        self.lost += other.lost;
        self.frames += other.frames;
        self.fragments += other.fragments;
        self.concealed += other.concealed;
        *other = Dropped::default();
    }
}
