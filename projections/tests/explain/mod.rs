//! Laws of explaining (E2): what subjects add to a figure, and what their facts did one after the other, both sum to the
//! figure as it is served, for every counted and summed field at any moment.

mod verdicts;

use std::collections::BTreeSet;

use domain::facts::report::TargetMetric;
use domain::members::{Day, Month};
use projections::Recorded;
use projections::explain::model::{ExplainedModel, FigureName, FigureSelection, NOBODY};
use projections::explain::moves::FigureMove;
use projections::explain::question::Question;
use projections::explain::reasons::NotCounted;
use projections::explain::refold::{Refold, StateRefold};
use projections::explain::subjects::SubjectId;
use projections::explain::tally::FigureTally;
use projections::explain::{fields, served};
use projections::figures::leaderboard::LeaderboardPeriod;
use projections::tenant::Tenant;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::Value;

use crate::common::{at, cases, live, recorded};
use crate::contributions::{everything, is_caught};

pub const NOW: &str = "2025-11-01T12:00:00Z";

/// Rows of every model.
pub fn selections() -> Vec<(ExplainedModel, FigureSelection)> {
    let agents = [None, Some("ann@example.com"), Some("bob@example.com"), Some(NOBODY)];
    let day = |text| Day::parse(text);
    let mut all = Vec::new();
    for agent in agents.map(|agent| agent.map(str::to_owned)) {
        for month in ["2025-03", "2025-10", "2025-11"] {
            let month = Month::parse(month);
            let selection = FigureSelection { month, agent: agent.clone(), ..FigureSelection::default() };
            all.push((ExplainedModel::Month, selection));
        }
        for text in ["2025-03-30", "2025-10-31", "2025-11-01", "2025-11-02"] {
            let selection =
                FigureSelection { day: day(text), agent: agent.clone(), ..FigureSelection::default() };
            all.push((ExplainedModel::Days, selection));
        }
        if agent.is_some() && agent.as_deref() != Some(NOBODY) {
            for (from, to) in
                [(None, None), (day("2025-10-31"), None), (day("2025-03-01"), day("2025-10-31"))]
            {
                let selection =
                    FigureSelection { from, to, agent: agent.clone(), ..FigureSelection::default() };
                all.push((ExplainedModel::Agents, selection));
            }
        }
    }
    for session in ["S1", "S2"] {
        let session_id = Some(session.to_owned());
        all.push((ExplainedModel::Sessions, FigureSelection { session_id, ..FigureSelection::default() }));
    }
    for stage in [None, Some("New Lead"), Some("FA Sent")] {
        let selection = FigureSelection { stage: stage.map(str::to_owned), ..FigureSelection::default() };
        all.push((ExplainedModel::Pipeline, selection));
    }
    for (source, status) in [(None, None), (Some("Unknown"), None), (None, Some("new lead"))] {
        let [source, status] = [source, status].map(|text| text.map(str::to_owned));
        all.push((ExplainedModel::Leads, FigureSelection { source, status, ..FigureSelection::default() }));
    }
    all.push((ExplainedModel::SenderAccounts, FigureSelection::default()));
    for (provider, text) in
        [(None, "2025-10-31"), (Some("Gmail"), "2025-10-31"), (Some("Gmail"), "2025-11-01")]
    {
        let email_provider = provider.map(str::to_owned);
        let selection = FigureSelection { day: day(text), email_provider, ..FigureSelection::default() };
        all.push((ExplainedModel::ProviderPerformance, selection));
    }
    for id in ["CA1", "CA2", "CA3"] {
        let selection = FigureSelection { call_id: Some(id.to_owned()), ..FigureSelection::default() };
        all.push((ExplainedModel::Calls, selection));
    }
    for id in ["1", "2", "3"] {
        let selection = FigureSelection { lead_id: Some(id.to_owned()), ..FigureSelection::default() };
        all.push((ExplainedModel::OutreachLeads, selection));
    }
    for period in LeaderboardPeriod::ALL {
        let (period, date) = (Some(*period), day("2025-10-31"));
        let agent = Some("ann@example.com".to_owned());
        let selection = FigureSelection { period, date, agent, ..FigureSelection::default() };
        all.push((ExplainedModel::Leaderboard, selection));
    }
    for metric in TargetMetric::ALL {
        let (month, metric) = (Month::parse("2025-10"), Some(*metric));
        all.push((ExplainedModel::Targets, FigureSelection { month, metric, ..FigureSelection::default() }));
    }
    all
}

/// What the facts of the tally's subjects did to it, each subject folded again.
fn told(
    tenant: &Tenant,
    tally: &FigureTally,
    log: &[Recorded<'_>],
    bend: i128,
) -> Result<i128, TestCaseError> {
    let mut sum = 0;
    for subject in tally.subjects(tenant) {
        let mut refold = Refold::new(tally, &tenant.profile.timeline);
        let facts = subject.id.facts(tenant);
        prop_assert!(facts.contains(&subject.first), "{:?} of {:?}", subject, facts);
        let is_mailbox = matches!(subject.id, SubjectId::Mailbox(_));
        let mut folded = |at: &u64| {
            let fact = &log[*at as usize - 1];
            let delta = refold.step(fact);
            let reason = if is_mailbox { refold.reason(fact) } else { NotCounted::default() };
            (*at, FigureMove { delta, reason })
        };
        let folded: Vec<_> = facts.iter().map(&mut folded).collect();
        // A record counts with its whole snapshot, and is not folded alone.
        let is_record = matches!(subject.id, SubjectId::Record(_));
        let refolded =
            if is_record { subject.amount } else { folded.iter().map(|(_, moved)| moved.delta).sum() };
        prop_assert_eq!(refolded, subject.amount, "{:?} of {:?}", subject, tally);
        let moves = tally.moves(tenant, subject.id, false);
        match (subject.id, &moves) {
            (SubjectId::Account(_), Some(moves)) => {
                let moves: Vec<_> = moves.iter().map(|(at, moved)| (*at, moved.delta)).collect();
                let folded = folded.into_iter().map(|(at, moved)| (at, moved.delta));
                let folded: Vec<_> = folded.filter(|(_, delta)| *delta != 0).collect();
                prop_assert_eq!(moves, folded, "{:?} of {:?}", subject, tally);
            }
            (SubjectId::Mailbox(_), Some(moves)) => {
                prop_assert_eq!(moves, &folded, "{:?} of {:?}", subject, tally);
            }
            _ => {}
        }
        let moved = |moves: Vec<(u64, FigureMove)>| moves.iter().map(|(_, moved)| moved.delta).sum();
        let of_subject = moves.map_or(refolded, moved) + bend;
        prop_assert_eq!(of_subject, subject.amount, "{:?} of {:?}", subject, tally);
        if subject.amount == 0 {
            let why = tally.why_not(tenant, subject.id);
            prop_assert!(why.code != "rules_satisfied" && !why.code.is_empty(), "{:?} {:?}", why, tally);
            prop_assert!(!why.reason.is_empty());
        }
        sum += of_subject;
    }
    Ok(sum)
}

/// Holds for the facts that a moment knows, of those of the log.
fn figures_are_explained(
    known: &[Recorded<'_>],
    log: &[Recorded<'_>],
    bend: i128,
) -> Result<(), TestCaseError> {
    let tenant = live(known);
    for (model, selection) in selections() {
        for field in fields::names(model, &selection) {
            let question = Question::new(model.as_str(), &field, selection.clone())
                .map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
            // Nothing is known of it yet, or ever.
            let Some(value) = question.value(&tenant, at(NOW)) else { continue };
            match (question.tally(), question.state()) {
                (Some(tally), _) => {
                    let sum = told(&tenant, tally, log, bend)?;
                    let served = if value.is_null() { Some(0) } else { value.as_i64() };
                    prop_assert_eq!(Some(sum), served.map(i128::from), "{:?}", question.name());
                }
                (None, Some(subject)) => {
                    let mut refold = StateRefold::new(&question, &tenant.profile.timeline, at(NOW));
                    let facts = subject.facts(&tenant).into_iter();
                    let last = facts.map(|position| refold.step(&log[position as usize - 1]).1).last();
                    prop_assert_eq!(last.unwrap_or_default(), value, "{:?}", question.name());
                }
                (None, None) => {
                    let formula = question.formula(&tenant, at(NOW)).expect("a formula");
                    prop_assert!(!formula.text.is_empty());
                    for input in formula.inputs {
                        let name = input.figure;
                        let again = Question::new(name.model, &name.field, selected_by(&name));
                        let again = again.expect("an input can be explained").value(&tenant, at(NOW));
                        prop_assert_eq!(again, Some(input.value), "{:?}", name.field);
                    }
                }
            }
        }
    }
    Ok(())
}

/// The selection that an input's name gives.
fn selected_by(name: &FigureName) -> FigureSelection {
    let given = name.selection.iter().map(|(name, value)| (*name, value.as_str()));
    FigureSelection::parse(given).expect("a selection reads back")
}

proptest! {
    #![proptest_config(cases(10))]

    #[test]
    fn e2_given_any_history_when_figures_are_explained_then_deltas_sum_to_what_is_served_at_any_moment(
        facts in everything(),
        cut in any::<prop::sample::Index>(),
    ) {
        let log = recorded(&facts);
        figures_are_explained(&log, &log, 0)?;
        figures_are_explained(&log[..cut.index(log.len() + 1)], &log, 0)?;
        // As of what had happened by a time: configuration is never left out.
        let until = at("2025-10-31T23:00:00Z");
        let had_happened = |fact: &&Recorded<'_>| {
            fact.occurred_at <= until || matches!(fact.fact, domain::facts::Fact::Tenant(_))
        };
        let known: Vec<_> = log.iter().filter(had_happened).copied().collect();
        figures_are_explained(&known, &log, 0)?;
    }
}

#[test]
fn null_control_a_bent_delta_is_seen() {
    assert!(is_caught(everything(), |facts| {
        let log = recorded(&facts);
        figures_are_explained(&log, &log, 1)
    }));
}

/// Every number and null of a row as served has a field that explains it.
fn leaves(value: &Value, name: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let name = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
                leaves(value, &name, found);
            }
        }
        Value::Array(_) | Value::String(_) | Value::Bool(_) => {}
        Value::Null | Value::Number(_) => found.push(name.to_owned()),
    }
}

#[test]
fn e2_every_figure_of_a_row_can_be_asked_for() {
    let runner = &mut proptest::test_runner::TestRunner::deterministic();
    let facts =
        prop::collection::vec(everything(), 6).new_tree(runner).expect("a history").current().concat();
    let tenant = live(&recorded(&facts));
    let (mut seen, mut unknown) = (0, BTreeSet::new());
    for (model, selection) in selections() {
        let Some(row) = served::row(&tenant, model, &selection, at(NOW)) else { continue };
        let mut fields = Vec::new();
        leaves(&row, "", &mut fields);
        for field in fields.iter().filter(|field| !field.is_empty() && !NO_FIGURES.contains(&field.as_str()))
        {
            if Question::new(model.as_str(), field, selection.clone()).is_err() {
                unknown.insert(format!("{field} of {}", model.as_str()));
            }
            seen += 1;
        }
    }
    assert_eq!(unknown, BTreeSet::new());
    assert!(seen > 500, "only {seen} fields");
}

/// Members that say of what a row is.
const NO_FIGURES: &[&str] = &[
    "position",
    "from",
    "to",
    "agent",
    "email_provider",
    "instance",
    "workspace",
    "last_called_at",
    "call_count",
];
