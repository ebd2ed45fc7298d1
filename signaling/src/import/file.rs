//! Files become tables of texts. Hostile files are refused by their size before they are unpacked.

use super::{SHEETS, Table};
use crate::error::{Error, Result};
use calamine::{Data, Reader, Xlsx};
use std::io::{Cursor, Read};

/// Rows of all sheets together.
const ROWS_MAX: usize = 100_000;
/// What a workbook may unpack to.
const EXPANDED_MAX: u64 = 64 * 1024 * 1024;
/// Columns further to the right are not looked at; the widest sheet has ten.
const COLUMNS_MAX: usize = 50;
/// Longest text of a cell, in characters; rural rooms of one pairing fit.
const CELL_MAX: usize = 2_000;

fn malformed(cause: impl std::fmt::Display) -> Error {
    Error::Malformed(cause.to_string())
}

/// Reads a workbook, or the CSV of one sheet.
pub(crate) fn tables(bytes: Vec<u8>, sheet: Option<&str>) -> Result<Vec<Table>> {
    let tables = match sheet {
        Some(sheet) => vec![csv_table(&bytes, sheet)?],
        None => workbook(bytes)?,
    };
    let rows: usize = tables.iter().map(|t| t.rows.len()).sum();
    if rows > ROWS_MAX {
        return Err(Error::field("file", &format!("{rows} rows; at most {ROWS_MAX}")));
    }
    Ok(tables)
}

/// Where a sheet of this name is in [`SHEETS`].
fn sheet_of(name: &str) -> Option<usize> {
    SHEETS.iter().position(|(english, chinese, _)| name.trim().eq_ignore_ascii_case(english) || name.trim() == *chinese)
}

/// Really unpacks every file of an archive, because what it says of itself may be a lie.
fn measure(bytes: &[u8]) -> Result<()> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(malformed)?;
    let mut left = EXPANDED_MAX;
    for at in 0..archive.len() {
        let entry = archive.by_index(at).map_err(malformed)?;
        let size = std::io::copy(&mut entry.take(left + 1), &mut std::io::sink()).map_err(malformed)?;
        left = left.checked_sub(size).ok_or_else(|| Error::field("file", "unpacks to more than 64 MiB"))?;
    }
    Ok(())
}

/// Only .xlsx: the older format is unpacked into whole rectangles of cells, which a hostile file makes as large as it likes.
fn workbook(bytes: Vec<u8>) -> Result<Vec<Table>> {
    if !bytes.starts_with(b"PK") {
        return Err(Error::field("file", "not an .xlsx workbook; save it as .xlsx, or send the CSV of one sheet"));
    }
    measure(&bytes)?;
    let mut book: Xlsx<_> =
        calamine::open_workbook_from_rs(Cursor::new(bytes)).map_err(|e: calamine::XlsxError| malformed(e))?;
    let mut found = Vec::new();
    for name in book.sheet_names() {
        if let Some(sheet) = sheet_of(&name) {
            found.push(table(sheet, rows(&mut book, &name)?.into_iter())?);
        }
    }
    if found.is_empty() {
        let names: Vec<&str> = SHEETS.iter().map(|(name, ..)| *name).collect();
        return Err(Error::field("file", &format!("no sheet is called {}", names.join(", "))));
    }
    Ok(found)
}

/// The cells of a sheet, one after the other: a far-away cell must not make a rectangle of billions of empty ones. Rows
/// count from the top of the sheet.
fn rows(book: &mut Xlsx<Cursor<Vec<u8>>>, name: &str) -> Result<Vec<Vec<String>>> {
    let mut reader = book.worksheet_cells_reader(name).map_err(malformed)?;
    let mut rows: Vec<Vec<String>> = Vec::new();
    while let Some(cell) = reader.next_cell().map_err(malformed)? {
        let (row, column) = cell.get_position();
        let (row, column) = (row as usize, column as usize);
        let text = text(&cell.get_value().clone().into());
        // Formatted empty cells may lie anywhere.
        if text.is_empty() || column >= COLUMNS_MAX {
            continue;
        }
        if row > ROWS_MAX {
            return Err(Error::field(
                "file",
                &format!("the sheet {name} has a cell in row {}; at most {ROWS_MAX} rows", row + 1),
            ));
        }
        if rows.len() <= row {
            rows.resize(row + 1, Vec::new());
        }
        let cells = &mut rows[row];
        if cells.len() <= column {
            cells.resize(column + 1, String::new());
        }
        cells[column] = text;
    }
    Ok(rows)
}

/// A cell as people read it: whole numbers without a point, dates as ISO 8601. Of formulas their stored result.
fn text(cell: &Data) -> String {
    match cell {
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        Data::DateTimeIso(text) => text.clone(),
        other => other.to_string(),
    }
}

/// UTF-8 with or without a byte order mark, UTF-16 with one, else GBK (as GB 18030, which contains it).
fn decoded(bytes: &[u8]) -> Result<String> {
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(bytes) {
        return Ok(encoding.decode(bytes).0.into_owned());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.to_owned());
    }
    let (text, _, broken) = encoding_rs::GB18030.decode(bytes);
    if broken { Err(Error::field("file", "the text is neither UTF-8 nor GBK")) } else { Ok(text.into_owned()) }
}

fn csv_table(bytes: &[u8], sheet: &str) -> Result<Table> {
    let sheet = sheet_of(sheet).ok_or_else(|| Error::field("sheet", "no such sheet"))?;
    let text = decoded(bytes)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        if rows.len() > ROWS_MAX {
            return Err(Error::field("file", &format!("more than {ROWS_MAX} rows")));
        }
        // An apostrophe keeps spreadsheets from taking a text for a formula.
        let plain = |cell: &str| match cell.strip_prefix('\'') {
            Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest.to_owned(),
            _ => cell.to_owned(),
        };
        rows.push(record.map_err(malformed)?.iter().map(plain).collect());
    }
    table(sheet, rows.into_iter())
}

/// The first row names the columns, in any order; rows of blanks at the end are left out.
fn table(sheet: usize, mut rows: impl Iterator<Item = Vec<String>>) -> Result<Table> {
    let heading = rows.next().unwrap_or_default();
    let (name, _, columns) = SHEETS[sheet];
    let mut places = Vec::with_capacity(columns.len());
    for (english, chinese) in columns {
        let is = |cell: &String| cell.trim().eq_ignore_ascii_case(english) || cell.trim() == *chinese;
        let missing = || Error::field("file", &format!("the sheet {name} has no column {english} ({chinese})"));
        places.push(heading.iter().position(is).ok_or_else(missing)?);
    }
    let pick = |row: Vec<String>| -> Vec<String> {
        let cell = |at: &usize| row.get(*at).map(|c| c.trim().chars().take(CELL_MAX).collect()).unwrap_or_default();
        places.iter().map(cell).collect()
    };
    let mut rows: Vec<Vec<String>> = rows.map(pick).collect();
    while rows.last().is_some_and(|row| row.iter().all(String::is_empty)) {
        rows.pop();
    }
    Ok(Table { sheet, rows })
}
