//! Sealed segments of a shared log, for a node that joins it: the files as they are, and the originals that their facts
//! name. They hold what no other route shows, logins and tokens among it, so the caller needs the role admin and proves
//! that he has the log's secret, as every node has.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::json::FieldError;
use domain::keys::Position;
use domain::members::Text;
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::engine::is_node_proof;
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::GlobalAccess;
use crate::http::api::json_body::{json_body, members};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::rendered::Rendered;
use crate::http::api::right::Right;
use crate::http::api::routes::Routes;
use crate::http::api::streamed::streamed;
use crate::http::api::unkept::unkept;
use crate::http::app::App;
use crate::log::LogSnapshot;

/// Bytes of a file that are read at once.
const PIECE: usize = 256 << 10;

/// `/cluster/segments`.
pub fn routes() -> Routes {
    Routes::new("cluster")
        .add(Need::Admin, routes!(list_segments))
        .add(Need::Admin, routes!(get_segment))
        .add(Need::Admin, routes!(get_originals))
}

/// What a node shows that asks for all segments.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what `asked` reads")]
struct SegmentsRequest {
    /// `SECONDS.SIGNATURE`, made with the log's secret, which every node has.
    proof: String,
}

/// What a node shows that asks for one.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what `asked` reads")]
struct SegmentRequest {
    /// As for the list; of this segment.
    proof: String,
    /// First position of the segment.
    first_position: u64,
}

/// The sealed segments of this node's log, oldest first.
#[derive(Serialize, ToSchema)]
struct Segments {
    /// Last position of this node's log. What no sealed segment has, the engine has.
    #[schema(value_type = u64)]
    position: Position,
    /// The segments.
    segments: Vec<Segment>,
}

/// A sealed segment.
#[derive(Serialize, ToSchema)]
struct Segment {
    /// Its first position.
    #[schema(value_type = u64)]
    first_position: Position,
    /// Its last one.
    #[schema(value_type = u64)]
    last_position: Position,
    /// Bytes of its file.
    bytes: u64,
    /// Root of the hash tree after its last fact, in hexadecimal digits.
    root: String,
}

/// Lists the sealed segments of a shared log, for a node that joins (`factfold cluster join`). The caller proves that he
/// has the log's secret.
#[utoipa::path(
    post,
    path = "/api/v1/cluster/segments",
    request_body = SegmentsRequest,
    responses(
        (status = 200, body = Segments),
        (status = 409, description = "`log_not_shared`: the log is this node's own")
    )
)]
async fn list_segments(
    State(app): State<Arc<App>>,
    _caller: GlobalAccess,
    request: Request,
) -> Result<Response, Problem> {
    asked(&app, "list", request).await?;
    let log = app.engine.log.snapshot();
    let position = log.head().position;
    let files = blocking(move || log.segment_files()).await?.map_err(|error| Problem::from(&error))?;
    let segments = files.into_iter().map(|file| Segment {
        first_position: file.first,
        last_position: file.last,
        bytes: file.bytes,
        root: hex::encode(file.root),
    });
    let answer = Rendered::json(&Segments { position, segments: segments.collect() })?;
    Ok(unkept(answer.with_status(StatusCode::OK)?))
}

/// Sends the file of a sealed segment. A file that is shorter than the list says was cut off.
#[utoipa::path(
    post,
    path = "/api/v1/cluster/segments/file",
    request_body = SegmentRequest,
    responses(
        (status = 200, description = "The file", content_type = "application/octet-stream", body = String),
        (status = 409, description = "`log_not_shared`: the log is this node's own")
    )
)]
async fn get_segment(
    State(app): State<Arc<App>>,
    access: GlobalAccess,
    request: Request,
) -> Result<Response, Problem> {
    let first = asked(&app, "file", request).await?;
    let log = app.engine.log.snapshot();
    let reading = log.clone();
    let beginning = blocking(move || reading.segment_piece(first, 0, 0)).await?;
    beginning.map_err(|error| Problem::from(&error))?.ok_or_else(|| Problem::not_found("segment"))?;
    sent(&app, &access, |send| pieces(log, first, send)).await
}

/// Sends the originals over 32 KB that the facts of a sealed segment name: for each 32 bytes SHA-256, 8 bytes length,
/// little-endian, and as many bytes. What its facts name and does not come was cut off.
#[utoipa::path(
    post,
    path = "/api/v1/cluster/segments/originals",
    request_body = SegmentRequest,
    responses(
        (status = 200, description = "The originals", content_type = "application/octet-stream", body = String),
        (status = 409, description = "`log_not_shared`: the log is this node's own")
    )
)]
async fn get_originals(
    State(app): State<Arc<App>>,
    access: GlobalAccess,
    request: Request,
) -> Result<Response, Problem> {
    let first = asked(&app, "originals", request).await?;
    let log = app.engine.log.snapshot();
    let reading = log.clone();
    let named = blocking(move || reading.segment_originals(first)).await?;
    let named = named.map_err(|error| Problem::from(&error))?.ok_or_else(|| Problem::not_found("segment"))?;
    sent(&app, &access, |send| originals(log, named, send)).await
}

/// The segment that a node asks a `part` of, 0 for the list of all; 422 without its proof.
async fn asked(app: &App, part: &str, request: Request) -> Result<Position, Problem> {
    let body = json_body(request).await?;
    let (proof, first) = members(&body, |at| {
        let proof: Option<Text> = at.required("proof");
        let first: Option<u64> = if part == "list" { Some(0) } else { at.required("first_position") };
        Some((proof?, first?))
    })?;
    let now = ((app.engine.clock)() / 1_000_000).max(0) as u64;
    if !is_node_proof(&app.engine.secret, part, first, proof.as_str(), now) {
        let message = "must be made with this log's secret within the last five minutes: is [log] secret the same \
                       on both nodes, and are their clocks right?";
        let fault = FieldError { pointer: "/proof".to_owned(), message: message.to_owned() };
        return Err(Problem::unprocessable("invalid_body", vec![fault]));
    }
    if app.engine.log.engine_status().is_none() {
        let detail = "the log is this node's own: nothing joins it; a backup copies it";
        return Err(Problem::new(StatusCode::CONFLICT, "log_not_shared", detail));
    }
    Ok(first)
}

async fn sent<F: Future<Output = ()> + Send + 'static>(
    app: &App,
    access: &GlobalAccess,
    make: impl FnOnce(mpsc::Sender<Bytes>) -> F,
) -> Result<Response, Problem> {
    let right = Right::new(Arc::clone(&app.engine.access), access.0.credential.clone(), None, Need::Admin);
    let permit = app.stream_permit(&access.0.id).await?;
    let headers = [("content-type", "application/octet-stream"), ("x-accel-buffering", "no")];
    Ok(unkept((headers, streamed(app, (right, permit), make))))
}

/// Sends the file of a segment; ends early where it cannot be read.
async fn pieces(log: LogSnapshot, first: Position, send: mpsc::Sender<Bytes>) {
    let mut at = 0;
    loop {
        let reading = log.clone();
        let piece = match blocking(move || reading.segment_piece(first, at, PIECE)).await {
            Ok(Ok(Some(piece))) if !piece.is_empty() => piece,
            Ok(Ok(_)) | Err(_) => return,
            Ok(Err(error)) => return tracing::error!(%error, first, "a segment could not be read"),
        };
        at += piece.len() as u64;
        if send.send(piece).await.is_err() {
            return;
        }
    }
}

/// Sends originals; ends early where one cannot be read.
async fn originals(
    log: LogSnapshot,
    named: impl IntoIterator<Item = ([u8; 32], u64)>,
    send: mpsc::Sender<Bytes>,
) {
    for (digest, len) in named {
        let reading = log.clone();
        let original = match blocking(move || reading.blob(&digest, len)).await {
            Ok(Ok(original)) => original,
            Ok(Err(error)) => return tracing::error!(%error, "an original could not be read"),
            Err(_) => return,
        };
        let begins = Bytes::from([&digest[..], &len.to_le_bytes()].concat());
        if send.send(begins).await.is_err() || send.send(original).await.is_err() {
            return;
        }
    }
}
