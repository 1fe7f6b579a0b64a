//! Liveness, readiness and version.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::auth::Identity;
use crate::http::api::cluster_nodes::{ClusterNode, UNSHARED, nodes};
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

/// The server's name, version and commit.
#[derive(Serialize, ToSchema)]
struct Version {
    /// Always `factfold`.
    name: &'static str,
    /// Version by SemVer.
    version: &'static str,
    /// Commit that the binary is made of, in full; `unknown` where it was built without git or for debugging.
    commit: &'static str,
}

/// Gets the server's version.
#[utoipa::path(get, path = "/version", responses((status = 200, body = Version)))]
async fn version() -> Json<Version> {
    Json(Version { name: "factfold", version: env!("CARGO_PKG_VERSION"), commit: env!("FACTFOLD_COMMIT") })
}

/// The server accepts and serves requests.
#[derive(Serialize, ToSchema)]
struct Readiness {
    /// Always `ready`; anything else is 503.
    status: &'static str,
    /// Last log position that the read models include.
    position: u64,
    /// What is wrong, though the server serves: the log's last fact was recorded ahead of the clock, or
    /// the engine that orders the log is weaker than it should be; in which way is told to callers who may audit.
    warnings: Vec<String>,
    /// What orders the log: `embedded`, `jetstream` or `postgres`.
    engine: &'static str,
    /// Facts that the engine is known to have and this node has not.
    lag: u64,
    /// The nodes of the log with their heads, for callers who may audit; absent for others, and where the log is embedded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<ClusterNode>,
}

/// Why the server is not ready. Whoever may audit is told the cause too: it can name files and ids.
struct Reason {
    told: String,
    cause: Option<String>,
}

impl Reason {
    fn new(told: impl Into<String>) -> Self {
        Self { told: told.into(), cause: None }
    }

    fn with_cause(told: &str, cause: impl ToString) -> Self {
        Self { told: told.to_owned(), cause: Some(cause.to_string()) }
    }

    fn text(self, is_insider: bool) -> String {
        match self.cause.filter(|_| is_insider) {
            Some(cause) => format!("{}: {cause}", self.told),
            None => self.told,
        }
    }
}

/// What keeps the log from taking facts.
fn of_the_log(state: LogState) -> Option<Reason> {
    match state {
        LogState::Writable => None,
        LogState::Full => Some(Reason::new("the disk is full")),
        LogState::Unavailable(cause) => Some(Reason::with_cause("the log's engine is unavailable", cause)),
        LogState::Stopped(cause) => Some(Reason::with_cause("the log has stopped", cause)),
    }
}

/// In which way the engine is weaker than it should be. Its warnings name servers and settings: others are told how many.
fn of_the_engine(warnings: Vec<String>, is_insider: bool) -> Vec<String> {
    match warnings.len() {
        _ if is_insider => warnings,
        0 => Vec::new(),
        count => vec![format!("the log's engine is weaker than it should be: {count} warnings")],
    }
}

/// Readiness probe: 503 with `reasons` while the server drains, cannot write, or its read models lag far behind. The
/// reasons and warnings name files, servers and causes only to callers who may audit.
#[utoipa::path(
    get,
    path = "/readyz",
    responses((status = 200, body = Readiness), (status = 503, description = "Not ready; `reasons` says why"))
)]
async fn ready(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
) -> Result<Json<Readiness>, Problem> {
    let is_insider = identity.caller().is_ok_and(|caller| {
        caller.role_everywhere().is_some_and(|role| Need::Auditor.roles().contains(&role))
    });
    let mut reasons = Vec::new();
    if app.stopping.is_cancelled() {
        reasons.push(Reason::new("draining"));
    }
    reasons.extend(of_the_log(app.engine.log.state()));
    reasons.extend(app.engine.log_clock.now().err().map(|ahead| Reason::new(ahead.to_string())));
    if let Some(failure) = app.engine.fold_failure() {
        reasons.push(Reason::with_cause("the read models have stopped", failure));
    }
    let (head, folded) = (app.engine.log.head().position, app.engine.views.position());
    let unfolded = app.engine.views.unfolded();
    if !unfolded.is_empty() {
        let told = "the read models are being folded since the start";
        reasons.push(Reason::with_cause(told, unfolded.join(", ")));
    } else if head.saturating_sub(folded) > LAG_MAX {
        reasons.push(Reason::new(format!("the read models are at position {folded} of {head}")));
    }
    let engine = app.engine.log.engine_status();
    let tip = engine.as_ref().and_then(|engine| engine.tip).unwrap_or_default();
    if tip.saturating_sub(head) > LAG_MAX {
        reasons.push(Reason::new(format!("this node is at position {head} of {tip}")));
    }
    if reasons.is_empty() {
        let ahead = app
            .engine
            .log
            .snapshot()
            .ahead_of((app.engine.clock)())
            .map_err(|error| Problem::from(&error))?;
        let warn = |ahead: Duration| {
            format!("the log's last fact was recorded {} minutes ahead of the clock", ahead.as_secs() / 60)
        };
        let engine = of_the_engine(engine.map(|engine| engine.warnings).unwrap_or_default(), is_insider);
        let unshared = app.engine.deliveries.not_shared().map(|_| UNSHARED.to_owned());
        let warnings = ahead.map(warn).into_iter().chain(engine).chain(unshared).collect();
        let nodes = if is_insider { nodes(&app) } else { Vec::new() };
        let (status, engine, lag) = ("ready", app.engine.log_engine, tip.saturating_sub(head));
        return Ok(Json(Readiness { status, position: folded, warnings, engine, lag, nodes }));
    }
    let reasons: Vec<String> = reasons.into_iter().map(|reason| reason.text(is_insider)).collect();
    let problem = Problem::unavailable("not_ready", reasons.join("; "), 5);
    Err(problem.with("reasons", json!(reasons)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_told_that_the_log_has_stopped_and_an_auditor_why() {
        let stopped = || {
            let cause = "/srv/secret/journal/00000000000000000001.open: input/output error";
            of_the_log(LogState::Stopped(cause.into())).expect("a reason")
        };
        assert_eq!(stopped().text(false), "the log has stopped");
        assert!(stopped().text(true).contains("/srv/secret/journal"));
        assert!(of_the_log(LogState::Writable).is_none());
    }

    #[test]
    fn a_stranger_is_told_how_many_warnings_there_are_and_an_auditor_which() {
        let warnings = || vec!["http://10.0.0.1:8222 does not prove sync_interval: always".to_owned()];
        assert_eq!(
            of_the_engine(warnings(), false),
            ["the log's engine is weaker than it should be: 1 warnings"]
        );
        assert_eq!(of_the_engine(warnings(), true), warnings());
        assert!(of_the_engine(Vec::new(), false).is_empty());
    }
}
