//! Sessions and attempts of random histories, and what is served of sessions.

use domain::members::{Email, Text};
use projections::tenant::Tenant;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Given, given, instant, one};

pub fn attempted() -> impl Strategy<Value = Given> {
    let outcomes = ["connected", "no_answer", "busy", "voicemail", "skipped", "dnc"];
    (one(&["S1", "S1", "S2"]), one(&["L1", "L2", "L3"]), one(&outcomes), instant()).prop_map(
        |(session, lead, outcome, when)| {
            given("lead_attempted", when, json!({"session_id": session, "lead_id": lead, "outcome": outcome}))
        },
    )
}

pub fn session() -> impl Strategy<Value = Given> {
    let lists = prop::sample::subsequence(vec!["L1", "L2", "L3", "L1"], 1..=4);
    let lists = lists.prop_shuffle();
    let kinds = prop::sample::select(vec![
        "session_started",
        "session_started",
        "session_resumed",
        "session_ended",
        "session_timed_out",
        "lead_reserved",
    ]);
    let who = (one(&["S1", "S2", "S3"]), one(&["Ann@Example.com", "bob@example.com"]), one(&["p1", "p2"]));
    (kinds, who, lists, one(&["L1", "L2"]), one(&["1", "2"]), instant(), instant()).prop_map(
        |(kind, (session, agent, pipeline), leads, lead, line, when, other)| {
            let mut body = json!({"session_id": session});
            match kind {
                "session_started" => {
                    body["agent"] = agent;
                    body["pipeline_id"] = pipeline;
                    body["lead_ids"] = json!(leads);
                }
                "session_timed_out" => body["last_activity_at"] = other.to_string().into(),
                "lead_reserved" => {
                    body["lead_id"] = lead;
                    body["line"] = line;
                    body["until"] = other.to_string().into();
                }
                _ => {}
            }
            given(kind, when, body)
        },
    )
}

/// Every session, which is active for whom, and which are open.
pub fn sessions(tenant: &Tenant) -> Value {
    let book = tenant.session_book();
    let rows = &book.sessions;
    let name = |row: u32| rows.texts().get(rows.rows().get(row).id).to_owned();
    let mut items: Vec<_> = (0..rows.rows().len() as u32).filter_map(|row| book.item(row)).collect();
    items.sort_by_key(|item| item.session_id.clone());
    let mut open: Vec<String> = rows.open().map(name).collect();
    open.sort_unstable();
    let desks = [("ann@example.com", "p1"), ("ann@example.com", "p2"), ("bob@example.com", "p1")];
    let active = desks.map(|(agent, pipeline)| {
        let (agent, pipeline) = (Email::new(agent).unwrap(), Text::new(pipeline).unwrap());
        json!([rows.active(&agent, &pipeline).map(name), rows.activations(&agent, &pipeline)])
    });
    json!({"items": items, "open": open, "active": active})
}
