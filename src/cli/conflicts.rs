//! `factfold conflicts`: facts redelivered with different content (R1), looked at and, while no server has the data
//! directory, decided.

use clap::Subcommand;
use domain::keys::{Position, TenantId};
use domain::members::Text;
use projections::entities::conflicts::list::ConflictItem;
use projections::entities::conflicts::row::ConflictState;
use serde_json::{Value, json};

use super::arguments::{BY, all_known, tenant};
use super::serve::runtime;
use super::{Failure, Settings, output};
use crate::commands::{CommandError, ConflictRejection};
use crate::engine::Offline;
use crate::ingest::verdict::ConflictVerdict;
use crate::log::LogError;

/// The same by a running server.
const INSTEAD: &str = "the routes /api/v1/tenants/{tenant}/conflicts";
/// Rows per page of a tenant.
const ROWS_AT_ONCE: usize = 500;

/// List, show and decide conflicts: facts redelivered with different content
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List conflicts, newest first
    List {
        /// Only conflicts of this tenant [default: all tenants]
        #[arg(long, value_parser = tenant)]
        tenant: Option<TenantId>,
        /// Only conflicts in this state
        #[arg(long, default_value = "open", value_parser = ["open", "accepted", "rejected", "all"])]
        state: String,
        /// Most rows to print
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Show one conflict, and every member in which the two contents differ
    Show {
        /// The conflict's id, from the list
        conflict_id: Position,
    },
    /// Accept a conflict: the second content replaces the first in every figure
    ///
    /// The decision is for ever. Look first at what differs.
    #[command(after_help = "Examples:\n  \
        factfold conflicts show 4711\n  \
        factfold conflicts accept 4711")]
    Accept {
        /// The conflict's id, from the list
        conflict_id: Position,
    },
    /// Reject a conflict: the first content stands
    ///
    /// The decision is for ever. Look first at what differs.
    Reject {
        /// The conflict's id, from the list
        conflict_id: Position,
    },
}

/// Lists, shows or decides.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let (config, offline) = match &args.what {
        What::List { .. } | What::Show { .. } => settings.reading()?,
        What::Accept { .. } | What::Reject { .. } => settings.offline(INSTEAD)?,
    };
    match &args.what {
        What::List { tenant, state, limit } => {
            if let Some(tenant) = tenant {
                all_known(&offline, &config, [tenant.as_str()])?;
            }
            let mut found = of_all(&offline, tenant.as_ref(), ConflictState::parse(state))?;
            found.truncate(*limit as usize);
            list(settings, &found)
        }
        What::Show { conflict_id } => show(settings, &offline, *conflict_id),
        What::Accept { conflict_id } => decide(settings, &offline, *conflict_id, ConflictVerdict::Accept),
        What::Reject { conflict_id } => decide(settings, &offline, *conflict_id, ConflictVerdict::Reject),
    }
}

/// Conflicts with their tenants, newest first.
fn of_all(
    offline: &Offline,
    wanted: Option<&TenantId>,
    state: Option<ConflictState>,
) -> Result<Vec<(Box<str>, ConflictItem)>, Failure> {
    let views = offline.views()?;
    let mut found = Vec::new();
    let tenants = views.tenants().into_iter();
    for (id, view) in tenants.filter(|(id, _)| wanted.is_none_or(|wanted| **id == *wanted.as_str())) {
        let (rows, position) = view.with(|tenant, position| (tenant.conflicts.rows.clone(), position));
        let mut after = None;
        loop {
            let page = rows.page(position, state, after.as_ref(), ROWS_AT_ONCE);
            found.extend(page.items.into_iter().map(|item| (id.clone(), item)));
            after = page.next_cursor.as_deref().and_then(|cursor| cursor.parse().ok());
            if after.is_none() {
                break;
            }
        }
    }
    views.close();
    found.sort_by_key(|(_, item)| std::cmp::Reverse(item.conflict_id));
    Ok(found)
}

fn told(tenant: &str, item: &ConflictItem) -> Value {
    let mut told = json!(item);
    told["of"] = tenant.into();
    told
}

fn list(settings: &Settings, found: &[(Box<str>, ConflictItem)]) -> Result<(), Failure> {
    if settings.json {
        return found.iter().try_for_each(|(tenant, item)| output::json_line(&told(tenant, item)));
    }
    if found.is_empty() {
        output::note("no conflicts match");
        return Ok(());
    }
    let row = |(tenant, item): &(Box<str>, ConflictItem)| {
        let ConflictItem { conflict_id, state, kind, first_position, observed_at, .. } = item;
        let (id, first) = (conflict_id.to_string(), first_position.to_string());
        [&id, &**tenant, *kind, &first, *state, observed_at].map(str::to_owned).into()
    };
    let headings = ["conflict_id", "of", "kind", "first_position", "state", "observed_at"];
    output::table(&headings, found.iter().map(row))
}

fn unknown(id: Position) -> Failure {
    Failure::Failed(format!("conflict {id} not found"))
}

/// The tenant of the fact at a position.
fn tenant_at(offline: &Offline, position: Position) -> Result<TenantId, Failure> {
    let Some(record) = offline.log.read(position)? else { return Err(unknown(position)) };
    let view = record.view().map_err(|error| LogError::Record { position, error })?;
    TenantId::stored(view.header.tenant).map_err(|error| Failure::Integrity(error.to_string()))
}

fn show(settings: &Settings, offline: &Offline, id: Position) -> Result<(), Failure> {
    let tenant = tenant_at(offline, id)?;
    let views = offline.views()?;
    let found = views.tenant(&tenant).and_then(|view| view.with(|tenant, _| tenant.conflicts.rows.get(id)));
    views.close();
    let item = found.ok_or_else(|| unknown(id))?;
    let diff = offline.ingest.evidence(item.first_position, id)?.diff;
    if settings.json {
        let mut shown = told(tenant.as_str(), &item);
        shown["diff"] = json!(diff);
        return output::json_line(&shown);
    }
    output::note(&format!(
        "conflict {id} of {tenant}, {}: what came at {} against the fact at position {}",
        item.state, item.observed_at, item.first_position
    ));
    let cell = |value: &Value| if value.is_null() { "-".to_owned() } else { value.to_string() };
    let rows = diff.iter().map(|one| vec![one.pointer.clone(), cell(&one.first), cell(&one.second)]);
    output::table(&["member", "stands", "came"], rows)
}

fn decide(
    settings: &Settings,
    offline: &Offline,
    id: Position,
    verdict: ConflictVerdict,
) -> Result<(), Failure> {
    let tenant = tenant_at(offline, id)?;
    let decided = runtime()?.block_on(offline.commands.decide_conflict(&tenant, id, verdict, Text::new(BY)));
    let receipt = decided.map_err(|error| match error {
        CommandError::Rejected(ConflictRejection::NotFound) => unknown(id),
        CommandError::Rejected(ConflictRejection::Decided { verdict, position }) => {
            let was = verdict.state();
            Failure::Failed(format!("conflict {id} was {was} at position {position}, and that stands"))
        }
        error => Failure::Failed(error.to_string()),
    })?;
    let (state, position) = (verdict.state(), receipt.answer);
    if settings.json {
        let outcome = if receipt.recorded.is_some() { "recorded" } else { "existing" };
        let shown = json!({"conflict_id": id, "state": state, "outcome": outcome, "position": position});
        return output::json_line(&shown);
    }
    output::note(&format!("conflict {id} is {state}, by the fact at position {position}"));
    Ok(())
}
