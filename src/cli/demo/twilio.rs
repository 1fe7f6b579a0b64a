//! Twilio's side of the demo: status callbacks as Twilio sends and signs them, and the account's list of the same calls.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::{Value, json};

use super::traffic::{Expected, Request, TWILIO_TOKEN, Tenant};
use crate::standins::twilio::{moment, sign};

/// Sid of the demo's account.
pub const ACCOUNT: &str = "AC00000000000000000000000000000001";

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
    let timestamp = moment(DateTime::from_timestamp(stage.at, 0).unwrap_or_default());
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
        ("AccountSid", ACCOUNT),
        ("Caller", from),
        ("FromCity", "SAN FRANCISCO"),
    ];
    if let (Some(seconds), Some(minutes)) = (&duration, &minutes) {
        parameters.push(("CallDuration", seconds));
        parameters.push(("Duration", minutes));
    }
    let path = format!("/hooks/twilio/{endpoint}");
    let signature = sign(TWILIO_TOKEN, &format!("{base_url}{path}"), &parameters);
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

/// Calls that only the list of the account has: nobody delivered them.
const LOST: i64 = 3;

/// The list of the account whose callbacks go to `endpoint`: the calls that they tell of, and some more.
pub fn listed(requests: &[Request], endpoint: &str, tenant: &Tenant, now: i64) -> Vec<Value> {
    let path = format!("/hooks/twilio/{endpoint}");
    let told =
        requests.iter().filter(|request| request.path == path && request.expected == Expected::Recorded);
    let mut calls: BTreeMap<String, Value> = BTreeMap::new();
    for request in told {
        let form: BTreeMap<String, String> =
            form_urlencoded::parse(request.body.as_bytes()).into_owned().collect();
        let of = |name: &str| form.get(name).cloned().unwrap_or_default();
        let sid = of("CallSid");
        let row = calls.entry(sid.clone()).or_insert_with(|| {
            json!({"sid": sid, "parent_call_sid": null, "direction": of("Direction"), "from": of("From"),
                "to": of("To"), "status": "ringing", "duration": null, "start_time": null, "end_time": null,
                "answered_by": null, "price": null})
        });
        match (of("CallStatus").as_str(), form.get("CallDuration")) {
            ("initiated" | "in-progress", _) => {}
            ("ringing", _) => row["start_time"] = of("Timestamp").into(),
            (status, duration) => {
                (row["status"], row["end_time"]) = (status.into(), of("Timestamp").into());
                row["duration"] = duration.cloned().into();
            }
        }
    }
    let lost = (1..=LOST).map(|number| {
        let began = DateTime::from_timestamp(now - number * 7 * 3_600, 0).unwrap_or_default();
        let ended = began + chrono::TimeDelta::seconds(95);
        json!({"sid": format!("CA{:032x}", 0x1057_u128 << 64 | number as u128), "parent_call_sid": null,
            "direction": "inbound", "from": format!("+1415555077{number}"), "to": tenant.numbers[0].0,
            "status": "completed", "duration": "95", "start_time": moment(began), "end_time": moment(ended),
            "answered_by": null, "price": null})
    });
    calls.into_values().chain(lost).collect()
}
