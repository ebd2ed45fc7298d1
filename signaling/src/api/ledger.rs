//! iCalendar feeds, the outcome ledger and the month's figures.

use super::App;
use super::door::{Form, Path, Query};
use crate::auth::{Caller, Identity};
use crate::error::{Error, Result};
use crate::feed;
use crate::model::{FeedId, Role, SchoolId, Subject};
use crate::schema::{
    AuditQuery, AuditRow, ErrorAnswer, Feed, Figure, FigureQuery, LedgerQuery, LedgerRow, NewFeed, Page,
};
use crate::secret::{hash, random_token};
use crate::sheet::{self, Sheet};
use crate::store::Window;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;

/// One's own feeds, without their secrets.
#[utoipa::path(get, path = "/api/feeds", tag = "calendar", responses((status = 200, body = Vec<Feed>)))]
pub(crate) async fn feeds(State(office): State<App>, me: Identity) -> Result<Json<Vec<Feed>>> {
    office.store.feeds(me.caller.person().ok_or(Error::Forbidden)?).await.map(Json)
}

/// The school of a person, class, room or school.
async fn school_of(office: &App, kind: Subject, subject: &str) -> Result<SchoolId> {
    let wrong = |_| Error::NotFound;
    match kind {
        Subject::School => subject.parse().map_err(wrong),
        Subject::Room => office.store.school_of_room(subject.parse().map_err(wrong)?).await,
        Subject::Class => office.store.school_of_class(subject.parse().map_err(wrong)?).await,
        Subject::Teacher => {
            let teacher = office.store.person(subject.parse().map_err(wrong)?).await?;
            teacher.school.map(|s| s.id).ok_or(Error::NotFound)
        }
    }
}

/// Makes an iCalendar address. Teachers make one of their own lessons, administrators of what is within their reach.
#[utoipa::path(post, path = "/api/feeds", tag = "calendar", request_body = NewFeed,
    responses((status = 201, body = Feed), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn add_feed(
    State(office): State<App>,
    me: Identity,
    Form(new): Form<NewFeed>,
) -> Result<(StatusCode, Json<Feed>)> {
    let person = me.caller.person().ok_or(Error::Forbidden)?;
    if matches!(me.caller, Caller::Person { role: Role::Teacher, .. }) {
        if new.kind != Subject::Teacher || new.subject != person.to_string() {
            return Err(Error::NotFound);
        }
    } else {
        let reach = office.store.reach(&me.caller).await?;
        let school = school_of(&office, new.kind, &new.subject).await?;
        office.store.must_reach(&reach, school).await?;
    }
    let secret = random_token();
    let (id, created_ms, url) = (FeedId::random(), office.now().ms, Some(format!("/api/calendar/{secret}.ics")));
    let feed = Feed { id, kind: new.kind, subject: new.subject, created_ms, url };
    office.store.add_feed(&feed, &hash(&secret), person).await?;
    Ok((StatusCode::CREATED, Json(feed)))
}

/// Revokes a feed: its address answers 404 from now on.
#[utoipa::path(delete, path = "/api/feeds/{feed}", tag = "calendar", params(("feed" = FeedId, Path)),
    responses((status = 204), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn remove_feed(State(office): State<App>, me: Identity, Path(id): Path<FeedId>) -> Result<StatusCode> {
    let person = me.caller.person().ok_or(Error::Forbidden)?;
    if office.store.remove_feed(id, person).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Error::NotFound) }
}

/// An iCalendar feed (RFC 5545): the lessons of the running and coming terms. The address is its credential.
#[utoipa::path(get, path = "/api/calendar/{file}", tag = "calendar", params(("file" = String, Path, description = "`<secret>.ics`")),
    responses((status = 200, body = String, content_type = "text/calendar"), (status = 304), (status = 404, body = ErrorAnswer)))]
pub(crate) async fn calendar(
    State(office): State<App>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let secret = file.strip_suffix(".ics").ok_or(Error::NotFound)?;
    let (kind, subject) = office.store.feed(&hash(secret)).await?.ok_or(Error::NotFound)?;
    let now = jiff::Timestamp::from_millisecond(office.now().ms).unwrap_or_default();
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let changes = office.store.change_counts().await?;
    let school = school_of(&office, kind, &subject).await?;
    let (mut lessons, mut made_ms, mut name) = (Vec::new(), 0, String::new());
    for term in office.store.terms().await?.into_iter().rev().filter(|t| t.last_day >= today) {
        let almanac = office.almanac_of(term.id, vec![school]).await?;
        lessons.extend(feed::lessons(&almanac, kind, &subject)?);
        made_ms = almanac.timetable.book.instant(&almanac.plan, term.first_day, 0).0 * 1_000;
        name = almanac.name(&subject);
    }
    let text = feed::text(&name, &lessons, &changes, made_ms);
    let etag = format!("\"{}\"", hash(&text));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let same = known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag);
    let kept = [(header::ETAG, etag), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
    if same {
        return Ok((StatusCode::NOT_MODIFIED, kept).into_response());
    }
    Ok((kept, [(header::CONTENT_TYPE, "text/calendar; charset=utf-8")], text).into_response())
}

/// What became of every planned lesson, with causes.
#[utoipa::path(get, path = "/api/outcomes", tag = "calendar", params(LedgerQuery), responses((status = 200, body = Page<LedgerRow>)))]
pub(crate) async fn outcomes(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<LedgerQuery>,
) -> Result<Json<Page<LedgerRow>>> {
    let reach = office.store.reach(&me.caller).await?;
    let window = Window::new(q.page, q.per_page);
    office.store.ledger(&reach, &q, window, office.config.zone_offset_ms).await.map(Json)
}

/// What was done to the calendar, by whom and when; the newest first.
#[utoipa::path(get, path = "/api/audit", tag = "calendar", params(AuditQuery), responses((status = 200, body = Page<AuditRow>)))]
pub(crate) async fn audit(State(office): State<App>, Query(q): Query<AuditQuery>) -> Result<Json<Page<AuditRow>>> {
    office.store.audit(q.person, Window::new(q.page, q.per_page)).await.map(Json)
}

/// First and last millisecond of a month of the district's civil time.
fn month_ms(month: &str, zone_offset_ms: i64) -> Result<(i64, i64)> {
    let first: jiff::civil::Date =
        format!("{month}-01").parse().map_err(|_| Error::field("month", "a month such as 2026-11"))?;
    let next = first.checked_add(jiff::Span::new().months(1)).map_err(|_| Error::field("month", "too far"))?;
    let ms = |day: jiff::civil::Date| {
        let zoned = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| Error::field("month", "too far"))?;
        Ok::<_, Error>(zoned.timestamp().as_millisecond() - zone_offset_ms)
    };
    Ok((ms(first)?, ms(next)?))
}

/// The figures of some ledger rows, by what the caller wants.
fn figures(rows: &[LedgerRow], by: &str) -> Vec<Figure> {
    let mut all: BTreeMap<&str, Figure> = BTreeMap::new();
    for row in rows {
        let name = match by {
            "group" => row.group.as_deref().unwrap_or_default(),
            "school" => &row.school.name,
            "subject" => &row.subject,
            _ => "",
        };
        let none = || Figure {
            name: name.to_owned(),
            planned: 0,
            delivered: 0,
            partial: 0,
            failed: 0,
            cancelled: 0,
            open: 0,
            moved: 0,
            minutes: 0,
        };
        let figure = all.entry(name).or_insert_with(none);
        figure.planned += 1;
        *match row.result.as_str() {
            "delivered" => &mut figure.delivered,
            "partial" => &mut figure.partial,
            "failed" => &mut figure.failed,
            "cancelled" => &mut figure.cancelled,
            _ => &mut figure.open,
        } += 1;
        figure.moved += i64::from(row.moved_from.is_some());
        figure.minutes += row.minutes;
    }
    all.into_values().collect()
}

/// A month's lessons of one district are far fewer; more are not added up.
const MONTH_MAX: i64 = 500_000;

/// The month's figures by region, group, school or subject: JSON, CSV or Excel.
#[utoipa::path(get, path = "/api/figures", tag = "calendar", params(FigureQuery),
    responses((status = 200, body = Vec<Figure>), (status = 422, body = ErrorAnswer)))]
pub(crate) async fn month(State(office): State<App>, me: Identity, Query(q): Query<FigureQuery>) -> Result<Response> {
    let reach = office.store.reach(&me.caller).await?;
    let (from_ms, to_ms) = month_ms(&q.month, office.config.zone_offset_ms)?;
    let by = q.by.as_deref().unwrap_or("region");
    if !["region", "group", "school", "subject"].contains(&by) {
        return Err(Error::field("by", "region, group, school or subject"));
    }
    let span = LedgerQuery { from_ms: Some(from_ms), to_ms: Some(to_ms), ..LedgerQuery::default() };
    let rows = office.store.ledger(&reach, &span, Window::first(MONTH_MAX), office.config.zone_offset_ms).await?;
    let figures = figures(&rows.items, by);
    let table = || Sheet {
        name: q.month.clone(),
        heading: [by, "planned", "delivered", "partial", "failed", "cancelled", "open", "moved", "minutes"]
            .map(str::to_owned)
            .to_vec(),
        rows: figures.iter().map(cells).collect(),
    };
    let file = |kind: &'static str, ending: &str, bytes: Vec<u8>| {
        let name = format!("attachment; filename=\"figures-{}.{ending}\"", q.month);
        ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes).into_response()
    };
    match q.format.as_deref() {
        None | Some("json") => Ok(Json(figures).into_response()),
        Some("csv") => Ok(file("text/csv; charset=utf-8", "csv", sheet::csv(&table())?)),
        Some("xlsx") => Ok(file(sheet::XLSX, "xlsx", sheet::workbook(&[table()], office.now().ms)?)),
        Some(_) => Err(Error::field("format", "json, csv or xlsx")),
    }
}

fn cells(f: &Figure) -> Vec<String> {
    let numbers = [f.planned, f.delivered, f.partial, f.failed, f.cancelled, f.open, f.moved, f.minutes];
    std::iter::once(f.name.clone()).chain(numbers.map(|n| n.to_string())).collect()
}
