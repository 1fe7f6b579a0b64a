//! Bringing a data directory back from a backup.
//!
//! The backup is compared with its manifest, copied into `restoring/` of the data directory and verified there. Then its
//! parts are moved to their places, the journal last: without a journal a directory has no log, so what a kill leaves is not
//! taken for one, and the restore is simply made again.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::EngineError;
use super::backup::{BackupManifest, checked, copy_folder};
use super::data_dir::{DataDir, RESTORING, io_at, read_secret};
use crate::clock::system_clock;
use crate::log::disk::RealDisk;
use crate::log::erasures::{Erasure, ErasureRegister, PATH};
use crate::log::{Log, LogOptions};

/// Brings back the backup `from` into the data directory `dir`, which has no log, and erases again whoever was erased by
/// what the backup, the directory or `erasures`, a register, know of it.
///
/// # Errors
/// [`EngineError::Damaged`]: the backup is not what its manifest says, or the directory's secret is another log's. The
/// directory has a log already, or the disk's.
pub fn restore(from: &Path, dir: &DataDir, erasures: Option<&Path>) -> Result<Restored, EngineError> {
    let root = dir.root();
    let journal = root.join("journal");
    if fs::read_dir(&journal).is_ok_and(|mut files| files.next().is_some()) {
        let source = io::Error::new(io::ErrorKind::AlreadyExists, "there is a log: move it away first");
        return Err(io_at(&journal)(source));
    }
    let manifest = checked(from)?;
    let making = root.join(RESTORING);
    remove_if_there(&making).map_err(io_at(&making))?;
    for folder in ["journal", "blobs", "keys"] {
        copy_folder(&from.join(folder), &making.join(folder), &|_| true)?;
    }
    manifest.proves(&making)?;
    let secret = |root: &Path| fs::read(root.join("keys/log-secret")).ok();
    if secret(root).is_some_and(|there| Some(there) != secret(&making)) {
        let why =
            "keys/log-secret of the data directory is another log's than the backup's: move it away first";
        return Err(EngineError::Damaged(why.into()));
    }
    let mut registers = vec![register(&making.join(PATH))?];
    registers.extend(erasures.map(register).transpose()?);
    registers.push(register(&root.join(PATH))?);
    let knows_erasures = erasures.is_some() || root.join(PATH).exists();
    let erased = erase_again(&making, registers)?;
    for folder in ["keys", "blobs"] {
        move_files(&making.join(folder), &root.join(folder)).map_err(io_at(&root.join(folder)))?;
    }
    // Of another log's facts.
    remove_if_there(&root.join("sled")).map_err(io_at(&root.join("sled")))?;
    remove_if_there(&journal).map_err(io_at(&journal))?;
    fs::rename(making.join("journal"), &journal).map_err(io_at(&journal))?;
    sync(root).map_err(io_at(root))?;
    remove_if_there(&making).map_err(io_at(&making))?;
    Ok(Restored { manifest, erased, knows_erasures })
}

/// What was brought back.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The backup's manifest.
    pub manifest: BackupManifest,
    /// Erasures that were carried out again.
    pub erased: usize,
    /// Whether there was a register of erasures beside the backup's own.
    pub knows_erasures: bool,
}

fn register(path: &Path) -> Result<ErasureRegister, EngineError> {
    match fs::read(path) {
        Ok(text) => Ok(ErasureRegister::parse(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.ends_with(PATH) => {
            Ok(ErasureRegister::default())
        }
        Err(error) => Err(io_at(path)(error)),
    }
}

/// Erases in the log below `root` what any register has, and enters it in the log's own.
fn erase_again(root: &Path, registers: Vec<ErasureRegister>) -> Result<usize, EngineError> {
    let mut all: Vec<Erasure> = Vec::new();
    for erasure in registers.into_iter().flat_map(|register| register.all) {
        if all.iter().all(|known| known.erasure_id != erasure.erasure_id) {
            all.push(erasure);
        }
    }
    if all.is_empty() {
        return Ok(0);
    }
    let secret =
        read_secret(root)?.ok_or_else(|| EngineError::Damaged("keys/log-secret is missing".into()))?;
    let options = LogOptions::new(secret, system_clock(), None);
    let (log, _) = Log::open(Arc::new(RealDisk::new(root)), &options)?;
    let own = log.erasures()?;
    for erasure in &all {
        if own.find(&erasure.erasure_id).is_none() {
            log.begin_erasure(erasure)?;
        }
        log.erase(erasure)?;
    }
    log.close();
    Ok(all.len())
}

/// Makes the names in a folder durable.
pub(super) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Removes a folder with all that is in it.
pub(super) fn remove_if_there(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Moves files, over those that are there.
pub(super) fn move_files(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::rename(entry.path(), to.join(entry.file_name()))?;
    }
    sync(to)
}
