//! The nodes of the log, and the engine that orders it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::cluster_nodes::{ClusterNode, UNSHARED, engine_position, nodes};
use crate::http::api::extractors::GlobalAccess;
use crate::http::api::needs::Need;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::log::LogState;

/// `/api/v1/cluster`.
pub fn routes() -> Routes {
    Routes::new("cluster").add(Need::Auditor, routes!(get_cluster))
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
        on_duty: engine.on_duty(),
    })
}
