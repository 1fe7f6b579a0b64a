//! The engine without a server: for commands on a data directory that nobody serves.

use std::path::Path;
use std::sync::Arc;

use domain::keys::{LogSecret, TenantId};

use super::data_dir::{DataDir, open_log_on, read_log_with_secret, store};
use super::folds::ControlFolds;
use super::{CATCH_UP_MAX, EngineError, fold_threads};
use crate::access::Access;
use crate::clock::{Clock, GuardedClock};
use crate::commands::{Commands, Parts};
use crate::config::Config;
use crate::directory::TenantRegistry;
use crate::ingest::Ingest;
use crate::log::{Log, LogError};
use crate::store::Store;
use crate::views::Views;

/// Log, way in and access of a data directory. Opening it records nothing and calls nobody.
pub struct Offline {
    /// The log.
    pub log: Log,
    /// What can be done without.
    pub store: Store,
    /// The one way in.
    pub ingest: Arc<Ingest>,
    /// The commands that need no read models.
    pub commands: Commands<()>,
    /// Who may do what.
    pub access: Arc<Access>,
    /// Tenants and endpoints: the endpoints and described sources of the file and the log, the tenants of the log.
    pub registry: Arc<TenantRegistry>,
    /// Keys the digests of what is asked for by name.
    pub secret: LogSecret,
    folds: ControlFolds,
    // Last, so that the lock is held until the log is closed. None where it is only read.
    dir: Option<DataDir>,
}

impl Offline {
    /// Opens the log of `dir`.
    ///
    /// # Errors
    /// The log's, or what two tenants of the log claim at once.
    pub fn open(dir: DataDir, config: &Config, clock: Clock) -> Result<Self, EngineError> {
        let store = store(dir.root());
        let (log, secret, _opened) = open_log_on(
            &dir,
            store.clone(),
            GuardedClock::unguarded(Arc::clone(&clock)).into(),
            &config.log,
        )?;
        if !log.wait_caught_up(CATCH_UP_MAX) {
            return Err(EngineError::Log(LogError::Unavailable("it does not answer".into())));
        }
        Self::on(log, secret, store, Some(dir), config, clock)
    }

    /// Reads the log of the data directory at `root` as it is now, without its lock. Nothing can be recorded.
    ///
    /// # Errors
    /// As of [`Offline::open`].
    pub fn read(root: &Path, config: &Config, clock: Clock) -> Result<Self, EngineError> {
        let (log, secret) = read_log_with_secret(root)?;
        Self::on(log, secret, store(root), None, config, clock)
    }

    fn on(
        log: Log,
        secret: LogSecret,
        store: Store,
        dir: Option<DataDir>,
        config: &Config,
        clock: Clock,
    ) -> Result<Self, EngineError> {
        let public_url = config.public_url.clone().unwrap_or_default();
        let access = Access::new(secret.clone(), Arc::clone(&clock), None);
        let mut folds = ControlFolds::open(&log, access, TenantRegistry::without_secrets())?;
        folds.follow(&log)?;
        let (access, registry) = (Arc::clone(&folds.access), Arc::clone(&folds.registry));
        let tenants = Arc::clone(&registry);
        let ingest = Ingest::new(log.clone(), secret.clone(), Arc::clone(&clock), public_url, tenants);
        let ingest = Arc::new(ingest);
        let commands = Commands::new(Parts {
            log: log.clone(),
            ingest: Arc::clone(&ingest),
            access: Arc::clone(&access),
            registry: Arc::clone(&registry),
            alert_targets: Arc::clone(&folds.alert_targets),
            leases: Arc::clone(&folds.leases),
            secret: secret.clone(),
            clock,
        });
        commands.read_file(config);
        Ok(Self { log, store, ingest, commands, access, registry, secret, folds, dir })
    }

    /// The data directory, where it is held.
    pub fn root(&self) -> Option<&Path> {
        self.dir.as_ref().map(DataDir::root)
    }

    /// Whether the tenant is configured, by the file or the log, or has facts.
    ///
    /// # Errors
    /// The log's.
    pub fn knows(&self, config: &Config, tenant: &TenantId) -> Result<bool, EngineError> {
        let in_file = config.tenants.iter().any(|known| known.id == *tenant);
        Ok(in_file || self.log.snapshot().groups()?.keys().any(|(known, _)| **known == *tenant.as_str()))
    }

    /// Folds the read models, which then follow the log until they are closed.
    ///
    /// # Errors
    /// As of [`Views::start`].
    pub fn views(&self) -> Result<Views, EngineError> {
        Ok(Views::start(&self.log, fold_threads(), &|_| {})?)
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        self.folds.close();
        self.log.clone().close();
    }
}
