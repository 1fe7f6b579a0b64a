//! CRM sync: its runs, and how fresh the figures are (B4, B11).

use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{List, Read};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::rendered::AnswerAt;
use crate::http::api::routes::Routes;
use axum::response::Response;
use projections::entities::crm::run_list::{RunItem, SyncStatus};
use projections::store::Page;
use utoipa_axum::routes;

/// `/sync/status`, `/sync/runs`.
pub fn routes() -> Routes {
    Routes::new("sync").add(Need::Viewer, routes!(get_sync_status)).add(Need::Viewer, routes!(list_sync_runs))
}

/// Freshness of the CRM's figures, with a text for a banner. Covers the main sync only, not the first pass over all
/// contacts' notes.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/sync/status",
    params(Read),
    responses((status = 200, body = AnswerAt<SyncStatus>))
)]
async fn get_sync_status(read: Read) -> Result<Response, Problem> {
    let (runs, position) = read.view.with(|tenant, position| {
        let crm = &tenant.crm.rows;
        (crm.runs().list(crm.texts()), position)
    });
    read.answer_at(&runs.status(position, read.at))
}

/// Lists sync runs, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/sync/runs",
    params(List),
    responses((status = 200, body = Page<RunItem>))
)]
async fn list_sync_runs(list: List) -> Result<Response, Problem> {
    let (runs, position) = list.view.with(|tenant, position| {
        let crm = &tenant.crm.rows;
        (crm.runs().list(crm.texts()), position)
    });
    let (after, limit) = (list.after()?, list.limit);
    list.page(blocking(move || runs.page(position, after.as_ref(), limit)).await?)
}
