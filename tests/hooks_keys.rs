//! What deliveries are known by: ids as they were written, parts that stay apart, persons as digests, weak identities.

use serde_json::{Value, json};

use crate::common::bison;
use crate::common::tracker::{SECRET, callrail, ctm, deliver, deliver_callrail, sign, site, with};
use crate::common::twilio;
use crate::common::{Answer, Server, Site, TOKEN, TWO_TENANTS};

const AT: &str = "2025-10-09T12:00:00Z";
const STAMP: &str = "Thu, 09 Oct 2025 12:00:54 +0000";

/// The usual tenants, CallRail and CTM, and sources whose keys are composed in these ways.
fn tables() -> String {
    let source = |name: &str, external_id: &str, kind: &str, body: &str| {
        format!(
            "[[mapping]]\nname = \"{name}\"\nsignature = \"unsigned\"\nevent = \"event\"\nexternal_id = {external_id}\n\
             [[mapping.on]]\nkind = \"{kind}\"\n[mapping.on.body]\n{body}\n\
             [[endpoint]]\nid = \"{name}-5b0f0d7e\"\nprovider = \"{name}\"\ntenant = \"acme\"\n"
        )
    };
    let call = "call_id = \"id\"\nstatus = { value = \"completed\" }";
    let mail = "lead = { email = \"email\" }";
    let caller =
        "call_id = \"id\"\nstatus = { value = \"completed\" }\nfrom = { path = \"caller\", prefix = \"+1\" }";
    let both = "[[mapping.on]]\nkind = \"call_disposed\"\n[mapping.on.body]\ncall_id = \"id\"\noutcome = { value = \"connected\" }";
    [
        format!("{}{}", site("callrail", &["post_call"]), site("ctm", &["end"]).replace(TWO_TENANTS, "")),
        source("dialer", r#"["id", "event"]"#, "call_reported", call),
        source("pair", r#"["a", "b"]"#, "call_reported", call),
        source("single", r#"["id"]"#, "call_reported", &format!("{call}\n{both}")),
        source("mailer", r#"["event", "email", "smtp-id", "timestamp"]"#, "email_bounced", mail),
        source("caller", r#"["caller", "at"]"#, "call_reported", caller),
    ]
    .concat()
}

async fn send(server: &Server, source: &str, body: &str) -> Answer {
    let answer = deliver(server, &format!("{source}/{source}-5b0f0d7e"), body.to_owned(), &[]).await;
    answer.is(200);
    answer
}

async fn key(server: &Server, answer: &Answer) -> String {
    let fact = server.read("acme", &format!("facts/{}", answer.position())).await;
    fact["external_id"].as_str().expect("a key").to_owned()
}

/// Delivers each body as new; its keys in order.
async fn keys(server: &Server, source: &str, bodies: &[&str]) -> Vec<String> {
    let mut keys = Vec::new();
    for body in bodies {
        let answer = send(server, source, body).await;
        assert_eq!(answer.outcome(), "recorded", "{body}: {answer:?}");
        assert_eq!(answer.json["identity"], Value::Null, "{body}: {answer:?}");
        let again = send(server, source, body).await;
        assert_eq!(
            (again.outcome(), again.position()),
            ("duplicate", answer.position()),
            "{body}: {again:?}"
        );
        keys.push(key(server, &answer).await);
    }
    keys
}

#[tokio::test]
async fn a_number_is_the_text_that_it_was_written_as_wherever_it_is_an_id() {
    let server = Site::with(&tables()).start().await;
    let numbers = [
        "1573204600.1000",
        "1573204600.10000",
        "18446744073709551616",
        "18446744073709551617",
        "123456789012345678901234567890",
        "900",
        "900.0",
        "9e2",
        "9007199254740993",
    ];
    let bodies: Vec<String> =
        numbers.iter().map(|id| format!(r#"{{"event":"done","id":{id},"n":[1.50,{{"x":1e3}}]}}"#)).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let expected: Vec<String> = numbers.iter().map(|id| format!("{id}:done")).collect();
    assert_eq!(keys(&server, "dialer", &bodies).await, expected);
    let call = server.read("acme", "calls/dialer:1573204600.10000").await;
    assert_eq!(call["call_id"], "dialer:1573204600.10000", "{call}");
    // The same id as a text is the same id.
    let text = send(&server, "dialer", r#"{"event":"done","id":"900.0"}"#).await;
    assert_eq!(text.outcome(), "duplicate", "{text:?}");
    // Without a key they are told apart by their content, of which a number is part as it was written.
    for (n, outcome) in [("1.10", "recorded"), ("1.100", "recorded"), ("1.10", "duplicate")] {
        let weak = send(&server, "pair", &format!(r#"{{"id":"w","n":{n}}}"#)).await;
        assert_eq!((weak.outcome(), &weak.json["identity"]), (outcome, &json!("weak")), "{n}: {weak:?}");
    }
}

#[tokio::test]
async fn presets_read_ids_as_they_were_written_too() {
    let server = Site::with(&tables()).start().await;
    let raw = |body: &Value, id: &str| body.to_string().replace("\"the id\"", id);
    for id in ["4379952365.10", "4379952365.1", "18446744073709551616", "18446744073709551617"] {
        let body = raw(&with(callrail("the id"), json!({})), id);
        let headers = [("signature", sign(SECRET, &body))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = deliver(&server, "callrail/callrail-of-post_call", body, &headers).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "{answer:?}");
        assert_eq!(key(&server, &answer).await, format!("{id}:post_call"));

        let body = raw(&with(ctm(1), json!({"id": "the id"})), id);
        let signature = sign(SECRET, &format!("1760011262{body}"));
        let headers = [("x-ctm-time", "1760011262"), ("x-ctm-signature", &*signature)];
        let answer = deliver(&server, "ctm/ctm-of-end", body, &headers).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "{answer:?}");
        assert!(key(&server, &answer).await.starts_with(&format!("{id}:modified:")), "{answer:?}");
        assert_eq!(server.read("acme", &format!("calls/ctm:{id}")).await["call_id"], format!("ctm:{id}"));

        let mut event = bison::sent("EMAIL_SENT", 1, bison::lead(1), AT);
        event["data"]["campaign_event"]["id"] = json!("the id");
        let answer = bison::deliver_raw(&server, raw(&event, id)).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "{answer:?}");
        let expected = format!("dedi.emailbison.com/17/email_sent/campaign_event-{id}");
        assert_eq!(key(&server, &answer).await, expected);
    }
}

#[tokio::test]
async fn parts_of_a_key_do_not_run_together_and_keys_without_the_separator_stay() {
    let server = Site::with(&tables()).start().await;
    let bodies = [
        r#"{"id":"1","a":"a:b","b":"c"}"#,
        r#"{"id":"2","a":"a","b":"b:c"}"#,
        r#"{"id":"3","a":"a\\","b":"b:c"}"#,
        r#"{"id":"4","a":"a\\:b","b":"c"}"#,
        r#"{"id":"5","a":"a","b":"b"}"#,
        r#"{"id":"6","a":"2025-10-09T12:00:00Z","b":7}"#,
    ];
    let expected = [r"a\:b:c", r"a:b\:c", r"a\\:b\:c", r"a\\\:b:c", "a:b", r"2025-10-09T12\:00\:00Z:7"]
        .map(str::to_owned);
    assert_eq!(keys(&server, "pair", &bodies).await, expected);
    // One part alone is not escaped; where an event is two facts, the kind is a second part.
    let answer = send(&server, "single", r#"{"id":"x:y"}"#).await;
    let mut found = Vec::new();
    for fact in answer.json["facts"].as_array().expect("facts") {
        let fact = server.read("acme", &format!("facts/{}", fact["position"])).await;
        found.push(fact["external_id"].as_str().expect("a key").to_owned());
    }
    assert_eq!(found, [r"x\:y:call_reported", r"x\:y:call_disposed"]);
    // Presets: the id of one call looks like the stage of another.
    for (id, expected) in [("CA1", "CA1:post_call"), ("CA1:post_call", r"CA1\:post_call:post_call")] {
        let answer = deliver_callrail(&server, "post_call", &callrail(id)).await;
        assert_eq!((answer.is(200).outcome(), key(&server, &answer).await.as_str()), ("recorded", expected));
    }
    for (sid, expected) in [("CA1", "CA1:completed"), ("CA1:x", r"CA1\:x:completed")] {
        let answer = twilio::deliver(&server, &twilio::ended(sid, "completed", 45, STAMP)).await;
        assert_eq!((answer.is(200).outcome(), key(&server, &answer).await.as_str()), ("recorded", expected));
    }
    let workspaces = [
        ("Acme Client", "7", "dedi.emailbison.com/Acme Client/email_sent/campaign_event-7"),
        ("Acme Client", "1/2", r"dedi.emailbison.com/Acme Client/email_sent/campaign_event-1\/2"),
    ];
    for (workspace, id, expected) in workspaces {
        let mut event = bison::sent("EMAIL_SENT", 1, bison::lead(1), AT);
        event["event"]["workspace_id"] = Value::Null;
        event["event"]["workspace_name"] = json!(workspace);
        event["data"]["campaign_event"]["id"] = json!(id);
        let answer = bison::deliver(&server, &event).await;
        assert_eq!((answer.is(200).outcome(), key(&server, &answer).await.as_str()), ("recorded", expected));
    }
}

/// The key with each digest of 32 hexadecimal digits as `d-…`.
fn without_digests(key: &str) -> String {
    let mut parts = key.split("d-");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| {
        let (digest, rest) = part.split_at_checked(32).expect("a digest");
        assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
        format!("{shown}d-…{rest}")
    })
}

#[tokio::test]
async fn an_address_in_a_part_of_the_key_is_a_digest_and_the_rest_stays() {
    let server = Site::with(&tables()).start().await;
    let bounce = |email: &str, id: &str, sg: &str| {
        json!({"event": "bounce", "email": email, "smtp-id": id, "timestamp": 1_760_011_200, "sg_event_id": sg})
            .to_string()
    };
    let first = send(&server, "mailer", &bounce("pat@example.com", "<14c5@ismtpd-555>", "one")).await;
    assert_eq!((first.outcome(), &first.json["identity"]), ("recorded", &Value::Null), "{first:?}");
    let kept = key(&server, &first).await;
    assert_eq!(without_digests(&kept), "bounce:d-…:d-…:1760011200");
    assert!(!kept.contains('@') && !kept.contains("pat"), "{kept}");
    let retry = send(&server, "mailer", &bounce("pat@example.com", "<14c5@ismtpd-555>", "two")).await;
    assert_eq!((retry.outcome(), retry.position()), ("duplicate", first.position()), "{retry:?}");
    for (email, id) in [("lee@example.com", "<14c5@ismtpd-555>"), ("pat@example.com", "<14c6@ismtpd-555>")] {
        let other = send(&server, "mailer", &bounce(email, id, "one")).await;
        assert_eq!(other.outcome(), "recorded", "null control: {email} {id}: {other:?}");
    }
    let bounces = server.all_items("acme", "facts?kind=email_bounced").await;
    assert_eq!(bounces.len(), 3, "{bounces:?}");
    // A phone number by its `+`, and one that is only known to be one because the mapping says so.
    for caller in ["+12025550123", "(202) 555-0123", "2025550123"] {
        let body = json!({"id": caller.len(), "caller": caller, "at": "9"}).to_string();
        let answer = send(&server, "caller", &body).await;
        assert_eq!(answer.json["identity"], Value::Null, "{answer:?}");
        assert_eq!(without_digests(&key(&server, &answer).await), "d-…:9", "{caller}");
    }
    // A part that is too long for a key, or holds a line break, does not throw it away either.
    for part in ["x".repeat(600), "x\ny".to_owned()] {
        let answer = send(&server, "pair", &json!({"id": "1", "a": part, "b": "b"}).to_string()).await;
        assert_eq!((answer.outcome(), &answer.json["identity"]), ("recorded", &Value::Null), "{answer:?}");
        assert_eq!(without_digests(&key(&server, &answer).await), "d-…:b");
    }
    // A SIP Call-ID in the place of a call's sid, and an address as an event's id.
    let answer = twilio::deliver(&server, &twilio::ended("a84b4c76@10.0.0.1", "completed", 45, STAMP)).await;
    assert_eq!(without_digests(&key(&server, &answer).await), "d-…:completed");
    let mut event = bison::sent("EMAIL_SENT", 1, bison::lead(1), AT);
    event["data"]["campaign_event"]["id"] = json!("<m904@mail.example.com>");
    let answer = bison::deliver(&server, &event).await;
    assert_eq!(
        (answer.is(200).outcome(), &answer.json["identity"]),
        ("recorded", &Value::Null),
        "{answer:?}"
    );
    let expected = "dedi.emailbison.com/17/email_sent/campaign_event-d-…";
    assert_eq!(without_digests(&key(&server, &answer).await), expected);
}

/// The endpoint's item of health, and the identities of the deliveries, newest first.
async fn told(server: &Server, provider: &str) -> (u64, Vec<Value>) {
    let health = server.read("acme", "webhook-health").await;
    let of = |item: &&Value| item["provider"] == provider;
    let item = health["items"].as_array().expect("items").iter().find(of).expect("an endpoint").clone();
    let deliveries = server.read("acme", &format!("deliveries?provider={provider}")).await;
    let identities = deliveries["items"].as_array().expect("items").iter();
    (item["weak"].as_u64().expect("a count"), identities.map(|item| item["identity"].clone()).collect())
}

#[tokio::test]
async fn a_part_that_is_absent_makes_the_identity_weak_and_delivery_and_health_say_so() {
    let site = Site::with(&tables());
    let server = site.start().await;
    let bodies = [
        (r#"{"id":"1","a":"1","b":"2"}"#, Value::Null),
        (r#"{"id":"1","a":"1"}"#, json!("weak")),
        (r#"{"id":"1","a":"1","b":" "}"#, json!("weak")),
        (r#"{"id":"1","a":"1","b":[]}"#, json!("weak")),
    ];
    for (body, identity) in &bodies {
        let answer = send(&server, "pair", body).await;
        assert_eq!(
            (answer.outcome(), &answer.json["identity"]),
            ("recorded", identity),
            "{body}: {answer:?}"
        );
        let is_digest = key(&server, &answer).await.starts_with("digest-");
        assert_eq!(is_digest, *identity == "weak", "{body}");
    }
    let (weak, identities) = told(&server, "pair").await;
    assert_eq!((weak, identities), (3, vec![json!("weak"), json!("weak"), json!("weak"), Value::Null]));
    assert_eq!(told(&server, "mailer").await.0, 0, "null control: another endpoint");
    server.terminate();
    let server = site.start().await;
    let (weak, identities) = told(&server, "pair").await;
    assert_eq!((weak, identities.len()), (3, 4), "after a restart: {identities:?}");
}

#[tokio::test]
async fn an_id_that_a_client_posts_holds_no_person_and_finds_its_fact() {
    let server = Site::with(&tables()).start().await;
    let fact = |id: &str, seconds: u32| {
        json!({"provider": "desk", "external_id": id, "kind": "call_reported", "occurred_at": AT,
            "body": {"call_id": "c", "status": "completed", "duration_seconds": seconds}})
    };
    for (id, begin, end) in [
        ("bounce:ann@example.com:17", "bounce:d-", ":17"),
        ("+12125550123", "d-", ""),
        ("<m1@mail.example>", "d-", ""),
        ("CA42:completed", "CA42:completed", ""),
    ] {
        let position = server.post("acme", &fact(id, 45)).await.is(201).position();
        let again = server.post("acme", &fact(id, 45)).await;
        assert_eq!((again.is(200).outcome(), again.position()), ("duplicate", position), "{id}");
        let differs = server.post("acme", &fact(id, 46)).await;
        assert_eq!(differs.outcome(), "conflict", "{id}: {differs:?}");
        let kept = server.read("acme", &format!("facts/{position}")).await["external_id"].clone();
        let kept = kept.as_str().expect("a key");
        assert!(kept.starts_with(begin) && kept.ends_with(end) && !kept.contains(['@', '+']), "{id}: {kept}");
        for name in [id, kept] {
            let name = name.replace('+', "%2B");
            let found = server.read("acme", &format!("facts/by-key?provider=desk&external_id={name}")).await;
            assert_eq!(found["position"], position, "{id}");
        }
        let keys = json!({"keys": [{"provider": "desk", "external_id": id}], "reason": "a mistake"});
        let voided = server.ask(TOKEN, "POST", "/api/v1/tenants/acme/void", keys).await;
        assert_eq!(voided.is(200).json["recorded"], 1, "{id}: {voided:?}");
    }
}

#[tokio::test]
async fn an_event_about_nobody_is_refused_in_the_api_weak_on_hooks_and_no_person() {
    let server = Site::with(&tables()).start().await;
    let kinds = ["email_sent", "lead_replied", "lead_interested", "email_bounced", "lead_unsubscribed"];
    for kind in kinds {
        for body in [json!({}), json!({"lead": {}}), json!({"lead": {"first_name": "Pat", "email": " "}})] {
            let fact = json!({"provider": "mailer", "external_id": format!("{kind}-1"), "kind": kind,
                "occurred_at": AT, "body": body});
            let answer = server.post("acme", &fact).await;
            answer.is(422).names("/body/lead");
        }
        let fact = json!({"provider": "mailer", "external_id": format!("{kind}-1"), "kind": kind, "occurred_at": AT,
            "body": {"lead": {"email": "pat@example.com"}}});
        assert_eq!(server.post("acme", &fact).await.is(201).outcome(), "recorded", "null control: {kind}");
    }
    let before = server.read("acme", "metrics/month?month=2025-10").await;
    let mut event = bison::replied("LEAD_INTERESTED", 5, json!(null), AT);
    event["data"]["scheduled_email"] = Value::Null;
    event["data"]["lead"] = json!({"first_name": "Pat"});
    let answer = bison::deliver(&server, &event).await;
    assert_eq!(
        (answer.is(200).outcome(), &answer.json["identity"]),
        ("recorded", &json!("weak")),
        "{answer:?}"
    );
    let answer =
        send(&server, "mailer", r#"{"event":"bounce","email":"","smtp-id":"1","timestamp":"2"}"#).await;
    assert_eq!((answer.outcome(), &answer.json["identity"]), ("recorded", &json!("weak")), "{answer:?}");
    let after = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(after["positive_replies"], before["positive_replies"], "{after}");
    assert_eq!(before["positive_replies"], 1, "{before}");
    let leads = server.all_items("acme", "outreach/leads").await;
    assert_eq!(leads.len(), 1, "{leads:?}");
    assert_eq!(told(&server, "mailer").await.0, 1);
}

#[tokio::test]
async fn rows_whose_names_would_run_together_are_all_on_the_pages() {
    let server = Site::new().start().await;
    let names = [("a", "b/c", "d"), ("a", "b", "c/d"), ("a/b", "c", "d")];
    let mut facts = Vec::new();
    for (n, (instance, workspace, id)) in names.iter().enumerate() {
        facts.push(json!({"provider": "mailer", "external_id": format!("m{n}"), "kind": "email_sent", "occurred_at": AT,
            "body": {"instance": instance, "workspace": workspace, "lead": {"id": id}}}));
        let (source, run) = [("x/y", "z"), ("x", "y/z"), ("x", "y")][n];
        facts.push(json!({"provider": "crm", "external_id": format!("s{n}"), "kind": "sync_started", "occurred_at": AT,
            "body": {"source": source, "run_id": run}}));
        let (recording, call) = [("r/s", "t"), ("r", "s/t"), ("r", "s")][n];
        facts.push(json!({"provider": "phone", "external_id": format!("r{n}"), "kind": "call_recorded", "occurred_at": AT,
            "body": {"call_id": call, "recording_id": recording, "url": "https://example.com/r", "lead_id": "L1"}}));
    }
    server.record("acme", &facts).await;
    for route in ["outreach/leads", "sync/runs", "leads/L1/recordings"] {
        let paged = server.all_items("acme", &format!("{route}?limit=1")).await;
        assert_eq!(paged.len(), 3, "{route}: {paged:?}");
    }
}
