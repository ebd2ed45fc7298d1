//! What the media plane promises, each in one test.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tongke_signaling::command::*;
use uuid::Uuid;

use super::world::*;
use crate::media::srtp::Profile;
use crate::peer::ClientEvent;

pub(super) const FRAME: Duration = Duration::from_millis(33);

pub(super) fn source(port: u16, kind: SourceKind) -> Option<Source> {
    Some(Source { seat: seat(port), kind })
}

pub(super) fn show(w: &mut World, port: u16, slot: Slot, source: Option<Source>) {
    let session = w.sessions[&port];
    w.command(Command::Show { session, slot, source });
}

/// A publisher on 1, a viewer on 2 that sees it.
pub(super) fn pair(seed: u64, profile: Profile) -> World {
    let mut w = World::new(seed, profile);
    w.join(1, SessionRole::Whip { screen: false }, WHIP);
    w.join(2, SessionRole::Whep, WHEP);
    show(&mut w, 2, Slot::Video, source(1, SourceKind::Camera));
    show(&mut w, 2, Slot::Audio, source(1, SourceKind::Microphone));
    w
}

/// Plays frames, answering key-frame requests as a browser does.
pub(super) fn play(w: &mut World, port: u16, from: u32, frames: u32) {
    for number in from..from + frames {
        let wanted = w.client(port).events.iter().any(|e| matches!(e, ClientEvent::KeyFrameWanted { .. }));
        if wanted {
            w.client(port).events.retain(|e| !matches!(e, ClientEvent::KeyFrameWanted { .. }));
        }
        w.frame(port, number, number == from && from == 0 || wanted);
        w.run(FRAME);
    }
}

/// Payload numbers by (ssrc, sequence).
pub(super) fn received(events: &[ClientEvent]) -> BTreeMap<(u32, u16), Vec<u8>> {
    events
        .iter()
        .filter_map(|e| match e {
            ClientEvent::Packet { ssrc, sequence, payload, .. } => Some(((*ssrc, *sequence), payload.clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn one_publisher_is_seen_and_heard_by_one_receiver_with_both_profiles() {
    for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80] {
        let mut w = pair(1, profile);
        play(&mut w, 1, 0, 60);
        w.run(Duration::from_millis(200));
        let got = received(&w.take(2));
        assert!(got.len() >= 55 * 4, "{profile:?}: {} packets", got.len());
    }
}

#[test]
fn who_sat_in_the_seat_before_is_seen_again_when_the_one_who_took_it_leaves() {
    let mut w = pair(9, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 30);
    let box_session = w.sit(3, seat(1), SessionRole::Whip { screen: false }, WHIP);
    play(&mut w, 3, 0, 30);
    w.take(2);
    play(&mut w, 1, 30, 30);
    w.run(Duration::from_millis(200));
    assert!(received(&w.take(2)).is_empty(), "the newer one has the seat");
    w.command(Command::Leave { session: box_session });
    play(&mut w, 1, 60, 60);
    w.run(Duration::from_millis(200));
    let got = received(&w.take(2));
    assert!(got.len() >= 50 * 4, "{} packets of the one that stayed", got.len());
}

#[test]
fn what_the_network_loses_either_way_is_sent_again() {
    for seed in [2, 3] {
        let mut w = pair(seed, Profile::AeadAes128Gcm);
        play(&mut w, 1, 0, 10);
        w.take(2);
        w.loss = 0.05;
        play(&mut w, 1, 10, 200);
        w.loss = 0.0;
        play(&mut w, 1, 210, 10);
        w.run(Duration::from_secs(1));
        let events = w.take(2);
        let repaired = events.iter().filter(|e| matches!(e, ClientEvent::Packet { repaired: true, .. })).count();
        let numbers: BTreeSet<u32> = received(&events)
            .values()
            .filter(|p| p.len() == 200 && p[1] == 0)
            .map(|p| u32::from_be_bytes([p[3], p[4], p[5], p[6]]))
            .collect();
        let sound: BTreeSet<u32> = received(&events)
            .values()
            .filter_map(|p| <[u8; 4]>::try_from(p.as_slice()).ok().map(u32::from_be_bytes))
            .collect();
        println!("seed {seed}: {repaired} repaired, {} sounds, {} frames", sound.len(), numbers.len());
        assert!(repaired > 10);
        assert!(numbers.len() >= 208, "pictures: {}", numbers.len());
        assert!(sound.len() >= 208, "sound is asked for again too: {}", sound.len());
    }
}

/// Every other sound of the publisher is lost for good; each comes with the one after it.
#[test]
fn sound_that_is_lost_on_the_way_up_comes_with_the_next_one() {
    let mut w = pair(13, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 10);
    w.take(2);
    w.client(1).send_redundancy(0);
    for number in 10..60u32 {
        w.client(1).send(0, number * 1_600, false, &number.to_be_bytes());
        if number % 2 == 1 {
            w.client(1).outgoing.clear();
        }
        w.run(Duration::from_millis(20));
    }
    w.run(Duration::from_millis(100));
    let got = received(&w.take(2));
    let sound: BTreeSet<u32> =
        got.values().filter_map(|p| <[u8; 4]>::try_from(p.as_slice()).ok().map(u32::from_be_bytes)).collect();
    let missing: Vec<u32> = (10..59).filter(|n| !sound.contains(n)).collect();
    assert!(missing.is_empty(), "never came: {missing:?}");
    assert_eq!(w.client(1).repeats_sent, 0, "nothing had to be asked for");
}

/// Where packets get lost on the way down, sound carries what came before it, and again nothing where none do.
#[test]
fn sound_is_sent_with_redundancy_where_packets_get_lost() {
    let mut w = pair(14, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 60);
    assert_eq!(w.client(2).mended, 0);
    w.loss = 0.15;
    play(&mut w, 1, 60, 300);
    let mended = w.client(2).mended;
    w.loss = 0.0;
    println!("{mended} sounds came with a later one");
    assert!(mended > 10, "{mended}");
    play(&mut w, 1, 360, 700);
    let bytes = |w: &mut World| w.sent.iter().map(Vec::len).sum::<usize>();
    let before = bytes(&mut w);
    play(&mut w, 1, 1_060, 30);
    let calm = bytes(&mut w) - before;
    w.loss = 0.15;
    play(&mut w, 1, 1_090, 90);
    w.loss = 0.0;
    let before = bytes(&mut w);
    play(&mut w, 1, 1_180, 30);
    assert!(bytes(&mut w) - before > calm, "it has begun anew");
}

/// A nonce serves one packet only: what is sent again without RTX is the same to the byte.
#[test]
fn one_sequence_number_is_sealed_once() {
    let mut w = pair(12, Profile::AeadAes128Gcm);
    w.loss = 0.1;
    play(&mut w, 1, 0, 200);
    // Sound gets more redundancy and less again, and what is asked for meanwhile stays what it was.
    for (loss, from) in [(0.03, 200), (0.2, 400), (0.0, 600), (0.1, 1_300)] {
        w.loss = loss;
        play(&mut w, 1, from, if loss == 0.0 { 700 } else { 200 });
    }
    let again = sealed_again(&w);
    println!("{again} packets sent again as they were");
    assert!(again > 5);
}

#[test]
fn a_slot_that_changes_its_source_stays_one_stream() {
    let mut w = pair(4, Profile::AeadAes128Gcm);
    w.join(3, SessionRole::InteractiveRoom, ROOM);
    play(&mut w, 1, 0, 30);
    show(&mut w, 2, Slot::Video, source(3, SourceKind::Camera));
    w.run(Duration::from_millis(100));
    play(&mut w, 3, 1000, 30);
    w.run(Duration::from_millis(100));
    let events = w.take(2);
    let mut last: Option<(u16, u32)> = None;
    let mut ssrcs = BTreeSet::new();
    let mut from_second = 0;
    for event in &events {
        let ClientEvent::Packet { ssrc, sequence, timestamp, payload, .. } = event else { continue };
        if payload.len() != 200 {
            continue;
        }
        ssrcs.insert(*ssrc);
        from_second += usize::from(u32::from_be_bytes([payload[3], payload[4], payload[5], payload[6]]) >= 1000);
        if let Some((s, t)) = last {
            assert_eq!(sequence.wrapping_sub(s), 1, "numbers go on");
            assert!((timestamp.wrapping_sub(t) as i32) >= 0, "time goes on");
        }
        last = Some((*sequence, *timestamp));
    }
    assert_eq!(ssrcs.len(), 1);
    assert!(from_second >= 60, "{from_second}");
}

#[test]
fn a_muted_room_reaches_nobody_until_it_is_opened() {
    let mut w = World::new(5, Profile::AeadAes128Gcm);
    w.join(3, SessionRole::InteractiveRoom, ROOM);
    w.join(2, SessionRole::Whep, WHEP);
    show(&mut w, 2, Slot::Audio, source(3, SourceKind::Microphone));
    w.command(Command::Record { lesson: LESSON, recording: Some(RecordingId(Uuid::from_u128(7))) });
    for n in 0..50 {
        w.client(3).send(0, n * 960, false, &[1, 2, 3]);
        w.run(Duration::from_millis(20));
    }
    assert_eq!(received(&w.take(2)).len(), 0, "muted: zero packets");
    assert_eq!(w.recorded, 0, "and none recorded");
    w.command(Command::Mute {
        lesson: LESSON,
        source: source(3, SourceKind::Microphone).expect("source"),
        muted: false,
    });
    for n in 50..100 {
        w.client(3).send(0, n * 960, false, &[1, 2, 3]);
        w.run(Duration::from_millis(20));
    }
    let heard = received(&w.take(2)).len();
    assert!(heard >= 48, "{heard}");
    assert!(w.recorded >= 48);
    w.command(Command::Mute {
        lesson: LESSON,
        source: source(3, SourceKind::Microphone).expect("source"),
        muted: true,
    });
    w.run(Duration::from_millis(50));
    w.take(2);
    for n in 100..150 {
        w.client(3).send(0, n * 960, false, &[1, 2, 3]);
        w.run(Duration::from_millis(20));
    }
    assert_eq!(received(&w.take(2)).len(), 0);
}

#[test]
fn a_late_joiner_has_a_key_frame_asked_for_and_requests_are_throttled() {
    let mut w = pair(6, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 30);
    w.client(1).events.clear();
    w.join(4, SessionRole::Whep, WHEP);
    show(&mut w, 4, Slot::Video, source(1, SourceKind::Camera));
    w.run(Duration::from_millis(600));
    let asked =
        |w: &mut World| w.client(1).events.iter().filter(|e| matches!(e, ClientEvent::KeyFrameWanted { .. })).count();
    assert!((1..=2).contains(&asked(&mut w)), "{}", asked(&mut w));
    play(&mut w, 1, 30, 10);
    let ssrc = w.take(4).iter().find_map(|e| match e {
        ClientEvent::Packet { ssrc, payload, .. } if payload.len() == 200 => Some(*ssrc),
        _ => None,
    });
    let ssrc = ssrc.expect("the late joiner has a picture");
    w.client(1).events.clear();
    for _ in 0..200 {
        w.client(4).ask_key_frame(ssrc);
        w.run(Duration::from_millis(10));
    }
    let asked = asked(&mut w);
    assert!((3..=5).contains(&asked), "200 requests in 2 s become one per 500 ms: {asked}");
}

#[test]
fn an_ice_restart_keeps_dtls_and_media() {
    let mut w = pair(8, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 30);
    let session = w.sessions[&2];
    let fragment =
        "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n";
    let restart = |w: &mut World| {
        w.command(Command::Restart { session, fragment: fragment.to_owned() });
        let Some(Event::Restarted { fragment, etag, .. }) = w.events.last().cloned() else { panic!("restarted") };
        (fragment, etag)
    };
    let asked = restart(&mut w);
    assert_eq!(restart(&mut w), asked, "asked again before a path is found");
    w.rebind(2, 23);
    let now = w.now;
    assert!(w.client(23).handle_restart(now, &asked.0));
    w.client(23).events.clear();
    play(&mut w, 1, 30, 30);
    assert!(received(&w.take(23)).len() > 80);
    assert_eq!(restart(&mut w), asked, "and after it");
    play(&mut w, 1, 60, 30);
    assert!(received(&w.take(23)).len() > 80);
}

#[test]
fn strangers_and_garbage_get_nothing_and_disturb_nobody() {
    let mut w = pair(9, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 10);
    w.take(2);
    let stranger = crate::media::Path {
        local: crate::media::Local::Udp,
        remote: std::net::SocketAddr::from(([127, 0, 0, 1], 6666)),
    };
    let known =
        crate::media::Path { local: crate::media::Local::Udp, remote: std::net::SocketAddr::from(([127, 0, 0, 1], 1)) };
    for i in 0..2000u32 {
        for path in [stranger, known] {
            let mut garbage: Vec<u8> = (0..(i % 200) as u8).map(|b| b.wrapping_mul(31).wrapping_add(i as u8)).collect();
            if let Some(first) = garbage.first_mut() {
                *first = [0, 22, 128, 200][(i % 4) as usize];
            }
            w.sfu.handle_datagram(w.now, path, &mut garbage, &mut w.out);
        }
    }
    assert!(w.out.lanes().iter().all(|l| l.path != stranger), "nothing goes to a stranger");
    play(&mut w, 1, 10, 30);
    assert!(received(&w.take(2)).len() > 110);
}

#[test]
fn a_session_that_never_connects_or_falls_silent_is_closed() {
    let mut w = pair(10, Profile::AeadAes128Gcm);
    let silent = w.sessions[&2];
    w.clients.remove(&2);
    w.run(Duration::from_secs(31));
    assert!(w.events.contains(&Event::Left { session: silent, cause: LeaveCause::Silent }));
    w.command(Command::Close { lesson: LESSON });
    let publisher = w.sessions[&1];
    assert!(w.events.contains(&Event::Left { session: publisher, cause: LeaveCause::LessonClosed }));
    assert_eq!(w.sfu.session_count(), 0);
}

#[test]
fn the_recorder_gets_each_packet_once_and_from_a_key_frame_on() {
    let mut w = pair(11, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 10);
    w.command(Command::Record { lesson: LESSON, recording: Some(RecordingId(Uuid::from_u128(7))) });
    w.loss = 0.03;
    play(&mut w, 1, 10, 100);
    println!("recorded {}", w.recorded);
    assert!((370..=400).contains(&w.recorded), "{}", w.recorded);
}

#[test]
fn a_full_core_refuses_newcomers_and_lets_those_come_back_who_were_there() {
    let mut w = pair(11, Profile::AeadAes128Gcm);
    w.sfu.set_full(true);
    let offer = w.client(2).offer();
    let join = |w: &mut World, n: u16| {
        let session = SessionId(Uuid::from_u128(900 + u128::from(n)));
        let (seat, offer) = (seat(n), offer.clone());
        w.events.clear();
        w.command(Command::Join {
            lesson: LESSON,
            session,
            seat,
            role: SessionRole::Whep,
            line: None,
            decode: DecodeBudget::default(),
            remembered_bps: None,
            offer,
        });
        w.events.iter().find_map(|e| match e {
            Event::Answered { .. } => Some(true),
            Event::Refused { refusal: Refusal::Full, .. } => Some(false),
            _ => None,
        })
    };
    assert_eq!(join(&mut w, 3), Some(false));
    assert_eq!(join(&mut w, 2), Some(true));
    play(&mut w, 1, 0, 30);
    w.run(Duration::from_millis(100));
    assert!(received(&w.take(2)).len() >= 25 * 4, "who was there goes on");
    w.sfu.set_full(false);
    assert_eq!(join(&mut w, 3), Some(true));
}
