//! Twilio's side of the demo: status callbacks as Twilio sends and signs them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::traffic::{Expected, Request, TWILIO_TOKEN};

/// A call leg.
pub struct Leg<'a> {
    /// Twilio's id of the call.
    pub sid: &'a str,
    /// Who called whom.
    pub inbound: bool,
    /// The tenant's number.
    pub tracking: &'a str,
    /// The other's number.
    pub other: &'a str,
}

/// A stage of it.
pub struct Stage {
    /// Twilio's `CallStatus`.
    pub status: &'static str,
    /// Seconds since 1970.
    pub at: i64,
    /// Whole seconds, at the end.
    pub duration: Option<u64>,
    /// Twilio's `SequenceNumber`.
    pub sequence: usize,
}

/// The request that tells of a stage, signed for `base_url`.
pub fn status_callback(leg: &Leg<'_>, stage: &Stage, base_url: &str, endpoint: &str) -> Request {
    let (from, to) = if leg.inbound { (leg.other, leg.tracking) } else { (leg.tracking, leg.other) };
    let timestamp = DateTime::from_timestamp(stage.at, 0).unwrap_or_default();
    let timestamp = timestamp.format("%a, %d %b %Y %H:%M:%S +0000").to_string();
    let (sequence, duration, minutes) = (
        stage.sequence.to_string(),
        stage.duration.map(|seconds| seconds.to_string()),
        stage.duration.map(|seconds| seconds.div_ceil(60).to_string()),
    );
    let mut parameters = vec![
        ("Called", to),
        ("ToState", "NY"),
        ("CallerCountry", "US"),
        ("Direction", if leg.inbound { "inbound" } else { "outbound-api" }),
        ("Timestamp", &timestamp),
        ("CallbackSource", "call-progress-events"),
        ("CallerState", "CA"),
        ("ToZip", ""),
        ("SequenceNumber", &sequence),
        ("CallSid", leg.sid),
        ("To", to),
        ("CallerZip", "94107"),
        ("ToCountry", "US"),
        ("ApiVersion", "2010-04-01"),
        ("CallStatus", stage.status),
        ("CalledCity", "São Paulo"),
        ("From", from),
        ("AccountSid", "AC00000000000000000000000000000001"),
        ("Caller", from),
        ("FromCity", "SAN FRANCISCO"),
    ];
    if let (Some(seconds), Some(minutes)) = (&duration, &minutes) {
        parameters.push(("CallDuration", seconds));
        parameters.push(("Duration", minutes));
    }
    let path = format!("/hooks/twilio/{endpoint}");
    let signature = sign(&format!("{base_url}{path}"), &parameters);
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(&parameters);
    Request {
        path,
        content_type: "application/x-www-form-urlencoded",
        signature: Some(signature),
        body: body.finish(),
        expected: Expected::Recorded,
    }
}

/// X-Twilio-Signature: base64 of HMAC-SHA1 over the URL and the sorted parameters.
fn sign(url: &str, parameters: &[(&str, &str)]) -> String {
    let mut sorted = parameters.to_vec();
    sorted.sort_unstable();
    let mut key = [0; 64];
    key[..TWILIO_TOKEN.len()].copy_from_slice(TWILIO_TOKEN.as_bytes());
    let mut mac = <Hmac<Sha1> as KeyInit>::new(&key.into());
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}
