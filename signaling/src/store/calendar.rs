//! The calendar's rows: terms, classes, bell tables, day rules, what it knows of pairings, entries.

use super::touch::Touched;
use super::{Store, Window};
use crate::auth::{Caller, Reach};
use crate::error::{Error, Result};
use crate::model::{ClassId, EntryId, PairingId, PersonId, Role, RoomId, RuleId, SchoolId, TableId, TermId};
use crate::schema::{
    BellTable, CalendarQuery, Class, DayRule, Entry, NewBellTable, NewClass, NewEntry, NewTerm, Page, PairingDetails,
    PairingPlan, PersonRef, RoomClass, SchoolRef, Term,
};
use jiff::civil::Date;
use sqlx::FromRow;
use std::collections::HashSet;

/// A stored date; they are written by us only.
pub(super) fn date(text: &str) -> Result<Date> {
    text.parse().map_err(|_| Error::Internal("a stored date cannot be read"))
}

pub(super) fn json(text: &str) -> Result<serde_json::Value> {
    serde_json::from_str(text).map_err(|_| Error::Internal("a stored document cannot be read"))
}

/// A document as stored.
pub(super) fn text(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|_| Error::Internal("a document is always JSON"))
}

/// Who does something to the calendar, and when.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    /// Who; none for the server itself.
    pub person: Option<PersonId>,
    /// Epoch milliseconds.
    pub at_ms: i64,
}

#[derive(FromRow)]
struct TermRow {
    id: TermId,
    name: String,
    first_day: String,
    last_day: String,
    zone: String,
}

impl TermRow {
    fn term(self) -> Result<Term> {
        let (first_day, last_day) = (date(&self.first_day)?, date(&self.last_day)?);
        Ok(Term { id: self.id, name: self.name, first_day, last_day, zone: self.zone })
    }
}

#[derive(FromRow)]
struct TableRow {
    id: TableId,
    school: SchoolId,
    name: String,
    first_day: String,
    last_day: String,
    weekdays: String,
    temporary: i64,
    periods: String,
}

impl TableRow {
    fn table(self) -> Result<BellTable> {
        let unread = |_| Error::Internal("a stored document cannot be read");
        let table = NewBellTable {
            school: self.school,
            name: self.name,
            from: date(&self.first_day)?,
            to: date(&self.last_day)?,
            weekdays: serde_json::from_str(&self.weekdays).map_err(unread)?,
            temporary: self.temporary != 0,
            periods: serde_json::from_str(&self.periods).map_err(unread)?,
        };
        Ok(BellTable { id: self.id, table })
    }
}

#[derive(FromRow)]
struct RuleRow {
    id: RuleId,
    scope: String,
    owner: String,
    day: String,
    kind: String,
    weekday: Option<i64>,
    week: Option<String>,
}

impl RuleRow {
    fn rule(self) -> Result<DayRule> {
        Ok(DayRule {
            id: self.id,
            group: (self.scope == "group").then(|| self.owner.clone()),
            school: if self.scope == "school" { self.owner.parse().ok() } else { None },
            scope: self.scope,
            date: date(&self.day)?,
            kind: self.kind,
            weekday: self.weekday.and_then(|n| i8::try_from(n).ok()),
            week: self.week.as_deref().map(json).transpose()?,
        })
    }
}

#[derive(FromRow)]
struct EntryRow {
    id: EntryId,
    term: TermId,
    pairing: PairingId,
    weekday: i64,
    period: i64,
    weeks: String,
    subject: String,
    grade: String,
    teacher: PersonId,
    teacher_name: String,
    school: SchoolId,
    school_name: String,
}

impl EntryRow {
    fn entry(self) -> Result<Entry> {
        let entry = NewEntry {
            term: self.term,
            pairing: self.pairing,
            weekday: i8::try_from(self.weekday).unwrap_or_default(),
            period: u8::try_from(self.period).unwrap_or_default(),
            weeks: json(&self.weeks)?,
        };
        let teacher = PersonRef { id: self.teacher, name: self.teacher_name };
        let school = SchoolRef { id: self.school, name: self.school_name };
        Ok(Entry { id: self.id, entry, subject: self.subject, grade: self.grade, teacher, school })
    }
}

/// One day rule to be written: scope, owner, date, kind, weekday, week as JSON.
pub(crate) struct RuleToWrite {
    pub(crate) scope: String,
    pub(crate) owner: String,
    pub(crate) date: Date,
    pub(crate) kind: String,
    pub(crate) weekday: Option<i8>,
    pub(crate) week: Option<String>,
}

impl Store {
    /// How far an administrator's acts in the calendar reach.
    pub async fn reach(&self, caller: &Caller) -> Result<Reach> {
        match caller {
            Caller::Person { role: Role::RegionAdmin, .. } => Ok(Reach::All),
            Caller::Person { role: Role::SchoolAdmin, school: Some(school), .. } => Ok(Reach::School(*school)),
            Caller::Person { role: Role::GroupAdmin, school: Some(school), .. } => {
                let sql = "SELECT school_group FROM school WHERE id = $1";
                let group: Option<String> = sqlx::query_scalar(sql).bind(school).fetch_one(&self.pool).await?;
                Ok(group.map_or(Reach::School(*school), Reach::Group))
            }
            _ => Err(Error::Forbidden),
        }
    }

    /// The schools within reach; `None` is all.
    pub(crate) async fn own_schools(&self, reach: &Reach) -> Result<Option<HashSet<SchoolId>>> {
        if *reach == Reach::All {
            return Ok(None);
        }
        let sql = "SELECT id FROM school WHERE id = $1 OR school_group = $2";
        let own: Vec<SchoolId> =
            sqlx::query_scalar(sql).bind(reach.school()).bind(reach.group()).fetch_all(&self.pool).await?;
        Ok(Some(own.into_iter().collect()))
    }

    /// 404 unless the school is there and within reach.
    pub async fn must_reach(&self, reach: &Reach, school: SchoolId) -> Result<()> {
        let sql =
            "SELECT 1 FROM school WHERE id = $1 AND ($2 IS NULL OR id = $2) AND ($3 IS NULL OR school_group = $3)";
        let query = sqlx::query_scalar(sql).bind(school).bind(reach.school()).bind(reach.group());
        let found: Option<i64> = query.fetch_optional(&self.pool).await?;
        found.map(|_| ()).ok_or(Error::NotFound)
    }

    /// Adds a term; 409 if it overlaps another.
    pub async fn add_term(&self, new: &NewTerm, zone: &str, act: Act) -> Result<Term> {
        let (id, first, last) = (TermId::random(), new.first_day.to_string(), new.last_day.to_string());
        let mut tx = self.write().await?;
        let sql = "SELECT 1 FROM term WHERE first_day <= $2 AND last_day >= $1";
        if sqlx::query_scalar::<_, i64>(sql).bind(&first).bind(&last).fetch_optional(&mut *tx).await?.is_some() {
            return Err(Error::Conflict { code: "terms_overlap", why: "another term has some of these days" });
        }
        let sql = "INSERT INTO term (id, name, first_day, last_day, zone) VALUES ($1, $2, $3, $4, $5)";
        let query = sqlx::query(sql).bind(id).bind(&new.name).bind(&first).bind(&last).bind(zone);
        query.execute(&mut *tx).await?;
        Self::conclude(tx, act, "term_added", id, Touched::nothing()).await?;
        let NewTerm { name, first_day, last_day, .. } = new.clone();
        Ok(Term { id, name, first_day, last_day, zone: zone.to_owned() })
    }

    /// All terms, the latest first.
    pub async fn terms(&self) -> Result<Vec<Term>> {
        let sql = "SELECT id, name, first_day, last_day, zone FROM term ORDER BY first_day DESC, id";
        let rows: Vec<TermRow> = sqlx::query_as(sql).fetch_all(&self.pool).await?;
        rows.into_iter().map(TermRow::term).collect()
    }

    /// One term.
    pub async fn term(&self, id: TermId) -> Result<Term> {
        let sql = "SELECT id, name, first_day, last_day, zone FROM term WHERE id = $1";
        let row: Option<TermRow> = sqlx::query_as(sql).bind(id).fetch_optional(&self.pool).await?;
        row.ok_or(Error::NotFound)?.term()
    }

    /// Adds a class. 409 if the name is taken there.
    pub async fn add_class(&self, new: &NewClass, act: Act) -> Result<ClassId> {
        let id = ClassId::random();
        let mut tx = self.write().await?;
        let sql =
            "INSERT INTO class (id, school, name, grade) VALUES ($1, $2, $3, $4) ON CONFLICT (school, name) DO NOTHING";
        let query = sqlx::query(sql).bind(id).bind(new.school).bind(&new.name).bind(&new.grade);
        if query.execute(&mut *tx).await?.rows_affected() == 0 {
            return Err(Error::Conflict { code: "name_taken", why: "a class of the school has this name" });
        }
        Self::conclude(tx, act, "class_added", id, Touched::nothing()).await?;
        Ok(id)
    }

    /// Classes within reach, by school and name.
    pub async fn classes(&self, reach: &Reach, school: Option<SchoolId>, window: Window) -> Result<Page<Class>> {
        const FROM: &str = "FROM class c JOIN school s ON s.id = c.school
            WHERE ($1 IS NULL OR s.id = $1) AND ($2 IS NULL OR s.school_group = $2) AND ($3 IS NULL OR s.id = $3)";
        let sql = format!("SELECT count(*) {FROM}");
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(reach.school()).bind(reach.group()).bind(school);
        let total = query.fetch_one(&self.pool).await?;
        let sql = format!(
            "SELECT c.id, c.name, c.grade, s.id, s.name {FROM} ORDER BY s.name, c.name, c.id LIMIT $4 OFFSET $5"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(reach.school()).bind(reach.group()).bind(school);
        let rows: Vec<(ClassId, String, String, SchoolId, String)> =
            query.bind(window.per_page).bind(window.offset()).fetch_all(&self.pool).await?;
        let class = |(id, name, grade, school, school_name)| Class {
            id,
            name,
            grade,
            school: SchoolRef { id: school, name: school_name },
        };
        Ok(window.page(total, rows.into_iter().map(class).collect()))
    }

    /// Bell tables of a school, by first day.
    pub async fn bell_tables(&self, school: SchoolId) -> Result<Vec<BellTable>> {
        let sql = "SELECT id, school, name, first_day, last_day, weekdays, temporary, periods FROM bell_table
                   WHERE school = $1 ORDER BY first_day, id";
        let rows: Vec<TableRow> = sqlx::query_as(sql).bind(school).fetch_all(&self.pool).await?;
        rows.into_iter().map(TableRow::table).collect()
    }

    /// The school of a bell table.
    pub async fn school_of_table(&self, id: TableId) -> Result<SchoolId> {
        let sql = "SELECT school FROM bell_table WHERE id = $1";
        sqlx::query_scalar(sql).bind(id).fetch_optional(&self.pool).await?.ok_or(Error::NotFound)
    }

    /// Adds or replaces a bell table; 409 if another of the same rank rings on the same days.
    pub async fn put_bell_table(&self, id: TableId, new: &NewBellTable, act: Act) -> Result<()> {
        let mut tx = self.write().await?;
        let (first, last) = (new.from.to_string(), new.to.to_string());
        let sql = "SELECT weekdays FROM bell_table
                   WHERE school = $1 AND id <> $2 AND temporary = $3 AND first_day <= $5 AND last_day >= $4";
        let query = sqlx::query_scalar(sql).bind(new.school).bind(id).bind(i64::from(new.temporary));
        let beside: Vec<String> = query.bind(&first).bind(&last).fetch_all(&mut *tx).await?;
        let meets = |days: &String| {
            serde_json::from_str::<Vec<i8>>(days).unwrap_or_default().iter().any(|day| new.weekdays.contains(day))
        };
        if beside.iter().any(meets) {
            return Err(Error::Conflict {
                code: "tables_overlap",
                why: "another table of the school rings on these days",
            });
        }
        let sql = "INSERT INTO bell_table (id, school, name, first_day, last_day, weekdays, temporary, periods)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                   ON CONFLICT (id) DO UPDATE SET name = excluded.name, first_day = excluded.first_day,
                     last_day = excluded.last_day, weekdays = excluded.weekdays, temporary = excluded.temporary,
                     periods = excluded.periods";
        let query = sqlx::query(sql).bind(id).bind(new.school).bind(&new.name).bind(&first).bind(&last);
        let query = query.bind(text(&new.weekdays)?).bind(i64::from(new.temporary)).bind(text(&new.periods)?);
        query.execute(&mut *tx).await?;
        Self::conclude(tx, act, "bell_table_put", id, Touched::schools([new.school])).await
    }

    /// Removes a bell table.
    pub async fn remove_bell_table(&self, id: TableId, act: Act) -> Result<()> {
        let mut tx = self.write().await?;
        let sql = "DELETE FROM bell_table WHERE id = $1 RETURNING school";
        let school: Option<SchoolId> = sqlx::query_scalar(sql).bind(id).fetch_optional(&mut *tx).await?;
        Self::conclude(tx, act, "bell_table_removed", id, Touched::schools(school)).await
    }

    /// Adds day rules, all or none; 409 if a scope has one on a date already.
    pub(crate) async fn add_day_rules(&self, rules: &[RuleToWrite], act: Act) -> Result<()> {
        let mut tx = self.write().await?;
        for rule in rules {
            let sql =
                "INSERT INTO day_rule (id, scope, owner, day, kind, weekday, week) VALUES ($1, $2, $3, $4, $5, $6, $7)
                       ON CONFLICT (scope, owner, day) DO NOTHING";
            let query = sqlx::query(sql).bind(RuleId::random()).bind(&rule.scope).bind(&rule.owner);
            let query = query.bind(rule.date.to_string()).bind(&rule.kind).bind(rule.weekday.map(i64::from));
            if query.bind(&rule.week).execute(&mut *tx).await?.rows_affected() == 0 {
                return Err(Error::Conflict {
                    code: "two_rules",
                    why: "the same scope has a rule on one of these dates",
                });
            }
        }
        let first = rules.first().map(|r| r.date.to_string()).unwrap_or_default();
        let mut touched = Touched::nothing();
        if let Some(rule) = rules.first() {
            // Rules that are added together are of one scope.
            touched = Self::scope_of(&mut tx, &rule.scope, &rule.owner).await?;
        }
        Self::conclude(tx, act, "day_rules_added", first, touched).await
    }

    /// Day rules that concern a reach, by date: its own, its group's and the region's.
    pub async fn day_rules(&self, reach: &Reach, (from, to): (Date, Date)) -> Result<Vec<DayRule>> {
        let sql = "SELECT d.id, d.scope, d.owner, d.day, d.kind, d.weekday, d.week FROM day_rule d
                   WHERE d.day >= $1 AND d.day <= $2 AND (d.scope = 'region' OR ($3 IS NULL AND $4 IS NULL)
                     OR d.owner = $3 OR d.owner = $4
                     OR (d.scope = 'group' AND d.owner = (SELECT school_group FROM school WHERE id = $3))
                     OR (d.scope = 'school' AND d.owner IN (SELECT id FROM school WHERE school_group = $4)))
                   ORDER BY d.day, d.scope, d.owner LIMIT 20000";
        let query = sqlx::query_as(sql).bind(from.to_string()).bind(to.to_string());
        let rows: Vec<RuleRow> = query.bind(reach.school()).bind(reach.group()).fetch_all(&self.pool).await?;
        rows.into_iter().map(RuleRow::rule).collect()
    }

    /// One day rule.
    pub async fn day_rule(&self, id: RuleId) -> Result<DayRule> {
        let sql = "SELECT id, scope, owner, day, kind, weekday, week FROM day_rule WHERE id = $1";
        let row: Option<RuleRow> = sqlx::query_as(sql).bind(id).fetch_optional(&self.pool).await?;
        row.ok_or(Error::NotFound)?.rule()
    }

    /// Removes a day rule.
    pub async fn remove_day_rule(&self, id: RuleId, act: Act) -> Result<()> {
        let mut tx = self.write().await?;
        let touched = Self::scope_of_rule(&mut tx, id).await?;
        sqlx::query("DELETE FROM day_rule WHERE id = $1").bind(id).execute(&mut *tx).await?;
        Self::conclude(tx, act, "day_rule_removed", id, touched).await
    }

    /// Schools of a pairing, the master's first.
    pub async fn schools_of_pairing(&self, id: PairingId) -> Result<Vec<SchoolId>> {
        let sql = "SELECT r.school FROM pairing g JOIN room r ON r.id = g.master_room WHERE g.id = $1";
        let master: Option<SchoolId> = sqlx::query_scalar(sql).bind(id).fetch_optional(&self.pool).await?;
        let mut schools = vec![master.ok_or(Error::NotFound)?];
        let sql = "SELECT DISTINCT r.school FROM pairing_room x JOIN room r ON r.id = x.room WHERE x.pairing = $1 ORDER BY r.school";
        let rural: Vec<SchoolId> = sqlx::query_scalar(sql).bind(id).fetch_all(&self.pool).await?;
        schools.extend(rural.into_iter().filter(|school| Some(*school) != master));
        Ok(schools)
    }

    /// Replaces what the calendar knows of a pairing; 422 names what is not there.
    pub async fn plan_pairing(&self, id: PairingId, plan: &PairingPlan, act: Act) -> Result<()> {
        let mut tx = self.write().await?;
        let sql = "UPDATE pairing SET first_day = $2, last_day = $3, level = $4, master_class = $5 WHERE id = $1";
        let query =
            sqlx::query(sql).bind(id).bind(plan.from.map(|d| d.to_string())).bind(plan.to.map(|d| d.to_string()));
        query.bind(&plan.level).bind(plan.master_class).execute(&mut *tx).await.map_err(unknown("master_class"))?;
        sqlx::query("DELETE FROM pairing_co_teacher WHERE pairing = $1").bind(id).execute(&mut *tx).await?;
        for person in &plan.co_teachers {
            let sql = "INSERT INTO pairing_co_teacher (pairing, person) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            sqlx::query(sql).bind(id).bind(person).execute(&mut *tx).await.map_err(unknown("co_teachers"))?;
        }
        sqlx::query("UPDATE pairing_room SET class = NULL WHERE pairing = $1").bind(id).execute(&mut *tx).await?;
        for seat in &plan.rural_classes {
            let sql = "UPDATE pairing_room SET class = $3 WHERE pairing = $1 AND room = $2";
            let query = sqlx::query(sql).bind(id).bind(seat.room).bind(seat.class);
            if query.execute(&mut *tx).await.map_err(unknown("rural_classes"))?.rows_affected() == 0 {
                return Err(Error::field("rural_classes", "no such room in this pairing"));
            }
        }
        let touched = Self::masters(&mut tx, &[id]).await?;
        Self::conclude(tx, act, "pairing_planned", id, touched).await
    }

    /// What the calendar knows of a pairing.
    pub async fn pairing_details(&self, id: PairingId) -> Result<PairingDetails> {
        type Row = (Option<String>, Option<String>, Option<String>, Option<ClassId>);
        let sql = "SELECT first_day, last_day, level, master_class FROM pairing WHERE id = $1";
        let row: Option<Row> = sqlx::query_as(sql).bind(id).fetch_optional(&self.pool).await?;
        let (from, to, level, master_class) = row.ok_or(Error::NotFound)?;
        let sql = "SELECT p.id, p.name FROM pairing_co_teacher c JOIN person p ON p.id = c.person
                   WHERE c.pairing = $1 ORDER BY p.name, p.id";
        let people: Vec<(PersonId, String)> = sqlx::query_as(sql).bind(id).fetch_all(&self.pool).await?;
        let sql = "SELECT room, class FROM pairing_room WHERE pairing = $1 AND class IS NOT NULL ORDER BY room";
        let classes: Vec<(RoomId, ClassId)> = sqlx::query_as(sql).bind(id).fetch_all(&self.pool).await?;
        let plan = PairingPlan {
            from: from.as_deref().map(date).transpose()?,
            to: to.as_deref().map(date).transpose()?,
            level,
            co_teachers: people.iter().map(|(id, _)| *id).collect(),
            master_class,
            rural_classes: classes.into_iter().map(|(room, class)| RoomClass { room, class }).collect(),
        };
        Ok(PairingDetails { plan, co_teachers: people.into_iter().map(|(id, name)| PersonRef { id, name }).collect() })
    }

    /// Adds an entry.
    pub async fn add_entry(&self, new: &NewEntry, act: Act) -> Result<EntryId> {
        let id = EntryId::random();
        let mut tx = self.write().await?;
        let sql = "INSERT INTO entry (id, term, pairing, weekday, period, weeks) VALUES ($1, $2, $3, $4, $5, $6)";
        let query = sqlx::query(sql).bind(id).bind(new.term).bind(new.pairing).bind(i64::from(new.weekday));
        query.bind(i64::from(new.period)).bind(new.weeks.to_string()).execute(&mut *tx).await?;
        let touched = Self::masters(&mut tx, &[new.pairing]).await?;
        Self::conclude(tx, act, "entry_added", id, touched).await?;
        Ok(id)
    }

    /// Removes an entry; 409 while changes of its lessons hold or wait, or when lessons of it were held.
    pub async fn remove_entry(&self, id: EntryId, act: Act) -> Result<()> {
        let mut tx = self.write().await?;
        let sql = "SELECT 1 FROM change_lesson WHERE entry = $1 UNION SELECT 1 FROM lesson WHERE entry = $1";
        if sqlx::query_scalar::<_, i64>(sql).bind(id).fetch_optional(&mut *tx).await?.is_some() {
            return Err(Error::Conflict {
                code: "entry_used",
                why: "lessons of this entry were held, planned for these days, or changed",
            });
        }
        let sql = "DELETE FROM entry WHERE id = $1 RETURNING pairing";
        let pairing: Option<PairingId> = sqlx::query_scalar(sql).bind(id).fetch_optional(&mut *tx).await?;
        // The units of the pairing's other lessons are others now.
        let touched = Self::masters(&mut tx, pairing.as_slice()).await?;
        Self::conclude(tx, act, "entry_removed", id, touched).await
    }

    /// Entries within reach on either side, by grade, subject and weekday.
    pub async fn entries(&self, reach: &Reach, q: &CalendarQuery, window: Window) -> Result<Page<Entry>> {
        const FROM: &str = "FROM entry e JOIN pairing g ON g.id = e.pairing JOIN person p ON p.id = g.teacher
            JOIN room r ON r.id = g.master_room JOIN school s ON s.id = r.school
            WHERE ($1 IS NULL OR s.id = $1 OR EXISTS (SELECT 1 FROM pairing_room x JOIN room y ON y.id = x.room
                                                      WHERE x.pairing = g.id AND y.school = $1))
              AND ($2 IS NULL OR s.school_group = $2 OR EXISTS (SELECT 1 FROM pairing_room x JOIN room y ON y.id = x.room
                                                                JOIN school z ON z.id = y.school
                                                                WHERE x.pairing = g.id AND z.school_group = $2))
              AND ($3 IS NULL OR e.term = $3) AND ($4 IS NULL OR g.id = $4)
              AND ($5 IS NULL OR s.id = $5 OR EXISTS (SELECT 1 FROM pairing_room x JOIN room y ON y.id = x.room
                                                      WHERE x.pairing = g.id AND y.school = $5))";
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) {FROM}"));
        let query = sqlx::query_scalar(sql).bind(reach.school()).bind(reach.group()).bind(q.term);
        let total = query.bind(q.pairing).bind(q.school).fetch_one(&self.pool).await?;
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT e.id, e.term, e.pairing, e.weekday, e.period, e.weeks, g.subject, g.grade, p.id AS teacher,
               p.name AS teacher_name, s.id AS school, s.name AS school_name {FROM}
             ORDER BY s.name, g.grade, g.subject, e.weekday, e.period, e.id LIMIT $6 OFFSET $7"
        ));
        let query = sqlx::query_as(sql).bind(reach.school()).bind(reach.group()).bind(q.term).bind(q.pairing);
        let query = query.bind(q.school).bind(window.per_page).bind(window.offset());
        let rows: Vec<EntryRow> = query.fetch_all(&self.pool).await?;
        Ok(window.page(total, rows.into_iter().map(EntryRow::entry).collect::<Result<_>>()?))
    }

    /// Pairing and term of an entry.
    pub async fn entry_of(&self, id: EntryId) -> Result<(TermId, PairingId)> {
        let sql = "SELECT term, pairing FROM entry WHERE id = $1";
        let found: Option<(TermId, PairingId)> = sqlx::query_as(sql).bind(id).fetch_optional(&self.pool).await?;
        found.ok_or(Error::NotFound)
    }

    /// Where a room is.
    pub async fn school_of_room(&self, id: RoomId) -> Result<SchoolId> {
        let sql = "SELECT school FROM room WHERE id = $1";
        sqlx::query_scalar(sql).bind(id).fetch_optional(&self.pool).await?.ok_or(Error::NotFound)
    }

    /// Where a class is.
    pub async fn school_of_class(&self, id: ClassId) -> Result<SchoolId> {
        let sql = "SELECT school FROM class WHERE id = $1";
        sqlx::query_scalar(sql).bind(id).fetch_optional(&self.pool).await?.ok_or(Error::NotFound)
    }
}

/// A foreign key that does not hold is a field that names nothing.
fn unknown(field: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
    move |error| match &error {
        sqlx::Error::Database(cause) if cause.is_foreign_key_violation() => Error::field(field, "no such id"),
        _ => Error::Sql(error),
    }
}
