//! C7 and L14: a call is placed at most once per key, and what was asked, taken and proven are facts apart.

use std::time::Duration;

use crate::common::facts::{disposed, with};
use crate::common::twilio_api::{Meets, TwilioApi};
use crate::common::{Answer, Server, Site, TWILIO_TOKEN, TWO_TENANTS};
use serde_json::{Value, json};

const TO: &str = "+12025550123";

/// The usual tenants; acme places calls with this stand-in.
pub fn site(twilio: &TwilioApi) -> Site {
    let account = format!(
        "[tenant.twilio]\nbase_url = \"{}\"\naccount_sid = \"{}\"\nauth_token = \"env:TWILIO_TOKEN\"\n\
         from = \"+12025550199\"\nendpoint = \"tw-5b0f0d7e\"\n\n[[tenant]]\nid = \"globex\"",
        twilio.url,
        crate::common::twilio_api::ACCOUNT
    );
    let tables = TWO_TENANTS.replace("[[tenant]]\nid = \"globex\"", &account);
    let tables = tables.replacen("currency = \"USD\"\n", "currency = \"USD\"\nrecording = true\n", 1);
    Site::with(&format!("[outbound]\nallow = [\"127.0.0.1\"]\n{tables}"))
}

async fn place(server: &Server, key: &str, body: &Value) -> Answer {
    server.command_with("acme", "calls", body, &[("idempotency-key", key)]).await
}

pub fn call(to: &str) -> Value {
    json!({"to": to, "agent": "Ann@example.com"})
}

fn request_id(answer: &Answer) -> String {
    answer.is(202).json["request_id"].as_str().expect("an id").to_owned()
}

/// The request as it stands.
pub async fn request(server: &Server, id: &str) -> Value {
    server.read("acme", &format!("calls/requests/{id}")).await
}

/// Waits until the request has this state, at most 40 s: a time-out takes 10 s.
async fn becomes(server: &Server, id: &str, state: &str) -> Value {
    let mut last = Value::Null;
    for _ in 0..4_000 {
        last = request(server, id).await;
        if last["state"] == state {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("expected {state}, got {last}");
}

/// The kinds of the tenant's facts about calls and requests, in order.
async fn kinds(server: &Server) -> Vec<String> {
    let facts = server.all_facts("acme").await;
    let kinds = facts.iter().map(|fact| fact["kind"].as_str().expect("a kind").to_owned());
    kinds.filter(|kind| kind.starts_with("call_")).collect()
}

#[tokio::test]
async fn c7_a_call_is_requested_accepted_and_confirmed_and_each_is_a_fact() {
    let twilio = TwilioApi::start().await;
    let server = site(&twilio).start().await;
    let session = server.start_session(&["L1", "L2"]).await;
    let body = json!({"to": TO, "agent": "Ann@example.com", "lead_id": "L1", "session_id": session});
    let answer = place(&server, "k1", &body).await;
    let id = request_id(&answer);
    let taken = becomes(&server, &id, "accepted").await;
    let rings = twilio.rings();
    let ring = &rings[0];
    assert_eq!((rings.len(), &taken["call_id"]), (1, &json!(ring.sid)));
    assert_eq!([ring.field("To"), ring.field("From"), ring.field("Record")], [TO, "+12025550199", "true"]);
    let callback = format!("https://hooks.example.com/hooks/twilio/tw-5b0f0d7e?request_id={id}");
    assert_eq!([ring.field("StatusCallback"), ring.field("RecordingStatusCallback")], [&callback, &callback]);
    assert_eq!(ring.fields("StatusCallbackEvent"), ["initiated", "ringing", "answered", "completed"]);
    assert_eq!(twilio.strange(), Vec::<String>::new(), "Twilio understands it");
    let placed = ["call_requested", "call_request_sent", "call_placed", "call_request_accepted"];
    assert_eq!(kinds(&server).await, placed);

    for status in ["initiated", "ringing", "in-progress"] {
        assert_eq!(twilio.tell(&server, ring, status, &[]).await.is(200).outcome(), "recorded");
    }
    assert_eq!(request(&server, &id).await["state"], "confirmed");
    let ended = [("CallDuration", "45"), ("Duration", "1")];
    twilio.tell(&server, ring, "completed", &ended).await.is(200);
    twilio.tell_recording(&server, ring, "RE1").await.is(200);
    let call = server.read("acme", &format!("calls/{}", ring.sid)).await;
    let told = ["answered", "duration_seconds", "direction", "agent", "lead_id", "session_id"];
    let told: Vec<Value> = told.iter().map(|member| call[*member].clone()).collect();
    assert_eq!(json!(told), json!([true, 45, "outbound", "ann@example.com", "L1", session]), "{call}");
    assert_eq!(call["recordings"][0]["recording_id"], "RE1", "{call}");
    let all = kinds(&server).await;
    assert_eq!(all.iter().filter(|kind| *kind == "call_request_confirmed").count(), 1, "once: {all:?}");
    let listed = server.all_items("acme", "calls/requests?state=confirmed").await;
    assert_eq!((listed.len(), &listed[0]["request_id"]), (1, &json!(id)));
    assert_eq!(server.all_items("acme", "calls/requests?state=unknown").await, Vec::<Value>::new());
    server.stop();
}

#[tokio::test]
async fn c7_a_key_rings_once_and_another_body_is_a_mismatch() {
    let twilio = TwilioApi::start().await;
    let site = site(&twilio);
    let server = site.start().await;
    let id = request_id(&place(&server, "k1", &call(TO)).await);
    let first = becomes(&server, &id, "accepted").await;
    for _ in 0..3 {
        let again = place(&server, "k1", &call(TO)).await;
        let told = [&again.is(202).json["request_id"], &again.json["call_id"], &again.json["outcome"]];
        assert_eq!(told, [&json!(id), &first["call_id"], &json!("existing")]);
    }
    let other = place(&server, "k1", &call("+12025550124")).await;
    assert_eq!(other.problem(422)["code"], "idempotency_mismatch");
    // After a start it is the same request still.
    server.stop();
    let server = site.start().await;
    let again = place(&server, "k1", &call(TO)).await;
    assert_eq!(again.is(202).json["call_id"], first["call_id"]);
    assert_eq!((twilio.rings().len(), twilio.posts()), (1, 1));
    let another = request_id(&place(&server, "k2", &call(TO)).await);
    becomes(&server, &another, "accepted").await;
    assert_eq!(twilio.rings().len(), 2, "null control: another key rings");
}

#[tokio::test]
async fn c7_what_rang_nobody_for_certain_is_tried_again() {
    let mut twilio = TwilioApi::start().await;
    let server = site(&twilio).start().await;
    twilio.script(&[Meets::Refusal(429, 20_429), Meets::Refusal(429, 20_429), Meets::Answer]);
    let id = request_id(&place(&server, "limited", &call(TO)).await);
    becomes(&server, &id, "accepted").await;
    assert_eq!((twilio.rings().len(), twilio.posts()), (1, 3));

    twilio.hang_up().await;
    let answer = place(&server, "unreachable", &call(TO)).await;
    assert_eq!(answer.is(202).json["state"], "requested", "nobody answers yet: {answer:?}");
    twilio.pick_up().await;
    becomes(&server, &request_id(&answer), "accepted").await;
    assert_eq!(twilio.rings().len(), 2);
}

#[tokio::test]
async fn c7_a_provider_that_stays_away_fails_the_request_and_rings_nobody() {
    let mut twilio = TwilioApi::start().await;
    let server = site(&twilio).start().await;
    twilio.script(&[Meets::Refusal(429, 20_429); 4]);
    let limited = request_id(&place(&server, "limited", &call(TO)).await);
    assert_eq!(becomes(&server, &limited, "failed").await["reason"], "rate_limited");
    assert_eq!(twilio.posts(), 4, "one try and three more");
    twilio.hang_up().await;
    let unreachable = request_id(&place(&server, "unreachable", &call(TO)).await);
    assert_eq!(becomes(&server, &unreachable, "failed").await["reason"], "not_connected");
    twilio.pick_up().await;
    let again = place(&server, "unreachable", &call(TO)).await;
    assert_eq!(again.is(202).json["state"], "failed", "another try takes a new key");
    assert_eq!(twilio.rings().len(), 0);
}

#[tokio::test]
async fn c7_a_refusal_is_told_in_words_and_no_number_or_secret_is_logged() {
    let twilio = TwilioApi::start().await;
    let server = site(&twilio).start().await;
    twilio.script(&[Meets::Refusal(400, 21_211), Meets::Refusal(400, 99_999), Meets::Refusal(401, 20_003)]);
    let mut told = Vec::new();
    for key in ["a", "b", "c"] {
        let id = request_id(&place(&server, key, &call(TO)).await);
        let failed = becomes(&server, &id, "failed").await;
        assert_eq!((&failed["reason"], &failed["call_id"]), (&json!("refused"), &Value::Null));
        told.push(failed["error"].as_str().expect("words").to_owned());
    }
    assert_eq!(
        told,
        [
            "the number to be called is not valid (HTTP 400, code 21211)",
            "the provider refused the request (HTTP 400, code 99999)",
            "the account's credentials are not valid (HTTP 401, code 20003)",
        ]
    );
    assert_eq!((twilio.posts(), twilio.rings().len()), (3, 0), "a refusal is final");
    for private in [TWILIO_TOKEN, TO, "2025550123"] {
        assert!(!server.said().contains(private), "{private} is logged: {}", server.said());
    }
}

#[tokio::test]
async fn l14_an_error_after_the_ring_is_unknown_until_a_callback_proves_the_call() {
    let twilio = TwilioApi::start().await;
    let server = site(&twilio).start().await;
    twilio.script(&[Meets::RingAndFailure]);
    let id = request_id(&place(&server, "k", &call(TO)).await);
    let unknown = becomes(&server, &id, "unknown").await;
    assert_eq!((&unknown["reason"], &unknown["call_id"]), (&json!("provider_error"), &Value::Null));
    let again = place(&server, "k", &call(TO)).await;
    assert_eq!(again.is(202).json["state"], "unknown");
    let ring = twilio.rings().remove(0);
    twilio.tell(&server, &ring, "ringing", &[]).await.is(200);
    let confirmed = becomes(&server, &id, "confirmed").await;
    assert_eq!(confirmed["call_id"], json!(ring.sid));
    // What the answer would have told is recorded from the proof.
    for _ in 0..500 {
        if kinds(&server).await.last().is_some_and(|kind| kind == "call_request_accepted") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let call = server.read("acme", &format!("calls/{}", ring.sid)).await;
    assert_eq!(call["agent"], "ann@example.com");
    assert_eq!((twilio.rings().len(), twilio.posts()), (1, 1), "never a second ring");
}

#[tokio::test]
async fn l14_a_time_out_after_the_ring_is_settled_by_the_list_and_never_sent_again() {
    let twilio = TwilioApi::start().await;
    let server = site(&twilio).start().await;
    // Behind the call on the list stand a page and a half of older ones to its number.
    (0..3).for_each(|_| twilio.place_elsewhere("+12025550125", 10));
    twilio.script(&[Meets::RingAndSilence, Meets::RingAndCut, Meets::Failure]);
    let [silent, cut, away] = [("silent", "+12025550125"), ("cut", "+12025550126"), ("away", "+12025550127")];
    let mut ids = Vec::new();
    for (key, to) in [silent, cut, away] {
        ids.push(request_id(&place(&server, key, &call(to)).await));
    }
    for (id, reason) in ids.iter().zip(["timed_out", "broken_answer", "provider_error"]) {
        assert_eq!(becomes(&server, id, "unknown").await["reason"], reason);
    }
    twilio.list(true);
    for (id, ring) in ids.iter().zip(&twilio.rings()[3..]) {
        assert_eq!(becomes(&server, id, "confirmed").await["call_id"], json!(ring.sid));
    }
    assert_eq!(
        request(&server, &ids[2]).await["state"],
        "unknown",
        "it rang nobody, and no list proves that"
    );
    assert_eq!((twilio.rings().len(), twilio.posts()), (5, 3));
    // Null control: whoever sends again after a time-out rings twice.
    twilio.script(&[Meets::RingAndSilence, Meets::RingAndSilence]);
    for key in ["impatient-1", "impatient-2"] {
        place(&server, key, &call("+12025550128")).await.is(202);
    }
    let rings = twilio.wait_for_rings(7).await;
    assert_eq!(rings.iter().filter(|ring| ring.field("To") == "+12025550128").count(), 2);
}

#[tokio::test]
async fn c7_a_list_that_leaves_a_doubt_settles_nothing() {
    let twilio = TwilioApi::start().await;
    let server = site(&twilio).start().await;
    twilio.list(true);
    twilio.place_elsewhere(TO, 0);
    twilio.script(&[Meets::RingAndFailure]);
    let id = request_id(&place(&server, "k", &call(TO)).await);
    becomes(&server, &id, "unknown").await;
    while twilio.lists() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(request(&server, &id).await["state"], "unknown", "either call may be its own");
    let ring = twilio.rings().remove(1);
    twilio.tell(&server, &ring, "initiated", &[]).await.is(200);
    assert_eq!(becomes(&server, &id, "confirmed").await["call_id"], json!(ring.sid));
}

#[tokio::test]
async fn c7_who_must_not_be_called_is_not_and_each_refusal_says_why() {
    let twilio = TwilioApi::start().await;
    let server = site(&twilio).start().await;
    let session = server.start_session(&["L1", "L2", "L3"]).await;
    let dnc = with(disposed("CA-old", 1, "dnc", "2025-10-09T12:00:00Z"), json!({"lead_id": "L1"}));
    server.record("acme", &[dnc]).await;
    let of = |members: Value| {
        let mut body = call(TO);
        body.as_object_mut().expect("members").extend(members.as_object().expect("members").clone());
        body
    };
    let in_session = |lead: &str| of(json!({"lead_id": lead, "session_id": session}));
    for (body, status, code) in [
        (of(json!({"lead_id": "L1"})), 409, "lead_dnc"),
        (in_session("L1"), 409, "lead_dnc"),
        (in_session("L9"), 422, "unknown_lead"),
        (of(json!({"session_id": "nowhere"})), 422, "unknown_session"),
        (of(json!({"to": "client:ann"})), 422, "invalid_body"),
        (of(json!({"from": "5550199"})), 422, "invalid_body"),
        (json!({"to": TO}), 422, "invalid_body"),
        (of(json!({"colour": "red"})), 422, "invalid_body"),
    ] {
        let refused = server.command("acme", "calls", &body).await;
        assert_eq!(refused.problem(status)["code"], code, "{body}");
    }
    let kept = request_id(&place(&server, "kept", &in_session("L2")).await);
    server.command("acme", &format!("sessions/{session}/end"), &json!({})).await.is(200);
    let ended = server.command("acme", "calls", &in_session("L3")).await;
    assert_eq!(ended.problem(409)["code"], "session_ended");
    let again = place(&server, "kept", &in_session("L2")).await;
    assert_eq!(request_id(&again), kept, "what was asked before is answered as it was");
    let elsewhere = server.command("globex", "calls", &call(TO)).await;
    assert_eq!(elsewhere.problem(409)["code"], "calling_not_configured");
    let nobody = server.get("/api/v1/tenants/acme/calls/requests/none").await;
    nobody.problem(404);
    twilio.wait_for_rings(1).await;
    assert_eq!(twilio.rings().len(), 1, "null control: one was let through");
}
