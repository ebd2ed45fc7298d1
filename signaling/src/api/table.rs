//! Who may call what. The guard of `door` lets nothing pass that is not written here; what a caller may see inside
//! a route (its scope) is decided by the query, and what lies outside answers 404.

/// A class of callers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// Also without a credential.
    Anyone,
    /// Any person who signed in.
    Person,
    /// Everything, everywhere.
    RegionAdmin,
    /// The schools of the own group: calendar and wall, and lists to choose from.
    GroupAdmin,
    /// Own school.
    SchoolAdmin,
    /// Own lessons.
    Teacher,
    /// A paired display: own room.
    Display,
    /// Any display, paired or not: itself.
    Device,
    /// A lesson's bearer for publishing.
    Whip,
    /// A lesson's bearer for watching.
    Whep,
    /// A signed playback link.
    Link,
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Method.
    pub method: &'static str,
    /// Path as the router has it.
    pub path: &'static str,
    /// Who may call it.
    pub who: &'static [Who],
}

const fn rule(method: &'static str, path: &'static str, who: &'static [Who]) -> Rule {
    Rule { method, path, who }
}

use Who::{Anyone, Device, Display, GroupAdmin, Link, Person, RegionAdmin, SchoolAdmin, Teacher, Whep, Whip};

const ADMINS: &[Who] = &[RegionAdmin, SchoolAdmin];
const PLANNERS: &[Who] = &[RegionAdmin, GroupAdmin, SchoolAdmin];
const PLANNED: &[Who] = &[RegionAdmin, GroupAdmin, SchoolAdmin, Teacher];
const STAFF: &[Who] = &[RegionAdmin, SchoolAdmin, Teacher];
const VIEWERS: &[Who] = &[RegionAdmin, SchoolAdmin, Teacher, Display];
const PLAYERS: &[Who] = &[RegionAdmin, SchoolAdmin, Teacher, Display, Link];
const CONDUCTORS: &[Who] = &[RegionAdmin, Teacher];
const ROOMS: &[Who] = &[Teacher, Display];

/// All routes.
pub const RULES: &[Rule] = &[
    rule("GET", "/api/clock", &[Anyone]),
    rule("GET", "/healthz", &[Anyone]),
    rule("GET", "/api/openapi.json", &[Anyone]),
    rule("GET", "/api/demo", &[Anyone]),
    rule("POST", "/api/login", &[Anyone]),
    rule("POST", "/api/logout", &[Person]),
    rule("GET", "/api/me", &[Person]),
    rule("GET", "/api/schools", PLANNED),
    rule("POST", "/api/schools", &[RegionAdmin]),
    rule("GET", "/api/rooms", PLANNED),
    rule("POST", "/api/rooms", ADMINS),
    rule("GET", "/api/people", PLANNERS),
    rule("POST", "/api/people", ADMINS),
    rule("GET", "/api/pairings", PLANNERS),
    rule("POST", "/api/pairings", &[RegionAdmin]),
    rule("GET", "/api/lessons", VIEWERS),
    rule("POST", "/api/lessons", ADMINS),
    rule("GET", "/api/lessons/{lesson}", VIEWERS),
    rule("DELETE", "/api/lessons/{lesson}", ADMINS),
    rule("GET", "/api/today", VIEWERS),
    rule("GET", "/api/wall", PLANNERS),
    rule("POST", "/api/lessons/{lesson}/start", CONDUCTORS),
    rule("POST", "/api/lessons/{lesson}/end", CONDUCTORS),
    rule("POST", "/api/lessons/{lesson}/extend", CONDUCTORS),
    rule("POST", "/api/lessons/{lesson}/tokens", STAFF),
    rule("GET", "/api/terms", PLANNED),
    rule("POST", "/api/terms", &[RegionAdmin]),
    rule("GET", "/api/classes", PLANNERS),
    rule("POST", "/api/classes", PLANNERS),
    rule("GET", "/api/bell-tables", PLANNERS),
    rule("POST", "/api/bell-tables", PLANNERS),
    rule("PUT", "/api/bell-tables/{table}", PLANNERS),
    rule("DELETE", "/api/bell-tables/{table}", PLANNERS),
    rule("GET", "/api/day-rules", PLANNERS),
    rule("POST", "/api/day-rules", PLANNERS),
    rule("POST", "/api/day-rules/shift", PLANNERS),
    rule("DELETE", "/api/day-rules/{rule}", PLANNERS),
    rule("GET", "/api/pairings/{pairing}/plan", PLANNERS),
    rule("PUT", "/api/pairings/{pairing}/plan", PLANNERS),
    rule("GET", "/api/entries", PLANNERS),
    rule("POST", "/api/entries", PLANNERS),
    rule("POST", "/api/entries/check", PLANNERS),
    rule("POST", "/api/entries/free", PLANNERS),
    rule("DELETE", "/api/entries/{entry}", PLANNERS),
    rule("GET", "/api/week", PLANNED),
    rule("GET", "/api/changes", PLANNERS),
    rule("POST", "/api/changes", PLANNERS),
    rule("POST", "/api/changes/check", PLANNERS),
    rule("POST", "/api/changes/slots", PLANNERS),
    rule("POST", "/api/changes/{change}/consent", PLANNERS),
    rule("DELETE", "/api/changes/{change}", PLANNERS),
    rule("GET", "/api/feeds", PLANNED),
    rule("POST", "/api/feeds", PLANNED),
    rule("DELETE", "/api/feeds/{feed}", PLANNED),
    // Its credential is in the address.
    rule("GET", "/api/calendar/{file}", &[Anyone]),
    rule("GET", "/api/needs", PLANNERS),
    rule("POST", "/api/needs", PLANNERS),
    rule("DELETE", "/api/needs/{need}", PLANNERS),
    rule("GET", "/api/supplies", PLANNERS),
    rule("POST", "/api/supplies", PLANNERS),
    rule("DELETE", "/api/supplies/{supply}", PLANNERS),
    rule("GET", "/api/proposals", PLANNERS),
    rule("POST", "/api/proposals/accept", PLANNERS),
    rule("POST", "/api/import", PLANNERS),
    rule("GET", "/api/import/template", PLANNERS),
    rule("GET", "/api/export", PLANNERS),
    rule("GET", "/api/outcomes", PLANNERS),
    rule("GET", "/api/figures", PLANNERS),
    rule("GET", "/api/audit", &[RegionAdmin]),
    rule("GET", "/api/displays", ADMINS),
    rule("POST", "/api/displays", &[Anyone]),
    rule("GET", "/api/displays/self", &[Device]),
    rule("POST", "/api/displays/exchange", &[Display]),
    rule("POST", "/api/displays/confirm", ADMINS),
    rule("DELETE", "/api/displays/{display}", ADMINS),
    rule("POST", "/api/lessons/{lesson}/sessions", ROOMS),
    rule("PATCH", "/api/lessons/{lesson}/sessions/{session}", ROOMS),
    rule("DELETE", "/api/lessons/{lesson}/sessions/{session}", ROOMS),
    rule("POST", "/whip/{lesson}", &[Whip]),
    rule("OPTIONS", "/whip/{lesson}", &[Anyone]),
    rule("PATCH", "/whip/{lesson}/{session}", &[Whip]),
    rule("DELETE", "/whip/{lesson}/{session}", &[Whip]),
    rule("POST", "/whep/{lesson}", &[Whep]),
    rule("OPTIONS", "/whep/{lesson}", &[Anyone]),
    rule("PATCH", "/whep/{lesson}/{session}", &[Whep]),
    rule("DELETE", "/whep/{lesson}/{session}", &[Whep]),
    rule("GET", "/api/library", VIEWERS),
    rule("GET", "/api/library/{recording}", VIEWERS),
    rule("GET", "/api/library/{recording}/tracks/{track}/runs/{run}", PLAYERS),
    rule("GET", "/api/library/{recording}/tracks/{track}/{file}", PLAYERS),
    // Its credential comes in the first message.
    rule("GET", "/api/events", &[Anyone]),
];
