//! What the read models share: the log, the tenants' slots, caches and the follower.

use std::collections::BTreeMap;

use parking_lot::{Mutex, RwLock};

use super::models::DigestCache;
use super::restatements::RestatementTrackers;
use super::slot::Slot;
use super::time_travel::PastStateCache;
use crate::follow::{Checkpoint, Follower};
use crate::log::Log;

pub(super) struct Inner {
    pub log: Log,
    /// Threads that fold what is not folded live.
    pub threads: usize,
    pub past: PastStateCache,
    pub restatements: RestatementTrackers,
    pub digests: DigestCache,
    pub tenants: RwLock<BTreeMap<Box<str>, Slot>>,
    pub checkpoint: Checkpoint,
    /// Held while a batch is folded: who holds it sees all tenants at one position.
    pub folding: Mutex<()>,
    pub follower: Mutex<Option<Follower>>,
}
