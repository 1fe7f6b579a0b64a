//! Time travel (E3): every reading answers as of a position, as known at an instant, and of what had happened by then.

use std::collections::BTreeMap;

use crate::common::facts::{answered, mail, staged, with};
use crate::common::routes::routes;
use crate::common::site::escape;
use crate::common::{Server, Site};
use serde_json::{Value, json};

const MONTHS: [&str; 2] = ["2025-10", "2025-11"];

/// Batches of calls, mail and a change of rules, late facts among them.
fn batches() -> Vec<Vec<Value>> {
    let call = |id: &str, seconds, at: &str| with(answered(id, seconds, at), json!({"started_at": at}));
    let lead = |id: &str| json!({"id": id, "email": format!("p{id}@x.example"), "first_name": "Pat"});
    let rules = json!({"provider": "desk", "external_id": "rules/2", "kind": "tenant_configured",
        "occurred_at": "2025-11-20T00:00:00Z", "body": {"name": "Acme Dental", "timezone": "America/New_York",
        "effective_from": "2025-10-01", "rules": {"qualified_min_seconds": 60}}});
    vec![
        vec![call("a", 45, "2025-10-09T12:00:00Z"), mail("email_sent", 1, lead("1"), "2025-10-09T12:00:00Z")],
        vec![
            call("b", 50, "2025-11-03T12:00:00Z"),
            mail("lead_interested", 2, lead("1"), "2025-11-03T12:00:00Z"),
        ],
        vec![call("late", 90, "2025-10-20T12:00:00Z"), staged(1, lead("1"), "won", "2025-11-04T12:00:00Z")],
        vec![rules],
        vec![
            call("c", 70, "2025-11-21T12:00:00Z"),
            mail("lead_replied", 3, lead("2"), "2025-10-30T12:00:00Z"),
        ],
    ]
}

/// Everything that is served of the tenant under `moment`, without the time of asking.
async fn served(server: &Server, moment: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for month in MONTHS {
        all.push(server.read("acme", &format!("metrics/month?month={month}&{moment}")).await);
    }
    for route in ["metrics/days?from=2025-10-01&to=2025-11-30", "calls?limit=500", "outreach/leads?limit=500"]
    {
        all.push(server.read("acme", &format!("{route}&{moment}")).await);
    }
    for answer in &mut all {
        answer.as_object_mut().expect("an object").remove("at");
    }
    all
}

async fn recorded_at(server: &Server, position: u64) -> String {
    let fact = server.read("acme", &format!("facts/{position}")).await;
    fact["recorded_at"].as_str().expect("recorded_at").to_owned()
}

#[tokio::test]
async fn e3_what_was_served_at_a_position_is_served_again_as_of_it_and_as_known_then() {
    let site = Site::new();
    let server = site.start().await;
    let mut then = Vec::new();
    for batch in batches() {
        server.record("acme", &batch).await;
        then.push((server.seen(), served(&server, "").await));
    }
    assert!(then.windows(2).all(|pair| pair[0].1 != pair[1].1), "expected every batch to change an answer");
    let again = |position: u64| format!("as_of_position={position}");
    for (position, answers) in &then {
        assert_eq!(&served(&server, &again(*position)).await, answers, "as of {position}");
        let known_at = escape(&recorded_at(&server, *position).await);
        assert_eq!(
            &served(&server, &format!("known_at={known_at}")).await,
            answers,
            "as known at {known_at}"
        );
    }
    // Facts that come later change no past, nor does a restart.
    server.record("acme", &[answered("later", 99, "2025-10-10T12:00:00Z")]).await;
    let (position, answers) = &then[1];
    assert_eq!(&served(&server, &again(*position)).await, answers, "after more facts");
    server.stop();
    let server = site.start().await;
    assert_eq!(&served(&server, &again(*position)).await, answers, "after a restart");
}

#[tokio::test]
async fn e3_what_had_happened_by_a_time_is_the_fold_of_a_log_without_the_rest() {
    let until = "2025-11-03T12:00:00Z";
    let (whole, less) = (Site::new().start().await, Site::new().start().await);
    for batch in batches() {
        whole.record("acme", &batch).await;
        // Configuration is never left out.
        let kept = batch.into_iter().filter(|fact| {
            fact["kind"] == "tenant_configured" || fact["occurred_at"].as_str().expect("a time") <= until
        });
        let kept: Vec<Value> = kept.collect();
        if !kept.is_empty() {
            less.record("acme", &kept).await;
        }
    }
    let plain = |answers: Vec<Value>| -> Vec<Value> {
        let strip = |mut answer: Value| {
            answer.as_object_mut().expect("an object").remove("position");
            answer
        };
        answers.into_iter().map(strip).collect()
    };
    let past = plain(served(&whole, &format!("occurred_until={}", escape(until))).await);
    assert_eq!(past, plain(served(&less, "").await));
    assert_ne!(past, plain(served(&whole, "").await), "null control: now is something else");
}

#[tokio::test]
async fn e3_the_pages_of_a_past_list_are_of_one_moment_while_facts_come() {
    let server = Site::new().start().await;
    let call = |n: u32| answered(&format!("c{n:02}"), 45, &format!("2025-10-{:02}T12:00:00Z", n % 28 + 1));
    server.record("acme", &(0..20).map(call).collect::<Vec<_>>()).await;
    let position = server.seen();
    let whole = server.read("acme", "calls?limit=500").await;
    let (mut items, mut cursor, mut n) = (Vec::new(), String::new(), 20);
    loop {
        server.record("acme", &[call(n)]).await;
        n += 1;
        let page = server.read("acme", &format!("calls?limit=6&as_of_position={position}{cursor}")).await;
        assert_eq!(page["position"], position, "{page}");
        items.extend(page["items"].as_array().expect("items").clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={}", escape(next));
    }
    assert_eq!(whole["items"], Value::from(items));
}

#[tokio::test]
async fn e3_a_position_that_the_log_has_not_reached_is_told_on_every_route_that_takes_one() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &[answered("c1", 45, "2025-10-09T12:00:00Z")]).await;
    let head = server.seen();
    let values = BTreeMap::from([
        ("provider", "twilio".to_owned()),
        ("external_id", "c1".to_owned()),
        ("model", "month".to_owned()),
        ("field", "calls".to_owned()),
        ("month", "2025-10".to_owned()),
        ("agent", "ann@example.com".to_owned()),
    ]);
    let mut asked = 0;
    for route in routes(&server).await {
        if !route.query().contains(&"as_of_position") {
            continue;
        }
        let fill = |name: &str| match name {
            "tenant" => "acme".to_owned(),
            "position" => "1".to_owned(),
            name => values.get(name).cloned().unwrap_or_else(|| "x".to_owned()),
        };
        let path = format!("{}?{}", route.filled(fill), route.needed_query(&values));
        let at = async |position: u64| server.get(&format!("{path}&as_of_position={position}")).await;
        let ahead = at(head + 1_000).await;
        let problem = ahead.problem(409);
        assert_eq!(
            (&problem["code"], &problem["position"]),
            (&json!("position_ahead"), &json!(head)),
            "{path}"
        );
        assert!(route.documents(409), "{path}");
        // Null control: the head itself is a moment, and of what is not there then the answer is 404.
        assert!([200, 404].contains(&at(head).await.status), "{path}: {:?}", at(head).await);
        asked += 1;
    }
    assert!(asked > 40, "only {asked} routes");
    server.stop();
    let args = ["explain", "month", "calls", "month=2025-10", "--tenant", "acme", "--as-of-position", "5000"];
    let told = site.cli(&args).exits(1).all();
    assert!(told.contains("position 5000 is ahead of the log, which ends at"), "{told}");
}

#[tokio::test]
async fn e3_bounds_that_are_malformed_are_named() {
    let server = Site::new().start().await;
    for (query, name) in [
        ("as_of_position=-1", "as_of_position"),
        ("known_at=yesterday", "known_at"),
        ("occurred_until=1", "occurred_until"),
    ] {
        let answer = server.get(&format!("/api/v1/tenants/acme/calls?{query}")).await;
        answer.is(400).names_parameter(name);
    }
    let before = server.read("acme", "metrics/month?month=2025-10&known_at=2000-01-01T00:00:00Z").await;
    assert_eq!((&before["position"], &before["calls"]), (&json!(0), &json!(0)));
}
