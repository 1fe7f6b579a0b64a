//! The folds ahead of the read models: requests are let in by them, so nothing slow may hold them up.

use std::sync::Arc;

use domain::keys::Position;

use crate::access::Access;
use crate::directory::{AlertTargets, TenantRegistry};
use crate::follow::{Fold, FoldError, Follower, fold_history};
use crate::log::Log;

/// Access, tenants and endpoints, and alert targets, folded up to the head of the log.
pub(super) struct ControlFolds {
    pub access: Arc<Access>,
    pub registry: Arc<TenantRegistry>,
    pub alert_targets: Arc<AlertTargets>,
    position: Position,
    follower: Option<Follower>,
}

impl ControlFolds {
    /// Folds the history of the log; nothing is followed yet.
    ///
    /// # Errors
    /// What the log cannot read, or a fact that this release cannot decode.
    pub fn open(log: &Log, access: Access) -> Result<Self, FoldError> {
        let mut folds = Self {
            access: Arc::new(access),
            registry: Arc::default(),
            alert_targets: Arc::default(),
            position: 0,
            follower: None,
        };
        let snapshot = log.snapshot();
        fold_history(&snapshot, &folds.all())?;
        folds.position = snapshot.head().position;
        Ok(folds)
    }

    /// Follows the log on a thread of its own.
    ///
    /// # Errors
    /// [`FoldError::Thread`].
    pub fn follow(&mut self, log: &Log) -> Result<(), FoldError> {
        self.follower = Some(Follower::start("control", log, self.position, self.all(), Vec::new())?);
        Ok(())
    }

    /// Each of them.
    pub fn all(&self) -> Vec<Arc<dyn Fold>> {
        vec![
            Arc::clone(&self.access) as _,
            Arc::clone(&self.registry) as _,
            Arc::clone(&self.alert_targets) as _,
        ]
    }

    /// Stops following.
    pub fn close(&self) {
        if let Some(follower) = &self.follower {
            follower.close();
        }
    }
}
