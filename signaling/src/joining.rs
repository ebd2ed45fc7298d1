//! A session's request and the media plane's answer to it.

use crate::command::{Command, LessonId, Refusal, SessionId, Slot};
use crate::error::{Error, Result};
use crate::lesson::{Effect, Holder, JoinError, Lesson, PageKey, Seating};
use crate::office::{Office, Reply};
use std::time::Duration;
use tokio::sync::oneshot;

/// The media plane answers in milliseconds; one that does not in this time is overloaded.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// An answered session.
pub(crate) struct Joined {
    pub(crate) session: SessionId,
    pub(crate) answer: String,
    pub(crate) etag: String,
    pub(crate) slots: Vec<(Slot, String)>,
}

/// Whose session may be touched.
#[derive(Clone, Copy)]
pub(crate) enum Owner {
    /// Sessions in the holder's seat.
    Holder(Holder),
    /// WHIP sessions of the lesson.
    Whip,
    /// WHEP sessions of the lesson.
    Whep,
}

/// Frees the seat if the request is given up before the answer.
struct Joining<'a> {
    office: &'a Office,
    session: SessionId,
    answered: bool,
}

impl Drop for Joining<'_> {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        self.office.pending.remove(&self.session);
        self.office.act(|floor, now, out| {
            if let Some(lesson) = floor.lesson_of_mut(self.session) {
                lesson.leave(self.session, now, out);
            }
        });
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(why) => Self::Malformed(why),
            Refusal::Unfit { line, why } => Self::UnfitOffer { line, why },
            Refusal::Unknown => Self::NotFound,
            Refusal::Full => Self::Unavailable("the media plane is full"),
        }
    }
}

impl From<JoinError> for Error {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::NotAdmitted => NOT_OPEN,
            JoinError::NoSeat => Self::NotFound,
            JoinError::Full => Self::Unavailable("the lesson is full"),
        }
    }
}

/// The lesson's room does not exist or does not admit yet.
pub(crate) const NOT_OPEN: Error = Error::Conflict { code: "lesson_not_open", why: "the lesson does not admit now" };

impl Office {
    /// Seats a session in a running lesson. Whether the caller belongs to the lesson is already known.
    pub(crate) async fn join(
        &self,
        lesson: LessonId,
        seating: Seating,
        page: PageKey,
        offer: String,
    ) -> Result<Joined> {
        if !self.takes_joins() {
            return Err(Error::Unavailable("the media plane is busy"));
        }
        if !self.act(|floor, _, _| floor.lesson(lesson).is_some_and(Lesson::admitted)) {
            self.admit_if_due(lesson).await;
        }
        let (reply, answered) = oneshot::channel();
        let session = self.act(|floor, now, out| {
            let session = floor.lesson_mut(lesson).ok_or(NOT_OPEN)?.join(seating, page, offer, now, out)?;
            floor.seated(session, lesson);
            // Before the order goes out, or the answer could come first.
            self.pending.entry(session).or_default().push_back(reply);
            Ok::<_, Error>(session)
        })?;
        let mut joining = Joining { office: self, session, answered: false };
        match tokio::time::timeout(ANSWER_MAX, answered).await {
            Ok(Ok(Reply::Answered { answer, etag, slots })) => {
                joining.answered = true;
                Ok(Joined { session, answer, etag, slots })
            }
            Ok(Ok(Reply::Refused(refusal))) => Err(refusal.into()),
            _ => Err(Error::Unavailable("the media plane does not answer")),
        }
    }

    /// An ICE restart or trickled candidates. `if_match` is the entity tag the page knows, or `*`. Gives the new
    /// credentials; `None` if there are none, because these were candidates only.
    ///
    /// A page whose request was carried out and whose answer was lost asks the same again, under the tag it knows: it
    /// is given the same answer.
    pub(crate) async fn restart(
        &self,
        (lesson, session): (LessonId, SessionId),
        owner: Owner,
        if_match: Option<&str>,
        fragment: String,
    ) -> Result<Option<(String, String)>> {
        let before = self.owned_etag(lesson, session, owner)?;
        let Some(tag) = if_match else { return Err(Error::PreconditionRequired) };
        let known = if tag == "*" { before } else { tag.to_owned() };
        let (reply, answered) = oneshot::channel();
        self.act(|floor, _, out| {
            let lesson = floor.lesson_mut(lesson).ok_or(Error::NotFound)?;
            if !lesson.may_restart(session, &known, &fragment) {
                return Err(Error::PreconditionFailed);
            }
            // Two requests may wait at once: the media plane answers in the order it was asked.
            self.pending.entry(session).or_default().push_back(reply);
            out.push(Effect::Order(Command::Restart { session, fragment }));
            Ok(())
        })?;
        match tokio::time::timeout(ANSWER_MAX, answered).await {
            Ok(Ok(Reply::Restarted { etag, .. })) if etag == known => Ok(None),
            Ok(Ok(Reply::Restarted { fragment, etag })) => Ok(Some((fragment, etag))),
            Ok(Ok(Reply::Refused(refusal))) => Err(refusal.into()),
            _ => Err(Error::Unavailable("the media plane does not answer")),
        }
    }

    /// Closes a session.
    pub(crate) fn leave(&self, lesson: LessonId, session: SessionId, owner: Owner) -> Result<()> {
        self.owned_etag(lesson, session, owner)?;
        self.act(|floor, now, out| {
            if let Some(lesson) = floor.lesson_mut(lesson) {
                lesson.leave(session, now, out);
            }
        });
        Ok(())
    }

    fn owned_etag(&self, lesson: LessonId, session: SessionId, owner: Owner) -> Result<String> {
        use crate::command::SessionRole::{Whep, Whip};
        self.act(|floor, _, _| {
            let lesson = floor.lesson(lesson).ok_or(Error::NotFound)?;
            let owned = match owner {
                Owner::Holder(holder) => lesson.session_of(session, holder),
                Owner::Whip => matches!(lesson.role_of(session), Some(Whip { .. })),
                Owner::Whep => matches!(lesson.role_of(session), Some(Whep)),
            };
            let etag = lesson.etag_of(session).filter(|_| owned);
            etag.map(str::to_owned).ok_or(Error::NotFound)
        })
    }

    /// A display was taken out: its room's media stops now.
    pub(crate) fn expel(&self, holder: Holder) {
        self.act(|floor, now, out| {
            floor.lessons_mut().for_each(|lesson| lesson.leave_all(holder, now, out));
        });
    }
}
