//! The door: origin, credential and role are checked here, before any handler; bodies become values here.

use super::table::{RULES, Who};
use super::{App, JSON_MAX, SDP_MAX, UPLOAD_MAX};
use crate::auth::{Caller, Identity};
use crate::error::{Error, Result};
use crate::model::{Role, TokenRole};
use crate::secret::hash;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use serde::de::DeserializeOwned;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Name of the sign-in's cookie. The prefix makes browsers insist on `Secure`, `Path=/` and no domain (RFC 6265bis);
/// both Chromium and Firefox keep it on http://127.0.0.1 too.
pub(crate) const COOKIE: &str = "__Host-tongke";

/// A body that takes longer is a slow attack or a line on which no lesson would work.
const BODY_MAX: Duration = Duration::from_secs(30);

/// Checks a request against the table.
pub(crate) async fn guard(State(office): State<App>, mut request: Request, next: Next) -> Response {
    match check(&office, &mut request).await {
        Ok(()) => {
            let mut response = next.run(request).await;
            // Answers are for one caller and one moment.
            let headers = response.headers_mut();
            headers.entry(header::CACHE_CONTROL).or_insert(header::HeaderValue::from_static("no-store"));
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
            response
        }
        Err(error) => error.into_response(),
    }
}

async fn check(office: &App, request: &mut Request) -> Result<()> {
    let path = request.extensions().get::<MatchedPath>().map(|p| p.as_str().to_owned()).unwrap_or_default();
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let Some(rule) = RULES.iter().find(|r| r.path == path && *method == r.method) else {
        return Err(unlisted(&path, method));
    };
    let upgrades = request.headers().contains_key(header::UPGRADE);
    if upgrades || !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        // Over HTTP/2 the host and port stand in the address and in no header (RFC 9113 §8.3.1).
        let authority = request.uri().authority().map(Authority::as_str);
        check_origin(request.headers(), authority, &office.config.origins)?;
    }
    if rule.who.contains(&Who::Anyone) {
        return Ok(());
    }
    let link = rule.who.contains(&Who::Link) && request.uri().query().is_some_and(|q| q.contains("sig="));
    match identify(office, request.headers()).await? {
        Some(identity) if classes(&identity.caller).iter().any(|c| rule.who.contains(c)) => {
            request.extensions_mut().insert(identity);
            Ok(())
        }
        _ if link => Ok(()),
        Some(_) => Err(Error::Forbidden),
        None => Err(Error::NotSignedIn),
    }
}

/// What is not in the table is not served. A test compares table and router, so the last case does not happen.
fn unlisted(path: &str, method: &Method) -> Error {
    if RULES.iter().any(|r| r.path == path) {
        return Error::MethodNotAllowed;
    }
    if path != super::ELSE {
        tracing::error!(%path, %method, "a route is not in the table and is not served");
    }
    Error::NotFound
}

/// A browser says where a request comes from; other clients (recorder boxes, scripts) say nothing and carry no cookies
/// of a victim.
fn check_origin(headers: &HeaderMap, authority: Option<&str>, allowed: &[String]) -> Result<()> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let Some(origin) = text("origin") else {
        return match text("sec-fetch-site") {
            None | Some("same-origin" | "none") => Ok(()),
            Some(_) => Err(Error::ForeignOrigin),
        };
    };
    let host = text("host").or(authority).unwrap_or_default();
    let own = origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host));
    if own || allowed.iter().any(|a| a == origin) { Ok(()) } else { Err(Error::ForeignOrigin) }
}

/// Whom the request's credential stands for. A bearer counts before a cookie: tabs of one browser share their cookies.
pub(crate) async fn identify(office: &App, headers: &HeaderMap) -> Result<Option<Identity>> {
    if let Some(bearer) = bearer(headers) {
        return office.store.by_bearer(&hash(bearer)).await;
    }
    let Some(cookie) = CookieJar::from_headers(headers).get(COOKIE).map(|c| hash(c.value())) else { return Ok(None) };
    office.store.by_cookie(&cookie, office.now().ms).await
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|t| !t.is_empty() && t.len() <= 256)
}

/// All classes a caller belongs to.
fn classes(caller: &Caller) -> Vec<Who> {
    match caller {
        Caller::Person { role, .. } => match role {
            Role::RegionAdmin => vec![Who::Person, Who::RegionAdmin],
            Role::SchoolAdmin => vec![Who::Person, Who::SchoolAdmin],
            Role::Teacher => vec![Who::Person, Who::Teacher],
            Role::GroupAdmin => vec![Who::Person, Who::GroupAdmin],
            Role::Inspector | Role::Guardian | Role::Curator => vec![Who::Person],
        },
        Caller::Display { room: Some(_), .. } => vec![Who::Device, Who::Display],
        Caller::Display { room: None, .. } => vec![Who::Device],
        Caller::Lesson { role: TokenRole::Whip, .. } => vec![Who::Whip],
        Caller::Lesson { role: TokenRole::Whep, .. } => vec![Who::Whep],
        Caller::Lesson { role: TokenRole::Both, .. } => vec![Who::Whip, Who::Whep],
    }
}

impl<S: Sync> FromRequestParts<S> for Identity {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts.extensions.get::<Self>().cloned().ok_or(Error::NotSignedIn)
    }
}

/// The address a request comes from, for limits. Without the server's help it is taken for a local one.
pub(crate) struct Address(pub(crate) IpAddr);

impl<S: Sync> FromRequestParts<S> for Address {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(crate::auth::subscriber(info.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |c| c.0.ip()))))
    }
}

/// Path parameters; anything that does not parse is nothing we have.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|p| Self(p.0)).map_err(|_| Error::NotFound)
    }
}

/// Query parameters.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query.map(|q| Self(q.0)).map_err(|e| Error::Malformed(e.body_text()))
    }
}

/// A JSON body.
pub(crate) struct Form<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self> {
        let body = read(request, "application/json", JSON_MAX).await?;
        // serde_json refuses nesting deeper than 128.
        serde_json::from_slice(&body).map(Self).map_err(|e| match e.classify() {
            serde_json::error::Category::Data => Error::field("body", &e.to_string()),
            _ => Error::Malformed(e.to_string()),
        })
    }
}

async fn read(request: Request<Body>, kind: &'static str, max: usize) -> Result<Bytes> {
    let given = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(kind) {
        return Err(Error::UnsupportedType(kind));
    }
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|l| l > max) {
        return Err(Error::TooLarge(max));
    }
    let body = tokio::time::timeout(BODY_MAX, axum::body::to_bytes(request.into_body(), max)).await;
    body.map_err(|_| Error::TooSlow)?.map_err(|_| Error::TooLarge(max))
}

async fn read_text(request: Request<Body>, kind: &'static str) -> Result<String> {
    let body = read(request, kind, SDP_MAX).await?;
    String::from_utf8(body.to_vec()).map_err(|_| Error::Malformed("the body is not UTF-8".into()))
}

/// A file, such as a workbook; what it is, its reader finds out.
pub(crate) struct Upload(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self> {
        read(request, "application/octet-stream", UPLOAD_MAX).await.map(Self)
    }
}

/// An SDP offer. It is not looked into here.
pub(crate) struct Offer(pub(crate) String);

impl<S: Send + Sync> FromRequest<S> for Offer {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self> {
        read_text(request, "application/sdp").await.map(Self)
    }
}

/// An SDP fragment (RFC 8840).
pub(crate) struct Fragment(pub(crate) String);

impl<S: Send + Sync> FromRequest<S> for Fragment {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self> {
        read_text(request, "application/trickle-ice-sdpfrag").await.map(Self)
    }
}

/// A name somebody typed: trimmed, not empty, not long, one line.
pub(crate) fn name(fields: &mut std::collections::BTreeMap<String, String>, field: &str, text: &str) -> String {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= 100 && !text.chars().any(char::is_control);
    if !fits {
        fields.insert(field.to_owned(), "1 to 100 characters on one line".to_owned());
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect::<HeaderMap>()
    }

    #[test]
    fn only_own_pages_and_clients_without_an_origin_pass() {
        let ok = |pairs: &[(&'static str, &'static str)]| {
            check_origin(&headers(pairs), None, &["https://other.example".to_owned()]).is_ok()
        };
        assert!(ok(&[("host", "t.example")]));
        assert!(ok(&[("host", "t.example"), ("origin", "https://t.example")]));
        assert!(ok(&[("host", "t.example"), ("origin", "https://other.example")]));
        assert!(!ok(&[("host", "t.example"), ("origin", "https://evil.example")]));
        assert!(!ok(&[("host", "t.example"), ("origin", "null")]));
        assert!(!ok(&[("host", "t.example"), ("sec-fetch-site", "cross-site")]));
        assert!(ok(&[("host", "t.example"), ("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn over_http_2_the_port_of_the_address_counts_as_well() {
        let ok = |origin, address: &str| {
            let address: axum::http::Uri = address.parse().unwrap();
            check_origin(&headers(&[("origin", origin)]), address.authority().map(Authority::as_str), &[]).is_ok()
        };
        assert!(ok("https://t.example:8443", "https://t.example:8443/api/login"));
        assert!(ok("https://t.example", "https://t.example/api/login"));
        assert!(!ok("https://t.example:8443", "https://t.example/api/login"));
        assert!(!ok("https://evil.example:8443", "https://t.example:8443/api/login"));
    }
}
