//! `/calls/requests`: requests to place calls as they are served, newest first (C7).

use domain::facts::call_request::CallDoubt;
use domain::keys::Position;
use domain::members::Instant;
use domain::rules::call_requests::code_meaning;
use serde::Serialize;
use utoipa::ToSchema;

use super::CallRequests;
use super::row::{CallRequestState, Refusal, Row};
use crate::entities::calls::Calls;
use crate::store::{Cursor, Page};

/// A request to place a call as served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallRequestItem {
    /// Ours.
    pub request_id: String,
    /// `requested`, `accepted`, `confirmed`, `unknown` or `failed`.
    pub state: &'static str,
    /// The call that it became, once that is known.
    pub call_id: Option<String>,
    /// Who calls.
    pub agent: String,
    /// The lead to be called.
    pub lead_id: Option<String>,
    /// The dialer session.
    pub session_id: Option<String>,
    /// Whether the call is recorded from its answer on.
    pub recording: bool,
    /// When the call was asked for.
    pub requested_at: String,
    /// Why it failed or is unknown, in a word.
    pub reason: Option<&'static str>,
    /// The same in a sentence.
    pub error: Option<String>,
    /// Where its `call_requested` stands.
    pub fact_position: Position,
}

/// A request of which something is still to be done or to be learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCallRequest {
    /// Ours.
    pub request_id: String,
    /// Where the fact stands that has its numbers.
    pub content_at: Position,
    /// When it was asked for.
    pub requested_at: Instant,
    /// When it was about to be sent.
    pub sent_at: Option<Instant>,
    /// Since when it is unknown.
    pub unknown_since: Option<Instant>,
    /// The call that the provider told of.
    pub confirmed: Option<String>,
}

impl CallRequests {
    /// One page, newest first, of those in `state` or of all. `calls` are the tenant's: they know whose call was reported.
    pub fn page(
        &self,
        calls: &Calls,
        state: Option<CallRequestState>,
        position: Position,
        (after, limit): (Option<&Cursor>, usize),
    ) -> Page<CallRequestItem> {
        let place = |at| {
            let row = self.rows.get(at);
            let wanted = state.is_none_or(|state| state_of(row, calls) == state);
            row.wish.get().filter(|_| wanted).map(|wish| (wish.at, row.id.to_string()))
        };
        self.order.page(position, (after, limit), place, |at| item(self.rows.get(at), calls))
    }

    /// One request.
    pub fn get(&self, calls: &Calls, id: &str) -> Option<CallRequestItem> {
        self.find(id).and_then(|at| item(self.rows.get(at), calls))
    }

    /// Those of which something is still to be done or to be learned.
    pub fn open(&self) -> impl Iterator<Item = OpenCallRequest> {
        self.open.iter().filter_map(|at| {
            let row = self.rows.get(*at);
            let wish = row.wish.get()?;
            Some(OpenCallRequest {
                request_id: row.id.to_string(),
                content_at: wish.content_at,
                requested_at: wish.at,
                sent_at: row.sent.at(),
                unknown_since: row.doubt.at(),
                confirmed: row.confirmed.get().map(|id| id.to_string()),
            })
        })
    }

    /// How many are unknown since `before` or longer, and since when the first of them is.
    pub fn unknown_since(&self, before: Instant) -> (usize, Option<Instant>) {
        let rows = self.open.iter().map(|at| self.rows.get(*at));
        let unknown = rows.filter(|row| row.state(false) == CallRequestState::Unknown);
        let since: Vec<Instant> =
            unknown.filter_map(|row| row.doubt.at()).filter(|at| *at <= before).collect();
        (since.len(), since.into_iter().min())
    }

    /// Whether a request became this call.
    pub fn has_call(&self, call_id: &str) -> bool {
        self.rows.iter().any(|row| row.call_id() == Some(call_id))
    }
}

fn state_of(row: &Row, calls: &Calls) -> CallRequestState {
    let reported = row.call_id().and_then(|id| calls.row(id));
    row.state(reported.is_some_and(|at| calls.rows().get(at).is_reported()))
}

fn item(row: &Row, calls: &Calls) -> Option<CallRequestItem> {
    let wish = row.wish.get()?;
    let text = |text: &Option<Box<str>>| text.as_ref().map(ToString::to_string);
    let state = state_of(row, calls);
    let (reason, error) = match (state, row.failed.get(), row.doubt.get()) {
        (CallRequestState::Failed, Some(refusal), _) => {
            (Some(refusal.reason.as_str()), Some(failure(refusal)))
        }
        (CallRequestState::Unknown, _, Some(why)) => (Some(why.as_str()), Some(doubt(*why).to_owned())),
        (_, _, _) => (None, None),
    };
    Some(CallRequestItem {
        request_id: row.id.to_string(),
        state: state.as_str(),
        call_id: row.call_id().map(str::to_owned),
        agent: wish.agent.to_string(),
        lead_id: text(&wish.lead_id),
        session_id: text(&wish.session_id),
        recording: wish.recording,
        requested_at: wish.at.to_string(),
        reason,
        error,
        fact_position: wish.position,
    })
}

/// Why nobody was rung, in a sentence without a number.
fn failure(refusal: &Refusal) -> String {
    use domain::facts::call_request::CallFailure as Failure;
    match refusal.reason {
        Failure::Expired => "the request was not sent within a minute of being made".to_owned(),
        Failure::NotConfigured => "the tenant has no account to place calls with any more".to_owned(),
        Failure::Erased => "the number was erased before the request was sent".to_owned(),
        Failure::NotConnected => "the provider could not be reached at any try".to_owned(),
        Failure::RateLimited => "the provider answered at every try that it has too many requests".to_owned(),
        Failure::Refused => {
            let status = refusal.status.map_or_else(String::new, |status| format!("HTTP {status}"));
            match refusal.code {
                Some(code) => {
                    let meaning = code_meaning(code).unwrap_or("the provider refused the request");
                    format!("{meaning} ({status}, code {code})")
                }
                None => format!("the provider refused the request ({status})"),
            }
        }
    }
}

fn doubt(doubt: CallDoubt) -> &'static str {
    match doubt {
        CallDoubt::TimedOut => "the provider did not answer in time: the call may have rung",
        CallDoubt::BrokenAnswer => "the provider's answer could not be read: the call may have rung",
        CallDoubt::ProviderError => "the provider failed while it had the request: the call may have rung",
        CallDoubt::Interrupted => "the server stopped before the provider's answer: the call may have rung",
    }
}
