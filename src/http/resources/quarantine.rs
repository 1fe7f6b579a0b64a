//! Quarantine: deliveries that could not be mapped to facts, with or without a tenant, and their retries (R3).

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use domain::keys::{Position, TenantId};
use domain::members::Text;
use domain::rules::quarantine::remedy;
use projections::entities::quarantine::list::{QuarantineFilter, QuarantineItem};
use projections::entities::quarantine::row::QuarantineState;
use projections::store::{Cursor, Page};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::{CommandError, Resolution, RetryRejection};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{GlobalAccess, GlobalList, List, Read, TenantAccess};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{Parameters, Query, parameters, word_values};
use crate::http::api::rendered::ItemAnswer;
use crate::http::api::routes::Routes;
use crate::http::api::unassigned::unassigned;
use crate::http::app::App;
use crate::views::facts::FactError;
use crate::views::quarantined::fill_details;

/// `/quarantine` of a tenant, and the global `/quarantine` of deliveries without a tenant.
pub fn routes() -> Routes {
    Routes::new("quarantine")
        .add(Need::Auditor, routes!(list_quarantine))
        .add(Need::Auditor, routes!(get_quarantined))
        .add(Need::Operator, routes!(retry_quarantined))
        .add(Need::Operator, routes!(retry_quarantine))
        .add(Need::Operator, routes!(list_unassigned_quarantine))
        .add(Need::Operator, routes!(retry_unassigned))
        .add(Need::Operator, routes!(retry_unassigned_quarantine))
}

word_values!(QuarantineState);

parameters! {
    /// The filter of quarantined deliveries.
    QuarantineQuery {
        /// Why they were quarantined, in a word such as `unknown_tracking_number`.
        reason: String,
        /// The provider that delivered them.
        provider: String,
        /// `open` or `resolved`.
        state: QuarantineState,
    }
}

impl QuarantineQuery {
    fn filter(&self) -> QuarantineFilter {
        let Self { reason, provider, state } = self.clone();
        QuarantineFilter { reason, provider, state }
    }
}

/// Lists the tenant's deliveries that could not be mapped to facts, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/quarantine",
    params(List<QuarantineQuery>),
    responses((status = 200, body = Page<QuarantineItem>))
)]
async fn list_quarantine(
    State(app): State<Arc<App>>,
    list: List<QuarantineQuery>,
) -> Result<Response, Problem> {
    let (filter, after, limit) = (list.query.filter(), list.after::<Cursor>()?, list.limit);
    let (rows, position) = list.view.with(|tenant, position| (tenant.quarantine.rows.clone(), position));
    list.page(detailed(&app, move || rows.page(position, &filter, after.as_ref(), limit)).await?)
}

/// A page with what stands in the facts alone.
async fn detailed(
    app: &App,
    page: impl FnOnce() -> Page<QuarantineItem> + Send + 'static,
) -> Result<Page<QuarantineItem>, Problem> {
    let log = app.engine.log.snapshot();
    let read = move || -> Result<_, FactError> {
        let mut page = page();
        fill_details(&log, &mut page.items)?;
        Ok(page)
    };
    Ok(blocking(read).await??)
}

/// Lists deliveries without a tenant that could not be mapped to facts, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/quarantine",
    params(GlobalList<QuarantineQuery>),
    responses((status = 200, body = Page<QuarantineItem>))
)]
async fn list_unassigned_quarantine(
    State(app): State<Arc<App>>,
    list: GlobalList<QuarantineQuery>,
) -> Result<Response, Problem> {
    let (filter, after, limit) = (list.query.filter(), list.after::<Cursor>()?, list.limit);
    let (rows, position) = unassigned(&app, |tenant| tenant.quarantine.rows.clone());
    list.page(detailed(&app, move || rows.page(position, &filter, after.as_ref(), limit)).await?)
}

/// Gets one quarantined delivery. Its payload is the original of the fact at `fact_position`.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/quarantine/{quarantine_id}",
    params(Read),
    responses((status = 200, body = ItemAnswer<QuarantineItem>))
)]
async fn get_quarantined(
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
    read: Read,
) -> Result<Response, Problem> {
    let (found, position) = read.view.with(|tenant, position| (tenant.quarantine.rows.get(&id), position));
    let items = found.into_iter().collect();
    let page = detailed(&app, move || Page { position, items, next_cursor: None }).await?;
    read.one(position, page.items.into_iter().next(), "quarantined delivery")
}

/// The result of a successful retry.
#[derive(Serialize, ToSchema)]
struct RetryAnswer {
    /// The delivery's id.
    quarantine_id: String,
    /// Always `resolved`.
    state: &'static str,
    #[serde(flatten)]
    resolved: Resolution,
}

/// Maps a quarantined delivery again. A delivery that was resolved before is answered with its facts.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/quarantine/{quarantine_id}/retry",
    responses(
        (status = 200, body = RetryAnswer),
        (status = 409, description = "The delivery still cannot be mapped; `reason` says why")
    )
)]
async fn retry_quarantined(
    State(app): State<Arc<App>>,
    tenant: TenantAccess,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<RetryAnswer>, Problem> {
    retry(&app, &tenant, id, Text::new(tenant.by())).await
}

/// Maps a quarantined delivery without a tenant again.
#[utoipa::path(
    post,
    path = "/api/v1/quarantine/{quarantine_id}/retry",
    responses(
        (status = 200, body = RetryAnswer),
        (status = 409, description = "The delivery still cannot be mapped; `reason` says why")
    )
)]
async fn retry_unassigned(
    State(app): State<Arc<App>>,
    access: GlobalAccess,
    Path(id): Path<String>,
) -> Result<Json<RetryAnswer>, Problem> {
    retry(&app, &TenantId::unassigned(), id, access.by()).await
}

async fn retry(
    app: &App,
    tenant: &TenantId,
    quarantine_id: String,
    by: Option<Text>,
) -> Result<Json<RetryAnswer>, Problem> {
    let retried = app.engine.commands.retry_quarantined(tenant, &quarantine_id, by).await;
    if let Err(CommandError::Rejected(rejection @ RetryRejection::StillQuarantined(_))) = retried {
        return Err(Problem::from(rejection).with("quarantine_id", quarantine_id));
    }
    let resolved = retried?.answer;
    Ok(Json(RetryAnswer { quarantine_id, state: QuarantineState::Resolved.as_str(), resolved }))
}

impl From<RetryRejection> for Problem {
    fn from(rejection: RetryRejection) -> Self {
        match rejection {
            RetryRejection::NotFound => Self::not_found("quarantined delivery"),
            RetryRejection::StillQuarantined(error) => {
                let (reason, detail) = error.reason();
                Self::new(StatusCode::CONFLICT, "still_quarantined", detail)
                    .with("reason", reason)
                    .with("remedy", remedy(reason))
            }
        }
    }
}

parameters! {
    /// The deliveries of a bulk retry.
    BulkQuery {
        /// Retries deliveries with this reason only.
        reason: String,
        /// Retries deliveries behind this position only: `last_position` of the previous answer.
        after: u64,
    }
}

impl FromRequestParts<Arc<App>> for BulkQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &Arc<App>) -> Result<Self, Problem> {
        Self::read(&Query::new(parts.uri.query(), &[Self::KNOWN])?)
    }
}

/// The results of a bulk retry.
#[derive(Serialize, ToSchema)]
struct BulkAnswer {
    /// The last position of the log after all retries: a read with it as `min_position` sees them.
    position: Position,
    /// Deliveries that were retried.
    retried: usize,
    /// Deliveries that were mapped.
    resolved: usize,
    /// Deliveries that still cannot be mapped.
    still_quarantined: usize,
    /// Position of the last retried delivery; null without one.
    last_position: Option<Position>,
    /// Whether further deliveries are left behind `last_position`.
    more: bool,
}

/// Maps the tenant's quarantined deliveries again, oldest first, at most 500 per request.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/quarantine/retry",
    params(BulkQuery),
    responses((status = 200, body = BulkAnswer))
)]
async fn retry_quarantine(
    State(app): State<Arc<App>>,
    tenant: TenantAccess,
    bulk: BulkQuery,
) -> Result<Json<BulkAnswer>, Problem> {
    retry_open(&app, &tenant, &bulk, Text::new(tenant.by())).await
}

/// Maps the quarantined deliveries without a tenant again, oldest first, at most 500 per request.
#[utoipa::path(
    post,
    path = "/api/v1/quarantine/retry",
    params(BulkQuery),
    responses((status = 200, body = BulkAnswer))
)]
async fn retry_unassigned_quarantine(
    State(app): State<Arc<App>>,
    access: GlobalAccess,
    bulk: BulkQuery,
) -> Result<Json<BulkAnswer>, Problem> {
    retry_open(&app, &TenantId::unassigned(), &bulk, access.by()).await
}

async fn retry_open(
    app: &App,
    tenant: &TenantId,
    bulk: &BulkQuery,
    by: Option<Text>,
) -> Result<Json<BulkAnswer>, Problem> {
    let BulkQuery { reason, after } = bulk;
    let retried = app.engine.commands.retry_open(tenant, reason.as_deref(), after.unwrap_or(0), by).await?;
    let resolved = retried.results.iter().filter(|result| result.is_ok()).count();
    Ok(Json(BulkAnswer {
        position: app.engine.log.head().position,
        retried: retried.results.len(),
        resolved,
        still_quarantined: retried.results.len() - resolved,
        last_position: retried.last_position,
        more: retried.more,
    }))
}
