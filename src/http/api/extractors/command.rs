//! Commands to one tenant or to none: who may give them, with which parameters and body, under which idempotency key.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use domain::json::Reader;
use domain::keys::Position;
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required, Type};
use utoipa::{IntoParams, ToSchema};

use super::access::{GlobalAccess, TenantAccess};
use crate::commands::{IdempotencyKey, Receipt};
use crate::http::api::json_body::{json_body, members};
use crate::http::api::problem::Problem;
use crate::http::api::query::{Parameters, Query};
use crate::http::api::rendered::Rendered;
use crate::http::app::App;

const KEY: &str = "idempotency-key";

/// A command to one tenant: the caller is admitted, and the body is JSON or absent.
pub struct Command<Q = ()> {
    /// The tenant, with the caller and his role.
    pub tenant: TenantAccess,
    /// The route's own parameters.
    pub query: Q,
    /// `Idempotency-Key`, where it was sent.
    pub key: Option<IdempotencyKey>,
    body: Bytes,
}

impl<Q> Command<Q> {
    /// Reads the body's members with `read`; 422 naming every field at fault, and members that nobody read.
    pub fn body<T>(&self, read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Result<T, Problem> {
        members(&self.body, read)
    }
}

/// The idempotency key of a request; 400 for a malformed one.
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
        let query = Q::read(&Query::new(parts.uri.query(), &[Q::KNOWN])?)?;
        let key = key(&parts)?;
        let body = json_body(Request::from_parts(parts, body)).await?;
        Ok(Self { tenant, query, key, body })
    }
}

impl<Q: Parameters> IntoParams for Command<Q> {
    fn into_params(_of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Q::describe().into_iter().chain([key_parameter()]).collect()
    }
}

fn key_parameter() -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(507)).build();
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Makes repeating the request safe: the same key with the same body is carried out once, for ever. \
             1 to 507 visible ASCII characters.",
        ))
        .schema(Some(text))
        .build()
}

/// A command on what belongs to no tenant: the caller is admitted, and the body is JSON or absent.
pub struct GlobalCommand {
    /// The caller.
    pub access: GlobalAccess,
    /// `Idempotency-Key`, where it was sent.
    pub key: Option<IdempotencyKey>,
    body: Bytes,
}

impl GlobalCommand {
    /// As of [`Command::body`].
    pub fn body<T>(&self, read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Result<T, Problem> {
        members(&self.body, read)
    }
}

impl FromRequest<Arc<App>> for GlobalCommand {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let access = GlobalAccess::from_request_parts(&mut parts, app).await?;
        let key = key(&parts)?;
        let body = json_body(Request::from_parts(parts, body)).await?;
        Ok(Self { access, key, body })
    }
}

impl IntoParams for GlobalCommand {
    fn into_params(_of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![key_parameter()]
    }
}

/// What a command did, beside its answer.
#[derive(Serialize, ToSchema)]
pub struct CommandResponse<T> {
    /// `recorded`, or `existing` where nothing had to be recorded.
    outcome: &'static str,
    /// The log position of the fact. A read with it as `min_position` sees what was written.
    position: Position,
    /// What stands now.
    #[serde(flatten)]
    answer: T,
}

impl<T: Serialize> CommandResponse<T> {
    /// 201 with the position of what was recorded; 200 where it stood before, at `receipt.answer`.
    pub fn response(receipt: &Receipt<Position>, answer: T) -> Result<Response, Problem> {
        let status = if receipt.recorded.is_some() { StatusCode::CREATED } else { StatusCode::OK };
        Rendered::json(&Self::new(receipt, answer))?.with_status(status)
    }

    /// 202 in both cases, for commands whose effect comes later.
    pub fn accepted(receipt: &Receipt<Position>, answer: T) -> Result<Response, Problem> {
        Rendered::json(&Self::new(receipt, answer))?.with_status(StatusCode::ACCEPTED)
    }

    /// 200 in both cases, for commands that create nothing.
    pub fn changed(receipt: &Receipt<Position>, answer: T) -> Result<Response, Problem> {
        Rendered::json(&Self::new(receipt, answer))?.with_status(StatusCode::OK)
    }

    fn new(receipt: &Receipt<Position>, answer: T) -> Self {
        let outcome = if receipt.recorded.is_some() { "recorded" } else { "existing" };
        Self { outcome, position: receipt.recorded.unwrap_or(receipt.answer), answer }
    }
}
