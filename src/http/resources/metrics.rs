//! Figures of months, days and sources.

use crate::http::api::blocking::blocking;
use crate::http::api::day_range::{DayRange, day_range};
use crate::http::api::extractors::Read;
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::parameters;
use crate::http::api::routes::Routes;
use axum::response::Response;
use domain::members::Month;
use projections::entities::crm::coverage::SourceCoverage;
use projections::figures::month::{DaysAnswer, MonthAnswer};
use projections::figures::sources::SourcesAnswer;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

/// `/metrics/month`, `/metrics/days`, `/metrics/sources`.
pub fn routes() -> Routes {
    Routes::new("metrics")
        .add(Need::Viewer, routes!(month))
        .add(Need::Viewer, routes!(days))
        .add(Need::Viewer, routes!(sources))
}

/// Figures, and through when each source is known completely.
#[derive(Serialize, ToSchema)]
struct Covered<T> {
    #[serde(flatten)]
    figures: T,
    /// The sources of the tenant.
    coverage: Vec<SourceCoverage>,
}

impl<T> Covered<T> {
    fn of<Q>(read: &Read<Q>, figures: T) -> Self {
        Self { figures, coverage: read.view.coverage() }
    }
}

parameters! {
    /// The month of the figures.
    MonthQuery {
        /// By default the current month in the tenant's time zone.
        month: Month,
    }
}

/// Figures of a month: of the tenant and of each agent.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/metrics/month",
    params(Read<MonthQuery>),
    responses((status = 200, content((Covered<MonthAnswer> = "application/json"), (String = "text/csv"))))
)]
async fn month(read: Read<MonthQuery>) -> Result<Response, Problem> {
    let current = read.view.timeline().latest().zone.month(read.at);
    let month = read.query.month.unwrap_or(current);
    let answer = read.view.month(month, read.at);
    let (position, rows) = (answer.position, |month: Covered<_>| vec![month.figures]);
    let answer = Covered::of(&read, answer);
    // Without `month` the same request means another month later on.
    if read.query.month.is_some() && month < current {
        read.figures(position, answer, rows)
    } else {
        read.figures_at(position, answer, rows)
    }
}

/// Figures of each day of a range, including days without facts.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/metrics/days",
    params(Read<DayRange>),
    responses((status = 200, content((Covered<DaysAnswer> = "application/json"), (String = "text/csv"))))
)]
async fn days(read: Read<DayRange>) -> Result<Response, Problem> {
    let (from, to) = day_range(&read, read.query.from, read.query.to)?;
    let answer = read.view.days(from, to);
    let (position, rows) = (answer.position, |days: Covered<DaysAnswer>| days.figures.items);
    let answer = Covered::of(&read, answer);
    match read.query.to {
        Some(_) => read.figures(position, answer, rows),
        None => read.figures_at(position, answer, rows),
    }
}

/// Figures of calls by source and campaign, over the calls that began on these days; the rows sum to the days' figures.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/metrics/sources",
    params(Read<DayRange>),
    responses((status = 200, content((SourcesAnswer = "application/json"), (String = "text/csv"))))
)]
async fn sources(read: Read<DayRange>) -> Result<Response, Problem> {
    let (from, to) = day_range(&read, read.query.from, read.query.to)?;
    let (calls, position) = read.view.with(|tenant, position| (tenant.source_calls(), position));
    let answer = blocking(move || calls.answer(position, from, to)).await?;
    let rows = |sources: SourcesAnswer| sources.items;
    match read.query.to {
        Some(_) => read.figures(position, answer, rows),
        None => read.figures_at(position, answer, rows),
    }
}
