//! Sessions and attempts of random histories, and what is served of sessions.

use domain::members::{Email, Text};
use projections::entities::call_requests::list::OpenCallRequest;
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

/// Requests to place calls, some of which became calls of the histories.
pub fn call_request() -> impl Strategy<Value = Given> {
    let kinds = prop::sample::select(vec![
        "call_requested",
        "call_requested",
        "call_request_sent",
        "call_request_accepted",
        "call_request_confirmed",
        "call_request_failed",
        "call_request_unknown",
    ]);
    let what =
        (one(&["R1", "R2", "R3"]), one(&["CA1", "CA2", "CA9"]), one(&["Ann@Example.com", "bob@example.com"]));
    let why = (one(&["expired", "refused"]), one(&["timed_out", "interrupted"]));
    (kinds, what, why, instant()).prop_map(|(kind, (request, call, agent), (failure, doubt), when)| {
        let mut body = json!({"request_id": request});
        match kind {
            "call_requested" => {
                body["agent"] = agent;
                body["to"] = "+12025550123".into();
                body["from"] = "+12025550199".into();
            }
            "call_request_accepted" | "call_request_confirmed" => body["call_id"] = call,
            "call_request_failed" => body["reason"] = failure,
            "call_request_unknown" => body["reason"] = doubt,
            _ => {}
        }
        given(kind, when, body)
    })
}

/// Every request to place a call, and which are open, positions left out.
pub fn call_requests(tenant: &Tenant) -> Value {
    let (rows, calls) = (&tenant.call_requests.rows, &tenant.calls.rows);
    let mut items = super::all_pages(|after| rows.page(calls, None, 0, (after, 2)));
    items.iter_mut().for_each(|item| item["fact_position"] = Value::Null);
    let open = |open: OpenCallRequest| (open.request_id, open.sent_at.map(|at| at.0), open.confirmed);
    let mut open: Vec<_> = rows.open().map(open).collect();
    open.sort();
    json!({"items": items, "open": open})
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
