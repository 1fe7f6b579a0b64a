//! Stages that a person gives to a name without saying where (D3): they hold for whoever has the name, in any order.

use crate::common::{Given, at, given, live, rebuilt, recorded, served};
use domain::rules::stages::Stage;
use projections::entities::leads::list::LeadFilter;
use projections::tenant::Tenant;
use proptest::prelude::*;
use serde_json::{Value, json};

fn event(kind: &'static str, day: u32, workspace: &str, lead: Value) -> Given {
    let body = json!({"instance": "i.example", "workspace": workspace, "lead": lead});
    given(kind, at(&format!("2025-10-{day:02}T12:00:00Z")), body)
}

fn staged(day: u32, lead: Value, stage: &str) -> Given {
    given("lead_staged", at(&format!("2025-10-{day:02}T12:00:00Z")), json!({"lead": lead, "stage": stage}))
}

fn fold(facts: &[Given]) -> Tenant {
    live(&recorded(facts))
}

/// Workspace, id and stage of each lead, emails' ids left out; the same from lanes or there is no answer.
fn stages(facts: &[Given]) -> Vec<(String, String, &'static str)> {
    let (tenant, log) = (fold(facts), recorded(facts));
    for shards in [1, 3] {
        let lanes = rebuilt(facts, &log, shards, &[2, 0, 1]);
        assert_eq!(tenant.digests("acme"), lanes.digests("acme"));
        assert_eq!(served(&tenant), served(&lanes));
    }
    let page = tenant.lead_list().page(0, &LeadFilter::default(), None, 50);
    let lead = |lead: projections::entities::leads::list::LeadItem| {
        let id = if lead.lead_id.starts_with('@') { "@".to_owned() } else { lead.lead_id };
        (lead.workspace.unwrap_or_default(), id, lead.stage)
    };
    let mut all: Vec<_> = page.items.into_iter().map(lead).collect();
    all.sort_unstable();
    all
}

fn of(expected: &[(&str, &str, &'static str)]) -> Vec<(String, String, &'static str)> {
    expected.iter().map(|(place, id, stage)| ((*place).into(), (*id).into(), *stage)).collect()
}

fn every_order(facts: &[Given], mut check: impl FnMut(&[Given])) {
    fn go(left: &[Given], taken: &mut Vec<Given>, check: &mut dyn FnMut(&[Given])) {
        if left.is_empty() {
            return check(taken);
        }
        for i in 0..left.len() {
            let mut rest = left.to_vec();
            taken.push(rest.remove(i));
            go(&rest, taken, check);
            taken.pop();
        }
    }
    go(facts, &mut Vec::new(), &mut check);
}

#[test]
fn given_a_stage_by_id_then_it_holds_for_the_id_in_every_workspace_and_for_no_other() {
    let facts = [
        event("lead_replied", 1, "17", json!({"id": "1"})),
        event("lead_interested", 2, "18", json!({"id": "1"})),
        event("email_sent", 2, "17", json!({"id": "2"})),
        staged(3, json!({"id": "1"}), "quoting"),
    ];
    let expected = of(&[("17", "1", "quoting"), ("17", "2", "new"), ("18", "1", "quoting")]);
    every_order(&facts, |facts| assert_eq!(stages(facts), expected));
}

#[test]
fn given_a_stage_by_email_then_it_holds_for_all_who_have_the_email_first_or_not_and_for_who_is_joined_by_it()
{
    let facts = [
        event("lead_replied", 1, "17", json!({"id": "1", "email": "a@x.example"})),
        event("lead_replied", 2, "17", json!({"id": "2", "email": "A@x.example"})),
        event("lead_interested", 2, "17", json!({"email": "a@x.example"})),
        event("email_sent", 2, "18", json!({"email": "a@x.example"})),
        staged(3, json!({"email": "a@x.example"}), "won"),
    ];
    let expected = of(&[("17", "1", "won"), ("17", "2", "won"), ("18", "@", "won")]);
    every_order(&facts, |facts| assert_eq!(stages(facts), expected));
}

#[test]
fn given_an_email_that_a_lead_had_before_then_the_stage_by_it_still_holds() {
    let facts = [
        event("email_sent", 1, "17", json!({"id": "1", "email": "old@x.example"})),
        event("email_sent", 2, "17", json!({"id": "1", "email": "new@x.example"})),
        staged(3, json!({"email": "old@x.example"}), "lost"),
    ];
    every_order(&facts, |facts| assert_eq!(stages(facts), of(&[("17", "1", "lost")])));
}

#[test]
fn given_stages_by_id_by_email_and_in_place_then_the_latest_stands() {
    let in_place = |day, stage| {
        let body = json!({"instance": "i.example", "workspace": "17", "lead": {"id": "1"}, "stage": stage});
        given("lead_staged", at(&format!("2025-10-{day:02}T12:00:00Z")), body)
    };
    let base = event("lead_replied", 1, "17", json!({"id": "1", "email": "a@x.example"}));
    let (id, email) = (json!({"id": "1"}), json!({"email": "a@x.example"}));
    for (days, stands) in [([2, 3, 4], "won"), ([4, 2, 3], "quoting"), ([3, 4, 2], "follow_up")] {
        let facts = [
            base.clone(),
            staged(days[0], id.clone(), "quoting"),
            staged(days[1], email.clone(), "follow_up"),
            in_place(days[2], "won"),
        ];
        every_order(&facts, |facts| assert_eq!(stages(facts), of(&[("17", "1", stands)])));
    }
}

#[test]
fn given_a_stage_of_a_name_that_no_lead_has_then_no_lead_is_made_and_nothing_counts_but_it_is_kept() {
    let claim = staged(3, json!({"id": "1", "email": "a@x.example"}), "won");
    let tenant = fold(std::slice::from_ref(&claim));
    let nothing = fold(&[]);
    assert_eq!(served(&tenant), served(&nothing));
    assert_ne!(tenant.digests("acme")[2], nothing.digests("acme")[2], "kept");
    assert_eq!(tenant.digests("acme")[3], nothing.digests("acme")[3], "counted nowhere");
    let by_email = event("email_sent", 4, "17", json!({"email": "a@x.example"}));
    let named = event("email_sent", 5, "17", json!({"id": "1"}));
    let expected = of(&[("17", "1", "won"), ("17", "@", "new")]);
    every_order(&[claim, by_email, named], |facts| assert_eq!(stages(facts), expected));
}

#[test]
fn given_a_stage_filter_then_it_sees_what_was_said_of_a_name() {
    let tenant = fold(&[
        event("email_sent", 1, "17", json!({"id": "1"})),
        event("email_sent", 2, "17", json!({"id": "2"})),
        staged(3, json!({"id": "1"}), "quoting"),
    ]);
    let filter = LeadFilter { stage: Some(Stage::Quoting), ..LeadFilter::default() };
    let page = tenant.lead_list().page(0, &filter, None, 50);
    assert_eq!(page.items.iter().map(|lead| lead.lead_id.as_str()).collect::<Vec<_>>(), ["1"]);
    assert!(page.items[0].last_event_at.starts_with("2025-10-01"), "a person's word is no event of the lead");
}

#[test]
fn d3_given_a_stage_in_place_or_by_name_then_neither_is_an_event_unless_there_is_nothing_else() {
    let in_place = |day| {
        let body = json!({"instance": "i.example", "workspace": "17", "lead": {"id": "1"}, "stage": "won"});
        given("lead_staged", at(&format!("2025-10-{day:02}T12:00:00Z")), body)
    };
    let times = |facts: &[Given]| {
        let lead = fold(facts).lead_list().page(0, &LeadFilter::default(), None, 50).items.remove(0);
        [lead.first_event_at, lead.last_event_at].map(|at| at[..10].to_owned())
    };
    every_order(&[in_place(2), in_place(6)], |facts| assert_eq!(times(facts), ["2025-10-02", "2025-10-06"]));
    let lead = json!({"id": "1"});
    let facts =
        [in_place(2), event("email_sent", 4, "17", lead.clone()), in_place(6), staged(1, lead, "lost")];
    every_order(&facts, |facts| assert_eq!(times(facts), ["2025-10-04", "2025-10-04"]));
}

fn lead() -> impl Strategy<Value = Value> {
    let id = prop::option::of(prop::sample::select(vec!["1", "2"]));
    let email = prop::option::of(prop::sample::select(vec!["a@x.example", "b@x.example"]));
    (id, email).prop_map(|(id, email)| match (id, email) {
        (None, None) => json!({"id": "1"}),
        (id, email) => json!({"id": id, "email": email}),
    })
}

/// Few leads with many claims on their names.
fn claimed() -> impl Strategy<Value = Vec<Given>> {
    let kinds = prop::sample::select(vec!["email_sent", "lead_replied", "lead_interested", "email_bounced"]);
    let events = (kinds, 1u32..9, prop::sample::select(vec!["17", "18"]), lead())
        .prop_map(|(kind, day, place, lead)| event(kind, day, place, lead));
    let stages = prop::sample::select(vec!["interested", "quoting", "follow_up", "won", "lost"]);
    let claims = (1u32..9, lead(), stages).prop_map(|(day, lead, stage)| staged(day, lead, stage));
    prop::collection::vec(prop_oneof![events, claims], 0..14)
}

fn shuffled() -> impl Strategy<Value = (Vec<Given>, Vec<Given>)> {
    claimed().prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn given_claims_on_names_when_facts_come_in_any_order_then_the_same_is_served((there, back) in shuffled()) {
        prop_assert_eq!(served(&fold(&there)), served(&fold(&back)));
    }

    #[test]
    fn given_claims_on_names_when_folded_live_or_from_lanes_then_nothing_differs(
        facts in claimed(), shards in 1usize..5, order in Just(vec![0, 1, 2, 3]).prop_shuffle(), cut in 0usize..14,
    ) {
        let (log, live) = (recorded(&facts), fold(&facts));
        let whole = rebuilt(&facts, &log, shards, &order);
        prop_assert_eq!(live.digests("acme"), whole.digests("acme"));
        prop_assert_eq!(served(&live), served(&whole));
        let cut = cut.min(facts.len());
        let mut from_cut = rebuilt(&facts[..cut], &log[..cut], shards, &order);
        log[cut..].iter().for_each(|fact| from_cut.apply(fact));
        prop_assert_eq!(live.digests("acme"), from_cut.digests("acme"));
        prop_assert_eq!(served(&live), served(&from_cut));
    }
}

#[test]
fn null_control_a_claim_that_is_lost_before_its_lead_comes_is_seen() {
    let base = event("lead_replied", 1, "17", json!({"id": "1", "email": "a@x.example"}));
    for named in [json!({"id": "1"}), json!({"email": "a@x.example"})] {
        let claim = staged(2, named, "won");
        // A fold that forgets a claim which no lead has yet is one of the lead alone.
        assert_ne!(served(&fold(&[claim.clone(), base.clone()])), served(&fold(std::slice::from_ref(&base))));
        assert_eq!(stages(std::slice::from_ref(&base)), of(&[("17", "1", "replied")]));
    }
}
