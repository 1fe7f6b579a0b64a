//! What targets are told: alerts, and by mail alerts that are over, published reports, and digests of the week.

use std::borrow::Cow;
use std::sync::Arc;

use domain::keys::Position;
use domain::members::Day;
use domain::rules::reports::Period;
use projections::entities::alerts::list::AlertHistory;

/// When mails go out that have their own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailSchedule {
    /// The hour of the tenant's Monday from which its digest is sent.
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
}
