//! Signing in and out, and the demo's start page.

use super::App;
use super::door::{Address, COOKIE, Form};
use crate::auth::{Caller, Identity, TryKey};
use crate::error::{Error, Result};
use crate::schema::{Demo, ErrorAnswer, LoginRequest, Person};
use crate::secret::{hash, random_token};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};

/// At most this many wrong passwords in the window, per account and per address.
const TRIES_MAX: usize = 10;
const TRIES_WINDOW_MS: i64 = 15 * 60_000;

/// What the demo's start page shows.
#[utoipa::path(get, path = "/api/demo", tag = "demo",
    responses((status = 200, body = Demo), (status = 404, description = "Not a demo", body = ErrorAnswer)))]
pub(crate) async fn demo(State(office): State<App>) -> Result<Json<Demo>> {
    office.demo().await.map(Json)
}

/// Signs in; sets the cookie.
#[utoipa::path(post, path = "/api/login", tag = "account", request_body = LoginRequest,
    responses((status = 200, body = Person), (status = 401, body = ErrorAnswer), (status = 429, body = ErrorAnswer)))]
pub(crate) async fn login(
    State(office): State<App>,
    Address(address): Address,
    jar: CookieJar,
    Form(form): Form<LoginRequest>,
) -> Result<(CookieJar, Json<Person>)> {
    let now_ms = office.now().ms;
    let user: String = form.user.trim().chars().take(200).collect();
    let account = TryKey::Account(user.clone());
    let address = TryKey::Address(address);
    // A flood is turned away before it queues; then one at a time, so that a school's twenty teachers who sign in at
    // once from one address are not taken for a guesser.
    for key in [&address, &account] {
        office.tries.check(key, TRIES_MAX, TRIES_WINDOW_MS, now_ms)?;
    }
    let found = office.store.password_of(&user).await?;
    let turn = office.passwords.turn().await?;
    for key in [&address, &account] {
        office.tries.begin(key.clone(), TRIES_MAX, TRIES_WINDOW_MS, now_ms)?;
    }
    let (id, password) = found.map_or((None, None), |(id, password)| (Some(id), password));
    let right = office.passwords.verify(turn, form.password, password).await?;
    let Some(id) = id.filter(|_| right) else { return Err(Error::BadCredentials) };
    office.tries.succeeded(&address);
    office.tries.succeeded(&account);
    let token = random_token();
    office.store.add_session(&hash(&token), id, now_ms, now_ms + office.config.session_ms).await?;
    let cookie = Cookie::build((COOKIE, token)).path("/").secure(true).http_only(true).same_site(SameSite::Lax);
    Ok((jar.add(cookie), Json(office.store.person(id).await?)))
}

/// Signs out; the event streams of this sign-in are closed.
#[utoipa::path(post, path = "/api/logout", tag = "account",
    responses((status = 204), (status = 401, body = ErrorAnswer)))]
pub(crate) async fn logout(State(office): State<App>, me: Identity, jar: CookieJar) -> Result<(CookieJar, StatusCode)> {
    office.store.drop_session(&me.credential).await?;
    office.hub.drop_credential(&me.credential);
    let gone = Cookie::build((COOKIE, "")).path("/").secure(true);
    Ok((jar.remove(gone), StatusCode::NO_CONTENT))
}

/// Who signed in.
#[utoipa::path(get, path = "/api/me", tag = "account",
    responses((status = 200, body = Person), (status = 401, body = ErrorAnswer)))]
pub(crate) async fn me(State(office): State<App>, me: Identity) -> Result<Json<Person>> {
    let Caller::Person { id, .. } = me.caller else { return Err(Error::NotSignedIn) };
    office.store.person(id).await.map(Json)
}
