//! "Shift these days by n": an act that writes day rules.

use super::model::{Dates, DayRules, FollowedWeek, Plan, RuleKind, SchoolNo, Scope, day_number};
use jiff::civil::Date;

/// Why days cannot be shifted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShiftRefusal {
    /// By no day at all, or by more than a term.
    NotADistance,
    /// A day would come to lie outside the term.
    OutsideTerm(Date),
    /// The scope has a rule of its own on this date already.
    RuleThere(Date),
}

/// The rules that move the lessons of `days` by `by` days for everyone in a scope: each target runs as its source, and
/// sources that are no targets become holidays. What the days are for `school` (one of the scope) is what is moved;
/// its holidays stay where they are. Rules in their order of dates.
pub fn shift(
    plan: &Plan,
    scope: Scope,
    school: SchoolNo,
    days: Dates,
    by: i32,
) -> Result<Vec<(Date, RuleKind)>, ShiftRefusal> {
    let length = day_number(plan.term.dates.to) - day_number(plan.term.dates.from);
    if by == 0 || by.abs() > length {
        return Err(ShiftRefusal::NotADistance);
    }
    let group = plan.schools[school.at()].group;
    let mut rules = DayRules::default();
    let mut written = Vec::new();
    let mut write = |date: Date, kind: RuleKind| {
        if !plan.term.dates.contains(date) {
            return Err(ShiftRefusal::OutsideTerm(date));
        }
        if plan.rules.of(scope, date).is_some() || !rules.add(scope, date, kind) {
            return Err(ShiftRefusal::RuleThere(date));
        }
        written.push((date, kind));
        Ok(())
    };
    let taught: Vec<Date> = days
        .days()
        .filter(|date| {
            let rule = plan.rules.holds(school, group, *date);
            // Of ordinary days those that have bells: a weekend between two weeks is not moved.
            let weekday = date.weekday().to_monday_one_offset();
            let bells = |date: &Date| plan.schools[school.at()].bell_tables.iter().any(|t| t.rings_on(*date, weekday));
            rule.map_or_else(|| bells(date), |rule| rule != RuleKind::Holiday)
        })
        .collect();
    let target = |date: Date| date.saturating_add(jiff::Span::new().days(by));
    for source in &taught {
        let runs_as = match plan.rules.holds(school, group, *source) {
            Some(
                rule @ RuleKind::RunsAs {
                    week: FollowedWeek::Odd | FollowedWeek::Even | FollowedWeek::Number(_), ..
                },
            ) => rule,
            rule => {
                let own = source.weekday().to_monday_one_offset();
                let weekday = if let Some(RuleKind::RunsAs { weekday, .. }) = rule { weekday } else { own };
                let week = u8::try_from(plan.term.week(*source)).map_or(FollowedWeek::Own, FollowedWeek::Number);
                RuleKind::RunsAs { weekday, week }
            }
        };
        write(target(*source), runs_as)?;
    }
    for source in &taught {
        if !taught.iter().any(|other| target(*other) == *source) {
            write(*source, RuleKind::Holiday)?;
        }
    }
    written.sort_unstable_by_key(|(date, _)| *date);
    Ok(written)
}
