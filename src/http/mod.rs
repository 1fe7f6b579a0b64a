//! The thin HTTP layer: parse, one call, render. One file per resource, each with its own `router()`.

mod auth;
mod body;
mod calls;
mod command;
mod cursor;
mod facts;
mod health;
mod hooks;
mod metrics;
mod outreach;
mod post;
mod problem;
mod query;
mod serve;
mod tenant;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use uuid::Uuid;

pub use auth::Tokens;
pub use serve::{ServeError, listen, serve};

use crate::engine::Engine;
use problem::Problem;

/// What every handler sees.
pub struct App {
    engine: Engine,
    tokens: Tokens,
    draining: AtomicBool,
}

impl App {
    /// Serves `engine` to those with one of `tokens`.
    pub fn new(engine: Engine, tokens: Tokens) -> Self {
        Self { engine, tokens, draining: AtomicBool::new(false) }
    }

    /// Closes the engine, whoever still holds a handle of it.
    pub fn close(&self) {
        self.engine.close();
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every route.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(health::router())
        .merge(hooks::router())
        .nest("/api/v1/tenants/{tenant}", tenant::router(&app))
        .fallback(async || Problem::not_found("route"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this route has no such method",
            )
        })
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
