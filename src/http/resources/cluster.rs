//! The nodes of the log, and the engine that orders it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::engine::{ReseedError, ReseedStatus};
use crate::http::api::blocking::blocking;
use crate::http::api::cluster_nodes::{ClusterNode, UNSHARED, engine_position, nodes};
use crate::http::api::extractors::GlobalAccess;
use crate::http::api::json_body::{json_body, members};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::rendered::Rendered;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::log::LogState;

/// `/api/v1/cluster` and its log.
pub fn routes() -> Routes {
    Routes::new("cluster").add(Need::Auditor, routes!(get_cluster)).add(Need::Admin, routes!(start_reseed))
}

/// The engine and the nodes, as this node knows them.
#[derive(Serialize, ToSchema)]
struct Cluster {
    /// What orders the log: `embedded`, `jetstream` or `postgres`.
    engine: &'static str,
    /// This node's name; null where none is given.
    node: Option<String>,
    /// Last position of this node's log.
    position: u64,
    /// Last position that the engine is known to have; null where it was not reached since the start, or the log is
    /// embedded.
    engine_position: Option<u64>,
    /// `writable`, `full`, `unavailable` or `stopped`.
    state: &'static str,
    /// Why it is not writable.
    reason: Option<String>,
    /// In which way the engine is weaker than it should be.
    warnings: Vec<String>,
    /// Erasures that this node carried out, and whose data the engine's log still has: until `factfold cluster reseed`.
    erasures_pending_in_engine: usize,
    /// How far this node is that makes the engine's log anew; null where it was not asked to since its start.
    reseed: Option<Reseed>,
    /// The node that runs schedules and timers and sends messages; null where none does now, or the log is embedded.
    on_duty: Option<String>,
    /// The nodes that this one heard of in the last ten minutes, itself included; none where the log is embedded.
    nodes: Vec<ClusterNode>,
}

/// Gets the nodes of the log, with their heads and lag, and the engine that orders it.
#[utoipa::path(get, path = "/api/v1/cluster", responses((status = 200, body = Cluster)))]
async fn get_cluster(State(app): State<Arc<App>>, _caller: GlobalAccess) -> Json<Cluster> {
    let (engine, log) = (&app.engine, &app.engine.log);
    let (position, status) = (log.head().position, log.engine_status());
    let unshared = engine.deliveries.not_shared();
    let unshared = unshared.map(|why| format!("{UNSHARED}: {why}"));
    let (state, reason) = match log.state() {
        LogState::Writable => ("writable", None),
        LogState::Full => ("full", Some("the disk is full".to_owned())),
        LogState::Unavailable(why) => ("unavailable", Some(why.to_string())),
        LogState::Stopped(why) => ("stopped", Some(why.to_string())),
    };
    Json(Cluster {
        engine: engine.log_engine,
        node: engine.node.clone(),
        position,
        engine_position: engine_position(position, status.as_ref()),
        state,
        reason,
        nodes: nodes(&app),
        erasures_pending_in_engine: status.as_ref().map_or(0, |status| status.unerased),
        warnings: status.map(|status| status.warnings).into_iter().flatten().chain(unshared).collect(),
        reseed: engine.reseeder.status().map(Reseed::from),
        on_duty: engine.on_duty(),
    })
}

/// How far the engine's log is made anew.
#[derive(Serialize, ToSchema)]
struct Reseed {
    /// `running`, `done` or `failed`.
    state: &'static str,
    /// Last position of the log that is made.
    position: u64,
    /// The position up to which it is copied.
    copied: u64,
    /// Why it failed.
    error: Option<String>,
    /// What only nodes have that did not speak, and may be lost; null where nothing is.
    may_be_lost: Option<String>,
}

impl From<ReseedStatus> for Reseed {
    fn from(status: ReseedStatus) -> Self {
        let state = match (status.is_running, &status.error) {
            (true, _) => "running",
            (false, None) => "done",
            (false, Some(_)) => "failed",
        };
        let ReseedStatus { position, copied, error, may_be_lost, .. } = status;
        Self { state, position, copied, error, may_be_lost }
    }
}

/// What is accepted.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what `start_reseed` reads")]
struct ReseedRequest {
    /// Whether facts may be lost that only nodes have which do not speak. It matters where the engine has no log.
    #[schema(required = false)]
    force: bool,
}

impl From<ReseedError> for Problem {
    fn from(error: ReseedError) -> Self {
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, error.to_string());
        match &error {
            ReseedError::NotShared => conflict("log_not_shared"),
            ReseedError::Running => conflict("reseed_running"),
            ReseedError::Stopped(_) => conflict("log_stopped"),
            ReseedError::Behind { node, .. } => conflict("node_behind").with("node", node.clone()),
            ReseedError::Other(node) => conflict("other_log").with("node", node.clone()),
            ReseedError::Silent(_) => conflict("nodes_silent"),
            ReseedError::Engine(_) => Self::unavailable("engine_unavailable", error.to_string(), 2),
        }
    }
}

/// Makes the engine's log anew from this node's journal, while the nodes run: where it is gone, or has data that was erased.
/// No node takes facts until it is done (503 `engine_unavailable`). How far it is, `GET /api/v1/cluster` tells.
#[utoipa::path(
    post,
    path = "/api/v1/cluster/reseed",
    request_body = ReseedRequest,
    responses(
        (status = 202, body = Reseed),
        (
            status = 409,
            description = "`node_behind`, `other_log`, `nodes_silent`: another node, which is named, has more; \
                           `reseed_running`, `log_stopped`, `log_not_shared`"
        ),
        (status = 503, description = "`engine_unavailable`: the engine does not answer")
    )
)]
async fn start_reseed(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    request: Request,
) -> Result<Response, Problem> {
    let body = json_body(request).await?;
    let force = members(&body, |at| Some(at.optional::<bool>("force").unwrap_or_default()))?;
    tracing::warn!(by = &*caller.id, force, "the engine's log is to be made anew");
    let status = blocking(move || app.engine.reseeder.begin(force)).await??;
    Rendered::json(&Reseed::from(status))?.with_status(StatusCode::ACCEPTED)
}
