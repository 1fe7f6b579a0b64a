//! The HTTP layer. `server` holds what concerns every request, `api` what routes are made of, `resources` one file per
//! resource that parses, makes one call to the engine and renders. This file puts them together.

mod api;
mod app;
mod resources;
mod server;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::{Extension, Router, middleware};
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;

pub use app::{App, Settings};
pub use server::limits::{Allowance, Allowances};
pub use server::observability::install as install_metrics;
pub use server::serve::{ServeError, bind, open};

use api::openapi::ApiDocument;
use api::problem::Problem;
use api::routes::Routes;
use api::{auth, openapi};
use resources::{
    accounts, agents, alert_targets, alerts, call_requests, calls, clock, conflicts, crm, deliveries,
    dispositions, endpoints, explain, exports, facts, health, home, hooks, imports, leaderboard, login,
    metrics, notes, outreach, projections, quarantine, recordings, reports, restatements, sessions, stream,
    stream_tickets, sync, targets, tenants, tokens, users, what_if,
};
use server::{cors, edge, lingering_close, observability};

/// Every route with its need.
fn routes() -> Routes {
    Routes::new("factfold")
        .merge(home::routes())
        .merge(health::routes())
        .merge(openapi::routes())
        .merge(observability::routes())
        .merge(hooks::routes())
        .merge(facts::routes())
        .merge(imports::routes())
        .merge(stream::routes())
        .merge(stream_tickets::routes())
        .merge(clock::routes())
        .merge(projections::routes())
        .merge(metrics::routes())
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
        .merge(tenants::routes())
        .merge(tokens::routes())
        .merge(users::routes())
        .merge(endpoints::routes())
        .merge(exports::routes())
        .merge(alerts::routes())
        .merge(alert_targets::routes())
}

/// The routes behind the layers of every request, the last added outermost.
pub fn router(app: Arc<App>) -> Router {
    let (routes, paths) = routes().split();
    routes
        .fallback(async || Problem::not_found("route"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this route does not support the method",
            )
        })
        .layer(Extension(Arc::new(ApiDocument::new(paths))))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), auth::identify))
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(cors::layer(&app.cors))
        .layer(middleware::from_fn(lingering_close::drain_body))
        .layer(middleware::from_fn(edge::finish))
        .with_state(app)
}

/// Serves `app` on `listener` until `stop` is done, then drains for at most 8 s.
pub async fn serve(listener: TcpListener, app: Arc<App>, stop: impl Future<Output = ()> + Send + 'static) {
    server::serve::serve(listener, router(Arc::clone(&app)), &app, stop).await;
}
