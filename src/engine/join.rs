//! A node that joins a shared log by the sealed segments of another node, and takes the rest from the engine.
//!
//! What comes lies in `joining/` of the data directory until all of it was verified: every leaf, every original, and that
//! the engine's log has the same tree up to there. Then it is moved to its place, the journal last: without a journal a
//! directory has no log, so what a kill leaves is not taken for one, and a start removes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use domain::keys::{LogSecret, Position};

use super::EngineError;
use super::data_dir::{DataDir, JOINING, check_secret, has_files, io_at};
use super::node_proof::node_proof;
use super::restore::{move_files, remove_if_there, sync};
use super::shared_log::{compares_with_engine, shared_log};
use crate::clock::system_clock;
use crate::config::{Config, LogEngine};
use crate::log::disk::{Disk, RealDisk};
use crate::log::engines::{SharedLog, SharedLogError, is_of_engine};
use crate::log::verify::verify;
use crate::log::{Head, LogError, LogSnapshot, SegmentIntake};

/// A node that joins.
pub struct Joining {
    /// Takes the segments.
    pub intake: SegmentIntake,
    making: PathBuf,
    secret: LogSecret,
    engine: Arc<dyn SharedLog>,
    ordered_by: LogEngine,
    dir: DataDir,
}

impl Joining {
    /// Begins in `dir`, which has no log.
    ///
    /// # Errors
    /// There is a log, or `[log] engine` is this node's own; the directory's secret is another than the configuration's; or the
    /// disk's.
    pub fn begin(dir: DataDir, config: &Config) -> Result<Self, EngineError> {
        let journal = dir.root().join("journal");
        if has_files(&journal) {
            let why = "there is a log: a node that has one goes on from the engine when it starts";
            return Err(io_at(&journal)(io::Error::new(io::ErrorKind::AlreadyExists, why)));
        }
        let ordered_by = config.log.engine;
        let engine = shared_log(&config.log, ordered_by).ok_or_else(|| {
            let why = "[log] engine is embedded: a log of one node is copied by backup and restore";
            EngineError::Log(LogError::Unavailable(why.into()))
        })?;
        let secret = dir.secret(config.log.secret.as_ref())?;
        // What comes can only be compared with it.
        engine.connect(false)?;
        let making = dir.root().join(JOINING);
        remove_if_there(&making).map_err(io_at(&making))?;
        fs::create_dir(&making).map_err(io_at(&making))?;
        let intake = SegmentIntake::new(Arc::new(RealDisk::new(&making)))?;
        Ok(Self { intake, making, secret, engine, ordered_by, dir })
    }

    /// The proof of this node that asks another for a `part` of the segment that begins with `first`.
    pub fn proof(&self, part: &str, first: Position) -> String {
        let now = (system_clock())();
        node_proof(&self.secret, part, first, (now / 1_000_000).max(0) as u64)
    }

    /// Removes what came: the directory has no log, as before.
    ///
    /// # Errors
    /// The disk's.
    pub fn abandon(self) -> Result<(), EngineError> {
        remove_if_there(&self.making).map_err(io_at(&self.making))
    }

    /// Verifies what came and makes it this node's log.
    ///
    /// # Errors
    /// [`EngineError::Damaged`]: it is not whole, or not the beginning of the engine's log; nothing of it is left then. The
    /// engine does not answer, or the disk's.
    pub fn finish(self) -> Result<Head, EngineError> {
        let Self { intake, making, secret, engine, ordered_by, dir } = self;
        let head = intake.finish().map_err(EngineError::from);
        let verified = head.and_then(|head| verified(&making, head, &secret, &*engine).map(|()| head));
        let Ok(head) = verified else {
            remove_if_there(&making).map_err(io_at(&making))?;
            return verified;
        };
        let root = dir.root();
        dir.set_engine(ordered_by)?;
        move_files(&making.join("blobs"), &root.join("blobs")).map_err(io_at(&root.join("blobs")))?;
        // Of another log's facts.
        remove_if_there(&root.join("sled")).map_err(io_at(&root.join("sled")))?;
        let journal = root.join("journal");
        remove_if_there(&journal).map_err(io_at(&journal))?;
        fs::rename(making.join("journal"), &journal).map_err(io_at(&journal))?;
        sync(root).map_err(io_at(root))?;
        remove_if_there(&making).map_err(io_at(&making))?;
        Ok(head)
    }
}

/// Walks all of it, and compares it with the engine's log.
fn verified(
    making: &Path,
    head: Head,
    secret: &LogSecret,
    engine: &dyn SharedLog,
) -> Result<(), EngineError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::read_only(making));
    let report = verify(&disk);
    if let Some(violation) = report.violations.first() {
        return Err(EngineError::Damaged(format!("what came is damaged: {violation}")));
    }
    if report.head() != head {
        return Err(EngineError::Damaged(format!("what came does not end with position {}", head.position)));
    }
    let log = LogSnapshot::read_only(&disk)?;
    check_secret(&log, secret)?;
    if !compares_with_engine() {
        return Ok(());
    }
    is_of_engine(&log, engine).map(drop).map_err(|error| match error {
        SharedLogError::Refused(why) => EngineError::Damaged(format!("what came is not taken: {why}")),
        other => other.into(),
    })
}
