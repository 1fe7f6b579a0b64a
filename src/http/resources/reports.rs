//! Weekly and monthly reports: drafted, published at a log position, withdrawn (B14).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::json::Reader;
use domain::members::{LongText, Text};
use domain::rules::reports::{Period, ReportRejection, ReportState};
use projections::entities::crm::coverage::SourceCoverage;
use projections::entities::reports::list::ReportItem;
use projections::figures::report::ReportFigures;
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::extractors::{Command, CommandResponse, List, Read};
use crate::http::api::needs::{Need, Role};
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::Moment;

/// `/reports`, `/reports/{report_id}`, and its `narrative`, `publish` and `withdraw`.
pub fn routes() -> Routes {
    Routes::new("reports")
        .add(Need::Viewer, routes!(list_reports))
        .add(Need::Viewer, routes!(get_report))
        .add(Need::Operator, routes!(draft_report))
        .add(Need::Operator, routes!(rewrite_report))
        .add(Need::Operator, routes!(publish_report))
        .add(Need::Operator, routes!(withdraw_report))
}

/// Whether the caller may see a report of this status: viewers see published reports only.
fn may_see<Q>(read: &Read<Q>, status: ReportState) -> bool {
    read.tenant.role() != Role::Viewer || status == ReportState::Published
}

/// Lists reports, last drafted first. Viewers see published reports only.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/reports",
    params(List),
    responses((status = 200, body = Page<ReportItem>))
)]
async fn list_reports(list: List) -> Result<Response, Problem> {
    let (reports, position) = list.view.with(|tenant, position| (tenant.reports.rows.clone(), position));
    let shown = |status| may_see(&list, status);
    list.page(reports.page(position, shown, list.after()?.as_ref(), list.limit))
}

/// A report with its figures.
#[derive(Serialize, ToSchema)]
struct ReportAnswer {
    /// The log position up to which the answer is true.
    position: u64,
    #[serde(flatten)]
    report: ReportItem,
    /// First day of the period.
    from: Option<String>,
    /// Last day of the period.
    to: Option<String>,
    /// IANA name of the time zone of the days.
    timezone: &'static str,
    /// The text of the report.
    narrative: Option<String>,
    /// Figures of the period and of the one before: a draft's as of now, a published report's as of its log position;
    /// null without a period.
    figures: Option<ReportFigures>,
    /// Through when each source was known completely at the position of the figures.
    coverage: Vec<SourceCoverage>,
}

/// Gets one report with its figures. The figures of a published report never change.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/reports/{report_id}",
    params(Read),
    responses((status = 200, body = ReportAnswer))
)]
async fn get_report(
    State(app): State<Arc<App>>,
    Path((_, report_id)): Path<(String, String)>,
    read: Read,
) -> Result<Response, Problem> {
    let found = read.view.with(|tenant, position| {
        let reports = &tenant.reports.rows;
        let row = reports.get(&report_id)?;
        let zone = tenant.profile.timeline.latest().zone.as_str();
        Some((reports.item(row), row.period(reports.texts()), row.narrative(), row.state(), zone, position))
    });
    let unknown = || Problem::from(ReportRejection::Unknown);
    let (report, period, narrative, status, timezone, position) = found.ok_or_else(unknown)?;
    if !may_see(&read, status) {
        return Err(unknown());
    }
    let (views, at) = (&app.engine.views, report.as_of_position.unwrap_or(position));
    let no_tenant = || Problem::not_found("tenant");
    let figures = match period {
        Some(period) => Some(views.report(&read.tenant, period, at).await?.ok_or_else(no_tenant)?),
        None => None,
    };
    let then = Moment { as_of_position: Some(at), ..Moment::default() };
    let coverage = views.at(&read.tenant, then).await?.ok_or_else(no_tenant)?.coverage();
    let days = period.map(Period::days);
    let answer = ReportAnswer {
        position,
        report,
        from: days.map(|(from, _)| from.to_string()),
        to: days.map(|(_, to)| to.to_string()),
        timezone,
        narrative: narrative.map(|narrative| narrative.to_string()),
        figures,
        coverage,
    };
    read.answer(position, &answer)
}

/// A report to be drafted.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what the handler reads member by member")]
struct NewReport {
    /// A month such as `2025-10`, or the Monday of a week such as `2025-10-06`.
    period: String,
    /// The text, at most 64 KiB.
    narrative: Option<String>,
}

/// The report of a command.
#[derive(Serialize, ToSchema)]
struct ReportCommandAnswer {
    /// The report's id.
    report_id: String,
    /// `draft`, `published` or `withdrawn`.
    status: &'static str,
}

/// Drafts a report.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/reports",
    params(Command),
    request_body = NewReport,
    responses((status = 201, body = CommandResponse<ReportCommandAnswer>), (status = 200, body = CommandResponse<ReportCommandAnswer>))
)]
async fn draft_report(State(app): State<Arc<App>>, command: Command) -> Result<Response, Problem> {
    let (period, narrative) = command.body(|at: &mut Reader<'_>| {
        let narrative = at.optional::<LongText>("narrative");
        let given = at.required::<Text>("period")?;
        let period = Period::parse(given.as_str());
        if period.is_none() {
            at.fault_at("period", Period::RULE);
        }
        Some((period?, narrative))
    })?;
    let commands = &app.engine.commands;
    let (id, receipt) =
        commands.draft_report(&command.tenant, command.key.as_ref(), period, narrative).await?;
    let (report_id, status) = (id.to_string(), ReportState::Draft.as_str());
    CommandResponse::response(&receipt, ReportCommandAnswer { report_id, status })
}

/// The text of a report.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what rewrite_report reads")]
struct ReportNarrative {
    /// The text, at most 64 KiB; absent or blank: none.
    narrative: Option<String>,
}

/// Sets the text of a draft. Each change is a fact; the text of a published or withdrawn report stays as it is.
#[utoipa::path(
    put,
    path = "/api/v1/tenants/{tenant}/reports/{report_id}/narrative",
    params(Command),
    request_body = ReportNarrative,
    responses(
        (status = 200, body = CommandResponse<ReportCommandAnswer>),
        (status = 409, description = "The report is no draft any more"),
        (status = 422, description = "Invalid content; `errors` names the fields")
    )
)]
async fn rewrite_report(
    State(app): State<Arc<App>>,
    Path((_, report_id)): Path<(String, String)>,
    command: Command,
) -> Result<Response, Problem> {
    let narrative = command.body(|at| Some(at.optional::<LongText>("narrative")))?;
    let id = Text::new(&report_id).ok_or(ReportRejection::Unknown)?;
    let receipt = app.engine.commands.rewrite_report(&command.tenant, &id, narrative).await?;
    let status = ReportState::Draft.as_str();
    CommandResponse::changed(&receipt, ReportCommandAnswer { report_id, status })
}

/// Publishes a draft: its figures are fixed at the current log position.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/reports/{report_id}/publish",
    params(Command),
    responses(
        (status = 200, body = CommandResponse<ReportCommandAnswer>),
        (status = 409, description = "The report was withdrawn")
    )
)]
async fn publish_report(
    State(app): State<Arc<App>>,
    Path((_, report_id)): Path<(String, String)>,
    command: Command,
) -> Result<Response, Problem> {
    move_report(&app, &command, report_id, ReportState::Published).await
}

/// Withdraws a published report.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/reports/{report_id}/withdraw",
    params(Command),
    responses(
        (status = 200, body = CommandResponse<ReportCommandAnswer>),
        (status = 409, description = "It is a draft still")
    )
)]
async fn withdraw_report(
    State(app): State<Arc<App>>,
    Path((_, report_id)): Path<(String, String)>,
    command: Command,
) -> Result<Response, Problem> {
    move_report(&app, &command, report_id, ReportState::Withdrawn).await
}

async fn move_report(
    app: &App,
    command: &Command,
    report_id: String,
    to: ReportState,
) -> Result<Response, Problem> {
    command.body(|_| Some(()))?;
    let id = Text::new(&report_id).ok_or(ReportRejection::Unknown)?;
    let receipt = app.engine.commands.move_report(&command.tenant, &id, to).await?;
    CommandResponse::changed(&receipt, ReportCommandAnswer { report_id, status: to.as_str() })
}

impl From<ReportRejection> for Problem {
    fn from(rejected: ReportRejection) -> Self {
        match rejected {
            ReportRejection::Unknown => Self::not_found("report"),
            ReportRejection::State { .. } | ReportRejection::Published | ReportRejection::Withdrawn => {
                Self::new(StatusCode::CONFLICT, "report_state", rejected.to_string())
            }
        }
    }
}
