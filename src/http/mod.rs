//! The HTTP layer. `server` holds what concerns every request, `api` what routes are made of, `resources` one file per
//! resource that parses, makes one call to the engine and renders. This file puts them together.

mod api;
mod app;
mod resources;
mod server;

use std::sync::Arc;

use axum::extract::MatchedPath;
use axum::http::StatusCode;
use axum::{Extension, Router};
use tokio::net::TcpListener;

pub use app::{App, Settings};
pub use server::limits::{Allowance, Allowances};
pub use server::observability::install as install_metrics;
pub use server::serve::{ServeError, bind, open};

use api::openapi;
use api::openapi::ApiDocument;
use api::problem::Problem;
use api::routes::Routes;
use resources::{
    accounts, agents, alert_targets, alerts, call_requests, calls, clock, cluster, compare, conflicts, crm,
    deliveries, dispositions, endpoints, erasures, explain, exports, facts, health, hooks, imports,
    invitations, leaderboard, login, metrics, notes, outreach, pages, projections, proof_bundles, proofs,
    quarantine, rebuilds, recordings, reports, restatements, segments, sessions, stream, stream_tickets,
    sync, system, targets, tenants, tokens, unsubscribe, users, what_if,
};
use server::edge::RoutePath;
use server::front::Front;
use server::observability;

/// Every route with its need.
fn routes() -> Routes {
    Routes::new("factfold")
        .merge(pages::routes())
        .merge(health::routes())
        .merge(openapi::routes())
        .merge(observability::routes())
        .merge(hooks::routes())
        .merge(facts::routes())
        .merge(imports::routes())
        .merge(stream::routes())
        .merge(stream_tickets::routes())
        .merge(clock::routes())
        .merge(cluster::routes())
        .merge(segments::routes())
        .merge(system::routes())
        .merge(proofs::routes())
        .merge(proof_bundles::routes())
        .merge(projections::routes())
        .merge(rebuilds::routes())
        .merge(metrics::routes())
        .merge(compare::routes())
        .merge(calls::routes())
        .merge(call_requests::routes())
        .merge(dispositions::routes())
        .merge(recordings::routes())
        .merge(sessions::routes())
        .merge(agents::routes())
        .merge(leaderboard::routes())
        .merge(outreach::routes())
        .merge(restatements::routes())
        .merge(explain::routes())
        .merge(what_if::routes())
        .merge(conflicts::routes())
        .merge(quarantine::routes())
        .merge(accounts::routes())
        .merge(targets::routes())
        .merge(crm::routes())
        .merge(notes::routes())
        .merge(reports::routes())
        .merge(sync::routes())
        .merge(deliveries::routes())
        .merge(login::routes())
        .merge(invitations::routes())
        .merge(tenants::routes())
        .merge(tokens::routes())
        .merge(unsubscribe::routes())
        .merge(users::routes())
        .merge(endpoints::routes())
        .merge(exports::routes())
        .merge(erasures::routes())
        .merge(alerts::routes())
        .merge(alert_targets::routes())
}

/// The routes alone, with what is answered where there is none, and the API document of them.
fn handlers(app: Arc<App>) -> (Router, ApiDocument) {
    let (routes, paths) = routes().split();
    let routes = routes
        .fallback(pages::page)
        .method_not_allowed_fallback(async |route: MatchedPath| {
            let detail = "this route does not support the method";
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
            (Extension(RoutePath(route)), problem)
        })
        .with_state(app);
    (routes, ApiDocument::new(paths))
}

/// Serves `app` on `listener` until `stop` is done, then drains for at most 8 s.
///
/// # Errors
/// The operating system gives no threads.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let (routes, document) = handlers(Arc::clone(&app));
    let front = Front::new(Arc::clone(&app), routes, document);
    server::serve::serve(listener, front, &app, stop).await
}
