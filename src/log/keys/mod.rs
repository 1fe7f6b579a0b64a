//! The idempotency index: which keys stand in the log, and where (I2).
//!
//! Every fact's key is looked up before the fact is committed and inserted after it. The newest entries lie in the
//! **tail**, a hash table in memory. At 65,536 it becomes a **run**: sorted, with a filter that says "surely not
//! here" of a new key. The **keeper**, a thread of the index, writes runs to sled in chunks of at most 4 KiB (layout
//! in `manifest`) and merges eight neighbours of one size into one, up to 4 M entries. A new key costs the filters,
//! an old one a chunk.
//!
//! Nothing of this is needed to be there: entries can be read again from the log ([`KeySource`]). So
//!
//! - at open, runs with a damaged head, directory or filter are left out and what they held is read from the log;
//!   a database of another log, or of another past of this log, is set aside whole;
//! - each chunk is checked when it is read; a damaged one has its run rebuilt in memory before the look-up answers;
//! - when sled fails or does not answer within its bound, all runs are rebuilt in memory, sorted as they were in
//!   sled (24 bytes a key and 2.3 for its filter); look-ups and writes go on, and the keeper fills a new database;
//! - when the log cannot be read either, the look-up is an error. It never says "unknown" for want of knowing.
//!
//! Entries since the last full run are not in sled: the log inserts all above [`KeyIndex::covered`] at open.

mod entry;
mod filter;
mod keeper;
mod load;
mod lookup;
mod manifest;
mod run;
mod sled_run;
mod tail;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use domain::keys::{KeyHash, Position};

pub use entry::{ENTRY_BYTES, KeyEntry, POSITION_MAX};
use keeper::Keeper;
use load::LoadError;
use lookup::{Shared, Trouble};
use run::Run;

use crate::store::Store;

/// Why a look-up failed. It is never answered "unknown" instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Runs were lost and the log itself could not be read to bring them back.
    #[error("idempotency index unavailable: lost, and the log could not be read to rebuild it: {0}")]
    Source(String),
    /// Each time the index was repaired it was damaged again.
    #[error("idempotency index unavailable: damaged again after each repair")]
    RepairsExhausted,
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
struct Shape {
    /// Entries of a fresh run.
    run_entries: usize,
    /// Entries of a chunk in sled, at most 170 (4 KiB).
    chunk_entries: usize,
    /// So many neighbours of one level are merged into one run.
    fan: usize,
    /// Runs of this level are not merged any more: 4 M entries, 100 MB.
    level_max: u32,
    /// How long after a failure sled is tried again, the first time; eight times as long each further time.
    retry: Duration,
    /// Facts per run whose entries are compared with the log at open; a test says 0.
    samples: u64,
    /// Whether what sled gives is checked. Only a test that shows what the checks are for says no.
    check: bool,
}

impl Default for Shape {
    fn default() -> Self {
        let retry = Duration::from_secs(1);
        Self { run_entries: 65_536, chunk_entries: 170, fan: 8, level_max: 2, retry, samples: 4, check: true }
    }
}

/// The index holds a fact behind the log's head. It learns of durable facts alone, so acknowledged ones are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the index knows position {0}, beyond the log's head")]
pub struct BeyondHead(pub Position);

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
pub struct KeyIndex {
    // Before `shared`, so that it is stopped first.
    keeper: Option<Keeper>,
    shared: Arc<Shared>,
    covered: Position,
}

impl KeyIndex {
    /// An index without sled and without threads of its own: for simulated disks.
    pub fn in_memory() -> Self {
        Self::without_sled(Shape::default(), None, "none was given")
    }

    /// Opens the index of the log `log_id`, whose last position is `head`. Without a usable sled it begins empty in
    /// memory, and the caller, who inserts all above [`KeyIndex::covered`], fills it, while sled is made anew behind.
    /// Blocks up to 7 s when sled hangs.
    ///
    /// # Errors
    /// [`BeyondHead`].
    pub fn open(
        store: Store,
        log_id: [u8; 16],
        head: Position,
        source: Arc<dyn KeySource>,
    ) -> Result<Self, BeyondHead> {
        Self::open_with(store, log_id, head, source, Shape::default())
    }

    fn open_with(
        store: Store,
        log_id: [u8; 16],
        head: Position,
        source: Arc<dyn KeySource>,
        shape: Shape,
    ) -> Result<Self, BeyondHead> {
        let mut db = store.db().ok();
        let mut runs = Vec::new();
        if let Some(opened) = &db {
            match load::load(opened, &load::Log { id: log_id, head, source: &*source }, shape) {
                Ok(loaded) => runs = loaded,
                Err(LoadError::Source(reason)) => {
                    return Ok(Self::without_sled(shape, Some(source), &reason));
                }
                Err(LoadError::BeyondHead(beyond)) => return Err(beyond),
                Err(unfit) => {
                    opened.give_up(&unfit.to_string());
                    // At once: by the next start the log may have grown over what tells the two apart.
                    db = store.db().ok();
                }
            }
        }
        let rebuilding = db.is_none() || (runs.is_empty() && head > shape.run_entries as u64);
        let shared = Arc::new(Shared::new(shape, Some(source), runs));
        shared.rebuilding.store(rebuilding, Relaxed);
        let covered = shared.last();
        let keeper = Keeper::start(Arc::clone(&shared), store, log_id, db);
        shared.signal.wake();
        Ok(Self { keeper, shared, covered })
    }

    fn without_sled(shape: Shape, source: Option<Arc<dyn KeySource>>, reason: &str) -> Self {
        let shared = Arc::new(Shared::new(shape, source, Vec::new()));
        *shared.without_sled.lock() = Some(reason.to_owned());
        Self { keeper: None, shared, covered: 0 }
    }

    /// Entries up to this position were there when the index was opened; the caller inserts all above.
    pub fn covered(&self) -> Position {
        self.covered
    }

    /// Looks up every key of a group; `found` is cleared and gets one answer per key, in order.
    ///
    /// At 1 M keys ~0.7 µs for a new key and ~10 µs for one in sled (`benches/key_index.rs`); waits at most 2 s for sled, then falls back on
    /// the log. On an error nothing may be taken as unknown.
    pub fn find_many(&mut self, keys: &[KeyHash], found: &mut Vec<Option<KeyEntry>>) -> Result<(), KeyError> {
        self.shared.find_many(keys, found)
    }

    /// Adds the entry of a fact that was committed. Positions ascend over all calls; keys are new.
    pub fn insert(&mut self, entry: KeyEntry) {
        if !self.shared.insert(&entry) {
            return;
        }
        if self.keeper.as_ref().is_none_or(Keeper::ended) {
            while self.shared.sort_one() || self.shared.merge_in_memory(self.shared.shape.level_max) {}
        } else {
            self.shared.signal.wake();
            self.shared.relieve();
        }
    }

    /// A handle for other threads.
    pub fn reader(&self) -> KeyReader {
        KeyReader { shared: Arc::clone(&self.shared) }
    }

    /// Where the index stands.
    pub fn state(&self) -> IndexState {
        self.reader().state()
    }

    /// Bytes that entries and filters take in memory, sled's cache not counted.
    pub fn memory_bytes(&self) -> usize {
        self.shared.bytes()
    }
}

/// Looks up keys from any thread; sees what [`KeyIndex::insert`] was given.
#[derive(Clone)]
pub struct KeyReader {
    shared: Arc<Shared>,
}

impl fmt::Debug for KeyIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyIndex").field("state", &self.state()).field("last", &self.shared.last()).finish()
    }
}

impl fmt::Debug for KeyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyReader").field("last", &self.shared.last()).finish()
    }
}

impl KeyReader {
    /// The entry of `key`. Blocks like [`KeyIndex::find_many`]: not for async threads.
    pub fn find(&self, key: &KeyHash) -> Result<Option<KeyEntry>, KeyError> {
        let mut found = Vec::with_capacity(1);
        self.shared.find_many(std::slice::from_ref(key), &mut found)?;
        Ok(found.pop().flatten())
    }

    /// As [`KeyIndex::find_many`], from any thread that may block.
    pub fn find_many(&self, keys: &[KeyHash], found: &mut Vec<Option<KeyEntry>>) -> Result<(), KeyError> {
        self.shared.find_many(keys, found)
    }

    /// Where the index stands.
    pub fn state(&self) -> IndexState {
        if let Some(reason) = self.shared.without_sled.lock().clone() {
            return IndexState::Memory { reason };
        }
        if !self.shared.rebuilding.load(Relaxed) {
            return IndexState::Sled;
        }
        let runs = self.shared.runs();
        let done = runs.iter().filter(|run| matches!(run, Run::Sled(_))).map(Run::count).sum();
        IndexState::Rebuilding { done, of: runs.iter().map(Run::count).sum() }
    }

    /// Reads every chunk that lies in sled and rebuilds the runs in which one is damaged; says how many. For the
    /// background auditor; look-ups go on meanwhile.
    pub fn audit(&self) -> Result<u64, KeyError> {
        let mut damaged = 0;
        for run in self.shared.runs().iter() {
            let Run::Sled(run) = run else { continue };
            let trouble = match run.verify() {
                Ok(true) => continue,
                Ok(false) => Trouble::Run(Arc::clone(run)),
                Err(_) => Trouble::Db(run.db.clone()),
            };
            if self.shared.repair(&trouble)? {
                damaged += 1;
            }
        }
        Ok(damaged)
    }
}
