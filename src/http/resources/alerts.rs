//! Alerts of a tenant and of what has none, and the attempts to tell targets of them (F2).

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use domain::keys::{Position, TenantId};
use domain::rules::alerts::AlertRule;
use projections::entities::alerts::{AlertFilter, AlertHistory, AlertItem, AlertState, SendAttempt};
use projections::store::{Cursor, Page};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{GlobalList, List, Read, TenantAccess, wait_for};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{Parameters, Query, parameters, word_values};
use crate::http::api::rendered::ItemAnswer;
use crate::http::api::routes::Routes;
use crate::http::api::unassigned::unassigned;
use crate::http::app::App;
use crate::outbound::{OutboxError, Sent};

/// `/alerts` of tenants and of what has none.
pub fn routes() -> Routes {
    Routes::new("alerts")
        .add(Need::Viewer, routes!(list_alerts))
        .add(Need::Viewer, routes!(get_alert))
        .add(Need::Auditor, routes!(list_alert_attempts))
        .add(Need::Operator, routes!(resend_alert))
        .add(Need::Operator, routes!(list_unassigned_alerts))
        .add(Need::Operator, routes!(resend_unassigned_alert))
}

word_values!(AlertState, AlertRule);

parameters! {
    /// Which alerts.
    Which {
        /// Where they stand.
        state: AlertState,
        /// Of which rule.
        rule: AlertRule,
    }
}

impl Which {
    fn filter(&self) -> AlertFilter {
        let Self { state, rule } = self.clone();
        AlertFilter { state, rule: rule.map(|rule| rule.as_str().to_owned()) }
    }
}

/// What a person should know, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/alerts",
    params(List<Which>),
    responses((status = 200, body = Page<AlertItem>))
)]
async fn list_alerts(list: List<Which>) -> Result<Response, Problem> {
    let (filter, after, limit) = (list.query.filter(), list.after::<Cursor>()?, list.limit);
    let (rows, position) = list.view.with(|tenant, position| (tenant.alerts.rows.clone(), position));
    list.page(blocking(move || rows.page(position, &filter, after.as_ref(), limit)).await?)
}

/// One alert.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/alerts/{alert_id}",
    params(Read),
    responses((status = 200, body = ItemAnswer<AlertItem>))
)]
async fn get_alert(Path((_, id)): Path<(String, String)>, read: Read) -> Result<Response, Problem> {
    let (told, position) = read.view.with(|tenant, position| (tenant.alerts.rows.told(&id), position));
    read.one(position, told.map(|told| told.item), "alert")
}

/// What a person should know of deliveries without a tenant, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/alerts",
    params(GlobalList<Which>),
    responses((status = 200, body = Page<AlertItem>))
)]
async fn list_unassigned_alerts(
    State(app): State<Arc<App>>,
    list: GlobalList<Which>,
) -> Result<Response, Problem> {
    let (filter, after, limit) = (list.query.filter(), list.after::<Cursor>()?, list.limit);
    let (rows, position) = unassigned(&app, |tenant| tenant.alerts.rows.clone());
    list.page(blocking(move || rows.page(position, &filter, after.as_ref(), limit)).await?)
}

/// One attempt to tell a target.
#[derive(Serialize, ToSchema)]
struct AttemptItem {
    /// To whom.
    target_id: String,
    /// From 1, for each target.
    attempt: u32,
    /// When.
    sent_at: String,
    /// HTTP status of the answer; null when there was none.
    status: Option<u32>,
    /// Why it failed; null where it was taken.
    error: Option<String>,
    /// Where its `alert_sent` stands.
    fact_position: Position,
}

impl From<&SendAttempt> for AttemptItem {
    fn from(sent: &SendAttempt) -> Self {
        Self {
            target_id: sent.target_id.to_string(),
            attempt: sent.attempt,
            sent_at: sent.at.to_string(),
            status: sent.status,
            error: sent.error.as_ref().map(|error| error.to_string()),
            fact_position: sent.position,
        }
    }
}

/// The attempts to tell targets of one alert.
#[derive(Serialize, ToSchema)]
struct Attempts {
    /// True at this position.
    position: Position,
    /// In the order they were made.
    items: Vec<AttemptItem>,
}

/// Every attempt to tell a target of one alert.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/alerts/{alert_id}/attempts",
    params(Read),
    responses((status = 200, body = Attempts))
)]
async fn list_alert_attempts(Path((_, id)): Path<(String, String)>, read: Read) -> Result<Response, Problem> {
    let (told, position) = read.view.with(|tenant, position| (tenant.alerts.rows.told(&id), position));
    let told = told.ok_or_else(|| Problem::not_found("alert"))?;
    read.answer(
        position,
        &Attempts { position, items: told.attempts.iter().map(AttemptItem::from).collect() },
    )
}

parameters! {
    /// To whom an alert is sent again.
    Whom {
        /// Only to this target.
        target_id: String,
    }
}

impl FromRequestParts<Arc<App>> for Whom {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &Arc<App>) -> Result<Self, Problem> {
        Self::read(&Query::new(parts.uri.query(), &[Self::NAMES])?)
    }
}

/// What came of one attempt.
#[derive(Serialize, ToSchema)]
struct Resent {
    /// To whom.
    target_id: String,
    /// From 1, for each target.
    attempt: u32,
    /// HTTP status of the answer; null when there was none.
    status: Option<u32>,
    /// Why it failed; null where it was taken.
    error: Option<String>,
}

/// What came of sending an alert again.
#[derive(Serialize, ToSchema)]
struct ResendAnswer {
    /// The log's head when all were made: as `min_position` it shows the attempts.
    position: Position,
    /// One for each target.
    items: Vec<Resent>,
}

/// Sends an alert again now, under the same id, to each target that takes it, whatever became of it before.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/alerts/{alert_id}/resend",
    params(Whom),
    responses(
        (status = 200, body = ResendAnswer),
        (status = 409, description = "No target takes this alert")
    )
)]
async fn resend_alert(
    State(app): State<Arc<App>>,
    tenant: TenantAccess,
    whom: Whom,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<ResendAnswer>, Problem> {
    let told = app.engine.commands.folded(&tenant).await?.with(|tenant, _| tenant.alerts.rows.told(&id));
    resend(&app, &tenant, told, &whom).await
}

/// Sends an alert of what has no tenant again.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/{alert_id}/resend",
    params(Whom),
    responses(
        (status = 200, body = ResendAnswer),
        (status = 409, description = "No target takes this alert")
    )
)]
async fn resend_unassigned_alert(
    State(app): State<Arc<App>>,
    whom: Whom,
    Path(id): Path<String>,
) -> Result<Json<ResendAnswer>, Problem> {
    wait_for(&app, Some(app.engine.log.head().position)).await?;
    let (told, _) = unassigned(&app, |tenant| tenant.alerts.rows.told(&id));
    resend(&app, &TenantId::unassigned(), told, &whom).await
}

async fn resend(
    app: &App,
    tenant: &TenantId,
    told: Option<AlertHistory>,
    whom: &Whom,
) -> Result<Json<ResendAnswer>, Problem> {
    let told = told.ok_or_else(|| Problem::not_found("alert"))?;
    let sent = app.engine.outbox.resend(tenant, &told, whom.target_id.as_deref()).await?;
    let items = sent.into_iter().map(|Sent { target_id, attempt, status, error }| Resent {
        target_id,
        attempt,
        status,
        error,
    });
    Ok(Json(ResendAnswer { position: app.engine.log.head().position, items: items.collect() }))
}

impl From<OutboxError> for Problem {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::NoTarget => Self::new(StatusCode::CONFLICT, "no_target", error.to_string()),
            OutboxError::Ingest(error) => error.into(),
        }
    }
}
