//! CORS (D10): webhook routes are open to pages of all sites, the API to the configured origins.

use axum::http::{HeaderName, HeaderValue, Method, request};
use std::sync::Arc;
use std::time::Duration;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// How long a browser may cache a preflight answer.
const MAX_AGE: Duration = Duration::from_secs(3_600);
const HOOKS: &str = "/hooks/";
/// Headers of answers that scripts may read.
const EXPOSED: [&str; 5] = ["etag", "retry-after", "x-request-id", "x-next-cursor", "x-position"];
/// Headers of requests on which an answer depends.
const VARY: [&str; 3] = ["origin", "access-control-request-method", "access-control-request-headers"];

/// The CORS layer. It never allows cookies: pages of other sites send tokens.
pub fn layer(allowed: &Arc<[String]>) -> CorsLayer {
    let allowed = Arc::clone(allowed);
    let may = move |origin: &HeaderValue, parts: &request::Parts| {
        parts.uri.path().starts_with(HOOKS)
            || allowed.iter().any(|known| known.as_bytes() == origin.as_bytes())
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(may))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED.map(HeaderName::from_static))
        .vary(VARY.map(HeaderName::from_static))
        .max_age(MAX_AGE)
}

/// `Vary` of an answer to whom no page asks, as the layer writes it.
pub fn vary() -> HeaderValue {
    joined(&VARY, ", ")
}

/// `Access-Control-Expose-Headers` of such an answer.
pub fn exposed() -> HeaderValue {
    joined(&EXPOSED, ",")
}

fn joined(names: &[&'static str], separator: &str) -> HeaderValue {
    HeaderValue::from_str(&names.join(separator)).unwrap_or(HeaderValue::from_static(""))
}
