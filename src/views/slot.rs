//! One tenant's models behind a lock of their own.

use std::sync::Arc;

use domain::keys::Position;
use parking_lot::RwLock;
use projections::tenant::Tenant;

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
