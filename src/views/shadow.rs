//! Models built beside the live ones (E5): from the lanes, then with the facts that came meanwhile, then in their place.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::swap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::facts::control::ControlFact;
use domain::keys::{Position, TenantId};
use projections::tenant::{ENTITIES, MODELS, Tenant};

use super::jobs::Progress;
use super::rebuild::{Scope, apply_scoped, rebuild};
use super::slot::State;
use super::state::Inner;
use crate::follow::{FoldError, alters};
use crate::log::select::{GroupSet, Select};
use crate::log::{Log, LogSnapshot};

/// Facts behind the live models that are folded while these stand still: a few milliseconds.
const NEAR: u64 = 1_024;

/// Which models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Models {
    /// All of them, and who the tenants are.
    All,
    /// One, by its number in the table of entities.
    One(usize),
}

impl Models {
    /// `all`, or a model's name. The cells of months and the tenants' rules are of no model alone: they are built with
    /// all.
    pub(super) fn named(name: &str) -> Option<Self> {
        let at = ENTITIES.iter().position(|entity| entity.name == name);
        let of_all = name == "all" || MODELS.iter().any(|(model, _)| *model == name);
        at.map(Self::One).or_else(|| of_all.then_some(Self::All))
    }

    pub(super) fn only(self) -> Option<usize> {
        match self {
            Self::All => None,
            Self::One(at) => Some(at),
        }
    }
}

/// Models beside the live ones.
pub(super) struct Shadow {
    pub models: Models,
    /// Whose; all tenants' when none.
    pub tenant: Option<TenantId>,
    /// The last position of the log that they hold.
    pub position: Position,
    pub tenants: BTreeMap<Box<str>, State>,
}

impl Shadow {
    /// Folds the log from its lanes until `cancelled`.
    pub(super) fn fold(
        snapshot: &LogSnapshot,
        (models, tenant): (Models, Option<TenantId>),
        threads: usize,
        cancelled: &Arc<AtomicBool>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Self, FoldError> {
        let scope = Scope {
            tenant: tenant.clone(),
            only: models.only(),
            cancelled: Some(Arc::clone(cancelled)),
            ..Scope::all(snapshot)
        };
        let tenants = rebuild(snapshot, &scope, threads, progress)?;
        Ok(Self { models, tenant, position: scope.up_to, tenants })
    }

    /// Folds what came up to `to`. A tenant of whose earlier facts something was decided is folded anew.
    pub(super) fn advance(&mut self, log: &Log, to: Position, threads: usize) -> Result<(), FoldError> {
        if to <= self.position {
            return Ok(());
        }
        let snapshot = log.snapshot();
        let only = self.models.only();
        let scope = Scope { tenant: self.tenant.clone(), up_to: to, only, ..Scope::all(&snapshot) };
        let from = self.position + 1;
        let mut altered = BTreeSet::<Box<str>>::new();
        let control = Select { from, groups: GroupSet::NONE.with(ControlFact::GROUP), ..Select::all() };
        scope.for_each(&snapshot, control, |_, record| {
            if alters(record.header.kind) {
                altered.insert(record.header.tenant.into());
            }
            Ok(())
        })?;
        let tenants = &mut self.tenants;
        scope.for_each(&snapshot, Select { from, ..Select::all() }, |position, record| {
            let tenant = record.header.tenant;
            if altered.contains(tenant) {
                return Ok(());
            }
            let fact = scope.decode(position, record)?;
            if !tenants.contains_key(tenant) {
                tenants.insert(tenant.into(), State::default());
            }
            if let Some(state) = tenants.get_mut(tenant) {
                if let Some(fact) = fact {
                    apply_scoped(&mut state.tenant, &fact.recorded(), only);
                }
                state.position = position;
            }
            Ok(())
        })?;
        for tenant in altered {
            let scope = Scope { tenant: TenantId::stored(&tenant).ok(), ..scope.clone() };
            let state = rebuild(&snapshot, &scope, threads, &|_| {})?.remove(&tenant).unwrap_or_default();
            self.tenants.insert(tenant, state);
        }
        self.position = to;
        Ok(())
    }
}

fn is_of(wanted: Option<&TenantId>, tenant: &str) -> bool {
    wanted.is_none_or(|wanted| wanted.as_str() == tenant)
}

impl Inner {
    /// Folds the shadow up to where the live models are, and hands both out while neither moves.
    fn beside<T>(
        &self,
        shadow: &mut Shadow,
        cancelled: Option<&AtomicBool>,
        meet: impl FnOnce(&mut Shadow, Position) -> T,
    ) -> Result<T, FoldError> {
        // Nothing waits for most of the way.
        while shadow.position + NEAR < self.checkpoint.position() {
            if cancelled.is_some_and(|cancelled| cancelled.load(Ordering::Relaxed)) {
                return Err(FoldError::Late);
            }
            shadow.advance(&self.log, self.checkpoint.position(), self.threads)?;
        }
        let _still = self.folding.lock();
        let position = self.checkpoint.position();
        shadow.advance(&self.log, position, self.threads)?;
        Ok(meet(shadow, position))
    }

    /// The live models of the shadow's tenants, at the position that the shadow then is at, too.
    pub(super) fn live_beside(
        &self,
        shadow: &mut Shadow,
        cancelled: &AtomicBool,
    ) -> Result<BTreeMap<Box<str>, Tenant>, FoldError> {
        self.beside(shadow, Some(cancelled), |shadow, _| {
            let tenants = self.tenants.read();
            let of_it = tenants.iter().filter(|(id, _)| is_of(shadow.tenant.as_ref(), id));
            of_it.map(|(id, slot)| (id.clone(), slot.read().tenant.clone())).collect()
        })
    }

    /// Puts the shadow's models in the place of the live ones, each tenant's in one step; the shadow has those that were
    /// live then. Answers the position.
    pub(super) fn exchange(&self, shadow: &mut Shadow) -> Result<Position, FoldError> {
        let position = self.beside(shadow, None, |shadow, position| {
            let tenants = self.tenants.read();
            let Shadow { models, tenant, tenants: beside, .. } = shadow;
            for (id, slot) in tenants.iter().filter(|(id, _)| is_of(tenant.as_ref(), id)) {
                let mut live = slot.write();
                let beside = beside.entry(id.clone()).or_default();
                match models {
                    Models::All => swap(&mut live.tenant, &mut beside.tenant),
                    Models::One(at) => live.tenant.exchange(*at, &mut beside.tenant),
                }
                beside.position = live.position;
            }
            // What was made of the models before is not asked for by their position any more.
            self.swaps.send_modify(|swaps| *swaps += 1);
            position
        })?;
        self.kept.clear();
        Ok(position)
    }
}
