//! Reading methods change nothing: the log's head is where it was after GET and HEAD of every documented route.

use std::time::Duration;

use crate::common::facts::answered;
use crate::common::planted::{Ids, plant, site};
use crate::common::routes::{Route, routes};
use crate::common::{Server, Site, TOKEN, twilio};
use serde_json::{Value, json};

async fn head(server: &Server) -> u64 {
    server.get("/readyz").await.is(200).json["position"].as_u64().expect("a position")
}

/// The head once the engine has recorded by itself what was due.
async fn settled(server: &Server) -> u64 {
    let (mut before, mut still) = (head(server).await, 0);
    while still < 30 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = head(server).await;
        still = if now == before { still + 1 } else { 0 };
        before = now;
    }
    before
}

fn path(route: &Route, ids: &Ids) -> String {
    let path = route.filled(|name| match name {
        "tenant" => "acme".to_owned(),
        "file" => "index.html".to_owned(),
        // Of an endpoint that is known each GET is a delivery.
        "endpoint" | "token" => "none".to_owned(),
        _ => ids.get(name).unwrap_or_else(|| panic!("{}: nothing is planted as {name}", route.path)).clone(),
    });
    let query = route.needed_query(ids);
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

/// Asks every route by these methods; which of them moved the head.
async fn recording(server: &Server, table: &[Route], methods: &[&str], ids: &Ids) -> Vec<String> {
    let (mut found, mut before) = (Vec::new(), settled(server).await);
    for route in table {
        for method in methods {
            let mut request = server.request(method, &path(route, ids)).bearer_auth(TOKEN);
            if *method == "POST" {
                request = request.json(&json!({}));
            }
            // Of a stream the head of the answer is enough.
            let answer = request.send().await.expect("answers");
            assert!(answer.status().as_u16() < 500, "{method} {}: {}", route.path, answer.status());
            let now = head(server).await;
            if now != before {
                found.push(format!("{method} {}", route.path));
            }
            before = now;
        }
    }
    if settled(server).await != before {
        found.push(format!("later: {:?}", server.all_facts("acme").await.last()));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn get_and_head_of_every_route_record_nothing() {
    let server = site().start().await;
    let ids = plant(&server).await;
    // Each try to send an alert is a fact, and is tried again in its own time.
    let target = format!("/api/v1/alert-targets/{}", ids["target_id"]);
    server.ask(TOKEN, "DELETE", &target, Value::Null).await.is(204);
    let mut table = routes(&server).await;
    let posts: Vec<Route> =
        table.iter().filter(|route| route.path.ends_with("/next-lead")).cloned().collect();
    table.retain(|route| route.method == "GET");
    assert!(table.len() > 50, "only {} routes", table.len());
    assert_eq!(recording(&server, &table, &["GET", "HEAD"], &ids).await, Vec::<String>::new());
    // Null control: what does record is seen.
    let posted = recording(&server, &posts[..1], &["POST"], &ids).await;
    assert_eq!(posted, ["POST /api/v1/tenants/{tenant}/sessions/{session_id}/next-lead"]);
}

#[tokio::test]
async fn c3_get_shows_the_next_lead_and_reserves_nothing() {
    let server = Site::new().start().await;
    let id = server.start_session(&["A", "B"]).await;
    let show = async |query: &str| server.read("acme", &format!("sessions/{id}/next-lead{query}")).await;
    for _ in 0..2 {
        let shown = show("?line=1").await;
        assert_eq!(
            (&shown["lead_id"], &shown["index"], &shown["line"], &shown["reserved"]),
            (&json!("A"), &json!(0), &json!("1"), &json!(false)),
            "{shown}"
        );
        assert!(shown["position"].is_u64() && shown["at"].is_string(), "{shown}");
    }
    assert_eq!(server.count("acme", "lead_reserved").await, 0);
    assert_eq!(server.next_lead(&id, "1").await["lead_id"], "A");
    let shown = show("?line=1").await;
    assert_eq!((&shown["lead_id"], &shown["reserved"]), (&json!("A"), &json!(true)));
    let shown = show("?line=2").await;
    assert_eq!((&shown["lead_id"], &shown["reserved"]), (&json!("B"), &json!(false)));
    assert_eq!(show("").await["lead_id"], "B", "a new line");
    server.mark_attempt(&id, "B", "busy").await.is(201);
    let shown = show("?line=2").await;
    assert_eq!((&shown["lead_id"], &shown["reserved"]), (&Value::Null, &json!(false)));
    assert_eq!(server.count("acme", "lead_reserved").await, 1, "POST alone reserves");
    let path = format!("/api/v1/tenants/acme/sessions/{id}/next-lead?line=1");
    let viewer = server.token("viewer", &["acme"]).await;
    server.ask(&viewer, "GET", &path, Value::Null).await.is(200);
    server.ask(&viewer, "POST", &path, Value::Null).await.problem(403);
    server.get("/api/v1/tenants/acme/sessions/unknown/next-lead").await.problem(404);
    server.command("acme", &format!("sessions/{id}/end"), &json!({})).await.is(200);
    server.get(&path).await.problem(409);
}

#[tokio::test]
async fn a_hook_that_is_looked_at_by_head_is_there_and_takes_nothing() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("c1", 45, "2025-10-09T12:00:00Z")]).await;
    let form = twilio::ended("CA77", "completed", 45, "Thu, 09 Oct 2025 12:00:00 +0000");
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
    let url = format!("{}?{query}", twilio::public_url(twilio::ENDPOINT));
    let signature = twilio::sign(crate::common::TWILIO_TOKEN, &url, &twilio::Form::new());
    let looked = server.request("HEAD", &format!("/hooks/twilio/{}?{query}", twilio::ENDPOINT));
    server.send(looked.header("x-twilio-signature", signature)).await.is(200);
    server.send(server.request("HEAD", "/hooks/twilio/tw-unknown")).await.is(404);
    assert_eq!(server.count("acme", "call_reported").await, 1);
    // Null control: the same by GET is a delivery.
    assert_eq!(twilio::deliver_by_get(&server, &form).await.is(200).outcome(), "recorded");
    assert_eq!(server.count("acme", "call_reported").await, 2);
}
