//! The folds ahead of the read models: requests are let in by them, so nothing slow may hold them up.

use std::sync::Arc;

use crate::access::Access;
use crate::directory::{AlertTargets, Leases, TenantRegistry};
use crate::follow::{Ahead, Checkpoint, Fold, FoldError, Follower, fold_history};
use crate::log::Log;

/// Access, tenants and endpoints, alert targets and leases, folded up to the head of the log.
pub(super) struct ControlFolds {
    pub access: Arc<Access>,
    pub registry: Arc<TenantRegistry>,
    pub alert_targets: Arc<AlertTargets>,
    pub leases: Arc<Leases>,
    ahead: Arc<Ahead>,
    follower: Option<Follower>,
}

impl ControlFolds {
    /// Folds the history of the log; nothing is followed yet.
    ///
    /// # Errors
    /// What the log cannot read, or a fact that this release cannot decode.
    pub fn open(log: &Log, access: Access, registry: TenantRegistry) -> Result<Self, FoldError> {
        let (access, registry) = (Arc::new(access), Arc::new(registry));
        let (alert_targets, leases) = (Arc::<AlertTargets>::default(), Arc::<Leases>::default());
        let folds: Vec<Arc<dyn Fold>> = vec![
            Arc::clone(&access) as _,
            Arc::clone(&registry) as _,
            Arc::clone(&alert_targets) as _,
            Arc::clone(&leases) as _,
        ];
        let snapshot = log.snapshot();
        fold_history(&snapshot, &folds)?;
        let ahead = Arc::new(Ahead::new(log, snapshot.head().position, folds));
        Ok(Self { access, registry, alert_targets, leases, ahead, follower: None })
    }

    /// Follows the log on a thread of its own.
    ///
    /// # Errors
    /// [`FoldError::Thread`].
    pub fn follow(&mut self, log: &Log) -> Result<(), FoldError> {
        self.follower = Some(Follower::start_ahead("control", log, self.ahead())?);
        Ok(())
    }

    /// All of them, for the follower of the read models.
    pub fn ahead(&self) -> Arc<Ahead> {
        Arc::clone(&self.ahead)
    }

    /// Why one of them stopped, if one did.
    pub fn failure(&self) -> Option<FoldError> {
        let checkpoints = [
            self.access.checkpoint(),
            self.registry.checkpoint(),
            self.alert_targets.checkpoint(),
            self.leases.checkpoint(),
        ];
        checkpoints.into_iter().find_map(Checkpoint::failure)
    }

    /// Stops following.
    pub fn close(&self) {
        if let Some(follower) = &self.follower {
            follower.close();
        }
    }
}
