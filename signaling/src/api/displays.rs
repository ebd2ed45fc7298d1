//! Display devices: asking to be paired, confirming, revoking.

use super::App;
use super::door::{Address, Form, Path, Query};
use crate::auth::{Caller, Identity, TryKey};
use crate::error::{Error, Result};
use crate::lesson::{Audience, Holder};
use crate::messages::ServerMessage;
use crate::model::{DisplayId, DisplayState};
use crate::schema::{ConfirmDisplay, Display, DisplaySelf, ErrorAnswer, ExchangeAnswer, ListQuery, NewDisplay, Page};
use crate::secret::{hash, normal_code, pairing_code, random_token};
use crate::store::{PairingTry, Window};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

/// A code is confirmed within this time or not at all.
const CODE_MS: i64 = 5 * 60_000;
/// Wrong codes a person may try in that time.
const CODE_TRIES_MAX: usize = 5;
/// New displays from one address in 15 minutes; a page asks again every 5 minutes, and a school may stand behind one
/// address.
const NEW_MAX: usize = 60;
const NEW_WINDOW_MS: i64 = 15 * 60_000;

/// A new device asks to be paired.
#[utoipa::path(post, path = "/api/displays", tag = "displays",
    responses((status = 201, body = NewDisplay), (status = 429, body = ErrorAnswer)))]
pub(crate) async fn add_display(
    State(office): State<App>,
    Address(address): Address,
) -> Result<(StatusCode, Json<NewDisplay>)> {
    let now_ms = office.now().ms;
    office.tries.begin(TryKey::NewDisplay(address), NEW_MAX, NEW_WINDOW_MS, now_ms)?;
    let (code, secret) = (pairing_code(), random_token());
    let expires_ms = now_ms + CODE_MS;
    let id = office.store.add_waiting(&hash(&code), &hash(&secret), now_ms, expires_ms).await?;
    office.hub.tell(&Audience::Admins(None), &ServerMessage::Pairing {});
    Ok((StatusCode::CREATED, Json(NewDisplay { id, code, secret, expires_ms })))
}

/// What a device is told of itself.
#[utoipa::path(get, path = "/api/displays/self", tag = "displays",
    responses((status = 200, body = DisplaySelf), (status = 401, body = ErrorAnswer)))]
pub(crate) async fn display_self(State(office): State<App>, me: Identity) -> Result<Json<DisplaySelf>> {
    let Caller::Display { id, .. } = me.caller else { return Err(Error::Forbidden) };
    let row = office.store.display(id, None).await?;
    Ok(Json(DisplaySelf { state: row.state_at(office.now().ms), room: row.room_ref() }))
}

/// In the demo: gives a page its own secret for the one in the URL's fragment.
#[utoipa::path(post, path = "/api/displays/exchange", tag = "displays",
    responses((status = 200, body = ExchangeAnswer), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn exchange(State(office): State<App>, me: Identity) -> Result<Json<ExchangeAnswer>> {
    let secret = random_token();
    let room = office.store.exchange(&me.credential, &hash(&secret), office.now().ms).await?;
    Ok(Json(ExchangeAnswer { secret, room }))
}

/// Displays; those that wait first.
#[utoipa::path(get, path = "/api/displays", tag = "displays", params(ListQuery),
    responses((status = 200, body = Page<Display>)))]
pub(crate) async fn displays(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<ListQuery>,
) -> Result<Json<Page<Display>>> {
    let only = me.caller.school_bound()?.or(q.school);
    let window = Window::new(q.page, q.per_page);
    let mut page = office.store.displays(only, window, office.now().ms).await?;
    let online = office.hub.displays_online();
    page.items.iter_mut().for_each(|d| d.online = online.contains(&d.id));
    Ok(Json(page))
}

/// Pairs the display that shows this code with a room.
#[utoipa::path(post, path = "/api/displays/confirm", tag = "displays", request_body = ConfirmDisplay,
    responses((status = 200, body = Display), (status = 404, description = "No such room", body = ErrorAnswer),
        (status = 422, description = "Wrong or expired code", body = ErrorAnswer), (status = 429, body = ErrorAnswer)))]
pub(crate) async fn confirm(
    State(office): State<App>,
    me: Identity,
    Form(form): Form<ConfirmDisplay>,
) -> Result<Json<Display>> {
    let Caller::Person { id: person, .. } = me.caller else { return Err(Error::Forbidden) };
    let now_ms = office.now().ms;
    office.store.room(form.room, me.caller.school_bound()?).await?;
    let key = TryKey::Code(person);
    office.tries.begin(key.clone(), CODE_TRIES_MAX, CODE_MS, now_ms)?;
    let code = normal_code(&form.code);
    let PairingTry::Paired(id) = office.store.confirm(&hash(&code), form.room, now_ms).await? else {
        return Err(Error::field("code", "no display waits with this code"));
    };
    office.tries.succeeded(&key);
    office.hub.tell(&Audience::Admins(None), &ServerMessage::Pairing {});
    let row = office.store.display(id, None).await?;
    Ok(Json(Display {
        id,
        room: row.room_ref(),
        school: row.school_ref(),
        state: DisplayState::Paired,
        online: office.hub.display_online(id),
        last_seen_ms: row.last_seen_ms,
        capabilities: None,
    }))
}

/// Takes a display out: its event stream and its media end at once.
#[utoipa::path(delete, path = "/api/displays/{display}", tag = "displays", params(("display" = DisplayId, Path)),
    responses((status = 204), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn revoke(State(office): State<App>, me: Identity, Path(id): Path<DisplayId>) -> Result<StatusCode> {
    let row = office.store.display(id, me.caller.school_bound()?).await?;
    office.store.revoke(id).await?;
    office.hub.dismiss(id, &ServerMessage::Display { state: DisplayState::Revoked });
    if let Some(room) = row.room {
        // Another device of the same room, if there is one, offers again at once.
        office.expel(Holder::Room(room));
    }
    office.hub.tell(&Audience::Admins(None), &ServerMessage::Pairing {});
    Ok(StatusCode::NO_CONTENT)
}
