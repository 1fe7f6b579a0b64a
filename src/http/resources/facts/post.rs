//! What a posted fact, or many, are answered with.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::Instant;

use super::posted::{Answered, BatchAnswer, LineAnswer, PostAnswer};
use crate::http::api::blocking::blocking;
use crate::http::api::body::{self, BATCH_MAX, BATCH_WAIT};
use crate::http::api::extractors::TenantAccess;
use crate::http::api::needs::Role;
use crate::http::api::problem::Problem;
use crate::http::app::App;
use crate::http::server::observability;
use crate::ingest::answer::{BatchTally, Posted};
use crate::ingest::items::{Cutter, LINE_BYTES_MAX, LineError, elements};
use crate::ingest::post::PostingRole;

/// Lines that go to the log together, few enough that reading them does not hold up other requests.
const LINES: usize = 64;
/// Bytes of lines that go to the log together.
const CHUNK_BYTES: usize = 256 * 1024;
/// Results that are told in one answer; what is beyond is counted, and `results_cut` says so.
const RESULTS_MAX: usize = 100_000;

/// What a role may post; who may post nothing does not come so far.
fn poster(role: Role) -> PostingRole {
    match role {
        Role::Viewer | Role::Auditor | Role::Agent => PostingRole::Agent,
        Role::Operator => PostingRole::Operator,
        Role::Admin => PostingRole::Admin,
    }
}

/// One fact.
pub async fn single(
    app: &App,
    tenant: &TenantAccess,
    json: Bytes,
) -> Result<(StatusCode, PostAnswer), Problem> {
    let posted = app.engine.ingest.post(tenant, poster(tenant.role()), json).await?;
    let mut tally = BatchTally::default();
    tally.add(&posted);
    observability::posted(&tally);
    match posted {
        Posted::Recorded(position) => Ok((StatusCode::CREATED, PostAnswer { outcome: "recorded", position })),
        Posted::Duplicate(position) => Ok((StatusCode::OK, PostAnswer { outcome: "duplicate", position })),
        Posted::Conflict(conflict) => {
            let detail =
                format!("this key was recorded at position {} with other content", conflict.first_position);
            Err(Problem::new(StatusCode::CONFLICT, "conflict", detail)
                .with("outcome", "conflict")
                .with("first_position", conflict.first_position)
                .with("first_digest", conflict.first_digest)
                .with("second_digest", conflict.second_digest)
                .with("diff", json!(conflict.diff))
                .with("count", conflict.count)
                .with("counted_since", conflict.counted_since)
                .with("conflict_id", conflict.position))
        }
        Posted::Rejected(errors) => Err(Problem::unprocessable("invalid_fact", errors)),
        Posted::Unparsable(why) => {
            Err(Problem::bad_request("malformed_json", format!("the body is no JSON: {why}")))
        }
        Posted::NotAccepted(kind) => {
            let detail = format!("facts of kind {kind} are made by the engine only");
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "kind_not_accepted", detail))
        }
        Posted::Forbidden(kind) => {
            Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", format!("this role may not post {kind}")))
        }
    }
}

/// What a batch is answered with: counts, and a line for what was not recorded.
struct Results {
    tally: BatchTally,
    lines: Vec<LineAnswer>,
    all: bool,
    cut: bool,
}

impl Results {
    fn new(all: bool) -> Self {
        Self { tally: BatchTally::default(), lines: Vec::new(), all, cut: false }
    }

    fn add(&mut self, line: u64, posted: &Posted) {
        self.tally.add(posted);
        if !self.all && matches!(posted, Posted::Recorded(_)) {
            return;
        }
        if self.lines.len() == RESULTS_MAX {
            self.cut = true;
            return;
        }
        self.lines.push(LineAnswer::new(line, posted));
    }

    fn rejected(&mut self, line: u64, why: String) {
        self.add(line, &Posted::Unparsable(why));
    }

    fn answer(self) -> Response {
        let Self { tally, lines, cut, .. } = self;
        observability::posted(&tally);
        Json(Answered::Batch(BatchAnswer { tally, results: lines, results_cut: cut })).into_response()
    }
}

/// Facts on their way to the log: a chunk of lines, told in their order whatever becomes of them.
struct Chunks<'a> {
    app: &'a App,
    tenant: &'a TenantAccess,
    results: Results,
    lines: Vec<(u64, Result<Bytes, LineError>)>,
    bytes: usize,
}

impl<'a> Chunks<'a> {
    fn new(app: &'a App, tenant: &'a TenantAccess, all: bool) -> Self {
        Self { app, tenant, results: Results::new(all), lines: Vec::with_capacity(LINES), bytes: 0 }
    }

    async fn add(&mut self, number: u64, line: Result<Bytes, LineError>) -> Result<(), Problem> {
        self.bytes += line.as_ref().map_or(0, Bytes::len);
        self.lines.push((number, line));
        if self.lines.len() == LINES || self.bytes >= CHUNK_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Problem> {
        let facts = self.lines.iter().filter_map(|(_, line)| line.as_ref().ok().cloned()).collect();
        let answers = self.app.engine.ingest.post_batch(self.tenant, poster(self.tenant.role()), facts).await;
        let mut answers = answers.map_err(|error| self.so_far(error.into()))?.into_iter();
        for (number, line) in self.lines.drain(..) {
            match line {
                Ok(_) => {
                    if let Some(posted) = answers.next() {
                        self.results.add(number, &posted);
                    }
                }
                Err(error) => self.results.rejected(number, error.to_string()),
            }
        }
        self.bytes = 0;
        Ok(())
    }

    /// Facts that were answered before something went wrong are recorded, so the caller is told how far it came.
    fn so_far(&self, problem: Problem) -> Problem {
        let tally = &self.results.tally;
        problem
            .with("recorded", tally.recorded)
            .with("duplicates", tally.duplicates)
            .with("conflicts", tally.conflicts)
            .with("rejected", tally.rejected)
            .with("last_position", tally.last_position)
    }
}

/// A JSON array: broken anywhere, nothing is recorded.
pub async fn array(app: &App, tenant: &TenantAccess, json: Bytes, all: bool) -> Result<Response, Problem> {
    let elements = blocking(move || elements(json)).await?;
    let elements = elements.map_err(|error| {
        Problem::bad_request("malformed_json", format!("the body is no JSON array: {error}"))
    })?;
    let mut chunks = Chunks::new(app, tenant, all);
    for (element, number) in elements.zip(1..) {
        let fits = element.len() <= LINE_BYTES_MAX;
        chunks
            .add(number, if fits { Ok(element) } else { Err(LineError::TooLong(LINE_BYTES_MAX >> 20)) })
            .await?;
    }
    chunks.flush().await?;
    Ok(chunks.results.answer())
}

/// NDJSON, taken as it comes: each line stands alone.
pub async fn lines(app: &App, tenant: &TenantAccess, mut body: Body, all: bool) -> Result<Response, Problem> {
    let mut chunks = Chunks::new(app, tenant, all);
    let (mut cutter, mut taken) = (Cutter::default(), 0);
    let deadline = Instant::now() + BATCH_WAIT;
    while let Some(bytes) = body::next(&mut body).await.map_err(|problem| chunks.so_far(problem))? {
        if Instant::now() > deadline {
            return Err(chunks.so_far(body::too_slow()));
        }
        taken += bytes.len();
        if taken > BATCH_MAX {
            return Err(chunks.so_far(Problem::too_large(BATCH_MAX)));
        }
        cutter.push(&bytes);
        while let Some((number, line)) = cutter.next_line() {
            chunks.add(number, line).await?;
        }
    }
    if let Some((number, line)) = cutter.last_line() {
        chunks.add(number, line).await?;
    }
    chunks.flush().await?;
    Ok(chunks.results.answer())
}
