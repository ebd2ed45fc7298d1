//! Rows that name things become things with ids, or faults.

use super::rows::{room_kind, rural, school_kind, weekday, weeks};
use super::{FAULTS_MAX, Table, fault};
use crate::model::{ClassId, EntryId, NeedId, PairingId, PersonId, RoomId, RoomKind, SchoolId, SchoolKind, SupplyId};
use crate::schema::ImportFault;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What a pairing is known by: subject, grade, teacher, master room, rural rooms.
pub(crate) type PairingKey = (String, String, PersonId, RoomId, BTreeSet<RoomId>);
/// What an entry is known by: pairing, weekday, period, weeks.
pub(crate) type EntryKey = (PairingId, i64, i64, String);

/// What is there, by names.
#[derive(Default)]
pub(crate) struct Directory {
    pub(crate) schools: HashMap<String, SchoolId>,
    pub(crate) rooms: HashMap<(SchoolId, String), (RoomId, RoomKind)>,
    /// By login name.
    pub(crate) people: HashMap<String, PersonId>,
    pub(crate) classes: HashMap<(SchoolId, String), ClassId>,
    pub(crate) pairings: HashMap<PairingKey, PairingId>,
    pub(crate) entries: HashSet<EntryKey>,
    /// The schools to which something may be added; `None` is all, and new ones too.
    pub(crate) own: Option<HashSet<SchoolId>>,
}

impl Directory {
    fn owns(&self, school: SchoolId) -> bool {
        self.own.as_ref().is_none_or(|own| own.contains(&school))
    }
}

/// A pairing to be written.
pub(crate) struct NewPairingRow {
    pub(crate) id: PairingId,
    pub(crate) subject: String,
    pub(crate) grade: String,
    pub(crate) teacher: PersonId,
    pub(crate) master: (SchoolId, RoomId, Option<ClassId>),
    pub(crate) rural: Vec<(SchoolId, RoomId, Option<ClassId>)>,
}

/// An entry to be written.
pub(crate) struct NewEntryRow {
    pub(crate) id: EntryId,
    pub(crate) pairing: PairingId,
    pub(crate) weekday: i64,
    pub(crate) period: i64,
    pub(crate) weeks: Value,
    /// Its row in the timetable sheet.
    pub(crate) row: usize,
}

/// Everything a file adds.
#[derive(Default)]
pub(crate) struct Import {
    pub(crate) schools: Vec<(SchoolId, String, SchoolKind, Option<String>)>,
    pub(crate) rooms: Vec<(RoomId, SchoolId, String, RoomKind, Option<String>)>,
    pub(crate) people: Vec<(PersonId, SchoolId, String, String)>,
    pub(crate) classes: Vec<(ClassId, SchoolId, String, String)>,
    pub(crate) pairings: Vec<NewPairingRow>,
    pub(crate) entries: Vec<NewEntryRow>,
    /// A need and the supply that meets it, with the pairing both become.
    pub(crate) met: Option<(NeedId, SupplyId, PairingId)>,
    /// Rows that are there already.
    pub(crate) known: usize,
    pub(crate) faults: Vec<ImportFault>,
}

impl Import {
    pub(crate) fn add(&mut self, fault: ImportFault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

/// Compares tables with what is there; the directory learns what is new, so sheets may name each other's rows.
pub(crate) fn resolve(mut tables: Vec<Table>, directory: &mut Directory) -> Import {
    let mut import = Import::default();
    tables.sort_by_key(|table| table.sheet);
    for table in tables {
        for (row, cells) in table.rows.into_iter().enumerate() {
            if cells.iter().all(String::is_empty) {
                continue;
            }
            let cell = |column: usize| cells.get(column).map(String::as_str).unwrap_or_default();
            let at = Cell { sheet: table.sheet, row };
            match table.sheet {
                0 => school(&mut import, directory, at, [cell(0), cell(1), cell(2)]),
                1 => room(&mut import, directory, at, [cell(0), cell(1), cell(2), cell(3)]),
                2 => teacher(&mut import, directory, at, [cell(0), cell(1), cell(2)]),
                3 => class(&mut import, directory, at, [cell(0), cell(1), cell(2)]),
                _ => entry(&mut import, directory, at, &cell),
            }
        }
    }
    import
}

#[derive(Clone, Copy)]
struct Cell {
    sheet: usize,
    row: usize,
}

impl Cell {
    /// A name that fits into a line: told at its column if not.
    fn name(self, import: &mut Import, column: usize, text: &str) -> bool {
        let fits = !text.is_empty() && text.chars().count() <= 100 && !text.chars().any(char::is_control);
        if !fits {
            let code = if text.is_empty() { "missing" } else { "not_a_name" };
            import.add(fault(self.sheet, self.row, column, code, "1 to 100 characters on one line"));
        }
        fits
    }

    fn found<T>(self, import: &mut Import, column: usize, found: Option<T>, what: &str) -> Option<T> {
        if found.is_none() {
            import.add(fault(self.sheet, self.row, column, "unknown", format!("no such {what}")));
        }
        found
    }

    /// What is new is added by those who have the school.
    fn owned(self, import: &mut Import, column: usize, owned: bool) -> bool {
        if !owned {
            let why = "only the region's administrator may add this, or the school's own";
            import.add(fault(self.sheet, self.row, column, "not_yours", why));
        }
        owned
    }

    fn word<T>(self, import: &mut Import, column: usize, found: Option<T>, wanted: &str) -> Option<T> {
        if found.is_none() {
            import.add(fault(self.sheet, self.row, column, "not_a_word", format!("wants {wanted}")));
        }
        found
    }
}

fn school(import: &mut Import, directory: &mut Directory, at: Cell, [name, kind, group]: [&str; 3]) {
    let named = at.name(import, 0, name);
    let kind = at.word(import, 1, school_kind(kind), "urban, village or teaching_point");
    if directory.schools.contains_key(name) {
        import.known += 1;
    } else if let (true, Some(kind)) = (named, kind) {
        if !at.owned(import, 0, directory.own.is_none()) {
            return;
        }
        let id = SchoolId::random();
        directory.schools.insert(name.to_owned(), id);
        import.schools.push((id, name.to_owned(), kind, Some(group.to_owned()).filter(|g| !g.is_empty())));
    }
}

fn room(import: &mut Import, directory: &mut Directory, at: Cell, [school, name, kind, class]: [&str; 4]) {
    let school = at.found(import, 0, directory.schools.get(school).copied(), "school");
    let named = at.name(import, 1, name);
    let kind = at.word(import, 2, room_kind(kind), "master, interactive or terminal");
    let (Some(school), Some(kind), true) = (school, kind, named) else { return };
    if directory.rooms.contains_key(&(school, name.to_owned())) {
        import.known += 1;
        return;
    }
    if !at.owned(import, 0, directory.owns(school)) {
        return;
    }
    let id = RoomId::random();
    directory.rooms.insert((school, name.to_owned()), (id, kind));
    let class = Some(class.to_owned()).filter(|c| !c.is_empty());
    import.rooms.push((id, school, name.to_owned(), kind, class));
}

fn teacher(import: &mut Import, directory: &mut Directory, at: Cell, [school, name, user]: [&str; 3]) {
    let school = at.found(import, 0, directory.schools.get(school).copied(), "school");
    let named = at.name(import, 1, name) & at.name(import, 2, user);
    let (Some(school), true) = (school, named) else { return };
    if directory.people.contains_key(user) {
        import.known += 1;
        return;
    }
    if !at.owned(import, 0, directory.owns(school)) {
        return;
    }
    let id = PersonId::random();
    directory.people.insert(user.to_owned(), id);
    import.people.push((id, school, name.to_owned(), user.to_owned()));
}

fn class(import: &mut Import, directory: &mut Directory, at: Cell, [school, name, grade]: [&str; 3]) {
    let school = at.found(import, 0, directory.schools.get(school).copied(), "school");
    let named = at.name(import, 1, name) & at.name(import, 2, grade);
    let (Some(school), true) = (school, named) else { return };
    if directory.classes.contains_key(&(school, name.to_owned())) {
        import.known += 1;
        return;
    }
    if !at.owned(import, 0, directory.owns(school)) {
        return;
    }
    let id = ClassId::random();
    directory.classes.insert((school, name.to_owned()), id);
    import.classes.push((id, school, name.to_owned(), grade.to_owned()));
}

/// One side: its school, room and class, if all three are there.
type Side = (SchoolId, RoomId, Option<ClassId>);

fn side(
    import: &mut Import,
    directory: &Directory,
    at: Cell,
    columns: [usize; 3],
    [school, room, class]: [&str; 3],
    is_master: bool,
) -> Option<Side> {
    let school = at.found(import, columns[0], directory.schools.get(school).copied(), &format!("school: {school}"))?;
    let there = directory.rooms.get(&(school, room.to_owned()));
    let fitting = there.filter(|(_, kind)| (*kind == RoomKind::Master) == is_master);
    let wanted = if is_master { "master room" } else { "interactive or terminal room" };
    let (room, _) = at.found(import, columns[1], fitting.copied(), &format!("{wanted}: {room}"))?;
    let class = match class {
        "" => None,
        class => {
            let known = directory.classes.get(&(school, class.to_owned())).copied();
            Some(at.found(import, columns[2], known, &format!("class: {class}"))?)
        }
    };
    Some((school, room, class))
}

fn entry<'a>(import: &mut Import, directory: &mut Directory, at: Cell, cell: &dyn Fn(usize) -> &'a str) {
    let named = at.name(import, 0, cell(0)) & at.name(import, 1, cell(1));
    let teacher = at.found(import, 2, directory.people.get(cell(2)).copied(), "teacher");
    let master = side(import, directory, at, [3, 4, 5], [cell(3), cell(4), cell(5)], true);
    let sides = at.word(import, 6, rural(cell(6)), "school/room/class; school/room/class");
    let mut rural_sides = Vec::new();
    let mut whole = sides.is_some();
    for (school, room, class) in sides.iter().flatten() {
        match side(import, directory, at, [6, 6, 6], [school, room, class], false) {
            Some(side) => rural_sides.push(side),
            None => whole = false,
        }
    }
    if whole && !(1..=12).contains(&rural_sides.len()) {
        import.add(fault(at.sheet, at.row, 6, "missing", "1 to 12 rural rooms"));
        whole = false;
    }
    let weekday = at.word(import, 7, weekday(cell(7)), "a weekday from 1 to 7");
    let period = at.word(import, 8, cell(8).parse().ok().filter(|p| (0..=99).contains(p)), "a period from 0 to 99");
    let weeks = at.word(import, 9, weeks(cell(9)), "all, odd, even or weeks such as 1-8,10");
    let (Some(teacher), Some(master), Some(weekday), Some(period), Some(weeks)) =
        (teacher, master, weekday, period, weeks)
    else {
        return;
    };
    if !named || !whole {
        return;
    }
    let rooms: BTreeSet<RoomId> = rural_sides.iter().map(|(_, room, _)| *room).collect();
    let key = (cell(0).to_owned(), cell(1).to_owned(), teacher, master.1, rooms);
    let found = directory.pairings.get(&key).copied();
    if found.is_some_and(|id| directory.entries.contains(&(id, weekday, period, weeks.to_string()))) {
        import.known += 1;
        return;
    }
    // A lesson is its master's; a new pairing is made by those who have all its sides.
    let all_owned = rural_sides.iter().all(|(school, ..)| directory.owns(*school));
    if !at.owned(import, 3, directory.owns(master.0)) || !at.owned(import, 6, found.is_some() || all_owned) {
        return;
    }
    let pairing = found.unwrap_or_else(|| {
        let id = PairingId::random();
        directory.pairings.insert(key, id);
        let (subject, grade) = (cell(0).to_owned(), cell(1).to_owned());
        import.pairings.push(NewPairingRow { id, subject, grade, teacher, master, rural: rural_sides });
        id
    });
    directory.entries.insert((pairing, weekday, period, weeks.to_string()));
    import.entries.push(NewEntryRow { id: EntryId::random(), pairing, weekday, period, weeks, row: at.row });
}
