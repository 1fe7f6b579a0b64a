//! A tenant's models at a moment of the past (E3): folded from the log with only the facts that the moment knows.

use std::mem::size_of;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::keys::{Position, TenantId};
use domain::members;
use projections::store::HeapSize;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::kept::{Extent, KeptFold};
use super::rebuild::{Scope, rebuild};
use super::slot::{Slot, State, slot};
use super::starting::PATIENCE;
use super::{TenantView, Views};
use crate::follow::FoldError;
use crate::log::{LogError, LogSnapshot};

/// Threads of one fold of the past: live facts are folded and written beside it.
pub(super) const FOLD_THREADS: usize = 1;
/// So long may one take, the wait for its turn included.
pub(super) const FOLD_TIME_MAX: Duration = Duration::from_secs(20);
/// Which facts count. Bounds that are not given bound nothing; all that are given hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// Those up to this position, inclusive.
    pub as_of_position: Option<Position>,
    /// Those that were recorded by then, inclusive: a prefix of the log, since `recorded_at` never goes back.
    pub known_at: Option<members::Instant>,
    /// Those that had happened by then, inclusive. Configuration is never left out by it.
    pub occurred_until: Option<members::Instant>,
}

/// Whose turn it is to fold the past: half of the cores at a time. The other half is for those who write and read what is
/// live.
pub(super) fn turns() -> Arc<Semaphore> {
    let at_once = std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
    Arc::new(Semaphore::new(at_once))
}

impl Views {
    /// A tenant's models at `moment`; the live ones where it bounds nothing. None of a tenant without any facts.
    ///
    /// # Errors
    /// [`FoldError::Unfolded`], [`FoldError::Late`] when it takes too long, else what the log cannot read.
    pub async fn at(&self, tenant: &TenantId, moment: Moment) -> Result<Option<TenantView>, FoldError> {
        self.wait_for_tenant(tenant).await?;
        let Some(live) = self.tenant(tenant) else { return Ok(None) };
        if moment == Moment::default() {
            return Ok(Some(live));
        }
        let up_to = self.up_to(&moment).await?;
        if moment.occurred_until.is_none() {
            let state = live.slot().read();
            // Nothing came since: what is live is that moment, and costs nothing to take.
            if state.position <= up_to {
                return Ok(Some(TenantView::new(slot(state.clone()))));
            }
        }
        let extent =
            Extent { tenant: tenant.clone(), up_to: Some(up_to), occurred_until: moment.occurred_until };
        let fold = self.inner.kept.of(&extent);
        let state = fold.state.get_or_try_init(|| self.fold_past(extent, up_to, Arc::clone(&fold))).await?;
        Ok(Some(TenantView::new(Arc::clone(state))))
    }

    /// The last position that `moment` knows, of those that are folded: what it names is waited for.
    pub(super) async fn up_to(&self, moment: &Moment) -> Result<Position, FoldError> {
        let head = self.inner.log.head().position;
        let mut named = moment.as_of_position.map(|position| position.min(head));
        if let Some(known_at) = moment.known_at {
            let log = self.inner.log.snapshot();
            let known = blocking(move || Ok(last_known(&log, known_at)?)).await?;
            named = Some(named.map_or(known, |named| named.min(known)));
        }
        // A tenant that can be read is folded as far as the log went at the start, whichever tenants are still to come.
        let opened = self.inner.opened;
        match named {
            Some(named) if named > opened && !self.wait_for(named, PATIENCE).await => {
                Err(FoldError::Unfolded)
            }
            Some(named) => Ok(named),
            None => Ok(self.position().max(opened)),
        }
    }

    async fn fold_past(
        &self,
        extent: Extent,
        up_to: Position,
        fold: Arc<KeptFold>,
    ) -> Result<Slot, FoldError> {
        let (log, inner) = (self.inner.log.snapshot(), Arc::clone(&self.inner));
        self.in_turn(move |deadline| {
            let scope = Scope {
                tenant: Some(extent.tenant.clone()),
                up_to,
                occurred_until: extent.occurred_until,
                deadline: Some(deadline),
                ..Scope::all(&log)
            };
            let mut states = rebuild(&log, &scope, FOLD_THREADS, &|_| {})?;
            let state = states.remove(extent.tenant.as_str()).unwrap_or_default();
            let held = size_of::<State>() + state.tenant.heap_bytes();
            inner.kept.weigh(&extent, &fold, |bytes| bytes.past_states = held);
            Ok(slot(state))
        })
        .await
    }

    /// Runs a fold of the past when it is its turn; it is to end at the deadline that it is told.
    pub(super) async fn in_turn<T: Send + 'static>(
        &self,
        fold: impl FnOnce(Instant) -> Result<T, FoldError> + Send + 'static,
    ) -> Result<T, FoldError> {
        let deadline = Instant::now() + FOLD_TIME_MAX;
        let turn = timeout(FOLD_TIME_MAX, Arc::clone(&self.inner.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(FoldError::Late) };
        blocking(move || {
            // Kept until the fold has ended, even if nobody waits for it any more.
            let _turn = turn;
            fold(deadline)
        })
        .await
    }
}

/// The last position that was recorded by `known_at`; 0 where none was.
fn last_known(log: &LogSnapshot, known_at: members::Instant) -> Result<Position, LogError> {
    let (mut known, mut later) = (0, log.head().position + 1);
    while later - known > 1 {
        let position = known + (later - known) / 2;
        let Some(record) = log.read(position)? else { break };
        let recorded_at =
            record.view().map_err(|error| LogError::Record { position, error })?.header.recorded_at;
        if recorded_at <= known_at.0 { known = position } else { later = position }
    }
    Ok(known)
}

async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, FoldError> + Send + 'static,
) -> Result<T, FoldError> {
    spawn_blocking(run).await.map_err(|error| FoldError::Thread(error.to_string()))?
}
