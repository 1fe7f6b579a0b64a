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
    /// Which period.
    OfPeriod {
        /// By default a day. Weeks begin on Monday.
        period: LeaderboardPeriod,
        /// A local day in it; by default today.
        date: Day,
    }
}

/// Agents by calls, then pickups, connected calls and talk time; with the daily goal and how far each is with it.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/leaderboard",
    params(Read<OfPeriod>),
    responses((status = 200, content((LeaderboardAnswer = "application/json"), (String = "text/csv"))))
)]
async fn leaderboard(read: Read<OfPeriod>) -> Result<Response, Problem> {
    let today = read.view.timeline().latest().zone.day(read.at);
    let (period, date) =
        (read.query.period.unwrap_or(LeaderboardPeriod::Day), read.query.date.unwrap_or(today));
    let leaderboard_sums =
        read.view.with(|tenant, position| tenant.leaderboard_sums(position, period, date, today));
    let answer = leaderboard_sums.rank();
    let (position, rows) = (answer.position, |answer: LeaderboardAnswer| answer.items);
    // Of a period that is over the time decides nothing, unless it is the one that is current by default.
    if read.query.date.is_some() && period.around(date).1 < today {
        read.figures(position, answer, rows)
    } else {
        read.figures_at(position, answer, rows)
    }
}
