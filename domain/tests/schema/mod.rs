//! Every kind's members as the contract names them, written apart from the code that they test.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod generate;
pub mod restate;

use serde_json::{Map, Value};

/// The type of a member.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    Text,
    Long,
    Email,
    Phone,
    Bool,
    U32,
    U64,
    /// From 1.
    Position,
    I64,
    Percent,
    /// Of a snapshot: never above its `parts`.
    Part,
    Parts,
    Instant,
    Day,
    Month,
    Currency,
    Zone,
    Digest,
    Word(&'static [&'static str]),
    /// The name of a kind, which has one spelling.
    Kind(&'static str),
    Object(&'static [Member]),
    Rows(&'static [Member]),
}

/// How often a member is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Required,
    Optional,
    /// Order counts.
    List,
    /// A list of at least one.
    Filled,
    /// Order does not count.
    Set,
}

/// One member of a body.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    pub name: &'static str,
    pub mode: Mode,
    pub of: Type,
    /// Whether erasure takes it.
    pub personal: bool,
}

const fn req(name: &'static str, of: Type) -> Member {
    Member { name, mode: Mode::Required, of, personal: false }
}

const fn opt(name: &'static str, of: Type) -> Member {
    Member { name, mode: Mode::Optional, of, personal: false }
}

const fn own(name: &'static str, mode: Mode, of: Type) -> Member {
    Member { name, mode, of, personal: true }
}

const fn many(name: &'static str, mode: Mode, of: Type) -> Member {
    Member { name, mode, of, personal: false }
}

use Mode::{Filled, List, Optional, Required, Set};
use Type::*;

const STATUS: Type =
    Word(&["initiated", "ringing", "in_progress", "completed", "busy", "no_answer", "failed", "canceled"]);
const OUTCOME: Type = Word(&[
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
const LEAD: &[Member] = &[
    opt("id", Text),
    own("email", Optional, Email),
    own("first_name", Optional, Text),
    own("last_name", Optional, Text),
    own("company", Optional, Text),
    own("title", Optional, Text),
];
const STAGED_LEAD: &[Member] = &[
    req("id", Text),
    own("email", Optional, Email),
    own("first_name", Optional, Text),
    own("last_name", Optional, Text),
    own("company", Optional, Text),
    own("title", Optional, Text),
];
const REPLY: &[Member] = &[opt("id", Text), opt("received_at", Instant), own("text", Optional, Long)];
const OUTREACH: &[Member] = &[
    opt("instance", Text),
    opt("workspace", Text),
    opt("campaign", Text),
    opt("sender_email", Email),
    opt("lead", Object(LEAD)),
    opt("reply", Object(REPLY)),
];
const SENDER_EVENT: &[Member] =
    &[req("instance", Text), req("workspace", Text), req("email", Email), opt("account_id", Text)];
const SESSION_REASON: &[Member] = &[req("session_id", Text), opt("reason", Text)];
const NOTE: &[Member] = &[
    req("note_id", Text),
    opt("author", Text),
    own("content", Optional, Long),
    own("contact", Optional, Text),
];
const REPORT: &[Member] =
    &[req("report_id", Text), opt("period", Text), opt("narrative", Long), opt("position", Position)];
const CRM_RECORD: &[Member] = &[
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
const RULES: &[Member] = &[
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

/// Kind and members, in the order of the contract's table.
pub const KINDS: &[(&str, &[Member])] = &[
    (
        "call_reported",
        &[
            req("call_id", Text),
            req("status", STATUS),
            opt("answered", Bool),
            opt("duration_seconds", U32),
            opt("direction", Word(&["inbound", "outbound"])),
            own("from", Optional, Phone),
            own("to", Optional, Phone),
            opt("tracking_number", Phone),
            opt("agent", Email),
            opt("lead_id", Text),
            opt("session_id", Text),
            opt("started_at", Instant),
            opt("answered_at", Instant),
            opt("ended_at", Instant),
            opt("answered_by", Text),
            opt("parent_call_id", Text),
            opt("source", Text),
            opt("campaign", Text),
        ],
    ),
    (
        "call_disposed",
        &[
            req("call_id", Text),
            req("outcome", OUTCOME),
            opt("agent", Email),
            opt("lead_id", Text),
            opt("session_id", Text),
            own("note", Optional, Long),
        ],
    ),
    (
        "call_recorded",
        &[
            req("call_id", Text),
            req("recording_id", Text),
            own("url", Required, Text),
            opt("duration_seconds", U32),
            opt("lead_id", Text),
            opt("agent", Email),
        ],
    ),
    (
        "call_placed",
        &[
            req("call_id", Text),
            own("to", Required, Phone),
            own("from", Optional, Phone),
            opt("agent", Email),
            opt("lead_id", Text),
            opt("session_id", Text),
            opt("recording", Bool),
        ],
    ),
    (
        "session_started",
        &[
            req("session_id", Text),
            req("agent", Email),
            req("pipeline_id", Text),
            many("lead_ids", Filled, Text),
        ],
    ),
    ("session_resumed", SESSION_REASON),
    ("session_ended", SESSION_REASON),
    ("lead_attempted", &[req("session_id", Text), req("lead_id", Text), req("outcome", OUTCOME)]),
    ("email_sent", OUTREACH),
    ("lead_replied", OUTREACH),
    ("lead_interested", OUTREACH),
    ("email_bounced", OUTREACH),
    ("lead_unsubscribed", OUTREACH),
    (
        "lead_staged",
        &[
            req("lead", Object(STAGED_LEAD)),
            req("stage", Word(&["interested", "quoting", "follow_up", "won", "lost"])),
            opt("by", Email),
            opt("instance", Text),
            opt("workspace", Text),
        ],
    ),
    (
        "sender_account_observed",
        &[
            req("instance", Text),
            req("workspace", Text),
            req("account_id", Text),
            req("email", Email),
            req("status", Word(&["connected", "disconnected"])),
            opt("sends", U64),
            opt("replies", U64),
            opt("bounces", U64),
            opt("email_provider", Text),
            opt("reseller", Text),
            many("tags", Set, Text),
        ],
    ),
    ("sender_account_added", SENDER_EVENT),
    ("sender_account_disconnected", SENDER_EVENT),
    ("sender_account_reconnected", SENDER_EVENT),
    (
        "sync_started",
        &[
            req("run_id", Text),
            req("source", Text),
            opt("status", Word(&["success", "failed", "running"])),
            opt("records_updated", U64),
            opt("error", Long),
        ],
    ),
    (
        "sync_finished",
        &[
            req("run_id", Text),
            req("source", Text),
            opt("status", Word(&["success", "failed"])),
            opt("records_updated", U64),
            opt("error", Long),
        ],
    ),
    (
        "snapshot_taken",
        &[
            req("run_id", Text),
            req("source", Text),
            req("resource", Word(&["leads", "opportunities", "notes", "activities", "sales_cycles"])),
            req("observed_at", Instant),
            req("part", Part),
            req("parts", Parts),
            opt("base", Text),
            many("removed", List, Text),
            opt("records", Rows(CRM_RECORD)),
        ],
    ),
    (
        "ad_spend_observed",
        &[
            req("source", Text),
            req("account_id", Text),
            req("date", Day),
            req("amount_minor", I64),
            req("currency", Currency),
        ],
    ),
    ("note_written", NOTE),
    ("note_removed", NOTE),
    ("report_published", REPORT),
    ("report_withdrawn", REPORT),
    (
        "target_set",
        &[
            req("month", Month),
            req("metric", Word(&["positive_replies", "emails_sent", "qualified"])),
            req("value", U64),
        ],
    ),
    (
        "tenant_configured",
        &[
            req("name", Text),
            req("timezone", Zone),
            opt("currency", Currency),
            opt("recording", Bool),
            opt("effective_from", Day),
            many("workspaces", Set, Text),
            opt("rules", Object(RULES)),
            opt("tracking_numbers", Rows(&[req("number", Phone), opt("agent", Email)])),
        ],
    ),
    (
        "delivery_quarantined",
        &[
            req("reason", Text),
            req("provider", Text),
            req("endpoint", Text),
            opt("method", Text),
            opt("content_type", Text),
            own("detail", Optional, Long),
            own("query", Optional, Long),
        ],
    ),
    (
        "conflict_observed",
        &[
            req("first_position", Position),
            req("first_digest", Digest),
            req("second_digest", Digest),
            req("occurred_at", Instant),
            req("kind", Kind("lead_replied")),
            opt("body", Object(OUTREACH)),
        ],
    ),
    (
        "conflict_accepted",
        &[req("first_position", Position), req("kind", Kind("lead_replied")), opt("body", Object(OUTREACH))],
    ),
];

/// What is left of a canonical body once its personal part is erased.
pub fn erased(members: &[Member], body: &Value) -> Value {
    let mut left = Map::new();
    for member in members.iter().filter(|member| !member.personal) {
        let Some(value) = body.get(member.name) else { continue };
        let value = match (member.of, value) {
            (Object(inner), _) => {
                let inner = erased(inner, value);
                // A conflict's body is there even when nothing in it is.
                if member.name != "body" && inner.as_object().is_some_and(Map::is_empty) {
                    continue;
                }
                inner
            }
            (Rows(inner), Value::Array(rows)) => rows.iter().map(|row| erased(inner, row)).collect(),
            (_, value) => value.clone(),
        };
        left.insert(member.name.to_owned(), value);
    }
    Value::Object(left)
}
