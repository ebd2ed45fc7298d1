//! Terms, classes, bell tables, day rules.

use super::App;
use super::door::{Form, Path, Query, name};
use crate::auth::{Identity, Reach};
use crate::calendar::model::{FollowedWeek, RuleKind, Scope};
use crate::calendar::shift::{ShiftRefusal, shift};
use crate::calendar::{Fault, read};
use crate::error::{Error, Result};
use crate::model::{PairingId, RuleId, SchoolId, TableId};
use crate::schema::{
    BellTable, CalendarQuery, Class, DayRule, ErrorAnswer, NewBellTable, NewClass, NewDayRules, NewTerm, Page,
    PairingDetails, PairingPlan, ShiftDays, Term,
};
use crate::store::{Act, RuleToWrite, Window};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::civil::Date;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The zone of a term unless it is said.
const ZONE: &str = "Asia/Shanghai";

/// Faults of a document become fields, named by their places.
pub(super) fn unfit(faults: Vec<Fault>) -> Error {
    let field = |f: Fault| {
        let place = f.pointer.trim_start_matches('/').to_owned();
        (if place.is_empty() { "body".to_owned() } else { place }, f.message)
    };
    Error::Fields(faults.into_iter().map(field).collect())
}

/// Who acts, and when.
pub(super) fn act(office: &App, me: &Identity) -> Act {
    Act { person: me.caller.person(), at_ms: office.now().ms }
}

/// Terms, the latest first.
#[utoipa::path(get, path = "/api/terms", tag = "calendar", responses((status = 200, body = Vec<Term>)))]
pub(crate) async fn terms(State(office): State<App>) -> Result<Json<Vec<Term>>> {
    office.store.terms().await.map(Json)
}

/// Adds a term.
#[utoipa::path(post, path = "/api/terms", tag = "calendar", request_body = NewTerm,
    responses((status = 201, body = Term), (status = 409, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(crate) async fn add_term(
    State(office): State<App>,
    me: Identity,
    Form(mut new): Form<NewTerm>,
) -> Result<(StatusCode, Json<Term>)> {
    let mut fields = BTreeMap::new();
    new.name = name(&mut fields, "name", &new.name);
    if !fields.is_empty() {
        return Err(Error::Fields(fields));
    }
    let zone = new.zone.clone().unwrap_or_else(|| ZONE.to_owned());
    let term = json!({"name": new.name, "first_day": new.first_day, "last_day": new.last_day, "zone": zone});
    let plan = json!({"term": term, "schools": []}).to_string();
    let (read, faults) = read::read(plan.as_bytes());
    if read.is_none() {
        return Err(unfit(faults));
    }
    let term = office.store.add_term(&new, &zone, act(&office, &me)).await?;
    office.replan();
    Ok((StatusCode::CREATED, Json(term)))
}

/// Classes within reach.
#[utoipa::path(get, path = "/api/classes", tag = "calendar", params(CalendarQuery), responses((status = 200, body = Page<Class>)))]
pub(crate) async fn classes(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<CalendarQuery>,
) -> Result<Json<Page<Class>>> {
    let reach = office.store.reach(&me.caller).await?;
    office.store.classes(&reach, q.school, Window::new(q.page, q.per_page)).await.map(Json)
}

/// Adds a class.
#[utoipa::path(post, path = "/api/classes", tag = "calendar", request_body = NewClass,
    responses((status = 201, body = Class), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer)))]
pub(crate) async fn add_class(
    State(office): State<App>,
    me: Identity,
    Form(mut new): Form<NewClass>,
) -> Result<(StatusCode, Json<Class>)> {
    office.store.must_reach(&office.store.reach(&me.caller).await?, new.school).await?;
    let mut fields = BTreeMap::new();
    new.name = name(&mut fields, "name", &new.name);
    new.grade = name(&mut fields, "grade", &new.grade);
    if !fields.is_empty() {
        return Err(Error::Fields(fields));
    }
    let id = office.store.add_class(&new, act(&office, &me)).await?;
    let school = office.store.schools(None, &Reach::School(new.school), Window::new(None, Some(1))).await?;
    let school = school.items.into_iter().next().ok_or(Error::NotFound)?;
    let school = crate::schema::SchoolRef { id: school.id, name: school.name };
    Ok((StatusCode::CREATED, Json(Class { id, name: new.name, grade: new.grade, school })))
}

/// Bell tables of a school: the asked one, or one's own.
#[utoipa::path(get, path = "/api/bell-tables", tag = "calendar", params(CalendarQuery),
    responses((status = 200, body = Vec<BellTable>), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn bell_tables(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<CalendarQuery>,
) -> Result<Json<Vec<BellTable>>> {
    let reach = office.store.reach(&me.caller).await?;
    let school = q.school.or(reach.school()).ok_or_else(|| Error::field("school", "which school"))?;
    office.store.must_reach(&reach, school).await?;
    office.store.bell_tables(school).await.map(Json)
}

async fn put_table(office: &App, me: &Identity, id: TableId, new: NewBellTable) -> Result<Json<BellTable>> {
    office.store.must_reach(&office.store.reach(&me.caller).await?, new.school).await?;
    let mut document = serde_json::to_value(&new).map_err(|_| Error::Internal("a document is always JSON"))?;
    if let Value::Object(map) = &mut document {
        map.remove("school");
    }
    read::bell_table(&document).map_err(unfit)?;
    let _turn = office.calendar.lock().await;
    office.store.put_bell_table(id, &new, act(office, me)).await?;
    office.replan();
    Ok(Json(BellTable { id, table: new }))
}

/// Adds a bell table.
#[utoipa::path(post, path = "/api/bell-tables", tag = "calendar", request_body = NewBellTable,
    responses((status = 201, body = BellTable), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer),
        (status = 422, description = "Faults by their place in the table", body = ErrorAnswer)))]
pub(crate) async fn add_bell_table(
    State(office): State<App>,
    me: Identity,
    Form(new): Form<NewBellTable>,
) -> Result<(StatusCode, Json<BellTable>)> {
    let table = put_table(&office, &me, TableId::random(), new).await?;
    Ok((StatusCode::CREATED, table))
}

/// Replaces a bell table.
#[utoipa::path(put, path = "/api/bell-tables/{table}", tag = "calendar", params(("table" = TableId, Path)),
    request_body = NewBellTable,
    responses((status = 200, body = BellTable), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer)))]
pub(crate) async fn replace_bell_table(
    State(office): State<App>,
    me: Identity,
    Path(id): Path<TableId>,
    Form(new): Form<NewBellTable>,
) -> Result<Json<BellTable>> {
    let school = office.store.school_of_table(id).await?;
    office.store.must_reach(&office.store.reach(&me.caller).await?, school).await?;
    if school != new.school {
        return Err(Error::field("school", "a table stays with its school"));
    }
    put_table(&office, &me, id, new).await
}

/// Removes a bell table.
#[utoipa::path(delete, path = "/api/bell-tables/{table}", tag = "calendar", params(("table" = TableId, Path)),
    responses((status = 204), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn remove_bell_table(
    State(office): State<App>,
    me: Identity,
    Path(id): Path<TableId>,
) -> Result<StatusCode> {
    let school = office.store.school_of_table(id).await?;
    office.store.must_reach(&office.store.reach(&me.caller).await?, school).await?;
    let _turn = office.calendar.lock().await;
    office.store.remove_bell_table(id, act(&office, &me)).await?;
    office.replan();
    Ok(StatusCode::NO_CONTENT)
}

/// Day rules that concern one's schools, by date; of a term if one is given.
#[utoipa::path(get, path = "/api/day-rules", tag = "calendar", params(CalendarQuery),
    responses((status = 200, body = Vec<DayRule>), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn day_rules(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<CalendarQuery>,
) -> Result<Json<Vec<DayRule>>> {
    let mut reach = office.store.reach(&me.caller).await?;
    if let Some(school) = q.school {
        office.store.must_reach(&reach, school).await?;
        reach = Reach::School(school);
    }
    let days = match q.term {
        Some(term) => {
            let term = office.store.term(term).await?;
            (term.first_day, term.last_day)
        }
        None => (Date::constant(1970, 1, 1), Date::constant(2199, 12, 31)),
    };
    office.store.day_rules(&reach, days).await.map(Json)
}

/// The owner of a scope, if the caller may write its rules.
async fn owner(
    office: &App,
    me: &Identity,
    scope: &str,
    group: Option<&str>,
    school: Option<SchoolId>,
) -> Result<String> {
    let reach = office.store.reach(&me.caller).await?;
    match (scope, group, school) {
        ("region", None, None) if reach == Reach::All => Ok(String::new()),
        ("region", None, None) => Err(Error::Forbidden),
        ("group", Some(group), None) if reach == Reach::All || reach.group() == Some(group) => Ok(group.to_owned()),
        ("group", Some(_), None) => Err(Error::NotFound),
        ("school", None, Some(school)) => {
            office.store.must_reach(&reach, school).await?;
            Ok(school.to_string())
        }
        _ => Err(Error::field("scope", "region, group with a group, or school with a school")),
    }
}

/// Adds day rules, one for each date, all or none.
#[utoipa::path(post, path = "/api/day-rules", tag = "calendar", request_body = NewDayRules,
    responses((status = 201), (status = 403, body = ErrorAnswer), (status = 404, body = ErrorAnswer),
        (status = 409, description = "`two_rules`: the scope has one on a date", body = ErrorAnswer),
        (status = 422, body = ErrorAnswer)))]
pub(crate) async fn add_day_rules(
    State(office): State<App>,
    me: Identity,
    Form(new): Form<NewDayRules>,
) -> Result<StatusCode> {
    let owner = owner(&office, &me, &new.scope, new.group.as_deref(), new.school).await?;
    let kind = read::rule_kind(&json!({"kind": new.kind, "weekday": new.weekday, "week": new.week})).map_err(unfit)?;
    if !(1..=400).contains(&new.dates.len()) {
        return Err(Error::field("dates", "1 to 400 dates"));
    }
    let rules: Vec<_> = new.dates.iter().map(|date| written(&new.scope, &owner, *date, kind)).collect();
    let _turn = office.calendar.lock().await;
    office.store.add_day_rules(&rules, act(&office, &me)).await?;
    office.replan();
    Ok(StatusCode::CREATED)
}

fn written(scope: &str, owner: &str, date: Date, kind: RuleKind) -> RuleToWrite {
    let (scope, owner) = (scope.to_owned(), owner.to_owned());
    match kind {
        RuleKind::Holiday => RuleToWrite { scope, owner, date, kind: "holiday".into(), weekday: None, week: None },
        RuleKind::RunsAs { weekday, week } => {
            let week = match week {
                FollowedWeek::Own => json!("own"),
                FollowedWeek::Odd => json!("odd"),
                FollowedWeek::Even => json!("even"),
                FollowedWeek::Number(number) => json!(number),
            };
            let week = Some(week.to_string());
            RuleToWrite { scope, owner, date, kind: "runs_as".into(), weekday: Some(weekday), week }
        }
    }
}

/// Moves the lessons of some days by n days: writes the rules that do it.
#[utoipa::path(post, path = "/api/day-rules/shift", tag = "calendar", request_body = ShiftDays,
    responses((status = 201), (status = 403, body = ErrorAnswer), (status = 404, body = ErrorAnswer),
        (status = 409, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(crate) async fn shift_days(
    State(office): State<App>,
    me: Identity,
    Form(new): Form<ShiftDays>,
) -> Result<StatusCode> {
    let school = (new.scope == "school").then_some(new.school);
    let owner = owner(&office, &me, &new.scope, new.group.as_deref(), school).await?;
    if new.to < new.from {
        return Err(Error::field("to", "is before from"));
    }
    let _turn = office.calendar.lock().await;
    let almanac = office.almanac(new.term).await?;
    let plan = &almanac.plan;
    let number = plan.school_ids.number(&new.school.to_string()).ok_or(Error::NotFound)?;
    let scope = match new.scope.as_str() {
        "region" => Scope::Region,
        "group" => Scope::Group(plan.groups.number(&owner).ok_or_else(|| Error::field("group", "no such group"))?),
        _ => Scope::School(number),
    };
    let dates =
        crate::calendar::model::Dates { from: new.from.max(plan.term.dates.from), to: new.to.min(plan.term.dates.to) };
    let rules = shift(plan, scope, number, dates, new.by).map_err(|refusal| match refusal {
        ShiftRefusal::NotADistance => Error::field("by", "by how many days"),
        ShiftRefusal::OutsideTerm(date) => Error::field("by", &format!("{date} is outside the term")),
        ShiftRefusal::RuleThere(_) => {
            Error::Conflict { code: "two_rules", why: "the scope has a rule on one of these dates" }
        }
    })?;
    let rules: Vec<_> = rules.into_iter().map(|(date, kind)| written(&new.scope, &owner, date, kind)).collect();
    office.store.add_day_rules(&rules, act(&office, &me)).await?;
    office.replan();
    Ok(StatusCode::CREATED)
}

/// Removes a day rule.
#[utoipa::path(delete, path = "/api/day-rules/{rule}", tag = "calendar", params(("rule" = RuleId, Path)),
    responses((status = 204), (status = 403, body = ErrorAnswer), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn remove_day_rule(
    State(office): State<App>,
    me: Identity,
    Path(id): Path<RuleId>,
) -> Result<StatusCode> {
    let rule = office.store.day_rule(id).await?;
    owner(&office, &me, &rule.scope, rule.group.as_deref(), rule.school).await?;
    let _turn = office.calendar.lock().await;
    office.store.remove_day_rule(id, act(&office, &me)).await?;
    office.replan();
    Ok(StatusCode::NO_CONTENT)
}

/// 404 unless the caller plans the master side's lessons.
async fn plans(office: &App, me: &Identity, id: PairingId) -> Result<SchoolId> {
    let master = office.store.schools_of_pairing(id).await?.into_iter().next().ok_or(Error::NotFound)?;
    office.store.must_reach(&office.store.reach(&me.caller).await?, master).await?;
    Ok(master)
}

/// What the calendar knows of a pairing: who assists, which classes, from when to when.
#[utoipa::path(get, path = "/api/pairings/{pairing}/plan", tag = "calendar", params(("pairing" = PairingId, Path)),
    responses((status = 200, body = PairingDetails), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn pairing_details(
    State(office): State<App>,
    me: Identity,
    Path(id): Path<PairingId>,
) -> Result<Json<PairingDetails>> {
    plans(&office, &me, id).await?;
    office.store.pairing_details(id).await.map(Json)
}

/// Says what the calendar knows of a pairing: who assists, which classes, from when to when.
#[utoipa::path(put, path = "/api/pairings/{pairing}/plan", tag = "calendar", params(("pairing" = PairingId, Path)),
    request_body = PairingPlan,
    responses((status = 204), (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(crate) async fn plan_pairing(
    State(office): State<App>,
    me: Identity,
    Path(id): Path<PairingId>,
    Form(new): Form<PairingPlan>,
) -> Result<StatusCode> {
    let master = plans(&office, &me, id).await?;
    let mut fields = BTreeMap::new();
    if new.from.zip(new.to).is_some_and(|(from, to)| to < from) {
        fields.insert("to".to_owned(), "is before from".to_owned());
    }
    if new.level.as_deref().is_some_and(|level| !["county", "city", "province"].contains(&level)) {
        fields.insert("level".to_owned(), "county, city or province".to_owned());
    }
    if new.co_teachers.len() > 50 || new.rural_classes.len() > 200 {
        fields.insert("co_teachers".to_owned(), "at most 50 people and 200 classes".to_owned());
    }
    if let Some(class) = new.master_class
        && office.store.school_of_class(class).await.ok() != Some(master)
    {
        fields.insert("master_class".to_owned(), "no such class in the master's school".to_owned());
    }
    for seat in &new.rural_classes {
        let (class, room) =
            (office.store.school_of_class(seat.class).await, office.store.school_of_room(seat.room).await);
        if class.ok().is_none_or(|class| room.ok() != Some(class)) {
            fields.insert("rural_classes".to_owned(), "no such class in the room's school".to_owned());
        }
    }
    if !fields.is_empty() {
        return Err(Error::Fields(fields));
    }
    let _turn = office.calendar.lock().await;
    office.store.plan_pairing(id, &new, act(&office, &me)).await?;
    office.replan();
    Ok(StatusCode::NO_CONTENT)
}
