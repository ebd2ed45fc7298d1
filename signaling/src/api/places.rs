//! Schools, classrooms, people, pairings.

use super::App;
use super::door::{Form, Query, name};
use crate::auth::{Caller, Identity, Reach};
use crate::error::{Error, Result};
use crate::model::{Role, SchoolId};
use crate::schema::{
    ErrorAnswer, ListQuery, NewPairing, NewPerson, NewRoom, NewSchool, Page, Pairing, Person, Room, School,
};
use crate::store::Window;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::collections::BTreeMap;

/// Rural rooms of one pairing.
const RURAL_ROOMS_MAX: usize = 12;
/// Shorter passwords are guessed.
const PASSWORD_MIN: usize = 8;
const PASSWORD_MAX: usize = 1_024;

fn fitting(fields: BTreeMap<String, String>) -> Result<()> {
    if fields.is_empty() { Ok(()) } else { Err(Error::Fields(fields)) }
}

/// The schools a list is limited to: those of the own group, or as [`limited`] says.
async fn within(office: &App, me: &Identity, asked: Option<SchoolId>) -> Result<Reach> {
    if !matches!(me.caller, Caller::Person { role: Role::GroupAdmin, .. }) {
        return limited(me, asked).map(Reach::from);
    }
    let reach = office.store.reach(&me.caller).await?;
    match asked {
        None => Ok(reach),
        Some(school) => office.store.must_reach(&reach, school).await.map(|()| Reach::School(school)),
    }
}

/// The school a list is limited to; another school than one's own has nothing in it.
fn limited(me: &Identity, asked: Option<SchoolId>) -> Result<Option<SchoolId>> {
    match (me.caller.school_bound()?, asked) {
        (Some(own), Some(other)) if own != other => Err(Error::NotFound),
        (own, asked) => Ok(own.or(asked)),
    }
}

/// Schools.
#[utoipa::path(get, path = "/api/schools", tag = "places", params(ListQuery),
    responses((status = 200, body = Page<School>)))]
pub(crate) async fn schools(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<ListQuery>,
) -> Result<Json<Page<School>>> {
    let only = within(&office, &me, q.school).await?;
    office.store.schools(q.q.as_deref(), &only, Window::new(q.page, q.per_page)).await.map(Json)
}

/// Adds a school.
#[utoipa::path(post, path = "/api/schools", tag = "places", request_body = NewSchool,
    responses((status = 201, body = School), (status = 409, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(crate) async fn add_school(
    State(office): State<App>,
    Form(mut new): Form<NewSchool>,
) -> Result<(StatusCode, Json<School>)> {
    let mut fields = BTreeMap::new();
    new.name = name(&mut fields, "name", &new.name);
    new.group = new.group.map(|group| name(&mut fields, "group", &group));
    fitting(fields)?;
    let school = office.store.add_school(&new, office.now().ms).await?;
    Ok((StatusCode::CREATED, Json(school)))
}

/// Classrooms.
#[utoipa::path(get, path = "/api/rooms", tag = "places", params(ListQuery),
    responses((status = 200, body = Page<Room>), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn rooms(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<ListQuery>,
) -> Result<Json<Page<Room>>> {
    let only = within(&office, &me, q.school).await?;
    let mut page = office.store.rooms(q.q.as_deref(), &only, Window::new(q.page, q.per_page)).await?;
    page.items.iter_mut().for_each(|room| office.mark_online(room));
    Ok(Json(page))
}

/// Adds a classroom.
#[utoipa::path(post, path = "/api/rooms", tag = "places", request_body = NewRoom,
    responses((status = 201, body = Room), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer)))]
pub(crate) async fn add_room(
    State(office): State<App>,
    me: Identity,
    Form(mut new): Form<NewRoom>,
) -> Result<(StatusCode, Json<Room>)> {
    limited(&me, Some(new.school))?;
    let mut fields = BTreeMap::new();
    new.name = name(&mut fields, "name", &new.name);
    new.class = new.class.map(|class| name(&mut fields, "class", &class));
    fitting(fields)?;
    let id = office.store.add_room(&new).await?;
    Ok((StatusCode::CREATED, Json(office.store.room(id, None).await?)))
}

/// People.
#[utoipa::path(get, path = "/api/people", tag = "places", params(ListQuery),
    responses((status = 200, body = Page<Person>), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn people(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<ListQuery>,
) -> Result<Json<Page<Person>>> {
    let only = within(&office, &me, q.school).await?;
    office.store.people(q.q.as_deref(), &only, Window::new(q.page, q.per_page)).await.map(Json)
}

/// Adds a person. School administrators add teachers of their own school only.
#[utoipa::path(post, path = "/api/people", tag = "places", request_body = NewPerson,
    responses((status = 201, body = Person), (status = 403, body = ErrorAnswer), (status = 404, body = ErrorAnswer),
        (status = 409, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(crate) async fn add_person(
    State(office): State<App>,
    me: Identity,
    Form(new): Form<NewPerson>,
) -> Result<(StatusCode, Json<Person>)> {
    if me.caller.school_bound()?.is_some() {
        limited(&me, new.school)?;
        if new.role != Role::Teacher {
            return Err(Error::Forbidden);
        }
    }
    let mut fields = BTreeMap::new();
    let full_name = name(&mut fields, "name", &new.name);
    let user = name(&mut fields, "user", &new.user);
    if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&new.password.len()) {
        fields.insert("password".into(), "8 to 1024 bytes".into());
    }
    if new.school.is_none() && new.role != Role::RegionAdmin {
        fields.insert("school".into(), "required for this role".into());
    }
    if let Some(school) = new.school
        && office.store.schools(None, &Reach::School(school), Window::new(None, Some(1))).await?.total == 0
    {
        fields.insert("school".into(), "no such school".into());
    }
    fitting(fields)?;
    let password = office.passwords.hash(new.password).await?;
    let id = office.store.add_person((&full_name, &user), Some(&password), new.role, new.school).await?;
    Ok((StatusCode::CREATED, Json(office.store.person(id).await?)))
}

/// Pairings.
#[utoipa::path(get, path = "/api/pairings", tag = "places", params(ListQuery),
    responses((status = 200, body = Page<Pairing>), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn pairings(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<ListQuery>,
) -> Result<Json<Page<Pairing>>> {
    let only = within(&office, &me, q.school).await?;
    office.store.pairings(q.q.as_deref(), &only, Window::new(q.page, q.per_page)).await.map(Json)
}

/// Adds a pairing.
#[utoipa::path(post, path = "/api/pairings", tag = "places", request_body = NewPairing,
    responses((status = 201, body = Pairing), (status = 422, body = ErrorAnswer)))]
pub(crate) async fn add_pairing(
    State(office): State<App>,
    Form(mut new): Form<NewPairing>,
) -> Result<(StatusCode, Json<Pairing>)> {
    let mut fields = BTreeMap::new();
    new.subject = name(&mut fields, "subject", &new.subject);
    new.grade = name(&mut fields, "grade", &new.grade);
    new.rural_rooms.sort();
    new.rural_rooms.dedup();
    if !(1..=RURAL_ROOMS_MAX).contains(&new.rural_rooms.len()) {
        fields.insert("rural_rooms".into(), "1 to 12 rooms".into());
    }
    fitting(fields)?;
    let id = office.store.add_pairing(&new).await?;
    Ok((StatusCode::CREATED, Json(office.store.pairing(id, None).await?)))
}
