//! A term's calendar in memory: the plan as it is stored, its lessons, and who needs what when. Built from the rows
//! when they have changed, and shared by everybody who asks.

use crate::calendar::clashes::{Clash, Present, Who};
use crate::calendar::{self, Index, Lesson, LessonName, LessonState, Plan, Timetable, answer::who_id};
use crate::command::LessonId;
use crate::error::{Error, Result};
use crate::hub::lock;
use crate::model::{ChangeId, EntryId, SchoolId, TermId};
use crate::office::Office;
use crate::schema::{ClashingLesson, GridLesson, PersonRef, PlanClash, RoomRef};
use crate::secret::SigningKey;
use crate::store::PlanRows;
use jiff::civil::Date;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Everything known of a term.
pub(crate) struct Almanac {
    /// Of which state of the rows.
    version: i64,
    /// What the lessons follow from.
    pub(crate) plan: Plan,
    /// The lessons.
    pub(crate) timetable: Timetable,
    /// Who needs what when.
    pub(crate) index: Index,
    /// Ids of the plan's changes.
    pub(crate) changes: Vec<ChangeId>,
    names: HashMap<String, String>,
    key: SigningKey,
}

/// The almanacs of this process.
#[derive(Default)]
pub(crate) struct Almanacs {
    whole: Mutex<HashMap<TermId, Arc<Almanac>>>,
    parts: Mutex<HashMap<PartKey, Arc<Almanac>>>,
    /// One builds a whole one, and who wants the same waits for that.
    building: tokio::sync::Mutex<()>,
}

/// Of which schools a part is.
type PartKey = (TermId, Vec<SchoolId>);

/// Parts kept; they are quick to make.
const PARTS_MAX: usize = 64;

impl Office {
    /// The almanac of a term. Whoever asks first after a change builds it; the others wait for that.
    pub(crate) async fn almanac(&self, term: TermId) -> Result<Arc<Almanac>> {
        let _building = self.almanacs.building.lock().await;
        // Read before the rows: a change between the two makes the almanac seem old, never new.
        let version = self.store.calendar_version().await?;
        let known = lock(&self.almanacs.whole).get(&term).filter(|a| a.version == version).cloned();
        if let Some(almanac) = known {
            return Ok(almanac);
        }
        let rows = self.store.plan_rows(term).await?;
        let almanac = self.built(term, version, rows).await?;
        let mut whole = lock(&self.almanacs.whole);
        whole.retain(|_, old| old.version == version);
        whole.insert(term, almanac.clone());
        Ok(almanac)
    }

    /// An almanac that is right for what concerns these schools, and quick also when the calendar has just changed: the
    /// whole one takes seconds to build for a large region.
    pub(crate) async fn almanac_of(&self, term: TermId, schools: Vec<SchoolId>) -> Result<Arc<Almanac>> {
        let version = self.store.calendar_version().await?;
        let whole = lock(&self.almanacs.whole).get(&term).filter(|a| a.version == version).cloned();
        match whole {
            Some(almanac) => Ok(almanac),
            None => self.almanac_part(term, schools).await,
        }
    }

    /// The same, only ever of these schools: what is tried on it costs as little as it is small.
    pub(crate) async fn almanac_part(&self, term: TermId, mut schools: Vec<SchoolId>) -> Result<Arc<Almanac>> {
        let version = self.store.calendar_version().await?;
        schools.sort_unstable();
        schools.dedup();
        let key = (term, schools);
        let known = lock(&self.almanacs.parts).get(&key).filter(|a| a.version == version).cloned();
        if let Some(almanac) = known {
            return Ok(almanac);
        }
        let rows = self.store.plan_rows_of(term, &key.1).await?;
        let almanac = self.built(term, version, rows).await?;
        let mut parts = lock(&self.almanacs.parts);
        parts.retain(|_, old| old.version == version);
        if parts.len() < PARTS_MAX {
            parts.insert(key, almanac.clone());
        }
        Ok(almanac)
    }

    async fn built(&self, term: TermId, version: i64, rows: PlanRows) -> Result<Arc<Almanac>> {
        let key = self.lesson_key.clone();
        let built = tokio::task::spawn_blocking(move || build(term, version, rows, key)).await;
        Ok(Arc::new(built.map_err(|_| Error::Internal("the calendar was interrupted"))??))
    }

    /// The term that has this date.
    pub(crate) async fn term_of(&self, date: Date) -> Result<Option<TermId>> {
        let terms = self.store.terms().await?;
        Ok(terms.iter().find(|t| t.first_day <= date && date <= t.last_day).map(|t| t.id))
    }
}

fn build(term: TermId, version: i64, rows: PlanRows, key: SigningKey) -> Result<Almanac> {
    let file = serde_json::to_vec(&rows.plan).map_err(|_| Error::Internal("a document is always JSON"))?;
    drop(rows.plan);
    let (plan, faults) = calendar::read(&file);
    let Some(plan) = plan else {
        let fault = faults.first().map(|f| format!("{}: {}", f.pointer, f.message)).unwrap_or_default();
        tracing::error!(%term, %fault, "the stored calendar cannot be read");
        return Err(Error::Internal("the stored calendar cannot be read"));
    };
    let timetable = calendar::expand(&plan);
    let index = Index::new(&plan, &timetable);
    Ok(Almanac { version, plan, timetable, index, changes: rows.changes, names: rows.names, key })
}

impl Almanac {
    /// The text id behind a name in the plan, as a value.
    fn id<T: std::str::FromStr>(text: &str) -> Result<T> {
        text.parse().map_err(|_| Error::Internal("a stored id cannot be read"))
    }

    /// The name of a school, room, class, person or pairing.
    pub(crate) fn name(&self, id: &str) -> String {
        self.names.get(id).cloned().unwrap_or_default()
    }

    /// The id of an entry; none of one that is only tried.
    pub(crate) fn entry_id(&self, entry: calendar::model::EntryNo) -> Option<EntryId> {
        self.plan.entry_ids.names().get(entry.at())?.parse().ok()
    }

    /// The id of a lesson: random to everybody without the key, and the same for its name for ever.
    pub(crate) fn lesson_id(&self, name: LessonName) -> LessonId {
        let entry = self.plan.entry_ids.names().get(name.entry.at()).map(String::as_str).unwrap_or_default();
        LessonId(self.key.id(&format!("lesson|{entry}|{}", name.date)))
    }

    /// The name of a lesson, as the API has it.
    pub(crate) fn lesson_name(&self, entry: EntryId, date: Date) -> Option<LessonName> {
        Some(LessonName { entry: self.plan.entry_ids.number(&entry.to_string())?, date })
    }

    /// Numbers become ids and names. The lessons that clash go by where they are in `timetable`.
    pub(crate) fn clash(&self, clash: &Clash) -> PlanClash {
        let lesson = |present: Present| {
            let entry = self.entry_id(present.entry);
            let subject = entry.map(|_| self.plan.pairing_of(present.entry).subject.clone()).unwrap_or_default();
            let lesson = entry.and_then(|_| self.at(present)).map(|name| self.lesson_id(name));
            ClashingLesson { lesson, entry, date: present.date, subject }
        };
        let who = who_id(&self.plan, clash.who).to_owned();
        PlanClash {
            kind: clash.kind.word().to_owned(),
            name: self.name(&who),
            who,
            lessons: std::iter::once(clash.lessons.0).chain(clash.lessons.1).map(lesson).collect(),
            starts_ms: clash.at_s.0 * 1_000,
            ends_ms: clash.at_s.1 * 1_000,
        }
    }

    /// The lesson of an entry that is on a date now.
    fn at(&self, present: Present) -> Option<LessonName> {
        let unmoved = LessonName { entry: present.entry, date: present.date };
        if self.timetable.lesson(unmoved).is_some_and(|l| l.slot.date == present.date) {
            return Some(unmoved);
        }
        let day = self.timetable.book.instant(&self.plan, present.date, 0).0;
        let mut that_day = self.timetable.between(day, day + 86_400);
        that_day.find(|l| l.name.entry == present.entry && l.slot.date == present.date).map(|l| l.name)
    }

    /// A lesson as a week's grid shows it, with or without what is in its way.
    pub(crate) fn grid_lesson(&self, lesson: &Lesson, clashes: bool) -> Result<GridLesson> {
        let entry = &self.plan.entries[lesson.name.entry.at()];
        let pairing = self.plan.pairing_of(lesson.name.entry);
        let teacher = &self.plan.people.names()[lesson.teacher.at()];
        let room = |side: &calendar::model::Side| {
            let id = &self.plan.rooms.names()[side.room.at()];
            Ok(RoomRef { id: Self::id(id)?, name: self.name(id) })
        };
        let class = |class: calendar::model::ClassNo| Self::id(&self.plan.classes.names()[class.at()]);
        let state = match lesson.state {
            LessonState::Planned => "planned",
            LessonState::Moved => "moved",
            LessonState::Cancelled => "cancelled",
        };
        let found = if clashes { self.index.of_lesson(&self.plan, &self.timetable, lesson) } else { Vec::new() };
        Ok(GridLesson {
            id: self.lesson_id(lesson.name),
            entry: Self::id(&self.plan.entry_ids.names()[lesson.name.entry.at()])?,
            original: lesson.name.date,
            date: lesson.slot.date,
            period: lesson.slot.period,
            week: lesson.week,
            unit: lesson.unit,
            starts_ms: lesson.starts_s * 1_000,
            ends_ms: lesson.ends_s * 1_000,
            state: state.to_owned(),
            pairing: Self::id(&self.plan.pairing_ids.names()[entry.pairing.at()])?,
            subject: pairing.subject.clone(),
            grade: pairing.grade.clone(),
            teacher: PersonRef { id: Self::id(teacher)?, name: self.name(teacher) },
            rooms: pairing.sides().map(room).collect::<Result<_>>()?,
            classes: pairing.sides().filter_map(|side| side.class).map(class).collect::<Result<_>>()?,
            clashes: found.iter().map(|c| self.clash(c)).collect(),
        })
    }

    /// Does a lesson need this person, room or class, or would it if it were held?
    pub(crate) fn concerns(&self, lesson: &Lesson, who: Who) -> bool {
        let pairing = self.plan.pairing_of(lesson.name.entry);
        match who {
            Who::Person(person) => lesson.teacher == person || pairing.co_teachers.contains(&person),
            Who::Room(room) => pairing.sides().any(|side| side.room == room),
            Who::Class(class) => pairing.sides().any(|side| side.class == Some(class)),
            Who::School(school) => pairing.sides().any(|side| side.school == school),
        }
    }

    /// A lesson as its row has it.
    pub(crate) fn wanted(&self, lesson: &Lesson) -> Result<crate::store::Wanted> {
        let entry = &self.plan.entries[lesson.name.entry.at()];
        let pairing = self.plan.pairing_of(lesson.name.entry);
        let room = |side: &calendar::model::Side| Self::id(&self.plan.rooms.names()[side.room.at()]);
        Ok(crate::store::Wanted {
            id: self.lesson_id(lesson.name),
            entry: Self::id(&self.plan.entry_ids.names()[lesson.name.entry.at()])?,
            original: lesson.name.date,
            pairing: Self::id(&self.plan.pairing_ids.names()[entry.pairing.at()])?,
            subject: pairing.subject.clone(),
            grade: pairing.grade.clone(),
            unit: lesson.unit.map(|n| n.to_string()),
            teacher: Self::id(&self.plan.people.names()[lesson.teacher.at()])?,
            master_room: room(&pairing.master)?,
            rural: pairing.rural.iter().map(room).collect::<Result<_>>()?,
            starts_ms: lesson.starts_s * 1_000,
            ends_ms: lesson.ends_s * 1_000,
            cancelled: lesson.state == LessonState::Cancelled,
        })
    }
}
