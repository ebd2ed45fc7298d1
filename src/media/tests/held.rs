//! A worker that is nearly full lets pictures wait for sound; one that is behind does not have them sent again.

use std::time::Duration;

use tongke_signaling::command::*;

use super::behaviour::{FRAME, pair, play, received, source};
use super::world::*;
use crate::media::srtp::Profile;
use crate::peer::ClientEvent;

const PATIENCE: Duration = Duration::from_millis(20);

/// A publisher on 1, a viewer on 2 that sees and hears it, a worker that is patient.
fn patient() -> World {
    let mut w = pair(4, Profile::AeadAes128Gcm);
    play(&mut w, 1, 0, 10);
    w.run(PATIENCE);
    w.take(2);
    w.sfu.set_patience(Some(PATIENCE));
    w
}

/// Sends one packet of a picture.
fn picture(w: &mut World, number: u32) {
    w.client(1).send(1, 900_000 + number, false, &[&[0x61][..], &[number as u8; 200]].concat());
}

/// Pictures and sounds that came.
fn came(events: &[ClientEvent]) -> (usize, usize) {
    let got = received(events);
    let pictures = got.values().filter(|payload| payload.len() > 100).count();
    (pictures, got.len() - pictures)
}

#[test]
fn pictures_leave_with_the_rooms_next_sound_in_one_run() {
    let mut w = patient();
    for number in 0..3 {
        picture(&mut w, number);
        w.run(Duration::from_millis(4));
    }
    // They reach the worker, and wait there until the sound has reached it too.
    w.client(1).send(0, 99_000, false, &[7; 4]);
    w.run(DELAY * 2 + Duration::from_millis(2));
    let events = w.take(2);
    assert_eq!(came(&events), (3, 1));
    let order: Vec<usize> = events
        .iter()
        .filter_map(|e| match e {
            ClientEvent::Packet { payload, .. } => Some(payload.len()),
            _ => None,
        })
        .collect();
    assert_eq!(order, [201, 201, 201, 4], "the shorter one last, as a message of several must have it");
}

#[test]
fn without_sound_pictures_leave_when_their_time_is_over() {
    let mut w = patient();
    picture(&mut w, 0);
    w.run(DELAY * 2 + PATIENCE - Duration::from_millis(2));
    assert_eq!(came(&w.take(2)), (0, 0));
    w.run(Duration::from_millis(6));
    assert_eq!(came(&w.take(2)), (1, 0));
    picture(&mut w, 1);
    w.run(DELAY + Duration::from_millis(5));
    w.sfu.set_patience(None);
    w.run(DELAY + Duration::from_millis(2));
    assert_eq!(came(&w.take(2)), (1, 0), "at once when the worker has time again");
}

#[test]
fn a_patient_worker_loses_nothing() {
    let mut w = patient();
    play(&mut w, 1, 10, 60);
    w.run(PATIENCE * 2);
    assert_eq!(came(&w.take(2)), (180, 60));
}

#[test]
fn what_is_muted_while_it_waits_does_not_leave() {
    let mut w = patient();
    picture(&mut w, 0);
    w.run(DELAY + Duration::from_millis(5));
    assert!(w.sfu.next_release().is_some());
    let source = source(1, SourceKind::Camera).expect("a camera");
    w.command(Command::Mute { lesson: LESSON, source, muted: true });
    w.run(PATIENCE * 2);
    assert_eq!(came(&w.take(2)), (0, 0));
}

#[test]
fn a_lesson_that_ends_takes_what_waits_with_it() {
    let mut w = patient();
    picture(&mut w, 0);
    w.run(DELAY + Duration::from_millis(5));
    assert!(w.sfu.next_release().is_some());
    w.command(Command::Close { lesson: LESSON });
    w.run(PATIENCE * 2);
    assert_eq!(w.sfu.next_release(), None);
}

#[test]
fn a_worker_that_is_behind_has_sound_sent_again_and_no_pictures() {
    let lost = |behind: bool| {
        let mut w = pair(2, Profile::AeadAes128Gcm);
        play(&mut w, 1, 0, 10);
        w.run(FRAME);
        w.take(2);
        w.sfu.set_behind(behind);
        w.loss = 0.1;
        play(&mut w, 1, 10, 60);
        w.loss = 0.0;
        w.run(Duration::from_millis(500));
        let (pictures, sounds) = came(&w.take(2));
        println!("behind: {behind}: {pictures} of 180 pictures, {sounds} of 60 sounds");
        (180 - pictures.min(180), 60 - sounds.min(60))
    };
    let ((pictures, sounds), (pictures_behind, sounds_behind)) = (lost(false), lost(true));
    assert!(pictures < 10 && pictures_behind > 20, "{pictures} {pictures_behind}");
    assert!(sounds < 4 && sounds_behind < 4, "{sounds} {sounds_behind}");
}
