//! The month's figures computed once more, naively, from the text of the product's rules alone.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

/// Seconds from which an answered call is qualified.
const QUALIFIED_MIN: u64 = 30;

fn instant(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().and_then(|text| text.parse().ok())
}

fn occurred(fact: &Value) -> DateTime<Utc> {
    instant(&fact["occurred_at"]).expect("each fact has a time")
}

fn month_of(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m").to_string()
}

/// The value that the latest of these facts gives for a member.
fn latest<'a>(facts: &[&'a Value], kinds: &[&str], member: &str) -> Option<&'a Value> {
    let given = facts.iter().filter(|fact| kinds.iter().any(|kind| fact["kind"] == *kind));
    given
        .filter(|fact| !fact["body"][member].is_null())
        .max_by_key(|fact| occurred(fact))
        .map(|fact| &fact["body"][member])
}

struct Call {
    month: String,
    answered: bool,
    seconds: Option<u64>,
    counted: bool,
    agent: Option<String>,
    outcome: Option<String>,
}

impl Call {
    fn qualified(&self) -> bool {
        self.answered && self.seconds.is_some_and(|seconds| seconds >= QUALIFIED_MIN)
    }
}

fn call(facts: &[&Value], zone: Tz) -> Option<Call> {
    let reports = ["call_reported"];
    if !facts.iter().any(|fact| fact["kind"] == "call_reported" || fact["kind"] == "call_disposed") {
        return None;
    }
    let started = facts.iter().filter_map(|fact| instant(&fact["body"]["started_at"])).min();
    let first = facts.iter().map(|fact| occurred(fact)).min().expect("not empty");
    let agent = latest(facts, &["call_reported", "call_placed"], "agent");
    let agent = agent.or_else(|| latest(facts, &["call_disposed"], "agent"));
    let outcome = latest(facts, &["call_disposed"], "outcome").and_then(Value::as_str);
    let machine = latest(facts, &reports, "answered_by").and_then(Value::as_str);
    let machine = machine.filter(|by| by.starts_with("machine")).map(|_| "voicemail");
    Some(Call {
        month: month_of(started.unwrap_or(first), zone),
        answered: facts.iter().any(|fact| fact["body"]["answered"] == true),
        seconds: latest(facts, &reports, "duration_seconds").and_then(Value::as_u64),
        counted: latest(facts, &reports, "direction").is_none_or(|direction| direction == "inbound"),
        agent: agent.and_then(Value::as_str).map(str::to_lowercase),
        outcome: outcome.or(machine).map(|outcome| outcome.replace('_', "-")),
    })
}

/// Which lead an event is of: the provider's id, else the id whose email it is, else the email.
fn lead_name(lead: &Value, by_email: &BTreeMap<String, String>) -> Option<String> {
    if let Some(id) = lead["id"].as_str() {
        return Some(format!("id {id}"));
    }
    let email = lead["email"].as_str()?.trim().to_lowercase();
    Some(by_email.get(&email).map_or(format!("email {email}"), |id| format!("id {id}")))
}

/// A percentage with at most two decimals, half away from zero, in hundredths; null on nothing.
fn percent(part: u64, whole: u64) -> Option<u64> {
    (whole > 0).then(|| (part * 20_000 + whole) / (2 * whole))
}

/// The figures of one month from all facts of a tenant. Rates in hundredths of a percent.
pub fn month(facts: &[Value], month: &str, zone: Tz) -> Value {
    let mut by_call: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    let mut by_email = BTreeMap::new();
    for fact in facts {
        if let Some(id) = fact["body"]["call_id"].as_str() {
            by_call.entry(id).or_default().push(fact);
        }
        let lead = &fact["body"]["lead"];
        if let (Some(id), Some(email)) = (lead["id"].as_str(), lead["email"].as_str()) {
            by_email.insert(email.trim().to_lowercase(), id.to_owned());
        }
    }
    let mut calls: Vec<Call> = by_call.values().filter_map(|facts| call(facts, zone)).collect();
    calls.retain(|call| call.month == month);
    let talk = |calls: &mut dyn Iterator<Item = &Call>| -> u64 {
        calls.filter(|call| call.answered).filter_map(|call| call.seconds).sum()
    };
    let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
    let mut agents: BTreeMap<String, Vec<&Call>> = BTreeMap::new();
    for call in &calls {
        agents.entry(call.agent.clone().unwrap_or_default()).or_default().push(call);
        if let Some(outcome) = &call.outcome {
            *outcomes.entry(outcome).or_default() += 1;
        }
    }
    let by_agent: BTreeMap<&String, Value> = agents
        .iter()
        .map(|(agent, calls)| {
            let answered = calls.iter().filter(|call| call.counted && call.answered).count();
            let qualified = calls.iter().filter(|call| call.counted && call.qualified()).count();
            let talk = talk(&mut calls.iter().copied());
            (agent, json!({"calls": calls.len(), "answered": answered, "qualified": qualified, "talk_seconds": talk}))
        })
        .collect();
    let events = |kind: &str| {
        facts.iter().filter(|fact| fact["kind"] == kind && month_of(occurred(fact), zone) == month).count()
            as u64
    };
    let mut repliers = BTreeSet::new();
    let mut first_interest: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
    for fact in facts {
        let Some(name) = lead_name(&fact["body"]["lead"], &by_email) else { continue };
        let at = occurred(fact);
        if fact["kind"] == "lead_replied" && month_of(at, zone) == month {
            repliers.insert(name);
        } else if fact["kind"] == "lead_interested" {
            let first = first_interest.entry(name).or_insert(at);
            *first = at.min(*first);
        }
    }
    let positive = first_interest.values().filter(|at| month_of(**at, zone) == month).count();
    let (sent, replies, interested) =
        (events("email_sent"), events("lead_replied"), events("lead_interested"));
    let (bounces, gone) = (events("email_bounced"), events("lead_unsubscribed"));
    json!({
        "calls": calls.len(),
        "answered": calls.iter().filter(|call| call.counted && call.answered).count(),
        "qualified": calls.iter().filter(|call| call.counted && call.qualified()).count(),
        "talk_seconds": talk(&mut calls.iter()),
        "emails_sent": sent, "replies": replies, "interested": interested, "bounces": bounces, "unsubscribes": gone,
        "unique_replies": repliers.len(), "positive_replies": positive,
        "reply_rate": percent(replies, sent), "interest_rate": percent(interested, replies),
        "bounce_rate": percent(bounces, sent), "unsubscribe_rate": percent(gone, sent),
        "outcomes": outcomes, "by_agent": by_agent,
    })
}

/// What the server served for a month, in the shape of [`month`].
pub fn served(answer: &Value) -> Value {
    let mut shown = serde_json::Map::new();
    let counts =
        ["calls", "answered", "qualified", "talk_seconds", "emails_sent", "replies", "interested", "bounces"];
    for name in counts.iter().chain(&["unsubscribes", "unique_replies", "positive_replies", "outcomes"]) {
        shown.insert((*name).to_owned(), answer[*name].clone());
    }
    for name in ["reply_rate", "interest_rate", "bounce_rate", "unsubscribe_rate"] {
        let hundredths = answer[name].as_f64().map(|rate| (rate * 100.0).round() as u64);
        shown.insert(name.to_owned(), json!(hundredths));
    }
    let mut agents = serde_json::Map::new();
    for row in answer["by_agent"].as_array().into_iter().flatten() {
        let name = row["agent"].as_str().unwrap_or_default().to_owned();
        let members = ["calls", "answered", "qualified", "talk_seconds"]
            .map(|name| (name.to_owned(), row[name].clone()));
        agents.insert(name, Value::Object(members.into_iter().collect()));
    }
    shown.insert("by_agent".to_owned(), Value::Object(agents));
    Value::Object(shown)
}
