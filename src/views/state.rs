//! What the read models are made of: one state per tenant behind a lock of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::keys::Position;
use parking_lot::{Mutex, RwLock};
use projections::tenant::Tenant;

use super::models::DigestCache;
use super::restatements::RestatementTrackers;
use super::time_travel::PastStateCache;
use crate::follow::{Checkpoint, Follower};
use crate::log::Log;

/// One tenant's models and the position they are at: that of the last of its facts that was folded.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub position: Position,
    pub tenant: Tenant,
}

pub(super) type Slot = Arc<RwLock<State>>;

pub(super) fn slot(state: State) -> Slot {
    Arc::new(RwLock::new(state))
}

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
