//! A viewer: counts what came, what never came, and how late it was.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Connection;
use crate::media::rtp::Unwrapper;
use crate::net::clock;
use crate::peer::ClientEvent;

/// What one viewer saw.
#[derive(Debug, Default)]
pub(super) struct Figures {
    streams: HashMap<u32, Stream>,
    /// Delays of first arrivals, µs.
    pub(super) delays_us: Vec<u32>,
    /// Packets that came as retransmissions.
    pub(super) repaired: u64,
    counting: bool,
}

#[derive(Debug, Default)]
struct Stream {
    unwrapper: Unwrapper,
    /// First and last number that count.
    range: Option<(u64, u64)>,
    seen: std::collections::HashSet<u64>,
    open: bool,
}

impl Figures {
    /// Counting begins with the next packet of each stream.
    pub(super) fn begin(&mut self) {
        self.counting = true;
        for stream in self.streams.values_mut() {
            stream.range = stream.unwrapper.highest().map(|h| (h + 1, h));
            stream.open = true;
        }
    }

    /// The range is closed; late packets of it still count.
    pub(super) fn end(&mut self) {
        for stream in self.streams.values_mut() {
            if let (Some(range), Some(highest)) = (stream.range.as_mut(), stream.unwrapper.highest()) {
                range.1 = highest;
            }
            stream.open = false;
        }
    }

    /// Packets of the range so far.
    pub(super) fn received(&self) -> u64 {
        self.streams.values().map(|s| s.seen.len() as u64).sum()
    }

    /// Packets that never came.
    pub(super) fn lost(&self) -> u64 {
        let lost = |s: &Stream| {
            let (first, last) = s.range?;
            Some((last + 1).saturating_sub(first).saturating_sub(s.seen.len() as u64))
        };
        self.streams.values().filter_map(lost).sum()
    }

    fn note(&mut self, ssrc: u32, sequence: u16, repaired: bool, delay: Option<Duration>) {
        let stream = self.streams.entry(ssrc).or_default();
        let extended = stream.unwrapper.guess(sequence);
        stream.unwrapper.accept(extended);
        if !self.counting {
            return;
        }
        let Some((first, last)) = stream.range else { return };
        if extended < first || !stream.open && extended > last {
            return;
        }
        if stream.seen.insert(extended) {
            self.repaired += u64::from(repaired);
            if let (Some(delay), false) = (delay, repaired) {
                self.delays_us.push(delay.as_micros().min(u128::from(u32::MAX)) as u32);
            }
        }
    }
}

/// Views for ever.
pub(super) async fn view(mut connection: Connection, zero: Instant, figures: Rc<RefCell<Figures>>) {
    loop {
        connection.step(clock::now() + Duration::from_millis(20)).await;
        let now = clock::now().saturating_duration_since(zero);
        let mut figures = figures.borrow_mut();
        for event in connection.client.events.drain(..) {
            let ClientEvent::Packet { ssrc, sequence, repaired, payload, .. } = event else { continue };
            let sent = payload.get(2..10).and_then(|s| s.first_chunk::<8>()).map(|s| u64::from_be_bytes(*s));
            let delay = sent.and_then(|s| now.checked_sub(Duration::from_micros(s)));
            figures.note(ssrc, sequence, repaired, delay);
        }
    }
}
