//! The four systems against an independent model: random histories of every kind of fact are posted, and every route must
//! serve what the model derives from the product's rules (A3 to A7, B4 to B14, C1 to C6, D2, D3, D6 to D8, F1, F6).

use std::collections::BTreeSet;

use crate::common::compare::{all_differences, assert_none, differences};
use crate::common::history::{DAYS, configurations, history, span};
use crate::common::model::answers::Answers;
use crate::common::model::{Bend, Model, instant};
use crate::common::random::Random;
use crate::common::site::escape;
use crate::common::{Server, Site};
use chrono::{Days, NaiveDate, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

/// Before a change of the clocks in New York, and in London.
const FIRST: &str = "2025-09-20T00:00:00Z";

/// One tenant; no session times out while it is looked at.
const TABLES: &str = r#"
[[tenant]]
id = "acme"
name = "Acme Dental"
timezone = "America/New_York"
currency = "USD"
[tenant.rules]
job_value_minor = 15000
daily_call_goal = 2
session_timeout_seconds = 2000000000
"#;

/// A server that holds a history, with what it was configured to be.
struct Told {
    server: Server,
    facts: Vec<Value>,
    configs: Vec<Value>,
}

impl Told {
    async fn new(seed: u64, size: usize) -> Self {
        Self::from(seed, size, FIRST).await
    }

    /// A history from that instant on.
    async fn from(seed: u64, size: usize, first: &str) -> Self {
        let server = Site::with(TABLES).start().await;
        let facts = history(seed, size, first);
        server.record("acme", &configurations(seed, first)).await;
        server.deliver("acme", &facts, &mut Random::new(seed + 100)).await;
        let configs = server.configurations("acme").await;
        Self { server, facts, configs }
    }

    fn model(&self, bend: Bend) -> Model<'_> {
        Model::new(&self.configs, &self.facts, Utc::now(), bend)
    }

    fn expected(&self, bend: Bend) -> Answers {
        let (from, to) = span(FIRST);
        self.model(bend).answers(from, to)
    }
}

#[tokio::test]
async fn every_route_serves_what_an_independent_model_makes_of_the_rules() {
    for seed in 1..=6 {
        let told = Told::new(seed, 400).await;
        let expected = told.expected(Bend::Straight);
        let served = told.server.answers("acme", expected.keys()).await;
        assert_none(&all_differences(&expected, &served), &format!("seed {seed}"));

        // What the clock decides is told with the time that decided it.
        let status = told.server.read("acme", "sync/status").await;
        let at = instant(&status["at"]).expect("the time that decided it");
        let expected = Model::new(&told.configs, &told.facts, at, Bend::Straight).sync_status();
        for (member, value) in expected.as_object().expect("an object") {
            assert_eq!(&status[member], value, "{member} of seed {seed}: {status}");
        }
    }
}

#[tokio::test]
async fn f1_today_and_this_month_are_the_models() {
    // A history that ends now, so that there is a today, which must not become another one meanwhile.
    let today = || {
        let zones = [chrono_tz::America::New_York, chrono_tz::Europe::London];
        zones.map(|zone| Utc::now().with_timezone(&zone).date_naive())
    };
    for seed in 13..=15 {
        let begun = today();
        let first = (Utc::now() - TimeDelta::days(DAYS)).to_rfc3339_opts(SecondsFormat::Secs, true);
        let told = Told::from(seed, 500, &first).await;
        let (from, to) = span(&first);
        let expected = told.model(Bend::Straight).answers(from, to);
        let served = told.server.answers("acme", expected.keys()).await;
        if begun == today() {
            assert_none(&all_differences(&expected, &served), &format!("seed {seed}"));
        }
    }
}

#[tokio::test]
async fn e3_every_route_as_of_a_moment_is_the_models_of_the_facts_before_it() {
    for seed in 16..=18 {
        let told = Told::new(seed, 300).await;
        let (from, to) = span(FIRST);
        let recorded = told.server.all_facts("acme").await;
        let mut random = Random::new(seed);
        for _ in 0..2 {
            // Every fact that had been recorded by a position, and every one that had happened by a time.
            let last = recorded[random.below(recorded.len() as u64) as usize]["position"]
                .as_u64()
                .expect("a position");
            let last = last.max(4);
            let known: BTreeSet<&str> = recorded
                .iter()
                .filter(|fact| fact["position"].as_u64() <= Some(last))
                .filter_map(|fact| fact["external_id"].as_str())
                .collect();
            let until = random.pick(&told.facts)["occurred_at"].clone();
            let by = instant(&until).expect("a time");
            let known = |fact: &&Value| known.contains(fact["external_id"].as_str().expect("a key"));
            let happened = |fact: &&Value| instant(&fact["occurred_at"]).is_some_and(|at| at <= by);
            let moments = [
                (
                    format!("as_of_position={last}"),
                    told.facts.iter().filter(known).cloned().collect::<Vec<_>>(),
                ),
                (
                    format!("occurred_until={}", escape(until.as_str().expect("text"))),
                    told.facts.iter().filter(happened).cloned().collect(),
                ),
            ];
            for (moment, facts) in moments {
                let expected =
                    Model::new(&told.configs, &facts, Utc::now(), Bend::Straight).answers(from, to);
                let served = told.server.answers_as_of("acme", expected.keys(), &moment).await;
                assert_none(&all_differences(&expected, &served), &format!("seed {seed}, {moment}"));
            }
        }
    }
}

#[tokio::test]
async fn d6_what_accounts_gained_over_a_period_is_the_models() {
    for seed in 19..=21 {
        let told = Told::new(seed, 1_500).await;
        let model = told.model(Bend::Straight);
        let mut measured = 0;
        // Days after which a reading ended, and days on which there was none.
        let polled = told.facts.iter().filter(|fact| fact["kind"] == "sender_account_observed");
        let days: BTreeSet<NaiveDate> =
            polled.filter_map(|fact| Some(instant(&fact["occurred_at"])?.date_naive())).collect();
        let days: Vec<NaiveDate> = days.into_iter().collect();
        let spans = days.iter().zip(&days[1..]).chain(days.iter().zip(&days[4..]));
        for (before, to) in spans.chain([(&days[0], &days[days.len() - 1])]) {
            let (from, to) = (*before + Days::new(1), *to);
            let expected = model.account_periods(from, to);
            for account in
                told.server.all_items("acme", &format!("sender-accounts?from={from}&to={to}")).await
            {
                let Some(figures) = expected.get(account["email"].as_str().expect("an email")) else {
                    continue;
                };
                let names = ["sends", "replies", "bounces", "reply_rate"];
                let served: Value =
                    names.iter().map(|name| (*name, account["period"][*name].clone())).collect();
                assert_none(
                    &differences("period", figures, &served),
                    &format!("seed {seed}, {from} to {to}: {account}"),
                );
                measured += usize::from(!figures["sends"].is_null());
            }
        }
        assert!(measured > 5, "expected accounts with a known period, found {measured}");
    }
}

#[tokio::test]
async fn b14_reports_of_random_histories_are_the_models() {
    for seed in 7..=9 {
        let told = Told::new(seed, 300).await;
        let model = told.model(Bend::Straight);
        for period in ["2025-10", "2025-11", "2025-09-29", "2025-10-20", "2025-10-27", "2025-11-03"] {
            let draft = told.server.command("acme", "reports", &json!({"period": period})).await;
            let id = draft.is(201).json["report_id"].as_str().expect("an id").to_owned();
            let report = told.server.read("acme", &format!("reports/{id}")).await;
            let found = differences(period, &model.report_figures(period), &report["figures"]);
            assert_none(&found, &format!("seed {seed}"));
        }
    }
}

#[tokio::test]
async fn c3_the_first_line_that_asks_is_given_the_models_next_lead() {
    for seed in 10..=11 {
        let told = Told::new(seed, 400).await;
        let model = told.model(Bend::Straight);
        let mut asked = 0;
        for id in model.sessions() {
            if model.session(id)["is_active"] == true {
                let next = told.server.next_lead(id, "line").await;
                let next = json!({"lead_id": next["lead_id"], "index": next["index"]});
                assert_eq!(next, model.next_lead(id), "of session {id}, seed {seed}");
                asked += 1;
            }
        }
        assert!(asked > 3, "expected active sessions in the history of seed {seed}, found {asked}");
    }
}

#[tokio::test]
async fn null_control_a_model_with_one_rule_bent_disagrees() {
    let told = Told::new(19, 900).await;
    let straight = told.expected(Bend::Straight);
    let served = told.server.answers("acme", straight.keys()).await;
    let bends = [
        (Bend::Threshold31, "calls"),
        (Bend::DaysOfUtc, "metrics/days"),
        (Bend::LatestInterest, "outreach/leads"),
        (Bend::StatusMovesBack, "calls"),
        (Bend::RulesForThePast, "metrics/days"),
        (Bend::FailedRunsCount, "sync/runs"),
        (Bend::GapsAreZero, "provider-performance"),
        (Bend::FirstSpendStands, "metrics/month"),
        (Bend::FirstDisposition, "metrics/month"),
    ];
    for (bend, shows) in bends {
        let found = all_differences(&told.expected(bend), &served);
        let there = found.iter().any(|place| place.starts_with(shows));
        assert!(there, "expected {bend:?} to show in {shows}, found {} differences", found.len());
    }
    // What was delivered again, counted again: a counter that is incremented in place.
    let mut again = told.facts.clone();
    again.extend(told.facts.iter().step_by(6).cloned());
    let (from, to) = span(FIRST);
    let bent = Model::new(&told.configs, &again, Utc::now(), Bend::RedeliveryCounts).answers(from, to);
    let found = all_differences(&bent, &served);
    assert!(found.iter().any(|place| place.starts_with("metrics/month")), "{} differences", found.len());
    // A history without one of its facts, and one with a fact a month later.
    let at = told.facts.iter().position(|fact| fact["kind"] == "lead_replied").expect("a reply");
    for moved in [None, Some(json!("2026-01-09T12:00:00Z"))] {
        let mut other = told.facts.clone();
        match moved {
            Some(at_another_time) => other[at]["occurred_at"] = at_another_time,
            None => drop(other.remove(at)),
        }
        let bent = Model::new(&told.configs, &other, Utc::now(), Bend::Straight).answers(from, to);
        assert!(!all_differences(&bent, &served).is_empty(), "expected one reply to show");
    }
}
