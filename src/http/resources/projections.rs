//! The read models: how far each is folded, and its digest for comparison (E6).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::extractors::GlobalList;
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `/api/v1/projections`.
pub fn routes() -> Routes {
    Routes::new("projections").add(Need::Auditor, routes!(list_projections))
}

/// A read model.
#[derive(Serialize, ToSchema)]
struct Projection {
    /// The model's name.
    name: &'static str,
    /// Version of its rules and of the tz database: 1202502 is version 1 of the rules under 2025b.
    version: u32,
    /// Last log position that the model includes.
    position: u64,
    /// Facts of the log that the model does not include yet.
    lag: u64,
    /// Digest of the model's rows over all tenants, in hexadecimal. Equal logs give equal digests, however they were
    /// folded.
    digest: String,
    /// `live`, or `stopped` after an error: the model then stays at its position.
    state: &'static str,
}

/// Lists the read models with their digests, all at one position.
#[utoipa::path(
    get,
    path = "/api/v1/projections",
    params(GlobalList),
    responses((status = 200, body = Page<Projection>))
)]
async fn list_projections(State(app): State<Arc<App>>, list: GlobalList) -> Result<Response, Problem> {
    let from = list.after::<usize>()?.unwrap_or(0);
    app.engine.views.wait_for_all().await?;
    let models = app.engine.views.models().await?;
    let head = app.engine.log.head().position;
    let state = if app.engine.views.failure().is_some() { "stopped" } else { "live" };
    let items: Vec<Projection> = models
        .into_iter()
        .map(|model| Projection {
            name: model.name,
            version: model.version,
            position: model.position,
            lag: head.saturating_sub(model.position),
            digest: model.digest,
            state,
        })
        .collect();
    let position = items.first().map_or(head, |model| model.position);
    let (before, more) = (from.min(items.len()), items.len() > from.saturating_add(list.limit));
    let items = items.into_iter().skip(before).take(list.limit).collect();
    let next_cursor = more.then(|| (from + list.limit).to_string());
    list.page_with(Page { position, items, next_cursor }, |page| page)
}
