//! HLS playlists (RFC 8216) from fragment indexes: one playlist per gap-free run.
//!
//! - A **run** ends at every hole, because players close a hole up or stall in it. The page plays one run at a
//!   time and maps lesson time = [`Run::start_ms`] + `currentTime`.
//! - A **segment** is a byte range of a part. It begins with a key frame and holds fragments up to the first
//!   key frame after `SEGMENT_MS`.
//! - A change of epoch is a new `EXT-X-MAP` without a discontinuity: Chromium and Firefox play through it,
//!   times go on.
//! - While the run grows the playlist is EVENT and only ever longer: a segment is listed once the next has begun.

use m3u8_rs::{ByteRange, Map, MediaPlaylist, MediaPlaylistType, MediaSegment};

use crate::clock::ticks_to_ms;
use crate::files::{init_name, part_name};
use crate::index::{FragmentIndex, PartIndex};
use crate::live::LiveTrack;

/// A segment closes at the first key frame after this: a little less than the distance of a camera's key
/// frames, so that jitter does not double it.
const SEGMENT_MS: i64 = 3500;
/// `EXT-X-TARGETDURATION` may not change while a playlist grows (RFC 8216 section 6.2.1); slides have a key
/// frame every 8 s.
const TARGET_SECONDS: u64 = 10;
/// Rounding of times may look like a hole of a tick or two, less than a sample of any codec.
const JOINED_MS: i64 = 2;

/// A stretch of a track without a hole.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Lesson time of its first sample, ms. `currentTime` 0 of a player.
    pub start_ms: i64,
    /// Length of all that is written of it, ms.
    pub duration_ms: i64,
    /// RFC 6381 codec string of its first epoch.
    pub codec: String,
    /// Pixels of its first epoch, 0 for sound.
    pub width: u16,
    /// Pixels of its first epoch, 0 for sound.
    pub height: u16,
    /// It may still grow.
    pub open: bool,
    /// What a playlist lists of it.
    pub segments: Vec<Segment>,
}

impl Run {
    /// Lesson time of its end, ms.
    pub fn end_ms(&self) -> i64 {
        self.start_ms + self.duration_ms
    }
}

/// A byte range of a part.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Number of the part.
    pub part: u32,
    /// Its init segment.
    pub epoch: u32,
    /// First byte.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Length in time.
    pub seconds: f64,
}

/// Groups a track's parts into runs. `live` adds what is being recorded now; a part that is in both is taken once.
pub fn runs(parts: &[PartIndex], live: Option<&LiveTrack>) -> Vec<Run> {
    let mut all: Vec<&PartIndex> = parts.iter().chain(live.into_iter().flat_map(|live| &live.parts)).collect();
    // A stored part stands before its live copy and is at least as long: the sort is stable.
    all.sort_by_key(|part| part.number);
    all.dedup_by_key(|part| part.number);
    let mut grown = Vec::new();
    let mut growing: Option<Growing> = None;
    for part in all {
        for fragment in &part.fragments {
            match &mut growing {
                Some(run) if run.continues(part, fragment) => run.add(part, fragment),
                _ => {
                    grown.extend(growing.take().map(|run| run.end(false)));
                    // Nothing can be decoded before a key frame; the writer begins every run with one.
                    growing = fragment.key.then(|| Growing::begin(part, fragment));
                }
            }
        }
    }
    grown.extend(growing.map(|run| run.end(live.is_some_and(|live| !live.idle))));
    grown
}

/// Lesson times in ms between the runs, where nothing was kept.
pub fn gaps(runs: &[Run]) -> Vec<(i64, i64)> {
    runs.iter().zip(runs.iter().skip(1)).map(|(before, after)| (before.end_ms(), after.start_ms)).collect()
}

/// The media playlist of a run. `uri` makes a link of a file name ([`crate::open_media`] takes the name).
/// `ended` says that nothing will be added although [`Run::open`] was true.
pub fn playlist(run: &Run, uri: impl Fn(&str) -> String, ended: bool) -> String {
    let ended = ended || !run.open;
    let mut epoch = None;
    let mut longest = TARGET_SECONDS;
    let mut segments = Vec::with_capacity(run.segments.len());
    for segment in &run.segments {
        longest = longest.max(segment.seconds.round() as u64);
        let map = (epoch != Some(segment.epoch)).then(|| Map {
            uri: uri(&init_name(segment.epoch)),
            byte_range: None,
            other_attributes: Default::default(),
        });
        epoch = Some(segment.epoch);
        segments.push(MediaSegment {
            uri: uri(&part_name(segment.part)),
            duration: segment.seconds as f32,
            byte_range: Some(ByteRange { length: segment.bytes, offset: Some(segment.offset) }),
            map,
            ..MediaSegment::default()
        });
    }
    let playlist = MediaPlaylist {
        // RFC 8216 section 7: byte ranges need 4, EXT-X-MAP in a normal playlist 6; 7 is what fMP4 is tested with.
        version: Some(7),
        target_duration: longest,
        independent_segments: true,
        playlist_type: Some(if ended { MediaPlaylistType::Vod } else { MediaPlaylistType::Event }),
        end_list: ended,
        segments,
        ..MediaPlaylist::default()
    };
    let mut text = Vec::new();
    // Writing to memory does not fail, and what is written is UTF-8.
    if playlist.write_to(&mut text).is_err() {
        text.clear();
    }
    String::from_utf8(text).unwrap_or_default()
}

/// A run in the making.
struct Growing {
    run: Run,
    timescale: u32,
    start: u64,
    end: u64,
    /// The segment in progress and where it begins.
    segment: Segment,
    segment_start: u64,
}

impl Growing {
    fn begin(part: &PartIndex, fragment: &FragmentIndex) -> Self {
        Growing {
            run: Run {
                start_ms: ticks_to_ms(fragment.start, part.timescale),
                duration_ms: 0,
                codec: part.codec.clone(),
                width: part.width,
                height: part.height,
                open: false,
                segments: Vec::new(),
            },
            timescale: part.timescale,
            start: fragment.start,
            end: fragment.end(),
            segment: segment(part, fragment),
            segment_start: fragment.start,
        }
    }

    /// The fragment follows without a hole, for the same decoder.
    fn continues(&self, part: &PartIndex, fragment: &FragmentIndex) -> bool {
        let family = |codec: &str| codec.split('.').next().map(str::to_owned);
        let joined = (u64::from(self.timescale) * JOINED_MS as u64) / 1000;
        part.timescale == self.timescale
            && family(&part.codec) == family(&self.run.codec)
            && fragment.start.abs_diff(self.end) <= joined
            // A part begins with a key frame unless a stranger wrote it.
            && (fragment.key || part.number == self.segment.part)
    }

    fn add(&mut self, part: &PartIndex, fragment: &FragmentIndex) {
        let long = ticks_to_ms(self.end.saturating_sub(self.segment_start), self.timescale) >= SEGMENT_MS;
        let adjacent = self.segment.offset + self.segment.bytes == fragment.offset;
        if part.number != self.segment.part || (fragment.key && long) || !adjacent {
            self.close_segment();
            self.segment = segment(part, fragment);
            self.segment_start = fragment.start;
        } else {
            self.segment.bytes += u64::from(fragment.bytes);
        }
        self.end = fragment.end();
    }

    fn close_segment(&mut self) {
        let ticks = self.end.saturating_sub(self.segment_start);
        self.segment.seconds = ticks as f64 / f64::from(self.timescale.max(1));
        self.run.segments.push(self.segment.clone());
    }

    fn end(mut self, open: bool) -> Run {
        // While the run may grow its last segment may too, and what was listed must not change.
        if !open {
            self.close_segment();
        }
        self.run.duration_ms = ticks_to_ms(self.end, self.timescale) - ticks_to_ms(self.start, self.timescale);
        self.run.open = open;
        self.run
    }
}

fn segment(part: &PartIndex, fragment: &FragmentIndex) -> Segment {
    Segment {
        part: part.number,
        epoch: part.epoch,
        offset: fragment.offset,
        bytes: u64::from(fragment.bytes),
        seconds: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(number: u32, start_s: u64, seconds: u64, key_every: u64) -> PartIndex {
        let fragment = |i: u64| FragmentIndex {
            start: (start_s + i) * 90_000,
            duration: 90_000,
            offset: 100 + i * 1000,
            bytes: 1000,
            key: i.is_multiple_of(key_every),
        };
        PartIndex {
            number,
            epoch: 0,
            timescale: 90_000,
            codec: "avc1.42e01f".into(),
            width: 320,
            height: 240,
            fragments: (0..seconds).map(fragment).collect(),
            levels: String::new(),
        }
    }

    #[test]
    fn segments_are_byte_ranges_that_begin_with_key_frames() {
        let runs = runs(&[part(0, 10, 9, 4)], None);
        let text = playlist(&runs[0], |file| format!("x/{file}?sig=1"), true);
        assert_eq!(
            text,
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:10\n\
             #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI=\"x/init-0.mp4?sig=1\"\n\
             #EXT-X-BYTERANGE:4000@100\n#EXTINF:4,\nx/part-0.m4s?sig=1\n\
             #EXT-X-BYTERANGE:4000@4100\n#EXTINF:4,\nx/part-0.m4s?sig=1\n\
             #EXT-X-BYTERANGE:1000@8100\n#EXTINF:1,\nx/part-0.m4s?sig=1\n#EXT-X-ENDLIST\n"
        );
        assert_eq!((runs[0].start_ms, runs[0].duration_ms), (10_000, 9000));
    }

    #[test]
    fn a_hole_ends_a_run_and_a_new_epoch_does_not() {
        let mut second = part(1, 8, 4, 4);
        second.epoch = 1;
        let runs = runs(&[part(0, 0, 8, 4), second, part(2, 20, 4, 4)], None);
        assert_eq!(gaps(&runs), [(12_000, 20_000)]);
        let text = playlist(&runs[0], str::to_owned, true);
        assert_eq!(text.matches("#EXT-X-MAP").count(), 2);
        assert!(!text.contains("DISCONTINUITY"));
    }

    #[test]
    fn a_part_on_the_board_and_in_the_rows_is_taken_once() {
        let live = LiveTrack {
            name: "t".into(),
            parts: vec![part(0, 0, 8, 4), part(1, 8, 6, 4)],
            growing: Some(1),
            idle: false,
        };
        let runs = runs(&[part(0, 0, 8, 4)], Some(&live));
        assert_eq!(runs.len(), 1);
        assert_eq!((runs[0].duration_ms, runs[0].segments.len()), (14_000, 3));
        assert!(runs[0].open);
    }

    proptest! {
        #[test]
        fn a_growing_playlist_only_grows(fragments in 1u64..60, key_every in 1u64..9) {
            let mut before = String::new();
            for so_far in 1..=fragments {
                let live = LiveTrack { name: "t".into(), parts: vec![part(0, 5, so_far, key_every)], growing: Some(0), idle: false };
                let runs = runs(&[], Some(&live));
                let text = playlist(&runs[0], str::to_owned, false);
                prop_assert!(text.starts_with(&before));
                before = text;
            }
            let closed = runs(&[part(0, 5, fragments, key_every)], None);
            let listed: f64 = closed[0].segments.iter().map(|segment| segment.seconds).sum();
            prop_assert!((listed - fragments as f64).abs() < 1e-9);
        }
    }
}
