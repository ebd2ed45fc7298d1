//! iCalendar feeds (RFC 5545): one VEVENT a lesson, expanded, because RRULE cannot say 调休.

use crate::almanac::Almanac;
use crate::calendar::clashes::Who;
use crate::error::Result;
use crate::model::Subject;
use crate::schema::GridLesson;
use icalendar::{Calendar, Component, Event, EventLike, EventStatus};
use std::collections::HashMap;

/// How often each lesson was changed: what SEQUENCE says. By entry and original date.
pub(crate) type Changes = HashMap<(String, String), i64>;

/// The lessons of a term that a feed shows, cancelled ones too.
pub(crate) fn lessons(almanac: &Almanac, kind: Subject, subject: &str) -> Result<Vec<GridLesson>> {
    let plan = &almanac.plan;
    let who = match kind {
        Subject::Teacher => plan.people.number(subject).map(Who::Person),
        Subject::Class => plan.classes.number(subject).map(Who::Class),
        Subject::Room => plan.rooms.number(subject).map(Who::Room),
        Subject::School => plan.school_ids.number(subject).map(Who::School),
    };
    let Some(who) = who else { return Ok(Vec::new()) };
    let theirs = almanac.timetable.lessons.iter().filter(|l| almanac.concerns(l, who));
    theirs.map(|lesson| almanac.grid_lesson(lesson, false)).collect()
}

/// UTC as RFC 5545 writes it.
fn instant(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|t| t.strftime("%Y%m%dT%H%M%SZ").to_string()).unwrap_or_default()
}

/// The text of a feed: the same for the same lessons, so that its hash tells whether anything changed.
pub(crate) fn text(name: &str, lessons: &[GridLesson], changes: &Changes, made_ms: i64) -> String {
    let mut calendar = Calendar::new();
    calendar.name(name);
    for lesson in lessons {
        let sequence = changes.get(&(lesson.entry.to_string(), lesson.original.to_string())).copied().unwrap_or(0);
        let rooms: Vec<&str> = lesson.rooms.iter().map(|r| r.name.as_str()).collect();
        let mut event = Event::new();
        event
            .uid(&lesson.id.to_string())
            .summary(&format!("{} {}", lesson.subject, lesson.grade))
            .location(&rooms.join(" · "))
            .description(&lesson.teacher.name)
            .add_property("DTSTAMP", instant(made_ms))
            .add_property("DTSTART", instant(lesson.starts_ms))
            .add_property("DTEND", instant(lesson.ends_ms))
            .add_property("SEQUENCE", sequence.to_string());
        let cancelled = lesson.state == "cancelled";
        event.status(if cancelled { EventStatus::Cancelled } else { EventStatus::Confirmed });
        calendar.push(event.done());
    }
    calendar.to_string()
}
