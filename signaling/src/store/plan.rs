//! A term's calendar as a plan document: all of it, or the part that the lessons of some schools follow from and can
//! clash with.

use super::Store;
use super::calendar::{date, json};
use crate::error::Result;
use crate::model::{ChangeId, SchoolId, TermId};
use serde_json::{Value, json as value};
use sqlx::{FromRow, QueryBuilder, Sqlite};
use std::collections::{BTreeSet, HashMap, HashSet};

/// A term's calendar as a plan file has it, with what the plan does not keep.
pub(crate) struct PlanRows {
    /// The plan document.
    pub(crate) plan: Value,
    /// Ids of the changes, in the order of the document.
    pub(crate) changes: Vec<ChangeId>,
    /// Names of schools, rooms, classes and people by id.
    pub(crate) names: HashMap<String, String>,
}

/// A change that is made: its id, its document, the entries it touches and who teaches instead.
struct Made {
    id: ChangeId,
    act: Value,
    entries: Vec<String>,
    substitute: Option<String>,
}

impl Made {
    fn of(id: ChangeId, act: Value) -> Self {
        let touched = ["lesson", "a", "b"].iter().filter_map(|key| act.get(key)?.get("entry")?.as_str());
        let entries = touched.map(str::to_owned).collect();
        let substitute = act.get("teacher").and_then(Value::as_str).map(str::to_owned);
        Self { id, act, entries, substitute }
    }
}

/// Ids a part is limited to; `None` is no limit.
type Among<'a> = Option<&'a BTreeSet<String>>;

/// The rows of a part, or of everything.
#[derive(Default)]
struct Part {
    pairings: Option<BTreeSet<String>>,
    schools: Option<BTreeSet<String>>,
    rooms: Option<BTreeSet<String>>,
    classes: Option<BTreeSet<String>>,
    people: Option<BTreeSet<String>>,
}

/// A query that ends with `AND column IN (…)`, where there is a limit.
fn query(sql: &str, column: &str, among: Among<'_>, order: &str) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(sql);
    match among {
        None => {}
        Some(ids) if ids.is_empty() => {
            query.push(" AND 1 = 0");
        }
        Some(ids) => {
            query.push(format_args!(" AND {column} IN ("));
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(id.clone());
            }
            query.push(")");
        }
    }
    query.push(order);
    query
}

impl Store {
    /// Everything a term's lessons follow from.
    pub(crate) async fn plan_rows(&self, term: TermId) -> Result<PlanRows> {
        let made = self.made(term).await?;
        self.rows_of(term, made, &Part::default()).await
    }

    /// What the lessons of these schools follow from, and all lessons that want the same people, rooms or classes: for
    /// these schools it gives the same lessons and clashes as the whole, in a fraction of the time.
    pub(crate) async fn plan_rows_of(&self, term: TermId, schools: &[SchoolId]) -> Result<PlanRows> {
        let made = self.made(term).await?;
        let schools: BTreeSet<String> = schools.iter().map(ToString::to_string).collect();
        let own = self.pairings_of_schools(&schools, &made).await?;
        let pairings = self.pairings_near(own, &made).await?;
        let part = self.part(pairings, schools, &made).await?;
        self.rows_of(term, made, &part).await
    }

    async fn made(&self, term: TermId) -> Result<Vec<Made>> {
        let sql = "SELECT id, act FROM calendar_change WHERE term = $1 AND state = 'made' ORDER BY number";
        let rows: Vec<(ChangeId, String)> = sqlx::query_as(sql).bind(term).fetch_all(&self.pool).await?;
        rows.into_iter().map(|(id, act)| Ok(Made::of(id, json(&act)?))).collect()
    }

    async fn ids(&self, sql: &str, column: &str, among: &BTreeSet<String>) -> Result<Vec<String>> {
        Ok(query(sql, column, Some(among), "").build_query_scalar().fetch_all(&self.pool).await?)
    }

    /// Pairings that have a side in one of these schools, or somebody of them who teaches, assists or stands in.
    async fn pairings_of_schools(&self, schools: &BTreeSet<String>, made: &[Made]) -> Result<BTreeSet<String>> {
        const BY_SCHOOL: [(&str, &str); 4] = [
            ("SELECT g.id FROM pairing g JOIN room r ON r.id = g.master_room WHERE 1 = 1", "r.school"),
            ("SELECT x.pairing FROM pairing_room x JOIN room r ON r.id = x.room WHERE 1 = 1", "r.school"),
            ("SELECT g.id FROM pairing g JOIN person p ON p.id = g.teacher WHERE 1 = 1", "p.school"),
            ("SELECT c.pairing FROM pairing_co_teacher c JOIN person p ON p.id = c.person WHERE 1 = 1", "p.school"),
        ];
        let mut found = BTreeSet::new();
        for (sql, column) in BY_SCHOOL {
            found.extend(self.ids(sql, column, schools).await?);
        }
        if made.iter().any(|m| m.substitute.is_some()) {
            let people = self.ids("SELECT id FROM person WHERE 1 = 1", "school", schools).await?;
            found.extend(self.stood_in_by(&people.into_iter().collect(), made).await?);
        }
        Ok(found)
    }

    /// Pairings of lessons that one of these people takes over.
    async fn stood_in_by(&self, people: &BTreeSet<String>, made: &[Made]) -> Result<Vec<String>> {
        let taken = made.iter().filter(|m| m.substitute.as_ref().is_some_and(|p| people.contains(p)));
        let entries: BTreeSet<String> = taken.flat_map(|m| m.entries.iter().cloned()).collect();
        self.pairings_of_entries(&entries).await
    }

    async fn pairings_of_entries(&self, entries: &BTreeSet<String>) -> Result<Vec<String>> {
        self.ids("SELECT pairing FROM entry WHERE 1 = 1", "id", entries).await
    }

    /// These pairings and all that want one of their people, rooms or classes, closed over swaps: a swapped lesson lies
    /// where the other was.
    async fn pairings_near(&self, own: BTreeSet<String>, made: &[Made]) -> Result<BTreeSet<String>> {
        let mut people: BTreeSet<String> = BTreeSet::new();
        people.extend(self.ids("SELECT teacher FROM pairing WHERE 1 = 1", "id", &own).await?);
        people.extend(self.ids("SELECT person FROM pairing_co_teacher WHERE 1 = 1", "pairing", &own).await?);
        if made.iter().any(|m| m.substitute.is_some()) {
            let entries: HashSet<String> =
                self.ids("SELECT id FROM entry WHERE 1 = 1", "pairing", &own).await?.into_iter().collect();
            let ours = made.iter().filter(|m| m.entries.iter().any(|e| entries.contains(e)));
            people.extend(ours.filter_map(|m| m.substitute.clone()));
        }
        let (mut rooms, mut classes) = (BTreeSet::new(), BTreeSet::new());
        rooms.extend(self.ids("SELECT master_room FROM pairing WHERE 1 = 1", "id", &own).await?);
        rooms.extend(self.ids("SELECT room FROM pairing_room WHERE 1 = 1", "pairing", &own).await?);
        classes.extend(self.ids("SELECT master_class FROM pairing WHERE master_class IS NOT NULL", "id", &own).await?);
        classes.extend(self.ids("SELECT class FROM pairing_room WHERE class IS NOT NULL", "pairing", &own).await?);
        let wanting: [(&str, &str, &BTreeSet<String>); 6] = [
            ("SELECT id FROM pairing WHERE 1 = 1", "teacher", &people),
            ("SELECT pairing FROM pairing_co_teacher WHERE 1 = 1", "person", &people),
            ("SELECT id FROM pairing WHERE 1 = 1", "master_room", &rooms),
            ("SELECT pairing FROM pairing_room WHERE 1 = 1", "room", &rooms),
            ("SELECT id FROM pairing WHERE 1 = 1", "master_class", &classes),
            ("SELECT pairing FROM pairing_room WHERE 1 = 1", "class", &classes),
        ];
        let mut near = own;
        for (sql, column, among) in wanting {
            near.extend(self.ids(sql, column, among).await?);
        }
        near.extend(self.stood_in_by(&people, made).await?);
        self.close_over_swaps(&mut near, made).await?;
        Ok(near)
    }

    async fn close_over_swaps(&self, near: &mut BTreeSet<String>, made: &[Made]) -> Result<()> {
        let swaps: Vec<&Made> = made.iter().filter(|m| m.entries.len() > 1).collect();
        let swapped: BTreeSet<String> = swaps.iter().flat_map(|m| m.entries.iter().cloned()).collect();
        if swapped.is_empty() {
            return Ok(());
        }
        let sql = "SELECT id, pairing FROM entry WHERE 1 = 1";
        let rows: Vec<(String, String)> =
            query(sql, "id", Some(&swapped), "").build_query_as().fetch_all(&self.pool).await?;
        let pairing: HashMap<String, String> = rows.into_iter().collect();
        loop {
            let before = near.len();
            for swap in &swaps {
                let both: Vec<&String> = swap.entries.iter().filter_map(|entry| pairing.get(entry)).collect();
                if both.iter().any(|p| near.contains(*p)) {
                    near.extend(both.into_iter().cloned());
                }
            }
            if near.len() == before {
                return Ok(());
            }
        }
    }

    /// Everything these pairings name.
    async fn part(&self, pairings: BTreeSet<String>, mut schools: BTreeSet<String>, made: &[Made]) -> Result<Part> {
        let p = &pairings;
        let (mut rooms, mut classes, mut people) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        rooms.extend(self.ids("SELECT id FROM room WHERE 1 = 1", "school", &schools).await?);
        rooms.extend(self.ids("SELECT master_room FROM pairing WHERE 1 = 1", "id", p).await?);
        rooms.extend(self.ids("SELECT room FROM pairing_room WHERE 1 = 1", "pairing", p).await?);
        classes.extend(self.ids("SELECT id FROM class WHERE 1 = 1", "school", &schools).await?);
        classes.extend(self.ids("SELECT master_class FROM pairing WHERE master_class IS NOT NULL", "id", p).await?);
        classes.extend(self.ids("SELECT class FROM pairing_room WHERE class IS NOT NULL", "pairing", p).await?);
        people.extend(self.ids("SELECT id FROM person WHERE 1 = 1", "school", &schools).await?);
        people.extend(self.ids("SELECT teacher FROM pairing WHERE 1 = 1", "id", p).await?);
        people.extend(self.ids("SELECT person FROM pairing_co_teacher WHERE 1 = 1", "pairing", p).await?);
        people.extend(made.iter().filter_map(|m| m.substitute.clone()));
        schools.extend(self.ids("SELECT school FROM room WHERE 1 = 1", "id", &rooms).await?);
        schools.extend(self.ids("SELECT school FROM class WHERE 1 = 1", "id", &classes).await?);
        Ok(Part {
            pairings: Some(pairings),
            schools: Some(schools),
            rooms: Some(rooms),
            classes: Some(classes),
            people: Some(people),
        })
    }

    async fn rows_of(&self, term: TermId, mut made: Vec<Made>, part: &Part) -> Result<PlanRows> {
        let term = self.term(term).await?;
        let mut names = HashMap::new();
        let (schools, rooms, classes) = self.plan_places(part, &mut names).await?;
        let people: Vec<(String, String)> =
            query("SELECT id, name FROM person WHERE 1 = 1", "id", part.people.as_ref(), " ORDER BY id")
                .build_query_as()
                .fetch_all(&self.pool)
                .await?;
        let teachers: Vec<Value> = people.iter().map(|(id, _)| value!({"id": id})).collect();
        names.extend(people);
        let entries = self.plan_entries(term.id, part).await?;
        if part.pairings.is_some() {
            let known: HashSet<&str> = entries.iter().filter_map(|e| e.get("id")?.as_str()).collect();
            made.retain(|m| m.entries.iter().all(|e| known.contains(e.as_str())));
        }
        let (changes, acts): (Vec<ChangeId>, Vec<Value>) = made.into_iter().map(|m| (m.id, m.act)).unzip();
        let plan = value!({
            "term": {"name": term.name, "first_day": term.first_day, "last_day": term.last_day, "zone": term.zone},
            "schools": schools, "rooms": rooms, "classes": classes, "teachers": teachers,
            "day_rules": self.plan_rules(part).await?, "pairings": self.plan_pairings(part, &mut names).await?,
            "entries": entries, "changes": acts,
        });
        Ok(PlanRows { plan, changes, names })
    }

    async fn plan_entries(&self, term: TermId, part: &Part) -> Result<Vec<Value>> {
        let sql = "SELECT id, pairing, weekday, period, weeks FROM entry WHERE 1 = 1";
        let mut asked = query(sql, "pairing", part.pairings.as_ref(), " AND term = ");
        asked.push_bind(term).push(" ORDER BY id");
        let rows: Vec<(String, String, i64, i64, String)> = asked.build_query_as().fetch_all(&self.pool).await?;
        let entry = |(id, pairing, weekday, period, weeks): (String, String, i64, i64, String)| {
            let weeks = json(&weeks)?;
            Ok(value!({"id": id, "pairing": pairing, "weekday": weekday, "period": period, "weeks": weeks}))
        };
        rows.into_iter().map(entry).collect()
    }

    async fn plan_places(
        &self,
        part: &Part,
        names: &mut HashMap<String, String>,
    ) -> Result<(Vec<Value>, Vec<Value>, Vec<Value>)> {
        let sql = "SELECT school, name, first_day, last_day, weekdays, temporary, periods FROM bell_table WHERE 1 = 1";
        let rows: Vec<(String, String, String, String, String, i64, String)> =
            query(sql, "school", part.schools.as_ref(), " ORDER BY school, first_day")
                .build_query_as()
                .fetch_all(&self.pool)
                .await?;
        let mut tables: HashMap<String, Vec<Value>> = HashMap::new();
        for (school, name, from, to, weekdays, temporary, periods) in rows {
            tables.entry(school).or_default().push(value!({"name": name, "from": from, "to": to,
                "weekdays": json(&weekdays)?, "temporary": temporary != 0, "periods": json(&periods)?}));
        }
        let sql = "SELECT id, name, school_group FROM school WHERE 1 = 1";
        let rows: Vec<(String, String, Option<String>)> =
            query(sql, "id", part.schools.as_ref(), " ORDER BY id").build_query_as().fetch_all(&self.pool).await?;
        let mut schools = Vec::with_capacity(rows.len());
        for (id, name, group) in rows {
            let bells = tables.remove(&id).unwrap_or_default();
            schools.push(value!({"id": id, "group": group.filter(|g| !g.is_empty()), "bell_tables": bells}));
            names.insert(id, name);
        }
        let mut places = |rows: Vec<(String, String, String)>| -> Vec<Value> {
            let place = |(id, name, school): (String, String, String)| {
                let place = value!({"id": id, "school": school});
                names.insert(id, name);
                place
            };
            rows.into_iter().map(place).collect()
        };
        let sql = "SELECT id, name, school FROM room WHERE 1 = 1";
        let rooms =
            query(sql, "id", part.rooms.as_ref(), " ORDER BY id").build_query_as().fetch_all(&self.pool).await?;
        let sql = "SELECT id, name, school FROM class WHERE 1 = 1";
        let classes =
            query(sql, "id", part.classes.as_ref(), " ORDER BY id").build_query_as().fetch_all(&self.pool).await?;
        let (rooms, classes) = (places(rooms), places(classes));
        Ok((schools, rooms, classes))
    }

    async fn plan_rules(&self, part: &Part) -> Result<Vec<Value>> {
        // A rule of a group that has no school any more concerns nobody.
        let owners = match &part.schools {
            None => None,
            Some(schools) => {
                let sql = "SELECT school_group FROM school WHERE school_group IS NOT NULL";
                let groups = self.ids(sql, "id", schools).await?;
                Some(schools.iter().cloned().chain(groups).collect::<BTreeSet<String>>())
            }
        };
        let sql = "SELECT scope, owner, day, kind, weekday, week FROM day_rule
                   WHERE scope <> 'group' OR owner IN (SELECT school_group FROM school) ORDER BY day, scope, owner";
        let rows: Vec<PlanRule> = sqlx::query_as(sql).fetch_all(&self.pool).await?;
        let concerns = |rule: &PlanRule| {
            rule.scope == "region" || owners.as_ref().is_none_or(|owners| owners.contains(&rule.owner))
        };
        let rule = |rule: PlanRule| {
            date(&rule.day)?;
            let scope = if rule.scope == "region" { value!("region") } else { value!({ rule.scope: rule.owner }) };
            let week = rule.week.as_deref().map(json).transpose()?;
            Ok(value!({"scope": scope, "dates": [rule.day], "kind": rule.kind, "weekday": rule.weekday, "week": week}))
        };
        rows.into_iter().filter(concerns).map(rule).collect()
    }

    async fn plan_pairings(&self, part: &Part, names: &mut HashMap<String, String>) -> Result<Vec<Value>> {
        let among = part.pairings.as_ref();
        let sql = "SELECT x.pairing, x.room, r.school, x.class, r.kind FROM pairing_room x JOIN room r ON r.id = x.room
                   WHERE 1 = 1";
        let rows: Vec<(String, String, String, Option<String>, String)> =
            query(sql, "x.pairing", among, " ORDER BY x.pairing, r.school, x.room")
                .build_query_as()
                .fetch_all(&self.pool)
                .await?;
        let mut rural: HashMap<String, Vec<Value>> = HashMap::new();
        for (pairing, room, school, class, kind) in rows {
            rural
                .entry(pairing)
                .or_default()
                .push(value!({"school": school, "room": room, "class": class, "kind": kind}));
        }
        let sql = "SELECT pairing, person FROM pairing_co_teacher WHERE 1 = 1";
        let rows: Vec<(String, String)> =
            query(sql, "pairing", among, " ORDER BY pairing, person").build_query_as().fetch_all(&self.pool).await?;
        let mut assist: HashMap<String, Vec<String>> = HashMap::new();
        for (pairing, person) in rows {
            assist.entry(pairing).or_default().push(person);
        }
        let sql = "SELECT g.id, g.subject, g.grade, g.teacher, g.master_room, r.school, g.master_class, g.first_day, g.last_day
                   FROM pairing g JOIN room r ON r.id = g.master_room WHERE 1 = 1";
        let rows: Vec<PlanPairing> =
            query(sql, "g.id", among, " ORDER BY g.id").build_query_as().fetch_all(&self.pool).await?;
        let mut pairings = Vec::with_capacity(rows.len());
        for g in rows {
            pairings.push(value!({"subject": g.subject, "grade": g.grade, "teacher": g.teacher,
                "co_teachers": assist.remove(&g.id).unwrap_or_default(),
                "master": {"school": g.school, "room": g.master_room, "class": g.master_class},
                "rural": rural.remove(&g.id).unwrap_or_default(), "from": g.first_day, "to": g.last_day, "id": g.id}));
            names.insert(g.id, g.subject);
        }
        Ok(pairings)
    }
}

#[derive(FromRow)]
struct PlanPairing {
    id: String,
    subject: String,
    grade: String,
    teacher: String,
    master_room: String,
    school: String,
    master_class: Option<String>,
    first_day: Option<String>,
    last_day: Option<String>,
}

#[derive(FromRow)]
struct PlanRule {
    scope: String,
    owner: String,
    day: String,
    kind: String,
    weekday: Option<i64>,
    week: Option<String>,
}
