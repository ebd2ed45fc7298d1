//! A small district to play with, and making things without HTTP (the demo and the command line).

use crate::auth::{Reach, Scope};
use crate::command::LessonId;
use crate::error::{Error, Result};
use crate::model::{DisplayId, PairingId, PersonId, Role, RoomId, RoomKind, SchoolId, SchoolKind, TokenRole};
use crate::office::Office;
use crate::schema::{Demo, DemoLesson, Lesson, NewLesson, NewPairing, NewRoom, NewSchool};
use crate::secret::{hash, random_token};
use crate::{Signaling, store::Window};

/// Name of the setting that keeps the demo's start page over restarts with `--data`.
const DEMO: &str = "demo";

impl Office {
    pub(crate) async fn demo(&self) -> Result<Demo> {
        let facts = self.config.demo.as_ref().ok_or(Error::NotFound)?;
        let text = self.store.setting_if_any(DEMO).await?.ok_or(Error::NotFound)?;
        let mut demo: Demo =
            serde_json::from_str(&text).map_err(|_| Error::Internal("the stored demo cannot be read"))?;
        let base = &facts.base_url;
        demo.teacher.url = format!("{base}{}", demo.teacher.url);
        demo.admin.url = format!("{base}{}", demo.admin.url);
        demo.library_url = format!("{base}{}", demo.library_url);
        demo.displays.iter_mut().for_each(|d| d.url = format!("{base}{}", d.url));
        let lesson = self.store.lesson(demo.lesson.id, Scope::default(), 0).await?;
        demo.lesson =
            DemoLesson { id: lesson.id, title: lesson.title, starts_ms: lesson.starts_ms, ends_ms: lesson.ends_ms };
        Ok(demo)
    }
}

/// Making things without HTTP. Everything is checked as far as the database can; names are taken as they are.
impl Signaling {
    /// Adds a school.
    pub async fn add_school(&self, name: &str, kind: SchoolKind) -> Result<SchoolId> {
        let new = NewSchool { name: name.into(), kind, group: None };
        Ok(self.office.store.add_school(&new, self.office.now().ms).await?.id)
    }

    /// Adds a classroom.
    pub async fn add_room(&self, school: SchoolId, name: &str, kind: RoomKind, class: Option<&str>) -> Result<RoomId> {
        let new = NewRoom { school, name: name.into(), kind, class: class.map(Into::into) };
        self.office.store.add_room(&new).await
    }

    /// Adds a person; without a password nobody can sign in as them.
    pub async fn add_person(
        &self,
        (name, user): (&str, &str),
        password: Option<&str>,
        role: Role,
        school: Option<SchoolId>,
    ) -> Result<PersonId> {
        let password = match password {
            Some(password) => Some(self.office.passwords.hash(password.to_owned()).await?),
            None => None,
        };
        self.office.store.add_person((name, user), password.as_deref(), role, school).await
    }

    /// Sets a password and ends all sign-ins of that person.
    pub async fn set_password(&self, user: &str, password: &str) -> Result<()> {
        let password = self.office.passwords.hash(password.to_owned()).await?;
        self.office.store.set_password(user, &password).await
    }

    /// True while nobody can sign in: a fresh installation.
    pub async fn has_no_people(&self) -> Result<bool> {
        Ok(self.office.store.people(None, &Reach::All, Window::new(None, Some(1))).await?.total == 0)
    }

    /// Adds a pairing.
    pub async fn add_pairing(&self, new: &NewPairing) -> Result<PairingId> {
        self.office.store.add_pairing(new).await
    }

    /// Adds a lesson; 409 with all clashes.
    pub async fn add_lesson(&self, new: &NewLesson) -> Result<LessonId> {
        let pairing = self.office.store.pairing(new.pairing, None).await?;
        let id = self.office.store.add_lesson(&pairing, new).await?;
        self.office.replan();
        Ok(id)
    }

    /// One lesson.
    pub async fn lesson(&self, id: LessonId) -> Result<Lesson> {
        self.office.store.lesson(id, Scope::default(), self.office.config.admits_before_ms).await
    }

    /// A bearer token of a lesson.
    pub async fn add_lesson_token(&self, lesson: LessonId, role: TokenRole) -> Result<String> {
        Ok(self.office.add_lesson_token(lesson, role).await?.token)
    }

    /// True once sessions may join this lesson.
    pub fn is_admitted(&self, lesson: LessonId) -> bool {
        self.office.act(|floor, _, _| floor.lesson(lesson).is_some_and(|l| l.admitted()))
    }

    /// A display that needs no code, for the demo: its id and the secret for its URL's fragment.
    pub async fn add_paired_display(&self, room: RoomId) -> Result<(DisplayId, String)> {
        let secret = random_token();
        let id = self.office.store.add_paired(room, &hash(&secret), self.office.now().ms).await?;
        Ok((id, secret))
    }

    /// Keeps what the demo's start page shows; URLs without their base.
    pub async fn keep_demo(&self, demo: &Demo) -> Result<()> {
        let text = serde_json::to_string(demo).map_err(|_| Error::Internal("a demo is always JSON"))?;
        self.office.store.set_setting(DEMO, &text).await
    }

    /// What the demo's start page shows; `NotFound` when this data was never a demo.
    pub async fn demo(&self) -> Result<Demo> {
        self.office.demo().await
    }

    /// A value of this installation, such as the demo's tokens, which a restart must know again.
    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        self.office.store.setting_if_any(name).await
    }

    /// Keeps a value of this installation.
    pub async fn set_setting(&self, name: &str, value: &str) -> Result<()> {
        self.office.store.set_setting(name, value).await
    }
}
