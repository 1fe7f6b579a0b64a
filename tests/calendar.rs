//! Days and months from outside (R6, L4): local midnights over month ends, year ends and both kinds of DST change.

use crate::common::facts::{answered, mail, with};
use crate::common::{Server, Site};
use serde_json::{Value, json};

const ZONES: &str = r#"
[[tenant]]
id = "kolkata"
name = "Kolkata"
timezone = "Asia/Kolkata"
[[tenant]]
id = "new-york"
name = "New York"
timezone = "America/New_York"
[[tenant]]
id = "london"
name = "London"
timezone = "Europe/London"
[[tenant]]
id = "lord-howe"
name = "Lord Howe"
timezone = "Australia/Lord_Howe"
[[tenant]]
id = "chicago"
name = "Chicago"
timezone = "America/Chicago"
"#;

/// Local midnights: the tenant, the first instant of a day in UTC, the day before it and the day. Worked out by hand.
const MIDNIGHTS: &[(&str, &str, &str, &str)] = &[
    ("kolkata", "2025-10-31T18:30:00Z", "2025-10-31", "2025-11-01"),
    ("kolkata", "2024-02-28T18:30:00Z", "2024-02-28", "2024-02-29"),
    ("kolkata", "2024-02-29T18:30:00Z", "2024-02-29", "2024-03-01"),
    ("kolkata", "2024-12-31T18:30:00Z", "2024-12-31", "2025-01-01"),
    ("new-york", "2025-01-01T05:00:00Z", "2024-12-31", "2025-01-01"),
    ("new-york", "2025-03-09T05:00:00Z", "2025-03-08", "2025-03-09"),
    ("new-york", "2025-03-10T04:00:00Z", "2025-03-09", "2025-03-10"),
    ("new-york", "2025-11-01T04:00:00Z", "2025-10-31", "2025-11-01"),
    ("new-york", "2025-11-02T04:00:00Z", "2025-11-01", "2025-11-02"),
    ("new-york", "2025-11-03T05:00:00Z", "2025-11-02", "2025-11-03"),
    ("new-york", "2025-12-01T05:00:00Z", "2025-11-30", "2025-12-01"),
    ("london", "2025-03-30T00:00:00Z", "2025-03-29", "2025-03-30"),
    ("london", "2025-03-30T23:00:00Z", "2025-03-30", "2025-03-31"),
    ("london", "2025-03-31T23:00:00Z", "2025-03-31", "2025-04-01"),
    ("london", "2025-09-30T23:00:00Z", "2025-09-30", "2025-10-01"),
    ("london", "2025-10-25T23:00:00Z", "2025-10-25", "2025-10-26"),
    ("london", "2025-10-27T00:00:00Z", "2025-10-26", "2025-10-27"),
    ("london", "2025-11-01T00:00:00Z", "2025-10-31", "2025-11-01"),
    ("lord-howe", "2025-03-31T13:00:00Z", "2025-03-31", "2025-04-01"),
    ("lord-howe", "2025-04-05T13:00:00Z", "2025-04-05", "2025-04-06"),
    ("lord-howe", "2025-04-06T13:30:00Z", "2025-04-06", "2025-04-07"),
    ("lord-howe", "2025-09-30T13:30:00Z", "2025-09-30", "2025-10-01"),
    ("lord-howe", "2025-10-04T13:30:00Z", "2025-10-04", "2025-10-05"),
    ("lord-howe", "2025-10-05T13:00:00Z", "2025-10-05", "2025-10-06"),
    ("lord-howe", "2025-10-31T13:00:00Z", "2025-10-31", "2025-11-01"),
];

/// The last microsecond before an instant, as a client may write it.
fn just_before(at: &str) -> String {
    let at: chrono::DateTime<chrono::Utc> = at.parse().expect("an instant");
    let before = at - chrono::Duration::microseconds(1);
    before.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

async fn days(server: &Server, tenant: &str, from: &str, to: &str) -> Vec<Value> {
    let answer = server.read(tenant, &format!("metrics/days?from={from}&to={to}")).await;
    let items = answer["items"].as_array();
    items.unwrap_or_else(|| panic!("expected `items` of days: {answer}")).clone()
}

#[tokio::test]
async fn l4_the_microsecond_before_local_midnight_is_the_day_before_and_midnight_the_day() {
    let server = Site::with(ZONES).start().await;
    for (n, (tenant, midnight, before, after)) in (0..).zip(MIDNIGHTS) {
        let eve = just_before(midnight);
        let mut facts = Vec::new();
        for (edge, at) in [("eve", eve.as_str()), ("morning", midnight)] {
            let id = format!("{edge}-{n}");
            facts.push(with(answered(&id, 45, "2025-12-24T12:00:00Z"), json!({"started_at": at})));
            facts.push(mail("email_sent", 2 * n + u32::from(edge == "eve"), json!({"id": id}), at));
        }
        server.record(tenant, &facts).await;
        let both = days(&server, tenant, before, after).await;
        let dates: Vec<&Value> = both.iter().map(|day| &day["date"]).collect();
        assert_eq!(dates, [before, after], "expected both days, `to` included, at {tenant} {midnight}");
        for day in &both {
            let counts = ["calls", "qualified", "talk_seconds", "emails_sent"].map(|name| day[name].as_u64());
            let fresh = counts[0] >= Some(1) && counts[3] >= Some(1);
            assert!(fresh, "expected one call and one mail on each side of {midnight} in {tenant}: {day}");
        }
    }
    // Neighbouring edges of the table share days, so the sums say that nothing fell outside of them.
    for tenant in ["kolkata", "new-york", "london", "lord-howe"] {
        let posted = 2 * MIDNIGHTS.iter().filter(|edge| edge.0 == tenant).count() as u64;
        let mut months: Vec<&str> = Vec::new();
        for edge in MIDNIGHTS.iter().filter(|edge| edge.0 == tenant) {
            months.extend([&edge.2[..7], &edge.3[..7]]);
        }
        months.sort_unstable();
        months.dedup();
        let mut sums = [0, 0];
        for name in months {
            let expected = |of: fn(&(&str, &str, &'static str, &'static str)) -> &'static str| {
                MIDNIGHTS.iter().filter(|edge| edge.0 == tenant && of(edge).starts_with(name)).count() as u64
            };
            let expected = expected(|edge| edge.2) + expected(|edge| edge.3);
            let month = server.read(tenant, &format!("metrics/month?month={name}")).await;
            let given =
                [&month["calls"], &month["emails_sent"]].map(|count| count.as_u64().unwrap_or_default());
            assert_eq!(given, [expected; 2], "expected the calls and mails of {name} in {tenant}: {month}");
            sums = [sums[0] + given[0], sums[1] + given[1]];
        }
        assert_eq!(sums, [posted; 2], "expected every call and mail of {tenant} in some month");
    }
}

#[tokio::test]
async fn l4_each_side_of_a_midnight_falls_into_exactly_its_own_day() {
    for (tenant, midnight, before, after) in MIDNIGHTS.iter().filter(|edge| edge.0 != "kolkata").step_by(4) {
        let server = Site::with(ZONES).start().await;
        server.record(tenant, &[answered("eve", 45, &just_before(midnight))]).await;
        let first = days(&server, tenant, before, after).await;
        assert_eq!(
            [&first[0]["calls"], &first[1]["calls"]],
            [1, 0],
            "expected the eve of {midnight} in {tenant}"
        );
        server.record(tenant, &[answered("morning", 45, midnight)]).await;
        let both = days(&server, tenant, before, after).await;
        assert_eq!(
            [&both[0]["calls"], &both[1]["calls"]],
            [1, 1],
            "expected the morning {midnight} in {tenant}"
        );
    }
}

#[tokio::test]
async fn l4_the_lessons_from_chicago_hold() {
    let server = Site::with(ZONES).start().await;
    let facts = [
        mail("email_sent", 1, json!({"id": "1"}), "2025-11-04T01:01:18Z"),
        answered("a", 45, "2025-07-16T00:01:18Z"),
    ];
    server.record("chicago", &facts).await;
    let november = days(&server, "chicago", "2025-11-03", "2025-11-04").await;
    assert_eq!([&november[0]["emails_sent"], &november[1]["emails_sent"]], [1, 0], "expected 3 November");
    let july = days(&server, "chicago", "2025-07-15", "2025-07-16").await;
    assert_eq!([&july[0]["calls"], &july[1]["calls"]], [1, 0], "expected 15 July");
}

#[tokio::test]
async fn r6_an_offset_in_the_fact_does_not_move_it() {
    let server = Site::with(ZONES).start().await;
    let spelled = ["2025-10-31T23:59:59-04:00", "2025-11-01T09:29:59+05:30", "2025-11-01T03:59:59.999999Z"];
    for (n, at) in (0..).zip(spelled) {
        server.record("new-york", &[answered(&format!("c{n}"), 45, at)]).await;
    }
    let month = server.read("new-york", "metrics/month?month=2025-10").await;
    assert_eq!(month["calls"], 3, "expected all three at the end of October: {month}");
}

#[tokio::test]
async fn a7_days_without_facts_are_zeros_and_both_ends_are_included() {
    let server = Site::with(ZONES).start().await;
    server.record("london", &[answered("a", 45, "2025-10-26T12:00:00Z")]).await;
    let week = days(&server, "london", "2025-10-24", "2025-10-30").await;
    let dates: Vec<String> =
        week.iter().map(|day| day["date"].as_str().unwrap_or_default().to_owned()).collect();
    let expected: Vec<String> = (24..=30).map(|day| format!("2025-10-{day}")).collect();
    assert_eq!(dates, expected, "expected each day from first to last, once, in order");
    for day in &week {
        let calls = u64::from(day["date"] == "2025-10-26");
        assert_eq!(day["calls"], calls, "expected of this day: {day}");
        for name in ["emails_sent", "replies", "interested", "bounces", "unsubscribes", "positive_replies"] {
            assert_eq!(day[name], 0, "expected a zero for `{name}`: {day}");
        }
        assert!(day.get("reply_rate").is_none_or(Value::is_null), "expected no rate of nothing: {day}");
    }
    let one = days(&server, "london", "2025-10-26", "2025-10-26").await;
    assert_eq!(one.len(), 1, "expected one day where from and to are the same: {one:?}");
    let leap = days(&server, "kolkata", "2024-02-28", "2024-03-01").await;
    assert_eq!(leap.len(), 3, "expected the leap day: {leap:?}");
}

#[tokio::test]
async fn a7_the_days_of_a_month_sum_to_the_month() {
    let server = Site::with(ZONES).start().await;
    let mut facts = Vec::new();
    for hour in (0..24 * 33).step_by(7) {
        let start: chrono::DateTime<chrono::Utc> = "2025-10-30T00:00:00Z".parse().expect("an instant");
        let at = (start + chrono::Duration::hours(hour)).to_rfc3339();
        facts.push(answered(&format!("c{hour}"), 20 + (hour as u64 % 20), &at));
        facts.push(mail("email_sent", hour as u32, json!({"id": hour.to_string()}), &at));
        facts.push(mail("lead_interested", hour as u32, json!({"id": (hour % 50).to_string()}), &at));
    }
    server.record("lord-howe", &facts).await;
    let month = server.read("lord-howe", "metrics/month?month=2025-11").await;
    let all = days(&server, "lord-howe", "2025-11-01", "2025-11-30").await;
    for name in
        ["calls", "answered", "qualified", "talk_seconds", "emails_sent", "interested", "positive_replies"]
    {
        let sum: u64 = all.iter().filter_map(|day| day[name].as_u64()).sum();
        assert_eq!(month[name], sum, "expected the days' `{name}` to sum to the month's");
        assert!(sum > 0, "expected something to sum for `{name}`");
    }
}

#[tokio::test]
async fn a7_the_month_is_the_current_one_where_none_is_named() {
    let server = Site::with(ZONES).start().await;
    let zone: chrono_tz::Tz = "Asia/Kolkata".parse().expect("zone");
    let name = || chrono::Utc::now().with_timezone(&zone).format("%Y-%m").to_string();
    let before = name();
    let month = server.read("kolkata", "metrics/month").await;
    let possible = [before, name()];
    let given = month["month"].as_str().unwrap_or_default().to_owned();
    assert!(
        possible.contains(&given),
        "expected the current month in Kolkata, one of {possible:?}, got {given}"
    );
}
