//! Dialer sessions (C1 to C3): progress, the lead that comes next, and what agents and sessions made of their calls.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{Fact, Model, percent, shown};

const SESSION: [&str; 4] = ["session_started", "session_resumed", "session_ended", "lead_attempted"];

impl<'a> Model<'a> {
    /// The attempt that stands for each session and lead: the first.
    pub fn attempts(&self) -> BTreeMap<(&'a str, &'a str), Fact<'a>> {
        let mut attempts = BTreeMap::new();
        for fact in self.of(&["lead_attempted"]) {
            if let (Some(session), Some(lead)) = (fact.text("session_id"), fact.text("lead_id")) {
                attempts.entry((session, lead)).or_insert(fact);
            }
        }
        attempts
    }

    /// Leads of which a call was disposed `dnc` last: they are not to be called again.
    fn not_to_call(&self) -> BTreeSet<&'a str> {
        let calls = self.calls();
        let dnc = calls.iter().filter(|call| call.outcome.as_deref() == Some("dnc"));
        dnc.filter_map(|call| call.lead).collect()
    }

    /// The ids of all sessions that were started.
    pub fn sessions(&self) -> BTreeSet<&'a str> {
        self.of(&["session_started"]).filter_map(|fact| fact.text("session_id")).collect()
    }

    /// `/sessions/{id}`.
    pub fn session(&self, id: &str) -> Value {
        let facts: Vec<Fact<'a>> =
            self.of(&SESSION).filter(|fact| fact.text("session_id") == Some(id)).collect();
        let start = facts.iter().find(|fact| fact.kind == "session_started").expect("it was started");
        let mut queue: Vec<&str> = Vec::new();
        for lead in start.body["lead_ids"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !queue.contains(&lead) {
                queue.push(lead);
            }
        }
        let (attempts, dnc) = (self.attempts(), self.not_to_call());
        let done = |lead: &&&str| attempts.contains_key(&(id, **lead)) || dnc.contains(**lead);
        let current = queue.iter().position(|lead| !done(&lead));
        json!({"session_id": id, "agent": start.text("agent").map(str::to_lowercase),
            "pipeline_id": start.body["pipeline_id"], "total_leads": queue.len(),
            "completed_leads": queue.iter().filter(done).count(), "current_lead_index": current,
            "current_lead_id": current.map(|at| queue[at]),
            "is_active": !facts.iter().any(|fact| fact.kind == "session_ended"),
            "last_activity_at": shown(facts.iter().map(|fact| fact.at).max().expect("it was started"))})
    }

    /// `/metrics/sessions/{id}`.
    pub fn session_metrics(&self, id: &str) -> Value {
        let mut metrics = self.call_metrics(|call| call.session == Some(id));
        metrics.insert("session_id".to_owned(), json!(id));
        Value::Object(metrics)
    }

    /// `/metrics/agents/{agent}/summary`, and `today` of the day that it is.
    pub fn agent_metrics(&self, agent: &str, from: Option<NaiveDate>, to: Option<NaiveDate>) -> Value {
        let within = |day| from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to);
        let of = |call: &super::calls::Call<'a>| call.agent.as_deref() == Some(agent) && within(call.day);
        let mut metrics = self.call_metrics(of);
        let made: Vec<_> = self.calls().iter().filter(|call| call.counts && of(call)).collect();
        metrics.extend(super::figures::directions(&made));
        let answered = made.iter().filter(|call| call.answered).count() as i64;
        metrics.insert("answered_rate".to_owned(), percent(answered, made.len() as i64));
        let config = to.map_or(self.latest_config(), |to| self.config_on(to));
        let head = json!({"agent": agent, "from": from, "to": to, "timezone": config.zone.name()});
        metrics.extend(head.as_object().expect("an object").clone());
        Value::Object(metrics)
    }

    /// `/metrics/agents/{agent}/today`.
    pub fn agent_today(&self, agent: &str) -> Value {
        self.agent_metrics(agent, Some(self.today()), Some(self.today()))
    }
}
