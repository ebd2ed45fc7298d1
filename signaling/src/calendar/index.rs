//! Who and what each lesson needs, sorted so that clashes are found by sweeping over them once.

use super::changes::Occurrence;
use super::clashes::{Clash, Who, clash_of, misfits};
use super::expand::{DAY_S, Lesson, LessonState, Timetable};
use super::model::{ClassNo, LessonName, Pairing, PersonNo, Plan, RoomNo};

/// A person, room or class in 32 bits: the two highest say which.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key(u32);

const KIND_SHIFT: u32 = 30;
const NUMBER_MASK: u32 = (1 << KIND_SHIFT) - 1;

impl Key {
    fn person(person: PersonNo) -> Self {
        Self(person.0 & NUMBER_MASK)
    }

    fn room(room: RoomNo) -> Self {
        Self(1 << KIND_SHIFT | (room.0 & NUMBER_MASK))
    }

    fn class(class: ClassNo) -> Self {
        Self(2 << KIND_SHIFT | (class.0 & NUMBER_MASK))
    }

    /// What it stands for.
    pub(super) fn who(self) -> Who {
        let number = self.0 & NUMBER_MASK;
        match self.0 >> KIND_SHIFT {
            0 => Who::Person(PersonNo(number)),
            1 => Who::Room(RoomNo(number)),
            _ => Who::Class(ClassNo(number)),
        }
    }
}

/// That a lesson needs somebody or something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Need {
    key: Key,
    /// Position in the timetable; lessons lie there by start, so this also sorts by time.
    lesson: u32,
}

/// A lesson that is not in the timetable, or not in this place.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Whose lesson it would be.
    pub pairing: &'a Pairing,
    /// Where it would be.
    pub occurrence: Occurrence,
    /// With its time, if the bell table has one.
    pub lesson: Option<Lesson>,
}

/// All needs of a timetable, by key and time. Belongs to the timetable it was made from.
#[derive(Clone, Debug)]
pub struct Index(Vec<Need>);

/// Each person, room and class of a lesson, once.
fn keys(pairing: &Pairing, teacher: PersonNo, each: &mut Vec<Key>) {
    each.clear();
    each.push(Key::person(teacher));
    each.extend(pairing.co_teachers.iter().map(|p| Key::person(*p)));
    for side in pairing.sides() {
        each.push(Key::room(side.room));
        each.extend(side.class.map(Key::class));
    }
    each.sort_unstable();
    each.dedup();
}

impl Index {
    /// Notes what all lessons of a timetable need that will be held.
    pub fn new(plan: &Plan, timetable: &Timetable) -> Self {
        let mut needs = Vec::with_capacity(timetable.lessons.len() * 6);
        let mut each = Vec::new();
        for (at, lesson) in timetable.lessons.iter().enumerate() {
            if lesson.state != LessonState::Cancelled {
                keys(plan.pairing_of(lesson.name.entry), lesson.teacher, &mut each);
                needs.extend(each.iter().map(|key| Need { key: *key, lesson: at as u32 }));
            }
        }
        needs.sort_unstable();
        Self(needs)
    }

    /// Positions of each two overlapping lessons that need the same, once each, the earlier first.
    pub(super) fn pairs<'a>(&'a self, lessons: &'a [Lesson]) -> impl Iterator<Item = (Key, usize, usize)> + 'a {
        // For each need, those after it that begin before it ends: a sweep line, whose cost is that of the answer.
        self.0.iter().enumerate().flat_map(move |(at, need)| {
            let ends_s = lessons[need.lesson as usize].ends_s;
            let later = self.0.get(at + 1..).unwrap_or_default().iter();
            later
                .take_while(move |n| n.key == need.key && lessons[n.lesson as usize].starts_s < ends_s)
                .map(move |n| (need.key, need.lesson as usize, n.lesson as usize))
        })
    }

    /// The lessons that need this, by time.
    pub fn lessons_of<'a>(&'a self, timetable: &'a Timetable, who: Who) -> impl Iterator<Item = &'a Lesson> + 'a {
        let key = match who {
            Who::Person(person) => Some(Key::person(person)),
            Who::Room(room) => Some(Key::room(room)),
            Who::Class(class) => Some(Key::class(class)),
            Who::School(_) => None,
        };
        let needs = key.map(|key| self.of(key)).unwrap_or_default();
        needs.iter().map(|n| &timetable.lessons[n.lesson as usize])
    }

    fn of(&self, key: Key) -> &[Need] {
        let first = self.0.partition_point(|n| n.key < key);
        let end = self.0.partition_point(|n| n.key <= key);
        self.0.get(first..end).unwrap_or_default()
    }

    /// All clashes of a lesson of the timetable.
    pub fn of_lesson(&self, plan: &Plan, timetable: &Timetable, lesson: &Lesson) -> Vec<Clash> {
        if lesson.state == LessonState::Cancelled {
            return Vec::new();
        }
        let pairing = plan.pairing_of(lesson.name.entry);
        let candidate = Candidate { pairing, occurrence: lesson.occurrence(), lesson: Some(*lesson) };
        self.clashes(plan, timetable, &[candidate], &[lesson.name])
    }

    /// All clashes of candidates: with the timetable, but for the lessons they stand for, and among themselves.
    pub fn clashes(
        &self,
        plan: &Plan,
        timetable: &Timetable,
        candidates: &[Candidate<'_>],
        except: &[LessonName],
    ) -> Vec<Clash> {
        let mut found = Vec::new();
        let mut each = Vec::new();
        for (at, candidate) in candidates.iter().enumerate() {
            let Candidate { pairing, occurrence, lesson } = candidate;
            misfits(plan, &timetable.book, pairing, occurrence, lesson.as_ref(), &mut found);
            let Some(lesson) = lesson else { continue };
            keys(pairing, lesson.teacher, &mut each);
            for key in &each {
                let needs = self.of(*key);
                let start = |n: &Need| timetable.lessons[n.lesson as usize].starts_s;
                let first = needs.partition_point(|n| start(n) <= lesson.starts_s - DAY_S);
                let near = needs.iter().skip(first).take_while(|n| start(n) < lesson.ends_s);
                for other in near.map(|n| &timetable.lessons[n.lesson as usize]) {
                    if other.ends_s > lesson.starts_s && !except.contains(&other.name) {
                        let second = plan.pairing_of(other.name.entry);
                        found.push(in_order(*key, (lesson, pairing), (other, second)));
                    }
                }
            }
            for earlier in candidates.iter().take(at) {
                among(&mut found, &each, (lesson, pairing), earlier);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Clashes of a lesson with another candidate.
fn among(found: &mut Vec<Clash>, each: &[Key], (lesson, pairing): (&Lesson, &Pairing), other: &Candidate<'_>) {
    let Some(second) = &other.lesson else { return };
    if second.ends_s <= lesson.starts_s || lesson.ends_s <= second.starts_s {
        return;
    }
    let mut theirs = Vec::new();
    keys(other.pairing, second.teacher, &mut theirs);
    for key in each.iter().filter(|key| theirs.contains(key)) {
        found.push(in_order(*key, (second, other.pairing), (lesson, pairing)));
    }
}

/// The earlier lesson comes first.
fn in_order(key: Key, a: (&Lesson, &Pairing), b: (&Lesson, &Pairing)) -> Clash {
    let order = |l: &Lesson| (l.starts_s, l.name);
    if order(a.0) <= order(b.0) { clash_of(key, a, b) } else { clash_of(key, b, a) }
}
