//! Laws: whatever the order in which parts, runs and notes come, and however they are folded, the same is served.

use proptest::prelude::*;

use super::random::{rules, runs};
use super::{fold, served_crm};
use crate::common::{cases, live, rebuilt, recorded};

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn b13_given_parts_and_runs_in_any_order_then_the_same_is_served(
        first in rules(),
        (facts, shuffled) in runs(true).prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle())),
    ) {
        let there = [vec![first.clone()], facts].concat();
        let back = [vec![first], shuffled].concat();
        prop_assert_eq!(served_crm(&fold(&there)), served_crm(&fold(&back)));
    }

    #[test]
    fn given_one_log_when_folded_live_or_from_lanes_then_digests_and_answers_are_equal(
        first in rules(), facts in runs(true), at in 0usize..60, cut in 0usize..60,
    ) {
        let mut facts = facts;
        facts.insert(at.min(facts.len()), first);
        let log = recorded(&facts);
        let live = live(&log);
        let lanes = rebuilt(&facts, &log, 3, &[2, 0, 1]);
        prop_assert_eq!(live.digests("acme"), lanes.digests("acme"));
        prop_assert_eq!(served_crm(&live), served_crm(&lanes));
        let cut = cut.min(facts.len());
        let mut on = rebuilt(&facts[..cut], &log[..cut], 1, &[]);
        log[cut..].iter().for_each(|fact| on.apply(fact));
        prop_assert_eq!(live.digests("acme"), on.digests("acme"));
    }

    #[test]
    fn given_a_run_without_its_end_then_no_figure_knows_of_it(facts in runs(true)) {
        let facts: Vec<_> = facts.into_iter().filter(|fact| fact.kind != "sync_finished").collect();
        let served = served_crm(&fold(&facts));
        prop_assert_eq!(&served["summary"]["total_leads"], 0);
        prop_assert_eq!(&served["fingerprints"], "[]");
    }
}

#[test]
fn null_control_a_lost_part_shows() {
    let records = serde_json::json!([{"id": "1"}]);
    let when = "2025-10-09T10:00:00Z";
    let facts = [crate::crm::part("r", "leads", when, records), crate::crm::ended("r", when, "success")];
    assert_ne!(served_crm(&fold(&facts)), served_crm(&fold(&facts[1..])));
    assert_ne!(fold(&facts).digests("acme"), fold(&facts[1..]).digests("acme"));
}
