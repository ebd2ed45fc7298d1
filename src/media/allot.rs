//! What each receiver of a lesson gets of its pictures: measures what they cost, asks the [`super::ladder`], and lets
//! layers flow or rest. Looked at four times a second, never per packet.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use slab::Slab;
use tongke_signaling::command::{DecodeBudget, Event, LineId, SessionRole, Slot, SourceKind};

use super::estimate;
use super::ladder::{self, Line, MAX_WISHES, Pick, Place, Rank, Step, Wish};
use super::outbox::Outbox;
use super::peer::{Peer, Peers};
use super::room::Room;
use super::slot::SendSlot;
use super::track::{MAX_LAYERS, PeerKey, Track, Watched};

/// A receiver that has just come takes what fits without waiting.
const NEW: Duration = Duration::from_secs(4);

/// Less is said only when it has been enough for so long: stages change, and lines recover.
const LINGER: Duration = Duration::from_secs(5);
/// A page that missed it is told again.
const AGAIN: Duration = Duration::from_secs(10);

impl Watched {
    /// Takes what is watched now, of `best`; gives what should be said, if anything.
    fn say(&mut self, watched: Option<u8>, best: u8, now: Instant) -> Option<Option<u8>> {
        let (said, at) = self.said.unzip();
        let is_less = watched < said.unwrap_or(Some(best));
        if is_less {
            let since = *self.less.get_or_insert(now);
            if now.saturating_duration_since(since) < LINGER {
                return None;
            }
        } else if said == Some(watched) && at.is_some_and(|at| now.saturating_duration_since(at) < AGAIN) {
            self.less = None;
            return None;
        }
        self.less = None;
        self.said = Some((watched, now));
        Some(watched)
    }
}

/// Shares out what a line takes among the receivers that share it; mostly that is one. Slots that get nothing rest;
/// whatever else changes, changes when the room's tracks are looked at next ([`Room::retarget`]).
pub fn allot(keys: &[PeerKey], rooms: &Slab<Room>, now: Instant, peers: &mut Peers, out: &mut Outbox) {
    let mut sharers = Sharers::default();
    let (mut line, mut given) = (Line { budget: 0.0, is_new: true }, 0.0);
    for key in keys {
        let Some(peer) = peers.get_mut(*key) else { continue };
        peer.set_pace(now);
        let Some((budget, is_new)) = peer.line_budget(now) else {
            allot_untold(*key, rooms, now, peers, out);
            continue;
        };
        let Some(room) = rooms.get(peer.room) else { continue };
        let budget = (budget - room.voices(&peer.slots)).max(0.0);
        // What one could take beside what the others take, the line takes at least.
        let takes = peer.given.min(budget);
        line.budget = if line.budget > 0.0 { (line.budget + takes).max(budget + given) } else { budget };
        line.is_new &= is_new;
        given += takes;
        sharers.add(*key, peer, room, now);
    }
    sharers.settle(line, now, peers, out);
}

/// Of a receiver that does not tell what arrives nothing is known but what it can decode.
fn allot_untold(key: PeerKey, rooms: &Slab<Room>, now: Instant, peers: &mut Peers, out: &mut Outbox) {
    let Some(peer) = peers.get_mut(key).filter(|p| p.decode != DecodeBudget::default()) else { return };
    let Some(room) = rooms.get(peer.room) else { return };
    let mut alone = Sharers::default();
    alone.add(key, peer, room, now);
    alone.settle(Line { budget: estimate::MOST, is_new: true }, now, peers, out);
}

/// Receivers that share a line, and what they wish for.
#[derive(Default)]
struct Sharers {
    wishes: ArrayVec<Wish, MAX_WISHES>,
    places: ArrayVec<Place, MAX_WISHES>,
    whose: ArrayVec<(PeerKey, usize), MAX_WISHES>,
}

impl Sharers {
    /// One more receiver, with what it can decode of what it was told to show.
    fn add(&mut self, key: PeerKey, peer: &mut Peer, room: &Room, now: Instant) {
        let at_once = now.saturating_duration_since(peer.connected.unwrap_or(now)) < NEW;
        let first = self.wishes.len();
        for (at, slot) in peer.slots.iter().enumerate() {
            let Some(wish) = room.wish(slot, at_once, now).filter(|_| !self.wishes.is_full()) else { continue };
            self.wishes.push(wish);
            self.places.push(slot.place);
            self.whose.push((key, at));
        }
        let own = self.wishes.get_mut(first..).unwrap_or_default();
        if peer.decode != DecodeBudget::default() {
            ladder::fit(peer.decode, own);
        }
        let voices = room.voices(&peer.slots);
        peer.wanted = (voices + own.iter().map(Wish::most).sum::<f64>()) * ladder::ROOMY;
        (peer.given, peer.pictures, peer.sound) = (0.0, 0.0, voices);
    }

    /// Gives each its share.
    fn settle(mut self, line: Line, now: Instant, peers: &mut Peers, out: &mut Outbox) {
        ladder::climb(line, &self.wishes, &mut self.places, now);
        for (((key, at), place), wish) in self.whose.iter().zip(&self.places).zip(&self.wishes) {
            let Some(peer) = peers.get_mut(*key) else { continue };
            let cost = wish.cost(place.pick);
            peer.given += cost;
            *if wish.rank == Rank::Sound { &mut peer.sound } else { &mut peer.pictures } += cost;
            let session = peer.session;
            let Some(slot) = peer.slots.get_mut(*at) else { continue };
            (slot.place, slot.is_cut) = (*place, wish.is_cut);
            if place.pick == Pick::Held && (slot.shown.is_some() || slot.target.is_some()) {
                let (slot, source) = (slot.slot, slot.want);
                peer.rest(*at);
                out.events.push(Event::SlotState { session, slot, source, live: false });
            }
        }
    }
}

/// Looks at the receivers of the rooms that are due, by the line they share: of one school, behind one address. Everybody
/// else has a line of their own; who shares one is weighed with all that do, whatever room they are in.
pub fn allot_due(
    sharing: &mut Vec<(Sharing, PeerKey)>,
    rooms: &mut Slab<Room>,
    is_due: impl Fn(usize) -> bool,
    now: Instant,
    peers: &mut Peers,
    out: &mut Outbox,
) {
    sharing.clear();
    for (_, room) in rooms.iter_mut().filter(|(key, _)| is_due(*key)) {
        room.weigh(now);
        let connected =
            room.peers.iter().filter_map(|key| Some((*key, peers.get(*key)?))).filter(|p| p.1.is_connected());
        sharing.extend(connected.map(|(key, peer)| (Sharing::of(key, peer), key)));
    }
    add_neighbours(sharing, peers);
    sharing.sort_unstable();
    sharing.dedup();
    for group in sharing.chunk_by(|a, b| a.0 == b.0) {
        let keys: ArrayVec<PeerKey, MAX_SHARING> = group.iter().map(|(_, key)| *key).take(MAX_SHARING).collect();
        allot(&keys, rooms, now, peers, out);
        for (_, key) in group.iter().skip(MAX_SHARING) {
            allot(&[*key], rooms, now, peers, out);
        }
    }
}

/// Adds all receivers on the lines that are there.
fn add_neighbours(sharing: &mut Vec<(Sharing, PeerKey)>, peers: &Peers) {
    let due = sharing.len();
    if !sharing.iter().any(|s| matches!(s.0, Sharing::Line(..))) {
        return;
    }
    for (key, peer) in peers.iter().filter(|(_, p)| p.is_connected() && p.line.is_some()) {
        let shares = Sharing::of(key, peer);
        if sharing.iter().take(due).any(|s| s.0 == shares) {
            sharing.push((shares, key));
        }
    }
}

/// Receivers weighed together; more rooms on one line than this take their chances.
const MAX_SHARING: usize = 6;

/// What several receivers may share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Sharing {
    /// Nothing.
    Alone(PeerKey),
    /// A school's line, behind one address.
    Line(LineId, IpAddr),
}

impl Sharing {
    fn of(key: PeerKey, peer: &Peer) -> Self {
        let shared = peer.line.zip(peer.path.map(|p| p.remote.ip()));
        shared.map_or(Self::Alone(key), |(line, ip)| Self::Line(line, ip))
    }
}

impl Room {
    /// Measures what layers cost.
    pub fn weigh(&mut self, now: Instant) {
        for layer in self.tracks.iter_mut().flat_map(|t| t.layers.iter_mut().flatten()) {
            layer.meter.roll(now);
        }
    }

    /// Tells publishers how much of their pictures anybody watches, so that nothing is encoded for nobody: the slow twin
    /// only while a thin line needs it, the finer layers of a camera only where somebody sees or records them. The lowest
    /// layer and the slides always come, so that what is called for is there at once.
    pub fn note_watched(&mut self, now: Instant, peers: &Peers, out: &mut Outbox) {
        let is_kept = self.recording.is_some();
        for track in &mut self.tracks {
            let Some(owner) = track.owner.and_then(|o| peers.get(o)).filter(|p| p.is_connected()) else { continue };
            let Some(line) = owner.up.iter().find(|l| l.kind == track.source.kind) else { continue };
            let mut slots = track.viewers.iter().filter_map(|(peer, slot)| peers.get(*peer)?.slots.get(*slot));
            let best = (line.rids.len() as u8).saturating_sub(1);
            let watched = match track.source.kind {
                SourceKind::ScreenSlow => {
                    slots.any(|s| s.place.pick == Pick::Slow || s.want == Some(track.source)).then_some(0)
                }
                SourceKind::Camera if line.rids.len() > 1 => {
                    let is_large = |s: &SendSlot| !matches!(s.slot, Slot::Thumbnail(_));
                    Some(if is_kept || slots.any(is_large) { best } else { 0 })
                }
                SourceKind::Microphone | SourceKind::ComputerSound => {
                    // Only seats of the lesson have a say: whoever else watches could lie at everybody's cost.
                    let seated = |peer: PeerKey| peers.get(peer).filter(|p| p.role != SessionRole::Whep);
                    let lines = || track.viewers.iter().filter_map(|(peer, _)| seated(*peer)?.known_line());
                    let thinnest = lines().map(|l| l.0).fold(f64::INFINITY, f64::min);
                    let full = lines().filter(|l| l.1).map(|l| l.0).fold(f64::INFINITY, f64::min);
                    let (session, source) = (owner.session, track.source.kind);
                    if let Some(max_bps) = track.thrift.say(source, thinnest, full, now) {
                        out.events.push(Event::SoundRate { session, source, max_bps });
                    }
                    continue;
                }
                _ => continue,
            };
            if let Some(max) = track.watched.say(watched, best, now) {
                let max = max.map(|at| line.rids.get(usize::from(at)).cloned().unwrap_or_else(|| "f".to_owned()));
                out.events.push(Event::Watched { session: owner.session, source: track.source.kind, max });
            }
        }
    }

    /// What a slot could show now, and at what cost; `None` for sound and for what does not come.
    fn wish(&self, slot: &SendSlot, at_once: bool, now: Instant) -> Option<Wish> {
        let rank = match slot.slot {
            Slot::Screen => Rank::Screen,
            Slot::TeacherVideo | Slot::Video => Rank::Teacher,
            Slot::StageVideo => Rank::Stage,
            Slot::Thumbnail(no) => Rank::Small(no),
            Slot::ComputerSound => Rank::Sound,
            Slot::TeacherAudio | Slot::StageAudio | Slot::SecondAudio | Slot::Audio => return None,
        };
        let track = self.tracks.iter().find(|t| Some(t.source) == slot.want && !t.muted && t.is_sending(now))?;
        let mut steps: ArrayVec<Step, { ladder::MAX_STEPS }> = ArrayVec::new();
        let living: ArrayVec<u8, MAX_LAYERS> = track.living(now).map(|(layer, _)| layer).collect();
        let lowest = track.cost(*living.first()?);
        if let Some(twin) = self.twin_of(track).filter(|twin| twin.cost(0) < lowest) {
            steps.push(Step { pick: Pick::Slow, bits: twin.cost(0), pixels: twin.pixels(0) });
        }
        let of_use = if matches!(rank, Rank::Small(_)) { 1 } else { MAX_LAYERS };
        for layer in living.into_iter().take(of_use) {
            let below = steps.last().map_or(0.0, |s| s.bits);
            let (bits, pixels) = (track.cost(layer).max(below), track.pixels(layer));
            steps.push(Step { pick: Pick::Layer(layer), bits, pixels });
        }
        Some(Wish { rank, steps, is_cut: false, at_once })
    }

    /// What the voices take that flow in these slots, bit/s.
    fn voices(&self, slots: &[SendSlot]) -> f64 {
        let voice = |slot: &SendSlot| {
            let is_voice = !slot.is_picture() && slot.slot != Slot::ComputerSound;
            let track = self.tracks.get(slot.shown.filter(|_| is_voice)?.track)?;
            Some(track.cost(0) * (1.0 + f64::from(slot.depth)))
        };
        slots.iter().filter_map(voice).sum()
    }

    /// The slow twin of slides, where their teacher has a line for it.
    fn twin_of(&self, track: &Track) -> Option<&Track> {
        let seat = track.source.seat;
        let is_screen = track.source.kind == SourceKind::Screen;
        let twin =
            |t: &&Track| t.source.seat == seat && t.source.kind == SourceKind::ScreenSlow && t.owner == track.owner;
        self.tracks.iter().find(twin).filter(|t| is_screen && !t.muted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_said_at_once_less_after_a_while_and_all_again_now_and_then() {
        let t0 = crate::net::clock::now();
        let mut watched = Watched::default();
        let mut say = |what, s: u64| watched.say(what, 2, t0 + Duration::from_secs(s));
        assert_eq!(say(Some(1), 0), None, "at first everything may come");
        assert_eq!(say(Some(0), 1), None);
        assert_eq!(say(Some(0), 6), Some(Some(0)));
        assert_eq!(say(Some(2), 7), Some(Some(2)));
        assert_eq!(say(Some(2), 8), None);
        assert_eq!(say(Some(0), 9), None);
        assert_eq!(say(Some(2), 12), None, "it was needed again");
        assert_eq!(say(None, 13), None);
        assert_eq!(say(None, 18), Some(None));
        assert_eq!(say(None, 27), None);
        assert_eq!(say(None, 28), Some(None), "for a page that missed it");
    }
}
