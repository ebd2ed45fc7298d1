//! Which lessons to load, and how they are asked for.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::LoadError;

/// Lessons around now that are looked at, ms each way.
const AROUND_MS: i64 = 6 * 3_600_000;

/// Where one lesson is published to and viewed from.
#[derive(Clone, Debug, Deserialize)]
pub struct Target {
    /// WHIP endpoint.
    pub whip: String,
    /// WHEP endpoint.
    pub whep: String,
    /// Bearer of both.
    pub token: String,
}

/// Where a demo tells its figures (the line of `tongke demo --json`).
pub fn metrics_of_demo(path: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Demo {
        metrics: Option<String>,
    }
    serde_json::from_str::<Demo>(&std::fs::read_to_string(path).ok()?).ok()?.metrics
}

/// Reads the lessons of `tongke demo --json` (its line, or only its `lessons` list).
pub fn from_demo(path: &Path) -> Result<Vec<Target>, LoadError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Lessons {
        Demo { lessons: Vec<Target> },
        List(Vec<Target>),
    }
    let fail = |why: String| LoadError::Lessons { from: PathBuf::from(path).display().to_string(), why };
    let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
    match serde_json::from_str(&text).map_err(|e| fail(e.to_string()))? {
        Lessons::Demo { lessons } | Lessons::List(lessons) => Ok(lessons),
    }
}

/// Lessons by number: `{n}` in the addresses stands for it, from 0.
pub fn by_number(whip: &str, whep: &str, token: &str, lessons: usize) -> Vec<Target> {
    let number = |url: &str, n: usize| url.replace("{n}", &n.to_string());
    let target = |n| Target { whip: number(whip, n), whep: number(whep, n), token: token.to_owned() };
    (0..lessons).map(target).collect()
}

/// Who signs in at a Tongke.
#[derive(Clone, Debug, Deserialize)]
pub struct SignIn {
    /// Name.
    pub user: String,
    /// Password.
    pub password: String,
}

/// The lessons of a Tongke that are open now, with tokens made for this run. Without `sign_in` the server must be a
/// demo, which tells its administrator.
pub fn from_tongke(base: &str, sign_in: Option<SignIn>) -> Result<Vec<Target>, LoadError> {
    #[derive(Deserialize)]
    struct Demo {
        admin: SignIn,
    }
    #[derive(Deserialize)]
    struct Clock {
        now_ms: i64,
    }
    #[derive(Deserialize)]
    struct Listed {
        items: Vec<Open>,
    }
    #[derive(Deserialize)]
    struct Open {
        id: String,
        state: String,
    }
    #[derive(Deserialize)]
    struct Made {
        token: String,
    }
    let base = base.trim_end_matches('/');
    // One agent keeps the session cookie.
    let agent = ureq::Agent::new_with_defaults();
    let sign_in = match sign_in {
        Some(given) => given,
        None => ask::<Demo>(&agent, &format!("{base}/api/demo"))?.admin,
    };
    let login = format!("{base}/api/login");
    let body = serde_json::json!({ "user": sign_in.user, "password": sign_in.password });
    let cookie = agent
        .post(&login)
        .send_json(&body)
        .map_err(|e| refused(&login, &e))?
        .headers()
        .get("set-cookie")
        .and_then(|c| c.to_str().ok()?.split(';').next().map(str::to_owned))
        .ok_or_else(|| LoadError::Lessons { from: login.clone(), why: "no session came back".to_owned() })?;
    let now_ms = ask::<Clock>(&agent, &format!("{base}/api/clock"))?.now_ms;
    let (from, to) = (now_ms - AROUND_MS, now_ms + AROUND_MS);
    let list = format!("{base}/api/lessons?from_ms={from}&to_ms={to}&per_page=500");
    let listed: Listed = read(&list, agent.get(&list).header("cookie", &cookie).call())?;
    let mut targets = Vec::new();
    for open in listed.items.into_iter().filter(|l| matches!(l.state.as_str(), "open" | "live")) {
        let url = format!("{base}/api/lessons/{}/tokens", open.id);
        let made = agent.post(&url).header("cookie", &cookie).send_json(serde_json::json!({ "role": "both" }));
        let made: Made = read(&url, made)?;
        let at = |what: &str| format!("{base}/{what}/{}", open.id);
        targets.push(Target { whip: at("whip"), whep: at("whep"), token: made.token });
    }
    Ok(targets)
}

fn ask<T: DeserializeOwned>(agent: &ureq::Agent, url: &str) -> Result<T, LoadError> {
    read(url, agent.get(url).call())
}

fn read<T: DeserializeOwned>(
    url: &str,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<T, LoadError> {
    answer.and_then(|mut r| r.body_mut().read_json()).map_err(|e| refused(url, &e))
}

fn refused(url: &str, cause: &ureq::Error) -> LoadError {
    let status = if let ureq::Error::StatusCode(status) = cause { Some(*status) } else { None };
    LoadError::Refused { url: url.to_owned(), status, why: cause.to_string() }
}

/// Posts an offer; gives the answer.
pub(super) fn post(url: &str, token: &str, offer: &str) -> Result<(String, Option<Resource>), LoadError> {
    let fail = |e: ureq::Error| refused(url, &e);
    let mut answer = ureq::post(url)
        .header("authorization", format!("Bearer {token}"))
        .content_type("application/sdp")
        .send(offer)
        .map_err(fail)?;
    let location = answer.headers().get("location").and_then(|l| l.to_str().ok());
    let resource = location.map(|l| Resource { url: absolute(url, l), token: token.to_owned() });
    Ok((answer.body_mut().read_to_string().map_err(fail)?, resource))
}

/// A session as the server knows it; `DELETE` ends it (RFC 9725 §4.2).
#[derive(Clone, Debug)]
pub(super) struct Resource {
    url: String,
    token: String,
}

impl Resource {
    /// Ends the session; a server that does not know it any more has ended it already.
    pub(super) fn end(&self) {
        let _ = ureq::delete(&self.url).header("authorization", format!("Bearer {}", self.token)).call();
    }
}

/// A `Location` is relative to the address that was posted to (RFC 9110 §10.2.2); paths from the root are what servers
/// answer.
fn absolute(url: &str, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    let host = url.find("://").map_or(0, |at| at + 3);
    let root = url[host..].find('/').map_or(url.len(), |at| host + at);
    format!("{}{location}", &url[..root])
}
