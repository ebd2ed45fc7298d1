//! A small district to play with, and making things without HTTP (the demo and the command line).

use crate::auth::Scope;
use crate::command::LessonId;
use crate::error::{Error, Result};
use crate::model::{DisplayId, PairingId, PersonId, Role, RoomId, RoomKind, SchoolId, SchoolKind, TokenRole};
use crate::office::Office;
use crate::schema::{Demo, DemoAccount, DemoDisplay, DemoLesson, Lesson, NewLesson, NewPairing, NewRoom, NewSchool};
use crate::secret::{hash, random_token};
use crate::{Signaling, store::Window};
use serde::{Deserialize, Serialize};

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
        Ok(self.office.store.people(None, None, Window::new(None, Some(1))).await?.total == 0)
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

/// What a demo is asked to be.
#[derive(Clone, Copy, Debug)]
pub struct DemoPlan {
    /// First bell of all lessons.
    pub starts_ms: i64,
    /// Last bell of all lessons.
    pub ends_ms: i64,
    /// Lessons that run at the same time; the displays belong to the first. At least 1.
    pub lessons: usize,
}

/// What a demo is: everything its start page and `--json` show. Secrets in the clear, because it is a demo's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DemoSeed {
    /// What the start page shows, URLs without their base.
    pub page: Demo,
    /// The lessons with their bearers (WHIP and WHEP); the first is the page's.
    pub lessons: Vec<DemoLessonSeed>,
}

/// A lesson of a demo.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DemoLessonSeed {
    /// Id.
    pub id: LessonId,
    /// Of which pairing.
    pub pairing: PairingId,
    /// Bearer for `/whip/{id}` and `/whep/{id}`.
    pub token: String,
}

/// Name of the setting that keeps a [`DemoSeed`].
const SEED: &str = "demo_seed";

/// The villages of the demo: school, kind, class. All rooms have camera and microphone.
const VILLAGES: [(&str, SchoolKind, &str); 3] = [
    ("东沟村小", SchoolKind::Village, "三(1)班"),
    ("西岭村小", SchoolKind::Village, "三(2)班"),
    ("南坡教学点", SchoolKind::TeachingPoint, "三年级"),
];

impl Signaling {
    /// Makes the demo's district, or goes on with the one in this data: with its lessons while they last, else with new
    /// ones of the same classes. Keeps what the start page shows.
    pub async fn seed_demo(&self, plan: DemoPlan) -> Result<DemoSeed> {
        let seed = match self.setting(SEED).await? {
            Some(text) => {
                let old: DemoSeed =
                    serde_json::from_str(&text).map_err(|_| Error::Internal("the stored demo cannot be read"))?;
                self.renew_demo(old, plan).await?
            }
            None => self.new_demo(plan).await?,
        };
        let text = serde_json::to_string(&seed).map_err(|_| Error::Internal("a demo is always JSON"))?;
        self.set_setting(SEED, &text).await?;
        self.keep_demo(&seed.page).await?;
        Ok(seed)
    }

    async fn renew_demo(&self, mut seed: DemoSeed, plan: DemoPlan) -> Result<DemoSeed> {
        let running = self.lesson(seed.page.lesson.id).await?;
        use crate::model::LessonState::{Live, Open, Planned};
        if matches!(running.state, Planned | Open | Live) && running.ends_ms > self.now_ms() {
            return Ok(seed);
        }
        for lesson in &mut seed.lessons {
            *lesson = self.demo_lesson(lesson.pairing, plan).await?;
        }
        if let Some(first) = seed.lessons.first() {
            seed.page.lesson.id = first.id;
            seed.page.teacher.url = format!("/teacher/{}", first.id);
        }
        Ok(seed)
    }

    async fn demo_lesson(&self, pairing: PairingId, plan: DemoPlan) -> Result<DemoLessonSeed> {
        let new = NewLesson {
            pairing,
            title: Some("第5课 小小的船".into()),
            unit: Some("第二单元".into()),
            starts_ms: plan.starts_ms,
            ends_ms: plan.ends_ms,
        };
        let id = self.add_lesson(&new).await?;
        Ok(DemoLessonSeed { id, pairing, token: self.add_lesson_token(id, TokenRole::Both).await? })
    }

    async fn new_demo(&self, plan: DemoPlan) -> Result<DemoSeed> {
        let city = self.add_school("实验小学", SchoolKind::Urban).await?;
        let master = self.add_room(city, "主讲教室", RoomKind::Master, Some("三(3)班")).await?;
        let mut rooms = Vec::new();
        let mut displays = Vec::new();
        for (school, kind, class) in VILLAGES {
            let village = self.add_school(school, kind).await?;
            let name = format!("{school} {class}");
            let room = self.add_room(village, &name, RoomKind::Interactive, Some(class)).await?;
            let (_, secret) = self.add_paired_display(room).await?;
            displays.push(DemoDisplay { room: name, school: school.into(), url: format!("/display#secret={secret}") });
            rooms.push(room);
        }
        let (admin_password, teacher_password) = (random_token(), random_token());
        self.add_person(("管理员", "admin"), Some(&admin_password), Role::RegionAdmin, None).await?;
        let teacher =
            self.add_person(("王老师", "teacher"), Some(&teacher_password), Role::Teacher, Some(city)).await?;
        let new = NewPairing {
            subject: "音乐".into(),
            grade: "三年级".into(),
            teacher,
            master_room: master,
            rural_rooms: rooms,
        };
        let mut lessons = vec![self.demo_lesson(self.add_pairing(&new).await?, plan).await?];
        for n in 2..=plan.lessons {
            lessons.push(self.side_lesson(city, n, plan).await?);
        }
        let id = lessons.first().map(|l| l.id).ok_or(Error::Internal("a demo has a lesson"))?;
        let account = |user: &str, password: String, url: String| DemoAccount { user: user.into(), password, url };
        let page = Demo {
            teacher: account("teacher", teacher_password, format!("/teacher/{id}")),
            admin: account("admin", admin_password, "/admin".into()),
            displays,
            lesson: DemoLesson { id, title: String::new(), starts_ms: plan.starts_ms, ends_ms: plan.ends_ms },
            library_url: "/library".into(),
        };
        Ok(DemoSeed { page, lessons })
    }

    /// Another lesson at the same time, with a teacher and rooms of its own and no displays.
    async fn side_lesson(&self, city: SchoolId, n: usize, plan: DemoPlan) -> Result<DemoLessonSeed> {
        let master = self.add_room(city, &format!("主讲教室 {n}"), RoomKind::Master, None).await?;
        let village = self.add_school(&format!("北坡村小 {n}"), SchoolKind::Village).await?;
        let room = self.add_room(village, &format!("听讲教室 {n}"), RoomKind::Interactive, None).await?;
        let user = format!("teacher{n}");
        let teacher = self.add_person((&format!("老师 {n}"), &user), None, Role::Teacher, Some(city)).await?;
        let new = NewPairing {
            subject: "音乐".into(),
            grade: "三年级".into(),
            teacher,
            master_room: master,
            rural_rooms: vec![room],
        };
        self.demo_lesson(self.add_pairing(&new).await?, plan).await
    }
}
