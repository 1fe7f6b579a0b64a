//! R7, G13: one tenant's secrets appear in no answer, header, error, CSV page or stream that another tenant can reach.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::facts::{answered, with};
use crate::common::planted::{CANARY, Ids, PHONE, plant, site};
use crate::common::routes::{Route, routes};
use crate::common::site::escape;
use crate::common::{Answer, Server, TOKEN};
use serde_json::{Value, json};
use tokio::time::timeout;

const ROLES: [&str; 5] = ["viewer", "agent", "auditor", "operator", "admin"];

/// Readings of a tenant that hold no text of its own: figures, dates, states.
const NO_TEXT: &[&str] = &[
    "GET /api/v1/tenants/{tenant}/alerts",
    "GET /api/v1/tenants/{tenant}/alerts/{alert_id}",
    "GET /api/v1/tenants/{tenant}/alerts/{alert_id}/attempts",
    // Messages go to targets of style `email`, of which the planted tenant has none.
    "GET /api/v1/tenants/{tenant}/messages",
    "GET /api/v1/tenants/{tenant}/messages/{message_id}/attempts",
    "GET /api/v1/tenants/{tenant}/changes/stream",
    "GET /api/v1/tenants/{tenant}/deliveries",
    "GET /api/v1/tenants/{tenant}/metrics/sessions/{session_id}",
    "GET /api/v1/tenants/{tenant}/reports",
    "GET /api/v1/tenants/{tenant}/restatements",
    "GET /api/v1/tenants/{tenant}/sender-accounts/status",
    "GET /api/v1/tenants/{tenant}/sync/sources",
    "GET /api/v1/tenants/{tenant}/sync/status",
    "GET /api/v1/tenants/{tenant}/webhook-health",
];

/// What of the answer was not the asker's own words.
fn said(answer: &Answer, ids: &Ids) -> String {
    let mut said = format!("{:?} {}", answer.headers, answer.text);
    for own in ids.values() {
        said = said.replace(own.as_str(), "");
    }
    said
}

fn leaks(said: &str) -> bool {
    said.to_lowercase().contains(CANARY) || said.contains(PHONE)
}

fn path(route: &Route, tenant: &str, ids: &Ids) -> String {
    let path = route.filled(|name| match name {
        "tenant" => tenant.to_owned(),
        "file" => "index.html".to_owned(),
        "endpoint" | "token" => "none".to_owned(),
        _ => ids.get(name).unwrap_or_else(|| panic!("{}: nothing is planted as {name}", route.path)).clone(),
    });
    let query = route.needed_query(ids);
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

/// What comes of a stream in a second, from the first fact on.
async fn streamed(server: &Server, token: &str, path: &str) -> String {
    let request = server.request("GET", &format!("{path}?after=0")).bearer_auth(token);
    let mut answer = request.send().await.expect("answers");
    let mut text = format!("{} {:?}", answer.status(), answer.headers());
    let _ = timeout(Duration::from_secs(1), async {
        while let Ok(Some(bytes)) = answer.chunk().await {
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
    })
    .await;
    text
}

/// Every text that a caller gets of a route, as JSON and CSV, or as a stream.
async fn texts(server: &Server, token: &str, route: &Route, tenant: &str, ids: &Ids) -> Vec<String> {
    let path = path(route, tenant, ids);
    if route.streams() {
        return vec![streamed(server, token, &path).await];
    }
    let mut texts = Vec::new();
    for accept in ["application/json", "text/csv"] {
        let mut request = server.request(&route.method, &path).bearer_auth(token).header("accept", accept);
        if route.takes_body() {
            request = request.json(&json!({}));
        }
        let answer = server.send(request).await;
        assert!(answer.status < 500 || answer.status == 503, "{answer:?}");
        texts.push(said(&answer, ids));
    }
    texts
}

/// Position and kind of facts; alerts come with time, whoever asks.
fn told_of(facts: &[Value]) -> Vec<(&Value, &Value)> {
    let facts =
        facts.iter().filter(|fact| !fact["kind"].as_str().is_some_and(|kind| kind.starts_with("alert_")));
    facts.map(|fact| (&fact["position"], &fact["kind"])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g13_what_is_planted_in_one_tenant_is_seen_by_its_owner_and_in_no_answer_to_another() {
    let server = site().start().await;
    let ids = plant(&server).await;
    let table = routes(&server).await;
    let facts = server.all_facts("acme").await;
    server.get(&format!("/api/v1/projections?min_position={}", server.seen())).await.is(200);

    let mut leaked = BTreeSet::new();
    for role in ROLES {
        let token = server.token(role, &["globex"]).await;
        for route in &table {
            let tenants: &[&str] = if route.is_of_a_tenant() { &["globex", "acme"] } else { &[""] };
            for tenant in tenants {
                let told = texts(&server, &token, route, tenant, &ids).await;
                let found = told.iter().find(|said| leaks(said));
                leaked.extend(found.map(|said| format!("{role} {} {}: {said}", route.method, route.path)));
            }
        }
    }
    assert!(leaked.is_empty(), "{leaked:#?}");
    let metrics = server.get("/metrics").await;
    let endpoints = [&ids["endpoint_id"], &ids["session_id"], &ids["user_id"]];
    assert!(!leaks(&metrics.is(200).text) && !endpoints.iter().any(|id| metrics.text.contains(*id)));
    assert!(!leaks(&server.said()), "the log says it: {}", server.said());
    let after = server.all_facts("acme").await;
    assert_eq!(
        told_of(&after),
        told_of(&facts),
        "expected nothing of acme changed by what others ask for with its ids"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g13_null_control_the_owner_sees_what_is_planted_on_every_reading_that_has_texts() {
    let server = site().start().await;
    let ids = plant(&server).await;
    server.get(&format!("/api/v1/projections?min_position={}", server.seen())).await.is(200);
    let token = server.token("admin", &["acme"]).await;
    let mut unseen = BTreeSet::new();
    let of_acme = |route: &Route| route.method == "GET" && route.is_of_a_tenant();
    for route in routes(&server).await.iter().filter(|route| of_acme(route)) {
        let path = path(route, "acme", &ids);
        let seen = if route.streams() {
            vec![streamed(&server, &token, &path).await]
        } else {
            let answer = server.ask(&token, "GET", &path, Value::Null).await;
            vec![answer.is(200).text.clone()]
        };
        if !seen.iter().any(|said| leaks(said)) {
            unseen.insert(format!("GET {}", route.path));
        }
    }
    let named: BTreeSet<String> = NO_TEXT.iter().map(|route| (*route).to_owned()).collect();
    assert_eq!(unseen, named, "plant the canary there, or name the route as one without texts");
    for route in ["tokens", "users", "alert-targets", "tenants"] {
        let answer = server.get(&format!("/api/v1/{route}")).await;
        assert!(leaks(&answer.is(200).text), "{answer:?}");
    }
}

/// The parts of an answer that are not the same for the same question.
fn without_ids(answer: &Answer, own: &[&str]) -> Value {
    let mut text = answer.text.clone();
    for own in own {
        text = text.replace(own, "");
    }
    let mut json: Value = serde_json::from_str(&text).unwrap_or_default();
    json.as_object_mut().map(|members| members.remove("request_id"));
    json
}

#[tokio::test]
async fn r7_another_tenant_is_answered_as_one_that_is_not_there() {
    let server = site().start().await;
    let ids = plant(&server).await;
    let token = server.token("admin", &["globex"]).await;
    for route in routes(&server).await.iter().filter(|route| route.is_of_a_tenant()) {
        let ask = async |tenant: &str| {
            server.ask(&token, &route.method, &path(route, tenant, &ids), Value::Null).await
        };
        let (other, none) = (ask("acme").await, ask("nowhere").await);
        other.problem(404);
        assert_eq!(without_ids(&other, &["acme"]), without_ids(&none, &["nowhere"]), "{}", route.path);
        for internal in ["_control", "_unassigned"] {
            let answer = server.ask(TOKEN, &route.method, &path(route, internal, &ids), Value::Null).await;
            answer.problem(404);
        }
    }
    // The same key in two tenants is two facts.
    let fact = with(answered("shared", 45, "2025-10-09T12:00:00Z"), json!({"campaign": CANARY}));
    server.post("acme", &fact).await.is(201);
    let taken = server.ask(
        &token,
        "POST",
        "/api/v1/tenants/globex/facts",
        answered("shared", 9, "2025-10-09T12:00:00Z"),
    );
    assert_eq!(taken.await.is(201).outcome(), "recorded");
    // Payloads as they came, by position: of a fact, and of what was quarantined.
    let quarantined = server.read("acme", &format!("quarantine/{}", ids["quarantine_id"])).await;
    for position in [&ids["position"], &quarantined["fact_position"].to_string()] {
        let raw = format!("facts/{position}?raw=true");
        assert!(leaks(&server.read("acme", &raw).await.to_string()), "null control: its owner sees it");
        let raw = format!("/api/v1/tenants/globex/{raw}");
        server.ask(&token, "GET", &raw, Value::Null).await.problem(404);
    }
    let found = format!("/api/v1/tenants/globex/outreach/leads?search={}", escape("canary"));
    assert_eq!(server.ask(&token, "GET", &found, Value::Null).await.is(200).json["items"], json!([]));
}
