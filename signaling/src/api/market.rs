//! Needs and supplies, and what they make together.

use super::App;
use super::calendar::act;
use super::door::{Form, Path, Query, name};
use super::import::compare;
use crate::almanac::Almanac;
use crate::auth::{Identity, Reach};
use crate::calendar::matching::{self, LinkClass, Obstacle, RANK_MAX, SIDES_MAX, WeekSlot, matched};
use crate::error::{Error, Result};
use crate::import::{Import, NewEntryRow, NewPairingRow};
use crate::model::{EntryId, NeedId, PairingId, Role, RoomKind, SchoolId, SupplyId};
use crate::schema::{
    AcceptProposal, Accepted, CalendarQuery, ErrorAnswer, FreePeriod, NearSupply, Need, NewNeed, NewSupply, Page,
    Proposal, ProposalQuery, Proposals, Rejection, SharedPeriod, Supply,
};
use crate::store::Window;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;
use std::collections::{BTreeMap, HashSet};

/// Lessons a week that one need or supply may be about.
const PERIODS_MAX: u8 = 10;
/// Free periods of one need or supply: ten a day.
const FREE_MAX: usize = 70;

/// What is wrong with the parts that needs and supplies have in common.
fn misfits(subject: &str, grade: &str, periods: u8, free: &[FreePeriod]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    name(&mut fields, "subject", subject);
    name(&mut fields, "grade", grade);
    if !(1..=PERIODS_MAX).contains(&periods) {
        fields.insert("periods".into(), format!("1 to {PERIODS_MAX}"));
    }
    if !(1..=FREE_MAX).contains(&free.len()) || free.iter().any(|p| !(1..=7).contains(&p.weekday) || p.period > 99) {
        fields.insert("free".into(), format!("1 to {FREE_MAX} periods on weekdays 1 to 7"));
    }
    fields
}

/// Needs within reach.
#[utoipa::path(get, path = "/api/needs", tag = "market", params(CalendarQuery), responses((status = 200, body = Page<Need>)))]
pub(crate) async fn needs(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<CalendarQuery>,
) -> Result<Json<Page<Need>>> {
    let reach = office.store.reach(&me.caller).await?;
    office.store.needs_page(&reach, Window::new(q.page, q.per_page)).await.map(Json)
}

/// Supplies within reach.
#[utoipa::path(get, path = "/api/supplies", tag = "market", params(CalendarQuery), responses((status = 200, body = Page<Supply>)))]
pub(crate) async fn supplies(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<CalendarQuery>,
) -> Result<Json<Page<Supply>>> {
    let reach = office.store.reach(&me.caller).await?;
    office.store.supplies_page(&reach, Window::new(q.page, q.per_page)).await.map(Json)
}

async fn need(office: &App, reach: &Reach, id: NeedId) -> Result<(Need, RoomKind)> {
    let found = office.store.needs(reach, false, Some(id), Window::first(1)).await?;
    found.into_iter().next().ok_or(Error::NotFound)
}

async fn supply(office: &App, reach: &Reach, id: SupplyId) -> Result<Supply> {
    let found = office.store.supplies(reach, false, Some(id), Window::first(1)).await?;
    found.into_iter().next().ok_or(Error::NotFound)
}

/// States a need.
#[utoipa::path(post, path = "/api/needs", tag = "market", request_body = NewNeed,
    responses((status = 201, body = Need), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer)))]
pub(crate) async fn add_need(
    State(office): State<App>,
    me: Identity,
    Form(new): Form<NewNeed>,
) -> Result<(StatusCode, Json<Need>)> {
    let reach = office.store.reach(&me.caller).await?;
    let room = office.store.room(new.room, None).await?;
    office.store.must_reach(&reach, room.school.id).await?;
    let mut fields = misfits(&new.subject, &new.grade, new.periods, &new.free);
    if room.kind == RoomKind::Master {
        fields.insert("room".into(), "a room of kind interactive or terminal".into());
    }
    if !(1..=RANK_MAX).contains(&new.rank) {
        fields.insert("rank".into(), format!("1 to {RANK_MAX}"));
    }
    if let Some(class) = new.class
        && office.store.school_of_class(class).await.ok() != Some(room.school.id)
    {
        fields.insert("class".into(), "no such class in the room's school".into());
    }
    if !fields.is_empty() {
        return Err(Error::Fields(fields));
    }
    let id = office.store.add_need(&new, act(&office, &me)).await?;
    Ok((StatusCode::CREATED, Json(need(&office, &reach, id).await?.0)))
}

/// Offers to take a class.
#[utoipa::path(post, path = "/api/supplies", tag = "market", request_body = NewSupply,
    responses((status = 201, body = Supply), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer)))]
pub(crate) async fn add_supply(
    State(office): State<App>,
    me: Identity,
    Form(new): Form<NewSupply>,
) -> Result<(StatusCode, Json<Supply>)> {
    let reach = office.store.reach(&me.caller).await?;
    let room = office.store.room(new.room, None).await?;
    office.store.must_reach(&reach, room.school.id).await?;
    let mut fields = misfits(&new.subject, &new.grade, new.periods, &new.free);
    if room.kind != RoomKind::Master {
        fields.insert("room".into(), "a room of kind master".into());
    }
    let teacher = office.store.person(new.teacher).await.ok();
    if teacher.is_none_or(|t| t.role != Role::Teacher || t.school.is_none_or(|s| s.id != room.school.id)) {
        fields.insert("teacher".into(), "no such teacher in the room's school".into());
    }
    if !fields.is_empty() {
        return Err(Error::Fields(fields));
    }
    let id = office.store.add_supply(&new, act(&office, &me)).await?;
    Ok((StatusCode::CREATED, Json(supply(&office, &reach, id).await?)))
}

/// Takes a need back.
#[utoipa::path(delete, path = "/api/needs/{need}", tag = "market", params(("need" = NeedId, Path)),
    responses((status = 204), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer)))]
pub(crate) async fn remove_need(State(office): State<App>, me: Identity, Path(id): Path<NeedId>) -> Result<StatusCode> {
    need(&office, &office.store.reach(&me.caller).await?, id).await?;
    office.store.remove_need(id, act(&office, &me)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an offer back.
#[utoipa::path(delete, path = "/api/supplies/{supply}", tag = "market", params(("supply" = SupplyId, Path)),
    responses((status = 204), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer)))]
pub(crate) async fn remove_supply(
    State(office): State<App>,
    me: Identity,
    Path(id): Path<SupplyId>,
) -> Result<StatusCode> {
    supply(&office, &office.store.reach(&me.caller).await?, id).await?;
    office.store.remove_supply(id, act(&office, &me)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Free periods with their times, by the school's ordinary bell table; periods it does not have are left out.
fn slots(almanac: &Almanac, school: SchoolId, free: &[FreePeriod]) -> Vec<WeekSlot> {
    let plan = &almanac.plan;
    let Some(number) = plan.school_ids.number(&school.to_string()) else { return Vec::new() };
    let tables = &plan.schools[number.at()].bell_tables;
    let slot = |free: &FreePeriod| {
        let rings = tables.iter().filter(|t| !t.temporary && t.weekdays & (1 << free.weekday) != 0);
        // Of several tables the one that is valid longest stands for the term.
        let table = rings.max_by_key(|t| {
            crate::calendar::model::day_number(t.dates.to) - crate::calendar::model::day_number(t.dates.from)
        })?;
        let period = table.period(free.period)?;
        Some(WeekSlot { weekday: free.weekday, period: free.period, start_s: period.start_s, end_s: period.end_s })
    };
    free.iter().filter_map(slot).collect()
}

fn wanted(almanac: &Almanac, need: &Need, kind: RoomKind) -> matching::Need {
    matching::Need {
        subject: need.need.subject.clone(),
        grade: need.need.grade.clone(),
        edition: need.need.edition.clone(),
        unit: need.need.unit,
        periods: need.need.periods,
        rank: need.need.rank,
        free: slots(almanac, need.school.id, &need.need.free),
        link: if kind == RoomKind::Interactive { LinkClass::Interactive } else { LinkClass::Terminal },
        has_room: true,
    }
}

fn offered(almanac: &Almanac, supply: &Supply) -> matching::Supply {
    matching::Supply {
        subject: supply.supply.subject.clone(),
        grade: supply.supply.grade.clone(),
        edition: supply.supply.edition.clone(),
        unit: supply.supply.unit,
        periods: supply.supply.periods,
        free: slots(almanac, supply.school.id, &supply.supply.free),
        wants_link: if supply.supply.interactive { LinkClass::Interactive } else { LinkClass::Terminal },
        has_room: true,
    }
}

fn word(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Subject => "subject",
        Obstacle::Grade => "grade",
        Obstacle::Edition => "edition",
        Obstacle::Pace => "pace",
        Obstacle::Link => "link",
        Obstacle::Room => "room",
        Obstacle::NoCommonPeriod => "no_common_period",
        Obstacle::GivenElsewhere => "given_elsewhere",
    }
}

fn shared((master, rural): &(WeekSlot, WeekSlot)) -> SharedPeriod {
    SharedPeriod { weekday: master.weekday, master_period: master.period, rural_period: rural.period }
}

/// The best assignment of all open offers to all open needs, explained; what concerns one's schools is shown.
#[utoipa::path(get, path = "/api/proposals", tag = "market", params(ProposalQuery),
    responses((status = 200, body = Proposals), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn proposals(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<ProposalQuery>,
) -> Result<Json<Proposals>> {
    let reach = office.store.reach(&me.caller).await?;
    let almanac = office.almanac(q.term).await?;
    let all = Window::first(SIDES_MAX as i64);
    let needs = office.store.needs(&Reach::All, true, None, all).await?;
    let supplies = office.store.supplies(&Reach::All, true, None, all).await?;
    let own_needs: HashSet<NeedId> =
        office.store.needs(&reach, true, None, all).await?.iter().map(|n| n.0.id).collect();
    let own_supplies: HashSet<SupplyId> =
        office.store.supplies(&reach, true, None, all).await?.iter().map(|s| s.id).collect();
    let work = move || {
        let wanted: Vec<_> = needs.iter().map(|(need, kind)| wanted(&almanac, need, *kind)).collect();
        let offered: Vec<_> = supplies.iter().map(|supply| offered(&almanac, supply)).collect();
        let found = matched(&wanted, &offered, almanac.plan.overlap_min_s);
        let proposal = |p: &matching::Proposal| Proposal {
            need: needs[p.need].0.id,
            supply: supplies[p.supply].id,
            periods: p.periods.iter().map(shared).collect(),
            wanted: needs[p.need].0.need.periods,
            weight: p.weight,
        };
        let near = |(at, obstacles): &(usize, Vec<Obstacle>)| NearSupply {
            supply: supplies[*at].id,
            obstacles: obstacles.iter().map(|o| word(*o).to_owned()).collect(),
        };
        let rejection = |r: &matching::Rejection| Rejection {
            need: needs[r.need].0.id,
            nearest: r.nearest.iter().map(near).collect(),
        };
        let proposals = found.proposals.iter().map(proposal);
        let rejections = found.rejections.iter().map(rejection);
        Proposals {
            proposals: proposals.filter(|p| own_needs.contains(&p.need) || own_supplies.contains(&p.supply)).collect(),
            rejections: rejections.filter(|r| own_needs.contains(&r.need)).collect(),
        }
    };
    tokio::task::spawn_blocking(work).await.map(Json).map_err(|_| Error::Internal("matching was interrupted"))
}

/// Accepts a proposal for the school that offers: a pairing with entries in the periods both sides have. Both have
/// said that they want it, so nobody else is asked.
#[utoipa::path(post, path = "/api/proposals/accept", tag = "market", request_body = AcceptProposal,
    responses((status = 201, body = Accepted), (status = 404, body = ErrorAnswer),
        (status = 409, description = "`does_not_fit`, `met`, or `clash`: a side is not free then", body = ErrorAnswer)))]
pub(crate) async fn accept(
    State(office): State<App>,
    me: Identity,
    Form(new): Form<AcceptProposal>,
) -> Result<(StatusCode, Json<Accepted>)> {
    let reach = office.store.reach(&me.caller).await?;
    let _turn = office.calendar.lock().await;
    let supply = supply(&office, &reach, new.supply).await?;
    let (need, kind) = need(&office, &Reach::All, new.need).await?;
    if supply.pairing.is_some() || need.pairing.is_some() {
        return Err(Error::Conflict { code: "met", why: "the need is met or the offer taken already" });
    }
    let schools = vec![supply.school.id, need.school.id];
    let almanac = office.almanac_part(new.term, schools.clone()).await?;
    let (wanted, offered) = (wanted(&almanac, &need, kind), offered(&almanac, &supply));
    if !matching::obstacles(&wanted, &offered, almanac.plan.overlap_min_s).is_empty() {
        return Err(Error::Conflict { code: "does_not_fit", why: "the offer does not meet the need" });
    }
    let periods = matching::shared(&wanted, &offered, almanac.plan.overlap_min_s);
    let pairing = PairingId::random();
    let entry = |(row, (master, _)): (usize, &(WeekSlot, WeekSlot))| NewEntryRow {
        id: EntryId::random(),
        pairing,
        weekday: i64::from(master.weekday),
        period: i64::from(master.period),
        weeks: json!("all"),
        row,
    };
    let mut import = Import {
        entries: periods.iter().enumerate().map(entry).collect(),
        pairings: vec![NewPairingRow {
            id: pairing,
            subject: need.need.subject.clone(),
            grade: need.need.grade.clone(),
            teacher: supply.supply.teacher,
            master: (supply.school.id, supply.supply.room, None),
            rural: vec![(need.school.id, need.need.room, need.need.class)],
        }],
        met: Some((need.id, supply.id, pairing)),
        ..Import::default()
    };
    compare(&mut import, office.store.plan_rows_of(new.term, &schools).await?.plan)?;
    if !import.faults.is_empty() {
        return Err(Error::Conflict { code: "clash", why: "a side is not free in one of these periods" });
    }
    office.store.write_import(&import, new.term, act(&office, &me)).await?;
    office.replan();
    Ok((StatusCode::CREATED, Json(Accepted { pairing, entries: import.entries.len() })))
}
