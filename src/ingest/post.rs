//! Facts that clients post: one JSON object each, read strictly, every field at fault named.

use domain::envelope::Envelope;
use domain::facts::outreach::{LEAD_RULE, is_about_nobody};
use domain::facts::{Fact, kind_name, kind_named, kind_rule};
use domain::json::{FieldError, Json, Reader};
use domain::keys::{ExternalId, NameError, Provider};
use domain::members::Instant;

use super::answer::Posted;
use super::key::KeyWriter;

/// How far ahead of our clock an `occurred_at` may be, µs (R6).
pub const AHEAD_MAX: i64 = 24 * 3_600 * 1_000_000;

/// The caller's role as far as posting goes; each may post what those before it may (RULINGS, Who may post which
/// kind).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PostingRole {
    /// A person who calls: sessions, dispositions, attempts, notes, stages.
    Agent,
    /// Runs the system: the providers' kinds, targets, reports.
    Operator,
    /// May also configure tenants.
    Admin,
}

/// The least role that may post facts of a kind; `None`: only the engine makes them.
pub fn required_role(kind: &str) -> Option<PostingRole> {
    Some(match kind {
        "call_disposed" | "session_started" | "session_resumed" | "session_ended" | "lead_attempted"
        | "lead_staged" | "note_written" | "note_removed" => PostingRole::Agent,
        "call_reported"
        | "call_recorded"
        | "call_placed"
        | "email_sent"
        | "lead_replied"
        | "lead_interested"
        | "email_bounced"
        | "lead_unsubscribed"
        | "sender_account_observed"
        | "sender_account_added"
        | "sender_account_disconnected"
        | "sender_account_reconnected"
        | "sender_account_removed"
        | "sync_started"
        | "sync_finished"
        | "snapshot_taken"
        | "ad_spend_observed"
        | "target_set"
        | "report_drafted"
        | "report_published"
        | "report_withdrawn" => PostingRole::Operator,
        "tenant_configured" => PostingRole::Admin,
        // The engine's own, and any kind for which nobody decided it.
        _ => return None,
    })
}

/// Whether a fact of a kind may be voided: all that may be posted, but for configurations, which are undone by another one.
pub fn may_be_voided(kind: &str) -> bool {
    kind != "tenant_configured" && required_role(kind).is_some()
}

/// The roles that may post facts of a kind, the least first; none where only the engine makes them.
pub fn posting_roles(kind: &str) -> &'static [&'static str] {
    match required_role(kind) {
        Some(PostingRole::Agent) => &["agent", "operator", "admin"],
        Some(PostingRole::Operator) => &["operator", "admin"],
        Some(PostingRole::Admin) => &["admin"],
        None => &[],
    }
}

/// Reads one posted fact of a tenant strictly; `now` is our clock.
///
/// # Errors
/// The answer that the client gets, every field at fault named.
pub fn read(keys: KeyWriter<'_>, role: PostingRole, json: &[u8], now: Instant) -> Result<Envelope, Posted> {
    let value = Json::parse(json).map_err(|error| Posted::Unparsable(error.to_string()))?;
    let mut faults = Vec::new();
    if !value.is_object() {
        faults.push(FieldError { pointer: String::new(), message: "must be an object".into() });
        return Err(Posted::Rejected(faults));
    }
    let mut at = Reader::new(value, "", &mut faults);
    let provider = name(&mut at, "provider", Provider::new);
    let external_id = name(&mut at, "external_id", ExternalId::new);
    let occurred_at: Option<Instant> = at.required("occurred_at");
    if occurred_at.is_some_and(|at| at.0 > now.0 + AHEAD_MAX) {
        at.fault("must not be more than 24 hours ahead of now");
    }
    let kind = required(&mut at, "kind").and_then(|given| {
        let known = given.as_str().and_then(kind_named).and_then(kind_name);
        if known.is_none() {
            at.fault(&format!("is not {}", kind_rule(given.as_str().unwrap_or_default())));
        }
        known
    });
    if let Some(kind) = kind {
        match required_role(kind) {
            None => return Err(Posted::NotAccepted(kind)),
            Some(needed) if role < needed => return Err(Posted::Forbidden(kind)),
            Some(_) => {}
        }
    }
    // An absent body is an empty one: then its required members are named, where the kind has any.
    let body = at.take("body").unwrap_or(Json::Null);
    let is_about_nobody = kind.is_some_and(|kind| is_about_nobody(kind, &body));
    let fact = match kind.and_then(|kind| Fact::read(kind, body, "/body")) {
        Some(Ok(fact)) => Some(fact),
        Some(Err(found)) => {
            at.faults(found);
            None
        }
        None => None,
    };
    // Of a hook it is taken and marked weak; who posts can say whom it is about.
    if is_about_nobody {
        at.faults(vec![FieldError { pointer: "/body/lead".into(), message: LEAD_RULE.into() }]);
    }
    at.finish();
    match (provider, external_id, occurred_at, fact) {
        (Some(provider), Some(external_id), Some(occurred_at), Some(fact)) if faults.is_empty() => {
            Ok(Envelope {
                tenant: keys.tenant.clone(),
                provider,
                external_id: keys.stored(external_id),
                occurred_at,
                time_received: false,
                fact,
                mapping: 0,
            })
        }
        _ => Err(Posted::Rejected(faults)),
    }
}

pub(super) fn required<'j>(at: &mut Reader<'j>, member: &'static str) -> Option<Json<'j>> {
    let value = at.take(member);
    if value.is_none() {
        at.fault("is required");
    }
    value
}

/// A name is taken as it is: no trimming, no folding (RULINGS, Identifiers).
pub(super) fn name<T>(
    at: &mut Reader<'_>,
    member: &'static str,
    read: fn(&str) -> Result<T, NameError>,
) -> Option<T> {
    let value = required(at, member)?;
    let Some(text) = value.as_str() else {
        at.fault("must be a string");
        return None;
    };
    match read(text) {
        Ok(name) => Some(name),
        Err(error) => {
            at.fault(&error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::keys::{LogSecret, TenantId};

    use super::*;

    const NOW: &str = "2025-10-09T12:00:00Z";

    /// Kinds that the engine alone makes.
    const ENGINE: &[&str] = &[
        "lead_reserved",
        "session_timed_out",
        "difference_observed",
        "coverage_observed",
        "tenant_closed",
        "delivery_quarantined",
        "conflict_observed",
        "conflict_accepted",
        "quarantine_resolved",
        "conflict_rejected",
        "fact_voided",
        "fact_restored",
        "person_erased",
        "token_issued",
        "token_revoked",
        "user_added",
        "user_changed",
        "user_removed",
        "membership_granted",
        "membership_revoked",
        "endpoint_added",
        "endpoint_removed",
        "login_started",
        "login_ended",
        "invitation_issued",
        "invitation_withdrawn",
        "invitation_accepted",
        "alert_raised",
        "alert_cleared",
        "alert_sent",
        "alert_target_set",
        "alert_target_removed",
        "lease_taken",
        "import_finished",
        "call_requested",
        "call_request_sent",
        "call_request_accepted",
        "call_request_confirmed",
        "call_request_failed",
        "call_request_unknown",
    ];

    fn post(role: PostingRole, json: &str) -> Result<Envelope, Posted> {
        let (secret, tenant) = (LogSecret::new(&[7; 32]), TenantId::new("acme").expect("tenant"));
        let keys = KeyWriter { secret: &secret, tenant: &tenant };
        read(keys, role, json.as_bytes(), Instant::parse(NOW).expect("instant"))
    }

    fn faults(json: &str) -> Vec<String> {
        match post(PostingRole::Operator, json) {
            Err(Posted::Rejected(faults)) => faults.iter().map(ToString::to_string).collect(),
            other => panic!("not rejected: {other:?}"),
        }
    }

    fn fact(provider: &str, id: &str, kind: &str, at: &str, body: &str) -> String {
        format!(
            r#"{{"provider":"{provider}","external_id":"{id}","kind":"{kind}","occurred_at":"{at}","body":{body}}}"#
        )
    }

    #[test]
    fn the_contracts_example_is_read() {
        let json = r#"{"provider": "twilio", "external_id": "CA42:completed", "kind": "call_reported",
            "occurred_at": "2025-10-09T12:00:00Z", "body": {"call_id": "CA42", "status": "completed",
            "answered": true, "duration_seconds": 95, "direction": "inbound", "from": "+15550100",
            "to": "+15550199", "tracking_number": "+15550199", "agent": "ann@example.com", "lead_id": "L7",
            "session_id": null, "started_at": "2025-10-09T11:58:20Z"}}"#;
        let envelope = post(PostingRole::Operator, json).expect("read");
        assert_eq!(envelope.fact.kind(), "call_reported");
        assert_eq!(envelope.external_id.as_str(), "CA42:completed");
    }

    #[test]
    fn every_field_at_fault_is_named() {
        let body = r#"{"call_id":"CA1","status":"levitating","duration_seconds":"95","colour":"red"}"#;
        let json = fact("Twilio", " x", "call_reported", "2025-10-10T12:00:01Z", body);
        assert_eq!(
            faults(&json.replace("\"body\"", "\"position\":1,\"body\"")),
            [
                "/provider: a provider is 1 to 32 of a-z, 0-9 and '_'",
                "/external_id: an external id is 1 to 512 bytes, without control characters and without white space at its ends",
                "/occurred_at: must not be more than 24 hours ahead of now",
                "/body/status: must be one of initiated ringing in_progress completed busy no_answer failed canceled",
                "/body/duration_seconds: must be an integer from 0 to 4294967295",
                "/body/colour: is not a member of this body (members: call_id, status, answered, duration_seconds, direction, tracking_number, agent, lead_id, session_id, started_at, answered_at, ended_at, answered_by, parent_call_id, source, campaign, from, to)",
                "/position: is not a member of this body (members: provider, external_id, occurred_at, kind, body)",
            ]
        );
        assert_eq!(faults("[]"), [": must be an object"]);
        assert_eq!(
            faults(r#"{"kind":"call_vanished"}"#),
            [
                "/provider: is required",
                "/external_id: is required",
                "/occurred_at: is required",
                "/kind: is not a kind of fact; did you mean call_disposed?",
            ]
        );
    }

    #[test]
    fn exactly_a_day_ahead_is_taken() {
        let at = |at| fact("p", "x", "call_reported", at, r#"{"call_id":"CA1","status":"ringing"}"#);
        assert!(post(PostingRole::Operator, &at("2025-10-10T14:00:00+02:00")).is_ok());
        assert_eq!(faults(&at("2025-10-10T12:00:00.000001Z")).len(), 1);
    }

    #[test]
    fn what_is_no_json_is_told_from_what_is_wrong() {
        for text in ["", "{", "{} {}", r#"{"a":1,"a":2}"#] {
            assert!(matches!(post(PostingRole::Admin, text), Err(Posted::Unparsable(_))), "{text}");
        }
    }

    #[test]
    fn each_kind_has_its_posters() {
        let at = |kind: &str| fact("p", "x", kind, NOW, "{}");
        for kind in ENGINE {
            assert_eq!(post(PostingRole::Admin, &at(kind)).expect_err("refused"), Posted::NotAccepted(kind));
        }
        let refused = |role, kind: &'static str| post(role, &at(kind)) == Err(Posted::Forbidden(kind));
        assert!(
            refused(PostingRole::Agent, "call_reported")
                && refused(PostingRole::Operator, "tenant_configured")
        );
        assert!(
            !refused(PostingRole::Agent, "call_disposed")
                && !refused(PostingRole::Admin, "tenant_configured")
        );
        assert_eq!(
            post(
                PostingRole::Admin,
                &fact("factfold", "x", "call_disposed", NOW, r#"{"call_id":"c","outcome":"busy"}"#)
            ),
            Err(Posted::Rejected(vec![FieldError {
                pointer: "/provider".into(),
                message: NameError::ReservedProvider.to_string()
            }]))
        );
    }

    #[test]
    fn whoever_adds_a_kind_decides_who_may_post_it() {
        let undecided: Vec<_> = domain::facts::kinds()
            .map(|(_, kind)| kind)
            .filter(|kind| required_role(kind).is_none())
            .collect();
        assert_eq!(undecided, ENGINE);
    }
}
