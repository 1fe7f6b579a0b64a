//! Alerts that are sent again: to whom, and as which attempt. The sending is the outbox's.

use domain::keys::TenantId;
use projections::entities::alerts::list::AlertHistory;
use projections::entities::alerts::row::SendAttempt;

use super::{CommandError, Commands};
use crate::directory::AlertTarget;

/// One attempt to send an alert, which is still to be made. Its result is a fact under its number, so two that are
/// decided on one state are recorded as one.
#[derive(Debug, Clone)]
pub struct AlertAttempt {
    /// Whose alert.
    pub tenant: TenantId,
    /// The alert, with the attempts before this one.
    pub alert: AlertHistory,
    /// To whom.
    pub target: AlertTarget,
    /// From 1 for each target.
    pub number: u32,
}

/// Why an alert is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResendRejection {
    /// The tenant has no alert of this id.
    #[error("there is no such alert")]
    NotFound,
    /// No target wants it.
    #[error("no target takes this alert")]
    NoTarget,
}

/// The attempts so far to send an alert to a target.
pub fn attempts<'a>(
    alert: &'a AlertHistory,
    target: &'a AlertTarget,
) -> impl Iterator<Item = &'a SendAttempt> {
    alert.attempts.iter().filter(|sent| *sent.target_id == *target.id)
}

impl Commands {
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
        let alert = view.and_then(|view| view.with(|tenant, _| tenant.alerts.rows.told(alert_id)));
        let alert = alert.ok_or(CommandError::Rejected(ResendRejection::NotFound))?;
        self.fold_reached(&*self.alert_targets, self.log.head().position).await?;
        let targets = self.alert_targets.all().into_iter().filter(|target| {
            target_id.is_none_or(|id| id == target.id) && target.wants(tenant.as_str(), &alert.item.rule)
        });
        let decided = targets.map(|target| {
            let number = attempts(&alert, &target).count() as u32 + 1;
            AlertAttempt { tenant: tenant.clone(), alert: alert.clone(), target, number }
        });
        let decided: Vec<AlertAttempt> = decided.collect();
        if decided.is_empty() {
            return Err(CommandError::Rejected(ResendRejection::NoTarget));
        }
        Ok(decided)
    }
}
