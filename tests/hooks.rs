//! Webhooks over HTTP: odd and broken deliveries of Twilio and Email Bison, and their outcomes.

use crate::common::twilio::{Form, callback, deliver, deliver_signed, ended, public_url, sign, with};
use crate::common::{Server, Site, TWILIO_TOKEN, TWO_TENANTS, bison, twilio};
use serde_json::{Value, json};

const STAMP: &str = "Thu, 09 Oct 2025 12:00:54 +0000";

async fn call(server: &Server, id: &str) -> Value {
    server.read("acme", &format!("calls/{id}")).await
}

#[tokio::test]
async fn r3_twilio_forms_that_name_no_call_or_state_are_quarantined() {
    let server = Site::new().start().await;
    let whole = ended("CA1", "completed", 45, STAMP);
    let without = |name: &str| -> Form { whole.iter().filter(|(known, _)| known != name).cloned().collect() };
    let forms = [
        without("CallSid"),
        with(whole.clone(), "CallSid", "  "),
        without("CallStatus"),
        with(whole.clone(), "CallStatus", "teleported"),
        with(whole.clone(), "CallDuration", "a while"),
        with(whole.clone(), "CallDuration", "-5"),
        with(whole.clone(), "Timestamp", "Thu, 09 Oct 2098 12:00:54 +0000"),
        Form::new(),
    ];
    for form in forms {
        let first = deliver(&server, &form).await;
        assert_eq!(first.is(200).outcome(), "quarantined", "expected of {form:?}: {first:?}");
        let again = deliver(&server, &form).await;
        assert_eq!(again.position(), first.position(), "expected the first quarantine again: {again:?}");
    }
}

#[tokio::test]
async fn a1_odd_but_meaningful_twilio_forms_are_recorded() {
    let server = Site::new().start().await;
    let mut n = 0;
    let mut next = |name: &str, value: &str| {
        n += 1;
        with(ended(&format!("CA{n}"), "completed", 45, STAMP), name, value)
    };
    let forms = [
        next("CallStatus", "COMPLETED"),
        next("Duration", ""),
        next("SomethingNew", "kept & signed = too +%00 'é'"),
        next("AnsweredBy", "human"),
        next("From", "client:ann"),
        next("From", "anonymous"),
        next("SequenceNumber", ""),
        next("ForwardedFrom", ""),
    ];
    for form in &forms {
        let answer = deliver(&server, form).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "expected of {form:?}: {answer:?}");
    }
    for n in 1..=8 {
        let call = call(&server, &format!("CA{n}")).await;
        assert_eq!(
            [&call["duration_seconds"], &call["answered"]],
            [&json!(45), &json!(true)],
            "expected: {call}"
        );
    }
}

#[tokio::test]
async fn a1_a_twilio_time_that_cannot_be_read_is_the_time_of_receipt_and_no_part_of_equality() {
    let server = Site::new().start().await;
    let odd = with(ended("CA1", "completed", 45, STAMP), "Timestamp", "yesterday, half past nine");
    let absent: Form =
        ended("CA2", "completed", 45, STAMP).into_iter().filter(|(name, _)| name != "Timestamp").collect();
    for form in [odd, absent] {
        let first = deliver(&server, &form).await;
        assert_eq!(first.is(200).outcome(), "recorded", "expected of {form:?}: {first:?}");
        let again = deliver(&server, &form).await;
        assert_eq!(
            again.is(200).outcome(),
            "duplicate",
            "expected a later receipt to be the same: {again:?}"
        );
        let fact = server.get(&format!("/api/v1/tenants/acme/facts/{}", first.position())).await;
        assert_eq!(fact.is(200).json["time_source"], "received", "expected the flag: {fact:?}");
    }
}

#[tokio::test]
async fn a1_twilios_published_variants_of_the_url_are_accepted_and_others_refused() {
    let server = Site::new().start().await;
    let host = crate::common::PUBLIC_URL.strip_prefix("https://").expect("https");
    let path = format!("/hooks/twilio/{}", twilio::ENDPOINT);
    let cases = [
        (format!("https://{host}{path}"), true),
        (format!("https://{host}:443{path}"), true),
        (format!("http://{host}{path}"), false),
        (format!("https://{host}{path}/"), false),
        (format!("https://evil.example.com{path}"), false),
        (format!("{}{path}", server.base), false),
    ];
    for (n, (url, accepted)) in cases.iter().enumerate() {
        let form = ended(&format!("CA{n}"), "completed", 45, STAMP);
        let signature = sign(TWILIO_TOKEN, url, &form);
        let answer = deliver_signed(&server, twilio::ENDPOINT, &form, Some(&signature)).await;
        let expected = if *accepted { 200 } else { 401 };
        assert_eq!(answer.status, expected, "expected {expected} for a signature of {url}: {answer:?}");
    }
}

#[tokio::test]
async fn a1_two_secrets_hold_while_one_is_rotated() {
    let site = Site::with(
        &TWO_TENANTS.replace("[\"env:TWILIO_TOKEN\"]", "[\"file:old-secret\", \"env:TWILIO_TOKEN\"]"),
    );
    std::fs::write(site.path("old-secret"), "the old secret\n").expect("write");
    let server = site.start().await;
    for (n, secret) in ["the old secret", TWILIO_TOKEN].iter().enumerate() {
        let form = ended(&format!("CA{n}"), "completed", 45, STAMP);
        let signature = sign(secret, &public_url(twilio::ENDPOINT), &form);
        let answer = deliver_signed(&server, twilio::ENDPOINT, &form, Some(&signature)).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "expected secret {n} to hold: {answer:?}");
    }
    let form = ended("CA9", "completed", 45, STAMP);
    let signature = sign("a third", &public_url(twilio::ENDPOINT), &form);
    deliver_signed(&server, twilio::ENDPOINT, &form, Some(&signature)).await.problem(401);
}

#[tokio::test]
async fn c6_a_twilio_leg_folds_into_its_parent_and_a_recording_into_its_call() {
    let server = Site::new().start().await;
    let leg = with(ended("CAleg", "completed", 20, STAMP), "ParentCallSid", "CAparent");
    let recording: Form = [
        ("AccountSid", "AC00000000000000000000000000000001"),
        ("CallSid", "CAparent"),
        ("RecordingSid", "RE1"),
        ("RecordingUrl", "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1"),
        ("RecordingStatus", "completed"),
        ("RecordingDuration", "18"),
        ("RecordingStartTime", "Thu, 09 Oct 2025 12:00:30 +0000"),
        ("RecordingSource", "DialVerb"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for form in [leg, recording, ended("CAparent", "completed", 50, STAMP)] {
        let answer = deliver(&server, &form).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "expected of {form:?}: {answer:?}");
    }
    let parent = call(&server, "CAparent").await;
    assert_eq!(parent["duration_seconds"], 20, "expected the leg's duration: {parent}");
    assert_eq!(parent["recordings"][0]["recording_id"], "RE1", "expected the recording: {parent}");
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["calls"], 1, "expected one call: {month}");
}

#[tokio::test]
async fn a2_an_unknown_tracking_number_of_a_known_tenant_is_recorded_without_an_agent() {
    let server = Site::new().start().await;
    let form = with(ended("CA1", "completed", 45, STAMP), "To", "+12025550177");
    let answer = deliver(&server, &with(form, "Called", "+12025550177")).await;
    assert_eq!(answer.is(200).outcome(), "recorded", "expected it to be recorded: {answer:?}");
    let call = call(&server, "CA1").await;
    assert!(call["agent"].is_null(), "expected no agent: {call}");
}

#[tokio::test]
async fn r1_a_changed_redelivery_is_a_conflict_and_still_200() {
    let server = Site::new().start().await;
    let first = deliver(&server, &ended("CA1", "completed", 45, STAMP)).await;
    for _ in 0..2 {
        let changed = deliver(&server, &ended("CA1", "completed", 12, STAMP)).await;
        assert_eq!(changed.is(200).outcome(), "conflict", "expected a conflict: {changed:?}");
    }
    let kept = call(&server, "CA1").await;
    assert_eq!(kept["duration_seconds"], 45, "expected the first to stay: {kept}");
    assert_eq!(first.outcome(), "recorded", "expected the first to be recorded: {first:?}");
}

#[tokio::test]
async fn broken_bodies_on_hooks_never_fail_the_server() {
    let server = Site::new().start().await;
    let event = bison::sent("EMAIL_SENT", 1, bison::lead(1), "2025-10-09T12:00:00Z").to_string();
    let bodies: Vec<Vec<u8>> = vec![
        b"\xff\xfe\x00".to_vec(),
        b"null".to_vec(),
        b"{\"event\":null,\"data\":null}".to_vec(),
        b"{\"event\":{\"type\":7,\"workspace_id\":17},\"data\":{}}".to_vec(),
        "[".repeat(500_000).into(),
        event.replace("\"lead\"", &format!("\"deep\":{}{},\"lead\"", "[".repeat(70), "]".repeat(70))).into(),
        event.replace("\"data\"", "\"data\":{},\"data\"").into(),
        event.replace("test subject", "\\u0000\\ud800").into(),
        event.replace("\"workspace_id\":17", "\"workspace_id\":1e400").into(),
        event.replace("\"workspace_id\":17", "\"workspace_id\":184467440737095516150").into(),
        event.replace("2025-10-09T12:00:00Z", "never").into(),
        event.replace("lead1@example.com", "\\u0000").into(),
    ];
    for body in bodies {
        let shown: String = String::from_utf8_lossy(&body).chars().take(200).collect();
        let answer = bison::deliver_raw(&server, body.clone()).await;
        assert!(answer.status < 500, "expected no failure for {shown}: {answer:?}");
        let again = bison::deliver_raw(&server, body).await;
        let settled = (again.status, again.outcome() == "recorded");
        assert_eq!(
            settled,
            (answer.status, false),
            "expected nothing new from a redelivery of {shown}: {again:?}"
        );
    }
    for bytes in
        [&b"CallSid=%ff%fe&CallStatus=completed"[..], b"&&&===", b"%", b"CallSid", b"\x00\xff", b"a=%zz"]
    {
        let request = server.request("POST", &format!("/hooks/twilio/{}", twilio::ENDPOINT));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(bytes);
        server.send(request.header("x-twilio-signature", "AAAA")).await.problem(401);
    }
    assert!(server.is_alive(), "expected the server to live: {}", server.stderr());
    let good = deliver(&server, &callback("CA1", "ringing", 1, STAMP)).await;
    assert_eq!(good.is(200).outcome(), "recorded", "expected the next delivery to be taken: {good:?}");
}

#[tokio::test]
async fn an_event_with_nothing_to_identify_it_is_known_again_by_its_content() {
    let server = Site::new().start().await;
    let lead = json!({"email": "a@example.com"});
    let bare =
        bison::envelope("LEAD_UNSUBSCRIBED", json!({"lead": lead, "happened_at": "2025-10-09T12:00:00Z"}));
    let first = bison::deliver(&server, &bare).await;
    let again = bison::deliver(&server, &bare).await;
    let settled = [("recorded", "duplicate"), ("quarantined", "quarantined")];
    let given = (first.is(200).outcome(), again.is(200).outcome());
    assert!(settled.contains(&given), "expected a redelivery to be known again, got {given:?}: {again:?}");
    assert_eq!(first.position(), again.position(), "expected the first position: {again:?}");
}

#[tokio::test]
async fn a_method_by_which_nobody_delivers_records_nothing() {
    let server = Site::new().start().await;
    // HEAD says whether the endpoint is there, as providers ask before they take a URL.
    for (method, path, expected) in [
        ("HEAD", "/hooks/emailbison/eb-9c1d22aa", 200),
        ("GET", "/hooks/emailbison/eb-9c1d22aa", 405),
        ("HEAD", "/hooks/twilio/tw-5b0f0d7e", 200),
        ("GET", "/hooks/twilio/tw-5b0f0d7e", 401),
    ] {
        server.send(server.request(method, path)).await.is(expected);
    }
    let first = deliver(&server, &ended("CA1", "completed", 45, STAMP)).await;
    let configured = 2;
    assert_eq!(first.position(), configured + 1, "expected nothing recorded before: {first:?}");
}

#[tokio::test]
async fn one_key_under_another_callback_query_is_a_conflict() {
    let server = Site::new().start().await;
    let form = ended("CA1", "completed", 45, STAMP);
    let mut outcomes = Vec::new();
    for agent in ["ann@example.com", "ann@example.com", "bob@example.com"] {
        let endpoint = format!("{}?agent={agent}", twilio::ENDPOINT);
        let signature = sign(TWILIO_TOKEN, &public_url(&endpoint), &form);
        let answer = deliver_signed(&server, &endpoint, &form, Some(&signature)).await;
        outcomes.push(answer.is(200).outcome().to_owned());
    }
    assert_eq!(outcomes, ["recorded", "duplicate", "conflict"], "expected another agent to be other content");
}

#[tokio::test]
async fn what_became_of_a_dialled_leg_is_the_calls_answer_and_no_conflict_with_its_stages() {
    let server = Site::new().start().await;
    let dialled = |sid: &str, status: &str, more: &[(&str, &str)]| -> Form {
        let mut form = with(callback(sid, "in-progress", 1, STAMP), "DialCallStatus", status);
        form.retain(|(name, _)| name != "Timestamp" && name != "SequenceNumber");
        form.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        form
    };
    let legs = [
        ("CA1", dialled("CA1", "completed", &[("DialCallSid", "CA1leg"), ("DialCallDuration", "40")])),
        ("CA2", dialled("CA2", "no-answer", &[("DialCallSid", "CA2leg")])),
        ("CA3", dialled("CA3", "completed", &[("DialCallSid", "CA3leg"), ("DialBridged", "false")])),
        ("CA4", dialled("CA4", "answered", &[("DialCallDuration", "50")])),
    ];
    for (sid, leg) in &legs {
        let own = callback(sid, "in-progress", 1, STAMP);
        for form in [leg.clone(), own, ended(sid, "completed", 60, STAMP)] {
            let outcomes = [deliver(&server, &form).await, deliver(&server, &form).await];
            let outcomes = outcomes.map(|answer| answer.is(200).outcome().to_owned());
            assert_eq!(outcomes, ["recorded", "duplicate"], "expected of {form:?}");
        }
    }
    let mut shown = Vec::new();
    for (sid, _) in &legs {
        let call = call(&server, sid).await;
        shown.push(["call_status", "answered", "duration_seconds", "status"].map(|name| call[name].clone()));
    }
    let row = |answered: bool, seconds: Value, status: &str| {
        [json!("completed"), json!(answered), seconds, json!(status)]
    };
    assert_eq!(
        shown,
        [
            row(true, json!(40), "qualified"),
            row(false, Value::Null, "unqualified"),
            row(false, Value::Null, "unqualified"),
            row(true, json!(50), "qualified"),
        ]
    );
}
