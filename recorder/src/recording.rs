//! One running recording: its folder, tracks, publishers' clocks and lesson time.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use crate::clock::SessionClock;
use crate::error::Error;
use crate::fact::{Dropped, Fact};
use crate::folder::{Folder, MOST_TRACKS};
use crate::live::LiveBoard;
use crate::order::{Media, PacketRef, RecordingKey, SenderReport, TrackKey};
use crate::part::SyncJob;
use crate::recover::{existing, recover_recording};
use crate::track::{Incoming, Track};
use crate::writer::Sink;

/// Publishers' clocks kept: every connection of a long lesson of 100 rooms that come and go. At the bound all
/// but the running ones are forgotten; their streams fall back to arrival times.
const MOST_SESSIONS: usize = 1024;
/// What a power cut may lose.
const SYNC_US: i64 = 2_000_000;
/// A folder that could not be made is tried again after this.
const OPEN_AGAIN_US: i64 = 1_000_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Recording {
    key: RecordingKey,
    folder: Folder,
    /// A source that comes back with another codec is another track.
    tracks: HashMap<(TrackKey, Media), Track>,
    sessions: HashMap<u64, SessionClock>,
    /// The caller's clock at lesson time `base_us`.
    base: Instant,
    base_us: i64,
    synced_us: i64,
    /// After a track could not be opened, none is tried before this.
    open_after_us: i64,
}

impl Recording {
    /// Starts a recording or goes on with it.
    pub(crate) fn start(
        root: &Path,
        key: RecordingKey,
        started_wall_ms: i64,
        now_wall_ms: i64,
        now: Instant,
        facts: &mut dyn FnMut(Fact),
    ) -> Result<Self, Error> {
        let folder = Folder::open(root, key, started_wall_ms)?;
        for part in recover_recording(root, key)? {
            facts(Fact::PartClosed(part));
        }
        // What is on disk counts from the stored zero.
        let started = folder.description.started_wall_ms;
        if started != started_wall_ms {
            tracing::warn!(recording = %key.0, started, started_wall_ms, "a recording goes on with its first start");
        }
        // A wall clock that was set back must not lead into what is recorded already.
        let mut base_us = now_wall_ms.saturating_sub(started).saturating_mul(1000);
        for track in &folder.description.tracks {
            if let Some(end) = existing(&folder.path.join(&track.name))?.end {
                let end_us = i128::from(end) * 1_000_000 / i128::from(track.media.timescale());
                base_us = base_us.max(end_us as i64 + 1);
            }
        }
        Ok(Recording {
            key,
            folder,
            tracks: HashMap::new(),
            sessions: HashMap::new(),
            base: now,
            base_us,
            synced_us: base_us,
            open_after_us: i64::MIN,
        })
    }

    /// Lesson time of an instant, µs.
    fn lesson_us(&self, at: Instant) -> i64 {
        let micros = |d: std::time::Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX / 4);
        match at.checked_duration_since(self.base) {
            Some(later) => self.base_us.saturating_add(micros(later)),
            None => self.base_us.saturating_sub(micros(self.base.saturating_duration_since(at))),
        }
    }

    /// Takes in one packet.
    pub(crate) fn packet(
        &mut self,
        packet: &PacketRef,
        bytes: &[u8],
        facts: &mut dyn FnMut(Fact),
        live: &LiveBoard,
        dropped: &mut Dropped,
    ) {
        let arrival_us = self.lesson_us(packet.arrival);
        let key = (packet.track, packet.media);
        if !self.tracks.contains_key(&key) && !self.open_track(packet, arrival_us, facts, dropped) {
            return;
        }
        let Some(track) = self.tracks.get_mut(&key) else {
            return;
        };
        let incoming =
            Incoming { session: packet.session, slides: packet.slides, arrival_us, level: packet.audio_level, bytes };
        let mut sink = Sink { recording: self.key, facts, live, dropped };
        track.packet(&incoming, self.sessions.get(&packet.session), &mut sink);
    }

    fn open_track(
        &mut self,
        packet: &PacketRef,
        arrival_us: i64,
        facts: &mut dyn FnMut(Fact),
        dropped: &mut Dropped,
    ) -> bool {
        if self.tracks.len() >= MOST_TRACKS || arrival_us < self.open_after_us {
            dropped.unknown += 1;
            return false;
        }
        let opened = self.folder.track(packet.track, packet.media).and_then(|described| {
            let folder = self.folder.path.join(&described.name);
            let resume = existing(&folder)?;
            Ok((Track::new(packet.track, &folder, &described.name, described.media, resume), described))
        });
        match opened {
            Ok((track, described)) => {
                self.tracks.insert((packet.track, packet.media), track);
                let (recording, track, media) = (self.key, packet.track, described.media);
                facts(Fact::TrackOpened { recording, track, name: described.name, media });
                true
            }
            Err(error) => {
                dropped.unknown += 1;
                // A disk that is full or gone is not asked again for every packet.
                self.open_after_us = arrival_us + OPEN_AGAIN_US;
                tracing::warn!(recording = %self.key.0, %error, "a track cannot be opened");
                false
            }
        }
    }

    /// Takes in one sender report.
    pub(crate) fn report(&mut self, report: &SenderReport) {
        let arrival_us = self.lesson_us(report.arrival);
        if self.sessions.len() >= MOST_SESSIONS && !self.sessions.contains_key(&report.session) {
            let running: Vec<u64> = self.tracks.values().filter_map(Track::session).collect();
            self.sessions.retain(|session, _| running.contains(session));
        }
        if self.sessions.len() < MOST_SESSIONS || self.sessions.contains_key(&report.session) {
            let trip_us = report.round_trip.map(|trip| i64::try_from(trip.as_micros()).unwrap_or(i64::MAX));
            self.sessions.entry(report.session).or_default().observe(report.ntp, arrival_us, trip_us);
        }
        for (_, track) in self.tracks.iter_mut().filter(|(key, _)| key.0 == report.track) {
            track.report(report.session, report.ssrc, report.ntp, report.rtp);
        }
    }

    /// Writes what is due.
    pub(crate) fn tick(&mut self, now: Instant, facts: &mut dyn FnMut(Fact), live: &LiveBoard, dropped: &mut Dropped) {
        let now_us = self.lesson_us(now);
        let mut sink = Sink { recording: self.key, facts, live, dropped };
        for track in self.tracks.values_mut() {
            let clock = track.session().and_then(|session| self.sessions.get(&session));
            track.tick(now_us, clock, &mut sink);
        }
    }

    /// Adds what should be synced now to the round.
    pub(crate) fn sync(&mut self, now: Instant, round: &mut Vec<SyncJob>) {
        let now_us = self.lesson_us(now);
        if now_us - self.synced_us >= SYNC_US {
            self.synced_us = now_us;
            round.extend(self.tracks.values_mut().filter_map(|track| track.writer.sync_job()));
        }
    }

    /// Finishes the recording.
    pub(crate) fn stop(mut self, facts: &mut dyn FnMut(Fact), live: &LiveBoard, dropped: &mut Dropped) {
        let mut sink = Sink { recording: self.key, facts, live, dropped };
        let mut torn = false;
        for track in self.tracks.values_mut() {
            let clock = track.session().and_then(|session| self.sessions.get(&session));
            track.finish(clock, &mut sink);
            torn |= track.writer.torn;
        }
        // Tracks of an earlier run of the process count too, even if they never came back.
        let (mut duration_ms, mut parts) = (0, 0);
        for track in &self.folder.description.tracks {
            if let Ok(found) = existing(&self.folder.path.join(&track.name)) {
                let end = found.end.unwrap_or(0);
                duration_ms = duration_ms.max(crate::clock::ticks_to_ms(end, track.media.timescale()));
                parts += found.next_part;
            }
        }
        if let Err(error) = self.folder.finish(duration_ms) {
            torn = true;
            (sink.facts)(Fact::Failed { recording: self.key, why: error.to_string() });
        }
        live.end(self.key);
        (sink.facts)(Fact::Finished { recording: self.key, duration_ms, kept: parts > 0 && !torn });
    }
}
