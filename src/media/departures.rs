//! What became of the packets sent to a client: transport-wide numbers
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01) on everything that is sent, and the client's feedback on them.
//!
//! One number counts all slots and retransmissions of a session, so that the feedback describes the line and not a
//! stream. Costs eight bytes a packet remembered and nothing else.

use std::time::Instant;

use super::ahead::line_of;
use super::estimate::Fate;
use super::feedback::Feedback;

/// Packets remembered: two seconds at a thousand packets a second, more than any feedback lags.
const REMEMBERED: usize = 2_048;
/// Times of sending are kept this fine, a quarter of what feedback tells. µs.
const TICK_US: u32 = 64;
/// Of the size of a packet: it was sent again under its number; it was told to be lost. Packets are shorter than this.
const REPEATED: u16 = 1 << 15;
const TOLD_LOST: u16 = 1 << 14;
const MOST_SIZE: u16 = TOLD_LOST - 1;
/// Feedback tells of about so many packets, so many of which stand in one line of the caches.
const EXPECTED: u16 = 40;
const A_LINE: usize = 64 / size_of::<Departure>();
/// Bytes of the header extension: profile and length, one element with its padding (RFC 8285 §4.2).
pub const EXTENSION: usize = 8;

/// A time of sending, in units of 64 µs since the room began: computed once for all receivers of a packet. Wraps after three
/// days, of which only differences of seconds are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ticks(u32);

impl Ticks {
    /// The time since `epoch`.
    pub fn since(epoch: Instant, now: Instant) -> Self {
        let since = now.saturating_duration_since(epoch);
        let seconds = (since.as_secs() as u32).wrapping_mul(1_000_000 / TICK_US);
        Self(seconds.wrapping_add(since.subsec_micros() / TICK_US))
    }

    /// The same in µs, as [`Fate`] tells it.
    pub fn micros(self) -> i64 {
        i64::from(self.0) * i64::from(TICK_US)
    }
}

/// One packet on its way.
#[derive(Clone, Copy, Debug, Default)]
struct Departure {
    number: u16,
    /// Bytes, and the two marks above; 0 is an empty place or one that was reported.
    size: u16,
    /// When it was sent.
    sent: Ticks,
}

/// What one feedback said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Delivery {
    /// Packets that arrived.
    pub arrived: u32,
    /// Packets that did not.
    pub lost: u32,
    /// Bytes that arrived.
    pub bytes: u64,
    /// Packets that are said to have arrived and were never sent, or too long ago.
    pub untrue: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Departures {
    next: u16,
    places: Vec<Departure>,
    /// The newest that is known to have arrived.
    told: Option<u16>,
    /// The newest probe: its first number, how many, and what it is called.
    probe: Option<(u16, u16, u8)>,
}

impl Departures {
    /// Numbers a packet of `size` bytes on the wire that is sent now.
    pub fn note(&mut self, size: usize, sent: Ticks) -> u16 {
        if self.places.is_empty() {
            self.places.resize(REMEMBERED, Departure::default());
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        if let Some(place) = self.places.get_mut(usize::from(number) % REMEMBERED) {
            *place = Departure { number, size: size.min(usize::from(MOST_SIZE)) as u16, sent };
        }
        number
    }

    /// Asks for the place of the next packet.
    pub fn expect_next(&self) {
        if let Some(place) = self.places.get(usize::from(self.next) % REMEMBERED) {
            line_of(place);
        }
    }

    /// Asks for the places of those that the next feedback will tell of.
    pub fn expect_feedback(&self) {
        let Some(told) = self.told else { return };
        for ahead in (1..=EXPECTED).step_by(A_LINE) {
            if let Some(place) = self.places.get(usize::from(told.wrapping_add(ahead)) % REMEMBERED) {
                line_of(place);
            }
        }
    }

    /// The number the next packet gets.
    pub fn next_number(&self) -> u16 {
        self.next
    }

    /// True while nothing was said yet of the newest packet.
    pub fn is_awaited(&self) -> bool {
        let newest = self.next.wrapping_sub(1);
        self.places.get(usize::from(newest) % REMEMBERED).is_some_and(|p| p.number == newest && p.size > 0)
    }

    /// When the oldest packet was sent that feedback does not reach to yet; of clients that send none, `None`.
    pub fn oldest_untold(&self) -> Option<Ticks> {
        let untold = self.next.wrapping_sub(self.told?.wrapping_add(1)).min(REMEMBERED as u16);
        let number = self.next.wrapping_sub(untold);
        let place = self.places.get(usize::from(number) % REMEMBERED)?;
        (untold > 0 && place.number == number).then_some(place.sent)
    }

    /// The packet of this number is sent once more as it was. That it then arrives says nothing of how long the way is, and
    /// the packet that was asked for again was lost all the same.
    pub fn repeat(&mut self, number: u16) {
        let place = self.places.get_mut(usize::from(number) % REMEMBERED);
        if let Some(place) = place.filter(|p| p.number == number && p.size > 0) {
            place.size |= REPEATED;
        }
    }

    /// `count` packets from number `first` on are a probe.
    pub fn mark(&mut self, first: u16, count: usize, probe: u8) {
        self.probe = Some((first, count.min(REMEMBERED) as u16, probe));
    }

    /// Takes a feedback; `fates` are then those of its packets, in order of sending. What it says about packets never
    /// sent, or said before, is ignored.
    pub fn acknowledge(&mut self, feedback: &Feedback, fates: &mut Vec<Fate>) -> Delivery {
        fates.clear();
        let mut delivery = Delivery::default();
        for (ahead, arrival) in feedback.arrivals.iter().enumerate() {
            let number = feedback.base.wrapping_add(ahead as u16);
            let Some(place) = self.places.get_mut(usize::from(number) % REMEMBERED) else { continue };
            let back = |number: u16| self.next.wrapping_sub(number);
            if place.number == number && arrival.is_some() && self.told.is_none_or(|told| back(number) < back(told)) {
                self.told = Some(number);
            }
            if place.number != number || place.size == 0 {
                delivery.untrue += u32::from(place.number != number && arrival.is_some());
                continue;
            }
            let (size, is_repeated) = (place.size & MOST_SIZE, place.size & REPEATED != 0);
            if is_repeated && std::mem::take(&mut place.size) & TOLD_LOST != 0 {
                continue;
            }
            let arrival = arrival.filter(|_| !is_repeated);
            let sent = place.sent.micros();
            let of_probe =
                |(first, count, probe): (u16, u16, u8)| (number.wrapping_sub(first) < count).then_some(probe);
            let probe = self.probe.and_then(of_probe);
            fates.push(Fate { sent, arrived: arrival, size: u32::from(size), probe });
            if arrival.is_some() {
                delivery.arrived += 1;
                delivery.bytes += u64::from(size);
                place.size = 0;
            } else {
                delivery.lost += 1;
                if !is_repeated {
                    place.size |= TOLD_LOST;
                }
            }
        }
        delivery
    }
}

/// Writes the extension after a fixed header whose X bit is set.
pub fn write_extension(out: &mut Vec<u8>, id: u8, number: u16) {
    let [high, low] = number.to_be_bytes();
    out.extend_from_slice(&[0xbe, 0xde, 0, 1, id << 4 | 1, high, low, 0]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::rtcp::{Report, parse};
    use crate::media::rtp::{Header, write_header};
    use crate::media::twcc::Arrivals;
    use std::time::Duration;

    fn feedback_of(arrivals: &mut Arrivals) -> Feedback {
        let mut bytes = Vec::new();
        assert!(arrivals.write(&mut bytes, 1, 2));
        match parse(&bytes).into_iter().next() {
            Some(Report::Transport(feedback)) => feedback,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_receiver_notes_is_what_the_sender_learns() {
        let t0 = crate::net::clock::now();
        let (mut departures, mut arrivals) =
            (Departures { next: 65_530, ..Departures::default() }, Arrivals::default());
        for i in 0..20u64 {
            let at = t0 + Duration::from_millis(i * 7);
            let number = departures.note(1_000, Ticks::since(t0, at));
            if i % 5 != 3 {
                arrivals.note(number, at + Duration::from_millis(40));
            }
        }
        let feedback = feedback_of(&mut arrivals);
        assert_eq!(feedback.base, 65_530);
        let came: Vec<i64> = feedback.arrivals.iter().flatten().copied().collect();
        assert_eq!(came.windows(2).map(|w| (w[1] - w[0] + 500) / 1_000).collect::<Vec<_>>()[..4], [7, 7, 14, 7]);
        let mut fates = Vec::new();
        let delivery = departures.acknowledge(&feedback, &mut fates);
        assert_eq!((delivery.arrived, delivery.lost, delivery.bytes), (16, 4, 16_000));
        let on_way: Vec<i64> = fates.iter().filter_map(|f| Some((f.arrived? - f.sent + 500) / 1_000)).collect();
        assert!(on_way.windows(2).all(|w| w[0] == w[1]), "all take as long: {on_way:?}");
        assert_eq!(departures.acknowledge(&feedback, &mut fates).arrived, 0, "nothing counts twice");
    }

    #[test]
    fn what_was_sent_again_under_its_number_was_lost_once_however_it_is_told() {
        let (mut departures, mut fates) = (Departures::default(), Vec::new());
        (0..3).for_each(|_| {
            departures.note(100, Ticks::default());
        });
        let lost = Delivery { lost: 1, ..Delivery::default() };
        let tell = |d: &mut Departures, fates: &mut Vec<Fate>, number: u16, arrival| {
            d.acknowledge(&Feedback { base: number, arrivals: vec![arrival] }, fates)
        };
        departures.repeat(0);
        assert_eq!(tell(&mut departures, &mut fates, 0, Some(5)), lost, "asked for before it was told");
        assert_eq!(tell(&mut departures, &mut fates, 1, None), lost);
        departures.repeat(1);
        assert_eq!(tell(&mut departures, &mut fates, 1, Some(5)), Delivery::default(), "told already");
        assert!(fates.is_empty());
        departures.repeat(7);
        assert_eq!(tell(&mut departures, &mut fates, 2, Some(5)).arrived, 1);
    }

    #[test]
    fn the_oldest_of_which_nothing_was_told_is_the_one_after_the_newest_that_came() {
        let (mut departures, mut fates) = (Departures { next: 65_534, ..Departures::default() }, Vec::new());
        (0..5).for_each(|at| {
            departures.note(100, Ticks(at));
        });
        assert_eq!(departures.oldest_untold(), None, "such a client may never tell");
        departures.acknowledge(&Feedback { base: 65_534, arrivals: vec![Some(0), None, Some(0), None] }, &mut fates);
        assert_eq!(departures.oldest_untold(), Some(Ticks(3)));
        departures.acknowledge(&Feedback { base: 65_535, arrivals: vec![Some(0)] }, &mut fates);
        assert_eq!(departures.oldest_untold(), Some(Ticks(3)), "out of order");
        departures.acknowledge(&Feedback { base: 1, arrivals: vec![Some(0), Some(0)] }, &mut fates);
        assert_eq!(departures.oldest_untold(), None, "nothing is on its way");
        (0..3_000).for_each(|at| {
            departures.note(100, Ticks(at));
        });
        assert_eq!(departures.oldest_untold(), Some(Ticks(3_000 - 2_048)), "the oldest that is remembered");
        (0..40_000).for_each(|at| {
            departures.note(100, Ticks(at));
        });
        let newest = departures.next_number().wrapping_sub(1);
        departures.acknowledge(&Feedback { base: newest, arrivals: vec![Some(0)] }, &mut fates);
        assert_eq!(departures.oldest_untold(), None, "however long nothing was told");
    }

    #[test]
    fn numbers_never_sent_say_nothing() {
        let mut departures = Departures::default();
        let feedback = Feedback { base: 7, arrivals: vec![Some(0), None] };
        let mut fates = Vec::new();
        assert_eq!(departures.acknowledge(&feedback, &mut fates), Delivery::default());
        departures.note(100, Ticks::default());
        let untrue = Delivery { untrue: 1, ..Delivery::default() };
        assert_eq!(departures.acknowledge(&feedback, &mut fates), untrue);
        assert!(fates.is_empty());
    }

    #[test]
    fn the_extension_is_found_where_the_header_says() {
        let mut packet = Vec::new();
        write_header(&mut packet, true, 96, 1, 2, 3);
        packet[0] |= 0x10;
        write_extension(&mut packet, 5, 0x1234);
        packet.extend_from_slice(&[9; 20]);
        let header = Header::parse(&packet).expect("parses");
        assert_eq!(header.extension(&packet, 5), Some(&[0x12, 0x34][..]));
        assert_eq!(header.payload(&packet).len(), 20);
        assert_eq!(header.length, 12 + EXTENSION);
    }
}
