//! `factfold void`: the facts of files that were imported by mistake count as if they had never come, or count again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::keys::{Position, TenantId};
use domain::members::Text;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::arguments::{BY, all_known, tenant, text};
use super::remote::{Remote, Unanswered, refused};
use super::serve::runtime;
use super::{Failure, Settings, output};
use crate::commands::{Commands, NewVoid, UNDONE_MAX, Undo, UndoOutcome, VoidSelection};
use crate::ingest::items::Lines;

/// The same by a running server.
const INSTEAD: &str = "factfold void --server URL, or POST /api/v1/tenants/{tenant}/void";
/// Keys of one request.
const KEYS_AT_ONCE: usize = 5_000;
/// So long may one request take.
const REQUEST_MAX: Duration = Duration::from_secs(120);
/// Facts that were not voided are shown one by one up to so many.
const SHOWN_MAX: usize = 20;

/// Undo an import: void the facts whose keys stand in its files
///
/// A voided fact counts nowhere from then on, as if it had never come; as of earlier positions it stands as it stood. Its
/// key stays taken, so that a redelivery does not bring it back. Every fact that a file names is voided, whoever brought
/// it: look first with --dry-run. --undo takes the voids back.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    factfold void --tenant acme --reason 'wrong client' --dry-run calls.ndjson\n  \
    factfold void --tenant acme --reason 'wrong client' calls.ndjson\n  \
    factfold void --tenant acme --undo calls.ndjson\n  \
    FACTFOLD_TOKEN=ff_… factfold void --tenant acme --reason 'wrong client' --server http://127.0.0.1:8080 calls.ndjson")]
pub struct Args {
    /// Tenant that the facts belong to; an export names it on each line
    #[arg(long, value_parser = tenant)]
    tenant: Option<TenantId>,
    /// Why, for whoever looks at the facts later [default: imported by mistake]
    #[arg(long, value_parser = text, conflicts_with = "undo")]
    reason: Option<Text>,
    /// Record nothing; print which figures of which months would change
    #[arg(long)]
    dry_run: bool,
    /// Restore the facts instead
    #[arg(long)]
    undo: bool,
    /// A running server that voids them, with an operator's token in FACTFOLD_TOKEN, else FACTFOLD_ADMIN_TOKEN
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Files of one JSON fact a line; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What a line is read for.
#[derive(Deserialize)]
struct Line {
    tenant: Option<String>,
    provider: String,
    external_id: String,
}

type Key = (String, String);

/// What became of the facts.
#[derive(Default)]
struct Told {
    recorded: u64,
    duplicates: u64,
    rejected: u64,
    changes: Vec<Value>,
}

/// Voids, restores, or tells what that would change.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let mut keys = BTreeMap::new();
    for path in &args.files {
        read(path, args.tenant.as_ref(), &mut keys)?;
    }
    let too_many = keys.iter().find(|(_, keys)| args.dry_run && keys.len() > UNDONE_MAX);
    if let Some((tenant, keys)) = too_many {
        let count = output::grouped(keys.len() as u64);
        return Err(Failure::Usage(format!(
            "--dry-run: the files name {count} facts of {tenant}; at most 100,000 can be looked at together"
        )));
    }
    let told = match &args.server {
        Some(server) => {
            let remote = Remote::of(&settings.config()?, Some(server))?;
            let runtime = runtime()?;
            runtime.block_on(remote.is_there())?;
            runtime.block_on(by_server(&remote, args, keys))?
        }
        None => {
            let (config, offline) = settings.offline(INSTEAD)?;
            all_known(&offline, &config, keys.keys().map(TenantId::as_str))?;
            let views = offline.views()?;
            let commands = offline.commands.clone().with_views(views.clone());
            let done = runtime()?.block_on(here(&commands, &views, args, keys));
            views.close();
            done?
        }
    };
    tell(settings, args, &told)?;
    if told.rejected > 0 {
        let what = if args.undo { "restored" } else { "voided" };
        return Err(Failure::Failed(format!("{} facts cannot be {what}", output::grouped(told.rejected))));
    }
    Ok(())
}

/// The keys of a file, by tenant.
fn read(
    path: &Path,
    tenant: Option<&TenantId>,
    keys: &mut BTreeMap<TenantId, Vec<Key>>,
) -> Result<(), Failure> {
    let name = path.display().to_string();
    let broken = |error: io::Error| Failure::Failed(format!("{name}: {error}"));
    let input: Box<dyn Read> =
        if name == "-" { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(broken)?) };
    for (number, line) in Lines::new(input).of_exports() {
        let at = |why: String| Failure::Failed(format!("{name}:{number}: {why}; nothing was recorded"));
        let line = line.map_err(|error| at(error.to_string()))?;
        let line: Line =
            serde_json::from_slice(&line).map_err(|error| at(format!("not the key of a fact: {error}")))?;
        let own = line.tenant.map(|own| TenantId::stored(&own).map_err(|error| at(error.to_string())));
        let of = match (own.transpose()?, tenant) {
            (Some(own), Some(asked)) if own != *asked => {
                return Err(at(format!("is of {own}, and {asked} was asked for")));
            }
            (Some(own), _) => own,
            (None, Some(asked)) => asked.clone(),
            (None, None) => {
                return Err(Failure::Usage(format!("{name}: --tenant is required: the lines name none")));
            }
        };
        keys.entry(of).or_default().push((line.provider, line.external_id));
    }
    Ok(())
}

fn reason(args: &Args) -> Option<Text> {
    args.reason.clone().or_else(|| Text::new("imported by mistake"))
}

/// On the data directory of a stopped server.
async fn here(
    commands: &Commands,
    views: &crate::views::Views,
    args: &Args,
    keys: BTreeMap<TenantId, Vec<Key>>,
) -> Result<Told, Failure> {
    let by = Text::new(BY);
    let undo = match reason(args) {
        Some(reason) if !args.undo => Undo::Void(NewVoid { reason, by }),
        _ => Undo::Restore(by),
    };
    let failed = |error: String| Failure::Failed(error);
    let (mut told, mut shown) = (Told::default(), 0);
    for (tenant, keys) in keys {
        let mut would: BTreeSet<Position> = BTreeSet::new();
        for keys in keys.chunks(KEYS_AT_ONCE) {
            let selected = commands.selected_facts(&tenant, VoidSelection::Keys(keys.to_vec())).await;
            let selected = selected.map_err(|error| failed(error.to_string()))?;
            let outcomes = commands.undo_facts(&tenant, &selected, &undo, args.dry_run).await;
            for (key, outcome) in keys.iter().zip(outcomes.map_err(|error| failed(error.to_string()))?) {
                match outcome {
                    UndoOutcome::Recorded(_) => told.recorded += 1,
                    UndoOutcome::Would(position) => {
                        told.recorded += 1;
                        would.insert(position);
                    }
                    UndoOutcome::Stands(_) => told.duplicates += 1,
                    UndoOutcome::Rejected(why) => {
                        told.rejected += 1;
                        show(&mut shown, key, &why.to_string());
                    }
                }
            }
        }
        if args.dry_run {
            let preview = views.preview_void(&tenant, would, !args.undo).await?;
            let changes = preview.map(|preview| preview.changes).unwrap_or_default();
            told.changes.extend(changes.iter().map(|change| with_tenant(json!(change), &tenant)));
        }
    }
    Ok(told)
}

fn show(shown: &mut usize, (provider, external_id): &Key, why: &str) {
    if *shown < SHOWN_MAX {
        *shown += 1;
        output::note(&format!("{provider} {external_id}: {why}"));
    }
}

fn with_tenant(mut change: Value, tenant: &TenantId) -> Value {
    change["of"] = tenant.as_str().into();
    change
}

/// By a running server.
async fn by_server(
    remote: &Remote,
    args: &Args,
    keys: BTreeMap<TenantId, Vec<Key>>,
) -> Result<Told, Failure> {
    let (mut told, mut shown) = (Told::default(), 0);
    for (tenant, keys) in keys {
        // A preview is of all facts together.
        for keys in keys.chunks(if args.dry_run { UNDONE_MAX } else { KEYS_AT_ONCE }) {
            let named =
                |(provider, external_id): &Key| json!({"provider": provider, "external_id": external_id});
            let mut body = json!({"keys": keys.iter().map(named).collect::<Vec<_>>(), "dry_run": args.dry_run,
                "undo": args.undo});
            if !args.undo {
                body["reason"] = reason(args).as_ref().map(Text::as_str).into();
            }
            let answer = post(remote, &format!("/api/v1/tenants/{tenant}/void"), &body).await?;
            let of = |name: &str| answer[name].as_u64().unwrap_or_default();
            told.recorded += of("recorded") + of("facts");
            told.duplicates += of("duplicates");
            told.rejected += of("rejected");
            for result in answer["results"].as_array().into_iter().flatten() {
                let line = result["line"].as_u64().unwrap_or_default() as usize;
                if let (Some(key), Some(why)) = (keys.get(line.wrapping_sub(1)), result["error"].as_str()) {
                    show(&mut shown, key, why);
                }
            }
            let changes = answer["changes"].as_array().into_iter().flatten();
            told.changes.extend(changes.map(|change| with_tenant(change.clone(), &tenant)));
        }
    }
    Ok(told)
}

async fn post(remote: &Remote, route: &str, body: &Value) -> Result<Value, Failure> {
    let again = "run the command again: what is done is a duplicate then";
    let request = remote.ask(Method::POST, route).timeout(REQUEST_MAX);
    let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
    let answered = async {
        let response = request.send().await?;
        if !response.status().is_success() {
            return Err(refused(response).await);
        }
        Ok(response.json().await?)
    };
    answered.await.map_err(|error| match error {
        Unanswered::Never(failure) => failure,
        Unanswered::Broken(why) => remote.gone(&format!("{why}; {again}")),
    })
}

fn tell(settings: &Settings, args: &Args, told: &Told) -> Result<(), Failure> {
    let Told { recorded, duplicates, rejected, changes } = told;
    if settings.json {
        let mut answer = json!({"recorded": recorded, "duplicates": duplicates, "rejected": rejected});
        if args.dry_run {
            answer = json!({"facts": recorded, "duplicates": duplicates, "rejected": rejected, "dry_run": true,
                "changes": changes});
        }
        return output::json_line(&answer);
    }
    if args.dry_run {
        let cell = |value: &Value| match value {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let row =
            |change: &Value| ["of", "month", "figure", "old", "new"].map(|name| cell(&change[name])).into();
        output::table(&["of", "month", "figure", "old", "new"], changes.iter().map(row))?;
        let facts = output::grouped(*recorded);
        let what = if args.undo { "restored" } else { "voided" };
        output::note(&format!("{facts} facts would be {what}; nothing was recorded"));
        return Ok(());
    }
    let what = if args.undo { "restored" } else { "voided" };
    let rows = [(what, recorded), ("so before", duplicates), ("rejected", rejected)];
    output::table(
        &["facts", "count"],
        rows.map(|(name, count)| vec![name.to_owned(), output::grouped(*count)]),
    )
}
