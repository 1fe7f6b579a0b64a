//! Every fact has a verdict, and the verdicts of all facts sum to the figures.

use std::collections::BTreeMap;

use projections::Recorded;
use projections::explain::fields;
use projections::explain::model::{ExplainedModel, FigureName};
use projections::explain::question::Question;
use projections::explain::subjects::SubjectId;
use projections::explain::verdict::{self, FigureVerdict, TouchedSubjects};
use projections::tenant::Tenant;
use proptest::prelude::*;

use super::{NOW, selections};
use crate::common::{at, cases, live, recorded};
use crate::contributions::everything;

fn verdicts(tenant: &Tenant, log: &[Recorded<'_>], fact: &Recorded<'_>) -> Vec<FigureVerdict> {
    let touched = TouchedSubjects::of(tenant, fact);
    let facts = |positions: Vec<u64>| -> Vec<Recorded<'_>> {
        positions.into_iter().map(|position| log[position as usize - 1]).collect()
    };
    let mut told = verdict::of_records(tenant, &touched.counted);
    for subject in touched.counted.iter().filter(|subject| !matches!(subject, SubjectId::Record(_))) {
        told.extend(verdict::of_subject(tenant, *subject, &facts(subject.facts(tenant)), fact.position));
    }
    for (state, subject) in touched.states.iter().zip(touched.state_subjects()) {
        told.extend(verdict::of_state(tenant, state, &facts(subject.facts(tenant)), fact.position, at(NOW)));
    }
    told.extend(verdict::of_the_rest(&told, fact.fact, true, None));
    told
}

/// Figures that one fact moves on more days than its own are told of its own day alone; a leaderboard is named by its first
/// day there, and a row of the CRM by the record's spelling.
fn is_whole(name: &FigureName) -> bool {
    let is_of_crm = ["pipeline", "leads"].contains(&name.model);
    name.model != "leaderboard"
        && (name.model, name.field.as_str()) != ("provider_performance", "accounts")
        && (!is_of_crm || name.selection.is_empty())
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn e2_given_any_history_when_every_fact_is_judged_then_none_is_silent_and_all_sum_to_the_figures(
        facts in everything(),
    ) {
        let log = recorded(&facts);
        let tenant = live(&log);
        let mut sums: BTreeMap<FigureName, i128> = BTreeMap::new();
        for fact in &log {
            let told = verdicts(&tenant, &log, fact);
            for model in ExplainedModel::ALL {
                prop_assert!(told.iter().any(|one| one.figure.model == model.as_str()), "{:?} {:?}", model, fact);
            }
            for one in told {
                let says = one.delta.is_some() || one.after.is_some() || (one.counted == Some(false) && one.code.is_some());
                prop_assert!(says, "{:?}", one);
                *sums.entry(one.figure).or_default() += i128::from(one.delta.unwrap_or(0));
            }
        }
        for (model, selection) in selections() {
            for field in fields::names(model, &selection) {
                let question = Question::new(model.as_str(), &field, selection.clone()).unwrap();
                let name = question.name();
                let ranged = selection.from.is_some() || selection.to.is_some();
                let Some(tally) = question.tally().filter(|_| is_whole(&name) && !ranged) else { continue };
                let sum = sums.get(&name).copied().unwrap_or(0);
                prop_assert_eq!(sum, tally.value(&tenant), "{:?}", name);
            }
        }
    }
}
