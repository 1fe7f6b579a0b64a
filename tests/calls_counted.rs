//! Which calls the figures count: a list filtered as a figure sums to the figure, and each call says why.

use crate::common::facts::{answered, call, disposed, fact, with};
use crate::common::{Server, Site};
use serde_json::{Value, json};

/// Outbound calls do not count by default; `placed` is no call yet.
async fn some_calls(server: &Server) {
    let of = |id: &str, seconds: u64, direction: Value| {
        with(answered(id, seconds, "2025-10-09T12:00:00Z"), json!({"direction": direction}))
    };
    let missed = |id: &str, direction: &str| {
        with(call(id, "no_answer", "2025-10-09T13:00:00Z"), json!({"direction": direction}))
    };
    let placed = fact("twilio", "placed:placed", "call_placed", "2025-10-09T14:00:00Z");
    let facts = [
        of("in-long", 61, json!("inbound")),
        of("in-short", 10, json!("inbound")),
        of("out-long", 120, json!("outbound")),
        of("out-short", 5, json!("outbound")),
        of("untold-long", 45, Value::Null),
        missed("in-missed", "inbound"),
        missed("out-missed", "outbound"),
        disposed("only-disposed", 1, "connected", "2025-10-09T15:00:00Z"),
        with(placed, json!({"call_id": "placed", "to": "+12025550123"})),
    ];
    server.record("acme", &facts).await;
}

async fn ids(server: &Server, query: &str) -> Vec<String> {
    let items = server.all_items("acme", &format!("calls?from=2025-10-01&to=2025-10-31&{query}")).await;
    let mut ids: Vec<String> =
        items.iter().map(|item| item["call_id"].as_str().expect("an id").to_owned()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a4_a_list_filtered_as_the_figure_sums_to_the_figure() {
    let server = Site::new().start().await;
    some_calls(&server).await;
    assert_eq!(ids(&server, "status=qualified&counted=true").await, ["in-long", "untold-long"]);
    assert_eq!(ids(&server, "answered=true&counted=true").await, ["in-long", "in-short", "untold-long"]);
    assert_eq!(
        ids(&server, "counted=false").await,
        ["out-long", "out-missed", "out-short", "placed"],
        "expected what the figures leave out"
    );
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!((&month["qualified"], &month["answered"]), (&json!(2), &json!(3)), "{month}");
    // Null control: the status alone is A4's and does not sum to the figure.
    assert_eq!(ids(&server, "status=qualified").await, ["in-long", "out-long", "untold-long"]);
}

#[tokio::test]
async fn a5_calls_are_filtered_by_direction_and_the_filters_hold_together() {
    let server = Site::new().start().await;
    some_calls(&server).await;
    assert_eq!(ids(&server, "direction=inbound").await, ["in-long", "in-missed", "in-short"]);
    assert_eq!(ids(&server, "direction=OUTBOUND").await, ["out-long", "out-missed", "out-short"]);
    assert_eq!(ids(&server, "direction=unknown").await, ["only-disposed", "placed", "untold-long"]);
    assert_eq!(ids(&server, "direction=outbound&status=qualified&counted=false").await, ["out-long"]);
    assert!(ids(&server, "direction=outbound&counted=true").await.is_empty(), "expected none to count");
    for (query, name) in [("direction=sideways", "direction"), ("counted=yes", "counted")] {
        let answer = server.get(&format!("/api/v1/tenants/acme/calls?{query}")).await;
        answer.is(400).names_parameter(name);
    }
}

#[tokio::test]
async fn a4_the_reason_says_that_a_direction_is_not_counted_while_a_rule_says_so() {
    let server = Site::new().start().await;
    some_calls(&server).await;
    let told = async |id: &str| {
        let call = server.read("acme", &format!("calls/{id}")).await;
        ["status", "reason", "counted"].map(|member| call[member].clone())
    };
    let word = |status: &str, reason: &str, counted: bool| [json!(status), json!(reason), json!(counted)];
    assert_eq!(told("out-long").await, word("qualified", "direction_not_counted", false));
    assert_eq!(told("in-long").await, word("qualified", "rules_satisfied", true));
    assert_eq!(told("out-short").await, word("unqualified", "short_duration", false));
    assert_eq!(told("out-missed").await, word("unqualified", "not_answered", false));
    assert_eq!(told("placed").await, word("unqualified", "not_answered", false));

    // A rule that counts outbound calls from the tenth on: the call of the ninth stays, one of the tenth counts.
    let rule = json!({"external_id": "rules/1", "provider": "office", "kind": "tenant_configured",
        "occurred_at": "2025-10-09T00:00:00Z", "body": {"name": "Acme", "timezone": "America/New_York",
        "effective_from": "2025-10-10", "rules": {"counted_directions": ["outbound"]}}});
    let later = with(answered("later", 60, "2025-10-10T12:00:00Z"), json!({"direction": "outbound"}));
    server.record("acme", &[rule, later]).await;
    assert_eq!(told("out-long").await, word("qualified", "direction_not_counted", false));
    assert_eq!(told("later").await, word("qualified", "rules_satisfied", true));
    assert_eq!(ids(&server, "counted=true&status=qualified").await, ["in-long", "later", "untold-long"]);
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["qualified"], 3, "expected the figure to follow the rule of each day: {month}");
}
