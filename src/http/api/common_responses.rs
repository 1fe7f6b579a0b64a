//! What the API document says of answers that are no success: each is a problem, the same shape everywhere.

use axum::http::{Method, StatusCode};
use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::{Response, Responses};
use utoipa::openapi::{Content, ObjectBuilder, Ref, RefOr, ResponseBuilder, Type};

use super::needs::Need;

/// RFC 9457 problem details. Conflicts and batches that broke off carry further members, described with them.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "documents what Problem::render writes")]
pub struct ProblemBody {
    /// `urn:factfold:problem:` and the code.
    r#type: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong, for people.
    detail: String,
    /// What is wrong, for programs: stable.
    code: String,
    /// The id under which the request is logged; the header `x-request-id` too.
    request_id: String,
    /// Fields at fault, where fields are.
    #[schema(required = false)]
    errors: Vec<FieldAtFault>,
}

/// A field at fault.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents domain's FieldError")]
pub struct FieldAtFault {
    /// RFC 6901, into the body that was sent.
    pointer: String,
    /// The rule.
    message: String,
}

/// What every route answers beside its own: problems by what it needs and takes, 304 of readings, CSV of lists; and
/// the content of those problems that the handler names itself.
pub fn describe(method: &Method, operation: &mut Operation, need: Need, of_a_tenant: bool) {
    let takes = |name: &str| {
        let mut parameters = operation.parameters.iter().flatten();
        parameters.any(|known| matches!(known, RefOr::T(known) if known.name == name))
    };
    let (lists, reads) = (takes("cursor"), takes("If-None-Match"));
    // Commands that need no body refuse one that says something.
    let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
    let responses = &mut operation.responses;
    if lists {
        add_csv(responses);
    }
    if reads {
        let description = "The client has this answer: `If-None-Match` holds its ETag";
        let unchanged = ResponseBuilder::new().description(description).build();
        responses.responses.entry("304".to_owned()).or_insert(RefOr::T(unchanged));
    }
    let mut common = vec![
        (StatusCode::BAD_REQUEST, "The request does not parse: its path, a parameter or the body"),
        (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here; it is logged under the request's id"),
        (StatusCode::SERVICE_UNAVAILABLE, "Not now; `Retry-After` says when to come again"),
    ];
    if takes_body {
        common.extend([
            (StatusCode::REQUEST_TIMEOUT, "The body did not come in time"),
            (StatusCode::PAYLOAD_TOO_LARGE, "The body is over the limit"),
            (
                StatusCode::UNPROCESSABLE_ENTITY,
                "The body is well-formed but wrong; `errors` names the fields",
            ),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is of another media type, or compressed"),
        ]);
    }
    if need != Need::Open {
        let description = "Too many requests; `Retry-After` says when to come again";
        common.push((StatusCode::TOO_MANY_REQUESTS, description));
        common.push((StatusCode::UNAUTHORIZED, "No known token was sent"));
    }
    if !matches!(need, Need::Open | Need::Known) {
        common.push((StatusCode::FORBIDDEN, "The caller's role may not do this"));
        let unknown = if of_a_tenant {
            "There is no such thing, or no such tenant, or the caller may not know of it"
        } else {
            "There is no such thing, or the caller is tied to tenants"
        };
        common.push((StatusCode::NOT_FOUND, unknown));
    }
    for (status, description) in common {
        let known = responses.responses.entry(status.as_str().to_owned());
        known.or_insert_with(|| RefOr::T(ResponseBuilder::new().description(description).build()));
    }
    for (status, response) in &mut responses.responses {
        let RefOr::T(response) = response else { continue };
        let mut say = |name: &str, said: &str| {
            let text = ObjectBuilder::new().schema_type(Type::String).build();
            let header = HeaderBuilder::new().schema(Some(text)).description(Some(said)).build();
            response.headers.insert(name.to_owned(), RefOr::T(header));
        };
        match status.as_str() {
            "429" | "503" => say("Retry-After", "Seconds to wait"),
            "200" | "304" if reads => {
                say(
                    "ETag",
                    "Of an answer that only facts decide; those that the time decides are not to be stored",
                );
            }
            _ => {}
        }
        if lists && status == "200" {
            say("X-Position", "Of CSV: what `position` is in JSON");
            say("X-Next-Cursor", "Of CSV: what `next_cursor` is in JSON");
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
