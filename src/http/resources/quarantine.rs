//! Quarantine: deliveries of which no fact could be made, of a tenant or of none, and their retries (R3).

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use domain::keys::{Position, TenantId};
use domain::members::Text;
use projections::entities::quarantine::{Quarantine, QuarantineFilter, QuarantineItem, QuarantineState};
use projections::store::{Cursor, Page};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::{CommandError, Resolution, RetryRejection};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{GlobalAccess, GlobalList, List, Read, TenantAccess, wait_for};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{Parameters, Query, parameters, word_values};
use crate::http::api::rendered::ItemAnswer;
use crate::http::api::routes::Routes;
use crate::http::api::unassigned::unassigned;
use crate::http::app::App;

/// Deliveries that one bulk retry takes.
const BULK_MAX: usize = 500;

/// `/quarantine` of tenants, and of deliveries without one.
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
    /// Which quarantined deliveries.
    Quarantined {
        /// Why, in a word such as `unknown_tracking_number`.
        reason: String,
        /// Whose deliveries.
        provider: String,
        /// Where they stand.
        state: QuarantineState,
    }
}

impl Quarantined {
    fn filter(&self) -> QuarantineFilter {
        let Self { reason, provider, state } = self.clone();
        QuarantineFilter { reason, provider, state }
    }
}

/// Deliveries of the tenant that could not be turned into facts, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/quarantine",
    params(List<Quarantined>),
    responses((status = 200, body = Page<QuarantineItem>))
)]
async fn list_quarantine(list: List<Quarantined>) -> Result<Response, Problem> {
    let (filter, after, limit) = (list.query.filter(), list.after::<Cursor>()?, list.limit);
    let (rows, position) = list.view.with(|tenant, position| (tenant.quarantine.rows.clone(), position));
    list.page(blocking(move || rows.page(position, &filter, after.as_ref(), limit)).await?)
}

/// Deliveries of no known tenant that could not be turned into facts, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/quarantine",
    params(GlobalList<Quarantined>),
    responses((status = 200, body = Page<QuarantineItem>))
)]
async fn list_unassigned_quarantine(
    State(app): State<Arc<App>>,
    list: GlobalList<Quarantined>,
) -> Result<Response, Problem> {
    let (filter, after, limit) = (list.query.filter(), list.after::<Cursor>()?, list.limit);
    let (rows, position) = unassigned(&app, |tenant| tenant.quarantine.rows.clone());
    list.page(blocking(move || rows.page(position, &filter, after.as_ref(), limit)).await?)
}

/// One quarantined delivery. Its payload is that of the fact at `fact_position`.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/quarantine/{quarantine_id}",
    params(Read),
    responses((status = 200, body = ItemAnswer<QuarantineItem>))
)]
async fn get_quarantined(Path((_, id)): Path<(String, String)>, read: Read) -> Result<Response, Problem> {
    let (found, position) = read.view.with(|tenant, position| (tenant.quarantine.rows.get(&id), position));
    read.one(position, found, "quarantined delivery")
}

/// A delivery that was mapped.
#[derive(Serialize, ToSchema)]
struct RetryAnswer {
    /// The delivery.
    quarantine_id: String,
    /// `resolved`.
    state: &'static str,
    #[serde(flatten)]
    resolved: Resolution,
}

/// Maps a quarantined delivery again; one that was resolved before answers its facts.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/quarantine/{quarantine_id}/retry",
    responses(
        (status = 200, body = RetryAnswer),
        (status = 409, description = "It cannot be mapped, still; `reason` says why")
    )
)]
async fn retry_quarantined(
    State(app): State<Arc<App>>,
    tenant: TenantAccess,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<RetryAnswer>, Problem> {
    let view = app.engine.commands.folded(&tenant).await?;
    let found = view.with(|tenant, _| tenant.quarantine.rows.get(&id));
    retry(&app, &tenant, found, Text::new(tenant.by())).await
}

/// Maps a quarantined delivery of no tenant again.
#[utoipa::path(
    post,
    path = "/api/v1/quarantine/{quarantine_id}/retry",
    responses(
        (status = 200, body = RetryAnswer),
        (status = 409, description = "It cannot be mapped, still; `reason` says why")
    )
)]
async fn retry_unassigned(
    State(app): State<Arc<App>>,
    access: GlobalAccess,
    Path(id): Path<String>,
) -> Result<Json<RetryAnswer>, Problem> {
    wait_for(&app, Some(app.engine.log.head().position)).await?;
    let (found, _) = unassigned(&app, |tenant| tenant.quarantine.rows.get(&id));
    retry(&app, &TenantId::unassigned(), found, access.by()).await
}

async fn retry(
    app: &App,
    tenant: &TenantId,
    found: Option<QuarantineItem>,
    by: Option<Text>,
) -> Result<Json<RetryAnswer>, Problem> {
    let unknown = || Problem::not_found("quarantined delivery");
    let item = found.ok_or_else(unknown)?;
    let retried = app.engine.commands.retry_delivery(tenant, item.fact_position, by).await;
    if let Err(CommandError::Rejected(rejection @ RetryRejection::StillQuarantined(_))) = retried {
        return Err(Problem::from(rejection).with("quarantine_id", item.quarantine_id.as_str()));
    }
    let resolved = retried?;
    let (quarantine_id, state) = (item.quarantine_id, QuarantineState::Resolved.as_str());
    Ok(Json(RetryAnswer { quarantine_id, state, resolved: resolved.answer }))
}

impl From<RetryRejection> for Problem {
    fn from(rejection: RetryRejection) -> Self {
        match rejection {
            RetryRejection::NotFound => Self::not_found("quarantined delivery"),
            RetryRejection::StillQuarantined(error) => {
                let (reason, detail) = error.reason();
                Self::new(StatusCode::CONFLICT, "still_quarantined", detail).with("reason", reason)
            }
        }
    }
}

parameters! {
    /// Which deliveries are mapped again.
    Bulk {
        /// Only those quarantined for this reason.
        reason: String,
        /// Only those behind this position: `last_position` of the answer before.
        after: u64,
    }
}

impl FromRequestParts<Arc<App>> for Bulk {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &Arc<App>) -> Result<Self, Problem> {
        Self::read(&Query::new(parts.uri.query(), &[Self::NAMES])?)
    }
}

/// What became of many.
#[derive(Serialize, ToSchema)]
struct BulkAnswer {
    /// The log's head when all were done: as `min_position` it shows what was resolved.
    position: Position,
    /// How many were mapped again.
    retried: usize,
    /// How many of them had a meaning now.
    resolved: usize,
    /// How many are quarantined still.
    still_quarantined: usize,
    /// The last that was looked at; null when there was none.
    last_position: Option<Position>,
    /// Whether there are more behind it.
    more: bool,
}

/// Maps the tenant's open deliveries again, oldest first, at most 500 at a time.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/quarantine/retry",
    params(Bulk),
    responses((status = 200, body = BulkAnswer))
)]
async fn retry_quarantine(
    State(app): State<Arc<App>>,
    tenant: TenantAccess,
    bulk: Bulk,
) -> Result<Json<BulkAnswer>, Problem> {
    let view = app.engine.commands.folded(&tenant).await?;
    let rows = view.with(|tenant, _| tenant.quarantine.rows.clone());
    retry_all(&app, &tenant, &rows, &bulk, Text::new(tenant.by())).await
}

/// Maps the open deliveries of no tenant again, oldest first, at most 500 at a time.
#[utoipa::path(
    post,
    path = "/api/v1/quarantine/retry",
    params(Bulk),
    responses((status = 200, body = BulkAnswer))
)]
async fn retry_unassigned_quarantine(
    State(app): State<Arc<App>>,
    access: GlobalAccess,
    bulk: Bulk,
) -> Result<Json<BulkAnswer>, Problem> {
    wait_for(&app, Some(app.engine.log.head().position)).await?;
    let (rows, _) = unassigned(&app, |tenant| tenant.quarantine.rows.clone());
    retry_all(&app, &TenantId::unassigned(), &rows, &bulk, access.by()).await
}

async fn retry_all(
    app: &App,
    tenant: &TenantId,
    rows: &Quarantine,
    bulk: &Bulk,
    by: Option<Text>,
) -> Result<Json<BulkAnswer>, Problem> {
    let mut open = rows.open_positions(bulk.reason.as_deref(), bulk.after.unwrap_or(0), BULK_MAX + 1);
    let more = open.len() > BULK_MAX;
    open.truncate(BULK_MAX);
    let mut resolved = 0;
    for position in &open {
        match app.engine.commands.retry_delivery(tenant, *position, by.clone()).await {
            Ok(_) => resolved += 1,
            // It stays in quarantine; the others are mapped all the same.
            Err(CommandError::Rejected(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Json(BulkAnswer {
        position: app.engine.log.head().position,
        retried: open.len(),
        resolved,
        still_quarantined: open.len() - resolved,
        last_position: open.last().copied(),
        more,
    }))
}
