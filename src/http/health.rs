//! Alive, ready, and which build.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::App;
use super::problem::Problem;
use crate::log::LogState;

/// A projector this far behind the log is not ready to answer dashboards.
const LAG_MAX: u64 = 100_000;

/// `/healthz`, `/readyz`, `/version`.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(async || Json(json!({"status": "alive"}))))
        .route("/readyz", get(ready))
        .route(
            "/version",
            get(async || Json(json!({"name": "factfold", "version": env!("CARGO_PKG_VERSION")}))),
        )
}

/// 200, or 503 with the reasons while draining, unable to write, or far behind.
async fn ready(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let mut reasons = Vec::new();
    if app.draining.load(Ordering::Relaxed) {
        reasons.push("draining".to_owned());
    }
    match app.engine.log.state() {
        LogState::Writable => {}
        LogState::Full => reasons.push("the disk is full".to_owned()),
        LogState::Stopped(reason) => reasons.push(format!("the log has stopped: {reason}")),
    }
    let (head, folded) = (app.engine.log.head().position, app.engine.views.position());
    if head.saturating_sub(folded) > LAG_MAX {
        reasons.push(format!("folded to {folded} of {head}"));
    }
    if reasons.is_empty() {
        Ok(Json(json!({"status": "ready", "position": folded})))
    } else {
        let problem = Problem::unavailable("not_ready", reasons.join("; "), 5);
        Err(problem.with("reasons", json!(reasons)))
    }
}
