//! Email outreach (D2, D3): who a lead is, where it stands, when it was first interested.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Bend, Fact, Model, folded, shown};

/// The events of outreach.
pub const EVENTS: [&str; 5] =
    ["email_sent", "lead_replied", "lead_interested", "email_bounced", "lead_unsubscribed"];

const STAGED: [&str; 1] = ["lead_staged"];

/// Instance, workspace, and `id …` or `email …` within them.
pub type Name = (String, String, String);

fn rank(stage: &str) -> u8 {
    match stage {
        "new" => 0,
        "replied" => 1,
        "interested" => 2,
        "quoting" | "follow_up" => 3,
        _ => 4,
    }
}

fn stage_of(event: &str) -> &'static str {
    match event {
        "email_sent" => "new",
        "lead_replied" => "replied",
        "lead_interested" => "interested",
        "email_bounced" => "bounced",
        _ => "unsubscribed",
    }
}

fn place(fact: Fact<'_>) -> (String, String) {
    let text = |member| fact.text(member).unwrap_or_default().to_owned();
    (text("instance"), text("workspace"))
}

fn email_of(fact: Fact<'_>) -> Option<String> {
    fact.body["lead"]["email"].as_str().map(folded)
}

/// Whether a person spoke of an id or email, wherever it is.
fn is_of_a_name(fact: Fact<'_>) -> bool {
    fact.is(&STAGED) && fact.text("instance").is_none() && fact.text("workspace").is_none()
}

impl<'a> Model<'a> {
    /// The facts of each lead, earliest first: an email without id is the lead's that had it first.
    pub fn leads(&self) -> &BTreeMap<Name, Vec<Fact<'a>>> {
        self.leads.get_or_init(|| self.fold_leads())
    }

    fn fold_leads(&self) -> BTreeMap<Name, Vec<Fact<'a>>> {
        let mut holders: BTreeMap<Name, &str> = BTreeMap::new();
        for fact in self.of(&EVENTS) {
            let (instance, workspace) = place(fact);
            if let (Some(id), Some(email)) = (fact.body["lead"]["id"].as_str(), email_of(fact)) {
                holders.entry((instance, workspace, email)).or_insert(id);
            }
        }
        let name = |fact: Fact<'a>| {
            let (instance, workspace) = place(fact);
            if let Some(id) = fact.body["lead"]["id"].as_str() {
                return Some((instance, workspace, format!("id {id}")));
            }
            let email = email_of(fact)?;
            let id = holders.get(&(instance.clone(), workspace.clone(), email.clone()));
            Some((instance, workspace, id.map_or(format!("email {email}"), |id| format!("id {id}"))))
        };
        let mut leads: BTreeMap<Name, Vec<Fact<'a>>> = BTreeMap::new();
        let staged_there = self.of(&STAGED).filter(|fact| !is_of_a_name(*fact));
        for fact in self.of(&EVENTS).chain(staged_there) {
            if let Some(name) = name(fact) {
                leads.entry(name).or_default().push(fact);
            }
        }
        // A person who names no workspace speaks of all who have this id or email, and of nobody else.
        for fact in self.of(&STAGED).filter(|fact| is_of_a_name(*fact)) {
            let id = fact.body["lead"]["id"].as_str().map(|id| format!("id {id}"));
            let is_meant = |(name, facts): &(&Name, &mut Vec<Fact<'a>>)| match &id {
                Some(id) => name.2 == *id,
                None => facts.iter().any(|lead| !is_of_a_name(*lead) && email_of(*lead) == email_of(fact)),
            };
            leads.iter_mut().filter(is_meant).for_each(|(_, facts)| facts.push(fact));
        }
        for facts in leads.values_mut() {
            facts.sort_by_key(|fact| fact.at);
        }
        leads
    }

    /// When each lead was first interested.
    pub fn first_interest(&self) -> BTreeMap<Name, DateTime<Utc>> {
        let interest = |facts: &Vec<Fact<'a>>| {
            let mut interested =
                facts.iter().filter(|fact| fact.kind == "lead_interested").map(|fact| fact.at);
            if self.bend == Bend::LatestInterest { interested.max() } else { interested.next() }
        };
        self.leads().iter().filter_map(|(name, facts)| Some((name.clone(), interest(facts)?))).collect()
    }

    /// `/outreach/leads`; leads without an id have the id `@`.
    pub fn lead_items(&self) -> Value {
        let (interest, calls) = (self.first_interest(), self.calls());
        let item = |(name, facts): (&Name, &Vec<Fact<'a>>)| {
            let mut stage = "new";
            for fact in facts {
                let to = if fact.kind == "lead_staged" {
                    fact.text("stage").expect("a stage")
                } else {
                    stage_of(fact.kind)
                };
                if fact.kind == "lead_staged" || rank(to) > rank(stage) {
                    stage = to;
                }
            }
            let latest = |member: &str| {
                let own = facts.iter().rev().filter(|fact| !is_of_a_name(**fact));
                let given = own.map(|fact| &fact.body["lead"][member]);
                given.into_iter().find(|value| !value.is_null()).cloned()
            };
            let id = name.2.strip_prefix("id ");
            // A person's word is no event of a lead, unless there is nothing else.
            let is_bare = !facts.iter().any(|fact| fact.is(&EVENTS));
            let mut events = facts.iter().filter(|fact| fact.is(&EVENTS) || is_bare && !is_of_a_name(**fact));
            let called: Vec<DateTime<Utc>> = calls
                .iter()
                .filter(|call| call.counts && call.lead == id && id.is_some())
                .map(|call| call.started)
                .collect();
            json!({"lead_id": id.unwrap_or("@"), "instance": name.0, "workspace": name.1,
                "email": latest("email").and_then(|email| email.as_str().map(folded)),
                "first_name": latest("first_name"), "last_name": latest("last_name"), "company": latest("company"),
                "stage": stage, "first_interested_at": interest.get(name).map(|at| shown(*at)),
                "first_event_at": events.clone().next().map(|fact| shown(fact.at)),
                "last_event_at": events.next_back().map(|fact| shown(fact.at)),
                "last_called_at": called.iter().max().map(|at| shown(*at)), "call_count": called.len()})
        };
        self.leads().iter().map(item).collect()
    }
}
