//! Read models in memory.

pub mod facts;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use domain::facts::Fact;
use domain::keys::{LogSecret, Position, TenantId};
use domain::members::{Day, Instant, Month};
use domain::record::RecordRef;
use domain::rules::calendar::ZoneName;
use domain::rules::configuration::Timeline;
use parking_lot::RwLock;
use projections::Recorded;
pub use projections::entities::call_list::{CallFilter, CallItem};
pub use projections::entities::lead_list::{LeadFilter, LeadItem};
use projections::figures::month::{DaysAnswer, MonthAnswer};
use projections::store::{Cursor, Page};
use projections::tenant::{MODELS, Tenant};

use crate::log::{Log, LogError, LogSnapshot};

/// Errors.
#[derive(Debug, thiserror::Error)]
pub enum ViewsError {
    /// Log.
    #[error(transparent)]
    Log(#[from] LogError),
}

type Map = BTreeMap<TenantId, Tenant>;
/// Views.
#[derive(Clone)]
pub struct Views(Arc<RwLock<(Position, Map)>>, tokio::sync::watch::Receiver<Position>);
/// One tenant.
pub struct TenantView(Position, Tenant);
/// A digest.
pub struct ModelDigest {
    /// Name.
    pub name: &'static str,
    /// Version.
    pub version: u32,
    /// Position.
    pub position: Position,
    digest: projections::canonical::Digest,
}
impl ModelDigest {
    /// Hex.
    pub fn hex(&self) -> String {
        self.digest.to_string()
    }
}

fn apply(map: &mut Map, position: Position, record: &RecordRef<'_>) {
    let Ok(fact) = Fact::decode(record.header.kind, record.header.version, record.public, record.personal())
    else {
        return;
    };
    let Ok(tenant) = TenantId::stored(record.header.tenant) else { return };
    map.entry(tenant).or_default().apply(&Recorded {
        position,
        recorded_at: Instant(record.header.recorded_at),
        occurred_at: Instant(record.header.occurred_at),
        content: record.header.content,
        fact: &fact,
    });
}

impl Views {
    /// Start.
    pub fn start(log: &Log, _secret: &LogSecret, _progress: impl Fn(u64, u64)) -> Result<Self, ViewsError> {
        let mut map = Map::new();
        let snapshot = log.snapshot();
        let head = snapshot.head().position;
        snapshot.in_order(1, head, false, &mut |position, record| {
            apply(&mut map, position, &record);
            ControlFlow::Continue(())
        })?;
        let shared = Arc::new(RwLock::new((head, map)));
        let (sender, receiver) = tokio::sync::watch::channel(head);
        let (log, state) = (log.clone(), Arc::clone(&shared));
        std::thread::spawn(move || {
            let mut follow = log.follow(head);
            loop {
                match follow.next(Duration::from_millis(500)) {
                    Ok(Some(records)) => {
                        let mut state = state.write();
                        for record in &records {
                            if let Ok(view) = record.view() {
                                apply(&mut state.1, record.position, &view);
                            }
                            state.0 = record.position;
                        }
                        let _ = sender.send(state.0);
                    }
                    Ok(None) => {}
                    Err(_) => return,
                }
            }
        });
        Ok(Self(shared, receiver))
    }
    /// Position.
    pub fn position(&self) -> Position {
        self.0.read().0
    }
    /// Wait.
    pub async fn wait_for(&self, position: Position, wait: Duration) -> bool {
        let mut receiver = self.1.clone();
        tokio::time::timeout(wait, receiver.wait_for(|at| *at >= position)).await.is_ok()
    }
    /// Tenant.
    pub fn tenant(&self, id: &TenantId) -> TenantView {
        let state = self.0.read();
        TenantView(state.0, state.1.get(id).cloned().unwrap_or_default())
    }
    /// Knows.
    pub fn knows(&self, id: &TenantId) -> bool {
        self.0.read().1.contains_key(id)
    }
    /// Fold.
    pub fn fold_once(
        snapshot: &LogSnapshot,
        _secret: &LogSecret,
        _threads: usize,
        _progress: &dyn Fn(u64),
    ) -> Result<Vec<ModelDigest>, ViewsError> {
        Self::fold_in_order(snapshot, _secret)
    }
    /// Fold.
    pub fn fold_in_order(
        snapshot: &LogSnapshot,
        _secret: &LogSecret,
    ) -> Result<Vec<ModelDigest>, ViewsError> {
        let mut map = Map::new();
        let head = snapshot.head().position;
        snapshot.in_order(1, head, false, &mut |position, record| {
            apply(&mut map, position, &record);
            ControlFlow::Continue(())
        })?;
        let mut sums = [projections::canonical::Digest::default(); 4];
        for (id, tenant) in &map {
            for (sum, digest) in sums.iter_mut().zip(tenant.digests(id.as_str())) {
                sum.merge(digest);
            }
        }
        Ok(MODELS
            .iter()
            .zip(sums)
            .map(|((name, version), digest)| ModelDigest { name, version: *version, position: head, digest })
            .collect())
    }
}

impl TenantView {
    /// Month.
    pub fn month(&self, month: Month) -> MonthAnswer {
        self.1.month(self.0, month)
    }
    /// Days.
    pub fn days(&self, from: Day, to: Day) -> DaysAnswer {
        self.1.days(from, to).answer(self.0)
    }
    /// Calls.
    pub fn calls(&self, filter: &CallFilter, after: Option<&Cursor>, limit: usize) -> Page<CallItem> {
        self.1.call_list().page(self.0, filter, after, limit)
    }
    /// Call.
    pub fn call(&self, id: &str) -> Option<CallItem> {
        self.1.call(id)
    }
    /// Leads.
    pub fn leads(&self, filter: &LeadFilter, after: Option<&Cursor>, limit: usize) -> Page<LeadItem> {
        self.1.lead_list().page(self.0, filter, after, limit)
    }
    /// Timeline.
    pub fn timeline(&self) -> &Timeline {
        &self.1.profile().timeline
    }
    /// Zone.
    pub fn zone(&self) -> ZoneName {
        self.timeline().latest().zone
    }
    /// Position.
    pub fn position(&self) -> Position {
        self.0
    }
}
