//! The list of calls (A5): filters, pages, order, and what one call shows.

use crate::common::facts::{answered, call, fact, with};
use crate::common::{Server, Site, twilio};
use serde_json::{Value, json};

/// Twelve calls, one an hour from 2025-10-09 00:30 UTC (8 October, 20:30 in New York); even ones are Ann's and long.
async fn twelve_calls(server: &Server) {
    let fact = |n: u64| {
        let at = format!("2025-10-09T{n:02}:30:00Z");
        let agent = if n.is_multiple_of(2) { "ann@example.com" } else { "bob@example.com" };
        let seconds = if n.is_multiple_of(2) { 45 } else { 10 };
        with(answered(&format!("c{n:02}"), seconds, &at), json!({"agent": agent, "started_at": at}))
    };
    let mut facts: Vec<Value> = (0..12).map(fact).collect();
    facts.reverse();
    server.record("acme", &facts).await;
}

fn ids(items: &[Value]) -> Vec<&str> {
    let mut ids: Vec<&str> = items.iter().filter_map(|item| item["call_id"].as_str()).collect();
    ids.sort_unstable();
    ids
}

async fn listed(server: &Server, query: &str) -> Vec<String> {
    let items = server.all_items("acme", &format!("calls?{query}")).await;
    ids(&items).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a5_calls_are_filtered_by_status_agent_and_time() {
    let server = Site::new().start().await;
    twelve_calls(&server).await;
    let even = ["c00", "c02", "c04", "c06", "c08", "c10"];
    assert_eq!(listed(&server, "status=qualified").await, even, "expected the calls of 45 s");
    assert_eq!(listed(&server, "agent=ann@example.com").await, even, "expected Ann's calls");
    assert_eq!(
        listed(&server, "agent=%20ANN@Example.com").await,
        even,
        "expected the agent normalised like the member"
    );
    let both = listed(&server, "status=unqualified&agent=ann@example.com").await;
    assert!(both.is_empty(), "expected filters to hold together, got {both:?}");
    let first = ["c00", "c01", "c02", "c03"];
    assert_eq!(
        listed(&server, "to=2025-10-08").await,
        first,
        "expected a date `to` to include its local day"
    );
    assert_eq!(listed(&server, "from=2025-10-08&to=2025-10-08").await, first, "expected `from` inclusive");
    assert_eq!(
        listed(&server, "from=2025-10-09").await.len(),
        8,
        "expected the calls of the 9th in New York"
    );
}

#[tokio::test]
async fn a5_calls_are_ordered_by_start_and_paged_without_loss_under_inserts() {
    let server = Site::new().start().await;
    twelve_calls(&server).await;
    let whole = server.all_items("acme", "calls").await;
    let starts: Vec<&str> = whole.iter().filter_map(|item| item["started_at"].as_str()).collect();
    let mut sorted = starts.clone();
    sorted.sort_unstable();
    let ascending = sorted == starts;
    sorted.reverse();
    assert!(
        starts.len() == 12 && (ascending || sorted == starts),
        "expected an order by start time, got {starts:?}"
    );

    let first = server.read("acme", "calls?limit=5").await;
    assert_eq!(first["items"].as_array().map(Vec::len), Some(5), "expected `limit` items: {first}");
    let cursor = first["next_cursor"].as_str().expect("expected a cursor to the next page").to_owned();
    let at = "2025-10-09T00:00:00Z";
    let earlier = with(answered("before", 45, at), json!({"started_at": at}));
    let at = "2025-10-09T23:00:00Z";
    let later = with(answered("after", 45, at), json!({"started_at": at}));
    server.record("acme", &[earlier, later]).await;
    let mut seen = first["items"].as_array().expect("items").clone();
    let mut next = Some(cursor);
    while let Some(cursor) = next {
        let page = server
            .read("acme", &format!("calls?limit=5&cursor={}", crate::common::site::escape(&cursor)))
            .await;
        seen.extend(page["items"].as_array().expect("items").clone());
        assert!(seen.len() < 30, "expected the pages to end: {seen:?}");
        next = page["next_cursor"].as_str().map(str::to_owned);
    }
    let seen = ids(&seen);
    let of_old: Vec<&&str> = seen.iter().filter(|id| id.starts_with('c')).collect();
    assert_eq!(of_old.len(), 12, "expected each call of before exactly once over the pages: {seen:?}");
}

#[tokio::test]
async fn a5_a_short_list_has_no_next_page() {
    let server = Site::new().start().await;
    twelve_calls(&server).await;
    for limit in [12, 50, 500] {
        let page = server.read("acme", &format!("calls?limit={limit}")).await;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(12), "expected all twelve at limit {limit}");
        assert!(
            page["next_cursor"].is_null(),
            "expected no next page at limit {limit}: {}",
            page["next_cursor"]
        );
    }
}

#[tokio::test]
async fn a5_one_call_shows_all_that_is_known_of_it() {
    let server = Site::new().start().await;
    let body = json!({
        "direction": "inbound", "from": "+12025550123", "to": "+12025550199", "tracking_number": "+12025550199",
        "agent": "ann@example.com", "lead_id": "L7", "session_id": "S1", "started_at": "2025-10-09T07:58:20-04:00",
        "answered_at": "2025-10-09T11:58:25Z", "ended_at": "2025-10-09T12:00:00Z",
    });
    server.record("acme", &[with(answered("CA42", 95, "2025-10-09T12:00:00Z"), body)]).await;
    let shown = server.read("acme", "calls/CA42").await;
    let expected = json!({
        "call_id": "CA42", "status": "qualified", "reason": "rules_satisfied", "call_status": "completed",
        "answered": true, "duration_seconds": 95, "agent": "ann@example.com", "lead_id": "L7", "outcome": null,
        "recordings": [], "direction": "inbound", "from": "+12025550123", "to": "+12025550199", "session_id": "S1",
    });
    for (name, value) in expected.as_object().expect("object") {
        assert_eq!(shown[name], *value, "expected of `{name}`: {shown}");
    }
    let instants = [("started_at", "11:58:20"), ("answered_at", "11:58:25"), ("ended_at", "12:00:00")];
    for (name, time) in instants {
        let text = shown[name].as_str().unwrap_or_default();
        let right = text.starts_with(&format!("2025-10-09T{time}")) && text.ends_with('Z');
        assert!(right, "expected `{name}` as RFC 3339 UTC with Z, got {text:?}");
    }
}

#[tokio::test]
async fn a5_an_unknown_call_is_404() {
    let server = Site::new().start().await;
    server.record("globex", &[call("theirs", "ringing", "2025-10-09T12:00:00Z")]).await;
    for id in ["nothing", "theirs", "%20", "%00"] {
        server.get(&format!("/api/v1/tenants/acme/calls/{id}")).await.any_problem();
    }
    server.get("/api/v1/tenants/acme/calls/nothing").await.problem(404);
    server.get("/api/v1/tenants/acme/calls/theirs").await.problem(404);
}

#[tokio::test]
async fn a3_a_call_belongs_to_the_month_of_its_earliest_start_in_any_order() {
    let server = Site::new().start().await;
    let ringing =
        with(call("a", "ringing", "2025-11-01T04:10:00Z"), json!({"started_at": "2025-11-01T03:59:50Z"}));
    let done = with(answered("a", 45, "2025-11-01T04:11:00Z"), json!({"started_at": "2025-11-01T04:00:10Z"}));
    let rename = |fact: &Value, id: &str| {
        let mut fact = with(fact.clone(), json!({"call_id": id}));
        fact["external_id"] =
            json!(fact["external_id"].as_str().expect("id").replace("a:", &format!("{id}:")));
        fact
    };
    server.record("acme", &[ringing.clone(), done.clone()]).await;
    server.record("acme", &[rename(&done, "b"), rename(&ringing, "b")]).await;
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["qualified"], 2, "expected both in October, the month of the earliest start: {month}");
    let next = server.read("acme", "metrics/month?month=2025-11").await;
    assert_eq!(next["calls"], 0, "expected none in November: {next}");
    let days = server.read("acme", "metrics/days?from=2025-10-31&to=2025-11-01").await;
    assert_eq!(days["items"][0]["qualified"], 2, "expected both on 31 October: {days}");
}

#[tokio::test]
async fn a1_twilio_may_deliver_by_get_with_the_names_in_the_query() {
    let server = Site::new().start().await;
    let form = twilio::ended("CA1", "completed", 45, "Thu, 09 Oct 2025 12:00:54 +0000");
    let answer = twilio::deliver_by_get(&server, &form).await;
    assert_eq!(answer.is(200).outcome(), "recorded", "expected a GET to be taken: {answer:?}");
    let again = twilio::deliver(&server, &form).await;
    assert_eq!(
        again.is(200).outcome(),
        "duplicate",
        "expected the same event by POST to be a duplicate: {again:?}"
    );
}

#[tokio::test]
async fn facts_are_listed_by_kind_provider_and_time() {
    let server = Site::new().start().await;
    twelve_calls(&server).await;
    let of = async |query: &str| server.all_items("acme", &format!("facts?{query}")).await.len();
    assert_eq!(of("kind=call_reported").await, 12, "expected the reported calls");
    assert_eq!(of("kind=call_disposed").await, 0, "expected no dispositions");
    assert_eq!(of("provider=twilio").await, 12, "expected the facts of the provider");
    let span = "from=2025-10-09T02:30:00Z&to=2025-10-09T04:30:00Z";
    assert_eq!(
        of(&format!("kind=call_reported&{span}")).await,
        2,
        "expected an instant `to` to be exclusive"
    );
    let day = "kind=call_reported&from=2025-10-08&to=2025-10-08";
    assert_eq!(of(day).await, 4, "expected a date `to` to include its local day");
    let up = server.all_items("acme", "facts?order=asc&limit=5").await;
    let down = server.all_items("acme", "facts?order=desc&limit=5").await;
    assert!(up.iter().eq(down.iter().rev()), "expected one order to be the other reversed");
}

#[tokio::test]
async fn c6_a_recording_shows_where_it_can_be_heard_by_its_latest_fact() {
    let server = Site::new().start().await;
    let recorded = |n: u32, id: &str, url: &str| {
        let at = format!("2025-10-09T12:{n:02}:00Z");
        let body = json!({"call_id": "r", "recording_id": id, "url": url, "duration_seconds": 45});
        with(fact("twilio", &format!("recorded/{n}"), "call_recorded", &at), body)
    };
    let facts = [
        answered("r", 45, "2025-10-09T12:00:00Z"),
        recorded(3, "RE1", "https://example.com/RE1/moved"),
        recorded(1, "RE1", "https://example.com/RE1"),
        recorded(4, "RE2", "https://example.com/RE2"),
    ];
    server.record("acme", &facts).await;
    let expected = json!([
        {"recording_id": "RE1", "duration_seconds": 45, "url": "https://example.com/RE1/moved"},
        {"recording_id": "RE2", "duration_seconds": 45, "url": "https://example.com/RE2"},
    ]);
    let shown = server.read("acme", "calls/r").await;
    assert_eq!(shown["recordings"], expected, "expected each recording's URL of one call: {shown}");
    let listed = server.all_items("acme", "calls").await;
    assert_eq!(listed[0]["recordings"], expected, "expected each recording's URL in the list: {listed:?}");
}
