//! The one sled database: what can be rebuilt or done without. Only this room names sled.
//!
//! # Why sled is opened as it is
//!
//! sled 0.34.7 is what is stable of sled; it is not maintained. Facts do not lie in it: its `flush` ends in
//! `sync_file_range`, never fsync, so that with unsynced writes dropped 0 of 180 power cuts were survived (480 of
//! 480 with the sync of [`recipe`]), and 31 % of bit flips after an unclean stop were silent. Hence:
//!
//! - **Whoever stores here checks what he reads** and can rebuild it or do without.
//! - `recipe`: half-made snapshots are deleted before opening; `conf`, `db` and the directories are synced after
//!   it; a sync is `flush` and then fdatasync of `db`; no compression, no flusher thread, never `flush_async`
//!   (hangs at 8 callers), `generate_id`, subscribers, `temporary`, batches; values of at most 4 KiB.
//! - `db`: sled runs on two threads of this room (one reads, one writes), and callers wait with a bound: 5 s to
//!   open, 2 s to read, 30 s to write. After an error, a panic or a missed deadline the database is dead.
//! - [`Store`]: a dead database's folder is renamed to `<dir>.bad-<n>` (the last two are kept) and a new, empty one
//!   is made, at most three times in the life of the process; then there is none until the next start.
//!
//! # What lies where
//!
//! ```text
//! <dir>/db-<n>/{conf,db,snap.*,blobs/}   sled's own; n is higher than that of any database set aside before, so
//!                                        that a thread still hanging in an older one cannot write into this one
//! <dir>.bad-<m>/                         set aside, for whoever wants to know why
//!
//! table `keys`                           the idempotency index, see `log::keys`
//! ```

mod db;
#[cfg(test)]
pub(crate) mod faults;
mod recipe;
#[cfg(test)]
mod tests;
mod view;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use parking_lot::Mutex;

pub use db::Db;
pub use view::{StoredValue, Table, VALUE_MAX, View};

/// Databases that may fail in the life of a process. Each may leave a hanging thread and its page cache behind.
const FAILURES_MAX: u32 = 3;
/// Folders set aside that are kept.
const BAD_MAX: usize = 2;

/// Why the database cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// sled, or the files below it, gave an error.
    #[error("sled: {0}")]
    Sled(String),
    /// sled did not answer in time.
    #[error("sled did not answer in time")]
    Hung,
    /// sled panicked.
    #[error("sled panicked")]
    Panicked,
    /// It was given up before.
    #[error("the database was given up: {0}")]
    Dead(String),
    /// Too many databases failed since the start.
    #[error("sled failed {FAILURES_MAX} times since the start, last: {0}")]
    GivenUp(String),
    /// Values are at most [`VALUE_MAX`] bytes.
    #[error("a value of {0} bytes is too long")]
    ValueTooLong(usize),
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        Self::Sled(error.to_string())
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Sled(error.to_string())
    }
}

impl From<RecvTimeoutError> for StoreError {
    fn from(missing: RecvTimeoutError) -> Self {
        match missing {
            RecvTimeoutError::Timeout => Self::Hung,
            RecvTimeoutError::Disconnected => Self::Panicked,
        }
    }
}

/// How long callers wait for sled before they give it up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    pub(crate) open: Duration,
    pub(crate) read: Duration,
    pub(crate) write: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { open: seconds(5), read: seconds(2), write: seconds(30) }
    }
}

/// The place of the database. Cheap to clone; all clones share one opened database.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    waits: Waits,
    current: Mutex<Current>,
    #[cfg(test)]
    faults: faults::Faults,
}

#[derive(Debug, Default)]
struct Current {
    db: Option<Db>,
    /// Folders below this number are not opened again.
    least: u64,
    opened: u64,
    failures: u32,
    last_failure: String,
}

impl Store {
    /// The database in `dir`, which need not be there yet. Touches nothing.
    pub fn at(dir: &Path) -> Self {
        Self::with_waits(dir, Waits::default())
    }

    pub(crate) fn with_waits(dir: &Path, waits: Waits) -> Self {
        let inner = Inner {
            dir: dir.to_owned(),
            waits,
            current: Mutex::default(),
            #[cfg(test)]
            faults: faults::Faults::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Where it lies.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// The opened database; opens it when there is none, and sets aside one that died. Blocks up to 5 s.
    pub fn db(&self) -> Result<Db, StoreError> {
        let mut current = self.inner.current.lock();
        if let Some(db) = &current.db {
            let Some(reason) = db.dead() else { return Ok(db.clone()) };
            let reason = reason.to_owned();
            current.db = None;
            self.failed(&mut current, &reason)?;
        }
        if current.failures >= FAILURES_MAX {
            return Err(StoreError::GivenUp(current.last_failure.clone()));
        }
        let opened = self.folder(&mut current).and_then(|folder| {
            Db::open(
                &folder,
                self.inner.waits,
                #[cfg(test)]
                self.inner.faults.clone(),
            )
        });
        match opened {
            Ok(db) => {
                current.db = Some(db.clone());
                Ok(db)
            }
            Err(error) => {
                self.failed(&mut current, &error.to_string())?;
                Err(error)
            }
        }
    }

    /// Syncs and closes the database, if it is open; waits at most the bound of two writes.
    pub fn close(&self) {
        let db = self.inner.current.lock().db.take();
        if let Some(db) = db {
            // When the sync fails, what is in sled is checked at the next start as after a crash.
            let _ = db.write(View::sync);
            db.close();
        }
    }

    #[cfg(test)]
    pub(crate) fn faults(&self) -> &faults::Faults {
        &self.inner.faults
    }

    fn failed(&self, current: &mut Current, reason: &str) -> Result<(), StoreError> {
        current.failures += 1;
        current.least = current.opened + 1;
        reason.clone_into(&mut current.last_failure);
        tracing::warn!(dir = %self.inner.dir.display(), reason, "sled is set aside");
        Ok(set_aside(&self.inner.dir)?)
    }

    /// The folder to open: the one with the highest number, or a new one. Older ones are what a hanging thread
    /// left behind, and go.
    fn folder(&self, current: &mut Current) -> Result<PathBuf, StoreError> {
        fs::create_dir_all(&self.inner.dir)?;
        let mut numbers = numbered(&self.inner.dir, "db-")?;
        let kept = numbers.pop_if(|number| *number >= current.least);
        for old in numbers {
            fs::remove_dir_all(self.inner.dir.join(format!("db-{old}")))?;
        }
        current.opened = kept.unwrap_or(current.least);
        Ok(self.inner.dir.join(format!("db-{}", current.opened)))
    }
}

/// Renames the folder to `<dir>.bad-<n>` and removes all but the last two of these.
fn set_aside(dir: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name().and_then(|name| name.to_str())) else {
        return Err(io::Error::other("the database needs a folder with a name"));
    };
    let stem = format!("{name}.bad-");
    let mut numbers = numbered(parent, &stem)?;
    let next = numbers.last().map_or(1, |last| last + 1);
    match fs::rename(dir, parent.join(format!("{stem}{next}"))) {
        Ok(()) => numbers.push(next),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    for old in numbers.iter().rev().skip(BAD_MAX) {
        fs::remove_dir_all(parent.join(format!("{stem}{old}")))?;
    }
    recipe::sync_dir(parent)
}

/// The numbers of the folders `<stem><number>` in `dir`, ascending.
fn numbered(dir: &Path, stem: &str) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        if let Some(number) =
            entry?.file_name().to_str().and_then(|name| name.strip_prefix(stem)?.parse().ok())
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
