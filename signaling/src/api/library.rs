//! The library: catalogue, and playback by signed links.

use super::App;
use super::door::{Path, Query};
use crate::auth::Identity;
use crate::command::RecordingId;
use crate::error::{Error, Result};
use crate::lesson::Span;
use crate::model::{RecordingState, TroubleKind};
use crate::schema::{
    ErrorAnswer, LibraryPage, LibraryQuery, RecordedRun, RecordedTrack, RecordingDetail, SignatureQuery, Trouble,
};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;
use tower_http::services::ServeFile;

/// Recorded lessons one may see, newest first.
#[utoipa::path(get, path = "/api/library", tag = "library", params(LibraryQuery),
    responses((status = 200, body = LibraryPage)))]
pub(crate) async fn library(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<LibraryQuery>,
) -> Result<Json<LibraryPage>> {
    office.store.library(me.caller.scope()?, &q).await.map(Json)
}

/// One recorded lesson, with links that play it.
#[utoipa::path(get, path = "/api/library/{recording}", tag = "library", params(("recording" = RecordingId, Path)),
    responses((status = 200, body = RecordingDetail), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn recording(
    State(office): State<App>,
    me: Identity,
    Path(id): Path<RecordingId>,
) -> Result<Json<RecordingDetail>> {
    let facts = office.store.recording(id, me.caller.scope()?).await?;
    let viewer = me.caller.viewer_name().ok_or(Error::Forbidden)?;
    let sig = office.key.sign(&id.to_string(), &viewer, office.now().ms + office.config.playback_ms);
    let mut tracks = Vec::with_capacity(facts.tracks.len());
    for track in facts.tracks {
        let parts = office.store.parts(id, Some(&track.track)).await?;
        let runs = office.shelf.runs(id, &track.track, &parts).into_iter().enumerate().map(|(n, run)| RecordedRun {
            start_ms: run.start_ms,
            duration_ms: run.duration_ms,
            playlist: format!("/api/library/{id}/tracks/{}/runs/{n}.m3u8?sig={sig}", track.track),
        });
        let seat = facts.seats.iter().find(|(seat, ..)| *seat == track.source.seat);
        let (who, teacher) = seat.map_or(("", false), |(_, who, teacher)| (who.as_str(), *teacher));
        tracks.push(RecordedTrack {
            runs: runs.collect(),
            kind: track.source.kind,
            who: who.to_owned(),
            teacher,
            seat: track.source.seat,
            id: track.track,
        });
    }
    let spans = office.store.troubles(id).await?;
    let troubles = spans.into_iter().filter_map(|span| {
        let (_, who, teacher) = facts.seats.iter().find(|(seat, ..)| *seat == span.seat)?;
        Some(trouble(span, who, *teacher))
    });
    let (entry, started_ms, troubles) = (facts.entry, facts.started_ms, troubles.collect());
    Ok(Json(RecordingDetail { entry, started_ms, tracks, chapters: facts.chapters, gaps: facts.gaps, troubles }))
}

/// Up to this share of loss, retransmission and redundancy bring nearly all of the sound.
const SOUND_REPAIRED_PERMILLE: u16 = 100;

fn trouble(span: Span, who: &str, teacher: bool) -> Trouble {
    Trouble {
        seat: span.seat,
        who: who.to_owned(),
        teacher,
        kind: span.kind,
        from_ms: span.from_ms,
        to_ms: span.to_ms,
        bad_ms: span.bad_ms,
        sound_fine: span.kind != TroubleKind::Absent && span.loss_permille <= SOUND_REPAIRED_PERMILLE,
        cause: span.cause,
        down_kbps: span.down_kbps,
        loss_permille: span.loss_permille,
        round_trip_ms: span.round_trip_ms,
    }
}

/// A plain name: what the recorder makes, and nothing that could walk out of a folder.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.chars().all(plain)
}

/// Lets pass whoever signed in and may see the recording, or comes with a link made for somebody who (still) may.
async fn admit(office: &App, me: Option<&Identity>, id: RecordingId, sig: Option<&str>) -> Result<()> {
    if let Some(me) = me
        && office.store.recording_in_scope(id, me.caller.scope()?).await?
    {
        return Ok(());
    }
    let Some(sig) = sig else { return Err(Error::NotFound) };
    let viewer = office.key.verify(&id.to_string(), sig, office.now().ms).ok_or(Error::BadSignature)?;
    let caller = office.store.by_viewer_name(&viewer).await?.ok_or(Error::BadSignature)?;
    match office.store.recording_in_scope(id, caller.scope()?).await? {
        true => Ok(()),
        false => Err(Error::NotFound),
    }
}

/// The HLS playlist of a stretch; `run` is `<n>.m3u8`.
#[utoipa::path(get, path = "/api/library/{recording}/tracks/{track}/runs/{run}", tag = "library",
    params(("recording" = RecordingId, Path), ("track" = String, Path), ("run" = String, Path), SignatureQuery),
    responses((status = 200, body = String, content_type = "application/vnd.apple.mpegurl"),
        (status = 403, description = "`bad_signature`: fetch the detail again", body = ErrorAnswer), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn playlist(
    State(office): State<App>,
    me: Option<axum::Extension<Identity>>,
    Path((id, track, run)): Path<(RecordingId, String, String)>,
    Query(q): Query<SignatureQuery>,
) -> Result<Response> {
    admit(&office, me.as_deref(), id, q.sig.as_deref()).await?;
    let run = run.strip_suffix(".m3u8").and_then(|n| n.parse::<usize>().ok()).ok_or(Error::NotFound)?;
    if !is_plain(&track) {
        return Err(Error::NotFound);
    }
    let parts = office.store.parts(id, Some(&track)).await?;
    let facts = office.store.recording(id, Default::default()).await?;
    let sig = q.sig.map(|sig| format!("?sig={sig}")).unwrap_or_default();
    let uri = |file: &str| format!("/api/library/{id}/tracks/{track}/{file}{sig}");
    let ended = facts.entry.state != RecordingState::Growing;
    let text = office.shelf.playlist(id, &track, &parts, run, &uri, ended).ok_or(Error::NotFound)?;
    Ok(([(header::CONTENT_TYPE, "application/vnd.apple.mpegurl")], text).into_response())
}

/// A file of a track; ranges are answered.
#[utoipa::path(get, path = "/api/library/{recording}/tracks/{track}/{file}", tag = "library",
    params(("recording" = RecordingId, Path), ("track" = String, Path), ("file" = String, Path), SignatureQuery),
    responses((status = 200, body = Vec<u8>, content_type = "video/mp4"), (status = 206, body = Vec<u8>, content_type = "video/mp4"),
        (status = 403, body = ErrorAnswer), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn file(
    State(office): State<App>,
    me: Option<axum::Extension<Identity>>,
    Path((id, track, file)): Path<(RecordingId, String, String)>,
    Query(q): Query<SignatureQuery>,
    request: Request,
) -> Result<Response> {
    admit(&office, me.as_deref(), id, q.sig.as_deref()).await?;
    if !is_plain(&track) || !is_plain(&file) {
        return Err(Error::NotFound);
    }
    let path = office.shelf.file(id, &track, &file).ok_or(Error::NotFound)?;
    let served = ServeFile::new(path).oneshot(request).await;
    let served = served.unwrap_or_else(|never| match never {});
    if served.status() == axum::http::StatusCode::NOT_FOUND {
        return Err(Error::NotFound);
    }
    let mut response = served.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("video/mp4"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_cannot_walk() {
        for bad in ["", "..", ".x", "a/b", "a\\b", "a%2fb", "ä", &"a".repeat(129)] {
            assert!(!super::is_plain(bad), "{bad}");
        }
        assert!(super::is_plain("part-12.m4s"));
    }
}
