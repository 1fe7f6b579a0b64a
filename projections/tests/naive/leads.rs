//! The independent model's leads: by identity, events counted by day and month, the stage of each.

use std::collections::{BTreeMap, BTreeSet};

use domain::members::{Day, Month};
use domain::rules::configuration::Timeline;
use serde_json::{Value, json};

use super::{Counts, count, sorted, text};
use crate::common::Given;

/// What a stage ranks among others.
pub(super) fn stage_rank(stage: &str) -> u8 {
    match stage {
        "new" => 0,
        "replied" => 1,
        "interested" => 2,
        "quoting" | "follow_up" => 3,
        _ => 4,
    }
}

/// By rank, then in the order of their kinds; a person's word comes before the events of its instant.
const EVENTS: [&str; 4] = ["lead_replied", "lead_interested", "email_bounced", "lead_unsubscribed"];

/// Instance, workspace, id.
pub(super) type LeadKey = (String, String, String);

/// Id, else the lead that first had the email, else the email.
fn lead_of(fact: &Given, firsts: &BTreeMap<LeadKey, String>) -> Option<LeadKey> {
    let place = |member| text(&fact.body, member).unwrap_or_default();
    let email = text(&fact.body["lead"], "email").map(|email| email.to_lowercase());
    let (instance, workspace) = (place("instance"), place("workspace"));
    let id = text(&fact.body["lead"], "id").or_else(|| {
        let known = firsts.get(&(instance.clone(), workspace.clone(), email.clone()?));
        known.cloned().or_else(|| Some(format!("@{}", email?)))
    });
    Some((instance, workspace, id?))
}

/// Every lead as it is served but for its id, and what the events count.
pub(super) fn leads(facts: &[Given], timeline: &Timeline, counts: &mut Counts) -> BTreeMap<LeadKey, Value> {
    let outreach = || facts.iter().filter(|f| f.kind.starts_with("lead_") || f.kind.starts_with("email_"));
    let mut by_time: Vec<&Given> = outreach().collect();
    by_time.sort_by_key(|fact| (fact.occurred_at, fact.content[..8].to_vec()));
    let mut firsts: BTreeMap<LeadKey, String> = BTreeMap::new();
    for fact in by_time.into_iter().filter(|fact| !is_of_name(fact)) {
        let lead = &fact.body["lead"];
        if let (Some(id), Some(email)) = (text(lead, "id"), text(lead, "email")) {
            let place = |member| text(&fact.body, member).unwrap_or_default();
            firsts.entry((place("instance"), place("workspace"), email.to_lowercase())).or_insert(id);
        }
    }
    let mut by_lead: BTreeMap<LeadKey, Vec<&Given>> = BTreeMap::new();
    for fact in outreach() {
        let figure = match fact.kind {
            "email_sent" => "emails_sent",
            "lead_replied" => "replies",
            "lead_interested" => "interested",
            "email_bounced" => "bounces",
            "lead_unsubscribed" => "unsubscribes",
            _ => "staged",
        };
        count(counts, timeline.at(fact.occurred_at).1, figure, 1);
        // Said of a name, not of a lead in its place: makes no lead.
        if is_of_name(fact) {
            continue;
        }
        if let Some(key) = lead_of(fact, &firsts) {
            by_lead.entry(key).or_default().push(fact);
        }
    }
    let of_names: Vec<&Given> = facts.iter().filter(|fact| is_of_name(fact)).collect();
    let fold = |(key, facts): (LeadKey, Vec<&Given>)| {
        let lead = naive_lead(&key, &sorted(facts.into_iter()), &of_names, timeline, counts);
        (key, lead)
    };
    by_lead.into_iter().map(fold).collect()
}

fn is_of_name(fact: &Given) -> bool {
    fact.kind == "lead_staged" && fact.body["instance"].is_null() && fact.body["workspace"].is_null()
}

fn email(fact: &Given) -> Option<String> {
    text(&fact.body["lead"], "email").map(|email| email.to_lowercase())
}

fn naive_lead(
    key: &LeadKey,
    facts: &[&Given],
    of_names: &[&Given],
    timeline: &Timeline,
    counts: &mut Counts,
) -> Value {
    let replies = || facts.iter().filter(|fact| fact.kind == "lead_replied");
    let days: BTreeSet<Day> = replies().map(|fact| timeline.at(fact.occurred_at).1).collect();
    let months: BTreeSet<Month> = days.iter().map(|day| day.month()).collect();
    let spans = days.iter().map(Day::to_string).chain(months.iter().map(Month::to_string));
    for span in spans {
        *counts.entry((span, "unique_replies".into())).or_default() += 1;
    }
    let interest = facts.iter().filter(|f| f.kind == "lead_interested").map(|f| f.occurred_at).min();
    if let Some(at) = interest {
        count(counts, timeline.at(at).1, "positive_replies", 1);
    }
    let has = |claim: &&&Given| match text(&claim.body["lead"], "id") {
        Some(id) => id == key.2,
        None => facts.iter().any(|fact| email(fact) == email(claim)),
    };
    // In order a person puts the lead anywhere, and an event moves it only to a higher rank; of two kinds that
    // tie the kind decides.
    let mut stage = "new".to_owned();
    let mut told = sorted(facts.iter().chain(of_names.iter().filter(has)).copied());
    told.sort_by_key(|fact| (fact.occurred_at, EVENTS.iter().position(|kind| *kind == fact.kind)));
    for fact in told {
        let claimed = match fact.kind {
            "lead_staged" => text(&fact.body, "stage").unwrap(),
            "lead_replied" => "replied".into(),
            "lead_interested" => "interested".into(),
            "email_bounced" => "bounced".into(),
            "lead_unsubscribed" => "unsubscribed".into(),
            _ => continue,
        };
        if fact.kind == "lead_staged" || stage_rank(&claimed) > stage_rank(&stage) {
            stage = claimed;
        }
    }
    // A person's word is no event, unless there is nothing else.
    let mut events: Vec<_> = facts.iter().filter(|fact| fact.kind != "lead_staged").collect();
    if events.is_empty() {
        events = facts.iter().collect();
    }
    let last = |member: &str| facts.iter().rev().find_map(|fact| text(&fact.body["lead"], member));
    json!({
        "instance": Some(&key.0).filter(|text| !text.is_empty()),
        "workspace": Some(&key.1).filter(|text| !text.is_empty()),
        "email": last("email").map(|email| email.to_lowercase()),
        "first_name": last("first_name"),
        "last_name": last("last_name"),
        "company": last("company"),
        "stage": stage,
        "first_interested_at": interest.map(|at| at.to_string()),
        "first_event_at": events[0].occurred_at.to_string(),
        "last_event_at": events[events.len() - 1].occurred_at.to_string(),
        "last_called_at": null,
        "call_count": 0,
    })
}
