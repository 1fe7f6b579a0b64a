//! The command line: one file per command. stdout carries data, stderr messages for people.

mod arguments;
mod audit;
mod backup;
mod cluster;
mod completions;
mod config;
mod conflicts;
mod demo;
mod erase;
mod expect;
mod explain;
mod export;
mod follow;
mod import;
mod join;
mod kinds;
mod log;
mod man;
mod output;
mod quarantine;
mod remote;
mod replay;
mod serve;
mod supervisor;
mod sync;
mod tenant;
mod token;
mod user;
mod verify;
mod void;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::clock::system_clock;
use crate::commands::{CommandError, FileRejection};
use crate::config::{Config, ConfigError, LogEngine, Overrides};
use crate::engine::{DataDir, EngineError, Offline};
use crate::views::FoldError;

/// Records every inbound fact exactly once in one log, and computes every figure from it.
#[derive(Debug, Parser)]
#[command(
    name = "factfold",
    version,
    about,
    after_help = "Exit codes: 0 ok, 1 failed, 2 usage, 3 integrity violation, 4 data directory in use,\n\
                  5 a remote provider failed.\n\
                  Settings: flags take precedence over FACTFOLD_* variables, these over factfold.toml.\n\
                  Try first: factfold demo"
)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct Settings {
    /// Configuration file [default: factfold.toml, if it exists]
    #[arg(
        long,
        global = true,
        env = "FACTFOLD_CONFIG",
        value_name = "FILE",
        help_heading = "Global options"
    )]
    config: Option<PathBuf>,
    /// Data directory with the log [default: data]
    #[arg(
        long,
        global = true,
        env = "FACTFOLD_DATA_DIR",
        value_name = "DIR",
        help_heading = "Global options"
    )]
    data_dir: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: receive webhooks and facts over HTTP, serve the figures
    ///
    /// Serves until SIGTERM or SIGINT; SIGHUP reads tenants and endpoints again. FACTFOLD_ADMIN_TOKEN, where it is set, is an
    /// admin's token from the start; others are made with `factfold token create`. FACTFOLD_LOG says what is logged to
    /// stderr [default: warn,factfold=info], as text on a terminal and as JSON elsewhere.
    #[command(after_help = "Examples:\n  \
        FACTFOLD_ADMIN_TOKEN=$(openssl rand -hex 32) factfold serve\n  \
        factfold serve --config /etc/factfold/factfold.toml --listen 127.0.0.1:9090\n  \
        kill -HUP \"$(pidof factfold)\"")]
    Serve(ServeArgs),
    /// Run a demo server with three tenants and simulated providers; nothing is kept
    Demo(demo::Args),
    Import(import::Args),
    Export(export::Args),
    Log(log::Args),
    /// Rebuild all read models from the log; print their digests and the rate
    ///
    /// A check that changes nothing: two runs print the same digests, and those of a running server are at
    /// /api/v1/projections.
    Replay(replay::Args),
    /// Verify the log: checksums, gaps, hash tree, key index, read models; exit 3 on a violation
    ///
    /// Changes nothing, and may run beside a server, whose key index it then leaves out. What it finds is named by file,
    /// byte and position.
    #[command(after_help = "Examples:\n  \
        factfold audit\n  \
        factfold audit --expect last-week.checkpoint\n  \
        factfold --data-dir /backup/factfold audit --json")]
    Audit(audit::Args),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Erase(erase::Args),
    Verify(verify::Args),
    Explain(explain::Args),
    Sync(sync::Args),
    Quarantine(quarantine::Args),
    Conflicts(conflicts::Args),
    Void(void::Args),
    Cluster(cluster::Args),
    Tenant(tenant::Args),
    User(user::Args),
    Token(token::Args),
    Config(config::Args),
    Kinds(kinds::Args),
    Completions(completions::Args),
    Man(man::Args),
}

#[derive(Debug, clap::Args)]
struct ServeArgs {
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "FACTFOLD_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Scheme and host that providers call, e.g. https://hooks.example.com; some sign it [default: http:// and the address]
    #[arg(long, env = "FACTFOLD_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
}

impl ServeArgs {
    fn overrides(&self, settings: &Settings) -> Overrides {
        let admin_token = std::env::var("FACTFOLD_ADMIN_TOKEN").ok().filter(|token| !token.is_empty());
        let (listen, public_url) = (self.listen, self.public_url.clone());
        Overrides { listen, public_url, admin_token, leaves_secrets: false, ..settings.overrides() }
    }
}

/// A failed command, by exit code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Exit 1.
    #[error("{0}")]
    Failed(String),
    /// Exit 2.
    #[error("{0}")]
    Usage(String),
    /// Exit 3: the log or a read model is not what it should be.
    #[error("{0}")]
    Integrity(String),
    /// Exit 4: another process has the data directory.
    #[error("{0}")]
    InUse(String),
    /// Exit 5: a provider that was asked failed.
    #[error("{0}")]
    Remote(String),
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Integrity(_) => 3,
            Self::InUse(_) => 4,
            Self::Remote(_) => 5,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(format!("invalid configuration: {error}"))
    }
}

impl From<FoldError> for Failure {
    fn from(error: FoldError) -> Self {
        Self::Integrity(error.to_string())
    }
}

impl From<CommandError<FileRejection>> for Failure {
    fn from(error: CommandError<FileRejection>) -> Self {
        match error {
            CommandError::Rejected(_) => Self::Usage(error.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::InUse(_) => {
                Self::InUse(format!("{error}; stop the other factfold, or use another --data-dir"))
            }
            EngineError::Damaged(_) => Self::Integrity(error.to_string()),
            EngineError::File(error) => error.into(),
            _ => Self::Failed(error.to_string()),
        }
    }
}

fn in_use(error: EngineError, instead: &str) -> Failure {
    match error {
        EngineError::InUse(_) => Failure::InUse(format!("{error}; while it runs, use {instead}")),
        other => other.into(),
    }
}

impl Settings {
    /// Those of commands without a server, none of which checks a signature or lets somebody in.
    fn overrides(&self) -> Overrides {
        Overrides {
            file: self.config.clone(),
            data_dir: self.data_dir.clone(),
            leaves_secrets: true,
            ..Overrides::default()
        }
    }

    fn config(&self) -> Result<Config, ConfigError> {
        Config::load(&self.overrides())
    }

    /// As [`Settings::config`], with the secrets that an engine of several nodes needs.
    fn config_with_secrets(&self) -> Result<Config, ConfigError> {
        Config::load(&Overrides { leaves_secrets: false, ..self.overrides() })
    }

    /// The configuration of a command that may record facts.
    fn config_to_write(&self) -> Result<Config, ConfigError> {
        let config = self.config()?;
        if config.log.engine == LogEngine::Embedded { Ok(config) } else { self.config_with_secrets() }
    }

    /// The engine on a data directory as it is now, for reading only: without its lock, beside a server or without one.
    fn reading(&self) -> Result<(Config, Offline), Failure> {
        let config = self.config()?;
        let offline = Offline::read(&config.data_dir, &config, system_clock())?;
        Ok((config, offline))
    }

    /// The engine on the data directory of a stopped server, which must exist; `instead` names the alternative for a
    /// running server.
    fn offline(&self, instead: &str) -> Result<(Config, Offline), Failure> {
        let config = self.config_to_write()?;
        let dir = DataDir::existing(&config.data_dir).map_err(|error| in_use(error, instead))?;
        let offline = Offline::open(dir, &config, system_clock())?;
        Ok((config, offline))
    }

    /// The engine on a data directory that is created if needed, so that a server can be set up before its first start.
    fn offline_or_new(&self, instead: &str) -> Result<(Config, Offline), Failure> {
        let config = self.config_to_write()?;
        let dir = DataDir::take(&config.data_dir).map_err(|error| in_use(error, instead))?;
        let offline = Offline::open(dir, &config, system_clock())?;
        Ok((config, offline))
    }
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // What is written is its owner's alone: logs hold personal data.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    serve::log_to_stderr();
    // Fails only where a provider is installed already: this process has just begun.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = &cli.settings;
    let done = match &cli.command {
        Command::Serve(args) => serve::run(settings, args),
        Command::Demo(args) => demo::run(settings, args),
        Command::Import(args) => import::run(settings, args),
        Command::Export(args) => export::run(settings, args),
        Command::Log(args) => log::run(settings, args),
        Command::Replay(args) => replay::run(settings, args),
        Command::Audit(args) => audit::run(settings, args),
        Command::Backup(args) => backup::run_backup(settings, args),
        Command::Restore(args) => backup::run_restore(settings, args),
        Command::Erase(args) => erase::run(settings, args),
        Command::Verify(args) => verify::run(settings, args),
        Command::Explain(args) => explain::run(settings, args),
        Command::Sync(args) => sync::run(settings, args),
        Command::Quarantine(args) => quarantine::run(settings, args),
        Command::Conflicts(args) => conflicts::run(settings, args),
        Command::Void(args) => void::run(settings, args),
        Command::Cluster(args) => cluster::run(settings, args),
        Command::Tenant(args) => tenant::run(settings, args),
        Command::User(args) => user::run(settings, args),
        Command::Token(args) => token::run(settings, args),
        Command::Config(args) => config::run(settings, args),
        Command::Kinds(args) => kinds::run(settings, args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(settings.json, &failure);
            ExitCode::from(failure.code())
        }
    }
}
