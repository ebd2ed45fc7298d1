//! A room that is muted reaches nobody, whatever it sends: the server mutes, not the page.

use std::time::Duration;

use serde_json::json;

use crate::client::{Client, ROOM, ROOM_STAGE_AUDIO};
use crate::demo::{Access, Demo};

/// What the teacher's page offers (protocol.md's table), and where the stage's sounds are.
const TEACHER: &[crate::client::Line] = {
    use crate::client::Line::{ReceiveAudio, ReceiveVideo, SendAudio, SendVideo};
    &[
        SendAudio,
        SendVideo,
        SendVideo,
        SendVideo,
        SendAudio,
        ReceiveVideo,
        ReceiveAudio,
        ReceiveAudio,
        ReceiveVideo,
        ReceiveVideo,
        ReceiveVideo,
        ReceiveVideo,
        ReceiveVideo,
        ReceiveVideo,
    ]
};
const TEACHER_STAGE_AUDIO: usize = 6;
const TEACHER_SECOND_AUDIO: usize = 7;

async fn join(demo: &Demo, access: &Access, lines: &[crate::client::Line]) -> Client {
    let url = format!("{}/api/lessons/{}/sessions", demo.base_url(), demo.lesson());
    Client::join(lines, |offer| demo.offer(&url, access, offer)).await
}

/// The seat of the display with this number.
fn seat_of(demo: &Demo, teacher: &Access, number: usize) -> String {
    let lesson = demo.read(&format!("/api/lessons/{}", demo.lesson()), teacher);
    let room = &demo.said["displays"][number]["room"];
    let rooms = lesson["rooms"].as_array().unwrap();
    let here = |one: &&serde_json::Value| {
        let named = format!("{} {}", one["school"]["name"].as_str().unwrap(), one["class"].as_str().unwrap());
        *room == named
    };
    let found = rooms.iter().find(here).unwrap_or_else(|| panic!("{room} in {lesson}"));
    found["seat"].as_str().unwrap().to_owned()
}

/// Lets the muted room send a hundred more packets and gives what the others got meanwhile.
async fn leak(speaker: &Client, listener: &Client, teacher: &Client) -> u64 {
    let heard = || {
        listener.packets(ROOM_STAGE_AUDIO)
            + teacher.packets(TEACHER_STAGE_AUDIO)
            + teacher.packets(TEACHER_SECOND_AUDIO)
    };
    let (before, sent) = (heard(), speaker.sent());
    speaker.wait("a hundred packets more", |speaker| speaker.sent() >= sent + 100).await;
    heard() - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_muted_room_that_keeps_sending_reaches_nobody() {
    let demo = Demo::start(5, 0);
    let teacher_access = demo.sign_teacher_in();
    demo.wait_for_the_bell(&teacher_access);
    let teacher = join(&demo, &teacher_access, TEACHER).await;
    let listener = join(&demo, &demo.pair_display(0), ROOM).await;
    let speaker = join(&demo, &demo.pair_display(2), ROOM).await;
    let seat = seat_of(&demo, &teacher_access, 2);
    let _speaking = speaker.speak();

    assert_eq!(leak(&speaker, &listener, &teacher).await, 0, "a room that nobody called is muted");

    let mut events = demo.events(&teacher_access);
    events.until("the snapshot", |message| message["kind"] == "snapshot");
    events.tell(&json!({ "kind": "call", "seat": seat }));
    // So it is the mute that kept the sound away, not the way.
    listener.wait("the room on stage is heard", |one| one.packets(ROOM_STAGE_AUDIO) > 25).await;
    teacher.wait("the teacher hears it", |one| one.packets(TEACHER_STAGE_AUDIO) > 25).await;

    events.tell(&json!({ "kind": "mute", "seat": seat, "source": "microphone", "muted": true }));
    events.until("it is muted", |message| message["kind"] == "mute" && message["muted"] == true);
    // What was on its way when the mute was ordered may still come.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(leak(&speaker, &listener, &teacher).await, 0, "a muted room is not heard on stage either");

    for client in [&speaker, &listener, &teacher] {
        client.close().await;
    }
}
