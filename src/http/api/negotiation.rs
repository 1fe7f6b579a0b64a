//! What a request asks of its answer: JSON or CSV (`format`, else `Accept`), and nothing new (`If-None-Match`).

use std::cmp::Reverse;
use std::sync::{Arc, OnceLock};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use domain::words;
use utoipa::openapi::path::Parameter;

use super::problem::Problem;
use super::query::{self, KnownParameter, Parameters, Query, parameters, word_values};
use crate::views::TenantView;

words! {
    /// The media types of answers; the words are those of `format` and of ETags.
    Media {
        /// `application/json`
        Json = "json",
        /// `text/csv`
        Csv = "csv",
    }
}
word_values!(Media);

parameters! {
    /// How a route that has CSV renders its answer.
    FormatQuery {
        /// By default what `Accept` asks for, else `json`. A list as `csv` is whole, unless `limit` or `cursor` asks for a page.
        format: Media,
        /// Begins CSV with a byte order mark, for spreadsheets that take UTF-8 for another encoding without one.
        bom: bool,
    }
}

impl Media {
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
    /// too where neither is acceptable: RFC 9110 allows it, and to a browser a 406 would be no help.
    fn accepted(headers: &HeaderMap) -> Self {
        if Self::ranks(headers, Self::Csv) > Self::ranks(headers, Self::Json) {
            Self::Csv
        } else {
            Self::Json
        }
    }

    /// How welcome a type is: its `q`, then how far in front its range stands; none where it is not acceptable.
    fn ranks(headers: &HeaderMap, media: Self) -> Option<(u16, Reverse<usize>)> {
        let ranges: Vec<(String, u16)> = list(headers, header::ACCEPT).map(media_range).collect();
        // The most precise range that covers a type decides its q, wherever it stands.
        let covering = ranges.iter().enumerate().filter_map(|(place, (range, quality))| {
            Some((media.precision(range)?, *quality, Reverse(place)))
        });
        let (_, quality, place) = covering.max_by_key(|(precision, _, place)| (*precision, *place))?;
        (quality > 0).then_some((quality, place))
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

/// The cursor of the next page, in the extensions of a page of CSV.
#[derive(Debug, Clone)]
pub struct NextPage(pub String);

/// The models of a whole list: those of its first page serve all.
pub type FirstView = Arc<OnceLock<TenantView>>;

/// The representation that a request asks for, of a route that has CSV.
#[derive(Debug, Clone)]
pub struct Representation {
    /// What the answer is rendered as.
    pub media: Media,
    /// Whether CSV begins here: with a header line, and a byte order mark where one is asked for.
    pub begins: bool,
    /// Of a list that is asked for without a page.
    pub whole: Option<FirstView>,
    file: Box<str>,
}

impl Representation {
    /// Of this request; `format` is checked where the other parameters are.
    pub fn new(parts: &Parts, of_a_list: bool) -> Self {
        let media = format_of(parts).unwrap_or_else(|| Media::accepted(&parts.headers));
        let whole = of_a_list && parameter(parts, "limit").is_none() && parameter(parts, "cursor").is_none();
        let whole = whole.then(FirstView::default);
        Self { media, begins: true, whole, file: file_name(parts).into() }
    }

    /// Whether the request would take CSV and not JSON.
    pub fn takes_csv_alone(parts: &Parts) -> bool {
        let ranks = |media| Media::ranks(&parts.headers, media).is_some();
        format_of(parts).map_or(ranks(Media::Csv) && !ranks(Media::Json), |format| format == Media::Csv)
    }

    /// The parameters that a route with CSV takes beside its own; none of a route without.
    pub fn parameters(parts: &Parts) -> &'static [KnownParameter] {
        if parts.extensions.get::<Self>().is_some() { FormatQuery::KNOWN } else { &[] }
    }
}

fn parameter(parts: &Parts, name: &str) -> Option<String> {
    let mut given = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let given = given.find(|(given, _)| given == name).map(|(_, value)| value.trim().to_owned());
    given.filter(|value| !value.is_empty())
}

fn format_of(parts: &Parts) -> Option<Media> {
    parameter(parts, "format").and_then(|format| Media::parse(&format))
}

/// A file's name that says what is in it: tenant, route and dates, such as `acme-metrics-days-2025-10-01-2025-10-31.csv`.
fn file_name(parts: &Parts) -> String {
    let path = parts.uri.path().trim_start_matches("/api/v1/").trim_start_matches("tenants/");
    let dates = ["month", "period", "date", "from", "to"].iter().filter_map(|name| parameter(parts, name));
    let said = [path.to_owned()].into_iter().chain(dates).collect::<Vec<_>>().join("-");
    let plain = said.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' });
    format!("{}.csv", plain.take(100).collect::<String>().trim_matches('-'))
}

/// What a request asks of its answer.
#[derive(Debug, Clone)]
pub struct Negotiation {
    /// What lists are rendered as.
    pub media: Media,
    /// Whether CSV begins here, with a header line.
    pub begins: bool,
    /// Whether CSV begins with a byte order mark.
    pub bom: bool,
    /// Whether the list is asked for as a whole.
    pub is_whole: bool,
    /// The name under which a browser keeps CSV.
    pub file: Box<str>,
    /// The build and the log that make the answers, part of their ETags.
    pub build: Box<str>,
    /// Whether the answer is one by `known_at` while the log's last fact was recorded ahead of the clock: facts that
    /// were known by then can be missing, and the answer says so.
    pub clock_ahead: bool,
    etags: Vec<Box<str>>,
}

impl Negotiation {
    /// Of this request; JSON of a route without CSV. 400 for a `format` that is none, or `bom` without CSV.
    pub fn new(parts: &Parts, query: &Query<'_>, build: &str) -> Result<Self, Problem> {
        let FormatQuery { format, bom } = FormatQuery::read(query)?;
        let representation = parts.extensions.get::<Representation>();
        let media =
            format.or(representation.map(|representation| representation.media)).unwrap_or(Media::Json);
        let bom = bom.unwrap_or(false);
        if bom && media != Media::Csv {
            return Err(Problem::bad_request(
                "bad_parameter",
                "parameter \"bom\" is for CSV: add format=csv",
            ));
        }
        let etags = list(&parts.headers, header::IF_NONE_MATCH);
        Ok(Self {
            media,
            begins: representation.is_none_or(|representation| representation.begins),
            bom,
            is_whole: representation.is_some_and(|representation| representation.whole.is_some()),
            file: representation.map_or("", |representation| &representation.file).into(),
            build: build.into(),
            clock_ahead: false,
            etags: etags.map(|tag| tag.trim().trim_start_matches("W/").into()).collect(),
        })
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
        Representation::new(&request.into_parts().0, true).media
    }

    #[test]
    fn a_file_is_named_by_tenant_route_and_dates_in_plain_letters() {
        let name = |uri: &str| {
            let request = Request::builder().uri(uri).body(()).expect("request");
            file_name(&request.into_parts().0)
        };
        assert_eq!(
            name("/api/v1/tenants/acme/metrics/days?to=2025-10-31&from=2025-10-01&format=csv"),
            "acme-metrics-days-2025-10-01-2025-10-31.csv"
        );
        assert_eq!(name("/api/v1/deliveries"), "deliveries.csv");
        assert_eq!(
            name("/api/v1/tenants/acme/calls/a%22%0d%0aX/recordings?from=%22;x"),
            "acme-calls-a-22-0d-0aX-recordings---x.csv"
        );
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
