//! What asks for a change: who may, with which parameters and body, under which key of idempotency.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::json::{Json, Reader};
use domain::keys::Position;
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required, Type};
use utoipa::{IntoParams, ToSchema};

use super::body::{SINGLE_MAX, whole};
use super::problem::Problem;
use super::query::{Parameters, Query};
use super::tenant_access::TenantAccess;
use crate::commands::{CommandError, Done, IdempotencyKey, Unread};
use crate::http::App;

const KEY: &str = "idempotency-key";

/// A command to one tenant: the caller may give it, and its body is JSON or there is none.
pub struct Command<Q = ()> {
    /// The tenant, with the caller's role and name.
    pub tenant: TenantAccess,
    /// The route's own parameters.
    pub query: Q,
    /// `Idempotency-Key`, where one was sent.
    pub key: Option<IdempotencyKey>,
    body: Bytes,
}

impl<Q> Command<Q> {
    /// Reads the body's members with `read`; 422 naming every field at fault, and members that nobody read.
    pub fn body<T>(&self, read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Result<T, Problem> {
        members(&self.body, read)
    }
}

/// Reads the members of a JSON body with `read`; 422 naming every field at fault, and members that nobody read.
/// No body is one without members.
pub fn members<T>(body: &[u8], read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Result<T, Problem> {
    let given = if body.trim_ascii().is_empty() { Ok(Json::Null) } else { Json::parse(body) };
    let given = given
        .map_err(|error| Problem::bad_request("malformed_json", format!("the body is no JSON: {error}")))?;
    let mut faults = Vec::new();
    let mut at = Reader::new(given, "", &mut faults);
    let value = read(&mut at);
    at.finish();
    match value {
        Some(value) if faults.is_empty() => Ok(value),
        Some(_) | None => Err(Problem::unprocessable("invalid_body", faults)),
    }
}

/// A JSON body under the limit of one fact, unparsed; it may be absent.
pub async fn json_body(request: Request) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = whole(body, SINGLE_MAX).await?;
    if !bytes.trim_ascii().is_empty() {
        content_type(&parts, &["application/json"])?;
    }
    Ok(bytes)
}

/// 415 unless the body is of one of `types` and not compressed; answers which.
pub fn content_type<'t>(parts: &Parts, types: &[&'t str]) -> Result<&'t str, Problem> {
    let unsupported =
        |detail| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail);
    if parts.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding.as_bytes() != b"identity") {
        return Err(unsupported("send the body as it is, without Content-Encoding".to_owned()));
    }
    let given = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media =
        given.and_then(|value| value.split(';').next()).map(|media| media.trim().to_ascii_lowercase());
    let found = media.as_deref().and_then(|media| types.iter().find(|known| **known == media));
    found.copied().ok_or_else(|| unsupported(format!("send the body as {}", types.join(" or "))))
}

/// What a command did, as JSON.
pub fn answered<T: Serialize>(status: StatusCode, answer: &T) -> Result<Response, Problem> {
    let body = serde_json::to_vec(answer).map_err(|error| Problem::internal(&error))?;
    Ok((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

fn key(parts: &Parts) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(given) = parts.headers.get(KEY) else { return Ok(None) };
    let key = given.to_str().ok().and_then(|key| IdempotencyKey::new(key).ok());
    let refused = || {
        let detail = "Idempotency-Key must be 1 to 507 visible ASCII characters";
        Problem::bad_request("bad_idempotency_key", detail)
    };
    key.map(Some).ok_or_else(refused)
}

impl<Q: Parameters> FromRequest<Arc<App>> for Command<Q> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let tenant = TenantAccess::from_request_parts(&mut parts, app).await?;
        let query = Q::read(&Query::new(parts.uri.query(), &[Q::NAMES])?)?;
        let key = key(&parts)?;
        let body = json_body(Request::from_parts(parts, body)).await?;
        Ok(Self { tenant, query, key, body })
    }
}

impl<Q: Parameters> IntoParams for Command<Q> {
    fn into_params(_of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(507)).build();
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The same key with the same body is done once, for ever."))
            .schema(Some(text));
        Q::describe().into_iter().chain([key.build()]).collect()
    }
}

/// What a command did, beside its answer.
#[derive(Serialize, ToSchema)]
pub struct CommandResponse<T> {
    /// `recorded`, or `existing` where it stood before.
    outcome: &'static str,
    /// True at this position: with it as `min_position`, what was written is read.
    position: Position,
    /// What stands now.
    #[serde(flatten)]
    answer: T,
}

impl<T: Serialize> CommandResponse<T> {
    /// 201 with the position of what was recorded; 200 where it stood before, at `done.answer`.
    pub fn response(done: &Done<Position>, answer: T) -> Result<Response, Problem> {
        let status = if done.recorded.is_some() { StatusCode::CREATED } else { StatusCode::OK };
        answered(status, &Self::of(done, answer))
    }

    /// The same as 200, of what makes nothing new.
    pub fn changed(done: &Done<Position>, answer: T) -> Result<Response, Problem> {
        answered(StatusCode::OK, &Self::of(done, answer))
    }

    fn of(done: &Done<Position>, answer: T) -> Self {
        let outcome = if done.recorded.is_some() { "recorded" } else { "existing" };
        Self { outcome, position: done.recorded.unwrap_or(done.answer), answer }
    }
}

impl From<Unread> for Problem {
    fn from(error: Unread) -> Self {
        match error {
            Unread::NotFolded(_) => Self::unavailable("not_folded", error.to_string(), 1),
            Unread::UnknownTenant => Self::not_found("tenant"),
        }
    }
}

impl<R: Into<Problem>> From<CommandError<R>> for Problem {
    fn from(error: CommandError<R>) -> Self {
        match error {
            CommandError::Rejected(rejected) => rejected.into(),
            CommandError::Unread(unread) => unread.into(),
            CommandError::Contended => {
                Self::unavailable("contended", "too many others change the same thing at once", 1)
            }
            CommandError::Mismatch(position) => {
                let detail = format!(
                    "the idempotency key was used for another request, recorded at position {position}"
                );
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch", detail)
            }
            CommandError::Ingest(error) => error.into(),
        }
    }
}
