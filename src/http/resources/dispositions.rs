//! Dispositions of calls: the last one counts, all are kept (C4).

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::facts::call::CallDisposed;
use domain::json::Reader;
use domain::members::{Email, LongText, Text};
use domain::rules::outcomes::Outcome;
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{Command, List};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::rendered::Rendered;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::dispositions::{DispositionItem, dispositions};
use crate::views::facts::{FactItem, show};

/// `/calls/{call_id}/disposition`, `/calls/{call_id}/dispositions`.
pub fn routes() -> Routes {
    Routes::new("calls").add(Need::Agent, routes!(dispose_call)).add(Need::Viewer, routes!(list_dispositions))
}

impl From<Infallible> for Problem {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The outcome of a call, as a person reports it.
#[derive(ToSchema)]
#[schema(as = NewDisposition)]
#[expect(dead_code, reason = "documents what dispose_call reads")]
struct NewDisposition {
    /// `connected`, `voicemail`, `no-answer`, `busy`, `callback`, `not-interested`, `wrong-number`, `dnc`, `failed`
    /// or `appointment-set`; underscores are accepted for hyphens.
    outcome: String,
    /// Free text, at most 64 KiB.
    #[schema(required = false)]
    note: Option<String>,
    /// Email of the agent who handled the call.
    #[schema(required = false)]
    agent: Option<String>,
}

fn new_disposition(at: &mut Reader<'_>) -> Option<(Outcome, Option<LongText>, Option<Email>)> {
    let outcome: Option<Outcome> = at.required("outcome");
    if outcome == Some(Outcome::Skipped) {
        at.fault_at("outcome", "must be the outcome of a call; skipped leads were not called");
    }
    let (note, agent) = (at.optional("note"), at.optional("agent"));
    Some((outcome?, note, agent))
}

/// The recorded disposition.
#[derive(Serialize, ToSchema)]
struct DispositionAnswer {
    /// `recorded`, or `existing` where the idempotency key was used for the same request before.
    outcome: &'static str,
    /// The fact.
    #[serde(flatten)]
    fact: FactItem,
}

/// Records the outcome of a call. The last disposition counts; the call need not be known yet.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/calls/{call_id}/disposition",
    params(Command),
    request_body = NewDisposition,
    responses(
        (status = 201, body = DispositionAnswer, description = "Recorded"),
        (status = 200, body = DispositionAnswer, description = "Recorded before under this idempotency key"),
        (status = 422, description = "Invalid content, or the idempotency key was used for another request")
    )
)]
async fn dispose_call(
    State(app): State<Arc<App>>,
    Path((_, call_id)): Path<(String, String)>,
    command: Command,
) -> Result<Response, Problem> {
    let call_id = Text::new(&call_id).ok_or_else(|| Problem::not_found("call"))?;
    let (outcome, note, agent) = command.body(new_disposition)?;
    let body = CallDisposed { call_id, outcome, agent, lead_id: None, session_id: None, note };
    let receipt = app.engine.commands.dispose_call(&command.tenant, command.key.as_ref(), body).await?;
    let (position, log) = (receipt.answer, app.engine.log.clone());
    let fact = blocking(move || show(&log.snapshot(), position)).await??;
    let fact = fact.ok_or_else(|| Problem::internal(&format!("no fact at position {position}")))?;
    let (status, outcome) = match receipt.recorded {
        Some(_) => (StatusCode::CREATED, "recorded"),
        None => (StatusCode::OK, "existing"),
    };
    Rendered::json(&DispositionAnswer { outcome, fact })?.with_status(status)
}

/// Lists the dispositions of a call, last recorded first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/calls/{call_id}/dispositions",
    params(List),
    responses((status = 200, body = Page<DispositionItem>))
)]
async fn list_dispositions(
    State(app): State<Arc<App>>,
    Path((_, call_id)): Path<(String, String)>,
    list: List,
) -> Result<Response, Problem> {
    let (view, log, after, limit) = (list.view.clone(), app.engine.log.clone(), list.after()?, list.limit);
    let read = move || dispositions(&view, &log.snapshot(), &call_id, after, limit);
    list.page(blocking(read).await??.ok_or_else(|| Problem::not_found("call"))?)
}
