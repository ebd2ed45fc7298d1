//! Sign-in and what is refused before any handler sees it; the committed API description.

use crate::district::{District, MINUTE, PASSWORD};
use axum::http::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn signing_in_and_out() {
    let d = District::new().await;
    let wrong = d.anon().post("/api/login", json!({"user": "wang", "password": "no"})).await;
    assert_eq!((wrong.status, wrong.code()), (StatusCode::UNAUTHORIZED, "bad_credentials"));
    let nobody = d.anon().post("/api/login", json!({"user": "nobody", "password": "no"})).await;
    assert_eq!((nobody.status, nobody.text), (wrong.status, wrong.text), "they cannot be told apart");

    let right = d.anon().post("/api/login", json!({"user": "wang", "password": PASSWORD})).await;
    let cookie = right.header("set-cookie").unwrap();
    for part in ["__Host-tongke=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"));
    assert_eq!(right.body["role"], "teacher");
    assert_eq!(right.body["school"]["name"], "City");

    let me = d.sign_in("wang").await;
    assert_eq!(me.get("/api/me").await.body["user"], "wang");
    assert_eq!(me.post("/api/logout", json!({})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(me.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(d.anon().get("/api/me").await.code(), "not_signed_in");
}

#[tokio::test]
async fn sign_ins_end_with_time_and_with_a_new_password() {
    let d = District::new().await;
    let me = d.sign_in("wang").await;
    d.signaling.set_password("wang", "another-one").await.unwrap();
    assert_eq!(me.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    let me = d.sign_in("root").await;
    d.clock.advance(12 * 60 * MINUTE);
    assert_eq!(me.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_is_stopped_after_ten_tries() {
    let d = District::new().await;
    let anon = d.anon();
    let guess = || anon.post("/api/login", json!({"user": "wang", "password": "no"}));
    for _ in 0..10 {
        assert_eq!(guess().await.status, StatusCode::UNAUTHORIZED);
    }
    let stopped = guess().await;
    assert_eq!((stopped.status, stopped.code()), (StatusCode::TOO_MANY_REQUESTS, "too_many_tries"));
    assert!(stopped.header("retry-after").unwrap().parse::<i64>().unwrap() > 890);
    // The right password does not help either, nor does another account from the same address.
    let right = d.anon().post("/api/login", json!({"user": "wang", "password": PASSWORD})).await;
    assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS);
    d.clock.advance(15 * MINUTE);
    d.sign_in("wang").await;
}

#[tokio::test]
async fn bodies_are_bounded_and_typed() {
    let d = District::new().await;
    let login = |kind: &'static str, body: String| {
        let d = &d;
        async move { d.anon().send(Method::POST, "/api/login", &[("content-type", kind)], body).await.status.as_u16() }
    };
    assert_eq!(login("text/plain", "{}".into()).await, 415);
    assert_eq!(login("application/json", "{".into()).await, 400);
    assert_eq!(login("application/json; charset=utf-8", "[]".into()).await, 422);
    assert_eq!(login("application/json", format!("\"{}\"", "x".repeat(256 * 1024))).await, 413);
    assert_eq!(login("application/json", format!("{{\"x\":{}", "[".repeat(100_000))).await, 400, "nesting");
    assert_eq!(d.anon().get("/api/nothing").await.status, StatusCode::NOT_FOUND);
    let root = d.sign_in("root").await;
    assert_eq!(root.get("/api/rooms?page=x").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(root.get("/api/lessons/not-a-uuid").await.status, StatusCode::NOT_FOUND);
    assert_eq!(root.get("/api/rooms?page=-4&per_page=100000&q=%25%27").await.status, StatusCode::OK);
}

#[tokio::test]
async fn pages_of_other_origins_cannot_act() {
    let d = District::new().await;
    let me = d.sign_in("wang").await;
    let json = ("content-type", "application/json");
    for foreign in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let refused = me.send(Method::POST, "/api/logout", &[json, foreign], "{}").await;
        assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "foreign_origin"));
    }
    let own = me.send(Method::POST, "/api/logout", &[json, ("origin", "https://tongke.example")], "{}").await;
    assert_eq!(own.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn anybody_may_ask_for_time_health_and_description() {
    let d = District::new().await;
    assert_eq!(d.anon().get("/healthz").await.text, "ok");
    assert_eq!(d.anon().get("/api/clock").await.body["now_ms"], d.signaling.now_ms());
    assert_eq!(d.anon().get("/api/openapi.json").await.body["openapi"], "3.1.0");
}

#[test]
fn the_committed_api_description_is_fresh() {
    let committed = include_str!("../../openapi.json");
    assert!(
        committed == tongke_signaling::openapi_json(),
        "signaling/openapi.json is stale; renew it: cargo run -p tongke-signaling --example openapi > signaling/openapi.json"
    );
}

#[test]
fn the_api_description_refers_to_nothing_that_is_missing() {
    let text = tongke_signaling::openapi_json();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let known = value["components"]["schemas"].as_object().unwrap();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(known.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn twenty_teachers_sign_in_at_once_from_one_address() {
    let d = District::new().await;
    let anon = d.anon();
    let login = || anon.post("/api/login", json!({"user": "wang", "password": PASSWORD}));
    let all = futures_util::future::join_all((0..20).map(|_| login())).await;
    assert!(all.iter().all(|r| r.status == StatusCode::OK));
}

#[tokio::test]
async fn unknown_addresses_and_methods_answer_in_the_api_s_own_form() {
    let d = District::new().await;
    let unknown = d.anon().get("/api/no/such/thing").await;
    assert_eq!((unknown.status, unknown.code()), (StatusCode::NOT_FOUND, "not_found"));
    let method = d.anon().send(Method::PUT, "/api/login", &[], "").await;
    assert_eq!(method.status, StatusCode::METHOD_NOT_ALLOWED);
}
