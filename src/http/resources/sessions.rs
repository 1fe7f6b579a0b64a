//! Dialer sessions: start, resume, end, attempts, next lead (C1, C2, C3).
//!
//! These commands need no `Idempotency-Key`: the facts that they record have natural keys, so repeating a command
//! answers what it did the first time.

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
use crate::http::api::rendered::AnswerAt;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::SessionAnswer;

/// Most bytes of lead ids in a fact's body: 5,000 UUIDs fit, with room for the other members.
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
        .add(Need::Agent, routes!(next_lead))
        .add(Need::Viewer, routes!(show_next_lead))
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

/// The result of a command whose answer was read at `position`.
fn at<T>(receipt: &Receipt<T>, position: Position) -> Receipt<Position> {
    Receipt { answer: position, recorded: receipt.recorded.map(|_| position) }
}

fn changed(done: Receipt<SessionAnswer>) -> Result<Response, Problem> {
    let receipt = at(&done, done.answer.position);
    CommandResponse::changed(&receipt, done.answer.session)
}

/// The session id of a path; 404 for a text that cannot be one.
fn id(text: &str) -> Result<Text, Problem> {
    Text::new(text).ok_or_else(|| Problem::not_found("session"))
}

/// A session to start.
#[derive(ToSchema)]
#[schema(as = NewSession)]
#[expect(dead_code, reason = "documents what start_session reads")]
struct NewSession {
    /// Email of the agent who works the session.
    agent: String,
    /// The pipeline that the leads come from.
    pipeline_id: String,
    /// The leads in queue order, 1 to 5,000. Repeated ids are queued once.
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

/// Starts a session, or answers the active one of this agent and pipeline. Safe to repeat without an idempotency key.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/sessions",
    request_body = NewSession,
    responses(
        (status = 201, body = CommandResponse<SessionItem>, description = "Started"),
        (status = 200, body = CommandResponse<SessionItem>, description = "There is an active session already; its leads may differ"),
        (status = 422, description = "Invalid content; `errors` names the fields")
    )
)]
async fn start_session(State(app): State<Arc<App>>, command: Command) -> Result<Response, Problem> {
    let (agent, pipeline, leads) = command.body(new_session)?;
    let done = app.engine.commands.start_session(&command.tenant, &agent, &pipeline, &leads).await?;
    let receipt = at(&done, done.answer.position);
    CommandResponse::response(&receipt, done.answer.session)
}

parameters! {
    /// The agent and pipeline of a session.
    ActiveSessionQuery {
        /// Email of the agent who works the session.
        agent: RequiredValue<Email>,
        /// The pipeline that the leads come from. By default any: the agent's newest active session.
        pipeline_id: Text,
    }
}

/// Gets the active session of an agent and pipeline, or the agent's newest active one.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/sessions/active",
    params(Read<ActiveSessionQuery>),
    responses((status = 200, body = SessionAnswer))
)]
async fn get_active_session(read: Read<ActiveSessionQuery>) -> Result<Response, Problem> {
    let Some(RequiredValue(agent)) = &read.query.agent else {
        return Err(Problem::bad_request("missing_parameter", "the parameter 'agent' is required"));
    };
    let answer = read.view.active_session(agent, read.query.pipeline_id.as_ref());
    let answer = answer.ok_or_else(|| Problem::not_found("active session"))?;
    read.answer(answer.position, &answer)
}

/// Gets one session.
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

/// Resumes a session, timed out or not. Safe to repeat without an idempotency key.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/sessions/{session_id}/resume",
    responses(
        (status = 200, body = CommandResponse<SessionItem>),
        (status = 409, description = "The session has ended, or the agent has another active session in the pipeline")
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

/// Ends a session. Safe to repeat without an idempotency key.
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

/// An attempt to be recorded.
#[derive(ToSchema)]
#[schema(as = NewAttempt)]
#[expect(dead_code, reason = "documents what attempt_lead reads")]
struct NewAttempt {
    /// A lead of the session.
    lead_id: String,
    /// `connected`, `no-answer`, `busy`, `voicemail` or `skipped`.
    outcome: String,
}

/// The outcomes of attempts (C2); further outcomes exist for dispositions only.
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

/// An attempt and its session.
#[derive(Debug, Serialize, ToSchema)]
struct AttemptAnswer {
    /// The recorded attempt.
    attempt: Attempt,
    /// The session.
    #[serde(flatten)]
    session: SessionItem,
}

/// An attempt.
#[derive(Debug, Serialize, ToSchema)]
struct Attempt {
    /// The lead that was called.
    lead_id: String,
    /// The outcome that was recorded first.
    outcome: &'static str,
}

/// Records the attempt to call a lead, once per session. Safe to repeat without an idempotency key.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/sessions/{session_id}/attempts",
    request_body = NewAttempt,
    responses(
        (status = 201, body = CommandResponse<AttemptAnswer>, description = "Recorded"),
        (status = 200, body = CommandResponse<AttemptAnswer>, description = "An attempt was recorded before, and stands"),
        (status = 409, description = "The session has ended or timed out"),
        (status = 422, description = "Invalid content, or the lead is not in this session")
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
    CommandResponse::response(&receipt, AttemptAnswer { attempt, session: answer.session })
}

parameters! {
    /// The dialer line that asks.
    LineQuery {
        /// The dialer line. Repeating the request for a line answers the lead that it holds. By default a new line.
        line: Text,
        /// Waits up to 5 s until this position is folded.
        min_position: u64,
    }
}

/// The next lead to call.
#[derive(Debug, Serialize, ToSchema)]
struct NextLeadAnswer {
    /// The lead, reserved for the line; null when no lead is left for it.
    lead_id: Option<String>,
    /// The lead's place in the queue, from 0.
    index: Option<usize>,
    /// The line that holds the reservation.
    line: String,
}

/// Reserves the next lead for a line, or answers the lead that the line holds.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/sessions/{session_id}/next-lead",
    params(LineQuery),
    responses(
        (status = 200, body = CommandResponse<NextLeadAnswer>),
        (status = 409, description = "The session has ended or timed out")
    )
)]
async fn next_lead(
    State(app): State<Arc<App>>,
    Path((_, session_id)): Path<(String, String)>,
    command: Command<LineQuery>,
) -> Result<Response, Problem> {
    command.body(|_| Some(()))?;
    wait_for(&app, command.query.min_position).await?;
    let line = match &command.query.line {
        Some(line) => line.clone(),
        None => {
            Text::new(&Uuid::now_v7().to_string()).ok_or_else(|| Problem::internal(&"a new id is no text"))?
        }
    };
    let done = app.engine.commands.next_lead(&command.tenant, &id(&session_id)?, &line).await?;
    let receipt = at(&done, done.answer.position);
    let (lead_id, index) = done.answer.next.map(|next| (next.lead_id, next.index)).unzip();
    CommandResponse::changed(&receipt, NextLeadAnswer { lead_id, index, line: line.as_str().to_owned() })
}

parameters! {
    /// The line to show the next lead of.
    ShownLine {
        /// The dialer line. By default one that holds no lead.
        line: Text,
    }
}

/// The lead that the line would be given.
#[derive(Debug, Serialize, ToSchema)]
struct ShownLeadAnswer {
    /// True at this position.
    #[schema(value_type = u64)]
    position: Position,
    /// The lead; null when no lead is left for the line.
    lead_id: Option<String>,
    /// The lead's place in the queue, from 0.
    index: Option<usize>,
    /// The line that was asked for.
    line: Option<String>,
    /// Whether the line holds the lead already.
    reserved: bool,
}

/// Shows the lead that a line holds, or would be given by POST; reserves nothing.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/sessions/{session_id}/next-lead",
    params(Read<ShownLine>),
    responses(
        (status = 200, body = AnswerAt<ShownLeadAnswer>),
        (status = 409, description = "The session has ended or timed out")
    )
)]
async fn show_next_lead(
    Path((_, session_id)): Path<(String, String)>,
    read: Read<ShownLine>,
) -> Result<Response, Problem> {
    let line = read.query.line.as_ref();
    let (position, shown) = read.view.shown_lead(id(&session_id)?.as_str(), line, read.at)?;
    let reserved = shown.as_ref().is_some_and(|(_, reserved)| *reserved);
    let (lead_id, index) = shown.map(|(place, _)| (place.lead_id, place.index)).unzip();
    let line = line.map(ToString::to_string);
    read.answer_at(&ShownLeadAnswer { position, lead_id, index, line, reserved })
}
