//! Sound has its place among the transport-wide numbers.

use std::time::Duration;

use tongke_signaling::command::*;

use super::behaviour::{received, show, source};
use super::world::*;
use crate::media::departures::EXTENSION;
use crate::media::rtp::Header;
use crate::media::srtp::Profile;
use crate::peer::offer::{OPUS, RED, TRANSPORT_CC_ID};

/// A publisher, and a viewer who is told to hear and not to see.
fn hears(seed: u64, shape: &str) -> World {
    let mut w = World::new(seed, Profile::AeadAes128Gcm);
    w.join(1, SessionRole::Whip { screen: false }, WHIP);
    w.join(2, SessionRole::Whep, shape);
    show(&mut w, 2, Slot::Audio, source(1, SourceKind::Microphone));
    w
}

fn play(w: &mut World, frames: u32) {
    for number in 0..frames {
        w.frame(1, number, number == 0);
        w.run(Duration::from_millis(20));
    }
}

/// Packets of sound that went down, and those of them with a number.
fn numbered(w: &World) -> (usize, usize) {
    let is_sound = |d: &&Vec<u8>| d.len() > 12 && d[0] >> 6 == 2 && [OPUS, RED].contains(&(d[1] & 0x7f));
    let sound = || w.sent.iter().filter(is_sound);
    let has_number = |d: &&Vec<u8>| Header::parse(d).is_some_and(|h| h.extension(d, TRANSPORT_CC_ID).is_some());
    assert!(sound().filter(has_number).all(|d| d.len() > 12 + EXTENSION));
    (sound().count(), sound().filter(has_number).count())
}

#[test]
fn who_only_hears_tells_what_arrives_all_the_same() {
    for shape in [WHEP, "a"] {
        let mut w = hears(1, shape);
        play(&mut w, 250);
        w.run(Duration::from_millis(200));
        let (all, with_number) = numbered(&w);
        assert!(all >= 249 && all == with_number, "{shape}: {with_number} of {all}");
        let peer = w.sfu.peer(w.sessions[&2]).expect("joined");
        let told = w.events.iter().rev().find_map(|e| match e {
            Event::Line { session, facts } if *session == w.sessions[&2] => facts.estimate_down,
            _ => None,
        });
        println!("{shape}: {all} packets, estimate {told:?}");
        assert!(told.is_some(), "feedback on sound feeds the estimate");
        assert!(peer.line_budget(w.now).is_some());
    }
}

#[test]
fn numbered_sound_that_is_sent_again_is_the_same_to_the_byte() {
    let mut w = hears(2, WHEP);
    w.lossy.insert(2, 0.1);
    play(&mut w, 500);
    w.lossy.clear();
    w.run(Duration::from_secs(1));
    let again = sealed_again(&w);
    let heard = received(&w.take(2)).len();
    println!("{again} sent again, {heard} heard");
    // Most of what is lost comes with the redundancy of the next packet.
    assert!(again >= 5, "{again}");
    assert!(heard >= 495, "{heard}");
    let (all, with_number) = numbered(&w);
    assert_eq!(all, with_number);
}

#[test]
fn who_offers_no_numbers_gets_sound_without() {
    let mut w = World::new(3, Profile::AeadAes128Gcm);
    w.join(1, SessionRole::Whip { screen: false }, WHIP);
    w.reporting.insert(2, None);
    w.join(2, SessionRole::Whep, WHEP);
    show(&mut w, 2, Slot::Audio, source(1, SourceKind::Microphone));
    play(&mut w, 100);
    assert_eq!(numbered(&w).1, 0);
    assert!(received(&w.take(2)).len() >= 95);
}
