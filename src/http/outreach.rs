//! Outreach leads.

use axum::response::Response;
use domain::rules::stages::Stage;
use projections::entities::lead_list::LeadItem;
use projections::store::Page;
use utoipa_axum::routes;

use super::facts::blocking;
use super::need::Need;
use super::problem::Problem;
use super::query::parameters;
use super::read::List;
use super::routes::Routes;
use crate::views::LeadFilter;

/// `/outreach/leads`.
pub fn routes() -> Routes {
    Routes::new("outreach").add(Need::Viewer, routes!(list_leads))
}

parameters! {
    /// Which leads.
    Leads {
        /// Where they stand.
        stage: Stage,
        /// Part of name, email or company, in any case.
        search: String,
    }
}

/// Outreach leads, newest first by their first event.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/outreach/leads",
    params(List<Leads>),
    responses((status = 200, body = Page<LeadItem>))
)]
async fn list_leads(list: List<Leads>) -> Result<Response, Problem> {
    let Leads { stage, search } = list.query.clone();
    let (filter, after) = (LeadFilter { stage, search }, list.after()?);
    let (view, limit) = (list.view.clone(), list.limit);
    list.page(blocking(move || view.leads(&filter, after.as_ref(), limit)).await?)
}
