//! Alerts of tenants, alerts without a tenant, and the attempts to send them to targets (F2).

mod messages;

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use domain::keys::{Position, TenantId};
use domain::rules::alerts::AlertRule;
use projections::entities::alerts::list::{AlertFilter, AlertItem};
use projections::entities::alerts::row::{AlertState, SendAttempt};
use projections::store::{Cursor, Page};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::{AlertAttempt, ResendRejection};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{GlobalList, List, Read, TenantAccess};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{Parameters, Query, parameters, word_values};
use crate::http::api::rendered::ItemAnswer;
use crate::http::api::routes::Routes;
use crate::http::api::unassigned::unassigned;
use crate::http::app::App;
use crate::outbound::SendResult;

/// `/alerts` of a tenant, and the global `/alerts` of deliveries without a tenant.
pub fn routes() -> Routes {
    Routes::new("alerts")
        .add(Need::Viewer, routes!(list_alerts))
        .add(Need::Viewer, routes!(get_alert))
        .add(Need::Auditor, routes!(list_alert_attempts))
        .add(Need::Operator, routes!(resend_alert))
        .add(Need::Operator, routes!(list_unassigned_alerts))
        .add(Need::Operator, routes!(resend_unassigned_alert))
        .merge(messages::routes())
}

word_values!(AlertState, AlertRule);

parameters! {
    /// The filter of alerts.
    AlertQuery {
        /// `open` or `cleared`.
        state: AlertState,
        /// The rule that raised them.
        rule: AlertRule,
    }
}

impl AlertQuery {
    fn filter(&self) -> AlertFilter {
        let Self { state, rule } = self.clone();
        AlertFilter { state, rule: rule.map(|rule| rule.as_str().to_owned()) }
    }
}

/// Lists the tenant's alerts, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/alerts",
    params(List<AlertQuery>),
    responses((status = 200, body = Page<AlertItem>))
)]
async fn list_alerts(list: List<AlertQuery>) -> Result<Response, Problem> {
    let (filter, after, limit) = (list.query.filter(), list.after::<Cursor>()?, list.limit);
    let (rows, position) = list.view.with(|tenant, position| (tenant.alerts.rows.clone(), position));
    list.page(blocking(move || rows.page(position, &filter, after.as_ref(), limit)).await?)
}

/// Gets one alert.
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

/// Lists alerts about deliveries without a tenant, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/alerts",
    params(GlobalList<AlertQuery>),
    responses((status = 200, body = Page<AlertItem>))
)]
async fn list_unassigned_alerts(
    State(app): State<Arc<App>>,
    list: GlobalList<AlertQuery>,
) -> Result<Response, Problem> {
    let (filter, after, limit) = (list.query.filter(), list.after::<Cursor>()?, list.limit);
    let (rows, position) = unassigned(&app, |tenant| tenant.alerts.rows.clone());
    list.page(blocking(move || rows.page(position, &filter, after.as_ref(), limit)).await?)
}

/// One attempt to send an alert to a target.
#[derive(Serialize, ToSchema)]
struct AttemptItem {
    /// The target.
    target_id: String,
    /// Number of the attempt, from 1 for each target.
    attempt: u32,
    /// When it was sent.
    sent_at: String,
    /// HTTP or SMTP status of the answer; null without an answer.
    status: Option<u32>,
    /// Why it failed; null after success.
    error: Option<String>,
    /// Log position of its `alert_sent` fact.
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

/// The attempts to send one alert.
#[derive(Serialize, ToSchema)]
struct Attempts {
    /// The log position up to which the answer is true.
    position: Position,
    /// Oldest first.
    items: Vec<AttemptItem>,
}

/// Lists every attempt to send an alert to its targets.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/alerts/{alert_id}/attempts",
    params(Read),
    responses((status = 200, content((Attempts = "application/json"), (String = "text/csv"))))
)]
async fn list_alert_attempts(Path((_, id)): Path<(String, String)>, read: Read) -> Result<Response, Problem> {
    let (told, position) = read.view.with(|tenant, position| (tenant.alerts.rows.told(&id), position));
    let told = told.ok_or_else(|| Problem::not_found("alert"))?;
    let items = told.attempts.iter().map(AttemptItem::from).collect();
    read.figures(position, Attempts { position, items }, |attempts| attempts.items)
}

parameters! {
    /// The targets of a resend.
    ResendQuery {
        /// Sends to this target only.
        target_id: String,
    }
}

impl FromRequestParts<Arc<App>> for ResendQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &Arc<App>) -> Result<Self, Problem> {
        Self::read(&Query::new(parts.uri.query(), &[Self::KNOWN])?)
    }
}

/// The result of one attempt.
#[derive(Serialize, ToSchema)]
struct ResendItem {
    /// The target.
    target_id: String,
    /// Number of the attempt, from 1 for each target.
    attempt: u32,
    /// HTTP or SMTP status of the answer; null without an answer.
    status: Option<u32>,
    /// Why it failed; null after success.
    error: Option<String>,
}

/// The results of a resend.
#[derive(Serialize, ToSchema)]
struct ResendAnswer {
    /// The last position of the log after all attempts: a read with it as `min_position` sees them.
    position: Position,
    /// One result for each target.
    items: Vec<ResendItem>,
}

/// Sends an alert again at once, under the same id, to every target that is configured for it.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/alerts/{alert_id}/resend",
    params(ResendQuery),
    responses(
        (status = 200, body = ResendAnswer),
        (status = 409, description = "No target is configured for this alert")
    )
)]
async fn resend_alert(
    State(app): State<Arc<App>>,
    tenant: TenantAccess,
    query: ResendQuery,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<ResendAnswer>, Problem> {
    resend(&app, &tenant, &id, &query).await
}

/// Sends an alert without a tenant again, like the tenant's route.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/{alert_id}/resend",
    params(ResendQuery),
    responses(
        (status = 200, body = ResendAnswer),
        (status = 409, description = "No target is configured for this alert")
    )
)]
async fn resend_unassigned_alert(
    State(app): State<Arc<App>>,
    query: ResendQuery,
    Path(id): Path<String>,
) -> Result<Json<ResendAnswer>, Problem> {
    resend(&app, &TenantId::unassigned(), &id, &query).await
}

async fn resend(
    app: &App,
    tenant: &TenantId,
    alert_id: &str,
    query: &ResendQuery,
) -> Result<Json<ResendAnswer>, Problem> {
    let attempts = app.engine.commands.resend_alert(tenant, alert_id, query.target_id.as_deref()).await?;
    send(app, attempts).await
}

/// Makes these attempts now, and answers their results.
async fn send(app: &App, attempts: Vec<AlertAttempt>) -> Result<Json<ResendAnswer>, Problem> {
    let sent = app.engine.outbox.send(attempts).await?;
    let items = sent.into_iter().map(|SendResult { target_id, attempt, status, error }| ResendItem {
        target_id,
        attempt,
        status,
        error,
    });
    Ok(Json(ResendAnswer { position: app.engine.log.head().position, items: items.collect() }))
}

impl From<ResendRejection> for Problem {
    fn from(rejection: ResendRejection) -> Self {
        match rejection {
            ResendRejection::NotFound => Self::not_found("alert"),
            ResendRejection::MessageNotFound => Self::not_found("message"),
            ResendRejection::Withdrawn => {
                Self::new(StatusCode::CONFLICT, "report_state", rejection.to_string())
            }
            ResendRejection::NoTarget => Self::new(StatusCode::CONFLICT, "no_target", rejection.to_string()),
        }
    }
}
