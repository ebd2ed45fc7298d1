//! All running lessons, and which of them a session belongs to.

use crate::command::{Event, LessonId, SeatId, SessionId};
use crate::lesson::{Effect, Holder, Lesson, Now};
use crate::messages::ServerMessage;
use crate::model::{LessonState, RoomId};
use std::collections::{BTreeMap, HashMap};

/// The running lessons of this process.
#[derive(Default)]
pub(crate) struct Floor {
    lessons: BTreeMap<LessonId, Lesson>,
    sessions: HashMap<SessionId, LessonId>,
}

impl Floor {
    /// Adds a lesson whose room was just made.
    pub(crate) fn insert(&mut self, lesson: Lesson) {
        self.lessons.insert(lesson.id(), lesson);
    }

    /// Forgets a lesson whose room is gone.
    pub(crate) fn remove(&mut self, id: LessonId) {
        self.lessons.remove(&id);
        self.sessions.retain(|_, lesson| *lesson != id);
    }

    /// A running lesson.
    pub(crate) fn lesson(&self, id: LessonId) -> Option<&Lesson> {
        self.lessons.get(&id)
    }

    /// A running lesson, to act in.
    pub(crate) fn lesson_mut(&mut self, id: LessonId) -> Option<&mut Lesson> {
        self.lessons.get_mut(&id)
    }

    /// All running lessons.
    pub(crate) fn lessons(&self) -> impl Iterator<Item = &Lesson> {
        self.lessons.values()
    }

    /// All running lessons, to act in.
    pub(crate) fn lessons_mut(&mut self) -> impl Iterator<Item = &mut Lesson> {
        self.lessons.values_mut()
    }

    /// Notes where a session joins.
    pub(crate) fn seated(&mut self, session: SessionId, lesson: LessonId) {
        self.sessions.insert(session, lesson);
    }

    /// The lesson of a session.
    pub(crate) fn lesson_of(&self, session: SessionId) -> Option<&Lesson> {
        self.sessions.get(&session).and_then(|id| self.lessons.get(id))
    }

    /// The lesson of a session, to act in.
    pub(crate) fn lesson_of_mut(&mut self, session: SessionId) -> Option<&mut Lesson> {
        self.sessions.get(&session).and_then(|id| self.lessons.get_mut(id))
    }

    /// The lesson in which a person or room sits now: the live one before one that is only open, then the earlier.
    pub(crate) fn current(&self, holder: Holder) -> Option<&Lesson> {
        let mine = self.lessons.values().filter(|l| l.seat_of(holder).is_some());
        mine.min_by_key(|l| (l.state() != LessonState::Live, l.bells_ms().0))
    }

    /// The lesson that has this seat, if the holder may act in it.
    pub(crate) fn lesson_of_seat(&mut self, seat: SeatId, holder: Holder) -> Option<&mut Lesson> {
        let sits = |l: &&mut Lesson| l.seat_of(holder).is_some() && l.attendance().iter().any(|(s, _)| *s == seat);
        self.lessons.values_mut().find(sits)
    }

    /// The clock was set.
    pub(crate) fn shift(&mut self, stepped_ms: i64) {
        self.lessons.values_mut().for_each(|l| l.shift(stepped_ms));
    }

    /// Does what time asks for in every lesson.
    pub(crate) fn tick(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.lessons.values_mut().for_each(|l| l.tick(now, out));
    }

    /// Judges every lesson's health; gives those that changed.
    pub(crate) fn judge(&mut self, now: Now, online: &dyn Fn(RoomId) -> bool) -> Vec<LessonId> {
        self.lessons.values_mut().filter_map(|l| l.judge(now, online).then(|| l.id())).collect()
    }

    /// Takes a fact of the media plane. Facts of lessons and sessions that are gone are dropped.
    pub(crate) fn note(&mut self, event: &Event, now: Now, out: &mut Vec<Effect>) {
        match event {
            Event::CodecFrozen { lesson, codec } => {
                if let Some(l) = self.lessons.get_mut(lesson) {
                    l.codec_frozen(*codec);
                }
            }
            Event::SourceLive { lesson, source, live } => {
                if let Some(l) = self.lessons.get_mut(lesson) {
                    l.source_live(*source, *live);
                }
            }
            Event::Answered { session, etag, slots, .. } => match self.lesson_of_mut(*session) {
                Some(l) => l.answered(*session, etag, slots, out),
                None => out.push(Effect::Order(crate::command::Command::Leave { session: *session })),
            },
            Event::Restarted { session, etag, .. } => {
                if let Some(l) = self.lesson_of_mut(*session) {
                    l.restarted(*session, etag);
                }
            }
            Event::Refused { session, .. } => {
                // A refused restart leaves the session as it was.
                if self.lesson_of(*session).is_some_and(|l| l.waits(*session)) {
                    if let Some(l) = self.lesson_of_mut(*session) {
                        l.refused(*session, now);
                    }
                    self.sessions.remove(session);
                }
            }
            Event::Connected { session } => {
                if let Some(l) = self.lesson_of_mut(*session) {
                    l.connected(*session, now);
                }
            }
            Event::Left { session, cause } => {
                if let Some(l) = self.lesson_of_mut(*session) {
                    l.left(*session, *cause, now);
                }
                self.sessions.remove(session);
            }
            Event::SlotState { session, slot, source, live } => {
                if let Some(l) = self.lesson_of_mut(*session) {
                    l.slot_state(*session, *slot, *source, *live, out);
                }
            }
            Event::Watched { session, source, max } => {
                if let Some(l) = self.lesson_of(*session) {
                    let max = max.clone().unwrap_or_else(|| "none".to_owned());
                    l.tell_page(*session, ServerMessage::Layers { source: *source, max }, out);
                }
            }
            Event::SoundRate { session, source, max_bps } => {
                if let Some(l) = self.lesson_of(*session) {
                    l.tell_page(*session, ServerMessage::SoundRate { source: *source, max_bps: *max_bps }, out);
                }
            }
            Event::Line { session, facts } => {
                if let Some(l) = self.lesson_of_mut(*session) {
                    l.line(*session, *facts, out);
                }
            }
            Event::TrackOpened(_) | Event::PartKept(_) | Event::GapFound { .. } | Event::Recorded { .. } => {}
        }
    }
}
