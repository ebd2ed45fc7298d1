//! The recorder keeps: RTP packets become CMAF files, playlists and a recovery that needs nobody.
//!
//! It is one more subscriber of the media plane. It never transcodes, never blocks the media plane, and
//! leaves on disk, every second, something that plays. It knows RTP payload formats, ISO BMFF and files;
//! recordings and tracks are opaque keys. It has no async, no sockets, no SQL, and one file that reads a clock.
//!
//! In reading order:
//!
//! | module | what it is |
//! |---|---|
//! | [`order`], [`fact`], [`error`] | the face: what comes in, what goes out |
//! | [`recorder`] | the driver: thread, queue, clock |
//! | `engine`, `recording` | all recordings; one recording, its lesson time |
//! | `track` | one track: the stream of the moment in front of its writer |
//! | [`rtp`], [`reorder`], [`clock`] | header, reorder window, RTP time to lesson time |
//! | [`opus`], [`h264`], [`vp9`], `unit` | packets to access units |
//! | `writer`, `level` | access units to samples, fragments, parts, epochs |
//! | [`cmaf`], `part`, `sync`, [`files`], [`folder`] | boxes, the growing file, its syncing, durable names, `recording.json` |
//! | [`index`], [`live`], [`mod@playlist`] | what playlists are made of, and playlists |
//! | [`walk`], [`mod@recover`] | boxes back to an index, recovery, verification |
//!
//! Architecture Invariant: a file name without `.open` or `.tmp` belongs to a complete, synced file that never
//! changes. Architecture Invariant: every run of video begins with a key frame.
//!
//! ```no_run
//! use tongke_recorder::{Config, Recorder, recover};
//! # fn main() -> Result<(), tongke_recorder::Error> {
//! let config = Config::new("/var/lib/tongke/recordings");
//! for fact in recover(&config.root)? { /* store it */ }
//! let recorder = Recorder::spawn(config, Box::new(|fact| { /* pass it on */ }))?;
//! let batch = recorder.spare().unwrap_or_default();
//! // batch.push(packet, bytes) …
//! let _dropped_and_counted_if_full = recorder.offer(batch);
//! recorder.shutdown();
//! # Ok(())
//! # }
//! ```

pub mod error;
pub mod fact;
pub mod order;

pub mod recorder;

mod engine;
mod recording;
mod track;

pub mod clock;
pub mod reorder;
pub mod rtp;

pub mod h264;
pub mod opus;
mod unit;
pub mod vp9;

mod level;
mod writer;

pub mod cmaf;
pub mod files;
pub mod folder;
mod part;
mod sync;

pub mod index;
pub mod live;
pub mod playlist;

pub mod recover;
pub mod walk;

pub mod fuzzing;

pub use engine::Config;
pub use error::Error;
pub use fact::{Dropped, Fact, PartFact};
pub use files::open_media;
pub use folder::{Description, TrackDescription, read_description};
pub use index::{FragmentIndex, PartIndex};
pub use live::LiveTrack;
pub use order::{Batch, Media, Order, PacketRef, RecordingKey, SenderReport, TrackKey};
pub use playlist::{Run, Segment, gaps, playlist, runs};
pub use recorder::{Recorder, RecorderHandle};
pub use recover::{PartRow, Problem, check, recordings, recover, scan};
pub use unit::Unit;
