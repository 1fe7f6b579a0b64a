//! The files of the crate `dashboard`, with what a browser is told of each.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dashboard::PageFile;

use crate::http::api::problem::Problem;

/// Scripts come from this server alone. ECharts writes styles into its elements; recordings lie at the providers'.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; media-src 'self' https:; \
                      object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

pub fn index(headers: &HeaderMap) -> Response {
    let index = dashboard::index(|encoding| accepts(headers, encoding));
    let index = index.ok_or_else(|| Problem::not_found("page"));
    index.and_then(|file| respond(file, headers)).unwrap_or_else(IntoResponse::into_response)
}

pub fn page(headers: &HeaderMap) -> Response {
    index(headers)
}

pub fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let file = dashboard::file(path, |encoding| accepts(headers, encoding))?;
    Some(respond(file, headers).unwrap_or_else(IntoResponse::into_response))
}

fn respond(file: PageFile, headers: &HeaderMap) -> Result<Response, Problem> {
    let text = |value: &str| HeaderValue::from_str(value).map_err(|error| Problem::internal(&error));
    let etag = text(&file.etag)?;
    let known = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let is_known =
        known.flat_map(|value| value.split(',')).any(|tag| tag.trim().trim_start_matches("W/") == file.etag);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(match file.bytes {
            Cow::Borrowed(bytes) => Body::from(bytes),
            Cow::Owned(bytes) => Body::from(bytes),
        })
    };
    let kept = if file.is_immutable { FOR_EVER } else { "no-cache" };
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    answer.insert(header::ETAG, etag);
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    answer.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    answer.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Some(encoding) = file.encoding {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Ok(response)
}

/// Whether the client takes the encoding: it is named, and not with `q=0`.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let given = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        is_it && quality.is_none_or(|quality| quality > 0.0)
    })
}
