//! The outbox: sends alerts to targets and retries failed attempts after growing waits. Each attempt is a fact.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::alert::{AlertFact, AlertSent};
use domain::facts::setting::AlertStyle;
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, LogSecret, Position, TenantId};
use domain::members::{Instant, Text};
use projections::entities::alerts::list::AlertHistory;
use serde_json::json;
use tokio::task::JoinSet;

use super::client::{Client, OutboundError, check};
use super::signature::SigningSecret;
use crate::clock::Clock;
use crate::commands::{AlertAttempt, attempts};
use crate::directory::{AlertTarget, AlertTargets};
use crate::ingest::Ingest;
use crate::ingest::error::IngestError;
use crate::views::{TenantView, Views};
use crate::worker::{StopSignal, Worker};

/// Seconds to wait before each attempt: none before the first, three days in all before the last.
const WAITS: [i64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Alerts raised longer ago, in µs, are skipped: their last attempt is over.
const LOOK_BACK: i64 = 7 * 86_400 * SECOND;
/// Concurrent requests, so that one slow target does not delay the others.
const AT_ONCE: usize = 16;
/// Pause between two rounds, and the longest wait for one request before the stop signal is looked at.
const ROUND: Duration = Duration::from_millis(500);
/// How long a round waits until its facts are folded.
const FOLD_WAIT: Duration = Duration::from_secs(5);
const SECOND: i64 = 1_000_000;

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendResult {
    /// To whom.
    pub target_id: String,
    /// From 1.
    pub attempt: u32,
    /// HTTP status of the answer.
    pub status: Option<u32>,
    /// Why it failed; none where it was taken.
    pub error: Option<String>,
}

/// What the outbox reads and writes.
#[derive(Clone)]
pub struct OutboxParts {
    /// The alert targets.
    pub targets: Arc<AlertTargets>,
    /// Read models, for the alerts.
    pub views: Views,
    /// Where `alert_sent` is appended.
    pub ingest: Arc<Ingest>,
    /// The log's secret, of which targets' secrets are made.
    pub secret: LogSecret,
    /// The time.
    pub clock: Clock,
    /// HTTP client with the outbound rules.
    pub client: Client,
}

/// Sends alerts from a thread of its own.
pub struct Outbox {
    inner: Arc<Inner>,
    worker: Worker,
}

struct Inner {
    parts: OutboxParts,
}

impl Outbox {
    /// Starts the thread that sends.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(parts: OutboxParts) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inner = Arc::new(Inner { parts });
        let sending = Arc::clone(&inner);
        let run = move |stop: &StopSignal| {
            runtime.block_on(async {
                while !stop.is_set() {
                    tokio::time::sleep(ROUND).await;
                    if let Err(error) = sending.round(stop).await {
                        tracing::warn!(%error, "alerts were not sent; the next round tries again");
                    }
                }
            });
        };
        Ok(Self { inner, worker: Worker::spawn("outbound", run)? })
    }

    /// Ends the thread. A request under way is given up, and made again after the next start.
    pub fn close(&self) {
        self.worker.close();
    }

    /// Every target, in the order they were set.
    pub fn targets(&self) -> Vec<AlertTarget> {
        self.inner.parts.targets.all()
    }

    /// Checks that a target's URL may be called.
    ///
    /// # Errors
    /// See [`OutboundError`].
    pub fn check(&self, url: &str) -> Result<(), OutboundError> {
        check(url, self.inner.parts.client.allowed()).map(drop)
    }

    /// What signs the messages of the target of this id, as its receiver is told.
    pub fn target_secret(&self, id: &str) -> String {
        SigningSecret::of(&self.inner.parts.secret, id).shown()
    }

    /// Makes these attempts now, all at once; answers their results by target.
    ///
    /// # Errors
    /// The log's, where a result was not recorded.
    pub async fn send(&self, attempts: Vec<AlertAttempt>) -> Result<Vec<SendResult>, IngestError> {
        let mut tries = JoinSet::new();
        for attempt in attempts {
            let inner = Arc::clone(&self.inner);
            tries.spawn(async move { inner.make(&attempt).await });
        }
        let mut sent = Vec::new();
        while let Some(one) = tries.join_next().await {
            let (one, _) = one.map_err(|error| IngestError::Engine(error.to_string()))??;
            sent.push(one);
        }
        sent.sort_unstable_by(|a, b| a.target_id.cmp(&b.target_id));
        Ok(sent)
    }
}

/// Number of the attempt that is due at `now`. `None`: one succeeded, all failed, or the wait is not over.
fn due_attempt(alert: &AlertHistory, target: &AlertTarget, now: Instant) -> Option<u32> {
    if attempts(alert, target).any(|sent| sent.error.is_none()) {
        return None;
    }
    let made = attempts(alert, target).count();
    let last = attempts(alert, target).map(|sent| sent.at).max().unwrap_or(alert.raised_at);
    let wait = WAITS.get(made)?;
    (last.0 + wait * SECOND <= now.0).then_some(made as u32 + 1)
}

impl Inner {
    fn now(&self) -> Instant {
        Instant((self.parts.clock)())
    }

    /// Makes every due attempt, and waits until its facts are folded, so that none is made twice.
    async fn round(self: &Arc<Self>, stop: &StopSignal) -> Result<(), IngestError> {
        let targets = self.parts.targets.all();
        if targets.is_empty() {
            return Ok(());
        }
        let mut waiting = self.due(&targets).into_iter();
        let (mut under_way, mut last) = (JoinSet::new(), 0);
        loop {
            while under_way.len() < AT_ONCE
                && let Some(due) = waiting.next()
            {
                let inner = Arc::clone(self);
                under_way.spawn(async move { inner.make(&due).await });
            }
            let made = tokio::time::timeout(ROUND, under_way.join_next()).await;
            if stop.is_set() {
                return Ok(());
            }
            match made {
                // Still under way.
                Err(_) => {}
                Ok(None) => break,
                Ok(Some(made)) => {
                    let (_, position) = made.map_err(|error| IngestError::Engine(error.to_string()))??;
                    last = last.max(position);
                }
            }
        }
        // Not folded in time: the same attempt has the same key, so its fact is recorded once.
        self.parts.views.wait_for(last, FOLD_WAIT).await;
        Ok(())
    }

    fn due(&self, targets: &[AlertTarget]) -> Vec<AlertAttempt> {
        let now = self.now();
        let mut tenants: Vec<(TenantId, TenantView)> = self
            .parts
            .views
            .tenants()
            .into_iter()
            .filter_map(|(id, view)| Some((TenantId::stored(&id).ok()?, view)))
            .collect();
        let nobody = TenantId::unassigned();
        tenants.extend(self.parts.views.internal(&nobody).map(|view| (nobody, view)));
        let mut due_now = Vec::new();
        for (tenant, view) in tenants {
            let rows = view.with(|tenant, _| tenant.alerts.rows.clone());
            for alert in rows.raised_since(Instant(now.0 - LOOK_BACK)) {
                let wanted = targets.iter().filter(|target| {
                    target.wants(tenant.as_str(), &alert.item.rule)
                        && alert.item.fact_position > target.position
                });
                due_now.extend(wanted.filter_map(|target| {
                    let number = due_attempt(&alert, target, now)?;
                    let (tenant, alert, target) = (tenant.clone(), alert.clone(), target.clone());
                    Some(AlertAttempt { tenant, alert, target, number })
                }));
            }
        }
        due_now
    }

    /// Makes one attempt and records its result; returns the position of that fact.
    async fn make(&self, due: &AlertAttempt) -> Result<(SendResult, Position), IngestError> {
        let (status, error) = self.call(due).await;
        let AlertAttempt { tenant, alert, target, number: attempt } = due;
        let text = |text: &str| {
            let short: String = text.chars().take(500).collect();
            Text::new(&short)
        };
        let engine = |what: &str| IngestError::Engine(format!("alert_sent: {what} is blank"));
        let body = AlertSent {
            alert_id: text(&alert.item.alert_id).ok_or_else(|| engine("alert_id"))?,
            target_id: text(&target.id).ok_or_else(|| engine("target_id"))?,
            attempt: *attempt,
            status,
            error: error.as_deref().and_then(text),
        };
        let key = EngineKey::AlertSent {
            alert: KeyPart::new(&alert.item.alert_id),
            target: KeyPart::new(&target.id),
            attempt: (*attempt).into(),
        };
        let fact = Fact::Alert(AlertFact::Sent(body));
        let envelope = Envelope::by_engine(tenant.clone(), &key, self.now(), fact)?;
        let appended = self.parts.ingest.append(&[envelope], &Bytes::new())?.await?;
        let position = appended.first().map_or(0, |appended| appended.position());
        Ok((SendResult { target_id: target.id.clone(), attempt: *attempt, status, error }, position))
    }

    async fn call(&self, due: &AlertAttempt) -> (Option<u32>, Option<String>) {
        let Some(url) = &due.target.url else { return (None, Some("its URL was erased".into())) };
        let (tenant, item) = (due.tenant.as_str(), &due.alert.item);
        let (body, headers) = match due.target.style {
            AlertStyle::Webhook => {
                let body = json!({
                    "type": "alert.raised",
                    "timestamp": item.raised_at,
                    "data": {
                        "alert_id": item.alert_id, "tenant": tenant, "rule": item.rule, "subject": item.subject,
                        "title": item.title, "figures": item.figures, "raised_at": item.raised_at,
                        "state": item.state, "attempt": due.number,
                    },
                });
                let body = body.to_string();
                let secret = SigningSecret::of(&self.parts.secret, &due.target.id);
                let headers = secret.headers(&item.alert_id, self.now().0 / SECOND, &body);
                (body, headers)
            }
            AlertStyle::Slack => {
                let figures: Vec<String> =
                    item.figures.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                let text = format!("[{tenant}] {} ({})\n{}", item.title, item.rule, figures.join("\n"));
                (json!({ "text": text.trim_end() }).to_string(), Vec::new())
            }
        };
        match self.parts.client.post(url, &headers, body).await {
            Ok(answer) if (200..300).contains(&answer.status) => (Some(answer.status.into()), None),
            Ok(answer) => (Some(answer.status.into()), Some(format!("answered {}", answer.status))),
            Err(error) => (None, Some(error.to_string())),
        }
    }
}
