//! Leases: which node does what one alone may do; a fold of the control tenant's settings.

use std::collections::BTreeMap;

use domain::facts::Fact;
use domain::facts::setting::SettingFact;
use domain::keys::{Position, TenantId};
use domain::members::Instant;
use parking_lot::RwLock;

use crate::follow::{Batch, Checkpoint, Decoded, Fold, FoldError};
use crate::log::select::GroupSet;

/// A lease as it was last taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The node that has it.
    pub node: String,
    /// Until when, by that node's clock.
    pub until: Instant,
    /// Where it was taken.
    pub position: Position,
}

/// The leases at the folded position.
#[derive(Debug, Default)]
pub struct Leases {
    by_name: RwLock<BTreeMap<String, Lease>>,
    checkpoint: Checkpoint,
}

impl Leases {
    /// The lease of this name as it was last taken.
    pub fn get(&self, name: &str) -> Option<Lease> {
        self.by_name.read().get(name).cloned()
    }

    fn apply_setting(&self, decoded: &Decoded) {
        if let Fact::Setting(SettingFact::LeaseTaken(body)) = &decoded.fact {
            let lease = Lease { node: body.node.to_string(), until: body.until, position: decoded.position };
            self.by_name.write().insert(body.lease.to_string(), lease);
        }
    }
}

impl Fold for Leases {
    fn groups(&self) -> GroupSet {
        GroupSet::NONE.with(SettingFact::GROUP)
    }

    fn apply(&self, batch: &Batch<'_>) -> Result<(), FoldError> {
        let control = batch.entries.iter().filter(|entry| entry.tenant == TenantId::CONTROL);
        control.filter_map(|entry| entry.decoded.as_ref()).for_each(|decoded| self.apply_setting(decoded));
        self.checkpoint.advance(batch.last);
        Ok(())
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}
