//! Answers that no cache keeps: secrets, and what is true for the moment that it is asked.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// The answer, which no cache keeps.
pub fn unkept(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
