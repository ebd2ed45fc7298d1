//! The JSON of `tongke calendar expand`, written as it is made: half a million lessons are never held as text.

use super::clashes::{CLASHES_MAX, Clash, Present, Who};
use super::expand::{Lesson, LessonState, Timetable};
use super::index::Index;
use super::model::Plan;
use super::read::{Fault, Level, read, refusals};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// Answer to a plan file: lessons, clashes and faults.
pub struct Answer {
    answered: Option<(Plan, Timetable, Vec<Clash>)>,
    faults: Vec<Fault>,
}

/// Expands a plan file.
pub fn answer(file: &[u8]) -> Answer {
    let (plan, mut faults) = read(file);
    let answered = plan.map(|plan| {
        let timetable = super::expand(&plan);
        let index = Index::new(&plan, &timetable);
        let mut clashes = super::clashes(&plan, &timetable, &index);
        faults.extend(refusals(&plan, &timetable));
        if clashes.len() > CLASHES_MAX {
            clashes.truncate(CLASHES_MAX);
            let message = format!("more than {CLASHES_MAX} clashes; the rest is left out");
            faults.push(Fault { pointer: String::new(), level: Level::Warning, code: "too_many_clashes", message });
        }
        (plan, timetable, clashes)
    });
    Answer { answered, faults }
}

impl Answer {
    /// False if the plan could not be read; then only faults are answered.
    pub fn is_read(&self) -> bool {
        self.answered.is_some()
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(3))?;
        match &self.answered {
            Some((plan, timetable, clashes)) => {
                map.serialize_entry("lessons", &Lessons(plan, &timetable.lessons))?;
                map.serialize_entry("clashes", &Clashes(plan, timetable, clashes))?;
            }
            None => {
                map.serialize_entry::<_, [(); 0]>("lessons", &[])?;
                map.serialize_entry::<_, [(); 0]>("clashes", &[])?;
            }
        }
        map.serialize_entry("faults", &self.faults)?;
        map.end()
    }
}

struct Lessons<'a>(&'a Plan, &'a [Lesson]);

impl Serialize for Lessons<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut list = out.serialize_seq(Some(self.1.len()))?;
        for lesson in self.1 {
            list.serialize_element(&LessonAnswer(self.0, lesson))?;
        }
        list.end()
    }
}

struct LessonAnswer<'a>(&'a Plan, &'a Lesson);

impl Serialize for LessonAnswer<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let Self(plan, lesson) = self;
        let pairing = plan.pairing_of(lesson.name.entry);
        let state = match lesson.state {
            LessonState::Planned => "planned",
            LessonState::Moved => "moved",
            LessonState::Cancelled => "cancelled",
        };
        let mut map = out.serialize_map(None)?;
        map.serialize_entry("entry", &plan.entry_ids.names()[lesson.name.entry.at()])?;
        map.serialize_entry("date", &lesson.slot.date)?;
        map.serialize_entry("week", &lesson.week)?;
        map.serialize_entry("period", &lesson.slot.period)?;
        map.serialize_entry("unit", &lesson.unit)?;
        map.serialize_entry("starts", &instant(lesson.starts_s, lesson.offset_s))?;
        map.serialize_entry("ends", &instant(lesson.ends_s, lesson.offset_s))?;
        map.serialize_entry("state", state)?;
        map.serialize_entry("teacher", &plan.people.names()[lesson.teacher.at()])?;
        let rooms: Vec<&str> = pairing.sides().map(|side| plan.rooms.names()[side.room.at()].as_str()).collect();
        map.serialize_entry("rooms", &rooms)?;
        let entry = &plan.entries[lesson.name.entry.at()];
        if lesson.slot.date != lesson.name.date || lesson.slot.period != entry.period {
            map.serialize_entry("moved_from", &lesson.name.date)?;
        }
        map.end()
    }
}

struct Clashes<'a>(&'a Plan, &'a Timetable, &'a [Clash]);

impl Serialize for Clashes<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut list = out.serialize_seq(Some(self.2.len()))?;
        for clash in self.2 {
            list.serialize_element(&ClashAnswer(self.0, self.1, clash))?;
        }
        list.end()
    }
}

struct ClashAnswer<'a>(&'a Plan, &'a Timetable, &'a Clash);

#[derive(serde::Serialize)]
struct PresentAnswer<'a> {
    entry: &'a str,
    date: Date,
}

impl Serialize for ClashAnswer<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let Self(plan, timetable, clash) = self;
        let present = |p: Present| PresentAnswer { entry: &plan.entry_ids.names()[p.entry.at()], date: p.date };
        let lessons: Vec<_> = std::iter::once(clash.lessons.0).chain(clash.lessons.1).map(present).collect();
        let date = clash.lessons.0.date;
        let offset_s = timetable.book.instant(plan, date, 43_200).1;
        let mut map = out.serialize_map(Some(4))?;
        map.serialize_entry("kind", clash.kind.word())?;
        map.serialize_entry("lessons", &lessons)?;
        map.serialize_entry("who", who_id(plan, clash.who))?;
        map.serialize_entry("at", &[instant(clash.at_s.0, offset_s), instant(clash.at_s.1, offset_s)])?;
        map.end()
    }
}

/// The id of who or what clashes.
pub fn who_id(plan: &Plan, who: Who) -> &str {
    match who {
        Who::Person(n) => &plan.people.names()[n.at()],
        Who::Room(n) => &plan.rooms.names()[n.at()],
        Who::Class(n) => &plan.classes.names()[n.at()],
        Who::School(n) => &plan.school_ids.names()[n.at()],
    }
}

/// RFC 3339 with offset.
fn instant(epoch_s: i64, offset_s: i32) -> String {
    let offset = Offset::from_seconds(offset_s).unwrap_or(Offset::UTC);
    let instant = Timestamp::from_second(epoch_s).unwrap_or(Timestamp::UNIX_EPOCH);
    instant.display_with_offset(offset).to_string()
}
