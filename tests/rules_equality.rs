//! R2 over HTTP: which spellings of a fact have the same content, and which do not.

use crate::common::facts::{answered, disposed, fact, mail, with};
use crate::common::{Server, Site, bison, twilio};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

fn full_call() -> Value {
    let body = json!({
        "direction": "inbound", "from": "+12025550123", "to": "+12025550199", "tracking_number": "+12025550199",
        "agent": "ann@example.com", "lead_id": "L7", "started_at": "2025-10-09T11:58:20Z", "campaign": "Café Zürich",
    });
    with(answered("CA42", 95, AT), body)
}

/// Posts the first, then the second, which must be answered like this.
async fn second_is(server: &Server, n: usize, first: &str, second: &str, status: u16) {
    let renamed = |text: &str| text.replace("CA42:", &format!("CA42-{n}:"));
    let recorded = server.post_raw("acme", "application/json", renamed(first)).await;
    recorded.is(201);
    let again = server.post_raw("acme", "application/json", renamed(second)).await;
    let expected = if status == 200 { "a duplicate" } else { "a conflict" };
    assert_eq!(
        again.status, status,
        "expected {expected} of\nfirst:  {first}\nsecond: {second}\nanswer: {}",
        again.text
    );
    assert_eq!(again.position(), recorded.position(), "expected the first position: {again:?}");
}

#[tokio::test]
async fn r2_other_writings_of_the_same_content_are_duplicates() {
    let server = Site::new().start().await;
    let first = full_call();
    let text = first.to_string();
    let swap = |from: &str, to: &str| {
        assert!(text.contains(from), "expected {from} in {text}");
        text.replace(from, to)
    };
    let seconds = "\"duration_seconds\":95";
    let mut reversed: Vec<String> =
        first["body"].as_object().expect("object").iter().map(|(k, v)| format!("{k:?}:{v}")).collect();
    reversed.reverse();
    let reversed = format!(
        "{{\"occurred_at\":{:?},\"body\":{{{}}},\"kind\":\"call_reported\",\"external_id\":\"CA42:completed\",\"provider\":\"twilio\"}}",
        AT,
        reversed.join(",")
    );
    let same = [
        text.clone(),
        reversed,
        serde_json::to_string_pretty(&first).expect("JSON"),
        text.replace(',', " ,\n\t")
            .replace(':', ": ")
            .replace("CA42: ", "CA42:")
            .replace("T12: 00: 00Z", "T12:00:00Z")
            .replace("T11: 58: 20Z", "T11:58:20Z"),
        swap("\"lead_id\":\"L7\"", "\"lead_id\":\"L7\",\"session_id\":null,\"source\":null"),
        swap("\"lead_id\":\"L7\"", "\"lead_id\":\"L7\",\"session_id\":\"\",\"source\":\"  \""),
        swap("\"L7\"", "\"  L7\\t\""),
        swap(seconds, "\"duration_seconds\":95.0"),
        swap(seconds, "\"duration_seconds\":9.5e1"),
        swap("ann@example.com", " Ann@EXAMPLE.com "),
        swap("2025-10-09T12:00:00Z", "2025-10-09T14:00:00+02:00"),
        swap("2025-10-09T12:00:00Z", "2025-10-09T12:00:00.000000Z"),
        swap("2025-10-09T12:00:00Z", "2025-10-09T12:00:00.000000999Z"),
        swap("2025-10-09T11:58:20Z", "2025-10-09T07:58:20-04:00"),
        swap("Café Zürich", "Cafe\u{301} Zu\u{308}rich"),
        swap("Café Zürich", "Caf\\u00e9 Z\\u00FCrich"),
        swap("\"status\":\"completed\"", "\"status\":\"Completed\""),
        swap("\"inbound\"", "\" INBOUND \""),
        swap("\"+12025550123\"", "\"+1 202-555-0123\""),
        swap("\"+12025550123\"", "\"+1 (202) 555 0123\""),
    ];
    for (n, second) in same.iter().enumerate() {
        second_is(&server, n, &text, second, 200).await;
        second_is(&server, n + 500, second, &text, 200).await;
    }
}

#[tokio::test]
async fn r2_any_change_of_content_is_a_conflict() {
    let server = Site::new().start().await;
    let text = full_call().to_string();
    let swaps = [
        ("\"duration_seconds\":95", "\"duration_seconds\":96"),
        ("\"duration_seconds\":95", "\"duration_seconds\":null"),
        ("\"answered\":true", "\"answered\":false"),
        ("\"answered\":true", "\"answered\":null"),
        ("2025-10-09T12:00:00Z", "2025-10-09T12:00:00.000001Z"),
        ("2025-10-09T12:00:00Z", "2025-10-09T12:00:00+02:00"),
        ("\"L7\"", "\"l7\""),
        ("ann@example.com", "bob@example.com"),
        ("Café Zürich", "Cafe Zurich"),
        ("+12025550123", "+12025550124"),
        ("\"inbound\"", "\"outbound\""),
        ("\"status\":\"completed\"", "\"status\":\"no_answer\""),
        ("\"lead_id\":\"L7\"", "\"lead_id\":\"L7\",\"session_id\":\"S1\""),
    ];
    for (n, (from, to)) in swaps.into_iter().enumerate() {
        let second = text.replace(from, to);
        assert_ne!(second, text, "expected {from} in {text}");
        second_is(&server, n, &text, &second, 409).await;
    }
    let outcome = disposed("CA42", 1, "connected", AT);
    server.post("acme", &outcome).await.is(201);
    let mut kind = answered("CA42", 95, AT);
    kind["provider"] = json!("dialer");
    kind["external_id"] = outcome["external_id"].clone();
    server.post("acme", &kind).await.problem(409);
}

#[tokio::test]
async fn r2_outcomes_are_folded_to_their_canonical_spelling_first() {
    let server = Site::new().start().await;
    let spelled = [
        ("no-answer", "no_answer"),
        ("appointment_set", "appointment-set"),
        ("dnc", "DNC"),
        ("callback", " Callback"),
    ];
    for (n, (one, other)) in (1..).zip(spelled) {
        server.post("acme", &disposed("CA1", n, one, AT)).await.is(201);
        let again = server.post("acme", &disposed("CA1", n, other, AT)).await;
        assert_eq!(again.is(200).outcome(), "duplicate", "expected {other:?} to be {one:?}: {again:?}");
    }
}

#[tokio::test]
async fn r2_the_order_of_lists_counts_except_for_tags() {
    let server = Site::new().start().await;
    let account = |tags: Value| {
        let body = json!({"instance": "dedi.emailbison.com", "workspace": "17", "account_id": "3", "tags": tags,
                          "email": "from@example.com", "status": "connected"});
        with(fact("emailbison", "account/3", "sender_account_observed", AT), body)
    };
    server.post("acme", &account(json!(["Google", "reseller-a"]))).await.is(201);
    let again = server.post("acme", &account(json!(["reseller-a", "Google"]))).await;
    assert_eq!(again.is(200).outcome(), "duplicate", "expected the order of tags not to count: {again:?}");
    server.post("acme", &account(json!(["Google"]))).await.problem(409);

    let session = |leads: Value| {
        let body =
            json!({"session_id": "S1", "agent": "ann@example.com", "pipeline_id": "P1", "lead_ids": leads});
        with(fact("desk", "session/S1", "session_started", AT), body)
    };
    server.post("acme", &session(json!(["L1", "L2"]))).await.is(201);
    server.post("acme", &session(json!(["L2", "L1"]))).await.problem(409);
}

#[tokio::test]
async fn r2_emails_of_leads_are_compared_lower_case_and_empty_is_absent() {
    let server = Site::new().start().await;
    let lead = json!({"id": "1", "email": "a@example.com", "first_name": "Jo", "company": null});
    server.post("acme", &mail("lead_replied", 1, lead, AT)).await.is(201);
    let other =
        json!({"email": " A@Example.com", "first_name": "Jo ", "id": "1", "title": "", "last_name": null});
    let mut again = mail("lead_replied", 1, other, AT);
    again["body"]["reply"] = json!({});
    let again = server.post("acme", &again).await;
    assert_eq!(again.is(200).outcome(), "duplicate", "expected {{}} and blank to be absent: {again:?}");
}

#[tokio::test]
async fn r2_a_fraction_or_a_text_is_no_number() {
    let server = Site::new().start().await;
    for value in [json!(95.5), json!("95"), json!(-1), json!(true), json!([95])] {
        let fact = with(answered("CA1", 0, AT), json!({"duration_seconds": value}));
        server.post("acme", &fact).await.names("duration_seconds").problem(422);
    }
}

#[tokio::test]
async fn r2_headers_and_the_order_of_parameters_of_a_delivery_do_not_count() {
    let server = Site::new().start().await;
    let form = twilio::ended("CA1", "completed", 45, "Thu, 09 Oct 2025 12:00:54 +0000");
    let first = twilio::deliver(&server, &form).await;
    assert_eq!(first.is(200).outcome(), "recorded", "expected the first to be recorded: {first:?}");
    let mut reversed = form.clone();
    reversed.reverse();
    let again = twilio::deliver(&server, &reversed).await;
    assert_eq!(
        again.is(200).outcome(),
        "duplicate",
        "expected the order of parameters not to count: {again:?}"
    );

    let event = bison::replied("LEAD_REPLIED", 725, bison::lead(1), "2025-10-09T12:00:00.000000Z");
    let first = bison::deliver(&server, &event).await;
    assert_eq!(first.is(200).outcome(), "recorded", "expected the first to be recorded: {first:?}");
    let pretty = serde_json::to_string_pretty(&event).expect("JSON");
    let request = server.request("POST", &format!("/hooks/emailbison/{}", bison::ENDPOINT));
    let request = request.header("content-type", "application/json").header("x-attempt", "2").body(pretty);
    let again = server.send(request).await;
    assert_eq!(
        again.is(200).outcome(),
        "duplicate",
        "expected white space and headers not to count: {again:?}"
    );
    let changed = bison::replied("LEAD_REPLIED", 725, bison::lead(1), "2025-10-10T12:00:00.000000Z");
    let changed = bison::deliver(&server, &changed).await;
    assert_eq!(
        changed.is(200).outcome(),
        "conflict",
        "expected another time to be another content: {changed:?}"
    );
}

/// Every text in the answer that is an instant, by its shape.
fn instants(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= 19 && text.as_bytes()[10] == b'T' && text.starts_with("20") => {
            found.push(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| instants(item, found)),
        Value::Object(members) => members.values().for_each(|member| instants(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn r9_instants_are_utc_with_z_and_durations_whole_seconds_whatever_came_in() {
    let server = Site::new().start().await;
    let times = json!({"duration_seconds": 45.0, "started_at": "2025-10-09T14:58:20+05:30"});
    let late = with(answered("CA1", 0, "2025-10-09T08:00:00.123456-04:00"), times);
    let lead = mail("lead_interested", 1, json!({"id": "1"}), "2025-10-09T14:00:00+02:00");
    server.record("acme", &[late, lead]).await;
    for route in ["calls", "calls/CA1", "outreach/leads", "facts"] {
        let answer = server.read("acme", route).await;
        let mut found = Vec::new();
        instants(&answer, &mut found);
        assert!(!found.is_empty(), "expected instants in {route}: {answer}");
        let wrong: Vec<&String> = found.iter().filter(|text| !text.ends_with('Z')).collect();
        assert!(wrong.is_empty(), "expected RFC 3339 UTC with Z in {route}: {wrong:?}");
    }
    let call = server.read("acme", "calls/CA1").await;
    assert_eq!(call["duration_seconds"].as_u64(), Some(45), "expected whole seconds as an integer: {call}");
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["talk_seconds"].as_u64(), Some(45), "expected whole seconds as an integer: {month}");
}
