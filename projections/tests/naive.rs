//! An independent model, written from the text of PRODUCT.md and RULINGS.md over the JSON of the facts: sort
//! everything, go through it once, count by hand. Slow, and it must agree on random histories.

mod leads;

use std::collections::BTreeMap;

use crate::common::{Given, history, lasted, live, recorded, served};
use domain::facts::Fact;
use domain::facts::tenant::TenantFact;
use domain::members::{Day, Instant};
use domain::rules::configuration::Timeline;
use proptest::prelude::*;
use serde_json::{Value, json};

type Counts = BTreeMap<(String, String), i64>;

fn text(body: &Value, member: &str) -> Option<String> {
    body[member].as_str().map(str::to_owned)
}

fn rank(status: &str) -> u8 {
    match status {
        "initiated" => 0,
        "ringing" => 1,
        "in_progress" => 2,
        _ => 3,
    }
}

/// occurred_at, then rank of status or stage, then content digest.
fn sorted<'a>(facts: impl Iterator<Item = &'a Given>) -> Vec<&'a Given> {
    let mut facts: Vec<&Given> = facts.collect();
    facts.sort_by_key(|fact| {
        let rank = match fact.kind {
            "call_reported" => rank(fact.body["status"].as_str().unwrap()),
            "lead_staged" => leads::stage_rank(fact.body["stage"].as_str().unwrap()),
            "lead_replied" => 1,
            "lead_interested" => 2,
            "email_bounced" | "lead_unsubscribed" => 4,
            _ => 0,
        };
        (fact.occurred_at, rank, fact.content[..8].to_vec())
    });
    facts
}

fn timeline(facts: &[Given]) -> Timeline {
    let mut timeline = Timeline::default();
    for fact in recorded(facts) {
        if let Fact::Tenant(TenantFact::Configured(body)) = fact.fact {
            timeline.push(fact.position, fact.recorded_at, body);
        }
    }
    timeline
}

/// Counts on a day and in its month.
fn count(counts: &mut Counts, day: Day, figure: &str, amount: i64) {
    *counts.entry((day.to_string(), figure.into())).or_default() += amount;
    *counts.entry((day.month().to_string(), figure.into())).or_default() += amount;
}

fn calls(facts: &[Given], timeline: &Timeline, counts: &mut Counts) -> BTreeMap<String, Value> {
    let mut by_call: BTreeMap<String, Vec<&Given>> = BTreeMap::new();
    // A request to place a call is none yet.
    let is_of_call = |kind: &str| kind.starts_with("call_") && !kind.starts_with("call_request");
    for fact in facts.iter().filter(|fact| is_of_call(fact.kind)) {
        let id = text(&fact.body, "parent_call_id").unwrap_or_else(|| text(&fact.body, "call_id").unwrap());
        by_call.entry(id).or_default().push(fact);
    }
    let lent = lent(&by_call, facts);
    let fold = |(id, facts): (String, Vec<&Given>)| {
        let call = naive_call(&id, &sorted(facts.into_iter()), lent.get(&id), timeline, counts);
        (id, call)
    };
    by_call.into_iter().map(fold).collect()
}

/// The outcomes that attempts lend: of session and lead the first attempt, to the only call without a disposition.
fn lent(by_call: &BTreeMap<String, Vec<&Given>>, facts: &[Given]) -> BTreeMap<String, String> {
    let mut undisposed: BTreeMap<(String, String), Vec<&String>> = BTreeMap::new();
    for (id, facts) in by_call {
        let sorted = sorted(facts.iter().copied());
        let last = |member: &str| sorted.iter().rev().find_map(|fact| text(&fact.body, member));
        let disposed = facts.iter().any(|fact| fact.kind == "call_disposed");
        if let (Some(session), Some(lead), false) = (last("session_id"), last("lead_id"), disposed) {
            undisposed.entry((session, lead)).or_default().push(id);
        }
    }
    let mut attempts: Vec<&Given> = facts.iter().filter(|fact| fact.kind == "lead_attempted").collect();
    attempts.sort_by_key(|fact| (fact.occurred_at, fact.content[..8].to_vec()));
    let mut lent = BTreeMap::new();
    for attempt in attempts.into_iter().rev() {
        let pair = (text(&attempt.body, "session_id").unwrap(), text(&attempt.body, "lead_id").unwrap());
        if let Some([call]) = undisposed.get(&pair).map(Vec::as_slice) {
            lent.insert((*call).clone(), text(&attempt.body, "outcome").unwrap().replace('_', "-"));
        }
    }
    lent
}

fn naive_call(
    id: &str,
    facts: &[&Given],
    lent: Option<&String>,
    timeline: &Timeline,
    counts: &mut Counts,
) -> Value {
    let is_leg = |fact: &&&Given| !fact.body["parent_call_id"].is_null();
    let reports: Vec<_> = facts.iter().filter(|fact| fact.kind == "call_reported").collect();
    let (legs, own): (Vec<&&Given>, Vec<&&Given>) = reports.iter().copied().partition(is_leg);
    let last = |facts: &[&&Given], member: &str| {
        facts.iter().rev().map(|fact| &fact.body[member]).find(|value| !value.is_null()).cloned()
    };
    let all: Vec<&&Given> = facts.iter().collect();
    let of_kinds = |kinds: &[&str]| facts.iter().filter(|f| kinds.contains(&f.kind)).collect::<Vec<_>>();

    let spoken = if legs.is_empty() { own.clone() } else { legs.clone() };
    let leg_answered =
        |leg: &Value| legs.iter().any(|fact| fact.body["call_id"] == *leg && fact.body["answered"] == true);
    let answered = spoken.iter().any(|fact| fact.body["answered"] == true);
    let timed: Vec<_> = spoken
        .iter()
        .copied()
        .filter(|fact| legs.is_empty() || leg_answered(&fact.body["call_id"]) == answered)
        .collect();
    // Of what was answered, and for how long nobody says: from answer to end, of each leg where there are legs.
    let of_one = |leg: &&&Given| {
        lasted(timed.iter().filter(|fact| legs.is_empty() || fact.body["call_id"] == leg.body["call_id"]))
    };
    let between = || timed.iter().filter_map(of_one).max().filter(|_| answered);
    let duration = last(&timed, "duration_seconds").and_then(|seconds| seconds.as_i64()).or_else(between);
    let start = |fact: &&&Given| fact.body["started_at"].as_str().and_then(Instant::parse);
    let earliest = || facts.iter().map(|f| f.occurred_at).chain(legs.iter().filter_map(start)).min().unwrap();
    let begun = own.iter().filter_map(start).min().unwrap_or_else(earliest);

    let furthest = |facts: &[&&Given]| {
        let best = facts.iter().map(|fact| rank(fact.body["status"].as_str().unwrap())).max()?;
        facts.iter().rev().map(|f| text(&f.body, "status").unwrap()).find(|status| rank(status) == best)
    };
    let status = furthest(&own).or_else(|| furthest(&legs));
    let by_provider = of_kinds(&["call_reported", "call_placed"]);
    let agent = last(&by_provider, "agent").or_else(|| last(&of_kinds(&["call_disposed"]), "agent"));
    let agent = agent.map(|agent| agent.as_str().unwrap().to_lowercase());
    let not_legs: Vec<_> = by_provider.iter().copied().filter(|fact| !is_leg(fact)).collect();
    let machine =
        last(&by_provider, "answered_by").is_some_and(|by| by.as_str().unwrap().starts_with("machine"));
    let disposed =
        last(&of_kinds(&["call_disposed"]), "outcome").map(|o| o.as_str().unwrap().replace('_', "-"));
    let outcome =
        disposed.clone().or_else(|| lent.cloned()).or_else(|| machine.then(|| "voicemail".to_owned()));
    let connected = outcome.as_deref().is_some_and(|o| o == "connected" || o == "appointment-set");
    let pickup = connected || outcome.as_deref() == Some("voicemail");

    let (rules, day) = timeline.at(begun);
    let direction = last(&own, "direction");
    let counted = rules.counts(direction.as_ref().map(|d| match d.as_str() {
        Some("inbound") => domain::facts::call::Direction::Inbound,
        _ => domain::facts::call::Direction::Outbound,
    }));
    let long = duration.is_some_and(|seconds| seconds >= i64::from(rules.qualified_min_seconds));
    let exists = !reports.is_empty() || disposed.is_some();
    if exists {
        let whose = agent.clone().unwrap_or_else(|| "nobody".into());
        for (figure, amount) in [
            ("calls", 1),
            ("answered", i64::from(counted && answered)),
            ("qualified", i64::from(counted && answered && long)),
            ("talk_seconds", if answered { duration.unwrap_or(0) } else { 0 }),
        ] {
            count(counts, day, figure, amount);
            count(counts, day, &format!("{whose}/{figure}"), amount);
        }
        count(counts, day, &format!("{whose}/pickups"), i64::from(pickup));
        count(counts, day, &format!("{whose}/connected"), i64::from(connected));
        if let Some(outcome) = &outcome {
            count(counts, day, &format!("outcome/{outcome}"), 1);
        }
    }
    json!({
        "call_id": id,
        "status": if answered && long { "qualified" } else { "unqualified" },
        "reason": match (answered, long) {
            (false, _) => "not_answered",
            (true, true) if !counted => "direction_not_counted",
            (true, true) => "rules_satisfied",
            (true, false) => "short_duration",
        },
        "counted": exists && counted,
        "call_status": status,
        "answered": answered,
        "duration_seconds": duration,
        "direction": direction,
        "from": last(&not_legs, "from"),
        "to": last(&not_legs, "to"),
        "agent": agent,
        "lead_id": last(&all, "lead_id"),
        "session_id": last(&all, "session_id"),
        "started_at": begun.to_string(),
        "answered_at": last(&by_provider, "answered_at"),
        "source": last(&own, "source"),
        "campaign": last(&own, "campaign"),
        "outcome": outcome,
    })
}

/// The naive counts out of a served answer, to be compared one by one.
fn counts_of(served: &Value) -> Counts {
    let mut counts = Counts::new();
    let spans = served["months"].as_array().unwrap().iter().chain(served["days"].as_array().unwrap());
    for answer in spans {
        let span = answer["month"].as_str().or(answer["date"].as_str()).unwrap().to_owned();
        for (figure, value) in answer.as_object().unwrap() {
            if let Some(value) = value.as_i64().filter(|_| figure != "position" && !figure.ends_with("_rate"))
            {
                counts.insert((span.clone(), figure.clone()), value);
            }
        }
        for (outcome, value) in answer["outcomes"].as_object().unwrap() {
            counts.insert((span.clone(), format!("outcome/{outcome}")), value.as_i64().unwrap());
        }
        for agent in answer["by_agent"].as_array().unwrap() {
            let whose = agent["agent"].as_str().unwrap_or("nobody");
            for figure in ["calls", "answered", "qualified", "talk_seconds", "pickups", "connected"] {
                counts.insert((span.clone(), format!("{whose}/{figure}")), agent[figure].as_i64().unwrap());
            }
        }
    }
    counts.retain(|_, count| *count != 0);
    counts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn given_any_history_when_counted_by_hand_then_the_folds_agree(facts in history()) {
        let timeline = timeline(&facts);
        let mut counts = Counts::new();
        let calls = calls(&facts, &timeline, &mut counts);
        let leads = leads::leads(&facts, &timeline, &mut counts);
        counts.retain(|(_, figure), count| *count != 0 && figure != "staged");

        let served = served(&live(&recorded(&facts)));
        prop_assert_eq!(counts_of(&served), counts);

        let listed = served["calls"].as_array().unwrap();
        prop_assert_eq!(listed.len(), calls.len());
        for item in listed {
            let mut item = item.clone();
            item.as_object_mut().unwrap().retain(|member, _| member != "recordings" && member != "ended_at");
            prop_assert_eq!(&item, &calls[item["call_id"].as_str().unwrap()]);
        }
        let key = |call: &Value| {
            let at = Instant::parse(call["started_at"].as_str().unwrap()).unwrap();
            (std::cmp::Reverse(at), call["call_id"].to_string())
        };
        prop_assert!(listed.is_sorted_by_key(key));

        // Leads by content: ids of email-only ones are digests, which the naive model has not.
        let mut listed: Vec<Value> = served["leads"].as_array().unwrap().clone();
        listed.iter_mut().for_each(|lead| {
            lead.as_object_mut().unwrap().remove("lead_id");
        });
        let mut expected: Vec<Value> = leads.into_values().collect();
        listed.sort_by_key(Value::to_string);
        expected.sort_by_key(Value::to_string);
        prop_assert_eq!(listed, expected);
    }
}
