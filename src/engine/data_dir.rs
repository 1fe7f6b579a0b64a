//! The data directory: held by one process, with the log's secret and the log.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::facts::Subject;
use domain::keys::LogSecret;
use domain::record::Hash;

use super::EngineError;
use crate::clock::Clock;
use crate::log::disk::RealDisk;
use crate::log::{Log, LogOptions, Opened};
use crate::store::Store;

pub(super) fn io_at(path: &Path) -> impl FnOnce(io::Error) -> EngineError + '_ {
    move |source| EngineError::Io { path: path.display().to_string(), source }
}

/// The data directory, held by this process alone.
pub struct DataDir {
    root: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Takes the lock of `root`, which is made when it is not there.
    pub fn take(root: &Path) -> Result<Self, EngineError> {
        fs::create_dir_all(root).map_err(io_at(root))?;
        let path = root.join("lock");
        let lock =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(io_at(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root: root.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(EngineError::InUse(root.display().to_string())),
            Err(TryLockError::Error(error)) => Err(io_at(&path)(error)),
        }
    }

    /// Takes the lock of a data directory that must be there: for commands that only look.
    pub fn existing(root: &Path) -> Result<Self, EngineError> {
        if root.join("journal").is_dir() {
            Self::take(root)
        } else {
            let source = io::Error::new(io::ErrorKind::NotFound, "no log here; name it with --data-dir");
            Err(EngineError::Io { path: root.display().to_string(), source })
        }
    }

    /// The disk below it.
    pub fn disk(&self) -> Arc<RealDisk> {
        Arc::new(RealDisk::new(&self.root))
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The log's secret: made with the log, and never made anew beside facts that it has keyed.
    pub fn secret(&self) -> Result<LogSecret, EngineError> {
        let dir = self.root.join("keys");
        let path = dir.join("log-secret");
        match fs::read(&path) {
            Ok(bytes) => match Hash::try_from(bytes.as_slice()) {
                Ok(secret) => Ok(LogSecret::new(&secret)),
                Err(_) => Err(EngineError::Damaged(format!("{} is not 32 bytes long", path.display()))),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let journal = self.root.join("journal");
                if fs::read_dir(&journal).is_ok_and(|mut files| files.next().is_some()) {
                    let message = format!(
                        "{} is missing, but there is a log: bring it back from a backup",
                        path.display()
                    );
                    return Err(EngineError::Damaged(message));
                }
                self.make_secret(&dir, &path)
            }
            Err(error) => Err(io_at(&path)(error)),
        }
    }

    fn make_secret(&self, dir: &Path, path: &Path) -> Result<LogSecret, EngineError> {
        let mut secret = Hash::default();
        getrandom::fill(&mut secret).map_err(|error| EngineError::Io {
            path: "the system's random numbers".into(),
            source: io::Error::other(error),
        })?;
        fs::create_dir_all(dir).map_err(io_at(dir))?;
        let beside = dir.join("log-secret.new");
        let mut file = private_file(&beside).map_err(io_at(&beside))?;
        file.write_all(&secret).and_then(|()| file.sync_all()).map_err(io_at(&beside))?;
        fs::rename(&beside, path).map_err(io_at(path))?;
        for dir in [dir, &self.root] {
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_at(dir))?;
        }
        Ok(LogSecret::new(&secret))
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// The place of the one sled database; its clones share it.
pub(super) fn store(dir: &DataDir) -> Store {
    Store::at(&dir.root().join("sled"))
}

/// The log, open for appends, and what was found when it was opened.
pub fn open_log(dir: &DataDir, clock: Clock) -> Result<(Log, LogSecret, Opened), EngineError> {
    open_log_on(dir, store(dir), clock)
}

pub(super) fn open_log_on(
    dir: &DataDir,
    store: Store,
    clock: Clock,
) -> Result<(Log, LogSecret, Opened), EngineError> {
    let secret = dir.secret()?;
    let options = LogOptions::new(secret.clone(), clock, Some(store));
    let (log, opened) = Log::open(dir.disk(), &options)?;
    check_secret(&log, &secret)?;
    Ok((log, secret, opened))
}

/// A secret of another log would key every digest anew: known keys would be new, known persons others. The first
/// fact's subject tells, which no erasure changes.
fn check_secret(log: &Log, secret: &LogSecret) -> Result<(), EngineError> {
    let Some(first) = log.fact(1)? else { return Ok(()) };
    let tenant = first.tenant.as_str();
    let subject = first.fact.subject(&|identity| secret.person(tenant, identity));
    if secret.subject(tenant, &subject) == first.subject {
        Ok(())
    } else {
        Err(EngineError::Damaged("keys/log-secret is not this log's: bring it back from a backup".into()))
    }
}
