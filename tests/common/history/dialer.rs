//! Calls and the sessions in which they were made.

use serde_json::{Value, json};

use super::{AGENTS, History};

/// What the facts of one call agree on.
struct Call {
    id: String,
    agent: Value,
    lead: Value,
    session: Value,
    direction: Value,
}

impl History {
    /// Sessions, attempts and calls; answers the leads that were called.
    pub(super) fn dial(&mut self, size: usize) -> Vec<String> {
        let leads: Vec<String> = (0..size / 10 + 8).map(|n| format!("L{n}")).collect();
        let queues: Vec<Vec<String>> = (0..size / 60 + 3).map(|n| self.session(n, &leads)).collect();
        let calls: Vec<Call> = (0..size / 8 + 4).map(|n| self.plan(n, &leads, &queues)).collect();
        for _ in 0..size * 2 / 5 {
            let call = self.below(calls.len());
            self.call_fact(&calls[call]);
        }
        leads
    }

    fn session(&mut self, n: usize, leads: &[String]) -> Vec<String> {
        let id = format!("S{n}");
        let mut queue: Vec<String> = (0..5 + self.below(8)).map(|_| self.pick(leads)).collect();
        let times = self.instants(2 * queue.len() + 4);
        let start = |agent: &str, queue: &[String]| json!({"session_id": id, "agent": agent, "pipeline_id": format!("p{n}"), "lead_ids": queue});
        let agent = self.pick(&AGENTS);
        self.add("session_started", &times[0], start(agent, &queue));
        if self.random.one_in(6) {
            // Told of once more, otherwise: the first start stands.
            let (agent, at) = (self.pick(&AGENTS), self.below(3) + 1);
            self.add("session_started", &times[at], start(agent, &queue[1..]));
        }
        queue.sort();
        queue.dedup();
        let outcomes = ["connected", "no_answer", "NO-ANSWER", "busy", "voicemail", "skipped"];
        for (lead, times) in queue.clone().iter().zip(times[4..].chunks(2)) {
            // Most are tried once or not at all; some twice, some that are in no queue.
            let tries = self.pick(&[0, 0, 0, 1, 1, 1, 2]);
            for at in times.iter().take(tries) {
                let (outcome, stranger) = (self.pick(&outcomes), self.pick(leads));
                let lead = if self.random.one_in(20) { &stranger } else { lead };
                self.add(
                    "lead_attempted",
                    at,
                    json!({"session_id": id, "lead_id": lead, "outcome": outcome}),
                );
            }
        }
        let last = self.instants(2);
        if self.random.one_in(3) {
            self.add("session_resumed", &last[0], json!({"session_id": id}));
        }
        if self.random.one_in(4) {
            self.add("session_ended", &last[1], json!({"session_id": id, "reason": "done"}));
        }
        queue
    }

    fn plan(&mut self, n: usize, leads: &[String], queues: &[Vec<String>]) -> Call {
        let (mut lead, mut session) = (json!(self.pick(leads)), Value::Null);
        if self.random.one_in(2) {
            let of = self.below(queues.len());
            session = json!(format!("S{of}"));
            lead = json!(self.pick(&queues[of]));
        }
        let direction = self.pick(&[json!("inbound"), json!("outbound"), Value::Null]);
        let agent = self.pick(&AGENTS);
        Call {
            id: format!("c{n}"),
            agent: self.maybe(6, agent),
            lead: self.maybe(5, lead),
            session,
            direction,
        }
    }

    fn call_fact(&mut self, call: &Call) {
        let at = self.instant();
        let id = &call.id;
        // Most facts of a call tell the same of it; now and then one tells something else.
        let (agent, lead, other) =
            (self.maybe(3, call.agent.clone()), self.maybe(3, call.lead.clone()), self.pick(&AGENTS));
        let agent = if self.random.one_in(12) { json!(other) } else { agent };
        let session = self.maybe(4, call.session.clone());
        match self.below(20) {
            0..=2 => {
                let outcomes = [
                    "connected",
                    "voicemail",
                    "no_answer",
                    "busy",
                    "callback",
                    "not-interested",
                    "wrong_number",
                    "dnc",
                    "failed",
                    "appointment_set",
                ];
                let (outcome, note) = (self.pick(&outcomes), self.maybe(2, "rang twice"));
                self.add(
                    "call_disposed",
                    &at,
                    json!({"call_id": id, "outcome": outcome, "agent": agent,
                    "lead_id": lead, "session_id": session, "note": note}),
                );
            }
            3 => self.add(
                "call_placed",
                &at,
                json!({"call_id": id, "to": "+12025550123", "agent": agent,
                "lead_id": lead, "session_id": session}),
            ),
            4 => {
                // Some are told of again.
                let number = if self.random.one_in(3) { 0 } else { self.facts.len() };
                let recording = format!("RE-{id}-{number}");
                let seconds = self.below(90);
                self.add("call_recorded", &at, json!({"call_id": id, "recording_id": recording, "agent": agent,
                    "lead_id": lead, "duration_seconds": seconds, "url": format!("https://rec.example.com/{recording}")}));
            }
            5 => {
                let (status, answered) = (self.pick(&["completed", "no_answer"]), self.random.one_in(2));
                let seconds = self.below(70);
                self.add(
                    "call_reported",
                    &at,
                    json!({"call_id": format!("leg-{id}"), "parent_call_id": id,
                    "status": status, "answered": answered, "duration_seconds": seconds}),
                );
            }
            _ => self.report(call, &at, json!({"agent": agent, "lead_id": lead, "session_id": session})),
        }
    }

    fn report(&mut self, call: &Call, at: &str, mut body: Value) {
        let states = [
            "initiated",
            "ringing",
            "in_progress",
            "completed",
            "completed",
            "busy",
            "no_answer",
            "failed",
            "canceled",
        ];
        // Where callers come from, different from report to report, and of some not told.
        let mixed = at.bytes().chain(call.id.bytes()).map(usize::from).sum::<usize>();
        let source = [None, Some("google"), Some("google"), Some("Facebook Ads")][mixed % 4];
        let campaign = [None, Some("spring"), Some("implants")][mixed % 3];
        // Around 30 s, so that the threshold decides.
        let (status, seconds, wait) =
            (self.pick(&states), 24 + self.below(14), 2 * self.below(40_000) as i64);
        let heard = self.pick(&["machine_start", "human"]);
        let answered = self.random.one_in(2);
        let started: chrono::DateTime<chrono::Utc> = at.parse().expect("an instant");
        let started = (started - chrono::TimeDelta::seconds(wait)).to_rfc3339();
        for (name, value) in [
            ("call_id", json!(call.id)),
            ("status", json!(status)),
            ("direction", self.maybe(3, call.direction.clone())),
            ("answered", self.maybe(3, answered)),
            ("duration_seconds", self.maybe(3, seconds)),
            ("started_at", self.maybe(2, started)),
            ("answered_by", self.maybe(4, heard)),
            ("from", self.maybe(2, "+12025550177")),
            ("source", json!(source)),
            ("campaign", json!(campaign)),
            ("answered_at", self.maybe(3, at)),
            ("ended_at", self.maybe(2, at)),
        ] {
            body[name] = value;
        }
        self.add("call_reported", at, body);
    }
}
