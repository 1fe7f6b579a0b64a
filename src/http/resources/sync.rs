//! Sync: runs of the tenant's sources, how fresh the CRM's figures are, and runs that a person asks for (B4, B11).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::keys::Position;
use domain::members::{Day, Instant};
use projections::entities::crm::run_list::{RunItem, SourceRuns, SyncStatus};
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{Command, List, Read};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::rendered::{AnswerAt, Rendered};
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::sync::{RetryState, SourceActivity, SourceName, StartError};

/// `/sync/status`, `/sync/sources`, `/sync/runs`, `/sync/run`.
pub fn routes() -> Routes {
    Routes::new("sync")
        .add(Need::Viewer, routes!(get_sync_status))
        .add(Need::Viewer, routes!(list_sync_sources))
        .add(Need::Viewer, routes!(list_sync_runs))
        .add(Need::Operator, routes!(run_sync))
        .add(Need::Operator, routes!(cancel_sync_run))
}

/// A request to a provider that failed and is made again.
#[derive(Serialize, ToSchema)]
struct Retrying {
    /// Tries so far, of at most four.
    tries: u32,
    /// Why the last one failed.
    error: String,
    /// When the next is made.
    next_try_at: String,
}

impl From<RetryState> for Retrying {
    fn from(state: RetryState) -> Self {
        let RetryState { tries, error, next_try_at } = state;
        Self { tries, error, next_try_at: next_try_at.to_string() }
    }
}

/// Freshness, and what goes on now.
#[derive(Serialize, ToSchema)]
struct SyncBanner {
    #[serde(flatten)]
    status: SyncStatus,
    /// What the last run failed on; null where it did not fail.
    error: Option<String>,
    /// The request that is being tried again, if one is.
    retrying: Option<Retrying>,
    /// When the next run is due; null where this server has none to make.
    next_run_at: Option<String>,
}

/// Freshness of the CRM's figures, with a text for a banner. Covers the main sync only, not the first pass over all
/// contacts' notes. What goes on now is told by the clock of the server, also where a past moment is asked for.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/sync/status",
    params(Read),
    responses((status = 200, body = AnswerAt<SyncBanner>))
)]
async fn get_sync_status(State(app): State<Arc<App>>, read: Read) -> Result<Response, Problem> {
    let (runs, position) = read.view.with(|tenant, position| {
        let crm = &tenant.crm.rows;
        (crm.runs().list(crm.texts()), position)
    });
    let activity = app.engine.sync.runner().activity(&read.tenant);
    let crm = activity.into_iter().find(|activity| activity.source == SourceName::ClientTether);
    let (next_run_at, retrying) = live(crm);
    let banner =
        SyncBanner { status: runs.status(position, read.at), error: runs.failure(), retrying, next_run_at };
    read.answer_at(&banner)
}

/// When the next run is due, and the request that is being tried again.
fn live(activity: Option<SourceActivity>) -> (Option<String>, Option<Retrying>) {
    let Some(SourceActivity { next_run_at, progress, .. }) = activity else { return (None, None) };
    let retrying = progress.and_then(|progress| progress.retrying).map(Retrying::from);
    (next_run_at.map(|at| at.to_string()), retrying)
}

/// A source of the tenant's.
#[derive(Serialize, ToSchema)]
struct SourceItem {
    /// `clienttether`, `emailbison` …
    source: String,
    /// Where its last run stands: `never`, `running`, `success`, `failed`.
    state: &'static str,
    /// The last run; null before the first.
    last_run_id: Option<String>,
    /// When the last run began.
    last_run_at: Option<String>,
    /// When the last successful run ended.
    last_success_at: Option<String>,
    /// When the next run is due; null where this server has none to make.
    next_run_at: Option<String>,
    /// Everything up to here is known; null where nothing is.
    complete_through: Option<String>,
    /// What the last run failed on; null where it did not fail.
    error: Option<String>,
    /// The request that is being tried again, if one is.
    retrying: Option<Retrying>,
    /// Answers that the run that goes on has got; null without one.
    pages: Option<u64>,
    /// Records and facts that it has read.
    records: Option<u64>,
}

/// Lists the sources that the tenant's configuration names or that have runs, by name.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/sync/sources",
    params(Read),
    responses((status = 200, content((AnswerAt<Page<SourceItem>> = "application/json"), (String = "text/csv"))))
)]
async fn list_sync_sources(State(app): State<Arc<App>>, read: Read) -> Result<Response, Problem> {
    let (runs, position) = read.view.with(|tenant, position| {
        let crm = &tenant.crm.rows;
        (crm.runs().list(crm.texts()), position)
    });
    let mut by_source = blocking(move || runs.by_source()).await?;
    let activity = app.engine.sync.runner().activity(&read.tenant);
    for activity in &activity {
        by_source.entry(activity.source.as_str().to_owned()).or_default();
    }
    let item = |(source, runs): (String, SourceRuns)| {
        let own = activity.iter().find(|activity| activity.source.as_str() == source).cloned();
        let progress = own.as_ref().and_then(|activity| activity.progress.clone());
        let (next_run_at, retrying) = live(own);
        let text = |at: Option<Instant>| at.map(|at| at.to_string());
        SourceItem {
            source,
            state: runs.state,
            last_run_id: runs.last_run,
            last_run_at: text(runs.last_run_at),
            last_success_at: text(runs.last_success_at),
            next_run_at,
            complete_through: text(runs.complete_through),
            error: runs.error,
            retrying,
            pages: progress.as_ref().map(|progress| progress.pages),
            records: progress.as_ref().map(|progress| progress.records),
        }
    };
    let items = by_source.into_iter().map(item).collect();
    read.rows_at(Page { position, items, next_cursor: None })
}

/// Lists sync runs, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/sync/runs",
    params(List),
    responses((status = 200, body = Page<RunItem>))
)]
async fn list_sync_runs(list: List) -> Result<Response, Problem> {
    let (runs, position) = list.view.with(|tenant, position| {
        let crm = &tenant.crm.rows;
        (crm.runs().list(crm.texts()), position)
    });
    let (after, limit) = (list.after()?, list.limit);
    list.page(blocking(move || runs.page(position, after.as_ref(), limit)).await?)
}

/// What a run is asked for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct RunBody {
    /// The source; `clienttether` where none is named.
    source: Option<String>,
    /// First day of a backfill, such as `2025-10-01`.
    from: Option<String>,
    /// Its last day, inclusive.
    to: Option<String>,
}

/// A run that goes on.
#[derive(Serialize, ToSchema)]
struct RunAccepted {
    /// The run.
    run_id: String,
    /// What is read.
    source: &'static str,
    /// `running`.
    status: &'static str,
    /// The log position of its `sync_started`.
    position: Position,
}

/// Begins a run of a source, or answers the one that goes on. With `from` and `to` it reads those days once more, where
/// the source can be asked for days.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/sync/run",
    request_body = RunBody,
    responses(
        (status = 202, body = RunAccepted),
        (status = 409, description = "The tenant's configuration has no such source, or it cannot be asked for days")
    )
)]
async fn run_sync(State(app): State<Arc<App>>, command: Command) -> Result<Response, Problem> {
    let (source, days) = command.body(|at| {
        let source: Option<SourceName> = at.optional("source");
        let (from, to): (Option<Day>, Option<Day>) = (at.optional("from"), at.optional("to"));
        let days = match (from, to) {
            (None, None) => None,
            (Some(from), Some(to)) if from <= to => Some((from, to)),
            (Some(_), Some(_)) => {
                at.fault_at("to", "must not be before from");
                None
            }
            (None, Some(_)) => {
                at.fault_at("from", "is required beside to");
                None
            }
            (Some(_), None) => {
                at.fault_at("to", "is required beside from");
                None
            }
        };
        Some((source.unwrap_or(SourceName::ClientTether), days))
    })?;
    if !app.engine.sync.is_open() {
        let detail = "runs begin once the read models are folded since the start";
        return Err(Problem::unavailable("not_folded", detail, 1));
    }
    let started = app.engine.sync.runner().start(&command.tenant, source, days).await.map_err(not_started)?;
    let accepted = RunAccepted {
        run_id: started.name.id.to_string(),
        source: source.as_str(),
        status: "running",
        position: started.position,
    };
    Rendered::json(&accepted)?.with_status(StatusCode::ACCEPTED)
}

fn not_started(error: StartError) -> Problem {
    let told = error.to_string();
    match error {
        StartError::NotConfigured(_) => Problem::new(StatusCode::CONFLICT, "source_not_configured", told),
        StartError::NoDays(_) => Problem::new(StatusCode::CONFLICT, "no_days", told),
        StartError::Stopping => Problem::unavailable("stopping", told, 5),
        StartError::Ingest(error) => error.into(),
    }
}

/// Cancels a run that goes on: it fails, and changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/sync/runs/{run_id}/cancel",
    responses((status = 202, description = "It ends now"), (status = 409, description = "No such run goes on here"))
)]
async fn cancel_sync_run(
    State(app): State<Arc<App>>,
    Path((_, run_id)): Path<(String, String)>,
    command: Command,
) -> Result<StatusCode, Problem> {
    command.body(|_| Some(()))?;
    if app.engine.sync.runner().cancel(&command.tenant, &run_id) {
        return Ok(StatusCode::ACCEPTED);
    }
    Err(Problem::new(StatusCode::CONFLICT, "not_running", "no such run goes on here"))
}
