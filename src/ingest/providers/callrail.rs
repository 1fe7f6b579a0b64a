//! CallRail: webhooks of calls as facts of calls.
//!
//! Source: apidocs.callrail.com/#webhooks. Bodies do not reliably name their event, so the endpoint does. Nothing is
//! ever sent again, and a modification repeats the whole call: it has a key of its own, and since it carries no time
//! of its own it happened when we received it.

use std::borrow::Cow;

use domain::facts::call::{CallRecorded, CallReported, CallStatus, Direction};
use domain::members::{Instant, Phone, Text, fold_word};
use serde_json::Value;

use super::facts::FactBuilder;
use super::listed::{ListContext, ListedReport, ListedRow, owner_of_row};
use crate::directory::Endpoint;
use crate::ingest::delivery::{Delivery, Form};
use crate::ingest::error::{MappingFailure, Reason};
use crate::ingest::owner::{Owner, OwnerClaims, owner};
use crate::ingest::payload::{Members, digest, payload, scalar};
use crate::ingest::provider::{MappedDelivery, MappingContext, MappingResult, Preset};
use crate::ingest::signature::{CALLRAIL, Scheme};
use crate::ingest::time::TimeFormat;

const EVENTS: &[&str] = &[
    "pre_call",
    "routing_complete",
    "post_call",
    "call_modified",
    "outbound_post_call",
    "outbound_call_modified",
    "text_message_received",
    "text_message_sent",
    "form_submission",
    "convert_assist_complete",
];

/// What an event reports about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventKind {
    Begins,
    Rings,
    Ended,
    Modified,
    /// Texts, forms and notes that a machine took: no call.
    Nothing,
}

fn event_kind(event: &str) -> EventKind {
    match event {
        "pre_call" => EventKind::Begins,
        "routing_complete" => EventKind::Rings,
        "post_call" | "outbound_post_call" => EventKind::Ended,
        "call_modified" | "outbound_call_modified" => EventKind::Modified,
        _ => EventKind::Nothing,
    }
}

/// The provider `callrail`.
pub const PRESET: Preset = Preset {
    name: "callrail",
    methods: &["POST"],
    events: EVENTS,
    mapping: 1,
    signature: Scheme::Mac(Cow::Borrowed(&[CALLRAIL])),
    map,
    completes: None,
};

/// The event that the endpoint is for, else the one that its URL names, else the one that some bodies do; of the
/// latter two `inbound_post_call` and `outboundpostcall` are spellings that are met.
fn event(delivery: &Delivery, endpoint: &Endpoint, body: &Value) -> Result<&'static str, MappingFailure> {
    let query = Form::parse(delivery.query().as_bytes());
    let named = || query.get("event").or_else(|| query.get("type")).map(String::from);
    let given = endpoint.event.clone().or_else(named).or_else(|| scalar(&body["type"]));
    let given = given.ok_or_else(|| MappingFailure::new(Reason::MissingField, "the endpoint's event"))?;
    let squashed = |name: &str| fold_word(name).replace('-', "");
    let wanted = squashed(&given);
    let wanted = wanted.strip_prefix("inbound").or(wanted.strip_prefix("call")).unwrap_or(&wanted);
    let found = EVENTS.iter().find(|event| {
        let event = squashed(event);
        event == wanted || event.strip_prefix("call") == Some(wanted)
    });
    found.copied().ok_or_else(|| MappingFailure::new(Reason::UnknownEventType, given))
}

fn map(
    delivery: &Delivery,
    context: MappingContext<'_>,
    mapped: &mut MappedDelivery,
) -> Result<MappingResult, MappingFailure> {
    let MappingContext { endpoint, directory, secret } = context;
    let body = payload(delivery)?;
    let members = Members(&body);
    let number = members.phone(&["tracking_phone_number", "trackingnum"]);
    let names = ["company_resource_id", "company_id", "company_name"];
    let workspaces: Vec<Text> = names.iter().filter_map(|name| members.text(&[name])).collect();
    let agent = members.email(&["agent_email"]);
    let owner =
        owner(endpoint, directory, OwnerClaims { number: number.as_ref(), workspaces: &workspaces, agent });
    mapped.owned_by(&owner);
    let event = event(delivery, endpoint, &body)?;
    mapped.event = Some(event.to_owned());
    let kind = event_kind(event);
    if kind == EventKind::Nothing {
        return Ok(MappingResult::Ignored);
    }
    let owner = owner?;
    let id = members.text(&["resource_id", "id"]);
    let id = id.ok_or_else(|| MappingFailure::new(Reason::MissingField, "/resource_id"))?;
    let facts = FactBuilder { provider: &PRESET, delivery, tenant: owner.tenant.clone(), secret };
    let content = digest(&body);
    let key: &[&str] = match kind {
        EventKind::Modified => &[id.as_str(), "modified", &content],
        EventKind::Begins | EventKind::Rings | EventKind::Ended | EventKind::Nothing => &[id.as_str(), event],
    };
    let outbound = event.starts_with("outbound");
    let reported = reported(members, kind, outbound, &owner, number)?;
    let at = match kind {
        EventKind::Modified => None,
        EventKind::Begins | EventKind::Rings | EventKind::Ended | EventKind::Nothing => {
            reported.ended_at.or(reported.started_at)
        }
    };
    let recorded = recorded(members, &reported, id.clone())?
        .filter(|_| matches!(kind, EventKind::Ended | EventKind::Modified));
    facts.call(key, at, reported, recorded)
}

/// A row of the list of calls: the shape of a webhook with numbers and booleans, `id` for the call, and no event. One
/// that says neither whether it was answered nor how long it took goes on.
pub(super) fn listed(row: &Value, context: ListContext<'_>) -> Result<ListedRow, MappingFailure> {
    let members = Members(row);
    let number = members.phone(&["tracking_phone_number", "trackingnum"]);
    let names = ["company_resource_id", "company_id", "company_name"];
    let workspaces: Vec<Text> = names.iter().filter_map(|name| members.text(&[name])).collect();
    let agent = members.email(&["agent_email"]);
    let claims = OwnerClaims { number: number.as_ref(), workspaces: &workspaces, agent };
    let Some(owner) = owner_of_row(context, claims) else { return Ok(ListedRow::OfAnother) };
    let id = members.text(&["resource_id", "id"]);
    let id = id.ok_or_else(|| MappingFailure::new(Reason::MissingField, "/id"))?;
    let has_ended = members.get(&["duration"]).is_some() || members.get(&["answered"]).is_some();
    let kind = if has_ended { EventKind::Ended } else { EventKind::Begins };
    let reported = reported(members, kind, false, &owner, number)?;
    let recorded = recorded(members, &reported, id.clone())?.filter(|_| has_ended);
    let (provider, mapping) = (PRESET.name, PRESET.mapping);
    Ok(ListedRow::Call(Box::new(ListedReport { provider, mapping, id, reported, recorded })))
}

/// Whether a person answered: as said, else as the type of the call implies. A voicemail is no person.
fn answered(members: Members<'_>) -> Result<Option<bool>, MappingFailure> {
    Ok(members.boolean(&["answered"])?.or_else(|| {
        let kind = members.get(&["call_type"])?;
        match fold_word(&kind).as_str() {
            "answered" => Some(true),
            "missed" | "abandoned" | "voicemail" => Some(false),
            _ => None,
        }
    }))
}

fn reported(
    members: Members<'_>,
    kind: EventKind,
    outbound: bool,
    owner: &Owner,
    number: Option<Phone>,
) -> Result<CallReported, MappingFailure> {
    let id = members.text(&["resource_id", "id"]);
    let call_id = id.and_then(|id| Text::new(&format!("callrail:{id}")));
    let call_id = call_id.ok_or_else(|| MappingFailure::new(Reason::MissingField, "/resource_id"))?;
    let has_ended = matches!(kind, EventKind::Ended | EventKind::Modified);
    // Of a call that has not ended, `false` and 0 say that it is not known yet.
    let answered = if has_ended { answered(members)? } else { None };
    let duration_seconds = if has_ended { members.seconds(&["duration"])? } else { None };
    let started_at = started_at(members)?;
    let abandoned = members.get(&["call_type"]).is_some_and(|kind| fold_word(&kind) == "abandoned");
    let direction = members.get(&["direction"]).and_then(|given| Direction::parse(&given));
    let direction = direction.unwrap_or(if outbound { Direction::Outbound } else { Direction::Inbound });
    let customer = members.phone(&["customer_phone_number", "callernum"]);
    let ours = number.clone().or_else(|| members.phone(&["business_phone_number", "destinationnum"]));
    let (from, to) = match direction {
        Direction::Inbound => (customer, ours),
        Direction::Outbound => (ours, customer),
    };
    Ok(CallReported {
        call_id,
        status: match (kind, answered) {
            (EventKind::Begins | EventKind::Nothing, _) => CallStatus::Initiated,
            (EventKind::Rings, _) => CallStatus::Ringing,
            (EventKind::Ended | EventKind::Modified, Some(false)) if abandoned => CallStatus::Canceled,
            (EventKind::Ended | EventKind::Modified, Some(false)) => CallStatus::NoAnswer,
            (EventKind::Ended | EventKind::Modified, Some(true) | None) => CallStatus::Completed,
        },
        answered,
        duration_seconds,
        direction: Some(direction),
        from,
        to,
        tracking_number: number,
        agent: owner.agent.clone(),
        lead_id: None,
        session_id: None,
        started_at,
        answered_at: None,
        ended_at: started_at.filter(|_| has_ended).and_then(|started| {
            Instant::from_micros(started.0 + i64::from(duration_seconds.unwrap_or(0)) * 1_000_000)
        }),
        answered_by: None,
        parent_call_id: None,
        source: members.text(&["source", "source_name"]),
        campaign: members.text(&["campaign", "utm_campaign"]),
    })
}

/// `datetime` is UTC and does not say so; the others carry an offset.
fn started_at(members: Members<'_>) -> Result<Option<Instant>, MappingFailure> {
    let utc = TimeFormat::Pattern("%Y-%m-%d %H:%M:%S".into(), chrono_tz::UTC);
    for (name, format) in [
        ("start_time", &TimeFormat::Rfc3339),
        ("datetime", &utc),
        ("created_at", &TimeFormat::Rfc3339),
        ("timestamp", &TimeFormat::Rfc3339),
    ] {
        if let Some(at) = members.instant(name, format)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// A call has one recording, known by the call's id.
fn recorded(
    members: Members<'_>,
    call: &CallReported,
    id: Text,
) -> Result<Option<CallRecorded>, MappingFailure> {
    let Some(url) = members.text(&["recording"]) else { return Ok(None) };
    Ok(Some(CallRecorded {
        call_id: call.call_id.clone(),
        recording_id: id,
        url: Some(url),
        duration_seconds: members.seconds(&["recording_duration"])?,
        lead_id: None,
        agent: call.agent.clone(),
    }))
}
