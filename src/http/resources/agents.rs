//! Figures of agents and dialer sessions (C5).

use crate::http::api::blocking::blocking;
use crate::http::api::day_range::in_order;
use crate::http::api::extractors::Read;
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::parameters;
use crate::http::api::routes::Routes;
use axum::extract::Path;
use axum::response::Response;
use domain::members::{Day, Email};
use projections::figures::agent_metrics::{AgentMetrics, SessionMetrics};
use utoipa_axum::routes;

/// `/metrics/agents/{agent}/…`, `/metrics/sessions/{session_id}`.
pub fn routes() -> Routes {
    Routes::new("metrics")
        .add(Need::Viewer, routes!(agent_today))
        .add(Need::Viewer, routes!(agent_summary))
        .add(Need::Viewer, routes!(session_metrics))
}

/// The agent in a path, normalised like the member `agent` of a fact (RULINGS, Equality).
fn agent(text: &str) -> Result<Email, Problem> {
    Email::new(text).ok_or_else(|| Problem::not_found("agent"))
}

/// An agent's figures of today, in the tenant's time zone.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/metrics/agents/{agent}/today",
    params(Read),
    responses((status = 200, content((AgentMetrics = "application/json"), (String = "text/csv"))))
)]
async fn agent_today(Path((_, name)): Path<(String, String)>, read: Read) -> Result<Response, Problem> {
    let agent = agent(&name)?;
    let today = Some(read.view.timeline().latest().zone.day(read.at));
    let answer = read.view.with(|tenant, position| tenant.agent_metrics(position, &agent, today, today));
    read.figures_at(answer.position, answer, |metrics| vec![metrics])
}

parameters! {
    /// The days of the summary.
    AgentDays {
        /// First local day; by default the day of the agent's first call.
        from: Day,
        /// Last local day; by default the day of the agent's last call.
        to: Day,
    }
}

/// An agent's figures over a range of days, by default over all.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/metrics/agents/{agent}/summary",
    params(Read<AgentDays>),
    responses((status = 200, content((AgentMetrics = "application/json"), (String = "text/csv"))))
)]
async fn agent_summary(
    Path((_, name)): Path<(String, String)>,
    read: Read<AgentDays>,
) -> Result<Response, Problem> {
    let agent = agent(&name)?;
    let (from, to) = (read.query.from, read.query.to);
    in_order(from, to)?;
    let answer = read.view.with(|tenant, position| tenant.agent_metrics(position, &agent, from, to));
    read.figures(answer.position, answer, |metrics| vec![metrics])
}

/// Figures of a dialer session, over the calls made in it.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/metrics/sessions/{session_id}",
    params(Read),
    responses((status = 200, content((SessionMetrics = "application/json"), (String = "text/csv"))))
)]
async fn session_metrics(
    Path((_, session_id)): Path<(String, String)>,
    read: Read,
) -> Result<Response, Problem> {
    let ((book, position), timeline) = (read.view.session_book(), read.view.timeline());
    let sum = move || {
        let metrics = book.sums(&session_id, &timeline)?.metrics();
        Some(SessionMetrics { position, session_id, metrics })
    };
    let answer = blocking(sum).await?.ok_or_else(|| Problem::not_found("session"))?;
    read.figures(position, answer, |metrics| vec![metrics])
}
