//! The HTTP API. [`RULES`] is its table of contents: who may call what. A route that is not in the table is not
//! served.

mod account;
mod calendar;
mod changes;
mod displays;
mod door;
mod events;
mod import;
mod ledger;
mod lessons;
mod library;
mod market;
mod places;
mod sessions;
mod slots;
mod table;
mod timetable;

pub use table::{RULES, Rule, Who};

use crate::office::Office;
use crate::schema::ClockAnswer;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, middleware};
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) type App = Arc<Office>;

/// JSON bodies may have this size, in bytes.
pub(crate) const JSON_MAX: usize = 256 * 1024;
/// Workbooks may have this size, in bytes: 100,000 rows have far less.
pub(crate) const UPLOAD_MAX: usize = 16 * 1024 * 1024;
/// SDP offers and fragments may have this size, in bytes.
pub(crate) const SDP_MAX: usize = 64 * 1024;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tongke",
        description = "Synchronous classroom server. Times are epoch milliseconds, ids are UUID text, errors are `ErrorAnswer`. \
                       `/api/events` is a WebSocket: the page sends `PageMessage` (first `hello`), the server sends `Numbered` \
                       server messages. Pages send the header `Tongke-Page` (random id of the tab, the same as `hello.page`) with \
                       their offers, so that a page that offers again does not count as another page taking its seat.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(
        crate::schema::ErrorAnswer,
        crate::messages::ServerMessage,
        crate::messages::Numbered,
        crate::messages::PageMessage,
        crate::command::SessionId,
    ))
)]
struct Description;

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(clock))
        .routes(routes!(health))
        .routes(routes!(description))
        .routes(routes!(account::demo))
        .routes(routes!(account::login))
        .routes(routes!(account::logout))
        .routes(routes!(account::me))
        .routes(routes!(places::schools, places::add_school))
        .routes(routes!(places::rooms, places::add_room))
        .routes(routes!(places::people, places::add_person))
        .routes(routes!(places::pairings, places::add_pairing))
        .routes(routes!(lessons::lessons, lessons::add_lesson))
        .routes(routes!(lessons::lesson, lessons::cancel_lesson))
        .routes(routes!(lessons::today))
        .routes(routes!(lessons::wall))
        .routes(routes!(lessons::start))
        .routes(routes!(lessons::end))
        .routes(routes!(lessons::extend))
        .routes(routes!(lessons::add_token))
        .merge(calendar_routes())
        .routes(routes!(displays::displays, displays::add_display))
        .routes(routes!(displays::display_self))
        .routes(routes!(displays::exchange))
        .routes(routes!(displays::confirm))
        .routes(routes!(displays::revoke))
        .routes(routes!(sessions::offer))
        .routes(routes!(sessions::patch, sessions::leave))
        .routes(routes!(sessions::whip, sessions::whip_options))
        .routes(routes!(sessions::patch_whip, sessions::leave_whip))
        .routes(routes!(sessions::whep, sessions::whep_options))
        .routes(routes!(sessions::patch_whep, sessions::leave_whep))
        .routes(routes!(library::library))
        .routes(routes!(library::recording))
        .routes(routes!(library::playlist))
        .routes(routes!(library::file))
        .routes(routes!(events::events))
}

fn calendar_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(calendar::terms, calendar::add_term))
        .routes(routes!(calendar::classes, calendar::add_class))
        .routes(routes!(calendar::bell_tables, calendar::add_bell_table))
        .routes(routes!(calendar::replace_bell_table, calendar::remove_bell_table))
        .routes(routes!(calendar::day_rules, calendar::add_day_rules))
        .routes(routes!(calendar::shift_days))
        .routes(routes!(calendar::remove_day_rule))
        .routes(routes!(calendar::pairing_details, calendar::plan_pairing))
        .routes(routes!(timetable::entries, timetable::add_entry))
        .routes(routes!(timetable::check_entry))
        .routes(routes!(timetable::free_periods))
        .routes(routes!(timetable::remove_entry))
        .routes(routes!(timetable::week))
        .routes(routes!(changes::changes, changes::add_change))
        .routes(routes!(changes::check_change))
        .routes(routes!(slots::slots))
        .routes(routes!(changes::consent))
        .routes(routes!(changes::undo_change))
        .routes(routes!(ledger::feeds, ledger::add_feed))
        .routes(routes!(ledger::remove_feed))
        .routes(routes!(ledger::calendar))
        .routes(routes!(ledger::outcomes))
        .routes(routes!(ledger::month))
        .routes(routes!(ledger::audit))
        .routes(routes!(market::needs, market::add_need))
        .routes(routes!(market::remove_need))
        .routes(routes!(market::supplies, market::add_supply))
        .routes(routes!(market::remove_supply))
        .routes(routes!(market::proposals))
        .routes(routes!(market::accept))
        .routes(routes!(import::import))
        .routes(routes!(import::template))
        .routes(routes!(import::export))
}

/// Anything else under `/api` answers 404 in the API's own form, not with a page.
pub(crate) const ELSE: &str = "/api/{*rest}";

/// The description of the API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().split_for_parts().1
}

/// The whole API. Requests need `ConnectInfo<SocketAddr>` in their extensions for limits by address.
pub(crate) fn router(office: App) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .route(ELSE, axum::routing::any(|| async { crate::error::Error::NotFound }))
        .route_layer(middleware::from_fn_with_state(office.clone(), door::guard))
        .layer(DefaultBodyLimit::max(JSON_MAX))
        .with_state(office)
}

/// The server's clock.
#[utoipa::path(get, path = "/api/clock", tag = "clock", responses((status = 200, body = ClockAnswer)))]
async fn clock(State(office): State<App>) -> Json<ClockAnswer> {
    Json(ClockAnswer { now_ms: office.now().ms, zone_offset_ms: office.config.zone_offset_ms })
}

/// Serves.
#[utoipa::path(get, path = "/healthz", tag = "clock", responses((status = 200, body = String, content_type = "text/plain")))]
async fn health() -> &'static str {
    "ok"
}

/// This description.
#[utoipa::path(get, path = "/api/openapi.json", tag = "clock", responses((status = 200, body = serde_json::Value)))]
async fn description() -> Response {
    let text = crate::openapi_json();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
