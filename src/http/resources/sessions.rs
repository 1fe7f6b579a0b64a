//! Dialer sessions: start, resume, end, attempts, next lead (C1, C2, C3).
//!
//! These commands need no `Idempotency-Key`: what they record has a key of its own, so sent again they answer what
//! stands.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::facts::LIST_MAX;
use domain::json::{FieldError, Reader};
use domain::keys::Position;
use domain::members::{Email, Text};
use domain::rules::outcomes::Outcome;
use domain::rules::session::SessionRejection;
use projections::entities::sessions::item::SessionItem;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::commands::Receipt;
use crate::http::api::extractors::{Command, CommandResponse, Read, wait_for};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{RequiredValue, parameters};
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::SessionAnswer;

/// What lead ids may take of a fact's body, in bytes: 5,000 UUIDs fit, and the body's other members beside them.
const LEADS_BYTES_MAX: usize = 190_000;

/// `/sessions` and below.
pub fn routes() -> Routes {
    Routes::new("sessions")
        .add(Need::Agent, routes!(start_session))
        .add(Need::Viewer, routes!(get_active_session))
        .add(Need::Viewer, routes!(get_session))
        .add(Need::Agent, routes!(resume_session))
        .add(Need::Agent, routes!(end_session))
        .add(Need::Agent, routes!(attempt_lead))
        .add(Need::Agent, routes!(next_lead, next_lead_by_get))
}

impl From<SessionRejection> for Problem {
    fn from(rejected: SessionRejection) -> Self {
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, rejected.to_string());
        match &rejected {
            SessionRejection::Unknown => Self::not_found("session"),
            SessionRejection::Ended => conflict("session_ended"),
            SessionRejection::TimedOut => conflict("session_timed_out"),
            SessionRejection::OtherActive(other) => {
                conflict("other_session_active").with("session_id", other.as_str())
            }
            SessionRejection::UnknownLead => {
                let message = "is not a lead of this session".to_owned();
                Self::unprocessable("unknown_lead", vec![FieldError { pointer: "/lead_id".into(), message }])
            }
        }
    }
}

/// A command's answer that is true at `position`, as the state was read after it.
fn at<T>(receipt: &Receipt<T>, position: Position) -> Receipt<Position> {
    Receipt { answer: position, recorded: receipt.recorded.map(|_| position) }
}

fn changed(done: Receipt<SessionAnswer>) -> Result<Response, Problem> {
    let receipt = at(&done, done.answer.position);
    CommandResponse::changed(&receipt, done.answer.session)
}

/// The id in the path; what is no text is no session.
fn id(text: &str) -> Result<Text, Problem> {
    Text::new(text).ok_or_else(|| Problem::not_found("session"))
}

/// A session to start.
#[derive(ToSchema)]
#[schema(as = NewSession)]
#[expect(dead_code, reason = "documents what start_session reads")]
struct NewSession {
    /// Who works it.
    agent: String,
    /// The list's pipeline.
    pipeline_id: String,
    /// The leads in queue order, at least one, at most 5,000; one named twice is queued once.
    #[schema(min_items = 1, max_items = 5000)]
    lead_ids: Vec<String>,
}

fn new_session(at: &mut Reader<'_>) -> Option<(Email, Text, Vec<Text>)> {
    let agent = at.required("agent");
    let pipeline = at.required("pipeline_id");
    let leads: Vec<Text> = at.filled("lead_ids", LIST_MAX);
    // On the wire a text has its length before it: one byte, or three from 251 bytes on.
    let wire = |lead: &Text| lead.as_str().len() + if lead.as_str().len() < 251 { 1 } else { 3 };
    if leads.iter().map(wire).sum::<usize>() > LEADS_BYTES_MAX {
        at.fault_at("lead_ids", "must be at most 190,000 bytes in all");
    }
    Some((agent?, pipeline?, leads))
}

/// Gets the active session of agent and pipeline, or starts one. Needs no idempotency key.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/sessions",
    request_body = NewSession,
    responses(
        (status = 201, body = CommandResponse<SessionItem>, description = "Started"),
        (status = 200, body = CommandResponse<SessionItem>, description = "The active one, whatever its leads"),
        (status = 422, description = "Fields at fault")
    )
)]
async fn start_session(State(app): State<Arc<App>>, command: Command) -> Result<Response, Problem> {
    let (agent, pipeline, leads) = command.body(new_session)?;
    let done = app.engine.commands.start_session(&command.tenant, &agent, &pipeline, &leads).await?;
    let receipt = at(&done, done.answer.position);
    CommandResponse::response(&receipt, done.answer.session)
}

parameters! {
    /// Whose session.
    Active {
        /// Who works it.
        agent: RequiredValue<Email>,
        /// The list's pipeline.
        pipeline_id: RequiredValue<Text>,
    }
}

/// The active session of agent and pipeline.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/sessions/active",
    params(Read<Active>),
    responses((status = 200, body = SessionAnswer))
)]
async fn get_active_session(read: Read<Active>) -> Result<Response, Problem> {
    let (Some(RequiredValue(agent)), Some(RequiredValue(pipeline))) =
        (&read.query.agent, &read.query.pipeline_id)
    else {
        return Err(Problem::bad_request("missing_parameter", "give both 'agent' and 'pipeline_id'"));
    };
    let answer = read.view.active_session(agent, pipeline);
    let answer = answer.ok_or_else(|| Problem::not_found("active session"))?;
    read.answer(answer.position, &answer)
}

/// A session.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/sessions/{session_id}",
    params(Read),
    responses((status = 200, body = SessionAnswer))
)]
async fn get_session(Path((_, session_id)): Path<(String, String)>, read: Read) -> Result<Response, Problem> {
    let answer = read.view.session(id(&session_id)?.as_str());
    let answer = answer.ok_or_else(|| Problem::not_found("session"))?;
    read.answer(answer.position, &answer)
}

/// Goes on with a session, timed out or not. Needs no idempotency key.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/sessions/{session_id}/resume",
    responses(
        (status = 200, body = CommandResponse<SessionItem>),
        (status = 409, description = "It has ended, or the agent has another active one in the pipeline")
    )
)]
async fn resume_session(
    State(app): State<Arc<App>>,
    Path((_, session_id)): Path<(String, String)>,
    command: Command,
) -> Result<Response, Problem> {
    command.body(|_| Some(()))?;
    let done = app.engine.commands.resume_session(&command.tenant, &id(&session_id)?).await?;
    changed(done)
}

/// Ends a session; ended twice it is ended. Needs no idempotency key.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/sessions/{session_id}/end",
    responses((status = 200, body = CommandResponse<SessionItem>))
)]
async fn end_session(
    State(app): State<Arc<App>>,
    Path((_, session_id)): Path<(String, String)>,
    command: Command,
) -> Result<Response, Problem> {
    command.body(|_| Some(()))?;
    let done = app.engine.commands.end_session(&command.tenant, &id(&session_id)?).await?;
    changed(done)
}

/// An attempt to mark.
#[derive(ToSchema)]
#[schema(as = NewAttempt)]
#[expect(dead_code, reason = "documents what attempt_lead reads")]
struct NewAttempt {
    /// A lead of the session.
    lead_id: String,
    /// `connected`, `no-answer`, `busy`, `voicemail` or `skipped`.
    outcome: String,
}

/// The outcomes of attempts (C2); others are dispositions.
const ATTEMPTS: [Outcome; 5] =
    [Outcome::Connected, Outcome::NoAnswer, Outcome::Busy, Outcome::Voicemail, Outcome::Skipped];

fn new_attempt(at: &mut Reader<'_>) -> Option<(Text, Outcome)> {
    let lead = at.required("lead_id");
    let outcome: Option<Outcome> = at.required("outcome");
    if outcome.is_some_and(|outcome| !ATTEMPTS.contains(&outcome)) {
        at.fault_at("outcome", "must be one of connected no-answer busy voicemail skipped");
    }
    Some((lead?, outcome?))
}

/// An attempt and the session it was made in.
#[derive(Debug, Serialize, ToSchema)]
struct AttemptMarked {
    /// The attempt that stands.
    attempt: Attempt,
    /// The session.
    #[serde(flatten)]
    session: SessionItem,
}

/// An attempt.
#[derive(Debug, Serialize, ToSchema)]
struct Attempt {
    /// The lead.
    lead_id: String,
    /// The first that was said of it.
    outcome: &'static str,
}

/// Marks the attempt of a lead, once per session. Needs no idempotency key.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/sessions/{session_id}/attempts",
    request_body = NewAttempt,
    responses(
        (status = 201, body = CommandResponse<AttemptMarked>, description = "Marked"),
        (status = 200, body = CommandResponse<AttemptMarked>, description = "It was marked before: the first stands"),
        (status = 409, description = "The session has ended or timed out"),
        (status = 422, description = "Fields at fault, or no lead of this session")
    )
)]
async fn attempt_lead(
    State(app): State<Arc<App>>,
    Path((_, session_id)): Path<(String, String)>,
    command: Command,
) -> Result<Response, Problem> {
    let (lead, outcome) = command.body(new_attempt)?;
    let commands = &app.engine.commands;
    let done = commands.attempt_lead(&command.tenant, &id(&session_id)?, &lead, outcome).await?;
    let receipt = at(&done, done.answer.1.position);
    let (stands, answer) = done.answer;
    let attempt = Attempt { lead_id: lead.as_str().to_owned(), outcome: stands.as_str() };
    CommandResponse::response(&receipt, AttemptMarked { attempt, session: answer.session })
}

parameters! {
    /// Who asks.
    OnLine {
        /// The dialer's line: asking again it gets the lead it has. Without one each request is a line of its own.
        line: Text,
        /// Waits, at most 5 s, until this position is folded, as every route that reads does.
        min_position: u64,
    }
}

/// The lead to ring next.
#[derive(Debug, Serialize, ToSchema)]
struct NextLeadAnswer {
    /// The lead, reserved for the line; null when there is none for it now.
    lead_id: Option<String>,
    /// Its place in the queue, from 0.
    index: Option<usize>,
    /// The line it is reserved for.
    line: String,
}

async fn next(app: &App, session_id: &str, command: &Command<OnLine>) -> Result<Response, Problem> {
    command.body(|_| Some(()))?;
    wait_for(app, command.query.min_position).await?;
    let line = match &command.query.line {
        Some(line) => line.clone(),
        None => {
            Text::new(&Uuid::now_v7().to_string()).ok_or_else(|| Problem::internal(&"a new id is no text"))?
        }
    };
    let done = app.engine.commands.next_lead(&command.tenant, &id(session_id)?, &line).await?;
    let receipt = at(&done, done.answer.position);
    let (lead_id, index) = done.answer.next.map(|next| (next.lead_id, next.index)).unzip();
    CommandResponse::changed(&receipt, NextLeadAnswer { lead_id, index, line: line.as_str().to_owned() })
}

/// Reserves the lead for a line to ring next, or tells the one it has.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/sessions/{session_id}/next-lead",
    params(OnLine),
    responses(
        (status = 200, body = CommandResponse<NextLeadAnswer>),
        (status = 409, description = "The session has ended or timed out")
    )
)]
async fn next_lead(
    State(app): State<Arc<App>>,
    Path((_, session_id)): Path<(String, String)>,
    command: Command<OnLine>,
) -> Result<Response, Problem> {
    next(&app, &session_id, &command).await
}

/// As by POST: it reserves the lead.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/sessions/{session_id}/next-lead",
    params(OnLine),
    responses(
        (status = 200, body = CommandResponse<NextLeadAnswer>),
        (status = 409, description = "The session has ended or timed out")
    )
)]
async fn next_lead_by_get(
    State(app): State<Arc<App>>,
    Path((_, session_id)): Path<(String, String)>,
    command: Command<OnLine>,
) -> Result<Response, Problem> {
    next(&app, &session_id, &command).await
}
