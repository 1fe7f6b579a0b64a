//! What the API document says of answers that are no success: each is a problem, the same shape everywhere.

use axum::http::{Method, StatusCode};
use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::{Response, Responses};
use utoipa::openapi::{Content, ObjectBuilder, Ref, RefOr, ResponseBuilder, Type};

use super::needs::Need;
use super::negotiation::FormatQuery;
use super::query::Parameters;
use super::representation::Offer;

/// Problem details by RFC 9457. Conflicts and interrupted batches carry further members, described with their routes.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "documents what Problem::render writes")]
pub struct ProblemBody {
    /// `urn:factfold:problem:` and the code.
    r#type: String,
    /// The status' reason phrase.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong, in English for a person. The text may change.
    detail: String,
    /// What is wrong, as a stable word for programs.
    code: String,
    /// The request's id in the server's log, as in the header `X-Request-Id`.
    request_id: String,
    /// The invalid fields, where the problem lies in fields of the body.
    #[schema(required = false)]
    errors: Vec<FieldAtFault>,
}

/// An invalid field of the body.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents domain's FieldError")]
pub struct FieldAtFault {
    /// JSON pointer (RFC 6901) into the body that was sent.
    pointer: String,
    /// The rule that the field breaks.
    message: String,
}

/// Adds the responses that no handler declares: problems by the route's need and input, 304 for reads, CSV for lists;
/// and the content type of the problems that the handler declares itself.
pub fn describe(method: &Method, operation: &mut Operation, need: Need, of_a_tenant: bool) {
    let takes = |name: &str| {
        let mut parameters = operation.parameters.iter().flatten();
        parameters.any(|known| matches!(known, RefOr::T(known) if known.name == name))
    };
    let (lists, reads, travels) = (takes("cursor"), takes("If-None-Match"), takes("as_of_position"));
    // Commands without a body refuse one with members.
    let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
    let responses = &mut operation.responses;
    if lists {
        add_csv(responses);
    }
    if reads {
        let description = "Not modified: `If-None-Match` names the current ETag";
        let unchanged = ResponseBuilder::new().description(description).build();
        responses.responses.entry("304".to_owned()).or_insert(RefOr::T(unchanged));
    }
    let mut common = vec![
        (StatusCode::BAD_REQUEST, "Malformed request: its path, a parameter or the body does not parse"),
        (StatusCode::INTERNAL_SERVER_ERROR, "Internal error, logged under the request's id"),
        (StatusCode::SERVICE_UNAVAILABLE, "Temporarily unavailable; `Retry-After` says when to try again"),
    ];
    if travels {
        common.push((StatusCode::CONFLICT, "`position_ahead`: the log ends before `as_of_position`"));
    }
    if takes_body {
        common.extend([
            (StatusCode::REQUEST_TIMEOUT, "The body was sent too slowly"),
            (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            (StatusCode::UNPROCESSABLE_ENTITY, "Invalid content; `errors` names the fields"),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type, or a compressed body"),
        ]);
    }
    if need != Need::Open {
        let description = "Rate limit exceeded; `Retry-After` says when to try again";
        common.push((StatusCode::TOO_MANY_REQUESTS, description));
        common.push((StatusCode::UNAUTHORIZED, "No valid token or login"));
    }
    if !matches!(need, Need::Open | Need::Known) {
        common.push((StatusCode::FORBIDDEN, "The caller's role may not do this"));
        let unknown = if of_a_tenant {
            "Not found: no such item or tenant, or none that the caller may see"
        } else {
            "Not found; also for callers who are limited to tenants"
        };
        common.push((StatusCode::NOT_FOUND, unknown));
    }
    for (status, description) in common {
        let known = responses.responses.entry(status.as_str().to_owned());
        known.or_insert_with(|| RefOr::T(ResponseBuilder::new().description(description).build()));
    }
    describe_headers_and_problems(responses, lists, reads);
}

/// What a reading route can answer with; its document says so, and how to ask for CSV, or that there is none.
pub fn offer(operation: &mut Operation, need: Need) -> Offer {
    let ok = operation.responses.responses.get("200");
    let has_csv = matches!(ok, Some(RefOr::T(ok)) if ok.content.contains_key("text/csv"));
    if !has_csv {
        if need != Need::Open {
            let mut refused = ResponseBuilder::new().description("The route has no CSV").build();
            be_a_problem(&mut refused);
            operation.responses.responses.insert("406".to_owned(), RefOr::T(refused));
        }
        return Offer::Json;
    }
    let described = operation.parameters.get_or_insert_default();
    let lists = described.iter().any(|known| matches!(known, RefOr::T(known) if known.name == "cursor"));
    described.extend(FormatQuery::describe().into_iter().map(RefOr::T));
    if lists { Offer::List } else { Offer::Rows }
}

fn describe_headers_and_problems(responses: &mut Responses, lists: bool, reads: bool) {
    for (status, response) in &mut responses.responses {
        let RefOr::T(response) = response else { continue };
        let mut describe = |name: &str, text: &str| {
            let schema = ObjectBuilder::new().schema_type(Type::String).build();
            let header = HeaderBuilder::new().schema(Some(schema)).description(Some(text)).build();
            response.headers.insert(name.to_owned(), RefOr::T(header));
        };
        match status.as_str() {
            "429" | "503" => describe("Retry-After", "Seconds to wait before trying again"),
            "200" | "304" if reads => {
                describe(
                    "ETag",
                    "Identifies this answer for `If-None-Match`. Answers that depend on the time have none and are `no-store`",
                );
            }
            _ => {}
        }
        if lists && status == "200" {
            describe("X-Position", "With CSV: the member `position` of the JSON answer");
            describe("X-Next-Cursor", "With a page of CSV: the member `next_cursor` of the JSON answer");
        }
        if status.starts_with(['4', '5']) {
            be_a_problem(response);
        }
        if response.description.is_empty() {
            let known = StatusCode::from_bytes(status.as_bytes()).ok();
            let reason = known.and_then(|status| status.canonical_reason());
            response.description = reason.unwrap_or_default().to_owned();
        }
    }
}

fn add_csv(responses: &mut Responses) {
    if let Some(RefOr::T(page)) = responses.responses.get_mut("200") {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        page.content.insert("text/csv".to_owned(), Content::new(Some(text)).into());
    }
}

fn be_a_problem(response: &mut Response) {
    if response.content.is_empty() {
        let schema = Ref::from_schema_name("Problem");
        let content = Content::new(Some(schema));
        response.content.insert("application/problem+json".to_owned(), content.into());
    }
}
