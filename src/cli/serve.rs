//! `factfold serve`: the engine behind HTTP until a signal.

use std::io::IsTerminal;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{Failure, ServeArgs, Settings, output, supervisor};
use crate::config::{Config, Overrides};
use crate::engine::{Engine, system_clock};
use crate::http::{App, ServeError, Tokens, install_metrics, listen, serve};

/// Logs go to stderr: text on a terminal, JSON otherwise.
pub fn log_to_stderr() {
    let filter =
        EnvFilter::try_from_env("FACTFOLD_LOG").unwrap_or_else(|_| EnvFilter::new("warn,factfold=info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = if std::io::stderr().is_terminal() { logs.try_init() } else { logs.json().try_init() };
    if let Err(error) = set {
        output::note(&format!("no logs: {error}"));
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Serves until SIGTERM or SIGINT.
pub fn run(settings: &Settings, args: &ServeArgs) -> Result<(), Failure> {
    let overrides =
        Overrides { listen: args.listen, public_url: args.public_url.clone(), ..settings.overrides() };
    let config = Config::load(&overrides)?;
    if config.admin_token.is_none() {
        output::note("no FACTFOLD_ADMIN_TOKEN is set: webhooks are taken, but nobody can ask the API");
    }
    let metrics = install_metrics();
    runtime()?.block_on(async {
        // The port opens when there is somebody to answer on it.
        let engine = tokio::task::block_in_place(|| Engine::start(&config, system_clock()))?;
        let listener = listen(config.listen).await?;
        let address = listener.local_addr().map_err(ServeError::Serve)?;
        let tokens = Tokens::new(config.admin_token.as_ref().map(crate::ingest::directory::Secret::bytes));
        let served = crate::http::Settings { metrics, ..crate::http::Settings::default() };
        let app = Arc::new(App::new(engine, tokens, served));
        output::note(&format!("factfold serves http://{address}, data in {}", config.data_dir.display()));
        let signal = stop_signal()?;
        supervisor::tell("READY=1");
        let stop = async {
            signal.await;
            supervisor::tell("STOPPING=1");
        };
        serve(listener, Arc::clone(&app), stop).await;
        tokio::task::block_in_place(|| app.close());
        output::note("factfold stopped");
        Ok(())
    })
}

/// The async runtime of the servers.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("no async runtime: {error}")))
}

/// Done at the first SIGTERM or SIGINT.
pub fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let no_signals = |error| Failure::Failed(format!("no signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
