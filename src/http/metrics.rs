//! Figures of months and days.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use domain::members::Instant;
use serde::Serialize;

use super::App;
use super::problem::Problem;
use super::query::Query;
use super::tenant::{Tenant, view};

/// Longest range of days in one answer.
const DAYS_MAX: i32 = 400;

/// `/metrics/month`, `/metrics/days`.
pub fn router() -> Router<Arc<App>> {
    Router::new().route("/metrics/month", get(month)).route("/metrics/days", get(days))
}

async fn month(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    RawQuery(raw): RawQuery,
) -> Result<Json<impl Serialize>, Problem> {
    let query = Query::new(raw.as_deref(), &["month", "min_position"])?;
    let asked = query.month("month")?;
    let view = view(&app, &tenant, &query).await?;
    let month = asked.unwrap_or_else(|| view.timeline().latest().zone.month(Instant((app.engine.clock)())));
    Ok(Json(view.month(month)))
}

async fn days(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    RawQuery(raw): RawQuery,
) -> Result<Json<impl Serialize>, Problem> {
    let query = Query::new(raw.as_deref(), &["from", "to", "min_position"])?;
    let (from, to) = (query.day("from")?, query.day("to")?);
    let view = view(&app, &tenant, &query).await?;
    let today = view.timeline().latest().zone.day(Instant((app.engine.clock)()));
    let to = to.unwrap_or(today);
    let from = from.unwrap_or_else(|| to.month().first());
    if from > to || to.0 - from.0 >= DAYS_MAX {
        let detail = format!(
            "'from' must not be after 'to' (by default today), and at most {DAYS_MAX} days lie between them"
        );
        return Err(Problem::bad_request("bad_range", detail));
    }
    Ok(Json(view.days(from, to)))
}
