//! The thin HTTP layer: parse, one call, render. One file per resource, each with its own `router()`.

mod accounts;
mod answer;
mod auth;
mod body;
mod calls;
mod command;
mod conflicts;
mod connections;
mod crm;
mod cursor;
mod deliveries;
mod document;
mod facts;
mod global;
mod health;
mod hooks;
mod metrics;
mod need;
mod notes;
mod outreach;
mod post;
mod posted;
mod problem;
mod quarantine;
mod query;
mod read;
mod refusals;
mod restatements;
mod routes;
mod rows;
mod serve;
mod sessions;
mod stream;
mod sync;
mod targets;
mod tenant;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use auth::Tokens;
pub use serve::{ServeError, listen, serve};

use crate::engine::Engine;
use problem::Problem;
use routes::Routes;

/// What every handler sees.
pub struct App {
    engine: Engine,
    tokens: Tokens,
    /// Cancelled when a stop was asked for: streams end, readiness ends, requests under way go on.
    stopping: CancellationToken,
    /// Room for streams, each of which looks into the log.
    streams: Arc<Semaphore>,
    /// Names the build and the log that make the answers, in their ETags.
    build: Box<str>,
}

impl App {
    /// Serves `engine` to those with one of `tokens`.
    pub fn new(engine: Engine, tokens: Tokens) -> Self {
        let build = build(&engine);
        Self {
            engine,
            tokens,
            stopping: CancellationToken::new(),
            streams: Arc::new(Semaphore::new(stream::STREAMS_MAX)),
            build,
        }
    }

    /// Closes the engine, whoever still holds a handle of it.
    pub fn close(&self) {
        self.engine.close();
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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
        .merge(hooks::routes())
        .merge(facts::routes())
        .merge(stream::routes())
        .merge(metrics::routes())
        .merge(calls::routes())
        .merge(sessions::routes())
        .merge(outreach::routes())
        .merge(restatements::routes())
        .merge(conflicts::routes())
        .merge(quarantine::routes())
        .merge(accounts::routes())
        .merge(targets::routes())
        .merge(crm::routes())
        .merge(notes::routes())
        .merge(sync::routes())
        .merge(deliveries::routes())
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
        .layer(middleware::from_fn_with_state(Arc::clone(&app), auth::identify))
        .layer(middleware::from_fn(name_and_render))
        .with_state(app)
}

/// What the framework refuses by itself (a path that is no UTF-8) has no body of ours yet.
fn is_plain_refusal(response: &Response) -> bool {
    let is_problem = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|media| media.as_bytes() == b"application/problem+json");
    (response.status().is_client_error() || response.status().is_server_error()) && !is_problem
}

/// Gives the request an id, and problems their body with it.
async fn name_and_render(request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let allow = response.headers_mut().remove(header::ALLOW);
        response = problem.render(&id);
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    } else if is_plain_refusal(&response) {
        let detail = "the request could not be read";
        response = Problem::new(response.status(), "bad_request", detail).render(&id);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
