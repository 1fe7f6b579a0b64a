//! Nodes of the hash tree that were computed once.

use std::collections::BTreeMap;

use domain::record::Hash;
use parking_lot::Mutex;

/// Lowest level of the nodes that are remembered: one in 2,048 facts.
const LEVEL_MIN: u32 = 12;

/// Nodes by level and index. A perfect subtree never changes, so they hold for every snapshot of a log.
#[derive(Debug, Default)]
pub struct NodeCache(Mutex<BTreeMap<(u32, u64), Hash>>);

impl NodeCache {
    /// The node, if it was computed before and is worth remembering.
    pub fn get(&self, level: u32, index: u64) -> Option<Hash> {
        if level < LEVEL_MIN { None } else { self.0.lock().get(&(level, index)).copied() }
    }

    /// Remembers a node of a high level.
    pub fn put(&self, level: u32, index: u64, node: Hash) {
        if level >= LEVEL_MIN {
            self.0.lock().insert((level, index), node);
        }
    }
}
