//! Restatements (E4) over a log that began in a month that is over by now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::common::facts::{answered, with};
use crate::common::history::history;
use crate::common::model::{Bend, Model, instant};
use crate::common::random::Random;
use crate::common::{Site, TWO_TENANTS};
use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::keys::{ExternalId, LogSecret, Provider, TenantId};
use domain::members::Instant;
use factfold::clock::Clock;
use factfold::engine::{DataDir, EngineError, open_log};
use factfold::log::Log;
use serde_json::{Value, json};

/// Opens the site's log in this process. A child of another test holds a copy of each lock of this process from its fork
/// until it is replaced, so a log that was just closed may be locked for some milliseconds more.
async fn opened(site: &Site, clock: Clock) -> (DataDir, Log, LogSecret) {
    let open = || {
        let dir = DataDir::take(&site.data())?;
        let (log, secret, _) = open_log(&dir, Arc::clone(&clock))?;
        Ok::<_, EngineError>((dir, log, secret))
    };
    for _ in 0..500 {
        match open() {
            Ok(opened) => return opened,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
    open().expect("a log")
}

/// Records facts of `acme` as if it were then, before the server is started.
async fn record_then(site: &Site, then: &str, facts: &[Value]) {
    let now = AtomicI64::new(Instant::parse(then).expect("an instant").0);
    let clock = Arc::new(move || now.fetch_add(1, Ordering::Relaxed));
    let (_dir, log, secret) = opened(site, clock).await;
    let draft = |fact: &Value| {
        let text = |member: &str| fact[member].as_str().expect("a text");
        let body =
            Fact::from_json(text("kind"), fact["body"].clone(), "/body").expect("a kind").expect("a body");
        let envelope = Envelope {
            tenant: TenantId::new("acme").expect("a tenant"),
            provider: Provider::new(text("provider")).expect("a provider"),
            external_id: ExternalId::new(text("external_id")).expect("an id"),
            occurred_at: Instant::parse(text("occurred_at")).expect("an instant"),
            time_received: false,
            fact: body,
            mapping: 1,
        };
        envelope.draft(&secret, [1; 16], &Bytes::new()).expect("a draft")
    };
    log.append(facts.iter().map(draft).collect()).expect("appended").await.expect("durable");
    log.close();
}

/// What the configuration file says of `acme`, recorded from the start on.
fn configured() -> Value {
    json!({"provider": "config", "external_id": "first", "kind": "tenant_configured",
        "occurred_at": "2025-10-01T12:00:00Z", "body": {"name": "Acme Dental", "timezone": "America/New_York",
        "workspaces": ["Acme Client", "17"], "currency": "USD",
        "tracking_numbers": [{"number": "+12025550199", "agent": "ann@example.com"}]}})
}

fn call(id: &str, seconds: u64, day: u32) -> Value {
    let at = format!("2025-10-{day:02}T16:00:00Z");
    with(answered(id, seconds, &at), json!({"agent": "ann@example.com"}))
}

/// A site where ten calls of October were recorded in October.
async fn ten_calls_of_october() -> Site {
    let site = Site::new();
    record_then(&site, "2025-10-01T12:00:00Z", &[configured()]).await;
    record_then(
        &site,
        "2025-10-20T12:00:00Z",
        &(1..=10).map(|n| call(&format!("c{n}"), 45, n)).collect::<Vec<_>>(),
    )
    .await;
    site
}

#[tokio::test]
async fn e4_a_month_that_was_over_is_listed_with_old_new_and_causes_when_facts_change_it() {
    let site = ten_calls_of_october().await;
    let server = site.start().await;
    let none = server.read("acme", "restatements").await;
    assert_eq!(none["items"], json!([]), "nothing came late so far");

    let before = server.seen();
    server.record("acme", &[call("late", 60, 12), call("short", 5, 13)]).await;
    let position = server.seen();
    let items = server.all_items("acme", "restatements?month=2025-10&limit=2").await;
    let of = |figure: &str| items.iter().find(|item| item["figure"] == figure).cloned().unwrap_or_default();
    let today = chrono::Utc::now().date_naive();
    let calls = of("calls");
    assert_eq!(
        (&calls["old"], &calls["new"], &calls["causes"]),
        (&json!(10), &json!(12), &json!(2)),
        "{calls}"
    );
    assert_eq!(calls["positions"], json!([position - 1, position]));
    let day =
        calls["recorded_on"].as_str().and_then(|day| day.parse::<chrono::NaiveDate>().ok()).expect("a day");
    assert!((today - day).num_days().abs() <= 1, "expected the local day of today: {calls}");
    let qualified = of("qualified");
    assert_eq!((&qualified["old"], &qualified["new"]), (&json!(10), &json!(11)), "{qualified}");
    assert_eq!(qualified["positions"], json!([position - 1]), "the cause is there to be read");
    assert_eq!(of("by_agent[ann@example.com].talk_seconds")["new"], json!(515));
    assert!(of("emails_sent").is_null(), "what did not change is not listed");
    assert!(server.all_items("acme", "restatements?month=2025-09").await.is_empty());

    // As it was known before, and after a restart: the same ledger, made anew.
    let past = server.read("acme", &format!("restatements?as_of_position={}", before.max(11))).await;
    assert_eq!(past["items"], json!([]), "as of a position before the late facts");
    server.stop();
    let server = site.start().await;
    assert_eq!(server.all_items("acme", "restatements?month=2025-10&limit=2").await, items);
    server.record("acme", &[call("later", 60, 14)]).await;
    let calls = server.all_items("acme", "restatements").await;
    let calls = calls.iter().find(|item| item["figure"] == "calls").cloned().unwrap_or_default();
    assert_eq!(
        (&calls["old"], &calls["new"], &calls["causes"]),
        (&json!(10), &json!(13), &json!(3)),
        "{calls}"
    );
}

#[tokio::test]
async fn a6_the_last_day_of_a_month_read_again_on_the_2nd_restates_it_with_old_and_new_in_the_ledger() {
    let site = Site::new();
    let spent = |n: u32, minor: i64, at: &str| {
        json!({"provider": "google_ads", "external_id": format!("spend/{n}"), "kind": "ad_spend_observed",
            "occurred_at": at, "body": {"source": "google_ads", "account_id": "1", "date": "2025-10-31",
            "amount_minor": minor, "currency": "USD"}})
    };
    record_then(&site, "2025-10-01T12:00:00Z", &[configured()]).await;
    record_then(&site, "2025-10-31T23:00:00Z", &[spent(1, 9_000, "2025-10-31T23:00:00Z"), call("c", 45, 9)])
        .await;
    record_then(&site, "2025-11-02T09:00:00Z", &[spent(2, 9_500, "2025-11-02T09:00:00Z")]).await;
    let server = site.start().await;
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["ad_spend_minor"], json!({"USD": 9_500}));
    let items = server.all_items("acme", "restatements?month=2025-10").await;
    let spend: Vec<&Value> = items.iter().filter(|item| item["figure"] == "ad_spend_minor.USD").collect();
    assert_eq!(spend.len(), 1, "{items:?}");
    let told = ["old", "new", "causes", "recorded_on"].map(|member| spend[0][member].clone());
    assert_eq!(told, [json!(9_000), json!(9_500), json!(1), json!("2025-11-02")], "{items:?}");
}

#[tokio::test]
async fn l5_an_earlier_first_interest_that_comes_late_moves_the_reply_and_is_listed_in_both_months() {
    let site = Site::new();
    let interested = |n: u32, at: &str| {
        json!({"provider": "emailbison", "external_id": format!("interested/{n}"), "kind": "lead_interested",
            "occurred_at": at, "body": {"instance": "dedi.emailbison.com", "workspace": "17", "lead": {"id": "1"}}})
    };
    record_then(&site, "2025-09-01T12:00:00Z", &[configured()]).await;
    record_then(&site, "2025-10-09T12:00:00Z", &[interested(1, "2025-10-09T12:00:00Z")]).await;
    let server = site.start().await;
    server
        .record("acme", &[interested(2, "2025-09-20T12:00:00Z"), interested(3, "2025-10-20T12:00:00Z")])
        .await;
    let items = server.all_items("acme", "restatements").await;
    for (month, old, new) in [("2025-09", 0, 1), ("2025-10", 1, 0)] {
        let of = |item: &&Value| item["month"] == month && item["figure"] == "positive_replies";
        let row = items.iter().find(of).cloned().unwrap_or_default();
        assert_eq!((&row["old"], &row["new"]), (&json!(old), &json!(new)), "{month}: {items:?}");
    }
}

/// Counts and amounts of a month by the ledger's names.
fn flat(figures: &Value) -> BTreeMap<String, Value> {
    fn walk(name: String, value: &Value, found: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(members) => {
                for (member, value) in members.iter().filter(|(member, _)| *member != "targets") {
                    let name = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
                    walk(name, value, found);
                }
            }
            Value::Array(rows) => {
                for row in rows {
                    let agent = row["agent"].as_str().unwrap_or_default();
                    walk(format!("{name}[{agent}]"), row, found);
                }
            }
            Value::Number(_) => drop(found.insert(name, json!(value.as_f64()))),
            _ => {}
        }
    }
    let mut found = BTreeMap::new();
    walk(String::new(), figures, &mut found);
    found
}

/// The rows that a batch of facts, recorded on one day, must have left of a month: by figure, old and new.
fn restated(old: &Value, new: &Value) -> BTreeMap<String, [Value; 2]> {
    let (old, new) = (flat(old), flat(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let value = |figures: &BTreeMap<String, Value>, name: &str| match figures.get(name) {
        Some(value) => value.clone(),
        None if name.ends_with("_rate") => Value::Null,
        None if name.starts_with("outcomes.") || name.starts_with("by_agent[") => json!(0.0),
        None => Value::Null,
    };
    let rows = names.into_iter().map(|name| (name.clone(), [value(&old, name), value(&new, name)]));
    rows.filter(|(_, [old, new])| old != new).collect()
}

/// Month, local day of recording and figure, with old and new.
type Rows = BTreeMap<(String, String, String), [Value; 2]>;

/// Batches are recorded every six days from here on.
fn day(batch: usize) -> chrono::DateTime<chrono::Utc> {
    let first = instant(&json!("2025-09-20T12:00:00Z")).expect("an instant");
    first + chrono::Duration::days(6 * batch as i64)
}

/// What the model makes of each month that was closed, before and after each batch.
fn rows_of_model(batches: &[Vec<Value>], configs: &[Value], bend: Bend) -> Rows {
    // Closed an hour after they ended in New York.
    let closed = ["2025-10-01T05:00:00Z", "2025-11-01T05:00:00Z", "2025-12-01T06:00:00Z"];
    let mut rows = Rows::new();
    for batch in 1..batches.len() {
        let [old, new] = [&batches[..batch], &batches[..=batch]].map(<[Vec<Value>]>::concat);
        let [old, new] = [&old, &new].map(|facts| Model::new(configs, facts, chrono::Utc::now(), bend));
        for (month, closed) in ["2025-09", "2025-10", "2025-11"].iter().zip(closed) {
            if day(batch) >= instant(&json!(closed)).expect("an instant") {
                let of: chrono::NaiveDate = format!("{month}-01").parse().expect("a day");
                let recorded_on = day(batch).date_naive().to_string();
                for (figure, values) in restated(&old.month(of), &new.month(of)) {
                    rows.insert(((*month).to_owned(), recorded_on.clone(), figure), values);
                }
            }
        }
    }
    rows
}

#[tokio::test]
async fn e4_what_late_facts_of_random_histories_changed_is_listed_as_the_model_says() {
    for seed in 40..=41 {
        let (site, mut random) = (Site::new(), Random::new(seed));
        // One fact in six comes a week or three late.
        let mut batches: Vec<Vec<Value>> = vec![Vec::new(); 17];
        for fact in history(seed, 300, "2025-09-20T00:00:00Z") {
            let happened = instant(&fact["occurred_at"]).expect("a time");
            let at = (0..13).find(|batch| happened <= day(*batch)).unwrap_or(13);
            let late = if random.one_in(6) { 1 + random.below(3) as usize } else { 0 };
            batches[at + late].push(fact);
        }
        record_then(&site, &day(0).to_rfc3339(), &[configured()]).await;
        for (batch, facts) in batches.iter().enumerate() {
            record_then(&site, &day(batch).to_rfc3339(), facts).await;
        }
        let server = site.start().await;
        let mut listed = Rows::new();
        for row in server.all_items("acme", "restatements?limit=500").await {
            let text = |member: &str| row[member].as_str().expect("a text").to_owned();
            let value = |member| row[member].as_f64().map_or(Value::Null, |value| json!(value));
            let key = (text("month"), text("recorded_on"), text("figure"));
            listed.insert(key, ["old", "new"].map(value));
        }
        // What came and went within a day is a row that leads nowhere.
        listed.retain(|_, [old, new]| old != new);
        let configs = server.configurations("acme").await;
        let expected = rows_of_model(&batches, &configs, Bend::Straight);
        assert!(expected.len() > 40, "expected late facts to change figures, found {}", expected.len());
        assert_eq!(listed, expected, "seed {seed}");
        let bent = rows_of_model(&batches, &configs, Bend::Threshold31);
        assert_ne!(listed, bent, "null control: with another threshold other months change");
    }
}

#[tokio::test]
async fn e4_null_control_a_tenant_that_begins_now_has_nothing_restated() {
    let server = Site::new().start().await;
    server.record("acme", &[call("a", 45, 1), call("b", 45, 2)]).await;
    assert_eq!(server.read("acme", "metrics/month?month=2025-10").await["calls"], json!(2));
    assert_eq!(server.read("acme", "restatements").await["items"], json!([]));
    server.get("/api/v1/tenants/acme/restatements?month=October").await.is(400).names_parameter("month");
}

#[tokio::test]
async fn e4_a_month_from_before_the_log_is_closed_once_a_report_of_it_is_published() {
    let server = Site::new().start().await;
    let of = |month: u32, n: u32| {
        let at = format!("2025-{month:02}-{:02}T16:00:00Z", n % 28 + 1);
        answered(&format!("m{month}-{n}"), 45, &at)
    };
    let filled: Vec<Value> = (0..10).flat_map(|n| [of(8, n), of(9, n), of(10, n)]).collect();
    server.record("acme", &filled).await;
    let draft =
        server.command("acme", "reports", &json!({"period": "2025-10", "narrative": "October."})).await;
    let report = draft.is(201).json["report_id"].as_str().expect("an id").to_owned();
    server.record("acme", &[of(10, 20)]).await;
    assert!(server.all_items("acme", "restatements").await.is_empty(), "a draft was told to nobody");
    server.command("acme", &format!("reports/{report}/publish"), &json!({})).await.is(200);
    let before = server.seen();
    server.record("acme", &[of(10, 21), of(9, 21), of(8, 21)]).await;
    let items = server.all_items("acme", "restatements").await;
    let calls = items.iter().find(|item| item["figure"] == "calls").cloned().unwrap_or_default();
    assert_eq!((&calls["month"], &calls["old"], &calls["new"]), (&json!("2025-10"), &json!(11), &json!(12)));
    assert_eq!(calls["positions"], json!([before + 1]));
    // Null control: of months of which nothing was told, nothing is restated.
    let months: BTreeSet<&str> = items.iter().filter_map(|item| item["month"].as_str()).collect();
    assert_eq!(months, BTreeSet::from(["2025-10"]), "{items:?}");

    // A week's report closes each month that it touches.
    let draft =
        server.command("acme", "reports", &json!({"period": "2025-09-01", "narrative": "A week."})).await;
    let report = draft.is(201).json["report_id"].as_str().expect("an id").to_owned();
    server.command("acme", &format!("reports/{report}/publish"), &json!({})).await.is(200);
    server.record("acme", &[of(9, 22), of(8, 22)]).await;
    assert!(server.all_items("acme", "restatements?month=2025-08").await.is_empty());
    let items = server.all_items("acme", "restatements?month=2025-09").await;
    let calls = items.iter().find(|item| item["figure"] == "calls").cloned().unwrap_or_default();
    assert_eq!((&calls["old"], &calls["new"]), (&json!(11), &json!(12)), "{items:?}");
}

/// The worked example of docs/configuration.md.
#[tokio::test]
async fn e4_a_changed_rule_restates_no_month_before_its_effective_from() {
    let site = Site::new();
    record_then(&site, "2025-10-01T12:00:00Z", &[configured()]).await;
    let of = |id: &str, at: &str| with(answered(id, 45, at), json!({"agent": "ann@example.com"}));
    let calls = [of("october", "2025-10-31T16:00:00Z"), of("november", "2025-11-01T16:00:00Z")];
    record_then(&site, "2025-11-02T12:00:00Z", &calls).await;
    let server = site.start().await;
    let qualified = async || {
        let mut counts = Vec::new();
        for month in ["2025-10", "2025-11"] {
            let figures = server.read("acme", &format!("metrics/month?month={month}")).await;
            counts.push(figures["qualified"].as_u64().expect("a count"));
        }
        counts
    };
    let restated = async || {
        let items = server.all_items("acme", "restatements?month=2025-10").await;
        // The call of October came late: a restatement of its own, with `data` as its cause.
        let is_it = |item: &Value| item["figure"] == "qualified" && item["cause"] == "rule";
        let row = items.into_iter().find(is_it);
        row.map(|row| json!([row["old"], row["new"], row["positions"]]))
    };
    assert_eq!(qualified().await, [1, 1], "the call of October and that of November");
    let from = async |effective_from: Option<&str>| {
        let mut fact = configured();
        fact["external_id"] = json!(format!("from/{}", effective_from.unwrap_or("now")));
        fact["body"]["rules"] = json!({"qualified_min_seconds": 60});
        fact["body"]["effective_from"] = json!(effective_from);
        server.record("acme", &[fact]).await;
    };
    from(None).await;
    assert_eq!((qualified().await, restated().await), (vec![1, 1], None));
    from(Some("2025-11-01")).await;
    assert_eq!((qualified().await, restated().await), (vec![1, 0], None));
    from(Some("2025-10-01")).await;
    let restatement = json!([1, 0, [server.seen()]]);
    assert_eq!((qualified().await, restated().await), (vec![0, 0], Some(restatement)));
}

#[tokio::test]
async fn e4_a_late_fact_and_a_rule_that_restate_one_figure_are_told_apart() {
    let site = ten_calls_of_october().await;
    let server = site.start().await;
    server.record("acme", &[call("late", 90, 12)]).await;
    let late = server.seen();
    let rules = "effective_from = \"2025-10-01\"\nrules = {qualified_min_seconds = 60}\ntimezone = \"America/New_York\"";
    site.configure(&TWO_TENANTS.replacen("timezone = \"America/New_York\"", rules, 1));
    server.hang_up();
    server.says("configuration reloaded").await;
    server.record("acme", &[call("later", 90, 13)]).await;
    let rule = server.all_items("acme", "facts?kind=tenant_configured").await;
    let rule = rule.iter().filter_map(|fact| fact["position"].as_u64()).max().expect("a position");
    let items = server.all_items("acme", "restatements?month=2025-10&limit=2").await;
    let of_figure = items.iter().filter(|item| item["figure"] == "qualified");
    let told: Vec<Value> = of_figure
        .map(|item| json!([item["cause"], item["old"], item["new"], item["causes"], item["positions"]]))
        .collect();
    let expected = [json!(["data", 10, 2, 2, [late, server.seen()]]), json!(["rule", 11, 1, 1, [rule]])];
    assert_eq!(told, expected, "{items:?}");
    let path = "/api/v1/tenants/acme/restatements?month=2025-10&format=csv";
    let csv = server.get(path).await;
    let rows: Vec<&str> = csv.is(200).text.lines().filter(|line| line.contains(",qualified,")).collect();
    assert!(csv.text.lines().next().is_some_and(|head| head.contains(",cause,import,")), "{}", csv.text);
    assert!(rows.len() == 2 && rows[0].contains(",data,") && rows[1].contains(",rule,"), "{rows:?}");
}
