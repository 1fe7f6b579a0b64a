//! CallTrackingMetrics: webhooks of activities as facts of calls.
//!
//! Source: the vendor's sample calltracking/ctm-csharp and the field list of its API. Bodies do not name the trigger
//! that made them, so the endpoint does. The whole call is sent again whenever it changes, without a time of the
//! change: such a sending has a key of its own and happened when we received it.

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
use crate::ingest::payload::{Members, digest, is_blank, payload};
use crate::ingest::provider::{MappedDelivery, MappingContext, MappingResult, Preset, event_named};
use crate::ingest::signature::{CTM, Scheme};
use crate::ingest::time::TimeFormat;

const EVENTS: &[&str] = &[
    "start",
    "starts",
    "start_outbound",
    "end",
    "end_immediate",
    "status_change",
    "sms_status",
    "inbound_text",
    "outbound_text",
];

/// What a trigger reports about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventKind {
    Starts,
    /// Said once, at hang-up, before recording and duration are settled.
    Ends,
    /// The whole call as it is now.
    Changed,
    /// Texts: no call.
    Nothing,
}

fn event_kind(event: &str) -> EventKind {
    match event {
        "start" | "starts" | "start_outbound" => EventKind::Starts,
        "end_immediate" => EventKind::Ends,
        "end" | "status_change" => EventKind::Changed,
        _ => EventKind::Nothing,
    }
}

/// The provider `ctm`.
pub const PRESET: Preset = Preset {
    name: "ctm",
    methods: &["POST"],
    events: EVENTS,
    mapping: 1,
    signature: Scheme::Mac(Cow::Borrowed(&[CTM])),
    map,
    completes: None,
};

/// The trigger that the endpoint is for, else the one that its URL names.
fn event(delivery: &Delivery, endpoint: &Endpoint) -> Result<&'static str, MappingFailure> {
    let query = Form::parse(delivery.query().as_bytes());
    let given = endpoint.event.clone().or_else(|| query.get("event").map(String::from));
    let given = given.ok_or_else(|| MappingFailure::new(Reason::MissingField, "the endpoint's event"))?;
    event_named(&given, EVENTS).ok_or_else(|| MappingFailure::new(Reason::UnknownEventType, given))
}

fn map(
    delivery: &Delivery,
    context: MappingContext<'_>,
    mapped: &mut MappedDelivery,
) -> Result<MappingResult, MappingFailure> {
    let MappingContext { endpoint, directory, secret } = context;
    let body = payload(delivery)?;
    // Some who pass it on put the call under a name.
    let call = &body["call"];
    let call = if call.is_object() && !is_blank(call) { call } else { &body };
    let members = Members(call);
    let number = members.phone(&["tracking_number", "tracking_number_format"]);
    let workspaces: Vec<Text> = members.text(&["account_id"]).into_iter().collect();
    let agent = Members(&call["agent"]).email(&["email"]);
    let owner =
        owner(endpoint, directory, OwnerClaims { number: number.as_ref(), workspaces: &workspaces, agent });
    mapped.owned_by(&owner);
    let event = event(delivery, endpoint)?;
    mapped.event = Some(event.to_owned());
    let kind = event_kind(event);
    // A change of status tells of texts, forms and chats too, and for outbound texts alone does so.
    let is_text = members.get(&["message_id"]).is_some();
    let is_call = direction(members).is_none_or(|direction| direction.is_some());
    if kind == EventKind::Nothing || is_text || !is_call {
        return Ok(MappingResult::Ignored);
    }
    let owner = owner?;
    let id = members.text(&["id", "sid"]).ok_or_else(|| MappingFailure::new(Reason::MissingField, "/id"))?;
    let content = digest(call);
    let key: &[&str] = match kind {
        EventKind::Changed => &[id.as_str(), "modified", &content],
        EventKind::Starts | EventKind::Ends | EventKind::Nothing => {
            &[id.as_str(), event.trim_end_matches('s')]
        }
    };
    let reported = reported(members, kind, event, &owner, number)?;
    let at = match kind {
        EventKind::Changed => None,
        EventKind::Starts | EventKind::Ends | EventKind::Nothing => reported.ended_at.or(reported.started_at),
    };
    let recorded = recorded(members, &reported, id.clone()).filter(|_| kind != EventKind::Starts);
    let facts = FactBuilder { provider: &PRESET, delivery, tenant: owner.tenant.clone(), secret };
    facts.call(key, at, reported, recorded)
}

/// A row of the list of activities: the object that webhooks send whole.
pub(super) fn listed(row: &Value, context: ListContext<'_>) -> Result<ListedRow, MappingFailure> {
    let members = Members(row);
    let is_text = members.get(&["message_id"]).is_some();
    if is_text || direction(members).is_some_and(|direction| direction.is_none()) {
        return Ok(ListedRow::NoCall);
    }
    let number = members.phone(&["tracking_number", "tracking_number_format"]);
    let workspaces: Vec<Text> = members.text(&["account_id"]).into_iter().collect();
    let agent = Members(&row["agent"]).email(&["email"]);
    let claims = OwnerClaims { number: number.as_ref(), workspaces: &workspaces, agent };
    let Some(owner) = owner_of_row(context, claims) else { return Ok(ListedRow::OfAnother) };
    let id = members.text(&["id", "sid"]).ok_or_else(|| MappingFailure::new(Reason::MissingField, "/id"))?;
    let reported = reported(members, EventKind::Changed, "end", &owner, number)?;
    let recorded = recorded(members, &reported, id.clone());
    let (provider, mapping) = (PRESET.name, PRESET.mapping);
    Ok(ListedRow::Call(Box::new(ListedReport { provider, mapping, id, reported, recorded })))
}

/// Who called whom; `Some(None)`: the activity is no call, but a form, a chat, a text.
fn direction(members: Members<'_>) -> Option<Option<Direction>> {
    members.get(&["direction"]).map(|given| Direction::parse(&given))
}

/// Where the call stands, and whether somebody answered. Talk time tells more surely than a word whether anybody
/// was spoken to, so it decides where the word leaves it open.
fn standing(kind: EventKind, word: Option<&str>, talked: Option<u32>) -> (CallStatus, Option<bool>) {
    let by_talk = talked.map(|seconds| seconds > 0);
    if kind == EventKind::Starts {
        return match word {
            Some("in-progress" | "answered") => (CallStatus::InProgress, Some(true)),
            _ => (CallStatus::Ringing, None),
        };
    }
    match word {
        Some("initiated" | "queued") => (CallStatus::Initiated, None),
        Some("ringing") => (CallStatus::Ringing, None),
        Some("in-progress") => (CallStatus::InProgress, Some(true)),
        Some("answered") => (CallStatus::Completed, Some(true)),
        // Nobody was spoken to: a menu or a greeting took the call (CTM, "activity statuses").
        Some("completed") => (CallStatus::Completed, by_talk.or(Some(false))),
        Some("no-answer" | "missed" | "voicemail") => (CallStatus::NoAnswer, Some(false)),
        Some("busy") => (CallStatus::Busy, Some(false)),
        Some("failed" | "blocked") => (CallStatus::Failed, Some(false)),
        Some("canceled" | "cancelled" | "abandoned" | "hangup" | "hang-up") => {
            (CallStatus::Canceled, Some(false))
        }
        Some(_) | None => (CallStatus::Completed, by_talk),
    }
}

fn reported(
    members: Members<'_>,
    kind: EventKind,
    event: &str,
    owner: &Owner,
    number: Option<Phone>,
) -> Result<CallReported, MappingFailure> {
    let call_id = members.text(&["id", "sid"]).and_then(|id| Text::new(&format!("ctm:{id}")));
    let call_id = call_id.ok_or_else(|| MappingFailure::new(Reason::MissingField, "/id"))?;
    let word = members.get(&["dial_status", "call_status", "status"]).map(|word| fold_word(&word));
    let talked = members.seconds(&["talk_time"])?;
    let connected = members.seconds(&["duration"])?;
    let (status, answered) = standing(kind, word.as_deref(), talked);
    let has_ended = status.rank() == 3;
    let direction =
        direction(members).flatten().or((event == "start_outbound").then_some(Direction::Outbound));
    let customer = members.phone(&["caller_number", "caller_number_format", "contact_number"]);
    let (from, to) = match direction {
        Some(Direction::Outbound) => (number.clone(), customer),
        Some(Direction::Inbound) | None => (customer, number.clone()),
    };
    // `called_at` says the same to the minute, for people.
    let for_people = TimeFormat::Pattern("%Y-%m-%d %I:%M %p %z".into(), chrono_tz::UTC);
    let started_at = match members.instant("unix_time", &TimeFormat::EpochSeconds)? {
        None => members.instant("called_at", &for_people)?,
        given => given,
    };
    Ok(CallReported {
        call_id,
        status,
        answered,
        // `duration` counts the ringing too; how long somebody was spoken to is `talk_time`.
        duration_seconds: talked.or(connected).filter(|_| has_ended),
        direction,
        from,
        to,
        tracking_number: number,
        agent: owner.agent.clone(),
        lead_id: None,
        session_id: None,
        started_at,
        answered_at: None,
        ended_at: started_at.filter(|_| has_ended).and_then(|started| {
            Instant::from_micros(started.0 + i64::from(connected.or(talked).unwrap_or(0)) * 1_000_000)
        }),
        answered_by: None,
        parent_call_id: None,
        source: members.text(&["source"]),
        campaign: members.text(&["campaign"]),
    })
}

/// A call has one recording, known by the call's id. Its URL leads to a file for a while, and stays itself.
fn recorded(members: Members<'_>, call: &CallReported, id: Text) -> Option<CallRecorded> {
    Some(CallRecorded {
        call_id: call.call_id.clone(),
        recording_id: id,
        url: Some(members.text(&["audio"])?),
        duration_seconds: None,
        lead_id: None,
        agent: call.agent.clone(),
    })
}
