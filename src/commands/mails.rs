//! Which mails beside raised alerts are due: alerts that are over, published reports, digests of the week. Whether one was
//! sent stands in facts, as of alerts.

use domain::facts::setting::AlertStyle;
use domain::keys::TenantId;
use domain::members::Instant;
use domain::rules::alerts::MailTopic;
use domain::rules::calendar::week_start;
use domain::rules::reports::ReportState;
use projections::entities::alerts::Alerts;
use projections::entities::alerts::list::AlertHistory;

use super::attempts::{AlertAttempt, LOOK_BACK, SECOND, due_attempt};
use super::messages::{MailSchedule, Message};
use crate::directory::AlertTarget;
use crate::views::TenantView;

/// A digest whose hour is longer past than that is not begun: it would tell of last week what is no news.
const DIGEST_LATE_MAX: i64 = 86_400 * SECOND;
/// Alerts raised longer ago are over without a mail.
const OPEN_MAX: i64 = 60 * 86_400 * SECOND;
const HOUR: i64 = 3_600 * SECOND;

/// A message with the moment from which it is to be sent.
struct DueMessage {
    message: Message,
    since: Instant,
}

/// Adds the attempts that are due of a tenant's mails.
pub(super) fn due_mails(
    tenant: &TenantId,
    view: &TenantView,
    targets: &[AlertTarget],
    schedule: MailSchedule,
    now: Instant,
    due_now: &mut Vec<AlertAttempt>,
) {
    let targets: Vec<&AlertTarget> =
        targets.iter().filter(|target| target.style == AlertStyle::Email).collect();
    if targets.is_empty() {
        return;
    }
    let rows = view.with(|tenant, _| tenant.alerts.rows.clone());
    let over = over(&rows, now);
    for target in targets {
        let was_told = |alert: &AlertHistory| {
            let mut made = alert.attempts.iter();
            made.any(|sent| *sent.target_id == *target.id && sent.error.is_none())
        };
        let told = over.iter().filter(|(alert, _)| was_told(alert));
        let message = |(alert, since): &(AlertHistory, Instant)| DueMessage {
            message: Message::Cleared(alert.clone()),
            since: *since,
        };
        let mut due: Vec<DueMessage> = told.map(message).collect();
        if target.wants_mail(tenant.as_str(), MailTopic::ReportPublished) {
            due.extend(published(view, target, now));
        }
        if target.wants_mail(tenant.as_str(), MailTopic::WeeklyDigest) {
            due.extend(digest(tenant, view, target, schedule, now));
        }
        for DueMessage { message, since } in due {
            let made = rows.attempts(&message.message_id());
            let is_late = matches!(message, Message::Digest(_))
                && now.0 > since.0 + DIGEST_LATE_MAX
                && made.iter().all(|sent| *sent.target_id != *target.id);
            if let Some(number) = due_attempt(&made, target, since, now).filter(|_| !is_late) {
                let (tenant, target) = (tenant.clone(), target.clone());
                due_now.push(AlertAttempt { tenant, message, target, number });
            }
        }
    }
}

/// Alerts that are over, each since when.
fn over(alerts: &Alerts, now: Instant) -> Vec<(AlertHistory, Instant)> {
    let raised = alerts.raised_since(Instant(now.0 - OPEN_MAX));
    let over = raised.filter_map(|alert| {
        let since = alert.cleared_at.filter(|at| at.0 > now.0 - LOOK_BACK)?;
        Some((alert, since))
    });
    over.collect()
}

/// Reports that were published since the target was set.
fn published(view: &TenantView, target: &AlertTarget, now: Instant) -> Vec<DueMessage> {
    view.with(|tenant, _| {
        let reports = &tenant.reports.rows;
        let due = reports.rows().filter_map(|row| {
            let since = row.times()[1].filter(|at| at.0 > now.0 - LOOK_BACK)?;
            let is_news = row.state() == ReportState::Published && row.last_fact() > target.position;
            let period = row.period(reports.texts()).filter(|_| is_news)?;
            let report_id = reports.texts().get(row.id).to_owned();
            let (first_fact, narrative) = (row.first_fact(), row.narrative());
            Some(DueMessage { message: Message::Report { report_id, first_fact, period, narrative }, since })
        });
        due.collect()
    })
}

/// The digest of the last week, from the hour of this week's Monday on.
fn digest(
    tenant: &TenantId,
    view: &TenantView,
    target: &AlertTarget,
    schedule: MailSchedule,
    now: Instant,
) -> Option<DueMessage> {
    if *tenant == TenantId::unassigned() {
        return None;
    }
    let zone = view.timeline().latest().zone;
    let monday = week_start(zone.day(now));
    let since = Instant(zone.start_of(monday).0 + i64::from(schedule.digest_hour) * HOUR);
    let is_due = since <= now && target.set_at <= since;
    is_due.then_some(DueMessage { message: Message::Digest(monday), since })
}
