//! Rendered answers: JSON or CSV bytes, with an ETag where facts alone decide them, never stored where the time does.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use domain::keys::Position;
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;

use super::csv::{self, Columns};
use super::negotiation::{Media, Negotiation, NextPage};
use super::problem::Problem;
use super::unkept::unkept;

const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");
const POSITION: HeaderName = HeaderName::from_static("x-position");
const CLOCK_AHEAD: HeaderName = HeaderName::from_static("x-clock-ahead");
/// Stands first in a JSON answer by `known_at` while the log's last fact was recorded ahead of the clock.
const CLOCK_AHEAD_MEMBER: &[u8] = b"\"clock_ahead\":true,";

/// One thing with the position at which it is so.
#[derive(Serialize, ToSchema)]
pub struct ItemAnswer<T> {
    /// The log position up to which the answer is true.
    pub position: Position,
    /// The thing.
    #[serde(flatten)]
    pub answer: T,
}

/// An answer that depends on the time, with that time.
#[derive(Serialize, ToSchema)]
pub struct AnswerAt<T> {
    /// The moment of the answer: the server's clock, or `known_at` where it was given.
    pub at: String,
    /// The answer.
    #[serde(flatten)]
    pub answer: T,
}

/// An answer's bytes, with what a CSV page says in headers because its rows cannot.
#[derive(Debug, Clone)]
pub struct Rendered {
    media: Media,
    body: Vec<u8>,
    page: Option<CsvPage>,
}

/// What a page of CSV says outside of its rows.
#[derive(Debug, Clone)]
struct CsvPage {
    position: Position,
    next_cursor: Option<String>,
    /// Whether the page is one of a whole list, which has no next page to ask for.
    of_whole: bool,
    file: Box<str>,
}

/// A table whose maps have a column for each key: only where its rows are all there are, for the header comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maps {
    /// JSON text in a cell.
    AsText,
    /// A column for each key.
    AsColumns,
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl Rendered {
    /// `answer` as JSON.
    pub fn json<T: Serialize>(answer: &T) -> Result<Self, Problem> {
        let body = serde_json::to_vec(answer).map_err(|error| Problem::internal(&error))?;
        Ok(Self { media: Media::Json, body, page: None })
    }

    /// The rows of a page as CSV.
    pub fn csv<T: Serialize + ToSchema>(
        negotiation: &Negotiation,
        page: Page<T>,
        maps: Maps,
    ) -> Result<Self, Problem> {
        let values = page.items.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
        let values = values.map_err(|error| Problem::internal(&error))?;
        let columns = Columns::of::<T>();
        let columns = if maps == Maps::AsColumns { columns.with_keys_of(&values) } else { columns };
        let rows = csv::write(&columns, &values, negotiation.begins);
        let mut body = rows.map_err(|error| Problem::internal(&error))?;
        if negotiation.bom && negotiation.begins {
            body.splice(..0, BYTE_ORDER_MARK.iter().copied());
        }
        let Page { position, next_cursor, items: _ } = page;
        let file = negotiation.file.clone();
        let page = CsvPage { position, next_cursor, of_whole: negotiation.is_whole, file };
        Ok(Self { media: Media::Csv, body, page: Some(page) })
    }

    /// A page in the negotiated media.
    pub fn page<T: Serialize + ToSchema>(negotiation: &Negotiation, page: Page<T>) -> Result<Self, Problem> {
        match negotiation.media {
            Media::Json => Self::json(&page),
            Media::Csv => Self::csv(negotiation, page, Maps::AsText),
        }
    }

    /// The response of an answer that facts alone decide: with an ETag, or 304 where the client has it.
    ///
    /// The tag names the tenant's position, the media and the build, and nothing else: no fact, no change.
    pub fn stable(self, negotiation: &Negotiation, position: Position) -> Result<Response, Problem> {
        let ahead = if negotiation.clock_ahead { "-ahead" } else { "" };
        let tag = format!("\"p{position}-{}{ahead}-{}\"", self.media.as_str(), negotiation.build);
        let mut response = if negotiation.client_has(&tag) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            self.warned(negotiation)?
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, text(&tag)?);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("accept, authorization, cookie"));
        Ok(response)
    }

    /// The response of an answer that the time decides too: `no-store`.
    pub fn momentary(self, negotiation: &Negotiation) -> Result<Response, Problem> {
        self.warned(negotiation).map(unkept)
    }

    /// The response of a command, which nobody stores.
    pub fn with_status(self, status: StatusCode) -> Result<Response, Problem> {
        let mut response = self.response()?;
        *response.status_mut() = status;
        Ok(response)
    }

    /// The response; it says `clock_ahead` where the clock makes it doubtful.
    fn warned(mut self, negotiation: &Negotiation) -> Result<Response, Problem> {
        let ahead = negotiation.clock_ahead;
        if ahead && self.media == Media::Json && self.body.first() == Some(&b'{') {
            self.body.splice(1..1, CLOCK_AHEAD_MEMBER.iter().copied());
        }
        let mut response = self.response()?;
        if ahead {
            response.headers_mut().insert(CLOCK_AHEAD, HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    fn response(self) -> Result<Response, Problem> {
        let mut response = Response::new(Body::from(self.body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media.content_type()));
        if let Some(CsvPage { position, next_cursor, of_whole, file }) = self.page {
            headers.insert(POSITION, HeaderValue::from(position));
            let disposition = format!("attachment; filename=\"{file}\"");
            headers.insert(header::CONTENT_DISPOSITION, text(&disposition)?);
            match next_cursor {
                Some(next) if of_whole => {
                    response.extensions_mut().insert(NextPage(next));
                }
                Some(next) => {
                    headers.insert(NEXT_CURSOR, text(&next)?);
                }
                None => {}
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
    use crate::http::api::query::Query;

    #[test]
    fn an_answer_is_told_again_unless_position_representation_and_build_are_the_same() {
        let status = |known: &str, position, media| {
            let request = Request::builder().header("if-none-match", known).body(()).expect("request");
            let query = Query::new(None, &[]).expect("reads");
            let negotiation = Negotiation::new(&request.into_parts().0, &query, "b1").expect("negotiates");
            let rendered = Rendered { media, body: b"{}".to_vec(), page: None };
            rendered.stable(&negotiation, position).expect("answers").status().as_u16()
        };
        assert_eq!(status("\"p7-json-b1\"", 7, Media::Json), 304);
        assert_eq!(status("\"p6-json-b1\", W/\"p7-json-b1\"", 7, Media::Json), 304);
        assert_eq!(status("*", 7, Media::Json), 304);
        assert_eq!(status("\"p7-json-b1\"", 8, Media::Json), 200);
        assert_eq!(status("\"p7-json-b1\"", 7, Media::Csv), 200);
        assert_eq!(status("\"p7-json-b0\"", 7, Media::Json), 200);
    }
}
