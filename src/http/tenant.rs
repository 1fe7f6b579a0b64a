//! What lies under a tenant: the caller is known, the tenant is his, and read models are as far as he asks.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::Response;
use domain::keys::TenantId;

use super::problem::Problem;
use super::query::Query;
use super::{App, calls, facts, metrics, outreach};
use crate::views::TenantView;

/// So long does a reader wait for a position that is not folded yet.
const MIN_POSITION_WAIT: Duration = Duration::from_secs(5);

/// Every route of a tenant, behind the token check.
pub fn router(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .merge(facts::router())
        .merge(metrics::router())
        .merge(calls::router())
        .merge(outreach::router())
        .layer(middleware::from_fn_with_state(Arc::clone(app), authorize))
}

/// 401 without a known token, before anything else is looked at.
async fn authorize(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let role = app.tokens.role(request.headers())?;
    request.extensions_mut().insert(role);
    Ok(next.run(request).await)
}

/// A tenant of this server, from the path. 404 for any other.
pub struct Tenant(pub TenantId);

impl FromRequestParts<Arc<App>> for Tenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let path = RawPathParams::from_request_parts(parts, app).await;
        let path = path.map_err(|_| Problem::not_found("route"))?;
        let named =
            path.iter().find(|(name, _)| *name == "tenant").and_then(|(_, id)| TenantId::new(id).ok());
        match named {
            Some(id) if app.engine.knows(&id) => Ok(Self(id)),
            Some(_) | None => Err(Problem::not_found("tenant")),
        }
    }
}

/// The tenant's read models, at least as far as `min_position` asks: waits at most 5 s, then 503.
pub async fn view(app: &App, tenant: &TenantId, query: &Query) -> Result<TenantView, Problem> {
    if let Some(position) = query.position("min_position")? {
        let head = app.engine.log.head().position;
        if position > head {
            let detail = format!("min_position {position} is past the log's last position {head}");
            return Err(Problem::bad_request("bad_parameter", detail));
        }
        if !app.engine.views.wait_for(position, MIN_POSITION_WAIT).await {
            let detail = format!("position {position} is not folded yet");
            return Err(Problem::unavailable("not_folded", detail, 1));
        }
    }
    app.engine.views.tenant(tenant).ok_or_else(|| Problem::not_found("tenant"))
}

/// 415 unless the body is of one of `types`; answers which.
pub fn content_type<'t>(parts: &Parts, types: &[&'t str]) -> Result<&'t str, Problem> {
    let given = parts.headers.get(axum::http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media =
        given.and_then(|value| value.split(';').next()).map(|media| media.trim().to_ascii_lowercase());
    let found = media.as_deref().and_then(|media| types.iter().find(|known| **known == media));
    found.copied().ok_or_else(|| {
        let detail = format!("send the body as {}", types.join(" or "));
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    })
}
