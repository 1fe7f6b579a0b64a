//! The bare limit of P1: the server's layers and token check around handlers that parse and store nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Outcome;
use super::site::TOKEN;

struct App {
    token: [u8; 32],
    position: AtomicU64,
}

/// Serves until it is killed.
pub fn serve() -> Outcome<()> {
    let app = Arc::new(App { token: Sha256::digest(TOKEN).into(), position: AtomicU64::new(0) });
    let tenant = Router::new()
        .route("/facts", post(take_fact))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), authorize));
    let router = Router::new()
        .route("/hooks/{provider}/{endpoint}", post(take_delivery))
        .nest("/api/v1/tenants/{tenant}", tenant)
        .layer(middleware::from_fn(name))
        .with_state(app);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        eprintln!("factfold serves http://{}, nothing is kept", listener.local_addr()?);
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn name(request: Request, next: Next) -> Response {
    let id = uuid::Uuid::now_v7().to_string();
    let mut response = next.run(request).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

async fn authorize(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if knows(&app, request.headers()) {
        next.run(request).await
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

fn knows(app: &App, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let digest: [u8; 32] = Sha256::digest(given.strip_prefix("Bearer ").unwrap_or_default()).into();
    bool::from(digest.ct_eq(&app.token))
}

async fn parsed(body: Body) -> Option<Value> {
    serde_json::from_slice(&to_bytes(body, 1 << 20).await.ok()?).ok()
}

async fn take_fact(State(app): State<Arc<App>>, Path(_): Path<String>, body: Body) -> Response {
    if parsed(body).await.is_none() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let position = app.position.fetch_add(1, Ordering::Relaxed) + 1;
    (StatusCode::CREATED, Json(json!({"outcome": "recorded", "position": position}))).into_response()
}

async fn take_delivery(State(app): State<Arc<App>>, Path(_): Path<(String, String)>, body: Body) -> Response {
    if parsed(body).await.is_none() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let position = app.position.fetch_add(1, Ordering::Relaxed) + 1;
    let id = uuid::Uuid::now_v7().to_string();
    let facts = json!([{"position": position, "outcome": "recorded"}]);
    Json(json!({"delivery_id": id, "outcome": "recorded", "facts": facts})).into_response()
}
