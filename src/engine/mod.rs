//! The composition root: data directory, log, index, read models and ingest, wired here and nowhere else.

mod backup;
mod checkpoint_key;
mod data_dir;
mod duty;
mod erasure;
mod erasure_keeper;
mod erasure_watch;
mod error;
mod exchange;
mod folds;
mod join;
mod migrate;
mod node_proof;
mod offline;
mod reseed;
mod restore;
mod shared_log;
mod stored_figures;
#[cfg(test)]
mod tests;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use domain::keys::{LogSecret, TenantId};

pub use self::backup::{BackupManifest, back_up};
use self::checkpoint_key::checkpoint_key;
pub use self::checkpoint_key::{own_checkpoints, verifier_key};
pub use self::data_dir::{
    DataDir, log_origin, open_log, read_log, read_log_with_index, read_log_with_secret,
};
use self::data_dir::{check_secret, io_at, open_log_on, store};
use self::duty::DutyKeeper;
use self::erasure::NodeData;
pub use self::erasure::{ErasureError, ErasureReceipt};
pub use self::error::EngineError;
use self::exchange::exchange;
use self::folds::ControlFolds;
pub use self::join::Joining;
pub use self::migrate::{before_reseed, migrate, reseed};
pub use self::node_proof::is_node_proof;
pub use self::offline::Offline;
pub use self::reseed::{ReseedError, ReseedStatus, Reseeder};
pub use self::restore::{Restored, restore};
use self::stored_figures::StoredFigures;
pub use self::stored_figures::stored_figures;
pub use self::usage::{DiskSpace, PartUsage, Usage};
use crate::access::Access;
use crate::auditor::Auditor;
use crate::clock::{Clock, GuardedClock, boot_clock};
use crate::commands::{self, Commands};
use crate::config::{Config, LogEngine};
use crate::deliveries::Deliveries;
use crate::directory::{Secret, TenantRegistry};
use crate::follow::FoldError;
use crate::ingest::Ingest;
use crate::log::Log;
use crate::outbound::{Allowed, Client, Dialer, DialerParts, Mailer, Outbox, OutboxParts, Witnesses};
use crate::proof::Checkpoints;
use crate::store::Store;
use crate::sync::SyncWorker;
use crate::sync::fetch::{Fetcher, Timing};
use crate::sync::pages::RawPages;
use crate::sync::run::SyncParts;
use crate::ticker::{self, TickerParts};
use crate::views::Views;
use crate::worker::{StopSignal, Worker};

/// How long a start waits for the engine that orders the log, and for what it has.
const CATCH_UP_MAX: Duration = Duration::from_secs(30);

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
    /// Asks providers for what they do not deliver.
    pub sync: SyncWorker,
    /// Calls on their way to the provider.
    pub dialer: Dialer,
    /// Signed statements of how far the log goes.
    pub checkpoints: Checkpoints,
    /// Has them cosigned.
    pub witnesses: Witnesses,
    /// Audits the log and the models while the server serves.
    auditor: Worker,
    /// Appends facts that are due with time.
    ticker: Worker,
    /// Stores the table of figures, and compares it after an upgrade.
    figures: Worker,
    /// Keeps restatement ledgers up.
    ledgers: Worker,
    /// Carries out erasures that other nodes order.
    erasures: Worker,
    /// Takes the duty; none where the log is this node's alone.
    keeper: Option<DutyKeeper>,
    /// Makes the log of an engine anew.
    pub reseeder: Reseeder,
    /// Name of what orders the log.
    pub log_engine: &'static str,
    /// This node's name.
    pub node: Option<String>,
    /// Who may do what.
    pub access: Arc<Access>,
    /// Tenants and endpoints.
    pub registry: Arc<TenantRegistry>,
    /// What providers and browsers were told to call.
    pub public_url: String,
    /// Keys the digests of what is asked for by name.
    pub secret: LogSecret,
    /// The time.
    pub clock: Clock,
    /// Dates facts, and refuses to after a jump.
    pub log_clock: Arc<GuardedClock>,
    folds: ControlFolds,
    store: Store,
    // Last, so that the lock is held until all else is down.
    dir: DataDir,
}

impl Engine {
    /// [`Engine::open`], and waits until the read models are folded.
    ///
    /// # Errors
    /// As of it, and why they cannot be folded.
    pub fn start(config: &Config, clock: Clock) -> Result<Self, EngineError> {
        let engine = Self::open(config, clock)?;
        engine.views.wait_folded(&StopSignal::default());
        engine.see_folded()?;
        Ok(engine)
    }

    /// Opens the data directory and records the tenants' configuration where it changed. Facts are taken from then on;
    /// the read models are folded behind.
    pub fn open(config: &Config, clock: Clock) -> Result<Self, EngineError> {
        let dir = DataDir::take(&config.data_dir)?;
        let store = store(dir.root());
        let log_clock = Arc::new(GuardedClock::new(Arc::clone(&clock), boot_clock()));
        let (log, secret, opened) = open_log_on(&dir, store.clone(), Arc::clone(&log_clock), &config.log)?;
        tracing::info!(position = opened.head.position, sealed = opened.sealed, torn = ?opened.torn, "log open");
        for note in &opened.notes {
            tracing::warn!(note, "log open");
        }
        // What is decided at a start, such as the file's tenants, is decided on what the other nodes have recorded.
        if !log.wait_caught_up(CATCH_UP_MAX) {
            tracing::warn!(state = ?log.state(), "started without all that the log's engine has");
        }
        // A node that had no facts has some of the others by now.
        check_secret(&log.snapshot(), &secret)?;
        if let Some(ahead) = log.snapshot().ahead_of((clock)())? {
            tracing::warn!(seconds = ahead.as_secs(), "the log's last fact was recorded ahead of the clock");
        }
        let key = checkpoint_key(dir.root(), &secret, config.log.checkpoint_key.as_ref())?;
        let checkpoints = Checkpoints::new(log.clone(), key);
        let public_url = config.url(config.listen);
        let admin = config.admin_token.as_ref().map(Secret::bytes);
        let access = Access::new(secret.clone(), Arc::clone(&clock), admin);
        access.start_hashing().map_err(io_at(dir.root()))?;
        let mut folds = ControlFolds::open(&log, access, TenantRegistry::default())?;
        folds.follow(&log)?;
        let (access, registry) = (Arc::clone(&folds.access), Arc::clone(&folds.registry));
        let ingest = Arc::new(Ingest::new(
            log.clone(),
            secret.clone(),
            Arc::clone(&clock),
            public_url.clone(),
            Arc::clone(&registry),
        ));
        let commands = Commands::new(commands::Parts {
            log: log.clone(),
            ingest: Arc::clone(&ingest),
            access: Arc::clone(&access),
            registry: Arc::clone(&registry),
            alert_targets: Arc::clone(&folds.alert_targets),
            leases: Arc::clone(&folds.leases),
            secret: secret.clone(),
            clock: Arc::clone(&clock),
        });
        let data = NodeData { log: log.clone(), views: None, root: Some(dir.root().to_owned()) };
        let erased_up_to = erasure_keeper::begin(&commands, &data)?;
        commands.load_file(config)?;
        let views = Views::unfolded_of(&log, fold_threads())?;
        views.fold_behind(folds.ahead())?;
        let commands = commands.with_views(views.clone());
        let data = NodeData { views: Some(views.clone()), ..data };
        let erasures = erasure_keeper::start(commands.clone(), data, erased_up_to, config.log.engine);
        let erasures = erasures.map_err(io_at(dir.root()))?;
        let keeper = match config.log.engine {
            LogEngine::Embedded => None,
            LogEngine::JetStream | LogEngine::Postgres => {
                let keeper = DutyKeeper::start(commands.clone(), &config.log.node, &clock);
                Some(keeper.map_err(io_at(dir.root()))?)
            }
        };
        let duty = keeper.as_ref().map(DutyKeeper::duty).unwrap_or_default();
        let exchange = exchange(&config.log);
        let deliveries = Deliveries::start(Some(store.clone()), Arc::clone(&clock), exchange);
        let deliveries = deliveries.map_err(io_at(dir.root()))?;
        let auditor = Auditor::new(log.clone(), views.clone(), Arc::clone(&clock));
        let auditing = auditor.start().map_err(io_at(dir.root()))?;
        let parts = TickerParts {
            auditor,
            views: views.clone(),
            ingest: Arc::clone(&ingest),
            deliveries: deliveries.clone(),
            clock: Arc::clone(&clock),
            duty: duty.clone(),
        };
        let allowed = Allowed::new(&config.outbound.allow);
        let client = Client::new(allowed.clone());
        let mailer = config.email.as_ref().map(|email| Mailer::new(email, allowed, &public_url, &secret));
        let mailer = mailer.transpose().map_err(io_at(dir.root()))?;
        let outbox = Outbox::start(OutboxParts {
            commands: commands.clone(),
            views: views.clone(),
            secret: secret.clone(),
            clock: Arc::clone(&clock),
            client: client.clone(),
            mailer: mailer.map(Arc::new),
            duty: duty.clone(),
        })
        .map_err(io_at(dir.root()))?;
        let dialer = Dialer::start(DialerParts {
            commands: commands.clone(),
            views: views.clone(),
            clock: Arc::clone(&clock),
            client: client.clone(),
            public_url: public_url.clone(),
            duty: duty.clone(),
        })
        .map_err(io_at(dir.root()))?;
        let witnesses = Witnesses::start(checkpoints.clone(), client.clone()).map_err(io_at(dir.root()))?;
        witnesses.load(config);
        let sync = SyncParts {
            commands: commands.clone(),
            ingest: Arc::clone(&ingest),
            views: views.clone(),
            clock: Arc::clone(&clock),
            fetcher: Arc::new(Fetcher::new(client, Timing::real(Arc::clone(&clock)))),
            pages: RawPages::below(dir.root()),
        };
        let sync = SyncWorker::start(sync, config, duty).map_err(io_at(dir.root()))?;
        let ticker = ticker::start(parts).map_err(io_at(dir.root()))?;
        let figures = StoredFigures::new(dir.root(), views.clone(), secret.clone());
        let figures = figures.start().map_err(io_at(dir.root()))?;
        let ledgers = views.keep_ledgers().map_err(io_at(dir.root()))?;
        let reseeder = Reseeder::new(log.clone(), dir.root(), &config.log);
        Ok(Self {
            log,
            views,
            ingest,
            commands,
            deliveries,
            outbox,
            sync,
            dialer,
            checkpoints,
            witnesses,
            auditor: auditing,
            ticker,
            figures,
            ledgers,
            erasures,
            keeper,
            reseeder,
            log_engine: config.log.engine.name(),
            node: Some(config.log.node.clone()).filter(|name| !name.is_empty()),
            access,
            registry,
            public_url,
            secret,
            clock,
            log_clock,
            folds,
            store,
            dir,
        })
    }

    /// Waits until the read models are folded, at most for `timeout`.
    ///
    /// # Errors
    /// Why they cannot be: the engine is closed then.
    pub fn wait_folded_for(&self, timeout: Duration) -> Result<(), EngineError> {
        self.views.wait_folded_for(timeout);
        self.see_folded()
    }

    fn see_folded(&self) -> Result<(), EngineError> {
        match self.views.failure() {
            None => {
                if self.views.is_folded() {
                    self.sync.wait_open();
                }
                Ok(())
            }
            Some(error) => {
                self.close();
                Err(error.into())
            }
        }
    }

    /// Whether the tenant is one of this server: configured, or with facts.
    pub fn knows(&self, tenant: &TenantId) -> bool {
        let views = &self.views;
        self.registry.directory().has_tenant(tenant)
            || views.tenant(tenant).is_some()
            || views.ask_for(tenant).is_err()
    }

    /// Which node runs schedules and timers and sends messages; none where none does now, or the log is this node's alone.
    pub fn on_duty(&self) -> Option<String> {
        self.keeper.as_ref()?;
        duty::holder(&self.folds.leases, (self.clock)())
    }

    /// Why some fold stopped, if one did: what it serves stays where it is.
    pub fn fold_failure(&self) -> Option<FoldError> {
        self.folds.failure().or_else(|| self.views.failure())
    }

    /// Stops folding and appending, makes the last position durable and lets the directory go.
    pub fn close(&self) {
        self.reseeder.close();
        self.sync.close();
        self.dialer.close();
        self.witnesses.close();
        self.outbox.close();
        self.ticker.close();
        self.auditor.close();
        self.erasures.close();
        if let Some(keeper) = &self.keeper {
            keeper.close();
        }
        self.deliveries.close();
        self.ledgers.close();
        self.views.close();
        self.figures.close();
        StoredFigures::new(self.dir.root(), self.views.clone(), self.secret.clone()).store();
        self.folds.close();
        self.log.clone().close();
        // Last of those who write to it: what is not synced here is lost to the next start.
        self.store.close();
    }
}

/// Threads that fold at start: one per core.
pub fn fold_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
