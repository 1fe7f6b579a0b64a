//! `factfold sync`: runs of a tenant's sources, asked of a running server.

use std::time::Duration;

use clap::Subcommand;
use domain::keys::TenantId;
use domain::members::Day;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::arguments::tenant;
use super::remote::{Remote, refused, stranger};
use super::serve::runtime;
use super::{Failure, Settings, output};
use crate::sync::SourceName;

/// Pause between two looks at a run.
const PAUSE: Duration = Duration::from_millis(500);

/// Ask a tenant's sources now, ask for past days, or show how the sources stand
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// Whose source, and the server.
#[derive(Debug, clap::Args)]
struct Whose {
    /// The tenant
    #[arg(long, value_parser = tenant)]
    tenant: TenantId,
    /// URL of the server [default: this machine, at `listen` of the configuration]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Begin a run and wait for its end; exit 5 when it fails
    Run {
        #[command(flatten)]
        whose: Whose,
        /// The source
        #[arg(long, value_parser = source, default_value = "clienttether")]
        source: SourceName,
        /// Only begin it
        #[arg(long)]
        no_wait: bool,
    },
    /// Show each source: its last run, the next one, and up to when everything is known
    Status {
        #[command(flatten)]
        whose: Whose,
    },
    /// Ask a source for past days, and wait for the end; what is known already counts once
    Backfill {
        #[command(flatten)]
        whose: Whose,
        /// The source
        #[arg(long, value_parser = source)]
        source: SourceName,
        /// First day, such as 2025-10-01, in the tenant's zone
        #[arg(long, value_parser = day)]
        from: Day,
        /// Last day, inclusive
        #[arg(long, value_parser = day)]
        to: Day,
    },
}

fn source(text: &str) -> Result<SourceName, String> {
    let known = || SourceName::ALL.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" ");
    SourceName::parse(text).ok_or_else(|| format!("must be one of {}", known()))
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "must be a date such as 2025-10-01".to_owned())
}

/// Asks the server.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let config = settings.config()?;
    let whose = match &args.what {
        What::Run { whose, .. } | What::Status { whose } | What::Backfill { whose, .. } => whose,
    };
    let asking = Asking { remote: Remote::of(&config, whose.server.as_deref())?, tenant: &whose.tenant };
    runtime()?.block_on(async {
        match &args.what {
            What::Status { .. } => status(settings, &asking).await,
            What::Run { source, no_wait, .. } => {
                let begun = asking.begin(&json!({"source": source.as_str()})).await?;
                if *no_wait {
                    return show(settings, &begun);
                }
                finish(settings, &asking, &begun).await
            }
            What::Backfill { source, from, to, .. } => {
                let asked =
                    json!({"source": source.as_str(), "from": from.to_string(), "to": to.to_string()});
                let begun = asking.begin(&asked).await?;
                finish(settings, &asking, &begun).await
            }
        }
    })
}

struct Asking<'a> {
    remote: Remote,
    tenant: &'a TenantId,
}

impl Asking<'_> {
    async fn ask(&self, method: Method, what: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let mut request = self.remote.ask(method, &format!("/api/v1/tenants/{}/sync/{what}", self.tenant));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| self.remote.failure(error.into()))?;
        if ![StatusCode::OK, StatusCode::ACCEPTED].contains(&answer.status()) {
            return Err(self.remote.failure(refused(answer).await));
        }
        answer.json().await.map_err(|_| stranger())
    }

    async fn begin(&self, body: &Value) -> Result<Value, Failure> {
        self.ask(Method::POST, "run", Some(body)).await
    }

    /// The run of this id once it has ended.
    async fn ended(&self, run_id: &str) -> Result<Value, Failure> {
        loop {
            let mut query = "runs?limit=500".to_owned();
            // Newer runs of other sources may have come before it.
            let found = loop {
                let page = self.ask(Method::GET, &query, None).await?;
                let items = page["items"].as_array().cloned().unwrap_or_default();
                if let Some(run) = items.into_iter().find(|run| run["run_id"] == run_id) {
                    break Some(run);
                }
                match page["next_cursor"].as_str() {
                    Some(cursor) => query = format!("runs?limit=500&cursor={cursor}"),
                    None => break None,
                }
            };
            if let Some(run) = found.filter(|run| run["status"] != "running") {
                return Ok(run);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Waits for the end of a run and tells it.
async fn finish(settings: &Settings, asking: &Asking<'_>, begun: &Value) -> Result<(), Failure> {
    let run_id = begun["run_id"].as_str().ok_or_else(stranger)?;
    output::note(&format!("run {run_id} of {} goes on", word(begun, "source")));
    let ended = asking.ended(run_id).await?;
    show(settings, &ended)?;
    match ended["status"].as_str() {
        Some("success") => Ok(()),
        _ => Err(Failure::Remote(format!("the run failed: {}", word(&ended, "error")))),
    }
}

fn word(value: &Value, member: &str) -> String {
    match &value[member] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn show(settings: &Settings, run: &Value) -> Result<(), Failure> {
    if settings.json {
        return output::json_line(run);
    }
    let none = Map::new();
    let members = run.as_object().unwrap_or(&none);
    let rows = members.keys().map(|name| vec![name.clone(), word(run, name)]);
    output::table(&["member", "value"], rows)
}

async fn status(settings: &Settings, asking: &Asking<'_>) -> Result<(), Failure> {
    let sources = asking.ask(Method::GET, "sources", None).await?;
    if settings.json {
        return output::json_line(&sources);
    }
    let none = Vec::new();
    let items = sources["items"].as_array().unwrap_or(&none);
    let columns = ["source", "state", "last_success_at", "complete_through", "next_run_at", "error"];
    let rows = items.iter().map(|item| columns.iter().map(|column| word(item, column)).collect::<Vec<_>>());
    output::table(&columns, rows)
}
