//! Conflicts and quarantine over HTTP: the evidence, an operator's decisions, and deliveries mapped again.

use crate::common::bison::{self, sent};
use crate::common::facts::answered;
use crate::common::{Answer, Server, Site, TOKEN, TWO_TENANTS};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

async fn command(server: &Server, path: &str) -> Answer {
    server.send(server.request("POST", path).bearer_auth(TOKEN)).await
}

async fn decide(server: &Server, id: &Value, decision: &str) -> Answer {
    command(server, &format!("/api/v1/tenants/acme/conflicts/{id}/{decision}")).await
}

#[tokio::test]
async fn e1_a_conflict_is_listed_with_its_evidence_and_decided_once() {
    let site = Site::new();
    let server = site.start().await;
    let stands = server.post("acme", &answered("CA1", 45, AT)).await.is(201).position();
    for seconds in [46, 47, 46] {
        server.post("acme", &answered("CA1", seconds, AT)).await.problem(409);
    }
    assert_eq!(server.post("acme", &answered("CA1", 45, AT)).await.is(200).outcome(), "duplicate");
    let mut listed = server.all_items("acme", "conflicts?state=open").await;
    assert_eq!(listed.len(), 2, "the same content again is no new conflict: {listed:?}");
    listed.sort_by_key(|item| item["conflict_id"].as_u64());
    let [first, second] = [&listed[0], &listed[1]];
    assert_eq!(first["diff"], json!([{"pointer": "/body/duration_seconds", "first": 45, "second": 46}]));
    assert_eq!((&first["count"], &second["count"]), (&json!(2), &json!(1)), "sightings: {first}");
    assert_eq!((&first["first_position"], &first["kind"]), (&json!(stands), &json!("call_reported")));

    let accepted = decide(&server, &first["conflict_id"], "accept").await;
    assert_eq!((accepted.is(200).outcome(), &accepted.json["state"]), ("recorded", &json!("accepted")));
    let again = decide(&server, &first["conflict_id"], "accept").await;
    assert_eq!((again.is(200).outcome(), again.position()), ("existing", accepted.position()));
    let other = decide(&server, &first["conflict_id"], "reject").await;
    assert_eq!(other.problem(409)["code"], "already_decided");
    decide(&server, &second["conflict_id"], "reject").await.is(200);
    decide(&server, &second["conflict_id"], "accept").await.problem(409);
    decide(&server, &json!(1), "accept").await.problem(404);
    decide(&server, &json!("x"), "accept").await.problem(404);

    let now = server.post("acme", &answered("CA1", 46, AT)).await;
    assert_eq!(
        (now.is(200).outcome(), now.position()),
        ("duplicate", accepted.position()),
        "of the correction"
    );
    server.post("acme", &answered("CA1", 47, AT)).await.problem(409);
    let by_key = server.get(&format!("/api/v1/tenants/acme/facts/{}", accepted.position())).await;
    assert_eq!(by_key.is(200).json["kind"], "conflict_accepted");

    server.kill();
    let server = site.start().await;
    let states: Vec<Value> =
        server.all_items("acme", "conflicts").await.iter().map(|item| item["state"].clone()).collect();
    assert_eq!(states.len(), 2, "decisions are facts: {states:?}");
    assert!(states.contains(&json!("accepted")) && states.contains(&json!("rejected")));
    assert!(server.all_items("acme", "conflicts?state=open").await.is_empty());
    assert!(server.all_items("globex", "conflicts").await.is_empty(), "another tenant sees none of it");
}

#[tokio::test]
async fn e1_thousands_of_conflicts_of_one_batch_are_kept_in_groups() {
    let server = Site::new().start().await;
    let batch = |seconds| -> Value { (0..2_000).map(|n| answered(&format!("CA{n}"), seconds, AT)).collect() };
    assert_eq!(server.post("acme", &batch(45)).await.is(200).json["recorded"], 2_000);
    assert_eq!(server.post("acme", &batch(46)).await.is(200).json["conflicts"], 2_000);
    let kept = async || server.all_items("acme", "conflicts?limit=500").await.len();
    // A batch's answer does not say where evidence stands: it is waited for.
    for _ in 0..500 {
        if kept().await == 2_000 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(kept().await, 2_000);
    // What becomes durable together is recorded at one instant.
    let groups = async || {
        let facts = server.all_items("acme", "facts?kind=conflict_observed&limit=500").await;
        facts
            .iter()
            .map(|fact| fact["recorded_at"].to_string())
            .collect::<std::collections::BTreeSet<_>>()
            .len()
    };
    let together = groups().await;
    assert!(together <= 200, "2,000 in {together} groups");
    // Null control: one by one, each is a group of its own.
    for n in 0..30 {
        server.post("acme", &answered(&format!("CA{n}"), 47, AT)).await.problem(409);
    }
    assert_eq!(groups().await, together + 30);
    let again = server.post("acme", &batch(46)).await;
    assert_eq!(again.is(200).json["conflicts"], 2_000, "known conflicts are told again");
    assert_eq!(kept().await, 2_030, "and are no new ones");
}

fn elsewhere(n: u64) -> Value {
    let mut event = sent("EMAIL_SENT", n, bison::lead(n), "2025-10-09T12:00:00.000000Z");
    event["event"]["workspace_id"] = 99.into();
    event["event"]["workspace_name"] = "Elsewhere".into();
    event
}

#[tokio::test]
async fn r3_a_delivery_of_an_unknown_workspace_is_kept_and_mapped_again_once_the_workspace_is_known() {
    let site = Site::new();
    let server = site.start().await;
    let mut ids = Vec::new();
    for n in 1..=3 {
        let answer = bison::deliver(&server, &elsewhere(n)).await;
        assert_eq!(answer.is(200).outcome(), "quarantined");
        ids.push(answer.json["quarantine_id"].clone());
    }
    let open = async |server: &Server, filter: &str| {
        let answer = server.get(&format!("/api/v1/quarantine?{filter}&min_position={}", server.seen())).await;
        answer.is(200).json["items"].as_array().expect("items").len()
    };
    assert_eq!(open(&server, "state=open").await, 3);
    assert_eq!(open(&server, "state=open&limit=2&reason=unknown_workspace").await, 2);
    assert_eq!(open(&server, "provider=twilio").await, 0);
    server.get("/api/v1/quarantine?state=lost").await.problem(400);
    server.send(server.request("GET", "/api/v1/quarantine")).await.problem(401);
    let one = format!("/api/v1/quarantine/{}/retry", ids[0].as_str().expect("id"));
    let vain = command(&server, &one).await;
    assert_eq!(vain.problem(409)["reason"], "unknown_workspace");
    server.stop();

    site.configure(
        &TWO_TENANTS.replace("\"Acme Client\", \"17\"", "\"Acme Client\", \"17\", \"Elsewhere\", \"99\""),
    );
    let server = site.start().await;
    let first = command(&server, &one).await;
    assert_eq!((first.is(200).outcome(), &first.json["tenant"]), ("recorded", &json!("acme")));
    let again = command(&server, &one).await;
    assert_eq!(again.is(200).json["facts"], first.json["facts"], "a resolved one answers its facts");
    let position = first.json["facts"][0].as_u64().expect("a fact");
    assert_eq!(
        server.get(&format!("/api/v1/tenants/acme/facts/{position}")).await.is(200).json["kind"],
        "email_sent"
    );
    let bulk = command(&server, "/api/v1/quarantine/retry?reason=unknown_workspace").await;
    assert_eq!((&bulk.is(200).json["resolved"], &bulk.json["more"]), (&json!(2), &json!(false)));
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["emails_sent"], 3, "each counted once: {month}");
    assert_eq!(open(&server, "state=open").await, 0);
    assert_eq!(open(&server, "state=resolved").await, 3);
    let redelivered = bison::deliver(&server, &elsewhere(1)).await;
    assert_eq!(redelivered.is(200).outcome(), "duplicate");
    command(&server, "/api/v1/quarantine/0123/retry").await.problem(404);
}

#[tokio::test]
async fn r3_a_tenants_own_quarantine_is_its_own() {
    let server = Site::new().start().await;
    let mut unreadable = sent("EMAIL_SENT", 1, bison::lead(1), "2025-10-09T12:00:00.000000Z");
    unreadable["event"]["type"] = "EMAIL_TELEPORTED".into();
    let answer = bison::deliver(&server, &unreadable).await;
    assert_eq!(answer.is(200).outcome(), "quarantined", "{answer:?}");
    let kept = server.all_items("acme", "quarantine").await;
    assert_eq!((kept.len(), &kept[0]["reason"]), (1, &json!("unknown_event_type")));
    assert!(server.all_items("globex", "quarantine").await.is_empty());
    let id = kept[0]["quarantine_id"].as_str().expect("id");
    let path = |tenant: &str| format!("/api/v1/tenants/{tenant}/quarantine/{id}");
    assert_eq!(server.get(&path("acme")).await.is(200).json["state"], "open");
    server.get(&path("globex")).await.problem(404);
    command(&server, &format!("{}/retry", path("globex"))).await.problem(404);
    let vain = command(&server, &format!("{}/retry", path("acme"))).await;
    assert_eq!(vain.problem(409)["code"], "still_quarantined");
    assert_eq!(vain.json["quarantine_id"], id);
    let bulk = command(&server, "/api/v1/tenants/acme/quarantine/retry").await;
    assert_eq!((&bulk.is(200).json["retried"], &bulk.json["still_quarantined"]), (&json!(1), &json!(1)));
    let csv = server
        .request("GET", "/api/v1/tenants/acme/quarantine")
        .bearer_auth(TOKEN)
        .header("accept", "text/csv");
    assert!(server.send(csv).await.is(200).text.contains("unknown_event_type"));
}

#[tokio::test]
async fn r3_where_nothing_is_in_quarantine_a_bulk_retry_does_nothing_and_an_id_or_alert_is_not_found() {
    let server = Site::new().start().await;
    for of in ["/api/v1", "/api/v1/tenants/acme"] {
        let bulk = command(&server, &format!("{of}/quarantine/retry")).await;
        let told = ["retried", "resolved", "still_quarantined", "last_position", "more"];
        assert_eq!(
            told.map(|member| bulk.is(200).json[member].clone()),
            [json!(0), json!(0), json!(0), Value::Null, json!(false)],
            "{of}"
        );
        for (path, what) in
            [("quarantine/0123/retry", "quarantined delivery"), ("alerts/0123/resend", "alert")]
        {
            let unknown = command(&server, &format!("{of}/{path}")).await;
            let detail = unknown.problem(404)["detail"].as_str().expect("a detail");
            assert!(detail.contains(what), "{of}/{path}: {detail}");
        }
    }
}

#[tokio::test]
async fn r1_an_accepted_configuration_holds_for_hooks_at_once_and_the_file_wins_at_the_next_start() {
    let site = Site::new();
    let server = site.start().await;
    let configured = |workspaces: Value| {
        json!({"provider": "desk", "external_id": "acme/1", "kind": "tenant_configured", "occurred_at": AT,
            "body": {"name": "Acme Dental", "timezone": "America/New_York", "workspaces": workspaces}})
    };
    let delivered = async |server: &Server, n: u64, workspace: u64| {
        let mut event = sent("EMAIL_SENT", n, bison::lead(1), "2025-10-09T12:00:00.000000Z");
        event["event"]["workspace_id"] = workspace.into();
        event["event"]["workspace_name"] = Value::Null;
        bison::deliver(server, &event).await.is(200).outcome().to_owned()
    };
    let first = server.post("acme", &configured(json!(["17"]))).await.is(201).position();
    server.post("acme", &configured(json!(["42"]))).await.problem(409);
    assert_eq!(
        delivered(&server, 1, 42).await,
        "quarantined",
        "null control: an open conflict changes nothing"
    );
    assert_eq!(delivered(&server, 2, 17).await, "recorded");
    let conflict = server.all_items("acme", "conflicts").await.remove(0);
    assert_eq!(conflict["first_position"], first);
    decide(&server, &conflict["conflict_id"], "accept").await.is(200);
    assert_eq!(delivered(&server, 3, 42).await, "recorded", "without a reload");
    assert_eq!(delivered(&server, 4, 17).await, "quarantined");
    server.stop();
    let server = site.start().await;
    assert_eq!(
        delivered(&server, 5, 17).await,
        "recorded",
        "the file differs from what was accepted, and wins"
    );
    assert_eq!(delivered(&server, 6, 42).await, "quarantined");
    let configurations = server.all_items("acme", "facts?kind=tenant_configured").await.len();
    server.stop();
    let server = site.start().await;
    assert_eq!(
        server.all_items("acme", "facts?kind=tenant_configured").await.len(),
        configurations,
        "and once"
    );
}
