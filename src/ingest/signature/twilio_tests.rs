//! Every published signature vector, and what must not pass; sources in `fixtures/providers/SOURCES.md`.

use bytes::Bytes;
use domain::members::Instant;
use serde_json::Value;

use super::*;

const VECTORS: &str = include_str!("../../../fixtures/providers/twilio/signatures.json");

type Verify = fn(&Delivery, &[Secret], &str) -> Result<(), SignatureError>;

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn form_body(params: &Value) -> String {
    let mut fields = Vec::new();
    for (key, value) in params.as_object().expect("params") {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        for value in values {
            fields.push(format!("{}={}", encoded(key), encoded(value.as_str().expect("text"))));
        }
    }
    fields.join("&")
}

fn request(vector: &Value) -> (Delivery, Vec<Secret>, String) {
    let text = |name: &str| vector[name].as_str();
    let url = text("request_url").expect("url");
    let path_at =
        url.find("://").map(|at| at + 3).and_then(|at| Some(at + url[at..].find('/')?)).expect("path");
    let (content_type, body) = match text("json_body") {
        Some(json) => ("application/json", json.to_owned()),
        None => ("application/x-www-form-urlencoded", form_body(&vector["params"])),
    };
    let mut headers = vec![("content-type".to_owned(), Bytes::from(content_type))];
    if let Some(signature) = text("signature") {
        headers.push(("x-twilio-signature".to_owned(), Bytes::from(signature.to_owned())));
    }
    let delivery = Delivery {
        provider: "twilio".into(),
        endpoint: "e".into(),
        method: "POST".into(),
        path_and_query: url[path_at..].to_owned(),
        headers,
        body: Bytes::from(body),
        received_at: Instant(0),
    };
    let token = Secret::new(text("auth_token").expect("token"));
    (delivery, vec![Secret::new("an older token"), token], url[..path_at].to_owned())
}

/// Names of the vectors that `verify` judges wrongly.
fn violations(verify: Verify) -> Vec<String> {
    let vectors: Value = serde_json::from_str(VECTORS).expect("vectors");
    let vectors = vectors.as_array().expect("array");
    assert_eq!(vectors.iter().filter(|vector| vector["valid"] == true).count(), 18);
    let wrong = vectors.iter().filter(|vector| {
        let (delivery, secrets, public_url) = request(vector);
        verify(&delivery, &secrets, &public_url).is_ok() != (vector["valid"] == true)
    });
    wrong.map(|vector| vector["name"].to_string()).collect()
}

#[test]
fn every_vector_is_judged_rightly() {
    assert_eq!(violations(verify), Vec::<String>::new());
}

#[test]
fn null_control_without_verification_the_negative_vectors_are_noticed() {
    assert_eq!(violations(|_, _, _| Ok(())).len(), 12);
    assert_eq!(violations(|_, _, _| Err(SignatureError::Mismatch)).len(), 18);
}

#[test]
fn an_endpoint_without_secrets_takes_nothing() {
    let vectors: Value = serde_json::from_str(VECTORS).expect("vectors");
    let (delivery, _, public_url) = request(&vectors[0]);
    assert_eq!(verify(&delivery, &[], &public_url), Err(SignatureError::Mismatch));
}

#[test]
fn a_get_is_signed_by_its_url_alone() {
    let url = "https://mycompany.com/hooks/twilio/e?CallSid=CA1&CallStatus=completed";
    let mac = Hmac::<Sha1>::new_from_slice(b"12345").expect("any key").chain_update(url);
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let vectors: Value = serde_json::from_str(VECTORS).expect("vectors");
    let (mut delivery, secrets, public_url) = request(&vectors[0]);
    delivery.method = "GET".into();
    delivery.path_and_query = url["https://mycompany.com".len()..].to_owned();
    delivery.headers = vec![("x-twilio-signature".into(), Bytes::from(signature))];
    assert_eq!(verify(&delivery, &secrets, &public_url), Ok(()));
    assert_eq!(
        verify(&delivery, &secrets, &format!("{public_url}:8443/")),
        Ok(()),
        "port and slash do not count"
    );
    delivery.path_and_query = delivery.path_and_query.replace("CA1", "CA2");
    assert_eq!(verify(&delivery, &secrets, &public_url), Err(SignatureError::Mismatch));
}

#[test]
fn ports_are_told_from_user_info_and_ipv6() {
    assert_eq!(split_port("user:pass@host"), ("user:pass@host", None));
    assert_eq!(split_port("user:pass@host:81"), ("user:pass@host", Some("81")));
    assert_eq!(split_port("[::1]:81"), ("[::1]", Some("81")));
    assert_eq!(split_port("[::1]"), ("[::1]", None));
}

#[test]
fn the_old_query_spelling_groups_keys_and_escapes_like_node() {
    assert_eq!(node_query("b=1&a=x+y&b=2&c&d=It's"), "b=1&b=2&a=x%20y&c=&d=It's");
    assert_eq!(browser_query("Body=It's+<a>"), "Body=It%27s+%3Ca%3E");
}
