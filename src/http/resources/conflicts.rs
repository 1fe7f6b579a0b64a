//! Conflicts: the evidence, and what a person decides of it (R1).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::keys::Position;
use domain::members::Text;
use projections::entities::conflicts::{ConflictItem, ConflictState};
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
    /// Which conflicts.
    Conflicts {
        /// Where they stand.
        state: ConflictState,
    }
}

/// A conflict with its evidence.
#[derive(Serialize, ToSchema)]
struct ConflictAnswer {
    #[serde(flatten)]
    conflict: ConflictItem,
    /// Where the two contents differ.
    diff: Vec<Difference>,
    /// How often the second content came since `counted_since`, and once for what the log held before.
    count: u32,
    /// When counting began: at the server's start, as only the first of each is a fact.
    counted_since: String,
}

fn with_evidence(app: &App, conflict: ConflictItem) -> Result<ConflictAnswer, Problem> {
    let Evidence { diff, count, counted_since } =
        app.engine.ingest.evidence(conflict.first_position, conflict.conflict_id)?;
    Ok(ConflictAnswer { conflict, diff, count, counted_since: counted_since.to_string() })
}

/// Contents that came under a known key, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/conflicts",
    params(List<Conflicts>),
    responses((status = 200, body = Page<ConflictAnswer>))
)]
async fn list_conflicts(State(app): State<Arc<App>>, list: List<Conflicts>) -> Result<Response, Problem> {
    let (state, after, limit) = (list.query.state, list.after::<Cursor>()?, list.limit);
    let (rows, position) = list.view.with(|tenant, position| (tenant.conflicts.rows.clone(), position));
    let read = move || -> Result<_, Problem> {
        let page = rows.page(position, state, after.as_ref(), limit);
        let items = page.items.into_iter().map(|item| with_evidence(&app, item));
        Ok(Page { position, items: items.collect::<Result<_, _>>()?, next_cursor: page.next_cursor })
    };
    // Counts move without a fact, so no position says what they are.
    list.page_at(blocking(read).await??)
}

/// One conflict.
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

/// What became of a decision.
#[derive(Serialize, ToSchema)]
struct DecisionAnswer {
    /// The conflict.
    conflict_id: Position,
    /// What holds: `accepted` or `rejected`.
    state: &'static str,
    /// `recorded`, or `existing` where the same was decided before.
    outcome: &'static str,
    /// Where the decision stands.
    position: Position,
}

/// Lets the second content replace the first in its entity; from then on it is a duplicate of the correction.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/conflicts/{conflict_id}/accept",
    responses(
        (status = 200, body = DecisionAnswer),
        (status = 409, description = "It was rejected before")
    )
)]
async fn accept_conflict(
    app: State<Arc<App>>,
    tenant: TenantAccess,
    path: Path<(String, String)>,
) -> Result<Json<DecisionAnswer>, Problem> {
    decide(app, tenant, path, ConflictVerdict::Accept).await
}

/// Lets the first content stand.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/conflicts/{conflict_id}/reject",
    responses(
        (status = 200, body = DecisionAnswer),
        (status = 409, description = "It was accepted before")
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
