//! The edge: request ids, the request log, the rendering of problems, panics as 500, and `nosniff`.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::observability;
use crate::http::api::admission::CallerId;
use crate::http::api::problem::Problem;

/// The header of request ids.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that a client may send.
const ID_MAX: usize = 64;
/// The route's name in log and metrics for paths without a route.
const NO_ROUTE: &str = "none";

/// The route that answered a request, left in the response's extensions for log and metrics.
#[derive(Debug, Clone)]
pub struct RoutePath(pub MatchedPath);

/// A request under way: what its log line and its answer need.
pub struct RequestRecord {
    began: Instant,
    id: String,
    method: Method,
}

impl RequestRecord {
    /// Gives the request an id.
    pub fn begin(request: &Request) -> Self {
        let id = given_id(request.headers()).unwrap_or_else(|| Uuid::now_v7().to_string());
        Self { began: Instant::now(), id, method: request.method().clone() }
    }

    /// Renders a problem with the id and logs the result. Of the path only the route is logged: ids of endpoints are half
    /// a secret, and query strings can hold personal data.
    pub fn finish(self, mut response: Response) -> Response {
        let Self { began, id, method } = self;
        let route = response.extensions_mut().remove::<RoutePath>();
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            response = render(&problem, &response, &id);
        } else if is_plain_refusal(&response) {
            let detail = "malformed request";
            response = Problem::new(response.status(), "bad_request", detail).render(&id);
        }
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let route = route.as_ref().map_or(NO_ROUTE, |RoutePath(route)| route.as_str());
        log_request(&method, route, &response, &id, began.elapsed());
        response
    }
}

/// The client's id, where it is short and safe to log.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    ((1..=ID_MAX).contains(&id.len()) && id.bytes().all(is_fit)).then(|| id.to_owned())
}

/// The problem's response, with the headers and the caller's id of the response that carried it.
fn render(problem: &Problem, refused: &Response, id: &str) -> Response {
    let mut response = problem.render(id);
    for (name, value) in refused.headers() {
        if *name != header::CONTENT_LENGTH && *name != header::CONTENT_TYPE {
            response.headers_mut().insert(name.clone(), value.clone());
        }
    }
    if let Some(caller) = refused.extensions().get::<CallerId>() {
        response.extensions_mut().insert(caller.clone());
    }
    response
}

/// Whether axum refused the request by itself, such as a path that is not UTF-8: then the body is not a problem yet.
fn is_plain_refusal(response: &Response) -> bool {
    let media = response.headers().get(header::CONTENT_TYPE);
    let is_problem = media.is_some_and(|media| media.as_bytes() == b"application/problem+json");
    (response.status().is_client_error() || response.status().is_server_error()) && !is_problem
}

fn log_request(method: &Method, route: &str, response: &Response, request_id: &str, took: Duration) {
    let status = response.status();
    observability::request(method, route, status, took);
    let caller = response.extensions().get::<CallerId>().map(|caller| caller.0.as_ref());
    let (micros, status_code) = (took.as_micros() as u64, status.as_u16());
    if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
        tracing::warn!(%method, route, status = status_code, micros, caller, request_id, "request");
    } else {
        tracing::debug!(%method, route, status = status_code, micros, caller, request_id, "request");
    }
}

/// The answer for a handler that panicked: 500. The panic's message is logged, not sent.
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Problem::internal(&format!("a handler panicked: {said}")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::middleware::Next;
    use axum::routing::get;
    use axum::{Router, middleware};
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    use super::*;

    #[test]
    fn an_id_is_taken_over_when_it_can_be_logged_as_it_is() {
        let taken = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, id.parse().expect("header"));
            given_id(&headers)
        };
        assert_eq!(taken("r-1_2.Z"), Some("r-1_2.Z".into()));
        for id in ["", "a b", "a\"b", "a=b", &"x".repeat(65)] {
            assert_eq!(taken(id), None, "{id:?}");
        }
        assert_eq!(given_id(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_without_its_words_and_the_server_goes_on() {
        let router = Router::new()
            .route("/panic", get(async || -> &'static str { panic!("inner words") }))
            .route("/fine", get(async || "fine"))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(middleware::from_fn(|request: Request, next: Next| async move {
                let record = RequestRecord::begin(&request);
                record.finish(next.run(request).await)
            }));
        let ask = async |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).expect("request");
            let answer = router.clone().oneshot(request).await.expect("answers");
            let status = answer.status().as_u16();
            let body = to_bytes(answer.into_body(), 10_000).await.expect("body");
            (status, String::from_utf8_lossy(&body).into_owned())
        };
        let (status, body) = ask("/panic").await;
        assert!(status == 500 && body.contains("request_id") && !body.contains("inner words"), "{body}");
        assert_eq!(ask("/fine").await, (200, "fine".into()));
    }
}
