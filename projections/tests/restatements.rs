//! Restatements (E4): what changed in closed months, from what to what, when and why.

use std::collections::BTreeMap;

use crate::common::{Given, at, configured, facts, given};
use domain::facts::Fact;
use domain::facts::import::ImportFact;
use domain::members::{Instant, Month};
use projections::Recorded;
use projections::figures::restatements::{ImportRun, RestatementCause, RestatementItem, RestatementTracker};
use projections::tenant::Tenant;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000_000;

/// A fact with when it was recorded.
type Known = (Given, Instant);

fn recorded(facts: &[Known]) -> Vec<Recorded<'_>> {
    let one =
        |(position, (given, recorded_at)): (u64, &'_ Known)| (position, given.occurred_at, *recorded_at);
    (1..)
        .zip(facts)
        .map(|numbered| {
            let (position, occurred_at, recorded_at) = one(numbered);
            let given = &numbered.1.0;
            let content = given.content;
            Recorded { position, content_at: position, recorded_at, occurred_at, content, fact: &given.fact }
        })
        .collect()
}

fn tracker(facts: &[Recorded<'_>]) -> RestatementTracker {
    let mut tracker = RestatementTracker::default();
    facts.iter().for_each(|fact| tracker.apply(fact));
    tracker
}

/// Every row, page by page.
fn rows(tracker: &RestatementTracker) -> Vec<RestatementItem> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = tracker.page(None, after.as_ref(), 7);
        items.extend(page.items);
        match page.next_cursor {
            Some(next) => after = Some(next.parse().unwrap()),
            None => return items,
        }
    }
}

fn call(id: &str, seconds: u32, happened: &str, learned: &str) -> Known {
    let body = json!({"call_id": id, "status": "completed", "answered": true, "duration_seconds": seconds,
        "agent": "ann@example.com"});
    (given("call_reported", at(happened), body), at(learned))
}

/// Old, new, causes and positions of one figure, by day of recording, the latest first.
fn of(tracker: &RestatementTracker, month: &str, figure: &str) -> Vec<(String, Value, Value, u64, Vec<u64>)> {
    let found = rows(tracker).into_iter().filter(|row| row.month == month && row.figure == figure);
    found.map(|row| (row.recorded_on, row.old, row.new, row.causes, row.positions)).collect()
}

#[test]
fn e4_given_late_facts_when_the_month_is_over_then_old_and_new_by_day_with_their_causes() {
    let facts = [
        call("a", 45, "2025-10-09T12:00:00Z", "2025-10-09T12:00:00Z"),
        call("b", 45, "2025-10-10T12:00:00Z", "2025-11-01T00:59:59Z"),
        call("c", 45, "2025-10-10T12:00:00Z", "2025-11-01T01:00:00Z"),
        call("d", 10, "2025-10-11T12:00:00Z", "2025-11-01T09:00:00Z"),
        call("now", 45, "2025-11-01T10:00:00Z", "2025-11-01T10:00:00Z"),
        call("e", 50, "2025-10-12T12:00:00Z", "2025-11-03T09:00:00Z"),
    ];
    let tracker = tracker(&recorded(&facts));
    let calls = [
        ("2025-11-03".to_owned(), json!(4), json!(5), 1, vec![6]),
        ("2025-11-01".to_owned(), json!(2), json!(4), 2, vec![3, 4]),
    ];
    assert_eq!(of(&tracker, "2025-10", "calls"), calls, "until an hour after its end a month is not closed");
    let qualified = [
        ("2025-11-03".to_owned(), json!(3), json!(4), 1, vec![6]),
        ("2025-11-01".to_owned(), json!(2), json!(3), 1, vec![3]),
    ];
    assert_eq!(of(&tracker, "2025-10", "qualified"), qualified);
    let by_agent = of(&tracker, "2025-10", "by_agent[ann@example.com].talk_seconds");
    assert_eq!(by_agent[1], ("2025-11-01".to_owned(), json!(90), json!(145), 2, vec![3, 4]));
    assert!(rows(&tracker).iter().all(|row| row.month == "2025-10"), "the current month is not restated");
}

#[test]
fn e4_given_a_tenant_that_began_later_when_it_is_filled_back_then_its_earlier_months_are_not_restated() {
    let facts = [
        call("a", 45, "2025-08-09T12:00:00Z", "2025-10-01T00:00:00Z"),
        call("b", 45, "2025-09-09T12:00:00Z", "2025-10-20T00:00:00Z"),
        call("c", 45, "2025-10-09T12:00:00Z", "2025-11-20T00:00:00Z"),
    ];
    let tracker = tracker(&recorded(&facts));
    assert_eq!(of(&tracker, "2025-10", "calls"), [("2025-11-20".into(), json!(0), json!(1), 1, vec![3])]);
    assert!(rows(&tracker).iter().all(|row| row.month == "2025-10"));
}

#[test]
fn e4_given_a_tenant_that_by_its_first_configuration_began_in_a_month_that_is_over_elsewhere_then_it_is_watched()
 {
    let configured = json!({"name": "A", "timezone": "America/New_York"});
    let facts = [
        // At UTC it is February already, in New York not yet.
        call("a", 45, "2025-01-20T12:00:00Z", "2025-02-01T00:00:00Z"),
        call("b", 45, "2025-01-21T12:00:00Z", "2025-02-01T01:00:00Z"),
        (given("tenant_configured", at("2025-02-01T02:00:00Z"), configured), at("2025-02-01T02:00:00Z")),
        call("c", 45, "2025-01-22T12:00:00Z", "2025-02-01T06:00:00Z"),
    ];
    let tracker = tracker(&recorded(&facts));
    assert_eq!(of(&tracker, "2025-01", "calls"), [("2025-02-01".into(), json!(2), json!(3), 1, vec![4])]);
}

#[test]
fn e4_given_a_rule_that_reaches_back_when_configured_then_the_months_it_restates_are_listed_with_it_as_cause()
{
    let configured = |seconds, learned: &str| {
        let body = json!({"name": "A", "timezone": "America/New_York", "effective_from": "2025-10-01",
            "rules": {"qualified_min_seconds": seconds}});
        (given("tenant_configured", at(learned), body), at(learned))
    };
    let facts = [
        configured(30, "2025-10-01T12:00:00Z"),
        call("a", 45, "2025-10-09T12:00:00Z", "2025-10-09T12:00:00Z"),
        // 31 October there.
        call("b", 70, "2025-11-01T03:00:00Z", "2025-11-01T03:00:00Z"),
        configured(60, "2025-12-02T04:30:00Z"),
        configured(30, "2025-12-02T20:00:00Z"),
        configured(60, "2025-12-03T06:00:00Z"),
    ];
    let tracker = tracker(&recorded(&facts));
    let expected = [
        ("2025-12-03".to_owned(), json!(2), json!(1), 1, vec![6]),
        ("2025-12-02".to_owned(), json!(1), json!(2), 1, vec![5]),
        ("2025-12-01".to_owned(), json!(2), json!(1), 1, vec![4]),
    ];
    assert_eq!(of(&tracker, "2025-10", "qualified"), expected, "days of recording are local");
    assert!(of(&tracker, "2025-10", "calls").is_empty(), "what a rule does not change is not listed");
}

#[test]
fn e4_given_a_late_fact_and_a_rule_of_one_day_then_the_figure_has_a_row_of_each() {
    let configured = |seconds, learned: &str| {
        let body = json!({"name": "A", "timezone": "UTC", "effective_from": "2025-10-01",
            "rules": {"qualified_min_seconds": seconds}});
        (given("tenant_configured", at(learned), body), at(learned))
    };
    let facts = [
        configured(30, "2025-10-01T12:00:00Z"),
        call("a", 45, "2025-10-09T12:00:00Z", "2025-10-09T12:00:00Z"),
        call("b", 70, "2025-10-10T12:00:00Z", "2025-12-01T10:00:00Z"),
        configured(60, "2025-12-01T11:00:00Z"),
        call("c", 80, "2025-10-11T12:00:00Z", "2025-12-01T12:00:00Z"),
    ];
    let found = rows(&tracker(&recorded(&facts)));
    let qualified = found.iter().filter(|row| row.figure == "qualified");
    let told: Vec<_> = qualified.map(|row| (row.cause, &row.old, &row.new, row.positions.clone())).collect();
    let expected = [
        (RestatementCause::Data, &json!(1), &json!(2), vec![3, 5]),
        (RestatementCause::Rule, &json!(2), &json!(1), vec![4]),
    ];
    assert_eq!(told, expected);
}

#[test]
fn e4_given_an_import_when_it_ends_then_only_months_that_it_filled_are_closed() {
    let end = json!({"file": "0f", "bytes": 1, "lines": 1, "recorded": 1, "duplicates": 0, "conflicts": 0,
        "rejected": 0, "lowest_position": 2, "first_position": 2, "last_position": 2});
    let facts = [
        // Came by itself: of its month nothing was imported.
        call("stray", 45, "2025-07-09T12:00:00Z", "2025-12-01T08:00:00Z"),
        call("a", 45, "2025-08-09T12:00:00Z", "2025-12-01T09:00:00Z"),
        (given("import_finished", at("2025-12-01T09:00:01Z"), end), at("2025-12-01T09:00:01Z")),
        call("b", 45, "2025-07-10T12:00:00Z", "2025-12-01T10:00:00Z"),
        call("c", 45, "2025-08-10T12:00:00Z", "2025-12-01T10:00:00Z"),
    ];
    let log = recorded(&facts);
    let ends = log.iter().filter_map(|fact| match fact.fact {
        Fact::Import(ImportFact::Finished(end)) => Some(ImportRun::new(fact.position, end)),
        _ => None,
    });
    let told = |runs: Vec<ImportRun>| {
        let mut tracker = RestatementTracker::default();
        tracker.expect(runs);
        for fact in &log {
            match fact.fact {
                Fact::Import(_) => tracker.pass(fact.position, fact.recorded_at),
                _ => tracker.apply(fact),
            }
        }
        ["2025-07", "2025-08"].map(|month| of(&tracker, month, "calls"))
    };
    let august = ("2025-12-01".to_owned(), json!(1), json!(2), 1, vec![5]);
    assert_eq!(told(ends.collect()), [vec![], vec![august]]);
    assert_eq!(told(vec![]), [vec![], vec![]], "null control: without its end nothing is closed");
}

#[test]
fn e4_given_a_call_that_moves_when_its_start_is_learned_late_then_both_months_are_restated() {
    let mut early = call("a", 45, "2025-10-31T12:00:00Z", "2025-12-05T12:00:00Z");
    let body = json!({"call_id": "a", "status": "completed", "started_at": "2025-10-31T12:00:00Z"});
    early.0 = given("call_reported", at("2025-11-03T13:00:00Z"), body);
    let facts = [
        call("first", 45, "2025-10-01T12:00:00Z", "2025-10-01T12:00:00Z"),
        call("a", 45, "2025-11-03T12:00:00Z", "2025-11-03T12:00:00Z"),
        early,
    ];
    let tracker = tracker(&recorded(&facts));
    assert_eq!(of(&tracker, "2025-10", "calls"), [("2025-12-05".into(), json!(1), json!(2), 1, vec![3])]);
    assert_eq!(of(&tracker, "2025-11", "calls"), [("2025-12-05".into(), json!(1), json!(0), 1, vec![3])]);
    let nobody = of(&tracker, "2025-11", "by_agent[ann@example.com].calls");
    assert_eq!(nobody, [("2025-12-05".into(), json!(1), json!(0), 1, vec![3])]);
}

#[test]
fn e4_given_spend_that_is_read_again_then_the_old_month_is_restated_once() {
    let spent = |minor: i64, read: &str| {
        let body = json!({"source": "meta", "account_id": "1", "date": "2025-10-31", "amount_minor": minor,
            "currency": "USD"});
        (given("ad_spend_observed", at(read), body), at(read))
    };
    let facts = [
        call("a", 45, "2025-10-31T12:00:00Z", "2025-10-31T12:00:00Z"),
        spent(50_000, "2025-10-31T20:00:00Z"),
        spent(50_000, "2025-11-02T06:00:00Z"),
        spent(54_000, "2025-11-02T07:00:00Z"),
    ];
    let tracker = tracker(&recorded(&facts));
    let restated = [("2025-11-02".to_owned(), json!(50_000), json!(54_000), 1, vec![4])];
    assert_eq!(of(&tracker, "2025-10", "ad_spend_minor.USD"), restated);
    assert_eq!(of(&tracker, "2025-10", "cost_per_qualified_call_minor.USD"), restated);
    assert_eq!(rows(&tracker).len(), 2, "{:?}", rows(&tracker));
}

/// Facts in the order in which they are learned, over half a year; the first in January.
fn known() -> impl Strategy<Value = Vec<Known>> {
    let any = (facts(), prop::collection::vec(configured(), 0..3));
    any.prop_flat_map(|(facts, configured)| {
        let facts = [facts, configured].concat();
        let hours = prop::collection::vec(0..8_000i64, facts.len());
        (Just(facts).prop_shuffle(), hours)
    })
    .prop_map(|(facts, mut hours)| {
        hours.sort_unstable();
        let learned = hours.into_iter().map(|hours| Instant(at("2025-01-15T00:00:00Z").0 + hours * HOUR));
        facts.into_iter().zip(learned).collect()
    })
}

fn month_of(tenant: &Tenant, month: Month) -> Value {
    let mut figures = serde_json::to_value(tenant.month(0, month, Instant(0))).unwrap();
    // The zone that cuts the month is no figure of it, nor are its targets.
    let members = figures.as_object_mut().unwrap();
    members.retain(|name, _| name != "timezone" && name != "targets");
    figures
}

fn member<'v>(figures: &'v Value, name: &str) -> Option<&'v Value> {
    let Some(rest) = name.strip_prefix("by_agent[") else {
        return name.split('.').try_fold(figures, |value, name| value.get(name));
    };
    let (agent, figure) = rest.split_once("].").unwrap();
    let rows = figures["by_agent"].as_array().unwrap();
    rows.iter()
        .find(|row| row["agent"].as_str().unwrap_or_default() == agent)
        .and_then(|row| figure.split('.').try_fold(row, |value, name| value.get(name)))
}

/// By an independent way: every month's answer when it closed, and now; rows lead from the one to the other, and
/// where there are none nothing changed.
fn rows_lead_from_close_to_now(facts: &[Known], tracker: &RestatementTracker) -> Result<(), TestCaseError> {
    let log = recorded(facts);
    let (mut tenant, mut at_close) = (Tenant::default(), BTreeMap::new());
    let Some(first) = log.first() else { return Ok(()) };
    for fact in &log {
        let zone = tenant.profile.timeline.latest().zone;
        for month in Month::parse("2025-01").unwrap().0..=Month::parse("2026-01").unwrap().0 {
            let end = zone.start_of(Month(month + 1).first());
            if first.recorded_at < end && end.0 + HOUR <= fact.recorded_at.0 {
                at_close.entry(month).or_insert_with(|| month_of(&tenant, Month(month)));
            }
        }
        tenant.apply(fact);
    }
    let mut days: BTreeMap<(String, String, String), Vec<RestatementItem>> = BTreeMap::new();
    for row in rows(tracker) {
        prop_assert!(row.causes >= 1 && row.positions.len() as u64 == row.causes.min(50), "{:?}", row);
        for position in &row.positions {
            let is_rule = matches!(log[*position as usize - 1].fact, Fact::Tenant(_));
            prop_assert_eq!(row.cause, if is_rule { RestatementCause::Rule } else { RestatementCause::Data });
        }
        days.entry((row.month.clone(), row.figure.clone(), row.recorded_on.clone())).or_default().push(row);
    }
    let mut explained: BTreeMap<(String, String), (Value, Value)> = BTreeMap::new();
    for ((month, figure, _), rows) in days {
        // Of one day there is a row for facts and one for rules, which may take turns.
        let first = rows.iter().min_by_key(|row| row.positions.first()).expect("a row");
        let last = rows.iter().max_by_key(|row| row.positions.last()).expect("a row");
        match explained.get_mut(&(month.clone(), figure.clone())) {
            None => drop(explained.insert((month, figure), (first.old.clone(), last.new.clone()))),
            Some((_, before)) => {
                prop_assert_eq!(&*before, &first.old, "a day goes on where the one before ended: {:?}", rows);
                *before = last.new.clone();
            }
        }
    }
    for ((month, figure), (old, new)) in &explained {
        let month = Month::parse(month).unwrap();
        let value =
            |figures: &Value| member(figures, figure).cloned().unwrap_or_else(|| absent(figure, old, new));
        prop_assert_eq!(&value(&at_close[&month.0]), old, "{} {} at close", month, figure);
        prop_assert_eq!(&value(&month_of(&tenant, month)), new, "{} {} now", month, figure);
    }
    let plain =
        ["calls", "answered", "qualified", "emails_sent", "unique_replies", "positive_replies", "reply_rate"];
    for (month, closed) in &at_close {
        let now = month_of(&tenant, Month(*month));
        for figure in plain.iter().filter(|figure| closed[**figure] != now[**figure]) {
            let key = (Month(*month).to_string(), (*figure).to_owned());
            prop_assert!(explained.contains_key(&key), "{:?} changed and is not listed", key);
        }
    }
    Ok(())
}

fn absent(figure: &str, old: &Value, new: &Value) -> Value {
    let is_count = figure.starts_with("outcomes.") || figure.starts_with("by_agent[");
    if is_count && (old.is_i64() || new.is_i64()) { 0.into() } else { Value::Null }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn e4_given_any_history_then_rows_lead_from_what_a_month_closed_with_to_what_it_is(facts in known()) {
        rows_lead_from_close_to_now(&facts, &tracker(&recorded(&facts)))?;
    }

    #[test]
    fn given_a_cut_when_models_of_that_position_are_shared_then_the_ledger_goes_on_as_if_not(
        facts in known(), cut in 0usize..60,
    ) {
        let log = recorded(&facts);
        let cut = cut.min(log.len());
        let mut cut_ledger = tracker(&log[..cut]);
        let mut tenant = Tenant::default();
        log[..cut].iter().for_each(|fact| tenant.apply(fact));
        cut_ledger.share(tenant);
        log[cut..].iter().for_each(|fact| cut_ledger.apply(fact));
        prop_assert_eq!(rows(&cut_ledger), rows(&tracker(&log)));
    }
}

#[test]
fn null_control_a_late_fact_that_the_ledger_does_not_see_breaks_the_law() {
    let config =
        ProptestConfig { max_shrink_iters: 0, cases: 256, failure_persistence: None, ..Default::default() };
    let run = TestRunner::new(config).run(&known(), |facts| {
        let log = recorded(&facts);
        let seen: Vec<_> = log.iter().filter(|fact| fact.position != log.len() as u64).copied().collect();
        rows_lead_from_close_to_now(&facts, &tracker(&seen))
    });
    assert!(matches!(run, Err(TestError::Fail(..))));
}
