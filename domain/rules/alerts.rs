//! What people are told of: one word for each rule that raises alerts.

use crate::words;

words! {
    /// What is mailed beside alerts, to targets whose rules name it.
    MailTopic {
        /// A report is published.
        ReportPublished = "report_published",
        /// The counters of the week that ended, on Monday.
        WeeklyDigest = "weekly_digest",
    }
}

words! {
    /// A rule that raises alerts (F2).
    AlertRule {
        /// A file of the log or a model fails its verification while the server serves.
        AuditViolation = "audit_violation",
        /// A month is behind its target.
        BehindTarget = "behind_target",
        /// Calls were requested, and nobody knows whether they rang (C7).
        CallUnknown = "call_unknown",
        /// The log's last fact was recorded ahead of the clock.
        ClockAhead = "clock_ahead",
        /// A known key came with other content, and nobody has decided.
        Conflict = "conflict",
        /// Another tenant's CRM holds the same records: one of them has wrong credentials (B13).
        EqualSnapshots = "equal_snapshots",
        /// A lead's first interest.
        PositiveReply = "positive_reply",
        /// Deliveries are in quarantine.
        Quarantine = "quarantine",
        /// Requests to an endpoint are refused (401).
        Refused = "refused",
        /// A reply rate dropped (D9).
        ReplyRateDrop = "reply_rate_drop",
        /// Nothing comes from an endpoint any more (D5).
        Silence = "silence",
        /// Sync runs fail.
        SyncFailing = "sync_failing",
        /// Calls come to a number that the configuration does not have.
        UnknownTrackingNumber = "unknown_tracking_number",
    }
}
