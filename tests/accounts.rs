//! Sender accounts over real sockets: D6, D7, D8, and L3: a gap is null with its span, never 0.

use crate::common::facts::{fact, with};
use crate::common::{Server, Site};
use serde_json::{Value, json};

const INSTANCE: &str = "dedi.emailbison.com";

/// A poll of an account in workspace 17: its totals of sends, replies and bounces.
fn observed(id: &str, totals: [u64; 3], at: &str) -> Value {
    let fact = fact("emailbison", &format!("account/{id}/{at}"), "sender_account_observed", at);
    let [sends, replies, bounces] = totals;
    with(
        fact,
        json!({"instance": INSTANCE, "workspace": "17", "account_id": id, "email": format!("S{id}@acme.example"),
            "status": "connected", "sends": sends, "replies": replies, "bounces": bounces,
            "email_provider": "Gmail", "reseller": "Inboxly", "tags": ["warm", "Gmail"]}),
    )
}

fn event(kind: &str, id: Option<&str>, email: &str, at: &str) -> Value {
    let fact = fact("emailbison", &format!("{kind}/{email}/{at}"), &format!("sender_account_{kind}"), at);
    with(fact, json!({"instance": INSTANCE, "workspace": "17", "account_id": id, "email": email}))
}

async fn performance(server: &Server, from: &str, to: &str) -> Vec<Value> {
    let answer = server.read("acme", &format!("provider-performance?from={from}&to={to}")).await;
    answer["items"].as_array().expect("items").clone()
}

fn sends(days: &[Value]) -> Vec<Value> {
    days.iter().map(|day| day["sends"].clone()).collect()
}

#[tokio::test]
async fn d6_accounts_are_listed_with_their_totals_and_what_their_tags_say() {
    let server = Site::new().start().await;
    let facts = [
        observed("2", [0, 0, 0], "2025-10-08T12:00:00Z"),
        observed("1", [200, 5, 3], "2025-10-08T12:00:00Z"),
        observed("1", [300, 9, 3], "2025-10-09T12:00:00Z"),
    ];
    server.record("acme", &facts).await;
    let listed = server.all_items("acme", "sender-accounts?limit=1").await;
    let emails: Vec<_> = listed.iter().map(|account| account["email"].as_str()).collect();
    assert_eq!(emails, [Some("s1@acme.example"), Some("s2@acme.example")], "{listed:?}");
    let first = &listed[0];
    for (member, expected) in [
        ("workspace", json!("17")),
        ("account_id", json!("1")),
        ("status", json!("connected")),
        ("sends", json!(300)),
        ("replies", json!(9)),
        ("bounces", json!(3)),
        ("reply_rate", json!(3.0)),
        ("email_provider", json!("Gmail")),
        ("reseller", json!("Inboxly")),
        ("tags", json!(["Gmail", "warm"])),
        ("observed_at", json!("2025-10-09T12:00:00Z")),
    ] {
        assert_eq!(first[member], expected, "{member} of {first}");
    }
    assert!(listed[1]["reply_rate"].is_null(), "nothing sent has no rate: {listed:?}");
    let path = "/api/v1/tenants/acme/sender-accounts?search=S2%40ACME";
    let csv = server.request("GET", path).bearer_auth(crate::common::TOKEN).header("accept", "text/csv");
    let csv = server.send(csv).await;
    csv.is(200);
    let lines: Vec<&str> = csv.text.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with("email,") && lines[1].starts_with("s2@"),
        "{}",
        csv.text
    );
}

#[tokio::test]
async fn d6_periods_are_differences_of_lifetime_totals() {
    let server = Site::new().start().await;
    let facts = [
        observed("1", [1_000, 50, 9], "2025-10-07T12:00:00Z"),
        observed("1", [1_100, 54, 9], "2025-10-08T12:00:00Z"),
        observed("1", [1_250, 60, 11], "2025-10-09T12:00:00Z"),
        observed("2", [40, 1, 0], "2025-10-08T12:00:00Z"),
        observed("2", [90, 3, 0], "2025-10-09T12:00:00Z"),
    ];
    server.record("acme", &facts).await;
    let days = performance(&server, "2025-10-06", "2025-10-09").await;
    assert_eq!(sends(&days), [json!(null), json!(100), json!(200)], "the first total is no day's: {days:?}");
    let last = &days[2];
    assert_eq!([&last["replies"], &last["bounces"], &last["accounts"]], [&json!(8), &json!(2), &json!(2)]);
    assert_eq!((&last["reply_rate"], &last["measured_accounts"]), (&json!(4.0), &json!(2)), "{last}");
    assert_eq!(days[1]["measured_accounts"], 1, "{days:?}");
}

#[tokio::test]
async fn l3_days_without_a_poll_are_null_with_their_span_and_never_one_big_day() {
    let server = Site::new().start().await;
    let polls = [(3, 1_000), (4, 1_900), (7, 4_000), (8, 4_700)];
    let poll = |(day, sends): (u32, u64)| {
        observed("1", [sends, sends / 50, 0], &format!("2025-10-{day:02}T12:00:00Z"))
    };
    server.record("acme", &polls.map(poll)).await;
    let days = performance(&server, "2025-10-04", "2025-10-08").await;
    assert_eq!(sends(&days), [json!(900), json!(null), json!(null), json!(null), json!(700)], "{days:?}");
    for day in &days[1..4] {
        let span = &day["span"];
        assert_eq!([&span["from"], &span["to"]], [&json!("2025-10-05"), &json!("2025-10-07")], "{day}");
        assert_eq!([&span["sends"], &span["replies"]], [&json!(2_100), &json!(42)], "{day}");
        assert_eq!((&day["accounts"], &day["measured_accounts"]), (&json!(1), &json!(0)), "{day}");
    }
    // The poll that was missing arrives late: the days that it tells apart are told apart.
    server.record("acme", &[poll((6, 3_500))]).await;
    let days = performance(&server, "2025-10-04", "2025-10-08").await;
    assert_eq!(sends(&days), [json!(900), json!(null), json!(null), json!(500), json!(700)], "{days:?}");
    assert_eq!(days[1]["span"]["to"], "2025-10-06", "{days:?}");
}

#[tokio::test]
async fn d6_a_counter_that_falls_has_begun_anew_and_is_seen() {
    let server = Site::new().start().await;
    let polls = [(7, 1_000), (8, 1_100), (9, 30), (10, 50)];
    let poll =
        |(day, sends): (u32, u64)| observed("1", [sends, 0, 0], &format!("2025-10-{day:02}T12:00:00Z"));
    server.record("acme", &polls.map(poll)).await;
    let days = performance(&server, "2025-10-08", "2025-10-10").await;
    assert_eq!(sends(&days), [json!(100), json!(30), json!(20)], "{days:?}");
    let resets: Vec<_> = days.iter().map(|day| day["resets"].clone()).collect();
    assert_eq!(resets, [json!(0), json!(1), json!(0)], "{days:?}");
    let listed = server.all_items("acme", "sender-accounts").await;
    assert_eq!((&listed[0]["sends"], &listed[0]["resets"]), (&json!(50), &json!(1)), "{listed:?}");
}

#[tokio::test]
async fn d7_days_are_the_tenants_and_providers_stand_apart() {
    let server = Site::new().start().await;
    let outlook = |mut fact: Value| {
        fact["body"]["email_provider"] = json!("Outlook");
        fact
    };
    // 03:30 UTC is still the day before in New York.
    let facts = [
        observed("1", [10, 0, 0], "2025-10-08T03:30:00Z"),
        observed("1", [30, 1, 0], "2025-10-09T03:30:00Z"),
        outlook(observed("2", [5, 0, 0], "2025-10-08T03:30:00Z")),
        outlook(observed("2", [10, 0, 0], "2025-10-09T03:30:00Z")),
    ];
    server.record("acme", &facts).await;
    let days = performance(&server, "2025-10-08", "2025-10-08").await;
    let told: Vec<_> =
        days.iter().map(|day| (day["email_provider"].as_str(), day["sends"].as_i64())).collect();
    assert_eq!(told, [(Some("Gmail"), Some(20)), (Some("Outlook"), Some(5))], "{days:?}");
}

#[tokio::test]
async fn d8_status_changes_at_once_by_events_and_polls_in_any_order_of_arrival() {
    let facts = [
        observed("1", [1, 0, 0], "2025-10-08T12:00:00Z"),
        observed("2", [1, 0, 0], "2025-10-08T12:00:00Z"),
        event("added", Some("3"), "s3@acme.example", "2025-10-08T13:00:00Z"),
        event("disconnected", Some("1"), "s1@acme.example", "2025-10-09T12:00:00Z"),
        event("disconnected", None, "s2@acme.example", "2025-10-09T13:00:00Z"),
        event("reconnected", Some("1"), "s1@acme.example", "2025-10-09T14:00:00Z"),
    ];
    for reversed in [false, true] {
        let server = Site::new().start().await;
        let mut arriving = facts.to_vec();
        if reversed {
            arriving.reverse();
        }
        for fact in &arriving {
            server.record("acme", std::slice::from_ref(fact)).await;
        }
        let status = server.read("acme", "sender-accounts/status").await;
        let told = ["accounts", "connected", "disconnected", "disconnect_rate"].map(|name| &status[name]);
        assert_eq!(told, [&json!(3), &json!(2), &json!(1), &json!(33.33)], "{status}");
        let off = server.all_items("acme", "sender-accounts?status=disconnected").await;
        assert!(off.len() == 1 && off[0]["email"] == "s2@acme.example", "{off:?}");
        assert_eq!(off[0]["status_at"], "2025-10-09T13:00:00Z", "{off:?}");
    }
}

#[tokio::test]
async fn d6_a_removed_account_that_is_added_again_is_one_mailbox_with_a_new_id() {
    let server = Site::new().start().await;
    let mut again = observed("9", [10, 0, 0], "2025-10-11T12:00:00Z");
    again["body"]["email"] = json!("s1@acme.example");
    let facts = [
        observed("1", [500, 0, 0], "2025-10-08T12:00:00Z"),
        observed("2", [1, 0, 0], "2025-10-08T12:00:00Z"),
        event("removed", Some("1"), "s1@acme.example", "2025-10-09T12:00:00Z"),
        event("removed", Some("2"), "s2@acme.example", "2025-10-09T12:00:00Z"),
    ];
    server.record("acme", &facts).await;
    let status = server.read("acme", "sender-accounts/status").await;
    assert_eq!((&status["accounts"], &status["disconnect_rate"]), (&json!(0), &json!(null)), "{status}");
    server.record("acme", &[again]).await;
    let listed = server.all_items("acme", "sender-accounts").await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    let told = ["email", "account_id", "sends", "status"].map(|name| &listed[0][name]);
    assert_eq!(told, [&json!("s1@acme.example"), &json!("9"), &json!(10), &json!("connected")], "{listed:?}");
    let removed = server.all_items("acme", "sender-accounts?status=removed").await;
    assert!(removed.len() == 1 && removed[0]["email"] == "s2@acme.example", "{removed:?}");
}

#[tokio::test]
async fn d6_a_bad_range_or_filter_is_400_and_names_the_rule() {
    let server = Site::new().start().await;
    for (route, named) in [
        ("provider-performance?from=2025-10-09&to=2025-10-08", "from"),
        ("provider-performance?from=2020-01-01&to=2025-10-08", "400"),
        ("sender-accounts?status=asleep", "connected disconnected removed"),
        ("sender-accounts?limit=501", "limit"),
    ] {
        let answer = server.get(&format!("/api/v1/tenants/acme/{route}")).await;
        answer.is(400);
        assert!(answer.text.contains(named), "expected {named:?} in {}", answer.text);
    }
}

async fn periods(server: &Server, query: &str) -> Vec<Value> {
    let listed = server.all_items("acme", &format!("sender-accounts?{query}")).await;
    listed.into_iter().map(|account| account["period"].clone()).collect()
}

#[tokio::test]
async fn d6_an_accounts_period_is_the_difference_of_its_totals_or_null_with_the_span_that_is_known() {
    let server = Site::new().start().await;
    let poll = |(id, day, sends, replies): (&str, u32, u64, u64)| {
        observed(id, [sends, replies, 0], &format!("2025-10-{day:02}T12:00:00Z"))
    };
    let polls = [
        ("1", 3, 1_000, 50),
        ("1", 4, 1_900, 60),
        ("1", 7, 4_000, 90),
        ("1", 8, 4_700, 118),
        ("2", 7, 500, 9),
        ("2", 8, 20, 1),
        ("3", 7, 40, 0),
    ];
    server.record("acme", &polls.map(poll)).await;
    let one = &periods(&server, "from=2025-10-04&to=2025-10-08").await[0];
    let told = ["sends", "replies", "bounces", "reply_rate", "resets", "span"].map(|name| one[name].clone());
    assert_eq!(told, [json!(3_700), json!(68), json!(0), json!(1.84), json!(0), Value::Null], "{one}");
    let over_the_gap = &periods(&server, "from=2025-10-05&to=2025-10-07").await[0];
    assert_eq!(over_the_gap["sends"], 2_100, "the days of a gap together are known: {over_the_gap}");
    for (query, span) in [
        ("from=2025-10-06&to=2025-10-06", ["2025-10-05", "2025-10-07"]),
        ("from=2025-10-06&to=2025-10-08", ["2025-10-05", "2025-10-08"]),
        ("from=2025-10-01&to=2025-10-31", ["2025-10-04", "2025-10-08"]),
    ] {
        let period = &periods(&server, query).await[0];
        assert_eq!(
            (&period["sends"], &period["reply_rate"]),
            (&Value::Null, &Value::Null),
            "{query}: {period}"
        );
        let days = [&period["span"]["from"], &period["span"]["to"]];
        assert_eq!(days, [&json!(span[0]), &json!(span[1])], "{query}: {period}");
        let known = json!(if span[1] == "2025-10-07" {
            2_100
        } else if span[0] == "2025-10-05" {
            2_800
        } else {
            3_700
        });
        assert_eq!(period["span"]["sends"], known, "{query}: {period}");
    }
    let day = periods(&server, "from=2025-10-08&to=2025-10-08").await;
    assert_eq!((&day[1]["sends"], &day[1]["resets"]), (&json!(20), &json!(1)), "begun anew: {}", day[1]);
    let unread = json!({"from": "2025-10-08", "to": "2025-10-08", "sends": null, "replies": null, "bounces": null,
        "reply_rate": null, "resets": 0, "span": null});
    assert_eq!(day[2], unread, "read once only: nothing is known of any day");
    let listed = server.all_items("acme", "sender-accounts").await;
    assert!(listed.iter().all(|account| account["period"].is_null()), "none is asked for: {listed:?}");
    // The poll that was missing arrives late: the days that it tells apart are told apart.
    server.record("acme", &[poll(("1", 6, 3_500, 80))]).await;
    assert_eq!(periods(&server, "from=2025-10-07&to=2025-10-08").await[0]["sends"], 1_200);
}

#[tokio::test]
async fn d6_periods_are_the_tenants_days_as_csv_too_and_a_bad_range_is_400() {
    let server = Site::new().start().await;
    // 03:30 UTC is still the day before in New York.
    let facts = [
        observed("1", [10, 0, 0], "2025-10-08T03:30:00Z"),
        observed("1", [30, 1, 0], "2025-10-09T03:30:00Z"),
    ];
    server.record("acme", &facts).await;
    assert_eq!(periods(&server, "from=2025-10-08&to=2025-10-08").await[0]["sends"], 20);
    let path = "/api/v1/tenants/acme/sender-accounts?from=2025-10-08&to=2025-10-08";
    let csv = server.request("GET", path).bearer_auth(crate::common::TOKEN).header("accept", "text/csv");
    let csv = server.send(csv).await.is(200).text.clone();
    let [header, row] = csv.lines().collect::<Vec<_>>()[..] else { panic!("expected one row: {csv}") };
    let at = header.split(',').position(|column| column == "period.sends").expect("the column");
    assert_eq!(row.split(',').nth(at), Some("20"), "{csv}");
    assert!(header.contains("period.span.from"), "{header}");
    let current = server.get("/api/v1/tenants/acme/sender-accounts?from=2026-01-01").await;
    assert!(
        current.is(200).json["at"].is_string() && current.header("etag").is_empty(),
        "up to today: {current:?}"
    );
    for query in ["from=2025-10-09&to=2025-10-08", "from=2020-01-01&to=2025-10-08", "from=never"] {
        server.get(&format!("/api/v1/tenants/acme/sender-accounts?{query}")).await.problem(400);
    }
}
