//! Options of the log.

use std::fmt;
use std::sync::Arc;

use domain::keys::LogSecret;

use super::engines::SharedLog;
use crate::clock::{Clock, GuardedClock};
use crate::store::Store;

/// Everything the log needs besides the disk.
#[derive(Clone)]
pub struct LogOptions {
    /// Keys the index's digests.
    pub secret: LogSecret,
    /// Gives `recorded_at`.
    pub clock: Arc<GuardedClock>,
    /// Where the idempotency index is kept; in memory when there is none.
    pub store: Option<Store>,
    /// What orders the log, where several nodes have it; this node alone when there is none.
    pub engine: Option<Arc<dyn SharedLog>>,
    /// This node's name among those.
    pub node: String,
    /// How many of them have a fact in their journals before it is answered.
    pub copies: usize,
    /// When segments close and files grow.
    pub sizes: Sizes,
    /// The checks and syncs that the guarantees rest on; all on, outside of tests.
    pub protections: Protections,
}

impl LogOptions {
    /// The usual sizes, and a clock that is believed whatever it says.
    pub fn new(secret: LogSecret, clock: Clock, store: Option<Store>) -> Self {
        Self::guarded(secret, Arc::new(GuardedClock::unguarded(clock)), store)
    }

    /// The usual sizes.
    pub fn guarded(secret: LogSecret, clock: Arc<GuardedClock>, store: Option<Store>) -> Self {
        let (sizes, protections) = (Sizes::default(), Protections::default());
        Self { secret, clock, store, engine: None, node: String::new(), copies: 1, sizes, protections }
    }
}

impl fmt::Debug for LogOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogOptions").field("sizes", &self.sizes).finish_non_exhaustive()
    }
}

/// When segments close and files grow.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// A segment is closed before it holds more facts than this.
    pub seal_facts: u64,
    /// A segment is closed before it is longer than this.
    pub seal_bytes: u64,
    /// Bytes that are zero-filled ahead of the writer in one step.
    pub fill_step: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { seal_facts: 65_536, seal_bytes: 64 << 20, fill_step: 4 << 20 }
    }
}

/// The protections that a test takes out one by one, to see that it notices.
#[derive(Debug, Clone, Copy)]
pub struct Protections {
    sync: bool,
    crc: bool,
    dedup: bool,
    journal_first: bool,
}

impl Default for Protections {
    fn default() -> Self {
        Self { sync: true, crc: true, dedup: true, journal_first: true }
    }
}

impl Protections {
    pub(super) fn sync(self) -> bool {
        self.sync
    }

    pub(super) fn crc(self) -> bool {
        self.crc
    }

    pub(super) fn dedup(self) -> bool {
        self.dedup
    }

    /// Whether a block that an engine has recorded is answered when it is in this node's journal, too.
    pub(super) fn journal_first(self) -> bool {
        self.journal_first
    }

    /// What an engine has recorded is answered at once, and comes into this node's journal a second later.
    #[cfg(debug_assertions)]
    pub fn without_journal_first() -> Self {
        Self { journal_first: false, ..Self::default() }
    }

    /// Commits without a sync.
    #[cfg(any(test, feature = "torture"))]
    pub fn without_sync() -> Self {
        Self { sync: false, ..Self::default() }
    }

    /// Frames are read without looking at their checksums.
    #[cfg(any(test, feature = "torture"))]
    pub fn without_crc() -> Self {
        Self { crc: false, ..Self::default() }
    }

    /// Known keys are recorded again.
    #[cfg(any(test, feature = "torture"))]
    pub fn without_dedup() -> Self {
        Self { dedup: false, ..Self::default() }
    }
}
