//! A media plane that answers at once and remembers what it was told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tongke_signaling::command::{
    Command, Event, LeaveCause, Refusal, SessionId, SessionRole, Slot, Source, SourceKind,
};

pub struct Plane {
    told: Mutex<Vec<Command>>,
    changed: Notify,
    pub events: mpsc::Sender<Event>,
    /// Teachers' microphones send nothing.
    pub voiceless: AtomicBool,
}

fn slots(role: SessionRole) -> Vec<(Slot, String)> {
    let lines: Vec<Slot> = match role {
        SessionRole::Teacher => [Slot::StageVideo, Slot::StageAudio, Slot::SecondAudio]
            .into_iter()
            .chain((0..6).map(Slot::Thumbnail))
            .collect(),
        SessionRole::InteractiveRoom | SessionRole::TerminalRoom => vec![
            Slot::TeacherVideo,
            Slot::Screen,
            Slot::StageVideo,
            Slot::TeacherAudio,
            Slot::ComputerSound,
            Slot::StageAudio,
        ],
        SessionRole::Whip { .. } => vec![],
        SessionRole::Whep => vec![Slot::Video, Slot::Audio],
    };
    lines.into_iter().enumerate().map(|(i, slot)| (slot, i.to_string())).collect()
}

impl Plane {
    pub fn start() -> (Arc<Self>, mpsc::Sender<Command>, mpsc::Receiver<Event>) {
        let (commands, mut orders) = mpsc::channel::<Command>(64);
        let (events, facts) = mpsc::channel(64);
        let plane = Arc::new(Self {
            told: Mutex::default(),
            changed: Notify::new(),
            events,
            voiceless: AtomicBool::new(false),
        });
        let own = Arc::downgrade(&plane);
        tokio::spawn(async move {
            while let Some(command) = orders.recv().await {
                let Some(plane) = own.upgrade() else { return };
                plane.told.lock().unwrap().push(command.clone());
                plane.obey(command).await;
                plane.changed.notify_waiters();
            }
        });
        (plane, commands, facts)
    }

    async fn obey(&self, command: Command) {
        match command {
            Command::Join { session, offer, role, lesson, seat, line: _, decode: _, remembered_bps: _ } => {
                match offer.as_str() {
                    "v=0 malformed" => self.refuse(session, Refusal::Malformed("no".into())).await,
                    "v=0 unfit" => self.refuse(session, Refusal::Unfit { line: Some(3), why: "no".into() }).await,
                    "v=0 full" => self.refuse(session, Refusal::Full).await,
                    "v=0 silence" => {}
                    _ => {
                        let answer = Event::Answered {
                            session,
                            answer: "v=0 answer".into(),
                            etag: "\"1\"".into(),
                            video: true,
                            slots: slots(role),
                        };
                        self.tell(answer).await;
                        self.tell(Event::Connected { session }).await;
                        if role == SessionRole::Teacher && !self.voiceless.load(Ordering::Relaxed) {
                            let source = Source { seat, kind: SourceKind::Microphone };
                            self.tell(Event::SourceLive { lesson, source, live: true }).await;
                        }
                    }
                }
            }
            Command::Restart { session, fragment } => {
                // A fragment ends with the number of its generation.
                let etag = format!("\"{}\"", fragment.rsplit(':').next().unwrap_or_default());
                self.tell(Event::Restarted { session, fragment: "a=ice".into(), etag }).await;
            }
            Command::Show { session, slot: slot @ Slot::TeacherAudio, source }
                if source.is_some() && !self.voiceless.load(Ordering::Relaxed) =>
            {
                self.tell(Event::SlotState { session, slot, source, live: true }).await;
            }
            Command::Leave { session } => self.tell(Event::Left { session, cause: LeaveCause::Asked }).await,
            _ => {}
        }
    }

    async fn refuse(&self, session: SessionId, refusal: Refusal) {
        self.tell(Event::Refused { session, refusal }).await;
    }

    pub async fn tell(&self, event: Event) {
        self.events.send(event).await.unwrap();
    }

    /// Waits until all events told so far were taken.
    pub async fn read(&self) {
        while self.events.capacity() < self.events.max_capacity() {
            tokio::task::yield_now().await;
        }
    }

    pub fn told(&self) -> Vec<Command> {
        self.told.lock().unwrap().clone()
    }

    pub fn forget(&self) {
        self.told.lock().unwrap().clear();
    }

    /// Waits until the commands told so far satisfy `f`.
    pub async fn until<T>(&self, what: &str, f: impl Fn(&[Command]) -> Option<T>) -> T {
        let found = tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                let changed = self.changed.notified();
                if let Some(found) = f(&self.told()) {
                    return found;
                }
                changed.await;
            }
        });
        found.await.unwrap_or_else(|_| panic!("never happened: {what}; told {:#?}", self.told()))
    }
}
