//! What the commands over access share: the loop on the access state, one command at a time.

use domain::facts::Fact;
use domain::facts::access::AccessFact;
use domain::keys::TenantId;
use domain::keys::engine::EngineKey;
use domain::rules::decision::{Decision, NewFact};

use super::decide::Attempt;
use super::{CommandError, Commands, StateError};
use crate::access::{AccessError, AccessState};
use crate::ingest::error::IngestError;

/// Decision of a command over access: a fact under its key or nothing to append, and the answer.
pub(super) struct AccessDecision<T> {
    fact: Option<(EngineKey, AccessFact)>,
    answer: T,
}

impl<T> AccessDecision<T> {
    pub(super) fn append(key: EngineKey, fact: AccessFact, answer: T) -> Self {
        Self { fact: Some((key, fact)), answer }
    }

    pub(super) fn stands(answer: T) -> Self {
        Self { fact: None, answer }
    }
}

impl<V> Commands<V> {
    /// Decides on the access state at the head of the log, and returns when the fact is folded. Blocks.
    pub(super) fn change_access<T>(
        &self,
        decide: impl Fn(&AccessState) -> Result<AccessDecision<T>, AccessError>,
    ) -> Result<T, AccessError> {
        // No key holds that an email is unique, so this node decides one command at a time.
        let _changing = self.changing.lock();
        let mut answer = None;
        let decide = |attempt: Attempt| {
            if attempt.recorded.is_some()
                && let Some(answer) = answer.take()
            {
                return Ok(Decision::Stands(answer));
            }
            let decided = decide(&self.access.known())?;
            let Some((key, fact)) = decided.fact else { return Ok(Decision::Stands(decided.answer)) };
            answer = Some(decided.answer);
            Ok(Decision::Append(NewFact { key, occurred_at: None, fact: Fact::Access(fact) }))
        };
        let changed = self.decide_blocking(&*self.access, &TenantId::control(), decide);
        changed.map(|receipt| receipt.answer).map_err(|error| match error {
            CommandError::Rejected(error) => error,
            CommandError::State(StateError::NotFolded(position)) => AccessError::NotFolded(position),
            CommandError::Contended => AccessError::Contended,
            CommandError::Ingest(IngestError::Log(error)) => error.into(),
            error => AccessError::Fact(error.to_string()),
        })
    }
}
