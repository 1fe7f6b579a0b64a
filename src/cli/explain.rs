//! `factfold explain`: which facts move a figure, by how much and why; from a data directory, or by a running server.

use domain::keys::{Position, TenantId};
use domain::members::Instant;
use projections::explain::model::FigureSelection;
use projections::explain::question::Question;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::arguments::{all_known, tenant};
use super::remote::{Remote, Unanswered, refused};
use super::serve::runtime;
use super::{Failure, Settings, output};
use crate::config::Config;
use crate::views::explain::{ContributionPage, Explainer};
use crate::views::{Moment, TenantView};

/// Contributions per page.
const ROWS_AT_ONCE: usize = 500;

fn instant(given: &str) -> Result<Instant, String> {
    Instant::parse(given).ok_or_else(|| "must be an instant such as 2025-10-09T12:00:00Z".to_owned())
}

/// Explain a figure by the facts behind it
///
/// Prints the figure's value, its rule or formula, and the facts that move it, each with its delta: their sum is the value.
/// Works on a data directory, beside a server or without one, as of the moment it begins.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    factfold explain --tenant acme month qualified month=2025-10\n  \
    factfold explain --tenant acme month qualified month=2025-10 --not-counted\n  \
    factfold explain --tenant acme days ad_spend_minor.USD day=2025-10-09 --json | jq .contributions\n  \
    factfold explain --tenant acme fact 4711")]
pub struct Args {
    /// The tenant of the figure
    #[arg(long, value_parser = tenant)]
    tenant: TenantId,
    /// The model that serves the figure, e.g. month, days or agents; `fact`: what one fact does to every figure
    model: String,
    /// The member's name as served, dotted where nested, e.g. outcomes.voicemail; of `fact` its position
    field: String,
    /// What selects the row, e.g. month=2025-10
    #[arg(value_name = "NAME=VALUE")]
    selection: Vec<String>,
    /// List what does not count in the same span, and why
    #[arg(long)]
    not_counted: bool,
    /// List also facts that move nothing
    #[arg(long)]
    zeros: bool,
    /// Most rows to print
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// As it was when the log ended at this position
    #[arg(long, value_name = "POSITION")]
    as_of_position: Option<Position>,
    /// As it was known at this instant
    #[arg(long, value_name = "TIME", value_parser = instant)]
    known_at: Option<Instant>,
    /// Only what had happened by this instant
    #[arg(long, value_name = "TIME", value_parser = instant)]
    occurred_until: Option<Instant>,
    /// Ask the server at this URL, with the token of FACTFOLD_TOKEN, instead of reading the data directory
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

impl Args {
    /// Names and values of the selection.
    fn pairs(&self) -> Result<Vec<(&str, &str)>, Failure> {
        let pair = |text: &String| {
            Failure::Usage(format!("{text:?} selects nothing: write NAME=VALUE, e.g. month=2025-10"))
        };
        let pairs = self.selection.iter().map(|text| text.split_once('=').ok_or_else(|| pair(text)));
        pairs.collect()
    }

    fn moment(&self) -> Moment {
        let Self { as_of_position, known_at, occurred_until, .. } = *self;
        Moment { as_of_position, known_at, occurred_until }
    }

    fn is_of_fact(&self) -> bool {
        self.model == "fact"
    }
}

/// Explains.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let answer = match &args.server {
        Some(server) => asked(&settings.config()?, args, server)?,
        None => {
            let (config, offline) = settings.reading()?;
            all_known(&offline, &config, [args.tenant.as_str()])?;
            let views = offline.views()?;
            let explained = explained(args, &offline, &views);
            views.close();
            explained?
        }
    };
    if settings.json {
        return output::json_line(&answer);
    }
    if args.is_of_fact() { show_fact(&answer) } else { show(args, &answer) }
}

fn usage(faults: Vec<domain::json::FieldError>) -> Failure {
    let said =
        faults.iter().map(|fault| format!("{} {}", fault.pointer.trim_start_matches('/'), fault.message));
    Failure::Usage(said.collect::<Vec<_>>().join("; "))
}

fn json<T: serde::Serialize>(value: &T) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::Failed(error.to_string()))
}

/// The answer from a data directory, with as many contributions as are asked for.
fn explained(
    args: &Args,
    offline: &crate::engine::Offline,
    views: &crate::views::Views,
) -> Result<Value, Failure> {
    let gone = || Failure::Failed(format!("{} has no facts", args.tenant));
    let head = offline.log.head().position;
    if let Some(ahead) = args.as_of_position.filter(|position| *position > head) {
        return Err(Failure::Failed(format!("position {ahead} is ahead of the log, which ends at {head}")));
    }
    let live = views.tenant(&args.tenant).ok_or_else(gone)?;
    let view: TenantView = runtime()?.block_on(views.at(&args.tenant, args.moment()))?.ok_or_else(gone)?;
    let now = args.known_at.unwrap_or_else(|| Instant(crate::clock::system_clock()()));
    if args.is_of_fact() {
        let explainer = Explainer::new(args.tenant.clone(), &view, &live, offline.log.snapshot());
        let position =
            args.field.parse().map_err(|_| Failure::Usage(format!("{:?} is no position", args.field)))?;
        let verdict = explainer.verdict(position, now)?;
        let unknown = || Failure::Failed(format!("{} has no fact at position {position}", args.tenant));
        return json(&verdict.ok_or_else(unknown)?);
    }
    let mut selection = FigureSelection::parse(args.pairs()?).map_err(usage)?;
    if selection.period.is_some() && selection.date.is_none() {
        selection.date = Some(view.timeline().latest().zone.day(now));
    }
    let (mut view, mut row) = (view, None);
    if let Some(report_id) = &selection.report_id {
        let found = runtime()?.block_on(views.reported(&args.tenant, &view, report_id, None))?;
        let found = found.ok_or_else(|| Failure::Failed(format!("report {report_id} not found")))?;
        (selection.report, view, row) = (Some(found.period), found.view, Some(found.row));
    }
    let question = Question::new(&args.model, &args.field, selection).map_err(usage)?.with_row(row);
    let explainer = Explainer::new(args.tenant.clone(), &view, &live, offline.log.snapshot());
    let mut page = ContributionPage {
        counted: !args.not_counted,
        zeros: args.zeros,
        after: None,
        limit: ROWS_AT_ONCE.min(args.limit as usize),
        until: args.occurred_until,
    };
    let unknown = || Failure::Failed("nothing has the name that selects the figure".to_owned());
    let mut answer = explainer.explain(&question, &page, now)?.ok_or_else(unknown)?;
    while answer.contributions.len() < args.limit as usize
        && let Some(after) = answer.next_cursor.as_deref().and_then(|cursor| cursor.parse().ok())
    {
        page.after = Some(after);
        page.limit = ROWS_AT_ONCE.min(args.limit as usize - answer.contributions.len());
        let next = explainer.explain(&question, &page, now)?.ok_or_else(unknown)?;
        answer.contributions.extend(next.contributions);
        answer.next_cursor = next.next_cursor;
    }
    json(&answer)
}

/// The answer of a running server, with as many contributions as are asked for.
fn asked(config: &Config, args: &Args, server: &str) -> Result<Value, Failure> {
    let remote = Remote::of(config, Some(server))?;
    let read = runtime()?.block_on(async {
        let moment = [
            ("as_of_position", args.as_of_position.map(|at| at.to_string())),
            ("known_at", args.known_at.map(|at| at.to_string())),
            ("occurred_until", args.occurred_until.map(|at| at.to_string())),
        ];
        let moment = moment.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let moment: Vec<(&str, String)> = moment.collect();
        let route = format!("/api/v1/tenants/{}/explain", args.tenant);
        if args.is_of_fact() {
            return get(&remote, &format!("{route}/fact/{}", args.field), &moment).await;
        }
        let mut query = moment;
        query.extend([("model", args.model.clone()), ("field", args.field.clone())]);
        let pairs = args.pairs().map_err(Unanswered::Never)?;
        query.extend(pairs.into_iter().map(|(name, value)| (name, value.to_owned())));
        query.extend([("counted", (!args.not_counted).to_string()), ("zeros", args.zeros.to_string())]);
        let mut answer = Value::Null;
        loop {
            let told = answer["contributions"].as_array().map_or(0, Vec::len);
            let left = args.limit as usize - told;
            let cursor = answer["next_cursor"].as_str().map(|cursor| ("cursor", cursor.to_owned()));
            if left == 0 || (!answer.is_null() && cursor.is_none()) {
                return Ok(answer);
            }
            let limit = ("limit", ROWS_AT_ONCE.min(left).to_string());
            let asked: Vec<_> = query.iter().cloned().chain(cursor).chain([limit]).collect();
            let mut next = get(&remote, &route, &asked).await?;
            if let (Some(known), Some(more)) =
                (answer["contributions"].as_array_mut(), next["contributions"].as_array_mut())
            {
                known.append(more);
                answer["next_cursor"] = next["next_cursor"].take();
            } else {
                answer = next;
            }
        }
    });
    read.map_err(|unanswered| remote.failure(unanswered))
}

async fn get(remote: &Remote, path: &str, query: &[(&str, String)]) -> Result<Value, Unanswered> {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let answer = remote.ask(Method::GET, &format!("{path}?{query}")).send().await?;
    if answer.status() != StatusCode::OK {
        return Err(refused(answer).await);
    }
    Ok(answer.json::<Value>().await?)
}

/// A value in a table.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A figure's name in words.
fn named(figure: &Value) -> String {
    let selection = figure["selection"].as_object().into_iter().flatten();
    let selection: Vec<String> = selection.map(|(name, value)| format!("{name}={}", cell(value))).collect();
    let words = [cell(&figure["model"]), cell(&figure["field"]), selection.join(" ")];
    words.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>().join(" ")
}

fn rows<'a>(answer: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    answer[list].as_array().into_iter().flatten()
}

fn table<'a>(headings: &[&str], found: impl Iterator<Item = &'a Value>) -> Result<(), Failure> {
    output::table(headings, found.map(|row| headings.iter().map(|name| cell(&row[*name])).collect()))
}

fn show(args: &Args, answer: &Value) -> Result<(), Failure> {
    output::note(&format!(
        "{} = {} ({}) at position {}",
        named(&answer["figure"]),
        cell(&answer["value"]),
        cell(&answer["unit"]),
        answer["position"]
    ));
    if let Some(formula) = answer["formula"].as_object() {
        output::note(&format!("= {}", cell(&formula["text"])));
        let inputs = rows(&answer["formula"], "inputs")
            .map(|input| vec![named(&input["figure"]), cell(&input["value"])]);
        return output::table(&["input", "value"], inputs);
    }
    if let Some(rule) = answer["rule"].as_str() {
        output::note(&format!(
            "{rule}: {} subjects count, {} do not",
            answer["contributing_subjects"], answer["not_contributing_subjects"]
        ));
    }
    let headings: &[&str] = if args.not_counted {
        &["position", "subject", "kind", "occurred_at", "code", "reason"]
    } else if answer["total"].is_null() {
        &["position", "subject", "kind", "occurred_at", "before", "after"]
    } else {
        &["position", "subject", "kind", "occurred_at", "delta", "reason"]
    };
    table(headings, rows(answer, "contributions"))?;
    if answer["next_cursor"].is_string() {
        output::note(&format!("more than {}: see --limit", args.limit));
    }
    Ok(())
}

fn show_fact(answer: &Value) -> Result<(), Failure> {
    let facts: Vec<String> = rows(answer, "facts").map(cell).collect();
    output::note(&format!(
        "{} of {}; its facts: {}",
        answer["position"],
        cell(&answer["subject"]),
        facts.join(", ")
    ));
    let row = |verdict: &Value| {
        let moved = match (&verdict["delta"], &verdict["after"]) {
            (Value::Null, Value::Null) => "-".to_owned(),
            (Value::Null, after) => format!("{} → {}", cell(&verdict["before"]), cell(after)),
            (delta, _) => cell(delta),
        };
        vec![named(&verdict["figure"]), moved, cell(&verdict["code"]), cell(&verdict["reason"])]
    };
    output::table(&["figure", "delta", "code", "reason"], rows(answer, "figures").map(row))
}
