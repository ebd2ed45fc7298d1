//! A place in a JSON document, and the reader that collects faults.

use super::{FAULTS_MAX, Fault, Level};
use jiff::civil::Date;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Texts of a plan are at most this long, in characters.
const TEXT_MAX: usize = 200;

enum Key<'a> {
    Root,
    Name(&'static str),
    Index(&'a Node<'a>, usize),
    Inside(&'a Node<'a>, &'static str),
}

/// A value and where it stands. Parents are borrowed, so a place costs nothing until a fault asks for its pointer.
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    key: Key<'a>,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, key: Key::Root }
    }

    /// Its JSON pointer (RFC 6901). Names are our own, so nothing in them needs an escape.
    pub(super) fn pointer(&self) -> String {
        match &self.key {
            Key::Root => String::new(),
            Key::Name(name) => format!("/{name}"),
            Key::Index(parent, at) => format!("{}/{at}", parent.pointer()),
            Key::Inside(parent, name) => format!("{}/{name}", parent.pointer()),
        }
    }

    fn child(&'a self, name: &'static str) -> Option<Node<'a>> {
        let value = self.value.as_object()?.get(name)?;
        let key = if matches!(self.key, Key::Root) { Key::Name(name) } else { Key::Inside(self, name) };
        Some(Node { value, key })
    }

    fn items(&'a self) -> impl Iterator<Item = Node<'a>> {
        let items = self.value.as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().enumerate().map(|(at, value)| Node { value, key: Key::Index(self, at) })
    }
}

/// Reads values; what does not fit is noted with its place.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) faults: Vec<Fault>,
}

impl Reader {
    fn add(&mut self, pointer: String, level: Level, code: &'static str, message: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault { pointer, level, code, message });
        }
    }

    /// The whole document.
    pub(super) fn whole(&mut self, code: &'static str, message: String) {
        self.add(String::new(), Level::Error, code, message);
    }

    pub(super) fn error(&mut self, node: &Node<'_>, code: &'static str, message: impl Into<String>) {
        self.add(node.pointer(), Level::Error, code, message.into());
    }

    /// A fault at a member, or where it is missing at its place.
    pub(super) fn error_in(&mut self, node: &Node<'_>, name: &str, code: &'static str, message: impl Into<String>) {
        self.add(format!("{}/{name}", node.pointer()), Level::Error, code, message.into());
    }

    pub(super) fn warning_in(&mut self, node: &Node<'_>, name: &str, code: &'static str, message: impl Into<String>) {
        self.add(format!("{}/{name}", node.pointer()), Level::Warning, code, message.into());
    }

    fn wrong(&mut self, node: &Node<'_>, wanted: &str) {
        let found = match node.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.error(node, "wrong_type", format!("wants {wanted}, found {found}"));
    }

    /// An object; other names than the known ones are warnings.
    pub(super) fn object<'a>(&mut self, node: &Node<'a>, known: &[&str]) -> Option<&'a Map<String, Value>> {
        let Value::Object(map) = node.value else {
            self.wrong(node, "an object");
            return None;
        };
        for name in map.keys().filter(|name| !known.contains(&name.as_str()) && !name.starts_with(['$', '_'])) {
            let mut pointer = node.pointer();
            let shown: String = name.chars().take(TEXT_MAX).collect();
            // RFC 6901, section 3.
            let _ = write!(pointer, "/{}", shown.replace('~', "~0").replace('/', "~1"));
            self.add(
                pointer,
                Level::Warning,
                "unknown_name",
                format!("nothing is called {shown:?} here; it is not read"),
            );
        }
        Some(map)
    }

    /// A member that must be there.
    pub(super) fn field<'a>(&mut self, node: &'a Node<'a>, name: &'static str) -> Option<Node<'a>> {
        let child = node.child(name);
        if child.is_none() && node.value.is_object() {
            self.error_in(node, name, "missing", format!("{name} is missing"));
        }
        child
    }

    /// A member that may be missing or null.
    pub(super) fn optional<'a>(&mut self, node: &'a Node<'a>, name: &'static str) -> Option<Node<'a>> {
        node.child(name).filter(|child| !child.value.is_null())
    }

    /// The items of a list; too long a list is a fault and none is read.
    pub(super) fn list<'a>(&mut self, node: &'a Node<'a>, max: usize) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let length = match node.value {
            Value::Array(items) => items.len(),
            _ => {
                self.wrong(node, "a list");
                0
            }
        };
        if length > max {
            self.error(node, "too_many", format!("{length} items; at most {max}"));
        }
        node.items().take(if length > max { 0 } else { length })
    }

    pub(super) fn text<'a>(&mut self, node: &Node<'a>) -> Option<&'a str> {
        let Value::String(text) = node.value else {
            self.wrong(node, "a text");
            return None;
        };
        if text.len() > TEXT_MAX && text.chars().count() > TEXT_MAX {
            self.error(node, "too_long", format!("at most {TEXT_MAX} characters"));
            return None;
        }
        Some(text)
    }

    /// An id: a text that is not empty.
    pub(super) fn id<'a>(&mut self, node: &Node<'a>) -> Option<&'a str> {
        let text = self.text(node)?;
        if text.is_empty() {
            self.error(node, "empty", "an id is not empty");
            return None;
        }
        Some(text)
    }

    pub(super) fn flag(&mut self, node: &Node<'_>) -> Option<bool> {
        let flag = node.value.as_bool();
        if flag.is_none() {
            self.wrong(node, "true or false");
        }
        flag
    }

    pub(super) fn integer(&mut self, node: &Node<'_>, min: i64, max: i64) -> Option<i64> {
        let Some(number) = node.value.as_i64() else {
            self.wrong(node, &format!("a whole number from {min} to {max}"));
            return None;
        };
        if !(min..=max).contains(&number) {
            self.error(node, "out_of_range", format!("{number} is not from {min} to {max}"));
            return None;
        }
        Some(number)
    }

    /// `2026-09-01`, of the years 1970 to 2199: nobody plans others, and clocks know none.
    pub(super) fn date(&mut self, node: &Node<'_>) -> Option<Date> {
        let text = self.text(node)?;
        match parse_date(text) {
            Some(date) => Some(date),
            None => {
                self.error(node, "not_a_date", format!("{text:?} is no date such as 2026-09-01"));
                None
            }
        }
    }

    /// `08:05` or `08:05:30`, in seconds since midnight.
    pub(super) fn time_s(&mut self, node: &Node<'_>) -> Option<i32> {
        let text = self.text(node)?;
        match parse_time_s(text) {
            Some(seconds) => Some(seconds),
            None => {
                self.error(node, "not_a_time", format!("{text:?} is no time such as 08:00"));
                None
            }
        }
    }
}

/// A number of exactly two digits.
fn two_digits(text: &str) -> Option<i32> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Seconds since midnight of `08:05` or `08:05:30`.
pub(super) fn parse_time_s(text: &str) -> Option<i32> {
    let mut parts = text.split(':');
    let hours = two_digits(parts.next()?).filter(|h| *h < 24)?;
    let minutes = two_digits(parts.next()?).filter(|m| *m < 60)?;
    let seconds = parts.next().map_or(Some(0), |s| two_digits(s).filter(|s| *s < 60))?;
    parts.next().is_none().then_some(hours * 3_600 + minutes * 60 + seconds)
}

/// A date as ISO 8601 writes it, with dashes and nothing else.
pub(super) fn parse_date(text: &str) -> Option<Date> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(at, b)| match at {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        });
    let date: Date = shape.then(|| text.parse().ok())??;
    (1970..=2199).contains(&date.year()).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_dates_have_one_spelling() {
        assert_eq!(parse_time_s("08:05"), Some(29_100));
        assert_eq!(parse_time_s("23:59:59"), Some(86_399));
        for bad in ["8:05", "08", "24:00", "08:60", "08:05:60", "08:05:00:00", "+8:05", "08:05 ", "８:05", ""] {
            assert_eq!(parse_time_s(bad), None, "{bad}");
        }
        assert!(parse_date("2028-02-29").is_some());
        for bad in ["2026-02-29", "2026-9-1", "20260901", "2026-09-01T00", "2026-13-01", "1969-12-31", "9999-01-01"] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }
}
