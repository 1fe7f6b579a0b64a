//! CORS (D10): webhook routes are open to pages of all sites, the API to the configured origins.

use axum::http::{HeaderName, HeaderValue, Method, header, request};
use std::sync::Arc;
use std::time::Duration;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// How long a browser may cache a preflight answer.
const MAX_AGE: Duration = Duration::from_secs(3_600);
const HOOKS: &str = "/hooks/";

/// The CORS layer. It never allows cookies: pages of other sites send tokens.
pub fn layer(allowed: &Arc<[String]>) -> CorsLayer {
    let allowed = Arc::clone(allowed);
    let may = move |origin: &HeaderValue, parts: &request::Parts| {
        parts.uri.path().starts_with(HOOKS)
            || allowed.iter().any(|known| known.as_bytes() == origin.as_bytes())
    };
    let named = ["etag", "retry-after", "x-request-id", "x-next-cursor", "x-position"];
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(may))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(named.map(HeaderName::from_static))
        .vary([header::ORIGIN, header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_REQUEST_HEADERS])
        .max_age(MAX_AGE)
}
