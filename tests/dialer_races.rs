//! Races of a power dialer's lines and an agent's windows (C1 to C3, L15), each with what happens without the
//! protection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::dialer::{eight, hurried};
use crate::common::{Server, Site};
use serde_json::{Value, json};

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("L{n}")).collect()
}

async fn session_of(server: &Server, leads: &[String]) -> String {
    server.start_session(&leads.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// A line that rings what it is given until there is nothing left; every third lead it leaves without a word, as a
/// line does that breaks down. Answers the leads that it attempted, and whether the server had them new.
async fn line(server: Arc<Server>, session: String, name: String, deadline: Instant) -> Vec<(String, u16)> {
    let (mut rung, mut given) = (Vec::new(), 0);
    loop {
        let line = format!("{name}-{}", given / 3);
        let next = server.next_lead(&session, &line).await;
        let Some(lead) = next["lead_id"].as_str() else {
            let left = server.read("acme", &format!("sessions/{session}")).await;
            if left["current_lead_id"].is_null() || Instant::now() > deadline {
                return rung;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        given += 1;
        // Every third is left to come back; the line that goes on has another name.
        if given % 3 != 0 {
            let answer = server.mark_attempt(&session, lead, "no_answer").await;
            rung.push((lead.to_owned(), answer.status));
        }
    }
}

#[tokio::test]
async fn c3_eight_lines_work_a_queue_to_its_end_and_what_broken_lines_left_comes_back() {
    let server = Arc::new(hurried("reservation_seconds = 1").start().await);
    let leads = names(60);
    let id = session_of(&server, &leads).await;
    let deadline = Instant::now() + Duration::from_secs(60);
    let told = eight(&server, |server, n| line(server, id.clone(), format!("line-{n}"), deadline)).await;
    let mut new: BTreeMap<&str, usize> = BTreeMap::new();
    for (lead, status) in told.iter().flatten() {
        *new.entry(lead).or_default() += usize::from(*status == 201);
    }
    let rung: BTreeSet<&str> = new.keys().copied().collect();
    assert_eq!(rung, leads.iter().map(String::as_str).collect(), "each lead was rung");
    assert!(new.values().all(|count| *count == 1), "each was marked once: {new:?}");
    assert_eq!(server.count("acme", "lead_attempted").await, 60);
    let session = server.read("acme", &format!("sessions/{id}")).await;
    assert_eq!((&session["completed_leads"], &session["current_lead_id"]), (&json!(60), &Value::Null));
    let reserved = server.count("acme", "lead_reserved").await;
    assert!(reserved > 60, "what was left was reserved again, {reserved} reservations");
}

#[tokio::test]
async fn c3_null_control_lines_that_only_look_at_the_session_all_ring_one_lead() {
    let server = Arc::new(Site::new().start().await);
    let id = session_of(&server, &names(10)).await;
    let seen = eight(&server, |server, _| {
        let route = format!("sessions/{id}");
        async move { server.read("acme", &route).await["current_lead_id"].to_string() }
    })
    .await;
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 1, "{seen:?}");
    let given = eight(&server, |server, n| {
        let id = id.clone();
        async move { server.next_lead(&id, &format!("line-{n}")).await["lead_id"].to_string() }
    })
    .await;
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 8, "{given:?}");
}

#[tokio::test]
async fn c1_null_control_windows_that_start_sessions_past_the_command_start_eight() {
    let server = Arc::new(Site::new().start().await);
    eight(&server, |server, n| async move {
        let fact = json!({"provider": "windows", "external_id": format!("window/{n}"), "kind": "session_started",
            "occurred_at": chrono::Utc::now().to_rfc3339(), "body": {"session_id": format!("window-{n}"),
            "agent": "ann@example.com", "pipeline_id": "north", "lead_ids": ["L1"]}});
        server.post("acme", &fact).await.is(201);
    })
    .await;
    assert_eq!(server.count("acme", "session_started").await, 8);
}

#[tokio::test]
async fn c1_of_clients_that_revive_a_session_and_clients_that_start_one_all_end_up_in_one() {
    for _ in 0..2 {
        let server = Arc::new(hurried("session_timeout_seconds = 3").start().await);
        let old = session_of(&server, &names(3)).await;
        while server.read("acme", &format!("sessions/{old}")).await["is_active"] == true {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let told = eight(&server, |server, n| {
            let (route, body) = match n % 2 {
                0 => (format!("sessions/{old}/resume"), json!({})),
                _ => {
                    let lead_ids = names(2);
                    let body =
                        json!({"agent": "ann@example.com", "pipeline_id": "north", "lead_ids": lead_ids});
                    ("sessions".to_owned(), body)
                }
            };
            async move {
                let answer = server.command("acme", &route, &body).await;
                (answer.status, answer.json["session_id"].as_str().map(str::to_owned))
            }
        })
        .await;
        let active: BTreeSet<&String> = told.iter().filter_map(|(_, id)| id.as_ref()).collect();
        assert_eq!(active.len(), 1, "expected one active session: {told:?}");
        let refused = told.iter().filter(|(status, _)| *status == 409).count();
        let revived = active.contains(&old);
        assert_eq!(refused, if revived { 0 } else { 4 }, "{told:?}");
        assert_eq!(server.count("acme", "session_started").await, if revived { 1 } else { 2 }, "{told:?}");
    }
}

#[tokio::test]
async fn c2_attempts_that_race_with_the_end_are_marked_or_refused_and_none_is_lost() {
    let server = Arc::new(Site::new().start().await);
    let id = session_of(&server, &names(8)).await;
    let told = eight(&server, |server, n| {
        let id = id.clone();
        async move {
            if n == 3 {
                return server.command("acme", &format!("sessions/{id}/end"), &json!({})).await.status;
            }
            server.mark_attempt(&id, &format!("L{n}"), "busy").await.status
        }
    })
    .await;
    assert!(told.iter().all(|status| [200, 201, 409].contains(status)), "{told:?}");
    let marked = told.iter().filter(|status| **status == 201).count();
    assert_eq!(server.count("acme", "lead_attempted").await, marked, "{told:?}");
    let session = server.read("acme", &format!("sessions/{id}")).await;
    assert_eq!((&session["completed_leads"], &session["is_active"]), (&json!(marked), &json!(false)));
}
