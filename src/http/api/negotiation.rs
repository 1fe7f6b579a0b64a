//! What a request's headers ask of its answer: JSON or CSV (`Accept`), and nothing new (`If-None-Match`).

use std::cmp::Reverse;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use utoipa::openapi::path::Parameter;

use super::query;

/// The media types of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`
    Json,
    /// `text/csv`
    Csv,
}

impl Media {
    /// The word in ETags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    /// The `Content-Type` of answers.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// How well a media range covers this type: 2 by its name, 1 by `text/*` or `application/*`, 0 by `*/*`.
    fn precision(self, range: &str) -> Option<u8> {
        let (exact, family) = match self {
            Self::Json => ("application/json", "application/*"),
            Self::Csv => ("text/csv", "text/*"),
        };
        match range {
            "*/*" => Some(0),
            range if range == family => Some(1),
            range if range == exact => Some(2),
            _ => None,
        }
    }

    /// The type with the highest `q` (RFC 9110, 12.5.1): of equals the one whose range stands first, else JSON. JSON
    /// too where neither is acceptable: RFC 9110 allows it, and a 406 would help nobody.
    fn accepted(headers: &HeaderMap) -> Self {
        let ranges: Vec<(String, u16)> = list(headers, header::ACCEPT).map(media_range).collect();
        // The most precise range that covers a type decides its q, wherever it stands.
        let rank = |media: Self| {
            let covering = ranges.iter().enumerate().filter_map(|(place, (range, quality))| {
                Some((media.precision(range)?, *quality, Reverse(place)))
            });
            let (_, quality, place) = covering.max_by_key(|(precision, _, place)| (*precision, *place))?;
            (quality > 0).then_some((quality, place))
        };
        if rank(Self::Csv) > rank(Self::Json) { Self::Csv } else { Self::Json }
    }
}

/// A media range in lower case without its parameters, and its `q` in thousandths: 1,000 where it has none.
fn media_range(text: &str) -> (String, u16) {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality =
        parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("q"));
    let quality = quality.and_then(|(_, value)| value.parse::<f32>().ok()).unwrap_or(1.0);
    (range, (quality.clamp(0.0, 1.0) * 1_000.0) as u16)
}

/// The comma-separated members of a header that may be sent more than once.
fn list(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(','))
}

/// What a request's headers ask of its answer.
#[derive(Debug, Clone)]
pub struct Negotiation {
    /// What lists are rendered as.
    pub media: Media,
    /// The build and the log that make the answers, part of their ETags.
    pub build: Box<str>,
    etags: Vec<Box<str>>,
}

impl Negotiation {
    /// Of these headers.
    pub fn new(parts: &Parts, build: &str) -> Self {
        let etags = list(&parts.headers, header::IF_NONE_MATCH);
        Self {
            media: Media::accepted(&parts.headers),
            build: build.into(),
            etags: etags.map(|tag| tag.trim().trim_start_matches("W/").into()).collect(),
        }
    }

    /// Whether the client holds the answer with this ETag.
    pub fn client_has(&self, tag: &str) -> bool {
        self.etags.iter().any(|known| **known == *tag || &**known == "*")
    }
}

/// The header that brings an answer's ETag back, for the API document.
pub fn if_none_match() -> Parameter {
    query::header(
        "If-None-Match",
        "ETags of answers that the client has; 304 where the answer would be one of them.",
    )
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn media(accept: &str) -> Media {
        let request = Request::builder().header("accept", accept).body(()).expect("request");
        Negotiation::new(&request.into_parts().0, "b1").media
    }

    #[test]
    fn csv_is_written_where_it_is_asked_for_first() {
        for (accept, expected) in [
            ("text/csv", Media::Csv),
            ("Text/CSV;q=0.9, application/json;q=0.1", Media::Csv),
            ("application/json, text/csv", Media::Json),
            ("*/*", Media::Json),
            ("text/html", Media::Json),
        ] {
            assert_eq!(media(accept), expected, "{accept}");
        }
    }

    #[test]
    fn the_highest_q_decides_before_the_order_and_0_refuses() {
        for (accept, expected) in [
            ("text/csv;q=0.5, application/json", Media::Json),
            ("application/json;q=0.5, text/csv", Media::Csv),
            ("application/json;q=0.5, text/csv;Q=0.501", Media::Csv),
            ("*/*, text/csv;q=0.1", Media::Json),
            ("*/*;q=0.1, text/csv", Media::Csv),
            ("application/json;q=0, */*", Media::Csv),
            ("text/csv;q=0", Media::Json),
            ("text/csv;q=0, application/json;q=0", Media::Json),
            ("text/*", Media::Csv),
            ("text/csv;charset=utf-8, application/json", Media::Csv),
            ("text/html, application/xhtml+xml, */*;q=0.8", Media::Json),
        ] {
            assert_eq!(media(accept), expected, "{accept}");
        }
    }
}
