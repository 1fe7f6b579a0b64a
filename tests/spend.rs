//! Ad spend and what follows from it, over real sockets: A6, A7 and their worked examples.

use crate::common::facts::{answered, fact, with};
use crate::common::{Server, Site};
use serde_json::{Value, json};

/// A job is worth 150.00.
const JOBS: &str = r#"
[[tenant]]
id = "acme"
name = "Acme Dental"
timezone = "America/New_York"
currency = "USD"
[tenant.rules]
job_value_minor = 15000
"#;

/// What an account had spent on a day, as read at a time; `n` makes its key.
fn spent(n: u32, account: &str, date: &str, minor: i64, at: &str) -> Value {
    let fact = fact("google_ads", &format!("spend/{n}"), "ad_spend_observed", at);
    let (source, account) = account.split_once('/').expect("source/account");
    with(
        fact,
        json!({"source": source, "account_id": account, "date": date, "amount_minor": minor, "currency": "USD"}),
    )
}

fn qualified(from: u32, to: u32) -> Vec<Value> {
    (from..to).map(|n| answered(&format!("CA{n}"), 45, "2025-10-09T12:00:00Z")).collect()
}

async fn month(server: &Server, month: &str) -> Value {
    server.read("acme", &format!("metrics/month?month={month}")).await
}

#[tokio::test]
async fn a7_ten_qualified_and_500_are_50_each_and_with_an_eleventh_45_45() {
    let server = Site::new().start().await;
    server.record("acme", &[spent(1, "google_ads/1", "2025-10-09", 50_000, "2025-10-09T20:00:00Z")]).await;
    server.record("acme", &qualified(0, 10)).await;
    let ten = month(&server, "2025-10").await;
    assert_eq!(ten["ad_spend_minor"], json!({"USD": 50_000}), "{ten}");
    assert_eq!(ten["cost_per_qualified_call_minor"], json!({"USD": 5_000}), "{ten}");
    server.record("acme", &qualified(10, 11)).await;
    let eleven = month(&server, "2025-10").await;
    assert_eq!(eleven["cost_per_qualified_call_minor"], json!({"USD": 4_545}), "{eleven}");
    assert!(eleven["estimated_roi_minor"].is_null(), "expected no ROI without a job value: {eleven}");
}

#[tokio::test]
async fn a7_none_qualified_and_250_spent_have_no_cost_and_an_roi_of_minus_250() {
    for tables in [JOBS, crate::common::TWO_TENANTS] {
        let server = Site::with(tables).start().await;
        let spend = spent(1, "google_ads/1", "2025-10-09", 25_000, "2025-10-09T20:00:00Z");
        server.record("acme", &[spend, answered("CA1", 10, "2025-10-09T12:00:00Z")]).await;
        let month = month(&server, "2025-10").await;
        assert!(month["cost_per_qualified_call_minor"].is_null(), "{month}");
        assert_eq!(month["estimated_roi_minor"], json!({"USD": -25_000}), "{month}");
        assert_eq!(month["estimated_roi_percent"], -100.0, "{month}");
    }
}

#[tokio::test]
async fn a7_eight_qualified_at_150_and_400_spent_have_an_roi_of_800_which_is_200_percent() {
    let server = Site::with(JOBS).start().await;
    let spend = spent(1, "google_ads/1", "2025-10-09", 40_000, "2025-10-09T20:00:00Z");
    server.record("acme", &[qualified(0, 8), vec![spend]].concat()).await;
    let month = month(&server, "2025-10").await;
    assert_eq!(month["estimated_roi_minor"], json!({"USD": 80_000}), "{month}");
    assert_eq!(month["estimated_roi_percent"], 200.0, "{month}");
    let days = server.read("acme", "metrics/days?from=2025-10-08&to=2025-10-09").await;
    assert!(
        days["items"][0]["ad_spend_minor"].is_null() && days["items"][0]["estimated_roi_minor"].is_null(),
        "{days}"
    );
    assert_eq!(days["items"][1]["estimated_roi_minor"], json!({"USD": 80_000}), "{days}");
    assert_eq!(days["items"][1]["cost_per_qualified_call_minor"], json!({"USD": 5_000}), "{days}");
}

#[tokio::test]
async fn a6_the_newest_observation_of_an_account_and_day_stands_in_any_order_of_arrival() {
    for order in crate::common::facts::orders(3) {
        let server = Site::new().start().await;
        let at = |n: usize| {
            let read = format!("2025-10-09T1{n}:00:00Z");
            spent(n as u32, "google_ads/1", "2025-10-09", 1_000 * (3 - n as i64), &read)
        };
        for n in &order {
            server.record("acme", &[at(*n)]).await;
        }
        let month = month(&server, "2025-10").await;
        assert_eq!(month["ad_spend_minor"], json!({"USD": 1_000}), "in order {order:?}: {month}");
        assert_eq!(month["ad_spend_observed_at"], "2025-10-09T12:00:00Z", "{month}");
    }
}

#[tokio::test]
async fn a6_accounts_days_and_currencies_are_summed_apart_and_nothing_observed_is_null() {
    let server = Site::new().start().await;
    let mut euro = spent(5, "meta/act_1", "2025-10-11", 700, "2025-10-12T08:00:00Z");
    euro["body"]["currency"] = json!("eur");
    let facts = [
        spent(1, "google_ads/1", "2025-10-09", 100, "2025-10-09T20:00:00Z"),
        spent(2, "google_ads/2", "2025-10-09", 20, "2025-10-09T21:00:00Z"),
        spent(3, "meta/1", "2025-10-10", 3, "2025-10-11T08:00:00Z"),
        spent(4, "google_ads/1", "2025-11-30", 0, "2025-12-01T08:00:00Z"),
        euro,
    ];
    server.record("acme", &facts).await;
    let october = month(&server, "2025-10").await;
    assert_eq!(october["ad_spend_minor"], json!({"USD": 123, "EUR": 700}), "{october}");
    assert_eq!(october["ad_spend_span"], json!({"from": "2025-10-09", "to": "2025-10-11"}), "{october}");
    assert_eq!(
        october["ad_spend_observed_at"], "2025-10-09T20:00:00Z",
        "as of the stalest account: {october}"
    );
    assert_eq!(october["estimated_roi_minor"], json!({"USD": -123, "EUR": -700}), "{october}");
    assert!(october["estimated_roi_percent"].is_null(), "{october}");
    let november = month(&server, "2025-11").await;
    assert_eq!(november["ad_spend_minor"], json!({"USD": 0}), "an observed nothing is 0: {november}");
    assert!(november["estimated_roi_percent"].is_null(), "{november}");
    let september = month(&server, "2025-09").await;
    for figure in [
        "ad_spend_minor",
        "ad_spend_span",
        "ad_spend_observed_at",
        "cost_per_qualified_call_minor",
        "estimated_roi_minor",
    ] {
        assert!(september[figure].is_null() && september.get(figure).is_some(), "{figure}: {september}");
    }
}

#[tokio::test]
async fn a6_spend_of_the_last_day_read_again_on_the_2nd_restates_the_old_month() {
    let server = Site::new().start().await;
    let first = spent(1, "google_ads/1", "2025-10-31", 9_000, "2025-10-31T23:00:00Z");
    server.record("acme", &[first]).await;
    let path = "/api/v1/tenants/acme/metrics/month?month=2025-10";
    let old = server.get(&format!("{path}&min_position={}", server.seen())).await;
    assert_eq!(old.json["ad_spend_minor"], json!({"USD": 9_000}), "{}", old.text);
    let tag = old.headers["etag"].to_str().expect("a past month has an ETag").to_owned();
    let again = server.request("GET", path).bearer_auth(crate::common::TOKEN).header("if-none-match", &tag);
    server.send(again).await.is(304);
    server.record("acme", &[spent(2, "google_ads/1", "2025-10-31", 9_500, "2025-11-02T09:00:00Z")]).await;
    assert_eq!(month(&server, "2025-10").await["ad_spend_minor"], json!({"USD": 9_500}));
    assert!(month(&server, "2025-11").await["ad_spend_minor"].is_null(), "the day is the spend's own");
    let now = server.request("GET", path).bearer_auth(crate::common::TOKEN).header("if-none-match", &tag);
    server.send(now).await.is(200);
}

#[tokio::test]
async fn a6_money_is_the_same_after_a_restart() {
    let site = Site::with(JOBS);
    let server = site.start().await;
    let mut facts = qualified(0, 3);
    for n in 0..40 {
        let date = format!("2025-10-{:02}", 1 + n % 31);
        facts.push(spent(
            n,
            &format!("google_ads/{}", n % 3),
            &date,
            i64::from(n) * 37,
            "2025-11-01T12:00:00Z",
        ));
    }
    server.record("acme", &facts).await;
    let before = month(&server, "2025-10").await;
    server.stop();
    let after = month(&site.start().await, "2025-10").await;
    assert_eq!(before, after);
    assert!(before["ad_spend_minor"]["USD"].as_i64().is_some_and(|minor| minor > 0), "{before}");
}

#[tokio::test]
async fn a6_an_amount_that_is_no_whole_number_of_minor_units_is_refused_by_name() {
    let server = Site::new().start().await;
    let mut fact = spent(1, "google_ads/1", "2025-10-09", 0, "2025-10-09T20:00:00Z");
    fact["body"]["amount_minor"] = json!(10.5);
    fact["body"]["currency"] = json!("dollars");
    let answer = server.post("acme", &fact).await;
    answer.is(422);
    for pointer in ["/body/amount_minor", "/body/currency"] {
        assert!(answer.text.contains(pointer), "expected {pointer} to be named: {}", answer.text);
    }
}
