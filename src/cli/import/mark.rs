//! How far an import of a file came, so that one that was stopped goes on there.
//!
//! A mark lies in sled and can be done without: then the file is read from its start, and what is there already is a
//! duplicate. It is believed only for the file as it was, by inode, length and time of its last change, and for a log
//! that has the very record at the highest position that was answered: a log brought back from an older backup has
//! another one there, or none.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use domain::keys::{Position, TenantId};
use domain::record::Hash;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::Failure;
use super::outcome::TenantOutcome;
use crate::ingest::answer::BatchTally;
use crate::log::{Log, LogError};
use crate::store::{Store, StoreError};

/// The table in the store.
const TABLE: &str = "imports";
const VERSION: u8 = 2;
/// Between two marks: so much at most is read again.
const PAUSE: Duration = Duration::from_secs(1);

/// What tells a file from another, and from itself after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Print {
    device: u64,
    inode: u64,
    len: u64,
    changed: (i64, i64),
}

impl Print {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            len: file.len(),
            changed: (file.mtime(), file.mtime_nsec()),
        }
    }
}

/// How far it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    version: u8,
    print: Print,
    /// The last line that was answered.
    pub line: u64,
    /// Bytes of the file up to its end.
    pub bytes: u64,
    counts: [u64; 4],
    lowest: Option<Position>,
    new: Option<(Position, Position)>,
    /// The highest position that was answered, and the leaf of its record.
    position: Position,
    leaf: Hash,
}

impl Mark {
    /// What became of the lines so far.
    pub fn outcome(&self) -> TenantOutcome {
        let [recorded, duplicates, conflicts, rejected] = self.counts;
        let tally =
            BatchTally { recorded, duplicates, conflicts, rejected, last_position: Some(self.position) };
        TenantOutcome { tally, lowest: self.lowest, new: self.new }
    }
}

/// The marks of one file and tenant.
pub struct Marks<'a> {
    store: &'a Store,
    log: &'a Log,
    key: Hash,
    print: Print,
    saved: Instant,
    /// Whether the file is one that goes without marks.
    off: bool,
}

impl<'a> Marks<'a> {
    /// Of the file at `path`, which is `file`, for a tenant.
    pub fn new(
        (store, log): (&'a Store, &'a Log),
        path: &Path,
        file: &Metadata,
        tenant: Option<&TenantId>,
    ) -> std::io::Result<Self> {
        let path = path.canonicalize()?;
        let tenant = tenant.map_or("", TenantId::as_str);
        let key = Sha256::new()
            .chain_update(tenant)
            .chain_update([0])
            .chain_update(path.as_os_str().as_encoded_bytes());
        Ok(Self {
            store,
            log,
            key: key.finalize().into(),
            print: Print::of(file),
            saved: Instant::now(),
            off: !file.is_file(),
        })
    }

    /// Goes without marks from here on: what an export's lines name is known by those before them.
    pub fn stop(&mut self) {
        self.off = true;
    }

    /// Where an import of the file was stopped; none where nothing is known, or what is known does not hold any more.
    ///
    /// # Errors
    /// The log's.
    pub fn found(&self) -> Result<Option<Mark>, Failure> {
        if self.off {
            return Ok(None);
        }
        let key = self.key;
        let read = self.store.db().and_then(|db| {
            db.read(move |view| Ok(view.table(TABLE)?.get(&key)?.map(|value| value.to_vec())))
        });
        let Some(bytes) = read.inspect_err(unmarked).ok().flatten() else { return Ok(None) };
        let config = bincode::config::standard();
        let Ok((mark, _)) = bincode::serde::decode_from_slice::<Mark, _>(&bytes, config) else {
            return Ok(None);
        };
        if (mark.version, &mark.print) != (VERSION, &self.print) || mark.bytes > self.print.len {
            return Ok(None);
        }
        Ok((self.leaf(mark.position)? == Some(mark.leaf)).then_some(mark))
    }

    fn leaf(&self, position: Position) -> Result<Option<Hash>, Failure> {
        let Some(record) = self.log.read(position)? else { return Ok(None) };
        let view = record.view().map_err(|error| LogError::Record { position, error })?;
        Ok(Some(view.leaf()))
    }

    /// Marks the end of a line that was answered, from time to time.
    ///
    /// # Errors
    /// The log's.
    pub fn reached(&mut self, line: u64, bytes: u64, outcome: &TenantOutcome) -> Result<(), Failure> {
        if self.off || self.saved.elapsed() < PAUSE {
            return Ok(());
        }
        self.saved = Instant::now();
        let TenantOutcome { tally, lowest, new } = outcome;
        let Some(position) = tally.last_position else { return Ok(()) };
        let Some(leaf) = self.leaf(position)? else { return Ok(()) };
        let counts = [tally.recorded, tally.duplicates, tally.conflicts, tally.rejected];
        let (version, print, lowest, new) = (VERSION, self.print.clone(), *lowest, *new);
        let mark = Mark { version, print, line, bytes, counts, lowest, new, position, leaf };
        let Ok(value) = bincode::serde::encode_to_vec(&mark, bincode::config::standard()) else {
            return Ok(());
        };
        let key = self.key;
        self.write(move |view| view.table(TABLE)?.put(&key, &value));
        Ok(())
    }

    /// Forgets the file, whose import has its end.
    pub fn done(mut self) {
        let key = self.key;
        self.write(move |view| view.table(TABLE)?.remove(&key));
    }

    fn write(&mut self, job: impl FnOnce(&crate::store::View) -> Result<(), StoreError> + Send + 'static) {
        let written = self.store.db().and_then(|db| {
            db.write(move |view| {
                job(view)?;
                view.sync()
            })
        });
        if let Err(error) = written {
            unmarked(&error);
            self.off = true;
        }
    }
}

fn unmarked(error: &StoreError) {
    tracing::warn!(%error, "an import that is stopped will be read again from its start");
}
