//! Everything that can go wrong, and the one place that turns it into an HTTP answer.

use crate::schema::{Clash, ErrorAnswer, Fault, PlanClash};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of this crate. Its text is for engineers; pages translate the code.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// No credential, or one that holds no more.
    #[error("sign in first")]
    NotSignedIn,
    /// Unknown user or wrong password; not told apart.
    #[error("user or password is wrong")]
    BadCredentials,
    /// The credential is good, but not for this.
    #[error("this credential may not do that")]
    Forbidden,
    /// A page of another origin.
    #[error("requests from other origins are refused")]
    ForeignOrigin,
    /// A playback link that does not hold, or holds no more.
    #[error("the link is not valid or has expired")]
    BadSignature,
    /// No such thing, or one of somebody else's.
    #[error("no such thing")]
    NotFound,
    /// There is such a thing, but not to be used like that.
    #[error("this address does not take that method")]
    MethodNotAllowed,
    /// A body that comes too slowly (RFC 9110 §15.5.9).
    #[error("the body came too slowly")]
    TooSlow,
    /// The state of things forbids it; the code says how.
    #[error("{why}")]
    Conflict {
        /// For the page.
        code: &'static str,
        /// For the engineer.
        why: &'static str,
    },
    /// A lesson that clashes with others.
    #[error("the lesson clashes with {} others", .0.len())]
    Clashes(Vec<Clash>),
    /// `If-Match` names an older state (RFC 9110 §15.5.13).
    #[error("the session has other ICE credentials by now")]
    PreconditionFailed,
    /// `If-Match` is missing (RFC 6585 §3).
    #[error("If-Match is required")]
    PreconditionRequired,
    /// More than is read.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// A body of a kind this address does not take.
    #[error("content type must be {0}")]
    UnsupportedType(&'static str),
    /// Fields that do not fit.
    #[error("some fields do not fit")]
    Fields(BTreeMap<String, String>),
    /// What is in the way of an entry or a change of the calendar.
    #[error("something is in the way")]
    InTheWay(Vec<PlanClash>),
    /// An offer the media plane refuses.
    #[error("{why}")]
    UnfitOffer {
        /// Zero-based m-line.
        line: Option<usize>,
        /// For the engineer.
        why: String,
    },
    /// Too many tries.
    #[error("too many tries")]
    TooManyTries {
        /// Seconds.
        retry_after_s: i64,
    },
    /// No room, or no answer in time.
    #[error("{0}")]
    Unavailable(&'static str),
    /// The database.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// Bringing the database up to date.
    #[error("migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// Files.
    #[error("file: {0}")]
    Io(#[from] std::io::Error),
    /// Something that should not happen.
    #[error("internal: {0}")]
    Internal(&'static str),
}

impl Error {
    /// One field that does not fit.
    pub fn field(name: &str, why: &str) -> Self {
        Self::Fields(BTreeMap::from([(name.to_owned(), why.to_owned())]))
    }

    /// The status and the code of the answer.
    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Self::NotSignedIn => (StatusCode::UNAUTHORIZED, "not_signed_in"),
            Self::BadCredentials => (StatusCode::UNAUTHORIZED, "bad_credentials"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, "foreign_origin"),
            Self::BadSignature => (StatusCode::FORBIDDEN, "bad_signature"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow"),
            Self::Conflict { code, .. } => (StatusCode::CONFLICT, code),
            Self::Clashes(_) | Self::InTheWay(_) => (StatusCode::CONFLICT, "clash"),
            Self::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "precondition_failed"),
            Self::PreconditionRequired => (StatusCode::PRECONDITION_REQUIRED, "precondition_required"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::UnsupportedType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_type"),
            Self::Fields(_) => (StatusCode::UNPROCESSABLE_ENTITY, "fields"),
            Self::UnfitOffer { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unfit_offer"),
            Self::TooManyTries { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_tries"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Sql(sqlx::Error::PoolTimedOut) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Sql(_) | Self::Migrate(_) | Self::Io(_) | Self::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        }
    }

    /// The code pages translate.
    pub fn code(&self) -> &'static str {
        self.status().1
    }

    fn retry_after_s(&self) -> Option<i64> {
        match self {
            Self::TooManyTries { retry_after_s } => Some(*retry_after_s),
            Self::Unavailable(_) | Self::Sql(sqlx::Error::PoolTimedOut) => Some(1),
            _ => None,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = self.status();
        let message = if status.is_server_error() && code == "internal" {
            tracing::error!(error = %self, "a request failed inside the server");
            "something failed inside the server".to_owned()
        } else {
            self.to_string()
        };
        let retry_after_s = self.retry_after_s();
        let (mut fields, mut line, mut clashes, mut in_the_way) = (None, None, None, None);
        match self {
            Self::Fields(f) => fields = Some(f),
            Self::UnfitOffer { line: l, .. } => line = l,
            Self::Clashes(c) => clashes = Some(c),
            Self::InTheWay(c) => in_the_way = Some(c),
            _ => {}
        }
        let fault = Fault { code: code.to_owned(), message, fields, line, clashes, in_the_way };
        let mut response = (status, axum::Json(ErrorAnswer { error: fault })).into_response();
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
