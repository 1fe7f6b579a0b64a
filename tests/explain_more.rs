//! Verdicts of facts, other rules over the history, and both on the command line (E2, E8).

use std::collections::BTreeMap;

use crate::common::crm::{ended, page, started};
use crate::common::facts::{answered, call, disposed, fact, mail, with};
use crate::common::{Server, Site, TOKEN};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

/// Every sort of fact that a client can post.
fn history() -> Vec<Value> {
    let account = json!({"instance": "i.example", "workspace": "17", "account_id": "9", "email": "from@acme.example",
        "status": "connected", "sends": 9, "email_provider": "Gmail"});
    let later = with(fact("desk", "a2", "sender_account_observed", "2025-10-10T12:00:00Z"), account.clone());
    let spend = json!({"source": "meta", "account_id": "1", "date": "2025-10-09", "amount_minor": 500, "currency": "USD"});
    vec![
        call("CA1", "initiated", AT),
        answered("CA1", 45, AT),
        with(answered("CA2", 12, AT), json!({"agent": "ann@example.com"})),
        with(answered("CA3", 90, "2025-09-09T12:00:00Z"), json!({"agent": "ann@example.com"})),
        disposed("CA1", 1, "connected", AT),
        mail("email_sent", 1, json!({"id": "L1"}), AT),
        mail("lead_interested", 2, json!({"id": "L1"}), AT),
        mail("lead_interested", 3, json!({"id": "L1"}), "2025-10-10T12:00:00Z"),
        with(fact("desk", "a1", "sender_account_observed", AT), account),
        with(later, json!({"sends": 14})),
        with(fact("desk", "s1", "ad_spend_observed", AT), spend),
        with(
            fact("desk", "t1", "target_set", AT),
            json!({"month": "2025-10", "metric": "qualified", "value": 10}),
        ),
        with(fact("desk", "n1", "note_written", AT), json!({"note_id": "n1", "content": "hello"})),
        started("r1", AT),
        page(
            "r1",
            "opportunities",
            (1, 1),
            AT,
            json!([{"id": "1", "stage": "FA Sent", "value_minor": 900, "contact_type": "1"}]),
        ),
        ended("r1", "success", AT),
    ]
}

async fn verdict(server: &Server, position: &Value) -> Value {
    server.read("acme", &format!("explain/fact/{position}")).await
}

#[tokio::test]
async fn e2_every_fact_has_a_verdict_of_every_model_and_together_they_are_the_figures() {
    let server = Site::new().start().await;
    server.record("acme", &history()).await;
    server.post("acme", &answered("CA2", 99, AT)).await.problem(409);
    let facts = server.all_facts("acme").await;
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for fact in &facts {
        let told = verdict(&server, &fact["position"]).await;
        let figures = told["figures"].as_array().expect("figures");
        assert!(told["facts"].as_array().expect("facts").contains(&fact["position"]), "{told}");
        for model in [
            "month",
            "days",
            "agents",
            "sessions",
            "pipeline",
            "leads",
            "sender_accounts",
            "provider_performance",
            "leaderboard",
            "targets",
        ] {
            assert!(
                figures.iter().any(|one| one["figure"]["model"] == model),
                "{model} is silent of {fact}: {told}"
            );
        }
        for one in figures {
            match one["delta"].as_i64() {
                Some(delta) => *sums.entry(one["figure"].to_string()).or_default() += delta,
                None => assert!(
                    one.get("after").is_some()
                        || (one["counted"] == false && one["code"].is_string() && one["reason"].is_string()),
                    "{one}"
                ),
            }
        }
    }
    sums.retain(|_, sum| *sum != 0);
    assert!(sums.len() > 60, "only {}", sums.len());
    for (figure, sum) in &sums {
        let figure: Value = serde_json::from_str(figure).expect("a figure");
        let mut query = format!(
            "model={}&field={}",
            figure["model"].as_str().expect("one"),
            figure["field"].as_str().expect("one")
        );
        for (name, value) in figure["selection"].as_object().expect("one") {
            query.push_str(&format!("&{name}={}", crate::common::site::escape(value.as_str().expect("one"))));
        }
        let answer = server.read("acme", &format!("explain?{query}")).await;
        assert_eq!((&answer["value"], &answer["total"]), (&json!(sum), &json!(sum)), "{figure}");
    }
    let at =
        |kind: &str| facts.iter().find(|fact| fact["kind"] == kind).expect("recorded")["position"].clone();
    for (kind, code) in
        [("tenant_configured", "rule"), ("note_written", "not_a_figure"), ("conflict_observed", "conflict")]
    {
        let told = verdict(&server, &at(kind)).await;
        assert!(told["figures"].as_array().expect("one").iter().all(|one| one["code"] == code), "{told}");
    }
    let target = verdict(&server, &at("target_set")).await;
    assert!(
        target["figures"]
            .as_array()
            .expect("one")
            .iter()
            .any(|one| one["before"].is_null() && one["after"] == 10),
        "{target}"
    );
    let rows =
        server.get(&format!("/api/v1/tenants/acme/explain/fact/{}?format=csv", at("target_set"))).await;
    let mut rows = csv::Reader::from_reader(rows.is(200).text.as_bytes());
    let columns: Vec<_> = rows.headers().expect("a header").iter().collect();
    assert!(
        ["figure.model", "figure.field", "before", "after"].iter().all(|one| columns.contains(one)),
        "{columns:?}"
    );
    assert_eq!(rows.records().count(), target["figures"].as_array().expect("one").len());
    server.get("/api/v1/tenants/acme/explain/fact/99999").await.problem(404);
    server.get("/api/v1/tenants/acme/explain/fact/x").await.problem(404);
    server.get(&format!("/api/v1/tenants/globex/explain/fact/{}", facts[0]["position"])).await.problem(404);
}

#[tokio::test]
async fn e2_a_leads_stage_and_a_calls_status_are_told_before_and_after_each_fact() {
    let server = Site::new().start().await;
    server.record("acme", &history()).await;
    let stage = server.read("acme", "explain?model=outreach_leads&field=stage&lead_id=L1").await;
    assert_eq!(
        (&stage["value"], &stage["total"], &stage["unit"]),
        (&json!("interested"), &Value::Null, &json!("state"))
    );
    let told: Vec<_> = stage["contributions"]
        .as_array()
        .expect("one")
        .iter()
        .map(|one| (one["before"].clone(), one["after"].clone()))
        .collect();
    assert_eq!(told, [(Value::Null, json!("new")), (json!("new"), json!("interested"))]);
    let status = server.read("acme", "explain?model=calls&field=status&call_id=CA1").await;
    let told: Vec<_> =
        status["contributions"].as_array().expect("one").iter().map(|one| one["after"].clone()).collect();
    assert_eq!(told, ["unqualified", "qualified"]);
}

#[tokio::test]
async fn e2_a_published_reports_figures_are_explained_as_of_its_position() {
    let server = Site::new().start().await;
    server.record("acme", &history()).await;
    let drafted = server.command("acme", "reports", &json!({"period": "2025-10", "narrative": "fine"})).await;
    let id = drafted.is(201).json["report_id"].as_str().expect("an id").to_owned();
    let query = |field: &str| format!("explain?model=reports&field={field}&report_id={id}");
    let viewer = server.token("viewer", &["acme"]).await;
    let path = format!("/api/v1/tenants/acme/{}", query("calls.value"));
    server.send(server.request("GET", &path).bearer_auth(&viewer)).await.problem(404);
    server.command("acme", &format!("reports/{id}/publish"), &json!({})).await.is(200);
    server.record("acme", &[answered("CA9", 45, AT)]).await;
    let report = server.read("acme", &format!("reports/{id}")).await;
    for field in ["calls.value", "qualified.value", "qualified.before", "replies.value", "interested.value"] {
        let answer = server.read("acme", &query(field)).await;
        let (figure, part) = field.split_once('.').expect("two names");
        assert_eq!(answer["value"], report["figures"][figure][part], "{field}");
        assert_eq!(answer["total"], answer["value"], "{field}");
        assert_eq!(answer["position"], report["as_of_position"], "{field}");
    }
    let spend = server.read("acme", &query("figures.ad_spend_minor.USD.value")).await;
    assert_eq!((&spend["value"], &spend["total"]), (&json!(500), &json!(500)));
    let rate = server.read("acme", &query("answered_rate.value")).await;
    assert_eq!(rate["value"], report["figures"]["answered_rate"]["value"]);
    assert_eq!(rate["formula"]["inputs"][0]["figure"]["field"], "answered.value");
    let change = server.read("acme", &query("qualified.change")).await;
    assert_eq!((&change["value"], &change["formula"]["inputs"][1]["value"]), (&json!(0), &json!(1)));
    server.send(server.request("GET", &path).bearer_auth(&viewer)).await.is(200);
    let unknown =
        server.get("/api/v1/tenants/acme/explain?model=reports&field=calls.value&report_id=none").await;
    unknown.problem(404);
    server
        .get("/api/v1/tenants/acme/explain?model=reports&field=calls.value")
        .await
        .names("report_id")
        .problem(422);
}

#[tokio::test]
async fn e8_other_rules_are_laid_over_the_months_and_nothing_is_recorded() {
    let server = Site::new().start().await;
    server.record("acme", &history()).await;
    let month = format!("/api/v1/tenants/acme/metrics/month?month=2025-10&min_position={}", server.seen());
    let before = server.get(&month).await;
    let facts = server.all_facts("acme").await.len();
    let asked = json!({"rules": {"qualified_min_seconds": 10}, "from": "2025-09", "to": "2025-10"});
    let answer = server.command("acme", "what-if", &asked).await;
    let answer = &answer.is(200).json;
    let changed: Vec<_> = answer["figures"]
        .as_array()
        .expect("figures")
        .iter()
        .map(|one| {
            (
                one["figure"]["selection"]["month"].clone(),
                one["figure"]["field"].clone(),
                one["old"].clone(),
                one["new"].clone(),
            )
        })
        .collect();
    assert!(changed.contains(&(json!("2025-10"), json!("qualified"), json!(1), json!(2))), "{answer}");
    assert!(!changed.iter().any(|(month, field, ..)| month == "2025-09" || field == "calls"), "{answer}");
    assert_eq!(answer["flipped_subjects"], 1);
    let flip = &answer["items"][0];
    assert_eq!(
        (&flip["subject"], &flip["old"], &flip["new"], &flip["code"]),
        (&json!("call/CA2"), &json!(0), &json!(1), &json!("rules_satisfied")),
        "{flip}"
    );
    let stricter = json!({"rules": {"qualified_min_seconds": 60}, "from": "2025-10", "to": "2025-10"});
    let stricter = server.command("acme", "what-if", &stricter).await;
    assert_eq!(stricter.is(200).json["items"][0]["code"], "short_duration");
    assert_eq!(server.all_facts("acme").await.len(), facts, "nothing was recorded");
    let after = server.get(&month).await;
    assert_eq!(after.header("etag"), before.header("etag"));
    // What it foretells comes true once the rules are configured.
    let configured = with(
        fact("desk", "c1", "tenant_configured", AT),
        json!({"name": "Acme", "timezone": "America/New_York",
        "rules": {"qualified_min_seconds": 10}, "effective_from": "2025-09-01"}),
    );
    server.record("acme", &[configured]).await;
    assert_eq!(server.read("acme", "metrics/month?month=2025-10").await["qualified"], 2);

    let wrong = json!({"rules": {"qualified_seconds": 10}, "from": "2025-10", "to": "2025-09"});
    server
        .command("acme", "what-if", &wrong)
        .await
        .names("/rules/qualified_seconds")
        .names("/to")
        .problem(422);
    let viewer = server.token("viewer", &["acme"]).await;
    let ask = server.request("POST", "/api/v1/tenants/acme/what-if").json(&asked);
    server.send(ask.bearer_auth(&viewer)).await.problem(403);
    let auditor = server.token("auditor", &["acme"]).await;
    let ask = server.request("POST", "/api/v1/tenants/acme/what-if?limit=1").json(&asked);
    server.send(ask.bearer_auth(&auditor)).await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e2_the_command_line_explains_beside_a_server_by_it_and_without_one() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &history()).await;
    let served = server.read("acme", "explain?model=month&field=talk_seconds&month=2025-10").await;
    let asked = ["explain", "--tenant", "acme", "month", "talk_seconds", "month=2025-10", "--json"];
    assert_eq!(site.cli(&asked).exits(0).json()[0], served, "beside the server");
    let mut remote = site.command(&[&asked[..], &["--server", &server.base]].concat());
    remote.env("FACTFOLD_TOKEN", TOKEN);
    assert_eq!(crate::common::site::run(remote).exits(0).json()[0], served, "by the server");
    let position = served["contributions"][0]["position"].to_string();
    let told = verdict(&server, &served["contributions"][0]["position"]).await;
    server.stop();
    let fact =
        site.cli(&["explain", "--tenant", "acme", "fact", &position, "--json"]).exits(0).json()[0].clone();
    assert_eq!(fact["figures"].as_array().map(Vec::len), told["figures"].as_array().map(Vec::len));
    let shown = site.cli(&["explain", "--tenant", "acme", "month", "qualified", "month=2025-10"]);
    assert!(
        shown.exits(0).all().contains("call/CA1") && shown.all().contains("answered, 30 s or longer"),
        "{}",
        shown.all()
    );
    let not =
        site.cli(&["explain", "--tenant", "acme", "month", "qualified", "month=2025-10", "--not-counted"]);
    assert!(not.exits(0).all().contains("short_duration"), "{}", not.all());
    let wrong = site.cli(&["explain", "--tenant", "acme", "month", "qualifed", "month=2025-10"]);
    assert!(wrong.exits(2).all().contains("did you mean qualified?"), "{}", wrong.all());
    let what_if = [
        "replay",
        "--what-if",
        "qualified_min_seconds=10",
        "--tenant",
        "acme",
        "--from",
        "2025-10",
        "--to",
        "2025-10",
    ];
    let told = site.cli(&what_if);
    assert!(told.exits(0).all().contains("call/CA2"), "{}", told.all());
    let json = site.cli(&[&what_if[..], &["--json"]].concat());
    assert_eq!(json.exits(0).json()[0]["flipped_subjects"], 1);
    site.cli(&["replay", "--what-if", "qualified_minutes=1"]).exits(2);
}
