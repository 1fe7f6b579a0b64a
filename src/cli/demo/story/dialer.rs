//! The power dialer: sessions of each agent, the leads they rang, what came of it, and people's own notes.

use serde_json::{Value, json};

use super::{DAY, fact, instant};
use crate::cli::demo::random::Random;
use crate::cli::demo::traffic::{DAYS, Tenant};

const LEADS: u64 = 12;
/// Every so many days an agent dials.
const EVERY: i64 = 3;

/// The sessions of all agents.
pub fn facts(tenant: &Tenant, now: i64, random: &mut Random) -> Vec<Value> {
    let mut facts = Vec::new();
    for (number, agent) in tenant.numbers {
        for ago in (0..DAYS).rev().filter(|ago| ago % EVERY == 0) {
            session(agent, number, now - ago * DAY - 3 * 3_600, random, &mut facts);
        }
        for note in 0..6 {
            let at = now - (note * 11 + 1) * DAY;
            let body = json!({"note_id": format!("own-{agent}-{note}"), "author": agent,
                              "content": format!("Call back about the quote, {} asked twice.", random.pick(&["Mr Lee", "Ms Brandt", "the office"]))});
            facts.push(fact("desk", &format!("note/{agent}/{note}"), "note_written", at, body));
        }
    }
    facts
}

fn session(agent: &str, number: &str, begun: i64, random: &mut Random, facts: &mut Vec<Value>) {
    let id = format!("{agent}-{begun}");
    let leads: Vec<String> = (0..LEADS).map(|_| format!("C{}", random.below(260))).collect();
    let mut distinct = leads.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let body =
        json!({"session_id": id, "agent": agent, "pipeline_id": "new-enquiries", "lead_ids": distinct});
    facts.push(fact("dialer", &format!("{id}/started"), "session_started", begun, body));
    let mut at = begun + 60;
    for lead in &distinct {
        at += 90 + random.below(120) as i64;
        at = attempt(&id, agent, number, lead, at, random, facts);
    }
    let body = json!({"session_id": id, "reason": "done"});
    facts.push(fact("dialer", &format!("{id}/ended"), "session_ended", at + 30, body));
}

/// One call to one lead; answers when it was over.
fn attempt(
    session: &str,
    agent: &str,
    number: &str,
    lead: &str,
    at: i64,
    random: &mut Random,
    facts: &mut Vec<Value>,
) -> i64 {
    let call = format!("CA{:032x}", u128::from(random.bits()));
    let to = format!("+1415556{:04}", random.below(10_000));
    let outcome = match random.below(100) {
        0..34 => "connected",
        34..52 => "voicemail",
        52..80 => "no-answer",
        80..88 => "busy",
        88..93 => "callback",
        93..98 => "not-interested",
        _ => "dnc",
    };
    let answered = matches!(outcome, "connected" | "callback" | "not-interested" | "dnc" | "voicemail");
    let seconds = if answered { 15 + random.below(260) } else { 0 };
    let ended = at + 12 + seconds as i64;
    let placed = json!({"call_id": call, "to": to, "from": number, "agent": agent, "lead_id": lead,
                        "session_id": session, "recording": true});
    facts.push(fact("dialer", &format!("{call}/placed"), "call_placed", at, placed));
    let status = match outcome {
        "busy" => "busy",
        "no-answer" => "no_answer",
        _ => "completed",
    };
    let reported = json!({"call_id": call, "status": status, "answered": answered, "duration_seconds": seconds,
                          "direction": "outbound", "from": number, "to": to, "agent": agent, "lead_id": lead,
                          "session_id": session, "started_at": instant(at), "ended_at": instant(ended)});
    facts.push(fact("dialer", &format!("{call}/{status}"), "call_reported", ended, reported));
    let disposed =
        json!({"call_id": call, "outcome": outcome, "agent": agent, "lead_id": lead, "session_id": session});
    facts.push(fact("dialer", &format!("{call}/disposed"), "call_disposed", ended + 5, disposed));
    if answered {
        let recorded = json!({"call_id": call, "recording_id": call.replacen("CA", "RE", 1), "lead_id": lead, "agent": agent,
                              "url": format!("https://recordings.example.com/{call}"), "duration_seconds": seconds});
        facts.push(fact("dialer", &format!("{call}/recorded"), "call_recorded", ended + 9, recorded));
    }
    let attempted = match outcome {
        "connected" | "voicemail" | "busy" | "no-answer" => outcome,
        _ => "connected",
    };
    let body = json!({"session_id": session, "lead_id": lead, "outcome": attempted});
    facts.push(fact("dialer", &format!("{session}/{lead}"), "lead_attempted", ended + 6, body));
    ended + 10
}
