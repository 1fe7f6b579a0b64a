//! Every published signature vector over HTTP: valid ones are accepted, invalid ones get 401. Twilio signs the URL it
//! calls, so its vectors are signed again for the hook's path, with the URL spelt as the published signature has it. A
//! signed time is moved to now.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::twilio::{Form, sign};
use crate::common::{Server, Site, TWO_TENANTS};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn vectors(name: &str) -> Vec<Value> {
    let path = format!("{}/fixtures/providers/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&fs::read(path).expect("vectors")).expect("json")
}

fn text<'v>(vector: &'v Value, name: &str) -> &'v str {
    vector[name].as_str().unwrap_or_default()
}

/// The status of a request whose target is sent unchanged: a URL library would spell it anew.
async fn post(server: &Server, target: &str, headers: &[(String, String)], body: &[u8]) -> u16 {
    let address = server.base.strip_prefix("http://").expect("http");
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let mut head = format!("POST {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").expect("memory");
    }
    write!(head, "content-length: {}\r\n\r\n", body.len()).expect("memory");
    stream.write_all(&[head.as_bytes(), body].concat()).await.expect("sends");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// Every spelling of a URL that Twilio's libraries sign: without port, with the scheme's own, as it is, each with the
/// query as it is and as a browser would have it.
fn spellings(url: &str) -> Vec<String> {
    let (scheme, rest) = url.split_once("://").expect("a scheme");
    let at = rest.find('/').expect("a path");
    let (authority, path) = rest.split_at(at);
    let host = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let host = host.map_or(authority, |(host, _)| host);
    let port = if scheme == "https" { "443" } else { "80" };
    let hosts = [host.to_owned(), format!("{host}:{port}"), authority.to_owned()];
    let spelt = |host: &String| {
        [path.to_owned(), path.replace('\'', "%27")].map(|path| format!("{scheme}://{host}{path}"))
    };
    hosts.iter().flat_map(spelt).collect()
}

fn form(params: &Value) -> Form {
    let mut form = Form::new();
    for (name, value) in params.as_object().expect("params") {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        form.extend(values.iter().map(|value| (name.clone(), value.as_str().expect("text").to_owned())));
    }
    form
}

const HOOK: &str = "/hooks/twilio/tw-vectors";

/// A server whose `public_url` is configured at Twilio.
async fn told_to_call(public_url: &str) -> (Site, Server) {
    let site = Site::new();
    let config = format!(
        "data_dir = {:?}\npublic_url = {public_url:?}\n[[tenant]]\nid = \"acme\"\nname = \"Acme\"\ntimezone = \"UTC\"\n\
         [[endpoint]]\nid = \"tw-vectors\"\nprovider = \"twilio\"\ntenant = \"acme\"\nsecrets = [\"older\", \"12345\"]\n",
        site.data().display().to_string()
    );
    fs::write(site.config(), config).expect("configured");
    let server = site.start().await;
    (site, server)
}

#[tokio::test]
async fn a1_twilios_published_signatures_pass_in_every_spelling_of_the_url_and_nothing_else_does() {
    let vectors = vectors("twilio/signatures.json");
    let valid: Vec<&Value> = vectors.iter().filter(|vector| vector["valid"] == true).collect();
    assert_eq!(valid.len(), 18);
    let mut by_url: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for vector in valid {
        let url = text(vector, "request_url");
        let path = url.find("/myapp").expect("a path");
        by_url.entry(&url[..path]).or_default().push(vector);
    }
    for (public_url, vectors) in by_url {
        let (_site, server) = told_to_call(public_url).await;
        for vector in vectors {
            let (url, token) = (text(vector, "request_url"), text(vector, "auth_token"));
            let form = form(&vector["params"]);
            let is_published = |spelt: &String| sign(token, spelt, &form) == text(vector, "signature");
            let spelling = spellings(url).iter().position(is_published);
            let spelling =
                spelling.unwrap_or_else(|| panic!("{}: no spelling is the signed one", vector["name"]));
            let target = url[public_url.len()..].replace("/myapp.php", HOOK);
            let signed = &spellings(&format!("{public_url}{target}"))[spelling];
            let (media, body) = match vector["json_body"].as_str() {
                Some(json) => ("application/json", json.to_owned()),
                None => {
                    let encoded =
                        form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
                    ("application/x-www-form-urlencoded", encoded)
                }
            };
            let send = async |signature: &str| {
                let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
                let headers = [header("content-type", media), header("x-twilio-signature", signature)];
                post(&server, &target, &headers, body.as_bytes()).await
            };
            let right = sign("12345", signed, &form);
            assert_eq!(send(&right).await, 200, "{}", vector["name"]);
            let wrong = [
                sign("12346", signed, &form),
                sign("12345", &format!("{signed}&more=1"), &form),
                sign("12345", signed, &crate::common::twilio::with(form.clone(), "Extra", "1")),
                right[..14].to_owned(),
                "WRONG_SIGNATURE".to_owned(),
                String::new(),
            ];
            for signature in wrong {
                assert_eq!(send(&signature).await, 401, "{} by {signature:?}", vector["name"]);
            }
        }
    }
}

#[tokio::test]
async fn a1_a_signature_of_other_order_scheme_body_or_none_is_refused_as_twilios_libraries_do() {
    let public_url = "https://mycompany.com";
    let (_site, server) = told_to_call(public_url).await;
    let url = format!("{public_url}{HOOK}?foo=1&bar=2");
    let target = format!("{HOOK}?foo=1&bar=2");
    let params = |pairs: &[(&str, &str)]| -> Form {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let two = params(&[("ReasonConferenceEnded", "test"), ("Reason", "Participant")]);
    // As a sorting that looks at values, too, or ignores the end of a name, would lay it down.
    let unsorted = sign("12345", &format!("{url}ReasonConferenceEndedtestReasonParticipant"), &Form::new());
    let form = "ReasonConferenceEnded=test&Reason=Participant";
    let json = r#"{"property": "value", "boolean": true}"#;
    let digest: String = Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect();
    let with_digest = format!("{target}&bodySHA256={digest}");
    let of_body = sign("12345", &format!("{public_url}{with_digest}"), &Form::new());
    let as_form = "application/x-www-form-urlencoded";
    let cases = [
        ("right", &target, as_form, form, Some(sign("12345", &url, &two)), 200),
        ("wrong order", &target, as_form, form, Some(unsorted), 401),
        (
            "another scheme",
            &target,
            as_form,
            form,
            Some(sign("12345", &url.replace("https", "http"), &two)),
            401,
        ),
        ("no header", &target, as_form, form, None, 401),
        ("JSON as a form", &target, "application/json", json, Some(sign("12345", &url, &two)), 401),
        (
            "JSON without a digest",
            &target,
            "application/json",
            json,
            Some(sign("12345", &url, &Form::new())),
            401,
        ),
        ("JSON", &with_digest, "application/json", json, Some(of_body.clone()), 200),
        ("another JSON", &with_digest, "application/json", r#"{"property": "other"}"#, Some(of_body), 401),
    ];
    for (name, target, media, body, signature, expected) in cases {
        let mut headers = vec![("content-type".to_owned(), media.to_owned())];
        headers.extend(signature.map(|signature| ("x-twilio-signature".to_owned(), signature)));
        assert_eq!(post(&server, target, &headers, body.as_bytes()).await, expected, "{name}");
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64
}

/// The headers with the signed time as far from now as it was from the receipt, and what signed the old one signing
/// the new one.
fn moved(vector: &Value, secrets: &[String]) -> Vec<(String, String)> {
    let mut headers: BTreeMap<String, String> = vector["headers"]
        .as_object()
        .expect("headers")
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
        .collect();
    let body = text(vector, "body");
    let received = vector["received_at"].as_i64().expect("a time");
    // A second may pass on the way: what is at the very edge of the window is moved into it.
    let shifted = |then: i64| {
        now() + (then - received) - (then - received).signum() * i64::from((then - received).abs() == 300) * 5
    };
    let family = if headers.keys().any(|name| name.starts_with("svix-")) { "svix" } else { "webhook" };
    if let Some(time) = headers.get(&format!("{family}-timestamp")).and_then(|time| time.parse::<i64>().ok())
    {
        let id = headers.get(&format!("{family}-id")).cloned().unwrap_or_default();
        let by = |secret: &String, time: i64| {
            let key = secret.strip_prefix("whsec_").unwrap_or(secret).trim_end_matches('=');
            let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD_NO_PAD.decode(key).unwrap_or_default())
                .expect("any");
            mac.update(format!("{id}.{time}.{body}").as_bytes());
            STANDARD.encode(mac.finalize().into_bytes())
        };
        let name = format!("{family}-signature");
        if let Some(signature) = headers.get_mut(&name) {
            for secret in secrets {
                *signature = signature.replace(&by(secret, time), &by(secret, shifted(time)));
            }
        }
        headers.insert(format!("{family}-timestamp"), shifted(time).to_string());
    }
    if let Some(signature) = headers.get_mut("stripe-signature")
        && let Some(time) = signature.split(',').find_map(|part| part.strip_prefix("t=")?.parse::<i64>().ok())
    {
        let by = |secret: &String, time: i64| -> String {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any");
            mac.update(format!("{time}.{body}").as_bytes());
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
        };
        for secret in secrets {
            *signature = signature.replace(&by(secret, time), &by(secret, shifted(time)));
        }
        *signature = signature.replace(&format!("t={time}"), &format!("t={}", shifted(time)));
    }
    headers.into_iter().collect()
}

/// A tenant, and for each scheme and secrets a source and an endpoint of it.
fn sources(of: &[(&str, &[String])]) -> String {
    let mut tables = TWO_TENANTS.to_owned();
    for (n, (scheme, secrets)) in of.iter().enumerate() {
        let preset = matches!(*scheme, "callrail" | "ctm");
        let provider = if preset { (*scheme).to_owned() } else { format!("source{n}") };
        if !preset {
            write!(tables, "[[mapping]]\nname = \"{provider}\"\nsignature = \"{scheme}\"\nexternal_id = []\n[[mapping.on]]\nkind = \"ignored\"\n")
                .expect("memory");
        }
        let event = match *scheme {
            "callrail" => "event = \"post_call\"\n",
            "ctm" => "event = \"end\"\n",
            _ => "",
        };
        write!(tables, "[[endpoint]]\nid = \"endpoint-{n}\"\nprovider = \"{provider}\"\ntenant = \"acme\"\n{event}secrets = {secrets:?}\n")
            .expect("memory");
    }
    tables
}

#[tokio::test]
async fn a1_published_signatures_of_the_other_schemes_pass_and_what_must_not_is_refused() {
    let vectors = vectors("signatures.json");
    let mut secrets: Vec<String> = Vec::new();
    let mut groups: BTreeMap<(String, Vec<String>), Vec<&Value>> = BTreeMap::new();
    for vector in &vectors {
        let of: Vec<String> = serde_json::from_value(vector["secrets"].clone()).expect("secrets");
        secrets.extend(of.clone());
        groups.entry((text(vector, "scheme").to_owned(), of)).or_default().push(vector);
    }
    let mut taken = Vec::new();
    for ((scheme, of), vectors) in &groups {
        // A secret that can sign nothing is refused at the start already.
        let blank = of.is_empty() || of.iter().any(|secret| secret.is_empty() || secret == "whsec_");
        if scheme != "unsigned"
            && (blank || vectors.iter().any(|vector| text(vector, "name").contains("a key that is none")))
        {
            assert!(vectors.iter().all(|vector| vector["valid"] == false));
            let refused = Site::with(&sources(&[(scheme, of)])).start_refused();
            assert!(refused.all().contains("secret"), "{scheme} {of:?}: {}", refused.all());
        } else {
            taken.push((scheme.as_str(), of.as_slice(), vectors));
        }
    }
    let tables = sources(&taken.iter().map(|(scheme, of, _)| (*scheme, *of)).collect::<Vec<_>>());
    let server = Site::with(&tables).start().await;
    let (mut passed, mut refused) = (0, 0);
    for (n, (scheme, _, vectors)) in taken.iter().enumerate() {
        let provider =
            if matches!(*scheme, "callrail" | "ctm") { (*scheme).to_owned() } else { format!("source{n}") };
        for vector in *vectors {
            let mut headers = moved(vector, &secrets);
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
            let body = text(vector, "body").as_bytes();
            let status = post(&server, &format!("/hooks/{provider}/endpoint-{n}"), &headers, body).await;
            let expected = if vector["valid"] == true { 200 } else { 401 };
            assert_eq!(status, expected, "{}: {headers:?}", vector["name"]);
            passed += usize::from(status == 200);
            refused += usize::from(status == 401);
        }
    }
    assert!(passed >= 28 && refused >= 40, "{passed} passed, {refused} refused");
}

#[tokio::test]
async fn a1_a_published_signature_of_long_ago_is_a_replay() {
    let vectors = vectors("signatures.json");
    let of: Vec<&Value> = vectors
        .iter()
        .filter(|vector| {
            vector["valid"] == true
                && matches!(text(vector, "scheme"), "standard_webhooks" | "svix" | "stripe")
        })
        .collect();
    assert!(of.len() > 10);
    for vector in of {
        let secrets: Vec<String> = serde_json::from_value(vector["secrets"].clone()).expect("secrets");
        let server = Site::with(&sources(&[(text(vector, "scheme"), &secrets)])).start().await;
        let headers: Vec<(String, String)> =
            serde_json::from_value::<BTreeMap<String, String>>(vector["headers"].clone())
                .expect("headers")
                .into_iter()
                .collect();
        let status =
            post(&server, "/hooks/source0/endpoint-0", &headers, text(vector, "body").as_bytes()).await;
        assert_eq!(status, 401, "{}", vector["name"]);
    }
}
