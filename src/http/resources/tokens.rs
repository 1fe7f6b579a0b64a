//! Tokens: who may ask as a program.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::facts::access::Role;
use domain::keys::TenantId;
use domain::members::{Instant, Text};
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::NewToken;
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{GlobalAccess, GlobalList};
use crate::http::api::json_body::{json_body, members};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `/tokens`, `/tokens/{token_id}`.
pub fn routes() -> Routes {
    Routes::new("access")
        .add(Need::Auditor, routes!(list_tokens))
        .add(Need::Admin, routes!(issue_token))
        .add(Need::Admin, routes!(revoke_token))
}

/// A token without its secret.
#[derive(Serialize, ToSchema)]
struct TokenItem {
    /// The token's id.
    id: String,
    /// What the token is for.
    name: String,
    /// `viewer`, `agent`, `auditor`, `operator` or `admin`.
    role: &'static str,
    /// The tenants of the token; empty for all tenants.
    tenants: Vec<String>,
    /// Id of the caller who issued it.
    issued_by: Option<String>,
    /// When it was issued.
    issued_at: String,
    /// When it was last used; null where it was not used since the server's start.
    last_used_at: Option<String>,
    /// When it was revoked; null while it is valid.
    revoked_at: Option<String>,
}

/// Lists tokens, including revoked ones.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    params(GlobalList),
    responses((status = 200, body = Page<TokenItem>))
)]
async fn list_tokens(State(app): State<Arc<App>>, list: GlobalList) -> Result<Response, Problem> {
    let known = app.engine.access.known();
    let rows = known.tokens.iter().map(|(id, token)| {
        let used = token.used_at.load(Ordering::Relaxed);
        let item = TokenItem {
            id: id.to_string(),
            name: token.name.to_string(),
            role: token.role.as_str(),
            tenants: token.grants.tenants.keys().map(ToString::to_string).collect(),
            issued_by: token.by.as_ref().map(ToString::to_string),
            issued_at: token.issued_at.to_string(),
            last_used_at: (used > 0).then(|| Instant(used).to_string()),
            revoked_at: token.revoked_at.as_ref().map(ToString::to_string),
        };
        (id.to_string(), item)
    });
    list.by_id(known.position(), rows.collect())
}

/// A token to be issued.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what issue_token reads")]
struct NewTokenBody {
    /// What the token is for.
    name: String,
    /// `viewer`, `agent`, `auditor`, `operator` or `admin`.
    role: String,
    /// The tenants of the token; absent or `*` for all tenants, which viewers and agents cannot have.
    #[schema(required = false)]
    tenants: Vec<String>,
}

/// The new token.
#[derive(Serialize, ToSchema)]
struct IssuedToken {
    /// The token's id.
    id: String,
    /// The token itself, shown only in this answer.
    token: String,
}

/// Issues a token. It is valid at once and shown only in this answer.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    request_body = NewTokenBody,
    responses((status = 201, body = IssuedToken), (status = 422, description = "Invalid content; `errors` names the fields"))
)]
async fn issue_token(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    request: Request,
) -> Result<(StatusCode, Json<IssuedToken>), Problem> {
    let body = json_body(request).await?;
    let new = members(&body, |at| {
        let name: Option<Text> = at.required("name");
        let role: Option<Role> = at.required("role");
        let tenants: Vec<Text> = at.list("tenants", TENANTS_MAX);
        let unknown = tenants.iter().position(|tenant| !is_known(&app, tenant));
        if let Some(unknown) = unknown {
            at.fault_at("tenants", &format!("has an unknown tenant at index {unknown}"));
        }
        let tenants = tenants.iter().map(ToString::to_string).collect();
        Some(NewToken { name: name?, role: role?, tenants })
    })?;
    let issued = blocking(move || app.engine.commands.issue_token(&caller.id, &new)).await??;
    Ok((StatusCode::CREATED, Json(IssuedToken { id: issued.id.to_string(), token: issued.token })))
}

const TENANTS_MAX: usize = 500;

/// Whether a token's list of tenants may hold this: a tenant of this server, or `*`.
fn is_known(app: &App, name: &Text) -> bool {
    name.as_str() == "*" || TenantId::new(name.as_str()).is_ok_and(|tenant| app.engine.knows(&tenant))
}

/// Revokes a token for ever; requests with it are refused at once.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{token_id}",
    responses((status = 204, description = "Revoked"))
)]
async fn revoke_token(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    Path(token_id): Path<String>,
) -> Result<StatusCode, Problem> {
    blocking(move || app.engine.commands.revoke_token(&caller.id, &token_id)).await??;
    Ok(StatusCode::NO_CONTENT)
}
