//! The crate's one error type.

use std::path::{Path, PathBuf};

/// What can go wrong outside the packets. A bad packet is counted and dropped, it is never an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read, written, synced or renamed.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was tried, in words that fit before the path.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// `recording.json` or a part's header is not what this crate writes.
    #[error("{} is not understood: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        why: String,
    },
    /// A box could not be encoded: the codec's parameters do not fit the format.
    #[error("cannot write the {what}: {why}")]
    Box {
        /// Which box or segment.
        what: &'static str,
        /// The box writer's answer.
        why: String,
    },
    /// A file name that the recorder never gives.
    #[error("no such media file name")]
    UnknownName,
    /// A bound is reached (recordings, tracks).
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// The recorder's thread has ended; nothing can be ordered any more.
    #[error("the recorder has stopped")]
    Stopped,
}

impl Error {
    /// Wraps an I/O error with what was tried on which path.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Error::Io { doing, path, source }
    }
}
