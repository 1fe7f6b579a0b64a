//! The composition root: data directory, log, index, read models and ingest, wired here and nowhere else.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::facts::tenant::TenantFact;
use domain::facts::{Fact, Subject};
use domain::keys::{LogSecret, Position, TenantId};
use domain::record::Hash;

use crate::commands::Commands;
use crate::config::{Config, TenantConfig};
use crate::deliveries::Deliveries;
use crate::ingest::Ingest;
use crate::ingest::answer::IngestError;
use crate::ingest::directory::{Directory, DirectoryError};
use crate::log::disk::RealDisk;
use crate::log::select::{GroupSet, Select};
use crate::log::{Clock, Log, LogError, LogOptions, Opened};
use crate::outbound::{self, Allowed, Client, Outbox};
use crate::store::Store;
use crate::ticker::{self, Ticker};
use crate::views::{FoldError, Views};

/// Why the engine does not run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another process has the data directory.
    #[error("data directory {0} is in use by another factfold")]
    InUse(String),
    /// What lies in the data directory is not what was acknowledged.
    #[error("{0}")]
    Damaged(String),
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The log did not open.
    #[error(transparent)]
    Log(LogError),
    /// The read models could not be folded.
    #[error(transparent)]
    Views(#[from] FoldError),
    /// A tenant's configuration could not be recorded.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// Two tenants claim one number or workspace.
    #[error("configuration refused: {0}")]
    Directory(#[from] DirectoryError),
}

impl From<LogError> for EngineError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damaged { .. } | LogError::LostTail { .. } | LogError::Segment(_) => {
                Self::Damaged(error.to_string())
            }
            other => Self::Log(other),
        }
    }
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> EngineError + '_ {
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

/// Tells the time in µs since 1970.
pub fn system_clock() -> Clock {
    Arc::new(|| chrono::Utc::now().timestamp_micros())
}

/// The place of the one sled database; its clones share it.
fn store(dir: &DataDir) -> Store {
    Store::at(&dir.root().join("sled"))
}

/// The log, open for appends, and what was found when it was opened.
pub fn open_log(dir: &DataDir, clock: Clock) -> Result<(Log, LogSecret, Opened), EngineError> {
    open_log_on(dir, store(dir), clock)
}

fn open_log_on(dir: &DataDir, store: Store, clock: Clock) -> Result<(Log, LogSecret, Opened), EngineError> {
    let secret = dir.secret()?;
    let options = LogOptions::new(secret.clone(), clock, Some(store));
    let (log, opened) = Log::open(dir.disk(), &options)?;
    check_secret(&log, &secret)?;
    Ok((log, secret, opened))
}

/// A secret of another log would key every digest anew: known keys would be new, known persons others. The first
/// fact's subject tells, which no erasure changes.
fn check_secret(log: &Log, secret: &LogSecret) -> Result<(), EngineError> {
    let Some(record) = log.read(1)? else { return Ok(()) };
    let unreadable =
        |why: String| EngineError::Damaged(format!("the fact at position 1 cannot be read: {why}"));
    let view = record.view().map_err(|error| unreadable(error.to_string()))?;
    let header = &view.header;
    let fact = Fact::decode(header.kind, header.version, view.public, view.personal())
        .map_err(|error| unreadable(error.to_string()))?;
    let subject = fact.subject(&|identity| secret.person(header.tenant, identity));
    if secret.subject(header.tenant, &subject) == header.subject {
        Ok(())
    } else {
        Err(EngineError::Damaged("keys/log-secret is not this log's: bring it back from a backup".into()))
    }
}

/// A running engine.
pub struct Engine {
    /// The log.
    pub log: Log,
    /// The read models.
    pub views: Views,
    /// The one way in.
    pub ingest: Arc<Ingest>,
    /// The write side: decisions on the read models.
    pub commands: Commands,
    /// Webhook requests as they came, and the endpoints' health.
    pub deliveries: Deliveries,
    /// Alerts on their way out, and their targets.
    pub outbox: Outbox,
    /// Appends what comes with time.
    ticker: Ticker,
    /// Keys the digests of what is asked for by name.
    pub secret: LogSecret,
    /// The time.
    pub clock: Clock,
    // Last, so that the lock is held until all else is down.
    _dir: DataDir,
}

impl Engine {
    /// Opens the data directory, folds the log, and records the tenants' configuration where it changed.
    pub fn start(config: &Config, clock: Clock) -> Result<Self, EngineError> {
        let dir = DataDir::take(&config.data_dir)?;
        let store = store(&dir);
        let (log, secret, opened) = open_log_on(&dir, store.clone(), Arc::clone(&clock))?;
        tracing::info!(position = opened.head.position, sealed = opened.sealed, torn = ?opened.torn, "log open");
        for note in &opened.notes {
            tracing::warn!(note, "log open");
        }
        let owners = config.tenants.iter().map(TenantConfig::owner).collect();
        let directory =
            Directory::new(owners, config.endpoints.clone())?.with_mappings(config.mappings.clone());
        let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
        let ingest =
            Arc::new(Ingest::new(log.clone(), secret.clone(), Arc::clone(&clock), public_url, directory));
        let configured = configurations(&log)?;
        for tenant in &config.tenants {
            let latest = configured.get(tenant.id.as_str()).copied().unwrap_or(0);
            ingest.configure(&tenant.id, &tenant.body, latest)?;
        }
        let views = Views::start(&log, fold_threads(), &|_| {})?;
        let commands = Commands::new(
            log.clone(),
            views.clone(),
            Arc::clone(&ingest),
            secret.clone(),
            Arc::clone(&clock),
        );
        let deliveries = Deliveries::start(Some(store), Arc::clone(&clock)).map_err(io_at(dir.root()))?;
        let parts = ticker::Parts {
            views: views.clone(),
            ingest: Arc::clone(&ingest),
            deliveries: deliveries.clone(),
            clock: Arc::clone(&clock),
        };
        let outbox = Outbox::start(outbound::Parts {
            log: log.clone(),
            views: views.clone(),
            ingest: Arc::clone(&ingest),
            secret: secret.clone(),
            clock: Arc::clone(&clock),
            client: Client::new(Allowed::new(&config.outbound_allow)),
        })
        .map_err(io_at(dir.root()))?;
        let ticker = Ticker::start(parts).map_err(io_at(dir.root()))?;
        Ok(Self { log, views, ingest, commands, deliveries, outbox, ticker, secret, clock, _dir: dir })
    }

    /// Whether the tenant is one of this server: configured, or with facts.
    pub fn knows(&self, tenant: &TenantId) -> bool {
        self.ingest.directory().has_tenant(tenant) || self.views.tenant(tenant).is_some()
    }

    /// Stops folding and appending, makes the last position durable and lets the directory go.
    pub fn close(&self) {
        self.outbox.close();
        self.ticker.close();
        // Before the log, which closes the store.
        self.deliveries.close();
        self.views.close();
        self.log.clone().close();
    }
}

/// Threads that fold at start: one per core.
pub fn fold_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Position of each tenant's last configuration.
fn configurations(log: &Log) -> Result<BTreeMap<Box<str>, Position>, LogError> {
    let mut found = BTreeMap::new();
    let select = Select { groups: GroupSet::NONE.with(TenantFact::GROUP), ..Select::all() };
    log.snapshot().for_each(&select, &mut |position, record| {
        found.insert(record.header.tenant.into(), position);
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
