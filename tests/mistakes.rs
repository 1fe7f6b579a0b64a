//! Mistakes of a newcomer: each is told with what was probably meant, and all of them at once.

use crate::common::facts::{answered, with};
use crate::common::{Server, Site};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

async fn told(server: &Server, fact: &Value) -> Vec<(String, String)> {
    let answer = server.post("acme", fact).await;
    let errors = answer.problem(422)["errors"].as_array().expect("errors").clone();
    let text = |error: &Value, member: &str| error[member].as_str().expect("a text").to_owned();
    errors.iter().map(|error| (text(error, "pointer"), text(error, "message"))).collect()
}

#[tokio::test]
async fn a_member_that_is_none_is_told_with_the_nearest_and_the_list() {
    let server = Site::new().start().await;
    let errors = told(&server, &with(answered("c1", 45, AT), json!({"duration": 45, "agnet": "ann"}))).await;
    assert_eq!(errors.len(), 2, "expected both mistakes: {errors:?}");
    let (pointer, message) = &errors[0];
    assert_eq!(pointer, "/body/agnet");
    assert!(
        message.starts_with("is not a member of this body; did you mean agent? (members: call_id, status,")
    );
    for member in ["duration_seconds", "parent_call_id", "campaign", "from", "to"] {
        assert!(message.contains(member), "{member} is missing: {message}");
    }
    assert_eq!(
        errors[1],
        (
            "/body/duration".to_owned(),
            "is not a member of this body; did you mean duration_seconds?".to_owned()
        )
    );
    // Null control: what is like no member is not given another meaning.
    let errors = told(&server, &with(answered("c1", 45, AT), json!({"colour": "red"}))).await;
    assert!(errors[0].1.starts_with("is not a member of this body (members:"), "{errors:?}");
    // Within, the list is that of the object.
    let mut mail = with(answered("m1", 45, AT), json!({}));
    mail["kind"] = json!("lead_replied");
    mail["body"] = json!({"lead": {"id": "7", "mail": "a@example.com"}});
    let errors = told(&server, &mail).await;
    assert_eq!(errors[0].0, "/body/lead/mail");
    assert!(errors[0].1.contains("did you mean email? (members: "), "{errors:?}");
    let mut envelope = answered("c1", 45, AT);
    envelope["occured_at"] = envelope["occurred_at"].take();
    let errors = told(&server, &envelope).await;
    let mended = ("/occured_at".to_owned(), "did you mean occurred_at?");
    assert!(
        errors.iter().any(|(at, message)| *at == mended.0 && message.contains(mended.1)),
        "expected the envelope's member too: {errors:?}"
    );
}

#[tokio::test]
async fn a_parameter_that_is_none_is_told_with_the_nearest() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("c1", 45, AT)]).await;
    let answer = server.get("/api/v1/tenants/acme/calls?agents=ann").await;
    let detail = answer.problem(400)["detail"].to_string();
    assert!(detail.contains("did you mean agent? (this route has: status, "), "{detail}");
}

#[test]
fn all_mistakes_of_a_configuration_are_told_by_line_with_what_was_meant() {
    let site = Site::new();
    std::fs::write(
        site.config(),
        "data_dri = \"data\"\nlisten = \"127.0.0.1:0\"\n[[tenant]]\nid = \"acme\"\nname = \"Acme\"\n\
         timezone = \"America/New_York\"\ntime_zone = \"UTC\"\n",
    )
    .expect("writes");
    let told = site.start_refused().all();
    for expected in [
        "factfold.toml:1: data_dri: unknown field `data_dri`, expected one of `data_dir`",
        "did you mean data_dir?",
        "factfold.toml:7: tenant.time_zone: unknown field",
        "did you mean timezone?",
    ] {
        assert!(told.contains(expected), "expected {expected:?} in {told}");
    }

    std::fs::write(
        site.config(),
        "[[tenant]]\nid = \"acme\"\nname = \"Acme\"\ntimezone = \"America/Nowhere\"\n\
         [[tenant]]\nid = \"globex\"\nname = \"Globex\"\ntimezone = \"UTC\"\n[tenant.rules]\n\
         qualified_min_second = 30\ndaily_call_goal = \"many\"\n\
         [[endpoint]]\nid = \"tw-5b0f0d7e\"\nprovider = \"twillio\"\n",
    )
    .expect("writes");
    let told = site.start_refused().all();
    for expected in [
        "factfold.toml:4: tenant.timezone:",
        "factfold.toml:10: tenant.rules.qualified_min_second: is not a member",
        "did you mean qualified_min_seconds?",
        "factfold.toml:11: tenant.rules.daily_call_goal: must be an integer",
        "factfold.toml:14: endpoint.provider: unknown provider",
    ] {
        assert!(told.contains(expected), "expected {expected:?} in {told}");
    }
}

#[test]
fn a_value_of_another_type_is_told_by_its_key_and_rule_and_never_shown() {
    let site = Site::new();
    std::fs::write(
        site.config(),
        r#"listen = 8080
[limits]
connections = "many"
[[tenant]]
id = "acme"
name = "Acme"
timezone = "America/New_York"
workspaces = "Acme Client"
[[endpoint]]
id = "tw-5b0f0d7e"
provider = "twilio"
secrets = "s3same"
[[endpoint]]
id = "short"
provider = "calrail"
[[mapping]]
name = "switchboard"
signature = { scheme = "hmac", header = 5 }
external_id = "id"
[[mapping.on]]
event = "call.finished"
kind = "call_reported"
[[mapping]]
name = "desk"
signature = { scheme = "hmac", header = "x-sign", tolerance_seconds = "s3same" }
external_id = ["a..b"]
[[mapping.on]]
event = "note"
kind = "note_writen"
[mapping.on.body]
note_id = { path = "id", paths = "ids" }
"#,
    )
    .expect("writes");
    let told = site.start_refused().all();
    for expected in [
        ":1: listen: must be a text, address and port, such as listen = \"127.0.0.1:9090\"",
        ":3: limits.connections: must be an integer from 1, such as connections = 2_000",
        ":8: tenant.workspaces: must be an array of texts",
        ":12: endpoint.secrets: must be an array of texts, secrets, such as secrets = [\"env:CALLRAIL_SECRET\"]",
        ":14: endpoint.id: ",
        ":19: mapping.external_id: must be an array of fields, such as external_id = [\"call.id\", \"type\"]",
        ":21: mapping.on.event: must be an array of texts, such as event = [\"call.finished\"]",
        ":25: mapping.signature: tolerance_seconds must be an integer from 0",
        ":26: mapping.external_id: \"a..b\" is not a path",
        ":28: mapping.on.event: must be an array of texts",
        ":29: mapping.on.kind: \"note_writen\" is not a kind that a source can report; did you mean note_written?",
        ":31: mapping.on.body.note_id: paths must be an array of texts",
    ] {
        assert!(told.contains(expected), "expected {expected:?} in {told}");
    }
    assert!(!told.contains("expected a sequence") && !told.contains("invalid type"), "{told}");
    assert!(!told.contains("s3same"), "a secret is never shown: {told}");
    // Null control: with the mapping that needs it out of the file, its endpoint is at fault.
    std::fs::write(site.config(), "[[endpoint]]\nid = \"tw-5b0f0d7e\"\nprovider = \"calrail\"\n")
        .expect("writes");
    let told = site.start_refused().all();
    assert!(
        told.contains(":3: endpoint.provider: unknown provider \"calrail\"; did you mean callrail?"),
        "{told}"
    );
}

#[tokio::test]
async fn what_members_must_be_to_each_other_is_told_beside_other_mistakes() {
    let server = Site::new().start().await;
    let posted = async |kind: &str, body: Value| {
        let fact =
            json!({"provider": "desk", "external_id": "x", "kind": kind, "occurred_at": AT, "body": body});
        let mut pointers: Vec<_> =
            told(&server, &fact).await.into_iter().map(|(pointer, _)| pointer).collect();
        pointers.sort();
        pointers
    };
    for (kind, body, pointers) in [
        ("email_sent", json!({"campain": "x"}), &["/body/campain", "/body/lead"][..]),
        ("lead_replied", json!({"lead": {"mail": "a@example.com"}}), &["/body/lead", "/body/lead/mail"]),
        ("lead_staged", json!({"lead": {}}), &["/body/lead", "/body/stage"]),
        ("report_drafted", json!({"position": 0}), &["/body/position", "/body/report_id"]),
        ("sync_finished", json!({"status": "running"}), &["/body/run_id", "/body/source", "/body/status"]),
        (
            "snapshot_taken",
            json!({"run_id": "r", "source": "s", "observed_at": AT, "part": 3, "parts": 2}),
            &["/body/part", "/body/resource"],
        ),
        // Null controls: a lead that is named, and a part that cannot be compared.
        ("email_sent", json!({"campain": "x", "lead": {"id": "7"}}), &["/body/campain"]),
        (
            "snapshot_taken",
            json!({"run_id": "r", "source": "s", "resource": "leads", "observed_at": AT, "part": 3}),
            &["/body/parts"],
        ),
    ] {
        assert_eq!(posted(kind, body.clone()).await, pointers, "{kind}: {body}");
    }
}

#[tokio::test]
async fn a_range_that_ends_before_it_begins_is_refused_by_every_list() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("c1", 45, AT)]).await;
    for route in
        ["calls", "facts", "metrics/days", "metrics/sources", "metrics/agents/ann@example.com/summary"]
    {
        let ranged = async |from: &str, to: &str| {
            server.get(&format!("/api/v1/tenants/acme/{route}?from={from}&to={to}")).await
        };
        assert_eq!(ranged("2025-10-09", "2025-10-08").await.problem(400)["code"], "bad_range", "{route}");
        // Null control: one day is a range.
        ranged("2025-10-09", "2025-10-09").await.is(200);
    }
    let kind = server.get("/api/v1/tenants/acme/facts?kind=call_report").await;
    let detail = kind.problem(400)["detail"].to_string();
    assert!(detail.contains("must be a kind of fact; did you mean call_reported?"), "{detail}");
}

#[tokio::test]
async fn all_mistakes_of_a_query_are_told() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("c1", 45, AT)]).await;
    let answer =
        server.get("/api/v1/tenants/acme/calls?limit=0&agnt=a&from=yesterday&colour=red&to=2025-10-09").await;
    let detail = answer.problem(400)["detail"].as_str().expect("a text").to_owned();
    let expected = [
        "\"limit\" must be from 1 to 500",
        "\"agnt\"; did you mean agent?",
        "\"from\" must be ",
        "\"colour\"",
    ];
    for one in expected {
        assert!(detail.contains(one), "expected {one:?} in {detail}");
    }
    assert!(!detail.contains("\"to\""), "null control: what is right is not told: {detail}");
    assert_eq!(detail.matches("this route has").count(), 1, "{detail}");
}
