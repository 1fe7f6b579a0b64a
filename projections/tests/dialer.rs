//! Worked examples of the power dialer: sessions, outcomes that attempts lend, leads not to be called again (C1 to C5).

use crate::common::{Given, at, given, live, rebuilt, recorded};
use domain::members::Day;
use projections::figures::leaderboard::LeaderboardPeriod;
use projections::tenant::Tenant;
use serde_json::{Value, json};

const NOON: &str = "2025-10-09T12:00:00Z";

fn placed(call: &str, session: &str, lead: &str) -> Given {
    let body = json!({"call_id": call, "to": "+15550123", "agent": "ann@example.com",
        "session_id": session, "lead_id": lead});
    given("call_placed", at(NOON), body)
}

fn reported(call: &str) -> Given {
    let body = json!({"call_id": call, "status": "completed", "answered": true, "duration_seconds": 20});
    given("call_reported", at(NOON), body)
}

fn disposed(call: &str, outcome: &str, lead: Option<&str>, time: &str) -> Given {
    given("call_disposed", at(time), json!({"call_id": call, "outcome": outcome, "lead_id": lead}))
}

fn attempted(session: &str, lead: &str, outcome: &str, time: &str) -> Given {
    let body = json!({"session_id": session, "lead_id": lead, "outcome": outcome});
    given("lead_attempted", at(time), body)
}

/// Folded live, and from two shards, which must say the same.
fn fold(facts: &[Given]) -> Tenant {
    let log = recorded(facts);
    let tenant = live(&log);
    assert_eq!(tenant.digests("acme"), rebuilt(facts, &log, 2, &[1, 0]).digests("acme"));
    tenant
}

fn outcome(tenant: &Tenant, call: &str) -> Option<&'static str> {
    tenant.call(call).unwrap().outcome
}

fn outcomes_of_october(tenant: &Tenant) -> Value {
    let month =
        tenant.month(0, domain::members::Month::parse("2025-10").unwrap(), at("2025-12-24T12:00:00Z"));
    json!(month.figures.outcomes)
}

#[test]
fn c5_given_one_undisposed_call_of_session_and_lead_when_attempted_then_the_attempt_lends_its_outcome() {
    let mut facts = vec![placed("A", "S", "L1"), reported("A"), attempted("S", "L1", "no_answer", NOON)];
    let tenant = fold(&facts);
    assert_eq!(outcome(&tenant, "A"), Some("no-answer"));
    assert_eq!(outcomes_of_october(&tenant), json!({"no-answer": 1}));

    facts.push(disposed("A", "callback", None, "2025-10-09T12:05:00Z"));
    let tenant = fold(&facts);
    assert_eq!(outcome(&tenant, "A"), Some("callback"), "a disposition beats what is lent");
    assert_eq!(outcomes_of_october(&tenant), json!({"callback": 1}));
}

#[test]
fn c5_given_two_undisposed_calls_then_nothing_is_lent_until_one_of_them_is_disposed() {
    let mut facts = vec![
        attempted("S", "L1", "busy", NOON),
        placed("A", "S", "L1"),
        reported("A"),
        placed("B", "S", "L1"),
        reported("B"),
        placed("C", "S", "L2"),
        reported("C"),
        placed("D", "other", "L1"),
        reported("D"),
    ];
    let tenant = fold(&facts);
    assert_eq!(["A", "B", "C", "D"].map(|call| outcome(&tenant, call)), [None; 4]);
    assert_eq!(outcomes_of_october(&tenant), json!({}));

    facts.push(disposed("A", "connected", None, "2025-10-09T12:05:00Z"));
    let tenant = fold(&facts);
    assert_eq!(["A", "B"].map(|call| outcome(&tenant, call)), [Some("connected"), Some("busy")]);
    assert_eq!(outcomes_of_october(&tenant), json!({"busy": 1, "connected": 1}));
}

#[test]
fn c2_given_two_attempts_of_one_lead_then_the_earliest_stands_in_any_order_of_arrival() {
    let early = attempted("S", "L1", "voicemail", "2025-10-09T11:00:00Z");
    let late = attempted("S", "L1", "connected", "2025-10-09T13:00:00Z");
    for attempts in [[early.clone(), late.clone()], [late, early]] {
        let facts = [vec![placed("A", "S", "L1"), reported("A")], attempts.to_vec()].concat();
        assert_eq!(outcome(&fold(&facts), "A"), Some("voicemail"));
    }
}

#[test]
fn c4_given_dispositions_when_the_last_is_dnc_then_the_lead_is_not_to_be_called_again() {
    let mut facts = vec![reported("A"), disposed("A", "connected", Some("L1"), NOON)];
    let is_dnc = |facts: &[Given]| fold(facts).calls.rows.is_dnc("L1");
    assert!(!is_dnc(&facts));
    facts.push(disposed("A", "dnc", None, "2025-10-09T12:05:00Z"));
    assert!(is_dnc(&facts) && !fold(&facts).calls.rows.is_dnc("L2"));
    facts.push(disposed("A", "callback", None, "2025-10-09T12:10:00Z"));
    assert!(!is_dnc(&facts), "the last one given counts");
    facts.push(disposed("B", "dnc", Some("L1"), NOON));
    assert!(is_dnc(&facts), "any call of the lead says so");
}

#[test]
fn given_calls_that_move_between_leads_and_sessions_then_each_is_found_where_it_is_now() {
    let mut facts = vec![placed("A", "S", "L1"), placed("B", "S", "L1")];
    let found = |facts: &[Given], lead: &str, session: &str| {
        let calls = fold(facts).calls.rows;
        let name = |row: u32| calls.texts().get(calls.rows().get(row).id).to_owned();
        let names = |rows: Vec<u32>| rows.into_iter().map(name).collect::<Vec<_>>().join(" ");
        (names(calls.of_lead(lead)), names(calls.of_session(session)))
    };
    assert_eq!(found(&facts, "L1", "S"), ("A B".into(), "A B".into()));
    facts.push(disposed("A", "busy", Some("L2"), "2025-10-09T13:00:00Z"));
    assert_eq!(found(&facts, "L1", "S"), ("B".into(), "A B".into()));
    assert_eq!(found(&facts, "L2", "none"), ("A".into(), String::new()));
    facts.push(disposed("A", "busy", Some("L1"), "2025-10-09T14:00:00Z"));
    assert_eq!(found(&facts, "L1", "S"), ("A B".into(), "A B".into()), "each once");
}

fn session(kind: &'static str, time: &str, members: Value) -> Given {
    let mut body = json!({"session_id": "S"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    given(kind, at(time), body)
}

fn started(time: &str, leads: &[&str]) -> Given {
    let members = json!({"agent": "Ann@example.com", "pipeline_id": "north", "lead_ids": leads});
    session("session_started", time, members)
}

/// The session as served, whatever the order in which its facts come.
fn session_of(facts: &[Given]) -> Value {
    let served = |facts: &[Given]| {
        let book = fold(facts).session_book();
        json!(book.sessions.row("S").and_then(|row| book.item(row)))
    };
    let there = served(facts);
    let back: Vec<Given> = facts.iter().rev().cloned().collect();
    assert_eq!(served(&back), there, "in any order of arrival");
    there
}

#[test]
fn c1_given_a_time_out_when_something_is_done_after_it_then_active_and_ended_is_ended_for_ever() {
    let mut facts = vec![started("2025-10-09T12:00:00Z", &["L1"])];
    let is_active = |facts: &[Given]| session_of(facts)["is_active"].as_bool().unwrap();
    assert!(is_active(&facts));
    let idle = json!({"last_activity_at": "2025-10-09T12:00:00Z"});
    facts.push(session("session_timed_out", "2025-10-09T12:30:00Z", idle));
    assert!(!is_active(&facts));
    facts.push(attempted("S", "L1", "busy", "2025-10-09T12:20:00Z"));
    assert!(!is_active(&facts), "what was done before it does not undo it");
    facts.push(session("session_resumed", "2025-10-09T14:00:00Z", json!({})));
    assert!(is_active(&facts));
    facts.push(session("session_ended", "2025-10-09T15:00:00Z", json!({})));
    facts.push(session("session_resumed", "2025-10-09T16:00:00Z", json!({})));
    assert!(!is_active(&facts));
    assert_eq!(session_of(&facts)["last_activity_at"], "2025-10-09T16:00:00Z");
}

#[test]
fn c3_given_attempts_and_leads_not_to_be_called_then_progress_counts_both_once() {
    let mut facts = vec![started(NOON, &["L1", "L2", "L1", "L3"])];
    let progress = |facts: &[Given]| {
        let session = session_of(facts);
        ["total_leads", "completed_leads", "current_lead_index", "current_lead_id"]
            .map(|name| session[name].clone())
    };
    assert_eq!(progress(&facts), [json!(3), json!(0), json!(0), json!("L1")], "named twice is queued once");
    facts.push(disposed("A", "dnc", Some("L1"), NOON));
    facts.push(attempted("S", "L1", "skipped", NOON));
    facts.push(attempted("S", "stranger", "busy", NOON));
    assert_eq!(progress(&facts), [json!(3), json!(1), json!(1), json!("L2")]);
    facts.push(attempted("S", "L3", "busy", NOON));
    facts.push(attempted("S", "L2", "busy", NOON));
    assert_eq!(progress(&facts), [json!(3), json!(3), Value::Null, Value::Null]);
}

#[test]
fn c1_given_facts_of_a_session_that_nobody_started_then_it_is_not_served() {
    let facts = [attempted("S", "L1", "busy", NOON), session("session_ended", NOON, json!({}))];
    assert_eq!(session_of(&facts), Value::Null);
}

#[test]
fn c1_given_two_starts_of_one_session_then_the_earliest_is_what_it_was_started_with() {
    let late = started("2025-10-09T13:00:00Z", &["L9"]);
    let facts = [late, started(NOON, &["L1", "L2"])];
    assert_eq!(session_of(&facts)["total_leads"], 2);
}

#[test]
fn f6_given_another_goal_from_a_day_on_then_that_day_has_it_whatever_the_zone_came_to_be() {
    let configured = |zone: &str, goal: u32, from: Option<&str>| {
        let rules = json!({"daily_call_goal": goal});
        let body = json!({"name": "Acme", "timezone": zone, "rules": rules, "effective_from": from});
        given("tenant_configured", at("2025-10-01T12:00:00Z"), body)
    };
    let facts = [
        configured("America/New_York", 2, None),
        configured("America/New_York", 1, Some("2025-10-10")),
        configured("Europe/London", 7, Some("2025-10-25")),
    ];
    let goal = |day: &str| {
        let day = Day::parse(day).unwrap();
        let board = fold(&facts).leaderboard_sums(0, LeaderboardPeriod::Day, day, day).rank();
        (board.daily_call_goal, board.goal_calls)
    };
    assert_eq!(
        ["2025-10-09", "2025-10-10", "2025-10-24", "2025-10-25"].map(goal),
        [(2, 2), (1, 1), (1, 1), (7, 7)]
    );
}
