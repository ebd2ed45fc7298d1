//! How cells are written and read: words of kinds, lists of rural rooms, weeks.

use crate::model::{RoomKind, SchoolKind};
use serde_json::{Value, json};

/// The words of a school's kind, as exported and as people write it.
pub(crate) fn school_kind(text: &str) -> Option<SchoolKind> {
    match text {
        "urban" | "城区" => Some(SchoolKind::Urban),
        "village" | "村小" => Some(SchoolKind::Village),
        "teaching_point" | "教学点" => Some(SchoolKind::TeachingPoint),
        _ => None,
    }
}

/// The words of a room's kind.
pub(crate) fn room_kind(text: &str) -> Option<RoomKind> {
    match text {
        "master" | "主讲" => Some(RoomKind::Master),
        "interactive" | "互动" => Some(RoomKind::Interactive),
        "terminal" | "终端" => Some(RoomKind::Terminal),
        _ => None,
    }
}

/// A weekday: 1 to 7, or 一 to 日 with or without 周 or 星期 before it.
pub(crate) fn weekday(text: &str) -> Option<i64> {
    let text = text.trim_start_matches("星期").trim_start_matches('周');
    let words = ["一", "二", "三", "四", "五", "六", "日"];
    let word = words.iter().position(|w| *w == text || (*w == "日" && text == "天")).map(|at| at as i64 + 1);
    word.or_else(|| text.parse().ok()).filter(|day| (1..=7).contains(day))
}

/// Weeks: `all`, `odd`, `even`, or numbers and spans such as `1-8,10`; 单 and 双 as well. Nothing is `all`.
pub(crate) fn weeks(text: &str) -> Option<Value> {
    match text {
        "" | "all" | "全" | "每周" => return Some(json!("all")),
        "odd" | "单" | "单周" => return Some(json!("odd")),
        "even" | "双" | "双周" => return Some(json!("even")),
        _ => {}
    }
    let mut weeks: Vec<u8> = Vec::new();
    for part in text.split([',', '，', '、']) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u8, u8) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if first < 1 || last > crate::calendar::model::WEEK_MAX || last < first {
            return None;
        }
        weeks.extend(first..=last);
    }
    weeks.sort_unstable();
    weeks.dedup();
    Some(json!(weeks))
}

/// Weeks as [`weeks`] reads them.
pub(crate) fn weeks_text(weeks: &Value) -> String {
    match weeks {
        Value::String(word) => word.clone(),
        Value::Array(all) => all.iter().map(Value::to_string).collect::<Vec<_>>().join(","),
        _ => String::new(),
    }
}

/// Splits at separators that no backslash stands before; the parts keep their backslashes.
fn split(text: &str, separators: &[char]) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if separators.contains(&c) && !escaped {
            parts.push(String::new());
            continue;
        }
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    parts
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.trim().chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if ['\\', '/', ';', '；'].contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Rural rooms: `school/room/class` or `school/room`, with `;` between; a backslash takes a separator literally.
pub(crate) fn rural(text: &str) -> Option<Vec<(String, String, String)>> {
    let mut found = Vec::new();
    for side in split(text, &[';', '；']).iter().filter(|s| !s.trim().is_empty()) {
        let parts: Vec<String> = split(side, &['/']).iter().map(|part| unescaped(part)).collect();
        match parts.as_slice() {
            [school, room] => found.push((school.clone(), room.clone(), String::new())),
            [school, room, class] => found.push((school.clone(), room.clone(), class.clone())),
            _ => return None,
        }
    }
    Some(found)
}

/// Rural rooms as [`rural`] reads them.
pub(crate) fn rural_text(sides: &[(String, String, String)]) -> String {
    let side = |(school, room, class): &(String, String, String)| {
        let mut text = format!("{}/{}", escaped(school), escaped(room));
        if !class.is_empty() {
            text = format!("{text}/{}", escaped(class));
        }
        text
    };
    sides.iter().map(side).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn weeks_and_weekdays_are_read_as_people_write_them() {
        assert_eq!(weeks("1-3,5"), Some(json!([1, 2, 3, 5])));
        assert_eq!(weeks("单周"), Some(json!("odd")));
        for bad in ["0", "61", "3-1", "a", "1,,2"] {
            assert_eq!(weeks(bad), None, "{bad}");
        }
        assert_eq!(["1", "周三", "星期日", "天"].map(weekday), [Some(1), Some(3), Some(7), Some(7)]);
        assert_eq!(["0", "8", "Mon", ""].map(weekday), [None; 4]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(sides in proptest::collection::vec(("[a/;；\\\\东]{1,5}", "[a/;；\\\\西]{0,4}b", "[a/;\\\\]{0,3}"), 0..4)) {
            prop_assert_eq!(rural(&rural_text(&sides)), Some(sides));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = (rural(&text), weeks(&text), weekday(&text));
        }
    }
}
