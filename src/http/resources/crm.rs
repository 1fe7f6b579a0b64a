//! The CRM's dashboards: leads, pipeline, hot list and schedule (B6 to B8, B10).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use projections::entities::crm::hot_list::{HotItem, HotList};
use projections::entities::crm::schedule::{Activities, ActivityItem};
use projections::figures::lead_summary::{self, LeadSummary};
use projections::figures::pipeline::{self, Pipeline};
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{List, Read};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::rendered::AnswerAt;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::crm::{fill_activities, fill_deals};
use crate::views::facts::FactError;

/// `/leads/summary`, `/pipeline`, `/hot-list`, `/schedule`.
pub fn routes() -> Routes {
    Routes::new("crm")
        .add(Need::Viewer, routes!(get_lead_summary))
        .add(Need::Viewer, routes!(get_pipeline))
        .add(Need::Viewer, routes!(list_hot_deals))
        .add(Need::Viewer, routes!(list_schedule))
}

/// A row of the leads' summary as CSV.
#[derive(Serialize, ToSchema)]
struct LeadGroup {
    /// `source` or `status`.
    by: &'static str,
    /// Which one.
    name: String,
    /// How many leads.
    leads: i64,
}

fn lead_groups(summary: LeadSummary) -> Vec<LeadGroup> {
    let sources = summary.by_source.into_iter();
    let sources = sources.map(|it| LeadGroup { by: "source", name: it.source, leads: it.leads });
    let statuses = summary.by_status.into_iter();
    let statuses = statuses.map(|it| LeadGroup { by: "status", name: it.status, leads: it.leads });
    sources.chain(statuses).collect()
}

/// Counts the CRM's leads of counted contact types by source and by status.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/leads/summary",
    params(Read),
    responses((status = 200, content((LeadSummary = "application/json"), (String = "text/csv"))))
)]
async fn get_lead_summary(read: Read) -> Result<Response, Problem> {
    let (taken, position) = read.view.with(|tenant, position| {
        (lead_summary::LeadSummaryInput::new(&tenant.crm.rows, &tenant.profile.timeline), position)
    });
    read.figures(position, blocking(move || taken.answer(position)).await?, lead_groups)
}

/// Number and value of deals by stage, in the tenant's order of stages.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/pipeline",
    params(Read),
    responses((status = 200, content((Pipeline = "application/json"), (String = "text/csv"))))
)]
async fn get_pipeline(read: Read) -> Result<Response, Problem> {
    let (taken, position) = read.view.with(|tenant, position| {
        (pipeline::PipelineInput::new(&tenant.crm.rows, &tenant.profile.timeline), position)
    });
    read.figures(position, blocking(move || taken.answer(position)).await?, |answer| answer.stages)
}

/// Lists deals in the tenant's hot stages, by weighted value, highest first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/hot-list",
    params(List),
    responses((status = 200, body = Page<HotItem>))
)]
async fn list_hot_deals(State(app): State<Arc<App>>, list: List) -> Result<Response, Problem> {
    let (deals, position) = list
        .view
        .with(|tenant, position| (HotList::new(&tenant.crm.rows, &tenant.profile.timeline), position));
    let (after, limit, log) = (list.after()?, list.limit, app.engine.log.clone());
    let read = move || -> Result<_, FactError> {
        let mut page = deals.page(position, after.as_ref(), limit);
        fill_deals(&log.snapshot(), &mut page.items)?;
        Ok(page)
    };
    list.page(blocking(read).await??)
}

/// Lists the next hundred activities that are due, soonest first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/schedule",
    params(Read),
    responses((status = 200, content((AnswerAt<Page<ActivityItem>> = "application/json"), (String = "text/csv"))))
)]
async fn list_schedule(State(app): State<Arc<App>>, read: Read) -> Result<Response, Problem> {
    let (activities, position) =
        read.view.with(|tenant, position| (Activities::new(&tenant.crm.rows), position));
    let (at, log) = (read.at, app.engine.log.clone());
    let due = move || -> Result<_, FactError> {
        let (mut items, _) = activities.after(at);
        fill_activities(&log.snapshot(), &mut items)?;
        Ok(Page { position, items, next_cursor: None })
    };
    read.rows_at(blocking(due).await??)
}
