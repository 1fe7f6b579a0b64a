//! Conflicts: the second content replaces the first, or the first stands (R1).

use bytes::Bytes;
use domain::facts::Fact;
use domain::facts::control::{ConflictAccepted, ConflictRejected, ControlFact};
use domain::keys::engine::{EngineKey, HexDigest};
use domain::keys::{Position, TenantId};
use domain::members::Text;
use domain::rules::decision::{Decision, NewFact};

use super::decide::Attempt;
use super::{CommandError, Commands, Receipt, blocking};
use crate::ingest::verdict::ConflictVerdict;

/// Why a conflict is not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConflictRejection {
    /// The tenant has no conflict at this position.
    #[error("there is no such conflict")]
    NotFound,
    /// It has the other verdict, which stands for ever.
    #[error("the conflict was {} at position {position}, and that stands", verdict.state())]
    Decided {
        /// The verdict that stands.
        verdict: ConflictVerdict,
        /// Its position.
        position: Position,
    },
}

type Verdict = Option<(ConflictVerdict, Position)>;

impl<V> Commands<V> {
    /// Decides the conflict whose evidence stands at `evidence`; answers the position of the verdict. One key holds
    /// it: of two that race one is recorded, and the other is told of it.
    ///
    /// # Errors
    /// [`ConflictRejection`].
    pub async fn decide_conflict(
        &self,
        tenant: &TenantId,
        evidence: Position,
        verdict: ConflictVerdict,
        by: Option<Text>,
    ) -> Result<Receipt<Position>, CommandError<ConflictRejection>> {
        let (log, ingest, owner) = (self.log.clone(), self.ingest.clone(), tenant.clone());
        let found = blocking(move || {
            let Some((observed, stored)) = ingest.conflict(&owner, evidence)? else { return Ok(None) };
            // The correction is made of what the evidence was made of.
            let original = match verdict {
                ConflictVerdict::Accept => log.original_of(&stored)?.unwrap_or_default(),
                ConflictVerdict::Reject => Bytes::new(),
            };
            let first = log.fact(observed.first_position)?.map(|first| first.fact);
            let configures = [Some(&*observed.brought.0), first.as_ref()]
                .into_iter()
                .flatten()
                .any(|fact| matches!(fact, Fact::Tenant(_)));
            Ok(Some((observed, original, configures && verdict == ConflictVerdict::Accept)))
        });
        let (observed, original, configures) =
            found.await?.ok_or(CommandError::Rejected(ConflictRejection::NotFound))?;
        let (first, second) = (observed.first_position, observed.second_digest);
        let read = |_| {
            let (ingest, tenant) = (self.ingest.clone(), tenant.clone());
            async move { Ok(blocking(move || ingest.verdict(&tenant, first, &second)).await?) }
        };
        let decide = |stands: &Verdict, _: Attempt| match *stands {
            Some((stands, position)) if stands == verdict => Ok(Decision::Stands(position)),
            Some((verdict, position)) => {
                Err(CommandError::Rejected(ConflictRejection::Decided { verdict, position }))
            }
            None => {
                let (first_position, second_digest, by) = (first, second, by.clone());
                let fact = match verdict {
                    ConflictVerdict::Accept => ControlFact::ConflictAccepted(ConflictAccepted {
                        first_position,
                        second_digest,
                        occurred_at: observed.occurred_at,
                        time_source: observed.time_source,
                        by,
                        brought: observed.brought.clone(),
                    }),
                    ConflictVerdict::Reject => {
                        ControlFact::ConflictRejected(ConflictRejected { first_position, second_digest, by })
                    }
                };
                let key = EngineKey::ConflictDecision { first, second: HexDigest(second) };
                Ok(Decision::Append(NewFact { key, occurred_at: None, fact: Fact::Control(fact) }))
            }
        };
        let receipt = self.decide_on(tenant, &original, read, decide).await?;
        if configures && receipt.recorded.is_some() {
            // The corrected configuration holds for the next delivery.
            self.fold_reached(&*self.registry, self.log.head().position).await?;
        }
        Ok(receipt)
    }
}
