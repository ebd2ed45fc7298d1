//! Import of schools, rooms, teachers, classes and the timetable from Excel or CSV.
//!
//! A file is read into tables ([`mod@file`]), the tables into rows that name things by their names ([`rows`]), and these are
//! compared with what is there. Every fault has its sheet, row and column; with one fault nothing is written. Rows that
//! are there already are known and left as they are, so a file that was exported can be imported again.

pub(crate) mod file;
mod resolve;
pub(crate) mod rows;

pub(crate) use resolve::{Directory, Import, NewEntryRow, NewPairingRow, resolve};

use crate::schema::ImportFault;

/// After so many faults nobody reads on.
pub(crate) const FAULTS_MAX: usize = 1_000;

/// A table: its name is a key of [`SHEETS`].
pub(crate) struct Table {
    /// Position in [`SHEETS`].
    pub(crate) sheet: usize,
    /// Cells by row and column, without the heading; columns as in [`SHEETS`].
    pub(crate) rows: Vec<Vec<String>>,
}

/// A sheet: its name, its Chinese name, and the headings of its columns in both.
pub(crate) type SheetShape = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Sheets and their columns.
pub(crate) const SHEETS: [SheetShape; 5] = [
    ("schools", "学校", &[("name", "学校"), ("kind", "类型"), ("group", "学区")]),
    ("rooms", "教室", &[("school", "学校"), ("name", "教室"), ("kind", "类型"), ("class", "常驻班级")]),
    ("teachers", "教师", &[("school", "学校"), ("name", "姓名"), ("user", "登录名")]),
    ("classes", "班级", &[("school", "学校"), ("name", "班级"), ("grade", "年级")]),
    (
        "timetable",
        "课表",
        &[
            ("subject", "学科"),
            ("grade", "年级"),
            ("teacher", "教师登录名"),
            ("school", "主讲学校"),
            ("room", "主讲教室"),
            ("class", "主讲班级"),
            ("rural", "听讲教室"),
            ("weekday", "星期"),
            ("period", "节次"),
            ("weeks", "周次"),
        ],
    ),
];

/// A fault at a cell; `row` counts from the first row below the heading.
pub(crate) fn fault(sheet: usize, row: usize, column: usize, code: &str, message: impl Into<String>) -> ImportFault {
    let (name, _, columns) = SHEETS[sheet];
    ImportFault {
        sheet: name.to_owned(),
        // As a spreadsheet counts: from 1, with the heading.
        row: row + 2,
        column: columns.get(column).map(|(name, _)| (*name).to_owned()).unwrap_or_default(),
        code: code.to_owned(),
        message: message.into(),
    }
}
