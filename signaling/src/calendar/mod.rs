//! The school calendar: terms, 调休, bell tables, pairings, changes. Pure code on civil dates.
//!
//! No I/O, no clock, no SQL: it is asked, it answers. A [`Plan`] comes from [`mod@read`] (a plan file) or from the store;
//! everything else is computed from it, and the same plan gives the same answers.
//!
//! - [`model`] – what a plan is made of. Ids are text outside and small numbers inside.
//! - [`mod@read`] – plan files: what cannot be right is a [`Fault`] with its JSON pointer.
//! - [`days`] – which weekday and week a date follows in a school, and which bell table rings then.
//! - [`mod@expand`] – the dated lessons of a term; [`changes`] moves, swaps, substitutes and cancels them; units follow
//!   the lessons that are really held.
//! - [`mod@clashes`] – everything that cannot be as planned, found with sweep lines; [`index`] answers the same for one
//!   candidate while somebody types.
//! - [`common`] – periods in which all sides of a pairing are free. [`shift`] – moving days of lessons by n days.
//! - [`matching`] – needs and supplies.
//! - [`answer`] – the JSON of `tongke calendar expand`.
//!
//! How a date is read, in this order: the narrowest day rule of the school (own, group's, region's); a holiday has no
//! lessons; a date that *runs as* another weekday has that weekday's lessons, of the week the rule says, at the bells of
//! the table that is valid *on that date* for the *followed* weekday; a temporary table beats an ordinary one.
//!
//! A lesson's *name* is its entry and the date the timetable gives it. Changes keep the name and move the rest, so a
//! name can be looked up, shown and undone whatever happened since.

pub mod answer;
pub mod changes;
pub mod clashes;
pub mod common;
pub mod days;
pub mod expand;
pub mod index;
pub mod matching;
pub mod model;
pub mod read;
pub mod shift;

pub use changes::{Refusal, change};
pub use clashes::{Clash, ClashKind, Who, clashes};
pub use days::DayBook;
pub use expand::{Lesson, LessonState, Timetable, expand};
pub use index::Index;
pub use model::{Change, LessonName, Plan, Slot};
pub use read::{Fault, Level, read};
