//! Rooms, classes and teachers: ids, and of which school they are.

use super::limit;
use super::node::{Node, Reader};
use crate::calendar::model::{Ids, Plan, SchoolNo};

/// Of which school rooms and classes are, by their numbers.
pub(super) struct Places {
    pub(super) rooms: Vec<Option<SchoolNo>>,
    pub(super) classes: Vec<Option<SchoolNo>>,
}

pub(super) fn places(r: &mut Reader, root: &Node<'_>, plan: &mut Plan) -> Places {
    let known = &["id", "school", "name", "kind", "class"];
    let Plan { rooms, classes, people, school_ids, .. } = plan;
    let rooms = list(r, root, ("rooms", known, limit::ROOMS), rooms, school_ids);
    let known = &["id", "school", "name", "grade"];
    let classes = list(r, root, ("classes", known, limit::CLASSES), classes, school_ids);
    let known = &["id", "school", "name", "subject"];
    list(r, root, ("teachers", known, limit::TEACHERS), people, school_ids);
    Places { rooms, classes }
}

fn list<N: Copy + From<usize>>(
    r: &mut Reader,
    root: &Node<'_>,
    (name, known, max): (&'static str, &[&str], usize),
    ids: &mut Ids<N>,
    school_ids: &Ids<SchoolNo>,
) -> Vec<Option<SchoolNo>> {
    let mut schools = Vec::new();
    let Some(list) = r.optional(root, name) else { return schools };
    for node in r.list(&list, max) {
        if r.object(&node, known).is_none() {
            continue;
        }
        let id = r.field(&node, "id").and_then(|n| r.id(&n));
        let school = r.optional(&node, "school").and_then(|n| {
            let school = school_ids.number(r.id(&n)?);
            if school.is_none() {
                r.error(&n, "unknown_id", "no such school");
            }
            school
        });
        match id {
            Some(id) if ids.add(id).is_none() => r.error_in(&node, "id", "used_twice", "another one has this id"),
            Some(_) => schools.push(school),
            None => {}
        }
    }
    schools
}
