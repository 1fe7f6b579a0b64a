//! The one loop of all commands: read the state at the head of the log, decide, append, decide again.

use bytes::Bytes;
use domain::keys::{Position, TenantId};
use domain::members::Instant;
use domain::rules::decision::{Decision, NewFact};

use super::{CommandError, Commands, Receipt, StateError};
use crate::follow::Fold;
use crate::ingest::error::IngestError;
use crate::log::Appended;
use crate::views::TenantView;

/// Tries of one command. Each one that does not end it has lost its key to another command's fact.
const TRIES_MAX: usize = 64;

/// What a decision knows besides the state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    /// Time of the command, the same at every try.
    pub now: Instant,
    /// Position of the fact that this command has appended; the state holds it.
    pub recorded: Option<Position>,
}

impl Commands {
    /// The tenant's read models, folded at least to the head of the log as it is now.
    ///
    /// # Errors
    /// [`StateError::NotFolded`] after 5 s, [`StateError::UnknownTenant`].
    pub async fn folded(&self, tenant: &TenantId) -> Result<TenantView, StateError> {
        self.folded_to(tenant, self.log.head().position).await
    }

    pub(super) async fn folded_to(
        &self,
        tenant: &TenantId,
        head: Position,
    ) -> Result<TenantView, StateError> {
        self.wait_views(head).await?;
        self.known(tenant)
    }

    /// The tenant's read models as they are.
    pub(super) fn known(&self, tenant: &TenantId) -> Result<TenantView, StateError> {
        self.views.ask_for(tenant).map_err(|_| StateError::NotFolded(self.log.head().position))?;
        self.views.tenant(tenant).ok_or(StateError::UnknownTenant)
    }

    async fn wait_views(&self, head: Position) -> Result<(), StateError> {
        let is_folded = self.views.wait_for(head, self.patience).await;
        if is_folded { Ok(()) } else { Err(StateError::NotFolded(head)) }
    }

    /// As [`Commands::folded`], also of what has no tenant: none before its first fact.
    pub(super) async fn folded_or_unassigned(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<TenantView>, StateError> {
        if *tenant != TenantId::unassigned() {
            return self.folded(tenant).await.map(Some);
        }
        self.wait_views(self.log.head().position).await?;
        Ok(self.views.internal(tenant))
    }

    /// Decides on the tenant's read models until they satisfy the command. `decide` is pure; it is given the time of
    /// the command, the same at every try.
    ///
    /// # Errors
    /// [`CommandError::Rejected`] with the error of `decide`; after any other the command may be sent again.
    pub(super) async fn decide<T, R>(
        &self,
        tenant: &TenantId,
        mut decide: impl FnMut(&TenantView, Instant) -> Result<Decision<T>, R>,
    ) -> Result<Receipt<T>, CommandError<R>> {
        let read = |head| async move { Ok(self.folded_to(tenant, head).await?) };
        let decide =
            |view: &TenantView, attempt: Attempt| decide(view, attempt.now).map_err(CommandError::Rejected);
        self.decide_on(tenant, &Bytes::new(), read, decide).await
    }
}

impl<V> Commands<V> {
    /// The loop itself. `read` returns a state that is folded at least to the position it is given; facts are
    /// appended to `tenant`, each with `original` as its payload.
    ///
    /// A fact whose key another command took is no error: the next turn reads a state that holds the other fact. A key
    /// whose fact the state held and did not count is used up, because that fact was voided: the next one is tried.
    pub(super) async fn decide_on<S, T, R, F>(
        &self,
        tenant: &TenantId,
        original: &Bytes,
        read: impl Fn(Position) -> F,
        mut decide: impl FnMut(&S, Attempt) -> Result<Decision<T>, CommandError<R>>,
    ) -> Result<Receipt<T>, CommandError<R>>
    where
        F: Future<Output = Result<S, CommandError<R>>>,
    {
        let mut attempt = Attempt { now: self.now(), recorded: None };
        for _ in 0..TRIES_MAX {
            let head = self.log.head().position;
            let state = read(head).await?;
            match decide(&state, attempt)? {
                Decision::Stands(answer) => return Ok(Receipt { answer, recorded: attempt.recorded }),
                Decision::First(fact) => {
                    self.append_behind(tenant, fact, original, (head, attempt.now)).await?;
                }
                Decision::Append(fact) => {
                    let appended = self.append_behind(tenant, fact, original, (head, attempt.now)).await?;
                    if let Appended::Recorded(position) = appended {
                        attempt.recorded = Some(position);
                    }
                }
            }
        }
        Err(CommandError::Contended)
    }

    /// The same on a fold whose state `decide` reads itself, facts of `tenant` without payloads. Blocks.
    pub(super) fn decide_blocking<T, R>(
        &self,
        fold: &impl Fold,
        tenant: &TenantId,
        mut decide: impl FnMut(Attempt) -> Result<Decision<T>, R>,
    ) -> Result<Receipt<T>, CommandError<R>> {
        let read = |head| async move { Ok(self.wait_folded(fold, head)?) };
        let decide = |(): &(), attempt: Attempt| decide(attempt).map_err(CommandError::Rejected);
        pollster::block_on(self.decide_on(tenant, &Bytes::new(), read, decide))
    }

    /// Waits until `fold` has reached `head`. Blocks.
    pub(super) fn wait_folded(&self, fold: &impl Fold, head: Position) -> Result<(), StateError> {
        let is_folded = fold.checkpoint().wait(head, self.patience);
        if is_folded { Ok(()) } else { Err(StateError::NotFolded(head)) }
    }

    /// As [`Commands::wait_folded`], for async callers.
    pub(super) async fn fold_reached(&self, fold: &impl Fold, head: Position) -> Result<(), StateError> {
        let is_folded = fold.checkpoint().reached(head, self.patience).await;
        if is_folded { Ok(()) } else { Err(StateError::NotFolded(head)) }
    }

    pub(super) fn now(&self) -> Instant {
        Instant((self.clock)())
    }

    /// Appends a fact that was decided on a state which held the facts up to `head`, under the first key from its own on
    /// that no fact of that state has.
    async fn append_behind(
        &self,
        tenant: &TenantId,
        mut new: NewFact,
        original: &Bytes,
        (head, now): (Position, Instant),
    ) -> Result<Appended, IngestError> {
        for _ in 0..TRIES_MAX {
            let appended = self.append(tenant, new.clone(), original, now).await?;
            let is_used_up = !matches!(appended, Appended::Recorded(_)) && appended.position() <= head;
            match new.key.clone().next().filter(|_| is_used_up) {
                Some(next) => new.key = next,
                None => return Ok(appended),
            }
        }
        Err(IngestError::Engine("too many keys of a decision are used up".into()))
    }

    pub(super) async fn append(
        &self,
        tenant: &TenantId,
        new: NewFact,
        original: &Bytes,
        now: Instant,
    ) -> Result<Appended, IngestError> {
        let appended = self.append_each(tenant, vec![new], original, now).await?;
        appended.first().copied().ok_or_else(|| IngestError::Engine("the log gave no answer".into()))
    }

    /// Appends these facts in one group: all of them are durable, or none.
    pub(super) async fn append_each(
        &self,
        tenant: &TenantId,
        new: Vec<NewFact>,
        original: &Bytes,
        now: Instant,
    ) -> Result<Vec<Appended>, IngestError> {
        // Lets two commands of a test decide on one state before either appends.
        #[cfg(test)]
        super::tests::meet();
        let facts = new.into_iter().map(|new| new.envelope(tenant.clone(), now));
        Ok(self.ingest.append(&facts.collect::<Result<Vec<_>, _>>()?, original)?.await?)
    }
}
