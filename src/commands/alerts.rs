//! Attempts to send alerts: which are due, or asked for again, and what came of them. The sending is the outbox's.

use bytes::Bytes;
use domain::facts::Fact;
use domain::facts::alert::{AlertFact, AlertSent};
use domain::facts::setting::AlertStyle;
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, Position, TenantId};
use domain::members::{Instant, Text};
use domain::rules::decision::NewFact;
use domain::rules::reports::ReportState;

use super::attempts::{AlertAttempt, LOOK_BACK, attempts, due_attempt};
use super::mails::due_mails;
use super::messages::{MailSchedule, Message};
use super::{CommandError, Commands};
use crate::ingest::error::IngestError;
use crate::views::TenantView;

/// Longest error of an attempt that is recorded, in characters.
const ERROR_MAX: usize = 500;

/// Why an alert is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResendRejection {
    /// The tenant has no alert of this id.
    #[error("there is no such alert")]
    NotFound,
    /// The tenant has no message of this id.
    #[error("there is no such message")]
    MessageNotFound,
    /// The report that it is of was withdrawn.
    #[error("the report was withdrawn")]
    Withdrawn,
    /// No target wants it.
    #[error("no target takes this message")]
    NoTarget,
}

impl Commands {
    /// Every attempt that is due now, of the alerts and targets as they are folded. Without `mails` targets of style email
    /// wait.
    pub fn due_attempts(&self, mails: Option<MailSchedule>) -> Vec<AlertAttempt> {
        let (now, mut targets) = (self.now(), self.alert_targets.all());
        targets.retain(|target| mails.is_some() || target.style != AlertStyle::Email);
        if targets.is_empty() {
            return Vec::new();
        }
        let tenants = self.views.tenants().into_iter();
        let mut tenants: Vec<(TenantId, TenantView)> =
            tenants.filter_map(|(id, view)| Some((TenantId::stored(&id).ok()?, view))).collect();
        let nobody = TenantId::unassigned();
        tenants.extend(self.views.internal(&nobody).map(|view| (nobody, view)));
        let mut due_now = Vec::new();
        for (tenant, view) in tenants {
            let rows = view.with(|tenant, _| tenant.alerts.rows.clone());
            for alert in rows.raised_since(Instant(now.0 - LOOK_BACK)) {
                let wanted = targets.iter().filter(|target| {
                    target.wants(tenant.as_str(), &alert.item.rule)
                        && alert.item.fact_position > target.position
                });
                due_now.extend(wanted.filter_map(|target| {
                    let number = due_attempt(&alert.attempts, target, alert.raised_at, now)?;
                    let (tenant, message) = (tenant.clone(), Message::Raised(alert.clone()));
                    Some(AlertAttempt { tenant, message, target: target.clone(), number })
                }));
            }
            if let Some(mails) = mails {
                let digest_hour = self.registry.digest_hour(&tenant).unwrap_or(mails.digest_hour);
                due_mails(&tenant, &view, &targets, MailSchedule { digest_hour }, now, &mut due_now);
            }
        }
        due_now
    }

    /// Records what came of an attempt, once under its number; answers the position of that fact.
    ///
    /// # Errors
    /// The log's.
    pub async fn record_attempt(
        &self,
        made: &AlertAttempt,
        status: Option<u32>,
        error: Option<&str>,
    ) -> Result<Position, IngestError> {
        let AlertAttempt { tenant, message, target, number } = made;
        let (alert_id, target_id) = (&*message.message_id(), target.id.as_str());
        let text = |what: &str, text: &str| {
            Text::new(text).ok_or_else(|| IngestError::Engine(format!("alert_sent: {what} is blank")))
        };
        let error = error.map(|error| error.chars().take(ERROR_MAX).collect::<String>());
        let body = AlertSent {
            alert_id: text("alert_id", alert_id)?,
            target_id: text("target_id", target_id)?,
            attempt: *number,
            status,
            error: error.as_deref().and_then(Text::new),
        };
        let key = EngineKey::AlertSent {
            alert: KeyPart::new(alert_id),
            target: KeyPart::new(target_id),
            attempt: (*number).into(),
        };
        let fact = NewFact { key, occurred_at: None, fact: Fact::Alert(AlertFact::Sent(body)) };
        Ok(self.append(tenant, fact, &Bytes::new(), self.now()).await?.position())
    }

    /// Decides to send an alert now to each target that wants it, whatever became of it before; or to one of them.
    /// Also an alert without a tenant. Appends nothing: each attempt is a fact once it was made.
    ///
    /// # Errors
    /// [`ResendRejection`].
    pub async fn resend_alert(
        &self,
        tenant: &TenantId,
        alert_id: &str,
        target_id: Option<&str>,
    ) -> Result<Vec<AlertAttempt>, CommandError<ResendRejection>> {
        let view = self.folded_or_unassigned(tenant).await?;
        let alert = view.as_ref().and_then(|view| view.with(|tenant, _| tenant.alerts.rows.told(alert_id)));
        let (view, alert) = view.zip(alert).ok_or(CommandError::Rejected(ResendRejection::NotFound))?;
        self.again((tenant, &view), &Message::Raised(alert), target_id).await
    }

    /// As [`Commands::resend_alert`], of whatever targets are told: also of an alert that is over, a report, a week.
    ///
    /// # Errors
    /// [`ResendRejection`].
    pub async fn resend_message(
        &self,
        tenant: &TenantId,
        message_id: &str,
        target_id: Option<&str>,
    ) -> Result<Vec<AlertAttempt>, CommandError<ResendRejection>> {
        let rejected = CommandError::<ResendRejection>::Rejected;
        let view = self.folded(tenant).await?;
        let message = Message::of(&view, message_id, self.now());
        let message = message.ok_or(rejected(ResendRejection::MessageNotFound))?;
        if let Message::Report { report_id, .. } = &message {
            let state = view.with(|tenant, _| Some(tenant.reports.rows.get(report_id)?.state()));
            if state != Some(ReportState::Published) {
                return Err(rejected(ResendRejection::Withdrawn));
            }
        }
        self.again((tenant, &view), &message, target_id).await
    }

    async fn again(
        &self,
        (tenant, view): (&TenantId, &TenantView),
        message: &Message,
        target_id: Option<&str>,
    ) -> Result<Vec<AlertAttempt>, CommandError<ResendRejection>> {
        self.fold_reached(&*self.alert_targets, self.log.head().position).await?;
        let made = view.with(|tenant, _| tenant.alerts.rows.attempts(&message.message_id()));
        let targets = self.alert_targets.all().into_iter().filter(|target| {
            target_id.is_none_or(|id| id == target.id) && message.is_for(target, tenant.as_str())
        });
        let decided = targets.map(|target| {
            let number = attempts(&made, &target).count() as u32 + 1;
            AlertAttempt { tenant: tenant.clone(), message: message.clone(), target, number }
        });
        let decided: Vec<AlertAttempt> = decided.collect();
        if decided.is_empty() {
            return Err(CommandError::Rejected(ResendRejection::NoTarget));
        }
        Ok(decided)
    }
}
