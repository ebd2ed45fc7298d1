//! Where a lesson could be put down: a whole week of periods in one answer, for the page while it is dragged.

use super::App;
use super::changes::refused;
use super::door::Form;
use crate::almanac::Almanac;
use crate::auth::Identity;
use crate::calendar::changes::try_out;
use crate::calendar::model::{Period, SchoolNo};
use crate::calendar::{Change, Lesson, LessonName, LessonState, Slot};
use crate::error::{Error, Result};
use crate::model::SchoolId;
use crate::schema::{
    ChangeAct, ChangeCheck, ErrorAnswer, LessonNameRef, PlanClash, SchoolRef, SlotCheck, SlotRef, SlotsQuery,
};
use crate::store::LoneLesson;
use axum::Json;
use axum::extract::State;
use jiff::Span;
use jiff::civil::Date;
use std::collections::HashSet;

/// What putting a lesson down would be in every period of a week of its master's bells. Nothing is written.
#[utoipa::path(post, path = "/api/changes/slots", tag = "calendar", request_body = SlotsQuery,
    responses((status = 200, body = Vec<SlotCheck>), (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer)))]
pub(crate) async fn slots(
    State(office): State<App>,
    me: Identity,
    Form(asked): Form<SlotsQuery>,
) -> Result<Json<Vec<SlotCheck>>> {
    let reach = office.store.reach(&me.caller).await?;
    // Who may cancel a lesson that has not begun may move it.
    let held = ChangeAct::Cancel { lesson: asked.lesson.clone() };
    let almanac = office.almanac_for(asked.term, &held).await?;
    let tried = office.tried(&almanac, &reach, &held).await?;
    let Change::Cancel { lesson } = tried.act else { return Err(Error::Internal("an act stays what it is")) };
    let lone = office.store.lone_lessons(office.now().ms).await?;
    let hand = Hand {
        almanac: &almanac,
        name: lesson,
        lesson: asked.lesson,
        lone: &lone,
        now_s: office.now().ms / 1_000,
        own: office.store.own_schools(&reach).await?,
    };
    let monday = asked.date.saturating_sub(Span::new().days(asked.date.weekday().to_monday_zero_offset()));
    let week = (0..7).map(|n| monday.saturating_add(Span::new().days(n)));
    let mut found = Vec::new();
    for date in week.filter(|date| almanac.plan.term.dates.contains(*date)) {
        hand.day(date, &mut found)?;
    }
    Ok(Json(found))
}

/// A lesson in somebody's hand.
struct Hand<'a> {
    almanac: &'a Almanac,
    name: LessonName,
    lesson: LessonNameRef,
    lone: &'a [LoneLesson],
    now_s: i64,
    /// The schools that the hand may speak for.
    own: Option<HashSet<SchoolId>>,
}

impl Hand<'_> {
    fn master(&self) -> SchoolNo {
        self.almanac.plan.pairing_of(self.name.entry).master.school
    }

    fn day(&self, date: Date, found: &mut Vec<SlotCheck>) -> Result<()> {
        let (plan, book) = (&self.almanac.plan, &self.almanac.timetable.book);
        let here = self.almanac.timetable.lesson(self.name).map(|l| l.slot);
        let periods = book.table(plan, self.master(), date).map(|t| t.periods.as_slice()).unwrap_or_default();
        for period in periods.iter().filter(|p| here != Some(Slot { date, period: p.no })) {
            found.push(self.slot(date, period)?);
        }
        Ok(())
    }

    /// The lesson that has this place and wants something of what the one in hand wants: the two would be swapped.
    fn there(&self, slot: Slot) -> Option<&Lesson> {
        let (plan, timetable) = (&self.almanac.plan, &self.almanac.timetable);
        let mine = plan.pairing_of(self.name.entry);
        let teacher = timetable.lesson(self.name).map(|l| l.teacher);
        let day = timetable.book.instant(plan, slot.date, 0).0;
        timetable.between(day, day + 86_400).find(|other| {
            let pairing = plan.pairing_of(other.name.entry);
            let shares = || pairing.sides().any(|side| mine.sides().any(|own| own.room == side.room));
            other.name != self.name
                && other.slot == slot
                && other.state != LessonState::Cancelled
                && pairing.master.school == mine.master.school
                && (Some(other.teacher) == teacher || shares())
        })
    }

    fn slot(&self, date: Date, period: &Period) -> Result<SlotCheck> {
        let plan = &self.almanac.plan;
        let to = Slot { date, period: period.no };
        let (act, change) = match self.there(to) {
            Some(other) => {
                let b = LessonNameRef {
                    entry: self.almanac.entry_id(other.name.entry).ok_or(Error::NotFound)?,
                    date: other.name.date,
                };
                (ChangeAct::Swap { a: self.lesson.clone(), b }, Change::Swap { a: self.name, b: other.name })
            }
            None => {
                let there = SlotRef { date, period: period.no };
                let act = ChangeAct::Move { lesson: self.lesson.clone(), to: there };
                (act, Change::Move { lesson: self.name, to })
            }
        };
        let (lessons, clashes) = try_out(plan, &self.almanac.timetable, &self.almanac.index, &change)
            .map_err(|refusal| refused(self.almanac, refusal))?;
        let mut clashes: Vec<PlanClash> = clashes.iter().map(|c| self.almanac.clash(c)).collect();
        let mut asks = Vec::new();
        for lesson in &lessons {
            let pairing = plan.pairing_of(lesson.name.entry);
            clashes.extend(self.almanac.beside(pairing, &[*lesson], self.lone));
            for side in &pairing.rural {
                self.ask(side.school, &mut asks)?;
            }
        }
        let over = lessons.iter().any(|l| l.ends_s <= self.now_s);
        let check = ChangeCheck { possible: clashes.is_empty() && !over, clashes, asks };
        Ok(SlotCheck { date, period: super::timetable::bell(period), act, over, check })
    }

    /// Adds a school whose consent would be asked for.
    fn ask(&self, school: SchoolNo, asks: &mut Vec<SchoolRef>) -> Result<()> {
        let text = &self.almanac.plan.school_ids.names()[school.at()];
        let id: SchoolId = text.parse().map_err(|_| Error::Internal("a stored id cannot be read"))?;
        if self.own.as_ref().is_some_and(|own| !own.contains(&id)) && asks.iter().all(|other| other.id != id) {
            asks.push(SchoolRef { id, name: self.almanac.name(text) });
        }
        Ok(())
    }
}
