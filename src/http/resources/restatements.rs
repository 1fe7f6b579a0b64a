//! Restatements: figures of closed months that changed.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::members::Month;
use projections::figures::restatements::RestatementItem;
use projections::store::Page;
use utoipa_axum::routes;

use crate::http::api::extractors::List;
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::parameters;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `/restatements`.
pub fn routes() -> Routes {
    Routes::new("metrics").add(Need::Viewer, routes!(list_restatements))
}

parameters! {
    /// The filter of restatements.
    RestatementQuery {
        /// The closed month that changed.
        month: Month,
    }
}

/// Lists figures of closed months that changed, latest first: one item per figure, month, day of recording, cause (facts or a
/// rule) and import.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/restatements",
    params(List<RestatementQuery>),
    responses((status = 200, body = Page<RestatementItem>))
)]
async fn list_restatements(
    State(app): State<Arc<App>>,
    list: List<RestatementQuery>,
) -> Result<Response, Problem> {
    let (month, after, limit) = (list.query.month, list.after()?, list.limit);
    let read = move |tracker: &projections::figures::restatements::RestatementTracker| {
        tracker.page(month, after.as_ref(), limit)
    };
    let _turn = app.search_turn(list.tenant.by()).await?;
    let page = app.engine.views.restatements(&list.tenant, list.moment.moment(), read).await;
    list.page(page?.ok_or_else(|| Problem::not_found("tenant"))?)
}
