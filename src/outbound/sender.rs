//! The outbox: makes the attempts to send alerts that are due, on a thread of its own, and those it is asked for.

use std::sync::Arc;
use std::time::Duration;

use domain::facts::setting::AlertStyle;
use domain::keys::{LogSecret, Position, TenantId};
use domain::members::{Day, Instant};
use domain::rules::reports::Period;
use serde_json::json;
use tokio::task::JoinSet;

use super::client::{Client, check};
use super::error::OutboundError;
use super::mail::{MailContent, Mailer, Unsubscribing, check_address};
use super::request::OutboundRequest;
use super::signature::SigningSecret;
use crate::clock::{Clock, Duty};
use crate::commands::{AlertAttempt, Commands, Message};
use crate::ingest::error::IngestError;
use crate::views::Views;
use crate::worker::{StopSignal, Worker};

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
    /// HTTP or SMTP status of the answer.
    pub status: Option<u32>,
    /// Why it failed; none where it was taken.
    pub error: Option<String>,
}

/// What the outbox reads and writes.
#[derive(Clone)]
pub struct OutboxParts {
    /// Decides what is due, and records what was sent.
    pub commands: Commands,
    /// Read models: a round waits until they have its facts.
    pub views: Views,
    /// The log's secret, of which targets' secrets are made.
    pub secret: LogSecret,
    /// The time.
    pub clock: Clock,
    /// HTTP client with the outbound rules.
    pub client: Client,
    /// Hands on mails; none: targets of style email wait.
    pub mailer: Option<Arc<Mailer>>,
    /// Whether this node sends.
    pub duty: Duty,
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
                    if !sending.parts.views.is_folded() || !sending.parts.duty.is_mine() {
                        continue;
                    }
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

    /// Checks that a target's URL may be called; of style email, that it is an address and mail is configured.
    ///
    /// # Errors
    /// See [`OutboundError`].
    pub fn check(&self, style: AlertStyle, url: &str) -> Result<(), OutboundError> {
        if style == AlertStyle::Email {
            check_address(url)?;
            let is_on = self.inner.parts.mailer.is_some();
            return if is_on {
                Ok(())
            } else {
                Err(OutboundError::Url("is of a mail, and [email] is not configured"))
            };
        }
        check(url, self.inner.parts.client.allowed()).map(drop)
    }

    /// What signs the messages of the target of this id, as its receiver is told.
    pub fn target_secret(&self, id: &str) -> String {
        SigningSecret::of(&self.inner.parts.secret, id).shown()
    }

    /// The target of a link by which a receiver unsubscribes; none where we did not sign it.
    pub fn unsubscribed<'t>(&self, token: &'t str) -> Option<&'t str> {
        Unsubscribing::new(self.inner.parts.secret.clone()).target(token)
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

impl Inner {
    fn now(&self) -> Instant {
        Instant((self.parts.clock)())
    }

    /// Makes every due attempt, and waits until its facts are folded, so that none is made twice.
    async fn round(self: &Arc<Self>, stop: &StopSignal) -> Result<(), IngestError> {
        let mails = self.parts.mailer.as_ref().map(|mailer| mailer.schedule());
        let mut waiting = self.parts.commands.due_attempts(mails).into_iter();
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

    /// Makes one attempt and records its result; returns the position of that fact.
    async fn make(&self, due: &AlertAttempt) -> Result<(SendResult, Position), IngestError> {
        let (status, error) = self.call(due).await;
        let position = self.parts.commands.record_attempt(due, status, error.as_deref()).await?;
        Ok((SendResult { target_id: due.target.id.clone(), attempt: due.number, status, error }, position))
    }

    async fn call(&self, due: &AlertAttempt) -> (Option<u32>, Option<String>) {
        let Some(url) = &due.target.url else { return (None, Some("its URL was erased".into())) };
        let alert = match &due.message {
            Message::Raised(alert) if due.target.style != AlertStyle::Email => alert,
            _ => return self.mail(due, url).await,
        };
        let (tenant, item) = (due.tenant.as_str(), &alert.item);
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
            AlertStyle::Slack | AlertStyle::Email => {
                let figures: Vec<String> =
                    item.figures.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                let text = format!("[{tenant}] {} ({})\n{}", item.title, item.rule, figures.join("\n"));
                (json!({ "text": text.trim_end() }).to_string(), Vec::new())
            }
        };
        let request = OutboundRequest::post(url).json(body).without_body();
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        match self.parts.client.send(request).await {
            Ok(answer) if answer.is_success() => (Some(answer.status.into()), None),
            Ok(answer) => (Some(answer.status.into()), Some(format!("answered {}", answer.status))),
            Err(error) => (None, Some(error.to_string())),
        }
    }

    async fn mail(&self, due: &AlertAttempt, url: &str) -> (Option<u32>, Option<String>) {
        let Some(mailer) = &self.parts.mailer else {
            return (None, Some("[email] is not configured".into()));
        };
        match self.content(due, mailer.public_url()).await {
            Some(content) => mailer.send(&due.message.message_id(), (&due.target.id, url), &content).await,
            None => (None, Some("its figures cannot be read".into())),
        }
    }

    /// What a mail says; none where its figures cannot be read.
    async fn content(&self, due: &AlertAttempt, public_url: &str) -> Option<MailContent> {
        let views = &self.parts.views;
        let view = views.tenant(&due.tenant).or_else(|| views.internal(&due.tenant))?;
        let (name, position) = view.with(|tenant, position| (tenant.profile.name.clone(), position));
        let tenant = due.tenant.as_str();
        let unnamed = if tenant == TenantId::UNASSIGNED { "Factfold" } else { tenant };
        let workspace = name.map_or_else(|| unnamed.to_owned(), |name| name.to_string());
        let names = (workspace.as_str(), tenant);
        Some(match &due.message {
            Message::Raised(alert) => MailContent::of_alert(names, &alert.item, false, public_url),
            Message::Cleared(alert) => MailContent::of_alert(names, &alert.item, true, public_url),
            Message::Report { report_id, period, narrative, .. } => {
                let frozen = view.with(|tenant, _| tenant.reports.rows.get(report_id)?.position())?;
                let figures = views.report(&due.tenant, *period, frozen).await.ok().flatten()?;
                MailContent::of_report(
                    names,
                    &due.message.title(),
                    narrative.as_deref(),
                    &figures,
                    public_url,
                )
            }
            Message::Digest(monday) => {
                let week = Period::Week(Day(monday.0 - 7));
                let figures = views.report(&due.tenant, week, position).await.ok().flatten()?;
                MailContent::of_week(names, *monday, &figures, public_url)
            }
        })
    }
}
