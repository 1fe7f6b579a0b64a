//! The thin HTTP layer: parse, one call, render. One file per resource, each with its own `router()`.

mod accounts;
mod agents;
mod alert_targets;
mod alerts;
mod answer;
mod auth;
mod body;
mod calls;
mod command;
mod conflicts;
mod connections;
mod cors;
mod crm;
mod cursor;
mod deliveries;
mod dispositions;
mod document;
mod edge;
mod endpoints;
mod facts;
mod global;
mod health;
mod hooks;
mod leaderboard;
mod limits;
mod login;
mod metrics;
mod need;
mod notes;
mod observe;
mod outreach;
mod post;
mod posted;
mod problem;
mod projections;
mod quarantine;
mod query;
mod read;
mod recordings;
mod refusals;
mod reports;
mod restatements;
mod routes;
mod rows;
mod serve;
mod sessions;
mod stream;
mod sync;
mod targets;
mod tenant;
mod tenants;
mod tokens;
mod unread;
mod users;

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::{Extension, Router, middleware};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

pub use observe::install as install_metrics;
pub use serve::{ServeError, listen, serve};

use crate::engine::Engine;
use limits::RateLimits;
use problem::Problem;
use routes::Routes;

/// What is configured of this side.
#[derive(Clone)]
pub struct Settings {
    /// Origins whose pages may ask the API.
    pub cors: Vec<String>,
    /// Requests a second of one caller.
    pub requests_per_second: NonZeroU32,
    /// Requests of one caller at once, before that holds.
    pub requests_burst: NonZeroU32,
    /// Connections that are open at once.
    pub connections_max: usize,
    /// What shows what is measured, where something is.
    pub metrics: Option<PrometheusHandle>,
}

impl Default for Settings {
    /// Limits that one server does not come to with one honest caller, and nothing measured.
    fn default() -> Self {
        let many = NonZeroU32::new(100_000).unwrap_or(NonZeroU32::MAX);
        let connections_max = 10_000;
        Self {
            cors: Vec::new(),
            requests_per_second: many,
            requests_burst: many,
            connections_max,
            metrics: None,
        }
    }
}

/// What every handler sees.
pub struct App {
    engine: Engine,
    /// Cancelled when a stop was asked for: streams end, readiness ends, requests under way go on.
    stopping: CancellationToken,
    limits: Arc<RateLimits>,
    cors: Arc<[String]>,
    connections_max: usize,
    metrics: Option<PrometheusHandle>,
    /// Room for streams, each of which looks into the log.
    streams: Arc<Semaphore>,
    /// Names the build and the log that make the answers, in their ETags.
    build: Box<str>,
}

impl App {
    /// Serves `engine`.
    pub fn new(engine: Engine, settings: Settings) -> Self {
        let build = build(&engine);
        Self {
            engine,
            stopping: CancellationToken::new(),
            limits: Arc::new(RateLimits::new(settings.requests_per_second, settings.requests_burst)),
            cors: settings.cors.into(),
            connections_max: settings.connections_max,
            metrics: settings.metrics,
            streams: Arc::new(Semaphore::new(stream::STREAMS_MAX)),
            build,
        }
    }

    /// What is served.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Closes the engine, whoever still holds a handle of it.
    pub fn close(&self) {
        self.engine.close();
    }
}

/// Two builds may render one state differently, and two logs have the same positions.
fn build(engine: &Engine) -> Box<str> {
    let executable = std::env::current_exe().and_then(std::fs::metadata);
    let made = executable.and_then(|file| Ok((file.len(), file.modified()?)));
    let text = format!("{} {:?}", env!("CARGO_PKG_VERSION"), made.ok());
    format!("{:016x}", engine.secret.subject("", &text)).into()
}

/// Every route with what it needs.
fn routes() -> Routes {
    Routes::new("factfold")
        .merge(health::routes())
        .merge(document::routes())
        .merge(observe::routes())
        .merge(hooks::routes())
        .merge(facts::routes())
        .merge(stream::routes())
        .merge(projections::routes())
        .merge(metrics::routes())
        .merge(calls::routes())
        .merge(dispositions::routes())
        .merge(recordings::routes())
        .merge(sessions::routes())
        .merge(agents::routes())
        .merge(leaderboard::routes())
        .merge(outreach::routes())
        .merge(restatements::routes())
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
        .merge(alerts::routes())
        .merge(alert_targets::routes())
}

/// The routes behind what holds for every request.
pub fn router(app: Arc<App>) -> Router {
    let (routes, _) = routes().split();
    routes
        .fallback(async || Problem::not_found("route"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this route has no such method",
            )
        })
        .layer(Extension(Arc::clone(&app.limits)))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), auth::identify))
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(cors::layer(&app.cors))
        .layer(middleware::from_fn(unread::read_on))
        .layer(middleware::from_fn(edge::finish))
        .with_state(app)
}
