//! Every recorded delivery of every provider, sent to the real binary and signed as its source signs. The outcome is that
//! of the golden file beside it, and a redelivery records nothing new.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::fixture::{self, Fixture};
use crate::common::tracker::sign;
use crate::common::{Answer, PUBLIC_URL, Server, Site, twilio};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

const SECRET: &str = "072e77e426f92738a72fe23c4d1953b4";
const WHSEC: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const FOLDERS: &[&str] = &["twilio", "callrail", "ctm", "emailbison", "generic"];

/// One recorded request and its expected outcome.
struct Case {
    name: String,
    provider: String,
    endpoint: String,
    query: String,
    fixture: Fixture,
    golden: Value,
}

impl Case {
    fn new(fixture: Fixture) -> Self {
        let (provider, endpoint, query) = fixture.hook();
        let golden = fs::read(fixture.path.with_extension("json")).expect("a golden file");
        Self {
            name: fixture.name(),
            // An id is at least eight characters long, and of one endpoint.
            endpoint: format!("fixture-{provider}-{endpoint}"),
            provider: provider.to_owned(),
            query: query.to_owned(),
            golden: serde_json::from_slice(&golden).expect("json"),
            fixture,
        }
    }
}

fn cases(name: &str) -> Vec<Case> {
    fixture::all(name).into_iter().map(Case::new).collect()
}

/// The tenants and mappings of the fixtures, and an endpoint for each that a delivery comes to.
fn tables(cases: &[Case], key: &str) -> String {
    let mut tables = fs::read_to_string(fixture::folder("generic").join("mappings.toml")).expect("mappings");
    let endpoints: BTreeMap<_, _> =
        cases.iter().map(|case| ((&case.provider, &case.endpoint), case)).collect();
    for (provider, endpoint) in endpoints.into_keys() {
        let secret = match provider.as_str() {
            "emailbison" | "ringba" => None,
            "regal" => Some(WHSEC),
            "sendgrid" => Some(key),
            _ => Some(SECRET),
        };
        write!(tables, "\n[[endpoint]]\nid = {endpoint:?}\nprovider = {provider:?}\n").expect("memory");
        if let Some(secret) = secret {
            writeln!(tables, "secrets = [{secret:?}]").expect("memory");
        }
        if endpoint.contains("acme") {
            tables.push_str("tenant = \"acme\"\n");
        }
        if let Some((_, event)) = endpoint.trim_start_matches(&format!("fixture-{provider}-")).split_once('-')
            && matches!(provider.as_str(), "callrail" | "ctm")
        {
            writeln!(tables, "event = {event:?}").expect("memory");
        }
    }
    tables
}

/// A key pair as SendGrid would have one, and the public half as it shows it.
fn key_pair() -> (ring::signature::EcdsaKeyPair, String) {
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
    let random = ring::rand::SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).expect("a pair");
    let header = STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA=").expect("base64");
    let public = STANDARD.encode([&header, pair.public_key().as_ref()].concat());
    (pair, public)
}

/// The headers and the body with which the source would send the case.
fn signed(case: &Case, pair: &ring::signature::EcdsaKeyPair) -> (Vec<(&'static str, String)>, String) {
    let mac = |secret: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any key length");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes()
    };
    let body = case.fixture.body.clone();
    let headers = match case.provider.as_str() {
        "twilio" => {
            let mut query = case.query.clone();
            let is_json = case.fixture.header("content-type").is_some_and(|given| given.contains("json"));
            if is_json {
                let digest: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
                query = format!("bodySHA256={digest}");
            }
            let mark = if query.is_empty() { "" } else { "?" };
            let url = format!("{PUBLIC_URL}/hooks/twilio/{}{mark}{query}", case.endpoint);
            let form = if is_json || case.fixture.method == "GET" { String::new() } else { body.clone() };
            let form = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
            vec![("x-twilio-signature", twilio::sign(SECRET, &url, &form)), ("x-query", query)]
        }
        "callrail" => vec![("signature", sign(SECRET, &body))],
        "ctm" => {
            let signature = sign(SECRET, &format!("1790675972{body}"));
            vec![("x-ctm-time", "1790675972".into()), ("x-ctm-signature", signature)]
        }
        "whatconverts" => vec![("x-hook-token", SECRET.into())],
        "marchex" => vec![("x-marchex-signature", sign(SECRET, &body))],
        "regal" => {
            let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
            let id =
                case.fixture.header("webhook-id").map(str::to_owned).unwrap_or_else(|| "msg_made".into());
            let key = STANDARD.decode(&WHSEC[6..]).expect("base64");
            let signature = STANDARD.encode(mac(&key, &format!("{id}.{time}.{body}")));
            vec![
                ("webhook-id", id),
                ("webhook-timestamp", time.to_string()),
                ("webhook-signature", format!("v1,{signature}")),
            ]
        }
        "sendgrid" => {
            let random = ring::rand::SystemRandom::new();
            let signature = pair.sign(&random, format!("1600112502{body}").as_bytes()).expect("signed");
            vec![
                ("x-twilio-email-event-webhook-timestamp", "1600112502".into()),
                ("x-twilio-email-event-webhook-signature", STANDARD.encode(signature.as_ref())),
            ]
        }
        "mailgun" => {
            let mut json: Value = serde_json::from_str(&body).expect("json");
            let bytes = mac(SECRET.as_bytes(), "1790675910t");
            let signature: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json["signature"]["signature"] = signature.into();
            return (Vec::new(), json.to_string());
        }
        _ => Vec::new(),
    };
    (headers, body)
}

async fn deliver(server: &Server, case: &Case, pair: &ring::signature::EcdsaKeyPair, forged: bool) -> Answer {
    let (headers, body) = signed(case, pair);
    let query = headers.iter().find(|(name, _)| *name == "x-query").map_or(&case.query, |(_, query)| query);
    let mark = if query.is_empty() { "" } else { "?" };
    let target = format!("/hooks/{}/{}{mark}{query}", case.provider, case.endpoint);
    let mut request = server.request(&case.fixture.method, &target);
    if let Some(media) = case.fixture.header("content-type") {
        request = request.header("content-type", media);
    }
    for (name, value) in headers.iter().filter(|(name, _)| *name != "x-query") {
        // A signature in which one character is another is a signature of something else.
        let is_signature = name.contains("signature") || name.contains("token");
        let value =
            if forged && is_signature { value.replacen(['A', 'a', 'b', '7'], "c", 1) } else { value.clone() };
        let value = if forged && is_signature { format!("{value}x") } else { value };
        request = request.header(*name, value);
    }
    server.send(request.body(body)).await
}

#[tokio::test]
async fn a1_every_fixture_is_answered_as_it_stands_and_nothing_new_comes_of_a_redelivery() {
    let (pair, public) = key_pair();
    for name in FOLDERS {
        let cases = cases(name);
        let server = Site::with(&tables(&cases, &public)).start().await;
        let mut recorded = 0;
        for case in &cases {
            let answer = deliver(&server, case, &pair, false).await;
            let shown = format!("{name}/{}: {answer:?}", case.name);
            let outcome = answer.is(200).outcome();
            let facts = answer.json["facts"].as_array().map_or(0, Vec::len);
            // Cases are variations of one event, so that most keys are met before.
            let expected = match (case.golden["facts"].as_array(), case.golden["quarantine"].as_str()) {
                (Some(golden), _) => {
                    assert!(["recorded", "duplicate", "conflict"].contains(&outcome), "{shown}");
                    golden.len()
                }
                (None, Some(reason)) => {
                    assert_eq!(
                        (outcome, answer.json["reason"].as_str()),
                        ("quarantined", Some(reason)),
                        "{shown}"
                    );
                    1
                }
                (None, None) => {
                    assert_eq!(outcome, "ignored", "{shown}");
                    0
                }
            };
            assert_eq!(facts, expected, "{shown}");
            recorded += usize::from(outcome == "recorded");
        }
        assert!(recorded >= 3, "{name}: expected several recorded, got {recorded}");
        let head = server.seen();
        for case in cases.iter().rev() {
            let answer = deliver(&server, case, &pair, false).await;
            assert_ne!(answer.is(200).outcome(), "recorded", "{name}/{}: {answer:?}", case.name);
        }
        assert_eq!(server.seen(), head, "{name}: expected nothing new in the log");
    }
}

#[tokio::test]
async fn null_control_the_same_deliveries_with_forged_signatures_are_all_refused() {
    let (pair, public) = key_pair();
    for name in FOLDERS.iter().filter(|name| **name != "emailbison") {
        let mut cases = cases(name);
        // One has no signature, the other signs no header.
        cases.retain(|case| !["ringba", "mailgun"].contains(&case.provider.as_str()));
        let server = Site::with(&tables(&cases, &public)).start().await;
        for case in &cases {
            let answer = deliver(&server, case, &pair, true).await;
            assert_eq!(answer.status, 401, "{name}/{}: {answer:?}", case.name);
        }
    }
}
