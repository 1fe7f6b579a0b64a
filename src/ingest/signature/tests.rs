//! Every published vector of a signature but Twilio's, which stand beside its algorithm, and what must not pass;
//! sources in `fixtures/providers/SOURCES.md`.

use bytes::Bytes;
use domain::members::Instant;
use serde_json::Value;

use std::borrow::Cow;

use super::schemes::GITHUB;
use super::*;
use crate::directory::Secret;
use crate::ingest::delivery::Delivery;
use crate::ingest::error::SignatureError;

const VECTORS: &str = include_str!("../../../fixtures/providers/signatures.json");
const VALID: usize = 32;

type Judge = fn(&Scheme, &Delivery, &[Secret]) -> Result<(), SignatureError>;

fn judge(scheme: &Scheme, delivery: &Delivery, secrets: &[Secret]) -> Result<(), SignatureError> {
    scheme.verify(delivery, secrets, "https://hooks.example.com")
}

fn vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).expect("vectors")
}

fn request(vector: &Value) -> (Scheme, Delivery, Vec<Secret>) {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let headers = vector["headers"].as_object().expect("headers").iter();
    let delivery = Delivery {
        provider: "generic".into(),
        endpoint: "e".into(),
        method: "POST".into(),
        path_and_query: "/hooks/generic/e".into(),
        headers: headers.map(|(name, value)| (name.clone(), Bytes::from(text(value)))).collect(),
        body: Bytes::from(text(&vector["body"])),
        received_at: Instant(vector["received_at"].as_i64().expect("time") * 1_000_000),
    };
    let secrets = vector["secrets"].as_array().expect("secrets").iter();
    let secrets = secrets.map(|secret| Secret::new(&text(secret))).collect();
    (Scheme::named(&text(&vector["scheme"])).expect("scheme"), delivery, secrets)
}

/// Names of the vectors that `judge` judges wrongly.
fn violations(judge: Judge) -> Vec<String> {
    let wrong = vectors().into_iter().filter(|vector| {
        let (scheme, delivery, secrets) = request(vector);
        let expected = match (vector["valid"].as_bool(), vector["refused"].as_str()) {
            (Some(true), _) => Ok(()),
            (_, Some("missing")) => Err(SignatureError::Missing),
            (_, Some("stale")) => Err(SignatureError::Stale),
            (_, _) => Err(SignatureError::Mismatch),
        };
        judge(&scheme, &delivery, &secrets) != expected
    });
    wrong.map(|vector| vector["name"].to_string()).collect()
}

#[test]
fn every_vector_is_judged_rightly() {
    assert_eq!(violations(judge), Vec::<String>::new());
}

#[test]
fn null_control_without_verification_the_negative_vectors_are_noticed() {
    let all = vectors().len();
    assert_eq!(violations(|_, _, _| Ok(())).len(), all - VALID);
    assert!(violations(|_, _, _| Err(SignatureError::Mismatch)).len() > VALID);
}

#[test]
fn every_scheme_has_vectors_that_pass_and_its_name() {
    for (name, _) in SCHEMES {
        let scheme = Scheme::named(name).expect(name);
        let passes = |vector: &Value| vector["scheme"] == *name && vector["valid"] == true;
        // Their vectors name the URL: they are judged through the socket.
        let is_over_url = matches!(scheme, Scheme::Twilio | Scheme::Mandrill);
        assert!(vectors().iter().any(passes) || is_over_url, "{name} has no vector that passes");
    }
    assert_eq!(Scheme::named("hmac"), None);
}

#[test]
fn a_get_is_not_taken_on_the_word_of_a_signed_body() {
    for vector in vectors().iter().filter(|vector| vector["valid"] == true) {
        let (scheme, mut delivery, secrets) = request(vector);
        delivery.method = "GET".into();
        let refused = judge(&scheme, &delivery, &secrets).is_err();
        assert_eq!(refused, matches!(scheme, Scheme::Mac(_)), "{}", vector["name"]);
    }
}

#[test]
fn a_shared_secret_stands_in_its_header_or_is_refused() {
    let (_, mut delivery, _) = request(&vectors()[0]);
    let scheme = Scheme::Header("x-hook-token".into());
    let secrets = [Secret::new("old"), Secret::new("sesame")];
    assert_eq!(judge(&scheme, &delivery, &secrets), Err(SignatureError::Missing));
    for (given, expected) in [
        ("sesame", Ok(())),
        ("old", Ok(())),
        ("sesam", Err(SignatureError::Mismatch)),
        ("", Err(SignatureError::Mismatch)),
    ] {
        delivery.headers = vec![("x-hook-token".into(), Bytes::from(given))];
        assert_eq!(judge(&scheme, &delivery, &secrets), expected, "{given:?}");
    }
}

#[test]
fn a_url_may_be_signed_and_then_a_get_may_come() {
    let mac = Mac { signed: Cow::Borrowed("{url}|{body}"), ..GITHUB };
    let (_, mut delivery, _) = request(&vectors()[0]);
    delivery.method = "GET".into();
    delivery.path_and_query = "/hooks/generic/e?id=7".into();
    delivery.body = Bytes::new();
    // printf 'https://hooks.example.com/hooks/generic/e?id=7|' | openssl dgst -sha256 -hmac sesame
    let signature = "sha256=9dc98069c575c190c8272dab843706d25eab03e63cb30e92b901ff38aa667e19";
    delivery.headers = vec![("x-hub-signature-256".into(), Bytes::from(signature))];
    let judge =
        |delivery: &Delivery| mac.verify(delivery, &[Secret::new("sesame")], "https://hooks.example.com");
    assert_eq!(judge(&delivery), Ok(()));
    delivery.path_and_query = "/hooks/generic/e?id=8".into();
    assert_eq!(judge(&delivery), Err(SignatureError::Mismatch));
}

#[test]
fn secrets_that_can_sign_nothing_are_told() {
    let takes = |scheme: &str, secret: &str| {
        Scheme::named(scheme).is_some_and(|scheme| scheme.takes(&Secret::new(secret)))
    };
    assert!(takes("standard_webhooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    assert!(!takes("standard_webhooks", "whsec_") && !takes("svix", "no base64!"));
    assert!(takes("basic", "user:password") && !takes("basic", "password"));
    assert!(takes("github", "sesame") && !takes("github", "") && !takes("sendgrid", "sesame"));
}

/// The row that `docs/signatures.md` has of a scheme.
fn documented(name: &str, scheme: &Scheme) -> String {
    let columns = |header: &str, algorithm: &str, encoding: &str, signed: &str, time: &str| {
        format!("| `{name}` | {header} | {algorithm} | {encoding} | {signed} | {time} |")
    };
    let of_mac = |mac: &Mac| {
        let hash = match mac.hash {
            MacHash::Sha1 => "HMAC-SHA-1",
            MacHash::Sha256 => "HMAC-SHA-256",
        };
        let encoding = match mac.encoding {
            Encoding::Hex => "hex",
            Encoding::Base64 => "base64",
        };
        let encoding = match mac.prefix.as_ref() {
            "" => encoding.to_owned(),
            prefix => format!("{encoding} after `{prefix}`"),
        };
        let time = mac
            .time
            .as_ref()
            .map_or("-".to_owned(), |time| format!("`{}` ± {} s", time.at, time.tolerance_seconds));
        columns(&format!("`{}`", mac.header), hash, &encoding, &format!("`{}`", mac.signed), &time)
    };
    match scheme {
        Scheme::Mac(macs) => macs.iter().map(of_mac).collect::<Vec<_>>().join("\n"),
        Scheme::Twilio => {
            let signed = "URL, then the form's fields by name; or `bodySHA256` of the query";
            columns("`x-twilio-signature`", "HMAC-SHA-1", "base64", signed, "-")
        }
        Scheme::Mandrill => {
            let signed = "URL, then the form's fields by name";
            columns("`x-mandrill-signature`", "HMAC-SHA-1", "base64", signed, "-")
        }
        Scheme::Mailgun => columns(
            "`signature` of the JSON body, or the form's fields",
            "HMAC-SHA-256",
            "hex",
            "its `timestamp` and `token`",
            "-",
        ),
        Scheme::SendGrid => columns(
            "`x-twilio-email-event-webhook-signature`",
            "ECDSA, P-256, SHA-256",
            "base64",
            "`x-twilio-email-event-webhook-timestamp`, then the body",
            "-",
        ),
        Scheme::Basic => {
            columns("`authorization`", "`user:password`", "base64 after `Basic `", "nothing", "-")
        }
        Scheme::Unsigned => columns("-", "-", "-", "nothing: the endpoint's id is all the proof", "-"),
        Scheme::Header(_) => unreachable!("a header needs a name"),
    }
}

#[test]
fn the_documentation_lists_every_scheme_as_the_table_has_it() {
    const DOCUMENTATION: &str = include_str!("../../../docs/signatures.md");
    let rows =
        |name: &str, scheme: &Scheme| documented(name, scheme).lines().map(str::to_owned).collect::<Vec<_>>();
    for (name, scheme) in SCHEMES {
        for row in rows(name, scheme) {
            assert!(DOCUMENTATION.contains(&row), "docs/signatures.md lacks {row}");
        }
    }
    // Null control: a scheme with another header is not documented.
    let other = Scheme::Mac(vec![Mac { header: "x-other".into(), ..GITHUB }].into());
    assert!(rows("github", &other).iter().all(|row| !DOCUMENTATION.contains(row)));
}
