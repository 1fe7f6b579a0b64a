//! A mapping can give every kind that an operator may post: what is mapped from a source's payload is the fact that a
//! client would have posted.

use std::fs;

use serde_json::{Map, Value, json};

use crate::common::tracker::deliver;
use crate::common::{Server, Site, TWO_TENANTS};

/// Kinds that the engine alone makes, or an admin.
const OTHERS: &[&str] = &["tenant_configured"];

/// A kind with the bodies that its golden fixture posts.
fn posted_bodies() -> Vec<(String, Vec<Value>)> {
    let mut kinds = Vec::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/wire");
    for entry in fs::read_dir(folder).expect("fixtures") {
        let path = entry.expect("entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8").to_owned();
        let kind = name.split('.').next().expect("a kind").to_owned();
        let file: Value = serde_json::from_slice(&fs::read(&path).expect("reads")).expect("JSON");
        let cases = file["cases"].as_array().expect("cases");
        let bodies = cases.iter().map(|case| case["given"]["posted"]["body"].clone()).collect();
        kinds.push((kind, bodies));
    }
    kinds.sort_by(|(one, _), (other, _)| one.cmp(other));
    kinds
}

/// The members that any of the objects has.
fn merged(objects: &[Value]) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, value) in objects.iter().filter_map(Value::as_object).flatten() {
        let known = all.entry(name).or_insert_with(|| value.clone());
        if let (Value::Object(_), Value::Object(_)) = (&known, value) {
            *known = Value::Object(merged(&[known.clone(), value.clone()]));
        }
    }
    all
}

/// The members of `body` as those of a mapping that reads each where it stands under `at`.
fn mapped(body: &Map<String, Value>, at: &str) -> String {
    let member = |(name, value): (&String, &Value)| match value {
        Value::Object(inner) => format!("{name} = {{ {} }}", mapped(inner, &format!("{at}{name}."))),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let all = merged(items);
            format!("{name} = {{ each = \"{at}{name}\", {} }}", mapped(&all, ""))
        }
        _ => format!("{name} = {{ path = \"{at}{name}\", prefix = \"\" }}"),
    };
    body.iter().map(member).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn every_kind_that_an_operator_may_post_can_be_mapped() {
    let server = Site::new().start().await;
    let may = async |kind: &str| {
        let fact = json!({"provider": "desk", "external_id": "x", "kind": kind, "occurred_at": "2025-10-09T12:00:00Z"});
        server.post("acme", &fact).await.json["code"] != "kind_not_accepted"
    };
    let mut kinds = Vec::new();
    for (kind, bodies) in posted_bodies() {
        if may(&kind).await && !OTHERS.contains(&kind.as_str()) {
            kinds.push((kind, bodies));
        }
    }
    assert!(kinds.len() >= 28, "{:?}", kinds.iter().map(|(kind, _)| kind).collect::<Vec<_>>());
    server.stop();
    let rule = |(kind, bodies): &(String, Vec<Value>)| {
        let all = merged(bodies);
        let body = mapped(&all, "b.").replace(", each", ",\neach");
        format!(
            "[[mapping.on]]\nevent = [\"{kind}\"]\nkind = \"{kind}\"\nbody = {{ {} }}\n",
            body.replace('\n', " ")
        )
    };
    let rules: String = kinds.iter().map(rule).collect();
    let tables = format!(
        "{TWO_TENANTS}[[mapping]]\nname = \"any\"\nsignature = \"unsigned\"\nevent = \"type\"\nexternal_id = [\"id\"]\n\
         {rules}[[endpoint]]\nid = \"any-1c1f\"\nprovider = \"any\"\ntenant = \"acme\"\n"
    );
    let server = Site::with(&tables).start().await;
    for (kind, bodies) in &kinds {
        for (n, body) in bodies.iter().enumerate() {
            let id = format!("{kind}-{n}");
            let payload = json!({"type": kind, "id": id, "b": with_lists(body, bodies)});
            let answer = deliver(&server, "any/any-1c1f", payload.to_string(), &[]).await;
            assert_eq!(answer.is(200).outcome(), "recorded", "{kind}: {payload}\n{answer:?}");
            let fact = json!({"provider": "desk", "external_id": id, "kind": kind,
                              "occurred_at": "2025-10-09T12:00:00Z", "body": body});
            let posted = server.post("acme", &fact).await;
            if posted.status == 422 {
                continue; // An event about nobody, which a client cannot post.
            }
            let [was_mapped, was_posted] =
                [&answer.json["facts"][0], &posted.json].map(|it| it["position"].clone());
            let [one, other] = [body_at(&server, &was_mapped).await, body_at(&server, &was_posted).await];
            assert_eq!(one, other, "{kind}");
        }
    }
}

/// The body with an empty list where another of the kind has a list of objects: an absent one is an error.
fn with_lists(body: &Value, all: &[Value]) -> Value {
    let mut body = body.clone();
    for other in all.iter().filter_map(Value::as_object) {
        for (name, value) in other {
            let is_rows = value.as_array().is_some_and(|items| items.iter().any(Value::is_object));
            if is_rows && body.get(name).is_none() {
                body[name] = json!([]);
            }
        }
    }
    body
}

async fn body_at(server: &Server, position: &Value) -> Value {
    server.read("acme", &format!("facts/{position}")).await["body"].clone()
}

/// An ad platform, a CRM and a sheet with targets.
const SOURCES: &str = r#"
[[mapping]]
name = "ads"
signature = "unsigned"
each = "rows"
external_id = ["account", "day", "seen"]
[[mapping.on]]
kind = "ad_spend_observed"
[mapping.on.body]
source = { value = "meta" }
account_id = "account"
date = { path = "day", format = "%m/%d/%Y" }
amount_minor = { path = "spend", as = "decimal" }
currency = "money"

[[mapping]]
name = "sheet"
signature = "unsigned"
external_id = ["row"]
[[mapping.on]]
kind = "target_set"
[mapping.on.body]
month = "month"
metric = "metric"
value = "goal"

[[mapping]]
name = "crm"
signature = "unsigned"
external_id = ["run"]
[[mapping.on]]
kind = "sync_started"
body = { run_id = "run", source = { value = "crm" } }
[[mapping.on]]
kind = "snapshot_taken"
[mapping.on.body]
run_id = "run"
source = { value = "crm" }
resource = { value = "opportunities" }
observed_at = "at"
part = { value = 1 }
parts = { value = 1 }
[mapping.on.body.records]
each = "data.deals"
id = "deal.id"
stage = "deal.stage"
contact_name = "who"
value_minor = { path = "deal.size", as = "decimal" }
currency = { path = "deal.money", default = "USD" }
[[mapping.on]]
kind = "sync_finished"
body = { run_id = "run", source = { value = "crm" }, status = { value = "success" } }

[[endpoint]]
id = "ads-1c1f"
provider = "ads"
tenant = "acme"
[[endpoint]]
id = "sheet-1c1f"
provider = "sheet"
tenant = "acme"
[[endpoint]]
id = "crm-1c1f"
provider = "crm"
tenant = "acme"
"#;

#[tokio::test]
async fn spend_targets_and_snapshots_of_mapped_sources_are_figures() {
    let server = Site::with(&format!("{TWO_TENANTS}{SOURCES}")).start().await;
    let row = |account: &str, spend: Value, money: &str| json!({"account": account, "day": "10/09/2025", "seen": "a", "spend": spend, "money": money});
    let rows = json!({"rows": [row("1", json!("1,234.50"), "usd"), row("2", json!(0.1), "USD"), row("3", json!("1200"), "JPY"),
                               row("4", json!(12.345), "KWD")]});
    let answer = deliver(&server, "ads/ads-1c1f", rows.to_string(), &[]).await;
    assert_eq!(answer.is(200).outcome(), "recorded", "{answer:?}");
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    let spend = if month["ad_spend_minor"].is_null() { &month["ad_spend"] } else { &month["ad_spend_minor"] };
    assert_eq!(*spend, json!({"JPY": 1_200, "KWD": 12_345, "USD": 123_460}), "{month}");
    for (n, (row, reason)) in [
        (row("5", json!("twelve"), "USD"), "malformed_field"),
        (row("6", json!("12"), "dollars"), "malformed_field"),
        (row("7", json!("12"), ""), "missing_field"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = deliver(&server, "ads/ads-1c1f", json!({"rows": [row]}).to_string(), &[]).await;
        assert_eq!(answer.is(200).json["reason"], reason, "{n}: {answer:?}");
    }
    let goal = json!({"row": 1, "month": "2025-10-01", "metric": "Qualified", "goal": "40"});
    assert_eq!(
        deliver(&server, "sheet/sheet-1c1f", goal.to_string(), &[]).await.is(200).outcome(),
        "recorded"
    );
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["targets"]["qualified"]["target"], 40, "{month}");

    let deal =
        |id: u64, size: &str| json!({"who": "Pat", "deal": {"id": id, "stage": "FDD Sent", "size": size}});
    let run = json!({"run": "r1", "at": "2025-10-09 12:00:00Z", "data": {"deals": [deal(1, "10000.00"), deal(2, "2,500.5")]}});
    assert_eq!(deliver(&server, "crm/crm-1c1f", run.to_string(), &[]).await.is(200).outcome(), "recorded");
    let pipeline = server.read("acme", "pipeline").await;
    assert_eq!(pipeline["total_value_minor"], 1_250_050, "{pipeline}");
    // An absent list is no empty one: the pipeline stays.
    let broken = json!({"run": "r2", "at": "2025-10-09 13:00:00Z", "data": {"error": "rate limited"}});
    let answer = deliver(&server, "crm/crm-1c1f", broken.to_string(), &[]).await;
    assert_eq!((answer.outcome(), &answer.json["reason"]), ("quarantined", &json!("missing_field")));
    let emptied = json!({"run": "r3", "at": "2025-10-09 14:00:00Z", "data": {"deals": []}});
    assert_eq!(
        deliver(&server, "crm/crm-1c1f", emptied.to_string(), &[]).await.is(200).outcome(),
        "recorded"
    );
    assert_eq!(server.read("acme", "pipeline").await["stage_count"], 0);
}

#[tokio::test]
async fn money_without_a_currency_and_lists_without_a_path_are_refused_at_start() {
    for (from, to, told) in [
        ("currency = \"money\"\n", "", "needs the member currency beside it"),
        ("each = \"data.deals\"", "each = \"header:x\"", "must be the path of a list in the payload"),
        ("format = \"%m/%d/%Y\"", "format = \"rfc3339\"", "must be a pattern such as %m/%d/%Y"),
        ("stage = \"deal.stage\"", "stages = \"deal.stage\"", "is not a member of this body"),
        (
            "resource = { value = \"opportunities\" }",
            "resource = { value = \"deals\" }",
            "must be one of leads",
        ),
    ] {
        assert!(SOURCES.contains(from), "{from}");
        let refused =
            Site::with(&format!("{TWO_TENANTS}{}", SOURCES.replace(from, to))).start_refused().all();
        assert!(refused.contains(told), "{refused}\nshould say\n{told}");
    }
}
