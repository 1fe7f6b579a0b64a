//! `Idempotency-Key: K`: a command whose facts may repeat is recorded once under that key, for ever.

use bytes::Bytes;
use domain::facts::Fact;
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, NameError, Position, TenantId};
use domain::rules::decision::{Decision, NewFact};
use uuid::Uuid;

use super::decide::Attempt;
use super::{CommandError, Commands, Receipt, blocking};
use crate::ingest::error::IngestError;
use crate::log::StoredFact;
use crate::views::TenantView;

/// A client's name for one of its requests; the fact of the request is recorded as `idem/K` (RULINGS, Keys chosen by
/// commands).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(EngineKey);

impl IdempotencyKey {
    /// Takes `key` unchanged.
    ///
    /// # Errors
    /// As for an external id: 1 to 507 bytes, no control characters, no white space at either end.
    pub fn new(key: &str) -> Result<Self, NameError> {
        if key.is_empty() || key.trim() != key {
            return Err(NameError::ExternalId);
        }
        let key = EngineKey::Idempotent { key: key.into() };
        key.external_id().map(|_| Self(key))
    }

    /// The key of the log that it names.
    pub(super) fn engine_key(&self) -> &EngineKey {
        &self.0
    }

    /// As the client sent it.
    pub(super) fn text(&self) -> &str {
        match &self.0 {
            EngineKey::Idempotent { key } => key,
            _ => "",
        }
    }
}

impl Commands {
    /// Appends the fact that `fact` makes, once per `key`; answers the position at which the command holds.
    ///
    /// `fact` is pure. It is given the read models and, where the key was used before, the fact recorded under it: a
    /// command that makes an id takes it from there. `None` means that the read models satisfy the command.
    ///
    /// # Errors
    /// [`CommandError::Mismatch`] if the fact under `key` is of another request; else as of [`Commands::decide`].
    pub(super) async fn once<R>(
        &self,
        tenant: &TenantId,
        key: Option<&IdempotencyKey>,
        mut fact: impl FnMut(&TenantView, Option<&Fact>) -> Result<Option<Fact>, R>,
    ) -> Result<Receipt<Position>, CommandError<R>> {
        let fresh = || EngineKey::Command { id: KeyPart::new(&Uuid::now_v7().to_string()) };
        let name = key.map_or_else(fresh, |key| key.0.clone());
        let named = &name;
        let read = |head| async move {
            // A request that was recorded is answered from its fact, whether or not that is folded yet.
            let (ingest, owner, key) = (self.ingest.clone(), tenant.clone(), named.clone());
            let first = blocking(move || ingest.by_key(&owner, &key)).await?;
            let view = match &first {
                Some(_) => self.known(tenant)?,
                None => self.folded_to(tenant, head).await?,
            };
            Ok((view, first))
        };
        let decide = |(view, first): &(TenantView, Option<StoredFact>), attempt: Attempt| {
            let made = fact(view, first.as_ref().map(|first| &first.fact)).map_err(CommandError::Rejected)?;
            let Some(fact) = made else {
                return Ok(Decision::Stands(view.with(|_, position| position)));
            };
            let new = NewFact { key: name.clone(), occurred_at: None, fact };
            let Some(first) = first else { return Ok(Decision::Append(new)) };
            let again = new.envelope(tenant.clone(), attempt.now).map_err(IngestError::from)?;
            let content = again.content(&self.secret);
            if content.map_err(|error| IngestError::Engine(error.to_string()))? == first.content {
                Ok(Decision::Stands(first.position))
            } else {
                Err(CommandError::Mismatch(first.position))
            }
        };
        self.decide_on(tenant, &Bytes::new(), read, decide).await
    }
}
