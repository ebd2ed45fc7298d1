//! The calendar: terms, bell tables, day rules, entries, weeks, changes. Documents are as in plan files.

use super::{PersonRef, RoomRef, SchoolRef};
use crate::command::LessonId;
use crate::model::{
    ChangeId, ChangeState, ClassId, EntryId, PairingId, PersonId, RoomId, RuleId, SchoolId, TableId, TermId,
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

values! {
    /// A term 学期.
    Term {
        /// Id.
        id: TermId,
        /// Name.
        name: String,
        /// First day; its week is week 1.
        #[schema(value_type = String, format = Date)]
        first_day: Date,
        /// Last day.
        #[schema(value_type = String, format = Date)]
        last_day: Date,
        /// IANA name of the time zone.
        zone: String,
    }
    /// A new term; terms do not overlap.
    NewTerm {
        /// Name.
        name: String,
        /// First day.
        #[schema(value_type = String, format = Date)]
        first_day: Date,
        /// Last day.
        #[schema(value_type = String, format = Date)]
        last_day: Date,
        /// IANA name; Asia/Shanghai if missing.
        zone: Option<String>,
    }
    /// A class.
    Class {
        /// Id.
        id: ClassId,
        /// Name.
        name: String,
        /// Grade.
        grade: String,
        /// Its school.
        school: SchoolRef,
    }
    /// A new class.
    NewClass {
        /// Its school.
        school: SchoolId,
        /// Name.
        name: String,
        /// Grade.
        grade: String,
    }
    /// A period 节次.
    BellPeriod {
        /// Number within the day.
        no: u8,
        /// Name shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// `08:00`.
        start: String,
        /// `08:40`.
        end: String,
    }
    /// What a bell table says.
    NewBellTable {
        /// Its school.
        school: SchoolId,
        /// Name.
        name: String,
        /// First day.
        #[schema(value_type = String, format = Date)]
        from: Date,
        /// Last day.
        #[schema(value_type = String, format = Date)]
        to: Date,
        /// Monday 1 … Sunday 7.
        weekdays: Vec<i8>,
        /// Beats ordinary tables on its dates.
        temporary: bool,
        /// Its periods; none overlaps another.
        periods: Vec<BellPeriod>,
    }
    /// A bell table 作息时间表.
    BellTable {
        /// Id.
        id: TableId,
        /// What it says.
        #[serde(flatten)]
        table: NewBellTable,
    }
    /// New day rules: one for each date.
    NewDayRules {
        /// For whom: `region`, `group` or `school`.
        scope: String,
        /// The group, for that scope.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<String>,
        /// The school, for that scope.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        school: Option<SchoolId>,
        /// The dates.
        #[schema(value_type = Vec<String>)]
        dates: Vec<Date>,
        /// `holiday` or `runs_as`.
        kind: String,
        /// The followed weekday, for `runs_as`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weekday: Option<i8>,
        /// The followed week: `own` (if missing), `odd`, `even` or a number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        week: Option<serde_json::Value>,
    }
    /// A day rule.
    DayRule {
        /// Id.
        id: RuleId,
        /// For whom: `region`, `group` or `school`.
        scope: String,
        /// The group.
        #[serde(skip_serializing_if = "Option::is_none")]
        group: Option<String>,
        /// The school.
        #[serde(skip_serializing_if = "Option::is_none")]
        school: Option<SchoolId>,
        /// The date.
        #[schema(value_type = String, format = Date)]
        date: Date,
        /// `holiday` or `runs_as`.
        kind: String,
        /// The followed weekday.
        #[serde(skip_serializing_if = "Option::is_none")]
        weekday: Option<i8>,
        /// The followed week.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        week: Option<serde_json::Value>,
    }
    /// "Shift these days by n": writes the day rules that move their lessons.
    ShiftDays {
        /// Of which term.
        term: TermId,
        /// As for a rule.
        scope: String,
        /// The group.
        group: Option<String>,
        /// The school whose days are read; with scope `school` also whose days are moved.
        school: SchoolId,
        /// First day moved.
        #[schema(value_type = String, format = Date)]
        from: Date,
        /// Last day moved.
        #[schema(value_type = String, format = Date)]
        to: Date,
        /// By how many days.
        by: i32,
    }
    /// What the calendar knows of a pairing besides its people and rooms.
    PairingPlan {
        /// First day it is valid; the term's if missing.
        #[schema(value_type = Option<String>, format = Date)]
        from: Option<Date>,
        /// Last day it is valid.
        #[schema(value_type = Option<String>, format = Date)]
        to: Option<Date>,
        /// `county`, `city` or `province`.
        level: Option<String>,
        /// Who assists.
        co_teachers: Vec<PersonId>,
        /// The class in the master room.
        master_class: Option<ClassId>,
        /// The classes in the rural rooms.
        rural_classes: Vec<RoomClass>,
    }
    /// What the calendar knows of a pairing, with the names that a form shows.
    PairingDetails {
        /// What it knows.
        plan: PairingPlan,
        /// Who assists, as in the plan.
        co_teachers: Vec<PersonRef>,
    }
    /// Which class sits in a room.
    RoomClass {
        /// The room.
        room: RoomId,
        /// The class.
        class: ClassId,
    }
    /// A line of the weekly timetable 排课.
    NewEntry {
        /// Of which term.
        term: TermId,
        /// Whose lessons.
        pairing: PairingId,
        /// Monday 1 … Sunday 7.
        weekday: i8,
        /// Period of the master's bell table.
        period: u8,
        /// `all`, `odd`, `even` or a list of week numbers.
        #[schema(value_type = Object)]
        weeks: serde_json::Value,
    }
    /// An entry.
    Entry {
        /// Id.
        id: EntryId,
        /// What it says.
        #[serde(flatten)]
        entry: NewEntry,
        /// Subject of the pairing.
        subject: String,
        /// Grade of the pairing.
        grade: String,
        /// Who teaches.
        teacher: PersonRef,
        /// The master's school.
        school: SchoolRef,
    }
    /// What an entry would be.
    EntryCheck {
        /// How many lessons it would have.
        lessons: usize,
        /// Everything in the way.
        clashes: Vec<PlanClash>,
    }
    /// Wish for common free periods.
    FreePeriodsQuery {
        /// Of which term.
        term: TermId,
        /// For which pairing.
        pairing: PairingId,
        /// As of an entry.
        #[schema(value_type = Object)]
        weeks: serde_json::Value,
    }
    /// A period of the week.
    WeekPeriod {
        /// Monday 1 … Sunday 7.
        weekday: i8,
        /// Period of the master's bell table.
        period: u8,
        /// How many lessons a term it would have.
        lessons: usize,
        /// Is it free for all sides?
        free: bool,
        /// Kinds of what is in the way, each once.
        kinds: Vec<String>,
    }
    /// A lesson that clashes.
    ClashingLesson {
        /// Id of the lesson; none of an entry that is not there yet.
        #[serde(skip_serializing_if = "Option::is_none")]
        lesson: Option<LessonId>,
        /// Its entry.
        #[serde(skip_serializing_if = "Option::is_none")]
        entry: Option<EntryId>,
        /// The date it is on now.
        #[schema(value_type = String, format = Date)]
        date: Date,
        /// Subject.
        subject: String,
    }
    /// One reason why lessons cannot be as planned.
    PlanClash {
        /// `teacher`, `co_teacher`, `master_room`, `rural_room`, `class`, `overlap_too_short`, `outside_term`, `holiday` or
        /// `no_such_period`.
        kind: String,
        /// Id of the person, room, class or school.
        who: String,
        /// Its name.
        name: String,
        /// One lesson or two.
        lessons: Vec<ClashingLesson>,
        /// From, epoch milliseconds.
        starts_ms: i64,
        /// Until.
        ends_ms: i64,
    }
    /// A lesson in a week's grid.
    GridLesson {
        /// Id.
        id: LessonId,
        /// Its entry.
        entry: EntryId,
        /// The date the timetable gives it: with the entry its name.
        #[schema(value_type = String, format = Date)]
        original: Date,
        /// The date it is on now.
        #[schema(value_type = String, format = Date)]
        date: Date,
        /// The period it is in now.
        period: u8,
        /// Teaching week.
        week: i16,
        /// Unit of the syllabus.
        #[serde(skip_serializing_if = "Option::is_none")]
        unit: Option<u16>,
        /// First bell.
        starts_ms: i64,
        /// Last bell.
        ends_ms: i64,
        /// `planned`, `moved` or `cancelled`.
        state: String,
        /// The pairing.
        pairing: PairingId,
        /// Subject.
        subject: String,
        /// Grade.
        grade: String,
        /// Who teaches it.
        teacher: PersonRef,
        /// The master room, then the rural rooms.
        rooms: Vec<RoomRef>,
        /// The classes in them, where they are known.
        classes: Vec<ClassId>,
        /// What is in its way.
        clashes: Vec<PlanClash>,
    }
    /// A week of a school, class, teacher or room.
    Week {
        /// Teaching week.
        week: i32,
        /// Monday.
        #[schema(value_type = String, format = Date)]
        monday: Date,
        /// Its days.
        days: Vec<WeekDay>,
        /// By start.
        lessons: Vec<GridLesson>,
    }
    /// A day of a week's grid.
    WeekDay {
        /// The date.
        #[schema(value_type = String, format = Date)]
        date: Date,
        /// The weekday it follows; none on a holiday.
        #[serde(skip_serializing_if = "Option::is_none")]
        follows: Option<i8>,
        /// The periods of the school's bell table.
        periods: Vec<BellPeriod>,
    }
    /// The name of a lesson.
    LessonNameRef {
        /// Its entry.
        entry: EntryId,
        /// The date the timetable gives it.
        #[schema(value_type = String, format = Date)]
        date: Date,
    }
    /// Where a lesson is moved to.
    SlotRef {
        /// The date.
        #[schema(value_type = String, format = Date)]
        date: Date,
        /// Period of the master's bell table.
        period: u8,
    }
    /// A change 调课 that is wished for.
    NewChange {
        /// Of which term.
        term: TermId,
        /// What is to be done.
        act: ChangeAct,
        /// Why, for all who read it.
        #[serde(default)]
        why: String,
    }
    /// What a change would do.
    ChangeCheck {
        /// True if nothing is in the way.
        possible: bool,
        /// Everything in the way.
        clashes: Vec<PlanClash>,
        /// Schools whose consent would be asked for.
        asks: Vec<SchoolRef>,
    }
    /// Which lesson somebody has in hand, and in which week it could be put down.
    SlotsQuery {
        /// Of which term.
        term: TermId,
        /// The lesson.
        lesson: LessonNameRef,
        /// A day of the week.
        #[schema(value_type = String, format = Date)]
        date: Date,
    }
    /// A period of the master's bells, and what putting a lesson down there would be.
    SlotCheck {
        /// The date.
        #[schema(value_type = String, format = Date)]
        date: Date,
        /// Its number, and its bells.
        period: BellPeriod,
        /// A move, or a swap with the lesson that is there.
        act: ChangeAct,
        /// True if the period is past.
        over: bool,
        /// What it would do.
        check: ChangeCheck,
    }
    /// A change.
    CalendarChange {
        /// Id.
        id: ChangeId,
        /// Of which term.
        term: TermId,
        /// What it does.
        act: ChangeAct,
        /// Where it is in its life.
        state: ChangeState,
        /// Who wished it.
        person: PersonRef,
        /// When.
        at_ms: i64,
        /// Why.
        why: String,
        /// Schools whose consent is missing.
        awaits: Vec<SchoolRef>,
        /// The lessons it touches.
        lessons: Vec<ChangedLesson>,
    }
    /// A lesson that a change touches.
    ChangedLesson {
        /// Its entry.
        entry: EntryId,
        /// The date the timetable gives it.
        #[schema(value_type = String, format = Date)]
        date: Date,
        /// Subject.
        subject: String,
        /// Grade.
        grade: String,
        /// The school that teaches it.
        school: SchoolRef,
    }
}

/// What a change does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChangeAct {
    /// To another date or period.
    Move {
        /// Which lesson.
        lesson: LessonNameRef,
        /// Where to.
        to: SlotRef,
    },
    /// Two lessons take each other's place.
    Swap {
        /// One.
        a: LessonNameRef,
        /// The other.
        b: LessonNameRef,
    },
    /// Somebody else teaches.
    Substitute {
        /// Which lesson.
        lesson: LessonNameRef,
        /// Who.
        teacher: PersonId,
    },
    /// Will not be held.
    Cancel {
        /// Which lesson.
        lesson: LessonNameRef,
    },
}

impl ChangeAct {
    /// The lessons it touches.
    pub fn lessons(&self) -> Vec<&LessonNameRef> {
        match self {
            Self::Swap { a, b } => vec![a, b],
            Self::Move { lesson, .. } | Self::Substitute { lesson, .. } | Self::Cancel { lesson } => vec![lesson],
        }
    }
}

/// Filter of the calendar's lists.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct CalendarQuery {
    /// Only of this term.
    pub term: Option<TermId>,
    /// Only of this school.
    pub school: Option<SchoolId>,
    /// Only of this pairing.
    pub pairing: Option<PairingId>,
    /// From 1.
    pub page: Option<i64>,
    /// At most 100; 50 if missing.
    pub per_page: Option<i64>,
}

/// Filter of the list of changes.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// Part of a subject, of a school's or person's name, or of the reason.
    pub q: Option<String>,
    /// Only of this term.
    pub term: Option<TermId>,
    /// Only of lessons of this school, on any side.
    pub school: Option<SchoolId>,
    /// Only in this state.
    pub state: Option<ChangeState>,
    /// From 1.
    pub page: Option<i64>,
    /// At most 100; 50 if missing.
    pub per_page: Option<i64>,
}

/// Choice of a week.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct WeekQuery {
    /// A day of the week; today if missing.
    #[param(value_type = Option<String>)]
    pub date: Option<Date>,
    /// Of this teacher or co-teacher.
    pub teacher: Option<PersonId>,
    /// Of this class.
    pub class: Option<ClassId>,
    /// Of this room.
    pub room: Option<RoomId>,
    /// Of this school, on either side.
    pub school: Option<SchoolId>,
}
