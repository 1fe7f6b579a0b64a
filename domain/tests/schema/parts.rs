//! What several kinds have in common: words, and members of objects within.

use super::Mode::{Optional, Required, Set};
use super::Type::*;
use super::{Member, Mode, Type};

pub const fn req(name: &'static str, of: Type) -> Member {
    Member { name, mode: Mode::Required, of, personal: false }
}

pub const fn opt(name: &'static str, of: Type) -> Member {
    Member { name, mode: Mode::Optional, of, personal: false }
}

pub const fn own(name: &'static str, mode: Mode, of: Type) -> Member {
    Member { name, mode, of, personal: true }
}

pub const fn many(name: &'static str, mode: Mode, of: Type) -> Member {
    Member { name, mode, of, personal: false }
}

pub const STATUS: Type =
    Word(&["initiated", "ringing", "in_progress", "completed", "busy", "no_answer", "failed", "canceled"]);
pub const OUTCOME: Type = Word(&[
    "connected",
    "voicemail",
    "no-answer",
    "busy",
    "callback",
    "not-interested",
    "wrong-number",
    "dnc",
    "failed",
    "appointment-set",
    "skipped",
]);
pub const LEAD: &[Member] = &[
    opt("id", Text),
    own("email", Optional, Email),
    own("first_name", Optional, Text),
    own("last_name", Optional, Text),
    own("company", Optional, Text),
    own("title", Optional, Text),
];
pub const STAGED_LEAD: &[Member] = &[
    req("id", Text),
    own("email", Optional, Email),
    own("first_name", Optional, Text),
    own("last_name", Optional, Text),
    own("company", Optional, Text),
    own("title", Optional, Text),
];
pub const REPLY: &[Member] = &[opt("id", Text), opt("received_at", Instant), own("text", Optional, Long)];
pub const OUTREACH: &[Member] = &[
    opt("instance", Text),
    opt("workspace", Text),
    opt("campaign", Text),
    opt("sender_email", Email),
    opt("lead", Object(LEAD)),
    opt("reply", Object(REPLY)),
];
pub const SENDER_EVENT: &[Member] =
    &[req("instance", Text), req("workspace", Text), req("email", Email), opt("account_id", Text)];
pub const SESSION_REASON: &[Member] = &[req("session_id", Text), opt("reason", Text)];
pub const NOTE: &[Member] = &[
    req("note_id", Text),
    opt("author", Text),
    own("content", Optional, Long),
    own("contact", Optional, Text),
];
pub const REPORT: &[Member] =
    &[req("report_id", Text), opt("period", Text), opt("narrative", Long), opt("position", Position)];
pub const CRM_RECORD: &[Member] = &[
    req("id", Text),
    opt("source", Text),
    opt("stage", Text),
    opt("contact_type", Text),
    opt("value_minor", I64),
    opt("currency", Currency),
    opt("units", U32),
    opt("order", U32),
    opt("likelihood_percent", Percent),
    opt("active", Bool),
    opt("activity_type", Text),
    opt("status", Text),
    opt("scheduled_at", Instant),
    opt("author", Text),
    opt("contact", Text),
    opt("created_at", Instant),
    opt("modified_at", Instant),
    own("contact_name", Optional, Text),
    own("company", Optional, Text),
    own("email", Optional, Email),
    own("phone", Optional, Phone),
    own("content", Optional, Long),
];
pub const RULES: &[Member] = &[
    opt("qualified_min_seconds", U32),
    opt("job_value_minor", I64),
    opt("stale_after_seconds", U32),
    opt("session_timeout_seconds", U32),
    opt("reservation_seconds", U32),
    opt("reply_rate_drop_percent", Percent),
    many("counted_contact_types", Set, Text),
    many("counted_directions", Set, Word(&["inbound", "outbound", "unknown"])),
    many("qualified_stages", Set, Text),
    many("hot_stages", Set, Text),
    opt("daily_call_goal", U32),
    opt("stages", Rows(&[req("name", Text), opt("likelihood_percent", Percent)])),
];

pub const ROLE: Type = Word(&["viewer", "agent", "auditor", "operator", "admin"]);
pub const USER: &[Member] = &[
    req("user_id", Text),
    opt("role", ROLE),
    opt("by", Text),
    own("email", Required, Email),
    own("name", Optional, Text),
    own("password_hash", Required, Text),
];

const MEMBERSHIPS: Type = Rows(&[req("tenant", Text), req("role", ROLE)]);
pub const INVITATION: &[Member] = &[
    req("invitation_id", Text),
    req("secret_digest", Text),
    req("expires_at", Instant),
    opt("role", ROLE),
    opt("by", Text),
    own("email", Required, Email),
    opt("memberships", MEMBERSHIPS),
];
pub const INVITED: &[Member] = &[
    req("invitation_id", Text),
    req("user_id", Text),
    opt("role", ROLE),
    own("email", Required, Email),
    own("name", Optional, Text),
    own("password_hash", Required, Text),
    opt("memberships", MEMBERSHIPS),
];

pub const CALL_OF_REQUEST: &[Member] = &[req("request_id", Text), req("call_id", Text)];
pub const CALL_FAILURE: Type =
    Word(&["expired", "not_configured", "erased", "not_connected", "rate_limited", "refused"]);
pub const CALL_DOUBT: Type = Word(&["timed_out", "broken_answer", "provider_error", "interrupted"]);
