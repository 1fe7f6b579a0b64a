//! How sources and hooks make sure of each other: signed times in their units, a challenge for user and password, a token
//! that is sent back.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::common::tracker::deliver;
use crate::common::{Site, TWO_TENANTS};
use crate::hooks_understood::hmac_hex;

/// Sources that sign a time, with and without its unit.
const TIMED: &str = r#"
[[mapping]]
name = "free"
signature = { scheme = "hmac", header = "x-sign", signed = "{x-time}.{body}", time = "{x-time}" }
external_id = ["id"]
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = "id"
status = { value = "completed" }
[[mapping]]
name = "pinned"
signature = { scheme = "hmac", header = "x-sign", signed = "{x-time}.{body}", time = "{x-time}", time_unit = "milliseconds" }
external_id = ["id"]
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = "id"
status = { value = "completed" }
[[endpoint]]
id = "free-1c1f"
provider = "free"
tenant = "acme"
secrets = ["sesame"]
[[endpoint]]
id = "pinned-1c1f"
provider = "pinned"
tenant = "acme"
secrets = ["sesame"]
"#;

#[tokio::test]
async fn a_signed_time_is_read_in_its_unit() {
    let server = Site::with(&format!("{TWO_TENANTS}{TIMED}")).start().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    let send = async |name: &str, time: String| {
        let body = json!({"id": time}).to_string();
        let signature = hmac_hex("sesame", &format!("{time}.{body}"));
        let headers = [("x-time", time.as_str()), ("x-sign", signature.as_str())];
        deliver(&server, &format!("{name}/{name}-1c1f"), body, &headers).await.status
    };
    let rfc3339 = chrono::DateTime::from_timestamp(now, 0).expect("a time").to_rfc3339();
    for (time, free, pinned) in [
        (now.to_string(), 200, 401),
        ((now * 1_000 + 7).to_string(), 200, 200),
        ((now * 1_000_000).to_string(), 200, 401),
        (rfc3339, 200, 401),
        // Null controls: old ones in each unit, and what is no time.
        ((now - 400).to_string(), 401, 401),
        (((now - 400) * 1_000).to_string(), 401, 401),
        (((now + 400) * 1_000).to_string(), 401, 401),
        ("now".to_owned(), 401, 401),
        ("-1".to_owned(), 401, 401),
    ] {
        assert_eq!(
            (send("free", time.clone()).await, send("pinned", time.clone()).await),
            (free, pinned),
            "{time}"
        );
    }
    let wrong = TIMED.replace("\"milliseconds\"", "\"fortnights\"");
    let told = Site::with(&format!("{TWO_TENANTS}{wrong}")).start_refused().all();
    assert!(told.contains("time_unit must be seconds or milliseconds"), "{told}");
}

/// A source that asks whether the URL is its own, and one with user and password.
const ASKING: &str = r#"
[[mapping]]
name = "ringcentral"
signature = { scheme = "header", header = "Verification-Token" }
echo_header = "Validation-Token"
external_id = ["uuid"]
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = "body.sessionId"
status = { value = "ringing" }
[[mapping]]
name = "guarded"
signature = "basic"
external_id = ["id"]
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = "id"
status = { value = "completed" }
[[endpoint]]
id = "ringcentral-1c1f"
provider = "ringcentral"
tenant = "acme"
secrets = ["sesame"]
[[endpoint]]
id = "guarded-1c1f"
provider = "guarded"
tenant = "acme"
secrets = ["user:sesame"]
"#;

#[tokio::test]
async fn a_source_that_asks_whether_the_url_is_its_own_gets_its_token_back() {
    let server = Site::with(&format!("{TWO_TENANTS}{ASKING}")).start().await;
    let ask = |id: &str, body: &'static str| {
        let request = server.request("POST", &format!("/hooks/ringcentral/{id}"));
        request.header("validation-token", "f00-b4r").header("content-type", "application/json").body(body)
    };
    let asked = server.send(ask("ringcentral-1c1f", "")).await;
    assert_eq!((asked.is(200).header("validation-token"), asked.outcome()), ("f00-b4r", "ignored"));
    let event = r#"{"uuid":"u1","body":{"sessionId":"s1"}}"#;
    let told = server.send(ask("ringcentral-1c1f", event).header("verification-token", "sesame")).await;
    assert_eq!((told.is(200).header("validation-token"), told.outcome()), ("f00-b4r", "recorded"));
    // What carries an event is verified, and nobody learns by the token which endpoints there are.
    let forged = server.send(ask("ringcentral-1c1f", event)).await;
    assert!(forged.headers.get("validation-token").is_none(), "{forged:?}");
    forged.problem(401);
    let unknown = server.send(ask("ringcentral-none", "")).await;
    assert!(unknown.headers.get("validation-token").is_none(), "{unknown:?}");
    unknown.problem(404);
    // A source whose mapping does not ask for it gets nothing back.
    let other = server.request("POST", "/hooks/guarded/guarded-1c1f").header("validation-token", "f00-b4r");
    let other = server.send(other.basic_auth("user", Some("sesame")).body(r#"{"id":"g1"}"#)).await;
    assert!(other.is(200).headers.get("validation-token").is_none(), "{other:?}");
    for wrong in ["echo_header = \"a b\"", "json_field = \" \""] {
        let tables = ASKING.replace("echo_header = \"Validation-Token\"", wrong);
        let told = Site::with(&format!("{TWO_TENANTS}{tables}")).start_refused().all();
        assert!(told.contains("must be the name of a"), "{told}");
    }
}

#[tokio::test]
async fn user_and_password_are_asked_for_by_a_challenge() {
    let server = Site::with(&format!("{TWO_TENANTS}{ASKING}")).start().await;
    let request = || server.request("POST", "/hooks/guarded/guarded-1c1f").body(r#"{"id":"g1"}"#);
    for refused in [request(), request().basic_auth("user", Some("wrong"))] {
        let answer = server.send(refused).await;
        answer.problem(401);
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"factfold\", charset=\"UTF-8\"");
    }
    let answer = server.send(request().basic_auth("user", Some("sesame"))).await;
    assert_eq!(answer.is(200).outcome(), "recorded");
    let other = server.send(server.request("POST", "/hooks/ringcentral/ringcentral-1c1f").body("{}")).await;
    assert_eq!(other.header("www-authenticate"), "Bearer", "of no other scheme: {other:?}");
}
