//! What a date is in a school: which weekday and week it follows, which bell table rings, and when that is in the world.

use super::model::{BellTable, Dates, FollowedWeek, Plan, RuleKind, SchoolNo, Term, Weekday, day_number};
use jiff::civil::{Date, DateTime, Time};

/// A date as a school keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Day {
    /// The weekday whose lessons are held; `None` on a holiday.
    pub follows: Option<Weekday>,
    /// The week whose lessons are held.
    pub week: FollowedWeek,
    /// Position of the bell table that rings, in the school's list.
    pub table: Option<u16>,
}

/// The days of a term for all schools of a plan, looked up once, and where they lie in time.
#[derive(Clone, Debug)]
pub struct DayBook {
    dates: Dates,
    /// By school, then by day of the term.
    days: Vec<Vec<Day>>,
    /// Offset from UTC, in seconds, of those days on which it does not change.
    offsets: Vec<Option<i32>>,
}

impl DayBook {
    /// Looks all days up.
    pub fn new(plan: &Plan) -> Self {
        let dates = plan.term.dates;
        let days = (0..plan.schools.len())
            .map(|at| dates.days().map(|date| look_up(plan, SchoolNo::from(at), date)).collect())
            .collect();
        let offsets = dates.days().map(|date| steady_offset_s(&plan.term, date)).collect();
        Self { dates, days, offsets }
    }

    /// A date in a school; also outside the term.
    pub fn day(&self, plan: &Plan, school: SchoolNo, date: Date) -> Day {
        match self.place(date).and_then(|at| self.days[school.at()].get(at)) {
            Some(day) => *day,
            None => look_up(plan, school, date),
        }
    }

    /// The bell table that rings in a school on a date.
    pub fn table<'a>(&self, plan: &'a Plan, school: SchoolNo, date: Date) -> Option<&'a BellTable> {
        let table = self.day(plan, school, date).table?;
        plan.schools[school.at()].bell_tables.get(usize::from(table))
    }

    /// Epoch seconds of a bell, and the offset from UTC then. A bell in the hour that is skipped in spring rings as
    /// many minutes after the change as it was to ring after the hour; of the doubled hour in autumn it is the first.
    pub fn instant(&self, plan: &Plan, date: Date, second_of_day: i32) -> (i64, i32) {
        match self.place(date).and_then(|at| self.offsets.get(at).copied().flatten()) {
            Some(offset_s) => (local_s(date, second_of_day) - i64::from(offset_s), offset_s),
            None => zoned(&plan.term, date, second_of_day),
        }
    }

    fn place(&self, date: Date) -> Option<usize> {
        usize::try_from(day_number(date) - day_number(self.dates.from)).ok()
    }
}

fn look_up(plan: &Plan, school: SchoolNo, date: Date) -> Day {
    let facts = &plan.schools[school.at()];
    let own = date.weekday().to_monday_one_offset();
    let (follows, week) = match plan.rules.holds(school, facts.group, date) {
        None => (Some(own), FollowedWeek::Own),
        Some(RuleKind::Holiday) => (None, FollowedWeek::Own),
        Some(RuleKind::RunsAs { weekday, week }) => (Some(weekday), week),
    };
    // A lesson that was moved onto a holiday still has a time: that of the date's own weekday.
    let weekday = follows.unwrap_or(own);
    let rings =
        |temporary: bool| facts.bell_tables.iter().position(|t| t.temporary == temporary && t.rings_on(date, weekday));
    let table = rings(true).or_else(|| rings(false)).and_then(|at| u16::try_from(at).ok());
    Day { follows, week, table }
}

/// Seconds since 1970 as the wall clock counts them.
fn local_s(date: Date, second_of_day: i32) -> i64 {
    /// `day_number` of 1970-01-01.
    const EPOCH_DAY: i64 = 719_468;
    (i64::from(day_number(date)) - EPOCH_DAY) * 86_400 + i64::from(second_of_day)
}

fn zoned(term: &Term, date: Date, second_of_day: i32) -> (i64, i32) {
    let time = Time::midnight() + jiff::Span::new().seconds(second_of_day);
    match term.zone.to_ambiguous_timestamp(DateTime::from_parts(date, time)).compatible() {
        Ok(instant) => (instant.as_second(), term.zone.to_offset(instant).seconds()),
        // Only at the ends of jiff's time line, which no term reaches.
        Err(_) => (local_s(date, second_of_day), 0),
    }
}

/// The offset of a date on which no clock is changed.
fn steady_offset_s(term: &Term, date: Date) -> Option<i32> {
    let (_, morning) = zoned(term, date, 0);
    let noon = zoned(term, date, 43_200).1;
    let night = zoned(term, date, 86_399).1;
    (morning == noon && noon == night).then_some(morning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZoneDatabase;

    fn term(zone: &str) -> Term {
        let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
        let dates = Dates { from: date(2026, 2, 1), to: date(2026, 12, 31) };
        Term { name: String::new(), dates, zone }
    }

    #[test]
    fn quick_instants_are_those_of_the_zone_database() {
        for zone in ["Asia/Shanghai", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC"] {
            let plan = Plan::new(term(zone));
            let book = DayBook::new(&plan);
            for day in plan.term.dates.days() {
                for second in [0, 7_500, 9_000, 12_600, 30_000, 86_399] {
                    assert_eq!(
                        book.instant(&plan, day, second),
                        zoned(&plan.term, day, second),
                        "{zone} {day} {second}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_bell_in_the_skipped_hour_rings_after_it() {
        let plan = Plan::new(term("America/New_York"));
        let book = DayBook::new(&plan);
        let (at, offset_s) = book.instant(&plan, date(2026, 3, 8), 2 * 3600 + 1800);
        assert_eq!((at - local_s(date(2026, 3, 8), 3 * 3600 + 1800), offset_s), (4 * 3600, -4 * 3600));
    }
}
