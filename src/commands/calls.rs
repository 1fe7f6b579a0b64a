//! Calls that are placed: asked for once, sent once, and what came of each (C7).
//!
//! Three facts keep a key from ringing twice. `call_requested` stands under the caller's idempotency key. Before the
//! request leaves, `call_request_sent` is appended under the request's id: who appended it may send, and nobody after him,
//! not even this server once it was started again. What came of it is a fact, or it is unknown.

use bytes::Bytes;
use domain::facts::Fact;
use domain::facts::call::{CallFact, CallPlaced};
use domain::facts::call_request::{
    CallDoubt, CallFailure, CallRequestAccepted, CallRequestConfirmed, CallRequestFact, CallRequestFailed,
    CallRequestSent, CallRequestUnknown, CallRequested,
};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, Position, TenantId};
use domain::members::{Email, Instant, Phone, Text};
use domain::rules::call_requests::{ListedCall, SentRequest, settled_by};
use domain::rules::decision::NewFact;
use domain::rules::session::{self, SessionRejection};
use projections::entities::call_requests::list::OpenCallRequest;

use super::{CommandError, Commands, IdempotencyKey, Receipt, blocking, fresh_id};
use crate::directory::TwilioAccount;
use crate::ingest::error::IngestError;
use crate::log::Appended;
use crate::views::TenantView;

/// A call to be placed.
#[derive(Debug, Clone)]
pub struct NewCall {
    /// The number to be called.
    pub to: Phone,
    /// The number to be shown; by default the account's.
    pub from: Option<Phone>,
    /// Who calls.
    pub agent: Email,
    /// The lead to be called.
    pub lead_id: Option<Text>,
    /// The dialer session.
    pub session_id: Option<Text>,
}

/// Why a call is not placed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallRejection {
    /// The tenant has no `[tenant.twilio]`.
    #[error("the tenant has no account to place calls with")]
    NotConfigured,
    /// The lead is not to be called again (C4).
    #[error("the lead is not to be called again (dnc)")]
    Dnc,
    /// The session does not allow it.
    #[error("{0}")]
    Session(SessionRejection),
}

/// A request of which something is still to be done or to be learned.
#[derive(Debug, Clone)]
pub struct OpenCall {
    /// Whose.
    pub tenant: TenantId,
    /// The request.
    pub request: OpenCallRequest,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// The provider took it: this is its call.
    Taken(Text),
    /// It is certain that nobody was rung.
    Failed {
        /// Why.
        reason: CallFailure,
        /// HTTP status of the provider's last answer.
        status: Option<u16>,
        /// The provider's code.
        code: Option<u32>,
    },
    /// It may have rung.
    Unknown {
        /// Why nobody knows.
        reason: CallDoubt,
        /// HTTP status of the provider's answer.
        status: Option<u16>,
    },
}

impl OpenCall {
    fn id(&self) -> Result<Text, IngestError> {
        let id = Text::new(&self.request.request_id);
        id.ok_or_else(|| IngestError::Engine("a request's id is blank".into()))
    }

    fn key_part(&self) -> KeyPart {
        KeyPart::new(&self.request.request_id)
    }
}

fn new_fact(key: EngineKey, fact: CallRequestFact) -> NewFact {
    NewFact { key, occurred_at: None, fact: Fact::CallRequest(fact) }
}

/// Refuses a lead that is not to be called, and a session that is not active or not the lead's.
fn admit(view: &TenantView, new: &NewCall, now: Instant) -> Result<(), CallRejection> {
    let ((book, _), spans) = (view.session_book(), view.session_spans());
    let lead = new.lead_id.as_ref().map(Text::as_str);
    if lead.is_some_and(|lead| view.with(|tenant, _| tenant.calls.rows.is_dnc(lead))) {
        return Err(CallRejection::Dnc);
    }
    let Some(session_id) = &new.session_id else { return Ok(()) };
    let unknown = || CallRejection::Session(SessionRejection::Unknown);
    let row = book.sessions.row(session_id.as_str()).ok_or_else(unknown)?;
    let met = book.sessions.state(row).ok_or_else(unknown)?;
    let is_queued = lead.is_none_or(|lead| book.attempted(row, lead).is_some());
    session::may_call(&met, is_queued, spans, now).map_err(CallRejection::Session)
}

impl Commands {
    /// Asks for a call, once per key; answers the request's id and its position. Nothing is sent here.
    ///
    /// # Errors
    /// [`CallRejection`], [`CommandError::Mismatch`], or one after which the command may be sent again.
    pub async fn request_call(
        &self,
        tenant: &TenantId,
        key: Option<&IdempotencyKey>,
        new: NewCall,
    ) -> Result<(Text, Receipt<Position>), CommandError<CallRejection>> {
        let (mut request_id, now) = (fresh_id()?, self.now());
        let account = self.registry.twilio_account(tenant);
        let receipt = self.once(tenant, key, |view, first| {
            let (from, recording) = match first {
                // What was decided then stands: the account or a switch may have changed since.
                Some(Fact::CallRequest(CallRequestFact::Requested(first))) => {
                    request_id.clone_from(&first.request_id);
                    (new.from.clone().or_else(|| first.from.clone()), first.recording)
                }
                // Another command's fact: it differs from this one whatever that says.
                Some(_) => (new.from.clone(), None),
                None => {
                    let account = account.as_ref().ok_or(CallRejection::NotConfigured)?;
                    admit(view, &new, now)?;
                    let from = new.from.clone().unwrap_or_else(|| account.from.clone());
                    (Some(from), Some(view.timeline().latest().recording))
                }
            };
            let NewCall { to, agent, lead_id, session_id, from: _ } = new.clone();
            let to = Some(to);
            let request_id = request_id.clone();
            let wish = CallRequested { request_id, agent, lead_id, session_id, recording, to, from };
            Ok(Some(Fact::CallRequest(CallRequestFact::Requested(wish))))
        });
        let receipt = receipt.await?;
        Ok((request_id, receipt))
    }

    /// Every request of which something is still to be done or to be learned, as they are folded.
    pub fn open_calls(&self) -> Vec<OpenCall> {
        let mut open = Vec::new();
        for (id, view) in self.views.tenants() {
            let Ok(tenant) = TenantId::stored(&id) else { continue };
            let requests = view.with(|tenant, _| tenant.call_requests.rows.clone());
            open.extend(requests.open().map(|request| OpenCall { tenant: tenant.clone(), request }));
        }
        open
    }

    /// The account by which the tenant's calls are placed.
    pub fn call_account(&self, tenant: &TenantId) -> Option<TwilioAccount> {
        self.registry.twilio_account(tenant)
    }

    /// What was asked, with its numbers where they are not erased.
    ///
    /// # Errors
    /// The log's.
    pub async fn requested_call(&self, call: &OpenCall) -> Result<CallRequested, IngestError> {
        let (log, position) = (self.log.clone(), call.request.content_at);
        let stored = blocking(move || Ok(log.fact(position)?)).await?;
        match stored.map(|stored| stored.fact) {
            Some(Fact::CallRequest(CallRequestFact::Requested(wish))) => Ok(wish),
            Some(_) | None => Err(IngestError::Engine(format!("no call_requested at position {position}"))),
        }
    }

    /// Takes the right to send a request: whether it was taken just now, which happens once for ever.
    ///
    /// # Errors
    /// The log's: then the right may be taken, and nobody may send.
    pub async fn claim_call(&self, call: &OpenCall) -> Result<bool, IngestError> {
        let key = EngineKey::CallRequestSent { request: call.key_part() };
        let fact = new_fact(key, CallRequestFact::Sent(CallRequestSent { request_id: call.id()? }));
        let appended = self.append(&call.tenant, fact, &Bytes::new(), self.now()).await?;
        Ok(matches!(appended, Appended::Recorded(_)))
    }

    /// Records what came of a request; answers the position at which it stands.
    ///
    /// # Errors
    /// The log's.
    pub async fn record_call(&self, call: &OpenCall, outcome: &CallOutcome) -> Result<Position, IngestError> {
        let (request_id, request) = (call.id()?, call.key_part());
        let facts = match outcome {
            CallOutcome::Taken(call_id) => {
                let wish = self.requested_call(call).await?;
                let placed = placed(call_id, wish);
                let accepted = CallRequestAccepted { request_id, call_id: call_id.clone() };
                vec![
                    NewFact {
                        key: EngineKey::CallPlaced { request: request.clone() },
                        occurred_at: None,
                        fact: Fact::Call(CallFact::Placed(placed)),
                    },
                    new_fact(EngineKey::CallRequestAccepted { request }, CallRequestFact::Accepted(accepted)),
                ]
            }
            CallOutcome::Failed { reason, status, code } => {
                let (reason, status, code) = (*reason, status.map(u32::from), *code);
                let failed = CallRequestFailed { request_id, reason, status, code };
                vec![new_fact(EngineKey::CallRequestFailed { request }, CallRequestFact::Failed(failed))]
            }
            CallOutcome::Unknown { reason, status } => {
                let (reason, status) = (*reason, status.map(u32::from));
                let unknown = CallRequestUnknown { request_id, reason, status };
                vec![new_fact(EngineKey::CallRequestUnknown { request }, CallRequestFact::Unknown(unknown))]
            }
        };
        let appended = self.append_each(&call.tenant, facts, &Bytes::new(), self.now()).await?;
        Ok(appended.last().map_or(0, |appended| appended.position()))
    }

    /// Settles an unknown request by the provider's list, where the list leaves no doubt; whether it did. `listed` is
    /// whole for the request's window.
    ///
    /// # Errors
    /// [`CommandError::State`], or the log's.
    pub async fn settle_call(
        &self,
        call: &OpenCall,
        listed: &[ListedCall],
    ) -> Result<bool, CommandError<CallRejection>> {
        let view = self.folded(&call.tenant).await?;
        let rows = view.with(|tenant, _| tenant.call_requests.rows.clone());
        let Some(own) = Sent::read(self, call).await? else { return Ok(false) };
        let mut others = Vec::new();
        for request in rows.open().filter(|request| request.request_id != call.request.request_id) {
            let rival = OpenCall { tenant: call.tenant.clone(), request };
            others.extend(Sent::read(self, &rival).await?);
        }
        let rivals: Vec<SentRequest<'_>> = others.iter().map(Sent::request).collect();
        let settled = settled_by(&own.request(), &rivals, listed, |id| rows.has_call(id));
        let Some(call_id) = settled.and_then(Text::new) else { return Ok(false) };
        let key = EngineKey::CallRequestConfirmed { request: call.key_part() };
        let confirmed = CallRequestConfirmed { request_id: call.id()?, call_id };
        let fact = new_fact(key, CallRequestFact::Confirmed(confirmed));
        self.append(&call.tenant, fact, &Bytes::new(), self.now()).await?;
        Ok(true)
    }
}

/// A request that was sent, with its numbers.
struct Sent {
    to: Phone,
    from: Phone,
    at: Instant,
}

impl Sent {
    /// `None` of one that was not sent, or whose numbers were erased.
    async fn read(commands: &Commands, call: &OpenCall) -> Result<Option<Self>, IngestError> {
        let Some(at) = call.request.sent_at else { return Ok(None) };
        let wish = commands.requested_call(call).await?;
        Ok(wish.to.zip(wish.from).map(|(to, from)| Self { to, from, at }))
    }

    fn request(&self) -> SentRequest<'_> {
        SentRequest { to: self.to.as_str(), from: self.from.as_str(), sent_at: self.at }
    }
}

fn placed(call_id: &Text, wish: CallRequested) -> CallPlaced {
    let CallRequested { request_id: _, agent, lead_id, session_id, recording, to, from } = wish;
    CallPlaced { call_id: call_id.clone(), agent: Some(agent), lead_id, session_id, recording, to, from }
}
