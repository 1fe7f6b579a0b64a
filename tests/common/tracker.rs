//! CallRail and CallTrackingMetrics as senders: bodies in their shapes, signed as they sign, written without the
//! product's code.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha1::Sha1;

use super::{Answer, Server, TWO_TENANTS};

/// What both sign with.
pub const SECRET: &str = "072e77e426f92738a72fe23c4d1953b4";

/// The usual tenants and an endpoint of `provider` for each of these events, called `<provider>-of-<event>`.
pub fn site(provider: &str, events: &[&str]) -> String {
    let endpoint = |event: &&str| {
        format!(
            "[[endpoint]]\nid = \"{provider}-of-{event}\"\nprovider = \"{provider}\"\ntenant = \"acme\"\n\
             event = \"{event}\"\nsecrets = [\"an older secret\", \"{SECRET}\"]\n"
        )
    };
    format!("{TWO_TENANTS}{}", events.iter().map(endpoint).collect::<String>())
}

/// Base64 of HMAC-SHA1.
pub fn sign(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("any key length");
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The object with these members in place of its own.
pub fn with(mut body: Value, members: Value) -> Value {
    let changes: Map<String, Value> = members.as_object().cloned().expect("an object");
    body.as_object_mut().expect("an object").extend(changes);
    body
}

/// CallRail's body of an answered inbound call of 49 s to the tracking number of the usual site.
pub fn callrail(id: &str) -> Value {
    json!({"answered": true, "business_phone_number": "", "call_type": "answered", "company_id": 155_920_786,
           "company_name": "Boost Marketing", "customer_phone_number": "+12025550123", "direction": "inbound",
           "duration": "49", "recording": "", "recording_duration": "", "start_time": "2025-10-09T08:00:00.236-04:00",
           "datetime": "2025-10-09 12:00:00", "tags": [], "tracking_phone_number": "+12025550199", "voicemail": false,
           "source_name": "Google AdWords", "resource_id": id, "timestamp": "2025-10-09T08:00:00.236-04:00"})
}

/// Posts the body rightly signed to CallRail's endpoint for the event.
pub async fn deliver_callrail(server: &Server, event: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let signature = sign(SECRET, &body);
    deliver(server, &format!("callrail/callrail-of-{event}"), body, &[("signature", &signature)]).await
}

/// CallTrackingMetrics' body of an answered inbound call, 48 s talked, to the tracking number of the usual site.
pub fn ctm(id: u64) -> Value {
    json!({"id": id, "sid": format!("CA{id}"), "account_id": 100_001, "caller_number": "+12025550123",
           "tracking_number": "+12025550199", "direction": "inbound", "dial_status": "answered", "duration": 62,
           "talk_time": 48, "unix_time": 1_760_011_200, "called_at": "2025-10-09 08:00 AM -04:00", "tag_list": []})
}

/// Posts the body rightly signed to CallTrackingMetrics' endpoint for the trigger.
pub async fn deliver_ctm(server: &Server, event: &str, body: &Value) -> Answer {
    let (time, body) = ("1760011262", body.to_string());
    let signature = sign(SECRET, &format!("{time}{body}"));
    let headers = [("x-ctm-time", time), ("x-ctm-signature", &signature)];
    deliver(server, &format!("ctm/ctm-of-{event}"), body, &headers).await
}

/// Posts JSON with these headers to a hook.
pub async fn deliver(server: &Server, hook: &str, body: String, headers: &[(&str, &str)]) -> Answer {
    let mut request =
        server.request("POST", &format!("/hooks/{hook}")).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(body)).await
}
