//! CallTrackingMetrics from outside: activities in all their stages, signed as it signs, and the figures that follow.

use crate::common::Site;
use crate::common::tracker::{SECRET, ctm, deliver, deliver_ctm, sign, site, with};
use serde_json::{Value, json};

const EVENTS: &[&str] = &["start", "end_immediate", "end", "status_change", "start_outbound"];

/// What is known when the phone begins to ring.
fn started(id: u64) -> Value {
    let mut body = with(ctm(id), json!({"dial_status": "ringing"}));
    let members = body.as_object_mut().expect("an object");
    members.remove("duration");
    members.remove("talk_time");
    body
}

#[tokio::test]
async fn l1_a_start_that_comes_late_or_again_does_not_undo_the_end() {
    let server = Site::with(&site("ctm", EVENTS)).start().await;
    let audio = json!({"audio": "https://app.calltrackingmetrics.com/recordings/RE123"});
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (n, order) in orders.iter().enumerate() {
        let id = 4_379_952_365 + n as u64;
        let stages =
            [("start", started(id)), ("end_immediate", ctm(id)), ("end", with(ctm(id), audio.clone()))];
        for round in ["recorded", "duplicate"] {
            for at in order {
                let (event, body) = &stages[*at];
                let answer = deliver_ctm(&server, event, body).await;
                assert_eq!(answer.is(200).outcome(), round, "expected {round} of {event}: {answer:?}");
            }
        }
        let call = server.read("acme", &format!("calls/ctm:{id}")).await;
        let shown = ["status", "call_status", "duration_seconds", "agent", "started_at"];
        assert_eq!(
            shown.map(|name| call[name].clone()),
            [
                json!("qualified"),
                json!("completed"),
                json!(48),
                json!("ann@example.com"),
                json!("2025-10-09T12:00:00Z")
            ],
            "expected the same call in order {order:?}: {call}"
        );
        assert_eq!(call["recordings"].as_array().map(Vec::len), Some(1), "expected one recording: {call}");
    }
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    let figures = ["calls", "answered", "qualified", "talk_seconds"].map(|name| month[name].clone());
    assert_eq!(figures, [json!(6), json!(6), json!(6), json!(6 * 48)], "expected each call once: {month}");
}

#[tokio::test]
async fn r1_a_call_that_is_sent_again_changed_is_a_correction_and_no_conflict() {
    let server = Site::with(&site("ctm", EVENTS)).start().await;
    let agent = json!({"agent": {"id": 9, "name": "Bob", "email": "Bob@Example.com"}, "talk_time": 20});
    for (event, body) in [("end", ctm(1)), ("end", with(ctm(1), agent.clone())), ("end", ctm(2))] {
        assert_eq!(deliver_ctm(&server, event, &body).await.is(200).outcome(), "recorded");
    }
    for body in [ctm(1), with(ctm(1), agent)] {
        let answer = deliver_ctm(&server, "status_change", &body).await;
        assert_eq!(
            answer.is(200).outcome(),
            "duplicate",
            "expected the same content to be known: {answer:?}"
        );
    }
    let call = server.read("acme", "calls/ctm:1").await;
    let shown = ["duration_seconds", "agent", "status"].map(|name| call[name].clone());
    assert_eq!(shown, [json!(20), json!("bob@example.com"), json!("unqualified")], "{call}");
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!((&month["calls"], &month["qualified"]), (&json!(2), &json!(1)), "{month}");
}

#[tokio::test]
async fn texts_are_no_calls_and_unanswered_ones_are_not_answered() {
    let server = Site::with(&site("ctm", EVENTS)).start().await;
    let text = json!({"message_id": "MSG0001", "direction": "msg_outbound", "status": "sent", "dial_status": "sent"});
    let answer = deliver_ctm(&server, "status_change", &with(ctm(1), text)).await;
    assert_eq!(answer.is(200).outcome(), "ignored", "{answer:?}");
    let missed = json!({"dial_status": "no answer", "talk_time": 0, "duration": 32});
    let busy = json!({"dial_status": "busy", "talk_time": 0, "duration": 3, "caller_number": "+"});
    deliver_ctm(&server, "end", &with(ctm(2), missed)).await.is(200);
    deliver_ctm(&server, "end", &with(ctm(3), busy)).await.is(200);
    deliver_ctm(&server, "start_outbound", &with(started(4), json!({"direction": null}))).await.is(200);
    let mut shown = Vec::new();
    for id in 2..=4 {
        let call = server.read("acme", &format!("calls/ctm:{id}")).await;
        shown.push(["call_status", "answered", "reason", "direction", "from"].map(|name| call[name].clone()));
    }
    let row = |status: &str, direction: &str, from: Value| {
        [json!(status), json!(false), json!("not_answered"), json!(direction), from]
    };
    assert_eq!(
        shown,
        [
            row("no_answer", "inbound", json!("+12025550123")),
            row("busy", "inbound", Value::Null),
            row("ringing", "outbound", json!("+12025550199"))
        ]
    );
}

#[tokio::test]
async fn only_its_own_signature_over_time_and_body_is_taken() {
    let server = Site::with(&site("ctm", EVENTS)).start().await;
    let (body, hook) = (ctm(1).to_string(), "ctm/ctm-of-end");
    let signature = sign(SECRET, &format!("1760011262{body}"));
    let wrong = [
        vec![("x-ctm-time", "1760011262"), ("x-ctm-signature", "WRONG")],
        vec![("x-ctm-time", "1760011263"), ("x-ctm-signature", &signature)],
        vec![("x-ctm-signature", &signature)],
        vec![("x-ctm-time", "1760011262")],
        vec![],
    ];
    for headers in wrong {
        deliver(&server, hook, body.clone(), &headers).await.problem(401);
    }
    let headers = [("x-ctm-time", "1760011262"), ("x-ctm-signature", signature.as_str())];
    let answer = deliver(&server, hook, body, &headers).await;
    assert_eq!(answer.is(200).outcome(), "recorded", "{answer:?}");
}
