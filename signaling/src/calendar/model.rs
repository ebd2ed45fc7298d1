//! What a plan is made of.
//!
//! Ids are text outside; inside each kind has its own small numbers, given in the order of the plan, so that half a
//! million lessons stay small and quick. [`Ids`] translates.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::HashMap;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(pub u32);

        impl $name {
            /// As a position in the plan's list.
            pub fn at(self) -> usize {
                self.0 as usize
            }
        }

        impl From<usize> for $name {
            fn from(at: usize) -> Self {
                Self(u32::try_from(at).expect("lists of a plan are bounded far below 2^32"))
            }
        }
    )*};
}

numbers! {
    /// A school group.
    GroupNo
    /// A school.
    SchoolNo
    /// A classroom.
    RoomNo
    /// A class.
    ClassNo
    /// A teacher or co-teacher.
    PersonNo
    /// A pairing.
    PairingNo
    /// An entry of the weekly timetable.
    EntryNo
}

/// Ids of one kind and their numbers.
#[derive(Clone, Debug)]
pub struct Ids<N> {
    names: Vec<String>,
    numbers: HashMap<String, N>,
}

impl<N> Default for Ids<N> {
    fn default() -> Self {
        Self { names: Vec::new(), numbers: HashMap::new() }
    }
}

impl<N: Copy + From<usize>> Ids<N> {
    /// Gives an id its number; `None` if it has one already.
    pub fn add(&mut self, id: &str) -> Option<N> {
        let number = N::from(self.names.len());
        match self.numbers.entry(id.to_owned()) {
            std::collections::hash_map::Entry::Occupied(_) => None,
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(number);
                self.names.push(id.to_owned());
                Some(number)
            }
        }
    }

    /// The number of an id.
    pub fn number(&self, id: &str) -> Option<N> {
        self.numbers.get(id).copied()
    }

    /// All ids, in the order of their numbers.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// First and last day of something, both belonging to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dates {
    /// First day.
    pub from: Date,
    /// Last day; not before the first.
    pub to: Date,
}

impl Dates {
    /// True if this day belongs to it.
    pub fn contains(&self, date: Date) -> bool {
        self.from <= date && date <= self.to
    }

    /// All days, in order.
    pub fn days(&self) -> impl Iterator<Item = Date> + use<> {
        let Self { from, to } = *self;
        from.series(jiff::Span::new().days(1)).take_while(move |date| *date <= to)
    }
}

/// A term 学期. Its first week is that of its first day; weeks begin on Monday.
#[derive(Clone, Debug)]
pub struct Term {
    /// Name.
    pub name: String,
    /// First and last day; at most [`TERM_DAYS_MAX`].
    pub dates: Dates,
    /// Where its bells ring.
    pub zone: TimeZone,
}

/// A term is never longer than this: a school year and some weeks.
pub const TERM_DAYS_MAX: i32 = 400;
/// The highest week a timetable may name: a term of [`TERM_DAYS_MAX`] days touches at most 59 weeks.
pub const WEEK_MAX: u8 = 60;

impl Term {
    /// The teaching week of a date, 1 for the week of the first day; 0 or less before it.
    pub fn week(&self, date: Date) -> i32 {
        let monday = |date: Date| day_number(date) - i32::from(date.weekday().to_monday_zero_offset());
        (monday(date) - monday(self.dates.from)).div_euclid(7) + 1
    }
}

/// Days since a day long ago; consecutive dates have consecutive numbers.
pub fn day_number(date: Date) -> i32 {
    // Howard Hinnant's days_from_civil; exact for all dates of the Gregorian calendar.
    let (year, month) = (i32::from(date.year()) - i32::from(date.month() <= 2), i32::from(date.month()));
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + i32::from(date.day()) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
}

/// Monday 1 … Sunday 7.
pub type Weekday = i8;

/// A period 节次, in seconds since midnight by the wall clock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Period {
    /// Its number within the day.
    pub no: u8,
    /// Name shown, such as 第三节.
    pub name: Option<String>,
    /// First bell.
    pub start_s: i32,
    /// Last bell; after the first.
    pub end_s: i32,
}

/// A bell table 作息时间表 of a school.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BellTable {
    /// Name.
    pub name: String,
    /// When it is valid.
    pub dates: Dates,
    /// Bit n for weekday n (1 Monday … 7 Sunday).
    pub weekdays: u8,
    /// Beats ordinary tables on its dates.
    pub temporary: bool,
    /// By start; none overlaps another.
    pub periods: Vec<Period>,
}

impl BellTable {
    /// True if it rings on dates that follow this weekday.
    pub fn rings_on(&self, date: Date, weekday: Weekday) -> bool {
        self.dates.contains(date) && self.weekdays & (1 << weekday) != 0
    }

    /// A period by its number.
    pub fn period(&self, no: u8) -> Option<&Period> {
        self.periods.iter().find(|p| p.no == no)
    }
}

/// A school.
#[derive(Clone, Debug, Default)]
pub struct School {
    /// Its group.
    pub group: Option<GroupNo>,
    /// Its bell tables; no two of the same rank ring on one date and weekday.
    pub bell_tables: Vec<BellTable>,
}

/// Which week a date that runs as another weekday follows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FollowedWeek {
    /// That of the date itself.
    Own,
    /// Any odd week 单周.
    Odd,
    /// Any even week 双周.
    Even,
    /// Exactly this teaching week.
    Number(u8),
}

/// What a day rule makes of a date.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RuleKind {
    /// No lessons 放假.
    Holiday,
    /// The lessons of another weekday 调休.
    RunsAs {
        /// The followed weekday.
        weekday: Weekday,
        /// The followed week.
        week: FollowedWeek,
    },
}

/// For whom a day rule holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scope {
    /// Every school.
    Region,
    /// The schools of a group.
    Group(GroupNo),
    /// One school.
    School(SchoolNo),
}

/// All day rules: at most one a date and scope; the narrowest wins.
#[derive(Clone, Debug, Default)]
pub struct DayRules(HashMap<(Scope, Date), RuleKind>);

impl DayRules {
    /// Adds a rule; `false`, and nothing is added, if this scope has one on this date.
    pub fn add(&mut self, scope: Scope, date: Date, kind: RuleKind) -> bool {
        match self.0.entry((scope, date)) {
            std::collections::hash_map::Entry::Occupied(_) => false,
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(kind);
                true
            }
        }
    }

    /// The rule of exactly this scope.
    pub fn of(&self, scope: Scope, date: Date) -> Option<RuleKind> {
        self.0.get(&(scope, date)).copied()
    }

    /// The rule that holds for a school.
    pub fn holds(&self, school: SchoolNo, group: Option<GroupNo>, date: Date) -> Option<RuleKind> {
        let scopes = [Some(Scope::School(school)), group.map(Scope::Group), Some(Scope::Region)];
        scopes.into_iter().flatten().find_map(|scope| self.of(scope, date))
    }
}

/// Grade of a rural classroom: can its pupils be seen and heard?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SideKind {
    /// Camera and microphone.
    Interactive,
    /// Watches only.
    Terminal,
}

/// One side of a pairing.
#[derive(Clone, Debug)]
pub struct Side {
    /// Whose bells and day rules count.
    pub school: SchoolNo,
    /// Where.
    pub room: RoomNo,
    /// Who is taught, where that is known.
    pub class: Option<ClassNo>,
    /// For rural sides.
    pub kind: SideKind,
}

/// A pairing 结对.
#[derive(Clone, Debug)]
pub struct Pairing {
    /// Subject.
    pub subject: String,
    /// Grade.
    pub grade: String,
    /// Who teaches.
    pub teacher: PersonNo,
    /// Who assists, on the other sides mostly.
    pub co_teachers: Vec<PersonNo>,
    /// From where.
    pub master: Side,
    /// To where.
    pub rural: Vec<Side>,
    /// When it is valid.
    pub dates: Dates,
}

impl Pairing {
    /// The master side, then the rural sides.
    pub fn sides(&self) -> impl Iterator<Item = &Side> {
        std::iter::once(&self.master).chain(&self.rural)
    }
}

/// In which weeks an entry is held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Weeks {
    /// Every week.
    All,
    /// Odd weeks 单周.
    Odd,
    /// Even weeks 双周.
    Even,
    /// Bit n for week n, 1 to [`WEEK_MAX`].
    Set(u64),
}

impl Weeks {
    /// Is it held in this teaching week?
    pub fn holds(&self, week: i32) -> bool {
        match self {
            Self::All => true,
            Self::Odd => week.rem_euclid(2) == 1,
            Self::Even => week.rem_euclid(2) == 0,
            Self::Set(weeks) => (1..=i32::from(WEEK_MAX)).contains(&week) && weeks & (1 << week) != 0,
        }
    }

    /// Is it held on a date of this teaching week that follows that one? A rule that only says odd or even cannot
    /// stand for one week of a list.
    pub fn follows(&self, own: i32, followed: FollowedWeek) -> bool {
        match followed {
            FollowedWeek::Own => self.holds(own),
            FollowedWeek::Number(week) => self.holds(i32::from(week)),
            FollowedWeek::Odd => matches!(self, Self::All | Self::Odd),
            FollowedWeek::Even => matches!(self, Self::All | Self::Even),
        }
    }
}

/// An entry 排课 of the weekly timetable.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whose lesson it is.
    pub pairing: PairingNo,
    /// On which weekday.
    pub weekday: Weekday,
    /// In which period of the master's bell table.
    pub period: u8,
    /// In which weeks.
    pub weeks: Weeks,
}

/// The name of a lesson: its entry and the date the timetable gives it. Changes keep it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LessonName {
    /// Of which entry.
    pub entry: EntryNo,
    /// On which date by the timetable.
    pub date: Date,
}

/// A date and a period of the master's bell table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Slot {
    /// The date.
    pub date: Date,
    /// The period.
    pub period: u8,
}

/// A change 调课/代课.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// To another date or period.
    Move {
        /// Which lesson.
        lesson: LessonName,
        /// Where to.
        to: Slot,
    },
    /// Two lessons take each other's date and period.
    Swap {
        /// One.
        a: LessonName,
        /// The other.
        b: LessonName,
    },
    /// Somebody else teaches 代课.
    Substitute {
        /// Which lesson.
        lesson: LessonName,
        /// Who.
        teacher: PersonNo,
    },
    /// Will not be held.
    Cancel {
        /// Which lesson.
        lesson: LessonName,
    },
}

impl Change {
    /// The lessons it touches.
    pub fn lessons(&self) -> impl Iterator<Item = LessonName> + use<> {
        let (first, second) = match *self {
            Self::Swap { a, b } => (a, Some(b)),
            Self::Move { lesson, .. } | Self::Substitute { lesson, .. } | Self::Cancel { lesson } => (lesson, None),
        };
        std::iter::once(first).chain(second)
    }
}

/// How much of a lesson a rural side's own period must overlap, unless set otherwise: 35 minutes.
pub const OVERLAP_MIN_S: i32 = 35 * 60;

/// Everything a term's lessons follow from.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The term.
    pub term: Term,
    /// Ids of groups.
    pub groups: Ids<GroupNo>,
    /// Ids of schools.
    pub school_ids: Ids<SchoolNo>,
    /// The schools.
    pub schools: Vec<School>,
    /// Ids of rooms.
    pub rooms: Ids<RoomNo>,
    /// Ids of classes.
    pub classes: Ids<ClassNo>,
    /// Ids of teachers and co-teachers.
    pub people: Ids<PersonNo>,
    /// The day rules.
    pub rules: DayRules,
    /// Ids of pairings.
    pub pairing_ids: Ids<PairingNo>,
    /// The pairings.
    pub pairings: Vec<Pairing>,
    /// Ids of entries.
    pub entry_ids: Ids<EntryNo>,
    /// The weekly timetable.
    pub entries: Vec<Entry>,
    /// What was changed, in order.
    pub changes: Vec<Change>,
    /// See [`OVERLAP_MIN_S`].
    pub overlap_min_s: i32,
}

impl Plan {
    /// A term with nothing in it.
    pub fn new(term: Term) -> Self {
        Self {
            term,
            groups: Ids::default(),
            school_ids: Ids::default(),
            schools: Vec::new(),
            rooms: Ids::default(),
            classes: Ids::default(),
            people: Ids::default(),
            rules: DayRules::default(),
            pairing_ids: Ids::default(),
            pairings: Vec::new(),
            entry_ids: Ids::default(),
            entries: Vec::new(),
            changes: Vec::new(),
            overlap_min_s: OVERLAP_MIN_S,
        }
    }

    /// The pairing of an entry.
    pub fn pairing_of(&self, entry: EntryNo) -> &Pairing {
        &self.pairings[self.entries[entry.at()].pairing.at()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn days_are_numbered_without_holes_over_leap_days_and_new_year() {
        let years = Dates { from: date(1999, 1, 1), to: date(2105, 1, 1) };
        for (at, day) in years.days().enumerate() {
            assert_eq!(day_number(day) - day_number(years.from), at as i32, "{day}");
        }
    }

    #[test]
    fn week_one_is_that_of_the_first_day_and_goes_on_over_new_year() {
        // 2026 has 53 ISO weeks; 1 September is a Tuesday.
        let dates = Dates { from: date(2026, 9, 1), to: date(2027, 1, 15) };
        let term = Term { name: String::new(), dates, zone: TimeZone::UTC };
        for (day, week) in [
            (date(2026, 8, 30), 0),
            (date(2026, 8, 31), 1),
            (date(2026, 9, 6), 1),
            (date(2026, 9, 7), 2),
            (date(2026, 10, 10), 6),
            (date(2026, 12, 31), 18),
            (date(2027, 1, 1), 18),
            (date(2027, 1, 4), 19),
        ] {
            assert_eq!(term.week(day), week, "{day}");
        }
    }

    #[test]
    fn a_list_of_weeks_follows_a_number_but_no_bare_parity() {
        let list = Weeks::Set(1 << 6 | 1 << 3);
        assert!(list.follows(6, FollowedWeek::Own) && !list.follows(5, FollowedWeek::Own));
        assert!(list.follows(6, FollowedWeek::Number(3)) && !list.follows(6, FollowedWeek::Number(4)));
        assert!(!list.follows(6, FollowedWeek::Odd) && !list.follows(6, FollowedWeek::Even));
        assert!(Weeks::All.follows(6, FollowedWeek::Odd) && Weeks::Odd.follows(6, FollowedWeek::Odd));
        assert!(!Weeks::Odd.follows(6, FollowedWeek::Own) && !Weeks::Even.follows(6, FollowedWeek::Odd));
    }
}
