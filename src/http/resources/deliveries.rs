//! Webhook deliveries and the health of endpoints, with or without a tenant (D4, D5).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::keys::Position;
use domain::members::Instant;
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::deliveries::health::HealthSummary;
use crate::deliveries::{After, DeliveryFilter, DeliveryItem, DeliveryStatus};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{GlobalList, List, Read};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{Value, parameters};
use crate::http::api::rendered::AnswerAt;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `/deliveries`, `/webhook-health`.
pub fn routes() -> Routes {
    Routes::new("deliveries")
        .add(Need::Auditor, routes!(list_deliveries))
        .add(Need::Auditor, routes!(list_unowned_deliveries))
        .add(Need::Viewer, routes!(get_webhook_health))
}

impl Value for DeliveryStatus {
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    fn rule() -> String {
        format!("one of {}", Self::ALL.map(Self::as_str).join(" "))
    }
}

parameters! {
    /// The filter of deliveries.
    DeliveryQuery {
        /// The provider's name of the event.
        event: String,
        /// The provider.
        provider: String,
        /// Reference of the endpoint.
        endpoint: String,
        /// The result of the delivery.
        outcome: DeliveryStatus,
        /// Received at this instant or later.
        from: Instant,
        /// Received before this instant.
        to: Instant,
    }
}

impl DeliveryQuery {
    fn filter(&self, tenant: Option<&str>) -> DeliveryFilter {
        let Self { event, provider, endpoint, outcome, from, to } = self.clone();
        DeliveryFilter { tenant: tenant.map(str::to_owned), event, provider, endpoint, outcome, from, to }
    }
}

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
struct Deliveries {
    /// The start of the kept deliveries: at most 30 days ago, later where derived data was lost.
    kept_since: String,
    /// Deliveries since the server's start that were answered but not listed here, because too many came at once.
    not_kept: u64,
    #[serde(flatten)]
    page: Page<DeliveryItem>,
}

async fn page(
    app: Arc<App>,
    filter: DeliveryFilter,
    after: Option<After>,
    limit: usize,
    position: Position,
) -> Result<Deliveries, Problem> {
    let deliveries = app.engine.deliveries.clone();
    let not_kept = deliveries.lost();
    let found = blocking(move || deliveries.page(&filter, after, limit)).await?;
    let found = found.map_err(|error| {
        tracing::warn!(%error, "the log of deliveries could not be read");
        Problem::unavailable("deliveries_unavailable", "the log of deliveries is unavailable", 5)
    })?;
    let next_cursor = found.next.map(|next| next.to_string());
    Ok(Deliveries {
        kept_since: found.kept_since.to_string(),
        not_kept,
        page: Page { position, items: found.items, next_cursor },
    })
}

/// Lists the tenant's webhook requests, newest first. They are not facts, and are kept for 30 days.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/deliveries",
    params(List<DeliveryQuery>),
    responses((status = 200, body = Deliveries))
)]
async fn list_deliveries(
    State(app): State<Arc<App>>,
    list: List<DeliveryQuery>,
) -> Result<Response, Problem> {
    let filter = list.query.filter(Some(list.tenant.as_str()));
    let answer = page(app, filter, list.after()?, list.limit, list.view.position()).await?;
    let Deliveries { kept_since, not_kept, page } = answer;
    list.page_with(page, |page| Deliveries { kept_since, not_kept, page })
}

/// Lists webhook requests without a tenant, newest first: unknown endpoints and workspaces, and refused requests to
/// endpoints that belong to no tenant.
#[utoipa::path(
    get,
    path = "/api/v1/deliveries",
    params(GlobalList<DeliveryQuery>),
    responses((status = 200, body = Deliveries))
)]
async fn list_unowned_deliveries(
    State(app): State<Arc<App>>,
    list: GlobalList<DeliveryQuery>,
) -> Result<Response, Problem> {
    let position = app.engine.views.position();
    let answer = page(app, list.query.filter(None), list.after()?, list.limit, position).await?;
    let Deliveries { kept_since, not_kept, page } = answer;
    list.page_with(page, |page| Deliveries { kept_since, not_kept, page })
}

/// The health of one endpoint over the last 24 hours.
#[derive(Serialize, ToSchema)]
struct EndpointHealth {
    /// The provider.
    provider: String,
    /// Reference of the endpoint.
    endpoint: String,
    /// When the last authentic delivery came.
    last_delivery_at: Option<String>,
    /// Authentic deliveries.
    deliveries: u64,
    /// Deliveries that were recorded, duplicate or ignored.
    success: u64,
    /// Deliveries that were quarantined or failed.
    failure: u64,
    /// Deliveries that were quarantined.
    quarantined: u64,
    /// Deliveries of weak identity: a part of their key or the person that they are about was absent, so that the same
    /// told again may count twice. They count as what became of them, too.
    weak: u64,
    /// Conflicts, which count neither as success nor as failure.
    conflicts: u64,
    /// Requests that were refused (401), which count in no rate.
    refused: u64,
    /// Requests that were answered 429, because the endpoint brought more than `[limits]` lets one bring that is proven by
    /// its id alone. They count in no rate; nothing of them is kept.
    limited: u64,
    /// `success` in percent of `success` and `failure`; null without either.
    success_rate: Option<f64>,
    /// Whether `success_rate` is at least 95; null without a rate.
    healthy: Option<bool>,
    /// The usual time between deliveries in seconds: the 95th percentile over 14 days, at least an hour; null under 50
    /// deliveries.
    usual_gap_seconds: Option<i64>,
    /// When the last delivery came, where that is longer ago than three usual gaps; else null.
    silent_since: Option<String>,
}

/// The health of the tenant's endpoints.
#[derive(Serialize, ToSchema)]
struct WebhookHealth {
    /// The log position at the time of the answer. Deliveries themselves are not facts.
    position: Position,
    /// One item for each endpoint that brings the tenant deliveries.
    items: Vec<EndpointHealth>,
}

impl EndpointHealth {
    fn of(endpoint: &HealthSummary, now: Instant) -> Self {
        Self {
            provider: endpoint.place.provider.to_string(),
            endpoint: endpoint.place.endpoint.to_string(),
            last_delivery_at: endpoint.last.map(|last| last.to_string()),
            deliveries: endpoint.deliveries,
            success: endpoint.success,
            failure: endpoint.failure,
            quarantined: endpoint.quarantined,
            weak: endpoint.weak,
            conflicts: endpoint.conflicts,
            refused: endpoint.refused,
            limited: endpoint.limited,
            success_rate: endpoint.success_rate(),
            healthy: endpoint.is_healthy(),
            usual_gap_seconds: endpoint.usual_gap_seconds,
            silent_since: endpoint.silent_since(now).map(|since| since.to_string()),
        }
    }
}

/// Health of the tenant's webhook endpoints over the last 24 hours, including its endpoints without a delivery.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/webhook-health",
    params(Read),
    responses((status = 200, content((AnswerAt<WebhookHealth> = "application/json"), (String = "text/csv"))))
)]
async fn get_webhook_health(State(app): State<Arc<App>>, read: Read) -> Result<Response, Problem> {
    let mut known = app.engine.deliveries.health(Some(read.tenant.as_str()));
    for (provider, reference) in app.engine.ingest.endpoints_of(&read.tenant) {
        if !known.iter().any(|known| *known.place.endpoint == *reference) {
            known.push(HealthSummary::without_deliveries(read.tenant.as_str(), &provider, &reference));
        }
    }
    let now = Instant((app.engine.clock)());
    let items = known.iter().map(|endpoint| EndpointHealth::of(endpoint, now)).collect();
    let position = read.view.position();
    read.figures_at(position, WebhookHealth { position, items }, |health| health.items)
}
