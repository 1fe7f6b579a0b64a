//! Twilio as a sender: status callbacks, signed as its documentation says, written without the product's code.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::{Answer, PUBLIC_URL, Server, TWILIO_TOKEN};

/// Parameters of a form, in the order of sending.
pub type Form = Vec<(String, String)>;

/// The endpoint of the usual site.
pub const ENDPOINT: &str = "tw-5b0f0d7e";

/// A status callback of an inbound call to the tracking number of the usual site.
pub fn callback(sid: &str, status: &str, sequence: u32, timestamp: &str) -> Form {
    let mut form: Form = [
        ("CallSid", sid),
        ("AccountSid", "AC00000000000000000000000000000001"),
        ("From", "+12025550123"),
        ("To", "+12025550199"),
        ("Caller", "+12025550123"),
        ("Called", "+12025550199"),
        ("CallStatus", status),
        ("ApiVersion", "2010-04-01"),
        ("Direction", "inbound"),
        ("FromCity", "São Paulo"),
        ("ToZip", ""),
        ("CallbackSource", "call-progress-events"),
        ("Timestamp", timestamp),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    form.push(("SequenceNumber".to_owned(), sequence.to_string()));
    form
}

/// The form with one parameter more, or with another value for it.
pub fn with(mut form: Form, name: &str, value: &str) -> Form {
    form.retain(|(known, _)| known != name);
    form.push((name.to_owned(), value.to_owned()));
    form
}

/// The terminal callback with its length in seconds.
pub fn ended(sid: &str, status: &str, seconds: u64, timestamp: &str) -> Form {
    let form = with(callback(sid, status, 3, timestamp), "CallDuration", &seconds.to_string());
    with(form, "Duration", &seconds.div_ceil(60).to_string())
}

/// Base64 of HMAC-SHA1 over the URL and the parameters sorted by name, each name's distinct values sorted.
pub fn sign(secret: &str, url: &str, form: &Form) -> String {
    let mut sorted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in form {
        sorted.entry(name).or_default().push(value);
    }
    let mut text = url.to_owned();
    for (name, mut values) in sorted {
        values.sort_unstable();
        values.dedup();
        for value in values {
            text.push_str(name);
            text.push_str(value);
        }
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("any key length");
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The public URL of an endpoint, which is what Twilio signs.
pub fn public_url(endpoint: &str) -> String {
    format!("{PUBLIC_URL}/hooks/twilio/{endpoint}")
}

/// Posts the form with this signature, or with none.
pub async fn deliver_signed(server: &Server, endpoint: &str, form: &Form, signature: Option<&str>) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut request = server.request("POST", &format!("/hooks/twilio/{endpoint}"));
    request = request.header("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
    if let Some(signature) = signature {
        request = request.header("x-twilio-signature", signature);
    }
    server.send(request.body(body)).await
}

/// Posts the form rightly signed to the usual endpoint.
pub async fn deliver(server: &Server, form: &Form) -> Answer {
    deliver_to(server, ENDPOINT, form).await
}

/// Posts the form rightly signed to an endpoint.
pub async fn deliver_to(server: &Server, endpoint: &str, form: &Form) -> Answer {
    let signature = sign(TWILIO_TOKEN, &public_url(endpoint), form);
    deliver_signed(server, endpoint, form, Some(&signature)).await
}

/// Delivers the form in the query of a GET, which signs the whole URL.
pub async fn deliver_by_get(server: &Server, form: &Form) -> Answer {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let signature = sign(TWILIO_TOKEN, &format!("{}?{query}", public_url(ENDPOINT)), &Form::new());
    let request = server.request("GET", &format!("/hooks/twilio/{ENDPOINT}?{query}"));
    server.send(request.header("x-twilio-signature", signature)).await
}
