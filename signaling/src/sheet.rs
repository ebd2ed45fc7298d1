//! Tables as files: CSV and Excel, in and out of memory.

use crate::error::{Error, Result};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook};

/// The media type of Excel workbooks.
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// A table with a heading.
pub(crate) struct Sheet {
    /// Name of the sheet.
    pub(crate) name: String,
    /// Headings.
    pub(crate) heading: Vec<String>,
    /// Rows, as wide as the heading.
    pub(crate) rows: Vec<Vec<String>>,
}

/// A text that a spreadsheet would take for a formula gets an apostrophe in front.
pub(crate) fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// CSV in UTF-8 with a byte order mark, which Excel needs.
pub(crate) fn csv(sheet: &Sheet) -> Result<Vec<u8>> {
    let unwritten = |_| Error::Internal("a table could not be written");
    let mut out = csv::Writer::from_writer(b"\xef\xbb\xbf".to_vec());
    out.write_record(&sheet.heading).map_err(unwritten)?;
    for row in &sheet.rows {
        out.write_record(row.iter().map(|cell| plain(cell))).map_err(unwritten)?;
    }
    out.into_inner().map_err(|_| Error::Internal("a table could not be written"))
}

/// An Excel workbook made at `now_ms`. Cells are texts, so nothing in them is a formula.
pub(crate) fn workbook(sheets: &[Sheet], now_ms: i64) -> Result<Vec<u8>> {
    let unwritten = |_| Error::Internal("a workbook could not be written");
    let mut book = Workbook::new();
    // Unless told it takes the machine's clock.
    let made = ExcelDateTime::from_timestamp(now_ms / 1_000).map_err(unwritten)?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&made));
    let bold = Format::new().set_bold();
    for sheet in sheets {
        let page = book.add_worksheet();
        page.set_name(&sheet.name).map_err(unwritten)?;
        for (column, text) in (0..).zip(&sheet.heading) {
            page.write_string_with_format(0, column, text, &bold).map_err(unwritten)?;
        }
        for (row, cells) in (1..).zip(&sheet.rows) {
            for (column, text) in (0..).zip(cells).filter(|(_, text)| !text.is_empty()) {
                page.write_string(row, column, text).map_err(unwritten)?;
            }
        }
        page.set_freeze_panes(1, 0).map_err(unwritten)?;
    }
    book.save_to_buffer().map_err(unwritten)
}
