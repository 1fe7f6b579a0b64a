//! Figures of calls by direction and by where the caller came from: each part is the sum of a filtered list.

use crate::common::facts::{answered, call, with};
use crate::common::{Server, Site};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";
const DAY: &str = "from=2025-10-09&to=2025-10-09";

/// Outbound calls do not count as answered and qualified by default.
async fn some_calls(server: &Server) {
    let of = |id: &str, seconds: u64, members: Value| with(answered(id, seconds, AT), members);
    let missed = |id: &str, members: Value| with(call(id, "no_answer", AT), members);
    let (ann, bob) = ("ann@example.com", "bob@example.com");
    let facts = [
        of("a", 60, json!({"direction": "inbound", "agent": ann, "source": "google", "campaign": "spring"})),
        of("b", 10, json!({"direction": "inbound", "agent": ann, "source": "google", "campaign": "spring"})),
        missed("c", json!({"direction": "inbound", "agent": bob, "source": "google"})),
        of("d", 100, json!({"direction": "outbound", "agent": ann, "source": "list"})),
        missed("e", json!({"direction": "outbound", "agent": ann})),
        of("f", 31, json!({"source": "Facebook Ads"})),
    ];
    server.record("acme", &facts).await;
}

fn direction(calls: u32, answered: u32, qualified: u32, seconds: u32, rate: Value) -> Value {
    json!({"calls": calls, "answered": answered, "qualified": qualified, "talk_seconds": seconds,
        "answered_rate": rate})
}

#[tokio::test]
async fn figures_of_months_days_and_agents_are_split_by_direction() {
    let server = Site::new().start().await;
    some_calls(&server).await;
    let inbound = direction(3, 2, 1, 70, json!(66.67));
    let outbound = direction(2, 1, 1, 100, json!(50.0));
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    let days = server.read("acme", &format!("metrics/days?{DAY}")).await;
    for figures in [&month, &days["items"][0]] {
        assert_eq!((&figures["inbound"], &figures["outbound"]), (&inbound, &outbound), "{figures}");
        assert_eq!((&figures["answered"], &figures["calls"]), (&json!(3), &json!(6)), "{figures}");
        // Three of the four calls of counted directions; of all six it would be 50.
        assert_eq!(figures["answered_rate"], 75.0, "{figures}");
    }
    let ann = &month["by_agent"][0];
    assert_eq!(ann["inbound"], direction(2, 2, 1, 70, json!(100.0)), "{ann}");
    assert_eq!(ann["outbound"], outbound, "{ann}");
    assert_eq!(ann["answered_rate"], 100.0, "two of the two that count: {ann}");
    let summary = server.read("acme", "metrics/agents/ann@example.com/summary").await;
    assert_eq!((&summary["inbound"], &summary["outbound"]), (&ann["inbound"], &ann["outbound"]), "{summary}");
    assert_eq!(summary["answered_rate"], 75.0, "three of four, whatever the tenant counts: {summary}");
    // A list filtered as a part sums to it.
    for query in ["direction=inbound", "direction=outbound"] {
        let listed = server.all_items("acme", &format!("calls?{query}&answered=true")).await.len();
        assert_eq!(json!(listed), month[query.trim_start_matches("direction=")]["answered"], "{query}");
    }
    let board = server.read("acme", "leaderboard?period=month&date=2025-10-09").await;
    for place in board["items"].as_array().expect("places") {
        let is_it = |row: &&Value| row["agent"] == place["agent"];
        let row = month["by_agent"].as_array().expect("rows").iter().find(is_it).expect("the agent's row");
        for name in ["answered", "answered_rate", "inbound", "outbound"] {
            assert_eq!(place[name], row[name], "{name} of {place}");
        }
    }
    assert_eq!(board["items"][0]["inbound"], ann["inbound"], "{board}");
    let empty = server.read("acme", "metrics/days?from=2025-10-08&to=2025-10-08").await;
    assert_eq!(empty["items"][0]["answered_rate"], Value::Null, "a rate over nothing: {empty}");
    assert_eq!(empty["items"][0]["inbound"], direction(0, 0, 0, 0, Value::Null), "{empty}");
}

#[tokio::test]
async fn figures_by_source_and_campaign_sum_to_the_days() {
    let server = Site::new().start().await;
    some_calls(&server).await;
    let answer = server.read("acme", &format!("metrics/sources?{DAY}")).await;
    let items = answer["items"].as_array().expect("items");
    let shown: Vec<Value> = items
        .iter()
        .map(|item| {
            json!(
                ["source", "campaign", "calls", "answered", "qualified", "talk_seconds", "answered_rate"]
                    .map(|member| item[member].clone())
            )
        })
        .collect();
    let expected = json!([
        ["google", "spring", 2, 2, 1, 70, 100.0],
        ["Facebook Ads", null, 1, 1, 1, 31, 100.0],
        ["google", null, 1, 0, 0, 0, 0.0],
        ["list", null, 1, 0, 0, 100, null],
        [null, null, 1, 0, 0, 0, null],
    ]);
    assert_eq!(json!(shown), expected, "{answer}");
    assert_eq!(items[3]["outbound"], direction(1, 1, 1, 100, json!(100.0)), "{answer}");
    let days = server.read("acme", &format!("metrics/days?{DAY}")).await;
    for member in ["calls", "answered", "qualified", "talk_seconds"] {
        let sum: i64 = items.iter().filter_map(|item| item[member].as_i64()).sum();
        assert_eq!(json!(sum), days["items"][0][member], "{member}");
    }
    let before = server.read("acme", "metrics/sources?from=2025-10-08&to=2025-10-08").await;
    assert_eq!(before["items"], json!([]), "expected only the days that are asked for: {before}");
    // A later report corrects where the call came from, in the list too.
    let correction = with(call("c", "completed", "2025-10-09T12:30:00Z"), json!({"source": "list"}));
    server.record("acme", &[correction]).await;
    assert_eq!(server.read("acme", "calls/c").await["source"], "list");
    let now = server.read("acme", &format!("metrics/sources?{DAY}")).await;
    assert_eq!((&now["items"][1]["source"], &now["items"][1]["calls"]), (&json!("list"), &json!(2)), "{now}");
    let path = format!("/api/v1/tenants/acme/metrics/sources?{DAY}&format=csv");
    let csv = server.get(&path).await.is(200).text.clone();
    assert!(
        csv.starts_with("source,campaign,calls,answered,qualified,talk_seconds,answered_rate,inbound.calls")
    );
    assert_eq!(csv.lines().count(), 5, "{csv}");
    server.get("/api/v1/tenants/acme/metrics/sources?from=2025-10-09&to=2025-10-08").await.problem(400);
}

#[tokio::test]
async fn money_members_end_in_minor_and_the_old_names_are_gone() {
    let server = Site::new().start().await;
    let spent = json!({"provider": "meta", "external_id": "spend/1", "kind": "ad_spend_observed",
        "occurred_at": AT, "body": {"source": "meta", "account_id": "a1", "date": "2025-10-09",
        "amount_minor": 12_345, "currency": "USD"}});
    server.record("acme", &[spent, answered("a", 60, AT)]).await;
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["ad_spend_minor"], json!({"USD": 12_345}), "{month}");
    assert_eq!(month["cost_per_qualified_call_minor"], json!({"USD": 12_345}), "{month}");
    for old in ["ad_spend", "cost_per_qualified_call", "estimated_roi"] {
        assert!(month.get(old).is_none(), "{old} is left: {month}");
        assert!(month.get(format!("{old}_minor")).is_some(), "{old}_minor is missing: {month}");
    }
}

#[tokio::test]
async fn a_report_has_the_answered_rate_and_both_directions_beside_the_period_before() {
    let server = Site::new().start().await;
    some_calls(&server).await;
    let week_before = with(answered("w", 40, "2025-10-02T16:00:00Z"), json!({"direction": "inbound"}));
    server.record("acme", &[week_before]).await;
    let draft = server.command("acme", "reports", &json!({"period": "2025-10-06"})).await;
    let id = draft.is(201).json["report_id"].as_str().expect("an id").to_owned();
    let figures = server.read("acme", &format!("reports/{id}")).await["figures"].clone();
    let told = |figure: &Value| ["value", "before", "change"].map(|member| figure[member].clone());
    // Of counted directions, as the month's: three of four, and one of one in the week before.
    assert_eq!(told(&figures["answered_rate"]), [json!(75.0), json!(100.0), json!(-25.0)], "{figures}");
    let (inbound, outbound) = (&figures["inbound"], &figures["outbound"]);
    assert_eq!(told(&inbound["calls"]), [json!(3), json!(1), json!(2)], "{figures}");
    assert_eq!(told(&inbound["answered"]), [json!(2), json!(1), json!(1)], "{figures}");
    assert_eq!(told(&inbound["qualified"]), [json!(1), json!(1), json!(0)], "{figures}");
    assert_eq!(told(&inbound["talk_seconds"]), [json!(70), json!(40), json!(30)], "{figures}");
    assert_eq!(told(&inbound["answered_rate"]), [json!(66.67), json!(100.0), json!(-33.33)], "{figures}");
    assert_eq!(told(&outbound["calls"]), [json!(2), json!(0), json!(2)], "{figures}");
    assert_eq!(
        told(&outbound["answered_rate"]),
        [json!(50.0), Value::Null, Value::Null],
        "a rate over nothing"
    );
}
