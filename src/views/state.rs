//! What the read models share: the log, the tenants' slots, caches and the follower.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::keys::Position;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Semaphore, watch};

use super::kept::KeptFolds;
use super::models::DigestCache;
use super::rebuilds::Rebuilds;
use super::slot::Slot;
use super::starting::Unfolded;
use crate::follow::{Checkpoint, Follower};
use crate::log::Log;
use crate::worker::Worker;

pub(super) struct Inner {
    pub log: Log,
    /// Threads that fold what is not folded live.
    pub threads: usize,
    /// Whose turn it is to fold the past.
    pub turns: Arc<Semaphore>,
    pub kept: KeptFolds,
    pub digests: DigestCache,
    pub rebuilds: Rebuilds,
    /// How often models were swapped.
    pub swaps: watch::Sender<u64>,
    pub tenants: RwLock<BTreeMap<Box<str>, Slot>>,
    /// The log's last position when these models were opened: the first fold ends there.
    pub opened: Position,
    pub unfolded: Unfolded,
    /// The thread of the first fold.
    pub starting: Mutex<Option<Worker>>,
    pub checkpoint: Checkpoint,
    /// Held while a batch is folded: who holds it sees all tenants at one position.
    pub folding: Mutex<()>,
    /// Held while the log forgets and until the models have, too: what differs meanwhile is no fault.
    pub erasing: Mutex<()>,
    pub follower: Mutex<Option<Follower>>,
}
