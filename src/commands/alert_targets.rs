//! Alert targets: set, and removed (F2).

use bytes::Bytes;
use domain::facts::Fact;
use domain::facts::setting::{AlertStyle, AlertTargetRemoved, AlertTargetSet, SettingFact};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, Position, TenantId};
use domain::members::Text;
use domain::rules::decision::{Decision, NewFact};
use uuid::Uuid;

use super::decide::Attempt;
use super::{CommandError, Commands, Receipt};
use crate::directory::AlertTarget;
use crate::follow::Fold;
use crate::ingest::error::IngestError;

/// Targets at most: each alert goes to all that want it.
const TARGETS_MAX: usize = 100;

/// A target that is to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTarget {
    /// Where messages go.
    pub url: Text,
    /// Format of the message.
    pub style: AlertStyle,
    /// Tenants whose alerts it gets; empty: every tenant's, and those of none.
    pub tenants: Vec<Text>,
    /// Rules whose alerts it gets; empty: every rule's.
    pub rules: Vec<Text>,
    /// Who sets it.
    pub by: Option<Text>,
}

/// Why a target is not set or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetRejection {
    /// There are [`TARGETS_MAX`].
    #[error("there are {TARGETS_MAX} targets, and that is the most")]
    TooMany,
    /// No target has this id.
    #[error("there is no such alert target")]
    NotFound,
}

impl<V> Commands<V> {
    /// Every target, in the order they were set, and the position up to which this is so.
    pub fn alert_targets(&self) -> (Position, Vec<AlertTarget>) {
        (self.alert_targets.checkpoint().position(), self.alert_targets.all())
    }

    /// Sets a target under a new id. Whether its URL may be called is for the caller to check.
    ///
    /// # Errors
    /// [`TargetRejection::TooMany`].
    pub async fn set_alert_target(
        &self,
        new: NewTarget,
    ) -> Result<Receipt<AlertTarget>, CommandError<TargetRejection>> {
        let id = format!("at_{}", Uuid::now_v7().simple());
        let target_id = Text::new(&id).ok_or_else(|| IngestError::Engine("a target's id is blank".into()))?;
        let NewTarget { url, style, mut tenants, mut rules, by } = new;
        for list in [&mut tenants, &mut rules] {
            list.sort();
            list.dedup();
        }
        let body = AlertTargetSet { target_id, style, tenants, rules, by, url: Some(url) };
        self.change_alert_targets(|targets, _| {
            if let Some(target) = targets.iter().find(|target| target.id == id) {
                return Ok(Decision::Stands(target.clone()));
            }
            if targets.len() >= TARGETS_MAX {
                return Err(TargetRejection::TooMany);
            }
            let key = EngineKey::AlertTarget { target: KeyPart::new(&id) };
            let fact = Fact::Setting(SettingFact::AlertTargetSet(body.clone()));
            Ok(Decision::Append(NewFact { key, occurred_at: None, fact }))
        })
        .await
    }

    /// Removes a target.
    ///
    /// # Errors
    /// [`TargetRejection::NotFound`].
    pub async fn remove_alert_target(
        &self,
        id: &str,
        by: Option<Text>,
    ) -> Result<Receipt<()>, CommandError<TargetRejection>> {
        self.change_alert_targets(|targets, attempt| {
            if attempt.recorded.is_some() {
                return Ok(Decision::Stands(()));
            }
            let is_there = targets.iter().any(|target| target.id == id);
            let target_id = Text::new(id).filter(|_| is_there).ok_or(TargetRejection::NotFound)?;
            Ok(Decision::Append(removal(target_id, by.clone())))
        })
        .await
    }

    async fn change_alert_targets<T>(
        &self,
        mut decide: impl FnMut(&[AlertTarget], Attempt) -> Result<Decision<T>, TargetRejection>,
    ) -> Result<Receipt<T>, CommandError<TargetRejection>> {
        let read = |head: Position| async move {
            self.fold_reached(&*self.alert_targets, head).await?;
            Ok(self.alert_targets.all())
        };
        let decide = |targets: &Vec<AlertTarget>, attempt: Attempt| {
            decide(targets, attempt).map_err(CommandError::Rejected)
        };
        self.decide_on(&TenantId::control(), &Bytes::new(), read, decide).await
    }
}

/// The fact that a target is no more.
pub(super) fn removal(target_id: Text, by: Option<Text>) -> NewFact {
    let key = EngineKey::AlertTargetRemoval { target: KeyPart::new(target_id.as_str()) };
    let fact = Fact::Setting(SettingFact::AlertTargetRemoved(AlertTargetRemoved { target_id, by }));
    NewFact { key, occurred_at: None, fact }
}
