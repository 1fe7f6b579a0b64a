//! The first fold of a log: some tenants at a time, whoever is asked for first. Facts can come in meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::keys::TenantId;
use parking_lot::Mutex;
use tokio::time::sleep;

use super::rebuild::{Scope, rebuild};
use super::slot::slot;
use super::{Progress, Views};
use crate::follow::{Ahead, FoldError};
use crate::log::LogSnapshot;
use crate::worker::{StopSignal, Worker};

/// Small tenants are folded together: in so many parts at most, for each part reads the log's tail.
const PARTS_MAX: u64 = 16;
/// How long a worker that waits for the fold goes without a look at its stop signal.
const LOOK: Duration = Duration::from_millis(100);
/// How long a reader waits for the fold of what he asks for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How often he looks.
const POLL: Duration = Duration::from_millis(10);

/// Tenants that the first fold has yet to reach.
pub(super) struct Unfolded {
    waiting: Mutex<Waiting>,
    /// The log as it was opened; none once it is folded, so that it holds nothing of what was sealed since.
    log: Mutex<Option<LogSnapshot>>,
}

struct Waiting {
    /// With how many facts each has.
    facts: BTreeMap<Box<str>, u64>,
    asked: BTreeSet<Box<str>>,
}

impl Unfolded {
    /// Every tenant of a log.
    pub(super) fn of(log: LogSnapshot) -> Result<Self, FoldError> {
        let mut facts = BTreeMap::new();
        for ((tenant, _), count) in log.groups()? {
            *facts.entry(tenant).or_default() += count;
        }
        let waiting = Mutex::new(Waiting { facts, asked: BTreeSet::new() });
        Ok(Self { waiting, log: Mutex::new(Some(log)) })
    }

    /// Whether the tenant is among them; it is folded next then.
    fn ask(&self, tenant: &TenantId) -> bool {
        let waiting = &mut *self.waiting.lock();
        let is_waiting = waiting.facts.contains_key(tenant.as_str());
        if is_waiting {
            waiting.asked.insert(tenant.as_str().into());
        }
        is_waiting
    }

    /// Which are to be folded next: one that was asked for, else the smallest that make up a part.
    pub(super) fn next(&self, part: u64) -> BTreeSet<Box<str>> {
        let waiting = &mut *self.waiting.lock();
        if let Some(asked) = waiting.asked.pop_first() {
            return BTreeSet::from([asked]);
        }
        let mut by_size: Vec<(u64, &Box<str>)> =
            waiting.facts.iter().map(|(id, facts)| (*facts, id)).collect();
        by_size.sort_unstable();
        let (mut next, mut sum) = (BTreeSet::new(), 0);
        for (facts, tenant) in by_size {
            if sum >= part {
                break;
            }
            next.insert(tenant.clone());
            sum += facts;
        }
        next
    }

    fn done(&self, tenants: &BTreeSet<Box<str>>) {
        let waiting = &mut *self.waiting.lock();
        waiting.facts.retain(|tenant, _| !tenants.contains(tenant));
        waiting.asked.retain(|tenant| !tenants.contains(tenant));
    }
}

impl Views {
    /// Folds what the log held when these views were opened, and follows it from there behind the folds of `ahead`: on a
    /// thread of its own. Where that fails, [`Views::failure`] says why.
    ///
    /// # Errors
    /// [`FoldError::Thread`].
    pub fn fold_behind(&self, ahead: Arc<Ahead>) -> Result<(), FoldError> {
        let views = self.clone();
        let worker = Worker::spawn("start", move |stop| {
            let folded = views.fold(stop, &|_| {}).and_then(|is_whole| match is_whole {
                true => views.follow(Some(ahead)),
                false => Ok(()),
            });
            if let Err(error) = folded {
                views.inner.checkpoint.fail(error);
            }
        });
        *self.inner.starting.lock() = Some(worker.map_err(|error| FoldError::Thread(error.to_string()))?);
        Ok(())
    }

    /// Folds all that is unfolded; false where it was stopped.
    pub(super) fn fold(
        &self,
        stop: &StopSignal,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<bool, FoldError> {
        let inner = &*self.inner;
        let Some(log) = inner.unfolded.log.lock().take() else { return Ok(true) };
        let whole: u64 = inner.unfolded.waiting.lock().facts.values().sum();
        loop {
            let tenants = inner.unfolded.next((whole / PARTS_MAX).max(1));
            if tenants.is_empty() {
                inner.checkpoint.advance(inner.opened);
                return Ok(true);
            }
            let among = Some(Arc::new(tenants.clone()));
            let scope = Scope { among, cancelled: Some(stop.flag()), ..Scope::all(&log) };
            let states = match rebuild(&log, &scope, inner.threads, progress) {
                Err(FoldError::Late) if stop.is_set() => return Ok(false),
                states => states?,
            };
            inner.tenants.write().extend(states.into_iter().map(|(id, state)| (id, slot(state))));
            inner.unfolded.done(&tenants);
        }
    }

    /// Tenants that are not folded yet since the start, by id; none of the engine's own.
    pub fn unfolded(&self) -> Vec<Box<str>> {
        let waiting = self.inner.unfolded.waiting.lock();
        waiting.facts.keys().filter(|id| !super::is_internal(id)).cloned().collect()
    }

    /// Nothing where the tenant's models can be read. Else its turn is next.
    ///
    /// # Errors
    /// [`FoldError::Unfolded`]
    pub fn ask_for(&self, tenant: &TenantId) -> Result<(), FoldError> {
        match self.inner.unfolded.ask(tenant) {
            true => Err(FoldError::Unfolded),
            false => Ok(()),
        }
    }

    /// As [`Views::ask_for`], after a wait of at most 5 s for its turn.
    ///
    /// # Errors
    /// [`FoldError::Unfolded`]
    pub async fn wait_for_tenant(&self, tenant: &TenantId) -> Result<(), FoldError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.ask_for(tenant) {
                Err(_) if Instant::now() < deadline => sleep(POLL).await,
                told => return told,
            }
        }
    }

    /// Waits until [`Views::is_folded`], at most 5 s.
    ///
    /// # Errors
    /// [`FoldError::Unfolded`]
    pub async fn wait_for_all(&self) -> Result<(), FoldError> {
        match self.wait_for(self.inner.opened, PATIENCE).await {
            true => Ok(()),
            false => Err(FoldError::Unfolded),
        }
    }

    /// Whether all that the log held at the start is folded.
    pub fn is_folded(&self) -> bool {
        self.position() >= self.inner.opened
    }

    /// Waits until [`Views::is_folded`]; whether it came to that before `stop` was set or folding failed.
    pub fn wait_folded(&self, stop: &StopSignal) -> bool {
        while !stop.is_set() && self.failure().is_none() {
            if self.wait_folded_for(LOOK) {
                return true;
            }
        }
        false
    }

    /// Waits until [`Views::is_folded`], at most for `timeout`; whether it came to that.
    pub fn wait_folded_for(&self, timeout: Duration) -> bool {
        self.inner.checkpoint.wait(self.inner.opened, timeout)
    }
}
