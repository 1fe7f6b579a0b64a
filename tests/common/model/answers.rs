//! The model's answer on each route.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{Model, month_of};

/// A route's answer without position and time; of a list only the items.
pub type Answers = BTreeMap<String, Value>;

/// The members by which a list is ordered for the comparison, where the contract leaves its order open.
pub fn order_of(route: &str) -> &'static [&'static str] {
    match route.split('?').next().unwrap_or_default() {
        "calls" => &["call_id"],
        "outreach/leads" => &["workspace", "email", "lead_id"],
        _ => &[],
    }
}

impl Model<'_> {
    /// What every route serves, for days from `from` to `to`.
    pub fn answers(&self, from: NaiveDate, to: NaiveDate) -> Answers {
        let mut answers = Answers::new();
        let mut add = |route: String, answer: Value| answers.insert(route, answer);
        let mut months = BTreeSet::new();
        months.extend(super::days(from, to).map(|day| month_of(day).0));
        for first in &months {
            let month = first.format("%Y-%m").to_string();
            add(format!("metrics/month?month={month}"), self.month(*first));
            add(format!("leaderboard?period=month&date={first}"), self.leaderboard("month", *first));
        }
        add(format!("metrics/days?from={from}&to={to}"), self.days(from, to));
        add(format!("metrics/sources?from={from}&to={to}"), self.sources(from, to));
        add(format!("provider-performance?from={from}&to={to}"), self.performance(from, to));
        for date in super::days(from, to).step_by(9) {
            add(format!("leaderboard?period=day&date={date}"), self.leaderboard("day", date));
            add(format!("leaderboard?period=week&date={date}"), self.leaderboard("week", date));
        }
        let calls = self.calls();
        let agents: BTreeSet<&str> = calls.iter().filter_map(|call| call.agent.as_deref()).collect();
        for agent in agents {
            let route = format!("metrics/agents/{agent}");
            add(format!("{route}/today"), self.agent_today(agent));
            add(format!("{route}/summary"), self.agent_metrics(agent, None, None));
            let half = from + chrono::Days::new(20);
            let ranged = self.agent_metrics(agent, Some(half), Some(to));
            add(format!("{route}/summary?from={half}&to={to}"), ranged);
        }
        for id in self.sessions() {
            add(format!("sessions/{id}"), self.session(id));
            add(format!("metrics/sessions/{id}"), self.session_metrics(id));
        }
        let items = self.call_items();
        for item in items.as_array().into_iter().flatten().step_by(1 + calls.len() / 30) {
            add(format!("calls/{}", item["call_id"].as_str().expect("an id")), item.clone());
        }
        add("calls".to_owned(), items);
        let leads: BTreeSet<&str> = calls.iter().filter_map(|call| call.lead).collect();
        for call in calls.iter().step_by(1 + calls.len() / 30) {
            add(format!("calls/{}/recordings", call.id), self.recordings(|other| other.id == call.id));
        }
        let step = 1 + leads.len() / 60;
        for lead in leads.into_iter().step_by(step) {
            add(format!("leads/{lead}/recordings"), self.recordings(|call| call.lead == Some(lead)));
        }
        add("outreach/leads".to_owned(), self.lead_items());
        add("sender-accounts".to_owned(), self.account_items(false));
        add("sender-accounts?status=removed".to_owned(), self.account_items(true));
        add("sender-accounts/status".to_owned(), self.account_status());
        add("leads/summary".to_owned(), self.lead_summary(None));
        add("pipeline".to_owned(), self.pipeline(None));
        add("hot-list".to_owned(), self.hot_list());
        add("schedule".to_owned(), self.schedule());
        add("notes".to_owned(), self.notes(None));
        add("notes?search=PRICE".to_owned(), self.notes(Some("PRICE")));
        add("notes?search=bo".to_owned(), self.notes(Some("bo")));
        add("sync/runs".to_owned(), self.runs());
        answers
    }

    /// What a line that asks first is given of a session's leads.
    pub fn next_lead(&self, session: &str) -> Value {
        let session = self.session(session);
        json!({"lead_id": session["current_lead_id"], "index": session["current_lead_index"]})
    }
}
