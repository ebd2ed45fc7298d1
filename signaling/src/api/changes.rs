//! Changes 调课: looked at, made, consented to, taken back.

use super::App;
use super::calendar::unfit;
use super::door::{Form, Path, Query};
use crate::almanac::Almanac;
use crate::auth::{Identity, Reach};
use crate::calendar::{Change, LessonName, Refusal, change, changes::undo, read};
use crate::error::{Error, Result};
use crate::model::{ChangeId, ChangeState, EntryId, PersonId, Role, SchoolId, TermId};
use crate::office::Office;
use crate::schema::{
    CalendarChange, ChangeAct, ChangeCheck, ChangeQuery, ErrorAnswer, NewChange, Page, PlanClash, SchoolRef,
};
use crate::store::Window;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::sync::Arc;

/// Changes of lessons within reach on any side, the newest first.
#[utoipa::path(get, path = "/api/changes", tag = "calendar", params(ChangeQuery),
    responses((status = 200, body = Page<CalendarChange>), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn changes(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<ChangeQuery>,
) -> Result<Json<Page<CalendarChange>>> {
    let reach = office.store.reach(&me.caller).await?;
    if let Some(school) = q.school {
        office.store.must_reach(&reach, school).await?;
    }
    office.store.changes(&reach, &q, Window::new(q.page, q.per_page)).await.map(Json)
}

/// What is in the way of a change.
pub(super) fn refused(almanac: &Almanac, refusal: Refusal) -> Error {
    match refusal {
        Refusal::NoSuchLesson(_) => Error::field("act", "the timetable has no such lesson"),
        Refusal::SwappedWithItself(_) => Error::field("act", "a lesson cannot be swapped with itself"),
        Refusal::Cancelled(_) => {
            Error::Conflict { code: "lesson_cancelled", why: "the lesson is cancelled; undo that first" }
        }
        Refusal::ChangedSince(_) => {
            Error::Conflict { code: "changed_since", why: "a later change touches the same lessons; undo that first" }
        }
        Refusal::Clashes(clashes) => Error::InTheWay(clashes.iter().map(|c| almanac.clash(c)).collect()),
    }
}

/// The act as the engine has it, the schools whose consent it needs, and what it gives.
pub(super) struct Tried {
    pub(super) act: Change,
    pub(super) asks: Vec<SchoolId>,
}

impl Office {
    /// The almanac in which a change is looked at.
    pub(super) async fn almanac_for(&self, term: TermId, act: &ChangeAct) -> Result<Arc<Almanac>> {
        let entries: Vec<EntryId> = act.lessons().iter().map(|l| l.entry).collect();
        let mut schools = self.store.schools_of_entries(&entries).await?;
        if let ChangeAct::Substitute { teacher, .. } = act
            && let Ok(person) = self.store.person(*teacher).await
        {
            schools.extend(person.school.map(|s| s.id));
        }
        self.almanac_part(term, schools).await
    }

    pub(super) async fn tried(&self, almanac: &Almanac, reach: &Reach, act: &ChangeAct) -> Result<Tried> {
        let mut asks = Vec::new();
        for lesson in act.lessons() {
            let (_, pairing) = self.store.entry_of(lesson.entry).await?;
            let schools = self.store.schools_of_pairing(pairing).await?;
            let (master, rural) = schools.split_first().ok_or(Error::NotFound)?;
            self.store.must_reach(reach, *master).await?;
            for school in rural {
                // Another teacher is the master school's own matter.
                let touched = !matches!(act, ChangeAct::Substitute { .. });
                if touched && self.store.must_reach(reach, *school).await.is_err() && !asks.contains(school) {
                    asks.push(*school);
                }
            }
        }
        if let ChangeAct::Substitute { teacher, .. } = act
            && self.store.person(*teacher).await.ok().is_none_or(|p| p.role != Role::Teacher)
        {
            return Err(Error::field("act", "no such teacher"));
        }
        let document = serde_json::to_value(act).map_err(|_| Error::Internal("a document is always JSON"))?;
        let act = read::change(&almanac.plan, &document).map_err(unfit)?;
        self.not_begun(almanac, act.lessons()).await?;
        Ok(Tried { act, asks })
    }

    /// Lessons that have begun, or are over, stay as they were.
    async fn not_begun(&self, almanac: &Almanac, lessons: impl Iterator<Item = LessonName>) -> Result<()> {
        let now_ms = self.now().ms;
        for name in lessons {
            let over = almanac.timetable.lesson(name).is_some_and(|l| l.ends_s * 1_000 <= now_ms);
            if over || self.store.lesson_has_begun(almanac.lesson_id(name)).await? {
                return Err(Error::Conflict { code: "lesson_begun", why: "the lesson has begun or is over" });
            }
        }
        Ok(())
    }

    /// Refuses a change with everything that is in its way. Not on an async thread: it may take as long as the term is
    /// large.
    async fn possible(&self, almanac: &Arc<Almanac>, act: Change) -> Result<()> {
        let shared = almanac.clone();
        let done = tokio::task::spawn_blocking(move || {
            change(&shared.plan, &shared.timetable, &shared.index, &act).map_err(|refusal| refused(&shared, refusal))
        });
        let after = done.await.map_err(|_| Error::Internal("the calendar was interrupted"))??;
        let now_s = self.now().ms / 1_000;
        let past = act.lessons().filter_map(|name| after.lesson(name)).any(|l| l.ends_s <= now_s);
        if past {
            return Err(Error::field("act", "the lesson would be over already"));
        }
        for lesson in act.lessons().filter_map(|name| after.lesson(name)) {
            let pairing = almanac.plan.pairing_of(lesson.name.entry);
            let clashes = self.beside_the_calendar(almanac, pairing, &[*lesson]).await?;
            if !clashes.is_empty() {
                return Err(Error::InTheWay(clashes));
            }
        }
        Ok(())
    }
}

/// What a change would do. Nothing is written.
#[utoipa::path(post, path = "/api/changes/check", tag = "calendar", request_body = NewChange,
    responses((status = 200, body = ChangeCheck), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer)))]
pub(crate) async fn check_change(
    State(office): State<App>,
    me: Identity,
    Form(new): Form<NewChange>,
) -> Result<Json<ChangeCheck>> {
    let reach = office.store.reach(&me.caller).await?;
    let almanac = office.almanac_for(new.term, &new.act).await?;
    let tried = office.tried(&almanac, &reach, &new.act).await?;
    let clashes: Vec<PlanClash> = match office.possible(&almanac, tried.act).await {
        Ok(()) => Vec::new(),
        Err(Error::InTheWay(clashes)) => clashes,
        Err(error) => return Err(error),
    };
    let mut asks = Vec::new();
    for school in tried.asks {
        let found = office.store.schools(None, &Reach::School(school), Window::new(None, Some(1))).await?;
        asks.extend(found.items.into_iter().map(|s| SchoolRef { id: s.id, name: s.name }));
    }
    Ok(Json(ChangeCheck { possible: clashes.is_empty(), clashes, asks }))
}

/// Makes a change for all sides, or asks the schools whose consent it needs.
#[utoipa::path(post, path = "/api/changes", tag = "calendar", request_body = NewChange,
    responses((status = 201, body = CalendarChange), (status = 404, body = ErrorAnswer),
        (status = 409, description = "`clash`, with all reasons in `in_the_way`", body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(crate) async fn add_change(
    State(office): State<App>,
    me: Identity,
    Form(new): Form<NewChange>,
) -> Result<(StatusCode, Json<CalendarChange>)> {
    let person = me.caller.person().ok_or(Error::Forbidden)?;
    if new.why.chars().count() > 200 {
        return Err(Error::field("why", "at most 200 characters"));
    }
    let reach = office.store.reach(&me.caller).await?;
    let _turn = office.calendar.lock().await;
    let almanac = office.almanac_for(new.term, &new.act).await?;
    let tried = office.tried(&almanac, &reach, &new.act).await?;
    office.possible(&almanac, tried.act).await?;
    let id = office.store.add_change(&new, &tried.asks, person, office.now().ms).await?;
    if tried.asks.is_empty() {
        office.replan();
    }
    Ok((StatusCode::CREATED, Json(office.store.change(id).await?)))
}

/// Schools of a change that the caller may speak for; 404 if there is none.
async fn concerned(office: &App, reach: &Reach, found: &CalendarChange) -> Result<()> {
    let entries: Vec<EntryId> = found.act.lessons().iter().map(|l| l.entry).collect();
    for school in office.store.schools_of_entries(&entries).await? {
        if office.store.must_reach(reach, school).await.is_ok() {
            return Ok(());
        }
    }
    Err(Error::NotFound)
}

/// Consents to a change for one's schools; with the last consent it holds.
#[utoipa::path(post, path = "/api/changes/{change}/consent", tag = "calendar", params(("change" = ChangeId, Path)),
    responses((status = 200, body = CalendarChange), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer)))]
pub(crate) async fn consent(
    State(office): State<App>,
    me: Identity,
    Path(id): Path<ChangeId>,
) -> Result<Json<CalendarChange>> {
    let person = me.caller.person().ok_or(Error::Forbidden)?;
    let reach = office.store.reach(&me.caller).await?;
    let _turn = office.calendar.lock().await;
    let found = office.store.change(id).await?;
    concerned(&office, &reach, &found).await?;
    if found.state != ChangeState::Asked {
        return Err(Error::Conflict { code: "not_asked", why: "the change holds already or was taken back" });
    }
    let mut schools = Vec::new();
    for school in &found.awaits {
        if office.store.must_reach(&reach, school.id).await.is_ok() {
            schools.push(school.id);
        }
    }
    let now_ms = office.now().ms;
    office.store.consent(id, &schools, person, now_ms).await?;
    if schools.len() == found.awaits.len() {
        make(&office, &found, person, now_ms).await?;
    }
    office.store.change(id).await.map(Json)
}

/// All have agreed: is it still possible?
async fn make(office: &App, found: &CalendarChange, person: PersonId, now_ms: i64) -> Result<()> {
    let almanac = office.almanac_for(found.term, &found.act).await?;
    let document = serde_json::to_value(&found.act).map_err(|_| Error::Internal("a document is always JSON"))?;
    let act = read::change(&almanac.plan, &document).map_err(unfit)?;
    office.not_begun(&almanac, act.lessons()).await?;
    office.possible(&almanac, act).await?;
    office.store.make_change(found.id, person, now_ms).await?;
    office.replan();
    Ok(())
}

/// Takes a change back, or a wish for one: for all sides at once.
#[utoipa::path(delete, path = "/api/changes/{change}", tag = "calendar", params(("change" = ChangeId, Path)),
    responses((status = 204), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer)))]
pub(crate) async fn undo_change(
    State(office): State<App>,
    me: Identity,
    Path(id): Path<ChangeId>,
) -> Result<StatusCode> {
    let person = me.caller.person().ok_or(Error::Forbidden)?;
    let reach = office.store.reach(&me.caller).await?;
    let _turn = office.calendar.lock().await;
    let found = office.store.change(id).await?;
    concerned(&office, &reach, &found).await?;
    if found.state == ChangeState::Made {
        undone(&office, &found).await?;
    }
    office.store.undo_change(id, person, office.now().ms).await?;
    office.replan();
    Ok(StatusCode::NO_CONTENT)
}

/// Is the old place still free?
async fn undone(office: &App, found: &CalendarChange) -> Result<()> {
    let almanac = office.almanac_for(found.term, &found.act).await?;
    let at = almanac.changes.iter().position(|c| *c == found.id).ok_or(Error::NotFound)?;
    office.not_begun(&almanac, almanac.plan.changes[at].lessons()).await?;
    let shared = almanac.clone();
    let done = tokio::task::spawn_blocking(move || {
        undo(&shared.plan, &shared.timetable, &shared.index, at)
            .map(|_| ())
            .map_err(|refusal| refused(&shared, refusal))
    });
    done.await.map_err(|_| Error::Internal("the calendar was interrupted"))?
}
