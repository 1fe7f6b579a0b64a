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
        "factfold.toml:7: time_zone: unknown field",
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
