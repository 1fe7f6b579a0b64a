//! Figures of a month beside those of the month before, of a year ago, or of its published report.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::keys::Position;
use domain::members::{Day, Instant, Month};
use domain::rules::calendar::ZoneName;
use domain::rules::reports::{Period, ReportState};
use domain::words;
use projections::entities::reports::Reports;
use projections::figures::compare::{ComparedFigure, compared_figures};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::extractors::Read;
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{parameters, word_values};
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::Moment;

const HOUR: i64 = 3_600_000_000;

/// `/metrics/compare`.
pub fn routes() -> Routes {
    Routes::new("metrics").add(Need::Viewer, routes!(compare))
}

words! {
    /// What a month is compared with.
    Comparison {
        /// The month before.
        Before = "before",
        /// The same month a year ago.
        Year = "year",
        /// The same month as its published report has it.
        Published = "published",
    }
}

word_values!(Comparison);

parameters! {
    /// The month, and what it is compared with.
    CompareQuery {
        /// By default the current month in the tenant's time zone.
        month: Month,
        /// By default `before`. A month that is not over is compared with as much of the other: up to the same day and time, cut to the hour.
        with: Comparison,
    }
}

/// What the month is compared with.
#[derive(Serialize, ToSchema)]
struct ComparedWith {
    /// The month of the figures `before`.
    month: String,
    /// They are of what had happened by this instant; null where the month is whole.
    occurred_until: Option<String>,
    /// They are as the log was at this position; null where they are as known now.
    #[schema(value_type = Option<u64>)]
    as_of_position: Option<Position>,
    /// The published report; null of another month.
    report_id: Option<String>,
}

/// The figures of a month with their changes.
#[derive(Serialize, ToSchema)]
struct CompareAnswer {
    /// True at this position (R8).
    #[schema(value_type = u64)]
    position: Position,
    /// `2025-10`
    month: String,
    /// `before`, `year` or `published`.
    with: &'static str,
    /// What stands in `before`.
    against: ComparedWith,
    /// IANA name of the zone that cuts the month.
    timezone: &'static str,
    /// The tenant's figures, then those of each agent.
    items: Vec<ComparedFigure>,
}

/// Gets every figure of a month with its change on another month, or on the month as it was published.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/metrics/compare",
    params(Read<CompareQuery>),
    responses(
        (status = 200, content((CompareAnswer = "application/json"), (String = "text/csv"))),
        (status = 404, description = "No such tenant, or the month has no published report")
    )
)]
async fn compare(State(app): State<Arc<App>>, read: Read<CompareQuery>) -> Result<Response, Problem> {
    let (zone, bounds) = (read.view.timeline().latest().zone, read.moment.moment());
    let seen = bounds.occurred_until.map_or(read.at, |until| until.min(read.at));
    let current = zone.month(seen);
    let month = read.query.month.unwrap_or(current);
    let with = read.query.with.unwrap_or(Comparison::Before);
    let (other, then, report_id) = match with {
        Comparison::Published => {
            let report = read.view.with(|tenant, _| published(&tenant.reports.rows, month));
            let (id, at) = report.ok_or_else(|| Problem::not_found("published report of the month"))?;
            (month, Moment { as_of_position: Some(at), ..Moment::default() }, Some(id))
        }
        Comparison::Before | Comparison::Year => {
            let other = Month(month.0 - if with == Comparison::Year { 12 } else { 1 });
            let until = (month == current).then(|| same_moment(zone, seen, other));
            (other, Moment { occurred_until: until.or(bounds.occurred_until), ..bounds }, None)
        }
    };
    let against = ComparedWith {
        month: other.to_string(),
        occurred_until: then.occurred_until.map(|until| until.to_string()),
        as_of_position: then.as_of_position,
        report_id,
    };
    let before = {
        let _turn = match then == Moment::default() {
            true => None,
            false => Some(app.search_turn(read.tenant.by()).await?),
        };
        let view = app.engine.views.at(&read.tenant, then).await?;
        view.ok_or_else(|| Problem::not_found("tenant"))?.month(other, read.at)
    };
    let now = read.view.month(month, read.at);
    let position = now.position;
    let answer = CompareAnswer {
        position,
        month: now.month.clone(),
        with: with.as_str(),
        against,
        timezone: now.timezone,
        items: compared_figures(&now.figures, &before.figures),
    };
    let rows = |answer: CompareAnswer| answer.items;
    if read.query.month.is_some() && month < current {
        read.figures(position, answer, rows)
    } else {
        read.figures_at(position, answer, rows)
    }
}

/// As far into `other` as `seen` is into its own month: the same day, or the last one, and the same time, cut to the
/// hour, so that one fold of the past serves an hour's questions.
fn same_moment(zone: ZoneName, seen: Instant, other: Month) -> Instant {
    let today = zone.day(seen);
    let days = today.0 - today.month().first().0;
    let day = Day((other.first().0 + days).min(other.last().0));
    let hours = (seen.0 - zone.start_of(today).0) / HOUR;
    Instant(zone.start_of(day).0 + hours * HOUR)
}

/// The published report of a month, and the position at which its figures hold.
fn published(reports: &Reports, month: Month) -> Option<(String, Position)> {
    let texts = reports.texts();
    let mut of_it = reports.rows().filter(|row| {
        row.state() == ReportState::Published && row.period(texts) == Some(Period::Month(month))
    });
    of_it.find_map(|row| Some((texts.get(row.id).to_owned(), row.position()?)))
}
