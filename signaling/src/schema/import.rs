//! Import and export.

use crate::model::TermId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

values! {
    /// Something wrong in a file.
    ImportFault {
        /// Name of the sheet.
        sheet: String,
        /// Row as a spreadsheet counts it, from 1.
        row: usize,
        /// Name of the column; empty for the whole row.
        column: String,
        /// What is wrong, for programs: `missing`, `not_a_name`, `unknown`, `not_a_word`, `not_yours` or `clash`.
        code: String,
        /// What is wrong, for people.
        message: String,
    }
    /// What an import would do, or has done.
    ImportReport {
        /// True if it was written.
        committed: bool,
        /// New schools.
        schools: usize,
        /// New rooms.
        rooms: usize,
        /// New teachers; they cannot sign in before they are given a password.
        teachers: usize,
        /// New classes.
        classes: usize,
        /// New pairings.
        pairings: usize,
        /// New entries.
        entries: usize,
        /// Rows that are there already and are left as they are.
        known: usize,
        /// With one fault nothing is written.
        faults: Vec<ImportFault>,
    }
}

/// How a file is imported.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Into which term the timetable goes.
    pub term: TermId,
    /// `true`: written, if there is no fault. A dry run otherwise.
    #[serde(default)]
    pub commit: bool,
    /// For CSV: which sheet it is. Without it the file is an Excel workbook.
    #[serde(default)]
    pub sheet: Option<String>,
}

/// Which term is exported.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// The term.
    pub term: TermId,
}
