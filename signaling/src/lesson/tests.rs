//! Whatever happens in a lesson, the orders it gives keep the laws of the stage.

use super::*;
use crate::command::{DecodeBudget, LeaveCause};
use crate::stage::View;
use proptest::prelude::*;

const ROOMS: usize = 4;

fn lesson(out: &mut Vec<Effect>) -> (Lesson, Vec<SeatId>, Vec<Holder>) {
    let teacher = PersonId::random();
    let rooms: Vec<RoomId> = (0..ROOMS).map(|_| RoomId::random()).collect();
    let holders: Vec<Holder> =
        std::iter::once(Holder::Person(teacher)).chain(rooms.iter().copied().map(Holder::Room)).collect();
    let seats: Vec<SeatFacts> = holders
        .iter()
        .enumerate()
        .map(|(i, holder)| SeatFacts {
            id: SeatId::random(),
            holder: *holder,
            name: format!("{i}"),
            school: None,
            kind: match i {
                0 => RoomKind::Master,
                ROOMS => RoomKind::Terminal,
                _ => RoomKind::Interactive,
            },
            presence: Presence::default(),
            codecs: None,
            decode: DecodeBudget::default(),
            line_bps: None,
        })
        .collect();
    let ids = seats.iter().map(|s| s.id).collect();
    let members = Members { lesson: LessonId::random(), teacher, rooms, schools: vec![] };
    let facts = Facts { members: Arc::new(members), starts_ms: 0, ends_ms: 1_000_000, state: LessonState::Open, seats };
    let mut lesson = Lesson::open(facts, Now { ms: 0, steady_ms: 0 }, out);
    lesson.admit(Now { ms: 0, steady_ms: 0 }, out);
    (lesson, ids, holders)
}

#[derive(Clone, Debug)]
enum Act {
    Call(Option<usize>),
    Join(usize),
    Answer(usize),
    Leave(usize),
    Mute(usize, bool),
    Hand(usize, bool),
    Layout(Vec<usize>),
    Watch,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let seat = 0..=ROOMS;
    let act = prop_oneof![
        proptest::option::of(seat.clone()).prop_map(Act::Call),
        seat.clone().prop_map(Act::Join),
        (0usize..20).prop_map(Act::Answer),
        (0usize..20).prop_map(Act::Leave),
        (seat.clone(), any::<bool>()).prop_map(|(s, m)| Act::Mute(s, m)),
        (seat.clone(), any::<bool>()).prop_map(|(s, u)| Act::Hand(s, u)),
        proptest::collection::vec(seat, 0..8).prop_map(Act::Layout),
        Just(Act::Watch),
    ];
    proptest::collection::vec(act, 1..60)
}

/// What the media plane does with orders.
struct Media {
    open: BTreeSet<SeatId>,
    rooms: BTreeSet<SeatId>,
    shown: BTreeMap<(SessionId, Slot), Option<Source>>,
    joined: Vec<(SessionId, SeatId, SessionRole)>,
}

impl Media {
    fn obey(&mut self, effect: &Effect) {
        let Effect::Order(command) = effect else { return };
        match command {
            Command::Mute { source, muted, .. } if source.kind == SourceKind::Microphone => {
                if *muted {
                    self.open.remove(&source.seat);
                } else if self.rooms.contains(&source.seat) {
                    self.open.insert(source.seat);
                }
            }
            Command::Show { session, slot, source } => {
                self.shown.insert((*session, *slot), *source);
            }
            Command::Join { session, seat, role, .. } => self.joined.push((*session, *seat, *role)),
            Command::Leave { session } => self.gone(*session),
            _ => {}
        }
        assert!(self.open.len() <= 1, "two open rooms at once");
    }

    fn gone(&mut self, session: SessionId) {
        self.joined.retain(|(id, ..)| *id != session);
        self.shown.retain(|(id, _), _| *id != session);
    }

    fn nth(&self, n: usize) -> Option<(SessionId, SeatId, SessionRole)> {
        self.joined.get(n % self.joined.len().max(1)).copied()
    }
}

fn slots(role: SessionRole) -> Vec<(Slot, String)> {
    let slots = match role {
        SessionRole::Teacher => vec![Slot::StageVideo, Slot::StageAudio, Slot::Thumbnail(0), Slot::Thumbnail(5)],
        SessionRole::Whep => vec![Slot::Video, Slot::Audio],
        SessionRole::Whip { .. } => vec![],
        _ => vec![Slot::TeacherAudio, Slot::StageVideo, Slot::StageAudio],
    };
    slots.into_iter().map(|slot| (slot, format!("{slot:?}"))).collect()
}

fn perform(act: Act, i: usize, lesson: &mut Lesson, media: &mut Media, who: &[Holder], out: &mut Vec<Effect>) {
    let now = Now { ms: i as i64, steady_ms: i as i64 };
    let seat = |lesson: &Lesson, s: usize| lesson.seat_of(who[s]).unwrap();
    match act {
        Act::Call(called) => {
            let called = called.map(|s| seat(lesson, s));
            // The teacher and terminals cannot be called; what is refused changes nothing.
            let _ = lesson.call(called, now, out);
        }
        Act::Join(s) => {
            let page = PageKey { page: Some(i.to_string()), credential: String::new() };
            lesson.join(Seating::Holder(who[s]), page, String::new(), now, out).unwrap();
        }
        Act::Watch => {
            lesson.join(Seating::Whep(View::Stage), PageKey::default(), String::new(), now, out).unwrap();
        }
        Act::Answer(n) => {
            if let Some((session, _, role)) = media.nth(n) {
                lesson.answered(session, "1", &slots(role), out);
                lesson.connected(session, now);
            }
        }
        Act::Leave(n) => {
            if let Some((session, ..)) = media.nth(n) {
                lesson.left(session, LeaveCause::Silent, now);
                media.gone(session);
            }
        }
        Act::Mute(s, muted) => lesson.mute(seat(lesson, s), SourceKind::Microphone, muted, out).unwrap(),
        Act::Hand(s, up) => lesson.hand(seat(lesson, s), up, now, out).unwrap(),
        Act::Layout(chosen) => {
            let chosen = chosen.into_iter().map(|s| seat(lesson, s)).collect();
            lesson.layout(seat(lesson, 0), chosen, out).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn orders_never_open_two_rooms_nor_let_a_room_hear_itself(acts in acts()) {
        let mut out = Vec::new();
        let (mut lesson, seats, who) = lesson(&mut out);
        let rooms: BTreeSet<SeatId> = seats.iter().skip(1).copied().collect();
        let mut media = Media { open: BTreeSet::new(), rooms, shown: BTreeMap::new(), joined: vec![] };
        for (i, act) in acts.into_iter().enumerate() {
            perform(act, i, &mut lesson, &mut media, &who, &mut out);
            out.drain(..).for_each(|effect| media.obey(&effect));
            // Who is heard is who is on stage, unless silenced by hand.
            prop_assert!(media.open.iter().all(|seat| Some(*seat) == lesson.stage));
            for (session, seat, _) in &media.joined {
                for slot in [Slot::StageAudio, Slot::StageVideo, Slot::Audio] {
                    if let Some(Some(source)) = media.shown.get(&(*session, slot)) {
                        prop_assert!(source.seat != *seat, "a room gets itself");
                        prop_assert!(Some(source.seat) == lesson.stage, "an old stage is still shown");
                    }
                }
            }
            let mut seated: Vec<_> = media.joined.iter().map(|(_, seat, _)| seat).collect();
            seated.sort();
            prop_assert!(seated.windows(2).all(|w| w[0] != w[1]), "one session a seat");
        }
    }
}

#[test]
fn presence_counts_only_between_the_bells_and_only_once_for_two_sessions() {
    let mut out = Vec::new();
    let (mut lesson, seats, who) = lesson(&mut out);
    let at = |ms: i64| Now { ms, steady_ms: ms };
    let teacher = |l: &Lesson| l.attendance().iter().find(|(s, _)| *s == seats[0]).map(|(_, p)| p.attendance_ms);
    let mut sit = |lesson: &mut Lesson, seating, ms| {
        let id = lesson.join(seating, PageKey::default(), String::new(), at(ms), &mut out).unwrap();
        lesson.connected(id, at(ms));
        id
    };
    let page = sit(&mut lesson, Seating::Holder(who[0]), 0);
    sit(&mut lesson, Seating::Whip { screen: false }, 10);
    lesson.start(RecordingId::random(), 100, at(100), &mut Vec::new());
    lesson.tick(at(600), &mut Vec::new());
    assert_eq!(teacher(&lesson), Some(500));
    // The recorder box alone still holds the seat.
    lesson.left(page, LeaveCause::PeerClosed, at(700));
    lesson.tick(at(1_000), &mut Vec::new());
    assert_eq!(teacher(&lesson), Some(900));
}
