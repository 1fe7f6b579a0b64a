//! Forms in parts (`multipart/form-data`) of hooks, as senders of inbound mail post them.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::common::tracker::{SECRET, deliver_callrail, sign, site};
use crate::common::{Answer, Server, Site, TWO_TENANTS};

/// Inbound mail of two senders, and a source that puts its JSON into a field.
const MAIL: &str = r#"
[[mapping]]
name = "inbound"
signature = "mailgun"
external_id = ["Message-Id"]
occurred_at = { path = "timestamp", format = "epoch" }
[[mapping.on]]
kind = "lead_replied"
[mapping.on.body]
lead = { email = "sender" }
reply = { text = "stripped-text" }
campaign = "attachment-1"
[[mapping]]
name = "parse"
signature = "basic"
external_id = ["message_id"]
json_field = "envelope"
[[mapping.on]]
kind = "lead_replied"
[mapping.on.body]
lead = { email = "from" }
[[endpoint]]
id = "inbound-1c1f"
provider = "inbound"
tenant = "acme"
secrets = ["signing key"]
[[endpoint]]
id = "parse-1c1f"
provider = "parse"
tenant = "acme"
secrets = ["user:password"]
"#;

async fn server() -> Server {
    Site::with(&format!("{TWO_TENANTS}{MAIL}")).start().await
}

/// A form in parts; a name with a blank in it is a file's field and name.
fn form(boundary: &str, fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        let head = match name.split_once(' ') {
            Some((name, file)) => {
                format!("name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: application/pdf")
            }
            None => format!("name=\"{name}\""),
        };
        format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    format!("{}--{boundary}--\r\n", fields.iter().map(part).collect::<String>())
}

/// Mailgun's fields of a mail: signed over time and token.
fn mail<'a>(id: &'a str, signature: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("sender", "Pat@example.com"),
        ("stripped-text", "yes & more=1 \u{e9}\r\nsecond line"),
        ("attachment-1 offer.pdf", "%PDF \u{0} not read"),
        ("timestamp", "1760011200"),
        ("token", "tok"),
        ("signature", signature),
        ("Message-Id", id),
    ]
}

fn signature(key: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key length");
    mac.update(b"1760011200tok");
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn post(server: &Server, hook: &str, media: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = server.request("POST", &format!("/hooks/{hook}")).header("content-type", media);
    server.send(request.basic_auth("user", Some("password")).body(body)).await
}

async fn fact(server: &Server, answer: &Answer) -> Value {
    assert_eq!(answer.is(200).outcome(), "recorded", "{answer:?}");
    server.read("acme", &format!("facts/{}?raw=true", answer.position())).await
}

#[tokio::test]
async fn mail_that_comes_in_parts_is_read_as_a_form_and_a_file_is_its_name() {
    let server = server().await;
    let right = signature("signing key");
    let body = form("xYzZY", &mail("m1", &right));
    let answer =
        post(&server, "inbound/inbound-1c1f", "multipart/form-data; boundary=xYzZY", body.clone()).await;
    let first = fact(&server, &answer).await;
    assert_eq!(first["body"]["lead"]["email"], "pat@example.com", "{first}");
    assert_eq!(first["body"]["reply"]["text"], "yes & more=1 \u{e9}\r\nsecond line");
    assert_eq!(first["body"]["campaign"], "offer.pdf");
    assert_eq!(first["occurred_at"], "2025-10-09T12:00:00Z");
    assert!(first["original"].to_string().contains("name=\\\"sender\\\""), "kept as it came: {first}");
    // A retry has another boundary, and may come as a plain form, under any label.
    for (media, again) in [
        ("multipart/form-data; boundary=\"another one\"", form("another one", &mail("m1", &right))),
        ("multipart/form-data", form("none-is-named", &mail("m1", &right))),
        ("text/plain", form("b", &mail("m1", &right))),
    ] {
        let answer = post(&server, "inbound/inbound-1c1f", media, again).await;
        assert_eq!(answer.is(200).outcome(), "duplicate", "{media}: {answer:?}");
    }
    // Another text under the id of the first is no retry.
    let mut changed = mail("m1", &right);
    changed[1].1 = "no";
    let answer =
        post(&server, "inbound/inbound-1c1f", "multipart/form-data; boundary=c", form("c", &changed)).await;
    assert_eq!(answer.is(200).outcome(), "conflict", "{answer:?}");
    // Null control: a signature of another key is none.
    let wrong = signature("another key");
    let forged = form("d", &mail("m2", &wrong));
    post(&server, "inbound/inbound-1c1f", "multipart/form-data; boundary=d", forged).await.problem(401);
}

#[tokio::test]
async fn json_in_a_part_is_read_where_the_mapping_names_it() {
    let server = server().await;
    let envelope = json!({"message_id": "p1", "from": "sam@example.com"}).to_string();
    let body = form("x", &[("headers", "Received: by mx"), ("envelope", &envelope)]);
    let answer = post(&server, "parse/parse-1c1f", "multipart/form-data; boundary=x", body).await;
    assert_eq!(fact(&server, &answer).await["body"]["lead"]["email"], "sam@example.com");
    let none = form("x", &[("headers", "Received: by mx")]);
    let answer = post(&server, "parse/parse-1c1f", "multipart/form-data; boundary=x", none).await;
    assert_eq!((answer.outcome(), &answer.json["reason"]), ("quarantined", &json!("missing_field")));
    // The same JSON as a text within JSON, as topics of a cloud's notifications send it.
    let envelope = json!({"message_id": "p2", "from": "sam@example.com"}).to_string();
    let body = json!({"Type": "Notification", "envelope": envelope}).to_string();
    let answer = post(&server, "parse/parse-1c1f", "text/plain; charset=UTF-8", body).await;
    assert_eq!(fact(&server, &answer).await["external_id"], "p2");
    let body = json!(json!({"message_id": "p3", "from": "sam@example.com"}).to_string()).to_string();
    let answer = post(&server, "parse/parse-1c1f", "application/json", body).await;
    assert_eq!(fact(&server, &answer).await["external_id"], "p3", "JSON that was written as JSON twice");
}

#[tokio::test]
async fn a_form_in_parts_that_is_broken_is_kept_and_a_large_one_refused() {
    let server = server().await;
    let whole = form("x", &mail("m1", &signature("signing key")));
    let cut = whole.replace("--x--\r\n", "");
    let answer = post(&server, "parse/parse-1c1f", "multipart/form-data; boundary=x", cut.clone()).await;
    assert_eq!((answer.is(200).outcome(), &answer.json["reason"]), ("quarantined", &json!("malformed_body")));
    let kept = server.read("acme", &format!("facts/{}?raw=true", answer.position())).await;
    assert_eq!(kept["original"], cut.as_str(), "{kept}");
    assert!(kept["body"]["detail"].to_string().contains("in parts is broken"), "{kept}");
    let large = form("x", &[("envelope", &"y".repeat(1024 * 1024))]);
    post(&server, "parse/parse-1c1f", "multipart/form-data; boundary=x", large).await.problem(413);
    let many: Vec<(String, &str)> = (0..9_000).map(|n| (format!("f{n}"), "1")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let answer = post(&server, "parse/parse-1c1f", "multipart/form-data; boundary=x", form("x", &many)).await;
    assert_eq!(answer.is(200).outcome(), "quarantined", "no envelope: {answer:?}");
}

#[tokio::test]
async fn presets_read_forms_in_parts_or_not_as_they_read_json() {
    let server = Site::with(&site("callrail", &["post_call"])).start().await;
    let json = crate::common::tracker::callrail("CAL1");
    assert_eq!(deliver_callrail(&server, "post_call", &json).await.is(200).outcome(), "recorded");
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let members = json.as_object().expect("members").iter().filter(|(_, value)| !value.is_array());
    let fields: Vec<(&str, String)> = members.map(|(name, value)| (name.as_str(), text(value))).collect();
    let plain = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let parts: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for body in [plain, form("x", &parts)] {
        let request = server.request("POST", "/hooks/callrail/callrail-of-post_call");
        let answer = server.send(request.header("signature", sign(SECRET, &body)).body(body)).await;
        assert_eq!(answer.is(200).outcome(), "duplicate", "the same call: {answer:?}");
    }
}
