//! Placing calls, and what came of each request (C7).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::json::{FieldError, Reader};
use domain::members::Phone;
use domain::rules::session::SessionRejection;
use projections::entities::call_requests::list::CallRequestItem;
use projections::entities::call_requests::row::CallRequestState;
use projections::store::{Cursor, Page};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::{CallRejection, NewCall, Receipt};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{Command, CommandResponse, List, Read};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{parameters, word_values};
use crate::http::api::rendered::ItemAnswer;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `POST /calls`, `/calls/requests`, `/calls/requests/{request_id}`.
pub fn routes() -> Routes {
    Routes::new("calls")
        .add(Need::Agent, routes!(place_call))
        .add(Need::Viewer, routes!(list_call_requests))
        .add(Need::Viewer, routes!(get_call_request))
}

word_values!(CallRequestState);

impl From<CallRejection> for Problem {
    fn from(rejected: CallRejection) -> Self {
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, rejected.to_string());
        match &rejected {
            CallRejection::NotConfigured => conflict("calling_not_configured"),
            CallRejection::Dnc => conflict("lead_dnc"),
            CallRejection::Session(SessionRejection::Unknown) => {
                let message = "is no session of this tenant".to_owned();
                let error = FieldError { pointer: "/session_id".into(), message };
                Self::unprocessable("unknown_session", vec![error])
            }
            CallRejection::Session(rejection) => rejection.clone().into(),
        }
    }
}

/// A call to be placed.
#[derive(ToSchema)]
#[schema(as = NewCall)]
#[expect(dead_code, reason = "documents what place_call reads")]
struct NewCallBody {
    /// The number to be called, in E.164.
    to: String,
    /// Email of the agent who calls. Once the call is answered it is connected with the agent's client of this name.
    agent: String,
    /// The lead to be called; one that is not to be called again is refused.
    lead_id: Option<String>,
    /// The dialer session, which must be active and have the lead.
    session_id: Option<String>,
    /// The number to be shown, in E.164; by default the one of the tenant's account.
    from: Option<String>,
}

fn new_call(at: &mut Reader<'_>) -> Option<NewCall> {
    let to: Option<Phone> = at.required("to");
    let agent = at.required("agent");
    let (lead_id, session_id) = (at.optional("lead_id"), at.optional("session_id"));
    let from: Option<Phone> = at.optional("from");
    for (name, number) in [("to", &to), ("from", &from)] {
        if number.as_ref().is_some_and(|number| !number.is_e164()) {
            at.fault_at(name, &format!("must be a number in {}", Phone::E164_RULE));
        }
    }
    Some(NewCall { to: to?, from, agent: agent?, lead_id, session_id })
}

/// Has the tenant's provider ring somebody and connect the agent. At most one ring per `Idempotency-Key`: a request whose
/// outcome nobody knows is `unknown` and is never sent again; another try takes a new key. Answers at once, or after a
/// second with the state `requested`.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/calls",
    params(Command),
    request_body = NewCallBody,
    responses(
        (status = 202, body = CommandResponse<CallRequestItem>, description = "The request is durable; the same for a key that was used before"),
        (status = 409, description = "The tenant has no account to place calls with, the lead is not to be called again, or the session has ended or timed out"),
        (status = 422, description = "Invalid content, or an unknown session or lead")
    )
)]
async fn place_call(State(app): State<Arc<App>>, command: Command) -> Result<Response, Problem> {
    let new = command.body(new_call)?;
    let done = app.engine.dialer.place(&command.tenant, command.key.as_ref(), new).await?;
    let (item, position) = done.answer;
    let receipt = Receipt { answer: position, recorded: done.recorded.map(|_| position) };
    CommandResponse::accepted(&receipt, item)
}

parameters! {
    /// The filter of requests to place calls.
    CallRequestQuery {
        /// `requested`, `accepted`, `confirmed`, `unknown` or `failed`.
        state: CallRequestState,
    }
}

/// Lists requests to place calls, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/calls/requests",
    params(List<CallRequestQuery>),
    responses((status = 200, body = Page<CallRequestItem>))
)]
async fn list_call_requests(list: List<CallRequestQuery>) -> Result<Response, Problem> {
    let (state, after, limit) = (list.query.state, list.after::<Cursor>()?, list.limit);
    let (requests, calls, position) = list
        .view
        .with(|tenant, position| (tenant.call_requests.rows.clone(), tenant.calls.rows.clone(), position));
    let page = move || requests.page(&calls, state, position, (after.as_ref(), limit));
    list.page(blocking(page).await?)
}

/// Gets one request to place a call.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/calls/requests/{request_id}",
    params(Read),
    responses((status = 200, body = ItemAnswer<CallRequestItem>))
)]
async fn get_call_request(
    Path((_, request_id)): Path<(String, String)>,
    read: Read,
) -> Result<Response, Problem> {
    let found = read.view.call_request(&request_id);
    let position = found.as_ref().map_or(0, |(_, position)| *position);
    read.one(position, found.map(|(item, _)| item), "call request")
}
