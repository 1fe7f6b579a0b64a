//! Backups: a copy of the log, its blobs and its keys, with a manifest that proves it.
//!
//! ```text
//! DIR/backup.json    position and root, digests of the read models, and size and SHA-256 of every other file
//! DIR/journal/       as of the head that the manifest names
//! DIR/blobs/         originals over 32 KB
//! DIR/keys/          the log's secret, the key of its checkpoints, and which facts were erased
//! ```
//! A backup is made beside DIR, verified, and only then gets its manifest and its name: what a kill leaves is no backup. It
//! may be made while a server writes: the head is fixed first, and each blob was durable before the fact that names it. One
//! beside which somebody is erased is made again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::data_dir::{io_at, log_origin, read_log};
use super::erasure_watch::apart_from_erasures;
use super::{EngineError, fold_threads};
use crate::log::disk::{Disk, RealDisk};
use crate::log::verify::verify;
use crate::log::{Head, LogError, LogSnapshot, blobs};
use crate::views::Views;

/// Name of the manifest.
pub const MANIFEST: &str = "backup.json";
const FORMAT: u32 = 1;
/// Times that the journal is copied before a backup is given up: each seals a segment meanwhile.
const TRIES: usize = 20;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupManifest {
    /// Version of this form.
    pub format: u32,
    /// The release that made it.
    pub factfold: String,
    /// The origin of the log's checkpoints.
    pub log: String,
    /// Last position.
    pub position: u64,
    /// Root of the hash tree, in hexadecimal digits.
    pub root: String,
    /// The read models as they fold from it.
    pub models: Vec<BackedUpModel>,
    /// Every other file.
    pub files: Vec<BackedUpFile>,
}

/// A read model of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackedUpModel {
    /// Its name.
    pub name: String,
    /// Version of its rules.
    pub version: u32,
    /// Digest of its rows.
    pub digest: String,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackedUpFile {
    /// Below the folder.
    pub path: String,
    /// How long.
    pub bytes: u64,
    /// SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// Makes a backup of the data directory at `root`, which a server may have, in the new folder `to`.
///
/// # Errors
/// [`EngineError::Damaged`]: the log or the copy is not what was acknowledged. [`EngineError::Erasing`]: somebody is being
/// erased. `to` is there already, or the disk's.
pub fn back_up(root: &Path, to: &Path) -> Result<BackupManifest, EngineError> {
    if to.symlink_metadata().is_ok() {
        let source =
            io::Error::new(io::ErrorKind::AlreadyExists, "is there already; a backup makes its folder");
        return Err(io_at(to)(source));
    }
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (making, manifest) = apart_from_erasures(root, || copied(root, parent))?;
    fs::rename(making.path(), to).map_err(io_at(to))?;
    // It has its name now: there is nothing to remove.
    drop(making.keep());
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(io_at(parent))?;
    Ok(manifest)
}

/// A verified copy with its manifest, in a folder of `parent` that is gone when it is dropped.
fn copied(root: &Path, parent: &Path) -> Result<(TempDir, BackupManifest), EngineError> {
    let origin = log_origin(root)?;
    let making = tempfile::Builder::new().prefix(".factfold-backup-").tempdir_in(parent);
    let making = making.map_err(io_at(parent))?;
    let head = copy_log(root, making.path())?;
    copy_folder(&root.join(blobs::DIR), &making.path().join(blobs::DIR), &is_blob)?;
    copy_folder(&root.join("keys"), &making.path().join("keys"), &|name| !name.ends_with(".new"))?;
    let (found, models) = verified(making.path())?;
    if found != head {
        return Err(EngineError::Damaged(format!(
            "the copy ends at position {} with another root than the log had",
            found.position
        )));
    }
    let manifest = BackupManifest {
        format: FORMAT,
        factfold: env!("CARGO_PKG_VERSION").to_owned(),
        log: origin,
        position: head.position,
        root: hex::encode(head.root),
        models,
        files: digests(making.path())?,
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| io_at(making.path())(error.into()))?;
    let path = making.path().join(MANIFEST);
    fs::write(&path, text).and_then(|()| File::open(&path)?.sync_all()).map_err(io_at(&path))?;
    sync_folders(making.path()).map_err(io_at(making.path()))?;
    Ok((making, manifest))
}

/// Reads the manifest of a backup and compares every file with it.
///
/// # Errors
/// [`EngineError::Damaged`] names the first file that is changed, missing or not of the backup.
pub(super) fn checked(from: &Path) -> Result<BackupManifest, EngineError> {
    let path = from.join(MANIFEST);
    let text = fs::read(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => EngineError::Damaged(format!(
            "{} has no {MANIFEST}: it is no backup, or one that was not finished",
            from.display()
        )),
        _ => io_at(&path)(error),
    })?;
    let damaged = |what: String| EngineError::Damaged(format!("backup {}: {what}", from.display()));
    let manifest: BackupManifest =
        serde_json::from_slice(&text).map_err(|error| damaged(format!("{MANIFEST}: {error}")))?;
    if manifest.format != FORMAT {
        return Err(damaged(format!(
            "{MANIFEST} has format {}, and this release knows {FORMAT}",
            manifest.format
        )));
    }
    let there = digests(from)?.into_iter().map(|file| (file.path.clone(), file));
    let mut there: BTreeMap<String, BackedUpFile> = there.collect();
    for file in &manifest.files {
        match there.remove(&file.path) {
            Some(found) if found == *file => {}
            Some(_) => return Err(damaged(format!("{} differs from {MANIFEST}", file.path))),
            None => return Err(damaged(format!("{} is missing", file.path))),
        }
    }
    match there.into_keys().next() {
        None => Ok(manifest),
        Some(path) => Err(damaged(format!("{path} is not in {MANIFEST}"))),
    }
}

impl BackupManifest {
    /// Compares the log and the models below `root` with what the manifest says of them.
    ///
    /// # Errors
    /// [`EngineError::Damaged`] names what differs.
    pub(super) fn proves(&self, root: &Path) -> Result<(), EngineError> {
        let (head, models) = verified(root)?;
        let of_the_log = (self.position, self.root.as_str(), self.log.as_str());
        if of_the_log != (head.position, hex::encode(head.root).as_str(), log_origin(root)?.as_str()) {
            return Err(EngineError::Damaged(format!("{MANIFEST} speaks of another log, position or root")));
        }
        for model in models {
            let same = |known: &&BackedUpModel| (&known.name, known.version) == (&model.name, model.version);
            if self.models.iter().find(same).is_some_and(|known| known.digest != model.digest) {
                return Err(EngineError::Damaged(format!(
                    "the model {} folds to another digest",
                    model.name
                )));
            }
        }
        Ok(())
    }
}

/// Copies the journal as it is now into `to`; answers the head of the copy.
fn copy_log(root: &Path, to: &Path) -> Result<Head, EngineError> {
    let (journal, mut tries) = (to.join("journal"), 1);
    loop {
        let log = read_log(root)?;
        match log.copy_journal(&RealDisk::new(to)) {
            Ok(()) => return Ok(log.head()),
            Err(LogError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {
                tries += 1;
                fs::remove_dir_all(&journal).map_err(io_at(&journal))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Walks the log below `root` and folds the models.
fn verified(root: &Path) -> Result<(Head, Vec<BackedUpModel>), EngineError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::read_only(root));
    let report = verify(&disk);
    if let Some(violation) = report.violations.first() {
        return Err(EngineError::Damaged(violation.to_string()));
    }
    let models = Views::fold_once(&LogSnapshot::read_only(&disk)?, fold_threads(), &|_| {})?;
    let models = models.into_iter().map(|model| BackedUpModel {
        name: model.name.to_owned(),
        version: model.version,
        digest: model.digest,
    });
    Ok((report.head(), models.collect()))
}

fn is_blob(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Copies the wanted files of a folder, durably; one that is not there is empty.
pub(super) fn copy_folder(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<(), EngineError> {
    fs::create_dir_all(to).map_err(io_at(to))?;
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(io_at(from))?,
    };
    for entry in entries {
        let entry = entry.map_err(io_at(from))?;
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type().map_err(io_at(&path))?.is_file() && name.to_str().is_some_and(wanted) {
            let copy = to.join(&name);
            match fs::copy(&path, &copy) {
                // Erased meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                copied => copied.and_then(|_| File::open(&copy)?.sync_all()).map_err(io_at(&copy))?,
            }
        }
    }
    File::open(to).and_then(|dir| dir.sync_all()).map_err(io_at(to))
}

/// Size and digest of every file below `dir` but the manifest, by path.
fn digests(dir: &Path) -> Result<Vec<BackedUpFile>, EngineError> {
    let mut files = Vec::new();
    for path in files_below(dir).map_err(io_at(dir))? {
        let below = path.strip_prefix(dir).unwrap_or(&path).display().to_string();
        if below == MANIFEST {
            continue;
        }
        let mut hash = Sha256::new();
        let bytes = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut Hashing(&mut hash)));
        let bytes = bytes.map_err(io_at(&path))?;
        files.push(BackedUpFile { path: below, bytes, sha256: hex::encode(hash.finalize()) });
    }
    Ok(files)
}

struct Hashing<'h>(&'h mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn files_below(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        match entry.file_type()?.is_dir() {
            true => found.extend(files_below(&entry.path())?),
            false => found.push(entry.path()),
        }
    }
    Ok(found)
}

/// Makes the names of all files below `dir` durable.
fn sync_folders(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(dir)?.sync_all()
}
