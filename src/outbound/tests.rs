//! Which addresses are called, which URLs are taken, and signatures by the published example.

mod calls;

use std::net::IpAddr;
use std::time::Duration;

use domain::keys::LogSecret;
use reqwest::header::HeaderMap;

use super::address::is_public;
use super::signature::SigningSecret;
use super::*;

#[test]
fn only_public_addresses_are_called_however_they_are_written() {
    let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
    for public in ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"] {
        assert!(is_public(ip(public)), "{public}");
    }
    for kept in [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "198.18.0.1",
        "203.0.113.5",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "192.88.99.1",
        "3fff::1",
        "2002:7f00:1::",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
    ] {
        assert!(!is_public(ip(kept)), "{kept}");
    }
}

#[test]
fn only_https_is_called_but_for_hosts_that_are_allowed() {
    let none = Allowed::default();
    assert!(check("https://hooks.example.com/x", &none).is_ok());
    for refused in [
        "http://hooks.example.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://u:p@hooks.example.com/x",
        "file:///etc/passwd",
        "hooks.example.com",
        "",
    ] {
        assert!(check(refused, &none).is_err(), "{refused}");
    }
    let local = Allowed::new(&["127.0.0.1".into(), "[::1]".into()]);
    assert!(check("http://127.0.0.1:9/x", &local).is_ok() && check("http://[::1]:9/x", &local).is_ok());
    assert!(check("http://127.0.0.2/x", &local).is_err());
}

#[tokio::test]
async fn a_name_that_leads_home_is_not_called() {
    // Its provider is installed by the binary; the test ends before TLS.
    let client = Client::new(Allowed::default());
    let called = client.send(OutboundRequest::post("https://localhost/x").json("{}")).await;
    assert_eq!(called, Err(OutboundError::Address));
}

#[test]
fn a_secret_is_the_targets_own_and_the_signature_covers_id_time_and_body() {
    let log = LogSecret::new(&[7; 32]);
    let (one, other) = (SigningSecret::of(&log, "a"), SigningSecret::of(&log, "b"));
    assert!(one.shown().starts_with("whsec_") && one.shown() != other.shown());
    let signature = |secret: &SigningSecret, id, at, body| secret.headers(id, at, body).remove(2).1;
    let right = signature(&one, "m", 1, "{}");
    assert!(right.starts_with("v1,"));
    for wrong in [
        signature(&other, "m", 1, "{}"),
        signature(&one, "n", 1, "{}"),
        signature(&one, "m", 2, "{}"),
        signature(&one, "m", 1, "[]"),
    ] {
        assert_ne!(right, wrong);
    }
}

#[test]
fn a_wait_that_is_asked_for_is_read_as_seconds_or_date_and_at_most_a_minute() {
    let now = 1_445_412_480 * 1_000_000;
    for (text, seconds) in [
        ("7", Some(7)),
        (" 0 ", Some(0)),
        ("3600", Some(60)),
        ("Wed, 21 Oct 2015 07:28:05 GMT", Some(5)),
        ("Wed, 21 Oct 2015 07:27:00 GMT", Some(0)),
        ("soon", None),
        ("-1", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", text.parse().expect("a value"));
        let answer = RemoteAnswer { status: 429, headers, body: Vec::new() };
        assert_eq!(answer.retry_after(now), seconds.map(Duration::from_secs), "{text}");
    }
}
