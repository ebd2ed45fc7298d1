//! The district of the demo: one urban and three village schools, an admin, a teacher, three displays, a lesson; and,
//! where asked for, more lessons at the same time for the load tool.

use serde::{Deserialize, Serialize};
use tongke_signaling::command::LessonId;
use tongke_signaling::model::{PairingId, Role, RoomId, RoomKind, SchoolId, SchoolKind, TokenRole};
use tongke_signaling::schema::{Demo, DemoAccount, DemoDisplay, DemoLesson, NewLesson, NewPairing};
use tongke_signaling::{Error, Signaling};

/// The setting that keeps the demo's line over a restart on the same data.
const TOLD: &str = "demo_told";

/// What the caller asked for.
pub(super) struct Wish {
    pub(super) minutes: u32,
    pub(super) starts_in_s: u32,
    pub(super) lessons: u16,
}

/// The line of `tongke demo --json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) base_url: String,
    pub(super) admin: Account,
    pub(super) teacher: Account,
    pub(super) displays: Vec<Display>,
    pub(super) lessons: Vec<Lesson>,
    pub(super) pid: u32,
    /// Where the media workers' figures are.
    #[serde(default)]
    pub(super) metrics: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) url: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Display {
    pub(super) room: String,
    pub(super) url: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Lesson {
    pub(super) id: LessonId,
    pub(super) whip: String,
    pub(super) whep: String,
    pub(super) token: String,
}

/// Makes the district, or finds the one that is there already.
pub(super) async fn open(signaling: &Signaling, base: &str, wish: &Wish) -> Result<Told, Box<dyn std::error::Error>> {
    let mut told = match signaling.setting(TOLD).await? {
        Some(text) => serde_json::from_str(&text)?,
        None => {
            let told = make(signaling, wish).await?;
            signaling.set_setting(TOLD, &serde_json::to_string(&told)?).await?;
            told
        }
    };
    told.rebase(base);
    Ok(told)
}

impl Told {
    /// Paths become URLs of this run.
    fn rebase(&mut self, base: &str) {
        let full = |path: &mut String| *path = format!("{base}{path}");
        full(&mut self.admin.url);
        full(&mut self.teacher.url);
        self.displays.iter_mut().for_each(|d| full(&mut d.url));
        for lesson in &mut self.lessons {
            full(&mut lesson.whip);
            full(&mut lesson.whep);
        }
        self.base_url = base.to_owned();
        self.pid = std::process::id();
    }
}

/// School, its kind, its room, the class there.
const VILLAGES: [(&str, SchoolKind, &str, &str); 3] = [
    ("东沟村小学", SchoolKind::Village, "东沟多媒体教室", "三(1)班"),
    ("西岭村小学", SchoolKind::Village, "西岭多媒体教室", "三(2)班"),
    ("南坡教学点", SchoolKind::TeachingPoint, "南坡教室", "三年级"),
];

async fn make(signaling: &Signaling, wish: &Wish) -> Result<Told, Box<dyn std::error::Error>> {
    let urban = signaling.add_school("实验小学", SchoolKind::Urban).await?;
    let master = signaling.add_room(urban, "录播教室", RoomKind::Master, Some("三(3)班")).await?;
    let mut rooms = Vec::new();
    let mut displays = Vec::new();
    let mut demo_displays = Vec::new();
    for (school, kind, name, class) in VILLAGES {
        let id = signaling.add_school(school, kind).await?;
        let room = signaling.add_room(id, name, RoomKind::Interactive, Some(class)).await?;
        let (_, secret) = signaling.add_paired_display(room).await?;
        let url = format!("/display#secret={secret}");
        rooms.push(room);
        displays.push(Display { room: format!("{school} {class}"), url: url.clone() });
        demo_displays.push(DemoDisplay { room: name.to_owned(), school: school.to_owned(), url });
    }
    let (admin_password, teacher_password) = (super::user::random_password(), super::user::random_password());
    signaling.add_person(("电教馆", "admin"), Some(&admin_password), Role::RegionAdmin, None).await?;
    let teacher =
        signaling.add_person(("王老师", "teacher"), Some(&teacher_password), Role::Teacher, Some(urban)).await?;
    let pairing = NewPairing {
        subject: "音乐".to_owned(),
        grade: "三年级".to_owned(),
        teacher,
        master_room: master,
        rural_rooms: rooms,
    };
    let pairing = signaling.add_pairing(&pairing).await?;
    let starts_ms = signaling.now_ms() + i64::from(wish.starts_in_s) * 1_000;
    let ends_ms = starts_ms + i64::from(wish.minutes) * 60_000;
    let first = add_lesson(signaling, pairing, Some("第5课 草原上"), starts_ms, ends_ms).await?;
    let admin = Account { user: "admin".to_owned(), password: admin_password, url: "/admin".to_owned() };
    let url = format!("/teacher/{}", first.id);
    let teacher = Account { user: "teacher".to_owned(), password: teacher_password, url };
    keep(signaling, &admin, &teacher, demo_displays, first.id, starts_ms, ends_ms).await?;
    let mut lessons = vec![first];
    for number in 1..wish.lessons {
        lessons.push(more(signaling, urban, number, starts_ms, ends_ms).await?);
    }
    Ok(Told { base_url: String::new(), admin, teacher, displays, lessons, pid: 0, metrics: None })
}

/// What the start page shows.
async fn keep(
    signaling: &Signaling,
    admin: &Account,
    teacher: &Account,
    displays: Vec<DemoDisplay>,
    lesson: LessonId,
    starts_ms: i64,
    ends_ms: i64,
) -> Result<(), Error> {
    let account = |a: &Account| DemoAccount { user: a.user.clone(), password: a.password.clone(), url: a.url.clone() };
    let title = signaling.lesson(lesson).await?.title;
    let demo = Demo {
        teacher: account(teacher),
        admin: account(admin),
        displays,
        lesson: DemoLesson { id: lesson, title, starts_ms, ends_ms },
        library_url: "/library".to_owned(),
    };
    signaling.keep_demo(&demo).await
}

async fn add_lesson(
    signaling: &Signaling,
    pairing: PairingId,
    title: Option<&str>,
    starts_ms: i64,
    ends_ms: i64,
) -> Result<Lesson, Error> {
    let new = NewLesson { pairing, title: title.map(str::to_owned), unit: None, starts_ms, ends_ms };
    let id = signaling.add_lesson(&new).await?;
    let token = signaling.add_lesson_token(id, TokenRole::Both).await?;
    Ok(Lesson { id, whip: format!("/whip/{id}"), whep: format!("/whep/{id}"), token })
}

/// One more lesson at the same time, with a teacher and rooms of its own.
async fn more(
    signaling: &Signaling,
    school: SchoolId,
    number: u16,
    starts_ms: i64,
    ends_ms: i64,
) -> Result<Lesson, Error> {
    let name = format!("第{number}教室");
    let master: RoomId = signaling.add_room(school, &name, RoomKind::Master, None).await?;
    let rural: RoomId = signaling.add_room(school, &format!("听讲{number}"), RoomKind::Terminal, None).await?;
    let user = format!("teacher{number}");
    let teacher = signaling.add_person((&user, &user), None, Role::Teacher, Some(school)).await?;
    let pairing = NewPairing {
        subject: "英语".to_owned(),
        grade: "五年级".to_owned(),
        teacher,
        master_room: master,
        rural_rooms: vec![rural],
    };
    let pairing = signaling.add_pairing(&pairing).await?;
    add_lesson(signaling, pairing, None, starts_ms, ends_ms).await
}
