//! Restatements when they are asked for (E4): the tenant's facts folded in order beside the live models, and gone on with
//! from there when asked again. Taking facts in costs nothing for it.

use std::time::Instant;

use domain::facts::Fact;
use domain::facts::import::ImportFact;
use domain::keys::{Position, TenantId};
use domain::members;
use domain::record::KindTag;
use projections::figures::restatements::{ImportRun, RestatementCause, RestatementTracker};
use projections::store::HeapSize;
use projections::tenant::Tenant;

use super::kept::{Extent, KeptTracker};
use super::rebuild::{Scope, rebuild, refold};
use super::time_travel::FOLD_THREADS;
use super::{Moment, TenantView, Views};
use crate::follow::{Decoded, FoldError, alters, is_accepted};
use crate::log::LogSnapshot;
use crate::log::select::{GroupSet, Select};

/// Facts between two looks at the time.
const FACTS_AT_ONCE: u64 = 1_024;

impl Views {
    /// Reads what restated a tenant's closed months up to `moment`. None of a tenant without any facts.
    ///
    /// # Errors
    /// [`FoldError::Late`] when it takes too long; asked again, it goes on where it was. Else what the log cannot read.
    pub async fn restatements<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        moment: Moment,
        read: impl FnOnce(&RestatementTracker) -> T + Send + 'static,
    ) -> Result<Option<T>, FoldError> {
        let Some(live) = self.tenant(tenant) else { return Ok(None) };
        let up_to = self.up_to(&moment).await?;
        // The ledger of now goes on for ever.
        let past = (moment != Moment::default()).then_some(up_to);
        let extent = Extent { tenant: tenant.clone(), up_to: past, occurred_until: moment.occurred_until };
        let views = self.clone();
        let told = self.in_turn(move |deadline| views.ledger(&live, (&extent, up_to), deadline, read));
        told.await.map(Some)
    }

    /// Folds a ledger on to `up_to` and reads it. Blocks, at most until `deadline`.
    ///
    /// # Errors
    /// As of [`Views::restatements`].
    pub(super) fn ledger<T>(
        &self,
        live: &TenantView,
        (extent, up_to): (&Extent, Position),
        deadline: Instant,
        read: impl FnOnce(&RestatementTracker) -> T,
    ) -> Result<T, FoldError> {
        let (log, inner) = (self.inner.log.snapshot(), &self.inner);
        let scope = Scope {
            tenant: Some(extent.tenant.clone()),
            up_to,
            occurred_until: extent.occurred_until,
            deadline: Some(deadline),
            ..Scope::all(&log)
        };
        let is_now = extent.up_to.is_none();
        let fold = inner.kept.of(extent);
        let mut kept = fold.restatements.try_lock_until(deadline).ok_or(FoldError::Late)?;
        let before = kept.tracker.position();
        let advanced = kept.advance(&log, &scope, is_now);
        if kept.tracker.position() != before {
            match is_now {
                true => kept.share(live),
                // Its facts are all folded, and no more will come.
                false if advanced.is_ok() => kept.drop_rows(),
                false => {}
            }
            let mut held = kept.tracker.heap_bytes();
            if !inner.kept.fits(held) {
                kept.drop_rows();
                held = kept.tracker.heap_bytes();
            }
            inner.kept.weigh(extent, &fold, |bytes| bytes.restatements = held);
        }
        advanced?;
        Ok(read(&kept.tracker))
    }
}

/// Voids that were recorded at once: their tenant is folded anew once for all of them.
#[derive(Default)]
struct VoidRun {
    positions: Vec<Position>,
    /// µs since 1970.
    recorded_at: i64,
}

impl VoidRun {
    fn takes(&self, kind: KindTag, recorded_at: i64) -> bool {
        alters(kind) && !is_accepted(kind) && (self.positions.is_empty() || self.recorded_at == recorded_at)
    }

    /// Whether the fact behind `last` is one of these, and will come.
    fn goes_on(&self, log: &LogSnapshot, last: Position) -> Result<bool, FoldError> {
        let Some(record) = log.read(last + 1)? else { return Ok(false) };
        let view = record.view().map_err(|error| FoldError::Record { position: last + 1, error })?;
        Ok(self.takes(view.header.kind, view.header.recorded_at))
    }
}

impl KeptTracker {
    /// Folds what came since; what is folded when it takes too long stays. The ledger of now waits for all voids that were
    /// recorded at once, so that it is the same whenever it is asked for.
    fn advance(&mut self, log: &LogSnapshot, scope: &Scope, is_now: bool) -> Result<(), FoldError> {
        self.learn_imports(log, scope)?;
        let select = Select { from: self.tracker.position() + 1, ..Select::all() };
        let (mut facts, mut voids): (u64, _) = (0, VoidRun::default());
        scope.for_each(log, select, |position, record| {
            self.restore_rows(log, scope)?;
            let header = &record.header;
            let recorded_at = members::Instant(header.recorded_at);
            let is_void = alters(header.kind) && !is_accepted(header.kind);
            if !voids.takes(header.kind, header.recorded_at) {
                self.apply_voids(log, scope, std::mem::take(&mut voids))?;
            }
            if is_void {
                voids.positions.push(position);
                voids.recorded_at = header.recorded_at;
            } else if is_accepted(header.kind) {
                let cause = RestatementCause::of(&Decoded::of(position, record)?.fact);
                self.replace(log, scope, &[position], (recorded_at, cause))?;
            } else {
                match scope.decode(position, record)? {
                    Some(fact) => self.tracker.apply(&fact.recorded()),
                    None => self.tracker.pass(position, recorded_at),
                }
            }
            facts += 1;
            let is_late =
                facts.is_multiple_of(FACTS_AT_ONCE) && scope.deadline.is_some_and(|at| at < Instant::now());
            if is_late { Err(FoldError::Late) } else { Ok(()) }
        })?;
        if is_now && !voids.positions.is_empty() && voids.goes_on(log, scope.up_to)? {
            return Ok(());
        }
        self.apply_voids(log, scope, voids)
    }

    fn apply_voids(&mut self, log: &LogSnapshot, scope: &Scope, voids: VoidRun) -> Result<(), FoldError> {
        let VoidRun { positions, recorded_at } = voids;
        if positions.is_empty() {
            return Ok(());
        }
        self.replace(log, scope, &positions, (members::Instant(recorded_at), RestatementCause::Void))
    }

    /// Folds the tenant anew up to the last of `positions`, whose facts change what stands before them.
    fn replace(
        &mut self,
        log: &LogSnapshot,
        scope: &Scope,
        positions: &[Position],
        (recorded_at, cause): (members::Instant, RestatementCause),
    ) -> Result<(), FoldError> {
        let (Some(last), Some(tenant)) = (positions.last(), &scope.tenant) else { return Ok(()) };
        let state = refold(log, tenant.as_str(), *last, scope.occurred_until, FOLD_THREADS)?;
        self.tracker.replace(state.tenant, positions, recorded_at, cause);
        Ok(())
    }

    /// Tells the ledger of imports before it folds their facts; it begins anew where it has folded some already, for their
    /// rows are others.
    fn learn_imports(&mut self, log: &LogSnapshot, scope: &Scope) -> Result<(), FoldError> {
        let mut runs = import_runs(log, scope, self.tracker.position() + 1)?;
        if runs.iter().any(|run| self.tracker.misses(run)) {
            *self = Self::default();
            runs = import_runs(log, scope, 1)?;
        }
        self.tracker.expect(runs);
        Ok(())
    }

    /// Folds the rows that were let go, up to where the ledger is.
    fn restore_rows(&mut self, log: &LogSnapshot, scope: &Scope) -> Result<(), FoldError> {
        if self.is_bare {
            let scope = Scope { up_to: self.tracker.position(), ..scope.clone() };
            let states = rebuild(log, &scope, FOLD_THREADS, &|_| {})?;
            let state = states.into_values().next().unwrap_or_default();
            self.tracker.share(state.tenant);
            self.is_bare = false;
        }
        Ok(())
    }

    fn drop_rows(&mut self) {
        self.tracker.share(Tenant::default());
        self.is_bare = true;
    }

    /// Lets the live rows be the tracker's where they are at the same position, so that they lie in memory once.
    fn share(&mut self, live: &TenantView) {
        let state = live.slot().read();
        if state.position == self.tracker.position() {
            let tenant = state.tenant.clone();
            drop(state);
            self.tracker.share(tenant);
            self.is_bare = false;
        }
    }
}

/// The imports of the scope that end at `from` or later.
fn import_runs(log: &LogSnapshot, scope: &Scope, from: Position) -> Result<Vec<ImportRun>, FoldError> {
    let select = Select { groups: GroupSet::NONE.with(ImportFact::GROUP), from, ..Select::all() };
    let mut runs = Vec::new();
    scope.for_each(log, select, |position, record| {
        let header = &record.header;
        if scope.keeps(header.kind.group, members::Instant(header.occurred_at))
            && let Fact::Import(ImportFact::Finished(end)) = Decoded::of(position, record)?.fact
        {
            runs.push(ImportRun::new(position, &end));
        }
        Ok(())
    })?;
    Ok(runs)
}
