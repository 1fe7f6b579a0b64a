//! Facts of reports and targets.

use crate::codec::PersonHasher;
use crate::facts::Subject;
use crate::json::Reader;
use crate::members::{LongText, Month, Text};
use crate::{body, group, words};

body! {
    /// The body of `report_drafted`, `report_published` and `report_withdrawn`.
    Report {
        public {
            /// The report.
            required report_id: Text;
            /// The period it is of: a month or the Monday of a week.
            optional period: Text;
            /// What was written.
            optional narrative: LongText;
            /// The log position at which its figures hold (B14).
            optional position: u64;
        }
        /// `position`, where it is given, is at least 1.
        check is_at_a_position(position);
    }
}

impl Report {
    fn is_at_a_position(at: &mut Reader<'_>, position: &Option<u64>) {
        if *position == Some(0) {
            at.fault_at("position", "must be an integer of at least 1");
        }
    }
}

words! {
    /// What a target can be set for (F1).
    TargetMetric {
        PositiveReplies = "positive_replies",
        EmailsSent = "emails_sent",
        Qualified = "qualified",
    }
}

body! {
    /// `target_set`: what a tenant wants of a month.
    TargetSet {
        public {
            /// The month.
            required month: Month;
            /// Of what.
            required metric: TargetMetric;
            /// How much.
            required value: u64;
        }
    }
}

group! {
    /// Facts of reports and targets.
    ReportFact = 8 {
        /// A report was made known.
        1 "report_published" Published(Report),
        /// A report that was made known holds no more.
        2 "report_withdrawn" Withdrawn(Report),
        3 "target_set" TargetSet(TargetSet),
        /// A report was written, for nobody to see yet.
        4 "report_drafted" Drafted(Report),
    }
}

impl ReportFact {
    /// The log position at which a report's figures hold.
    pub(crate) fn position(&self) -> Option<u64> {
        match self {
            Self::Drafted(body) | Self::Published(body) | Self::Withdrawn(body) => body.position,
            Self::TargetSet(_) => None,
        }
    }
}

impl Subject for ReportFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        match self {
            Self::Drafted(body) | Self::Published(body) | Self::Withdrawn(body) => {
                format!("report/{}", body.report_id)
            }
            Self::TargetSet(body) => format!("target/{}/{}", body.month, body.metric.as_str()),
        }
    }
}
