//! Voids as readers see them: which void a fact is out by, and what others would change (E13).

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::control::ControlFact;
use domain::keys::{Position, TenantId};
use projections::figures::restatements::{FigureChange, changes};
use serde::Serialize;
use utoipa::ToSchema;

use super::rebuild::{Scope, rebuild};
use super::time_travel::FOLD_THREADS;
use super::{TenantView, Views};
use crate::follow::{FoldError, Supposed};
use crate::log::{LogError, LogSnapshot};

/// The void by which a fact counts as if it had never come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StandingVoid {
    /// Position of the `fact_voided`.
    pub position: u64,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub by: Option<String>,
    /// When.
    pub voided_at: String,
}

impl StandingVoid {
    /// The void at `position`; none where there is none. Reads files.
    ///
    /// # Errors
    /// The log's.
    pub fn find(log: &LogSnapshot, position: Option<Position>) -> Result<Option<Self>, LogError> {
        let Some(position) = position else { return Ok(None) };
        let Some(stored) = log.fact(position)? else { return Ok(None) };
        let Fact::Control(ControlFact::FactVoided(body)) = stored.fact else { return Ok(None) };
        Ok(Some(Self {
            position,
            reason: body.reason.as_str().to_owned(),
            by: body.by.map(|by| by.as_str().to_owned()),
            voided_at: stored.occurred_at.to_string(),
        }))
    }
}

/// What voids would change.
#[derive(Debug, Clone, PartialEq)]
pub struct VoidPreview {
    /// Of the facts up to this position.
    pub position: Position,
    /// Figures of months.
    pub changes: Vec<FigureChange>,
}

impl Views {
    /// Whether the fact of the tenant at a position is voided, as far as is folded.
    pub fn is_voided(&self, tenant: &TenantId, position: Position) -> bool {
        let voided_by = |view: TenantView| view.with(|tenant, _| tenant.voids.rows.of(position).voided_by);
        self.tenant(tenant).and_then(voided_by).is_some()
    }

    /// What voiding the facts at `positions`, or restoring them, would change in the figures of months. Nothing is
    /// recorded. None of a tenant without any facts.
    ///
    /// # Errors
    /// As of [`Views::at`].
    pub async fn preview_void(
        &self,
        tenant: &TenantId,
        positions: BTreeSet<Position>,
        voided: bool,
    ) -> Result<Option<VoidPreview>, FoldError> {
        self.wait_for_tenant(tenant).await?;
        let Some(live) = self.tenant(tenant) else { return Ok(None) };
        let supposed = Supposed { tenant: tenant.clone(), positions, voided };
        let log = self.inner.log.clone();
        let preview = self.in_turn(move |deadline| {
            let state = live.slot().read().clone();
            // After the state, so that all its facts are there.
            let snapshot = log.snapshot();
            let scope = Scope {
                tenant: Some(supposed.tenant.clone()),
                up_to: state.position,
                deadline: Some(deadline),
                supposed: Some(Arc::new(supposed)),
                ..Scope::all(&snapshot)
            };
            let folded = rebuild(&snapshot, &scope, FOLD_THREADS, &|_| {})?.into_values().next();
            let folded = folded.unwrap_or_default();
            Ok(VoidPreview { position: state.position, changes: changes(&state.tenant, &folded.tenant) })
        });
        preview.await.map(Some)
    }
}
