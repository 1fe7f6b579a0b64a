//! The order of arrival decides nothing (R6, RULINGS Ties): facts of every kind, sent in three orders with different
//! batches and redeliveries, give the same answers on every route; and a log has one digest per model (E6).

use crate::common::compare::{all_differences, assert_none};
use crate::common::history::{configurations, history, span};
use crate::common::model::answers::Answers;
use crate::common::model::{Bend, Model, instant};
use crate::common::random::Random;
use crate::common::{Server, Site};
use chrono::{DurationRound, TimeDelta, Utc};
use serde_json::{Value, json};

const FIRST: &str = "2025-09-20T00:00:00Z";

const TENANTS: [&str; 3] = ["one", "two", "three"];

/// Three tenants alike.
fn tables() -> String {
    let table = |id: &str| {
        format!(
            "[[tenant]]\nid = {id:?}\nname = \"Alike\"\ntimezone = \"Europe/London\"\ncurrency = \"USD\"\n\
             [tenant.rules]\njob_value_minor = 15000\nsession_timeout_seconds = 2000000000\n"
        )
    };
    TENANTS.map(table).concat()
}

/// Tells each tenant, configuration first, the facts in an order of its own, and answers what each serves on the model's routes, beside
/// what the model says.
async fn told_thrice(server: &Server, facts: &[Value], seed: u64) -> (Answers, [Answers; 3]) {
    let mut random = Random::new(seed);
    for tenant in TENANTS {
        server.record(tenant, &configurations(seed, FIRST)).await;
        server.deliver(tenant, facts, &mut random).await;
    }
    let configs = server.configurations(TENANTS[0]).await;
    let (from, to) = span(FIRST);
    let expected = Model::new(&configs, facts, Utc::now(), Bend::Straight).answers(from, to);
    let mut served = TENANTS.map(|_| Answers::new());
    for (tenant, served) in TENANTS.iter().zip(&mut served) {
        *served = server.answers(tenant, expected.keys()).await;
    }
    (expected, served)
}

/// Each model's digest on a running server.
async fn digests(server: &Server) -> Vec<Value> {
    let path = format!("/api/v1/projections?limit=500&min_position={}", server.seen());
    let models = server.get(&path).await.is(200).json["items"].clone();
    told(&models)
}

fn told(models: &Value) -> Vec<Value> {
    let models = models.as_array().expect("models").iter();
    models.map(|model| json!([model["name"], model["position"], model["digest"]])).collect()
}

#[tokio::test]
async fn r6_ten_thousand_facts_in_three_orders_are_served_alike_and_as_the_model_says() {
    let site = Site::with(&tables());
    let server = site.start().await;
    let facts = history(20, 10_000, FIRST);
    assert!(facts.len() > 10_000, "expected ten thousand facts, made {}", facts.len());
    // Configured by the file alone, which a start would otherwise record anew.
    let (expected, served) = told_thrice(&server, &facts, 76).await;
    assert_none(&all_differences(&expected, &served[0]), "model and first order");
    assert_none(&all_differences(&served[0], &served[1]), "first and second order");
    assert_none(&all_differences(&served[0], &served[2]), "first and third order");

    // One log, folded live, afresh at a start, and by lanes on one thread and on several.
    let live = digests(&server).await;
    server.stop();
    for threads in ["1", "3"] {
        let replayed = site.cli(&["replay", "--json", "--threads", threads]);
        assert_eq!(told(&replayed.exits(0).json()[0]["models"]), live, "e6: by lanes on {threads} threads");
    }
    site.cli(&["audit"]).exits(0);
    let server = site.start().await;
    assert_eq!(digests(&server).await, live, "e6: after a restart");
}

/// The same facts with few instants, so that many tie; what a CRM is read at, and what happens in a session, among them.
fn tied(mut facts: Vec<Value>) -> Vec<Value> {
    let coarse = |value: &mut Value| {
        if let Some(at) = instant(value) {
            *value = json!(at.duration_trunc(TimeDelta::hours(36)).expect("in range").to_rfc3339());
        }
    };
    for fact in &mut facts {
        coarse(&mut fact["occurred_at"]);
        for member in ["started_at", "observed_at"] {
            if fact["body"].get(member).is_some() {
                coarse(&mut fact["body"][member]);
            }
        }
    }
    facts
}

#[tokio::test]
async fn r6_facts_that_tie_are_served_alike_in_any_order() {
    for seed in 30..=33 {
        let server = Site::with(&tables()).start().await;
        let facts = tied(history(seed, 800, FIRST));
        let (_, served) = told_thrice(&server, &facts, seed).await;
        assert_none(&all_differences(&served[0], &served[1]), &format!("second order, seed {seed}"));
        assert_none(&all_differences(&served[0], &served[2]), &format!("third order, seed {seed}"));
    }
}

#[tokio::test]
async fn r6_null_control_one_fact_less_is_seen_among_ten_thousand() {
    let server = Site::with(&tables()).start().await;
    let mut facts = history(21, 10_000, FIRST);
    server.deliver("one", &facts, &mut Random::new(1)).await;
    let at = facts.iter().position(|fact| fact["kind"] == "lead_replied").expect("a reply");
    facts.remove(at);
    server.deliver("two", &facts, &mut Random::new(2)).await;
    let routes =
        ["metrics/month?month=2025-09", "metrics/month?month=2025-10", "metrics/month?month=2025-11"]
            .map(str::to_owned);
    let one = server.answers("one", routes.iter()).await;
    let two = server.answers("two", routes.iter()).await;
    let found = all_differences(&one, &two);
    assert!(found.iter().any(|place| place.contains("/replies")), "expected a reply to be missed: {found:?}");
}
