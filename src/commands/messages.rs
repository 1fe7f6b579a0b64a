//! What targets are told: alerts, and by mail alerts that are over, published reports, and digests of the week.

use std::borrow::Cow;
use std::sync::Arc;

use domain::facts::setting::AlertStyle;
use domain::keys::Position;
use domain::members::{Day, Instant};
use domain::rules::alerts::MailTopic;
use domain::rules::calendar::week_start;
use domain::rules::reports::{Period, ReportState};
use domain::words;
use projections::entities::alerts::list::AlertHistory;

use crate::directory::AlertTarget;
use crate::views::TenantView;

words! {
    /// What a message is of.
    MessageTopic {
        /// An alert.
        AlertRaised = "alert_raised",
        /// An alert that is over.
        AlertCleared = "alert_cleared",
        /// A report.
        ReportPublished = "report_published",
        /// A week.
        WeeklyDigest = "weekly_digest",
    }
}

/// When mails go out that have their own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailSchedule {
    /// The hour of the tenant's Monday from which its digest is sent, where the tenant has none of its own.
    pub digest_hour: u8,
}

/// What a target is told.
#[derive(Debug, Clone)]
pub enum Message {
    /// An alert.
    Raised(AlertHistory),
    /// An alert that the target was told of is over.
    Cleared(AlertHistory),
    /// A report is published.
    Report {
        /// The report's id.
        report_id: String,
        /// The first fact of it: its name in keys, since an id may be longer than one.
        first_fact: Position,
        /// What it is of.
        period: Period,
        /// What was written.
        narrative: Option<Arc<str>>,
    },
    /// The week that ended before this Monday.
    Digest(Day),
}

impl Message {
    /// The same for every attempt, and of no other message.
    pub fn message_id(&self) -> Cow<'_, str> {
        match self {
            Self::Raised(alert) => Cow::Borrowed(&alert.item.alert_id),
            Self::Cleared(alert) => Cow::Owned(format!("cleared/{}", alert.item.alert_id)),
            Self::Report { first_fact, .. } => Cow::Owned(format!("report/{first_fact}")),
            Self::Digest(monday) => Cow::Owned(format!("digest/{monday}")),
        }
    }

    /// The message of this id, as the tenant's models have it; none where they have no such alert, publication or week.
    pub fn of(view: &TenantView, message_id: &str, now: Instant) -> Option<Self> {
        let of_reports = |first: Position| {
            view.with(|tenant, _| {
                let (reports, texts) = (&tenant.reports.rows, tenant.reports.rows.texts());
                let row = reports.rows().find(|row| row.first_fact() == first)?;
                (row.state() != ReportState::Draft).then_some(())?;
                let (period, narrative) = (row.period(texts)?, row.narrative());
                let report_id = texts.get(row.id).to_owned();
                Some(Self::Report { report_id, first_fact: first, period, narrative })
            })
        };
        match message_id.split_once('/') {
            Some(("cleared", id)) => {
                let alert = view.with(|tenant, _| tenant.alerts.rows.told(id))?;
                alert.cleared_at.is_some().then_some(Self::Cleared(alert))
            }
            Some(("report", first)) => of_reports(first.parse().ok()?),
            Some(("digest", monday)) => {
                let monday = Day::parse(monday)?;
                let today = view.timeline().latest().zone.day(now);
                (week_start(monday) == monday && monday <= today).then_some(Self::Digest(monday))
            }
            _ => view.with(|tenant, _| tenant.alerts.rows.told(message_id)).map(Self::Raised),
        }
    }

    /// What it is of.
    pub fn topic(&self) -> MessageTopic {
        match self {
            Self::Raised(_) => MessageTopic::AlertRaised,
            Self::Cleared(_) => MessageTopic::AlertCleared,
            Self::Report { .. } => MessageTopic::ReportPublished,
            Self::Digest(_) => MessageTopic::WeeklyDigest,
        }
    }

    /// What it tells, in a line.
    pub fn title(&self) -> String {
        match self {
            Self::Raised(alert) => alert.item.title.clone(),
            Self::Cleared(alert) => format!("Over: {}", alert.item.title),
            Self::Report { period, .. } => {
                let name = period.text().map(|text| text.to_string()).unwrap_or_default();
                match period {
                    Period::Week(_) => format!("Report of the week of {name}"),
                    Period::Month(_) => format!("Report of {name}"),
                }
            }
            Self::Digest(monday) => format!("The week of {}", Day(monday.0 - 7)),
        }
    }

    /// Whether the target is to be told of it. All but raised alerts are told by mail alone.
    pub(super) fn is_for(&self, target: &AlertTarget, tenant: &str) -> bool {
        match self {
            Self::Raised(alert) => target.wants(tenant, &alert.item.rule),
            Self::Cleared(alert) => {
                target.style == AlertStyle::Email && target.wants(tenant, &alert.item.rule)
            }
            Self::Report { .. } => target.wants_mail(tenant, MailTopic::ReportPublished),
            Self::Digest(_) => target.wants_mail(tenant, MailTopic::WeeklyDigest),
        }
    }
}
