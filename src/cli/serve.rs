//! `factfold serve`: the engine behind HTTP until a signal.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{Failure, ServeArgs, Settings, output, supervisor};
use crate::clock::system_clock;
use crate::commands::{CommandError, FileRejection};
use crate::config::{Config, Overrides};
use crate::engine::{DataDir, Engine, EngineError};
use crate::http::{Allowance, Allowances, App, ServeError, bind, install_metrics, open, serve};

/// How long a start waits for the read models: those of a small log are folded when the port opens.
const FOLD_PATIENCE: Duration = Duration::from_millis(100);

/// Logs go to stderr: text on a terminal, JSON otherwise.
pub fn log_to_stderr() {
    let filter =
        EnvFilter::try_from_env("FACTFOLD_LOG").unwrap_or_else(|_| EnvFilter::new("warn,factfold=info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = if std::io::stderr().is_terminal() { logs.try_init() } else { logs.json().try_init() };
    if let Err(error) = set {
        output::note(&format!("logging is off: {error}"));
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Serves until SIGTERM or SIGINT.
pub fn run(settings: &Settings, args: &ServeArgs) -> Result<(), Failure> {
    let overrides = args.overrides(settings);
    let config = Config::load(&overrides)?;
    advise(&config);
    runtime()?.block_on(async {
        // The address is taken before anything is recorded, and opens when requests can be answered.
        let port = match supervisor::listener().map_err(ServeError::Given)? {
            Some(given) => Port::Open(TcpListener::from_std(given).map_err(ServeError::Given)?),
            None => Port::Taken(take(&config)?),
        };
        let engine = tokio::task::block_in_place(|| {
            let engine = Engine::open(&config, system_clock())?;
            engine.wait_folded_for(FOLD_PATIENCE)?;
            Ok::<_, EngineError>(engine)
        })?;
        let listener = match port {
            Port::Open(listener) => listener,
            Port::Taken(socket) => open(socket, config.listen)?,
        };
        let address = listener.local_addr().map_err(ServeError::Serve)?;
        if !engine.access.opens_to_somebody() {
            output::note(
                "FACTFOLD_ADMIN_TOKEN is not set and there are no tokens or users: webhooks are accepted, but \
                 nobody can use the API",
            );
        }
        if let Some(token) = engine.access.issue_setup()? {
            let url = config.url(address);
            output::note(&format!("Set up the first admin, once: {url}/welcome?setup={token}"));
        }
        let app = Arc::new(App::new(engine, served(&config)));
        let (signal, hangups) = (stop_signal()?, hangups()?);
        output::note(&format!("factfold serves http://{address}, data in {}", config.data_dir.display()));
        let reloading = tokio::spawn(reload(Arc::clone(&app), config.clone(), overrides, hangups));
        supervisor::notify("READY=1");
        let stop = async {
            signal.await;
            supervisor::notify("STOPPING=1");
        };
        let served = serve(listener, Arc::clone(&app), stop).await;
        reloading.abort();
        tokio::task::block_in_place(|| app.close());
        output::note("factfold stopped");
        Ok(served?)
    })
}

/// Where requests will come from.
enum Port {
    /// A service manager holds it open.
    Open(TcpListener),
    /// This process has it alone, and nobody can connect yet.
    Taken(TcpSocket),
}

/// The address. Where it is in use because this directory's server serves on it, that is said.
fn take(config: &Config) -> Result<TcpSocket, Failure> {
    let dir = &config.data_dir;
    bind(config.listen).map_err(|error| match DataDir::is_in_use(dir) {
        true => EngineError::InUse(dir.display().to_string()).into(),
        false => error.into(),
    })
}

/// Says what of the configuration is mostly not meant.
fn advise(config: &Config) {
    for advice in &config.advice {
        tracing::warn!(advice, "configuration");
    }
}

/// The HTTP settings of a configuration.
fn served(config: &Config) -> crate::http::Settings {
    crate::http::Settings {
        cors: config.http.cors.clone(),
        trusted_proxies: config.http.trusted_proxies.clone(),
        allowances: Allowances {
            requests: Allowance {
                per_second: config.limits.requests_per_second,
                burst: config.limits.requests_burst,
            },
            deliveries: Allowance {
                per_second: config.limits.endpoint_deliveries_per_second,
                burst: config.limits.endpoint_deliveries_burst,
            },
            delivered_kib: Allowance {
                per_second: config.limits.endpoint_kib_per_second,
                burst: config.limits.endpoint_kib_burst,
            },
        },
        connections_max: config.limits.connections.get() as usize,
        metrics: install_metrics(),
        figures: config.metrics.figures,
    }
}

fn hangups() -> Result<Signal, Failure> {
    signal(SignalKind::hangup())
        .map_err(|error| Failure::Failed(format!("could not listen for signals: {error}")))
}

/// Reloads tenants and endpoints at each SIGHUP. An invalid file changes nothing and is logged; so are keys that have
/// another value than at the start and want a restart.
async fn reload(app: Arc<App>, started: Config, overrides: Overrides, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        let loaded = tokio::task::block_in_place(|| {
            let config = Config::load(&overrides).map_err(|error| CommandError::Rejected(error.into()))?;
            app.engine().commands.load_file(&config)?;
            app.engine().sync.runner().load(&config);
            app.engine().witnesses.load(&config);
            Ok::<_, CommandError<FileRejection>>(config)
        });
        match loaded {
            Ok(config) => {
                let (tenants, endpoints) = (config.tenants.len(), config.endpoints.len());
                tracing::info!(tenants, endpoints, "configuration reloaded");
                advise(&config);
                let keys = started.wants_restart(&config).join(" ");
                if !keys.is_empty() {
                    tracing::warn!(keys, "changed, and in force only after a restart");
                }
            }
            Err(error) => tracing::error!(%error, "configuration not reloaded"),
        }
    }
}

/// The async runtime of what stands beside the connections: they have runtimes of their own.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("could not start the async runtime: {error}")))
}

/// Completes at the first SIGTERM or SIGINT.
pub fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let no_signals = |error| Failure::Failed(format!("could not listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
