//! Liveness, readiness and version.

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

/// Facts that the read models may lag behind the log before the server counts as not ready.
const LAG_MAX: u64 = 100_000;

/// `/healthz`, `/readyz`, `/version`.
pub fn routes() -> Routes {
    Routes::new("process")
        .add(Need::Open, routes!(alive))
        .add(Need::Open, routes!(ready))
        .add(Need::Open, routes!(version))
}

/// The process is alive.
#[derive(Serialize, ToSchema)]
struct Liveness {
    /// Always `alive`.
    status: &'static str,
}

/// Liveness probe: the process answers.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = Liveness)))]
async fn alive() -> Json<Liveness> {
    Json(Liveness { status: "alive" })
}

/// The server's name and version.
#[derive(Serialize, ToSchema)]
struct Version {
    /// Always `factfold`.
    name: &'static str,
    /// Version by SemVer.
    version: &'static str,
}

/// Gets the server's version.
#[utoipa::path(get, path = "/version", responses((status = 200, body = Version)))]
async fn version() -> Json<Version> {
    Json(Version { name: "factfold", version: env!("CARGO_PKG_VERSION") })
}

/// The server accepts and serves requests.
#[derive(Serialize, ToSchema)]
struct Readiness {
    /// Always `ready`; anything else is 503.
    status: &'static str,
    /// Last log position that the read models include.
    position: u64,
}

/// Readiness probe: 503 with `reasons` while the server drains, cannot write, or its read models lag far behind.
#[utoipa::path(
    get,
    path = "/readyz",
    responses((status = 200, body = Readiness), (status = 503, description = "Not ready; `reasons` says why"))
)]
async fn ready(State(app): State<Arc<App>>) -> Result<Json<Readiness>, Problem> {
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
        reasons.push(format!("the read models have stopped: {failure}"));
    }
    let (head, folded) = (app.engine.log.head().position, app.engine.views.position());
    if head.saturating_sub(folded) > LAG_MAX {
        reasons.push(format!("the read models are at position {folded} of {head}"));
    }
    if reasons.is_empty() {
        Ok(Json(Readiness { status: "ready", position: folded }))
    } else {
        let problem = Problem::unavailable("not_ready", reasons.join("; "), 5);
        Err(problem.with("reasons", json!(reasons)))
    }
}
