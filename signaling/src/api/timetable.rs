//! Entries of the weekly timetable, common free periods, and weeks as grids.

use super::App;
use super::calendar::{act, unfit};
use super::door::{Form, Path, Query};
use crate::almanac::Almanac;
use crate::auth::{Caller, Identity, Reach};
use crate::calendar::clashes::Who;
use crate::calendar::common::{candidate, lessons_of, week_periods};
use crate::calendar::model::{Entry as PlanEntry, EntryNo, Plan, SchoolNo};
use crate::calendar::{Lesson, read};
use crate::error::{Error, Result};
use crate::model::{EntryId, Role, SchoolId, Subject};
use crate::schema::{
    BellPeriod, CalendarQuery, Entry, EntryCheck, ErrorAnswer, FreePeriodsQuery, NewEntry, Page, PlanClash, Week,
    WeekDay, WeekPeriod, WeekQuery,
};
use crate::store::Window;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Span;
use jiff::civil::Date;
use serde_json::json;
use std::collections::BTreeSet;

/// Reasons listed in one answer; a candidate that clashes more often is told the first ones.
const CLASHES_TOLD: usize = 200;

/// Entries within reach, on either side.
#[utoipa::path(get, path = "/api/entries", tag = "calendar", params(CalendarQuery), responses((status = 200, body = Page<Entry>)))]
pub(crate) async fn entries(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<CalendarQuery>,
) -> Result<Json<Page<Entry>>> {
    let reach = office.store.reach(&me.caller).await?;
    office.store.entries(&reach, &q, Window::new(q.page, q.per_page)).await.map(Json)
}

/// Who has the master side plans its lessons.
async fn masters(office: &App, me: &Identity, pairing: crate::model::PairingId) -> Result<()> {
    let reach = office.store.reach(&me.caller).await?;
    let master = office.store.schools_of_pairing(pairing).await?.into_iter().next().ok_or(Error::NotFound)?;
    office.store.must_reach(&reach, master).await
}

async fn tried(office: &App, new: &NewEntry) -> Result<EntryCheck> {
    let schools = office.store.schools_of_pairing(new.pairing).await?;
    let almanac = &*office.almanac_of(new.term, schools).await?;
    let document = json!({"pairing": new.pairing, "weekday": new.weekday, "period": new.period, "weeks": new.weeks});
    let entry = read::entry(&almanac.plan, &document).map_err(unfit)?;
    let pairing = &almanac.plan.pairings[entry.pairing.at()];
    let number = EntryNo::from(almanac.plan.entries.len());
    let (lessons, clashes) = candidate(&almanac.plan, &almanac.timetable, &almanac.index, pairing, &entry, number);
    let mut clashes: Vec<PlanClash> = clashes.iter().take(CLASHES_TOLD).map(|c| almanac.clash(c)).collect();
    let dated = lessons_of(&almanac.plan, &almanac.timetable.book, pairing, &entry, number);
    clashes.extend(office.beside_the_calendar(almanac, pairing, &dated).await?);
    Ok(EntryCheck { lessons, clashes })
}

/// What an entry would be: how many lessons, and everything in their way. Nothing is written.
#[utoipa::path(post, path = "/api/entries/check", tag = "calendar", request_body = NewEntry,
    responses((status = 200, body = EntryCheck), (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(crate) async fn check_entry(
    State(office): State<App>,
    me: Identity,
    Form(new): Form<NewEntry>,
) -> Result<Json<EntryCheck>> {
    masters(&office, &me, new.pairing).await?;
    tried(&office, &new).await.map(Json)
}

/// Adds an entry, or says everything that is in the way.
#[utoipa::path(post, path = "/api/entries", tag = "calendar", request_body = NewEntry,
    responses((status = 201, body = Entry), (status = 404, body = ErrorAnswer),
        (status = 409, description = "`clash`, with all reasons in `in_the_way`", body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(crate) async fn add_entry(
    State(office): State<App>,
    me: Identity,
    Form(new): Form<NewEntry>,
) -> Result<(StatusCode, Json<Entry>)> {
    masters(&office, &me, new.pairing).await?;
    let _turn = office.calendar.lock().await;
    let check = tried(&office, &new).await?;
    if !check.clashes.is_empty() {
        return Err(Error::InTheWay(check.clashes));
    }
    let id = office.store.add_entry(&new, act(&office, &me)).await?;
    office.replan();
    let q = CalendarQuery { pairing: Some(new.pairing), term: Some(new.term), ..CalendarQuery::default() };
    let all = office.store.entries(&Reach::All, &q, Window::all()).await?;
    let entry = all.items.into_iter().find(|e| e.id == id).ok_or(Error::NotFound)?;
    Ok((StatusCode::CREATED, Json(entry)))
}

/// Removes an entry none of whose lessons was held, planned for these days, or changed.
#[utoipa::path(delete, path = "/api/entries/{entry}", tag = "calendar", params(("entry" = EntryId, Path)),
    responses((status = 204), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer)))]
pub(crate) async fn remove_entry(
    State(office): State<App>,
    me: Identity,
    Path(id): Path<EntryId>,
) -> Result<StatusCode> {
    let (_, pairing) = office.store.entry_of(id).await?;
    masters(&office, &me, pairing).await?;
    let _turn = office.calendar.lock().await;
    office.store.remove_entry(id, act(&office, &me)).await?;
    office.replan();
    Ok(StatusCode::NO_CONTENT)
}

/// All periods of the week in the master's bell tables, and which of them are free for all sides of a pairing.
#[utoipa::path(post, path = "/api/entries/free", tag = "calendar", request_body = FreePeriodsQuery,
    responses((status = 200, body = Vec<WeekPeriod>), (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(crate) async fn free_periods(
    State(office): State<App>,
    me: Identity,
    Form(asked): Form<FreePeriodsQuery>,
) -> Result<Json<Vec<WeekPeriod>>> {
    masters(&office, &me, asked.pairing).await?;
    let schools = office.store.schools_of_pairing(asked.pairing).await?;
    let almanac = office.almanac_of(asked.term, schools).await?;
    let document = json!({"pairing": asked.pairing, "weekday": 1, "period": 1, "weeks": asked.weeks});
    let PlanEntry { pairing, weeks, .. } = read::entry(&almanac.plan, &document).map_err(unfit)?;
    let pairing = &almanac.plan.pairings[pairing.at()];
    let all = week_periods(&almanac.plan, &almanac.timetable, &almanac.index, pairing, &weeks);
    let period = |p: crate::calendar::common::WeekPeriod| {
        let kinds: BTreeSet<&str> = p.clashes.iter().map(|c| c.kind.word()).collect();
        WeekPeriod {
            weekday: p.weekday,
            period: p.period,
            lessons: p.lessons,
            free: p.lessons > 0 && kinds.is_empty(),
            kinds: kinds.into_iter().map(str::to_owned).collect(),
        }
    };
    Ok(Json(all.into_iter().map(period).collect()))
}

/// Whose week is asked for, and the school whose bells and holidays it shows.
struct Asked {
    kind: Subject,
    id: String,
    school: Option<SchoolId>,
}

impl Asked {
    /// The plan's number of whose week it is; none where no lesson names them.
    fn who(&self, plan: &Plan) -> Option<Who> {
        match self.kind {
            Subject::Teacher => plan.people.number(&self.id).map(Who::Person),
            Subject::Class => plan.classes.number(&self.id).map(Who::Class),
            Subject::Room => plan.rooms.number(&self.id).map(Who::Room),
            Subject::School => plan.school_ids.number(&self.id).map(Who::School),
        }
    }
}

async fn asked(office: &App, me: &Identity, q: &WeekQuery) -> Result<Asked> {
    if let Caller::Person { id, role: Role::Teacher, school } = me.caller {
        if q.teacher.is_some_and(|t| t != id) || q.class.is_some() || q.room.is_some() || q.school.is_some() {
            return Err(Error::NotFound);
        }
        return Ok(Asked { kind: Subject::Teacher, id: id.to_string(), school });
    }
    let reach = office.store.reach(&me.caller).await?;
    let (kind, id, school) = match (q.teacher, q.class, q.room, q.school.or(reach.school())) {
        (Some(teacher), None, None, _) => {
            let school = office.store.person(teacher).await?.school.map(|s| s.id).ok_or(Error::NotFound)?;
            (Subject::Teacher, teacher.to_string(), school)
        }
        (None, Some(class), None, _) => {
            let school = office.store.school_of_class(class).await?;
            (Subject::Class, class.to_string(), school)
        }
        (None, None, Some(room), _) => {
            let school = office.store.school_of_room(room).await?;
            (Subject::Room, room.to_string(), school)
        }
        (None, None, None, Some(school)) => (Subject::School, school.to_string(), school),
        _ => return Err(Error::field("school", "one teacher, class, room or school")),
    };
    office.store.must_reach(&reach, school).await?;
    Ok(Asked { kind, id, school: Some(school) })
}

/// A week of a teacher, class, room or school. A teacher sees the own week only.
#[utoipa::path(get, path = "/api/week", tag = "calendar", params(WeekQuery),
    responses((status = 200, body = Week), (status = 404, description = "Also where no term has this date", body = ErrorAnswer)))]
pub(crate) async fn week(State(office): State<App>, me: Identity, Query(q): Query<WeekQuery>) -> Result<Json<Week>> {
    let today = jiff::Timestamp::from_millisecond(office.now().ms + office.config.zone_offset_ms);
    let today = today.map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).date()).unwrap_or_default();
    let date = q.date.unwrap_or(today);
    let term = office.term_of(date).await?.ok_or(Error::NotFound)?;
    let asked = asked(&office, &me, &q).await?;
    let almanac = match asked.school {
        Some(school) => office.almanac_of(term, vec![school]).await?,
        None => office.almanac(term).await?,
    };
    let monday = date.saturating_sub(Span::new().days(date.weekday().to_monday_zero_offset()));
    let next = monday.saturating_add(Span::new().days(7));
    let instant = |day: Date| almanac.timetable.book.instant(&almanac.plan, day, 0).0;
    let (from_s, to_s) = (instant(monday), instant(next));
    let in_week = |l: &&Lesson| l.ends_s > from_s && l.starts_s < to_s;
    let mut lessons: Vec<&Lesson> = match asked.who(&almanac.plan) {
        None => Vec::new(),
        Some(Who::School(school)) => {
            almanac.timetable.between(from_s, to_s).filter(|l| almanac.concerns(l, Who::School(school))).collect()
        }
        // Cancelled lessons need nothing, so they are looked for in the week itself.
        Some(who) => {
            let cancelled = almanac.timetable.between(from_s, to_s).filter(|l| l.unit.is_none());
            let theirs = cancelled.filter(|l| almanac.concerns(l, who));
            almanac.index.lessons_of(&almanac.timetable, who).filter(in_week).chain(theirs).collect()
        }
    };
    lessons.sort_unstable_by_key(|l| (l.starts_s, l.name));
    let number = asked.school.and_then(|s| almanac.plan.school_ids.number(&s.to_string()));
    let days = (0..7).map(|n| day(&almanac, number, monday.saturating_add(Span::new().days(n)))).collect();
    let lessons = lessons.into_iter().map(|l| almanac.grid_lesson(l, true)).collect::<Result<_>>()?;
    Ok(Json(Week { week: almanac.plan.term.week(monday), monday, days, lessons }))
}

fn day(almanac: &Almanac, school: Option<SchoolNo>, date: Date) -> WeekDay {
    let Some(school) = school else { return WeekDay { date, follows: None, periods: Vec::new() } };
    let (book, plan) = (&almanac.timetable.book, &almanac.plan);
    let periods = book.table(plan, school, date).map(|t| t.periods.as_slice()).unwrap_or_default();
    WeekDay { date, follows: book.day(plan, school, date).follows, periods: periods.iter().map(bell).collect() }
}

/// A period as the API has it.
pub(super) fn bell(period: &crate::calendar::model::Period) -> BellPeriod {
    let clock = |second: i32| format!("{:02}:{:02}", second / 3_600, second / 60 % 60);
    let (start, end) = (clock(period.start_s), clock(period.end_s));
    BellPeriod { no: period.no, name: period.name.clone(), start, end }
}
