//! Import from Excel and CSV, the template, and the export in the same shape.

use super::App;
use super::calendar::act;
use super::door::{Query, Upload};
use crate::auth::Identity;
use crate::calendar::{Clash, Index, clashes, expand, read};
use crate::error::{Error, Result};
use crate::import::{FAULTS_MAX, Import, SHEETS, SheetShape, fault, file, resolve};
use crate::schema::{ErrorAnswer, ExportQuery, ImportQuery, ImportReport};
use crate::sheet::{Sheet, XLSX, workbook};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Imports a file, or says what it would do. All or nothing. What is new must be within the sender's reach; a new pairing
/// on all its sides.
#[utoipa::path(post, path = "/api/import", tag = "calendar", params(ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "An .xlsx workbook, or the CSV of one sheet (UTF-8 or GBK); at most 16 MiB"),
    responses((status = 200, body = ImportReport), (status = 400, body = ErrorAnswer), (status = 404, body = ErrorAnswer),
        (status = 413, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(crate) async fn import(
    State(office): State<App>,
    me: Identity,
    Query(q): Query<ImportQuery>,
    Upload(bytes): Upload,
) -> Result<Json<ImportReport>> {
    let reach = office.store.reach(&me.caller).await?;
    let _turn = office.calendar.lock().await;
    let mut directory = office.store.directory(q.term, &reach).await?;
    let rows = office.store.plan_rows(q.term).await?;
    let sheet = q.sheet.clone();
    let work = move || {
        let mut import = resolve(file::tables(bytes.to_vec(), sheet.as_deref())?, &mut directory);
        if import.faults.is_empty() && !import.entries.is_empty() {
            compare(&mut import, rows.plan)?;
        }
        Ok::<_, Error>(import)
    };
    let import =
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Internal("the import was interrupted"))??;
    let committed = q.commit && import.faults.is_empty();
    if committed {
        office.store.write_import(&import, q.term, act(&office, &me)).await?;
        office.replan();
    }
    Ok(Json(ImportReport {
        committed,
        schools: import.schools.len(),
        rooms: import.rooms.len(),
        teachers: import.people.len(),
        classes: import.classes.len(),
        pairings: import.pairings.len(),
        entries: import.entries.len(),
        known: import.known,
        faults: import.faults,
    }))
}

/// Adds what a file adds to the plan as it is, and finds the clashes that come with it.
pub(super) fn compare(import: &mut Import, mut plan: Value) -> Result<()> {
    let push = |plan: &mut Value, list: &str, items: Vec<Value>| {
        if let Some(Value::Array(all)) = plan.get_mut(list) {
            all.extend(items);
        }
    };
    let schools = import.schools.iter().map(|(id, _, _, group)| json!({"id": id, "group": group, "bell_tables": []}));
    push(&mut plan, "schools", schools.collect());
    push(&mut plan, "rooms", import.rooms.iter().map(|r| json!({"id": r.0, "school": r.1})).collect());
    push(&mut plan, "classes", import.classes.iter().map(|c| json!({"id": c.0, "school": c.1})).collect());
    push(&mut plan, "teachers", import.people.iter().map(|p| json!({"id": p.0})).collect());
    let side = |(school, room, class): &(_, _, Option<_>)| json!({"school": school, "room": room, "class": class});
    let pairings = import.pairings.iter().map(|p| {
        let rural: Vec<Value> = p.rural.iter().map(side).collect();
        json!({"id": p.id, "teacher": p.teacher, "master": side(&p.master), "rural": rural})
    });
    push(&mut plan, "pairings", pairings.collect());
    let entries = import
        .entries
        .iter()
        .map(|e| json!({"id": e.id, "pairing": e.pairing, "weekday": e.weekday, "period": e.period, "weeks": e.weeks}));
    push(&mut plan, "entries", entries.collect());
    let document = serde_json::to_vec(&plan).map_err(|_| Error::Internal("a document is always JSON"))?;
    let plan = read::read(&document).0.ok_or(Error::Internal("an import that fits makes a plan that reads"))?;
    let timetable = expand(&plan);
    let index = Index::new(&plan, &timetable);
    let rows: HashMap<_, usize> =
        import.entries.iter().filter_map(|e| Some((plan.entry_ids.number(&e.id.to_string())?, e.row))).collect();
    // Each row is told each kind once, with the first date.
    let mut told = std::collections::BTreeSet::new();
    for clash in clashes(&plan, &timetable, &index) {
        let Clash { lessons: (first, second), kind, .. } = clash;
        let row = second.and_then(|p| rows.get(&p.entry)).or_else(|| rows.get(&first.entry));
        let Some(row) = row else { continue };
        if import.faults.len() < FAULTS_MAX && told.insert((*row, kind)) {
            import.faults.push(fault(4, *row, usize::MAX, "clash", format!("{} on {}", kind.word(), first.date)));
        }
    }
    Ok(())
}

fn file_answer(name: &str, bytes: Vec<u8>) -> Response {
    let name = format!("attachment; filename=\"{name}.xlsx\"");
    ([(header::CONTENT_TYPE, XLSX.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes).into_response()
}

fn sheets(rows: [Vec<Vec<String>>; 5]) -> Vec<Sheet> {
    let sheet = |((name, _, columns), rows): (&SheetShape, _)| Sheet {
        name: (*name).to_owned(),
        heading: columns.iter().map(|(heading, _)| (*heading).to_owned()).collect(),
        rows,
    };
    SHEETS.iter().zip(rows).map(sheet).collect()
}

/// An empty workbook with all sheets and columns.
#[utoipa::path(get, path = "/api/import/template", tag = "calendar",
    responses((status = 200, body = Vec<u8>, content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))]
pub(crate) async fn template(State(office): State<App>) -> Result<Response> {
    Ok(file_answer("tongke-template", workbook(&sheets(Default::default()), office.now().ms)?))
}

/// The schools, rooms, teachers and classes within reach, and a term's timetable of either side, as an import reads them.
#[utoipa::path(get, path = "/api/export", tag = "calendar", params(ExportQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (status = 404, body = ErrorAnswer)))]
pub(crate) async fn export(State(office): State<App>, me: Identity, Query(q): Query<ExportQuery>) -> Result<Response> {
    office.store.term(q.term).await?;
    let rows = office.store.export(q.term, &office.store.reach(&me.caller).await?).await?;
    let now_ms = office.now().ms;
    let made = tokio::task::spawn_blocking(move || workbook(&sheets(rows), now_ms)).await;
    Ok(file_answer("tongke-timetable", made.map_err(|_| Error::Internal("the export was interrupted"))??))
}
