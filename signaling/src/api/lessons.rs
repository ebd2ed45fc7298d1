//! The timetable, today's wall, and what a teacher does with a lesson.

use super::App;
use super::door::{Form, Path, Query};
use crate::auth::{Caller, Identity, Scope};
use crate::command::LessonId;
use crate::error::{Error, Result};
use crate::model::{LessonState, TokenRole};
use crate::schema::{
    ErrorAnswer, Lesson, LessonQuery, NewLesson, NewToken, Page, Today, TodayRoom, TokenAnswer, Wall, WallCause,
    WallLesson,
};
use crate::secret::{hash, random_token};
use crate::store::Window;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

/// A lesson is at least a minute and at most this long.
const LESSON_MIN_MS: i64 = 60_000;
const LESSON_MAX_MS: i64 = 6 * 3_600_000;
/// How far ahead lessons at risk are looked for.
const RISK_MS: i64 = 30 * 60_000;

/// Lessons one may see, by start.
#[utoipa::path(get, path = "/api/lessons", tag = "lessons", params(LessonQuery),
    responses((status = 200, body = Page<Lesson>)))]
pub(crate) async fn lessons(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<LessonQuery>,
) -> Result<Json<Page<Lesson>>> {
    let window = Window::new(q.page, q.per_page);
    let admits = office.config.admits_before_ms;
    office.store.lessons(me.caller.scope()?, (q.from_ms, q.to_ms), window, admits).await.map(Json)
}

/// Adds a lesson of a pairing.
#[utoipa::path(post, path = "/api/lessons", tag = "lessons", request_body = NewLesson,
    responses((status = 201, body = Lesson), (status = 404, body = ErrorAnswer),
        (status = 409, description = "`clash`, with all `clashes`", body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(crate) async fn add_lesson(
    State(office): State<App>,
    me: Identity,
    Form(new): Form<NewLesson>,
) -> Result<(StatusCode, Json<Lesson>)> {
    let pairing = office.store.pairing(new.pairing, None).await.map_err(|e| match (e, me.caller.school_bound()) {
        (Error::NotFound, Ok(None)) => Error::field("pairing", "no such pairing"),
        (e, _) => e,
    })?;
    // Who has the master side plans the lesson.
    if me.caller.school_bound()?.is_some_and(|own| own != pairing.master.school.id) {
        return Err(Error::NotFound);
    }
    let now_ms = office.now().ms;
    if !(LESSON_MIN_MS..=LESSON_MAX_MS).contains(&new.ends_ms.saturating_sub(new.starts_ms)) {
        return Err(Error::field("ends_ms", "a lesson is 1 minute to 6 hours long"));
    }
    if new.ends_ms <= now_ms {
        return Err(Error::field("ends_ms", "is over already"));
    }
    let long = |text: &Option<String>| text.as_ref().is_some_and(|t| t.chars().count() > 200);
    if long(&new.title) || long(&new.unit) {
        return Err(Error::field(if long(&new.title) { "title" } else { "unit" }, "at most 200 characters"));
    }
    let _turn = office.calendar.lock().await;
    let clashes = office.in_the_calendar(&pairing, (new.starts_ms, new.ends_ms)).await?;
    if !clashes.is_empty() {
        return Err(Error::Clashes(clashes));
    }
    let id = office.store.add_lesson(&pairing, &new).await?;
    office.replan();
    Ok((StatusCode::CREATED, Json(office.announce(id).await?)))
}

/// One lesson.
#[utoipa::path(get, path = "/api/lessons/{lesson}", tag = "lessons", params(("lesson" = LessonId, Path)),
    responses((status = 200, body = Lesson), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn lesson(State(office): State<App>, me: Identity, Path(id): Path<LessonId>) -> Result<Json<Lesson>> {
    office.store.lesson(id, me.caller.scope()?, office.config.admits_before_ms).await.map(Json)
}

/// Cancels a planned lesson.
#[utoipa::path(delete, path = "/api/lessons/{lesson}", tag = "lessons", params(("lesson" = LessonId, Path)),
    responses((status = 204), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer)))]
pub(crate) async fn cancel_lesson(
    State(office): State<App>,
    me: Identity,
    Path(id): Path<LessonId>,
) -> Result<StatusCode> {
    if !office.store.lesson_is_mastered_by(id, me.caller.school_bound()?).await? {
        return Err(Error::NotFound);
    }
    let _turn = office.bells.lock().await;
    office.store.cancel_lesson(id).await?;
    office.replan();
    office.announce(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Today's lessons of a teacher or a display.
#[utoipa::path(get, path = "/api/today", tag = "lessons", responses((status = 200, body = Today)))]
pub(crate) async fn today(State(office): State<App>, me: Identity) -> Result<Json<Today>> {
    let room = match me.caller {
        Caller::Display { room: Some(room), .. } => {
            let room = office.store.room(room, None).await?;
            Some(TodayRoom { id: room.id, name: room.name, school: room.school, class: room.class, kind: room.kind })
        }
        _ => None,
    };
    let lessons = office.today(me.caller.scope()?).await?;
    Ok(Json(Today { now_ms: office.now().ms, room, lessons }))
}

/// Today's lessons with their health.
#[utoipa::path(get, path = "/api/wall", tag = "lessons", responses((status = 200, body = Wall)))]
pub(crate) async fn wall(State(office): State<App>, me: Identity) -> Result<Json<Wall>> {
    let today = office.walled(&me.caller).await?;
    let now_ms = office.now().ms;
    let online = office.hub.rooms_online();
    let mut at_risk = Vec::new();
    let mut lessons = Vec::new();
    for lesson in today {
        let running = office.act(|floor, _, _| floor.lesson(lesson.id).map(crate::lesson::Lesson::health));
        let offline: Vec<WallCause> = match lesson.state {
            LessonState::Planned if lesson.starts_ms - now_ms <= RISK_MS && lesson.ends_ms > now_ms => lesson
                .rooms
                .iter()
                .filter(|r| !online.contains(&r.room.id))
                .map(|r| WallCause { code: "display_offline".into(), room: Some(r.room.clone()), since_ms: now_ms })
                .collect(),
            _ => Vec::new(),
        };
        let (health, causes) = match running {
            Some((colour, causes)) => (colour, causes),
            None if offline.is_empty() => ("grey", offline),
            None => ("amber", offline),
        };
        if !causes.is_empty() && lesson.state != LessonState::Live {
            at_risk.push(lesson.id);
        }
        lessons.push(WallLesson { lesson, health: health.into(), causes });
    }
    Ok(Json(Wall { now_ms, lessons, at_risk }))
}

/// The lesson, if the caller conducts it.
async fn conducted(office: &App, me: &Identity, id: LessonId) -> Result<()> {
    office.store.lesson(id, me.caller.scope()?, 0).await.map(|_| ())
}

/// Begins before the bell, from admission on; otherwise the lesson starts at the bell by itself.
#[utoipa::path(post, path = "/api/lessons/{lesson}/start", tag = "lessons", params(("lesson" = LessonId, Path)),
    responses((status = 200, body = Lesson), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer)))]
pub(crate) async fn start(State(office): State<App>, me: Identity, Path(id): Path<LessonId>) -> Result<Json<Lesson>> {
    conducted(&office, &me, id).await?;
    office.start_early(id).await?;
    office.store.lesson(id, Scope::default(), office.config.admits_before_ms).await.map(Json)
}

/// Ends a live lesson before the bell.
#[utoipa::path(post, path = "/api/lessons/{lesson}/end", tag = "lessons", params(("lesson" = LessonId, Path)),
    responses((status = 200, body = Lesson), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer)))]
pub(crate) async fn end(State(office): State<App>, me: Identity, Path(id): Path<LessonId>) -> Result<Json<Lesson>> {
    conducted(&office, &me, id).await?;
    office.end_early(id).await?;
    office.store.lesson(id, Scope::default(), office.config.admits_before_ms).await.map(Json)
}

/// Extends a live lesson, once, unless the teacher or a room is planned next.
#[utoipa::path(post, path = "/api/lessons/{lesson}/extend", tag = "lessons", params(("lesson" = LessonId, Path)),
    responses((status = 200, body = Lesson), (status = 404, body = ErrorAnswer),
        (status = 409, description = "`not_live`, `already_extended` or `planned_next`", body = ErrorAnswer)))]
pub(crate) async fn extend(State(office): State<App>, me: Identity, Path(id): Path<LessonId>) -> Result<Json<Lesson>> {
    conducted(&office, &me, id).await?;
    office.extend(id).await?;
    office.announce(id).await.map(Json)
}

/// Makes a bearer token for WHIP or WHEP of one lesson. It is shown once.
#[utoipa::path(post, path = "/api/lessons/{lesson}/tokens", tag = "lessons", params(("lesson" = LessonId, Path)),
    request_body = NewToken, responses((status = 201, body = TokenAnswer), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn add_token(
    State(office): State<App>,
    me: Identity,
    Path(id): Path<LessonId>,
    Form(new): Form<NewToken>,
) -> Result<(StatusCode, Json<TokenAnswer>)> {
    conducted(&office, &me, id).await?;
    if !matches!(me.caller, Caller::Person { role: crate::model::Role::Teacher, .. })
        && !office.store.lesson_is_mastered_by(id, me.caller.school_bound()?).await?
    {
        return Err(Error::NotFound);
    }
    let token = office.add_lesson_token(id, new.role).await?;
    Ok((StatusCode::CREATED, Json(token)))
}

impl crate::office::Office {
    /// Makes a bearer token of a lesson.
    pub(crate) async fn add_lesson_token(&self, id: LessonId, role: TokenRole) -> Result<TokenAnswer> {
        let token = random_token();
        self.store.add_lesson_token(&hash(&token), id, role).await?;
        let path = |kind: &str, on: bool| on.then(|| format!("/{kind}/{id}"));
        Ok(TokenAnswer {
            token,
            whip: path("whip", role != TokenRole::Whep),
            whep: path("whep", role != TokenRole::Whip),
        })
    }

    /// Today's lessons on an administrator's wall.
    async fn walled(&self, caller: &Caller) -> Result<Vec<Lesson>> {
        if !matches!(caller, Caller::Person { role: crate::model::Role::GroupAdmin, .. }) {
            return self.today(Scope { teacher: None, ..caller.scope()? }).await;
        }
        let reach = self.store.reach(caller).await?;
        let own = self.store.schools(None, &reach, crate::store::Window::all()).await?;
        let own: std::collections::HashSet<crate::model::SchoolId> = own.items.into_iter().map(|s| s.id).collect();
        let mut lessons = self.today(Scope::default()).await?;
        lessons.retain(|l| own.contains(&l.master.school.id) || l.rooms.iter().any(|r| own.contains(&r.school.id)));
        Ok(lessons)
    }

    /// Today's lessons in scope.
    pub(crate) async fn today(&self, scope: Scope) -> Result<Vec<Lesson>> {
        let (from_ms, to_ms) = self.day_ms(self.now().ms);
        let span = (Some(from_ms), Some(to_ms));
        let page = self.store.lessons(scope, span, Window::all(), self.config.admits_before_ms).await?;
        Ok(page.items)
    }

    /// The store cannot know which displays are connected.
    pub(crate) fn mark_online(&self, room: &mut crate::schema::Room) {
        if room.display.id.is_some() && self.hub.room_online(room.id) {
            room.display.state = "online".into();
        }
    }
}
