//! The route gate: it runs before every handler, and a handler runs only for a caller whom it admits.
//!
//! It authenticates (401), counts against the rate limit (429), finds the tenant in the path (404 where the caller
//! may not know of it) and compares the caller's role there with the route's need (403).

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::keys::TenantId;

use super::auth::{Caller, Identity};
use super::needs::{Need, Role};
use super::problem::Problem;
use super::right::{Right, role};
use crate::http::app::App;
use crate::http::server::client_address::ClientNetwork;
use crate::http::server::limits::RemainingQuota;

/// An answer that takes longer is given only if the right to it is there still.
const LONG: Duration = Duration::from_millis(500);

/// What the gate leaves in a request's extensions for the extractors.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The caller and his role here; none on open routes.
    pub caller: Option<(Arc<Caller>, Role)>,
    /// The tenant in the path, where the route has one.
    pub tenant: Option<TenantId>,
}

/// The id of an authenticated caller, left in the response's extensions for the request log.
#[derive(Debug, Clone)]
pub struct CallerId(pub Box<str>);

/// The gate of a route that has `need`.
pub async fn admit(need: Need, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let tenant = tenant_in_path(&mut parts).await?;
    if need == Need::Open {
        parts.extensions.insert(Admission { caller: None, tenant });
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let (caller, quota) = rate_limited_caller(&parts)?;
    let id = CallerId(caller.id.clone());
    let mut response = match role(need, &caller, tenant.as_ref()) {
        Ok(role) => {
            let right = right_to_read(&parts, need, &caller, tenant.as_ref());
            parts.extensions.insert(Admission { caller: Some((caller, role)), tenant });
            if let Some(right) = &right {
                parts.extensions.insert(Arc::clone(right));
            }
            let began = Instant::now();
            let response = next.run(Request::from_parts(parts, body)).await;
            match right.filter(|_| began.elapsed() >= LONG).map(|right| right.check()) {
                Some(Err(problem)) => problem.into_response(),
                Some(Ok(_)) | None => response,
            }
        }
        Err(problem) => problem.into_response(),
    };
    if let Some(quota) = quota {
        quota.write_headers(&mut response);
    }
    response.extensions_mut().insert(id);
    Ok(response)
}

/// The right of a request that reads, asked again where its answer took long, such as one that waits for a position: it
/// is told nothing more once the right is gone (G21). None of a request that changes something: the answer says what
/// was done.
fn right_to_read(
    parts: &Parts,
    need: Need,
    caller: &Caller,
    tenant: Option<&TenantId>,
) -> Option<Arc<Right>> {
    let app = parts.extensions.get::<Arc<App>>().filter(|_| parts.method.is_safe())?;
    Some(Arc::new(Right::new(
        Arc::clone(&app.engine.access),
        caller.credential.clone(),
        tenant.cloned(),
        need,
    )))
}

/// The tenant's id in the path, where the route has one; 404 for a text that cannot be one.
async fn tenant_in_path(parts: &mut Parts) -> Result<Option<TenantId>, Problem> {
    let Ok(path) = RawPathParams::from_request_parts(parts, &()).await else { return Ok(None) };
    let Some((_, id)) = path.iter().find(|(name, _)| *name == "tenant") else { return Ok(None) };
    TenantId::new(id).map(Some).map_err(|_| Problem::not_found("tenant"))
}

/// The caller with what is left of his rate limit; 401 without a valid credential, 429 over the limit.
fn rate_limited_caller(parts: &Parts) -> Result<(Arc<Caller>, Option<RemainingQuota>), Problem> {
    let identity = parts.extensions.get::<Identity>().unwrap_or(&Identity::Anonymous);
    let limits = parts.extensions.get::<Arc<App>>().map(|app| &app.limits);
    let network = parts.extensions.get::<ClientNetwork>();
    if let (Identity::Unknown, Some(limits), Some(network)) = (identity, limits, network) {
        limits.count_failure(*network)?;
    }
    let caller = identity.caller()?;
    let quota = limits.map(|limits| limits.count(&caller.id)).transpose()?;
    Ok((Arc::clone(caller), quota))
}
