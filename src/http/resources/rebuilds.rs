//! Rebuilds of read models (E5): built beside the live ones, compared, swapped in, rolled back.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::json::FieldError;
use domain::keys::{Position, TenantId};
use domain::members::Text;
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{GlobalAccess, GlobalList};
use crate::http::api::json_body::{json_body, members};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::rendered::Rendered;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::{ModelDifference, RebuildError, RebuildStatus};

/// `/projections/{name}/rebuild` and what becomes of it.
pub fn routes() -> Routes {
    Routes::new("projections")
        .add(Need::Operator, routes!(start_rebuild))
        .add(Need::Auditor, routes!(get_rebuild))
        .add(Need::Operator, routes!(swap_rebuild))
        .add(Need::Operator, routes!(discard_rebuild))
        .add(Need::Operator, routes!(roll_back))
}

impl From<RebuildError> for Problem {
    fn from(error: RebuildError) -> Self {
        let detail = error.to_string();
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, detail.clone());
        match error {
            RebuildError::UnknownModel => Self::not_found("model"),
            RebuildError::UnknownTenant => Self::not_found("tenant"),
            RebuildError::NotFound => Self::not_found("rebuild"),
            RebuildError::Running(id) => conflict("rebuild_running").with("rebuild_id", id),
            RebuildError::NotReady(state) => conflict("rebuild_not_ready").with("state", state.as_str()),
            RebuildError::NoFormer => conflict("no_former_model"),
            RebuildError::Fold(error) => error.into(),
        }
    }
}

/// Which facts are folded.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct RebuildScope {
    /// Only this tenant's models; by default all tenants'.
    #[schema(required = false)]
    tenant: String,
}

/// A rebuild that has begun.
#[derive(Serialize, ToSchema)]
struct StartedRebuild {
    /// Its id.
    rebuild_id: String,
    /// The model, or `all`.
    name: String,
    /// Always `folding`.
    state: &'static str,
}

/// Builds a read model, or `all`, beside the live one. Facts are taken in and answers served meanwhile.
#[utoipa::path(
    post,
    path = "/api/v1/projections/{name}/rebuild",
    request_body = RebuildScope,
    responses(
        (status = 202, body = StartedRebuild),
        (status = 409, description = "Another rebuild is not finished"),
        (status = 422, description = "Invalid body")
    )
)]
async fn start_rebuild(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    _access: GlobalAccess,
    request: Request,
) -> Result<Response, Problem> {
    let body = json_body(request).await?;
    let tenant = members(&body, |at| {
        let named: Option<Text> = at.optional("tenant");
        match named.map(|name| TenantId::new(name.as_str())) {
            Some(Err(error)) => {
                at.faults(vec![FieldError { pointer: "/tenant".into(), message: error.to_string() }]);
                None
            }
            Some(Ok(tenant)) => Some(Some(tenant)),
            None => Some(None),
        }
    })?;
    let rebuild_id = app.engine.views.start_rebuild(&name, tenant.as_ref())?;
    let answer = StartedRebuild { rebuild_id, name, state: "folding" };
    Rendered::json(&answer)?.with_status(StatusCode::ACCEPTED)
}

/// How far a rebuild is, and once it is ready what differs.
#[derive(Serialize, ToSchema)]
struct RebuildAnswer {
    /// Its id.
    rebuild_id: String,
    /// The model, or `all`.
    name: String,
    /// The tenant whose models are built; null of all tenants.
    tenant: Option<String>,
    /// `folding`, `catching_up`, `ready`, `swapped`, `discarded` or `failed`.
    state: &'static str,
    /// The log position at which both models were compared, or at which it was swapped in; null before.
    position: Option<Position>,
    /// Facts that are folded.
    facts_done: u64,
    /// Facts of the log when it began.
    facts_total: u64,
    /// Facts folded in a second.
    facts_per_second: u64,
    /// Seconds until all are folded; null where that is not known, or done.
    eta_seconds: Option<u64>,
    /// Why it failed.
    error: Option<String>,
    /// What differs between the live model and the one that was built; null before both were compared.
    diff: Option<RebuildDiff>,
}

/// What differs between two builds of a model.
#[derive(Serialize, ToSchema)]
struct RebuildDiff {
    /// How many rows differ.
    rows: u64,
    /// How many figures of months differ.
    figures: u64,
    /// A page of the first 10,000 of them: rows before figures, tenant by tenant.
    items: Vec<ModelDifference>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// Gets how far a rebuild is; once it is ready, with pages of the rows and figures that differ.
#[utoipa::path(
    get,
    path = "/api/v1/projections/{name}/rebuild/{rebuild_id}",
    params(GlobalList),
    responses((status = 200, body = RebuildAnswer))
)]
async fn get_rebuild(
    State(app): State<Arc<App>>,
    Path((name, id)): Path<(String, String)>,
    list: GlobalList,
) -> Result<Response, Problem> {
    let from = list.after::<usize>()?.unwrap_or(0);
    let status = app.engine.views.rebuild_status(&name, &id)?;
    let listed = status.differences.as_ref().map_or(&[][..], |found| &found.listed);
    let items: Vec<ModelDifference> = listed.iter().skip(from).take(list.limit).cloned().collect();
    let next = from.saturating_add(items.len());
    let next_cursor = (next < listed.len()).then(|| next.to_string());
    let position = status.position.unwrap_or_default();
    list.page_with(Page { position, items, next_cursor }, |page| told(status.clone(), page))
}

fn told(status: RebuildStatus, page: Page<ModelDifference>) -> RebuildAnswer {
    let Page { items, next_cursor, .. } = page;
    let diff = status.differences.map(|found| RebuildDiff {
        rows: found.rows,
        figures: found.figures,
        items,
        next_cursor,
    });
    RebuildAnswer {
        rebuild_id: status.rebuild_id,
        name: status.name,
        tenant: status.tenant,
        state: status.state.as_str(),
        position: status.position,
        facts_done: status.facts_done,
        facts_total: status.facts_total,
        facts_per_second: status.facts_per_second,
        eta_seconds: status.eta_seconds,
        error: status.error,
        diff,
    }
}

/// A model that was exchanged, or a rebuild that was given up.
#[derive(Serialize, ToSchema)]
struct ExchangedModel {
    /// The model, or `all`.
    name: String,
    /// `swapped`, `rolled_back` or `discarded`.
    state: &'static str,
    /// The log position of the model that is live now; null where nothing was exchanged.
    position: Option<Position>,
}

fn exchanged(name: String, state: &'static str, position: Option<Position>) -> Result<Response, Problem> {
    Rendered::json(&ExchangedModel { name, state, position })?.with_status(StatusCode::OK)
}

/// Puts a rebuild that is ready in the place of the live model, in one step. The former model is kept for an hour, until the
/// next swap.
#[utoipa::path(
    post,
    path = "/api/v1/projections/{name}/rebuild/{rebuild_id}/swap",
    responses(
        (status = 200, body = ExchangedModel),
        (status = 409, description = "The rebuild is not ready")
    )
)]
async fn swap_rebuild(
    State(app): State<Arc<App>>,
    Path((name, id)): Path<(String, String)>,
    _access: GlobalAccess,
) -> Result<Response, Problem> {
    let (views, of) = (app.engine.views.clone(), name.clone());
    let position = blocking(move || views.swap_rebuild(&of, &id)).await??;
    exchanged(name, "swapped", Some(position))
}

/// Gives up a rebuild that is not swapped in.
#[utoipa::path(
    post,
    path = "/api/v1/projections/{name}/rebuild/{rebuild_id}/discard",
    responses(
        (status = 200, body = ExchangedModel),
        (status = 409, description = "The rebuild was swapped in, or failed")
    )
)]
async fn discard_rebuild(
    State(app): State<Arc<App>>,
    Path((name, id)): Path<(String, String)>,
    _access: GlobalAccess,
) -> Result<Response, Problem> {
    app.engine.views.discard_rebuild(&name, &id)?;
    exchanged(name, "discarded", None)
}

/// Puts the model that was live before the last swap in its place again, with the facts that came since.
#[utoipa::path(
    post,
    path = "/api/v1/projections/{name}/rollback",
    responses(
        (status = 200, body = ExchangedModel),
        (status = 409, description = "No former model is kept: it is an hour ago, or of another model")
    )
)]
async fn roll_back(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    _access: GlobalAccess,
) -> Result<Response, Problem> {
    let (views, of) = (app.engine.views.clone(), name.clone());
    let position = blocking(move || views.roll_back(&of)).await??;
    exchanged(name, "rolled_back", Some(position))
}
