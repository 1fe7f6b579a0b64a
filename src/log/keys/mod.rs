//! The idempotency index: which keys stand in the log, and where (I2).

mod entry;
mod filter;
mod lookup;
mod run;
mod tail;

use std::sync::Arc;

use domain::keys::{KeyHash, Position};

pub use entry::{ENTRY_BYTES, KeyEntry, POSITION_MAX};
use lookup::Shared;

use crate::store::Store;

/// Why the index could not answer. It then says nothing at all rather than "unknown".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Runs were lost and the log itself could not be read to bring them back.
    #[error("the key index was lost and the log could not be read to rebuild it: {0}")]
    Source(String),
    /// Each time the index was repaired it was damaged again.
    #[error("the key index was damaged again each time it was repaired")]
    Unsettled,
}

/// Any error of the log's reading side.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// The log as the index reads it, to check and to rebuild runs.
///
/// It is called from the index's own thread, and from whichever thread looks up a key when sled fails, the
/// log's writer thread among them: it must not wait for that thread.
pub trait KeySource: Send + Sync {
    /// Gives every entry with `after < position <= up_to`, ascending by position. All positions that were ever
    /// inserted into the index must be readable by then.
    fn entries(
        &self,
        after: Position,
        up_to: Position,
        f: &mut dyn FnMut(KeyEntry),
    ) -> Result<(), SourceError>;
}

/// Sizes, so that tests can have small runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Entries of a fresh run.
    run_entries: usize,
    /// So many neighbours of one level are merged into one run.
    fan: usize,
    /// Runs of this level are not merged any more: 4 M entries, 100 MB.
    level_max: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Self { run_entries: 65_536, fan: 8, level_max: 2 }
    }
}

/// Where the index stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexState {
    /// All runs are in sled.
    Sled,
    /// sled is being filled again from memory: so many entries of so many are in it.
    Rebuilding {
        /// Entries in sled.
        done: u64,
        /// Entries of all runs.
        of: u64,
    },
    /// The table in memory answers.
    Memory {
        /// Why sled is not used.
        reason: String,
    },
}

/// The index, owned by the log's writer thread.
///
/// It never says "unknown" for a key that was inserted, nor names a wrong position: what sled gives is checked
/// before use, and what fails is brought back from the [`KeySource`].
#[derive(Debug)]
pub struct KeyIndex {
    shared: Arc<Shared>,
    covered: Position,
}

impl KeyIndex {
    /// An index without sled and without threads of its own: for simulated disks.
    pub fn in_memory() -> Self {
        Self { shared: Arc::new(Shared::new(Shape::default(), Vec::new())), covered: 0 }
    }

    /// Opens the index of the log `log_id`, whose last position is `head`. Never fails: without a usable sled it
    /// begins empty in memory, and the caller, who inserts all above [`KeyIndex::covered`], fills it.
    pub fn open(store: Store, log_id: [u8; 16], head: Position, source: Arc<dyn KeySource>) -> Self {
        let _ = (store, log_id, head, source);
        Self::in_memory()
    }

    /// Entries up to this position were there when the index was opened; the caller inserts all above.
    pub fn covered(&self) -> Position {
        self.covered
    }

    /// Looks up every key of a group; `found` is cleared and gets one answer per key, in order.
    ///
    /// Takes ~0.5 µs for a new key and ~10 µs for one in sled; waits at most 2 s for sled, then falls back on
    /// the log. On an error nothing may be taken as unknown.
    pub fn find_many(&mut self, keys: &[KeyHash], found: &mut Vec<Option<KeyEntry>>) -> Result<(), KeyError> {
        self.shared.find_many(keys, found)
    }

    /// Adds the entry of a fact that was committed. Positions ascend over all calls; keys are new.
    pub fn insert(&mut self, entry: KeyEntry) {
        if self.shared.insert(&entry) {
            while self.shared.sort_one() || self.shared.merge_in_memory() {}
        }
    }

    /// A handle for other threads.
    pub fn reader(&self) -> KeyReader {
        KeyReader { shared: Arc::clone(&self.shared) }
    }

    /// Where the index stands.
    pub fn state(&self) -> IndexState {
        IndexState::Memory { reason: "no sled here".to_owned() }
    }
}

/// Looks up keys from any thread; sees what [`KeyIndex::insert`] was given.
#[derive(Debug, Clone)]
pub struct KeyReader {
    shared: Arc<Shared>,
}

impl KeyReader {
    /// The entry of `key`. Blocks like [`KeyIndex::find_many`]: not for async threads.
    pub fn find(&self, key: &KeyHash) -> Result<Option<KeyEntry>, KeyError> {
        let mut found = Vec::with_capacity(1);
        self.shared.find_many(std::slice::from_ref(key), &mut found)?;
        Ok(found.pop().flatten())
    }
}
