//! Figures explained: which facts move a figure, by how much and why (E2).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use domain::facts::report::TargetMetric;
use domain::json::FieldError;
use domain::keys::Position;
use domain::members::{Day, Month, Text};
use domain::rules::reports::{Period, ReportState};
use projections::explain::model::FigureSelection;
use projections::explain::question::Question;
use projections::figures::leaderboard::LeaderboardPeriod;
use projections::store::Page;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{List, Read};
use crate::http::api::needs::{Need, Role};
use crate::http::api::problem::Problem;
use crate::http::api::query::{RequiredValue, parameters, word_values};
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

word_values!(TargetMetric);

parameters! {
    /// Which figure is to be explained, and what of its contributions.
    ExplainQuery {
        /// The model that serves the figure: `month`, `days`, `agents`, `sessions`, `leaderboard`, `targets`, `pipeline`,
        /// `leads`, `sender_accounts`, `provider_performance`, `reports`, `calls` or `outreach_leads`.
        model: RequiredValue<String>,
        /// The member's name as served, dotted where nested, such as `outcomes.voicemail` or `ad_spend_minor.USD`.
        field: RequiredValue<String>,
        /// Of model `month`: which.
        month: Month,
        /// Of models `days` and `provider_performance`: which.
        day: Day,
        /// Of models over a range: first local day.
        from: Day,
        /// Of models over a range: last local day.
        to: Day,
        /// Of model `targets`: what the target is set for.
        metric: TargetMetric,
        /// Of model `sessions`: which.
        session_id: Text,
        /// Of model `pipeline`: the stage.
        stage: Text,
        /// Of model `leads`: the source of leads.
        source: Text,
        /// Of model `leads`: the status of leads.
        status: Text,
        /// Of model `provider_performance`: the email provider; none: accounts of which it was not told.
        email_provider: Text,
        /// Of model `reports`: which.
        report_id: Text,
        /// Of model `calls`: which.
        call_id: Text,
        /// Of model `outreach_leads`: which.
        lead_id: Text,
        /// Of model `leaderboard`: how long it looks.
        period: LeaderboardPeriod,
        /// Of model `leaderboard`: a local day within the period; by default today.
        date: Day,
        /// Of models of calls: the agent's email address, or `nobody`.
        agent: String,
        /// `false`: subjects of the same span that do not count, each with its last fact and why.
        counted: bool,
        /// `true`: also facts of counted subjects that move nothing.
        zeros: bool,
    }
}

impl ExplainQuery {
    pub fn question(&self, today: Day, report: Option<Period>) -> Result<Question, Problem> {
        let missing =
            |name: &str| FieldError { pointer: format!("/{name}"), message: "is required".to_owned() };
        let refused = |errors| Problem::unprocessable("unknown_figure", errors);
        let (Some(RequiredValue(model)), Some(RequiredValue(field))) = (&self.model, &self.field) else {
            let absent = [("model", self.model.is_none()), ("field", self.field.is_none())];
            let absent = absent.into_iter().filter(|(_, is_absent)| *is_absent);
            return Err(refused(absent.map(|(name, _)| missing(name)).collect()));
        };
        let text = |text: &Option<Text>| text.as_ref().map(|text| text.as_str().to_owned());
        let selection = FigureSelection {
            month: self.month,
            day: self.day,
            from: self.from,
            to: self.to,
            metric: self.metric,
            session_id: text(&self.session_id),
            stage: text(&self.stage),
            source: text(&self.source),
            status: text(&self.status),
            email_provider: text(&self.email_provider),
            report_id: text(&self.report_id),
            report,
            call_id: text(&self.call_id),
            lead_id: text(&self.lead_id),
            period: self.period,
            // A day that is not named means another one later on.
            date: self.date.or_else(|| self.period.map(|_| today)),
            agent: self.agent.clone(),
        };
        Question::new(model, field, selection).map_err(refused)
    }
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
    let live = app.engine.views.tenant(&list.tenant).ok_or_else(|| Problem::not_found("tenant"))?;
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
    responses((status = 200, body = FactVerdict))
)]
async fn explain_fact(
    State(app): State<Arc<App>>,
    Path((_, position)): Path<(String, String)>,
    read: Read,
) -> Result<Response, Problem> {
    let position = position.parse::<Position>().map_err(|_| Problem::not_found("fact"))?;
    let turn = app.search_turn(read.tenant.by()).await?;
    let live = app.engine.views.tenant(&read.tenant).ok_or_else(|| Problem::not_found("tenant"))?;
    let (tenant, view, log, now) =
        ((*read.tenant).clone(), read.view.clone(), app.engine.log.snapshot(), read.at);
    let verdict = blocking(move || -> Result<_, FoldError> {
        let _turn = turn;
        Explainer::new(tenant, &view, &live, log).verdict(position, now)
    });
    let verdict = verdict.await??.ok_or_else(|| Problem::not_found("fact"))?;
    read.answer_at(&verdict)
}
