//! What happens when a client's NAT is bound anew, when somebody only pretends that it was, and when one who was away
//! asks whether the server is there.

use std::collections::BTreeSet;
use std::time::Duration;

use tongke_signaling::command::*;

use super::behaviour::{FRAME, pair, play, received};
use super::world::*;
use crate::media::srtp::Profile;
use crate::peer::ClientEvent;

/// Where nobody sits who was let in.
const THIEF: u16 = 6_666;

/// Numbers of the sounds among these packets.
fn sounds(events: &[ClientEvent]) -> BTreeSet<u32> {
    let number = |p: &Vec<u8>| <[u8; 4]>::try_from(p.as_slice()).ok().map(u32::from_be_bytes);
    received(events).values().filter_map(number).collect()
}

/// The next packets of a client, which never reach the server by its own hand.
fn steal(w: &mut World, port: u16, from: u32, count: u32) -> Vec<Vec<u8>> {
    for number in from..from + count {
        w.client(port).send(0, number * 960, false, &number.to_be_bytes());
    }
    std::mem::take(&mut w.client(port).outgoing)
}

/// Lets time pass in which this client says nothing.
fn hush(w: &mut World, port: u16, length: Duration) {
    let client = w.clients.remove(&port).expect("joined");
    w.run(length);
    w.clients.insert(port, client);
}

#[test]
fn a_publisher_whose_nat_was_bound_anew_is_seen_again_within_a_second() {
    for (seed, profile) in [(20, Profile::AeadAes128Gcm), (21, Profile::Aes128CmSha1_80), (22, Profile::AeadAes128Gcm)]
    {
        let mut w = pair(seed, profile);
        play(&mut w, 1, 0, 30 + seed as u32);
        w.run(Duration::from_millis(100));
        w.rebind(1, 11);
        w.take(2);
        let before = w.now;
        let mut back = None;
        for number in 100..160 {
            w.frame(11, number, false);
            w.run(FRAME);
            if back.is_none() && !w.take(2).is_empty() {
                back = Some(w.now - before);
            }
        }
        println!("{profile:?}: back after {back:?}");
        assert!(back.is_some_and(|b| b < Duration::from_secs(1)));
        w.run(Duration::from_secs(1));
        assert_eq!(w.sfu.happened.moves, 1, "it is counted");
    }
}

/// A receiver sends reports only, once a second in this emulation.
#[test]
fn a_receiver_whose_nat_was_bound_anew_gets_its_pictures_again() {
    let mut worst = Duration::ZERO;
    for seed in 30..40 {
        let mut w = pair(seed, Profile::AeadAes128Gcm);
        play(&mut w, 1, 0, 20 + seed as u32);
        w.rebind(2, 22);
        let before = w.now;
        w.client(22).events.clear();
        let mut back = None;
        for number in 100..200 {
            w.frame(1, number, false);
            w.run(FRAME);
            if back.is_none() && !w.client(22).events.is_empty() {
                back = Some(w.now - before);
            }
        }
        worst = worst.max(back.expect("it is back"));
    }
    println!("worst of ten: {worst:?}");
    assert!(worst < Duration::from_millis(1_200));
}

#[test]
fn a_path_that_moved_is_not_moved_back_by_what_is_late() {
    let mut w = pair(41, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 30);
    w.run(Duration::from_millis(100));
    let late = steal(&mut w, 1, 500, 3);
    w.rebind(1, 11);
    play(&mut w, 11, 100, 40);
    for packet in &late {
        w.inject(1, packet);
    }
    w.astray.clear();
    play(&mut w, 11, 140, 40);
    assert!(w.astray.is_empty(), "{} datagrams go to where it was", w.astray.len());
}

#[test]
fn forged_and_repeated_packets_from_elsewhere_get_nothing() {
    let mut w = pair(42, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 30);
    // The server has had these.
    let seen = steal(&mut w, 1, 500, 20);
    for packet in &seen {
        w.inject(1, packet);
    }
    w.run(Duration::from_millis(50));
    w.astray.clear();
    w.take(2);
    let mut client = w.clients.remove(&1).expect("joined");
    for round in 0..100u8 {
        for packet in &seen {
            w.inject(THIEF, packet);
            let mut forged = packet.clone();
            // The sequence number goes on, the tag does not fit.
            forged[2] = forged[2].wrapping_add(round / 2 + 1);
            w.inject(THIEF, &forged);
        }
        w.run(Duration::from_millis(15));
    }
    assert!(w.astray.iter().all(|(port, _)| *port != THIEF), "not a byte");
    assert_eq!(received(&w.take(2)).len(), 0, "nothing of it is forwarded");
    client.outgoing.clear();
    w.clients.insert(1, client);
    play(&mut w, 1, 600, 30);
    assert!(received(&w.take(2)).len() > 100, "who is there goes on");
}

#[test]
fn a_thief_of_fresh_packets_gets_nothing_while_the_client_is_alive() {
    let mut w = pair(43, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 30);
    w.astray.clear();
    let mut heard = 0;
    for number in 0..60 {
        w.run(Duration::from_millis(20));
        heard += w.take(2).len();
        let stolen = steal(&mut w, 1, 10_000 + number, 1);
        w.inject(THIEF, &stolen[0]);
        w.run(Duration::from_millis(12));
        assert!(!sounds(&w.take(2)).contains(&(10_000 + number)), "what comes from elsewhere is not forwarded");
        // Later the server asks the client for it, and it comes by the right way.
        play(&mut w, 1, 100 + number, 1);
    }
    assert!(w.astray.is_empty());
    assert!(heard > 200, "{heard}");
}

#[test]
fn a_thief_of_fresh_packets_is_probed_within_bounds_and_never_served() {
    let mut w = pair(44, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 30);
    w.run(Duration::from_millis(100));
    let stolen = steal(&mut w, 1, 10_000, 150);
    w.astray.clear();
    w.take(2);
    let mut bytes = 0;
    for packet in &stolen {
        bytes += packet.len();
        w.inject(THIEF, packet);
        hush(&mut w, 1, Duration::from_millis(20));
        // Its answers are made with another password, or are the probe itself.
        let probe = w.astray.iter().rev().find(|(port, d)| *port == THIEF && d[..2] == [0, 1]).map(|(_, d)| d.clone());
        if let Some(probe) = probe {
            w.inject(THIEF, &probe);
            let mut answer = probe.clone();
            answer[..2].copy_from_slice(&[1, 1]);
            w.inject(THIEF, &answer);
        }
    }
    let got: Vec<&Vec<u8>> = w.astray.iter().filter(|(port, _)| *port == THIEF).map(|(_, d)| d).collect();
    println!("{} probes in three seconds, {} bytes for {bytes}", got.len(), got.iter().map(|d| d.len()).sum::<usize>());
    assert!(got.iter().all(|d| d[..2] == [0, 1]), "nothing but binding requests");
    assert!((1..=14).contains(&got.len()), "one in 200 ms");
    assert!(got.iter().map(|d| d.len()).sum::<usize>() <= bytes);
    assert_eq!(received(&w.take(2)).len(), 0, "nothing of it is forwarded");
    play(&mut w, 1, 200, 30);
    w.run(Duration::from_millis(100));
    assert!(received(&w.take(2)).len() > 100, "the client is where it was");
    assert!(w.astray.iter().all(|(port, d)| *port != THIEF || d[..2] == [0, 1]));
}

#[test]
fn an_answer_counts_only_from_where_it_was_asked_for() {
    let mut w = pair(45, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 30);
    w.run(Duration::from_millis(100));
    let stolen = steal(&mut w, 1, 10_000, 60);
    w.astray.clear();
    for packet in &stolen {
        w.inject(THIEF, packet);
        hush(&mut w, 1, Duration::from_millis(20));
    }
    let (_, probe) =
        w.astray.iter().rev().find(|(port, d)| *port == THIEF && d[..2] == [0, 1]).expect("probed").clone();
    let now = w.now;
    w.client(1).handle_datagram(now, &mut probe.clone());
    let outgoing = std::mem::take(&mut w.client(1).outgoing);
    let answer = outgoing.iter().find(|d| d[..2] == [1, 1]).expect("the client answers");
    w.inject(THIEF + 1, answer);
    w.inject(1, answer);
    w.astray.clear();
    hush(&mut w, 1, Duration::from_millis(30));
    assert!(w.astray.iter().all(|(port, d)| [1, THIEF].contains(port) && (*port == 1 || d[..2] == [0, 1])));
}

#[test]
fn after_a_restart_probes_are_made_with_the_new_credentials() {
    let mut w = pair(46, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 30);
    let session = w.sessions[&1];
    let fragment = w.client(1).restart_fragment(&mut rand::rng());
    w.command(Command::Restart { session, fragment });
    let Some(Event::Restarted { fragment, .. }) = w.events.last().cloned() else { panic!("restarted") };
    let now = w.now;
    assert!(w.client(1).handle_restart(now, &fragment));
    play(&mut w, 1, 30, 30);
    w.rebind(1, 11);
    w.take(2);
    play(&mut w, 11, 100, 30);
    assert!(received(&w.take(2)).len() > 4);
}

/// By this a page to which no media flows knows that its path is alive.
#[test]
fn twice_a_second_there_is_a_sign_of_life() {
    let mut w = World::new(47, Profile::AeadAes128Gcm);
    w.join(2, SessionRole::Whep, WHEP);
    w.run(Duration::from_secs(1));
    w.sent.clear();
    w.run(Duration::from_secs(10));
    let reports = w.sent.iter().filter(|d| d[0] >> 6 == 2 && (192..=223).contains(&d[1])).count();
    assert!((19..=31).contains(&reports), "{reports}");
}

/// Sends a client's knock from a port where nobody sits; gives what comes back.
fn knock(w: &mut World, client: &mut crate::peer::Client) -> Vec<Vec<u8>> {
    client.outgoing.clear();
    client.knock();
    let knock = client.outgoing.pop().expect("a check");
    w.astray.clear();
    w.inject(THIEF, &knock);
    w.run(Duration::from_millis(30));
    let back: Vec<_> = w.astray.iter().filter(|(port, _)| *port == THIEF).map(|(_, d)| d.clone()).collect();
    assert!(back.iter().map(Vec::len).sum::<usize>() <= knock.len(), "not more than came");
    back
}

#[test]
fn a_knock_is_answered_with_a_session_and_after_it_and_changes_nothing() {
    let mut w = pair(48, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 30);
    let mut away = w.clients.remove(&2).expect("joined");
    assert_eq!(knock(&mut w, &mut away).len(), 1);
    w.run(Duration::from_secs(1));
    assert!(w.astray.iter().all(|(port, d)| *port != THIEF || d[..2] == [1, 1]), "the path has not moved");
    // Knocks are no sign of life: the session ends all the same.
    for _ in 0..35 {
        play(&mut w, 1, 100, 1);
        knock(&mut w, &mut away);
        w.run(Duration::from_secs(1));
    }
    assert!(w.events.iter().any(|e| matches!(e, Event::Left { cause: LeaveCause::Silent, .. })));
    assert_eq!(knock(&mut w, &mut away).len(), 1, "and is remembered");
    let Some(Event::Restarted { fragment, .. }) = ({
        let session = w.sessions[&1];
        let fragment = w.client(1).restart_fragment(&mut rand::rng());
        w.command(Command::Restart { session, fragment });
        w.events.last().cloned()
    }) else {
        panic!("restarted")
    };
    let now = w.now;
    // Another one's password opens nothing.
    let own = fragment.lines().find(|l| l.starts_with("a=ice-pwd:")).expect("a password");
    let forged = fragment.replace(own, "a=ice-pwd:000000000000000000000000");
    assert!(away.handle_restart(now, &forged));
    assert!(knock(&mut w, &mut away).is_empty());
}
