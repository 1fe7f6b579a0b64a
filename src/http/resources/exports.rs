//! Exports, streamed: one line of JSON a fact, with what proves it. Resumable by position.
//!
//! The first line is `{"log": {"position", "root"}}`: how far the export goes. The last is `{"end": {"position"}}`, without
//! which the answer was cut off. In between are facts and, of the whole log, `{"bridge": {"first_position", "leaves"}}`
//! in the place of facts that no export shows. The server holds few chunks a reader and reads on as the reader does.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::keys::{Position, TenantId};
use domain::record::KindTag;
use domain::rules::calendar::Bound;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{GlobalAccess, TenantAccess};
use crate::http::api::needs::{Need, Role};
use crate::http::api::problem::Problem;
use crate::http::api::query::{Parameters, Query, parameters};
use crate::http::api::right::Right;
use crate::http::api::routes::Routes;
use crate::http::api::streamed::streamed;
use crate::http::api::unkept::unkept;
use crate::http::app::App;
use crate::log::LogSnapshot;
use crate::views::export_scan::{ExportEntry, ExportScan, ExportSelection};
use crate::views::facts::FactError;

/// A chunk is sent once it has so many bytes.
const CHUNK_BYTES: usize = 256 << 10;
/// Positions that are looked at for a chunk: an export that finds nothing is paged by the work done.
const WINDOW: Position = 65_536;

/// `/log/export`, `/facts/export`.
pub fn routes() -> Routes {
    Routes::new("facts").add(Need::Auditor, routes!(export_log)).add(Need::Viewer, routes!(export_facts))
}

parameters! {
    /// What is exported.
    ExportQuery {
        /// The kind of the facts.
        kind: KindTag,
        /// The provider of the facts; the tenants' configuration is included.
        provider: String,
        /// Earliest `occurred_at`, inclusive; the tenants' configuration is included.
        from: Bound,
        /// Latest `occurred_at`: before this instant, or until the end of this day; as with `from`.
        to: Bound,
        /// Adds original payloads; requires the role auditor.
        raw: bool,
        /// Goes on behind this position.
        after: u64,
        /// Ends with this position; by default with the last one of the log.
        up_to: u64,
    }
}

/// Exports the whole log as NDJSON: every fact of every tenant with what its leaf is made of, and the leaves of tokens,
/// users and logins. `factfold export --server` writes file and manifest of it.
#[utoipa::path(
    get,
    path = "/api/v1/log/export",
    params(ExportQuery),
    responses(
        (status = 200, description = "Lines of an export", content_type = "application/x-ndjson", body = String),
        (status = 409, description = "`position_ahead`: the log ends before `after` or `up_to`")
    )
)]
async fn export_log(
    State(app): State<Arc<App>>,
    access: GlobalAccess,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let right = Right::new(Arc::clone(&app.engine.access), access.0.credential.clone(), None, Need::Auditor);
    answer(&app, None, (right, &access.0.id), query.as_deref()).await
}

/// Exports a tenant's facts as NDJSON, each with what its leaf is made of.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/facts/export",
    params(ExportQuery),
    responses(
        (status = 200, description = "Lines of an export", content_type = "application/x-ndjson", body = String),
        (status = 409, description = "`position_ahead`: the log ends before `after` or `up_to`")
    )
)]
async fn export_facts(
    State(app): State<Arc<App>>,
    tenant: TenantAccess,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let right = tenant.right(&app, Need::Viewer);
    answer(&app, Some((*tenant).clone()), (right, tenant.by()), query.as_deref()).await
}

async fn answer(
    app: &App,
    tenant: Option<TenantId>,
    (right, caller): (Right, &str),
    query: Option<&str>,
) -> Result<Response, Problem> {
    let query = ExportQuery::read(&Query::new(query, &[ExportQuery::KNOWN])?)?;
    let ExportQuery { kind, provider, from, to, raw, after, up_to } = query;
    let raw = raw == Some(true);
    let may_see_payloads = |role: Role| Need::Auditor.roles().contains(&role);
    if raw && !right.check().is_ok_and(may_see_payloads) {
        let detail =
            "original payloads contain personal and confidential data; 'raw' requires the role auditor";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let permit = app.stream_permit(caller).await?;
    let snapshot = app.engine.log.snapshot();
    let head = snapshot.head().position;
    let (after, up_to) = (after.unwrap_or(0), up_to.unwrap_or(head));
    Problem::unless_ahead(after.max(up_to), head)?;
    let (rooted, log) = (snapshot.clone(), snapshot);
    let root = blocking(move || rooted.root_at(up_to)).await?.map_err(|error| Problem::internal(&error))?;
    let selection = ExportSelection { tenant, kind, provider, from, to, raw };
    let first = line(&json!({"log": {"position": up_to, "root": hex::encode(root)}}));
    let lines = streamed(app, (right, permit), |send| chunks(log, selection, after, up_to, first, send));
    let headers = [("content-type", "application/x-ndjson"), ("x-accel-buffering", "no")];
    Ok(unkept((headers, lines)))
}

fn line(value: &Value) -> Vec<u8> {
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// Sends the export; ends early where the log cannot be read, which its missing end tells.
async fn chunks(
    log: LogSnapshot,
    selection: ExportSelection,
    mut after: Position,
    up_to: Position,
    mut bytes: Vec<u8>,
    send: mpsc::Sender<Bytes>,
) {
    let mut scan = ExportScan::new(log, selection);
    while after < up_to {
        let read = blocking(move || {
            let done = chunk(&mut scan, after, up_to.min(after.saturating_add(WINDOW)), &mut bytes);
            (scan, bytes, done)
        });
        let Ok((walked, full, done)) = read.await else { return };
        (scan, bytes) = (walked, full);
        match done {
            Ok(position) => after = position,
            Err(error) => return tracing::error!(%error, after, "an export ended: the log could not be read"),
        }
        if bytes.len() >= CHUNK_BYTES && send.send(std::mem::take(&mut bytes).into()).await.is_err() {
            return;
        }
    }
    bytes.extend(line(&json!({"end": {"position": up_to}})));
    // A reader that is gone needs no end.
    let _ = send.send(bytes.into()).await;
}

/// Appends lines behind `after` until the chunk is full; answers the last position that was looked at.
fn chunk(
    scan: &mut ExportScan,
    after: Position,
    up_to: Position,
    bytes: &mut Vec<u8>,
) -> Result<Position, FactError> {
    let mut reached = up_to;
    scan.walk(after + 1, up_to, &mut |entry| {
        let position = match entry {
            ExportEntry::Bridged(position, leaf) => {
                let run = json!({"first_position": position, "leaves": [hex::encode(leaf)]});
                bytes.extend(line(&json!({"bridge": run})));
                position
            }
            ExportEntry::Fact(fact, _) => {
                if let Err(error) = serde_json::to_writer(&mut *bytes, &fact) {
                    // Nothing of a fact fails to be JSON, and writing to memory does not fail.
                    tracing::error!(%error, "a fact could not be rendered");
                }
                bytes.push(b'\n');
                fact.fact.position
            }
        };
        if bytes.len() < CHUNK_BYTES {
            return ControlFlow::Continue(());
        }
        reached = position;
        ControlFlow::Break(())
    })?;
    Ok(reached)
}
