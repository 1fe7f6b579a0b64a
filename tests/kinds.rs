//! The contract of facts as a reader finds it: in the API document, by `factfold kinds`, and as the server takes it.

use std::collections::BTreeMap;

use crate::common::site::{bare_command, run};
use crate::common::{Site, TOKEN};
use serde_json::{Value, json};

fn kinds(args: &[&str]) -> Vec<Value> {
    run(bare_command(&[&["kinds", "--json"][..], args].concat())).exits(0).json()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[tokio::test]
async fn the_example_of_every_kind_is_taken_from_its_least_role_and_engine_kinds_from_nobody() {
    let server = Site::new().start().await;
    let document = server.get("/api/openapi.json").await.is(200).json.clone();
    let schemas = &document["components"]["schemas"];
    let mut tokens = BTreeMap::from([("admin".to_owned(), TOKEN.to_owned())]);
    for role in ["agent", "operator"] {
        tokens.insert(role.to_owned(), server.token(role, &["acme"]).await);
    }
    let mapping = schemas["NewFact"]["discriminator"]["mapping"].as_object().expect("by kind");
    let (mut taken, mut refused) = (0, 0);
    for listed in kinds(&[]) {
        let kind = text(&listed["kind"]);
        let contract = kinds(&[kind]).remove(0);
        let mut fact = json!({"provider": "desk", "external_id": format!("example/{kind}"), "kind": kind,
            "occurred_at": "2025-10-09T14:00:54Z", "body": contract["example"]});
        let Some(least) = contract["posted_by"][0].as_str() else {
            let answer = server.ask(TOKEN, "POST", "/api/v1/tenants/acme/facts", fact).await;
            assert_eq!(answer.problem(422)["code"], "kind_not_accepted", "{kind}");
            assert!(mapping.get(kind).is_none(), "{kind} cannot be posted and is described");
            refused += 1;
            continue;
        };
        let name = text(&mapping[kind]).rsplit('/').next().expect("a name");
        assert_eq!(schemas[name]["examples"], json!([fact]), "{kind}: both tell the same");
        assert_eq!(schemas[name]["x-posted-by"], contract["posted_by"], "{kind}");
        let answer = server.ask(&tokens[least], "POST", "/api/v1/tenants/acme/facts", fact.clone()).await;
        assert_eq!(answer.is(201).outcome(), "recorded", "{kind}");
        let read = server.read("acme", &format!("facts/{}", answer.position())).await;
        assert_eq!(read["body"], fact["body"], "{kind} is read as it is described");
        // Null controls: one member that is none, and the poster before.
        fact["external_id"] = json!(format!("example/{kind}/2"));
        fact["body"]["zz_strange"] = json!(1);
        let answer = server.ask(TOKEN, "POST", "/api/v1/tenants/acme/facts", fact.clone()).await;
        answer.names("zz_strange").problem(422);
        if least != "agent" {
            let answer = server.ask(&tokens["agent"], "POST", "/api/v1/tenants/acme/facts", fact).await;
            answer.problem(403);
        }
        taken += 1;
    }
    assert!(taken >= 30 && refused >= 20, "{taken} taken, {refused} refused");
    assert_eq!(taken, mapping.len());
}

#[tokio::test]
async fn schemas_say_type_limits_words_and_what_is_required_and_reads_name_the_same() {
    let server = Site::new().start().await;
    let document = server.get("/api/openapi.json").await.is(200).json.clone();
    let schemas = &document["components"]["schemas"];
    let call = &schemas["CallReportedMembers"];
    assert_eq!(call["required"], json!(["call_id", "status"]));
    assert_eq!(call["additionalProperties"], json!(false));
    let member = |name: &str, limit: &str| call["properties"][name][limit].clone();
    assert_eq!(member("call_id", "maxLength"), json!(1_024));
    assert_eq!(member("status", "enum").as_array().map(Vec::len), Some(8));
    assert_eq!(
        (member("duration_seconds", "minimum"), member("duration_seconds", "type")),
        (json!(0), json!("integer"))
    );
    assert_eq!(member("started_at", "format"), json!("date-time"));
    assert_eq!((member("from", "x-personal"), member("agent", "x-personal")), (json!(true), Value::Null));
    let lead = &schemas["OutreachEventMembers"]["properties"]["lead"]["$ref"];
    assert_eq!(lead, "#/components/schemas/OutreachLeadMembers");
    assert_eq!(
        schemas["NewCallRecorded"]["properties"]["body"]["required"],
        json!(["url"]),
        "erasable, and needed"
    );
    assert_eq!(schemas["FactItem"]["properties"]["body"]["$ref"], "#/components/schemas/FactBody");
    let read = schemas["FactBody"]["anyOf"].as_array().expect("bodies");
    assert!(read.contains(&json!({"$ref": "#/components/schemas/CallReportedMembers"})));
    assert!(
        read.contains(&json!({"$ref": "#/components/schemas/ConflictObservedMembers"})),
        "the engine's, too"
    );
    assert!(schemas.get("BTreeMap").is_none(), "maps have names of their own");
    let spent = &schemas["MoneyFigures"]["properties"]["ad_spend_minor"];
    assert!(spent.to_string().contains("#/components/schemas/AmountsByCurrency"), "{spent}");
    let post = &document["paths"]["/api/v1/tenants/{tenant}/facts"]["post"]["requestBody"]["content"];
    let example = &post["application/json"]["examples"]["call_disposed"]["value"];
    assert_eq!(example["body"]["outcome"], "connected");
    assert!(text(&post["application/x-ndjson"]["example"]).lines().count() == 2, "{post}");
}

#[test]
fn kinds_are_listed_and_explained_and_a_slip_is_told_the_nearest() {
    let bare = |args: &[&str]| run(bare_command(args));
    let list = bare(&["kinds"]).exits(0).stdout.clone();
    for words in ["call_reported", "operator, admin", "conflict_observed", "the engine alone"] {
        assert!(list.contains(words), "expected {words} in {list}");
    }
    let one = bare(&["kinds", "lead_staged"]).exits(0).stdout.clone();
    for words in [
        "lead.email",
        "required",
        "interested quoting follow_up won lost",
        "Rule: ",
        "\"stage\": \"interested\"",
    ] {
        assert!(one.contains(words), "expected {words} in {one}");
    }
    let slip = bare(&["kinds", "call_reportd"]);
    assert!(slip.exits(2).stderr.contains("did you mean call_reported?"), "{}", slip.stderr);
    assert!(!bare(&["kinds", "xyz"]).exits(2).stderr.contains("did you mean"));
}
