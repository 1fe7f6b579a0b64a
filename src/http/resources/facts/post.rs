//! Posting facts: one, a JSON array, or an NDJSON stream.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::keys::Position;
use serde_json::json;
use tokio::time::Instant;

use super::posted::{BatchAnswer, LineAnswer, PostAnswer, PostFactsAnswer};
use crate::http::api::auth::revoked;
use crate::http::api::blocking::blocking;
use crate::http::api::body::{self, BATCH_MAX, BATCH_WAIT};
use crate::http::api::extractors::TenantAccess;
use crate::http::api::needs::{Need, Role};
use crate::http::api::problem::Problem;
use crate::http::api::right::Right;
use crate::http::app::App;
use crate::http::server::observability;
use crate::ingest::answer::{BatchTally, Posted};
use crate::ingest::items::{Cutter, LINE_BYTES_MAX, LineError, elements};
use crate::ingest::post::PostingRole;

/// Facts that go to the log together, few enough that parsing them does not delay other requests.
const LINES: usize = 64;
/// Bytes of facts that go to the log together.
const CHUNK_BYTES: usize = 256 * 1024;

/// What a role may post. The gate admits no role that may post nothing.
fn poster(role: Role) -> PostingRole {
    match role {
        Role::Viewer | Role::Auditor | Role::Agent => PostingRole::Agent,
        Role::Operator => PostingRole::Operator,
        Role::Admin => PostingRole::Admin,
    }
}

/// Posts one fact.
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
        Posted::Recorded(position) => {
            Ok((StatusCode::CREATED, PostAnswer { outcome: "recorded", position, voided: false }))
        }
        Posted::Duplicate(position) => {
            let voided = app.engine.views.is_voided(tenant, position);
            Ok((StatusCode::OK, PostAnswer { outcome: "duplicate", position, voided }))
        }
        Posted::Conflict(conflict) => {
            let detail = format!(
                "this key was recorded at position {} with different content",
                conflict.first_position
            );
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
            Err(Problem::bad_request("malformed_json", format!("invalid JSON: {why}")))
        }
        Posted::NotAccepted(kind) => {
            let detail = format!("facts of kind {kind} are made by the engine and cannot be posted");
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "kind_not_accepted", detail))
        }
        Posted::Forbidden(kind) => {
            Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", format!("this role may not post {kind}")))
        }
    }
}

/// The results of a batch so far: counts, and a line for each fact that was not recorded.
struct Results {
    answer: BatchAnswer,
    all: bool,
}

impl Results {
    fn new(all: bool) -> Self {
        Self { answer: BatchAnswer::default(), all }
    }

    fn add(&mut self, line: u64, posted: &Posted, is_voided: impl Fn(Position) -> bool) {
        self.answer.tally.add(posted);
        if !self.all && matches!(posted, Posted::Recorded(_)) {
            return;
        }
        let mut line = LineAnswer::new(line, posted);
        line.voided = matches!(posted, Posted::Duplicate(position) if is_voided(*position));
        self.answer.list(line, self.all);
    }

    fn rejected(&mut self, line: u64, why: String) {
        self.add(line, &Posted::Unparsable(why), |_| false);
    }

    fn answer(self) -> Response {
        observability::posted(&self.answer.tally);
        Json(PostFactsAnswer::Batch(self.answer)).into_response()
    }
}

/// A batch on its way to the log, chunk by chunk. Results keep the order of the lines, those that do not parse included.
struct Chunks<'a> {
    app: &'a App,
    tenant: &'a TenantAccess,
    right: Right,
    results: Results,
    lines: Vec<(u64, Result<Bytes, LineError>)>,
    bytes: usize,
}

impl<'a> Chunks<'a> {
    fn new(app: &'a App, tenant: &'a TenantAccess, all: bool) -> Self {
        let right = tenant.right(app, Need::Agent);
        Self { app, tenant, right, results: Results::new(all), lines: Vec::with_capacity(LINES), bytes: 0 }
    }

    async fn add(&mut self, number: u64, line: Result<Bytes, LineError>) -> Result<(), Problem> {
        self.bytes += line.as_ref().map_or(0, Bytes::len);
        self.lines.push((number, line));
        if self.lines.len() == LINES || self.bytes >= CHUNK_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Problem> {
        // A body may go on for minutes: what it brings after the right to post was lost is not taken.
        let role = self.right.check().map_err(|_| self.so_far(revoked()))?;
        let facts = self.lines.iter().filter_map(|(_, line)| line.as_ref().ok().cloned()).collect();
        let answers = self.app.engine.ingest.post_batch(self.tenant, poster(role), facts).await;
        let mut answers = answers.map_err(|error| self.so_far(error.into()))?.into_iter();
        for (number, line) in self.lines.drain(..) {
            match line {
                Ok(_) => {
                    if let Some(posted) = answers.next() {
                        let is_voided = |position| self.app.engine.views.is_voided(self.tenant, position);
                        self.results.add(number, &posted, is_voided);
                    }
                }
                Err(error) => self.results.rejected(number, error.to_string()),
            }
        }
        self.bytes = 0;
        Ok(())
    }

    /// Adds the counts so far to a problem: facts of earlier chunks stay recorded when a later one fails.
    fn so_far(&self, problem: Problem) -> Problem {
        let tally = &self.results.answer.tally;
        problem
            .with("recorded", tally.recorded)
            .with("duplicates", tally.duplicates)
            .with("conflicts", tally.conflicts)
            .with("rejected", tally.rejected)
            .with("last_position", tally.last_position)
    }
}

/// Posts a JSON array. Nothing is recorded where the array is malformed anywhere, so it is parsed whole first.
pub async fn array(app: &App, tenant: &TenantAccess, json: Bytes, all: bool) -> Result<Response, Problem> {
    let elements = blocking(move || elements(json)).await?;
    let elements = elements
        .map_err(|error| Problem::bad_request("malformed_json", format!("malformed JSON array: {error}")))?;
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

/// Posts NDJSON as it arrives: a malformed line is rejected by itself.
pub async fn lines(app: &App, tenant: &TenantAccess, mut body: Body, all: bool) -> Result<Response, Problem> {
    let mut chunks = Chunks::new(app, tenant, all);
    let (mut cutter, mut taken) = (Cutter::default(), 0);
    let (deadline, right) = (Instant::now() + BATCH_WAIT, chunks.right.clone());
    loop {
        let read = tokio::select! {
            read = body::next(&mut body) => read,
            () = right.lost() => Err(revoked()),
        };
        let Some(bytes) = read.map_err(|problem| chunks.so_far(problem))? else { break };
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
