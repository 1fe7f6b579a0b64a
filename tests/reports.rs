//! Reports from outside (B14, L10): drafted, published at a position of the log, derived again at any time.

use crate::common::crm::good;
use crate::common::facts::{answered, mail};
use crate::common::{Answer, Server, Site, TOKEN};
use serde_json::{Value, json};

async fn post(server: &Server, route: &str, body: Option<Value>) -> Answer {
    let request = server.request("POST", &format!("/api/v1/tenants/acme/{route}")).bearer_auth(TOKEN);
    match body {
        Some(body) => {
            server.send(request.header("content-type", "application/json").body(body.to_string())).await
        }
        None => server.send(request).await,
    }
}

async fn draft(server: &Server, period: &str) -> String {
    let body = json!({"period": period, "narrative": "A good week."});
    let answer = post(server, "reports", Some(body)).await;
    assert_eq!((answer.is(201).outcome(), &answer.json["status"]), ("recorded", &json!("draft")));
    answer.json["report_id"].as_str().expect("report_id").to_owned()
}

async fn figures(server: &Server, id: &str) -> Value {
    server.read("acme", &format!("reports/{id}")).await["figures"].clone()
}

/// Value, before and change of figures.
fn told(figures: &Value, names: &[&str]) -> Vec<[Value; 3]> {
    let one = |name: &&str| ["value", "before", "change"].map(|member| figures[*name][member].clone());
    names.iter().map(one).collect()
}

fn lead(n: u32) -> Value {
    json!({"id": n.to_string()})
}

#[tokio::test]
async fn b14_a_week_is_monday_to_sunday_in_the_tenant_s_zone_beside_the_one_before() {
    let server = Site::new().start().await;
    // New York is at UTC−4: Monday the 6th begins at 04:00 UTC, Sunday the 12th ends at 04:00 UTC of the 13th.
    server
        .record(
            "acme",
            &[
                answered("before", 60, "2025-10-06T03:59:59Z"),
                answered("first", 60, "2025-10-06T04:00:00Z"),
                answered("last", 45, "2025-10-13T03:59:59Z"),
                answered("after", 60, "2025-10-13T04:00:00Z"),
                mail("email_sent", 1, lead(1), "2025-10-07T12:00:00Z"),
                mail("email_sent", 2, lead(2), "2025-10-07T12:00:00Z"),
                mail("lead_replied", 3, lead(1), "2025-10-08T12:00:00Z"),
            ],
        )
        .await;
    let id = draft(&server, "2025-10-06").await;
    let report = server.read("acme", &format!("reports/{id}")).await;
    let head = ["kind", "period", "from", "to", "timezone", "status", "narrative", "as_of_position"];
    assert_eq!(
        head.map(|member| report[member].clone()),
        [
            json!("weekly"),
            json!("2025-10-06"),
            json!("2025-10-06"),
            json!("2025-10-12"),
            json!("America/New_York"),
            json!("draft"),
            json!("A good week."),
            json!(null),
        ]
    );
    let of = told(&report["figures"], &["calls", "talk_seconds", "emails_sent", "reply_rate"]);
    assert_eq!(
        of,
        [
            [json!(2), json!(1), json!(1)],
            [json!(105), json!(60), json!(45)],
            [json!(2), json!(0), json!(2)],
            [json!(50.0), json!(null), json!(null)],
        ]
    );
    assert_eq!(report["figures"]["calls"]["change_percent"], 100.0);
    let month = figures(&server, &draft(&server, "2025-10").await).await;
    assert_eq!(told(&month, &["calls"]), [[json!(4), json!(0), json!(4)]]);
}

#[tokio::test]
async fn b14_a_published_report_is_frozen_and_derived_again_after_anything_that_came_since() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &[answered("A", 60, "2025-10-07T12:00:00Z")]).await;
    let id = draft(&server, "2025-10-06").await;
    server.record("acme", &[answered("B", 60, "2025-10-08T12:00:00Z")]).await;
    assert_eq!(figures(&server, &id).await["calls"]["value"], 2, "a draft follows the log");
    let published = post(&server, &format!("reports/{id}/publish"), None).await;
    assert_eq!((published.is(200).outcome(), &published.json["status"]), ("recorded", &json!("published")));
    let frozen = server.read("acme", &format!("reports/{id}")).await;
    assert_eq!(frozen["as_of_position"].as_u64(), Some(published.position() - 1));
    server.record("acme", &[answered("late", 60, "2025-10-07T13:00:00Z")]).await;
    let fresh = figures(&server, &draft(&server, "2025-10-06").await).await;
    assert_eq!(fresh["calls"]["value"], 3, "the late call belongs to the week");
    assert_eq!(figures(&server, &id).await, frozen["figures"], "and what was published stays");
    server.kill();
    let server = site.start().await;
    assert_eq!(figures(&server, &id).await, frozen["figures"]);
}

#[tokio::test]
async fn b14_what_the_crm_held_is_as_the_period_ended_however_often_it_was_read() {
    let server = Site::new().start().await;
    let leads =
        |n: u32| (0..n).map(|id| json!({"id": id.to_string(), "stage": "FDD Sent"})).collect::<Value>();
    for hour in 0..24 {
        let at = format!("2025-10-12T{hour:02}:00:00Z");
        server.record("acme", &good(&format!("r{hour}"), "leads", &at, leads(10 + hour))).await;
    }
    server.record("acme", &good("earlier", "leads", "2025-10-05T12:00:00Z", leads(8))).await;
    server.record("acme", &good("later", "leads", "2025-10-14T12:00:00Z", leads(50))).await;
    let figures = figures(&server, &draft(&server, "2025-10-06").await).await;
    assert_eq!(
        told(&figures, &["total_leads", "qualified_leads"]),
        [[json!(33), json!(8), json!(25)], [json!(33), json!(8), json!(25)],]
    );
    assert_eq!(told(&figures, &["pipeline_value_minor"]), [[json!(null), json!(null), json!(null)]]);
}

#[tokio::test]
async fn b14_a_report_goes_from_draft_to_published_to_withdrawn_and_nowhere_else() {
    let server = Site::new().start().await;
    let id = draft(&server, "2025-10").await;
    let step = async |to: &str| post(&server, &format!("reports/{id}/{to}"), None).await;
    assert_eq!(step("withdraw").await.problem(409)["code"], "report_state");
    assert_eq!(step("publish").await.is(200).outcome(), "recorded");
    assert_eq!(step("publish").await.is(200).outcome(), "existing");
    assert_eq!(step("withdraw").await.is(200).outcome(), "recorded");
    assert_eq!(step("withdraw").await.is(200).outcome(), "existing");
    step("publish").await.problem(409);
    post(&server, "reports/nobody/publish", None).await.problem(404);
    let all = server.all_items("acme", "reports?limit=1").await;
    assert_eq!(all.iter().map(|of| of["status"].clone()).collect::<Vec<_>>(), ["withdrawn"]);
    for (period, why) in [("2025-10-07", "a Tuesday"), ("2025-13", "no month"), ("October", "no period")] {
        let refused = post(&server, "reports", Some(json!({"period": period}))).await;
        assert_eq!(refused.problem(422)["errors"][0]["pointer"], "/period", "{why}");
    }
    post(&server, "reports", Some(json!({"narrative": "x"}))).await.names("period").problem(422);
}

#[tokio::test]
async fn b14_the_text_of_a_draft_is_changed_and_that_of_a_published_report_is_not() {
    let site = Site::new();
    let server = site.start().await;
    let id = draft(&server, "2025-10").await;
    let path = format!("/api/v1/tenants/acme/reports/{id}/narrative");
    let write = async |body: Value| server.ask(TOKEN, "PUT", &path, body).await;
    let narrative =
        async |server: &Server| server.read("acme", &format!("reports/{id}")).await["narrative"].clone();
    let written = write(json!({"narrative": "  Calls doubled. "})).await;
    assert_eq!((written.is(200).outcome(), &written.json["status"]), ("recorded", &json!("draft")));
    assert_eq!(narrative(&server).await, "Calls doubled.");
    assert_eq!(write(json!({"narrative": "Calls doubled."})).await.is(200).outcome(), "existing");
    for absent in [json!({"narrative": " "}), json!({"narrative": null})] {
        write(absent).await.is(200);
        assert_eq!(narrative(&server).await, Value::Null);
    }
    // Another text that was there before is a change again.
    for text in ["A good week.", "Calls doubled.", "Calls doubled; the cost of one fell."] {
        assert_eq!(write(json!({"narrative": text})).await.is(200).outcome(), "recorded");
        assert_eq!(narrative(&server).await, text);
    }
    for (body, field) in [
        (json!({"narrative": 7}), "/narrative"),
        (json!({"narrative": "x".repeat(64 * 1024 + 1)}), "/narrative"),
        (json!({"narrative": "x", "period": "2025-11"}), "/period"),
    ] {
        write(body).await.names(field).problem(422);
    }
    let reader = server.token("viewer", &["acme"]).await;
    server.ask(&reader, "PUT", &path, json!({"narrative": "mine"})).await.problem(403);
    let unknown = "/api/v1/tenants/acme/reports/nobody/narrative";
    server.ask(TOKEN, "PUT", unknown, json!({"narrative": "x"})).await.problem(404);

    assert_eq!(post(&server, &format!("reports/{id}/publish"), None).await.is(200).outcome(), "recorded");
    for step in ["published", "withdrawn"] {
        let refused = write(json!({"narrative": "Calls tripled."})).await;
        assert_eq!(refused.problem(409)["code"], "report_state");
        assert!(refused.json["detail"].as_str().is_some_and(|detail| detail.contains(step)), "{refused:?}");
        assert_eq!(narrative(&server).await, "Calls doubled; the cost of one fell.");
        post(&server, &format!("reports/{id}/withdraw"), None).await.is(200);
    }
    // Each change is a fact of the report.
    let facts = server.all_facts("acme").await;
    let drafts: Vec<&Value> = facts.iter().filter(|fact| fact["kind"] == "report_drafted").collect();
    assert_eq!(drafts.len(), 6, "{drafts:#?}");
    server.stop();
    let server = site.start().await;
    assert_eq!(narrative(&server).await, "Calls doubled; the cost of one fell.");
}
