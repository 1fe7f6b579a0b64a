//! Figures of months and days.

use axum::response::Response;
use domain::members::{Day, Month};
use projections::figures::month::{DaysAnswer, MonthAnswer};
use utoipa_axum::routes;

use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::parameters;
use crate::http::api::read::Read;
use crate::http::api::routes::Routes;

/// Longest range of days in one answer.
const DAYS_MAX: i32 = 400;

/// `/metrics/month`, `/metrics/days`.
pub fn routes() -> Routes {
    Routes::new("metrics").add(Need::Viewer, routes!(month)).add(Need::Viewer, routes!(days))
}

parameters! {
    /// Which month.
    OfMonth {
        /// By default the current one, in the tenant's zone.
        month: Month,
    }
}

/// Figures of a month, of the tenant and of each agent.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/metrics/month",
    params(Read<OfMonth>),
    responses((status = 200, content((MonthAnswer = "application/json"), (String = "text/csv"))))
)]
async fn month(read: Read<OfMonth>) -> Result<Response, Problem> {
    let current = read.view.timeline().latest().zone.month(read.at);
    let month = read.query.month.unwrap_or(current);
    let answer = read.view.month(month, read.at);
    let (position, rows) = (answer.position, |month| vec![month]);
    // Whoever asks for no month asks for another one later on.
    if read.query.month.is_some() && month < current {
        read.figures(position, answer, rows)
    } else {
        read.figures_at(position, answer, rows)
    }
}

parameters! {
    /// Which days.
    OfDays {
        /// First local day; by default the first of the month of the last.
        from: Day,
        /// Last local day; by default today.
        to: Day,
    }
}

/// Figures of each day of a range, days without facts included.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/metrics/days",
    params(Read<OfDays>),
    responses((status = 200, content((DaysAnswer = "application/json"), (String = "text/csv"))))
)]
async fn days(read: Read<OfDays>) -> Result<Response, Problem> {
    let (from, to) = days_asked(&read, read.query.from, read.query.to)?;
    let answer = read.view.days(from, to);
    let (position, rows) = (answer.position, |days: DaysAnswer| days.items);
    match read.query.to {
        Some(_) => read.figures(position, answer, rows),
        None => read.figures_at(position, answer, rows),
    }
}

/// The days from `from` to `to`: by default up to today, from the first of the last one's month.
pub fn days_asked<Q>(read: &Read<Q>, from: Option<Day>, to: Option<Day>) -> Result<(Day, Day), Problem> {
    let to = to.unwrap_or_else(|| read.view.timeline().latest().zone.day(read.at));
    let from = from.unwrap_or_else(|| to.month().first());
    if from > to || to.0 - from.0 >= DAYS_MAX {
        let detail = format!(
            "'from' must not be after 'to' (by default today), and at most {DAYS_MAX} days lie between them"
        );
        return Err(Problem::bad_request("bad_range", detail));
    }
    Ok((from, to))
}
