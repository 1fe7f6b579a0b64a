//! Outreach leads.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use domain::rules::stages::Stage;
use serde::Serialize;

use super::App;
use super::facts::blocking;
use super::problem::Problem;
use super::query::Query;
use super::tenant::{Tenant, view};
use crate::views::LeadFilter;

/// `/outreach/leads`.
pub fn router() -> Router<Arc<App>> {
    Router::new().route("/outreach/leads", get(list))
}

async fn list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    RawQuery(raw): RawQuery,
) -> Result<Json<impl Serialize>, Problem> {
    let query = Query::new(raw.as_deref(), &["stage", "search", "limit", "cursor", "min_position"])?;
    let stages = "must be one of new replied interested quoting follow_up won lost unsubscribed bounced";
    let filter = LeadFilter {
        stage: query.word("stage", stages, Stage::parse)?,
        search: query.text("search").map(str::to_owned),
    };
    let (limit, after) = (query.limit()?, query.cursor()?);
    let view = view(&app, &tenant, &query).await?;
    blocking(move || view.leads(&filter, after.as_ref(), limit)).await.map(Json)
}
