//! `factfold log`: read the facts of a data directory, or follow those of a running server as it records them.

use clap::Subcommand;
use domain::keys::TenantId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::arguments::{Selection, is_known, tenant};
use super::cluster::done;
use super::remote::{Remote, Unanswered, refused};
use super::serve::runtime;
use super::{Failure, Settings, follow, output};
use crate::clock::system_clock;
use crate::config::LogEngine;
use crate::engine::{DataDir, migrate, read_log, verifier_key};
use crate::log::LogSnapshot;
use crate::views::facts::{FactFilter, FactItem, page, show};

/// List, show and follow facts
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List a tenant's facts, newest first
    #[command(after_help = "Examples:\n  \
        factfold log list --tenant acme --kind call_reported --from 2025-10-01\n  \
        factfold log list --tenant acme --json | jq .external_id")]
    List {
        /// The tenant of the facts
        #[arg(long, value_parser = tenant)]
        tenant: TenantId,
        #[command(flatten)]
        selection: Selection,
        /// List the oldest facts first
        #[arg(long)]
        oldest_first: bool,
        /// Most facts to print
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Print a tenant's facts as a running server records them, until interrupted
    ///
    /// The API token is read from FACTFOLD_TOKEN, else from FACTFOLD_ADMIN_TOKEN. After a lost connection the command
    /// reconnects for up to a minute, and no fact is missed or printed twice.
    #[command(after_help = "Examples:\n  \
        FACTFOLD_TOKEN=ff_… factfold log follow --tenant acme --kind call_reported\n  \
        factfold log follow --tenant acme --after 0 --json | jq .body")]
    Follow(follow::Args),
    /// Accept the clock of a running server's machine after it jumped ahead
    ///
    /// After a jump of more than an hour the server takes no facts until the clock is back, or until this command says
    /// that it is right. The API token of an admin is read from FACTFOLD_TOKEN, else from FACTFOLD_ADMIN_TOKEN.
    AcceptClock {
        /// URL of the server [default: this machine, at `listen` of the configuration]
        #[arg(long, value_name = "URL")]
        server: Option<String>,
    },
    /// Print the verifier key of the log's checkpoints
    ///
    /// Keep it elsewhere, with a checkpoint now and then: `audit --expect` and `verify --key` take them.
    Key,
    /// Have the log ordered by an engine that several nodes share, or by this node's journal again
    ///
    /// The server must be stopped. To an engine: every fact is published to it, from the configuration's [log.jetstream]
    /// or [log.postgres]; further nodes then start with an empty data directory. To `embedded`: what other nodes recorded
    /// is fetched first. Afterwards set [log] engine.
    #[command(after_help = "Examples:\n  \
        factfold log migrate --to jetstream\n  \
        factfold log migrate --to embedded")]
    Migrate {
        /// What orders the log from then on: embedded, jetstream or postgres
        #[arg(long, value_name = "ENGINE")]
        to: String,
    },
    /// Show one fact with all its members
    Show {
        /// The fact's position
        position: u64,
        /// Add the original payload
        #[arg(long)]
        raw: bool,
    },
}

impl From<crate::views::facts::FactError> for Failure {
    fn from(error: crate::views::facts::FactError) -> Self {
        Self::Integrity(error.to_string())
    }
}

/// Lists, shows or follows.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    match &args.what {
        What::Follow(args) => follow::run(settings, args),
        What::AcceptClock { server } => accept_clock(settings, server.as_deref()),
        What::Key => print_key(settings),
        What::Migrate { to } => move_to(settings, to),
        What::List { tenant, selection, oldest_first, limit } => {
            let (config, offline) = settings.reading()?;
            is_known(&offline, &config, tenant)?;
            let log = offline.log.snapshot();
            let filter = selection.selected().of(&log, tenant.clone())?;
            let filter = FactFilter { descending: !oldest_first, ..filter };
            list(settings, &log, &filter, *limit as usize)
        }
        What::Show { position, raw } => {
            show_one(settings, &read_log(&settings.config()?.data_dir)?, *position, *raw)
        }
    }
}

fn accept_clock(settings: &Settings, server: Option<&str>) -> Result<(), Failure> {
    let remote = Remote::of(&settings.config()?, server)?;
    let accepted = runtime()?.block_on(async {
        let answer =
            remote.ask(Method::POST, "/api/v1/log/accept-clock").send().await.map_err(Unanswered::from)?;
        if answer.status() != StatusCode::OK {
            return Err(refused(answer).await);
        }
        Ok(answer.json::<Value>().await?)
    });
    let accepted = accepted.map_err(|unanswered| remote.failure(unanswered))?;
    if settings.json {
        return output::json_line(&accepted);
    }
    let said = match accepted["ahead_seconds"].as_u64().filter(|seconds| *seconds > 0) {
        Some(seconds) => format!("accepted: the clock had jumped ahead by {} minutes", seconds / 60),
        None => "the clock had not jumped ahead".to_owned(),
    };
    output::note(&said);
    Ok(())
}

fn move_to(settings: &Settings, to: &str) -> Result<(), Failure> {
    let to = LogEngine::named(to)
        .ok_or_else(|| Failure::Usage("--to must be embedded, jetstream or postgres".into()))?;
    let config = settings.config_with_secrets()?;
    let dir = DataDir::existing(&config.data_dir)?;
    let bar = output::progress(read_log(&config.data_dir)?.head().position, "facts");
    let head = migrate(&dir, &config, to, system_clock(), &mut |position| bar.set_position(position))?;
    bar.finish_and_clear();
    output::note(&format!("from now on the log is ordered by {0}: set [log] engine = \"{0}\"", to.name()));
    done(settings, head)
}

fn print_key(settings: &Settings) -> Result<(), Failure> {
    let dir = settings.config()?.data_dir;
    let unserved =
        || Failure::Failed(format!("{}: no checkpoint key: no server has run here yet", dir.display()));
    let key = verifier_key(&dir)?.ok_or_else(unserved)?;
    match settings.json {
        true => output::json_line(&json!({"origin": key.origin(), "key": key.to_string()})),
        false => output::line(&key.to_string()),
    }
}

fn list(settings: &Settings, log: &LogSnapshot, filter: &FactFilter, limit: usize) -> Result<(), Failure> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let found = page(log, filter, cursor, limit - rows.len())?;
        rows.extend(found.items);
        cursor = found.next;
        if rows.len() == limit || cursor.is_none() {
            break;
        }
    }
    if settings.json {
        return rows.iter().try_for_each(output::json_line);
    }
    if rows.is_empty() {
        output::note("no such facts");
        return Ok(());
    }
    let row = |fact: &FactItem| {
        let FactItem { position, occurred_at, kind, provider, external_id, .. } = fact;
        [&position.to_string(), occurred_at, *kind, provider, external_id].map(str::to_owned).into()
    };
    output::table(&["position", "occurred_at", "kind", "provider", "external_id"], rows.iter().map(row))
}

fn show_one(settings: &Settings, log: &LogSnapshot, position: u64, raw: bool) -> Result<(), Failure> {
    let Some(mut fact) = show(log, position)? else {
        let head = log.head().position;
        let why = if (1..=head).contains(&position) {
            "it is of the control tenant; see the commands token and user".to_owned()
        } else {
            format!("the log ends at {head}")
        };
        return Err(Failure::Failed(format!("no fact to show at position {position}: {why}")));
    };
    if raw && let Some(original) = crate::views::facts::original(log, position)? {
        fact.show_original(&original);
    }
    if settings.json {
        return output::json_line(&fact);
    }
    let pretty = serde_json::to_string_pretty(&fact).map_err(|error| Failure::Failed(error.to_string()))?;
    output::line(&pretty)
}
