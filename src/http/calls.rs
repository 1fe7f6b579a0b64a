//! Calls: one, and pages of them.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use domain::members::Email;
use domain::rules::qualification::Verdict;
use serde::Serialize;

use super::App;
use super::facts::blocking;
use super::problem::Problem;
use super::query::Query;
use super::tenant::{Tenant, view};
use crate::views::CallFilter;
use crate::views::facts::{FactError, fill_recording_urls};

/// `/calls`, `/calls/{call_id}`.
pub fn router() -> Router<Arc<App>> {
    Router::new().route("/calls", get(list)).route("/calls/{call_id}", get(one))
}

async fn list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    RawQuery(raw): RawQuery,
) -> Result<Json<impl Serialize>, Problem> {
    let parameters = &["status", "agent", "from", "to", "limit", "cursor", "min_position"];
    let query = Query::new(raw.as_deref(), parameters)?;
    let filter = CallFilter {
        status: query.word("status", "must be qualified or unqualified", Verdict::parse)?,
        agent: query.word("agent", "must be the agent's email", Email::new)?,
        from: query.day("from")?,
        to: query.day("to")?,
    };
    let (limit, after) = (query.limit()?, query.cursor()?);
    let view = view(&app, &tenant, &query).await?;
    let log = app.engine.log.clone();
    let read = move || -> Result<_, FactError> {
        let mut page = view.calls(&filter, after.as_ref(), limit);
        fill_recording_urls(&log.snapshot(), &mut page.items)?;
        Ok(page)
    };
    Ok(Json(blocking(read).await??))
}

async fn one(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path((_, call_id)): Path<(String, String)>,
    RawQuery(raw): RawQuery,
) -> Result<Json<impl Serialize>, Problem> {
    let query = Query::new(raw.as_deref(), &["min_position"])?;
    let view = view(&app, &tenant, &query).await?;
    let mut answer = view.call(&call_id).ok_or_else(|| Problem::not_found("call"))?;
    let log = app.engine.log.clone();
    let read = move || -> Result<_, FactError> {
        fill_recording_urls(&log.snapshot(), [&mut answer.call])?;
        Ok(answer)
    };
    Ok(Json(blocking(read).await??))
}
