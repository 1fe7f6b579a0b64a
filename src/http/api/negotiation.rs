//! How answers are told: as JSON or CSV, with an ETag where only facts decide them, never stored where the time does.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use domain::keys::Position;
use utoipa::openapi::path::Parameter;

use super::problem::Problem;
use super::query;

/// What an answer is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`
    Json,
    /// `text/csv`
    Csv,
}

impl Media {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// CSV where `Accept` names it before JSON and before anything at all.
    fn accepted(headers: &HeaderMap) -> Self {
        let ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut media = ranges.flat_map(|value| value.split(',')).map(|range| {
            let range = range.split(';').next().unwrap_or_default();
            range.trim().to_ascii_lowercase()
        });
        match media.find(|media| ["text/csv", "application/json", "*/*"].contains(&media.as_str())) {
            Some(first) if first == "text/csv" => Self::Csv,
            Some(_) | None => Self::Json,
        }
    }
}

/// What of a request decides how its answer is told.
#[derive(Debug, Clone)]
pub struct Negotiation {
    known: Vec<Box<str>>,
    media: Media,
    build: Box<str>,
}

const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");
const POSITION: HeaderName = HeaderName::from_static("x-position");

/// The header that brings an answer's ETag back, for the API document.
pub fn if_none_match() -> Parameter {
    query::header(
        "If-None-Match",
        "The ETag of an answer that the client has: 304 where it would be the same.",
    )
}

impl Negotiation {
    /// Of these headers; `build` names the server that makes the answers.
    pub fn new(parts: &Parts, build: &str) -> Self {
        let known = parts.headers.get_all(header::IF_NONE_MATCH).iter();
        let known = known.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        Self {
            known: known.map(|tag| tag.trim().trim_start_matches("W/").into()).collect(),
            media: Media::accepted(&parts.headers),
            build: build.into(),
        }
    }

    /// What lists are written as.
    pub fn media(&self) -> Media {
        self.media
    }

    /// The answer, or 304 where the client has it: it is that of the tenant's position, the representation and the
    /// build, and of nothing else (RULINGS, Time and order).
    pub fn stable(&self, position: Position, answer: Rendered) -> Result<Response, Problem> {
        let tag = format!("\"p{position}-{}-{}\"", answer.media.name(), self.build);
        let has_it = self.known.iter().any(|known| **known == *tag || &**known == "*");
        let mut response = if has_it {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            answer.response()?
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, text(&tag)?);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("accept, authorization, cookie"));
        Ok(response)
    }
}

/// An answer's bytes, and of a page what JSON says in its members and CSV cannot.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// What they are.
    pub media: Media,
    /// The bytes.
    pub body: Vec<u8>,
    /// Of a page of CSV: the position and the next cursor.
    pub page: Option<(Position, Option<String>)>,
}

impl Rendered {
    /// JSON.
    pub fn json(body: Vec<u8>) -> Self {
        Self { media: Media::Json, body, page: None }
    }

    /// An answer that the time decides too: not to be stored.
    pub fn momentary(self) -> Result<Response, Problem> {
        let mut response = self.response()?;
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }

    fn response(self) -> Result<Response, Problem> {
        let mut response = Response::new(Body::from(self.body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media.content_type()));
        if let Some((position, next)) = self.page {
            headers.insert(POSITION, HeaderValue::from(position));
            if let Some(next) = next {
                headers.insert(NEXT_CURSOR, text(&next)?);
            }
        }
        Ok(response)
    }
}

fn text(value: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(value).map_err(|error| Problem::internal(&error))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn asked(name: &str, value: &str) -> Negotiation {
        let (parts, ()) = Request::builder().header(name, value).body(()).expect("request").into_parts();
        Negotiation::new(&parts, "b1")
    }

    #[test]
    fn csv_is_written_where_it_is_asked_for_first() {
        for (accept, media) in [
            ("text/csv", Media::Csv),
            ("Text/CSV;q=0.9, application/json;q=0.1", Media::Csv),
            ("application/json, text/csv", Media::Json),
            ("*/*", Media::Json),
            ("text/html", Media::Json),
        ] {
            assert_eq!(asked("accept", accept).media(), media, "{accept}");
        }
    }

    #[test]
    fn an_answer_is_told_again_unless_position_representation_and_build_are_the_same() {
        let status = |known: &str, position, media| {
            let written = Rendered { media, body: b"{}".to_vec(), page: None };
            asked("if-none-match", known).stable(position, written).expect("answers").status().as_u16()
        };
        assert_eq!(status("\"p7-json-b1\"", 7, Media::Json), 304);
        assert_eq!(status("\"p6-json-b1\", W/\"p7-json-b1\"", 7, Media::Json), 304);
        assert_eq!(status("*", 7, Media::Json), 304);
        assert_eq!(status("\"p7-json-b1\"", 8, Media::Json), 200);
        assert_eq!(status("\"p7-json-b1\"", 7, Media::Csv), 200);
        assert_eq!(status("\"p7-json-b0\"", 7, Media::Json), 200);
    }
}
