//! `factfold replay`: rebuild the read models from the log, and report digests and rate; or say what other rules would make
//! of it.

mod served;
mod stored;

use std::time::Instant;

use domain::codec::from_json;
use domain::facts::tenant::Rules;
use domain::json::{Json, TextRule};
use domain::keys::TenantId;
use domain::members::{self, Month};
use projections::tenant::MODELS;
use serde_json::{Value, json};

use super::arguments::{all_known, tenant};
use super::remote::Remote;
use super::serve::runtime;
use super::{Failure, Settings, output};
use crate::clock::system_clock;
use crate::engine::{fold_threads, read_log_with_secret};
use crate::views::Views;

/// Rebuild all read models from the log
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Models [default: all]
    #[arg(value_name = "MODEL", conflicts_with = "what_if")]
    models: Vec<String>,
    /// Print what this release gives otherwise than the figures that the last one stored; with --server, what models that
    /// are built beside those of the server have otherwise
    #[arg(long, conflicts_with_all = ["swap", "threads", "what_if"])]
    diff: bool,
    /// Build them beside those of the server, print what differs, and swap them in
    #[arg(long, requires = "server")]
    swap: bool,
    /// A running server that rebuilds them, with an operator's token in FACTFOLD_TOKEN, else FACTFOLD_ADMIN_TOKEN
    #[arg(long, value_name = "URL", conflicts_with_all = ["threads", "what_if"])]
    server: Option<String>,
    /// Number of threads [default: one per core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Say what another rule would make of the history, and record nothing; may be given several times
    #[arg(long = "what-if", value_name = "RULE=VALUE")]
    what_if: Vec<String>,
    /// With --what-if: only this tenant [default: all tenants]
    #[arg(long, value_parser = tenant, requires = "what_if")]
    tenant: Option<TenantId>,
    /// With --what-if: first month [default: eleven months before the last]
    #[arg(long, value_name = "MONTH", value_parser = month, requires = "what_if")]
    from: Option<Month>,
    /// With --what-if: last month [default: the current one]
    #[arg(long, value_name = "MONTH", value_parser = month, requires = "what_if")]
    to: Option<Month>,
}

fn month(given: &str) -> Result<Month, String> {
    Month::parse(given).ok_or_else(|| "must be a month such as 2025-10".to_owned())
}

/// Rebuilds the models and prints their digests.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    if !args.what_if.is_empty() {
        return what_if(settings, args);
    }
    let config = settings.config()?;
    if let Some(server) = &args.server {
        let remote = Remote::of(&config, Some(server))?;
        let runtime = runtime()?;
        runtime.block_on(remote.is_there())?;
        let names = if args.models.is_empty() { vec!["all".to_owned()] } else { args.models.clone() };
        return names
            .iter()
            .try_for_each(|name| runtime.block_on(served::rebuild(settings, &remote, name, args.swap)));
    }
    if args.diff {
        return stored::differences(settings, &args.models);
    }
    let is_known = |asked: &String| asked == "all" || MODELS.iter().any(|(name, _)| name == asked);
    if let Some(unknown) = args.models.iter().find(|asked| !is_known(asked)) {
        let names: Vec<&str> = MODELS.iter().map(|(name, _)| *name).collect();
        return Err(Failure::Usage(format!("{unknown} is no model; the models are {}", names.join(", "))));
    }
    let is_all = args.models.is_empty() || args.models.iter().any(|asked| asked == "all");
    // A secret of another log would key other persons: it is found before the next start of the server finds it.
    let (log, _secret) = read_log_with_secret(&config.data_dir)?;
    let snapshot = log.snapshot();
    let facts = snapshot.head().position;
    let threads = args.threads.map_or_else(fold_threads, usize::from);
    let bar = output::progress(facts, "replaying");
    let began = Instant::now();
    let digests = Views::fold_once(&snapshot, threads, &|progress| bar.set_position(progress.folded))?;
    let is_asked = |name: &str| is_all || args.models.iter().any(|asked| asked == name);
    let digests: Vec<_> = digests.into_iter().filter(|digest| is_asked(digest.name)).collect();
    let seconds = began.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let rate = facts as f64 / seconds.max(1e-9);
    if settings.json {
        return output::json_line(&json!({
            "facts": facts, "seconds": seconds, "facts_per_second": rate.round(), "threads": threads, "models": digests,
        }));
    }
    let rows = digests.iter().map(|digest| {
        vec![
            digest.name.to_owned(),
            digest.version.to_string(),
            digest.position.to_string(),
            digest.digest.clone(),
        ]
    });
    output::table(&["model", "version", "position", "digest"], rows)?;
    output::note(&format!(
        "{} facts in {seconds:.2} s on {threads} threads: {} facts/s",
        output::grouped(facts),
        output::grouped(rate as u64)
    ));
    Ok(())
}

/// Rows of subjects that flip, at most.
const FLIPS_SHOWN: usize = 500;

/// Rules as they are given: numbers as numbers, and lists by commas.
fn rules(given: &[String]) -> Result<Rules, Failure> {
    let mut members = serde_json::Map::new();
    for rule in given {
        let wrong = || {
            Failure::Usage(format!("{rule:?} is no rule: write RULE=VALUE, e.g. qualified_min_seconds=60"))
        };
        let (name, value) = rule.split_once('=').ok_or_else(wrong)?;
        let is_list =
            ["counted_contact_types", "counted_directions", "qualified_stages", "hot_stages"].contains(&name);
        let value = match value.parse::<i64>() {
            _ if is_list => Value::from(value.split(',').map(str::trim).collect::<Vec<_>>()),
            Ok(number) => Value::from(number),
            Err(_) => serde_json::from_str(value).unwrap_or_else(|_| Value::from(value)),
        };
        members.insert(name.to_owned(), value);
    }
    let read = from_json::<Rules>(Json::from(Value::Object(members)), "", TextRule::Refuse);
    read.map_err(|faults| {
        let faults =
            faults.iter().map(|fault| format!("{} {}", fault.pointer.trim_start_matches('/'), fault.message));
        Failure::Usage(faults.collect::<Vec<_>>().join("; "))
    })
}

fn what_if(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let rules = rules(&args.what_if)?;
    let (config, offline) = settings.reading()?;
    all_known(&offline, &config, args.tenant.as_ref().map(TenantId::as_str))?;
    let views = offline.views()?;
    let now = members::Instant(system_clock()());
    let wanted = |id: &str| args.tenant.as_ref().is_none_or(|wanted| wanted.as_str() == id);
    let mut answers = Vec::new();
    for (id, view) in views.tenants().into_iter().filter(|(id, _)| wanted(id)) {
        let to = args.to.unwrap_or_else(|| view.timeline().latest().zone.month(now));
        let from = args.from.unwrap_or(Month(to.0 - 11));
        if from > to {
            return Err(Failure::Usage("--from must not be after --to".to_owned()));
        }
        answers.push((id, view.what_if(&rules, (from, to), (None, FLIPS_SHOWN), now)));
    }
    views.close();
    if settings.json {
        return answers.iter().try_for_each(|(id, answer)| {
            let mut told = json!(answer);
            told["tenant"] = json!(id);
            output::json_line(&told)
        });
    }
    for (id, answer) in &answers {
        output::note(&format!(
            "{id}, {} to {}: {} figures would be others, {} subjects would count or count no more",
            answer.from,
            answer.to,
            answer.figures.len(),
            answer.flipped_subjects
        ));
        let figures = answer.figures.iter().map(|changed| {
            let month = changed.figure.selection.get("month").map_or(changed.figure.model, String::as_str);
            [month, &changed.figure.field, &changed.old.to_string(), &changed.new.to_string()]
                .map(str::to_owned)
                .into()
        });
        output::table(&["month", "figure", "old", "new"], figures)?;
        let flips = answer.items.iter().map(|flip| {
            let (old, new) = (flip.old.to_string(), flip.new.to_string());
            [&flip.subject, &flip.figure.field, &old, &new, flip.code, &flip.reason]
                .map(|cell: &str| cell.to_owned())
                .into()
        });
        output::table(&["subject", "figure", "old", "new", "code", "reason"], flips)?;
    }
    Ok(())
}
