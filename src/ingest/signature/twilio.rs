//! `X-Twilio-Signature`: base64(HMAC-SHA1(auth token, URL and sorted form fields)), over every spelling of the URL
//! that Twilio's own SDKs accept (twilio-python, twilio-node and twilio-go, MIT).

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::directory::Secret;
use crate::ingest::delivery::{Delivery, Form};
use crate::ingest::error::SignatureError;

/// Whether one of `secrets` signed the delivery.
pub fn verify(delivery: &Delivery, secrets: &[Secret], public_url: &str) -> Result<(), SignatureError> {
    verify_in("x-twilio-signature", delivery, secrets, public_url)
}

/// As [`verify`], the signature in another header: Mandrill signs alike.
pub fn verify_in(
    header: &str,
    delivery: &Delivery,
    secrets: &[Secret],
    public_url: &str,
) -> Result<(), SignatureError> {
    let given = delivery.header(header).ok_or(SignatureError::Missing)?;
    let signature = STANDARD.decode(given.trim_ascii()).map_err(|_| SignatureError::Mismatch)?;
    let fields = signed_fields(delivery)?;
    let urls = spellings(public_url, &delivery.path_and_query);
    let signed_by = |secret: &Secret, url: &String| {
        Hmac::<Sha1>::new_from_slice(secret.bytes())
            .is_ok_and(|mac| mac.chain_update(url).chain_update(&fields).verify_slice(&signature).is_ok())
    };
    let authentic = secrets.iter().any(|secret| urls.iter().any(|url| signed_by(secret, url)));
    if authentic { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// What follows the URL: each key in byte order with each of its distinct values in byte order.
///
/// A GET's fields are in the URL. A body whose digest is in the URL is signed by it. Any other body is signed
/// as a form, so one that is read as JSON would not be covered at all.
fn signed_fields(delivery: &Delivery) -> Result<Vec<u8>, SignatureError> {
    if delivery.method == "GET" {
        return Ok(Vec::new());
    }
    if let Some(digest) = Form::parse(delivery.query().as_bytes()).get("bodySHA256") {
        let actual = hex::encode(Sha256::digest(&delivery.body));
        return if actual == digest { Ok(Vec::new()) } else { Err(SignatureError::Mismatch) };
    }
    if delivery.is_json() {
        return Err(SignatureError::BodyUnsigned);
    }
    let form = Form::parse(&delivery.body);
    let mut fields: Vec<_> = form.fields().collect();
    fields.sort_unstable();
    fields.dedup();
    Ok(fields.into_iter().flat_map(|(key, value)| [key, value]).flatten().copied().collect())
}

/// The URL as Twilio may have signed it: without port, with the one given or the scheme's own; with the query as
/// it came, as a browser writes it, and as Node's old query module writes it.
fn spellings(public_url: &str, path_and_query: &str) -> Vec<String> {
    let (scheme, rest) = public_url.split_once("://").unwrap_or(("https", public_url));
    let (authority, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (bare, port) = split_port(authority);
    let port = port.unwrap_or(if scheme.eq_ignore_ascii_case("http") { "80" } else { "443" });
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    let path = format!("{}{path}", prefix.trim_end_matches('/'));
    let mut queries = vec![query.map(|query| format!("?{query}")).unwrap_or_default()];
    if let Some(query) = query {
        queries.push(format!("?{}", browser_query(query)));
        queries.push(format!("?{}", node_query(query)));
    }
    let mut urls = Vec::with_capacity(6);
    for query in &queries {
        for authority in [bare.to_owned(), format!("{bare}:{port}")] {
            let url = format!("{scheme}://{authority}{path}{query}");
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
    }
    urls
}

/// Parts `user:pass@host:port`; colons of user info and of an IPv6 host are no port's.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let host_at = authority.rfind('@').map_or(0, |at| at + 1);
    let colon_from = authority.rfind(']').unwrap_or(host_at);
    match authority[colon_from..].rfind(':') {
        Some(colon) => (&authority[..colon_from + colon], Some(&authority[colon_from + colon + 1..])),
        None => (authority, None),
    }
}

fn escape(out: &mut String, byte: u8) {
    let _ = write!(out, "%{byte:02X}");
}

/// The WHATWG query percent-encode set of special schemes.
fn browser_query(query: &str) -> String {
    query.bytes().fold(String::with_capacity(query.len()), |mut out, byte| {
        match byte {
            b' ' | b'"' | b'#' | b'<' | b'>' | b'\'' | 0..=0x1f | 0x7f.. => escape(&mut out, byte),
            plain => out.push(char::from(plain)),
        }
        out
    })
}

/// `querystring.stringify(querystring.parse(query))`: repeated keys stand together, at the first one's place.
fn node_query(query: &str) -> String {
    let form = Form::parse(query.as_bytes());
    let mut keys: Vec<(&[u8], Vec<&[u8]>)> = Vec::new();
    for (key, value) in form.fields() {
        match keys.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value),
            None => keys.push((key, vec![value])),
        }
    }
    let mut out = String::with_capacity(query.len() + 16);
    for (key, value) in keys.iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value))) {
        if !out.is_empty() {
            out.push('&');
        }
        node_escape(&mut out, key);
        out.push('=');
        node_escape(&mut out, value);
    }
    out
}

fn node_escape(out: &mut String, text: &[u8]) {
    for byte in String::from_utf8_lossy(text).bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'!'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'-'
            | b'.'
            | b'_'
            | b'~' => {
                out.push(char::from(byte));
            }
            other => escape(out, other),
        }
    }
}

#[cfg(test)]
#[path = "twilio_tests.rs"]
mod tests;
