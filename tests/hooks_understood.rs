//! What is authentic and can be understood is a fact, however carelessly it was written: broken texts, marks before JSON,
//! wrong labels, JSON within a form, times in other units.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::common::tracker::{callrail, ctm, deliver, deliver_callrail, site};
use crate::common::{Answer, Server, Site, TWO_TENANTS, bison};

/// The usual tenants and a source whose facts are calls with every kind of text.
const DIALER: &str = r#"
[[mapping]]
name = "dialer"
signature = "unsigned"
external_id = ["id"]
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = "id"
status = { value = "completed" }
campaign = "campaign"
source = "source"
from = { path = "from", prefix = "+1" }
[[mapping.on]]
kind = "note_written"
[mapping.on.body]
note_id = "id"
content = "text"
[[endpoint]]
id = "dialer-5b0f0d7e"
provider = "dialer"
tenant = "acme"
"#;

async fn dialer() -> Server {
    Site::with(&format!("{TWO_TENANTS}{DIALER}")).start().await
}

/// Posts bytes to the dialer's endpoint under a content type, or under none.
async fn dial(server: &Server, media: Option<&str>, body: impl Into<reqwest::Body>) -> Answer {
    let mut request = server.request("POST", "/hooks/dialer/dialer-5b0f0d7e").body(body);
    if let Some(media) = media {
        request = request.header("content-type", media);
    }
    server.send(request).await
}

/// The body of the fact that was recorded, the first of a delivery's.
async fn recorded(server: &Server, answer: &Answer) -> Value {
    assert_eq!(answer.is(200).outcome(), "recorded", "{answer:?}");
    server.read("acme", &format!("facts/{}", answer.json["facts"][0]["position"])).await["body"].clone()
}

const JSON: Option<&str> = Some("application/json");

#[tokio::test]
async fn broken_texts_are_mended_in_mappings_as_in_presets() {
    let server = dialer().await;
    let long = "é".repeat(900);
    let note = "x".repeat(70_000);
    let body = format!(
        r#"{{"id":"D1","campaign":"a\ud83db","source":"{long}","from":"+1202\u000055501","text":"{note}"}}"#
    );
    let answer = dial(&server, JSON, body).await;
    let fact = recorded(&server, &answer).await;
    assert_eq!(fact["campaign"], "a\u{fffd}b", "half of a pair: {fact}");
    assert_eq!(fact["source"], "é".repeat(512), "cut between characters");
    assert_eq!(fact["from"], "+1202\u{fffd}55501", "NUL: {fact}");
    let noted = &server.read("acme", "facts?kind=note_written").await["items"][0]["body"];
    assert_eq!(noted["content"].as_str().map(str::len), Some(65_536));

    let latin = [&br#"{"id":"D2","campaign":"caf"#[..], b"\xe9", br#""}"#].concat();
    let fact = recorded(&server, &dial(&server, JSON, latin).await).await;
    assert_eq!(fact["campaign"], "caf\u{fffd}", "{fact}");
    let fact = recorded(&server, &dial(&server, JSON, "{\"id\":\"D3\",\"campaign\":\"a\n\tb\"}").await).await;
    assert_eq!(fact["campaign"], "a\n\tb", "a bare line break: {fact}");
    // Null control: what is no JSON for another reason is kept whole.
    assert_eq!(dial(&server, JSON, r#"{"id":"D4\ud83d"#).await.outcome(), "quarantined");

    let mut body = bison::sent("EMAIL_SENT", 1, bison::lead(1), "2025-10-09T12:00:00Z");
    body["data"]["campaign"]["name"] = "HALF".into();
    let text = body.to_string().replace("HALF", r"a\udc00b");
    let answer = deliver(&server, &format!("emailbison/{}", bison::ENDPOINT), text, &[]).await;
    assert_eq!(recorded(&server, &answer).await["campaign"], "a\u{fffd}b", "presets, too");
    // A client that posts can mend its texts, and is told.
    let posted = r#"{"provider":"desk","external_id":"x","kind":"call_reported","occurred_at":"2025-10-09T12:00:00Z",
        "body":{"call_id":"\ud83d","status":"completed"}}"#;
    server.post_raw("acme", "application/json", posted).await.problem(400);
}

#[tokio::test]
async fn a_mark_before_json_is_no_part_of_it() {
    let site = Site::with(&format!("\u{feff}{TWO_TENANTS}{DIALER}"));
    let text = fs::read_to_string(site.config()).expect("reads").replace('\u{feff}', "");
    fs::write(site.config(), format!("\u{feff}{text}")).expect("writes");
    let server = site.start().await;
    let fact = recorded(&server, &dial(&server, JSON, "\u{feff}{\"id\":\"M1\"}").await).await;
    assert_eq!(fact["call_id"], "dialer:M1");
    let form = dial(&server, Some("application/x-www-form-urlencoded"), "\u{feff}id=M2").await;
    assert_eq!(recorded(&server, &form).await["call_id"], "dialer:M2");

    let fact = |id: &str| {
        json!({"provider": "desk", "external_id": id, "kind": "call_reported", "occurred_at": "2025-10-09T12:00:00Z",
               "body": {"call_id": id, "status": "completed"}})
    };
    let one = server.post_raw("acme", "application/json", format!("\u{feff}{}", fact("A1"))).await;
    assert_eq!(one.is(201).outcome(), "recorded");
    let list = format!("\u{feff}[{},{}]", fact("A2"), fact("A3"));
    assert_eq!(server.post_raw("acme", "application/json", list).await.is(200).json["recorded"], 2);
    let lines = format!("\u{feff}{}\n\u{feff}\n\u{feff}{}\n", fact("A4"), fact("A5"));
    let answer = server.post_raw("acme", "application/x-ndjson", lines.clone()).await;
    assert_eq!((&answer.json["recorded"], &answer.json["rejected"]), (&json!(2), &json!(0)), "{answer:?}");
    server.stop();
    let file = site.path("facts.ndjson");
    fs::write(&file, lines.replace("\"A", "\"B")).expect("writes");
    let ran = site.cli(&["--json", "import", "--tenant", "acme", file.to_str().expect("UTF-8")]);
    assert_eq!(ran.exits(0).json()[0]["recorded"], 2, "{}", ran.all());
}

#[tokio::test]
async fn json_is_known_by_how_it_looks_and_so_is_a_form() {
    let server = dialer().await;
    let form = "application/x-www-form-urlencoded";
    for (n, media) in [None, Some("text/plain"), Some(form), Some("application/octet-stream"), Some("nonsense")]
        .into_iter()
        .enumerate()
    {
        let body = format!(" \n{{\"id\": \"J{n}\", \"campaign\": \"a=b&c\"}}\n");
        let fact = recorded(&server, &dial(&server, media, body).await).await;
        assert_eq!((&fact["call_id"], &fact["campaign"]), (&json!(format!("dialer:J{n}")), &json!("a=b&c")));
        let fact = recorded(&server, &dial(&server, media, format!("id=F{n}&campaign=%7Bx%7D")).await).await;
        assert_eq!((&fact["call_id"], &fact["campaign"]), (&json!(format!("dialer:F{n}")), &json!("{x}")));
    }
    let fact = recorded(&server, &dial(&server, JSON, "id=F9&campaign=a").await).await;
    assert_eq!(fact["call_id"], "dialer:F9", "a form that is labelled as JSON");
    let fact = recorded(&server, &dial(&server, Some(form), "{id=1&id=F10").await).await;
    assert_eq!(fact["call_id"], "dialer:F10", "a form that begins like JSON");
}

#[tokio::test]
async fn a_twilio_callback_that_looks_like_json_needs_a_signature_over_it() {
    use crate::common::twilio;
    let server = Site::new().start().await;
    let forged = r#"{"CallSid":"CA66","CallStatus":"completed"}"#;
    let signature = twilio::sign(
        crate::common::TWILIO_TOKEN,
        &twilio::public_url(twilio::ENDPOINT),
        &vec![(forged.to_owned(), String::new())],
    );
    for media in ["application/x-www-form-urlencoded", "application/json", "text/plain"] {
        let request = server.request("POST", &format!("/hooks/twilio/{}", twilio::ENDPOINT));
        let request = request.header("content-type", media).header("x-twilio-signature", &signature);
        server.send(request.body(forged)).await.problem(401);
    }
}

/// Sources that put their JSON into a field of a form.
const FORMS: &str = r#"
[[mapping]]
name = "mandrill"
signature = "unsigned"
json_field = "mandrill_events"
each = "$"
event = "event"
external_id = ["_id"]
occurred_at = { path = "ts", format = "epoch" }
[[mapping.on]]
event = ["send"]
kind = "email_sent"
[mapping.on.body]
lead = { email = "msg.email" }
[[mapping]]
name = "repo"
signature = "github"
json_field = "payload"
external_id = ["id"]
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = "id"
status = { value = "completed" }
[[endpoint]]
id = "mandrill-1c1f"
provider = "mandrill"
tenant = "acme"
[[endpoint]]
id = "repo-1c1f"
provider = "repo"
tenant = "acme"
secrets = ["sesame"]
"#;

fn hmac_hex(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn json_in_a_field_of_a_form_is_read_where_the_mapping_names_it() {
    let server = Site::with(&format!("{TWO_TENANTS}{FORMS}")).start().await;
    let events = json!([{"event": "send", "_id": "m1", "ts": 1_760_011_200, "msg": {"email": "pat@example.com"}},
                        {"event": "send", "_id": "m2", "ts": 1_760_011_260, "msg": {"email": "sam@example.com"}}]);
    let encode = |name: &str, json: &Value| {
        form_urlencoded::Serializer::new(String::new()).append_pair("x", "1").append_pair(name, &json.to_string()).finish()
    };
    let post = async |hook: &str, body: String, headers: &[(&str, &str)]| {
        let request = server.request("POST", &format!("/hooks/{hook}"));
        let mut request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        server.send(request.body(body)).await
    };
    let answer = post("mandrill/mandrill-1c1f", encode("mandrill_events", &events), &[]).await;
    assert_eq!(answer.is(200).json["facts"].as_array().map(Vec::len), Some(2), "{answer:?}");
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["emails_sent"], 2, "{month}");

    let body = encode("payload", &json!({"id": "R1"}));
    let signature = format!("sha256={}", hmac_hex("sesame", &body));
    let answer = post("repo/repo-1c1f", body, &[("x-hub-signature-256", &signature)]).await;
    assert_eq!(recorded(&server, &answer).await["call_id"], "repo:R1");
    // The same source may be set to send JSON itself.
    let body = json!({"id": "R2"}).to_string();
    let signature = format!("sha256={}", hmac_hex("sesame", &body));
    let answer = deliver(&server, "repo/repo-1c1f", body, &[("x-hub-signature-256", &signature)]).await;
    assert_eq!(recorded(&server, &answer).await["call_id"], "repo:R2");
    let none = post("mandrill/mandrill-1c1f", encode("events", &events), &[]).await;
    assert_eq!((none.outcome(), &none.json["reason"]), ("quarantined", &json!("missing_field")));
}

/// Sources that sign a time, with and without its unit.
const TIMED: &str = r#"
[[mapping]]
name = "free"
signature = { scheme = "hmac", header = "x-sign", signed = "{x-time}.{body}", time = "{x-time}" }
external_id = ["id"]
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = "id"
status = { value = "completed" }
[[mapping]]
name = "pinned"
signature = { scheme = "hmac", header = "x-sign", signed = "{x-time}.{body}", time = "{x-time}", time_unit = "milliseconds" }
external_id = ["id"]
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = "id"
status = { value = "completed" }
[[endpoint]]
id = "free-1c1f"
provider = "free"
tenant = "acme"
secrets = ["sesame"]
[[endpoint]]
id = "pinned-1c1f"
provider = "pinned"
tenant = "acme"
secrets = ["sesame"]
"#;

#[tokio::test]
async fn a_signed_time_is_read_in_its_unit() {
    let server = Site::with(&format!("{TWO_TENANTS}{TIMED}")).start().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    let send = async |name: &str, time: String| {
        let body = json!({"id": time}).to_string();
        let signature = hmac_hex("sesame", &format!("{time}.{body}"));
        let headers = [("x-time", time.as_str()), ("x-sign", signature.as_str())];
        deliver(&server, &format!("{name}/{name}-1c1f"), body, &headers).await.status
    };
    let rfc3339 = chrono::DateTime::from_timestamp(now, 0).expect("a time").to_rfc3339();
    for (time, free, pinned) in [
        (now.to_string(), 200, 401),
        ((now * 1_000 + 7).to_string(), 200, 200),
        ((now * 1_000_000).to_string(), 200, 401),
        (rfc3339, 200, 401),
        // Null controls: old ones in each unit, and what is no time.
        ((now - 400).to_string(), 401, 401),
        (((now - 400) * 1_000).to_string(), 401, 401),
        (((now + 400) * 1_000).to_string(), 401, 401),
        ("now".to_owned(), 401, 401),
        ("-1".to_owned(), 401, 401),
    ] {
        assert_eq!((send("free", time.clone()).await, send("pinned", time.clone()).await), (free, pinned), "{time}");
    }
    let wrong = TIMED.replace("\"milliseconds\"", "\"fortnights\"");
    let told = Site::with(&format!("{TWO_TENANTS}{wrong}")).start_refused().all();
    assert!(told.contains("time_unit must be seconds or milliseconds"), "{told}");
}

/// A source that asks whether the URL is its own, and one with user and password.
const ASKING: &str = r#"
[[mapping]]
name = "ringcentral"
signature = { scheme = "header", header = "Verification-Token" }
echo_header = "Validation-Token"
external_id = ["uuid"]
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = "body.sessionId"
status = { value = "ringing" }
[[mapping]]
name = "guarded"
signature = "basic"
external_id = ["id"]
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = "id"
status = { value = "completed" }
[[endpoint]]
id = "ringcentral-1c1f"
provider = "ringcentral"
tenant = "acme"
secrets = ["sesame"]
[[endpoint]]
id = "guarded-1c1f"
provider = "guarded"
tenant = "acme"
secrets = ["user:sesame"]
"#;

#[tokio::test]
async fn a_source_that_asks_whether_the_url_is_its_own_gets_its_token_back() {
    let server = Site::with(&format!("{TWO_TENANTS}{ASKING}")).start().await;
    let ask = |id: &str, body: &'static str| {
        let request = server.request("POST", &format!("/hooks/ringcentral/{id}"));
        request.header("validation-token", "f00-b4r").header("content-type", "application/json").body(body)
    };
    let asked = server.send(ask("ringcentral-1c1f", "")).await;
    assert_eq!((asked.is(200).header("validation-token"), asked.outcome()), ("f00-b4r", "ignored"));
    let event = r#"{"uuid":"u1","body":{"sessionId":"s1"}}"#;
    let told = server.send(ask("ringcentral-1c1f", event).header("verification-token", "sesame")).await;
    assert_eq!((told.is(200).header("validation-token"), told.outcome()), ("f00-b4r", "recorded"));
    // What carries an event is verified, and nobody learns by the token which endpoints there are.
    let forged = server.send(ask("ringcentral-1c1f", event)).await;
    assert!(forged.headers.get("validation-token").is_none(), "{forged:?}");
    forged.problem(401);
    let unknown = server.send(ask("ringcentral-none", "")).await;
    assert!(unknown.headers.get("validation-token").is_none(), "{unknown:?}");
    unknown.problem(404);
    // A source whose mapping does not ask for it gets nothing back.
    let other = server.request("POST", "/hooks/guarded/guarded-1c1f").header("validation-token", "f00-b4r");
    let other = server.send(other.basic_auth("user", Some("sesame")).body(r#"{"id":"g1"}"#)).await;
    assert!(other.is(200).headers.get("validation-token").is_none(), "{other:?}");
    for wrong in ["echo_header = \"a b\"", "json_field = \" \""] {
        let tables = ASKING.replace("echo_header = \"Validation-Token\"", wrong);
        let told = Site::with(&format!("{TWO_TENANTS}{tables}")).start_refused().all();
        assert!(told.contains("must be the name of a"), "{told}");
    }
}

#[tokio::test]
async fn user_and_password_are_asked_for_by_a_challenge() {
    let server = Site::with(&format!("{TWO_TENANTS}{ASKING}")).start().await;
    let request = || server.request("POST", "/hooks/guarded/guarded-1c1f").body(r#"{"id":"g1"}"#);
    for refused in [request(), request().basic_auth("user", Some("wrong"))] {
        let answer = server.send(refused).await;
        answer.problem(401);
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"factfold\", charset=\"UTF-8\"");
    }
    let answer = server.send(request().basic_auth("user", Some("sesame"))).await;
    assert_eq!(answer.is(200).outcome(), "recorded");
    let other = server.send(server.request("POST", "/hooks/ringcentral/ringcentral-1c1f").body("{}")).await;
    assert_eq!(other.header("www-authenticate"), "Bearer", "of no other scheme: {other:?}");
}

#[tokio::test]
async fn a_prefix_makes_no_number_of_what_is_none() {
    let server = dialer().await;
    for (n, (given, expected)) in [
        ("2025550123", "+12025550123"),
        ("(202) 555-0123", "+12025550123"),
        ("202.555.0123", "+12025550123"),
        ("+442079460123", "+442079460123"),
        ("sip:100@203.0.113.77", "sip:100@203.0.113.77"),
        ("sip:2025550123@example.com", "sip:2025550123@example.com"),
        ("client:agent_1234567", "client:agent_1234567"),
        ("Restricted", "Restricted"),
        ("Anonymous 000000", "Anonymous 000000"),
        ("100", "100"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = dial(&server, JSON, json!({"id": format!("P{n}"), "from": given}).to_string()).await;
        assert_eq!(recorded(&server, &answer).await["from"], expected, "{given}");
    }
}

#[tokio::test]
async fn presets_read_json_under_any_label() {
    let server = Site::with(&site("callrail", &["post_call"])).start().await;
    let body = format!("\u{feff}{}", callrail("CAL77"));
    let signature = crate::common::tracker::sign(crate::common::tracker::SECRET, &body);
    let request = server.request("POST", "/hooks/callrail/callrail-of-post_call").header("signature", &signature);
    let answer = server.send(request.body(body)).await;
    assert_eq!(answer.is(200).outcome(), "recorded", "the signature is over the mark, too: {answer:?}");
    let again = deliver_callrail(&server, "post_call", &callrail("CAL77")).await;
    assert_eq!(again.is(200).outcome(), "duplicate", "{again:?}");
    let server = Site::with(&site("ctm", &["end"])).start().await;
    let body = ctm(900).to_string();
    let signature = crate::common::tracker::sign(crate::common::tracker::SECRET, &format!("1760011262{body}"));
    let request = server.request("POST", "/hooks/ctm/ctm-of-end").header("content-type", "text/html");
    let request = request.header("x-ctm-time", "1760011262").header("x-ctm-signature", &signature);
    assert_eq!(server.send(request.body(body)).await.is(200).outcome(), "recorded");
}
