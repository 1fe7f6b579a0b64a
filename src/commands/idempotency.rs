//! Commands whose facts may be recorded again and again: `Idempotency-Key: K` makes one of them once, for ever.

use domain::facts::Fact;
use domain::keys::engine::EngineKey;
use domain::keys::{ContentDigest, KeyPart, NameError, Position, Provider, TenantId};
use domain::members::Instant;
use uuid::Uuid;

use super::{CommandError, Commands, Done, NewFact};
use crate::ingest::error::IngestError;
use crate::log::{Appended, LogError};
use crate::views::TenantView;

/// A client's name for a request of his; the fact it makes is `idem/K`, for ever (RULINGS, Keys chosen by commands).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(EngineKey);

impl IdempotencyKey {
    /// Takes `key` as it is.
    ///
    /// # Errors
    /// As an external id: 1 byte at least, 507 at most, no control characters, no white space at the ends.
    pub fn new(key: &str) -> Result<Self, NameError> {
        if key.is_empty() || key.trim() != key {
            return Err(NameError::ExternalId);
        }
        let key = EngineKey::Idempotent { key: key.into() };
        key.external_id().map(|_| Self(key))
    }
}

/// What such a command is made of.
pub struct Once<C, M> {
    /// Whether the state allows it; not asked again where the key is known.
    pub check: C,
    /// Makes the fact. Of a known key it is given the first fact, to take from it the ids that were made with it.
    pub make: M,
}

/// The fact that stands under an idempotency key.
struct Stored {
    position: Position,
    content: ContentDigest,
    fact: Fact,
}

impl Commands {
    /// Records the fact that a request makes and answers where it stands; with a known `key` nothing is recorded, and
    /// the first fact answers.
    ///
    /// # Errors
    /// [`CommandError::Mismatch`] when the key was used for another request; else as of [`Commands::decide`].
    pub async fn once<R, C, M>(
        &self,
        tenant: &TenantId,
        key: Option<&IdempotencyKey>,
        command: Once<C, M>,
    ) -> Result<Done<Position>, CommandError<R>>
    where
        C: Fn(&TenantView, Instant) -> Result<(), R>,
        M: Fn(Option<&Fact>) -> Fact,
    {
        let Once { check, make } = command;
        let now = self.now();
        if let Some(key) = key
            && let Some(first) = self.first(tenant, key).await?
        {
            return self.again(tenant, key, first, &make);
        }
        check(&self.folded(tenant).await?, now).map_err(CommandError::Rejected)?;
        let fresh = || EngineKey::Command { id: KeyPart::new(&Uuid::now_v7().to_string()) };
        let made_of = key.map_or_else(fresh, |key| key.0.clone());
        let record = NewFact { key: made_of, occurred_at: None, fact: make(None) };
        match (self.append(tenant, record, now).await?, key) {
            (Appended::Recorded(position), _) => Ok(Done { answer: position, recorded: Some(position) }),
            // A race under one key: the other was first, and its fact says whether it was the same request.
            (Appended::Duplicate(position) | Appended::Differs(position), Some(key)) => {
                let first = self.first(tenant, key).await?.ok_or_else(|| missing(position))?;
                self.again(tenant, key, first, &make)
            }
            (Appended::Duplicate(position) | Appended::Differs(position), None) => {
                Err(missing(position).into())
            }
        }
    }

    fn again<R>(
        &self,
        tenant: &TenantId,
        key: &IdempotencyKey,
        first: Stored,
        make: &impl Fn(Option<&Fact>) -> Fact,
    ) -> Result<Done<Position>, CommandError<R>> {
        let record = NewFact { key: key.0.clone(), occurred_at: None, fact: make(Some(&first.fact)) };
        let again = record.envelope(tenant.clone(), self.now()).map_err(IngestError::from)?;
        let content = again.content(&self.secret).map_err(|error| IngestError::Engine(error.to_string()))?;
        if content == first.content {
            Ok(Done { answer: first.position, recorded: None })
        } else {
            Err(CommandError::Mismatch(first.position))
        }
    }

    async fn first(&self, tenant: &TenantId, key: &IdempotencyKey) -> Result<Option<Stored>, IngestError> {
        let hash = self.secret.key_hash(tenant.as_str(), Provider::ENGINE, &key.0.to_string());
        let log = self.log.clone();
        let read = move || -> Result<_, IngestError> {
            let Some((position, _)) = log.find(&hash)? else { return Ok(None) };
            let record = log.read(position)?.ok_or_else(|| missing(position))?;
            let view = record.view().map_err(|error| LogError::Record { position, error })?;
            let header = &view.header;
            let fact = Fact::decode(header.kind, header.version, view.public, view.personal());
            let fact = fact.map_err(|error| IngestError::Unreadable { position, why: error.to_string() })?;
            Ok(Some(Stored { position, content: header.content, fact }))
        };
        let read = tokio::task::spawn_blocking(read).await;
        read.map_err(|error| IngestError::Engine(error.to_string()))?
    }
}

fn missing(position: Position) -> IngestError {
    IngestError::Engine(format!("the fact at position {position} was found and is not there"))
}
