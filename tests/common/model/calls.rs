//! Calls: one from all its facts (A3, A4, RULINGS Calls), lists, recordings and what agents and sessions made of them (C5).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value, json};

use super::{Bend, Fact, Model, instant, percent, quotient, shown};

/// One call.
pub struct Call<'a> {
    pub id: &'a str,
    /// Reported or disposed: then it counts.
    pub counts: bool,
    pub day: NaiveDate,
    pub started: DateTime<Utc>,
    pub answered: bool,
    pub seconds: Option<i64>,
    /// Of a direction that counts as answered and qualified.
    pub counted: bool,
    pub long_enough: bool,
    pub agent: Option<String>,
    pub lead: Option<&'a str>,
    pub session: Option<&'a str>,
    pub direction: Option<&'a str>,
    /// Source and campaign, by the call's own reports.
    pub from_where: [Option<&'a str>; 2],
    pub outcome: Option<String>,
    /// What is served beside these.
    rest: Value,
    recordings: Vec<Fact<'a>>,
}

impl Call<'_> {
    pub fn qualified(&self) -> bool {
        self.answered && self.long_enough
    }

    pub fn connected(&self) -> bool {
        self.outcome.as_deref().is_some_and(|outcome| ["connected", "appointment-set"].contains(&outcome))
    }

    pub fn pickup(&self) -> bool {
        self.connected() || self.outcome.as_deref() == Some("voicemail")
    }

    pub fn talk(&self) -> i64 {
        if self.answered { self.seconds.unwrap_or(0) } else { 0 }
    }

    fn item(&self) -> Value {
        let reason = match (self.answered, self.long_enough) {
            (false, _) => "not_answered",
            (true, false) => "short_duration",
            (true, true) if !self.counted => "direction_not_counted",
            (true, true) => "rules_satisfied",
        };
        let mut recordings: Vec<&Fact<'_>> = self.recordings.iter().collect();
        recordings.sort_by_key(|fact| fact.at);
        let recording = |fact: &&Fact<'_>| {
            json!({"recording_id": fact.body["recording_id"], "duration_seconds": fact.body["duration_seconds"],
                "url": fact.body["url"]})
        };
        let mut item = json!({"call_id": self.id, "status": if self.qualified() { "qualified" } else { "unqualified" },
            "reason": reason, "counted": self.counted, "answered": self.answered, "duration_seconds": self.seconds,
            "source": self.from_where[0], "campaign": self.from_where[1],
            "agent": self.agent, "lead_id": self.lead, "session_id": self.session,
            "started_at": shown(self.started), "outcome": self.outcome,
            "recordings": recordings.iter().map(recording).collect::<Vec<_>>()});
        for (name, value) in self.rest.as_object().expect("an object") {
            item[name] = value.clone();
        }
        item
    }
}

const REPORTED: [&str; 1] = ["call_reported"];
const DISPOSED: [&str; 1] = ["call_disposed"];
const RECORDED: [&str; 1] = ["call_recorded"];
const ALL: [&str; 4] = ["call_reported", "call_disposed", "call_recorded", "call_placed"];

fn rank(status: &str) -> u8 {
    match status {
        "initiated" => 0,
        "ringing" => 1,
        "in_progress" => 2,
        _ => 3,
    }
}

/// The call a fact belongs to: a leg's facts belong to its parent.
fn owner<'a>(fact: Fact<'a>) -> &'a str {
    fact.text("parent_call_id").or(fact.text("call_id")).expect("a call")
}

/// The value that the latest of these facts gives for a member.
fn latest<'a>(facts: &[Fact<'a>], kinds: &[&str], member: &str) -> Option<&'a Value> {
    let given = facts.iter().filter(|fact| fact.is(kinds) && !fact.body[member].is_null());
    given.max_by_key(|fact| fact.at).map(|fact| &fact.body[member])
}

fn outcome_of(value: &Value) -> Option<String> {
    value.as_str().map(|outcome| outcome.trim().to_lowercase().replace('_', "-"))
}

impl<'a> Model<'a> {
    /// Every call of which any fact tells, by id.
    pub fn calls(&self) -> &[Call<'a>] {
        self.calls.get_or_init(|| self.fold_calls())
    }

    fn fold_calls(&self) -> Vec<Call<'a>> {
        let mut by_id: BTreeMap<&str, Vec<Fact<'a>>> = BTreeMap::new();
        for fact in self.of(&ALL) {
            by_id.entry(owner(fact)).or_default().push(fact);
        }
        let mut calls: Vec<Call<'a>> = by_id.into_iter().map(|(id, facts)| self.call(id, &facts)).collect();
        self.lend_outcomes(&mut calls);
        calls
    }

    fn call(&self, id: &'a str, facts: &[Fact<'a>]) -> Call<'a> {
        let reports: Vec<Fact<'a>> = facts.iter().copied().filter(|fact| fact.is(&REPORTED)).collect();
        let leg = |fact: &Fact<'a>| fact.text("parent_call_id").is_some();
        let (legs, own): (Vec<Fact<'a>>, Vec<Fact<'a>>) = reports.iter().copied().partition(leg);
        // Whether and how long it was spoken is the legs' to say, where there are any.
        let spoken = if legs.is_empty() { &own } else { &legs };
        let text = |kinds: &[&str], member: &str| latest(facts, kinds, member).and_then(Value::as_str);
        let started = facts.iter().filter_map(|fact| instant(&fact.body["started_at"])).min();
        let first = facts.iter().map(|fact| fact.at).min().expect("a call has a fact");
        let started = started.unwrap_or(first);
        // What the provider said last of the call itself; of a leg where only legs are told of.
        let status = if own.is_empty() { &legs } else { &own };
        let status = status.iter().filter_map(|fact| fact.text("status").map(|status| (status, fact.at)));
        let status = match self.bend {
            Bend::StatusMovesBack => status.max_by_key(|(_, at)| *at),
            _ => status.max_by_key(|(status, at)| (rank(status), *at)),
        };
        let mut disposed = facts.iter().filter(|fact| fact.is(&DISPOSED));
        let disposed = match self.bend {
            Bend::FirstDisposition => disposed.next(),
            _ => disposed.next_back(),
        };
        // Of each recording the latest word.
        let told = facts.iter().filter(|fact| fact.is(&RECORDED));
        let recordings: BTreeMap<&str, Fact<'a>> =
            told.filter_map(|fact| Some((fact.text("recording_id")?, *fact))).collect();
        let config = self.config_at(started);
        let counts = facts.iter().any(|fact| fact.is(&["call_reported", "call_disposed"]));
        let direction = text(&REPORTED, "direction");
        let answered = spoken.iter().any(|fact| fact.body["answered"] == true);
        let moment = |member| latest(spoken, &REPORTED, member).and_then(instant);
        let between = || {
            let micros = (moment("ended_at")? - moment("answered_at")?).num_microseconds()?;
            Some(micros.div_euclid(1_000_000))
        };
        let told = latest(spoken, &REPORTED, "duration_seconds").and_then(Value::as_i64);
        let seconds = told.or_else(|| between().filter(|seconds| answered && *seconds >= 0));
        let counted_directions = config.names("counted_directions");
        let agent = text(&["call_reported", "call_placed"], "agent").or(text(&DISPOSED, "agent"));
        Call {
            id,
            counts,
            day: config.day(started),
            started,
            answered,
            seconds,
            counted: counts
                && match counted_directions.is_empty() {
                    true => direction != Some("outbound"),
                    false => {
                        counted_directions.iter().any(|counted| counted == direction.unwrap_or("unknown"))
                    }
                },
            long_enough: seconds.is_some_and(|seconds| seconds >= config.qualified_from()),
            agent: agent.map(|agent| agent.trim().to_lowercase()),
            lead: text(&ALL, "lead_id"),
            session: text(&ALL, "session_id"),
            direction,
            from_where: ["source", "campaign"]
                .map(|member| latest(&own, &REPORTED, member).and_then(Value::as_str)),
            outcome: disposed.and_then(|fact| outcome_of(&fact.body["outcome"])),
            rest: json!({"call_status": status.map(|(status, _)| status), "direction": direction,
                "from": text(&ALL, "from"), "to": text(&ALL, "to"),
                "answered_at": text(&REPORTED, "answered_at"), "ended_at": text(&REPORTED, "ended_at")}),
            recordings: recordings.into_values().collect(),
        }
    }

    /// Whom nobody disposed: an attempt lends its outcome where it matches one such call, else a machine is voicemail.
    fn lend_outcomes(&self, calls: &mut [Call<'a>]) {
        let undisposed: BTreeSet<&str> =
            calls.iter().filter(|call| call.outcome.is_none()).map(|call| call.id).collect();
        let mut lent: BTreeMap<&str, String> = BTreeMap::new();
        for ((session, lead), attempt) in self.attempts() {
            let open = calls.iter().filter(|call| undisposed.contains(call.id));
            let open: Vec<_> =
                open.filter(|call| call.session == Some(session) && call.lead == Some(lead)).collect();
            if let ([call], Some(outcome)) = (open.as_slice(), outcome_of(&attempt.body["outcome"])) {
                lent.insert(call.id, outcome);
            }
        }
        for call in calls.iter_mut().filter(|call| call.outcome.is_none()) {
            let reports: Vec<Fact<'a>> = self.of(&REPORTED).filter(|fact| owner(*fact) == call.id).collect();
            let heard = latest(&reports, &REPORTED, "answered_by").and_then(Value::as_str);
            let machine =
                heard.is_some_and(|heard| heard.starts_with("machine")).then(|| "voicemail".to_owned());
            call.outcome = lent.remove(call.id).or(machine);
        }
    }

    /// `/calls`, by id.
    pub fn call_items(&self) -> Value {
        self.calls().iter().map(Call::item).collect()
    }

    /// `/calls/{call_id}/recordings` and `/leads/{lead_id}/recordings`: newest first.
    pub fn recordings(&self, of: impl Fn(&Call<'a>) -> bool) -> Value {
        let mut found: Vec<(DateTime<Utc>, Value)> = Vec::new();
        for call in self.calls().iter().filter(|call| of(call)) {
            for fact in &call.recordings {
                let agent =
                    call.agent.clone().or(fact.text("agent").map(|agent| agent.trim().to_lowercase()));
                let row = json!({"recording_id": fact.body["recording_id"], "call_id": call.id, "lead_id": call.lead,
                    "agent": agent, "duration_seconds": fact.body["duration_seconds"], "url": fact.body["url"],
                    "occurred_at": shown(fact.at)});
                found.push((fact.at, row));
            }
        }
        found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        found.into_iter().map(|(_, row)| row).collect()
    }

    /// What C5 measures of the calls that count among these.
    pub fn call_metrics(&self, of: impl Fn(&Call<'a>) -> bool) -> Map<String, Value> {
        let calls: Vec<&Call<'a>> = self.calls().iter().filter(|call| call.counts && of(call)).collect();
        let count = |is: &dyn Fn(&Call<'a>) -> bool| calls.iter().filter(|call| is(call)).count() as i64;
        let (made, connected) = (calls.len() as i64, count(&|call| call.connected()));
        let known = calls.iter().filter_map(|call| call.seconds);
        let mut outcomes: BTreeMap<&str, i64> = BTreeMap::new();
        for outcome in calls.iter().filter_map(|call| call.outcome.as_deref()) {
            *outcomes.entry(outcome).or_default() += 1;
        }
        let metrics = json!({"calls_made": made, "pickups": count(&|call| call.pickup()),
            "talk_seconds": calls.iter().map(|call| call.talk()).sum::<i64>(),
            "success_rate": percent(connected, made),
            "average_call_seconds": quotient(known.clone().sum(), known.count() as i64),
            "conversion_rate": percent(connected, count(&|call| call.pickup())), "outcomes": outcomes});
        metrics.as_object().expect("an object").clone()
    }
}
