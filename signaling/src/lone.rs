//! Lessons that were planned one by one, beside the calendar: they and the calendar's may not want the same.

use crate::almanac::Almanac;
use crate::calendar::clashes::Who;
use crate::calendar::model::{Pairing as PlanPairing, PersonNo};
use crate::calendar::{Lesson, LessonState};
use crate::error::Result;
use crate::office::Office;
use crate::schema::{Clash, ClashingLesson, Pairing, PlanClash};
use crate::store::LoneLesson;

/// What somebody or something is to both of two lessons.
fn kind(who: Who, [first, second]: [bool; 2]) -> &'static str {
    match (who, first && second) {
        (Who::Person(_), true) => "teacher",
        (Who::Person(_), false) => "co_teacher",
        (Who::Room(_), true) => "master_room",
        _ => "rural_room",
    }
}

impl Office {
    /// What of the calendar is in the way of a lesson of this pairing, also where no row is written yet.
    pub(crate) async fn in_the_calendar(
        &self,
        pairing: &Pairing,
        (starts_ms, ends_ms): (i64, i64),
    ) -> Result<Vec<Clash>> {
        let day = jiff::Timestamp::from_millisecond(starts_ms + self.config.zone_offset_ms);
        let Ok(day) = day.map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).date()) else { return Ok(Vec::new()) };
        let Some(term) = self.term_of(day).await? else { return Ok(Vec::new()) };
        let schools = std::iter::once(pairing.master.school.id).chain(pairing.rural.iter().map(|side| side.school.id));
        let almanac = self.almanac_of(term, schools.collect()).await?;
        let plan = &almanac.plan;
        let room = |id: crate::model::RoomId| plan.rooms.number(&id.to_string()).map(Who::Room);
        let teacher = plan.people.number(&pairing.teacher.id.to_string()).map(Who::Person);
        let mut wanted = vec![(teacher, true), (room(pairing.master.room.id), true)];
        wanted.extend(pairing.rural.iter().map(|side| (room(side.room.id), false)));
        let mut found = Vec::new();
        for (who, first) in wanted.into_iter().filter_map(|(who, first)| Some((who?, first))) {
            for lesson in almanac.index.lessons_of(&almanac.timetable, who) {
                if lesson.starts_s * 1_000 >= ends_ms || lesson.ends_s * 1_000 <= starts_ms {
                    continue;
                }
                found.push(Clash {
                    kind: kind(who, [first, almanac.leads(lesson, who)]).to_owned(),
                    who: almanac.name(crate::calendar::answer::who_id(plan, who)),
                    lesson: almanac.lesson_id(lesson.name),
                    starts_ms: lesson.starts_s * 1_000,
                    ends_ms: lesson.ends_s * 1_000,
                });
            }
        }
        Ok(found)
    }

    /// What of the lessons planned one by one is in the way of these lessons of a pairing.
    pub(crate) async fn beside_the_calendar(
        &self,
        almanac: &Almanac,
        pairing: &PlanPairing,
        lessons: &[Lesson],
    ) -> Result<Vec<PlanClash>> {
        let lone = self.store.lone_lessons(self.now().ms).await?;
        Ok(almanac.beside(pairing, lessons, &lone))
    }
}

impl Almanac {
    /// What of lessons beside the calendar is in the way of these lessons of a pairing.
    pub(crate) fn beside(&self, pairing: &PlanPairing, lessons: &[Lesson], lone: &[LoneLesson]) -> Vec<PlanClash> {
        let mut found = Vec::new();
        for lesson in lessons.iter().filter(|l| l.state != LessonState::Cancelled) {
            for other in lone {
                if other.starts_ms < lesson.ends_s * 1_000 && lesson.starts_s * 1_000 < other.ends_ms {
                    found.extend(self.both(pairing, lesson, other));
                }
            }
        }
        found
    }

    /// Does this person teach the lesson, or is it taught from this room?
    fn leads(&self, lesson: &Lesson, who: Who) -> bool {
        match who {
            Who::Person(person) => lesson.teacher == person,
            Who::Room(room) => self.plan.pairing_of(lesson.name.entry).master.room == room,
            Who::Class(_) | Who::School(_) => false,
        }
    }

    /// Whom and what a lesson of the calendar and one beside it both want.
    fn both(&self, pairing: &PlanPairing, lesson: &Lesson, other: &LoneLesson) -> Vec<PlanClash> {
        let people = |p: PersonNo| (Who::Person(p), p == lesson.teacher);
        let mut wanted = vec![people(lesson.teacher)];
        wanted.extend(pairing.co_teachers.iter().filter(|p| **p != lesson.teacher).map(|p| people(*p)));
        wanted.extend(pairing.sides().enumerate().map(|(at, side)| (Who::Room(side.room), at == 0)));
        let date = lesson.slot.date;
        let clash = |(who, first): (Who, bool)| {
            let id = crate::calendar::answer::who_id(&self.plan, who);
            let second = other.teacher.to_string() == id || other.master_room.to_string() == id;
            if !second && !other.rooms.iter().any(|room| room.to_string() == id) {
                return None;
            }
            let ours = ClashingLesson {
                lesson: None,
                entry: self.entry_id(lesson.name.entry),
                date,
                subject: pairing.subject.clone(),
            };
            let theirs = ClashingLesson { lesson: Some(other.id), entry: None, date, subject: other.title.clone() };
            Some(PlanClash {
                kind: kind(who, [first, second]).to_owned(),
                who: id.to_owned(),
                name: self.name(id),
                lessons: vec![ours, theirs],
                starts_ms: other.starts_ms.max(lesson.starts_s * 1_000),
                ends_ms: other.ends_ms.min(lesson.ends_s * 1_000),
            })
        };
        wanted.into_iter().filter_map(clash).collect()
    }
}
