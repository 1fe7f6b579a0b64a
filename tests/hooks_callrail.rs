//! CallRail from outside: calls in all their stages, signed as CallRail signs, and the figures that follow.

use crate::common::Site;
use crate::common::tracker::{SECRET, callrail, deliver, deliver_callrail, sign, site, with};
use serde_json::json;

const EVENTS: &[&str] = &["pre_call", "routing_complete", "post_call", "call_modified", "outbound_post_call"];

/// The body before the call is answered: unanswered and of no length, whatever comes of it.
fn begun(id: &str) -> serde_json::Value {
    with(callrail(id), json!({"answered": false, "call_type": "missed", "duration": "0"}))
}

#[tokio::test]
async fn l1_pre_call_then_post_call_in_any_order_each_twice_is_one_qualified_call() {
    let server = Site::with(&site("callrail", EVENTS)).start().await;
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (n, order) in orders.iter().enumerate() {
        let id = format!("CAL{n}");
        let stages =
            [("pre_call", begun(&id)), ("routing_complete", begun(&id)), ("post_call", callrail(&id))];
        for round in ["recorded", "duplicate"] {
            for at in order {
                let (event, body) = &stages[*at];
                let answer = deliver_callrail(&server, event, body).await;
                assert_eq!(answer.is(200).outcome(), round, "expected {round} of {event}: {answer:?}");
            }
        }
        let call = server.read("acme", &format!("calls/callrail:{id}")).await;
        let shown = ["status", "call_status", "answered", "duration_seconds", "agent", "started_at"];
        assert_eq!(
            shown.map(|name| call[name].clone()),
            [
                json!("qualified"),
                json!("completed"),
                json!(true),
                json!(49),
                json!("ann@example.com"),
                json!("2025-10-09T12:00:00.236Z")
            ],
            "expected the same call in order {order:?}: {call}"
        );
    }
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    let figures = ["calls", "answered", "qualified", "talk_seconds"].map(|name| month[name].clone());
    assert_eq!(figures, [json!(6), json!(6), json!(6), json!(6 * 49)], "expected each call once: {month}");
}

#[tokio::test]
async fn r1_a_modification_changes_the_call_and_is_no_conflict_before_or_after_it() {
    let server = Site::with(&site("callrail", EVENTS)).start().await;
    for (id, first) in [("CAL1", "post_call"), ("CAL2", "call_modified")] {
        let modified =
            with(callrail(id), json!({"duration": "95", "changes": ["duration"], "note": "called back"}));
        let again = with(modified.clone(), json!({"agent_email": "Bob@Example.com"}));
        let mut sent = vec![("post_call", callrail(id)), ("call_modified", modified)];
        if first == "call_modified" {
            sent.reverse();
        }
        sent.push(("call_modified", again));
        for (event, body) in &sent {
            assert_eq!(
                deliver_callrail(&server, event, body).await.is(200).outcome(),
                "recorded",
                "{id} {event}"
            );
        }
        for (event, body) in &sent {
            assert_eq!(
                deliver_callrail(&server, event, body).await.is(200).outcome(),
                "duplicate",
                "{id} {event}"
            );
        }
        let call = server.read("acme", &format!("calls/callrail:{id}")).await;
        let shown = (&call["duration_seconds"], &call["agent"]);
        assert_eq!(shown, (&json!(95), &json!("bob@example.com")), "expected the last modification: {call}");
    }
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["calls"], 2, "expected the calls in their own month: {month}");
}

#[tokio::test]
async fn what_callrail_writes_as_text_or_blank_is_read() {
    let server = Site::with(&site("callrail", EVENTS)).start().await;
    let outbound = json!({"answered": "true", "call_type": "outbound", "direction": "outbound", "first_call": "false",
                          "agent_email": "bob@example.com", "recording": "https://app.callrail.com/r/1",
                          "recording_duration": "47"});
    let abandoned = json!({"answered": false, "call_type": "abandoned", "duration": "45"});
    let sent = [
        ("outbound_post_call", with(callrail("CAL1"), outbound)),
        ("post_call", with(callrail("CAL2"), abandoned)),
        ("post_call", with(callrail("CAL3"), json!({"answered": "false", "call_type": "voicemail"}))),
    ];
    for (event, body) in &sent {
        let answer = deliver_callrail(&server, event, body).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "expected of {body}: {answer:?}");
    }
    let mut shown = Vec::new();
    for id in ["CAL1", "CAL2", "CAL3"] {
        let call = server.read("acme", &format!("calls/callrail:{id}")).await;
        shown.push(["call_status", "answered", "reason", "direction"].map(|name| call[name].clone()));
    }
    let row = |status: &str, answered: bool, reason: &str, direction: &str| {
        [json!(status), json!(answered), json!(reason), json!(direction)]
    };
    let expected = [
        row("completed", true, "direction_not_counted", "outbound"),
        row("canceled", false, "not_answered", "inbound"),
        row("no_answer", false, "not_answered", "inbound"),
    ];
    assert_eq!(shown, expected);
    let call = server.read("acme", "calls/callrail:CAL1").await;
    assert_eq!(call["recordings"][0]["duration_seconds"], 47, "expected the recording: {call}");
}

#[tokio::test]
async fn only_callrails_own_signature_is_taken() {
    let server = Site::with(&site("callrail", EVENTS)).start().await;
    let body = callrail("CAL1").to_string();
    let hook = "callrail/callrail-of-post_call";
    for signature in
        ["", "WRONG_SIGNATURE", &sign("another secret", &body), &sign(SECRET, &format!("{body} "))]
    {
        deliver(&server, hook, body.clone(), &[("signature", signature)]).await.problem(401);
    }
    deliver(&server, hook, body.clone(), &[]).await.problem(401);
    for secret in ["an older secret", SECRET] {
        let answer = deliver(&server, hook, body.clone(), &[("signature", &sign(secret, &body))]).await;
        answer.is(200);
    }
    // The signature is over the bytes as they came: an escape that JSON could do without is part of them.
    let escaped = body.replace("Boost", "\\u0042oost");
    let answer = deliver(&server, hook, escaped.clone(), &[("signature", &sign(SECRET, &escaped))]).await;
    assert_eq!(answer.is(200).outcome(), "duplicate", "expected the same content: {answer:?}");
}

#[tokio::test]
async fn l6_an_event_that_nobody_knows_is_refused_at_start_by_line_and_key() {
    let site = Site::with(&site("callrail", &["postcal"]));
    let refused = site.start_refused();
    assert_ne!(refused.code, Some(0));
    let told = refused.all();
    assert!(told.contains("endpoint.event: callrail has no event \"postcal\""), "{told}");
    for event in ["POST_CALL", "post-call", "Post Call"] {
        let server = Site::with(
            &crate::common::tracker::site("callrail", &["post_call"])
                .replace("event = \"post_call\"", &format!("event = \"{event}\"")),
        );
        let server = server.start().await;
        let answer = deliver_callrail(&server, "post_call", &callrail("CAL1")).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "expected {event:?} to be known: {answer:?}");
    }
}
