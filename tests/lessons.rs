//! Failures of the systems replaced (LESSONS), and worked examples that no other file has.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::crm::{ended, good, page, started};
use crate::common::facts::{answered, fact, mail, staged, with};
use crate::common::history::history;
use crate::common::random::Random;
use crate::common::{Server, Site, bison};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

async fn month(server: &Server, month: &str) -> Value {
    server.read("acme", &format!("metrics/month?month={month}")).await
}

#[tokio::test]
async fn l2_what_is_sent_again_after_a_lost_answer_counts_once_and_polled_totals_overwrite_no_events() {
    let site = Site::new();
    let server = site.start().await;
    let events: Vec<Value> = (1..=5).map(|n| bison::sent("EMAIL_SENT", n, bison::lead(n), AT)).collect();
    for event in &events {
        bison::deliver(&server, event).await.is(200);
    }
    // The sender never saw an answer: it sends all of it again, to the next process.
    server.kill();
    let server = site.start().await;
    for event in &events {
        assert_eq!(bison::deliver(&server, event).await.is(200).outcome(), "duplicate");
    }
    assert_eq!(month(&server, "2025-10").await["emails_sent"], 5);
    // The nightly job's totals are a figure of their own.
    let polled = |n: u32, sends: u32, at: &str| {
        let fact = fact("emailbison", &format!("poll/{n}"), "sender_account_observed", at);
        with(
            fact,
            json!({"instance": "dedi.emailbison.com", "workspace": "17", "account_id": "3", "email": "from@example.com",
                "status": "connected", "sends": sends, "replies": 0, "bounces": 0, "email_provider": "Gmail"}),
        )
    };
    server.record("acme", &[polled(1, 100, "2025-10-08T12:00:00Z"), polled(2, 109, AT)]).await;
    assert_eq!(month(&server, "2025-10").await["emails_sent"], 5, "events are the events'");
    let days = server.read("acme", "provider-performance?from=2025-10-09&to=2025-10-09").await;
    assert_eq!(days["items"][0]["sends"], 9, "and the provider's count is beside them: {days}");
}

#[tokio::test]
async fn l5_interested_then_not_then_interested_again_is_one_positive_reply_in_the_month_of_the_first() {
    let server = Site::new().start().await;
    let lead = || json!({"id": "1", "email": "a@example.com"});
    let facts = [
        mail("lead_interested", 1, lead(), "2025-03-10T12:00:00Z"),
        staged(2, lead(), "lost", "2025-03-20T12:00:00Z"),
        mail("lead_interested", 3, lead(), "2025-04-02T12:00:00Z"),
        mail("lead_replied", 4, lead(), "2025-04-03T12:00:00Z"),
    ];
    server.record("acme", &facts).await;
    for (name, positive, interested) in [("2025-03", 1, 1), ("2025-04", 0, 1)] {
        let month = month(&server, name).await;
        assert_eq!(
            (&month["positive_replies"], &month["interested"]),
            (&json!(positive), &json!(interested)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn l7_a_run_that_was_cut_off_reports_no_success_and_the_age_is_that_of_the_last_one() {
    let server = Site::new().start().await;
    let ago = |minutes: i64| (chrono::Utc::now() - chrono::Duration::minutes(minutes)).to_rfc3339();
    let leads = |n: u32| (0..n).map(|id| json!({"id": id.to_string()})).collect::<Value>();
    server.record("acme", &good("r1", "leads", &ago(200), leads(3))).await;
    // 14 of 26 parts came, then 401.
    let at = ago(10);
    let parts: Vec<Value> = (1..=14).map(|part| page("r2", "leads", (part, 26), &at, leads(part))).collect();
    server.record("acme", &[vec![started("r2", &at)], parts].concat()).await;
    server.record("acme", &[with(ended("r2", "failed", &at), json!({"error": "page 15: HTTP 401"}))]).await;
    let status = server.read("acme", "sync/status").await;
    assert_eq!((&status["status"], &status["is_stale"]), (&json!("failed"), &json!(true)), "{status}");
    assert_eq!(status["message"], "Data is 3 hours old - sync may be delayed", "{status}");
    let age = status["age_seconds"].as_i64().expect("an age");
    assert!((200 * 60..201 * 60).contains(&age), "of the last success: {status}");
    assert_eq!(server.read("acme", "leads/summary").await["total_leads"], 3);
}

#[tokio::test]
async fn l11_no_list_ends_and_no_figure_stops_at_a_thousand_rows() {
    let server = Site::new().start().await;
    let facts: Vec<Value> = (0..1_300)
        .flat_map(|n: u32| {
            let lead = json!({"id": n.to_string(), "email": format!("p{n}@example.com")});
            [mail("lead_interested", n, lead, AT), answered(&format!("c{n}"), 45, AT)]
        })
        .collect();
    server.record("acme", &facts).await;
    let at = chrono::Utc::now().to_rfc3339();
    let parts = (1..=3).map(|part| {
        let ids = (part - 1) * 450..part * 450;
        page(
            "r",
            "leads",
            (part, 3),
            &at,
            ids.map(|id| json!({"id": id.to_string(), "source": "Web"})).collect(),
        )
    });
    server.record("acme", &parts.chain([ended("r", "success", &at)]).collect::<Vec<_>>()).await;
    for (route, rows) in
        [("outreach/leads", 1_300), ("calls?limit=500", 1_300), ("outreach/leads?stage=interested", 1_300)]
    {
        assert_eq!(server.all_items("acme", route).await.len(), rows, "{route}");
    }
    let first = server.read("acme", "outreach/leads?limit=500").await;
    assert_eq!(first["items"].as_array().map(Vec::len), Some(500));
    assert!(first["next_cursor"].is_string(), "a list that goes on says so");
    server.get("/api/v1/tenants/acme/outreach/leads?limit=1000").await.names_parameter("limit").problem(400);
    let month = month(&server, "2025-10").await;
    assert_eq!((&month["positive_replies"], &month["qualified"]), (&json!(1_300), &json!(1_300)));
    let summary = server.read("acme", "leads/summary").await;
    assert_eq!(summary["total_leads"], 1_350);
    assert_eq!(summary["by_source"], json!([{"source": "Web", "leads": 1_350}]));
}

#[tokio::test]
async fn l12_two_tenants_with_the_same_leads_are_each_told_and_neither_which_the_other_is() {
    let server = Site::new().start().await;
    let leads: Value =
        (0..40).map(|id| json!({"id": id.to_string(), "source": "Web", "stage": "FDD Sent"})).collect();
    let mut others = leads.clone();
    others[7]["stage"] = json!("FA Sent");
    let alerts = async |tenant: &str, count: usize| {
        for _ in 0..1_000 {
            let items = server.all_items(tenant, "alerts").await;
            if items
                .iter()
                .filter(|alert| alert["rule"] == "equal_snapshots" && alert["state"] == "open")
                .count()
                == count
            {
                return items;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("expected {count} open alerts of {tenant}: {:?}", server.all_items(tenant, "alerts").await);
    };
    server.record("acme", &good("r1", "leads", "2025-10-09T12:00:00Z", leads.clone())).await;
    server.record("globex", &good("r1", "leads", "2025-10-09T12:00:00Z", leads)).await;
    for (tenant, other) in [("acme", "globex"), ("globex", "acme")] {
        let told = json!(alerts(tenant, 1).await).to_string().to_lowercase();
        assert!(!told.contains(other), "{told}");
    }
    // Null control: one record that differs, and the alert ends.
    server.record("globex", &good("r2", "leads", "2025-10-09T13:00:00Z", others)).await;
    for tenant in ["acme", "globex"] {
        alerts(tenant, 0).await;
    }
}

#[tokio::test]
async fn l13_a_figure_is_the_same_on_every_route_that_shows_it() {
    let server = Site::new().start().await;
    server.deliver("acme", &history(40, 800, "2025-09-20T00:00:00Z"), &mut Random::new(40)).await;
    let october = month(&server, "2025-10").await;
    let days = server.read("acme", "metrics/days?from=2025-10-01&to=2025-10-31").await;
    let sum = |rows: &Value, name: &str| {
        rows.as_array().into_iter().flatten().filter_map(|row| row[name].as_i64()).sum::<i64>()
    };
    let draft = server.command("acme", "reports", &json!({"period": "2025-10"})).await;
    let route = format!("reports/{}", draft.is(201).json["report_id"].as_str().expect("an id"));
    let report = server.read("acme", &route).await["figures"].clone();
    for name in ["calls", "answered", "qualified", "talk_seconds"] {
        assert!(october[name].as_i64() > Some(0), "expected some {name} in the history: {october}");
        assert_eq!(october[name], sum(&october["by_agent"], name), "{name} by agent");
        assert_eq!(october[name], sum(&days["items"], name), "{name} by day");
        assert_eq!(october[name], report[name]["value"], "{name} of the report");
    }
    for name in ["emails_sent", "replies", "interested", "positive_replies", "bounces", "unsubscribes"] {
        assert_eq!(october[name], sum(&days["items"], name), "{name} by day");
        assert_eq!(october[name], report[name]["value"], "{name} of the report");
    }
    let listed = server.all_items("acme", "calls?from=2025-10-01&to=2025-10-31").await;
    let qualified =
        listed.iter().filter(|call| call["counted"] == true && call["status"] == "qualified").count();
    assert_eq!(october["qualified"], qualified, "the list's");
    let board = server.read("acme", "leaderboard?period=month&date=2025-10-15").await;
    let by_agent: BTreeMap<&str, &Value> = october["by_agent"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| Some((row["agent"].as_str()?, row)))
        .collect();
    for place in board["items"].as_array().expect("items") {
        let agent = place["agent"].as_str().expect("an agent");
        let range = "from=2025-10-01&to=2025-10-31";
        let metrics = server.read("acme", &format!("metrics/agents/{agent}/summary?{range}")).await;
        assert_eq!(
            (&place["calls"], &place["calls"]),
            (&metrics["calls_made"], &by_agent[agent]["calls"]),
            "{agent}"
        );
        for name in ["pickups", "talk_seconds"] {
            assert_eq!(
                (&place[name], &place[name]),
                (&metrics[name], &by_agent[agent][name]),
                "{name} of {agent}"
            );
        }
    }
    assert!(board["items"].as_array().is_some_and(|items| items.len() > 2), "{board}");
}
