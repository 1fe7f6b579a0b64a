//! Laws of contributions (I10, E2): every figure that is counted or summed is the sum of what the rows contribute, and
//! the facts that a row names are those it was folded from, no more and no fewer.

mod by_hand;
mod facts;

use domain::rules::configuration::Timeline;
use projections::entity::{Entity, Folded};
use projections::figures::{Amount, CellSpan, Measure, Share};
use projections::tenant::Tenant;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;

use self::by_hand::{contributed, served, summed};
use self::facts::law_of_facts;
use crate::common::{Given, TENANT, at, cases, given, history, live, recorded};

fn report() -> impl Strategy<Value = Given> {
    let kinds = prop::sample::select(vec!["report_drafted", "report_published", "report_withdrawn"]);
    let of = prop::sample::select(vec![("R1", "2025-10"), ("R2", "2025-10-06")]);
    (kinds, of, 0i64..4).prop_map(|(kind, (report, period), hour)| {
        let when = domain::members::Instant(at("2025-11-09T00:00:00Z").0 + hour * 3_600_000_000);
        given(kind, when, json!({"report_id": report, "period": period, "narrative": format!("{hour}")}))
    })
}

/// Facts that every entity of the table folds some of, in any order.
pub fn everything() -> impl Strategy<Value = Vec<Given>> {
    let rest = (crate::crm::rules(), crate::crm::runs(true), prop::collection::vec(report(), 0..6));
    (history(), rest).prop_flat_map(|(history, (rules, runs, reports))| {
        let facts = [history, vec![rules], runs, reports, crate::evidence::history()].concat();
        Just(facts).prop_shuffle()
    })
}

/// Holds a law for every entity: a new one in the table does not compile until it stands here, too.
macro_rules! every_entity {
    ($tenant:expr, $law:expr) => {{
        let Tenant {
            profile: _,
            calls,
            leads,
            sessions,
            conflicts,
            quarantine,
            alerts,
            crm,
            notes,
            reports,
            sender_accounts,
            spend,
            targets,
            call_requests,
            voids,
        } = $tenant;
        $law(calls)?;
        $law(leads)?;
        $law(sessions)?;
        $law(conflicts)?;
        $law(quarantine)?;
        $law(alerts)?;
        $law(crm)?;
        $law(notes)?;
        $law(reports)?;
        $law(sender_accounts)?;
        $law(spend)?;
        $law(targets)?;
        $law(call_requests)?;
        $law(voids)?;
    }};
}

fn moved_figures_are_sums<E: Entity>(folded: &Folded<E>, timeline: &Timeline) -> Result<(), TestCaseError> {
    let summed = summed(&folded.rows, folded.rows.row_ids(), timeline);
    let [moved, summed] =
        [&folded.figures, &summed].map(|figures| folded.rows.digest_figures(TENANT, figures));
    prop_assert_eq!(moved, summed, "{}", E::NAME);
    Ok(())
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn i10_given_any_history_when_rows_are_summed_then_the_figures_that_were_moved_live_are_these(facts in everything()) {
        let tenant = live(&recorded(&facts));
        let timeline = &tenant.profile.timeline;
        every_entity!(&tenant, |folded| moved_figures_are_sums(folded, timeline));
    }

    #[test]
    fn i10_given_any_history_when_contributions_are_summed_by_hand_then_they_are_what_is_served(facts in everything()) {
        let tenant = live(&recorded(&facts));
        prop_assert_eq!(contributed(&tenant, |_| {}), served(&tenant));
    }

    #[test]
    fn e2_given_any_history_when_a_rows_facts_are_folded_alone_then_they_give_the_row(facts in everything()) {
        law_of_facts(&facts, |facts| facts)?;
    }
}

pub fn is_caught<S: Strategy>(strategy: S, law: impl Fn(S::Value) -> Result<(), TestCaseError>) -> bool {
    let config = ProptestConfig { max_shrink_iters: 0, ..cases(64) };
    TestRunner::new(config).run(&strategy, law).is_err()
}

#[test]
fn null_control_a_bent_contribution_is_seen() {
    let bends: [fn(&mut Share); 3] = [
        |share| {
            if let Amount::Call { amounts, .. } = &mut share.amount {
                amounts[3].1 += 1;
            }
        },
        |share| {
            if let (CellSpan::DayAlone(day), Amount::One(Measure::UniqueReplies)) = (share.span, share.amount)
            {
                share.span = CellSpan::Day(day);
            }
        },
        |share| {
            if let Amount::Spend(_, minor) = &mut share.amount {
                *minor -= 1;
            }
        },
    ];
    for bend in bends {
        assert!(is_caught(everything(), |facts| {
            let tenant = live(&recorded(&facts));
            prop_assert_eq!(contributed(&tenant, bend), served(&tenant));
            Ok(())
        }));
    }
}

#[test]
fn null_control_a_fact_that_a_row_does_not_name_or_names_too_much_is_seen() {
    let first_left_out = |facts: Vec<u64>| facts.into_iter().skip(1).collect();
    assert!(is_caught(everything(), |facts| law_of_facts(&facts, first_left_out)));
    let one_more = |facts: Vec<u64>| facts.iter().flat_map(|fact| [*fact, fact + 1]).collect();
    assert!(is_caught(everything(), |facts| law_of_facts(&facts, one_more)));
}
