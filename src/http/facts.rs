//! Facts: what came in, one by one and in pages; and the way in for programs.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::facts::kind_named;
use domain::members::{Day, Instant};
use serde_json::{Value, json};

use super::body::{self, BATCH_MAX, SINGLE_MAX};
use super::problem::Problem;
use super::query::Query;
use super::tenant::{Tenant, content_type, view};
use super::{App, cursor, post};
use crate::views::facts::{FactError, FactFilter, original, page, show};

/// `/facts`, `/facts/by-key`, `/facts/{position}`.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/facts", get(list).post(take))
        .route("/facts/by-key", get(by_key))
        .route("/facts/{position}", get(one))
}

impl From<FactError> for Problem {
    fn from(error: FactError) -> Self {
        Self::internal(&error)
    }
}

const PARAMETERS: &[&str] =
    &["kind", "provider", "subject", "from", "to", "order", "limit", "cursor", "min_position"];

async fn list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    RawQuery(raw): RawQuery,
) -> Result<Json<Value>, Problem> {
    let query = Query::new(raw.as_deref(), PARAMETERS)?;
    let limit = query.limit()?;
    let order = |text: &str| match text {
        "asc" => Some(false),
        "desc" => Some(true),
        _ => None,
    };
    let descending = query.word("order", "must be asc or desc (the default)", order)?.unwrap_or(true);
    let zone = view(&app, &tenant, &query).await?.timeline().latest().zone;
    let instant_or = |name, of_day: &dyn Fn(Day) -> Instant| {
        query.word(name, "must be an instant such as 2025-10-09T12:00:00Z, or a date", |text| {
            Instant::parse(text).or_else(|| Day::parse(text).map(of_day))
        })
    };
    let filter = FactFilter {
        kind: query.word("kind", "is no kind of fact", kind_named)?,
        provider: query.text("provider").map(str::to_owned),
        subject: query.text("subject").map(|subject| app.engine.secret.subject(tenant.as_str(), subject)),
        from: instant_or("from", &|day| zone.start_of(day))?,
        before: instant_or("to", &|day| zone.start_of(Day(day.0 + 1)))?,
        descending,
        tenant,
    };
    let after: Option<(bool, u64)> = cursor::read("facts", query.text("cursor"))?;
    if after.is_some_and(|(order, _)| order != descending) {
        return Err(Problem::bad_request("bad_cursor", "the cursor is of the other order"));
    }
    let snapshot = app.engine.log.snapshot();
    let position = snapshot.head().position;
    let found = blocking(move || page(&snapshot, &filter, after.map(|(_, at)| at), limit)).await??;
    let next = found.next.map(|at| cursor::write("facts", &(descending, at))).transpose()?;
    Ok(Json(json!({"position": position, "items": found.items, "next_cursor": next})))
}

async fn one(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Path((_, position)): Path<(String, String)>,
    RawQuery(raw): RawQuery,
) -> Result<Json<Value>, Problem> {
    let query = Query::new(raw.as_deref(), &["raw"])?;
    let position = position.parse().map_err(|_| Problem::not_found("fact"))?;
    answer(&app, tenant.as_str(), position, wants_raw(&query)?).await
}

async fn by_key(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    RawQuery(raw): RawQuery,
) -> Result<Json<Value>, Problem> {
    let query = Query::new(raw.as_deref(), &["provider", "external_id", "raw"])?;
    let (Some(provider), Some(external_id)) = (query.text("provider"), query.text("external_id")) else {
        return Err(Problem::bad_request("missing_parameter", "give both 'provider' and 'external_id'"));
    };
    let key = app.engine.secret.key_hash(tenant.as_str(), provider, external_id);
    let log = app.engine.log.clone();
    let found = blocking(move || log.find(&key)).await?.map_err(|error| post::log_problem(&error))?;
    let (position, _) = found.ok_or_else(|| Problem::not_found("fact"))?;
    answer(&app, tenant.as_str(), position, wants_raw(&query)?).await
}

fn wants_raw(query: &Query) -> Result<bool, Problem> {
    Ok(query.word("raw", "must be true or false", |text| text.parse().ok())?.unwrap_or(false))
}

/// One fact of the tenant; another tenant's is answered as if it were not there (R7).
async fn answer(app: &Arc<App>, tenant: &str, position: u64, raw: bool) -> Result<Json<Value>, Problem> {
    let snapshot = app.engine.log.snapshot();
    let read = move || -> Result<_, FactError> {
        let fact = show(&snapshot, position)?;
        let payload = if raw && fact.is_some() { original(&snapshot, position)? } else { None };
        Ok((fact, payload))
    };
    let (fact, payload) = blocking(read).await??;
    let mut fact = fact.filter(|fact| fact["tenant"] == tenant).ok_or_else(|| Problem::not_found("fact"))?;
    if let Some(payload) = payload {
        match std::str::from_utf8(&payload) {
            Ok(text) => fact["original"] = text.into(),
            Err(_) => fact["original_base64"] = STANDARD.encode(&payload).into(),
        }
    }
    Ok(Json(fact))
}

/// Runs what reads files away from the async threads.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))
}

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

async fn take(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    RawQuery(raw): RawQuery,
    request: Request,
) -> Result<Response, Problem> {
    let query = Query::new(raw.as_deref(), &["results"])?;
    let all = query.word("results", "must be all", |text| (text == "all").then_some(()))?.is_some();
    let (parts, content) = request.into_parts();
    match content_type(&parts, &[JSON, NDJSON])? {
        NDJSON => post::lines(&app, &tenant, content, all).await,
        _ => {
            let bytes = body::whole(content, BATCH_MAX).await?;
            if bytes.trim_ascii_start().first() == Some(&b'[') {
                return post::array(&app, &tenant, bytes, all).await;
            }
            if bytes.len() > SINGLE_MAX {
                return Err(Problem::too_large(SINGLE_MAX));
            }
            let (status, answer) = post::single(&app, &tenant, bytes).await?;
            Ok((status, Json(answer)).into_response())
        }
    }
}

/// 201 for a new fact, 200 for one that was there.
pub fn status(recorded: bool) -> StatusCode {
    if recorded { StatusCode::CREATED } else { StatusCode::OK }
}
