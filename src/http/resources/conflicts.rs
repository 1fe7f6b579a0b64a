//! Conflicts: their evidence, and the decisions on them (R1).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::keys::Position;
use domain::members::Text;
use projections::entities::conflicts::list::ConflictItem;
use projections::entities::conflicts::row::ConflictState;
use projections::store::{Cursor, Page};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::ConflictRejection;
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{List, Read, TenantAccess};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{parameters, word_values};
use crate::http::api::rendered::{AnswerAt, ItemAnswer};
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::ingest::conflict::{Difference, Evidence};
use crate::ingest::verdict::ConflictVerdict;

/// `/conflicts` and its decisions.
pub fn routes() -> Routes {
    Routes::new("conflicts")
        .add(Need::Auditor, routes!(list_conflicts))
        .add(Need::Auditor, routes!(get_conflict))
        .add(Need::Operator, routes!(accept_conflict))
        .add(Need::Operator, routes!(reject_conflict))
}

word_values!(ConflictState);

parameters! {
    /// The filter of conflicts.
    ConflictQuery {
        /// `open`, `accepted` or `rejected`.
        state: ConflictState,
    }
}

/// A conflict with its evidence.
#[derive(Serialize, ToSchema)]
struct ConflictAnswer {
    #[serde(flatten)]
    conflict: ConflictItem,
    /// The members in which the two contents differ.
    diff: Vec<Difference>,
    /// How often the second content was delivered: since `counted_since`, plus one where it was recorded before.
    count: u32,
    /// The start of the count: the server's start, since only the first delivery is recorded as a fact.
    counted_since: String,
}

fn with_evidence(app: &App, conflict: ConflictItem) -> Result<ConflictAnswer, Problem> {
    let Evidence { diff, count, counted_since } =
        app.engine.ingest.evidence(conflict.first_position, conflict.conflict_id)?;
    Ok(ConflictAnswer { conflict, diff, count, counted_since: counted_since.to_string() })
}

/// Lists conflicts, newest first: facts that were delivered again under the same key with different content.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/conflicts",
    params(List<ConflictQuery>),
    responses((status = 200, body = Page<ConflictAnswer>))
)]
async fn list_conflicts(State(app): State<Arc<App>>, list: List<ConflictQuery>) -> Result<Response, Problem> {
    let (state, after, limit) = (list.query.state, list.after::<Cursor>()?, list.limit);
    let (rows, position) = list.view.with(|tenant, position| (tenant.conflicts.rows.clone(), position));
    let read = move || -> Result<_, Problem> {
        let page = rows.page(position, state, after.as_ref(), limit);
        let items = page.items.into_iter().map(|item| with_evidence(&app, item));
        Ok(Page { position, items: items.collect::<Result<_, _>>()?, next_cursor: page.next_cursor })
    };
    // Counts change without a fact, so a position does not identify the answer.
    list.page_at(blocking(read).await??)
}

/// Gets one conflict with its evidence.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/conflicts/{conflict_id}",
    params(Read),
    responses((status = 200, body = AnswerAt<ItemAnswer<ConflictAnswer>>))
)]
async fn get_conflict(
    State(app): State<Arc<App>>,
    Path((_, conflict_id)): Path<(String, String)>,
    read: Read,
) -> Result<Response, Problem> {
    let id: Position = conflict_id.parse().map_err(|_| Problem::not_found("conflict"))?;
    let (found, position) = read.view.with(|tenant, position| (tenant.conflicts.rows.get(id), position));
    let item = found.ok_or_else(|| Problem::not_found("conflict"))?;
    let answer = blocking(move || with_evidence(&app, item)).await??;
    read.answer_at(&ItemAnswer { position, answer })
}

/// The result of a decision.
#[derive(Serialize, ToSchema)]
struct DecisionAnswer {
    /// The conflict.
    conflict_id: Position,
    /// `accepted` or `rejected`.
    state: &'static str,
    /// `recorded`, or `existing` where the same decision was made before.
    outcome: &'static str,
    /// Log position of the decision.
    position: Position,
}

/// Accepts a conflict: the second content replaces the first. Later deliveries of it are duplicates of this correction.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/conflicts/{conflict_id}/accept",
    responses(
        (status = 200, body = DecisionAnswer),
        (status = 409, description = "The conflict was rejected before")
    )
)]
async fn accept_conflict(
    app: State<Arc<App>>,
    tenant: TenantAccess,
    path: Path<(String, String)>,
) -> Result<Json<DecisionAnswer>, Problem> {
    decide(app, tenant, path, ConflictVerdict::Accept).await
}

/// Rejects a conflict: the first content stands.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/conflicts/{conflict_id}/reject",
    responses(
        (status = 200, body = DecisionAnswer),
        (status = 409, description = "The conflict was accepted before")
    )
)]
async fn reject_conflict(
    app: State<Arc<App>>,
    tenant: TenantAccess,
    path: Path<(String, String)>,
) -> Result<Json<DecisionAnswer>, Problem> {
    decide(app, tenant, path, ConflictVerdict::Reject).await
}

async fn decide(
    State(app): State<Arc<App>>,
    tenant: TenantAccess,
    Path((_, conflict_id)): Path<(String, String)>,
    verdict: ConflictVerdict,
) -> Result<Json<DecisionAnswer>, Problem> {
    let id: Position = conflict_id.parse().map_err(|_| Problem::not_found("conflict"))?;
    let receipt = app.engine.commands.decide_conflict(&tenant, id, verdict, Text::new(tenant.by())).await?;
    let outcome = if receipt.recorded.is_some() { "recorded" } else { "existing" };
    Ok(Json(DecisionAnswer { conflict_id: id, state: verdict.state(), outcome, position: receipt.answer }))
}

impl From<ConflictRejection> for Problem {
    fn from(rejection: ConflictRejection) -> Self {
        match rejection {
            ConflictRejection::NotFound => Self::not_found("conflict"),
            ConflictRejection::Decided { verdict, position } => {
                let problem = Self::new(StatusCode::CONFLICT, "already_decided", rejection.to_string());
                problem.with("state", verdict.state()).with("decision_position", position)
            }
        }
    }
}
