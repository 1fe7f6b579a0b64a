//! The nodes of one log, as they tell each other of themselves through the engine's servers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::keys::Position;
use serde::{Deserialize, Serialize};

/// After so long without a word a node is not named any more.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// Nodes that are remembered at most.
const NODES_MAX: usize = 1_000;

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeHead {
    /// Its name.
    pub node: String,
    /// Its head.
    pub position: Position,
    /// The tree's root there, in hexadecimal digits.
    pub root: String,
}

/// A node as it was last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSeen {
    /// What it said.
    pub head: NodeHead,
    /// How long ago.
    pub ago: Duration,
}

/// The nodes that were heard of.
#[derive(Debug, Default)]
pub struct NodeTable(BTreeMap<String, (NodeHead, Instant)>);

impl NodeTable {
    /// Takes what a node said of itself; anything else is not heard.
    pub fn hear(&mut self, text: &[u8]) {
        let Ok(head) = serde_json::from_slice::<NodeHead>(text) else { return };
        let now = Instant::now();
        self.0.retain(|_, (_, at)| now.duration_since(*at) < FORGOTTEN);
        if self.0.len() < NODES_MAX || self.0.contains_key(&head.node) {
            self.0.insert(head.node.clone(), (head, now));
        }
    }

    /// How many nodes other than `own` have said that they have this position.
    pub fn others_with(&self, position: Position, own: &str) -> usize {
        self.0.iter().filter(|(name, (head, _))| *name != own && head.position >= position).count()
    }

    /// All of them by name.
    pub fn seen(&self) -> Vec<NodeSeen> {
        self.0.values().map(|(head, at)| NodeSeen { head: head.clone(), ago: at.elapsed() }).collect()
    }
}
