//! The data directory: held by one process, with the log's secret and the log.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::facts::Subject;
use domain::keys::LogSecret;
use domain::record::Hash;

use super::EngineError;
use super::shared_log::{protections, shared_log};
use crate::clock::{Clock, GuardedClock};
use crate::config::{LogEngine, LogSettings};
use crate::directory::Secret;
use crate::log::disk::{Disk, RealDisk};
use crate::log::{Log, LogOptions, LogSnapshot, Opened};
use crate::proof::{CheckpointKey, origin};
use crate::store::Store;

pub(super) fn io_at(path: &Path) -> impl FnOnce(io::Error) -> EngineError + '_ {
    move |source| EngineError::Io { path: path.display().to_string(), source }
}

/// Where a backup lies while it is brought back; there is no log without it being finished.
pub(super) const RESTORING: &str = "restoring";

/// Where segments of another node lie while a node joins by them.
pub(super) const JOINING: &str = "joining";

/// In `keys/`: what orders the log, where it is not this node's journal.
const ENGINE: &str = "log-engine";

/// The data directory, held by this process alone.
pub struct DataDir {
    root: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Takes the lock of `root`, which is made when it is not there. The lock is on the directory itself: no file
    /// can be removed for another process to take it.
    pub fn take(root: &Path) -> Result<Self, EngineError> {
        private_dir(root).map_err(io_at(root))?;
        let lock = File::open(root).map_err(io_at(root))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root: root.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(EngineError::InUse(root.display().to_string())),
            Err(TryLockError::Error(error)) => Err(io_at(root)(error)),
        }
    }

    /// Whether another process has the directory at `root`; not where there is none.
    pub fn is_in_use(root: &Path) -> bool {
        File::open(root).is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Takes the lock of a data directory that must be there: for commands that change what was set up before.
    pub fn existing(root: &Path) -> Result<Self, EngineError> {
        must_have_log(root)?;
        Self::take(root)
    }

    /// The disk below it.
    pub fn disk(&self) -> Arc<RealDisk> {
        Arc::new(RealDisk::new(&self.root))
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The log's secret: made with the log, or `given` to all of its nodes, and never made anew beside facts that it has
    /// keyed.
    pub fn secret(&self, given: Option<&Secret>) -> Result<LogSecret, EngineError> {
        let damaged = |why: &str| EngineError::Damaged(format!("[log] secret {why}"));
        let given = given.map(|given| CheckpointKey::seed(&given.text()));
        let given =
            given.map(|given| given.ok_or_else(|| damaged("is not 64 hexadecimal digits"))).transpose()?;
        match (read_secret(&self.root)?, given) {
            // What both key is the same where they are.
            (Some(known), Some(given)) if known.content(b"") != LogSecret::new(&given).content(b"") => {
                Err(damaged("is not the one of this data directory, in keys/log-secret"))
            }
            (Some(known), _) => Ok(known),
            (None, Some(given)) => {
                write_private(&self.root.join("keys"), "log-secret", &given)?;
                Ok(LogSecret::new(&given))
            }
            (None, None) => self.make_secret(),
        }
    }

    /// What orders the log.
    pub(super) fn engine(&self) -> Result<LogEngine, EngineError> {
        let path = self.root.join("keys").join(ENGINE);
        match fs::read_to_string(&path) {
            Ok(name) => LogEngine::named(name.trim())
                .ok_or_else(|| EngineError::Damaged(format!("{} names no engine", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(LogEngine::Embedded),
            Err(error) => Err(io_at(&path)(error)),
        }
    }

    /// Whether what orders the log is what has ordered it: a journal of several nodes that one of them went on with
    /// alone would be two logs.
    fn check_engine(&self, engine: LogEngine) -> Result<(), EngineError> {
        let known = self.engine()?;
        if known == engine {
            return Ok(());
        }
        if known == LogEngine::Embedded && !has_files(&self.root.join("journal")) {
            return self.set_engine(engine);
        }
        Err(EngineError::Damaged(format!(
            "the log of {} is ordered by {}, and [log] engine is {}: `factfold log migrate` changes that",
            self.root.display(),
            known.name(),
            engine.name()
        )))
    }

    /// Notes what orders the log from now on.
    pub(super) fn set_engine(&self, engine: LogEngine) -> Result<(), EngineError> {
        write_private(&self.root.join("keys"), ENGINE, format!("{}\n", engine.name()).as_bytes())
    }

    fn make_secret(&self) -> Result<LogSecret, EngineError> {
        let mut secret = Hash::default();
        getrandom::fill(&mut secret).map_err(|error| EngineError::Io {
            path: "the system's random numbers".into(),
            source: io::Error::other(error),
        })?;
        write_private(&self.root.join("keys"), "log-secret", &secret)?;
        Ok(LogSecret::new(&secret))
    }
}

/// Puts a file that its owner alone may read into `dir`, which is made where it is not there: durably, and whole or not.
pub(super) fn write_private(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), EngineError> {
    let (path, beside) = (dir.join(name), dir.join(format!("{name}.new")));
    fs::create_dir_all(dir).map_err(io_at(dir))?;
    let mut file = private_file(&beside).map_err(io_at(&beside))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io_at(&beside))?;
    fs::rename(&beside, &path).map_err(io_at(&path))?;
    // The parent of a relative path of one name is the working directory.
    let parent =
        dir.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    for dir in [Some(dir), parent].into_iter().flatten() {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_at(dir))?;
    }
    Ok(())
}

/// Makes a folder that its owner alone may enter; one that is there keeps its rights.
fn private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Whether there is anything in a folder.
pub(super) fn has_files(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut files| files.next().is_some())
}

fn must_have_log(root: &Path) -> Result<(), EngineError> {
    if root.join("journal").is_dir() {
        return Ok(());
    }
    let source = io::Error::new(io::ErrorKind::NotFound, "no log here; name it with --data-dir");
    Err(EngineError::Io { path: root.display().to_string(), source })
}

/// The secret of the log below `root`; none where there is neither a secret nor a log.
pub(super) fn read_secret(root: &Path) -> Result<Option<LogSecret>, EngineError> {
    let path = root.join("keys").join("log-secret");
    match fs::read(&path) {
        Ok(bytes) => match Hash::try_from(bytes.as_slice()) {
            Ok(secret) => Ok(Some(LogSecret::new(&secret))),
            Err(_) => Err(EngineError::Damaged(format!("{} is not 32 bytes long", path.display()))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if has_files(&root.join("journal")) {
                let message =
                    format!("{} is missing, but there is a log: bring it back from a backup", path.display());
                return Err(EngineError::Damaged(message));
            }
            Ok(None)
        }
        Err(error) => Err(io_at(&path)(error)),
    }
}

/// The log of a data directory as it is now, for reading only: without the lock, beside a server or without one.
///
/// # Errors
/// There is no log, or it is damaged.
pub fn read_log(root: &Path) -> Result<LogSnapshot, EngineError> {
    must_have_log(root)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::read_only(root));
    Ok(LogSnapshot::read_only(&disk)?)
}

/// What the checkpoints of the log below `root` name it by.
///
/// # Errors
/// The secret cannot be read.
pub fn log_origin(root: &Path) -> Result<String, EngineError> {
    let missing = || EngineError::Damaged("keys/log-secret is missing".into());
    Ok(origin(&read_secret(root)?.ok_or_else(missing)?))
}

/// As [`read_log`], with the log's secret.
///
/// # Errors
/// As of [`read_log`], or the secret is not there or another log's.
pub fn read_log_with_secret(root: &Path) -> Result<(Log, LogSecret), EngineError> {
    let log = read_log(root)?;
    // A log without files has keyed nothing.
    let secret = read_secret(root)?.unwrap_or_else(|| LogSecret::new(&Hash::default()));
    check_secret(&log, &secret)?;
    Ok((Log::read_only(log, secret.clone(), None)?, secret))
}

/// The log of the data directory at `root`, of which `log` was read, with a copy of its key index below `copy`, which may
/// be changed; none where a server has the directory. The lock is held while the index is copied.
///
/// # Errors
/// The copy cannot be made, the secret is not there or another log's, or what the log cannot read.
pub fn read_log_with_index(
    root: &Path,
    log: LogSnapshot,
    copy: &Path,
) -> Result<Option<(Log, LogSecret)>, EngineError> {
    let lock = File::open(root).map_err(io_at(root))?;
    if lock.try_lock().is_err() {
        return Ok(None);
    }
    copy_folder(&root.join("sled"), &copy.join("sled")).map_err(io_at(copy))?;
    drop(lock);
    let secret = read_secret(root)?.unwrap_or_else(|| LogSecret::new(&Hash::default()));
    check_secret(&log, &secret)?;
    Ok(Some((Log::read_only(log, secret.clone(), Some(&store(copy)))?, secret)))
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

fn private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// The place of the one sled database; its clones share it.
pub(super) fn store(root: &Path) -> Store {
    Store::at(&root.join("sled"))
}

/// The log, open for appends, and what was found when it was opened.
pub fn open_log(dir: &DataDir, clock: Clock) -> Result<(Log, LogSecret, Opened), EngineError> {
    open_log_on(dir, store(&dir.root), GuardedClock::unguarded(clock).into(), &LogSettings::default())
}

pub(super) fn open_log_on(
    dir: &DataDir,
    store: Store,
    clock: Arc<GuardedClock>,
    settings: &LogSettings,
) -> Result<(Log, LogSecret, Opened), EngineError> {
    let restoring = dir.root.join(RESTORING);
    if restoring.exists() {
        if !dir.root.join("journal").exists() {
            let message = "a restore into this directory was not finished: make it again";
            return Err(EngineError::Damaged(message.into()));
        }
        // All of it is in its place.
        fs::remove_dir_all(&restoring).map_err(io_at(&restoring))?;
    }
    let joining = dir.root.join(JOINING);
    if joining.exists() {
        // A join was cut off: the engine has it all.
        fs::remove_dir_all(&joining).map_err(io_at(&joining))?;
    }
    let secret = dir.secret(settings.secret.as_ref())?;
    dir.check_engine(settings.engine)?;
    let engine = shared_log(settings, settings.engine);
    let node = settings.node.clone();
    let protections = protections();
    let usual = LogOptions::guarded(secret.clone(), clock, Some(store));
    let options = LogOptions { engine, node, copies: settings.copies, protections, ..usual };
    let (log, opened) = Log::open(dir.disk(), &options)?;
    check_secret(&log.snapshot(), &secret)?;
    Ok((log, secret, opened))
}

/// A secret of another log would key every digest anew: known keys would be new, known persons others. The first
/// fact's subject tells, which no erasure changes.
pub(super) fn check_secret(log: &LogSnapshot, secret: &LogSecret) -> Result<(), EngineError> {
    let Some(first) = log.fact(1)? else { return Ok(()) };
    let tenant = first.tenant.as_str();
    let subject = first.fact.subject(&|identity| secret.person(tenant, identity));
    if secret.subject(tenant, &subject) == first.subject {
        Ok(())
    } else {
        Err(EngineError::Damaged("keys/log-secret is not this log's: bring it back from a backup, or give [log] secret as the other nodes have it".into()))
    }
}
