//! Undo: a fact counts as if it had never come, and counts again (E13). One key a decision: `void/<position>/<n>`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use bytes::Bytes;
use domain::facts::Fact;
use domain::facts::control::ControlFact;
use domain::facts::kind_name;
use domain::facts::void::{FactRestored, FactVoided};
use domain::keys::engine::EngineKey;
use domain::keys::{Position, TenantId};
use domain::members::{Instant, Text};
use domain::record::KindTag;
use domain::rules::decision::{Decision, NewFact};
use projections::entities::voids::Voids;

use super::decide::Attempt;
use super::{CommandError, Commands, IdempotencyKey, Receipt, blocking};
use crate::ingest::error::IngestError;
use crate::ingest::key::recorded_key;
use crate::ingest::post::may_be_voided;
use crate::log::select::{GroupSet, Select};
use crate::log::{Log, LogError};
use crate::views::TenantView;

/// Most facts that one request undoes.
pub const UNDONE_MAX: usize = 100_000;
/// Facts that are decided on and appended at a time.
const AT_ONCE: usize = 512;

/// Why a fact is not voided or restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VoidRejection {
    /// The tenant has no such fact.
    #[error("there is no such fact")]
    NotFound,
    /// A configuration, or a fact of the engine's own.
    #[error("facts of kind {0} are not voided")]
    NotVoidable(&'static str),
    /// It counts nowhere already, by the fact at this position.
    #[error("the fact is voided already, at position {0}")]
    AlreadyVoided(Position),
    /// It counts, and was never voided.
    #[error("the fact is not voided")]
    NotVoided,
    /// More than [`UNDONE_MAX`].
    #[error("more than {UNDONE_MAX} facts are selected; select them in parts")]
    TooMany,
}

/// A void that a person wants.
#[derive(Debug, Clone)]
pub struct NewVoid {
    /// Why.
    pub reason: Text,
    /// Who wants it.
    pub by: Option<Text>,
}

/// What is to become of many facts.
#[derive(Debug, Clone)]
pub enum Undo {
    /// They count nowhere.
    Void(NewVoid),
    /// They count again; who wants it.
    Restore(Option<Text>),
}

/// Which facts.
#[derive(Debug, Clone)]
pub enum VoidSelection {
    /// Those at these positions.
    Positions(Vec<Position>),
    /// Those with these keys: provider and external id.
    Keys(Vec<(String, String)>),
    /// All that may be voided of a provider or kind, or recorded in a span.
    Facts {
        /// From whom.
        provider: Option<String>,
        /// Of what kind.
        kind: Option<KindTag>,
        /// Recorded from here on.
        recorded_from: Option<Instant>,
        /// Recorded before this.
        recorded_to: Option<Instant>,
    },
}

/// What became, or would become, of one fact of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoOutcome {
    /// By the new fact at this position.
    Recorded(Position),
    /// It would be recorded of the fact at this position.
    Would(Position),
    /// By the fact at this position it was so before.
    Stands(Position),
    /// Nothing.
    Rejected(VoidRejection),
}

type VoidError = CommandError<VoidRejection>;

impl Commands {
    /// Voids the fact at `position`; answers the position of its `fact_voided` once the read models hold it.
    ///
    /// # Errors
    /// [`VoidRejection`]; [`CommandError::Mismatch`] if the key was used for another request.
    pub async fn void_fact(
        &self,
        tenant: &TenantId,
        key: Option<&IdempotencyKey>,
        position: Position,
        new: &NewVoid,
    ) -> Result<Receipt<Position>, VoidError> {
        self.check_voidable(tenant, position).await?;
        if let Some(key) = key {
            let (ingest, owner, key) = (self.ingest.clone(), tenant.clone(), key.engine_key().clone());
            if let Some(other) = blocking(move || ingest.by_key(&owner, &key)).await? {
                return Err(CommandError::Mismatch(other.position));
            }
        }
        let request = key.and_then(|key| Text::new(key.text()));
        let decide = |view: &TenantView, attempt: Attempt| {
            if let Some(recorded) = attempt.recorded {
                return Ok(Decision::Stands(recorded));
            }
            let voids = view.with(|tenant, _| tenant.voids.rows.clone());
            let state = voids.of(position);
            let fact = |earlier| voided(position, earlier, new, request.clone());
            if let Some(first) = request.as_ref().and_then(|request| voids.requested(request.as_str())) {
                // The same request again, whatever became of the fact since.
                let known = state.latest.filter(|(_, _, known)| *known == request.as_ref().map(Text::as_str));
                let (at, content, _) = known.ok_or(CommandError::Mismatch(first))?;
                let again = fact(state.voids.saturating_sub(1));
                let again = again.envelope(tenant.clone(), attempt.now).map_err(IngestError::from)?;
                let again = again.content(&self.secret);
                let again = again.map_err(|error| IngestError::Engine(error.to_string()))?;
                let is_same = again == content;
                return if is_same { Ok(Decision::Stands(at)) } else { Err(CommandError::Mismatch(at)) };
            }
            match state.voided_by {
                Some(at) => Err(CommandError::Rejected(VoidRejection::AlreadyVoided(at))),
                None => Ok(Decision::Append(fact(state.voids))),
            }
        };
        self.on_views(tenant, decide).await
    }

    /// Takes back the void of the fact at `position`; answers the position of its `fact_restored` once the read models
    /// hold it.
    ///
    /// # Errors
    /// [`VoidRejection`].
    pub async fn restore_fact(
        &self,
        tenant: &TenantId,
        position: Position,
        by: Option<Text>,
    ) -> Result<Receipt<Position>, VoidError> {
        self.check_voidable(tenant, position).await?;
        let decide = |view: &TenantView, attempt: Attempt| {
            if let Some(recorded) = attempt.recorded {
                return Ok(Decision::Stands(recorded));
            }
            let voids = view.with(|tenant, _| tenant.voids.rows.clone());
            let state = voids.of(position);
            match (state.voided_by, state.restored) {
                (Some(_), _) => Ok(Decision::Append(restored(position, state.voids, by.clone()))),
                (None, Some(restored)) => Ok(Decision::Stands(restored)),
                (None, None) => Err(CommandError::Rejected(VoidRejection::NotVoided)),
            }
        };
        self.on_views(tenant, decide).await
    }

    async fn on_views(
        &self,
        tenant: &TenantId,
        decide: impl FnMut(&TenantView, Attempt) -> Result<Decision<Position>, VoidError>,
    ) -> Result<Receipt<Position>, VoidError> {
        let read = |head| async move { Ok(self.folded_to(tenant, head).await?) };
        self.decide_on(tenant, &Bytes::new(), read, decide).await
    }

    /// The positions of a selection, in its order; none where a key is not known.
    ///
    /// # Errors
    /// [`VoidRejection::TooMany`]; else the log's.
    pub async fn selected_facts(
        &self,
        tenant: &TenantId,
        selection: VoidSelection,
    ) -> Result<Vec<Option<Position>>, VoidError> {
        let (log, secret, tenant) = (self.log.clone(), self.secret.clone(), tenant.clone());
        let found = blocking(move || match selection {
            VoidSelection::Positions(positions) => Ok(positions.into_iter().map(Some).collect()),
            VoidSelection::Keys(keys) => {
                let find = |(provider, external_id): &(String, String)| {
                    let key = recorded_key(&secret, &tenant, provider, external_id);
                    Ok(log.find(&key)?.map(|(position, _)| position))
                };
                keys.iter().map(find).collect()
            }
            VoidSelection::Facts { provider, kind, recorded_from, recorded_to } => {
                let groups = kind.map_or(GroupSet::ALL, |kind| GroupSet::NONE.with(kind.group));
                let select = Select { tenant: Some(tenant), groups, ..Select::all() };
                let mut found = Vec::new();
                log.snapshot().for_each(&select, &mut |position, record| {
                    let header = &record.header;
                    let is_wanted = provider.as_deref().is_none_or(|wanted| wanted == header.provider)
                        && kind.is_none_or(|kind| kind == header.kind)
                        && recorded_from.is_none_or(|from| from.0 <= header.recorded_at)
                        && recorded_to.is_none_or(|to| header.recorded_at < to.0)
                        && kind_name(header.kind).is_some_and(may_be_voided);
                    if is_wanted {
                        found.push(Some(position));
                    }
                    if found.len() > UNDONE_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })?;
                Ok(found)
            }
        });
        let found: Vec<Option<Position>> = found.await?;
        if found.len() > UNDONE_MAX {
            return Err(CommandError::Rejected(VoidRejection::TooMany));
        }
        Ok(found)
    }

    /// Voids or restores many facts, each by itself; answers in their order, once the read models hold what was
    /// recorded, or after 5 s. With `dry_run` nothing is recorded.
    ///
    /// # Errors
    /// The log's; then some may be recorded, and the same request again does the others.
    pub async fn undo_facts(
        &self,
        tenant: &TenantId,
        positions: &[Option<Position>],
        undo: &Undo,
        dry_run: bool,
    ) -> Result<Vec<UndoOutcome>, VoidError> {
        let view = self.folded(tenant).await?;
        let (voids, replacements) =
            view.with(|tenant, _| (tenant.voids.rows.clone(), tenant.conflicts.rows.replacements()));
        let mut outcomes = Vec::with_capacity(positions.len());
        let mut seen = BTreeSet::new();
        for part in positions.chunks(AT_ONCE) {
            let (log, owner, part) = (self.log.clone(), tenant.clone(), part.to_vec());
            let corrections = std::sync::Arc::clone(&replacements);
            let kinds = blocking(move || {
                let corrected = |place| corrections.get(&place).and_then(|over| over.last().copied());
                part.into_iter()
                    .map(|place| {
                        Ok((
                            place,
                            place.map_or(Ok(Err(VoidRejection::NotFound)), |place| {
                                voidable(&log, &owner, place, corrected(place))
                            })?,
                        ))
                    })
                    .collect::<Result<Vec<_>, IngestError>>()
            });
            let decided: Vec<Result<NewFact, UndoOutcome>> =
                kinds.await?.into_iter().map(|of| decide_one(of, &voids, undo, &mut seen)).collect();
            if dry_run {
                outcomes.extend(decided.into_iter().map(|decided| {
                    decided.map_or_else(|stands| stands, |new| UndoOutcome::Would(names(&new)))
                }));
                continue;
            }
            let new: Vec<NewFact> = decided.iter().filter_map(|decided| decided.clone().ok()).collect();
            let appended = self.append_each(tenant, new, &Bytes::new(), self.now()).await?;
            let mut appended = appended.into_iter();
            outcomes.extend(decided.into_iter().filter_map(|decided| match decided {
                Err(outcome) => Some(outcome),
                Ok(_) => appended.next().map(|appended| match appended {
                    crate::log::Appended::Recorded(position) => UndoOutcome::Recorded(position),
                    other => UndoOutcome::Stands(other.position()),
                }),
            }));
        }
        // Whoever reads next sees it; a fold that takes longer takes nothing back.
        self.views.wait_for(self.log.head().position, self.patience).await;
        Ok(outcomes)
    }

    async fn check_voidable(&self, tenant: &TenantId, position: Position) -> Result<(), VoidError> {
        let view = self.folded(tenant).await?;
        let corrected = view.with(|tenant, _| tenant.conflicts.rows.replacements());
        let corrected = corrected.get(&position).and_then(|over| over.last().copied());
        let (log, tenant) = (self.log.clone(), tenant.clone());
        let found = blocking(move || voidable(&log, &tenant, position, corrected)).await?;
        found.map_err(CommandError::Rejected)
    }
}

/// Whether the fact at `position` is one of the tenant's that may be voided; `corrected` is where its correction stands.
fn voidable(
    log: &Log,
    tenant: &TenantId,
    position: Position,
    corrected: Option<Position>,
) -> Result<Result<(), VoidRejection>, IngestError> {
    let Some(record) = log.read(position)? else { return Ok(Err(VoidRejection::NotFound)) };
    let view = record.view().map_err(|error| LogError::Record { position, error })?;
    if view.header.tenant != tenant.as_str() {
        return Ok(Err(VoidRejection::NotFound));
    }
    let mut kind = kind_name(view.header.kind).unwrap_or("unknown");
    if let Some(corrected) = corrected
        && let Some(Fact::Control(ControlFact::ConflictAccepted(accepted))) =
            log.fact(corrected)?.map(|stored| stored.fact)
    {
        kind = accepted.brought.0.kind();
    }
    Ok(if may_be_voided(kind) { Ok(()) } else { Err(VoidRejection::NotVoidable(kind)) })
}

fn decide_one(
    (place, check): (Option<Position>, Result<(), VoidRejection>),
    voids: &Voids,
    undo: &Undo,
    seen: &mut BTreeSet<Position>,
) -> Result<NewFact, UndoOutcome> {
    let rejected = |why| Err(UndoOutcome::Rejected(why));
    let place = match (place, check) {
        (Some(place), Ok(())) => place,
        (_, Err(why)) => return rejected(why),
        (None, Ok(())) => return rejected(VoidRejection::NotFound),
    };
    if !seen.insert(place) {
        // Named twice: the first did it.
        return Err(UndoOutcome::Stands(place));
    }
    let state = voids.of(place);
    match (undo, state.voided_by, state.restored) {
        (Undo::Void(_), Some(at), _) | (Undo::Restore(_), None, Some(at)) => Err(UndoOutcome::Stands(at)),
        (Undo::Void(new), None, _) => Ok(voided(place, state.voids, new, None)),
        (Undo::Restore(by), Some(_), _) => Ok(restored(place, state.voids, by.clone())),
        (Undo::Restore(_), None, None) => rejected(VoidRejection::NotVoided),
    }
}

fn voided(position: Position, earlier: u64, new: &NewVoid, request: Option<Text>) -> NewFact {
    let NewVoid { reason, by } = new.clone();
    let body = FactVoided { voided_position: position, earlier, reason, by, request };
    NewFact {
        key: EngineKey::FactVoided { voided: position, earlier },
        occurred_at: None,
        fact: Fact::Control(ControlFact::FactVoided(body)),
    }
}

/// Takes back the last of `voids` voids.
fn restored(position: Position, voids: u64, by: Option<Text>) -> NewFact {
    let earlier = voids.saturating_sub(1);
    let body = FactRestored { voided_position: position, earlier, by };
    NewFact {
        key: EngineKey::FactRestored { voided: position, earlier },
        occurred_at: None,
        fact: Fact::Control(ControlFact::FactRestored(body)),
    }
}

/// The fact that a void or its end names.
fn names(new: &NewFact) -> Position {
    new.key.names_position().unwrap_or_default()
}
