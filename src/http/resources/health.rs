//! Alive, ready, and which build.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::log::LogState;

/// A projector this far behind the log is not ready to answer dashboards.
const LAG_MAX: u64 = 100_000;

/// `/healthz`, `/readyz`, `/version`.
pub fn routes() -> Routes {
    Routes::new("process")
        .add(Need::Open, routes!(alive))
        .add(Need::Open, routes!(ready))
        .add(Need::Open, routes!(version))
}

/// That the process answers.
#[derive(Serialize, ToSchema)]
struct Alive {
    /// `alive`
    status: &'static str,
}

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = Alive)))]
async fn alive() -> Json<Alive> {
    Json(Alive { status: "alive" })
}

/// Which build answers.
#[derive(Serialize, ToSchema)]
struct Version {
    /// `factfold`
    name: &'static str,
    /// Its version.
    version: &'static str,
}

/// Which build this is.
#[utoipa::path(get, path = "/version", responses((status = 200, body = Version)))]
async fn version() -> Json<Version> {
    Json(Version { name: "factfold", version: env!("CARGO_PKG_VERSION") })
}

/// That the server takes and serves.
#[derive(Serialize, ToSchema)]
struct Ready {
    /// `ready`
    status: &'static str,
    /// Last position of the log that is folded.
    position: u64,
}

/// Whether the server takes and serves: 503 with the reasons while draining, unable to write, or far behind.
#[utoipa::path(
    get,
    path = "/readyz",
    responses((status = 200, body = Ready), (status = 503, description = "Not ready; `reasons` says why"))
)]
async fn ready(State(app): State<Arc<App>>) -> Result<Json<Ready>, Problem> {
    let mut reasons = Vec::new();
    if app.stopping.is_cancelled() {
        reasons.push("draining".to_owned());
    }
    match app.engine.log.state() {
        LogState::Writable => {}
        LogState::Full => reasons.push("the disk is full".to_owned()),
        LogState::Stopped(reason) => reasons.push(format!("the log has stopped: {reason}")),
    }
    if let Some(failure) = app.engine.fold_failure() {
        reasons.push(format!("folding has stopped: {failure}"));
    }
    let (head, folded) = (app.engine.log.head().position, app.engine.views.position());
    if head.saturating_sub(folded) > LAG_MAX {
        reasons.push(format!("folded to {folded} of {head}"));
    }
    if reasons.is_empty() {
        Ok(Json(Ready { status: "ready", position: folded }))
    } else {
        let problem = Problem::unavailable("not_ready", reasons.join("; "), 5);
        Err(problem.with("reasons", json!(reasons)))
    }
}
