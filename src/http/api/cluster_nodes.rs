//! The nodes of one log, as readiness and the cluster's resource tell them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::app::App;
use crate::log::engines::{EngineStatus, NodeSeen};

/// What is told where nodes do not hear of each other's deliveries.
pub const UNSHARED: &str = "deliveries are not shared with the other nodes";

/// A node as it was last heard of.
#[derive(Serialize, ToSchema)]
pub struct ClusterNode {
    /// Its name.
    name: String,
    /// The last position of its log.
    position: u64,
    /// Root of the tree over its log up to there, in hexadecimal digits: nodes at one position have one root.
    root: String,
    /// Facts that the engine has and it had not.
    lag: u64,
    /// How many seconds ago it was heard of.
    seen_seconds_ago: u64,
    /// Whether it runs schedules and timers and sends messages.
    on_duty: bool,
}

/// The last position that the engine is known to have.
pub fn engine_position(head: u64, status: Option<&EngineStatus>) -> Option<u64> {
    status.and_then(|status| status.tip).map(|tip| tip.max(head))
}

/// The nodes as this one last heard of them; none where the log is this node's alone.
pub fn nodes(app: &App) -> Vec<ClusterNode> {
    let Some(status) = app.engine.log.engine_status() else { return Vec::new() };
    let on_duty = app.engine.on_duty();
    let tip = engine_position(app.engine.log.head().position, Some(&status)).unwrap_or_default();
    let node = |seen: &NodeSeen| ClusterNode {
        name: seen.head.node.clone(),
        position: seen.head.position,
        root: seen.head.root.clone(),
        lag: tip.saturating_sub(seen.head.position),
        seen_seconds_ago: seen.ago.as_secs(),
        on_duty: on_duty.as_ref() == Some(&seen.head.node),
    };
    status.nodes.iter().map(node).collect()
}
