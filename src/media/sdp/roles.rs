//! The fixed order of m-lines of each role: which line is which source or slot.

use tongke_signaling::command::{Refusal, SessionRole, Slot, SourceKind};

use super::offer::{Direction, Line, MediaKind, Offer};

/// What an m-line is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineUse {
    /// The client sends this source.
    Up(SourceKind),
    /// The client receives in this slot.
    Down(Slot),
}

const ROOM_UP: [LineUse; 2] = [LineUse::Up(SourceKind::Microphone), LineUse::Up(SourceKind::Camera)];
const ROOM_DOWN: [LineUse; 6] = [
    LineUse::Down(Slot::TeacherVideo),
    LineUse::Down(Slot::Screen),
    LineUse::Down(Slot::StageVideo),
    LineUse::Down(Slot::TeacherAudio),
    LineUse::Down(Slot::ComputerSound),
    LineUse::Down(Slot::StageAudio),
];
const TEACHER: [LineUse; 14] = [
    LineUse::Up(SourceKind::Microphone),
    LineUse::Up(SourceKind::Camera),
    LineUse::Up(SourceKind::Screen),
    LineUse::Up(SourceKind::ScreenSlow),
    LineUse::Up(SourceKind::ComputerSound),
    LineUse::Down(Slot::StageVideo),
    LineUse::Down(Slot::StageAudio),
    LineUse::Down(Slot::SecondAudio),
    LineUse::Down(Slot::Thumbnail(0)),
    LineUse::Down(Slot::Thumbnail(1)),
    LineUse::Down(Slot::Thumbnail(2)),
    LineUse::Down(Slot::Thumbnail(3)),
    LineUse::Down(Slot::Thumbnail(4)),
    LineUse::Down(Slot::Thumbnail(5)),
];

fn kind_of(line: LineUse) -> MediaKind {
    use SourceKind as S;
    match line {
        LineUse::Up(S::Microphone | S::ComputerSound) => MediaKind::Audio,
        LineUse::Up(S::Camera | S::Screen | S::ScreenSlow) => MediaKind::Video,
        LineUse::Down(
            Slot::TeacherAudio | Slot::ComputerSound | Slot::StageAudio | Slot::SecondAudio | Slot::Audio,
        ) => MediaKind::Audio,
        LineUse::Down(_) => MediaKind::Video,
    }
}

/// Fits an offer to a role: the use of each of its m-lines, or a refusal that names the line.
pub fn fit(offer: &Offer, role: SessionRole) -> Result<Vec<LineUse>, Refusal> {
    let uses: Vec<LineUse> = match role {
        SessionRole::Teacher => TEACHER.to_vec(),
        SessionRole::InteractiveRoom => ROOM_UP.iter().chain(&ROOM_DOWN).copied().collect(),
        SessionRole::TerminalRoom => ROOM_DOWN.to_vec(),
        SessionRole::Whip { screen } => either_order(offer, |kind| match (kind, screen) {
            (MediaKind::Audio, false) => LineUse::Up(SourceKind::Microphone),
            (MediaKind::Audio, true) => LineUse::Up(SourceKind::ComputerSound),
            (MediaKind::Video, false) => LineUse::Up(SourceKind::Camera),
            (MediaKind::Video, true) => LineUse::Up(SourceKind::Screen),
        })?,
        SessionRole::Whep => either_order(offer, |kind| match kind {
            MediaKind::Audio => LineUse::Down(Slot::Audio),
            MediaKind::Video => LineUse::Down(Slot::Video),
        })?,
    };
    if uses.len() != offer.lines.len() {
        let why = format!("{} m-lines expected, {} offered", uses.len(), offer.lines.len());
        return Err(Refusal::Unfit { line: None, why });
    }
    for (index, (line, wanted)) in offer.lines.iter().zip(&uses).enumerate() {
        check(index, line, *wanted)?;
    }
    Ok(uses)
}

fn check(index: usize, line: &Line, wanted: LineUse) -> Result<(), Refusal> {
    let unfit = |why: String| Err(Refusal::Unfit { line: Some(index), why });
    if line.kind != kind_of(wanted) {
        return unfit(format!("{:?} expected for {wanted:?}", kind_of(wanted)));
    }
    let fits = match wanted {
        LineUse::Up(_) => matches!(line.direction, Direction::Send | Direction::Both),
        LineUse::Down(_) => matches!(line.direction, Direction::Receive | Direction::Both),
    };
    if !fits {
        return unfit(format!("direction does not fit {wanted:?}"));
    }
    if line.kind == MediaKind::Audio && line.codecs.is_empty() {
        return unfit("no Opus at 48 kHz".to_owned());
    }
    Ok(())
}

/// One audio and one video line at most, in either order.
fn either_order(offer: &Offer, as_use: impl Fn(MediaKind) -> LineUse) -> Result<Vec<LineUse>, Refusal> {
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let mut same = offer.lines.iter().enumerate().filter(|(_, l)| l.kind == kind).skip(1);
        if let Some((index, _)) = same.next() {
            return Err(Refusal::Unfit { line: Some(index), why: "a second line of its kind".to_owned() });
        }
    }
    Ok(offer.lines.iter().map(|l| as_use(l.kind)).collect())
}
