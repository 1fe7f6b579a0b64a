//! `factfold tenant`: tenants and their configuration in a data directory; recorded while no server has it.

use std::collections::BTreeMap;

use clap::Subcommand;
use domain::keys::TenantId;
use serde_json::{Value, json};

use super::arguments::{all_known, tenant};
use super::{Failure, Settings, output};
use crate::commands::TenantChange;
use crate::engine::Offline;
use crate::views::facts::{FactItem, configuration};

/// The same by a running server.
const INSTEAD: &str = "GET /api/v1/tenants; SIGHUP makes it reload the file";

/// List and show tenants, and record the configuration file's tenants
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the tenants of the log and of the configuration file
    List,
    /// Show one tenant: its state, its number of facts and its last configuration
    Show {
        /// The tenant's id
        #[arg(value_parser = tenant)]
        tenant: TenantId,
    },
    /// Record the file's tenants where they differ from the log, as a start of the server does
    ///
    /// A tenant that was removed from the file is closed: its webhook deliveries are quarantined, its figures stay.
    #[command(after_help = "Examples:\n  \
        factfold tenant apply --dry-run\n  \
        factfold tenant apply && factfold quarantine retry --all --tenant acme")]
    Apply {
        /// Only print what would be recorded
        #[arg(long)]
        dry_run: bool,
    },
}

/// A tenant as the log has it.
struct TenantSummary {
    state: &'static str,
    facts: u64,
    configured: Option<FactItem>,
}

impl TenantSummary {
    fn member(&self, name: &str) -> Option<&str> {
        self.configured.as_ref()?.body.get(name)?.as_str()
    }
}

/// Lists, shows or records.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let (config, offline) = match &args.what {
        What::Apply { dry_run: false } => settings.offline_or_new(INSTEAD)?,
        What::List | What::Show { .. } | What::Apply { dry_run: true } => settings.reading()?,
    };
    match &args.what {
        What::List => {
            let in_file = config.tenants.iter().map(|tenant| tenant.id.clone());
            list(settings, &offline, in_file)
        }
        What::Show { tenant } => {
            all_known(&offline, &config, [tenant.as_str()])?;
            show(settings, &offline, tenant)
        }
        What::Apply { dry_run } => {
            let commands = &offline.commands;
            let changes =
                if *dry_run { commands.tenant_changes(&config) } else { commands.load_file(&config) };
            told(settings, &changes?, *dry_run)
        }
    }
}

fn told(settings: &Settings, changes: &[(TenantId, TenantChange)], dry_run: bool) -> Result<(), Failure> {
    let rows = changes.iter().map(|(tenant, change)| {
        let change = match change {
            TenantChange::Configured => "configured",
            TenantChange::Closed => "closed",
        };
        (tenant.to_string(), change)
    });
    if settings.json {
        let mut rows = rows.map(|(id, change)| json!({"id": id, "change": change, "recorded": !dry_run}));
        return rows.try_for_each(|row| output::json_line(&row));
    }
    if changes.is_empty() {
        output::note("the log and the file agree");
        return Ok(());
    }
    let heading = if dry_run { "would be" } else { "is now" };
    output::table(&["tenant", heading], rows.map(|(id, change)| vec![id, change.to_owned()]))
}

/// Every tenant except the engine's own.
fn known(
    offline: &Offline,
    in_file: impl Iterator<Item = TenantId>,
) -> Result<BTreeMap<TenantId, TenantSummary>, Failure> {
    let log = offline.log.snapshot();
    let tenants = offline.registry.state().tenants();
    let mut facts: BTreeMap<TenantId, u64> = in_file.map(|id| (id, 0)).collect();
    for ((tenant, _), count) in log.groups()? {
        if let Ok(tenant) = TenantId::new(&tenant) {
            *facts.entry(tenant).or_default() += count;
        }
    }
    let mut known = BTreeMap::new();
    for (tenant, facts) in facts {
        let state = match tenants.get(&tenant).map(|tenant| tenant.closed) {
            Some(true) => "closed",
            Some(false) => "open",
            None => "not configured",
        };
        let configured = configuration(&log, &tenant)?;
        known.insert(tenant, TenantSummary { state, facts, configured });
    }
    Ok(known)
}

fn list(
    settings: &Settings,
    offline: &Offline,
    in_file: impl Iterator<Item = TenantId>,
) -> Result<(), Failure> {
    let known = known(offline, in_file)?;
    if settings.json {
        return known.iter().try_for_each(|(id, known)| {
            output::json_line(&json!({
                "id": id.as_str(), "name": known.member("name"), "timezone": known.member("timezone"),
                "state": known.state, "facts": known.facts,
            }))
        });
    }
    if known.is_empty() {
        output::note("no tenants; add one as [[tenant]] in factfold.toml");
        return Ok(());
    }
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let rows = known.iter().map(|(id, known)| {
        let (name, zone) = (or_dash(known.member("name")), or_dash(known.member("timezone")));
        vec![id.to_string(), name, zone, known.state.to_owned(), output::grouped(known.facts)]
    });
    output::table(&["tenant", "name", "timezone", "state", "facts"], rows)
}

fn show(settings: &Settings, offline: &Offline, tenant: &TenantId) -> Result<(), Failure> {
    let known = known(offline, std::iter::once(tenant.clone()))?;
    let Some(known) = known.get(tenant) else {
        return Err(Failure::Failed(format!("{tenant} is reserved for the engine")));
    };
    let configured = known.configured.as_ref().map_or(
        Value::Null,
        |fact| json!({"position": fact.position, "recorded_at": fact.recorded_at, "body": fact.body}),
    );
    let shown = json!({
        "id": tenant.as_str(), "state": known.state, "facts": known.facts, "configured": configured,
    });
    if settings.json {
        return output::json_line(&shown);
    }
    let pretty = serde_json::to_string_pretty(&shown).map_err(|error| Failure::Failed(error.to_string()))?;
    output::line(&pretty)
}
