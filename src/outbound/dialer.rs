//! The dialer: carries requests to place calls to the provider, on a thread of its own (C7).
//!
//! The log is its queue. Each round looks at the requests of which something is to be done: one that was never sent is
//! claimed and sent; one that was sent by a server that stopped since is unknown; an unknown one is looked up in the
//! provider's list from time to time; one that a callback confirmed is recorded as taken.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::facts::call_request::{CallDoubt, CallFailure, CallRequested};
use domain::keys::{Position, TenantId};
use domain::members::{Instant, Phone, Text};
use domain::rules::call_requests::{FRESH_MAX, SentRequest};
use projections::entities::call_requests::list::CallRequestItem;
use projections::entities::call_requests::row::CallRequestState;
use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};
use tokio::time::{self, Instant as Time};

use super::client::Client;
use super::twilio::{Placement, TwilioCalls};
use crate::clock::{Clock, Duty};
use crate::commands::{
    CallOutcome, CallRejection, CommandError, Commands, IdempotencyKey, NewCall, OpenCall, Receipt,
    StateError,
};
use crate::directory::TwilioAccount;
use crate::ingest::error::IngestError;
use crate::views::Views;
use crate::worker::{StopSignal, Worker};

/// Pause between two rounds, unless a request comes.
const ROUND: Duration = Duration::from_millis(500);
/// Requests under way at once, of all tenants and of one, so that a slow account does not delay the others.
const AT_ONCE: usize = 64;
const AT_ONCE_OF_ONE: usize = 16;
/// Waits before another try where the last one rang nobody for certain.
const WAITS: [u64; 3] = [1, 2, 4];
/// Waits before an unknown request is looked up in the provider's list; the last one holds on.
const LOOKS: [u64; 7] = [1, 4, 15, 60, 300, 900, 3_600];
/// So long is an unknown request looked up, µs.
const LOOKED_UP: i64 = 86_400_000_000;
/// How long a command waits for the provider's answer before it says `requested`.
const ANSWER_WAIT: Duration = Duration::from_secs(1);
/// How long it is waited until a fact is folded.
const FOLD_WAIT: Duration = Duration::from_secs(5);
/// Pause before a fact is appended again that the log did not take.
const APPEND_PAUSE: Duration = Duration::from_secs(1);
/// How long a stop waits for answers that are under way.
const GRACE: Duration = Duration::from_secs(3);

/// What the dialer reads and writes.
pub struct DialerParts {
    /// Decides what is to be done, and records what came of it.
    pub commands: Commands,
    /// Read models: a request is done once they have its facts.
    pub views: Views,
    /// The time.
    pub clock: Clock,
    /// HTTP client with the outbound rules.
    pub client: Client,
    /// Where providers call this server.
    pub public_url: String,
    /// Whether this node places calls.
    pub duty: Duty,
}

/// Places calls from a thread of its own.
pub struct Dialer {
    inner: Arc<Inner>,
    worker: Worker,
}

struct Inner {
    parts: DialerParts,
    wake: Notify,
}

/// A request by tenant and id.
type Name = (TenantId, String);

/// What is to be done about a request.
enum Step {
    Send,
    /// Record what is known already.
    Record(CallOutcome),
    Look,
}

/// What is under way, and when unknown requests are looked up next.
#[derive(Default)]
struct Work {
    tasks: JoinSet<()>,
    names: HashMap<Id, Name>,
    /// How often each was looked up, and when it is next.
    looks: HashMap<Name, (usize, Time)>,
}

impl Dialer {
    /// Starts the thread that sends.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(parts: DialerParts) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inner = Arc::new(Inner { parts, wake: Notify::new() });
        let dialing = Arc::clone(&inner);
        let run = move |stop: &StopSignal| {
            if dialing.parts.views.wait_folded(stop) {
                runtime.block_on(dialing.run(stop));
            }
        };
        let worker = Worker::spawn("dialer", run)?;
        Ok(Self { inner, worker })
    }

    /// Ends the thread; answers under way are waited for, at most 3 s. What is open then is gone on with after the
    /// next start.
    pub fn close(&self) {
        self.worker.close();
    }

    /// Asks for a call, once per key, and waits a moment for what comes of it. Answers the request as it stands.
    ///
    /// # Errors
    /// As of [`Commands::request_call`].
    pub async fn place(
        &self,
        tenant: &TenantId,
        key: Option<&IdempotencyKey>,
        new: NewCall,
    ) -> Result<Receipt<(CallRequestItem, Position)>, CommandError<CallRejection>> {
        let Inner { parts, wake } = &*self.inner;
        let (id, receipt) = parts.commands.request_call(tenant, key, new).await?;
        let late = || CommandError::State(StateError::NotFolded(receipt.answer));
        if !parts.views.wait_for(receipt.answer, FOLD_WAIT).await {
            return Err(late());
        }
        wake.notify_one();
        let deadline = Time::now() + ANSWER_WAIT;
        loop {
            let view = parts.views.tenant(tenant).ok_or(StateError::UnknownTenant)?;
            let (item, position) = view.call_request(id.as_str()).ok_or_else(late)?;
            let left = deadline.saturating_duration_since(Time::now());
            let is_open = item.state == CallRequestState::Requested.as_str();
            if receipt.recorded.is_none() || !is_open || left.is_zero() {
                return Ok(Receipt { answer: (item, position), recorded: receipt.recorded });
            }
            parts.views.wait_for(parts.views.position() + 1, left).await;
        }
    }
}

impl Inner {
    fn now(&self) -> Instant {
        Instant((self.parts.clock)())
    }

    async fn run(self: Arc<Self>, stop: &StopSignal) {
        let mut work = Work::default();
        while !stop.is_set() {
            tokio::select! {
                () = self.wake.notified() => {}
                () = time::sleep(ROUND) => {}
                Some(done) = work.tasks.join_next_with_id() => work.end(done.map(|(id, ())| id)),
            }
            while let Some(done) = work.tasks.try_join_next_with_id() {
                work.end(done.map(|(id, ())| id));
            }
            // What another node has under way would look interrupted here.
            if !stop.is_set() && self.parts.duty.is_mine() {
                self.round(&mut work, stop);
            }
        }
        let rest = async { while work.tasks.join_next().await.is_some() {} };
        // What is given up here is unknown after the next start.
        let _ = time::timeout(GRACE, rest).await;
    }

    /// Begins what is to be done. Who is under way was so before the requests were read: a request that is neither under
    /// way nor settled in what was read is nobody's.
    fn round(self: &Arc<Self>, work: &mut Work, stop: &StopSignal) {
        let busy: HashSet<Name> = work.names.values().cloned().collect();
        let mut share: HashMap<TenantId, usize> = HashMap::new();
        busy.iter().for_each(|(tenant, _)| *share.entry(tenant.clone()).or_default() += 1);
        let (now, time) = (self.now(), Time::now());
        let mut steps = Vec::new();
        for call in self.parts.commands.open_calls() {
            let name = (call.tenant.clone(), call.request.request_id.clone());
            if !busy.contains(&name)
                && let Some(step) = step(&call, now)
            {
                steps.push((name, call, step));
            }
        }
        let open: HashSet<&Name> = steps.iter().map(|(name, _, _)| name).collect();
        work.looks.retain(|name, _| busy.contains(name) || open.contains(name));
        // New requests first: somebody waits for them.
        steps.sort_by_key(|(_, _, step)| matches!(step, Step::Look));
        for (name, call, step) in steps {
            let held = share.entry(call.tenant.clone()).or_default();
            if work.tasks.len() >= AT_ONCE || *held >= AT_ONCE_OF_ONE || !work.is_due(&name, &step, time) {
                continue;
            }
            *held += 1;
            let (inner, stop) = (Arc::clone(self), stop.clone());
            let task = work.tasks.spawn(async move {
                if let Err(error) = inner.take(&call, step, &stop).await {
                    tracing::warn!(%error, tenant = %call.tenant, "a call request was not gone on with; the next round does");
                }
            });
            work.names.insert(task.id(), name);
        }
    }

    async fn take(
        &self,
        call: &OpenCall,
        step: Step,
        stop: &StopSignal,
    ) -> Result<(), CommandError<CallRejection>> {
        match step {
            Step::Send => self.send(call, stop).await?,
            Step::Record(outcome) => self.record(call, &outcome, stop).await,
            Step::Look => self.look(call).await?,
        }
        Ok(())
    }

    /// Claims a request and sends it, again only where the last try rang nobody for certain.
    async fn send(&self, call: &OpenCall, stop: &StopSignal) -> Result<(), IngestError> {
        let commands = &self.parts.commands;
        let failed = |reason| CallOutcome::Failed { reason, status: None, code: None };
        let wish = commands.requested_call(call).await?;
        let outcome = match (commands.call_account(&call.tenant), &wish.to, &wish.from) {
            (None, _, _) => failed(CallFailure::NotConfigured),
            (Some(account), Some(to), Some(from)) => {
                // Another server may have it.
                if !commands.claim_call(call).await? {
                    return Ok(());
                }
                self.sent(call, (&account, &wish, to, from), stop).await
            }
            (Some(_), _, _) => failed(CallFailure::Erased),
        };
        self.record(call, &outcome, stop).await;
        Ok(())
    }

    async fn sent(
        &self,
        call: &OpenCall,
        (account, wish, to, from): (&TwilioAccount, &CallRequested, &Phone, &Phone),
        stop: &StopSignal,
    ) -> CallOutcome {
        let callback = callback(&self.parts.public_url, account, &call.request.request_id);
        let mut waits = WAITS.into_iter();
        loop {
            let twilio = TwilioCalls { client: &self.parts.client, account, now: self.now() };
            let (reason, status, code, again) = match twilio.place(wish, (to, from), &callback).await {
                Placement::Taken(call_id) => return CallOutcome::Taken(call_id),
                Placement::Doubtful { reason, status } => return CallOutcome::Unknown { reason, status },
                Placement::NotRung { reason, status, code, again } => (reason, status, code, again),
            };
            let failed = CallOutcome::Failed { reason, status, code };
            let (Some(told), Some(wait)) = (again, waits.next()) else { return failed };
            let wait = told.max(Duration::from_secs(wait));
            let then = self.now().0.saturating_add(wait.as_micros() as i64);
            if then - call.request.requested_at.0 > FRESH_MAX || !rest(wait, stop).await {
                return failed;
            }
        }
    }

    /// Looks an unknown request up in the provider's list.
    async fn look(&self, call: &OpenCall) -> Result<(), CommandError<CallRejection>> {
        let commands = &self.parts.commands;
        let wish = commands.requested_call(call).await?;
        let numbers = wish.to.as_ref().zip(wish.from.as_ref()).zip(call.request.sent_at);
        let account = commands.call_account(&call.tenant);
        let (Some(((to, from), sent_at)), Some(account)) = (numbers, account) else { return Ok(()) };
        let twilio = TwilioCalls { client: &self.parts.client, account: &account, now: self.now() };
        let request = SentRequest { to: to.as_str(), from: from.as_str(), sent_at };
        let Some(listed) = twilio.list(&request).await else { return Ok(()) };
        if commands.settle_call(call, &listed).await? {
            tracing::info!(tenant = %call.tenant, request_id = call.request.request_id, "settled by the provider's list");
        }
        Ok(())
    }

    /// Records an outcome, however long the log takes, and waits until it is folded.
    async fn record(&self, call: &OpenCall, outcome: &CallOutcome, stop: &StopSignal) {
        loop {
            match self.parts.commands.record_call(call, outcome).await {
                Ok(position) => {
                    self.parts.views.wait_for(position, FOLD_WAIT).await;
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, tenant = %call.tenant, "the outcome of a call request is not recorded yet")
                }
            }
            if !rest(APPEND_PAUSE, stop).await {
                return;
            }
        }
    }
}

impl Work {
    fn end(&mut self, done: Result<Id, tokio::task::JoinError>) {
        let id = done.unwrap_or_else(|error| {
            tracing::error!("a task of the dialer panicked");
            error.id()
        });
        self.names.remove(&id);
    }

    /// Whether the step's time has come; of a look it is then noted when the next one is.
    fn is_due(&mut self, name: &Name, step: &Step, now: Time) -> bool {
        if !matches!(step, Step::Look) {
            return true;
        }
        let wait = |made: usize| Duration::from_secs(LOOKS[made.min(LOOKS.len() - 1)]);
        let (made, next) = self.looks.entry(name.clone()).or_insert_with(|| (0, now + wait(0)));
        let is_due = *next <= now;
        if is_due {
            *made += 1;
            *next = now + wait(*made);
        }
        is_due
    }
}

/// What is to be done about an open request that is not under way.
fn step(call: &OpenCall, now: Instant) -> Option<Step> {
    let request = &call.request;
    if let Some(call_id) = request.confirmed.as_deref().and_then(Text::new) {
        return Some(Step::Record(CallOutcome::Taken(call_id)));
    }
    match (request.sent_at, request.unknown_since) {
        // A clock that was set back makes none older.
        (None, _) if (now.0 - request.requested_at.0).abs() > FRESH_MAX => {
            let reason = CallFailure::Expired;
            Some(Step::Record(CallOutcome::Failed { reason, status: None, code: None }))
        }
        (None, _) => Some(Step::Send),
        (Some(_), None) => {
            let reason = CallDoubt::Interrupted;
            Some(Step::Record(CallOutcome::Unknown { reason, status: None }))
        }
        (Some(_), Some(since)) => (now.0 - since.0 < LOOKED_UP).then_some(Step::Look),
    }
}

/// Where callbacks of a request go: the tenant's endpoint, with the request's id, which the signature covers.
fn callback(public_url: &str, account: &TwilioAccount, request_id: &str) -> String {
    format!("{public_url}/hooks/twilio/{}?request_id={request_id}", account.endpoint)
}

/// Rests so long; false where the dialer is stopped meanwhile.
async fn rest(long: Duration, stop: &StopSignal) -> bool {
    let end = Time::now() + long;
    while !stop.is_set() {
        let left = end.saturating_duration_since(Time::now());
        if left.is_zero() {
            return true;
        }
        time::sleep(left.min(ROUND)).await;
    }
    false
}
