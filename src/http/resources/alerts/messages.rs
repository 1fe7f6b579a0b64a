//! Whatever targets were told of: alerts, alerts that are over, published reports and weeks, with every attempt.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::members::Instant;
use projections::entities::alerts::row::SendAttempt;
use projections::store::{Cursor, Page};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{AttemptItem, Attempts, ResendAnswer, ResendQuery, send};
use crate::commands::Message;
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{List, Read, TenantAccess};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::TenantView;

/// `/messages`.
pub fn routes() -> Routes {
    Routes::new("alerts")
        .add(Need::Auditor, routes!(list_messages))
        .add(Need::Auditor, routes!(list_message_attempts))
        .add(Need::Operator, routes!(resend_message))
}

/// Something that targets were told.
#[derive(Serialize, ToSchema)]
struct MessageItem {
    /// Stable: that of the alert, `cleared/` and that, `report/` and the position of the report's first fact, or `digest/`
    /// and the Monday on which the week was over.
    message_id: String,
    /// `alert_raised`, `alert_cleared`, `report_published` or `weekly_digest`; null of what is not there any more.
    topic: Option<&'static str>,
    /// What it tells, in a line.
    title: Option<String>,
    /// When it was last sent.
    sent_at: Option<String>,
    /// Attempts, of all targets.
    attempts: usize,
    /// How many targets took it.
    delivered: usize,
    /// Why the last attempt failed; null after success.
    error: Option<String>,
}

impl MessageItem {
    fn new(view: &TenantView, (message_id, attempts): (String, Arc<Vec<SendAttempt>>), now: Instant) -> Self {
        let message = Message::of(view, &message_id, now);
        let last = attempts.iter().max_by_key(|sent| (sent.at, sent.attempt));
        let took = attempts.iter().filter(|sent| sent.error.is_none()).map(|sent| &sent.target_id);
        Self {
            message_id,
            topic: message.as_ref().map(|message| message.topic().as_str()),
            title: message.as_ref().map(Message::title),
            sent_at: last.map(|sent| sent.at.to_string()),
            attempts: attempts.len(),
            delivered: took.collect::<std::collections::BTreeSet<_>>().len(),
            error: last.and_then(|sent| sent.error.as_ref()).map(|error| error.to_string()),
        }
    }
}

/// Lists what targets were told: alerts, and by mail alerts that are over, published reports and weeks; what was sent last
/// first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/messages",
    params(List),
    responses((status = 200, body = Page<MessageItem>))
)]
async fn list_messages(list: List) -> Result<Response, Problem> {
    let (rows, position) = list.view.with(|tenant, position| (tenant.alerts.rows.clone(), position));
    let (after, limit, view, now) = (list.after::<Cursor>()?, list.limit, list.view.clone(), list.at);
    let page = blocking(move || {
        let Page { position, items, next_cursor } = rows.sent(position, after.as_ref(), limit);
        let items = items.into_iter().map(|sent| MessageItem::new(&view, sent, now)).collect();
        Page { position, items, next_cursor }
    });
    list.page(page.await?)
}

/// Lists every attempt to send a message to targets.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/messages/{message_id}/attempts",
    params(Read),
    responses((status = 200, content((Attempts = "application/json"), (String = "text/csv"))))
)]
async fn list_message_attempts(
    Path((_, id)): Path<(String, String)>,
    read: Read,
) -> Result<Response, Problem> {
    let found = |made: &[SendAttempt]| -> Vec<AttemptItem> { made.iter().map(AttemptItem::from).collect() };
    let (items, position) =
        read.view.with(|tenant, position| (found(&tenant.alerts.rows.attempts(&id)), position));
    if items.is_empty() && Message::of(&read.view, &id, read.at).is_none() {
        return Err(Problem::not_found("message"));
    }
    read.figures(position, Attempts { position, items }, |attempts| attempts.items)
}

/// Sends a message again at once, under the same id, to every target that is configured for it. Receivers of a mail know it
/// by its `Message-ID`.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/messages/{message_id}/resend",
    params(ResendQuery),
    responses(
        (status = 200, body = ResendAnswer),
        (status = 409, description = "No target is configured for this message, or its report was withdrawn")
    )
)]
async fn resend_message(
    State(app): State<Arc<App>>,
    tenant: TenantAccess,
    query: ResendQuery,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<ResendAnswer>, Problem> {
    let attempts = app.engine.commands.resend_message(&tenant, &id, query.target_id.as_deref()).await?;
    send(&app, attempts).await
}
