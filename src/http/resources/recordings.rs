//! Recordings by call and by lead (C6).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use projections::entities::calls::Calls;
use projections::entities::calls::recordings::{RecordingRow, recordings};
use projections::store::Page;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::extractors::List;
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::facts::{FactError, fill_recordings};

/// `/calls/{call_id}/recordings`, `/leads/{lead_id}/recordings`.
pub fn routes() -> Routes {
    Routes::new("recordings")
        .add(Need::Viewer, routes!(recordings_of_call))
        .add(Need::Viewer, routes!(recordings_of_lead))
}

/// Lists the recordings of a call, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/calls/{call_id}/recordings",
    params(List),
    responses((status = 200, body = Page<RecordingRow>))
)]
async fn recordings_of_call(
    State(app): State<Arc<App>>,
    Path((_, call_id)): Path<(String, String)>,
    list: List,
) -> Result<Response, Problem> {
    let row = list.view.with(|tenant, _| tenant.calls.rows.row(&call_id));
    row.ok_or_else(|| Problem::not_found("call"))?;
    recording_page(&app, list, move |calls| calls.row(&call_id).into_iter().collect()).await
}

/// Lists the recordings of a lead's calls, newest first; an empty list for a lead that was never called.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/leads/{lead_id}/recordings",
    params(List),
    responses((status = 200, body = Page<RecordingRow>))
)]
async fn recordings_of_lead(
    State(app): State<Arc<App>>,
    Path((_, lead_id)): Path<(String, String)>,
    list: List,
) -> Result<Response, Problem> {
    recording_page(&app, list, move |calls| calls.of_lead(&lead_id)).await
}

async fn recording_page(
    app: &App,
    list: List,
    rows: impl FnOnce(&Calls) -> Vec<u32> + Send + 'static,
) -> Result<Response, Problem> {
    let (calls, position) = list.view.with(|tenant, position| (tenant.calls.rows.clone(), position));
    let (log, after, limit) = (app.engine.log.clone(), list.after()?, list.limit);
    let read = move || -> Result<_, FactError> {
        let mut page = recordings(&calls, &rows(&calls), position, after.as_ref(), limit);
        fill_recordings(&log.snapshot(), &mut page.items)?;
        Ok(page)
    };
    list.page(blocking(read).await??)
}
