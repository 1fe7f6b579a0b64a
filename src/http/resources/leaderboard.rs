//! The leaderboard (F6).

use crate::http::api::extractors::Read;
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{parameters, word_values};
use crate::http::api::routes::Routes;
use axum::response::Response;
use domain::members::Day;
use projections::figures::leaderboard::{LeaderboardAnswer, LeaderboardPeriod};
use utoipa_axum::routes;

/// `/leaderboard`.
pub fn routes() -> Routes {
    Routes::new("metrics").add(Need::Viewer, routes!(leaderboard))
}

word_values!(LeaderboardPeriod);

parameters! {
    /// The period of the leaderboard.
    PeriodQuery {
        /// By default `day`. Weeks begin on Monday.
        period: LeaderboardPeriod,
        /// A local day within the period; by default today.
        date: Day,
    }
}

/// Ranks agents by calls, then pickups, connected calls and talk time, with their progress towards the daily goal.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/leaderboard",
    params(Read<PeriodQuery>),
    responses((status = 200, content((LeaderboardAnswer = "application/json"), (String = "text/csv"))))
)]
async fn leaderboard(read: Read<PeriodQuery>) -> Result<Response, Problem> {
    let today = read.view.timeline().latest().zone.day(read.at);
    let (period, date) =
        (read.query.period.unwrap_or(LeaderboardPeriod::Day), read.query.date.unwrap_or(today));
    let leaderboard_sums =
        read.view.with(|tenant, position| tenant.leaderboard_sums(position, period, date, today));
    let answer = leaderboard_sums.rank();
    let (position, rows) = (answer.position, |answer: LeaderboardAnswer| answer.items);
    // A past period that was asked for by date does not depend on the time.
    if read.query.date.is_some() && period.around(date).1 < today {
        read.figures(position, answer, rows)
    } else {
        read.figures_at(position, answer, rows)
    }
}
