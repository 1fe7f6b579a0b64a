//! Dialer sessions through the socket: one active, one attempt, no lead to two lines, time-outs, restarts (C1 to C3, L15).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::common::dialer::{eight, hurried};
use crate::common::{Site, TOKEN};
use serde_json::{Value, json};

const LEADS: [&str; 10] = ["L0", "L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8", "L9"];

fn session_body() -> Value {
    json!({"agent": "ann@example.com", "pipeline_id": "north", "lead_ids": LEADS})
}

#[tokio::test]
async fn c1_a_session_is_got_or_created_and_goes_on_where_it_was() {
    let server = Site::new().start().await;
    let missing = "/api/v1/tenants/acme/sessions/active?agent=ann@example.com&pipeline_id=north";
    server.get(missing).await.problem(404);
    let first = server.command("acme", "sessions", &session_body()).await;
    first.is(201);
    let id = first.json["session_id"].as_str().expect("id").to_owned();
    let expected = json!({"position": first.position(), "outcome": "recorded", "session_id": id,
        "agent": "ann@example.com", "pipeline_id": "north", "total_leads": 10, "completed_leads": 0,
        "current_lead_index": 0, "current_lead_id": "L0", "is_active": true,
        "last_activity_at": first.json["last_activity_at"]});
    assert_eq!(first.json, expected);

    server.mark_attempt(&id, "L0", "no_answer").await.is(201);
    server.mark_attempt(&id, "L2", "busy").await.is(201);
    let again = json!({"agent": " ANN@example.com", "pipeline_id": "north", "lead_ids": ["other"]});
    let again = server.command("acme", "sessions", &again).await;
    assert_eq!((again.is(200).outcome(), &again.json["session_id"]), ("existing", &json!(id)));
    let progress = ["total_leads", "completed_leads", "current_lead_index", "current_lead_id"];
    let told = |session: &Value| progress.map(|member| session[member].clone());
    let expected = [json!(10), json!(2), json!(1), json!("L1")];
    assert_eq!(told(&again.json), expected);
    let active = server.read("acme", "sessions/active?agent=Ann@example.com&pipeline_id=north").await;
    let by_id = server.read("acme", &format!("sessions/{id}")).await;
    assert_eq!((told(&active), told(&by_id)), (expected.clone(), expected.clone()));
    let resumed = server.command("acme", &format!("sessions/{id}/resume"), &json!({})).await;
    assert_eq!(told(&resumed.is(200).json), expected, "the position is the server's to know");

    let elsewhere = json!({"agent": "ann@example.com", "pipeline_id": "south", "lead_ids": ["L1"]});
    let newer = server.command("acme", "sessions", &elsewhere).await.is(201).json["session_id"].clone();
    // Without a pipeline it is the newest of the agent's, which a dialer opens without asking.
    let newest = server.read("acme", "sessions/active?agent=ann@example.com").await;
    assert_eq!(newest["session_id"], newer);
    let newer = newer.as_str().unwrap_or_default();
    server.command("acme", &format!("sessions/{newer}/end"), &json!({})).await.is(200);
    assert_eq!(server.read("acme", "sessions/active?agent=ann@example.com").await["session_id"], json!(id));
    server.get("/api/v1/tenants/acme/sessions/active?agent=bob@example.com").await.problem(404);
    server.get(&format!("/api/v1/tenants/globex/sessions/{id}")).await.problem(404);
}

#[tokio::test]
async fn c1_an_ended_session_is_ended_once_and_the_next_one_is_new() {
    let server = Site::new().start().await;
    let id = server.start_session(&LEADS).await;
    for outcome in ["recorded", "existing"] {
        let ended = server.command("acme", &format!("sessions/{id}/end"), &json!({})).await;
        assert_eq!((ended.is(200).outcome(), &ended.json["is_active"]), (outcome, &json!(false)));
    }
    assert_eq!(server.count("acme", "session_ended").await, 1);
    let attempt = server.mark_attempt(&id, "L0", "busy").await;
    assert_eq!(attempt.problem(409)["code"], "session_ended");
    let next = server.command("acme", &format!("sessions/{id}/next-lead?line=1"), &json!({})).await;
    assert_eq!(next.problem(409)["code"], "session_ended");
    let resumed = server.command("acme", &format!("sessions/{id}/resume"), &json!({})).await;
    assert_eq!(resumed.problem(409)["code"], "session_ended");
    assert_ne!(server.start_session(&LEADS).await, id);
}

#[tokio::test]
async fn c1_wrong_sessions_are_refused_field_by_field() {
    let server = Site::new().start().await;
    let post = async |body: Value| server.command("acme", "sessions", &body).await;
    post(json!({})).await.names("/agent").names("/pipeline_id").names("/lead_ids").problem(422);
    let with = |member: &str, value: Value| {
        let mut body = session_body();
        body[member] = value;
        body
    };
    post(with("lead_ids", json!([]))).await.names("/lead_ids").problem(422);
    post(with("lead_ids", json!(["a", 1]))).await.names("/lead_ids/1").problem(422);
    let long = post(with("lead_ids", json!(vec!["a"; 5_001]))).await;
    let message = &long.names("/lead_ids").problem(422)["errors"][0]["message"];
    assert!(message.as_str().is_some_and(|message| message.contains("5000")), "the most is told: {message}");
    post(with("lead_ids", json!(vec!["x".repeat(1_000); 200]))).await.names("/lead_ids").problem(422);
    post(with("session_id", json!("mine"))).await.names("/session_id").problem(422);
    let many: Vec<String> = (0..5_000).map(|n| format!("0192f0c1-7b7e-7cc2-9c3b-{n:012}")).collect();
    assert_eq!(post(with("lead_ids", json!(many))).await.is(201).json["total_leads"], 5_000);
    let active = "/api/v1/tenants/acme/sessions/active?pipeline_id=north";
    server.get(active).await.names_parameter("agent").problem(400);
    server.get("/api/v1/tenants/acme/sessions/unknown").await.problem(404);
    for route in ["resume", "end", "next-lead"] {
        server.command("acme", &format!("sessions/unknown/{route}"), &json!({})).await.problem(404);
    }
    server.mark_attempt("unknown", "L0", "busy").await.problem(404);
}

#[tokio::test]
async fn c1_a_session_without_activity_times_out_and_can_be_resumed() {
    let server = hurried("session_timeout_seconds = 1").start().await;
    let id = server.start_session(&LEADS).await;
    server.mark_attempt(&id, "L0", "busy").await.is(201);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let late = server.mark_attempt(&id, "L1", "busy").await;
    assert_eq!(late.problem(409)["code"], "session_timed_out");
    server.mark_attempt(&id, "L1", "busy").await.problem(409);
    assert_eq!(server.count("acme", "session_timed_out").await, 1, "who met it first recorded it, once");
    assert_eq!(server.read("acme", &format!("sessions/{id}")).await["is_active"], false);
    server.get("/api/v1/tenants/acme/sessions/active?agent=ann@example.com&pipeline_id=north").await.is(404);
    let existing = server.mark_attempt(&id, "L0", "connected").await;
    assert_eq!(
        (existing.is(200).outcome(), &existing.json["attempt"]["outcome"]),
        ("existing", &json!("busy"))
    );

    let resumed = server.command("acme", &format!("sessions/{id}/resume"), &json!({})).await;
    assert_eq!(
        (&resumed.is(200).json["is_active"], &resumed.json["current_lead_id"]),
        (&json!(true), &json!("L1"))
    );
    server.mark_attempt(&id, "L1", "busy").await.is(201);

    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let other = server.start_session(&LEADS).await;
    assert_ne!(other, id, "an overdue session is none to go on with");
    let refused = server.command("acme", &format!("sessions/{id}/resume"), &json!({})).await;
    assert_eq!(refused.problem(409)["code"], "other_session_active");
    let facts = server.all_facts("acme").await;
    let timed_out = facts.iter().find(|fact| fact["kind"] == "session_timed_out").expect("a time-out");
    let instant =
        |text: &Value| chrono::DateTime::parse_from_rfc3339(text.as_str().expect("text")).expect("instant");
    let idle = instant(&timed_out["occurred_at"]) - instant(&timed_out["body"]["last_activity_at"]);
    assert_eq!(idle.num_milliseconds(), 1_000, "it happened when the time was over, not when it was seen");
}

#[tokio::test]
async fn c1_a_session_that_nobody_touches_times_out_by_itself() {
    let server = hurried("session_timeout_seconds = 1").start().await;
    let id = server.start_session(&LEADS).await;
    let begun = std::time::Instant::now();
    while server.read("acme", &format!("sessions/{id}")).await["is_active"] == true {
        assert!(begun.elapsed() < Duration::from_secs(20), "expected a time-out after one second");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(900));
    assert_eq!(server.count("acme", "session_timed_out").await, 1);
}

#[tokio::test]
async fn c1_eight_clients_that_start_one_session_all_get_the_same() {
    let server = Arc::new(Site::new().start().await);
    let told = eight(&server, |server, _| async move {
        let answer = server.command("acme", "sessions", &session_body()).await;
        (answer.status, answer.json["session_id"].as_str().expect("id").to_owned())
    })
    .await;
    let ids: BTreeSet<&String> = told.iter().map(|(_, id)| id).collect();
    let created = told.iter().filter(|(status, _)| *status == 201).count();
    assert_eq!((ids.len(), created, server.count("acme", "session_started").await), (1, 1, 1), "{told:?}");
}

#[tokio::test]
async fn c2_an_attempt_is_marked_once_whoever_marks_it_again() {
    let server = Arc::new(Site::new().start().await);
    let id = server.start_session(&LEADS).await;
    let told = eight(&server, |server, n| {
        let (id, outcome) = (id.clone(), ["connected", "no_answer", "BUSY", "voicemail"][n % 4]);
        async move {
            let answer = server.mark_attempt(&id, "L3", outcome).await;
            (answer.status, answer.outcome().to_owned(), answer.json["attempt"]["outcome"].to_string())
        }
    })
    .await;
    let created = told.iter().filter(|(status, outcome, _)| *status == 201 && outcome == "recorded").count();
    let existing = told.iter().filter(|(status, outcome, _)| *status == 200 && outcome == "existing").count();
    let stands: BTreeSet<&String> = told.iter().map(|(_, _, stands)| stands).collect();
    assert_eq!((created, existing, stands.len()), (1, 7, 1), "{told:?}");
    assert_eq!(server.count("acme", "lead_attempted").await, 1);
    assert_eq!(server.read("acme", &format!("sessions/{id}")).await["completed_leads"], 1);

    server.mark_attempt(&id, "stranger", "busy").await.names("/lead_id").problem(422);
    server.mark_attempt(&id, "L4", "dnc").await.names("/outcome").problem(422);
    server.mark_attempt(&id, "L4", "skipped").await.is(201);
}

#[tokio::test]
async fn c3_three_lines_get_three_leads_and_each_its_own_again() {
    let server = Site::new().start().await;
    let id = server.start_session(&["A", "B", "C", "D"]).await;
    let mut leads = Vec::new();
    for line in ["1", "2", "3"] {
        let next = server.next_lead(&id, line).await;
        assert_eq!(next["line"], line);
        leads.push((next["lead_id"].clone(), next["index"].clone()));
    }
    assert_eq!(leads, [(json!("A"), json!(0)), (json!("B"), json!(1)), (json!("C"), json!(2))]);
    assert_eq!(server.next_lead(&id, "2").await["lead_id"], "B");
    assert_eq!(server.count("acme", "lead_reserved").await, 3, "asking again records nothing");
    server.mark_attempt(&id, "B", "busy").await.is(201);
    assert_eq!(server.next_lead(&id, "2").await["lead_id"], "D", "attempted: the line goes on");
    let none = server.next_lead(&id, "4").await;
    assert_eq!((&none["lead_id"], &none["index"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn c3_eight_lines_at_once_get_eight_leads() {
    let server = Arc::new(Site::new().start().await);
    let id = server.start_session(&LEADS).await;
    let named = eight(&server, |server, n| {
        let id = id.clone();
        async move { server.next_lead(&id, &format!("line-{n}")).await["lead_id"].to_string() }
    })
    .await;
    assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), 8, "{named:?}");
    let nameless = eight(&server, |server, _| {
        let route = format!("sessions/{id}/next-lead");
        async move { server.command("acme", &route, &json!({})).await.is(200).json["lead_id"].clone() }
    })
    .await;
    let given: BTreeSet<String> = nameless.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    assert_eq!(given.len(), 2, "of ten leads two were left: {nameless:?}");
}

#[tokio::test]
async fn c3_an_unrung_lead_comes_back_when_its_reservation_is_over() {
    let server = hurried("reservation_seconds = 1").start().await;
    let id = server.start_session(&["A", "B"]).await;
    assert_eq!(server.next_lead(&id, "1").await["lead_id"], "A");
    assert_eq!(server.next_lead(&id, "2").await["lead_id"], "B");
    server.mark_attempt(&id, "B", "no_answer").await.is(201);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(server.next_lead(&id, "2").await["lead_id"], "A");
    assert_eq!(server.next_lead(&id, "1").await["lead_id"], Value::Null, "it is another line's now");
}

#[tokio::test]
async fn c4_leads_that_are_not_to_be_called_are_never_given_again_in_any_session() {
    let server = Site::new().start().await;
    let dispose = async |call: &str, outcome: &str, at: &str| {
        let fact = json!({"provider": "desk", "external_id": format!("{call}/{at}"), "kind": "call_disposed",
            "occurred_at": at, "body": {"call_id": call, "outcome": outcome, "lead_id": "A"}});
        server.record("acme", &[fact]).await;
    };
    dispose("CA1", "dnc", "2025-10-09T12:00:00Z").await;
    let id = server.start_session(&["A", "B"]).await;
    let session = server.read("acme", &format!("sessions/{id}")).await;
    assert_eq!((&session["completed_leads"], &session["current_lead_id"]), (&json!(1), &json!("B")));
    assert_eq!(server.next_lead(&id, "1").await["lead_id"], "B");
    assert_eq!(server.next_lead(&id, "2").await["lead_id"], Value::Null);
    dispose("CA1", "callback", "2025-10-09T12:05:00Z").await;
    assert_eq!(server.next_lead(&id, "2").await["lead_id"], "A", "the last disposition counts");
}

#[tokio::test]
async fn c1_to_c3_hold_over_a_kill_and_a_restart() {
    let site = Site::new();
    let server = site.start().await;
    let id = server.start_session(&LEADS).await;
    server.mark_attempt(&id, "L0", "busy").await.is(201);
    assert_eq!(server.next_lead(&id, "1").await["lead_id"], "L1");
    let before = server.read("acme", &format!("sessions/{id}")).await;
    server.kill();
    let server = site.start().await;
    let mut after = server.read("acme", &format!("sessions/{id}")).await;
    after["position"] = before["position"].clone();
    assert_eq!(after, before);
    let again = server.command("acme", "sessions", &session_body()).await;
    assert_eq!((again.is(200).outcome(), &again.json["session_id"]), ("existing", &json!(id)));
    assert_eq!(server.mark_attempt(&id, "L0", "connected").await.is(200).outcome(), "existing");
    assert_eq!(server.next_lead(&id, "1").await["lead_id"], "L1", "the reservation is a fact");
    assert_eq!(server.next_lead(&id, "2").await["lead_id"], "L2");
    let without =
        server.request("POST", &format!("/api/v1/tenants/acme/sessions/{id}/end")).bearer_auth(TOKEN);
    server.send(without).await.is(200);
    server.stop();
}
