//! Random histories of a tenant: facts of every kind that the four systems read, with distinct instants and distinct
//! keys.

mod crm;
mod dialer;
mod outreach;

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::random::Random;

/// Days over which a history goes: two months and a change of the clocks.
pub const DAYS: i64 = 66;

/// The tenant's people.
const AGENTS: [&str; 4] = ["ann@example.com", "Bob@Example.com", "cy@example.com", "di@example.com"];

/// A history in the making.
pub struct History {
    random: Random,
    /// Its first instant.
    pub first: DateTime<Utc>,
    /// Instants that no fact has yet, in random order.
    free: Vec<i64>,
    facts: Vec<Value>,
}

/// About `size` facts from `first` on.
pub fn history(seed: u64, size: usize, first: &str) -> Vec<Value> {
    let mut random = Random::new(seed);
    let slots = 2 * size as i64 + 500;
    let span = DAYS * 86_400 / slots;
    // Even seconds; the odd ones are the polls'.
    let mut free: Vec<i64> =
        (0..slots).map(|n| (n * span + random.below(span as u64 / 2) as i64) & !1).collect();
    random.shuffle(&mut free);
    let first = first.parse().expect("an instant");
    let mut history = History { random, first, free, facts: Vec::new() };
    let leads = history.dial(size);
    history.outreach(size, &leads);
    history.accounts(size);
    history.crm(size);
    history.money_and_notes(size);
    history.facts
}

/// Configurations to be posted first: other rules and zones from some day on, one perhaps from today on.
pub fn configurations(seed: u64, first: &str) -> Vec<Value> {
    let mut random = Random::new(seed ^ 0xC0FF);
    let first: DateTime<Utc> = first.parse().expect("an instant");
    let zones = ["America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"];
    let directions =
        [json!(["inbound"]), json!(["inbound", "outbound"]), json!(["unknown", "outbound"]), Value::Null];
    let stages = json!([{"name": "FA Sent", "likelihood_percent": 75}, {"name": "QR Sent", "likelihood_percent": 10},
        {"name": "FDD Sent"}, {"name": "Deal Structure", "likelihood_percent": 33}]);
    let one = |n: u64| {
        let day = (first + TimeDelta::days(random.below(DAYS as u64 + 20) as i64 - 10)).date_naive();
        let mut rules = json!({"session_timeout_seconds": 2_000_000_000});
        for (name, values) in [
            ("qualified_min_seconds", &[json!(28), json!(33), Value::Null][..]),
            ("job_value_minor", &[json!(20_000), json!(0), Value::Null]),
            ("daily_call_goal", &[json!(1), json!(3), Value::Null]),
            ("counted_directions", &directions),
            ("stages", &[stages.clone(), Value::Null]),
            ("qualified_stages", &[json!(["fa sent", "FA Signed"]), Value::Null]),
            ("hot_stages", &[json!(["FA SENT", "Deal Structure", "Somewhere else"]), Value::Null]),
            ("counted_contact_types", &[json!(["1", "4"]), json!(["4"]), Value::Null]),
        ] {
            let value = random.pick(values).clone();
            if !value.is_null() {
                rules[name] = value;
            }
        }
        let mut body = json!({"name": "Acme Dental", "timezone": *random.pick(&zones), "rules": rules});
        if !random.one_in(4) {
            body["currency"] = json!("USD");
        }
        if !random.one_in(6) {
            body["effective_from"] = json!(day);
        }
        json!({"provider": "history", "external_id": format!("config/{n}"), "kind": "tenant_configured",
            "occurred_at": "2025-09-01T12:00:00Z", "body": body})
    };
    (0..seed % 4).map(one).collect()
}

/// The first and last day that hold a history from `first` on, in any zone.
pub fn span(first: &str) -> (NaiveDate, NaiveDate) {
    let first: DateTime<Utc> = first.parse().expect("an instant");
    (first.date_naive() - TimeDelta::days(1), first.date_naive() + TimeDelta::days(DAYS + 1))
}

impl History {
    fn below(&mut self, end: usize) -> usize {
        self.random.below(end as u64) as usize
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        self.random.pick(from).clone()
    }

    fn moment(&self, seconds: i64) -> String {
        (self.first + TimeDelta::seconds(seconds)).to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// An instant that no fact has.
    fn instant(&mut self) -> String {
        let seconds = self.free.pop().expect("more instants than facts");
        self.moment(seconds)
    }

    /// As many, earliest first.
    fn instants(&mut self, count: usize) -> Vec<String> {
        let mut seconds = self.free.split_off(self.free.len() - count);
        seconds.sort_unstable();
        seconds.into_iter().map(|seconds| self.moment(seconds)).collect()
    }

    /// A day of the history.
    fn date(&mut self) -> NaiveDate {
        let day = self.random.below(DAYS as u64) as i64;
        (self.first + TimeDelta::days(day)).date_naive()
    }

    /// Adds a fact; its place makes its key.
    fn add(&mut self, kind: &str, at: &str, mut body: Value) {
        let members = body.as_object_mut().expect("an object of members");
        members.retain(|_, value| !value.is_null());
        let external_id = format!("h/{}", self.facts.len());
        self.facts.push(json!({"provider": "history", "external_id": external_id, "kind": kind,
            "occurred_at": at, "body": body}));
    }

    /// A value, or none in one of so many.
    fn maybe(&mut self, chances: u64, value: impl Into<Value>) -> Value {
        if self.random.one_in(chances) { Value::Null } else { value.into() }
    }

    /// Ad spend read again and again, people's own notes, and what a month is to reach.
    fn money_and_notes(&mut self, size: usize) {
        let accounts = [("google_ads", "1", "USD"), ("google_ads", "2", "USD"), ("meta", "act_1", "EUR")];
        for _ in 0..size / 15 {
            let ((source, account, currency), date) = (self.pick(&accounts), self.date());
            // The euro account spends in the first month alone, so that months of one currency are there too.
            let date = if currency == "EUR" { self.first.date_naive() } else { date };
            // A credit now and then; an account that changes its currency.
            let (minor, at) = (self.below(40) as i64 * 1_357 - 2_000, self.instant());
            let currency = if self.random.one_in(40) { "GBP" } else { currency };
            self.add(
                "ad_spend_observed",
                &at,
                json!({"source": source, "account_id": account, "date": date,
                "amount_minor": minor, "currency": currency}),
            );
        }
        for n in 0..size / 25 {
            let times = self.instants(2);
            let (content, author) =
                (self.pick(&["Asked for a price ", "Call BOB again", "Nothing new"]), self.pick(&AGENTS));
            let contact = self.maybe(2, "Ada");
            let note =
                json!({"note_id": format!("w{n}"), "content": content, "author": author, "contact": contact});
            self.add("note_written", &times[0], note.clone());
            match self.below(6) {
                0 => {
                    self.add("note_removed", &times[1], json!({"note_id": note["note_id"], "author": author}))
                }
                1 => {
                    let mut again = note;
                    again["content"] = json!("Written anew");
                    self.add("note_written", &times[1], again);
                }
                _ => {}
            }
        }
        for _ in 0..9 {
            let (metric, date) = (self.pick(&["positive_replies", "emails_sent", "qualified"]), self.date());
            let (value, at) = (self.below(size / 10), self.instant());
            let month = date.format("%Y-%m").to_string();
            self.add("target_set", &at, json!({"month": month, "metric": metric, "value": value}));
        }
    }
}
