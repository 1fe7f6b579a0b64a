//! Undo: facts are voided and restored, one or many, or only asked what that would change (E13).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::facts::kind_named;
use domain::json::{FieldError, Reader};
use domain::keys::Position;
use domain::members::{Instant, Text};
use projections::figures::restatements::FigureChange;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::BatchQuery;
use super::posted::{BatchAnswer, LineAnswer};
use crate::commands::{NewVoid, UNDONE_MAX, Undo, UndoOutcome, VoidRejection, VoidSelection};
use crate::http::api::extractors::{Command, CommandResponse, TenantAccess};
use crate::http::api::json_body::{json_body_within, members};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{Parameters, Query};
use crate::http::api::rendered::Rendered;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// Most bytes of a selection.
const SELECTION_BYTES_MAX: usize = 16 << 20;
/// Most figures that a preview lists.
const CHANGES_MAX: usize = 10_000;

/// `/facts/{position}/void` and `/void`.
pub fn routes() -> Routes {
    Routes::new("facts")
        .add(Need::Operator, routes!(void_fact))
        .add(Need::Operator, routes!(restore_fact))
        .add(Need::Operator, routes!(void_facts))
}

/// Why a fact is voided.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct VoidReason {
    /// Why, in at most 1,024 bytes.
    reason: String,
}

/// A void, or its end.
#[derive(Serialize, ToSchema)]
struct VoidAnswer {
    /// The fact that was voided or restored.
    voided_position: Position,
    /// Whether it counts nowhere now.
    voided: bool,
}

fn place(position: &str) -> Result<Position, Problem> {
    position.parse().map_err(|_| Problem::not_found("fact"))
}

/// Voids a fact: from now on it counts as if it had never come. As of earlier positions it stands as it stood, and its
/// key stays taken.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/facts/{position}/void",
    params(Command),
    request_body = VoidReason,
    responses(
        (status = 201, description = "Recorded", body = CommandResponse<VoidAnswer>),
        (status = 200, description = "The same request was recorded before", body = CommandResponse<VoidAnswer>),
        (status = 409, description = "The fact is voided already, or of a kind that is not voided"),
        (status = 422, description = "Invalid body, or the idempotency key was used for another request")
    )
)]
async fn void_fact(
    State(app): State<Arc<App>>,
    Path((_, position)): Path<(String, String)>,
    command: Command,
) -> Result<Response, Problem> {
    let position = place(&position)?;
    let reason = command.body(|at| at.required("reason"))?;
    let void = NewVoid { reason, by: Text::new(command.tenant.by()) };
    let receipt =
        app.engine.commands.void_fact(&command.tenant, command.key.as_ref(), position, &void).await?;
    CommandResponse::response(&receipt, VoidAnswer { voided_position: position, voided: true })
}

/// Restores a voided fact: it counts as if it had never been voided.
#[utoipa::path(
    delete,
    path = "/api/v1/tenants/{tenant}/facts/{position}/void",
    responses(
        (status = 200, body = CommandResponse<VoidAnswer>),
        (status = 409, description = "The fact was never voided")
    )
)]
async fn restore_fact(
    State(app): State<Arc<App>>,
    tenant: TenantAccess,
    Path((_, position)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let position = place(&position)?;
    let receipt = app.engine.commands.restore_fact(&tenant, position, Text::new(tenant.by())).await?;
    CommandResponse::changed(&receipt, VoidAnswer { voided_position: position, voided: false })
}

impl From<VoidRejection> for Problem {
    fn from(rejection: VoidRejection) -> Self {
        let detail = rejection.to_string();
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, detail.clone());
        match rejection {
            VoidRejection::NotFound => Self::not_found("fact"),
            VoidRejection::NotVoidable(kind) => conflict("not_voidable").with("kind", kind),
            VoidRejection::AlreadyVoided(at) => conflict("already_voided").with("void_position", at),
            VoidRejection::NotVoided => conflict("not_voided"),
            VoidRejection::TooMany => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many_facts", detail),
        }
    }
}

/// The key of a fact.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct FactKey {
    /// From whom it came.
    provider: String,
    /// Its id there.
    external_id: String,
}

/// Which facts are voided: `positions`, or `keys`, or all of a provider or kind or recorded in a span.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct VoidedFacts {
    /// The facts at these positions, at most 100,000.
    positions: Option<Vec<u64>>,
    /// The facts with these keys, at most 100,000.
    keys: Option<Vec<FactKey>>,
    /// All facts of this provider.
    provider: Option<String>,
    /// All facts of this kind.
    kind: Option<String>,
    /// All facts that were recorded from this instant on.
    recorded_from: Option<String>,
    /// All facts that were recorded before this instant.
    recorded_to: Option<String>,
    /// Why; required unless `undo`.
    reason: Option<String>,
    /// Restores the facts instead.
    undo: Option<bool>,
    /// Records nothing and answers what would change.
    dry_run: Option<bool>,
}

/// What a request about many facts would change; nothing was recorded.
#[derive(Serialize, ToSchema)]
struct PreviewAnswer {
    /// True at this position.
    position: Position,
    /// Always true.
    dry_run: bool,
    /// Facts that would be voided or restored.
    facts: u64,
    /// Facts that are so already.
    duplicates: u64,
    /// Facts that cannot be voided or restored, or are not there.
    rejected: u64,
    /// What would not be recorded, and why.
    results: Vec<LineAnswer>,
    /// The figures of months that would change, the earliest month first.
    changes: Vec<FigureChange>,
    /// True where there are more than 10,000 changes and the rest is left out.
    changes_cut: bool,
}

/// The answer of `POST /void`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum VoidFactsAnswer {
    /// The results.
    Batch(BatchAnswer),
    /// With `dry_run`: what would change.
    Preview(PreviewAnswer),
}

/// A request about many facts.
struct ManyFacts {
    selection: VoidSelection,
    reason: Option<Text>,
    undo: bool,
    dry_run: bool,
}

fn many(at: &mut Reader<'_>) -> Option<ManyFacts> {
    let positions: Vec<Position> = at.list("positions", UNDONE_MAX);
    let keys = at.rows("keys", UNDONE_MAX, |key| {
        let (provider, external_id) = (key.required::<Text>("provider"), key.required::<Text>("external_id"));
        Some((provider?.as_str().to_owned(), external_id?.as_str().to_owned()))
    });
    let provider: Option<Text> = at.optional("provider");
    let kind: Option<Text> = at.optional("kind");
    let known = kind.as_ref().map(|kind| kind_named(kind.as_str()));
    if matches!(known, Some(None)) {
        at.fault_at("kind", "is not a kind of fact");
    }
    let recorded_from: Option<Instant> = at.optional("recorded_from");
    let recorded_to: Option<Instant> = at.optional("recorded_to");
    let undo = at.optional("undo").unwrap_or(false);
    let reason = if undo { at.optional("reason") } else { at.required("reason") };
    let dry_run = at.optional("dry_run").unwrap_or(false);
    let by_span = provider.is_some() || kind.is_some() || recorded_from.is_some() || recorded_to.is_some();
    let selection = match (positions.is_empty(), keys.is_empty(), by_span) {
        (false, true, false) => VoidSelection::Positions(positions),
        (true, false, false) => VoidSelection::Keys(keys),
        (true, true, true) => VoidSelection::Facts {
            provider: provider.map(|provider| provider.as_str().to_owned()),
            kind: known.flatten(),
            recorded_from,
            recorded_to,
        },
        _ => {
            let rule =
                "must select by one of positions, keys, or provider, kind, recorded_from and recorded_to";
            at.faults(vec![FieldError { pointer: String::new(), message: rule.into() }]);
            return None;
        }
    };
    Some(ManyFacts { selection, reason, undo, dry_run })
}

/// Voids many facts, each by itself, answered like a batch; with `dry_run`, what that would change by month.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/void",
    params(BatchQuery),
    request_body = VoidedFacts,
    responses(
        (status = 200, description = "The results, or with `dry_run` what would change", body = VoidFactsAnswer),
        (status = 413, description = "A body over 16 MiB"),
        (status = 422, description = "Invalid selection, or more than 100,000 facts")
    )
)]
async fn void_facts(
    State(app): State<Arc<App>>,
    tenant: TenantAccess,
    request: Request,
) -> Result<Response, Problem> {
    let all = BatchQuery::read(&Query::new(request.uri().query(), &[BatchQuery::KNOWN])?)?.results.is_some();
    let body = json_body_within(request, SELECTION_BYTES_MAX).await?;
    let ManyFacts { selection, reason, undo, dry_run } = members(&body, many)?;
    let by = Text::new(tenant.by());
    let undo = match reason {
        Some(reason) if !undo => Undo::Void(NewVoid { reason, by }),
        _ => Undo::Restore(by),
    };
    let commands = &app.engine.commands;
    let positions = commands.selected_facts(&tenant, selection).await?;
    let outcomes = commands.undo_facts(&tenant, &positions, &undo, dry_run).await?;
    if dry_run {
        return preview(&app, &tenant, &outcomes, matches!(undo, Undo::Void(_))).await;
    }
    let mut answer = BatchAnswer::default();
    for (line, outcome) in (1..).zip(&outcomes) {
        let (outcome, position, error) = told(outcome);
        answer.add(LineAnswer::told(line, outcome, position, error), all);
    }
    Rendered::json(&VoidFactsAnswer::Batch(answer))?.with_status(StatusCode::OK)
}

fn told(outcome: &UndoOutcome) -> (&'static str, Option<Position>, Option<String>) {
    match outcome {
        UndoOutcome::Recorded(position) | UndoOutcome::Would(position) => ("recorded", Some(*position), None),
        UndoOutcome::Stands(position) => ("duplicate", Some(*position), None),
        UndoOutcome::Rejected(why) => ("rejected", None, Some(why.to_string())),
    }
}

async fn preview(
    app: &App,
    tenant: &TenantAccess,
    outcomes: &[UndoOutcome],
    voided: bool,
) -> Result<Response, Problem> {
    let mut batch = BatchAnswer::default();
    let mut positions = BTreeSet::new();
    for (line, outcome) in (1..).zip(outcomes) {
        if let UndoOutcome::Would(position) = outcome {
            positions.insert(*position);
        }
        let (outcome, position, error) = told(outcome);
        batch.add(LineAnswer::told(line, outcome, position, error), false);
    }
    let turn = app.search_turn(tenant.by()).await?;
    let preview = app.engine.views.preview_void(tenant, positions, voided).await?;
    drop(turn);
    let mut preview = preview.ok_or_else(|| Problem::not_found("tenant"))?;
    let changes_cut = preview.changes.len() > CHANGES_MAX;
    preview.changes.truncate(CHANGES_MAX);
    let answer = PreviewAnswer {
        position: preview.position,
        dry_run: true,
        facts: batch.tally.recorded,
        duplicates: batch.tally.duplicates,
        rejected: batch.tally.rejected,
        results: batch.results,
        changes: preview.changes,
        changes_cut,
    };
    Rendered::json(&VoidFactsAnswer::Preview(answer))?.with_status(StatusCode::OK)
}
