//! WebRTC sessions: pages' offers, WHIP (RFC 9725) and WHEP. SDP passes through unread.

use super::App;
use super::door::{Fragment, Offer, Path, Query};
use crate::auth::{Caller, Identity};
use crate::command::{LessonId, SessionId, Slot};
use crate::error::{Error, Result};
use crate::joining::{Joined, NOT_OPEN, Owner};
use crate::lesson::{Holder, PageKey, Seating};
use crate::messages::slot_word;
use crate::schema::{ErrorAnswer, WhepQuery, WhipQuery};
use crate::stage::View;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;

/// Longest id a page gives itself.
const PAGE_MAX: usize = 64;

fn page_key(headers: &HeaderMap, me: &Identity) -> PageKey {
    let page =
        headers.get("tongke-page").and_then(|v| v.to_str().ok()).filter(|p| !p.is_empty() && p.len() <= PAGE_MAX);
    PageKey { page: page.map(str::to_owned), credential: me.credential.clone() }
}

fn holder(me: &Identity) -> Result<Holder> {
    match me.caller {
        Caller::Person { id, .. } => Ok(Holder::Person(id)),
        Caller::Display { room: Some(room), .. } => Ok(Holder::Room(room)),
        _ => Err(Error::Forbidden),
    }
}

fn slots_json(slots: &[(Slot, String)]) -> String {
    let map: BTreeMap<&str, String> = slots.iter().map(|(slot, mid)| (mid.as_str(), slot_word(*slot))).collect();
    serde_json::to_string(&map).unwrap_or_default()
}

fn created(base: &str, joined: Joined) -> Response {
    let slots = slots_json(&joined.slots);
    let headers = [
        (header::CONTENT_TYPE, "application/sdp".to_owned()),
        (header::LOCATION, format!("{base}/{}", joined.session)),
        (header::ETAG, joined.etag),
        (HeaderName::from_static("accept-patch"), "application/trickle-ice-sdpfrag".to_owned()),
        (HeaderName::from_static("tongke-slots"), slots),
    ];
    (StatusCode::CREATED, headers, joined.answer).into_response()
}

/// Candidates alone have no answer; a restart has one (RFC 9725 §4.3.2, §4.3.3).
fn restarted(answer: Option<(String, String)>) -> Response {
    let Some((fragment, etag)) = answer else { return StatusCode::NO_CONTENT.into_response() };
    let headers = [(header::CONTENT_TYPE, "application/trickle-ice-sdpfrag".to_owned()), (header::ETAG, etag)];
    (StatusCode::OK, headers, fragment).into_response()
}

fn if_match(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::IF_MATCH).and_then(|v| v.to_str().ok()).map(str::trim)
}

/// A page offers. Its m-lines and who may be there depend on the seat: the teacher's, or the display's room.
#[utoipa::path(post, path = "/api/lessons/{lesson}/sessions", tag = "sessions",
    params(("lesson" = LessonId, Path), ("Tongke-Page" = Option<String>, Header,
        description = "Random id of the page, as in `hello.page`: a page that offers again is not told `replaced`")),
    request_body(content = String, content_type = "application/sdp"),
    responses((status = 201, description = "The answer", body = String, content_type = "application/sdp",
        headers(("Location" = String, description = "For PATCH and DELETE"), ("ETag" = String, description = "ICE credentials"),
            ("Tongke-Slots" = String, description = "JSON: mid → slot name"))),
        (status = 404, body = ErrorAnswer), (status = 409, description = "`lesson_not_open`", body = ErrorAnswer),
        (status = 413, body = ErrorAnswer), (status = 415, body = ErrorAnswer),
        (status = 422, description = "`unfit_offer`, with `line`", body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub(crate) async fn offer(
    State(office): State<App>,
    me: Identity,
    Path(lesson): Path<LessonId>,
    headers: HeaderMap,
    Offer(offer): Offer,
) -> Result<Response> {
    let holder = holder(&me)?;
    // A running lesson knows its members; only others are looked up.
    let known = office.act(|floor, _, _| floor.lesson(lesson).map(|l| l.seat_of(holder).is_some()));
    match known {
        Some(true) => {}
        Some(false) => return Err(Error::NotFound),
        None => {
            office.store.lesson(lesson, me.caller.scope()?, 0).await?;
            return Err(NOT_OPEN);
        }
    }
    let joined = office.join(lesson, Seating::Holder(holder), page_key(&headers, &me), offer).await?;
    Ok(created(&format!("/api/lessons/{lesson}/sessions"), joined))
}

/// ICE restart or trickled candidates.
#[utoipa::path(patch, path = "/api/lessons/{lesson}/sessions/{session}", tag = "sessions",
    params(("lesson" = LessonId, Path), ("session" = SessionId, Path), ("If-Match" = String, Header)),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"),
    responses((status = 200, body = String, content_type = "application/trickle-ice-sdpfrag",
        headers(("ETag" = String, description = "New ICE credentials"))),
        (status = 204, description = "Candidates only: nothing is restarted"), (status = 404, body = ErrorAnswer), (status = 412, body = ErrorAnswer), (status = 428, body = ErrorAnswer)))]
pub(crate) async fn patch(
    State(office): State<App>,
    me: Identity,
    Path(ids): Path<(LessonId, SessionId)>,
    headers: HeaderMap,
    Fragment(fragment): Fragment,
) -> Result<Response> {
    let owner = Owner::Holder(holder(&me)?);
    office.restart(ids, owner, if_match(&headers), fragment).await.map(restarted)
}

/// Leaves.
#[utoipa::path(delete, path = "/api/lessons/{lesson}/sessions/{session}", tag = "sessions",
    params(("lesson" = LessonId, Path), ("session" = SessionId, Path)),
    responses((status = 204), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn leave(
    State(office): State<App>,
    me: Identity,
    Path((lesson, session)): Path<(LessonId, SessionId)>,
) -> Result<StatusCode> {
    office.leave(lesson, session, Owner::Holder(holder(&me)?))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The bearer opens this lesson and no other.
fn of_lesson(me: &Identity, lesson: LessonId) -> Result<()> {
    match me.caller {
        Caller::Lesson { lesson: own, .. } if own == lesson => Ok(()),
        _ => Err(Error::NotFound),
    }
}

async fn join_as(office: &App, me: &Identity, lesson: LessonId, seating: Seating, offer: String) -> Result<Joined> {
    of_lesson(me, lesson)?;
    // Recorder boxes and players are not pages; each is its own.
    let page = PageKey { page: Some(crate::secret::random_token()), credential: me.credential.clone() };
    office.join(lesson, seating, page, offer).await
}

/// WHIP: publishes as the lesson's teacher.
#[utoipa::path(post, path = "/whip/{lesson}", tag = "whip", params(("lesson" = LessonId, Path), WhipQuery),
    request_body(content = String, content_type = "application/sdp"),
    responses((status = 201, body = String, content_type = "application/sdp"), (status = 404, body = ErrorAnswer),
        (status = 409, body = ErrorAnswer), (status = 422, body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub(crate) async fn whip(
    State(office): State<App>,
    me: Identity,
    Path(lesson): Path<LessonId>,
    Query(q): Query<WhipQuery>,
    Offer(offer): Offer,
) -> Result<Response> {
    let screen = match q.source.as_deref() {
        None | Some("camera") => false,
        Some("screen") => true,
        Some(_) => return Err(Error::field("source", "`screen` or nothing")),
    };
    let joined = join_as(&office, &me, lesson, Seating::Whip { screen }, offer).await?;
    Ok(created(&format!("/whip/{lesson}"), joined))
}

/// WHEP: watches the lesson. `view` chooses whom.
#[utoipa::path(post, path = "/whep/{lesson}", tag = "whep", params(("lesson" = LessonId, Path), WhepQuery),
    request_body(content = String, content_type = "application/sdp"),
    responses((status = 201, body = String, content_type = "application/sdp"), (status = 404, body = ErrorAnswer),
        (status = 409, body = ErrorAnswer), (status = 422, body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub(crate) async fn whep(
    State(office): State<App>,
    me: Identity,
    Path(lesson): Path<LessonId>,
    Query(q): Query<WhepQuery>,
    Offer(offer): Offer,
) -> Result<Response> {
    let view = match q.view.as_deref() {
        None | Some("teacher") => View::Teacher,
        Some("screen") => View::Screen,
        Some("stage") => View::Stage,
        Some(_) => return Err(Error::field("view", "`teacher`, `screen` or `stage`")),
    };
    let joined = join_as(&office, &me, lesson, Seating::Whep(view), offer).await?;
    Ok(created(&format!("/whep/{lesson}"), joined))
}

/// What a WHIP client may send (RFC 9725 §4.2).
#[utoipa::path(options, path = "/whip/{lesson}", tag = "whip", params(("lesson" = String, Path)), responses((status = 204)))]
pub(crate) async fn whip_options() -> Response {
    options()
}

/// What a WHEP client may send.
#[utoipa::path(options, path = "/whep/{lesson}", tag = "whep", params(("lesson" = String, Path)), responses((status = 204)))]
pub(crate) async fn whep_options() -> Response {
    options()
}

fn options() -> Response {
    let headers = [(HeaderName::from_static("accept-post"), "application/sdp"), (header::ALLOW, "OPTIONS, POST")];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// WHIP: ICE restart or trickled candidates.
#[utoipa::path(patch, path = "/whip/{lesson}/{session}", tag = "whip",
    params(("lesson" = LessonId, Path), ("session" = SessionId, Path), ("If-Match" = String, Header)),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"),
    responses((status = 200, body = String, content_type = "application/trickle-ice-sdpfrag"),
        (status = 204, description = "Candidates only: nothing is restarted"), (status = 404, body = ErrorAnswer), (status = 412, body = ErrorAnswer), (status = 428, body = ErrorAnswer)))]
pub(crate) async fn patch_whip(
    State(office): State<App>,
    me: Identity,
    Path(ids): Path<(LessonId, SessionId)>,
    headers: HeaderMap,
    Fragment(fragment): Fragment,
) -> Result<Response> {
    of_lesson(&me, ids.0)?;
    office.restart(ids, Owner::Whip, if_match(&headers), fragment).await.map(restarted)
}

/// WHIP: leaves.
#[utoipa::path(delete, path = "/whip/{lesson}/{session}", tag = "whip",
    params(("lesson" = LessonId, Path), ("session" = SessionId, Path)),
    responses((status = 204), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn leave_whip(
    State(office): State<App>,
    me: Identity,
    Path((lesson, session)): Path<(LessonId, SessionId)>,
) -> Result<StatusCode> {
    of_lesson(&me, lesson)?;
    office.leave(lesson, session, Owner::Whip)?;
    Ok(StatusCode::NO_CONTENT)
}

/// WHEP: ICE restart or trickled candidates.
#[utoipa::path(patch, path = "/whep/{lesson}/{session}", tag = "whep",
    params(("lesson" = LessonId, Path), ("session" = SessionId, Path), ("If-Match" = String, Header)),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"),
    responses((status = 200, body = String, content_type = "application/trickle-ice-sdpfrag"),
        (status = 204, description = "Candidates only: nothing is restarted"), (status = 404, body = ErrorAnswer), (status = 412, body = ErrorAnswer), (status = 428, body = ErrorAnswer)))]
pub(crate) async fn patch_whep(
    State(office): State<App>,
    me: Identity,
    Path(ids): Path<(LessonId, SessionId)>,
    headers: HeaderMap,
    Fragment(fragment): Fragment,
) -> Result<Response> {
    of_lesson(&me, ids.0)?;
    office.restart(ids, Owner::Whep, if_match(&headers), fragment).await.map(restarted)
}

/// WHEP: leaves.
#[utoipa::path(delete, path = "/whep/{lesson}/{session}", tag = "whep",
    params(("lesson" = LessonId, Path), ("session" = SessionId, Path)),
    responses((status = 204), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn leave_whep(
    State(office): State<App>,
    me: Identity,
    Path((lesson, session)): Path<(LessonId, SessionId)>,
) -> Result<StatusCode> {
    of_lesson(&me, lesson)?;
    office.leave(lesson, session, Owner::Whep)?;
    Ok(StatusCode::NO_CONTENT)
}
