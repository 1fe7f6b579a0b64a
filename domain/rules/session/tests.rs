//! Sessions, given, when, then.

use super::*;

const NOW: Instant = Instant(1_760_000_000_000_000);
const SPANS: Spans = Spans { timeout_seconds: 1_800, reservation_seconds: 120 };

fn text(text: &str) -> Text {
    Text::new(text).expect("text")
}

fn before(seconds: i64) -> Instant {
    Instant(NOW.0 - seconds * 1_000_000)
}

fn session(id: &str, state: SessionState, idle_seconds: i64) -> Session {
    Session {
        session_id: text(id),
        agent: Email::new("Ann@example.com").expect("email"),
        pipeline_id: text("north/1"),
        state,
        last_activity_at: before(idle_seconds),
        last_position: 17,
    }
}

fn wanted() -> SessionStarted {
    SessionStarted {
        session_id: text("new"),
        agent: Email::new("ann@example.com").expect("email"),
        pipeline_id: text("north/1"),
        lead_ids: vec![text("L1")],
    }
}

/// The name of the fact that is decided, `first ` before one that is due; `stands` where nothing is.
fn told<T>(decision: &Decision<T>) -> String {
    match decision {
        Decision::Stands(_) => "stands".to_owned(),
        Decision::Append(record) => record.key.to_string(),
        Decision::First(record) => format!("first {}", record.key),
    }
}

#[test]
fn given_no_active_session_when_started_then_its_key_counts_the_activations_before() {
    let none = Activation { active: None, count: 3 };
    assert_eq!(told(&start(none, &wanted(), SPANS, NOW)), "session/ann@example.com/north%2F1/3");
}

#[test]
fn given_an_active_session_when_started_then_that_one_stands_unless_it_is_overdue() {
    let active = session("old", SessionState::Active, 1_799);
    let at = |active| start(Activation { active: Some(active), count: 3 }, &wanted(), SPANS, NOW);
    assert_eq!(at(&active), Decision::Stands(text("old")));
    let overdue = session("old", SessionState::Active, 1_800);
    let Decision::First(due) = at(&overdue) else { panic!("the time-out is due first") };
    assert_eq!((due.key.to_string().as_str(), due.occurred_at), ("session/old/timeout/17", Some(NOW)));
}

#[test]
fn given_a_time_out_of_no_seconds_when_just_active_then_not_overdue() {
    let spans = Spans { timeout_seconds: 0, reservation_seconds: 0 };
    assert_eq!(session("s", SessionState::Active, 0).time_out(spans, NOW), None);
    assert!(session("s", SessionState::Active, 1).time_out(spans, NOW).is_some());
    assert_eq!(session("s", SessionState::TimedOut, 9_999).time_out(SPANS, NOW), None);
}

#[test]
fn given_a_session_when_resumed_then_by_where_it_stands() {
    let none = Activation { active: None, count: 2 };
    let at = |state, idle, done| resume(&session("s", state, idle), none, done, SPANS, NOW);
    assert_eq!(at(SessionState::Active, 5, false).as_ref().map(told), Ok("session/s/resume/17".into()));
    assert_eq!(at(SessionState::Active, 5, true).as_ref().map(told), Ok("stands".into()));
    assert_eq!(
        at(SessionState::Active, 1_800, false).as_ref().map(told),
        Ok("first session/s/timeout/17".into())
    );
    let revived = "session/ann@example.com/north%2F1/2";
    assert_eq!(at(SessionState::TimedOut, 9_999, false).as_ref().map(told), Ok(revived.into()));
    assert_eq!(at(SessionState::Ended, 5, false), Err(SessionRejection::Ended));
}

#[test]
fn given_another_active_session_when_a_timed_out_one_is_resumed_then_refused_unless_the_other_is_overdue() {
    let timed_out = session("s", SessionState::TimedOut, 9_999);
    let at = |other| resume(&timed_out, Activation { active: Some(other), count: 2 }, false, SPANS, NOW);
    let other = session("other", SessionState::Active, 5);
    assert_eq!(at(&other), Err(SessionRejection::OtherActive(text("other"))));
    let overdue = session("other", SessionState::Active, 1_800);
    assert_eq!(at(&overdue).as_ref().map(told), Ok("first session/other/timeout/17".into()));
}

#[test]
fn given_a_session_when_ended_twice_then_one_fact() {
    assert_eq!(told(&end(&session("s", SessionState::Active, 5))), "session/s/end");
    assert_eq!(told(&end(&session("s", SessionState::TimedOut, 5))), "session/s/end");
    assert_eq!(told(&end(&session("s", SessionState::Ended, 5))), "stands");
}

#[test]
fn given_a_lead_when_attempted_then_once_per_session() {
    let at = |state, attempted| {
        let session = session("s", state, 5);
        attempt(&session, attempted, &text("L/1"), Outcome::Busy, SPANS, NOW)
    };
    assert_eq!(at(SessionState::Active, Some(None)).as_ref().map(told), Ok("session/s/attempt/L%2F1".into()));
    for state in [SessionState::Active, SessionState::TimedOut, SessionState::Ended] {
        let stands = at(state, Some(Some(Outcome::Skipped)));
        assert_eq!(stands, Ok(Decision::Stands(Outcome::Skipped)), "the first stands, whatever came after");
        assert_eq!(at(state, None), Err(SessionRejection::UnknownLead));
    }
    assert_eq!(at(SessionState::TimedOut, Some(None)), Err(SessionRejection::TimedOut));
    assert_eq!(at(SessionState::Ended, Some(None)), Err(SessionRejection::Ended));
}

/// A lead, whether it is done, and by which line it is reserved until when.
type Lead<'a> = (&'a str, bool, Option<(&'a str, Instant)>);

fn queue<'a>(leads: &[Lead<'a>]) -> Vec<QueuedLead<'a>> {
    let queued = leads.iter().enumerate().map(|(index, (lead_id, is_done, reserved))| QueuedLead {
        index,
        lead_id,
        is_done: *is_done,
        reservations: u32::from(reserved.is_some()),
        reserved: *reserved,
    });
    queued.collect()
}

fn next(line: &str, leads: &[Lead<'_>]) -> String {
    let session = session("s", SessionState::Active, 5);
    let queue = queue(leads);
    match next_lead(&session, queue.into_iter(), &text(line), SPANS, NOW) {
        Ok(Decision::Stands(Some(next))) => format!("keeps {} at {}", next.lead_id, next.index),
        Ok(Decision::Stands(None)) => "nothing".to_owned(),
        Ok(decision) => told(&decision),
        Err(rejected) => rejected.to_string(),
    }
}

#[test]
fn given_a_queue_when_a_line_asks_then_the_first_lead_that_is_neither_done_nor_another_lines() {
    let live = Instant(NOW.0 + 1);
    assert_eq!(next("1", &[("A", true, None), ("B", false, None)]), "session/s/reserve/B/0");
    let reserved = [("A", false, Some(("2", live))), ("B", false, None)];
    assert_eq!(next("1", &reserved), "session/s/reserve/B/0");
    assert_eq!(next("2", &reserved), "keeps A at 0");
    assert_eq!(next("1", &[("A", false, Some(("2", live)))]), "nothing");
    assert_eq!(next("2", &[("A", true, Some(("2", live)))]), "nothing", "attempted: the line is free again");
    assert_eq!(next("1", &[]), "nothing");
}

#[test]
fn given_a_reservation_when_it_is_over_then_the_lead_comes_back_before_later_ones() {
    let over = [("A", false, Some(("2", NOW))), ("B", false, None)];
    assert_eq!(next("1", &over), "session/s/reserve/A/1");
    assert_eq!(next("2", &over), "session/s/reserve/A/1", "its own is over as well");
    let holds_a_later_one = [("A", false, None), ("B", false, Some(("1", Instant(NOW.0 + 1))))];
    assert_eq!(next("1", &holds_a_later_one), "keeps B at 1");
}

#[test]
fn given_a_free_lead_when_reserved_then_for_the_tenants_time() {
    let session = session("s", SessionState::Active, 5);
    let decided = next_lead(&session, queue(&[("A", false, None)]).into_iter(), &text("1"), SPANS, NOW);
    let Ok(Decision::Append(record)) = decided else { panic!("{decided:?}") };
    let Fact::Session(SessionFact::Reserved(body)) = record.fact else { panic!("{:?}", record.fact) };
    assert_eq!((body.until, body.line), (Instant(NOW.0 + 120_000_000), text("1")));
}

#[test]
fn given_a_session_that_is_not_active_when_a_line_asks_then_refused() {
    let at = |state, idle| {
        let session = session("s", state, idle);
        next_lead(&session, std::iter::empty(), &text("1"), SPANS, NOW)
    };
    assert_eq!(at(SessionState::Ended, 5), Err(SessionRejection::Ended));
    assert_eq!(at(SessionState::TimedOut, 5), Err(SessionRejection::TimedOut));
    assert_eq!(at(SessionState::Active, 1_800).as_ref().map(told), Ok("first session/s/timeout/17".into()));
}
