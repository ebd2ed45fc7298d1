//! A viewer: joins, then counts what came, what never came, and how late it was.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::report::Delays;
use super::{Connection, Joined, Line, LoadError, Shared, Target, connect};
use crate::media::rtp::Unwrapper;
use crate::net::clock;
use crate::peer::Received;

/// What one viewer saw.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Its own line or its publisher's is bad: it says nothing of the server, and is told apart.
    pub(super) is_apart: bool,
    /// How its join went.
    pub(super) joined: Joined,
    /// Packets that came as retransmissions.
    pub(super) repaired: u64,
    /// By SSRC; of two or three a list finds one sooner than a hash does.
    streams: Vec<(u32, Stream)>,
    counting: bool,
}

/// Numbers that came, one bit each, from the first that counts.
#[derive(Debug, Default)]
struct Stream {
    unwrapper: Unwrapper,
    /// First and last number that count.
    range: Option<(u64, u64)>,
    bits: Vec<u64>,
    seen: u64,
    open: bool,
}

impl Stream {
    /// True for a number that had not come before.
    fn note(&mut self, offset: u64) -> bool {
        let (word, bit) = ((offset / 64) as usize, 1u64 << (offset % 64));
        if self.bits.len() <= word {
            self.bits.resize(word + 64, 0);
        }
        let is_new = self.bits.get(word).is_some_and(|w| w & bit == 0);
        if is_new {
            self.bits.iter_mut().skip(word).take(1).for_each(|w| *w |= bit);
            self.seen += 1;
        }
        is_new
    }
}

impl Figures {
    /// Of a viewer that has yet to join; see `is_apart`.
    pub(super) fn new(is_apart: bool) -> Self {
        Self { is_apart, ..Self::default() }
    }

    /// Counting begins with the next packet of each stream.
    pub(super) fn begin(&mut self) {
        self.counting = true;
        for (_, stream) in &mut self.streams {
            stream.range = stream.unwrapper.highest().map(|h| (h + 1, h));
            stream.open = true;
        }
    }

    /// The range is closed; late packets of it still count.
    pub(super) fn end(&mut self) {
        for (_, stream) in &mut self.streams {
            if let (Some(range), Some(highest)) = (stream.range.as_mut(), stream.unwrapper.highest()) {
                range.1 = highest;
            }
            stream.open = false;
        }
    }

    /// Packets of the range so far.
    pub(super) fn received(&self) -> u64 {
        self.streams.iter().map(|(_, s)| s.seen).sum()
    }

    /// Packets that never came.
    pub(super) fn lost(&self) -> u64 {
        let lost = |s: &Stream| {
            let (first, last) = s.range?;
            Some((last + 1).saturating_sub(first).saturating_sub(s.seen))
        };
        self.streams.iter().map(|(_, s)| s).filter_map(lost).sum()
    }

    /// Notes a packet; true when it counts and came by itself, so that its delay counts too.
    fn note(&mut self, packet: &Received<'_>) -> bool {
        let at = self.streams.iter().position(|(ssrc, _)| *ssrc == packet.ssrc).unwrap_or(self.streams.len());
        if at == self.streams.len() {
            self.streams.push((packet.ssrc, Stream::default()));
        }
        let Some((_, stream)) = self.streams.get_mut(at) else { return false };
        let extended = stream.unwrapper.guess(packet.sequence);
        stream.unwrapper.accept(extended);
        if !self.counting {
            return false;
        }
        let Some((first, last)) = stream.range else { return false };
        if extended < first || !stream.open && extended > last {
            return false;
        }
        let is_new = stream.note(extended - first);
        self.repaired += u64::from(is_new && packet.repaired);
        is_new && !packet.repaired && !self.is_apart
    }
}

/// Joins at `at` and views for ever.
pub(super) async fn view(
    shared: Rc<Shared>,
    target: Target,
    at: Instant,
    line: Option<Line>,
    delays: Rc<RefCell<Delays>>,
    figures: Rc<RefCell<Figures>>,
) {
    tokio::time::sleep_until(at.into()).await;
    let begun = clock::now();
    let lines = super::viewer_lines();
    match connect(&shared, &target.whep, &target.token, lines, line).await {
        Ok(connection) => {
            figures.borrow_mut().joined.connected_ms = Some(super::ms_since(begun));
            watch(connection, begun, shared.zero, &delays, &figures).await;
        }
        Err(cause) => figures.borrow_mut().joined.fail(&cause, begun),
    }
}

async fn watch(
    mut connection: Connection,
    begun: Instant,
    zero: Instant,
    delays: &RefCell<Delays>,
    figures: &RefCell<Figures>,
) {
    loop {
        // Who waits for no socket does what is due whenever it looks.
        let until =
            clock::now() + if connection.look.is_some() { Duration::from_secs(1) } else { Duration::from_millis(20) };
        connection
            .step(until, |now, packet| {
                let mut figures = figures.borrow_mut();
                // Pictures are long; only they wait for a key frame.
                if figures.joined.media_ms.is_none() && packet.payload.len() > super::publisher::SOUND {
                    figures.joined.media_ms = Some(now.saturating_duration_since(begun).as_secs_f64() * 1_000.0);
                }
                if figures.note(&packet)
                    && let Some(sent) = packet.payload.get(2..10).and_then(|s| s.first_chunk::<8>())
                {
                    let since = now.saturating_duration_since(zero);
                    if let Some(delay) = since.checked_sub(Duration::from_micros(u64::from_be_bytes(*sent))) {
                        delays.borrow_mut().note(since, delay);
                    }
                }
            })
            .await;
    }
}

impl Joined {
    /// Notes why the join did not succeed.
    pub(super) fn fail(&mut self, cause: &LoadError, begun: Instant) {
        match cause {
            LoadError::Refused { status: Some(503 | 429), .. } => self.refused_ms = Some(super::ms_since(begun)),
            other => self.failed = Some(other.to_string()),
        }
    }
}
