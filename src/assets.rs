//! The web pages, embedded in the binary, with the headers that keep them safe.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use memory_serve::CacheControl;
use tower_http::set_header::SetResponseHeaderLayer;

/// Nothing from elsewhere, no inline script, no eval; media from blobs (players) and this server only.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
    media-src 'self' blob: mediastream:; connect-src 'self' ws: wss:; worker-src 'self' blob:; object-src 'none'; \
    base-uri 'none'; frame-ancestors 'none'; form-action 'self'; require-trusted-types-for 'script'";

/// Camera, microphone and screen for our own pages; nothing for anybody else.
const PERMISSIONS: &str =
    "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()";

/// Routes of the pages. A page's deeper paths are its own business, so they get the page.
pub fn router() -> Router {
    let mut pages = memory_serve::load!()
        .index_file(Some("/index.html"))
        .html_cache_control(CacheControl::NoCache)
        .cache_control(CacheControl::Medium);
    for (from, to) in [
        ("/login", "/login.html"),
        ("/display", "/display.html"),
        ("/teacher", "/teacher.html"),
        ("/teacher/{lesson}", "/teacher.html"),
        ("/admin", "/admin.html"),
        ("/admin/{section}", "/admin.html"),
        ("/library", "/library.html"),
        ("/library/{recording}", "/library.html"),
    ] {
        pages = pages.add_alias(from, to);
    }
    let set = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    pages
        .into_router()
        .layer(set(CONTENT_SECURITY_POLICY, POLICY))
        .layer(set(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(set(X_FRAME_OPTIONS, "DENY"))
        .layer(set(REFERRER_POLICY, "no-referrer"))
        .layer(set(HeaderName::from_static("permissions-policy"), PERMISSIONS))
}
