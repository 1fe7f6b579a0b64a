//! The CRM's figures from outside (B4, B6 to B8, B10, B11, B13; L7, L8, L11): facts go in, dashboards come out.

use crate::common::crm::{ended, good, page, started};
use crate::common::facts::with;
use crate::common::{Server, Site, TOKEN};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

const TABLES: &str = r#"
[[tenant]]
id = "acme"
name = "Acme Franchise"
timezone = "America/Chicago"
currency = "USD"
[[tenant.rules.stages]]
name = "QR Sent"
likelihood_percent = 10
[[tenant.rules.stages]]
name = "Deal Structure"
likelihood_percent = 50
[[tenant.rules.stages]]
name = "FA Sent"
likelihood_percent = 75

[[tenant]]
id = "globex"
name = "Globex"
timezone = "UTC"
"#;

fn ago(minutes: i64) -> String {
    instant(Utc::now() - TimeDelta::minutes(minutes))
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn leads(ids: std::ops::Range<u32>) -> Value {
    ids.map(|id| json!({"id": id.to_string(), "source": "Web", "stage": "FDD Sent", "contact_type": "1"}))
        .collect()
}

async fn total(server: &Server) -> Value {
    server.read("acme", "leads/summary").await["total_leads"].clone()
}

#[tokio::test]
async fn b4_page_2_of_3_fails_and_every_figure_stays_until_a_run_succeeds() {
    let server = Site::with(TABLES).start().await;
    let before = server.read("acme", "leads/summary").await;
    assert_eq!((&before["total_leads"], &before["observed_at"]), (&json!(0), &json!(null)));
    server.record("acme", &good("r1", "leads", &ago(100), leads(0..3))).await;
    let first = server.read("acme", "leads/summary").await;
    assert_eq!(first["total_leads"], 3);
    let at = ago(50);
    let of = |part, from| page("r2", "leads", (part, 3), &at, leads(from..from + 5));
    server.record("acme", &[started("r2", &at), of(1, 10), of(3, 30)]).await;
    assert_eq!(total(&server).await, 3, "expected nothing of a run that is not over");
    let error = json!({"error": "page 2: HTTP 500"});
    server.record("acme", &[with(ended("r2", "failed", &at), error), of(2, 20)]).await;
    let mut after = server.read("acme", "leads/summary").await;
    after["position"] = first["position"].clone();
    assert_eq!(after, first, "expected every figure unchanged by a failed run");
    let runs = server.all_items("acme", "sync/runs").await;
    let told: Vec<_> = runs.iter().map(|run| json!([run["run_id"], run["status"], run["error"]])).collect();
    assert_eq!(told, [json!(["r2", "failed", "page 2: HTTP 500"]), json!(["r1", "success", null])]);
    let status = server.read("acme", "sync/status").await;
    assert_eq!((&status["status"], &status["is_stale"]), (&json!("failed"), &json!(false)), "{status}");
    // The same pages in a run that ends well are one step.
    let at = ago(10);
    let of = |part, from| page("r3", "leads", (part, 3), &at, leads(from..from + 5));
    server.record("acme", &[of(3, 30), of(1, 10), ended("r3", "success", &at)]).await;
    assert_eq!(total(&server).await, 3, "expected nothing while a page is missing");
    server.record("acme", &[of(2, 20)]).await;
    assert_eq!(total(&server).await, 15);
}

#[tokio::test]
async fn b4_an_error_with_an_empty_list_empties_nothing() {
    let server = Site::with(TABLES).start().await;
    server.record("acme", &good("r1", "leads", &ago(100), leads(0..3))).await;
    let at = ago(10);
    let end = with(ended("r2", "success", &at), json!({"error": "401 on page 1"}));
    server.record("acme", &[started("r2", &at), page("r2", "leads", (1, 1), &at, json!([])), end]).await;
    assert_eq!(total(&server).await, 3);
    assert_eq!(server.all_items("acme", "sync/runs").await[0]["status"], "failed");
}

#[tokio::test]
async fn b13_an_older_snapshot_that_comes_late_never_overwrites_a_newer() {
    let server = Site::with(TABLES).start().await;
    server.record("acme", &good("r2", "leads", &ago(10), leads(1..3))).await;
    server.record("acme", &good("r1", "leads", &ago(70), leads(0..9))).await;
    assert_eq!(total(&server).await, 2);
    let change = page("r3", "leads", (1, 1), &ago(5), json!([{"id": "77", "contact_type": "1"}]));
    let change = with(change, json!({"base": "r2", "removed": ["1"]}));
    server.record("acme", &[change, ended("r3", "success", &ago(5))]).await;
    let summary = server.read("acme", "leads/summary").await;
    assert_eq!(
        summary["by_source"],
        json!([{"source": "Unknown", "leads": 1}, {"source": "Web", "leads": 1}])
    );
}

#[tokio::test]
async fn b6_leads_by_source_and_status_with_other_contact_types_left_out() {
    let server = Site::with(TABLES).start().await;
    let records = json!([
        {"id": "1", "source": "Website", "stage": "FDD Sent", "contact_type": "1"},
        {"id": "2", "source": " WEBSITE ", "stage": "fdd sent", "contact_type": "1"},
        {"id": "3", "source": "website", "stage": "", "contact_type": "1"},
        {"id": "4", "stage": "QR Sent", "contact_type": "1"},
        {"id": "5", "source": "Website", "stage": "FDD Sent", "contact_type": "4"},
    ]);
    server.record("acme", &good("r", "leads", &ago(5), records)).await;
    let summary = server.read("acme", "leads/summary").await;
    assert_eq!([&summary["total_leads"], &summary["qualified_leads"], &summary["source_count"]], [4, 2, 2]);
    let sources = json!([{"source": "WEBSITE", "leads": 3}, {"source": "Unknown", "leads": 1}]);
    assert_eq!(summary["by_source"], sources, "of equally usual spellings the first by name");
    let statuses = json!([{"status": "FDD Sent", "leads": 2}, {"status": "New Lead", "leads": 1},
        {"status": "QR Sent", "leads": 1}]);
    assert_eq!(summary["by_status"], statuses);
    let other = server.get("/api/v1/tenants/globex/leads/summary").await;
    assert_eq!(other.is(200).json["total_leads"], 0, "expected nothing of another tenant's");
}

#[tokio::test]
async fn b7_three_contacts_in_a_stage_one_of_90000() {
    let server = Site::with(TABLES).start().await;
    let deals = json!([
        {"id": "1", "stage": "QR Sent", "value_minor": 90_000},
        {"id": "2", "stage": "qr sent", "value_minor": 0},
        {"id": "3", "stage": "QR Sent"},
    ]);
    server.record("acme", &good("r", "opportunities", &ago(5), deals)).await;
    let pipeline = server.read("acme", "pipeline").await;
    let stages = json!([{"stage": "QR Sent", "count": 3, "value_minor": 90_000, "likelihood_percent": 10}]);
    assert_eq!(pipeline["stages"], stages);
    let sums = ["total_value_minor", "average_deal_minor", "stage_count", "weighted_value_minor"];
    assert_eq!(sums.map(|sum| pipeline[sum].clone()), [90_000, 90_000, 1, 9_000]);
    assert_eq!(pipeline["currency"], "USD");
}

#[tokio::test]
async fn b8_hot_deals_by_weighted_size_page_by_page_and_as_csv() {
    let server = Site::with(TABLES).start().await;
    let deals = json!([
        {"id": "1", "stage": "Deal Structure", "value_minor": 1_000, "contact_name": "Ada", "company": "Austin"},
        {"id": "2", "stage": "FA Sent", "value_minor": 900, "contact_name": "Bo", "units": 3},
        {"id": "3", "stage": "FA Requested", "value_minor": 5_000, "contact_name": "Cy"},
        {"id": "4", "stage": "QR Sent", "value_minor": 99_000, "contact_name": "Di"},
        {"id": "5", "stage": "fa sent", "contact_name": "Ed"},
    ]);
    server.record("acme", &good("r", "opportunities", &ago(5), deals)).await;
    let items = server.all_items("acme", "hot-list?limit=2").await;
    let row = |item: &Value| {
        ["candidate", "market", "units", "iff_minor", "likely_percent", "weighted_iff_minor", "stage"]
            .map(|member| item[member].clone())
    };
    let rows: Vec<_> = items.iter().map(row).collect();
    assert_eq!(
        rows,
        [
            [json!("Bo"), json!(null), json!(3), json!(900), json!(75), json!(675), json!("FA Sent")],
            [
                json!("Ada"),
                json!("Austin"),
                json!(null),
                json!(1_000),
                json!(50),
                json!(500),
                json!("Deal Structure")
            ],
            [json!("Ed"), json!(null), json!(null), json!(0), json!(75), json!(0), json!("FA Sent")],
            [
                json!("Cy"),
                json!(null),
                json!(null),
                json!(5_000),
                json!(null),
                json!(null),
                json!("FA Requested")
            ],
        ]
    );
    let request = server.request("GET", "/api/v1/tenants/acme/hot-list").bearer_auth(TOKEN);
    let csv = server.send(request.header("accept", "text/csv")).await;
    assert!(csv.text.lines().next().is_some_and(|head| head.contains("weighted_iff_minor")), "{}", csv.text);
    assert_eq!(csv.text.lines().count(), 5, "a header and four rows: {}", csv.text);
}

#[tokio::test]
async fn b10_only_what_is_due_after_now_soonest_first_at_most_a_hundred_and_never_stored() {
    let server = Site::with(TABLES).start().await;
    let due = |minutes: i64| instant(Utc::now() + TimeDelta::minutes(minutes));
    let records: Value = [-60, -1]
        .into_iter()
        .chain((2..=151).rev())
        .map(|n| {
            json!({"id": n.to_string(), "scheduled_at": due(n), "activity_type": "Call", "status": "open",
            "contact": "7", "content": format!("call {n}")})
        })
        .collect();
    let at = ago(5);
    let contacts = json!([{"id": "7", "contact_name": "Ada Lo", "contact_type": "1"}]);
    let run = [
        started("r", &at),
        page("r", "leads", (1, 1), &at, contacts),
        page("r", "activities", (1, 1), &at, records),
        ended("r", "success", &at),
    ];
    server.record("acme", &run).await;
    let route = format!("/api/v1/tenants/acme/schedule?min_position={}", server.seen());
    let answer = server.get(&route).await;
    let items = answer.is(200).json["items"].as_array().expect("items").clone();
    let ids: Vec<_> = items.iter().map(|item| item["activity_id"].clone()).collect();
    assert_eq!(ids, (2..=101).map(|n| json!(n.to_string())).collect::<Vec<_>>());
    assert_eq!((&items[0]["contact_name"], &items[0]["description"]), (&json!("Ada Lo"), &json!("call 2")));
    assert_eq!((answer.header("cache-control"), answer.header("etag")), ("no-store", ""));
    assert!(answer.json["at"].is_string(), "expected the time that decided it: {answer:?}");
}

#[tokio::test]
async fn b11_the_banner_tells_what_is_to_be_known_of_the_last_run() {
    let server = Site::with(TABLES).start().await;
    let told = async |members: [&str; 3]| {
        let status = server.read("acme", "sync/status").await;
        members.map(|member| status[member].clone())
    };
    let all = ["status", "is_stale", "message"];
    let none = "No sync data available - sync may be delayed";
    assert_eq!(told(all).await, [json!("never"), json!(true), json!(none)]);
    server.record("acme", &[started("r0", &ago(400))]).await;
    assert_eq!(told(all).await, [json!("running"), json!(true), json!("Sync in progress...")]);
    server.record("acme", &[ended("r0", "success", &ago(190))]).await;
    let late = "Data is 3 hours old - sync may be delayed";
    assert_eq!(told(all).await, [json!("success"), json!(true), json!(late)]);
    server.record("acme", &good("r1", "leads", &ago(5), leads(0..2))).await;
    assert_eq!(told(all).await, [json!("success"), json!(false), json!("Data last synced: 5 minutes ago")]);
    // The first pass over all contacts' notes is another run.
    let pass = json!({"source": "clienttether_notes", "run_id": "p"});
    server.record("acme", &[with(started("p", &ago(1)), pass)]).await;
    assert_eq!(told(["status", "is_stale", "last_sync_at"]).await[..2], [json!("success"), json!(false)]);
}

#[tokio::test]
async fn b13_what_was_synced_is_the_same_after_a_kill_and_as_of_then() {
    let site = Site::with(TABLES);
    let server = site.start().await;
    server.record("acme", &good("r1", "leads", &ago(100), leads(0..300))).await;
    let then = server.read("acme", "leads/summary").await;
    server.record("acme", &good("r2", "leads", &ago(10), leads(0..200))).await;
    let now = server.read("acme", "leads/summary").await;
    server.kill();
    let server = site.start().await;
    assert_eq!(server.read("acme", "leads/summary").await, now);
    let past = format!("leads/summary?as_of_position={}", then["position"]);
    assert_eq!(server.read("acme", &past).await, then);
}
