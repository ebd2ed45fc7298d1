//! What the house tells signaling at start.

use std::path::PathBuf;

/// Settings of one server. [`Config::new`] gives those of a school.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the database.
    pub data_dir: PathBuf,
    /// How long before the bell the room is made (T−10 min).
    pub opens_before_ms: i64,
    /// How long before the bell displays join, muted (T−5 min). At most `opens_before_ms`.
    pub admits_before_ms: i64,
    /// By how much a teacher may extend, once.
    pub extend_ms: i64,
    /// What a day is: offset of the district's civil time from UTC. China has one zone and no summer time.
    pub zone_offset_ms: i64,
    /// Origins besides the request's own host whose pages may call the API (`https://host:port`).
    pub origins: Vec<String>,
    /// How long a sign-in lasts.
    pub session_ms: i64,
    /// How long playback links hold; at most 5 minutes.
    pub playback_ms: i64,
    /// In the demo: what its start page shows. `None` in `serve`, where displays are paired by code only.
    pub demo: Option<DemoFacts>,
}

impl Config {
    /// The settings of a school, with data in this folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            opens_before_ms: 600_000,
            admits_before_ms: 300_000,
            extend_ms: 300_000,
            zone_offset_ms: 8 * 3_600_000,
            origins: Vec::new(),
            session_ms: 12 * 3_600_000,
            playback_ms: 300_000,
            demo: None,
        }
    }
}

/// Marks a demo and says how its start page reaches the server.
#[derive(Clone, Debug, Default)]
pub struct DemoFacts {
    /// `http://127.0.0.1:8080`, without a slash at the end.
    pub base_url: String,
}
