//! `factfold quarantine`: deliveries that could not be mapped (R3), looked at and, while no server has the data
//! directory, mapped again.

use std::collections::BTreeSet;

use clap::Subcommand;
use domain::keys::{Position, TenantId};
use domain::members::Text;
use domain::rules::quarantine::remedy;
use projections::entities::quarantine::list::{QuarantineFilter, QuarantineItem};
use projections::entities::quarantine::row::QuarantineState;
use serde_json::{Value, json};

use super::arguments::{BY, all_known, tenant};
use super::serve::runtime;
use super::{Failure, Settings, output};
use crate::commands::{CommandError, Resolution, RetryRejection};
use crate::config::Config;
use crate::engine::Offline;
use crate::views::facts::{original, show as fact_at};
use crate::views::quarantined::fill_details;

/// The same by a running server.
const INSTEAD: &str = "the routes /api/v1/tenants/{tenant}/quarantine and, of no tenant, /api/v1/quarantine";
/// Rows per page of a tenant.
const ROWS_AT_ONCE: usize = 500;

/// List, show and retry quarantined deliveries: those that could not be mapped to facts
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// A filter of deliveries.
#[derive(Debug, clap::Args)]
struct Which {
    /// Only deliveries of this tenant, or _unassigned for those without a tenant [default: all]
    #[arg(long, value_parser = tenant)]
    tenant: Option<TenantId>,
    /// Only deliveries with this reason, e.g. unknown_tracking_number
    #[arg(long)]
    reason: Option<String>,
    /// Only deliveries of this provider
    #[arg(long)]
    provider: Option<String>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List quarantined deliveries, newest first
    List {
        #[command(flatten)]
        which: Which,
        /// Only deliveries in this state
        #[arg(long, default_value = "open", value_parser = ["open", "resolved", "all"])]
        state: String,
        /// Most rows to print
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Show one delivery: its reason and its original payload
    Show {
        /// The delivery's id, from the list
        quarantine_id: String,
    },
    /// Map a delivery again, or all open ones, after a mapping or the configuration was corrected
    ///
    /// Uses this release, the mappings and endpoints of the configuration file, and the tenants of the log: changed
    /// tenants of the file count once `tenant apply` or a start of the server has recorded them.
    #[command(after_help = "Examples:\n  \
        factfold quarantine retry --all --reason unknown_tracking_number\n  \
        factfold quarantine retry 3f1c…")]
    Retry {
        /// The delivery's id, from the list
        #[arg(required_unless_present = "all")]
        quarantine_id: Option<String>,
        /// Retry all open deliveries that match the filters
        #[arg(long, conflicts_with = "quarantine_id")]
        all: bool,
        #[command(flatten)]
        which: Which,
    },
}

/// A quarantined delivery with whose it is.
struct Found {
    tenant: TenantId,
    item: QuarantineItem,
}

/// Lists, shows or maps again.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let (config, offline) = match &args.what {
        What::List { .. } | What::Show { .. } => settings.reading()?,
        What::Retry { .. } => settings.offline(INSTEAD)?,
    };
    match &args.what {
        What::List { which, state, limit } => {
            let mut found = of_all(&config, &offline, which, QuarantineState::parse(state))?;
            found.truncate(*limit as usize);
            detail(&offline, &mut found)?;
            list(settings, &found)
        }
        What::Show { quarantine_id } => {
            let mut found = [one(&config, &offline, quarantine_id)?];
            detail(&offline, &mut found)?;
            let [found] = found;
            let shown = whole(&offline, &found)?;
            if settings.json {
                return output::json_line(&shown);
            }
            let pretty = serde_json::to_string_pretty(&shown);
            output::line(&pretty.map_err(|error| Failure::Failed(error.to_string()))?)
        }
        What::Retry { quarantine_id: Some(id), which, .. } => {
            if which.tenant.is_some() || which.reason.is_some() || which.provider.is_some() {
                return Err(Failure::Usage(
                    "--tenant, --reason and --provider require --all and cannot be used with an id".into(),
                ));
            }
            let found = one(&config, &offline, id)?;
            retry_one(settings, &config, &offline, &found)
        }
        What::Retry { quarantine_id: None, which, .. } => retry_all(settings, &config, &offline, which),
    }
}

/// The deliveries that are asked for, newest first.
fn of_all(
    config: &Config,
    offline: &Offline,
    which: &Which,
    state: Option<QuarantineState>,
) -> Result<Vec<Found>, Failure> {
    let none = TenantId::unassigned();
    if let Some(tenant) = which.tenant.as_ref().filter(|tenant| **tenant != none) {
        all_known(offline, config, [tenant.as_str()])?;
    }
    let views = offline.views()?;
    let tenants = match &which.tenant {
        Some(tenant) => vec![tenant.clone()],
        None => {
            let known = views.tenants().into_iter().filter_map(|(id, _)| TenantId::new(&id).ok());
            known.chain([none]).collect()
        }
    };
    let filter = QuarantineFilter { reason: which.reason.clone(), provider: which.provider.clone(), state };
    let mut found = Vec::new();
    for tenant in tenants {
        let Some(view) = views.tenant(&tenant).or_else(|| views.internal(&tenant)) else { continue };
        let (rows, position) = view.with(|tenant, position| (tenant.quarantine.rows.clone(), position));
        let mut after = None;
        loop {
            let page = rows.page(position, &filter, after.as_ref(), ROWS_AT_ONCE);
            found.extend(page.items.into_iter().map(|item| Found { tenant: tenant.clone(), item }));
            after = page.next_cursor.as_deref().and_then(|cursor| cursor.parse().ok());
            if after.is_none() {
                break;
            }
        }
    }
    views.close();
    found.sort_by_key(|found| std::cmp::Reverse(found.item.fact_position));
    Ok(found)
}

/// The delivery of that id; where a tenant took one over from no tenant, the open one.
fn one(config: &Config, offline: &Offline, id: &str) -> Result<Found, Failure> {
    let which = Which { tenant: None, reason: None, provider: None };
    let found =
        of_all(config, offline, &which, None)?.into_iter().filter(|found| found.item.quarantine_id == id);
    let found = found.min_by_key(|found| found.item.state != QuarantineState::Open.as_str());
    found.ok_or_else(|| Failure::Failed(format!("quarantined delivery {id} not found")))
}

/// Fills in what stands in the facts alone.
fn detail(offline: &Offline, found: &mut [Found]) -> Result<(), Failure> {
    let log = offline.log.snapshot();
    for one in found {
        fill_details(&log, std::slice::from_mut(&mut one.item))?;
    }
    Ok(())
}

fn told(found: &Found) -> Value {
    let mut told = json!(found.item);
    told["of"] = found.tenant.as_str().into();
    told
}

fn list(settings: &Settings, found: &[Found]) -> Result<(), Failure> {
    if settings.json {
        return found.iter().try_for_each(|found| output::json_line(&told(found)));
    }
    if found.is_empty() {
        output::note("no quarantined deliveries match");
        return Ok(());
    }
    let row = |Found { tenant, item }: &Found| {
        let QuarantineItem { quarantine_id, received_at, provider, reason, state, .. } = item;
        [received_at, tenant.as_str(), provider, reason, *state, quarantine_id].map(str::to_owned).into()
    };
    let headings = ["received_at", "of", "provider", "reason", "state", "quarantine_id"];
    output::table(&headings, found.iter().map(row))?;
    let open = found.iter().filter(|found| found.item.state == QuarantineState::Open.as_str());
    let reasons: BTreeSet<&str> = open.map(|found| found.item.reason.as_str()).collect();
    for reason in reasons {
        tell_remedy(reason);
    }
    Ok(())
}

/// Says what would change it that deliveries are quarantined for the reason.
fn tell_remedy(reason: &str) {
    if let Some(remedy) = remedy(reason) {
        output::note(&format!("{reason}: {remedy}"));
    }
}

/// The delivery with what is kept of it.
fn whole(offline: &Offline, found: &Found) -> Result<Value, Failure> {
    let (log, position) = (offline.log.snapshot(), found.item.fact_position);
    let mut shown = told(found);
    if let Some(mut fact) = fact_at(&log, position)? {
        if let Some(payload) = original(&log, position)? {
            fact.show_original(&payload);
        }
        for member in ["method", "content_type", "query", "headers", "detail"] {
            shown[member] = fact.body[member].clone();
        }
        shown["original"] = fact.original.into();
        shown["original_base64"] = fact.original_base64.into();
    }
    Ok(shown)
}

/// What became of each delivery: resolved, or why not.
fn retry(offline: &Offline, found: &[Found]) -> Result<Vec<Result<Resolution, RetryRejection>>, Failure> {
    let deliveries: Vec<_> =
        found.iter().map(|found| (found.tenant.clone(), found.item.fact_position)).collect();
    let retried = runtime()?.block_on(offline.commands.retry_deliveries(&deliveries, Text::new(BY)));
    retried.map_err(|error| match error {
        CommandError::Ingest(error) => error.into(),
        _ => Failure::Failed("other commands changed the same deliveries".into()),
    })
}

fn reason(rejection: &RetryRejection) -> (&str, &str) {
    match rejection {
        RetryRejection::StillQuarantined(error) => error.reason(),
        RetryRejection::NotFound => ("", ""),
    }
}

fn answer(found: &Found, retried: &Result<Resolution, RetryRejection>) -> Value {
    let (id, of) = (found.item.quarantine_id.as_str(), found.tenant.as_str());
    match retried {
        Ok(resolved) => json!({
            "quarantine_id": id, "of": of, "state": QuarantineState::Resolved.as_str(), "outcome": resolved.outcome,
            "tenant": resolved.tenant, "facts": resolved.facts, "position": resolved.position,
        }),
        Err(rejection) => {
            let (reason, detail) = reason(rejection);
            json!({
                "quarantine_id": id, "of": of, "state": QuarantineState::Open.as_str(), "reason": reason, "detail": detail,
            })
        }
    }
}

fn retry_one(settings: &Settings, config: &Config, offline: &Offline, found: &Found) -> Result<(), Failure> {
    let retried = retry(offline, std::slice::from_ref(found))?;
    let Some(retried) = retried.first() else { return Ok(()) };
    if let Err(rejection) = retried {
        let (reason, detail) = reason(rejection);
        stale(config, offline)?;
        tell_remedy(reason);
        return Err(Failure::Failed(format!("it is quarantined still: {reason}: {detail}")));
    }
    let answer = answer(found, retried);
    if settings.json {
        return output::json_line(&answer);
    }
    output::note(&format!("{}: facts {} of {}", answer["outcome"], answer["facts"], answer["tenant"]));
    Ok(())
}

fn retry_all(settings: &Settings, config: &Config, offline: &Offline, which: &Which) -> Result<(), Failure> {
    let mut open = of_all(config, offline, which, Some(QuarantineState::Open))?;
    open.reverse();
    let retried = retry(offline, &open)?;
    let resolved = retried.iter().filter(|retried| retried.is_ok()).count();
    let answers = open.iter().zip(&retried).map(|(found, retried)| answer(found, retried));
    if settings.json {
        answers.into_iter().try_for_each(|answer| output::json_line(&answer))?;
    } else if !open.is_empty() {
        let cell = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let row = |answer: Value| {
            let became = if answer["reason"].is_null() { "outcome" } else { "reason" };
            let facts: Vec<Position> = answer["facts"]
                .as_array()
                .map_or_else(Vec::new, |facts| facts.iter().filter_map(Value::as_u64).collect());
            let facts = facts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            vec![cell(&answer["quarantine_id"]), cell(&answer["state"]), cell(&answer[became]), facts]
        };
        output::table(&["quarantine_id", "state", "outcome or reason", "facts"], answers.map(row))?;
    }
    output::note(&format!("{resolved} of {} deliveries are resolved", open.len()));
    if resolved < open.len() { stale(config, offline) } else { Ok(()) }
}

/// Says where the file knows more of tenants than the log: that may be why a delivery has no meaning yet.
fn stale(config: &Config, offline: &Offline) -> Result<(), Failure> {
    let changes = offline.commands.tenant_changes(config)?;
    if !changes.is_empty() {
        let tenants: Vec<&str> = changes.iter().map(|(tenant, _)| tenant.as_str()).collect();
        output::note(&format!(
            "the file says otherwise than the log of {}; factfold tenant apply records it",
            tenants.join(", ")
        ));
    }
    Ok(())
}
