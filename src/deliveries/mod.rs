//! Webhook requests as they came: who delivered what, what became of it and how long it took (D4), and from that
//! how well each endpoint is (D5).
//!
//! Derived and dispensable: the log of deliveries lies in sled for 30 days and is lost with it, and every answer says
//! since when it is kept. A request only puts a line into a bounded queue, where readers see it at once; one thread
//! takes it from there, however long sled lets it wait. A full queue is counted, never waited for.
//!
//! Nodes of one log tell each other what came in: each has the deliveries of all, and any of them may judge an endpoint.

mod block;
pub mod health;
mod keeper;
mod list;
mod pending;
mod sharing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use domain::members::Instant;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use self::health::{Health, HealthSummary, Place};
pub use self::list::{After, DeliveryFilter, DeliveryItem, DeliveryPage};
use self::pending::PendingQueue;
use self::sharing::Sharing;
pub use self::sharing::{ConnectExchange, Exchange};
use crate::clock::Clock;
use crate::store::Store;
use crate::worker::Worker;

/// How long deliveries are kept, µs (D4).
const KEPT: i64 = 30 * 86_400_000_000;

/// What became of a delivery, in the words of the log of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Known and nothing to count.
    Ignored,
    /// Known.
    Duplicate,
    /// New and durable.
    Recorded,
    /// Kept whole, no facts.
    Quarantined,
    /// Known with other content.
    Conflict,
    /// 401.
    Refused,
    /// 404, 405 or 413: nothing that an endpoint can be blamed for.
    Rejected,
    /// 5xx.
    Failed,
    /// 429: more than the endpoint may bring.
    Limited,
}

impl DeliveryStatus {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::Duplicate => "duplicate",
            Self::Recorded => "recorded",
            Self::Quarantined => "quarantined",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Limited => "limited",
        }
    }

    /// Every one of them.
    pub const ALL: [Self; 9] = [
        Self::Ignored,
        Self::Duplicate,
        Self::Recorded,
        Self::Quarantined,
        Self::Conflict,
        Self::Refused,
        Self::Rejected,
        Self::Failed,
        Self::Limited,
    ];
}

/// One delivery. Nothing of its payload is in it but the names of event and error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// When it came, µs since 1970.
    pub at: i64,
    /// As it was answered; a redelivery has one of its own.
    pub id: [u8; 16],
    /// Provider named in the path; empty if unknown.
    pub provider: Box<str>,
    /// Reference of the endpoint; none where there is none such.
    pub endpoint: Option<Box<str>>,
    /// Whose it is, where that is known.
    pub tenant: Option<Box<str>>,
    /// The provider's event.
    pub event: Option<Box<str>>,
    /// What became of it.
    pub status: DeliveryStatus,
    /// From the first byte of the body read to the answer, µs.
    pub micros: u32,
    /// Why it was not recorded, in a word.
    pub error: Option<Box<str>>,
    /// Whether something that would identify it was absent. A block keeps it beside its lines.
    #[serde(skip)]
    pub weak: bool,
}

/// The word in [`Delivered::error`] of a delivery about a number that its tenant does not have.
pub const UNKNOWN_NUMBER: &str = "unknown_tracking_number";

impl Delivered {
    /// Whether facts were made of it though its tenant does not have the tracking number.
    fn is_of_unknown_number(&self) -> bool {
        self.error.as_deref() == Some(UNKNOWN_NUMBER) && self.status != DeliveryStatus::Quarantined
    }
}

/// The log of deliveries and the endpoints' health; clones share them.
#[derive(Clone)]
pub struct Deliveries {
    inner: Arc<Inner>,
    worker: Arc<Worker>,
    /// Tells other nodes and listens to them.
    sharer: Option<Arc<Worker>>,
}

struct Inner {
    clock: Clock,
    store: Option<Store>,
    pending: PendingQueue,
    lost: AtomicU64,
    /// Whether what sled holds was read.
    ready: AtomicBool,
    health: Mutex<BTreeMap<Place, Health>>,
    open: Mutex<keeper::Open>,
    /// Where several nodes take deliveries.
    sharing: Option<Sharing>,
}

impl Deliveries {
    /// Starts the threads. Without a store, or when sled fails, deliveries of this run alone are known. `exchange`
    /// connects to the other nodes, where there are any.
    ///
    /// # Errors
    /// The operating system's, for the threads.
    pub fn start(
        store: Option<Store>,
        clock: Clock,
        exchange: Option<ConnectExchange>,
    ) -> std::io::Result<Self> {
        let now = Instant(clock());
        let inner = Arc::new(Inner {
            clock,
            store,
            pending: PendingQueue::default(),
            lost: AtomicU64::new(0),
            ready: AtomicBool::new(false),
            health: Mutex::default(),
            open: Mutex::new(keeper::Open::since(now)),
            sharing: exchange.map(Sharing::new),
        });
        let keeping = Arc::clone(&inner);
        let worker = Arc::new(Worker::spawn("deliveries", move |_| keeper::keep(&keeping))?);
        let mut sharer = None;
        if inner.sharing.is_some() {
            let sharing = Arc::clone(&inner);
            sharer = Some(Arc::new(Worker::spawn("deliveries-share", move |stop| {
                sharing::share(&sharing, stop);
            })?));
        }
        Ok(Self { inner, worker, sharer })
    }

    /// Takes a delivery down. Never waits.
    pub fn record(&self, delivered: Delivered) {
        if !self.inner.pending.put(delivered) {
            self.inner.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Deliveries that were not taken down since the start, because too many came at once.
    pub fn lost(&self) -> u64 {
        self.inner.lost.load(Ordering::Relaxed)
    }

    /// Whether what was kept before the start is known again.
    pub fn is_ready(&self) -> bool {
        self.inner.ready.load(Ordering::Acquire)
    }

    /// Whether what other nodes took is known, too: until then no endpoint may be judged.
    pub fn is_whole(&self) -> bool {
        self.is_ready() && self.inner.sharing.as_ref().is_none_or(Sharing::is_whole)
    }

    /// Why other nodes are not told of deliveries now, or this one not of theirs.
    pub fn not_shared(&self) -> Option<Arc<str>> {
        self.inner.sharing.as_ref()?.failure()
    }

    /// How well each endpoint is now, over the deliveries of one tenant (`None`: of none).
    pub fn health(&self, tenant: Option<&str>) -> Vec<HealthSummary> {
        let now = Instant((self.inner.clock)());
        let is_of = |line: &Delivered| line.tenant.as_deref() == tenant;
        // What the thread takes meanwhile is counted in one place or the other, never in both.
        let pending = self.inner.pending.hold();
        let mut health = self.inner.health.lock();
        let of_tenant = health.iter_mut().filter(|(place, _)| place.tenant.as_deref() == tenant);
        if !pending.all().any(is_of) {
            return of_tenant.map(|(place, health)| health.at(place, now)).collect();
        }
        let mut with_waiting = of_tenant.map(|(place, health)| (place.clone(), health.clone())).collect();
        pending.all().filter(|line| is_of(line)).for_each(|line| keeper::count(&mut with_waiting, line));
        with_waiting.iter_mut().map(|(place, health)| health.at(place, now)).collect()
    }

    /// Writes what waits and ends the threads.
    pub fn close(&self) {
        self.inner.pending.close();
        self.worker.close();
        if let Some(sharer) = &self.sharer {
            sharer.close();
        }
    }
}
