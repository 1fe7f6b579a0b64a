//! Sources described by a `[[mapping]]`, over HTTP: signatures, keys and the figures that follow.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::tracker::deliver;
use crate::common::{Answer, Server, Site, TOKEN, TWO_TENANTS};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

const SECRETS: [&str; 2] =
    ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];

/// The usual tenants, a dialer that signs by Standard Webhooks and a tracker that signs nothing.
fn tables(status_words: &str) -> String {
    format!(
        r#"{TWO_TENANTS}
[[mapping]]
name = "dialer"
signature = "standard_webhooks"
event = "type"
external_id = []
occurred_at = {{ path = "ended_at", format = "epoch" }}
[[mapping.on]]
event = ["call.completed"]
kind = "call_reported"
[mapping.on.body]
call_id = "call"
status = {{ path = "result", table = {{ {status_words} }} }}
answered = {{ path = "result", table = {{ talked = true }}, otherwise = false }}
duration_seconds = "seconds"
agent = "agent"
[[mapping.on]]
event = ["call.completed"]
kind = "call_disposed"
[mapping.on.body]
call_id = "call"
outcome = {{ path = "disposition", table = {{ SALE = "connected", NI = "not-interested" }} }}
[[mapping.on]]
event = ["agent.ready"]
kind = "ignored"

[[mapping]]
name = "pixel"
signature = "unsigned"
external_id = ["id", "state"]
tracking_number = "number"
occurred_at = "at"
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = "id"
status = "state"
answered = {{ path = "state", table = {{ completed = true }}, otherwise = false }}
duration_seconds = "seconds"
tracking_number = "number"

[[endpoint]]
id = "dialer-7c1a"
provider = "dialer"
tenant = "acme"
secrets = ["{}", "{}"]

[[endpoint]]
id = "pixel-88f0"
provider = "pixel"
"#,
        SECRETS[0], SECRETS[1]
    )
}

const WORDS: &str = "talked = \"completed\", missed = \"no_answer\"";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// `v1,` and base64 of HMAC-SHA256 over id, time and body under the decoded secret.
fn sign(secret: &str, id: &str, time: u64, body: &str) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("prefix")).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any key length");
    mac.update(format!("{id}.{time}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

async fn send(server: &Server, secret: &str, id: &str, time: u64, body: &Value) -> Answer {
    let (body, time_text) = (body.to_string(), time.to_string());
    let signature = format!("v2,other {}", sign(secret, id, time, &body));
    let headers = [("webhook-id", id), ("webhook-timestamp", &time_text), ("webhook-signature", &signature)];
    deliver(server, "dialer/dialer-7c1a", body, &headers).await
}

fn completed(call: u64) -> Value {
    json!({"type": "call.completed", "call": call, "result": "talked", "seconds": "1:35", "agent": "Bob@Example.com",
           "disposition": "sale", "ended_at": 1_760_011_295})
}

#[tokio::test]
async fn the_id_of_a_standard_webhook_is_the_key_whatever_the_attempts_time() {
    let server = Site::with(&tables(WORDS)).start().await;
    let first = send(&server, SECRETS[0], "msg_1", now(), &completed(7)).await;
    assert_eq!(
        first.is(200).json["facts"].as_array().map(Vec::len),
        Some(2),
        "expected two facts: {first:?}"
    );
    let again = send(&server, SECRETS[1], "msg_1", now() - 60, &completed(7)).await;
    assert_eq!((first.outcome(), again.is(200).outcome()), ("recorded", "duplicate"), "{again:?}");
    let changed = send(&server, SECRETS[0], "msg_1", now(), &completed(8)).await;
    assert_eq!(changed.is(200).outcome(), "conflict", "expected another content to be told: {changed:?}");
    let call = server.read("acme", "calls/dialer:7").await;
    let shown = ["status", "duration_seconds", "agent", "outcome"].map(|name| call[name].clone());
    assert_eq!(
        shown,
        [json!("qualified"), json!(95), json!("bob@example.com"), json!("connected")],
        "{call}"
    );
    let facts = server.all_facts("acme").await;
    let of_dialer = facts.iter().filter(|fact| fact["provider"] == "dialer");
    let ids: Vec<_> = of_dialer.map(|fact| fact["external_id"].as_str().unwrap_or_default()).collect();
    assert_eq!(
        ids,
        ["msg_1:call_reported", "msg_1:call_disposed"],
        "expected the mapping's name as provider"
    );
}

#[tokio::test]
async fn a_standard_webhook_that_is_forged_old_or_bare_is_refused() {
    let server = Site::with(&tables(WORDS)).start().await;
    let other = "whsec_NN6Oi5rH8X5dPtVzNNFSyzHEQyhSv8zN";
    for (secret, time) in [(other, now()), (SECRETS[0], now() - 400), (SECRETS[0], now() + 400)] {
        send(&server, secret, "msg_1", time, &completed(7)).await.problem(401);
    }
    let (body, time) = (completed(7).to_string(), now());
    let time_text = time.to_string();
    let signature = sign(SECRETS[0], "msg_1", time, &body);
    let headers =
        [("webhook-id", "msg_1"), ("webhook-timestamp", &*time_text), ("webhook-signature", &*signature)];
    for left_out in 0..3 {
        let some: Vec<_> =
            headers.iter().enumerate().filter(|(n, _)| *n != left_out).map(|(_, header)| *header).collect();
        deliver(&server, "dialer/dialer-7c1a", body.clone(), &some).await.problem(401);
    }
    let answer = deliver(&server, "dialer/dialer-7c1a", body, &headers).await;
    assert_eq!(answer.is(200).outcome(), "recorded", "expected nothing recorded before: {answer:?}");
    deliver(&server, "nobody/dialer-7c1a", "{}".into(), &[]).await.problem(404);
    deliver(&server, "pixel/dialer-7c1a", "{}".into(), &[]).await.problem(404);
    let measures = server.get("/metrics").await;
    for (provider, outcome, count) in
        [("dialer", "recorded", 1), ("dialer", "unauthentic", 6), ("other", "unknown_endpoint", 1)]
    {
        let line = format!("factfold_deliveries_total{{provider={provider:?},outcome={outcome:?}}} {count}");
        assert!(measures.is(200).text.contains(&line), "expected {line}");
    }
    assert!(!measures.text.contains("nobody"), "a name that is not configured is no label");
}

#[tokio::test]
async fn a1_a_pixel_is_read_from_query_form_and_json_alike() {
    let server = Site::with(&tables(WORDS)).start().await;
    let fields = [
        ("id", "R1"),
        ("state", "completed"),
        ("seconds", "62"),
        ("number", "+12025550199"),
        ("at", "2025-10-09T12:00:00Z"),
    ];
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let by_get = server.send(server.request("GET", &format!("/hooks/pixel/pixel-88f0?{form}"))).await;
    let posted = server.request("POST", "/hooks/pixel/pixel-88f0");
    let posted = posted.header("content-type", "application/x-www-form-urlencoded").body(form);
    let by_form = server.send(posted).await;
    let object: serde_json::Map<String, Value> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let by_json = deliver(&server, "pixel/pixel-88f0", Value::Object(object).to_string(), &[]).await;
    let outcomes = [by_get.is(200).outcome(), by_form.is(200).outcome(), by_json.is(200).outcome()];
    assert_eq!(outcomes, ["recorded", "duplicate", "duplicate"], "{by_json:?}");
    let call = server.read("acme", "calls/pixel:R1").await;
    let shown = ["status", "agent", "duration_seconds"].map(|name| call[name].clone());
    assert_eq!(
        shown,
        [json!("qualified"), json!("ann@example.com"), json!(62)],
        "expected the owner by number: {call}"
    );
    server.send(server.request("PUT", "/hooks/pixel/pixel-88f0")).await.is(405);
}

#[tokio::test]
async fn r3_a_word_that_nobody_foresaw_is_kept_whole_and_told() {
    let server = Site::with(&tables("talked = \"completed\"")).start().await;
    let missed = json!({"type": "call.completed", "call": 9, "result": "missed", "disposition": "NI"});
    let answer = send(&server, SECRETS[0], "msg_9", now(), &missed).await;
    assert_eq!(answer.is(200).outcome(), "quarantined", "{answer:?}");
    assert_eq!(answer.json["reason"], "malformed_field", "{answer:?}");
    let ignored = send(&server, SECRETS[0], "msg_10", now(), &json!({"type": "AGENT_READY"})).await;
    assert_eq!(ignored.is(200).outcome(), "quarantined", "expected an unknown name to be kept: {ignored:?}");
    let ignored = send(&server, SECRETS[0], "msg_10", now(), &json!({"type": "Agent.Ready"})).await;
    assert_eq!(ignored.is(200).outcome(), "ignored", "{ignored:?}");
}

#[tokio::test]
async fn a_wrong_mapping_is_refused_at_start_by_line_and_key() {
    let site = Site::with(&tables("talked = \"finished\""));
    let told = site.start_refused().all();
    assert!(told.contains("mapping.on.body.status: call_reported must be one of initiated"), "{told}");
}

#[tokio::test]
async fn r3_two_events_with_one_body_are_two_in_quarantine_and_none_is_lost_when_they_are_mapped() {
    let site = Site::with(&tables("talked = \"completed\""));
    let server = site.start().await;
    let missed = json!({"type": "call.completed", "call": 9, "result": "missed", "disposition": "NI"});
    let first = send(&server, SECRETS[0], "msg_1", now(), &missed).await;
    let other = send(&server, SECRETS[0], "msg_2", now(), &missed).await;
    let again = send(&server, SECRETS[1], "msg_1", now() - 60, &missed).await;
    let outcomes = [&first, &other, &again].map(|answer| answer.is(200).outcome());
    assert_eq!(outcomes, ["quarantined"; 3]);
    assert_eq!(
        first.position(),
        again.position(),
        "a redelivery, at another time and by the other secret, is the first"
    );
    assert_ne!(first.position(), other.position(), "another event is another");
    server.stop();
    site.configure(&tables(WORDS));
    let server = site.start().await;
    let request = server.request("POST", "/api/v1/tenants/acme/quarantine/retry?reason=malformed_field");
    let retried = server.send(request.bearer_auth(TOKEN)).await;
    retried.is(200);
    let facts = server.all_facts("acme").await;
    let mut ids: Vec<_> = facts
        .iter()
        .filter(|fact| fact["provider"] == "dialer")
        .map(|fact| fact["external_id"].clone())
        .collect();
    ids.sort_by_key(ToString::to_string);
    let expected =
        ["msg_1:call_disposed", "msg_1:call_reported", "msg_2:call_disposed", "msg_2:call_reported"];
    assert_eq!(ids, expected.map(Value::from), "both are facts now: {retried:?}");
}

/// A dialer whose codes are VICIdial's, a tracker of `{type, data}` events, a source with columns of an account's own
/// that signs by a scheme of its own.
const OTHERS: &str = r#"
[[mapping]]
name = "vicidial"
signature = "unsigned"
external_id = ["uniqueid", "status"]
[[mapping.on]]
kind = "call_disposed"
[mapping.on.body]
call_id = "uniqueid"
[mapping.on.body.outcome]
path = "status"
table = { A = "voicemail", AA = "voicemail", AM = "voicemail", B = "busy", NA = "no-answer", N = "no-answer", NI = "not-interested", WN = "wrong-number", DNC = "dnc", DNCL = "dnc", CALLBK = "callback", SALE = "connected" }

[[mapping]]
name = "calltracker"
signature = { scheme = "header", header = "X-Token" }
event = "type"
external_id = ["data.id", "type"]
occurred_at = "data.timestamp"
tracking_number = "data.tracking_number"
[[mapping.on]]
event = ["call.finished"]
kind = "call_reported"
[mapping.on.body]
call_id = "data.id"
status = "data.status"
from = "data.caller_number"
tracking_number = "data.tracking_number"

[[mapping]]
name = "invoca"
signature = { scheme = "hmac", header = "X-Signature", hash = "sha256", encoding = "hex", prefix = "sha256=", signed = "{x-time}.{body}" }
each = "$"
external_id = ["transaction_id"]
occurred_at = { path = "start_time_utc", format = "epoch_ms" }
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = "complete_call_id"
status = { value = "completed" }
answered = { path = "connect_duration", table = { "0" = false }, otherwise = true }
duration_seconds = "connect_duration"
campaign = "/Promo Line"

[[endpoint]]
id = "vicidial-1"
provider = "vicidial"
tenant = "acme"
[[endpoint]]
id = "calltracker-1"
provider = "calltracker"
secrets = ["old token", "token"]
[[endpoint]]
id = "invoca-endpoint"
provider = "invoca"
tenant = "acme"
secrets = ["sesame"]
"#;

#[tokio::test]
async fn every_code_of_a_dialer_is_an_outcome_by_the_table_and_an_unknown_one_is_kept() {
    let server = Site::with(&format!("{TWO_TENANTS}{OTHERS}")).start().await;
    let codes = [
        ("A", "voicemail"),
        ("na", "no-answer"),
        ("DNCL", "dnc"),
        ("SALE", "connected"),
        ("WN", "wrong-number"),
    ];
    for (code, outcome) in codes {
        let body = json!({"uniqueid": format!("V{code}"), "status": code});
        let answer = deliver(&server, "vicidial/vicidial-1", body.to_string(), &[]).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "{code}: {answer:?}");
        let call = server.read("acme", &format!("calls/vicidial:V{code}")).await;
        assert_eq!(call["outcome"], outcome, "{code}: {call}");
    }
    let body = json!({"uniqueid": "V9", "status": "PDROP"});
    let answer = deliver(&server, "vicidial/vicidial-1", body.to_string(), &[]).await;
    assert_eq!(answer.is(200).outcome(), "quarantined", "{answer:?}");
    assert!(
        server.read("acme", &format!("facts/{}?raw=true", answer.position())).await["original"]
            .as_str()
            .is_some_and(|kept| kept.contains("PDROP"))
    );
}

#[tokio::test]
async fn a1_a_shared_header_and_a_signature_of_ones_own_are_verified_and_a_correction_is_a_fact_of_the_same_call()
 {
    let server = Site::with(&format!("{TWO_TENANTS}{OTHERS}")).start().await;
    let finished = json!({"type": "call.finished", "object": "call", "data": {"id": "T1", "tracking_number": "+12025550199",
        "caller_number": "+12025550123", "status": "completed", "timestamp": "2025-10-09T12:00:00Z"}});
    for (token, status) in [("token", 200), ("old token", 200), ("another", 401), ("", 401)] {
        let answer =
            deliver(&server, "calltracker/calltracker-1", finished.to_string(), &[("x-token", token)]).await;
        assert_eq!(answer.status, status, "{token:?}: {answer:?}");
    }
    deliver(&server, "calltracker/calltracker-1", finished.to_string(), &[]).await.problem(401);
    let row = |transaction: &str, seconds: u64| {
        json!({"transaction_id": transaction, "complete_call_id": "C1", "corrects_transaction_id": null,
            "transaction_type": "Call", "start_time_utc": 1_760_011_200_000_u64, "connect_duration": seconds, "Promo Line": "Radio"})
    };
    let sign = |body: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"sesame").expect("any key length");
        mac.update(format!("1760011262.{body}").as_bytes());
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256={hex}")
    };
    for (rows, expected) in [
        (json!([row("t1", 10)]), "recorded"),
        (json!([row("t1", 10)]), "duplicate"),
        (json!([row("t1", 10), row("t2", 95)]), "recorded"),
    ] {
        let body = rows.to_string();
        let headers = [("x-time", "1760011262".to_owned()), ("x-signature", sign(&body))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = deliver(&server, "invoca/invoca-endpoint", body.clone(), &headers).await;
        assert_eq!(answer.is(200).outcome(), expected, "{answer:?}");
        let moved = [("x-time", "1760011263"), headers[1]];
        deliver(&server, "invoca/invoca-endpoint", body, &moved).await.problem(401);
    }
    let call = server.read("acme", "calls/invoca:C1").await;
    assert_eq!(call["call_id"], "invoca:C1", "two transactions, one call: {call}");
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["calls"], 2, "{month}");
}
