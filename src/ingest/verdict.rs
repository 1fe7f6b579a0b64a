//! Conflicts as the log has them: the evidence of one, and the verdict of a person (R1).

use domain::facts::Fact;
use domain::facts::control::{ConflictObserved, ControlFact};
use domain::keys::engine::{EngineKey, HexDigest};
use domain::keys::{ContentDigest, Position, TenantId};

use super::Ingest;
use super::conflict::{Evidence, diff};
use super::error::IngestError;
use crate::log::StoredFact;

/// What a person decides of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictVerdict {
    /// The second content replaces the first in its entity.
    Accept,
    /// The first content stands.
    Reject,
}

impl ConflictVerdict {
    /// The state of a conflict that was decided so.
    pub fn state(self) -> &'static str {
        match self {
            Self::Accept => "accepted",
            Self::Reject => "rejected",
        }
    }
}

impl Ingest {
    /// The evidence of the conflict at `evidence` with the fact at `first`. Reads the log's files; an erased member is
    /// no difference that can be shown.
    ///
    /// # Errors
    /// The log's.
    pub fn evidence(&self, first: Position, evidence: Position) -> Result<Evidence, IngestError> {
        let unreadable = |why: &str| IngestError::Unreadable { position: evidence, why: why.into() };
        let observed = self.log.fact(evidence)?.map(|stored| stored.fact);
        let Some(Fact::Control(ControlFact::ConflictObserved(observed))) = observed else {
            return Err(unreadable("it is no conflict_observed"));
        };
        let stands = self.log.fact(first)?.ok_or_else(|| unreadable("its first fact is not there"))?;
        let first_at = (!stands.time_received).then_some(stands.occurred_at);
        let second_at = observed.time_source.is_none().then_some(observed.occurred_at);
        Ok(Evidence {
            diff: diff((first_at, &stands.fact), (second_at, &observed.brought.0)),
            count: self.conflict_counter.of(first, observed.second_digest),
            counted_since: self.conflict_counter.counted_since(),
        })
    }

    /// The `conflict_observed` at `position`, if it is one of `tenant`.
    ///
    /// # Errors
    /// The log's.
    pub fn conflict(
        &self,
        tenant: &TenantId,
        position: Position,
    ) -> Result<Option<(ConflictObserved, StoredFact)>, IngestError> {
        let Some(stored) = self.log.fact(position)?.filter(|stored| stored.tenant == *tenant) else {
            return Ok(None);
        };
        match &stored.fact {
            Fact::Control(ControlFact::ConflictObserved(observed)) => Ok(Some((observed.clone(), stored))),
            _ => Ok(None),
        }
    }

    /// The verdict over the content `second` under the key of the fact at `first`, and its position. Looks the key
    /// up, which may wait for the disk.
    ///
    /// # Errors
    /// The log's.
    pub fn verdict(
        &self,
        tenant: &TenantId,
        first: Position,
        second: &ContentDigest,
    ) -> Result<Option<(ConflictVerdict, Position)>, IngestError> {
        let key = EngineKey::ConflictDecision { first, second: HexDigest(*second) };
        let Some(stored) = self.by_key(tenant, &key)? else { return Ok(None) };
        match stored.fact {
            Fact::Control(ControlFact::ConflictAccepted(_)) => {
                Ok(Some((ConflictVerdict::Accept, stored.position)))
            }
            Fact::Control(ControlFact::ConflictRejected(_)) => {
                Ok(Some((ConflictVerdict::Reject, stored.position)))
            }
            _ => {
                let why = "it has the key of a verdict and is none".into();
                Err(IngestError::Unreadable { position: stored.position, why })
            }
        }
    }
}
