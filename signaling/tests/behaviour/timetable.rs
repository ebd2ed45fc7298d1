//! Schools, rooms, people, pairings, lessons, clashes, the wall, the demo.

use crate::district::{BELL, District, END, MINUTE, PASSWORD};
use axum::http::StatusCode;
use serde_json::{Value, json};
use tongke_signaling::schema::{Demo, DemoAccount, DemoDisplay, DemoLesson};

#[tokio::test]
async fn an_administrator_builds_a_pairing_from_nothing() {
    let d = District::new().await;
    let root = d.sign_in("root").await;
    let school = root.post("/api/schools", json!({"name": " North ", "kind": "urban", "group": "G"})).await;
    assert_eq!((school.status, &school.body["name"]), (StatusCode::CREATED, &json!("North")));
    assert_eq!(root.post("/api/schools", json!({"name": "North", "kind": "urban"})).await.code(), "name_taken");
    let id = &school.body["id"];
    let room = root.post("/api/rooms", json!({"school": id, "name": "A", "kind": "master"})).await;
    assert_eq!(room.body["display"]["state"], "none");
    let person = json!({"name": "Li", "user": "li", "password": "long enough", "role": "teacher", "school": id});
    let li = root.post("/api/people", person.clone()).await;
    assert_eq!(li.status, StatusCode::CREATED);
    assert_eq!(root.post("/api/people", person).await.code(), "user_taken");
    let short =
        root.post("/api/people", json!({"name": "", "user": "x", "password": "short", "role": "teacher"})).await;
    let fields: Vec<_> = short.body["error"]["fields"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["name", "password", "school"]);

    let pairing = json!({"subject": "Art", "grade": "4", "teacher": li.body["id"], "master_room": room.body["id"], "rural_rooms": [d.facts.rooms[0]]});
    let made = root.post("/api/pairings", pairing).await;
    assert_eq!((made.status, &made.body["rural"][0]["kind"]), (StatusCode::CREATED, &json!("interactive")));
    let wrong = json!({"subject": "Art", "grade": "4", "teacher": d.facts.city, "master_room": d.facts.rooms[0], "rural_rooms": [d.facts.master]});
    let wrong = root.post("/api/pairings", wrong).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(wrong.body["error"]["fields"].as_object().unwrap().len(), 3);
    let found = root.get("/api/pairings?q=Art").await;
    assert_eq!((&found.body["total"], &found.body["items"][0]["teacher"]["name"]), (&json!(1), &json!("Li")));
}

#[tokio::test]
async fn school_administrators_add_teachers_of_their_own_school_only() {
    let d = District::new().await;
    let head = d.sign_in("head").await;
    let person = |role: &str, school: Value| json!({"name": "N", "user": "new", "password": "long enough", "role": role, "school": school});
    assert_eq!(head.post("/api/people", person("region_admin", Value::Null)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        head.post("/api/people", person("school_admin", json!(d.facts.city))).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        head.post("/api/people", person("teacher", json!(d.facts.foreign_school))).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(head.post("/api/people", person("teacher", json!(d.facts.city))).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn all_clashes_are_named() {
    let d = District::new().await;
    let root = d.sign_in("root").await;
    let lesson = |starts: i64, ends: i64| json!({"pairing": d.facts.pairing, "starts_ms": starts, "ends_ms": ends});
    let clash = root.post("/api/lessons", lesson(BELL + MINUTE, END + MINUTE)).await;
    assert_eq!((clash.status, clash.code()), (StatusCode::CONFLICT, "clash"));
    let clashes = clash.body["error"]["clashes"].as_array().unwrap();
    let mut kinds: Vec<_> = clashes.iter().map(|c| c["kind"].as_str().unwrap()).collect();
    kinds.sort();
    assert_eq!(kinds, ["master_room", "rural_room", "rural_room", "rural_room", "teacher"]);
    assert_eq!(clashes[0]["lesson"], json!(d.facts.lesson));
    // Back to back is no clash.
    let next = root.post("/api/lessons", lesson(END, END + 40 * MINUTE)).await;
    assert_eq!((next.status, &next.body["title"]), (StatusCode::CREATED, &json!("Music")));
    assert_eq!(root.post("/api/lessons", lesson(END, END)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(root.post("/api/lessons", lesson(1, 2 * MINUTE)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // A lesson that is followed by another cannot be extended.
    d.at(BELL, "live").await;
    let teacher = d.sign_in("wang").await;
    assert_eq!(
        teacher.post(&format!("/api/lessons/{}/extend", d.facts.lesson), json!({})).await.code(),
        "planned_next"
    );
    // A cancelled lesson clashes with nothing and is never opened.
    let next = format!("/api/lessons/{}", next.body["id"].as_str().unwrap());
    assert_eq!(root.delete(&next).await.status, StatusCode::NO_CONTENT);
    assert_eq!(root.delete(&next).await.code(), "not_planned");
    assert_eq!(
        teacher.post(&format!("/api/lessons/{}/extend", d.facts.lesson), json!({})).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn today_shows_everybody_their_own() {
    let d = District::new().await;
    let teacher = d.sign_in("wang").await;
    let today = teacher.get("/api/today").await.body;
    assert_eq!(today["lessons"].as_array().unwrap().len(), 1);
    let display = d.display(1).get("/api/today").await.body;
    assert_eq!((&display["room"]["name"], &display["lessons"][0]["title"]), (&json!("Room 1"), &json!("Lesson 5")));
    assert_eq!(display["room"]["kind"], "interactive");
    let foreign = d.bearer(&d.facts.foreign_display.clone()).get("/api/today").await.body;
    assert_eq!(foreign["lessons"], json!([]));
    d.clock.advance(24 * 60 * MINUTE);
    assert_eq!(d.display(1).get("/api/today").await.body["lessons"], json!([]), "tomorrow is another day");
}

#[tokio::test]
async fn the_wall_says_what_is_wrong_and_since_when() {
    let d = District::new().await;
    let root = d.sign_in("root").await;
    let wall = root.get("/api/wall").await.body;
    assert_eq!(wall["lessons"][0]["health"], "amber", "no display is on and the bell is near");
    assert_eq!(wall["at_risk"], json!([d.facts.lesson]));
    d.at(BELL, "live").await;
    d.admitted().await;
    d.clock.advance(2_000);
    d.settle().await;
    let wall = root.get("/api/wall").await.body;
    let lesson = &wall["lessons"][0];
    assert_eq!(lesson["health"], "red");
    let codes: Vec<_> = lesson["causes"].as_array().unwrap().iter().map(|c| c["code"].as_str().unwrap()).collect();
    assert_eq!(codes[0], "teacher_absent");
    assert_eq!(codes.iter().filter(|c| **c == "room_absent").count(), 3);
    let since = lesson["causes"][0]["since_ms"].as_i64().unwrap();
    assert!((BELL..=BELL + 2_000).contains(&since));
    d.sign_in("wang").await.offer("v=0").await;
    for i in 0..3 {
        d.display(i).offer("v=0").await;
    }
    d.connected(4).await;
    d.clock.advance(2_000);
    d.settle().await;
    let wall = root.get("/api/wall").await.body;
    assert_eq!(wall["lessons"][0]["health"], "amber", "nobody sends yet: {wall}");
}

#[tokio::test]
async fn the_demo_s_start_page_is_kept_and_leads_to_this_server() {
    let d = District::new().await;
    assert_eq!(d.anon().get("/api/demo").await.status, StatusCode::NOT_FOUND, "nothing was kept yet");
    let account = |user: &str, url: &str| DemoAccount { user: user.into(), password: PASSWORD.into(), url: url.into() };
    let demo = Demo {
        teacher: account("wang", "/teacher"),
        admin: account("root", "/admin"),
        displays: vec![DemoDisplay { room: "R".into(), school: "S".into(), url: "/display#secret=x".into() }],
        lesson: DemoLesson { id: d.facts.lesson, title: String::new(), starts_ms: 0, ends_ms: 0 },
        library_url: "/library".into(),
    };
    d.signaling.keep_demo(&demo).await.unwrap();
    let d = d.restart().await;
    let page = d.anon().get("/api/demo").await.body;
    assert_eq!(page["displays"][0]["url"], "http://127.0.0.1:8080/display#secret=x");
    assert_eq!((&page["lesson"]["starts_ms"], &page["lesson"]["title"]), (&json!(BELL), &json!("Lesson 5")));
    let login = json!({"user": page["teacher"]["user"], "password": page["teacher"]["password"]});
    assert_eq!(d.anon().post("/api/login", login).await.status, StatusCode::OK);
}
