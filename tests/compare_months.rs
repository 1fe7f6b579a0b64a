//! What a figure changed against another month is served, not computed by who looks: exact, and null without a base.

use chrono::{Months, NaiveDate, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::common::facts::{answered, disposed, fact, mail, with};
use crate::common::{Server, Site, TOKEN};

/// A call of an agent.
fn of(agent: &str, id: &str, at: &str) -> Value {
    with(answered(id, 45, at), json!({"agent": agent, "direction": "inbound"}))
}

async fn compared(server: &Server, query: &str) -> Value {
    server.read("acme", &format!("metrics/compare?{query}")).await
}

/// value, before, change and percent of a figure.
fn row(answer: &Value, figure: &str, agent: Option<&str>) -> Value {
    let items = answer["items"].as_array().expect("items");
    let found = items.iter().find(|item| item["figure"] == figure && item["agent"] == json!(agent));
    let found = found.unwrap_or_else(|| panic!("no {figure} of {agent:?}: {answer}"));
    json!([found["value"], found["before"], found["change"], found["change_percent"]])
}

fn spend(n: u32, date: &str, minor: i64) -> Value {
    let body =
        json!({"source": "meta", "account_id": "a", "date": date, "amount_minor": minor, "currency": "USD"});
    with(fact("desk", &format!("spend/{n}"), "ad_spend_observed", &format!("{date}T18:00:00Z")), body)
}

#[tokio::test]
async fn a_past_month_is_compared_with_the_one_before_a_year_ago_and_as_it_was_published() {
    let server = Site::new().start().await;
    let mut facts = vec![
        of("ann@example.com", "a1", "2025-10-09T12:00:00Z"),
        of("ann@example.com", "a2", "2025-10-10T12:00:00Z"),
        of("bob@example.com", "a3", "2025-10-11T12:00:00Z"),
        of("ann@example.com", "b1", "2025-09-09T12:00:00Z"),
        of("cyd@example.com", "b2", "2025-09-10T12:00:00Z"),
        of("cyd@example.com", "y1", "2024-10-10T12:00:00Z"),
        disposed("a1", 1, "voicemail", "2025-10-09T13:00:00Z"),
        disposed("b1", 1, "connected", "2025-09-09T13:00:00Z"),
        spend(1, "2025-10-05", 30_000),
        spend(2, "2025-09-05", 70_000),
    ];
    // 2 of 3 and 1 of 8: 66.67 % and 12.5 %.
    let lead = |n: u32| json!({"id": format!("L{n}")});
    for (month, sent, replies, first) in [("10", 3, 2, 0), ("09", 8, 1, 100)] {
        for n in 0..sent {
            facts.push(mail("email_sent", first + n, lead(first + n), &format!("2025-{month}-07T12:00:00Z")));
        }
        for n in 0..replies {
            facts.push(mail(
                "lead_replied",
                first + n,
                lead(first + n),
                &format!("2025-{month}-08T12:00:00Z"),
            ));
        }
    }
    server.record("acme", &facts).await;
    let told = compared(&server, "month=2025-10").await;
    assert_eq!((&told["month"], &told["with"]), (&json!("2025-10"), &json!("before")));
    assert_eq!(
        told["against"],
        json!({"month": "2025-09", "occurred_until": null, "as_of_position": null, "report_id": null})
    );
    assert_eq!(row(&told, "calls", None), json!([3, 2, 1, 50.0]));
    assert_eq!(row(&told, "emails_sent", None), json!([3, 8, -5, -62.5]));
    assert_eq!(row(&told, "reply_rate", None), json!([66.67, 12.5, 54.17, null]), "points");
    assert_eq!(row(&told, "bounce_rate", None), json!([0.0, 0.0, 0.0, null]));
    assert_eq!(row(&told, "ad_spend_minor.USD", None), json!([30_000, 70_000, -40_000, -57.14]));
    assert_eq!(row(&told, "outcomes.voicemail", None), json!([1, 0, 1, null]), "no part of nothing");
    assert_eq!(row(&told, "outcomes.connected", None), json!([0, 1, -1, -100.0]));
    assert_eq!(row(&told, "calls", Some("ann@example.com")), json!([2, 1, 1, 100.0]));
    assert_eq!(row(&told, "calls", Some("bob@example.com")), json!([1, 0, 1, null]));
    assert_eq!(row(&told, "calls", Some("cyd@example.com")), json!([0, 1, -1, -100.0]));
    // Both sides are what the month's own route serves.
    for (member, month) in [("value", "2025-10"), ("before", "2025-09")] {
        let served = server.read("acme", &format!("metrics/month?month={month}")).await;
        for item in told["items"].as_array().expect("items").iter().filter(|item| item["agent"].is_null()) {
            let path = format!("/{}", item["figure"].as_str().expect("a name").replace('.', "/"));
            let of_month = served.pointer(&path).cloned().unwrap_or(Value::Null);
            let is_missing_outcome = path.starts_with("/outcomes/") && of_month.is_null();
            assert!(
                item[member] == of_month || (is_missing_outcome && item[member] == 0),
                "{item} {of_month}"
            );
        }
    }
    let year = compared(&server, "month=2025-10&with=year").await;
    assert_eq!(
        (&year["against"]["month"], row(&year, "calls", None)),
        (&json!("2024-10"), json!([3, 1, 2, 200.0]))
    );
    assert_eq!(row(&year, "ad_spend_minor.USD", None), json!([30_000, null, null, null]), "never observed");

    let unpublished = server.get("/api/v1/tenants/acme/metrics/compare?month=2025-10&with=published").await;
    unpublished.problem(404);
    let draft = json!({"period": "2025-10"});
    let report = server.command("acme", "reports", &draft).await.is(201).json["report_id"].clone();
    let report = report.as_str().expect("an id").to_owned();
    let unpublished = server.get("/api/v1/tenants/acme/metrics/compare?month=2025-10&with=published").await;
    unpublished.problem(404);
    server.command("acme", &format!("reports/{report}/publish"), &json!({})).await.is(200);
    server.record("acme", &[of("ann@example.com", "late", "2025-10-12T12:00:00Z")]).await;
    let published = compared(&server, "month=2025-10&with=published").await;
    assert_eq!(published["against"]["report_id"], report.as_str());
    assert!(published["against"]["as_of_position"].is_u64(), "{published}");
    assert_eq!(row(&published, "calls", None), json!([4, 3, 1, 33.33]));

    let viewer = server.token("viewer", &["acme"]).await;
    let path = "/api/v1/tenants/acme/metrics/compare?month=2025-10";
    server.ask(&viewer, "GET", path, Value::Null).await.is(200);
    let csv = server.send(server.request("GET", path).bearer_auth(TOKEN).header("accept", "text/csv")).await;
    let csv = csv.is(200).text.clone();
    assert!(csv.starts_with("figure,agent,unit,value,before,change,change_percent"), "{csv}");
    assert!(csv.lines().any(|line| line == "reply_rate,,percent,66.67,12.5,54.17,"), "{csv}");
    for (query, name) in [("with=week", "with"), ("month=2025-13", "month")] {
        let refused = server.get(&format!("/api/v1/tenants/acme/metrics/compare?{query}")).await;
        assert!(refused.problem(400)["detail"].as_str().is_some_and(|why| why.contains(name)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_month_that_is_not_over_is_compared_with_as_much_of_the_other() {
    let server = Site::new().start().await;
    // In the zone of acme.
    let now = Utc::now().with_timezone(&chrono_tz::America::New_York);
    let last = now - Months::new(1);
    let first = NaiveDate::from_ymd_opt(
        last.format("%Y").to_string().parse().expect("a year"),
        last.format("%m").to_string().parse().expect("a month"),
        1,
    );
    let first = first.expect("a day").and_hms_opt(12, 0, 0).expect("noon").and_utc();
    let text = |at: chrono::DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let until =
        compared(&server, "").await["against"]["occurred_until"].as_str().expect("an instant").to_owned();
    let until = chrono::DateTime::parse_from_rfc3339(&until).expect("an instant").to_utc();
    let before = until - TimeDelta::minutes(1);
    let mut facts = vec![of("ann@example.com", "now", &text(Utc::now() - TimeDelta::seconds(5)))];
    // At the month's first minutes there is nothing before the same moment.
    let is_within = before.with_timezone(&chrono_tz::America::New_York).format("%Y-%m").to_string()
        == last.format("%Y-%m").to_string();
    if is_within {
        facts.push(of("ann@example.com", "before", &text(before)));
    }
    let later = until + TimeDelta::hours(2);
    facts.push(of("ann@example.com", "later", &text(later)));
    server.record("acme", &facts).await;
    let told = compared(&server, "").await;
    let is_later_within = later.with_timezone(&chrono_tz::America::New_York).format("%Y-%m").to_string()
        == last.format("%Y-%m").to_string();
    let counted = i64::from(is_within);
    assert_eq!(row(&told, "calls", None)[1], counted, "up to {until}, from {first}: {told}");
    let whole = server.read("acme", &format!("metrics/month?month={}", last.format("%Y-%m"))).await;
    assert_eq!(
        whole["calls"],
        counted + i64::from(is_later_within),
        "null control: the whole month has more"
    );
    assert!(told["at"].is_string(), "it depends on the time");
}
