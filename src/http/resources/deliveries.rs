//! The log of deliveries and the endpoints' health, of a tenant and of what has none (D4, D5).

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
    /// Which deliveries.
    Which {
        /// The provider's event.
        event: String,
        /// Of this provider.
        provider: String,
        /// By this endpoint's reference.
        endpoint: String,
        /// What became of them.
        outcome: DeliveryStatus,
        /// Received from here on.
        from: Instant,
        /// Received before this.
        to: Instant,
    }
}

impl Which {
    fn of(&self, tenant: Option<&str>) -> DeliveryFilter {
        let Self { event, provider, endpoint, outcome, from, to } = self.clone();
        DeliveryFilter { tenant: tenant.map(str::to_owned), event, provider, endpoint, outcome, from, to }
    }
}

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
struct Deliveries {
    /// Deliveries are kept since then: at most 30 days, and not over a loss of derived data.
    kept_since: String,
    /// Deliveries that were answered and not taken down, because too many came at once, since the server's start.
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
        tracing::warn!(%error, "the log of deliveries cannot be read");
        Problem::unavailable("deliveries_unavailable", "the log of deliveries cannot be read now", 5)
    })?;
    let next_cursor = found.next.map(|next| next.to_string());
    Ok(Deliveries {
        kept_since: found.kept_since.to_string(),
        not_kept,
        page: Page { position, items: found.items, next_cursor },
    })
}

/// Webhook requests of the tenant, newest first. They are no facts: they are kept for 30 days.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/deliveries",
    params(List<Which>),
    responses((status = 200, body = Deliveries))
)]
async fn list_deliveries(State(app): State<Arc<App>>, list: List<Which>) -> Result<Response, Problem> {
    let filter = list.query.of(Some(list.tenant.as_str()));
    let answer = page(app, filter, list.after()?, list.limit, list.view.position()).await?;
    let Deliveries { kept_since, not_kept, page } = answer;
    list.page_with(page, |page| Deliveries { kept_since, not_kept, page })
}

/// Webhook requests of no tenant, newest first: unknown workspaces and endpoints, refused ones of open endpoints.
#[utoipa::path(
    get,
    path = "/api/v1/deliveries",
    params(GlobalList<Which>),
    responses((status = 200, body = Deliveries))
)]
async fn list_unowned_deliveries(
    State(app): State<Arc<App>>,
    list: GlobalList<Which>,
) -> Result<Response, Problem> {
    let position = app.engine.views.position();
    let answer = page(app, list.query.of(None), list.after()?, list.limit, position).await?;
    let Deliveries { kept_since, not_kept, page } = answer;
    list.page_with(page, |page| Deliveries { kept_since, not_kept, page })
}

/// How well one endpoint is.
#[derive(Serialize, ToSchema)]
struct EndpointHealth {
    /// The provider.
    provider: String,
    /// Reference of the endpoint.
    endpoint: String,
    /// The last authentic delivery.
    last_delivery_at: Option<String>,
    /// Authentic deliveries of the last 24 hours.
    deliveries: u64,
    /// Recorded, duplicate or ignored.
    success: u64,
    /// Quarantined or failed.
    failure: u64,
    /// Quarantined.
    quarantined: u64,
    /// Conflicts, which count neither way.
    conflicts: u64,
    /// Refused (401) in the last 24 hours; in no rate.
    refused: u64,
    /// Percent of success among success and failure; null without either.
    success_rate: Option<f64>,
    /// Whether that is at least 95; null without a rate.
    healthy: Option<bool>,
    /// Seconds within which a delivery usually comes: the 95th percentile of 14 days, at least an hour; null under 50
    /// deliveries.
    usual_gap_seconds: Option<i64>,
    /// Since when nothing has come, where that is longer than three usual gaps.
    silent_since: Option<String>,
}

/// How well the tenant's endpoints are.
#[derive(Serialize, ToSchema)]
struct WebhookHealth {
    /// True at this position; deliveries themselves are no facts.
    position: Position,
    /// One row for each endpoint through which the tenant's deliveries come.
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
            conflicts: endpoint.conflicts,
            refused: endpoint.refused,
            success_rate: endpoint.success_rate(),
            healthy: endpoint.is_healthy(),
            usual_gap_seconds: endpoint.usual_gap_seconds,
            silent_since: endpoint.silent_since(now).map(|since| since.to_string()),
        }
    }
}

/// The health of the tenant's webhooks over the last 24 hours; its own endpoints without a delivery are listed, too.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/webhook-health",
    params(Read),
    responses((status = 200, body = WebhookHealth))
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
    read.answer_at(&WebhookHealth { position: read.view.position(), items })
}
