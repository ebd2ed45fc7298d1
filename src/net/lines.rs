//! Figures of the rooms' lines for the operator's monitoring, counted from what the media plane tells once a second.
//!
//! They count seconds of receivers, not rooms: a label for each room would grow without bound. What a single room's line
//! does stands on the wall, and with the recording.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::mpsc;
use tongke_signaling::command::{Event, LeaveCause, LineFacts};

/// Upper bounds of what a line is believed to take, kbit/s, and of the share lost.
const KBITS: [f64; 8] = [100.0, 200.0, 300.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0];
const LOSS: [f64; 7] = [0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pictures {
    pictures: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Way {
    way: &'static str,
}

/// See the module. Clones count together.
#[derive(Clone, Debug)]
pub struct LineFigures {
    pictures: Family<Pictures, Counter>,
    heard: Counter,
    seen: Counter,
    takes: Histogram,
    loss: Family<Way, Histogram>,
    restarts: Counter,
    silent: Counter,
    thrift: Counter,
}

impl Default for LineFigures {
    fn default() -> Self {
        Self {
            pictures: Family::default(),
            heard: Counter::default(),
            seen: Counter::default(),
            takes: Histogram::new(KBITS),
            loss: Family::new_with_constructor(|| Histogram::new(LOSS)),
            restarts: Counter::default(),
            silent: Counter::default(),
            thrift: Counter::default(),
        }
    }
}

impl LineFigures {
    /// Names them in the registry.
    pub fn register(&self, registry: &mut Registry) {
        let mut add = |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        add("tongke_restarts", "Paths mended by a restart of ICE", &self.restarts);
        add("tongke_silent_sessions", "Sessions that ended because their line had gone silent", &self.silent);
        add("tongke_sound_asked_leaner", "Times a publisher was asked for leaner sound, for a thin line", &self.thrift);
        add("tongke_microphone_seconds", "Seconds in which a session's microphone came, of all sessions", &self.heard);
        add("tongke_camera_seconds", "Seconds in which a session's camera came, of all sessions", &self.seen);
        let help = "Seconds of receivers by their pictures: whole, reduced (less fine, or slides less often), held (one at \
                    least keeps its last frame) for want of a wider line";
        registry.register("tongke_pictures_seconds", help, self.pictures.clone());
        let help = "What the way to a receiver is believed to take, kbit/s, looked at each second";
        registry.register("tongke_line_kilobits", help, self.takes.clone());
        let help = "Share of packets lost in a second, up from a session and down to it";
        registry.register_with_unit("tongke_line_loss", help, Unit::Ratios, self.loss.clone());
    }

    /// Counts what an event tells.
    pub fn note(&self, event: &Event) {
        match event {
            Event::Line { facts, .. } => self.note_line(facts),
            Event::Restarted { .. } => drop(self.restarts.inc()),
            Event::Left { cause: LeaveCause::Silent, .. } => drop(self.silent.inc()),
            Event::SoundRate { max_bps: Some(_), .. } => drop(self.thrift.inc()),
            _ => {}
        }
    }

    fn note_line(&self, facts: &LineFacts) {
        let pictures = match (facts.pictures_held, facts.pictures_reduced) {
            (0, 0) => "whole",
            (0, _) => "reduced",
            _ => "held",
        };
        self.pictures.get_or_create(&Pictures { pictures }).inc();
        if facts.hears_microphone {
            self.heard.inc();
        }
        if facts.sees_camera {
            self.seen.inc();
        }
        if let Some(bits) = facts.estimate_down {
            self.takes.observe(f64::from(bits) / 1_000.0);
        }
        for (way, share) in [("up", facts.loss_up), ("down", facts.loss_down)] {
            self.loss.get_or_create(&Way { way }).observe(f64::from(share));
        }
    }

    /// Passes on the events of workers' turns and counts them, until nobody is left to tell any or to hear them.
    pub async fn pass(self, mut turns: mpsc::Receiver<Vec<Event>>, events: mpsc::Sender<Event>) {
        while let Some(turn) = turns.recv().await {
            for event in turn {
                self.note(&event);
                if events.send(event).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::text::encode;
    use tongke_signaling::command::SessionId;
    use uuid::Uuid;

    #[tokio::test]
    async fn what_turns_tell_is_counted_and_passed_on_in_order_until_the_end() {
        let (figures, left) = (LineFigures::default(), |cause| Event::Left { session: SessionId(Uuid::nil()), cause });
        let ((turn_sender, turns), (event_sender, mut events)) = (mpsc::channel(4), mpsc::channel(1));
        let passing = tokio::spawn(figures.clone().pass(turns, event_sender));
        for turn in [vec![left(LeaveCause::Silent), left(LeaveCause::Asked)], vec![], vec![left(LeaveCause::Silent)]] {
            turn_sender.send(turn).await.expect("it is taken");
        }
        drop(turn_sender);
        for cause in [LeaveCause::Silent, LeaveCause::Asked, LeaveCause::Silent] {
            assert_eq!(events.recv().await, Some(left(cause)));
        }
        assert_eq!(events.recv().await, None);
        passing.await.expect("it ends");
        assert_eq!(figures.silent.get(), 2);
    }

    #[test]
    fn seconds_of_receivers_are_counted_by_what_they_see() {
        let figures = LineFigures::default();
        let session = SessionId(Uuid::nil());
        let line = |facts: LineFacts| figures.note(&Event::Line { session, facts });
        let seen = LineFacts { hears_microphone: true, estimate_down: Some(4_000_000), ..LineFacts::default() };
        line(seen);
        line(seen);
        line(LineFacts { pictures_reduced: 2, estimate_down: Some(250_000), loss_down: 0.03, ..seen });
        line(LineFacts { pictures_held: 1, pictures_reduced: 1, ..LineFacts::default() });
        figures.note(&Event::Left { session, cause: LeaveCause::Silent });
        figures.note(&Event::Left { session, cause: LeaveCause::Asked });
        let mut registry = Registry::default();
        figures.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).expect("writes");
        for line in [
            "tongke_pictures_seconds_total{pictures=\"whole\"} 2",
            "tongke_pictures_seconds_total{pictures=\"reduced\"} 1",
            "tongke_pictures_seconds_total{pictures=\"held\"} 1",
            "tongke_microphone_seconds_total 3",
            "tongke_silent_sessions_total 1",
            "tongke_line_kilobits_bucket{le=\"300.0\"} 1",
            "tongke_line_kilobits_count 3",
            "tongke_line_loss_ratios_bucket{le=\"0.02\",way=\"down\"} 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }
}
