//! The write side: wait until the tenant is folded to the log's head, read its state, decide, append, answer.
//!
//! Uniqueness comes from keys, so races need no locks: who decides on the same state builds the same key, one of
//! them is recorded, and the others fold to it and decide again. Deciding after one's own fact finds that it stands.

mod error;
mod idempotency;
mod sessions;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::keys::{LogSecret, Position, TenantId};
use domain::members::Instant;

pub use domain::rules::decision::{Decision, NewFact};

pub use self::error::{CommandError, Unread};
pub use self::idempotency::{IdempotencyKey, Once};
pub use self::sessions::NextLead;
use crate::clock::Clock;
use crate::ingest::Ingest;
use crate::ingest::error::IngestError;
use crate::log::{Appended, Log};
use crate::views::{TenantView, Views};

/// So long does a command wait for the log's head to be folded.
const PATIENCE: Duration = Duration::from_secs(5);
/// Each try that does not end loses its key to another's fact: more racers than this are told to come again.
const TRIES_MAX: usize = 64;

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done<T> {
    /// What stands now.
    pub answer: T,
    /// Where the command's own fact stands; `None`: it stood before (RULINGS: `outcome: "existing"`).
    pub recorded: Option<Position>,
}

/// Takes commands; clones are handles of the same log and read models.
#[derive(Clone)]
pub struct Commands {
    log: Log,
    views: Views,
    ingest: Arc<Ingest>,
    secret: LogSecret,
    clock: Clock,
    patience: Duration,
}

impl Commands {
    /// Commands on `log`, decided on `views`; `secret` is the log's.
    pub fn new(log: Log, views: Views, ingest: Arc<Ingest>, secret: LogSecret, clock: Clock) -> Self {
        Self { log, views, ingest, secret, clock, patience: PATIENCE }
    }

    /// The tenant's models, folded at least to the log's head as it is now.
    ///
    /// # Errors
    /// [`Unread::NotFolded`] after 5 s, [`Unread::UnknownTenant`].
    pub async fn folded(&self, tenant: &TenantId) -> Result<TenantView, Unread> {
        self.folded_to(tenant, self.log.head().position).await
    }

    async fn folded_to(&self, tenant: &TenantId, head: Position) -> Result<TenantView, Unread> {
        if !self.views.wait_for(head, self.patience).await {
            return Err(Unread::NotFolded(head));
        }
        self.views.tenant(tenant).ok_or(Unread::UnknownTenant)
    }

    /// Decides until what is wanted stands: reads the tenant's models, records what `decide` says, reads again.
    /// `decide` is given the time of the command, the same at every try.
    ///
    /// # Errors
    /// [`CommandError::Rejected`] with what `decide` says; all others are for trying again.
    pub async fn decide<T, R>(
        &self,
        tenant: &TenantId,
        decide: impl FnMut(&TenantView, Instant) -> Result<Decision<T>, R>,
    ) -> Result<Done<T>, CommandError<R>> {
        self.decide_on(tenant, |head| self.folded_to(tenant, head), decide).await
    }

    /// As [`Commands::decide`], on a state that is not the tenant's read models: `read` answers it folded at least
    /// to the position it is given.
    ///
    /// # Errors
    /// As of [`Commands::decide`].
    pub async fn decide_on<S, T, R, F>(
        &self,
        tenant: &TenantId,
        mut read: impl FnMut(Position) -> F,
        mut decide: impl FnMut(&S, Instant) -> Result<Decision<T>, R>,
    ) -> Result<Done<T>, CommandError<R>>
    where
        F: Future<Output = Result<S, Unread>>,
    {
        let (now, mut recorded) = (self.now(), None);
        for _ in 0..TRIES_MAX {
            let state = read(self.log.head().position).await?;
            match decide(&state, now).map_err(CommandError::Rejected)? {
                Decision::Stands(answer) => return Ok(Done { answer, recorded }),
                Decision::First(first) => drop(self.append(tenant, first, now).await?),
                Decision::Append(record) => {
                    let appended = self.append(tenant, record, now).await?;
                    if let Appended::Recorded(position) = appended {
                        recorded = Some(position);
                    }
                }
            }
        }
        Err(CommandError::Contended)
    }

    fn now(&self) -> Instant {
        Instant((self.clock)())
    }

    async fn append(&self, tenant: &TenantId, new: NewFact, now: Instant) -> Result<Appended, IngestError> {
        let envelope = new.envelope(tenant.clone(), now)?;
        let appended = self.ingest.append(&[envelope], &Bytes::new()).await?;
        appended.first().copied().ok_or_else(|| IngestError::Engine("the log gave no answer".into()))
    }
}
