//! Figures explained: which facts move a figure, by how much and why (E2).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use domain::keys::Position;
use domain::rules::reports::ReportState;
use projections::store::Page;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::explain_query::ExplainQuery;
use crate::http::api::extractors::{List, Read};
use crate::http::api::needs::{Need, Role};
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::explain::{
    Contribution, ContributionCursor, ContributionPage, Explainer, Explanation, FactVerdict,
};
use crate::views::{FoldError, Moment};

/// `/explain`, `/explain/fact/{position}`.
pub fn routes() -> Routes {
    Routes::new("truth").add(Need::Viewer, routes!(explain)).add(Need::Viewer, routes!(explain_fact))
}

/// Explains a figure by the facts behind it: the deltas of all pages sum to its value. Pages after the first are of the
/// first one's position, whatever is recorded meanwhile.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/explain",
    params(List<ExplainQuery>),
    responses(
        (status = 200, content((Explanation = "application/json"), (String = "text/csv"))),
        (status = 422, description = "A model or field that is none, or a selection that is missing or of another model")
    )
)]
async fn explain(State(app): State<Arc<App>>, list: List<ExplainQuery>) -> Result<Response, Problem> {
    let today = list.view.timeline().latest().zone.day(list.at);
    let page = ContributionPage {
        counted: list.query.counted.unwrap_or(true),
        zeros: list.query.zeros.unwrap_or(false),
        after: list.after::<ContributionCursor>()?,
        limit: list.limit,
        until: list.moment.moment().occurred_until,
    };
    let turn = app.search_turn(list.tenant.by()).await?;
    let views = &app.engine.views;
    let mut view = list.view.clone();
    let mut report = None;
    if let Some(report_id) = &list.query.report_id {
        let at = page.after.map(|after| after.at);
        let found = views.reported(&list.tenant, &view, report_id.as_str(), at).await?;
        let may_see = |state| list.tenant.role() != Role::Viewer || state == ReportState::Published;
        let found = found.filter(|found| may_see(found.state)).ok_or_else(|| Problem::not_found("report"))?;
        view = found.view.clone();
        report = Some(found);
    } else if let Some(after) = page.after.filter(|after| after.at != view.position()) {
        let moment = Moment { as_of_position: Some(after.at), ..list.moment.moment() };
        let then = views.at(&list.tenant, moment).await?;
        view = then.ok_or_else(|| Problem::not_found("tenant"))?;
    }
    let (period, row) = report.map(|report| (report.period, report.row)).unzip();
    let question = list.query.question(today, period)?.with_row(row);
    let is_of_now = question.is_of_now();
    let live = app.view(&list.tenant).await?;
    let (tenant, log, now) = ((*list.tenant).clone(), app.engine.log.snapshot(), list.at);
    let explained = blocking(move || -> Result<_, FoldError> {
        // Kept until the reading has ended, even if nobody waits for it any more.
        let _turn = turn;
        Explainer::new(tenant, &view, &live, log).explain(&question, &page, now)
    });
    let mut explained = explained.await??.ok_or_else(|| Problem::not_found("row of the figure"))?;
    let items = std::mem::take(&mut explained.contributions);
    let page = Page { position: explained.position, items, next_cursor: explained.next_cursor.take() };
    let around = |page: Page<Contribution>| Explanation {
        contributions: page.items,
        next_cursor: page.next_cursor,
        ..explained
    };
    if is_of_now { list.page_with(page, around) } else { list.page_within(page, around) }
}

/// Says what one fact does to every figure: by how much it moves it, what it makes of a state, or why it does nothing.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/explain/fact/{position}",
    params(Read),
    responses((status = 200, content((FactVerdict = "application/json"), (String = "text/csv"))))
)]
async fn explain_fact(
    State(app): State<Arc<App>>,
    Path((_, position)): Path<(String, String)>,
    read: Read,
) -> Result<Response, Problem> {
    let position = position.parse::<Position>().map_err(|_| Problem::not_found("fact"))?;
    let turn = app.search_turn(read.tenant.by()).await?;
    let live = app.view(&read.tenant).await?;
    let (tenant, view, log, now) =
        ((*read.tenant).clone(), read.view.clone(), app.engine.log.snapshot(), read.at);
    let verdict = blocking(move || -> Result<_, FoldError> {
        let _turn = turn;
        Explainer::new(tenant, &view, &live, log).verdict(position, now)
    });
    let verdict = verdict.await??.ok_or_else(|| Problem::not_found("fact"))?;
    read.figures_at(read.view.position(), verdict, |verdict| verdict.figures)
}
