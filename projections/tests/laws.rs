//! Laws of the folds (RULINGS Time and order, G8, G9): order of arrival, lanes, cuts, and what must break them.

use crate::common::{Given, cases, configured, facts, history, live, rebuilt, recorded, served};
use projections::Recorded;
use projections::tenant::Tenant;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

fn same_served(one: &Tenant, other: &Tenant) -> Result<(), TestCaseError> {
    prop_assert_eq!(served(one), served(other));
    Ok(())
}

fn same_digests(one: &Tenant, other: &Tenant) -> Result<(), TestCaseError> {
    prop_assert_eq!(one.digests("acme"), other.digests("acme"));
    Ok(())
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn given_configuration_first_when_facts_come_in_any_order_then_the_same_is_served(
        first in configured(),
        (facts, shuffled) in facts().prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle())),
    ) {
        let there = [vec![first.clone()], facts].concat();
        let back = [vec![first], shuffled].concat();
        same_served(&live(&recorded(&there)), &live(&recorded(&back)))?;
    }

    #[test]
    fn given_one_log_when_folded_live_or_from_lanes_then_digests_and_answers_are_equal(
        facts in history(), shards in 1usize..5, order in Just(vec![0, 1, 2, 3]).prop_shuffle(),
    ) {
        let log = recorded(&facts);
        let (live, rebuilt) = (live(&log), rebuilt(&facts, &log, shards, &order));
        same_digests(&live, &rebuilt)?;
        same_served(&live, &rebuilt)?;
    }

    #[test]
    fn given_a_cut_when_the_rest_is_folded_live_on_a_rebuilt_state_then_nothing_differs(
        facts in history(), cut in 0usize..60, shards in 1usize..4,
    ) {
        let log = recorded(&facts);
        let cut = cut.min(facts.len());
        let mut tenant = rebuilt(&facts[..cut], &log[..cut], shards, &[]);
        log[cut..].iter().for_each(|fact| tenant.apply(fact));
        let whole = live(&log);
        same_digests(&whole, &tenant)?;
        same_served(&whole, &tenant)?;
    }

    #[test]
    fn given_any_history_when_agents_are_summed_then_they_are_the_tenants(facts in history()) {
        let tenant = live(&recorded(&facts));
        for month in served(&tenant)["months"].as_array().unwrap() {
            for figure in ["calls", "answered", "qualified", "talk_seconds"] {
                let agents = month["by_agent"].as_array().unwrap();
                let sum: i64 = agents.iter().map(|agent| agent[figure].as_i64().unwrap()).sum();
                prop_assert_eq!(sum, month[figure].as_i64().unwrap(), "{} {}", figure, month);
            }
        }
    }
}

/// Runs a law that must not hold and tells whether it was caught.
fn is_caught<S: Strategy>(strategy: S, law: impl Fn(S::Value) -> Result<(), TestCaseError>) -> bool {
    let mut runner = TestRunner::new(ProptestConfig { max_shrink_iters: 0, ..cases(512) });
    matches!(runner.run(&strategy, law), Err(TestError::Fail(..)))
}

#[test]
fn null_control_a_lost_control_fact_is_seen_by_the_digests() {
    let with_configuration = (history(), configured(), 0usize..60).prop_map(|(mut facts, configured, at)| {
        facts.insert(at.min(facts.len()), configured);
        facts
    });
    assert!(is_caught(with_configuration, |facts: Vec<Given>| {
        let log = recorded(&facts);
        let is_kept = |fact: &(Given, Recorded<'_>)| fact.0.kind != "tenant_configured";
        let kept: Vec<_> = facts.iter().cloned().zip(log.iter().copied()).filter(is_kept).collect();
        let (kept, kept_log): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
        same_served(&live(&log), &rebuilt(&kept, &kept_log, 2, &[]))
    }));
}

#[test]
fn null_control_ties_broken_by_position_are_seen_by_the_law_of_order() {
    fn by_position(mut log: Vec<Recorded<'_>>) -> Vec<Recorded<'_>> {
        for fact in &mut log {
            fact.content = (u128::from(fact.position) << 64).to_be_bytes();
        }
        log
    }
    let shuffled = facts().prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle()));
    assert!(is_caught(shuffled, |(there, back)| {
        same_served(&live(&by_position(recorded(&there))), &live(&by_position(recorded(&back))))
    }));
}

#[test]
fn null_control_a_shard_that_is_lost_is_seen() {
    assert!(is_caught(history(), |facts| {
        let log = recorded(&facts);
        let half: Vec<_> = facts.iter().filter(|fact| fact.subject % 2 == 0).cloned().collect();
        same_digests(&live(&log), &rebuilt(&half, &recorded(&half), 1, &[]))
    }));
}

#[test]
fn given_configurations_that_differ_in_one_member_then_the_digests_of_tenants_differ() {
    let of = |members: serde_json::Value| {
        let mut body = serde_json::json!({"name": "Acme", "timezone": "UTC"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let first = crate::common::given(
            "tenant_configured",
            crate::common::at("2025-01-01T00:00:00Z"),
            body.clone(),
        );
        body["name"] = "Acme again".into();
        let second =
            crate::common::given("tenant_configured", crate::common::at("2025-01-01T00:00:00Z"), body);
        live(&recorded(&[first, second])).digests("acme")[0].to_string()
    };
    let members = [
        serde_json::json!({}),
        serde_json::json!({"timezone": "Asia/Kolkata"}),
        serde_json::json!({"currency": "USD"}),
        serde_json::json!({"currency": "EUR"}),
        serde_json::json!({"effective_from": "2025-02-01"}),
        serde_json::json!({"rules": {"qualified_min_seconds": 31}}),
        serde_json::json!({"rules": {"job_value_minor": 0}}),
        serde_json::json!({"rules": {"counted_directions": ["inbound"]}}),
        serde_json::json!({"rules": {"counted_directions": ["outbound", "unknown"]}}),
        serde_json::json!({"rules": {"stale_after_seconds": 1}}),
        serde_json::json!({"rules": {"session_timeout_seconds": 1}}),
        serde_json::json!({"rules": {"reservation_seconds": 1}}),
        serde_json::json!({"rules": {"reply_rate_drop_percent": 1}}),
        serde_json::json!({"rules": {"daily_call_goal": 1}}),
        serde_json::json!({"rules": {"counted_contact_types": ["2"]}}),
        serde_json::json!({"rules": {"qualified_stages": ["Won"]}}),
        serde_json::json!({"rules": {"hot_stages": ["Won"]}}),
        serde_json::json!({"rules": {"stages": [{"name": "Won"}]}}),
        serde_json::json!({"rules": {"stages": [{"name": "Won", "likelihood_percent": 0}]}}),
        serde_json::json!({"recording": true}),
        serde_json::json!({"workspaces": ["17"]}),
        serde_json::json!({"tracking_numbers": [{"number": "+15550199"}]}),
        serde_json::json!({"tracking_numbers": [{"number": "+15550199", "agent": "ann@x.example"}]}),
    ];
    let digests: Vec<String> = members.iter().cloned().map(of).collect();
    let distinct: std::collections::BTreeSet<&String> = digests.iter().collect();
    assert_eq!(distinct.len(), members.len(), "{digests:?}");
    let defaults = serde_json::json!({"rules": {"qualified_min_seconds": 30}});
    assert_eq!(of(defaults), digests[0], "a default that is given is the default");
}
