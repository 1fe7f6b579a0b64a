//! The clock of the log: a jump ahead that is right is accepted by an admin.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::clock::ClockAhead;
use crate::http::api::extractors::GlobalAccess;
use crate::http::api::needs::Need;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `/log/accept-clock`.
pub fn routes() -> Routes {
    Routes::new("log").add(Need::Admin, routes!(accept_clock))
}

/// What was accepted.
#[derive(Serialize, ToSchema)]
struct AcceptedClock {
    /// Whether the clock had jumped ahead.
    had_jumped: bool,
    /// By how many seconds.
    ahead_seconds: u64,
}

/// Accepts the clock of the server's machine as it is: after a jump ahead of more than an hour facts are refused
/// (503 `clock_ahead`) until the clock is back or accepted.
#[utoipa::path(
    post,
    path = "/api/v1/log/accept-clock",
    responses((status = 200, body = AcceptedClock))
)]
async fn accept_clock(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
) -> Json<AcceptedClock> {
    let ahead = app.engine.log_clock.accept();
    let ahead_seconds = ahead.map_or(0, |ClockAhead(by)| by.as_secs());
    if ahead.is_some() {
        tracing::warn!(by = &*caller.id, ahead_seconds, "the clock was accepted");
    }
    Json(AcceptedClock { had_jumped: ahead.is_some(), ahead_seconds })
}
