//! What a posted fact, or many, are answered with.

use std::io::Read;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::keys::TenantId;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::App;
use super::body::BATCH_MAX;
use super::facts::status;
use super::problem::Problem;
use crate::ingest::answer::{IngestError, Posted, Tally};
use crate::ingest::items::{LineError, Lines, elements};
use crate::ingest::post::Poster;
use crate::log::LogError;

/// Lines that go to the log together.
const LINES: usize = 1_024;
/// Results that are told in one answer; what is beyond is counted, and `results_cut` says so.
const RESULTS_MAX: usize = 100_000;

/// What the log could not do, as an answer.
pub fn log_problem(error: &LogError) -> Problem {
    match error {
        LogError::Busy => Problem::unavailable("log_busy", "too many facts wait to be recorded", 1),
        LogError::Full => Problem::unavailable("disk_full", "the disk is full; nothing was recorded", 10),
        LogError::Stopped(_) => {
            Problem::unavailable("log_stopped", "the log takes no facts until a restart", 30)
        }
        other => Problem::internal(other),
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        match &error {
            IngestError::Log(log) => log_problem(log),
            IngestError::Random(_) | IngestError::Unreadable { .. } | IngestError::Engine(_) => {
                Self::internal(&error)
            }
        }
    }
}

/// One fact.
pub async fn single(app: &App, tenant: &TenantId, json: Bytes) -> Result<(StatusCode, Value), Problem> {
    match app.engine.ingest.post(tenant, Poster::Admin, json).await? {
        Posted::Recorded(position) => {
            Ok((status(true), json!({"outcome": "recorded", "position": position})))
        }
        Posted::Duplicate(position) => {
            Ok((status(false), json!({"outcome": "duplicate", "position": position})))
        }
        Posted::Conflict(conflict) => {
            let detail =
                format!("this key was recorded at position {} with other content", conflict.first_position);
            Err(Problem::new(StatusCode::CONFLICT, "conflict", detail)
                .with("outcome", "conflict")
                .with("first_position", conflict.first_position)
                .with("first_digest", conflict.first_digest)
                .with("second_digest", conflict.second_digest)
                .with("diff", json!(conflict.diff))
                .with("count", conflict.count))
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
    tally: Tally,
    lines: Vec<Value>,
    all: bool,
    cut: bool,
}

impl Results {
    fn new(all: bool) -> Self {
        Self { tally: Tally::default(), lines: Vec::new(), all, cut: false }
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
        let result = |outcome: &str, position: Option<u64>, error: Option<String>| json!({"line": line, "outcome": outcome, "position": position, "error": error});
        self.lines.push(match posted {
            Posted::Recorded(position) => result("recorded", Some(*position), None),
            Posted::Duplicate(position) => result("duplicate", Some(*position), None),
            Posted::Conflict(conflict) => {
                let fields: Vec<&str> = conflict.diff.iter().map(|diff| diff.pointer.as_str()).collect();
                let error = format!("recorded before with other content: {}", fields.join(", "));
                result("conflict", Some(conflict.first_position), Some(error))
            }
            Posted::Rejected(errors) => {
                let mut rejected = result("rejected", None, errors.first().map(ToString::to_string));
                rejected["errors"] = json!(errors);
                rejected
            }
            Posted::Unparsable(why) => result("rejected", None, Some(format!("no JSON: {why}"))),
            Posted::NotAccepted(kind) => result("rejected", None, Some(format!("kind_not_accepted: {kind}"))),
            Posted::Forbidden(kind) => {
                result("rejected", None, Some(format!("this role may not post {kind}")))
            }
        });
    }

    fn rejected(&mut self, line: u64, why: String) {
        self.add(line, &Posted::Unparsable(why));
    }

    fn answer(self) -> Response {
        let mut answer = json!(self.tally);
        answer["results"] = self.lines.into();
        if self.cut {
            answer["results_cut"] = true.into();
        }
        Json(answer).into_response()
    }
}

/// A JSON array: broken anywhere, nothing is recorded.
pub async fn array(app: &App, tenant: &TenantId, json: Bytes, all: bool) -> Result<Response, Problem> {
    let elements = elements(json).map_err(|error| {
        Problem::bad_request("malformed_json", format!("the body is no JSON array: {error}"))
    })?;
    let (mut results, mut line) = (Results::new(all), 0);
    let mut elements = elements.peekable();
    while elements.peek().is_some() {
        let batch: Vec<Bytes> = elements.by_ref().take(LINES).collect();
        for posted in app.engine.ingest.post_batch(tenant, Poster::Admin, batch).await? {
            line += 1;
            results.add(line, &posted);
        }
    }
    Ok(results.answer())
}

/// NDJSON, taken as it comes: each line stands alone.
pub async fn lines(app: &Arc<App>, tenant: &TenantId, body: Body, all: bool) -> Result<Response, Problem> {
    let (pipe, input) = tokio::sync::mpsc::channel::<Bytes>(16);
    let (sender, mut parsed) = tokio::sync::mpsc::channel::<Vec<(u64, Result<Bytes, LineError>)>>(2);
    let cutter = tokio::task::spawn_blocking(move || {
        let mut lines = Lines::new(Pipe { input, rest: Bytes::new() });
        loop {
            let batch: Vec<_> = lines.by_ref().take(LINES).collect();
            if batch.is_empty() || sender.blocking_send(batch).is_err() {
                break;
            }
        }
    });
    let feeder = tokio::spawn(feed(body, pipe));
    let mut results = Results::new(all);
    while let Some(batch) = parsed.recv().await {
        let mut numbers = Vec::with_capacity(batch.len());
        let mut facts = Vec::with_capacity(batch.len());
        for (number, line) in batch {
            match line {
                Ok(line) => {
                    numbers.push(number);
                    facts.push(line);
                }
                Err(error) => results.rejected(number, error.to_string()),
            }
        }
        let answers = app.engine.ingest.post_batch(tenant, Poster::Admin, facts).await?;
        for (number, posted) in numbers.into_iter().zip(answers) {
            results.add(number, &posted);
        }
    }
    cutter.await.map_err(|error| Problem::internal(&error))?;
    let fed = feeder.await.map_err(|error| Problem::internal(&error))?;
    match fed {
        Ok(()) => Ok(results.answer()),
        Err(problem) => {
            // The lines before the fault are recorded, so the caller is told how far it came.
            Err(problem
                .with("recorded", results.tally.recorded)
                .with("last_position", results.tally.last_position))
        }
    }
}

async fn feed(body: Body, pipe: tokio::sync::mpsc::Sender<Bytes>) -> Result<(), Problem> {
    let mut body = std::pin::pin!(body);
    let mut taken = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::bad_request("body_cut_short", "the body ended before its announced length")
        })?;
        let Ok(bytes) = frame.into_data() else { continue };
        taken += bytes.len();
        if taken > BATCH_MAX {
            return Err(Problem::too_large(BATCH_MAX));
        }
        if pipe.send(bytes).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// The body as the cutter reads it, on a thread that may block.
struct Pipe {
    input: tokio::sync::mpsc::Receiver<Bytes>,
    rest: Bytes,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() {
            match self.input.blocking_recv() {
                Some(bytes) => self.rest = bytes,
                None => return Ok(0),
            }
        }
        let len = self.rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&self.rest.split_to(len));
        Ok(len)
    }
}
