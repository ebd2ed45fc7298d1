//! Calling a room on stage orders exactly the right shows and mutes.

use crate::district::{BELL, District};
use crate::events::{Page, serve};
use serde_json::json;
use std::collections::BTreeSet;
use tongke_signaling::command::{Command, SeatId, SessionId, Slot, Source, SourceKind};

/// What the media plane has been told last for each slot and source.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
enum Told {
    Show(SessionId, Slot, Option<Source>),
    Mute(Source, bool),
}

fn told(commands: &[Command]) -> BTreeSet<Told> {
    let told = |c: &Command| match c {
        Command::Show { session, slot, source } => Some(Told::Show(*session, *slot, *source)),
        Command::Mute { source, muted, .. } => Some(Told::Mute(*source, *muted)),
        _ => None,
    };
    commands.iter().filter_map(told).collect()
}

struct Scene {
    d: District,
    seats: Vec<SeatId>,
    sessions: Vec<SessionId>,
    teacher_session: SessionId,
    teacher: Page,
}

async fn scene() -> Scene {
    let d = District::new().await;
    let address = serve(&d).await;
    d.at(BELL, "live").await;
    d.admitted().await;
    let seats: Vec<SeatId> = d.seats().await.iter().map(|s| s.parse().unwrap()).collect();
    let asker = d.sign_in("wang").await;
    let session = |reply: crate::district::Reply| -> SessionId {
        reply.header("location").unwrap().rsplit('/').next().unwrap().parse().unwrap()
    };
    let teacher_session = session(asker.offer("v=0").await);
    let mut sessions = Vec::new();
    for i in 0..3 {
        sessions.push(session(d.display(i).offer("v=0").await));
    }
    let cookie = asker.credential.clone().unwrap().1;
    let mut teacher = Page::open(address, json!({"kind": "hello"}), Some(&cookie)).await;
    teacher.hears("snapshot").await;
    // Everything ordered at the joins has arrived.
    let all = |c: &[Command]| c.iter().filter(|c| matches!(c, Command::Show { .. })).count();
    d.plane.until("first shows", |c| (all(c) >= 2 + 3 * 4).then_some(())).await;
    drop(asker);
    Scene { d, seats, sessions, teacher_session, teacher }
}

fn camera(seat: SeatId) -> Source {
    Source { seat, kind: SourceKind::Camera }
}

fn microphone(seat: SeatId) -> Source {
    Source { seat, kind: SourceKind::Microphone }
}

impl Scene {
    async fn call(&mut self, seat: Option<SeatId>) -> BTreeSet<Told> {
        self.d.plane.forget();
        self.teacher.say(json!({"kind": "call", "seat": seat})).await;
        self.teacher.hears("stage").await;
        // The orders were queued before the page was told; this one comes after them.
        self.teacher.say(json!({"kind": "clock"})).await;
        self.teacher.hears("clock").await;
        let expected = if seat.is_some() { 6 } else { 1 };
        self.d.plane.until("orders", |c| (told(c).len() >= expected).then_some(())).await;
        told(&self.d.plane.told())
    }
}

#[tokio::test]
async fn a_join_shows_the_teacher_and_thumbnails() {
    let s = scene().await;
    let teacher_seat = s.d.plane.told().iter().find_map(|c| match c {
        Command::Join { seat, role: tongke_signaling::command::SessionRole::Teacher, .. } => Some(*seat),
        _ => None,
    });
    let teacher_seat = teacher_seat.unwrap();
    let told = told(&s.d.plane.told());
    for session in &s.sessions {
        for (slot, kind) in [
            (Slot::TeacherVideo, SourceKind::Camera),
            (Slot::Screen, SourceKind::Screen),
            (Slot::TeacherAudio, SourceKind::Microphone),
            (Slot::ComputerSound, SourceKind::ComputerSound),
        ] {
            assert!(told.contains(&Told::Show(*session, slot, Some(Source { seat: teacher_seat, kind }))));
        }
    }
    let thumbnails =
        told.iter().filter(|t| matches!(t, Told::Show(id, Slot::Thumbnail(_), Some(_)) if *id == s.teacher_session));
    assert_eq!(thumbnails.count(), 2, "the interactive rooms");
    assert!(!told.iter().any(|t| matches!(t, Told::Mute(..))), "rooms start muted by themselves");
}

#[tokio::test]
async fn calling_opens_one_room_and_closes_the_other() {
    let mut s = scene().await;
    let (a, b) = (s.seats[0], s.seats[1]);
    let [at_a, at_b, at_c] = [s.sessions[0], s.sessions[1], s.sessions[2]];
    let teacher = s.teacher_session;
    let staged = |receiver, seat| {
        [
            Told::Show(receiver, Slot::StageVideo, Some(camera(seat))),
            Told::Show(receiver, Slot::StageAudio, Some(microphone(seat))),
        ]
    };

    let got = s.call(Some(a)).await;
    let mut wanted: BTreeSet<Told> = [teacher, at_b, at_c].into_iter().flat_map(|r| staged(r, a)).collect();
    wanted.insert(Told::Mute(microphone(a), false));
    assert_eq!(got, wanted);

    let got = s.call(Some(b)).await;
    let mut wanted: BTreeSet<Told> = [teacher, at_a, at_c].into_iter().flat_map(|r| staged(r, b)).collect();
    wanted.extend([Told::Mute(microphone(a), true), Told::Mute(microphone(b), false)]);
    wanted.extend([Told::Show(at_b, Slot::StageVideo, None), Told::Show(at_b, Slot::StageAudio, None)]);
    assert_eq!(got, wanted);
    let order: Vec<Command> = s.d.plane.told().into_iter().filter(|c| matches!(c, Command::Mute { .. })).collect();
    assert!(matches!(order[0], Command::Mute { muted: true, .. }), "closing comes before opening");

    let got = s.call(None).await;
    assert!(got.contains(&Told::Mute(microphone(b), true)));
}

#[tokio::test]
async fn a_room_on_stage_that_comes_back_is_heard_again() {
    let mut s = scene().await;
    let a = s.seats[0];
    s.call(Some(a)).await;
    s.d.plane.forget();
    let back = s.d.display(0).offer("v=0").await;
    let session: SessionId = back.header("location").unwrap().rsplit('/').next().unwrap().parse().unwrap();
    let expected = Told::Mute(microphone(a), false);
    s.d.plane.until("heard again", |c| told(c).contains(&expected).then_some(())).await;
    s.d.plane
        .until("the teacher is shown", |c| {
            told(c)
                .iter()
                .any(|t| matches!(t, Told::Show(id, Slot::TeacherVideo, Some(_)) if *id == session))
                .then_some(())
        })
        .await;
    let own = told(&s.d.plane.told());
    assert!(!own.iter().any(|t| matches!(t, Told::Show(id, Slot::StageAudio, Some(_)) if *id == session)));
}

#[tokio::test]
async fn layouts_and_hand_mutes_order_differences_only() {
    let mut s = scene().await;
    s.d.plane.forget();
    s.teacher.say(json!({"kind": "layout", "thumbnails": [s.seats[1]]})).await;
    let (t, b) = (s.teacher_session, s.seats[1]);
    let wanted =
        BTreeSet::from([Told::Show(t, Slot::Thumbnail(0), Some(camera(b))), Told::Show(t, Slot::Thumbnail(1), None)]);
    s.d.plane.until("layout", |c| (told(c) == wanted).then_some(())).await;
    s.d.plane.forget();
    s.teacher.say(json!({"kind": "mute", "seat": b, "source": "camera", "muted": true})).await;
    let wanted = BTreeSet::from([Told::Mute(camera(b), true)]);
    s.d.plane.until("mute", |c| (told(c) == wanted).then_some(())).await;
    let heard = s.teacher.hears("mute").await;
    assert_eq!((&heard["source"], &heard["muted"]), (&json!("camera"), &json!(true)));
}
