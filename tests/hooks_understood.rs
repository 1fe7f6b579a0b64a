//! What is authentic and can be understood is a fact, however carelessly it was written: broken texts, marks before JSON,
//! wrong labels, JSON within a form.

use std::fs;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::common::tracker::{callrail, ctm, deliver, deliver_callrail, site};
use crate::common::{Answer, PUBLIC_URL, Server, Site, TWO_TENANTS, bison, twilio};

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
async fn a_charset_that_is_named_is_read_where_the_text_is_no_utf_8() {
    let server = dialer().await;
    let latin =
        |id: &str| [format!(r#"{{"id":"{id}","campaign":"caf"#).as_bytes(), b"\xe9 \x80", br#""}"#].concat();
    for (n, (media, expected)) in [
        ("application/json; charset=ISO-8859-1", "caf\u{e9} \u{20ac}"),
        ("application/json;charset=\"windows-1252\"", "caf\u{e9} \u{20ac}"),
        ("text/plain; charset=koi8-r; x=1", "caf\u{418} \u{2500}"),
        ("application/json; charset=utf-8", "caf\u{fffd} \u{fffd}"),
        ("application/json; charset=nonsense", "caf\u{fffd} \u{fffd}"),
        ("application/json; charset=utf-16", "caf\u{fffd} \u{fffd}"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = dial(&server, Some(media), latin(&format!("L{n}"))).await;
        assert_eq!(recorded(&server, &answer).await["campaign"], expected, "{media}");
    }
    // Null control: what is UTF-8 stays, whatever is named.
    let media = Some("application/json; charset=iso-8859-1");
    let answer =
        dial(&server, media, r#"{"id":"L8","campaign":"caf\u{e9}"}"#.replace("\\u{e9}", "\u{e9}")).await;
    assert_eq!(recorded(&server, &answer).await["campaign"], "caf\u{e9}");
    let media = Some("application/x-www-form-urlencoded; charset=windows-1252");
    let answer = dial(&server, media, "id=L9&campaign=caf%E9+%80").await;
    assert_eq!(recorded(&server, &answer).await["campaign"], "caf\u{e9} \u{20ac}");
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
    for (n, media) in
        [None, Some("text/plain"), Some(form), Some("application/octet-stream"), Some("nonsense")]
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
signature = "mandrill"
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
secrets = ["webhook key"]
[[endpoint]]
id = "repo-1c1f"
provider = "repo"
tenant = "acme"
secrets = ["sesame"]
"#;

pub fn hmac_hex(secret: &str, text: &str) -> String {
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
        form_urlencoded::Serializer::new(String::new())
            .append_pair("x", "1")
            .append_pair(name, &json.to_string())
            .finish()
    };
    let post = async |hook: &str, body: String, headers: &[(&str, &str)]| {
        let request = server.request("POST", &format!("/hooks/{hook}"));
        let mut request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        server.send(request.body(body)).await
    };
    let mandrill = async |name: &str, key: &str| {
        let form = vec![("x".to_owned(), "1".to_owned()), (name.to_owned(), events.to_string())];
        let signature = twilio::sign(key, &format!("{PUBLIC_URL}/hooks/mandrill/mandrill-1c1f"), &form);
        post("mandrill/mandrill-1c1f", encode(name, &events), &[("x-mandrill-signature", &signature)]).await
    };
    mandrill("mandrill_events", "another key").await.problem(401);
    let answer = mandrill("mandrill_events", "webhook key").await;
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
    let none = mandrill("events", "webhook key").await;
    assert_eq!((none.outcome(), &none.json["reason"]), ("quarantined", &json!("missing_field")));
}

#[tokio::test]
async fn a_prefix_makes_no_number_of_what_is_none() {
    let server = dialer().await;
    for (n, (given, expected)) in [
        ("2025550123", "+12025550123"),
        ("(202) 555-0123", "+12025550123"),
        ("202.555.0123", "+12025550123"),
        ("+442079460123", "+442079460123"),
        ("12025550123", "+12025550123"),
        ("1 (202) 555-0123", "+12025550123"),
        ("00442079460123", "+442079460123"),
        ("011 44 20 7946 0123", "+442079460123"),
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
    let request =
        server.request("POST", "/hooks/callrail/callrail-of-post_call").header("signature", &signature);
    let answer = server.send(request.body(body)).await;
    assert_eq!(answer.is(200).outcome(), "recorded", "the signature is over the mark, too: {answer:?}");
    let again = deliver_callrail(&server, "post_call", &callrail("CAL77")).await;
    assert_eq!(again.is(200).outcome(), "duplicate", "{again:?}");
    let server = Site::with(&site("ctm", &["end"])).start().await;
    let body = ctm(900).to_string();
    let signature =
        crate::common::tracker::sign(crate::common::tracker::SECRET, &format!("1760011262{body}"));
    let request = server.request("POST", "/hooks/ctm/ctm-of-end").header("content-type", "text/html");
    let request = request.header("x-ctm-time", "1760011262").header("x-ctm-signature", &signature);
    assert_eq!(server.send(request.body(body)).await.is(200).outcome(), "recorded");
}

#[tokio::test]
async fn what_is_authentic_and_reads_in_one_way_only_is_a_fact() {
    const MAPPING: &str = r#"
[[mapping]]
name = "batches"
signature = "unsigned"
each = "$"
external_id = ["id"]
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = { path = "id", prefix = "" }
status = { value = "completed" }
[[endpoint]]
id = "batches-1c1f"
provider = "batches"
tenant = "acme"
"#;
    let server = Site::with(&format!("{TWO_TENANTS}{MAPPING}")).start().await;
    let post = async |body: Vec<u8>| {
        let request = server.request("POST", "/hooks/batches/batches-1c1f");
        let answer = server.send(request.header("content-type", "application/json").body(body)).await;
        assert_eq!(answer.is(200).json["outcome"], "recorded", "{answer:?}");
        answer.json["facts"].as_array().expect("facts").len()
    };
    let utf_16: Vec<u8> = "[{\"id\":\"wide é\"}]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(post(utf_16).await, 1);
    assert_eq!(post(b"[{\"id\":1e999}]".to_vec()).await, 1);
    assert_eq!(post(b"{\"id\":\"line 1\"}\r\n\n{\"id\":\"line 2\"}\n".to_vec()).await, 2, "a line each");
    let many: Vec<Value> = (0..9_000).map(|n| json!({"id": format!("many-{n}")})).collect();
    assert_eq!(post(Value::from(many).to_string().into_bytes()).await, 9_000);
    let keys = server.all_items("acme", "facts?provider=batches&limit=500").await;
    let keys: Vec<&str> = keys.iter().filter_map(|fact| fact["external_id"].as_str()).collect();
    assert_eq!(keys.len(), 9_004);
    for key in ["wide é", "1e999", "many-8999", "line 2"] {
        assert!(keys.contains(&key), "{key}");
    }
}
